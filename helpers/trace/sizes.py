"""Which sizes of images a model takes: all are tried on the meta device, where there are shapes and no numbers."""

from itertools import pairwise

import torch
import torch.nn.functional as F
from torch import nn
from torch.nn.parameter import is_lazy
from torch.overrides import TorchFunctionMode

from helpers.arguments import whole
from helpers.trace.as_found import as_found
from helpers.trace.notes import tensors_in
from helpers.trace.steps import sized

SUBJECTS = {1: "Inputs fit if their length", 2: "Square images fit if their side", 3: "Cubes fit if their side"}
LISTED = 6  # sides, or rows of them, that follow no rule


class Sizes(tuple):
    """The sides that fit, as a tuple of numbers; str() says them as a rule where there is one."""

    def __new__(cls, sides, dims, most):
        self = super().__new__(cls, sides)
        self.dims, self.most = dims, most
        return self

    def __repr__(self):
        tried = f"Tried: 1 to {self.most}."
        if not self:
            return f"No side fits. {tried}"
        return f"{SUBJECTS[self.dims]} is {_rule(self, self.most)}. {tried}"


def sizes(run, dims, most):
    """The Sizes that the model of a run takes instead of its inputs, up to `most`.

    dims: how many sides the first input has. All inputs of the same sides change theirs. Where some sizes leave the
    number of rows as it is, those that do not, do not fit: a view has mixed images.
    """
    most, notes = whole("most", most, least=1), run.inputs
    sides = notes[0].shape[-dims:] if notes and dims > 0 else ()
    if not sides or len(notes[0].shape) <= dims or not notes[0].dtype.is_floating_point:
        given = notes[0].shape if notes else "nothing"
        raise ValueError(f"sizes() tries images of other sizes, (N, C, H, W), and the model was given {given}.")
    model, rows = sized(run.model), {}
    with as_found(model, [], _on_meta({})), torch.device("meta"), _NormalisedOnce():
        try:
            _rows(model, notes)  # lazy layers take their sizes from what the model was traced with
        except Exception as error:
            if run.error is None:  # with numbers it runs
                said = f"{type(error).__name__}: {error}".splitlines()[0]
                said = f"sizes() tries shapes without numbers, and with those this model does not run: {said}"
                raise ValueError(said) from None
        for side in range(1, most + 1):
            shapes = [note.shape[:-dims] + (side,) * dims for note in notes]
            is_image = [note.shape[-dims:] == sides for note in notes]
            others = zip(notes, shapes, is_image, strict=True)
            try:
                rows[side] = _rows(model, [note._replace(shape=shape) if i else note for note, shape, i in others])
            except Exception:  # whatever it raises: with this size it does not run
                continue
    batch = notes[0].shape[0]
    is_kept = batch in rows.values()
    return Sizes([side for side, number in rows.items() if number == batch or not is_kept], dims, most)


class _NormalisedOnce(TorchFunctionMode):
    """Batch normalisation on the meta device takes as long as all else together, and returns what it is given."""

    def __init__(self):
        super().__init__()
        self.done = set()

    def __torch_function__(self, function, types, args=(), kwargs=None):
        kwargs = kwargs or {}
        if function is not F.batch_norm:
            return function(*args, **kwargs)
        given = (*args, *kwargs.values())
        case = tuple(part.shape if isinstance(part, torch.Tensor) else part for part in given)
        if case in self.done:
            return torch.empty_like(args[0])
        result = function(*args, **kwargs)
        self.done.add(case)
        return result


def _rows(model, notes):
    """How many rows the model returns for inputs of these shapes; None where it returns no tensor with rows."""
    inputs = [torch.empty(note.shape, dtype=note.dtype, device="meta") for note in notes]
    result = tensors_in(model(*inputs))
    if any(0 in tensor.shape for tensor in result):
        raise ValueError("Nothing is left.")
    return result[0].shape[0] if result and result[0].dim() else None


def _on_meta(made):
    """What stands in for each tensor of a model; `made`, by id: a tensor in two places stays one."""

    def instead(tensor):
        if id(tensor) not in made:
            made[id(tensor)] = _without_numbers(tensor)
        return made[id(tensor)]

    return instead


def _without_numbers(tensor):
    if is_lazy(tensor):
        return type(tensor)(device="meta", dtype=tensor.dtype)
    if type(tensor) not in (torch.Tensor, nn.Parameter, nn.Buffer):
        return tensor
    empty = torch.empty_like(tensor, device="meta")
    return nn.Parameter(empty, tensor.requires_grad) if isinstance(tensor, nn.Parameter) else empty


def _rule(sides, most):
    """Sides as a rule: `even, and 8 or more`."""
    first, last = sides[0], sides[-1]
    steps = {after - before for before, after in pairwise(sides)}
    step = steps.pop() if len(steps) == 1 else 0
    if len(sides) == 1:
        return f"{first}"
    if not step or (step > 1 and len(sides) == 2):
        return _listed(sides)
    is_open = last + step > most
    reach = f"{first} or more" if is_open else f"{first} or {last}" if last == first + 1 else f"{first} to {last}"
    if step == 1:
        return reach
    kind = f"a multiple of {step}"
    if step == 2:
        kind = "odd" if first % 2 else "even"
    elif first % step:
        if not is_open and len(sides) <= LISTED:
            return _listed(sides)
        return f"{first}, {first + step}, {first + 2 * step} and so on" + ("" if is_open else f", up to {last}")
    is_first = first in (step, 1) and is_open
    return kind if is_first else f"{kind}, and {reach}"


def _listed(sides):
    """`28 to 31, 36 to 39 or 44`"""
    runs = []
    for side in sides:
        if runs and runs[-1][1] == side - 1:
            runs[-1][1] = side
        else:
            runs.append([side, side])
    told = [f"{first}" if first == last else f"{first} to {last}" for first, last in runs]
    if len(told) > LISTED:
        return f"{', '.join(told[:LISTED])}, or one of {len(sides) - sum(b - a + 1 for a, b in runs[:LISTED])} more"
    return " or ".join(filter(None, (", ".join(told[:-1]), told[-1])))
