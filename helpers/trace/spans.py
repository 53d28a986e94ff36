"""Which cells of the input lie behind each place along one side: from the first to the last of them."""

from dataclasses import dataclass
from fractions import Fraction
from math import ceil, floor, gcd
from typing import NamedTuple

LONGEST = 1024  # places after which the pattern must repeat


@dataclass(frozen=True)
class Span:
    """Behind place p lie the cells low[p] to high[p]. The pattern repeats: after its length, all is `jump` cells on.

    jump None: it does not repeat, and there are no more places. Padding counts as cells before 0 and behind the last.
    """

    low: tuple = (0,)
    high: tuple = (0,)
    jump: int | None = 1

    def at(self, place):
        if self.jump is None:
            place = min(max(place, 0), len(self.low) - 1)
            return self.low[place], self.high[place]
        times, place = divmod(place, len(self.low))
        return self.low[place] + times * self.jump, self.high[place] + times * self.jump

    @property
    def width(self):
        """The most cells behind a place."""
        return max(high - low + 1 for low, high in zip(self.low, self.high, strict=True))

    def through(self, places, period, step, count):
        """Behind the places of another side, `count` in all, of which each looks at places(p) = (first, last) of this.

        The looks repeat: after `period` places they are `step` places on.
        """
        times = len(self.low) // gcd(len(self.low), step)
        repeats = self.jump is not None and period * times <= LONGEST
        looks = [places(place) for place in range(period * times if repeats else count)]
        low, high = tuple(self.at(first)[0] for first, _ in looks), tuple(self.at(last)[1] for _, last in looks)
        if not repeats:
            return Span(low, high, None)
        return Span(low, high, self.jump * times * step // len(self.low))._shortest()

    def _shortest(self):
        """The same with the shortest pattern."""
        length = len(self.low)
        for shorter in range(1, length // 2 + 1):
            if length % shorter or self.jump * shorter % length:
                continue
            start = Span(self.low[:shorter], self.high[:shorter], self.jump * shorter // length)
            if all(start.at(place) == (self.low[place], self.high[place]) for place in range(length)):
                return start
        return self

    def joined(self, other, places):
        """What each place sees in one of two Spans or in the other."""
        if self == other:
            return self
        length = len(self.low) * len(other.low) // gcd(len(self.low), len(other.low))
        repeats = None not in (self.jump, other.jump) and length <= LONGEST
        repeats = repeats and Fraction(self.jump, len(self.low)) == Fraction(other.jump, len(other.low))
        pairs = [(self.at(place), other.at(place)) for place in range(length if repeats else places)]
        low, high = tuple(min(a[0], b[0]) for a, b in pairs), tuple(max(a[1], b[1]) for a, b in pairs)
        return Span(low, high, self.jump * length // len(self.low) if repeats else None)


class Side(NamedTuple):
    """One side of the input in a tensor: the dimensions it lies in; the Span along it, or only the width of a field."""

    dims: frozenset
    span: Span | int

    @property
    def width(self):
        return self.span if isinstance(self.span, int) else self.span.width


# How the places of one side look at those of the side before: what `through` is given.


def kernel(size, stride, padding, dilation):
    def places(place):
        return place * stride - padding, place * stride - padding + dilation * (size - 1)

    return places, 1, stride


def transposed(size, stride, padding, dilation):
    def places(place):
        found = [place + padding - dilation * cell for cell in range(size)]
        found = [cell // stride for cell in found if cell % stride == 0]
        after = -(-(place + padding) // stride)
        return (min(found), max(found)) if found else (after, after - 1)  # nothing is put here

    return places, stride, 1


def pieces(before, after):
    """Adaptive pooling: the side in as many pieces as wanted."""
    share = Fraction(before, after)

    def places(place):
        return floor(place * share), ceil((place + 1) * share) - 1

    return places, share.denominator, share.numerator


def resized(mode, before, after, scale_factor=None, align_corners=False):
    """Interpolation; None for a mode that is not known."""
    share = Fraction(before, after)
    if scale_factor:
        share = 1 / Fraction(scale_factor).limit_denominator(1000)
    if align_corners:
        share = Fraction(before - 1, max(after - 1, 1))
    if mode == "nearest":
        return lambda place: (floor(place * share),) * 2, share.denominator, share.numerator
    if mode == "nearest-exact":
        return lambda place: (floor((place + Fraction(1, 2)) * share),) * 2, share.denominator, share.numerator
    if mode == "area":
        return pieces(before, after)
    more = {"linear": 0, "bilinear": 0, "trilinear": 0, "bicubic": 1}.get(mode)
    if more is None:
        return None

    def places(place):
        middle = place * share if align_corners else (place + Fraction(1, 2)) * share - Fraction(1, 2)
        return floor(middle) - more * (middle.denominator > 1), ceil(middle) + more * (middle.denominator > 1)

    return places, share.denominator, share.numerator
