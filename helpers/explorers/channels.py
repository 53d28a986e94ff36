"""`ChannelsExplorer`: several planes in, several planes out: one kernel for each pair, and one bias for each filter."""

from __future__ import annotations

import traitlets

from helpers.arithmetic import ShapeError, conv_output_size
from helpers.explorers.base import Explorer, Slider, View, browser_code, style

LARGEST_KERNEL = 5

# Four planes of small whole numbers, to check by hand: a red bar on the left and a yellow spot (red and green) beside
# it, a green line, a blue slope, and a plane of its own. A smaller input is their top left corner.
PLANES = [
    [
        [4, 4, 0, 0, 1, 0],
        [4, 5, 0, 0, 5, 5],
        [4, 4, 1, 0, 5, 5],
        [0, 0, 0, 1, 0, 0],
        [1, 0, 2, 0, 0, 3],
        [0, 1, 0, 0, 1, 0],
    ],
    [
        [0, 1, 0, 0, 0, 0],
        [0, 1, 0, 1, 5, 5],
        [1, 0, 0, 0, 5, 5],
        [0, 2, 0, 0, 0, 1],
        [3, 3, 3, 3, 3, 3],
        [0, 0, 1, 0, 2, 0],
    ],
    [
        [0, 1, 2, 3, 4, 5],
        [0, 1, 2, 3, 0, 0],
        [1, 2, 3, 3, 0, 0],
        [1, 1, 2, 3, 4, 5],
        [0, 0, 2, 3, 4, 4],
        [0, 1, 2, 2, 4, 5],
    ],
    [
        [1, 0, 0, 0, 0, 2],
        [0, 3, 0, 0, 3, 0],
        [0, 0, 5, 4, 0, 0],
        [0, 0, 4, 5, 0, 1],
        [0, 3, 0, 0, 3, 0],
        [2, 0, 1, 0, 0, 1],
    ],
]
BIASES = [3, -2, 0, 1]


def _left_minus_right(size, row, column):
    return (column == 0) - (column == size - 1) if size > 1 else 1


def _top_minus_bottom(size, row, column):
    return (row == 0) - (row == size - 1) if size > 1 else -1


def _middle(size, row, column):
    return 2 * (row == column == (size - 1) // 2)


def _less_middle(size, row, column):
    return -_middle(size, row, column) // 2


def _all_along_the_diagonal(size, row, column):
    return int(row == column)


def _corners(size, row, column):
    return (row == column == 0) - (row == column == size - 1) if size > 1 else -2


def _nothing(size, row, column):
    return 0


# One rule a weight for each filter (row) and each input plane (column): filter 1 likes red and dislikes green.
RULES = [
    [_left_minus_right, _middle, _top_minus_bottom, _corners],
    [_middle, _less_middle, _corners, _left_minus_right],
    [_all_along_the_diagonal, _top_minus_bottom, _nothing, _middle],
    [_corners, _left_minus_right, _middle, _all_along_the_diagonal],
]


def _weights(size: int) -> list[list[list[list[int]]]]:
    """All weights of one kernel size, [filter][input plane][row][column]."""
    places = range(size)
    return [
        [[[int(rule(size, row, column)) for column in places] for row in places] for rule in rules] for rules in RULES
    ]


WEIGHTS = [_weights(size) for size in range(1, LARGEST_KERNEL + 1)]


class ChannelsView(View):
    """The picture. A setting uses the first planes, filters and biases of these."""

    _esm = browser_code("windows.js", "channels.js")
    _css = style("channels.css")
    planes = traitlets.List(PLANES).tag(sync=True)
    weights = traitlets.List(WEIGHTS).tag(sync=True)
    biases = traitlets.List(BIASES).tag(sync=True)


class ChannelsExplorer(Explorer):
    """See how each filter reads all input planes at once and makes one output plane.

    Every slider is an attribute: `explorer.out_channels = 4` moves it. A value outside a slider's range raises
    ValueError, another type TypeError, and the explorer stays as it was. An impossible setting is allowed: the
    picture explains it, and `output()` raises what torch raises.
    """

    size = Slider("input size", 3, 6)
    in_channels = Slider("in channels", 1, len(PLANES))
    out_channels = Slider("out channels", 1, len(RULES))
    kernel_size = Slider("kernel", 1, LARGEST_KERNEL)
    stride = Slider("stride", 1, 3)
    padding = Slider("padding", 0, 2)

    def __init__(self, size=5, in_channels=3, out_channels=2, kernel_size=3, stride=1, padding=0):
        super().__init__(
            ChannelsView(),
            size=size,
            in_channels=in_channels,
            out_channels=out_channels,
            kernel_size=kernel_size,
            stride=stride,
            padding=padding,
        )

    def layer(self):
        """The `torch.nn.Conv2d` of this setting, with the weights and biases drawn."""
        import torch  # here and not above, so that the first slider need not wait for it

        layer = torch.nn.utils.skip_init(
            torch.nn.Conv2d,
            self.in_channels,
            self.out_channels,
            kernel_size=self.kernel_size,
            stride=self.stride,
            padding=self.padding,
        )
        filters = WEIGHTS[self.kernel_size - 1][: self.out_channels]
        with torch.no_grad():
            layer.weight.copy_(torch.tensor([kernels[: self.in_channels] for kernels in filters]))
            layer.bias.copy_(torch.tensor(BIASES[: self.out_channels]))
        return layer

    def input(self):
        """The numbers drawn, as a float tensor of shape (in_channels, size, size)."""
        import torch

        planes = torch.tensor(PLANES[: self.in_channels], dtype=torch.float32)
        return planes[:, : self.size, : self.size].contiguous()

    def output(self):
        """What torch computes, shape (out_channels, out, out). Raises torch's RuntimeError where there is none."""
        return self.layer()(self.input()).detach()

    def __repr__(self):
        options = {"stride": (self.stride, 1), "padding": (self.padding, 0)}
        changed = "".join(f", {name}={value}" for name, (value, usual) in options.items() if value != usual)
        try:
            out = conv_output_size(self.size, self.kernel_size, self.stride, self.padding)
            result = f"({self.out_channels}, {out}, {out})"
        except ShapeError:
            result = "no output"
        return (
            f"ChannelsExplorer: ({self.in_channels}, {self.size}, {self.size}) → "
            f"Conv2d({self.in_channels}, {self.out_channels}, kernel_size={self.kernel_size}{changed}) → {result}"
        )
