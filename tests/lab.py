"""A JupyterLab of one's own in a headless Chromium, for the tests and the benchmark."""

import json
import os
import shutil
import socket
import subprocess
import sys
import time
import urllib.request
from contextlib import contextmanager
from pathlib import Path

import nbformat
from nbformat.v4 import new_code_cell, new_notebook

from helpers.exercises.switches import SWITCH

ROOT = Path(__file__).parent.parent
TOKEN = "a-test"
KERNEL = {"name": "python3", "display_name": "Python 3", "language": "python"}
ONE_CELL = new_notebook(cells=[new_code_cell()], metadata={"kernelspec": KERNEL})
PAGE = {
    "buildCheck": False,
    "buildAvailable": False,  # Node, started at every page
    # It asks each kernel what it debugs, and complains where the kernel has gone before it answers.
    "disabledExtensions": {"@jupyterlab/debugger-extension": True},
}
SETTINGS = {
    "docmanager-extension/plugin": {"autosave": False}  # a notebook is opened again as it was
}
# One notebook is open at a time. If it is the one that is wanted, it becomes again what it is on the disk, and its
# kernel goes on; another is closed without a question about what has changed.
OPEN = """async (path) => {
  const open = jupyterapp.shell.currentWidget;
  if (open?.context?.path === path) return open.context.revert();
  await open?.sessionContext?.shutdown();
  open?.dispose();
  await jupyterapp.commands.execute("docmanager:open", { path });
}"""


@contextmanager
def jupyterlab(home):
    """The address of a JupyterLab that serves a copy of the lessons in `home`."""
    shutil.copytree(ROOT / "notebooks", home / "notebooks", ignore=shutil.ignore_patterns(".ipynb_checkpoints"))
    (home / "helpers").symlink_to(ROOT / "helpers")
    nbformat.write(ONE_CELL, home / "notebooks" / "one_cell.ipynb")
    for plugin, chosen in SETTINGS.items():
        path = home / "settings" / "@jupyterlab" / f"{plugin}.jupyterlab-settings"
        path.parent.mkdir(parents=True)
        path.write_text(json.dumps(chosen))
    pages = home / "config" / "labconfig"
    pages.mkdir(parents=True)
    (pages / "page_config.json").write_text(json.dumps(PAGE))
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    own = {
        SWITCH: "file",  # no test finds the answers of another
        "JUPYTER_CONFIG_DIR": str(home / "config"),
        "JUPYTER_CONFIG_PATH": str(ROOT / "tools" / "lab"),  # as `make lab` has it
        "JUPYTERLAB_SETTINGS_DIR": str(home / "settings"),
        "JUPYTERLAB_WORKSPACES_DIR": str(home / "workspaces"),
    }
    command = [sys.executable, "-m", "jupyterlab", "--no-browser", "--allow-root", "--ServerApp.ip=127.0.0.1"]
    command += [f"--ServerApp.port={port}", f"--IdentityProvider.token={TOKEN}", f"--ServerApp.root_dir={home}"]
    command += ["--LabApp.expose_app_in_browser=True"]
    url = f"http://127.0.0.1:{port}"
    with (home / "log").open("w") as log:
        server = subprocess.Popen(command, cwd=home, env=os.environ | own, stdout=log, stderr=subprocess.STDOUT)
        try:
            _wait_until_up(f"{url}/api?token={TOKEN}", server, home / "log")
            yield url
        finally:
            server.terminate()
            server.wait(20)


def _wait_until_up(url, server, log, seconds=60):
    end = time.monotonic() + seconds
    while time.monotonic() < end and server.poll() is None:
        try:
            with urllib.request.urlopen(url, timeout=2):
                return
        except OSError:
            time.sleep(0.3)
    raise RuntimeError(f"JupyterLab did not start:\n{log.read_text()}")


@contextmanager
def jupyterlab_page(browser, url, width=1100):
    """A page with that JupyterLab, in which nothing is open."""
    page = watched(browser.new_page(viewport={"width": width, "height": 900}))
    page.goto(f"{url}/lab?token={TOKEN}&reset")
    page.wait_for_function("() => window.jupyterapp?.shell")
    page.evaluate("async () => void (await jupyterapp.restored)")
    yield page
    page.close()


def open_notebook(page, name):
    """Open it in JupyterLab, with a kernel; what the console reports as an error from now on is in `page.problems`."""
    page.problems.clear()
    page.mouse.move(0, 0)  # else it points at something of the next notebook
    page.evaluate(OPEN, f"notebooks/{name}")
    page.wait_for_function(
        "() => jupyterapp.shell.currentWidget?.sessionContext?.session?.kernel?.status === 'idle'", timeout=60_000
    )
    return page


def save_notebook(page, name, notebook):
    """Put a notebook among those that JupyterLab serves."""
    save = "([path, content]) => jupyterapp.serviceManager.contents.save(path, { type: 'notebook', content })"
    page.evaluate(save, [f"notebooks/{name}", notebook])


def end_session(page):
    """Save the notebook, end its kernel and close it, as at the end of an evening."""
    page.evaluate(
        """async () => {
          const open = jupyterapp.shell.currentWidget;
          await open.context.save();
          await open.sessionContext.shutdown();
          open.dispose();
        }"""
    )


def watched(page):
    """The page, with a list `problems` of every error it throws or writes to its console."""
    page.problems = []
    page.on("pageerror", lambda error: page.problems.append(str(error)))
    page.on("console", lambda message: message.type == "error" and page.problems.append(message.text))
    return page


def run_cell(page, code):
    """Run `code` in the first cell of the notebook, and wait until the kernel is idle again."""
    page.evaluate(
        """async (code) => {
          const notebook = jupyterapp.shell.currentWidget;
          notebook.content.model.sharedModel.cells[0].setSource(code);
          await jupyterapp.commands.execute("notebook:run-all-cells");
        }""",
        f"import sys\nsys.path.insert(0, '..')\n{code}",
    )


def write_sources(page, sources):
    """Write a text into each cell of the notebook, in their order."""
    page.evaluate(
        "(sources) => jupyterapp.shell.currentWidget.content.model.sharedModel.cells.forEach("
        "(cell, place) => cell.setSource(sources[place]))",
        sources,
    )


def run_all(page):
    """Run the notebook, and return its cells."""
    page.evaluate("async () => void (await jupyterapp.commands.execute('notebook:run-all-cells'))")
    return cells_of(page)


def cells_of(page):
    """The notebook's cells as nbformat has them."""
    return page.evaluate(
        "() => jupyterapp.shell.currentWidget.content.model.sharedModel.cells.map((cell) => cell.toJSON())"
    )
