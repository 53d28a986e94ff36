"""What train() and evaluate() are given: each check says what came, what is wanted, and the nearest that works."""

import contextlib
import numbers

import torch


def check_settings(lr, precision):
    if isinstance(lr, bool) or not isinstance(lr, numbers.Real):
        raise TypeError(f"lr, the learning rate, wants a number such as 1e-3, but got {lr!r}.")
    if not 0 < lr < float("inf"):
        raise ValueError(f"lr, the learning rate, wants a number above 0 such as 1e-3, but got {lr!r}.")
    if precision in ("bf16", torch.bfloat16):
        raise ValueError(f'precision wants "float32" or "bfloat16", but got {precision!r}: write "bfloat16".')
    if precision == "float16":
        raise ValueError(
            'precision="float16" needs its loss scaled, or small gradients become 0; '
            'precision="bfloat16" is as short and does not.'
        )
    if precision not in ("float32", "bfloat16"):
        raise ValueError(f'precision wants "float32" or "bfloat16", but got {precision!r}.')


def check_set(name, images):
    if not all(hasattr(images, part) for part in ("batches", "labels", "to")):
        raise TypeError(
            f"{name} wants a data set, but got a {type(images).__name__}: "
            "train_set, test_set = helpers.data.load_shapes() makes two."
        )
    if len(images) == 0:
        raise ValueError(f"{name} has no images in it.")


def on_device(name, images, device):
    """The data set on the device, if it is one and is not empty."""
    check_set(name, images)
    return images.to(device)


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
    if logits.ndim != 2 or len(logits) != len(images):
        gave = f"{len(images)} images gave {tuple(logits.shape)}"
        raise ValueError(f"Training wants scores (N, classes) from the model, but {gave}.")
    for images in (train_set, test_set):
        if images is not None:
            check_classes(logits, int(images.labels.max()))
    return memory_format


def check_classes(logits, largest):
    if largest >= logits.shape[1]:
        raise ValueError(
            f"This model gives scores for {logits.shape[1]} classes, but the labels go up to {largest}: "
            f"it needs {largest + 1} classes, such as SimpleCNN(classes={largest + 1})."
        )


def check_optimizer(model, optimizer, lr, fused):
    """An optimizer of this model's parameters, whose own tensors are where the model is."""
    if optimizer is None:
        return torch.optim.Adam(model.parameters(), lr=lr, fused=fused)
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
