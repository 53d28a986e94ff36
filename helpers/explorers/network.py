"""`NetworkExplorer`: the chain of shapes of a SimpleCNN, what each layer learns, and where the chain breaks."""

from __future__ import annotations

import traitlets

from helpers.arithmetic import ShapeError, conv_output_size, pool_output_size
from helpers.explorers.base import Explorer, Slider, Switch, View, style
from helpers.explorers.modules import browser_code

IMAGES = 4  # in the batch
FC1_INPUTS = 18 * 16 * 16  # as the note has written it into its fc1


class NetworkView(View):
    """The picture: a block for each shape, the arithmetic of the layer pointed at, and where the parameters are."""

    _esm = browser_code("network.js")
    _css = style("network.css")
    images = traitlets.Int(IMAGES).tag(sync=True)
    fc1_inputs = traitlets.Int(FC1_INPUTS).tag(sync=True)


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

    def __init__(self, *values, **named):
        super().__init__(NetworkView(), *values, **named)

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
        """Four images of random pixels, the same at every call: shape (4, in_channels, image_size, image_size)."""
        import torch

        shape = (IMAGES, self.in_channels, self.image_size, self.image_size)
        return torch.rand(shape, generator=torch.Generator().manual_seed(0))

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
