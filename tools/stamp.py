"""Write every notebook in its canonical form, and the course's address wherever it belongs: `make format`.

With --check nothing is written: the exit status says whether something would be.
"""

import argparse
import re
import sys

import address
import folding
import nbformat
from address import LESSONS, ROOT

from helpers.files import write_all

WIDGET_VIEW = "application/vnd.jupyter.widget-view+json"  # names a model that only lives in the kernel that made it
METADATA = {
    "kernelspec": {"display_name": "Python 3 (ipykernel)", "language": "python", "name": "python3"},
    "language_info": {"name": "python"},
}
FIRST_LESSON_WITH_GPU = "05"


def in_canonical_form(notebook, name):
    """The notebook with what differs from run to run, or from machine to machine, taken out, and its links put in."""
    for number, cell in enumerate(notebook.cells):
        cell.id = f"cell-{number:02}"
        for output in cell.get("outputs", []):
            output.get("data", {}).pop(WIDGET_VIEW, None)
        if cell.cell_type == "markdown":
            cell.source = folding.spaced(cell.source)
        tags = folding.tags(cell)
        cell.metadata = nbformat.from_dict(({"tags": tags} if tags else {}) | folding.fold(cell))
    sections = folding.folded_sections(notebook)
    colab = {"collapsed_sections": sections} if sections else {}
    notebook.metadata = nbformat.from_dict(METADATA)
    if name >= FIRST_LESSON_WITH_GPU:  # asks Colab for one
        notebook.metadata["accelerator"] = "GPU"
        colab["gpuType"] = "T4"
    if colab:
        notebook.metadata["colab"] = nbformat.from_dict(colab)
    _link(notebook, name)
    return notebook


def _link(notebook, name):
    """Put the links, if any, below the title, and the setup cell's lines before the first code, for older ones."""
    cells = notebook.cells
    if not cells or not cells[0].source.startswith("# "):
        raise ValueError(f"{name} must begin with its title: a markdown cell that starts with `# `.")
    title, *rest = cells[0].source.split("\n\n")
    rest = rest[1:] if rest and rest[0].startswith(address.OPEN) else rest
    links = address.lesson_links(name)
    cells[0].source = "\n\n".join([title, *([links] if links else []), *rest])
    setup = next((cell for cell in cells if cell.cell_type == "code"), None)
    if setup is None or not address.is_setup(setup.source):
        raise ValueError(f"{name}: its first code cell must be the setup cell; copy it from another lesson.")
    setup.source = address.setup_cell(address.behind_setup(setup.source))
    setup.metadata.update(nbformat.from_dict(folding.HIDDEN_CODE))


def with_block(path, name, content):
    """The file's text with `content` between its lines `<!-- address:name -->` and `<!-- /address -->`."""
    text = path.read_text("utf-8")
    block = re.compile(rf"(<!-- address:{name} -->\n).*?(<!-- /address -->)", re.DOTALL)
    if len(block.findall(text)) != 1:
        raise ValueError(f"{path.name} must have one block `<!-- address:{name} -->` … `<!-- /address -->`.")
    return block.sub(lambda found: f"{found[1]}{content}\n{found[2]}", text)


def citation(path):
    """CITATION.cff with its lines about where the course is at the end."""
    ours = ("repository-code:", "url:", f"# {address.NOT_SET}")
    kept = [line for line in path.read_text("utf-8").splitlines() if not line.startswith(ours)]
    return "\n".join([*kept, address.citation()]) + "\n"


def differing():
    """[(path, what it should be)] of each file that is not as it should be. Raises ValueError where one cannot be."""
    wanted = {}
    for path in LESSONS:
        notebook = nbformat.read(path, as_version=4)
        wanted[path] = nbformat.writes(in_canonical_form(notebook, path.name)) + "\n"
    readme, teaching, cff = (ROOT / name for name in ("README.md", "TEACHING.md", "CITATION.cff"))
    wanted[readme] = with_block(readme, "badges", address.badges())
    wanted[teaching] = with_block(teaching, "hub", address.hub_links())
    wanted[cff] = citation(cff)
    return [(path, text) for path, text in wanted.items() if path.read_text("utf-8") != text]


def write(changes):
    """Write all of these (path, text), or none. Raises ValueError."""
    try:
        write_all({path: text.encode() for path, text in changes})
    except OSError as error:
        raise ValueError(f"The files cannot be written ({error.strerror}).") from None
    for path, _ in changes:
        print(f"wrote {path.relative_to(ROOT)}")


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--check", action="store_true", help="write nothing, and fail if something would be written")
    check = parser.parse_args().check
    try:
        changes = differing()
        if not check:
            write(changes)
            return
    except ValueError as error:
        sys.exit(f"{error} Nothing was changed.")
    if names := ", ".join(str(path.relative_to(ROOT)) for path, _ in changes):
        sys.exit(f"Not in its canonical form, or without the course's address: {names}. `make format` fixes it.")


if __name__ == "__main__":
    main()
