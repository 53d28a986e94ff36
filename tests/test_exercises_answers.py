"""An answer is read where its meaning is clear; else one sentence says what is asked for, with an example."""

import math

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from helpers.exercises.answers import NotUnderstoodError, is_same, read, shown

SHAPE = (18, 16, 16)


@pytest.mark.parametrize(
    "given",
    [
        16,
        16.0,
        "16",
        " 16 ",
        "16.0",
        torch.tensor(16),
        torch.tensor([16]),
        torch.tensor([[16.0]]),
        np.int64(16),
        np.float32(16),
        np.array([16]),
        (16,),
        [16],
        torch.Size([16]),
        "(16,)",
    ],
    ids=repr,
)
def test_a_number_may_come_as_anything_that_holds_one_number(given):
    answer = read(given, 3)
    assert answer == 16
    assert type(answer) is int


@pytest.mark.parametrize(
    "given",
    [
        SHAPE,
        list(SHAPE),
        torch.Size(SHAPE),
        torch.tensor(SHAPE),
        np.array(SHAPE),
        "18x16x16",
        "18×16×16",
        "(18, 16, 16)",
        "[18,16,16]",
        "18 16 16",
        "torch.Size([18, 16, 16])",
        "18 * 16 * 16",
        (18.0, "16", torch.tensor(16)),
    ],
    ids=repr,
)
def test_a_shape_may_come_as_any_row_of_numbers(given):
    assert read(given, (1, 2, 3)) == SHAPE


@pytest.mark.parametrize(
    "given",
    [
        "sixteen",
        "",
        "--16",
        None,
        True,
        (16, 16),
        [],
        {},
        {16},
        float("nan"),
        float("inf"),
        3j,
        print,
        b"16",
        torch.zeros(2),
        torch.zeros(0),
        "1,6",
        [[1, 2]],
        [[[1]]] * 2,
        10**400,
        1e300,
        "9" * 400,
        "٣",
        torch.zeros(1, device="meta"),
        torch.tensor(1j),
        torch.tensor(True),
        object,
    ],
    ids=repr,
)
def test_what_is_no_number_gets_one_sentence_with_an_example(given):
    with pytest.raises(NotUnderstoodError, match=r"^This asks for a number, such as 7, but got .*\.$"):
        read(given, 3)


@pytest.mark.parametrize(
    "given",
    [16, "16", 16.5, "abc", None, (), [], ((1, 2), 3), torch.tensor(16), (1, None), torch.zeros(2, 2), ...],
    ids=repr,
)
def test_what_is_no_shape_gets_one_sentence_with_an_example(given):
    with pytest.raises(NotUnderstoodError, match=r"^This asks for a shape, such as \(3, 8, 8\), but got .*\.$"):
        read(given, (1, 2))


def test_an_object_that_cannot_even_be_shown_gets_the_sentence_too():
    class Broken:
        def __repr__(self):
            raise RuntimeError

        tolist = __repr__

    itself = []
    itself.append(itself)
    for answer in (Broken(), itself, [Broken()]):
        for right in (3, (1, 2)):
            with pytest.raises(NotUnderstoodError, match="such as"):
                read(answer, right)


def test_a_shape_of_one_number_is_a_shape():
    assert read((16,), (1, 2)) == read("(16,)", (1, 2)) == read(torch.Size([16]), (1, 2)) == (16,)


def test_the_example_is_never_the_answer():
    for right in (7, 12):
        with pytest.raises(NotUnderstoodError) as raised:
            read("?", right)
        assert f"such as {right};" not in str(raised.value)
    with pytest.raises(NotUnderstoodError, match=r"such as \(5, 6, 6\)"):
        read("?", (3, 8, 8))


@pytest.mark.parametrize("given", ["error", "Error", "'error'", " error. "])
def test_that_an_error_comes_is_an_answer_too(given):
    assert read(given, 3) == read(given, (1, 2)) == "error"


def test_whole_numbers_must_be_equal_and_others_to_the_decimals_given():
    assert is_same(16, 16)
    assert not is_same(16, 17)
    assert is_same(2.302585, 2.3)
    assert is_same(2.302585, 2.30)
    assert is_same(2.302585, 2.303)
    assert not is_same(2.302585, 2.4)
    assert not is_same(2.302585, 2)
    assert not is_same(2.302585, 2.32)
    assert is_same(31 / 3, 10.33)
    assert is_same(31 / 3, 10.3)
    assert not is_same(31 / 3, 10)
    assert not is_same(10, 10.33)
    assert not is_same(5, 4.9999), "whole numbers are whole"


def test_a_number_that_torch_computed_in_float32_is_the_same_number():
    loss = torch.nn.functional.cross_entropy(torch.zeros(4, 10), torch.arange(4))
    assert is_same(math.log(10), read(loss, 2.5))
    assert is_same(-math.log(0.1), math.log(10))


def test_shapes_are_equal_number_by_number():
    assert is_same((1, 2), (1, 2))
    assert not is_same((1, 2), (2, 1))
    assert not is_same((1, 2), (1, 2, 3))
    assert not is_same((1,), 1)
    assert not is_same(1, (1,))
    assert not is_same("error", 1)
    assert not is_same((1, 2), "error")
    assert is_same("error", "error")


@given(st.integers(-(10**6), 10**6) | st.tuples(st.integers(0, 99), st.integers(0, 99)))
def test_what_is_shown_is_read_back_as_the_same(value):
    assert read(shown(value), value) == value


@given(st.floats(-1000, 1000))
def test_a_number_as_it_is_shown_is_the_same_number(value):
    assert is_same(value, read(shown(value), 3)) or abs(value) < 0.01 or value % 1 < 1e-9
