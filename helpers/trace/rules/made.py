"""Tensors that forward makes itself, of a size that is written into it: `torch.zeros(32, 4, 8)` for 3 images."""

import re

from helpers.trace.notes import Change, TensorNote

FACTORIES = ("zeros", "ones", "empty", "full", "rand", "randn", "new_zeros", "new_ones", "new_empty", "new_full")
KEEPING = ("to", "cuda", "cpu", "float", "requires_grad_", "contiguous")


def refitted(run, note, wanted):
    """The call that made a tensor, for another shape: `torch.zeros(len(x), 4, 8) instead of …`; None without one."""
    maker = run.by_call(note.maker) if note.maker else None
    while maker is not None and maker.kind in KEEPING:
        before = maker.notes[0] if maker.notes else None
        maker = run.by_call(before.maker) if before is not None and before.maker else None
    if maker is None or maker.kind not in FACTORIES or maker.layer is not None:
        return None
    skipped = 1 if maker.args and isinstance(maker.args[0], TensorNote) else 0  # x.new_zeros(…)
    sizes = maker.args[skipped : skipped + 1] or (maker.kwargs.get("size", ()),)
    is_one = isinstance(sizes[0], (tuple, list))
    sizes = tuple(sizes[0]) if is_one else maker.args[skipped : skipped + len(note.shape)]
    if sizes != note.shape or len(wanted) != len(sizes):
        return None

    def do(function, args, kwargs, last):
        first, rest = args[:skipped], args[skipped + (1 if is_one else len(sizes)) :]
        if "size" in kwargs:
            return function(*first, **kwargs | {"size": wanted})
        return function(*first, *([tuple(wanted)] if is_one else wanted), *rest, **kwargs)

    text = f"{_written(run, maker.name, sizes, wanted)} instead of {maker.name}"
    return Change(text, calls={maker.call: do})


def _written(run, name, sizes, wanted):
    """The call with other sizes: a size of the model's input is taken from it."""
    head, _, inside = name.partition("(")
    places = iter(range(len(sizes)))

    def size(number):
        place = next(places, None)
        if place is None or sizes[place] == wanted[place]:
            return number[0]
        shape = run.inputs[0].shape if run.inputs else ()
        if wanted[place] not in shape:
            return str(wanted[place])
        where = shape.index(wanted[place])
        return "len(x)" if where == 0 else f"x.shape[{where}]"

    return head + "(" + re.sub(r"\b\d+\b", size, inside)
