"""Steps that look at the sides of maps through kernels or pieces, make them longer or shorter, pad or cut them."""

from helpers.trace.operations import RESIZING, Conv, along
from helpers.trace.spans import Side, kernel, pieces, resized, transposed

PADS = ("ZeroPad", "ConstantPad", "ReflectionPad", "ReplicationPad", "CircularPad")


def through_kernel(computed, sides, before, after, sizes):
    """Convolutions and pooling: the last dimensions are looked at through a kernel, and the channels put together."""
    found, first = [], len(before) - computed.dims
    given = (computed.kernel_size, computed.stride, computed.padding, computed.dilation)
    if any(isinstance(part, tuple) and len(part) != computed.dims for part in given):
        return None  # torch may take it: padding for two of three sides, if it is filled with reflections
    for side, size in zip(sides, sizes, strict=True):
        inner = {dim for dim in side.dims if dim >= first}
        is_mixed = isinstance(computed, Conv) and first - 1 in side.dims
        if not side.dims or (not inner and not is_mixed):
            found.append(side)
        elif is_mixed:
            found.append(Side(frozenset(), size))
        elif len(side.dims) > 1 or isinstance(side.span, int):
            if max(computed.kernel_size) > 1:
                return None  # which of the places lie side by side is not known
            found.append(side)
        else:
            (dim,) = inner
            k, s, p, d = along(computed, dim - first)
            p = {"same": d * (k - 1) // 2, "valid": 0}.get(p, p)
            turned = getattr(computed, "output_padding", None) is not None
            look = transposed(k, s, p, d) if turned else kernel(k, s, p, d)
            found.append(side._replace(span=side.span.through(*look, after[dim])))
    return tuple(found)


def looks(step, before, after):
    """{dimension: how its places look at those before} of steps that make sides longer, shorter, or cut them."""
    kind, rank = step.kind.rstrip("_"), len(before)
    layer = step.layer
    if len(after) != rank:
        return None
    sides = range(2, rank)
    if "adaptive_" in kind or kind.startswith("Adaptive"):
        return {dim: pieces(before[dim], after[dim]) for dim in range(rank - int(kind[-2]), rank)}
    if kind.startswith(("max_unpool", "MaxUnpool")):
        return {dim: resized("nearest", before[dim], after[dim], -(-after[dim] // before[dim])) for dim in sides}
    if kind in ("pixel_shuffle", "PixelShuffle"):
        return {dim: resized("nearest", before[dim], after[dim]) for dim in range(rank - 2, rank)}
    if kind in ("pixel_unshuffle", "PixelUnshuffle"):
        return {dim: pieces(before[dim], after[dim]) for dim in range(rank - 2, rank)}
    if kind in RESIZING:
        names = ("size", "scale_factor", "mode", "align_corners")
        given = dict(zip(("input", *names), step.args, strict=False)) | step.kwargs
        if layer is not None:
            given = {name: getattr(layer, name) for name in names}
        scale = given.get("scale_factor") if not given.get("recompute_scale_factor") else None
        scales = tuple(scale) if isinstance(scale, (tuple, list)) else (scale,) * (rank - 2)
        mode, corners = given.get("mode") or "nearest", given.get("align_corners")
        found = {dim: resized(mode, before[dim], after[dim], scales[dim - 2], corners) for dim in sides}
        return None if None in found.values() or given.get("antialias") else found
    if kind == "pad" or kind.startswith(PADS):
        numbers = layer.padding if layer is not None else step.args[1] if len(step.args) > 1 else step.kwargs["pad"]
        numbers = (numbers,) * 2 * (rank - 2) if isinstance(numbers, int) else numbers
        return {rank - 1 - side: kernel(1, 1, numbers[2 * side], 1) for side in range(len(numbers) // 2)}
    return None
