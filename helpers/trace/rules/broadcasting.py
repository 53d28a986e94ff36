"""A batch that meets itself: (N, 1) beside (N,) makes N × N numbers, and PyTorch reports nothing."""

from math import prod

import torch

from helpers.trace.changes import on_argument
from helpers.trace.finding import found
from helpers.trace.loss_calls import CLASSES, Target, loss_of, on, outputs
from helpers.trace.notes import INPUT, TensorNote
from helpers.trace.rules.number_losses import are_classes, classes_for_numbers, in_shape

ARITHMETIC = ("add", "sub", "mul", "div", "truediv", "pow", "rsub", "maximum", "minimum", "max", "min", "atan2")
STRETCHING = ("mse_loss", "l1_loss", "smooth_l1_loss", "huber_loss", "poisson_nll_loss", "kl_div")
# Steps that leave each number in its row: what comes out of them still belongs to the same tensor.
VIEWS = ("view", "reshape", "unsqueeze", "squeeze", "flatten", "__getitem__", "detach", "clone", "contiguous", "float")
# Who asks for every row beside every other uses the result as a matrix.
OF_MATRICES = ("softmax", "log_softmax", "logsumexp", "argmin", "argmax", "amin", "amax", "topk", "sort", "argsort")
OF_MATRICES += ("matmul", "mm", "__matmul__", "triu", "tril", "diagonal", "diag", "fill_diagonal_", "masked_fill")
OF_MATRICES += ("masked_fill_", "__getitem__", "__setitem__", "gather", "masked_select", "fill_diagonal", "trace")


def batch_meets_itself(run):
    for step in run.steps:
        pair = [value for value in step.args[:2] if isinstance(value, TensorNote)]
        if len(pair) < 2 or len(pair[0].shape) == len(pair[1].shape) or not _is_elementwise(step):
            continue
        long, short = sorted((0, 1), key=lambda number: -len(pair[number].shape))
        dim = _crossing(pair[long].shape, pair[short].shape)
        if dim and step.outputs and not _is_wanted(run, step, pair, long):
            yield _found(step, pair, long, short, dim)


def numbers_stretched(run):
    """A loss of (N, C) and (N, 1), which compares one number with C others; and labels of classes among numbers."""
    for step in run.steps:
        loss = loss_of(step)
        if loss is None or loss.function not in STRETCHING or step.call in run.changed:
            continue
        scores, target = loss.pair[:2]
        if not (isinstance(scores, TensorNote) and isinstance(target, TensorNote)) or scores.shape == target.shape:
            continue
        if are_classes(scores, target):
            yield classes_for_numbers(loss, scores, target)
        elif len(scores.shape) == len(target.shape) == 2 and scores.shape[0] == target.shape[0] > 1:
            yield _stretched(run, loss, scores.shape, target.shape)
        elif len(scores.shape) != len(target.shape) and prod(scores.shape) == prod(target.shape) > 1:
            yield from _of_other_rank(loss, scores, target)


def _stretched(run, loss, scores, target):
    what = f"{loss.step.label}: the scores are {scores}, and the target is {target}."
    narrow, wide = ("the target", scores[1]) if target[1] == 1 else ("each score", target[1])
    why = f"{narrow[:1].upper()}{narrow[1:]} is compared with {wide} numbers: a 1 in a shape is stretched."
    changes = outputs(run, loss.step, target[1])
    return found(loss.step, "target", what, f"{scores} and {target}", "two of the same shape", why, *changes)


def _of_other_rank(loss, scores, target):
    """(N, N, 1) and (N, N): as many numbers, laid beside others than their own."""
    shaped = in_shape(Target("y", torch.empty(target.shape, device="meta")), scores.shape)
    if shaped is not None and not _crossing(*sorted((scores.shape, target.shape), key=len, reverse=True)):
        what = f"{loss.step.label}: the scores are {scores.shape}, and the target is {target.shape}."
        why = "Shapes are aligned from the right, so each number meets others than its own."
        change = on(loss, "target", shaped.text, shaped.do)
        yield found(loss.step, "target", what, target.shape, scores.shape, why, change)


def _is_elementwise(step):
    if step.layer is None and step.kind.strip("_") in ARITHMETIC:
        return all(note.is_data and not note.parameter for note in step.notes[:2])
    loss = loss_of(step)
    return loss is not None and loss.function not in CLASSES and any(note.is_data for note in step.notes[:2])


def _crossing(long, short):
    """The dimension of the longer shape, of size 1, that the rows of the shorter one fill; 0 if there is none."""
    dim = len(long) - len(short)
    rows = long[0]
    meets = len(short) > 0 and rows > 1 and short[0] == rows and long[dim] == 1
    fits = all(1 in (a, b) or a == b for a, b in zip(long[dim + 1 :], short[1:], strict=True))
    return dim if meets and fits else 0


def _is_wanted(run, step, pair, long):
    """Is it asked for: by `x[:, None] - y`, by two views of the same rows, or because a matrix is needed?"""
    if loss_of(step) is not None:
        return False
    makers = [run.by_call(note.maker) if note.maker != INPUT else None for note in pair]
    if makers[long] is not None and makers[long].kind in ("unsqueeze", "__getitem__"):
        return True
    roots = [_root(run, note) for note in pair]
    if roots[0] == roots[1] != INPUT:
        return True
    return _is_used_as_matrix(run, step)


def _is_used_as_matrix(run, step):
    crossed, shape = {step.call}, step.outputs[0].shape
    for later in run.steps:
        if later.call <= step.call or not any(note.maker in crossed for note in later.notes):
            continue
        others = [note for note in later.notes if note.shape == shape]
        if later.kind in OF_MATRICES or not all(_crosses(run, note, crossed) for note in others):
            return True
        if later.outputs and later.outputs[0].shape == shape:
            crossed.add(later.call)
    return False


def _crosses(run, note, crossed):
    """Did this tensor, too, become a matrix because rows met rows?"""
    maker = run.by_call(note.maker) if note.maker else None
    if note.maker in crossed or maker is None:
        return note.maker in crossed
    shapes = sorted((other.shape for other in maker.notes[:2]), key=len)
    is_crossing = len(shapes) == 2 and len(shapes[0]) < len(shapes[1]) and _crossing(shapes[1], shapes[0]) > 0
    return is_crossing or any(other.shape == note.shape and _crosses(run, other, crossed) for other in maker.notes)


def _root(run, note):
    """The call whose numbers a tensor shows."""
    maker = run.by_call(note.maker) if note.maker else None
    while maker is not None and maker.kind in VIEWS and maker.tensors:
        note = maker.tensors[0]
        maker = run.by_call(note.maker) if note.maker else None
    return note.maker


def _found(step, pair, long, short, dim):
    shapes, rows = [note.shape for note in pair], pair[long].shape[0]
    loss = loss_of(step)
    made = (rows, *[max(sizes) for sizes in zip(shapes[long][1:], ((1,) * dim + shapes[short])[1:], strict=True)])
    what = f"{step.label}: {shapes[0]} and {shapes[1]} make {made}: each of the {rows} rows meets all {rows}."
    why = f"Shapes are aligned from the right, so the {rows} rows of {shapes[short]} meet the 1 of {shapes[long]}. "
    why += f"That makes {rows} × {rows} = {rows * rows} pairs where {rows} are meant."
    letters, size = "xy", shapes[long]
    squeezed = on_argument(step, long, f"{letters[long]}.squeeze({dim})", lambda x: x.squeeze(dim))
    widened = on_argument(step, short, f"{letters[short]}.unsqueeze({dim})", lambda y: y.unsqueeze(dim))
    viewed = on_argument(step, short, f"{letters[short]}.view_as({letters[long]})", lambda y: y.reshape(size))
    changes = [squeezed, widened] if dim == 1 else [viewed] if prod(size) == prod(shapes[short]) else []
    kind = "merge" if loss is None else "target"
    return found(step, kind, what, f"{shapes[0]} and {shapes[1]}", "two of the same shape", why, *changes)
