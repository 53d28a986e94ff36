"""ModelExplorer in the page: what is drawn and written is torch's; ways in and out; what a kernel is asked."""

import json
import math
import os
import re
from itertools import pairwise

import npm
import pytest
import torch
from browser import carried
from pages import held_motion, number, read
from torch import nn

from helpers.data import load_shapes
from helpers.explorers import ModelExplorer
from helpers.inside.run import index as index_of
from helpers.inside.run import sizes
from helpers.model import SimpleCNN

_, TEST_SET = load_shapes(20, 20)
IMAGES = 4


class Block(nn.Module):
    """Two convolutions with a way past them."""

    def __init__(self):
        super().__init__()
        self.conv1, self.conv2 = nn.Conv2d(3, 3, 3, padding=1), nn.Conv2d(3, 3, 3, padding=1)
        self.bn = nn.BatchNorm2d(3)

    def forward(self, x):
        return torch.relu(x + self.bn(self.conv2(torch.relu(self.conv1(x)))))


class Branches(nn.Module):
    """Three ways beside each other, joined again."""

    def __init__(self):
        super().__init__()
        self.one, self.three = nn.Conv2d(3, 2, 1), nn.Conv2d(3, 4, 3, padding=1)
        self.small, self.wide = nn.Conv2d(3, 2, 1), nn.Conv2d(2, 3, 5, padding=2)

    def forward(self, x):
        return torch.cat([self.one(x), self.three(x), self.wide(self.small(x))], dim=1)


def seeded(make):
    torch.manual_seed(0)
    return make().eval()


class Sums(nn.Module):
    """What is multiplied, divided, taken away, and the larger of two."""

    def forward(self, x):
        other = torch.relu(x)
        return torch.maximum(x * other - x, (other / 2 + x) ** 2)


MODELS = {
    "sums": Sums,
    "SimpleCNN": lambda: SimpleCNN(conv_channels=6),
    "block": Block,
    "branches": Branches,
    "autoencoder": lambda: nn.Sequential(
        nn.Conv2d(3, 4, 3, stride=2, padding=1),
        nn.AvgPool2d(2, stride=2),
        nn.ConvTranspose2d(4, 3, 3, stride=2, padding=1, output_padding=1),
        nn.Sigmoid(),
    ),
    "dilated": lambda: nn.Sequential(
        nn.Conv2d(3, 4, 5, stride=2, padding=3, dilation=2), nn.MaxPool2d(3, 2), nn.Flatten(), nn.LazyLinear(5)
    ),
    "words": lambda: nn.Sequential(
        nn.Conv2d(3, 9, (3, 4), padding="same", dilation=(1, 2)),
        nn.AdaptiveAvgPool2d(4),
        nn.Conv2d(9, 3, 2, padding="valid"),
        *(nn.Flatten(), nn.Linear(27, 11), nn.Linear(11, 5), nn.LogSoftmax(dim=1)),
    ),
    "pieces": lambda: nn.AdaptiveMaxPool2d((5, 7)),  # which overlap
    "one-dimensional": lambda: nn.Sequential(
        *(nn.Conv2d(3, 6, 8, stride=8), nn.Flatten(2), nn.Conv1d(6, 6, 3, padding=3, dilation=2), nn.ReLU()),
        *(nn.Conv1d(6, 4, 2, groups=2), nn.MaxPool1d(3, 2, padding=1), nn.AdaptiveAvgPool1d(3)),
    ),
    "shares": lambda: nn.Softmax(dim=-1),  # of a map's row
}


@pytest.fixture(scope="module")
def explorers():
    """One ModelExplorer for each of MODELS, of four images with their labels."""
    images, labels = TEST_SET[:IMAGES]
    made = {}
    for name, make in MODELS.items():
        model = seeded(make)
        with torch.no_grad():
            model(images)  # lazy layers find their sizes
        made[name] = ModelExplorer(model, images, labels, TEST_SET.classes)
    return made


@pytest.fixture
def show(stand):
    """`show(explorer, width)` → a page of the explorer, there and in Python at the same place."""

    def shown(explorer, width=1100, **settings):
        for name, value in {"image": 1, "depth": "chain", "step": 1, **settings}.items():
            setattr(explorer, name, value)
        return stand(explorer, {"width": width, "height": 900})

    return shown


class Answers(list):
    """Stands for the explorer's view: keeps what the page is to hear."""

    def send(self, told, buffers=()):
        self.append([told, list(buffers)])


HEAR = "(answers) => { for (const answer of JSON.parse(answers)) view.hear(...answer); return asked.splice(0); }"


def asked(page, explorer):
    """Let the explorer answer all that the page has asked meanwhile."""
    answers = Answers()
    while questions := page.evaluate(HEAR, json.dumps(carried(answers))):
        answers = Answers()
        for question in questions:
            explorer._asked(answers, question, [])


MOVE = """([settings, place]) => {
  for (const [name, value] of Object.entries(settings)) move(name, value);
  if (place) view.set("place", place);
}"""


def look_at(page, explorer, place=None, **settings):
    """Move there, in the page and in Python, and let the page ask what it wants."""
    for name, value in settings.items():
        setattr(explorer, name, value)
    if place is not None:
        explorer.place = place
    page.evaluate(MOVE, [settings, place])
    asked(page, explorer)


def texts(page, selector):
    return page.locator(f"{selector}:visible").all_text_contents()


def numbers(text):
    return [number(found.replace("−", "-")) for found in re.findall(r"[−-]?\d+(?:\.\d+)?(?:e[−-]?\d+)?", text)]


def near(shown, wanted):
    """Is a number as it is shown torch's, to the digits that are shown?"""
    digits = len(re.sub(r"^.*?(\.|$)", "", shown.split("e")[0])) if "e" not in shown else None
    if digits is None:
        return math.isclose(number(shown), wanted, rel_tol=0.06)
    return abs(number(shown) - wanted) <= 0.5000001 * 10.0**-digits


# -- the chain ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", MODELS)
def test_each_step_is_a_block_with_the_shape_that_torch_gives_it_and_its_ways(show, explorers, name):
    explorer = explorers[name]
    page = show(explorer)
    chain = explorer.view.chain
    assert texts(page, ".cs-block-shape") == [f"({', '.join(map(str, step['shape']))})" for step in chain]
    for index in range(1, len(chain)):
        explorer.step = index
        assert list(explorer.output().shape[1:]) == chain[index]["shape"]
    ways = page.locator(".cs-lanes path").evaluate_all(
        "(all) => all.map((way) => way.getAttribute('d')).filter(Boolean)"
    )
    assert len(ways) == sum(len(set(step["inputs"])) for step in chain)
    boxes = page.locator(".cs-block:visible").evaluate_all(
        "(all) => all.map((each) => each.getBoundingClientRect().toJSON())"
    )
    for place, box in enumerate(boxes):
        for other in boxes[place + 1 :]:
            apart = box["right"] <= other["left"] or other["right"] <= box["left"] or box["bottom"] <= other["top"]
            assert apart or other["bottom"] <= box["top"]
    for step, box in zip(chain, boxes, strict=True):  # a step stands behind all that it reads, or in a row below
        for source in step["inputs"]:
            assert boxes[source]["right"] <= box["left"] + 0.5 or boxes[source]["bottom"] <= box["top"] + 0.5
    assert page.problems == []


def test_a_way_past_other_steps_runs_below_them(show, explorers):
    page = show(explorers["block"])
    tops = page.locator(".cs-block:visible").evaluate_all(
        "(all) => all.map((each) => each.getBoundingClientRect().top)"
    )
    bottoms = page.locator(".cs-block:visible").evaluate_all(
        "(all) => all.map((each) => each.offsetTop + each.offsetHeight)"
    )
    assert len(set(tops)) == 1
    ways = page.locator(".cs-lanes path").evaluate_all("(all) => all.map((way) => way.getAttribute('d'))")
    heights = [max(float(y) for y in re.findall(r"[\d.]+ ([\d.]+)", way.split("m")[0])) for way in ways]
    assert sum(height > max(bottoms) for height in heights) == 1  # from the image to the sum


class Nested(nn.Module):
    """A way past a way past a step."""

    def forward(self, x):
        inner = torch.relu(x)
        return x + torch.relu(torch.sigmoid(inner) + inner)


def test_ways_past_the_same_step_run_in_lanes_of_their_own(show):
    page = show(ModelExplorer(Nested(), TEST_SET[:IMAGES][0]))
    ways = page.locator(".cs-lanes path").evaluate_all("(all) => all.map((way) => way.getAttribute('d'))")
    heights = [max(float(y) for y in re.findall(r"[\d.]+ ([\d.]+)", way.split("m")[0])) for way in ways]
    assert len({height for height in heights if height > min(heights)}) == 2


def test_branches_stand_below_each_other(show, explorers):
    page = show(explorers["branches"])
    tops = page.locator(".cs-block:visible").evaluate_all(
        "(all) => all.map((each) => each.getBoundingClientRect().top)"
    )
    names = texts(page, ".cs-block-name")
    of = dict(zip(names, tops, strict=True))
    assert len({of["one"], of["three"], of["small"]}) == 3
    assert of["small"] == of["wide"]
    assert of["image"] == of["one"] == of["cat"]


@pytest.mark.parametrize("image", range(1, IMAGES + 1))
def test_the_scores_are_softmax_and_the_label_says_whether_they_are_right(show, explorers, image):
    explorer = explorers["SimpleCNN"]
    page = show(explorer, image=image)
    with torch.no_grad():
        scores = explorer._model(TEST_SET[:IMAGES][0])[image - 1].softmax(0)
    shown = texts(page, ".cs-class-number")
    assert all(near(text.removesuffix(" %"), 100 * score.item()) for text, score in zip(shown, scores, strict=True))
    best, label = scores.argmax().item(), TEST_SET.labels[image - 1].item()
    names = [
        f"{name}{(' ✓' if label == best else ' ✗') * (place == label)}" for place, name in enumerate(TEST_SET.classes)
    ]
    assert texts(page, ".cs-class-name") == names
    assert page.locator(".cs-class-row.cs-best .cs-class-name").text_content() == names[best]
    widths = page.locator(".cs-class-bar span").evaluate_all("(all) => all.map((bar) => parseFloat(bar.style.width))")
    assert widths == pytest.approx((100 * scores).tolist(), abs=1e-3)


def test_a_chain_that_stops_says_where_why_and_what_to_change(show):
    images, _ = TEST_SET[:IMAGES]
    model = seeded(lambda: nn.Sequential(nn.Conv2d(3, 4, 3), nn.Flatten(), nn.Linear(100, 10)))
    explorer = ModelExplorer(model, images)
    page = show(explorer)
    problem = explorer.view.problem
    with pytest.raises(RuntimeError) as caught:
        model(images)
    assert page.locator(".cs-broken-block:visible").text_content() == "2 ✗∅"
    assert page.locator(".cs-problem").text_content() == problem["sentence"]
    assert page.locator(".cs-remedy").text_content().endswith(problem["fix"])
    assert str(caught.value) in page.locator(".cs-torch").text_content()
    assert not texts(page, ".cs-class-row")
    assert page.problems == []


# -- a layer -----------------------------------------------------------------------------------------------------

PIXELS = """(selector) => {
  const canvas = document.querySelector(selector);
  const { data, width, height } = canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height);
  return JSON.stringify([width, height, [...data]]); // one string crosses faster than many numbers
}"""


def painted(page, selector):
    """What a canvas shows as numbers from −1 to 1, white: grey from 0 up, pink below. NaN where nothing is painted."""
    width, height, data = json.loads(page.evaluate(PIXELS, selector))
    red, green, _, alpha = torch.tensor(data, dtype=torch.float64).reshape(height, width, 4).unbind(-1)
    pink = torch.tensor([int("#cc79a7"[place : place + 2], 16) for place in (1, 3, 5)], dtype=torch.float64)
    values = torch.where(red == green, red / 255, -red / pink[0])
    assert (green[values < 0] - pink[1] * -values[values < 0]).abs().max() <= 1 if (values < 0).any() else True
    return values.masked_fill(alpha == 0, math.nan)


@pytest.mark.parametrize(
    ("name", "step"), [("SimpleCNN", 1), ("SimpleCNN", 2), ("SimpleCNN", 5), ("block", 5), ("dilated", 2)]
)
def test_all_maps_of_all_images_are_painted_as_torch_has_them(show, explorers, name, step):
    explorer = explorers[name]
    page = show(explorer, depth="layer", step=step)
    asked(page, explorer)
    wanted = []
    for image in range(1, IMAGES + 1):
        explorer.image = image
        wanted.append(explorer.output()[0].double())
    wanted = torch.stack(wanted)  # (images, maps, rows, columns)
    wanted = wanted.reshape(*wanted.shape[:2], *(wanted.shape[2:] or (1, 1)))
    values = painted(page, ".cs-all-maps canvas")
    rows, columns = wanted.shape[2:]
    gap = (values.shape[0] - IMAGES * rows) // (IMAGES - 1)
    # From which number on all is white; a block that ReLU makes shares the scale of the one before.
    white = float(page.locator(".cs-layer-tools .cs-small").text_content().split("white from ")[1].split(" ")[0])
    names = [int(name) for name in texts(page, ".cs-map-name") if name]
    is_ordered = name == "SimpleCNN" and step == 5  # many numbers stand in their order of strength, a page of them
    assert len(names) == (23 if is_ordered else wanted.shape[1])
    strongest = wanted.amax((0, 2, 3)).argsort(descending=True, stable=True).tolist()
    assert names == (strongest if is_ordered else sorted(names))[: len(names)]
    wanted = wanted[:, names]
    for image in range(IMAGES):
        for place in range(wanted.shape[1]):
            top, left = image * (rows + gap), place * (columns + gap)
            drawn = values[top : top + rows, left : left + columns]
            assert (drawn - (wanted[image, place] / white).clamp(-1, 1)).abs().max() < 0.02
    if wanted.shape[2:] == (1, 1):
        written = texts(page, ".cs-cell-value")
        assert all(near(text.replace("−", "-"), value) for text, value in zip(written, wanted.flatten(), strict=True))
        assert all((text == "0") == (value == 0) for text, value in zip(written, wanted.flatten(), strict=True))
    assert page.problems == []


def test_maps_that_are_0_in_these_images_are_marked_and_the_strongest_can_stand_first(show):
    images, labels = TEST_SET[:IMAGES]
    model = seeded(lambda: SimpleCNN(conv_channels=5))
    with torch.no_grad():
        model.conv1.weight[2] = 0
        model.conv1.bias[2] = -1
    explorer = ModelExplorer(model, images, labels)
    page = show(explorer, depth="layer", step=2)
    assert texts(page, ".cs-map-name") == list("01234")
    assert texts(page, ".cs-map-name.cs-zero") == ["2"]
    assert "1 map is 0 in these 4 images: 2." in page.locator(".cs-below .cs-note").text_content()
    assert "dead" not in page.locator(".cs-explorer").text_content()
    page.get_by_role("button", name="strongest first").click()
    with torch.no_grad():
        most = torch.relu(model.conv1(images)).amax((0, 2, 3))
    assert texts(page, ".cs-map-name") == [str(place) for place in most.argsort(descending=True, stable=True).tolist()]


# Looks at places of the chosen step; tells what an outline lies on each time, [top, left, height, width] in pixels of
# its map, which is so many wide, and what the maps that are read are called.
OUTLINES = """([outline, map, side, places]) => {
  const visible = (selector) => [...document.querySelectorAll(selector)].filter((each) => each.checkVisibility());
  return places.map((place) => {
    view.set("place", place);
    const [{ style }] = visible(outline);
    const scale = parseFloat(visible(map)[0].style.width) / side;
    const lies = [style.top, style.left, style.height, style.width].map((size) => parseFloat(size) / scale);
    return [lies, visible(".cs-tile-of-input .cs-small").map((name) => name.textContent)];
  });
}"""


def places_in(shape):
    """The first place of a step's maps, one inside, and the last."""
    return [[int(part * (size - 1)) for size in sizes(shape)] for part in (0, 0.4, 1)]


def clipped(area, rows, columns):
    top, left = max(0, area["top"]), max(0, area["left"])
    bottom, right = min(rows, area["top"] + area["height"]), min(columns, area["left"] + area["width"])
    return [top, left, bottom - top, right - left]


@pytest.mark.parametrize("name", ["SimpleCNN", "autoencoder", "dilated", "words", "pieces", "one-dimensional"])
def test_the_window_in_the_maps_that_are_read_is_the_one_that_is_computed_from(show, explorers, name):
    explorer = explorers[name]
    page = show(explorer, depth="layer")
    held = 0
    for step, block in enumerate(explorer.view.chain):
        if block["opens"] not in ("conv", "pool"):
            continue
        look_at(page, explorer, step=step)
        rows, columns = explorer.view.chain[step - 1]["shape"][-2:]
        places = places_in(block["shape"])
        seen = page.evaluate(OUTLINES, [".cs-read .cs-box-window", ".cs-read", columns, places])
        for explorer.place, (drawn, names) in zip(places, seen, strict=True):
            window = clipped(explorer.cell()["window"], rows, columns)
            assert drawn == pytest.approx(window, abs=0.1), (step, explorer.place)
            if block["opens"] == "pool" and len(block["shape"]) == 3:  # reads one map, its own
                assert names == [channel_name(explorer, step, explorer.place[0])]
            held += 1
    assert held
    assert page.problems == []


def channel_name(explorer, step, channel):
    return ("red", "green", "blue")[channel] if step == 1 else f"map {channel}"


@pytest.mark.parametrize("name", ["SimpleCNN", "block", "dilated", "autoencoder", "words"])
def test_the_field_in_the_image_is_where_a_change_is_felt(show, explorers, name):
    explorer = explorers[name]
    page = show(explorer, depth="layer")
    for step in range(1, len(explorer.view.chain)):
        look_at(page, explorer, step=step)
        places = places_in(explorer.view.chain[step]["shape"])
        seen = page.evaluate(OUTLINES, [".cs-box-field", ".cs-looked-at", 32, places])
        for explorer.place, (drawn, _) in zip(places, seen, strict=True):
            field = explorer.cell()["field"]
            assert drawn == pytest.approx(clipped(field, 32, 32), abs=0.1), (step, explorer.place)
    assert page.problems == []


# -- a cell ------------------------------------------------------------------------------------------------------


SUM = """(() => {
  const all = (selector) => [...document.querySelectorAll(selector)].filter(visible);
  const texts = (selector) => all(selector).map((each) => each.textContent);
  return {
    sums: texts(".cs-cell-sum .cs-sum"),
    words: texts(".cs-cell-sum .cs-small").at(-1),
    products: texts(".cs-product b"),
    window: all(".cs-window-of-numbers .cs-cell").map((cell) => [...cell.childNodes].map((part) => part.textContent)),
    taken: all(".cs-window-of-numbers .cs-cell").flatMap((cell, place) => (cell.matches(".cs-taken") ? [place] : [])),
  };
})()"""


def hold_cell(page, explorer):
    """Each number that the sum shows is torch's, and so is the value."""
    answer = explorer.cell()
    torch_value = explorer.output()[0]
    assert answer["value"] == torch_value[tuple(index_of(explorer.place, torch_value.shape))].item()
    (seen,) = read(page, [{}], SUM)
    sums = seen["sums"]
    assert near(sums[-1].split("= ")[-1], answer["value"]), sums
    if answer["opens"] == "conv":
        others = [channel for channel in answer["channels"] if "values" not in channel]
        full = sorted(
            (channel for channel in answer["channels"] if "values" in channel), key=lambda each: each["channel"]
        )
        for channel, told in zip(full, sums, strict=False):
            assert near(told.removeprefix("= "), channel["sum"])
        assert seen["words"].endswith(
            f"added up: {len(full)} channel{'s' * (len(full) > 1)}{' + the other channel' * len(others)} + bias"
        )
        pairs = [
            (value or 0, weight)
            for channel in full
            for value, weight in zip(channel["values"], channel["weights"], strict=True)
        ]
        assert len(seen["window"]) == len(pairs)
        for shown, (value, weight) in zip(seen["window"], pairs, strict=True):
            assert not shown or (near(shown[0], value) and near(shown[1].removeprefix("×"), weight)), (
                shown,
                value,
                weight,
            )
        addends = [number(part.strip("()")) for part in re.split(r" \+ | = ", sums[-1])[1:-1]]
        assert sum(addends) == pytest.approx(answer["value"], abs=1e-3)
    elif answer["opens"] in ("linear", "transposed"):
        terms = zip(seen["products"], answer["terms"], strict=True)
        assert all(near(shown, term["product"]) for shown, term in terms)
        others = answer["count"] - len(answer["terms"])
        words = f" + the {'other product' if others == 1 else f'{others} others'}" * (others > 0)
        assert seen["words"].endswith(f"{words} + bias")
    elif answer["opens"] == "softmax":
        _, by_powers, shares, _ = sums[-1].split(" = ")
        assert by_powers.startswith("log(") == shares.startswith("log(") == answer["log"]
        power, total = (number(part.replace("−", "-")) for part in shares.removeprefix("log(").strip(")").split(" / "))
        share = math.log(power / total) if answer["log"] else power / total
        assert share == pytest.approx(answer["value"], rel=1e-2, abs=1e-3)
    elif answer["opens"] == "sum" and answer["operator"] in "+−×÷":
        by = {"+": "+", "−": "-", "×": "*", "÷": "/"}[answer["operator"]]
        parts = [part.strip("()") for part in re.split(f" [{re.escape(answer['operator'])}=] ", sums[-1])[1:-1]]
        assert all(near(shown, part["value"]) for shown, part in zip(parts, answer["parts"], strict=True))
        together = eval(by.join(f"({part['value']})" for part in answer["parts"]))
        assert together == pytest.approx(answer["value"], rel=1e-5, abs=1e-6)
    elif answer["opens"] == "sum":
        assert answer["operator"] in sums[-1]
    elif answer["opens"] == "pool":
        for shown, value in zip(map("".join, seen["window"]), answer["values"], strict=True):
            assert not shown or value is None or near(shown, value)  # in a large window nothing is written
        assert seen["taken"] == ([answer["winner"]] if answer["mode"] == "max" else [])


@pytest.mark.parametrize("name", MODELS)
def test_every_number_of_a_sum_is_what_torch_computes(show, explorers, name):
    explorer = explorers[name]
    page = show(explorer, depth="cell")
    for step in range(1, len(explorer.view.chain)):
        shape = explorer.view.chain[step]["shape"]
        for image, part in ((1, 0), (2, 0.37), (4, 1)):
            look_at(page, explorer, image=image, step=step, place=[int(part * (size - 1)) for size in sizes(shape)])
            hold_cell(page, explorer)
    assert page.problems == []


def test_what_a_kernel_does_not_answer_is_said_and_an_answer_of_another_version_is_not_used(show, explorers):
    explorer = explorers["SimpleCNN"]
    page = show(explorer, depth="cell", step=1)
    kept = explorer.view.cells
    place = next([0, row, column] for row in range(32) for column in range(32) if f"1,0,0,{row},{column}" not in kept)
    page.evaluate("(place) => view.set('place', place)", place)
    page.get_by_text("This cell’s sum needs a running kernel.").wait_for()
    *_, question = page.evaluate("() => asked.splice(0)")
    answer = {**explorer.view.cells[next(iter(kept))], **question, "value": 123.0}
    page.evaluate("(answer) => view.hear({ ...answer, version: answer.version + 1 }, [])", carried(answer))
    assert not page.locator(".cs-cell-sum").is_visible()
    page.evaluate("(answer) => view.hear(answer, [])", carried(answer))
    assert texts(page, ".cs-cell-sum .cs-sum")[-1].endswith("= 123.0000")


def test_the_sum_of_a_place_set_from_python_is_there_without_a_kernel(show, explorers):
    explorer = explorers["SimpleCNN"]
    explorer.step = 1
    explorer.place = [3, 20, 21]
    page = show(explorer, depth="cell", step=1)
    hold_cell(page, explorer)
    assert page.evaluate("() => asked.splice(0)") == []


def test_a_model_that_has_changed_is_drawn_anew_with_none_of_the_old_numbers(show):
    images, labels = TEST_SET[:IMAGES]
    model = seeded(lambda: SimpleCNN(conv_channels=2))
    explorer = ModelExplorer(model, images, labels)
    page = show(explorer, depth="cell", step=1)
    look_at(page, explorer, place=[1, 3, 4])
    before = texts(page, ".cs-cell-sum .cs-sum")
    hold_cell(page, explorer)
    with torch.no_grad():
        model.conv1.weight.mul_(-0.5)
    explorer.update()
    names = ["chain", "maps", "limits", "kernels", "rows", "zeros", "strongest", "scores", "cells", "problem"]
    state = carried({name: getattr(explorer.view, name) for name in names})
    page.evaluate("(state) => view.renew(state)", state)
    asked(page, explorer)
    assert texts(page, ".cs-cell-sum .cs-sum") != before
    hold_cell(page, explorer)


def test_the_page_is_told_which_epoch_it_shows_and_choosing_one_there_shows_it():
    images, labels = TEST_SET[:IMAGES]
    model = seeded(lambda: SimpleCNN(conv_channels=2))
    explorer = ModelExplorer(model, images, labels)
    explorer.keep()
    kept = explorer.view.scores
    with torch.no_grad():
        model.fc2.weight.mul_(-1)
    explorer.update()
    labels, slider = explorer.view.epochs, explorer.sliders["epoch"]
    assert slider.index == labels.index("now") == len(labels) - 1  # the index is what a page has
    assert explorer.view.scores != kept
    slider.index -= 1  # by hand
    assert (explorer.epoch, explorer.view.scores) == (labels[-2], kept)
    slider.index += 1
    assert (explorer.epoch, explorer.view.scores == kept) == ("now", False)


def test_the_same_number_is_as_bright_in_every_epoch_and_without_a_kernel_another_epoch_says_so(show):
    images, labels = TEST_SET[:IMAGES]
    model = seeded(lambda: SimpleCNN(conv_channels=2))
    explorer = ModelExplorer(model, images, labels)
    with torch.no_grad():
        for weight in model.conv1.parameters():
            weight.mul_(4)
    explorer.keep()
    shown = {}
    for epoch in ("before", "epoch 1"):
        explorer.epoch = epoch
        page = show(explorer, depth="layer", step=1)
        scale = page.locator(".cs-layer-tools .cs-small").text_content()
        shown[epoch] = (scale, painted(page, ".cs-all-maps canvas"))
    assert shown["before"][0] == shown["epoch 1"][0]
    assert shown["before"][0].endswith("the same in every epoch")
    (_, before), (_, after) = shown.values()
    is_grey = (after.abs() < 1) & ~before.isnan()
    assert (4 * before - after)[is_grey].abs().max() < 0.04
    page.evaluate("() => move('epoch', 'before')")
    page.locator(".cs-note", has_text="This is epoch 1: another epoch needs a running kernel.").wait_for()
    page.evaluate("() => move('epoch', 'epoch 1')")
    page.get_by_text("needs a running kernel").wait_for(state="detached")  # a frame later
    assert page.problems == []


def test_a_slider_goes_to_the_strongest_number_where_the_chosen_place_says_nothing(show, explorers):
    explorer = explorers["SimpleCNN"]
    page = show(explorer, depth="layer", step=2, place=[1, 2, 3])
    page.evaluate(
        "() => { const hand = document.body.appendChild(document.createElement('button'));"
        " hand.className = 'cs-slider'; hand.focus(); move('step', 3); }"
    )
    assert state_of(page)[2:] == [3, [1, 2, 3]]  # the same map
    page.evaluate("() => move('step', 5)")
    assert state_of(page)[2:] == [5, explorer._version.strongest_cell(5, 0)]
    assert page.problems == []


def test_what_was_done_to_bytes_is_said_and_long_names_are_whole_when_pointed_at(show):
    model = nn.Sequential()
    model.add_module("the_only_convolution_of_this_network", nn.Conv2d(3, 2, 3))
    explorer = ModelExplorer(model, (TEST_SET.images[:2], [0, 1]))
    page = show(explorer)
    assert "divided by 255" in page.locator(".cs-below .cs-note").text_content()
    title = page.locator(".cs-block-name:visible").nth(1)
    assert title.text_content() == "…this_network"
    assert title.get_attribute("title") == "the_only_convolution_of_this_network"


# -- ways in and out ---------------------------------------------------------------------------------------------


def state_of(page):
    return page.evaluate(
        "() => [sliders.image.get('value'), sliders.depth.get('_options_labels')[sliders.depth.get('index')],"
        " sliders.step.get('value'), view.get('place')]"
    )


def test_the_keyboard_goes_in_moves_and_comes_back_and_the_sliders_follow(show, explorers):
    explorer = explorers["SimpleCNN"]
    page = show(explorer)
    page.locator(".cs-figure-of-model").focus()
    strongest = [explorer._version.strongest_cell(step, 0) for step in (1, 2)]
    walk = [
        ("ArrowRight", [1, "chain", 2, strongest[1]]),
        ("ArrowLeft", [1, "chain", 1, strongest[0]]),
        ("ArrowLeft", [1, "chain", 1, strongest[0]]),
        ("Enter", [1, "layer", 1, strongest[0]]),
    ]
    for key, state in walk:
        page.keyboard.press(key)
        assert state_of(page) == state, key
    page.evaluate("() => view.set('place', [1, 2, 3])")
    walk = [
        ("ArrowRight", [1, "layer", 1, [2, 2, 3]]),
        ("ArrowDown", [2, "layer", 1, [2, 2, 3]]),
        ("Enter", [2, "cell", 1, [2, 2, 3]]),
        ("ArrowDown", [2, "cell", 1, [2, 3, 3]]),
        ("ArrowRight", [2, "cell", 1, [2, 3, 4]]),
        ("Escape", [2, "layer", 1, [2, 3, 4]]),
        ("Escape", [2, "chain", 1, [2, 3, 4]]),
        ("Escape", [2, "chain", 1, [2, 3, 4]]),
    ]
    for key, state in walk:
        page.keyboard.press(key)
        assert state_of(page) == state, key
        assert page.locator(".cs-crumb.cs-here").count() == 1
    assert page.problems == []


def test_a_click_goes_into_a_block_a_map_and_a_number_and_the_line_above_leads_back(show, explorers):
    explorer = explorers["SimpleCNN"]
    page = show(explorer)
    page.locator("[data-step='3']").click()
    assert state_of(page)[1:3] == ["layer", 3]
    grid = page.locator(".cs-all-maps canvas")
    box = grid.bounding_box()
    columns = 16 * 6
    at = {"x": box["width"] * (16 * 4 + 5 + 4) / columns * 0.94, "y": box["height"] * 0.6}
    grid.click(position=at)
    image, depth, step, (map, row, column) = state_of(page)
    assert (image, depth, step, map) == (3, "cell", 3, 4)
    assert 16 > row >= 0 <= column < 16
    asked(page, explorer)
    page.locator(".cs-came-out canvas").click(position={"x": 4, "y": 4})
    assert state_of(page) == [3, "cell", 3, [4, 0, 0]]
    page.get_by_role("button", name="network").click()
    assert state_of(page)[1] == "chain"
    assert page.problems == []


@pytest.mark.parametrize("step", [1, 5])
def test_a_number_in_any_row_that_is_pointed_at_shows_what_it_has_seen_and_enter_opens_it(show, explorers, step):
    explorer = explorers["SimpleCNN"]
    page = show(explorer, depth="layer", step=step)
    look_at(page, explorer, image=1, place=[0, 0, 0])
    page.locator(".cs-figure-of-model").focus()
    grid = page.locator(".cs-all-maps canvas")
    box = grid.bounding_box()
    row_of = ".cs-image-name.cs-lit:visible"

    def shown():
        titles = texts(page, ".cs-way > .cs-title")
        label = page.locator(f"{row_of} canvas").get_attribute("aria-label").split(":")[0]
        return titles[0], label, page.locator(".cs-below .cs-note").text_content().split(":")[0]

    before = shown()
    assert before[:2] == ("image 1", "image 1")
    grid.hover(position={"x": box["width"] * 0.55, "y": box["height"] * 0.6})
    page.wait_for_function(f"() => document.querySelector('{row_of.removesuffix(':visible')}').dataset.image === '2'")
    image, label, head = shown()
    assert (image, label) == ("image 3", "image 3")
    *_, place = state_of(page)
    assert [state_of(page)[0], place] == [1, [0, 0, 0]]  # what is pointed at is not chosen
    map, *at = (int(found) for found in re.findall(r"\d+", head))
    assert map > 0
    assert re.sub(r"\d+", "", head) == ("output[]" if step == 5 else "output[, , ]")
    page.keyboard.press("ArrowDown")  # goes on from the chosen image
    assert state_of(page) == [2, "layer", step, [0, 0, 0]]
    page.mouse.move(0, 0)
    grid.hover(position={"x": box["width"] * 0.55, "y": box["height"] * 0.6})
    page.keyboard.press("Enter")
    assert state_of(page) == [3, "cell", step, [map, *(at or [0, 0])]]
    page.keyboard.press("Escape")
    assert shown()[:2] == ("image 3", "image 3")
    assert page.problems == []


def test_at_another_step_nothing_is_pointed_at(show, explorers):
    explorer = explorers["SimpleCNN"]
    page = show(explorer, depth="layer", step=1)
    look_at(page, explorer, image=1, place=[0, 0, 0])
    grid = page.locator(".cs-all-maps canvas")
    box = grid.bounding_box()
    grid.hover(position={"x": box["width"] * 0.9, "y": box["height"] * 0.9})
    note = page.locator(".cs-below .cs-note")
    page.wait_for_function("() => document.querySelector('.cs-below .cs-note').textContent.startsWith('output[')")
    look_at(page, explorer, step=2)  # by the slider's keys, or by Python: the pointer rests
    assert note.text_content().startswith("F.relu(x): ")
    assert page.problems == []


# What is written above the maps, from left to right: [where it begins, where it ends].
ABOVE = """(heads) => heads.filter((head) => head.textContent).map((head) => {
  const text = document.createRange();
  text.selectNodeContents(head);
  const { left, right } = text.getBoundingClientRect();
  return [left, right];
})"""


def test_above_many_numbers_the_places_stand_apart_however_large_they_are(show):
    model = seeded(lambda: nn.Sequential(nn.Conv2d(3, 16, 1), nn.Flatten()))
    explorer = ModelExplorer(model, load_shapes(1, 8)[1])
    page = show(explorer, depth="layer", step=2)
    for place in (7, 300, 3763, 12002):
        look_at(page, explorer, place=[place, 0, 0])
        names = page.locator(".cs-map-name")
        above = names.evaluate_all(ABOVE)
        assert len(above) > 5, place
        assert all(before[1] + 2 < after[0] for before, after in pairwise(above)), place
        assert str(place) in names.all_text_contents()


def test_a_network_with_one_output_says_no_class(show):
    explorer = ModelExplorer(seeded(lambda: nn.Sequential(nn.Flatten(), nn.Linear(3072, 1))), *TEST_SET[:IMAGES])
    page = show(explorer)
    assert texts(page, ".cs-class-row") == []
    assert "labelled" not in page.locator(".cs-explorer").text_content()
    assert page.problems == []


def test_a_zoom_lasts_a_quarter_of_a_second_on_an_element_of_its_own_and_not_where_motion_is_unwanted(show, explorers):
    page = show(explorers["SimpleCNN"])
    page.locator(".cs-figure-of-model").focus()
    with held_motion(page):
        page.keyboard.press("Enter")
        ((duration, name),) = page.evaluate(
            "() => document.getAnimations().map(({ effect }) => [effect.getTiming().duration, effect.target.className])"
        )
    assert (200 <= duration <= 300, name) == (True, "cs-zoom")
    page.wait_for_function("() => !document.querySelector('.cs-zoom')")
    page.emulate_media(reduced_motion="reduce")
    page.keyboard.press("Escape")
    assert page.evaluate("() => document.getAnimations().length") == 0
    page.emulate_media(reduced_motion="no-preference")


@pytest.fixture(scope="module")
def axe():
    """The source of axe-core. Skips where it cannot be had, but fails under CI."""
    try:
        return (npm.package("axe-core@4.14.1") / "axe.min.js").read_text("utf-8")
    except npm.NpmError as missing:
        if os.environ.get("CI") == "true":
            raise
        pytest.skip(str(missing))


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_axe_finds_nothing_at_any_depth(show, explorers, axe, scheme):
    explorer = explorers["SimpleCNN"]
    page = show(explorer)
    page.emulate_media(color_scheme=scheme, reduced_motion="reduce")
    page.add_style_tag(content=":root { background: Canvas; color-scheme: light dark }")
    page.evaluate(axe)
    for depth, step in [("chain", 1), ("layer", 1), ("cell", 1), ("cell", 3), ("layer", 5), ("cell", 5)]:
        look_at(page, explorer, step=step, depth=depth)
        look_at(page, explorer, place=[0, 0, 0])
        found = page.evaluate("async () => (await axe.run('.cs-explorer', { resultTypes: ['violations'] })).violations")
        assert [(each["id"], each["nodes"][0]["html"]) for each in found] == [], (depth, step)
    page.emulate_media(color_scheme="light", reduced_motion="no-preference")
