"""conv1, its bias, the pool and ReLU of FastCNN: one kernel forward and one backward, written by hand in Triton.

A kernel is a program that runs many times at once, each time with another `program_id`. Here each takes some cells of
the pool's output, and computes all their maps: neither normalised pictures nor conv1's output are written to memory.
Without a GPU, Triton's interpreter runs these lines, slowly, if TRITON_INTERPRET=1 is set before they are imported.
"""

import os

import torch
from torch.autograd.function import once_differentiable

try:
    import triton
    import triton.language as tl
except ImportError:
    raise ImportError("helpers.kernel needs Triton, which is missing: pip's `triton` is for Linux only.") from None

CELLS = tl.constexpr(64)  # pooled cells that are computed together
TAPS = tl.constexpr(32)  # what conv1 reads for one number: 3 colours × 3 × 3 = 27, and 1 for the bias; 28 to 31 are 0
MAPS = tl.constexpr(32)  # output channels; those that are not there are 0: matrix products come in powers of two
INTERPRETED = tl.constexpr(os.environ.get("TRITON_INTERPRET") == "1")
NONE = tl.constexpr(4)  # the winner of a window that ReLU stops; 0 to 3 are its corners
TIMES = tl.constexpr(8)  # how often a backward program takes CELLS cells before it writes its sum


def conv_pool_relu(train_set, chosen, weight, bias, products=torch.float32):
    """relu(max_pool2d(conv2d(images, weight, bias, padding=1), 2)) of those pictures of an ImageSet.

    chosen int64 (B,), their numbers · weight (K, 3, 3, 3), K up to 32 · bias (K,) -> (B, K, height // 2, width // 2).
    All in float32; the products may be torch.bfloat16 on GPUs of compute capability 8.0 and later. A number that is not
    the set's gives NaN. Raises ValueError for other shapes, or where it cannot run.
    """
    given, K = (train_set.images, chosen, weight, bias), len(weight)
    fits = chosen.ndim == 1 and len(chosen) and min(given[0].shape[2:]) > 1 and MAPS.value >= K
    fits = fits and (weight.shape, bias.shape) == ((K, 3, 3, 3), (K,)) and len({each.device for each in given}) == 1
    if not fits or weight.device.type != ("cpu" if INTERPRETED.value else "cuda"):
        got = ", ".join(f"{tuple(tensor.shape)} on {tensor.device}" for tensor in given)
        wanted = "pictures (N, 3, 2 or more, 2 or more), chosen (B,), weight (K, 3, 3, 3), K up to 32, and bias (K,)"
        raise ValueError(f"The kernel wants {wanted}, on one GPU (the CPU with TRITON_INTERPRET=1), but got {got}.")
    products = getattr(tl, str(products).removeprefix("torch."))
    with torch.cuda.device_of(weight):  # Triton starts a kernel on the current GPU; on the way back torch sees to it
        return _ConvPoolReLU.apply(weight, bias, train_set, chosen.contiguous(), products)


class _ConvPoolReLU(torch.autograd.Function):
    @staticmethod
    def forward(ctx, weight, bias, train_set, chosen, products):
        (N, _, H, W), (B, K) = train_set.images.shape, (len(chosen), len(weight))
        table, pooled = torch.cat([weight.flatten(1), bias[:, None]], 1), weight.new_empty(B, K, H // 2, W // 2)
        winners = torch.empty_like(pooled, dtype=torch.int8)
        ctx.read = train_set.images, chosen, train_set._mean, train_set._std  # (the last two are of bytes, 0 to 255)
        ctx.sizes = pooled.numel() // K, N, K, H, W, (H // 2) * (W // 2), products
        _forward[(triton.cdiv(ctx.sizes[0], CELLS.value),)](*ctx.read, table, pooled, winners, *ctx.sizes)
        ctx.save_for_backward(winners)
        return pooled

    @staticmethod
    @once_differentiable
    def backward(ctx, gradient):
        (winners,), K = ctx.saved_tensors, ctx.sizes[2]
        parts = gradient.new_empty(triton.cdiv(ctx.sizes[0], CELLS.value * TIMES.value), TAPS.value, MAPS.value)
        _backward[(len(parts),)](*ctx.read, gradient.contiguous(), winners, parts, *ctx.sizes)
        table = parts.sum(0).t()[:K]  # (K, TAPS); in one order, so that the same run has the same digits
        return table[:, :27].reshape(K, 3, 3, 3), table[:, 27], None, None, None


# Lesson 06 shows these two: with one argument to a line, what they do would be off the screen.
# fmt: off
@triton.jit
def _forward(images, chosen, mean, std, table, pooled, winners, ALL, N, K: tl.constexpr, H: tl.constexpr,
             W: tl.constexpr, AREA: tl.constexpr, PRODUCTS: tl.constexpr):
    cells = tl.program_id(0).to(tl.int64) * CELLS + tl.arange(0, CELLS)[:, None]
    tap, k = tl.arange(0, TAPS)[:, None], tl.arange(0, MAPS)[None, :]
    weights = tl.load(table + k * 28 + tap, mask=(tap < 28) & (k < K), other=0.0)  # (TAPS, MAPS)
    best, winner = tl.full((CELLS, MAPS), float("-inf"), tl.float32), tl.full((CELLS, MAPS), 0, tl.int32)
    for corner in tl.static_range(4):  # the four numbers of a window: conv1 and its bias
        taps = _taps(images, chosen, mean, std, cells, corner, ALL, N, H, W, AREA)
        value = _dot(taps, weights, tl.full((CELLS, MAPS), 0.0, tl.float32), PRODUCTS)
        better = (value > best) | (value != value)  # of equal ones the first stays, and NaN wins, as in torch
        best, winner = tl.where(better, value, best), tl.where(better, corner, winner)
    place = (cells // AREA * K + k) * AREA + cells % AREA  # in (B, K, H // 2, W // 2)
    mask = (cells < ALL) & (k < K)
    tl.store(pooled + place, tl.where(best <= 0, 0.0, best), mask=mask)  # ReLU
    tl.store(winners + place, tl.where(best <= 0, NONE, winner).to(tl.int8), mask=mask)


@triton.jit
def _backward(images, chosen, mean, std, gradient, winners, parts, ALL, N, K: tl.constexpr, H: tl.constexpr,
              W: tl.constexpr, AREA: tl.constexpr, PRODUCTS: tl.constexpr):
    tap, k = tl.arange(0, TAPS)[:, None], tl.arange(0, MAPS)[None, :]
    total = tl.full((TAPS, MAPS), 0.0, tl.float32)
    for time in range(TIMES):
        cells = (tl.program_id(0).to(tl.int64) * TIMES + time) * CELLS + tl.arange(0, CELLS)[:, None]
        place = (cells // AREA * K + k) * AREA + cells % AREA
        mask = (cells < ALL) & (k < K)
        arrived = tl.load(gradient + place, mask=mask, other=0.0)  # (CELLS, MAPS)
        winner = tl.load(winners + place, mask=mask, other=NONE)
        for corner in tl.static_range(4):  # the gradient goes to the winner alone, times what that has read
            taps = _taps(images, chosen, mean, std, cells, corner, ALL, N, H, W, AREA)
            total = _dot(tl.trans(taps), tl.where(winner == corner, arrived, 0.0), total, PRODUCTS)
    tl.store(parts + (tl.program_id(0) * TAPS + tap) * MAPS + k, total)


# fmt: on
@triton.jit
def _taps(images, chosen, mean, std, cells, corner, ALL, N, H: tl.constexpr, W: tl.constexpr, AREA: tl.constexpr):
    """(CELLS, TAPS): what conv1 reads at one corner of each cell's window."""
    number = tl.load(chosen + cells // AREA, mask=cells < ALL, other=0)  # of the picture
    tap, place = tl.arange(0, TAPS)[None, :], cells % AREA
    row = place // (W // 2) * 2 + corner // 2 + tap // 3 % 3 - 1  # -1: the padding
    column = place % (W // 2) * 2 + corner % 2 + tap % 3 - 1
    there, colour = (number >= 0) & (number < N), tl.minimum(tap // 9, 2)
    inside = there & (tap < 27) & (row >= 0) & (row < H) & (column >= 0) & (column < W)
    pixel = tl.load(images + ((number * 3 + colour) * H + row) * W + column, mask=inside, other=0).to(tl.float32)
    value = tl.where(inside, (pixel - tl.load(mean + colour)) / tl.load(std + colour), 0.0)
    return tl.where(there, tl.where(tap == 27, 1.0, value), float("nan"))


@triton.jit
def _dot(a, b, total, PRODUCTS: tl.constexpr):
    """total + a · b: products of numbers in the format PRODUCTS, sums in float32."""
    a, b = a.to(PRODUCTS), b.to(PRODUCTS)
    if INTERPRETED:  # the interpreter's products of bfloat16 are wrong; in float32 they are exact
        a, b = a.to(tl.float32), b.to(tl.float32)
    return tl.dot(a, b, total, input_precision="ieee")
