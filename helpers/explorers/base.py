"""What the explorers share in Python: sliders that are also attributes, above a view drawn in the browser."""

from __future__ import annotations

import functools
import inspect
import numbers
from pathlib import Path

import anywidget
import ipywidgets
import traitlets

from helpers import colours
from helpers.arguments import switch, whole

FOLDER = Path(__file__).parent


LARGEST_KERNEL = 7  # of all that are drawn as cells


def _weight_colours(size: int) -> str:
    """A rule for each weight of a kernel: a hue for each column, a lightness for each row.

    A weight is known again by it where it lies on the input, however small the cells are. No cell has a style of its
    own, and no property is handed down: as one that all cells inherit, a new kernel size takes three times as long.
    """
    places = [(row, column) for row in range(size) for column in range(size)]
    return "".join(
        f'\n[data-kernel="{size}"] .cs-w-{row}{column} '
        f"{{ --weight: hsl({25 + int(320 * column / size + 0.5)} 75% {30 + int(45 * row / size + 0.5)}%) }}"
        for row, column in places
    )


WEIGHTS = "".join(_weight_colours(size) for size in range(1, LARGEST_KERNEL + 1))


def style(*file_names: str) -> str:
    """The style sheet of one explorer: what all share, and what is its own."""
    return colours.style(*(FOLDER / name for name in ("shared.css", *file_names))) + WEIGHTS


def side_by_side(sliders) -> ipywidgets.Box:
    """As many sliders in a row as the page has room for, their labels equally wide."""
    sliders = list(sliders)
    label_width = 7 * max(len(moved.description) for moved in sliders) + 8  # pixels
    for moved in sliders:
        moved.style.description_width = f"{label_width}px"
    columns = f"repeat(auto-fit, minmax({label_width + 122}px, 1fr))"
    return ipywidgets.Box(sliders, layout={"display": "grid", "grid_template_columns": columns, "grid_gap": "0 8px"})


class View(anywidget.AnyWidget):
    """A picture that watches the sliders' models in the browser: it follows while the kernel is busy, or gone."""

    _css = style()
    sliders = traitlets.Dict().tag(sync=True, **ipywidgets.widget_serialization)


class Control:
    """An explorer's attribute that *is* a widget's value: reading it reads the widget, setting it moves the widget.

    Each kind has `checked(value)`: the value it can hold, or a TypeError or ValueError that says which ones those are.
    """

    def __init__(self, label, default, widget, **options):
        self.label, self.default = label, default
        self._widget = functools.partial(widget, description=label, **options)

    def make(self, value):
        """The widget, as wide as its place in the row."""
        widget = self._widget(value=self.checked(value))
        widget.layout = {"width": "auto", "max_width": "300px", "margin": "0"}
        widget.add_class("cs-slider").add_class(f"cs-moves-{self.name}")
        return widget

    def __set_name__(self, owner, name):
        self.name = name

    def of(self, explorer):
        """Its widget in this explorer."""
        return explorer.sliders[self.name]

    def __get__(self, explorer, owner=None):
        return self if explorer is None else self.of(explorer).value

    def __set__(self, explorer, value):
        self.of(explorer).value = self.checked(value)


class Slider(Control):
    """A whole number from `low` to `high`."""

    def __init__(self, label: str, low: int, high: int, default: int):
        super().__init__(label, default, ipywidgets.IntSlider, min=low, max=high)
        self.low, self.high = low, high

    def checked(self, value) -> int:
        return whole(self.name, value, self.low, self.high)


class Choice(Control):
    """One of a few values, in a list to open or, with `widget=ipywidgets.SelectionSlider`, on a slider."""

    def __init__(self, label: str, options: list, default, widget=ipywidgets.Dropdown):
        super().__init__(label, default, widget, options=[(f"{option}", option) for option in options])
        self.options = options

    def checked(self, value):
        if isinstance(value, (str, numbers.Number)) and not isinstance(value, bool):
            for option in self.options:
                if value == option:
                    return option
        raise ValueError(f"{self.name} wants one of {', '.join(map(repr, self.options))}, but got {value!r}.")


class Switch(Control):
    """True or False."""

    def __init__(self, label: str, default: bool):
        super().__init__(label, default, ipywidgets.Checkbox)

    def checked(self, value) -> bool:
        return switch(self.name, value)


class Explorer(ipywidgets.VBox):
    """Sliders in a row that wraps, and a view below that follows them. The sliders are the only state.

    A class's controls are also its arguments: in its signature they stand, with their defaults, for the `*values` and
    `**named` that its `__init__` hands on.
    """

    def __init_subclass__(cls, **options):
        super().__init_subclass__(**options)
        ancestors = reversed(cls.__mro__)
        cls.controls = {n: item for base in ancestors for n, item in vars(base).items() if isinstance(item, Control)}
        kind = inspect.Parameter.POSITIONAL_OR_KEYWORD
        parameters = [inspect.Parameter(name, kind, default=item.default) for name, item in cls.controls.items()]
        cls._settings = inspect.Signature(parameters)
        taken = list(inspect.signature(cls.__init__).parameters.values())[1:]  # without self
        own = {parameter.name: parameter for parameter in taken if parameter.kind is kind}
        handed_on = [] if len(own) == len(taken) else [item for item in parameters if item.name not in own]
        cls.__signature__ = inspect.Signature([*own.values(), *handed_on])

    def __init__(self, view: View, *values, **named):
        given = self._given(values, named)
        self.sliders = {name: self.controls[name].make(value) for name, value in given.items()}
        self.view = view
        view.sliders = self.sliders
        super().__init__([side_by_side(self.sliders.values()), view])

    def _given(self, values, named) -> dict:
        """Every control's value: what was given for it, or its default."""
        try:
            bound = self._settings.bind(*values, **named)
        except TypeError as error:
            raise TypeError(f"{type(self).__name__} wants {self.__signature__}: {error}.") from None
        bound.apply_defaults()
        return bound.arguments

    @property
    def settings(self) -> dict:
        """What the sliders say: {name: value}."""
        return {name: moved.value for name, moved in self.sliders.items()}

    def output(self):
        """What torch computes: `layer()` of `input()`. Raises torch's error where the setting is impossible."""
        return self.layer()(self.input()).detach()
