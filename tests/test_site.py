"""The pages that need no kernel: complete, without a network, alive, true, and usable by keyboard and screen reader."""

import ast
import copy
import functools
import html as html_text
import json
import os
import re
import shutil
from contextlib import ExitStack, contextmanager
from pathlib import Path

import address
import build_site
import folding
import front_page
import lesson_page
import nbformat
import npm
import page_widgets
import pytest
import recorded_runs
import shown_widgets
import test_folding
from bs4 import BeautifulSoup
from ipywidgets import Checkbox, Dropdown
from lab import ROOT, watched
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook, new_output
from pages import read
from test_address import git
from test_lab import EXPLORERS

from helpers import explorers, language

LESSONS = address.LESSONS
PAGES = ["index", *(path.stem for path in LESSONS)]
LIMIT = 3_000_000  # bytes of a page with all that pages load
SCRIPTS = 400_000  # bytes of the scripts that one page loads: each is read before the first picture
EXPLORER = ".widget-vbox:has(> div > .cs-explorer)"
each_page = pytest.mark.parametrize("name", PAGES, scope="module")  # page by page: its tests share what is opened


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
    try:
        build_site.build(folder, say=lambda *text, **options: None)
    except npm.NpmError as missing:
        if os.environ.get("CI") == "true":
            raise
        pytest.skip(str(missing))
    return folder


@contextmanager
def opened(chromium, site, name, **options):
    """The page opened from the disk, offline, when its pictures are drawn."""
    context = chromium.new_context(**options)
    context.set_offline(True)
    page = watched(context.new_page())
    page.asked = []
    page.on("request", lambda request: page.asked.append(request.url))
    page.on("requestfailed", lambda request: page.problems.append(f"not loaded: {request.url}"))
    page.goto((site / f"{name}.html").as_uri())
    page.wait_for_load_state("networkidle")
    page.evaluate(
        "() => document.querySelectorAll('details.extra, details:has(.widget)').forEach((box) => (box.open = true))"
    )
    if shown(name):  # lesson 06 has no explorer
        page.locator(".cs-explorer").nth(len(shown(name)) - 1).wait_for()
    yield page
    context.close()


@pytest.fixture
def visit(site, chromium):
    """`visit(page name, **options)` → a page of the test's own."""
    with ExitStack() as pages:
        yield lambda name, **options: pages.enter_context(opened(chromium, site, name, **options))


@pytest.fixture(scope="module")
def page(site, chromium, name):
    """A page for the tests that follow one another on it: opened once, in a window 1100 pixels wide."""
    with opened(chromium, site, name, viewport={"width": 1100, "height": 900}) as page:
        yield page


@functools.cache
def html(site, name):
    """The page, to be read and not to be changed."""
    return BeautifulSoup((site / f"{name}.html").read_text("utf-8"), "html.parser")


def lesson(name):
    return nbformat.read(ROOT / "notebooks" / f"{name}.ipynb", as_version=4)


def code_of(notebook):
    return "\n".join(cell.source for cell in notebook.cells if cell.cell_type == "code")


def shown(name):
    """The code of each cell of a page that shows an explorer, in order."""
    if name == "index":
        return [front_page.FIRST_PICTURE]
    cells = lesson(name).cells
    return [cell.source for cell in cells if cell.cell_type == "code" for output in cell.outputs if is_explorer(output)]


def explorer_of(source):
    """The explorer that a cell shows, made here by the cell's own code."""
    *before, last = ast.parse(source).body
    names = dict(vars(explorers))
    exec(compile(ast.Module(before, []), "cell", "exec"), names)
    return eval(compile(ast.Expression(last.value), "cell", "eval"), names)


@each_page
def test_a_page_opens_from_the_disk_without_a_network_an_error_or_another_host(page, name):
    assert page.problems == []
    assert [url for url in page.asked if not url.startswith(("file:", "data:", "blob:"))] == []
    assert page.locator(".cs-explorer").count() == len(shown(name))
    assert page.locator(".widget").count() == page.locator(".widget:has(.jupyter-widgets)").count() >= len(shown(name))
    assert bool(shown(name)) == (name == "index" or "helpers.explorers" in code_of(lesson(name)))


def is_offered(explorer, control):
    """A slider that would change nothing is away: the length of a batch's rows where there is no batch."""
    return control != "k" or explorer.batch


@each_page
def test_every_slider_list_and_switch_of_every_explorer_draws_what_torch_computes(page, name):
    for place, source in enumerate(shown(name)):
        if "TrainingExplorer" in source:  # its curves are Python's, recorded
            hold_that_train_replays_the_run_of_the_sliders(page, page.locator(EXPLORER).nth(place))
            assert page.get_by_text(re.compile("^On this page, Train replays a recorded run")).nth(place).is_visible()
            continue
        if "ModelExplorer" in source:  # its model is the lesson's
            hold_that_the_sliders_lead_through_the_model(page.locator(EXPLORER).nth(place))
            continue
        explorer, box = explorer_of(source), page.locator(EXPLORER).nth(place)
        tests = EXPLORERS[type(explorer).__name__]
        within = f"document.querySelectorAll('{EXPLORER}')[{place}]"

        def hold(explorer=explorer, tests=tests, within=within):
            tests.hold(read(page, [{}], tests.SEEN, within)[0], explorer)

        def click(control, explorer=explorer, box=box):
            widget = explorer.sliders[control]
            box.get_by_role("checkbox", name=widget.description).click()
            page.mouse.move(1, 1)  # else the pointer lies on what is scrolled below it
            setattr(explorer, control, not widget.value)

        page.mouse.move(1, 1)
        hold()  # as the lesson says it starts
        for control, widget in explorer.sliders.items():
            if isinstance(widget, Checkbox):
                click(control)
                hold()
            elif isinstance(widget, Dropdown):
                for label, value in widget.options:
                    box.get_by_label(widget.description, exact=True).select_option(label)
                    setattr(explorer, control, value)
                    hold()
            else:
                if not is_offered(explorer, control):
                    click("batch")
                handle = box.get_by_role("slider", name=widget.description, exact=True).element_handle()
                for key, value in (("End", widget.max), ("Home", widget.min), ("ArrowRight", widget.min + 1)):
                    handle.press(key)
                    setattr(explorer, control, value)
                    hold()
    assert page.problems == []


def hold_that_train_replays_the_run_of_the_sliders(page, box):
    page.emulate_media(reduced_motion="reduce")  # its end at once
    code = box.locator(".cs-explorer .cs-code code")
    train = box.get_by_role("button", name=recorded_runs.LABEL, exact=True)
    for runs, key in enumerate(("End", "Home"), 1):
        for name, options in recorded_runs.GRID.items():
            if len(options) > 1:
                handle = box.get_by_role("slider", name=explorers.TrainingExplorer.controls[name].label, exact=True)
                handle.press(key)
                value = options[{"End": -1, "Home": 0}[key]]
                assert f"{name}={value}" in code.text_content()
                assert handle.get_attribute("aria-valuetext") == f"{value}"
        train.click()
        box.locator(".cs-run").nth(runs - 1).wait_for()
    said = box.locator(".cs-run").all_inner_texts()  # the newest first
    assert "lr 0.0001 · batch 16 · 5 epochs · 1 channel · kernel 1" in said[0]
    assert "lr 1 · batch 512 · 5 epochs · 32 channels · kernel 7" in said[1]
    assert "The loss rose to" in said[1]
    box.get_by_role("button", name="Clear").click()
    assert box.locator(".cs-run").count() == 0
    page.emulate_media(reduced_motion="no-preference")


def hold_that_the_sliders_lead_through_the_model(box):
    def drawn(slider, key):
        box.get_by_role("slider", name=slider, exact=True).press(key)
        return box.locator("canvas").evaluate_all("(all) => all.map((canvas) => canvas.toDataURL())"), box.inner_text()

    for slider in ("image", "step", "depth"):
        assert drawn(slider, "Home") != drawn(slider, "End")


NAME = "(slider) => slider.labels?.[0]?.textContent ?? slider.ariaLabel"


def labels_of(source):
    """What the sliders of a cell's explorer are called."""
    if "ModelExplorer" in source:
        return ["image", "depth", "step", *(["epoch"] if ".keep" in source else [])]
    controls = explorer_of(source).sliders.items()
    is_slider = {name: not isinstance(widget, (Checkbox, Dropdown)) for name, widget in controls}
    return [widget.description for name, widget in controls if is_slider[name] and name != "k"]  # which comes and goes


@each_page
def test_every_slider_has_its_name_and_is_reached_by_the_tab_key_and_no_page_is_wider_than_its_window(page, name):
    wanted = [label for source in shown(name) if "TrainingExplorer" not in source for label in labels_of(source)]
    named = page.get_by_role("slider").evaluate_all(f"(handles) => handles.map({NAME})")
    of_pictures = {"k (batch)", "unzip"}
    assert [label for label in named if label not in of_pictures][: len(wanted)] == wanted
    if wanted:
        page.get_by_role("slider").first.focus()
    reached = []
    for _ in wanted[:3]:
        reached.append(page.evaluate(f"() => ({NAME})(document.activeElement)"))
        page.keyboard.press("Tab")
        if page.evaluate("() => document.activeElement.matches('.widget-readout')"):  # a number, which can be typed
            page.keyboard.press("Tab")
    assert reached == wanted[:3]
    for width in (360, 700, 1100):
        page.set_viewport_size({"width": width, "height": 800})
        assert page.evaluate("() => document.documentElement.scrollWidth") <= width


@each_page
def test_each_prediction_has_a_field_that_answers(page, name):
    predicted = re.findall(r"^(q\d+)\.predict\(", code_of(lesson(name)), re.MULTILINE) if name != "index" else []
    fields = page.locator(".question").get_by_role("textbox")
    named = fields.evaluate_all("(fields) => fields.map((field) => field.labels[0].textContent.trim())")
    assert named == [f"{label}:" for label in predicted]
    if predicted:
        fields.last.fill("sixteen")
        fields.last.press("Enter")
        assert "but got 'sixteen'" in page.locator(".said").last.inner_text()


# Most elements of a page are words of code, whose colours are their classes': one of each is enough, and one that axe
# does not take for an icon, as it does a single character.
THIN_OUT = """() => {
  const seen = new Set();
  for (const word of document.querySelectorAll(".code span[class]"))
    if (word.textContent.length > 1 && !seen.has(word.className)) seen.add(word.className);
    else word.replaceWith(word.textContent);
}"""
# Of the rest of a page no slider changes anything.
REMOVE_THE_REST = """() => document.querySelectorAll("section:not(:has(.jupyter-widgets)), section > .code").forEach(
  (part) => part.remove())"""
# What axe finds serious or critical.
AUDIT = """async ([where, rules]) => {
  for (const _ of "12") await new Promise(requestAnimationFrame); // what has a new width is drawn anew
  const { violations } = await axe.run(where, { ...rules, resultTypes: ["violations"] });
  return violations.filter(({ impact }) => ["serious", "critical"].includes(impact)).flatMap(({ id, nodes }) =>
    nodes.map(({ html, failureSummary }) => [id, html.slice(0, 120), failureSummary]));
}"""


@each_page
def test_an_audit_finds_no_serious_problem_of_accessibility_in_either_theme(page):
    page.evaluate((npm.package("axe-core@4.14.1") / "axe.min.js").read_text("utf-8"))
    page.evaluate("() => document.querySelectorAll('details').forEach((folded) => (folded.open = true))")
    page.evaluate(THIN_OUT)
    colours = {"runOnly": ["color-contrast", "link-in-text-block"]}
    all_others = {"rules": {"color-contrast": {"enabled": False}}}

    def in_theme(theme):
        if page.evaluate("() => document.documentElement.dataset.theme") != theme:
            page.get_by_role("button", name=f"{theme.title()} theme").click()
        assert page.evaluate("() => document.documentElement.dataset.theme") == theme

    for theme, rules in (("light", {}), ("dark", colours)):  # a theme changes colours alone
        in_theme(theme)
        assert page.evaluate(AUDIT, ["html", rules]) == [], theme
    page.set_viewport_size({"width": 390, "height": 844})  # a phone: much is wider than it
    assert page.evaluate(AUDIT, ["html", all_others]) == []  # and a width does not change colours
    page.set_viewport_size({"width": 1100, "height": 900})
    if not page.locator(".jupyter-widgets").count():
        return
    page.evaluate(REMOVE_THE_REST)
    sliders = page.get_by_role("slider", name=re.compile("kernel|image size|channels")).element_handles()
    for key, themes, rules in (("End", ("dark", "light"), {}), ("Home", ("light", "dark"), colours)):
        for slider in sliders:
            slider.press(key)
        for theme, audited in zip(themes, (colours, rules), strict=True):
            in_theme(theme)
            assert page.evaluate(AUDIT, [".jupyter-widgets", audited]) == [], (theme, key)


@each_page
def test_everything_a_page_loads_lies_beside_it_and_is_small(site, name):
    page = html(site, name)
    loaded = [tag.get("src") or tag.get("href") for tag in page.select("script[src], link[rel=stylesheet], img")]
    files = {site / link for link in loaded if not link.startswith("data:")}
    assert len(files) >= 3
    there = set((site / "assets").iterdir())
    assert files < there
    assert sum(file.stat().st_size for file in files if file.suffix == ".js") < SCRIPTS
    at_once = there - {site / "assets" / recorded_runs.ASSET}  # that is loaded when Train is pressed
    assert (site / f"{name}.html").stat().st_size + sum(file.stat().st_size for file in at_once) < LIMIT
    assert name == "05_training_on_gpu" or recorded_runs.ASSET not in str(page)


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
    if (ROOT / ".git").exists():
        head, changed = git(ROOT, "rev-parse", "HEAD"), git(ROOT, "status", "--porcelain")
        assert f"commit {head[:10]}" in page.footer.get_text()
        assert ("not committed" in page.footer.get_text()) == bool(changed)
    headings = [heading["id"] for heading in page.find_all("h2")]
    assert len(set(headings)) == len(headings)
    if name != "index":
        assert [link["href"] for link in page.select(".contents ul ul a")] == [f"#{each}" for each in headings]
    place = PAGES.index(name)
    neighbours = {link["rel"][0]: link["href"] for link in page.select("a[rel]")}
    assert neighbours.get("prev") == (f"{PAGES[place - 1]}.html" if place else None)
    assert neighbours.get("next") == (f"{PAGES[place + 1]}.html" if place + 1 < len(PAGES) else None)
    assert [link["href"] for link in page.select(".contents > details > ul > li > a")] == [f"{n}.html" for n in PAGES]


def test_each_page_says_of_itself_what_one_will_be_able_to_do(site):
    said = [html(site, name).find("meta", attrs={"name": "description"})["content"] for name in PAGES]
    assert len(set(said)) == len(PAGES)
    assert all("You will be able to " in text and "|" not in text for text in said[1:])
    told = [html(site, name).find("meta", property="og:description")["content"] for name in PAGES]
    assert told == said


def test_the_section_one_reads_is_marked_in_the_contents_and_a_phones_header_is_one_line(visit):
    page = visit(PAGES[2], viewport={"width": 1100, "height": 900})
    marked = page.locator(".contents [aria-current=location]")
    assert marked.count() == 0
    third = page.locator("main h2").nth(2)
    third.evaluate("(heading) => heading.scrollIntoView()")
    page.wait_for_function("() => document.querySelector('.contents [aria-current=location]')")
    assert marked.all_inner_texts() == [third.inner_text()]
    page.set_viewport_size({"width": 360, "height": 700})
    course, theme = (page.locator(f"header {part}").bounding_box() for part in (".course", ".theme"))
    assert course["height"] < 30
    assert course["x"] + course["width"] <= theme["x"]


def words(html_or_text):
    """What a reader reads of it, without what differs in space alone."""
    return " ".join(BeautifulSoup(html_or_text, "html.parser").get_text(" ").split())


def committed(output):
    """An output as a reader would read it, or None where it is a picture or an explorer."""
    if output.output_type == "stream":
        return words(html_text.escape(output.text))
    data = output.get("data", {})
    if "text/html" in data:
        return words(re.sub(r"<style>.*?</style>", "", data["text/html"], flags=re.DOTALL))
    text = data.get("text/plain", "")
    is_drawn = "image/png" in data or text.startswith("VBox")
    return None if is_drawn else words(html_text.escape(text))


def is_explorer(output):
    return re.match(r"\w+Explorer: ", output.get("data", {}).get("text/plain", ""))


@pytest.mark.parametrize("path", LESSONS, ids=lambda path: path.stem)
def test_a_page_has_all_of_its_lesson(site, path):
    page, cells = copy.copy(html(site, path.stem)), nbformat.read(path, as_version=4).cells
    for style in page.select("main style"):
        style.decompose()
    prose = "\n".join(cell.source for cell in cells if cell.cell_type == "markdown")
    code = [cell for cell in cells if cell.cell_type == "code"]
    assert len(page.select(".text details")) == prose.count("<details>")
    assert len(page.select("details.extra")) == sum(folding.EXTRA in folding.tags(cell) for cell in cells)
    assert len(page.find_all("math")) == len(re.findall(r"\$\$.+?\$\$|\$[^$]+\$", prose, flags=re.DOTALL))
    assert "$" not in " ".join(block.get_text() for block in page.select(".text"))
    assert address.OPEN.strip("[]") not in page.main.get_text()
    outputs = [output for cell in code for output in folding.uncovered(cell)]
    pictures = [o for o in outputs if "image/png" in o.get("data", {}) and not is_explorer(o)]
    assert len(page.select(".output img[src^='data:image/png']")) == len(pictures)
    assert all(len(picture["alt"]) > 20 for picture in page.find_all("img"))
    for cell, section in zip(code, page.select("section.cell"), strict=True):
        assert section.select_one(".code").get_text().strip() == cell.source.strip()
        if re.search(NEEDS_PYTHON, cell.source, re.MULTILINE) or set(folding.tags(cell)) - {folding.ANSWER}:
            continue
        shown_here = words(str(section.select_one(".output") or ""))
        for text in filter(None, map(committed, folding.uncovered(cell))):
            assert text in shown_here


@pytest.mark.parametrize("path", LESSONS, ids=lambda path: path.stem)
def test_a_page_says_where_its_own_answers_are_kept_and_how_they_are_handed_in(site, path):
    said = " ".join(" ".join(text.get_text() for text in html(site, path.stem).select(".text")).split())
    typed = r"(?i:run (?:its|the) cell,? (?:and type|or))|Or put it where|of your own \(|Shift \+ Enter"
    kept = r"answers\.jsonl|export\(|beside (?:this|the) notebook|everyone in a class"
    assert re.findall(f"{typed}|{kept}", said) == []
    assert ("in this browser" if path == LESSONS[0] else "Save as progress.txt writes") in said


def test_what_a_page_says_instead_stands_in_a_lesson():
    prose = " ".join(" ".join(cell.source for path in LESSONS for cell in lesson(path.stem).cells).split())
    assert [said for said in lesson_page.SAID_HERE if said not in prose] == []


NEEDS_PYTHON = r"^(q\d+\.(predict|check)|progress)\(|\.observe\("


@pytest.mark.parametrize("path", LESSONS[1:], ids=lambda path: path.stem)
def test_each_question_says_in_one_line_that_it_needs_python_and_keeps_what_its_cell_shows(site, path):
    asked = [cell for cell in nbformat.read(path, as_version=4).cells if re.search(NEEDS_PYTHON, cell.source, re.M)]
    page = html(site, path.stem)
    assert (
        len(page.find_all(string=re.compile("To check an answer, |To look back on your answers, "))) == len(asked) > 6
    )
    assert "Not answered yet" not in page.get_text()
    mend = [cell for cell in asked if "Not fixed yet" in str(cell.outputs)]
    assert page.get_text().count("Not fixed yet") == len(mend)


def test_the_theme_is_the_systems_until_one_is_chosen(visit):
    page = visit("index", color_scheme="dark")

    def becomes(theme):
        page.wait_for_function("(theme) => document.documentElement.dataset.theme === theme", arg=theme)

    becomes("dark")
    page.emulate_media(color_scheme="light")
    becomes("light")
    page.get_by_role("button", name="Dark theme").click()
    page.reload()
    becomes("dark")
    page.emulate_media(color_scheme="dark")
    page.get_by_role("button", name="Light theme").click()
    becomes("light")


def test_a_phone_and_paper_begin_with_the_lesson(visit):
    page = visit("04_simplecnn_forward", viewport={"width": 390, "height": 800})
    assert page.locator(".contents details").get_attribute("open") is None
    page.locator(".contents summary").click()
    assert page.get_by_role("link", name="4 · Move it").is_visible()
    page.emulate_media(media="print")
    assert not page.locator(".contents").is_visible()
    assert not page.locator(".theme").is_visible()


# What of the explorers is wider than its place, and the height of their smallest letters, in points.
ON_PAPER = """() => {
  const hasText = (el) => [...el.childNodes].some((node) => node.nodeType === 3 && node.data.trim());
  const seen = [...document.querySelectorAll(".widget *")].filter((el) => el.checkVisibility() && hasText(el));
  return {
    cut: [...document.querySelectorAll(".cs-explorer")].filter((el) => el.scrollWidth > el.clientWidth).length,
    least: Math.min(...seen.map((el) => parseFloat(getComputedStyle(el).fontSize))) * 0.75,
    width: document.querySelector(".cs-explorer").clientWidth,
  };
}"""


@pytest.mark.parametrize("name", ["01_convolution_arithmetic", "05_training_on_gpu"])
def test_the_longest_lessons_are_twelve_printed_pages_with_letters_that_can_be_read(visit, name):
    page = visit(name)
    on_screen = page.evaluate(ON_PAPER)["width"]
    page.evaluate("() => document.querySelectorAll('details[open]').forEach((folded) => (folded.open = false))")
    # At once, as a browser does that prints: no frame passes in which a picture could notice its new width.
    printed = page.evaluate(f"() => (window.dispatchEvent(new Event('beforeprint')), ({ON_PAPER})())")
    assert printed["cut"] == 0
    assert printed["least"] >= 8
    assert printed["width"] <= 711, "A4 without its margins"
    assert len(re.findall(rb"/Type /Page\b", page.pdf(prefer_css_page_size=True))) <= 12
    page.emulate_media(media="print")
    buttons = page.locator(".output button:not(.cs-crumb)")
    assert buttons.count()
    assert buttons.locator("visible=true").count() == 0
    page.emulate_media(media="screen")
    page.wait_for_function(f"() => document.querySelector('.cs-explorer').clientWidth === {on_screen}")


# Counts, when the page has been read, the pictures that are there, also after it was told that it will be printed.
COUNT = """addEventListener("DOMContentLoaded", () => {
  const count = () => document.querySelectorAll(".widget:has(.jupyter-widgets)").length;
  window.counted = [count(), (window.dispatchEvent(new Event("beforeprint")), count())];
})"""


def test_the_first_picture_does_not_wait_for_the_others_and_none_is_missing_in_print(site, chromium):
    page = watched(chromium.new_page())
    page.add_init_script(COUNT)
    page.goto((site / "01_convolution_arithmetic.html").as_uri())
    assert page.evaluate("() => window.counted") == [1, len(shown("01_convolution_arithmetic"))]
    assert page.problems == []
    page.close()


def test_a_sliders_number_can_be_typed(visit):
    page = visit("index")
    slider = page.get_by_role("slider", name="kernel", exact=True)
    typed = page.get_by_role("textbox", name="kernel, as a number")
    for text, value in (("5", "5"), ("99", "7"), ("-3", "1"), ("4.4", "4"), ("five", "4"), ("", "4")):
        typed.fill(text)
        typed.press("Enter")
        assert (slider.input_value(), typed.input_value()) == (value, value), text
    assert page.get_by_text("kernel 4 × 4").is_visible()


# Gives each slider of the network its German name, and tells which names do not fit.
CUT_IN_GERMAN = """(german) => [...document.querySelectorAll(".cs-layers label.widget-label")].filter((label) => {
  label.textContent = german[label.textContent] ?? label.textContent;
  return label.scrollWidth > label.clientWidth;
}).map((label) => label.textContent)"""


def test_the_networks_sliders_have_room_for_their_names_also_in_german(visit):
    page = visit("04_simplecnn_forward")
    german = language.catalogue("de")["helpers/explorers/network.py"]
    for width in (390, 1000, 1100):
        page.set_viewport_size({"width": width, "height": 900})
        assert page.evaluate(CUT_IN_GERMAN, german) == [], width
    assert page.get_by_text("Klassen", exact=True).count()


# How far a slider's number reaches below the top of the mark, each with its own letters' height.
NUMBER_AND_MARK = """(slider) => {
  const [number, mark] = [slider.querySelector("input.widget-readout"), getComputedStyle(slider, "::after")];
  const [box, own] = [number.getBoundingClientRect(), getComputedStyle(number)];
  const free = box.height - parseFloat(own.paddingBottom); // in the middle of it the number stands
  const bottom = box.top + (free + parseFloat(own.fontSize)) / 2;
  return bottom - (slider.getBoundingClientRect().bottom - parseFloat(mark.bottom) - parseFloat(mark.height));
}"""


def test_the_value_that_would_mend_a_setting_stands_below_the_sliders_number(visit):
    page = visit("02_max_pooling")
    for width in (390, 1100):
        page.set_viewport_size({"width": width, "height": 900})
        box = page.locator(EXPLORER).first
        box.get_by_role("slider", name="input size", exact=True).press("Home")
        for name in ("kernel", "padding", "dilation"):
            box.get_by_role("slider", name=name, exact=True).press("End")
        marked = box.locator(".cs-slider[data-mend]")
        assert marked.count() == 2
        for slider in marked.all():
            assert slider.evaluate(NUMBER_AND_MARK) <= 2, width


# Where each line of the arithmetic is that is seen, and each button of the player.
LINES_AND_BUTTONS = """async () => {
  for (const _ of "12") await new Promise(requestAnimationFrame); // what has a new width is drawn anew
  const boxes = (all) => [...document.querySelector(".cs-details").querySelectorAll(all)]
    .map((each) => each.getBoundingClientRect())
    .map(({ top, bottom, height }) => ({ top, bottom, height }));
  return [boxes(".cs-line").filter(({ height }) => height), boxes(".cs-player button")];
}"""


@pytest.mark.parametrize("has_touch", [False, True], ids=["mouse", "touch"])
def test_the_networks_player_covers_no_line_of_its_arithmetic(visit, has_touch):
    page = visit("04_simplecnn_forward", has_touch=has_touch)
    for width in (390, 700, 1100):
        page.set_viewport_size({"width": width, "height": 900})
        lines, buttons = page.evaluate(LINES_AND_BUTTONS)
        assert lines
        assert buttons
        for button in buttons:
            assert button["height"] == (40 if has_touch else 32)
            for line in lines:
                assert button["bottom"] <= line["top"] + 1 or button["top"] >= line["bottom"] - 1, width


@pytest.mark.parametrize("missing", ["ConvolutionView-*.js", "widgets.js"])
def test_what_is_missing_beside_a_page_is_asked_of_no_other_host_and_its_words_stay(site, chromium, tmp_path, missing):
    shutil.copytree(site, tmp_path / "half")
    for file in (tmp_path / "half" / "assets").glob(missing):
        file.unlink()
    page = chromium.new_page()
    asked = []
    page.on("request", lambda request: asked.append(request.url))
    page.goto((tmp_path / "half" / "index.html").as_uri())
    page.wait_for_load_state("networkidle")
    assert page.get_by_text(front_page.IN_WORDS).is_visible()
    assert page.get_by_role("button", name="theme").is_visible()
    page.close()
    assert [url for url in asked if not url.startswith(("file:", "data:", "blob:"))] == []


def with_text(source, text=""):
    """A cell that has been run and said that."""
    return new_code_cell(source, outputs=[new_output("execute_result", {"text/plain": text})] if text else [])


def test_to_show_a_widget_only_the_lines_run_that_it_is_made_of():
    cells = [
        with_text("import math, time\nfrom helpers import explorers"),
        with_text("side = 3\nslow = time.sleep(600)\nside = 4\nif True:\n    side = 5"),
        with_text("def larger(size):\n    return math.floor(size + more)\n\n\nmore = 2\nlarger(side)"),
        with_text("sizes = [larger(slow) for slow in (side,)]  # 6\nprint(sizes)"),
        with_text(
            "explorer = explorers.ConvolutionExplorer(size=sizes[0])  # ours\nexplorer", "ConvolutionExplorer: (…"
        ),
        with_text("explorer.size = 12\nsizes = slow"),
    ]
    assert shown_widgets.needed(cells) == [
        "import math, time\nfrom helpers import explorers",
        "side = 4\nif True:\n    side = 5",
        "def larger(size):\n    return math.floor(size + more)\nmore = 2",
        "sizes = [larger(slow) for slow in (side,)]",
        cells[4].source,
        "",
    ]


def test_what_is_a_widget_is_known_by_its_text():
    texts = [
        "VBox(children=(…",
        "IntSlider(value=4)",
        "PoolingExplorer: (1, 5, 5) → …",
        "Module(x)",
        "VBox",
        "CallbackDispatcher()",
    ]
    known = [shown_widgets.is_widget(with_text("", text).outputs[0]) for text in texts]
    assert known == [True, True, True, False, True, False]
    assert not shown_widgets.is_widget(new_output("stream", text="VBox("))


@pytest.mark.parametrize("now", ["HTML('new')", "1", ""], ids=["another", "none", "nothing"])
def test_a_widget_that_is_another_than_the_committed_one_stops_the_build_and_says_what_to_do(monkeypatch, now):
    lesson = new_notebook(cells=[with_text("HTML('old')", "HTML(value='old')")])

    def run(notebook):
        notebook.cells[0].outputs = with_text("", now.replace("'", "(value='", 1)).outputs
        notebook.metadata = {"widgets": {shown_widgets.STATE: {}}}
        return notebook

    monkeypatch.setattr(shown_widgets, "executed", run)
    with pytest.raises(RuntimeError, match=r"^Run `make notebooks` first: this cell shows another widget"):
        shown_widgets.put_into([lesson])


def test_in_another_language_a_widget_is_known_by_its_class(monkeypatch):
    lesson = new_notebook(cells=[with_text("explorer", "PoolingExplorer: 1 picture")])

    def run(notebook):
        notebook.cells[0].outputs = with_text("", "PoolingExplorer: 1 Bild").outputs
        notebook.cells[0].outputs[0].data[shown_widgets.VIEW] = "its view"
        notebook.metadata = {"widgets": {shown_widgets.STATE: {}}}
        return notebook

    monkeypatch.setattr(shown_widgets, "executed", run)
    monkeypatch.setattr(language, "LANGUAGE", "de")
    shown_widgets.put_into([lesson])
    assert lesson.cells[0].outputs[0].data[shown_widgets.VIEW] == "its view"


def test_what_needs_a_kernel_leads_to_colab_kaggle_and_binder_when_the_address_is_set(monkeypatch):
    needs_node()
    monkeypatch.setattr(address, "settings", lambda: {"repository": "ada/shapes", "hub": ""})
    lesson = new_notebook(cells=[new_markdown_cell("# 01 · A title"), new_code_cell("q1.predict(...)")])
    links = lesson_page.body(lesson, build_site.elsewhere(LESSONS[1])).select(".no-kernel a")
    ways = (address.on_colab, address.on_kaggle, address.on_binder)
    assert [link["href"] for link in links] == [way(LESSONS[1].name) for way in ways]


def test_answers_and_optional_sections_are_folded_until_they_are_opened():
    needs_node()
    page = lesson_page.body(test_folding.formed(test_folding.lesson()), "")
    setup, answer, extra = page.select("details")
    assert [folded.summary.get_text() for folded in (setup, answer, extra)] == [
        "the setup cell",
        "Show the answer",
        "Extra · padding modes",
    ]
    assert not any(folded.has_attr("open") for folded in (setup, answer, extra))
    assert "import math" in setup.get_text()
    assert "42" in answer.get_text()
    assert "6" not in answer.get_text(), "its code is not folded"
    assert all(text in extra.get_text() for text in ("They repeat the edge.", "in the extra"))
    assert "That was all." not in extra.get_text()
    assert extra.h2["id"] == "extra-padding-modes"
    assert not page.select("img")


def model(kind, **state):
    return {"model_name": f"{kind}Model", "state": {"_view_module": "@jupyter-widgets/controls", **state}}


def lesson_that_shows(name):
    return new_notebook(
        cells=[new_code_cell(outputs=[new_output("display_data", {page_widgets.VIEW: {"model_id": name}})])]
    )


def test_a_pages_text_cannot_end_the_script_that_holds_its_widgets(tmp_path):
    text, child = model("Label", value="</script><!-- <script", none=None), "IPY_MODEL_b"
    state = {"state": {"a": model("VBox", children=[child, child]), "b": text, "c": model("Label")}}
    models = page_widgets.of_lesson(lesson_that_shows("a"), state)
    assert list(models) == ["a", "b"], "c is not shown, and shown by none"
    views, told = page_widgets.written(models, tmp_path)
    assert views == []
    assert "<" not in told
    del text["state"]["none"]
    assert json.loads(told) == models


def test_a_widget_that_pages_cannot_draw_stops_the_build():
    state = {"state": {"a": model("VBox", children=["IPY_MODEL_b"]), "b": model("FloatSlider")}}
    with pytest.raises(RuntimeError, match=r"^Pages cannot draw a widget of the kind FloatSliderModel: .* IntSlider"):
        page_widgets.of_lesson(lesson_that_shows("a"), state)


def test_a_view_that_many_widgets_have_is_written_once(tmp_path):
    code = "const a = 1;\nexport default { render };\n"
    about = {"_esm": code, "_css": "p {}", "_anywidget_id": "helpers.View"}
    (view,), told = page_widgets.written({"a": model("Any", **about), "b": model("Any", **about)}, tmp_path)
    assert {file.name for file in tmp_path.iterdir()} == {f"{view}.js", f"{view}.css"}
    assert [one["state"]["_esm"] for one in json.loads(told).values()] == [view, view]
    assert "_css" not in told


@pytest.mark.parametrize("code", ["export default {\n};", "const a = 1;", "export const a = 1;\nexport default { a };"])
def test_a_view_that_would_be_no_script_stops_the_build(tmp_path, code):
    with pytest.raises(RuntimeError, match=r"^View-.* has to export its default in one line, and nothing else"):
        page_widgets.written({"a": model("Any", _esm=code, _anywidget_id="helpers.View")}, tmp_path)


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
    monkeypatch.setattr(shutil, "which", lambda name: None if name == missing else which(name) or f"/bin/{name}")
    with pytest.raises(npm.NpmError, match=rf"^{missing} is missing: .* sudo apt install npm"):
        build_site.build(earlier)


def test_a_build_stopped_while_it_changes_places_leaves_the_earlier_site_whole(monkeypatch, earlier):
    needs_node()
    (earlier.parent / ".site-killed" / "new").mkdir(parents=True)
    os.utime(earlier.parent / ".site-killed", (0, 0))  # left long ago: it is swept
    monkeypatch.setattr(build_site, "write", lambda folder, say: (folder / "index.html").write_text("new"))
    rename = Path.rename

    def interrupted(path, target):
        if path.name == "new":
            raise KeyboardInterrupt
        return rename(path, target)

    monkeypatch.setattr(Path, "rename", interrupted)
    with pytest.raises(KeyboardInterrupt):
        build_site.build(earlier)


def test_files_in_no_repository_name_no_commit_not_even_one_around_them(monkeypatch, tmp_path):
    inside = tmp_path / "unpacked"
    inside.mkdir()
    git(tmp_path, "init", "--quiet")
    monkeypatch.setattr(build_site, "ROOT", inside)
    assert build_site.commit() == "files outside any git repository"


def test_a_build_that_fails_half_way_leaves_the_earlier_site_whole(monkeypatch, earlier):
    needs_node()
    left = iter([{}, {}])
    monkeypatch.setattr(shown_widgets, "put_into", lambda notebooks: {"state": {}})
    monkeypatch.setattr(page_widgets, "of_lesson", lambda notebook, state: next(left))
    with pytest.raises(StopIteration):
        build_site.build(earlier, say=lambda *text, **options: None)
