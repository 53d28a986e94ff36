"""Training and testing a network, keeping it, and where it computes: what the lessons need stands here.

Works in a notebook and in a plain script, on one CPU or one GPU, and under torchrun on several: see
`python -m helpers.training --help`. The data set lives on the device whole (10,000 images of 3×32×32 bytes are
31 MB), so no step waits for a copy; nothing is read back from a GPU before the epoch ends.
"""

import torch

from helpers.arguments import whole
from helpers.training.bar import Bar
from helpers.training.checkpoints import History, check_model, load_checkpoint, resume, save_checkpoint
from helpers.training.checks import check_fit, check_optimizer, check_settings, mode, on_device
from helpers.training.devices import (
    check_device,
    explain_memory,
    helps,
    is_out_of_memory,
    memory_format,
    memory_kept,
    pick_device,
)
from helpers.training.loop import Meter, NotFiniteError, evaluate_steps, train_step, train_steps
from helpers.training.parallel import in_step, sync_buffers, workers

__all__ = [
    "BatchTooLargeError",
    "DivergedError",
    "History",
    "TrainingError",
    "evaluate",
    "load_checkpoint",
    "memory_kept",
    "pick_device",
    "resume",
    "save_checkpoint",
    "train",
    "train_step",
]


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
    with `lr`. Calling again goes on from the model's weights; give the same optimizer to go on with its averages, too.

    `seed` fixes the order of the images and what dropout drops, not the weights, which were made before.
    Epoch e, counted from 0, uses seed + e: two epochs with seed=0 and then two with seed=2, with the same
    optimizer, are the same run as four with seed=0. The same seed repeats a run on the same device and
    version of torch; on a GPU the last digits may still differ. Outside, torch's random numbers go on as
    if train had not been called (on an Apple GPU they start again from the seed).

    `precision="bfloat16"` computes the forward pass in bfloat16 where torch's autocast finds that safe; weights, loss
    and tests stay float32. `after_epoch(history)` is called at the end of each epoch, to save a checkpoint for example.

    Under torchrun, inside training.parallel.group, all processes call this alike and train one network together; a
    batch is then the images of one step of all of them. The losses are those of one process, to rounding, unless the
    model has BatchNorm, which takes the means of each process's own part, or dropout, which draws anew in each.

    Interrupting the kernel returns the history so far, with `.interrupted` True; the model keeps what it has learned.
    Raises DivergedError or BatchTooLargeError, which carry `.history`, and ValueError or TypeError for arguments that
    cannot work.
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
    bar = Bar(epochs * len(train_set), device, progress)
    if batch_size > (count := len(train_set)) and not bar.disable:
        bar.write(f"batch_size={batch_size} is more than the {count} images of train_set: an epoch is one step.")
    gpus = [device] if device.type == "cuda" else []
    try:
        with bar, memory_kept(device), mode(model, training=True), torch.random.fork_rng(gpus):
            network = in_step(model, device)
            for epoch in range(epochs):
                torch.manual_seed(seed + epoch + 1_000_003 * workers()[0])  # dropout: other images, other masks
                bar.set_description(f"epoch {epoch + 1}/{epochs}")
                steps = train_steps(network, train_set, batch_size, optimizer, seed + epoch, layout, precision)
                loss, accuracy = bar.follow(steps, meter := Meter(device))
                seconds = meter.seconds()
                sync_buffers(model)
                tested = None if test_set is None else evaluate(model, test_set, batch_size=batch_size)[1]
                history.add(loss, accuracy, tested, seconds, count)
                if after_epoch:
                    after_epoch(history)
    except KeyboardInterrupt:
        history.interrupted = True
    except NotFiniteError:
        problem = DivergedError(_explain_divergence(optimizer, len(history.loss)), history)
    except RuntimeError as error:
        if not is_out_of_memory(error):
            raise
        problem = BatchTooLargeError(explain_memory(device, batch_size), history)
    optimizer.zero_grad()  # nothing of a step that was cut short stays behind
    if problem:  # raised out here, where torch's error and the tensors its traceback holds are let go
        raise problem
    return history


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
    loss, right = torch.zeros((), device=device), torch.zeros((), device=device)
    for batch_loss, batch_right in evaluate_steps(model, test_set, batch_size):
        # Sums, divided once at the end: a mean of means would weigh a short last batch too much.
        loss += batch_loss
        right += batch_right
    return loss.item() / len(test_set), right.item() / len(test_set)


def _explain_divergence(optimizer, epochs):
    lr = float(optimizer.param_groups[0]["lr"])
    return (
        f"The loss became infinite or NaN in epoch {epochs + 1}, most likely because the steps are too long. "
        f"Make the model again and train it with a smaller learning rate, lr={lr / 10:g} instead of {lr:g}."
    )
