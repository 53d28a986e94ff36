"""Lessons elsewhere than here: in a folder of their own, with a kernel that has other packages, on a small machine."""

import asyncio
import json
import os
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from address import LESSONS
from nbclient import NotebookClient
from nbformat.v4 import new_code_cell, new_notebook
from stamp import FIRST_LESSON_WITH_GPU

COLAB = Path(__file__).parent.parent / ".venv" / "colab"  # the versions of tests/colab/versions.txt
LONG = [path for path in LESSONS if path.name >= FIRST_LESSON_WITH_GPU]  # those that train
needs_colab = pytest.mark.skipif(not COLAB.exists(), reason="needs Colab's versions: make .venv/colab-ready")


def add_kernel(name, variables):
    """A kernel of this Python with these environment variables; it is found by the variable JUPYTER_PATH."""
    folder = Path(os.environ["JUPYTER_PATH"], "kernels", name)
    folder.mkdir(parents=True)
    command = [sys.executable, "-m", "ipykernel_launcher", "-f", "{connection_file}"]
    kernel = {"argv": command, "display_name": name, "language": "python", "env": variables}
    (folder / "kernel.json").write_text(json.dumps(kernel))


def hold_outputs(notebook, *options, through=()):
    """Every cell of the notebook runs and gives its committed output, as nbval has it; returns what was printed.

    `through` is a command in front: what starts the process.
    """
    command = [*through, sys.executable, "-m", "pytest", "--nbval", *options, notebook]
    command += ["-c", os.devnull, "--rootdir", notebook.parent, "-p", "no:cacheprovider", "-p", "nbval.plugin", "-q"]
    alone = os.environ | {"PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"}  # the other plugins take a second to start
    run = subprocess.run(command, capture_output=True, text=True, cwd=notebook.parent, env=alone)
    assert run.returncode == 0, f"{run.stdout}\n{run.stderr}"
    return run.stdout


def execute(notebook, kernel, folder):
    """Run the notebook in `folder`. Raises CellExecutionError."""
    client = NotebookClient(
        notebook, kernel_name=kernel, timeout=600, coalesce_streams=True, resources={"metadata": {"path": str(folder)}}
    )
    with ThreadPoolExecutor(1) as pool:  # Playwright may have an event loop on this one
        pool.submit(asyncio.run, client.async_execute()).result()


def outputs_of(cells, kernel, folder):
    """The outputs of each of these cells, run one after the other in `folder`. Raises CellExecutionError."""
    notebook = new_notebook(cells=[new_code_cell(cell) for cell in cells])
    execute(notebook, kernel, folder)
    return [cell.outputs for cell in notebook.cells]
