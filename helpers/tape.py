"""A step's operations, noted once and done again on the same memory: a CUDA graph's idea, on any device.

tape = Tape()
with taped(tape):                   # as torch.cuda.graph(graph): noted, and not done
    loss = step(images, labels)
tape.replay()                       # done: from the same tensors, into the same tensors, without Python's model
"""

import contextlib

import torch
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves


class Tape:
    """What torch.cuda.CUDAGraph is on a GPU. `operations` are their names, in their order."""

    def __init__(self):
        self._notes = []  # (operation, its arguments, what it gave)

    @property
    def operations(self):
        return [str(operation.overloadpacket).removeprefix("aten.") for operation, *_ in self._notes]

    def replay(self):
        """Do all of it again: whatever is new goes to the memory where it was the first time."""
        with torch.no_grad():
            for operation, args, kwargs, kept in self._notes:
                for new, old in zip(_tensors(operation(*args, **kwargs)), kept, strict=True):
                    if new.data_ptr() != old.data_ptr():
                        old.copy_(new)


@contextlib.contextmanager
def taped(tape):
    """Note on the tape what is computed meanwhile. Afterwards every tensor that was changed is as it was before."""
    notes = _Notes()
    try:
        with notes:
            yield
        tape._notes = notes.taken
    finally:
        with torch.no_grad():
            for tensor, before in reversed(notes.before):
                tensor.copy_(before)


class _Notes(TorchDispatchMode):
    def __init__(self):
        super().__init__()
        self.taken, self.before = [], []

    def __torch_dispatch__(self, operation, types, args=(), kwargs=None):
        kwargs = kwargs or {}
        for number, argument in enumerate(operation._schema.arguments):
            if argument.alias_info and argument.alias_info.is_write:
                changed = args[number] if number < len(args) else kwargs.get(argument.name)
                self.before += [(tensor, tensor.clone()) for tensor in _tensors(changed)]
        result = operation(*args, **kwargs)
        if operation.namespace == "aten":  # and not the profiler's
            self.taken.append((operation, args, kwargs, _tensors(result)))
        return result


def _tensors(tree):
    return [leaf for leaf in tree_leaves(tree) if isinstance(leaf, torch.Tensor)]


def captured(step, images, labels, graph, capture):
    """A function that does step(images, labels) with any batch of this shape, by replaying one that was captured."""
    own_images, own_labels = images.clone(), labels.clone()
    step(own_images, own_labels)  # the first step makes what later ones find: the optimizer's averages
    with capture(graph):
        loss = step(own_images, own_labels)

    def replay(images, labels):
        own_images.copy_(images)
        own_labels.copy_(labels)
        graph.replay()
        return loss

    return replay


@contextlib.contextmanager
def beside(device):
    """On a GPU, a stream of its own for a while: a step is warmed up and captured on one. Elsewhere nothing."""
    if device.type != "cuda":
        yield
        return
    stream = torch.cuda.Stream(device)
    stream.wait_stream(torch.cuda.current_stream(device))
    with torch.cuda.stream(stream):
        yield
    torch.cuda.current_stream(device).wait_stream(stream)
