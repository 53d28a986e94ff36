"""`PoolingExplorer`: windows over one plane, their largest or their mean, and the way back of the gradient."""

from __future__ import annotations

import traitlets

from helpers.arithmetic import pool_output_size
from helpers.explorers.base import Choice, Explorer, Slider, Switch, View, style
from helpers.explorers.layers import call, corner, options, output_shape
from helpers.explorers.modules import browser_code

# Whole numbers, to check by hand. Many are negative, as padding with −∞ shows only there, and many windows hold their
# largest number twice. A smaller input is the top left corner.
PICTURE = [
    [1, 3, -2, -5, 0, 4, 6, 2],
    [2, 4, -3, -7, 5, 5, 1, -1],
    [-4, 0, 8, 1, 3, 3, -2, 7],
    [-6, -1, 2, 8, 9, -3, 4, 7],
    [-3, -8, 0, 6, -4, 1, 5, 0],
    [-8, -3, 6, -2, -9, -6, 3, 9],
    [5, -7, -1, 2, 0, 0, 8, -5],
    [9, -2, -6, -4, 0, 0, -7, 6],
]
LONGEST_TEXT = 110  # characters: ipywidgets cuts a longer one


class PoolingView(View):
    """The picture."""

    _esm = browser_code("pooling.js")
    _css = style("pooling.css")
    picture = traitlets.List(PICTURE).tag(sync=True)


class PoolingExplorer(Explorer):
    """Move a window over one plane of numbers: which of them wins, how many come out, where the gradient goes.

    Every control is an attribute: `explorer.mode = "avg"` chooses it. A value that a control cannot take raises
    ValueError or TypeError, and the explorer stays as it was. An impossible setting is allowed: the picture explains
    it, and `output()` raises what torch raises.
    """

    size = Slider("input size", 2, len(PICTURE), default=6)
    kernel_size = Slider("kernel", 1, 4, default=2)
    stride = Slider("stride", 1, 4, default=2)
    padding = Slider("padding", 0, 2, default=0)
    dilation = Slider("dilation", 1, 2, default=1)
    mode = Choice("mode", ["max", "avg"], default="max")
    ceil_mode = Switch("ceil_mode", default=False)

    def __init__(self, *values, **named):
        super().__init__(PoolingView(), *values, **named)

    def _layer(self) -> tuple[str, dict]:
        """The layer's name in torch.nn, and what it is given: always a stride, as torch's own is the kernel's size."""
        given = dict(kernel_size=self.kernel_size, stride=self.stride) | options(self.settings)
        return {"max": "MaxPool2d", "avg": "AvgPool2d"}[self.mode], given

    def layer(self):
        """The `torch.nn.MaxPool2d` or `AvgPool2d` of this setting. An AvgPool2d with a dilation raises TypeError."""
        import torch  # here and not above, so that the first slider need not wait for it

        name, given = self._layer()
        return getattr(torch.nn, name)(**given)

    def input(self):
        """The numbers drawn, as a float tensor of shape (1, size, size)."""
        return corner([PICTURE], self.size)

    def gradient(self):
        """The gradient of `output().sum()` with respect to the input, shape (1, size, size). Raises as `output()`."""
        pixels = self.input().requires_grad_()
        self.layer()(pixels).sum().backward()
        return pixels.grad

    def __repr__(self):
        size, (name, given) = (self.size, self.size), self._layer()
        # An average has as many windows, but no dilation.
        fits = self.mode == "max" or self.dilation == 1
        result = output_shape(1, pool_output_size, size, **given) if fits else "no output"
        text = f"PoolingExplorer: {(1, *size)} → {call(name, **given)} → {result}"
        return text if len(text) <= LONGEST_TEXT else text.replace("kernel_size=", "", 1)
