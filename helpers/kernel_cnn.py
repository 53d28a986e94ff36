"""FastCNN with the kernel of kernel.py, and the batches that it takes.

train_set = train_set.to("cuda")
train(model := KernelCNN(train_set), Numbers(train_set))
(tested := FastCNN()).load_state_dict(model.state_dict())
"""

import torch
import torch.nn.functional as F

from helpers.kernel import conv_pool_relu
from helpers.model import FastCNN


class KernelCNN(FastCNN):
    """FastCNN of the default settings, called with numbers of the set's pictures instead of pictures.

    The set stays on the device where it is, and the model must be there, too. Products are bfloat16 on GPUs that can
    (compute capability 8.0), otherwise float32.
    """

    def __init__(self, train_set):
        super().__init__(image_size=tuple(train_set.images.shape[2:]), classes=len(train_set.classes))
        self.train_set, self.image_shape = train_set, None  # None: what comes are not images
        device = train_set.images.device
        modern = device.type == "cuda" and torch.cuda.get_device_capability(device) >= (8, 0)
        self.products = torch.bfloat16 if modern else torch.float32

    def forward(self, chosen):
        x = conv_pool_relu(self.train_set, chosen, self.conv1.weight, self.conv1.bias, self.products)
        x = torch.flatten(x, 1)  # (B,) -> (B, 18, 16, 16) -> (B, 4608)
        x = F.relu(self.fc1(x))  # (B, 4608) -> (B, 64)
        return self.fc2(x)  # (B, 64) -> (B, 10)


class Numbers:
    """An ImageSet that hands out numbers of its pictures, in the order in which `batches` hands out the pictures."""

    def __init__(self, train_set):
        self.train_set, self.labels = train_set, train_set.labels

    def __len__(self):
        return len(self.labels)

    def to(self, device):
        return Numbers(self.train_set.to(device))

    def batches(self, batch_size, shuffle=False, generator=None):
        """Yield (chosen, labels): both int64 (B,)."""
        n = len(self)
        order = torch.randperm(n, generator=generator) if shuffle else torch.arange(n)
        for chosen in order.to(self.labels.device).split(batch_size):
            yield chosen, self.labels[chosen]
