"""Training and testing a network: pick a device, train, evaluate. (Keeping it: helpers.checkpoints.)

Works in a notebook and in a plain script, on one CPU or one GPU. The data set lives on the device whole
(10,000 images of 3×32×32 bytes are 31 MB), so no step waits for a copy.
"""

import contextlib
import numbers
import operator
import sys
import time

import torch
import torch.nn.functional as F
from tqdm import tqdm

from helpers.checkpoints import History, check_model
from helpers.checkpoints import load_checkpoint as load_checkpoint  # so that lessons find all of it here
from helpers.checkpoints import save_checkpoint as save_checkpoint


class TrainingError(RuntimeError):
    """Training could not go on. `.history` holds the epochs that were completed."""

    def __init__(self, message, history):
        super().__init__(message)
        self.history = history


class DivergedError(TrainingError):
    """The loss became infinite or NaN; so did the weights: the model must be made again."""


class BatchTooLargeError(TrainingError):
    """A batch did not fit into the device's memory."""


def pick_device():
    """(device, reason): a CUDA GPU if there is one, else an Apple GPU, else the CPU, and why."""
    if torch.cuda.is_available():
        gpu = torch.cuda.get_device_properties(0)
        return torch.device("cuda"), f"found a CUDA GPU: {gpu.name}, {gpu.total_memory / 2**30:.0f} GiB"
    if torch.backends.mps.is_available():
        return torch.device("mps"), "found no CUDA GPU, but an Apple GPU (MPS)"
    threads = f"{(n := torch.get_num_threads())} thread{'' if n == 1 else 's'}"
    return torch.device("cpu"), f"no CUDA GPU and no Apple GPU found: the CPU, {threads}"


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
    weights, loss and tests stay float32.

    Interrupting the kernel returns the history so far, with `.interrupted` True; the model keeps what it
    has learned. Raises DivergedError or BatchTooLargeError, which carry `.history`, and ValueError or
    TypeError for arguments that cannot work.
    """
    check_model(model)
    epochs, batch_size = _whole("epochs", epochs, least=1), _whole("batch_size", batch_size, least=1)
    seed = _whole("seed", seed)
    _check_settings(lr, precision)
    device = _usable(device)
    train_set = _on_device("train_set", train_set, device)
    test_set = None if test_set is None else _on_device("test_set", test_set, device)
    model.to(device)
    _check_fit(model, train_set, test_set)
    optimizer = _check_optimizer(model, optimizer, lr)

    history, problem = History(), None
    steps = _Progress(epochs, len(train_set), progress)
    gpus = [device] if device.type == "cuda" else []
    try:
        with steps.bar, _mode(model, training=True), torch.random.fork_rng(gpus):
            for epoch in range(epochs):
                torch.manual_seed(seed + epoch)
                shuffle = torch.Generator().manual_seed(seed + epoch)
                steps.start(epoch, device)
                for images, labels in train_set.batches(batch_size, shuffle=True, generator=shuffle):
                    logits, loss = train_step(model, images, labels, optimizer, precision)
                    steps.count(logits, labels, loss)
                (loss, accuracy), seconds = steps.read(), steps.seconds()
                tested = [] if test_set is None else [evaluate(model, test_set, batch_size=batch_size)[1]]
                history.loss.append(loss)
                history.train_accuracy.append(accuracy)
                history.test_accuracy.extend(tested)
                history.seconds.append(seconds)
                history.images_per_second.append(len(train_set) / seconds)
    except KeyboardInterrupt:
        history.interrupted = True
    except FloatingPointError:
        problem = DivergedError(_explain_divergence(optimizer, len(history.loss)), history)
    except RuntimeError as error:
        if not is_out_of_memory(error):
            raise
        problem = BatchTooLargeError(explain_memory(device, batch_size), history)
    optimizer.zero_grad()  # nothing of a step that was cut short stays behind
    if problem:  # raised out here, where torch's error and the tensors its traceback holds are let go
        raise problem
    return history


def train_step(model, images, labels, optimizer, precision="float32"):
    """One step on one batch: forward, loss, zero_grad, backward, step. Returns the batch's (logits, loss)."""
    with torch.autocast(images.device.type, torch.bfloat16, enabled=precision == "bfloat16"):
        logits = model(images)  # (B, 3, 32, 32) -> (B, 10)
        loss = F.cross_entropy(logits, labels)  # (B, 10), (B,) -> one number, the mean over the batch
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
        model.to(_usable(device))
    device = next((p.device for p in model.parameters()), torch.device("cpu"))
    test_set = _on_device("test_set", test_set, device)
    largest = int(test_set.labels.max())
    loss, right = torch.zeros((), device=device), torch.zeros((), device=device)
    with _mode(model, training=False), torch.inference_mode():
        for images, labels in test_set.batches(batch_size, shuffle=False):
            logits = model(images)
            _check_classes(logits, largest)
            # Sums, divided once at the end: a mean of means would weigh a short last batch too much.
            loss += F.cross_entropy(logits, labels, reduction="sum")
            right += (logits.argmax(1) == labels).sum()
    return loss.item() / len(test_set), right.item() / len(test_set)


# -- the loop's details --------------------------------------------------------------------------------


class _Bar(tqdm):
    monitor_interval = 0  # no second thread that watches the bar: it is told of every batch


class _Progress:
    """Adds up loss and right answers on the device, and shows them a few times a second.

    Reading a number from a GPU waits for all the work queued there, so it is not done at every step.
    """

    EVERY = 0.25  # seconds

    def __init__(self, epochs, images, progress):
        self.epochs = epochs
        look = {"unit": " images", "unit_scale": True, "miniters": 1, "ncols": 110, "file": sys.stdout}
        self.bar = _Bar(total=epochs * images, disable=not progress, **look)

    def start(self, epoch, device):
        self.bar.set_description(f"epoch {epoch + 1}/{self.epochs}")
        self.loss, self.right = torch.zeros((), device=device), torch.zeros((), device=device)
        self.seen = 0
        self.began = self.shown = time.perf_counter()

    def count(self, logits, labels, loss):
        self.loss += loss * len(labels)  # back from the batch's mean to its sum
        self.right += (logits.argmax(1) == labels).sum()
        self.seen += len(labels)
        self.bar.update(len(labels))
        if time.perf_counter() - self.shown > self.EVERY:
            self.read()
            self.shown = time.perf_counter()

    def read(self):
        loss, accuracy = self.loss.item() / self.seen, self.right.item() / self.seen
        self.bar.set_postfix_str(f"loss {loss:.3f}, accuracy {accuracy:.3f}")
        if not torch.isfinite(self.loss):
            raise FloatingPointError
        return loss, accuracy

    def seconds(self):
        return max(time.perf_counter() - self.began, 1e-9)


@contextlib.contextmanager
def _mode(model, training):
    """train() or eval() for a while; then every layer is as it was."""
    before = [(layer, layer.training) for layer in model.modules()]
    model.train(training)
    try:
        yield
    finally:
        for layer, was in before:
            layer.training = was


def is_out_of_memory(error):
    # Only CUDA has a class for it; the CPU and Apple GPUs raise a RuntimeError.
    told = ("out of memory", "can't allocate memory", "not enough memory")
    return isinstance(error, torch.OutOfMemoryError) or any(words in str(error).lower() for words in told)


def explain_memory(device, batch_size):
    where = {"cuda": "the GPU's memory", "mps": "the Apple GPU's memory"}.get(device.type, "memory")
    if batch_size == 1:
        return f"Even a batch of one image did not fit into {where}: take a smaller model."
    return f"A batch of {batch_size} images did not fit into {where}: try batch_size={batch_size // 2}."


def _explain_divergence(optimizer, epochs):
    lr = float(optimizer.param_groups[0]["lr"])
    return (
        f"The loss became infinite or NaN in epoch {epochs + 1}, most likely because the steps are too long. "
        f"Make the model again and train it with a smaller learning rate, lr={lr / 10:g} instead of {lr:g}."
    )


# -- checks: what came, what is wanted -----------------------------------------------------------------


def _check_settings(lr, precision):
    if isinstance(lr, bool) or not isinstance(lr, numbers.Real):
        raise TypeError(f"lr, the learning rate, wants a number such as 1e-3, but got {lr!r}.")
    if not 0 < lr < float("inf"):
        raise ValueError(f"lr, the learning rate, wants a number above 0 such as 1e-3, but got {lr!r}.")
    if precision == "float16":
        raise ValueError(
            'precision="float16" needs its loss scaled, or small gradients become 0; '
            'precision="bfloat16" is as short and does not.'
        )
    if precision not in ("float32", "bfloat16"):
        raise ValueError(f'precision wants "float32" or "bfloat16", but got {precision!r}.')


def _whole(name, value, least=None):
    """The int, if it is one and large enough."""
    wants = f"{name} wants a whole number" + ("" if least is None else f" of at least {least}")
    try:
        number = operator.index(None if isinstance(value, bool) else value)
    except TypeError:
        raise TypeError(f"{wants}, but got {value!r}.") from None
    if least is not None and number < least:
        raise ValueError(f"{wants}, but got {number}.")
    return number


def _usable(device):
    """The torch.device meant by None, a text or a device, if it is there."""
    if device is None:
        return pick_device()[0]
    try:
        device = torch.device(device)
    except (RuntimeError, TypeError):
        raise ValueError(f'device wants "cpu", "cuda", "mps" or None, but got {device!r}.') from None
    there = device.type != "meta"
    if device.type == "cuda":
        there = torch.cuda.is_available() and (device.index or 0) < torch.cuda.device_count()
    elif device.type == "mps":
        there = torch.backends.mps.is_available()
    if not there:
        found, reason = pick_device()
        raise ValueError(f'device="{device}" is not there; pick_device() gives "{found}" ({reason}).')
    return device


def _on_device(name, images, device):
    """The data set on the device, if it is one and is not empty."""
    if not all(hasattr(images, part) for part in ("batches", "labels", "to")):
        raise TypeError(
            f"{name} wants a data set, but got a {type(images).__name__}: "
            "train_set, test_set = helpers.data.load_shapes() makes two."
        )
    if len(images) == 0:
        raise ValueError(f"{name} has no images in it.")
    return images.to(device)


def _check_fit(model, train_set, test_set):
    """Try the model on two images, so that nothing fails later, or in a GPU's kernel."""
    with _mode(model, training=False), torch.no_grad():
        images, _ = next(iter(train_set.batches(2, shuffle=False)))
        logits = model(images)
    if not any(parameter.requires_grad for parameter in model.parameters()):
        raise ValueError("This model has no parameter to train: it has none whose requires_grad is True.")
    if not all(torch.isfinite(parameter).all() for parameter in model.parameters()):
        raise ValueError("This model's weights are infinite or NaN already: make the model again.")
    if logits.ndim != 2 or len(logits) != len(images):
        gave = f"{len(images)} images gave {tuple(logits.shape)}"
        raise ValueError(f"Training wants scores (N, classes) from the model, but {gave}.")
    for images in (train_set, test_set):
        if images is not None:
            _check_classes(logits, int(images.labels.max()))


def _check_classes(logits, largest):
    if largest >= logits.shape[1]:
        raise ValueError(
            f"This model gives scores for {logits.shape[1]} classes, but the labels go up to {largest}: "
            f"it needs {largest + 1} classes, such as SimpleCNN(classes={largest + 1})."
        )


def _check_optimizer(model, optimizer, lr):
    """An optimizer of this model's parameters, whose own tensors are where the model is."""
    if optimizer is None:
        return torch.optim.Adam(model.parameters(), lr=lr)
    such = "torch.optim.Adam(model.parameters(), lr=1e-3)"
    if not isinstance(optimizer, torch.optim.Optimizer):
        raise TypeError(f"optimizer wants one such as {such}, but got {optimizer!r}.")
    ours = {id(parameter) for parameter in model.parameters()}
    if not all(id(parameter) in ours for group in optimizer.param_groups for parameter in group["params"]):
        raise ValueError(
            "This optimizer holds parameters that are not this model's: it would train another model, or "
            f"layers that were replaced. Make it again, with {such}."
        )
    optimizer.load_state_dict(optimizer.state_dict())  # moves its averages to where the model has moved
    return optimizer
