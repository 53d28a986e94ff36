"""ChannelsExplorer: every plane, weight, bias and sum it draws, held against torch at every slider setting."""

import itertools
import re

import pytest
import torch
from pages import (
    boxes,
    calculated,
    cell,
    held_motion,
    hold_all,
    lit,
    never_read,
    number,
    read,
    sliders_of,
    what_torch_says,
    with_own_clock,
    written,
)
from torch import nn

from helpers.arithmetic import ShapeError, conv_output_size
from helpers.explorers.channels import ChannelsExplorer

each_width = pytest.mark.parametrize("width", [374, 680, 1100])
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
    totals: texts(".cs-tail .cs-addend:last-child"),
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
    assert written(code) == repr(layer)
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
        assert name == seen["titles"][channel] + ", row by row" * (k > 4)
        assert len(terms.split(" + ")) == (k if k > 4 else k * k)
        assert number(total) == calculated(terms) == sums[0, channel]
    assert len(seen["sums"]) == c
    marked = never_read(padded.shape[-1], k, explorer.stride) * c
    assert sorted(map(tuple, seen["dropped"])) == sorted(marked)


def hold_equation(text, place, sums, bias, result):
    name, terms, total = text.split(" = ")
    assert name == place
    *addends, last = terms.split(" + ")
    assert [calculated(addend) for addend in addends] == sums.tolist()
    assert last.startswith("bias ")
    assert calculated(last.removeprefix("bias ")) == bias
    assert number(total) == calculated(terms.replace("bias ", "")) == result


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
        at_ends = [
            page.locator(f"[data-grid^=input][data-row='{2 * row + end}'][data-column='{2 * column + end}']:visible")
            for end in (0, 1)
        ]
        found = [boxes(parts) for parts in (page.locator(".cs-plane:visible .cs-window"), *at_ends)]
        assert [len(each) for each in found] == [4, 4, 4]
        for box, first, last in zip(*found, strict=True):
            assert (box["x"], box["y"]) == pytest.approx((first["x"], first["y"]), abs=5)
            assert (box["right"], box["bottom"]) == pytest.approx((last["right"], last["bottom"]), abs=5)


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
            f"Row {row}, column {column} of padded channel 1 is read by 3 outputs, 1 in each plane. "
            "Small numbers: weights it meets."
        )


def test_hovering_a_weight_lights_what_it_multiplies_on_its_own_plane(stand):
    page = stand(ChannelsExplorer(size=5, stride=2))
    cell(page, "kernel1-2", 1, 0).hover()
    assert lit(page, "input2") == set(itertools.product((1, 3), (0, 2)))
    assert lit(page, "input0") == lit(page, "input1") == set()
    assert lit(page, "kernel1-2") == {(1, 0)}
    assert lit(page, "kernel0-2") == set()
    assert page.locator(".cs-note").text_content() == (
        "weight[1, 2, 1, 0] multiplies 4 cells of blue, one for each number of output[1]. Small numbers: what it adds."
    )
    cell(page, "bias", 1, 0).hover()
    assert page.locator(".cs-note").text_content() == "bias[1] is added to 4 numbers: all of output[1]."
    page = stand(ChannelsExplorer(padding=1))
    cell(page, "kernel0-0", 0, 0).hover()
    told = page.locator(".cs-note").text_content()
    does = "weight[0, 0, 0, 0] multiplies 25 cells of padded red, one for each number of output[0]."
    assert told == f"{does} Small numbers: what it adds."


def derived(explorer):
    """torch's gradient of each output by the padded input and by the weights: {(filter, row, column): both}."""
    layer = explorer.layer()
    layer.padding = (0, 0)
    pixels = nn.functional.pad(explorer.input(), (explorer.padding,) * 4).requires_grad_()
    output = layer(pixels)
    places = itertools.product(*(range(side) for side in output.shape))
    by = {place: torch.autograd.grad(output[place], (pixels, layer.weight), retain_graph=True) for place in places}
    return layer.weight, by


MET = """(cells) => cells.filter((cell) => cell.checkVisibility()).map((cell) => {
  const { grid, row, column, note } = cell.dataset;
  const place = [grid.slice("output".length), row, column].map(Number);
  return [place, note, cell.classList.contains("cs-weighted") && getComputedStyle(cell).getPropertyValue("--weight")];
})"""


def signed(value):
    return f"{value + 0:g}".replace("-", "−")  # no −0


@pytest.mark.parametrize("settings", [{}, {"size": 6, "stride": 2, "padding": 1, "out_channels": 3}], ids=str)
@pytest.mark.parametrize("width", [680, 1100])
def test_what_a_weight_or_an_input_has_to_do_with_each_output_is_what_torch_derives(stand, width, settings):
    explorer = ChannelsExplorer(**settings)
    page = stand(explorer, viewport={"width": width + 32, "height": 900})
    weight, by = derived(explorer)
    told = lambda: page.locator(".cs-note").text_content()  # noqa: E731
    met = lambda: page.locator("[data-grid^=output]").evaluate_all(MET)  # noqa: E731
    colours = page.locator("[data-grid^=kernel]").evaluate_all(
        """(cells) => cells.filter((cell) => cell.checkVisibility()).map((cell) => {
          const { grid, row, column } = cell.dataset;
          return [grid, Number(row), Number(column), getComputedStyle(cell).getPropertyValue("--weight")];
        })"""
    )
    colour_of = {tuple(at): colour for *at, colour in colours}
    pinned = (1, 1, 0)
    cell(page, "output1", *pinned[1:]).click()
    for filter, channel, i, j in [(0, 0, 0, 0), (1, 0, 1, 1), (0, 2, 2, 1)]:
        cell(page, f"kernel{filter}-{channel}", i, j).hover()
        adds = {place: of[filter, channel, i, j] * weight[filter, channel, i, j] for place, (_, of) in by.items()}
        for place, note, colour in met():
            is_its = place[0] == filter
            assert note == (signed(adds[tuple(place)]) if is_its and width == 1100 else "")
            assert colour == (colour_of[f"kernel{filter}-{channel}", i, j] if is_its else False)
        added = f"It adds {signed(adds[(filter, *pinned[1:])])} to output[{filter}, 1, 0]."
        assert told().endswith(" Small numbers: what it adds." if width == 1100 else f" {added}")
    for channel, row, column in [(0, 2, 1), (1, 4, 2), (2, 0, 0)]:
        cell(page, f"input{channel}", row, column).hover()
        readers = sorted(lit(page, "output1"))
        assert readers
        for place, note, colour in met():
            meets = by[tuple(place)][0][channel, row, column]
            is_reader = tuple(place[1:]) in readers
            assert is_reader or meets == 0
            assert note == (f"×{signed(meets)}" if is_reader and width == 1100 else "")
            tap = [at - step * explorer.stride for at, step in zip((row, column), place[1:], strict=True)]
            assert colour == (colour_of[(f"kernel{place[0]}-{channel}", *tap)] if is_reader else False)
        first = pinned[1:] if pinned[1:] in readers else readers[0]
        meets = by[(1, *first)][0][channel, row, column]
        tap = ", ".join(str(at - step * explorer.stride) for at, step in zip((row, column), first, strict=True))
        one = f"In output[1, {first[0]}, {first[1]}] it meets weight[1, {channel}, {tap}] = {signed(meets)}."
        assert told().endswith(" Small numbers: weights it meets." if width == 1100 else f" {one}")
    page.mouse.move(2, 2)
    assert {(note, colour) for _, note, colour in met()} == {("", False)}


@each_width
def test_a_bias_is_large_enough_for_a_finger_and_a_filters_name_has_its_kernels_ink(stand, width):
    page = stand(ChannelsExplorer(out_channels=3, kernel_size=1), viewport={"width": width + 32, "height": 900})
    for bias in page.locator(".cs-bias:visible").all():
        x, y, wide, high = bias.evaluate("(own) => Object.values(own.getBoundingClientRect().toJSON()).slice(0, 4)")
        assert min(wide, high) >= 24
        for point in itertools.product((x + 1, x + wide - 1), (y + 1, y + high - 1)):
            hit = "([x, y]) => document.elementFromPoint(x, y).dataset.grid"
            assert page.evaluate(hit, point) == "bias"
    ink = "(own) => getComputedStyle(own).color"
    name = page.locator(".cs-row-name:not(.cs-other):visible b").last
    assert name.evaluate(ink) == page.locator(".cs-formula .cs-kernel-ink").first.evaluate(ink)


def test_while_a_cell_is_hovered_the_numbers_and_the_wires_are_still_the_pinned_outputs(stand):
    explorer = ChannelsExplorer()
    page = stand(explorer)
    for place in (("input1", 4, 4), ("kernel0-2", 1, 1), ("bias", 0, 0)):
        cell(page, *place).hover()
        page.evaluate("() => new Promise((drawn) => requestAnimationFrame(drawn))")
        assert page.locator(".cs-note").text_content() != ""
        hold(read(page, [{}], SEEN)[0], explorer)
        assert page.locator(".cs-equation").is_visible()
        assert page.locator(".cs-pair:visible .cs-addend:visible").count() == 6
        assert page.locator(".cs-window:visible").count() == 3
        assert len(page.evaluate(CIRCUIT)["wires"]) == 8
    cell(page, "output1", 1, 2).click()
    cell(page, "input0", 0, 0).hover()
    assert page.locator(".cs-equation").text_content().startswith("output[1, 1, 2] = ")
    cell(page, "kernel0-0", 0, 0).hover()
    assert page.locator(".cs-equation").text_content().startswith("output[0, 1, 2] = ")
    total = explorer.output()[0, 1, 2].item()
    assert number(page.locator(".cs-tail").first.locator(".cs-output-ink").text_content().removeprefix(" = ")) == total


# Points from the page's corner: where the wires begin and end, where the flying numbers do, and how long they fly.
CIRCUIT = """() => {
  const figure = document.querySelector(".cs-figure").getBoundingClientRect();
  const seen = [...document.querySelectorAll(".cs-wires path")].filter((path) => path.checkVisibility());
  const points = (path) => (path.getAttribute("d").match(/[\\d.-]+/g) ?? []).map(Number);
  const wires = seen.map(points).filter((way) => way.length);
  const onPage = ([x, y]) => [figure.x + x, figure.y + y];
  const digits = (element) => {
    const walker = document.createTreeWalker(element, NodeFilter.SHOW_TEXT);
    const range = document.createRange(); // of the text alone: a bias's box is higher
    range.setStart(walker.nextNode(), 0);
    while (walker.nextNode());
    range.setEndAfter(walker.currentNode);
    return range.getBoundingClientRect();
  };
  const texts = [...document.querySelectorAll(".cs-cell, .cs-figure .cs-title, .cs-row-name, .cs-small, .cs-addend")]
    .filter((element) => element.checkVisibility() && element.textContent)
    .map((element) => [element, digits(element)]);
  // Wires go along the page's edges: a stretch of one is a box without a width or without a height.
  const isOver = ([[a, b], [c, d]], box) =>
    Math.min(a, c) < box.right - 1 && Math.max(a, c) > box.left + 1 &&
    Math.min(b, d) < box.bottom - 3 && Math.max(b, d) > box.top + 3;
  const stretches = (way) => {
    const ends = way.flatMap((_, place) => (place % 2 ? [] : [onPage(way.slice(place, place + 2))]));
    return ends.slice(1).map((end, place) => [ends[place], end]);
  };
  return {
    struck: wires.flatMap(stretches).flatMap((stretch) =>
      texts.filter(([part, box]) => !part.querySelector(".cs-sigma") && isOver(stretch, box)) // there wires end
        .map(([part]) => part.textContent)),
    wires: wires.map((way) => [onPage(way.slice(0, 2)), onPage(way.slice(-2))]),
    flights: document.getAnimations().filter(({ effect }) => effect.target.matches(".cs-flyer")).map(({ effect }) => {
      const [first, last] = [0, -1].map((place) => effect.getKeyframes().at(place).transform.match(/[\\d.-]+(?=px)/g));
      const { delay, duration } = effect.getTiming();
      return [effect.target.textContent, delay, duration, onPage(first.map(Number)), onPage(last.map(Number))];
    }),
  };
}"""
FREEZE = "(time) => document.getAnimations().forEach((each) => (each.pause(), (each.currentTime = time)))"


def middle(box):
    return box["x"] + box["width"] / 2, box["y"] + box["height"] / 2


def within(point, box, margin=6):
    """Whether a point lies in a box or at its edge."""
    x, y = point
    wide = box["x"] - margin <= x <= box["x"] + box["width"] + margin
    return wide and box["y"] - margin <= y <= box["y"] + box["height"] + margin


@each_width
def test_a_step_lets_each_planes_sum_run_to_sigma_the_bias_join_and_the_whole_land_in_its_cell(stand, width):
    explorer = ChannelsExplorer(out_channels=3)
    page = stand(explorer, viewport={"width": width + 32, "height": 900})
    layer, planes, result = explorer.layer(), explorer.input(), explorer.output()
    cell(page, "output2", 1, 0).click()
    page.mouse.move(2, 2)
    with held_motion(page):
        page.locator(".cs-figure").press("ArrowRight")
        page.wait_for_selector(".cs-flyer", state="attached")
        page.evaluate(FREEZE, 100)
    flights = page.evaluate(CIRCUIT)["flights"]
    sums = (planes[:, 1:4, 1:4] * layer.weight.detach()[2]).sum((1, 2))
    written = [number(text.strip("()")) for text, *_ in flights]
    assert written == [*sums.tolist(), layer.bias[2].item(), result[2, 1, 1].item()]
    row = page.locator(".cs-tail").nth(2)
    sigma, bias, total = (row.locator(of).bounding_box() for of in (".cs-sigma", ".cs-bias", ".cs-output-ink"))
    addends = boxes(page.locator(".cs-pair:not(.cs-other):visible .cs-addend"))
    begun = [middle(box) for box in (*addends, bias, total)]
    ended = [middle(sigma)] * 4 + [middle(cell(page, "output2", 1, 1).bounding_box())]
    for (*_, first, last), begin, end in zip(flights, begun, ended, strict=True):
        assert (*first, *last) == pytest.approx((*begin, *end), abs=1)
    assert all(150 <= duration <= 300 and delay + duration < 600 for _, delay, duration, *_ in flights)
    shown = [[number(text) for text in read(page, [{}], SEEN)[0]["grids"][f"output{f}"]] for f in range(3)]
    assert shown == result.flatten(1).tolist()
    page.evaluate("() => document.getAnimations().forEach((each) => each.finish())")
    page.wait_for_function("() => !document.querySelector('.cs-flyer')")
    assert page.problems == []


@each_width
def test_wires_lead_from_the_planes_through_the_chosen_filters_kernels_to_sigma_and_to_the_cell(stand, width):
    page = stand(ChannelsExplorer(out_channels=3), viewport={"width": width + 32, "height": 900})
    for filter, row, column in [(0, 0, 0), (1, 2, 2), (2, 1, 2)]:
        cell(page, f"output{filter}", row, column).hover()
        page.evaluate("() => new Promise((drawn) => requestAnimationFrame(drawn))")
        circuit = page.evaluate(CIRCUIT)
        assert circuit["struck"] == []
        wires = circuit["wires"]
        chosen = page.locator(".cs-pair:not(.cs-other):visible")
        kernels, addends = boxes(chosen.locator(".cs-grid")), boxes(chosen.locator(".cs-addend"))
        planes = boxes(page.locator(".cs-plane .cs-grid:visible"))
        tail = page.locator(".cs-tail").nth(filter)
        sigma, total = (tail.locator(of).bounding_box() for of in (".cs-sigma", ".cs-output-ink"))
        ends = [*zip(planes, kernels, strict=True), *((addend, sigma) for addend in addends)]
        goal = cell(page, f"output{filter}", row, column).bounding_box()
        if width < 1100:  # below: the wire ends above the outputs' names
            top = page.locator(".cs-outputs").bounding_box()["y"]
            goal |= {"y": top - 6, "height": 12}
        else:  # at the row's end: it strikes out no number before its own
            goal["x"] = cell(page, f"output{filter}", row, 0).bounding_box()["x"]
        ends += [(tail.bounding_box(), sigma), (total, goal)]
        for (first, last), (source, goal) in zip(wires, ends, strict=True):
            assert within(first, source)
            assert within(last, goal)
        assert all(0 <= x <= width + 32 for ends in wires for x, _ in ends)


def test_nothing_runs_when_a_slider_moves_or_a_cell_is_hovered_or_the_reader_wants_no_motion(stand):
    page = stand(ChannelsExplorer())
    moving = lambda: page.evaluate(  # noqa: E731
        "() => new Promise((drawn) => requestAnimationFrame(() => drawn(document.getAnimations().length)))"
    )
    page.evaluate("() => window.move('padding', 1)")
    assert moving() == 0
    cell(page, "output1", 2, 2).hover()
    assert moving() == 0
    page.mouse.move(2, 2)
    page.locator(".cs-figure").press("ArrowRight")
    assert moving() == 3 + 3 + 1 + 1  # windows, sums, bias, total
    page.evaluate("() => window.move('stride', 2)")
    assert page.locator(".cs-flyer").count() == 0
    page.emulate_media(reduced_motion="reduce")
    page.locator(".cs-figure").press("ArrowRight")
    page.evaluate("() => new Promise((drawn) => requestAnimationFrame(drawn))")
    assert page.locator(".cs-flyer").count() == 0
    assert len(page.evaluate(CIRCUIT)["wires"]) == 8
    page.emulate_media(reduced_motion="no-preference")


def test_playing_prints_one_output_plane_after_the_other(stand):
    explorer = ChannelsExplorer(size=4)
    page = stand(explorer)
    with_own_clock(page)
    page.get_by_role("button", name="Play").click()
    page.mouse.move(2, 2)
    for done in range(1, 8):
        page.clock.run_for(600)
        seen = read(page, [{}], SEEN)[0]
        ahead = page.locator(".cs-ahead").evaluate_all("(cells) => cells.map((cell) => cell.dataset.grid)")
        assert len(ahead) == 8 - done - 1
        assert "output0" in ahead or done >= 3
        assert [
            number(n) for f in range(2) for n in seen["grids"][f"output{f}"]
        ] == explorer.output().flatten().tolist()
        assert [bool(total.split("Σ")[1]) for total in seen["totals"]] == [True, done >= 4]
    page.get_by_role("button", name="Pause").click()
    assert page.locator(".cs-ahead").count() == 0


# The height of each line of the sums, and how many lines its text needs, with the pointer on each output in turn.
LINES = """() => {
  const heights = () => [...document.querySelectorAll(".cs-arithmetic > :not([hidden])")].map((line) => {
    const text = document.createRange();
    text.selectNodeContents(line.firstChild);
    const lines = new Set([...text.getClientRects()].map(({ bottom }) => Math.round(bottom / 8)));
    return [Math.round(line.getBoundingClientRect().height / 22.4), lines.size];
  });
  const outputs = [...document.querySelectorAll("[data-grid^=output]")].filter((cell) => cell.checkVisibility());
  return outputs.map((cell) => {
    cell.dispatchEvent(new PointerEvent("pointerover", { bubbles: true }));
    return [document.querySelector(".cs-equation").textContent.split(" = ")[0], heights()];
  });
}"""


@pytest.mark.parametrize(
    "settings", [{}, {"size": 6, "in_channels": 4, "out_channels": 4, "kernel_size": 5, "padding": 2}], ids=str
)
@each_width
def test_no_empty_lines_stand_in_the_sums_or_above_them(stand, width, settings):
    explorer = ChannelsExplorer(**settings)
    page = stand(explorer, viewport={"width": width + 32, "height": 900})
    places, seen = zip(*page.evaluate(LINES), strict=True)
    every = itertools.product(*(range(side) for side in explorer.output().shape))
    assert list(places) == [f"output{list(place)}" for place in every]
    for line in zip(*seen, strict=True):
        rooms, needed = zip(*line, strict=True)
        assert len(set(rooms)) == 1
        assert rooms[0] == max(needed)
    assert not page.locator(".cs-unread").is_visible()
    figure = page.locator(".cs-figure").bounding_box()
    lowest = max(box["bottom"] for box in boxes(page.locator(".cs-out:visible")))
    assert lowest == pytest.approx(figure["y"] + figure["height"], abs=5)


def test_on_a_phone_the_filters_name_stands_above_its_first_kernel(stand):
    page = stand(ChannelsExplorer(), viewport={"width": 390, "height": 900})
    for filter in (0, 1):
        cell(page, f"output{filter}", 0, 0).hover()
        name = page.locator(".cs-row-name:visible").last.bounding_box()
        assert page.locator(".cs-row-name:visible b").last.text_content() == f"filter {filter}"
        kernel = page.locator(".cs-pair:visible").first.bounding_box()
        assert name["x"] == pytest.approx(kernel["x"])
        assert name["y"] + name["height"] <= kernel["y"]
        assert page.locator(".cs-pair:visible").count() == 3


SMALL = """(cells) => cells.filter((cell) => {
  const range = document.createRange();
  range.selectNodeContents(cell);
  const { width, height } = cell.getBoundingClientRect();
  return Math.min(width, height) < 11 || range.getBoundingClientRect().width > cell.clientWidth + 1
    || parseFloat(getComputedStyle(cell).fontSize) < 12;
}).length"""


@each_width
def test_at_the_largest_setting_every_digit_of_planes_and_kernels_can_be_read(stand, width):
    settings = {"size": 6, "in_channels": 4, "out_channels": 4, "kernel_size": 5, "padding": 2}
    page = stand(ChannelsExplorer(**settings), viewport={"width": width + 16, "height": 900})
    cells = page.locator(".cs-input .cs-cell:visible, .cs-kernel .cs-cell:visible")
    assert cells.count() == 4 * 100 + (4 if width < 700 else 16) * 25
    assert cells.evaluate_all(SMALL) == 0


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
    assert page.locator(".cs-pinned").get_attribute("data-grid") == "output3"
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
