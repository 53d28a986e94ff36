"""The questions of lesson 01, Convolution arithmetic."""

from itertools import product

import torch
import torch.nn.functional as F

from helpers.arithmetic import conv_output_size, conv_parameters, receptive_field
from helpers.exercises.implementation import implementation
from helpers.exercises.prediction import Asked, prediction


@prediction("places in a row", "2 · How many places?", size=(7, range(6, 21)), kernel_size=(3, range(2, 6)))
def q1(size, kernel_size):
    last = f"last {kernel_size - 1} cells" if kernel_size > 2 else "last cell"
    return Asked(
        f"An input is {size} cells wide, a kernel {kernel_size} cells. "
        "Moving one cell at a time, in how many positions does the kernel fit?",
        answer=conv_output_size(size, kernel_size),
        working=f"{size} − {kernel_size} + 1",
        hints=(
            "Let the kernel's left edge stand at 0, then at 1, then at 2. When does its right edge leave the input?",
            f"The last position of the left edge is {size} − {kernel_size} = {size - kernel_size}. "
            "The first one is 0, and it counts, too.",
        ),
        mistakes={
            "the first position forgotten": (
                size - kernel_size,
                "these are the moves. The position that the kernel starts from counts, too.",
            ),
            "side by side": (
                size // kernel_size,
                "that is how many kernels fit side by side. The positions are one cell apart, so they overlap.",
            ),
            "one position for each cell": (
                size,
                f"the kernel's left edge cannot stand in the {last}: its right edge sticks out.",
            ),
        },
    )


@prediction("padding", "3 · Padding", size=(7, range(5, 21)), kernel_size=(5, range(2, 8)), padding=(2, (1, 2, 3)))
def q2(size, kernel_size, padding):
    return Asked(
        f"Padding {padding}, kernel {kernel_size}, input {size}, stride 1. How large is the output?",
        answer=conv_output_size(size, kernel_size, padding=padding),
        working=f"{size} + 2·{padding} − {kernel_size} + 1 = {size + 2 * padding} − {kernel_size} + 1",
        hints=(
            "How wide is the input once there are zeros around it?",
            f"Zeros are put on both sides: {padding} on the left and {padding} on the right.",
        ),
        mistakes={
            "padding counted once": (
                size + padding - kernel_size + 1,
                "zeros are added on both sides, and you added them on one.",
            ),
            "the first position forgotten": (
                size + 2 * padding - kernel_size,
                "these are the moves. The position that the kernel starts from counts, too.",
            ),
            "padding left out": (size - kernel_size + 1, "the kernel may stand on the padding, too."),
            "the padded input": (
                size + 2 * padding,
                "you counted cells. In how many positions does the kernel fit on them?",
            ),
        },
    )


@prediction("stride", "4 · Stride", size=(10, range(6, 33)), kernel_size=(5, range(2, 8)), stride=(2, (2, 3, 4)))
def q3(size, kernel_size, stride):
    room = size - kernel_size
    return Asked(
        f'Kernel {kernel_size}, stride {stride}, input {size}. How large is the output? (A number, or "error".)',
        answer=conv_output_size(size, kernel_size, stride),
        working=f"⌊({size} − {kernel_size}) / {stride}⌋ + 1 = ⌊{room / stride:g}⌋ + 1"
        if room * 100 % stride == 0
        else f"⌊({size} − {kernel_size}) / {stride}⌋ + 1 = ⌊{room} / {stride}⌋ + 1",
        hints=(
            f"The kernel can move on by {size} − {kernel_size} = {room} cell{'s' * (room != 1)}. "
            f"How many steps of {stride} is that?",
            "A partial step does not count.",
        ),
        mistakes={
            "rounded up": (
                -(-room // stride) + 1,
                "what is left over makes no whole step, and PyTorch drops it: round down.",
            ),
            "the floor forgotten": (room / stride + 1, "a partial step does not count: round down."),
            "the first position forgotten": (
                room // stride,
                "these are the steps. The position before the first step counts, too.",
            ),
            "the stride left out": (
                room + 1,
                f"that is the number of positions with stride 1. Here the kernel moves {stride} cells at a time.",
            ),
            "the kernel left out": (
                size // stride,
                "you divided the whole input. The kernel cannot move that far: its right edge stops at the border.",
            ),
            "an error expected": (
                "error",
                f"{room} is not a multiple of {stride}, but PyTorch raises no error: it drops what is left over.",
            ),
        },
    )


@prediction("dilation", "5 · Dilation", size=(14, range(9, 25)), kernel_size=(4, range(2, 6)), dilation=(3, (2, 3)))
def q4(size, kernel_size, dilation):
    span = dilation * (kernel_size - 1) + 1
    spanned = f"{dilation}·({kernel_size} − 1) + 1 = {span}"
    return Asked(
        f"Input {size}, kernel {kernel_size}, dilation {dilation}, stride 1. How large is the output?",
        answer=conv_output_size(size, kernel_size, dilation=dilation),
        working=f"{size} − ({dilation}·({kernel_size} − 1) + 1) + 1 = {size} − {span} + 1",
        hints=(
            f"Draw the {kernel_size} weights in a row, each {dilation} cells after the one before. "
            "How many cells is it from the first to the last, both counted?",
            f"The kernel spans {spanned} cells.",
        ),
        mistakes={
            "dilation left out": (
                size - kernel_size + 1,
                f"the kernel has {kernel_size} weights, and because of the gaps it spans more cells than that.",
            ),
            "the first position forgotten": (
                size - span,
                "these are the moves. The position that the kernel starts from counts, too.",
            ),
            "dilation times kernel": (
                size - dilation * kernel_size + 1,
                "there are gaps between the weights, but none after the last.",
            ),
            "dilation taken for the gap": (
                size - (dilation + 1) * (kernel_size - 1),
                f"dilation {dilation} puts each weight {dilation} cells after the one before: a gap of {dilation - 1}.",
            ),
            "kernel − 1 without the + 1": (
                size - dilation * (kernel_size - 1) + 1,
                "you counted from the first weight to the last. The cell of the first weight belongs to the span, too.",
            ),
            "the span alone": (span, "that is how wide the kernel is. In how many positions does it fit?"),
        },
    )


@prediction(
    "all of it in one line",
    "6 · All of it in one line",
    size=(26, range(12, 65)),
    kernel_size=(7, range(2, 10)),
    stride=(2, (2, 3, 4)),
    padding=(4, (1, 2, 3, 4)),
)
def q5(size, kernel_size, stride, padding):
    room = size + 2 * padding - kernel_size
    answer = conv_output_size(size, kernel_size, stride, padding)
    if answer == size // stride:
        return None  # to divide by the stride would do
    formula = f"⌊({size} + 2·{padding} − {kernel_size}) / {stride}⌋ + 1"
    return Asked(
        f"Input {size}, kernel {kernel_size}, stride {stride}, padding {padding}. How large is the output?",
        answer=answer,
        working=f"{formula} = ⌊{room} / {stride}⌋ + 1",
        hints=(
            "Pad first. Then see how far the kernel can move, and count whole steps.",
            f"The padded input has {size} + 2·{padding} = {size + 2 * padding} cells.",
        ),
        mistakes={
            "the floor forgotten": (room / stride + 1, "a partial step does not count: round down."),
            # (room + 1) // stride + 1, without the formula's last − 1, is the same number, or the answer
            "rounded up": (
                -(-room // stride) + 1,
                "what is left over makes no whole step: round down. "
                "If nothing was left over, the formula's last − 1 is missing.",
            ),
            "padding counted once": (
                (size + padding - kernel_size) // stride + 1,
                "zeros are added on both sides, and you added them on one.",
            ),
            "padding left out": (
                (size - kernel_size) // stride + 1 if size >= kernel_size else 0,
                "the kernel may stand on the padding, too.",
            ),
            "the first position forgotten": (
                room // stride,
                "these are the steps. The position before the first step counts, too.",
            ),
            "the kernel left out": (
                (size + 2 * padding) // stride,
                "you divided the whole padded input. The kernel's right edge stops at its border.",
            ),
        },
    )


@prediction(
    "a rectangle",
    "Height and width",
    height=(6, range(6, 21)),
    width=(9, range(6, 21)),
    kernel_height=(5, range(1, 6)),
    kernel_width=(3, range(1, 6)),
    stride=(2, (2, 3)),
)
def q6(height, width, kernel_height, kernel_width, stride):
    if height == width or kernel_height == kernel_width:
        return None
    size, kernel_size = (height, width), (kernel_height, kernel_width)
    rooms = height - kernel_height, width - kernel_width
    return Asked(
        f"An input of {size} (height, width), a kernel of {kernel_size}, stride {stride}. "
        "What is the output's (height, width)?",
        answer=conv_output_size(size, kernel_size, stride),
        working=f"(⌊({height} − {kernel_height}) / {stride}⌋ + 1, ⌊({width} − {kernel_width}) / {stride}⌋ + 1)",
        hints=(
            "Height and width are counted separately, each with its own kernel. Height comes first.",
            f"Height: the kernel is {kernel_height} high and can move down by {rooms[0]} cell{'s' * (rooms[0] != 1)}.",
        ),
        mistakes={
            "height and width mixed up": (
                conv_output_size((width, height), kernel_size, stride),
                "the first number of each pair is the height: in the input, in the kernel and in the output.",
            ),
            "width before height": (
                conv_output_size(size, kernel_size, stride)[::-1],
                "both numbers are counted rightly, but the height comes first.",
            ),
            "the stride left out": (
                tuple(room + 1 for room in rooms),
                f"that is the number of positions with stride 1. Here the kernel moves {stride} cells at a time.",
            ),
            "rounded up": (
                tuple(-(-room // stride) + 1 for room in rooms),
                "what is left over makes no whole step: round down. "
                "If nothing was left over, the formula's last − 1 is missing.",
            ),
            "the first position forgotten": (
                tuple(room // stride for room in rooms),
                "these are the steps. The position before the first step counts, too, down and across.",
            ),
            "the kernel left out": (
                (height // stride, width // stride),
                "you divided the whole input. The kernel cannot move that far: its edge stops at the border.",
            ),
        },
    )


def _conv2d(image, weight, stride=1):
    return F.conv2d(image[None, None], weight[None, None], stride=stride)[0, 0]


def _square_windows(image, weight, stride=1):
    """The window as wide as the kernel is high."""
    rows, columns = (conv_output_size(*pair, stride) for pair in zip(image.shape, weight.shape, strict=True))
    output = torch.zeros(rows, columns)
    for row, column in product(range(rows), range(columns)):
        top, left = row * stride, column * stride
        output[row, column] = (image[top : top + weight.shape[0], left : left + weight.shape[0]] * weight).sum()
    return output


def _not_added_up(image, weight, stride=1):
    output = torch.zeros(_conv2d(image, weight, stride).shape)
    output[0, 0] = image[: weight.shape[0], : weight.shape[1]] * weight
    return output


def _without_stride(image, weight, stride=1):
    """The windows of stride 1, in an output of the right size."""
    rows, columns = (conv_output_size(*pair, stride) for pair in zip(image.shape, weight.shape, strict=True))
    return _conv2d(image, weight)[:rows, :columns]


def _windows(generator):
    numbers = torch.Generator().manual_seed(generator.randrange(2**31))
    sizes = [((3, 3), (2, 2), 1), ((4, 4), (2, 2), 2), ((4, 6), (3, 2), 1), ((7, 8), (3, 2), 2), ((9, 6), (2, 3), 3)]
    cases = [
        dict(
            image=torch.randint(0, 10, image, generator=numbers).float(),
            weight=torch.randint(-2, 4, weight, generator=numbers).float(),
            stride=stride,
        )
        for image, weight, stride in sizes
    ]
    cases.append(cases[2] | {"image": cases[2]["image"].T.contiguous().T})  # not contiguous in memory
    image, weight = torch.randn(6, 7, generator=numbers), torch.randn(3, 2, generator=numbers)
    cases.append(dict(image=10 * image, weight=weight, stride=2))  # neither whole nor positive
    return cases


def conv2d(image, weight, stride=1):  # (H, W), (kernel height, kernel width) -> (rows, columns)
    pairs = zip(image.shape, weight.shape, strict=True)
    height, width = (conv_output_size(size, kernel, stride) for size, kernel in pairs)
    output = torch.zeros(height, width)
    for row, column in product(range(height), range(width)):
        top, left = row * stride, column * stride
        window = image[top : top + weight.shape[0], left : left + weight.shape[1]]
        output[row, column] = (window * weight).sum()
    return output


@implementation("conv2d by hand", "7 · The real thing", solution=conv2d, reference=_conv2d, cases=_windows)
def q7():
    """Write `conv2d(image, weight, stride=1)` for one plane and one kernel: cut each window out of the image,
    multiply it by the weights, and add up the products.
    """
    hints = (
        "The window of output `[row, column]` begins at row `row * stride` of the image. At which column?",
        "It is as high as the kernel, `weight.shape[0]`, and as wide, `weight.shape[1]`.",
        "`window = image[top : top + weight.shape[0], left : left + weight.shape[1]]`, and then "
        "`(window * weight).sum()`.",
    )
    mistakes = {
        "the kernel turned": (
            lambda image, weight, stride=1: _conv2d(image, weight.flip(0, 1), stride),
            "PyTorch lays the kernel on the window as it is, without turning it upside down.",
        ),
        "the stride left out": (
            _without_stride,
            "your windows are one cell apart: they begin at `row` and `column`, not at `row * stride` and "
            "`column * stride`.",
        ),
        "height and width mixed up": (
            lambda image, weight, stride=1: _conv2d(image.T, weight, stride),
            "the first index is the row, and rows are counted by the height.",
        ),
        "height and width of the window": (
            _square_windows,
            "the window has `weight.shape[0]` rows and `weight.shape[1]` columns, and the rows come first.",
        ),
        "not added up": (
            _not_added_up,
            "`output[row, column]` holds one number: add up all of `window * weight` with `.sum()`.",
        ),
        "multiplied, not added up by pairs": (
            lambda image, weight, stride=1: (
                F.avg_pool2d(image[None, None], tuple(weight.shape), stride, divisor_override=1)[0, 0] * weight.sum()
            ),
            "each number of the window is multiplied by the weight that lies on it. Only then are the products added.",
        ),
    }
    return hints, mistakes


@prediction(
    "parameters",
    "8 · Colour: three planes in, eighteen planes out",
    in_channels=(3, (2, 3, 4, 8, 16, 18)),
    out_channels=(12, (6, 8, 12, 18, 32)),
    kernel_size=(5, (1, 3, 5, 7)),
)
def q8(in_channels, out_channels, kernel_size):
    area = f"{kernel_size}·{kernel_size}"
    weights = f"{out_channels}·{in_channels}·{area}"
    return Asked(
        f"A layer turns {in_channels} channels into {out_channels}, with kernel {kernel_size}. "
        "How many numbers does it learn, with its biases?",
        answer=conv_parameters(in_channels, out_channels, kernel_size),
        working=f"{weights} + {out_channels} = {out_channels * in_channels * kernel_size**2} + {out_channels}",
        hints=(
            "How many numbers does one filter have? It reads all input channels at once.",
            f"One filter: {in_channels}·{area} weights and one bias. There are {out_channels} filters.",
        ),
        mistakes={
            "without the biases": (
                conv_parameters(in_channels, out_channels, kernel_size, bias=False),
                "these are the weights. Each filter also has a bias.",
            ),
            "without the input channels": (
                conv_parameters(1, out_channels, kernel_size),
                f"you counted one kernel for each filter. It has one for each of the {in_channels} input channels.",
            ),
            "neither input channels nor biases": (
                conv_parameters(1, out_channels, kernel_size, bias=False),
                f"a filter has a kernel for each of the {in_channels} input channels, not one in all, and a bias.",
            ),
            "a bias for each kernel": (
                out_channels * in_channels * (kernel_size**2 + 1),
                "a filter adds its bias once, to the sum over all input channels, and not to what each kernel gives.",
            ),
            "one bias for all": (
                conv_parameters(in_channels, out_channels, kernel_size, bias=False) + 1,
                "each output channel has a bias of its own.",
            ),
        },
    )


@prediction(
    "what two layers see", "10 · Why kernels are small and odd", first=(3, range(2, 10)), second=(3, range(2, 10))
)
def q9(first, second):
    different = f"the first with kernel {first}, the second with kernel {second}, both with stride 1 and no padding"
    kernels = f"both with kernel {first} and stride 1" if first == second else different
    return Asked(
        f"Two layers in a row, {kernels}. How wide is the part of the input that one number of the second output sees?",
        answer=receptive_field([(first, 1, 1), (second, 1, 1)]),
        working=f"{first} + ({second} − 1)",
        hints=(
            f"One number of the second output sees {second} numbers of the first, side by side. "
            f"Each of those sees {first} cells.",
            "Their windows are one cell apart, so they overlap: each additional one adds a single cell.",
        ),
        mistakes={
            "the kernels added": (
                first + second,
                f"the {second} windows overlap. The first one sees {first} cells; what does each additional one add?",
            ),
            "the kernels multiplied": (
                first * second,
                f"that is the width of {second} windows side by side. They are one cell apart, so they overlap.",
            ),
            "the last layer alone": (
                second,
                f"these are {second} numbers of the first output. Each of them sees {first} cells of the input.",
            ),
        },
    )
