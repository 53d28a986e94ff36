"""What a function was given, checked once and refused in the same words: what is wanted, what came, what would work.

"kernel_size wants a whole number of at least 1, but got 0."
"stride wants a whole number from 1 to 4, but got 9. The nearest is 4."
"size wants a whole number of at least 1 or a (height, width) pair, but got 2.7. Did you mean 3?"
"labels wants class numbers (N,), but got float32 (4, 10). Try labels.argmax(1)."
"""

import math
import operator
import reprlib
from collections.abc import Reversible
from numbers import Real


class Short(reprlib.Repr):
    """The beginning of a value, as Python writes it; also of an object that cannot show itself."""

    def repr_int(self, number, level):
        """Python refuses to write a whole number of more than 4,300 digits."""
        if abs(number) < 10**self.maxlong:
            return super().repr_int(number, level)
        return f"{'-' * (number < 0)}10**{int(number.bit_length() * math.log10(2))}…"


short = Short().repr


def whole(name, value, least=None, most=None):
    """`value` as an int. Anything with __index__ counts (NumPy's integers), True and False do not.

    Raises TypeError for what is no whole number, and ValueError for one below `least` or above `most`.
    """
    number = _index(value)
    if number is None:
        raise TypeError(f"{wants(name, least, most)}, but got {short(value)}.{_meant([value], least, most)}")
    low, high = least is not None and number < least, most is not None and number > most
    if low or high:
        nearest = f" The nearest is {least if low else most:,}." if most is not None else ""
        raise ValueError(f"{wants(name, least, most)}, but got {short(number)}.{nearest}")
    return number


def pair(name, value, least=None):
    """(height, width), two ints: from such a pair, or from one whole number for both.

    Raises TypeError for anything else. `least` is only named: a number below it passes, for what follows to refuse.
    """
    # torch takes kernel_size=True, and (2,) or (2, 2, 2) in places: slips, not shapes, so we do not.
    is_sequence = isinstance(value, (tuple, list))
    parts = value if is_sequence and len(value) == 2 else (value,)
    numbers = tuple(map(_index, parts))
    if None in numbers:
        meant = _meant(value[-2:] if is_sequence else parts, least)  # (N, C, H, W) ends in height and width
        raise TypeError(f"{wants(name, least)} or a (height, width) pair, but got {short(value)}.{meant}")
    return numbers if len(numbers) == 2 else numbers * 2


def positive(name, value, such="", most=math.inf):
    """`value` as a float. Raises TypeError for what is not a number, and ValueError for one not between 0 and `most`.

    `such` is an example of one, as it is written.
    """
    is_number = isinstance(value, Real) and not isinstance(value, bool)
    if not is_number or not 0 < value < most:
        error, example = ValueError if is_number else TypeError, f" such as {such}" if such else ""
        limit = " and not infinite" if most == math.inf else f" and below {most:.2g}"
        above = limit if is_number and value >= most else ""
        raise error(f"{name} wants a number above 0{above}{example}, but got {short(value)}.")
    return float(value)


def switch(name, value):
    """`value`, if it is True or False. Raises TypeError for anything else."""
    if not isinstance(value, bool):
        is_bool = type(value).__name__.startswith("bool")  # NumPy's
        is_number = is_bool or (isinstance(value, Real) and value == value)  # and not NaN
        meant = f" Did you mean {bool(value)}?" if is_number else ""
        raise TypeError(f"{name} wants True or False, but got {short(value)}.{meant}")
    return value


def as_many(name, values, count, wanted, fix=""):
    """Raises ValueError unless there are `count` values. `wanted` says why as many: "a title for each image"."""
    if len(values) != count:
        raise ValueError(f"{name} wants {wanted}, {count:,} in all, but got {len(values):,}.{fix}")


def at_most(name, count, most, things, instead=""):
    """Raises ValueError for more than `most` things. `instead` is what to try; without it, the first ones."""
    if count > most:
        instead = instead or f"{name}[:{most}]"
        raise ValueError(f"{name} wants at most {most} {things}, but got {count:,}. Try {instead}.")


def class_names(classes):
    """The names of classes, from a list, an array or a dict's keys, as a tuple. Raises TypeError for anything else."""
    names = classes.tolist() if hasattr(classes, "tolist") else classes
    is_listed = isinstance(names, Reversible) and not isinstance(names, str)  # a set has no order
    if not is_listed or not names or not all(isinstance(name, str) for name in names):
        raise TypeError(f"classes wants names, such as ('cat', 'dog'), but got {short(classes)}.")
    return tuple(names)


def class_numbers(name, values, classes, count=None):
    """The number of a class for each of N pictures, from a tensor, an array or a list, as an int64 array (N,).

    Raises TypeError for what is no whole number, and ValueError for another shape, for a number that no class has,
    or for more or fewer than `count`.
    """
    numbers, wanted = array(values), f"{name} wants class numbers (N,)"
    if numbers.ndim != 1 or numbers.size == 0:
        fix = f" Try {name}.{'flatten()' if numbers.shape[1] == 1 else 'argmax(1)'}." if numbers.ndim == 2 else ""
        raise ValueError(f"{wanted}, but got {described(values)}.{fix}")
    if numbers.dtype.kind not in "iu":
        got = described(values) if _is_numeric(numbers) else f"{kind_of(values)} that is not numbers"
        raise TypeError(f"{wanted}, but got {got}.{f' Try {name}.long().' if hasattr(values, 'long') else ''}")
    wrong = ((numbers < 0) | (numbers >= len(classes))).nonzero()[0]
    if len(wrong):
        counted_from_1 = numbers.min() == 1 and numbers.max() == len(classes)
        raise ValueError(
            f"{name} wants 0 to {len(classes) - 1}, for the {len(classes)} classes, "
            f"but got {numbers[wrong[0]]} at position {wrong[0]}. "
            f"Try {f'{name} - 1' if counted_from_1 else 'a name in classes for each number'}."
        )
    if count is not None:
        alike = f" Cut pictures and {name} alike: images[:k], {name}[:k]."
        as_many(name, numbers, count, "a class number for each picture", alike)
    return numbers.astype("int64")


def channels_first(name, rank):
    """The code that makes a batch (N, C, H, W) of pictures that have their channels last, as files do."""
    return f"{name}.permute(2, 0, 1)[None]" if rank == 3 else f"{name}.permute(0, 3, 1, 2)"


def wants(name, least=None, most=None):
    """How each refusal of a whole number begins."""
    if most is not None:
        return f"{name} wants a whole number from {least:,} to {most:,}"
    return f"{name} wants a whole number" + ("" if least is None else f" of at least {least}")


def array(values):
    """A NumPy array of a tensor from any device, an array or a list; of anything else, an array of that object."""
    import numpy as np  # here and not above: the arithmetic needs the standard library only

    if hasattr(values, "detach"):
        values = values.detach().cpu()
        values = values.float() if values.is_floating_point() else values  # NumPy has no bfloat16
    try:
        return np.asarray(values)
    except (TypeError, ValueError):  # rows of unequal length
        return np.asarray(None)


def described(values):
    """What came: `float32 (4, 3, 32, 32)` for a tensor, an array or a list of numbers; else its class: `a str`."""
    has_type = hasattr(values, "dtype")
    numbers = values if has_type else array(values)
    if not _is_numeric(numbers) or not (has_type or numbers.ndim):
        return kind_of(values)
    return f"{str(numbers.dtype).removeprefix('torch.')} {tuple(numbers.shape)}"


def kind_of(value):
    """`a list`, `an empty list`, `an int`, `a NumPy array`, `None`: what came, by its class."""
    if value is None:
        return "None"
    if type(value).__name__ == "ndarray":
        return "a NumPy array"
    if isinstance(value, (tuple, list, dict)) and not value:
        return f"an empty {type(value).__name__}"
    return a_kind(type(value).__name__)


def a_kind(name):
    """`a list`, `an int`: something of the class with this name."""
    return f"{'an' if name[:1].lower() in 'aeiou' else 'a'} {name}"


def _is_numeric(numbers):
    return getattr(numbers.dtype, "kind", "f") in "fiubc"  # torch's dtypes have no kind, and are all of numbers


def _index(value):
    """The int that `value` is, or None."""
    try:
        return None if isinstance(value, bool) else operator.index(value)
    except TypeError:
        return None


def _meant(values, least=None, most=None):
    """` Did you mean 3?`: the nearest whole numbers that are allowed, or nothing where these are no numbers at all."""
    try:
        near = [round(float(value)) for value in values]
    except (TypeError, ValueError, OverflowError, RuntimeError):
        return ""
    near = [value if least is None else max(value, least) for value in near]
    near = [value if most is None else min(value, most) for value in near]
    return f" Did you mean {tuple(near) if len(near) == 2 else near[0]}?" if near else ""
