"""Several processes train as one. They are real ones, started by torchrun; gloo carries their gradients."""

import subprocess
import sys

import pytest
import torch

from helpers import parallel
from helpers.checkpoints import load_checkpoint
from helpers.data import load_shapes
from helpers.model import SimpleCNN
from helpers.parallel import group, one_after_the_other, part, together, total, workers
from helpers.training import train

pytestmark = pytest.mark.skipif(
    not torch.distributed.is_available(), reason="this torch has no torch.distributed"
)


def torchrun(arguments, cwd, processes=2):
    """Run it as torchrun does, on a free port; the finished process, whose stdout and stderr are texts."""
    start = [sys.executable, "-m", "torch.distributed.run", "--standalone", f"--nproc-per-node={processes}"]
    return subprocess.run([*start, *arguments], cwd=cwd, capture_output=True, text=True, timeout=300)


# 101 images in batches of 50: the last holds one image, so that one process has none.
TRAIN = """
import sys, torch
from helpers.checkpoints import save_checkpoint
from helpers.data import load_shapes
from helpers.model import SimpleCNN
from helpers.parallel import group, workers
from helpers.training import train

with group("cpu") as device:
    torch.manual_seed(workers()[0])  # other weights in each process: the first one's count
    model = SimpleCNN(conv_channels=4)
    history = train(model, *load_shapes(train=101, test=40), epochs=3, batch_size=50, device=device, progress=False)
    save_checkpoint(f"{workers()[0]}.pt", model, None, history)
"""


@pytest.mark.parametrize("processes", [2, 3])
def test_several_processes_train_as_one(tmp_path, processes):
    (tmp_path / "script.py").write_text(TRAIN)
    run = torchrun(["script.py"], tmp_path, processes)
    assert run.returncode == 0, run.stderr
    theirs = [load_checkpoint(tmp_path / f"{rank}.pt") for rank in range(processes)]

    torch.manual_seed(0)
    model = SimpleCNN(conv_channels=4)
    history = train(
        model, *load_shapes(train=101, test=40), epochs=3, batch_size=50, device="cpu", progress=False
    )
    for checkpoint in theirs:
        assert checkpoint["history"].loss == pytest.approx(history.loss, rel=1e-4)
        assert checkpoint["history"].train_accuracy == pytest.approx(history.train_accuracy, abs=0.021)
        assert checkpoint["history"].test_accuracy == pytest.approx(history.test_accuracy, abs=0.051)
        for name, weight in model.state_dict().items():
            assert torch.allclose(checkpoint["weights"][name], weight, atol=1e-3)
            assert torch.equal(checkpoint["weights"][name], theirs[0]["weights"][name])


def test_without_torchrun_there_is_a_group_of_one():
    model, batch = SimpleCNN(), torch.arange(5)
    with group("cpu") as device, one_after_the_other():
        assert device == torch.device("cpu")
        assert workers() == (0, 1)
        assert together(model, device) is model
        assert torch.equal(part(batch), batch)
        assert total(batch) is batch


@pytest.mark.parametrize(("images", "count"), [(128, 2), (50, 3), (1, 2), (7, 4)])
def test_the_parts_are_the_batch_and_as_equal_as_can_be(monkeypatch, images, count):
    parts = []
    for rank in range(count):
        monkeypatch.setattr(parallel, "workers", lambda rank=rank: (rank, count))
        parts.append(part(torch.arange(images)))
    assert torch.equal(torch.cat(parts), torch.arange(images))
    assert max(map(len, parts)) - min(map(len, parts)) <= 1


def test_more_processes_than_gpus_are_refused_in_a_sentence(monkeypatch):
    monkeypatch.setenv("LOCAL_RANK", "1")
    monkeypatch.setenv("LOCAL_WORLD_SIZE", "2")
    monkeypatch.setattr(parallel, "check_device", lambda device: torch.device("cuda"))
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 1)
    message = "2 processes want a GPU each, and this machine has 1: take --nproc-per-node 1, or --device cpu."
    with pytest.raises(ValueError, match=message), group():
        pass
