"""What the TrainingExplorer keeps of a network after each epoch: its kernels, and the scores it gives one picture."""

from __future__ import annotations

import base64

SHOWN = 18  # kernels at most: as many as SimpleCNN() has


def look(model, image) -> dict:
    """A SimpleCNN at this moment, in a few KB, and what it says of an image (3, 32, 32).

    Returns {"channels", "shape", "weight", "bias", "scores"}. Of its `channels` kernels `weight` holds the first 18,
    float32 in base64, of this `shape` (kernels, planes, rows, columns); `bias` and `scores` are lists of numbers. What
    the browser computes from them is what this model computes.
    """
    import torch

    with torch.no_grad():
        scores = model(image[None])[0]
        weight, bias = (kept.detach()[:SHOWN].float().cpu() for kept in (model.conv1.weight, model.conv1.bias))
    return {
        "channels": model.conv1.out_channels,
        "shape": list(weight.shape),
        "weight": base64.b64encode(weight.numpy().tobytes()).decode(),
        "bias": bias.tolist(),
        "scores": scores.tolist(),
    }


def picture_of(images, place) -> dict:
    """The picture at a place of an ImageSet, with what it takes to normalise and to name it, and of how many it is."""
    return {
        "of": len(images),
        "bytes": base64.b64encode(images.images[place].cpu().numpy().tobytes()).decode(),
        "mean": list(images.mean),
        "std": list(images.std),
        "label": images.classes[int(images.labels[place])],
        "classes": list(images.classes),
    }
