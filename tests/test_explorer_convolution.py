"""ConvolutionExplorer: its Python, and what its JavaScript draws, held against torch at every slider setting."""

import itertools
from functools import partial

import pages
import pytest
import torch
from pages import (
    calculated,
    cell,
    held_motion,
    never_read,
    number,
    pointed,
    sliders_of,
    tensor,
    what_torch_says,
    with_own_clock,
    written,
)
from torch import nn

from helpers.arithmetic import ShapeError, conv_output_size
from helpers.explorers import ConvolutionExplorer

CONVOLUTION = sliders_of(ConvolutionExplorer)
SETTINGS = [
    dict(zip(CONVOLUTION, values, strict=True))
    for values in itertools.product(*(range(slider.low, slider.high + 1) for slider in CONVOLUTION.values()))
]

SEEN = """({
  input: rows("input"),
  kernel: rows("kernel"),
  output: rows("output"),
  dropped: places(".cs-input .cs-dropped"),
  skipped: places(".cs-input .cs-skipped"),
  code: text(".cs-code code"),
  numbers: text(".cs-numbers"),
  sum: text(".cs-sum"),
  problem: text(".cs-problem"),
  remedy: text(".cs-remedy"),
  torch: text(".cs-torch"),
  title: text(".cs-panel-output .cs-title"),
})"""


def hold(seen, explorer):
    """Compare each number and sentence read from the page with torch, at the explorer's setting."""
    setting, layer = explorer.settings, explorer.layer()
    assert written(seen["code"].split("#")[0]) == repr(layer), setting
    expected, refusal = what_torch_says(layer, explorer.input())
    padding = (setting["padding"],) * 4
    assert torch.equal(tensor(seen["input"]), nn.functional.pad(explorer.input(), padding)), setting
    assert torch.equal(tensor(seen["kernel"]), layer.weight.detach()[0]), setting
    if refusal:
        assert seen["output"] == [], setting
        assert seen["title"] == "no output"
        assert seen["torch"] == f"PyTorch says: RuntimeError: {refusal}", setting
        assert seen["sum"] is None
        assert seen["numbers"].endswith("✗")
        hold_against_shape_error(seen, setting)
    else:
        size = expected.shape[-1]
        assert torch.equal(tensor(seen["output"]), expected), setting
        assert seen["title"] == f"output {size} × {size}"
        assert seen["numbers"].endswith(f"⌋ + 1 = {size}")
        assert seen["problem"] is None
        place, terms, total = seen["sum"].split(" = ")
        assert place == "output[0, 0]" + ", row by row" * (setting["kernel_size"] > 5)
        assert number(total) == calculated(terms) == expected[0, 0, 0]
        assert len(terms.split(" + ")) == setting["kernel_size"] ** (1 if "row by row" in place else 2)
        padded, reading = setting["size"] + 2 * setting["padding"], ("kernel_size", "stride", "dilation")
        unread = never_read(padded, *(setting[name] for name in reading))
        assert {tuple(place) for place in seen["dropped"] + seen["skipped"]} == set(unread), setting


hold_all = partial(pages.hold_all, SEEN, hold)


def hold_against_shape_error(seen, setting):
    """The page explains an impossible setting as arithmetic does, and offers only changes that torch accepts."""
    with pytest.raises(ShapeError) as caught:
        conv_output_size(**setting)
    assert seen["problem"] == caught.value.problem
    words = {"padding": "padding", "kernel": "kernel_size", "dilation": "dilation", "input size": "size"}
    offered = {}
    for change in seen["remedy"].removeprefix("Smallest change that works: ").split(" · or "):
        label, value = change.rsplit(" ", 1)
        offered[words[label]] = int(value)
    reachable = {
        name: value
        for name, value in caught.value.fixes.items()
        if CONVOLUTION[name].low <= value <= CONVOLUTION[name].high
    }
    assert offered == reachable, setting
    assert offered


def test_every_slider_setting_draws_what_torch_computes(stand):
    explorer = ConvolutionExplorer()
    page = stand(explorer)
    hold_all(page, explorer, SETTINGS)
    assert len(SETTINGS) == 10 * 7 * 4 * 4 * 3
    assert page.problems == []


SOME = [dict(zip(CONVOLUTION, (12, size, 2, 1, dilation), strict=True)) for size in range(1, 8) for dilation in (1, 2)]


@pytest.mark.parametrize("preset", ConvolutionExplorer().view.presets)
def test_every_preset_draws_what_torch_computes(stand, preset):
    explorer = ConvolutionExplorer()
    explorer.view.weights = explorer.view.presets[preset]
    page = stand(explorer)
    assert page.locator("select").input_value() == preset
    hold_all(page, explorer, SOME)


def test_an_edit_draws_what_torch_computes(stand):
    explorer = ConvolutionExplorer(size=5)
    explorer.weight = [[1, -9, 2], [0, 3, 0], [9, 9, -1]]
    page = stand(explorer)
    assert page.locator("select").input_value() == "edited"
    hold_all(page, explorer, [setting for setting in SOME if setting["kernel_size"] == 3])


@pytest.mark.parametrize("preset", ["vertical edges", "horizontal edges", "sharpen", "sum", "top left only"])
def test_a_preset_is_named_only_where_the_kernel_is_large_enough_to_do_what_its_name_says(stand, preset):
    explorer = ConvolutionExplorer()
    explorer.view.weights = kernels = explorer.view.presets[preset]
    page = stand(explorer)
    for size in (1, 2, 3, 7, 2):
        page.evaluate("(size) => sliders.kernel_size.set('value', size)", size)
        weights = torch.tensor(kernels[size - 1])
        true = {
            "vertical edges": weights.sum() == 0,
            "horizontal edges": weights.sum() == 0,
            "sharpen": weights.sum() == 1 and weights.min() < 0,
        }.get(preset, True)
        assert page.locator("select").input_value() == (preset if true else "identity")
        assert page.locator("option", has_text=preset).is_enabled() == true
        if not true:
            assert weights.sum() == weights.abs().sum() == 1


def test_a_weight_typed_into_the_kernel_changes_the_picture_and_the_shared_state(stand):
    explorer = ConvolutionExplorer(size=4)
    page = stand(explorer)
    weight = page.get_by_label("weight, row 0, column 2")
    weight.fill("-7")
    weight.press("Enter")
    page.locator(".cs-figure").press("Escape")
    explorer.weight = [[1, 0, -7], [2, 0, -2], [1, 0, -1]]
    assert page.evaluate("() => window.view.get('weights')") == explorer.view.weights
    hold_all(page, explorer, [explorer.settings])
    page.get_by_label("Preset weights").select_option("sum")
    explorer.weight = [[1] * 3] * 3
    hold_all(page, explorer, [explorer.settings])


@pytest.mark.parametrize("typed", ["", "x", "1.5", "10", "-10", "1e0"])
def test_a_weight_that_is_no_small_whole_number_is_refused_with_a_sentence(stand, typed):
    page = stand(ConvolutionExplorer())
    weight = page.get_by_label("weight, row 0, column 0")
    weight.fill(typed)
    weight.press("Enter")
    assert page.locator(".cs-message").text_content() == f"A weight is a whole number from −9 to 9; “{typed}” is not."
    assert weight.input_value() == "1"


def test_hovering_an_output_lights_what_it_reads_and_an_input_what_reads_it(stand):
    explorer = ConvolutionExplorer(size=7, kernel_size=2, stride=2, padding=1, dilation=2)
    page = stand(explorer)
    layer = explorer.layer()
    torch.nn.init.ones_(layer.weight)
    size = explorer.output().shape[-1]
    reads = {}
    for row, column in itertools.product(range(size), repeat=2):
        pixels = torch.zeros(1, 9, 9, requires_grad=True)
        layer.padding = (0, 0)
        layer(pixels)[0, row, column].backward()
        reads[row, column] = {tuple(place) for place in pixels.grad[0].nonzero().tolist()}
    seen = """({
      ...Object.fromEntries(["input", "output"].map((grid) => [grid, places(`[data-grid=${grid}].cs-lit`)])),
      told: text(".cs-one-place .cs-note"),
    })"""
    lit = lambda shown, grid: {tuple(place) for place in shown[grid]}  # noqa: E731
    for place, shown in zip(reads, pointed(page, "output", reads, seen), strict=True):
        assert lit(shown, "input") == reads[place]
        assert lit(shown, "output") == {place}
    pixels = list(itertools.product(range(9), repeat=2))
    for place, shown in zip(pixels, pointed(page, "input", pixels, seen), strict=True):
        readers = {output for output, inputs in reads.items() if place in inputs}
        assert lit(shown, "output") == readers
        assert (f"is read by {len(readers)} output" if readers else "is never read") in shown["told"]
    weights = list(itertools.product(range(2), repeat=2))
    for (row, column), shown in zip(weights, pointed(page, "kernel", weights, seen), strict=True):
        assert lit(shown, "input") == {(2 * r + 2 * row, 2 * c + 2 * column) for r, c in reads}


@pytest.mark.parametrize("dilation", [1, 2])
def test_the_window_lies_on_the_cells_an_output_reads_and_each_is_noted_with_its_weight(stand, dilation):
    explorer = ConvolutionExplorer(size=9, kernel_size=3, stride=2, dilation=dilation)
    explorer.weight = [[1, 2, 3], [4, 5, 6], [7, 8, 9]]
    page = stand(explorer)
    cell(page, "output", 0, 1).click()
    read = {(row * dilation, 2 + column * dilation): weight for row, line in enumerate(explorer.weight)
            for column, weight in enumerate(line)}  # fmt: skip
    notes = page.locator(".cs-input .cs-noted").evaluate_all(
        "(cells) => cells.map((cell) => [Number(cell.dataset.row), Number(cell.dataset.column), cell.dataset.note])"
    )
    assert {(row, column): note for row, column, note in notes} == {place: f"×{w}" for place, w in read.items()}
    window = page.locator(".cs-window").bounding_box()
    corners = [cell(page, "input", *place).bounding_box() for place in (min(read), max(read))]
    assert window["x"] == pytest.approx(corners[0]["x"], abs=5)
    assert window["y"] == pytest.approx(corners[0]["y"], abs=5)
    assert window["x"] + window["width"] == pytest.approx(corners[1]["x"] + corners[1]["width"], abs=5)
    assert window["y"] + window["height"] == pytest.approx(corners[1]["y"] + corners[1]["height"], abs=5)
    terms = page.locator(".cs-sum").text_content().split(" = ")[1].split(" + ")
    pixels = explorer.input()[0].int()
    assert terms == [f"{pixels[place]}·{weight}" for place, weight in read.items()]


@pytest.mark.parametrize(("stride", "moved"), [(1, 2), (2, 0)])
def test_a_cell_stays_the_same_while_the_padding_grows_around_it(stand, stride, moved):
    page = stand(ConvolutionExplorer(size=7, kernel_size=3, stride=stride, padding=1))
    same = "(cell, name) => cell === (window[name] ??= cell)"
    assert cell(page, "input", 1, 1).evaluate(same, "pixel")
    assert cell(page, "output", 0, 0).evaluate(same, "sum")
    page.evaluate("window.move('padding', 3)")
    assert cell(page, "input", 3, 3).evaluate(same, "pixel")
    assert cell(page, "output", moved, moved).evaluate(same, "sum")


def test_after_the_output_has_shrunk_the_keys_go_on_from_its_border(stand):
    page = stand(ConvolutionExplorer(size=12))
    cell(page, "output", 9, 9).click()
    page.evaluate("() => sliders.size.set('value', 6)")
    page.locator(".cs-figure").press("ArrowLeft")
    assert page.locator(".cs-sum").text_content().startswith("output[3, 2]")


def test_after_a_pinned_input_cell_is_gone_the_keys_go_on_from_the_output_shown(stand):
    page = stand(ConvolutionExplorer(size=12))
    cell(page, "input", 11, 11).click()
    page.mouse.move(2, 2)
    page.evaluate("() => sliders.size.set('value', 6)")
    assert page.locator(".cs-sum").text_content().startswith("output[0, 0]")
    page.locator(".cs-figure").press("ArrowRight")
    assert page.locator(".cs-sum").text_content().startswith("output[0, 1]")


def test_a_click_pins_a_cell_and_escape_lets_go(stand):
    page = stand(ConvolutionExplorer())
    sum_of = lambda: page.locator(".cs-sum").text_content().split(" = ")[0]  # noqa: E731
    cell(page, "output", 2, 3).click()
    cell(page, "output", 4, 4).hover()
    assert sum_of() == "output[4, 4]"
    page.mouse.move(2, 2)
    assert sum_of() == "output[2, 3]"
    page.locator(".cs-figure").press("Escape")
    assert sum_of() == "output[0, 0]"


def test_playing_visits_every_output_in_turn_and_stops_at_a_key(stand):
    page = stand(ConvolutionExplorer(size=4))
    with_own_clock(page)
    page.get_by_role("button", name="Play").click()
    visited = []
    for _ in range(5):
        page.clock.run_for(600)
        visited.append(page.locator(".cs-sum").text_content().split(" = ")[0])
    assert visited == [f"output[{place}]" for place in ("0, 1", "1, 0", "1, 1", "0, 0", "0, 1")]
    page.locator(".cs-figure").press("ArrowDown")
    page.clock.run_for(3000)
    assert page.locator(".cs-sum").text_content().startswith("output[1, 1]")
    assert page.get_by_role("button", name="Play").is_visible()
    page.locator(".cs-figure").press("Space")
    assert page.get_by_role("button", name="Pause").is_visible()


def test_without_an_output_there_is_nothing_to_play(stand):
    page = stand(ConvolutionExplorer())
    page.get_by_role("button", name="Play").click()
    page.evaluate("() => { sliders.size.set('value', 3); sliders.kernel_size.set('value', 7); }")
    assert page.get_by_role("button", name="Play").is_disabled()
    page.evaluate("() => sliders.kernel_size.set('value', 3)")
    assert page.get_by_role("button", name="Play").is_enabled()


def test_a_screen_reader_is_told_the_setting_and_its_result(stand):
    page = stand(ConvolutionExplorer(size=8, stride=2))
    page.wait_for_function("() => document.querySelector('.cs-spoken').textContent")
    assert page.locator("[aria-live]").text_content() == (
        "Input 8 by 8, kernel 3, stride 2, padding 0, dilation 1: output 3 by 3. "
        "The last row and column are never read: the floor drops them. Output row 0, column 0 is -24."
    )


@pytest.mark.parametrize(
    "weight",
    [
        [[1, 2], [3, 4]],
        [[1, 2, 3]],
        5,
        [[0.5] * 3] * 3,
        [[10] * 3] * 3,
        torch.zeros(3, 2),
        [["1"] * 3] * 3,
        [[float("inf")] * 3] * 3,
        [[float("nan")] * 3] * 3,
        [[True] * 3] * 3,
        [[None] * 3] * 3,
    ],
)
def test_weights_of_a_wrong_shape_or_size_are_refused_and_the_kernel_stays(weight):
    explorer = ConvolutionExplorer()
    before = explorer.weight
    with pytest.raises((TypeError, ValueError), match=r"^weight wants .*, but got "):
        explorer.weight = weight
    assert explorer.weight == before


def test_a_tensor_of_whole_numbers_can_be_the_kernel():
    explorer = ConvolutionExplorer()
    explorer.weight = torch.arange(9.0).reshape(3, 3)
    assert explorer.layer().weight.tolist() == [[[[0, 1, 2], [3, 4, 5], [6, 7, 8]]]]


def test_asking_for_the_layer_leaves_the_random_state_alone():
    before = torch.random.get_rng_state()
    ConvolutionExplorer().layer()
    assert torch.equal(torch.random.get_rng_state(), before)


def test_the_text_form_gives_the_shapes():
    assert repr(ConvolutionExplorer()) == "ConvolutionExplorer: (1, 7, 7) → Conv2d(kernel_size=3) → (1, 5, 5)"
    impossible = ConvolutionExplorer(size=4, kernel_size=7, padding=1)
    assert repr(impossible) == "ConvolutionExplorer: (1, 4, 4) → Conv2d(kernel_size=7, padding=1) → no output"
    assert max(len(repr(ConvolutionExplorer(**setting))) for setting in SETTINGS[::31]) <= 110  # ipywidgets cuts there


def blank(page):
    return page.locator('[data-grid="output"].cs-ahead').count()


def sum_of(page):
    return page.locator(".cs-sum").text_content().split(" = ")[0]


def test_the_window_can_be_dragged_and_no_text_is_selected(stand):
    page = stand(ConvolutionExplorer(stride=2))
    start = cell(page, "input", 1, 1).bounding_box()
    page.mouse.move(start["x"] + 10, start["y"] + 10)
    page.mouse.down()
    side = start["width"] + 2
    page.mouse.move(start["x"] + 10 + 2 * side + 5, start["y"] + 10 + 1.6 * side, steps=6)
    assert sum_of(page) == "output[1, 1]"  # two cells right, nearly two down: one stride each
    assert blank(page) == 9 - 5  # those behind it
    page.mouse.move(start["x"] + 900, start["y"] + 10, steps=3)
    assert sum_of(page) == "output[0, 2]"  # as far as it goes
    page.mouse.up()
    assert sum_of(page) == "output[0, 2]"
    assert blank(page) == 0
    assert page.evaluate("() => getSelection().toString()") == ""
    page.mouse.move(2, 2)
    assert sum_of(page) == "output[0, 2]"
    cell(page, "input", 0, 0).click()  # a press that does not move pins the cell, as before
    page.mouse.move(2, 2)
    told = page.locator(".cs-one-place .cs-note").text_content()
    assert told.startswith("Row 0, column 0 of the input is read by 1 output. Small numbers: weights it meets.")


def test_what_is_hovered_shows_all_outputs_while_it_plays_and_a_cell_that_is_never_read_meets_no_weight(stand):
    page = with_own_clock(stand(ConvolutionExplorer(kernel_size=2, stride=3, size=8)))
    page.get_by_role("button", name="Play").click()
    page.clock.run_for(600)
    assert blank(page) == 9 - 2
    cell(page, "kernel", 0, 1).hover()
    assert blank(page) == 0
    cell(page, "input", 2, 2).hover()
    assert page.locator(".cs-one-place .cs-note").text_content() == "Row 2, column 2 of the input is never read."
    page.mouse.move(2, 2)
    assert blank(page) == 9 - 2


def test_other_weights_show_all_outputs_again(stand):
    page = stand(ConvolutionExplorer(size=5))
    page.get_by_role("button", name="Step forward").click()
    assert blank(page) == 7
    page.get_by_label("Preset weights").select_option("horizontal edges")
    page.mouse.move(2, 2)
    assert blank(page) == 0


def test_a_weight_that_has_the_keyboard_is_told(stand):
    page = stand(ConvolutionExplorer())
    cell(page, "kernel", 0, 0).focus()
    page.keyboard.press("Tab")
    told = page.locator(".cs-one-place .cs-note")
    assert told.text_content().startswith("weight[0, 1] multiplies 25 cells")
    page.locator(".cs-figure").focus()
    assert told.text_content() == ""


def test_what_is_pointed_at_wins_over_play(stand):
    page = with_own_clock(stand(ConvolutionExplorer()))
    page.get_by_role("button", name="Play").click()
    page.clock.run_for(700)
    assert sum_of(page) == "output[0, 1]"
    cell(page, "output", 3, 3).hover()
    page.clock.run_for(2000)
    assert sum_of(page) == "output[3, 3]"
    page.mouse.move(2, 2)
    page.clock.run_for(700)
    assert sum_of(page) == "output[0, 2]"


def test_arrows_change_a_weight_by_one_and_a_bad_one_moves_nothing(stand):
    page = stand(ConvolutionExplorer())
    field = cell(page, "kernel", 1, 2)
    field.press("ArrowUp")
    field.press("ArrowUp")
    assert page.evaluate("() => window.view.get('weights')[2][1][2]") == 0
    for _ in range(12):
        field.press("ArrowDown")
    assert page.evaluate("() => window.view.get('weights')[2][1][2]") == -9
    assert page.locator(".cs-message").text_content() == "A weight is a whole number from −9 to 9."
    before = page.locator(".cs-figure").bounding_box(), page.locator(".cs-formula").bounding_box()["y"]
    field.fill("10")
    field.press("Enter")
    assert page.locator(".cs-message").text_content() == "A weight is a whole number from −9 to 9; “10” is not."
    assert page.locator(".cs-figure").bounding_box() == before[0]
    field.press("Escape")
    assert page.locator(".cs-message").text_content() == ""
    assert page.locator(".cs-formula").bounding_box()["y"] == before[1]
    assert field.input_value() == "−9"
    field.fill("12")
    field.press("Tab")
    assert page.locator(".cs-message").text_content() == "A weight is a whole number from −9 to 9; “12” is not."
    page.keyboard.type("3")
    assert page.locator(".cs-message").text_content() == ""
    page.keyboard.type("3")
    cell(page, "output", 0, 0).click()
    assert page.locator(".cs-message").text_content() == "A weight is a whole number from −9 to 9; “33” is not."
    cell(page, "output", 1, 1).click()
    assert page.locator(".cs-message").text_content() == ""


def middle(field):
    box = field.bounding_box()
    return box["x"] + box["width"] / 2, box["y"] + box["height"] / 2


@pytest.mark.parametrize(("right", "down"), [(40, 5), (-5, -40)])
def test_a_weight_is_dragged_to_the_side_or_up_and_down_and_ends_where_weights_end(stand, right, down):
    explorer = ConvolutionExplorer()
    page = stand(explorer)
    field = cell(page, "kernel", 0, 1)
    x, y = middle(field)
    page.mouse.move(x, y)
    page.mouse.down()
    page.mouse.move(x + right, y + down, steps=3)
    explorer.weight = [[1, 3, -1], [2, 0, -2], [1, 0, -1]]
    hold_all(page, explorer, [explorer.settings])
    page.mouse.move(x - 10 * right, y - 10 * down, steps=3)
    assert field.input_value() == "−9"
    assert page.locator(".cs-message").text_content() == "A weight is a whole number from −9 to 9."
    page.mouse.up()
    assert page.evaluate("() => window.view.get('weights')[2][0]") == [1, -9, -1]
    assert page.evaluate("() => String(getSelection())") == ""


def test_a_click_on_a_weight_is_for_typing_and_what_was_typed_is_entered_before_another_is_dragged(stand):
    page = stand(ConvolutionExplorer())
    fields = [cell(page, "kernel", 0, column) for column in range(3)]
    fields[0].click()
    page.keyboard.type("7")  # in the place of all that was there
    page.mouse.move(*middle(fields[1]))
    page.mouse.down()
    page.mouse.move(middle(fields[1])[0] + 24, middle(fields[1])[1])
    page.mouse.up()
    assert page.evaluate("() => window.view.get('weights')[2][0]") == [7, 2, -1]
    fields[1].click()
    page.mouse.move(*middle(fields[1]))
    page.mouse.down()  # where one has just typed, too
    page.mouse.move(middle(fields[1])[0] - 24, middle(fields[1])[1], steps=4)
    page.mouse.up()
    assert page.evaluate("() => window.view.get('weights')[2][0]") == [7, 0, -1]
    fields[2].click()
    page.keyboard.type("5")
    page.keyboard.press("Escape")
    assert fields[2].input_value() == "−1"
    page.keyboard.press("ArrowUp")
    assert page.evaluate("() => window.view.get('weights')[2][0]") == [7, 0, 0]


@pytest.mark.parametrize(("size", "padding"), [(12, 3), (7, 0)])
@pytest.mark.parametrize("kernel_size", [1, 3, 7])
def test_each_weight_has_its_colour_in_the_kernel_and_where_it_lies_on_the_input(stand, size, padding, kernel_size):
    page = stand(
        ConvolutionExplorer(size=size, kernel_size=kernel_size, padding=padding), {"width": 700, "height": 900}
    )

    def colours(grid, right=0):
        """Of as many cells as the kernel has, row by row, so many columns to the right."""
        cells = page.locator(f'[data-grid="{grid}"]:visible').evaluate_all(
            """(cells) => cells.map((cell) => [
              [Number(cell.dataset.row), Number(cell.dataset.column)],
              getComputedStyle(cell).getPropertyValue("--weight"),
            ])"""
        )
        colour = {tuple(place): colour for place, colour in cells}
        return [colour[row, column + right] for row, column in itertools.product(range(kernel_size), repeat=2)]

    own = colours("kernel")
    assert len(set(own)) == kernel_size**2
    assert colours("input") == own
    page.locator(".cs-figure").press("ArrowRight")
    assert colours("input", right=1 if size + 2 * padding > kernel_size else 0) == own


@pytest.mark.parametrize("settings", [{}, {"stride": 2, "padding": 1}, {"dilation": 2}])
def test_what_a_weight_or_an_input_has_to_do_with_each_output_is_what_torch_derives(stand, settings):
    explorer = ConvolutionExplorer(**settings)
    page, padding = stand(explorer), explorer.padding
    layer, pixels = explorer.layer(), explorer.input().requires_grad_()
    output = layer(pixels)
    places = list(itertools.product(range(output.shape[-1]), repeat=2))
    told = lambda: page.locator('[data-grid="output"]:visible').evaluate_all(  # noqa: E731
        "(cells) => cells.map((cell) => cell.dataset.note)"
    )
    derived = [
        torch.autograd.grad(output[0, row, column], (pixels, layer.weight), retain_graph=True) for row, column in places
    ]
    cell(page, "kernel", 1, 2).hover()
    weight = layer.weight[0, 0, 1, 2]
    assert [number(note) for note in told()] == [by_weight[0, 0, 1, 2] * weight for _, by_weight in derived]
    cell(page, "input", 3 + padding, 2 + padding).hover()
    readers = pages.lit(page, "output")
    for place, note, (by_pixel, _) in zip(places, told(), derived, strict=True):
        meets = by_pixel[0, 3, 2].item()
        assert note == (f"×{meets:g}".replace("-", "−") if place in readers else "")
        assert place in readers or meets == 0
    page.mouse.move(2, 2)
    assert set(told()) == {""}


def test_where_cells_are_small_the_sentence_says_what_a_weight_or_an_input_has_to_do_with_one_output(stand):
    explorer = ConvolutionExplorer(size=12, padding=3)
    page = stand(explorer, {"width": 700, "height": 900})
    layer, pixels = explorer.layer(), explorer.input().requires_grad_()
    output = layer(pixels)[0]
    by_weight = lambda place: torch.autograd.grad(output[place], layer.weight, retain_graph=True)[0][0, 0]  # noqa: E731
    by_pixel = lambda place: torch.autograd.grad(output[place], pixels, retain_graph=True)[0][0]  # noqa: E731
    told = lambda: page.locator(".cs-one-place .cs-note").text_content().partition(". ")[2]  # noqa: E731
    cell(page, "output", 4, 5).click()
    cell(page, "kernel", 1, 2).hover()
    adds = (by_weight((4, 5)) * layer.weight[0, 0])[1, 2].item()
    assert adds < 0
    assert told() == f"It adds {adds:g} to output[4, 5].".replace("-", "−")
    cell(page, "input", 5, 7).hover()  # output[4, 5] reads it, and so does its pixel (2, 4)
    assert told() == f"In output[4, 5] it meets weight[1, 2] = {by_pixel((4, 5))[2, 4]:g}.".replace("-", "−")
    cell(page, "input", 14, 14).hover()  # the first output that reads it
    first = next(place for place in itertools.product(range(16), repeat=2) if by_pixel(place)[11, 11])
    where = f"In output[{first[0]}, {first[1]}] it meets weight[{14 - first[0]}, {14 - first[1]}]"
    assert told() == f"{where} = {by_pixel(first)[11, 11]:g}.".replace("-", "−")
    page.evaluate("() => (window.move('kernel_size', 1), window.move('stride', 2))")
    cell(page, "input", 5, 7).hover()
    assert told() == ""  # no output reads it


def test_playing_and_steps_print_the_output_cell_by_cell(stand):
    explorer = ConvolutionExplorer(size=5)
    page = with_own_clock(stand(explorer))
    assert blank(page) == 0
    page.get_by_role("button", name="Play").click()
    assert blank(page) == 8
    for done in range(2, 6):
        page.clock.run_for(600)
        assert blank(page) == 9 - done
        assert torch.equal(drawn(page), explorer.output())
    page.get_by_role("button", name="Pause").click()
    assert blank(page) == 4
    for left in (3, 2):
        page.get_by_role("button", name="Step forward").click()
        assert blank(page) == left
    page.get_by_role("button", name="Step back").click()
    assert blank(page) == 3
    assert torch.equal(drawn(page), explorer.output())


@pytest.mark.parametrize("way", ["hover", "click", "key", "Escape", "slider"])
def test_after_a_step_all_outputs_are_shown_again_by_whatever_is_not_a_step(stand, way):
    page = stand(ConvolutionExplorer(size=5))
    page.get_by_role("button", name="Step forward").click()
    assert blank(page) == 7
    figure = page.locator(".cs-figure")
    if way == "slider":
        page.evaluate("() => (window.move('padding', 1), window.move('padding', 0))")
    elif way in ("hover", "click"):
        getattr(cell(page, "output", 2, 2), way)()
    else:
        figure.press({"key": "ArrowDown"}.get(way, way))
    assert blank(page) == 0


MOVING = "() => document.getAnimations().length"


def test_a_step_moves_the_window_and_its_products_and_a_slider_or_a_hover_moves_nothing(stand):
    explorer = ConvolutionExplorer()
    page = stand(explorer)
    page.evaluate("() => window.move('padding', 1)")
    assert page.evaluate(MOVING) == 0
    cell(page, "output", 2, 2).hover()
    assert page.evaluate(MOVING) == 0
    page.mouse.move(2, 2)
    with held_motion(page):
        page.locator(".cs-figure").press("ArrowRight")
        products = [number(text) for text in page.locator(".cs-flyer").all_text_contents()]
        assert page.evaluate(MOVING) == 1 + len(products) + 1  # the window, and what covers the sum until they land
    explorer.padding = 1
    window = nn.functional.pad(explorer.input(), (1,) * 4)[0, :3, 1:4]
    assert len(products) == 3
    assert products == [product for product in (window * explorer.layer().weight[0, 0]).flatten().tolist() if product]
    assert torch.equal(drawn(page), explorer.output())
    page.wait_for_function(f"() => !({MOVING})()")
    assert page.locator(".cs-flyer").count() == 0
    page.emulate_media(reduced_motion="reduce")
    page.locator(".cs-figure").press("ArrowRight")
    assert page.evaluate(MOVING) == 0
    page.emulate_media(reduced_motion="no-preference")


def test_the_cell_that_was_clicked_stays_marked_while_others_are_looked_at(stand):
    page = stand(ConvolutionExplorer())
    pinned = page.locator(".cs-pinned")
    assert pinned.count() == 0
    cell(page, "output", 2, 3).click()
    cell(page, "input", 0, 0).hover()
    assert [pinned.get_attribute(f"data-{name}") for name in ("grid", "row", "column")] == ["output", "2", "3"]
    page.locator(".cs-figure").press("Escape")
    assert pinned.count() == 0


def test_what_the_keys_do_is_said_while_the_picture_has_the_keyboard(stand):
    page = stand(ConvolutionExplorer())
    assert not page.locator(".cs-keys").is_visible()
    page.locator(".cs-figure").click(position={"x": 2, "y": 2})
    assert not page.locator(".cs-keys").is_visible()
    page.keyboard.press("ArrowRight")
    assert page.locator(".cs-keys").is_visible()


def drawn(page):
    return tensor(pages.read(page, [{}], "rows('output')")[0])


@pytest.mark.parametrize("width", [660, 680, 700])
def test_the_sums_lines_are_reckoned_for_the_longest_so_that_nothing_below_moves(stand, width):
    page = stand(ConvolutionExplorer(), {"width": width + 32, "height": 900})
    seen = """[text(".cs-sum").split(" = ")[0], document.querySelector(".cs-toolbar").getBoundingClientRect().y]"""
    outputs = list(itertools.product(range(5), repeat=2))
    names, tops = zip(*pointed(page, "output", outputs, seen), strict=True)
    assert list(names) == [f"output[{row}, {column}]" for row, column in outputs]
    assert len(set(tops)) == 1
