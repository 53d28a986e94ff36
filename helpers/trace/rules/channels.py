"""Convolutions and pooling: the dimensions, the channels and the groups of what arrives."""

from math import gcd, isqrt

import torch.nn.functional as F

from helpers.sentences import SENTENCES
from helpers.trace.changes import before, given, instead, replaced, weight, without
from helpers.trace.finding import count, found, misfit, other_channels, source
from helpers.trace.operations import FLATTENING, Conv, operation
from helpers.trace.rules.batch import SIDES


def channels(run, step):
    """How many dimensions and channels arrive at a layer or function that moves a kernel."""
    computed = operation(step)
    if computed is None or step.shape is None:
        return
    if len(step.shape) not in (computed.dims + 1, computed.dims + 2):
        yield _wrong_rank(run, step, computed)
    elif isinstance(computed, Conv) and _lacks_channels(run, step, computed):
        yield _no_channels(run, step, computed)
    elif isinstance(computed, Conv) and step.shape[-computed.dims - 1] != computed.in_channels:
        yield _wrong_channels(run, step, computed)


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
    arrived, shape = step.shape[-conv.dims - 1], step.shape
    what = other_channels(step, arrived, conv.in_channels)
    wanted = f"(N, {conv.in_channels}, {SIDES[conv.dims]})"
    turned = _turned(step, conv)
    if turned is not None:
        return found(step, "channels", what, shape, wanted, source(run, step), turned)
    kind, change, why = "channels", _other_in_channels(step, conv, arrived), source(run, step)
    if arrived % conv.groups:
        kind = "groups"
        what += " " + SENTENCES["groups"].format(channels=arrived, groups=conv.groups)
        why += " Each group takes as many channels as the others."
    colours = _other_colours(run, step, conv, arrived)
    if colours is not None and change is not None:
        why += f" {change.text} would take it as it is, but starts untrained."
    return found(step, kind, what, shape, wanted, why, *([colours] if colours else []), change)


def _other_in_channels(step, conv, arrived):
    """The layer, or the function's weight, for as many channels as arrive."""
    groups = conv.groups
    if arrived % groups:
        common = gcd(arrived, conv.out_channels)
        fewer = max(number for number in range(1, groups + 1) if common % number == 0)
        return replaced(step, in_channels=arrived, groups=fewer) if step.layer is not None else None
    if step.layer is not None:
        return replaced(step, in_channels=arrived)
    if conv.output_padding is None:
        return weight(step, (conv.out_channels, arrived // groups, *conv.kernel_size))
    return weight(step, (arrived, conv.out_channels // groups, *conv.kernel_size))


def _turned(step, conv):
    """The dimensions in another order, where the channels stand behind the length, the time or the sides."""
    shape, dims = step.shape, conv.dims
    first = len(shape) - dims - 1  # where the channels are expected
    if dims == 3 and shape[first + 1] == conv.in_channels:  # (N, T, C, H, W)
        return before(step, f"x.transpose({first}, {first + 1})", lambda x: x.transpose(first, first + 1))
    if shape[-1] != conv.in_channels or (not any(note.maker for note in step.tensors) and dims == 2):
        return None
    if dims == 1:
        return before(step, f"x.transpose({first}, {first + 1})", lambda x: x.transpose(first, first + 1))
    order = (*range(first), len(shape) - 1, *range(first, len(shape) - 1))
    return before(step, f"x.permute({', '.join(map(str, order))})", lambda x: x.permute(order))


def _other_colours(run, step, conv, arrived):
    """Grey pictures made from those in colour, or the other way, so that a network need not be trained anew."""
    is_first = next((one for one in run.all_steps if isinstance(operation(one), Conv)), None) is step
    if not is_first or conv.dims != 2 or run.inputs[0].shape != step.shape or len(step.shape) != 4:
        return None
    if (arrived, conv.in_channels) == (1, 3):
        return given("x.expand(-1, 3, -1, -1)", lambda x: x.expand(-1, 3, -1, -1))
    if (arrived, conv.in_channels) == (3, 1):
        return given("x.mean(1, keepdim=True)", lambda x: x.mean(1, keepdim=True))
    if (arrived, conv.in_channels) == (4, 3):
        return given("x[:, :3]", lambda x: x[:, :3])
    return None


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
