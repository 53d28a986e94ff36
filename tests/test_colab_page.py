"""The widgets in the browser with ipywidgets 7's own front end and anywidget 0.9.21: what Colab's page is made of."""

import json
import os
import subprocess
import sys
from collections import Counter

import npm
import pytest
from address import ROOT
from elsewhere import COLAB, needs_colab
from ipywidgets import Checkbox, Dropdown
from pages import read
from test_lab import EXPLORERS

from helpers import explorers
from helpers.exercises.field import OPEN

pytestmark = needs_colab

# Every explorer, and a question's field, as Python hands it to a page with Colab's versions. anywidget's own name is a
# default: keep those.
STATES = """import json
from ipywidgets.embed import dependency_state, embed_data
from helpers import explorers
from helpers.data import load_shapes
from helpers.exercises.field import Field
from helpers.exercises.lesson_01 import q5
from helpers.model import SimpleCNN

def state(widget):
    return embed_data([widget], state=dependency_state([widget], drop_defaults=False))

sets = {"TrainingExplorer": load_shapes(200, 60), "ModelExplorer": (SimpleCNN(), load_shapes(1, 8)[1])}
widgets = {name: getattr(explorers, name)(*sets.get(name, ())) for name in explorers.__all__}
widgets["Field"] = Field(q5, q5.predict(...))
print(json.dumps({name: state(widget) for name, widget in widgets.items()}))"""
PAGE = """<!doctype html><meta charset="utf-8">
<script src="require.js"></script>
<script src="embed-amd.js"></script>
<body><script type="application/vnd.jupyter.widget-state+json">STATE</script>
<script type="application/vnd.jupyter.widget-view+json">VIEW</script>"""


@pytest.fixture(scope="module")
def states():
    paths = os.pathsep.join(map(str, (COLAB, ROOT)))
    command = [sys.executable, "-c", STATES]
    made = subprocess.run(command, env=os.environ | {"PYTHONPATH": paths}, check=True, capture_output=True)
    return json.loads(made.stdout)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A folder with the browser code, for pages that lie beside it. Skips without it, but fails under CI."""
    try:
        require, widgets = (npm.package(name) for name in ("requirejs@2.3.8", "@jupyter-widgets/html-manager@0.20.9"))
    except npm.NpmError as missing:
        if os.environ.get("CI") == "true":
            raise
        pytest.skip(str(missing))
    folder = tmp_path_factory.mktemp("pages")
    for path in (require / "require.js", widgets / "dist" / "embed-amd.js"):
        (folder / path.name).symlink_to(path)
    (folder / "anywidget.js").symlink_to(COLAB / "anywidget" / "nbextension" / "index.js")
    return folder


@pytest.fixture
def embedded(open_page, folder, states):
    """`embedded(name)` → a page with that widget. Whatever else the page asks for is a problem."""
    page = open_page()
    own = {(folder / name).as_uri() for name in ("page.html", "require.js", "embed-amd.js", "anywidget.js")}

    def hold_own(request):
        if request.url not in own and not request.url.startswith(("data:", "blob:")):
            page.problems.append(f"asked for {request.url}")

    def show(name):
        ((view,), state) = states[name]["view_specs"], states[name]["manager_state"]
        state, view = (json.dumps(part).replace("<", "\\u003c") for part in (state, view))
        (folder / "page.html").write_text(PAGE.replace("VIEW", view).replace("STATE", state), "utf-8")
        page.goto((folder / "page.html").as_uri())
        return page

    page.on("request", hold_own)
    yield show
    page.remove_listener("request", hold_own)


def moves(page, explorer):
    """Moves each control of the explorer by hand, and gives each time its name and its new value."""
    count = Counter()
    for name, widget in explorer.sliders.items():
        kind = type(widget)
        place, count[kind] = count[kind], count[kind] + 1
        if kind is Dropdown:
            for option in reversed(widget.options):
                page.locator(".widget-dropdown select").nth(place).select_option(option[0])
                yield name, option[1]
        elif kind is Checkbox:
            for _ in range(3):  # it ends where it did not begin: the batch's slider can be moved then
                page.locator(".widget-checkbox input").nth(place).click()
                yield name, not widget.value
        else:
            handle = page.get_by_role("slider", name=widget.description, exact=True)
            for key, value in (("End", widget.max), ("Home", widget.min), ("ArrowRight", widget.min + 1)):
                handle.press(key)
                assert handle.get_attribute("aria-valuenow") == str(value), "what a screen reader says"
                yield name, value


@pytest.mark.parametrize("name", list(EXPLORERS))
def test_controls_moved_by_hand_draw_what_torch_computes(embedded, name):
    tests = EXPLORERS[name]
    page = embedded(name)
    page.locator(".cs-explorer").wait_for()
    explorer = getattr(explorers, name)()
    for control, value in moves(page, explorer):
        setattr(explorer, control, value)
        tests.hold(read(page, [{}], tests.SEEN)[0], explorer)
    assert page.problems == []


def test_the_training_explorer_is_drawn_and_its_code_follows_a_slider(embedded):
    page = embedded("TrainingExplorer")
    page.locator(".cs-explorer").wait_for()
    page.get_by_role("slider", name="kernel", exact=True).press("End")
    assert "kernel_size=7" in page.locator(".cs-code code").text_content()
    assert page.get_by_role("button", name="Train", exact=True).is_enabled()
    assert page.problems == []


def test_the_model_explorer_goes_in_by_a_slider_and_shows_the_sum_that_was_kept(embedded):
    page = embedded("ModelExplorer")
    page.locator(".cs-model").wait_for()
    assert page.locator(".cs-block:visible").count() == 8
    page.get_by_role("slider", name="depth", exact=True).press("End")
    assert page.get_by_role("slider", name="depth", exact=True).get_attribute("aria-valuetext") == "cell"
    page.locator(".cs-cell-sum .cs-window-of-numbers").nth(2).wait_for()
    page.locator(".cs-figure-of-model").press("Escape")
    page.locator(".cs-all-maps").wait_for()
    page.get_by_role("slider", name="step", exact=True).press("End")
    assert page.locator(".cs-crumb.cs-here").text_content() == "fc2"
    assert page.problems == []


def test_the_field_of_a_question_says_that_nobody_answers_there(embedded):
    page = embedded("Field")
    page.get_by_role("textbox", name="q5").fill("14")
    page.keyboard.press("Enter")
    page.get_by_text("If none is, run this cell again.").wait_for()
    assert page.locator(".cs-answer p").inner_text() == f"q5 ○ {OPEN}"
    assert page.problems == []
