"""What `trace` is given: refused in one sentence, or made ready to run."""

from math import prod

import torch
from torch import nn

from helpers.arguments import kind_of, short, whole
from helpers.trace.as_found import uncompiled

SHAPE = (4, 3, 32, 32)


def check_module(model, who="model", use="SimpleCNN() makes one"):
    """Refuse what is no model; a class, and arguments in the wrong order, are common."""
    if isinstance(model, type) and issubclass(model, nn.Module):
        raise TypeError(f"{who} wants an nn.Module, but got the class {model.__name__}: {model.__name__}(…) makes one.")
    if not isinstance(model, nn.Module):
        raise TypeError(f"{who} wants an nn.Module, but got {kind_of(model)}: {use}.")


def checked(model, who="trace", use=f"trace(model, {SHAPE}) follows a batch of 4"):
    """The module to follow: of what torch.compile made, the one that it was given."""
    check_module(model, who, use)
    if isinstance(model, torch.jit.ScriptModule):
        raise TypeError(f"{who} wants a model in Python, but got a ScriptModule: give it the one it was made from.")
    return uncompiled(model)


def arguments(model, given):
    """The tensors to call the model with."""
    if isinstance(given, torch.Tensor):
        return (given,)
    if isinstance(given, (tuple, list)) and given:
        if not any(isinstance(part, (torch.Tensor, tuple, list)) for part in given):
            return (_zeros(model, given),)
        if all(isinstance(part, (torch.Tensor, tuple, list)) for part in given):
            return tuple(part if isinstance(part, torch.Tensor) else _zeros(model, part) for part in given)
    hint = f"Give it a tensor, a shape such as {SHAPE}, or a list of these."
    if hasattr(given, "__array__"):
        hint = "torch.as_tensor(...) turns it into a tensor."
    raise TypeError(f"trace wants the model's input, but got {kind_of(given)}. {hint}")


def _zeros(model, shape):
    """Zeros as the model takes them: of the type of its parameters, on their device."""
    if not shape:
        raise ValueError(f"trace wants a shape such as {SHAPE}, but got {shape}.")
    text = short(shape)
    shape = tuple(whole(f"trace: shape[{place}] of {text}", size, least=1) for place, size in enumerate(shape))
    numbers = (each for each in model.parameters() if each.dtype.is_floating_point or each.dtype.is_complex)
    parameter = next(numbers, None)
    like = {} if parameter is None else {"device": parameter.device, "dtype": parameter.dtype}
    first = next(layer for layer in model.modules() if not layer._modules)
    if isinstance(first, (nn.Embedding, nn.EmbeddingBag)):  # it looks up whole numbers
        like["dtype"] = torch.int64
    try:
        return torch.zeros(shape, **like)
    except (RuntimeError, TypeError):  # of the allocator, or of a side above 2**63: each speaks of itself
        count = prod(shape)
        count = f"{count:,}" if count < 10**30 else short(count)
        raise ValueError(
            f"trace: a tensor of shape {text} has {count} numbers, and there is no memory for them. "
            "Give it a smaller batch, or smaller sides."
        ) from None
