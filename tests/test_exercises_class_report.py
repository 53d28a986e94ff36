"""The class's picture: what was handed in, counted question by question; what is no answer, named and left."""

import csv
import os
import random
from collections import Counter

import pytest

from helpers.exercises import class_report, lesson_01, lesson_02, progress, record
from helpers.exercises.question import QUESTIONS


@pytest.fixture
def report(tmp_path, capsys):
    """Makes the report of the folder; gives its status, what it printed, and the lines of its table."""
    record.forget()

    def report():
        status = class_report.main([str(tmp_path)])
        path = tmp_path / "class.csv"
        rows = list(csv.DictReader(path.read_text("utf-8-sig").splitlines())) if path.exists() else []
        return status, capsys.readouterr().out, rows

    yield report
    record.forget()


def hand_in(path, *answers):
    """Answer each (question, ways) as a student does, and export it.

    A way is "right", "hint", "solution", or the number of a mistake.
    """
    record.forget()
    for question, ways in answers:
        for way in ways:
            answer(question, way)
    assert progress().export(path).state == "note"


def answer(question, way):
    if way in ("hint", "solution"):
        getattr(question, way)()
    else:
        asked = question.asked()
        question.predict(asked.answer if way == "right" else asked.mistakes[way].answer)


def test_a_class_of_30_is_counted_as_it_answered(report, tmp_path):
    chance = random.Random(0)
    ways = {"at first": ["right"], "later": [0, "right"], "shown": ["solution", "right"], "not right": [0, 1], "": []}
    told = {}
    for number in range(30):
        ended = {question: chance.choice(list(ways)) for question in (lesson_01.q1, lesson_01.q2, lesson_02.q2)}
        if not any(ended.values()):
            continue  # who has answered nothing has nothing to hand in
        hand_in(tmp_path / f"student {number}.txt", *((question, ways[end]) for question, end in ended.items()))
        told[f"student {number}"] = {question.name: end for question, end in ended.items()}
    status, out, rows = report()
    assert (status, out.count("\n")) == (0, 1)
    assert {row["student"]: {name: row[name] for name in ("01.q1", "01.q2", "02.q2")} for row in rows} == told
    for row in rows:
        ends = told[row["student"]].values()
        assert int(row["right at first"]) == sum(end == "at first" for end in ends)
        assert int(row["right"]) == sum(end in ("at first", "later", "shown") for end in ends)
    page = (tmp_path / "class.html").read_text()
    for name in ("01.q1", "01.q2", "02.q2"):
        ends = Counter(answers[name] for answers in told.values())
        parts = [f"{ends[end]} {heading}" for end, (heading, _) in class_report.KINDS.items() if ends[end]]
        assert f'aria-label="{", ".join(parts)}"' in page
        mistaken = ends["later"] + ends["not right"]
        first = " or ".join(m.name for m in made_with(QUESTIONS[name], 0))
        assert f"{mistaken} × {class_report.escape(first)}" in page
    assert "03.q1" not in page  # a lesson that nobody has answered


def made_with(question, place):
    asked = question.asked()
    return [mistake for mistake in asked.mistakes if mistake.answer == asked.mistakes[place].answer]


def test_every_known_mistake_comes_back_from_an_exported_line(report, tmp_path):
    for lesson in sorted(class_report.Path(class_report.__file__).parent.glob("lesson_*.py")):
        class_report.import_module(f"helpers.exercises.{lesson.stem}")
    for name, question in QUESTIONS.items():
        for mistake in getattr(question, "mistakes", ()):
            assert ";" not in mistake.name, name
    for place in range(3):
        hand_in(tmp_path / f"{place}.txt", (lesson_01.q3, [place]))
    assert report()[0] == 0
    for place in range(3):
        names = [mistake.name for mistake in made_with(lesson_01.q3, place)]
        events = class_report.read(tmp_path)[0][str(place)]["01.q3"]
        assert [event["mistakes"] for event in events] == [names]


def test_a_folder_is_a_student_and_what_is_handed_in_twice_counts_once(report, tmp_path):
    (tmp_path / "Zoë").mkdir()
    hand_in(tmp_path / "Zoë", (lesson_01.q1, [0]))
    hand_in(tmp_path / "Zoë", (lesson_01.q1, [0, "hint", "right"]), (lesson_02.q2, ["right"]))
    _, out, rows = report()
    assert out.startswith("1 student:")
    assert [(row["student"], row["01.q1"], row["02.q2"]) for row in rows] == [("Zoë", "later", "at first")]
    assert "1 × " in (tmp_path / "class.html").read_text()


def test_a_file_of_answers_is_read_as_well(report, tmp_path):
    progress(keep_in=tmp_path / "bo.jsonl")
    answer(lesson_01.q1, "right")
    _, _, rows = report()
    assert [(row["student"], row["01.q1"]) for row in rows] == [("bo", "at first")]


def test_foreign_damaged_and_hostile_files_are_named_and_left(report, tmp_path):
    hand_in(tmp_path / "=SUM(A1).txt", (lesson_01.q1, ["hint", "right"]))
    hand_in(tmp_path / "<script>alert(1)<:script>.txt", (lesson_01.q1, ["right"]))
    whole = (tmp_path / "=SUM(A1).txt").read_text()
    (tmp_path / "torn.txt").write_text(whole[:-4])
    (tmp_path / "older.txt").write_text(whole.replace("01.q1:", "01.q99:"))
    (tmp_path / "picture.png").write_bytes(os.urandom(1000))
    (tmp_path / "empty.txt").touch()
    (tmp_path / "large.txt").write_bytes(b"x" * 5_000_001)
    (tmp_path / ".hidden").write_text("anything")
    if hasattr(os, "mkfifo"):
        os.mkfifo(tmp_path / "pipe.txt")
    before = {path.name: path.read_bytes() for path in tmp_path.iterdir() if path.is_file()}
    status, out, rows = report()
    assert status == 0
    assert "left out: torn.txt: it is damaged: no answer is read in “01.q1: " in out
    assert "left out: older.txt: its answers to 01.q99, which this course does not ask" in out
    for name in ("picture.png", "empty.txt"):
        assert f"left out: {name}: there are no answers of this course in it" in out
    assert "left out: large.txt: it is larger than 5 MB" in out
    assert "hidden" not in out
    assert ("pipe.txt: what is there is not a regular file" in out) == hasattr(os, "mkfifo")
    assert {row["student"] for row in rows} == {"'=SUM(A1)", "<script>alert(1)<:script>", "older"}
    page = (tmp_path / "class.html").read_text()
    assert "<script" not in page
    assert report()[2] == rows  # its own two files are none of the class's
    assert {name: (tmp_path / name).read_bytes() for name in before} == before


def test_without_answers_it_says_so_in_one_sentence_and_writes_nothing(report, tmp_path):
    status, out, _ = report()
    assert status == 1
    assert out == f"error: There are no answers of this course in {tmp_path}: it wants files of progress().export(…).\n"
    assert os.listdir(tmp_path) == []
    assert class_report.main([str(tmp_path / "no folder")]) == 1
