"""The numbers in a target: classes from 0, or labels counted from 1, greys of a picture, a mark for "no class"."""

import torch

from helpers.trace.changes import setting
from helpers.trace.loss_calls import outputs

WHITE = 255  # the brightest grey; masks also have it where no class is known
COUNTED = "A class is its number, counted from 0."


def is_one_hot(tensor):
    """Is there a single 1 among zeros, along the second number?"""
    if tensor.is_meta:
        return True
    return bool(((tensor == 0) | (tensor == 1)).all()) and bool((tensor.sum(1) == 1).all())


def in_numbers(run, loss, target, classes):
    """(what is wrong with the numbers of a target, or ""; ways to fix it: each a Target, and changes besides)."""
    if target.tensor.is_meta:
        return "", [(target, [])]
    target, why = _whole(target)
    if target is None:
        return why, []
    step, labels = loss.step, target.tensor
    ignored = step.kwargs.get("ignore_index", getattr(step.layer, "ignore_index", -100))
    known = labels[labels != ignored].long().unique().tolist()
    if not known or (known[0] >= 0 and known[-1] < classes):
        return why, [(target, [])]
    lowest, highest = known[0], known[-1]
    what = f"the labels go from {lowest} to {highest}, but there are scores for the classes 0 to {classes - 1}."
    what = f"{what} {why}".strip()
    more = outputs(run, step, highest + 1) if lowest >= 0 else []
    if lowest > 0 and highest == classes > 1:
        from_0 = target.then("{} - 1", lambda y: y - 1)
        return f"{what} Are these labels counted from 1? Classes are counted from 0.", [
            (from_0, []),
            *([(target, more)] if more else []),
        ]
    if known == [-1, 1] and classes == 2:
        return f"{what} {COUNTED}", [(target.then("({} > 0).long()", lambda y: (y > 0).long()), [])]
    grey = _from_grey(target, known, classes)
    if grey is not None:
        return f"{what} These are the grey values of a picture, not class numbers.", [(grey, [])]
    for mark, rest in ((WHITE, known[:-1]), (-1, known[1:])):
        if mark in (lowest, highest) and all(0 <= number < classes for number in rest):
            why = f"{mark} often marks what has no class."
            return f"{what} {why}", [(target, [setting(step, ignore_index=mark)])]
    return f"{what} There is one score for each class, and classes are counted from 0.", [
        (target, more)
    ] if more else []


def _whole(target):
    """(the target in whole numbers, or None; why it has others)."""
    labels = target.tensor
    if not labels.is_floating_point() or bool((labels == labels.round()).all()):
        return target, ""
    scaled = labels * WHITE
    if float(labels.min()) >= 0 and float(labels.max()) <= 1 and torch.allclose(scaled, scaled.round(), atol=1e-3):
        why = f"The labels seem to have been divided by {WHITE}, as ToTensor does with pictures."
        return target.then("({} * 255).round()", lambda y: (y * WHITE).round()), why
    part = next(number for number in labels.flatten().tolist() if number != round(number))
    return None, f"{part:.4g} is not a class: for measured numbers there are other losses, such as F.mse_loss."


def _from_grey(target, known, classes):
    """The greys of a mask as numbers of classes, if they are as many and equally far apart."""
    if known[-1] != WHITE or known[0] < 0 or len(known) < 2 or any(0 < grey < classes for grey in known):
        return None
    if classes == 2:
        return target.then("({} > 127).long()", lambda y: (y > WHITE // 2).long())
    apart = WHITE // max(classes - 1, 1)
    is_even = all(grey % apart <= classes for grey in known)
    if not is_even or len({grey // apart for grey in known}) < len(known) or len(known) < 3:
        return None
    return target.then(f"{{}} // {apart}", lambda y: y // apart)
