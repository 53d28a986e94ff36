import sys
import traceback
import types

import pytest
import torch
import torch.nn.functional as F
from torch import nn

from helpers.model import SimpleCNN
from helpers.trace import explained, trace


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv1 = nn.Conv2d(3, 18, 3, padding=1)
        self.fc1 = nn.Linear(4608, 10)

    def forward(self, x):
        x = F.max_pool2d(F.relu(self.conv1(x)), 2)
        return self.fc1(torch.flatten(x, 1))


WRONG = torch.zeros(4, 3, 48, 48)


def told(error):
    """What stands below a traceback."""
    return "".join(traceback.format_exception_only(error))


def test_the_error_is_the_one_raised_and_the_explanation_of_trace_stands_under_it():
    model = Net()
    with pytest.raises(RuntimeError) as raised, explained(model):
        model(WRONG)
    with pytest.raises(RuntimeError) as plain:
        model(WRONG)
    assert str(raised.value) == str(plain.value)
    assert told(raised.value) == f"{told(plain.value)}\n{trace(model, WRONG).problem.explanation}\n"


def test_the_learners_own_line_stays_in_the_traceback():
    model = Net()
    with pytest.raises(RuntimeError) as raised, explained(model):
        model(WRONG)  # the learner's line
    assert "model(WRONG)  # the learner's line" in "".join(traceback.format_exception(raised.value))


def test_a_batch_that_fits_is_trained_on_and_nothing_else_runs(monkeypatch):
    model, calls, traces = Net(), [], []
    monkeypatch.setattr(sys.modules["helpers.trace.explained"], "traced", lambda *call: traces.append(call))
    model.register_forward_hook(lambda *_: calls.append(1))
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    with explained(model):
        for _ in range(3):
            loss = F.cross_entropy(model(torch.rand(2, 3, 32, 32)), torch.tensor([0, 1]))
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
    assert (len(calls), traces) == (3, [])


@pytest.mark.parametrize("loss", [F.cross_entropy, nn.CrossEntropyLoss()])
def test_an_error_of_the_loss_is_explained_too(loss):
    model = Net()
    with pytest.raises(RuntimeError) as raised, explained(model):
        loss(model(torch.zeros(4, 3, 32, 32)), torch.zeros(4, 1, dtype=torch.int64))
    assert "the target is (4, 1) of torch.int64" in told(raised.value)
    assert "Change: y.flatten() in" in told(raised.value)


def test_rows_that_are_not_as_many_as_the_labels_are_one_of_two_things():
    with pytest.raises(ValueError, match="batch_size") as raised, explained(Net()):
        F.cross_entropy(torch.zeros(9, 10), torch.zeros(4, dtype=torch.int64), reduction="sum")
    assert "9 rows of scores, and 4 labels." in told(raised.value)
    assert "If it was given 4, a view, a flatten or a cat in it turns them into 9 rows" in told(raised.value)


def test_what_the_model_was_called_with_by_name_is_followed_too():
    model = Net()
    with pytest.raises(RuntimeError) as raised, explained(model):
        model(x=WRONG)
    assert "fc1 = nn.Linear(10368, 10)" in told(raised.value)


def test_a_model_inside_another_is_explained_by_itself():
    inner = Net()
    with pytest.raises(RuntimeError) as raised, explained(inner):
        nn.Sequential(nn.Identity(), inner)(WRONG)
    assert "\nfc1: 10368 numbers" in told(raised.value)


def test_the_sentence_of_simplecnn_is_kept_and_the_explanation_added():
    model = SimpleCNN()
    with pytest.raises(ValueError, match="This SimpleCNN wants images") as raised, explained(model):
        model(WRONG)
    assert "Change: fc1 = nn.Linear(10368, 64)" in told(raised.value)


@pytest.mark.parametrize("error", [KeyError("x"), RuntimeError("out of luck"), ZeroDivisionError()])
def test_an_error_that_is_not_about_shapes_goes_by_untouched(error):
    before = told(error)
    with pytest.raises(type(error)) as raised, explained(Net()):
        raise error
    assert raised.value is error
    assert told(error) == before


def test_a_bug_in_forward_goes_by_untouched():
    class Buggy(Net):
        def forward(self, x):
            return missing(x)  # noqa: F821

    model = Buggy()
    with pytest.raises(NameError) as raised, explained(model):
        model(WRONG)
    assert told(raised.value) == "NameError: name 'missing' is not defined\n"


def test_an_error_that_takes_no_explanation_goes_on_its_way():
    class BareError(RuntimeError):
        def add_note(self, note):
            raise TypeError

    class Refuses(nn.Linear):
        def forward(self, x):
            try:
                return super().forward(x)
            except RuntimeError as error:
                raise BareError(str(error)) from error

    with pytest.raises(BareError), explained(model := Refuses(4, 2)):
        model(torch.zeros(3, 5))


def test_an_interruption_goes_by_untouched():
    with pytest.raises(KeyboardInterrupt), explained(Net()):
        raise KeyboardInterrupt


def test_a_class_is_refused_before_the_loop_begins():
    with pytest.raises(TypeError, match=r"got the class Net: Net\(…\) makes one"), explained(Net):
        pass


@pytest.mark.parametrize("version", [(7, 34, 0), (8, 13, 2)])
def test_where_ipython_shows_no_notes_the_explanation_follows_the_message(monkeypatch, version):
    """Colab has IPython 7.34."""
    monkeypatch.setitem(sys.modules, "IPython", types.SimpleNamespace(version_info=version))
    model = Net()
    with pytest.raises(RuntimeError) as raised, explained(model):
        model(WRONG)
    assert str(raised.value).startswith("mat1 and mat2 shapes cannot be multiplied (4x10368 and 4608x10)\n\nfc1: 10368")
    assert not hasattr(raised.value, "__notes__")
