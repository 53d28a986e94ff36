"""Linear layers: the number of features that they are written for, and whether what arrives was flattened."""

from math import prod

import torch
import torch.nn.functional as F
from torch import nn

from helpers.trace.changes import before, instead, joined, other_class, replaced, weight
from helpers.trace.finding import arriving, as_maps, flattened, found, misfit, source
from helpers.trace.notes import notes_in
from helpers.trace.operations import FLATTENING, Conv, Pool, operation

# Steps that leave every number in its place: behind them, maps are still maps.
IN_PLACE = ("relu", "relu_", "ReLU", "leaky_relu", "LeakyReLU", "gelu", "GELU", "silu", "SiLU", "dropout", "Dropout")
IN_PLACE += ("Dropout2d", "BatchNorm2d")
MEANS = ("AvgPool2d", "avg_pool2d", "AdaptiveAvgPool2d", "adaptive_avg_pool2d")


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
        why = f"A linear layer works on the last dimension, {shape[-1]}, and takes all others for rows."
        why += f" {source(run, step)}"
        changes = [[_flatten(step)] if numbers == wanted else [_flatten(step), wider(numbers)]]
        if len(shape) == 4 and numbers != wanted == shape[1]:
            why += f" It is written for one number from each of the {wanted} maps: its mean."
            changes.insert(0, before(step, "x.mean((2, 3))", lambda x: x.mean((2, 3))))
        yield found(step, "not-flattened", what, shape, (shape[0], wanted), why, *changes)
        return
    are_images = run.inputs and len(run.inputs[0].shape) == 4 and len(shape) == 2 and shape[0] == run.batch
    each = "for each image" if are_images else "in each row"
    what = misfit(step, "linear-width", arriving=arriving(shape[-1]), wanted=wanted, each=each)
    maker, changes = run.before(step), [wider(shape[-1])]
    of_maps = maker is not None and maker.kind in FLATTENING and len(maker.shape) == 4
    why = flattened(run, step) + (as_maps(wanted, maker.shape[1]) if of_maps else "")
    if of_maps and wanted == maker.shape[1] and changes[0] is not None:
        why += f" {changes[0].text} would take them as they are, but starts untrained."
        changes.insert(0, _one_of_each_map(run, maker))
    if len(shape) == 3 and shape[1] == wanted:
        changes.insert(0, before(step, "x.transpose(1, 2)", lambda x: x.transpose(1, 2)))
    yield found(step, "linear-width", what, shape, (*shape[:-1], wanted), why, *changes)


def _one_of_each_map(run, flatten):
    """The mean of each map instead of larger pieces: in the pool before, or in a new one."""
    pool = _maker_of_maps(run, flatten)
    is_mean = pool is not None and pool.kind in MEANS
    if is_mean and pool.layer is not None:
        return other_class(pool, nn.AdaptiveAvgPool2d(1), "nn.AdaptiveAvgPool2d(1)")
    if is_mean:
        do = lambda x, *args, **kwargs: F.adaptive_avg_pool2d(x, 1)  # noqa: E731
        return instead(pool, "F.adaptive_avg_pool2d(x, 1)", do)
    do = lambda x: F.adaptive_avg_pool2d(x, 1)  # noqa: E731
    if flatten.layer is not None:
        return before(flatten, "F.adaptive_avg_pool2d(x, 1)", do)
    note = flatten.notes[0]
    return joined(flatten, note, lambda x, y: f"F.adaptive_avg_pool2d({x}, 1)", note, do)


def _maker_of_maps(run, step):
    """The step that made the maps that arrive, past those that leave each number in its place."""
    maker = run.before(step)
    while maker is not None and maker.kind in IN_PLACE:
        maker = run.before(maker)
    return maker


def _flatten(step):
    return before(step, "torch.flatten(x, 1)", lambda x: torch.flatten(x, 1))


def columns_of_maps(run):
    """A linear layer that works on the rows of maps, because their width happens to be its in_features.

    Who means it has maps that are wider than high, or puts them through a kernel again, or gives back their width.
    """
    for place, step in enumerate(run.steps):
        shape = step.shape
        if not isinstance(step.layer, nn.Linear) or shape is None or len(shape) != 4 or shape[2] != shape[3]:
            continue
        maker = _maker_of_maps(run, step)
        later = run.steps[place + 1 :]
        if maker is None or not isinstance(operation(maker), (Conv, Pool)) or any(map(operation, later)):
            continue
        if any(note.shape == shape for one in (step, *later) for note in one.outputs):
            continue
        numbers = prod(shape[1:])
        what = misfit(step, "not-flattened", shape=shape, does="works on each row of each map")
        why = f"{maker.label} returns maps, and their width, {shape[-1]}, is also its in_features: so it runs."
        changes = [_flatten(step), replaced(step, in_features=numbers)]
        yield found(step, "not-flattened", what, shape, (shape[0], numbers), why, changes)
