"""Steps that leave the numbers what they are, and move, merge, split or pick dimensions."""

from math import prod

import torch

from helpers.trace.spans import Side, kernel

TURNING = (
    "permute",
    "transpose",
    "swapaxes",
    "swapdims",
    "movedim",
    "moveaxis",
    "t",
    "T",
    "mT",
    "unsqueeze",
    "squeeze",
)


def moved(step, before, after):
    """{dimension: where it is then} of permute and its like; None for other steps."""
    if step.kind not in TURNING:
        return None
    marks = [101 + 2 * dim for dim in range(len(before))]
    proxy = torch.empty_strided(before, marks, device="meta")
    rest = [value for value in step.args[1:]]
    turned = getattr(proxy, step.kind)
    turned = turned(*rest, **step.kwargs) if callable(turned) else turned
    if tuple(turned.shape) != after:
        return None
    places = {stride: dim for dim, stride in enumerate(turned.stride())}
    return {dim: places.get(mark, 0) for dim, mark in enumerate(marks)}


def viewed(sides, before, after):
    """flatten, view, reshape: each dimension stands with those that its numbers went into."""
    groups, one, two = [], 0, 0
    while one < len(before) or two < len(after):
        first, second = one, two
        one, two = one + 1, two + 1
        while prod(before[first:one]) != prod(after[second:two]):
            if one > len(before) or two > len(after):
                return None
            if prod(before[first:one]) < prod(after[second:two]):
                one += 1
            else:
                two += 1
        while one < len(before) and before[one] == 1:
            one += 1
        while two < len(after) and after[two] == 1:
            two += 1
        groups.append((range(first, one), range(second, two)))
    found = []
    for side in sides:
        dims, span = set(), side.span
        for old, new in groups:
            if side.dims & set(old):
                big = [dim for dim in old if before[dim] > 1], [dim for dim in new if after[dim] > 1]
                alone = (len(big[0]) == len(big[1]) == 1 and side.dims <= set(big[0])) or len(old) == len(new) == 1
                dims |= set(big[1] or new)
                span = span if alone else side.width
        found.append(Side(frozenset(dims), span))
    return tuple(found)


def picked(step, sides, before, after):
    """x[:, 0], x[..., 1:]: a place of a side, or a part of it."""
    parts = step.args[1] if isinstance(step.args[1], tuple) and not hasattr(step.args[1], "shape") else (step.args[1],)
    taking = sum(part is not None and part is not ... for part in parts)
    if any(
        not (part is None or part is ... or isinstance(part, (int, slice))) or isinstance(part, bool) for part in parts
    ):
        return None
    looks, places, dim, place = {}, {}, 0, 0
    for part in (*parts, *([...] if ... not in parts else [])):
        if part is None:
            place += 1
        elif part is ...:
            for _ in range(len(before) - taking):
                places[dim], dim, place = place, dim + 1, place + 1
        elif isinstance(part, int):
            dim += 1
        else:
            start, _, stride = part.indices(before[dim])
            looks[dim] = kernel(1, stride, -start, 1)
            places[dim], dim, place = place, dim + 1, place + 1
    found = []
    for side in sides:
        kept = frozenset(places[dim] for dim in side.dims if dim in places)
        span = side.span
        if len(kept) < len(side.dims) or len(side.dims) > 1 or isinstance(span, int):
            found.append(Side(kept, side.width))
            continue
        (dim,) = side.dims or (None,)
        look = looks.get(dim)
        found.append(Side(kept, span if look is None else span.through(*look, after[places[dim]])))
    return tuple(found)
