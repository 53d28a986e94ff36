"""Measuring: how long a step takes, what the machine can do, and how long a training step must take at least.

times = compare({"plain": step, "fast": other})      # in turn; times["fast"].median is in seconds
works = work(SimpleCNN(), (128, 3, 32, 32))          # what each layer must compute and move in a training step
floor(works, copy_bandwidth(), matmul_rate(), parameters=296_130)                        # seconds, at least
recorded("cuda")["rows"]                             # what was measured on a machine with a GPU
"""

import json
import statistics
import time
from math import prod
from pathlib import Path
from typing import NamedTuple

import torch
from torch import nn

from helpers.arguments import kind_of, positive, short, whole
from helpers.trace import trace
from helpers.trace.operations import FLATTENING
from helpers.training.devices import check_device

DISTURBED = 1.2  # times the shortest: with nothing else to do, the median of a few steps stays below that
FLOAT, INDEX, BYTE = 4, 8, 1  # bytes of a float32, of the place of a maximum (int64), of a colour of a pixel


class Times(list):
    """Seconds for each step, shortest first. `.median`; `.shortest` to `.longest` is how far they spread."""

    def __init__(self, seconds):
        super().__init__(sorted(seconds))

    @property
    def median(self):
        return statistics.median(self)

    @property
    def shortest(self):
        return self[0]

    @property
    def longest(self):
        return self[-1]

    @property
    def disturbed(self):
        """Did half of them take much longer than the shortest? Then something else was running."""
        return self.median > DISTURBED * self.shortest

    def __repr__(self):
        told = (1000 * value for value in (self.shortest, self.median, self.longest))
        low, middle, high = (f"{ms:.3g}" if ms < 999.5 else f"{ms:,.0f}" for ms in told)
        return f"{middle} ms ({low} to {high}, n = {len(self)})"


class Work(NamedTuple):
    """What one layer must do in a training step: `macs` multiply-adds, and `bytes` read or written."""

    name: str
    macs: int
    bytes: int

    @property
    def intensity(self):
        """Multiply-adds for each byte."""
        return self.macs / self.bytes


def measure(step, *, repeats=5, steps=1, device=None):
    """Call `step()` `steps` times in a row, and that `repeats` times; return the Times, seconds for one call.

    Once before, it is called without being timed: what is made only once is not counted. A GPU works on after
    a call has returned, so the clock is read when it is done: `device`, or without one every GPU in use.
    Raises TypeError or ValueError for what cannot be called or counted.
    """
    return compare({"": step}, repeats=repeats, steps=steps, device=device)[""]


def compare(candidates, *, repeats=5, steps=1, device=None):
    """Measure {name: step} in turn, a, b, a, b, ...: what slows the machine for a while slows all of them.

    Returns {name: Times}. The rest is as in `measure`.
    """
    repeats, steps = whole("repeats", repeats, least=1), whole("steps", steps, least=1)
    if not isinstance(candidates, dict):
        raise TypeError(f"compare wants {{name: step}}, but got {kind_of(candidates)}.")
    for name, step in candidates.items():
        if not callable(step):
            raise TypeError(f"{name or 'step'} wants a function without arguments, but got {short(step)}.")
    seconds = {name: [] for name in candidates}
    for repeat in range(repeats + 1):
        for name, step in candidates.items():
            _wait(device)
            start = time.perf_counter()
            for _ in range(steps if repeat else 1):
                step()
            _wait(device)
            if repeat:  # the first one of each warms up
                seconds[name].append((time.perf_counter() - start) / steps)
    return {name: Times(values) for name, values in seconds.items()}


def copy_bandwidth(device="cpu"):
    """Bytes per second, read and written together, that copying a large tensor reaches: the best of seven.

    The tensors, 64 MiB each, are larger than most caches. A layer whose numbers are still in a cache is faster.
    """
    source = torch.ones(2**24, device=check_device(device))
    target = torch.empty_like(source)
    times = measure(lambda: target.copy_(source), repeats=7, steps=_steps(source), device=device)
    return 2 * FLOAT * source.numel() / times.shortest


def matmul_rate(device="cpu", dtype=torch.float32):
    """Multiply-adds per second that multiplying two large matrices of this dtype reaches: the best of four."""
    if not isinstance(dtype, torch.dtype) or not dtype.is_floating_point:
        raise TypeError(f"dtype wants floats, such as torch.float32 or torch.bfloat16, but got {dtype!r}.")
    device = check_device(device)
    size = 1536 if device.type == "cpu" else 4096
    left, right = torch.ones(2, size, size, device=device, dtype=dtype)
    times = measure(lambda: left @ right, repeats=4, steps=_steps(left), device=device)
    return size**3 / times.shortest


def work(model, shape):
    """The Work of each layer in a training step on images of this shape, (N, C, H, W): every layer by itself.

    Each tensor that a layer needs moves once forward and once backward, as float32. With x, y, w for how many
    numbers its input, output and parameters are, and m for its multiply-adds (helpers.trace counts them):

    Conv2d, Linear   forward: x, w read, y written; m. Backward, the gradient of the weight: that of y and x
                     read, that of w written; m. And the gradient of x: w read, that of x written; m.
                     (torch's derivatives.yaml: convolution_backward, linear_backward)
    relu             forward: x read, y written. Backward: that of y and y read, that of x written.
                     (threshold_backward asks for the result)
    max pooling      forward: x read, y and the place of each maximum, 8 bytes, written. Backward: that of y
                     and the places read, that of x written. (max_pool2d_with_indices_backward)
    flatten          nothing, where planes lie one after the other: the same memory, read in another way

    A gradient that nobody asks for is not made: that of the images, and so that of the first layer's x; what
    only it would need is not kept. The first row is the images themselves: a byte for each colour read, a
    float32 written. The loss, a few numbers for each image, is left out, and so is the optimizer: see `floor`.

    Raises ValueError if the model does not fit the shape, and TypeError for other layers or a branch.
    """
    traced = trace(model, shape)
    if traced.problem:
        where = f"trace(model, {tuple(shape)}) says why {traced.problem.layer} cannot work"
        raise ValueError(f"shape wants images that the model takes, but got {tuple(shape)}: {where}.")
    layers, works = dict(model.named_modules()), [Work("images", 0, prod(shape) * (BYTE + FLOAT))]
    wants_gradient, arrived, after = False, tuple(shape), "images"
    for row in traced.rows:
        x, y = prod(row.input_shape), prod(row.output_shape)
        if row.input_shape != arrived:
            raise TypeError(
                f"model wants one chain of layers, but got {row.name}, which does not take what {after} gives."
            )
        if isinstance(layer := layers.get(row.name), (nn.Conv2d, nn.Linear)):
            w = sum(parameter.numel() for parameter in layer.parameters())
            learned = sum(parameter.numel() for parameter in layer.parameters() if parameter.requires_grad)
            moved = x + w + y
            if learned or wants_gradient:
                moved += y + (x + learned if learned else 0) + (w + x if wants_gradient else 0)
            times = 1 + layer.weight.requires_grad + wants_gradient
            works.append(Work(row.name, row.macs * times, moved * FLOAT))
            wants_gradient = wants_gradient or learned > 0
        elif row.kind in ("relu", "relu_", "ReLU"):
            works.append(Work(f"relu after {after}", 0, (x + y + (y + y + x) * wants_gradient) * FLOAT))
        elif row.kind in ("MaxPool2d", "max_pool2d"):
            back = (y + x) * FLOAT + 2 * y * INDEX
            works.append(Work(row.name, 0, (x + y) * FLOAT + back * wants_gradient))
        elif row.kind not in FLATTENING:
            known = "Conv2d, Linear, relu, MaxPool2d and flatten"
            raise TypeError(f"model wants {known} alone, but got {row.kind} ({row.name}).")
        arrived, after = row.output_shape, works[-1].name
    return works


def floor(works, bandwidth, rate, parameters=0):
    """Seconds that a training step takes at least: its bytes over the bandwidth, or its multiply-adds over the rate.

    Whichever is larger, as a machine may do both at once. works: of `work`. bandwidth: bytes per second, of
    `copy_bandwidth`. rate: multiply-adds per second, of `matmul_rate`. parameters: how many numbers Adam
    updates; for each it reads the parameter, its gradient and two averages, and writes all but the gradient.

    No step whose layers run each by itself and find nothing in a cache is faster than this; one that keeps
    numbers in a cache may be. Raises TypeError or ValueError for what is not a number, or not above 0.
    """
    bandwidth, rate = positive("bandwidth", bandwidth), positive("rate", rate)
    moved = sum(one.bytes for one in works) + whole("parameters", parameters, least=0) * 7 * FLOAT
    return max(moved / bandwidth, sum(one.macs for one in works) / rate)


def recorded(device):
    """What was measured, as it is kept with the course: "cpu" or "cuda". `rows` are the ways to train."""
    kept = {path.stem.removeprefix("training-"): path for path in (Path(__file__).parent / "measured").glob("*.json")}
    if device not in kept:
        raise ValueError(f"recorded wants one of {', '.join(sorted(kept))}, but got {device!r}.")
    return json.loads(kept[device].read_text("utf-8"))


# -- details -------------------------------------------------------------------------------------------


def _wait(device):
    """Until the GPU has done all that it was told."""
    kind = None if device is None else torch.device(device).type
    if kind == "cuda" or (kind is None and torch.cuda.is_initialized()):
        torch.cuda.synchronize(device)
    if kind == "mps" or (kind is None and torch.backends.mps.is_available()):
        torch.mps.synchronize()


def _steps(tensor):
    """How many in a row: on a GPU one alone would be as short as starting it."""
    return 1 if tensor.device.type == "cpu" else 20
