"""What a function was given, checked once and refused in one voice: what is wanted, what came, the nearest that works.

"kernel_size wants a whole number of at least 1, but got 0."
"stride wants a whole number from 1 to 4, but got 9. The nearest is 4."
"""

import operator
import reprlib


def whole(name, value, least=None, most=None):
    """`value` as an int. Anything with __index__ counts (NumPy's integers), True and False do not.

    Raises TypeError for what is no whole number, and ValueError for one below `least` or above `most`.
    """
    try:
        number = operator.index(None if isinstance(value, bool) else value)
    except TypeError:
        raise TypeError(f"{_wanted(name, least, most)}, but got {reprlib.repr(value)}.") from None
    low, high = least is not None and number < least, most is not None and number > most
    if low or high:
        nearest = f" The nearest is {least if low else most:,}." if most is not None else ""
        raise ValueError(f"{_wanted(name, least, most)}, but got {number}.{nearest}")
    return number


def _wanted(name, least, most):
    if most is not None:
        return f"{name} wants a whole number from {least:,} to {most:,}"
    return f"{name} wants a whole number" + ("" if least is None else f" of at least {least}")
