"""python -m helpers.exercises.class_report FOLDER: how a class has answered, question by question.

FOLDER holds what the students have handed in: files that progress().export("anna.txt") has written, or those that keep
answers, answers.jsonl. A file is a student, or, for several files of one, a folder; its name is the student's. Beside
anna.txt, anna-2.txt and anna (1).txt are hers, too. Two files are written into FOLDER: class.html to look at, and
class.csv for a gradebook. Who is left out is in both, with the reason.
"""

import argparse
import csv
import io
import sys
from collections import Counter
from html import escape
from importlib import import_module
from itertools import chain
from pathlib import Path

from helpers.colours import in_a_browser
from helpers.exercises.handed_in import read
from helpers.exercises.progress import AFTER_SHOWN, AFTER_SOLUTION, AT_FIRST, mistakes_in, result_of
from helpers.exercises.question import QUESTIONS
from helpers.files import write_all

PAGE, TABLE = "class.html", "class.csv"
# How an answer ended, in the order of the bars: its name in the table, its heading, its colour on the page.
AT_ONCE, LATER, SHOWN, WRONG, NONE = "at first", "later", "shown", "not right", ""
KINDS = {
    AT_ONCE: ("right at first", "output"),
    LATER: ("right after wrong answers or hints", "H"),
    SHOWN: ("right after it was shown", "C"),
    WRONG: ("not right yet", "kernel"),
    NONE: ("not answered", "padding"),
}
LEGEND = f"""A student counts in the lessons of which at least one question is answered. In {TABLE}, “right_01 of 9” and
“right” do not count what was right only after it was shown: that is “shown”. “questions” are all those of the
student's own lessons. The pages cannot check what is written in code: there it stays unanswered."""


def main(arguments=None):
    """Write the report of a folder; returns the exit status: 0, or 1 after one sentence about what went wrong."""
    parser = argparse.ArgumentParser(
        "python -m helpers.exercises.class_report",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("folder", type=Path, help="the folder with the files that were handed in")
    folder = parser.parse_args(arguments).folder
    for lesson in sorted(Path(__file__).parent.glob("lesson_*.py")):
        import_module(f"helpers.exercises.{lesson.stem}")
    try:
        students, notes = read(folder, own=(PAGE, TABLE))
        for sentence in _sentences(notes):
            print(sentence, file=sys.stderr)
        if not students:
            raise ValueError(
                f"There are no answers of this course in {folder}: it wants files of progress().export(…)."
            )
        written = {
            PAGE: page(students, notes).encode(),
            TABLE: table(students, notes).encode("utf-8-sig"),
        }  # as Excel wants it
        write_all({folder / name: content for name, content in written.items()})
    except (OSError, ValueError) as error:
        print(f"error: {getattr(error, 'strerror', None) or error}", file=sys.stderr)
        return 1
    print(f"{_counted(students)}: {folder / PAGE} and {folder / TABLE}")
    return 0


def lessons(students):
    """{lesson: (the names of its questions, the students who have answered one of them)}, of lessons that have any."""
    found = {}
    for name in QUESTIONS:
        found.setdefault(name.split(".")[0], []).append(name)
    answered = {
        lesson: [student for student, answers in students.items() if _is_answered(answers, asked)]
        for lesson, asked in found.items()
    }
    return {lesson: (asked, answered[lesson]) for lesson, asked in found.items() if answered[lesson]}


def _is_answered(answers, asked):
    return any(event["what"] == "answer" for name in asked for event in answers[name])


def kind(events):
    """How a student's answers to a question ended: a key of KINDS."""
    result = result_of(events)
    if result in (AFTER_SOLUTION, AFTER_SHOWN):
        return SHOWN
    if result.startswith("right"):
        return AT_ONCE if result == AT_FIRST else LATER
    return WRONG if result.startswith("not right") else NONE


def counted(students, question):
    """(students of each kind, students who made each mistake) of one question, as Counters."""
    kinds, made = Counter(), Counter()
    for answers in students.values():
        kinds[kind(answers[question])] += 1
        made.update(set(mistakes_in(answers[question])))
    return kinds, made


def table(students, notes):
    """A line for each student, as CSV: how many were right, in each lesson, and how each question ended.

    What somebody has handed in nothing of stays empty. Who is left out comes last, with the reason alone.
    """
    file = io.StringIO()
    writer = csv.writer(file)
    found = lessons(students)
    heads = [f"right_{lesson} of {len(asked)}" for lesson, (asked, _) in found.items()]
    names = [name for asked, _ in found.values() for name in asked]
    writer.writerow(["student", "right", "right at first", "shown", "questions", *heads, *names, "note"])
    for student, answers in students.items():
        own = {
            lesson: [kind(answers[name]) for name in asked] for lesson, (asked, by) in found.items() if student in by
        }
        kinds = list(chain.from_iterable(own.values()))
        by_lesson = [_right(own[lesson]) if lesson in own else "" for lesson in found]
        ended = [kind(answers[name]) for name in names]
        counts = [_right(kinds), kinds.count(AT_ONCE), kinds.count(SHOWN), len(kinds)]
        note = _inert("; ".join(notes.get(student, ())))
        writer.writerow([_inert(student), *counts, *by_lesson, *ended, note])
    for student in [student for student in notes if student not in students]:
        writer.writerow([_inert(student), *[""] * (4 + len(found) + len(names)), _inert("; ".join(notes[student]))])
    return file.getvalue()


def _right(kinds):
    return kinds.count(AT_ONCE) + kinds.count(LATER)


def _inert(text):
    """As a spreadsheet shows it: it would compute what begins like a formula."""
    return f"'{text}" if text[:1] in tuple("=+-@") else text


def page(students, notes):
    """The same for each question, as a page: a bar of the class, and its most frequent mistakes."""
    heads = "".join(f'<th scope="col">{head}</th>' for head in ("question", "about", "the class", "mistakes"))
    rows = ""
    for lesson, (asked, by) in lessons(students).items():
        rows += (
            f'<tbody><tr><th scope="rowgroup" colspan="4">Lesson {lesson}: {len(by)} of {_counted(students)}</th></tr>'
        )
        answered = {student: students[student] for student in by}
        rows += "".join(_row(name, *counted(answered, name), len(by)) for name in asked) + "</tbody>"
    key = " ".join(f"<span><i class='{css}'></i> {heading}</span>" for heading, css in KINDS.values())
    said = "".join(f"<li>{escape(sentence)}</li>" for sentence in _sentences(notes))
    said = f"<h2>To look at</h2><ul>{said}</ul>" if said else ""
    colours = "".join(f".{css} {{ background: {in_a_browser()[css]} }}" for _, css in KINDS.values())
    return (
        f'<!doctype html><html lang="en"><meta charset="utf-8"><title>The class</title><style>{STYLE}{colours}</style>'
        f"<h1>{_counted(students)}</h1>{said}<p>{key}</p><p>{LEGEND}</p>"
        f"<table><thead><tr>{heads}</tr></thead>{rows}</table></html>"
    )


def _sentences(notes):
    """All of them, and first those that ask: on their answer depends how many students there are."""
    return sorted(chain.from_iterable(notes.values()), key=lambda sentence: not sentence.endswith("?"))


def _counted(students):
    return f"{len(students)} student{'s' * (len(students) != 1)}"


def _row(name, kinds, mistakes, students):
    parts = [(KINDS[ended], kinds[ended]) for ended in KINDS if kinds[ended]]
    bar = "".join(
        f'<span class="{css}" style="flex: {number}" title="{number} of {students}: {heading}"><b>{number}</b></span>'
        for (heading, css), number in parts
    )
    told = ", ".join(f"{number} {heading}" for (heading, _), number in parts)
    often = "<br>".join(f"{number} × {escape(mistake)}" for mistake, number in mistakes.most_common(3))
    return (
        f'<tr><th scope="row">{name}</th><td>{escape(QUESTIONS[name].title)}</td>'
        f'<td><div class="bar" role="img" aria-label="{told}">{bar}</div></td><td>{often}</td></tr>'
    )


STYLE = """
:root { color-scheme: light dark; font: 15px/1.45 system-ui, sans-serif }
body { margin: 2rem auto; max-width: 70rem; padding: 0 1rem }
table { border-collapse: collapse; width: 100% }
th, td { border-bottom: 1px solid color-mix(in srgb, currentColor 30%, transparent); padding: .4rem .6rem }
th, td { text-align: left; vertical-align: top }
td:nth-child(3) { width: 38% }
.bar { display: flex; height: 1.5rem }
.bar span { min-width: 1.4rem; text-align: center }
b { background: white; border-radius: .6rem; color: black; font-size: 12px; padding: 0 .35rem }
i { border-radius: 2px; display: inline-block; height: .8rem; margin-left: 1rem; width: .8rem }
"""


if __name__ == "__main__":
    sys.exit(main())
