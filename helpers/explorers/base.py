"""What the explorers share in Python: sliders that are also attributes, above a view drawn in the browser."""

from __future__ import annotations

import json
import numbers
import operator
from pathlib import Path

import anywidget
import ipywidgets
import traitlets

from helpers.sentences import SENTENCES

FOLDER = Path(__file__).parent


def browser_code(*file_names: str) -> str:
    """The JavaScript of one explorer as one module: anywidget takes one text, so what all share is joined in front."""
    sentences = f"const SENTENCES = {json.dumps(SENTENCES, ensure_ascii=False)};\n"
    return sentences + "".join((FOLDER / name).read_text("utf-8") for name in ("shared.js", *file_names))


def style(*file_names: str) -> str:
    """The style sheet of one explorer: what all share, and what is its own."""
    return "".join((FOLDER / name).read_text("utf-8") for name in ("shared.css", *file_names))


def _placed(control):
    """As wide as its place in the row."""
    control.layout = {"width": "auto", "max_width": "300px", "margin": "2px 0"}
    control.add_class("cs-slider")
    return control


def side_by_side(sliders) -> ipywidgets.Box:
    """As many sliders in a row as the page has room for, their labels equally wide."""
    sliders = list(sliders)
    label_width = 7 * max(len(moved.description) for moved in sliders) + 8  # pixels
    for moved in sliders:
        moved.style.description_width = f"{label_width}px"
    columns = f"repeat(auto-fit, minmax({label_width + 150}px, 1fr))"
    return ipywidgets.Box(sliders, layout={"display": "grid", "grid_template_columns": columns, "grid_gap": "0 8px"})


class View(anywidget.AnyWidget):
    """A picture that watches the sliders' models in the browser: it follows while the kernel is busy, or gone."""

    _css = style()
    sliders = traitlets.Dict().tag(sync=True, **ipywidgets.widget_serialization)


class Control:
    """An explorer's attribute that *is* a widget's value: reading it reads the widget, setting it moves the widget.

    `make(value)` gives the widget; `checked(value)` the value it can hold, or a TypeError or ValueError that says
    which ones those are.
    """

    def __set_name__(self, owner, name):
        self.name = name

    def __get__(self, explorer, owner=None):
        return self if explorer is None else explorer.sliders[self.name].value

    def __set__(self, explorer, value):
        explorer.sliders[self.name].value = self.checked(value)


class Slider(Control):
    """A whole number from `low` to `high`."""

    def __init__(self, label: str, low: int, high: int):
        self.label, self.low, self.high = label, low, high

    def make(self, value):
        value = self.checked(value)
        return _placed(ipywidgets.IntSlider(value=value, min=self.low, max=self.high, description=self.label))

    def checked(self, value) -> int:
        accepted = f"{self.name} is a whole number from {self.low} to {self.high}; got {value!r}."
        try:
            number = operator.index(value if not isinstance(value, bool) else None)
        except TypeError:
            raise TypeError(f"{accepted} Try {self.name}={self.nearest(value)}.") from None
        if not self.low <= number <= self.high:
            raise ValueError(f"{accepted} The nearest is {self.nearest(value)}.")
        return number

    def nearest(self, value) -> int:
        """The slider's value nearest to what was given; its lowest where that is no number."""
        try:
            return min(max(round(float(value)), self.low), self.high)
        except (TypeError, ValueError, OverflowError):
            return self.low


class Choice(Control):
    """One of a few values, in a list to open or, with `widget=ipywidgets.SelectionSlider`, on a slider."""

    def __init__(self, label: str, options: list, widget=ipywidgets.Dropdown):
        self.label, self.options, self.widget = label, options, widget

    def make(self, value):
        names = [(f"{option}", option) for option in self.options]
        return _placed(self.widget(options=names, value=self.checked(value), description=self.label))

    def checked(self, value):
        if isinstance(value, (str, numbers.Number)) and not isinstance(value, bool):
            for option in self.options:
                if value == option:
                    return option
        accepted = ", ".join(map(repr, self.options))
        raise ValueError(f"{self.name} is one of {accepted}; got {value!r}.")


class Switch(Control):
    """True or False."""

    def __init__(self, label: str):
        self.label = label

    def make(self, value):
        return _placed(ipywidgets.Checkbox(value=self.checked(value), description=self.label))

    def checked(self, value) -> bool:
        if not isinstance(value, bool):
            raise TypeError(f"{self.name} is True or False; got {value!r}. Try {self.name}={bool(value)}.")
        return value


class Explorer(ipywidgets.VBox):
    """Sliders in a row that wraps, and a view below that follows them. The sliders are the only state."""

    def __init__(self, view: View, **values):
        controls = {name: getattr(type(self), name) for name in values}
        self.sliders = {name: controls[name].make(value) for name, value in values.items()}
        self.view = view
        view.sliders = self.sliders
        super().__init__([side_by_side(self.sliders.values()), view])

    @property
    def settings(self) -> dict:
        """What the sliders say: {name: value}."""
        return {name: moved.value for name, moved in self.sliders.items()}
