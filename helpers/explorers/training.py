"""`TrainingExplorer`: train SimpleCNN from the page, see its curves grow, and lay runs over one another."""

from __future__ import annotations

import asyncio
import dataclasses
import math
import time
from typing import Any

import ipywidgets
import traitlets

from helpers.explorers.base import Choice, Explorer, Slider, View, browser_code, style

GUESSING = math.log(10)  # the loss of a network that gives all ten classes the same score
POINTS = 160  # of a loss curve: the more pixels it has, the less a reader sees
SHOWN_EVERY = 0.2  # seconds
BREATH = 0.02  # seconds of work after which the kernel's loop is let go
TURNS = 20  # of that loop: a message from the page passes several before it is heard


class Stopped(Exception):  # noqa: N818
    """The learner pressed Stop."""


@dataclasses.dataclass(repr=False)
class Run:
    """One training: its settings, what happened, and how it ended.

    history  a helpers.checkpoints.History: what train() returns for these settings
    losses   [[step, loss], …]: the mean loss of the pictures since the point before; steps count from 1
    state    "running", "finished", "stopped", "diverged" or "failed"; `message` says the rest in a sentence
    model    the network, as the run left it
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

    @property
    def steps(self) -> int:
        """Steps in one epoch."""
        return math.ceil(self.pictures / self.settings["batch_size"])

    async def train(self, train_set, test_set, device, breathe):
        """The same as train(), in pieces: `await breathe()` comes between batches, and may raise Stopped."""
        import torch

        from helpers.model import SimpleCNN
        from helpers.training import train_step

        network = {name: self.settings[name] for name in ("conv_channels", "kernel_size")}
        epochs, batch_size = self.settings["epochs"], self.settings["batch_size"]
        with torch.random.fork_rng(
            devices=[]
        ):  # the weights of torch.manual_seed(0); other cells notice nothing
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
                f"The loss rose to {highest:,.1f} and ended at {last:.2f}, hardly below the {GUESSING:.2f} of guessing"
            )
        else:
            self.state = "finished"

    def diverged(self, what):
        self.state = "diverged"
        self.message = (
            f"{what}: most likely the learning rate {self.settings['lr']:g} is too large. "
            "Try a tenth of it, or 0.001, with which most trainings start."
        )

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


class TrainingView(View):
    """The curves. Everything drawn is in these traits, so a page that is loaded again shows it again."""

    _esm = browser_code("training.js")
    _css = style("training.css")
    runs = traitlets.List().tag(sync=True)  # those that ended
    current = traitlets.Dict().tag(sync=True)  # the one under way, told several times a second
    device = traitlets.Unicode().tag(sync=True)
    message = traitlets.Unicode().tag(sync=True)


class TrainingExplorer(Explorer):
    """Train SimpleCNN with the settings of the sliders, and see the loss and the test accuracy as they come.

    Every slider is an attribute. Train starts a run that goes on while other cells are used: each waits a moment for
    the other. In a cell or script `await explorer.train()` does the same. Earlier runs stay in the picture and in
    `runs`, until Clear. A run gives exactly what `train()` gives from `torch.manual_seed(0)`, and leaves torch's
    random numbers as they were.

    Raises TypeError or ValueError where the sets or a setting cannot be used.
    """

    lr = Choice(
        "learning rate", [0.0001, 0.0003, 0.001, 0.003, 0.01, 0.03, 0.1, 0.3, 1.0], ipywidgets.SelectionSlider
    )
    # A step cannot be cut short, and Stop should be heard within a second: no batch above 512.
    batch_size = Choice("batch size", [8, 16, 32, 64, 128, 256, 512], ipywidgets.SelectionSlider)
    epochs = Slider("epochs", 1, 10)
    conv_channels = Slider("channels", 1, 32)
    kernel_size = Slider("kernel", 1, 7)

    def __init__(
        self, train_set, test_set, lr=0.001, batch_size=128, epochs=5, conv_channels=18, kernel_size=3
    ):
        from helpers.training import pick_device

        self._train_set = _checked_set("train_set", train_set)
        self._test_set = _checked_set("test_set", test_set)
        self.device, reason = pick_device()
        super().__init__(
            TrainingView(device=f"{self.device}: {reason}"),
            lr=lr,
            batch_size=batch_size,
            epochs=epochs,
            conv_channels=conv_channels,
            kernel_size=kernel_size,
        )
        self.runs = []
        self._stopping = False
        # ipykernel 7 hears a button on a thread of its own. The run belongs on the loop that runs the cells.
        self._loop, self._task = _running_loop(), None
        self.train_button = ipywidgets.Button(description="Train", button_style="primary")
        self.stop_button = ipywidgets.Button(description="Stop", disabled=True)
        self.clear_button = ipywidgets.Button(description="Clear")
        buttons = [self.train_button, self.stop_button, self.clear_button]
        for button, pressed in zip(buttons, (self._train_pressed, self.stop, self.clear), strict=True):
            button.layout = {"width": "96px", "margin": "2px 8px 2px 0"}
            button.on_click(lambda _button, pressed=pressed: pressed())
        row = ipywidgets.HBox(buttons, layout={"margin": "6px 0 2px 0"})
        self.children = [self.children[0], row, self.view]

    async def train(self) -> Run:
        """Train with the present settings, and return the Run; it is also in `runs`.

        A stopped or diverged run is returned as well; its `state` says so. Where this is awaited in a cell, stop it by
        interrupting the kernel. Raises RuntimeError while another run is under way, and whatever torch raises where
        it cannot go on.
        """
        self._reserve()
        return await self._train(self.settings)

    def stop(self):
        """End the run under way after the step it is in. Its curves stay."""
        self._stopping = self.stop_button.disabled = True

    def clear(self):
        """Forget the runs that ended."""
        self.runs = [run for run in self.runs if run.state == "running"]
        self.view.runs, self.view.message = [], ""

    def layer(self):
        """The network of the latest run, as the run left it; before the first, a fresh one of these settings."""
        import torch

        from helpers.model import SimpleCNN

        trained = [run.model for run in self.runs if run.model is not None]
        if trained:
            return trained[-1]
        with torch.random.fork_rng(devices=[]):
            torch.default_generator.manual_seed(0)
            model = SimpleCNN(conv_channels=self.conv_channels, kernel_size=self.kernel_size)
        return model.to(self.device)

    def input(self):
        """The first test pictures, a batch of them: a float tensor (batch_size, 3, 32, 32), on the device."""
        return self._test_set[: self.batch_size][0].to(self.device)

    def output(self):
        """The network's scores for this batch, (batch_size, 10)."""
        return self.layer()(self.input()).detach()

    def __repr__(self):
        rate, runs = f"lr={self.lr:g}, batch_size={self.batch_size}", len(self.runs)
        return (
            f"TrainingExplorer: {len(self._train_set):,} pictures, {rate}, {_counted(self.epochs, 'epoch')}, "
            f"{_counted(self.conv_channels, 'channel')}, kernel {self.kernel_size}, {_counted(runs, 'run')}"
        )

    # -- a run, from its button to its end -------------------------------------------------------------

    def _reserve(self):
        if self.train_button.disabled:
            raise RuntimeError("A run is under way: press Stop first, or wait for its end.")
        self.train_button.disabled, self._stopping = True, False
        self.stop_button.disabled = False

    def _train_pressed(self):
        loop = self._loop or _running_loop()
        if loop is None:
            self.view.message = "There is no event loop here to train on: use await explorer.train() instead."
        elif not self.train_button.disabled:
            self._reserve()
            self.view.message = "Training starts as soon as the kernel is free."  # a cell may be running
            loop.call_soon_threadsafe(self._start, self.settings)

    def _start(self, settings):
        self._task = asyncio.ensure_future(self._train(settings))  # kept: asyncio itself would forget it
        self._task.add_done_callback(lambda task: task.cancelled() or task.exception())  # told in the view

    async def _train(self, settings) -> Run:
        from helpers.checkpoints import History

        run = Run(settings, len(self._train_set), History())
        self.runs = [*self.runs, run]
        self.view.message = ""
        self._breathed = self._published = 0.0

        async def breathe():
            if time.perf_counter() - self._published > SHOWN_EVERY:
                self.view.current = run.drawn()
                self._published = time.perf_counter()
            if time.perf_counter() - self._breathed > BREATH:
                for _ in range(TURNS):
                    await asyncio.sleep(0)
                self._breathed = time.perf_counter()
            if self._stopping:
                raise Stopped

        try:
            await breathe()
            sets = [images.to(self.device) for images in (self._train_set, self._test_set)]
            await run.train(*sets, self.device, breathe)
            run.conclude()
        except (Stopped, KeyboardInterrupt):
            _stopped(run)
        except asyncio.CancelledError:
            _stopped(run)
            raise
        except FloatingPointError:
            run.diverged(f"The loss became infinite or NaN in step {run.step}")
        except Exception as error:
            run.state, run.message = "failed", _explained(error, self.device, settings["batch_size"])
            raise
        finally:
            run.progress = ""
            with self.view.hold_sync():  # one message: no moment without this run
                self.view.runs = [*self.view.runs, run.drawn()]
                self.view.current = {}
            self.train_button.disabled, self.stop_button.disabled = False, True
        return run


def _stopped(run):
    run.state, run.history.interrupted = "stopped", True
    epoch = min(run.step // run.steps, run.settings["epochs"] - 1) + 1
    run.message = f"Stopped in epoch {epoch}, after {_counted(run.step, 'step')}."


def _explained(error, device, batch_size) -> str:
    from helpers.training import explain_memory, is_out_of_memory

    if is_out_of_memory(error):
        return explain_memory(device, batch_size)
    first_line = str(error).partition("\n")[0]
    return f"The run broke off: {type(error).__name__}: {first_line}"


def _checked_set(name, images):
    from helpers.data import ImageSet

    wanted = f"{name} takes an ImageSet, such as one of the two that helpers.data.load_shapes() makes"
    if not isinstance(images, ImageSet):
        raise TypeError(f"{wanted}; got a {type(images).__name__}.")
    if len(images) == 0:
        raise ValueError(f"{name} has no pictures in it.")
    if tuple(images.images.shape[1:]) != (3, 32, 32):
        raise ValueError(
            f"{name} takes pictures (3, 32, 32), as SimpleCNN() does; got {tuple(images.images.shape[1:])}."
        )
    if (labels := int(images.labels.max()) + 1) > 10:
        raise ValueError(f"{name} takes labels 0 to 9, as SimpleCNN() has 10 outputs; got {labels - 1}.")
    return images


def _counted(count, word) -> str:
    return f"{count:,} {word}{'' if count == 1 else 's'}"


def _running_loop():
    try:
        return asyncio.get_running_loop()
    except RuntimeError:
        return None
