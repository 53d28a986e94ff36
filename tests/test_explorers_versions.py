"""ModelExplorer in Python: what it is given, the states of a model that it shows and keeps, what the page may ask."""

import copy
import gc
import json
import math
import time
import weakref

import numpy as np
import pytest
import torch
from PIL import Image
from torch import nn

from helpers.data import ImageSet, load_shapes
from helpers.explorers import ModelExplorer
from helpers.explorers.batches import batch
from helpers.inside.cells import cell
from helpers.model import SimpleCNN
from helpers.training import train


@pytest.fixture(scope="module")
def sets():
    return load_shapes(train=128, test=40)


@pytest.fixture(scope="module")
def eight(sets):
    test_set = sets[1]
    return ImageSet(test_set.images[:8], test_set.labels[:8], test_set.classes, test_set.mean, test_set.std)


def traits(explorer):
    """All that the page is told, and how many bytes that is."""
    names = set(explorer.view.trait_names(sync=True))
    names -= {name for name in names if name.startswith("_")} | {"sliders", "layout", "tabbable", "tooltip", "comm"}
    return {name: getattr(explorer.view, name) for name in names}


def size(value):
    """Bytes on the wire: of numbers and words as JSON, of bytes themselves."""
    if isinstance(value, bytes):
        return len(value)
    if isinstance(value, dict):
        return sum(len(json.dumps(key)) + 2 + size(part) for key, part in value.items())
    if isinstance(value, (list, tuple)):
        return sum(1 + size(part) for part in value)
    return len(json.dumps(value))


def asked(explorer, **message):
    """What the view answers to a message of the page: [(content, buffers), …]."""
    answers = []
    explorer.view.send = lambda content, buffers=None: answers.append((content, buffers))
    explorer.view._handle_custom_msg(message, [])
    del explorer.view.send
    return answers


def test_a_simple_cnn_with_eight_images_is_small_and_quick(eight, record_property):
    model = SimpleCNN()
    ModelExplorer(model, eight)
    began = time.process_time()
    explorer = ModelExplorer(model, eight)
    took = time.process_time() - began
    sent = sum(size(value) for value in traits(explorer).values())
    record_property(
        "measured", f"SimpleCNN, 8 images: {sent:,} bytes to the page, {1000 * took:.0f} ms of processor time"
    )
    assert sent <= 400_000
    assert took <= 0.2  # 0.05 on an idle machine
    assert repr(explorer) == "ModelExplorer: SimpleCNN, 8 images (3, 32, 32) → 7 steps → (10,)"


def test_sliders_and_place_are_attributes(eight):
    explorer = ModelExplorer(SimpleCNN(), eight, image=3, depth="layer", step=2)
    assert (explorer.image, explorer.depth, explorer.step) == (3, "layer", 2)
    assert {name: getattr(slider, "max", None) for name, slider in explorer.sliders.items()} == {
        "image": 8,
        "depth": None,
        "step": 7,
        "epoch": None,
    }
    assert explorer.output()[0, next(iter(explorer.place))].max() == explorer.output().max()
    explorer.place = [17, 0, 31]
    assert explorer.view.place == explorer.place == [17, 0, 31]
    assert explorer.cell()["value"] == float(explorer.output()[0, 17, 0, 31])
    assert torch.equal(explorer.input(), explorer._version.inside.blocks[1].values[2:3])
    explorer.step = 3
    assert explorer.cell()["row"] == 0
    assert explorer.cell()["column"] == 15
    assert explorer.layer() is explorer._model.pool
    assert torch.equal(explorer.layer()(explorer.input()), explorer.output())


@pytest.mark.parametrize(
    ("name", "value", "error", "said"),
    [
        ("image", 9, ValueError, "image wants a whole number from 1 to 8, but got 9. The nearest is 8."),
        ("step", 0, ValueError, "step wants a whole number from 1 to 7, but got 0. The nearest is 1."),
        ("step", 2.5, TypeError, "step wants a whole number from 1 to 7, but got 2.5. Did you mean 2?"),
        ("depth", "pixel", ValueError, "depth wants one of 'chain', 'layer', 'cell', but got 'pixel'."),
        (
            "place",
            [18, 0, 0],
            ValueError,
            "place: map wants a whole number from 0 to 17, but got 18. The nearest is 17.",
        ),
        ("place", [1, 2], TypeError, "place wants [map, row, column], but got [1, 2]."),
        ("epoch", "epoch 1", ValueError, "epoch wants one of 'now', but got 'epoch 1'."),
    ],
)
def test_what_cannot_be_chosen_is_refused_and_nothing_moves(eight, name, value, error, said):
    explorer = ModelExplorer(SimpleCNN(), eight)
    before = explorer.settings, explorer.place
    with pytest.raises(error) as caught:
        setattr(explorer, name, value)
    assert str(caught.value) == said
    assert (explorer.settings, explorer.place) == before
    if name in explorer.controls:
        with pytest.raises(error) as caught:
            ModelExplorer(SimpleCNN(), eight, **{name: value})
        assert str(caught.value) == said


def test_new_weights_are_shown_after_update_and_never_mixed(eight):
    model = SimpleCNN()
    explorer = ModelExplorer(model, eight)
    before, first = traits(explorer), explorer._version
    with torch.no_grad():
        model.fc2.weight.add_(1)
        model.conv1.weight.neg_()
    assert traits(explorer) == before
    ask = {"block": 1, "image": 0, "map": 2, "row": 3, "column": 4, "version": first.number}
    old = asked(explorer, ask="cell", **ask)[0][0]
    sent = []
    explorer.view.send_state = lambda key=None: sent.append(key)
    explorer.update()
    del explorer.view.send_state
    after = traits(explorer)
    assert {"maps", "limits", "kernels", "rows", "scores", "cells", "zeros", "strongest"} >= {
        name for name in after if after[name] != before[name]
    }
    assert after["maps"]["version"] > before["maps"]["version"]
    assert all(answer["version"] == after["maps"]["version"] for answer in after["cells"].values())
    assert len(sent) == 1, "all in one message"
    assert asked(explorer, ask="cell", **ask) == []  # that state is gone
    new = asked(explorer, ask="cell", **ask | {"version": after["maps"]["version"]})[0][0]
    weights = [told["weights"] for told in sorted(new["channels"], key=lambda told: told["channel"])]
    assert weights == model.conv1.weight[2].detach().flatten(1).tolist()
    assert old["channels"] != new["channels"]
    with torch.no_grad():
        assert torch.equal(explorer._version.inside.blocks[-1].values, model(batch(eight).images))


def test_each_epoch_is_kept_while_training(sets, eight):
    model = SimpleCNN()
    explorer = ModelExplorer(model, eight)
    states, modes = [copy.deepcopy(model)], []

    def keep(history):
        explorer.keep(history)
        states.append(copy.deepcopy(model))
        modes.append(model.training)

    train(model, sets[0], epochs=3, batch_size=64, device="cpu", progress=False, after_epoch=keep)
    assert modes == [True] * 3
    assert explorer.view.epochs == ["before", "epoch 1", "epoch 2", "epoch 3"]
    assert list(explorer.sliders["epoch"].options) == explorer.view.epochs
    assert explorer.epoch == "epoch 3"
    for label, state in zip(explorer.view.epochs, states, strict=True):
        explorer.sliders["epoch"].value = label
        kernels = np.frombuffer(explorer.view.kernels["1"]["bytes"], np.float32)
        assert np.array_equal(kernels, state.conv1.weight.detach().numpy().ravel())
        assert explorer.view.maps["version"] == explorer._versions.named(label).number
        with torch.no_grad():
            assert torch.equal(explorer._version.inside.blocks[-1].values, state(batch(eight).images))
        for at in range(1, len(explorer._version.inside.blocks)):
            kept = [version.inside.blocks[at].values for version in explorer._versions.all]
            assert explorer.view.limits[str(at)] == max(values.abs().max().item() for values in kept)
    explorer.epoch = "before"
    assert explorer.epoch == explorer.view.epoch == "before"
    explorer.update()
    assert explorer.view.epochs[-1] == explorer.epoch == "now"
    explorer.update()
    assert explorer.view.epochs == ["before", "epoch 1", "epoch 2", "epoch 3", "now"]


def test_training_is_the_same_with_an_explorer_that_looks_on(sets, eight):
    losses = []
    for looks in (False, True):
        torch.manual_seed(0)
        model = SimpleCNN()
        keep = ModelExplorer(model, eight).keep if looks else None
        losses.append(train(model, sets[0], epochs=2, progress=False, device="cpu", after_epoch=keep).loss)
    assert losses[0] == losses[1]


def test_of_many_epochs_every_second_is_let_go(eight, monkeypatch):
    explorer = ModelExplorer(nn.Sequential(nn.Conv2d(3, 2, 3)), eight)
    gone = weakref.ref(explorer._version.inside)
    for _ in range(30):
        explorer.keep()
    labels = explorer.view.epochs
    assert len(labels) <= 24
    assert (labels[0], labels[-1]) == ("before", "epoch 30")
    monkeypatch.setattr("helpers.explorers.versions.LARGEST", 1)
    explorer.keep()
    assert explorer.view.epochs == ["before", "epoch 31"]
    for _ in range(2):
        explorer.update()
    explorer._versions.all.clear()
    gc.collect()
    assert gone() is None


def test_the_page_may_ask_for_a_block_and_for_a_cell():
    torch.manual_seed(0)
    model = nn.Sequential(nn.Conv2d(3, 32, 3), nn.ReLU(), nn.Flatten())
    explorer = ModelExplorer(model, torch.rand(4, 3, 64, 64))
    version = explorer.view.maps["version"]
    assert explorer.view.maps["blocks"]["1"]["maps"] is not None
    ((told, buffers),) = asked(explorer, ask="maps", block=1, version=version)
    block = explorer._version.inside.blocks[1]
    assert {name: told[name] for name in ("maps", "version", "height", "width")} == {
        "maps": 1,
        "version": version,
        "height": 62,
        "width": 62,
    }
    numbers = np.frombuffer(buffers[0], np.int8).reshape(block.values.shape)
    assert np.abs(numbers / 127 * told["scale"] - block.values.numpy()).max() <= told["scale"] / 250
    ((answer, _),) = asked(explorer, ask="cell", block=1, image=2, map=31, row=0, column=61, version=version)
    assert answer == cell(explorer._version.inside, 1, 2, [31, 0, 61]) | {"ask": "cell", "version": version}
    assert asked(explorer, ask="maps", block=1, version=version + 1) == []


def test_a_broken_model_is_shown_with_its_problem(eight):
    model = SimpleCNN()
    model.fc1 = nn.Linear(100, 64)
    explorer = ModelExplorer(model, eight)
    assert repr(explorer) == "ModelExplorer: SimpleCNN, 8 images (3, 32, 32) → 4 steps → stops at fc1"
    assert explorer.view.problem["fix"] == "fc1 = nn.Linear(4608, 64)"
    assert explorer.sliders["step"].max == 4
    model.fc1 = nn.Linear(4608, 64)
    explorer.update()
    assert (explorer.view.problem, explorer.sliders["step"].max) == ({}, 7)
    explorer.step = 7
    model.conv1 = nn.Conv2d(1, 18, 3)
    explorer.update()
    assert (explorer.step, len(explorer.view.chain), explorer.view.maps["blocks"]) == (1, 1, {})
    assert repr(explorer) == "ModelExplorer: SimpleCNN, 8 images (3, 32, 32) → 0 steps → stops at conv1"
    for ask in (explorer.cell, explorer.layer, explorer.input, explorer.output):
        with pytest.raises(
            ValueError, match=r"^The model breaks off before its first step: conv1: 3 channels arrive, "
        ):
            ask()


def test_not_a_number_is_not_where_it_stops(eight):
    model = SimpleCNN()
    model.fc1.bias.data[0] = math.nan
    explorer = ModelExplorer(model, eight)
    assert repr(explorer) == "ModelExplorer: SimpleCNN, 8 images (3, 32, 32) → 7 steps → (10,), a problem at fc1"


@pytest.mark.parametrize(
    ("model", "error", "said"),
    [
        (
            SimpleCNN,
            TypeError,
            "ModelExplorer wants an nn.Module, but got the class SimpleCNN: SimpleCNN(…) makes one.",
        ),
        (
            len,
            TypeError,
            "ModelExplorer wants an nn.Module, but got a builtin_function_or_method: ModelExplorer(model, ",
        ),
        (None, TypeError, "ModelExplorer wants an nn.Module, but got None: "),
    ],
)
def test_what_is_no_model_is_refused(eight, model, error, said):
    with pytest.raises(error) as caught:
        ModelExplorer(model, eight)
    assert str(caught.value).startswith(said)


# -- pictures ----------------------------------------------------------------------------------------------


def test_pictures_come_in_many_forms(sets, eight, tmp_path):
    test_set = sets[1]
    picture = test_set.images[0]
    Image.fromarray(picture.permute(1, 2, 0).numpy()).save(tmp_path / "one.png")
    bytes_, floats = picture / 255, (picture / 255).double()
    grey = torch.rand(2, 1, 5, 7)
    with Image.open(tmp_path / "one.png") as opened:
        opened.load()
    for images, shape, expected in [
        (eight, (8, 3, 32, 32), test_set[:8][0]),
        (test_set[:8], (8, 3, 32, 32), test_set[:8][0]),
        (picture, (1, 3, 32, 32), bytes_[None]),
        (picture.numpy(), (1, 3, 32, 32), bytes_[None]),
        ([picture, picture], (2, 3, 32, 32), torch.stack([bytes_, bytes_])),
        (floats.numpy(), (1, 3, 32, 32), floats[None]),
        (tmp_path / "one.png", (1, 3, 32, 32), bytes_[None]),
        ([str(tmp_path / "one.png")] * 3, (3, 3, 32, 32), bytes_.expand(3, 3, 32, 32)),
        (opened, (1, 3, 32, 32), bytes_[None]),
        (grey, (2, 1, 5, 7), grey),
        (torch.rand(2, 5, 4, 4).requires_grad_(), (2, 5, 4, 4), None),
    ]:
        given = batch(images)
        assert given.images.shape == shape
        assert given.images.is_floating_point()
        assert not given.images.requires_grad
        assert expected is None or torch.equal(given.images, expected)
        assert given.pixels.shape == (shape[0], *shape[2:], 3 if shape[1] == 3 else 1)
        assert given.pixels.dtype == np.uint8
    assert np.array_equal(batch(eight).pixels, test_set.images[:8].permute(0, 2, 3, 1).numpy())
    assert np.array_equal(batch(picture).pixels[0], picture.permute(1, 2, 0).numpy())
    assert batch(eight).note == batch(test_set[:8][0]).note == ""
    assert batch(picture).note.startswith("The bytes of the pictures are divided by 255")
    assert batch(test_set[:8][0]).pixels.min() == 0
    assert batch(test_set[:8][0]).pixels.max() == 255


def test_a_picture_file_is_cut_to_what_the_model_takes(tmp_path):
    stripes = np.zeros((60, 100, 3), np.uint8)
    stripes[:, 20:80, 0] = 255  # red in the middle: 60 × 60
    Image.fromarray(stripes).save(tmp_path / "wide.png")
    explorer = ModelExplorer(SimpleCNN(image_size=(24, 24)), tmp_path / "wide.png")
    assert explorer.view.chain[0]["shape"] == [3, 24, 24]
    red, green, _ = explorer._batch.images[0]
    assert red[:, 1:-1].min() == 1
    assert green.max() == 0
    assert batch(tmp_path / "wide.png").images.shape == (1, 3, 38, 64)


def test_labels_and_classes_come_from_the_set_unless_given(sets, eight):
    test_set = sets[1]
    assert batch(eight).labels == test_set.labels[:8].tolist()
    assert batch(eight).classes == list(test_set.classes)
    assert batch(test_set[:3]).labels == test_set.labels[:3].tolist()
    assert batch(torch.rand(2, 3, 4, 4), [1, 0], ["cat", "dog"]).labels == [1, 0]
    assert len(batch(load_shapes(train=1, test=100)[1]).images) == 8
    explorer = ModelExplorer(nn.Sequential(nn.Flatten(), nn.Linear(48, 3)), torch.rand(2, 3, 4, 4))
    assert explorer.view.classes == ["0", "1", "2"]
    assert ModelExplorer(SimpleCNN(classes=4), eight).view.classes == ["0", "1", "2", "3"]  # ten names would be wrong


@pytest.mark.parametrize(
    ("images", "labels", "classes", "error", "said"),
    [
        (None, None, None, TypeError, "images wants pictures (N, C, height, width), but got None. "),
        (
            torch.rand(3, 4),
            None,
            None,
            ValueError,
            "images wants pictures (N, C, height, width), but got float32 (3, 4).",
        ),
        (torch.rand(2, 8, 8, 3), None, None, ValueError, "Try images.permute(0, 3, 1, 2)."),
        (torch.rand(0, 3, 8, 8), None, None, ValueError, "but got float32 (0, 3, 8, 8)."),
        (torch.zeros(1, 3, 4, 4, dtype=torch.cfloat), None, None, TypeError, "of whole numbers or floats"),
        (
            torch.rand(65, 3, 4, 4),
            None,
            None,
            ValueError,
            "images wants at most 64 pictures, but got 65. Try images[:8].",
        ),
        ([torch.rand(3, 4, 4), torch.rand(3, 4, 5)], None, None, ValueError, "images wants pictures of one size"),
        (
            torch.rand(2, 3, 4, 4),
            [0],
            None,
            ValueError,
            "labels wants a class number for each picture, 2 in all, but got 1.",
        ),
        (torch.rand(2, 3, 4, 4), [0, 2], ["a", "b"], ValueError, "labels wants 0 to 1, for the 2 classes, but got 2"),
        (torch.rand(2, 3, 4, 4), [0.5, 1], None, TypeError, "labels wants class numbers (N,), but got"),
        (torch.rand(2, 3, 4, 4), None, "cat", TypeError, "classes wants names, such as ('cat', 'dog'), but got 'cat'."),
        ("missing.png", None, None, FileNotFoundError, "The file 'missing.png' is not there"),
    ],
)
def test_what_is_no_picture_is_refused_in_a_sentence(images, labels, classes, error, said):
    with pytest.raises(error) as caught:
        batch(images, labels, classes)
    assert said in str(caught.value)
