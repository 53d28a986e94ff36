"""Run every lesson from top to bottom and write it back in one canonical form: `make notebooks`.

The same code gives the same file: no times, no execution dates, no widget state, counted cell ids. A cell that fails
stops the run with its traceback, and its notebook stays as it was.
"""

import argparse
from pathlib import Path

import nbformat
from address import LESSONS, ROOT
from nbclient import NotebookClient
from stamp import in_canonical_form

from helpers.files import write_whole


def executed(notebook):
    """The notebook, run from top to bottom in a fresh kernel. Raises CellExecutionError where a cell fails."""
    client = NotebookClient(
        notebook,
        timeout=600,
        kernel_name="python3",
        resources={"metadata": {"path": str(ROOT / "notebooks")}},
        record_timing=False,
        coalesce_streams=True,
    )
    return client.execute()


def run(path: Path) -> None:
    notebook = executed(in_canonical_form(nbformat.read(path, as_version=4), path.name))
    write_whole(path, (nbformat.writes(in_canonical_form(notebook, path.name)) + "\n").encode())


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("paths", nargs="*", type=Path, help="notebooks to run; all of them without")
    for path in parser.parse_args().paths or LESSONS:
        print(f"running {path.name}", flush=True)
        run(path)


if __name__ == "__main__":
    main()
