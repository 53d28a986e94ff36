"""Cross-entropy and its like: the target is the number of a class for each row, or for each place of a map."""

from math import prod

import torch
import torch.nn.functional as F

from helpers.trace.finding import found
from helpers.trace.loss_calls import CLASSES, Target, actual, another, loss_of, on
from helpers.trace.notes import TensorNote
from helpers.trace.rules.labels import COUNTED, in_numbers, is_one_hot
from helpers.trace.rules.rows import rows_and, whose_rows


def classes(run, step):
    """What is compared with the scores: another number of rows, another shape, another type, a class too high."""
    loss = loss_of(step)
    if loss is None or loss.function not in CLASSES or not all(isinstance(one, TensorNote) for one in loss.pair):
        return
    scores, labels = loss.pair
    fitting = (*scores.shape[:1], *scores.shape[2:])  # of maps of scores (N, C, H, W), a map of classes (N, H, W)
    if len(scores.shape) < 2:
        yield from _no_rows(loss, scores, labels)
    elif labels.shape == scores.shape and labels.dtype.is_floating_point and loss.function == "cross_entropy":
        return  # a probability for each class
    elif labels.shape != fitting and len(scores.shape) > 2 and labels.shape == scores.shape[:-1]:
        yield _classes_last(loss, scores, labels)
    elif len(labels.shape) == len(fitting) == 3 and labels.shape != fitting and labels.shape[0] == fitting[0]:
        yield _other_size(loss, scores, labels, fitting)
    else:
        yield from _labels(run, loss, scores, labels, fitting)


def _no_rows(loss, scores, labels):
    step, number = loss.step, prod(scores.shape)
    if labels.shape == scores.shape:
        what = f"{step.label}: the scores are {scores.shape}, one for each row. Cross-entropy wants one for each class."
        why = "With two classes and one score, use binary cross-entropy and a target of floats."
        change = another(loss, "binary_cross_entropy_with_logits", "y.float()", lambda y: y.float())
        yield found(step, "target", what, scores.shape, f"({number}, classes)", why, change)
    elif len(labels.shape) == 1 and labels.shape[0] > 1:
        what = f"{step.label}: the scores are {scores.shape}, one row without a batch, and there are"
        what += f" {labels.shape[0]} labels."
        why = f"Each label wants a row of scores: ({labels.shape[0]}, classes). A view(-1), a flatten from 0 or a mean"
        why += " over dimension 0 turns them all into one row."
        yield found(step, "target", what, scores.shape, f"({labels.shape[0]}, classes)", why)
    elif labels.shape == (1,):
        what = f"{step.label}: the scores are {scores.shape}, one row without a batch, and the target has a batch."
        why = f"A batch of one row is (1, {number})."
        yield found(
            step, "target", what, scores.shape, (1, number), why, on(loss, "input", "x[None]", lambda x: x[None])
        )


def _classes_last(loss, scores, labels):
    rank = len(scores.shape)
    order = ", ".join(map(str, (0, rank - 1, *range(1, rank - 1))))
    what = f"{loss.step.label}: the scores are {scores.shape}, with the classes last, and the target is {labels.shape}."
    why = "The classes must be dimension 1 of the scores: (N, classes, …)."
    wanted = (scores.shape[0], scores.shape[-1], *scores.shape[1:-1])
    text = "x.transpose(1, 2)" if rank == 3 else f"x.permute({order})"
    change = on(loss, "input", text, lambda x: x.movedim(-1, 1))
    return found(loss.step, "target", what, scores.shape, wanted, why, change)


def _other_size(loss, scores, labels, fitting):
    made, wanted = (" × ".join(map(str, shape[1:])) for shape in (fitting, labels.shape))
    what = f"{loss.step.label}: the maps of scores are {made}, and the maps of labels {wanted}."
    why = f"Each place of a map has its label. The scores are {scores.shape}, the target is {labels.shape}."
    size = labels.shape[1:]
    change = on(loss, "input", "F.interpolate(x, size=y.shape[1:])", lambda x: F.interpolate(x, size=size))
    return found(loss.step, "target", what, labels.shape, fitting, why, change)


def _labels(run, loss, scores, labels, fitting):
    """What must be done to the target, one thing after the other, until it is a class for each row."""
    step, got, wanted = loss.step, f"{labels.shape} of {labels.dtype}", f"{fitting} of torch.int64"
    places = "row" if len(fitting) == 1 else "place"
    what = f"{step.label}: the target is {got}. Scores {scores.shape} want a class for each {places}: {wanted}."
    given = Target("y", actual(run, loss, "target"))
    target, why = _in_shape(given, scores.shape, fitting)
    if target is None:
        if labels.shape[:1] != fitting[:1]:
            what = f"{step.label}: {rows_and(scores, labels, 'label')}."
            why = f"Each row of scores is compared with one label. {whose_rows(run, step, scores, labels)}"
        yield found(step, "target", what, got, wanted, why)
        return
    told, ways = in_numbers(run, loss, target, scores.shape[1])
    fits = labels.shape == fitting and labels.dtype in (torch.int64, torch.uint8)
    if fits and not told:
        return
    if fits:
        what, _, why = told.partition(". ")
        got = what.partition(",")[0].removeprefix("the ").replace(" go from", "")
        wanted = f"labels 0 to {scores.shape[1] - 1}"
        what = f"{step.label}: {what}."
    else:
        why = " ".join(filter(None, [COUNTED, why, told[:1].upper() + told[1:]]))
    yield found(step, "target", what, got, wanted, why, *filter(None, (_made(loss, *way) for way in ways)))


def _made(loss, target, changes):
    """The changes that make this target of the one given, and others with them."""
    if target.tensor.dtype not in (torch.int64, torch.uint8):
        target = target.then("{}.long()", torch.Tensor.long)
    return [*([on(loss, "target", target.text, target.do)] if target.text != "y" else []), *changes]


def _in_shape(target, scores, fitting):
    """(the target in the shape that fits, or None; why it has another)."""
    shape, tensor = tuple(target.tensor.shape), target.tensor
    if shape == fitting:
        return target, ""
    if len(shape) == len(scores) and (shape[0], *shape[2:]) == fitting and is_one_hot(tensor):
        return target.then(
            "{}.argmax(1)", lambda y: y.argmax(1)
        ), "In a row of zeros with a single 1, that is the place of the 1."
    if prod(shape) == prod(fitting) and len(fitting) == 1:
        return target.then("{}.flatten()", torch.flatten), ""
    for dim in (1, -1):
        if len(shape) == len(fitting) + 1 and (shape[:dim] + shape[dim:][1:] if dim == 1 else shape[:-1]) == fitting:
            if shape[dim] == 1:
                return target.then(f"{{}}.squeeze({dim})", lambda y, dim=dim: y.squeeze(dim)), ""
            why = f"It is a picture in {shape[dim]} channels."
            if bool((tensor == tensor.select(dim, 0).unsqueeze(dim)).all()):
                index = "[:, 0]" if dim == 1 else "[..., 0]"
                return target.then(
                    f"{{}}{index}", lambda y, dim=dim: y.select(dim, 0)
                ), f"{why} They are the same: it is grey."
            return None, f"{COUNTED} {why} A table has to say which colour is which class."
    if prod(shape) == prod(fitting) and shape[0] == prod(fitting):
        return target.then("{}.view(" + ", ".join(map(str, fitting)) + ")", lambda y: y.reshape(fitting)), ""
    return None, COUNTED
