import contextlib
import copy
import dataclasses
import threading

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from hypothesis import given
from hypothesis import strategies as st
from torch import nn

from helpers import training
from helpers.data import load_shapes
from helpers.model import FastCNN, SimpleCNN
from helpers.training import (
    BatchTooLargeError,
    DivergedError,
    TrainingError,
    evaluate,
    load_checkpoint,
    loop,
    save_checkpoint,
    smaller_lr,
    train,
    train_step,
)
from helpers.training.checks import Bringing, _smallest, on_device
from helpers.training.loop import Loop


@pytest.fixture(autouse=True, scope="module")
def one_thread():
    """Sums then come out the same to the last bit, and a busy machine does not slow these small ones down."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


class TinySet:
    """A data set as helpers.data makes them: what is in a picture follows from its label, and some noise."""

    classes = ("low", "middle", "high")

    def __init__(self, n=50, seed=0, images=None, labels=None):
        random = torch.Generator().manual_seed(seed)
        self.labels = torch.arange(n) % 3 if labels is None else labels
        noise = torch.randint(0, 120, (n, 3, 8, 8), generator=random)
        self.images = (noise + 60 * self.labels[:, None, None, None]).to(torch.uint8) if images is None else images
        self.moves = 0

    def __len__(self):
        return len(self.labels)

    def to(self, device):
        self.moves += 1
        return TinySet(images=self.images.to(device), labels=self.labels.to(device))

    def batches(self, batch_size, shuffle=False, generator=None):
        n = len(self)
        order = torch.randperm(n, generator=generator) if shuffle else torch.arange(n)
        for indices in order.to(self.labels.device).split(batch_size):
            yield (self.images[indices].float() - 128) / 64, self.labels[indices]


class Watched(nn.Module):
    """A small network that does something in one chosen training step, counted from 1."""

    def __init__(self, at=None, act=None):
        super().__init__()
        torch.manual_seed(0)
        self.layer = nn.Linear(3 * 8 * 8, 3)
        self.steps, self.at, self.act = 0, at, act

    def forward(self, x):
        self.steps += self.training
        x = self.layer(torch.flatten(x, 1))
        return self.act(x) if self.training and self.steps == self.at else x


class Dropping(nn.Module):
    def __init__(self):
        super().__init__()
        torch.manual_seed(0)
        self.norm, self.drop, self.layer = nn.BatchNorm2d(3), nn.Dropout(0.5), nn.Linear(3 * 8 * 8, 3)

    def forward(self, x):
        return self.layer(self.drop(torch.flatten(self.norm(x), 1)))


class Twice(Watched):
    def forward(self, x):
        return super().forward(x), x


class Remembers(Watched):
    """Keeps a mask from the first call, as models keep tables of positions."""

    mask = None

    def forward(self, x):
        if self.mask is None:
            self.mask = torch.full((3,), 2.0)
        return super().forward(x) * self.mask


class Normed(Watched):
    def __init__(self):
        super().__init__()
        self.norm = nn.BatchNorm1d(3)

    def forward(self, x):
        return self.norm(super().forward(x))


def fail(error):
    def act(x):
        raise error

    return act


def quietly(model, *args, **kwargs):
    return train(model, *args, **{"device": "cpu", "progress": False, "batch_size": 16, **kwargs})


def weights(model):
    return torch.cat([parameter.detach().flatten() for parameter in model.parameters()])


def said(error):
    text = str(error.value)
    assert "\n" not in text
    return text


# -- devices -------------------------------------------------------------------------------------------


needs_cuda = pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA GPU")


@needs_cuda
def test_a_model_moves_to_the_gpu_and_an_optimizer_made_before_follows():
    model = Watched()
    optimizer = torch.optim.Adam(model.parameters())
    quietly(model, TinySet(), epochs=1, optimizer=optimizer)
    history = quietly(model, TinySet(), TinySet(seed=1), epochs=1, optimizer=optimizer, device="cuda")
    assert weights(model).is_cuda
    assert len(history.test_accuracy) == 1
    assert evaluate(model, TinySet(seed=1))[1] == pytest.approx(history.test_accuracy[0])


@needs_cuda
def test_on_a_gpu_too_the_seed_fixes_the_run_and_random_numbers_go_on():
    before = torch.cuda.get_rng_state()
    runs = [quietly(Dropping(), TinySet(), device="cuda", epochs=2) for _ in range(2)]
    assert runs[0].loss == pytest.approx(runs[1].loss, rel=1e-4)
    assert torch.equal(before, torch.cuda.get_rng_state())


# -- the loop ------------------------------------------------------------------------------------------


def test_training_is_the_plain_loop_one_would_write_by_hand():
    ours, plain, images = Watched(), Watched(), TinySet(50)  # 50 = 16 + 16 + 16 + 2
    history = quietly(ours, images, epochs=3, lr=1e-2, seed=5)

    optimizer = torch.optim.Adam(plain.parameters(), lr=1e-2)
    for epoch in range(3):
        losses, right = [], 0
        for x, y in images.batches(16, shuffle=True, generator=torch.Generator().manual_seed(5 + epoch)):
            logits = plain(x)
            loss = F.cross_entropy(logits, y)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            losses += F.cross_entropy(logits, y, reduction="none").tolist()
            right += (logits.argmax(1) == y).sum().item()
        assert history.loss[epoch] == pytest.approx(sum(losses) / 50)
        assert history.train_accuracy[epoch] == right / 50
    assert torch.equal(weights(ours), weights(plain))


def test_training_learns():
    model, (train_set, test_set) = Watched(), (TinySet(200), TinySet(90, seed=1))
    history = quietly(model, train_set, test_set, epochs=4)
    assert history.loss[-1] < history.loss[0] * 0.7
    assert history.test_accuracy[-1] > 0.6  # guessing gets a third
    assert history.test_accuracy[-1] == evaluate(model, test_set)[1]


def test_the_history_has_one_entry_for_each_epoch():
    history = quietly(Watched(), TinySet(), TinySet(seed=1), epochs=3)
    lists = [getattr(history, field.name) for field in dataclasses.fields(history)][:-1]
    assert [len(values) for values in lists] == [3] * 5
    assert history.interrupted is False
    assert all(
        rate * s == pytest.approx(50) for s, rate in zip(history.seconds, history.images_per_second, strict=True)
    )


def test_without_a_test_set_there_are_no_test_accuracies():
    history = quietly(Watched(), TinySet(), epochs=2)
    assert history.test_accuracy == []
    assert len(history.loss) == 2


def test_the_same_seed_gives_the_same_run_dropout_included():
    runs = []
    for seed in (0, 0, 1):
        torch.manual_seed(len(runs))  # what happened before does not matter
        model = Dropping()
        runs.append((quietly(model, TinySet(), epochs=2, seed=seed).loss, weights(model).tolist()))
    assert runs[0] == runs[1]
    assert runs[0] != runs[2]


def test_the_random_numbers_of_all_gpus_go_on_also_where_another_device_trains(monkeypatch):
    kept = []
    monkeypatch.setattr(torch.cuda, "is_initialized", lambda: True)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 2)
    monkeypatch.setattr(torch.random, "fork_rng", lambda gpus: kept.append(list(gpus)) or contextlib.nullcontext())
    quietly(Watched(), TinySet(), epochs=1)
    assert kept == [[0, 1]]


def test_torchs_random_numbers_go_on_as_if_nothing_had_been_trained():
    model = Dropping()
    torch.manual_seed(3)
    expected = torch.rand(4)
    torch.manual_seed(3)
    quietly(model, TinySet(), epochs=2)
    assert torch.equal(torch.rand(4), expected)


def test_two_epochs_a_checkpoint_and_two_more_are_four_epochs(tmp_path):
    straight = Dropping()
    straight_history = quietly(straight, TinySet(), epochs=4)

    model = Dropping()
    optimizer = torch.optim.Adam(model.parameters(), lr=1e-3)
    history = quietly(model, TinySet(), epochs=2, optimizer=optimizer)
    save_checkpoint(tmp_path / "half.pt", model, optimizer, history)

    checkpoint = load_checkpoint(tmp_path / "half.pt")
    model = Dropping()
    model.load_state_dict(checkpoint["weights"])
    optimizer = torch.optim.Adam(model.parameters())
    optimizer.load_state_dict(checkpoint["optimizer"])
    more = quietly(model, TinySet(), epochs=2, optimizer=optimizer, seed=len(checkpoint["history"].loss))

    assert torch.equal(weights(model), weights(straight))
    assert checkpoint["history"].loss + more.loss == straight_history.loss


def test_calling_again_with_the_optimizer_goes_on():
    straight, model = Watched(), Watched()
    quietly(straight, TinySet(), epochs=2)
    optimizer = torch.optim.Adam(model.parameters())
    quietly(model, TinySet(), epochs=1, optimizer=optimizer)
    quietly(model, TinySet(), epochs=1, optimizer=optimizer, seed=1)
    assert torch.equal(weights(model), weights(straight))


def test_the_given_optimizer_does_the_training():
    model = Watched()
    before = weights(model)
    quietly(model, TinySet(), epochs=1, optimizer=torch.optim.SGD(model.parameters(), lr=0.0), lr=1.0)
    assert torch.equal(weights(model), before)


def test_the_data_set_moves_to_the_device_once():
    train_set, test_set = TinySet(), TinySet(seed=1)
    quietly(Watched(), train_set, test_set, epochs=3)
    assert train_set.moves == 1
    assert test_set.moves == 1


def test_the_loop_reads_nothing_from_the_device_between_two_looks_at_the_bar(monkeypatch):
    reads, item = [], torch.Tensor.item
    monkeypatch.setattr(training._Bar, "EVERY", float("inf"))
    monkeypatch.setattr(torch.Tensor, "item", lambda x: reads.append(1) or item(x))
    model = Watched()
    quietly(model, TinySet(), epochs=2, batch_size=1, optimizer=torch.optim.SGD(model.parameters()))
    assert model.steps == 100
    assert len(reads) == 4  # each epoch's loss and accuracy


def test_on_a_gpu_and_among_several_processes_nothing_is_read_before_the_epoch_ends(monkeypatch):
    loop = Loop(Watched(), TinySet(), None, torch.device("cpu"), batch_size=16, lr=1e-3)
    for device, count, live in (("cpu", 1, True), ("meta", 1, False), ("cpu", 2, False)):
        monkeypatch.setattr(training, "workers", lambda count=count: (0, count))
        loop.device = torch.device(device)
        assert training._Bar(loop, 1, shown=False).live is live


class Seen(SimpleCNN):
    """Notes how the images of each training step lie in memory."""

    def forward(self, x):
        if self.training:
            self.last = x.is_contiguous(memory_format=torch.channels_last)
        return super().forward(x)


class Viewing(Seen):
    """As the course's note has it: view works on rows of rows only."""

    def forward(self, x):
        self.last = x.is_contiguous(memory_format=torch.channels_last)
        x = self.pool(F.relu(self.conv1(x)))
        return self.fc2(F.relu(self.fc1(x.view(-1, 18 * 4 * 4))))


def test_images_lie_channel_by_channel_where_the_model_works_with_that():
    histories = []
    for network, last in ((Seen, True), (Viewing, False)):
        torch.manual_seed(0)
        model = network(image_size=8, classes=3)
        histories.append(quietly(model, TinySet(), epochs=2))
        assert model.last is last
    assert histories[0].loss == pytest.approx(histories[1].loss, rel=1e-4)


def test_fast_cnn_on_the_fast_path_has_the_losses_of_the_plain_loop_in_float32():
    train_set, _ = load_shapes(train=330, test=1)
    torch.manual_seed(0)
    ours, plain = FastCNN(conv_channels=6), SimpleCNN(conv_channels=6)
    plain.load_state_dict(ours.state_dict())
    history = quietly(ours, train_set, epochs=2, batch_size=64)
    optimizer = torch.optim.Adam(plain.parameters(), lr=1e-3)
    for epoch in range(2):
        losses, order = 0, torch.randperm(330, generator=torch.Generator().manual_seed(epoch))
        for some in order.split(64):
            x, y = torch.stack([train_set[i][0] for i in some.tolist()]), train_set.labels[some]
            loss = F.cross_entropy(plain(x), y)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            losses += loss.item() * len(y)
        assert history.loss[epoch] == pytest.approx(losses / 330, rel=1e-4)


def test_after_each_epoch_the_history_so_far_is_handed_over():
    seen = []
    history = quietly(Watched(), TinySet(), epochs=3, after_epoch=lambda history: seen.append(list(history.loss)))
    assert seen == [history.loss[:1], history.loss[:2], history.loss]


def test_an_error_of_after_epoch_comes_through_as_it_is():
    with pytest.raises(FloatingPointError, match="theirs"):
        quietly(Watched(), TinySet(), epochs=1, after_epoch=fail(FloatingPointError("theirs")))


def test_while_training_memory_is_kept(monkeypatch):
    kept = []

    @contextlib.contextmanager
    def keeping(device):
        kept.append(device)
        yield
        kept.append("let go")

    monkeypatch.setattr(training, "memory_kept", keeping)
    model = Watched(1, act=lambda x: kept.append("step") or x)
    quietly(model, TinySet(), epochs=1)
    assert kept == [torch.device("cpu"), "step", "let go"]


def test_the_bar_shows_epoch_loss_and_accuracy(capsys):
    history = quietly(Watched(), TinySet(), epochs=2, progress=True)
    out, err = capsys.readouterr()
    assert err == ""
    assert "epoch 2/2: 100%" in out
    assert f"loss {history.loss[-1]:.3f}, accuracy {history.train_accuracy[-1]:.3f}" in out
    quietly(Watched(), TinySet(), epochs=1)
    assert capsys.readouterr() == ("", "")


def test_of_several_processes_only_the_first_shows_a_bar(monkeypatch, capsys):
    monkeypatch.setattr(training, "workers", lambda: (1, 1))
    quietly(Watched(), TinySet(), epochs=1, progress=True)
    assert capsys.readouterr() == ("", "")


def test_the_bar_starts_no_thread(capsys):
    before = threading.active_count()
    quietly(Watched(), TinySet(), epochs=1, progress=True)
    assert threading.active_count() == before


def test_bfloat16_computes_roughly_the_same_and_keeps_weights_and_loss_in_float32():
    models = Watched(), Watched()
    exact = quietly(models[0], TinySet(), epochs=2)
    rough = quietly(models[1], TinySet(), epochs=2, precision="bfloat16")
    assert rough.loss == pytest.approx(exact.loss, rel=0.05)
    assert rough.loss != exact.loss
    assert weights(models[1]).dtype == torch.float32
    x, y = next(TinySet(4).batches(4))
    logits, loss = train_step(models[1], x, y, torch.optim.SGD(models[1].parameters()), "bfloat16")
    assert (logits.dtype, loss.dtype) == (torch.bfloat16, torch.float32)


def test_simple_cnn_trains_and_is_in_train_mode_only_while_training():
    model = SimpleCNN(image_size=8, classes=3).eval()
    modes = []
    model.conv1.register_forward_hook(lambda layer, args, out: modes.append(layer.training))
    history = quietly(model, TinySet(32), TinySet(16), epochs=2)
    assert not any(layer.training for layer in model.modules())
    assert modes == [False, *[True, True, False] * 2]  # tried; two batches and the test, twice
    assert history.loss[1] < history.loss[0]


def test_the_course_data_trains():
    train_set, test_set = load_shapes(train=300, test=60)
    history = quietly(SimpleCNN(conv_channels=4), train_set, test_set, epochs=2)
    assert history.loss[1] < history.loss[0] < 2.4  # −log(1/10) = 2.30 before training
    assert len(history.test_accuracy) == 2


# -- evaluate ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("batch_size", [1, 7, 49, 50, 51, 512])
def test_evaluate_averages_over_images_whatever_the_batches(batch_size):
    model, images = Watched(), TinySet(50)
    x, y = next(images.batches(50))
    logits = model.eval()(x)
    loss, accuracy = evaluate(model, images, batch_size=batch_size)
    assert loss == pytest.approx(F.cross_entropy(logits, y).item(), rel=1e-5)
    assert accuracy == (logits.argmax(1) == y).sum().item() / 50


def test_evaluate_uses_eval_mode_and_puts_every_layer_back():
    model = Dropping()
    model.drop.eval()  # a mixture must come back as a mixture
    before = copy.deepcopy(model.state_dict())
    assert evaluate(model, TinySet()) == evaluate(model, TinySet())
    assert [layer.training for layer in (model, model.norm, model.drop)] == [True, True, False]
    assert all(torch.equal(before[name], value) for name, value in model.state_dict().items())
    assert all(parameter.grad is None for parameter in model.parameters())


def test_evaluate_tells_when_the_labels_need_more_classes():
    with pytest.raises(ValueError, match=r"scores for 3 classes, but the labels go up to 3: .*classes=4"):
        evaluate(Watched(), TinySet(labels=torch.full((50,), 3)))


def test_evaluate_puts_the_mode_back_after_an_error():
    model = SimpleCNN()
    with pytest.raises(ValueError, match="wants images"):
        evaluate(model, TinySet())
    assert model.training


# -- what stops training -------------------------------------------------------------------------------


def test_an_interrupt_keeps_the_completed_epochs_and_a_usable_model():
    model = Watched(at=4 + 4 + 2, act=fail(KeyboardInterrupt))
    history = quietly(model, TinySet(), TinySet(seed=1), epochs=5)
    assert history.interrupted
    assert [len(values) for values in (history.loss, history.test_accuracy, history.seconds)] == [2, 2, 2]
    assert all(parameter.grad is None for parameter in model.parameters())
    assert evaluate(model, TinySet())[0] < history.loss[0]
    assert not quietly(model, TinySet(), epochs=1).interrupted


def test_an_interrupt_in_the_test_leaves_the_lists_of_one_length():
    model = Dropping()
    model.drop.register_forward_hook(lambda layer, args, out: fail(KeyboardInterrupt)(out) if len(out) == 7 else out)
    history = quietly(model, TinySet(), TinySet(23), epochs=2)  # 23 = 16 + 7
    assert history.interrupted
    assert all(layer.training for layer in model.modules())
    assert history.loss == history.train_accuracy == history.test_accuracy == history.seconds == []


def test_a_loss_of_nan_stops_with_the_learning_rate_to_try():
    model = Watched(at=4 + 3, act=lambda x: x * float("nan"))
    with pytest.raises(DivergedError) as error:
        quietly(model, TinySet(), epochs=5, lr=0.5)
    assert "in epoch 2" in said(error)
    assert "lr=0.001 instead of 0.5" in said(error)
    assert len(error.value.history.loss) == 1
    assert isinstance(error.value, TrainingError)
    assert error.value.__context__ is None


def test_pictures_that_are_no_numbers_are_named_and_not_the_learning_rate():
    class Broken(TinySet):
        def to(self, device):
            return self

        def batches(self, *given, **named):
            for images, labels in super().batches(*given, **named):
                yield images.where(labels[:, None, None, None] != 2, float("nan")), labels

    with pytest.raises(DivergedError) as error:
        quietly(Watched(), Broken())
    assert "in epoch 1, because numbers in train_set's pictures are." in said(error)


def test_a_learning_rate_far_too_high_diverges():
    model = SimpleCNN(image_size=8, classes=3)
    with pytest.raises(DivergedError, match=r"lr=0\.001 instead of 1e\+20"):
        quietly(model, TinySet(), optimizer=torch.optim.SGD(model.parameters(), lr=1e20))


@pytest.mark.parametrize("kind", [torch.optim.SGD, torch.optim.Adam, torch.optim.RMSprop])
@pytest.mark.parametrize("lr", [1e3, 1e10, 1e20])
def test_with_the_learning_rate_that_is_proposed_the_loss_falls(kind, lr):
    torch.manual_seed(0)
    model = SimpleCNN(image_size=8, classes=3)
    history = quietly(model, TinySet(), epochs=3, optimizer=kind(model.parameters(), lr=smaller_lr(lr)))
    assert history.loss[-1] < history.loss[0] < 2


@pytest.mark.parametrize(("lr", "smaller"), [(1000, 0.001), (0.02, 0.001), (0.01, 0.001), (0.001, 1e-4), (1e-5, 1e-6)])
def test_the_learning_rate_that_is_proposed_is_at_most_a_tenth_and_at_most_adams_default(lr, smaller):
    assert smaller_lr(lr) == pytest.approx(smaller)


def test_a_model_that_diverged_before_must_be_made_again():
    model = Watched()
    with torch.no_grad():
        model.layer.bias[0] = float("nan")
    with pytest.raises(ValueError, match="NaN already: make the model again"):
        quietly(model, TinySet())


@pytest.mark.parametrize(
    "error",
    [
        torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 20.00 GiB"),
        RuntimeError("[enforce fail at alloc_cpu.cpp:119] DefaultCPUAllocator: can't allocate memory: you tried"),
        RuntimeError("MPS backend out of memory (MPS allocated: 1 GB)"),
    ],
)
def test_too_large_a_batch_says_so_and_proposes_half(error):
    model = Watched(at=4 + 1, act=fail(error))
    with pytest.raises(BatchTooLargeError) as raised:
        quietly(model, TinySet(), epochs=2)
    assert said(raised) == "A batch of 16 images did not fit into memory: try batch_size=8."
    assert len(raised.value.history.loss) == 1
    assert raised.value.__context__ is None  # nothing holds on to the tensors that were too large


def test_a_batch_of_one_that_is_too_large_needs_a_smaller_model():
    with pytest.raises(BatchTooLargeError, match=r"Even a batch of one image .* smaller model"):
        quietly(Watched(1, fail(torch.OutOfMemoryError("no"))), TinySet(), batch_size=1)


def test_another_error_comes_through_as_it_is():
    with pytest.raises(RuntimeError, match=r"^the learner's own$"):
        quietly(Watched(2, fail(RuntimeError("the learner's own"))), TinySet())


# -- what came, what is wanted -------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "value", "error", "words"),
    [
        ("epochs", 0, ValueError, "epochs wants a whole number of at least 1, but got 0."),
        ("epochs", 1.0, TypeError, "epochs wants a whole number of at least 1, but got 1.0."),
        ("epochs", True, TypeError, "epochs wants a whole number"),
        ("batch_size", 0, ValueError, "batch_size wants a whole number of at least 1, but got 0."),
        ("batch_size", "32", TypeError, "batch_size wants a whole number"),
        ("seed", 0.5, TypeError, "seed wants a whole number, but got 0.5."),
        ("lr", 0, ValueError, "lr wants a number above 0"),
        ("lr", -1e-3, ValueError, "lr wants a number above 0"),
        ("lr", float("nan"), ValueError, "lr wants a number above 0"),
        ("lr", 1e300, ValueError, "lr wants a number above 0 and below 3.4e+38 such as 1e-3, but got 1e+300."),
        ("after_epoch", 5, TypeError, "after_epoch wants a function that takes the History so far, but got 5."),
        ("lr", "0.1", TypeError, "lr wants a number above 0 such as 1e-3, but got '0.1'."),
        ("precision", "bf16", ValueError, "but got 'bf16': write \"bfloat16\"."),
        ("precision", "half", ValueError, 'precision wants "float32" or "bfloat16", but got \'half\'.'),
        ("precision", torch.bfloat16, ValueError, 'but got torch.bfloat16: write "bfloat16".'),
        ("precision", "float16", ValueError, 'precision="bfloat16" is as short'),
        ("optimizer", "adam", TypeError, "torch.optim.Adam(model.parameters(), lr=1e-3), but got 'adam'."),
        ("test_set", (1, 2), TypeError, "test_set wants a data set, but got a tuple"),
        ("test_set", TinySet(0), ValueError, "test_set has no images in it."),
    ],
)
def test_arguments_that_cannot_work_are_refused_in_a_sentence(name, value, error, words):
    with pytest.raises(error) as raised:
        quietly(Watched(), TinySet(), **{name: value})
    assert words in said(raised)


@pytest.mark.parametrize(
    ("images", "error", "words"),
    [
        (None, TypeError, "train_set wants a data set, but got None: "),
        (5, TypeError, "train_set wants a data set, but got an int: "),
        ((TinySet(), TinySet()), TypeError, "train_set, test_set = helpers.data.load_shapes() makes two."),
        (TinySet(0), ValueError, "train_set has no images in it."),
        (TinySet(labels=torch.full((50,), 6)), ValueError, "SimpleCNN(classes=7)"),
        (TinySet(labels=torch.full((50,), -100)), ValueError, "train_set wants labels from 0, but got -100:"),
    ],
)
def test_a_data_set_that_cannot_work_is_refused_in_a_sentence(images, error, words):
    with pytest.raises(error) as raised:
        quietly(Watched(), images)
    assert words in said(raised)


@pytest.mark.parametrize(
    ("model", "error", "words"),
    [
        (None, TypeError, "model wants an nn.Module, but got None: SimpleCNN() makes one."),
        (SimpleCNN, TypeError, "an nn.Module, but got the class SimpleCNN: SimpleCNN(…) makes one."),
        (nn.Flatten(), ValueError, "no parameter to train"),
        (nn.Sequential(nn.Flatten(), nn.Linear(192, 3)).requires_grad_(False), ValueError, "no parameter"),
        (nn.Conv2d(3, 3, 8), ValueError, "scores (N, classes) from the model, but 2 images gave (2, 3, 1, 1)"),
        (nn.Sequential(nn.Flatten(0), nn.Linear(384, 3)), ValueError, "but 2 images gave (3,)"),
        (Twice(), ValueError, "scores (N, classes) from the model, but 2 images gave a tuple"),
    ],
)
def test_a_model_that_cannot_work_is_refused_in_a_sentence(model, error, words):
    with pytest.raises(error) as raised:
        quietly(model, TinySet())
    assert words in said(raised)


def test_an_optimizer_of_another_model_is_refused():
    with pytest.raises(ValueError, match="parameters that are not this model's"):
        quietly(Watched(), TinySet(), optimizer=torch.optim.Adam(Watched().parameters()))


def test_an_optimizer_that_wants_the_loss_again_and_again_is_refused():
    with pytest.raises(ValueError, match=r"LBFGS computes the loss .* use another, such as torch.optim.Adam"):
        quietly(model := Watched(), TinySet(), optimizer=torch.optim.LBFGS(model.parameters()))


@pytest.mark.parametrize(
    ("images", "batch_size", "words"),
    [
        (49, 16, r"In batches of 16, 49 images leave a single one for a step, .* Use batch_size=15\."),
        (49, 1, r"In batches of 1, 49 images .* Use batch_size=5\."),
        (25, 8, r"Use batch_size=7\."),
        (1, 8, "Use more images"),
    ],
)
def test_a_last_batch_of_one_is_refused_before_a_step_where_the_model_cannot_train_on_it(images, batch_size, words):
    model = Normed()
    before = copy.deepcopy(model.state_dict())
    with pytest.raises(ValueError, match=words) as error:
        quietly(model, TinySet(images), batch_size=batch_size)
    assert "Expected more than 1 value per channel when training, got input size" in said(error)
    assert all(torch.equal(now, before[name]) for name, now in model.state_dict().items())
    quietly(Watched(), TinySet(images), batch_size=batch_size, epochs=1)  # which the others take


@given(st.integers(1, 300), st.integers(1, 150), st.integers(1, 4))
def test_the_smallest_part_of_a_batch_is_what_the_processes_get(images, batch_size, processes):
    parts = []
    for batch in torch.arange(images).split(batch_size):
        parts += batch.tensor_split(processes) if len(batch) >= processes else [batch]
    assert _smallest(images, batch_size, processes) == min(map(len, parts))


def test_it_trains_where_gradients_were_switched_off():
    here, there = Watched(), Watched()
    with torch.no_grad():
        quietly(here, TinySet())
    quietly(there, TinySet())
    assert torch.equal(weights(here), weights(there))


def test_a_model_that_was_tested_first_and_keeps_a_tensor_from_it_can_be_trained():
    model = Remembers()
    evaluate(model, TinySet())
    quietly(model, TinySet())


def test_an_optimizer_of_some_of_the_models_layers_trains_these():
    model = SimpleCNN(image_size=8, classes=3)
    before = copy.deepcopy(model)
    quietly(model, TinySet(), epochs=1, optimizer=torch.optim.Adam(model.fc2.parameters()))
    assert torch.equal(model.conv1.weight, before.conv1.weight)
    assert not torch.equal(model.fc2.weight, before.fc2.weight)


def test_numpys_numbers_are_numbers():
    numbers = {"epochs": np.int64(1), "batch_size": np.int32(16), "seed": np.int64(2), "lr": np.float32(0.25)}
    assert (
        quietly(Watched(), TinySet(), **numbers).loss == quietly(Watched(), TinySet(), epochs=1, seed=2, lr=0.25).loss
    )


def test_a_batch_larger_than_the_set_is_the_whole_set_and_the_bar_says_so(capsys):
    model = Watched()
    assert len(quietly(model, TinySet(), epochs=2, batch_size=1000).loss) == 2
    assert model.steps == 2
    assert capsys.readouterr().out == ""
    quietly(model, TinySet(), epochs=1, batch_size=1000, progress=True)
    said = "batch_size=1000 is more than the 50 images of train_set: an epoch is one step."
    assert said in capsys.readouterr().out


# -- a set that the device has no memory for -----------------------------------------------------------


class TooLarge(TinySet):
    def to(self, device):
        raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 20.00 GiB")


def test_a_set_that_does_not_fit_stays_where_it_is_and_that_is_said():
    sentences, images = [], TooLarge()
    brought = on_device("train_set", images, torch.device("meta"), sentences.append)
    assert sentences == [
        "train_set does not fit into the GPU's memory: it stays where it is, and each batch is copied as it is needed."
    ]
    assert len(brought) == 50
    assert images.images.device == brought.labels.device == torch.device("cpu")
    for batch, labels in brought.batches(16, shuffle=True):
        assert batch.device == labels.device == torch.device("meta")


def test_training_with_it_is_the_same(monkeypatch):
    def on_no_gpu(name, images, device, say):
        return Bringing(images, device)

    expected = quietly(Watched(), TinySet(), TinySet(seed=1), epochs=2)
    monkeypatch.setattr(loop, "on_device", on_no_gpu)
    history = quietly(Watched(), TooLarge(), TooLarge(seed=1), epochs=2)
    assert (history.loss, history.test_accuracy) == (expected.loss, expected.test_accuracy)


def test_another_error_of_a_set_comes_through_and_so_does_a_cpu_without_memory():
    class Broken(TinySet):
        def to(self, device):
            raise RuntimeError("theirs")

    with pytest.raises(RuntimeError, match="theirs"):
        on_device("train_set", Broken(), torch.device("meta"))
    with pytest.raises(torch.OutOfMemoryError):
        on_device("train_set", TooLarge(), torch.device("cpu"))
