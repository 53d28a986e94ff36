"""What prevents a step from being replayed without Python, found out while it is done plainly. (The replay: graph.py)

A capture that fails leaves CUDA's random numbers broken, so all of this is known before one begins.
"""

import contextlib
import gc
import random
import warnings

import numpy
import torch

WAITED = "called a synchronizing CUDA operation"
# What torch says in such a step, and is not for the learner. Adam's count is on the GPU; for the last one see `kept`.
OURS = (WAITED, "Synchronization debug mode", "capturable=True", "AccumulateGrad node's stream")
CAPTURABLE = (
    torch.optim.SGD,
    torch.optim.Adam,
    torch.optim.AdamW,
)  # and what says captures = True; a subclass may do more


@contextlib.contextmanager
def observed(model, optimizer):
    """Around one plain step: yields a list, which afterwards has whatever keeps such a step from being captured."""
    reasons, kind = [], type(optimizer)
    holds, drawn, debug = held(model, optimizer), _drawn(), torch.cuda.get_sync_debug_mode()
    with warnings.catch_warnings(record=True) as told:
        warnings.simplefilter("always")
        torch.cuda.set_sync_debug_mode("warn")  # "error" would leave half a step behind
        try:
            yield reasons
        finally:
            torch.cuda.set_sync_debug_mode(debug)
    for each in told:
        if not any(words in str(each.message) for words in OURS):
            warnings.warn_explicit(each.message, each.category, each.filename, each.lineno)
    if kind not in CAPTURABLE and not getattr(kind, "captures", False):
        reasons.append(f"{kind.__name__} is not one of {', '.join(each.__name__ for each in CAPTURABLE)}")
    if _hooks(model, optimizer):
        reasons.append("the model or the optimizer has hooks, and a graph does not call Python")
    if any(WAITED in str(each.message) for each in told):
        reasons.append("in each step the model waits for the GPU, to read a number or to copy something")
    if holds != held(model, optimizer):
        reasons.append("after each step the model or the optimizer holds something else")
    if drawn != _drawn():
        reasons.append("the model draws random numbers on the CPU")


def held(model, optimizer):
    """What a replay takes for granted: what model and optimizer hold, but for the numbers in their tensors."""
    groups = [group["params"] for group in optimizer.param_groups]
    return _mark([[vars(module) for module in model.modules()], groups, dict(optimizer.state)])


def kept(model):
    """Is a result of the model kept that could still be differentiated?

    Such a result keeps the nodes that add up the weights' gradients, with the stream they were made on: the one that
    cannot be captured. All later results share these nodes, and they are gone when the last such result is.
    """
    if not _has_old_nodes(model):
        return False
    gc.collect()  # it may be in use no more
    return _has_old_nodes(model)


def _has_old_nodes(model):
    """A node that is asked for is made, and gone at once, unless something else holds it."""
    edge = torch.autograd.graph.get_gradient_edge
    learned = [parameter for parameter in model.parameters() if parameter.requires_grad]
    for parameter in learned:
        edge(parameter).node.metadata["seen"] = True
    return any("seen" in edge(parameter).node.metadata for parameter in learned)


def settings(group):
    """An optimizer's settings, which are numbers in a graph: with others it needs another graph."""
    return tuple(_setting(value) for name, value in group.items() if name != "params")


def _setting(value):
    if isinstance(value, (list, tuple)):
        return tuple(map(_setting, value))
    # Of a tensor on the GPU the graph reads the number anew.
    return value.item() if isinstance(value, torch.Tensor) and value.device.type == "cpu" else value


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


def _hooks(model, optimizer):
    """Functions of others that Python calls in a step. (SimpleCNN's own only looks at the shape.)"""
    kinds = ("_forward_hooks", "_forward_pre_hooks", "_backward_hooks", "_backward_pre_hooks")
    found = [hook for module in model.modules() for kind in kinds for hook in getattr(module, kind).values()]
    for parameter in model.parameters():
        found += [*(parameter._backward_hooks or {}).values(), *(parameter._post_accumulate_grad_hooks or {}).values()]
    found += [*optimizer._optimizer_step_pre_hooks.values(), *optimizer._optimizer_step_post_hooks.values()]
    return [hook for hook in found if getattr(hook, "__module__", None) != "helpers.model"]
