"""The committed lessons and the README: really run, in their canonical form, and true where a machine can tell.

That each cell still gives its committed output is nbval's part: it runs every notebook as a test.
"""

import ast
import base64
import doctest
import html
import io
import re
import sys
from itertools import zip_longest
from pathlib import Path

import address
import nbformat
import pytest
import stamp
import stills
import strip
from PIL import Image

import helpers.arithmetic

ROOT = Path(__file__).parent.parent
LESSONS = sorted((ROOT / "notebooks").glob("*.ipynb"))
README = (ROOT / "README.md").read_text("utf-8")
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
def test_no_committed_time_was_measured_on_a_busy_machine(path):
    printed = [output.get("text", "") for cell in code_cells(path) for output in cell.outputs]
    assert [text for text in printed if "STOP" in text] == []


@each_lesson
def test_the_file_is_as_make_notebooks_writes_it(path):
    notebook = nbformat.read(path, as_version=4)
    assert path.read_text("utf-8") == nbformat.writes(stamp.in_canonical_form(notebook, path.name)) + "\n"


@each_lesson
def test_each_explorer_has_a_still_picture_of_its_setting_which_is_small_and_read_on_a_dark_page(path):
    outputs = [output for cell in code_cells(path) for output in cell.outputs]
    for output in outputs:
        if re.match(r"\w+Explorer: ", text := output.get("data", {}).get("text/plain", "")):
            still = output.data["image/png"]
            assert stills.shows(still) == text, "make notebooks takes it anew, where Chromium is"
            assert output.metadata == {"image/png": {"alt": text, "width": stills.WIDTH}}
            assert len(base64.b64decode(still)) <= 60_000
            picture = Image.open(io.BytesIO(base64.b64decode(still)))
            assert picture.width == stills.WIDTH * stills.SCALE
            assert picture.convert("RGBA").getpixel((0, 0)) == (255, 255, 255, 255)


@each_lesson
def test_a_lesson_begins_with_what_it_teaches_and_the_same_setup_cell(path):
    notebook = nbformat.read(path, as_version=4)
    assert notebook.cells[0].source.startswith(f"# {path.name[:2]} · ")
    assert "After this lesson you can" in notebook.cells[0].source
    assert re.search(r"\*\*\d+ minutes\.\*\*", notebook.cells[0].source)
    setup = code_cells(path)[0].source
    imports = address.behind_setup(setup)
    assert setup == address.setup_cell(imports)
    assert imports.startswith(("import ", "from "))


@each_lesson
def test_no_cell_starts_a_thread_or_captures_output_in_a_widget(path):
    """`Output` and `interact` make strict nbval count what they print; a thread's updates never arrive on Colab."""
    source = "\n".join(cell.source for cell in code_cells(path))
    assert not re.search(r"\b(widgets\.Output|interact|interactive_output|threading|pyplot)\b", source)


@each_lesson
def test_a_cell_whose_output_is_not_compared_is_followed_by_one_that_is_or_asserts(path):
    def is_ignored(cell):
        return "nbval-ignore-output" in cell.metadata.get("tags", [])

    cells = code_cells(path)
    for cell, following in zip_longest(cells, cells[1:]):
        if is_ignored(cell) and "import platform" not in cell.source and (following is None or is_ignored(following)):
            later = cell.source + "\n" + (following.source if following else "")
            assert any(isinstance(node, ast.Assert) for node in ast.walk(ast.parse(later))), cell.source


def test_lesson_01_compares_with_torch_what_its_explorers_show_also_after_they_were_changed(monkeypatch, capsys):
    monkeypatch.setattr(sys, "path", [*sys.path])  # the setup cell adds to it
    cells, names = [cell.source for cell in code_cells(LESSONS[1])], {}

    def run(code):
        (source,) = (source for source in cells if code in source)
        exec(source, names)

    run("# @title")
    run("kernel_size=3)\nexplorer")  # as a learner leaves it, after *Try this*
    names["explorer"].stride, names["explorer"].padding = 2, 1
    run("equal to the first map:")
    run("frame = FilterExplorer(")
    names["frame"].image = 255 - names["frame"].image[:20]
    run("moved right by one:")
    printed = capsys.readouterr().out
    assert "equal to the first map: True" in printed
    assert "moved right by one: True" in printed


@pytest.mark.parametrize("path", [ROOT / "README.md", *LESSONS], ids=lambda path: path.stem)
def test_links_to_files_lead_to_files(path):
    text = README if path.suffix == ".md" else prose(path)
    links = [link for link in re.findall(r"\]\(([^)\s]+)\)", text) if not link.startswith(("http", "data:"))]
    assert [link for link in links if not (path.parent / link.partition("#")[0]).exists()] == []


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


@each_lesson
def test_a_lesson_begins_with_its_strip_which_is_made_of_todays_drawing_and_says_the_same_in_words(path):
    lesson, text = path.name[:2], nbformat.read(path, as_version=4).cells[0].source
    (tag,) = [part for part in text.split("\n\n") if part.startswith(strip.TAG)]
    assert strip.made_of(tag, strip.drawing(lesson)), "make notebooks makes it anew, where Chromium is"
    assert html.unescape(re.search(r'alt="([^"]+)"', tag)[1]) == strip.words(lesson)
    assert len(tag) < 25_000  # who opens the cell scrolls past it
    assert text.index(strip.TAG) < text.index("After this lesson you can") or lesson == "00"


def test_no_lesson_needs_a_file_for_its_text_because_colab_has_none():
    assert not [path for path in LESSONS if re.search(r'\]\(images/|attachment:|src="(?!data:image/png)', prose(path))]


@each_lesson
def test_colab_is_asked_for_a_gpu_where_a_lesson_can_use_one(path):
    wanted = "GPU" if path.name >= "05" else None
    assert nbformat.read(path, as_version=4).metadata.get("accelerator") == wanted
