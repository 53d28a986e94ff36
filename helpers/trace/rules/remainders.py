"""What a division leaves over: sides that are halved though they are odd, and pieces that are not equal."""

import torch.nn.functional as F

from helpers.trace.changes import instead
from helpers.trace.operations import PIECES, along, operation


def left_over(run, pair, differ):
    """` p turns 15 into 7, with 1 left over.`, if a division with a remainder has made the difference."""
    one, other = (run.by_call(note.maker) if note.maker else None for note in pair)
    if one is not None and one is other and one.kind in PIECES:
        return f" {one.label} cuts {one.shape} into pieces that are not equal."
    for note in sorted(pair, key=lambda note: note.shape):
        for step in run.path(note):
            computed = operation(step)
            if computed is None or getattr(computed, "output_padding", None) is not None:
                continue
            for place, _, _ in differ:
                dim = place - len(note.shape) + computed.dims
                if place < 2 or dim < 0 or any(isinstance(size, str) for size in along(computed, dim)):
                    continue
                kernel, stride, padding, dilation = along(computed, dim)
                before, after = step.shape[dim - computed.dims], step.outputs[0].shape[dim - computed.dims]
                rest = (before + 2 * padding - dilation * (kernel - 1) - 1) % stride
                if before % stride and rest:
                    return f" {step.label} turns {before} into {after}, with {rest} left over."
    return ""


def pieces(run, pair):
    """The pieces of a tensor that cannot be cut into equal ones: it is padded."""
    one, other = (run.by_call(note.maker) if note.maker else None for note in pair)
    if one is None or one is not other or one.kind not in PIECES:
        return
    shapes = [note.shape for note in one.outputs]
    dim = next((i for i, sizes in enumerate(zip(*shapes, strict=True)) if len(set(sizes)) > 1), None)
    if dim is None:
        return
    largest = max(shape[dim] for shape in shapes)
    room = (0, 0) * (len(shapes[0]) - dim - 1) + (0, largest * len(shapes) - one.shape[dim])
    text = one.name.replace("x.", f"F.pad(x, {room}).", 1)
    yield instead(one, text, lambda x, *args, **kwargs: getattr(F.pad(x, room), one.kind)(*args, **kwargs))
