"""The questions of lesson 04, SimpleCNN, forward."""

import torch
import torch.nn.functional as F
from torch import nn

from helpers.arithmetic import conv_output_size, pool_output_size, receptive_field
from helpers.exercises.implementation import implementation
from helpers.exercises.prediction import Asked, prediction
from helpers.trace import explained

SIZES, KERNELS, PADDINGS = range(12, 65), (3, 5, 7), (0, 1, 2, 3)
CHANNELS = (6, 8, 12, 16, 18, 24, 32)  # that conv1 makes


def _sizes(image_size, kernel_size, padding):
    """The height and width after conv1, and after the 2 × 2 pool."""
    maps = conv_output_size(image_size, kernel_size, padding=padding)
    return maps, pool_output_size(maps, 2)


@prediction(
    "the missing bracket",
    "1 · Two classes, one network",
    size=(32, SIZES),
    kernel_size=(3, KERNELS),
    padding=(1, (1, 2, 3)),
    stride=(2, (2, 3, 4)),
)
def q1(size, kernel_size, padding, stride):
    room = size - kernel_size + 2 * padding
    inner = f"{size} − {kernel_size} + 2·{padding}"
    return Asked(
        f"Size {size}, kernel {kernel_size}, padding {padding}, stride {stride}. How large is the output?",
        answer=conv_output_size(size, kernel_size, stride, padding),
        working=f"⌊({inner}) / {stride}⌋ + 1 = ⌊{room} / {stride}⌋ + 1",
        hints=(
            f"The kernel moves in steps of {stride}. What is it that you divide into steps: the padding alone, or all "
            "the room it has?",
            f"It can move by {inner} = {room} cells, and half a step does not count.",
        ),
        mistakes={
            "the bracket closed too late": (
                size - kernel_size + 2 * padding / stride + 1,
                f"you divided 2·{padding} alone by the stride. All of {inner} is divided: ({inner}) / {stride}.",
            ),
            "the floor forgotten": (room / stride + 1, f"a part of a step is none: {room} / {stride} is rounded down."),
            "rounded up": (
                -(-room // stride) + 1,
                f"⌊ ⌋ rounds down: in {room} cells there are {room // stride} whole steps of {stride}.",
            ),
            "the + 1 forgotten": (
                room // stride,
                f"the place the kernel started from counts too: ⌊{room} / {stride}⌋ + 1.",
            ),
            "the stride left out": (
                room + 1,
                f"that is the number of places with stride 1. Here the kernel goes {stride} cells at a time.",
            ),
        },
    )


@prediction(
    "the shape after the pool",
    "2 · Every shape, with the batch in it",
    batch=(64, (2, 5, 8, 16, 64, 128)),
    channels=(3, (2, 3, 4)),
    image_size=(32, SIZES),
    conv_channels=(18, CHANNELS),
    kernel_size=(3, KERNELS),
    padding=(1, PADDINGS),
)
def q2(batch, channels, image_size, conv_channels, kernel_size, padding):
    maps, pooled = _sizes(image_size, kernel_size, padding)
    image = f"{image_size}, {image_size}"
    convolved = f"({batch}, {conv_channels}, {maps}, {maps})"
    return Asked(
        f"A batch of {batch} pictures, ({batch}, {channels}, {image}), goes through `conv1` with {conv_channels} "
        f"kernels of {kernel_size} × {kernel_size} and padding {padding}, and through a 2 × 2 pool. "
        "What shape comes out?",
        answer=(batch, conv_channels, pooled, pooled),
        working=f"conv1 makes {convolved}; the pool keeps batch and channels, and {maps} becomes ⌊{maps} / 2⌋: "
        f"({batch}, {conv_channels}, ⌊{maps} / 2⌋, ⌊{maps} / 2⌋)",
        hints=(
            "Four numbers: the pictures, the channels, the height, the width. Which of them does `conv1` change, "
            "and which the pool?",
            f"After `conv1`: {convolved}.",
        ),
        mistakes={
            "the batch forgotten": (
                (conv_channels, pooled, pooled),
                f"this is one picture's shape. {batch} went in, and no layer takes the batch away: it comes first.",
            ),
            "the input's channels kept": (
                (batch, channels, pooled, pooled),
                f"each of the {conv_channels} kernels lies on all input channels at once, and makes one map.",
            ),
            "the pool forgotten": (
                (batch, conv_channels, maps, maps),
                "that is the shape after `conv1`. The pool makes one number of each 2 × 2.",
            ),
            "the channels last": (
                (batch, pooled, pooled, conv_channels),
                "the numbers are right, their order is that of image files. In PyTorch the channels come before height "
                "and width.",
            ),
            "the channels multiplied": (
                (batch, channels * conv_channels, pooled, pooled),
                f"what a kernel finds in the {channels} input channels is added up to one map: {conv_channels} kernels "
                f"make {conv_channels} maps.",
            ),
        },
    )


@prediction(
    "a picture without a batch",
    "2 · Every shape, with the batch in it",
    channels=(3, (1, 3, 4)),
    image_size=(32, range(8, 65, 2)),
    conv_channels=(18, CHANNELS),
)
def q3(channels, image_size, conv_channels):
    pooled = image_size // 2
    return Asked(
        f"One picture without a batch, ({channels}, {image_size}, {image_size}), goes through `conv1` with "
        f"{conv_channels} kernels of 3 × 3 and padding 1, through a 2 × 2 pool, and through `torch.flatten(x, 1)`. "
        'What shape comes out? (A shape, or "error".)',
        answer=(conv_channels, pooled**2),
        working=f"({channels}, {image_size}, {image_size}) → ({conv_channels}, {image_size}, {image_size}) → "
        f"({conv_channels}, {pooled}, {pooled}) → ({conv_channels}, {pooled}·{pooled})",
        hints=(
            "`nn.Conv2d` and `nn.MaxPool2d` take one picture too. Which shape leaves the pool?",
            f"({conv_channels}, {pooled}, {pooled}). `torch.flatten(x, 1)` keeps the first dimension, whatever it is, "
            "and flattens the others.",
        ),
        mistakes={
            "a batch of one expected": (
                (1, conv_channels * pooled**2),
                f"nothing puts a batch in front. The pool returns ({conv_channels}, {pooled}, {pooled}), and flatten "
                "keeps the first of these three numbers.",
            ),
            "everything in one row": (
                (conv_channels * pooled**2,),
                "`torch.flatten(x)` would do this. With the 1 it begins at dimension 1 and keeps dimension 0, "
                f"which is {conv_channels} here.",
            ),
            "an error expected": (
                "error",
                "none of these three steps minds: PyTorch's convolution and pool take (C, H, W) as well as "
                "(N, C, H, W). Only `fc1`, the next step, would complain.",
            ),
            "not flattened": (
                (conv_channels, pooled, pooled),
                "this leaves the pool. `torch.flatten(x, 1)` then makes one of all dimensions but the first.",
            ),
        },
    )


def fc1_inputs(image_size, conv_channels, kernel_size, padding):
    maps = conv_output_size(image_size, kernel_size, padding=padding)
    pooled = pool_output_size(maps, 2)
    return conv_channels * pooled * pooled


@prediction(
    "fc1 after another padding",
    "4 · Move it",
    batch=(64, (5, 16, 32, 64)),
    image_size=(32, SIZES),
    conv_channels=(18, CHANNELS),
    kernel_size=(3, KERNELS),
    before=(1, PADDINGS),
    padding=(0, PADDINGS),
)
def q4(batch, image_size, conv_channels, kernel_size, before, padding):
    if padding == before:
        return None
    maps, pooled = _sizes(image_size, kernel_size, padding)
    counted = f"{image_size} + 2·{padding} − {kernel_size} + 1 = {maps}"
    row = f"{conv_channels}·⌊{maps} / 2⌋·⌊{maps} / 2⌋"
    return Asked(
        f"A batch of {batch} colour pictures of {image_size} × {image_size}; {conv_channels} kernels of "
        f"{kernel_size} × {kernel_size}; a 2 × 2 pool; the flatten. The padding of `conv1` was {before} and is now "
        f"{padding}. How many inputs does `fc1` need?",
        answer=conv_channels * pooled**2,
        working=f"{counted}, and {row} = {conv_channels}·{pooled}·{pooled}",
        hints=(
            "One input for each number of one picture after the flatten. How high and wide is a map after `conv1`, "
            "and how after the pool?",
            f"After `conv1`: {counted}.",
        ),
        mistakes={
            "fc1 unchanged": (
                fc1_inputs(image_size, conv_channels, kernel_size, before),
                f"that was right with padding {before}. The maps have another size now: {counted}.",
            ),
            "the channels forgotten": (
                pooled**2,
                f"this is one map. The flatten puts all {conv_channels} of them into the row: {row}.",
            ),
            "the pool forgotten": (
                conv_channels * maps**2,
                f"between `conv1` and `fc1` the pool halves height and width: {row}.",
            ),
            "the batch counted in": (
                batch * conv_channels * pooled**2,
                f"the {batch} pictures stay rows of their own. `fc1` sees one row at a time: {row}.",
            ),
            "the input's channels": (
                3 * pooled**2,
                f"3 channels go into `conv1`, {conv_channels} come out of it: {row}.",
            ),
        },
    )


@prediction(
    "mat1 and mat2",
    "5 · Break it, and read the message",
    batch=(8, (5, 8, 16, 32, 64)),
    conv_channels=(12, CHANNELS),
    arriving=(13, range(5, 25)),
    written=(14, range(5, 25)),
    outputs=(10, (10, 64, 100, 128)),
)
def q5(batch, conv_channels, arriving, written, outputs):
    if arriving == written:
        return None
    arrives, has = conv_channels * arriving**2, conv_channels * written**2
    return Asked(
        f"For a batch of {batch} pictures PyTorch says: `mat1 and mat2 shapes cannot be multiplied "
        f"({batch}x{arrives} and {has}x{outputs})`. Which number belongs in place of the question mark in "
        f"`nn.Linear(?, {outputs})`?",
        answer=arrives,
        working=f"mat1 is what arrives: {batch} rows, one for each picture. Its second number, the length of a row",
        hints=(
            "One of the two matrices is what arrives at the layer, the other is what the layer has. Which is which?",
            f"mat1 arrives, in {batch} rows. A linear layer has one input for each number of a row.",
        ),
        mistakes={
            "what the layer has": (
                has,
                "this is the first number of mat2, the inputs it was written with, and they do not fit. "
                "Change them to what arrives.",
            ),
            "the batch": (
                batch,
                f"{batch} is the number of rows, one for each picture. The layer wants the length of a row.",
            ),
            "the batch counted in": (
                batch * arrives,
                f"{batch}·{arrives} are the numbers of all pictures together. Each picture keeps its own row.",
            ),
            "the outputs": (
                outputs,
                f"{outputs} is what the layer makes of each row; it stands in the second place already.",
            ),
        },
    )


def _maps(image_size, kernel_size, padding):
    return _sizes(image_size, kernel_size, padding)[0]


def _networks(generator):
    names = ("image_size", "conv_channels", "kernel_size", "padding")
    fixed = [(4, 2, 3, 1), (5, 2, 3, 1), (6, 3, 4, 0), (9, 4, 3, 2), (32, 18, 3, 1), (33, 18, 3, 0)]
    drawn = [tuple(map(generator.choice, (SIZES, CHANNELS, (*KERNELS, 2, 4), PADDINGS))) for _ in range(6)]
    return [dict(zip(names, values, strict=True)) for values in fixed + drawn]


@implementation("fc1's inputs, computed", "Let it be computed", solution=fc1_inputs, cases=_networks)
def q6():
    """Write `fc1_inputs(image_size, conv_channels, kernel_size, padding)`: the number of inputs that `fc1` needs
    for square pictures, after a convolution with stride 1, a 2 × 2 pool and the flatten.
    """
    hints = (
        "Go the way of a picture: how high and wide is a map after the convolution, and how after the pool? Then: how "
        "many numbers is that in all maps?",
        "`conv_output_size(image_size, kernel_size, padding=padding)` is the size after the convolution. The pool "
        "rounds down: `// 2`, or `pool_output_size(…, 2)`.",
        "With `pooled` for the size after the pool it is `conv_channels * pooled * pooled`.",
    )
    mistakes = {
        "the floor forgotten": (
            lambda image_size, conv_channels, kernel_size, padding: (
                conv_channels * (_maps(image_size, kernel_size, padding) / 2) ** 2
            ),
            "half a window is none: a map of 5 × 5 leaves 2 × 2 after the pool. Write `// 2`.",
        ),
        "the floor too late": (
            lambda image_size, conv_channels, kernel_size, padding: (
                conv_channels * _maps(image_size, kernel_size, padding) ** 2 // 4
            ),
            "the pool rounds the height down, and the width. Take half of each before you multiply.",
        ),
        "the channels forgotten": (
            lambda image_size, conv_channels, kernel_size, padding: fc1_inputs(image_size, 1, kernel_size, padding),
            "you counted one map. The flatten puts all `conv_channels` of them into the row.",
        ),
        "the pool forgotten": (
            lambda image_size, conv_channels, kernel_size, padding: (
                conv_channels * _maps(image_size, kernel_size, padding) ** 2
            ),
            "after the convolution the pool halves height and width.",
        ),
        "padding counted once": (
            lambda image_size, conv_channels, kernel_size, padding: fc1_inputs(
                image_size + padding, conv_channels, kernel_size, 0
            ),
            "it is added on both sides: `image_size + 2 * padding`.",
        ),
        "the height without the width": (
            lambda image_size, conv_channels, kernel_size, padding: (
                conv_channels * _sizes(image_size, kernel_size, padding)[1]
            ),
            "a map has as many rows as columns: multiply by its height and by its width.",
        ),
    }
    return hints, mistakes


def _network(padding, inputs):
    return nn.Sequential(
        nn.Conv2d(3, 18, kernel_size=3, padding=padding),
        nn.ReLU(),
        nn.MaxPool2d(2),
        nn.Flatten(),
        nn.Linear(inputs, 64),
        nn.ReLU(),
        nn.Linear(64, 10),
    )


def _shapes(network_for, image_size, padding):
    """What is compared: the shapes that a network makes of a batch of 4, after the convolution and at the end."""
    model, images = network_for(image_size, padding), torch.zeros(4, 3, image_size, image_size)
    with explained(model):
        scores = model(images)
    convolution = next(layer for layer in model.modules() if isinstance(layer, nn.Conv2d))
    return {"after the convolution": tuple(convolution(images).shape), "scores": tuple(scores.shape)}


def _paddings(generator):
    fixed = [(32, 0), (48, 1), (32, 1), (9, 2)]
    drawn = [(generator.randrange(8, 40), generator.choice(PADDINGS))]
    return [{"image_size": image_size, "padding": padding} for image_size, padding in fixed + drawn]


def network_for(image_size, padding):
    pooled = pool_output_size(conv_output_size(image_size, 3, padding=padding), 2)
    return nn.Sequential(
        nn.Conv2d(3, 18, kernel_size=3, padding=padding),
        nn.ReLU(),
        nn.MaxPool2d(2),
        nn.Flatten(),
        nn.Linear(18 * pooled * pooled, 64),
        nn.ReLU(),
        nn.Linear(64, 10),
    )


@implementation(
    "a padding that fc1 does not know",
    "Let it be computed",
    solution=network_for,
    broken=lambda image_size, padding: _network(padding, 18 * 16 * 16),
    cases=_paddings,
    observe=_shapes,
)
def q7():
    """`network_for(image_size, padding)` is to return a network for batches (N, 3, image_size, image_size), with
    this padding in its convolution. It was written for one size and one padding. Mend it for all of them.
    """
    hints = (
        "Which numbers in it were right for one image size and one padding only?",
        "18 · 16 · 16: the 18 is the number of channels and stays. The 16 is the size after the pool, and follows from "
        "`image_size` and `padding`.",
        "Count it before the layers are made, with `conv_output_size` and `pool_output_size`, or as in q6. "
        "(`nn.LazyLinear(64)` counts for itself.)",
    )
    mistakes = {
        "the number for one case": (
            lambda image_size, padding: _network(padding, 18 * 15 * 15),
            "18·15·15 is right for 32 × 32 without padding. It has to follow from `image_size` and `padding`.",
        ),
        "the padding put back": (
            lambda image_size, padding: _network(1, fc1_inputs(image_size, 18, 3, 1)),
            "`fc1` fits now, but the convolution no longer has the padding that was asked for.",
        ),
        "the channels forgotten": (
            lambda image_size, padding: _network(padding, fc1_inputs(image_size, 1, 3, padding)),
            "you counted one map, and 18 of them go into the row.",
        ),
        "the pool forgotten": (
            lambda image_size, padding: _network(padding, 18 * _maps(image_size, 3, padding) ** 2),
            "you counted what leaves the convolution. The pool halves height and width after it.",
        ),
        "the image size left out": (
            lambda image_size, padding: _network(padding, fc1_inputs(32, 18, 3, padding)),
            "your number follows the padding, but it stays that of pictures of 32 × 32.",
        ),
    }
    return hints, mistakes


def _scores(generator):
    numbers = torch.Generator().manual_seed(generator.randrange(2**31))
    cases = [{"logits": torch.tensor([[2.0, 0.0]]), "labels": torch.tensor([0])}]
    for batch, classes in ((3, 4), (4, 10), (32, 10)):
        logits = torch.randint(-5, 9, (batch, classes), generator=numbers).float()
        cases.append({"logits": logits, "labels": torch.randint(0, classes, (batch,), generator=numbers)})
    return cases


def loss_of(logits, labels):
    return F.cross_entropy(logits, labels)  # (N, 10) and (N,) -> ()


@implementation(
    "a loss that stays high",
    "6 · Logits, and where softmax went",
    solution=loss_of,
    broken=lambda logits, labels: F.cross_entropy(logits.softmax(dim=1), labels),
    cases=_scores,
)
def q8():
    """`loss_of(logits, labels)` is to return the mean over the pictures of −log of the right class's probability.
    It runs, and returns something else. Mend it.
    """
    hints = (
        "What did `cross_entropy` get in the lesson's cell above this one, and what does it get here?",
        "`F.cross_entropy` computes the softmax itself. How often is it computed in `loss_of`?",
        "Hand the logits over as they are: `F.cross_entropy(logits, labels)`.",
    )
    mistakes = {
        "softmax over the batch": (
            lambda logits, labels: F.cross_entropy(logits.softmax(dim=0), labels),
            "`dim=0` goes down the pictures; and in whichever direction, no softmax belongs in front: it is inside "
            "`cross_entropy`.",
        ),
        "no logarithm": (
            lambda logits, labels: F.nll_loss(logits.softmax(dim=1), labels),
            "`nll_loss` only picks the right class's number and turns its sign. It computes no logarithm: it wants "
            "`logits.log_softmax(dim=1)`.",
        ),
        "no softmax at all": (
            lambda logits, labels: F.nll_loss(logits, labels),
            "`nll_loss` has no softmax in it, `cross_entropy` has.",
        ),
        "the mean forgotten": (
            lambda logits, labels: F.cross_entropy(logits, labels, reduction="sum"),
            "this is the sum over the pictures. Divide it by their number, or leave `reduction` at what it is by "
            "itself.",
        ),
        "a loss for each picture": (
            lambda logits, labels: F.cross_entropy(logits, labels, reduction="none"),
            "a loss is one number: the mean over the pictures.",
        ),
    }
    return hints, mistakes


@prediction(
    "what a pooled number sees",
    "9 · How much of the picture does one number see?",
    kernel_size=(5, range(2, 12)),
    pool=(2, range(2, 6)),
)
def q9(kernel_size, pool):
    return Asked(
        f"A convolution with kernel {kernel_size} and stride 1, then a pool with kernel {pool}. How many pixels wide "
        "is the part of the picture that one number after the pool sees?",
        answer=receptive_field([(kernel_size, 1, 1), (pool, pool, 1)]),
        working=f"{kernel_size} + ({pool} − 1)",
        hints=(
            f"In one row the pool takes {pool} numbers of the convolution, side by side. Each of them sees "
            f"{kernel_size} pixels.",
            f"These windows of {kernel_size} are one pixel apart. Where does the first begin, and where does the last "
            "end?",
        ),
        mistakes={
            "the kernels added": (
                kernel_size + pool,
                f"the {pool} windows overlap. The first one sees {kernel_size} pixels, each further one adds one.",
            ),
            "the kernels multiplied": (
                kernel_size * pool,
                f"right if {pool} windows of {kernel_size} lay side by side. But they are one pixel apart and overlap.",
            ),
            "the pool alone": (
                pool,
                f"these {pool} are numbers of the feature map. Each of them sees {kernel_size} pixels.",
            ),
            "the convolution alone": (
                kernel_size,
                f"that is how many pixels one number after the convolution sees. The pool takes {pool} of them in a "
                "row, one pixel apart.",
            ),
            "the whole square counted": (
                (kernel_size + pool - 1) ** 2,
                "that is the number of pixels in the whole square. The question is how wide it is.",
            ),
        },
    )
