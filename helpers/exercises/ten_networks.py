"""Ten networks that get, or are, something wrong: lesson 04 shows PyTorch's messages, and asks for the causes."""

import torch
import torch.nn.functional as F
from torch import nn

from helpers.shapes import draw_shapes

NUMBER = 4  # of pictures in a batch


class _Network(nn.Module):
    """SimpleCNN as one writes it by hand: the inputs of `fc1` are a number, and the pictures are not looked at."""

    def __init__(self, kernel_size=3, padding=1):
        super().__init__()
        self.conv1 = nn.Conv2d(3, 18, kernel_size, padding=padding)
        self.pool = nn.MaxPool2d(2)
        self.fc1 = nn.Linear(4608, 64)
        self.fc2 = nn.Linear(64, 10)

    def forward(self, x):
        x = self.pool(F.relu(self.conv1(x)))
        return self.fc2(F.relu(self.fc1(torch.flatten(x, 1))))


class _NotFlattened(_Network):
    def forward(self, x):
        return self.fc2(F.relu(self.fc1(self.pool(F.relu(self.conv1(x))))))


class _Viewed(_Network):
    def forward(self, x):
        x = self.pool(F.relu(self.conv1(x)))
        return self.fc2(F.relu(self.fc1(x.view(-1, 4608))))


class _SixPools(_Network):
    def forward(self, x):
        x = self.conv1(x)
        for _ in range(6):
            x = self.pool(x)
        return x


class _WithLoss(_Network):
    def forward(self, x, labels):
        return F.cross_entropy(super().forward(x), labels)


def ten_networks():
    """{1: (model, inputs), …}: the pairs of lesson 04, `inputs` as a list. The third raises no error, the others do."""
    drawn, labels = map(torch.from_numpy, draw_shapes(NUMBER, seed=0, stream=0))  # (4, 3, 32, 32) of uint8, (4,)
    images = drawn.float() / 255
    return {
        1: (_Network(padding=0), [images]),
        2: (_NotFlattened(), [images]),
        3: (_Viewed(), [F.interpolate(images, size=(48, 48))]),
        4: (_Network(), [images.mean(1, keepdim=True)]),
        5: (_Network(), [images.permute(0, 2, 3, 1)]),
        6: (_Network(), [images[0]]),
        7: (_Network(kernel_size=7), [images[:, :, :4, :4]]),
        8: (_SixPools(), [images]),
        9: (_WithLoss(), [images, labels[:, None]]),
        10: (_Network(), [drawn]),
    }
