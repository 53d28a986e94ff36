"""What a trial run may change, put back: everything that a model holds, and the random numbers."""

import contextlib
import random
import sys
import warnings
from collections import deque

import numpy
import torch
from torch import nn
from torch.nn.parameter import is_lazy

from helpers.interrupts import uninterrupted
from helpers.trace.calls import call_kind


@contextlib.contextmanager
def as_found(model, tensors, instead=None):
    """Runs what stands in it without gradients. Afterwards model, autocast and random numbers are as before.

    instead: what stands in for a tensor of the model meanwhile; if not given, a copy or, for a parameter, itself.
    The attributes of every module and the lists, dicts and sets in them get back what they held. Tensors that a
    forward pass may write into are copies meanwhile, so that also their version is the old one; parameters are copied
    only where one is written (see `spared`), as they can be large.
    """
    parameters = [(each, each.grad, None if is_lazy(each) else each.data) for each in model.parameters()]
    gpus = {tensor.device.index for tensor in [*model.parameters(), *tensors] if tensor.device.type == "cuda"}
    numbers, casts, kept = random.getstate(), torch.is_autocast_cache_enabled(), {}
    drawn = numpy.random.get_state()
    own = [part for module in model.modules() for part in vars(module).values() if isinstance(part, torch.Generator)]
    states = [generator.get_state() for generator in own]
    with torch.random.fork_rng(sorted(gpus)), torch.no_grad(), _not_compiled(), warnings.catch_warnings():
        # torch.utils.checkpoint sees that there are no gradients.
        warnings.filterwarnings("ignore", "None of the inputs have requires_grad")
        try:
            for parameter, _, _ in parameters:
                parameter.grad = None
            torch.set_autocast_cache_enabled(False)  # or a later run with gradients met weights cast without
            copies = {}
            _keep(model, kept, instead or (lambda tensor: _unless_parameter(tensor, copies)))
            yield
        finally:
            with uninterrupted():
                for part, before in kept.values():
                    part.clear()
                    (part.extend if isinstance(part, (list, deque)) else part.update)(before)
                for parameter, grad, data in parameters:
                    if data is not None and parameter.data_ptr() != data.data_ptr():
                        parameter.data = data  # `set_` tells nobody
                    parameter.grad = grad
                torch.set_autocast_cache_enabled(casts)
                random.setstate(numbers)
                numpy.random.set_state(drawn)
                for generator, state in zip(own, states, strict=True):
                    generator.set_state(state)


def _unless_parameter(tensor, copies):
    return tensor if isinstance(tensor, nn.Parameter) else copied(tensor, copies)


def _keep(value, kept, instead):
    """Notes what a module, list, dict or set holds, and what that holds in turn; others stand in for its tensors."""
    value = value.__dict__ if isinstance(value, nn.Module) else value
    if id(value) in kept:
        return
    before = dict(value) if isinstance(value, dict) else list(value)
    kept[id(value)] = value, before
    for key, part in before.items() if isinstance(value, dict) else enumerate(before):
        if isinstance(part, (nn.Module, dict, list, set, deque)):
            _keep(part, kept, instead)
        elif isinstance(part, torch.Tensor) and type(value) is not set:
            value[key] = instead(part)


def spared(function, args, kwargs, copies):
    """The arguments of a call, copies instead of the parameters if it writes into them, or hands them out for it."""
    name = getattr(function, "__name__", "")
    writes = name.endswith("_") and not name.startswith("__")
    writes |= name in ("__set__", "__setitem__", "batch_norm", "instance_norm")  # their running means may be parameters
    hands_out = name in ("detach", "untyped_storage") or (name == "__get__" and call_kind(function) == "data")
    if not (writes or hands_out or kwargs.get("out") is not None or kwargs.get("max_norm") is not None):
        return args, kwargs

    def own(arg):
        if isinstance(arg, (list, tuple)) and not isinstance(arg, torch.Size):
            return type(arg)(map(own, arg)) if type(arg) in (list, tuple) else arg
        if not isinstance(arg, torch.Tensor):
            return arg
        is_weight = isinstance(arg, nn.Parameter) or isinstance(arg._base, nn.Parameter)  # weight.t() is the weight
        return copied(arg, copies) if is_weight else arg

    return tuple(map(own, args)), {name: own(arg) for name, arg in kwargs.items()}


def copied(tensor, copies):
    """A copy with the same numbers and the same strides. `copies`, by id: a tensor in two places stays one."""
    if id(tensor) not in copies:
        copies[id(tensor)] = _copy(tensor)
    return copies[id(tensor)]


def _copy(tensor):
    is_plain = type(tensor) in (torch.Tensor, nn.Parameter, nn.Buffer) and tensor.layout is torch.strided
    if not is_plain or is_lazy(tensor) or tensor.is_nested or tensor.is_quantized:
        return tensor
    if any(stride == 0 and size > 1 for size, stride in zip(tensor.shape, tensor.stride(), strict=True)):
        return tensor  # expanded: nothing can be written into it
    copy = torch.empty_strided(tensor.shape, tensor.stride(), dtype=tensor.dtype, device=tensor.device)
    copy.copy_(tensor)
    if isinstance(tensor, nn.Parameter):
        return nn.Parameter(copy, tensor.requires_grad)
    return copy.requires_grad_(tensor.requires_grad)


def forgive_checks(model):
    """Forward pre-hooks that refuse an input do not end the run: the layer that it does not fit says more.

    SimpleCNN checks its images so. `as_found` puts the hooks back.
    """

    def forgiving(hook):
        def instead(*args):
            with contextlib.suppress(ValueError):
                return hook(*args)

        return instead

    hooks = model._forward_pre_hooks
    hooks.update({key: forgiving(hook) for key, hook in hooks.items()})


def uncompiled(module):
    """The module that torch.compile was given."""
    return module._orig_mod if type(module).__name__ == "OptimizedModule" else module


def _not_compiled():
    """Nothing is compiled: it would hide the layers, and take its time."""
    if "torch._dynamo" not in sys.modules:  # nothing is compiled, and importing it takes seconds
        return contextlib.nullcontext()
    return torch.compiler.set_stance("force_eager")
