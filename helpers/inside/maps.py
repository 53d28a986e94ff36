"""What is drawn of a run, in few bytes: maps of whole numbers from −127 to 127, and which maps say most."""

import numpy as np
import torch
import torch.nn.functional as F

from helpers.inside.kinds import is_unchanged, plain

NOT_FINITE = -128
WHOLE = 400_000  # bytes: as much as all blocks of a small model take
LARGEST_SIDE = 32  # pixels of a preview
PREVIEWS = 8  # maps of a block that a preview shows
LARGEST_KERNELS = 64_000  # bytes of weights that are drawn beside a layer
LARGEST_ROWS = 16_000  # bytes of a block's single numbers that are written


def in_bytes(values):
    """(int8 of the same shape, scale): a value is about byte / 127 · scale; −128 is NaN or infinity."""
    values = values.numpy().astype(np.float64)
    finite = np.isfinite(values)
    scale = float(np.abs(values, where=finite, out=np.zeros_like(values)).max(initial=0))
    bytes_ = np.rint(np.where(finite, values, 0) * (127 / scale if scale else 0))
    return np.where(finite, bytes_, NOT_FINITE).astype(np.int8), scale


def drawn(inside):
    """{"1": {"scale", "bytes", "maps", "height", "width"}, …}: what is drawn of each block, all images side by side.

    Of a small model it is everything, and "maps" None; of a larger one each block's strongest maps, made smaller.
    What a page can make of another block is not sent: {"of": "1", "relu": True} is that block's, 0 where it is below.
    """
    blocks = [(place, block, _derived(inside, place)) for place, block in _blocks(inside)]
    if sum(0 if derived else block.values.numel() for _, block, derived in blocks) <= WHOLE:
        return {str(place): derived or whole(block) for place, block, derived in blocks}
    count, side = PREVIEWS, LARGEST_SIDE
    while True:
        small = {str(place): _preview(block, count, side) for place, block, _ in blocks}
        if sum(len(told["bytes"]) for told in small.values()) <= WHOLE or count == side == 1:
            return small
        count, side = max(count // 2, 1) if side < LARGEST_SIDE // 2 else count, max(side // 2, 1)


def _blocks(inside):
    return [(place, block) for place, block in enumerate(inside.blocks) if place and block.sizes]


def whole(block):
    """The same of one block, with all of its maps."""
    numbers, scale = in_bytes(block.values)
    _, height, width = block.sizes
    return {"scale": scale, "bytes": numbers.tobytes(), "maps": None, "height": height, "width": width}


def _derived(inside, place):
    """What is ReLU of another block, or the same numbers in the same order."""
    block = inside.blocks[place]
    if len(block.inputs) != 1 or not block.inputs[0] or inside.blocks[block.inputs[0]].sizes is None:
        return None
    of, (_, height, width) = inside.blocks[block.inputs[0]], block.sizes
    is_relu = plain(block.kind) == "relu"
    if not (is_relu or is_unchanged(block.seen)) or of.values.numel() != block.values.numel():
        return None
    numbers = of.values.clamp(min=0) if is_relu else of.values
    if not torch.equal(numbers.flatten(), block.values.flatten()):
        return None  # dropout in the model's own way; NaN
    return {"of": str(block.inputs[0]), "relu": is_relu, "maps": None, "height": height, "width": width}


def _preview(block, count, side):
    """The strongest maps, each made of the means of its cells."""
    maps, height, width = block.sizes
    shown = strongest(block)[:count] if height * width > 1 else list(range(min(maps, count * side)))
    values = block.values.reshape(len(block.values), *block.sizes)[:, shown].double()
    size = (min(height, side), min(width, side))
    if size != (height, width):
        values = F.adaptive_avg_pool2d(values, size)
    numbers, scale = in_bytes(values)
    return {"scale": scale, "bytes": numbers.tobytes(), "maps": shown, "height": size[0], "width": size[1]}


def strongest(block):
    """Its maps, the one with the largest answer to any image first."""
    maps = block.values.reshape(len(block.values), block.sizes[0], -1).nan_to_num(-np.inf)
    return maps.amax((0, 2)).argsort(descending=True, stable=True).tolist()


def zeros(block):
    """Its maps that are 0 everywhere, for all of these images."""
    maps = block.values.reshape(len(block.values), block.sizes[0], -1)
    return (maps == 0).all(2).all(0).nonzero().flatten().tolist()


def largest(block):
    """How far its numbers lie from 0 at most, without those that are not finite."""
    return float(block.values.abs().nan_to_num(0, 0, 0).max())


def rows(inside):
    """{"5": bytes, …}: the numbers of small blocks of single ones, float32, an image's behind the other's."""
    found = {}
    for place, block in _blocks(inside):
        if block.sizes[1:] == (1, 1) and 4 * block.values.numel() <= LARGEST_ROWS:
            found[str(place)] = block.values.float().contiguous().numpy().tobytes()
    return found


def kernels(inside):
    """{"1": {"shape", "bytes", "bias"}, …}: the weights of the convolutions that are small enough, float32."""
    told = {}
    for place, block in _blocks(inside):
        weight = block.seen.weights.get("weight")
        if block.opens == "conv" and weight is not None and weight.dim() == 4 and 4 * weight.numel() <= LARGEST_KERNELS:
            bias = block.seen.weights.get("bias")
            bias = None if bias is None else bias.float().numpy().tobytes()
            told[str(place)] = {"shape": list(weight.shape), "bytes": weight.float().numpy().tobytes(), "bias": bias}
    return told
