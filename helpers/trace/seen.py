"""Notes about tensors, in the place of the tensors: the memory of a run is free again as soon as it has ended."""

from typing import NamedTuple

import torch


class Seen(NamedTuple):
    """A tensor as a step met it. `maker`: the call that made it, 0 for the model's input, or None; `parameter`: its
    name, if it is one of the model's parameters or buffers, else "".
    """

    shape: tuple
    dtype: torch.dtype
    device: torch.device
    maker: int | None
    parameter: str

    @property
    def is_data(self):
        """Does it come from the model's input?"""
        return self.maker is not None


def noted(value, note):
    """`value` with `note(tensor)` in place of each tensor in it."""
    if isinstance(value, torch.Tensor):
        return note(value)
    if isinstance(value, dict):
        return {key: noted(part, note) for key, part in value.items()}
    if isinstance(value, list):
        return [noted(part, note) for part in value]
    if isinstance(value, tuple) and not isinstance(value, torch.Size):
        return tuple(noted(part, note) for part in value)
    return value


def seen_in(value, kind=Seen):
    """Every Seen in a noted value, from left to right."""
    if isinstance(value, kind):
        return [value]
    if isinstance(value, dict):
        value = list(value.values())
    if not isinstance(value, (tuple, list)):
        return []
    return [seen for part in value for seen in seen_in(part, kind)]


def seen_tensors(value):
    """Every tensor in a value, from left to right."""
    return seen_in(value, torch.Tensor)
