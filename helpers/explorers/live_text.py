"""`LiveText`: sliders over a line or a table that follows them, for shapes that need no picture."""

from __future__ import annotations

import html
import re

import ipywidgets

from helpers.arithmetic import ShapeError
from helpers.explorers.base import side_by_side, slider


class LiveText(ipywidgets.VBox):
    """Sliders, and below them what `write(**values)` returns for their values, as HTML.

    Each keyword makes one slider: `kernel_size=(1, 7, 3)` goes from 1 to 7 and starts at 3. Where `write` raises
    ShapeError, its sentence is shown instead. `set(kernel_size=5)` moves sliders from Python.
    """

    def __init__(self, write, **sliders):
        self.write = write
        self.sliders = {name: slider(name, *_checked(name, limits)) for name, limits in sliders.items()}
        self.text = ipywidgets.HTML()
        for moved in self.sliders.values():
            moved.observe(self._follow, names="value")
        self._follow()
        super().__init__([side_by_side(self.sliders.values()), self.text])

    def set(self, **values):
        """Move sliders. A value outside a slider's range, or an unknown name, raises ValueError, and none moves."""
        for name, value in values.items():
            if name not in self.sliders:
                raise ValueError(f"There is no slider {name!r}; there are {', '.join(self.sliders)}.")
            moved = self.sliders[name]
            _checked(name, (moved.min, moved.max, value))
        for name, value in values.items():
            self.sliders[name].value = value

    def _follow(self, _change=None):
        values = {name: moved.value for name, moved in self.sliders.items()}
        try:
            self.text.value = self.write(**values)
        except ShapeError as error:
            self.text.value = f"<b>✗ {html.escape(str(error))}</b>"

    def __repr__(self):
        return "LiveText: " + " ".join(html.unescape(re.sub("<[^>]+>", " ", self.text.value)).split())


def _checked(name, limits):
    whole = isinstance(limits, tuple) and all(isinstance(n, int) and not isinstance(n, bool) for n in limits)
    if not whole or len(limits) != 3 or not limits[0] <= limits[2] <= limits[1]:
        raise ValueError(
            f"{name} takes (lowest, highest, start), whole numbers with the start between the others, "
            f"such as (1, 7, 3); got {limits!r}."
        )
    return limits
