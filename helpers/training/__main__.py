"""python -m helpers.training: train FastCNN in a terminal, alone or, under torchrun, in several processes.

python -m helpers.training --data shapes --epochs 3
torchrun --nproc-per-node 2 -m helpers.training --data shapes --epochs 3
torchrun --nproc-per-node 2 -m helpers.training --data shapes --epochs 5 --resume

After `make lab` these programs are .venv/bin/python and .venv/bin/torchrun. Several processes have the losses of one,
to rounding: give each a GPU, or some of the processor's cores.
"""

import argparse
import contextlib
import itertools
import os
import signal
import sys
from pathlib import Path

import torch
from torch import distributed

from helpers.arguments import whole
from helpers.data import load_cifar10, load_shapes
from helpers.files import check_writable
from helpers.model import FastCNN
from helpers.training import TrainingError, train
from helpers.training.checkpoints import History, load_checkpoint, resume, save_checkpoint
from helpers.training.checks import check_settings
from helpers.training.parallel import group, one_after_the_other, workers

USUAL = {"data": "shapes", "batch_size": 128, "seed": 0}  # what a run keeps from its first epoch to its last


def main(arguments=None):
    """Train as the command line says; returns the exit status: 0, or 1 after one sentence about what went wrong."""
    parser = argparse.ArgumentParser(
        "python -m helpers.training", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--data", help="shapes (default), cifar10, or a folder with CIFAR-10")
    parser.add_argument("--epochs", type=int, default=5, help="in total, including those before --resume")
    parser.add_argument("--batch-size", type=int, help="images in one step, over all processes (128)")
    parser.add_argument("--lr", type=float, help="default: 0.001, or that of the checkpoint")
    parser.add_argument("--seed", type=int, help="of the weights and of the order of the images (0)")
    parser.add_argument("--device", help="cpu, cuda or mps; default: the fastest there is")
    parser.add_argument("--precision", default="float32", help="float32 or bfloat16")
    parser.add_argument(
        "--checkpoint", type=Path, default=Path("checkpoint.pt"), help="written after each epoch (checkpoint.pt)"
    )
    parser.add_argument(
        "--resume", action="store_true", help="go on from the checkpoint, with its --data, --batch-size and --seed"
    )
    wanted = parser.parse_args(arguments)
    try:
        with group(wanted.device) as device:
            stopped = _train(wanted, device)
    except (ValueError, TypeError) as error:  # of the command line: the same in all processes
        if os.environ.get("RANK", "0") == "0":
            print(f"error: {error}", flush=True)
        return 1
    except (TrainingError, OSError) as error:
        _say(f"error: {error}")
        return 1
    except RuntimeError as error:
        if not _peer_lost(error):
            raise
        return 1  # before training: the process that could not go on says why
    return 1 if stopped else 0


def _train(wanted, device):
    """Train; True if it was stopped before the last epoch, after a sentence that says why."""
    _settle(wanted)
    _check(wanted)
    with one_after_the_other():  # the first may have to download it, the others find it there
        train_set, test_set = _load(wanted.data)
    if wanted.batch_size > len(train_set):
        raise ValueError(f"--batch-size {wanted.batch_size} is more than all {len(train_set)} training images.")
    model, optimizer, earlier = _begun(wanted, len(train_set.classes), device)
    done = len(earlier.loss)
    rank, count = workers()
    if rank == 0:
        print(f"{count} process{'es' * (count > 1)} on {device.type}, {len(train_set):,} images", flush=True)
        if wanted.checkpoint.exists() and not wanted.resume:
            _move_aside(wanted.checkpoint)
    with _terminated_means_interrupted():
        stopped = None
        try:
            history = train(
                model,
                train_set,
                test_set,
                epochs=wanted.epochs - done,
                batch_size=wanted.batch_size,
                optimizer=optimizer,
                device=device,
                seed=wanted.seed + done,
                precision=wanted.precision,
                progress=sys.stdout.isatty(),
                after_epoch=lambda history: _keep(wanted, model, optimizer, earlier.joined(history)),
            )
            stopped = "interrupted" if history.interrupted else None
        except RuntimeError as error:
            if not _peer_lost(error):
                raise
            stopped = "another process has ended"
        if stopped:
            signal.signal(signal.SIGTERM, signal.SIG_IGN)  # torchrun's: this process is about to end by itself
            _say(f"stopped: {stopped}. {_kept(wanted)}")
    return bool(stopped)


def _settle(wanted):
    """What the command line leaves open is as the checkpoint to go on from has it, or as usual; it must not differ."""
    kept = load_checkpoint(wanted.checkpoint)["settings"] if wanted.resume else {}
    for name, usual in USUAL.items():
        asked, before = getattr(wanted, name), kept.get(name, usual)
        if asked is None:
            setattr(wanted, name, before)
        elif name in kept and asked != before:
            option = f"--{name.replace('_', '-')}"
            raise ValueError(
                f"{wanted.checkpoint} was trained with {option} {before}, and {option} {asked} would be another run. "
                f"Leave {option} out to go on with it, or leave out --resume to start again."
            )


def _check(wanted):
    """What can be refused before the data is there."""
    for name in ("epochs", "batch_size"):
        whole(f"--{name.replace('_', '-')}", getattr(wanted, name), least=1)
    check_settings(1e-3 if wanted.lr is None else wanted.lr, wanted.precision)
    try:
        check_writable(wanted.checkpoint)  # before an epoch is spent
    except OSError as error:
        raise ValueError(
            f"--checkpoint wants a file that can be written, but got {wanted.checkpoint}: {error.strerror.lower()}."
        ) from None


def _begun(wanted, classes, device):
    """(model, optimizer, History so far): new ones, or those of the checkpoint to go on from."""
    torch.manual_seed(wanted.seed)
    model = FastCNN(classes=classes).to(device)
    optimizer = torch.optim.Adam(model.parameters(), lr=wanted.lr or 1e-3)
    earlier = resume(wanted.checkpoint, model, optimizer) if wanted.resume else History()
    if wanted.lr is not None:
        optimizer.param_groups[0]["lr"] = wanted.lr
    if (done := len(earlier.loss)) >= wanted.epochs:
        raise ValueError(f"{wanted.checkpoint} holds {done} epochs already: ask for more with --epochs {done + 1}.")
    return model, optimizer, earlier


def _move_aside(checkpoint):
    names = (Path(f"{checkpoint}.{number}.old") for number in itertools.count(1))
    older = checkpoint.replace(next(name for name in names if not name.exists()))
    print(f"{checkpoint} was there already: it is now {older}", flush=True)


def _keep(wanted, model, optimizer, history):
    """Save what is reached, and say it: the first process does, for all."""
    if workers()[0] == 0:
        kept = {name: getattr(wanted, name) for name in USUAL}
        save_checkpoint(wanted.checkpoint, model, optimizer, history, **kept)
        print(
            f"epoch {len(history.loss)}/{wanted.epochs}: loss {history.loss[-1]:.6f}, "
            f"test accuracy {history.test_accuracy[-1]:.4f}, {history.images_per_second[-1]:,.0f} images/s",
            flush=True,
        )


def _load(data):
    if data == "shapes":
        return load_shapes()
    if data == "cifar10":
        return load_cifar10()
    if Path(data).is_dir():
        return load_cifar10(root=data)
    raise ValueError(f"--data wants shapes, cifar10 or a folder with CIFAR-10, but got {data!r}.")


@contextlib.contextmanager
def _terminated_means_interrupted():
    """SIGTERM, which torchrun sends to all others when a process has ended, interrupts like Ctrl + C."""
    before = signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


def _peer_lost(error):
    return isinstance(error, distributed.DistError) or "gloo" in str(error)  # gloo's is a plain RuntimeError


def _kept(wanted):
    """What is left of the run, and how to go on."""
    if not wanted.checkpoint.exists():
        return "No epoch was complete, so there is no checkpoint."
    epochs = len(load_checkpoint(wanted.checkpoint)["history"].loss)
    rest = "go on with --resume" if epochs < wanted.epochs else "as many as asked for"
    return f"{wanted.checkpoint} is whole and holds {epochs} epoch{'s' * (epochs != 1)}: {rest}."


def _say(text):
    rank, count = os.environ.get("RANK", "0"), os.environ.get("WORLD_SIZE", "1")
    print(text if count == "1" else f"process {rank} of {count}: {text}", flush=True)


if __name__ == "__main__":
    sys.exit(main())
