"""Looking back: what was right at first, what after hints, which mistake came back, what to read again."""

from dataclasses import replace

import pytest

from helpers.exercises import progress, record
from helpers.exercises.ordering import Ordering
from helpers.exercises.prediction import Asked, Prediction
from helpers.exercises.progress import NOTHING
from helpers.exercises.question import Mistake


def half(number):
    return Asked(
        f"Half of {number}, rounded down?",
        number // 2,
        f"⌊{number} / 2⌋",
        ("Whole numbers only.",),
        {
            "the floor forgotten": (number / 2, "it is rounded down."),
            "rounded up": (-(-number // 2), "it is rounded down."),
            "doubled": (2 * number, "half, not twice."),
        },
    )


MISTAKES = {"this": (9, "no."), "that": (9, "no."), "other": (8, "no.")}


@pytest.fixture
def lesson(no_lesson):
    """Three questions of a lesson of their own."""
    return [
        Prediction(f"09.q{n}", f"half of {number}", f"{n} · Half", half, {"number": number}, {"number": range(3, 99)})
        for n, number in ((1, 7), (2, 9), (3, 11))
    ]


def test_nothing_answered(lesson):
    assert repr(progress()).splitlines() == [
        "progress · 0 of 3 right.",
        "  question  about       result        mistakes",
        "  q1        half of 7   not answered",
        "  q2        half of 9   not answered",
        "  q3        half of 11  not answered",
    ]


def test_right_at_first_after_hints_and_not_yet(lesson):
    q1, q2, q3 = lesson
    q1.predict(3)
    q2.predict(4.5)
    q2.hint()
    q2.predict(5)
    q2.predict(4)
    q3.predict(5.5)
    assert repr(progress()).splitlines() == [
        "progress · 2 of 3 right, 1 of them at first and without a hint.",
        "  question  about       result                                  mistakes",
        "  q1        half of 7   right at first",
        "  q2        half of 9   right after 2 wrong answers and 1 hint  the floor forgotten; rounded up",
        "  q3        half of 11  not right yet, 1 answer                 the floor forgotten",
        "  came back: the floor forgotten, 2 times",
        "  to read again: 2 · Half; 3 · Half",
    ]


def result(question):
    row = next(row for row in progress()._feedback().rows if row[0] == question.label)
    return row[2]


def test_a_hint_alone_takes_the_at_first_away(lesson):
    q1, *_ = lesson
    q1.hint()
    q1.predict(3)
    assert result(q1) == "right after 1 hint"


def test_hints_after_the_right_answer_do_not_count(lesson):
    q1, *_ = lesson
    q1.predict(3)
    q1.hint()
    assert result(q1) == "right at first"


def test_wrong_answers_after_the_right_one_are_play(lesson):
    q1, *_ = lesson
    for given in (3, 4, 3.5):
        q1.predict(given)
    assert progress()._feedback().rows[1] == ("q1", "half of 7", "right at first", "")
    assert "to read again" not in repr(progress())
    q1.again(7)
    q1.predict(q1.asked().mistakes[-1].answer)
    assert progress()._feedback().rows[1][3] == "doubled", "other numbers are another question"


def test_a_slip_or_a_hint_before_the_right_answer_is_nothing_to_read_again(lesson):
    q1, q2, q3 = lesson
    q1.predict(987)
    q1.hint()
    q1.predict(3)
    q2.predict(987)
    q3.solution()
    q3.predict(5)
    assert "to read again: 2 · Half; 3 · Half" in repr(progress())


def test_an_order_that_was_tried_out_is_no_mistake_once_it_is_right(no_lesson):
    mistake = Mistake("too early", None, "…")
    parts = {"lines": ("a", "b"), "first": "BA", "hints": ()}
    order = Ordering(
        "09.q1", "two", "1 · Two", "?", problem=lambda lines: None if lines[0] == "a" else mistake, **parts
    )
    order.check("AB")
    assert progress()._feedback().rows[1][2:] == ("not right yet, 1 answer", "too early")
    order.check("BA")
    assert progress()._feedback().rows[1][2:] == ("right after 1 wrong answer", "")
    assert "to read again" not in repr(progress())


def test_the_solution_before_the_answer_is_told(lesson):
    q1, *_ = lesson
    q1.predict(4)
    q1.solution()
    q1.predict(3)
    assert result(q1) == "right after the solution"


def test_an_answer_given_after_the_page_showed_it_is_told(lesson):
    q1, q2, _ = lesson
    q1.reveal(3)
    assert result(q1) == "not answered"
    q1.predict(3)
    assert result(q1) == "right after it was shown"
    q2.predict(5)
    q2.reveal(4)
    q2.predict(4)
    assert result(q2) == "right after it was shown"


def test_a_reveal_compares_with_the_latest_answer(lesson):
    q1, *_ = lesson
    for given in (3, 4, 3):
        q1.predict(given)
    assert q1.reveal(3).headline == "You predicted 3, and 3 it is."
    q1.predict(4)
    assert q1.reveal(3).headline == "You predicted 4; it is 3."


def test_new_numbers_answered_after_their_solution_do_not_count(lesson):
    q1, *_ = lesson
    q1.again(7)
    q1.solution()
    q1.predict(q1.asked().answer)
    assert result(q1) == "not answered; 0 of 1 with other numbers"


def test_a_mistake_that_nobody_can_know_is_called_this_or_that(lesson):
    twice = Prediction("09.q4", "two", "4 · Half", lambda: replace(half(7), mistakes=MISTAKES), {}, {})
    twice.predict(9)
    assert twice.predict(9).headline.endswith("More than one mistake gives this:")
    assert progress()._feedback().rows[-1][3] == "this or that"


def test_practice_with_other_numbers_is_counted_by_itself(lesson):
    q1, *_ = lesson
    q1.predict(3)
    q1.again()
    q1.predict(q1.asked().answer)
    q1.again(7)
    q1.predict(q1.asked().mistakes[0].answer)
    assert result(q1) == "right at first; 1 of 2 with other numbers"
    assert "to read again: 1 · Half" in repr(progress())


def test_a_lesson_answered_right_at_first_has_nothing_to_read_again(lesson):
    for question in lesson:
        question.predict(question.asked().answer)
    assert repr(progress()).startswith("progress · 3 of 3 right, 3 of them at first and without a hint.")
    assert "again" not in repr(progress())


def test_the_table_in_a_notebook_says_the_same(lesson):
    lesson[0].predict(3.5)
    html = progress()._repr_html_()
    assert "<td>not right yet, 1 answer</td><td>the floor forgotten</td>" in html
    assert '<th scope="row">q1</th>' in html


def test_a_file_survives_a_restart(lesson, tmp_path):
    q1, *_ = lesson
    path = tmp_path / "answers.jsonl"
    assert f"Kept in {path}. Found in it: 0." in repr(progress(keep_in=path))
    q1.predict(3)
    record.forget()
    assert result(q1) == "not answered"
    assert "1 of 3 right" in repr(progress(keep_in=path))
    assert q1.reveal(3).state == "right"


def test_after_a_restart_and_run_all_the_table_is_the_same(lesson, tmp_path, monkeypatch):
    monkeypatch.setenv(record.NOTEBOOK, str(tmp_path / "09.ipynb"))
    q1, q2, _ = lesson

    def run_all(*last):
        for question, answer in zip(lesson, last, strict=True):
            question.predict(answer)
        for question in lesson:
            question.reveal(question.asked().answer)
        return repr(progress())

    assert q1.predict(4).paragraphs[-1] == record.KEPT
    q2.reveal(4)
    before = run_all(3, 4, 11)
    assert "2 of 3 right, 0 of them at first" in before
    assert record.KEPT in before
    record.forget()
    assert run_all(3, 4, 11) == before


def test_a_warning_about_the_file_stands_under_the_answer(lesson, tmp_path):
    folder = tmp_path / "folder"
    folder.mkdir()
    progress(keep_in=folder / "answers.jsonl")
    (folder / "answers.jsonl").unlink()
    folder.rmdir()
    feedback = lesson[0].predict(3)
    assert feedback.state == "right"
    assert "could not be written" in repr(feedback)


def test_the_export_has_the_table_and_every_answer_in_order(lesson, tmp_path):
    q1, q2, _ = lesson
    q1.predict(3.5)
    q1.hint()
    q1.predict(3)
    q2.again(7)
    q2.predict(q2.asked().answer)
    path = tmp_path / "anna.txt"
    assert repr(progress().export(path)) == f"progress · Written to {path}."
    text = path.read_text("utf-8")
    assert text.startswith(f"Lesson 09\n{progress()!r}\n")
    assert text.endswith(
        "Every answer, in order\n09.q1: 3.5 → wrong; the floor forgotten\n09.q1: hint\n09.q1: 3 → right\n"
        f"09.q2, seed 7: {q2.asked().answer} → right\n"
    )


def test_the_export_has_the_answers_to_other_lessons_and_a_table_of_its_own_alone(lesson, tmp_path):
    answered = {"question": "08.q1", "what": "answer", "given": "4", "is_right": True, "mistakes": []}
    record.add({**answered, "seed": 0})
    lesson[0].predict(3)
    record.add({**answered, "seed": 2, "is_right": False, "mistakes": ["this", "that"]})
    progress().export(tmp_path / "anna.txt")
    text = (tmp_path / "anna.txt").read_text("utf-8")
    assert text.startswith("Lesson 09\nprogress · 1 of 3 right, 1 of them at first")
    assert text.endswith(
        "Every answer, in order\n09.q1: 3 → right\n08.q1: 4 → right\n08.q1, seed 2: 4 → wrong; this; that\n"
    )


def test_without_a_lesson_the_answers_of_the_file_are_exported_without_its_name(no_lesson, tmp_path):
    record.add({"question": "08.q1", "seed": 0, "what": "answer", "given": "4", "is_right": True, "mistakes": []})
    progress().export(tmp_path / "anna.txt")
    assert (tmp_path / "anna.txt").read_text("utf-8").splitlines()[0] == "progress · 0 of 0 right."


def test_without_any_answer_no_file_is_written(lesson, tmp_path):
    lesson[0].reveal(3)
    assert repr(progress().export(tmp_path / "anna.txt")) == f"progress · {NOTHING}"
    assert not list(tmp_path.iterdir())


def test_an_export_never_overwrites_a_file(lesson, tmp_path):
    lesson[0].predict(3)
    path = tmp_path / "progress.txt"
    path.write_text("my own notes")
    assert "progress-2.txt" in repr(progress().export(path))
    assert "progress-3.txt" in repr(progress().export(path))
    assert path.read_text() == "my own notes"


def test_an_export_into_a_folder_is_a_file_in_it(lesson, tmp_path):
    lesson[0].predict(3)
    progress().export(tmp_path)
    progress().export(tmp_path)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["progress-2.txt", "progress.txt"]


def test_an_export_that_cannot_be_written_says_so(lesson, tmp_path):
    lesson[0].predict(3)
    feedback = progress().export(tmp_path / "missing" / "progress.txt")
    assert feedback.state == "wrong"
    assert "cannot be written" in repr(feedback)
