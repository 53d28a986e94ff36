"""Training and testing a network. (Keeping it: checkpoints.py; where it computes: devices.py and parallel.py.)

Works in a notebook and in a plain script, on one CPU or one GPU, and under torchrun on several: see __main__.py,
or `python -m helpers.training --help`. The data set lives on the device whole (10,000 images of 3×32×32 bytes are
31 MB), so no step waits for a copy; nothing is read back from a GPU before the epoch ends.
"""

import math
import sys
import time

import torch
import torch.nn.functional as F
from tqdm import tqdm

from helpers.arguments import whole
from helpers.training.checkpoints import History, check_model
from helpers.training.checkpoints import load_checkpoint as load_checkpoint  # so that lessons find all of it here
from helpers.training.checkpoints import resume as resume
from helpers.training.checkpoints import save_checkpoint as save_checkpoint
from helpers.training.checks import check_classes, check_fit, check_optimizer, check_settings, mode, on_device
from helpers.training.devices import check_device, explain_memory, helps, is_out_of_memory, memory_format, memory_kept
from helpers.training.devices import pick_device as pick_device
from helpers.training.parallel import data_parallel, share_of, sum_over_processes, sync_buffers, workers


class TrainingError(RuntimeError):
    """Training could not go on. `.history` holds the epochs that were completed."""

    def __init__(self, message, history):
        super().__init__(message)
        self.history = history


class DivergedError(TrainingError):
    """The loss became infinite or NaN; so did the weights: the model must be made again."""


class _NotFiniteError(Exception):
    """The loss that was read is no number any more."""


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

    The model moves to `device` (default: pick_device's) and stays there; so does a copy of the sets while
    this runs. `optimizer` is one made from this model's parameters, and keeps its own learning rate; without
    one it is a new Adam with `lr`. Calling again goes on from the model's weights; give the same optimizer to
    go on with its averages as well.

    `seed` fixes the order of the images and what dropout drops, not the weights, which were made before.
    Epoch e, counted from 0, uses seed + e: two epochs with seed=0 and then two with seed=2, with the same
    optimizer, are the same run as four with seed=0. The same seed repeats a run on the same device and
    version of torch; on a GPU the last digits may still differ. Outside, torch's random numbers go on as
    if train had not been called (on an Apple GPU they start again from the seed).

    `precision="bfloat16"` computes the forward pass in bfloat16 where torch's autocast finds that safe;
    weights, loss and tests stay float32. `after_epoch(history)` is called at the end of each epoch, to save a
    checkpoint, for example.

    Under torchrun, inside helpers.training.parallel.group, all processes call this alike and train one network
    together; a batch is then the images of one step of all of them. The losses are those of one process, to rounding,
    unless the model has BatchNorm, which takes the means of each process's own part, or dropout, which draws anew in
    each.

    Interrupting the kernel returns the history so far, with `.interrupted` True; the model keeps what it
    has learned. Raises DivergedError or BatchTooLargeError, which carry `.history`, and ValueError or
    TypeError for arguments that cannot work.
    """
    check_model(model)
    epochs, batch_size = whole("epochs", epochs, least=1), whole("batch_size", batch_size, least=1)
    seed = whole("seed", seed)
    check_settings(lr, precision)
    device = check_device(device)
    train_set = on_device("train_set", train_set, device)
    test_set = None if test_set is None else on_device("test_set", test_set, device)
    model.to(device)
    layout = check_fit(model, train_set, test_set, memory_format(device))
    optimizer = check_optimizer(model, optimizer, lr, helps(device, "fused"))

    history, problem = History(), None
    steps = _Progress(epochs, len(train_set), progress and workers()[0] == 0)
    if batch_size > len(train_set) and not steps.bar.disable:
        steps.bar.write(
            f"batch_size={batch_size} is more than the {len(train_set)} images of train_set: an epoch is one step."
        )
    gpus = [device] if device.type == "cuda" else []
    try:
        with steps.bar, memory_kept(device), mode(model, training=True), torch.random.fork_rng(gpus):
            network = data_parallel(model, device)
            for epoch in range(epochs):
                torch.manual_seed(seed + epoch + 1_000_003 * workers()[0])  # dropout: other images, other masks
                shuffle = torch.Generator().manual_seed(seed + epoch)
                steps.start(epoch, device)
                for images, labels in train_set.batches(batch_size, shuffle=True, generator=shuffle):
                    batch, count = len(labels), workers()[1]
                    share = batch / count if batch >= count else batch  # fewer images than processes: all take all
                    images, labels = share_of(images).to(memory_format=layout), share_of(labels)
                    logits, loss = train_step(network, images, labels, optimizer, precision, share)
                    steps.count(logits, labels, loss, batch)
                (loss, accuracy), seconds = steps.read(), steps.seconds()
                sync_buffers(model)
                tested = [] if test_set is None else [evaluate(model, test_set, batch_size=batch_size)[1]]
                history.loss.append(loss)
                history.train_accuracy.append(accuracy)
                history.test_accuracy.extend(tested)
                history.seconds.append(seconds)
                history.images_per_second.append(len(train_set) / seconds)
                if after_epoch:
                    after_epoch(history)
    except KeyboardInterrupt:
        history.interrupted = True
    except _NotFiniteError:
        problem = DivergedError(_explain_divergence(optimizer, len(history.loss)), history)
    except RuntimeError as error:
        if not is_out_of_memory(error):
            raise
        problem = BatchTooLargeError(explain_memory(device, batch_size), history)
    optimizer.zero_grad()  # nothing of a step that was cut short stays behind
    if problem:  # raised out here, where torch's error and the tensors its traceback holds are let go
        raise problem
    return history


def train_step(model, images, labels, optimizer, precision="float32", share=None):
    """One step on one batch: forward, loss, zero_grad, backward, step. Returns the batch's (logits, loss).

    The loss is the mean over the images. With several processes it is their sum over `share`, the mean number of
    images in a process: the gradients' mean is then that of the whole batch, also where it does not divide evenly.
    """
    with torch.autocast(images.device.type, torch.bfloat16, enabled=precision == "bfloat16"):
        logits = model(images)  # (B, 3, 32, 32) -> (B, 10)
        if share in (None, len(labels)):
            loss = F.cross_entropy(logits, labels)  # (B, 10), (B,) -> one number, the mean over the batch
        else:
            loss = F.cross_entropy(logits, labels, reduction="sum") / share
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    return logits.detach(), loss.detach()


def evaluate(model, test_set, device=None, *, batch_size=512):
    """(loss, accuracy) over all images: the mean cross-entropy, and the part that is right, 0 to 1.

    Computed in eval mode and without gradients; the model's mode is put back. Works on the model's own
    device, or on `device`, where the model then stays.
    """
    check_model(model)
    if device is not None:
        model.to(check_device(device))
    device = next((p.device for p in model.parameters()), torch.device("cpu"))
    test_set = on_device("test_set", test_set, device)
    largest = int(test_set.labels.max())
    loss, right = torch.zeros((), device=device), torch.zeros((), device=device)
    with mode(model, training=False), torch.inference_mode():
        for images, labels in test_set.batches(batch_size, shuffle=False):
            logits = model(images)
            check_classes(logits, largest)
            # Sums, divided once at the end: a mean of means would weigh a short last batch too much.
            loss += F.cross_entropy(logits, labels, reduction="sum")
            right += (logits.argmax(1) == labels).sum()
    return loss.item() / len(test_set), right.item() / len(test_set)


# -- the loop's details --------------------------------------------------------------------------------


class _Bar(tqdm):
    monitor_interval = 0  # no second thread that watches the bar: it is told of every batch


class _Progress:
    """Adds up loss and right answers on the device; shows them after each epoch, and on a CPU while it runs."""

    EVERY = 0.25  # seconds

    def __init__(self, epochs, images, progress):
        self.epochs = epochs
        look = {"unit": " images", "unit_scale": True, "miniters": 1, "ncols": 110, "file": sys.stdout}
        self.bar = _Bar(total=epochs * images, disable=not progress, **look)

    def start(self, epoch, device):
        self.bar.set_description(f"epoch {epoch + 1}/{self.epochs}")
        self.loss, self.right = torch.zeros((), device=device), torch.zeros((), device=device)
        self.seen = 0
        # A GPU would have to finish all that is queued first, and other processes to do the same at the same time.
        self.live = device.type == "cpu" and workers()[1] == 1
        self.began = self.shown = time.perf_counter()

    def count(self, logits, labels, loss, batch):
        """Add a step on a batch of so many images: of several processes each adds its part, or its share of all."""
        count = workers()[1]
        self.loss += loss * (batch / count)  # back from the batch's mean to its sum
        self.right += (logits.argmax(1) == labels).sum() / (count if batch < count else 1)
        self.seen += batch
        self.bar.update(batch)
        if self.live and time.perf_counter() - self.shown > self.EVERY:
            self.read()
            self.shown = time.perf_counter()

    def read(self):
        loss, accuracy = (
            sum_over_processes(self.loss).item() / self.seen,
            sum_over_processes(self.right).item() / self.seen,
        )
        self.bar.set_postfix_str(f"loss {loss:.3f}, accuracy {accuracy:.3f}")
        if not math.isfinite(loss):
            raise _NotFiniteError
        return loss, accuracy

    def seconds(self):
        return max(time.perf_counter() - self.began, 1e-9)


def _explain_divergence(optimizer, epochs):
    lr = float(optimizer.param_groups[0]["lr"])
    return (
        f"The loss became infinite or NaN in epoch {epochs + 1}, most likely because the steps are too long. "
        f"Make the model again and train it with a smaller learning rate, lr={lr / 10:g} instead of {lr:g}."
    )
