"""Losses that compare number with number: their shapes, their types, and what should be probabilities."""

from math import prod

import torch
import torch.nn.functional as F

from helpers.trace.finding import count, found
from helpers.trace.loss_calls import CLASSES, OF_THREE, Target, actual, another, loss_of, on, outputs
from helpers.trace.notes import TensorNote
from helpers.trace.rules.rows import rows_and, whose_rows

SIDE_BY_SIDE = "This loss compares number with number"


def numbers(run, step):
    """Mean squared errors, binary cross-entropy and their like: a number for each score."""
    loss = loss_of(step)
    if loss is None or loss.function in (*CLASSES, *OF_THREE):
        return
    if not all(isinstance(one, TensorNote) for one in loss.pair[:2]):
        return
    scores, target = loss.pair[:2]
    if loss.function == "binary_cross_entropy":
        yield from _no_probabilities(run, loss)
    if are_classes(scores, target):
        yield classes_for_numbers(loss, scores, target)
    if scores.shape != target.shape or _type(loss, target) is not None:
        yield from _unlike(run, loss, scores, target)
    elif loss.function == "binary_cross_entropy":
        yield from _not_from_0_to_1(run, loss)


def type_for_backward(run):
    """A target of another type, which a loss takes, and whose backward() then fails."""
    for step in run.steps:
        loss = loss_of(step)
        if loss is None or loss.function != "huber_loss" or step.call in run.changed:
            continue
        scores, target = loss.pair[:2]
        dtype = _type(loss, target) if isinstance(scores, TensorNote) and isinstance(target, TensorNote) else None
        if dtype is not None:
            what = f"{step.label}: the target is {target.dtype}, and the scores are {scores.dtype}."
            why = "The loss is computed, but backward() wants numbers of one type."
            cast = "y.float()" if dtype == torch.float32 else f"y.to({dtype})"
            change = on(loss, "target", cast, lambda y, dtype=dtype: y.to(dtype))
            yield found(step, "dtype", what, target.dtype, dtype, why, change)


def _no_probabilities(run, loss):
    scores, step = actual(run, loss, "input"), loss.step
    if scores.is_meta or not scores.numel() or not scores.is_floating_point():
        return
    lowest, highest = float(scores.min()), float(scores.max())
    if lowest >= 0 and highest <= 1:
        return
    if lowest != lowest:
        what = f"{step.label}: some of the scores are NaN, which is not a number."
        why = "They come from the steps before, or from the input: torch.isnan(x).any() tells which has them first."
        yield found(step, "other", what, "NaN", "numbers from 0 to 1", why)
        return
    what = f"{step.label}: the scores go from {lowest:.3g} to {highest:.3g}, and it takes probabilities, from 0 to 1."
    why = "A sigmoid turns scores into probabilities. Binary cross-entropy with logits applies one itself."
    with_logits = another(loss, "binary_cross_entropy_with_logits", "y", lambda y: y)
    changes = [with_logits, on(loss, "input", "x.sigmoid()", torch.sigmoid)]
    yield found(step, "target", what, f"scores {lowest:.3g} to {highest:.3g}", "numbers from 0 to 1", why, *changes)


def _not_from_0_to_1(run, loss):
    target = actual(run, loss, "target")
    if not target.is_meta and target.numel():
        yield from _beyond(loss, float(target.min()), float(target.max()))


def beyond_silently(run):
    """A target beyond 0 and 1 for binary cross-entropy with logits, which computes a loss of any numbers."""
    for step in run.steps:
        loss = loss_of(step) if step.call in run.extremes and step.call not in run.changed else None
        if loss is not None and "weight" not in loss.given and _reduction(step) != "none":  # -1 may be left out later
            yield from _beyond(loss, *run.extremes[step.call])


def _reduction(step):
    return step.kwargs.get("reduction", getattr(step.layer, "reduction", "mean"))


def _beyond(loss, lowest, highest):
    if lowest >= 0 and highest <= 1:
        return
    step, ways = loss.step, {(1, 2): ("y - 1", lambda y: y - 1), (-1, 1): ("(y + 1) / 2", lambda y: (y + 1) / 2)}
    what = f"{step.label}: the target goes from {lowest:.3g} to {highest:.3g}, and it takes numbers from 0 to 1."
    why = "1 stands for yes, 0 for no."
    text, do = ways.get((lowest, highest), ("", None))
    if highest == 255 and lowest >= 0:
        why, text, do = "Pictures are stored in numbers from 0 to 255.", "y / 255", lambda y: y / 255
    changes = [on(loss, "target", text, do)] if text else []
    yield found(step, "target", what, f"{lowest:.3g} to {highest:.3g}", "numbers from 0 to 1", why, *changes)


def are_classes(scores, target):
    """Is the target a class for each row, or each place, and are there scores for several classes?"""
    if len(scores.shape) < 2 or scores.shape[1] < 2 or target.dtype.is_floating_point or target.dtype == torch.bool:
        return False
    fitting = (scores.shape[0], *scores.shape[2:])
    return target.shape in (fitting, (fitting[0], 1, *fitting[1:])) and target.shape != scores.shape


def classes_for_numbers(loss, scores, target):
    """Labels of classes in a loss that takes number against number."""
    step = loss.step
    what = f"{step.label}: the target is {target.shape} of {target.dtype}, a class for each row. {SIDE_BY_SIDE}."
    why = f"The scores are {scores.shape}, one for each class. Cross-entropy compares them with the number of a class."
    labels = Target("y", torch.empty(target.shape, dtype=target.dtype, device="meta"))
    if len(target.shape) == len(scores.shape):
        labels = labels.then("{}.squeeze(1)", lambda y: y.squeeze(1))
    if target.dtype != torch.int64:
        labels = labels.then("{}.long()", torch.Tensor.long)
    change = another(loss, "cross_entropy", labels.text, labels.do)
    return found(step, "target", what, f"{target.shape} of {target.dtype}", f"{scores.shape} of floats", why, change)


def _type(loss, target):
    """The type that the target must have, or None: it has it."""
    scores = loss.pair[0].dtype
    if loss.function == "multilabel_margin_loss":  # its target holds the numbers of classes
        return None if target.dtype == torch.int64 else torch.int64
    is_other = not target.dtype.is_floating_point or torch.float64 == target.dtype != scores
    return scores if is_other else None


def _unlike(run, loss, scores, target):
    """Another shape or another type."""
    step, dtype = loss.step, _type(loss, target)
    given, changes = Target("y", actual(run, loss, "target")), []
    shaped = in_shape(given, scores.shape)
    what = f"the scores are {scores.shape}, and the target is {target.shape}"
    why = f"{SIDE_BY_SIDE}: both need one shape."
    if shaped is None and scores.shape[:1] != target.shape[:1]:
        what, sizes = rows_and(scores, target, "row in the target"), what
        why = f"{why} {sizes[:1].upper()}{sizes[1:]}. {whose_rows(run, step, scores, target)}"
    elif shaped is None:
        more, changes = _more_scores(run, loss, scores.shape, target.shape)
        why = f"{why} {more}".rstrip()
    if dtype is not None:
        told = f"the target is {target.dtype}, and this loss takes {dtype}"
        what = told if target.shape == scores.shape else f"{what}; {told}"
        why = "This loss needs numbers of one type." if target.shape == scores.shape else why
        cast = {torch.int64: "{}.long()", torch.float32: "{}.float()"}.get(dtype, f"{{}}.to({dtype})")
        shaped = (shaped or given).then(cast, lambda y: y.to(dtype))
    if shaped is not None and shaped.text != "y":
        own = on(loss, "target", shaped.text, shaped.do)
        changes = [[own, change] for change in changes] if changes else [own]
    got, wanted = f"{target.shape} of {target.dtype}", f"{scores.shape} of {dtype or target.dtype}"
    yield found(step, "target", f"{step.label}: {what}.", got, wanted, why, *changes)


def in_shape(target, scores):
    """The target in the shape of the scores, or None: a number stays in its row."""
    shape = tuple(target.tensor.shape)
    if shape == scores:
        return target
    for dim in range(len(scores)):
        place = dim if dim < 2 else dim - len(scores)
        if (*shape[:dim], 1, *shape[dim:]) == scores:
            return target.then(f"{{}}.unsqueeze({place})", lambda y, place=place: y.unsqueeze(place))
    for dim in range(len(shape)):
        if shape[dim] == 1 and (*shape[:dim], *shape[dim + 1 :]) == scores:
            return target.then(f"{{}}.squeeze({dim})", lambda y, dim=dim: y.squeeze(dim))
    if len(shape) == len(scores) > 2 and (shape[0], shape[-1], *shape[1:-1]) == scores:
        order = (0, len(shape) - 1, *range(1, len(shape) - 1))
        return target.then(f"{{}}.permute({', '.join(map(str, order))})", lambda y: y.permute(order))
    if shape[:1] == scores[:1] and prod(shape) == prod(scores):
        if len(scores) == 2:
            return target.then("{}.flatten(1)", lambda y: y.flatten(1))
        return target.then("{}.view_as(x)", lambda y: y.reshape(scores)) if len(shape) == 2 else None
    return None


def _more_scores(run, loss, scores, target):
    """(which other number of outputs, or maps of which size; the changes for it)."""
    if len(scores) == len(target) >= 2 and scores[2:] == target[2:]:
        each = "each row" if len(scores) == 2 else "each place"
        text = f"The model makes {count(scores[1], 'number')} for {each}, and the target has {target[1]}"
        changes = outputs(run, loss.step, target[1])
        name = "out_features" if len(scores) == 2 else "out_channels"
        return f"{text}." if changes else f"{text}: {name}={target[1]} in its last layer makes as many.", changes
    if len(scores) == len(target) == 4 and scores[:2] == target[:2]:
        size = target[2:]
        text = "F.interpolate(x, size=y.shape[2:])"
        return "The maps have other sizes.", [on(loss, "input", text, lambda x: F.interpolate(x, size=size))]
    return "", []
