"""Linear layers, normalisation, recurrent layers and attention: the number of features they are written for."""

from math import prod

import torch
from torch import nn

from helpers.trace.changes import before, replaced, weight
from helpers.trace.finding import arriving, as_maps, flattened, found, misfit, source
from helpers.trace.notes import notes_in
from helpers.trace.operations import FLATTENING, Conv, Pool, operation

# Steps that leave every number in its place: behind them, maps are still maps.
IN_PLACE = ("relu", "relu_", "ReLU", "leaky_relu", "LeakyReLU", "gelu", "GELU", "silu", "SiLU", "dropout", "Dropout")
IN_PLACE += ("Dropout2d", "BatchNorm2d")


def linear(run, step):
    """nn.Linear and F.linear: the last number of a shape must be in_features."""
    if isinstance(step.layer, nn.Linear):
        wanted, wider = step.layer.in_features, lambda features: replaced(step, in_features=features)
    elif step.kind == "linear" and len(notes_in(step.args)) > 1:
        matrix = notes_in(step.args)[1].shape
        wanted, wider = matrix[-1], lambda features: weight(step, (*matrix[:-1], features))
    else:
        return
    shape = step.shape
    if not shape or shape[-1] == wanted:
        return
    numbers = prod(shape[1:])
    if len(shape) > 2 and (numbers == wanted or len(shape) == 4):
        what = misfit(step, "not-flattened", shape=shape, does=f"wants rows of {wanted} numbers")
        why = f"A linear layer works on the last number of a shape, {shape[-1]}, and takes all others for rows."
        why += f" {source(run, step)}"
        flatten = _flatten(step)
        changes = flatten if numbers == wanted else [flatten, wider(numbers)]
        yield found(step, "not-flattened", what, shape, (shape[0], wanted), why, changes)
        return
    are_images = run.inputs and len(run.inputs[0].shape) == 4 and len(shape) == 2
    each = "for each image" if are_images else "in each row"
    what = misfit(step, "linear-width", arriving=arriving(shape[-1]), wanted=wanted, each=each)
    maker = run.before(step)
    of_maps = maker is not None and maker.kind in FLATTENING and len(maker.shape) == 4
    why = flattened(run, step) + (as_maps(wanted, maker.shape[1]) if of_maps else "")
    yield found(step, "linear-width", what, shape, (*shape[:-1], wanted), why, wider(shape[-1]))


def _flatten(step):
    return before(step, "torch.flatten(x, 1)", lambda x: torch.flatten(x, 1))


def columns_of_maps(run):
    """A linear layer that works on the rows of maps, because their width happens to be its in_features."""
    for step in run.steps:
        if not isinstance(step.layer, nn.Linear) or step.shape is None or len(step.shape) != 4:
            continue
        maker = run.before(step)
        while maker is not None and maker.kind in IN_PLACE:
            maker = run.before(maker)
        if maker is not None and isinstance(operation(maker), (Conv, Pool)):
            numbers = prod(step.shape[1:])
            what = misfit(step, "not-flattened", shape=step.shape, does="works on each row of each map")
            why = f"{maker.label} returns maps, and their width, {step.shape[-1]}, is its in_features: so it runs."
            changes = [_flatten(step), replaced(step, in_features=numbers)]
            yield found(step, "not-flattened", what, step.shape, (step.shape[0], numbers), why, changes)
