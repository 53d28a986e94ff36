"""Run a model once and note its steps: each layer, and each function that is called between the layers.

Functions are seen by a TorchFunctionMode, layers by standing in front of `nn.Module.__call__` while the model runs
(torch.fx does the same): nothing is hung on the model itself, so nothing can stay behind.
"""

import contextlib
import copy
import threading
import weakref

import torch
from torch import nn
from torch.nn.parameter import is_lazy
from torch.nn.utils.parametrize import type_before_parametrizations
from torch.overrides import TorchFunctionMode

from helpers.trace.as_found import as_found, copied, forgive_checks, spared, uncompiled
from helpers.trace.calls import call_kind, call_text
from helpers.trace.expression import Expression
from helpers.trace.notes import INPUT, UNKNOWN, WITHIN, Run, Step, TensorNote, noted, tensors_in

# Modules of torch.nn that only call others. All other modules of torch.nn are layers: their inside is not shown.
CONTAINERS = (nn.Sequential, nn.ModuleList, nn.ModuleDict, nn.ParameterList, nn.ParameterDict)
CONTAINERS += (nn.Transformer, nn.TransformerEncoder, nn.TransformerDecoder)
CONTAINERS += (nn.TransformerEncoderLayer, nn.TransformerDecoderLayer)

# Losses that take a target of any numbers, and teach nothing by some: its extremes are noted.
MINDS_SILENTLY = ("binary_cross_entropy_with_logits", "BCEWithLogitsLoss")

_one_at_a_time = threading.RLock()


def follow(model, args, kwargs=None, changes=(), watch=None):
    """Run `model` on these arguments, without gradients, and return the Run. Model and tensors stay as they were.

    An exception that ends the run is in `.error`; `KeyboardInterrupt` and its like go through. `watch` sees the tensors
    themselves: of each step `watch.before(call, args, kwargs)`, with the layer or function, and `watch.after(step,
    tensors, before)`, with the tensors it returned and what `before` has said.
    """
    kwargs, copies = kwargs or {}, {}
    # One at a time: what another thread tries meanwhile is not what was found.
    with _one_at_a_time, as_found(model, tensors_in((args, kwargs))):
        args = [_own(arg, copies) for arg in args]  # a model may write into them
        kwargs = {name: _own(arg, copies) for name, arg in kwargs.items()}
        model = sized(model)
        for change in changes:
            model = _with_layers(model, change.layers)
        instead = {call: do for change in changes for call, do in change.calls.items()}
        run = Run(model, [], [], changed=frozenset(instead))
        follower = _Follower(run, instead, watch)
        for one in (model, model._modules.get(WITHIN)):
            if one is not None and not is_layer(one):
                forgive_checks(one)
        try:
            for change in changes:
                args, kwargs = change.inputs(args, kwargs) if change.inputs else (args, kwargs)
            names = model.names if isinstance(model, Expression) else ()
            follower.inputs = {id(arg): name for arg, name in zip(args, names, strict=False)}
            run.inputs = [follower.note_input(tensor) for tensor in tensors_in((args, kwargs))]
            with follower.in_front_of_layers(), follower:
                result = model(*args, **kwargs)
            run.result = noted(result, follower.tensor_note)
        except Exception as error:
            run.error = error
        if run.failed and run.failed.error is not run.error:
            run.failed = None  # the model itself caught that error
        return run


def is_layer(module):
    """Is it one of torch.nn's own layers (or made from one), shown as one step?"""
    if isinstance(module, nn.MultiheadAttention):
        return True
    has_parts = any(name != "parametrizations" for name, _ in module.named_children())
    if has_parts or isinstance(module, CONTAINERS):
        return False
    bases = [base for base in type(module).__mro__ if base is not nn.Module]
    return any(base.__module__.startswith("torch.nn.modules.") for base in bases)


class _Follower(TorchFunctionMode):
    def __init__(self, run, instead, watch):
        super().__init__()
        self.run, self.instead, self.watch = run, instead, watch
        self.names = {id(layer): name for name, layer in run.model.named_modules()}
        self.parameters = {id(tensor): name for name, tensor in run.model.named_parameters()}
        self.parameters |= {id(tensor): name for name, tensor in run.model.named_buffers()}
        self.copies = {}  # of parameters that are written into
        self.inputs = {}  # id(input): its name in the learner's code
        self.makers = {}  # id(tensor): (a weak reference to it, the call that made it, is it data?)
        self.blocks, self.last, self.is_inside = [], None, False  # inside a layer nothing is noted

    def __torch_function__(self, function, types, args=(), kwargs=None):
        if not self.is_inside:
            return self.step(function, None, args, kwargs or {})
        args, kwargs = spared(function, args, kwargs or {}, self.copies)
        return function(*args, **kwargs)

    @contextlib.contextmanager
    def in_front_of_layers(self):
        call, thread = nn.Module.__call__, threading.get_ident()

        def instead(module, *args, **kwargs):
            if self.is_inside or threading.get_ident() != thread:
                return call(module, *args, **kwargs)
            module = uncompiled(module)
            if is_layer(module):
                return self.step(lambda *args, **kwargs: call(module, *args, **kwargs), module, args, kwargs)
            self.blocks.append(self.names.get(id(module), type(module).__name__))
            try:
                return call(module, *args, **kwargs)
            finally:
                self.blocks.pop()

        nn.Module.__call__ = instead
        try:
            yield
        finally:
            nn.Module.__call__ = call

    def step(self, function, layer, args, kwargs):
        self.run.calls += 1
        call, do = self.run.calls, self.instead.get(self.run.calls)
        self.is_inside = True  # also while noting: it asks tensors for their shapes
        try:
            met = {}  # id(tensor): its TensorNote, one for a tensor that is given twice
            before = noted((args, kwargs), lambda tensor: met.setdefault(id(tensor), self.tensor_note(tensor)))
            if layer is None:
                args, kwargs = spared(function, args, kwargs, self.copies)
            seen = self.watch and self.watch.before(function if layer is None else layer, args, kwargs)
            try:
                result = do(function, args, kwargs, self.last) if do else function(*args, **kwargs)
            except Exception as error:
                self.run.failed = self.step_note(call, function, layer, before, error=error)
                self.run.arguments = args, kwargs
                raise
            is_written = layer is None and call_kind(function) == "__setitem__"  # x[0] = y returns nothing
            tensors = tensors_in(args[0] if is_written else result)
            if layer is not None or tensors:  # and not a question such as x.shape
                is_data = _makes_data(function if layer is None else None, list(met.values()))
                self.makers |= {id(tensor): (weakref.ref(tensor), call, is_data) for tensor in tensors}
                self.last = result
                outputs = list(map(self.tensor_note, tensors))
                if (call_kind(function) if layer is None else type(layer).__name__) in MINDS_SILENTLY:
                    self.note_target(call, tensors_in((args, kwargs)))
                self.run.steps.append(self.step_note(call, function, layer, before, outputs))
                if self.watch:
                    self.watch.after(self.run.steps[-1], tensors, seen)
        finally:
            self.is_inside = False
        return result

    def step_note(self, call, function, layer, before, outputs=(), error=None):
        if layer is not None:
            # After the call: only then does a lazy layer have its class.
            kind = type_before_parametrizations(layer).__name__
            is_known = id(layer) in self.names or next(layer.parameters(), None) is None
            name = self.names.get(id(layer), kind if is_known else f"{kind}{UNKNOWN}") or kind
        else:
            kind, name = call_kind(function), call_text(function, *before)
        return Step(call, name, kind, self.blocks[-1] if self.blocks else "", layer, *before, outputs, error)

    def tensor_note(self, tensor):
        reference, maker, is_data = self.makers.get(id(tensor), (None, None, False))
        if reference is None or reference() is not tensor:
            maker, is_data = None, False
        name = self.parameters.get(id(tensor), "")
        own = self.inputs.get(id(tensor), "") if maker == INPUT else ""
        return TensorNote(tuple(tensor.shape), tensor.dtype, tensor.device, maker, name, is_data, own)

    def note_target(self, call, given):
        target = given[1].detach() if len(given) > 1 else None
        if target is not None and target.numel() and not target.is_meta:
            self.run.extremes[call] = float(target.min()), float(target.max())

    def note_input(self, tensor):
        self.makers[id(tensor)] = weakref.ref(tensor), INPUT, True
        return self.tensor_note(tensor)


def _makes_data(function, given):
    """Is what comes out made from the model's input? Not a mask, and not what has only a size from it."""
    if function is not None:
        kind = call_kind(function)
        is_mask = kind.strip("_") in ("eq", "ne", "lt", "le", "gt", "ge", "isnan", "isinf", "logical_not")
        if is_mask or kind.endswith("_like") or kind.startswith("new_"):
            return False
        given = given[:1] if kind.endswith("_as") else given
    return any(note.is_data for note in given)


def _own(value, copies):
    return copied(value, copies) if isinstance(value, torch.Tensor) else value


def sized(model):
    """The model; a copy where lazy layers would take their sizes from this run, for good."""
    if not any(map(is_lazy, [*model.parameters(), *model.buffers()])):
        return model
    # torch copies a lazy parameter, but no lazy buffer.
    buffers = [buffer for buffer in model.buffers() if is_lazy(buffer)]
    new = {id(buffer): type(buffer)(device=buffer.device, dtype=buffer.dtype) for buffer in buffers}
    for module in model.modules():  # a lock or an open file cannot be copied: the copy has the same one
        own = [value for name, value in vars(module).items() if name not in ("_modules", "_parameters", "_buffers")]
        new |= {id(value): value for value in own if not _can_be_copied(value, dict(new))}
    return copy.deepcopy(model, new)


def _can_be_copied(value, new):
    try:
        copy.deepcopy(value, new)
    except Exception:  # whatever its class says to that
        return False
    return True


def _with_layers(model, layers):
    """The model with other layers in the places of these names, while `as_found` keeps the old ones."""
    named, within = dict(model.named_modules()), model._modules.get(WITHIN)
    for name, layer in layers.items():
        if is_layer(model):  # nothing but a layer, named by its class
            return layer
        for module in model.modules():
            for child_name, child in module._modules.items():
                if child is named.get(name, within):
                    module._modules[child_name] = layer
    return model
