"""CUDA graphs on the CPU: what is captured is a list of torch's operations, and a replay does them again.

As on a GPU, a capture changes nothing, its results are there only after a replay, Python does not run again, and each
operation reads and writes the memory it was captured with.
"""

import contextlib
import sys
import warnings

import torch
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves, tree_map_only


def tensors(*values):
    return [leaf for leaf in tree_leaves(values) if isinstance(leaf, torch.Tensor)]


def alike(values):
    """The same memory, and no way back through what has been computed."""
    return tree_map_only(torch.Tensor, torch.Tensor.detach, values)


def memory(tensor):
    return tensor.untyped_storage().data_ptr()


class Graph(TorchDispatchMode):
    made = ()  # all graphs of a test

    def __init__(self):
        super().__init__()
        self.calls, self.found, self.own, self.replays = [], {}, {}, 0
        Graph.made = [*Graph.made, self]

    def __torch_dispatch__(self, function, types, args=(), kwargs=None):
        args, kwargs = alike(args), alike(kwargs or {})
        for tensor in tensors(args, kwargs):
            if memory(tensor) not in self.own:
                self.found.setdefault((memory(tensor), tensor.shape), (tensor, tensor.clone()))
        results = function(*args, **kwargs)
        known = {memory(tensor) for tensor in tensors(args, kwargs)}
        new = [tensor for tensor in tensors(alike(results)) if memory(tensor) not in known]
        self.own |= {memory(tensor): tensor for tensor in new}  # kept, so that nothing else gets their memory
        self.calls.append((function, args, kwargs, alike(results)))
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
    current = None  # the stream in use

    def wait_stream(self, other):
        pass


@contextlib.contextmanager
def stream(wanted):
    before, Stream.current = Stream.current, wanted
    try:
        yield
    finally:
        Stream.current = before


class Capture:
    """torch.cuda.graph: as there, where the end of the capture fails its stream stays in use."""

    def __init__(self, graph, pool, stream):
        self.capture, self.stream = graph.capture(), stream

    def __enter__(self):
        self.before, Stream.current = Stream.current, self.stream
        self.capture.__enter__()

    def __exit__(self, *given):
        self.capture.__exit__(*given)
        Stream.current = self.before


def install(monkeypatch, free=10**8):
    """Put all this in the place of torch.cuda's; operations that would wait for a GPU warn where torch is told to."""
    Graph.made, mode, item, peak = (), ["default"], torch.Tensor.item, [10**9]  # bytes, of something earlier
    monkeypatch.setattr(Stream, "current", Stream())

    def waiting(tensor):
        if mode[0] == "warn":
            warnings.warn("called a synchronizing CUDA operation", stacklevel=2)
        return item(tensor)

    def switch(wanted):
        mode[0] = wanted
        if wanted == "warn":
            warnings.warn("Synchronization debug mode is a prototype feature", stacklevel=2)
            warnings.warn("This instance was constructed with capturable=True", stacklevel=2)
            warnings.warn("The AccumulateGrad node's stream does not match", stacklevel=2)

    monkeypatch.setattr(torch.Tensor, "item", waiting)
    instead = {
        "CUDAGraph": Graph,
        "Stream": lambda device: Stream(),
        "current_stream": lambda device: Stream.current,
        "empty_cache": lambda: None,
        "get_sync_debug_mode": lambda: mode[0],
        "graph": Capture,
        "graph_pool_handle": object,
        "max_memory_allocated": lambda device: peak[0],
        "mem_get_info": lambda device: (free, 1),
        "memory_allocated": lambda device: 0,
        "reset_peak_memory_stats": lambda device: peak.__setitem__(0, 1000),
        "set_sync_debug_mode": switch,
        "stream": stream,
    }
    for name, value in instead.items():
        monkeypatch.setattr(torch.cuda, name, value)
    # torch lets Adam count its steps in a tensor on GPUs alone.
    adam = sys.modules[torch.optim.Adam.__module__]
    monkeypatch.setattr(adam, "_get_capturable_supported_devices", lambda *given, **named: ["cpu"])


def replays():
    """How often each graph was replayed."""
    return [graph.replays for graph in Graph.made]
