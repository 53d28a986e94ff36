"""Convolutions, pooling and padding: numbers of dimensions, channels and groups, and whether the kernel has a place."""

from itertools import groupby
from math import gcd, isqrt

import torch.nn.functional as F
from torch import nn

from helpers.arithmetic import ShapeError
from helpers.sentences import SENTENCES
from helpers.trace.changes import before, instead, other_class, replaced, setting, weight, without
from helpers.trace.finding import count, found, misfit, other_channels, source
from helpers.trace.operations import FLATTENING, Conv, Pool, along, dimension_names, operation
from helpers.trace.rules.batch import SIDES


def kernels(run, step):
    """Layers and functions that move a kernel."""
    computed = operation(step)
    if computed is None or step.shape is None:
        return
    if isinstance(computed, Pool) and isinstance(computed.padding, str):
        what = f'{step.label}: padding="{computed.padding}" is a word, which only a convolution takes.'
        change = setting(step, padding=computed.kernel_size[0] // 2)
        yield found(step, "padding-argument", what, f'"{computed.padding}"', "a whole number", "", change)
        return
    names = (("kernel_size", "other"), ("padding", "padding-argument"), ("stride", "stride"), ("dilation", "other"))
    for name, kind in names:
        sizes = getattr(computed, name)
        if isinstance(sizes, tuple) and len(sizes) != computed.dims:
            what = f"{step.label}: {name}={sizes} has {len(sizes)} numbers, for {count(computed.dims, 'side')}."
            wanted = f"one number, or {computed.dims}"
            yield found(step, kind, what, sizes, wanted, "", setting(step, **{name: sizes[0]}))
            return
    if len(step.shape) not in (computed.dims + 1, computed.dims + 2):
        yield _wrong_rank(run, step, computed)
    elif isinstance(computed, Conv) and _lacks_channels(run, step, computed):
        yield _no_channels(run, step, computed)
    elif isinstance(computed, Conv) and step.shape[-computed.dims - 1] != computed.in_channels:
        yield _wrong_channels(run, step, computed)
    else:
        yield from _too_far(step, computed)
        yield from _no_place(run, step, computed)


def _wrong_rank(run, step, computed):
    shape, channels = step.shape, getattr(computed, "in_channels", "C")
    wanted = f"(N, {channels}, {SIDES[computed.dims]})"
    what = misfit(step, "arrives", what=shape, who="it", wanted=wanted)
    maker, changes = run.before(step), []
    if maker is not None and maker.kind in FLATTENING:
        changes.append(without(run, maker))
    if len(shape) == computed.dims == 2 and isinstance(channels, int) and channels:  # a lazy layer has 0 as yet
        sizes = (channels, *[isqrt(shape[1] // channels)] * 2)
        if channels * sizes[1] ** 2 == shape[1]:
            changes.append(before(step, f"x.unflatten(1, {sizes})", lambda x: x.unflatten(1, sizes)))
    return found(step, "rank", what, shape, wanted, source(run, step), *changes)


def _lacks_channels(run, step, conv):
    """Would the batch be taken for the channels of one picture?"""
    shape = step.shape
    return len(shape) == conv.dims + 1 and shape[0] == run.batch and shape[0] != conv.in_channels


def _no_channels(run, step, conv):
    wanted = f"(N, {conv.in_channels}, {SIDES[conv.dims]})"
    what = misfit(step, "arrives", what=step.shape, who="it", wanted=wanted)
    what += " The batch would be taken for channels."
    changes = [before(step, "x.unsqueeze(1)", lambda x: x.unsqueeze(1))] if conv.in_channels == 1 else []
    return found(step, "rank", what, step.shape, wanted, source(run, step), *changes)


def _wrong_channels(run, step, conv):
    arrived, groups, shape = step.shape[-conv.dims - 1], conv.groups, step.shape
    what = other_channels(step, arrived, conv.in_channels)
    wanted = f"(N, {conv.in_channels}, {SIDES[conv.dims]})"
    if conv.dims == 1 and shape[-1] == conv.in_channels:
        turned = before(step, "x.transpose(1, 2)", lambda x: x.transpose(1, 2))
        return found(step, "channels", what, shape, wanted, source(run, step), turned)
    if arrived % groups == 0:
        if step.layer is not None:
            change = replaced(step, in_channels=arrived)
        elif conv.output_padding is None:
            change = weight(step, (conv.out_channels, arrived // groups, *conv.kernel_size))
        else:
            change = weight(step, (arrived, conv.out_channels // groups, *conv.kernel_size))
        return found(step, "channels", what, shape, wanted, source(run, step), change)
    common = gcd(arrived, conv.out_channels)
    fewer = max(number for number in range(1, groups + 1) if common % number == 0)
    changes = [replaced(step, in_channels=arrived, groups=fewer)] if step.layer is not None else []
    what += " " + SENTENCES["groups"].format(channels=arrived, groups=groups)
    why = f"{source(run, step)} Each group takes as many channels as the others."
    return found(step, "groups", what, shape, wanted, why, *changes)


def groups(run, step):
    """F.conv2d and F.group_norm with groups that do not divide the channels: a layer would not have been made."""
    if step.layer is not None or not step.shape or len(step.shape) < 2:
        return
    computed, why = operation(step), "Each group has as many channels as the others."
    if isinstance(computed, Conv) and computed.out_channels % computed.groups:
        each, out = computed.groups, computed.out_channels
        more = -(-out // each) * each
        what = f"{step.label}: {SENTENCES['groups'].format(channels=count(out, 'kernel'), groups=each)}"
        change = weight(step, (more, computed.in_channels // each, *computed.kernel_size))
        yield found(step, "groups", what, f"{out} kernels", f"a multiple of {each}", why, change)
    elif step.kind == "group_norm" and step.shape[1] % step.args[1]:
        channels, each = step.shape[1], step.args[1]
        fewer = gcd(channels, each)
        what = f"{step.label}: {SENTENCES['groups'].format(channels=count(channels, 'channel'), groups=each)}"
        change = instead(step, f"F.group_norm(x, {fewer})", lambda x, *args, **kwargs: F.group_norm(x, fewer))
        yield found(step, "groups", what, f"{channels} channels", f"a multiple of {each}", why, change)


def _too_far(step, computed):
    """padding_mode "reflect" or "circular" with more padding than there are cells to take it from."""
    mode = getattr(step.layer, "padding_mode", "zeros")
    if mode not in ("reflect", "circular") or isinstance(computed.padding, str):
        return
    for size, padding in zip(step.shape[-computed.dims :], computed.padding, strict=True):
        most = size - 1 if mode == "reflect" else size
        if padding > most:
            what = f'{step.label}: padding {padding} with padding_mode="{mode}", and there are {size} cells in a row.'
            why = f'"{mode}" fills the padding with cells of the picture: of {size}, it can take {most}.'
            changes = [setting(step, padding_mode="zeros"), setting(step, padding=most)]
            yield found(step, "padding-argument", what, f"padding {padding}", f"padding {most} or less", why, *changes)
            return


def _no_place(run, step, computed):
    """Sizes that leave the kernel no place, or that no layer takes: in the words of the arithmetic."""
    sides = step.shape[-computed.dims :]
    for dim, size in enumerate(sides):
        try:
            computed.output_size(size, dim)
        except ShapeError as error:
            where = "" if len(set(sides)) == 1 else f", {dimension_names(computed.dims)[dim]}"
            kind, problem = _kind_of(computed, dim), error.problem
            fixes = {name: value for name, value in error.fixes.items() if name != "size"}
            got, wanted = _least(step, computed, dim)
            if kind not in ("kernel-too-big", "pooled-away"):
                got, wanted = (
                    " and ".join(f"{n} {v}" for n, v in part.items()) for part in _first(computed, dim, fixes)
                )
            if kind == "pool-padding" and computed.mode == "avg":
                kernel, padding = computed.kernel_size[dim], computed.padding[dim]
                numbers = {"padding": padding, "kernel_size": kernel, "half": kernel // 2}
                problem = SENTENCES["pool-padding"].format(**numbers, mode="average", undilated="")
            what = f"{step.label}{where}: {problem}"
            yield found(
                step, kind, what, got, wanted, _shrunk(run, step), *_changes(run, step, computed, dim, kind, fixes)
            )
            return


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


def _shrunk(run, step):
    """The sizes on the way here: `The sizes on the way: 32, then 16, 8, 4 after pool, 2 after conv2.`"""
    made, first = [], None  # (who, size)
    for earlier in reversed([*run.chain(step)]):
        before, after = earlier.shape, earlier.outputs[0].shape
        if len(before) == len(after) == len(step.shape) and before[2:] != after[2:]:
            first = first or before[-1]
            made.append((earlier.label, after[-1]))
    if not made:
        return source(run, step)
    parts = [(who, [str(size) for _, size in group]) for who, group in groupby(made, key=lambda one: one[0])]
    told = ", ".join(f"{', '.join(sizes)} after {who}" for who, sizes in parts)
    return f"The sizes on the way: {first}, then {told}."


def padding(run, step):
    """F.pad and the padding layers, in "reflect" or "circular" mode, or with too many numbers."""
    mode = {"ReflectionPad": "reflect", "CircularPad": "circular"}.get(step.kind[:-2])
    if (step.kind != "pad" and mode is None) or step.shape is None:
        return
    if step.layer is not None:
        numbers = tuple(step.layer.padding)
        zeros = f"ZeroPad{step.kind[-2]}d"
        change = other_class(step, getattr(nn, zeros)(numbers), f"nn.{zeros}({numbers})")
    else:
        numbers = step.args[1] if len(step.args) > 1 else step.kwargs["pad"]
        numbers = (numbers,) * 4 if isinstance(numbers, int) else tuple(numbers)
        mode = step.args[2] if len(step.args) > 2 else step.kwargs.get("mode", "constant")
        fitting = numbers[: 2 * len(step.shape)] if mode == "constant" else numbers
        change = instead(step, f"F.pad(x, {fitting})", lambda x, *args, **kwargs: F.pad(x, fitting))
    what = f'{step.label}: padding {numbers} in mode "{mode}" does not fit {step.shape}.'
    why = f"Two numbers for each side, the last side first. {source(run, step)}"
    if mode in ("reflect", "circular"):
        why = f'"{mode}" fills the padding with cells of the picture, and can take no more than there are.'
        why += f" {source(run, step)}"
    yield found(step, "padding-argument", what, f"padding {numbers}", "less padding", why, change)
