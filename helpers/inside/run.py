"""A model run once on some images: a block for each step, with its numbers, and where the run stops."""

from dataclasses import dataclass
from functools import cached_property
from math import prod

import torch

from helpers.inside.kinds import numbers, opens
from helpers.inside.watching import Seen, TooManyNumbersError, Watch, copied
from helpers.trace.diagnosis import diagnose
from helpers.trace.fields import followed
from helpers.trace.notes import INPUT, TensorNote
from helpers.trace.operations import formula
from helpers.trace.steps import follow
from helpers.training.checks import mode


@dataclass(frozen=True, eq=False)
class Block:
    """A step that is drawn; the first one is the image itself.

    shape    of what it returns, without the images; `sizes` is the same as (maps, rows, columns), or None
    inputs   the places of the blocks it reads
    opens    see kinds.py; `note` says why where it is "none"
    values   what it returned, with the images in front
    seen     its tensors; None for the image
    """

    name: str
    kind: str
    shape: tuple
    inputs: list
    opens: str
    numbers: dict
    note: str
    parameters: int
    formula: str
    values: torch.Tensor
    seen: Seen | None = None

    @cached_property
    def sizes(self):
        return sizes(self.shape) if self.values.numel() else None

    def index(self, place):
        """Where the number of (map, row, column) is in what one image makes."""
        return index(tuple(place), self.shape)


def area(top, left, height, width):
    """A part of a map, as the page is told of it."""
    return {"top": top, "left": left, "height": height, "width": width}


def sizes(shape):
    """(maps, rows, columns): a row of numbers is as many maps of one cell, a table is one map."""
    return {1: (*shape, 1, 1), 2: (1, *shape), 3: tuple(shape)}.get(len(shape))


def index(place, shape):
    return {1: place[:1], 2: place[1:], 3: place}[len(shape)]


def place(index):
    """The (map, row, column) of an index in what one image makes."""
    return {1: [*index, 0, 0], 2: [0, *index], 3: [*index]}[len(index)]


@dataclass(frozen=True)
class Problem:
    """Where the run stops, in a sentence; `index` is the place of the block that would be there."""

    index: int
    name: str
    kind: str
    sentence: str
    fix: str = ""
    torch_message: str = ""
    got: str = ""


class Inside:
    """What one run of the model has shown. `blocks[0]` is the images; `problem` is None where all is well."""

    def __init__(self, run, watch, images, problem):
        self._run, self.images, seen = run, images, watch.seen
        self.bytes = 4 * watch.numbers  # about
        self.count = len(images)
        self.blocks = [_image(images)]
        self.at = {INPUT: 0}  # {call: the place of its block}
        counted = set()
        for step in run.steps:
            if step.call in seen and any(note.is_data for note in step.outputs) and seen[step.call].made[0].numel():
                self.at[step.call] = len(self.blocks)
                self.blocks.append(self._block(step, seen[step.call], counted))
        self.problem = problem or self._not_finite()

    def _block(self, step, seen, counted):
        values = seen.made[0]
        inputs = [self.at[note.maker] for note in step.notes if note.maker in self.at]
        word, note, rank = opens(seen), "", values.dim() - 1
        is_batch = values.dim() > 1 and len(values) == self.count and rank <= 3 and values.dtype.is_floating_point
        if not is_batch:
            word, note = "none", _not_maps(step, values, self.count)
        elif word == "none":
            note = f"{step.kind} has an arithmetic that is not shown here: its numbers are torch's."
        elif len(step.outputs) > 1:
            note = f"It returns {len(step.outputs)} tensors: the first is shown."
        layer = [] if step.layer is None else [each for each in step.layer.parameters() if id(each) not in counted]
        counted.update(map(id, layer))
        shape = tuple(values.shape[1:] if values.dim() and len(values) == self.count else values.shape)
        told = (step.title, step.kind, shape, list(dict.fromkeys(inputs)), word, numbers(step), note)
        learned = sum(each.numel() for each in layer)
        return Block(*told, learned, formula(step), values if is_batch else torch.empty(0), seen)

    def _not_finite(self):
        """The first block that turns finite numbers into NaN or infinity, as a Problem."""
        bad = {place for place, block in enumerate(self.blocks) if not torch.isfinite(block.values).all()}
        for place in sorted(bad):
            block = self.blocks[place]
            if place == 0:
                return Problem(0, block.name, "not-finite", "The images hold NaN or infinity: replace them first.")
            if bad.isdisjoint(block.inputs):
                weights = block.seen.weights.values()
                is_own = not all(bool(torch.isfinite(weight).all()) for weight in weights)
                why = (
                    "some of its weights are not finite"
                    if is_own
                    else "they are too large, or it has no result for them"
                )
                mend = "Make the model again, and train it with a smaller learning rate." if is_own else ""
                sentence = f"{block.seen.step.label} turns finite numbers into NaN or infinity: {why}. {mend}"
                return Problem(place, block.name, "not-finite", sentence.strip())
        return None

    @cached_property
    def _sides(self):
        return followed(self._run)

    def field(self, block, index):
        """The part of the image that a number is computed from; None where that is not known, or is nothing."""
        call = next(call for call, place in self.at.items() if place == block)
        sides, wide = self._sides
        if len(wide) != 2 or not sides.get(call):
            return None
        found = []
        for side, size in zip(sides[call], wide, strict=True):
            first, last = 0, size - 1
            dim = next(iter(side.dims), 0)
            if len(side.dims) == 1 and dim > 0 and not isinstance(side.span, int):
                first, last = side.span.at(index[dim - 1])
            elif side.width < size:
                return None  # where it lies is not known
            found.append((max(first, 0), min(last, size - 1)))
        (top, bottom), (left, right) = found
        return area(top, left, bottom - top + 1, right - left + 1) if top <= bottom and left <= right else None

    @cached_property
    def scores(self):
        """Each image's probability of each class, (images, classes); None where no row of two or more comes out."""
        result, last = self._run.result, self.blocks[-1]
        is_end = isinstance(result, TensorNote) and self.at.get(result.maker) == len(self.blocks) - 1 > 0
        if self._run.error or not is_end or len(last.shape) != 1 or last.shape[0] < 2 or not last.values.numel():
            return None
        if last.opens == "softmax":
            return last.values.exp() if "log" in last.kind.lower() else last.values
        return last.values.double().softmax(1)


def look(model, images):
    """Run `model` once on `images`, (N, C, height, width), in eval mode and without gradients; return the Inside.

    The model stays as it was. Images are given the type and the device of its parameters. Raises ValueError for a model
    on the meta device, and for more images than it keeps the numbers of.
    """
    like = next((each for each in model.parameters() if each.dtype.is_floating_point), None)
    if like is not None and like.is_meta:
        raise ValueError("ModelExplorer wants a model with numbers, but got one on the meta device, which has none.")
    given = images if like is None else images.to(like.device, like.dtype)
    watch = Watch()
    with mode(model, training=False):
        run = follow(model, (given,), watch=watch)
        if isinstance(run.error, TooManyNumbersError):
            each = prod(images.shape[1:])
            if len(images) == 1:
                raise TooManyNumbersError(
                    "ModelExplorer keeps every number of a run and the weights, and this model has more than fit. "
                    "Try a smaller model."
                )
            raise TooManyNumbersError(
                f"ModelExplorer keeps every number of a run, and {len(images)} images of {each:,} numbers make more "
                f"than fit in this model. Try images[:{max(len(images) // 4, 1)}]."
            )
        problem = _problem(model, given, run)
    return Inside(run, watch, copied(given), problem)


def _problem(model, images, run):
    found = diagnose(model, (images,), {}, run)
    steps = [step for step in run.steps if any(note.is_data for note in step.outputs)]
    if found is not None:
        named = [place for place, step in enumerate(steps, 1) if found.layer in (step.name, step.title)]
        place = len(steps) + 1 if run.error or not named else named[0]
        sentence = found.what + (f" {found.why}" if found.why else "")
        return Problem(place, found.layer, found.kind, sentence, found.fix, found.torch_message, found.got)
    if run.error is None:
        return None
    step, message = run.failed, f"{type(run.error).__name__}: {str(run.error)[:300]}"
    name, kind = (step.title, step.kind) if step else (type(model).__name__, "other")
    return Problem(len(steps) + 1, name, kind, f"{name} breaks off with an error of its own code.", "", message)


def _image(images):
    return Block("image", "", tuple(images.shape[1:]), [], "none", {}, "", 0, "", images)


def _not_maps(step, values, count):
    if not values.dim() or len(values) != count:
        return f"{step.kind} returns {tuple(values.shape)}: its first size is not that of the images ({count})."
    return f"{step.kind} returns {tuple(values.shape)}: these are no maps of rows and columns."
