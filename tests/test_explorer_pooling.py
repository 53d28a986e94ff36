"""PoolingExplorer: its Python, and what its JavaScript draws, held against torch at every setting, there and back."""

import itertools
import json
import math
import re
from fractions import Fraction
from functools import cache

import pytest
import torch
from pages import cell, held_motion, hold_all, lit, read, sliders_of, with_own_clock
from torch import nn

from helpers.arithmetic import ShapeError, pool_output_size
from helpers.explorers import PoolingExplorer

SLIDERS = sliders_of(PoolingExplorer)
NAMES = [*SLIDERS, "mode", "ceil_mode"]
SETTINGS = [
    dict(zip(NAMES, values, strict=True))
    for values in itertools.product(
        *(range(slider.low, slider.high + 1) for slider in SLIDERS.values()), ("max", "avg"), (False, True)
    )
]

# The gradient is read from the backward view; then the picture is left as it was.
SEEN = """({
  input: rows("input"),
  output: rows("output"),
  won: places(".cs-input .cs-won"),
  winner: places(".cs-input .cs-winner"),
  dropped: places(".cs-input .cs-dropped"),
  skipped: places(".cs-input .cs-skipped"),
  code: text(".cs-code code"),
  numbers: text(".cs-numbers"),
  reckoning: text(".cs-sum"),
  problem: text(".cs-problem"),
  remedy: text(".cs-remedy"),
  torch: text(".cs-torch"),
  title: text(".cs-panel-output .cs-title"),
  gradient: (document.querySelector(".cs-backward").click(), rows("input")),
  turned: document.querySelector(".cs-forward").click(),
})"""


def hold(seen, explorer):
    """Everything read from the page equals what torch says about the explorer's setting."""
    hold_input(seen, explorer)
    try:
        output = explorer.output()[0]
    except (RuntimeError, TypeError) as error:
        hold_refusal(seen, explorer.settings, f"{type(error).__name__}: {error}")
    else:
        hold_output(seen, explorer, output)


def hold_output(seen, explorer, output):
    setting, size = explorer.settings, output.shape[-1]
    call, comment = seen["code"].split("  # ")
    assert repr(eval(call, {"nn": nn})) == repr(explorer.layer()), setting
    assert comment == f"(1, {setting['size']}, {setting['size']}) → (1, {size}, {size})"
    assert seen["title"] == f"output {size} × {size}"
    assert (seen["problem"], seen["remedy"], seen["torch"]) == (None, None, None)
    hold_formula(seen["numbers"], setting, size)
    hold_drawn(seen["output"], output, setting)
    hold_reckoning(seen["reckoning"], setting, output[0, 0])
    padding = setting["padding"]
    gradient = explorer.gradient()[0]
    inside = slice(padding, padding + setting["size"])
    hold_drawn([line[inside] for line in seen["gradient"][inside]], gradient, setting)
    assert set(itertools.chain(*seen["gradient"][:padding])) <= {""}
    won = (gradient.nonzero() + padding).tolist() if setting["mode"] == "max" else []
    assert sorted(seen["won"]) == won, setting
    if setting["mode"] == "max":
        pixels = explorer.input().requires_grad_()
        explorer.layer()(pixels)[0, 0, 0].backward()
        assert seen["winner"] == (pixels.grad[0].nonzero() + padding).tolist(), setting
    hold_unread(seen, setting, size)


def hold_input(seen, explorer):
    around = {"max": "-inf", "avg": "0"}[explorer.mode]
    pixels = torch.tensor([[number(told) for told in line] for line in seen["input"]])
    padded = nn.functional.pad(explorer.input()[0], (explorer.padding,) * 4, value=float(around))
    assert torch.equal(pixels, padded), explorer


def number(told):
    """`−∞`, `−0.44`, `.44` → a float."""
    return float(told.replace("−", "-").replace("∞", "inf"))


def hold_drawn(rows, expected, setting):
    """Equal where a number has two decimals at most; else the nearest number that has."""
    drawn = torch.tensor([[number(told) for told in line] for line in rows])
    assert drawn.shape == expected.shape, setting
    assert ((drawn - expected).abs() <= 0.00501).all(), setting
    short = (expected * 100).round() == expected * 100
    assert torch.equal(drawn[short], expected[short]), setting


def hold_formula(told, setting, size):
    """The formula with the numbers put in gives torch's size, rounded as it says, less what it says torch drops."""
    numbers, remark = re.fullmatch(r"(.*?)(\. The last window would start .* drops it: \d − 1 = \d)?", told).groups()
    left, quotient, result = numbers.removeprefix("= ").split(" = ")
    opening, closing = "⌈⌉" if setting["ceil_mode"] else "⌊⌋"
    exact = eval(left.removesuffix(f"{closing} + 1").replace(opening, "", 1).translate(OPERATORS))
    shown = number(quotient.removeprefix(opening).removesuffix(f"{closing} + 1"))
    assert abs(exact - shown) <= 0.005
    rounded = (-(-exact // 1) if setting["ceil_mode"] else exact // 1) + 1
    assert rounded == int(result) == size + bool(remark), setting
    if remark:
        assert remark.endswith(f": {size + 1} − 1 = {size}")
        start, padding = size * setting["stride"], setting["padding"]
        beyond = "past the padding" if padding else "past the input"
        assert start >= setting["size"] + padding
        assert ("in the right padding" if start < setting["size"] + 2 * padding else beyond) in remark


OPERATORS = str.maketrans({"·": "*", "−": "-"})


def hold_reckoning(told, setting, expected):
    place, terms, result = re.fullmatch(r"(.*?) = (.*) ([=≈] .*)", told).groups()
    assert place == "output[0, 0]"
    if setting["mode"] == "max":
        values = [number(term) for term in terms.removeprefix("max(").removesuffix(")").split(", ")]
        assert max(values) == number(result.removeprefix("= ")) == expected, setting
        assert terms.startswith("max(")
    else:
        total, divisor = terms.replace("−", "-").split(" / ")
        exact = Fraction(eval(total), int(divisor))
        assert torch.tensor(float(exact)) == expected, setting
        assert abs(exact - Fraction(result[2:].replace("−", "-"))) <= Fraction(1, 200)
        assert (result[0] == "=") == (100 % exact.denominator == 0), setting


def hold_unread(seen, setting, size):
    """Hatched or faded are the cells of the padded input that no window covers."""
    windows = (setting["kernel_size"], setting["stride"], setting["dilation"])
    covered = is_covered(setting["size"] + 2 * setting["padding"], size, *windows)
    unread = (~(covered[:, None] & covered)).nonzero().tolist()
    assert sorted(seen["dropped"] + seen["skipped"]) == unread, setting


@cache
def is_covered(padded, count, kernel_size, stride, dilation):
    """For each row whether some window reads it, by torch: a transposed convolution of ones lays the windows down."""
    ones = torch.ones(1, 1, count)
    laid = nn.functional.conv_transpose1d(ones, torch.ones(1, 1, kernel_size), stride=stride, dilation=dilation)
    return nn.functional.pad(laid, (0, padded))[0, 0, :padded] > 0


def hold_refusal(seen, setting, message):
    assert seen["output"] == []
    assert seen["gradient"] == seen["input"]
    assert seen["title"] == "no output"
    assert seen["reckoning"] is None
    values = {"size": 6, "kernel_size": 2, "stride": 2, "padding": 0, "dilation": 1, "ceil_mode": False, **setting}
    room = values["size"] + 2 * values["padding"] - values["dilation"] * (values["kernel_size"] - 1) - 1
    counted = (math.ceil if values["ceil_mode"] else math.floor)(room / values["stride"]) + 1
    assert seen["numbers"].endswith(" ✗") == (counted < 1)  # the formula may be right where torch refuses
    assert seen["code"].endswith(f"→ {message.split(':')[0]}")
    assert seen["torch"] == f"PyTorch says: {message}", setting
    offered = [
        dict(map(as_setting, change.split(" and ")))
        for change in seen["remedy"].removeprefix("Smallest change that works: ").split(" · or ")
    ]
    assert offered
    for change in offered:
        assert runs(setting | change), (setting, change)
    if setting["mode"] == "avg" and setting["dilation"] > 1:
        assert seen["problem"] == "Average pooling has no dilation: nn.AvgPool2d has no such argument."
        alone = [change for change in ({"dilation": 1}, {"mode": "max"}) if runs(setting | change)]
        assert offered == (alone or [{"dilation": 1} | change for change in singly(setting | {"dilation": 1})])
    else:
        with pytest.raises(ShapeError) as caught:
            pool_output_size(**without(setting, "mode"))
        kind = {"max": "max pooling", "avg": "average pooling"}[setting["mode"]]
        assert seen["problem"] == caught.value.problem.replace("max pooling", kind)
        assert offered == (singly(setting) or with_less_padding(setting)), setting


def as_setting(change):
    """`kernel 3` → ("kernel_size", 3)"""
    label, value = change.rsplit(" ", 1)
    name = {"kernel": "kernel_size", "input size": "size"}.get(label, label)
    return name, value if name == "mode" else int(value)


def without(setting, name):
    return {other: value for other, value in setting.items() if other != name}


def singly(setting):
    """The smallest changes that arithmetic names, within the sliders' reach."""
    with pytest.raises(ShapeError) as caught:
        pool_output_size(**without(setting, "mode"))
    reach = {name: range(slider.low, slider.high + 1) for name, slider in SLIDERS.items()}
    return [{name: value} for name, value in caught.value.fixes.items() if value in reach[name]]


def with_less_padding(setting):
    """Where no change is enough alone: as much padding as torch takes, and one more change."""
    eased = {"padding": setting["kernel_size"] // 2}
    return [eased | change for change in singly(setting | eased)]


def runs(setting):
    return is_accepted(*(setting[name] for name in NAMES))


@cache
def is_accepted(size, kernel_size, stride, padding, dilation, mode, ceil_mode):
    """Whether torch makes and runs this layer."""
    spread = {"dilation": dilation} if dilation > 1 else {}
    layer = {"max": nn.MaxPool2d, "avg": nn.AvgPool2d}[mode]
    try:
        layer(kernel_size, stride, padding, ceil_mode=ceil_mode, **spread)(torch.zeros(1, size, size))
    except (RuntimeError, TypeError):
        return False
    return True


def test_every_setting_draws_what_torch_computes_forward_and_backward(stand):
    explorer = PoolingExplorer()
    page = stand(explorer)
    hold_all(SEEN, hold, page, explorer, SETTINGS)
    assert len(SETTINGS) == 7 * 4 * 4 * 3 * 2 * 2 * 2
    assert page.problems == []


def test_the_way_back_is_a_view_of_its_own_and_the_picture_returns_to_what_it_was(stand):
    explorer = PoolingExplorer(size=4, stride=1)
    page = stand(explorer)
    before = read(page, [{}], SEEN)[0]
    forward, backward = (page.get_by_role("button", name=n, exact=True) for n in ("Forward", "Backward"))
    pressed = lambda: [button.get_attribute("aria-pressed") for button in (forward, backward)]  # noqa: E731
    backward.click()
    assert read(page, [{}], '({sent: rows("output"), title: text(".cs-panel-input .cs-title")})') == [
        {"sent": [["1"] * 3] * 3, "title": "gradient of the input 4 × 4"}
    ]
    assert pressed() == ["false", "true"]
    forward.click()
    assert read(page, [{}], SEEN)[0] == before
    assert pressed() == ["true", "false"]


# Turns the picture and points at cells; reads the note and the reckoning below it each time.
POINT = """(direction, cells) => {
  document.querySelector(`.cs-${direction}`).click();
  const [note, line] = [".cs-note > :first-child", ".cs-sum"].map((name) => document.querySelector(name));
  return cells.map(([grid, row, column]) => {
    const cell = document.querySelector(`[data-grid="${grid}"][data-row="${row}"][data-column="${column}"]`);
    cell.dispatchEvent(new PointerEvent("pointerover", { bubbles: true }));
    return [note.textContent, line.style.visibility !== "hidden" && line.textContent];
  });
}"""


def told(page, setting, direction, cells):
    """The note and the reckoning below the picture while each of these cells is pointed at, (grid, row, column)."""
    return read(page, [setting], f"({POINT})({json.dumps(direction)}, {json.dumps(cells)})")[0]


def inputs(explorer):
    """The cells of the input, without its padding."""
    inside = range(explorer.padding, explorer.padding + explorer.size)
    return list(itertools.product(["input"], inside, inside))


@pytest.mark.parametrize(
    "setting",
    [
        {"size": 5, "stride": 1},
        {"size": 5, "kernel_size": 3, "padding": 1, "ceil_mode": True},
        {"size": 5, "kernel_size": 2, "padding": 1, "dilation": 2, "stride": 1},
    ],
)
def test_each_input_cell_says_how_many_windows_it_wins_and_what_gradient_it_gets(stand, setting):
    explorer = PoolingExplorer(**setting)
    page = stand(explorer)
    gradient = explorer.gradient()[0].int()
    places = itertools.product(range(5), repeat=2)
    for (row, column), (note, line) in zip(places, told(page, {}, "backward", inputs(explorer)), strict=True):
        won = int(gradient[row, column])
        name = f"[{row}, {column}]"
        windows = {0: "no window", 1: "1 window"}.get(won, f"{won} windows")
        ones = f" = {' + '.join(['1'] * won)}" if won > 1 else ""
        if "never read" not in note:
            assert note.endswith(f"input{name} wins {windows}: gradient {won}.")
        assert line == f"gradient{name}{ones} = {won}"


@pytest.mark.parametrize(
    "setting", [{"size": 5, "kernel_size": 3, "padding": 1, "stride": 1}, {"size": 5, "kernel_size": 3, "stride": 2}]
)
def test_the_shares_of_an_average_add_up_to_torchs_gradient(stand, setting):
    explorer = PoolingExplorer(mode="avg", ceil_mode=True, **setting)
    page = stand(explorer)
    gradient = explorer.gradient()[0]
    places = itertools.product(range(explorer.size), repeat=2)
    for (row, column), (note, line) in zip(places, told(page, {}, "backward", inputs(explorer)), strict=True):
        name, shares, result = re.fullmatch(r"(.*?) = (.*) ([=≈] .*)", line).groups()
        exact = sum(map(Fraction, shares.split(" + ")))
        assert name == f"gradient[{row}, {column}]"
        assert float(exact) == pytest.approx(float(gradient[row, column]), abs=1e-6)
        assert abs(exact - Fraction(result[2:])) <= Fraction(1, 200)
        assert (result[0] == "=") == (100 % exact.denominator == 0)
        assert note.endswith(f": gradient {result[2:]}.")


SENTENCES = [
    ({}, "forward", ("output", 0, 0), "The winner is input[1, 1]."),
    ({}, "forward", ("output", 1, 1), "The winner is input[2, 2], the first of 2 equals."),
    ({"ceil_mode": True, "size": 5}, "forward", ("output", 2, 2), "is input[4, 4]. 3 cells hang over the border."),
    ({"stride": 1}, "forward", ("input", 1, 1), "input[1, 1] is in 4 windows and wins 3 of them."),
    ({}, "forward", ("input", 0, 0), "input[0, 0] is in 1 window and wins none."),
    ({}, "forward", ("input", 1, 1), "input[1, 1] is in 1 window and wins it."),
    ({"padding": 1}, "forward", ("input", 0, 0), "This padding, −∞, is in 1 window and wins none."),
    ({"padding": 1}, "backward", ("input", 0, 0), "This padding, −∞, never wins: no gradient comes here."),
    ({"size": 5}, "forward", ("input", 4, 4), "input[4, 4] is never read."),
    ({"size": 5}, "backward", ("input", 4, 4), "input[4, 4] is never read: gradient 0."),
    ({}, "backward", ("output", 1, 1), "sends its 1 back to its winner, input[2, 2], the first of 2 equals."),
    ({"mode": "avg"}, "forward", ("input", 0, 0), "input[0, 0] is in 1 window, as one of the terms."),
    ({"mode": "avg", "padding": 1}, "forward", ("output", 0, 0), "The mean of 4 cells; 3 are padding, counted as 0."),
    (
        {"mode": "avg", "size": 4, "padding": 1, "kernel_size": 3, "ceil_mode": True},
        "forward",
        ("output", 2, 2),
        "The mean of 4 cells; 3 are padding, counted as 0. 5 more hang over the border.",
    ),
    ({"mode": "avg", "padding": 1}, "backward", ("output", 0, 0), "of its 4 cells; 3 are padding: there it is lost."),
    ({"mode": "avg", "padding": 1}, "backward", ("input", 0, 0), "keeps no gradient: its share is lost."),
    ({"mode": "avg", "kernel_size": 1}, "backward", ("output", 0, 0), "output[0, 0] sends its 1 to its one cell."),
]  # fmt: skip


def test_the_sentence_below_says_what_a_cell_has_to_do_with_the_windows(stand):
    explorer = PoolingExplorer()
    page = stand(explorer)
    for setting, direction, place, sentence in SENTENCES:
        ((note, _),) = told(page, explorer.settings | setting, direction, [place])
        assert note.endswith(sentence)


def test_hovering_an_input_cell_lights_the_outputs_that_read_it_and_fills_those_it_wins(stand):
    explorer = PoolingExplorer(size=5, kernel_size=3, stride=1)
    page = stand(explorer)
    cell(page, "input", 2, 2).hover()
    assert lit(page, "output") == set(itertools.product(range(3), repeat=2))
    pixels = explorer.input().requires_grad_()
    outputs = explorer.layer()(pixels)[0].flatten()
    won = [index for index, each in enumerate(outputs) if gradient_of(each, pixels)[2, 2]]
    drawn = page.locator('[data-grid="output"].cs-winner').evaluate_all(
        "(cells) => cells.map((cell) => 3 * Number(cell.dataset.row) + Number(cell.dataset.column))"
    )
    assert drawn == won
    assert 0 < len(won) < 9


def gradient_of(number, pixels):
    return torch.autograd.grad(number, pixels, retain_graph=True)[0][0]


def test_a_window_over_the_border_is_drawn_over_the_border(stand):
    page = stand(PoolingExplorer(size=5, kernel_size=3, stride=2, ceil_mode=True, padding=1, mode="avg"))
    page.evaluate("() => { sliders.size.set('value', 4); }")
    cell(page, "output", 2, 2).click()
    window = page.locator(".cs-window").bounding_box()
    last = cell(page, "input", 5, 5).bounding_box()
    first = cell(page, "input", 4, 4).bounding_box()
    size = last["x"] - first["x"]
    assert window["x"] == pytest.approx(first["x"], abs=5)
    assert window["x"] + window["width"] == pytest.approx(last["x"] + last["width"] + size, abs=5)
    assert window["y"] + window["height"] == pytest.approx(last["y"] + last["height"] + size, abs=5)
    figure = page.locator(".cs-figure").bounding_box()
    assert figure["y"] + figure["height"] >= window["y"] + window["height"] - 3  # its frame stands in the gap below
    assert page.locator(".cs-sum").text_content() == "output[2, 2] = (8 + 0 + 0 + 0) / 4 = 2"


def test_an_average_puts_brackets_around_negative_numbers_but_the_first(stand):
    page = stand(PoolingExplorer(size=5, kernel_size=2, stride=2, ceil_mode=True, mode="avg"))
    cell(page, "output", 0, 1).click()
    assert page.locator(".cs-sum").text_content() == "output[0, 1] = (−2 + (−5) + (−3) + (−7)) / 4 = −4.25"
    cell(page, "output", 2, 2).click()
    assert page.locator(".cs-sum").text_content() == "output[2, 2] = (−4) / 1 = −4"


@pytest.mark.parametrize("width", [360, 700, 1100])
def test_pointing_somewhere_else_does_not_move_what_is_below_in_either_direction(stand, width):
    page = stand(PoolingExplorer(), viewport={"width": width, "height": 900})
    heights = """["forward", "backward"].map((direction) => {
      document.querySelector(`.cs-${direction}`).click();
      const cells = ["input", "output"].flatMap((grid) =>
        [...document.querySelectorAll(`[data-grid="${grid}"]`)].filter((_, index) => index % 11 === 0).filter(visible));
      return cells.map((cell) => {
        cell.dispatchEvent(new PointerEvent("pointerover", { bubbles: true }));
        return document.querySelector(".cs-explorer").getBoundingClientRect().height;
      });
    })"""
    for setting in (
        {"size": 8, "kernel_size": 4, "stride": 1, "padding": 2},
        {"size": 7, "kernel_size": 3, "stride": 2, "padding": 1, "ceil_mode": True},
        {"size": 8, "kernel_size": 4, "stride": 4, "padding": 1, "ceil_mode": True},
    ):
        for mode in ("max", "avg"):
            for seen in read(page, [setting | {"mode": mode}], heights)[0]:
                assert len(set(seen)) == 1, (setting, mode, seen)


def test_a_screen_reader_is_told_the_setting_and_its_result(stand):
    page = stand(PoolingExplorer(size=5, mode="avg"))
    page.wait_for_function("() => document.querySelector('.cs-spoken').textContent")
    assert page.locator("[aria-live]").text_content() == (
        "Average pooling, input 5 by 5, kernel 2, stride 2, padding 0, dilation 1: output 2 by 2. "
        "The last row and column are never read: the floor drops them. "
        "Output row 0, column 0 is 2.5. The mean of 4 cells."
    )


def test_the_gradient_goes_to_the_first_of_equals_and_adds_up_where_windows_overlap():
    explorer = PoolingExplorer(stride=1)
    gradient = explorer.gradient()
    assert gradient.shape == (1, 6, 6)
    assert gradient.sum() == explorer.output().numel() == 25
    assert PoolingExplorer(size=6).gradient()[0, 1, 4:].tolist() == [1, 0]  # both are 5


def test_an_impossible_setting_raises_what_torch_raises():
    for method in ("output", "gradient"):
        with pytest.raises(RuntimeError, match="pad should be at most half of effective kernel size"):
            getattr(PoolingExplorer(padding=2), method)()
        with pytest.raises(RuntimeError, match="Output size is too small"):
            getattr(PoolingExplorer(size=2, kernel_size=3), method)()
        with pytest.raises(TypeError, match="unexpected keyword argument 'dilation'"):
            getattr(PoolingExplorer(mode="avg", dilation=2), method)()


@pytest.mark.parametrize(
    ("name", "value", "error", "sentence"),
    [
        ("mode", "mean", ValueError, "mode wants one of 'max', 'avg', but got 'mean'."),
        ("mode", None, ValueError, "mode wants one of 'max', 'avg', but got None."),
        ("ceil_mode", 1, TypeError, "ceil_mode wants True or False, but got 1. Did you mean True?"),
        ("size", 9, ValueError, "size wants a whole number from 2 to 8, but got 9. The nearest is 8."),
        ("dilation", 0, ValueError, "dilation wants a whole number from 1 to 2, but got 0. The nearest is 1."),
    ],
)
def test_what_a_control_cannot_take_is_refused_in_a_sentence_and_nothing_moves(name, value, error, sentence):
    explorer = PoolingExplorer()
    with pytest.raises(error) as caught:
        setattr(explorer, name, value)
    assert str(caught.value) == sentence
    assert explorer.settings == PoolingExplorer().settings
    with pytest.raises(error):
        PoolingExplorer(**{name: value})


def test_the_text_form_gives_the_shapes():
    form = "PoolingExplorer: (1, 6, 6) → MaxPool2d(kernel_size=2, stride=2) → (1, 3, 3)"
    assert repr(PoolingExplorer()) == form
    assert repr(PoolingExplorer(size=5, mode="avg", ceil_mode=True)) == (
        "PoolingExplorer: (1, 5, 5) → AvgPool2d(kernel_size=2, stride=2, ceil_mode=True) → (1, 3, 3)"
    )
    assert repr(PoolingExplorer(mode="avg", dilation=2)).endswith("dilation=2) → no output")
    explorer = PoolingExplorer()
    for setting in SETTINGS[::7]:
        for name, value in setting.items():
            setattr(explorer, name, value)
        shape = f"{tuple(explorer.output().shape)}" if runs(setting) else "no output"
        assert repr(explorer).endswith(f" → {shape}")
        assert len(repr(explorer)) <= 110  # ipywidgets cuts there


def veiled(page, grid="input"):
    """The cells of a grid that veils lie on."""
    boxes = page.evaluate(
        "() => [...document.querySelectorAll('.cs-veil')].map((e) => e.getBoundingClientRect().toJSON())"
    )
    first, last = (cells(page, grid)[end].bounding_box() for end in (0, -1))
    step = first["width"] + 2
    inside = [box for box in boxes if first["x"] - 1 <= box["x"] <= last["x"] + 1]
    return {(round((box["y"] - first["y"]) / step), round((box["x"] - first["x"]) / step)) for box in inside}


def cells(page, grid):
    return page.locator(f'[data-grid="{grid}"]:visible').all()


def test_a_step_carries_the_winner_to_the_output_and_its_gradient_back(stand):
    page = stand(PoolingExplorer())
    flyer = page.locator(".cs-flyer")
    with held_motion(page):
        page.locator(".cs-figure").press("ArrowRight")
        assert flyer.text_content() == cell(page, "output", 0, 1).text_content()
        assert veiled(page) == {(0, 3), (1, 2), (1, 3)}  # the winner is at (0, 2)
        assert veiled(page, "output") == {(0, 1)}  # seen when the winner lands
    page.wait_for_function("() => !document.getAnimations().length")
    assert flyer.count() == len(veiled(page)) == 0
    page.get_by_role("button", name="Backward").click()
    with held_motion(page):
        page.locator(".cs-figure").press("ArrowDown")
        assert flyer.text_content() == "1"
        assert veiled(page) == {(2, 2)}
        assert not veiled(page, "output")
        to = page.evaluate("() => document.getAnimations().at(-1).effect.getKeyframes().at(-1).transform")
    figure, won = page.locator(".cs-figure").bounding_box(), page.locator(".cs-winner:visible").first.bounding_box()
    x, y = (float(part) for part in re.findall(r"([\d.]+)px", to)[:2])
    assert (x, y) == pytest.approx(
        (won["x"] + won["width"] / 2 - figure["x"], won["y"] + won["height"] / 2 - figure["y"])
    )


AHEAD = """(grid) => [...document.querySelectorAll(`[data-grid="${grid}"].cs-ahead`)]
  .filter((cell) => cell.checkVisibility()).map((cell) => [Number(cell.dataset.row), Number(cell.dataset.column)])"""


def test_playing_moves_the_window_first_and_what_it_reads_is_said_when_it_is_there(stand):
    page = with_own_clock(stand(PoolingExplorer()))
    page.get_by_role("button", name="Play").click()
    page.clock.run_for(500)
    assert page.evaluate("() => document.getAnimations().length") == 1, "the window is on its way"
    assert page.locator(".cs-sum").text_content().startswith("output[0, 0] = ")
    assert lit(page, "output") == {(0, 0)}
    assert page.locator(".cs-flyer").count() == 0
    page.clock.run_for(100)
    assert page.locator(".cs-sum").text_content().startswith("output[0, 1] = ")
    assert lit(page, "output") == {(0, 1)}
    assert page.locator(".cs-flyer").count() == 1
    page.clock.run_for(400)  # again on its way, and then pointed away from
    cell(page, "output", 2, 2).hover()
    assert lit(page, "output") == {(2, 2)}
    window, read_there = page.locator(".cs-window").bounding_box(), cell(page, "input", 4, 4).bounding_box()
    assert window["x"] == pytest.approx(read_there["x"], abs=5)
    assert window["y"] == pytest.approx(read_there["y"], abs=5)


@pytest.mark.parametrize("setting", [{}, {"size": 5, "stride": 1}, {"size": 5, "stride": 1, "mode": "avg"}])
def test_playing_prints_the_output_and_backward_the_gradient_as_far_as_it_has_arrived(stand, setting):
    explorer = PoolingExplorer(**setting)
    page = with_own_clock(stand(explorer))
    pixels = explorer.input().requires_grad_()
    outputs = explorer.layer()(pixels)[0]
    side = outputs.shape[-1]
    places = list(itertools.product(range(side), repeat=2))
    page.get_by_role("button", name="Play").click()
    assert len(page.evaluate(AHEAD, "output")) == side**2 - 1
    page.clock.run_for(1200)
    assert [tuple(place) for place in page.evaluate(AHEAD, "output")] == places[3:]
    won = {tuple(g.nonzero()[0].tolist()) for g in (gradient_of(outputs[place], pixels) for place in places[:3])}
    drawn = read(page, [{}], 'places(".cs-input .cs-won")')[0]
    assert {tuple(place) for place in drawn} == (won if explorer.mode == "max" else set())
    page.get_by_role("button", name="Backward").click()
    page.clock.run_for(1200)
    arrived = sum(gradient_of(outputs[place], pixels) for place in places[:5])
    whole, ahead = explorer.gradient()[0], {tuple(place) for place in page.evaluate(AHEAD, "input")}
    notes = page.locator('[data-grid="input"]:visible').evaluate_all(
        "(cells) => cells.map((cell) => cell.dataset.note)"
    )
    for place, note in zip(itertools.product(range(explorer.size), repeat=2), notes, strict=True):
        if place in ahead:
            assert float(note or 0) == arrived[place], place
        else:
            assert note == ""
            assert arrived[place] == whole[place], place
    shown = read(page, [{}], 'rows("input")')[0]
    assert torch.equal(torch.tensor([[float(text) for text in row] for row in shown]), whole)
    page.get_by_role("button", name="Pause").click()
    assert {tuple(place) for place in page.evaluate(AHEAD, "input")} == ahead
    page.locator(".cs-figure").press("Escape")
    assert page.evaluate(AHEAD, "input") == page.evaluate(AHEAD, "output") == []
