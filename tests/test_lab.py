"""A learner's JupyterLab, in a real browser: every lesson opens and runs, the sliders move, the picture follows."""

import json
import os
import re
import shutil
import socket
import subprocess
import sys
import time
import urllib.request
from pathlib import Path

import pytest
import torch

from helpers.explorers import ConvolutionExplorer

ROOT = Path(__file__).parent.parent
LESSONS = sorted((ROOT / "notebooks").glob("*.ipynb"))
TOKEN = "a-test"
QUIET = {"fetchNews": "false", "checkForUpdates": False}  # a first visitor's question, and a network


@pytest.fixture(scope="module")
def lab(tmp_path_factory):
    """The address of a JupyterLab that serves a copy of the lessons, so that its autosave changes nothing here."""
    home = tmp_path_factory.mktemp("lab")
    shutil.copytree(ROOT / "notebooks", home / "notebooks", ignore=shutil.ignore_patterns(".ipynb_checkpoints"))
    (home / "helpers").symlink_to(ROOT / "helpers")
    settings = home / "settings" / "@jupyterlab" / "apputils-extension"
    settings.mkdir(parents=True)
    (settings / "notification.jupyterlab-settings").write_text(json.dumps(QUIET))
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    own = {
        "JUPYTER_CONFIG_DIR": str(home / "config"),
        "JUPYTERLAB_SETTINGS_DIR": str(home / "settings"),
        "JUPYTERLAB_WORKSPACES_DIR": str(home / "workspaces"),
    }
    command = [sys.executable, "-m", "jupyterlab", "--no-browser", "--allow-root", "--ServerApp.ip=127.0.0.1"]
    command += [f"--ServerApp.port={port}", f"--IdentityProvider.token={TOKEN}", f"--ServerApp.root_dir={home}"]
    command += ["--LabApp.expose_app_in_browser=True"]
    log = (home / "log").open("w")
    server = subprocess.Popen(command, cwd=home, env=os.environ | own, stdout=log, stderr=subprocess.STDOUT)
    url = f"http://127.0.0.1:{port}"
    try:
        wait_until_up(f"{url}/api?token={TOKEN}", server, home / "log")
        yield url
    finally:
        server.terminate()
        server.wait(20)
        log.close()


def wait_until_up(url, server, log, seconds=60):
    end = time.monotonic() + seconds
    while time.monotonic() < end and server.poll() is None:
        try:
            with urllib.request.urlopen(url, timeout=2):
                return
        except OSError:
            time.sleep(0.3)
    pytest.fail(f"JupyterLab did not start:\n{log.read_text()}")


@pytest.fixture
def open_lesson(lab, chromium):
    """`open_lesson(name)` → its page, loaded and with a kernel; what the console reports as an error is in `.problems`."""
    pages = []

    def open_page(name, width=1100):
        page = chromium.new_page(viewport={"width": width, "height": 900})
        pages.append(page)
        page.problems = []
        page.on("pageerror", lambda error: page.problems.append(str(error)))
        page.on("console", lambda message: message.type == "error" and page.problems.append(message.text))
        page.goto(f"{lab}/lab/tree/notebooks/{name}?token={TOKEN}&reset")
        page.wait_for_function(
            "() => window.jupyterapp?.shell.currentWidget?.sessionContext?.session?.kernel?.status === 'idle'",
            timeout=60_000,
        )
        return page

    yield open_page
    for page in pages:
        page.evaluate("() => jupyterapp.commands.execute('kernelmenu:shutdown')")
        page.close()


def run_all(page):
    page.evaluate("() => jupyterapp.commands.execute('notebook:run-all-cells')")
    return page.evaluate(
        "() => jupyterapp.shell.currentWidget.content.model.sharedModel.cells.map((cell) => cell.toJSON())"
    )


@pytest.mark.parametrize("lesson", LESSONS, ids=lambda path: path.stem)
def test_every_lesson_opens_and_runs_without_an_error(open_lesson, lesson):
    page = open_lesson(lesson.name)
    cells = [cell for cell in run_all(page) if cell["cell_type"] == "code"]
    assert all(cell["execution_count"] for cell in cells)
    outputs = [output for cell in cells for output in cell["outputs"]]
    assert [output for output in outputs if output["output_type"] == "error"] == []
    assert page.problems == []


def drawn_output(page):
    rows = page.locator(".cs-explorer").first.evaluate(
        """(explorer) => {
          const lines = [];
          for (const cell of explorer.querySelectorAll(".cs-output .cs-cell"))
            if (!cell.hidden) (lines[cell.dataset.row] ??= [])[cell.dataset.column] = cell.textContent;
          return lines;
        }"""
    )
    return torch.tensor([[[float(text.replace("−", "-")) for text in row] for row in rows]])


def test_sliders_moved_by_keyboard_draw_what_torch_computes(open_lesson):
    page = open_lesson("01_convolution_arithmetic.ipynb")
    run_all(page)
    page.locator(".cs-explorer").first.scroll_into_view_if_needed()
    explorer = ConvolutionExplorer()
    for name in ("size", "kernel_size", "stride", "padding", "dilation"):
        place = list(explorer.sliders).index(name)
        handle = page.locator(".jp-OutputArea-output .noUi-handle").nth(place)
        slider = explorer.sliders[name]
        for key, value in (("End", slider.max), ("Home", slider.min), ("ArrowRight", slider.min + 1)):
            handle.press(key)
            setattr(explorer, name, value)
            try:
                expected = explorer.output()
            except RuntimeError as error:
                page.get_by_text(str(error)).first.wait_for()
            else:
                size = expected.shape[-1]
                page.locator(".cs-panel-output").first.get_by_text(f"output {size} × {size}", exact=True).wait_for()
                assert torch.equal(drawn_output(page), expected), repr(explorer)
    assert page.problems == []


def test_keys_in_the_picture_move_its_window_and_leave_the_notebook_where_it_is(open_lesson):
    page = open_lesson("01_convolution_arithmetic.ipynb")
    run_all(page)
    picture = page.locator(".cs-figure").first
    picture.scroll_into_view_if_needed()
    picture.focus()
    active = page.evaluate("() => jupyterapp.shell.currentWidget.content.activeCellIndex")
    for key in ("ArrowDown", "ArrowDown", "ArrowRight", "ArrowUp"):
        picture.press(key)
    assert re.match(r"output\[1, 1\] = ", page.locator(".cs-sum").first.text_content())
    assert page.evaluate("() => jupyterapp.shell.currentWidget.content.activeCellIndex") == active
    assert page.problems == []
