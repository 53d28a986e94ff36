"""The way back from pooling: nn.MaxUnpool2d puts each number where its pool has found it, if it is told the size."""

from torch import nn

from helpers.trace.changes import setting
from helpers.trace.finding import found
from helpers.trace.notes import Change

UNPOOLS = (nn.MaxUnpool1d, nn.MaxUnpool2d, nn.MaxUnpool3d)


def unpooling(run, step):
    yield from _other_size(run, step)


def unpooled(run):
    """The same where torch reports nothing: the numbers land at other places."""
    for step in run.steps:
        if step.outputs:
            yield from _other_size(run, step)


def _other_size(run, step):
    """Maps of another size than the pool was given, to which its indices belong."""
    is_unpool = isinstance(step.layer, UNPOOLS) or (step.layer is None and step.kind.startswith("max_unpool"))
    indices = step.tensors[1] if is_unpool and len(step.tensors) > 1 else None
    pool = run.by_call(indices.maker) if indices is not None and indices.maker else None
    if pool is None or not pool.kind.lower().startswith(("max_pool", "maxpool")):
        return
    dims = len(indices.shape) - 2
    size = pool.shape[-dims:]
    made = step.outputs[0].shape[-dims:] if step.outputs else None
    asked = step.kwargs.get("output_size")
    if made == size or (asked is not None and tuple(asked)[-dims:] == size):
        return
    told = " × ".join(map(str, size))
    what = f"{step.label}: {pool.label} was given maps of {told}, but {step.label} "
    what += "is not told." if made is None else f"returns maps of {' × '.join(map(str, made))}."
    why = f"The indices count the places of maps of {told}, a size that the pooled maps do not show."
    change = setting(step, output_size=tuple(size)) if step.layer is None else _told(step, tuple(size))
    yield found(step, "other", what, step.shape, f"output_size={tuple(size)}", why, change)


def _told(step, size):
    """A layer called with its output_size: `unpool(x, indices, output_size=(5, 5)) instead of unpool(x, indices)`."""

    def run(function, args, kwargs, last):
        return function(*args[:2], output_size=size)

    text = f"{step.label}(x, indices, output_size={size}) instead of {step.label}(x, indices)"
    return Change(text, calls={step.call: run})
