"""The questions of lesson 02, Max pooling."""

from itertools import product

import torch
import torch.nn.functional as F

from helpers.arithmetic import conv_parameters, pool_output_size, receptive_field
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
        "`torch.maximum` takes two tensors. For four you need it three times.",
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
            "four negative numbers have a largest one, too. Start from one of them, and not from 0.",
        ),
    }
    return hints, mistakes


@prediction(
    "the rows of a pool", "2 · How large is what comes out?", size=(32, range(10, 65)), kernel_size=(3, range(3, 8))
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
                "stride 1 is a convolution's default. A pool's stride, if you give none, is its kernel.",
            ),
            "stride 2 whatever the kernel": (
                pool_output_size(size, kernel_size, 2),
                f"a pool's stride, if you give none, is its kernel, and that is {kernel_size} here.",
            ),
            "rounded up": (
                pool_output_size(size, kernel_size, ceil_mode=True),
                "round down. If nothing was left over, the formula's last − 1 is missing.",
            ),
            "the floor forgotten": (size / kernel_size, "a partial window does not count: round down."),
            "the first position forgotten": (
                room // kernel_size,
                "these are the steps. The window before the first step counts, too.",
            ),
            "halved": (size // 2, f"a pool halves a plane if its kernel is 2. Here the kernel is {kernel_size}."),
        },
    )


@prediction(
    "what a number sees past a pool",
    "3 · Why pool?",
    first=(3, range(2, 8)),
    pool_size=(2, (2, 3, 4)),
    second=(7, range(2, 8)),
)
def q3(first, pool_size, second):
    pooled = first + pool_size - 1
    return Asked(
        f"A convolution with kernel {first}, `nn.MaxPool2d({pool_size})`, and a convolution with kernel {second}, both "
        "with stride 1. How many cells of the input, side by side, does one number at the end depend on?",
        answer=receptive_field([(first, 1, 1), (pool_size, pool_size, 1), (second, 1, 1)]),
        working=f"{first} + ({pool_size} − 1) + {pool_size}·({second} − 1) "
        f"= {first} + {pool_size - 1} + {pool_size}·{second - 1}",
        hints=(
            f"How many cells does one number of the pool's output depend on? It reads {pool_size} numbers, side by "
            "side, of the first convolution.",
            f"That is {pooled}. The second convolution reads {second} such numbers. How far apart in the input do two "
            "neighbours begin?",
        ),
        mistakes={
            "the pool left out": (
                first + second - 1,
                "that is what the two convolutions see without a pool between them.",
            ),
            "the pool's stride left out": (
                pooled + second - 1,
                f"two neighbours in the pool's output begin {pool_size} cells apart in the input, and not 1.",
            ),
            "the pool's window left out": (
                first + pool_size * (second - 1),
                f"one number of the pool's output depends on more than {first} cells: it reads {pool_size} numbers of "
                "the first convolution, side by side.",
            ),
            "the kernels added": (
                first + pool_size + second,
                "windows overlap, so kernels do not add up. Go from the input to the end, layer by layer.",
            ),
            "the kernels multiplied": (
                first * pool_size * second,
                "that would be right if no windows overlapped. Those of the convolutions do.",
            ),
            "the last layer alone": (
                second,
                f"these are {second} numbers of the pool's output. Each of them depends on several cells of the input.",
            ),
        },
    )


@prediction(
    "rows that no window reads", "4 · Rounding up: `ceil_mode`", size=(8, range(8, 41)), kernel_size=(3, range(3, 7))
)
def q4(size, kernel_size):
    if size % kernel_size < 2:
        return None  # with one row left over, two known mistakes give the same answer
    windows = size // kernel_size
    start = (windows - 1) * kernel_size  # the row in which the last whole window starts
    last = start + kernel_size - 1
    return Asked(
        f"`nn.MaxPool2d({kernel_size})` reads {size} rows, numbered from 0 to {size - 1}. Which is the last row that a "
        "window reads? And how many rows would come out with `ceil_mode=True`? (Two numbers, in brackets.)",
        answer=(last, pool_output_size(size, kernel_size, ceil_mode=True)),
        working=f"({windows}·{kernel_size} − 1, ⌈{size} / {kernel_size}⌉)",
        hints=(
            f"The windows start at row 0, {kernel_size}, {2 * kernel_size}, … Which is the last one that fits whole?",
            f"A window that starts at row 0 ends at row {kernel_size} − 1. With `ceil_mode` one more window may hang "
            "over the end.",
        ),
        mistakes={
            "all rows read": (
                (size - 1, windows + 1),
                "without `ceil_mode` only whole windows count. What is left over below the last of them is not read.",
            ),
            "where the last window starts": (
                (start, windows + 1),
                f"the last window starts there, and it is {kernel_size} rows high.",
            ),
            "counted from 1": (
                (last + 1, windows + 1),
                f"rows are counted from 0: a window that starts at row 0 ends at row {kernel_size - 1}.",
            ),
            "rounded down": (
                (last, windows),
                "the row is right. With `ceil_mode` one more window comes in, which hangs over the end.",
            ),
            "the first position forgotten": (
                (last - kernel_size, windows),
                "you counted the steps. The window before the first step counts, too.",
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
    row = f"{a}, {b}, {c}, {d}"
    return Asked(
        "A max pool with kernel 3 and padding 1. Its window at the top left covers five cells of padding and the four "
        f"cells `{row}`. Which number comes out?",
        answer=max(cells),
        working=f"max(−∞, {row})",
        hints=(
            "Which number in the padding would never win, whatever the cells are?",
            "The padding is −∞, so the largest of the four cells wins.",
        ),
        mistakes={
            "padded with zeros": (
                0,
                "a convolution pads with zeros, a max pool does not. It pads with what never wins.",
            ),
            "averaged": (sum(cells) / 4, "that is the mean of the four cells. Max pooling keeps one of them as it is."),
            "averaged with zeros": (
                sum(cells) / 9,
                "that is the mean of four cells and five zeros. Max pooling keeps one cell as it is.",
            ),
            "the sign left out": (
                min(cells),
                f"{min(cells)} is the smallest of the four. "
                "The larger number is further to the right on the number line.",
            ),
        },
    )


@prediction(
    "the shape of pooled maps",
    "8 · Channels, and what is learned",
    pictures=(4, range(2, 9)),
    channels=(12, (6, 12, 18, 24, 36)),
    height=(20, range(8, 49)),
    width=(33, range(8, 49)),
    kernel_size=(3, (2, 3, 4)),
)
def q6(pictures, channels, height, width, kernel_size):
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
                "a pool neither adds channels up nor chooses among them. It pools each channel by itself.",
            ),
            "the channels pooled too": (
                (pictures, channels // kernel_size, rows, columns),
                f"the window covers {kernel_size} × {kernel_size} cells of one channel, and never cells of several.",
            ),
            "the batch forgotten": (
                (channels, rows, columns),
                f"that is the shape of one picture, and {pictures} went in.",
            ),
            "stride 1 by default": (
                (pictures, channels, *pool_output_size((height, width), kernel_size, 1)),
                "stride 1 is a convolution's default. A pool's stride, if you give none, is its kernel.",
            ),
            "one side only": (
                (pictures, channels, rows, width),
                f"kernel {kernel_size} means {kernel_size} rows and {kernel_size} columns. You pooled the rows alone.",
            ),
        },
    )


@prediction(
    "what a pool learns",
    "8 · Channels, and what is learned",
    in_channels=(4, (1, 3, 4, 8, 16)),
    out_channels=(8, (6, 8, 12, 18, 32)),
    kernel_size=(3, (1, 3, 5)),
    pool_size=(2, (2, 3, 4)),
)
def q7(in_channels, out_channels, kernel_size, pool_size):
    convolution = conv_parameters(in_channels, out_channels, kernel_size)
    weights = out_channels * in_channels * kernel_size**2
    area = f"{pool_size}·{pool_size}"
    fixed = "but a pool follows a fixed rule: there is nothing in it to learn"
    return Asked(
        f"`nn.MaxPool2d({pool_size})` comes after `nn.Conv2d({in_channels}, {out_channels}, {kernel_size})`. "
        "How many parameters do the two layers have together?",
        answer=convolution,
        working=f"{out_channels}·{in_channels}·{kernel_size}·{kernel_size} weights + {out_channels} biases + 0 for the "
        f"pool = {weights} + {out_channels} + 0",
        hints=(
            "You counted the convolution's in lesson 01: its weights, and a bias for each output channel.",
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
                f"you counted {area} weights for the pool, {fixed}. Its kernel is a size and no more.",
            ),
            "a weight for each channel": (
                convolution + out_channels,
                f"you counted {out_channels} numbers for the pool, one for each channel, {fixed}.",
            ),
            "the biases left out": (
                weights,
                "the pool has no parameters, that is right. But the convolution has biases, too.",
            ),
            "the pool alone": (
                0,
                "the pool has none, that is right. But the convolution learns, and both are asked about.",
            ),
        },
    )


@prediction(
    "where the gradient goes",
    "10 · Where the gradient goes",
    a=(71, range(256)),
    b=(103, range(256)),
    c=(87, range(256)),
    d=(193, range(256)),
    gradient=(3, range(2, 10)),
)
def q8(a, b, c, d, gradient):
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
            "A cell that does not win can grow a little, and the output stays the same: its gradient is 0.",
        ),
        mistakes={
            "shared out as by the average": (
                (gradient / 4,) * 4,
                "an average gives each cell a quarter. In a max pool only one of the four cells moves the output.",
            ),
            "all of it to each": (
                (gradient,) * 4,
                "only one of the four moves the output. The others could grow a little, and nothing would change.",
            ),
            "the number in place of its gradient": (
                tuple(cell * (cell == largest) for cell in cells),
                f"{largest} is the number that went forward. What comes back is a gradient: you kept the number.",
            ),
            "1 for the winner": (
                tuple(int(cell == largest) for cell in cells),
                f"the right cell. But the gradient that comes back is not 1 here: the output gets {gradient}.",
            ),
        },
    )


@prediction(
    "ReLU after the pool",
    "11 · ReLU before or after the pool",
    channels=(12, (6, 12, 18, 24, 36)),
    size=(24, range(8, 65)),
    kernel_size=(3, (2, 3, 4)),
)
def q9(channels, size, kernel_size):
    side = pool_output_size(size, kernel_size)
    formula = f"{channels}·⌊{size} / {kernel_size}⌋·⌊{size} / {kernel_size}⌋"
    return Asked(
        f"A convolution turns one picture into {channels} maps of {size} × {size}. `nn.MaxPool2d({kernel_size})` comes "
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
                "that is how many numbers go into the pool. The ReLU reads what comes out of it.",
            ),
            "one side only": (channels * size * side, "the pool shortens both sides of a map, and you shortened one."),
            "one map only": (side**2, f"that is one map, and there are {channels}."),
            "the channels pooled too": (
                channels // kernel_size * side**2,
                "a window looks at one channel at a time, so the number of channels stays.",
            ),
        },
    )


def _padded_planes(generator):
    small, square, wide, high, large = _planes(generator, (2, 2), (3, 3), (4, 6), (8, 5), (9, 10))
    settings = [
        (small, 2, 2, 0),
        (-1000 - square.abs(), 2, 1, 1),  # so low that −999 in the padding would win
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
    "max pooling by hand",
    "Extra · Write max pooling yourself",
    solution=max_pool,
    reference=_pool,
    cases=_padded_planes,
)
def q10():
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
