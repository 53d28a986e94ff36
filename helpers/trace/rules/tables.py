"""Tables of words and positions: rows that are asked for, and rows that are there."""

import torch
from torch import nn

from helpers.trace.changes import instead, joined, on_argument, on_tensor, replaced, weight
from helpers.trace.finding import found
from helpers.trace.notes import Change, TensorNote, place, tensors_in

LOOKING_UP = (nn.Embedding, nn.EmbeddingBag)


def embedding(run, step):
    """nn.Embedding and F.embedding: a number that is the number of no row."""
    if isinstance(step.layer, LOOKING_UP):
        rows, longer = step.layer.num_embeddings, lambda number: replaced(step, num_embeddings=number)
    elif step.kind == "embedding" and len(step.notes) > 1:
        rows, *rest = step.notes[1].shape
        longer = lambda number: weight(step, (number, *rest))  # noqa: E731
    else:
        return
    numbers = tensors_in(run.arguments)[:1]
    if not numbers or not _can_be_read(numbers[0]):
        return
    lowest, highest = int(numbers[0].min()), int(numbers[0].max())
    if lowest >= 0 and highest < rows:
        return
    asked = highest if highest >= rows else lowest
    what = f"{step.label}: row {asked} is asked for, but there are only rows 0 to {rows - 1}."
    why = f"The row numbers that arrive, {step.shape}, go from {lowest} to {highest}."
    changes = [longer(highest + 1)] if lowest >= 0 else []
    yield found(step, "too-short", what, f"row {asked}", f"rows 0 to {rows - 1}", why, *changes)


def _can_be_read(tensor):
    return tensor.device.type != "meta" and tensor.numel() > 0 and not tensor.dtype.is_floating_point


def index(run, step):
    """x[:, 10], table[positions]: a place that is not there, or more places than dimensions."""
    if step.kind != "__getitem__" or not isinstance(step.error, IndexError) or not isinstance(step.args[0], TensorNote):
        return
    is_one = isinstance(step.args[1], TensorNote) or not isinstance(step.args[1], tuple)
    shape, parts = step.args[0].shape, (step.args[1],) if is_one else step.args[1]
    taking = [part for part in parts if part is not None and part is not ...]
    if len(taking) > len(shape):
        what = f"{step.label}: {len(taking)} places are named, and {shape} has {len(shape)} dimensions."
        wanted, why = f"a shape with {len(taking)} numbers", "Each place is for one dimension."
        yield found(step, "rank", what, shape, wanted, why)
        return
    given = (run.arguments[0][1],) if is_one else run.arguments[0][1]
    dim = 0
    for part, value in zip(parts, given, strict=True):
        if part is ...:
            dim += len(shape) - len(taking)
            continue
        asked = _place_asked_for(value, shape[dim]) if part is not None else None
        if asked is not None:
            yield _no_such_place(run, step, dim, asked)
            return
        dim += part is not None


def _place_asked_for(value, size):
    """The number that is neither one of 0 to size − 1 nor counts from the end; None if there is none."""
    numbers = []
    if isinstance(value, torch.Tensor) and _can_be_read(value) and value.dtype is not torch.bool:
        numbers = [int(value.max()), int(value.min())]
    elif isinstance(value, int) and not isinstance(value, bool):
        numbers = [value]
    return next((number for number in numbers if not -size <= number < size), None)


def _no_such_place(run, step, dim, asked):
    note = step.args[0]
    size = note.shape[dim]
    what = f"{step.label}: place {asked} is asked for, but there are only places 0 to {size - 1}."
    why = f"{note.parameter or 'What arrives'} is {note.shape}, and its dimension {dim} is {size}."
    changes = []
    if note.parameter and asked >= size:
        shape = (*note.shape[:dim], asked + 1, *note.shape[dim + 1 :])
        changes = [_new(run, note.parameter, shape, step, lambda x: x.new_zeros(shape))]
    elif asked == size and step.name.count(f"{asked}") == 1:  # counted from 1
        last = asked - 1
        changes = [instead(step, step.name.replace(f"{asked}", f"{last}"), lambda x, places: x.select(dim, last))]
    return found(step, "too-short", what, note.shape, f"at least {max(asked + 1, -asked)} places", why, *changes)


def parameter_of(run, note):
    """The note of the parameter or buffer that a tensor is, or is cut from, where no data have come in; or None."""
    while note is not None and not note.parameter and not note.is_data and note.maker:
        maker = run.by_call(note.maker)
        note = maker.notes[0] if maker is not None and maker.layer is None and maker.notes else None
    return note if note is not None and note.parameter else None


def gathered(run, step):
    """x.gather(1, y), and y has a dimension less than x: the number of a column for each row, most likely."""
    if step.kind != "gather" or len(step.args) < 3 or not all(isinstance(step.args[i], TensorNote) for i in (0, 2)):
        return
    picked, index, dim = step.args[0].shape, step.args[2].shape, step.args[1]
    if len(index) == len(picked) - 1 and index == (*picked[:dim], *picked[dim:][1:]):
        wanted = (*index[:dim], 1, *index[dim:])
        what = f"{step.label}: the index is {index}, and what it picks from is {picked}."
        why = f"Both need the same number of dimensions: an index {wanted} picks one number along dimension {dim}."
        change = on_argument(step, 2, f"y.unsqueeze({dim})", lambda y: y.unsqueeze(dim))
        yield found(step, "rank", what, index, wanted, why, change)


def told(run, pair, differ):
    """` pe has 200 places, and 230 arrive.`, where one of two tensors that do not fit is cut from a parameter."""
    for number, note in enumerate(pair):
        parameter = parameter_of(run, note)
        if parameter is not None and len(differ) == 1 and differ[0][0] > 0:
            sizes = differ[0][1:]
            return f" {parameter.parameter} has {sizes[number]} places, and {sizes[1 - number]} arrive."
    return ""


def other_length(run, step, pair, differ):
    """A parameter of positions that is longer or shorter than what arrives."""
    places = [place for place, _, _ in differ]
    for one, other in (pair, pair[::-1]):
        parameter = parameter_of(run, one)
        if parameter is None or not places or 0 in places or len(parameter.shape) != len(one.shape):
            continue
        sizes = [other.shape[i] if i in places else size for i, size in enumerate(one.shape)]
        if all(one.shape[i] > other.shape[i] for i in places):
            slices = tuple(slice(0, size) for size in sizes)

            def how(x, y, places=places):
                cut = [f":{y}.shape[{i}]" if i in places else ":" for i in range(max(places) + 1)]
                return f"{x}[{', '.join(cut)}]"

            yield joined(step, one, how, other, lambda x, slices=slices: x[slices])
        elif all(one.shape[i] < other.shape[i] for i in places):
            shape = [other.shape[i] if i in places else size for i, size in enumerate(parameter.shape)]
            number = next(place for place, note in enumerate(step.notes) if note is one)
            yield _new(run, parameter.parameter, shape, step, lambda x, s=sizes: x.new_zeros(s), number)


def _new(run, name, shape, step, do, number=0):
    """A parameter or a buffer of another shape: `pe = nn.Parameter(torch.empty(1, 230, 8))`."""
    made = f"torch.empty({', '.join(map(str, shape))})"
    is_learned = name in dict(run.model.named_parameters())
    text = f"{place(name)} = {f'nn.Parameter({made})' if is_learned else made}"
    return Change(text, calls={step.call: on_tensor(number, do)})
