"""Batch, instance, group and layer normalisation: the channels or features that they are written for."""

from math import gcd, prod

import torch
from torch import nn

from helpers.trace.changes import given, other_class, replaced
from helpers.trace.finding import found, misfit, other_channels, source
from helpers.trace.operations import NORMS


def norm(run, step):
    """Batch, instance, group and layer normalisation."""
    layer, shape = step.layer, step.shape
    if not isinstance(layer, NORMS) or not shape:
        return
    if isinstance(layer, (nn.LayerNorm, nn.RMSNorm)):
        wanted = tuple(layer.normalized_shape)
        arrived = shape[-len(wanted) :]
        if arrived != wanted:
            which = "the last number" if len(wanted) == 1 else f"the last {len(wanted)}"
            told = [sizes[0] if len(wanted) == 1 else sizes for sizes in (arrived, wanted)]
            verb = "is" if len(wanted) == 1 else "are"
            what = f"{step.label}: {which} of {shape} {verb} {told[0]}, and {step.label} is written for {told[1]}."
            change = replaced(step, normalized_shape=told[0])
            yield found(
                step, "batchnorm", what, shape, f"(N, …, {', '.join(map(str, wanted))})", source(run, step), change
            )
        return
    kind = type(layer).__name__
    ranks = {"1": (2, 3), "2": (4,), "3": (5,)}.get(kind[-2], ()) if kind[-1] == "d" else ()
    if ranks and len(shape) not in ranks:
        wanted = {"1": "(N, C) or (N, C, L)", "2": "(N, C, H, W)", "3": "(N, C, D, H, W)"}[kind[-2]]
        fitting = {2: "1", 3: "1", 4: "2", 5: "3"}.get(len(shape))
        right = f"{kind[:-2]}{fitting}d"
        changes = [other_class(step, getattr(nn, right)(shape[1]), f"nn.{right}({shape[1]})")] if fitting else []
        what = misfit(step, "arrives", what=shape, who=kind, wanted=wanted)
        yield found(step, "batchnorm", what, shape, wanted, source(run, step), *changes)
        return
    if len(shape) < 2:
        what = misfit(step, "arrives", what=shape, who=kind, wanted="(N, C, …)")
        yield found(step, "batchnorm", what, shape, "(N, C, …)", source(run, step))
        return
    name = "num_channels" if isinstance(layer, nn.GroupNorm) else "num_features"
    wanted = getattr(layer, name)
    if shape[1] != wanted:
        arguments = {name: shape[1]}
        if name == "num_channels":
            arguments["num_groups"] = gcd(layer.num_groups, shape[1])
        what = other_channels(step, shape[1], wanted)
        yield found(step, "batchnorm", what, shape, f"(N, {wanted}, …)", source(run, step), replaced(step, **arguments))
    elif layer.training and prod(shape) == shape[1]:
        what = f"{step.label}: {shape} arrives, one number for each channel. In training {kind} needs more."
        why = "It subtracts the mean over the batch. A single number is its own mean, and nothing would be left."
        twice = given("torch.cat([x, x])", lambda x: torch.cat([x, x]))
        change = twice._replace(text="a batch of at least 2 (to test with one: model.eval())")
        yield found(step, "batchnorm", what, shape, f"(2 or more, {shape[1]}, …)", why, change)
