"""The questions of lesson 04, SimpleCNN, forward."""

import torch
import torch.nn.functional as F
from torch import nn

from helpers.arithmetic import conv_output_size, pool_output_size, receptive_field
from helpers.exercises.implementation import implementation
from helpers.exercises.ordering import ordering
from helpers.exercises.prediction import Asked, prediction
from helpers.exercises.question import Mistake
from helpers.trace import explained

SIZES, KERNELS, PADDINGS = range(12, 65), (3, 5, 7), (0, 1, 2, 3)
CHANNELS = (6, 8, 12, 16, 18, 24, 32)  # that conv1 makes


def _sizes(image_size, kernel_size, padding):
    """The height and width after conv1, and after the 2 × 2 pool."""
    maps = conv_output_size(image_size, kernel_size, padding=padding)
    return maps, pool_output_size(maps, 2)


@prediction(
    "the shape after the pool",
    "2 · Every shape, with the batch in it",
    batch=(64, (2, 5, 8, 16, 64, 128)),
    channels=(3, (2, 3, 4)),
    image_size=(32, SIZES),
    conv_channels=(24, CHANNELS),
    kernel_size=(5, KERNELS),
    padding=(0, PADDINGS),
)
def q1(batch, channels, image_size, conv_channels, kernel_size, padding):
    maps, pooled = _sizes(image_size, kernel_size, padding)
    image = f"{image_size}, {image_size}"
    convolved = f"({batch}, {conv_channels}, {maps}, {maps})"
    return Asked(
        f"A batch of {batch} pictures, ({batch}, {channels}, {image}), goes through `conv1` with {conv_channels} "
        f"filters of {kernel_size} × {kernel_size} and padding {padding}, and through a 2 × 2 pool. "
        "What shape comes out?",
        answer=(batch, conv_channels, pooled, pooled),
        working=f"`conv1` returns {convolved}, and the pool halves height and width: "
        f"({batch}, {conv_channels}, ⌊{maps} / 2⌋, ⌊{maps} / 2⌋)",
        hints=(
            "Four numbers: the pictures, the channels, the height, the width. Which of them does `conv1` change, "
            "and which the pool?",
            f"After `conv1`: {convolved}.",
        ),
        mistakes={
            "the batch forgotten": (
                (conv_channels, pooled, pooled),
                f"you left out the batch. {batch} pictures went in, and no layer changes their number: it comes first.",
            ),
            "the input's channels kept": (
                (batch, channels, pooled, pooled),
                f"you kept the {channels} channels of the input. Each of the {conv_channels} filters makes one map.",
            ),
            "the pool forgotten": (
                (batch, conv_channels, maps, maps),
                "you stopped after `conv1`. The pool turns each 2 × 2 into one number.",
            ),
            "the channels last": (
                (batch, pooled, pooled, conv_channels),
                "these are the right numbers in the order of image files. In PyTorch the channels come before height "
                "and width.",
            ),
            "the channels multiplied": (
                (batch, channels * conv_channels, pooled, pooled),
                f"you counted a map for each kernel. A filter has a kernel for each of the {channels} input channels, "
                "and adds up what they find: one map.",
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
def q2(channels, image_size, conv_channels):
    pooled = image_size // 2
    return Asked(
        f"One picture without a batch, ({channels}, {image_size}, {image_size}), goes through `conv1` with "
        f"{conv_channels} filters of 3 × 3 and padding 1, through a 2 × 2 pool, and through `torch.flatten(x, 1)`. "
        'What shape comes out? (A shape, or "error".)',
        answer=(conv_channels, pooled**2),
        working=f"({channels}, {image_size}, {image_size}) → ({conv_channels}, {image_size}, {image_size}) → "
        f"({conv_channels}, {pooled}, {pooled}) → ({conv_channels}, {pooled}·{pooled})",
        hints=(
            "`nn.Conv2d` and `nn.MaxPool2d` accept one picture, too. What is the shape after the pool?",
            f"({conv_channels}, {pooled}, {pooled}). `torch.flatten(x, 1)` keeps the first dimension, whatever it is, "
            "and flattens the others.",
        ),
        mistakes={
            "a batch of one expected": (
                (1, conv_channels * pooled**2),
                f"you added a batch of one, and no layer does. The pool returns ({conv_channels}, {pooled}, "
                f"{pooled}), and flatten keeps the first of these.",
            ),
            "everything in one row": (
                (conv_channels * pooled**2,),
                "that is `torch.flatten(x)`. With the 1 it begins at dimension 1 and keeps dimension 0, whatever that "
                "is.",
            ),
            "an error expected": (
                "error",
                "none of these three steps raises one: PyTorch's convolution and pool accept (C, H, W) as well as "
                "(N, C, H, W). Only `fc1`, the next step, would refuse.",
            ),
            "not flattened": (
                (conv_channels, pooled, pooled),
                "you stopped after the pool. `torch.flatten(x, 1)` then joins all dimensions but the first.",
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
    image_size=(28, SIZES),
    conv_channels=(12, CHANNELS),
    kernel_size=(5, KERNELS),
    before=(2, PADDINGS),
    padding=(0, PADDINGS),
)
def q3(batch, image_size, conv_channels, kernel_size, before, padding):
    if padding == before:
        return None
    maps, pooled = _sizes(image_size, kernel_size, padding)
    counted = f"{image_size} + 2·{padding} − {kernel_size} + 1 = {maps}"
    row = f"{conv_channels}·⌊{maps} / 2⌋·⌊{maps} / 2⌋"
    return Asked(
        f"A batch of {batch} colour pictures of {image_size} × {image_size} goes through `conv1` with {conv_channels} "
        f"filters of {kernel_size} × {kernel_size}, a 2 × 2 pool and the flatten. The padding of `conv1` was {before} "
        f"and is now {padding}. How many inputs does `fc1` need?",
        answer=conv_channels * pooled**2,
        working=f"{counted}, and {row} = {conv_channels}·{pooled}·{pooled}",
        hints=(
            "One input for each number that one picture has after the flatten. How high and wide is a map after "
            "`conv1`, and after the pool?",
            f"After `conv1`: {counted}.",
        ),
        mistakes={
            "fc1 unchanged": (
                fc1_inputs(image_size, conv_channels, kernel_size, before),
                f"you counted with padding {before}. The maps have another size now: {counted}.",
            ),
            "the channels forgotten": (
                pooled**2,
                f"you counted one map. The flatten puts all {conv_channels} of them into the row.",
            ),
            "the pool forgotten": (
                conv_channels * maps**2,
                "you counted what leaves `conv1`. Before `fc1` the pool halves height and width.",
            ),
            "the batch counted in": (
                batch * conv_channels * pooled**2,
                f"you counted all {batch} pictures together. Each stays a row of its own, and `fc1` sees one row at a "
                "time.",
            ),
            "the input's channels": (
                3 * pooled**2,
                f"you counted the 3 channels that go into `conv1`. {conv_channels} come out of it.",
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
def q4(batch, conv_channels, arriving, written, outputs):
    if arriving == written:
        return None
    arrives, has = conv_channels * arriving**2, conv_channels * written**2
    return Asked(
        f"For a batch of {batch} pictures PyTorch says: `mat1 and mat2 shapes cannot be multiplied "
        f"({batch}x{arrives} and {has}x{outputs})`. Which number belongs in place of the question mark in "
        f"`nn.Linear(?, {outputs})`?",
        answer=arrives,
        working="mat1 is what arrives, one row for each picture: inputs = its second number, the length of a row",
        hints=(
            "One of the two matrices is what arrives at the layer, the other is what the layer has. Which is which?",
            f"mat1 arrives, in {batch} rows. A linear layer has one input for each number of a row.",
        ),
        mistakes={
            "what the layer has": (
                has,
                "you took the first number of mat2: the inputs that the layer has now, and they do not fit.",
            ),
            "the batch": (
                batch,
                f"you took the number of rows: {batch}, one for each picture. The layer needs the length of a row.",
            ),
            "the batch counted in": (
                batch * arrives,
                "you counted the numbers of all pictures together. Each picture keeps its own row.",
            ),
            "the outputs": (
                outputs,
                f"you took the outputs, how many numbers the layer returns for each row. {outputs} is in its place "
                "already.",
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
def q5():
    """Write `fc1_inputs(image_size, conv_channels, kernel_size, padding)`: the number of inputs that `fc1` needs
    for square pictures after a convolution with stride 1, a 2 × 2 pool and the flatten.
    """
    hints = (
        "Follow one picture: how high and wide is a map after the convolution, and after the pool? How many numbers "
        "are there in all maps together?",
        "`conv_output_size(image_size, kernel_size, padding=padding)` is the size after the convolution. The pool "
        "rounds down: `// 2`, or `pool_output_size(…, 2)`.",
        "With `pooled` for the size after the pool it is `conv_channels * pooled * pooled`.",
    )
    mistakes = {
        "the floor forgotten": (
            lambda image_size, conv_channels, kernel_size, padding: (
                conv_channels * (_maps(image_size, kernel_size, padding) / 2) ** 2
            ),
            "you divided with `/`, and the pool rounds down: a map of 5 × 5 leaves 2 × 2. Write `// 2`.",
        ),
        "the floor too late": (
            lambda image_size, conv_channels, kernel_size, padding: (
                conv_channels * _maps(image_size, kernel_size, padding) ** 2 // 4
            ),
            "you divided the area by 4. The pool rounds height and width down, each by itself: halve, then multiply.",
        ),
        "the floor after the square": (
            lambda image_size, conv_channels, kernel_size, padding: (
                conv_channels * int((_maps(image_size, kernel_size, padding) / 2) ** 2)
            ),
            "you rounded the area of a map. The pool rounds height and width down, each by itself, before you "
            "multiply.",
        ),
        "halved once": (
            lambda image_size, conv_channels, kernel_size, padding: (
                conv_channels * _maps(image_size, kernel_size, padding) * _sizes(image_size, kernel_size, padding)[1]
            ),
            "you halved one side of the map. The pool halves height and width.",
        ),
        "the channels forgotten": (
            lambda image_size, conv_channels, kernel_size, padding: fc1_inputs(image_size, 1, kernel_size, padding),
            "you counted one map. The flatten puts all `conv_channels` of them into the row.",
        ),
        "the pool forgotten": (
            lambda image_size, conv_channels, kernel_size, padding: (
                conv_channels * _maps(image_size, kernel_size, padding) ** 2
            ),
            "you counted what leaves the convolution. After it the pool halves height and width.",
        ),
        "the convolution taken to keep the size": (
            lambda image_size, conv_channels, kernel_size, padding: conv_channels * (image_size // 2) ** 2,
            "you halved the picture. The convolution can change its size first, by its kernel and padding.",
        ),
        "padding counted once": (
            lambda image_size, conv_channels, kernel_size, padding: fc1_inputs(
                image_size + padding, conv_channels, kernel_size, 0
            ),
            "you added it on one side. It goes on both: `image_size + 2 * padding`.",
        ),
        "the height without the width": (
            lambda image_size, conv_channels, kernel_size, padding: (
                conv_channels * _sizes(image_size, kernel_size, padding)[1]
            ),
            "you multiplied by one side of the map. It has a height and a width.",
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
    "a network for any size",
    "Let it be computed",
    solution=network_for,
    broken=lambda image_size, padding: _network(padding, 18 * 16 * 16),
    cases=_paddings,
    observe=_shapes,
)
def q6():
    """`network_for(image_size, padding)` should return a network for batches (N, 3, image_size, image_size), with
    this padding in its convolution. It was written for one size and one padding. Make it right for all of them.
    """
    hints = (
        "Which number in it fits only some image sizes and paddings?",
        "18 · 16 · 16: the 18 is the number of channels and stays. The 16 is the size after the pool, and follows from "
        "`image_size` and `padding`.",
        "Count it before the layers are made, with `conv_output_size` and `pool_output_size`, or as in q5. "
        "(`nn.LazyLinear(64)` counts by itself.)",
    )
    mistakes = {
        "the number for one case": (
            lambda image_size, padding: _network(padding, 18 * 15 * 15),
            "you wrote in the number for 32 × 32 without padding. It has to follow from `image_size` and `padding`.",
        ),
        "the padding put back": (
            lambda image_size, padding: _network(1, fc1_inputs(image_size, 18, 3, 1)),
            "you changed the padding until `fc1` fitted. The convolution has to keep the padding that is asked for.",
        ),
        "the channels forgotten": (
            lambda image_size, padding: _network(padding, fc1_inputs(image_size, 1, 3, padding)),
            "you counted one map. All 18 go into the row.",
        ),
        "the pool forgotten": (
            lambda image_size, padding: _network(padding, 18 * _maps(image_size, 3, padding) ** 2),
            "you counted what leaves the convolution. The pool halves height and width after it.",
        ),
        "the image size left out": (
            lambda image_size, padding: _network(padding, fc1_inputs(32, 18, 3, padding)),
            "you let the number follow the padding, but it stays that of pictures of 32 × 32.",
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
def q7():
    """`loss_of(logits, labels)` should return −log of the right class's probability, averaged over the pictures. It
    runs, and returns something else. Fix it.
    """
    hints = (
        "In the lesson's cell before this one, `cross_entropy` got logits, then probabilities. Which of the two gave "
        "the mean of −log? And what does it get here?",
        "`F.cross_entropy` computes the softmax itself. How often is it computed in `loss_of`?",
        "Pass the logits as they are: `F.cross_entropy(logits, labels)`.",
    )
    mistakes = {
        "softmax over the batch": (
            lambda logits, labels: F.cross_entropy(logits.softmax(dim=0), labels),
            "you took the softmax over the pictures, `dim=0`. And along either dimension it would be one too many: "
            "`cross_entropy` has its own.",
        ),
        "no logarithm": (
            lambda logits, labels: F.nll_loss(logits.softmax(dim=1), labels),
            "you averaged the right class's probability with a minus sign. Take its logarithm first: −log p, not −p. "
            "(`nll_loss` takes none; it expects `logits.log_softmax(dim=1)`.)",
        ),
        "no softmax at all": (
            lambda logits, labels: F.nll_loss(logits, labels),
            "you averaged the right class's logit with a minus sign. It is not a probability yet: `cross_entropy` "
            "makes it one, `nll_loss` does not.",
        ),
        "the mean forgotten": (
            lambda logits, labels: F.cross_entropy(logits, labels, reduction="sum"),
            "you added up the pictures' losses. Divide by their number, or leave `reduction` at its default.",
        ),
        "averaged over the classes": (
            lambda logits, labels: -logits.log_softmax(dim=1).mean(),
            "you averaged over all classes. Take the right class of each picture, which `labels` names.",
        ),
        "a loss for each picture": (
            lambda logits, labels: F.cross_entropy(logits, labels, reduction="none"),
            "you kept a loss for each picture. Average them.",
        ),
    }
    return hints, mistakes


CAUSES = (  # of the ten networks in ten_networks.py, in their order
    "padding=0 in conv1, and fc1 was not changed",
    "no flatten before fc1",
    "x.view(-1, 4608) in place of the flatten",
    "grey pictures, (N, 1, H, W)",
    "pictures with the channels last, (N, H, W, C)",
    "one picture without a batch, (C, H, W)",
    "a kernel in conv1 that is too large for the pictures",
    "one pool too many",
    "labels of shape (N, 1)",
    "pictures as bytes, 0 to 255",
)
OVERLOOKED = (  # what a wrong cause for each of them has missed: a name, and what to look at again
    ("a row for each picture", "4 rows arrive, as many as there are pictures. Only their length is wrong."),
    ("more rows than pictures", "1152 = 4·18·16 rows of 16 numbers arrive. Which step should have joined 18, 16, 16?"),
    ("no error, nine rows", "nothing is raised, and 4 pictures give 9 rows. Which line can change the number of rows?"),
    ("1 in the channels' place", "the input is [4, 1, 32, 32]. What is there only one of?"),
    ("32 in the channels' place", "the input is [4, 32, 32, 3]. Where is the 3 that was expected in second place?"),
    ("18 rows", "18 rows of 256 = 16·16 arrive. Which layer made 18 of something, and which number is missing before?"),
    ("which kernel is 7", "the kernel of the message is 7 × 7, and the pool's is 2 × 2."),
    ("which layer found 1 × 1", "18 channels of 1 × 1 arrive, so `conv1` has already run. What halves them once more?"),
    ("what a target is", "the target is what a loss compares the scores with. No picture is meant."),
    ("a type, not a shape", "no size is named, only two types. Which numbers does an image file hold?"),
)


@ordering(
    "ten networks",
    "8 · Ten ways a CNN's shapes go wrong",
    lines=CAUSES,
    first="GCJAHEBIDF",
    hints=(
        "Sort the messages first. Which of them speak of mat1 and mat2, which of channels, which of kernels and sizes?",
        "With mat1 and mat2, compare the rows of mat1 with the pictures: as many, more, or 18 for a single picture.",
        "A wrong order says for the first wrong network what to look at again.",
    ),
)
def q8(lines):
    """Which cause belongs to which network? Write the ten letters in the order of the networks, 1 to 10."""
    fits = [cause == line for cause, line in zip(CAUSES, lines, strict=True)]
    if all(fits):
        return None
    first = fits.index(False)
    name, why = OVERLOOKED[first]
    count = f"{sum(fits)} of 10 fit{'s' * (sum(fits) == 1)}." if sum(fits) else "None fits yet."
    return Mistake(name, lines, f"{count} Look at network {first + 1} again: {why}")


@prediction(
    "what a pooled number sees",
    "9 · How much of the picture does one number see?",
    kernel_size=(5, range(2, 12)),
    pool=(2, range(2, 6)),
)
def q9(kernel_size, pool):
    return Asked(
        f"A convolution with kernel {kernel_size} and stride 1 is followed by a pool with kernel {pool}. How many "
        "pixels wide is the part of the picture that one number after the pool sees?",
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
                f"you added the two kernels. The {pool} windows overlap: each one after the first adds a single pixel.",
            ),
            "the kernels multiplied": (
                kernel_size * pool,
                f"you laid {pool} windows of {kernel_size} side by side. They are one pixel apart and overlap.",
            ),
            "the pool alone": (
                pool,
                f"you counted the {pool} numbers of the map that the pool takes. Each of them sees {kernel_size} "
                "pixels.",
            ),
            "the convolution alone": (
                kernel_size,
                f"you stopped at the convolution. The pool takes {pool} of its numbers side by side, one pixel apart.",
            ),
            "the whole square counted": (
                (kernel_size + pool - 1) ** 2,
                "you counted the pixels of the whole square. The question is how wide it is.",
            ),
        },
    )
