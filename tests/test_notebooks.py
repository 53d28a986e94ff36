"""The committed lessons and the README: really run, in their canonical form, and true where a machine can tell.

That each cell still gives its committed output is nbval's part: it runs every notebook as a test.
"""

import ast
import base64
import doctest
import re
from itertools import zip_longest
from pathlib import Path

import address
import nbformat
import pytest
import stamp
import torch

import helpers.arithmetic
from helpers.model import SimpleCNN

ROOT = Path(__file__).parent.parent
LESSONS = sorted((ROOT / "notebooks").glob("*.ipynb"))
README = (ROOT / "README.md").read_text("utf-8")
MAP = (ROOT / "notebooks" / "images" / "course_map.svg").read_text("utf-8")
each_lesson = pytest.mark.parametrize("path", LESSONS, ids=lambda path: path.stem)


def code_cells(path):
    return [cell for cell in nbformat.read(path, as_version=4).cells if cell.cell_type == "code"]


def prose(path):
    return "\n".join(c.source for c in nbformat.read(path, as_version=4).cells if c.cell_type == "markdown")


def test_the_lessons_are_numbered_from_00_on():
    assert [path.name[:2] for path in LESSONS] == [f"{number:02}" for number in range(len(LESSONS))]
    assert len(LESSONS) >= 6


@each_lesson
def test_every_cell_was_run_once_in_order_and_without_an_error(path):
    cells = code_cells(path)
    assert [cell.execution_count for cell in cells] == list(range(1, len(cells) + 1))
    assert not [output for cell in cells for output in cell.outputs if output.output_type == "error"]


@each_lesson
def test_the_file_is_as_make_notebooks_writes_it(path):
    notebook = nbformat.read(path, as_version=4)
    assert path.read_text("utf-8") == nbformat.writes(stamp.in_canonical_form(notebook, path.name)) + "\n"


@each_lesson
def test_a_lesson_begins_with_what_it_teaches_and_the_same_setup_cell(path):
    notebook = nbformat.read(path, as_version=4)
    assert notebook.cells[0].source.startswith(f"# {path.name[:2]} · ")
    assert "After this lesson you can" in notebook.cells[0].source
    assert re.search(r"\*\*\d+ minutes\.\*\*", notebook.cells[0].source)
    assert code_cells(path)[0].source == address.setup_cell()
    assert code_cells(path)[1].source.startswith(("import ", "from "))


@each_lesson
def test_no_cell_starts_a_thread_or_captures_output_in_a_widget(path):
    """`Output` and `interact` make strict nbval count what they print; a thread's updates never arrive on Colab."""
    source = "\n".join(cell.source for cell in code_cells(path))
    assert not re.search(r"\b(widgets\.Output|interact|interactive_output|threading|pyplot)\b", source)


@each_lesson
def test_a_cell_whose_output_is_not_compared_is_followed_by_one_that_asserts(path):
    cells = code_cells(path)
    for cell, following in zip_longest(cells, cells[1:]):
        if "nbval-ignore-output" in cell.metadata.get("tags", []) and "import platform" not in cell.source:
            later = cell.source + "\n" + (following.source if following else "")
            assert any(isinstance(node, ast.Assert) for node in ast.walk(ast.parse(later))), cell.source


@pytest.mark.parametrize("path", [ROOT / "README.md", *LESSONS], ids=lambda path: path.stem)
def test_links_to_files_lead_to_files(path):
    text = README if path.suffix == ".md" else prose(path)
    links = [link for link in re.findall(r"\]\(([^)\s]+)\)", text) if not link.startswith(("http", "data:"))]
    assert [link for link in links if not (path.parent / link).exists()] == []


def test_the_readme_lists_every_lesson_with_its_minutes():
    for path in LESSONS:
        row = next(line for line in README.splitlines() if line.startswith("|") and path.name in line)
        minutes = re.search(r"\*\*(\d+) minutes\.\*\*", prose(path)).group(1)
        assert row.split("|")[-2].strip() == minutes


def test_the_readme_is_read_in_five_minutes():
    """Without its badges, which `make publish` writes."""
    assert len(re.sub(r"<!-- address:badges -->.*?<!-- /address -->", "", README, flags=re.DOTALL).split()) <= 1000


def test_the_readmes_examples_print_what_they_say():
    code = "\n".join(re.findall(r"```python\n(.*?)```", README, flags=re.DOTALL))
    examples = doctest.DocTestParser().get_doctest(code, {}, "README", None, 0)
    assert len(examples.examples) >= 3
    assert doctest.DocTestRunner(optionflags=doctest.ELLIPSIS).run(examples).failed == 0


def test_the_examples_in_docstrings_print_what_they_say():
    assert doctest.testmod(helpers.arithmetic).failed == 0


def test_the_course_map_shows_the_shapes_of_the_real_network():
    model, shapes = SimpleCNN(), []
    x = torch.zeros(1, 3, 32, 32)
    shapes.append(x.shape)
    for step in (model.conv1, model.pool, torch.nn.Flatten(), model.fc1, model.fc2):
        x = step(x)
        shapes.append(x.shape)
    drawn = re.findall(r">\(N, ([\d, ]+)\)<", MAP)
    assert drawn == [", ".join(map(str, shape[1:])) for shape in shapes]


def test_the_map_in_lesson_00_is_the_file_itself_because_colab_shows_no_files():
    embedded = re.findall(r"\(data:image/svg\+xml;base64,([\w+/=]+)\)", prose(LESSONS[0]))
    assert [base64.b64decode(text).decode() for text in embedded] == [MAP]
    assert not [path for path in LESSONS if "](images/" in prose(path)]


@each_lesson
def test_colab_is_asked_for_a_gpu_where_a_lesson_can_use_one(path):
    wanted = "GPU" if path.name >= "05" else None
    assert nbformat.read(path, as_version=4).metadata.get("accelerator") == wanted
