import contextlib
import errno
import os
import pickle
import re

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from torch import nn

from helpers import training
from helpers.model import SimpleCNN
from helpers.training.checkpoints import FORMAT, History, load_checkpoint, resume, save_checkpoint


def fail(error):
    def act(*args):
        raise error

    return act


def test_lessons_find_all_of_it_beside_training():
    assert training.History is History
    assert training.save_checkpoint is save_checkpoint
    assert training.load_checkpoint is load_checkpoint
    assert training.resume is resume


def test_the_history_says_what_was_reached_and_no_times():
    history = History([2.0, 1.23456], [0.1, 0.5], [0.2, 0.25], [1.0, 9.0], [3.0, 4.0])
    assert repr(history) == "History: 2 epochs, loss 1.235, train accuracy 0.500, test accuracy 0.250"
    history = History([1.0], [0.5], interrupted=True)
    assert str(history) == "History: 1 epoch, loss 1.000, train accuracy 0.500, interrupted"
    assert repr(History()) == "History: 0 epochs"


@pytest.fixture
def saved(tmp_path):
    """A checkpoint's path, and the model in it."""
    model = SimpleCNN(image_size=8, conv_channels=4, classes=3)
    save_checkpoint(tmp_path / "model.pt", model, image_size=8, conv_channels=4, classes=3)
    return tmp_path / "model.pt", model


def test_a_checkpoint_holds_all_that_is_needed_to_make_the_model_again(saved):
    path, model = saved
    checkpoint = load_checkpoint(str(path))
    assert checkpoint["settings"] == {"image_size": 8, "conv_channels": 4, "classes": 3}
    assert checkpoint["optimizer"] is None
    assert checkpoint["history"] is None
    again = SimpleCNN(**checkpoint["settings"])
    again.load_state_dict(checkpoint["weights"])
    assert all(torch.equal(again.state_dict()[name], value) for name, value in model.state_dict().items())


def test_a_checkpoint_keeps_the_history_and_the_optimizers_state(tmp_path):
    model = nn.Linear(3, 2)
    optimizer = torch.optim.Adam(model.parameters(), lr=0.25)
    model(torch.ones(1, 3)).sum().backward()
    optimizer.step()
    history = History([2.0, 1.5], [0.25, 0.5], [0.125, 0.5], [1.0, 1.0], [50.0, 50.0], interrupted=True)
    save_checkpoint(tmp_path / "a", model, optimizer, history, size=(8, 8), note="first", deep={"x": [1, None]})
    checkpoint = load_checkpoint(tmp_path / "a")
    assert checkpoint["history"] == history
    assert checkpoint["settings"] == {"size": (8, 8), "note": "first", "deep": {"x": [1, None]}}
    assert checkpoint["optimizer"]["param_groups"][0]["lr"] == 0.25
    assert len(checkpoint["optimizer"]["state"]) == 2


def test_a_checkpoint_may_hold_an_optimizer_without_a_history(tmp_path):
    model = nn.Linear(3, 2)
    save_checkpoint(tmp_path / "a", model, torch.optim.SGD(model.parameters(), lr=0.5))
    checkpoint = load_checkpoint(tmp_path / "a")
    assert checkpoint["optimizer"]["param_groups"][0]["lr"] == 0.5
    assert checkpoint["history"] is None


def test_settings_that_could_not_be_read_again_are_not_written(saved):
    path, model = saved
    before = path.read_bytes()
    for setting in (F.cross_entropy, lambda x: x, model, np.float64(0.1)):
        with pytest.raises(TypeError, match=r"cannot be kept in a checkpoint: \{'this': "):
            save_checkpoint(path, model, this=setting)
    assert path.read_bytes() == before


@pytest.mark.parametrize("broken", ["fsync", "replace"])
def test_when_writing_fails_the_old_checkpoint_is_still_whole(saved, monkeypatch, broken):
    path, model = saved
    before = path.read_bytes()
    monkeypatch.setattr(os, broken, fail(OSError(errno.ENOSPC, "No space left on device")))
    with pytest.raises(OSError, match=r"Cannot write the checkpoint .*model\.pt: no space left on device\.") as error:
        save_checkpoint(path, model)
    assert "\n" not in str(error.value)
    assert path.read_bytes() == before
    assert os.listdir(path.parent) == ["model.pt"]


def test_a_flipped_bit_in_the_list_of_its_parts_is_never_loaded_as_weights(saved):
    path, model = saved
    content, weights = path.read_bytes(), model.state_dict()
    places = [found.start() for found in re.finditer(rb"PK\x01\x02", content)]
    assert len(places) > 5
    for place in places:
        for bit in range(8 * 38, 8 * 42):  # how the entry is marked: as a file or as a folder
            damaged = bytearray(content)
            damaged[place + bit // 8] ^= 1 << bit % 8
            path.write_bytes(damaged)
            with contextlib.suppress(ValueError):
                loaded = load_checkpoint(path)["weights"]
                assert all(torch.equal(loaded[name], weights[name]) for name in weights), (place, bit)


def test_a_device_is_neither_written_nor_read(device):
    with pytest.raises(OSError, match=f"Cannot write the checkpoint {device}: what is there is not a regular file\\."):
        save_checkpoint(device, nn.Linear(3, 2))
    with pytest.raises(OSError, match=f"Cannot read the checkpoint {device}: what is there is not a regular file\\."):
        load_checkpoint(device)


def test_an_interrupt_while_writing_leaves_the_old_checkpoint_and_nothing_else(saved, monkeypatch):
    path, model = saved
    before = path.read_bytes()
    monkeypatch.setattr(os, "fsync", fail(KeyboardInterrupt))
    with pytest.raises(KeyboardInterrupt):
        save_checkpoint(path, model)
    assert path.read_bytes() == before
    assert os.listdir(path.parent) == ["model.pt"]


@pytest.mark.parametrize("where", ["nowhere/model.pt", "file/model.pt", "folder"])
def test_a_path_that_cannot_be_written_is_named(tmp_path, where):
    (tmp_path / "file").touch()
    (tmp_path / "folder").mkdir()
    with pytest.raises(OSError, match=f"Cannot write the checkpoint .*{where}: ") as error:
        save_checkpoint(tmp_path / where, nn.Linear(3, 2))
    assert error.value.__suppress_context__
    assert sorted(os.listdir(tmp_path)) == ["file", "folder"]


@pytest.mark.parametrize(("where", "why"), [("none.pt", "there is no such file"), (".", "not a regular file")])
def test_a_path_that_cannot_be_read_is_named(tmp_path, where, why):
    with pytest.raises(OSError, match=f"Cannot read the checkpoint .*: .*{why}"):
        load_checkpoint(tmp_path / where)


@pytest.mark.parametrize("part", [0.0, 0.01, 0.5, 0.99, 0.9999])
def test_half_a_checkpoint_is_called_damaged(saved, part):
    path, _ = saved
    content = path.read_bytes()
    path.write_bytes(content[: int(len(content) * part)])
    with pytest.raises(ValueError, match="is damaged or was not written by save_checkpoint"):
        load_checkpoint(path)


def test_one_changed_byte_in_the_weights_is_called_damage(saved):
    path, model = saved
    content = bytearray(path.read_bytes())
    content[content.index(model.fc1.weight.detach().numpy().tobytes()) + 100] ^= 1
    path.write_bytes(content)
    with pytest.raises(ValueError, match="is damaged"):
        load_checkpoint(path)


def test_code_in_a_file_is_not_run(tmp_path, saved):
    class Code:
        def __reduce__(self):
            return os.mkdir, (str(tmp_path / "ran"),)

    (tmp_path / "pickle").write_bytes(pickle.dumps(Code()))
    torch.save({"format": FORMAT, "weights": Code()}, tmp_path / "torch")
    for name in ("pickle", "torch"):
        with pytest.raises(ValueError, match="was not written by save_checkpoint"):
            load_checkpoint(tmp_path / name)
    assert not (tmp_path / "ran").exists()


def test_another_torch_file_is_told_from_a_damaged_one(tmp_path):
    torch.save(nn.Linear(3, 2).state_dict(), tmp_path / "weights.pt")
    with pytest.raises(ValueError, match=r"not one that save_checkpoint wrote.*torch\.load\(path, weights_only=True\)"):
        load_checkpoint(tmp_path / "weights.pt")


def test_one_of_a_later_version_is_told_from_another_file(tmp_path):
    torch.save({"format": "helpers.training checkpoint, version 2"}, tmp_path / "later.pt")
    with pytest.raises(ValueError, match=r"later.pt has version 2: it needs a newer version of the course\."):
        load_checkpoint(tmp_path / "later.pt")


@pytest.mark.parametrize(("model", "words"), [("model.pt", "but got a str: "), (SimpleCNN, "the class SimpleCNN: ")])
def test_only_a_model_is_saved(tmp_path, model, words):
    with pytest.raises(TypeError, match=words):
        save_checkpoint(tmp_path / "a", model)
    assert os.listdir(tmp_path) == []


# -- going on ------------------------------------------------------------------------------------------


def trained(model):
    """Its Adam, after one step."""
    optimizer = torch.optim.Adam(model.parameters(), lr=0.25)
    model(torch.ones(2, *model.image_shape)).sum().backward()
    optimizer.step()
    return optimizer


def test_resume_brings_weights_averages_and_history_back(tmp_path):
    model, other = (SimpleCNN(image_size=8, conv_channels=4) for _ in range(2))
    optimizer = trained(model)
    save_checkpoint(tmp_path / "model.pt", model, optimizer, History([2.0], [0.1], [], [1.0], [9.0]))
    theirs = torch.optim.Adam(other.parameters())
    assert resume(tmp_path / "model.pt", other, theirs) == History([2.0], [0.1], [], [1.0], [9.0])
    assert all(torch.equal(a, b) for a, b in zip(model.parameters(), other.parameters(), strict=True))
    assert theirs.param_groups[0]["lr"] == 0.25
    averages = [made.state_dict()["state"][0]["exp_avg"] for made in (optimizer, theirs)]
    assert torch.equal(*averages)
    assert averages[0].any()


def test_resume_without_a_history_starts_an_empty_one(saved):
    path, _ = saved
    assert resume(path, SimpleCNN(image_size=8, conv_channels=4, classes=3)) == History()


@pytest.mark.parametrize(
    ("other", "words"),
    [
        (
            lambda: SimpleCNN(image_size=8, conv_channels=6, classes=3),
            "another network than this SimpleCNN: its conv1.weight is (4, 3, 3, 3), this one's (6, 3, 3, 3).",
        ),
        (
            lambda: nn.Linear(3, 3),
            "another network than this Linear: its conv1.weight is (4, 3, 3, 3), this one's not there.",
        ),
    ],
)
def test_resume_refuses_another_network_and_changes_nothing(saved, other, words):
    model = other()
    before = [parameter.clone() for parameter in model.parameters()]
    with pytest.raises(ValueError, match=r"holds another network") as raised:
        resume(saved[0], model)
    assert str(raised.value).endswith(words)
    assert all(torch.equal(a, b) for a, b in zip(before, model.parameters(), strict=True))


def test_resume_refuses_the_averages_of_another_optimizer(tmp_path):
    model = SimpleCNN(image_size=8, conv_channels=4)
    save_checkpoint(tmp_path / "model.pt", model, torch.optim.SGD(model.parameters(), lr=0.1))
    with pytest.raises(ValueError, match=r"holds the averages of SGD, and this optimizer is Adam\.$"):
        resume(tmp_path / "model.pt", model, torch.optim.Adam(model.parameters()))


def test_resume_refuses_a_checkpoint_without_the_optimizer_it_is_asked_for(saved):
    model = SimpleCNN(image_size=8, conv_channels=4, classes=3)
    before = model.fc1.weight.detach().clone()
    with pytest.raises(ValueError, match="was saved without its optimizer"):
        resume(saved[0], model, torch.optim.Adam(model.parameters()))
    assert torch.equal(before, model.fc1.weight)


def test_two_histories_are_joined_in_order():
    first, later = (History([2.0], [0.1], [0.2], [1.0], [9.0]), History([1.0], [0.3], [0.4], [2.0], [8.0], True))
    both = first.joined(later)
    assert both == History([2.0, 1.0], [0.1, 0.3], [0.2, 0.4], [1.0, 2.0], [9.0, 8.0], True)
    assert first.loss == [2.0]
