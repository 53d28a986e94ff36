"""The strip of the first page: its shapes and its pictures are what torch makes of one picture."""

import base64
import io
import re

import numpy as np
import pytest
import torch
import travel
from matplotlib.image import imread

from helpers.data import load_shapes
from helpers.figures import signed
from helpers.trained import trained_cnn


@pytest.fixture(scope="module")
def forward():
    """{name: what the network's own forward makes there}."""
    model, made = trained_cnn(), {}
    for name, layer in model.named_children():
        layer.register_forward_hook(lambda _, taken, given, name=name: made.update({name: (taken[0], given)}))
    made["image"] = load_shapes(train=1, test=travel.PICTURE + 1)[1][travel.PICTURE :][0]
    with torch.no_grad():
        model(made["image"])
    return {
        "image": made["image"],
        "conv1": made["conv1"][1],
        "relu": made["pool"][0],
        "pool": made["pool"][1],
        "flatten": made["fc1"][0],
        "fc1, relu": made["fc2"][0],
        "fc2": made["fc2"][1],
    }


def test_each_step_is_what_the_networks_own_forward_makes(forward):
    steps = travel.steps()
    assert [*steps] == [*forward]
    assert all(torch.equal(steps[name], forward[name][0]) for name in forward)


def colours_of(tensor):
    return signed("output")(tensor.numpy() / float(tensor.abs().max()) / 2 + 0.5, bytes=True)


def test_the_pictures_are_the_numbers_and_the_words_the_shapes(forward):
    strip = travel.strip()
    assert re.findall(r"<code>(.+?)</code>", strip) == [str(tuple(tensor[0].shape)) for tensor in forward.values()]
    told = re.findall(r'alt="(.+?): (.+?), numbers from (\S+) to (\S+)"', strip)
    assert told == [(name, str(tuple(t[0].shape)), f"{t.min():.1f}", f"{t.max():.1f}") for name, t in forward.items()]
    files = [io.BytesIO(base64.b64decode(data)) for data in re.findall(r"base64,([^\"]+)", strip)]
    shown = dict(zip(forward, ((imread(file) * 255).round().astype(np.uint8) for file in files), strict=True))
    of_set = load_shapes(train=1, test=travel.PICTURE + 1)[1]
    assert np.array_equal(shown["image"][1::3, 1::3, :3], of_set.images[-1].permute(1, 2, 0).numpy())
    for name in ("conv1", "relu", "pool"):
        maps = forward[name][0]
        strongest = maps.abs().sum((1, 2)).argmax()
        wide = 2 * maps.shape[1]
        front = shown[name][-wide:, :wide][3:-2:2, 3:-2:2]  # without what its edge covers
        assert np.array_equal(front, colours_of(maps)[strongest][1:-1, 1:-1]), name
    rows = shown["flatten"][1:-1, 1:-1].reshape(-1, 4)
    assert np.array_equal(rows, colours_of(forward["flatten"][0]))
    for name, high in (("fc1, relu", 1), ("fc2", 6)):
        assert np.array_equal(shown[name][1:-1:high, 5], colours_of(forward[name][0])), name
    assert strip.endswith(f": {of_set.classes[forward['fc2'].argmax()]} has the highest.*")
    assert f"class {of_set.classes[of_set.labels[-1]]}," in strip
