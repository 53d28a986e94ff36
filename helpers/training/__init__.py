"""Training and testing a network. (Keeping it: checkpoints.py; where it computes: devices.py and parallel.py.)

Works in a notebook and in a plain script, on one CPU or one GPU, and under torchrun on several: see __main__.py,
or `python -m helpers.training --help`. The data set lives on the device whole (10,000 images of 3×32×32 bytes are
31 MB), so no step waits for a copy; nothing is read back from a GPU before the epoch ends.
"""

import contextlib
import sys
import time

import torch
from tqdm import tqdm

from helpers.arguments import whole
from helpers.trace.arguments import check_module
from helpers.training.checkpoints import History, load_checkpoint, resume, save_checkpoint
from helpers.training.checks import check_settings, mode, on_device
from helpers.training.devices import check_device, explain_memory, is_out_of_memory, memory_kept, pick_device
from helpers.training.graph import NotCapturedError
from helpers.training.loop import Loop, NotFiniteError, evaluation_steps, train_step
from helpers.training.parallel import workers

__all__ = ["BatchTooLargeError", "DivergedError", "History", "TrainingError", "evaluate", "smaller_lr", "train"]
__all__ += ["load_checkpoint", "memory_kept", "pick_device", "resume", "save_checkpoint", "train_step"]


class TrainingError(RuntimeError):
    """Training could not go on. `.history` holds the epochs that were completed."""

    def __init__(self, message, history):
        super().__init__(message)
        self.history = history


class DivergedError(TrainingError):
    """The loss became infinite or NaN; so did the weights: the model must be made again."""


class BatchTooLargeError(TrainingError):
    """A batch did not fit into the device's memory."""


def train(
    model,
    train_set,
    test_set=None,
    *,
    epochs=5,
    batch_size=128,
    lr=1e-3,
    optimizer=None,
    device=None,
    seed=0,
    precision="float32",
    progress=True,
    after_epoch=None,
):
    """Train `model` for `epochs` passes over `train_set`; return the History.

    The model moves to `device` (default: pick_device's) and stays there; so does a copy of the sets while this runs.
    `optimizer` is one made from this model's parameters, and keeps its own learning rate; without one it is a new Adam
    with `lr`. Calling again goes on from the model's weights; give the same optimizer to go on with its averages as
    well.

    `seed` fixes the order of the images and what dropout drops, not the weights, which were made before. Epoch e,
    counted from 0, uses seed + e: two epochs with seed=0 and then two with seed=2, with the same optimizer, are the
    same run as four with seed=0. The same seed repeats a run on the same device and version of torch; on a GPU the last
    digits may still differ. Outside, torch's random numbers go on as if train had not been called (on an Apple GPU they
    start again from the seed).

    `precision="bfloat16"` computes the forward pass in bfloat16 where torch's autocast finds that safe; weights, loss
    and tests stay float32. `after_epoch(history)` is called at the end of each epoch, to save a checkpoint, for
    example.

    Under torchrun, inside helpers.training.parallel.group, all processes call this alike and train one network
    together; a batch is then the images of one step of all of them. The losses are those of one process, to rounding,
    unless the model has BatchNorm, which takes the means of each process's own part, or dropout, which draws anew in
    each.

    Interrupting the kernel returns the history so far, with `.interrupted` True; the model keeps what it has learned.
    Raises DivergedError or BatchTooLargeError, which carry `.history`, and ValueError or TypeError for arguments that
    cannot work.
    """
    check_module(model)
    epochs, batch_size = whole("epochs", epochs, least=1), whole("batch_size", batch_size, least=1)
    seed = whole("seed", seed)
    check_settings(lr, precision)
    if after_epoch is not None and not callable(after_epoch):
        raise TypeError(f"after_epoch wants a function that takes the History so far, but got {after_epoch!r}.")
    device = check_device(device)
    shown = progress and workers()[0] == 0
    how = {"batch_size": batch_size, "lr": lr, "optimizer": optimizer, "precision": precision}
    loop = Loop(model, train_set, test_set, device, **how, say=_Bar.write if shown else lambda sentence: None)
    history, problem = History(), None
    try:
        _run(loop, history, epochs, seed, shown, after_epoch)
    except KeyboardInterrupt:
        history.interrupted = True
    except NotFiniteError:
        problem = DivergedError(_explain_divergence(loop, len(history.loss)), history)
    except NotCapturedError as error:
        problem = TrainingError(str(error), history)
    except RuntimeError as error:
        if not is_out_of_memory(error):
            raise
        problem = BatchTooLargeError(explain_memory(device, batch_size), history)
    if problem:  # raised out here, where torch's error and the tensors its traceback holds are let go
        raise problem
    return history


def evaluate(model, test_set, device=None, *, batch_size=512):
    """(loss, accuracy) over all images: the mean cross-entropy, and the part that is right, 0 to 1.

    Computed in eval mode and without gradients; the model's mode is put back. Works on the model's own
    device, or on `device`, where the model then stays.
    """
    check_module(model)
    if device is not None:
        model.to(check_device(device))
    device = next((p.device for p in model.parameters()), torch.device("cpu"))
    test_set = on_device("test_set", test_set, device)
    *_, meter = evaluation_steps(model, test_set, batch_size)
    return meter.means()


# -- the details of train() ----------------------------------------------------------------------------


def _run(loop, history, epochs, seed, shown, after_epoch):
    """All epochs, one after the other; each is in the history when it has ended."""
    gpus = range(torch.cuda.device_count()) if torch.cuda.is_initialized() else []  # manual_seed seeds all of them
    with (
        _Bar(loop, epochs, shown) as bar,
        memory_kept(loop.device),
        contextlib.closing(loop),
        mode(loop.model, training=True),
        torch.random.fork_rng(gpus),
    ):
        for epoch in range(epochs):
            torch.manual_seed(seed + epoch + 1_000_003 * workers()[0])  # dropout: other images, other masks
            bar.set_description(f"epoch {epoch + 1}/{epochs}")
            for meter, step in loop.epoch(seed + epoch, history):
                if step:
                    bar.count(meter, step.images)
            bar.tell(history.loss[-1], history.train_accuracy[-1])
            if after_epoch:
                after_epoch(history)


class _Bar(tqdm):
    """Counts the images; says their loss and accuracy after each epoch, and on a CPU while it runs."""

    monitor_interval = 0  # no second thread that watches the bar: it is told of every batch
    EVERY = 0.25  # seconds

    def __init__(self, loop, epochs, shown):
        images = len(loop.train_set)
        look = {"unit": " images", "unit_scale": True, "miniters": 1, "ncols": 110, "file": sys.stdout}
        super().__init__(total=epochs * images, disable=not shown, **look)
        # A GPU would have to finish all that is queued first, and other processes to do the same at the same time.
        self.live, self.told = loop.device.type == "cpu" and workers()[1] == 1, time.perf_counter()
        if shown and (size := loop.batch_size) > images:
            self.write(f"batch_size={size} is more than the {images} images of train_set: an epoch is one step.")

    def count(self, meter, images):
        self.update(images)
        if self.live and time.perf_counter() - self.told > self.EVERY:
            self.tell(*meter.read())
            self.told = time.perf_counter()

    def tell(self, loss, accuracy):
        self.set_postfix_str(f"loss {loss:.3f}, accuracy {accuracy:.3f}")


def _explain_divergence(loop, epochs):
    for images, _ in loop.train_set.batches(512):
        if not torch.isfinite(images).all():
            return (
                f"The loss became infinite or NaN in epoch {epochs + 1}, because numbers in train_set's pictures are. "
                "Fix the pictures, and make the model again."
            )
    lr = float(loop.optimizer.param_groups[0]["lr"])
    return (
        f"The loss became infinite or NaN in epoch {epochs + 1}, most likely because the steps are too long. "
        f"Make the model again and train it with a smaller learning rate, lr={smaller_lr(lr):g} instead of {lr:g}."
    )


def smaller_lr(lr):
    """What to try after steps that were too long: at most Adam's own default, for a tenth of 1000 is too large too."""
    return min(lr / 10, 1e-3)
