"""A lesson takes a new reader no longer than it says, and no cell of it is too long to take in at once.

The reader reads 200 words a minute, thinks two minutes about a question that is checked, and one about a *Predict*
without a number and about a *Try this*. What is folded until it is asked for, the extra sections and the answers in
<details>, is not counted.
"""

import ast
import re
from pathlib import Path
from typing import NamedTuple

import folding
import nbformat
import pytest

LESSONS = sorted((Path(__file__).parent.parent / "notebooks").glob("*.ipynb"))
WORDS_A_MINUTE, MINUTES_A_QUESTION, MINUTES_A_PREDICTION, MINUTES_A_TRY = 200, 2, 1, 1
MOST_WORDS, MOST_LINES = 150, 12  # in a cell
each_lesson = pytest.mark.parametrize("path", LESSONS, ids=lambda path: path.stem)


class Measure(NamedTuple):
    """How long a lesson is, without what is folded. `stated`: the minutes that it asks for."""

    words: int
    cells: int
    questions: int
    predictions: int
    tries: int
    stated: int

    @property
    def minutes(self):
        thinking = self.questions * MINUTES_A_QUESTION + self.predictions * MINUTES_A_PREDICTION
        return self.words / WORDS_A_MINUTE + thinking + self.tries * MINUTES_A_TRY


def cells_of(path):
    """The cells of a lesson, without its extra sections: each ends at the next heading of its own level."""
    cells, is_extra = [], False
    for cell in nbformat.read(path, as_version=4).cells:
        if cell.cell_type == "markdown" and re.match("##? ", cell.source):
            is_extra = folding.EXTRA in folding.tags(cell)
        if not is_extra:
            cells.append(cell)
    return cells


def text_of(cell):
    """What is read of a markdown cell: none of its code, its pictures and its folded answers."""
    return re.sub(r"<details>.*?</details>|```.*?```|!\[[^\]]*\]\([^)]*\)|<[^>]+>", "", cell.source, flags=re.DOTALL)


def words(cell):
    return len(text_of(cell).split())


def measured(path):
    cells = cells_of(path)
    prose = [cell for cell in cells if cell.cell_type == "markdown"]
    code = "\n".join(cell.source for cell in cells if cell.cell_type == "code")
    return Measure(
        words=sum(map(words, prose)),
        cells=len(cells),
        questions=len(set(re.findall(r"\b(q\d+)\.(?:predict|check)\(", code))),
        predictions=sum(text_of(cell).count("**Predict:**") for cell in prose),
        tries=sum(len(re.findall(r"^\*\*Try this\b", cell.source, re.MULTILINE)) for cell in prose),
        stated=int(re.search(r"\*\*(\d+) minutes\.\*\*", cells[0].source)[1]),
    )


@each_lesson
def test_a_lesson_takes_no_longer_than_it_says(path):
    found = measured(path)
    assert found.minutes <= found.stated, f"{found.minutes:.0f} minutes: {found}"


@each_lesson
def test_no_prose_of_a_cell_is_too_long_to_be_read_at_once(path):
    found = {cell.source[:60]: words(cell) for cell in cells_of(path) if cell.cell_type == "markdown"}
    assert {start: number for start, number in found.items() if number > MOST_WORDS} == {}


@each_lesson
def test_no_code_of_a_cell_is_too_long_unless_it_defines_something(path):
    """The setup cell is folded."""
    code = [cell.source for cell in cells_of(path) if cell.cell_type == "code"][1:]
    assert [source[:60] for source in code if len(source.splitlines()) > MOST_LINES and not _defines(source)] == []


def _defines(source):
    kinds = (ast.FunctionDef, ast.ClassDef)
    return any(isinstance(node, kinds) for node in ast.parse(source).body)


def test_the_measure_leaves_out_what_is_folded_and_nothing_else(tmp_path):
    text = nbformat.v4.new_markdown_cell
    extra = text("## Extra · more\n\nnot counted", metadata={"tags": [folding.EXTRA]})
    cells = [
        text("# A\n\n**3 minutes.** one"),
        nbformat.v4.new_code_cell("q1.predict(...)"),
        text("**Try this**\n\n1. two three"),
        nbformat.v4.new_code_cell("q1.reveal(2)\nq2.check(...)"),
        text("<details><summary>s</summary>\n**Predict:** not counted</details>\n\nfour. **Predict:** what?"),
        extra,
        text("### below\n\nnot counted"),
        nbformat.v4.new_code_cell("q3.check(...)"),
        text("## B\n\nfive"),
    ]
    path = tmp_path / "lesson.ipynb"
    nbformat.write(nbformat.v4.new_notebook(cells=cells), path)
    assert measured(path) == Measure(words=5 + 5 + 3 + 3, cells=6, questions=2, predictions=1, tries=1, stated=3)
    assert measured(path).minutes == 16 / 200 + 2 * 2 + 1 + 1


if __name__ == "__main__":
    for lesson in LESSONS:
        print(lesson.stem, measured(lesson), round(measured(lesson).minutes))
