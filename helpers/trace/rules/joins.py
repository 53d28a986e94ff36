"""What is put together: +, cat, stack, and products of matrices."""

import torch
from torch import nn

from helpers.trace.changes import instead, on_branch, setting
from helpers.trace.finding import found
from helpers.trace.notes import notes_in
from helpers.trace.operations import CATTING, MATRIX, MERGING, Conv, operation

DIMENSIONS = ("the batch", "the channels", "the height", "the width")


def branches(run, step):
    """+, ·, cat, stack: two tensors that do not fit together."""
    given = notes_in(step.args)
    if step.kind not in MERGING or len(given) < 2:
        return
    is_cat, dim = step.kind in CATTING, None
    if is_cat:
        dim = step.kwargs.get("dim", step.kwargs.get("axis", step.args[1] if len(step.args) > 1 else 0))
        dim = dim % len(given[0].shape) if isinstance(dim, int) and given[0].shape else 0
    is_equal = is_cat or step.kind == "stack"

    def misfits(other):
        pairs = enumerate(zip(given[0].shape, other.shape, strict=True))
        return [(i, a, b) for i, (a, b) in pairs if i != dim and a != b and (is_equal or 1 not in (a, b))]

    one, other = (given[0], next((o for o in given[1:] if len(o.shape) != len(given[0].shape) or misfits(o)), given[1]))
    first, second = one.shape, other.shape
    names = [_maker(run, note) for note in (one, other)]
    what = f"{step.label}: {first} from {names[0]} and {second} from {names[1]} do not fit together."
    differ, where = [], f"They have {len(first)} and {len(second)} numbers."
    if len(first) == len(second):
        differ = misfits(other)
        told = [f"{DIMENSIONS[i] if len(first) == 4 else f'number {i}'}, {a} and {b}" for i, a, b in differ]
        where = f"They differ in {'; '.join(told)}."
    rule, wanted = "The numbers must be equal, or one of them 1.", "two of the same shape"
    if is_cat:
        rule, wanted = (
            f"cat along {dim} wants all other numbers equal.",
            f"shapes that differ at most in number {dim}",
        )
    elif step.kind == "stack":
        rule = "stack wants all numbers equal."
    changes = _changes(run, step, (one, other), differ, is_cat) if step.kind != "stack" else []
    yield found(step, "merge", what, f"{first} and {second}", wanted, f"{rule} {where}", *changes)


def _maker(run, note):
    maker = run.by_call(note.maker) if note.maker else None
    if maker is not None:
        return maker.label
    return "the model's input" if note.is_data else note.parameter or "forward"


def _changes(run, step, pair, differ, is_cat):
    first, second = (note.shape for note in pair)
    if is_cat and len(differ) == 1:
        dim = differ[0][0]
        end = max(step.name.find("]"), step.name.find("))")) + 1
        text = f"{step.name[:end]}, {dim})"
        yield instead(step, text, lambda x, *args, **kwargs: torch.cat(x, dim))
    if len(first) != len(second) or len(first) < 3:
        return
    if first[2:] != second[2:]:
        yield from _sizes_kept(run, pair)
    if not is_cat and len(first) == 4 and not any(note.parameter for note in pair):
        yield from _shortcuts(run, step)


def _sizes_kept(run, pair):
    """In a layer of one branch: the padding that leaves sizes as they are, or the row that a stride dropped."""
    paths = [[] if not note.maker else _path(run, run.by_call(note.maker)) for note in pair]
    shared = {one.call for one in paths[0]} & {other.call for other in paths[1]}
    for one in (one for path in paths for one in path if one.call not in shared and one.layer is not None):
        computed = operation(one)
        if not isinstance(computed, Conv) or isinstance(computed.padding, str):
            continue
        if computed.output_padding is not None:
            yield setting(one, output_padding=1)
        half = tuple(d * (k - 1) // 2 for k, d in zip(computed.kernel_size, computed.dilation, strict=True))
        if half != computed.padding:
            yield setting(one, padding=half[0] if len(set(half)) == 1 else half)


def _path(run, step):
    return [step, *run.chain(step)]


def _shortcuts(run, step):
    """A 1 × 1 convolution that gives one branch the other's channels and size."""
    for number in (1, 0):
        note, other = step.tensors[number], step.tensors[1 - number]
        strides = {-(-old // new) for old, new in zip(note.shape[2:], other.shape[2:], strict=True)}
        if len(strides) == 1 and note.shape[0] == other.shape[0]:
            layer = nn.Conv2d(note.shape[1], other.shape[1], 1, stride=min(strides))
            yield on_branch(step, number, _maker(run, note), layer.to(note.device, note.dtype))


def product_of_matrices(run, step):
    given = notes_in(step.args)
    if step.kind not in MATRIX or len(given) < 2 or not (given[-2].shape and given[-1].shape):
        return
    first, second = (note.shape for note in given[-2:])
    rows = second[-2] if len(second) > 1 else second[-1]
    what = f"{step.label}: {first} and {second} cannot be multiplied: {first[-1]} columns meet {rows} rows."
    why = "Each row of the first is multiplied with each column of the second: they must be equally long."
    changes = []
    if step.name == "x @ y":
        changes = [instead(step, "x @ y.mT", lambda x, y, **kwargs: torch.matmul(x, y.mT))]
    yield found(step, "merge", what, f"{first} and {second}", f"(…, {first[-1]}) and ({first[-1]}, …)", why, *changes)
