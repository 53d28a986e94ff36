"""Losses that compute, and can teach nothing: what a loss has in it was done before, or was not done at all."""

import torch
from torch import nn

from helpers.trace.changes import instead, replaced, without
from helpers.trace.finding import found
from helpers.trace.loss_calls import Target, another, last_layer, loss_of, on
from helpers.trace.notes import INPUT, TensorNote, notes_in
from helpers.trace.operations import Conv, operation
from helpers.trace.rules.losses import turned
from helpers.trace.rules.number_losses import in_shape

SOFTMAX = ("softmax", "Softmax")
SIGMOID = ("sigmoid", "Sigmoid")
ONE_SIDED = ("binary_cross_entropy", "binary_cross_entropy_with_logits", "cross_entropy", "poisson_nll_loss")
SOFTMAXES = (*SOFTMAX, "log_softmax", "LogSoftmax")
MOVING = ("permute", "transpose", "swapaxes", "swapdims", "movedim", "moveaxis", "t", "T", "mT", "einsum")


def one_class(run):
    """Cross-entropy of one score for each row, or for each place: its softmax is 1, whatever the score is."""
    for step in run.steps:
        loss = loss_of(step)
        if loss is None or loss.function != "cross_entropy" or step.call in run.changed or len(loss.pair) < 2:
            continue
        scores, maker = loss.pair[0], run.before(step)
        # A squeeze leaves the 1 of something else: a score for each candidate, and one candidate.
        if len(scores.shape) < 2 or scores.shape[1] != 1 or last_layer(run, step) is None or maker.kind == "squeeze":
            continue
        place = "row" if len(scores.shape) == 2 else "place"
        what = f"{step.label}: the scores are {scores.shape}, one for each {place}. "
        what += "Cross-entropy wants one for each class."
        why = "The softmax of a single score is 1, so the loss is always 0, and nothing is learned. "
        why += "With two classes and one score, use binary cross-entropy."
        yield found(step, "target", what, scores.shape, "scores for several classes", why, _for_yes_or_no(run, loss))


def _for_yes_or_no(run, loss):
    """Binary cross-entropy in its place, and no softmax or sigmoid before it; None where labels are left out."""
    scores, target = loss.pair[:2]
    given = Target("y", torch.empty(target.shape, dtype=target.dtype, device="meta"))
    shaped = in_shape(given, scores.shape)
    ignored = loss.step.kwargs.get("ignore_index", getattr(loss.step.layer, "ignore_index", -100))
    if shaped is None or ignored != -100:
        return None
    if target.dtype != scores.dtype:
        shaped = shaped.then("{}.float()", torch.Tensor.float)
    maker = run.before(loss.step)
    changes = [without(run, maker)] if maker.kind in (*SOFTMAXES, *SIGMOID) else []
    return [another(loss, "binary_cross_entropy_with_logits", shaped.text, shaped.do), *changes]


def done_before(run):
    """A softmax before cross-entropy, a sigmoid before the loss that has its own; probabilities where their logarithms
    are wanted, or scores that nothing turns into probabilities. (A second log_softmax changes nothing.)"""
    for step in run.steps:
        loss = loss_of(step)
        maker = run.before(step) if loss is not None else None
        if maker is None or maker.call in run.changed or step.call in run.changed:
            continue
        if loss.function == "cross_entropy" and maker.kind in SOFTMAX:
            what = f"{step.label}: it computes a softmax itself, and {maker.label} has computed one before it."
            why = "Cross-entropy wants scores. After two softmaxes no class is more than e times as likely as another: "
            why += "the loss cannot get near 0."
            yield found(step, "wiring", what, "probabilities", "scores (logits)", why, without(run, maker))
        elif loss.function == "binary_cross_entropy_with_logits" and maker.kind in SIGMOID:
            what = f"{step.label}: it computes a sigmoid itself, and {maker.label} has computed one before it."
            why = "It wants scores. A sigmoid of numbers from 0 to 1 is never below 0.5: no row can be a clear no."
            yield found(step, "wiring", what, "probabilities", "scores (logits)", why, without(run, maker))
        elif loss.function in ("nll_loss", "kl_div") and _lacks_logarithm(loss, maker):
            yield _without_logarithm(loss, maker)


def _lacks_logarithm(loss, maker):
    makes_scores = isinstance(maker.layer, nn.Linear) or isinstance(operation(maker), Conv)
    return maker.kind in SOFTMAX or (makes_scores and loss.function == "nll_loss")


def _without_logarithm(loss, maker):
    step = loss.step
    why = "A logarithm of a probability is at most 0. With other numbers the loss falls below 0, and tells you nothing."
    if maker.kind in SOFTMAX:
        given, change = "probabilities", on(loss, "input", "x.log()", torch.log)
        what = f"{step.label}: {maker.label} gives it probabilities, and it wants their logarithms."
    else:
        given, change = "scores", another(loss, "cross_entropy", "y", lambda y: y)
        what = f"{step.label}: {maker.label} gives it scores, and it wants logarithms of probabilities."
    return found(step, "wiring", what, given, "logarithms of probabilities", why, change)


def turned_around(run):
    """A loss of probabilities, or of scores, that is given its target first."""
    for step in run.steps:
        loss = loss_of(step)
        if loss is None or loss.function not in ONE_SIDED or step.call in run.changed or len(loss.pair) < 2:
            continue
        first, second = loss.pair[:2]
        are_tensors = isinstance(first, TensorNote) and isinstance(second, TensorNote)
        if are_tensors and first.maker == INPUT and _is_learned(run, second):
            what = f"{step.label}: the target comes first, and the model's output second."
            yield turned(loss, what, "A loss takes the scores first: from the target alone, nothing is learned.")


def _is_learned(run, note):
    """Did a layer with weights make it?"""
    step = run.by_call(note.maker) if note.is_data and note.maker else None
    while step is not None and (step.layer is None or next(step.layer.parameters(), None) is None):
        step = run.before(step)
    return step is not None


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
        what = f"{step.label}: the softmax runs along dimension 0, so the {shape[0]} rows of {shape} compete."
        why = "Dimension 0 is the batch, and its rows have nothing to do with each other. A row's own scores lie along "
        why += f"dimension {along}."
        change = replaced(step, dim=along) if step.layer is not None else _along(step, along)
        yield found(step, "wiring", what, "a softmax along 0", f"a softmax along {along}", why, change)


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
