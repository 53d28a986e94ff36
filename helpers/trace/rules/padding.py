"""Padding: more than there is to fill it from, or for other sides than there are."""

import torch.nn.functional as F
from torch import nn

from helpers.trace.changes import instead, other_class, setting
from helpers.trace.finding import found, source
from helpers.trace.operations import operation


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
    why, wanted = "Padding has two numbers for each dimension, the last dimension first.", "less padding"
    changes, rank = [change], len(step.shape)
    number = 2 * max(rank - 2, 1)
    if mode != "constant" and 1 < rank < 6 and len(numbers) not in (number, min(2 * rank - 2, 6)):
        why = wanted = f'In mode "{mode}", {step.shape} wants {number} numbers.'
        if step.layer is None and len(set(numbers)) == 1:
            wide = numbers[:1] * number
            text, do = f'F.pad(x, {wide}, mode="{mode}")', lambda x, *args, **kwargs: F.pad(x, wide, mode)
            changes.insert(0, instead(step, text, do))
    elif mode in ("reflect", "circular"):
        why = '"reflect" takes at most one cell fewer than there are, "circular" all of them.'
    yield found(step, "padding-argument", what, f"padding {numbers}", wanted, f"{why} {source(run, step)}", *changes)


def of_convolution(run, step):
    """padding_mode "reflect" or "circular" with more padding than there are cells to take it from."""
    mode, computed = getattr(step.layer, "padding_mode", "zeros"), operation(step)
    if mode not in ("reflect", "circular") or isinstance(computed.padding, str) or step.shape is None:
        return
    sides = step.shape[-computed.dims :]
    if len(step.shape) <= computed.dims or len(computed.padding) != computed.dims:
        return
    for size, padding in zip(sides, computed.padding, strict=True):
        most = size - 1 if mode == "reflect" else size
        if padding > most:
            what = f'{step.label}: padding {padding} with padding_mode="{mode}", and there are {size} cells in a row.'
            why = f'"{mode}" fills the padding with cells of the picture: of {size}, it can take {most}.'
            changes = [setting(step, padding_mode="zeros"), setting(step, padding=most)]
            yield found(step, "padding-argument", what, f"padding {padding}", f"padding {most} or less", why, *changes)
            return
