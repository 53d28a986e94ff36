"""What a step computes, as numbers: read off a layer's attributes, or off a function's arguments."""

from math import prod
from typing import NamedTuple

from torch import nn
from torch.nn.modules.batchnorm import _NormBase
from torch.nn.modules.conv import _ConvNd, _ConvTransposeNd

from helpers.arithmetic import conv_output_size, conv_transpose_output_size, pool_output_size
from helpers.trace.notes import TensorNote

MAX_POOLS = (nn.MaxPool1d, nn.MaxPool2d, nn.MaxPool3d)
AVG_POOLS = (nn.AvgPool1d, nn.AvgPool2d, nn.AvgPool3d)
NORMS = (_NormBase, nn.GroupNorm, nn.LayerNorm, nn.RMSNorm)
FLATTENING = ("flatten", "view", "reshape", "unflatten", "view_as", "reshape_as", "Flatten", "Unflatten")
CATTING = ("cat", "concat", "concatenate")
MERGING = (*CATTING, "stack", "hstack", "vstack", "add", "sub", "mul", "div", "add_", "sub_", "mul_", "div_")
MERGING += ("eq", "ne", "gt", "ge", "lt", "le", "__eq__", "__ne__", "maximum", "minimum")
RESIZING = ("interpolate", "upsample", "Upsample", "UpsamplingNearest2d", "UpsamplingBilinear2d")
PIECES = ("chunk", "split", "tensor_split")
MATRIX = ("matmul", "mm", "bmm", "addmm", "baddbmm")

# The arguments of the functions, in their order.
_ARGUMENTS = {
    "conv": ("input", "weight", "bias", "stride", "padding", "dilation", "groups"),
    "conv_transpose": ("input", "weight", "bias", "stride", "padding", "output_padding", "groups", "dilation"),
    "max_pool": ("input", "kernel_size", "stride", "padding", "dilation", "ceil_mode"),
    "avg_pool": ("input", "kernel_size", "stride", "padding", "ceil_mode"),
}


class Conv(NamedTuple):
    """A convolution; each size is a tuple with one number for each of its `dims`, `padding` perhaps a word."""

    dims: int
    in_channels: int
    out_channels: int
    kernel_size: tuple
    stride: tuple
    padding: tuple | str
    dilation: tuple
    groups: int
    output_padding: tuple | None  # of a transposed convolution only

    def output_size(self, size, dim):
        """The output's size along one dimension. Raises ShapeError where torch raises."""
        kernel, stride, padding, dilation = along(self, dim)
        if self.output_padding is None:
            return conv_output_size(size, kernel, stride, padding, dilation)
        return conv_transpose_output_size(size, kernel, stride, padding, self.output_padding[dim], dilation)

    def formula(self, size, dim):
        kernel, stride, padding, dilation = along(self, dim)
        if self.output_padding is not None:
            spread = f"{dilation}·({kernel} − 1) + {self.output_padding[dim]} + 1"
            return f"({size} − 1)·{stride} − 2·{padding} + {spread}"
        if padding == "same":
            return f'{size} (padding="same")'
        padding = 0 if padding == "valid" else padding
        return f"⌊({size} + 2·{padding} − {_spread(kernel, dilation)}) / {stride}⌋ + 1"


class Pool(NamedTuple):
    """Max or average pooling; each size is a tuple with one number for each of its `dims`."""

    dims: int
    mode: str  # "max", "avg"
    kernel_size: tuple
    stride: tuple
    padding: tuple
    dilation: tuple
    ceil_mode: bool

    def output_size(self, size, dim):
        """The output's size along one dimension. Raises ShapeError where torch raises."""
        return pool_output_size(size, *along(self, dim), self.ceil_mode)

    def formula(self, size, dim):
        kernel, stride, padding, dilation = along(self, dim)
        room = f"{size}{f' + 2·{padding}' if padding else ''} − {_spread(kernel, dilation)}"
        if not self.ceil_mode:
            return f"⌊({room}) / {stride}⌋ + 1"
        last = -((dilation * (kernel - 1) + 1 - size - 2 * padding) // stride) * stride
        # The last window must start inside the input or its left padding.
        is_late = last >= size + padding
        return f"⌈({room}) / {stride}⌉ + 1" + (" − 1 (a window would start in the padding)" if is_late else "")


def along(computed, dim):
    """The kernel, stride, padding and dilation of a Conv or Pool along one dimension; a word stays a word."""
    sizes = (computed.kernel_size, computed.stride, computed.padding, computed.dilation)
    return tuple(size if isinstance(size, str) else size[dim] for size in sizes)


def _spread(kernel, dilation):
    return f"{kernel}" if dilation == 1 else f"{dilation}·({kernel} − 1) − 1"


def operation(step):
    """The Conv or Pool that a step is, or None."""
    layer = step.layer
    if isinstance(layer, _ConvNd):
        dims = len(layer.kernel_size)
        sizes = [layer.kernel_size, layer.stride, layer.padding, layer.dilation]
        sizes = [_each(size, dims) for size in sizes]
        if not isinstance(layer, _ConvTransposeNd):
            return Conv(dims, layer.in_channels, layer.out_channels, *sizes, layer.groups, None)
        extra = _each(layer.output_padding, dims)
        conv = Conv(dims, layer.in_channels, layer.out_channels, *sizes, layer.groups, extra)
        return _with_output_size(conv, step)
    for pools, mode in ((MAX_POOLS, "max"), (AVG_POOLS, "avg")):
        for dims, pool in enumerate(pools, start=1):
            if isinstance(layer, pool):
                sizes = [layer.kernel_size, layer.stride, layer.padding, getattr(layer, "dilation", 1)]
                return Pool(dims, mode, *(_each(size, dims) for size in sizes), bool(layer.ceil_mode))
    name, dims = step.kind[:-2], step.kind[-2:]
    if layer is None and step.tensors and name in _ARGUMENTS and dims in ("1d", "2d", "3d"):
        return _called(step, name, int(dims[0]))
    return None


def _with_output_size(conv, step):
    """self.up(x, output_size=y.shape) chooses the output padding itself."""
    if not step.outputs or (len(step.args) < 2 and "output_size" not in step.kwargs):
        return conv
    sizes = list(zip(step.shape[-conv.dims :], step.outputs[0].shape[-conv.dims :], strict=True))
    bare = conv._replace(output_padding=(0,) * conv.dims)
    extra = (after - bare.output_size(before, dim) for dim, (before, after) in enumerate(sizes))
    return conv._replace(output_padding=tuple(extra))


def _called(step, name, dims):
    """The same for F.conv2d and its like; None if the call says too little."""
    given = dict(zip(_ARGUMENTS[name], step.args, strict=False)) | step.kwargs
    if name.endswith("pool"):
        kernel = given.get("kernel_size")
        stride = kernel if given.get("stride") in (None, ()) else given["stride"]
        sizes = [kernel, stride, given.get("padding", 0), given.get("dilation", 1)]
        sizes = [_each(size, dims) for size in sizes]
        return None if kernel is None else Pool(dims, name[:3], *sizes, bool(given.get("ceil_mode", False)))
    weight = given.get("weight")
    if not isinstance(weight, TensorNote) or len(weight.shape) != dims + 2:
        return None
    groups, extra = given.get("groups", 1), None
    channels = [weight.shape[1] * groups, weight.shape[0]]
    if name == "conv_transpose":
        channels = [weight.shape[0], weight.shape[1] * groups]
        extra = _each(given.get("output_padding", 0), dims)
    sizes = [given.get(size, usual) for size, usual in (("stride", 1), ("padding", 0), ("dilation", 1))]
    return Conv(dims, *channels, weight.shape[2:], *(_each(size, dims) for size in sizes), groups, extra)


def _each(size, dims):
    """One number for each dimension; a word stays a word, and what has another length stays what it is."""
    if isinstance(size, str):
        return size
    size = tuple(size) if isinstance(size, (tuple, list)) else (size,)
    return size * dims if len(size) == 1 else size


def formula(step):
    """How the step's output size follows from its input's, with the numbers put in; "" without a formula."""
    if not step.outputs or not step.tensors:
        return ""
    before, after, computed = step.shape, step.outputs[0].shape, operation(step)
    if computed is not None:
        of_a_side = (computed.kernel_size, computed.stride, computed.padding, computed.dilation)
        if any(isinstance(size, tuple) and len(size) != computed.dims for size in of_a_side):
            return ""  # torch may take it: padding for two of three sides, if it is filled with reflections
        sizes = zip(before[-computed.dims :], after[-computed.dims :], strict=True)
        parts = [f"{computed.formula(size, dim)} = {out}" for dim, (size, out) in enumerate(sizes)]
        if len(set(parts)) == 1:
            return parts[0]
        return " · ".join(f"{name} {part}" for name, part in zip(dimension_names(len(parts)), parts, strict=True))
    if step.kind in FLATTENING and len(after) == 2 < len(before) and prod(after) == prod(before):
        if after[0] == before[0]:
            return f"{product(before[1:])} = {after[1]}"
        return f"{product(before)} = {product(after)}"
    if step.kind in CATTING:
        shapes = [note.shape for note in step.notes]
        dim = next((i for i, size in enumerate(shapes[-1]) if size != after[i]), None)
        return "" if dim is None else f"{' + '.join(str(shape[dim]) for shape in shapes)} = {after[dim]}"
    return ""


def product(sizes):
    return "·".join(map(str, sizes))


def dimension_names(dims):
    return ("depth", "height", "width")[-dims:] if dims > 1 else ("length",)
