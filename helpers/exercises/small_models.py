"""Models that a question's function is tried on: small enough for many steps within its seconds."""

import torch
from torch import nn


def small_models(generator):
    """A small one and a larger one, for pictures (2,), with the same weights for the same seed."""
    torch.manual_seed(generator.randrange(2**31))
    small, large = nn.Linear(2, 3), nn.Sequential(nn.Linear(2, 5), nn.ReLU(), nn.Linear(5, 3))
    torch.optim.SGD(small.parameters())  # the first optimizer imports much: before a learner's function has its 5 s
    return small, large
