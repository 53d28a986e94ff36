"""A learner's pictures, in any of the forms they have: as a batch for a model, and as bytes to draw."""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import Any

import numpy as np
from PIL import Image, ImageOps

from helpers.arguments import at_most, channels_first, class_names, class_numbers, described, kind_of
from helpers.explorers.pictures import colour_picture

FIRST = 8  # pictures of a set, where it has more than MOST
MOST = 64  # pictures side by side
DIVIDED = "The bytes of the pictures are divided by 255: a model that learned from normalised pictures expects others."


@dataclass
class Batch:
    """Pictures for a model, and how they look.

    images   a float tensor (N, C, height, width)
    pixels   uint8 (N, height, width, 3), or 1 where there are no three planes
    labels   the number of each picture's class, or []; `classes` are their names, or []
    note     what a learner must know of the numbers, or ""
    """

    images: Any
    pixels: np.ndarray
    labels: list
    classes: list
    note: str

    def names(self, scores) -> list:
        """A name for each class that gets a score; numbers where there are not as many names."""
        count = len(scores[0]) if scores else len(self.classes)
        return self.classes if len(self.classes) == count else [str(number) for number in range(count)]

    def drawn(self) -> dict:
        """What the page is told of the pictures."""
        count, height, width, planes = self.pixels.shape
        size = {"count": count, "height": height, "width": width, "planes": planes}
        return size | {"note": self.note, "pixels": np.ascontiguousarray(self.pixels).tobytes()}


def batch(images, labels=None, classes=None, image_shape=None) -> Batch:
    """Pictures from an ImageSet (the first 8 of more than 64), a tensor, an array, a picture file or several of those.

    Of a file the middle is taken, as large as `image_shape`, (C, height, width), says; without it, all of it, with 64
    pixels a side at most.

    Raises TypeError, ValueError or FileNotFoundError, in a sentence, for what is no such picture.
    """
    own_labels = own_classes = None
    note = ""
    if hasattr(images, "labels") and hasattr(images, "batches"):
        shown, own_classes = FIRST if len(images) > MOST else len(images), images.classes
        tensor, own_labels = images[:shown]
        pixels = images.images[:shown].permute(0, 2, 3, 1).cpu().numpy()
    elif isinstance(images, (tuple, list)) and len(images) == 2 and hasattr(images[0], "ndim") and images[0].ndim == 4:
        (tensor, note), own_labels = _tensor(images[0], None), images[1]  # test_set[:8]
        pixels = _pixels(tensor)
    else:
        tensor, note = _tensor(images, image_shape)
        pixels = _pixels(tensor)
    at_most("images", len(tensor), MOST, "pictures", f"images[:{FIRST}]")
    classes = own_classes if classes is None else class_names(classes)
    labels = own_labels if labels is None else labels
    if labels is not None:
        labels = class_numbers("labels", labels, classes or range(2**31), len(tensor)).tolist()
    return Batch(tensor, pixels, labels or [], list(classes or []), note)


def _tensor(images, image_shape):
    """A float tensor (N, C, height, width) on its own device, and what must be known of its numbers."""
    import torch

    if isinstance(images, (str, os.PathLike, Image.Image)):
        images = [images]
    if isinstance(images, (tuple, list)) and images and isinstance(images[0], (str, os.PathLike, Image.Image)):
        images = [_fitted(colour_picture(image), image_shape) for image in images]
    if isinstance(images, (tuple, list)) and images and all(hasattr(image, "shape") for image in images):
        if len({tuple(image.shape) for image in images}) > 1:
            raise ValueError("images wants pictures of one size, but got several sizes. Cut them alike, or give one.")
        images = torch.stack([_own(image) for image in images])
    wanted = "images wants pictures (N, C, height, width)"
    if not hasattr(images, "shape"):
        raise TypeError(f"{wanted}, but got {kind_of(images)}. An ImageSet, a tensor, an array or a file will do.")
    tensor = _own(images)
    tensor = tensor[None] if tensor.dim() == 3 else tensor
    if tensor.dim() != 4 or tensor.numel() == 0:
        raise ValueError(f"{wanted}, but got {described(images)}.")
    if tensor.shape[3] == 3 and tensor.shape[1] not in (1, 3):
        raise ValueError(f"{wanted}, but got {described(images)}. Try {channels_first('images', len(images.shape))}.")
    if tensor.is_complex() or tensor.dtype == torch.bool:
        raise TypeError(f"{wanted} of whole numbers or floats, but got {described(images)}.")
    return (tensor, "") if tensor.is_floating_point() else (tensor.float() / 255, DIVIDED)


def _fitted(picture, image_shape):
    """The middle of a picture (3, height, width), as large as the model takes it."""
    if not isinstance(image_shape, tuple) or len(image_shape) != 3:  # it has none, or means something else by it
        return picture
    _, height, width = image_shape
    return np.asarray(ImageOps.fit(Image.fromarray(picture.transpose(1, 2, 0)), (width, height))).transpose(2, 0, 1)


def _own(image):
    import torch

    return image.detach() if isinstance(image, torch.Tensor) else torch.from_numpy(np.array(image))


def _pixels(tensor):
    """How a batch looks: floats from 0 to 1 as they are; of other numbers the lowest black, the highest white."""
    values = tensor.detach().cpu().double().nan_to_num(0, 0, 0).permute(0, 2, 3, 1).numpy()
    if values.shape[3] not in (1, 3):
        values = values.mean(3, keepdims=True)
    low, high = values.min((0, 1, 2)), values.max((0, 1, 2))
    if low.min() >= 0 and high.max() <= 1:
        low, high = 0, 1
    span = np.where(np.equal(high, low), 1, np.subtract(high, low))
    return np.rint((values - low) / span * 255).astype(np.uint8)
