"""Reading an explorer's picture as a reader would, by class and text alone, for the tests."""

import functools
import itertools
import json
from contextlib import contextmanager

import torch
from torch import nn

from helpers.data import load_shapes
from helpers.explorers.base import Control, Slider
from helpers.model import SimpleCNN

# Takes each step, then reads what the page shows. SEEN is the explorer's own: what to read.
READ = """(steps) => {
  const visible = (cell) => !cell.closest("[hidden]");
  const rows = (grid) => {
    const lines = [];
    for (const cell of document.querySelectorAll(`[data-grid="${grid}"]`))
      if (visible(cell)) (lines[cell.dataset.row] ??= [])[cell.dataset.column] = cell.value ?? cell.textContent;
    return lines;
  };
  const places = (selector) =>
    [...document.querySelectorAll(selector)]
      .filter(visible)
      .map((cell) => [Number(cell.dataset.row), Number(cell.dataset.column)]);
  const text = (selector) => {
    const found = document.querySelector(selector);
    return found && visible(found) ? found.textContent : null;
  };
  const move = (setting) => Object.entries(setting).forEach(([name, value]) => window.move(name, value));
  const pointAt = ([grid, row, column]) => {
    const cells = document.querySelectorAll(`[data-grid="${grid}"][data-row="${row}"][data-column="${column}"]`);
    [...cells].find(visible).dispatchEvent(new PointerEvent("pointerover", { bubbles: true }));
  };
  const seen = steps.map((step) => (TAKE(step), SEEN));
  return JSON.stringify(seen); // one string crosses far faster than many lists, here and there
}"""

FRAMES = "() => new Promise((drawn) => requestAnimationFrame(() => requestAnimationFrame(drawn)))"


def arguments_of(name, **sizes) -> tuple:
    """What an explorer wants besides its settings: pictures to train on; a model and pictures to look into."""
    if name == "TrainingExplorer":
        return load_shapes(**{"train": 40, "test": 20} | sizes)
    if name == "ModelExplorer":
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(0)
            return SimpleCNN(), load_shapes(train=1, test=8)[1]
    return ()


def read(page, settings, seen, within="document", take="move"):
    """What the page shows at each setting; `seen` is a JavaScript object written with rows(), places() and text().

    `within` is the JavaScript of the element to read, where a page has more than one explorer.
    """
    script = READ.replace("SEEN", seen).replace("TAKE", take)
    in_page = f"(steps) => ((document) => ({script})(JSON.parse(steps)))({within})"
    return json.loads(page.evaluate(in_page, json.dumps(settings)))


def pointed(page, grid, places, seen):
    """What the page shows with the pointer on each of these cells of a grid, (row, column), as `read` reads it.

    The mouse itself goes to the first and the last; the picture is told that it is on each, in a tenth of the time.
    """
    cells = [(grid, *place) for place in places]
    told = read(page, cells, seen, take="pointAt")
    for place in (0, -1):
        cell(page, *cells[place]).hover()
        assert read(page, [{}], seen) == [told[place]]
    return told


def ends(explorer_class, explorer=None):
    """The settings with every control at one of its ends, {name: value}; at most 64 of them, spread over all.

    Where the class does not know how far a slider goes, this explorer does.
    """
    controls = {name: item for name, item in vars(explorer_class).items() if isinstance(item, Control)}
    limits = [
        (control.low, explorer.sliders[name].max if explorer else control.high)
        if isinstance(control, Slider)
        else (options[0], options[-1])
        if (options := getattr(control, "options", None))
        else (False, True)
        for name, control in controls.items()
    ]
    corners = list(itertools.product(*limits))
    step = -(-len(corners) // 64) | 1  # odd, so that no control stays at one end
    return [dict(zip(controls, corner, strict=True)) for corner in corners[::step]]


def sliders_of(explorer_class):
    """{name: Slider} in the order of the class."""
    return {name: item for name, item in vars(explorer_class).items() if isinstance(item, Slider)}


def in_parts(settings, size=280):
    return [settings[start : start + size] for start in range(0, len(settings), size)]


def hold_all(seen, hold, page, explorer, settings):
    """Draw every setting and hold what is seen against torch."""
    for part in in_parts(settings):
        for setting, shown in zip(part, read(page, part, seen), strict=True):
            for name, value in setting.items():
                setattr(explorer, name, value)
            hold(shown, explorer)


def with_own_clock(page):
    """The page, whose time now passes as the test says, with `page.clock`; no other test gets it afterwards."""
    page.clock.install()
    page.clock.pause_at(page.evaluate("() => Date.now() + 1000"))  # else the machine's own time passes, too
    page.has_own_clock = True
    return page


@contextmanager
def held_motion(page):
    """What moves on the page stays at its beginning, however long the test takes to look; then it goes on."""
    devtools = page.context.new_cdp_session(page)
    devtools.send("Animation.enable")
    devtools.send("Animation.setPlaybackRate", {"playbackRate": 0})
    yield
    devtools.send("Animation.setPlaybackRate", {"playbackRate": 1})
    devtools.detach()


@functools.cache
def number(text):
    return float(text.replace("−", "-"))


@functools.cache
def calculated(terms):
    """What terms come to, in the pictures' signs."""
    return eval(terms.replace("·", "*").replace("−", "-"))


def tensor(rows):
    """The rows of one drawn plane, as torch would have them: (1, H, W)."""
    return torch.tensor([[[number(text) for text in row] for row in rows]])


@functools.cache
def written(code):
    """The layer that a line of code makes, as torch writes it."""
    return repr(eval(code, {"nn": nn}))


@functools.cache
def never_read(padded, kernel_size, stride, dilation=1):
    """Places of the padded input without influence on any output: torch's gradient of the sum, all weights one."""
    pixels = torch.zeros(1, 1, padded, padded, requires_grad=True)
    ones = torch.ones(1, 1, kernel_size, kernel_size)
    nn.functional.conv2d(pixels, ones, None, stride, 0, dilation).sum().backward()
    return [tuple(place) for place in (pixels.grad[0, 0] == 0).nonzero().tolist()]


def what_torch_says(layer, pixels):
    """The layer's output and None, or None and its refusal."""
    try:
        return layer(pixels), None
    except RuntimeError as error:
        return None, str(error)


def lit(page, grid):
    """The places, (row, column), of a grid's cells that are lit."""
    cells = page.locator(f'[data-grid="{grid}"].cs-lit:visible').evaluate_all(
        "(cells) => cells.map((cell) => [Number(cell.dataset.row), Number(cell.dataset.column)])"
    )
    return {tuple(place) for place in cells}


def cell(page, grid, row, column):
    return page.locator(f'[data-grid="{grid}"][data-row="{row}"][data-column="{column}"]:visible')


def boxes(parts):
    """Where all elements of a locator are, as `bounding_box` gives it for one."""
    return parts.evaluate_all("(parts) => parts.map((part) => part.getBoundingClientRect().toJSON())")
