"""The explorers that draw a problem, at the numbers of the layer that fails. They are loaded only when one is shown."""

from torch import nn

from helpers.arithmetic import ShapeError
from helpers.trace.operations import FLATTENING, Conv, Pool, along, operation

HAND_WRITTEN = 4608  # the inputs of NetworkExplorer's fc1 where it does not compute them
NONE = "No explorer draws this problem: they draw convolutions, pooling, flattening and SimpleCNN."


def pictures(run, finding):
    """[(name of an explorer, its settings)] for what was found in a run, the closest first."""
    step = run.by_call(finding.call) or run.failed
    if step is None or not step.shape or finding.kind in ("channels", "rank", "groups", "device", "dtype", "wiring"):
        return []
    computed, network, found = operation(step), _network(run), []
    is_drawn = isinstance(computed, Pool) or (isinstance(computed, Conv) and computed.output_padding is None)
    if is_drawn and not any(isinstance(size, tuple) and len(size) != computed.dims for size in computed):
        found.append(_kernel(step, computed))
    elif step.kind in FLATTENING and len(step.shape) == 4:
        found.append(_flatten(step))
    elif finding.kind not in ("linear-width", "not-flattened", "batch-changed"):
        return []
    return [*found, ("NetworkExplorer", network)] if network else found


def shown(found):
    """The first of these explorers that can be set so; where none can, a sentence is printed instead."""
    from helpers import explorers  # here and not above: a script, or a machine without Jupyter, has no ipywidgets

    problems = [NONE]
    for name, settings in found:
        explorer = getattr(explorers, name)
        outside = _outside(explorer, settings)
        if not outside:
            return explorer(**settings)
        problems.append(f"{name} cannot draw this: {outside}")
    print(problems[min(1, len(found))])
    return None


def _outside(explorer, settings):
    """`its input size goes from 3 to 12, and here it is 32.`; "" if each slider can be set so."""
    for name, value in settings.items():
        control = explorer.controls[name]
        try:
            control.checked(value)
        except (TypeError, ValueError):
            where = f"goes from {control.low} to {control.high}" if hasattr(control, "low") else "is a choice"
            return f"its {control.label} {where}, and here it is {value}."
    return ""


def _kernel(step, computed):
    """The side of a convolution or a pool that fails, or the last."""
    sides = step.shape[-computed.dims :]
    dim = next((dim for dim, size in enumerate(sides) if _fails(computed, size, dim)), computed.dims - 1)
    names = ("kernel_size", "stride", "padding", "dilation")
    settings = {"size": sides[dim]} | dict(zip(names, along(computed, dim), strict=True))
    if isinstance(computed, Pool):
        return "PoolingExplorer", settings | {"mode": computed.mode, "ceil_mode": computed.ceil_mode}
    return "ConvolutionExplorer", settings


def _fails(computed, size, dim):
    try:
        computed.output_size(size, dim)
    except ShapeError:
        return True
    return False


def _flatten(step):
    """Maps (N, C, H, W) that are viewed as rows; channels last where they were permuted."""
    shape, after = step.shape, step.outputs[0].shape if step.outputs else ()
    is_view = step.kind == "view" and step.error is not None
    channels, height, width = (shape[3], shape[1], shape[2]) if is_view else shape[1:]
    settings = {"channels": channels, "height": height, "width": width, "batch": True}
    rows = [size for size in step.args[1:] if isinstance(size, int)]
    k = after[-1] if after else rows[-1] if rows and rows[-1] > 0 else channels * height * width
    return "FlattenExplorer", settings | {"k": k, "memory": "permuted" if is_view else "contiguous"}


def _network(run):
    """The settings of a model that is built as SimpleCNN is; {} for all others."""
    parts = [getattr(run.model, name, None) for name in ("conv1", "pool", "fc1", "fc2")]
    shape = run.inputs[0].shape if run.inputs else ()
    kinds = (nn.Conv2d, nn.MaxPool2d, nn.Linear, nn.Linear)
    if len(shape) != 4 or not all(isinstance(part, kind) for part, kind in zip(parts, kinds, strict=True)):
        return {}
    conv, pool, fc1, fc2 = parts
    if fc1.in_features != HAND_WRITTEN or conv.in_channels != shape[1] or shape[2] != shape[3]:
        return {}
    own = (conv.kernel_size, conv.stride, conv.padding, conv.dilation, conv.groups, conv.padding_mode)
    k, s, p = (sizes[0] for sizes in own[:3])
    pools = [set(size) if isinstance(size, tuple) else {size} for size in (pool.kernel_size, pool.stride)]
    is_usual = own == ((k, k), (s, s), (p, p), (1, 1), 1, "zeros") and all(len(size) == 1 for size in pools)
    if not is_usual or (pool.padding, pool.dilation, pool.ceil_mode) != (0, 1, False):
        return {}  # sides of their own, a dilation, groups: what it has no sliders for
    window, step = (size.pop() for size in pools)
    settings = {"image_size": shape[2], "in_channels": shape[1], "conv_channels": conv.out_channels}
    settings |= {"kernel_size": k, "stride": s, "padding": p}
    settings |= {"pool_kernel_size": window, "pool_stride": step}
    settings |= {"hidden_features": fc1.out_features, "classes": fc2.out_features}
    return settings | {"compute_fc1": False}
