"""`NetworkExplorer`: the chain of shapes of a SimpleCNN, what each layer learns, and where the chain breaks."""

from __future__ import annotations

import base64

import ipywidgets
import numpy as np
import traitlets

from helpers.arithmetic import ShapeError, conv_output_size, pool_output_size
from helpers.explorers.base import Explorer, Slider, Switch, View, style
from helpers.explorers.modules import browser_code
from helpers.shapes import SIZE, draw_shapes

IMAGES = 4  # in the batch
FC1_INPUTS = 18 * 16 * 16  # as the note has written it into its fc1
FIRST = 28  # of the course's pictures, the first of the batch: a tilted frame


class NetworkView(View):
    """The picture: a block for each shape, the arithmetic of the layer pointed at, and where the parameters are."""

    _esm = browser_code("network.js")
    _css = style("network.css")
    images = traitlets.Int(IMAGES).tag(sync=True)
    fc1_inputs = traitlets.Int(FC1_INPUTS).tag(sync=True)
    picture = traitlets.Unicode().tag(sync=True)  # base64 of bytes: red, green and blue, each `side` by `side`
    side = traitlets.Int(SIZE).tag(sync=True)


class NetworkExplorer(Explorer):
    """Change a SimpleCNN's arguments, and see every shape, every parameter and the first layer that does not fit.

    Every slider is an attribute: `explorer.kernel_size = 5` moves it. With `compute_fc1` off, `fc1` keeps the 4608
    inputs that the note wrote by hand, whatever arrives. A value outside a slider's range raises ValueError, another
    type TypeError, and the explorer stays as it was. An impossible setting is allowed: the picture explains it, and
    `output()` raises what torch raises.
    """

    image_size = Slider("image size", 1, 64, default=32)
    in_channels = Slider("in channels", 1, 4, default=3)
    conv_channels = Slider("channels", 1, 64, default=18)
    kernel_size = Slider("kernel", 1, 7, default=3)
    stride = Slider("stride", 1, 4, default=1)
    padding = Slider("padding", 0, 3, default=1)
    pool_kernel_size = Slider("pool", 1, 4, default=2)
    pool_stride = Slider("pool stride", 1, 4, default=2)
    hidden_features = Slider("hidden", 1, 128, default=64)
    classes = Slider("classes", 2, 20, default=10)
    compute_fc1 = Switch("compute fc1", default=True)

    LAYERS = (
        ("input", (image_size, in_channels)),
        ("conv1", (conv_channels, kernel_size, stride, padding)),
        ("pool", (pool_kernel_size, pool_stride)),
        ("flatten", ()),
        ("fc1", (hidden_features, compute_fc1)),
        ("fc2", (classes,)),
    )

    def __init__(self, *values, **named):
        picture = base64.b64encode(_course_pictures()[0].tobytes()).decode()
        super().__init__(NetworkView(picture=picture), *values, **named)
        columns = [self._column(name, controls) for name, controls in self.LAYERS]
        self.children = [ipywidgets.Box(columns, layout={"display": "grid"}), self.view]
        self.children[0].add_class("cs-layers").add_class("cs-stacked")
        self.add_class("cs-network-explorer")

    def _column(self, layer, controls) -> ipywidgets.VBox:
        """A layer's name above the sliders that change it."""
        name = ipywidgets.Label(layer).add_class("cs-layer-name")
        moved = [self.sliders[control.name] for control in controls]
        none = ipywidgets.Label("nothing to set").add_class("cs-nothing-to-set")
        return ipywidgets.VBox([name, *(moved or [none])]).add_class("cs-layer")

    def layer(self):
        """The SimpleCNN of this setting, with the weights that `torch.manual_seed(0)` gives it.

        With `compute_fc1` off its `fc1` has 4608 inputs: where another number arrives, calling it raises torch's
        RuntimeError. Where conv1 or pool have nothing to work on, torch's RuntimeError is raised here.
        """
        import torch  # here and not above, so that the first slider need not wait for it
        from torch import nn

        from helpers.model import SimpleCNN

        settings = self.settings
        computed = settings.pop("compute_fc1")
        with torch.random.fork_rng(devices=[]):  # the learner's own random numbers stay what they are
            with torch.device("meta"):  # shapes only: SimpleCNN would refuse in its own words, and not in torch's
                conv1 = nn.Conv2d(self.in_channels, self.conv_channels, self.kernel_size, self.stride, self.padding)
                pool = nn.MaxPool2d(self.pool_kernel_size, self.pool_stride)
                pool(conv1(torch.empty(IMAGES, self.in_channels, self.image_size, self.image_size)))
            torch.default_generator.manual_seed(0)
            model = SimpleCNN(**settings)
            if not computed and model.fc1.in_features != FC1_INPUTS:
                model.fc1 = nn.Linear(FC1_INPUTS, self.hidden_features)
        return model

    def input(self):
        """Four of the course's pictures, numbers from 0 to 1: shape (4, in_channels, image_size, image_size).

        One plane is grey, three are red, green and blue; with two or four the last is the opacity, which is 1.
        """
        import torch

        pictures = _course_pictures()
        if self.in_channels < 3:
            pictures = np.rint(pictures.mean(1, keepdims=True, dtype=np.float64)).astype(np.uint8)
        if self.in_channels % 2 == 0:
            pictures = np.concatenate([pictures, np.full_like(pictures[:, :1], 255)], axis=1)
        read = np.arange(self.image_size) * SIZE // self.image_size  # the rows and columns that are kept, or repeated
        return torch.from_numpy(pictures[:, :, read][:, :, :, read]).float() / 255

    def __repr__(self):
        steps = [(IMAGES, self.in_channels, self.image_size, self.image_size)]
        try:
            side = conv_output_size(self.image_size, self.kernel_size, self.stride, self.padding)
            steps.append((IMAGES, self.conv_channels, side, side))
            side = pool_output_size(side, self.pool_kernel_size, self.pool_stride)
        except ShapeError:
            steps.append(f"{'conv1' if len(steps) == 1 else 'pool'} does not fit")
        else:
            inputs = self.conv_channels * side * side
            steps += [(IMAGES, self.conv_channels, side, side), (IMAGES, inputs)]
            if self.compute_fc1 or inputs == FC1_INPUTS:
                steps += [(IMAGES, self.hidden_features), (IMAGES, self.classes)]
            else:
                steps.append(f"fc1 wants {FC1_INPUTS}")
        return "NetworkExplorer: " + " → ".join(map(str, steps))


def _course_pictures() -> np.ndarray:
    """The batch as it was drawn: uint8 (4, 3, 32, 32)."""
    return draw_shapes(FIRST + IMAGES, seed=0, stream=0)[0][FIRST:]
