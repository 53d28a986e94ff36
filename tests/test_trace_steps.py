"""What `trace` runs, it leaves as it was; what it cannot run, it says; and it costs little."""

import copy
import dataclasses
import gc
import random
import signal
import threading
import traceback
import warnings
import weakref
from collections import OrderedDict, namedtuple
from concurrent.futures import ThreadPoolExecutor

import numpy
import pytest
import torch
import torch.nn.functional as F
from torch import nn
from torch.nn.utils import parametrizations
from torch.nn.utils.rnn import pack_padded_sequence
from torch.utils.checkpoint import checkpoint

from helpers.arithmetic import ShapeError
from helpers.model import SimpleCNN
from helpers.trace import trace
from helpers.trace.steps import follow

SHAPE = (2, 3, 8, 8)


class Restless(nn.Module):
    """Changes in its forward pass whatever a model can change in itself."""

    def __init__(self):
        super().__init__()
        self.conv = nn.Conv2d(3, 4, 3)
        self.norm = nn.BatchNorm2d(4)
        self.dropout = nn.Dropout(0.5)
        self.fc = nn.Linear(4, 2)
        self.scale = nn.Parameter(torch.ones(1))
        self.table = nn.Embedding(5, 3, max_norm=0.1)
        self.register_buffer("steps", torch.zeros(3))
        self.plain = torch.zeros(2)
        self.calls, self.kept, self.cache = 0, [torch.zeros(1)], {"sizes": [], "last": {}}
        self.names = {"a"}

    def forward(self, x, fail=False):
        x = self.norm(self.conv(x))
        self.features = x
        self.calls += 1
        self.kept.append(x)
        self.kept[0] += 1
        self.cache["sizes"].append(x.shape)
        self.cache["last"]["x"] = x
        self.names.add("b")
        self.steps += 1
        self.plain += 1
        with torch.no_grad():
            self.scale.mul_(2)
        self.table(torch.arange(5, device=x.device))
        self.conv.weight.requires_grad_(False)
        self.conv.stride = (2, 2)
        self.extra = nn.Linear(2, 2)
        self.register_buffer("more", x)
        self.dropout.eval()
        self.norm.train(not self.norm.training)
        self.fc.register_forward_hook(lambda *_: None)
        if fail or random.random() > 2:
            raise KeyError("fails")
        return self.fc(self.dropout(x).mean((2, 3))) * self.scale


def state_of(model):
    """All that a model is: each thing by its identity, tensors also by their numbers and their versions."""

    def of(value):
        if isinstance(value, torch.Tensor):
            grad = None if value.grad_fn is not None or value.grad is None else (id(value.grad), value.grad.tolist())
            return id(value), value._version, value.tolist(), value.requires_grad, grad, value.dtype
        if isinstance(value, dict):
            return id(value), [(key, of(part)) for key, part in value.items()]
        if isinstance(value, list):
            return id(value), [of(part) for part in value]
        if isinstance(value, set):
            return id(value), frozenset(value)
        return id(value), value if isinstance(value, (int, bool, str, tuple)) else None

    return [(name, type(module), of(vars(module))) for name, module in model.named_modules()]


def test_a_model_is_left_as_it_was_whatever_its_forward_changes():
    model = Restless()
    model(torch.randn(SHAPE)).sum().backward()
    model.conv.weight.requires_grad_(True)
    del model.extra, model.features, model._buffers["more"]
    before = state_of(model)
    assert trace(model, SHAPE).ok
    assert state_of(model) == before


class MaxNorm(nn.Linear):
    def forward(self, x):
        self.weight.data = torch.renorm(self.weight.data, 2, 0, 0.1)
        self.bias.data.clamp_(0, 0.1)
        return super().forward(x)


WRITES = {
    "data": lambda fc: fc.weight.data.clamp_(-0.01, 0.01),
    "new data": lambda fc: setattr(fc.weight, "data", fc.weight * 2),
    "detach": lambda fc: fc.weight.detach().zero_(),
    "in place": lambda fc: fc.weight.mul_(2),
    "an item": lambda fc: fc.weight.__setitem__(0, 0),
    "init": lambda fc: nn.init.uniform_(fc.bias),
    "copy": lambda fc: fc.bias.copy_(torch.ones(2)),
    "frozen": lambda fc: fc.requires_grad_(False),
    "frozen by hand": lambda fc: setattr(fc.weight, "requires_grad", False),
    "replaced": lambda fc: setattr(fc, "weight", nn.Parameter(fc.weight * 2)),
    "added": lambda fc: fc.weight.__iadd__(1),
    "gradient": lambda fc: setattr(fc.weight, "grad", torch.ones(2, 4)),
    "to": lambda fc: fc.double().float(),
    "several at once": lambda fc: torch._foreach_mul_([fc.weight, fc.bias], 2),
    "out": lambda fc: torch.mul(fc.weight, 2, out=fc.weight),
    "storage": lambda fc: fc.weight.untyped_storage().fill_(0),
    "a view": lambda fc: fc.weight.t().mul_(2),
    "a view of a view": lambda fc: fc.weight[0][1:].zero_(),
    "out, a view": lambda fc: torch.mul(fc.bias, 2, out=fc.weight[:, 0]),
    "running mean": lambda fc: F.batch_norm(torch.ones(3, 2), fc.bias, fc.bias, training=True),
}


@pytest.mark.parametrize("write", WRITES.values(), ids=WRITES)
@pytest.mark.parametrize("make", [nn.Linear, MaxNorm])
def test_weights_that_a_forward_writes_into_are_left_as_they_were(write, make):
    class Writes(nn.Module):
        def __init__(self):
            super().__init__()
            self.fc = make(4, 2)

        def forward(self, x):
            write(self.fc)
            return self.fc(x)

    model = Writes()
    F.linear(torch.ones(3, 4), model.fc.weight).sum().backward()  # there is a gradient to keep
    before = state_of(model)
    table = trace(model, (3, 4))
    assert (table.rows[-1].name, table.parameters) == ("fc", 10)
    assert state_of(model) == before


def test_a_model_whose_forward_fails_is_left_as_it_was():
    model, call = Restless(), nn.Module.__call__
    before = state_of(model)
    assert isinstance(follow(model, (torch.zeros(SHAPE),), {"fail": True}).error, KeyError)
    assert not trace(model, (2, 4, 8, 8)).ok
    assert state_of(model) == before
    assert nn.Module.__call__ is call


def test_an_interrupted_run_leaves_nothing_behind():
    class Interrupted(Restless):
        def forward(self, x):
            super().forward(x)
            raise KeyboardInterrupt

    model, call, numbers = Interrupted(), nn.Module.__call__, torch.get_rng_state()
    before = state_of(model)
    with pytest.raises(KeyboardInterrupt):
        trace(model, SHAPE)
    assert state_of(model) == before
    assert nn.Module.__call__ is call
    assert torch.equal(torch.get_rng_state(), numbers)
    assert torch.is_grad_enabled()


@pytest.mark.usefixtures("interruptible")
def test_an_interrupt_while_all_is_put_back_waits_until_it_is():
    class Interrupts(list):
        def clear(self):
            super().clear()
            signal.raise_signal(signal.SIGINT)

    model = nn.Sequential(nn.Linear(4, 2))
    model.seen = Interrupts([1, 2])
    model(torch.ones(3, 4)).sum().backward()
    before = state_of(model)
    with pytest.raises(KeyboardInterrupt):
        trace(model, (3, 4))
    assert state_of(model) == before


@pytest.mark.parametrize("shape", [SHAPE, (2, 4, 8, 8)], ids=["fits", "fails"])
def test_a_pending_backward_still_works(shape):
    parts = [
        nn.Conv2d(3, 4, 3),
        nn.BatchNorm2d(4),
        nn.Dropout(),
        nn.ReLU(inplace=True),
        nn.Flatten(),
        nn.Linear(144, 2),
    ]
    model = nn.Sequential(*parts)
    torch.manual_seed(1)
    model(torch.ones(SHAPE)).sum().backward()
    wanted = [parameter.grad.clone() for parameter in model.parameters()]
    model.zero_grad()
    torch.manual_seed(1)
    loss = model(torch.ones(SHAPE)).sum()
    trace(model, shape)
    loss.backward()
    assert all(torch.equal(p.grad, grad) for p, grad in zip(model.parameters(), wanted, strict=True))


def test_the_numbers_that_torch_and_python_draw_stay_the_same():
    torch.manual_seed(3)
    random.seed(3)
    wanted = torch.rand(3).tolist(), random.random()
    torch.manual_seed(3)
    random.seed(3)
    trace(Restless(), SHAPE)  # made, and run: making it draws too
    torch.manual_seed(3)
    random.seed(3)
    model = nn.Sequential(nn.Dropout(), nn.Dropout2d())
    trace(model, SHAPE)
    assert (torch.rand(3).tolist(), random.random()) == wanted


def test_a_model_that_draws_pythons_numbers_draws_them_again_afterwards():
    class Draws(nn.Module):
        def forward(self, x):
            return x * random.random()

    random.seed(3)
    wanted = random.random()
    random.seed(3)
    trace(Draws(), SHAPE)
    assert random.random() == wanted


def test_the_tensor_that_is_given_stays_as_it_was():
    class Writes(nn.Module):
        def forward(self, x):
            x -= 1
            return torch.relu_(x)

    for x in (torch.ones(2, 3), torch.ones(3, 2).T, torch.ones(4, 6)[::2, ::2]):
        trace(Writes(), x)
        assert torch.equal(x, torch.ones(2, 3))
        assert x._version == 0


def test_a_model_sees_the_strides_of_the_tensor_that_is_given():
    class Views(nn.Module):
        def forward(self, x):
            return x.view(-1)

    for x in (torch.zeros(3, 2).T, torch.zeros(4, 6)[::2, ::2], torch.zeros(1, 3).expand(2, 3)):
        assert "view" in str(follow(Views(), (x,)).error)
    assert follow(Views(), (torch.zeros(2, 3),)).error is None


def test_the_models_own_hooks_run_and_stay():
    model, seen = SimpleCNN(image_size=8), []
    handle = model.pool.register_forward_hook(lambda layer, args, output: seen.append(output.shape))
    model.fc1.register_forward_pre_hook(lambda layer, args: seen.append(args[0].shape))
    before = state_of(model)
    trace(model, SHAPE)
    assert seen == [(2, 18, 4, 4), (2, 288)]
    assert state_of(model) == before
    handle.remove()
    assert len(model.pool._forward_hooks) == 0


def test_a_hook_of_the_model_itself_changes_what_arrives():
    model = nn.Sequential(nn.Linear(192, 2))
    model.register_forward_pre_hook(lambda model, args: (args[0].flatten(1),))
    assert trace(model, SHAPE).rows[-1].input_shape == (2, 192)


def test_a_models_own_check_of_its_images_does_not_hide_the_layer_that_fails():
    model = SimpleCNN()
    assert trace(model, (4, 3, 40, 40)).problem.layer == "fc1"
    with pytest.raises(ShapeError):
        model(torch.zeros(4, 3, 40, 40))


def test_lazy_layers_stay_lazy():
    model = nn.Sequential(nn.LazyConv2d(4, 3), nn.LazyBatchNorm2d(), nn.Flatten(), nn.LazyLinear(2))
    model.notes = [torch.ones(1, requires_grad=True) * 2]  # of this no deep copy can be made
    kinds, numbers = str(model), torch.get_rng_state()
    table = trace(model, SHAPE)
    assert [row.kind for row in table.rows] == ["Conv2d", "BatchNorm2d", "Flatten", "Linear"]
    assert table.parameters == 4 * 27 + 4 + 8 + 144 * 2 + 2
    assert str(model) == kinds
    assert torch.equal(torch.get_rng_state(), numbers)
    assert trace(model, (2, 5, 8, 8)).rows[0].parameters == 4 * 45 + 4


def test_a_lazy_layer_that_is_never_reached_counts_nothing():
    model = nn.Sequential(nn.Conv2d(3, 4, 3), nn.Flatten(), nn.Linear(7, 5), nn.LazyLinear(2))
    assert [row.parameters for row in trace(model, SHAPE).rows] == [112, 0, 40]


# Errors that are not about shapes.


def raising(error):
    class Raises(nn.Module):
        def __init__(self):
            super().__init__()
            self.fc = nn.Linear(3, 2)

        def forward(self, x):
            x = self.fc(x)
            if error is NameError:
                return no_such_name  # noqa: F821
            if error is ZeroDivisionError:
                return x / (1 // 0)
            if error is AssertionError:
                assert x.sum() > 1e9, "the learner's own check"
            if isinstance(error, Exception):
                raise error
            return {}["missing"]

    return Raises()


@pytest.mark.parametrize("error", [NameError, KeyError, ZeroDivisionError, AssertionError])
def test_an_error_that_is_not_about_shapes_is_raised_from_the_models_own_line(error):
    with pytest.raises(error) as caught:
        trace(raising(error), (2, 3))
    frame = traceback.extract_tb(caught.value.__traceback__)[-1]
    assert (frame.filename, frame.name) == (__file__, "forward")
    assert caught.value.__cause__ is None


@pytest.mark.parametrize("error", [torch.OutOfMemoryError("CUDA out of memory"), MemoryError(), FileNotFoundError("x")])
def test_the_same_error_is_raised(error):
    with pytest.raises(type(error)) as caught:
        trace(raising(error), (2, 3))
    assert caught.value is error


def test_an_error_that_the_model_catches_itself_is_none():
    class Tries(nn.Module):
        def __init__(self):
            super().__init__()
            self.wrong, self.right = nn.Linear(4, 2), nn.Linear(3, 2)

        def forward(self, x):
            try:
                return self.wrong(x)
            except RuntimeError:
                return self.right(x)

    table = trace(Tries(), (2, 3))
    assert (table.ok, [row.name for row in table.rows]) == (True, ["right"])


# What is refused.


def said(model, given, error):
    with pytest.raises(error) as caught:
        trace(model, given)
    text = str(caught.value)
    assert text.startswith(("trace wants ", "trace: shape["))
    assert "\n" not in text
    assert len(text) < 160
    return text


def test_what_is_no_model_is_refused_in_a_sentence():
    assert "SimpleCNN(…) makes one" in said(SimpleCNN, SHAPE, TypeError)
    assert "but got None" in said(None, SHAPE, TypeError)
    assert "but got a str" in said("model", SHAPE, TypeError)
    assert "but got a function" in said(F.relu, SHAPE, TypeError)
    assert "but got an OrderedDict" in said(SimpleCNN().state_dict(), SHAPE, TypeError)


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
@pytest.mark.filterwarnings("ignore::FutureWarning")
def test_a_script_module_is_refused_in_a_sentence():
    assert "ScriptModule" in said(torch.jit.trace(nn.Linear(3, 2), torch.zeros(1, 3)), (2, 3), TypeError)


@pytest.mark.parametrize(
    ("given", "error", "part"),
    [
        (None, TypeError, "but got None. Give it a tensor, a shape such as (4, 3, 32, 32), or a list of these."),
        ("x", TypeError, "but got a str."),
        (32, TypeError, "but got an int."),
        ({}, TypeError, "but got an empty dict."),
        ((), TypeError, "but got an empty tuple."),
        ([], TypeError, "but got an empty list."),
        (["a", "b"], TypeError, "shape[0] of ['a', 'b'] wants a whole number of at least 1, but got 'a'."),
        (
            (4, 3, 32.0, 32),
            TypeError,
            "shape[2] of (4, 3, 32.0, 32) wants a whole number of at least 1, but got 32.0. Did you mean 32?",
        ),
        ((4, 3, None, 32), TypeError, "shape[2] of (4, 3, None, 32) wants a whole number of at least 1, but got None."),
        ((4, True, 8), TypeError, "shape[1] of (4, True, 8) wants a whole number of at least 1, but got True."),
        ([(2, 3), (2, "a")], TypeError, "shape[1] of (2, 'a') wants a whole number of at least 1, but got 'a'."),
        ([(2, 3), ()], ValueError, "trace wants a shape such as (4, 3, 32, 32), but got ()."),
        ([torch.zeros(2, 3), 5], TypeError, "but got a list."),
        ((4, 3, 0, 32), ValueError, "shape[2] of (4, 3, 0, 32) wants a whole number of at least 1, but got 0."),
        ((-1, 3, 32, 32), ValueError, "shape[0] of (-1, 3, 32, 32) wants a whole number of at least 1, but got -1."),
        (numpy.zeros((2, 3)), TypeError, "but got a NumPy array. torch.as_tensor(...) turns it into a tensor."),
        ((numpy.zeros(3),), TypeError, "wants a whole number"),
        (["a"] * 1000, TypeError, "but got 'a'."),
    ],
    ids=repr,
)
def test_what_is_no_input_is_refused_in_a_sentence(given, error, part):
    assert part in said(SimpleCNN(), given, error)


@pytest.mark.parametrize(
    "shape",
    [torch.Size([2, 3]), [2, 3], (numpy.int64(2), 3), [(2, 3)], [torch.zeros(2, 3)], torch.zeros(2, 3)],
    ids=repr,
)
def test_a_shape_may_be_any_row_of_whole_numbers(shape):
    assert trace(nn.Linear(3, 2), shape).rows[0].input_shape == (2, 3)


# Models of all kinds.

Pair = namedtuple("Pair", "scores features")


@dataclasses.dataclass
class Output:
    scores: torch.Tensor
    features: torch.Tensor


RESULTS = {
    "tuple": lambda x, y: (x, y),
    "dict": lambda x, y: {"scores": x, "features": y},
    "namedtuple": Pair,
    "dataclass": Output,
    "nested": lambda x, y: [x, (y, {"x": [x]})],
}


@pytest.mark.parametrize("result", RESULTS.values(), ids=RESULTS)
def test_a_model_may_return_anything(result):
    class Returns(nn.Module):
        def __init__(self):
            super().__init__()
            self.body, self.head = nn.Linear(3, 4), nn.Linear(4, 2)

        def forward(self, x):
            x = self.body(x)
            return result(self.head(x), x)

    assert [row.output_shape for row in trace(Returns(), (5, 3)).rows] == [(5, 4), (5, 2)]


def test_blocks_may_pass_dataclasses_and_dicts():
    class First(nn.Module):
        def forward(self, x):
            return Output(x.flatten(1), x)

    class Second(nn.Module):
        def forward(self, given):
            return {"x": given.scores[:, None]}

    class Blocks(nn.Module):
        def __init__(self):
            super().__init__()
            self.first, self.second = First(), Second()

        def forward(self, x):
            return self.second(self.first(x))["x"].squeeze(1)

    names = ["first: x.flatten(1)", "second: x[:, None]", "x.squeeze(1)"]
    assert [row.name for row in trace(Blocks(), SHAPE).rows] == names


def names_in(model, given):
    table = trace(model, given)
    assert table.ok, table
    return [row.name for row in table.rows]


@pytest.mark.parametrize("reentrant", [True, False])
def test_checkpointed_blocks_are_followed(reentrant):
    class Checkpointed(nn.Module):
        def __init__(self):
            super().__init__()
            self.block = nn.Sequential(nn.Conv2d(3, 4, 3), nn.ReLU(), nn.Dropout())
            self.fc = nn.Linear(144, 2)

        def forward(self, x):
            return self.fc(torch.flatten(checkpoint(self.block, x, use_reentrant=reentrant), 1))

    assert names_in(Checkpointed(), SHAPE) == ["block.0", "block.1", "block.2", "torch.flatten(x, 1)", "fc"]


@pytest.mark.parametrize(
    "wrap", [parametrizations.weight_norm, parametrizations.spectral_norm, parametrizations.orthogonal]
)
def test_a_parametrized_layer_is_a_layer(wrap):
    model = nn.Sequential(nn.Conv2d(3, 4, 3), nn.Flatten(), wrap(nn.Linear(144, 10)))
    before = state_of(model)
    table = trace(model, SHAPE)
    assert [(row.name, row.kind) for row in table.rows] == [("0", "Conv2d"), ("1", "Flatten"), ("2", "Linear")]
    assert table.parameters == sum(parameter.numel() for parameter in model.parameters())
    assert state_of(model) == before


def test_the_older_weight_norm_is_followed():
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        model = nn.Sequential(nn.utils.weight_norm(nn.Linear(3, 2)))
    weight = model[0].weight
    assert trace(model, (4, 3)).parameters == 6 + 2 + 2
    assert model[0].weight is weight


def test_a_compiled_model_is_followed_as_the_one_that_it_was_made_from():
    model = SimpleCNN(image_size=8)
    compiled = torch.compile(model, backend="eager")
    assert names_in(compiled, SHAPE) == names_in(model, SHAPE)
    compiled(torch.zeros(SHAPE))
    assert names_in(compiled, SHAPE) == names_in(model, SHAPE)
    assert compiled(torch.zeros(SHAPE)).shape == (2, 10)


def test_compiled_parts_of_a_model_are_followed():
    block = nn.Sequential(nn.Conv2d(3, 4, 3), nn.ReLU())
    block.compile(backend="eager")
    head = torch.compile(nn.Sequential(nn.Linear(144, 2)), backend="eager")
    rows = trace(nn.Sequential(block, nn.Flatten(), head, torch.compile(nn.Linear(2, 3), backend="eager")), SHAPE).rows
    assert [row.kind for row in rows] == ["Conv2d", "ReLU", "Flatten", "Linear", "Linear"]


def test_scripted_parts_of_a_model_are_called():
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        part = torch.jit.trace(nn.Linear(3, 4), torch.zeros(1, 3))
    assert names_in(nn.Sequential(part, nn.Linear(4, 2)), (5, 3))[-1] == "1"


def test_a_graph_module_is_followed():
    model = torch.fx.symbolic_trace(nn.Sequential(nn.Conv2d(3, 4, 3), nn.Flatten(), nn.Linear(144, 2)))
    assert names_in(model, SHAPE) == ["0", "1", "2"]


def test_packed_sequences_are_followed():
    class Reads(nn.Module):
        def __init__(self):
            super().__init__()
            self.embedding, self.lstm, self.fc = (nn.Embedding(9, 4), nn.LSTM(4, 3, batch_first=True), nn.Linear(3, 2))

        def forward(self, tokens):
            packed = pack_padded_sequence(self.embedding(tokens), [5, 2], batch_first=True)
            _, (h, _) = self.lstm(packed)
            return self.fc(h[-1])

    rows = trace(Reads(), (2, 5)).rows
    lstm = next(row for row in rows if row.name == "lstm")
    assert lstm.macs == (5 + 2) * 4 * 3 * (4 + 3)
    assert [row.name for row in rows if row.kind[0].isupper()] == ["embedding", "lstm", "fc"]


def test_own_autograd_functions_do_not_break_the_chain():
    class Reverse(torch.autograd.Function):
        @staticmethod
        def forward(ctx, x):
            return x.view_as(x)

        @staticmethod
        def backward(ctx, grad):
            return -grad

    class Reverses(nn.Module):
        def forward(self, x):
            return Reverse.apply(x).flatten(1)

    assert names_in(Reverses(), SHAPE)[-1] == "x.flatten(1)"


def test_a_tensor_that_is_filled_by_hand_is_followed():
    class Fills(nn.Module):
        def forward(self, x):
            out = torch.zeros(x.shape[0], 5)
            out[:, 0] = x.sum(1)
            return out.unflatten(1, (5, 1))

    assert names_in(Fills(), (2, 3)) == ["x.sum(1)", "x[:, 0] = y", "x.unflatten(1, (5, 1))"]


@pytest.mark.parametrize("mode", [torch.no_grad, torch.inference_mode, torch.enable_grad])
def test_it_works_in_every_grad_mode(mode):
    model = Restless()
    before = state_of(model)
    with mode():
        assert trace(model, SHAPE).ok
        assert not trace(model, (2, 4, 8, 8)).ok
    assert state_of(model) == before


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float64])
def test_zeros_are_of_the_models_type(dtype):
    assert trace(SimpleCNN(image_size=8).to(dtype), SHAPE).ok
    assert not trace(SimpleCNN(image_size=8).to(dtype), torch.zeros(SHAPE)).ok


def test_token_models_get_whole_numbers():
    model = nn.Sequential(nn.Embedding(9, 4), nn.Flatten(), nn.Linear(20, 2))
    assert [row.output_shape for row in trace(model, (2, 5)).rows] == [(2, 5, 4), (2, 20), (2, 2)]


def test_a_model_on_the_meta_device_is_followed():
    with torch.device("meta"):
        model = SimpleCNN(hidden_features=10**9)
    table = trace(model, (4, 3, 32, 32))
    assert table.ok
    assert table.rows[-1].parameters == 10**10 + 10


def test_autocast_computes_gradients_after_a_trace():
    model, caches = SimpleCNN(image_size=8), []
    model.pool.register_forward_hook(lambda *_: caches.append(torch.is_autocast_cache_enabled()))
    with torch.autocast("cpu", dtype=torch.bfloat16):
        assert trace(model, SHAPE).ok
        loss = model(torch.zeros(SHAPE)).sum()
    loss.backward()
    assert all(parameter.grad is not None for parameter in model.parameters())
    assert caches == [False, True]  # some versions of torch cache what was cast without gradients


def test_a_tensor_may_need_a_gradient():
    x = torch.zeros(SHAPE, requires_grad=True)
    assert trace(SimpleCNN(image_size=8), x).ok
    assert x.grad is None


def test_other_threads_are_not_noted():
    class Waits(nn.Module):
        def __init__(self, other):
            super().__init__()
            self.fc, self.other = nn.Linear(3, 2), [other]

        def forward(self, x):
            thread = threading.Thread(target=self.other[0], args=(torch.zeros(1, 3),))
            thread.start()
            thread.join()
            return self.fc(x)

    assert names_in(Waits(nn.Linear(3, 5)), (4, 3)) == ["fc"]


def test_a_weight_that_is_given_other_memory_has_its_own_again():
    class Sets(nn.Linear):
        def forward(self, x):
            self.weight.set_(torch.ones_like(self.weight))
            return super().forward(x)

    model = Sets(4, 2)
    place, numbers = model.weight.data_ptr(), model.weight.tolist()
    assert trace(model, (3, 4)).ok
    assert (model.weight.data_ptr(), model.weight.tolist()) == (place, numbers)


def test_threads_that_trace_one_model_leave_its_layers():
    model = SimpleCNN()
    layers = dict(model.named_modules())

    def follow_it():
        assert trace(model, (4, 3, 48, 48)).problem.kind == "linear-width"

    with ThreadPoolExecutor(3) as threads:
        for done in [threads.submit(follow_it) for _ in range(9)]:
            done.result()
    assert dict(model.named_modules()) == layers


def test_numpys_and_a_models_own_random_numbers_stay_the_same():
    class Draws(nn.Module):
        def __init__(self):
            super().__init__()
            self.generator = torch.Generator().manual_seed(3)

        def forward(self, x):
            return x + torch.rand(1, generator=self.generator) + numpy.random.rand()

    model = Draws()
    own, numpys = model.generator.get_state(), numpy.random.get_state()[1].tolist()
    assert trace(model, (2, 3)).ok
    assert torch.equal(model.generator.get_state(), own)
    assert numpy.random.get_state()[1].tolist() == numpys


def test_a_model_may_return_what_contains_itself_and_a_lazy_one_may_hold_a_lock():
    class Circular(nn.Module):
        def __init__(self):
            super().__init__()
            self.layer, self.lock = nn.LazyLinear(3), threading.Lock()

        def forward(self, x):
            with self.lock:
                result = [self.layer(x)]
            result.append(result)
            return result

    model = Circular()
    for whole in (model, nn.Sequential(model)):
        assert trace(whole, (2, 5)).ok
        assert isinstance(model.layer, nn.LazyLinear)


def test_a_shape_without_end_is_refused_in_a_sentence():
    with pytest.raises(
        ValueError, match=r"^trace: a tensor of shape .* has [\d,]+ numbers, and there is no memory for"
    ):
        trace(nn.Linear(3, 2), (10**7, 10**7, 3))
    with pytest.raises(ValueError, match=r"^trace: a tensor of shape \(10\*\*5000…, 3\) has 10\*\*5000… numbers, and"):
        trace(nn.Linear(3, 2), (10**5000, 3))


def test_a_trace_inside_a_trace_leaves_nothing_behind():
    class Asks(nn.Module):
        def __init__(self):
            super().__init__()
            self.fc = nn.Linear(3, 2)

        def forward(self, x):
            assert names_in(nn.Sequential(nn.Linear(3, 4), nn.ReLU()), (2, 3)) == ["0", "1"]
            return self.fc(x)

    call = nn.Module.__call__
    assert trace(Asks(), (2, 3)).rows[-1].name == "fc"
    assert nn.Module.__call__ is call


def test_a_deep_copy_of_a_traced_model_is_possible():
    model = Restless()
    trace(model, SHAPE)
    copy.deepcopy(model)


# What it costs.


def test_activations_are_not_kept():
    alive, most = weakref.WeakSet(), []

    class Watched(nn.Module):
        def forward(self, x):
            x = x + 1
            alive.add(x)
            most.append(len(alive))
            return x

    gc.disable()  # what only the collector of cycles frees is kept
    try:
        table = trace(nn.Sequential(*(nn.Sequential(Watched(), nn.ReLU(), nn.Linear(4, 4)) for _ in range(50))), (2, 4))
        assert len(table.rows) == 100
        assert max(most) <= 2
        assert len(alive) == 0
    finally:
        gc.enable()


def test_a_table_keeps_no_tensor():
    x = torch.zeros(2, 4)
    there = weakref.ref(x)
    table = trace(nn.Sequential(nn.Linear(4, 4), OrderedDictOf()), x)
    del x
    assert there() is None
    assert table.ok


class OrderedDictOf(nn.Module):
    def forward(self, x):
        return OrderedDict(x=x)
