"""One training run of the TrainingExplorer: what train() does, in pieces that let the kernel's loop go on between."""

from __future__ import annotations

import dataclasses
import math
import time
from typing import Any

GUESSING = math.log(10)  # the loss of a network that gives all ten classes the same score
POINTS = 160  # of a loss curve: the more pixels it has, the less a reader sees


class Stopped(Exception):  # noqa: N818
    """The learner pressed Stop."""


@dataclasses.dataclass(repr=False)
class Run:
    """One training: its settings, what happened, and how it ended.

    history  a helpers.training.checkpoints.History: what train() returns for these settings
    losses   [[step, loss], …]: the mean loss of the pictures since the point before; steps count from 1
    state    "running", "finished", "stopped", "diverged" or "failed"; `message` says the rest in a sentence
    model    the network, as the run left it
    error    what broke a failed run off
    """

    settings: dict
    pictures: int
    history: Any
    losses: list = dataclasses.field(default_factory=list)
    step: int = 0
    state: str = "running"
    message: str = ""
    progress: str = ""
    model: Any = None
    error: Exception | None = None

    @property
    def steps(self) -> int:
        """Steps in one epoch."""
        return math.ceil(self.pictures / self.settings["batch_size"])

    async def train(self, train_set, test_set, device, breathe):
        """The same as train(), in pieces: `await breathe()` comes between batches, and may raise Stopped."""
        import torch

        from helpers.model import SimpleCNN
        from helpers.training import train_step
        from helpers.training.devices import memory_format

        network = {name: self.settings[name] for name in ("conv_channels", "kernel_size")}
        epochs, batch_size = self.settings["epochs"], self.settings["batch_size"]
        with torch.random.fork_rng(devices=[]):  # the weights of torch.manual_seed(0); other cells notice nothing
            torch.default_generator.manual_seed(0)
            self.model = SimpleCNN(**network)
        self.model.to(device)
        optimizer = torch.optim.Adam(self.model.parameters(), lr=self.settings["lr"])
        every = math.ceil(epochs * self.steps / POINTS)
        began = time.perf_counter()
        for epoch in range(epochs):
            shuffle = torch.Generator().manual_seed(epoch)
            whole, part = Mean(device), Mean(device)
            started = time.perf_counter()
            batches = train_set.batches(batch_size, shuffle=True, generator=shuffle)
            for step, (images, labels) in enumerate(batches, start=1):
                images = images.to(memory_format=memory_format(device))
                logits, loss = train_step(self.model, images, labels, optimizer)
                self.step += 1
                for mean in (whole, part):
                    mean.add(logits, labels, loss)
                if step % every == 0 or step == self.steps:
                    self.losses.append([self.step, part.read()[0]])
                    part = Mean(device)
                self._tell(epoch, whole.seen, time.perf_counter() - began)
                await breathe()
            seconds = max(time.perf_counter() - started, 1e-9)
            loss, train_accuracy = whole.read()
            right = 0
            for images, labels in test_set.batches(512):
                right += self._right(images, labels)
                self.progress = f"epoch {epoch + 1} of {epochs} · testing"
                await breathe()
            self.history.loss.append(loss)
            self.history.train_accuracy.append(train_accuracy)
            self.history.test_accuracy.append(right / len(test_set))
            self.history.seconds.append(seconds)
            self.history.images_per_second.append(self.pictures / seconds)

    def _right(self, images, labels) -> int:
        import torch

        self.model.eval()
        with torch.inference_mode():  # for this piece only: other cells may run before the next
            right = (self.model(images).argmax(1) == labels).sum().item()
        self.model.train()
        return right

    def _tell(self, epoch, seen, seconds):
        speed = (epoch * self.pictures + seen) / seconds
        left = ((self.settings["epochs"] - epoch) * self.pictures - seen) / speed
        place = f"epoch {epoch + 1} of {self.settings['epochs']}"
        self.progress = f"{place} · {speed:,.0f} images/s · about {left:.0f} s left"

    def conclude(self):
        """The end of the last epoch: finished, or diverged if it blew up and has learned next to nothing since."""
        highest, last = max(loss for _, loss in self.losses), self.history.loss[-1]
        if highest > 2 * GUESSING and last > 0.9 * GUESSING:
            self.diverged(
                f"The loss rose to {highest:,.1f} and ended at {last:.2f}, where guessing gives {GUESSING:.2f}"
            )
        else:
            self.state = "finished"

    def diverged(self, what):
        self.state = "diverged"
        self.message = (
            f"{what}: most likely the learning rate {self.settings['lr']:g} is too large. "
            "Try a tenth of it, or 0.001, with which most trainings start."
        )

    def stopped(self):
        self.state, self.history.interrupted = "stopped", True
        epoch = min(self.step // self.steps, self.settings["epochs"] - 1) + 1
        self.message = f"Stopped in epoch {epoch}, after {counted(self.step, 'step')}."

    def drawn(self) -> dict:
        """What the page is told."""
        names = ("pictures", "losses", "step", "steps", "state", "message", "progress")
        told = {name: getattr(self, name) for name in names}
        lists = {name: list(getattr(self.history, name)) for name in ("loss", "test_accuracy")}
        return told | lists | {"losses": list(self.losses), "settings": self.settings}

    def __repr__(self):
        settings = ", ".join(f"{name}={value:g}" for name, value in self.settings.items())
        return f"Run: {settings}, {self.state}, {self.history!r}"


class Mean:
    """The mean loss and accuracy of the pictures added. Adds on the device: reading waits for all its work."""

    def __init__(self, device):
        import torch

        self.loss, self.right = torch.zeros((), device=device), torch.zeros((), device=device)
        self.seen = 0

    def add(self, logits, labels, loss):
        self.loss += loss * len(labels)  # back from the batch's mean to its sum
        self.right += (logits.argmax(1) == labels).sum()
        self.seen += len(labels)

    def read(self):
        """(loss, accuracy). Raises FloatingPointError where the loss is no number any more."""
        loss = self.loss.item() / self.seen
        if not math.isfinite(loss):
            raise FloatingPointError
        return loss, self.right.item() / self.seen


def counted(count, word) -> str:
    return f"{count:,} {word}{'' if count == 1 else 's'}"
