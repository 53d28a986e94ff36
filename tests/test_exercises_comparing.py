"""What a learner's function returned is compared with torch's, and the first difference is named."""

import numpy as np
import pytest
import torch

from helpers.exercises.comparing import described, difference

PLANE = torch.tensor([[1.0, 2.0], [3.0, 4.0]])


@pytest.mark.parametrize(
    ("yours", "expected"),
    [
        (PLANE.clone(), PLANE),
        (PLANE.int(), PLANE),
        (PLANE.double(), PLANE),
        (PLANE + 1e-6, PLANE),
        (PLANE.clone().requires_grad_(), PLANE),
        (torch.tensor(float("nan")), torch.tensor(float("nan"))),
        (3, 3),
        (3.0, 3),
        (torch.tensor(3), 3),
        (np.int64(3), 3),
        (2.30259, 2.302585),
        (2.5, torch.tensor(2.5)),
        ((1, 2), (1, 2)),
        ([1, 2], (1, 2)),
        ((torch.tensor(1), np.int64(2)), (1, 2)),
        (torch.Size([1, 2]), (1, 2)),
        (True, True),
        ({"loss": 1.0, "weights": PLANE}, {"loss": 1.0, "weights": PLANE}),
    ],
)
def test_what_is_equal_has_no_difference(yours, expected):
    assert difference(yours, expected) == ""


@pytest.mark.parametrize(
    ("yours", "expected", "said"),
    [
        (torch.tensor([[1.0, 2], [5, 9]]), PLANE, "First difference at [1, 0]: yours 5, expected 3."),
        (torch.tensor(1.5), torch.tensor(2.5), "First difference: yours 1.5, expected 2.5."),
        (1.5, torch.tensor(2.5), "First difference: yours 1.5, expected 2.5."),
        (1.5, PLANE, "Yours is a float, a tensor is expected."),
        (PLANE[0], PLANE, "Yours has shape (2,), expected is (2, 2)."),
        (PLANE[None], PLANE, "Yours has shape (1, 2, 2), expected is (2, 2)."),
        ([[1, 2], [3, 4]], PLANE, "Yours is a list, a tensor is expected."),
        (PLANE.numpy(), PLANE, "Yours is a NumPy array, a tensor is expected."),
        (PLANE.to_sparse(), PLANE, "Yours is sparse, an ordinary tensor is expected."),
        (PLANE * 1j, PLANE, "Yours is complex, an ordinary tensor is expected."),
        (PLANE.to("meta"), PLANE, "Yours is on meta, not on cpu."),
        (None, PLANE, "Yours is None, a tensor is expected."),
        (7, PLANE, "Yours is an int, a tensor is expected."),
        (PLANE, 3, "Yours is a tensor of shape (2, 2), a number is expected."),
        ("3", 3, "Yours is a text, a number is expected."),
        (3.5, 3, "Yours is 3.5, expected is 3."),
        (2, 3, "Yours is 2, expected is 3."),
        (2.5, 2.302585, "Yours is 2.5, expected is 2.3026."),
        ((2, 1), (1, 2), "Yours is (2, 1), expected is (1, 2)."),
        (3, (1, 2), "Yours is an int, a tuple of 2 is expected."),
        ((1, 2, 3), (1, 2), "Yours is (1, 2, 3), expected is (1, 2)."),
        (np.zeros(2), 3, "Yours is a NumPy array, a number is expected."),
        (torch.zeros(1, device="meta"), 3, "Yours is a tensor of shape (1,), a number is expected."),
        (
            {"loss": 1.0, "weights": PLANE + 1},
            {"loss": 1.0, "weights": PLANE},
            "weights: First difference at [0, 0]: yours 2, expected 1.",
        ),
        (torch.full((2,), float("nan")), torch.zeros(2), "First difference at [0]: yours nan, expected 0."),
    ],
)
def test_the_first_difference_is_said(yours, expected, said):
    assert difference(yours, expected) == said


def test_small_tensors_are_shown_with_their_numbers_and_large_ones_by_their_shape():
    assert described(PLANE) == "1 2\n3 4"
    assert described(torch.tensor([[-1.0, 10.0], [0.25, 3.0]])) == "  -1   10\n0.25    3"
    assert described(torch.tensor([1, 2, 30])) == " 1  2 30"
    assert described(torch.tensor(2.5)) == "2.5"
    assert described(torch.tensor([True, False])) == "1 0"
    assert described(torch.zeros(4, 18, 16, 16)) == "a tensor of shape (4, 18, 16, 16)"
    assert described(torch.zeros(2, 2, 2)) == "a tensor of shape (2, 2, 2)"
    assert described(torch.zeros(2, device="meta")) == "a tensor of shape (2,)"
    assert described((1, 2)) == "(1, 2)"
    assert described({"loss": 0.5}) == "loss: 0.5"
    assert described(PLANE.clone().requires_grad_() * 2) == "2 4\n6 8"


def test_whatever_a_function_returns_can_be_shown():
    class Broken:
        def __repr__(self):
            raise RuntimeError

    assert "Broken" in described(Broken())
    model = torch.nn.Sequential(torch.nn.Linear(2, 8), torch.nn.Dropout(0.8), torch.nn.Linear(8, 4))
    assert described(model) == repr(model)
    assert described(PLANE.to_sparse()) == described(PLANE * 1j) == "a tensor of shape (2, 2)"
    assert len(described("x" * 10_000)) < 100
    assert len(described(list(range(10_000)))) < 100
