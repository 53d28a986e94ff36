"""FilterExplorer: the pictures it takes, and what its canvases and sums show, held against torch."""

import itertools
import json
import re
import struct
import zlib

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from hypothesis import Phase, given, settings
from hypothesis import strategies as st
from pages import number, read, sliders_of, tensor, what_torch_says, with_own_clock
from PIL import Image
from torch import nn

from helpers.colours import COLOURS
from helpers.data import load_shapes
from helpers.explorers import FilterExplorer
from helpers.explorers.filter import PRESETS

FILTER = sliders_of(FilterExplorer)
SETTINGS = [
    dict(zip(FILTER, values, strict=True))
    for values in itertools.product(*(range(slider.low, slider.high + 1) for slider in FILTER.values()))
]
PINK, PADDING = (np.array([*bytes.fromhex(COLOURS[name][1:])]) for name in ("negative", "padding"))

SEEN = """(() => {
  const painted = (name) => {
    const canvas = document.querySelector(`.cs-panel-${name} canvas`);
    if (!visible(canvas)) return null;
    const [all, seen] = [canvas, canvas.parentElement].map((element) => element.getBoundingClientRect());
    const scale = [all.width / canvas.width, all.height / canvas.height];
    const [width, height] = [seen.width / scale[0], seen.height / scale[1]].map(Math.round);
    const data = [...canvas.getContext("2d").getImageData(0, 0, width, height).data];
    return { width, height, data, scale };
  };
  const texts = (selector) => [...document.querySelectorAll(selector)].filter(visible).map((e) => e.textContent);
  return {
    input: painted("input"),
    output: painted("output"),
    kernel: rows("kernel"),
    patch: rows("patch"),
    code: text(".cs-code code"),
    numbers: texts(".cs-numbers"),
    sum: text(".cs-sum"),
    range: text(".cs-range"),
    problem: text(".cs-problem"),
    remedy: text(".cs-remedy"),
    torch: text(".cs-torch"),
    titles: [text(".cs-panel-input .cs-title"), text(".cs-panel-output .cs-title")],
  };
})()"""


def pixels_of(canvas):
    return np.array(canvas["data"], dtype=np.uint8).reshape(canvas["height"], canvas["width"], 4)


def colours(output):
    """What the legend says: 0 to 255 as grey, above as white, below as pink, full from −255 on."""
    strength = np.minimum(np.abs(output), 255)[..., None]
    return np.floor(np.where(output[..., None] < 0, PINK * strength / 255, strength) + 0.5)


def never_read(layer, shape):
    """Cells of the padded input without influence on any output: torch's gradient of the sum, all weights one."""
    pixels = torch.zeros(1, 1, *shape, requires_grad=True)
    nn.functional.conv2d(pixels, torch.ones_like(layer.weight), None, layer.stride).sum().backward()
    return (pixels.grad[0, 0] == 0).numpy()


def hold(seen, explorer, exact=True):
    """Everything read equals torch for the explorer's picture, kernel and setting; to a rounding, if not `exact`."""
    layer, image = explorer.layer(), explorer.input()
    expected, refusal = what_torch_says(layer, image)
    assert repr(eval(seen["code"].split("#")[0], {"nn": nn})) == repr(layer)
    assert torch.equal(tensor(seen["kernel"]), layer.weight.detach()[0])
    height, width = image.shape[1:]
    padding = explorer.padding
    padded = nn.functional.pad(image, (padding,) * 4)[0].numpy()
    inside = nn.functional.pad(torch.ones_like(image), (padding,) * 4)[0].numpy() > 0
    drawn = pixels_of(seen["input"])
    spoken = f", padded {padded.shape[0]} × {padded.shape[1]}" if padding else ""
    assert seen["titles"][0] == f"input {height} × {width}{spoken}"
    assert len(seen["numbers"]) == (1 if height == width else 2)
    shape = f"# (1, {height}, {width}) → "
    if refusal:
        assert (drawn[..., :3] == np.where(inside[..., None], padded[..., None], PADDING)).all()
        assert seen["output"] is seen["sum"] is seen["range"] is None
        assert seen["torch"] == f"PyTorch says: RuntimeError: {refusal}"
        assert seen["titles"][1] == "no output"
        assert seen["numbers"][0].endswith("✗") or seen["numbers"][-1].endswith("✗")
        assert seen["code"].endswith(shape + "RuntimeError")
        hold_remedy(seen, explorer)
        return
    output = expected.detach()[0].numpy().astype(np.float64)
    tolerance = tolerance_of(output, exact)
    assert seen["problem"] is None
    faded = never_read(layer, padded.shape)
    assert (drawn[..., 3] == np.where(faded, 115, 255)).all()
    wanted = np.where(inside[..., None], padded[..., None], PADDING)
    assert (np.abs(drawn[..., :3] - wanted) <= np.where(faded, 2, 0)[..., None]).all()  # faded: alpha rounds
    assert np.abs(pixels_of(seen["output"])[..., :3] - colours(output)).max() <= (0 if exact else 1)
    assert seen["input"]["scale"] == pytest.approx(seen["output"]["scale"])
    assert seen["input"]["scale"][0] == pytest.approx(round(seen["input"]["scale"][0]))
    assert seen["titles"][1] == f"output {output.shape[0]} × {output.shape[1]}"
    for numbers, size in zip(seen["numbers"], output.shape, strict=False):
        assert numbers.endswith(f"⌋ + 1 = {size}")
    assert seen["code"].endswith(f"{shape}{(1, *output.shape)}")
    limits = [number(text) for text in re.findall(r"[−\d.]+", seen["range"])]
    assert limits == pytest.approx([output.min(), output.max()], abs=tolerance)
    hold_sum(seen["sum"], output, tolerance)
    row, column = place_of(seen["sum"])
    top, left, kernel_size = row * explorer.stride, column * explorer.stride, len(explorer.weight)
    window = padded[top : top + kernel_size, left : left + kernel_size]
    assert torch.equal(tensor(seen["patch"]), torch.tensor(window)[None])


def place_of(text):
    return tuple(map(int, re.match(r"output\[(\d+), (\d+)\] = ", text).groups()))


def tolerance_of(output, exact):
    """Of torch's float32, which loses a few of its last digits, against the page's whole ten-thousandths."""
    return 0 if exact else 1e-3 + 1e-6 * np.abs(output).max()


def hold_sum(text, output, tolerance=0):
    """`output[10, 12] = 120·1 + … = 37`: true by itself, and torch's number."""
    _, terms, total = text.split(" = ")
    by_hand = eval(terms.replace("·", "*").replace("−", "-"))
    assert number(total) == pytest.approx(by_hand, abs=1e-9)
    assert abs(number(total) - output[place_of(text)]) <= tolerance


def hold_remedy(seen, explorer):
    """Each change offered works in torch, and the next smaller one does not."""
    offered = seen["remedy"].removeprefix("Smallest change that works: ").split(" · or ")
    kernel_size, size = len(explorer.weight), explorer.input().shape[1:]

    def fits(kernel_size, padding):
        return what_torch_says(nn.Conv2d(1, 1, kernel_size, padding=padding), explorer.input())[1] is None

    padding = int(re.fullmatch(r"padding (\d)", offered[0])[1])
    smaller = int(re.fullmatch(r"or a kernel of (\d) × \1|a kernel of (\d) × \2", offered[1])[2])
    assert fits(kernel_size, padding), size
    assert not fits(kernel_size, padding - 1)
    assert padding <= FILTER["padding"].high
    assert fits(smaller, explorer.padding)
    assert not fits(smaller + 1, explorer.padding)
    assert len(offered) == 2


def draw(page, explorer):
    """Give the page the explorer's picture, kernel and sliders; what it then shows."""
    page.evaluate(
        "([pixels, weight]) => { view.set('pixels', pixels); view.set('weight', weight); }",
        [explorer.view.pixels, explorer.view.weight],
    )
    return read(page, [explorer.settings], SEEN)[0]


# Moves the pointer over pixels of a picture, "input" or "output", or over fields, "weight"; sees the page each time.
POINT = """(pointed, see) => pointed.map(([name, [row, column]]) => {
  if (name === "weight") {
    const field = document.querySelector(`[data-grid="kernel"][data-row="${row}"][data-column="${column}"]`);
    field.dispatchEvent(new PointerEvent("pointerover", { bubbles: true }));
    return see();
  }
  const canvas = document.querySelector(`.cs-panel-${name} canvas`);
  const box = canvas.getBoundingClientRect();
  const clientX = box.left + ((column + 0.5) * box.width) / canvas.width;
  const clientY = box.top + ((row + 0.5) * box.height) / canvas.height;
  canvas.dispatchEvent(new PointerEvent("pointermove", { bubbles: true, clientX, clientY }));
  return see();
})"""

# The sum, the note, and what the first boxes lie on.
MARKED = """(() => {
  const laid = (panel) => (LAID)(document.querySelector(`.cs-panel-${panel} .cs-mark`));
  return [text(".cs-sum"), text(".cs-note"), laid("input"), laid("output")];
})()"""

# [top, left, rows, columns] of a picture on which a box lies, null where it is not shown.
LAID = """(box) => {
  const whole = box.parentElement.querySelector("canvas");
  const scale = parseFloat(whole.style.width) / whole.width;
  return box.hidden ? null : ["top", "left", "height", "width"].map((side) => parseFloat(box.style[side]) / scale);
}"""


def point(page, pointed, seen=MARKED):
    """What is seen while the pointer is on each of these, [(name, (row, column)), …], one after another."""
    return read(page, [{}], f"({POINT})({json.dumps([*pointed])}, () => ({seen}))".replace("LAID", LAID))[0]


# Clicks a pixel of a picture.
CHOOSE = """([name, [row, column]]) => {
  const canvas = document.querySelector(`.cs-panel-${name} canvas`);
  const box = canvas.getBoundingClientRect();
  const clientX = box.left + ((column + 0.5) * box.width) / canvas.width;
  const clientY = box.top + ((row + 0.5) * box.height) / canvas.height;
  canvas.dispatchEvent(new PointerEvent("click", { bubbles: true, clientX, clientY }));
}"""


def covered(box):
    """The rows and columns that [top, left, height, width] lies on, as a set of places."""
    top, left, rows, columns = map(int, box or (0, 0, 0, 0))
    return set(itertools.product(range(top, top + rows), range(left, left + columns)))


def places_of(shape):
    return [[row, column] for row in range(shape[0]) for column in range(shape[1])]


def a_picture(height, width, seed=0):
    return np.random.default_rng(seed).integers(0, 256, (height, width), dtype=np.uint8)


def test_every_slider_setting_draws_what_torch_computes(stand):
    page = stand(FilterExplorer())
    pictures = {kernel_size: a_picture(17, 22) for kernel_size in range(1, 6)} | {3: None, 5: a_picture(64, 64)}
    for kernel_size, image in pictures.items():
        weight = np.random.default_rng(kernel_size).integers(-48, 49, (kernel_size, kernel_size)) / 16
        explorer = FilterExplorer(image, weight)
        hold(draw(page, explorer), explorer)
        for setting, seen in zip(SETTINGS, read(page, SETTINGS, SEEN), strict=True):
            explorer.stride, explorer.padding = setting["stride"], setting["padding"]
            hold(seen, explorer)
    assert page.problems == []


sixteenths = st.integers(-144, 144).map(lambda count: count / 16)
decimals = st.floats(-9, 9)


@st.composite
def explorers(draw, weights):
    side = st.integers(1, 9)
    image = a_picture(draw(side), draw(side), draw(st.integers(0, 99)))
    size = draw(st.integers(1, 5))
    row = st.lists(weights, min_size=size, max_size=size)
    weight = draw(st.lists(row, min_size=size, max_size=size))
    return FilterExplorer(image, weight, stride=draw(st.integers(1, 4)), padding=draw(st.integers(0, 3)))


@pytest.mark.parametrize(("weights", "exact"), [(sixteenths, True), (decimals, False)])
def test_any_small_picture_and_kernel_draw_and_write_out_what_torch_computes(stand, weights, exact):
    page = stand(FilterExplorer())

    # Not shrunk: that would take minutes, and the pictures are small as they are.
    @settings(max_examples=20, deadline=None, derandomize=True, database=None, phases=[Phase.generate])
    @given(explorers(weights))
    def check(explorer):
        seen = draw(page, explorer)
        hold(seen, explorer, exact)
        if seen["sum"]:
            output = explorer.output()[0].numpy().astype(np.float64)
            places = places_of(output.shape)
            sums = point(page, itertools.product(["output"], places), "text('.cs-sum')")
            assert [place_of(text) for text in sums] == [tuple(place) for place in places]
            for text in sums:
                hold_sum(text, output, tolerance_of(output, exact))

    check()
    assert page.problems == []


PRESSED = "(all) => all.filter((button) => button.ariaPressed === 'true').map((button) => button.textContent)"
THUMBNAILS = """() => JSON.stringify([...document.querySelectorAll(".cs-thumbnail")].map((button) => {
  const canvas = button.querySelector("canvas");
  const [all, seen] = [canvas, canvas.parentElement].map((element) => element.getBoundingClientRect());
  const [width, height] = [seen.width, seen.height].map((side) => Math.round((side * canvas.width) / all.width));
  return { width, height, data: [...canvas.getContext("2d").getImageData(0, 0, width, height).data] };
}))"""


def test_every_preset_is_a_button_with_its_name_and_draws_what_torch_computes(stand):
    explorer = FilterExplorer()
    page = stand(explorer)
    pressed = lambda: page.get_by_role("group", name="Preset weights").locator("button").evaluate_all(PRESSED)  # noqa: E731
    assert pressed() == ["vertical edges"]
    for preset, weight in explorer.view.presets.items():
        explorer.weight = weight
        page.get_by_role("button", name=preset, exact=True).click()
        assert page.evaluate("() => view.get('weight')") == explorer.weight
        assert pressed() == [preset]
        hold(read(page, [{}], SEEN)[0], explorer)
    explorer.weight = [[0.1]]
    hold(draw(page, explorer), explorer, exact=False)
    assert pressed() == []


def test_presets_show_what_each_makes_of_the_picture_and_are_painted_again_only_for_another_one(stand):
    page = stand(FilterExplorer())
    page.evaluate("""() => {
      const { putImageData } = CanvasRenderingContext2D.prototype;
      window.painted = 0;
      CanvasRenderingContext2D.prototype.putImageData = function (...given) {
        window.painted += this.canvas.closest(".cs-thumbnail") ? 1 : 0;
        return putImageData.apply(this, given);
      };
    }""")
    for count, image in enumerate([a_picture(64, 40), a_picture(9, 20), [[7]]], 1):
        explorer = FilterExplorer(image)
        draw(page, explorer)
        page.get_by_role("button", name="blur", exact=True).click()
        read(page, [{"padding": 3}, {"stride": 2}, {"padding": 1, "stride": 1}], SEEN)
        shown = json.loads(page.evaluate(THUMBNAILS))
        for thumbnail, weight in zip(shown, explorer.view.presets.values(), strict=True):
            explorer.weight = weight
            output = explorer.output()[0].numpy().astype(np.float64)
            assert np.array_equal(pixels_of(thumbnail)[..., :3], colours(output))
        assert page.evaluate("() => window.painted") == 6 * count


def test_a_weight_typed_with_decimals_changes_the_picture_and_the_shared_state(stand):
    explorer = FilterExplorer()
    page = stand(explorer)
    field = page.get_by_label("weight, row 1, column 2")
    field.fill("-0.0625")
    field.press("Enter")
    explorer.weight = [[1, 0, -1], [2, 0, -0.0625], [1, 0, -1]]
    assert page.evaluate("() => view.get('weight')") == explorer.weight
    hold(read(page, [{}], SEEN)[0], explorer)


@pytest.mark.parametrize("typed", ["", "x", "10", "-9.5", "1e0", "0.00001", "."])
def test_a_weight_that_is_no_such_number_is_refused_with_a_sentence(stand, typed):
    page = stand(FilterExplorer())
    field = page.get_by_label("weight, row 0, column 0")
    field.fill(typed)
    field.press("Enter")
    assert page.locator(".cs-kernel .cs-message").text_content() == (
        f"A weight is a number of at most four decimals from −9 to 9; “{typed}” is not."
    )
    assert field.input_value() == "1"


def test_a_weight_is_scrubbed_by_whole_steps_and_the_picture_follows(stand):
    explorer = FilterExplorer(weight=[[1, 0, -1], [2, 0.5, -2], [1, 0, -1]])
    page = stand(explorer)
    field = page.get_by_label("weight, row 1, column 1")
    box = field.bounding_box()
    x, y = box["x"] + box["width"] / 2, box["y"] + box["height"] / 2
    page.mouse.move(x, y)
    page.mouse.down()
    for right, weight in [(14, 1.5), (27, 2.5), (-35, -2.5), (500, 8.5)]:
        page.mouse.move(x + right, y + 3)
        explorer.weight = [[1, 0, -1], [2, weight, -2], [1, 0, -1]]
        assert page.evaluate("() => view.get('weight')") == explorer.weight
        shown = pixels_of(read(page, [{}], SEEN)[0]["output"])
        assert (shown[..., :3] == colours(explorer.output()[0].numpy().astype(np.float64))).all()
    assert (
        page.locator(".cs-kernel .cs-message").text_content()
        == "A weight is a number of at most four decimals from −9 to 9."
    )
    page.mouse.move(x + 24, y)
    assert page.locator(".cs-kernel .cs-message").text_content() == ""
    page.mouse.up()
    assert field.input_value() == "2.5"
    assert field.evaluate("(field) => document.activeElement !== field")
    page.mouse.move(2, 2)
    explorer.weight = [[1, 0, -1], [2, 2.5, -2], [1, 0, -1]]
    hold(read(page, [{}], SEEN)[0], explorer)


@pytest.mark.parametrize(("kernel_size", "stride"), [(3, 1), (3, 2), (2, 4)])
def test_pointing_outlines_what_an_output_reads_and_which_outputs_read_an_input(stand, kernel_size, stride):
    explorer = FilterExplorer(a_picture(5, 7), np.ones((kernel_size, kernel_size)), stride=stride)
    page = stand(explorer)
    layer = explorer.layer()
    layer.padding = (0, 0)
    reads = {}
    for place in itertools.product(*map(range, explorer.output().shape[1:])):
        pixels = torch.zeros(1, 7, 9, requires_grad=True)
        layer(pixels)[(0, *place)].backward()
        reads[place] = {tuple(index) for index in pixels.grad[0].nonzero().tolist()}
    for place, seen in zip(reads, point(page, itertools.product(["output"], reads)), strict=True):
        assert covered(seen[2]) == reads[place]
        assert covered(seen[3]) == {place}
    places = places_of((7, 9))
    for (row, column), seen in zip(places, point(page, itertools.product(["input"], places)), strict=True):
        readers = {place for place, inputs in reads.items() if (row, column) in inputs}
        assert covered(seen[2]) == {(row, column)}
        assert covered(seen[3]) == readers
        inner = 0 < row < 6 and 0 < column < 8
        name = f"input[{row - 1}, {column - 1}]" if inner else "A pixel of padding"
        value = explorer.input()[0, row - 1, column - 1].int() if inner else 0
        which = " to ".join(f"output[{r}, {c}]" for r, c in sorted({min(readers), max(readers)})) if readers else ""
        said = f"read by {len(readers)} output{'' if len(readers) == 1 else 's'}: {which}" if readers else "never read"
        assert seen[1].endswith(f"{name} = {value} is {said}.")


WEIGHTS_ON_IT = """(() => {
  const under = document.querySelector(".cs-under");
  const isSeen = (element) => element.checkVisibility({ visibilityProperty: true });
  const all = (selector) => [...under.querySelectorAll(selector)].filter(isSeen);
  return isSeen(under) && {
    titles: all(".cs-title").map((title) => title.textContent),
    rows: rows("patch"),
    others: all(".cs-cell").filter((cell) => cell.dataset.note || !cell.textContent.startsWith("×")).length,
  };
})()"""


@pytest.mark.parametrize(("kernel_size", "stride"), [(3, 1), (3, 2), (5, 1), (2, 4)])
def test_a_pixel_that_is_pointed_at_shows_each_weight_that_torch_lays_on_it_as_the_outputs_lie(
    stand, kernel_size, stride
):
    weight = np.random.default_rng(1).integers(-90_000, 90_001, (kernel_size, kernel_size)) / 10_000
    explorer = FilterExplorer(a_picture(5, 7), weight, stride=stride)
    page = stand(explorer)
    layer = explorer.layer()
    layer.padding = (0, 0)
    # Of one bright pixel each output is the weight that lies on it.
    made_of_each = layer(torch.eye(7 * 9).reshape(-1, 1, 7, 9))[:, 0].detach().numpy()
    each_seen = point(page, itertools.product(["input"], places_of((7, 9))), WEIGHTS_ON_IT)
    for seen, made in zip(each_seen, made_of_each, strict=True):
        rows, columns = (sorted(set(places.tolist())) for places in made.nonzero())
        assert bool(seen) == bool(rows)
        if seen:
            assert (seen["titles"], seen["others"]) == (["weights on it"], 0)
            drawn = [[float(np.float32(number(text[1:]))) for text in line] for line in seen["rows"]]
            assert drawn == made[np.ix_(rows, columns)].tolist()
    assert page.problems == []


# The note, the pixel that is lit under the kernel, and what lies on the input's pixel and on the chosen output.
MET = """[
  text(".cs-note"),
  places(".cs-patch .cs-lit"),
  (LAID)(document.querySelectorAll(".cs-panel-input .cs-mark")[1]),
  (LAID)(document.querySelector(".cs-panel-output .cs-mark")),
]"""


@pytest.mark.parametrize(("stride", "padding"), [(1, 1), (2, 0), (3, 3)])
def test_a_weight_that_is_pointed_at_says_and_marks_what_it_adds_to_the_chosen_output_and_torch_agrees(
    stand, stride, padding
):
    weight = [[0.1, 0.7, -1.1], [2.25, 0, -0.0625], [9, -8.9999, 1]]
    explorer = FilterExplorer(a_picture(6, 8), weight, stride=stride, padding=padding)
    page = stand(explorer)
    last = [size - 1 for size in explorer.output().shape[1:]]
    each_alone = torch.tensor(weight).flatten().diag().reshape(9, 1, 3, 3)  # nine kernels of one weight
    adds = F.conv2d(explorer.input()[None].float(), each_alone, stride=stride, padding=padding)[0]
    for place in ([0, 0], last, None):
        if place:
            point(page, [("output", place)])
            page.evaluate(CHOOSE, ["output", place])
        else:
            page.locator(".cs-figure").press("Escape")
            place = place_of(page.locator(".cs-sum").text_content())
        parts = []
        weights = places_of((3, 3))
        each_seen = point(page, itertools.product(["weight"], weights), MET)
        for (i, j), (note, under, pixel, chosen) in zip(weights, each_seen, strict=True):
            said = re.search(r"For output\[(\d+), (\d+)\] it meets (.+) = (\d+) and adds (−?[\d.]+)\.$", note)
            assert [int(said[1]), int(said[2])] == list(place)
            row, column = place[0] * stride + i - padding, place[1] * stride + j - padding
            inner = 0 <= row < 6 and 0 <= column < 8
            assert said[3] == (f"input[{row}, {column}]" if inner else "a pixel of padding")
            assert number(said[4]) == (explorer.input()[0, row, column] if inner else 0)
            assert number(said[5]) == pytest.approx(adds[(3 * i + j, *place)].item(), abs=1e-3)
            assert len(said[5]) <= 10  # nothing of a float's tail
            parts.append(number(said[5]))
            assert under == [[i, j]]
            assert pixel == [row + padding, column + padding, 1, 1]
            assert chosen == [*place, 1, 1]
        assert sum(parts) == pytest.approx(explorer.output()[(0, *place)].item(), rel=1e-5)
    fields = page.get_by_label(re.compile("^weight, row "))
    names = fields.evaluate_all("(fields) => fields.map((field) => field.ariaLabel)")
    assert names == [f"weight, row {row}, column {column}" for row, column in places_of((3, 3))]
    fields.first.hover()
    assert read(page, [{}], MET.replace("LAID", LAID)) == each_seen[:1]
    page.mouse.move(2, 2)
    assert read(page, [{}], MET.replace("LAID", LAID))[0][1:3] == [[], None]


def test_pointing_at_a_weight_outlines_all_it_multiplies(stand):
    page = stand(FilterExplorer(a_picture(5, 7), stride=2))
    page.get_by_label("weight, row 1, column 0").hover()
    assert "weight[1, 0] multiplies 12 pixels, one for each output. " in page.locator(".cs-note").text_content()
    outline = page.locator(".cs-panel-input .cs-mark").first.bounding_box()
    picture = page.locator(".cs-panel-input canvas").bounding_box()
    pixel = picture["width"] / 9
    assert outline["x"] == pytest.approx(picture["x"])
    assert outline["y"] == pytest.approx(picture["y"] + pixel)
    assert (outline["width"], outline["height"]) == pytest.approx((7 * pixel, 5 * pixel))


def test_the_pixels_under_the_kernel_stay_in_sight_while_a_weight_is_changed(stand):
    page = stand(FilterExplorer())
    before = page.locator(".cs-patch").inner_text()
    page.get_by_label("weight, row 1, column 0").hover()
    assert page.locator(".cs-under").is_visible()
    assert page.locator(".cs-patch").inner_text() == before
    page.evaluate("() => window.move('stride', 4)")
    point(page, [("input", [3, 3])])  # between two windows
    assert not page.locator(".cs-under").is_visible()


def test_the_pixels_under_the_kernel_show_the_window_and_do_not_move_it(stand):
    page = stand(FilterExplorer())
    before = page.locator(".cs-sum").text_content()
    box = page.locator(".cs-patch").bounding_box()
    page.mouse.click(box["x"] + 10, box["y"] + 10)
    assert page.locator(".cs-sum").text_content() == before


def test_the_mouse_points_a_click_pins_and_keys_move_by_one_pixel(stand):
    page = stand(FilterExplorer())
    picture = page.locator(".cs-panel-output canvas").bounding_box()
    scale = picture["width"] / 32
    at = lambda row, column: (picture["x"] + (column + 0.5) * scale, picture["y"] + (row + 0.5) * scale)  # noqa: E731
    place = lambda: place_of(page.locator(".cs-sum").text_content())  # noqa: E731
    assert place() == (9, 27)  # the window starts on the strongest edge
    assert FilterExplorer().output().abs().flatten().argmax() == 9 * 32 + 27
    page.mouse.move(*at(10, 12))
    page.mouse.move(*at(10, 13), steps=4)
    assert place() == (10, 13)
    page.mouse.click(*at(15, 4))
    assert page.locator(".cs-sum").text_content().endswith(" = −525")  # the number of the lesson's first step
    page.mouse.move(*at(20, 20))
    assert place() == (20, 20)
    page.mouse.move(2, 2)
    assert place() == (15, 4)
    page.locator(".cs-figure").press("ArrowRight")
    page.locator(".cs-figure").press("ArrowUp")
    assert place() == (14, 5)
    with_own_clock(page)
    page.locator(".cs-figure").press("Space")
    page.clock.run_for(1200)
    assert place() == (14, 7)
    page.locator(".cs-figure").press("Escape")
    assert place() == (9, 27)  # where it started
    page.evaluate("() => { move('stride', 2); move('padding', 0); }")
    page.locator(".cs-figure").press("Escape")
    at_stride_2 = FilterExplorer(stride=2, padding=0).output()[0].abs()
    assert at_stride_2[place()] == at_stride_2.max()


def test_what_the_learner_has_chosen_has_a_dot_and_what_is_merely_pointed_at_has_none(stand):
    page = stand(FilterExplorer())
    dots = lambda: [  # noqa: E731
        page.locator(f".cs-panel-{name} .cs-pinned").evaluate(LAID) for name in ("input", "output")
    ]
    assert dots() == [None, None]
    point(page, [("output", [10, 13])])
    assert dots() == [None, None]
    page.evaluate(CHOOSE, ["output", [10, 13]])
    assert dots() == [None, [10, 13, 1, 1]]
    point(page, [("output", [20, 20])])
    point(page, [("input", [3, 3])])
    assert dots() == [None, [10, 13, 1, 1]]
    dot = page.locator(".cs-panel-output .cs-pinned").evaluate(
        """(pin) => {
          const { backgroundColor, boxShadow, width } = getComputedStyle(pin, "::after");
          return [backgroundColor, boxShadow, width];
        }"""
    )
    assert dot == ["rgb(0, 0, 0)", "rgb(255, 255, 255) 0px 0px 0px 1.5px", "6px"]  # on black and on white
    for place in ([10, 13], [13, 10]):
        page.evaluate(CHOOSE, ["output", place])
        page.evaluate("() => window.move('stride', 3)")
        assert dots() == [None, None]  # there is no such output any more
        page.evaluate("() => window.move('stride', 1)")
    point(page, [("input", [5, 6])])
    page.evaluate(CHOOSE, ["input", [5, 6]])
    assert dots() == [[5, 6, 1, 1], None]
    page.locator(".cs-figure").press("ArrowRight")
    assert dots() == [None, [9, 28, 1, 1]]  # from where it started: an input is no window
    page.locator(".cs-figure").press("Escape")
    assert dots() == [None, None]


def test_rows_that_the_floor_drops_are_hatched_and_named(stand):
    page = stand(FilterExplorer(a_picture(8, 7), stride=3, padding=0))
    assert page.locator(".cs-unread").text_content() == (
        "The last 2 rows and the last column are never read: the floor drops them. "
    )
    styles = page.locator(".cs-unread-part").evaluate_all("(all) => all.map((e) => [e.style.height, e.style.width])")
    scale = page.locator(".cs-panel-input canvas").bounding_box()["height"] / 8
    assert [[float(side[:-2]) / scale for side in style] for style in styles] == [[2, 7], [6, 1]]
    page.evaluate("() => window.move('padding', 1)")
    assert page.locator(".cs-unread").text_content() == ("The last row of padding is never read: the floor drops it. ")


@pytest.mark.parametrize("width", [360, 700, 1100])
@pytest.mark.parametrize("weight", [np.full((5, 5), -0.0625), None, [[2]]], ids=["5 × 5", "3 × 3", "1 × 1"])
def test_moving_the_window_does_not_move_what_is_below(stand, width, weight):
    explorer = FilterExplorer(a_picture(30, 40), weight, padding=3)
    explorer.image = np.pad(a_picture(20, 20), 15)  # numbers of one digit and of three
    page = stand(explorer, viewport={"width": width, "height": 900})
    parts = """["explorer", "panel-kernel", "panel-output", "panel-output canvas", "under", "toolbar"]
      .map((name) => document.querySelector(`.cs-${name}`).getBoundingClientRect().toJSON())"""
    before = read(page, [{}], parts)
    for place in [(0, 0), (25, 25), (20, 18), (49, 49)]:
        pointed = [("output", place), ("input", place), ("weight", (0, 0))]
        assert point(page, pointed, parts) == before * 3
    page.get_by_label("weight, row 0, column 0").hover()
    assert read(page, [{}], parts) == before
    assert page.evaluate("() => document.documentElement.scrollWidth") <= width


@pytest.mark.parametrize("width", [390, 640, 700, 1100])
@pytest.mark.parametrize("side", [32, 64])
def test_the_output_shrinks_with_the_stride_and_nothing_else_moves(stand, width, side):
    picture = np.arange(side * side).reshape(side, side) % 251 / 251
    page = stand(FilterExplorer(picture), {"width": width, "height": 900})
    places = []
    for stride in range(1, 5):
        page.evaluate("(stride) => move('stride', stride)", stride)
        places.append(
            page.evaluate(
                """() => [".cs-panel-kernel", ".cs-panel-output", ".cs-below"].map((part) => {
                  const { x, y } = document.querySelector(part).getBoundingClientRect();
                  return [x, y];
                })"""
            )
        )
    assert places == places[:1] * 4


@pytest.mark.parametrize(
    ("image", "weight"),
    [(None, [[1, 0, -1]] * 3), (None, PRESETS["blur"]), (np.full((64, 64), 0.5), np.ones((5, 5)))],
    ids=["edges", "four decimals", "largest"],
)
def test_on_a_phone_input_and_output_stand_side_by_side_below_the_kernel(stand, image, weight):
    for padding in (0, 3):
        page = stand(FilterExplorer(image, weight, padding=padding), viewport={"width": 406, "height": 900})
        shown, made = (page.locator(f".cs-panel-{name} .cs-picture").bounding_box() for name in ("input", "output"))
        parts = [page.locator(f".cs-{name}").bounding_box() for name in ("kernel", "patch")]
        assert shown["x"] + shown["width"] < made["x"]
        assert shown["y"] == made["y"]
        assert min(shown["width"], made["width"]) >= (130 if padding == 0 else 150)
        for kernel_or_pixels in parts:
            assert kernel_or_pixels["y"] + kernel_or_pixels["height"] < shown["y"]
        assert parts[0]["x"] + parts[0]["width"] <= parts[1]["x"]
        assert max(box["x"] + box["width"] for box in (made, parts[1])) <= 406


def test_a_screen_reader_is_told_the_setting_and_its_result(stand):
    page = stand(FilterExplorer(a_picture(3, 4), [[2]], padding=0))
    page.wait_for_function("() => document.querySelector('.cs-spoken').textContent")
    doubled = 2 * a_picture(3, 4).astype(int)
    assert page.locator("[aria-live]").text_content() == (
        f"Input 3 by 4, kernel 1, stride 1, padding 0: output 3 by 4, values from {doubled.min()} to {doubled.max()}. "
        f"Output row {doubled.argmax() // 4}, column {doubled.argmax() % 4} is {doubled.max()}."
    )


# What can be a picture.


def test_without_a_picture_it_shows_the_one_the_first_lesson_starts_with():
    train_set, _ = load_shapes(train=100, test=10)
    picture = train_set.images[28].float().mean(0).round()
    assert torch.equal(FilterExplorer().input()[0], picture)
    assert torch.equal(FilterExplorer(train_set.images[28]).input()[0], picture)
    assert repr(FilterExplorer()) == ("FilterExplorer: (1, 32, 32) → Conv2d(kernel_size=3, padding=1) → (1, 32, 32)")


@pytest.mark.parametrize("turn", [str, lambda path: path])
def test_a_file_is_made_grey_and_scaled_down_with_its_proportions(tmp_path, turn):
    colour = np.zeros((100, 200, 3), np.uint8)
    colour[:, :100] = (255, 0, 30)
    Image.fromarray(colour).save(tmp_path / "picture.png")
    explorer = FilterExplorer(turn(tmp_path / "picture.png"))
    assert explorer.image.shape == (32, 64)
    assert (explorer.image == np.repeat([95, 0], 32)).all()
    assert explorer.output().shape == (1, 32, 64)


@pytest.mark.parametrize(
    ("mode", "value", "grey"),
    [("L", 7, 7), ("1", 1, 255), ("RGB", (3, 6, 9), 6), ("RGBA", (0, 0, 0, 0), 255), ("RGBA", (0, 0, 0, 51), 204),
     ("LA", (100, 255), 100), ("LA", (100, 0), 255), ("I;16", 257 * 30, 30), ("CMYK", (0, 0, 0, 0), 255)],
)  # fmt: skip
def test_grey_transparent_and_other_kinds_of_pictures_work(tmp_path, mode, value, grey):
    picture = Image.new(mode, (3, 2), value)
    assert (FilterExplorer(picture).image == np.full((2, 3), grey)).all()
    kind = "tif" if mode == "CMYK" else "png"
    picture.save(tmp_path / f"picture.{kind}")
    assert (FilterExplorer(tmp_path / f"picture.{kind}").image == np.full((2, 3), grey)).all()


def test_a_palette_with_a_transparent_colour_lies_on_white(tmp_path):
    picture = Image.new("P", (4, 4), 1)
    picture.putpalette([0, 0, 0, 90, 90, 90])
    picture.save(tmp_path / "picture.png", transparency=1)
    assert (FilterExplorer(tmp_path / "picture.png").image == 255).all()
    picture.save(tmp_path / "picture.gif")
    assert (FilterExplorer(tmp_path / "picture.gif").image == 90).all()


def test_a_photo_is_turned_as_the_camera_says(tmp_path):
    exif = Image.Exif()
    exif[0x0112] = 6  # turn by a quarter to show it
    picture = np.zeros((30, 60), np.uint8)
    picture[:, :30] = 255
    Image.fromarray(picture).save(tmp_path / "photo.jpg", exif=exif)
    image = FilterExplorer(tmp_path / "photo.jpg").image
    assert image.shape == (60, 30)
    assert image[:20].min() > 240
    assert image[40:].max() < 15


@pytest.mark.parametrize(
    "image",
    [
        np.array([[0, 51], [255, 102]], np.uint8),
        np.array([[0, 51], [255, 102]], np.int64),
        np.array([[0, 0.2], [1, 0.4]]),
        [[0, 51], [255, 102]],
        torch.tensor([[[0, 51], [255, 102]]], dtype=torch.uint8),
        torch.tensor([[0, 0.2], [1, 0.4]], dtype=torch.bfloat16),
        torch.tensor([[0, 0.2], [1, 0.4]]).expand(3, 2, 2),
        np.repeat(np.array([[0, 51], [255, 102]], np.uint8)[..., None], 3, axis=2),
        torch.tensor([[0, 0.2], [1, 0.4]], requires_grad=True),
    ],
)
def test_arrays_and_tensors_of_whole_numbers_or_floats_work(image):
    assert FilterExplorer(image).image.tolist() == [[0, 51], [255, 102]]


@pytest.mark.parametrize(
    ("image", "sentence"),
    [
        (np.zeros(5), r"shape \(height, width\), .*, but got \(5,\)\."),
        (np.zeros((2, 4, 4)), r"shape .*, but got \(2, 4, 4\)\."),
        (torch.zeros(1, 3, 8, 8), r"shape .*, but got \(1, 3, 8, 8\)\."),
        (7, r"shape .*, but got \(\)\."),
        ([[1, 2], [3]], "unequal length"),
        (np.zeros((0, 4)), r"at least one pixel, but got the shape \(0, 4\)"),
        (np.zeros((3, 0, 4)), "at least one pixel"),
        (np.array([[0.5, np.nan]]), "NaN or infinity"),
        (np.array([[0.5, np.inf]]), "NaN or infinity"),
        (np.array([[0, 256]]), "whole numbers from 0 to 256"),
        (np.array([[-1, 4]]), "whole numbers from -1 to 4"),
        (torch.tensor([[0.0, 255.0]]), "floats from 0.0 to 255.0"),
        (np.array([["a"]]), "whole numbers or floats, but got <U1"),
        (np.array([[True]]), "got bool"),
        ({"a": 1}, "shape"),
        (b"picture", "shape"),
    ],
)
def test_an_array_that_is_no_picture_is_refused_with_a_sentence_and_the_old_one_stays(image, sentence):
    explorer = FilterExplorer()
    before = explorer.image
    with pytest.raises(ValueError, match=sentence):
        explorer.image = image
    assert (explorer.image == before).all()
    with pytest.raises(ValueError, match=sentence):
        FilterExplorer(image)


def animated(path):
    frames = [Image.new("L", (4, 4), shade) for shade in (0, 80, 160)]
    frames[0].save(path, save_all=True, append_images=frames[1:])


def cut_off(path):
    Image.fromarray(a_picture(300, 300)).save(path)
    path.write_bytes(path.read_bytes()[:20_000])


def of_size(width, height):
    """Writes a PNG that says it has this size, and has next to nothing in it."""

    def write(path):
        header = b"IHDR" + struct.pack(">IIBBBBB", width, height, 1, 0, 0, 0, 0)
        start = b"\x89PNG\r\n\x1a\n" + struct.pack(">I", 13) + header + struct.pack(">I", zlib.crc32(header))
        path.write_bytes(start + struct.pack(">I", 0) + b"IDAT" + struct.pack(">I", zlib.crc32(b"IDAT")))

    return write


@pytest.mark.parametrize(
    ("name", "write", "error", "sentence"),
    [
        ("none.png", lambda path: None, FileNotFoundError, r"none.png' is not there .* full path\."),
        ("folder", lambda path: path.mkdir(), FileNotFoundError, "is a folder, not a picture"),
        ("text.png", lambda path: path.write_text("hello"), ValueError, "'text.png' is not a picture that can be"),
        ("empty.jpg", lambda path: path.touch(), ValueError, "'empty.jpg' is not a picture that can be read"),
        ("moving.gif", animated, ValueError, r"has 3 frames.*frame.seek\(0\)"),
        ("cut.png", cut_off, ValueError, "'cut.png' could not be decoded: .* Save it again"),
        ("cut.jpg", cut_off, ValueError, "'cut.jpg' could not be decoded: .* Save it again"),
        ("large.png", of_size(10_000, 5_001), ValueError,
         r"'large.png' has 10000 × 5001 pixels; the most is 50,000,000\. Scale it down first\."),
        ("huge.png", of_size(20_000, 20_000), ValueError, "'huge.png' is too large"),
    ],
)  # fmt: skip
def test_a_file_that_cannot_be_used_is_refused_with_a_sentence(tmp_path, name, write, error, sentence):
    write(tmp_path / name)
    explorer = FilterExplorer()
    before = explorer.image
    with pytest.raises(error, match=sentence) as caught:
        explorer.image = tmp_path / name
    assert "\n" not in str(caught.value)
    assert (explorer.image == before).all()


def test_the_advice_for_an_animated_picture_works(tmp_path):
    animated(tmp_path / "moving.gif")
    with Image.open(tmp_path / "moving.gif") as frame:
        frame.seek(1)
        assert (FilterExplorer(frame).image == 80).all()


# What can be a kernel.


@pytest.mark.parametrize(
    "weight",
    [5, [], [[]], [[1, 2, 3]], [[1, 2], [3]], np.zeros((6, 6)), torch.zeros(3, 2), [["1"]], [[9.5]], [[None]],
     [[float("nan")]], [[float("inf")]], [[True]], [[1j]]],
)  # fmt: skip
def test_a_kernel_of_a_wrong_shape_or_weight_is_refused_and_the_old_one_stays(weight):
    explorer = FilterExplorer()
    before = explorer.weight
    with pytest.raises(ValueError, match=r"^weight wants .*, but got "):
        explorer.weight = weight
    assert explorer.weight == before
    with pytest.raises(ValueError, match="weight"):
        FilterExplorer(weight=weight)


def test_weights_are_kept_to_four_decimals():
    explorer = FilterExplorer(weight=torch.full((5, 5), 1 / 9))
    assert explorer.weight == [[0.1111] * 5] * 5
    assert str(FilterExplorer(weight=[[-0.00001]]).weight) == "[[0.0]]"


def test_where_the_kernel_does_not_fit_torch_says_so_too(stand):
    explorer = FilterExplorer([[255]], padding=0)
    with pytest.raises(RuntimeError, match="Kernel size can't be greater than actual input size"):
        explorer.output()
    assert repr(explorer) == "FilterExplorer: (1, 1, 1) → Conv2d(kernel_size=3) → no output"
    page = stand(explorer)
    hold(read(page, [{}], SEEN)[0], explorer)
    assert page.get_by_role("button", name="Play").is_disabled()


@pytest.mark.parametrize("width", [374, 1000])
def test_a_click_on_any_pixel_of_the_input_chooses_it(stand, width):
    page = stand(FilterExplorer(), {"width": width, "height": 900})
    box = page.locator(".cs-panel-input canvas").bounding_box()
    for part in (0.31, 0.5, 0.83):
        page.locator(".cs-figure").press("Escape")
        x, y = box["x"] + part * box["width"], box["y"] + part * box["height"]
        page.mouse.move(x, y)
        page.mouse.click(x, y)
        page.mouse.move(2, 2)
        assert page.locator(".cs-panel-input .cs-pinned:visible").count() == 1, part
