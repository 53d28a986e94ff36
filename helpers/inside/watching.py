"""The numbers of one run: of each step what arrived, what it returned, and the weights it worked with."""

import weakref
from dataclasses import dataclass
from typing import NamedTuple

import torch
from torch import nn

from helpers.trace.notes import Step, noted

MOST = 100_000_000  # numbers kept of one run: 400 MB
WEIGHTS = ("weight", "bias", "running_mean", "running_var")


class TooManyNumbersError(ValueError):
    """These images give this model more numbers than are kept."""


class Slot(NamedTuple):
    """Stands in a step's arguments for the tensor given[place]."""

    place: int


@dataclass(frozen=True, eq=False)
class Seen:
    """A step with its tensors: copies on the CPU, half precision as float32.

    call     the layer or function; args and kwargs are what it was given, each tensor as its Slot
    given    the tensors it was given, as they were before it ran
    weights  {name: tensor} of a layer, of those that WEIGHTS names
    made     the tensors it returned
    """

    step: Step
    call: object
    args: tuple
    kwargs: dict
    given: list
    weights: dict
    made: list

    def named(self, *names):
        """{name: argument} of a function that calls its arguments so, with the tensors themselves."""
        named = dict(zip(names, self.args, strict=False)) | self.kwargs
        return {name: self.given[value.place] if isinstance(value, Slot) else value for name, value in named.items()}

    def weight(self, name, *names):
        """The layer's tensor of this name, or the function's argument; None without one."""
        return self.weights.get(name) if isinstance(self.call, nn.Module) else self.named(*names).get(name)


class Watch:
    """Keeps the numbers of a run that `follow` makes: `.seen` is {call: Seen}, `.numbers` how many there are."""

    def __init__(self):
        self.seen = {}
        self._known = {}  # id(tensor): (a weak reference to it, its version, the copy)
        self.numbers = 0

    def before(self, call, args, kwargs):
        given = []

        def slot(tensor):
            given.append(self._kept(tensor))
            return Slot(len(given) - 1)

        args, kwargs = noted((tuple(args), dict(kwargs)), slot)
        return call, args, kwargs, given

    def after(self, step, tensors, before):
        # Weights are looked at now: before its first call a lazy layer has none.
        named = {name: getattr(before[0], name, None) for name in WEIGHTS} if step.layer is not None else {}
        weights = {name: self._kept(value) for name, value in named.items() if isinstance(value, torch.Tensor)}
        self.seen[step.call] = Seen(step, *before, weights, [self._kept(tensor) for tensor in tensors])

    def _kept(self, tensor):
        """A copy; the same one as long as nothing is written into the tensor."""
        reference, version, copy = self._known.get(id(tensor), (None, None, None))
        now = None if tensor.is_inference() else tensor._version  # what has no version is copied each time
        if reference is None or reference() is not tensor or now is None or now != version:
            self.numbers += tensor.numel()
            if self.numbers > MOST:
                raise TooManyNumbersError
            copy = copied(tensor)
            self._known[id(tensor)] = weakref.ref(tensor), now, copy
        return copy


def copied(tensor):
    """A copy on the CPU, its numbers one after the other; half precision becomes float32, which loses nothing."""
    tensor = tensor.detach()
    if tensor.layout is not torch.strided or tensor.is_nested or tensor.is_quantized or tensor.is_meta:
        return torch.empty(0)  # has no numbers that could be shown
    dtype = torch.float32 if tensor.dtype in (torch.float16, torch.bfloat16) else tensor.dtype
    return tensor.to("cpu", dtype, copy=True, memory_format=torch.contiguous_format)
