"""Maps that are put together and are not equally large: what keeps, doubles, pads or cuts their sides."""

import torch.nn.functional as F
from torch import nn

from helpers.trace.changes import instead, joined, on_branch, setting
from helpers.trace.operations import RESIZING, Conv, Pool, along, operation

NEAR = 4  # cells: so much is padded or cut; what differs by more was meant to be of another size


def other_branch(run, pair):
    """What `y` is in a change that follows the size of the other branch."""
    for note, other in (pair, pair[::-1]):
        if any(step.kind in RESIZING for step in run.path(note)):
            return f" In the change, y is {other.shape}."
    return ""


def sides(run, step, pair):
    """In one of two branches: a size that is followed, rounded or kept otherwise, or a stride that is not shared."""
    paths = [run.path(note) for note in pair]
    shared = {one.call for one in paths[0]} & {other.call for other in paths[1]}
    own = [[one for one in path if one.call not in shared] for path in paths]
    branches = list(zip(pair, pair[::-1], own, strict=True))[::-1]
    for kind in (_resized, _transposed, _rounded, _kept, _strided):
        for note, other, path in branches:
            yield from kind(note, other, path)


def _resized(note, other, path):
    """F.interpolate to the size of the other branch."""
    for step in path:
        if step.kind not in RESIZING:
            continue
        size, layer = other.shape[2:], step.layer
        given = dict(zip(("input", "size", "scale_factor", "mode", "align_corners"), step.args, strict=False))
        given |= step.kwargs if layer is None else {"mode": layer.mode, "align_corners": layer.align_corners}
        more = {name: given[name] for name in ("mode", "align_corners") if given.get(name) is not None}
        more = {name: value for name, value in more.items() if value != "nearest"}
        told = "".join(f", {name}={value!r}".replace("'", '"') for name, value in more.items())
        do = _to(size, more)
        yield instead(step, f"F.interpolate(x, size=y.shape[2:]{told})", do)


def _to(size, more):
    return lambda x, *args, **kwargs: F.interpolate(x, size=size, **more)


def _transposed(note, other, path):
    """A transposed convolution that makes as many cells as the other branch has."""
    for step in path:
        computed = operation(step)
        if not isinstance(computed, Conv) or computed.output_padding is None:
            continue
        dims = range(computed.dims)
        more = [other.shape[dim - computed.dims] - note.shape[dim - computed.dims] for dim in dims]
        ways = [_output_padding(computed, dim, more[dim]) for dim in dims]
        if any(way is None for way in ways):
            continue
        padding, extra = zip(*ways, strict=True)
        now = {"padding": computed.padding, "output_padding": computed.output_padding}
        then = {"padding": padding, "output_padding": extra}
        yield setting(step, **{name: _one(sizes) for name, sizes in then.items() if sizes != now[name]})


def _output_padding(computed, dim, more):
    """(padding, output_padding) along one side for `more` cells more: the padding as it is, if it can be."""
    _, stride, _, dilation = along(computed, dim)
    cells = more + computed.output_padding[dim] - 2 * computed.padding[dim]
    paddings = sorted(range(8), key=lambda padding: abs(padding - computed.padding[dim]))
    fitting = [padding for padding in paddings if 0 <= cells + 2 * padding < max(stride, dilation)]
    return (fitting[0], cells + 2 * fitting[0]) if fitting else None


def _rounded(note, other, path):
    """A pool that rounds up."""
    for step in path:
        computed = operation(step)
        if isinstance(computed, Pool) and not computed.ceil_mode and max(computed.stride) > 1:
            yield setting(step, ceil_mode=True)


def _kept(note, other, path):
    """The padding that leaves sizes as they are: in one layer, or in all of the branch."""
    together = []
    for step in path:
        computed = operation(step)
        if computed is None or step.layer is None or getattr(computed, "output_padding", None) is not None:
            continue
        if isinstance(computed.padding, str):
            continue
        spans = [d * (k - 1) for k, d in zip(computed.kernel_size, computed.dilation, strict=True)]
        settings = {"padding": _one(tuple(span // 2 for span in spans))}
        if any(span % 2 for span in spans):
            if isinstance(computed, Pool) or max(computed.stride) > 1:
                continue
            settings = {"padding": "same"}
        if isinstance(computed, Pool) and computed.stride == computed.kernel_size:  # its usual stride
            yield setting(step, stride=1, **settings)
        elif settings["padding"] != _one(computed.padding):
            change = setting(step, **settings)
            together.append(change)
            yield change
    if 1 < len(together) < 4:
        yield together


def _strided(note, other, path):
    """A stride in both branches, or once less."""
    ratios = {-(-a // b) for a, b in zip(note.shape[2:], other.shape[2:], strict=True)}
    convs = [step for step in path if isinstance(operation(step), (Conv, Pool)) and step.layer is not None]
    if len(ratios) == 1 and ratios != {1}:
        yield from (setting(step, stride=min(ratios)) for step in convs if set(operation(step).stride) == {1})
    if ratios == {1}:
        strided = [step for step in convs if max(operation(step).stride) > 1]
        yield from (setting(step, stride=1) for step in strided if len(strided) > 1)


def shortcuts(run, step, pair):
    """A new layer that gives one branch the other's channels, features and size."""
    for note, other in (pair[::-1], pair):
        dims = len(note.shape) - 2
        if note.shape[0] != other.shape[0]:
            continue
        if dims < 2 and note.shape[:-1] == other.shape[:-1] and note.shape[-1] != other.shape[-1]:
            layer = nn.Linear(note.shape[-1], other.shape[-1])
        elif 1 <= dims <= 3:
            strides = {-(-old // new) for old, new in zip(note.shape[2:], other.shape[2:], strict=True)}
            conv = (nn.Conv1d, nn.Conv2d, nn.Conv3d)[dims - 1]
            layer = conv(note.shape[1], other.shape[1], 1, stride=min(strides)) if len(strides) == 1 else None
        else:
            layer = None
        if layer is not None and note.is_data:
            number = next(place for place, one in enumerate(step.tensors) if one is note)
            maker = run.by_call(note.maker).label if note.maker else "the model's input"
            yield on_branch(step, number, maker, layer.to(note.device, note.dtype))


def at_the_join(run, step, pair):
    """What always works: a few cells more or less at the end, the middle of the larger maps, or another size."""
    branches = sorted((pair[::-1], pair), key=lambda branch: not _has_grown(run, branch[0]))
    for one, other in branches:
        more = [b - a for a, b in zip(one.shape[2:], other.shape[2:], strict=True)]
        room = tuple(number for side in reversed(more) for number in (0, side))
        if all(0 <= number <= NEAR for number in more):
            how = lambda x, y, room=room: f"F.pad({x}, {room})"  # noqa: E731
            yield joined(step, one, how, other, lambda x, room=room: F.pad(x, room))
        elif all(-NEAR <= number <= 0 for number in more) and _has_grown(run, one):
            sides = range(2, len(one.shape))
            how = lambda x, y, sides=sides: f"{x}[:, :, {', '.join(f':{y}.shape[{i}]' for i in sides)}]"  # noqa: E731
            yield joined(step, one, how, other, lambda x, room=room: F.pad(x, room))
    for one, other in (pair, pair[::-1]):
        cut = [a - b for a, b in zip(one.shape[2:], other.shape[2:], strict=True)]
        if min(cut) >= 0 and all(number % 2 == 0 for number in cut) and _is_unpadded(run, other):
            index = ", ".join(f"{n // 2}:-{n // 2}" if n else ":" for n in cut)
            room = tuple(-number // 2 for side in reversed(cut) for number in (side, side))
            how = lambda x, y, index=index: f"{x}[:, :, {index}]"  # noqa: E731
            yield joined(step, one, how, other, lambda x, room=room: F.pad(x, room))
    one, other = sorted(pair, key=lambda note: note.shape[2:])
    if one.is_data:
        size = other.shape[2:]
        how = lambda x, y: f"F.interpolate({x}, size={y}.shape[2:])"  # noqa: E731
        yield joined(step, one, how, other, _to(size, {}))


def _has_grown(run, note):
    """Was a side made longer on the way to this tensor?"""
    return any(
        len(step.shape) == len(step.outputs[0].shape) > 2 and step.shape[2:] < step.outputs[0].shape[2:]
        for step in run.path(note)
    )


def _is_unpadded(run, note):
    """Have convolutions without padding taken the borders off?"""
    convs = [one for one in map(operation, run.path(note)) if isinstance(one, Conv)]
    return any(max(conv.kernel_size) > 1 and conv.padding == (0,) * conv.dims for conv in convs)


def _one(sizes):
    """(1, 1) as 1."""
    return sizes[0] if isinstance(sizes, tuple) and len(set(sizes)) == 1 else sizes
