"""What a loss is called with: no tensors, the wrong way round, on two devices, with weights that do not fit."""

from math import prod

import torch

from helpers.arguments import kind_of
from helpers.trace.finding import TENSOR, found, item, returned_by, shapes_of, why_no_tensor
from helpers.trace.loss_calls import CLASSES, OF_THREE, actual, loss_of, names_of, on, outputs
from helpers.trace.notes import Change, TensorNote, notes_in
from helpers.trace.operations import product


def no_tensors(run, step):
    """A tuple of scores, a list or an array of labels, None."""
    loss = loss_of(step)
    if loss is None:
        return
    for place, name in enumerate(names_of(loss.function)[: 3 if loss.function in OF_THREE else 2]):
        value = loss.given.get(name)
        if isinstance(value, TensorNote):
            continue
        kind, letter = kind_of(value), "xyz"[place]
        what = f"{step.label}: its {name} is {kind}, and a loss takes tensors."
        inside, changes, (why, key) = notes_in(value), [], why_no_tensor(value)
        if isinstance(value, (tuple, list)) and inside:
            what = f"{step.label}: its {name} is {kind} of {len(value)}, and a loss takes one tensor."
            why, changes = _several(run, loss, name, value)
        elif key is not None:
            changes = [on(loss, name, item(letter, key), lambda x, key=key: x[key])]
        elif value is not None:
            casts = ("", ".float()", ".long()")
            changes = [on(loss, name, f"torch.as_tensor({name}){cast}", _made(cast)) for cast in casts]
        yield found(step, "wiring", what, type(value).__name__, TENSOR, why, *changes)
        return


def _made(cast):
    def tensor(value):
        return getattr(torch.as_tensor(value), cast[1:-2])() if cast else torch.as_tensor(value)

    return tensor


def _several(run, loss, name, value):
    """Why there is a tuple, and the change: a layer returned it, or the model did."""
    shapes = shapes_of(value)
    who = returned_by(run, value) or ("model" if name in ("input", "anchor", "input1") else "")
    if not who:
        return f"It holds {shapes}.", [on(loss, name, "y[0]", lambda y: y[0])]
    names = ["out", "aux"] if who == "model" and len(value) == 2 else ["x", *["_"] * (len(value) - 1)]
    why = f"{'The model' if who == 'model' else who} returns several things: {shapes}."
    return why, [on(loss, name, "", lambda x: x[0])._replace(text=f"{', '.join(names)} = {who}(x)")]


def swapped(run, step):
    """Labels where the scores belong, and scores in the labels' place."""
    loss = loss_of(step)
    if loss is None or loss.function in OF_THREE or len(loss.pair) < 2:
        return
    first, second = loss.pair[:2]
    if not first.dtype.is_floating_point and second.dtype.is_floating_point:
        what = f"{step.label}: whole numbers come first, and floats second. A loss takes the scores first."
        why = f"{first.shape} of {first.dtype} looks like labels, {second.shape} of {second.dtype} like scores."
        yield turned(loss, what, why)


def turned(loss, what, why):
    """The Finding for a loss that is given its target first."""
    step, (first, second) = loss.step, loss.pair[:2]
    name = step.label if step.layer is not None else f"F.{loss.function}"

    def run(function, args, kwargs, last):
        names = dict(zip(("input", "target"), args, strict=False)) | kwargs
        return function(names.pop("target"), names.pop("input"), *args[2:], **names)

    change = Change(f"{name}(y, x) instead of {name}(x, y)", calls={step.call: run})
    return found(step, "target", what, f"{first.shape} first", f"{second.shape} first", why, change)


def weights(run, step):
    """`weight` and `pos_weight`: their device, their type and their number."""
    loss = loss_of(step)
    if loss is None or not all(isinstance(value, TensorNote) for value in loss.pair):
        return
    scores = loss.pair[0]
    for name, given in loss.weights.items():
        what, got = f"{step.label}: the scores are %s, and {name} %s.", None
        if given.device != scores.device:
            got, wanted, kind = given.device, scores.device, "device"
            what, why = what % (f"on {wanted}", f"is on {got}"), "All tensors of a step must be on one device."
            change = on(loss, name, f'{name}.to("{wanted}")', lambda weight: weight.to(scores.device))
        elif given.dtype == torch.float64 != scores.dtype:
            got, wanted, kind = given.dtype, scores.dtype, "dtype"
            what, why = what % (wanted, f"is {got}"), "NumPy's floats are float64; this loss needs one type."
            change = on(loss, name, f"{name}.float()", lambda weight: weight.to(scores.dtype))
        if got is not None:
            yield found(step, kind, what, got, wanted, why, change)
        elif loss.function in CLASSES:
            yield from _for_each_class(run, loss, name, given, scores)
        elif not _fits(given.shape, scores.shape):
            yield _beside(loss, name, given.shape, scores.shape)


def _for_each_class(run, loss, name, given, scores):
    classes = scores.shape[1] if len(scores.shape) > 1 else scores.shape[0]
    if given.shape == (classes,) or not scores.shape:
        return
    what = f"{loss.step.label}: {name} has {product(given.shape)} numbers, and there are scores for {classes} classes."
    changes = [on(loss, name, f"{name}.flatten()", torch.flatten)] if prod(given.shape) == classes else []
    if len(given.shape) == 1 and int(actual(run, loss, "target").max()) < given.shape[0]:
        changes += outputs(run, loss.step, given.shape[0])
    why = "There is one weight for each class."
    yield found(loss.step, "target", what, given.shape, (classes,), why, *changes)


def _fits(shape, scores):
    """Can a weight of this shape be laid beside the scores, from the right?"""
    pairs = zip(reversed(shape), reversed(scores), strict=False)
    return len(shape) <= len(scores) and all(size in (1, other) for size, other in pairs)


def _beside(loss, name, shape, scores):
    what = f"{loss.step.label}: {name} is {shape}, and the scores are {scores}: {shape[-1]} meets {scores[-1]}."
    why = "Shapes are aligned from the right: their last dimensions must be equal, or one of them 1."
    order = (1, 0) if name == "pos_weight" else (0, 1)  # one for each class; one for each row
    places = [dim for dim in order if dim < len(scores) and len(shape) == 1 and scores[dim] == shape[0]]
    changes, wanted = [], "a number for each score, or one for all rows"
    if places:
        index = (slice(None), *[None] * (len(scores) - places[0] - 1))
        wanted, written = (shape[0], *[1] * (len(index) - 1)), ", ".join([":", *["None"] * (len(index) - 1)])
        changes = [on(loss, name, f"{name}[{written}]", lambda weight: weight[index])]
        why += f" {name} has a number for each {'class' if places[0] else 'row'}."
    return found(loss.step, "target", what, shape, wanted, why, *changes)
