"""The one training loop: its steps, and how they are counted. train() runs it through, TrainingExplorer in pieces."""

import math
import time
from typing import NamedTuple

import torch
import torch.nn.functional as F

from helpers.training.checks import check_classes, mode
from helpers.training.parallel import share_of, sum_over, workers


class NotFiniteError(Exception):
    """The loss that was read is no number any more."""


class Step(NamedTuple):
    """What a step leaves: the batch's scores, labels and mean loss, of this process's share; its images in all."""

    logits: torch.Tensor
    labels: torch.Tensor
    loss: torch.Tensor
    images: int


def train_step(model, images, labels, optimizer, precision="float32", share=None):
    """One step on one batch: forward, loss, zero_grad, backward, step. Returns the batch's (logits, loss).

    The loss is the mean over the images. With several processes it is their sum over `share`, the mean number of
    images in a process: the gradients' mean is then that of the whole batch, also where it does not divide evenly.
    """
    with torch.autocast(images.device.type, torch.bfloat16, enabled=precision == "bfloat16"):
        logits = model(images)  # (B, 3, 32, 32) -> (B, 10)
        if share in (None, len(labels)):
            loss = F.cross_entropy(logits, labels)  # (B, 10), (B,) -> one number, the mean over the batch
        else:
            loss = F.cross_entropy(logits, labels, reduction="sum") / share
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    return logits.detach(), loss.detach()


def train_steps(model, train_set, batch_size, optimizer, seed, layout, precision="float32"):
    """Train for one epoch, in the order of this seed: yields a Step after each step. `layout`: of images in memory."""
    shuffle, count = torch.Generator().manual_seed(seed), workers()[1]
    for images, labels in train_set.batches(batch_size, shuffle=True, generator=shuffle):
        batch = len(labels)
        share = batch / count if batch >= count else batch  # fewer images than processes: all take all
        images, labels = share_of(images).to(memory_format=layout), share_of(labels)
        logits, loss = train_step(model, images, labels, optimizer, precision, share)
        yield Step(logits, labels, loss, batch)


def evaluate_steps(model, test_set, batch_size):
    """Try the model on a set: yields (sum of the losses, how many are right) of each batch, both on the device.

    In eval mode and without gradients, for each batch alone: other cells may run before the next.
    """
    largest = int(test_set.labels.max())
    for images, labels in test_set.batches(batch_size, shuffle=False):
        with mode(model, training=False), torch.inference_mode():
            logits = model(images)
            check_classes(logits, largest)
            tested = F.cross_entropy(logits, labels, reduction="sum"), (logits.argmax(1) == labels).sum()
        yield tested


class Meter:
    """The mean loss and accuracy of the steps added. Adds on the device: reading waits for all that is queued there."""

    def __init__(self, device):
        self.loss, self.right = torch.zeros((), device=device), torch.zeros((), device=device)
        self.images, self._began = 0, time.perf_counter()

    def add(self, step):
        """Add a Step: of several processes each adds its part, or its share of all."""
        count = workers()[1]
        self.loss += step.loss * (step.images / count)  # back from the batch's mean to its sum
        self.right += (step.logits.argmax(1) == step.labels).sum() / (count if step.images < count else 1)
        self.images += step.images

    def read(self):
        """(loss, accuracy) so far. Raises NotFiniteError where the loss is no number any more."""
        loss, accuracy = sum_over(self.loss).item() / self.images, sum_over(self.right).item() / self.images
        if not math.isfinite(loss):
            raise NotFiniteError
        return loss, accuracy

    def seconds(self):
        """Since it was made."""
        return max(time.perf_counter() - self._began, 1e-9)
