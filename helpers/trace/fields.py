"""How much of the input each number of a step's output is computed from: its receptive field, side by side.

Each side of the input is followed through the steps: in which dimensions of a tensor it lies, and which of its cells
are behind each place there. What a normalisation subtracts, a mean over many, is left out, as everybody does.
"""

from helpers.trace.finding import first_spatial
from helpers.trace.layouts import moved, picked, viewed
from helpers.trace.looks import looks, through_kernel
from helpers.trace.notes import INPUT
from helpers.trace.operations import CATTING, FLATTENING, operation
from helpers.trace.spans import Side, Span

REDUCING = ("mean", "sum", "amax", "amin", "max", "min", "std", "var", "logsumexp", "prod", "argmax", "argmin")
MIXING = ("softmax", "Softmax", "log_softmax", "LogSoftmax", "cumsum", "sort")
JOINING = ("add", "sub", "mul", "div", "where", "maximum", "minimum", "pow", "lerp", "addcmul", "stack")
MATRICES = ("matmul", "bmm", "mm", "einsum", "scaled_dot_product_attention", "MultiheadAttention", "RNN", "LSTM", "GRU")


def receptive_fields(run):
    """{call: the receptive field of a number that it returns, a tuple with a width for each side of the input}.

    Calls of which that is not known are missing; a field is never wider than the input.
    """
    sides, sizes = followed(run)
    fields = {call: tuple(map(_width, found, sizes)) for call, found in sides.items() if found}
    fields.pop(INPUT, None)
    return fields


def _width(side, size):
    return min(side.width, size)


def followed(run):
    """({call: the Sides of the input in what it returns}, the input's sizes); INPUT is the call of the input itself.

    Sides are () where nothing of the images is in it; calls of which they are not known are missing.
    """
    _, computed = first_spatial(run)
    if not run.inputs or computed is None or len(run.inputs[0].shape) <= computed.dims:
        return {}, ()
    dims, shape = computed.dims, run.inputs[0].shape
    first = len(shape) - dims
    sizes = shape[first:]
    known = {INPUT: tuple(Side(frozenset([first + side]), Span()) for side in range(dims))}
    for step in run.steps:
        try:
            sides = _after(step, known, sizes)
        except Exception:  # called in a way that nobody foresaw: a table must not be the next error
            sides = None
        if sides is not None:
            known[step.call] = sides
    return known, sizes


def _after(step, known, sizes):
    """The sides in what a step returns; () where nothing of the images is in it, None where that is not known."""
    data = [note for note in step.tensors if note.is_data]
    given = [_given(note, known, sizes) for note in data]
    if not step.outputs or not data or None in given:
        return None
    pairs = [(note, sides) for note, sides in zip(data, given, strict=True) if sides]
    if not pairs:
        return ()
    data, given = zip(*pairs, strict=True)
    before, after = data[0].shape, step.outputs[0].shape
    computed = operation(step)
    if computed is not None:
        return through_kernel(computed, given[0], before, after, sizes)
    is_join = len(data) > 1 and (step.kind.rstrip("_") in JOINING or step.kind == "__setitem__")
    if is_join or step.kind in CATTING:
        return _joined(step, data, given, after, sizes)
    mixed = _mixed_dimensions(step, before)
    if mixed is not None:
        return _mixed(given[0] if len(data) == 1 else _all(sizes), mixed, before, after, sizes)
    if len(data) > 1 and any(sides != given[0] for sides in given):
        return None
    places = moved(step, before, after)
    if places is not None:
        return tuple(side._replace(dims=frozenset(places[dim] for dim in side.dims)) for side in given[0])
    seen = looks(step, before, after)
    if seen is not None:
        sides = [_along(side, seen.get(next(iter(side.dims), None)), after) for side in given[0]]
        return None if None in sides else tuple(sides)
    if step.kind in FLATTENING:
        return viewed(given[0], before, after)
    if step.kind == "__getitem__":
        return picked(step, given[0], before, after)
    return given[0] if before == after else None


def _given(note, known, sizes):
    """The sides in a tensor; () in an input that is no image of this size."""
    return () if note.maker == INPUT and note.shape[-len(sizes) :] != sizes else known.get(note.maker)


def _all(sizes):
    return tuple(Side(frozenset(), size) for size in sizes)


def _along(side, look, after):
    """The side seen through a look along its only dimension; without one as it is."""
    if look is None or not side.dims:
        return side
    if len(side.dims) > 1 or isinstance(side.span, int):
        return None
    (dim,) = side.dims
    return side._replace(span=side.span.through(*look, after[dim]))


def _mixed_dimensions(step, before):
    """The dimensions along which numbers are put together, or None; a step that puts all together has all of them."""
    kind, rank = step.kind.rstrip("_"), len(before)
    if kind in ("linear", "Linear"):
        return {rank - 1}
    if kind in MATRICES or "fft" in kind or kind.endswith(("loss", "Loss", "Bilinear")):
        return set(range(rank))
    if kind in (*REDUCING, *MIXING):
        given = step.args[1] if len(step.args) > 1 else step.kwargs.get("dim")
        dims = getattr(step.layer, "dim", None) if step.layer is not None else given
        if dims is None:
            return set(range(rank))
        if isinstance(dims, (int, tuple, list)) and not hasattr(dims, "shape"):
            return {dim % rank for dim in ((dims,) if isinstance(dims, int) else dims)}
    return None


def _mixed(sides, mixed, before, after, sizes):
    """All of a side where it lies in a dimension that was put together."""
    found = [
        side if not side.dims & mixed else Side(frozenset(), size) for side, size in zip(sides, sizes, strict=True)
    ]
    if len(after) < len(before):
        kept = [dim for dim in range(len(before)) if dim not in mixed]
        places = {dim: place for place, dim in enumerate(kept)}
        found = [side._replace(dims=frozenset(places.get(dim, 0) for dim in side.dims)) for side in found]
    return tuple(found)


def _joined(step, data, given, after, sizes):
    """+, cat and the like: what lies behind one of them or another, place by place."""
    cut = None
    if step.kind in CATTING:
        cut = next((dim for dim, size in enumerate(after) if size != data[0].shape[dim]), None)
    together = None
    for note, sides in zip(data, given, strict=True):
        shift = 0 if step.kind == "stack" else len(after) - len(note.shape)
        aligned = []
        for side, size in zip(sides, sizes, strict=True):
            dims = frozenset(dim + shift for dim in side.dims)
            is_spread = any(after[dim] != note.shape[dim - shift] for dim in dims) and cut not in dims
            aligned.append(Side(frozenset(), size) if is_spread or step.kind == "stack" else Side(dims, side.span))
        together = (
            aligned if together is None else [_either(*two, after) for two in zip(together, aligned, strict=True)]
        )
    if cut is not None:
        together = [Side(side.dims, side.width) if cut in side.dims else side for side in together]
    return tuple(together)


def _either(one, other, after):
    if one.dims == other.dims and len(one.dims) == 1 and not isinstance(one.span, int) | isinstance(other.span, int):
        (dim,) = one.dims
        return one._replace(span=one.span.joined(other.span, after[dim]))
    if not one.dims or not other.dims:
        return one if not one.dims else other  # all of the side is behind it already
    return Side(one.dims | other.dims, max(one.width, other.width))
