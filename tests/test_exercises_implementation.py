"""A learner's function is judged on every case; what is wrong with it is said in those words, and nothing crashes."""

from functools import partial

import pytest
import torch
import torch.nn.functional as F
from torch import nn

from helpers.exercises import calling, record
from helpers.exercises.calling import called
from helpers.exercises.implementation import Implementation
from helpers.trace import explained


@pytest.fixture
def make(no_lesson):
    return question


def cases(generator):
    numbers = torch.Generator().manual_seed(generator.randrange(2**31))
    return [
        {"row": torch.tensor([1.0, 2.0]), "times": 1},
        {"row": torch.tensor([1.0, 3.0, 5.0]), "times": 2},
        {"row": torch.tensor([[-1.0, -2.0], [3.0, 4.0]]).T, "times": 3},
        {"row": torch.rand(4, generator=numbers), "times": 5},
    ]


def scaled(row, times):
    return row * times


def question(**changes):
    settings = {
        "cases": cases,
        "solution": scaled,
        "hints": ("Each number.", "`row * times`"),
        "mistakes": {
            "added": (lambda row, times: row + times - 1, "times means multiplied."),
            "squared": (lambda row, times: row**times, "times means multiplied, not raised to a power."),
            "negative numbers lost": (lambda row, times: row.clamp(0) * times, "they count too."),
        },
    }
    return Implementation("09.q1", "scaled", "1 · Rows", "Write `scaled(row, times)`.", **settings | changes)


def test_a_right_function_passes_and_is_kept_as_right(make):
    q1 = make()
    assert repr(q1.check(lambda row, times: times * row)) == "q1 ✓ Right in all 4 cases that were tried."
    assert [event["is_right"] for event in record.events()] == [True]


def test_a_wrong_function_is_shown_the_first_case_that_fails(make):
    assert repr(make().check(lambda row, times: row)) == (
        "q1 ✗ Not yet.\n"
        "  First difference at [0]: yours 1, expected 2.\n"
        "  row: 1 3 5\n"
        "  times: 2\n"
        "  yours: 1 3 5\n"
        "  expected:  2  6 10\n"
        "  Try again. `q1.hint()` helps."
    )


def test_a_known_mistake_is_named_even_if_it_is_written_otherwise(make):
    feedback = make().check(lambda row, times: (row - 1) + times)
    assert feedback.paragraphs[0] == ("added", "times means multiplied.")
    assert record.events()[0]["mistakes"] == ["added"]


def test_an_error_is_part_of_the_feedback_with_the_learners_line(make):
    def scaled(row, times):
        return row[5] * times

    text = repr(make().check(scaled))
    assert "it stopped:\n    IndexError: index 5 is out of bounds for dimension 0 with size 2\n    in line " in text
    assert ": return row[5] * times" in text
    assert "expected: 1 2" in text


def test_an_endless_loop_is_stopped_and_said(make, monkeypatch):
    def scaled(row, times):
        while times:
            pass

    monkeypatch.setattr("helpers.exercises.implementation.called", partial(called, seconds=0.3))
    assert "Does a loop in it never end?" in repr(make().check(scaled))


def test_the_wrong_number_of_arguments_is_said(make):
    def scaled(row):
        return row

    assert "It is called with 2 arguments, (row, times), but yours is `scaled(row)`." in repr(make().check(scaled))


def test_printing_instead_of_returning_is_said_and_what_was_printed_shown(make):
    def scaled(row, times):
        print("my row", times)

    text = repr(make().check(scaled))
    assert "It prints its result and returns nothing: write `return` in place of `print`." in text
    assert "it printed: my row 1" in text


def test_returning_nothing_is_said(make):
    assert "It returns nothing. Does it end with `return`?" in repr(make().check(lambda row, times: None))


def test_a_list_instead_of_a_tensor_is_said(make):
    feedback = make().check(lambda row, times: (row * times).tolist())
    assert "Yours is a list, a tensor is expected." in feedback.paragraphs


@pytest.mark.parametrize("given", [torch.zeros(2), 5, None, "scaled", [print]])
def test_what_is_no_function_gets_a_sentence(make, given):
    feedback = make().check(given)
    assert "hand over the function itself, without brackets: `q1.check(name_of_it)`" in feedback.headline
    assert record.events() == []


@pytest.mark.parametrize("unwritten", [lambda row, times: ..., lambda row, times: row * ...])
def test_three_dots_in_the_function_are_no_answer(make, unwritten):
    feedback = make().check(unwritten)
    assert feedback.state == "open"
    assert "write your lines in place of the three dots" in feedback.headline
    assert record.events() == []


def test_what_cannot_be_compared_is_said(make):
    class Broken(list):
        def __len__(self):
            raise RuntimeError("no length")

    q1 = make(reference=lambda row, times: (1, 2), mistakes={})
    assert "What it returns cannot be compared: RuntimeError: no length" in repr(q1.check(lambda row, times: Broken()))


class Endless:
    def __repr__(self):
        while True:
            pass


def test_what_contains_itself_or_never_ends_showing_itself_is_wrong_and_the_lesson_goes_on(make, monkeypatch):
    monkeypatch.setattr(calling.called, "__defaults__", (None, 0.1))
    with_itself = {}
    with_itself["it"] = with_itself
    q1 = make(reference=lambda row, times: {"it": 1}, mistakes={})
    assert "yours: RecursionError: " in repr(q1.check(lambda row, times: with_itself))
    q2 = make(reference=lambda row, times: 1, mistakes={})
    assert "yours: It was stopped after 0.1 seconds." in repr(q2.check(lambda row, times: Endless()))


def test_a_signature_that_is_none_is_no_obstacle(make):
    def right(row, times):
        return row * times

    right.__signature__ = "x"
    assert "q1 ✓" in repr(make().check(right))


def test_what_a_function_switches_for_all_of_torch_is_as_before_afterwards(make):
    conv2d = F.conv2d

    def switches(row, times):
        torch.set_grad_enabled(False)
        torch.set_default_dtype(torch.float64)
        F.conv2d = None
        return row * times

    make().check(switches)
    assert torch.is_grad_enabled()
    assert torch.get_default_dtype() == torch.float32
    assert F.conv2d is conv2d


def test_two_different_wrong_functions_are_two_answers(make):
    q1 = make()
    for wrong in (lambda row, times: row[:1], lambda row, times: None, lambda row, times: row[:1]):
        q1.check(wrong)
    assert [event["given"] for event in record.events()] == [
        "Yours has shape (1,), expected is (2,).",
        "It returns nothing. Does it end with `return`?",
    ]


def test_a_function_that_changes_its_input_spoils_nothing(make):
    def in_place(row, times):
        return row.mul_(times)

    q1 = make()
    assert q1.check(in_place).state == "right"
    assert q1.check(lambda row, times: row * times).state == "right"


def test_the_input_is_shown_as_it_was_before_the_function_changed_it(make):
    assert "  row: 1 2\n" in repr(make().check(lambda row, times: row.mul_(times).add_(5)))


def test_the_lessons_random_numbers_go_on_as_if_nothing_had_been(make):
    def noisy(row, times):
        torch.manual_seed(123)
        return row * times + 0 * torch.rand(1)

    torch.manual_seed(0)
    expected = torch.rand(3)
    torch.manual_seed(0)
    make().check(noisy)
    assert torch.equal(torch.rand(3), expected)


def test_long_prints_are_cut(make):
    def chatty(row, times):
        print("x" * 10_000)
        return row

    assert len(repr(make().check(chatty))) < 1200


def test_a_broken_function_is_not_mended_until_it_is(make):
    def broken(row, times):
        return row * times - 1

    q1 = make(broken=broken, mistakes={})
    feedback = q1.check(lambda row, times: row * times - 1)
    assert feedback.headline == "Not fixed yet. This is what it does:"
    assert feedback.state == "open"
    assert record.events() == []
    assert q1.check(lambda row, times: row * times + 1).state == "wrong"
    assert q1.check(lambda row, times: row * times).state == "right"


def test_a_broken_function_that_raises_is_recognised_as_unchanged(make):
    def broken(row, times):
        raise ValueError("no")

    feedback = make(broken=broken, mistakes={}).check(broken)
    assert feedback.state == "open"
    assert "ValueError: no" in repr(feedback)


def test_what_a_model_lacks_is_explained_under_torchs_error(make):
    def scores(build, images):
        model = build()
        with explained(model):
            return tuple(model(torch.zeros(images, 3, 8, 8)).shape)

    def build(inputs):
        return nn.Sequential(nn.Conv2d(3, 4, 3), nn.Flatten(), nn.Linear(inputs, 10))

    q1 = make(
        solution=lambda: build(144), cases=lambda generator: [{"images": 1}, {"images": 4}], observe=scores, mistakes={}
    )
    text = repr(q1.check(lambda: build(256)))
    assert "mat1 and mat2 shapes cannot be multiplied (1x144 and 256x10)" in text
    assert "144 numbers arrive for each image" in text
    assert q1.check(lambda: build(144)).state == "right"


def test_again_tries_other_random_cases(make):
    q1 = make()

    def wrong_for_rows_of_four(row, times):
        return row * times + len(row) // 4

    before = repr(q1.check(wrong_for_rows_of_four))
    assert "times: 5" in before
    q1.again()
    assert repr(q1.check(wrong_for_rows_of_four)) != before
