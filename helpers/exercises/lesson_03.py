"""The questions of lesson 03, Flattening."""

from itertools import permutations

import torch
import torch.nn.functional as F

from helpers.arithmetic import conv_output_size, pool_output_size
from helpers.exercises.implementation import implementation
from helpers.exercises.prediction import Asked, prediction
from helpers.model import SimpleCNN

SIDES = {"channels": (2, range(2, 6)), "height": (3, range(3, 8)), "width": (4, range(3, 8))}
FIRST_SIDES = {"channels": (3, range(2, 6)), "height": (4, range(3, 8)), "width": (5, range(3, 8))}


@prediction(
    "a place in memory",
    "1 · A volume is one row of memory",
    **FIRST_SIDES,
    c=(2, range(1, 5)),
    h=(1, range(1, 7)),
    w=(3, range(7)),
)
def q1(channels, height, width, c, h, w):
    if c >= channels or h >= height or w >= width:
        return None
    formula = f"{c}·{height}·{width} + {h}·{width} + {w}"
    return Asked(
        f"`x` is a volume of ({channels}, {height}, {width}): channels, rows, columns. At which place in memory is "
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
                f"you multiplied `h` by the number of rows. A row is {width} numbers long, one for each column.",
            ),
            "H − 1 and W − 1": (
                c * (height - 1) * (width - 1) + h * (width - 1) + w,
                f"the last indices are {height - 1} and {width - 1}, but a row has {width} numbers, and a channel "
                f"has {height}·{width}.",
            ),
            "counted from 1": (
                c * height * width + h * width + w + 1,
                "you counted the number itself. Its place is how many numbers lie before it.",
            ),
            "channels last": (
                (h * width + w) * channels + c,
                "you put the channels of one pixel side by side. Here a whole channel lies before the next one.",
            ),
        },
    )


@prediction(
    "the way back",
    "2 · The way back",
    channels=(2, range(2, 6)),
    height=(5, range(3, 8)),
    width=(6, range(3, 8)),
    place=(52, range(13, 120)),
)
def q2(channels, height, width, place):
    if place >= channels * height * width:
        return None
    c, rest = divmod(place, height * width)
    h, w = divmod(rest, width)
    pixel, last = divmod(place, channels)
    return Asked(
        f"In a volume of ({channels}, {height}, {width}), which (c, h, w) is at place {place}?",
        answer=(c, h, w),
        working=f"{place} % {height * width} = {rest}, and ({place} // {height * width}, {rest} // {width}, "
        f"{rest} % {width})",
        hints=(
            f"How many whole channels of {height}·{width} = {height * width} numbers lie before place {place}?",
            f"{place} = {c}·{height * width} + {rest}. How many whole rows of {width} fit into the {rest}?",
        ),
        mistakes={
            "divided by H": (
                (c, *divmod(rest, height)),
                f"you divided the rest by the number of rows. A row is {width} numbers long.",
            ),
            "counted from 1": (
                (c + 1, h + 1, w + 1),
                f"{c} is how many whole channels lie before it, and indices count from 0: that is the index of its own "
                "channel. The same goes for rows and columns.",
            ),
            "the order reversed": (
                (w, h, c),
                "these are the right numbers in the wrong order. The channel comes first, the column last.",
            ),
            "channels last": (
                (last, *divmod(pixel, width)),
                f"you divided by the number of channels. Here a whole channel, {height * width} numbers, lies before "
                "the next one.",
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
    "2 · The way back",
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
        "You did it by hand in q2: whole channels first, then whole rows. `divmod(a, b)` returns `a // b` and `a % b`.",
        "`c, rest = divmod(place, height * width)`. What do you divide `rest` by?",
    )
    mistakes = {
        "divided by H": (
            lambda place, height, width: (place // (height * width), *divmod(place % (height * width), height)),
            "you divided the rest by the number of rows. A row is `width` numbers long.",
        ),
        "counted from 1": (
            lambda place, height, width: tuple(index + 1 for index in _unraveled(place, height, width)),
            "the first channel, row and column have the index 0.",
        ),
        "the order reversed": (
            lambda place, height, width: _unraveled(place, height, width)[::-1],
            "the channel comes first, the column last.",
        ),
        "the rest not taken": (
            lambda place, height, width: (place // (height * width), place // width, place % width),
            "`place // width` counts rows from the start of memory. Count those in what is left after whole channels.",
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
        working=f"no number moves, so each dimension keeps its stride: {strides} in the order {order}",
        hints=(
            "Does `permute` move any number in memory?",
            f"Its first dimension is dimension {order[0]} of `x`. How many places lie between two indices of that one?",
        ),
        mistakes={
            "the strides of before": (
                strides,
                "you left the strides where they were. A dimension that changes its position takes its stride along.",
            ),
            "the strides of a copy": (
                (permuted[1] * permuted[2], permuted[2], 1),
                "you computed them from the new shape, as if the numbers had been copied. `permute` copies nothing.",
            ),
            "reversed": (
                strides[::-1],
                f"you reversed the dimensions. `permute{order}` takes dimension {order[0]} first, then {order[1]}, "
                f"then {order[2]}.",
            ),
            "permuted the other way": (
                tuple(strides[dimension] for dimension in back),
                f"you read {order} as where each dimension goes. It says which old dimension comes first, second, "
                "third.",
            ),
        },
    )


@prediction("reshape after permute", "4 · When the row is out of order: `permute`", **FIRST_SIDES, k=(11, range(4, 60)))
def q5(channels, height, width, k):
    if k >= channels * height * width:
        return None
    plane = height * width
    pixel, c = divmod(k, channels)
    first, rest = divmod(k, channels * height)
    return Asked(
        f"`x` is ({channels}, {height}, {width}) and contiguous, and holds 0, 1, 2, … in memory order. What is number "
        f'{k}, counted from 0, of `x.permute(1, 2, 0).reshape(-1)`? (A number, or "error".)',
        answer=c * plane + pixel,
        working=f"number {k} is channel {c} of pixel {pixel}: {c}·{plane} + {pixel}",
        hints=(
            "In which order does `reshape` read the permuted tensor? Its last dimension, which counts fastest, is the "
            "channels.",
            f"Each pixel has {channels} numbers, one for each channel: {k} = {pixel}·{channels} + {c}. Where in memory "
            "is that channel of that pixel?",
        ),
        mistakes={
            "the order of memory kept": (
                k,
                "you read memory as it lies. `reshape` reads the tensor in the order of its dimensions: row, column, "
                "channel.",
            ),
            "an error expected": (
                "error",
                "`view` would refuse here. `reshape` copies the numbers where no view can do it.",
            ),
            "a channel taken for a row": (
                c * width + pixel,
                f"from one channel to the next you went {width} places, the length of a row. A channel is longer.",
            ),
            "permuted the other way": (
                (rest // height) * plane + rest % height * width + first,
                "you read the columns first, then channels, then rows. `permute(1, 2, 0)` puts the rows first, then "
                "the columns, then the channels.",
            ),
        },
    )


@prediction(
    "flatten from 1",
    "5 · Keep the batch",
    batch=(2, range(2, 65)),
    channels=(12, (3, 6, 8, 12, 18)),
    height=(8, (4, 5, 7, 8, 14, 16)),
    width=(8, (4, 5, 7, 8, 14, 16)),
)
def q6(batch, channels, height, width):
    shape = (batch, channels, height, width)
    numbers = channels * height * width
    product = f"{channels}·{height}·{width}"
    return Asked(
        f"`x` is {shape}. What is the shape of `torch.flatten(x, 1)`?",
        answer=(batch, numbers),
        working=f"dimension 0 stays, the others become one: ({batch}, {product})",
        hints=(
            "The 1 is the dimension at which the flattening starts. Dimensions count from 0.",
            f"One picture has {product} numbers, and each picture stays a row of its own.",
        ),
        mistakes={
            "the batch flattened too": (
                (batch * numbers,),
                "that is `torch.flatten(x)`, from dimension 0 on. With the 1, dimension 0 stays.",
            ),
            "the batch lost": ((numbers,), f"you flattened one picture. There are {batch}, and each gets a row."),
            "the channels kept": (
                (batch, channels, height * width),
                "that is `torch.flatten(x, 2)`. From dimension 1 on, the channels are flattened, too.",
            ),
            "the channels forgotten": (
                (batch, height * width),
                f"you flattened one map of {height} × {width}. A picture has {channels} of them.",
            ),
        },
    )


@prediction(
    "rows for a batch",
    "7 · Four photographs of another size",
    pictures=(4, (3, 4, 8, 12, 16, 32, 64)),
    image_size=(48, (16, 20, 24, 40, 48, 56, 72, 80, 88, 104, 112)),
)
def q7(pictures, image_size):
    pooled = pool_output_size(conv_output_size(image_size, 3, padding=1), 2)
    one, row = 18 * pooled**2, 18 * 16 * 16
    rows, left_over = divmod(pictures * one, row)
    mistakes = {
        "−1 taken for the batch": (
            pictures,
            f"you took −1 for the batch. It is the number of rows of {row} that all the numbers fill, wherever a "
            "picture ends.",
        ),
        "each picture cut by itself": (
            pictures * (one // row),
            f"you cut each picture by itself. `view` does not know where one ends: the last {one % row} numbers of "
            "the first would go into a row with the next.",
        ),
        "one picture alone": (one / row, f"you counted the rows that one picture fills. There are {pictures}."),
    }
    if left_over:
        mistakes["what is left over dropped"] = (
            rows,
            f"you dropped the {left_over} numbers that fill no whole row. `view` drops none: each has to have a place.",
        )
    else:
        mistakes["an error expected"] = (
            "error",
            f"what the pool returns is contiguous, so `view` raises one only if {row} does not divide the count of "
            f"all numbers. Here it does: they are {pictures}·18·{pooled}·{pooled}.",
        )
    return Asked(
        f"{pictures} pictures of {image_size} × {image_size} go through `conv1` (18 filters of 3 × 3, padding 1), the "
        "2 × 2 pool and `x.view(-1, 18 * 16 * 16)`. How many rows come out? "
        '(A number, or "error".)',
        answer="error" if left_over else rows,
        working=f"{pictures}·18·{pooled}·{pooled} / (18·16·16) = {pictures * one} / {row}"
        + (f" = {pictures * one / row:g}" if left_over else ""),
        hints=(
            f"What is the shape after the pool? The pictures are {image_size} × {image_size}, not 32 × 32.",
            f"({pictures}, 18, {pooled}, {pooled}). The −1 becomes the count of all these numbers, divided by {row}.",
        ),
        mistakes=mistakes,
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
    return {"rows of scores, if there is no error": len(scores), "pictures in each row": pictures}


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
    "pictures kept apart",
    "7 · Four photographs of another size",
    solution=scores,
    broken=lambda model, images: _scores(model, images, lambda x: x.view(-1, 18 * 16 * 16)),
    cases=_batches,
    observe=_rows_and_scores,
)
def q8():
    """Change one line of `scores(model, images)` so that no row ever mixes two pictures: each picture gets a row of
    its own, or there is an error. Pictures of 32 × 32 must give the same scores as before.
    """
    hints = (
        "In which line can the number of rows become something else than the number of pictures?",
        "Fix the number of rows and leave their length open, not the other way round.",
        "`torch.flatten(x, 1)`, or `x.view(len(x), -1)`.",
    )
    mistakes = {
        "the batch flattened too": (
            lambda model, images: _scores(model, images, torch.flatten),
            "`torch.flatten(x)` starts at dimension 0 and puts all pictures into one row. Start at dimension 1.",
        ),
        "the batch written by hand": (
            lambda model, images: _scores(model, images, lambda x: x.view(4, -1)),
            "you wrote the size of one batch into the line. A batch may have any number of pictures.",
        ),
        "the surplus rows cut off": (
            lambda model, images: _scores(model, images, lambda x: x.view(-1, 18 * 16 * 16)[: len(x)]),
            "there are as many rows as pictures now, but they are still cut in the wrong places.",
        ),
        "the channels kept": (
            lambda model, images: _scores(model, images, lambda x: torch.flatten(x, 2)),
            "you started at dimension 2. Dimension 1 is the channels, and they belong into the row, too.",
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
def q9(image_size, conv_channels, kernel_size, padding):
    maps = conv_output_size(image_size, kernel_size, padding=padding)
    pooled = pool_output_size(maps, 2)
    unpadded = pool_output_size(conv_output_size(image_size, kernel_size), 2)
    product = f"{conv_channels}·{pooled}·{pooled}"
    return Asked(
        f"Colour pictures of {image_size} × {image_size} go through `conv1`, with {conv_channels} filters of "
        f"{kernel_size} × {kernel_size} and padding {padding}, and through the 2 × 2 pool. How many inputs does `fc1` "
        "need?",
        answer=conv_channels * pooled**2,
        working=product,
        hints=(
            "How large is one map after `conv1`, and how large after the pool? How many maps are there?",
            f"After `conv1` a map is {image_size} + 2·{padding} − {kernel_size} + 1 = {maps} wide; the pool halves "
            "that, rounded down.",
        ),
        mistakes={
            "the pool forgotten": (
                conv_channels * maps**2,
                f"you stopped after `conv1`, where a map is {maps} × {maps}. The pool comes before `fc1`.",
            ),
            "the convolution taken to keep the size": (
                conv_channels * pool_output_size(image_size, 2) ** 2,
                f"you halved {image_size}. A kernel of {kernel_size} with padding {padding} does not keep the size: "
                f"`conv1` leaves {maps}.",
            ),
            "the channels forgotten": (
                pooled**2,
                f"you counted one map. Each of the {conv_channels} filters makes one.",
            ),
            "pooled in one direction": (
                conv_channels * maps * pooled,
                "you halved one side of the map. The pool halves height and width.",
            ),
            "the padding forgotten": (
                conv_channels * unpadded**2,
                f"you left the padding out. With padding {padding} a map is {maps} wide after `conv1`.",
            ),
            "the input's channels": (
                3 * pooled**2,
                f"you counted the 3 colours that go in. {conv_channels} maps come out of `conv1`.",
            ),
        },
    )
