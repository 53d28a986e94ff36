"""Write the text of each question into the lesson that asks it, as its module has it: part of `make format`."""

import importlib.util
import re
import sys
import textwrap

import nbformat
from address import LESSONS, ROOT

WIDTH = 120


def asked(source, texts):
    """A cell's source with the text of each question in it: the paragraph behind `**Predict (q2):**` or the like."""

    def write(found):
        text = texts[found["label"]]
        if text.split() == found["text"].split():  # where its lines end does not matter
            return found[0]
        return textwrap.fill(f"{found['before']} {text}", WIDTH, break_long_words=False, break_on_hyphens=False)

    return re.sub(
        r"(?P<before>\*\*[\w ]+ \((?P<label>q\d+)\):\*\*) (?P<text>.+?)(?=\n\n|\n- |\Z)", write, source, flags=re.S
    )


def main():
    sys.path.insert(0, str(ROOT))
    from helpers.exercises.question import Question

    for path in LESSONS:
        notebook, name = nbformat.read(path, as_version=4), f"helpers.exercises.lesson_{path.name[:2]}"
        if importlib.util.find_spec(name) is None:
            continue  # lesson 00 asks nothing
        module = vars(importlib.import_module(name))
        texts = {label: value.text for label, value in module.items() if isinstance(value, Question)}
        for cell in notebook.cells:
            if cell.cell_type == "markdown" and (source := asked(cell.source, texts)) != cell.source:
                print(f"wrote a question of {path.relative_to(ROOT)}")
                cell.source = source
        text = nbformat.writes(notebook) + "\n"
        if text != path.read_text("utf-8"):
            path.write_text(text, "utf-8", newline="\n")


if __name__ == "__main__":
    main()
