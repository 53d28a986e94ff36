"""Pictures changed at random each time they are seen: FlipAndShift, a layer in front of a model that is trained."""

import torch
from torch import nn


class FlipAndShift(nn.Module):
    """Flips each picture of a batch with probability 1/2, and shifts it by up to `most` pixels each way, in training.

    (N, C, height, width) in and out. Where a shift leaves a gap, the border is repeated. In eval mode pictures pass as
    they are. All of it happens on the pictures' own device.
    """

    def __init__(self, most=3):
        super().__init__()
        self.most = most

    def forward(self, x):
        if not self.training:
            return x
        n, _, height, width = x.shape
        x = torch.where(torch.rand(n, 1, 1, 1, device=x.device) < 0.5, x.flip(3), x)
        rows, columns = self._shifted(n, height, x.device), self._shifted(n, width, x.device)
        which = torch.arange(n, device=x.device)[:, None, None]  # (N, 1, 1), with (N, height, 1) and (N, 1, width)
        return x[which, :, rows[:, :, None], columns[:, None, :]].permute(0, 3, 1, 2)

    def _shifted(self, n, size, device):
        """For each picture the rows, or columns, that it takes its own from: (N, size)."""
        shift = torch.randint(-self.most, self.most + 1, (n, 1), device=device)
        return (torch.arange(size, device=device) + shift).clamp(0, size - 1)
