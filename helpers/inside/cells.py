"""One number of a model's run: the terms it was made of, where they came from, and what it sees of the image."""

import math

from helpers.inside import moves, sums, windows
from helpers.inside.run import place

OPENED = {
    "conv": windows.convolution,
    "transposed": windows.transposed,
    "pool": windows.pooling,
    "linear": sums.linear,
    "relu": sums.pointwise,
    "norm": sums.normalised,
    "softmax": sums.softmax,
    "sum": sums.parts,
}


def cell(inside, block, image, where):
    """The answer for one number: {"value", "opens", "sentence", "field", …}, with the terms of its kind.

    `where` is (map, row, column). Numbers are float64 made from torch's own; what is not finite is a word. A kind whose
    arithmetic cannot be shown at this place opens to "none".
    """
    drawn = inside.blocks[block]
    at = drawn.index(where)
    told = {"block": block, "image": image, "opens": drawn.opens, "value": float(drawn.values[image][at])}
    told |= dict(zip(("map", "row", "column"), where, strict=True))
    told |= {"field": _field(inside, block, at), "sentence": ""}
    try:
        told |= _terms(inside, drawn, image, at)
    except ValueError as error:
        told |= {"opens": "none", "sentence": f"How it is computed is not shown here: {error}."}
    return in_words(told)


def _terms(inside, drawn, image, at):
    if drawn.opens == "moved":
        return _moved(inside, drawn, image, at)
    if drawn.opens == "none":
        return {"sentence": drawn.note}
    told = OPENED[drawn.opens](drawn.seen, image, at)
    if drawn.opens == "linear":
        told["source"], came = _before_flatten(inside, drawn, image, [term["index"] for term in told["terms"]])
        for term, where in zip(told["terms"], came, strict=True):
            term["from"] = where
    if drawn.opens == "sum":
        for part, note in zip(told["parts"], drawn.seen.step.notes, strict=True):
            block = inside.at.get(note.maker)
            part |= {"block": block, "name": note.parameter if block is None else inside.blocks[block].name}
    return told


def _moved(inside, drawn, image, at):
    (found,) = moves.sources(drawn.seen, image, [at])
    if found is None:
        return {"from": None, "source": None, "sentence": "This is padding: a 0 that was put here."}
    given, came = found
    source = _block_of(inside, drawn.seen, given)
    if source is None or inside.blocks[source].sizes is None:
        return {"from": None, "source": None, "sentence": "It comes from a tensor of which no maps are drawn."}
    return {"from": place(came), "source": source}


def _block_of(inside, seen, given):
    """The place of the block that draws the tensor given; None where none draws it."""
    block = inside.at.get(seen.step.notes[given].maker)
    is_drawn = block is not None and inside.blocks[block].values.shape == seen.given[given].shape
    return block if is_drawn else None


def _before_flatten(inside, drawn, image, features):
    """(the block of the maps that were flattened, where in them the features are); (None, Nones) without them."""
    nothing = None, [None] * len(features)
    block = inside.at.get(drawn.seen.step.notes[0].maker)
    while block and inside.blocks[block].opens == "relu" and len(inside.blocks[block].inputs) == 1:
        block = inside.blocks[block].inputs[0]
    flat = inside.blocks[block] if block else None
    if flat is None or flat.opens != "moved" or len(flat.shape) != 1 or len(drawn.shape) != 1:
        return nothing
    found = moves.sources(flat.seen, image, [(feature,) for feature in features])
    sources = {None if each is None else _block_of(inside, flat.seen, each[0]) for each in found}
    if None in sources or len(sources) > 1:  # padding, or features of several blocks
        return nothing
    return sources.pop(), [place(each[1]) for each in found]


def _field(inside, block, at):
    """What a number sees of the image, or None. Behind a flatten: what the number sees that was moved there."""
    drawn, found = inside.blocks[block], inside.field(block, at)
    if found is not None or not block:
        return found
    if drawn.opens == "relu" and drawn.inputs and inside.blocks[drawn.inputs[0]].shape == drawn.shape:
        return _field(inside, drawn.inputs[0], at)
    if drawn.opens != "moved":
        return None
    try:
        (came,) = moves.sources(drawn.seen, 0, [at])
    except ValueError:
        return None  # its own answer says so
    source = came and _block_of(inside, drawn.seen, came[0])
    return None if source is None else _field(inside, source, came[1])


def in_words(told):
    """JSON has no NaN and no infinity: words stand for them."""
    if isinstance(told, float) and not math.isfinite(told):
        return "NaN" if math.isnan(told) else "Infinity" if told > 0 else "-Infinity"
    if isinstance(told, dict):
        return {key: in_words(part) for key, part in told.items()}
    return [in_words(part) for part in told] if isinstance(told, (list, tuple)) else told
