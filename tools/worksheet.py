"""python tools/worksheet.py [01 02 …]: write the questions of these lessons, or of all, as pages to print.

They print on A4 from any browser: one page of questions for each lesson, with room to write, then the answers on pages
of their own.
"""

import argparse
import re
import sys
from html import escape
from importlib import import_module
from pathlib import Path

import nbformat
from address import LESSONS

from helpers.exercises.feedback import marked_up
from helpers.exercises.prediction import Prediction
from helpers.exercises.question import QUESTIONS
from helpers.files import write_whole

SHORT = 4  # lines: shorter code stands above the room, longer code beside it
STYLE = """
@page { size: A4; margin: 12mm }
* { box-sizing: border-box; margin: 0 }
body { color: black; background: white; font: 10pt/1.35 system-ui, sans-serif; margin: 0 auto; width: 186mm }
header { display: flex; justify-content: space-between }
h1 { font-size: 1.4em }
pre { font: .8em/1.3 ui-monospace, monospace; overflow-wrap: anywhere; white-space: pre-wrap }
.questions { break-after: page; display: flex; flex-direction: column; gap: .7em; height: 272mm }
.number { display: grid; flex: 1 0 auto; gap: 1em; grid-template-columns: 1fr 45mm }
.code { display: flex; flex: 3 0 auto; flex-direction: column; gap: .3em }
.work { display: grid; flex: 1 0 auto; gap: .3em 1em; grid-template-rows: auto minmax(10mm, 1fr) }
.beside { grid-template: minmax(10mm, 1fr) / 1fr 1fr }
.room { border: .3mm solid gray; border-radius: 1mm }
.answers { break-inside: avoid; columns: 2; column-gap: 8mm; font-size: 9pt; margin-bottom: 8mm }
.answers h1 { column-span: all }
.answers p { break-after: avoid; margin-top: 2mm }
.answers pre { break-inside: avoid }
"""
# A lesson with many questions is set smaller, until its page holds them.
FIT = """
for (const sheet of document.querySelectorAll(".questions"))
  for (let size = 10; size > 7 && sheet.scrollHeight > sheet.clientHeight; size -= 0.25)
    sheet.style.fontSize = `${size}pt`;
"""


def asking():
    """{"01": its notebook's path, …} of the lessons that ask questions."""
    return {path.name[:2]: path for path in LESSONS if _asked(path.name[:2])}


def page(numbers):
    """The worksheet of these lessons, such as ["01", "02"], as HTML."""
    lessons = [(nbformat.read(asking()[number], as_version=4), _asked(number)) for number in numbers]
    sheets = [_questions(*lesson) for lesson in lessons] + [_answers(*lesson) for lesson in lessons]
    head = f'<meta charset="utf-8"><title>Worksheet</title><style>{STYLE}</style>'
    return (
        f'<!doctype html><html lang="en"><head>{head}</head><body>{"".join(sheets)}<script>{FIT}</script></body></html>'
    )


def _asked(lesson):
    """The questions of a lesson, in its order."""
    if Path(import_module("helpers.exercises").__path__[0], f"lesson_{lesson}.py").exists():
        import_module(f"helpers.exercises.lesson_{lesson}")
    return [question for name, question in QUESTIONS.items() if name.startswith(f"{lesson}.")]


def _title(notebook):
    return escape(re.search(r"^# (.+)", notebook.cells[0].source, re.MULTILINE)[1])


def _questions(notebook, questions):
    head = f"<header><h1>{_title(notebook)}</h1><span>Name ______________________________</span></header>"
    asked = "".join(_question(question, _code_for(question, notebook)) for question in questions)
    return f'<section class="questions">{head}{asked}</section>'


def _question(question, code):
    (text, *more), _ = question.on_paper()
    asked, room = f"<p>{_name(question)} {marked_up(text)}</p>", '<div class="room"></div>'
    if isinstance(question, Prediction):
        return f'<div class="number">{asked}{room}</div>'
    listing = "\n".join([*more, *code])
    look = "work" if listing.count("\n") < SHORT else "work beside"
    return f'<div class="code">{asked}<div class="{look}">{_listed(listing)}{room}</div></div>'


def _code_for(question, notebook):
    """What the lesson gives to write on, or to fix: its cell up to the check."""
    check = f"{question.label}.check("
    (source,) = [cell.source for cell in notebook.cells if cell.cell_type == "code" and check in cell.source] or [check]
    return [source.partition(check)[0].strip()]


def _answers(notebook, questions):
    answers = (f"<p>{_name(question)}</p>" + "".join(map(_paragraph, question.on_paper()[1])) for question in questions)
    return f'<section class="answers"><h1>Answers: {_title(notebook)}</h1>{"".join(answers)}</section>'


def _name(question):
    return f"<b>{question.label} · {marked_up(question.title)}</b>"


def _paragraph(text):
    return _listed(text) if "\n" in text else f"<div>{marked_up(text)}</div>"


def _listed(code):
    return f"<pre>{escape(code.strip())}</pre>"


def main(arguments=None):
    parser = argparse.ArgumentParser(
        "worksheet.py", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("lessons", nargs="*", metavar="lesson", help="such as 01; without any, all lessons")
    parser.add_argument(
        "--output", type=Path, default="worksheet.html", metavar="FILE", help="instead of worksheet.html"
    )
    given, known = parser.parse_args(arguments), asking()
    numbers = sorted({number.zfill(2) for number in given.lessons}) or [*known]
    if unknown := [number for number in numbers if number not in known]:
        parser.error(f"there are questions in the lessons {', '.join(known)}, not in {', '.join(unknown)}")
    try:
        write_whole(given.output, page(numbers).encode())
    except OSError as error:
        sys.exit(f"{given.output} cannot be written: {error.strerror or error}.")
    print(f"wrote {given.output}: open it in a browser, and print it.")


if __name__ == "__main__":
    main()
