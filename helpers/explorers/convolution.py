"""`ConvolutionExplorer`: one plane, one kernel, one output plane, every number on show and equal to torch's."""

from __future__ import annotations

import traitlets

from helpers.arithmetic import ShapeError, conv_output_size
from helpers.explorers.base import Explorer, Slider, View, browser_code
from helpers.explorers.weights import checked_rows

LARGEST_KERNEL = 7
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
    "sum": lambda size: [[1] * size for _ in range(size)],
    "identity": lambda size: _around_centre(size, 1, 0),
    "sharpen": lambda size: _around_centre(size, 5, -1) if size > 2 else _around_centre(size, 1, 0),
    "top left only": lambda size: [[int(r == c == 0) for c in range(size)] for r in range(size)],
}


def _for_every_size(preset) -> list[list[list[int]]]:
    return [preset(size) for size in range(1, LARGEST_KERNEL + 1)]


def _checked_number(number) -> int:
    limits = range(-LARGEST_WEIGHT, LARGEST_WEIGHT + 1)
    if isinstance(number, bool | str) or number not in limits:
        accepted = f"A weight is a whole number from {limits[0]} to {limits[-1]}, to check by hand"
        raise ValueError(f"{accepted}; got {number!r}.")
    return int(number)


class ConvolutionView(View):
    """The picture. `weights` holds one kernel for each size, so that no edit is lost when the kernel slider moves."""

    _esm = browser_code("windows.js", "weights.js", "convolution.js")
    picture = traitlets.List(PICTURE).tag(sync=True)
    presets = traitlets.Dict({name: _for_every_size(preset) for name, preset in PRESETS.items()}).tag(sync=True)
    weights = traitlets.List(_for_every_size(vertical_edges)).tag(sync=True)
    largest_weight = traitlets.Int(LARGEST_WEIGHT).tag(sync=True)


class ConvolutionExplorer(Explorer):
    """Move a kernel over one plane of numbers, and see which sizes come out and why.

    Every slider is an attribute: `explorer.kernel_size = 5` moves it. A value outside a slider's range raises
    ValueError, another type TypeError, and the explorer stays as it was. An impossible setting is allowed: the
    picture explains it, and `output()` raises what torch raises.
    """

    size = Slider("input size", 3, 12)
    kernel_size = Slider("kernel", 1, LARGEST_KERNEL)
    stride = Slider("stride", 1, 4)
    padding = Slider("padding", 0, 3)
    dilation = Slider("dilation", 1, 3)

    def __init__(self, size=7, kernel_size=3, stride=1, padding=0, dilation=1):
        super().__init__(
            ConvolutionView(), size=size, kernel_size=kernel_size, stride=stride, padding=padding, dilation=dilation
        )

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
        import torch  # here and not above, so that the first slider need not wait for it

        layer = torch.nn.utils.skip_init(
            torch.nn.Conv2d,
            1,
            1,
            kernel_size=self.kernel_size,
            stride=self.stride,
            padding=self.padding,
            dilation=self.dilation,
            bias=False,
        )
        with torch.no_grad():
            layer.weight.copy_(torch.tensor([[self.weight]]))
        return layer

    def input(self):
        """The numbers drawn, as a float tensor of shape (1, size, size)."""
        import torch

        return torch.tensor([row[: self.size] for row in PICTURE[: self.size]], dtype=torch.float32)[None]

    def output(self):
        """What torch computes, shape (1, out, out). Raises torch's RuntimeError where the setting is impossible."""
        return self.layer()(self.input()).detach()

    def __repr__(self):
        options = {"stride": (self.stride, 1), "padding": (self.padding, 0), "dilation": (self.dilation, 1)}
        changed = "".join(f", {name}={value}" for name, (value, usual) in options.items() if value != usual)
        try:
            out = conv_output_size(self.size, self.kernel_size, self.stride, self.padding, self.dilation)
            result = f"(1, {out}, {out})"
        except ShapeError:
            result = "no output"
        return (
            f"ConvolutionExplorer: (1, {self.size}, {self.size}) → "
            f"Conv2d(kernel_size={self.kernel_size}{changed}) → {result}"
        )
