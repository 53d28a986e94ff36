"""helpers.arithmetic, with torch as the judge: the real layer is made and given zeros."""

import pickle
import subprocess
import sys
import warnings

import numpy as np
import pytest
import torch
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from torch import nn

from helpers.arithmetic import (
    ShapeError,
    conv_output_size,
    conv_parameters,
    conv_transpose_output_size,
    linear_parameters,
    pool_output_size,
    receptive_field,
)

few = settings(max_examples=80, deadline=None, derandomize=True)
many = settings(max_examples=300, deadline=None, derandomize=True)


# What torch does


def quiet(run):
    """run(), or None if torch refuses. Two warnings are expected, and only these."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "Initializing zero-element tensors is a no-op")
        warnings.filterwarnings("ignore", "Using padding='same' with even kernel lengths and odd dilation")
        try:
            return run()
        except (RuntimeError, ValueError):
            return None


def torch_size(function, size, **options):
    """The (height, width) of the real layer's output, or None.

    In float64, because in float32 a transposed convolution may take a shortcut that skips a check: see below.
    """
    layer = {
        conv_output_size: lambda: nn.Conv2d(1, 1, **options, dtype=torch.float64),
        pool_output_size: lambda: nn.MaxPool2d(**options),
        conv_transpose_output_size: lambda: nn.ConvTranspose2d(1, 1, **options, dtype=torch.float64),
    }[function]
    return quiet(lambda: tuple(layer()(torch.zeros(1, 1, *pair(size), dtype=torch.float64)).shape[2:]))


def our_size(function, **arguments):
    try:
        answer = function(**arguments)
    except ShapeError:
        return None
    has_pair = any(isinstance(value, (tuple, list)) for value in arguments.values())
    assert type(answer) is (tuple if has_pair else int)
    return pair(answer)


def pair(value):
    return tuple(value) if isinstance(value, (tuple, list)) else (value, value)


# What is tried: numbers and pairs, in their ranges or one step outside


def numbers_or_pairs(low, high):
    number = st.integers(low, high)
    return st.one_of(number, number, st.tuples(number, number), st.lists(number, min_size=2, max_size=2))


def settings_of(*names, outside):
    """Dictionaries of arguments; `outside` lets each be one below what makes sense."""
    ranges = {
        "size": (1, 12),
        "kernel_size": (1, 6),
        "stride": (1, 4),
        "padding": (0, 4),
        "output_padding": (0, 3),
        "dilation": (1, 4),
    }
    below = 2 if outside else 0
    return st.fixed_dictionaries({n: numbers_or_pairs(ranges[n][0] - below, ranges[n][1]) for n in names})


def both(*names):
    """Mostly sensible settings, some not."""
    sensible = settings_of(*names, outside=False)
    return st.one_of(sensible, sensible, settings_of(*names, outside=True))


CONV = ("size", "kernel_size", "stride", "padding", "dilation")
TRANSPOSE = (*CONV, "output_padding")


# Output sizes


@many
@given(both(*CONV))
def test_a_convolution_has_torchs_size_or_torchs_refusal(arguments):
    assert our_size(conv_output_size, **arguments) == torch_size(conv_output_size, **arguments)


@few
@given(both("size", "kernel_size", "dilation"), st.sampled_from([1, 1, 1, (1, 1), 2, (1, 2), 0]))
def test_same_padding_keeps_the_size_or_is_refused_as_in_torch(arguments, stride):
    arguments |= {"stride": stride, "padding": "same"}
    ours = our_size(conv_output_size, **arguments)
    assert ours == torch_size(conv_output_size, **arguments)
    assert ours in (None, pair(arguments["size"]))


@few
@given(both("size", "kernel_size", "stride", "dilation"))
def test_valid_padding_is_no_padding(arguments):
    ours = our_size(conv_output_size, padding="valid", **arguments)
    assert ours == our_size(conv_output_size, padding=0, **arguments)
    assert ours == torch_size(conv_output_size, padding="valid", **arguments)


@many
@given(both(*CONV), st.booleans(), st.booleans())
def test_a_max_pool_has_torchs_size_or_torchs_refusal(arguments, ceil_mode, default_stride):
    arguments["ceil_mode"] = ceil_mode
    if default_stride:
        arguments["stride"] = None
    assert our_size(pool_output_size, **arguments) == torch_size(pool_output_size, **arguments)


@many
@given(both(*TRANSPOSE))
def test_a_transposed_convolution_has_torchs_size_or_torchs_refusal(arguments):
    ours = our_size(conv_transpose_output_size, **arguments)
    assert ours == torch_size(conv_transpose_output_size, **arguments)


def test_every_small_pooling_with_ceil_mode_is_torchs():
    for size in range(1, 8):
        for kernel_size in range(1, 5):
            for stride in range(1, 6):
                for padding in range(kernel_size // 2 + 2):
                    for dilation in (1, 2):
                        arguments = dict(size=size, kernel_size=kernel_size, stride=stride, padding=padding)
                        arguments |= dict(dilation=dilation, ceil_mode=True)
                        ours = our_size(pool_output_size, **arguments)
                        assert ours == torch_size(pool_output_size, **arguments), arguments


def test_floor_drops_the_last_row():
    assert conv_output_size(5, 3, stride=2) == conv_output_size(6, 3, stride=2) == 2


def test_padding_is_counted_on_both_sides():
    assert conv_output_size(32, 5, padding=2) == 32


def test_dilation_spreads_the_kernel():
    assert conv_output_size(7, 3, dilation=3) == 1


def test_a_stride_far_beyond_the_input_leaves_one_place():
    assert conv_output_size(5, 3, stride=2**40) == 1


def test_height_comes_before_width():
    assert conv_output_size((10, 20), (3, 5), stride=(1, 2), padding=(0, 1)) == (8, 9)


def test_one_pair_is_enough_for_a_pair():
    assert conv_output_size(32, [3, 3]) == (30, 30)
    assert pool_output_size(32, 2, padding=(0, 1)) == (16, 17)


def test_pooling_strides_by_its_kernel():
    assert pool_output_size(32, 2) == 16
    assert pool_output_size(9, (2, 3)) == (4, 3)


def test_ceil_mode_keeps_a_last_window_that_hangs_over():
    assert pool_output_size(5, 2) == 2
    assert pool_output_size(5, 2, ceil_mode=True) == 3


def test_ceil_mode_drops_a_last_window_that_would_start_beyond_the_input():
    assert pool_output_size(3, 2, stride=3, padding=1, ceil_mode=True) == 2
    assert pool_output_size(2, 1, stride=2, ceil_mode=True) == 1


def test_the_padding_limit_of_pooling_is_half_the_kernel_without_dilation():
    assert pool_output_size(5, 3, padding=1, dilation=2) == 3 - 1 - 1
    with pytest.raises(ShapeError):
        pool_output_size(5, 3, padding=2, dilation=2)
    # torch's message speaks of the effective kernel, 5, whose half would be 2; it refuses 2 all the same.
    with pytest.raises(RuntimeError, match="half of"):
        nn.MaxPool2d(3, padding=2, dilation=2)(torch.zeros(1, 1, 5, 5))


def test_output_padding_tells_the_sizes_apart_that_a_stride_takes_to_one():
    for output_padding, size in enumerate((7, 8)):
        assert conv_output_size(size, 3, stride=2) == 3
        assert conv_transpose_output_size(3, 3, stride=2, output_padding=output_padding) == size


def test_output_padding_may_be_smaller_than_the_dilation_instead_of_the_stride():
    assert conv_transpose_output_size(5, 3, dilation=2, output_padding=1) == 10


def test_a_transposed_convolution_without_output_is_refused_though_torchs_shortcut_returns_it():
    def torch_output(kernel_size, padding, dtype):
        layer = nn.ConvTranspose2d(1, 1, kernel_size, padding=padding, dtype=dtype)
        return quiet(lambda: tuple(layer(torch.zeros(1, 1, 1, 1, dtype=dtype)).shape[2:]))

    # The output would have 0 cells. torch refuses, unless oneDNN computes: float32 on a CPU, kernel above 3.
    assert torch_output(2, padding=1, dtype=torch.float32) is None
    assert torch_output(4, padding=2, dtype=torch.float64) is None
    for kernel_size, padding in ((2, 1), (4, 2)):
        with pytest.raises(ShapeError, match="nothing is left"):
            conv_transpose_output_size(1, kernel_size, padding=padding)


# Parameters


def torch_parameters(layer, *zeros):
    def count():
        made = layer()
        made(torch.zeros(*zeros))
        return sum(parameter.numel() for parameter in made.parameters())

    return quiet(count)


def ours_or_none(function, *args, **options):
    try:
        return function(*args, **options)
    except ShapeError:
        return None


@many
@given(
    st.integers(-1, 9), st.integers(-1, 9), numbers_or_pairs(-1, 5), st.booleans(),
    st.sampled_from([1, 1, 1, 2, 3, 4, 0, -1]),
)  # fmt: skip
def test_a_convolution_has_torchs_number_of_parameters(in_channels, out_channels, kernel_size, bias, groups):
    assume(in_channels or min(pair(kernel_size)) > 0)  # with 0 channels torch looks at nothing else
    arguments = in_channels, out_channels, kernel_size
    expected = torch_parameters(lambda: nn.Conv2d(*arguments, bias=bias, groups=groups), 1, max(in_channels, 0), 6, 6)
    assert ours_or_none(conv_parameters, *arguments, bias=bias, groups=groups) == expected


@few
@given(st.integers(-2, 40), st.integers(-2, 40), st.booleans())
def test_a_linear_layer_has_torchs_number_of_parameters(in_features, out_features, bias):
    expected = torch_parameters(lambda: nn.Linear(in_features, out_features, bias), 1, max(in_features, 0))
    assert ours_or_none(linear_parameters, in_features, out_features, bias) == expected


def test_the_courses_network_has_296130_parameters():
    conv1 = conv_parameters(3, 18, 3)
    fc1, fc2 = linear_parameters(18 * 16 * 16, 64), linear_parameters(64, 10)
    assert (conv1, fc1, fc2, conv1 + fc1 + fc2) == (504, 294_976, 650, 296_130)


# Receptive field


LAYERS = st.lists(st.tuples(*(numbers_or_pairs(1, 3) for _ in range(3))), max_size=3)


@settings(few, max_examples=100)
@given(LAYERS)
def test_the_receptive_field_is_where_the_gradient_arrives(layers):
    field = receptive_field(layers)
    has_pair = any(isinstance(number, (tuple, list)) for layer in layers for number in layer)
    assert type(field) is (tuple if has_pair else int)
    height, width = pair(field)
    image = torch.zeros(1, 1, height + 2, width + 3, dtype=torch.float64, requires_grad=True)
    features = image * 1
    for kernel_size, stride, dilation in layers:
        conv = nn.Conv2d(1, 1, kernel_size, stride=stride, dilation=dilation, bias=False).double()
        nn.init.ones_(conv.weight)
        features = conv(features)
    features[0, 0, 0, 0].backward()
    rows, columns = image.grad[0, 0].nonzero(as_tuple=True)
    assert (rows.min(), rows.max() + 1) == (0, height)
    assert (columns.min(), columns.max() + 1) == (0, width)


def test_no_layers_see_one_cell():
    assert receptive_field([]) == 1


def test_two_small_kernels_see_what_one_large_one_sees():
    assert receptive_field([(3, 1, 1), (3, 1, 1)]) == receptive_field([(5, 1, 1)]) == 5


def test_a_stride_counts_for_the_layers_after_it():
    assert receptive_field([(3, 1, 1), (2, 2, 1)]) == 4
    assert receptive_field([(3, 1, 1), (2, 2, 1), (3, 1, 1)]) == 8


@pytest.mark.parametrize(
    ("layers", "message"),
    [
        (
            [(3, 1, 1), (3, 2)],
            "Layer 2 wants a (kernel_size, stride, dilation) tuple, but got (3, 2). Did you mean (3, 2, 1)?",
        ),
        ([3], "Layer 1 wants a (kernel_size, stride, dilation) tuple, but got 3. Did you mean (3, 1, 1)?"),
        (
            [(3, 1, 0, 1)],
            "Layer 1 wants a (kernel_size, stride, dilation) tuple, but got (3, 1, 0, 1). Did you mean (3, 1, 0)?",
        ),
        (
            3,
            "layers wants a list of (kernel_size, stride, dilation) tuples, but got 3. "
            "For example [(3, 1, 1), (2, 2, 1)].",
        ),
        (
            [(3, 1.0, 1)],
            "stride wants a whole number of at least 1 or a (height, width) pair, but got 1.0. Did you mean 1?",
        ),
    ],
)
def test_a_wrong_layer_is_explained(layers, message):
    with pytest.raises(TypeError) as caught:
        receptive_field(layers)
    assert str(caught.value) == message


def test_an_impossible_layer_is_named():
    with pytest.raises(ShapeError) as caught:
        receptive_field([(3, 1, 1), (2, (1, 0), 1)])
    assert str(caught.value) == (
        "Layer 2: Width: stride wants a whole number of at least 1, but got 0. "
        "Smallest change that works in width: stride 1."
    )


# What the errors say


def error_of(function, *args, **options):
    """The ShapeError, or None."""
    try:
        function(*args, **options)
    except ShapeError as error:
        return error


def refusal(function, *args, **options):
    with pytest.raises(ShapeError) as caught:
        function(*args, **options)
    return caught.value


@pytest.mark.parametrize(
    ("error", "problem", "fixes"),
    [
        (
            (conv_output_size, dict(size=4, kernel_size=7, padding=1)),
            "The kernel (7) is larger than the padded input (4 + 2·1 = 6): there is no place to put it.",
            "Smallest change that works: padding 2 · or kernel_size 6 · or size 5.",
        ),
        (
            (conv_output_size, dict(size=3, kernel_size=3, dilation=2)),
            "The kernel (3, spread over 2·(3 − 1) + 1 = 5 by dilation 2) is larger than the padded input "
            "(3 + 2·0 = 3): there is no place to put it.",
            "Smallest change that works: padding 1 · or kernel_size 2 · or dilation 1 · or size 5.",
        ),
        (
            (conv_output_size, dict(size=2, kernel_size=4, dilation=2)),  # dilation 1 alone is not enough
            "The kernel (4, spread over 2·(4 − 1) + 1 = 7 by dilation 2) is larger than the padded input "
            "(2 + 2·0 = 2): there is no place to put it.",
            "Smallest change that works: padding 3 · or kernel_size 1 · or size 7.",
        ),
        (
            (conv_output_size, dict(size=(4, 4), kernel_size=7, padding=1)),  # equal dimensions need no name
            "The kernel (7) is larger than the padded input (4 + 2·1 = 6): there is no place to put it.",
            "Smallest change that works: padding 2 · or kernel_size 6 · or size 5.",
        ),
        (
            (conv_output_size, dict(size=(8, 4), kernel_size=7, padding=1)),
            "Width: The kernel (7) is larger than the padded input (4 + 2·1 = 6): there is no place to put it.",
            "Smallest change that works in width: padding 2 · or kernel_size 6 · or size 5.",
        ),
        (
            (conv_output_size, dict(size=(4, 3), kernel_size=5)),
            "Height: The kernel (5) is larger than the padded input (4 + 2·0 = 4): "
            "there is no place to put it. The width does not work either.",
            "Smallest change that works in height: padding 1 · or kernel_size 4 · or size 5.",
        ),
        (
            (conv_output_size, dict(size=0, kernel_size=3)),
            "size wants a whole number of at least 1, but got 0.",
            "Smallest change that works: size 3.",
        ),
        (
            (conv_output_size, dict(size=5, kernel_size=3, stride=-1)),
            "stride wants a whole number of at least 1, but got -1.",
            "Smallest change that works: stride 1.",
        ),
        (
            (conv_output_size, dict(size=5, kernel_size=3, stride=0, padding=-1)),  # no single change is enough
            "stride wants a whole number of at least 1, but got 0. "
            "padding wants a whole number of at least 0, but got -1.",
            None,
        ),
        (
            (conv_output_size, dict(size=5, kernel_size=3, stride=2, padding="same")),
            'padding="same" wants stride 1, but got 2. With a stride, give the padding as a number.',
            "Smallest change that works: stride 1.",
        ),
        (
            (conv_output_size, dict(size=5, kernel_size=3, padding="Same")),
            'padding wants a whole number of at least 0, a (height, width) pair, "same" or "valid", but got "Same". '
            'Did you mean "same"?',
            None,
        ),
        (
            (conv_output_size, dict(size=5, kernel_size=3, padding="full")),
            'padding wants a whole number of at least 0, a (height, width) pair, "same" or "valid", but got "full".',
            None,
        ),
        (
            (pool_output_size, dict(size=1, kernel_size=2)),
            "The kernel (2) is larger than the padded input (1 + 2·0 = 1): there is no place to put it.",
            "Smallest change that works: padding 1 · or kernel_size 1 · or size 2.",
        ),
        (
            (pool_output_size, dict(size=1, kernel_size=3, stride=2, ceil_mode=True)),
            "The kernel (3) is larger than the padded input (1 + 2·0 = 1), even with the stride − 1 = 1 that "
            "ceil_mode adds: there is no place to put it.",
            "Smallest change that works: padding 1 · or kernel_size 2 · or size 2.",
        ),
        (
            (pool_output_size, dict(size=8, kernel_size=2, padding=2)),
            "The padding (2) is more than half the kernel (2 // 2 = 1), the most that max pooling takes.",
            "Smallest change that works: padding 1 · or kernel_size 4.",
        ),
        (
            (pool_output_size, dict(size=8, kernel_size=3, padding=2, dilation=2)),
            "The padding (2) is more than half the kernel (3 // 2 = 1), the most that max pooling takes, "
            "which dilation does not change.",
            "Smallest change that works: padding 1 · or kernel_size 4.",
        ),
        (
            (conv_transpose_output_size, dict(size=2, kernel_size=2, padding=2)),
            "The padding (2) cuts off 2·2 = 4 cells of (2 − 1)·1 + 1·(2 − 1) + 0 + 1 = 3: nothing is left.",
            "Smallest change that works: padding 1 · or kernel_size 4 · or size 4.",
        ),
        (
            (conv_transpose_output_size, dict(size=5, kernel_size=3, stride=2, output_padding=2)),
            "output_padding wants a number below stride (2) or dilation (1), but got 2.",
            "Smallest change that works: output_padding 1 · or stride 3 · or dilation 3.",
        ),
        (
            (conv_parameters, dict(in_channels=3, out_channels=18, kernel_size=3, groups=2)),
            "in_channels (3) cannot be shared out among 2 groups.",
            "Smallest change that works: in_channels 2 · or groups 1.",
        ),
        (
            (conv_parameters, dict(in_channels=4, out_channels=8, kernel_size=3, groups=3)),
            "in_channels (4) and out_channels (8) cannot be shared out among 3 groups.",
            "Smallest change that works: groups 2.",
        ),
        (
            (conv_parameters, dict(in_channels=3, out_channels=18, kernel_size=(3, 0))),
            "Width: kernel_size wants a whole number of at least 1, but got 0.",
            "Smallest change that works in width: kernel_size 1.",
        ),
        (
            (linear_parameters, dict(in_features=-1, out_features=10)),
            "in_features wants a whole number of at least 0, but got -1.",
            "Smallest change that works: in_features 1.",
        ),
    ],
)
def test_an_impossible_setting_is_explained(error, problem, fixes):
    function, arguments = error
    caught = refusal(function, **arguments)
    assert caught.problem == problem
    assert str(caught) == (f"{problem} {fixes}" if fixes else problem)
    assert (caught.fixes == {}) == (fixes is None)


def test_the_error_gives_its_parts_for_pictures_to_use():
    error = refusal(conv_output_size, (8, 4), 7, padding=1)
    assert error.fixes == {"padding": 2, "kernel_size": 6, "size": 5}
    assert list(error.fixes) == ["padding", "kernel_size", "size"]
    assert error.dimension == "width"
    assert refusal(conv_output_size, 4, 7, padding=1).dimension is None


def test_the_error_survives_a_pickle():
    error = refusal(conv_output_size, (8, 4), 7, padding=1)
    again = pickle.loads(pickle.dumps(error))
    assert (str(again), again.problem, again.fixes, again.dimension) == (
        str(error), error.problem, error.fixes, error.dimension,
    )  # fmt: skip


# What the errors propose


def check_fixes(works, arguments, error):
    """Each proposed value works, alone and in torch; and nothing nearer does."""
    for name, value in error.fixes.items():
        given = arguments[name]
        assert works(arguments | {name: value}), (name, value)
        distance = abs(value - given)
        for nearer in range(given - distance + 1, given + distance):
            if nearer or name != "in_channels":  # torch would take 0 channels; we do not propose that
                assert not works(arguments | {name: nearer}), (name, value, nearer)


def check_size_fixes(function, arguments):
    error = error_of(function, **arguments)
    if not error:
        return
    height, width = (
        {n: v if isinstance(v, (str, bool, type(None))) else pair(v)[i] for n, v in arguments.items()} for i in (0, 1)
    )
    wrong = width if error.dimension == "width" else height
    check_fixes(lambda changed: torch_size(function, **changed) is not None, wrong, error)
    if "no place" in error.problem:
        assert "size" in error.fixes
    if error.dimension:
        other_is_wrong = torch_size(function, **(height if wrong is width else width)) is None
        assert other_is_wrong == ("The width does not work either." in error.problem)


def too_large(*names):
    """Settings that often do not fit."""
    small = {"size": (-1, 4), "kernel_size": (0, 6), "padding": (-1, 4), "stride": (0, 3)}
    ranges = small | {"dilation": (0, 3), "output_padding": (-1, 3)}
    return st.fixed_dictionaries({name: numbers_or_pairs(*ranges[name]) for name in names})


@few
@given(too_large(*CONV))
def test_what_is_proposed_for_a_convolution_works_and_is_the_smallest_change(arguments):
    check_size_fixes(conv_output_size, arguments)


@few
@given(too_large("size", "kernel_size", "stride", "dilation"))
def test_what_is_proposed_for_same_padding_works(arguments):
    check_size_fixes(conv_output_size, arguments | {"padding": "same"})


@few
@given(too_large(*CONV), st.booleans(), st.booleans())
def test_what_is_proposed_for_a_max_pool_works_and_is_the_smallest_change(arguments, ceil_mode, default_stride):
    if default_stride:
        arguments["stride"] = None
    check_size_fixes(pool_output_size, arguments | {"ceil_mode": ceil_mode})


@few
@given(too_large(*TRANSPOSE))
def test_what_is_proposed_for_a_transposed_convolution_works_and_is_the_smallest_change(arguments):
    check_size_fixes(conv_transpose_output_size, arguments)


@few
@given(st.integers(-1, 9), st.integers(-1, 9), st.integers(-1, 5))
def test_what_is_proposed_for_channels_works_and_is_the_smallest_change(inputs, outputs, groups):
    def works(changed):
        zeros = 1, max(changed["in_channels"], 0), 5, 5
        return torch_parameters(lambda: nn.Conv2d(**changed), *zeros) is not None

    arguments = dict(in_channels=inputs, out_channels=outputs, kernel_size=3, groups=groups)
    if error := error_of(conv_parameters, **arguments):
        check_fixes(works, arguments, error)


@few
@given(st.integers(1, 6), st.integers(1, 9), st.integers(0, 3), st.integers(1, 4))
def test_what_is_proposed_for_a_kernel_too_large_is_this_arithmetic(size, kernel_size, padding, dilation):
    """The same four formulas stand in the convolution explorer's JavaScript."""
    padded, span = size + 2 * padding, dilation * (kernel_size - 1) + 1
    if span <= padded:
        assert conv_output_size(size, kernel_size, 1, padding, dilation) == padded - span + 1
        return
    expected = {"padding": -((size - span) // 2), "kernel_size": (padded - 1) // dilation + 1}
    if dilation > 1 and (padded - 1) // (kernel_size - 1) >= 1:
        expected["dilation"] = (padded - 1) // (kernel_size - 1)
    expected["size"] = span - 2 * padding
    assert list(refusal(conv_output_size, size, kernel_size, 1, padding, dilation).fixes.items()) == list(
        expected.items()
    )


# What is not a number


@pytest.mark.parametrize(
    ("value", "end"),
    [
        (3.0, "got 3.0. Did you mean 3?"),
        (2.7, "got 2.7. Did you mean 3?"),
        ("3", "got '3'. Did you mean 3?"),
        ("three", "got 'three'."),
        (True, "got True. Did you mean 1?"),
        (None, "got None."),
        (float("nan"), "got nan."),
        (float("inf"), "got inf."),
        (0.2, "got 0.2. Did you mean 1?"),
        ((), "got ()."),
        ((3,), "got (3,). Did you mean 3?"),
        ((3, 3, 3), "got (3, 3, 3). Did you mean (3, 3)?"),
        ((3, 5.0), "got (3, 5.0). Did you mean (3, 5)?"),
        ([3, None], "got [3, None]."),
        ((3, True), "got (3, True). Did you mean (3, 1)?"),
        ({3, 5}, "got {3, 5}."),
    ],
)
@pytest.mark.parametrize("function", [conv_output_size, pool_output_size, conv_transpose_output_size])
def test_what_is_no_whole_number_is_explained(function, value, end):
    for name in ("size", "kernel_size", "stride", "dilation"):
        if (function, name, value) == (pool_output_size, "stride", None):
            continue  # its default
        with pytest.raises(TypeError) as caught:
            function(**({"size": 9, "kernel_size": 3} | {name: value}))
        assert str(caught.value) == f"{name} wants a whole number of at least 1 or a (height, width) pair, but {end}"


def test_a_whole_shape_is_answered_with_its_height_and_width():
    with pytest.raises(TypeError, match=r"got torch.Size\(\[8, 3, 32, 24\]\). Did you mean \(32, 24\)\?"):
        conv_output_size(torch.zeros(8, 3, 32, 24).shape, 3)


def test_only_a_convolution_takes_a_word_for_its_padding():
    for function in (pool_output_size, conv_transpose_output_size):
        with pytest.raises(
            TypeError, match=r"a whole number of at least 0 or a \(height, width\) pair, but got 'same'"
        ):
            function(9, 3, padding="same")


def test_ceil_mode_is_true_or_false():
    with pytest.raises(TypeError) as caught:
        pool_output_size(5, 2, ceil_mode=1)
    assert str(caught.value) == "ceil_mode wants True or False, but got 1. Did you mean True?"
    with pytest.raises(TypeError):
        nn.MaxPool2d(2, ceil_mode=1)(torch.zeros(1, 1, 5, 5))


def test_channels_and_features_are_single_numbers():
    for value, hint in (((3, 3), ""), (3.0, " Did you mean 3?")):
        for function, name in ((conv_parameters, "in_channels"), (linear_parameters, "in_features")):
            with pytest.raises(TypeError) as caught:
                function(value, *((18, 3) if function is conv_parameters else (10,)))
            assert str(caught.value) == f"{name} wants a whole number, but got {value!r}.{hint}"


def test_what_counts_as_an_index_counts_as_a_number():
    answer = conv_output_size(np.int64(5), np.array(3), padding=(np.uint8(1), 1), stride=torch.tensor(1))
    assert answer == (5, 5)
    assert {type(number) for number in answer} == {int}
    assert type(pool_output_size(np.int32(8), np.int32(2))) is int
    assert type(conv_parameters(np.int64(3), np.int64(18), np.int64(3))) is int


def test_the_arithmetic_needs_the_standard_library_only():
    program = (
        "import sys; before = set(sys.modules); import helpers.arithmetic; "
        "new = {name.split('.')[0] for name in set(sys.modules) - before}; "
        "print(sorted(new - set(sys.stdlib_module_names) - {'helpers'}))"
    )
    result = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert result.stdout.strip() == "[]"
