"""`TrainingExplorer`: train SimpleCNN from the page, see its curves grow, and lay runs over one another."""

from __future__ import annotations

import asyncio
import time

import ipywidgets
import traitlets

from helpers.arguments import whole
from helpers.explorers.base import Choice, Explorer, Slider, View, style
from helpers.explorers.looks import look, picture_of
from helpers.explorers.modules import browser_code
from helpers.explorers.runs import Run, Stopped, counted, untrained

SHOWN_EVERY = 0.2  # seconds
BREATH = 0.02  # seconds of work after which the kernel's loop is let go
TURNS = 20  # of that loop: a message from the page passes several before it is heard


class TrainingView(View):
    """The curves. Everything drawn is in these traits, so a page that is loaded again shows it again."""

    _esm = browser_code("training.js")
    _css = style("training.css")
    runs = traitlets.List().tag(sync=True)  # those that ended
    current = traitlets.Dict().tag(sync=True)  # the one under way, told several times a second
    looks = traitlets.List().tag(sync=True)  # of the latest run, before its first epoch and after each
    picture = traitlets.Dict().tag(sync=True)  # what they look at
    device = traitlets.Unicode().tag(sync=True)
    # Where Python is away, what is replayed: tools/recorded_runs.py fills it.
    recorded = traitlets.Dict().tag(sync=True)
    message = traitlets.Unicode().tag(sync=True)


class TrainingExplorer(Explorer):
    """Train SimpleCNN with the settings of the sliders, and see the loss and the accuracy as they come.

    The accuracy is that on `test_set`: other pictures than those it learns from, a validation set as long as settings
    are chosen by it. One of them is shown, that at place `picture`, with what the network makes of it after each epoch.

    Every slider is an attribute. Train starts a run that goes on while other cells are used: each waits a moment for
    the other. In a cell or script `await explorer.train()` does the same. Earlier runs stay in the picture and in
    `runs`, until Clear. A run gives exactly what `train()` gives from `torch.manual_seed(0)`, and leaves torch's
    random numbers as they were.

    Raises TypeError or ValueError where the sets or a setting cannot be used.
    """

    lr = Choice(
        "learning rate",
        [0.0001, 0.0003, 0.001, 0.003, 0.01, 0.03, 0.1, 0.3, 1.0],
        default=0.001,
        widget=ipywidgets.SelectionSlider,
    )
    # A step cannot be cut short, and Stop should be heard within a second: no batch above 512.
    batch_size = Choice("batch size", [8, 16, 32, 64, 128, 256, 512], default=128, widget=ipywidgets.SelectionSlider)
    epochs = Slider("epochs", 1, 10, default=5)
    conv_channels = Slider("channels", 1, 32, default=18)
    kernel_size = Slider("kernel", 1, 7, default=3)

    def __init__(self, train_set, test_set, *values, picture=0, **named):
        from helpers.training import pick_device

        self._train_set = _checked_set("train_set", train_set)
        self._test_set = _checked_set("test_set", test_set)
        self._picture = whole("picture", picture, 0, len(test_set) - 1)
        self.device, reason = pick_device()
        view = TrainingView(device=f"{self.device}: {reason}", picture=picture_of(self._test_set, self._picture))
        super().__init__(view, *values, **named)
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
        self.children[0].add_class("cs-stacked").layout.grid_template_columns = "repeat(auto-fit, minmax(124px, 1fr))"
        row = ipywidgets.HBox(buttons, layout={"margin": "6px 0 2px 0", "flex_flow": "row wrap"})
        self.children = [self.children[0], row, self.view]
        self._look_ahead()
        for name in ("conv_channels", "kernel_size"):
            self.sliders[name].observe(self._foresee, "value")

    async def train(self) -> Run:
        """Train with the present settings, and return the Run; it is also in `runs`.

        A stopped, collapsed or diverged run is returned as well; its `state` says so. Where this is awaited in a cell,
        stop it by interrupting the kernel. Raises RuntimeError while another run is under way, and whatever torch
        raises where it cannot go on.
        """
        self._reserve()
        return await self._train(self.settings)

    def stop(self):
        """End the run under way after the step it is in. Its curves stay."""
        self._stopping = self.stop_button.disabled = True

    def clear(self):
        """Forget the runs that ended."""
        self.runs = [run for run in self.runs if run.state == "running"]
        with self.view.hold_sync():
            self.view.runs, self.view.message = [], ""
            self.view.looks = list(self.runs[0].looks) if self.runs else self.view.looks[:1]
        self._foresee()

    def layer(self):
        """The network of the latest run, as the run left it; before the first, a fresh one of these settings."""
        trained = [run.model for run in self.runs if run.model is not None]
        return trained[-1] if trained else untrained(self.settings).to(self.device)

    def input(self):
        """The first test pictures, a batch of them: a float tensor (batch_size, 3, 32, 32), on the device."""
        return self._test_set[: self.batch_size][0].to(self.device)

    def __repr__(self):
        rate, runs = f"lr={self.lr:g}, batch_size={self.batch_size}", len(self.runs)
        return (
            f"TrainingExplorer: {len(self._train_set):,} pictures, {rate}, {counted(self.epochs, 'epoch')}, "
            f"{counted(self.conv_channels, 'channel')}, kernel {self.kernel_size}, {counted(runs, 'run')}"
        )

    # -- before the first run -----------------------------------------------------------------------------

    def _first_look(self, settings):
        return look(untrained(settings), self._test_set[self._picture][0].cpu())

    def _look_ahead(self):
        if not self.runs:
            self.view.looks = [self._first_look(self.settings)]

    def _foresee(self, _moved=None):
        """Look ahead where the cells run: on another thread, one of them might be drawing random numbers meanwhile."""
        if self._loop is None or self._loop.is_closed() or _running_loop() is self._loop:
            self._look_ahead()
        else:
            self._loop.call_soon_threadsafe(self._look_ahead)

    # -- a run, from its button to its end -------------------------------------------------------------

    def _reserve(self):
        if self.train_button.disabled:
            raise RuntimeError("A run is under way: press Stop first, or wait until it ends.")
        self.train_button.disabled, self._stopping = True, False
        self.stop_button.disabled = False

    def _train_pressed(self):
        loop = self._loop or _running_loop()
        if loop is None or loop.is_closed():
            self.view.message = "There is no event loop here to train on: use await explorer.train() instead."
        elif not self.train_button.disabled:
            self._reserve()
            self.view.message = "Training starts as soon as the kernel is free."  # a cell may be running
            loop.call_soon_threadsafe(self._start, self.settings)

    def _start(self, settings):
        self._task = asyncio.ensure_future(self._train(settings))  # kept: asyncio itself would forget it
        self._task.add_done_callback(lambda task: task.cancelled() or task.exception())  # told in the view

    async def _train(self, settings) -> Run:
        from helpers.training.checkpoints import History
        from helpers.training.loop import NotFiniteError

        run = Run(settings, len(self._train_set), History())
        self.runs = [*self.runs, run]
        self._breathed = self._published = 0.0

        async def breathe():
            if time.perf_counter() - self._published > SHOWN_EVERY:
                with self.view.hold_sync():  # one message: no moment with the looks of another run
                    self.view.message, self.view.current, self.view.looks = "", run.drawn(), list(run.looks)
                self._published = time.perf_counter()
            if time.perf_counter() - self._breathed > BREATH:
                for _ in range(TURNS):
                    await asyncio.sleep(0)
                self._breathed = time.perf_counter()
            if self._stopping:
                raise Stopped

        try:
            run.looks.append(self._first_look(settings))
            await breathe()
            await run.train(self._train_set, self._test_set, self._picture, self.device, breathe)
            run.conclude()
        except (Stopped, KeyboardInterrupt):
            run.stopped()
        except asyncio.CancelledError:
            run.stopped()
            raise
        except NotFiniteError:
            run.too_far("diverged", f"The loss became infinite or NaN in step {run.step}")
        except Exception as error:
            run.error, run.state = error, "failed"
            run.message = _explained(error, self.device, settings["batch_size"])
            raise
        finally:
            run.progress = ""
            with self.view.hold_sync():  # one message: no moment without this run
                self.view.runs, self.view.current = [*self.view.runs, run.drawn()], {}
                self.view.looks = list(run.looks) or self.view.looks  # none where it was interrupted at once
            self.train_button.disabled, self.stop_button.disabled = False, True
        return run


def _explained(error, device, batch_size) -> str:
    from helpers.training.devices import explain_memory, is_out_of_memory

    if is_out_of_memory(error):
        return explain_memory(device, batch_size)
    first_line = str(error).partition("\n")[0]
    return f"The run failed: {type(error).__name__}: {first_line}"


def _checked_set(name, images):
    from helpers.training.checks import check_set

    check_set(name, images)
    if (shape := tuple(images[:1][0].shape[1:])) != (3, 32, 32):
        raise ValueError(f"{name} wants images (3, 32, 32), as SimpleCNN() does, but got {shape}.")
    if (largest := int(images.labels.max())) > 9:
        raise ValueError(f"{name} wants labels from 0 to 9, as SimpleCNN() has 10 outputs, but got {largest}.")
    return images


def _running_loop():
    try:
        return asyncio.get_running_loop()
    except RuntimeError:
        return None
