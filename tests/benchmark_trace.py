"""What `trace` costs beside the forward pass that it follows: `make bench`.

A model of ResNet-18's size on pictures of 224 × 224. Both are timed in turn, in the same process; the forward pass
with gradients is that of a training step, the one without is all that a trace can save.
"""

import statistics
import time

import torch
from torch import nn

from helpers.trace import trace

REPEATS = 9


class Block(nn.Module):
    def __init__(self, inputs, outputs, stride):
        super().__init__()
        self.conv1 = nn.Conv2d(inputs, outputs, 3, stride, 1, bias=False)
        self.bn1 = nn.BatchNorm2d(outputs)
        self.conv2 = nn.Conv2d(outputs, outputs, 3, 1, 1, bias=False)
        self.bn2 = nn.BatchNorm2d(outputs)
        self.relu = nn.ReLU(inplace=True)
        self.downsample = nn.Sequential()
        if stride != 1:
            self.downsample = nn.Sequential(nn.Conv2d(inputs, outputs, 1, stride, bias=False), nn.BatchNorm2d(outputs))

    def forward(self, x):
        out = self.bn2(self.conv2(self.relu(self.bn1(self.conv1(x)))))
        return self.relu(out + self.downsample(x))


def resnet18():
    layers = [nn.Conv2d(3, 64, 7, 2, 3, bias=False), nn.BatchNorm2d(64), nn.ReLU(inplace=True), nn.MaxPool2d(3, 2, 1)]
    channels = 64
    for outputs in (64, 128, 256, 512):
        layers += [Block(channels, outputs, 1 if outputs == 64 else 2), Block(outputs, outputs, 1)]
        channels = outputs
    return nn.Sequential(*layers, nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(512, 1000))


def without_gradients(model, x):
    with torch.no_grad():
        model(x)


def seconds(run, *given):
    start = time.perf_counter()
    run(*given)
    return time.perf_counter() - start


def main():
    model = resnet18()
    size = sum(parameter.numel() for parameter in model.parameters())
    print(f"{size:,} parameters, {torch.get_num_threads()} threads, torch {torch.__version__}, n = {REPEATS}, medians")
    runs = {"forward": nn.Module.__call__, "forward without gradients": without_gradients, "trace": trace}
    for batch in (1, 8):
        x = torch.rand(batch, 3, 224, 224)
        times = {name: [] for name in runs}
        for repeat in range(REPEATS + 1):
            for name, run in runs.items():
                taken = seconds(run, model, x)
                if repeat:  # the first of each warms up
                    times[name].append(taken)
        medians = {name: statistics.median(taken) for name, taken in times.items()}
        told = ", ".join(f"{name} {median * 1000:.0f} ms" for name, median in medians.items())
        ratios = [medians["trace"] / medians[name] for name in ("forward", "forward without gradients")]
        print(f"batch {batch}: {told}; trace / forward {ratios[0]:.2f}, without gradients {ratios[1]:.2f}")


if __name__ == "__main__":
    main()
