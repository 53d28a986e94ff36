"""ChannelsExplorer: every plane, weight, bias and sum it draws, held against torch at every slider setting."""

import functools
import itertools
import re

import pytest
import torch
from pages import cell, hold_all, lit, number, read, sliders_of, what_torch_says
from torch import nn

from helpers.arithmetic import ShapeError, conv_output_size
from helpers.explorers.channels import ChannelsExplorer

CHANNELS = sliders_of(ChannelsExplorer)
SETTINGS = [
    dict(zip(CHANNELS, values, strict=True))
    for values in itertools.product(*(range(slider.low, slider.high + 1) for slider in CHANNELS.values()))
]

# All cells in one pass, as {grid: [row, column, text, …]}: asking for one grid after the other is slow.
SEEN = """(() => {
  const texts = (selector) =>
    [...document.querySelectorAll(selector)].filter(visible).map((element) => element.textContent);
  const grids = {};
  for (const cell of document.querySelectorAll("[data-grid]"))
    if (visible(cell)) (grids[cell.dataset.grid] ??= []).push(cell.textContent);
  return {
    grids,
    dropped: places(".cs-plane .cs-dropped").concat(places(".cs-plane .cs-skipped")),
    titles: texts(".cs-plane .cs-title"),
    addends: texts(".cs-pair .cs-addend"),
    totals: texts(".cs-tail .cs-addend"),
    code: text(".cs-code code"),
    numbers: text(".cs-formula .cs-numbers"),
    count: text(".cs-count"),
    equation: text(".cs-equation"),
    sums: texts(".cs-arithmetic .cs-sum:not(.cs-equation)"),
    problem: text(".cs-problem"),
    remedy: text(".cs-remedy"),
    torch: text(".cs-torch"),
    title: text(".cs-outputs > .cs-title"),
  };
})()"""


def hold(seen, explorer):
    """What the page shows is what torch has for the explorer's setting, output 0 of plane 0 being pointed at."""
    layer, planes = explorer.layer(), explorer.input()
    c, size, k = explorer.in_channels, explorer.size, explorer.kernel_size
    filters = explorer.out_channels
    drawn = lambda name, *shape: torch.tensor(  # noqa: E731
        [[number(text) for text in seen["grids"][f"{name}{index}"]] for index in range(shape[0])]
    ).reshape(shape)
    code, shapes = seen["code"].split("  # ")
    assert repr(eval(code, {"nn": nn})) == repr(layer)
    padded = nn.functional.pad(planes, (explorer.padding,) * 4)
    assert torch.equal(drawn("input", *padded.shape), padded)
    assert seen["titles"] == (["red", "green", "blue"] if c == 3 else [f"channel {i}" for i in range(c)])
    kernels = [seen["grids"][f"kernel{f}-{i}"] for f, i in itertools.product(range(filters), range(c))]
    weight = torch.tensor([[number(text) for text in kernel] for kernel in kernels])
    assert torch.equal(weight.reshape(layer.weight.shape), layer.weight.detach())
    assert [number(text.removeprefix("+ ").strip("()")) for text in seen["grids"]["bias"]] == layer.bias.tolist()
    parameters = sum(parameter.numel() for parameter in layer.parameters())
    shape = f"weight {tuple(layer.weight.shape)}: {filters}·{c}·{k}·{k} + {filters} = "
    assert seen["count"] == f"{shape}{parameters} parameters"
    drawn_grids = {"bias"} | {f"input{i}" for i in range(c)}
    drawn_grids |= {f"kernel{f}-{i}" for f, i in itertools.product(range(filters), range(c))}
    expected, refusal = what_torch_says(layer, planes)
    if refusal:
        assert set(seen["grids"]) == drawn_grids
        assert seen["title"] == "no output"
        assert seen["torch"] == f"PyTorch says: RuntimeError: {refusal}"
        assert seen["equation"] is None
        assert seen["sums"] == []
        assert seen["numbers"].endswith("✗")
        assert shapes == f"({c}, {size}, {size}) → RuntimeError"
        hold_against_shape_error(seen, explorer)
        return
    assert set(seen["grids"]) == drawn_grids | {f"output{f}" for f in range(filters)}
    out = expected.shape[-1]
    assert torch.equal(drawn("output", *expected.shape), expected.detach())
    assert seen["title"] == f"output {tuple(expected.shape)}"
    assert shapes == f"{tuple(planes.shape)} → {tuple(expected.shape)}"
    assert seen["numbers"].endswith(f"⌋ + 1 = {out}")
    assert seen["problem"] is None
    # What each filter's kernel gives on each plane at the window: torch's own sum over that window.
    sums = (padded[None, :, :k, :k] * layer.weight.detach()).sum((2, 3))
    shown = [number(text.removeprefix("+ ").strip("()")) for text in seen["addends"]]
    assert shown == sums.flatten().tolist()
    assert [number(text.split(" = ")[1]) for text in seen["totals"]] == expected[:, 0, 0].tolist()
    hold_equation(seen["equation"], "output[0, 0, 0]", sums[0], layer.bias[0], expected[0, 0, 0])
    for channel, line in enumerate(seen["sums"]):
        name, terms, total = line.split(" = ")
        assert name == seen["titles"][channel]
        assert number(total) == calculated(terms) == sums[0, channel]
    assert len(seen["sums"]) == c
    marked = never_read(padded.shape[-1], k, explorer.stride) * c
    assert sorted(map(tuple, seen["dropped"])) == sorted(marked)


def calculated(text):
    return eval(text.replace("·", "*").replace("−", "-").replace("bias ", ""))


def hold_equation(text, place, sums, bias, result):
    name, terms, total = text.split(" = ")
    assert name == place
    *addends, last = terms.split(" + ")
    assert [calculated(addend) for addend in addends] == sums.tolist()
    assert last.startswith("bias ")
    assert calculated(last) == bias
    assert number(total) == calculated(terms) == result


@functools.cache
def never_read(padded, kernel_size, stride):
    """Places of the padded input without influence on any output, by torch's gradient."""
    pixels = torch.zeros(1, 1, padded, padded, requires_grad=True)
    nn.functional.conv2d(pixels, torch.ones(1, 1, kernel_size, kernel_size), None, stride).sum().backward()
    return [tuple(place) for place in (pixels.grad[0, 0] == 0).nonzero().tolist()]


def hold_against_shape_error(seen, explorer):
    """The page explains an impossible setting as arithmetic does, and offers only changes that torch accepts."""
    with pytest.raises(ShapeError) as caught:
        conv_output_size(explorer.size, explorer.kernel_size, explorer.stride, explorer.padding)
    assert seen["problem"] == caught.value.problem
    words = {"padding": "padding", "kernel": "kernel_size", "input size": "size"}
    offered = {}
    for change in seen["remedy"].removeprefix("Smallest change that works: ").split(" · or "):
        label, value = change.rsplit(" ", 1)
        offered[words[label]] = int(value)
    assert offered == {
        name: value
        for name, value in caught.value.fixes.items()
        if name in CHANNELS and CHANNELS[name].low <= value <= CHANNELS[name].high
    }
    assert offered
    for name, value in offered.items():
        before = explorer.settings[name]
        setattr(explorer, name, value)
        explorer.output()
        setattr(explorer, name, before)


def test_every_slider_setting_draws_what_torch_computes(stand):
    explorer = ChannelsExplorer()
    page = stand(explorer)
    hold_all(SEEN, hold, page, explorer, SETTINGS)
    assert len(SETTINGS) == 4 * 4 * 4 * 5 * 3 * 3
    assert page.problems == []


@pytest.mark.parametrize("width", [360, 700, 1100])
def test_each_output_of_each_plane_is_written_out_as_a_sum_over_all_input_planes(stand, width):
    explorer = ChannelsExplorer(size=6, in_channels=4, out_channels=3, kernel_size=2, stride=2, padding=1)
    page = stand(explorer, viewport={"width": width, "height": 900})
    layer, result = explorer.layer(), explorer.output()
    padded = nn.functional.pad(explorer.input(), (1,) * 4)
    for filter, row, column in [(0, 0, 3), (1, 3, 1), (2, 2, 0)]:
        cell(page, f"output{filter}", row, column).hover()
        window = padded[:, 2 * row : 2 * row + 2, 2 * column : 2 * column + 2]
        sums = (window * layer.weight.detach()[filter]).sum((1, 2))
        seen = read(page, [{}], SEEN)[0]
        hold_equation(
            seen["equation"],
            f"output[{filter}, {row}, {column}]",
            sums,
            layer.bias[filter],
            result[filter, row, column],
        )
        for channel, line in enumerate(seen["sums"]):
            assert line.split(" = ")[0] == f"channel {channel}"
            pairs = zip(window[channel].flatten(), layer.weight[filter, channel].flatten(), strict=True)
            written = [f"{int(pixel)}·{int(w) if w >= 0 else f'(−{int(-w)})'}" for pixel, w in pairs]
            assert line.split(" = ")[1].split(" + ") == written
        assert lit(page, f"output{filter}") == {(row, column)}
        for channel in range(4):
            box = page.locator(".cs-plane").nth(channel).locator(".cs-window").bounding_box()
            first = cell(page, f"input{channel}", 2 * row, 2 * column).bounding_box()
            last = cell(page, f"input{channel}", 2 * row + 1, 2 * column + 1).bounding_box()
            assert (box["x"], box["y"]) == pytest.approx((first["x"], first["y"]), abs=5)
            ends = (last["x"] + last["width"], last["y"] + last["height"])
            assert (box["x"] + box["width"], box["y"] + box["height"]) == pytest.approx(ends, abs=5)


def test_the_weights_of_the_chosen_filter_are_noted_on_every_plane(stand):
    explorer = ChannelsExplorer()
    page = stand(explorer, viewport={"width": 1100, "height": 900})
    weight = explorer.layer().weight.int()
    for filter in (1, 0):
        cell(page, f"output{filter}", 1, 2).click()
        for channel in range(3):
            notes = page.locator(f'[data-grid="input{channel}"].cs-noted').evaluate_all(
                "(cells) => cells.map((cell) => cell.dataset.note)"
            )
            assert notes == [f"×{value}".replace("-", "−") for value in weight[filter, channel].flatten()]


def test_hovering_an_input_lights_its_readers_in_every_output_plane(stand):
    explorer = ChannelsExplorer(size=6, in_channels=2, out_channels=3, kernel_size=2, stride=2, padding=1)
    page = stand(explorer)
    layer = explorer.layer()
    torch.nn.init.ones_(layer.weight)
    layer.padding = (0, 0)
    for row, column in [(0, 0), (3, 4), (7, 7)]:
        pixels = torch.zeros(2, 8, 8)
        pixels[1, row, column] = 1
        readers = layer(pixels) - layer.bias[:, None, None] > 0
        cell(page, "input1", row, column).hover()
        for filter in range(3):
            assert lit(page, f"output{filter}") == set(map(tuple, readers[filter].nonzero().tolist()))
        assert lit(page, "input1") == {(row, column)}
        assert lit(page, "input0") == set()
        assert page.locator(".cs-note").text_content() == (
            f"Row {row}, column {column} of padded channel 1 is read by 3 outputs, 1 in each plane."
        )


def test_hovering_a_weight_lights_what_it_multiplies_on_its_own_plane(stand):
    page = stand(ChannelsExplorer(size=5, stride=2))
    cell(page, "kernel1-2", 1, 0).hover()
    assert lit(page, "input2") == set(itertools.product((1, 3), (0, 2)))
    assert lit(page, "input0") == lit(page, "input1") == set()
    assert lit(page, "kernel1-2") == {(1, 0)}
    assert lit(page, "kernel0-2") == set()
    assert page.locator(".cs-note").text_content() == (
        "weight[1, 2, 1, 0] multiplies 4 cells of blue, one for each output."
    )
    cell(page, "bias", 1, 0).hover()
    assert page.locator(".cs-note").text_content() == "bias[1] is added to 4 numbers: all of output[1]."


@pytest.mark.parametrize("width", [360, 700, 1100])
def test_pointing_at_another_output_plane_chooses_its_filter(stand, width):
    page = stand(ChannelsExplorer(out_channels=4), viewport={"width": width, "height": 900})
    chosen = lambda: page.locator(".cs-row-name:not(.cs-other):visible b").last.text_content()  # noqa: E731
    assert chosen() == "filter 0"
    cell(page, "output2", 0, 1).hover()
    assert chosen() == "filter 2"
    cell(page, "output3", 0, 1).click()
    cell(page, "input1", 0, 0).hover()
    assert chosen() == "filter 3"
    page.locator(".cs-figure").press("Escape")
    page.mouse.move(2, 2)
    assert chosen() == "filter 0"


def test_playing_goes_on_from_one_output_plane_to_the_next(stand):
    page = stand(ChannelsExplorer(size=4))
    at = lambda: page.locator(".cs-equation").text_content().split(" = ")[0]  # noqa: E731
    visited = []
    for _ in range(9):
        visited.append(at())
        page.get_by_role("button", name="Step forward").click()
    every = itertools.product(range(2), repeat=3)
    assert visited == [f"output[{f}, {row}, {column}]" for f, row, column in [*every, (0, 0, 0)]]
    page.get_by_role("button", name="Step back").click()
    page.get_by_role("button", name="Step back").click()
    figure = page.locator(".cs-figure")
    for key, place in [("ArrowLeft", "1, 1, 0"), ("ArrowUp", "1, 0, 0"), ("ArrowUp", "1, 0, 0")]:
        figure.press(key)
        assert at() == f"output[{place}]"


def test_when_the_chosen_filter_is_gone_the_first_is_shown_and_the_keys_go_on_there(stand):
    page = stand(ChannelsExplorer(out_channels=4))
    at = lambda: page.locator(".cs-equation").text_content().split(" = ")[0]  # noqa: E731
    cell(page, "output2", 2, 2).click()
    page.mouse.move(2, 2)
    page.evaluate("() => window.move('out_channels', 2)")
    assert at() == "output[0, 0, 0]"
    page.locator(".cs-figure").press("ArrowRight")
    assert at() == "output[0, 0, 1]"
    cell(page, "output1", 2, 2).click()
    page.mouse.move(2, 2)
    page.evaluate("() => window.move('size', 4)")
    assert at() == "output[1, 1, 1]"
    page.evaluate("() => window.move('kernel_size', 5)")
    assert page.get_by_role("button", name="Play").is_disabled()


def test_a_screen_reader_is_told_the_setting_and_the_sum(stand):
    page = stand(ChannelsExplorer(size=6, stride=2))
    page.wait_for_function("() => document.querySelector('.cs-spoken').textContent")
    told = page.locator("[aria-live]").text_content()
    assert re.fullmatch(
        r"Input 3 planes of 6 by 6, 2 filters, kernel 3, stride 2, padding 0: output 2 planes of 2 by 2\. "
        r"The last row and column are never read: the floor drops them\. "
        r"Output plane 0, row 0, column 0 is 11 plus 2 plus -3 plus bias 3: 13\.",
        told,
    )


@pytest.mark.parametrize(
    ("name", "value", "error"),
    [("in_channels", 0, ValueError), ("out_channels", 5, ValueError), ("in_channels", 3.0, TypeError)],
)
def test_a_wrong_number_of_channels_is_refused_and_nothing_moves(name, value, error):
    explorer = ChannelsExplorer()
    before = repr(explorer)
    with pytest.raises(error, match=f"{name} wants a whole number from 1 to 4, but got {value}"):
        setattr(explorer, name, value)
    assert repr(explorer) == before


def test_the_layer_has_the_shapes_torch_gives_it_and_an_impossible_setting_raises_torchs_error():
    explorer = ChannelsExplorer()
    assert explorer.layer().weight.shape == (2, 3, 3, 3)
    assert explorer.input().shape == (3, 5, 5)
    assert explorer.output().shape == (2, 3, 3)
    assert not explorer.output().requires_grad
    before = torch.random.get_rng_state()
    explorer.layer()
    assert torch.equal(torch.random.get_rng_state(), before)
    with pytest.raises(RuntimeError, match="Kernel size can't be greater than actual input size"):
        ChannelsExplorer(size=4, kernel_size=5).output()


def test_no_two_filters_and_no_two_planes_are_alike_so_that_the_picture_cannot_mix_them_up():
    for kernel_size in range(1, 6):
        layer = ChannelsExplorer(in_channels=4, out_channels=4, kernel_size=kernel_size).layer()
        assert len({tuple(kernels.flatten().tolist()) for kernels in layer.weight}) == 4
        assert len({tuple(kernels.flatten().tolist()) for kernels in layer.weight.transpose(0, 1)}) == 4


def test_the_text_form_gives_the_shapes():
    assert repr(ChannelsExplorer()) == "ChannelsExplorer: (3, 5, 5) → Conv2d(3, 2, kernel_size=3) → (2, 3, 3)"
    impossible = ChannelsExplorer(size=3, kernel_size=5, stride=2)
    assert repr(impossible) == ("ChannelsExplorer: (3, 3, 3) → Conv2d(3, 2, kernel_size=5, stride=2) → no output")
