"""Where a number came from that a step only moved: torch itself is asked, with places instead of numbers."""

import torch
from torch import nn

from helpers.inside.watching import Slot


def sources(seen, image, indexes):
    """For each index in what the step returned: (which of the given tensors, the index there); None for padding.

    Indexes have no image in front. Raises ValueError where the step does more than move numbers about in an image.
    """
    places, first = [], 1  # 0 stays free: what padding is filled with
    for tensor, note in zip(seen.given, seen.step.notes, strict=True):
        numbered = torch.arange(first, first + tensor.numel(), dtype=torch.float64).reshape(tensor.shape)
        places.append(numbered if note.is_data else tensor)
        first += tensor.numel()
    call = seen.call.forward if isinstance(seen.call, nn.Module) else seen.call  # past the hooks: this is no run
    try:
        with torch.no_grad():
            moved = call(*_filled(seen.args, places), **_filled(seen.kwargs, places))
    except Exception as error:  # whatever else than numbers of an image it wants
        raise ValueError(f"torch cannot move places so ({type(error).__name__})") from None
    moved = moved[0] if isinstance(moved, (tuple, list)) else moved
    return [_source(seen, moved, image, tuple(index)) for index in indexes]


def _source(seen, moved, image, index):
    number, value, first = float(moved[image][index]), seen.made[0][image][index], 1
    if number == 0 and value == 0:
        return None
    for place, tensor in enumerate(seen.given):
        if number == int(number) and first <= number < first + tensor.numel():
            other, *at = (int(side) for side in torch.unravel_index(torch.tensor(int(number) - first), tensor.shape))
            came = tensor[other][tuple(at)]
            if other == image and (bool(came == value) or bool(came.isnan() & value.isnan())):
                return place, tuple(at)
        first += tensor.numel()
    raise ValueError("the step does more than move numbers about in an image")


def _filled(value, tensors):
    """A noted argument with tensors in its slots again."""
    if isinstance(value, Slot):
        return tensors[value.place]
    if isinstance(value, dict):
        return {key: _filled(part, tensors) for key, part in value.items()}
    if isinstance(value, (tuple, list)) and not isinstance(value, torch.Size):
        return type(value)(_filled(part, tensors) for part in value)
    return value
