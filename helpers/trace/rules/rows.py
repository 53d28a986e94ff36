"""As many rows come out as images went in: what cuts the batch, pours it into one row, or puts two below each other."""

import re
from math import prod

import torch
from torch import nn

from helpers.trace.changes import instead, replaced
from helpers.trace.finding import count, found
from helpers.trace.loss_calls import loss_of
from helpers.trace.notes import INPUT, Change, notes_in
from helpers.trace.operations import CATTING, FLATTENING, PIECES, product

REPEATING = ("expand", "repeat", "tile", "broadcast_to")


def batch_changed(run, step):
    """A view or a flatten before this step that did not keep the batch."""
    for earlier in run.chain(step):
        if _loses_batch(run, earlier):
            yield _lost(earlier, step)


def put_below(run, step):
    """A cat before this step that put the rows of several tensors below each other."""
    loss = loss_of(step)
    if loss is not None and (len(loss.pair) < 2 or loss.pair[0].shape[:1] == loss.pair[1].shape[:1]):
        return
    yield from (_below(earlier, step) for earlier in run.chain(step) if _puts_below(run, earlier, loss is not None))


def batch_lost(run):
    """The same where nothing later minds: the model returns another number of rows than it was given images."""
    ends = notes_in(run.result)
    # A single number, a loss or a norm, may well be made from all of the batch.
    if ends and run.batch is not None and ends[0].shape and ends[0].shape[:1] != (run.batch,):
        yield from (_lost(step, step) for step in run.steps if _loses_batch(run, step))
        if ends[0].shape[0] % run.batch == 0:
            yield from (_below(step, step) for step in run.steps if _puts_below(run, step, False))


def rows_and(scores, target, noun):
    """`9 rows of scores, and 4 labels`"""
    return f"{count(prod(scores.shape[:1]), 'row')} of scores, and {_many(prod(target.shape[:1]), noun)}"


def _many(number, noun):
    first, _, rest = noun.partition(" ")
    return f"{count(number, first)} {rest}".rstrip()


def whose_rows(run, step, scores, target):
    """Whether the scores or the target have other rows than the model was given, and where they came from."""
    rows, labels = scores.shape[0], prod(target.shape[:1])
    if run.before(step) is None:
        return (
            f"If the model was given {count(rows, 'image')}, the target belongs to another batch. If it was given "
            f"{labels}, a view, a flatten or a cat in it turns them into {count(rows, 'row')}: "
            "trace(model, images) shows each step."
        )
    if run.batch == rows:
        return f"The model was given {count(rows, 'image')}: the target belongs to another batch."
    path = [each for each in run.chain(step) if each.shape and each.shape[:1] != each.outputs[0].shape[:1]]
    became = f"{path[-1].label} turns them into {rows}" if path else f"they become {rows}"
    return f"The model was given {count(run.batch, 'row')}, and {became}."


def _puts_below(run, step, is_wrong):
    """Does this cat put several batches below each other? What one layer made of several inputs may well be so, if
    nothing tells that it is wrong: two views of a picture, the words of a sentence."""
    parts = [note for note in notes_in(step.args) if note.is_data]
    if step.kind not in (*CATTING, "vstack") or len(parts) < 2 or not step.outputs or run.batch in (None, 1):
        return False
    if any(not part.shape or part.shape[0] != run.batch for part in parts):
        return False
    cut = run.by_call(parts[0].maker) if len({part.maker for part in parts}) == 1 else None
    if cut is not None and cut.kind in PIECES and not is_wrong:
        return False  # the pieces of one tensor are folded into the batch
    makers = [_made_by(run, part) or number for number, part in enumerate(parts)]
    is_of_several = is_wrong or len(set(makers)) > 1
    return step.outputs[0].shape[0] == len(parts) * run.batch and is_of_several


def _made_by(run, note):
    """The layer with weights that made a tensor, or None: it is an input."""
    step = run.by_call(note.maker) if note.maker != INPUT else None
    while step is not None and (step.layer is None or next(step.layer.parameters(), None) is None):
        step = run.before(step)
    return step and step.name


def _below(culprit, step):
    parts = [note.shape for note in notes_in(culprit.args)]
    images, rows = parts[0][0], culprit.outputs[0].shape[0]
    what = f"{culprit.label}: {len(parts)} batches of {images} became {rows} rows."
    why = f"It puts {len(parts)} batches one below the other. Along dimension 1 it would join what belongs to one row."
    wanted = (images, sum(part[1] for part in parts), *parts[0][2:]) if len(parts[0]) > 1 else (images, len(parts))
    text = re.sub(r"(, (dim=|axis=)?-?\d+)?\)$", "", culprit.name.replace("vstack", "cat")) + ", 1)"
    change = instead(culprit, text, lambda x, *args, **kwargs: torch.cat(x, 1))
    after = culprit.outputs[0].shape
    return found(step, "batch-changed", what, after, wanted, why, change)._replace(call=culprit.call)


def made_for_other_rows(run, step):
    """`first.expand(32, -1, -1)`, and the batch has another number of rows."""
    data = next((note for note in step.tensors if note.is_data and note.shape), None)
    if data is None:
        return
    rows = data.shape[0]
    for note in step.notes:
        maker = run.by_call(note.maker) if note.maker and not note.is_data else None
        if maker is None or maker.kind not in REPEATING or not note.shape or note.shape[0] in (1, rows):
            continue
        text = re.sub(rf"\b{note.shape[0]}\b", "len(x)", maker.name, count=1)
        what = f"{step.label}: {count(rows, 'row')} arrive{'s' * (rows == 1)}, and {maker.label} makes {note.shape[0]}."
        why = "A batch may have any number of rows: the last one of an epoch is often smaller."
        change = Change(f"{text} instead of {maker.name}", calls={maker.call: _with_rows(note.shape[0], rows)})
        wanted = (rows, *note.shape[1:])
        if text != maker.name:
            yield found(step, "batch-changed", what, note.shape, wanted, why, change)._replace(call=maker.call)


def _with_rows(old, new):
    def run(function, args, kwargs, last):
        sizes = tuple(args[1]) if isinstance(args[1], (tuple, list)) else args[1:]
        return function(args[0], tuple(new if size == old else size for size in sizes))

    return run


def _loses_batch(run, step):
    """Does this reshaping step cut the batch at other places, or pour it into one row?"""
    if not step.outputs or not step.shape or step.shape[0] != run.batch:
        return False
    before, after = step.shape, step.outputs[0].shape
    if step.kind == "squeeze" and len(step.args) == 1 and not step.kwargs:
        return before[0] == 1 and len(before) == 4 and len(after) == 1  # of one picture
    if step.kind not in FLATTENING:
        return False
    if len(before) < 2 or after[:1] == before[:1]:
        return False
    # (N, T, E) -> (N·T, E) only folds, and so does (N, C, H, W) -> (N·C, 1, H, W): no row holds numbers of two.
    folds = 1 < len(after) < len(before) and before[-len(after) + 1 :] == after[1:]
    return not folds and (len(after) < 3 or prod(before[1:]) % prod(after[1:]) != 0)


def _lost(culprit, step):
    """The Finding for a step that lost the batch; it shows at `step`."""
    before, after = culprit.shape, culprit.outputs[0].shape
    images, each, pieces = before[0], prod(before[1:]), prod(after[1:])
    came = f"one row of {after[0]}" if len(after) == 1 else count(after[0], "row" if len(after) == 2 else "image")
    are_rows = len(before) == 2
    what = f"{culprit.label}: {count(images, 'row' if are_rows else 'image')} went in, and {came} came out."
    if culprit.kind == "squeeze":
        what = f"{culprit.label}: it drops every 1 of {before}, the batch's too: {after}."
    why = f"Each image of {before} has {product(before[1:])} = {count(each, 'number')}. "
    if are_rows:
        why = f"Each row of {before} has {count(each, 'number')}. "
    if len(after) == 1 or after[0] == 1:
        why += f"All {prod(after)} of the batch end up in one row."
    elif each % pieces == 0:
        why += f"Each is cut into {each // pieces} rows of {pieces}."
    else:
        why += f"The {images}·{each} = {prod(before)} of the batch are cut into pieces of {pieces}"
        why += ", wherever a row ends." if are_rows else ", wherever an image ends."
    if culprit.layer is None:
        changes = [instead(culprit, "torch.flatten(x, 1)", lambda x, *args, **kwargs: torch.flatten(x, 1))]
    else:
        changes = [replaced(culprit, start_dim=1)] if isinstance(culprit.layer, nn.Flatten) else []
    return found(step, "batch-changed", what, after, (images, each), why, *changes)._replace(call=culprit.call)
