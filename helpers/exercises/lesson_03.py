"""The questions of lesson 03, Flattening."""

from itertools import permutations
from math import prod

import torch
import torch.nn.functional as F

from helpers.arithmetic import conv_output_size, pool_output_size
from helpers.exercises.implementation import implementation
from helpers.exercises.prediction import Asked, prediction
from helpers.model import SimpleCNN

SIDES = {"channels": (2, range(2, 6)), "height": (3, range(3, 8)), "width": (4, range(3, 8))}


@prediction(
    "a place in memory",
    "1 · A volume is one row of memory",
    **SIDES,
    c=(1, range(1, 5)),
    h=(1, range(1, 7)),
    w=(2, range(7)),
)
def q1(channels, height, width, c, h, w):
    if c >= channels or h >= height or w >= width:
        return None
    formula = f"{c}·{height}·{width} + {h}·{width} + {w}"
    return Asked(
        f"A volume of ({channels}, {height}, {width}), channels, rows, columns. At which place of its memory is "
        f"`x[{c}, {h}, {w}]`? (Places count from 0.)",
        answer=c * height * width + h * width + w,
        working=f"{formula} = {c * height * width} + {h * width} + {w}",
        hints=(
            "How many numbers lie before this one: in whole channels, then in whole rows, then in its own row?",
            f"A channel has {height}·{width} = {height * width} numbers, a row has {width}.",
        ),
        mistakes={
            "H where W belongs": (
                c * height * width + h * height + w,
                f"a row is {width} numbers long, as there are {width} columns: {formula}.",
            ),
            "H − 1 and W − 1": (
                c * (height - 1) * (width - 1) + h * (width - 1) + w,
                f"indices end at {height - 1} and {width - 1}, but a row is {width} numbers long, and a channel "
                f"{height}·{width}: {formula}.",
            ),
            "counted from 1": (c * height * width + h * width + w + 1, f"the first number is at place 0: {formula}."),
            "channels last": (
                (h * width + w) * channels + c,
                f"in PyTorch the channels lie one after the other, each with all its rows: {formula}.",
            ),
        },
    )


@prediction("the way back", "2 · The way back", **SIDES, place=(22, range(13, 120)))
def q2(channels, height, width, place):
    if place >= channels * height * width:
        return None
    c, rest = divmod(place, height * width)
    h, w = divmod(rest, width)
    pixel, last = divmod(place, channels)
    return Asked(
        f"A volume of ({channels}, {height}, {width}). Which (c, h, w) is at place {place}?",
        answer=(c, h, w),
        working=f"whole channels first: {place} = {c}·{height * width} + {rest}; then whole rows: "
        f"{rest} = {h}·{width} + {w}",
        hints=(
            f"How many whole channels of {height}·{width} = {height * width} numbers lie before place {place}?",
            f"{c} of them, and {rest} numbers are left. How many whole rows of {width} are these?",
        ),
        mistakes={
            "divided by H": (
                (c, *divmod(rest, height)),
                f"a row is {width} numbers long, not {height}: {rest} = {h}·{width} + {w}.",
            ),
            "counted from 1": (
                (c + 1, h + 1, w + 1),
                f"whole channels that lie before it: {c}, so its own has the index {c}. "
                "Rows and columns count from 0, too.",
            ),
            "the order turned round": (
                (w, h, c),
                "the numbers are right. The channel comes first, and the column last.",
            ),
            "channels last": (
                (last, *divmod(pixel, width)),
                f"in PyTorch a whole channel of {height * width} numbers comes before the next one begins.",
            ),
        },
    )


def _unraveled(place, height, width):
    return tuple(int(index) for index in torch.unravel_index(torch.tensor(place), (place + 1, height, width)))


def way_back(place, height, width):
    c, rest = divmod(place, height * width)
    h, w = divmod(rest, width)
    return c, h, w


@implementation(
    "way_back",
    "Write it yourself",
    solution=way_back,
    reference=_unraveled,
    cases=lambda generator: (
        [{"place": place, "height": 3, "width": 4} for place in range(24)]
        + [{"place": generator.randrange(500), "height": height, "width": 5} for height in (1, 2, 7)]
        + [{"place": generator.randrange(500), "height": 4, "width": width} for width in (1, 3, 6)]
    ),
)
def q3():
    """Write `way_back(place, height, width)`: it returns (c, h, w), for any height and width."""
    hints = (
        "You did it by hand above: whole channels first, then whole rows. `divmod(a, b)` gives both numbers at once.",
        "`c, rest = divmod(place, height * width)`. And what is `rest` divided by?",
    )
    mistakes = {
        "divided by H": (
            lambda place, height, width: (place // (height * width), *divmod(place % (height * width), height)),
            "a row is `width` numbers long.",
        ),
        "counted from 1": (
            lambda place, height, width: tuple(index + 1 for index in _unraveled(place, height, width)),
            "the first channel, row and column have the index 0.",
        ),
        "the order turned round": (
            lambda place, height, width: _unraveled(place, height, width)[::-1],
            "the channel comes first, and the column last.",
        ),
        "the rest not taken": (
            lambda place, height, width: (place // (height * width), place // width, place % width),
            "`place // width` counts the rows of all channels. Count those of what is left after whole channels.",
        ),
    }
    return hints, mistakes


@prediction(
    "strides after permute",
    "4 · When the row is out of order: `permute`",
    **SIDES,
    order=((1, 2, 0), list(permutations(range(3)))),
)
def q4(channels, height, width, order):
    sizes = (channels, height, width)
    strides = (height * width, width, 1)
    permuted = [sizes[dimension] for dimension in order]
    back = [order.index(dimension) for dimension in range(3)]
    return Asked(
        f"`x` is {sizes} and contiguous, with the strides {strides}. Which strides does `x.permute{order}` have?",
        answer=tuple(strides[dimension] for dimension in order),
        working=f"no number moves, and each dimension takes its stride along: dimensions {order} of {strides}",
        hints=(
            "Does `permute` move any number in memory?",
            f"Its first dimension is dimension {order[0]} of `x`. How far is it there from one index to the next?",
        ),
        mistakes={
            "the strides of before": (
                strides,
                f"the dimensions change places, and their strides go with them: {order} of {strides}.",
            ),
            "the strides of a copy": (
                (permuted[1] * permuted[2], permuted[2], 1),
                "these would be the strides if the numbers were copied into the new order. `permute` copies nothing: "
                f"{order} of {strides}.",
            ),
            "turned round": (
                strides[::-1],
                f"`permute{order}` does not turn the order round: it takes the dimensions {order} of {strides}.",
            ),
            "permuted the other way": (
                tuple(strides[dimension] for dimension in back),
                f"{order} says which old dimension stands at each place, not where each old one goes.",
            ),
        },
    )


@prediction(
    "flatten from 1",
    "5 · Keep the batch",
    batch=(2, range(2, 65)),
    channels=(18, (3, 6, 8, 12, 18)),
    height=(16, (4, 5, 7, 8, 14, 16)),
    width=(16, (4, 5, 7, 8, 14, 16)),
)
def q5(batch, channels, height, width):
    shape = (batch, channels, height, width)
    numbers = channels * height * width
    product = f"{channels}·{height}·{width}"
    return Asked(
        f"`x` is {shape}. Which shape has `torch.flatten(x, 1)`?",
        answer=(batch, numbers),
        working=f"dimension 0 stays, all from 1 on become one: ({batch}, {product})",
        hints=(
            "The 1 is the dimension at which the flattening starts. Dimensions count from 0.",
            f"One picture has {product} numbers.",
        ),
        mistakes={
            "the batch flattened too": (
                (batch * numbers,),
                f"that is `torch.flatten(x)`. With the 1, dimension 0 stays: {batch} rows.",
            ),
            "the batch lost": ((numbers,), f"this is one picture. There are {batch}, and each gets a row."),
            "the channels kept": (
                (batch, channels, height * width),
                f"that is `torch.flatten(x, 2)`. From dimension 1 on, the channels are flattened too: {product}.",
            ),
            "the channels forgotten": (
                (batch, height * width),
                f"one picture has {channels} maps of {height} × {width}: {product} numbers.",
            ),
        },
    )


@prediction(
    "rows for a batch",
    "7 · Four photographs of another size",
    pictures=(4, (4, 8, 12, 16, 32, 64)),
    image_size=(48, (16, 20, 24, 40, 48, 56, 72, 80, 88, 104, 112)),
)
def q6(pictures, image_size):
    pooled = pool_output_size(conv_output_size(image_size, 3, padding=1), 2)
    one, row = 18 * pooled**2, 18 * 16 * 16
    if pictures * one % row:
        return None
    return Asked(
        f"{pictures} pictures of {image_size} × {image_size} go through `conv1` (18 kernels of 3 × 3, padding 1), the "
        "2 × 2 pool and `x.view(-1, 18 * 16 * 16)`. How many rows come out? "
        '(A number, or "error".)',
        answer=pictures * one // row,
        working=f"{pictures}·18·{pooled}·{pooled} / (18·16·16) = {pictures * one} / {row}",
        hints=(
            f"What is the shape after the pool? The pictures are {image_size} × {image_size}, not 32 × 32.",
            f"({pictures}, 18, {pooled}, {pooled}). −1 means: all numbers, divided by {row}.",
        ),
        mistakes={
            "−1 taken for the batch": (
                pictures,
                f"−1 is what is left over when all numbers are cut into rows of {row}, wherever a picture ends.",
            ),
            "an error expected": (
                "error",
                f"`view` minds only if the numbers do not come out even, and here they do: {pictures}·18·{pooled}·"
                f"{pooled} is a multiple of {row}.",
            ),
            "each picture cut by itself": (
                pictures * (one // row),
                f"`view` knows no pictures. What is left of one ({one % row} numbers) begins a row with the next one.",
            ),
            "one picture alone": (one / row, f"that is how many rows one picture makes. There are {pictures}."),
        },
    )


def _scores(model, images, flatten):
    x = model.pool(F.relu(model.conv1(images)))
    return model.fc2(F.relu(model.fc1(flatten(x))))


def _rows_and_scores(function, images):
    """At another size than 32 × 32 an error is right; what must not come is another number of rows, or a mixed one."""
    torch.manual_seed(0)
    model = SimpleCNN()
    with torch.no_grad():
        if images.shape[-1] == 32:
            return {"scores": function(model, images)}
        try:
            scores = function(model, images)
            changed = [_changed_rows(function, model, images, n, scores) for n in range(len(images))]
        except Exception:
            scores, changed = images, [{n} for n in range(len(images))]
    pictures = tuple(tuple(n for n, rows in enumerate(changed) if row in rows) for row in range(len(scores)))
    return {"rows of scores": len(scores), "pictures in each row": pictures}


def _changed_rows(function, model, images, number, scores):
    """The rows that change when one picture is turned into its negative."""
    images = images.clone()
    images[number] = 1 - images[number]
    changed = function(model, images)
    return {row for row in range(len(scores)) if not torch.allclose(scores[row], changed[row])}


def _batches(generator):
    numbers = torch.Generator().manual_seed(generator.randrange(2**31))
    sizes = [(2, 32), (5, 32), (4, 48), (8, 24)]
    return [{"images": torch.rand(pictures, 3, size, size, generator=numbers)} for pictures, size in sizes]


def scores(model, images):
    x = F.relu(model.conv1(images))  # (N, 3, H, W) -> (N, 18, H, W)
    x = model.pool(x)  # (N, 18, H, W) -> (N, 18, H // 2, W // 2)
    x = torch.flatten(x, 1)  # (N, C, H, W) -> (N, C·H·W)
    return model.fc2(F.relu(model.fc1(x)))  # (N, 4608) -> (N, 64) -> (N, 10)


@implementation(
    "the view that mixes pictures",
    "Find the bug",
    solution=scores,
    broken=lambda model, images: _scores(model, images, lambda x: x.view(-1, 18 * 16 * 16)),
    cases=_batches,
    observe=_rows_and_scores,
)
def q7():
    """Change one line of `scores(model, images)` so that a wrong image size is loud, and pictures of 32 × 32 give
    the same scores as before.
    """
    hints = (
        "Which line lets the number of rows come out as it likes?",
        "Name the batch and leave the length open, not the other way round.",
        "`torch.flatten(x, 1)`, or `x.view(len(x), -1)`.",
    )
    mistakes = {
        "the batch flattened too": (
            lambda model, images: _scores(model, images, torch.flatten),
            "`torch.flatten(x)` starts at dimension 0, and makes one row of all pictures. Start at dimension 1.",
        ),
        "the batch written by hand": (
            lambda model, images: _scores(model, images, lambda x: x.view(4, -1)),
            "a batch may have any number of pictures: `len(x)`, not 4.",
        ),
        "the surplus rows cut off": (
            lambda model, images: _scores(model, images, lambda x: x.view(-1, 18 * 16 * 16)[: len(x)]),
            "there are as many rows as pictures now, but they are still cut at the wrong places.",
        ),
        "the channels kept": (
            lambda model, images: _scores(model, images, lambda x: torch.flatten(x, 2)),
            "dimension 0 is the batch, and dimension 1 the channels: these are flattened as well.",
        ),
    }
    return hints, mistakes


@prediction(
    "the inputs of fc1",
    "8 · Why `fc1` has 18·16·16 inputs",
    image_size=(40, range(20, 65)),
    conv_channels=(12, (6, 8, 12, 16, 24)),
    kernel_size=(5, (3, 5, 7)),
    padding=(1, (1, 2, 3)),
)
def q8(image_size, conv_channels, kernel_size, padding):
    maps = conv_output_size(image_size, kernel_size, padding=padding)
    pooled = pool_output_size(maps, 2)
    unpadded = pool_output_size(conv_output_size(image_size, kernel_size), 2)
    product = f"{conv_channels}·{pooled}·{pooled}"
    return Asked(
        f"Pictures of {image_size} × {image_size} in colour, `conv1` with {conv_channels} kernels of {kernel_size} × "
        f"{kernel_size} and padding {padding}, the 2 × 2 pool. How many inputs does `fc1` need?",
        answer=prod((conv_channels, pooled, pooled)),
        working=product,
        hints=(
            "How large is one map after `conv1`, and how large after the pool? How many maps are there?",
            f"After `conv1` a map is {image_size} + 2·{padding} − {kernel_size} + 1 = {maps} wide; the pool halves it.",
        ),
        mistakes={
            "the pool forgotten": (
                conv_channels * maps**2,
                f"{maps} × {maps} is a map after `conv1`. The pool makes {pooled} × {pooled} of it: {product}.",
            ),
            "the channels forgotten": (pooled**2, f"that is one map. There are {conv_channels}: {product}."),
            "pooled in one direction": (conv_channels * maps * pooled, f"the pool halves height and width: {product}."),
            "the padding forgotten": (
                conv_channels * unpadded**2,
                f"with padding {padding} a map is {maps} wide after `conv1`, and {pooled} after the pool: {product}.",
            ),
            "the input's channels": (3 * pooled**2, f"`conv1` makes {conv_channels} maps of the 3 colours: {product}."),
        },
    )
