"""Run every lesson from top to bottom and write it back in one canonical form: `make notebooks`.

The same code gives the same file: no times, no execution dates, no widget state, counted cell ids. A cell that fails
stops the run with its traceback, and its notebook stays as it was. Chromium makes the pictures that need no kernel: the
strip below a title, a still of each explorer. Without it those that are there are kept.
"""

import argparse
import os
from contextlib import nullcontext
from pathlib import Path

import nbformat
import stills
import strip
from address import LESSONS, ROOT
from browser import CHROMIUM, chromium_browser
from nbclient import NotebookClient
from stamp import in_canonical_form

from helpers.exercises.record import NOTEBOOK
from helpers.files import write_whole


def executed(notebook, after_each=None):
    """The notebook, run from top to bottom in a fresh kernel. Raises CellExecutionError where a cell fails.

    `after_each` is called when a cell has run, with the states of all widgets as the cell left them: {model id: state}.
    """
    os.environ.pop(NOTEBOOK, None)  # no kernel of ours is a learner's, who may have started this from a notebook
    client = NotebookClient(
        notebook,
        timeout=600,
        kernel_name="python3",
        resources={"metadata": {"path": str(ROOT / "notebooks")}},
        record_timing=False,
        coalesce_streams=True,
    )
    if after_each:
        client.on_cell_executed = lambda cell, **_: after_each(
            cell, stills.whole(client.widget_state, client.widget_buffers)
        )
    return client.execute()


def run(path: Path) -> None:
    notebook = in_canonical_form(nbformat.read(path, as_version=4), path.name)
    earlier, found = stills.stills_of(notebook), []
    notebook = executed(notebook, lambda cell, models: found.extend(stills.explorers_of(cell, models)))
    with chromium_browser() if CHROMIUM else nullcontext() as browser:
        stills.put(found, earlier, browser)
        strip.put_into(notebook, path.name[:2], browser)
    write_whole(path, (nbformat.writes(in_canonical_form(notebook, path.name)) + "\n").encode())


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("paths", nargs="*", type=Path, help="notebooks to run; all of them without")
    paths = parser.parse_args().paths or LESSONS
    if CHROMIUM is None:
        print("Chromium is missing (on Debian: apt-get install chromium): the lessons keep the pictures they had.")
    for path in paths:
        print(f"running {path.name}", flush=True)
        run(path)
    write_whole(strip.MAP, strip.drawing("00").encode())


if __name__ == "__main__":
    main()
