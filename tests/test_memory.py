"""The bytes that torch keeps for `backward` are those of the tensors that the layers' gradients need."""

import torch
import torch.nn.functional as F
from torch import nn

from helpers.memory import kept_for_backward


def test_a_linear_layer_keeps_its_input_and_one_whose_input_has_a_gradient_its_weight_too():
    x, layer = torch.zeros(5, 7), nn.Linear(7, 3)
    with kept_for_backward() as kept:
        y = layer(x)
        assert kept.bytes == 4 * 5 * 7
    with kept_for_backward() as kept:
        y = layer(x.requires_grad_())
        assert kept.bytes == 4 * (5 * 7 + 7 * 3)
    assert y.requires_grad


def test_what_two_steps_keep_is_counted_once():
    weight = torch.ones(100, requires_grad=True)
    with kept_for_backward() as kept:
        result = weight * weight + (weight * weight).view(10, 10).view(100) * weight
        assert kept.bytes == 4 * 100 * 2  # the weight, and its square
    assert result.requires_grad


def test_without_gradients_nothing_is_kept_and_what_was_kept_goes_with_backward_or_with_the_graph():
    x, layer = torch.ones(5, 7), nn.Linear(7, 3)
    with kept_for_backward() as kept:
        with torch.no_grad():
            layer(x)
        assert kept.bytes == 0
        layer(x)  # no name holds its graph
        assert kept.bytes == 0
        loss = F.relu(layer(x)).sum()
        assert kept.bytes > 0
        loss.backward()
        assert kept.bytes == 0


def test_what_is_computed_outside_of_the_block_is_not_counted():
    x, layer = torch.ones(5, 7), nn.Linear(7, 3)
    with kept_for_backward() as kept:
        inside = layer(x)
    before, outside = kept.bytes, layer(torch.ones(9, 7))
    assert kept.bytes == before > 0
    assert inside.requires_grad
    assert outside.requires_grad
