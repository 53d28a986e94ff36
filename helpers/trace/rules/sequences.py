"""Recurrent layers and attention: the features and the order of what arrives."""

from math import gcd

import torch
from torch import nn

from helpers.trace.changes import before, replaced, setting
from helpers.trace.finding import arriving, found, misfit, source
from helpers.trace.notes import mapped


def recurrent(run, step):
    """nn.RNN, nn.LSTM, nn.GRU and their cells."""
    layer, shape = step.layer, step.shape
    if not isinstance(layer, (nn.RNNBase, nn.RNNCellBase)) or not shape or isinstance(step.error, TypeError):
        return  # or not called as such a layer is called
    if isinstance(layer, nn.RNNCellBase) and len(shape) > 2:
        what = misfit(step, "arrives", what=shape, who=type(layer).__name__, wanted=f"(N, {layer.input_size})")
        why = f"A cell takes one step of a sequence. nn.{type(layer).__name__.removesuffix('Cell')} takes all of them."
        yield found(step, "rank", what, shape, f"(N, {layer.input_size})", why)
    elif len(shape) not in (2, 3) and isinstance(layer, nn.RNNBase):
        wanted = f"({'N, L' if layer.batch_first else 'L, N'}, {layer.input_size})"
        what = misfit(step, "arrives", what=shape, who=type(layer).__name__, wanted=wanted)
        yield found(step, "rank", what, shape, wanted, source(run, step), *_rows_of_maps(step, shape))
    elif shape[-1] != layer.input_size:
        each = "at each place" if isinstance(layer, nn.RNNBase) else "in each row"
        what = misfit(step, "linear-width", arriving=arriving(shape[-1]), wanted=layer.input_size, each=each)
        wanted = (*shape[:-1], layer.input_size)
        change = replaced(step, input_size=shape[-1])
        if len(shape) == 3 and shape[1] == layer.input_size:
            change = before(step, *_features_last(getattr(layer, "batch_first", True)))
        yield found(step, "linear-width", what, shape, wanted, source(run, step), change)


def _rows_of_maps(step, shape):
    """The columns of maps, from left to right, as a sequence; or all that belongs to a place in one row."""
    batch_first = step.layer.batch_first
    order = (0, 3, 1, 2) if batch_first else (3, 0, 1, 2)
    if len(shape) == 4 and shape[1] * shape[2] == step.layer.input_size:
        yield before(step, f"x.permute{order}.flatten(2)", lambda x: x.permute(order).flatten(2))
    if len(shape) == 4 and shape[1] == step.layer.input_size:
        yield before(step, *_places_of_maps(batch_first))
    yield before(step, "torch.flatten(x, 2)", lambda x: torch.flatten(x, 2))


def _features_last(batch_first, name="x"):
    """(N, C, L) as a sequence, (N, L, C) or (L, N, C): in code, and as a function."""
    if batch_first:
        return f"{name}.transpose(1, 2)", lambda x: x.transpose(1, 2)
    return f"{name}.permute(2, 0, 1)", lambda x: x.permute(2, 0, 1)


def _places_of_maps(batch_first):
    """(N, C, H, W) as a sequence of places."""
    text, do = _features_last(batch_first, "x.flatten(2)")
    return text, lambda x: do(x.flatten(2))


def attention(run, step):
    """nn.MultiheadAttention: its features, and the order of batch and places."""
    layer, shape = step.layer, step.shape
    if not isinstance(layer, nn.MultiheadAttention) or not shape or isinstance(step.error, TypeError):
        return
    wanted = (*shape[:-1], layer.embed_dim)
    if len(shape) == 4:
        fitting = f"({'N, L' if layer.batch_first else 'L, N'}, {layer.embed_dim})"
        what = misfit(step, "arrives", what=shape, who=type(layer).__name__, wanted=fitting)
        change = _of_all(step, *_places_of_maps(layer.batch_first))
        yield found(step, "rank", what, shape, fitting, source(run, step), change)
    elif shape[-1] != layer.embed_dim:
        what = misfit(step, "linear-width", arriving=arriving(shape[-1]), wanted=layer.embed_dim, each="at each place")
        sizes = {"embed_dim": shape[-1], "kdim": shape[-1], "vdim": shape[-1]}
        changes = [replaced(step, num_heads=gcd(layer.num_heads, shape[-1]), **sizes)]
        maker = run.before(step)
        if maker is not None and isinstance(maker.layer, (nn.Linear, nn.Embedding)):
            name = "out_features" if isinstance(maker.layer, nn.Linear) else "embedding_dim"
            changes.append(replaced(maker, **{name: layer.embed_dim}))
        if len(shape) == 3 and shape[1] == layer.embed_dim:
            changes.insert(0, _of_all(step, *_features_last(layer.batch_first)))
        yield found(step, "linear-width", what, shape, wanted, source(run, step), *changes)
    elif len(step.tensors) > 1:
        yield from _key(step, step.tensors[1].shape)


def _key(step, key):
    layer, shape = step.layer, step.shape
    if key[-1] != layer.kdim:
        what = misfit(step, "channels", channels=f"keys of {key[-1]} numbers arrive", wanted=f"keys of {layer.kdim}")
        why = "Queries, keys and values may have different widths, but the layer must be told."
        change = replaced(step, kdim=key[-1], vdim=key[-1])
        yield found(step, "linear-width", what, key, (*key[:-1], layer.kdim), why, change)
    elif len(shape) == len(key) == 3 and not layer.batch_first and shape[1] != key[1]:
        what = f"{step.label}: it reads {shape} as {shape[1]} sequences, and {key} as {key[1]}."
        why = "Without batch_first=True, dimension 0 is the length, and dimension 1 the batch."
        yield found(
            step, "state", what, f"{shape} and {key}", "as many sequences", why, setting(step, batch_first=True)
        )


def _of_all(step, text, do):
    """Something done to query, key and value, where they have as many dimensions as what arrives."""
    rank = len(step.shape)

    def run(function, args, kwargs, last):
        return function(*mapped(tuple(args), lambda tensor: do(tensor) if tensor.dim() == rank else tensor), **kwargs)

    return before(step, text, do)._replace(calls={step.call: run})
