"""The last resort: what no other rule knows, and torch calls a matter of types or shapes."""

import re

import torch
from torch import nn

from helpers.trace.changes import before, replaced
from helpers.trace.finding import found, source
from helpers.trace.operations import Conv, operation

TORCHS_OWN = (RuntimeError, ValueError, IndexError, AssertionError)
OF_SHAPES = r"size|shape|dimension|channel|match|divisible|even|\b\dd\b"  # words of its messages; 1D, 4D


def anything(run, step):
    """The last resort, asked when no other rule has found a thing: is torch's message about types or shapes?"""
    said = str(step.error).lower()
    shapes = " and ".join(str(note.shape) for note in step.tensors)
    if ("not implemented for" in said or "dtype" in said) and shapes and not step.tensors[0].dtype.is_floating_point:
        arrived = step.tensors[0].dtype
        what = f"{step.label}: it does not take numbers of {arrived}."
        yield found(
            step, "dtype", what, arrived, "floats", source(run, step), before(step, "x.float()", torch.Tensor.float)
        )
    elif shapes and isinstance(step.error, TORCHS_OWN) and re.search(OF_SHAPES, said):
        what, changes = f"{step.label} does not take {shapes}.", _other_channels(run, step)
        yield found(step, "other", what, shapes, "another shape", source(run, step), *changes)


def _other_channels(run, step):
    """Another number of channels from the layer before: the nearest few."""
    maker = run.before(step)
    name = {Conv: "out_channels"}.get(type(operation(maker))) if maker is not None and maker.layer is not None else None
    if maker is not None and isinstance(maker.layer, nn.Linear):
        name = "out_features"
    if name:
        now = getattr(maker.layer, name)
        for more in (1, -1, 2, -2, 3, 4, 5, 6, 7, 8):
            if now + more > 0:
                yield replaced(maker, **{name: now + more})
