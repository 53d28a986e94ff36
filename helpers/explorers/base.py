"""What the explorers share in Python: sliders that are also attributes, above a view drawn in the browser."""

from __future__ import annotations

import operator
from pathlib import Path

import anywidget
import ipywidgets
import traitlets

FOLDER = Path(__file__).parent


def browser_code(file_name: str) -> str:
    """The JavaScript of one explorer as one module: anywidget takes one text, so what all share is joined in front."""
    return (FOLDER / "shared.js").read_text("utf-8") + (FOLDER / file_name).read_text("utf-8")


def slider(label: str, low: int, high: int, value: int) -> ipywidgets.IntSlider:
    """A slider as all explorers have it, as wide as its place in the row."""
    layout = {"width": "auto", "max_width": "300px", "margin": "2px 0"}
    moved = ipywidgets.IntSlider(value=value, min=low, max=high, description=label, layout=layout)
    moved.add_class("cs-slider")
    return moved


def side_by_side(sliders) -> ipywidgets.Box:
    """As many sliders in a row as the page has room for, their labels equally wide."""
    sliders = list(sliders)
    label_width = 7 * max(len(moved.description) for moved in sliders)  # pixels
    for moved in sliders:
        moved.style.description_width = f"{label_width}px"
    columns = f"repeat(auto-fit, minmax({label_width + 150}px, 1fr))"
    return ipywidgets.Box(
        sliders, layout={"display": "grid", "grid_template_columns": columns, "grid_gap": "0 8px"}
    )


class View(anywidget.AnyWidget):
    """A picture that watches the sliders' models in the browser: it follows while the kernel is busy, or gone."""

    _css = (FOLDER / "shared.css").read_text("utf-8")
    sliders = traitlets.Dict().tag(sync=True, **ipywidgets.widget_serialization)


class Slider:
    """An explorer's attribute that *is* a slider's value: reading it reads the slider, setting it moves the slider."""

    def __init__(self, label: str, low: int, high: int):
        self.label, self.low, self.high = label, low, high

    def __set_name__(self, owner, name):
        self.name = name

    def __get__(self, explorer, owner=None):
        return self if explorer is None else explorer.sliders[self.name].value

    def __set__(self, explorer, value):
        explorer.sliders[self.name].value = self.checked(value)

    def checked(self, value) -> int:
        """`value` as an int; a TypeError or ValueError says which values the slider has."""
        accepted = f"{self.name} is a whole number from {self.low} to {self.high}; got {value!r}."
        if isinstance(value, bool) or not hasattr(value, "__index__"):
            raise TypeError(f"{accepted} Try {self.name}={self.nearest(value)}.")
        if not self.low <= value <= self.high:
            raise ValueError(f"{accepted} The nearest is {self.nearest(value)}.")
        return operator.index(value)

    def nearest(self, value) -> int:
        """The slider's value nearest to what was given; its lowest where that is no number."""
        try:
            return min(max(round(float(value)), self.low), self.high)
        except (TypeError, ValueError, OverflowError):
            return self.low


class Explorer(ipywidgets.VBox):
    """Sliders in a row that wraps, and a view below that follows them. The sliders are the only state."""

    def __init__(self, view: View, **values):
        declared = {name: getattr(type(self), name) for name in values}
        self.sliders = {
            name: slider(
                declared[name].label, declared[name].low, declared[name].high, declared[name].checked(value)
            )
            for name, value in values.items()
        }
        self.view = view
        view.sliders = self.sliders
        super().__init__([side_by_side(self.sliders.values()), view])
