"""Pictures to train on: ten generated shapes (no network needed) and CIFAR-10 (downloaded once).

train_set, test_set = load_shapes()                                # 10,000 and 2,000 pictures
image, label = train_set[0]                                        # (3, 32, 32), for a model: image[None]
for images, labels in train_set.batches(128, shuffle=True): ...    # (128, 3, 32, 32), (128,)
"""

import math
import operator
import os
from pathlib import Path

import numpy as np
import torch

from helpers.arguments import channels_first, class_names, class_numbers, described, kind_of, whole
from helpers.cifar10 import CLASSES as CIFAR10
from helpers.cifar10 import read_cifar10
from helpers.shapes import CLASSES as SHAPES
from helpers.shapes import draw_shapes


class ImageSet:
    """Labelled pictures, all in memory and on one device: kept as bytes, normalised as they are handed out.

    images: uint8 (N, 3, height, width) · labels: int64 (N,), label k means classes[k] · classes: names
    mean, std: three floats each, of pixel values in 0–1. A test set is given its training set's; made
    without them, a set computes its own.

    Raises TypeError or ValueError on what does not fit together, and says what would.
    """

    def __init__(self, images, labels, classes, mean=None, std=None):
        self.images = _check_images(images)
        self.classes = class_names(classes)
        labels = class_numbers("labels", labels, self.classes, len(self.images))
        self.labels = torch.from_numpy(labels).to(self.images.device)
        if mean is None or std is None:
            own_mean, own_std = _mean_and_std(self.images)
        self.mean = own_mean if mean is None else _check_three("mean", mean)
        self.std = own_std if std is None else _check_three("std", std)
        column = {"dtype": torch.float32, "device": self.images.device}
        self._mean = torch.tensor(self.mean, **column).view(3, 1, 1) * 255  # pixels are bytes, 0–255
        self._std = torch.tensor(self.std, **column).view(3, 1, 1) * 255

    def __len__(self):
        return len(self.images)

    def __getitem__(self, i):
        """(image, label): float32 (3, height, width), normalised, and an int; of a slice, a batch of them."""
        if isinstance(i, slice):
            return self._normalise(self.images[i]), self.labels[i]
        try:
            i = operator.index(i)
        except TypeError:
            raise TypeError(f"[i] wants a whole number or a slice, such as [0] or [:8], but got [{i!r}].") from None
        n = len(self)
        if not -n <= i < n:
            raise IndexError(f"[i] wants 0 to {n - 1}, or -{n} to -1 to count from the end, but got [{i}].")
        return self._normalise(self.images[i]), int(self.labels[i])

    def __repr__(self):
        images = f"{len(self):,} image{'s' * (len(self) != 1)} {tuple(self.images.shape[1:])} uint8"
        return f"ImageSet: {images} in {len(self.classes)} classes on {self.images.device}"

    def to(self, device):
        """The same set with its pictures and labels on `device`: batches then need no copying."""
        try:
            device = torch.device(device)
        except (RuntimeError, TypeError):
            raise ValueError(f"to() wants a device, such as 'cpu' or 'cuda', but got {device!r}.") from None
        if device.type == "cuda" and not torch.cuda.is_available():
            raise ValueError("to('cuda') needs a CUDA GPU, and torch finds none here. Stay with to('cpu').")
        return ImageSet(self.images.to(device), self.labels.to(device), self.classes, self.mean, self.std)

    def batches(self, batch_size, shuffle=False, generator=None):
        """Yield (images, labels): float32 (B, 3, height, width), normalised, and int64 (B,); B is batch_size.

        The last batch holds what is left. With shuffle the order is drawn anew each time, from `generator` (a
        torch.Generator on any device) if there is one.
        """
        batch_size = whole("batch_size", batch_size, least=1)
        if generator is not None and not isinstance(generator, torch.Generator):
            raise TypeError(
                f"generator wants a torch.Generator, but got {generator!r}. "
                "For a fixed order: generator=torch.Generator().manual_seed(0)"
            )
        return self._batches(batch_size, shuffle, generator)

    def _batches(self, batch_size, shuffle, generator):  # apart, so that batches() itself refuses a mistake
        if not shuffle:
            for start in range(0, len(self), batch_size):
                yield self[start : start + batch_size]
            return
        where = "cpu" if generator is None else generator.device
        order = torch.randperm(len(self), generator=generator, device=where).to(self.images.device)
        for some in order.split(batch_size):
            yield self._normalise(self.images[some]), self.labels[some]

    def _normalise(self, images):
        return images.to(torch.float32).sub_(self._mean).div_(self._std)


def load_shapes(train=10_000, test=2_000, seed=0):
    """Ten kinds of coloured shapes: (train_set, test_set), drawn in a second, the same on every machine.

    train, test: how many pictures, 1 to 500,000. The first ones do not depend on how many are asked for, and
    every ten in a row hold each class once. Another seed draws others. Raises TypeError or ValueError.
    """
    train = whole("train", train, 1, 500_000)
    test = whole("test", test, 1, 500_000)
    seed = whole("seed", seed, 0, 2**32 - 1)
    train_images, train_labels = map(torch.from_numpy, draw_shapes(train, seed, stream=0))
    test_images, test_labels = map(torch.from_numpy, draw_shapes(test, seed, stream=1))
    train_set = ImageSet(train_images, train_labels, SHAPES)
    return train_set, ImageSet(test_images, test_labels, SHAPES, train_set.mean, train_set.std)


def load_cifar10(root=None, subset=None):
    """CIFAR-10: (train_set, test_set), 50,000 and 10,000 photographs. The first call downloads 170 MB.

    root: the folder that keeps the archive; without it, this user's cache folder. An archive that is already
        there is used if its checksum is right, and no network is needed. Other bytes are never read.
    subset: for a quick class, how many training pictures (1 to 50,000), with a fifth as many for testing,
        rounded up. The same ones each time, the classes as equal as can be; mean and std stay those of all.

    Raises ConnectionError if no host delivers (load_shapes() works offline), OSError if root cannot be used.
    """
    if subset is not None:
        subset = whole("subset", subset, 1, 50_000)
    if root is None:
        import platformdirs

        root = platformdirs.user_cache_dir("cnn-shapes")
    elif not isinstance(root, (str, os.PathLike)):
        raise TypeError(f"root wants the name of a folder, such as 'cifar10', but got {root!r}.")
    try:
        root = Path(root).expanduser().absolute()
    except RuntimeError:  # a user without a home
        raise OSError(
            f"load_cifar10 finds no folder {root}. Name one that you may write to: load_cifar10(root='cifar10')."
        ) from None
    (images, labels), (test_images, test_labels) = read_cifar10(root)
    images, labels, test_images, test_labels = map(torch.from_numpy, (images, labels, test_images, test_labels))
    mean, std = _mean_and_std(images)
    if subset is not None:
        chosen, test_chosen = _balanced(labels, subset), _balanced(test_labels, -(-subset // 5))
        images, labels = images[chosen], labels[chosen]
        test_images, test_labels = test_images[test_chosen], test_labels[test_chosen]
    train_set = ImageSet(images, labels, CIFAR10, mean, std)
    return train_set, ImageSet(test_images, test_labels, CIFAR10, mean, std)


def _balanced(labels, count):
    """Which `count` pictures to keep: drawn at random, always the same, the classes as equal as can be."""
    order = np.random.RandomState(0).permutation(len(labels))  # RandomState: its streams never change
    shuffled = labels.numpy()[order]
    turn = np.empty_like(shuffled)  # 0 for the first of its class, 1 for the second, …
    for label in np.unique(shuffled):
        turn[shuffled == label] = np.arange((shuffled == label).sum())
    return torch.from_numpy(np.sort(order[turn.argsort(kind="stable")[:count]]))


# ---- what is handed in: each check says what was given, what is accepted, and the nearest that works ----


def _check_images(images):
    if isinstance(images, np.ndarray):
        images = torch.tensor(images.copy())
    wanted = "images wants a uint8 tensor (N, 3, height, width)"
    if not isinstance(images, torch.Tensor):
        raise TypeError(f"{wanted}, but got {kind_of(images)}. For a list of tensors: torch.stack(list).")
    shape = tuple(images.shape)
    got = f"{wanted}, but got {described(images)}"
    if len(shape) != 4 or shape[1] != 3:
        if len(shape) == 4 and shape[3] == 3:
            hint = f"Channels come second: {channels_first('images', 4)}."
        elif len(shape) == 4 and shape[1] == 1:
            hint = "For three equal channels: images.expand(-1, 3, -1, -1)."
        elif len(shape) == 3 and shape[0] == 3:
            hint = "For a set of one picture: images[None]."
        else:
            hint = "The 3 is red, green, blue."
        raise ValueError(f"{got}. {hint}")
    if images.numel() == 0:
        raise ValueError(f"{got}, which holds nothing. The smallest set has one picture.")
    if images.dtype != torch.uint8:
        hint = "images.to(torch.uint8)"
        if images.is_floating_point() and images.max() <= 1:
            hint = "(images * 255).round().to(torch.uint8)"
        raise TypeError(f"{got}. It takes values 0–255 and normalises them itself. Try {hint}.")
    return images.contiguous()


def _check_three(name, values):
    """mean or std as a tuple of three floats."""
    wanted = f"{name} wants three numbers, one for each channel, of pixel values in 0–1"
    try:
        three = tuple(float(value) for value in values)
    except (TypeError, ValueError):
        three = ()
    if len(three) != 3:
        raise TypeError(f"{wanted}, but got {values!r}. Try {name}=(0.5, 0.5, 0.5).")
    if not all(0 <= value <= 1 for value in three) or (name == "std" and 0 in three):
        bytes_given = all(1 < value <= 255 for value in three)
        hint = "Divide by 255" if bytes_given else f"Leave {name} out to have it computed"
        raise ValueError(f"{wanted}{', and none of them 0' * (name == 'std')}, but got {values!r}. {hint}.")
    return three


def _mean_and_std(images):
    """Mean and standard deviation of each channel, three floats each, of uint8 images (N, 3, height, width).

    The pixels of each value are counted: exact, the same on every machine, and small in memory.
    """
    counts = torch.zeros(3, 256, dtype=torch.int64)
    for some in images.split(1_000):
        for channel in range(3):
            counts[channel] += torch.bincount(some[:, channel].flatten().cpu(), minlength=256)
    mean, std = [], []
    for count in counts.tolist():
        n, total = sum(count), sum(k * c for k, c in enumerate(count))
        squares = sum(k * k * c for k, c in enumerate(count))
        mean.append(total / n / 255)
        deviation = math.sqrt(n * squares - total * total) / n / 255
        std.append(deviation or 1.0)  # a channel that never varies is left as it is
    return tuple(mean), tuple(std)
