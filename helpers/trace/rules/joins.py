"""Functions between the layers: what is viewed in another shape, put together, multiplied; and all the rest."""

import re
from math import prod

import torch
from torch import nn

from helpers.trace.changes import before, instead, on_branch, replaced, setting, without
from helpers.trace.finding import found, source
from helpers.trace.notes import notes_in
from helpers.trace.operations import CATTING, MATRIX, MERGING, Conv, operation, product

TORCHS_OWN = (RuntimeError, ValueError, IndexError, AssertionError)
OF_SHAPES = r"size|shape|dimension|channel|match|divisible|even|\b\dd\b"  # words of its messages; 1D, 4D
DIMENSIONS = ("the batch", "the channels", "the height", "the width")


def reshaping(run, step):
    """view, reshape and unflatten: another number of numbers, or numbers that do not lie in their order."""
    shape = step.shape
    if step.kind in ("unflatten", "Unflatten") and shape:
        given = dict(zip(("input", "dim", "sizes"), step.args, strict=False)) | step.kwargs
        dim = step.layer.dim if step.layer is not None else given["dim"]
        sizes = tuple(step.layer.unflattened_size if step.layer is not None else given["sizes"])
        if not -len(shape) <= dim < len(shape):
            return
        what = f"{step.label}: {shape[dim]} of {shape} is not {product(sizes)} = {prod(sizes)}."
        yield found(step, "view-size", what, shape, sizes, source(run, step), *_longer_rows(run, step, sizes))
        return
    if step.kind not in ("view", "reshape") or not shape:
        return
    sizes = step.args[1:] or (step.kwargs.get("shape", step.kwargs.get("size", ())),)
    sizes = tuple(sizes[0] if isinstance(sizes[0], (tuple, list)) else sizes)
    if not sizes or not all(isinstance(size, int) for size in sizes):
        return  # another type, or a mistake of another sort
    known, numbers = [size for size in sizes if size != -1], prod(shape)
    if prod(known) == numbers or (-1 in sizes and prod(known) and numbers % prod(known) == 0):
        what = f"{step.label}: the numbers of this {shape} do not lie in memory in order, and view copies nothing."
        why = "permute, transpose and slices change only the order of reading; reshape copies where it must."
        text = step.name.replace(".view(", ".reshape(")
        change = instead(step, text, lambda x, *args, **kwargs: x.reshape(*args, **kwargs))
        yield found(step, "view-stride", what, shape, "numbers in the order of reading", why, change)
        return
    wanted = f"{product(known)} = {prod(known)}" if len(known) > 1 else f"{prod(known)}"
    pieces = f"make no whole pieces of {wanted}" if -1 in sizes else f"are not {wanted}"
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


def _longer_rows(run, step, sizes):
    """Another out_features for the linear layer that made the rows."""
    maker = run.before(step)
    if maker is None or not isinstance(maker.layer, nn.Linear) or -1 in sizes:
        return []
    return [replaced(maker, out_features=prod(sizes))]


def branches(run, step):
    """+, ·, cat, stack: two tensors that do not fit together."""
    given = notes_in(step.args)
    if step.kind not in MERGING or len(given) < 2:
        return
    is_cat, dim = step.kind in CATTING, None
    if is_cat:
        dim = step.kwargs.get("dim", step.kwargs.get("axis", step.args[1] if len(step.args) > 1 else 0))
        dim = dim % len(given[0].shape) if isinstance(dim, int) and given[0].shape else 0
    is_equal = is_cat or step.kind == "stack"

    def misfits(other):
        pairs = enumerate(zip(given[0].shape, other.shape, strict=True))
        return [(i, a, b) for i, (a, b) in pairs if i != dim and a != b and (is_equal or 1 not in (a, b))]

    one, other = (given[0], next((o for o in given[1:] if len(o.shape) != len(given[0].shape) or misfits(o)), given[1]))
    first, second = one.shape, other.shape
    names = [_maker(run, note) for note in (one, other)]
    what = f"{step.label}: {first} from {names[0]} and {second} from {names[1]} do not fit together."
    differ, where = [], f"They have {len(first)} and {len(second)} numbers."
    if len(first) == len(second):
        differ = misfits(other)
        told = [f"{DIMENSIONS[i] if len(first) == 4 else f'number {i}'}, {a} and {b}" for i, a, b in differ]
        where = f"They differ in {'; '.join(told)}."
    rule, wanted = "The numbers must be equal, or one of them 1.", "two of the same shape"
    if is_cat:
        rule, wanted = (
            f"cat along {dim} wants all other numbers equal.",
            f"shapes that differ at most in number {dim}",
        )
    elif step.kind == "stack":
        rule = "stack wants all numbers equal."
    changes = _changes(run, step, (one, other), differ, is_cat) if step.kind != "stack" else []
    yield found(step, "merge", what, f"{first} and {second}", wanted, f"{rule} {where}", *changes)


def _maker(run, note):
    maker = run.by_call(note.maker) if note.maker else None
    if maker is not None:
        return maker.label
    return "the model's input" if note.is_data else note.parameter or "forward"


def _changes(run, step, pair, differ, is_cat):
    first, second = (note.shape for note in pair)
    if is_cat and len(differ) == 1:
        dim = differ[0][0]
        end = max(step.name.find("]"), step.name.find("))")) + 1
        text = f"{step.name[:end]}, {dim})"
        yield instead(step, text, lambda x, *args, **kwargs: torch.cat(x, dim))
    if len(first) != len(second) or len(first) < 3:
        return
    if first[2:] != second[2:]:
        yield from _sizes_kept(run, pair)
    if not is_cat and len(first) == 4 and not any(note.parameter for note in pair):
        yield from _shortcuts(run, step)


def _sizes_kept(run, pair):
    """In a layer of one branch: the padding that leaves sizes as they are, or the row that a stride dropped."""
    paths = [[] if not note.maker else _path(run, run.by_call(note.maker)) for note in pair]
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
        note, other = step.tensors[number], step.tensors[1 - number]
        strides = {-(-old // new) for old, new in zip(note.shape[2:], other.shape[2:], strict=True)}
        if len(strides) == 1 and note.shape[0] == other.shape[0]:
            layer = nn.Conv2d(note.shape[1], other.shape[1], 1, stride=min(strides))
            yield on_branch(step, number, _maker(run, note), layer.to(note.device, note.dtype))


def product_of_matrices(run, step):
    given = notes_in(step.args)
    if step.kind not in MATRIX or len(given) < 2 or not (given[-2].shape and given[-1].shape):
        return
    first, second = (note.shape for note in given[-2:])
    rows = second[-2] if len(second) > 1 else second[-1]
    what = f"{step.label}: {first} and {second} cannot be multiplied: {first[-1]} columns meet {rows} rows."
    why = "Each row of the first is multiplied with each column of the second: they must be equally long."
    changes = []
    if step.name == "x @ y":
        changes = [instead(step, "x @ y.mT", lambda x, y, **kwargs: torch.matmul(x, y.mT))]
    yield found(step, "merge", what, f"{first} and {second}", f"(…, {first[-1]}) and ({first[-1]}, …)", why, *changes)


def missing_dimension(run, step):
    """A dimension that is not there: flatten(x, 2) or a mean over (2, 3) of rows, permute with too few numbers."""
    said = str(step.error)
    is_about_it = (isinstance(step.error, IndexError) and "imension" in said) or "number of dimensions" in said
    is_index = step.kind in ("__getitem__", "__setitem__", "repeat", "expand", "index_select")
    if step.layer is None and step.shape is not None and is_about_it and not is_index:
        what = f"{step.label}: {step.shape} arrives, whose dimensions are 0 to {len(step.shape) - 1}."
        changes = [without(run, step)]
        yield found(step, "rank", what, step.shape, "a shape with the dimensions it names", source(run, step), *changes)


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
