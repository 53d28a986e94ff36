"""Linear layers, normalisation, recurrent layers and attention: the number of features they are written for."""

from math import gcd, prod

import torch
from torch import nn

from helpers.trace.changes import before, given, other_class, replaced, weight
from helpers.trace.finding import arriving, as_maps, flattened, found, misfit, other_channels, source
from helpers.trace.notes import notes_in
from helpers.trace.operations import FLATTENING, NORMS, Conv, Pool, operation

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


def sequence(run, step):
    """Recurrent layers and attention."""
    layer, shape = step.layer, step.shape
    if isinstance(step.error, TypeError):
        return  # not called as such a layer is called
    if isinstance(layer, nn.RNNBase) and shape:
        if len(shape) not in (2, 3):
            wanted = f"({'N, L' if layer.batch_first else 'L, N'}, {layer.input_size})"
            what = misfit(step, "arrives", what=shape, who=type(layer).__name__, wanted=wanted)
            change = before(step, "torch.flatten(x, 2)", lambda x: torch.flatten(x, 2))
            yield found(step, "rank", what, shape, wanted, source(run, step), change)
        elif shape[-1] != layer.input_size:
            what = misfit(
                step, "linear-width", arriving=arriving(shape[-1]), wanted=layer.input_size, each="at each place"
            )
            wanted = (*shape[:-1], layer.input_size)
            change = replaced(step, input_size=shape[-1])
            if len(shape) == 3 and shape[1] == layer.input_size:
                change = before(step, "x.transpose(1, 2)", lambda x: x.transpose(1, 2))
            yield found(step, "linear-width", what, shape, wanted, source(run, step), change)
    elif isinstance(layer, nn.MultiheadAttention) and shape and shape[-1] != layer.embed_dim:
        what = misfit(step, "linear-width", arriving=arriving(shape[-1]), wanted=layer.embed_dim, each="at each place")
        sizes = {"embed_dim": shape[-1], "kdim": shape[-1], "vdim": shape[-1]}
        change = replaced(step, num_heads=gcd(layer.num_heads, shape[-1]), **sizes)
        wanted = (*shape[:-1], layer.embed_dim)
        yield found(step, "linear-width", what, shape, wanted, source(run, step), change)
