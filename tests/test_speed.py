import re

import pytest
import torch
import torch.nn.functional as F
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn
from torch.utils.flop_counter import FlopCounterMode

from helpers import speed
from helpers.model import SimpleCNN
from helpers.speed import Times, Work, compare, copy_bandwidth, floor, matmul_rate, measure, recorded, work


def layers_of(cnn, relu_last=False):
    """SimpleCNN as a chain of modules, so that hooks see each step."""
    first = [cnn.pool, nn.ReLU()] if relu_last else [nn.ReLU(), cnn.pool]
    return nn.Sequential(cnn.conv1, *first, nn.Flatten(), cnn.fc1, nn.ReLU(), cnn.fc2)


def said(error):
    text = str(error.value)
    assert "\n" not in text
    return text


# -- times ---------------------------------------------------------------------------------------------


class Clock:
    """A clock that only steps move."""

    def __init__(self, monkeypatch):
        self.now = 0.0
        monkeypatch.setattr(speed.time, "perf_counter", lambda: self.now)

    def taking(self, *seconds):
        left = list(seconds)

        def step():
            self.now += left.pop(0)

        return step


def test_the_first_call_only_warms_up(monkeypatch):
    assert measure(Clock(monkeypatch).taking(100, 1, 2, 3), repeats=3) == [1, 2, 3]


def test_times_are_disturbed_where_half_of_them_took_much_longer_than_the_shortest():
    assert not Times([1.0, 1.1, 1.15, 9.0, 9.0]).disturbed, "two interruptions leave three that agree"
    assert Times([1.0, 1.0, 1.3, 1.3, 1.3]).disturbed
    assert not Times([1.0]).disturbed


def test_times_are_for_one_step_and_the_shortest_comes_first(monkeypatch):
    assert measure(Clock(monkeypatch).taking(100, 3, 5, 1, 1), repeats=2, steps=2) == [1, 4]


def test_candidates_are_measured_in_turn(monkeypatch):
    clock, order = Clock(monkeypatch), []
    times = compare({"a": lambda: order.append("a"), "b": lambda: order.append("b")}, repeats=2)
    assert order == ["a", "b"] * 3
    clock = Clock(monkeypatch)
    times = compare({"a": clock.taking(9, 1, 2), "b": clock.taking(9, 30, 40)}, repeats=2)
    assert times == {"a": [1, 2], "b": [30, 40]}
    assert (times["b"].median, times["b"].shortest, times["b"].longest) == (35, 30, 40)


def test_times_say_their_median_their_spread_and_how_many():
    assert repr(Times([0.0123, 0.011, 0.0205])) == "12.3 ms (11 to 20.5, n = 3)"
    assert repr(Times([1.25, 0.9, 2])) == "1,250 ms (900 to 2,000, n = 3)"


def test_the_gpu_is_waited_for_before_the_clock_is_read(monkeypatch):
    events = []
    monkeypatch.setattr(torch.cuda, "synchronize", lambda device: events.append("wait"))
    monkeypatch.setattr(speed.time, "perf_counter", lambda: events.append("clock") or 0.0)
    measure(lambda: events.append("step"), repeats=1, steps=2, device="cuda")
    one = ["wait", "clock", "step"]
    assert events == [*one, "wait", *one, "step", "wait", "clock"]


@pytest.mark.parametrize(
    ("wrong", "words"),
    [
        (lambda: measure(3), "step wants a function without arguments, but got 3."),
        (lambda: compare({"a": None}), "a wants a function without arguments, but got None."),
        (lambda: compare(3), "compare wants {name: step}, but got an int."),
        (lambda: measure(print, repeats=0), "repeats wants a whole number of at least 1, but got 0"),
        (lambda: measure(print, steps=1.5), "steps wants a whole number of at least 1, but got 1.5"),
    ],
)
def test_what_cannot_be_measured_is_said(wrong, words):
    with pytest.raises((TypeError, ValueError)) as error:
        wrong()
    assert words in said(error)


# -- the machine ---------------------------------------------------------------------------------------


def test_bandwidth_counts_bytes_read_and_written(monkeypatch):
    monkeypatch.setattr(speed, "measure", lambda step, **_: step() is None or Times([2.0, 4.0]))
    assert copy_bandwidth() == 2 * 4 * 2**24 / 2.0


def test_rate_counts_the_multiply_adds_of_a_matrix_product(monkeypatch):
    def count(step, **_):
        with FlopCounterMode(display=False) as counter:
            step()
        return Times([counter.get_total_flops() / 2 / 1e9, 99.0])

    monkeypatch.setattr(speed, "measure", count)
    assert matmul_rate() == pytest.approx(1e9)


@pytest.mark.parametrize("rate", [copy_bandwidth, matmul_rate, lambda: matmul_rate(dtype=torch.bfloat16)])
def test_this_machine_has_speeds(rate):
    assert 1e6 < rate() < 1e16


@pytest.mark.parametrize("device", ["meta", "meta?", "cuda:99", 3.5])
def test_a_device_that_is_not_there_is_said(device):
    for rate in (copy_bandwidth, matmul_rate):
        with pytest.raises(ValueError, match=r"device(=.* is not there| wants)") as error:
            rate(device)
        assert str(device) in said(error)


def test_whole_numbers_have_no_rate():
    with pytest.raises(TypeError, match=re.escape("but got torch.int64")):
        matmul_rate(dtype=torch.int64)


# -- the work of a training step -----------------------------------------------------------------------


def flops(model, shape):
    """What PyTorch counts for one training step, forward and backward: two for each multiply-add."""
    with FlopCounterMode(display=False) as counter:
        model(torch.zeros(shape)).sum().backward()
    return counter.get_total_flops()


def moved(layers, shape):
    """The bytes of each layer's tensors in a training step, as hooks see them, by the layer's number."""
    seen = {}
    x = torch.zeros(shape)
    for number, layer in enumerate(layers):
        parameters = list(layer.parameters())
        given = x.detach().requires_grad_(x.requires_grad)  # cut off: each layer by itself
        kept = []
        with torch.autograd.graph.saved_tensors_hooks(lambda t, kept=kept: kept.append(t) or t, lambda t: t):
            x = layer(given)
        if isinstance(layer, nn.Flatten):
            assert x.data_ptr() == given.data_ptr()
            continue
        places = [t.nbytes for t in kept if t.dtype == torch.int64]
        total = given.nbytes + x.nbytes + sum(p.nbytes for p in parameters) + sum(places)
        if x.requires_grad:
            gradient = torch.ones_like(x)
            x.backward(gradient)
            read = [gradient, *(t for t in kept if t.dtype != torch.int64)]
            if isinstance(layer, nn.MaxPool2d):
                read = [gradient]  # the input is kept too, and only its shape is looked at
            elif parameters:  # the bias is not needed again; the weight only for the gradient of the input
                read = [gradient, given, *(parameters if given.requires_grad else [])]
            total += sum(t.nbytes for t in read) + sum(places)
            total += sum(p.grad.nbytes for p in parameters if p.grad is not None)
            total += given.grad.nbytes if given.grad is not None else 0
        seen[number] = total
        x = x.detach().requires_grad_(x.requires_grad)
    return seen


MODELS = {
    "default": ({}, 4),
    "one picture": ({}, 1),
    "grey": ({"image_size": 28, "in_channels": 1, "conv_channels": 8, "kernel_size": 5, "padding": 2}, 3),
    "strided": ({"image_size": (20, 31), "stride": 2, "pool_kernel_size": 3, "pool_stride": 1}, 2),
    "wide": ({"image_size": 16, "conv_channels": 40, "hidden_features": 200, "classes": 3}, 2),
}


@pytest.mark.parametrize(("arguments", "batch"), MODELS.values(), ids=MODELS)
def test_multiply_adds_are_those_of_pytorchs_counter(arguments, batch):
    model = SimpleCNN(**arguments)
    shape = (batch, *model.image_shape)
    assert 2 * sum(one.macs for one in work(model, shape)) == flops(model, shape)


@pytest.mark.parametrize(("arguments", "batch"), MODELS.values(), ids=MODELS)
@pytest.mark.parametrize("relu_last", [False, True])
def test_bytes_are_those_of_the_tensors_that_hooks_see(arguments, batch, relu_last):
    model = SimpleCNN(**arguments)
    shape = (batch, *model.image_shape)
    layers = layers_of(model, relu_last)
    rows = work(layers, shape)
    assert [one.bytes for one in rows[1:]] == list(moved(layers, shape).values())
    if not relu_last:
        assert [one[1:] for one in work(model, shape)] == [one[1:] for one in rows]


sizes = st.integers(1, 5)


@settings(deadline=None, max_examples=20)
@given(batch=sizes, channels=sizes, hidden=sizes, kernel=st.integers(1, 4), stride=st.integers(1, 3), seen=sizes)
def test_any_chain_of_layers_counts_as_pytorch_does(batch, channels, hidden, kernel, stride, seen):
    """Two convolutions, so that one has a gradient of its input; a pool in front, which has none."""
    maps = nn.Sequential(
        nn.MaxPool2d(2, 1),
        nn.Conv2d(seen, channels, kernel, stride=stride, padding=1, bias=channels > 2),
        nn.ReLU(),
        nn.Conv2d(channels, hidden, 1),
        nn.Flatten(),
    )
    shape = (batch, seen, 9, 9)
    model = nn.Sequential(*maps, nn.Linear(maps(torch.zeros(shape)).shape[1], 3))
    rows = work(model, shape)
    assert 2 * sum(one.macs for one in rows) == flops(model, shape)
    assert [one.bytes for one in rows[1:]] == list(moved(model, shape).values())


def test_a_layer_that_does_not_learn_has_no_gradient_of_its_weight():
    model = SimpleCNN()
    model.conv1.requires_grad_(False)
    shape = (2, 3, 32, 32)
    assert 2 * sum(one.macs for one in work(model, shape)) == flops(model, shape)
    forward = {row.name: row.macs for row in speed.trace(model, shape).rows}
    macs = {one.name: one.macs for one in work(model, shape)}
    assert macs["conv1"] == forward["conv1"]
    assert macs["fc1"] == 2 * forward["fc1"]  # nothing before it learns
    assert [one.bytes for one in work(model, shape)[1:]] == list(moved(layers_of(model), shape).values())


def test_rows_are_named_after_the_layers():
    rows = work(SimpleCNN(), (128, 3, 32, 32))
    names = ["images", "conv1", "relu after conv1", "pool", "fc1", "relu after fc1", "fc2"]
    assert [one.name for one in rows] == names
    assert rows[0] == Work("images", 0, 128 * 3 * 32 * 32 * 5)
    assert rows[1].intensity == rows[1].macs / rows[1].bytes
    assert rows[2].bytes == 5 * 4 * 128 * 18 * 32 * 32


class Branch(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv1, self.conv2 = nn.Conv2d(3, 3, 1), nn.Conv2d(3, 3, 1)

    def forward(self, x):
        self.conv1(F.max_pool2d(x, 2))
        return self.conv2(x)


@pytest.mark.parametrize(
    ("model", "words"),
    [
        (nn.BatchNorm2d(3), "alone, but got BatchNorm2d"),
        (nn.Sequential(nn.Conv2d(3, 3, 1), nn.Dropout()), "but got Dropout (1)."),
        (Branch(), "one chain of layers, but got conv2, which does not take what conv1 gives."),
    ],
)
def test_layers_whose_work_is_not_known_are_refused(model, words):
    with pytest.raises(TypeError) as error:
        work(model, (2, 3, 8, 8))
    assert words in said(error)


def test_images_that_do_not_fit_are_refused():
    with pytest.raises(ValueError, match=re.escape("that the model takes, but got (2, 3, 48, 48): trace(")) as error:
        work(SimpleCNN(), (2, 3, 48, 48))
    assert "fc1" in said(error)


# -- the floor -----------------------------------------------------------------------------------------


def test_the_floor_is_the_larger_of_moving_and_multiplying():
    works = [Work("a", 100, 40), Work("b", 60, 0)]
    assert floor(works, bandwidth=20, rate=1000) == 2.0
    assert floor(works, bandwidth=1000, rate=80) == 2.0


def test_the_floor_counts_what_adam_reads_and_writes():
    model = nn.Linear(5, 3)
    optimizer = torch.optim.Adam(model.parameters())
    model(torch.ones(1, 5)).sum().backward()
    optimizer.step()
    averages = [t for state in optimizer.state.values() for t in state.values() if t.ndim]
    parameters = list(model.parameters())
    read = [*parameters, *(p.grad for p in parameters), *averages]
    written = [*parameters, *averages]
    assert floor([], 1, 1, parameters=18) == sum(t.nbytes for t in [*read, *written])


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({"bandwidth": 0}, "bandwidth wants a number above 0, but got 0"),
        ({"rate": "fast"}, "rate wants a number above 0, but got 'fast'"),
        ({"rate": float("nan")}, "rate wants a number above 0, but got nan"),
        ({"parameters": -1}, "parameters wants a whole number of at least 0, but got -1"),
    ],
)
def test_a_floor_needs_speeds(given, words):
    with pytest.raises((TypeError, ValueError)) as error:
        floor([Work("a", 1, 1)], **{"bandwidth": 1.0, "rate": 1.0} | given)
    assert words in said(error)


def test_what_was_recorded_comes_by_the_device_and_another_is_refused():
    for device in ("cpu", "cuda"):
        kept = recorded(device)
        assert kept["device"] == device
        assert {row["name"] for row in kept["rows"]} > {"tutorial's loop", "the floor"}
    with pytest.raises(ValueError, match="recorded wants one of cpu, cuda, but got 'tpu'"):
        recorded("tpu")
