"""What train() and evaluate() are given: each check says what came, what is wanted, and the nearest that works."""

import contextlib
import inspect

import torch

from helpers.arguments import kind_of, positive
from helpers.trace.as_found import as_found
from helpers.training.devices import is_out_of_memory


def check_settings(lr, precision):
    positive("lr", lr, "1e-3", torch.finfo(torch.float32).max)
    if precision in ("bf16", torch.bfloat16):
        raise ValueError(f'precision wants "float32" or "bfloat16", but got {precision!r}: write "bfloat16".')
    if precision == "float16":
        raise ValueError(
            'precision="float16" needs its loss scaled, or small gradients become 0; '
            'precision="bfloat16" is as short and does not need that.'
        )
    if precision not in ("float32", "bfloat16"):
        raise ValueError(f'precision wants "float32" or "bfloat16", but got {precision!r}.')


def check_set(name, images):
    if not all(hasattr(images, part) for part in ("batches", "labels", "to")):
        raise TypeError(
            f"{name} wants a data set, but got {kind_of(images)}: "
            "train_set, test_set = helpers.data.load_shapes() makes two."
        )
    if len(images) == 0:
        raise ValueError(f"{name} has no images in it.")
    if (least := int(images.labels.min())) < 0:  # cross_entropy would leave out those of -100 without a word
        raise ValueError(f"{name} wants labels from 0, but got {least}: label k is the model's k-th score, from 0.")


def on_device(name, images, device, say=print):
    """The data set on the device, if it is one and is not empty; where it does not fit, it brings its batches there."""
    check_set(name, images)
    try:
        return images.to(device)
    except RuntimeError as error:
        if device.type == "cpu" or not is_out_of_memory(error):
            raise
    say(f"{name} does not fit into the GPU's memory: it stays where it is, and each batch is copied as it is needed.")
    return Bringing(images, device)


class Bringing:
    """A data set that stays where it is, and whose batches come to the device."""

    def __init__(self, images, device):
        self.images, self.device, self.labels = images, device, images.labels

    def __len__(self):
        return len(self.images)

    def batches(self, *given, **named):
        for images, labels in self.images.batches(*given, **named):
            yield images.to(self.device), labels.to(self.device)


def check_fit(model, train_set, test_set, memory_format):
    """Try the model on two images, so that nothing fails later, or in a GPU's kernel.

    Returns the memory format its images shall have: the one proposed, or rows of rows for a model that does not
    work with it: one whose forward calls `view`, for example.
    """
    with mode(model, training=False), torch.no_grad():
        images, _ = next(iter(train_set.batches(2, shuffle=False)))
        logits = None
        if memory_format != torch.contiguous_format:
            with contextlib.suppress(RuntimeError):  # whatever else is wrong comes up again below
                logits = model(images.to(memory_format=memory_format))
        if logits is None:
            memory_format = torch.contiguous_format
            logits = model(images)
    if not any(parameter.requires_grad for parameter in model.parameters()):
        raise ValueError("This model has no parameter to train: it has none whose requires_grad is True.")
    if not all(torch.isfinite(parameter).all() for parameter in model.parameters()):
        raise ValueError("This model's weights are infinite or NaN already: make the model again.")
    is_tensor = isinstance(logits, torch.Tensor)
    if not is_tensor or logits.ndim != 2 or len(logits) != len(images):
        gave = tuple(logits.shape) if is_tensor else kind_of(logits)
        raise ValueError(f"Training wants scores (N, classes) from the model, but {len(images)} images gave {gave}.")
    for images in (train_set, test_set):
        if images is not None:
            check_classes(logits, int(images.labels.max()))
    return memory_format


def check_smallest_batch(model, train_set, batch_size, processes):
    """Refuse batches that leave a single image somewhere if this model cannot train on one, as BatchNorm cannot."""
    if _smallest(len(train_set), batch_size, processes) > 1:
        return
    image, _ = next(iter(train_set.batches(1, shuffle=False)))
    try:
        with mode(model, training=True), as_found(model, [image]):
            model(image)
    except RuntimeError:  # no memory, for one: it comes up again in the first step, and is explained there
        return
    except ValueError as error:
        sizes = range(2, max(batch_size, len(train_set)) + 1)
        others = [size for size in sizes if _smallest(len(train_set), size, processes) > 1]
        nearest = min(others, key=lambda size: abs(size - batch_size), default=None)
        raise ValueError(
            f"In batches of {batch_size}, {len(train_set)} images leave a single one for a step"
            f"{f' of one of the {processes} processes' * (processes > 1)}, and this model cannot train on one: "
            f"{error}. {f'Use batch_size={nearest}' if nearest else 'Use more images'}."
        ) from None


def _smallest(images, batch_size, processes):
    """The fewest images that a process gets in a step; see `share_of`."""
    batches = {min(images, batch_size), images % batch_size or batch_size}
    return min(batch // processes or batch for batch in batches)


def check_classes(logits, largest):
    if largest >= logits.shape[1]:
        raise ValueError(
            f"This model gives scores for {logits.shape[1]} classes, but the labels go up to {largest}: "
            f"it needs {largest + 1} classes, such as SimpleCNN(classes={largest + 1})."
        )


def check_optimizer(model, optimizer, lr, fused):
    """An optimizer of this model's parameters, whose own tensors are where the model is."""
    if optimizer is None:
        # With False instead of None a GPU would update one tensor after the other.
        return torch.optim.Adam(model.parameters(), lr=lr, fused=fused or None)
    such = "torch.optim.Adam(model.parameters(), lr=1e-3)"
    if not isinstance(optimizer, torch.optim.Optimizer):
        raise TypeError(f"optimizer wants one such as {such}, but got {optimizer!r}.")
    if inspect.signature(optimizer.step).parameters["closure"].default is inspect.Parameter.empty:
        raise ValueError(
            f"{type(optimizer).__name__} computes the loss of a batch many times for one step (it wants a closure), "
            f"and this training computes it once: use another, such as {such}."
        )
    ours = {id(parameter) for parameter in model.parameters()}
    if not all(id(parameter) in ours for group in optimizer.param_groups for parameter in group["params"]):
        raise ValueError(
            "This optimizer holds parameters that are not this model's: it would train another model, or "
            f"layers that were replaced. Make it again, with {such}."
        )
    optimizer.load_state_dict(optimizer.state_dict())  # moves its averages to where the model has moved
    return optimizer


@contextlib.contextmanager
def mode(model, training):
    """train() or eval() for a while; then every layer is as it was."""
    before = [(layer, layer.training) for layer in model.modules()]
    model.train(training)
    try:
        yield
    finally:
        for layer, was in before:
            layer.training = was
