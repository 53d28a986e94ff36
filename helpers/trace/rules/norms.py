"""Batch, instance, group and layer normalisation: the channels or features that they are written for."""

from math import gcd, prod

import torch
from torch import nn
from torch.nn.modules.instancenorm import _InstanceNorm

from helpers.trace.changes import given, other_class, replaced
from helpers.trace.finding import found, misfit, other_channels, source
from helpers.trace.notes import Change
from helpers.trace.operations import NORMS

RANKS = {"1": (2, 3), "2": (4,), "3": (5,)}
SHAPES = {"1": "(N, C) or (N, C, L)", "2": "(N, C, H, W)", "3": "(N, C, D, H, W)"}
# An instance is a picture, so these also take one without a batch.
RANKS_OF_INSTANCES = {"1": (2, 3), "2": (3, 4), "3": (4, 5)}
INSTANCES = {"1": "(C, L) or (N, C, L)", "2": "(C, H, W) or (N, C, H, W)", "3": "(C, D, H, W) or (N, C, D, H, W)"}


def norm(run, step):
    layer, shape = step.layer, step.shape
    if not isinstance(layer, NORMS) or not shape:
        return
    kind = type(layer).__name__
    is_instance = isinstance(layer, _InstanceNorm)
    # The class that checks the dimensions of what arrives has them in its name; its subclass need not.
    named = next((each.__name__ for each in type(layer).__mro__ if "_check_input_dim" in vars(each)), kind)
    ranks = (RANKS_OF_INSTANCES if is_instance else RANKS).get(named[-2], ()) if named[-1] == "d" else ()
    if isinstance(layer, (nn.LayerNorm, nn.RMSNorm)):
        yield from _of_the_last(run, step)
    elif ranks and len(shape) not in ranks:
        fitting = {2: "" if is_instance else "1", 3: "1", 4: "2", 5: "3"}.get(len(shape))
        right = f"{named[:-2]}{fitting}d"
        changes = [other_class(step, getattr(nn, right)(shape[1]), f"nn.{right}({shape[1]})")] if fitting else []
        wanted = (INSTANCES if is_instance else SHAPES)[named[-2]]
        what = misfit(step, "arrives", what=shape, who=kind, wanted=wanted)
        yield found(step, "batchnorm", what, shape, wanted, source(run, step), *changes)
    elif len(shape) < 2:
        what = misfit(step, "arrives", what=shape, who=kind, wanted="(N, C, …)")
        yield found(step, "batchnorm", what, shape, "(N, C, …)", source(run, step))
    else:
        place = 0 if is_instance and len(shape) == min(ranks, default=0) else 1
        yield from _of_channels(run, step, kind, place)


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


def _of_channels(run, step, kind, place):
    """Batch, instance and group normalisation: the number of channels, which has this place in a shape."""
    layer, shape = step.layer, step.shape
    name = "num_channels" if isinstance(layer, nn.GroupNorm) else "num_features"
    wanted = getattr(layer, name)
    takes_any = name == "num_features" and not (layer.affine or layer.track_running_stats)
    if shape[place] != wanted and not takes_any:
        arguments = {name: shape[place]}
        if name == "num_channels":
            arguments["num_groups"] = gcd(layer.num_groups, shape[1])
        what = other_channels(step, shape[place], wanted)
        changes = [_turned(step)] if place == 1 and len(shape) > 2 and shape[-1] == wanted else []
        changes.append(replaced(step, **arguments))
        fitting = f"(N, {wanted}, …)" if place == 1 else f"({wanted}, …)"
        yield found(step, "batchnorm", what, shape, fitting, source(run, step), *changes)
    elif isinstance(layer, (_InstanceNorm, nn.GroupNorm)):
        of_each = prod(shape[place + 1 :])
        if isinstance(layer, nn.GroupNorm):
            of_each = prod(shape) // layer.num_groups
        if of_each == 1:
            what = f"{step.label}: {shape} arrives, and {kind} needs more than one number for each mean."
            why = "It subtracts a mean. A single number is its own mean, and nothing would be left."
            yield found(step, "batchnorm", what, shape, "two numbers or more for each mean", why)
    elif (layer.training or layer.running_mean is None) and prod(shape) == shape[1]:
        needs = f"{kind} needs more." if layer.running_mean is None else f"In training {kind} needs more."
        what = f"{step.label}: {shape} arrives, one number for each channel. {needs}"
        why = "It subtracts the mean over the batch. A single number is its own mean, and nothing would be left."
        twice = given("torch.cat([x, x])", lambda x: torch.cat([x, x]))
        change = twice._replace(text="a batch of at least 2")
        if layer.running_mean is not None:
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
