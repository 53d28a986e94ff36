"""What a lesson folds until it is opened: answers, optional sections, the setup cell's code."""

import copy

import address
import folding
import nbformat
import pytest
import stamp
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook, new_output

ANSWER = {"tags": [folding.ANSWER]}
PRINTED = [new_output("stream", text="42\n"), new_output("execute_result", {"text/plain": "q1 ○"}, execution_count=2)]
IMPORTS = "import math\nfrom itertools import product\n\nimport torch"


def lesson(setup=None):
    """A lesson with all that can be folded, before it has its canonical form."""
    setup = setup or address.setup_cell(IMPORTS)
    return new_notebook(
        cells=[
            new_markdown_cell("# 07 · A title"),
            new_code_cell(setup),
            new_markdown_cell("**Predict (q1):** how much?"),
            new_code_cell("print(6 * 7)", metadata=ANSWER, outputs=copy.deepcopy(PRINTED), execution_count=2),
            new_code_cell("pass", metadata=ANSWER, execution_count=3),
            new_markdown_cell("## Extra · padding modes", metadata={"tags": [folding.EXTRA]}),
            new_markdown_cell("### Its part\n\nThey repeat the edge."),
            new_code_cell("print('in the extra')", execution_count=4),
            new_markdown_cell("## In one minute\n\nThat was all."),
        ]
    )


def formed(notebook, name="07_new.ipynb"):
    return stamp.in_canonical_form(notebook, name)


def test_an_answer_is_folded_in_jupyterlab_and_on_colab_and_its_first_line_is_not_shown_in_its_place():
    answer = formed(lesson()).cells[3]
    assert answer.metadata == {"tags": ["answer"], "collapsed": True, "jupyter": {"outputs_hidden": True}}
    assert not [kind for kind in answer.outputs[0].data if kind != "image/png"]
    assert answer.outputs[1:] == PRINTED == folding.uncovered(answer)


def test_where_there_is_no_output_there_is_nothing_to_fold():
    silent = formed(lesson()).cells[4]
    assert (silent.metadata, silent.outputs) == ({"tags": ["answer"]}, [])


def test_without_its_tag_an_answer_is_as_it_was():
    notebook = formed(lesson())
    notebook.cells[3].metadata["tags"] = []
    answer = formed(notebook).cells[3]
    assert (answer.metadata, answer.outputs) == ({}, PRINTED)


@pytest.mark.parametrize(("name", "more"), [("02_new.ipynb", {}), ("07_new.ipynb", {"gpuType": "T4"})])
def test_an_extra_is_folded_in_jupyterlab_and_on_colab(name, more):
    notebook = formed(lesson(), name)
    heading = notebook.cells[5]
    assert heading.metadata == {"tags": ["extra"], "id": heading.id, "jp-MarkdownHeadingCollapsed": True}
    assert notebook.metadata.colab == {"collapsed_sections": [heading.id]} | more


def test_the_canonical_form_is_valid_and_stays_as_it_is():
    once = formed(lesson())
    nbformat.validate(once)
    assert formed(copy.deepcopy(once)) == once


FOLD = "<details><summary>Why?</summary>\n\nBecause.\n\n</details>"


@pytest.mark.parametrize(
    ("below", "gap"),
    [("\n\nThe next step.", "<p></p>"), ("\n\n**Predict:** what?", "<p></p>")]
    + [(below, "") for below in ("", f"\n{FOLD}", f"\n\n{FOLD}", "\n\n## 2 · Next")],
)
def test_a_text_below_a_folded_one_stands_off_it(below, gap):
    notebook = lesson()
    notebook.cells[2].source = FOLD + below
    once = formed(notebook).cells[2].source
    assert once == FOLD + gap + below
    notebook.cells[2].source = once
    assert formed(notebook).cells[2].source == once


@pytest.mark.parametrize("repository", ["", "ada/shapes"])
def test_the_setup_cell_keeps_what_stands_behind_its_lines_and_shows_one_line(monkeypatch, repository):
    before = lesson()  # as it was without an address
    monkeypatch.setattr(address, "settings", lambda: {"repository": repository, "hub": ""})
    setup = formed(before).cells[1]
    assert setup.source == address.setup_cell(IMPORTS)
    assert setup.source.startswith("# @title Run this cell first: ")
    assert setup.source.endswith(f"\n\n{IMPORTS}")
    assert ('HELPERS = "' in setup.source) == bool(repository)
    assert setup.metadata == {"cellView": "form", "jupyter": {"source_hidden": True}}
    compile(setup.source, "setup", "exec")


@pytest.mark.parametrize("older", ["# Run this.\n", "# @title Run this.\n# And this.\n"])
def test_an_older_setup_cell_is_written_anew_with_its_imports(older):
    written = older + 'import sys\n\nsys.path.insert(0, "..")\n\n' + IMPORTS
    assert formed(lesson(written)).cells[1].source == address.setup_cell(IMPORTS)
