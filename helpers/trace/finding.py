"""What a rule finds, and how rules put shapes into words."""

import json
from math import isqrt, prod
from typing import NamedTuple

from helpers.arguments import kind_of
from helpers.sentences import SENTENCES
from helpers.trace.notes import TensorNote, notes_in
from helpers.trace.operations import FLATTENING, Conv, operation, product

TENSOR = "a tensor"  # what is wanted where something else came


class Finding(NamedTuple):
    """A problem of a run.

    layer         where it shows
    call          where it begins: a change must lead further than this call
    alternatives  lists of changes, the best first; the changes of any one list, together, may fix it. A change that
                  cannot be made (None) is left out, and so is a list that needs it
    """

    kind: str
    layer: str
    call: int
    what: str
    got: str
    wanted: str
    why: str
    alternatives: list


def found(step, kind, what, got, wanted, why, *alternatives):
    """The Finding at a step; each alternative is one change, or a list of changes made together."""
    lists = [change if isinstance(change, list) else [change] for change in alternatives]
    made = [changes for changes in lists if None not in changes]
    return Finding(kind, step.name, step.call, what, str(got), str(wanted), why, made)


def count(number, noun):
    """`1 channel`, `3 channels`."""
    return f"{number} {noun}{'' if number == 1 else 's'}"


def misfit(step, key, **values):
    """A sentence of helpers.sentences about what arrives at a step."""
    return SENTENCES[key].format(layer=step.label, **values)


def why_no_tensor(value):
    """(why there is a dict, None or something else and not a tensor, the key of a tensor in it or None)."""
    if isinstance(value, dict) and value:
        key = next((key for key, part in value.items() if isinstance(part, TensorNote)), None)
        return f"Its keys are {', '.join(map(repr, value))}.", key
    if value is None:
        return "A function that ends without return returns None.", None
    return "torch.as_tensor(...) turns an array or a list of numbers into a tensor.", None


def returned_by(run, values):
    """The label of the step that returned these things itself; "" where they were put together after it."""
    inside = notes_in(values)
    makers = {note.maker for note in inside}
    maker = run.by_call(inside[0].maker) if len(makers) == 1 and inside[0].maker else None
    return maker.label if maker is not None and len(maker.outputs) == len(inside) > 1 else ""


def item(name, key):
    """The code for one part of a dict: `x["scores"]`, `x[0]`."""
    return f"{name}[{json.dumps(key, ensure_ascii=False) if isinstance(key, str) else repr(key)}]"


def shapes_of(values):
    """What a function that returns several things returns: `(4, 3), a list`."""
    return ", ".join(str(part.shape) if isinstance(part, TensorNote) else kind_of(part) for part in values)


def other_channels(step, arrived, wanted):
    """The sentence for a layer that is written for another number of channels."""
    return misfit(step, "channels", channels=arriving(arrived, "channel"), wanted=wanted)


def arriving(number, what="number"):
    """`1 channel arrives`"""
    return f"{count(number, what)} {'arrives' if number == 1 else 'arrive'}"


def source(run, step):
    """Who made what arrives: `pool returns (4, 18, 16, 16).`"""
    maker = run.before(step)
    if maker is not None:
        return f"{maker.label} returns {step.shape}."
    who = (step.tensors and step.tensors[0].name) or "The model's input"
    return f"{who} is {step.shape}."


def flattened(run, step):
    """How the numbers of a row came about: `torch.flatten(x, 1) turns (4, 3, 8, 8), the input, into rows of …`."""
    maker = run.before(step)
    if maker is None or maker.kind not in FLATTENING or len(maker.shape) <= len(step.shape):
        return source(run, step)
    if prod(maker.shape[1:]) != step.shape[-1]:
        return f"{maker.label} turns {maker.shape} into {step.shape}."
    of = run.before(maker)
    whose = "the input" if of is None else f"which {of.label} returns"
    row = f"{product(maker.shape[1:])} = {step.shape[-1]}"
    return f"{maker.label} turns {maker.shape}, {whose}, into rows of {row}."


def as_maps(features, channels):
    """What a number of features would be right for: ` 18·16·16 = 4608 is right for maps of 16 × 16.`, or nothing."""
    side = isqrt(features // channels) if channels else 0
    if side and side * side * channels == features:
        return f" {channels}·{side}·{side} = {features} is right for maps of {side} × {side}."
    return ""


def first_spatial(run):
    """The first convolution or pooling of a run, also if it failed: (step, Conv or Pool), or (None, None)."""
    for step in run.all_steps:
        computed = operation(step)
        if computed is not None:
            return step, computed
    return None, None


def first_conv(run):
    """The first convolution of a run, also if it failed, or None."""
    return next((computed for computed in map(operation, run.all_steps) if isinstance(computed, Conv)), None)
