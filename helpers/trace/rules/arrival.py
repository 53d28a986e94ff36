"""What arrives at a step: a tensor at all, on its device, of its type; and whether the model knows the layer."""

import torch
from torch import nn

from helpers.arguments import kind_of
from helpers.trace.changes import before, given, moved, remade
from helpers.trace.finding import TENSOR, found, item, misfit, returned_by, shapes_of, why_no_tensor
from helpers.trace.notes import INPUT, Change, TensorNote, notes_in, place
from helpers.trace.operations import MATRIX, MERGING


def not_registered(run, step):
    """A layer with weights in a plain list: the model does not know it."""
    if step.layer is None or not step.is_unknown or next(step.layer.parameters(), None) is None:
        return

    def here(function, args, kwargs, last):
        return remade(step.layer, device=args[0].device)(*args, **kwargs)

    text = "the layer as an attribute made in __init__, or in an nn.ModuleList or nn.ModuleDict"
    held = [value for module in run.model.modules() for value in vars(module).values()]
    if any(part is step.layer for value in held if isinstance(value, (list, tuple)) for part in value):
        text = "nn.ModuleList([...]) instead of the plain list"
    yield found(
        step,
        "wiring",
        f"A {step.kind} is called that is not part of the model: its weights are not counted, moved or trained.",
        "a layer in a plain list, or made in forward",
        "a layer that is an attribute of the model, or in an nn.ModuleList",
        "A model knows the layers that are its attributes. It does not look into plain lists and dicts.",
        Change(text, calls={step.call: here}),
    )


def device(run, step):
    data, weights = [note.device for note in step.tensors], [tensor.device for tensor in _weights(step)]
    if len({*data, *weights}) < 2 or not data:
        return
    why = "PyTorch computes only where all tensors of a step are on one device."
    if not weights or weights[0] == data[0]:
        other = next(one for one in [*data, *weights] if one != data[0])
        what = f"{step.label}: one tensor is on {data[0]}, and another on {other}."
        change = Change(f"y.to(x.device) in {step.label}", calls={step.call: _all_on(data[0])})
        yield found(step, "device", what, f"{data[0]} and {other}", "one device", why, change)
        return
    what = f"{step.label}: the data are on {data[0]}, and the weights are on {weights[0]}."
    changes = [given(f'x.to("{weights[0]}")', lambda x: x.to(weights[0]))]
    if step.layer is not None:
        changes.append(moved(step, data[0]))
    if not any(note.maker == INPUT for note in step.tensors):
        changes.reverse()  # the layers before have taken the input where it is: this layer stands apart
    yield found(step, "device", what, data[0], weights[0], why, *changes)


def _all_on(place):
    def run(function, args, kwargs, last):
        return function(*(arg.to(place) if isinstance(arg, torch.Tensor) else arg for arg in args), **kwargs)

    return run


def dtype(run, step):
    if not step.tensors or isinstance(step.error, IndexError):
        return
    arrived = step.tensors[0].dtype
    if isinstance(step.layer, nn.Embedding):
        if arrived.is_floating_point:
            what = f"{step.label}: numbers of {arrived} arrive, and it looks up whole numbers."
            why = "An embedding takes the numbers of its rows."
            yield found(step, "dtype", what, arrived, torch.int64, why, *_cast(run, step, torch.int64))
        return
    weights = [tensor.dtype for tensor in _weights(step) if tensor.dtype.is_floating_point]
    others = weights or [note.dtype for note in step.tensors[1:] if step.kind in MATRIX]
    if not others or others[0] == arrived:
        return
    if torch.is_autocast_enabled(step.tensors[0].device.type) and arrived.is_floating_point:
        return
    what = f"{step.label}: numbers of {arrived} arrive, and its weights are {others[0]}."
    if not weights:
        what = f"{step.label}: numbers of {arrived} and of {others[0]} cannot be multiplied."
    why = "This step needs numbers of one type."
    if arrived == torch.uint8:
        why = "Pictures are stored as bytes, whole numbers from 0 to 255; layers compute with floats."
    elif arrived == torch.float64:
        why = "NumPy's floats are float64; a layer's weights are float32 unless you say otherwise."
    yield found(step, "dtype", what, arrived, others[0], why, *_cast(run, step, others[0]))


def _cast(run, step, wanted):
    """The changes that make what arrives of the type that is wanted: of the input, or right before the step."""
    short = {torch.float32: ".float()", torch.int64: ".long()"}.get(wanted, f".to({wanted})")
    is_bytes = step.tensors[0].dtype == torch.uint8
    text = f"x{short}{' / 255' if is_bytes else ''}"

    def cast(x):
        return x.to(wanted)

    if run.inputs and run.inputs[0].dtype == step.tensors[0].dtype:
        yield given(text, cast)
    yield before(step, text, cast)


def _weights(step):
    """The weights of a step: those of a layer as tensors, those given to a function as noted."""
    if step.layer is not None:
        return [*step.layer.parameters(), *(tensor for tensor in step.layer.buffers() if tensor.is_floating_point())]
    return [note for note in step.notes if note.parameter]


def no_tensor(run, step):
    """A tuple, a dict or None where a tensor is wanted."""
    if not step.args or isinstance(step.args[0], TensorNote) or (step.layer is None and step.kind in MERGING):
        return
    value, inside = step.args[0], notes_in(step.args[:1])
    if step.layer is None and not isinstance(step.error, TypeError):
        return
    came, wanted = kind_of(value), "one tensor" if inside else "a tensor"
    why, key = why_no_tensor(value)
    if isinstance(value, (tuple, list)) and value and isinstance(value[0], TensorNote):
        came += f" of {len(value)}"
        who, shapes = returned_by(run, value), shapes_of(value)
        why = f"{who} returns several things: {shapes}." if who else f"It holds {shapes}."
        change = before(step, "x[0]", lambda x: x[0])
        changes = [change._replace(text=f"x{', _' * (len(value) - 1)} = {who}(x)") if who else change]
    elif key is not None:
        changes = [before(step, item("x", key), lambda x: x[key])]
    elif value is None:
        block = run.steps[-1].block if run.steps else ""
        text = f"return x at the end of the forward of {place(block)}"
        changes = [Change(text, calls={step.call: _last})] if block else []
    else:
        changes = [before(step, "torch.as_tensor(x)", torch.as_tensor)]
    what = misfit(step, "arrives", what=came, who="it", wanted=wanted)
    yield found(step, "wiring", what, type(value).__name__, TENSOR, why, *changes)


def _last(function, args, kwargs, last):
    return function(last, *args[1:], **kwargs)
