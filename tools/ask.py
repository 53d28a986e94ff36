"""Write each question's text into its lesson, from the lesson's module in helpers/exercises/: `make format`.

A lesson's markdown holds the place, such as `**Predict (q2):**`; the paragraph behind it is the question's text.
"""

import importlib
import re
import sys
import textwrap

import nbformat
from address import LESSONS

from helpers.exercises.question import Question
from helpers.files import write_whole

PLACE = re.compile(r"^(\*\*[^*\n]+ \((q\d+)\):\*\*).*?(?=\n\n|\Z)", re.MULTILINE | re.DOTALL)


def texts(name):
    """{label: text} of the questions that this lesson's module asks, with the lesson's own numbers."""
    module = importlib.import_module(f"helpers.exercises.lesson_{name[:2]}")
    return {label: value.text for label, value in vars(module).items() if isinstance(value, Question)}


def with_questions(notebook, name):
    """The notebook with each question's text at its place."""
    for cell in notebook.cells:
        if cell.cell_type == "markdown" and PLACE.search(cell.source):
            cell.source = PLACE.sub(lambda place: _filled(place[1], place[2], name), cell.source)
    return notebook


def _filled(prompt, label, name):
    if label not in texts(name):
        raise ValueError(f"{name} asks {label}, but helpers/exercises/lesson_{name[:2]}.py has no {label}.")
    return textwrap.fill(f"{prompt} {texts(name)[label]}", 120, break_long_words=False, break_on_hyphens=False)


def main():
    for path in LESSONS:
        notebook = nbformat.read(path, as_version=4)
        try:
            asked = nbformat.writes(with_questions(notebook, path.name)) + "\n"
        except ValueError as error:
            sys.exit(f"{error} It stays as it was.")
        if asked != path.read_text("utf-8"):
            write_whole(path, asked.encode())
            print(f"wrote {path.name}")


if __name__ == "__main__":
    main()
