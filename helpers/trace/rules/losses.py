"""Losses: scores and targets that do not go together."""

import torch
import torch.nn.functional as F
from torch import nn

from helpers.trace.changes import instead, on_argument, replaced, without
from helpers.trace.finding import count, found
from helpers.trace.notes import tensors_in
from helpers.trace.operations import CLASS_LOSSES

SOFTMAX = ("softmax", "Softmax", "log_softmax", "LogSoftmax")


def target(run, step):
    """What is held against the scores: another number of rows, another shape, another type, a class too high."""
    is_loss = step.kind in CLASS_LOSSES or step.kind.endswith(("Loss", "_loss", "cross_entropy_with_logits"))
    if not is_loss or len(step.tensors) < 2 or not step.tensors[0].shape:
        return
    scores, labels = step.tensors[:2]
    if step.kind in CLASS_LOSSES:
        yield from _classes(run, step, scores, labels)
        return
    got = f"{labels.shape} of {labels.dtype}"
    what = f"{step.label}: the target is {got}, and scores {scores.shape} want floats of the same shape."
    why = "This loss holds number against number."
    shape = scores.shape
    changes = [
        on_argument(step, 1, "y.float()", lambda y: y.float()),
        on_argument(step, 1, "y.view_as(x)", lambda y: y.reshape(shape)),
        on_argument(step, 1, "y.view_as(x).float()", lambda y: y.reshape(shape).float()),
    ]
    yield found(step, "target", what, got, f"{shape} of torch.float32", why, *changes)


def _classes(run, step, scores, labels):
    rows, classes = scores.shape[0], scores.shape[1] if len(scores.shape) > 1 else scores.shape[0]
    fitting = (rows, *scores.shape[2:])  # of maps of scores (N, C, H, W), a map of classes (N, H, W)
    got, wanted = f"{labels.shape} of {labels.dtype}", f"{fitting} of torch.int64"
    if len(scores.shape) == 1:
        if labels.shape == scores.shape:
            what = f"{step.label}: the scores are {scores.shape}, one for each row."
            what += " Cross-entropy wants one for each class."
            why = "With two classes and one score, the loss is binary cross-entropy, and the target floats."
            text = "F.binary_cross_entropy_with_logits(x, y.float())"
            change = instead(step, text, lambda x, y, **kwargs: F.binary_cross_entropy_with_logits(x, y.float()))
            yield found(step, "target", what, scores.shape, f"({rows}, classes)", why, change)
        return
    if len(labels.shape) == 1 and labels.shape[0] != rows:
        what = f"{step.label}: {count(rows, 'row')} of scores, and {count(labels.shape[0], 'label')}."
        why = "Each row of scores is held against one label."
        if run.before(step) is None:
            why += " trace(model, images) shows whether the batch has changed in the model."
        elif run.batch == rows:
            why += f" The model was given {count(rows, 'image')}: these labels belong to another batch."
        yield found(step, "target", what, got, wanted, why)
    elif labels.shape == fitting and labels.dtype in (torch.int64, torch.uint8):
        yield from _too_few_classes(run, step, classes)
    else:
        what = f"{step.label}: the target is {got}. Scores {scores.shape} want a class for each row: {wanted}."
        why = "A class is its number, counted from 0."
        changes = [
            on_argument(step, 1, "y.flatten()", torch.flatten),
            on_argument(step, 1, "y.squeeze(1)", lambda y: y.squeeze(1)),
            on_argument(step, 1, "y.long()", lambda y: y.long()),
            on_argument(step, 1, "y.flatten().long()", lambda y: y.flatten().long()),
        ]
        if len(scores.shape) == 3 and labels.shape == scores.shape[:2]:
            why += " The classes are the second number of the scores."
            changes.insert(0, on_argument(step, 0, "x.transpose(1, 2)", lambda x: x.transpose(1, 2)))
        if labels.shape == scores.shape:
            why += " Rows of zeros with a single 1 have it at that number."
            changes.insert(0, on_argument(step, 1, "y.argmax(1)", lambda y: y.argmax(1)))
        yield found(step, "target", what, got, wanted, why, *changes)


def _too_few_classes(run, step, classes):
    labels = tensors_in(run.arguments)[1]
    ignored = step.kwargs.get("ignore_index", getattr(step.layer, "ignore_index", -100))
    labels = labels[labels != ignored]
    if not len(labels):
        return
    lowest, highest = int(labels.min()), int(labels.max())
    if lowest >= 0 and highest < classes:
        return
    what = f"{step.label}: the labels go from {lowest} to {highest}"
    what += f", and there are scores for the classes 0 to {classes - 1}."
    maker, changes = run.before(step), []
    if lowest >= 0 and maker is not None and isinstance(maker.layer, nn.Linear):
        changes = [replaced(maker, out_features=highest + 1)]
    why = "There is one score for each class, and classes are counted from 0."
    yield found(step, "target", what, f"labels {lowest} to {highest}", f"labels 0 to {classes - 1}", why, *changes)


def softmax_twice(run):
    """A softmax before cross-entropy, which has its own."""
    for step in run.steps:
        maker = run.before(step) if step.kind in ("CrossEntropyLoss", "cross_entropy") else None
        if maker is not None and maker.kind in SOFTMAX and maker.call not in run.changed:
            what = f"{step.label}: it computes a softmax itself, and {maker.label} has computed one before it."
            why = "Cross-entropy wants scores. A softmax of a softmax is nearly even: the loss cannot come near 0."
            yield found(step, "wiring", what, "probabilities", "scores (logits)", why, without(run, maker))
