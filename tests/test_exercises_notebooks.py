"""The questions in the lessons: asked in the words of their module, calm while unanswered, and solvable on the page."""

import ast
import importlib
import re

import address
import exercising
import folding
import nbformat
import pytest
from browser import CHROMIUM
from elsewhere import COLAB, LONG, execute

from helpers.exercises.contest import Contest
from helpers.exercises.implementation import Implementation
from helpers.exercises.ordering import Ordering
from helpers.exercises.prediction import Prediction

LESSONS = [path for path in address.LESSONS if path.name[:2] != "00"]
ASKED_AS = {Prediction: "Predict", Ordering: "Put in order", Implementation: "(Write it|Find the bug)"}
ASKED_AS |= {Contest: "Train it"}
# Long lessons are solved with Colab's versions, the others in JupyterLab, where there are these: see test_colab.py and
# test_lab.py.
SOLVED_HERE = [path for path in LESSONS if not (COLAB.exists() if path in LONG else CHROMIUM)]
each_lesson = pytest.mark.parametrize("path", LESSONS, ids=lambda path: path.stem)


def read(path):
    return nbformat.read(path, as_version=4)


def questions(path):
    return exercising.questions(importlib.import_module(f"helpers.exercises.lesson_{path.name[:2]}"))


def stub(question):
    """What stands in the lesson where the answer goes."""
    return f"{question.label}.predict(...)" if isinstance(question, Prediction) else f"{question.label}.check("


def place(cells, question):
    """The number of the cell that asks for the answer: there must be exactly one."""
    found = [n for n, cell in enumerate(cells) if cell.cell_type == "code" and stub(question) in cell.source]
    assert len(found) == 1, question.name
    return found[0]


def text_of(cell):
    parts = [
        output.get("text", "") + output.get("data", {}).get("text/plain", "") for output in cell.get("outputs", [])
    ]
    return "\n".join(parts)


def solve(cell, question):
    """Replace the stub with the solution. What is replaced must really be there."""
    if isinstance(question, Prediction):
        assert stub(question) in cell.source
        cell.source = cell.source.replace("(...)", f"({question.asked().answer!r})")
    elif isinstance(question, Ordering):
        letters = {line: letter for letter, line in question.lettered().items()}
        assert "check(...)" in cell.source
        cell.source = cell.source.replace("(...)", f'("{"".join(letters[line] for line in question.lines)}")')
    elif isinstance(question, Contest):
        assert "mine = ..." in cell.source
        cell.source = cell.source.replace("mine = ...", "mine = trained_cnn()")
    else:
        name = re.search(rf"{question.label}\.check\((\w+)\)", cell.source).group(1)
        functions = [node for node in ast.parse(cell.source).body if isinstance(node, ast.FunctionDef)]
        (function,) = (node for node in functions if node.name == name)
        first = min([function.lineno, *(node.lineno for node in function.decorator_list)]) - 1
        lines = cell.source.splitlines()
        assert f"def {name}(" in question.code
        assert "\n".join(lines[first : function.end_lineno]) != question.code
        lines[first : function.end_lineno] = question.code.splitlines()
        cell.source = "\n".join(lines)


@each_lesson
def test_each_question_is_asked_before_it_is_to_be_answered_and_in_the_words_of_its_module(path):
    cells = read(path).cells
    for question in questions(path):
        prompt = ASKED_AS[type(question)]
        before = [cell.source for cell in cells[: place(cells, question)] if cell.cell_type == "markdown"]
        (asked,) = (source for source in before if re.search(rf"\*\*{prompt} \({question.label}\):\*\*", source))
        assert question.text in " ".join(asked.split()), question.name
        if isinstance(question, Ordering):
            assert all(f"{letter}: `{line}`" in asked for letter, line in question.lettered().items())


@each_lesson
def test_each_prediction_is_revealed_once_and_after_it_was_asked_for(path):
    cells = read(path).cells
    for question in questions(path):
        if isinstance(question, Prediction):
            reveals = [n for n, cell in enumerate(cells) if f"{question.label}.reveal(" in cell.source]
            assert len(reveals) == 1, question.name
            assert reveals[0] > place(cells, question)
            assert folding.ANSWER in folding.tags(cells[reveals[0]]), f"{question.name} is answered in sight"


@each_lesson
def test_the_untouched_lesson_says_calmly_that_nothing_is_answered_yet(path):
    cells = read(path).cells
    for question in questions(path):
        said = text_of(cells[place(cells, question)])
        assert re.search(rf"^{question.label} ○ (Not answered yet|Not fixed yet)", said, re.MULTILINE), said
    (table,) = (text_of(cell) for cell in cells if cell.source == "progress()")
    assert f"0 of {len(questions(path))} right" in table


@pytest.mark.skipif(not SOLVED_HERE, reason="all lessons are solved elsewhere")
@pytest.mark.parametrize("path", SOLVED_HERE, ids=lambda path: path.stem)
def test_with_every_stub_replaced_by_its_solution_the_lesson_runs_and_every_check_is_passed(path):
    notebook = solved(path)
    execute(notebook, "python3", path.parent)
    hold_right(path, notebook.cells)


def solved(path):
    """The lesson with every answer right."""
    notebook = read(path)
    for question in questions(path):
        solve(notebook.cells[place(notebook.cells, question)], question)
    return notebook


def hold_right(path, cells):
    """The cells of the lesson, which has been run with every answer right, say so."""
    answers = [cell for cell in cells if re.search(r"^q\d+\.(predict|check|reveal)\(", cell["source"], re.M)]
    for cell in answers:
        assert re.search(r"^q\d+ ✓ ", text_of(cell), re.MULTILINE), cell["source"] + "\n" + text_of(cell)
    (table,) = (text_of(cell) for cell in cells if cell["source"] == "progress()")
    count = len(questions(path))
    assert f"{count} of {count} right, {count} of them at first and without a hint" in table
