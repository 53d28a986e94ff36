"""What a step opens to: which arithmetic makes one of its numbers."""

from torch import nn

from helpers.trace.looks import PADS
from helpers.trace.operations import CATTING, FLATTENING, NORMS, PIECES, RESIZING, Conv, Pool, operation

# As `plain` writes them. Unchanged are numbers that a step hands on as they are, in eval mode.
UNCHANGED = ("dropout", "dropout1d", "dropout2d", "dropout3d", "alphadropout", "featurealphadropout", "identity")
UNCHANGED += ("contiguous", "clone", "detach", "float", "double", "to", "type")
POINTWISE = ("relu", "relu6", "leakyrelu", "prelu", "elu", "selu", "celu", "gelu", "silu", "mish", "sigmoid", "tanh")
POINTWISE += ("hardtanh", "hardsigmoid", "hardswish", "softplus", "softsign", "softshrink", "hardshrink", "tanhshrink")
POINTWISE += ("logsigmoid", "threshold", "exp", "log", "log1p", "expm1", "sqrt", "rsqrt", "square", "abs", "neg")
POINTWISE += ("clamp", "clip", "clampmin", "clampmax", "reciprocal", "sin", "cos", "erf", "sign", "half", "bfloat16")
POINTWISE += UNCHANGED
OPERATORS = {"add": "+", "sub": "−", "mul": "×", "div": "÷", "truediv": "÷", "pow": "^"}
ARITHMETIC = {f"{way}{name}": sign for way in ("", "i", "r") for name, sign in OPERATORS.items()}  # iadd is +=
ARITHMETIC |= {"subtract": "−", "multiply": "×", "divide": "÷", "maximum": "max", "minimum": "min"}
SOFTMAX = ("softmax", "logsoftmax", "softmin", "softmax2d")
MEANS = ("mean", "amax")  # over a map's rows and columns
# As torch writes them.
MOVES = (*FLATTENING, *CATTING, *RESIZING, "stack", "hstack", "vstack", "permute", "transpose", "swapaxes", "swapdims")
MOVES += ("movedim", "moveaxis", "t", "T", "mT", "unsqueeze", "squeeze", "__getitem__", "narrow", "select", *PIECES)
MOVES += ("unbind", "flip", "roll", "rot90", "repeat", "repeat_interleave", "expand", "expand_as", "tile")
MOVES += ("pixel_shuffle", "PixelShuffle", "pixel_unshuffle", "PixelUnshuffle", "channel_shuffle", "ChannelShuffle")
MOVES += ("pad", "index_select")


def plain(kind):
    """A layer and a function of the same name: LeakyReLU and leaky_relu_ are `leakyrelu`."""
    return kind.replace("_", "").lower()


def opens(seen):
    """The word for a step's arithmetic, or "none": conv, transposed, pool, linear, relu, norm, softmax, sum, moved."""
    step, kind = seen.step, plain(seen.step.kind)
    computed = operation(step)
    dims = next((int(digit) for digit in kind if digit.isdigit()), None)
    if dims and seen.given[0].dim() != dims + 2 and not (kind == "batchnorm1d" and seen.given[0].dim() == 2):
        return _between(seen, kind)  # it takes the images for channels
    if computed is not None and computed.dims < 3:
        is_turned = isinstance(computed, Conv) and computed.output_padding is not None
        return "pool" if isinstance(computed, Pool) else "transposed" if is_turned else "conv"
    if kind.startswith("adaptive") and kind.endswith(("pool1d", "pool2d")):
        return "pool"
    if kind in MEANS and len(seen.given) == 1 and seen.given[0].dim() == 4 and _over_maps(seen):
        return "pool"
    if kind == "linear" and (step.layer is None or isinstance(step.layer, nn.Linear)):
        return "linear"
    if isinstance(step.layer, NORMS) or kind in ("batchnorm", "layernorm", "groupnorm", "instancenorm", "rmsnorm"):
        return "norm"
    if kind in SOFTMAX:
        return "softmax"
    return _between(seen, kind)


def _between(seen, kind):
    """What has no weights, or only scales: pointwise functions, sums of branches, moves."""
    step = seen.step
    if kind in ARITHMETIC:
        if len(seen.given) == 1:
            return "relu"
        is_scaled = "alpha" in step.kwargs or "rounding_mode" in step.kwargs
        return "sum" if len(seen.given) == 2 and not is_scaled else "none"
    if kind in POINTWISE and seen.given and seen.given[0].shape == seen.made[0].shape:
        return "relu"
    if step.kind in RESIZING or kind in ("upsamplingnearest2d", "upsamplingbilinear2d"):
        how = getattr(step.layer, "mode", None) or seen.named("input", "size", "scale_factor", "mode").get("mode")
        return "moved" if (how or "nearest").startswith("nearest") else "none"
    return "moved" if step.kind in MOVES or step.kind.startswith(PADS) else "none"


def _over_maps(seen):
    dims = seen.named("input", "dim").get("dim")
    return isinstance(dims, (tuple, list)) and {dim % 4 for dim in dims} == {2, 3}


def is_unchanged(seen):
    """Does the step hand on the numbers in their order, in eval mode?"""
    return plain(seen.step.kind) in UNCHANGED or seen.step.kind in FLATTENING


def numbers(step):
    """The step's own numbers: {"kernel_size": [3, 3], …}; {} without any."""
    computed = operation(step)
    if computed is None:
        return {}
    told = {name: list(value) if isinstance(value, tuple) else value for name, value in computed._asdict().items()}
    told.pop("dims")
    return {name: value for name, value in told.items() if value is not None}
