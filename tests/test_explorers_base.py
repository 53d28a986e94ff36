"""What every explorer keeps to: its sliders are attributes, and its picture fits, holds still and lets go."""

import inspect
import json
import pydoc
import re
import subprocess
import sys

import pytest
from pages import FRAMES, arguments_of, ends

from helpers import explorers
from helpers.explorers import ConvolutionExplorer
from helpers.explorers.base import Slider, Switch


def made(name, **values):
    """An explorer by its name, with what it wants besides its settings."""
    return getattr(explorers, name)(*arguments_of(name), **values)


EXPLORERS = [name for name in explorers.__all__ if name.endswith("Explorer")]
every_explorer = pytest.mark.parametrize("name", EXPLORERS)
DRAWS_A_SETTING = [name for name in EXPLORERS if name != "TrainingExplorer"]
OF_SETTINGS_ALONE = [name for name in EXPLORERS if not arguments_of(name)]

# Where something is wider than the page, or written smaller than 12 pixels; numbers of a small cell, than 9.
MISFITS = """(settings) => JSON.parse(settings).flatMap((setting) => {
  for (const motion of document.getAnimations()) motion.finish(); // of the setting or the width before
  for (const [name, value] of Object.entries(setting)) window.move(name, value);
  const seen = [...document.querySelectorAll(".cs-explorer *")].filter((e) => e.checkVisibility());
  const wide = seen.filter((e) => e.getBoundingClientRect().right > innerWidth && !e.closest(".cs-spoken"));
  const size = (e, part) => parseFloat(getComputedStyle(e, part).fontSize);
  const told = seen.filter((e) => e.textContent || e.value);
  const least = (e) => (e.closest(".cs-output, .cs-pooling .cs-input") ? 9 : 12);
  const small = told.filter((e) => size(e) < least(e) || size(e, "::after") < least(e));
  const misfits = [...wide, ...small].map((e) => e.outerHTML).slice(0, 3);
  return misfits.length ? [[setting, misfits]] : [];
})"""


@every_explorer
def test_nothing_is_cut_off_or_too_small_to_read_at_the_ends_of_the_sliders(stand, name):
    explorer = made(name)
    page = stand(explorer)
    settings = ends(type(explorer), explorer)
    assert len(settings) > 1
    for width in (1100, 700, 360):
        page.set_viewport_size({"width": width, "height": 900})
        page.evaluate(FRAMES)
        assert page.evaluate(MISFITS, json.dumps(settings)) == [], width
    assert page.problems == []


# The middles of each grid's first and last cell, {grid: [[x, y], [x, y]]}.
MIDDLES = """() => {
  const grids = {};
  for (const cell of document.querySelectorAll("[data-grid]"))
    if (cell.checkVisibility() && getComputedStyle(cell).pointerEvents !== "none")
      (grids[cell.dataset.grid] ??= []).push(cell);
  const middle = (cell) => {
    const { x, y, width, height } = cell.getBoundingClientRect();
    return [x + width / 2, y + height / 2];
  };
  return Object.fromEntries(
    Object.entries(grids).map(([grid, cells]) => [grid, [middle(cells[0]), middle(cells.at(-1))]]));
}"""


@pytest.mark.parametrize("name", OF_SETTINGS_ALONE)
@pytest.mark.parametrize("width", [700, 1100])
def test_pointing_somewhere_else_does_not_move_what_is_below(stand, name, width):
    page = stand(made(name), viewport={"width": width, "height": 2000})  # all of it can be pointed at
    height = """() => [
      document.querySelector(".cs-explorer").getBoundingClientRect().height,
      document.querySelector("[data-grid]:hover")?.dataset.grid,
    ]"""
    before, _ = page.evaluate(height)
    grids = page.evaluate(MIDDLES)
    assert grids
    for grid, places in grids.items():
        for place in places:
            page.mouse.move(2, 2)  # what is hovered may hide other cells
            page.mouse.move(*place)
            assert page.evaluate(height) == [before, grid]


@every_explorer
def test_a_view_taken_off_the_page_stops_listening(stand, name):
    explorer = made(name)
    page = stand(explorer)
    play = page.get_by_role("button", name="Play")
    if play.count():
        play.click()
        page.mouse.move(0, 0)  # where nothing comes to lie under it
    listeners = "() => [window.view, ...Object.values(window.sliders)].map((model) => model.listeners())"
    assert all(page.evaluate(listeners)[1:])
    page.evaluate("() => window.cleanUp()")
    assert not any(page.evaluate(listeners))
    before = page.locator(".cs-explorer").inner_html()
    for control in explorer.controls:
        value = other_value(explorer, control)
        page.evaluate("([name, value]) => window.move(name, value)", [control, value])
    page.set_viewport_size({"width": 500, "height": 900})
    page.wait_for_timeout(700)  # longer than a step of the player
    assert page.locator(".cs-explorer").inner_html() == before
    assert page.problems == []


def other_value(explorer, name):
    """Another value of a Slider, a Choice or a Switch."""
    control, value = explorer.controls[name], explorer.settings[name]
    if isinstance(control, Slider):
        return control.low if value != control.low else explorer.sliders[name].max
    return next(other for other in getattr(control, "options", (True, False)) if other != value)


@pytest.mark.parametrize("name", DRAWS_A_SETTING)
def test_a_screen_reader_is_told_what_a_slider_changed(stand, name):
    explorer = made(name)
    page = stand(explorer)
    told = "(before) => ![before, ''].includes(document.querySelector('[aria-live]').textContent)"
    page.wait_for_function(told, arg="")
    before = page.locator("[aria-live]").text_content()
    control = next(iter(explorer.controls))
    value = other_value(explorer, control)
    page.evaluate("([name, value]) => window.move(name, value)", [control, value])
    page.wait_for_function(told, arg=before)


@every_explorer
def test_every_control_is_an_attribute_and_refuses_what_it_cannot_hold(name):
    explorer = made(name)
    before = repr(explorer)
    for control, kind in explorer.controls.items():
        beyond = [kind.low - 1, explorer.sliders[control].max + 1, True] if isinstance(kind, Slider) else []
        wrong = [None, "much", 1e9, *beyond]
        for value in wrong:
            with pytest.raises((TypeError, ValueError), match=f"^{control} wants .*, but got "):
                setattr(explorer, control, value)
            assert repr(explorer) == before
        value = other_value(explorer, control)
        setattr(explorer, control, value)
        assert explorer.sliders[control].value == explorer.settings[control] == value
        before = repr(explorer)


@every_explorer
def test_the_text_form_is_short_enough_to_be_shown_whole(name):
    explorer = made(name)
    for setting in ends(type(explorer), explorer):
        for control, value in setting.items():
            setattr(explorer, control, value)
        assert repr(explorer).startswith(f"{name}: ")
        assert len(repr(explorer)) <= 110, repr(explorer)  # ipywidgets cuts there


def test_the_explorers_do_not_load_torch_until_asked_for_a_layer():
    made_all = "".join(f"explorers.{name}()\n" for name in OF_SETTINGS_ALONE)
    code = f"import sys\nfrom helpers import explorers\n{made_all}assert 'torch' not in sys.modules"
    subprocess.run([sys.executable, "-c", code], check=True)


def test_a_slider_is_an_attribute_and_moves_the_slider():
    explorer = ConvolutionExplorer(kernel_size=5)
    assert explorer.kernel_size == explorer.sliders["kernel_size"].value == 5
    explorer.kernel_size = 2
    assert explorer.sliders["kernel_size"].value == 2
    explorer.sliders["stride"].value = 4
    assert explorer.stride == 4


@pytest.mark.parametrize(
    ("name", "value", "error", "sentence"),
    [
        ("kernel_size", 9, ValueError, "kernel_size wants a whole number from 1 to 7, but got 9. The nearest is 7."),
        ("stride", 0, ValueError, "stride wants a whole number from 1 to 4, but got 0. The nearest is 1."),
        ("padding", 1.0, TypeError, "padding wants a whole number from 0 to 3, but got 1.0. Did you mean 1?"),
        ("padding", True, TypeError, "padding wants a whole number from 0 to 3, but got True. Did you mean 1?"),
        ("size", "7", TypeError, "size wants a whole number from 3 to 12, but got '7'. Did you mean 7?"),
        ("size", None, TypeError, "size wants a whole number from 3 to 12, but got None."),
    ],
)
def test_a_value_outside_the_slider_is_refused_and_nothing_moves(name, value, error, sentence):
    explorer = ConvolutionExplorer()
    before = repr(explorer)
    with pytest.raises(error) as caught:
        setattr(explorer, name, value)
    assert str(caught.value) == sentence
    assert repr(explorer) == before
    with pytest.raises(error):
        ConvolutionExplorer(**{name: value})


SIGNATURES = {
    "ChannelsExplorer": "(size=5, in_channels=3, out_channels=2, kernel_size=3, stride=1, padding=0)",
    "ConvolutionExplorer": "(size=7, kernel_size=3, stride=1, padding=0, dilation=1)",
    "FilterExplorer": "(image=None, weight=None, stride=1, padding=1)",
    "FlattenExplorer": "(channels=2, height=3, width=4, memory='contiguous', batch=False, k=24)",
    "ModelExplorer": "(model, images, labels=None, classes=None, image=1, depth='chain', step=1)",
    "NetworkExplorer": "(image_size=32, in_channels=3, conv_channels=18, kernel_size=3, stride=1, padding=1, "
    "pool_kernel_size=2, pool_stride=2, hidden_features=64, classes=10, compute_fc1=True)",
    "PoolingExplorer": "(size=6, kernel_size=2, stride=2, padding=0, dilation=1, mode='max', ceil_mode=False)",
    "TrainingExplorer": "(train_set, test_set, lr=0.001, batch_size=128, epochs=5, conv_channels=18, kernel_size=3)",
}


@every_explorer
def test_the_signature_shows_every_argument_with_its_default_and_so_does_help(name):
    explorer_class = getattr(explorers, name)
    assert str(inspect.signature(explorer_class)) == SIGNATURES[name]
    assert f" |  {name}{SIGNATURES[name]}" in pydoc.render_doc(explorer_class, renderer=pydoc.plaintext)


@every_explorer
def test_the_arguments_can_be_given_by_place(name):
    given = made(name)
    others = {control: other_value(given, control) for control in given.controls}
    own = arguments_of(name)
    if name in ("FilterExplorer", "ModelExplorer"):
        own += (None, None)
    other = getattr(explorers, name)(*own, *others.values())
    assert {control: other.settings[control] for control in other.controls} == others


def test_an_argument_that_is_not_there_is_refused_with_those_that_are():
    wanted = "ConvolutionExplorer wants (size=7, kernel_size=3, stride=1, padding=0, dilation=1): "
    for values, named, why in [
        ((), {"kernal": 3}, "got an unexpected keyword argument 'kernal'."),
        ((7, 3, 1, 0, 1, 9), {}, "too many positional arguments."),
        ((7,), {"size": 7}, "multiple values for argument 'size'."),
    ]:
        with pytest.raises(TypeError) as caught:
            ConvolutionExplorer(*values, **named)
        assert str(caught.value) == wanted + why


def test_an_explorer_can_be_made_into_another():
    class Small(ConvolutionExplorer):
        pass

    class Square(ConvolutionExplorer):
        def __init__(self, size=5):
            super().__init__(size, kernel_size=size)

    class Strided(ConvolutionExplorer):
        def __init__(self, stride=2, **named):
            super().__init__(stride=stride, **named)

    class Biased(ConvolutionExplorer):
        stride = Slider("stride", 1, 2, default=2)
        bias = Switch("bias", default=True)

    assert Small(size=5).size == 5
    assert str(inspect.signature(Square)) == "(size=5)"
    assert (Square().size, Square(4).kernel_size) == (5, 4)
    assert str(inspect.signature(Strided)) == "(stride=2, size=7, kernel_size=3, padding=0, dilation=1)"
    assert Strided(size=9).settings == {**Small(size=9).settings, "stride": 2}
    assert str(inspect.signature(Biased)) == "(size=7, kernel_size=3, stride=2, padding=0, dilation=1, bias=True)"
    assert Biased(bias=False).settings == {**Small().settings, "stride": 2, "bias": False}


@pytest.mark.parametrize(
    ("name", "settings", "grid"),
    [
        ("PoolingExplorer", {"stride": 1}, "input"),
        ("ChannelsExplorer", {}, "input1"),
        ("FilterExplorer", {"stride": 2}, "input"),
    ],
)
def test_the_window_is_dragged_over_every_kind_of_input(stand, name, settings, grid):
    explorer = getattr(explorers, name)(**settings)
    page = stand(explorer, {"width": 1100, "height": 900})
    place = lambda: [int(number) for number in re.findall(r"\[([\d, ]+)\]", sums(page))[0].split(", ")][-2:]  # noqa: E731
    begun = place()
    plane = page.locator(f'[data-grid="{grid}"]:visible').first
    box = plane.bounding_box()
    pixel = box["width"] / plane.evaluate("(plane) => plane.width ?? 1") * explorer.stride
    x, y = box["x"] + box["width"] / 2, box["y"] + box["height"] / 2
    page.mouse.move(x, y)
    page.mouse.down()
    page.mouse.move(x - 1.1 * pixel, y + 0.9 * pixel, steps=5)
    page.mouse.move(x - 1.1 * pixel, y + 0.9 * pixel)
    row, column = begun
    assert place() == [row + 1, max(0, column - 1)]
    page.mouse.up()
    assert place() == [row + 1, max(0, column - 1)]
    assert page.problems == []


def sums(page):
    return page.locator(".cs-sum:visible").first.text_content()
