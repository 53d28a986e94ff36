"""`ConvolutionExplorer`: one plane, one kernel, one output plane, every number on show and equal to torch's."""

from __future__ import annotations

import traitlets

from helpers.arithmetic import conv_output_size
from helpers.explorers.base import LARGEST_KERNEL, Explorer, Slider, View
from helpers.explorers.layers import call, convolution, corner, options, output_shape
from helpers.explorers.modules import browser_code
from helpers.explorers.weights import checked_rows

LARGEST_WEIGHT = 9

# A bright block on a dark ground and a slope beside it: whole numbers, to check by hand. A smaller input is its
# top left corner.
PICTURE = [
    [1, 0, 2, 1, 0, 1, 0, 2, 1, 3, 4, 5],
    [0, 1, 8, 9, 7, 0, 1, 1, 2, 3, 5, 6],
    [2, 1, 9, 8, 9, 1, 0, 2, 3, 4, 5, 7],
    [1, 0, 7, 9, 8, 2, 1, 2, 3, 5, 6, 7],
    [0, 2, 1, 0, 1, 0, 2, 3, 4, 5, 7, 8],
    [1, 0, 3, 2, 4, 3, 1, 3, 5, 6, 7, 9],
    [2, 1, 0, 1, 5, 6, 2, 4, 5, 6, 8, 9],
    [0, 1, 2, 0, 6, 7, 3, 1, 0, 2, 1, 0],
    [1, 3, 1, 2, 7, 9, 4, 0, 9, 9, 8, 1],
    [9, 8, 9, 7, 8, 9, 5, 1, 9, 0, 9, 0],
    [2, 0, 1, 1, 3, 2, 1, 0, 8, 9, 9, 2],
    [0, 1, 0, 2, 1, 0, 2, 1, 0, 1, 0, 1],
]


def vertical_edges(size: int) -> list[list[int]]:
    """Left minus right, the middle row twice: Sobel's kernel where `size` is 3."""
    middle = (size - 1) / 2
    sides = [(column < middle) - (column > middle) for column in range(size)] if size > 1 else [1]
    return [[side * (2 if row == middle and size > 1 else 1) for side in sides] for row in range(size)]


def _around_centre(size: int, at_centre: int, beside: int) -> list[list[int]]:
    centre = (size - 1) // 2
    near = {0: at_centre, 1: beside}
    return [[near.get(abs(r - centre) + abs(c - centre), 0) for c in range(size)] for r in range(size)]


PRESETS = {
    "vertical edges": vertical_edges,
    "horizontal edges": lambda size: [list(row) for row in zip(*vertical_edges(size), strict=True)],
    "identity": lambda size: _around_centre(size, 1, 0),
    "sum": lambda size: [[1] * size for _ in range(size)],
    "sharpen": lambda size: _around_centre(size, 5, -1) if size > 2 else _around_centre(size, 1, 0),
    "top left only": lambda size: [[int(r == c == 0) for c in range(size)] for r in range(size)],
}
# The smallest kernel that can do what its name says; smaller ones leave the picture as it is.
LEAST = {"vertical edges": 2, "horizontal edges": 2, "sharpen": 3}


def _for_every_size(preset) -> list[list[list[int]]]:
    return [preset(size) for size in range(1, LARGEST_KERNEL + 1)]


def _checked_number(number) -> int:
    limits = range(-LARGEST_WEIGHT, LARGEST_WEIGHT + 1)
    if isinstance(number, bool | str) or number not in limits:
        wanted = f"whole numbers from {limits[0]} to {limits[-1]}, to check by hand"
        raise ValueError(f"weight wants {wanted}, but got {number!r}.")
    return int(number)


class ConvolutionView(View):
    """The picture. `weights` holds one kernel for each size, so that no edit is lost when the kernel slider moves."""

    _esm = browser_code("convolution.js")
    picture = traitlets.List(PICTURE).tag(sync=True)
    presets = traitlets.Dict({name: _for_every_size(preset) for name, preset in PRESETS.items()}).tag(sync=True)
    least = traitlets.Dict(LEAST).tag(sync=True)
    weights = traitlets.List(_for_every_size(vertical_edges)).tag(sync=True)
    largest_weight = traitlets.Int(LARGEST_WEIGHT).tag(sync=True)


class ConvolutionExplorer(Explorer):
    """Move a kernel over one plane of numbers, and see which sizes come out and why.

    Every slider is an attribute: `explorer.kernel_size = 5` moves it. A value outside a slider's range raises
    ValueError, another type TypeError, and the explorer stays as it was. An impossible setting is allowed: the
    picture explains it, and `output()` raises what torch raises.
    """

    size = Slider("input size", 3, 12, default=7)
    kernel_size = Slider("kernel", 1, LARGEST_KERNEL, default=3)
    stride = Slider("stride", 1, 4, default=1)
    padding = Slider("padding", 0, 3, default=0)
    dilation = Slider("dilation", 1, 3, default=1)

    def __init__(self, *values, **named):
        super().__init__(ConvolutionView(), *values, **named)

    @property
    def weight(self) -> list[list[int]]:
        """The kernel drawn, as rows of whole numbers. Set it to change the picture."""
        return [list(row) for row in self.view.weights[self.kernel_size - 1]]

    @weight.setter
    def weight(self, rows):
        size = self.kernel_size
        weights = list(self.view.weights)
        wanted = f"{size} rows of {size} numbers, as kernel_size is {size}"
        weights[size - 1] = checked_rows(rows, [size], wanted, _checked_number)
        self.view.weights = weights

    def layer(self):
        """The `torch.nn.Conv2d` of this setting, with the weights drawn and no bias."""
        return convolution([[self.weight]], **options(self.settings))

    def input(self):
        """The numbers drawn, as a float tensor of shape (1, size, size)."""
        return corner([PICTURE], self.size)

    def __repr__(self):
        size, given = (self.size, self.size), options(self.settings)
        result = output_shape(1, conv_output_size, size, **given)
        return f"ConvolutionExplorer: {(1, *size)} → {call('Conv2d', **given)} → {result}"
