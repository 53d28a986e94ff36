"""SimpleCNN, the course's network: one convolution, one max pooling, two linear layers. FastCNN: the same, faster."""

import torch
import torch.nn.functional as F
from torch import nn

from helpers.arguments import channels_first, kind_of, pair, whole
from helpers.arithmetic import ShapeError, conv_output_size, pool_output_size


class SimpleCNN(nn.Module):
    """Ten scores (logits) for each image of a batch: conv1, ReLU, pool, flatten, fc1, ReLU, fc2.

    Images go in as floats (N, in_channels, height, width); scores come out as (N, classes). `image_size`
    is one number for square images or a pair (height, width); kernel, stride and padding are numbers or
    pairs, as in torch. The inputs of `fc1` are worked out from the shapes.

    >>> SimpleCNN()(torch.zeros(4, 3, 32, 32)).shape
    torch.Size([4, 10])

    Raises ShapeError (a ValueError), in one sentence: here if these settings leave `conv1` or `pool`
    nothing to work on, and when called if the images do not have the shape the network was made for. That
    shape is `image_shape`; set it to None after changing layers so that they take other images.
    """

    def __init__(
        self,
        image_size=32,
        in_channels=3,
        conv_channels=18,
        kernel_size=3,
        stride=1,
        padding=1,
        pool_kernel_size=2,
        pool_stride=2,
        hidden_features=64,
        classes=10,
    ):
        super().__init__()
        height, width = (_count("image_size", side) for side in pair("SimpleCNN: image_size", image_size, least=1))
        in_channels = _count("in_channels", in_channels)
        conv_channels = _count("conv_channels", conv_channels)
        hidden_features = _count("hidden_features", hidden_features)
        classes = _count("classes", classes)

        size = _fit("conv1", conv_output_size, (height, width), kernel_size, stride, padding)
        size = _fit("pool", pool_output_size, size, pool_kernel_size, pool_stride)

        self.conv1 = nn.Conv2d(in_channels, conv_channels, kernel_size, stride=stride, padding=padding)
        self.pool = nn.MaxPool2d(pool_kernel_size, stride=pool_stride)
        self.fc1 = nn.Linear(conv_channels * size[0] * size[1], hidden_features)
        self.fc2 = nn.Linear(hidden_features, classes)

        self.image_shape = (in_channels, height, width)
        # A hook, and not a line of `forward`: helpers.trace goes on without it, and sees torch fail at the
        # layer where an image of another size stops fitting.
        self.register_forward_pre_hook(_check_images)

    def forward(self, x):
        # The shapes are those of the default settings; N is the number of images, and stays.
        x = F.relu(self.conv1(x))  # (N, 3, 32, 32) -> (N, 18, 32, 32)
        x = self.pool(x)  # (N, 18, 32, 32) -> (N, 18, 16, 16)
        x = torch.flatten(x, 1)  # (N, 18, 16, 16) -> (N, 4608)
        x = F.relu(self.fc1(x))  # (N, 4608) -> (N, 64)
        return self.fc2(x)  # (N, 64) -> (N, 10)


class FastCNN(SimpleCNN):
    """SimpleCNN with its first ReLU after the pool: the same scores and gradients, and a quarter of the work for it.

    ReLU and the maximum commute: whichever comes first, the largest number of a window is kept, and is 0 if it
    is negative. The weights have the same names and shapes, so each network takes the other's.
    """

    def forward(self, x):
        x = F.relu(self.pool(self.conv1(x)))  # (N, 3, 32, 32) -> (N, 18, 32, 32) -> (N, 18, 16, 16)
        x = torch.flatten(x, 1)  # (N, 18, 16, 16) -> (N, 4608)
        x = F.relu(self.fc1(x))  # (N, 4608) -> (N, 64)
        return self.fc2(x)  # (N, 64) -> (N, 10)


def _check_images(model, args):
    """Refuse what the network was not made for. Only comparisons: cheap, and torch.compile can follow them."""
    if not args or model.image_shape is None:
        return
    x = args[0]
    if not isinstance(x, torch.Tensor):
        raise TypeError(
            f"SimpleCNN wants a tensor of images {_batch(model)}, but got {kind_of(x)}: "
            "torch.as_tensor(...) turns a NumPy array or a list into one."
        )
    if x.shape[1:] != model.image_shape:
        raise ShapeError(_explain_shape(model, tuple(x.shape)))
    if x.dtype != (wanted := model.conv1.weight.dtype) and not _autocast(x):
        how = ".float() / 255, or a data set's .batches(...)," if x.dtype == torch.uint8 else f".to({wanted})"
        raise ValueError(f"SimpleCNN wants images of {wanted}, but got {x.dtype}: {how} converts them.")


def _autocast(x):
    return x.is_floating_point() and torch.is_autocast_enabled(x.device.type)


def _batch(model):
    return "({})".format(", ".join(["N", *map(str, model.image_shape)]))


def _explain_shape(model, got):
    """What came, what is wanted, and the nearest thing that works."""
    wanted = model.image_shape
    channels, height, width = wanted
    size = got[2] if len(got) == 4 and got[2] == got[3] else got[2:]
    if got == wanted:
        fix = "one image is a batch of one as x[None]."
    elif got == (height, width) and channels == 1:
        fix = "one grey image is a batch of one as x[None, None]."
    elif len(got) == 3 and channels == 1 and got[1:] == (height, width):
        fix = "x.unsqueeze(1) gives each grey image its channel."
    elif got[1:] == (channels * height * width,):
        fix = f"x.unflatten(1, {wanted}) turns these rows into images."
    elif got == (height, width, channels):
        fix = f"{channels_first('x', 3)} puts the channels first and makes it a batch of one."
    elif len(got) != 4:
        fix = "the four numbers are images, channels, height, width."
    elif got[1:] == (height, width, channels):
        fix = f"{channels_first('x', 4)} puts the channels before height and width."
    elif got[2:] == (height, width):
        fix = f"for these, make it with in_channels={got[1]}."
    elif got[1] == channels:
        fix = (
            f"its fc1 has one input for each number that the pool returns for {height}×{width} pixels. "
            f"For {got[2]}×{got[3]}, make it with image_size={size}."
        )
    else:
        fix = f"for these, make it with image_size={size}, in_channels={got[1]}."
    return f"This SimpleCNN wants images {_batch(model)}, but got {got}: {fix}"


# What the arguments of the shape rules are called here.
ARGUMENTS = {
    "conv1": {"size": "image_size", "kernel_size": "kernel_size", "stride": "stride", "padding": "padding"},
    "pool": {"kernel_size": "pool_kernel_size", "stride": "pool_stride"},
}


def _fit(layer, rule, *settings):
    """The output size of one layer, (height, width); an error names the layer and SimpleCNN's arguments."""
    try:
        return rule(*settings)
    except ShapeError as error:
        names = ARGUMENTS[layer]
        fixes = {names[name]: value for name, value in error.fixes.items() if name in names}
        raise ShapeError(f"{layer}: {error.problem}", fixes, error.dimension) from None
    except TypeError as error:
        raise TypeError(f"{layer}: {error}") from None


def _count(name, value):
    return whole(f"SimpleCNN: {name}", value, least=1)
