"""A learner's JupyterLab, in a real browser: every lesson opens and runs, the sliders move, the picture follows."""

import re
from pathlib import Path

import jupyterlab as jupyterlab_itself
import pytest
import test_exercises_notebooks
import test_explorer_channels
import test_explorer_convolution
import test_explorer_filter
import test_explorer_flatten
import test_explorer_network
import test_explorer_pooling
import test_folding
import torch
from address import LESSONS
from elsewhere import LONG
from ipywidgets import IntSlider
from jupyterlab_server.settings_utils import get_settings
from lab import (
    ONE_CELL,
    ROOT,
    cells_of,
    end_session,
    jupyterlab,
    jupyterlab_page,
    open_notebook,
    run_all,
    run_cell,
    save_notebook,
    write_sources,
)
from pages import arguments_of, read
from test_exercises_notebooks import hold_right, solved, text_of

from helpers import explorers
from helpers.exercises.field import OPEN
from helpers.exercises.switches import SWITCH
from helpers.explorers import ConvolutionExplorer

EXPLORERS = {
    "ConvolutionExplorer": test_explorer_convolution,
    "ChannelsExplorer": test_explorer_channels,
    "FilterExplorer": test_explorer_filter,
    "PoolingExplorer": test_explorer_pooling,
    "FlattenExplorer": test_explorer_flatten,
    "NetworkExplorer": test_explorer_network,
}
SPARE = 12  # pixels on the first screen, for a machine with other fonts


def test_no_question_about_news_and_no_call_for_updates_covers_a_first_lesson(monkeypatch, tmp_path):
    monkeypatch.setenv("JUPYTER_CONFIG_PATH", str(ROOT / "tools" / "lab"))  # as `make lab` has it
    monkeypatch.setenv("JUPYTER_CONFIG_DIR", str(tmp_path))
    schemas = Path(jupyterlab_itself.__file__).parent / "schemas"
    name = "@jupyterlab/apputils-extension:notification"
    found, _ = get_settings(str(tmp_path), str(schemas), str(tmp_path), name)
    default = {option: about["default"] for option, about in found["schema"]["properties"].items()}
    assert (default["fetchNews"], default["checkForUpdates"]) == ("false", False)


@pytest.fixture(scope="module")
def lab(tmp_path_factory, chromium):
    with jupyterlab(tmp_path_factory.mktemp("lab")) as url, jupyterlab_page(chromium, url) as page:
        yield page


@pytest.fixture
def open_lesson(lab):
    """`open_lesson(name)` → JupyterLab's page with that lesson and a kernel."""
    return lambda name: open_notebook(lab, name)


# The first lesson last: what follows goes on with it and its kernel.
@pytest.mark.parametrize("lesson", [path for path in LESSONS[::-1] if path not in LONG], ids=lambda path: path.stem)
def test_a_lesson_runs_with_every_answer_right_and_shows_its_explorers(open_lesson, lesson):
    page = open_lesson(lesson.name)
    has_questions = lesson in test_exercises_notebooks.LESSONS
    if has_questions:
        write_sources(page, [cell.source for cell in solved(lesson).cells])
    all_cells = run_all(page)
    if has_questions:
        hold_right(lesson, all_cells)
    cells = [cell for cell in all_cells if cell["cell_type"] == "code"]
    assert all(cell["execution_count"] for cell in cells)
    assert errors_in(cells) == []
    page.evaluate("async () => void (await jupyterapp.commands.execute('notebook:expand-all-headings'))")
    for cell in cells:
        if re.search(r"^\w+Explorer\(|^explorer$", cell["source"], re.MULTILINE) and cell["outputs"]:
            place = next(n for n, other in enumerate(all_cells) if other["id"] == cell["id"])
            page.evaluate("(n) => jupyterapp.shell.currentWidget.content.scrollToItem(n)", place)
            page.locator(f".jp-Cell[data-windowed-list-index='{place}'] .cs-explorer").wait_for()
    if "01" <= lesson.name < "05":
        hold_first_screen(page)
    assert page.problems == []


def hold_first_screen(page):
    """The sliders of the first explorer are seen without scrolling on a small laptop, with `SPARE` pixels left."""
    before = page.viewport_size
    page.set_viewport_size({"width": 1280, "height": 720})
    page.evaluate("() => (document.querySelector('.jp-WindowedPanel-outer').scrollTop = 0)")
    first = page.locator(".widget-vbox:has(> div > .cs-explorer)").first.element_handle()
    # The explorer arranges itself for the new width frames later.
    page.wait_for_function(
        """([first, spare]) => {
          const { bottom } = document.querySelector(".jp-WindowedPanel-outer").getBoundingClientRect();
          const sliders = [...first.querySelectorAll(".cs-slider")];
          return sliders.length && sliders.every((slider) => slider.getBoundingClientRect().bottom + spare <= bottom);
        }""",
        arg=[first, SPARE],
    )
    page.set_viewport_size(before)


def errors_in(cells):
    return [output for cell in cells for output in cell["outputs"] if output["output_type"] == "error"]


def drawn_output(page):
    rows = page.locator(".cs-explorer").first.evaluate(
        """(explorer) => {
          const lines = [];
          for (const cell of explorer.querySelectorAll(".cs-output .cs-cell"))
            if (!cell.closest("[hidden]")) (lines[cell.dataset.row] ??= [])[cell.dataset.column] = cell.textContent;
          return lines;
        }"""
    )
    return torch.tensor([[[float(text.replace("−", "-")) for text in row] for row in rows]])


def test_keys_in_the_picture_move_its_window_and_leave_the_notebook_where_it_is(open_lesson):
    page = open_lesson("00_start_here.ipynb")
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


def test_the_rest_of_the_keys_stay_jupyterlabs(open_lesson):
    page = open_lesson("00_start_here.ipynb")
    run_all(page)
    picture = page.locator(".cs-figure").first
    picture.scroll_into_view_if_needed()
    active = "() => jupyterapp.shell.currentWidget.content.activeCellIndex"
    picture.locator("[data-grid=output]").nth(5).click()
    before = page.evaluate(active)
    page.get_by_role("button", name="Play").first.click()
    page.keyboard.press("ArrowDown")  # from the button: moves the window, not the notebook
    page.get_by_label("Preset weights").first.focus()
    page.keyboard.press("ArrowDown")
    assert page.get_by_label("Preset weights").first.input_value() == "horizontal edges"
    assert page.evaluate(active) == before
    picture.focus()
    page.keyboard.press("Shift+Enter")
    page.wait_for_function(f"(before) => ({active})() === before + 1", arg=before)
    assert page.problems == []


def test_a_slider_moved_in_the_cell_that_shows_the_explorer_is_drawn(open_lesson):
    page = open_lesson("00_start_here.ipynb")
    source = "ConvolutionExplorer(size=6, kernel_size=3)"
    page.evaluate(
        """(source) => {
          const cells = jupyterapp.shell.currentWidget.content.model.sharedModel.cells;
          const cell = cells.find((cell) => cell.getSource() === source);
          cell.setSource("f = ConvolutionExplorer(); display(f); f.size = 12; f.weight = [[1] * 3] * 3; f.stride = 2");
        }""",
        source,
    )
    run_all(page)
    page.locator(".cs-explorer").first.scroll_into_view_if_needed()
    page.get_by_text("output 5 × 5", exact=True).wait_for()
    explorer = ConvolutionExplorer(size=12, stride=2)
    explorer.weight = [[1] * 3] * 3
    assert torch.equal(drawn_output(page), explorer.output())
    assert page.problems == []


def test_enter_accepts_a_weight_typed_in_the_picture(open_lesson):
    page = open_lesson("00_start_here.ipynb")
    run_all(page)
    page.locator(".cs-explorer").first.scroll_into_view_if_needed()
    weight = page.get_by_label("weight, row 0, column 0").first
    weight.fill("-5")
    weight.press("Enter")
    explorer = ConvolutionExplorer(size=6)
    explorer.weight = [[-5, 0, -1], [2, 0, -2], [1, 0, -1]]
    assert torch.equal(drawn_output(page), explorer.output())
    assert page.locator(".cs-sum").first.text_content().startswith("output[0, 0] = 1·(−5)")
    assert page.problems == []


def test_the_picture_follows_while_the_kernel_is_busy_and_python_hears_of_it_later(open_lesson):
    page = open_lesson("00_start_here.ipynb")
    run_all(page)
    explorer = page.locator(".cs-explorer").first
    explorer.scroll_into_view_if_needed()
    kernel = "jupyterapp.shell.currentWidget.sessionContext.session.kernel"
    page.evaluate(f"() => void {kernel}.requestExecute({{ code: 'import time; time.sleep(4)' }})")
    page.wait_for_function(f"() => {kernel}.status === 'busy'")
    page.locator(".cs-slider", has_text="kernel").locator(".noUi-handle").press("End")
    page.get_by_text("The kernel (7) is larger than the padded input (6 + 2·0 = 6)").wait_for(timeout=1000)
    assert page.evaluate(f"() => {kernel}.status") == "busy"
    page.wait_for_function(f"() => {kernel}.status === 'idle'")
    heard = page.evaluate(
        """async () => {
          const notebook = jupyterapp.shell.currentWidget;
          const code = "[e for e in Out.values() if isinstance(e, ConvolutionExplorer)][-1].kernel_size";
          const future = notebook.sessionContext.session.kernel.requestExecute({ code });
          let text = null;
          future.onIOPub = (message) => (text = message.content.data?.["text/plain"] ?? text);
          await future.done;
          return text;
        }"""
    )
    assert heard == "7"
    assert page.problems == []


@pytest.mark.parametrize("name", list(EXPLORERS))
def test_sliders_moved_by_keyboard_to_both_ends_draw_what_torch_computes(open_lesson, name):
    tests = EXPLORERS[name]
    page = open_lesson("one_cell.ipynb")
    run_cell(page, f"from helpers.explorers import {name}\n{name}()")
    page.locator(".cs-explorer").wait_for()
    explorer = getattr(explorers, name)()
    moved = [control for control, widget in explorer.sliders.items() if isinstance(widget, IntSlider)]
    assert page.locator(".jp-OutputArea-output .noUi-handle").count() == len(moved)
    for control in moved:
        widget = explorer.sliders[control]
        if control == "k":  # it is away as long as there is no batch whose rows it cuts
            assert not page.get_by_role("slider", name=widget.description, exact=True).count()
            page.get_by_role("checkbox").click()
            explorer.batch = True
        handle = page.get_by_role("slider", name=widget.description, exact=True)
        for key, value in (("End", widget.max), ("Home", widget.min), ("ArrowRight", widget.min + 1)):
            handle.press(key)
            setattr(explorer, control, value)
            tests.hold(read(page, [{}], tests.SEEN)[0], explorer)
    assert page.problems == []


OWN_NETWORK = """import torch
from helpers.data import load_shapes
from helpers.explorers import ModelExplorer
from helpers.model import SimpleCNN
torch.manual_seed(0)
explorer = ModelExplorer(SimpleCNN(), load_shapes(1, 8)[1])
explorer.place = [0, 0, 0]
explorer"""


def test_a_number_of_ones_own_network_is_asked_of_the_kernel_and_the_sliders_follow_what_is_done(open_lesson):
    page = open_lesson("one_cell.ipynb")
    run_cell(page, OWN_NETWORK)
    explorer = explorers.ModelExplorer(*arguments_of("ModelExplorer"), depth="cell")
    page.locator("[data-step='1']").click()
    stage = page.locator(".cs-figure-of-model")
    stage.press("ArrowDown")
    stage.press("Enter")
    for place in ([0, 0, 0], [0, 1, 0], [0, 1, 1]):
        if any(place):
            stage.press("ArrowDown" if place == [0, 1, 0] else "ArrowRight")
        explorer.place, explorer.image = place, 2
        told = f"output[{', '.join(map(str, place))}] = "
        page.get_by_text(told).wait_for()
        value = page.locator(".cs-equation b").text_content().replace("−", "-")
        assert value == f"{explorer.cell()['value']:.4f}"
    depth = page.get_by_role("slider", name="depth", exact=True)
    assert depth.get_attribute("aria-valuetext") == "cell"
    run_cell(page, "print(explorer.image, explorer.depth, explorer.step, explorer.place)")
    page.get_by_text("2 cell 1 [0, 1, 1]").wait_for()
    assert page.problems == []


def test_a_list_and_a_switch_moved_by_hand_are_drawn_in_each_view_of_the_explorer(open_lesson):
    page = open_lesson("one_cell.ipynb")
    run_cell(page, "from helpers.explorers import PoolingExplorer\nboth = PoolingExplorer()\ndisplay(both, both)")
    page.locator(".cs-explorer").nth(1).wait_for()
    page.get_by_label("mode", exact=True).first.select_option("avg")
    page.get_by_role("checkbox", name="ceil_mode").first.check()
    for view in page.locator(".cs-explorer").all():
        view.get_by_text("nn.AvgPool2d(kernel_size=2, stride=2, padding=0, ceil_mode=True)").wait_for()
    assert page.problems == []


def test_a_run_started_from_the_page_grows_stops_within_a_second_and_a_second_lies_over_it(open_lesson):
    page = open_lesson("one_cell.ipynb")
    run_cell(
        page,
        "from helpers.data import load_shapes\n"
        "from helpers.explorers import TrainingExplorer\n"
        "TrainingExplorer(*load_shapes(2000, 200), batch_size=64, epochs=10, conv_channels=4)",
    )
    curve = "[data-chart=loss] path[data-run]"
    grown = "([curve, points]) => document.querySelector(curve)?.getAttribute('d').match(/[ML]/g)?.length > points"
    train, stop = (page.get_by_role("button", name=name, exact=True) for name in ("Train", "Stop"))
    train.click()
    for points in (1, 5):
        page.wait_for_function(grown, arg=[curve, points])
    assert train.is_disabled()
    milliseconds = stop.evaluate(
        """(button) => new Promise((resolve) => {
          const began = performance.now();
          new MutationObserver((_, observer) => {
            if (!document.querySelector(".cs-run-stopped")) return;
            observer.disconnect();
            resolve(performance.now() - began);
          }).observe(document.querySelector(".cs-legend"), { childList: true, subtree: true });
          button.click();
        })"""
    )
    assert milliseconds < 1000
    kept = page.locator(curve).get_attribute("d")
    assert len(re.findall("[ML]", kept)) > 5
    page.locator(".cs-slider", has_text="learning rate").locator(".noUi-handle").press("ArrowRight")
    page.locator(".cs-slider", has_text="epochs").locator(".noUi-handle").press("Home")
    page.wait_for_function("() => document.querySelector('.cs-code code').textContent.includes('lr=0.003)')")
    # A slider's message waits for the one before it: after two questions the kernel has heard of both.
    page.evaluate(
        """async () => {
          const { kernel } = jupyterapp.shell.currentWidget.sessionContext.session;
          for (let asked = 0; asked < 2; asked++) await kernel.requestExecute({ code: "", silent: true }).done;
        }"""
    )
    train.click()
    newest = page.locator(".cs-run", has_text="lr 0.003")  # the stopped run may have been tested, too
    newest.filter(has_text="accuracy").wait_for()
    settings = page.locator(".cs-settings").all_text_contents()
    assert settings == [
        "lr 0.003 · batch 64 · 1 epoch · 4 channels · kernel 3",
        "lr 0.001 · batch 64 · 10 epochs · 4 channels · kernel 3",
    ]
    assert page.locator(curve).count() == 2
    assert page.locator(".cs-run-stopped").count() == 1
    train.click(trial=True)  # it can be pressed again
    assert page.problems == []


ANSWERED = """import time
from IPython.display import display
from helpers.exercises import progress
from helpers.exercises.lesson_01 import q5, q7

def conv2d(image, weight, stride=1):
    while True:
        time.sleep(0.001)  # as endless as one that keeps a core busy

for said in (q5.predict(...), q5.predict(12), q5.hint(), q5.predict(14), q7.check(conv2d)):
    display(said)
progress()"""
CARDS = """() => Array.from(document.querySelectorAll(".cs-answer"), (card) => [
  card.innerText.split("\\n")[0], getComputedStyle(card).borderLeftColor, card.scrollWidth <= card.clientWidth])"""


def test_answers_are_shown_as_cards_each_state_with_its_sign_and_its_colour(open_lesson):
    page = open_lesson("one_cell.ipynb")
    run_cell(page, ANSWERED)
    page.locator(".cs-answer table").wait_for()
    cards = page.evaluate(CARDS)
    assert [text for text, _, _ in cards] == [
        f"q5 ○ {OPEN}",
        "q5 ✗ 12? Not yet.",
        "q5 · Hint 1 of 3",
        "q5 ✓ 14 is right.",
        "q7 ✗ Not yet.",
        "progress · 1 of 9 right, 0 of them at first and without a hint.",
    ]
    assert len({colour for _, colour, _ in cards[:4]}) == 4
    assert all(fits for _, _, fits in cards)
    assert page.get_by_text("It was stopped after 5 seconds").count() == 1, "in a real kernel, too"
    assert page.problems == []


def test_what_is_folded_opens_when_it_is_run_or_asked_for(lab, open_lesson):
    save_notebook(lab, "folded.ipynb", test_folding.formed(test_folding.lesson()))
    page = open_lesson("folded.ipynb")
    setup, answer, _, in_extra = page.locator(".jp-CodeCell").all()
    assert setup.locator(".jp-InputPlaceholder").inner_text().startswith("# @title Run this cell first: it finds")
    assert page.locator(".jp-WindowedPanel-outer").evaluate("(panel) => panel.scrollWidth <= panel.clientWidth")
    assert answer.locator(".jp-OutputPlaceholder").inner_text().strip() == ""
    assert not page.get_by_text("42", exact=True).count()
    assert not in_extra.is_visible()
    assert page.get_by_text("cells hidden").inner_text() == "2 cells hidden"
    cells = run_all(page)
    page.get_by_text("42", exact=True).wait_for()
    assert not page.locator(".jp-OutputPlaceholder").count()
    assert "collapsed" not in cells[3]["metadata"]
    assert text_of(cells[7]) == "in the extra\n"
    assert setup.locator(".jp-InputPlaceholder").is_visible()
    page.get_by_text("cells hidden").click()
    page.get_by_text("in the extra", exact=True).wait_for()
    assert page.problems == []


FIRST_EVENING = f"""import os
from IPython.display import display
from helpers.exercises.lesson_01 import q5
from helpers.explorers import ConvolutionExplorer

del os.environ["{SWITCH}"]  # answers are kept, as they are for a learner
display(ConvolutionExplorer(size=6), q5.predict(...))"""
# JupyterLab calls each notebook changed once its kernel has named its language, if the notebook names the same, too.
ON_DISK = "async () => (await jupyterapp.serviceManager.contents.get('notebooks/evening.ipynb')).content"
SECOND_EVENING = f"""import os
from helpers.exercises import progress
from helpers.exercises.lesson_01 import q5

del os.environ["{SWITCH}"]
display(q5.predict(...), progress())"""


def test_what_was_done_is_there_again_in_a_second_session(lab, open_lesson):
    save_notebook(lab, "evening.ipynb", ONE_CELL)
    page = open_lesson("evening.ipynb")
    run_cell(page, FIRST_EVENING)
    active = page.evaluate("() => jupyterapp.shell.currentWidget.content.activeCellIndex")
    field = page.get_by_role("textbox", name="q5")
    field.fill("9")
    field.press("Enter")
    page.get_by_text("Your answers are kept in answers.jsonl").wait_for()
    assert page.locator(".cs-answer p").first.inner_text() == "q5 ✗ 9? Not yet."
    for key in ("Tab", "Tab", "Enter"):
        page.keyboard.press(key)
    page.get_by_text("Hint 1 of 3").wait_for()
    assert page.evaluate("() => jupyterapp.shell.currentWidget.content.activeCellIndex") == active
    end_session(page)
    page = open_lesson("evening.ipynb")
    assert page.evaluate("() => jupyterapp.shell.currentWidget.model.toJSON()") == page.evaluate(ON_DISK)
    page.get_by_role("slider", name="kernel", exact=True).press("ArrowRight")
    explorer = ConvolutionExplorer(size=6, kernel_size=4)
    assert torch.equal(drawn_output(page), explorer.output())
    field.press("Enter")
    page.get_by_text("If none is, run this cell again.").wait_for()
    assert page.problems == []
    run_cell(page, SECOND_EVENING)
    page.get_by_text("not right yet, 1 answer").wait_for()
    assert page.locator(".cs-answer p").first.inner_text() == "q5 ✗ 9? Not yet."
    assert page.problems == []


# nbval and Colab's versions run it; its explorer trains in a test of its own.
@pytest.mark.parametrize("lesson", LONG, ids=lambda path: path.stem)
def test_a_lesson_that_trains_opens_with_what_it_gave(open_lesson, lesson):
    page = open_lesson(lesson.name)
    cells = [cell for cell in cells_of(page) if cell["cell_type"] == "code"]
    assert all(cell["execution_count"] for cell in cells)
    assert errors_in(cells) == []
    assert page.problems == []


def test_a_line_of_code_that_is_wider_than_the_page_is_wrapped(open_lesson):
    page = open_lesson(LESSONS[-1].name)
    before = page.viewport_size
    page.set_viewport_size({"width": 800, "height": 900})
    page.wait_for_function(
        """() => {
          const all = [...document.querySelectorAll(".jp-CodeCell .cm-scroller")];
          return all.length && all.every((code) => code.scrollWidth <= code.clientWidth);
        }"""
    )
    page.set_viewport_size(before)
