"""An order is given in letters; what a wrong one would do is said."""

import pytest

from helpers.exercises import record
from helpers.exercises.ordering import Ordering
from helpers.exercises.question import Mistake

SHOES_FIRST = Mistake("shoes before socks", None, "you put socks over your shoes.")
OTHER = Mistake("door too early", None, "you leave without shoes.")


@pytest.fixture
def q1(no_lesson):
    return Ordering(
        "09.q1",
        "going out",
        "1 · Morning",
        "Put the lines in order.",
        lines=("socks()", "shoes()", "door()"),
        first="BCA",
        problem=lambda lines: (
            SHOES_FIRST if lines.index("shoes()") < lines.index("socks()") else None if lines[-1] == "door()" else OTHER
        ),
        hints=("What is under what?", "Socks are first."),
    )


@pytest.mark.parametrize(
    "order", ["BCA", "bca", "B C A", "B, C, A", "B -> C -> A", "B/C.A\n", ["B", "C", "A"], ("b", "c", "a")]
)
def test_the_right_order_may_be_written_in_many_ways(q1, order):
    assert repr(q1.check(order)) == "q1 ✓ BCA is right.\n    socks()\n    shoes()\n    door()"


def test_a_wrong_order_is_named_and_what_it_would_do_is_said(q1):
    feedback = q1.check("CBA")
    assert feedback.headline == "CBA? Not yet."
    assert feedback.paragraphs[1] == ("shoes before socks", "you put socks over your shoes.")
    assert record.events()[0]["mistakes"] == ["shoes before socks"]
    assert q1.check("BAC").paragraphs[1] == ("door too early", "you leave without shoes.")


@pytest.mark.parametrize(
    "order", ["", "AB", "AAB", "ABCD", "socks", 123, None, ["A", "B"], [["A"], "B", "C"], {"A": 1}]
)
def test_what_is_no_order_gets_a_sentence_with_an_example(q1, order):
    feedback = q1.check(order)
    assert feedback.state == "open"
    assert feedback.headline == 'Give each of the letters A, B, C once, such as `"ABC"`.'
    assert feedback.paragraphs[0].startswith("It got ")
    assert record.events() == []


def test_the_lines_are_shown_under_their_letters_and_other_seeds_shuffle_them(q1):
    assert "A: door()\n    B: socks()\n    C: shoes()" in repr(q1)
    shown = set()
    for seed in range(1, 30):
        q1.again(seed)
        shown.add(tuple(q1.lettered().values()))
    assert len(shown) == 5, "all but the right one"


def test_the_solution_is_the_letters_and_the_lines(q1):
    assert repr(q1.solution()) == "q1 · Solution\n  BCA\n    socks()\n    shoes()\n    door()"
