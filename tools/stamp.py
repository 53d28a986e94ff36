"""Write every notebook in its canonical form, and the course's address wherever it belongs: `make format`.

With --check nothing is written: the exit status says whether something would be.
"""

import argparse
import re
import sys

import address
import nbformat
from address import LESSONS, ROOT

WIDGET_VIEW = (
    "application/vnd.jupyter.widget-view+json"  # names a model that only lives in the kernel that made it
)
METADATA = {
    "kernelspec": {"display_name": "Python 3 (ipykernel)", "language": "python", "name": "python3"},
    "language_info": {"name": "python"},
}
GPU = {"accelerator": "GPU", "colab": {"gpuType": "T4"}}  # asks Colab for one
FIRST_LESSON_WITH_GPU = "05"


def in_canonical_form(notebook, name):
    """The notebook with what differs from run to run, or from machine to machine, taken out, and its links put in."""
    wants_gpu = name >= FIRST_LESSON_WITH_GPU
    notebook.metadata = nbformat.from_dict({**METADATA, **(GPU if wants_gpu else {})})
    for number, cell in enumerate(notebook.cells):
        cell.id = f"cell-{number:02}"
        tags = cell.metadata.get("tags")
        cell.metadata = nbformat.from_dict({"tags": tags} if tags else {})
        for output in cell.get("outputs", []):
            output.get("data", {}).pop(WIDGET_VIEW, None)
    title, *rest = notebook.cells[0].source.split("\n\n")
    links, rest = address.lesson_links(name), rest[1:] if "Colab" in rest[0] else rest
    notebook.cells[0].source = "\n\n".join([title, links, *rest])
    setup = next(cell for cell in notebook.cells if cell.cell_type == "code")
    setup.source = address.setup_cell()
    return notebook


def with_block(text, name, content):
    """The text with `content` between its lines `<!-- address:name -->` and `<!-- /address -->`."""
    block = re.compile(rf"(<!-- address:{name} -->\n).*?(<!-- /address -->)", re.DOTALL)
    if len(block.findall(text)) != 1:
        raise ValueError(f"There must be one block `<!-- address:{name} -->` … `<!-- /address -->`.")
    return block.sub(lambda found: f"{found[1]}{content}\n{found[2]}", text)


def citation(text):
    """CITATION.cff with its lines about where the course is at the end."""
    kept = [
        line
        for line in text.splitlines()
        if not line.startswith(("repository-code:", "url:", "# the address"))
    ]
    return "\n".join([*kept, address.citation()]) + "\n"


def stamped():
    """[(path, text as it should be)] of every file that names the address."""
    for path in LESSONS:
        notebook = nbformat.read(path, as_version=4)
        yield path, nbformat.writes(in_canonical_form(notebook, path.name)) + "\n"
    for path, rewrite in (
        (ROOT / "README.md", lambda text: with_block(text, "badges", address.badges())),
        (ROOT / "TEACHING.md", lambda text: with_block(text, "hub", address.hub_links())),
        (ROOT / "CITATION.cff", citation),
    ):
        yield path, rewrite(path.read_text("utf-8"))


def differing():
    """[(path, text)] of the files that are not as they should be, with what they should be."""
    return [(path, text) for path, text in stamped() if path.read_text("utf-8") != text]


def write():
    for path, text in differing():
        path.write_text(text, "utf-8", newline="\n")
        print(f"wrote {path.relative_to(ROOT)}")


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument(
        "--check", action="store_true", help="write nothing, and fail if something would be written"
    )
    if not parser.parse_args().check:
        write()
    elif names := ", ".join(str(path.relative_to(ROOT)) for path, _ in differing()):
        sys.exit(
            f"Not in its canonical form, or without the course's address: {names}. `make format` mends it."
        )


if __name__ == "__main__":
    main()
