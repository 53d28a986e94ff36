"""`ModelExplorer`: a model of your own, from the chain of its steps to the sum behind one number."""

from __future__ import annotations

from types import SimpleNamespace

import ipywidgets
import traitlets

from helpers.arguments import whole
from helpers.explorers.base import Choice, Explorer, Slider, View, side_by_side, style
from helpers.explorers.batches import batch
from helpers.explorers.modules import browser_code
from helpers.explorers.versions import NOW, Versions

DEPTHS = ["chain", "layer", "cell"]


class ModelView(View):
    """The picture. All that a page without a kernel can show is in these traits; a message asks for the rest."""

    _esm = browser_code("model.js")
    _css = style("model.css")
    chain = traitlets.List().tag(sync=True)
    pictures = traitlets.Dict().tag(sync=True)
    labels = traitlets.List().tag(sync=True)
    classes = traitlets.List().tag(sync=True)
    scores = traitlets.List().tag(sync=True)
    maps = traitlets.Dict().tag(sync=True)
    limits = traitlets.Dict().tag(sync=True)
    kernels = traitlets.Dict().tag(sync=True)
    rows = traitlets.Dict().tag(sync=True)
    zeros = traitlets.Dict().tag(sync=True)
    strongest = traitlets.Dict().tag(sync=True)
    cells = traitlets.Dict().tag(sync=True)
    problem = traitlets.Dict().tag(sync=True)
    epochs = traitlets.List().tag(sync=True)
    epoch = traitlets.Unicode(NOW).tag(sync=True)
    place = traitlets.List(traitlets.Int(), [0, 0, 0], 3, 3).tag(sync=True)


class Counted(Slider):
    """A whole number from 1 to as many as there are."""

    def __init__(self, label):
        super().__init__(label, 1, 2**31 - 1, default=1)

    def __set__(self, explorer, value):
        widget = self.of(explorer)
        widget.value = whole(self.name, value, 1, widget.max)


class Kept:
    """A control that is not the explorer's own, so no argument: what there is to choose from changes."""

    epoch = Choice("epoch", [NOW], NOW, widget=ipywidgets.SelectionSlider)


class ModelExplorer(Explorer):
    """See inside a model: its steps as blocks with the maps of a picture in them, a layer, the sum behind a number.

    `model` is any nn.Module that takes a batch of images. It is run once, in eval mode, and stays as it was. `images`
    is an ImageSet (of more than 64 its first 8 pictures), a tensor or array (N, C, height, width), `(images, labels)`,
    or a picture file, which is cut to the model's `image_shape` if it has one; bytes are divided by 255 and no more, as
    a model does not say how its pictures were normalised. `place` is the number looked at: [map, row, column], counted
    from 0.

    After training `update()` shows the new weights. `train(…, after_epoch=explorer.keep)` keeps each epoch, for a
    slider to go through. Raises TypeError, ValueError or FileNotFoundError for what cannot be shown; a model that
    breaks is shown up to where it breaks, with the reason.
    """

    image = Counted("image")
    depth = Choice("depth", DEPTHS, default="chain", widget=ipywidgets.SelectionSlider)
    step = Counted("step")

    def __init__(self, model, images, labels=None, classes=None, *values, **named):
        from helpers.trace.arguments import checked

        self._model = checked(model, "ModelExplorer", "ModelExplorer(model, images) shows the inside of one")
        self._batch = batch(images, labels, classes, getattr(model, "image_shape", None))
        self._versions = Versions(self._model, self._batch.images)
        view = ModelView(pictures=self._batch.drawn(), labels=self._batch.labels)
        wanted = self._given(values, named)
        super().__init__(view)
        # Another dict, and not one more entry in the one that the view has: of that it would not be told.
        self.sliders = view.sliders = {**self.sliders, Kept.epoch.name: Kept.epoch.make(NOW)}
        Kept.epoch.of(self).observe(self._chose_epoch, "value")
        self.children = [side_by_side(self.sliders.values()), view]
        self.children[0].add_class("cs-stacked").layout.grid_template_columns = "repeat(auto-fit, minmax(92px, 1fr))"
        ModelExplorer.image.of(self).max = len(self._batch.images)
        self._show(self._versions.add())
        for name, value in wanted.items():
            setattr(self, name, value)
        if len(self._blocks) > 1:
            self.place = self._version.strongest_cell(self.step, self.image - 1)
        view.on_msg(self._asked)

    @property
    def place(self) -> list[int]:
        """The number looked at: [map, row, column]. Set it to look at another one of the chosen step."""
        return list(self.view.place)

    @place.setter
    def place(self, place):
        if not isinstance(place, (tuple, list)) or len(place) != 3:
            raise TypeError(f"place wants [map, row, column], but got {place!r}.")
        named = zip(("map", "row", "column"), place, self._chosen().sizes or (1, 1, 1), strict=True)
        from helpers.inside.told import key

        self.view.place = [whole(f"place: {name}", at, 0, size - 1) for name, at, size in named]
        if self._chosen().sizes:  # its sum is there without a kernel, too, and in a still picture
            self.view.cells = self.view.cells | {key(self.step, self.image - 1, self.view.place): self.cell()}

    @property
    def epoch(self) -> str:
        """The state that is shown: "now", or one that was kept, "before" or "epoch 3"."""
        return Kept.epoch.of(self).value

    @epoch.setter
    def epoch(self, label):
        if label not in (labels := self._versions.labels):
            raise ValueError(f"epoch wants one of {', '.join(map(repr, labels))}, but got {label!r}.")
        Kept.epoch.of(self).value = label

    def update(self):
        """Run the model again, and show it as it is now."""
        self._show(self._versions.add())

    def keep(self, history=None):
        """Keep the model as it is now, for the slider, and show it: `train(…, after_epoch=explorer.keep)`.

        What is kept is every number of the run and the weights. Of more than 24 states, or more than 512 MB of them,
        every second is let go.
        """
        self._show(self._versions.keep())

    def cell(self) -> dict:
        """The sum behind the number looked at, as the picture has it: its value, its terms, what it sees of the image.

        A place outside the chosen step's maps stands for the nearest one inside. Raises ValueError where the step has
        no maps.
        """
        if (sizes := self._chosen().sizes) is None:
            raise ValueError(f"{self._chosen().name} has no maps to choose a number from. {self._chosen().note}")
        place = [min(at, size - 1) for at, size in zip(self.place, sizes, strict=True)]
        return self._version.cell(self.step, self.image - 1, place)

    def layer(self):
        """The chosen step as the model has it now: its module, or the function that it calls."""
        return self._chosen().seen.call

    def input(self):
        """What arrived at the chosen step for the chosen image: the first tensor given, (1, …)."""
        return self._chosen().seen.given[0][self.image - 1 : self.image]

    def output(self):
        """What the chosen step returned for the chosen image, (1, …): the numbers drawn."""
        return self._chosen().seen.made[0][self.image - 1 : self.image]

    def __repr__(self):
        count, blocks, problem = len(self._batch.images), self._blocks, self._version.inside.problem
        given = f"{count} image{'s' * (count != 1)} {blocks[0].shape}"
        steps = f"{len(blocks) - 1} step{'s' * (len(blocks) != 2)}"
        stops = problem and problem.index >= len(blocks)
        end = f"stops at {problem.name}" if stops else f"{blocks[-1].shape}"
        end += f", a problem at {problem.name}" if problem and not stops else ""
        return f"ModelExplorer: {type(self._model).__name__}, {given} → {steps} → {end}"

    # -- what is shown -----------------------------------------------------------------------------------

    @property
    def _blocks(self):
        return self._version.inside.blocks

    def _chosen(self):
        if len(self._blocks) == 1:
            raise ValueError(f"The model breaks off before its first step: {self._version.inside.problem.sentence}")
        return self._blocks[self.step]

    def _show(self, version):
        """Show a state: all of it in one message, so that none is ever drawn with the numbers of another."""
        self._version, labels = version, self._versions.labels
        with self.view.hold_sync():
            for name, value in version.told.items():
                setattr(self.view, name, value)
            self.view.classes = self._batch.names(version.told["scores"])
            self.view.limits = self._versions.limits(version)
            self.view.epochs, self.view.epoch = labels if len(labels) > 1 else [], version.label
        ModelExplorer.step.of(self).max = max(len(self._blocks) - 1, 1)
        epoch = Kept.epoch.of(self)
        epoch.unobserve(self._chose_epoch, "value")
        epoch.options, epoch.value = labels, version.label
        epoch.layout.display = None if len(labels) > 1 else "none"
        epoch.observe(self._chose_epoch, "value")

    def _chose_epoch(self, change):
        self._show(self._versions.named(change["new"]))

    def _asked(self, view, message, buffers):
        """What the page wants to know; of a state that is gone it is told nothing."""
        asked = SimpleNamespace(**{"version": None} | message)
        for version in self._versions.all:
            if version.number != asked.version:
                continue
            if asked.ask == "maps":
                told, numbers = version.maps(asked.block)
                view.send(told, [numbers])
            if asked.ask == "cell":
                view.send(version.cell(asked.block, asked.image, [asked.map, asked.row, asked.column]))
