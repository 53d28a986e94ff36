"""Read a learner's answer: a number, a shape, a row of numbers, or "error". And compare it with another one."""

import re

from helpers.arguments import short

LARGEST = 10**15  # no shape and no number of parameters comes near
MOST = 12  # how many numbers of a row are read; no shape has more
EXAMPLES = {"number": ("7", "12"), "shape": ("(3, 8, 8)", "(5, 6, 6)")}


class NotUnderstoodError(ValueError):
    """str() says in one sentence what is asked for and what came instead, with an example."""


def read(given, right):
    """`given` as an int, a float, a tuple of them, or "error"; of the kind that `right`, the right answer, is of.

    A number may come as text, or as a tensor of one element; a shape as any row of numbers, and as "18x16x16".
    Raises NotUnderstoodError for everything else.
    """
    if isinstance(given, str) and given.strip(" .!'\"").lower() == "error":
        return "error"
    values = _values(given)
    if isinstance(right, tuple):
        if values is not None and len(values) > 0 and not _is_single(given):
            return values
        wanted = "shape"
    else:
        if values is not None and len(values) == 1:
            return values[0]
        wanted = "number"
    example = next(example for example in EXAMPLES[wanted] if example != shown(right))
    raise NotUnderstoodError(f"This asks for a {wanted}, such as {example}, but got {short(given)}.")


def is_same(value, given):
    """Is `given` this value? Whole numbers must be equal, others to the decimals that were given."""
    if isinstance(value, tuple) or isinstance(given, tuple):
        if not (isinstance(value, tuple) and isinstance(given, tuple)) or len(value) != len(given):
            return False
        return all(map(is_same, value, given))
    if isinstance(value, (str, int)) or isinstance(given, str):
        return value == given
    decimals = len(repr(given).partition(".")[2]) if isinstance(given, float) else 0
    margin = 0.051 if decimals < 2 else 1.01 * 10**-decimals
    return abs(value - given) <= max(margin, 1e-6 * max(1, abs(value)))  # torch's float32 has seven digits


def shown(value):
    """As it stands in a sentence: whole numbers whole, others with two decimals at most."""
    if isinstance(value, tuple):
        return f"({', '.join(map(shown, value))}{',' * (len(value) == 1)})"
    if isinstance(value, str):
        return value
    value = round(value, 2)
    return str(value) if value % 1 else str(int(value))


def _values(given):
    """A tuple of the numbers in it, or None."""
    if isinstance(given, str):
        return _in_text(given)
    parts = _plain(given)
    numbers = [_number(part) for part in (parts[:MOST] if isinstance(parts, (tuple, list)) else [parts])]
    return None if None in numbers else tuple(numbers)


def _number(part):
    """An int or a float, or None."""
    if isinstance(part, str):
        numbers = _in_text(part) or ()
        return numbers[0] if len(numbers) == 1 else None
    part = _plain(part)
    if isinstance(part, bool) or not isinstance(part, (int, float)) or not abs(part) < LARGEST:
        return None
    return int(part) if part == int(part) else part


def _plain(given):
    """A tensor or an array as Python's numbers: a number, or a list."""
    try:
        return given.item()
    except Exception:  # not one number
        pass
    try:
        return given.tolist()
    except Exception:  # no tensor, or one without numbers: then it is no answer, or an answer as it is
        return given


def _in_text(text):
    """`18x16x16`, `(18, 16, 16)`, `torch.Size([18, 16, 16])`, `16`, `2.5`; None for other text."""
    text = text.strip().replace("−", "-").removeprefix("torch.Size").strip("()[] ")
    parts = [part for part in re.split(r"\s*[x×*,]\s*|\s+", text) if part]
    if not parts or not all(re.fullmatch(r"-?[0-9]{1,15}(\.[0-9]+)?", part) for part in parts):
        return None
    return tuple(_number(float(part)) for part in parts)


def _is_single(given):
    """A lone number where a shape is asked for: (7,) is a shape, 7 is not."""
    if isinstance(given, str):
        return len(_in_text(given)) == 1 and "," not in given
    return not isinstance(given, (tuple, list)) and getattr(given, "ndim", 0) == 0
