"""A learner's own picture, as a file, an array, a tensor or a PIL image, made into a small grey one."""

from __future__ import annotations

import os
import warnings
from pathlib import Path

import numpy as np
from PIL import Image, ImageOps

from helpers.shapes import draw_shapes

LARGEST_SIDE = 64  # pixels
MOST_PIXELS = 50_000_000  # of a file, before it is scaled down: 150 MB decoded
OWN = 28  # which of the course's pictures is shown where none is given: the tilted frame
SHAPES = "(height, width), (1, height, width), (3, height, width) or (height, width, 3)"


def grey_picture(image=None) -> np.ndarray:
    """The picture as uint8 (height, width), 64 pixels a side at most, its proportions kept.

    `image` is a path, a PIL image, an array or a tensor of whole numbers from 0 to 255 or of floats from 0 to 1, or
    None for one of the course's own pictures. Grey is the mean of red, green and blue; what is transparent lies on
    white. Raises FileNotFoundError or ValueError, in a sentence, for what is no such picture.
    """
    colour = draw_shapes(OWN + 1, seed=0, stream=0)[0][OWN] if image is None else colour_picture(image)
    return np.rint(colour.mean(0, dtype=np.float64)).astype(np.uint8)


def colour_picture(image) -> np.ndarray:
    """The same in colour, of what is given: uint8 (3, height, width)."""
    if isinstance(image, str | os.PathLike):
        return _from_file(Path(image))
    return _small(image if isinstance(image, Image.Image) else Image.fromarray(_pixels(image)))


def _from_file(path: Path) -> np.ndarray:
    """A still picture from a file, scaled down: uint8 (3, height, width)."""
    if not path.is_file():
        kind = "is a folder, not a picture" if path.is_dir() else f"is not there (looked from {Path.cwd()})"
        raise FileNotFoundError(
            f"The file {str(path)!r} {kind}. Put a picture beside the notebook, or give its full path."
        )
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # a large picture: that is checked before decoding it
            image = Image.open(path)
            still = image.format == "MPO"  # a phone's photo, with a second picture behind it
            frames = 1 if still else getattr(image, "n_frames", 1)
    except Image.DecompressionBombError as error:
        raise ValueError(f"{path.name!r} is too large: {error} Scale it down first.") from None
    except Exception as error:  # decoders raise many kinds
        why = "" if isinstance(error, Image.UnidentifiedImageError) else f": {error}"
        raise ValueError(f"{path.name!r} is not a picture that can be read{why}. Try a PNG or JPEG file.") from None
    with image:
        if frames > 1:
            raise ValueError(
                f"{path.name!r} has {frames} frames, and a kernel filters one picture. Take one with PIL: "
                f"frame = Image.open({str(path)!r}); frame.seek(0); explorer.image = frame"
            )
        return _small(image)


def _small(image: Image.Image) -> np.ndarray:
    """A PIL image decoded, turned as its camera says, laid on white and scaled down: uint8 (3, height, width)."""
    name = Path(getattr(image, "filename", "") or "image").name
    if image.width * image.height == 0:
        raise ValueError(f"{name!r} has no pixels: its size is {image.width} × {image.height}.")
    if image.width * image.height > MOST_PIXELS:
        raise ValueError(
            f"{name!r} has {image.width} × {image.height} pixels; the most is {MOST_PIXELS:,}. Scale it down first."
        )
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # what a decoder does not know, the picture may do without
            if image.mode.startswith("I"):  # 16 bits of grey
                image = Image.fromarray((np.asarray(image).clip(0, 65535) // 257).astype(np.uint8))
            small = image.convert("RGBA")
            small.thumbnail((LARGEST_SIDE, LARGEST_SIDE), Image.Resampling.BOX)
            small = ImageOps.exif_transpose(small)
    except Exception as error:  # decoders raise many kinds
        raise ValueError(f"{name!r} could not be decoded: {error}. Save it again as PNG or JPEG.") from None
    white = Image.new("RGBA", small.size, "white")
    return np.asarray(Image.alpha_composite(white, small).convert("RGB")).transpose(2, 0, 1)


def _pixels(image) -> np.ndarray:
    """An array or tensor as PIL takes it: uint8 (height, width, 3), or (height, width) for grey."""
    array = _array(image)
    if array.ndim == 3 and array.shape[0] in (1, 3):
        array = array.transpose(1, 2, 0)  # torch's order to PIL's
    if array.ndim == 3 and array.shape[2] == 1:
        array = array[:, :, 0]
    if array.ndim not in (2, 3) or (array.ndim == 3 and array.shape[2] != 3):
        raise ValueError(f"image wants the shape {SHAPES}, but got {np.shape(array)}.")
    if array.size == 0:
        raise ValueError(f"image wants at least one pixel, but got the shape {array.shape}.")
    if array.dtype.kind not in "iuf":
        raise ValueError(f"image wants whole numbers or floats, but got {array.dtype}.")
    if not np.isfinite(array).all():
        raise ValueError("image holds NaN or infinity: replace them first, for example with numpy.nan_to_num.")
    highest, kind = (1, "floats") if array.dtype.kind == "f" else (255, "whole numbers")
    if array.min() < 0 or array.max() > highest:
        raise ValueError(
            "image wants floats from 0 to 1 or whole numbers from 0 to 255, "
            f"but got {kind} from {array.min()} to {array.max()}."
        )
    if array.dtype.kind == "f":
        array = np.rint(array.astype(np.float64) * 255)
    return np.ascontiguousarray(array, dtype=np.uint8)


def _array(image) -> np.ndarray:
    if hasattr(image, "detach"):  # a tensor, wherever it is; numpy has no bfloat16
        image = image.detach().cpu()
        image = (image.float() if image.is_floating_point() else image).numpy()
    try:
        return np.asarray(image)
    except ValueError:  # rows of unequal length
        raise ValueError(f"image wants the shape {SHAPES}, but got rows of unequal length.") from None
