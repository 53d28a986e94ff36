"""Notes of a run: its steps, the tensors they met, the error that ended it. And what could be done differently.

Notes stand for the tensors, so that the memory of a run is free again as soon as it has ended.
"""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import NamedTuple

import torch
from torch import nn

INPUT = 0  # the "maker" of the model's own inputs; the calls are counted from 1
UNKNOWN = " (not registered)"  # behind the name of a layer that is no attribute of the model
WITHIN = ""  # the name of the model in an expression that calls it: its layers keep their names
NOTHING = MappingProxyType({})


class TensorNote(NamedTuple):
    """A tensor as a step met it.

    maker      the call that made it, 0 for the model's input, or None: it was there before
    parameter  its name, if it is one of the model's parameters or buffers, else ""
    is_data    does it come from the model's input?
    name       of an input that stands in the learner's own code: what it is called there, else ""
    """

    shape: tuple
    dtype: torch.dtype
    device: torch.device
    maker: int | None
    parameter: str
    is_data: bool
    name: str = ""


def noted(value, note, around=()):
    """`value` with `note(tensor)` in place of each tensor in it; `...` where it contains itself."""
    if isinstance(value, torch.Tensor):
        return note(value)
    if not isinstance(value, (dict, list, tuple)) or isinstance(value, torch.Size):
        return value
    if id(value) in around:
        return ...
    around = (*around, id(value))
    if isinstance(value, dict):
        return {key: noted(part, note, around) for key, part in value.items()}
    return (list if isinstance(value, list) else tuple)(noted(part, note, around) for part in value)


def mapped(value, do):
    """`value` with `do(tensor)` in place of each tensor in its lists and tuples, from left to right."""
    if isinstance(value, torch.Tensor):
        return do(value)
    if type(value) not in (list, tuple):
        return value
    return type(value)(mapped(part, do) for part in value)


def notes_in(value, kind=TensorNote, around=()):
    """Every TensorNote in a noted value, from left to right; what contains itself is read once."""
    if isinstance(value, kind):
        return [value]
    if not isinstance(value, (tuple, list, dict)) or id(value) in around:
        return []
    parts, around = list(value.values()) if isinstance(value, dict) else value, (*around, id(value))
    return [note for part in parts for note in notes_in(part, kind, around)]


def tensors_in(value):
    """Every tensor in a value, from left to right."""
    return notes_in(value, torch.Tensor)


def place(name):
    """A layer's name as it is written in code: "features.0" is features[0], and "0" is model[0]."""
    return re.sub(r"\.(\d+)", r"[\1]", "model." + name if name[:1].isdigit() else name)


@dataclass(frozen=True)
class Step:
    """One call: of a layer (`layer` is the module), or of a function. Its arguments are noted, not kept."""

    call: int
    name: str  # the layer's, as in the model; or the call as written: "torch.flatten(x, 1)"
    kind: str  # "Conv2d"; "flatten"
    block: str  # the module in whose forward it was called
    layer: nn.Module | None
    args: tuple  # as given, each tensor as its TensorNote
    kwargs: dict
    outputs: list = ()  # a TensorNote for each tensor it returned
    error: Exception | None = None

    @property
    def label(self):
        """Its name in a sentence."""
        return self.name if self.layer is None else place(self.name)

    @property
    def title(self):
        """Its name in a table: a call in a block inside the model is named with the block."""
        return f"{self.block}: {self.name}" if self.layer is None and self.block else self.name

    @property
    def notes(self):
        """A TensorNote for each tensor given."""
        return notes_in((self.args, self.kwargs))

    @property
    def tensors(self):
        """What arrived: of these notes, those that are not of a parameter."""
        return [note for note in self.notes if not note.parameter]

    @property
    def is_unknown(self):
        """Is it a layer that the model does not know as a part of it?"""
        return self.name.endswith(UNKNOWN)

    @property
    def shape(self):
        """The shape of the first tensor given; None without one."""
        return self.tensors[0].shape if self.tensors else None


class Change(NamedTuple):
    """Something to do differently, in words, and how to run the model with it."""

    text: str
    inputs: Callable | None = None  # (args, kwargs) -> (args, kwargs) of the model
    # {call: f(function, args, kwargs, last) -> result}, with what the call before it returned
    calls: Mapping = NOTHING
    layers: Mapping = NOTHING  # {name: the layer instead}


@dataclass
class Run:
    """One run of a model: its steps, and the error that ended it, with the step that raised it if one did."""

    model: nn.Module
    steps: list
    inputs: list  # a TensorNote for each tensor given
    result: object = None  # with each tensor as its TensorNote
    error: Exception | None = None
    failed: Step | None = None
    arguments: tuple = ((), {})  # those of the failed step themselves
    calls: int = 0
    extremes: dict = field(default_factory=dict)  # {call of a loss: (lowest, highest) number of its target}
    changed: frozenset = frozenset()  # the calls that were done differently, for a trial

    @property
    def all_steps(self):
        """The steps, and the one that failed."""
        return [*self.steps, *([self.failed] if self.failed else [])]

    def by_call(self, call):
        return next((step for step in self.steps if step.call == call), None)

    def before(self, step):
        """The step that made the first tensor of `step` that is data, or None: it is the model's input."""
        maker = next((note.maker for note in step.tensors if note.is_data), None)
        return self.by_call(maker) if maker else None

    def chain(self, step):
        """From `step` back to the model's input, along the first tensor of each."""
        while (step := self.before(step)) is not None:
            yield step

    def path(self, note):
        """The steps from the one that made a tensor back to the model's input."""
        step = self.by_call(note.maker) if note.maker else None
        return [] if step is None else [step, *self.chain(step)]

    @property
    def batch(self):
        """The first number of the first input's shape."""
        return self.inputs[0].shape[0] if self.inputs and self.inputs[0].shape else None
