"""Answers live in memory, and in a file if the learner wants. Lines are only added, and damage is reported."""

import json
import os

import pytest

from helpers.exercises import record
from helpers.exercises.switches import SWITCH


def answered(question="01.q1", given="4", is_right=False, mistakes=("the first position forgotten",), seed=0):
    return {
        "question": question,
        "seed": seed,
        "what": "answer",
        "given": given,
        "is_right": is_right,
        "mistakes": list(mistakes),
    }


def hinted(question="01.q1"):
    return {"question": question, "seed": 0, "what": "hint"}


def restart():
    """As if the kernel had been restarted."""
    record.forget()


def test_events_are_kept_in_order_and_found_by_question_and_seed():
    for event in (answered(), hinted("01.q2"), answered("01.q1", "5", True, (), seed=3)):
        assert record.add(event) == ""
    assert [event["question"] for event in record.events()] == ["01.q1", "01.q2", "01.q1"]
    assert record.events("01.q1", 3) == [answered("01.q1", "5", True, (), seed=3)]


def test_each_answer_is_counted_once_however_often_its_cell_is_run():
    for _ in range(3):
        record.add(answered())
        record.add(hinted())
        record.add(answered(given="5", is_right=True, mistakes=()))
    assert [event["what"] for event in record.events()] == ["answer", "hint", "answer"]


def test_the_latest_answer_is_known_even_if_it_was_given_before():
    assert record.latest_answer("01.q1") is None
    for given in ("4", "5", "4"):
        record.add(answered(given=given))
    record.add(answered(given="9", seed=3))
    assert record.latest_answer("01.q1")["given"] == "4"


def test_a_restart_and_run_all_adds_no_line(tmp_path):
    path = tmp_path / "answers.jsonl"
    for _ in range(3):
        record.add(answered())
        record.add(hinted())
        record.keep_in(path)
        before = path.read_bytes()
        restart()
    assert len(before.splitlines()) == 2
    record.keep_in(path)
    assert record.latest_answer("01.q1") == answered()


def test_a_file_that_was_removed_is_written_again(tmp_path):
    path = tmp_path / "answers.jsonl"
    record.keep_in(path)
    record.add(answered())
    path.unlink()
    record.add(answered(given="5"))
    assert [json.loads(line)["given"] for line in path.read_text().splitlines()] == ["4", "5"]
    assert len(path.read_text().splitlines()) == 2


def test_an_older_copy_that_is_put_back_gets_what_it_lacks(tmp_path):
    path = tmp_path / "answers.jsonl"
    record.keep_in(path)
    record.add(answered())
    older = path.read_bytes()
    for given in ("5", "6"):
        record.add(answered(given=given))
        path.write_bytes(older)
    record.add(hinted())
    restart()
    record.keep_in(path)
    assert record.events() == [answered(), answered(given="5"), answered(given="6"), hinted()]


def test_what_a_full_disk_has_cut_off_is_added_once(tmp_path):
    path = tmp_path / "answers.jsonl"
    record.keep_in(path)
    for number in range(10):
        record.add(answered(given=str(number)))
    whole = path.read_bytes()
    path.write_bytes(whole[:-30])  # as after a write that found no more room
    record.add(hinted())
    kept = [json.loads(line) for line in path.read_text().splitlines() if line.endswith("}")]
    assert [event.get("given") for event in kept] == [*map(str, range(9)), "9", None]


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="needs a pipe")
def test_a_pipe_is_no_file_for_answers_and_is_not_waited_for(tmp_path):
    os.mkfifo(tmp_path / "pipe")
    (said,) = record.keep_in(tmp_path / "pipe")
    assert "cannot be used: what is there is not a regular file." in said


def test_another_file_that_cannot_be_used_changes_nothing(tmp_path):
    path = tmp_path / "answers.jsonl"
    record.keep_in(path)
    (note,) = record.keep_in(tmp_path)
    assert note.endswith(f"Your answers are still kept in {path}.")
    record.add(answered())
    assert len(path.read_text().splitlines()) == 1


@pytest.mark.parametrize("name", [True, 5, ["a"], b"x", "a\0b", "x" * 5000])
def test_what_is_no_name_of_a_file_is_reported(name):
    (note,) = record.keep_in(name)
    assert "cannot be used" in note


def test_windows_marks_and_strange_separators_are_no_damage(tmp_path):
    path = tmp_path / "answers.jsonl"
    event = answered(given="a\u2028b")
    path.write_bytes(b"\xef\xbb\xbf" + (json.dumps(event, ensure_ascii=False) + "\r\n").encode())
    record.keep_in(path)
    assert record.events() == [event]


def test_a_file_brings_the_answers_back_after_a_restart(tmp_path):
    path = tmp_path / "answers.jsonl"
    assert record.keep_in(path) == [f"Kept in {path}. Found in it: 0."]
    record.add(answered())
    record.add(hinted())
    restart()
    assert record.events() == []
    assert record.keep_in(path) == [f"Kept in {path}. Found in it: 2."]
    assert record.events() == [answered(), hinted()]


def test_answers_given_before_the_file_was_named_are_written_into_it(tmp_path):
    path = tmp_path / "answers.jsonl"
    record.add(answered())
    record.keep_in(path)
    assert [json.loads(line) for line in path.read_text().splitlines()] == [answered()]


def test_naming_the_file_again_changes_nothing(tmp_path):
    path = tmp_path / "answers.jsonl"
    record.keep_in(path)
    record.add(answered())
    before = path.read_bytes()
    record.keep_in(path)
    record.keep_in(str(path))
    assert path.read_bytes() == before
    assert record.events() == [answered()]


def test_two_lessons_may_share_a_file(tmp_path):
    """Another kernel adds its lines in between: neither loses anything."""
    path = tmp_path / "answers.jsonl"
    record.keep_in(path)
    record.add(answered("01.q1"))
    with path.open("a") as other_kernel:
        other_kernel.write(json.dumps(answered("02.q1")) + "\n")
    record.add(answered("01.q2"))
    restart()
    record.keep_in(path)
    assert [event["question"] for event in record.events()] == ["01.q1", "02.q1", "01.q2"]


@pytest.mark.parametrize(
    "damage",
    [
        "{",
        "half a li",
        "[]",
        "17",
        '{"question": "01.q1"}',
        '{"question": 1, "seed": 0, "what": "hint"}',
        '{"question": "01.q1", "seed": 0, "what": "answer", "given": 5, "is_right": true, "mistakes": []}',
        '{"question": "01.q1", "seed": 0, "what": "answer", "given": "5"}',
        '{"question": "01.q1", "seed": 0, "what": "answer", "given": "5", "is_right": true, "mistakes": [1]}',
        '{"question": "01.q1", "seed": 0, "what": "lunch"}',
        '{"question": "01.q1", "seed": true, "what": "hint"}',
        '{"question": "01.q1", "seed": -4, "what": "hint"}',
        "[" * 100_000,
    ],
)
def test_a_damaged_line_is_reported_left_as_it_is_and_the_rest_is_used(tmp_path, damage):
    path = tmp_path / "answers.jsonl"
    path.write_text(f"{json.dumps(answered())}\n{damage}\n{json.dumps(hinted())}\n")
    before = path.read_bytes()
    notes = record.keep_in(path)
    assert notes[1:] == [f"Line 2 of {path} cannot be read. It is left as it is."]
    assert record.events() == [answered(), hinted()]
    record.add(answered(given="5"))
    assert path.read_bytes().startswith(before)


def test_many_damaged_lines_are_counted(tmp_path):
    path = tmp_path / "answers.jsonl"
    path.write_text(json.dumps(answered()) + "\n" + "x\n" * 1000)
    notes = record.keep_in(path)
    assert len(notes) == 7
    assert notes[-1] == "995 more lines cannot be read."


def test_a_torn_last_line_does_not_swallow_the_next_answer(tmp_path):
    path = tmp_path / "answers.jsonl"
    path.write_text(json.dumps(answered()) + "\n" + '{"question": "01')
    record.keep_in(path)
    record.add(hinted())
    restart()
    assert len(record.keep_in(path)) == 2
    assert record.events() == [answered(), hinted()]


@pytest.mark.parametrize(
    "content", [b"a letter to my aunt\n", b'{"cells": [],\n "nbformat": 4}\n', b"\x89PNG\r\n\x1a\n\xff\xfe", b"\x00"]
)
def test_a_file_of_something_else_is_not_touched(tmp_path, content):
    path = tmp_path / "letter.txt"
    path.write_bytes(content)
    (note,) = record.keep_in(path)
    assert "there are no answers of this course in it. Nothing in it was changed." in note
    record.add(answered())
    assert path.read_bytes() == content
    assert record.events() == [answered()]


@pytest.mark.parametrize("name", ["", "missing/answers.jsonl"])
def test_a_place_that_cannot_be_written_to_is_reported_at_once_and_the_answers_stay_in_memory(tmp_path, name):
    (note,) = record.keep_in(tmp_path / name)
    assert "cannot be used" in note
    assert "Your answers are in memory only" in note
    assert record.add(answered()) == ""
    assert record.events() == [answered()]


def test_what_could_not_be_written_is_reported_and_written_later(tmp_path):
    path = tmp_path / "folder" / "answers.jsonl"
    path.parent.mkdir()
    record.keep_in(path)
    path.unlink()
    path.parent.rmdir()
    assert "could not be written" in record.add(answered())
    path.parent.mkdir()
    assert record.add(hinted()) == ""
    assert len(path.read_text().splitlines()) == 2


@pytest.mark.skipif(os.name != "posix" or os.geteuid() == 0, reason="root may read everything")
def test_a_file_that_must_not_be_read_is_reported(tmp_path):
    path = tmp_path / "answers.jsonl"
    path.write_text("")
    path.chmod(0)
    assert "cannot be used" in record.keep_in(path)[0]


@pytest.fixture
def notebook(tmp_path, monkeypatch):
    """A learner's notebook, open in Jupyter."""
    folder = tmp_path / "notebooks"
    folder.mkdir()
    monkeypatch.setenv(record.NOTEBOOK, str(folder / "01_convolution_arithmetic.ipynb"))
    return folder / "01_convolution_arithmetic.ipynb"


def test_beside_a_learners_notebook_answers_are_kept_unasked_and_come_back(notebook):
    assert record.add(answered()) == record.KEPT
    assert record.add(hinted()) == "", "it is said once"
    assert [json.loads(line) for line in notebook.with_name("answers.jsonl").read_text().splitlines()] == [
        answered(),
        hinted(),
    ]
    restart()
    assert record.events() == [answered(), hinted()]
    assert record.latest_answer("01.q1") == answered()
    assert record.add(answered()) == ""
    assert record.about() == [record.KEPT]


def test_who_looks_back_first_is_told_where_the_answers_are_once(notebook):
    assert record.about() == [record.KEPT]
    assert record.add(answered()) == ""


def test_without_a_notebook_of_ones_own_nothing_is_read_or_written(notebook, monkeypatch):
    record.add(answered())
    restart()
    monkeypatch.delenv(record.NOTEBOOK)
    assert record.events() == []
    assert record.add(answered(given="5")) == ""
    assert record.about() == []
    assert len(notebook.with_name("answers.jsonl").read_text().splitlines()) == 1


@pytest.mark.parametrize("value", ["file", "solutions, file", "flie"])
def test_the_file_can_be_switched_off(notebook, monkeypatch, value):
    monkeypatch.setenv(SWITCH, value)
    assert record.add(answered()) == ""
    assert not notebook.with_name("answers.jsonl").exists()


def test_a_teacher_who_switches_solutions_off_keeps_the_file(notebook, monkeypatch):
    monkeypatch.setenv(SWITCH, "solutions, hints")
    assert record.add(answered()) == record.KEPT


def test_a_file_that_cannot_be_used_is_told_once_and_answers_go_on(notebook):
    notebook.with_name("answers.jsonl").mkdir()
    said = record.add(answered())
    assert "cannot be used" in said
    assert said.endswith("Your answers are in memory only.")
    assert record.add(answered(given="5")) == ""
    assert len(record.events()) == 2


def test_a_notebook_whose_folder_is_nowhere_here_is_no_reason_to_complain(tmp_path, monkeypatch):
    monkeypatch.setenv(record.NOTEBOOK, str(tmp_path / "drive" / "01.ipynb"))
    assert record.add(answered()) == ""


def test_another_file_named_by_the_learner_gets_those_from_before(notebook, tmp_path):
    record.add(answered())
    restart()
    assert record.keep_in(tmp_path / "anna.jsonl") == [f"Kept in {tmp_path / 'anna.jsonl'}. Found in it: 0."]
    record.add(answered(given="5"))
    assert len((tmp_path / "anna.jsonl").read_text().splitlines()) == 2
    assert len(notebook.with_name("answers.jsonl").read_text().splitlines()) == 1
    assert record.about() == []


def test_two_lessons_open_at_once_share_the_file(notebook):
    """Another kernel adds to it between two answers of this one."""
    record.add(answered())
    with notebook.with_name("answers.jsonl").open("a") as file:
        file.write(json.dumps(answered("02.q1")) + "\n")
    record.add(answered(given="5"))
    restart()
    assert [event["question"] for event in record.events()] == ["01.q1", "02.q1", "01.q1"]
