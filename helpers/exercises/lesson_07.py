"""The questions of lesson 07, Inside your own network."""

import torch
import torch.nn.functional as F
from torch import nn

from helpers.arithmetic import conv_output_size, pool_output_size, receptive_field
from helpers.data import load_shapes
from helpers.exercises.contest import contest
from helpers.exercises.implementation import implementation
from helpers.exercises.prediction import Asked, prediction
from helpers.training import train


@prediction(
    "a filter on one colour",
    "2 · What a filter answers to",
    sums=((2, -3, 1), [(a, b, c) for a in (-3, -1, 2, 4) for b in (-3, 0, 3) for c in (-2, 1, 2)]),
    colour=((1, 2, 3), [(r, g, b) for r in (1, 2, 4) for g in (1, 2, 3) for b in (0, 2, 3)]),
    bias=(2, (-2, -1, 1, 2, 3)),
)
def q1(sums, colour, bias):
    products = [weight * value for weight, value in zip(sums, colour, strict=True)]
    written = " + ".join(
        f"{weight}·{value}" if weight >= 0 else f"({weight})·{value}"
        for weight, value in zip(sums, colour, strict=True)
    )
    return Asked(
        f"The nine weights of a filter's kernel for red add up to {sums[0]}, those for green to {sums[1]}, those for "
        f"blue to {sums[2]}; its bias is {bias}. All nine pixels under it have the same colour, {colour}. What is "
        "its answer, before the ReLU?",
        answer=sum(products) + bias,
        working=f"{written} + {bias}".replace("+ -", "− "),
        hints=(
            "Nine pixels of one value v, times nine weights: v can be taken out of the sum.",
            f"Red gives {sums[0]}·{colour[0]} = {products[0]}. Add green, blue, and what each filter has once.",
        ),
        mistakes={
            "the bias forgotten": (sum(products), f"to {written} the filter adds its bias, {bias}, once."),
            "the bias once for each colour": (
                sum(products) + 3 * bias,
                "the bias belongs to the filter, and not to its kernels: it is added once.",
            ),
            "red alone": (
                products[0] + bias,
                f"that is the kernel for red. A filter adds up all of its kernels: {written}, and the bias.",
            ),
            "nine times too much": (9 * sum(products) + bias, "each sum already holds all nine weights of its kernel."),
            "the weights without the pixels": (
                sum(sums) + bias,
                f"this is the answer to the colour (1, 1, 1). Here it is {colour}: {written}, and the bias.",
            ),
            "the weights alone": (
                sum(sums),
                "a weight counts as often as its pixel says, and each filter adds its bias.",
            ),
        },
    )


def one_cell(image, weight, bias, row, column):
    padded = F.pad(image, (1, 1, 1, 1))  # (C, H, W) -> (C, H + 2, W + 2)
    patch = padded[:, row : row + 3, column : column + 3]  # (C, 3, 3)
    return (patch * weight).sum() + bias


def _convolved(image, weight, bias, row, column):
    return F.conv2d(image[None], weight[None], bias[None], padding=1)[0, 0, row, column]


def _cells(generator):
    draw = torch.Generator().manual_seed(generator.randrange(2**31))
    cases = []
    for channels, height, width in ((1, 3, 3), (3, 4, 5), (3, 8, 8), (2, 5, 3), (6, 6, 6)):
        rows = (1, 0, height - 1, generator.randrange(height))
        columns = (1, width - 1, 0, generator.randrange(width))
        for row, column in zip(rows, columns, strict=True):
            numbers = [
                torch.randint(-4, 5, size, generator=draw).float()
                for size in ((channels, height, width), (channels, 3, 3), ())
            ]
            cases.append(dict(zip(("image", "weight", "bias"), numbers, strict=True)) | {"row": row, "column": column})
    return cases


@implementation("one cell of a map", "3 · Three numbers by hand", solution=one_cell, reference=_convolved, cases=_cells)
def q2():
    """Write `one_cell(image, weight, bias, row, column)`: the number at this row and column of a map, before the ReLU.
    The image is (C, H, W), the filter (C, 3, 3), its bias one number; the padding is 1.
    """
    hints = (
        "`F.pad(image, (1, 1, 1, 1))` puts a frame of zeros around every channel. In which row of the padded image "
        "does the window of row 0 begin?",
        "The patch has the filter's shape, (C, 3, 3): multiply the two, add up all of it, and add the bias.",
        "`padded[:, row : row + 3, column : column + 3]` is the patch.",
    )

    def without_padding(image, weight, bias, row, column):
        patch = image[:, row : row + 3, column : column + 3]
        return (patch * weight[:, : patch.shape[1], : patch.shape[2]]).sum() + bias

    def cut_off(image, weight, bias, row, column):
        patch = image[:, max(row - 1, 0) : row + 2, max(column - 1, 0) : column + 2]
        return (patch * weight[:, : patch.shape[1], : patch.shape[2]]).sum() + bias

    mistakes = {
        "the bias forgotten": (
            lambda image, weight, bias, row, column: _convolved(image, weight, bias, row, column) - bias,
            "each filter has a bias of its own: it is added once, after the products.",
        ),
        "one channel alone": (
            lambda image, weight, bias, row, column: _convolved(image[:1], weight[:1], bias, row, column),
            "a filter has a kernel for each channel of what it reads, and adds up all of them.",
        ),
        "the channels kept apart": (
            lambda image, weight, bias, row, column: F.conv2d(
                image[None], weight[:, None], bias.expand(len(image)), padding=1, groups=len(image)
            )[0, :, row, column],
            "one number comes out: add up the channels, too.",
        ),
        "the kernel turned round": (
            lambda image, weight, bias, row, column: _convolved(image, weight.flip(1, 2), bias, row, column),
            "PyTorch's convolution does not flip its kernels (lesson 01).",
        ),
        "the padding forgotten": (
            without_padding,
            "the window of row 0 begins one row above the image, in the padding. Without it the window lies one row "
            "and one column too far on.",
        ),
        "the window cut off at the border": (
            cut_off,
            "at the border a part of the window lies in the padding. Cut off what lies outside, and at the top and the "
            "left the other pixels meet the wrong weights: pad the image first.",
        ),
        "averaged": (
            lambda image, weight, bias, row, column: (
                (_convolved(image, weight, bias, row, column) - bias) / weight.numel() + bias
            ),
            "the products are added up, and not divided by their number.",
        ),
    }
    return hints, mistakes


@prediction(
    "after the ReLU and the pool",
    "3 · Three numbers by hand",
    four=(
        (-3.0, -1.0, -2.0, -5.0),
        [
            (a, b, c, d)
            for a in (-4.0, -1.5, 2.0)
            for b in (-2.5, -1.0)
            for c in (-0.5, 1.0)
            for d in (-6.0, -3.0, -0.25)
        ],
    ),
)
def q3(four):
    largest = max(four)
    if largest > 0:
        of_the_relu = {"all of it made 0": (0.0, "ReLU changes only what is below 0.")}
    else:
        of_the_relu = {
            "the ReLU forgotten": (
                largest,
                "ReLU stands between the convolution and the pool, and changes what is below 0.",
            )
        }
    return Asked(
        f"`conv1` has computed {four[0]:g}, {four[1]:g}, {four[2]:g} and {four[3]:g} for the four cells of one "
        "window of the pool. Which number comes out of ReLU and pool?",
        answer=max(largest, 0.0),
        working=f"the largest of {', '.join(f'ReLU({number:g})' for number in four)}",
        hints=(
            "ReLU comes first. What does it turn a negative number into?",
            "Then the pool keeps the largest of the four, as it is.",
        ),
        mistakes=of_the_relu
        | {
            "the largest without its sign": (
                abs(max(four, key=abs)),
                "the pool compares numbers and not their sizes; and ReLU comes before it.",
            ),
            "the mean": (sum(four) / 4, "the pool adds nothing up: it keeps the largest; and ReLU comes before it."),
            "added up": (sum(four), "that is what a convolution does. The pool keeps the largest of the four."),
            "the smallest": (min(four), "max pooling keeps the largest, and ReLU comes before it."),
        },
    )


def dead_maps(maps):
    return maps.amax(dim=(0, 2, 3)) <= 0  # (N, C, H, W) -> (C,)


def _maps(generator):
    draw = torch.Generator().manual_seed(generator.randrange(2**31))
    cases = []
    for images, channels, size in ((2, 2, 2), (3, 4, 3), (8, 6, 4), (1, 5, 3), (4, 8, 2)):
        maps = torch.randint(1, 10, (images, channels, size, size), generator=draw) / 4
        maps[:, 0] = 0  # dead
        maps[0, 1] = 0  # silent for the first picture alone
        if channels > 2:
            maps[1:, 2] = 0  # answers to the first alone
            maps[:, 3] = 0
            maps[-1, 3, 0, 0] = 0.004  # answers once, and hardly
        cases.append({"maps": maps})
    return cases


@implementation("dead or silent", "4 · Dead, or silent", solution=dead_maps, cases=_maps)
def q4():
    """Write `dead_maps(maps)`: `maps` is (N, C, H, W), after a ReLU. It returns C times `True` or
    `False`, as a tensor: is this channel 0 everywhere, in all N pictures?
    """
    hints = (
        "After a ReLU nothing is negative. So which number of a channel tells you that all of it is 0?",
        "`maps.amax(dim=…)` takes several dimensions. Which ones must go, so that one number for each channel is left? "
        "(`(maps == 0).all(dim=…)` takes them, too: True where all along them is True.)",
        "`maps.amax(dim=(0, 2, 3))` is the largest number of each channel. Compare it with 0.",
    )
    mistakes = {
        "the first picture alone": (
            lambda maps: dead_maps(maps[:1]),
            "a map that is silent for one picture may answer to the next: look at all N.",
        ),
        "silent for any picture": (
            lambda maps: (maps.amax(dim=(2, 3)) <= 0).any(dim=0),
            "silent for one picture is not dead: it has to be 0 in *all* pictures.",
        ),
        "each picture by itself": (
            lambda maps: maps.amax(dim=(2, 3)) <= 0,
            "this is (N, C): in which picture is which map silent? Dead is silent in *all* pictures, so dimension 0 "
            "must go as well.",
        ),
        "each cell by itself": (
            lambda maps: (maps == 0).all(dim=0),
            "this is (C, H, W): which cell is 0 in all pictures? A map is dead if *all* of its cells are, so "
            "dimensions 2 and 3 must go as well.",
        ),
        "nearly silent": (
            lambda maps: maps.mean(dim=(0, 2, 3)) < 0.01,
            "a map that answers once, and hardly, is alive: it has a gradient, and can learn. Compare the largest "
            "number with 0, and not the mean with a small one.",
        ),
        "0 somewhere": (
            lambda maps: maps.amin(dim=(0, 2, 3)) <= 0,
            "nearly every map is 0 somewhere after a ReLU. Ask for its largest number, not for its smallest.",
        ),
        "pictures for channels": (
            lambda maps: maps.amax(dim=(1, 2, 3)) <= 0,
            "these are the pictures in which nothing answers: dimension 0 are the pictures, dimension 1 the channels.",
        ),
    }
    return hints, mistakes


@prediction(
    "what can go",
    "4 · Dead, or silent",
    inputs=(4608, (288, 512, 1024, 1152, 2304, 4608)),
    features=(64, (32, 64, 100, 128)),
    dead=(55, (3, 7, 12, 20, 48)),
    classes=(10, (2, 5, 10, 20)),
)
def q5(inputs, features, dead, classes):
    if dead >= features:
        return None
    return Asked(
        f"`fc1` turns {inputs:,} inputs into {features} features, `fc2` turns these into {classes} scores. {dead} of "
        "the features are dead. How many parameters can go without changing a single score?",
        answer=dead * (inputs + 1 + classes),
        working=f"{dead}·({inputs} + 1 + {classes})",
        hints=(
            "Which parameters make one feature? And which ones read it?",
            f"A feature has {inputs:,} weights and a bias in `fc1`. In `fc2` each of the {classes} classes has a "
            "weight for it.",
        ),
        mistakes={
            "the weights of fc1 alone": (
                dead * inputs,
                f"each feature has a bias as well, and {classes} weights of `fc2` read it: they only ever meet a 0.",
            ),
            "fc2 forgotten": (
                dead * (inputs + 1),
                f"`fc2` has {classes} weights for each feature. For a dead one they only ever meet a 0.",
            ),
            "the biases forgotten": (dead * (inputs + classes), "each feature of `fc1` has a bias, too."),
            "the biases of fc2 as well": (
                dead * (inputs + 1 + classes) + classes,
                "a bias of `fc2` belongs to a class and not to a feature: it stays.",
            ),
            "those that are alive": (
                (features - dead) * (inputs + 1 + classes),
                f"you counted the {features - dead} that are alive. {dead} are dead.",
            ),
        },
    )


@prediction(
    "by how much it leads",
    "5 · One wrong answer",
    features=((3, 0, 2), [(a, b, c) for a in (1, 3, 4) for b in (0, 2) for c in (1, 2)]),
    given=((2, 3, -1), [(a, b, c) for a in (1, 2) for b in (3, 5) for c in (-2, -1, 2)]),
    right=((-1, 2, 2), [(a, b, c) for a in (-2, -1) for b in (1, 2) for c in (0, 1)]),
    biases=((2, 1), [(a, b) for a in (2, 3) for b in (0, 1)]),
)
def q6(features, given, right, biases):
    def score(weights):
        return sum(weight * feature for weight, feature in zip(weights, features, strict=True))

    terms = [feature * (wrong - true) for feature, wrong, true in zip(features, given, right, strict=True)]
    lead = sum(terms) + biases[0] - biases[1]
    if lead <= 0:  # then it is not the class that is given
        return None
    return Asked(
        f"Three features of a picture are {features}. The class that was given weighs them {given}, with a bias of "
        f"{biases[0]}; the right one {right}, with a bias of {biases[1]}. By how much does the score of the given "
        "class lead?",
        answer=lead,
        working=f"({score(given)} + {biases[0]}) − ({score(right)} + {biases[1]})".replace("+ -", "− "),
        hints=(
            "A score is the sum of weight times feature, plus the class's bias.",
            f"The features contribute {', '.join(map(str, terms))} to the difference. And the biases?",
        ),
        mistakes={
            "the biases forgotten": (sum(terms), f"the biases differ as well, {biases[0]} and {biases[1]}."),
            "the score alone": (
                score(given) + biases[0],
                "that is the given class's score. How far it leads depends on the other one, too.",
            ),
            "the weights without the features": (
                sum(given) - sum(right) + biases[0] - biases[1],
                f"a weight counts as often as its feature says, {features}: times 0 it does not count at all.",
            ),
            "added up": (score(given) + biases[0] + score(right) + biases[1], "by how much one leads is a difference."),
            "the right one's lead": (-lead, "the given class has the larger score, so it leads by a positive number."),
        },
    )


@prediction(
    "parameters of the second convolution",
    "6 · Your own network",
    first=(8, (4, 6, 8, 12, 18)),
    second=(16, (8, 10, 16, 20, 32)),
    kernel_size=(3, (3, 5, 7)),
)
def q7(first, second, kernel_size):
    area = kernel_size**2
    return Asked(
        f"The first convolution turns a colour picture into {first} maps, a pool halves them, and the second "
        f"convolution turns these into {second} maps, with a kernel of {kernel_size}. How many parameters does the "
        "second have?",
        answer=second * (first * area + 1),
        working=f"{second}·({first}·{kernel_size}·{kernel_size} + 1)",
        hints=(
            "A filter of the second convolution has a kernel for each map that it reads. How many maps is that?",
            f"One filter has {first}·{area} weights and a bias. There are {second} filters.",
        ),
        mistakes={
            "one kernel a filter": (
                second * (area + 1),
                f"a filter has a kernel for each of the {first} maps that it reads.",
            ),
            "three colours": (
                second * (3 * area + 1),
                f"three channels are what the *first* convolution reads. The second reads its {first} maps.",
            ),
            "the biases forgotten": (second * first * area, "each filter has a bias."),
            "one bias for all": (second * first * area + 1, f"each of the {second} filters has a bias of its own."),
            "a bias for each kernel": (
                second * first * (area + 1),
                "a bias belongs to a filter, and not to each of its kernels.",
            ),
            "parameters of the pool": (
                second * (first * area + 1) + first * 4,
                "a pool has no parameters: it always keeps the largest.",
            ),
        },
    )


@prediction(
    "what the linear layer reads",
    "6 · Your own network",
    image_size=(32, (16, 20, 28, 32, 36, 48, 64)),
    second=(16, (8, 10, 16, 20, 32)),
    padding=(1, (0, 1)),
)
def q8(image_size, second, padding):
    sizes = [image_size]
    for _ in range(2):
        sizes.append(pool_output_size(conv_output_size(sizes[-1], 3, padding=padding), 2))
    side = sizes[-1]
    once, unpooled = sizes[1], conv_output_size(sizes[1], 3, padding=padding)
    return Asked(
        f"Pictures of {image_size} × {image_size}, two convolutions with kernel 3 and padding {padding}, each with a "
        f"pool of 2 after it. The second convolution makes {second} maps. How many numbers does the linear layer "
        "after it read?",
        answer=second * side**2,
        working=f"{second}·{side}·{side}",
        hints=(
            "Follow the height alone: convolution, pool, convolution, pool.",
            f"After the first pool the maps are {once} × {once}, after the second {side} × {side}. And how many maps "
            "are there?",
        ),
        mistakes={
            "pooled once": (second * unpooled**2, "there is a pool after the second convolution, too."),
            "not pooled at all": (
                second * conv_output_size(conv_output_size(image_size, 3, padding=padding), 3, padding=padding) ** 2,
                "each pool halves height and width, rounded down.",
            ),
            "the maps forgotten": (side**2, f"these are the numbers of one map. There are {second}."),
            "the height alone": (second * side, f"a map of {side} × {side} has {side * side} numbers."),
            "halved once more": (second * (side // 2) ** 2, "two pools halve twice, and not three times."),
        },
    )


@prediction(
    "how much one number sees", "6 · Your own network", kernels=((3, 7), [(a, b) for a in (3, 5, 7) for b in (3, 5, 7)])
)
def q9(kernels):
    first, second = kernels
    layers = [(first, 1, 1), (2, 2, 1), (second, 1, 1), (2, 2, 1)]
    steps = [receptive_field(layers[:n]) for n in range(1, 5)]
    return Asked(
        f"Convolution with kernel {first}, pool of 2, convolution with kernel {second}, pool of 2. How many pixels "
        "wide is the part of the picture that one number after the second pool sees?",
        answer=steps[-1],
        working=f"{first}, then + 1, then + 2·{second - 1}, then + 2",
        hints=(
            "Begin with the first layer. After the first pool two neighbours lie two pixels apart.",
            f"One number after the first pool sees {steps[1]}. Each of the {second - 1} further cells of the second "
            "kernel adds two pixels.",
        ),
        mistakes={
            "steps of one pixel": (
                first + 1 + (second - 1) + 1,
                "after a pool of 2, neighbours lie two pixels apart: there each further cell adds two.",
            ),
            "the first half alone": (steps[1], "that is what one number after the first pool sees."),
            "the second pool forgotten": (
                steps[2],
                "the second pool looks at two numbers in a row, and these lie two pixels apart.",
            ),
            "the pools forgotten": (
                first + second - 1,
                "each pool sees one further number, and after it neighbours lie twice as far apart.",
            ),
            "the kernels added": (
                first + 2 + second + 2,
                "windows overlap, so kernels do not add up. Go layer by layer: how far apart are two neighbours there?",
            ),
            "the kernels multiplied": (
                first * 2 * second * 2,
                "neighbours see overlapping parts of the picture, so sizes are not multiplied.",
            ),
        },
    )


def two_convolutions(first, second):
    return nn.Sequential(
        nn.Conv2d(3, first, kernel_size=3, padding=1),  # (N, 3, 32, 32) -> (N, first, 32, 32)
        nn.ReLU(),
        nn.MaxPool2d(2),  # -> (N, first, 16, 16)
        nn.Conv2d(first, second, kernel_size=3, padding=1),  # -> (N, second, 16, 16)
        nn.ReLU(),
        nn.MaxPool2d(2),  # -> (N, second, 8, 8)
        nn.Flatten(),  # -> (N, second * 8 * 8)
        nn.Linear(second * 8 * 8, 10),  # -> (N, 10)
    )


def _built(function, first, second):
    """What can be told of a network without its random weights."""
    model = function(first, second)
    if model is None:
        return None
    scores = model(torch.zeros(2, 3, 32, 32))
    # The same weights in each network, of both signs, and pictures that are each other's negative: after each layer
    # some numbers are below 0, which tells where a ReLU stands.
    with torch.no_grad():
        picture = torch.ones(1, 3, 32, 32)
        for weight in model.parameters():
            weight.copy_(torch.arange(1.0, weight.numel() + 1).sin().view_as(weight))
        answers = model(torch.cat([picture, -picture]))
    return {
        "scores": tuple(scores.shape),
        "parameters": sum(weight.numel() for weight in model.parameters()),
        "with the same weights in both, two pictures": answers,
    }


def _variant(**changes):
    """two_convolutions with one thing changed."""

    def made(first, second):
        layers = list(two_convolutions(first, second))
        for place, layer in sorted(changes.items(), reverse=True):
            layers[int(place[1:]) : int(place[1:]) + 1] = layer(first, second)
        return nn.Sequential(*layers)

    return made


@implementation(
    "two convolutions",
    "6 · Your own network",
    solution=two_convolutions,
    observe=_built,
    cases=lambda generator: [
        {"first": first, "second": second}
        for first, second in ((1, 1), (2, 3), (8, 16), (generator.randrange(2, 9), 5))
    ],
)
def q10():
    """Write `two_convolutions(first, second)`: it returns a network for pictures (N, 3, 32, 32) and ten classes. A
    convolution with `first` maps, ReLU, a pool of 2, a convolution with `second` maps, ReLU, a pool of 2, flatten, one
    linear layer. Kernels are 3 × 3, with padding 1.
    """
    hints = (
        "`nn.Sequential` takes the layers in their order. Write the shape after each line: only the second "
        "convolution and the linear layer need more than the text says.",
        "The second convolution reads the maps of the first: `nn.Conv2d(first, second, 3, padding=1)`.",
        "32 is halved twice, so the linear layer reads `second * 8 * 8` numbers.",
    )
    mistakes = {
        "one pool left out": (
            _variant(_5=lambda first, second: [], _7=lambda first, second: [nn.Linear(second * 256, 10)]),
            "there is a pool after the second convolution, too. (What the linear layer reads must then fit as well.)",
        ),
        "the ReLUs left out": (
            _variant(_1=lambda first, second: [], _4=lambda first, second: []),
            "there is a ReLU after each convolution. (The max pool between them is not linear either, but it keeps "
            "what is below 0.)",
        ),
        "the second convolution reads the picture": (
            _variant(_3=lambda first, second: [nn.Conv2d(3, second, 3, padding=1)]),
            "the second convolution reads what the first has made: `first` maps, and not 3 colours.",
        ),
        "the linear layer as for one pool": (
            _variant(_7=lambda first, second: [nn.Linear(second * 256, 10)]),
            "after two pools a map is 8 × 8, and no longer 16 × 16.",
        ),
        "a ReLU after the scores": (
            _variant(_7=lambda first, second: [nn.Linear(second * 64, 10), nn.ReLU()]),
            "scores may be negative. A ReLU after the last layer would hide by how much a class is ruled out.",
        ),
        "softmax at the end": (
            _variant(_7=lambda first, second: [nn.Linear(second * 64, 10), nn.Softmax(dim=1)]),
            "softmax is inside the loss (lesson 04): the network ends with its scores.",
        ),
    }
    return hints, mistakes


def course_network():
    train_set, validation_set = load_shapes()
    torch.manual_seed(0)
    model = nn.Sequential(
        *(nn.Conv2d(3, 3, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2)),  # (N, 3, 32, 32) -> (N, 3, 16, 16)
        *(nn.Conv2d(3, 4, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2)),  # -> (N, 4, 8, 8)
        *(nn.Conv2d(4, 4, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2)),  # -> (N, 4, 4, 4)
        *(nn.Flatten(), nn.Linear(4 * 4 * 4, 10)),  # -> (N, 64) -> (N, 10)
    )
    optimizer = torch.optim.Adam(model.parameters(), lr=1e-2)
    train(model, train_set, validation_set, epochs=4, batch_size=32, optimizer=optimizer)
    optimizer.param_groups[0]["lr"] = 1e-3  # smaller steps at the end
    train(model, train_set, validation_set, epochs=1, batch_size=32, optimizer=optimizer, seed=4)
    return model


@contest(
    "as few parameters as possible",
    "8 · A contest",
    least=0.97,
    fewest=994,
    solution=course_network,
    hints=(
        "Where are the parameters? `trace(model, (1, 3, 32, 32))` has a column for them. What makes that layer "
        "smaller?",
        "A further pool divides the inputs of the linear layer by four. A further convolution in front of it is "
        "cheap: with few maps on both sides it has hardly any weights.",
        "Few weights need more steps: train longer, with a larger learning rate, and ten times smaller steps at the "
        "end.",
    ),
)
def q11():
    """Train a network that is right about at least 97 % of shapes that it has never met, with as few parameters as you
    can. It is tested on 2,000 that are drawn for this.
    """
