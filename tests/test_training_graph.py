"""Training with a captured step: on a CPU, which replays operations as a GPU does kernels (fake_cuda.py)."""

import contextlib
import copy
import gc
import itertools
import random
import signal
import warnings

import fake_cuda
import numpy as np
import pytest
import torch
from test_training import Dropping, TinySet, quietly, said, weights
from torch import nn

from helpers.model import FastCNN
from helpers.training import (
    BatchTooLargeError,
    DivergedError,
    History,
    TrainingError,
    graph,
    replayable,
    resume,
    save_checkpoint,
)
from helpers.training import loop as loops
from helpers.training.devices import HELPS
from helpers.training.graph import PLAIN_STEPS
from helpers.training.loop import Loop

EPOCHS = 6  # of TinySet: 16 + 16 + 16 + 2 images. The short batch is captured in the fourth epoch.


@pytest.fixture
def graphs(monkeypatch):
    """Steps are captured; a function that switches this off again, to compare."""
    fake_cuda.install(monkeypatch)
    monkeypatch.setitem(HELPS["cpu"], "graph", True)
    return lambda: monkeypatch.setitem(HELPS["cpu"], "graph", False)


def small():
    torch.manual_seed(0)
    return FastCNN(image_size=8, classes=3, conv_channels=4, hidden_features=8)


def trained(make, optimizer=None, epochs=EPOCHS, between=None, **how):
    """(model, optimizer, History): trained for some epochs; `between(model, optimizer, history)` comes after each."""
    model = make()
    optimizer = optimizer(model.parameters()) if optimizer else None
    if between:
        how["after_epoch"] = lambda history: between(model, optimizer, history)
    return model, optimizer, quietly(model, TinySet(), TinySet(20, seed=1), optimizer=optimizer, epochs=epochs, **how)


def hold(graphs, make, optimizer=None, **how):
    """The same training with and without graphs has the same losses, accuracies and weights, to rounding."""
    model, own, history = trained(make, optimizer, **how)
    found = fake_cuda.replays()
    graphs()
    plain, other, expected = trained(make, optimizer, **how)
    assert fake_cuda.replays() == found
    assert history.loss == pytest.approx(expected.loss, rel=1e-4)
    assert history.train_accuracy == pytest.approx(expected.train_accuracy)
    assert history.test_accuracy == pytest.approx(expected.test_accuracy)
    torch.testing.assert_close(dict(model.state_dict()), dict(plain.state_dict()), rtol=1e-3, atol=1e-5)
    if own:
        torch.testing.assert_close(own.state_dict()["state"], other.state_dict()["state"], rtol=1e-3, atol=1e-5)
        assert own.state_dict()["param_groups"] == other.state_dict()["param_groups"]
    return found


# -- a graph for each size of batch, and the numbers of the plain loop ---------------------------------


def test_switched_off_nothing_is_captured():
    assert not any(switches["graph"] for switches in HELPS.values())
    assert Loop(small(), TinySet(), None, torch.device("cpu"), batch_size=16, lr=1e-3).captured is None


def test_the_losses_are_those_of_the_plain_loop_and_each_size_of_batch_has_its_graph(graphs):
    # 18 batches of 16, and 6 of 2; of each the first three are plain.
    assert hold(graphs, small) == [15, 3]


def test_python_does_not_run_again(graphs):
    calls = []

    class Counting(FastCNN):
        def forward(self, x):
            if self.training:
                calls.append(len(x))
            return super().forward(x)

    quietly(Counting(image_size=8, classes=3), TinySet(), epochs=EPOCHS)
    assert sorted(calls) == [2] * 4 + [16] * 4  # three plain steps of each size, and the one that is captured


def test_dropout_draws_anew_in_each_replay_and_batchnorms_means_go_on(graphs, monkeypatch):
    monkeypatch.setattr(replayable, "_drawn", lambda: None)  # on this "GPU" dropout draws the CPU's numbers
    assert hold(graphs, Dropping) == [15, 3]


def test_bfloat16_is_captured_without_autocasts_cache(graphs, monkeypatch):
    cached, before = [], fake_cuda.Graph.capture

    def capture(graph):
        cached.append(torch.is_autocast_cache_enabled())
        return before(graph)

    monkeypatch.setattr(fake_cuda.Graph, "capture", capture)
    assert hold(graphs, small, precision="bfloat16") == [15, 3]
    assert cached == [False, False]
    assert torch.is_autocast_cache_enabled()


def test_the_steps_before_a_capture_have_its_setting_of_autocast_which_torch_compile_looks_at(graphs, monkeypatch):
    cached, plain = [], graph.CapturedStep._observed

    def watched(step, network, *batch):
        hook = network.register_forward_pre_hook(lambda *_: cached.append(torch.is_autocast_cache_enabled()))
        try:
            return plain(step, network, *batch)
        finally:
            hook.remove()

    monkeypatch.setattr(graph.CapturedStep, "_observed", watched)
    hold(graphs, small, precision="bfloat16")
    assert cached
    assert not any(cached)


@pytest.mark.parametrize(
    "optimizer",
    [
        torch.optim.Adam,
        lambda parameters: torch.optim.AdamW(parameters, lr=1e-2, amsgrad=True),
        lambda parameters: torch.optim.SGD(parameters, lr=0.1),
        lambda parameters: torch.optim.SGD(parameters, lr=0.05, momentum=0.9, dampening=0.5, weight_decay=0.01),
        lambda parameters: torch.optim.Adam(list(parameters)[:2], lr=1e-2),
    ],
)
def test_a_given_optimizer_does_what_it_does_without_and_is_as_without_afterwards(graphs, optimizer):
    assert hold(graphs, small, optimizer) == [15, 3]


class Count:
    """A count of steps that notes where it was sent."""

    def __init__(self):
        self.places = []

    def to(self, device):
        self.places.append(str(device))
        return self


@pytest.mark.parametrize(("how", "places"), [({}, ["cuda", "cpu"]), ({"capturable": True}, []), ({"fused": True}, [])])
def test_the_count_of_steps_is_on_the_gpu_for_as_long_as_a_graph_may_hold_it(graphs, how, places):
    weight, count = nn.Parameter(torch.ones(1)), Count()
    optimizer = torch.optim.Adam([weight], **how)
    optimizer.state[weight]["step"] = count
    step = graph.CapturedStep(None, nn.Linear(1, 1), optimizer, torch.device("cuda"), print)
    step._move_steps(step.device)
    step.close()
    assert count.places == places


def test_an_optimizer_goes_on_with_its_averages(graphs):
    def twice():
        model = small()
        optimizer = torch.optim.Adam(model.parameters())
        first = quietly(model, TinySet(), epochs=2, optimizer=optimizer)
        return first.joined(quietly(model, TinySet(), epochs=2, optimizer=optimizer, seed=2)), weights(model)

    history, ours = twice()
    graphs()
    expected, plain = twice()
    assert history.loss == pytest.approx(expected.loss, rel=1e-4)
    torch.testing.assert_close(ours, plain, rtol=1e-3, atol=1e-5)


def test_a_checkpoint_that_is_written_meanwhile_is_that_of_a_plain_training(graphs, tmp_path):
    def save(model, optimizer, history):
        save_checkpoint(tmp_path / f"{len(history.loss)}.pt", model, optimizer, history)

    trained(small, torch.optim.Adam, epochs=4, between=save)
    graphs()
    model = small()
    optimizer = torch.optim.Adam(model.parameters())
    history = resume(tmp_path / "2.pt", model, optimizer)
    assert optimizer.param_groups[0]["capturable"] is False
    later = quietly(model, TinySet(), epochs=2, optimizer=optimizer, seed=2)
    assert history.joined(later).loss == pytest.approx(trained(small, torch.optim.Adam, epochs=4)[2].loss, rel=1e-4)


def test_after_each_step_the_gradients_are_those_of_that_step(graphs):
    def steps():
        model, found = small(), []
        loop = Loop(model, TinySet(), None, torch.device("cpu"), batch_size=16, lr=1e-3)
        for epoch in range(5):
            for _ in loop.epoch(epoch, History()):
                found.append([parameter.grad.clone() for parameter in model.parameters()])
        return found

    found = steps()
    assert fake_cuda.replays() == [12, 2]  # in turn, in the fifth epoch
    graphs()
    torch.testing.assert_close(found, steps(), rtol=1e-3, atol=1e-5)


needs_cuda = pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA GPU")


@needs_cuda
@pytest.mark.parametrize("make", [small, Dropping])
@pytest.mark.parametrize("optimizer", [None, torch.optim.Adam, lambda parameters: torch.optim.SGD(parameters, lr=0.1)])
def test_on_a_gpu_too_the_losses_are_those_of_the_plain_loop(monkeypatch, capsys, make, optimizer):
    found = []
    for captured in (True, False):
        monkeypatch.setitem(HELPS["cuda"], "graph", captured)
        found.append(trained(make, optimizer, device="cuda", progress=True)[2])
    assert found[0].loss == pytest.approx(found[1].loss, rel=1e-3)
    assert found[0].test_accuracy == pytest.approx(found[1].test_accuracy, abs=0.11)
    assert "CUDA graph" not in capsys.readouterr().out


@needs_cuda
def test_on_a_gpu_a_result_that_is_kept_is_noticed_before_capturing(monkeypatch, capsys):
    monkeypatch.setitem(HELPS["cuda"], "graph", True)
    model = small().cuda()
    result = model(torch.zeros(1, 3, 8, 8, device="cuda"))
    trained(lambda: model, device="cuda", progress=True)
    assert "CUDA graph: a result of the model is kept" in capsys.readouterr().out
    del result
    assert torch.cuda.current_stream() == torch.cuda.default_stream()


@needs_cuda
def test_on_a_gpu_a_model_that_reads_a_number_back_is_noticed_before_it_is_captured(monkeypatch, capsys):
    monkeypatch.setitem(HELPS["cuda"], "graph", True)
    trained(Reads, device="cuda", progress=True)
    assert "CUDA graph: in each step the model waits for the GPU" in capsys.readouterr().out
    torch.randn(2, device="cuda")  # CUDA's random numbers are whole


# -- what is changed between two epochs ----------------------------------------------------------------


def halve(model, optimizer, history):
    optimizer.param_groups[0]["lr"] /= 2


def halve_in_place(model, optimizer, history):
    optimizer.param_groups[0]["lr"].div_(2)


def freeze(model, optimizer, history):
    model.conv1.requires_grad_(len(history.loss) < 3)


def replace(model, optimizer, history):
    if len(history.loss) == 3:
        weight = torch.nn.Parameter(model.fc2.weight.detach() / 2)
        model.fc2.weight = weight
        optimizer.add_param_group({"params": [weight]})


def put_back(model, optimizer, history, kept={}):  # noqa: B006 (from the second epoch to the fourth)
    if len(history.loss) == 2:
        kept.update(copy.deepcopy({"model": model.state_dict(), "optimizer": optimizer.state_dict()}))
    if len(history.loss) == 4:
        model.load_state_dict(kept["model"])
        optimizer.load_state_dict(kept["optimizer"])


@pytest.mark.parametrize("between", [halve, freeze, replace, put_back])
def test_what_is_changed_after_an_epoch_holds_in_the_next(graphs, between):
    assert hold(graphs, small, torch.optim.Adam, between=between) != [15, 3]


@pytest.mark.parametrize("epoch", [1, 2])  # judged already, captured already
def test_a_hook_that_comes_after_an_epoch_is_called_in_the_next(graphs, epoch):
    called = []

    def between(model, optimizer, history):
        if len(history.loss) == epoch:
            model.fc2.register_forward_hook(lambda layer, args, out: called.append(1) if layer.training else None)

    images = TinySet(48)  # 16 + 16 + 16: the third step of the first epoch judges, the next is captured
    model = small()
    quietly(model, images, epochs=4, after_epoch=lambda history: between(model, None, history))
    assert len(called) == 3 * (4 - epoch)


def test_a_setting_of_a_layer_that_is_changed_after_an_epoch_holds_in_the_next(graphs, monkeypatch):
    def between(model, optimizer, history):
        if len(history.loss) == 3:
            model.norm.momentum = 0.9

    monkeypatch.setattr(replayable, "_drawn", lambda: None)
    hold(graphs, Dropping, torch.optim.Adam, between=between)


def test_a_learning_rate_in_a_tensor_may_be_changed_in_place(graphs):
    def optimizer(parameters):
        return torch.optim.Adam(parameters, lr=torch.tensor(0.01), foreach=False)

    assert hold(graphs, small, optimizer, between=halve_in_place) != [15, 3]


def test_of_learning_rates_that_have_passed_no_graph_is_kept(graphs):
    kept = []
    model = small()
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    loop = Loop(model, TinySet(), None, torch.device("cpu"), batch_size=16, lr=1, optimizer=optimizer)
    for epoch in range(7):
        halve(model, optimizer, None)
        list(loop.epoch(epoch, History()))
        kept.append(len(loop.captured.graphs))
    assert kept == [0, 1, 1, 2, 2, 2, 2]


# -- what cannot be captured is trained plainly --------------------------------------------------------


class Model(nn.Module):
    """One layer, and what a subclass does beside it."""

    def __init__(self):
        super().__init__()
        torch.manual_seed(0)
        self.layer, self.steps, self.kept = nn.Linear(192, 3), 0, []

    def forward(self, x):
        return self.layer(self.beside(torch.flatten(x, 1)))

    def beside(self, x):
        return x


class Reads(Model):
    def beside(self, x):
        return x / (1 + abs(x.mean().item()))


class Counts(Model):
    def beside(self, x):
        self.steps += self.training
        return x / self.steps if self.steps else x


class Keeps(Model):
    def beside(self, x):
        self.kept.append(x)
        return x


class Remembers(Model):
    def beside(self, x):
        self.last = x.mean(0)
        return x


class Draws(Model):
    def beside(self, x):
        return x * random.choice((1, 2)) if self.training else x


class DrawsNumpy(Model):
    def beside(self, x):
        return x * np.random.rand() if self.training else x


class DrawsOnTheCPU(Model):
    def beside(self, x):
        return x * torch.rand(()) if self.training else x


class Hooked(Model):
    def __init__(self):
        super().__init__()
        self.layer.register_forward_hook(lambda layer, args, out: out / 2)


class HookedWeight(Model):
    def __init__(self):
        super().__init__()
        self.layer.weight.register_hook(lambda gradient: gradient / 2)


class HookedBackward(Model):
    def __init__(self):
        super().__init__()
        self.scale = nn.Parameter(torch.ones(()))
        self.layer.register_full_backward_hook(lambda layer, given, got: None)

    def beside(self, x):
        return x * self.scale


@pytest.mark.parametrize(
    ("make", "why"),
    [
        (Reads, "in each step the model waits for the GPU, to read a number or to copy something"),
        (Counts, "after each step the model or the optimizer holds something else"),
        (Keeps, "after each step the model or the optimizer holds something else"),
        (Remembers, "after each step the model or the optimizer holds something else"),
        (Draws, "the model draws random numbers on the CPU"),
        (DrawsNumpy, "the model draws random numbers on the CPU"),
        (DrawsOnTheCPU, "the model draws random numbers on the CPU"),
        (Hooked, "the model or the optimizer has hooks, and a graph does not call Python"),
        (HookedWeight, "the model or the optimizer has hooks, and a graph does not call Python"),
        (HookedBackward, "the model or the optimizer has hooks, and a graph does not call Python"),
    ],
)
def test_a_model_that_needs_python_in_each_step_is_trained_plainly_and_that_is_said_once(graphs, capsys, make, why):
    def started():
        random.seed(3)
        np.random.seed(3)
        return make()

    assert hold(graphs, started, torch.optim.Adam) == []
    assert capsys.readouterr().out == ""  # progress=False
    HELPS["cpu"]["graph"] = True
    trained(started, progress=True, epochs=2)
    lines = [line for line in capsys.readouterr().out.splitlines() if "CUDA graph" in line]
    assert lines == [f"Each step is started kernel by kernel, not as one CUDA graph: {why}."]


class Mine(torch.optim.Adam):
    pass


def hooked(parameters):
    optimizer = torch.optim.SGD(parameters, lr=0.1)
    optimizer.register_step_post_hook(lambda optimizer, args, kwargs: None)
    return optimizer


@pytest.mark.parametrize(
    ("optimizer", "why"),
    [
        (Mine, "Mine is not one of SGD, Adam, AdamW"),
        (torch.optim.Adagrad, "Adagrad is not one of SGD, Adam, AdamW"),
        (hooked, "the model or the optimizer has hooks"),
    ],
)
def test_an_optimizer_that_may_need_python_is_used_plainly(graphs, capsys, optimizer, why):
    assert hold(graphs, small, optimizer) == []
    HELPS["cpu"]["graph"] = True
    trained(small, optimizer, progress=True, epochs=2)
    assert f"not as one CUDA graph: {why}" in capsys.readouterr().out


def test_an_optimizer_that_says_it_can_be_captured_is(graphs):
    class Capturing(torch.optim.SGD):
        captures = True

    assert hold(graphs, small, lambda parameters: Capturing(parameters, lr=0.1)) == [15, 3]


@pytest.mark.parametrize("missing", [0, 1])
def test_without_memory_for_a_second_step_there_is_no_graph(graphs, monkeypatch, capsys, missing):
    gradients = 4 * sum(parameter.numel() for parameter in small().parameters())
    free = 1000 + gradients - missing  # fake_cuda.py has 1000 for the rest, and more for what was before
    monkeypatch.setattr(torch.cuda, "mem_get_info", lambda device: (free, 1))
    trained(small, progress=True, epochs=2)
    assert fake_cuda.replays() == ([] if missing else [3])
    told = "not as one CUDA graph: the GPU has no memory for a second step." in capsys.readouterr().out
    assert told == bool(missing)


def test_a_result_that_is_kept_with_the_way_back_to_the_weights_is_refused_until_it_is_deleted(graphs, capsys):
    model = small()
    kept = [model(torch.zeros(1, 3, 8, 8))]
    trained(lambda: model, progress=True)
    assert fake_cuda.replays() == []
    assert capsys.readouterr().out.count("not as one CUDA graph: a result of the model is kept; delete it, or") == 1
    kept.append(kept)  # what only a collection deletes counts no more
    del kept
    trained(lambda: model)
    assert fake_cuda.replays() == [15, 3]


def test_a_result_that_is_kept_between_the_last_plain_step_and_the_capture_is_noticed_too(graphs):
    kept = []

    def between(model, optimizer, history):
        if len(history.loss) == 3:  # the short batch had three plain steps
            kept.append(model(torch.zeros(1, 3, 8, 8)))

    assert hold(graphs, small, between=between) == [9]


def test_what_a_model_makes_in_its_first_step_alone_is_no_hindrance(graphs):
    class Lazy(Model):
        mask = None

        def beside(self, x):
            if self.mask is None:
                self.mask = torch.full((192,), 1 + x.mean().item() / 100)
            return x * self.mask.detach()

    assert hold(graphs, Lazy) == [15, 3]


def test_several_processes_train_plainly(graphs, monkeypatch):
    monkeypatch.setattr(loops, "workers", lambda: (0, 2))
    assert Loop(small(), TinySet(), None, torch.device("cpu"), batch_size=16, lr=1e-3).captured is None


def test_a_models_own_warnings_come_through(graphs):
    class Warns(Model):
        def beside(self, x):
            if self.training:  # not where the model is tried
                warnings.warn("the learner's own", UserWarning, stacklevel=1)
            return x

    with pytest.warns(UserWarning, match="the learner's own") as told:
        quietly(Warns(), TinySet(), epochs=1)
    assert len(told) == 4


# -- what stops training -------------------------------------------------------------------------------


def failing(monkeypatch, error, at):
    """The capture, or the replay with this number, raises."""
    replay, count = fake_cuda.Graph.replay, [0]

    def fail(graph):
        count[0] += 1
        if count[0] == at:
            raise error
        replay(graph)

    @contextlib.contextmanager
    def fail_to_capture(graph):
        raise error
        yield

    if at:
        monkeypatch.setattr(fake_cuda.Graph, "replay", fail)
    else:
        monkeypatch.setattr(fake_cuda.Graph, "capture", fail_to_capture)


def test_an_interrupt_between_two_replays_keeps_the_epochs_and_a_model_to_go_on_with(graphs, monkeypatch):
    failing(monkeypatch, KeyboardInterrupt(), at=7)
    model, optimizer, history = trained(small, torch.optim.Adam)
    assert history.interrupted
    assert len(history.loss) == len(history.test_accuracy) == 3
    assert all(parameter.grad is None for parameter in model.parameters())
    later = quietly(model, TinySet(), epochs=1, optimizer=optimizer)
    assert later.loss[0] < history.loss[0]


@pytest.mark.usefixtures("interruptible")
def test_an_interrupt_waits_until_a_capture_is_whole(graphs, monkeypatch):
    before = fake_cuda.Graph.capture

    @contextlib.contextmanager
    def capture(graph):
        with before(graph):
            signal.raise_signal(signal.SIGINT)
            yield

    monkeypatch.setattr(fake_cuda.Graph, "capture", capture)
    model, _, history = trained(small)
    assert history.interrupted
    assert len(fake_cuda.Graph.made) == 1
    assert fake_cuda.Graph.made[0].calls[-1]  # it went on to its end
    assert torch.isfinite(weights(model)).all()


def test_a_loss_that_becomes_nan_stops_with_the_learning_rate_to_try(graphs):
    with pytest.raises(DivergedError) as error:
        trained(small, lambda parameters: torch.optim.SGD(parameters, lr=1e20))
    assert "lr=0.001 instead of 1e+20" in said(error)


def ends_badly(monkeypatch):
    """As where a capture has failed, its end fails as well."""

    @contextlib.contextmanager
    def capture(graph):
        try:
            yield
        finally:
            raise RuntimeError("CUDA error: operation failed due to a previous error during capture")

    monkeypatch.setattr(fake_cuda.Graph, "capture", capture)


class Fails(Model):
    """In its fourth step with a whole batch, which is the one that is captured."""

    def __init__(self, error):
        super().__init__()
        self.error, self.count = error, itertools.count()

    def beside(self, x):
        if self.training and len(x) == 16 and next(self.count) == PLAIN_STEPS:
            raise self.error
        return x


@pytest.mark.parametrize("end_too", [False, True])
def test_a_capture_without_memory_is_a_batch_that_is_too_large(graphs, monkeypatch, end_too):
    if end_too:
        ends_badly(monkeypatch)
    here = fake_cuda.Stream.current
    with pytest.raises(BatchTooLargeError, match="try batch_size=8"):
        trained(lambda: Fails(torch.OutOfMemoryError("CUDA out of memory.")))
    assert gc.isenabled()
    assert torch.is_autocast_cache_enabled()
    assert fake_cuda.Stream.current is here


def test_where_a_capture_and_then_its_end_fail_it_is_told_what_failed_first(graphs, monkeypatch):
    ends_badly(monkeypatch)
    here = fake_cuda.Stream.current
    with pytest.raises(TrainingError, match=r"could not capture a step \(the first one\)"):
        trained(lambda: Fails(RuntimeError("the first one\nand more")))
    with pytest.raises(TrainingError, match=r"could not capture a step \(CUDA error: operation failed due to"):
        trained(small)
    assert fake_cuda.Stream.current is here


def test_an_error_of_the_learners_leaves_nothing_of_a_graph_behind(graphs, monkeypatch):
    closed, close = [], graph.CapturedStep.close
    monkeypatch.setattr(graph.CapturedStep, "close", lambda step: closed.append(len(step.graphs)) or close(step))
    model = small()
    with pytest.raises(ZeroDivisionError):
        quietly(model, TinySet(), after_epoch=lambda history: 1 / (2 - len(history.loss)))
    assert closed == [1]
    assert all(parameter.grad is None for parameter in model.parameters())


def test_a_capture_that_fails_all_the_same_leaves_whole_weights_and_says_what_to_do(graphs, monkeypatch):
    failing(monkeypatch, RuntimeError("CUDA error: operation not permitted\nCompile with …"), at=0)
    model = small()
    with pytest.raises(TrainingError) as error:
        quietly(model, TinySet(), epochs=2)
    assert "could not capture a step (CUDA error: operation not permitted)" in said(error)
    assert 'HELPS["cuda"]["graph"] = False' in said(error)
    assert torch.isfinite(weights(model)).all()
    assert len(error.value.history.loss) == 1


def test_while_a_step_is_captured_no_garbage_is_collected(graphs, monkeypatch):
    collects, before = [], fake_cuda.Graph.capture
    monkeypatch.setattr(fake_cuda.Graph, "capture", lambda graph: collects.append(gc.isenabled()) or before(graph))
    trained(small)
    assert collects == [False, False]
    assert gc.isenabled()
