"""Batch, instance, group and layer normalisation: the channels or features that they are written for."""

from math import gcd, prod

import torch
from torch import nn

from helpers.trace.changes import given, other_class, replaced
from helpers.trace.finding import found, misfit, other_channels, source
from helpers.trace.notes import Change
from helpers.trace.operations import NORMS

RANKS = {"1": (2, 3), "2": (4,), "3": (5,)}
SHAPES = {"1": "(N, C) or (N, C, L)", "2": "(N, C, H, W)", "3": "(N, C, D, H, W)"}


def norm(run, step):
    layer, shape = step.layer, step.shape
    if not isinstance(layer, NORMS) or not shape:
        return
    kind = type(layer).__name__
    ranks = RANKS.get(kind[-2], ()) if kind[-1] == "d" else ()
    if isinstance(layer, (nn.LayerNorm, nn.RMSNorm)):
        yield from _of_the_last(run, step)
    elif ranks and len(shape) not in ranks:
        fitting = {2: "1", 3: "1", 4: "2", 5: "3"}.get(len(shape))
        right = f"{kind[:-2]}{fitting}d"
        changes = [other_class(step, getattr(nn, right)(shape[1]), f"nn.{right}({shape[1]})")] if fitting else []
        what = misfit(step, "arrives", what=shape, who=kind, wanted=SHAPES[kind[-2]])
        yield found(step, "batchnorm", what, shape, SHAPES[kind[-2]], source(run, step), *changes)
    elif len(shape) < 2:
        what = misfit(step, "arrives", what=shape, who=kind, wanted="(N, C, …)")
        yield found(step, "batchnorm", what, shape, "(N, C, …)", source(run, step))
    else:
        yield from _of_channels(run, step, kind)


def _of_the_last(run, step):
    """Layer and RMS normalisation: the last numbers of a shape."""
    shape, wanted = step.shape, tuple(step.layer.normalized_shape)
    arrived = shape[-len(wanted) :]
    if arrived == wanted:
        return
    which, verb = ("the last dimension", "is") if len(wanted) == 1 else (f"the last {len(wanted)} dimensions", "are")
    told = [sizes[0] if len(wanted) == 1 else sizes for sizes in (arrived, wanted)]
    what = f"{step.label}: {which} of {shape} {verb} {told[0]}, but {step.label} is written for {told[1]}."
    changes = [_turned(step)] if len(wanted) == 1 and len(shape) > 2 and shape[1] == wanted[0] else []
    changes.append(replaced(step, normalized_shape=told[0]))
    yield found(step, "batchnorm", what, shape, f"(N, …, {', '.join(map(str, wanted))})", source(run, step), *changes)


def _of_channels(run, step, kind):
    """Batch, instance and group normalisation: the second number of a shape."""
    layer, shape = step.layer, step.shape
    name = "num_channels" if isinstance(layer, nn.GroupNorm) else "num_features"
    wanted = getattr(layer, name)
    if shape[1] != wanted:
        arguments = {name: shape[1]}
        if name == "num_channels":
            arguments["num_groups"] = gcd(layer.num_groups, shape[1])
        what = other_channels(step, shape[1], wanted)
        changes = [_turned(step)] if len(shape) > 2 and shape[-1] == wanted else []
        changes.append(replaced(step, **arguments))
        yield found(step, "batchnorm", what, shape, f"(N, {wanted}, …)", source(run, step), *changes)
    elif layer.training and prod(shape) == shape[1]:
        what = f"{step.label}: {shape} arrives, one number for each channel. In training {kind} needs more."
        why = "It subtracts the mean over the batch. A single number is its own mean, and nothing would be left."
        twice = given("torch.cat([x, x])", lambda x: torch.cat([x, x]))
        change = twice._replace(text="a batch of at least 2 (to test with one: model.eval())")
        yield found(step, "batchnorm", what, shape, f"(2 or more, {shape[1]}, …)", why, change)


def _turned(step):
    """The channels brought to the place where the layer looks for them, and back again behind it."""
    name, places = step.label, (1, -1) if isinstance(step.layer, (nn.LayerNorm, nn.RMSNorm)) else (-1, 1)
    there, back = places, places[::-1]
    how = "transpose" if len(step.shape) == 3 else "movedim"
    first, second = (", ".join(map(str, (1, 2) if how == "transpose" else move)) for move in (there, back))

    def run(function, args, kwargs, last):
        return function(args[0].movedim(*there), *args[1:], **kwargs).movedim(*back)

    return Change(f"{name}(x.{how}({first})).{how}({second}) instead of {name}(x)", calls={step.call: run})
