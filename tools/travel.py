"""The first page's strip: a picture on its way through the trained network, each step drawn from torch's numbers."""

import base64
import html
import io

import numpy as np
import torch
from matplotlib.image import imsave

from helpers.colours import COLOURS
from helpers.data import load_shapes
from helpers.figures import signed
from helpers.trained import trained_cnn

PICTURE = 6  # of the test pictures
SIDE, BEHIND = 2, 2  # pixels: a number of a map is as wide, and each map lies as far behind the one before it
EDGE = (*bytes.fromhex(COLOURS["padding"][1:]), 255)  # around each map and vector
ROW = 48  # how many numbers of a long vector stand in a row


def pictures():
    """The test pictures as far as the one that travels, which is the last."""
    return load_shapes(train=1, test=PICTURE + 1)[1]


def steps() -> dict:
    """{name: what comes out there, a float tensor without the batch}, from the normalised picture to the scores."""
    model, x = trained_cnn(), pictures()[-1:][0]
    made = {"image": x}
    with torch.no_grad():
        made["conv1"] = x = model.conv1(x)
        made["relu"] = x = torch.relu(x)
        made["pool"] = x = model.pool(x)
        made["flatten"] = x = torch.flatten(x, 1)
        made["fc1, relu"] = x = torch.relu(model.fc1(x))
        made["fc2"] = model.fc2(x)
    return {name: tensor[0] for name, tensor in made.items()}


def strip() -> str:
    """The strip as HTML, and below it what it shows, in markdown."""
    made, shown = steps(), pictures()
    kind, says = (shown.classes[int(label)] for label in (shown.labels[-1], made["fc2"].argmax()))
    items = "".join(_item(place, name, tensor) for place, (name, tensor) in enumerate(made.items()))
    return (
        f'<ol class="travel">{items}</ol>\n\n*A test picture of the class {kind}, on its way through the trained '
        "network. Behind it each dot is a number: white is 0, green is above, pink below. "
        f"The last ten are scores: {says} has the highest.*"
    )


def _item(place, name, tensor):
    picture = _picture() if name == "image" else drawn(tensor)
    height, width = picture.shape[:2]
    shape = str(tuple(tensor.shape))
    about = f"{name}: {shape}, numbers from {tensor.min():.1f} to {tensor.max():.1f}"
    return (
        f'<li style="--step: {place}"><img src="data:image/png;base64,{_png(picture)}" alt="{html.escape(about)}" '
        f'width="{width}" height="{height}"><b>{name}</b> <code>{shape}</code></li>'
    )


def _picture():
    return _larger(pictures().images[-1].permute(1, 2, 0).numpy(), 3)


def drawn(tensor) -> np.ndarray:
    """Colours, uint8 (height, width, 4): maps as a stack, the strongest in front; a vector in the order of reading."""
    colours = signed("output")(tensor.numpy() / float(tensor.abs().max()) / 2 + 0.5, bytes=True)
    if tensor.ndim == 1:
        rows = colours.reshape(-1, ROW, 4) if len(tensor) > 1000 else _larger(colours[:, None], 64 // len(tensor), 12)
        return _edged(np.pad(rows, ((1, 1), (1, 1), (0, 0))))
    maps, last = len(colours), (len(colours) - 1) * BEHIND
    side = colours.shape[1] * SIDE
    stack = np.zeros((side + last, side + last, 4), np.uint8)
    for place, number in enumerate(tensor.abs().sum((1, 2)).argsort().tolist()):  # the weakest first: it lies behind
        one = _edged(_larger(colours[number], SIDE))
        down, right = place * BEHIND, (maps - 1 - place) * BEHIND
        stack[down : down + side, right : right + side] = one
    return stack


def _edged(picture):
    picture[[0, -1]] = picture[:, [0, -1]] = EDGE
    return picture


def _larger(picture, down, across=None):
    return picture.repeat(down, 0).repeat(across or down, 1)


def _png(picture):
    file = io.BytesIO()
    imsave(file, picture, format="png")
    return base64.b64encode(file.getvalue()).decode()
