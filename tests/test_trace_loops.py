"""`explained` on loops whose model is right, and what stands around it is not: losses, tensor code, backward().

Each is what people write, as a function: its lines are read again where it fails.
"""

import sys
import threading
import time
import warnings

import numpy
import pytest
import torch
import torch.nn.functional as F
from torch import nn

from helpers.trace import explained

pytestmark = pytest.mark.filterwarnings("ignore:Using a target size")
in_place = pytest.mark.skipif(sys.version_info < (3, 11), reason="tracebacks do not say where in a line")


class Net(nn.Module):
    def __init__(self, outputs=3):
        super().__init__()
        self.fc1 = nn.Linear(8, 16)
        self.fc2 = nn.Linear(16, outputs)

    def forward(self, x):
        return self.fc2(F.relu(self.fc1(x)))


class Pair(Net):
    def forward(self, x):
        scores = super().forward(x)
        return scores, scores.sum()


class Below(nn.Module):
    def __init__(self):
        super().__init__()
        self.head = nn.Linear(8, 3)

    def forward(self, x, y):
        return self.head(torch.cat((x, y), 0))


class ByName(Net):
    def forward(self, *, images):
        return super().forward(images)


class Dice(nn.Module):
    def forward(self, x, y):
        return 1 - (x * y).sum() / (x + y).sum()


X, LABELS, NUMBERS = torch.rand(6, 8), torch.tensor([0, 1, 2] * 2), torch.rand(6)


def said(loop, model=None):
    """What `explained` adds to the error of a loop."""
    model = model or Net()
    before = {name: value.clone() for name, value in model.state_dict().items()}, torch.get_rng_state()
    with pytest.raises(Exception) as raised, explained(model):  # noqa: PT011
        loop(model)
    assert all(torch.equal(value, before[0][name]) for name, value in model.state_dict().items())
    assert torch.equal(torch.get_rng_state(), before[1]) or loop in DRAWS
    return "\n".join(getattr(raised.value, "__notes__", []))


def differences(net):
    out = net(X)
    return ((out - NUMBERS) ** 2).mean()


def a_loss_by_hand(net):
    probabilities = net(X).log_softmax(1)
    return -(probabilities * NUMBERS).sum(1).mean()


def a_loss_in_a_function(net):
    def dice(x, y):
        overlap = (x * y).sum()
        return 1 - overlap

    return dice(net(X), NUMBERS)


def a_loss_of_ones_own(net):
    criterion = Dice()
    out = net(X)
    return criterion(out, NUMBERS)


def accuracy(net):
    predicted = net(X).argmax(1)
    return (predicted == LABELS[:4]).float().mean()


def a_cat_of_scores(net):
    out = net(X)
    return torch.cat([out, LABELS], 1)


def labels_from_1(net):
    for images, labels in [(X, LABELS + 1)]:
        loss = F.cross_entropy(net(images), labels)
    return loss


def labels_as_numpy(net):
    labels = numpy.zeros((6, 3), dtype="float32")
    return F.mse_loss(net(X), labels)


def labels_as_a_list(net):
    return nn.CrossEntropyLoss()(net(X), [0, 1, 2, 0, 1, 2])


def labels_first(net):
    out = net(X)
    return F.cross_entropy(LABELS, out)


def rows_of_the_model(net):
    criterion = nn.CrossEntropyLoss()
    out = net(X, X)
    return criterion(out, LABELS)


def rows_of_one_line(net):
    return F.cross_entropy(net(X, X), LABELS)


def a_name_that_a_later_line_changes(net):
    out = net(X, X)
    loss = F.cross_entropy(out, LABELS)
    out = loss.item()
    print(out)


def drawn_in_the_line(net):
    return F.cross_entropy(net(torch.rand(6, 8), torch.rand(6, 8)), torch.zeros(6).long())


def a_pair(net):
    out = net(X)
    return F.cross_entropy(out, LABELS)


def too_many_outputs(net):
    batch = {"images": X, "labels": X[:, :2]}
    return nn.L1Loss()(net(batch["images"]), batch["labels"])


def a_name_that_changes(net):
    x = X
    x = net(x)
    return F.cross_entropy(x, LABELS[:4])


def many_losses(net):
    loss = F.cross_entropy(net(X), LABELS, reduction="none")
    loss.backward()


def whole_numbers_for_huber(net):
    out = net(X)[:, 0]
    loss = F.huber_loss(out, LABELS)
    loss.backward()


def by_place(net):
    return net(X)


DRAWS = (drawn_in_the_line,)
LOOPS = [
    (differences, Net, "x - y: (6, 3) from fc2 and (6,) from NUMBERS do not fit", "x - y[:, None] instead of x - y"),
    (a_loss_by_hand, Net, "(6, 3) from x.log_softmax(1) and (6,) from NUMBERS", "y[:, None]"),
    (a_loss_in_a_function, Net, "x * y: (6, 3) from x and (6,) from y", "y[:, None]"),
    (a_loss_of_ones_own, Net, "x * y: (6, 3) from fc2 and (6,) from NUMBERS", "y[:, None]"),
    (accuracy, Net, "x == y: (6,) from x.argmax(1) and (4,) from", ""),
    (a_cat_of_scores, Net, "torch.cat([x, y], 1): (6, 3) from fc2 and (6,) from LABELS", "y[:, None]"),
    (labels_from_1, Net, "the labels go from 1 to 3", "Change: y - 1 in F.cross_entropy(x, y)"),
    (labels_as_numpy, Net, "its target is a NumPy array", "Change: torch.as_tensor(target) in"),
    (labels_as_a_list, Net, "CrossEntropyLoss: its target is a list", "Change: torch.as_tensor(target) in"),
    (labels_first, Net, "whole numbers come first", "Change: F.cross_entropy(y, x) instead of F.cross_entropy(x, y)"),
    (rows_of_the_model, Below, "torch.cat((x, x), 0): 2 batches of 6 became 12 rows", "head = nn.Linear(16, 3)"),
    (rows_of_one_line, Below, "torch.cat((x, x), 0): 2 batches of 6 became 12 rows", "head = nn.Linear(16, 3)"),
    (
        a_name_that_a_later_line_changes,
        Below,
        "torch.cat((x, x), 0): 2 batches of 6 became 12 rows",
        "nn.Linear(16, 3)",
    ),
    (drawn_in_the_line, Below, "torch.cat((x, y), 0): 2 batches of 6 became 12 rows", "head = nn.Linear(16, 3)"),
    (a_pair, Pair, "its input is a tuple of 2", "Change: out, aux = model(x)"),
    (too_many_outputs, Net, "the scores are (6, 3), and the target is (6, 2)", "Change: fc2 = nn.Linear(16, 2)"),
    (a_name_that_changes, Net, "6 rows of scores, and 4 labels", ""),
    (many_losses, Net, "backward() wants one number, and this loss is (6,)", "Change: loss.mean().backward()"),
    (whole_numbers_for_huber, Net, "the target is torch.int64", "Change: y.float() in F.huber_loss(x, y)"),
    (by_place, ByName, "takes its inputs by their names alone: images", "Change: model(images=x)"),
]


@in_place
@pytest.mark.parametrize(("loop", "make", "what", "change"), LOOPS)
def test_what_stands_around_the_model_is_explained(loop, make, what, change):
    text = said(loop, make())
    assert what in text
    assert change in text
    assert ("Change: " in text) == bool(change)
    assert "model(x" not in text or "= model(x)" in text or "images" in text


def too_many_rows(net):
    kept = torch.zeros(9, 3)
    kept[5:] = net(X)


def a_row_of_another_length(net):
    net.fc1.weight.data[0] = torch.zeros(5)


def no_parameter(net):
    net.fc1.weight = X


def too_many_to_unpack(net):
    out = aux = X
    out, aux = net(X)
    return out, aux


def not_there(net):
    kept = [net(X)]
    del kept[1]


@pytest.mark.parametrize("loop", [too_many_rows, a_row_of_another_length, no_parameter, too_many_to_unpack, not_there])
def test_the_error_of_a_value_that_does_not_fit_where_it_is_put_stays(loop):
    with pytest.raises(Exception) as plain:  # noqa: PT011
        loop(Net())
    with pytest.raises(plain.type) as raised, explained(net := Net()):
        loop(net)
    assert str(raised.value) == str(plain.value)
    assert not hasattr(raised.value, "__notes__")


def test_what_fails_within_an_assignment_is_explained():
    class Losses:
        def __setitem__(self, number, scores):
            self.last = number, F.cross_entropy(scores, LABELS[:4])

    losses = Losses()

    def loop(net):
        losses[0] = net(X)

    assert "6 rows of scores, and 4 labels" in said(loop)


def test_an_explanation_that_fails_leaves_the_error_and_says_so(monkeypatch):
    def fails(*_):
        raise LookupError("a fault")

    monkeypatch.setattr(sys.modules["helpers.trace.explained"], "_calls", fails)
    told = said(lambda net: F.cross_entropy(net(X), LABELS[:4]))
    assert told.strip() == "trace could not explain this: it has a bug of its own, LookupError('a fault')"


def test_a_loss_without_its_mean_is_told_from_a_number_for_each_row():
    def loop(net):
        F.mse_loss(net(X), net(X).detach(), reduction="none").backward()

    assert "this loss is (6, 3)." in said(loop)
    assert 'reduction="none" leaves out the mean; and' in said(loop)


def test_a_line_that_does_more_than_compute_is_not_run_again():
    calls = []

    def labels():
        calls.append(1)
        return LABELS[:4]

    def loop(net):
        return F.cross_entropy(net(X), labels())

    assert "6 rows of scores, and 4 labels" in said(loop)
    assert len(calls) == 1


def test_a_name_made_in_another_branch_is_not_taken_for_the_one_that_failed():
    def loop(net):
        out = net(X, X)[:9]
        if len(X) > 100:
            out = net(X, X)[:8]
        return F.cross_entropy(out, LABELS)

    assert "9 rows of scores, and 6 labels" in said(loop, Below())


def test_a_name_made_with_other_numbers_in_another_branch_is_not_taken_either():
    def loop(net):
        out = net(X)
        if len(X) > 100:
            out = net(X)[:, :2]
        return F.cross_entropy(out, LABELS + 1)

    assert "scores for the classes 0 to 2" in said(loop)


def test_what_is_written_into_in_the_line_that_failed_is_written_once():
    count = torch.zeros(4, dtype=torch.int64)

    def loop(net):
        return F.cross_entropy(net(X), count.add_(1))

    assert "6 rows of scores, and 4 labels" in said(loop)
    assert count.tolist() == [1, 1, 1, 1]


def test_code_that_nobody_can_read_is_explained_by_what_was_called():
    code = compile("F.cross_entropy(net(X), LABELS + 1)", "nowhere", "eval")
    assert "Are these labels counted from 1?" in said(
        lambda net: eval(code, {"F": F, "X": X, "LABELS": LABELS, "net": net})
    )


def warned(loop, model=None):
    with warnings.catch_warnings(record=True) as caught, explained(model or Net(1)):
        warnings.simplefilter("always")
        loop(model or Net(1))
    return [str(one.message) for one in caught if "In this loss" in str(one.message)]


def plain(net):
    out = net(X)
    ((out - NUMBERS) ** 2).mean().backward()


def in_a_loss(net):
    target = NUMBERS
    F.mse_loss(net(X), target).backward()


def squeezed(net):
    target = NUMBERS[:, None]
    (net(X).squeeze(1) - target).abs().sum().backward()


def by_hand(net):
    p, target = net(X).sigmoid(), NUMBERS.round()
    (-(target * p.log() + (1 - target) * (1 - p).log())).mean().backward()


def of_two_models(net):
    value, reward = net(X), net(X).squeeze(1)
    (reward - value).pow(2).mean().backward()


@pytest.mark.parametrize("loop", [plain, in_a_loss, squeezed, by_hand, of_two_models])
def test_a_batch_that_meets_itself_in_the_first_loss_is_told(loop):
    (text,) = warned(loop)
    assert "(6, 1)" in text
    assert "make (6, 6): each of the 6 rows meets all 6" in text
    assert "6 × 6 = 36 pairs where 6 are meant" in text
    assert "squeeze(1) turns (6, 1) into (6,)" in text


def fits(net):
    F.mse_loss(net(X), NUMBERS[:, None]).backward()


def a_column_of_a_row(net):
    F.mse_loss(net(X).squeeze(1), NUMBERS).backward()


def pairs(net):
    out, row = net(X).squeeze(1), NUMBERS
    (out[:, None] - row).abs().mean().backward()


def squares(net):
    out, row = net(X), NUMBERS
    (out.pow(2).sum(1, keepdim=True) + row.pow(2) - 2 * out @ row[None]).mean().backward()


def squares_of_columns(net):
    out, row = net(X), NUMBERS
    (out.pow(2) + row - 2 * out @ row[None]).mean().backward()


def as_wide_as_high(net):
    out, weights = net(X[:, :8]), torch.rand(6, 6)
    row = NUMBERS  # noqa: F841
    (out @ torch.ones(1, 6) * weights).mean().backward()


def one_against_all(net):
    anchors = net(X)
    F.cross_entropy(anchors @ anchors.T, torch.arange(6)).backward()


@pytest.mark.parametrize(
    "loop", [fits, a_column_of_a_row, pairs, squares, squares_of_columns, as_wide_as_high, one_against_all]
)
def test_a_sound_loss_is_not_warned_of(loop):
    assert warned(loop) == []


def test_only_the_first_backward_is_looked_at_and_torchs_own_is_put_back():
    usual = torch.Tensor.backward
    with explained(Net()):
        assert torch.Tensor.backward is not usual
        Net()(X).sum().backward()
        assert torch.Tensor.backward is usual
    with explained(Net()), explained(Net()):
        pass
    assert torch.Tensor.backward is usual
    with pytest.raises(ZeroDivisionError), explained(Net()):
        raise ZeroDivisionError
    assert torch.Tensor.backward is usual


def test_another_thread_is_not_looked_at():
    with warnings.catch_warnings(record=True) as caught, explained(Net()):
        warnings.simplefilter("always")
        thread = threading.Thread(target=plain, args=(Net(1),))
        thread.start()
        thread.join()
    assert not [one for one in caught if "In this loss" in str(one.message)]


def test_the_look_at_a_loss_costs_next_to_nothing():
    """Of 200 layers and 200 sums, in processor time."""
    from helpers.trace.backward import _told

    model = nn.Sequential(*[nn.Linear(8, 8) for _ in range(200)])
    loss = model(X).pow(2).mean()
    for _ in range(200):
        loss = loss + loss.detach()
    begin = time.process_time()
    for _ in range(20):
        _told(loss, sys._getframe())
    assert (time.process_time() - begin) / 20 < 0.01
