"""How many products a step sums up: its multiply-adds."""

from math import prod

from torch import nn

from helpers.trace.notes import notes_in
from helpers.trace.operations import MATRIX, Conv, operation


def macs(step):
    """The multiply-adds of one step. What only compares, adds or scales counts 0.

    The counts are those of torch.utils.flop_counter, divided by two: convolutions, linear layers, matmul and its like,
    and einsum of two tensors. As there, a product with a single vector, nn.Bilinear and all other functions count 0.
    What flop_counter sees into on some machines only is counted by the matrices that are multiplied: recurrent layers,
    nn.MultiheadAttention, scaled_dot_product_attention.
    """
    if not step.outputs or not step.tensors:
        return 0
    layer, outputs, computed = step.layer, prod(step.outputs[0].shape), operation(step)
    if isinstance(computed, Conv):
        places = outputs // computed.out_channels  # where the kernel stands
        if computed.output_padding is not None:
            places = prod(step.shape) // computed.in_channels
        products = computed.in_channels * computed.out_channels // computed.groups
        return places * products * prod(computed.kernel_size)
    if isinstance(layer, nn.Linear):
        return outputs * layer.in_features
    if isinstance(layer, (nn.RNNBase, nn.RNNCellBase)):
        weights = sum(weight.numel() for weight in layer.parameters() if weight.dim() == 2)
        return prod(step.shape[:-1]) * weights
    if isinstance(layer, nn.MultiheadAttention):
        return _attention_layer(layer, *_given(step, "query", "key", "value"))
    return 0 if layer is not None else _of_function(step, outputs)


def _of_function(step, outputs):
    if step.kind == "linear":
        return outputs * _given(step, "input")[0][-1]
    if step.kind == "scaled_dot_product_attention":
        query, key, value = _given(step, "query", "key", "value")
        return outputs // value[-1] * key[-2] * (query[-1] + value[-1])
    if step.kind in MATRIX:
        first, second = (note.shape for note in step.notes[-2:])  # addmm has a sum before them
        return 0 if len(second) == 1 else outputs * first[-1]
    if step.kind == "einsum":
        return _einsum(step, outputs)
    return 0


def _given(step, *names):
    """The shapes of the arguments of these names, which are the first ones."""
    given = dict(zip(names, step.args, strict=False)) | step.kwargs
    return [given[name].shape for name in names]


def _attention_layer(layer, query, key, value):
    # (batch, length, features), or (length, batch, features); one sequence: (length, features).
    length, source = (query[-2], key[-2]) if layer.batch_first else (query[0], key[0])
    batch, embed = prod(query) // length // query[-1], layer.embed_dim
    projections = 2 * length * embed * embed + source * (layer.kdim + layer.vdim) * embed
    source += (layer.bias_k is not None) + layer.add_zero_attn
    return batch * (projections + 2 * length * source * embed)


def _einsum(step, outputs):
    """Two tensors: for each number of the output, a sum over the letters that both have and the output lacks."""
    equation, tensors = step.args[0], notes_in(step.args[1:])
    if not isinstance(equation, str) or len(tensors) != 2:
        return 0
    terms, arrow, output = equation.replace(" ", "").partition("->")
    first, second = terms.split(",")
    if not arrow:
        output = {letter for letter in first + second if (first + second).count(letter) == 1}
    sizes = _sizes(first, tensors[0].shape)
    shared = [letter for letter in sizes if letter in second and letter not in output]
    return outputs * prod(sizes[letter] for letter in shared) if shared else 0


def _sizes(letters, shape):
    before, _, after = letters.partition("...")
    sizes = dict(zip(before, shape, strict=False))
    return sizes | dict(zip(reversed(after), reversed(shape), strict=False))
