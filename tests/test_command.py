"""python -m helpers.training, alone and under torchrun: what it prints, keeps, refuses, and how it goes on."""

import socket
import subprocess
import sys

import pytest
import torch
from test_parallel import torchrun

from helpers.data import load_shapes
from helpers.model import FastCNN
from helpers.training import __main__ as command
from helpers.training.checkpoints import load_checkpoint, save_checkpoint


@pytest.fixture
def run(tmp_path, monkeypatch, capsys):
    """Runs the command in an empty folder, on 300 images; gives its status and what it printed."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(command, "load_shapes", lambda: load_shapes(train=300, test=50))

    def run(*arguments):
        status = command.main(["--device", "cpu", *arguments])
        return status, capsys.readouterr().out

    return run


def losses(path):
    return load_checkpoint(path)["history"].loss


def test_each_epoch_is_told_and_kept(run, tmp_path):
    status, out = run("--epochs", "2")
    assert status == 0
    lines = out.splitlines()
    assert lines[0] == "1 process on cpu, 300 images"
    history = load_checkpoint(tmp_path / "checkpoint.pt")["history"]
    for epoch, line in enumerate(lines[1:]):
        loss, accuracy = history.loss[epoch], history.test_accuracy[epoch]
        assert line.startswith(f"epoch {epoch + 1}/2: loss {loss:.6f}, test accuracy {accuracy:.4f}, ")
    assert len(history.loss) == len(lines) - 1 == 2


def test_resuming_is_the_same_run(run):
    run("--epochs", "3", "--checkpoint", "straight.pt")
    run("--epochs", "2")
    status, out = run("--epochs", "3", "--resume")
    assert status == 0
    assert "epoch 3/3" in out
    assert "epoch 2/3" not in out
    assert losses("checkpoint.pt") == pytest.approx(losses("straight.pt"), rel=1e-5)


def test_a_checkpoint_that_is_there_is_moved_aside_and_not_lost(run):
    run("--epochs", "1")
    before = losses("checkpoint.pt")
    _, out = run("--epochs", "1", "--seed", "1")
    assert "checkpoint.pt was there already: it is now checkpoint.pt.1.old" in out
    assert losses("checkpoint.pt.1.old") == before != losses("checkpoint.pt")
    run("--epochs", "1")
    assert losses("checkpoint.pt.1.old") == before == losses("checkpoint.pt") != losses("checkpoint.pt.2.old")


def test_resuming_keeps_the_learning_rate_unless_another_is_given(run):
    def rate():
        return load_checkpoint("checkpoint.pt")["optimizer"]["param_groups"][0]["lr"]

    run("--epochs", "1", "--lr", "0.01")
    run("--epochs", "2", "--resume")
    assert rate() == 0.01
    run("--epochs", "3", "--resume", "--lr", "0.25")
    assert rate() == 0.25


def test_resuming_goes_on_with_the_data_the_batches_and_the_seed_of_the_run(run, monkeypatch):
    run("--epochs", "3", "--checkpoint", "straight.pt", "--batch-size", "100", "--seed", "5")
    run("--epochs", "2", "--batch-size", "100", "--seed", "5")
    for option, before, other in (("--batch-size", 100, 64), ("--seed", 5, 0), ("--data", "shapes", "cifar10")):
        status, out = run("--epochs", "3", "--resume", option, str(other))
        assert status == 1
        assert out.startswith(f"error: checkpoint.pt was trained with {option} {before}, and {option} {other} would be")
    assert run("--epochs", "3", "--resume", "--seed", "5")[0] == 0
    assert losses("checkpoint.pt") == pytest.approx(losses("straight.pt"), rel=1e-5)


def test_what_the_command_line_says_is_how_it_trains(run, monkeypatch):
    seen = {}
    train = command.train
    monkeypatch.setattr(command, "train", lambda *args, **kwargs: seen.update(kwargs) or train(*args, **kwargs))
    run("--epochs", "1", "--precision", "bfloat16", "--batch-size", "100", "--seed", "5")
    assert (seen["precision"], seen["batch_size"], seen["seed"]) == ("bfloat16", 100, 5)


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--epochs", "0"], "--epochs wants a whole number of at least 1, but got 0."),
        (["--batch-size", "0"], "--batch-size wants a whole number of at least 1, but got 0."),
        (["--batch-size", "301"], "--batch-size 301 is more than all 300 training images."),
        (["--precision", "bf16"], 'precision wants "float32" or "bfloat16", but got \'bf16\': write "bfloat16".'),
        (["--lr", "0"], "lr wants a number above 0 such as 1e-3, but got 0.0."),
        (["--device", "gpu"], 'device wants "cpu", "cuda", "mps" or None, but got \'gpu\'.'),
        (["--device", "meta"], 'device="meta" is not there; pick_device() gives'),
        (["--data", "pictures"], "--data wants shapes, cifar10 or a folder with CIFAR-10, but got 'pictures'."),
        (["--resume", "--checkpoint", "no.pt"], "Cannot read the checkpoint no.pt: there is no such file or folder."),
        (["--resume"], "checkpoint.pt holds 1 epochs already: ask for more with --epochs 2."),
        (
            ["--resume", "--checkpoint", "other.pt"],
            "other.pt holds another network than this FastCNN: its conv1.weight",
        ),
        (
            ["--checkpoint", "."],
            "--checkpoint wants a file that can be written, but got .: what is there is not a regular file",
        ),
        (
            ["--checkpoint", "no/x.pt"],
            "--checkpoint wants a file that can be written, but got no/x.pt: no such file or",
        ),
        (["--resume", "--checkpoint", "bytes.pt"], "bytes.pt is damaged or was not written by save_checkpoint."),
    ],
)
def test_what_cannot_work_is_one_sentence_and_loses_nothing(run, tmp_path, arguments, words):
    run("--epochs", "1")
    model = FastCNN(conv_channels=4)
    save_checkpoint("other.pt", model, torch.optim.Adam(model.parameters()))
    (tmp_path / "bytes.pt").write_bytes(b"not a checkpoint")
    before = {path.name: path.read_bytes() for path in tmp_path.iterdir()}
    status, out = run("--epochs", "1", *arguments)
    assert status == 1
    assert out.startswith(f"error: {words}")
    assert out.count("\n") == 1
    assert {path.name: path.read_bytes() for path in tmp_path.iterdir()} == before


def test_a_checkpoint_that_is_a_device_is_refused_before_it_is_moved_aside(run, device):
    status, out = run("--epochs", "1", "--checkpoint", device)
    assert status == 1
    wants = "--checkpoint wants a file that can be written"
    assert out == f"error: {wants}, but got {device}: what is there is not a regular file.\n"


@pytest.mark.parametrize(("epochs", "rest"), [("3", "go on with --resume"), ("1", "as many as asked for")])
def test_an_interrupt_says_what_is_kept(run, monkeypatch, epochs, rest):
    train = command.train

    def interrupted(*args, after_epoch, **kwargs):
        def then(history):
            after_epoch(history)
            raise KeyboardInterrupt

        return train(*args, after_epoch=then, **kwargs)

    monkeypatch.setattr(command, "train", interrupted)
    status, out = run("--epochs", epochs)
    assert status == 1
    assert out.endswith(f"stopped: interrupted. checkpoint.pt is whole and holds 1 epoch: {rest}.\n")


def test_an_interrupt_in_the_first_epoch_says_that_nothing_is_kept(run, monkeypatch):
    def interrupted(*args, **kwargs):
        history = command.History()
        history.interrupted = True
        return history

    monkeypatch.setattr(command, "train", interrupted)
    assert run()[1].endswith("stopped: interrupted. No epoch was complete, so there is no checkpoint.\n")


def test_another_error_comes_through_as_it_is(run, monkeypatch):
    def fail(*args, **kwargs):
        raise RuntimeError("a bug")

    monkeypatch.setattr(command, "train", fail)
    with pytest.raises(RuntimeError, match="a bug"):
        run()


def test_as_a_module_it_is_the_same_command(tmp_path):
    command = [sys.executable, "-m", "helpers.training", "--epochs", "0"]
    run = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True)
    assert (run.returncode, run.stdout) == (1, "error: --epochs wants a whole number of at least 1, but got 0.\n")


def test_a_port_that_is_taken_is_said_with_another_to_take(run, monkeypatch):
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        port = other.getsockname()[1]
        here = {"RANK": "0", "LOCAL_RANK": "0", "WORLD_SIZE": "1", "LOCAL_WORLD_SIZE": "1", "MASTER_ADDR": "127.0.0.1"}
        for name, value in {**here, "MASTER_PORT": str(port)}.items():
            monkeypatch.setenv(name, value)
        status, out = run("--epochs", "1")
    assert status == 1
    assert out.startswith(f"error: The processes could not meet at 127.0.0.1:{port} (")
    assert out.endswith("use another: torchrun --master-port 29501 …\n")
    assert out.count("\n") == 1


# The command, on 300 images, in which one process is killed if KILL names it and how many epochs it ran.
DYING = """
import os, signal, sys
from helpers.training import __main__ as command
from helpers.data import load_shapes

train = command.train

def dying(*args, after_epoch, **kwargs):
    def then(history):
        after_epoch(history)
        if f"{os.environ['RANK']} in {len(history.loss)}" == os.environ.get("KILL"):
            os.kill(os.getpid(), signal.SIGKILL)
    return train(*args, after_epoch=then, **kwargs)

command.train, command.load_shapes = dying, lambda: load_shapes(train=300, test=50)
sys.exit(command.main(sys.argv[1:]))
"""


def test_whichever_process_dies_the_run_ends_with_a_whole_checkpoint_to_go_on_from(run, tmp_path, monkeypatch):
    (tmp_path / "script.py").write_text(DYING)
    arguments = ["script.py", "--device", "cpu", "--epochs", "4"]
    kept = 0
    for killed, ran, how in ((1, 2, []), (0, 1, ["--resume"])):
        monkeypatch.setenv("KILL", f"{killed} in {ran}")
        died = torchrun([*arguments, *how], tmp_path)
        assert died.returncode != 0
        most, kept = kept + ran, len(losses(tmp_path / "checkpoint.pt"))
        assert kept in (most - 1, most)  # the other one may be told to end while it still writes
        assert f"process {1 - killed} of 2: stopped: " in died.stdout
        assert f"checkpoint.pt is whole and holds {kept} epoch{'s' * (kept != 1)}: go on with --resume." in died.stdout

    monkeypatch.delenv("KILL")
    # The rest in one process, as a third torchrun would take nine seconds; lesson 06 trains in two to the end.
    status, out = run("--epochs", "4", "--resume")
    assert (status, out.count("epoch 4/4")) == (0, 1)
    run("--epochs", "4", "--checkpoint", "straight.pt")
    assert losses("checkpoint.pt") == pytest.approx(losses("straight.pt"), rel=1e-3)
    assert not list(tmp_path.glob("*.old"))
