"""A training step that a CUDA GPU repeats by itself: captured once, then started by one call instead of a hundred.

On a GPU the kernels of a small network end before Python has started the next ones. A CUDA graph is a recording of all
kernels of a step, with the addresses they read and write: a replay reads the batch that was copied to the recorded
place, and changes weights and averages as the step would. Python does not run again, so a model is captured only if a
step of it leaves nothing for Python to do.
"""

import contextlib
import gc
import random
import warnings
from collections import Counter

import numpy
import torch

from helpers.interrupts import uninterrupted
from helpers.training.devices import is_out_of_memory

# What CUDA, cuBLAS and torch make at their first use, and an optimizer at its first step, must not be captured.
PLAIN_STEPS = 3
WAITED = "called a synchronizing CUDA operation"
# What torch says in such a step, and is not for the learner: its last words are Adam's, whose count is on the GPU.
OURS = (WAITED, "Synchronization debug mode", "capturable=True")
CAPTURABLE = (
    torch.optim.SGD,
    torch.optim.Adam,
    torch.optim.AdamW,
)  # and what says captures = True; a subclass may do more


class NotCapturedError(RuntimeError):
    """A capture failed, though a plain step had shown nothing that speaks against it."""


class CapturedStep:
    """Does what `plain(network, images, labels)` does, a step of a Loop, with fewer calls.

    The first PLAIN_STEPS batches of each size are trained plainly; the next is captured, and it and all later ones are
    replayed. The Meter it returns holds until the next step. What cannot be captured is trained plainly, and `say` is
    told why: it is found in a plain step, for a capture that fails leaves CUDA's random numbers broken.
    """

    def __init__(self, plain, model, optimizer, device, say):
        self.plain, self.model, self.optimizer, self.device, self.say = plain, model, optimizer, device, say
        self.stream, self.refused = torch.cuda.Stream(device), False
        self.moved = []  # states of the optimizer whose count of steps is on the GPU meanwhile
        self.forget()

    def __call__(self, network, images, labels):
        if self.refused:
            return self.plain(network, images, labels)
        key = (images.shape, *map(_settings, self.optimizer.param_groups))
        if key not in self.graphs:
            if self.seen[images.shape] < PLAIN_STEPS:
                self.seen[images.shape] += 1
                return self._watched(network, images, labels)
            self._capture(key, network, images, labels)
        graph, places, meter = self.graphs[key]
        for place, batch in zip(places, (images, labels), strict=True):
            place.copy_(batch)
        graph.replay()
        return meter

    def checked(self):
        """Itself, at the beginning of an epoch. Whatever was changed since, between epochs, is captured anew."""
        if self.holds not in (None, self._held()):
            self.forget()
        return self

    def forget(self):
        """Begin anew: no batch was seen. (Memory whose graphs have gone cannot be shared with a new one.)"""
        self.graphs, self.seen, self.holds = {}, Counter(), None
        self.pool = torch.cuda.graph_pool_handle()

    def end(self):
        """The optimizer is as without this. A count of steps is back on the CPU, where torch keeps it."""
        self.forget()
        for state in self.moved:
            state["step"] = state["step"].cpu()
        self.moved.clear()

    def _watched(self, network, images, labels):
        """A plain step, where capturing will take place. After the last one it is known whether that can be."""
        self._move_steps()
        holds, drawn, debug = self._held(), _drawn(), torch.cuda.get_sync_debug_mode()
        with warnings.catch_warnings(record=True) as told:
            warnings.simplefilter("always")
            torch.cuda.set_sync_debug_mode("warn")  # "error" would leave half a step behind
            try:
                with self._beside(), self._capturable():
                    meter = self.plain(network, images.clone(), labels.clone())  # they lie in memory as when captured
            finally:
                torch.cuda.set_sync_debug_mode(debug)
        self._move_steps()
        for each in told:
            if not any(words in str(each.message) for words in OURS):
                warnings.warn_explicit(each.message, each.category, each.filename, each.lineno)
        if self.seen[images.shape] == PLAIN_STEPS:
            self.holds = self._held()
            waited = any(WAITED in str(each.message) for each in told)
            if why := self._why_not(waited, holds != self.holds, drawn != _drawn()):
                self.refused = True
                self.end()
                self.say(f"Each step is started kernel by kernel, not as one CUDA graph: {why}.")
        return meter

    def _why_not(self, waited, changed, drew):
        """What keeps a step from being captured, or None."""
        kind = type(self.optimizer)
        if kind not in CAPTURABLE and not getattr(kind, "captures", False):
            return f"{kind.__name__} is none of {', '.join(each.__name__ for each in CAPTURABLE)}"
        if _hooks(self.model, self.optimizer):
            return "the model or the optimizer has hooks, and a graph does not call Python"
        if waited:
            return "in each step the model waits for the GPU, to read a number or to copy something"
        if changed:
            return "after each step the model or the optimizer holds something else"
        if drew:
            return "the model draws random numbers on the CPU"
        needed = torch.cuda.max_memory_allocated(self.device) - torch.cuda.memory_allocated(self.device)
        torch.cuda.empty_cache()
        if torch.cuda.mem_get_info(self.device)[0] < needed:
            return "the GPU has no memory for a second step"
        return None

    def _capture(self, key, network, images, labels):
        if any(other[1:] != key[1:] for other in self.graphs):  # of a learning rate that has passed
            self.graphs, self.pool = {}, torch.cuda.graph_pool_handle()
        graph, places, collects = torch.cuda.CUDAGraph(), (images.clone(), labels.clone()), gc.isenabled()
        gc.collect()
        gc.disable()  # an older graph that was collected meanwhile would end the capture
        try:
            with uninterrupted(), self._capturable(), torch.cuda.graph(graph, pool=self.pool, stream=self.stream):
                meter = self.plain(network, *places)
        except RuntimeError as error:
            if is_out_of_memory(error):
                raise
            raise NotCapturedError(
                f"CUDA could not capture a step ({str(error).splitlines()[0]}); its random numbers may be broken now. "
                "The weights are whole: save them, start Python again, and first set "
                'helpers.training.devices.HELPS["cuda"]["graph"] = False.'
            ) from error
        finally:
            if collects:
                gc.enable()
        self.graphs[key] = graph, places, meter

    def _held(self):
        """What a replay takes for granted: what model and optimizer hold, but for the numbers in their tensors."""
        groups = [group["params"] for group in self.optimizer.param_groups]
        return _mark([[vars(module) for module in self.model.modules()], groups, dict(self.optimizer.state)])

    def _move_steps(self):
        """Adam's counts of steps to the GPU: where they are on the CPU, a graph would not count on."""
        for group in self.optimizer.param_groups:
            if group.get("capturable") is False and not group.get("fused"):
                for parameter in group["params"]:
                    state = self.optimizer.state.get(parameter, {})
                    if "step" in state and all(state is not other for other in self.moved):
                        state["step"] = state["step"].to(parameter.device)
                        self.moved.append(state)

    @contextlib.contextmanager
    def _beside(self):
        """On the stream that captures, which begins when what came before has ended, and is waited for."""
        here = torch.cuda.current_stream(self.device)
        self.stream.wait_stream(here)
        try:
            with torch.cuda.stream(self.stream):
                yield
        finally:
            here.wait_stream(self.stream)

    @contextlib.contextmanager
    def _capturable(self):
        """What holds in a capture, and in the steps before it: for other settings torch.compile would compile anew.

        Adam counts its steps on the GPU; only for a while, as that would go into checkpoints. No cast is kept: it
        belongs into the graph that uses it.
        """
        before = [(group, group["capturable"]) for group in self.optimizer.param_groups if "capturable" in group]
        casts = torch.is_autocast_cache_enabled()
        torch.set_autocast_cache_enabled(False)
        for group, _ in before:
            group["capturable"] = True
        try:
            yield
        finally:
            torch.set_autocast_cache_enabled(casts)
            for group, was in before:
                group["capturable"] = was


def _mark(value):
    """Equal to an earlier mark while the value is what it was: the same tensors, modules and objects, equal numbers."""
    if isinstance(value, dict):
        return tuple((_mark(key), _mark(part)) for key, part in value.items())
    if isinstance(value, (list, tuple)):
        return tuple(map(_mark, value))
    if isinstance(value, torch.Tensor) and value.layout is torch.strided:
        return value.data_ptr(), value.shape, value.requires_grad
    return value if isinstance(value, (int, float, str, type(None))) else id(value)


def _drawn():
    """Where the random numbers of the CPU have come to."""
    _, numbers, place, *_ = numpy.random.get_state()
    return random.getstate(), numbers.tobytes(), place, torch.get_rng_state().numpy().tobytes()


def _settings(group):
    """An optimizer's settings, which are numbers in a graph: with others it needs another graph."""
    return tuple(
        tuple(value) if isinstance(value, list) else value for name, value in group.items() if name != "params"
    )


def _hooks(model, optimizer):
    """Functions of others that Python calls in a step. (SimpleCNN's own only looks at the shape.)"""
    kinds = ("_forward_hooks", "_forward_pre_hooks", "_backward_hooks", "_backward_pre_hooks")
    found = [hook for module in model.modules() for kind in kinds for hook in getattr(module, kind).values()]
    for parameter in model.parameters():
        found += [*(parameter._backward_hooks or {}).values(), *(parameter._post_accumulate_grad_hooks or {}).values()]
    found += [*optimizer._optimizer_step_pre_hooks.values(), *optimizer._optimizer_step_post_hooks.values()]
    return [hook for hook in found if getattr(hook, "__module__", None) != "helpers.model"]
