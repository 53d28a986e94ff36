"""The questions of lesson 02, Max pooling."""

from itertools import product

import torch
import torch.nn.functional as F

from helpers.arithmetic import conv_parameters, pool_output_size
from helpers.exercises.implementation import implementation
from helpers.exercises.prediction import Asked, prediction


def _pool(plane, *settings, **more):
    """One plane, (H, W), pooled by torch."""
    return F.max_pool2d(plane[None], *settings, **more)[0]


def _planes(generator, *sizes):
    """Planes of these sizes. The numbers of a plane differ, and about half of them are negative."""
    numbers = torch.Generator().manual_seed(generator.randrange(2**31))
    areas = [(size, size[0] * size[1]) for size in sizes]
    return [(torch.randperm(area, generator=numbers) - area // 2.0).reshape(size) for size, area in areas]


def _blocks(generator):
    planes = _planes(generator, (2, 2), (4, 4), (4, 6), (8, 2))
    planes.append(-1 - planes[2].abs())  # negative numbers only
    planes.append(planes[2].T.contiguous().T)  # not contiguous in memory
    return [{"plane": plane} for plane in planes]


def largest_of_four(plane):  # (H, W) -> (H / 2, W / 2), for even H and W
    top = torch.maximum(plane[0::2, 0::2], plane[0::2, 1::2])
    bottom = torch.maximum(plane[1::2, 0::2], plane[1::2, 1::2])
    return torch.maximum(top, bottom)


@implementation(
    "the largest of four",
    "1 · The largest of four",
    solution=largest_of_four,
    reference=lambda plane: _pool(plane, 2),
    cases=_blocks,
)
def q1():
    """Write `largest_of_four(plane)` for a plane of even height and width: cut it into blocks of 2 × 2 and return
    the largest number of each block.
    """
    hints = (
        "`plane[0::2, 0::2]` begins in row 0 and column 0. In which row and column do the other three corners begin?",
        "`torch.maximum` takes two tensors. For four of them you need it three times.",
        "`top = torch.maximum(plane[0::2, 0::2], plane[0::2, 1::2])`; then the same for the rows from 1 on; then the "
        "larger of the two.",
    )
    mistakes = {
        "averaged": (
            lambda plane: F.avg_pool2d(plane[None], 2)[0],
            "that is the mean of each block. Max pooling adds nothing up: it keeps one of the four as it is.",
        ),
        "one corner left out": (
            lambda plane: torch.maximum(_pool(plane[0::2], (1, 2)), plane[1::2, 0::2]),
            "the cell at the bottom right of each block, `plane[1::2, 1::2]`, is never looked at.",
        ),
        "windows that overlap": (
            lambda plane: _pool(plane, 2, 1),
            "your windows are one cell apart. Blocks lie side by side: each begins two cells after the one before.",
        ),
        "quarters of the plane": (
            lambda plane: plane.unflatten(0, (2, -1)).unflatten(2, (2, -1)).amax(dim=(0, 2)),
            "these are the plane's four quarters, laid on each other. The four cells of a block are neighbours: "
            "`plane[0::2, 0::2]` takes every second row and every second column.",
        ),
        "never below zero": (
            lambda plane: _pool(plane, 2).clamp(min=0),
            "four negative numbers have a largest one too. Start from one of them, and not from 0.",
        ),
    }
    return hints, mistakes


@prediction(
    "a pool's own stride", "2 · How large is what comes out?", size=(32, range(10, 65)), kernel_size=(3, range(3, 8))
)
def q2(size, kernel_size):
    room = size - kernel_size
    formula = f"⌊({size} − {kernel_size}) / {kernel_size}⌋ + 1"
    return Asked(
        f"`nn.MaxPool2d({kernel_size})` reads a plane of {size} × {size} numbers. How many rows come out?",
        answer=pool_output_size(size, kernel_size),
        working=f"{formula} = ⌊{room} / {kernel_size}⌋ + 1",
        hints=(
            "Only the kernel is given. Which stride does a pool take then?",
            "The windows lie side by side, so the stride is as large as the kernel.",
        ),
        mistakes={
            "stride 1 by default": (
                pool_output_size(size, kernel_size, 1),
                f"that is a convolution's default. A pool's stride, if you give none, is its kernel: {formula}.",
            ),
            "stride 2 whatever the kernel": (
                pool_output_size(size, kernel_size, 2),
                f"a pool halves a plane if its kernel is 2. Here the kernel is {kernel_size}, and so is the stride: "
                f"{formula}.",
            ),
            "rounded up": (
                pool_output_size(size, kernel_size, ceil_mode=True),
                f"⌊ ⌋ rounds down: what is left of the {size} rows below the last whole window is not read.",
            ),
            "the floor forgotten": (
                size / kernel_size,
                f"a part of a window is none: {size} / {kernel_size} is rounded down.",
            ),
            "the + 1 forgotten": (
                room // kernel_size,
                f"that is the number of steps. The window before the first step counts too: {formula}.",
            ),
        },
    )


def _sizes(generator):
    every = list(product(range(8, 40), (2, 3, 4), (None, 1, 2, 3), (0, 1)))
    settings = [(4, 2, None, 0), (5, 2, None, 0), (7, 3, 2, 1), (8, 3, None, 1), *generator.sample(every, 30)]
    return [dict(zip(("size", "kernel_size", "stride", "padding"), each, strict=True)) for each in settings]


def _pooled_size(size, kernel_size, stride=None, padding=0):
    return F.max_pool1d(torch.zeros(1, 1, size), kernel_size, stride, padding).shape[-1]


def pooled_size(size, kernel_size, stride=None, padding=0):
    stride = kernel_size if stride is None else stride
    return (size + 2 * padding - kernel_size) // stride + 1


@implementation(
    "the size as a formula",
    "2 · How large is what comes out?",
    solution=pooled_size,
    reference=_pooled_size,
    cases=_sizes,
)
def q3():
    """Write `pooled_size(size, kernel_size, stride=None, padding=0)`: how many rows come out of `size` rows. The
    stride is the kernel when it is `None`.
    """
    hints = (
        "Deal with `None` first: `if stride is None:`. After that it is the formula of a convolution.",
        "`//` is the floor. How many rows are there with the padding, and how far can the window move down in them?",
        "`(size + 2 * padding - kernel_size) // stride + 1`, once the stride is a number.",
    )
    mistakes = {
        "stride 1 by default": (
            lambda size, kernel_size, stride, padding: _pooled_size(size, kernel_size, stride or 1, padding),
            "that is a convolution's default. When a pool's stride is `None`, it is `kernel_size`.",
        ),
        "always the kernel's stride": (
            lambda size, kernel_size, stride, padding: _pooled_size(size, kernel_size, None, padding),
            "the stride is `kernel_size` only when it is `None`. A stride that was given counts.",
        ),
        "the floor forgotten": (
            lambda size, kernel_size, stride, padding: (size + 2 * padding - kernel_size) / (stride or kernel_size) + 1,
            "a part of a step is none: divide with `//`.",
        ),
        "rounded up": (
            lambda size, kernel_size, stride, padding: (
                -(-(size + 2 * padding - kernel_size) // (stride or kernel_size)) + 1
            ),
            "without `ceil_mode` it is rounded down: what is left over after the last whole step is dropped.",
        ),
        "the + 1 forgotten": (
            lambda *setting: _pooled_size(*setting) - 1,
            "that is the number of steps. The window before the first step counts too.",
        ),
        "padding counted once": (
            lambda size, kernel_size, stride, padding: (size + padding - kernel_size) // (stride or kernel_size) + 1,
            "it is added above and below: `size + 2 * padding`.",
        ),
    }
    return hints, mistakes


@prediction(
    "rounded up",
    "4 · Rounding up: `ceil_mode`",
    size=(6, range(5, 41)),
    kernel_size=(2, range(2, 5)),
    stride=(3, range(3, 7)),
)
def q4(size, kernel_size, stride):
    sizes = size, size + 1
    steps = [f"⌈({rows} − {kernel_size}) / {stride}⌉" for rows in sizes]
    windows = [-(-(rows - kernel_size) // stride) + 1 for rows in sizes]  # rounded up, without the exception
    last = [(count - 1) * stride for count in windows]  # the row in which the last of them starts
    answer = tuple(pool_output_size(rows, kernel_size, stride, ceil_mode=True) for rows in sizes)
    dropped = [rows for rows, count, right in zip(sizes, windows, answer, strict=True) if count > right]
    starts = (
        f"the last window of {size} rows (0 to {size - 1}) would start at row {last[0]}, that of {size + 1} rows "
        f"(0 to {size}) at row {last[1]}"
    )
    less = [" − 1" * (rows in dropped) for rows in sizes]
    return Asked(
        f"Kernel {kernel_size}, stride {stride}, `ceil_mode=True`. How many rows come out of {size} rows, and how many "
        f"out of {size + 1}? (Two numbers, in brackets.)",
        answer=answer,
        working=f"({steps[0]} + 1{less[0]}, {steps[1]} + 1{less[1]}) = ({windows[0]}{less[0]}, {windows[1]}{less[1]})",
        hints=(
            "Round up. Then see in which row the last window would start.",
            f"Rounded up, {starts}. A window that finds no cell is left out.",
        ),
        mistakes={
            "always rounded up": (
                tuple(windows),
                f"rounded up, {starts}. A window that starts past the end finds no cell, and torch leaves it out.",
            ),
            "rounded down": (
                tuple(pool_output_size(rows, kernel_size, stride) for rows in sizes),
                f"that is without `ceil_mode`. With it, a window may hang over the end if it finds a cell: {starts}.",
            ),
            "not rounded": (
                tuple((rows - kernel_size) / stride + 1 for rows in sizes),
                f"a part of a step is none: {steps[0]} and {steps[1]} are rounded up. "
                "Then see where the last window starts.",
            ),
            "the + 1 forgotten": (
                tuple(count - 1 for count in answer),
                f"these are the steps. The window before the first step counts too: {steps[0]} + 1{less[0]}, and "
                f"{steps[1]} + 1{less[1]}.",
            ),
        },
    )


@prediction(
    "what the padding is",
    "5 · What the padding is made of",
    a=(-1, range(-20, 0)),
    b=(-2, range(-20, 0)),
    c=(-5, range(-20, 0)),
    d=(-6, range(-20, 0)),
)
def q5(a, b, c, d):
    cells = a, b, c, d
    row = f"−{-a}, −{-b}, −{-c}, −{-d}"
    return Asked(
        "A max pool with kernel 3 and padding 1. Its window at the top left covers five cells of padding and the four "
        f"cells {row}. Which number comes out?",
        answer=max(cells),
        working=f"max(−∞, {row})",
        hints=(
            "Which number in the padding would never win, whatever the cells are?",
            "The padding is −∞, so the largest of the four cells wins.",
        ),
        mistakes={
            "padded with zeros": (
                0,
                "a convolution pads with zeros, a max pool with −∞. No zero stands in this window: the largest of "
                f"{row} comes out.",
            ),
            "averaged": (
                sum(cells) / 4,
                f"that is the mean of the four cells. Max pooling keeps the largest of {row}.",
            ),
            "averaged with zeros": (
                sum(cells) / 9,
                "that is the mean of four cells and five zeros, as in an average pool. Max pooling keeps the largest "
                f"of {row}.",
            ),
            "the sign left out": (
                min(cells),
                f"−{-min(cells)} is the farthest from 0, and the smallest of {row}. Larger is what is further right on "
                "the number line.",
            ),
        },
    )


def _padded_planes(generator):
    small, square, wide, high, large = _planes(generator, (2, 2), (3, 3), (4, 6), (8, 5), (9, 10))
    settings = [
        (small, 2, 2, 0),
        (-1 - square.abs(), 2, 1, 1),  # negative numbers only
        (wide, 2, 2, 0),
        (wide, 3, 2, 1),
        (high, 2, 3, 1),
        (large, 4, 3, 2),
        (wide.T.contiguous().T, 3, 2, 1),  # not contiguous in memory
    ]
    names = ("plane", "kernel_size", "stride", "padding")
    return [dict(zip(names, each, strict=True)) for each in settings]


def _without_stride(plane, kernel_size, stride, padding):
    """The windows of stride 1, in an output of the right size."""
    rows, columns = (pool_output_size(size, kernel_size, stride, padding) for size in plane.shape)
    return _pool(plane, kernel_size, 1, padding)[:rows, :columns]


def max_pool(plane, kernel_size, stride, padding):  # (H, W) -> (rows, columns)
    padded = F.pad(plane, (padding, padding, padding, padding), value=-torch.inf)
    rows, columns = (pool_output_size(size, kernel_size, stride, padding) for size in plane.shape)
    output = torch.zeros(rows, columns)
    for row, column in product(range(rows), range(columns)):
        top, left = row * stride, column * stride
        output[row, column] = padded[top : top + kernel_size, left : left + kernel_size].max()
    return output


@implementation(
    "max pooling by hand", "5 · What the padding is made of", solution=max_pool, reference=_pool, cases=_padded_planes
)
def q6():
    """Write `max_pool(plane, kernel_size, stride, padding)` for one plane: pad it with a value that never wins, cut
    out each window, and keep its largest number.
    """
    hints = (
        "`F.pad(plane, (1, 1, 1, 1), value=...)` puts one cell on each side. Which value never wins?",
        "In the padded plane, the window of output `[row, column]` begins at row `row * stride`. At which column?",
        "`padded[top : top + kernel_size, left : left + kernel_size].max()`, with `top = row * stride` and "
        "`left = column * stride`.",
    )
    mistakes = {
        "padded with zeros": (
            lambda plane, kernel_size, stride, padding: _pool(F.pad(plane, (padding,) * 4), kernel_size, stride),
            "a zero beats negative numbers at the border. What never wins is −∞: `value=-torch.inf`.",
        ),
        "averaged": (
            lambda plane, *settings: F.avg_pool2d(plane[None], *settings)[0],
            "that is the mean of each window, zeros in the padding counted. Max pooling keeps one number as it is.",
        ),
        "padding left out": (
            lambda plane, kernel_size, stride, padding: _pool(plane, kernel_size, stride),
            "the windows may reach into the padding. Pad the plane first, then cut.",
        ),
        "padding above and on the left only": (
            lambda plane, kernel_size, stride, padding: _pool(
                F.pad(plane, (padding, 0, padding, 0), value=-torch.inf), kernel_size, stride
            ),
            "`F.pad` takes (left, right, top, bottom), and each of the four is `padding`.",
        ),
        "the stride left out": (
            _without_stride,
            "your windows are one cell apart: they begin at `row` and `column`, not at `row * stride` and "
            "`column * stride`.",
        ),
        "rounded up": (
            lambda plane, *settings: _pool(plane, *settings, ceil_mode=True),
            "without `ceil_mode`, no window hangs over the end: what is left over is dropped.",
        ),
    }
    return hints, mistakes


@prediction(
    "the shape of pooled maps",
    "9 · Channels stay apart, and nothing is learned",
    pictures=(2, range(2, 9)),
    channels=(18, (6, 12, 18, 24, 36)),
    height=(32, range(8, 49)),
    width=(32, range(8, 49)),
    kernel_size=(2, (2, 3, 4)),
)
def q7(pictures, channels, height, width, kernel_size):
    rows, columns = pool_output_size((height, width), (kernel_size, kernel_size))
    sides = f"⌊{height} / {kernel_size}⌋, ⌊{width} / {kernel_size}⌋"
    return Asked(
        f"`nn.MaxPool2d({kernel_size})` reads the maps of {pictures} pictures, "
        f"{(pictures, channels, height, width)}. Which shape comes out?",
        answer=(pictures, channels, rows, columns),
        working=f"({pictures}, {channels}, {sides})",
        hints=(
            "Which of the four numbers are height and width? Only those change.",
            f"Each of the {channels} channels of each picture is a plane of its own and is pooled by itself.",
        ),
        mistakes={
            "the channels mixed": (
                (pictures, 1, rows, columns),
                "a pool adds nothing up over channels, nor does it look for the largest among them. "
                f"Each of the {channels} channels is pooled by itself.",
            ),
            "the channels pooled too": (
                (pictures, channels // kernel_size, rows, columns),
                f"the window covers {kernel_size} × {kernel_size} cells of one channel. All {channels} channels stay.",
            ),
            "the batch forgotten": (
                (channels, rows, columns),
                f"that is one picture. {pictures} went in, and {pictures} come out: their number stands in front.",
            ),
            "stride 1 by default": (
                (pictures, channels, *pool_output_size((height, width), kernel_size, 1)),
                f"that is a convolution's default. A pool's stride is its kernel, {kernel_size}: {sides}.",
            ),
            "one side only": (
                (pictures, channels, rows, width),
                f"kernel {kernel_size} means {kernel_size} rows and {kernel_size} columns: {sides}.",
            ),
        },
    )


@prediction(
    "what a pool learns",
    "9 · Channels stay apart, and nothing is learned",
    in_channels=(3, (1, 3, 4, 8, 16)),
    out_channels=(18, (6, 8, 12, 18, 32)),
    kernel_size=(3, (1, 3, 5)),
    pool_size=(2, (2, 3, 4)),
)
def q8(in_channels, out_channels, kernel_size, pool_size):
    convolution = conv_parameters(in_channels, out_channels, kernel_size)
    weights = out_channels * in_channels * kernel_size**2
    area = f"{pool_size}·{pool_size}"
    fixed = "but a pool has none. It follows a fixed rule, and there is nothing to learn in it"
    return Asked(
        f"`nn.MaxPool2d({pool_size})` stands behind `nn.Conv2d({in_channels}, {out_channels}, {kernel_size})`. "
        "How many parameters do the two layers have together?",
        answer=convolution,
        working=f"{out_channels}·{in_channels}·{kernel_size}·{kernel_size} weights + {out_channels} biases + 0 for the "
        f"pool = {weights} + {out_channels} + 0",
        hints=(
            "The convolution's you counted in lesson 01: its weights, and a bias for each output channel.",
            'Is there anything to learn in "take the largest"?',
        ),
        mistakes={
            "a pool like a convolution": (
                convolution + conv_parameters(out_channels, out_channels, pool_size),
                f"you counted {out_channels}·{out_channels}·{area} weights and {out_channels} biases for the pool, "
                f"{fixed}.",
            ),
            "a kernel of weights in the pool": (
                convolution + pool_size**2,
                f"you counted {area} weights for the pool, {fixed}. Its kernel is only a size.",
            ),
            "a weight for each channel": (
                convolution + out_channels,
                f"you counted {out_channels} numbers for the pool, one for each channel, {fixed}.",
            ),
            "the biases left out": (
                weights,
                f"the pool has no parameters, that is right. But the convolution has {out_channels} biases too.",
            ),
        },
    )


@prediction(
    "where the gradient goes",
    "11 · Where the gradient goes",
    a=(71, range(256)),
    b=(103, range(256)),
    c=(87, range(256)),
    d=(193, range(256)),
    gradient=(3, range(2, 10)),
)
def q9(a, b, c, d, gradient):
    cells = a, b, c, d
    if len(set(cells)) < 4:
        return None  # torch does not promise which of two equal numbers gets it
    largest = max(cells)
    winner = f"the largest of {a}, {b}, {c}, {d}"
    return Asked(
        f"A window of max pooling holds {a}, {b}, {c}, {d}, and its output gets the gradient {gradient}. "
        "Which gradients do the four cells get? (Four numbers, in brackets.)",
        answer=tuple(gradient * (cell == largest) for cell in cells),
        working=f"{gradient}·(1 for {winner}, 0 for the others)",
        hints=(
            "Move one cell a little. For which of the four does the output move too?",
            "A loser can move a little and the output stays the same: its gradient is 0.",
        ),
        mistakes={
            "shared out as by the average": (
                (gradient / 4,) * 4,
                f"the average gives each cell a quarter. Of max pooling only {winner} moves the output.",
            ),
            "all of it to each": (
                (gradient,) * 4,
                f"only {winner} moves the output. The other three could move a little, and nothing would change.",
            ),
            "the number in place of its gradient": (
                tuple(cell * (cell == largest) for cell in cells),
                f"{largest} is what goes forward. What comes back to it is the gradient of the output, {gradient}.",
            ),
            "1 for the winner": (
                tuple(int(cell == largest) for cell in cells),
                f"the right cell. But the output's gradient is {gradient}, and all of it goes to this cell.",
            ),
        },
    )


@prediction(
    "ReLU after the pool",
    "12 · ReLU before or after the pool",
    channels=(18, (6, 12, 18, 24, 36)),
    size=(32, range(8, 65)),
    kernel_size=(2, (2, 3, 4)),
)
def q10(channels, size, kernel_size):
    side = pool_output_size(size, kernel_size)
    formula = f"{channels}·⌊{size} / {kernel_size}⌋·⌊{size} / {kernel_size}⌋"
    return Asked(
        f"A convolution makes {channels} maps of {size} × {size} of one picture. `nn.MaxPool2d({kernel_size})` comes "
        "next, and the ReLU after it. How many numbers does the ReLU handle?",
        answer=channels * side**2,
        working=f"{formula} = {channels}·{side}·{side}",
        hints=(
            "The ReLU handles each number that the pool lets through.",
            f"A pooled map has {side} rows and {side} columns.",
        ),
        mistakes={
            "the ReLU before the pool": (
                channels * size**2,
                f"that is how many numbers go into the pool. The ReLU reads what comes out of it: {formula}.",
            ),
            "one side only": (channels * size * side, f"the pool shortens rows and columns: {formula}."),
            "one map only": (
                side**2,
                f"that is one map. There are {channels}, and the pool leaves their number as it is: {formula}.",
            ),
            "the channels pooled too": (
                channels // kernel_size * side**2,
                f"a window looks at one channel at a time, so all {channels} stay: {formula}.",
            ),
        },
    )
