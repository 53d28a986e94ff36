"""`make format` writes each question's text into its lesson, and touches nothing beside it."""

import ask
import nbformat
import pytest
from address import LESSONS
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook

from helpers.exercises.lesson_05 import q3, q8


def lesson(*sources):
    return new_notebook(cells=[*map(new_markdown_cell, sources), new_code_cell("**Predict (q8):** is no text here")])


@pytest.mark.parametrize("path", LESSONS, ids=lambda path: path.stem)
def test_each_lesson_has_its_questions_as_make_format_writes_them(path):
    notebook = nbformat.read(path, as_version=4)
    assert ask.with_questions(nbformat.read(path, as_version=4), path.name) == notebook


def test_a_text_goes_to_its_place_and_what_stands_around_it_stays():
    notebook = lesson(
        "## 7 · Means\n\n**Predict (q8):** Old words\nin two lines.\n\nMore.\n\n**Put in order (q3):**", "q8"
    )
    kept = [cell.source for cell in notebook.cells[1:]]
    cells = ask.with_questions(notebook, "05_training_on_gpu.ipynb").cells
    heading, first, more, second = cells[0].source.split("\n\n")
    assert (heading, more) == ("## 7 · Means", "More.")
    assert first.replace("\n", " ") == f"**Predict (q8):** {q8.text}"
    assert second.replace("\n", " ") == f"**Put in order (q3):** {q3.text}"
    assert max(map(len, cells[0].source.splitlines())) <= 120
    assert [cell.source for cell in cells[1:]] == kept


def test_a_question_that_the_module_does_not_have_is_told_and_nothing_is_written(tmp_path, monkeypatch):
    path = tmp_path / "05_training_on_gpu.ipynb"
    nbformat.write(lesson("**Predict (q99):** What?"), path)
    before = path.read_bytes()
    monkeypatch.setattr(ask, "LESSONS", [path])
    with pytest.raises(SystemExit, match=r"05_training_on_gpu\.ipynb asks q99, but .*lesson_05\.py has no q99"):
        ask.main()
    assert path.read_bytes() == before


def test_a_changed_text_is_written_into_the_file_and_said(tmp_path, monkeypatch, capsys):
    path = tmp_path / "05_training_on_gpu.ipynb"
    nbformat.write(lesson("**Predict (q8):**"), path)
    monkeypatch.setattr(ask, "LESSONS", [path])
    ask.main()
    assert capsys.readouterr().out == "wrote 05_training_on_gpu.ipynb\n"
    assert " ".join(nbformat.read(path, as_version=4).cells[0].source.split()) == f"**Predict (q8):** {q8.text}"
    ask.main()
    assert capsys.readouterr().out == ""
