"""One training run of the TrainingExplorer: what train() does, in pieces that let the kernel's loop go on between."""

from __future__ import annotations

import contextlib
import dataclasses
import math
import time
from typing import Any

from helpers.explorers.looks import look

GUESSING = math.log(10)  # the loss of a network that gives all ten classes the same score
FEW = 0.2  # of the pictures: who guesses is right for half as many
POINTS = 160  # of a loss curve: the more pixels it has, the less a reader sees


class Stopped(Exception):  # noqa: N818
    """The learner pressed Stop."""


@dataclasses.dataclass(repr=False)
class Run:
    """One training: its settings, what happened, and how it ended.

    history  a helpers.training.checkpoints.History: what train() returns for these settings
    losses   [[step, loss], …]: the mean loss of the pictures since the point before; steps count from 1
    looks    what the network saw before the first epoch and after each: see looks.py
    state    "running", "finished", "stopped", "collapsed", "diverged" or "failed"; `message` says the rest
    model    the network, as the run left it
    error    what broke a failed run off
    """

    settings: dict
    pictures: int
    history: Any
    losses: list = dataclasses.field(default_factory=list)
    looks: list = dataclasses.field(default_factory=list)
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

    async def train(self, train_set, test_set, picture, device, breathe):
        """The same as train(), in pieces: `await breathe()` comes between batches, and may raise Stopped.

        After each epoch the network looks at the picture at that place of the test set.
        """
        from helpers.training.devices import memory_kept
        from helpers.training.loop import Loop, Meter

        self.model = untrained(self.settings)
        loop = Loop(
            self.model, train_set, test_set, device, batch_size=self.settings["batch_size"], lr=self.settings["lr"]
        )
        epochs = self.settings["epochs"]
        every = math.ceil(epochs * self.steps / POINTS)
        image = loop.test_set[picture][0]
        began = time.perf_counter()
        with memory_kept(device), contextlib.closing(loop):
            for epoch in range(epochs):
                part = Meter()
                for meter, step in loop.epoch(epoch, self.history):
                    if step:
                        self.step += 1
                        part.add(step)
                        if meter.images == self.pictures or (self.step - epoch * self.steps) % every == 0:
                            self.losses.append([self.step, part.read()[0]])
                            part = Meter()
                        self._tell(epoch, meter.images, time.perf_counter() - began)
                    else:
                        self.progress = f"epoch {epoch + 1} of {epochs} · validating"
                    await breathe()
                self._look(image)

    def _look(self, image):
        seen = look(self.model, image)
        if all(map(math.isfinite, seen["scores"])):  # else the run is about to end
            self.looks.append(seen)

    def _tell(self, epoch, seen, seconds):
        speed = (epoch * self.pictures + seen) / seconds
        left = ((self.settings["epochs"] - epoch) * self.pictures - seen) / speed
        place = f"epoch {epoch + 1} of {self.settings['epochs']}"
        self.progress = f"{place} · {speed:,.0f} images/s · about {left:.0f} s left"

    def conclude(self):
        """The end of the last epoch: finished, or collapsed if it blew up and has learned next to nothing since."""
        highest, last = max(loss for _, loss in self.losses), self.history.loss[-1]
        if highest > 2 * GUESSING and last > 0.9 * GUESSING and self.history.test_accuracy[-1] < FEW:
            rose = f"The loss rose to {highest:,.1f} and was {last:.2f} on average in the last epoch"
            self.too_far("collapsed", f"{rose}, where guessing gives {GUESSING:.2f}")
        else:
            self.state = "finished"

    def too_far(self, state, what):
        """End a run whose steps were too long: "collapsed" (hardly better than guessing) or "diverged" (not finite)."""
        from helpers.training import smaller_lr

        lr = self.settings["lr"]
        self.state = state
        self.message = f"{what}: most likely the learning rate {lr:g} is too large. Try {smaller_lr(lr):g}."

    def stopped(self):
        self.state, self.history.interrupted = "stopped", True
        epoch = max(self.step - 1, 0) // self.steps + 1
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


def untrained(settings):
    """The network of these settings, with the weights of torch.manual_seed(0); other cells notice nothing."""
    import torch

    from helpers.model import SimpleCNN

    with torch.random.fork_rng(devices=[]):
        torch.default_generator.manual_seed(0)
        return SimpleCNN(conv_channels=settings["conv_channels"], kernel_size=settings["kernel_size"])


def counted(count, word) -> str:
    return f"{count:,} {word}{'' if count == 1 else 's'}"
