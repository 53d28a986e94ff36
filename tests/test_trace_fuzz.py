"""Random models: trace never ends in an error of its own, and leaves each as it was.

`python tests/test_trace_fuzz.py 100000 [FIRST SEED]` tries as many of them, and says what went wrong with which.
"""

import contextlib
import random
import sys
import time
import warnings

import pytest
import torch
import torch.nn.functional as F
from torch import nn

from helpers.trace import rules, trace

SECONDS = 20  # for the test

# Each makes a layer of a random.Random `r`; what its class refuses is no model.
LAYERS = [
    lambda r: nn.Linear(size(r), size(r)),
    lambda r: nn.Bilinear(size(r), size(r), size(r)),
    *(
        lambda r, conv=conv: conv(size(r), size(r), *kernel(r), groups=r.choice((1, 1, 1, 2, 3)), **mode(r))
        for conv in (nn.Conv1d, nn.Conv2d, nn.Conv2d, nn.Conv3d)
    ),
    *(
        lambda r, conv=conv: conv(size(r), size(r), *kernel(r)[:3], r.choice((0, 0, 1)), r.choice((1, 1, 2)))
        for conv in (nn.ConvTranspose1d, nn.ConvTranspose2d, nn.ConvTranspose3d)
    ),
    *(
        lambda r, pool=pool: pool(*kernel(r)[:3], ceil_mode=r.random() < 0.3)
        for pool in (nn.MaxPool1d, nn.MaxPool2d, nn.MaxPool3d, nn.AvgPool1d, nn.AvgPool2d, nn.AvgPool3d)
    ),
    *(lambda r, pool=pool: pool(r.choice((1, 2, 7))) for pool in (nn.AdaptiveAvgPool1d, nn.AdaptiveAvgPool2d)),
    lambda r: nn.Flatten(r.choice((0, 1, 1, 1, 2)), r.choice((-1, -1, 2))),
    lambda r: nn.Unflatten(r.choice((0, 1, 2)), (size(r), size(r))),
    *(lambda r, norm=norm: norm(size(r)) for norm in (nn.BatchNorm1d, nn.BatchNorm2d, nn.BatchNorm3d)),
    *(lambda r, norm=norm: norm(size(r), affine=True) for norm in (nn.InstanceNorm1d, nn.InstanceNorm2d)),
    lambda r: nn.GroupNorm(r.choice((1, 2, 3)), size(r)),
    lambda r: nn.LayerNorm([size(r) for _ in range(r.choice((1, 1, 2)))]),
    lambda r: nn.RMSNorm(size(r)),
    *(lambda r, kind=kind: kind(size(r), size(r), batch_first=r.random() < 0.5) for kind in (nn.RNN, nn.LSTM, nn.GRU)),
    lambda r: nn.Embedding(size(r), size(r)),
    *(lambda r, pad=pad: pad(r.choice((1, 2, 5))) for pad in (nn.ReflectionPad2d, nn.ZeroPad2d, nn.CircularPad2d)),
    lambda r: r.choice((nn.ReLU, nn.GELU, nn.Sigmoid, nn.Identity, nn.Dropout, nn.Dropout2d, nn.Softmax))(),
    lambda r: nn.PixelShuffle(r.choice((1, 2, 3))),
    lambda r: nn.Upsample(scale_factor=r.choice((1, 2))),
    lambda r: nn.LazyLinear(size(r)),
    *(
        lambda r, conv=conv: conv(size(r), r.choice((1, 2, 3, 5)), padding=r.choice((0, 0, 1)))
        for conv in (nn.LazyConv1d, nn.LazyConv2d, nn.LazyConv3d, nn.LazyConvTranspose2d)
    ),
    *(lambda r, norm=norm: norm() for norm in (nn.LazyBatchNorm1d, nn.LazyBatchNorm2d, nn.LazyInstanceNorm2d)),
]
# The same for what stands between layers: functions of a tensor.
FUNCTIONS = [
    lambda r: lambda x: x,
    lambda r: (lambda n: lambda x: torch.flatten(x, n))(r.choice((0, 1, 1, 2))),
    lambda r: (lambda n: lambda x: x.view(-1, n))(size(r)),
    lambda r: (lambda n: lambda x: x.view(x.size(0), n))(size(r)),
    lambda r: (lambda n: lambda x: x.reshape(n, -1))(size(r)),
    lambda r: (lambda dims: lambda x: x.permute(dims))(tuple(r.sample(range(4), 4))),
    lambda r: (lambda a, b: lambda x: x.transpose(a, b))(r.randrange(4), r.randrange(4)),
    lambda r: (lambda d: lambda x: x.mean(d))(r.choice((1, -1, (2, 3)))),
    lambda r: (lambda d: lambda x: torch.cat([x, x.flatten(1)], d))(r.randrange(3)),
    lambda r: (lambda d: lambda x: torch.cat([x, x], d))(r.randrange(3)),
    lambda r: (lambda d: lambda x: torch.stack([x, x[:1]], d))(r.randrange(3)),
    lambda r: lambda x: x @ x,
    lambda r: lambda x: x @ x.mT,
    lambda r: lambda x: x + x.flatten(1),
    lambda r: lambda x: x * x[..., :1],
    lambda r: (lambda d: lambda x: x.squeeze(d))(r.randrange(3)),
    lambda r: (lambda d: lambda x: x.unsqueeze(d))(r.randrange(4)),
    lambda r: (lambda n: lambda x: x.unflatten(1, (n, -1)))(size(r)),
    lambda r: (lambda n: lambda x: x.expand(n, *x.shape[1:]))(size(r)),
    lambda r: (lambda n: lambda x: x.repeat(*(1 for _ in range(n))))(r.randrange(5)),
    lambda r: (lambda p: lambda x: F.pad(x, p))(tuple(r.choice((1, -3, 2)) for _ in range(r.choice((2, 3, 4))))),
    lambda r: (lambda how: lambda x: F.pad(x, (3, 3, 3, 3), mode=how))(r.choice(("reflect", "circular"))),
    lambda r: (lambda s, k: lambda x: F.conv2d(x, torch.ones(s), stride=k))(
        [size(r) for _ in range(4)], r.choice((1, 2, 0))
    ),
    lambda r: (lambda k: lambda x: F.max_pool2d(x, k))(r.choice((2, 3, 9))),
    lambda r: (lambda k, p: lambda x: F.avg_pool2d(x, k, padding=p))(r.choice((2, 3)), r.choice((0, 1, 2))),
    lambda r: (lambda s: lambda x: F.linear(x, torch.ones(s)))([size(r), size(r)]),
    lambda r: (lambda n: lambda x: F.group_norm(x, n))(r.choice((1, 2, 3))),
    lambda r: lambda x: F.cross_entropy(x, torch.zeros(len(x), dtype=torch.long)),
    lambda r: lambda x: F.cross_entropy(x, torch.zeros(len(x), 1)),
    lambda r: lambda x: torch.einsum("bchw->bhw", x),
    lambda r: lambda x: x.long(),
    lambda r: lambda x: x[0],
    lambda r: lambda x: x[:, 5],
    lambda r: lambda x: x[0] if isinstance(x, tuple) else x,
]


def size(r):
    return r.choice((1, 2, 3, 3, 4, 5, 6, 8, 8, 10, 12, 16, 32))


def kernel(r):
    """Kernel, stride, padding and dilation; the padding may be a word, each may be a pair."""
    padding = r.choice((0, 0, 1, 1, 2, 3, "same", (1, 2)))
    return r.choice((1, 2, 3, 3, 5, 7, (3, 1))), r.choice((1, 1, 2, 3)), padding, r.choice((1, 1, 1, 2))


def mode(r):
    return {"padding_mode": r.choice(("zeros",) * 5 + ("reflect", "circular"))}


class Chain(nn.Module):
    def __init__(self, parts):
        super().__init__()
        self.layers = nn.ModuleList(part for part in parts if isinstance(part, nn.Module))
        self.parts = [part if not isinstance(part, nn.Module) else None for part in parts]

    def forward(self, x):
        layers = iter(self.layers)
        for part in self.parts:
            x = next(layers)(x) if part is None else part(x)
        return x


def drawn(seed):
    """(model, shape) of this number, or None where a layer's own class refuses it."""
    r = random.Random(seed)
    shape = tuple(size(r) for _ in range(r.choice((1, 2, 2, 3, 3, 4, 4, 4, 4, 5))))
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        try:
            parts = [r.choice(LAYERS if r.random() < 0.65 else FUNCTIONS)(r) for _ in range(r.randint(1, 5))]
        except (ValueError, TypeError, RuntimeError, AssertionError):
            return None
        model = nn.Sequential(*parts) if all(isinstance(part, nn.Module) for part in parts) else Chain(parts)
    return model.train(r.random() < 0.5), shape


def error_of(model, x):
    """What the model itself raises, or None."""
    with torch.random.fork_rng(devices=[]), torch.no_grad(), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            model(x.clone())
        except Exception as error:
            return error
    return None


def looks(model):
    """Everything of a model that a run could change."""
    tensors = {**dict(model.named_parameters()), **dict(model.named_buffers())}
    values = {name: (id(t), t._version, None if nn.parameter.is_lazy(t) else t.tolist()) for name, t in tensors.items()}
    return values, [(type(module), module.training) for module in model.modules()], torch.get_rng_state().tolist()


def traced(model, x):
    """The Trace and None, or None and what trace raises."""
    with warnings.catch_warnings():
        warnings.simplefilter("error", UserWarning)
        warnings.filterwarnings("ignore", message="(?!trace)")  # torch's own
        try:
            return trace(model, x), None
        except Exception as error:
            return None, error


def hold(seed):
    """What is promised, for the model of this number; False if there is none."""
    made = drawn(seed)
    if made is None:
        return False
    model, shape = made
    x = torch.zeros(shape, dtype=torch.long if isinstance(next(model.modules()), nn.Embedding) else torch.float32)
    own, before = error_of(drawn(seed)[0], x), looks(model)
    result, raised = traced(model, x)
    assert looks(model) == before, f"{seed}: the model was changed"
    if raised is not None:  # then it is the model's own
        assert own is not None, f"{seed}: {raised!r} of trace, and the model runs"
        assert (type(raised), str(raised)) == (type(own), str(own)), f"{seed}: {raised!r}"
        return True
    if own is None:
        assert result.ok or result.problem.torch_message == "", f"{seed}: {result.problem}"
    else:
        assert not result.ok, f"{seed}: {own!r} is not told"
        assert "one of its own rules failed" not in result.problem.why, f"{seed}: {result.problem}"
    for text, most in ((repr(result), 20_000), (result._repr_html_(), 100_000)):
        assert len(text) < most, seed
    return True


def test_no_random_model_makes_trace_fail():
    end, held, seed = time.monotonic() + SECONDS, 0, 0
    while time.monotonic() < end and held < 200:
        held += hold(seed)
        seed += 1
    assert held > 50


@pytest.mark.parametrize("seed", [264, 351, 823, 50702])
def test_what_once_made_it_fail_does_not_any_more(seed):
    assert hold(seed)


def test_a_rule_that_fails_is_told_with_what_to_report(monkeypatch):
    def broken(*given):
        raise ZeroDivisionError

    monkeypatch.setattr(rules, "STEP_RULES", (broken,))
    problem = trace(nn.Linear(3, 4), (2, 5)).problem
    assert problem.kind == "other"
    assert problem.torch_message.startswith("RuntimeError: mat1 and mat2")
    told = "trace cannot say more, because one of its own rules failed: ZeroDivisionError in test_trace_fuzz.py, line "
    assert problem.why.startswith(told)
    assert f"(torch {torch.__version__}, Python " in problem.why
    monkeypatch.setattr(rules, "SILENT_RULES", (broken,))
    with pytest.warns(UserWarning, match="one of its own rules failed: ZeroDivisionError"):
        assert trace(nn.Linear(3, 4), (2, 3)).ok


def main(count, first=0):
    began, held, wrong = time.monotonic(), 0, 0
    for seed in range(first, first + count):
        try:
            held += hold(seed)
        except AssertionError as error:
            wrong += 1
            print(f"{wrong}: {str(error)[:400]}", flush=True)
    print(f"{held:,} models of {count:,} numbers, {wrong} with an error, {time.monotonic() - began:.0f} s")


if __name__ == "__main__":
    with contextlib.suppress(KeyboardInterrupt):
        main(*map(int, sys.argv[1:]))
