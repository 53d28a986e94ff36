"""What explorers of one torch layer share in Python: the layer, its input, and how both are written."""

from __future__ import annotations

from helpers.arithmetic import ShapeError

USUAL = {"kernel_size": None, "stride": 1, "padding": 0, "dilation": 1, "ceil_mode": False}  # torch's own


def options(settings: dict) -> dict:
    """Of an explorer's settings, those that the layer must be given: they differ from torch's own."""
    return {name: value for name, value in settings.items() if name in USUAL and value != USUAL[name]}


def call(name: str, *values, **options) -> str:
    """A layer as Python writes it: `Conv2d(3, 2, kernel_size=3)`."""
    return f"{name}({', '.join([*map(str, values), *(f'{key}={value}' for key, value in options.items())])})"


def output_shape(channels: int, rule, size: tuple[int, int], **settings) -> str:
    """The shape (channels, height, width) that comes out by a rule of helpers.arithmetic, in words if none does."""
    try:
        return f"{(channels, *rule(size, **settings))}"
    except ShapeError:
        return "no output"


def convolution(weight: list, bias: list | None = None, **options):
    """A `torch.nn.Conv2d` of this weight, [output channel][input channel][row][column], and this bias."""
    import torch  # here and not above, so that the first slider need not wait for it

    weight = torch.tensor(weight)
    out_channels, in_channels, *kernel_size = weight.shape
    options |= {"kernel_size": kernel_size, "bias": bias is not None}
    with torch.random.fork_rng(devices=[]), torch.no_grad():  # takes no random number of the learner's
        layer = torch.nn.Conv2d(in_channels, out_channels, **options)
        layer.weight.copy_(weight)
        if bias is not None:
            layer.bias.copy_(torch.tensor(bias))
    return layer


def corner(planes: list, size: int):
    """The top left `size` rows and columns of some planes, as a float tensor (planes, size, size)."""
    import torch

    return torch.tensor(planes, dtype=torch.float32)[:, :size, :size].contiguous()
