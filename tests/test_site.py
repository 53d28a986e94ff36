"""The pages that need no kernel: complete, without a network, alive, true, and usable by keyboard and screen reader."""

import ast
import os
import re
import shutil
import subprocess

import address
import build_site
import lesson_page
import nbformat
import npm
import pytest
from bs4 import BeautifulSoup
from ipywidgets import Checkbox, Dropdown
from lab import ROOT, watched
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook, new_output
from pages import read
from test_lab import EXPLORERS

from helpers import explorers

LESSONS = address.LESSONS
PAGES = ["index", *(path.stem for path in LESSONS)]
LIMIT = 6_000_000  # bytes of a page with what it loads
EXPLORER = ".widget-vbox:has(> div > .cs-explorer)"
each_page = pytest.mark.parametrize("name", PAGES)


def needs_node():
    """Skips without Node.js, but fails under CI: there it must be installed."""
    if shutil.which("node") is None or shutil.which("npm") is None:
        if os.environ.get("CI") == "true":
            pytest.fail("Node.js with npm is missing: install it (on Debian: apt-get install npm).")
        pytest.skip("needs Node.js with npm")


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    """The whole site, built once."""
    needs_node()
    folder = tmp_path_factory.mktemp("site") / "site"
    build_site.build(folder, say=lambda *text, **options: None)
    return folder


@pytest.fixture
def visit(site, chromium):
    """`visit(page name, **options)` → the page opened from the disk, offline, when its pictures are drawn."""
    contexts = []

    def opened(name, **options):
        contexts.append(chromium.new_context(**options))
        contexts[-1].set_offline(True)
        page = watched(contexts[-1].new_page())
        page.asked = []
        page.on("request", lambda request: page.asked.append(request.url))
        page.on("requestfailed", lambda request: page.problems.append(f"not loaded: {request.url}"))
        page.goto((site / f"{name}.html").as_uri())
        page.locator(".cs-explorer").nth(len(shown(name)) - 1).wait_for()
        return page

    yield opened
    for context in contexts:
        context.close()


def html(site, name):
    return BeautifulSoup((site / f"{name}.html").read_text("utf-8"), "html.parser")


def shown(name):
    """The code of each cell of a page that shows an explorer, in order."""
    if name == "index":
        return [build_site.FIRST_PICTURE]
    cells = nbformat.read(ROOT / "notebooks" / f"{name}.ipynb", as_version=4).cells
    texts = [
        (cell.source, output.get("data", {}).get("text/plain", ""))
        for cell in cells
        if cell.cell_type == "code"
        for output in cell.outputs
    ]
    return [source for source, text in texts if re.match(r"\w+Explorer: ", text)]


def explorer_of(source):
    """The explorer that a cell shows, made here by the cell's own code."""
    *before, last = ast.parse(source).body
    names = dict(vars(explorers))
    exec(compile(ast.Module(before, []), "cell", "exec"), names)
    return eval(compile(ast.Expression(last.value), "cell", "eval"), names)


@each_page
def test_a_page_opens_from_the_disk_without_a_network_an_error_or_another_host(visit, name):
    page = visit(name)
    assert page.problems == []
    assert [url for url in page.asked if not url.startswith(("file:", "data:", "blob:"))] == []
    assert page.locator(".cs-explorer").count() == len(shown(name)) >= 1


@each_page
def test_every_slider_list_and_switch_of_every_explorer_draws_what_torch_computes(visit, name):
    page = visit(name, viewport={"width": 1200, "height": 900})
    for place, source in enumerate(shown(name)):
        if "TrainingExplorer" in source:
            continue  # its curves are Python's; the next test moves its sliders
        explorer, box = explorer_of(source), page.locator(EXPLORER).nth(place)
        tests = EXPLORERS[type(explorer).__name__]
        within = f"document.querySelectorAll('{EXPLORER}')[{place}]"

        def hold(explorer=explorer, tests=tests, within=within):
            tests.hold(read(page, [{}], tests.SEEN, within)[0], explorer)

        hold()  # as the lesson says it starts
        for control, widget in explorer.sliders.items():
            if isinstance(widget, Checkbox):
                box.get_by_role("checkbox", name=widget.description).click()
                setattr(explorer, control, not widget.value)
                hold()
            elif isinstance(widget, Dropdown):
                for label, value in widget.options:
                    box.get_by_label(widget.description, exact=True).select_option(label)
                    setattr(explorer, control, value)
                    hold()
            else:
                handle = box.get_by_role("slider", name=widget.description, exact=True)
                for key, value in (("End", widget.max), ("Home", widget.min), ("ArrowRight", widget.min + 1)):
                    handle.press(key)
                    setattr(explorer, control, value)
                    hold()
    assert page.problems == []


def test_the_training_explorers_code_follows_its_sliders_and_the_page_says_that_training_needs_python(visit):
    page = visit("05_training_on_gpu")
    page.get_by_role("slider", name="epochs", exact=True).press("End")
    page.get_by_text("epochs=10,").wait_for()
    assert page.get_by_text("Training is Python's work").count() == 1


@each_page
def test_an_audit_finds_no_serious_problem_of_accessibility_in_either_theme(visit, name):
    page = visit(name, viewport={"width": 1100, "height": 900})
    page.wait_for_function(
        "() => [...document.querySelectorAll('[role=slider]')].every((slider) => slider.ariaLabel)"
    )
    page.evaluate((npm.package("axe-core@4.14.1") / "axe.min.js").read_text("utf-8"))
    for theme in ("light", "dark"):
        assert page.evaluate("() => document.documentElement.dataset.theme") == theme
        assert told(page) == [], theme
        for slider in page.get_by_role("slider", name=re.compile("kernel|image size|channels")).all():
            slider.press("End")  # much of it is impossible
        assert told(page) == [], theme
        for slider in page.get_by_role("slider", name=re.compile("kernel|image size|channels")).all():
            slider.press("Home")
        page.get_by_role("button", name="Dark theme" if theme == "light" else "Light theme").click()


def told(page):
    """What axe finds serious or critical."""
    found = page.evaluate("async () => (await axe.run()).violations")
    return [
        (problem["id"], node["html"][:120], node["failureSummary"])
        for problem in found
        if problem["impact"] in ("serious", "critical")
        for node in problem["nodes"]
    ]


@each_page
def test_every_slider_has_its_name_and_is_reached_by_the_tab_key_and_no_page_is_wider_than_its_window(
    visit, name
):
    page = visit(name)
    wanted = [
        widget.description
        for source in shown(name)
        if "TrainingExplorer" not in source
        for widget in explorer_of(source).sliders.values()
        if not isinstance(widget, (Checkbox, Dropdown))
    ]
    page.wait_for_function(
        "() => [...document.querySelectorAll('[role=slider]')].every((slider) => slider.ariaLabel)"
    )
    named = page.get_by_role("slider").evaluate_all("(handles) => handles.map((handle) => handle.ariaLabel)")
    assert named[: len(wanted)] == wanted
    page.get_by_role("slider").first.focus()
    reached = []
    for _ in wanted[:3]:
        reached.append(page.evaluate("() => document.activeElement.ariaLabel"))
        page.keyboard.press("Tab")
        page.keyboard.press("Tab")  # over the number beside the slider, which can be typed
    assert reached == wanted[:3]
    for width in (360, 700, 1100):
        page.set_viewport_size({"width": width, "height": 800})
        assert page.evaluate("() => document.documentElement.scrollWidth") <= width


@each_page
def test_everything_a_page_loads_lies_beside_it_and_is_small(site, name):
    page = html(site, name)
    loaded = [
        tag.get("src") or tag.get("href") for tag in page.select("script[src], link[rel=stylesheet], img")
    ]
    files = [site / link for link in loaded if not link.startswith("data:")]
    assert len(files) >= 4
    assert (site / f"{name}.html").stat().st_size + sum(file.stat().st_size for file in files) < LIMIT


@each_page
def test_links_within_the_site_lead_to_pages_and_headings(site, name):
    page = html(site, name)
    for link in page.select("a[href]"):
        target, _, heading = link["href"].partition("#")
        if not target.startswith("http"):
            assert (site / (target or f"{name}.html")).is_file(), link
            assert not heading or page.find(id=heading), link


@each_page
def test_a_page_names_its_commit_and_its_neighbours(site, name):
    page = html(site, name)
    head = subprocess.run(
        ["git", "rev-parse", "HEAD"], cwd=ROOT, capture_output=True, text=True
    ).stdout.strip()
    wanted = f"commit {head[:10]}" if head else "files that are in no git repository"
    assert wanted in page.footer.get_text()
    place = PAGES.index(name)
    neighbours = {link["rel"][0]: link["href"] for link in page.select("a[rel]")}
    assert neighbours.get("prev") == (f"{PAGES[place - 1]}.html" if place else None)
    assert neighbours.get("next") == (f"{PAGES[place + 1]}.html" if place + 1 < len(PAGES) else None)
    assert [link["href"] for link in page.select(".contents > details > ul > li > a")] == [
        f"{n}.html" for n in PAGES
    ]


@pytest.mark.parametrize("path", LESSONS, ids=lambda path: path.stem)
def test_a_page_has_all_of_its_lesson(site, path):
    page, cells = html(site, path.stem), nbformat.read(path, as_version=4).cells
    prose = "\n".join(cell.source for cell in cells if cell.cell_type == "markdown")
    code = [cell for cell in cells if cell.cell_type == "code"][1:]  # without the setup cell
    assert [block.get_text().strip() for block in page.select(".cell > .code")] == [
        c.source.strip() for c in code
    ]
    assert len(page.select(".text details")) == prose.count("<details>")
    assert len(page.find_all("math")) == len(re.findall(r"\$\$.+?\$\$|\$[^$]+\$", prose, flags=re.DOTALL))
    assert "$" not in " ".join(block.get_text() for block in page.select(".text"))
    pictures = [o for cell in code for o in cell.outputs if "image/png" in o.get("data", {})]
    assert len(page.select(".output img[src^='data:image/png']")) == len(pictures)
    assert all(len(picture["alt"]) > 20 for picture in page.find_all("img"))
    printed = "".join(o.text for c in code for o in c.outputs if o.output_type == "stream" and not c.metadata)
    text = page.get_text()
    assert [line for line in printed.splitlines() if line not in text] == []


@pytest.mark.parametrize("path", LESSONS[1:], ids=lambda path: path.stem)
def test_each_question_says_in_one_line_that_it_needs_python(site, path):
    cells = nbformat.read(path, as_version=4).cells
    asked = [
        cell for cell in cells if re.search(r"^(q\d+\.(predict|check)|progress)\(", cell.source, re.MULTILINE)
    ]
    told = html(site, path.stem).find_all(string=re.compile("An answer is checked by Python"))
    assert len(told) == len(asked) > 6
    assert "Not answered yet" not in html(site, path.stem).get_text()


def test_what_needs_a_kernel_leads_to_colab_and_binder_when_the_address_is_set(monkeypatch):
    needs_node()
    monkeypatch.setattr(address, "settings", lambda: {"repository": "ada/shapes", "hub": ""})
    lesson = new_notebook(cells=[new_markdown_cell("# 01 · A title"), new_code_cell("q1.predict(...)")])
    links = lesson_page.body(lesson, build_site.elsewhere(LESSONS[1])).select(".no-kernel a")
    assert [link["href"] for link in links] == [
        address.on_colab(LESSONS[1].name),
        address.on_binder(LESSONS[1].name),
    ]


def test_a_pages_text_cannot_end_the_script_that_holds_its_widgets():
    state = {
        "state": {
            "a": {"state": {"text": "</script><b>", "child": "IPY_MODEL_b"}},
            "b": {"state": {}},
            "c": {"state": {}},
        }
    }
    view = new_output("display_data", {lesson_page.VIEW: {"model_id": "a"}})
    lesson = new_notebook(
        cells=[new_code_cell(outputs=[view])], metadata={"widgets": {lesson_page.STATE: state}}
    )
    text = lesson_page.widget_state(lesson)
    assert "</script>" not in text
    assert '"a"' in text
    assert '"b"' in text
    assert '"c"' not in text  # which is not shown, and shown by none


def test_a_formula_that_cannot_be_written_stops_the_build():
    needs_node()
    lesson = new_notebook(cells=[new_markdown_cell(r"$\notacommand$")])
    with pytest.raises(RuntimeError, match="A formula could not be written as MathML"):
        lesson_page.body(lesson, "")


@pytest.fixture
def earlier(tmp_path):
    """A site from before, which a build that fails must leave whole."""
    (tmp_path / "site").mkdir()
    (tmp_path / "site" / "index.html").write_text("from before", "utf-8")
    yield tmp_path / "site"
    assert (tmp_path / "site" / "index.html").read_text("utf-8") == "from before"
    assert [path.name for path in tmp_path.iterdir()] == ["site"]


@pytest.mark.parametrize("missing", ["node", "npm"])
def test_without_node_or_npm_the_build_says_what_is_missing_and_how_to_get_it(monkeypatch, earlier, missing):
    which = shutil.which
    monkeypatch.setattr(
        shutil, "which", lambda name: None if name == missing else which(name) or f"/bin/{name}"
    )
    with pytest.raises(npm.NpmError, match=rf"^{missing} is missing: .* sudo apt install npm"):
        build_site.build(earlier)


def test_a_build_that_fails_half_way_leaves_the_earlier_site_whole(monkeypatch, earlier):
    needs_node()
    left = iter(range(2))
    monkeypatch.setattr(build_site, "run", lambda notebook, folder: next(left) is not None and notebook)
    with pytest.raises(StopIteration):
        build_site.build(earlier, say=lambda *text, **options: None)
