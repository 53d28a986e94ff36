"""A look at a loss where backward() is called: is it one number, and did its batch meet itself on the way?

Autograd keeps the shapes of all that led to a loss. So nothing has to be watched while a model runs: the first loss is
looked at once, before its backward, and that costs less than a millisecond.
"""

import contextlib
import sys
import threading
import warnings
from itertools import islice

import torch

# The steps between a model's output and its loss, by autograd's names, and those after which rows met on purpose.
PLAIN = (
    "Mean",
    "Sum",
    "Pow",
    "Abs",
    "Neg",
    "Mul",
    "Add",
    "Sub",
    "Rsub",
    "Div",
    "Log",
    "Log1P",
    "Exp",
    "Clamp",
    "Where",
)
PLAIN += ("Sqrt", "Relu", "Maximum", "Minimum", "MseLoss", "SmoothL1Loss", "HuberLoss", "Expand", "Sigmoid", "Tanh")
ON_PURPOSE = ("Unsqueeze", "Index", "Slice", "Select", "Sum", "Mean", "Norm", "LinalgVectorNorm", "Max", "Amax", "Min")
ON_PURPOSE += ("T", "Transpose", "Permute", "Expand")
MOST = 200  # nodes that are looked at
FRAMES = 3  # functions in whose variables the other tensor is looked for


@contextlib.contextmanager
def first_looked_at():
    """Looks at the loss of the first backward() in this block, and may warn if a batch met itself there."""
    usual, thread = torch.Tensor.backward, threading.get_ident()

    def first(loss, *args, **kwargs):
        if threading.get_ident() == thread:
            put_back()
            told = _told(loss, sys._getframe(1))
            if told:
                warnings.warn(told, stacklevel=2)
        return usual(loss, *args, **kwargs)

    def put_back():
        if torch.Tensor.backward is first:
            torch.Tensor.backward = usual

    torch.Tensor.backward = first
    try:
        yield
    finally:
        put_back()


def _told(loss, frame):
    """The warning, or None. A loss of an unknown kind is no reason to end the learner's loop."""
    try:
        return next(_meetings(loss, frame), None)
    except Exception:
        return None


def _meetings(loss, frame):
    nodes = [node for node in islice(_plain_nodes(loss.grad_fn), MOST) if _is_square(_shape(node))]
    for node in nodes:
        if any(_name(each) not in PLAIN and _shape(each) == _shape(node) for each in _before(node)):
            return  # rows are beside rows in another tensor, too: a matrix is wanted
    for node in nodes:
        made = _shape(node)
        column, row = (made[0], 1, *made[2:]), made[1:]
        inputs = [each for each in _before(node) if _shape(each) in (column, row)]
        shapes = {_shape(each) for each in inputs}
        if not inputs or any(_name(each) in ON_PURPOSE for each in inputs):
            continue
        names = _names(frame, {column, row})
        if shapes | names.keys() == {column, row}:  # what needs no gradient is in no graph
            yield _sentence(column, row, made, names)


def _is_square(shape):
    return len(shape) > 1 and shape[0] == shape[1] > 1


def _sentence(column, row, made, names):
    rows, change = made[0], f"{names[column]}." if names.get(column) else ""
    sides = [f"{shape} ({names[shape]})" if names.get(shape) else f"{shape}" for shape in (column, row)]
    return (
        f"In this loss {sides[0]} and {sides[1]} make {made}: each of the {rows} rows meets all {rows}.\n"
        f"Why: Shapes are aligned from the right, so the {rows} rows of {row} meet the 1 of {column}. "
        f"That makes {rows} × {rows} = {rows * rows} pairs where {rows} are meant.\n"
        f"Change: {change}squeeze(1) turns {column} into {row}"
    )


def _names(frame, shapes):
    """{shape: the name of the variable that has it, "" of several} in the functions that called backward()."""
    names = {}
    for _ in range(FRAMES):
        here = {} if frame is None else _variables(frame)
        for shape in shapes - names.keys():
            found = [name for name, value in here.items() if tuple(value.shape) == shape]
            if found:
                names[shape] = found[0] if len(found) == 1 else ""
        frame = frame and frame.f_back
    return names


def _variables(frame):
    """The tensors of a function, and those of its file that it names."""
    known = {name: frame.f_globals[name] for name in frame.f_code.co_names if name in frame.f_globals} | frame.f_locals
    return {name: value for name, value in known.items() if isinstance(value, torch.Tensor)}


def _plain_nodes(node):
    """The steps that led to a loss, back to the first that is more than arithmetic."""
    waiting, seen = [node], set()
    while waiting:
        node = waiting.pop()
        if node is not None and node not in seen and _name(node) in PLAIN:
            seen.add(node)
            yield node
            waiting.extend(_before(node))


def _before(node):
    return [each for each, _ in node.next_functions if each is not None]


def _name(node):
    return node.name().partition("Backward")[0]


def _shape(node):
    return tuple(node._input_metadata[0].shape)


def no_number(error):
    """What to say of a loss that is not one number, whose backward() ended in this error; None otherwise."""
    if "scalar outputs" not in str(error):
        return None
    frame, traced = None, error.__traceback__
    while traced is not None:
        if traced.tb_frame.f_code is torch.Tensor.backward.__code__:
            frame = traced.tb_frame
        traced = traced.tb_next
    if frame is None:
        return None
    shape = tuple(frame.f_locals["self"].shape)
    return (
        f"backward() wants one number, and this loss is {shape}.\n"
        'Why: How should each weight change? One number has one answer. reduction="none" leaves out the mean; '
        "and the output of a model is not yet a loss.\n"
        "Change: loss.mean().backward() instead of loss.backward()"
    )
