"""Convolutions and pooling: whether the kernel has a place in what arrives, and what the way there has left of it."""

from itertools import groupby

from helpers.arithmetic import ShapeError
from helpers.sentences import SENTENCES
from helpers.trace.changes import setting, without
from helpers.trace.finding import count, found, source
from helpers.trace.operations import Conv, Pool, along, dimension_names, operation


def settings(run, step):
    """A word where pooling wants a number, or a number too few for the sides."""
    computed = operation(step)
    if computed is None or step.shape is None:
        return
    if isinstance(computed, Pool) and isinstance(computed.padding, str):
        what = f'{step.label}: padding="{computed.padding}" is a word, which only a convolution takes.'
        change = setting(step, padding=computed.kernel_size[0] // 2)
        yield found(step, "padding-argument", what, f'"{computed.padding}"', "a whole number", "", change)
        return
    for name, sizes in _uneven(computed):
        kind = {"padding": "padding-argument", "stride": "stride"}.get(name, "other")
        what = f"{step.label}: {name}={sizes} has {len(sizes)} numbers, for {count(computed.dims, 'side')}."
        wanted = f"one number, or {computed.dims}"
        yield found(step, kind, what, sizes, wanted, "", setting(step, **{name: sizes[0]}))
        return


def _uneven(computed):
    """The settings that have another number of numbers than there are sides."""
    named = {name: getattr(computed, name) for name in ("kernel_size", "padding", "stride", "dilation")}
    return [(name, sizes) for name, sizes in named.items() if isinstance(sizes, tuple) and len(sizes) != computed.dims]


def place(run, step):
    """Sizes that leave the kernel no place, or that no layer takes: in the words of the arithmetic."""
    computed = operation(step)
    if computed is None or step.shape is None or len(step.shape) not in (computed.dims + 1, computed.dims + 2):
        return
    if _uneven(computed) or (isinstance(computed, Pool) and isinstance(computed.padding, str)):
        return
    if isinstance(computed, Conv) and step.shape[-computed.dims - 1] != computed.in_channels:
        return
    sides = step.shape[-computed.dims :]
    for dim, size in enumerate(sides):
        try:
            computed.output_size(size, dim)
        except ShapeError as error:
            yield _no_place(run, step, computed, dim, error)
            return


def _no_place(run, step, computed, dim, error):
    where = "" if len(set(step.shape[-computed.dims :])) == 1 else f", {dimension_names(computed.dims)[dim]}"
    kind, problem = _kind_of(computed, dim), error.problem
    fixes = {name: value for name, value in error.fixes.items() if name != "size"}
    if kind in ("kernel-too-big", "pooled-away"):
        got, wanted = _least(step, computed, dim)
    else:
        got, wanted = (" and ".join(f"{n} {v}" for n, v in part.items()) for part in _first(computed, dim, fixes))
    if kind == "pool-padding" and computed.mode == "avg":
        kernel, padding = computed.kernel_size[dim], computed.padding[dim]
        numbers = {"padding": padding, "kernel_size": kernel, "half": kernel // 2}
        problem = SENTENCES["pool-padding"].format(**numbers, pooling=SENTENCES["avg"], undilated="")
    changes, why = _changes(run, step, computed, dim, kind, fixes), _shrunk(run, step, dim - computed.dims)
    return found(step, kind, f"{step.label}{where}: {problem}", got, wanted, why, *changes)


def _changes(run, step, computed, dim, kind, fixes):
    if isinstance(computed.padding, str):
        yield setting(step, padding=computed.kernel_size[dim] // 2)
        return
    if kind == "pooled-away" and step.shape[-computed.dims + dim] == 1:
        yield without(run, step)
    yield from (setting(step, **{name: value}) for name, value in fixes.items())
    if kind == "kernel-too-big":  # as much as leaves the size as it is
        yield setting(step, padding=computed.dilation[dim] * (computed.kernel_size[dim] - 1) // 2)


def _kind_of(computed, dim):
    if isinstance(computed.padding, str):
        return "padding-argument"
    kernel, stride, padding, dilation = along(computed, dim)
    if stride < 1:
        return "stride"
    if kernel < 1 or dilation < 1:
        return "other"
    is_pool, extra = isinstance(computed, Pool), getattr(computed, "output_padding", None)
    if padding < 0 or (extra is not None and not 0 <= extra[dim] < max(stride, dilation)):
        return "padding-argument"
    if is_pool:
        return "pool-padding" if padding > kernel // 2 else "pooled-away"
    return "kernel-too-big"


def _least(step, computed, dim):
    """What arrives, and the smallest size that would do."""
    for size in range(1, 4096):
        try:
            computed.output_size(size, dim)
        except ShapeError:
            continue
        names = dimension_names(computed.dims)
        sides = " and ".join(names) if len(set(step.shape[-computed.dims :])) == 1 else names[dim]
        return step.shape, f"{sides} of at least {size}"
    return step.shape, "other settings"


def _first(computed, dim, fixes):
    """({argument: value}, {argument: value that works}) of the first argument worth changing."""
    if isinstance(computed.padding, str):
        return {"padding": f'"{computed.padding}"', "stride": computed.stride[dim]}, {"padding": "as a number"}
    name, value = next(iter(fixes.items()), ("stride", "of at least 1"))  # without a change: a stride of 0
    return {name: getattr(computed, name)[dim]}, {name: value}


def _shrunk(run, step, side):
    """One side on the way here: `The sizes along the way: 32, then 16, 8, 4 after pool, 2 after conv2.`"""
    made, first = [], None  # (who, size)
    for earlier in reversed([*run.chain(step)]):
        before, after = earlier.shape, earlier.outputs[0].shape
        if len(before) == len(after) == len(step.shape) and before[side] != after[side]:
            first = first or before[side]
            made.append((earlier.label, after[side]))
    if not made:
        return source(run, step)
    parts = [(who, [str(size) for _, size in group]) for who, group in groupby(made, key=lambda one: one[0])]
    told = ", ".join(f"{', '.join(sizes)} after {who}" for who, sizes in parts)
    return f"The sizes along the way: {first}, then {told}."
