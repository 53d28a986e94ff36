"""Compare what a learner's function returned with what torch says, and show the first difference."""

import torch

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
        yours = tuple(map(_plain, yours))
        return "" if yours == expected else _unequal(yours, expected)
    yours = _plain(yours)
    if not isinstance(yours, (int, float)):
        return f"Yours is {_kind(yours)}, a number is expected."
    margin = 1e-4 * max(1, abs(expected)) if isinstance(expected, float) else 0
    return "" if abs(yours - expected) <= margin else _unequal(yours, expected)


def described(value):
    """A value as a learner can read it: small tensors with their numbers, large ones by their shape."""
    if isinstance(value, dict):
        return "\n".join(f"{name}: {described(part)}" for name, part in value.items())
    if isinstance(value, torch.Tensor):
        if value.numel() > SHOWN or value.ndim > 2 or value.device.type == "meta":
            return f"a tensor of shape {tuple(value.shape)}"
        return _grid(value.detach().tolist())
    return f"{value:.5g}" if isinstance(value, float) else repr(value)


def _grid(numbers):
    """The numbers of a tensor in their rows, aligned."""
    if not isinstance(numbers, list):
        return f"{numbers:.4g}"
    rows = numbers if numbers and isinstance(numbers[0], list) else [numbers]
    texts = [[f"{number:.4g}" for number in row] for row in rows]
    width = max((len(text) for row in texts for text in row), default=0)
    return "\n".join(" ".join(f"{text:>{width}}" for text in row) for row in texts)


def _of_tensors(yours, expected):
    if not isinstance(yours, torch.Tensor):
        return f"Yours is {_kind(yours)}, a tensor is expected."
    if yours.shape != expected.shape:
        return f"Yours has shape {tuple(yours.shape)}, expected is {tuple(expected.shape)}."
    if expected.device.type == "meta" or yours.device.type == "meta":
        return (
            ""
            if yours.device == expected.device
            else f"Yours is on {yours.device}, not on {expected.device}."
        )
    yours, expected = yours.detach().double(), expected.detach().double()
    differs = ~torch.isclose(yours, expected, rtol=1e-4, atol=1e-5, equal_nan=True)
    if not differs.any():
        return ""
    place = tuple(differs.nonzero()[0].tolist())
    at = f" at [{', '.join(map(str, place))}]" if place else ""
    return f"First difference{at}: yours {yours[place].item():g}, expected {expected[place].item():g}."


def _unequal(yours, expected):
    numbers = (f"{value:.5g}" if isinstance(value, float) else f"{value}" for value in (yours, expected))
    return "Yours is {}, expected is {}.".format(*numbers)


def _kind(value):
    if isinstance(value, torch.Tensor):
        return f"a tensor of shape {tuple(value.shape)}"
    name = type(value).__name__
    article = "an" if name[0].lower() in "aeiou" else "a"
    return {"NoneType": "None", "ndarray": "a NumPy array", "str": "a text"}.get(name, f"{article} {name}")


def _plain(value):
    """A tensor of one number, or NumPy's number, as Python's."""
    return value.item() if hasattr(value, "item") and getattr(value, "numel", lambda: 1)() == 1 else value
