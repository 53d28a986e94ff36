"""`PoolingExplorer`: windows over one plane, their largest or their mean, and the way back of the gradient."""

from __future__ import annotations

import traitlets

from helpers.arithmetic import ShapeError, pool_output_size
from helpers.explorers.base import Choice, Explorer, Slider, Switch, View, browser_code, style

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

    _esm = browser_code("windows.js", "pooling.js")
    _css = style("pooling.css")
    picture = traitlets.List(PICTURE).tag(sync=True)


class PoolingExplorer(Explorer):
    """Move a window over one plane of numbers: which of them wins, how many come out, where the gradient goes.

    Every control is an attribute: `explorer.mode = "avg"` chooses it. A value that a control cannot take raises
    ValueError or TypeError, and the explorer stays as it was. An impossible setting is allowed: the picture explains
    it, and `output()` raises what torch raises.
    """

    size = Slider("input size", 2, len(PICTURE))
    kernel_size = Slider("kernel", 1, 4)
    stride = Slider("stride", 1, 4)
    padding = Slider("padding", 0, 2)
    dilation = Slider("dilation", 1, 2)
    mode = Choice("mode", ["max", "avg"])
    ceil_mode = Switch("ceil_mode")

    def __init__(self, size=6, kernel_size=2, stride=2, padding=0, dilation=1, mode="max", ceil_mode=False):
        super().__init__(
            PoolingView(),
            size=size,
            kernel_size=kernel_size,
            stride=stride,
            padding=padding,
            dilation=dilation,
            mode=mode,
            ceil_mode=ceil_mode,
        )

    def _layer(self) -> tuple[str, dict]:
        """The layer's name in torch.nn, and the arguments that differ from torch's defaults or are always given."""
        arguments = {"kernel_size": self.kernel_size, "stride": self.stride}
        optional = {"padding": (self.padding, 0), "dilation": (self.dilation, 1)}
        optional |= {"ceil_mode": (self.ceil_mode, False)}
        arguments |= {name: value for name, (value, usual) in optional.items() if value != usual}
        return {"max": "MaxPool2d", "avg": "AvgPool2d"}[self.mode], arguments

    def layer(self):
        """The `torch.nn.MaxPool2d` or `AvgPool2d` of this setting. An AvgPool2d with a dilation raises TypeError."""
        import torch  # here and not above, so that the first slider need not wait for it

        name, arguments = self._layer()
        return getattr(torch.nn, name)(**arguments)

    def input(self):
        """The numbers drawn, as a float tensor of shape (1, size, size)."""
        import torch

        return torch.tensor([row[: self.size] for row in PICTURE[: self.size]], dtype=torch.float32)[None]

    def output(self):
        """What torch computes, shape (1, out, out). Raises torch's error where the setting is impossible."""
        return self.layer()(self.input())

    def gradient(self):
        """The gradient of `output().sum()` with respect to the input, shape (1, size, size). Raises as `output()`."""
        pixels = self.input().requires_grad_()
        self.layer()(pixels).sum().backward()
        return pixels.grad

    def __repr__(self):
        name, arguments = self._layer()
        windows = (self.size, self.kernel_size, self.stride, self.padding, self.dilation, self.ceil_mode)
        try:
            out = pool_output_size(*windows)  # an average has as many windows, but no dilation
            result = "no output" if self.mode == "avg" and self.dilation > 1 else f"(1, {out}, {out})"
        except ShapeError:
            result = "no output"
        given = ", ".join(f"{argument}={value}" for argument, value in arguments.items())
        text = f"PoolingExplorer: (1, {self.size}, {self.size}) → {name}({given}) → {result}"
        return text if len(text) <= LONGEST_TEXT else text.replace("kernel_size=", "", 1)
