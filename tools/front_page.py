"""The first of the pages: what the course is, an explorer to move, the lessons, and what to say of each of them."""

import re

import address
import lesson_page
import travel
from address import ROOT
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook, new_output

COURSE = "How shapes move through a CNN"
WELCOME = """\
# How shapes move through a CNN

You move sliders for kernel, stride and padding, see the shapes follow at once, find out why, and end by training the
network you took apart.

{strip}

Every number in the pictures is PyTorch's. Try it: move **kernel** to its largest, then **stride**.
"""
BELOW = """\
## The lessons

{table}

## For teachers

Plans for 90 minutes and for three sessions, questions to ask at every explorer, worksheets, and a report on what a
class handed in: {teaching}.

## Who made it, and what you may do with it

By {authors}. The code is under the MIT licence; text and pictures are under [CC BY
4.0](https://creativecommons.org/licenses/by/4.0/): copy, change and translate them, and say where they are from.
"""
FIRST_PICTURE = """\
import sys

sys.path.insert(0, "..")
from helpers.explorers import ConvolutionExplorer

ConvolutionExplorer(size=8, kernel_size=3, stride=2)
"""
IN_WORDS = "ConvolutionExplorer: (1, 8, 8) → Conv2d(kernel_size=3, stride=2) → (1, 3, 3)"  # as Python shows it


def notebook():
    """The first page, as a notebook: an explorer, and the README's list of the lessons."""
    readme = (ROOT / "README.md").read_text("utf-8")
    table = re.search(r"^\| lesson \| you will.*?\n\n", readme, re.MULTILINE | re.DOTALL)[0].replace(
        "](notebooks/", "]("
    )
    teaching = (
        f"[TEACHING.md]({address.on_github()}/blob/{address.BRANCH}/TEACHING.md)"
        if address.on_github()
        else "`TEACHING.md`"
    )
    authors = re.search(r"^Copyright \(c\) \d+ (.+)$", (ROOT / "LICENSE").read_text("utf-8"), re.MULTILINE)[1]
    picture = new_output("execute_result", {"text/plain": IN_WORDS})
    return new_notebook(
        cells=[
            new_markdown_cell(WELCOME.format(strip=travel.strip())),
            new_code_cell(FIRST_PICTURE, metadata={"tags": [lesson_page.HIDDEN]}, outputs=[picture]),
            new_markdown_cell(BELOW.format(table=table, teaching=teaching, authors=authors)),
        ]
    )


def description(path) -> str:
    """What a search shows of a page: what one will be able to do, from the README's table."""
    if path is None:
        return (
            "Move sliders for kernel, stride and padding, see the shapes follow, and train the network you took apart."
        )
    row = rf"^\| \[[^\]]+\]\(notebooks/{path.name}\) \| ([^|]+) \|"
    able = re.search(row, (ROOT / "README.md").read_text("utf-8"), re.MULTILINE)[1]
    return f"A lesson with sliders. You will be able to {able.replace('`', '')}."
