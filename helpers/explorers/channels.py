"""`ChannelsExplorer`: several planes in, several planes out: one kernel for each pair, and one bias for each filter."""

from __future__ import annotations

import traitlets

from helpers.arithmetic import conv_output_size
from helpers.explorers.base import Explorer, Slider, View, style
from helpers.explorers.layers import call, convolution, corner, options, output_shape
from helpers.explorers.modules import browser_code

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

    _esm = browser_code("channels.js")
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

    size = Slider("input size", 3, 6, default=5)
    in_channels = Slider("in channels", 1, len(PLANES), default=3)
    out_channels = Slider("out channels", 1, len(RULES), default=2)
    kernel_size = Slider("kernel", 1, LARGEST_KERNEL, default=3)
    stride = Slider("stride", 1, 3, default=1)
    padding = Slider("padding", 0, 2, default=0)

    def __init__(self, *values, **named):
        super().__init__(ChannelsView(), *values, **named)

    def layer(self):
        """The `torch.nn.Conv2d` of this setting, with the weights and biases drawn."""
        filters = WEIGHTS[self.kernel_size - 1][: self.out_channels]
        weight = [kernels[: self.in_channels] for kernels in filters]
        return convolution(weight, BIASES[: self.out_channels], **options(self.settings))

    def input(self):
        """The numbers drawn, as a float tensor of shape (in_channels, size, size)."""
        return corner(PLANES[: self.in_channels], self.size)

    def __repr__(self):
        size, channels = (self.size, self.size), (self.in_channels, self.out_channels)
        given = options(self.settings)
        result = output_shape(self.out_channels, conv_output_size, size, **given)
        return f"ChannelsExplorer: {(self.in_channels, *size)} → {call('Conv2d', *channels, **given)} → {result}"
