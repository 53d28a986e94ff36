"""Several processes train as one. They are real ones, started by torchrun; gloo carries their gradients."""

import subprocess
import sys

import pytest
import torch

from helpers.data import load_shapes
from helpers.model import SimpleCNN
from helpers.training import parallel, train
from helpers.training.checkpoints import load_checkpoint
from helpers.training.parallel import data_parallel, group, one_after_the_other, share_of, sum_over_processes, workers

pytestmark = pytest.mark.skipif(not torch.distributed.is_available(), reason="this torch has no torch.distributed")


def torchrun(arguments, cwd, processes=2):
    """Run it as torchrun does, on a free port; the finished process, whose stdout and stderr are texts."""
    start = [sys.executable, "-m", "torch.distributed.run", "--standalone", f"--nproc-per-node={processes}"]
    return subprocess.run([*start, *arguments], cwd=cwd, capture_output=True, text=True, timeout=300)


# 101 images in batches of 50: the last holds one, fewer than there are processes, and `view` takes no empty batch.
TRAIN = """
import sys, torch
from torch import nn
from helpers.training.checkpoints import save_checkpoint
from helpers.data import load_shapes
from helpers.model import SimpleCNN
from helpers.training.parallel import group, workers
from helpers.training import train

class Viewing(SimpleCNN):
    def forward(self, x):
        return super().forward(x.contiguous().view(x.size(0), -1).unflatten(1, (3, 32, 32)))

with group("cpu") as device:
    torch.manual_seed(workers()[0])  # other weights in each process: the first one's count
    model = Viewing(conv_channels=4)
    history = train(model, *load_shapes(train=101, test=40), epochs=3, batch_size=50, device=device, progress=False)
    save_checkpoint(f"{workers()[0]}.pt", model, None, history)

    model = nn.Sequential(nn.BatchNorm2d(3), nn.Flatten(), nn.Dropout(0.5), nn.Linear(3072, 10))
    masks = []
    model[2].register_forward_hook(lambda layer, args, out: masks.append((out == 0).flatten()[:100].tolist()))
    history = train(model, *load_shapes(train=64, test=40), epochs=2, batch_size=32, device=device, progress=False)
    save_checkpoint(f"{workers()[0]}-normalised.pt", model, None, history, mask=masks[1])
"""


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    """The folder in which each of three processes has left its checkpoints."""
    folder = tmp_path_factory.mktemp("trained")
    (folder / "script.py").write_text(TRAIN)
    run = torchrun(["script.py"], folder, processes=3)
    assert run.returncode == 0, run.stderr
    return folder


def test_several_processes_train_as_one(trained):
    theirs = [load_checkpoint(trained / f"{rank}.pt") for rank in range(3)]

    torch.manual_seed(0)
    model = SimpleCNN(conv_channels=4)
    history = train(model, *load_shapes(train=101, test=40), epochs=3, batch_size=50, device="cpu", progress=False)
    for checkpoint in theirs:
        assert checkpoint["history"].loss == pytest.approx(history.loss, rel=1e-4)
        assert checkpoint["history"].train_accuracy == pytest.approx(history.train_accuracy, abs=0.021)
        assert checkpoint["history"].test_accuracy == pytest.approx(history.test_accuracy, abs=0.051)
        for name, weight in model.state_dict().items():
            assert torch.allclose(checkpoint["weights"][name], weight, atol=1e-3)
            assert torch.equal(checkpoint["weights"][name], theirs[0]["weights"][name])


def test_all_processes_end_with_the_same_running_means_and_drop_other_cells(trained):
    first, *others = (load_checkpoint(trained / f"{rank}-normalised.pt") for rank in range(3))
    for other in others:
        assert torch.equal(first["weights"]["0.running_mean"], other["weights"]["0.running_mean"])
        assert first["history"].test_accuracy == other["history"].test_accuracy
        assert first["settings"]["mask"] != other["settings"]["mask"]


def test_without_torchrun_there_is_a_group_of_one():
    model, batch = SimpleCNN(), torch.arange(5)
    with group("cpu") as device, one_after_the_other():
        assert device == torch.device("cpu")
        assert workers() == (0, 1)
        assert data_parallel(model, device) is model
        assert torch.equal(share_of(batch), batch)
        assert sum_over_processes(batch) is batch


@pytest.mark.parametrize(
    ("rank", "count", "order"),
    [(0, 1, ["work"]), (0, 3, ["work", "barrier"]), (1, 3, ["barrier", "work"]), (2, 3, ["barrier", "work"])],
)
def test_the_first_process_goes_ahead_alone(monkeypatch, rank, count, order):
    seen = []
    monkeypatch.setattr(parallel, "workers", lambda: (rank, count))
    monkeypatch.setattr(torch.distributed, "barrier", lambda: seen.append("barrier"))
    with one_after_the_other():
        seen.append("work")
    assert seen == order


@pytest.mark.parametrize(("images", "count"), [(128, 2), (50, 3), (1, 2), (7, 4)])
def test_the_parts_are_the_batch_and_as_equal_as_can_be_and_never_empty(monkeypatch, images, count):
    parts = []
    for rank in range(count):
        monkeypatch.setattr(parallel, "workers", lambda rank=rank: (rank, count))
        parts.append(share_of(torch.arange(images)))
    if images < count:
        assert all(torch.equal(mine, torch.arange(images)) for mine in parts)
        return
    assert torch.equal(torch.cat(parts), torch.arange(images))
    assert max(map(len, parts)) - min(map(len, parts)) <= 1


@pytest.mark.parametrize("asked", [None, "mps"])
def test_an_apple_gpu_is_not_shared(monkeypatch, asked):
    monkeypatch.setenv("LOCAL_RANK", "0")
    monkeypatch.setattr(parallel, "check_device", lambda device: torch.device("mps"))
    monkeypatch.setattr(torch.distributed, "init_process_group", lambda backend: None)
    monkeypatch.setattr(torch.distributed, "destroy_process_group", lambda: None)
    if asked:
        with pytest.raises(ValueError, match="cannot share an Apple GPU: use --device cpu"), group(asked):
            pass
    else:
        with group(asked) as device:
            assert device == torch.device("cpu")


def test_more_processes_than_gpus_are_refused_in_a_sentence(monkeypatch):
    monkeypatch.setenv("LOCAL_RANK", "1")
    monkeypatch.setenv("LOCAL_WORLD_SIZE", "2")
    monkeypatch.setattr(parallel, "check_device", lambda device: torch.device("cuda"))
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 1)
    message = "2 processes need a GPU each, and this machine has 1: use --nproc-per-node 1, or --device cpu."
    with pytest.raises(ValueError, match=message), group():
        pass
