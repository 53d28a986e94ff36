"""Losses that compute, and can teach nothing: what a loss has in it was done before, or was not done at all."""

import torch

from helpers.trace.changes import instead, replaced, without
from helpers.trace.finding import found
from helpers.trace.loss_calls import loss_of
from helpers.trace.notes import notes_in

SOFTMAX = ("softmax", "Softmax")
SOFTMAXES = (*SOFTMAX, "log_softmax", "LogSoftmax")
MOVING = ("permute", "transpose", "swapaxes", "swapdims", "movedim", "moveaxis", "t", "T", "mT", "einsum")


def softmax_twice(run):
    """A softmax before cross-entropy, which has its own. (A second log_softmax changes nothing.)"""
    for step in run.steps:
        loss = loss_of(step)
        maker = run.before(step) if loss is not None and loss.function == "cross_entropy" else None
        if maker is not None and maker.kind in SOFTMAX and maker.call not in run.changed:
            what = f"{step.label}: it computes a softmax itself, and {maker.label} has computed one before it."
            why = "Cross-entropy wants scores. A softmax of a softmax is nearly even: the loss cannot come near 0."
            yield found(step, "wiring", what, "probabilities", "scores (logits)", why, without(run, maker))


def softmax_over_the_batch(run):
    """A softmax along 0, of scores that the model returns or holds against labels: the rows of a batch compete."""
    ends = {note.maker for note in notes_in(run.result)}
    for step in run.steps:
        shape = step.shape
        if step.kind not in SOFTMAXES or not shape or len(shape) < 2 or shape[0] != run.batch or min(shape[:2]) < 2:
            continue
        dim, along = _dim(step), -1 if len(shape) == 3 else 1
        if dim % len(shape) or _is_batch_elsewhere(run, step) or step.call in run.changed:
            continue
        users = [later for later in run.steps if any(note.maker == step.call for note in later.notes)]
        if step.call not in ends and not any(loss_of(user) or user.kind == "log" for user in users):
            continue  # weights of an average over all rows, for instance
        what = f"{step.label}: the softmax runs along 0, over the {shape[0]} rows of {shape}: each column sums to 1."
        why = (
            f"0 is the batch, and its rows have nothing to do with each other. A row's own scores stand along {along}."
        )
        change = replaced(step, dim=along) if step.layer is not None else _along(step, along)
        yield found(step, "wiring", what, "columns that sum to 1", "rows that sum to 1", why, change)


def _along(step, dim):
    function = getattr(torch, step.kind)
    text = f"F.{step.kind}(x, dim={dim})" if step.name.startswith("F.") else f"x.{step.kind}({dim})"
    return instead(step, text, lambda x, *args, **kwargs: function(x, dim))


def _dim(step):
    """The dimension that a softmax runs along; without one, torch takes 0 of one or three dimensions, else 1."""
    dim = step.layer.dim if step.layer is not None else step.kwargs.get("dim", step.args[1] if step.args[1:] else None)
    return (0 if len(step.shape) in (0, 1, 3) else 1) if dim is None else dim


def _is_batch_elsewhere(run, step):
    """Is the batch the second number, or did it change its place on the way?"""
    by_time = any(getattr(each.layer, "batch_first", True) is False for each in run.steps)
    return by_time or any(each.kind in MOVING for each in run.chain(step))
