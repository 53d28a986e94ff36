"""Compare what a learner's function returned with what torch says, and show the first difference."""

import math

import torch

from helpers.arguments import Short

_repr = Short()
_repr.maxother, _repr.maxstring = 300, 80  # a small model is shown whole
SHOWN = 64  # a tensor of more numbers is shown by its shape


def difference(yours, expected):
    """What differs, in a sentence; "" if nothing does."""
    if isinstance(expected, dict):
        found = {name: difference(yours[name], value) for name, value in expected.items()}
        return next((f"{name}: {text}" for name, text in found.items() if text), "")
    if isinstance(expected, torch.Tensor):
        return _of_tensors(yours, expected)
    if isinstance(expected, tuple):
        if not isinstance(yours, (tuple, list)):
            return f"Yours is {_kind(yours)}, a tuple of {len(expected)} is expected."
        is_equal = len(yours) == len(expected) and not any(map(difference, yours, expected))
        return "" if is_equal else _unequal(tuple(map(_plain, yours)), expected)
    yours = _plain(yours)
    if not isinstance(yours, (int, float)):
        return f"Yours is {_kind(yours)}, a number is expected."
    margins = {"rel_tol": 1e-4, "abs_tol": 1e-6} if isinstance(expected, float) else {"rel_tol": 0}
    return "" if math.isclose(yours, expected, **margins) else _unequal(yours, expected)


def described(value):
    """A value as a learner can read it: small tensors with their numbers, large ones by their shape."""
    if isinstance(value, dict):
        return "\n".join(f"{name}: {described(part)}" for name, part in value.items())
    if isinstance(value, torch.Tensor):
        has_numbers = value.layout == torch.strided and value.device.type != "meta"
        if value.numel() > SHOWN or value.ndim > 2 or value.is_complex() or not has_numbers:
            return f"a tensor of shape {tuple(value.shape)}"
        return _grid(value.detach().tolist())
    return f"{value:.5g}" if isinstance(value, float) else _repr.repr(value)


def _grid(numbers):
    """The numbers of a tensor in their rows, aligned."""
    if not isinstance(numbers, list):
        return f"{numbers:.4g}"
    rows = numbers if numbers and isinstance(numbers[0], list) else [numbers]
    texts = [[f"{number:.4g}" for number in row] for row in rows]
    width = max((len(text) for row in texts for text in row), default=0)
    return "\n".join(" ".join(f"{text:>{width}}" for text in row) for row in texts)


def _of_tensors(yours, expected):
    if isinstance(yours, float) and expected.ndim == 0:
        yours = torch.tensor(yours)  # a float is as good as a tensor that holds one
    if not isinstance(yours, torch.Tensor):
        return f"Yours is {_kind(yours)}, a tensor is expected."
    if yours.shape != expected.shape:
        return f"Yours has shape {tuple(yours.shape)}, expected is {tuple(expected.shape)}."
    if expected.device.type == "meta" or yours.device.type == "meta":
        is_there = yours.device == expected.device
        return "" if is_there else f"Yours is on {yours.device}, not on {expected.device}."
    if yours.is_complex() or yours.layout != torch.strided:
        return f"Yours is {'complex' if yours.is_complex() else 'sparse'}, an ordinary tensor is expected."
    yours, expected = yours.detach().double(), expected.detach().double()
    differs = ~torch.isclose(yours, expected, rtol=1e-4, atol=1e-5, equal_nan=True)
    if not differs.any():
        return ""
    place = tuple(differs.nonzero()[0].tolist())
    at = f" at [{', '.join(map(str, place))}]" if place else ""
    return f"First difference{at}: yours {yours[place].item():g}, expected {expected[place].item():g}."


def _unequal(yours, expected):
    return f"Yours is {described(yours)}, expected is {described(expected)}."


def _kind(value):
    if isinstance(value, torch.Tensor):
        return f"a tensor of shape {tuple(value.shape)}"
    name = type(value).__name__
    article = "an" if name[0].lower() in "aeiou" else "a"
    return {"NoneType": "None", "ndarray": "a NumPy array", "str": "a text"}.get(name, f"{article} {name}")


def _plain(value):
    """A tensor or an array of one number as Python's number."""
    if isinstance(value, torch.Tensor):
        return value.item() if value.numel() == 1 and value.device.type != "meta" else value
    return value.item() if getattr(value, "size", 0) == 1 else value
