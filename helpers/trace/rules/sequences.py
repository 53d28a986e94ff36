"""Recurrent layers and attention: their features, and the state that they are given."""

from math import gcd

import torch
from torch import nn

from helpers.trace.changes import before, replaced
from helpers.trace.finding import arriving, found, misfit, source


def sequence(run, step):
    """Recurrent layers and attention."""
    layer, shape = step.layer, step.shape
    if isinstance(step.error, TypeError):
        return  # not called as such a layer is called
    if isinstance(layer, nn.RNNBase) and shape:
        if len(shape) not in (2, 3):
            wanted = f"({'N, L' if layer.batch_first else 'L, N'}, {layer.input_size})"
            what = misfit(step, "arrives", what=shape, who=type(layer).__name__, wanted=wanted)
            change = before(step, "torch.flatten(x, 2)", lambda x: torch.flatten(x, 2))
            yield found(step, "rank", what, shape, wanted, source(run, step), change)
        elif shape[-1] != layer.input_size:
            what = misfit(
                step, "linear-width", arriving=arriving(shape[-1]), wanted=layer.input_size, each="at each place"
            )
            wanted = (*shape[:-1], layer.input_size)
            change = replaced(step, input_size=shape[-1])
            if len(shape) == 3 and shape[1] == layer.input_size:
                change = before(step, "x.transpose(1, 2)", lambda x: x.transpose(1, 2))
            yield found(step, "linear-width", what, shape, wanted, source(run, step), change)
    elif isinstance(layer, nn.MultiheadAttention) and shape and shape[-1] != layer.embed_dim:
        what = misfit(step, "linear-width", arriving=arriving(shape[-1]), wanted=layer.embed_dim, each="at each place")
        sizes = {"embed_dim": shape[-1], "kdim": shape[-1], "vdim": shape[-1]}
        change = replaced(step, num_heads=gcd(layer.num_heads, shape[-1]), **sizes)
        wanted = (*shape[:-1], layer.embed_dim)
        yield found(step, "linear-width", what, shape, wanted, source(run, step), change)
