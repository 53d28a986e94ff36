"""A picture of the learner's own in the FilterExplorer: chosen, dropped, from the camera; held against torch."""

import base64
import io

import numpy as np
import pytest
from pages import read
from PIL import Image
from test_explorer_filter import SEEN, a_picture, hold

from helpers.explorers import FilterExplorer
from helpers.explorers.pictures import grey_picture

HOME = "http://localhost/"  # where a browser offers its camera
MESSAGE = ".cs-panel-input .cs-message"


def smooth(height, width, channels=3):
    """A colour picture without noise, so that every way to scale it down gives nearly the same."""
    rows, columns, places = (axis.astype(np.float32) for axis in np.ogrid[:height, :width, :channels])
    waves = np.sin(rows / height * 5 + places) + np.cos(columns / width * 7 - places)
    return np.rint((waves + 2) * 63.75).astype(np.uint8)


def file(image, name="photo.png", **options):
    """A picture as a learner's file."""
    buffer = io.BytesIO()
    Image.fromarray(image).save(buffer, "JPEG" if name.endswith("jpg") else "PNG", **options)
    return {"name": name, "mimeType": f"image/{'jpeg' if name.endswith('jpg') else 'png'}", "buffer": buffer.getvalue()}


def choose(page, chosen):
    page.locator("input[type=file]").set_input_files(chosen)


def pixels(page):
    return np.array(page.evaluate("() => view.get('pixels')"))


def shows_what_torch_computes(page, explorer):
    """The page's pixels are the explorer's from now on; everything that is drawn is what torch makes of them."""
    explorer.view.pixels = page.evaluate("() => view.get('pixels')")
    hold(read(page, [explorer.settings], SEEN)[0], explorer)
    assert page.problems == []


def wait_for_another(page, size):
    page.wait_for_function("(size) => view.get('pixels').length === size", arg=size)


NOISE = np.random.default_rng(0).integers(0, 256, (128, 128, 3), dtype=np.uint8)
TURNED = Image.Exif()
TURNED[0x0112] = 6  # a quarter turn


@pytest.mark.parametrize(
    ("made", "name", "options", "close"),  # made when it is needed: a large one takes as long as collecting the tests
    [
        (lambda: NOISE, "noise.png", {}, 1),
        (lambda: smooth(300, 200, 4), "transparent.png", {}, 2),
        (lambda: smooth(2300, 2048), "large.png", {"compress_level": 1}, 2),
        (lambda: smooth(640, 320), "turned.jpg", {"exif": TURNED}, 4),
        (lambda: NOISE[:10, :14], "small.png", {}, 0),
        (lambda: a_picture(5, 1), "thin.png", {}, 0),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_a_chosen_picture_is_cut_square_and_made_grey_as_python_does_it_and_filtered_as_torch_does(
    stand, made, name, options, close
):
    image = made()
    explorer = FilterExplorer(a_picture(3, 4), padding=2)
    page = stand(explorer)
    choose(page, file(image, name, **options))
    shorter = min(image.shape[:2])
    wait_for_another(page, min(64, shorter))
    upright = np.rot90(image, -1) if options.get("exif") else image
    top, left = ((size - shorter) // 2 for size in upright.shape[:2])
    square = Image.fromarray(upright[top : top + shorter, left : left + shorter].copy())
    assert np.abs(pixels(page) - grey_picture(square)).max() <= close
    shows_what_torch_computes(page, explorer)


UNREAD = "This browser cannot read “{}” as a picture. Save it as PNG or JPEG."
REFUSED = {
    "notes.txt": ("text/plain", b"hello", "“{}” is not a picture. Choose a PNG or JPEG file."),
    "empty.png": ("image/png", b"", UNREAD),
    "some.heic": ("", b"ftypheic", UNREAD),
    "cut.png": ("image/png", file(NOISE)["buffer"][:9999], UNREAD),
    "cut.jpg": ("image/jpeg", file(NOISE, "a.jpg")["buffer"][:-99], UNREAD),
}


@pytest.mark.parametrize("name", REFUSED)
def test_a_file_that_is_no_picture_is_refused_and_the_picture_is_as_it_was(stand, name):
    kind, content, sentence = REFUSED[name]
    explorer = FilterExplorer(a_picture(6, 7))
    page = stand(explorer)
    before = pixels(page)
    choose(page, {"name": name, "mimeType": kind, "buffer": content})
    page.wait_for_function("(selector) => document.querySelector(selector).textContent", arg=MESSAGE)
    assert page.locator(MESSAGE).text_content() == sentence.format(name)
    assert np.array_equal(pixels(page), before)
    assert page.get_by_role("button", name="Back", exact=True).is_hidden()
    shows_what_torch_computes(page, explorer)
    choose(page, file(NOISE))
    wait_for_another(page, 64)
    assert page.locator(MESSAGE).text_content() == ""


BOXES = """() => JSON.stringify([...document.querySelectorAll(".cs-explorer :not(.cs-message)")].map((part) => {
  const { x, y, width, height } = part.getBoundingClientRect();
  return [part.className, x, y, width, height];
}))"""
# Whether each control can be pressed in its middle: nothing lies over it.
COVERED = """() => [...document.querySelectorAll("button, input:not([type=file])")].filter((part) => {
  const { x, y, width, height } = part.getBoundingClientRect();
  const isSeen = width && y + height < innerHeight;
  return isSeen && document.elementFromPoint(x + width / 2, y + height / 2)?.closest("button, input") !== part;
}).map((part) => part.textContent || part.ariaLabel)"""


@pytest.mark.parametrize("column", [374, 680, 1100])
@pytest.mark.parametrize("side", [32, 4])
def test_a_refusal_moves_nothing_hides_no_control_is_all_seen_and_goes_by_a_click(stand, column, side):
    page = stand(FilterExplorer(None if side == 32 else a_picture(4, 4)), {"width": column + 32, "height": 1000})
    before = page.evaluate(BOXES)
    for name in ("notes.txt", f"{'the name of my holiday picture ' * 3}.txt", f"{'IMG_2026' * 12}.txt"):
        choose(page, {"name": name, "mimeType": "text/plain", "buffer": b"hello"})
        page.wait_for_function(
            "([place, name]) => document.querySelector(place).textContent.includes(name)", arg=[MESSAGE, name]
        )
        assert page.evaluate(BOXES) == before
        assert page.evaluate(COVERED) == []
        box = page.locator(MESSAGE).bounding_box()
        assert box["x"] >= 16
        assert box["x"] + box["width"] <= 16 + column
        assert box["y"] >= 0
        assert page.evaluate("() => document.documentElement.scrollWidth") <= column + 32
        if side == 32 or name == "notes.txt":
            inside = page.locator(MESSAGE).evaluate(
                "(e) => [e.scrollHeight - e.clientHeight, e.scrollWidth - e.clientWidth]"
            )
            assert inside == [0, 0]
    page.locator(MESSAGE).click()
    page.mouse.move(2, 2)
    assert page.locator(MESSAGE).text_content() == ""
    assert page.evaluate(BOXES) == before


def test_too_large_a_file_or_a_picture_is_refused_before_it_is_read(stand, tmp_path):
    page = stand(FilterExplorer(a_picture(6, 7)))
    before = pixels(page)
    Image.new("1", (8000, 7000)).save(tmp_path / "wide.png")
    with (tmp_path / "long.png").open("wb") as large:
        large.truncate(60_500_001)
    for name, size, most in [("wide", "8000 × 7000 pixels", "50 million"), ("long", "61 MB", "50 MB")]:
        choose(page, tmp_path / f"{name}.png")
        sentence = f"“{name}.png” is too large: {size}. The most is {most}."
        page.wait_for_function(
            "([place, text]) => document.querySelector(place).textContent === text", arg=[MESSAGE, sentence]
        )
        assert np.array_equal(pixels(page), before)
    assert page.problems == []


DROP = """(files) => {
  const target = document.querySelector(".cs-panel-input canvas");
  for (const file of files) {
    const dataTransfer = new DataTransfer();
    const { name, mimeType, base64 } = file;
    const bytes = Uint8Array.from(atob(base64), (character) => character.charCodeAt(0));
    if (name) dataTransfer.items.add(new File([bytes], name, { type: mimeType }));
    else dataTransfer.setData("text/plain", "words");
    const event = (type) => new DragEvent(type, { dataTransfer, bubbles: true, cancelable: true });
    const isWanted = !target.dispatchEvent(event("dragover"));
    if (!isWanted || !document.querySelector(".cs-over")) throw new Error("it says that nothing can be dropped");
    target.dispatchEvent(event("drop"));
    if (document.querySelector(".cs-over")) throw new Error("it still says that something can be dropped");
  }
}"""


def drop(page, *files):
    page.evaluate(DROP, [f and {**f, "base64": base64.b64encode(f.pop("buffer")).decode()} for f in map(dict, files)])


def test_a_picture_is_dropped_and_the_last_one_stays_and_back_brings_the_first(stand):
    explorer = FilterExplorer(a_picture(6, 7))
    page = stand(explorer)
    first = pixels(page)
    drop(page, file(smooth(1024, 1024)), file(NOISE[:9, :9]))  # the first takes longer to read
    wait_for_another(page, 9)
    page.wait_for_timeout(300)
    assert np.abs(pixels(page) - grey_picture(Image.fromarray(NOISE[:9, :9]))).max() <= 1
    shows_what_torch_computes(page, explorer)
    drop(page, {"name": "", "buffer": b""})
    assert page.locator(MESSAGE).text_content() == "What was dropped is no file. Choose a PNG or JPEG file."
    back = page.get_by_role("button", name="Back", exact=True)
    back.click()
    assert np.array_equal(pixels(page), first)
    assert back.is_hidden()
    shows_what_torch_computes(page, explorer)


def test_another_picture_from_python_is_the_one_that_counts(stand):
    page = stand(FilterExplorer())
    choose(page, file(NOISE))
    back = page.get_by_role("button", name="Back", exact=True)
    back.wait_for()
    page.evaluate("(pixels) => view.set('pixels', pixels)", a_picture(5, 5).tolist())
    assert back.is_hidden()


def test_a_picture_of_ones_own_begins_on_an_edge_of_its_own_and_not_of_its_padding(stand):
    explorer = FilterExplorer(padding=3)
    page = stand(explorer)
    bright = np.full((64, 64), 250, np.uint8)
    bright[20:30, 40:] = 150
    choose(page, file(bright))
    wait_for_another(page, 64)
    shows_what_torch_computes(page, explorer)
    assert page.locator(".cs-sum").text_content().startswith("output[23, 41] = ")


# The camera.

CAMERA = """([reason, late]) => {
  const canvas = document.createElement("canvas");
  Object.assign(canvas, { width: 160, height: 128 });
  const context = canvas.getContext("2d");
  const paint = () => {
    for (let step = 0; step < 8; step++) {
      context.fillStyle = `rgb(${step * 30} ${step * 30} ${step * 30})`;
      context.fillRect(0, step * 16, 160, 16);
    }
  };
  setInterval(paint, 20);
  window.streams = [];
  navigator.mediaDevices.getUserMedia = async () => {
    if (late) await new Promise((resolve) => (window.goOn = resolve));
    if (reason) throw new DOMException("It is in use", reason);
    window.streams.push(canvas.captureStream(30));
    return window.streams.at(-1);
  };
}"""
LIVE = """() => {
  const tracks = window.streams.flatMap((stream) => stream.getTracks());
  return tracks.filter(({ readyState }) => readyState === "live").length;
}"""


@pytest.fixture
def filming(stand):
    """`filming(reason, late)` → an explorer and its page, with a camera that is refused for this reason, if any."""

    def show(reason="", late=False):
        explorer = FilterExplorer(a_picture(6, 7))
        page = stand(explorer, address=HOME)
        page.evaluate(CAMERA, [reason, late])
        return explorer, page

    return show


def press(page, name):
    page.get_by_role("button", name=name, exact=True).click()


def test_one_picture_is_taken_where_the_camera_is_seen_live_and_then_the_camera_is_off(filming):
    explorer, page = filming()
    page.get_by_role("button", name="Camera", exact=True).press("Enter")  # no pointer comes to lie on the picture
    page.get_by_role("button", name="Take it").wait_for()
    video, picture = (page.locator(f".cs-panel-input {part}").bounding_box() for part in ("video", ".cs-pixels"))
    assert video == picture
    assert page.evaluate(LIVE) == 1
    assert page.evaluate("() => document.activeElement.textContent") == "Take it"
    page.keyboard.press("Enter")
    wait_for_another(page, 64)
    assert page.evaluate(LIVE) == 0
    assert page.locator("video").is_hidden()
    assert page.evaluate("() => document.activeElement.textContent") == "Camera"
    steps = np.repeat(np.arange(8) * 30, 8)[:, None]
    assert np.abs(pixels(page) - steps).max() <= 4  # a video's colours are not exact
    shows_what_torch_computes(page, explorer)


@pytest.mark.parametrize(
    ("reason", "sentence"),
    [
        ("NotAllowedError", "The camera is blocked: allow it for this page in the browser, or choose a file."),
        ("NotFoundError", "There is no camera. Choose a file."),
        ("NotReadableError", "The camera cannot be used: It is in use."),
    ],
)
def test_a_camera_that_is_refused_missing_or_in_use_is_told_and_the_picture_is_as_it_was(filming, reason, sentence):
    explorer, page = filming(reason)
    before = pixels(page)
    press(page, "Camera")
    page.wait_for_function("(selector) => document.querySelector(selector).textContent", arg=MESSAGE)
    assert page.locator(MESSAGE).text_content() == sentence
    assert page.evaluate("() => document.activeElement.textContent") == "Camera"
    assert np.array_equal(pixels(page), before)
    shows_what_torch_computes(page, explorer)


@pytest.mark.parametrize("end", ["stop", "file", "unplug", "leave"])
def test_however_it_ends_the_camera_is_off(filming, end):
    _, page = filming()
    before = pixels(page)
    press(page, "Camera")
    page.get_by_role("button", name="Take it").wait_for()
    said = ""
    if end == "stop":
        press(page, "Stop")
    elif end == "file":
        choose(page, file(NOISE))
        wait_for_another(page, 64)
    elif end == "unplug":
        page.evaluate("() => window.streams[0].getTracks()[0].dispatchEvent(new Event('ended'))")
        said = "The camera has stopped."
    else:
        page.evaluate("() => cleanUp()")
    assert page.evaluate(LIVE) == 0
    assert page.locator("video").is_hidden()
    assert page.locator(MESSAGE).text_content() == said
    assert end == "file" or np.array_equal(pixels(page), before)


@pytest.mark.parametrize("end", ["press(page, 'Stop')", "page.evaluate('() => cleanUp()')"])
def test_a_camera_that_is_allowed_too_late_is_turned_off_at_once(filming, end):
    _, page = filming(late=True)
    press(page, "Camera")
    eval(end, {"press": press, "page": page})
    page.evaluate("() => window.goOn()")
    page.wait_for_function("() => window.streams.length")
    page.wait_for_function(f"() => ({LIVE})() === 0")
    assert page.locator("video").is_hidden()


def test_where_the_browser_offers_no_camera_the_page_does_not_either(stand):
    explorer = FilterExplorer()
    assert stand(explorer).get_by_role("button", name="Camera").count() == 0
    assert stand(explorer, address=HOME).get_by_role("button", name="Camera").count() == 1
    assert stand(explorer, address="http://course.test/").get_by_role("button", name="Camera").count() == 0
