"""What the explorers share: sliders that are attributes, and the rules every picture keeps."""

import pytest

from helpers.arithmetic import conv_output_size
from helpers.explorers import ConvolutionExplorer, LiveText
from helpers.plots import COLOURS


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
        ("kernel_size", 9, ValueError, "kernel_size is a whole number from 1 to 7; got 9. The nearest is 7."),
        ("stride", 0, ValueError, "stride is a whole number from 1 to 4; got 0. The nearest is 1."),
        ("padding", 1.0, TypeError, "padding is a whole number from 0 to 3; got 1.0. Try padding=1."),
        ("padding", True, TypeError, "padding is a whole number from 0 to 3; got True. Try padding=1."),
        ("size", "7", TypeError, "size is a whole number from 3 to 12; got '7'. Try size=7."),
        ("size", None, TypeError, "size is a whole number from 3 to 12; got None. Try size=3."),
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


def test_an_explorer_can_be_made_into_another():
    class Small(ConvolutionExplorer):
        pass

    assert Small(size=5).size == 5


def test_the_pictures_and_the_figures_use_the_same_colours():
    css = ConvolutionExplorer().view._css
    for name in ("input", "kernel", "output", "padding", "negative"):
        assert f"--{name}: {COLOURS[name].lower()};" in css


def test_live_text_follows_its_sliders_and_shows_a_shape_error_as_a_sentence():
    text = LiveText(lambda size: f"<b>{conv_output_size(size, 3)}</b>", size=(1, 9, 7))
    assert repr(text) == "LiveText: 5"
    text.set(size=4)
    assert text.text.value == "<b>2</b>"
    text.set(size=2)
    assert repr(text).startswith("LiveText: ✗ The kernel (3) is larger than the padded input")


@pytest.mark.parametrize("limits", [3, (1, 2), (5, 1, 3), (1, 5, 9), (1, 5, 2.5), "137"])
def test_live_text_says_what_limits_it_takes(limits):
    with pytest.raises(ValueError, match=r"size takes \(lowest, highest, start\).* got"):
        LiveText(str, size=limits)


def test_live_text_moves_no_slider_if_one_of_them_cannot_be():
    text = LiveText(lambda a, b: f"{a} {b}", a=(1, 5, 2), b=(1, 5, 3))
    for values in ({"a": 3, "b": 9}, {"a": 3, "c": 1}):
        with pytest.raises(ValueError, match=r"b takes|no slider 'c'; there are a, b"):
            text.set(**values)
        assert repr(text) == "LiveText: 2 3"
