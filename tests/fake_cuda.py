"""CUDA graphs on the CPU: what is captured is a list of torch's operations, and a replay does them again.

As on a GPU, a capture changes nothing, its results are there only after a replay, Python does not run again, and each
operation reads and writes the memory it was captured with.
"""

import contextlib
import sys
import warnings

import torch
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves


def tensors(*values):
    return [leaf for leaf in tree_leaves(values) if isinstance(leaf, torch.Tensor)]


def memory(tensor):
    return tensor.untyped_storage().data_ptr()


class Graph(TorchDispatchMode):
    made = ()  # all graphs of a test

    def __init__(self):
        super().__init__()
        self.calls, self.found, self.own, self.replays = [], {}, {}, 0
        Graph.made = [*Graph.made, self]

    def __torch_dispatch__(self, function, types, args=(), kwargs=None):
        kwargs = kwargs or {}
        for tensor in tensors(args, kwargs):
            if memory(tensor) not in self.own:
                self.found.setdefault((memory(tensor), tensor.shape), (tensor, tensor.detach().clone()))
        results = function(*args, **kwargs)
        known = {memory(tensor) for tensor in tensors(args, kwargs)}
        new = [tensor for tensor in tensors(results) if memory(tensor) not in known]
        self.own |= {memory(tensor): tensor for tensor in new}  # kept, so that nothing else gets their memory
        self.calls.append((function, args, kwargs, results))
        return results

    @contextlib.contextmanager
    def capture(self):
        drawn = torch.get_rng_state()
        with self:
            yield
        torch.set_rng_state(drawn)
        with torch.no_grad():
            for tensor, before in self.found.values():
                tensor.copy_(before)
            for tensor in self.own.values():
                if tensor.is_floating_point():
                    tensor.fill_(float("nan"))

    @torch.no_grad()
    def replay(self):
        self.replays += 1
        for function, args, kwargs, results in self.calls:
            known = {memory(tensor) for tensor in tensors(args, kwargs)}
            for place, result in zip(tensors(results), tensors(function(*args, **kwargs)), strict=True):
                if memory(place) not in known:
                    place.copy_(result)


class Stream:
    def __init__(self, device=None):
        pass

    def wait_stream(self, other):
        pass


def install(monkeypatch, free=1):
    """Put all this in the place of torch.cuda's; operations that would wait for a GPU warn where torch is told to."""
    Graph.made, mode, item = (), ["default"], torch.Tensor.item

    def waiting(tensor):
        if mode[0] == "warn":
            warnings.warn("called a synchronizing CUDA operation", stacklevel=2)
        return item(tensor)

    def switch(wanted):
        mode[0] = wanted
        if wanted == "warn":
            warnings.warn("Synchronization debug mode is a prototype feature", stacklevel=2)
            warnings.warn("This instance was constructed with capturable=True", stacklevel=2)

    monkeypatch.setattr(torch.Tensor, "item", waiting)
    instead = {
        "CUDAGraph": Graph,
        "Stream": Stream,
        "current_stream": Stream,
        "empty_cache": lambda: None,
        "get_sync_debug_mode": lambda: mode[0],
        "graph": lambda graph, pool, stream: graph.capture(),
        "graph_pool_handle": object,
        "max_memory_allocated": lambda device: 1,
        "mem_get_info": lambda device: (free, 1),
        "memory_allocated": lambda device: 0,
        "set_sync_debug_mode": switch,
        "stream": lambda stream: contextlib.nullcontext(),
    }
    for name, value in instead.items():
        monkeypatch.setattr(torch.cuda, name, value)
    # torch lets Adam count its steps in a tensor on GPUs alone.
    adam = sys.modules[torch.optim.Adam.__module__]
    monkeypatch.setattr(adam, "_get_capturable_supported_devices", lambda *given, **named: ["cpu"])


def replays():
    """How often each graph was replayed."""
    return [graph.replays for graph in Graph.made]
