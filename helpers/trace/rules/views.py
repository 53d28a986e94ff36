"""What is viewed in another shape, and dimensions that are not there."""

from math import prod

import torch
from torch import nn

from helpers.trace.changes import instead, replaced, without
from helpers.trace.finding import found, source
from helpers.trace.operations import product


def reshaping(run, step):
    """view, reshape and unflatten: another number of numbers, or numbers that do not lie in their order."""
    shape = step.shape
    if step.kind in ("unflatten", "Unflatten") and shape:
        given = dict(zip(("input", "dim", "sizes"), step.args, strict=False)) | step.kwargs
        dim = step.layer.dim if step.layer is not None else given["dim"]
        sizes = tuple(step.layer.unflattened_size if step.layer is not None else given["sizes"])
        if not -len(shape) <= dim < len(shape):
            return
        known = [size for size in sizes if size != -1]
        what = f"{step.label}: {shape[dim]} of {shape} is not {product(sizes)} = {prod(sizes)}."
        if len(known) == len(sizes) - 1:
            what = f"{step.label}: {shape[dim]} of {shape} cannot be cut into pieces of {prod(known)}."
        elif len(known) < len(sizes):
            what = _one_open(step)
        yield found(step, "view-size", what, shape, sizes, source(run, step), *_longer_rows(run, step, sizes))
        return
    if step.kind not in ("view", "reshape") or not shape:
        return
    sizes = step.args[1:] or (step.kwargs.get("shape", step.kwargs.get("size", ())),)
    sizes = tuple(sizes[0] if isinstance(sizes[0], (tuple, list)) else sizes)
    if not sizes or not all(isinstance(size, int) for size in sizes):
        return  # another type, or a mistake of another sort
    known, numbers = [size for size in sizes if size != -1], prod(shape)
    if len(sizes) - len(known) > 1:
        change = instead(step, "torch.flatten(x, 1)", lambda x, *args, **kwargs: torch.flatten(x, 1))
        changes = [change] if len(sizes) == 2 else []
        yield found(step, "view-size", _one_open(step), shape, "at most one -1", source(run, step), *changes)
        return
    if prod(known) == numbers or (-1 in sizes and prod(known) and numbers % prod(known) == 0):
        what = f"{step.label}: the numbers of this {shape} do not lie in order in memory, and view copies nothing."
        why = "permute, transpose and slices change only the order of reading; reshape copies where it must."
        text = step.name.replace(".view(", ".reshape(")
        change = instead(step, text, lambda x, *args, **kwargs: x.reshape(*args, **kwargs))
        yield found(step, "view-stride", what, shape, "numbers in the order of reading", why, change)
        return
    wanted = f"{product(known)} = {prod(known)}" if len(known) > 1 else f"{prod(known)}"
    pieces = f"cannot be cut into pieces of {wanted}" if -1 in sizes else f"are not {wanted}"
    what = f"{step.label}: the {product(shape)} = {numbers} numbers of {shape} {pieces}."
    why = source(run, step)
    if len(shape) > 2:
        why += f" That is {product(shape[1:])} = {prod(shape[1:])} numbers for each image."
    changes = _longer_rows(run, step, sizes[1:]) if len(sizes) > 2 else []
    if len(sizes) == 2:
        changes.append(instead(step, "torch.flatten(x, 1)", lambda x, *args, **kwargs: torch.flatten(x, 1)))
    elif -1 not in sizes:
        text = f"{step.name.split('(')[0]}(-1, {', '.join(map(str, sizes[1:]))})"
        changes.append(instead(step, text, lambda x, *args, **kwargs: x.reshape(-1, *sizes[1:])))
    yield found(step, "view-size", what, shape, sizes, why, *changes)


def _one_open(step):
    return f"{step.label}: only one size can be -1."


def _longer_rows(run, step, sizes):
    """Another out_features for the linear layer that made the rows."""
    maker = run.before(step)
    if maker is None or not isinstance(maker.layer, nn.Linear) or -1 in sizes:
        return []
    return [replaced(maker, out_features=prod(sizes))]


def missing_dimension(run, step):
    """A dimension that is not there: flatten(x, 2) or a mean over (2, 3) of rows, permute with too few numbers."""
    said = str(step.error)
    is_about_it = (isinstance(step.error, IndexError) and "imension" in said) or "number of dimensions" in said
    is_index = step.kind in ("__getitem__", "__setitem__", "repeat", "expand", "index_select", "gather", "scatter")
    if step.layer is None and step.shape is not None and is_about_it and not is_index:
        what = f"{step.label}: {step.shape} arrives, whose dimensions are 0 to {len(step.shape) - 1}."
        changes = [without(run, step)]
        yield found(step, "rank", what, step.shape, "a shape with the dimensions it names", source(run, step), *changes)
