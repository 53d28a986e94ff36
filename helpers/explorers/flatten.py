"""`FlattenExplorer`: a volume and its row of memory, what `permute` changes, and how `view(-1, k)` cuts a batch."""

from __future__ import annotations

import functools
import math

import numpy as np
import traitlets

from helpers.explorers.base import Choice, Explorer, Slider, Switch, View, style
from helpers.explorers.modules import browser_code

PICTURES = 4  # in the batch


@functools.cache
def _view_module():
    """A module that calls `view`, as torch has none; a function, as torch is loaded only when a layer is asked for."""
    import torch

    class View(torch.nn.Module):
        def __init__(self, *shape):
            super().__init__()
            self.shape = shape

        def forward(self, x):
            return x.view(self.shape)

        def extra_repr(self):
            return ", ".join(map(str, self.shape))

    return View


class FlattenView(View):
    """The picture."""

    _esm = browser_code("flatten.js")
    _css = style("flatten.css")
    pictures = traitlets.Int(PICTURES).tag(sync=True)


class FlattenExplorer(Explorer):
    """Point at a cell of a volume (C, H, W) and see its place in memory, and the other way.

    The slider below the picture unzips the volume into the row, cell by cell; it belongs to the picture alone.
    `memory="permuted"` reads the same numbers with the channels last; `batch=True` has four such volumes, which
    `view(-1, k)` cuts into rows of `k`. Every control is an attribute. A value it cannot hold raises ValueError or
    TypeError, and the explorer stays as it was. Where torch refuses the view, the picture explains why, and `output()`
    raises what torch raises.
    """

    channels = Slider("channels", 1, 3, default=2)
    height = Slider("height", 1, 4, default=3)
    width = Slider("width", 1, 5, default=4)
    memory = Choice("memory", ["contiguous", "permuted"], default="contiguous")
    batch = Switch(f"batch of {PICTURES}", default=False)
    k = Slider("k (batch)", 1, 60, default=24)

    def __init__(self, *values, **named):
        super().__init__(FlattenView(), *values, **named)

    @property
    def _shape(self) -> tuple[int, ...]:
        """The shape in memory, before `permute`."""
        return (PICTURES,) * self.batch + (self.channels, self.height, self.width)

    @property
    def _order(self) -> tuple[int, ...]:
        """What `permute` is given: the channels go last, the batch stays first."""
        permuted = self.memory == "permuted"
        if self.batch:
            return (0, 2, 3, 1) if permuted else (0, 1, 2, 3)
        return (1, 2, 0) if permuted else (0, 1, 2)

    def layer(self):
        """A module that calls `x.view(-1)`, with the batch on `x.view(-1, k)`."""
        return _view_module()(*((-1, self.k) if self.batch else (-1,)))

    def input(self):
        """The numbers drawn, each the number of its place in memory: (C, H, W), permuted (H, W, C); a batch (4, …)."""
        import torch

        numbers = torch.arange(math.prod(self._shape), dtype=torch.float32)
        return numbers.reshape(self._shape).permute(self._order)

    def __repr__(self):
        numbers = np.arange(math.prod(self._shape)).reshape(self._shape).transpose(self._order)
        call = f"view(-1, {self.k})" if self.batch else "view(-1)"
        shape = (numbers.size // self.k, self.k) if self.batch else (numbers.size,)
        fits = math.prod(shape) == numbers.size and np.shares_memory(numbers, numbers.reshape(shape))
        permuted = f"permute{self._order} → {numbers.shape} → " if self.memory == "permuted" else ""
        return f"FlattenExplorer: {self._shape} → {permuted}{call} → {shape if fits else 'no output'}"
