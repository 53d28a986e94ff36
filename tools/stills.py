"""A still picture of each explorer, beside its text: for GitHub, nbviewer, and a lesson that has not run yet.

It shows the setting that the cell's text names, on white paper, which is read on a dark page too. Chromium takes it.
"""

import base64
import contextlib
import copy
import functools
import io
from string import Template

from browser import STAND
from PIL import Image
from PIL.PngImagePlugin import PngInfo
from stamp import WIDGET_VIEW

from helpers import colours

PNG = "image/png"
REFERENCE = "IPY_MODEL_"  # how one model names another
WIDTH = 708  # in CSS pixels: a column of 680, with its margins
SCALE = 1.5  # of the picture's pixels to those: sharp enough, in half the bytes
COLOURS = 256  # the most that a byte can tell apart; of the thousands that there are, none is then far from its own
# No button or slider that would do nothing, no code that the cell's text tells already, and nothing of the machine.
PAPER = Template("""
body { margin: 0 }
#here { background: $paper; box-sizing: border-box; padding: 10px 14px 6px; width: ${width}px }
#here::after {
  color: $quiet; content: "A still picture: run the cell to get its sliders."; display: block;
  font: 12px system-ui, sans-serif; padding: 0 2px;
}
.cs-toolbar, .cs-scrub, .cs-epoch input, .cs-code, .cs-thumbnails, .cs-photograph, .cs-explorer summary,
.cs-note:has(.cs-device) { display: none !important }
.cs-epoch label { flex: none !important }
""").substitute(paper=colours.PAPER, quiet=colours.QUIET, width=WIDTH)


def explorers_of(cell, models: dict) -> list:
    """[(output, its view)] of each explorer that a cell shows; `models` are the widgets' states as they are now.

    A view is what `mount` of browser.STAND wants, and a copy: later cells may move the sliders.
    """
    found = []
    for output in cell.get("outputs", []):
        shown = output.get("data", {}).get(WIDGET_VIEW)
        if shown and (view := _view(models, shown["model_id"])):
            found.append((output, view))
    return found


def whole(models: dict, buffers: dict) -> dict:
    """The widgets' states with the bytes that came beside them, {model id: {path: buffer}}, in their places."""
    models = copy.deepcopy(models)
    for name, own in buffers.items():
        for path, buffer in own.items():
            *way, last = path
            with contextlib.suppress(LookupError, TypeError):  # one of an earlier state, whose place is gone
                functools.reduce(lambda held, key: held[key], way, models[name])[last] = {"base64": buffer["data"]}
    return models


def _view(models, name):
    """The view among a widget's children, or None."""
    model = models.get(name, {})
    if "sliders" in model:
        sliders = {key: _alone(models[ref.removeprefix(REFERENCE)]) for key, ref in model["sliders"].items()}
        return {"esm": model["_esm"], "css": model["_css"], "state": _alone(model), "sliders": sliders}
    found = (_view(models, child.removeprefix(REFERENCE)) for child in model.get("children", []))
    return next(filter(None, found), None)


def _alone(model):
    """A copy of a model's state, without its layout and style, which are models of their own."""
    return {name: value for name, value in model.items() if not str(value).startswith(REFERENCE)}


def stills_of(notebook) -> list:
    """[(text, base64 of the PNG)] of the explorers' pictures that a notebook has."""
    outputs = [output.get("data", {}) for cell in notebook.cells for output in cell.get("outputs", [])]
    return [(data["text/plain"], data[PNG]) for data in outputs if PNG in data and shows(data[PNG])]


def put(found, earlier, browser):
    """Give each output of `found` its picture, an earlier one where nothing has changed that can be seen.

    Without a browser it is the earlier one with the same text, if there is one.
    """
    for output, view in found:
        text = output["data"]["text/plain"]
        known = [still for words, still in earlier if words == text]
        if browser:
            taken = _explorer(browser, view)
            same = [still for still in known if _pixels(still) == _pixels(taken)]
            known = same or [written(taken, text)]
        if known:
            output["data"][PNG] = known[0]
            output["metadata"] = {PNG: {"alt": text, "width": WIDTH}}


def shows(still: str) -> str:
    """The text of the setting that a picture shows; "" for any other PNG."""
    return _opened(still).text.get("Description", "")


def _explorer(browser, view):
    def mount(page):
        page.add_style_tag(content=PAPER)
        page.evaluate("async (view) => await window.mount(view)", view)

    return photograph(browser, STAND, "#here", SCALE, mount)


def photograph(browser, html, place, scale=1, prepare=lambda page: None) -> Image.Image:
    """What stands at `place` in a page, as a picture with few colours; `prepare` is called before it is taken."""
    options = {"device_scale_factor": scale, "reduced_motion": "reduce", "color_scheme": "light"}
    page = browser.new_page(viewport={"width": WIDTH, "height": 800}, **options)
    page.set_content(html)
    prepare(page)
    shot = page.locator(place).screenshot(animations="disabled")
    page.close()
    picture = Image.open(io.BytesIO(shot)).convert("RGB")
    return picture.quantize(COLOURS, Image.Quantize.MAXCOVERAGE, kmeans=1, dither=Image.Dither.NONE)


def written(image, text) -> str:
    """The picture as a PNG that says what it shows, in base64."""
    about, buffer = PngInfo(), io.BytesIO()
    about.add_itxt("Description", text)
    image.save(buffer, "PNG", optimize=True, pnginfo=about)
    return base64.b64encode(buffer.getvalue()).decode()


def _opened(still):
    image = Image.open(io.BytesIO(base64.b64decode(still)))
    image.load()
    return image


def _pixels(still):
    image = _opened(still) if isinstance(still, str) else still
    return image.size, image.convert("RGB").tobytes()
