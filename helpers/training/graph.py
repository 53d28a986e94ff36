"""A training step that a CUDA GPU repeats by itself: captured once, then started by one call instead of a hundred.

On a GPU the kernels of a small network end before Python has started the next ones. A CUDA graph is a recording of all
kernels of a step, with the addresses they read and write: a replay reads the batch that was copied to the recorded
place, and changes weights and averages as the step would. Python does not run again, so a model is captured only if a
step of it leaves nothing for Python to do.
"""

import contextlib
import gc
from collections import Counter

import torch

from helpers.interrupts import uninterrupted
from helpers.training.devices import is_out_of_memory
from helpers.training.replayable import held, kept, observed, settings

# What CUDA, cuBLAS and torch make at their first use, and an optimizer at its first step, must not be captured.
PLAIN_STEPS = 3


class NotCapturedError(RuntimeError):
    """A capture failed, though a plain step had shown nothing to prevent it."""


class CapturedStep:
    """Does what `plain(network, images, labels)` does, a step of a Loop, with fewer calls.

    The first PLAIN_STEPS batches of each size are trained plainly; the next is captured, and it and all later ones are
    replayed. The Meter it returns holds until the next step. What cannot be captured is trained plainly, and `say` is
    told why.
    """

    def __init__(self, plain, model, optimizer, device, say):
        self.plain, self.model, self.optimizer, self.device, self.say = plain, model, optimizer, device, say
        self.stream, self.refused = torch.cuda.Stream(device), False
        self.forget()

    def __call__(self, network, images, labels):
        if self.refused:
            return self.plain(network, images, labels)
        key = (images.shape, *map(settings, self.optimizer.param_groups))
        if key not in self.graphs:
            if self.seen[images.shape] < PLAIN_STEPS:
                self.seen[images.shape] += 1
                return self._observed(network, images, labels)
            if kept(self.model):
                self._refuse("a result of the model is kept; delete it, or compute it with torch.no_grad()")
                return self.plain(network, images, labels)
            self._capture(key, network, images, labels)
        graph, places, meter, gradients = self.graphs[key]
        for place, batch in zip(places, (images, labels), strict=True):
            place.copy_(batch)
        graph.replay()
        for parameter, gradient in gradients:  # of the last step: another graph has others
            parameter.grad = gradient
        return meter

    def checked(self):
        """Itself, at the beginning of an epoch. Whatever was changed since, between epochs, is captured anew."""
        if self.holds not in (None, held(self.model, self.optimizer)):
            self.forget()
        return self

    def forget(self):
        """Begin anew: no batch was seen. (Memory whose graphs have gone cannot be shared with a new one.)"""
        self.graphs, self.seen, self.holds = {}, Counter(), None
        self.pool = torch.cuda.graph_pool_handle()

    def close(self):
        """The optimizer is as without this."""
        self.forget()
        self._move_steps("cpu")  # where torch keeps them

    def _refuse(self, why):
        self.refused = True
        self.close()
        self.say(f"Each step is started kernel by kernel, not as one CUDA graph: {why}.")

    def _observed(self, network, images, labels):
        """A plain step, where capturing will take place. After the last one it is known whether that can be."""
        last = self.seen[images.shape] == PLAIN_STEPS
        self._move_steps(self.device)
        if last:
            torch.cuda.reset_peak_memory_stats(self.device)  # the process may have needed more before
        with observed(self.model, self.optimizer) as reasons, self._beside(), self._capturable():
            meter = self.plain(network, images.clone(), labels.clone())  # they lie in memory as when captured
        if last:
            self.holds = held(self.model, self.optimizer)
            if not reasons and not self._has_memory():
                reasons.append("the GPU has no memory for a second step")
            if reasons:
                self._refuse(reasons[0])
        return meter

    def _has_memory(self):
        """Does a second step fit beside the first? All that a step makes is made once more for a graph."""
        needed = torch.cuda.max_memory_allocated(self.device) - torch.cuda.memory_allocated(self.device)
        needed += sum(parameter.grad.nbytes for parameter in self.model.parameters() if parameter.grad is not None)
        torch.cuda.empty_cache()
        return torch.cuda.mem_get_info(self.device)[0] >= needed

    def _capture(self, key, network, images, labels):
        if any(other[1:] != key[1:] for other in self.graphs):  # of a learning rate that has passed
            self.graphs, self.pool = {}, torch.cuda.graph_pool_handle()
        graph, places, collects = torch.cuda.CUDAGraph(), (images.clone(), labels.clone()), gc.isenabled()
        how, cause = {"pool": self.pool, "stream": self.stream}, None
        gc.disable()  # an older graph that was collected meanwhile would end the capture
        try:
            # Where the end of a capture fails, torch leaves its stream in use; `_beside` does not.
            with uninterrupted(), self._beside(), self._capturable(), torch.cuda.graph(graph, **how):
                try:
                    meter = self.plain(network, *places)
                except Exception as error:
                    cause = error  # the end of the capture may fail after it, and says less
                    raise
        except RuntimeError as error:
            cause = cause or error
            if is_out_of_memory(cause):
                raise cause from None
            raise NotCapturedError(
                f"CUDA could not capture a step ({str(cause).partition(chr(10))[0]}); its random numbers may be broken "
                "now. The weights are whole: save them, start Python again, and first set "
                'helpers.training.devices.HELPS["cuda"]["graph"] = False.'
            ) from cause
        finally:
            cause = None  # it holds this frame, and its tensors, through its traceback
            if collects:
                gc.enable()
        self.graphs[key] = graph, places, meter, [(parameter, parameter.grad) for parameter in self.model.parameters()]

    def _move_steps(self, device):
        """Adam's counts of steps to a device: where they are on the CPU, a graph would not count on."""
        for group in self.optimizer.param_groups:
            if group.get("capturable") is False and not group.get("fused"):
                for parameter in group["params"]:
                    state = self.optimizer.state.get(parameter, {})
                    if "step" in state:
                        state["step"] = state["step"].to(device)

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
