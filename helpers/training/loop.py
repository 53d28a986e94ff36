"""The one training loop, in steps: train() runs through them, a TrainingExplorer lets the kernel go between them."""

import dataclasses
import functools
import math
import time

import torch
import torch.nn.functional as F

from helpers.interrupts import uninterrupted
from helpers.training.checks import check_classes, check_fit, check_optimizer, check_smallest_batch, mode, on_device
from helpers.training.devices import helps, memory_format
from helpers.training.graph import CapturedStep
from helpers.training.parallel import data_parallel, share_of, sum_over_processes, sync_buffers, workers


class NotFiniteError(Exception):
    """The loss that was read is not a number any more."""


@dataclasses.dataclass
class Meter:
    """Sums over images: of their losses, of the right answers, and of how many they are.

    It adds on the device: reading waits for all its work. (A mean of means would weigh a short last batch too much.)
    """

    loss: torch.Tensor | float = 0.0
    right: torch.Tensor | int = 0
    images: int = 0

    def add(self, more):
        self.loss += more.loss
        self.right += more.right
        self.images += more.images

    def means(self):
        return self.loss.item() / self.images, self.right.item() / self.images

    def read(self):
        """(loss, accuracy). Raises NotFiniteError where the loss is not a number any more."""
        loss, accuracy = self.means()
        if not math.isfinite(loss):
            raise NotFiniteError
        return loss, accuracy


class Loop:
    """What a training needs, checked and on its device; `epoch` is the training itself.

    Other code may run between two steps: there nothing of torch is switched, such as gradients or random numbers.
    `say` is called with a sentence where something goes another way than the fastest.
    """

    def __init__(
        self, model, train_set, test_set, device, *, batch_size, lr, optimizer=None, precision="float32", say=print
    ):
        self.model, self.device, self.batch_size, self.precision = model, device, batch_size, precision
        self.train_set = on_device("train_set", train_set, device, say)
        self.test_set = None if test_set is None else on_device("test_set", test_set, device, say)
        model.to(device)
        self.layout = check_fit(model, self.train_set, self.test_set, memory_format(device))
        check_smallest_batch(model, self.train_set, batch_size, workers()[1])
        self.optimizer = check_optimizer(model, optimizer, lr, helps(device, "fused"))
        self.captured = None
        if helps(device, "graph") and workers()[1] == 1:  # several processes meet in each step
            self.captured = CapturedStep(self._step, model, self.optimizer, device, say)

    @functools.cached_property
    def network(self):
        """The model as all processes train it: where it is first asked for, they wait for each other."""
        return data_parallel(self.model, self.device)

    def epoch(self, seed, history):
        """Train on all images, in the order that follows from the seed, and test; then all of it is in the history.

        Yields two Meters after each step, of the epoch so far and of the step; after each batch of the test the second
        is None.
        """
        network, do_step = self.network, self.captured.checked() if self.captured else self._step
        began, meter = time.perf_counter(), Meter()
        shuffle = torch.Generator().manual_seed(seed)
        for images, labels in self.train_set.batches(self.batch_size, shuffle=True, generator=shuffle):
            step = do_step(network, images, labels)
            meter.add(step)
            yield meter, step
        for number in (meter.loss, meter.right):
            sum_over_processes(number)
        loss, accuracy = meter.read()
        seconds = max(time.perf_counter() - began, 1e-9)
        sync_buffers(self.model)
        if self.test_set is not None:
            for tested in evaluation_steps(self.model, self.test_set, self.batch_size):  # noqa: B007 (the last one is read)
                yield meter, None
            history.test_accuracy.append(tested.means()[1])
        history.loss.append(loss)
        history.train_accuracy.append(accuracy)
        history.seconds.append(seconds)
        history.images_per_second.append(len(self.train_set) / seconds)

    def close(self):
        """No gradients, and nothing of a graph, stay behind: of a step that was cut short, for one."""
        self.optimizer.zero_grad()
        if self.captured:
            self.captured.close()

    def _step(self, network, images, labels):
        """One step of this process on its share of a batch."""
        batch, processes = len(labels), workers()[1]
        # Fewer images than processes: all take all, and each counts for a part.
        times = 1 if batch >= processes else processes
        share = batch * times / processes
        images, labels = share_of(images).to(memory_format=self.layout), share_of(labels)
        with torch.enable_grad():  # whoever called this may have switched gradients off
            logits, loss = train_step(network, images, labels, self.optimizer, self.precision, share)
        return Meter(loss * (share / times), right_answers(logits, labels) / times, batch)


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
    with uninterrupted():  # after half of its first step, Adam could take no other
        optimizer.step()
    return logits.detach(), loss.detach()


def evaluation_steps(model, test_set, batch_size):
    """Test the model on all images, in eval mode; yields the Meter so far after each batch."""
    meter, largest = Meter(), int(test_set.labels.max())
    for images, labels in test_set.batches(batch_size, shuffle=False):
        with mode(model, training=False), torch.no_grad():  # what a model keeps in inference_mode cannot train later
            logits = model(images)
            check_classes(logits, largest)
            loss = F.cross_entropy(logits, labels, reduction="sum")
            meter.add(Meter(loss, right_answers(logits, labels), len(labels)))
        yield meter


def right_answers(logits, labels):
    return (logits.argmax(1) == labels).sum()
