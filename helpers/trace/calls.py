"""A call of a function, as it is written in code: `torch.flatten(x, 1)`, `x + y`, `x[:, 0]`."""

import functools
import inspect
import re

import torch
import torch.nn.functional as F

from helpers.trace.notes import TensorNote

OPERATORS = {"add": "+", "sub": "-", "mul": "*", "div": "/", "floordiv": "//", "pow": "**", "matmul": "@"}
OPERATORS |= {"remainder": "%", "gt": ">", "ge": ">=", "lt": "<", "le": "<=", "eq": "==", "ne": "!="}
OPERATORS |= {"bitwise_and": "&", "bitwise_or": "|", "and": "&", "or": "|"}
SHOWN = 8  # parts of a list; the rest is "..."


def call_kind(function):
    """The name of a function as torch reports it; of an attribute such as x.mT, the attribute's."""
    kind = getattr(function, "__name__", type(function).__name__)
    if kind in ("__get__", "__set__"):
        attribute = function.__self__
        return getattr(attribute, "__name__", None) or attribute.fget.__name__
    return kind.removesuffix("_with_indices")  # F.max_pool2d(x, 2, return_indices=True)


def call_text(function, args, kwargs):
    """The call in code; args and kwargs are noted: their tensors become x, y, z, and parameters their names."""
    kind, names = call_kind(function), {}
    usual = _defaults(kind)  # F.relu(x) arrives as relu(x, inplace=False)
    told = {name: value for name, value in kwargs.items() if name not in usual or usual[name] != value}
    parts = [_text(value, names) for value in args]
    owner = getattr(function, "__qualname__", "").split(".")[0]
    if owner in ("getset_descriptor", "property"):
        return f"{parts[0]}.{kind}" + (f" = {parts[1]}" if len(parts) > 1 else "")
    if owner in ("Tensor", "TensorBase"):
        written = _as_operator(kind, args, parts, names) if not told else None
        if written is not None:
            return written
    parts += [f"{name}={_text(value, names)}" for name, value in told.items()]
    if owner in ("Tensor", "TensorBase"):
        return f"{parts[0]}.{kind}({', '.join(parts[1:])})"
    return f"{_module(function, kind)}({', '.join(parts)})"


def letters(step):
    """{id(note): what `call_text` calls the tensor} of the arguments of a call."""
    names = {}
    for value in (*step.args, *step.kwargs.values()):
        _text(value, names)
    return names | {id(note): note.parameter for note in step.notes if note.parameter}


def _as_operator(kind, args, parts, names):
    """`x + y`, `x += y`, `1 - x`, `-x`, `x[:, 0]`; None for all other calls."""
    name = kind.strip("_")
    if name in ("getitem", "setitem"):
        index = (args[1],) if isinstance(args[1], TensorNote) or not isinstance(args[1], tuple) else args[1]
        inside = ", ".join(_text(part, names) for part in index)
        return f"{parts[0]}[{inside}]" + (f" = {parts[2]}" if name == "setitem" else "")
    if name == "neg" and len(parts) == 1:
        return f"-{parts[0]}"
    if len(parts) != 2:
        return None
    if name in OPERATORS:
        is_inplace = kind.endswith("_") and not kind.startswith("__")
        return f"{parts[0]} {OPERATORS[name]}{'=' if is_inplace else ''} {parts[1]}"
    if kind.startswith("__r") and name[1:] in OPERATORS:  # the number stands first: 1 - x
        return f"{parts[1]} {OPERATORS[name[1:]]} {parts[0]}"
    return None


def _module(function, kind):
    """The function's name, with the module that it is usually called from."""
    home = getattr(function, "__module__", None) or "torch"
    if F.__dict__.get(kind) is function or home in ("torch.nn.functional", "torch._C._nn"):
        return f"F.{kind}"
    family = re.fullmatch(r"torch\._C\._(linalg|fft|special)", home)
    if family:
        return f"torch.{family[1]}.{kind.removeprefix(family[1] + '_')}"
    return f"torch.{kind}"


def _text(value, names):
    if isinstance(value, TensorNote):  # the same tensor has the same letter
        return value.parameter or names.setdefault(id(value), "xyzuvw"[len(names)] if len(names) < 6 else "t")
    if isinstance(value, (tuple, list)):
        parts = [_text(part, names) for part in value[:SHOWN]] + ["..."] * (len(value) > SHOWN)
        inner = ", ".join(parts)
        return f"[{inner}]" if isinstance(value, list) else f"({inner},)" if len(value) == 1 else f"({inner})"
    if isinstance(value, slice):
        start, stop = ("" if end is None else _text(end, names) for end in (value.start, value.stop))
        return f"{start}:{stop}" + ("" if value.step is None else f":{value.step}")
    if isinstance(value, (str, torch.device)):
        return f'"{value}"'
    if isinstance(value, (int, float, type(None), torch.dtype, torch.memory_format)):
        return repr(value)
    return "..."


@functools.cache
def _defaults(kind):
    """The arguments of a function of torch.nn.functional that need not be written."""
    function = getattr(F, f"_{kind}", getattr(F, kind, None))  # F.max_pool2d itself hides its signature
    try:
        parameters = inspect.signature(function).parameters.values()
    except (TypeError, ValueError):  # no function, or none of Python's
        return {}
    return {parameter.name: parameter.default for parameter in parameters}
