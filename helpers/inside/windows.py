"""The numbers that a window covers: of a convolution, of a transposed one, of pooling."""

from math import ceil, floor

import torch

from helpers.inside.kinds import MEANS, plain
from helpers.inside.run import area
from helpers.trace.operations import Pool, along, operation

SHOWN = 8  # input maps whose windows are written out
LARGEST = 10  # terms of a long sum that are written out
WEIGHT = ("input", "weight", "bias")  # as F.conv2d calls what it is given


def convolution(seen, image, index):
    """{"channels", "bias", …}: for each input map the window's numbers, the weights, and the sum of their products."""
    computed, maps = operation(seen.step), _maps(seen.given[0][image], operation(seen.step).dims)
    weight = _kernel(seen.weight("weight", *WEIGHT).double(), computed.dims)
    out, *cell = index
    rows, columns = _two([_reach(seen, computed, dim, at, maps) for dim, at in enumerate(cell)])
    first = out // (computed.out_channels // computed.groups) * weight.shape[1]
    window, is_inside = _window(maps[first : first + weight.shape[1]], rows, columns)
    sums = (window * weight[out]).flatten(1).sum(1)
    order = sums.abs().argsort(descending=True, stable=True).tolist()
    channels = [{"channel": first + place, "sum": float(sums[place])} for place in order]
    for told, place in zip(channels[:SHOWN], order, strict=False):
        told["values"] = _listed(window[place], is_inside)
        told["weights"] = weight[out, place].flatten().tolist()
    return {
        "channels": channels,
        "bias": _bias(seen, out),
        "kernel": list(weight.shape[2:]),
        "dilation": _pair(computed.dilation),
        "window": _span(computed, cell, (first, weight.shape[1])),
    }


def transposed(seen, image, index):
    """{"terms", "count", "rest", "bias"}: the ten largest products that are put into a number, and the others' sum."""
    computed, maps = operation(seen.step), _maps(seen.given[0][image], operation(seen.step).dims)
    weight = _kernel(seen.weight("weight", *WEIGHT).double(), computed.dims)
    out, *cell = index
    ways = [_put(computed, dim, at, size) for dim, (at, size) in enumerate(zip(cell, _sizes(seen), strict=True))]
    rows, columns = ways if len(ways) == 2 else ([(0, 0)], *ways)
    per_group = computed.out_channels // computed.groups
    inputs = computed.in_channels // computed.groups
    first, own = out // per_group * inputs, out % per_group
    terms = []
    for channel in range(first, first + inputs):
        for row, down in rows:
            for column, right in columns:
                value, factor = float(maps[channel, row, column]), float(weight[channel, own, down, right])
                place = [channel, row, column] if computed.dims == 2 else [0, channel, column]
                terms.append({"from": place, "input": value, "weight": factor, "product": value * factor})
    return largest(terms) | {"bias": _bias(seen, out)}


def largest(terms):
    """Of many terms the ten largest products, the sum of the others, and how many there are."""
    order = sorted(terms, key=lambda term: -abs(term["product"]))
    rest = sum(term["product"] for term in order[LARGEST:])
    return {"count": len(terms), "terms": order[:LARGEST], "rest": rest}


def pooling(seen, image, index):
    """{"mode", "values", "winner"}, the numbers of a window; of a mean also what their sum is divided by."""
    channel, *cell = index
    computed = operation(seen.step)
    dims = computed.dims if computed else len(cell) or 2
    maps = _maps(seen.given[0][image], dims)
    if computed is None:
        kind = plain(seen.step.kind)
        mode = "max" if "max" in kind else "avg"
        cell = cell or [0, 0]
        after = seen.made[0].shape[-dims:] if kind not in MEANS else (1, 1)
        sizes = zip(cell, maps.shape[-dims:], after, strict=True)
        rows, columns = _two([_piece(*each) for each in sizes])
        top, height = (rows[0], len(rows)) if dims == 2 else (channel, 1)
        span = area(top, columns[0], height, len(columns))
    else:
        mode, span = computed.mode, _span(computed, cell, (channel, 1))
        rows, columns = _two([_reach(seen, computed, dim, at, maps) for dim, at in enumerate(cell)])
    window, is_inside = _window(maps[channel : channel + 1], rows, columns)
    told = {"mode": mode, "kernel": [len(rows), len(columns)], "values": _listed(window[0], is_inside), "window": span}
    if mode == "max":
        numbers = window[0].masked_fill(~is_inside, -torch.inf).flatten()
        return told | {"winner": int(numbers.argmax())}
    return told | {"sum": float(window.sum()), "divisor": _divisor(seen, computed, cell, is_inside)}


def _divisor(seen, computed, cell, is_inside):
    """What a mean is divided by: torch counts padding in, unless told otherwise, but nothing behind it."""
    if not isinstance(computed, Pool):
        return int(is_inside.sum())
    names = ("input", "kernel_size", "stride", "padding", "ceil_mode", "count_include_pad", "divisor_override")
    given = vars(seen.step.layer) if seen.step.layer is not None else seen.named(*names)
    if given.get("divisor_override"):
        return given["divisor_override"]
    if not given.get("count_include_pad", True):
        return int(is_inside.sum())
    count = 1
    for dim, (at, size) in enumerate(zip(cell, _sizes(seen), strict=True)):
        kernel, stride, padding, _ = along(computed, dim)
        start = at * stride - padding
        count *= min(start + kernel, size + padding) - start
    return count


# Along one side: which cells of the input, for each place of the kernel.


def _reach(seen, computed, dim, at, maps):
    """A cell of the input for each place of the kernel; None in padding that is filled with zeros, or with nothing."""
    size = maps.shape[-computed.dims :][dim]
    kernel, stride, _, dilation = along(computed, dim)
    first = at * stride - _padding(computed, dim)
    fill = FILLS[getattr(seen.step.layer, "padding_mode", "zeros")]
    return [fill(first + place * dilation, size) for place in range(kernel)]


FILLS = {
    "zeros": lambda cell, size: cell if 0 <= cell < size else None,
    "reflect": lambda cell, size: size - 1 - abs(size - 1 - abs(cell)),
    "replicate": lambda cell, size: min(max(cell, 0), size - 1),
    "circular": lambda cell, size: cell % size,
}


def _padding(computed, dim):
    """How much is put before the first cell; "same" puts what is odd behind the last."""
    kernel, _, padding, dilation = along(computed, dim)
    return {"same": dilation * (kernel - 1) // 2, "valid": 0}.get(padding, padding)


def _put(computed, dim, at, size):
    """(a cell of the input, the place of the kernel) that a transposed convolution puts here."""
    kernel, stride, padding, dilation = along(computed, dim)
    found = [(at + padding - dilation * place, place) for place in range(kernel)]
    found = [(cell // stride, place) for cell, place in found if cell % stride == 0]
    return [(cell, place) for cell, place in found if 0 <= cell < size]


def _piece(at, before, after):
    return list(range(floor(at * before / after), ceil((at + 1) * before / after)))


def _span(computed, cell, channels):
    """The window in the input, which may reach into the padding; what has one side is drawn with channels as rows."""
    sides = []
    for dim, at in enumerate(cell):
        kernel, stride, _, dilation = along(computed, dim)
        sides.append((at * stride - _padding(computed, dim), dilation * (kernel - 1) + 1))
    (top, height), (left, width) = sides if len(sides) == 2 else (channels, *sides)
    return area(top, left, height, width)


# What has one side is a map of one row.


def _maps(values, dims):
    values = values.double()
    return values if dims == 2 else values[:, None]


def _kernel(weight, dims):
    return weight if dims == 2 else weight[:, :, None]


def _two(sides):
    return sides if len(sides) == 2 else ([0], *sides)


def _pair(sizes):
    return [*sizes] if len(sizes) == 2 else [1, *sizes]


def _sizes(seen):
    return seen.given[0].shape[2:]


def _window(maps, rows, columns):
    """(the numbers (maps, rows, columns), 0 where there are none; where there are some)"""
    is_inside = torch.tensor([[None not in (row, column) for column in columns] for row in rows])
    picked = maps[:, [row or 0 for row in rows]][:, :, [column or 0 for column in columns]]
    return picked.masked_fill(~is_inside, 0), is_inside


def _listed(window, is_inside):
    pairs = zip(window.flatten().tolist(), is_inside.flatten().tolist(), strict=True)
    return [value if inside else None for value, inside in pairs]


def _bias(seen, out):
    bias = seen.weight("bias", *WEIGHT)
    return None if bias is None else float(bias[out])
