"""The class's picture: what was handed in, counted question by question; what is no answer, named and left."""

import csv
import os
import random
from collections import Counter
from itertools import chain

import pytest

from helpers.exercises import class_report, handed_in, lesson_01, lesson_02, progress, record
from helpers.exercises.question import QUESTIONS

MINUS = next(n for n, mistake in enumerate(lesson_01.q4.asked().mistakes) if "−" in mistake.name)  # no sign of ANSI
ASKED = Counter(name[:2] for name in QUESTIONS)
RIGHT = {lesson: f"right_{lesson} of {ASKED[lesson]}" for lesson in ("01", "02")}  # heads of the table
NAMES = {"01": ("01.q1", "01.q2"), "02": ("02.q2",)}  # of the questions that a class answers here


@pytest.fixture
def report(tmp_path, capsys):
    """Makes the report of the folder; gives its status, what it printed and warned of, and the lines of its table."""
    record.forget()

    def report():
        status = class_report.main([str(tmp_path)])
        path = tmp_path / "class.csv"
        rows = list(csv.DictReader(path.read_text("utf-8-sig").splitlines())) if path.exists() else []
        return status, "".join(capsys.readouterr()), rows

    yield report
    record.forget()


def hand_in(path, *answers):
    """Answer each (question, ways) as a student does, and export it.

    A way is "right", "hint", "solution", or the number of a mistake. Returns the text.
    """
    record.forget()
    for question, ways in answers:
        for way in ways:
            answer(question, way)
    assert progress().export(path).state == "note"
    return path.read_text("utf-8") if path.is_file() else None


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
    assert (status, out.split(":")[0]) == (0, f"{len(told)} students")
    assert {row["student"]: {name: row[name] for name in ("01.q1", "01.q2", "02.q2")} for row in rows} == told
    for row in rows:
        ends = Counter(told[row["student"]].values())
        assert int(row["right at first"]) == ends["at first"]
        assert (int(row["right"]), int(row["shown"])) == (ends["at first"] + ends["later"], ends["shown"])
        handed_in_of = {lesson: any(told[row["student"]][name] for name in NAMES[lesson]) for lesson in NAMES}
        assert int(row["questions"]) == sum(ASKED[lesson] * handed_in_of[lesson] for lesson in NAMES)
        for lesson, head in RIGHT.items():
            right = sum(told[row["student"]][name] in ("at first", "later") for name in NAMES[lesson])
            assert row[head] == (str(right) if handed_in_of[lesson] else "")
    page = (tmp_path / "class.html").read_text()
    for name in ("01.q1", "01.q2", "02.q2"):
        of_lesson = [answers for answers in told.values() if any(answers[other] for other in NAMES[name[:2]])]
        assert f"Lesson {name[:2]}: {len(of_lesson)} of {len(told)} students<" in page
        ends = Counter(answers[name] for answers in of_lesson)
        parts = [f"{ends[end]} {heading}" for end, (heading, _) in class_report.KINDS.items() if ends[end]]
        assert f'aria-label="{", ".join(parts)}"' in page
        assert all(f'title="{part.replace(" ", f" of {len(of_lesson)}: ", 1)}"' in page for part in parts)
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
        events = handed_in.read(tmp_path)[0][str(place)]["01.q3"]
        assert [event["mistakes"] for event in events] == [names]


def test_a_folder_is_a_student_and_what_is_handed_in_twice_counts_once(report, tmp_path):
    (tmp_path / "Zoë").mkdir()
    hand_in(tmp_path / "Zoë", (lesson_01.q1, [0]))
    hand_in(tmp_path / "Zoë", (lesson_01.q1, [0, "hint", "right"]), (lesson_02.q2, ["right"]))
    _, out, rows = report()
    assert out.startswith("1 student:")
    assert [(row["student"], row["01.q1"], row["02.q2"]) for row in rows] == [("Zoë", "later", "at first")]
    assert "1 × " in (tmp_path / "class.html").read_text()


def test_a_lesson_that_somebody_has_only_looked_at_is_not_counted_for_them(report, tmp_path):
    record.add({"question": "02.q2", "seed": 0, "what": "reveal"})
    answer(lesson_01.q1, "right")
    progress().export(tmp_path / "jo.txt")
    hand_in(tmp_path / "mona.txt", (lesson_02.q2, [0]))
    _, _, (jo, mona) = report()
    for row, lesson, right in ((jo, "01", ["1", ""]), (mona, "02", ["", "0"])):
        assert int(row["questions"]) == ASKED[lesson]
        assert [row[head] for head in RIGHT.values()] == right


def test_a_file_of_answers_is_read_as_well(report, tmp_path):
    progress(keep_in=tmp_path / "bo.jsonl")
    answer(lesson_01.q1, "right")
    _, _, rows = report()
    assert [(row["student"], row["01.q1"]) for row in rows] == [("bo", "at first")]


def test_foreign_damaged_and_hostile_files_are_named_and_left(report, tmp_path):
    hand_in(tmp_path / "=SUM(A1).txt", (lesson_01.q1, ["hint", "right"]))
    hand_in(tmp_path / "<script>alert(1)<:script>.txt", (lesson_01.q1, ["right"]))
    whole = (tmp_path / "=SUM(A1).txt").read_text()
    (tmp_path / "torn.txt").write_text("01.q1: 5 → rig")
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
    assert "older.txt: not counted: its answers to 01.q99, which this course does not ask" in out
    assert "large.txt: left out: it is larger than 5 MB" in out
    assert "hidden" not in out
    assert ("pipe.txt: left out: what is there is not a regular file" in out) == hasattr(os, "mkfifo")
    counted = ["<script>alert(1)<:script>", "'=SUM(A1)", "older"]
    left_out = ["empty", "large", "picture", *["pipe"] * hasattr(os, "mkfifo"), "torn"]
    assert [row["student"] for row in rows] == counted + left_out
    for row in rows[3:]:
        assert row["note"] in out
        assert not any(value for head, value in row.items() if head not in ("student", "note"))
    for name in ("picture", "empty", "torn"):
        (note,) = (row["note"] for row in rows if row["student"] == name)
        assert note.endswith(": left out: there are no answers of this course in it")
    page = (tmp_path / "class.html").read_text()
    assert "<script" not in page
    assert report()[2] == rows  # its own two files are none of the class's
    assert {name: (tmp_path / name).read_bytes() for name in before} == before


def test_without_answers_it_says_so_in_one_sentence_and_writes_nothing(report, tmp_path, capsys):
    status, out, _ = report()
    assert status == 1
    assert out == f"error: There are no answers of this course in {tmp_path}: it wants files of progress().export(…).\n"
    (tmp_path / "class.zip").touch()
    assert report()[1].startswith("class.zip: left out: unpack it first\nerror: There are no answers")
    for path, reason in ((tmp_path / "none", "no such folder"), (tmp_path / "class.zip", "not a folder; unpack")):
        assert class_report.main([str(path)]) == 1
        assert capsys.readouterr().err.startswith(f"error: {path}: {reason}")
    assert os.listdir(tmp_path) == ["class.zip"]


@pytest.mark.parametrize(
    ("files", "owners"),
    [
        (["mona.txt", "mona-2.txt", "mona (1).txt", "mona-2(3).txt"], {"mona": 4}),
        (["student-1.txt", "student-2.txt"], {"student-1": 1, "student-2": 1}),
        (["a.txt", "ab-2.txt", "a-b.txt"], {"a": 1, "ab-2": 1, "a-b": 1}),
        (["jo/progress.txt", "jo/progress-2.txt", "jo-3.txt"], {"jo": 3}),
        (["-2.txt", "(1).txt"], {"-2": 1, "(1)": 1}),
    ],
)
def test_a_file_with_a_number_is_of_the_one_whose_name_it_has_if_there_is_that_one(tmp_path, files, owners):
    answers = ((lesson_01.q1, "right"), (lesson_01.q2, "right"), (lesson_02.q2, 0), (lesson_02.q3, 1))
    for name, (question, way) in zip(files, answers, strict=False):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        hand_in(tmp_path / name, (question, [way]))
    students, _ = handed_in.read(tmp_path)
    assert {name: sum(map(len, answers.values())) for name, answers in students.items()} == owners


def test_answers_of_several_files_are_put_together_in_order(report, tmp_path):
    hand_in(tmp_path / "mona.txt", (lesson_01.q1, [0, "hint"]), (lesson_01.q2, ["solution", "right"]))
    hand_in(tmp_path / "mona-2.txt", (lesson_01.q1, [0, "hint", "hint", "right"]))
    hand_in(tmp_path / "mona-10.txt", (lesson_02.q2, ["right"]))
    _, out, rows = report()
    assert out.startswith("1 student:")  # one begins as the other does: nothing disagrees
    assert [(row["01.q1"], row["01.q2"], row["02.q2"]) for row in rows] == [("later", "shown", "at first")]
    events = handed_in.read(tmp_path, own=(class_report.PAGE, class_report.TABLE))[0]["mona"]["01.q1"]
    assert [event["what"] for event in events] == ["answer", "hint", "hint", "answer"]


def test_a_folder_whose_files_disagree_is_asked_about(report, tmp_path):
    (tmp_path / "monday").mkdir()
    for name, ways in (("a", [0, "right"]), ("b", ["right"]), ("c", [1])):
        hand_in(tmp_path / "monday" / f"{name}.txt", (lesson_01.q1, ways))
    (tmp_path / "a.png").touch()
    _, out, _ = report()
    warning = "monday: 3 files count as one student, but disagree on 01.q1: are these 3 students?"
    assert out.splitlines()[1] == warning  # the first, after the count
    assert warning in (tmp_path / "class.html").read_text()


def test_the_same_answers_under_two_names_are_named(report, tmp_path):
    for name in ("a", "b"):
        hand_in(tmp_path / f"{name}.txt", (lesson_01.q1, [0, "right"]))
    hand_in(tmp_path / "a-2.txt", (lesson_01.q1, [0, "right"]))
    _, out, rows = report()
    assert out.count("the same answers") == 1
    assert [row["note"] for row in rows] == ["", "b.txt: the same answers, letter for letter, as in a.txt"]


SIGNATURE = "\n-- \nBest wishes, Ana\n"


@pytest.mark.parametrize(
    ("name", "change", "note"),
    [
        ("signed", lambda text: text + SIGNATURE, "no answer, and not counted: the line “-- ”, nor 1 more"),
        ("Windows", lambda text: text.replace("\n", "\r\n"), None),
        ("UTF-16", lambda text: text.encode("utf-16"), None),
        ("UTF-8 with a mark", lambda text: text.encode("utf-8-sig"), None),
        ("ANSI", lambda text: text.encode("cp1252", "replace"), None),
        ("the list alone", lambda text: text.partition("in order\n")[2], None),
        ("no last newline", lambda text: text[:-1], None),
        (
            "cut off",
            lambda text: text + "01.q5: 6 → wro",
            "its last line is cut off, and not counted: “01.q5: 6 → wro”",
        ),
        (
            "cut off in a name",
            lambda text: text + "01.q4: 7 → wrong; kernel − 1",
            "its last line is cut off, and not counted: “01.q4: 7 → wrong; kernel − 1”",
        ),
    ],
)
def test_what_mails_and_editors_do_to_a_file_loses_no_answer(report, tmp_path, name, change, note):
    text = hand_in(tmp_path / "a.txt", (lesson_01.q1, [0, "hint", "right"]), (lesson_01.q4, [MINUS, "right"]))
    (whole,) = report()[2]
    changed = change(text)
    (tmp_path / "a.txt").write_bytes(changed.encode() if isinstance(changed, str) else changed)
    assert report()[2] == [whole | {"note": f"a.txt: {note}" if note else ""}]
    counted = handed_in.read(tmp_path, own=(class_report.PAGE, class_report.TABLE))[0]["a"]["01.q4"]
    assert counted[0]["mistakes"] == [lesson_01.q4.asked().mistakes[MINUS].name]


def test_a_file_cut_off_anywhere_loses_and_invents_nothing(tmp_path):
    hand_in(tmp_path / "a.txt", (lesson_01.q1, [0, "hint", "right"]), (lesson_01.q4, [MINUS, "right"]))
    whole = (tmp_path / "a.txt").read_bytes()
    events = list(chain.from_iterable(handed_in.read(tmp_path)[0]["a"].values()))
    lines = whole[whole.index(b"01.q1: ") :].splitlines(keepends=True)
    ends = [len(whole) - sum(map(len, lines[place:])) for place in range(1, len(lines))]
    for cut in range(ends[0], len(whole)):
        (tmp_path / "a.txt").write_bytes(whole[:cut])
        found = list(chain.from_iterable(handed_in.read(tmp_path)[0]["a"].values()))
        complete = sum(end <= cut for end in ends)
        assert found[:complete] == events[:complete]
        for event in found[complete:]:  # without its newline, a line is whole, or wrong in a way that is not named
            assert event in (events[complete], events[complete] | {"mistakes": []})


def test_a_table_without_its_list_is_left_out_with_that_reason(report, tmp_path):
    text = hand_in(tmp_path / "a.txt", (lesson_01.q1, ["right"]))
    (tmp_path / "a.txt").write_text(text.partition("Every answer")[0], "utf-8")
    assert "a.txt: left out: the list under “Every answer, in order” is missing" in report()[1]
