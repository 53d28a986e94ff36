"""What all questions share: hints one by one, the solution, fresh numbers, and what a teacher may switch off."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from helpers.exercises import record
from helpers.exercises.lesson_01 import q1, q5, q7
from helpers.exercises.switches import SWITCH

ROOT = Path(__file__).parent.parent


@pytest.fixture(autouse=True)
def _nothing_switched_off(monkeypatch):
    monkeypatch.delenv(SWITCH, raising=False)


def test_hints_come_one_at_a_time_and_the_last_is_nearly_the_answer():
    assert [q5.hint().headline for _ in range(3)] == ["Hint 1 of 3", "Hint 2 of 3", "Hint 3 of 3"]
    after = q5.hint()
    assert after.headline == "That was the last hint. The next step is `q5.solution()`."
    assert after.paragraphs == ("⌊(26 + 2·4 − 7) / 2⌋ + 1 = ⌊27 / 2⌋ + 1",)
    assert len(record.events("01.q5")) == 3


def test_only_what_is_named_is_switched_off(monkeypatch):
    monkeypatch.setenv(SWITCH, "hints")
    assert "Hints are switched off" in repr(q5.hint())
    assert "= 14" in repr(q5.solution())
    monkeypatch.setenv(SWITCH, "solutions")
    assert "Hint 1 of 3" in repr(q5.hint())


def test_a_word_that_is_unknown_switches_everything_off_rather_than_nothing(monkeypatch):
    monkeypatch.setenv(SWITCH, "sloutions")
    assert "switched off" in repr(q5.hint())
    assert "switched off" in repr(q5.solution())


def test_hints_begin_anew_with_new_numbers():
    q5.hint()
    q5.again(3)
    assert q5.hint().headline == "Hint 1 of 3"


def test_the_solution_shows_the_way_and_the_answer():
    assert repr(q5.solution()) == "q5 · Solution\n  ⌊(26 + 2·4 − 7) / 2⌋ + 1 = ⌊27 / 2⌋ + 1 = 14"
    assert "def conv2d(image, weight, stride=1):" in repr(q7.solution())


def test_a_question_shows_itself():
    assert repr(q1) == (
        "q1 · places in a row\n"
        "  An input is 7 cells wide, a kernel 3 cells. "
        "Moving one cell at a time, in how many positions does the kernel fit?"
    )
    assert "places in a row" in q1._repr_html_()


def test_again_asks_the_same_with_new_numbers_and_a_seed_gives_everyone_the_same():
    first = q5.asked().text
    assert q5.again().name == "q5, seed 1"
    assert q5.again().name == "q5, seed 2"
    seventh = q5.again(seed=7)
    assert q5.again(8) != seventh
    assert q5.again(7) == seventh
    assert first not in repr(seventh)
    q5.again(0)
    assert q5.asked().text == first


def test_the_numbers_of_a_seed_are_the_same_in_every_process():
    """Python's hash of a text changes from process to process; the seed must not depend on it."""
    code = "from helpers.exercises.lesson_01 import q5; q5.again(7); print(q5.asked().text)"
    other = os.environ | {"PYTHONHASHSEED": "1" if os.environ.get("PYTHONHASHSEED") == "2" else "2"}
    text = subprocess.check_output([sys.executable, "-c", code], cwd=ROOT, env=other)
    q5.again(7)
    assert text == (q5.asked().text + "\n").encode()


@pytest.mark.parametrize("seed", [-1, 1.5, "7", True, (), 10**30, type(None)], ids=lambda seed: type(seed).__name__)
def test_what_is_no_seed_gets_a_sentence_and_changes_nothing(seed):
    q5.again(4)
    assert repr(q5.again(seed)).startswith("q5, seed 4 · seed wants a whole number from 0 to 1,000,000,000, but got ")
    assert q5.seed == 4


def test_an_answer_to_new_numbers_shows_the_question_again():
    q5.again(7)
    assert q5.asked().text in repr(q5.predict(987654))
    assert "`q5.again(0)` goes back to the lesson's numbers." in repr(q5.predict(987654))
    q5.again(0)
    assert q5.asked().text not in repr(q5.predict(987654))


@pytest.mark.parametrize(
    "value", ["solutions", "Solutions", " solution ", "hints,solutions", "solutions+hints", "all", "solutoins"]
)
def test_a_teacher_can_switch_solutions_off(monkeypatch, value):
    monkeypatch.setenv(SWITCH, value)
    for question in (q5, q7):
        assert repr(question.solution()) == f"{question.label} · Solutions are switched off for this class."
    assert record.events() == []


def test_without_solutions_nothing_points_to_them(monkeypatch):
    monkeypatch.setenv(SWITCH, "solutions")
    said = [repr(q5.hint()) for _ in range(4)] + [repr(q5.predict(11)), repr(q5.predict(123))]
    assert not any("solution" in text for text in said)


def test_a_teacher_can_switch_hints_off_and_nothing_points_to_them(monkeypatch):
    monkeypatch.setenv(SWITCH, "hints")
    assert repr(q5.hint()) == "q5 · Hints are switched off for this class."
    assert "hint" not in repr(q5.predict(11))
    assert q5.predict(987654).paragraphs == ("Try again.",)
    assert "Solution" in repr(q5.solution())
    assert [event["what"] for event in record.events()] == ["answer", "answer", "solution"]
