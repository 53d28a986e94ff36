"""One step, what is counted of it, and an epoch in steps: what train() and the TrainingExplorer have in common."""

import itertools
import math
import signal
import threading

import pytest
import torch
import torch.nn.functional as F
from test_training import Dropping, TinySet, Watched, quietly, weights

from helpers.training import History, train_step
from helpers.training.devices import HELPS
from helpers.training.loop import Loop, Meter, NotFiniteError

CPU = torch.device("cpu")


def loop_of(model, test_set=None, **how):
    return Loop(model, TinySet(), test_set, CPU, **{"batch_size": 16, "lr": 1e-3} | how)


# -- a step --------------------------------------------------------------------------------------------


def test_a_step_is_the_five_lines():
    model, images = Watched(), TinySet(16)
    x, y = next(images.batches(16))
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    model.layer.bias.grad = torch.full((3,), 100.0)  # from an earlier step: must not be added to
    before = model.layer.bias.detach().clone()
    logits, loss = train_step(model, x, y, optimizer)
    assert not logits.requires_grad
    assert loss == F.cross_entropy(logits, y)
    error = (logits.softmax(1) - F.one_hot(y, 3)).mean(0)  # the bias's gradient
    assert torch.allclose(model.layer.bias.detach(), before - 0.1 * error, atol=1e-6)


@pytest.mark.parametrize(("switch", "fused"), [(False, None), (True, True)])  # None: torch's choice, on a GPU foreach
def test_the_optimizer_that_is_made_is_fused_or_as_torch_chooses(monkeypatch, switch, fused):
    monkeypatch.setitem(HELPS["cpu"], "fused", switch)
    assert loop_of(Watched()).optimizer.defaults["fused"] is fused


@pytest.mark.usefixtures("interruptible")
def test_an_interrupt_waits_until_the_optimizers_step_is_whole():
    class Interrupted(torch.optim.Adam):
        def step(self):
            signal.raise_signal(signal.SIGINT)
            return super().step()

    model = Watched()
    x, y = next(TinySet(8).batches(8))
    optimizer, handler = Interrupted(model.parameters()), signal.getsignal(signal.SIGINT)
    with pytest.raises(KeyboardInterrupt):
        train_step(model, x, y, optimizer)
    assert signal.getsignal(signal.SIGINT) is handler
    assert all({"step", "exp_avg", "exp_avg_sq"} <= state.keys() for state in optimizer.state.values())
    assert len(optimizer.state) == len(list(model.parameters()))


def test_a_step_in_another_thread_is_the_same():
    model = Watched()
    x, y = next(TinySet(8).batches(8))
    before = model.layer.bias.detach().clone()
    thread = threading.Thread(target=train_step, args=(model, x, y, torch.optim.SGD(model.parameters(), lr=0.1)))
    thread.start()
    thread.join()
    assert not torch.equal(model.layer.bias, before)


def test_a_share_divides_the_loss_of_a_part_as_the_whole_batch_would():
    x, y = next(TinySet(8).batches(8))
    whole, parts = Watched(), Watched()
    train_step(whole, x, y, torch.optim.SGD(whole.parameters(), lr=0))
    expected, got = [p.grad for p in whole.parameters()], 0
    for some in (slice(0, 5), slice(5, 8), slice(8, 8)):  # three processes: 8 / 3 images each, and one has none
        train_step(parts, x[some], y[some], torch.optim.SGD(parts.parameters(), lr=0), share=8 / 3)
        got = (
            [p.grad / 3 for p in parts.parameters()]
            if got == 0
            else [a + p.grad / 3 for a, p in zip(got, parts.parameters(), strict=True)]
        )
    assert all(torch.allclose(a, b, atol=1e-6) for a, b in zip(got, expected, strict=True))


# -- what is counted -----------------------------------------------------------------------------------


def test_a_meter_weighs_each_image_alike_however_they_come():
    meter = Meter()
    for losses, right in (([1.0, 2.0, 3.0], 2), ([6.0], 0)):
        meter.add(Meter(torch.tensor(sum(losses)), torch.tensor(right), len(losses)))
    assert meter.read() == (3.0, 0.5)


@pytest.mark.parametrize("loss", [math.nan, math.inf])
def test_a_loss_that_is_no_number_is_told_where_it_is_read(loss):
    meter = Meter()
    meter.add(Meter(torch.tensor(loss), torch.tensor(1), 2))
    with pytest.raises(NotFiniteError):
        meter.read()
    assert meter.means()[1] == 0.5


# -- an epoch in steps ---------------------------------------------------------------------------------


def test_an_epoch_gives_each_step_and_each_batch_of_the_test():
    history = History()
    steps = list(loop_of(Watched(), TinySet(40)).epoch(0, history))
    meter = steps[0][0]
    assert all(one is meter for one, _ in steps)
    assert [step and step.images for _, step in steps] == [16, 16, 16, 2, None, None, None]  # 40 = 16 + 16 + 8
    total = Meter()
    for _, step in steps[:4]:
        total.add(step)
    assert total.read() == meter.read() == (history.loss[0], history.train_accuracy[0])


def test_epochs_of_two_trainings_in_turn_are_those_of_each_alone():
    alone, models, histories = [], (Watched(), Watched()), (History(), History())
    for lr in (1e-3, 1e-2):
        model = Watched()
        alone.append((quietly(model, TinySet(), TinySet(40), epochs=2, lr=lr), weights(model)))
    loops = [loop_of(model, TinySet(40), lr=lr) for model, lr in zip(models, (1e-3, 1e-2), strict=True)]
    for epoch in range(2):
        in_turn = [loop.epoch(epoch, history) for loop, history in zip(loops, histories, strict=True)]
        for _ in itertools.zip_longest(*in_turn):
            torch.rand(3)  # nobody else's numbers matter
    for (history, expected), model, ours in zip(alone, models, histories, strict=True):
        assert torch.equal(weights(model), expected)
        for name in ("loss", "train_accuracy", "test_accuracy"):
            assert getattr(ours, name) == getattr(history, name), name


def test_between_two_steps_torch_is_as_it_was():
    model = Watched()
    before = torch.get_rng_state()
    for _ in loop_of(model, TinySet(40)).epoch(0, History()):
        assert model.training
        assert torch.is_grad_enabled()
        assert not torch.is_inference_mode_enabled()
        assert torch.equal(torch.get_rng_state(), before)


@pytest.mark.parametrize("steps", [1, 4, 6])  # in the training, at its end, in the test
def test_an_epoch_that_is_left_is_in_no_list(steps):
    history, model = History(), Dropping()
    left = loop_of(model, TinySet(40)).epoch(0, history)
    list(itertools.islice(left, steps))
    left.close()
    assert history == History()
    assert all(layer.training for layer in model.modules())
