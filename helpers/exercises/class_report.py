"""python -m helpers.exercises.class_report FOLDER: how a class has answered, question by question.

FOLDER holds what the students have handed in: files that progress().export("anna.txt") has written, or those of
progress(keep_in="anna.jsonl"). A file is a student, or, for several files of one, a folder; its name is the student's.
Two files are written into FOLDER: class.html to look at, and class.csv for a gradebook. Other files are named and left.
"""

import argparse
import csv
import io
import re
import sys
from collections import Counter
from html import escape
from importlib import import_module
from pathlib import Path

from helpers.colours import in_a_browser
from helpers.exercises import record
from helpers.exercises.progress import AFTER_SHOWN, AFTER_SOLUTION, ANSWERS, AT_FIRST, mistakes_in, result_of
from helpers.exercises.question import QUESTIONS
from helpers.files import check_regular, write_all

LARGEST = 5_000_000  # bytes: no student's answers are as long
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
        students, skipped = read(folder)
        if not students:
            raise ValueError(
                f"There are no answers of this course in {folder}: it wants files of progress().export(…)."
            )
        written = {
            PAGE: page(students, skipped).encode(),
            TABLE: table(students).encode("utf-8-sig"),
        }  # as Excel wants it
        write_all({folder / name: content for name, content in written.items()})
    except (OSError, ValueError) as error:
        print(f"error: {getattr(error, 'strerror', None) or error}")
        return 1
    for name, reason in skipped.items():
        print(f"left out: {name}: {reason}")
    print(f"{_counted(students)}: {folder / PAGE} and {folder / TABLE}")
    return 0


def read(folder):
    """({student: {question: events}}, {file: why it was left out}). Raises OSError if the folder cannot be read."""
    students, skipped = {}, {}
    for path in sorted(_files(folder)):
        place = path.relative_to(folder)
        if str(place) in (PAGE, TABLE):
            continue
        try:
            events = _events(path)
        except (OSError, ValueError) as error:
            skipped[str(place)] = str(getattr(error, "strerror", None) or error)
            continue
        asked = {name: [event for event in events if event["question"] == name] for name in QUESTIONS}
        kept = students.setdefault(place.parts[0] if len(place.parts) > 1 else place.stem, {})
        for name, answers in asked.items():  # handed in twice: the later file holds the earlier answers, too
            kept[name] = max(kept.get(name, []), answers, key=len)
        if strange := sorted({event["question"] for event in events} - set(QUESTIONS)):
            skipped[str(place)] = f"its answers to {', '.join(strange)}, which this course does not ask"
    return students, skipped


def questions(students):
    """The names of the questions of all lessons that somebody has answered."""
    lessons = {name.split(".")[0] for answers in students.values() for name, events in answers.items() if events}
    return [name for name in QUESTIONS if name.split(".")[0] in lessons]


def _files(folder):
    """What lies below the folder, but for folders and what is hidden; a link to a folder is not followed."""
    for path in folder.iterdir():
        if path.name.startswith("."):
            continue
        if path.is_dir() and not path.is_symlink():
            yield from _files(path)
        else:
            yield path


def _events(path):
    """The events of one file. Raises OSError, and ValueError where there are none or it is damaged."""
    check_regular(path)
    if path.stat().st_size > LARGEST:
        raise ValueError(f"it is larger than {LARGEST // 1_000_000} MB")
    text = path.read_text("utf-8-sig", errors="replace")
    read_line = record.event_of if path.suffix == ".jsonl" else _exported
    _, is_exported, answers = text.rpartition(ANSWERS)
    lines = [line for line in answers.split("\n") if line.strip()]
    found = [read_line(line) for line in lines]
    if not any(found) and (lines or not is_exported):  # who has answered nothing hands in an empty list
        raise ValueError("there are no answers of this course in it")
    if None in found:
        raise ValueError(f"it is damaged: no answer is read in “{lines[found.index(None)][:60]}”")
    return found


def _exported(line):
    """The event of one line that progress().export has written, or None."""
    match = re.fullmatch(
        r"(\d\d\.q\d+)(?:, seed (\d+))?: (?:(hint|solution|reveal)|(.*) → (right|wrong)(?:; (.*))?)", line
    )
    if match is None:
        return None
    question, seed, what, given, verdict, mistakes = match.groups()
    event = {"question": question, "seed": int(seed or 0), "what": what or "answer"}
    if what is None:
        event |= {"given": given, "is_right": verdict == "right", "mistakes": mistakes.split("; ") if mistakes else []}
    return event


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


def table(students):
    """A line for each student, as CSV: how many were right, and how each question ended."""
    file = io.StringIO()
    writer = csv.writer(file)
    asked = questions(students)
    writer.writerow(["student", "right", "right at first", "questions", *asked])
    for student, answers in students.items():
        kinds = [kind(answers[question]) for question in asked]
        right = sum(ended in (AT_ONCE, LATER, SHOWN) for ended in kinds)
        name = f"'{student}" if student[0] in "=+-@" else student  # a spreadsheet would compute it
        writer.writerow([name, right, kinds.count(AT_ONCE), len(kinds), *kinds])
    return file.getvalue()


def page(students, skipped):
    """The same for each question, as a page: a bar of the class, and its most frequent mistakes."""
    heads = "".join(f'<th scope="col">{head}</th>' for head in ("question", "about", "the class", "mistakes"))
    rows = "".join(_row(name, *counted(students, name), len(students)) for name in questions(students))
    key = " ".join(f"<span><i class='{css}'></i> {heading}</span>" for heading, css in KINDS.values())
    left_out = "".join(f"<li>{escape(name)}: {escape(reason)}</li>" for name, reason in skipped.items())
    left_out = f"<h2>Left out</h2><ul>{left_out}</ul>" if left_out else ""
    colours = "".join(f".{css} {{ background: {in_a_browser()[css]} }}" for _, css in KINDS.values())
    return (
        f'<!doctype html><html lang="en"><meta charset="utf-8"><title>The class</title><style>{STYLE}{colours}</style>'
        f"<h1>{_counted(students)}</h1><p>{key}</p>"
        f"<table><thead><tr>{heads}</tr></thead><tbody>{rows}</tbody></table>{left_out}</html>"
    )


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
