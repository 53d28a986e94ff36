"""What is folded until it is opened, by its tag: in JupyterLab and on Colab by metadata, on the pages by `<details>`.

`answer`: the output of a code cell. `extra`: the section that a markdown cell with a heading begins. The setup cell's
code is folded, too.
"""

import re

from nbformat.v4 import new_output

ANSWER, EXTRA = "answer", "extra"

# JupyterLab shows the first line of the first output in the place of folded ones, if it is a text. This is none: a
# picture of one transparent pixel. nbval compares no pictures.
PIXEL = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAQAAAC1HAwCAAAAC0lEQVR42mNkYAAAAAYAAjCB0C8AAAAASUVORK5CYII="
COVER = new_output("display_data", {"image/png": PIXEL})

GAP = "<p></p>"  # JupyterLab leaves no room between a closed <details> and a text: this does, and shows nothing
FOLD_ENDS = re.compile(rf"</details>(?:{GAP})?(\n\n(?!<details|#))?")

HIDDEN_OUTPUT = {"collapsed": True, "jupyter": {"outputs_hidden": True}}  # Colab reads the first, JupyterLab both
HIDDEN_CODE = {"cellView": "form", "jupyter": {"source_hidden": True}}  # the first is Colab's


def tags(cell) -> list:
    return cell.metadata.get("tags", [])


def fold(cell) -> dict:
    """Put the cover on folded outputs, and take it from others. Returns the metadata that fold the cell."""
    if cell.cell_type == "code":
        cell.outputs = uncovered(cell)
        if ANSWER in tags(cell) and cell.outputs:
            cell.outputs.insert(0, COVER)
            return HIDDEN_OUTPUT
    if EXTRA in tags(cell):  # Colab knows a section by its heading's id
        return {"id": cell.id, "jp-MarkdownHeadingCollapsed": True}
    return {}


def spaced(text: str) -> str:
    """A markdown cell's text with a gap below each <details> that a text follows."""
    return FOLD_ENDS.sub(lambda end: f"</details>{GAP}{end[1]}" if end[1] else "</details>", text)


def uncovered(cell) -> list:
    """A cell's own outputs."""
    return [output for output in cell.get("outputs", []) if output != COVER]


def folded_sections(notebook) -> list:
    """The ids of the headings whose sections are folded."""
    return [cell.id for cell in notebook.cells if EXTRA in tags(cell)]
