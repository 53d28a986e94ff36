"""Functions between the layers: what is viewed in another shape, put together, multiplied; and all the rest."""

from math import prod

import torch
from torch import nn

from helpers.trace.changes import before, instead, on_branch, replaced, setting, without
from helpers.trace.finding import found, source
from helpers.trace.operations import CATTING, MATRIX, MERGING, Conv, operation, product

DIMENSIONS = ("the batch", "the channels", "the height", "the width")


def reshaping(run, step):
    """view, reshape and unflatten: another number of numbers, or numbers that do not lie in their order."""
    shape = step.shape
    if step.kind in ("unflatten", "Unflatten") and shape:
        dim = step.layer.dim if step.layer is not None else step.args[1]
        sizes = tuple(step.layer.unflattened_size if step.layer is not None else step.args[2])
        what = f"{step.name}: {shape[dim]} of {shape} is not {product(sizes)} = {prod(sizes)}."
        yield found(step, "view-size", what, shape, sizes, source(run, step), *_longer_rows(run, step, sizes))
        return
    if step.kind not in ("view", "reshape") or not shape:
        return
    sizes = tuple(step.args[1] if isinstance(step.args[1], (tuple, list)) else step.args[1:])
    if not sizes or not all(isinstance(size, int) for size in sizes):
        return  # another type, or a mistake of another sort
    known, numbers = [size for size in sizes if size != -1], prod(shape)
    if prod(known) == numbers or (-1 in sizes and prod(known) and numbers % prod(known) == 0):
        what = f"{step.name}: the numbers of this {shape} do not lie in memory in their order, and view copies nothing."
        why = "permute, transpose and slices change only the order of reading; reshape copies where it must."
        text = step.name.replace(".view(", ".reshape(")
        change = instead(step, text, lambda x, *args, **kwargs: x.reshape(*args, **kwargs))
        yield found(step, "view-stride", what, shape, "numbers in the order of reading", why, change)
        return
    wanted = f"{product(known)} = {prod(known)}" if len(known) > 1 else f"{prod(known)}"
    pieces = f"make no whole pieces of {wanted}" if -1 in sizes else f"are not {wanted}"
    what = f"{step.name}: the {product(shape)} = {numbers} numbers of {shape} {pieces}."
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


def _longer_rows(run, step, sizes):
    """Another out_features for the linear layer that made the rows."""
    maker = run.before(step)
    if maker is None or not isinstance(maker.layer, nn.Linear) or -1 in sizes:
        return []
    return [replaced(maker, out_features=prod(sizes))]


def branches(run, step):
    """+, ·, cat, stack: two tensors that do not fit together."""
    if step.kind not in MERGING or len(step.tensors) < 2:
        return
    (first, second), is_cat = (seen.shape for seen in step.tensors[:2]), step.kind in CATTING
    names = [_maker(run, seen) for seen in step.tensors[:2]]
    what = f"{step.name}: {first} from {names[0]} and {second} from {names[1]} do not fit together."
    dim = step.kwargs.get("dim", step.args[1] if len(step.args) > 1 else 0) if is_cat else None
    if len(first) != len(second):
        differ, where = [], f"They have {len(first)} and {len(second)} numbers."
    else:
        fits = (lambda i, a, b: i == dim or a == b) if is_cat else (lambda i, a, b: a == b or 1 in (a, b))
        pairs = enumerate(zip(first, second, strict=True))
        differ = [(i, a, b) for i, (a, b) in pairs if not fits(i, a, b)]
        told = [f"{DIMENSIONS[i] if len(first) == 4 else f'number {i}'}, {a} and {b}" for i, a, b in differ]
        where = f"They differ in {'; '.join(told)}."
    rule = (
        f"cat along {dim} wants all other numbers equal."
        if is_cat
        else "The numbers must be equal, or one of them 1."
    )
    changes = [] if step.kind == "stack" else [*_changes(run, step, differ, is_cat)]
    wanted = f"shapes that differ at most in number {dim}" if is_cat else "two of the same shape"
    yield found(step, "merge", what, f"{first} and {second}", wanted, f"{rule} {where}", *changes)


def _maker(run, seen):
    maker = run.by_call(seen.maker) if seen.maker else None
    return maker.name if maker is not None else "the model's input" if seen.is_data else "forward"


def _changes(run, step, differ, is_cat):
    first, second = (seen.shape for seen in step.tensors[:2])
    if is_cat and len(differ) == 1:
        dim = differ[0][0]
        end = max(step.name.find("]"), step.name.find("))")) + 1
        text = f"{step.name[:end]}, {dim})"
        yield instead(step, text, lambda x, *args, **kwargs: torch.cat(x, dim))
    if len(first) != len(second) or len(first) < 3:
        return
    if first[2:] != second[2:]:
        yield from _sizes_kept(run, step)
    if not is_cat and len(first) == 4:
        yield from _shortcuts(run, step)


def _sizes_kept(run, step):
    """In a layer of one branch: the padding that leaves sizes as they are, or the row that a stride dropped."""
    paths = [[] if not seen.maker else _path(run, run.by_call(seen.maker)) for seen in step.tensors[:2]]
    shared = {one.call for one in paths[0]} & {other.call for other in paths[1]}
    for one in (one for path in paths for one in path if one.call not in shared and one.layer is not None):
        computed = operation(one)
        if not isinstance(computed, Conv) or isinstance(computed.padding, str):
            continue
        if computed.output_padding is not None:
            yield setting(one, output_padding=1)
        half = tuple(d * (k - 1) // 2 for k, d in zip(computed.kernel_size, computed.dilation, strict=True))
        if half != computed.padding:
            yield setting(one, padding=half[0] if len(set(half)) == 1 else half)


def _path(run, step):
    return [step, *run.chain(step)]


def _shortcuts(run, step):
    """A 1 × 1 convolution that gives one branch the other's channels and size."""
    for number in (1, 0):
        seen, other = step.tensors[number], step.tensors[1 - number]
        strides = {-(-old // new) for old, new in zip(seen.shape[2:], other.shape[2:], strict=True)}
        if len(strides) == 1 and seen.shape[0] == other.shape[0]:
            layer = nn.Conv2d(seen.shape[1], other.shape[1], 1, stride=min(strides))
            yield on_branch(step, number, _maker(run, seen), layer.to(seen.device, seen.dtype))


def product_of_matrices(run, step):
    if step.kind not in MATRIX or len(step.tensors) < 2:
        return
    first, second = (seen.shape for seen in step.tensors[-2:])
    rows = second[-2] if len(second) > 1 else second[-1]
    what = f"{step.name}: {first} and {second} cannot be multiplied: {first[-1]} columns meet {rows} rows."
    why = "Each row of the first is multiplied with each column of the second: they must be equally long."
    text = step.name.replace("y", "y.mT")
    change = instead(step, text, lambda x, y, **kwargs: torch.matmul(x, y.mT))
    yield found(
        step, "merge", what, f"{first} and {second}", f"(…, {first[-1]}) and ({first[-1]}, …)", why, change
    )


def missing_dimension(run, step):
    """A dimension that is not there: flatten(x, 2) or a mean over (2, 3) of rows, permute with too few numbers."""
    said = str(step.error)
    is_about_it = (
        isinstance(step.error, IndexError) and "imension" in said
    ) or "number of dimensions" in said
    if step.layer is None and step.shape is not None and is_about_it:
        what = f"{step.name}: {step.shape} arrives, whose dimensions are 0 to {len(step.shape) - 1}."
        changes = [without(run, step)]
        yield found(
            step,
            "rank",
            what,
            step.shape,
            "a shape with the dimensions it names",
            source(run, step),
            *changes,
        )


def anything(run, step):
    """What no other rule knows, if torch speaks of types or of shapes: the last resort, and the only one that reads."""
    said = str(step.error).lower()
    shapes = " and ".join(str(seen.shape) for seen in step.tensors)
    if (
        ("not implemented for" in said or "dtype" in said)
        and shapes
        and not step.tensors[0].dtype.is_floating_point
    ):
        arrived = step.tensors[0].dtype
        what = f"{step.name}: it does not take numbers of {arrived}."
        yield found(
            step,
            "dtype",
            what,
            arrived,
            "floats",
            source(run, step),
            before(step, "x.float()", torch.Tensor.float),
        )
    elif isinstance(step.error, (RuntimeError, ValueError, IndexError, AssertionError)) and shapes:
        words = ("size", "shape", "dimension", "channel", "match", "divisible", "even")
        if any(word in said for word in words):
            what = f"{step.name} does not take {shapes}."
            yield found(
                step, "other", what, shapes, "another shape", source(run, step), *_other_channels(run, step)
            )


def _other_channels(run, step):
    """Another number of channels from the layer before: the nearest few."""
    maker = run.before(step)
    name = (
        {Conv: "out_channels"}.get(type(operation(maker)))
        if maker is not None and maker.layer is not None
        else None
    )
    if maker is not None and isinstance(maker.layer, nn.Linear):
        name = "out_features"
    if name:
        now = getattr(maker.layer, name)
        for more in (1, -1, 2, -2, 3, 4, 5, 6, 7, 8):
            if now + more > 0:
                yield replaced(maker, **{name: now + more})
