"""The shape arithmetic of a CNN: output sizes, parameters, receptive fields. Integers in, integers out.

Every argument means what it means in torch: a whole number, or a (height, width) pair where the two differ.
Whole numbers in, a whole number out; any pair in, a pair out. Where torch raises, when its layer is made and
given a tensor of zeros, ShapeError is raised here, with the reason and the smallest change that works.
(What only a machine's memory or its 32-bit integers refuse is not counted.)
"""

import operator
from difflib import get_close_matches
from functools import partial
from typing import NamedTuple

from helpers.arguments import pair, short, switch, wants, whole
from helpers.sentences import SENTENCES


class ShapeError(ValueError):
    """These numbers do not fit together. str() says why, and the smallest change that works.

    problem    what is wrong, in a sentence or two, with the values in it
    fixes      {argument: nearest value that works}: changing one of them is enough; {} if no single change is
    dimension  "height" or "width" where the two differ (`fixes` are then for that one), else None
    """

    def __init__(self, problem, fixes=None, dimension=None):
        self.problem, self.fixes, self.dimension = problem, dict(fixes or {}), dimension
        changes = " · or ".join(f"{name} {value}" for name, value in self.fixes.items())
        where = f" in {dimension}" if dimension else ""
        super().__init__(f"{problem} Smallest change that works{where}: {changes}." if changes else problem)


def conv_output_size(size, kernel_size, stride=1, padding=0, dilation=1):
    """How many places the kernel can stand in: the height and width of what nn.Conv2d returns, in cells.

    floor((size + 2·padding − dilation·(kernel_size − 1) − 1) / stride) + 1

    `padding` may also be "valid" (none) or "same" (the output is as large as the input; stride 1 only).
    Source: torch's documentation of nn.Conv2d; Dumoulin & Visin, arXiv 1603.07285, relationships 6 and 15.
    Raises ShapeError where torch raises; TypeError for what is not a whole number or a pair of them.

    >>> conv_output_size(32, 3), conv_output_size(32, 3, padding=1), conv_output_size((6, 5), 3, stride=2)
    (30, 32, (2, 2))
    """
    sizes = {"size": size, "kernel_size": kernel_size, "stride": stride, "dilation": dilation}
    if padding == "same":
        return _output_size(_conv_same, sizes)
    if isinstance(padding, str) and padding != "valid":
        guess = get_close_matches(padding.lower(), ("same", "valid"), n=1)
        meant = f' Did you mean "{guess[0]}"?' if guess else ""
        raise ShapeError(SENTENCES["padding-word"].format(padding=padding, meant=meant))
    return _output_size(_conv, sizes | {"padding": 0 if padding == "valid" else padding})


def pool_output_size(size, kernel_size, stride=None, padding=0, dilation=1, ceil_mode=False):
    """The height and width of what nn.MaxPool2d returns, in cells. Its stride, if not given, is its kernel.

    floor((size + 2·padding − dilation·(kernel_size − 1) − 1) / stride) + 1

    `ceil_mode` rounds up, except that the last window must start inside the input or its left padding.
    Source: torch's documentation of nn.MaxPool2d.
    Raises ShapeError where torch raises; TypeError for what is not a whole number or a pair of them.

    >>> pool_output_size(32, 2), pool_output_size(5, 2), pool_output_size(5, 2, ceil_mode=True)
    (16, 2, 3)
    """
    sizes = {"size": size, "kernel_size": kernel_size, "padding": padding, "dilation": dilation}
    if stride is not None:
        sizes["stride"] = stride
    return _output_size(partial(_pool, ceil_mode=switch("ceil_mode", ceil_mode)), sizes)


def conv_transpose_output_size(size, kernel_size, stride=1, padding=0, output_padding=0, dilation=1):
    """The height and width of what nn.ConvTranspose2d returns, in cells: conv_output_size the way back.

    (size − 1)·stride − 2·padding + dilation·(kernel_size − 1) + output_padding + 1

    A convolution takes several sizes to the same one; `output_padding` says which of them is meant.
    Source: torch's documentation of nn.ConvTranspose2d; Dumoulin & Visin, arXiv 1603.07285, relationship 14.
    Raises ShapeError where torch raises; TypeError for what is not a whole number or a pair of them.

    >>> conv_output_size(7, 3, stride=2), conv_output_size(8, 3, stride=2)
    (3, 3)
    >>> [conv_transpose_output_size(3, 3, stride=2, output_padding=extra) for extra in (0, 1)]
    [7, 8]
    """
    sizes = {"size": size, "kernel_size": kernel_size, "stride": stride, "padding": padding}
    sizes |= {"output_padding": output_padding, "dilation": dilation}
    return _output_size(_conv_transpose, sizes)


def conv_parameters(in_channels, out_channels, kernel_size, bias=True, groups=1):
    """How many numbers an nn.Conv2d learns: the weights of its kernels, and one bias for each output channel.

    out_channels · (in_channels / groups) · kernel height · kernel width, + out_channels with a bias

    Source: torch's documentation of nn.Conv2d (the shapes of its weight and bias).
    Raises ShapeError where torch raises, if only on using the layer (kernel_size 0, out_channels 0);
    TypeError for what is not a whole number (for kernel_size: or a pair of them).

    >>> conv_parameters(3, 18, 3), conv_parameters(18, 18, 3, bias=False, groups=18)
    (504, 162)
    """
    height, width = _by_dimension(lambda kernel_size: kernel_size, {"kernel_size": kernel_size})
    numbers = {"in_channels": in_channels, "out_channels": out_channels, "groups": groups}
    numbers = {name: whole(name, value) for name, value in numbers.items()}
    per_group = _solve(_channels_per_group, numbers)
    return numbers["out_channels"] * (per_group * height * width + (1 if bias else 0))


def linear_parameters(in_features, out_features, bias=True):
    """How many numbers an nn.Linear learns: in_features · out_features, + out_features with a bias.

    Source: torch's documentation of nn.Linear.
    Raises ShapeError for a negative number, as torch does (0 it takes); TypeError for no whole number.

    >>> linear_parameters(18 * 16 * 16, 64)
    294976
    """
    numbers = {"in_features": in_features, "out_features": out_features}
    numbers = {name: whole(name, value) for name, value in numbers.items()}
    inputs = _solve(lambda in_features, out_features: in_features, numbers)
    return numbers["out_features"] * (inputs + (1 if bias else 0))


def receptive_field(layers):
    """How many input cells, side by side, one number of the last layer looks at (from the first to the last).

    `layers`: (kernel_size, stride, dilation) of each, from the first layer to the last; no layers: 1. Padding
    does not change the size; near the border, part of the field lies in the padding.
    1 + the sum over the layers of dilation·(kernel_size − 1)·(product of the strides of the layers before)
    Source: Araujo, Norris & Sim, Computing Receptive Fields of CNNs, distill.pub 2019.
    Raises ShapeError for a number that no torch layer takes; TypeError for anything but such tuples.

    >>> receptive_field([(3, 1, 1), (3, 1, 1)]), receptive_field([(3, 1, 1), (2, 2, 1), (3, 1, 1)])
    (5, 8)
    """
    if not hasattr(layers, "__iter__"):
        raise TypeError(
            f"layers wants a list of (kernel_size, stride, dilation) tuples, but got {short(layers)}. "
            "For example [(3, 1, 1), (2, 2, 1)]."
        )
    field, step = (1, 1), (1, 1)  # step: how many input cells lie from one number of this layer to the next
    is_pair = False
    for number, layer in enumerate(layers, start=1):
        if not isinstance(layer, (tuple, list)) or len(layer) != 3:
            given = tuple(layer) if isinstance(layer, (tuple, list)) else (layer,)
            raise TypeError(
                f"Layer {number} wants a (kernel_size, stride, dilation) tuple, but got {short(layer)}. "
                f"Did you mean {(given + (3, 1, 1)[len(given) :])[:3]}?"
            )
        numbers = dict(zip(("kernel_size", "stride", "dilation"), layer, strict=True))
        try:
            growth = _by_dimension(_growth, numbers)
        except ShapeError as error:
            raise ShapeError(f"Layer {number}: {error.problem}", error.fixes, error.dimension) from None
        is_pair = is_pair or _has_pair(layer)
        field = tuple(f + s * g for f, s, g in zip(field, step, growth, strict=True))
        step = tuple(map(operator.mul, step, pair("stride", numbers["stride"])))
    return field if is_pair else field[0]


# The rules, each for one dimension and for numbers in their ranges. A rule returns the answer, or a _Misfit.

_LEAST = {"size": 1, "kernel_size": 1, "stride": 1, "padding": 0, "output_padding": 0, "dilation": 1}
# torch runs layers with 0 input channels or 0 features, so we count them; out_channels=0 it cannot run.
_LEAST |= {"in_channels": 0, "out_channels": 1, "groups": 1, "in_features": 0, "out_features": 0}


class _Misfit(NamedTuple):
    sentence: str  # with places for the rule's numbers, and for `values`
    change: tuple  # the arguments worth changing
    values: dict


def _conv(size, kernel_size, stride, padding, dilation):
    return (
        _too_large(size, kernel_size, padding, dilation)
        or (size + 2 * padding - dilation * (kernel_size - 1) - 1) // stride + 1
    )


def _conv_same(size, kernel_size, stride, dilation):
    return size if stride == 1 else _Misfit(SENTENCES["same-stride"], ("stride",), {})


def _pool(size, kernel_size, padding, dilation, stride=None, *, ceil_mode):
    stride = kernel_size if stride is None else stride
    # Half the kernel itself, although torch's message may speak of the "effective" (dilated) kernel.
    half = kernel_size // 2
    if padding > half:
        undilated = SENTENCES["undilated"] if dilation > 1 else ""
        values = {"half": half, "pooling": SENTENCES["max"], "undilated": undilated}
        return _Misfit(SENTENCES["pool-padding"], ("padding", "kernel_size"), values)
    extra = stride - 1 if ceil_mode else 0  # rounding up: as if there were this many cells more
    if misfit := _too_large(size, kernel_size, padding, dilation, extra):
        return misfit
    output = (size + 2 * padding + extra - dilation * (kernel_size - 1) - 1) // stride + 1
    # The last window must start inside the input or its left padding.
    return output - 1 if ceil_mode and (output - 1) * stride >= size + padding else output


def _conv_transpose(size, kernel_size, stride, padding, output_padding, dilation):
    if output_padding >= max(stride, dilation):
        return _Misfit(SENTENCES["output-padding"], ("output_padding", "stride", "dilation"), {})
    cells = (size - 1) * stride + dilation * (kernel_size - 1) + output_padding + 1
    # No cells left: refused, as by torch's own code. Where oneDNN computes instead (float32 on a CPU, with a
    # kernel above 3 or a batch above 1), torch returns an image of 0 cells, which nothing can be done with.
    if cells > 2 * padding:
        return cells - 2 * padding
    return _Misfit(SENTENCES["cut-off"], ("padding", "kernel_size", "size"), {"cut": 2 * padding, "cells": cells})


def _too_large(size, kernel_size, padding, dilation, extra=0):
    span, padded = dilation * (kernel_size - 1) + 1, size + 2 * padding
    if span <= padded + extra:
        return None
    spread = SENTENCES["spread"].format(dilation=dilation, kernel_size=kernel_size, span=span) if dilation > 1 else ""
    rounded_up = SENTENCES["rounded_up"].format(extra=extra) if extra else ""
    change = ("padding", "kernel_size", *(["dilation"] if dilation > 1 else []), "size")
    values = {"padded": padded, "spread": spread, "rounded_up": rounded_up}
    return _Misfit(SENTENCES["kernel-too-big"], change, values)


def _channels_per_group(in_channels, out_channels, groups):
    channels = {"in_channels": in_channels, "out_channels": out_channels}
    uneven = " and ".join(f"{name} ({value})" for name, value in channels.items() if value % groups)
    if not uneven:
        return in_channels // groups
    return _Misfit(SENTENCES["groups"], (*channels, "groups"), {"channels": uneven})


def _growth(kernel_size, stride, dilation):
    return dilation * (kernel_size - 1)


# From what was given to numbers, and from a misfit to an error.


def _output_size(rule, given):
    """What a rule answers: a pair if any was given, else a number."""
    answer = _by_dimension(rule, given)
    return answer if _has_pair(given.values()) else answer[0]


def _has_pair(values):
    return any(isinstance(value, (tuple, list)) for value in values)


def _by_dimension(rule, given):
    """What a rule answers for the height, and for the width."""
    given = {name: pair(name, value, _LEAST[name]) for name, value in given.items()}
    height, width = ({name: sizes[i] for name, sizes in given.items()} for i in (0, 1))
    if height == width:
        return (_solve(rule, height),) * 2
    remark = " The width does not work either." if isinstance(_attempt(rule, width), _Misfit) else ""
    return _solve(rule, height, "height", remark), _solve(rule, width, "width")


def _solve(rule, numbers, dimension=None, remark=""):
    answer = _attempt(rule, numbers)
    if not isinstance(answer, _Misfit):
        return answer
    fixes = {name: _nearest_that_works(rule, numbers, name) for name in answer.change}
    fixes = {name: value for name, value in fixes.items() if value is not None}
    place = f"{dimension.capitalize()}: " if dimension else ""
    raise ShapeError(place + answer.sentence.format(**numbers | answer.values) + remark, fixes, dimension)


def _nearest_that_works(rule, numbers, name):
    # No rule needs a change larger than this; and 10,000 is far enough to look.
    largest = max(abs(value) for value in numbers.values())
    for distance in range(1, min((1 + largest) ** 2 + 1, 10_000) + 1):
        for value in (numbers[name] - distance, numbers[name] + distance):
            if value == 0 and "padding" not in name:
                continue  # torch would take 0 channels, but nobody wants them
            if not isinstance(_attempt(rule, numbers | {name: value}), _Misfit):
                return value
    return None


def _attempt(rule, numbers):
    low = [name for name, value in numbers.items() if value < _LEAST[name]]
    if low:
        problems = (f"{wants(name, _LEAST[name])}, but got {numbers[name]}." for name in low)
        return _Misfit(" ".join(problems), tuple(low), {})
    return rule(**numbers)
