"""Changes that could fix a model: in words, as the learner would write them, and for a trial run."""

import functools
import inspect
import itertools
import re

import torch
from torch import nn

from helpers.trace.calls import letters
from helpers.trace.notes import Change, mapped, notes_in

# Written without their names, as everybody does; all other arguments with them.
FIRST = {"in_features", "out_features", "in_channels", "out_channels", "num_features", "input_size", "hidden_size"}
FIRST |= {"num_embeddings", "embedding_dim", "embed_dim", "num_heads", "normalized_shape", "num_groups", "num_channels"}


def _where(step):
    """What the layer is called in code; a model that is nothing but a layer is "model", but a loss is no model."""
    return "model" if step.name == step.kind and not step.kind.endswith("Loss") else step.label


def _if_possible(change):
    """The same, but None where torch makes no such layer: what cannot be made is no change to offer."""

    @functools.wraps(change)
    def made(*args, **kwargs):
        try:
            return change(*args, **kwargs)
        except (TypeError, ValueError, RuntimeError, ArithmeticError, AssertionError):  # what its constructors raise
            return None

    return made


@_if_possible
def replaced(step, **arguments):
    """The layer with some arguments changed: `fc1 = nn.Linear(18432, 64)`."""
    text = f"{_where(step)} = {written(step.layer, **arguments)}"
    return Change(text, layers={step.name: remade(step.layer, **arguments)})


@_if_possible
def setting(step, **arguments):
    """Arguments of a layer or a function changed: `padding=1 in conv1`."""
    text = ", ".join(f"{name}={_code(value)}" for name, value in arguments.items()) + f" in {_where(step)}"
    if step.layer is not None:
        return Change(text, layers={step.name: remade(step.layer, **arguments)})
    return Change(text, calls={step.call: lambda function, args, kwargs, last: function(*args, **kwargs | arguments)})


def other_class(step, layer, text):
    """A layer of another class: `bn1 = nn.BatchNorm1d(64)`."""
    parameter = next(step.layer.parameters(), None)
    layer = layer if parameter is None else layer.to(parameter.device, parameter.dtype)
    return Change(f"{_where(step)} = {text}", layers={step.name: layer.train(step.layer.training)})


@_if_possible
def moved(step, device):
    """The layer on another device: `fc1.to("cuda:0")`."""
    how = f'to_empty(device="{device}")' if _device(step.layer).type == "meta" else f'to("{device}")'
    return Change(f"{_where(step)}.{how}", layers={step.name: remade(step.layer, device=device)})


def weight(step, shape):
    """A function's weight in another shape: `w = nn.Parameter(torch.empty(5, 3072))`."""
    name = notes_in(step.args)[1].parameter or "weight"
    text = f"{name} = nn.Parameter(torch.empty({', '.join(map(str, shape))}))"

    def run(function, args, kwargs, last):
        return function(args[0], args[1].new_zeros(shape), *(None for _ in args[2:3]), *args[3:], **kwargs)

    return Change(text, calls={step.call: run})


def given(text, do):
    """Another first input for the model: `model(x[None])`."""
    return Change(f"model({text})", inputs=lambda args, kwargs: ((do(args[0]), *args[1:]), kwargs))


def before(step, text, do):
    """Something done to what arrives: `torch.flatten(x, 1) before fc1`; in a function, `x.float() in x @ y`."""
    if step.layer is None:
        return on_argument(step, 0, text, do)
    written = f"model({text})" if _where(step) == "model" else f"{text} before {_where(step)}"
    return Change(written, calls=on_argument(step, 0, text, do).calls)


def on_argument(step, number, text, do):
    """Something done to one argument of a call: `y.flatten() in F.cross_entropy(x, y)`."""

    def run(function, args, kwargs, last):
        args = list(args)
        args[number] = do(args[number])
        return function(*args, **kwargs)

    return Change(f"{text} in {_where(step)}", calls={step.call: run})


def joined(step, one, how, other, do):
    """Something done to one of the tensors of a call: `torch.cat([x, y[:, :, None]], 1) instead of …`.

    how: how(x, y) writes it, for what this tensor and the other one are called.
    """
    names, number = letters(step), next(place for place, note in enumerate(step.notes) if note is one)
    if id(one) not in names or id(other) not in names:
        return None
    name = names[id(one)]
    written = how(name, names[id(other)])
    call = re.sub(rf"(?<![\w.]){re.escape(name)}(?![\w(])", lambda found: written, step.name, count=1)
    return Change(f"{call} instead of {step.name}", calls={step.call: on_tensor(number, do)})


def on_tensor(number, do):
    """The call with something done to one of the tensors in its arguments, counted from 0 as in `step.notes`."""

    def run(function, args, kwargs, last):
        numbers = itertools.count()
        args = mapped(args, lambda tensor: do(tensor) if next(numbers) == number else tensor)
        return function(*args, **kwargs)

    return run


def on_branch(step, number, maker, layer):
    """A new layer for one of two branches: `nn.Conv2d(3, 16, kernel_size=1) on the branch from the model's input`."""
    change = on_argument(step, number, written(layer), layer)
    return change._replace(text=f"{written(layer)} on the branch from {maker}")


def instead(step, text, do):
    """Another call in place of one: `torch.flatten(x, 1) instead of x.view(-1, 4608)`."""
    run = {step.call: lambda function, args, kwargs, last: do(*args, **kwargs)}
    return Change(f"{text} instead of {step.name if step.layer is None else f'{_where(step)}(x)'}", calls=run)


def without(run, step):
    """One call left out: `take pool out`, or `call pool once less` where it is called more than once."""
    text = f"leave {step.name} out"
    if step.layer is not None:
        again = sum(other.layer is step.layer for other in run.all_steps) > 1
        text = f"call {_where(step)} once less" if again else f"take {_where(step)} out"
    return Change(text, calls={step.call: lambda function, args, kwargs, last: args[0]})


def remade(layer, device=None, **arguments):
    """A layer of the same class, with some arguments or the device changed. Its weights are zeros."""
    base, _, found = _arguments_of(layer)
    device = device or _device(layer)
    dtype = next((p.dtype for p in layer.parameters()), torch.get_default_dtype())
    with torch.device("meta"):  # no time is spent on numbers, nor random ones used up
        new = (_NarrowLinear if base is nn.Linear else base)(**found | arguments)
    new = new.to(dtype).to_empty(device=device).train(layer.training)
    for parameter in new.parameters():
        parameter.data.zero_()  # what lay in memory may be no number, and a loss may mind
    return new


class _NarrowLinear(nn.Linear):
    """The shapes of an nn.Linear with the memory of one output: a trial must not ask for gigabytes."""

    def __init__(self, in_features, out_features, bias=True):
        nn.Module.__init__(self)
        self.weight = nn.Parameter(torch.empty(1, in_features))
        self.in_features, self.out_features = in_features, out_features

    def forward(self, x):
        one = nn.functional.linear(x, self.weight)  # (..., in_features) -> (..., 1)
        return one.expand(*one.shape[:-1], self.out_features)


def written(layer, **arguments):
    """The layer as it is written in code, what is usual left out: `nn.Conv2d(1, 18, kernel_size=3, padding=1)`."""
    base, maker, found = _arguments_of(layer)
    found |= arguments
    usual = {name: parameter.default for name, parameter in inspect.signature(maker).parameters.items()}
    if usual.get("stride", 1) is None and found["stride"] == found["kernel_size"]:
        del found["stride"]  # a pool's stride is its kernel
    for same in ("kdim", "vdim"):
        if same in found and found[same] == found["embed_dim"]:
            del found[same]
    parts = []
    for name, value in found.items():
        if name in FIRST:
            parts.append(_code(value))
        elif _short(value) != usual[name]:
            parts.append(f"{name}={_code(value)}")
    return f"nn.{base.__name__}({', '.join(parts)})"


def _arguments_of(layer):
    """(class, what has its signature, {argument: value}) that make such a layer again, as its attributes tell."""
    base = next(base for base in type(layer).__mro__ if base.__module__.startswith("torch.nn.modules."))
    base = getattr(base, "cls_to_become", None) or base  # of a lazy layer
    maker = nn.RNNBase if isinstance(layer, nn.RNNBase) else base
    names = [name for name in inspect.signature(maker).parameters if name not in ("device", "dtype", "mode")]
    found = {name: getattr(layer, name) for name in names if hasattr(layer, name)}
    if isinstance(layer, nn.MultiheadAttention):
        found |= {"bias": layer.in_proj_bias is not None, "add_bias_kv": layer.bias_k is not None}
    if "bias" in found and not isinstance(found["bias"], bool):
        found["bias"] = found["bias"] is not None
    if not getattr(layer, "affine", True):
        found.pop("bias", None)
    if not isinstance(layer, nn.LSTM):
        found.pop("proj_size", None)
    return base, maker, found


def _device(layer):
    return next((tensor.device for tensor in [*layer.parameters(), *layer.buffers()]), torch.device("cpu"))


def _code(value):
    return repr(_short(value)).replace("'", '"')


def _short(value):
    """(3, 3) as 3."""
    same = isinstance(value, (tuple, list)) and len(value) > 0 and len(set(value)) == 1
    return value[0] if same else tuple(value) if isinstance(value, list) else value
