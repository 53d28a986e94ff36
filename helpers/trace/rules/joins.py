"""What is put together: +, cat, stack, and products of matrices."""

import re

import torch

from helpers.trace.changes import instead, joined
from helpers.trace.finding import found, source
from helpers.trace.notes import notes_in
from helpers.trace.operations import CATTING, MATRIX, MERGING
from helpers.trace.rules import made, remainders, tables, unequal

DIMENSIONS = ("the batch", "the channels", "the height", "the width")
IN_PLACE = ("add_", "sub_", "mul_", "div_")


def branches(run, step):
    """+, ·, cat, stack: two tensors that do not fit together."""
    given = notes_in(step.args)
    if step.kind not in MERGING or len(given) < 2:
        return
    has_vectors = step.kind == "vstack" and any(len(note.shape) == 1 for note in given)
    if has_vectors:
        given = [note._replace(shape=(1, *note.shape)) if len(note.shape) == 1 else note for note in given]
    dim = _cat_dim(step, given[0])
    one, other, suspects = _misfitting(step, given, dim)
    first, second = one.shape, other.shape
    what = f"{step.label}: {first} from {maker_of(run, one)} and {second} from {maker_of(run, other)}"
    differ, where = [], f"They have {len(first)} and {len(second)} dimensions."
    if len(first) == len(second):
        differ = _differing(step, one, other, dim)
        told = [f"{DIMENSIONS[i] if len(first) == 4 else f'dimension {i}'} ({a} and {b})" for i, a, b in differ]
        where = f"They differ in {', '.join(told)}."
        where += tables.told(run, (one, other), differ) or remainders.left_over(run, (one, other), differ)
        where += unequal.other_branch(run, (one, other)) if any(place > 1 for place, _, _ in differ) else ""
    rule, wanted = "Each dimension must be equal, or 1 in one of them.", "two of the same shape"
    if step.kind in IN_PLACE:
        rule = "Each dimension must be equal, or 1 in the second: in place, the first keeps its shape."
    elif dim is not None:
        rule = f"cat along dimension {dim} wants all other dimensions equal."
        if step.kind not in CATTING:
            rule = f"{step.kind} is cat along dimension {dim}, which wants all other dimensions equal."
        wanted = f"shapes that differ at most in dimension {dim}"
    elif step.kind == "stack":
        rule = "stack wants equal shapes."
    if has_vectors:
        rule += " A vector of n numbers is a row, (1, n)."
    changes = [] if step.kind == "stack" or has_vectors else _changes(run, step, suspects, differ, dim)
    what += " do not fit together."
    yield found(step, "merge", what, f"{first} and {second}", wanted, f"{rule} {where}", *changes)


def _cat_dim(step, note):
    """The dimension along which tensors are put one after the other, or None."""
    if step.kind in ("hstack", "vstack"):
        return 1 if step.kind == "hstack" and len(note.shape) > 1 else 0
    if step.kind not in CATTING:
        return None
    dim = step.kwargs.get("dim", step.kwargs.get("axis", step.args[1] if len(step.args) > 1 else 0))
    return dim % len(note.shape) if isinstance(dim, int) and note.shape else 0


def _differing(step, one, other, dim):
    """[(place, size, other size)] of the numbers that should be equal."""
    pairs = enumerate(zip(one.shape, other.shape, strict=True))
    return [(i, a, b) for i, (a, b) in pairs if i != dim and a != b and not _stretches(step, a, b, dim)]


def _stretches(step, size, other, dim):
    """Is one of these two sizes a 1 that is stretched to the other?"""
    if dim is not None or step.kind == "stack":
        return False
    return other == 1 or (size == 1 and step.kind not in IN_PLACE)


def _misfitting(step, given, dim):
    """The first tensor, the first that does not fit it, and both with the one last that the others do not fit."""

    def fits(one, other):
        return len(one.shape) == len(other.shape) and not _differing(step, one, other, dim)

    first, *rest = given
    misfits = [other for other in rest if not fits(first, other)] or rest[:1]
    is_first = len(misfits) == len(rest) > 1 and all(fits(misfits[0], other) for other in misfits)
    return first, misfits[0], (misfits[0], first) if is_first else (first, misfits[0])


def maker_of(run, note):
    """Who made a tensor: a layer, a call, the model's input, a parameter."""
    maker = run.by_call(note.maker) if note.maker else None
    if note.parameter or maker is None:
        return note.parameter or note.name or ("the model's input" if note.is_data else "forward")
    return maker.label


def _changes(run, step, pair, differ, dim):
    """The changes to try, the likeliest first."""
    yield from tables.other_length(run, step, pair, differ)
    yield from remainders.pieces(run, pair)
    if len(pair[0].shape) != len(pair[1].shape):
        yield from _other_rank(step, pair, dim)
        return
    for one, other in (pair, pair[::-1]):
        if not one.is_data:
            places = [place for place, _, _ in differ]
            fitting = [other.shape[i] if i in places else size for i, size in enumerate(one.shape)]
            yield made.refitted(run, one, tuple(fitting))
    yield from _expanded(step, pair, dim)
    if dim is not None and [place for place, _, _ in differ] == [_features(pair[0].shape)] != [dim]:
        feature = differ[0][0]
        text = re.sub(r"\b[hv]stack\b", "cat", f"{_first_argument(step.name)}, {feature})")
        yield instead(step, text, lambda x, *args, **kwargs: torch.cat(x, feature))
    if len(pair[0].shape) > 2 and any(place > 1 for place, _, _ in differ) and all(place for place, _, _ in differ):
        yield from unequal.sides(run, step, pair)
    if dim is None and not any(note.parameter for note in pair):
        yield from unequal.shortcuts(run, step, pair)
    if len(pair[0].shape) > 2 and differ and all(place > 1 for place, _, _ in differ):
        yield from unequal.at_the_join(run, step, pair)


def _features(shape):
    """The dimension along which features may be put side by side: never the batch, nor a side of maps."""
    return 2 if len(shape) == 3 else 1


def _first_argument(call):
    """`torch.cat((x, y)` of `torch.cat((x, y), 1)`."""
    depth = 0
    for place, letter in enumerate(call):
        depth += (letter in "([") - (letter in ")]")
        if (depth == 1 and letter == ",") or (depth == 0 and letter == ")"):
            return call[:place]
    return call[:-1]


def _expanded(step, pair, dim):
    """A tensor with a single row, or a single place, where the other has many: cat does not repeat it."""
    for one, other in (pair, pair[::-1]):
        places = [i for i, (a, b) in enumerate(zip(one.shape, other.shape, strict=True)) if a == 1 != b and i != dim]
        if places and dim is not None:
            sizes = [size if i in places else -1 for i, size in enumerate(other.shape)]
            rank = len(sizes)
            how = lambda x, y, places=places, rank=rank: f"{x}.expand({_sizes(y, places, rank)})"  # noqa: E731
            yield joined(step, one, how, other, lambda x, sizes=sizes: x.expand(sizes))


def _sizes(y, places, rank):
    """`len(y), -1, *y.shape[2:]`: as the other tensor has them at these places."""
    parts = [f"{y}.shape[{i}]" if i in places else "-1" for i in range(rank)]
    parts[0] = f"len({y})" if 0 in places else "-1"
    end = next((i for i in range(rank) if all(place in places for place in range(i, rank))), rank)
    if rank - end > 1:
        parts[end:] = [f"*{y}.shape[{end}:]"]
    return ", ".join(parts)


def _other_rank(step, pair, dim):
    """A vector for each image beside maps or rows, maps without channels, and maps beside rows."""
    short, long = sorted(pair, key=lambda note: len(note.shape))
    rank = len(long.shape)
    for new in _new_dimensions(short.shape, long.shape):
        sizes = iter(short.shape)
        shape = [1 if i in new else next(sizes) for i in range(rank)]
        places = [] if dim is None else [i for i in new if i != dim]
        wide = [size if i in places else -1 for i, size in enumerate(long.shape)]
        last = max(new) + 1
        index = f"[{', '.join('None' if i in new else ':' for i in range(last))}]"

        def how(x, y, index=index, places=places):
            return f"{x}{index}.expand({_sizes(y, places, rank)})" if places else f"{x}{index}"

        yield joined(step, short, how, long, lambda x, shape=shape, wide=wide: x.reshape(shape).expand(wide))
    if len(short.shape) == 2:
        yield joined(step, long, lambda x, y: f"{x}.flatten(1)", short, lambda x: x.flatten(1))


def _new_dimensions(short, long):
    """Where dimensions could be added, the likeliest first: [2, 3] is `[:, :, None, None]`."""
    missing, rank = len(long) - len(short), len(long)
    if len(short) == 2 and rank > 3:
        return [[*range(2, rank)]]  # a vector for each image of maps
    if len(short) == 2 and rank == 3:
        return [[1], [2]]  # a vector for each sequence; for maps of one side
    if missing == 1 and short:
        return [[1], [0]] if short[0] == long[0] else [[0], [1]]  # maps without channels; without a batch
    return []


def product_of_matrices(run, step):
    given = notes_in(step.args)
    if step.kind not in MATRIX or len(given) < 2 or not (given[-2].shape and given[-1].shape):
        return
    first, second = (note.shape for note in given[-2:])
    rows = second[-2] if len(second) > 1 else second[-1]
    if first[-1] == rows:
        if not isinstance(step.error, NotImplementedError):  # of a type that cannot be multiplied
            yield _beside(run, step, given)
        return
    what = f"{step.label}: {first} and {second} cannot be multiplied: {first[-1]} columns meet {rows} rows."
    why = "Each row of the first is multiplied with each column of the second: they must be equally long."
    changes = []
    if step.name == "x @ y":
        changes = [instead(step, "x @ y.mT", lambda x, y, **kwargs: torch.matmul(x, y.mT))]
    yield found(step, "merge", what, f"{first} and {second}", f"(…, {first[-1]}) and ({first[-1]}, …)", why, *changes)


def _beside(run, step, given):
    """Columns and rows are as many, and something else is not: matrices, batches of them, or what is added to them."""
    one, other = (note.shape for note in given[-2:])
    if len(given) > 2 and len(one) == len(other) > 1 and one[:-2] == other[:-2]:
        one, other = given[-3].shape, (*one[:-1], other[-1])
    what = f"{step.label}: {one} and {other} do not fit together."
    return found(step, "merge", what, f"{one} and {other}", "two shapes that fit", source(run, step))
