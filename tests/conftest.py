"""What several test files share: questions that nobody has answered, a browser, and a page that holds an explorer."""

import os
import signal

import pytest
from browser import CHROMIUM, STAND, chromium_browser, mount, parts_of
from lab import watched

from helpers.exercises import record
from helpers.exercises.question import QUESTIONS

os.environ.pop(record.NOTEBOOK, None)  # a test that is run from a notebook is no learner

LONGEST = ("test_site", "test_colab", "test_small_machine", "test_lab")  # minutes each


def pytest_collection_modifyitems(items):
    """Begin with the longest modules: else one process is left alone with one of them at the end."""
    items.sort(key=lambda item: LONGEST.index(item.path.stem) if item.path.stem in LONGEST else len(LONGEST))


def pytest_terminal_summary(terminalreporter):
    """Say at the end what tests have measured."""
    for report in terminalreporter.getreports("passed") + terminalreporter.getreports("failed"):
        for name, value in report.user_properties:
            if name == "measured" and report.when == "call":
                terminalreporter.write_line(value)


@pytest.fixture(autouse=True)
def unanswered():
    """Each test finds the questions as a learner does: none answered, all with the lesson's numbers."""
    record.forget()
    yield
    record.forget()
    for question in QUESTIONS.values():
        if question.seed:
            question.again(0)


@pytest.fixture
def no_lesson():
    """As if no lesson were imported: a test's own questions do not mix with theirs."""
    others = dict(QUESTIONS)
    QUESTIONS.clear()
    yield
    QUESTIONS.clear()
    QUESTIONS.update(others)


@pytest.fixture(scope="session")
def chromium():
    """A headless Chromium. Skips where there is none, but fails under CI: there it must be installed."""
    if CHROMIUM is None:
        if os.environ.get("CI") == "true":
            pytest.fail("Chromium is missing: install it (on Debian: apt-get install chromium-headless-shell).")
        pytest.skip("needs Chromium")
    with chromium_browser() as browser:
        yield browser


@pytest.fixture
def interruptible():
    """An interrupt is heard: a shell that starts the tests in the background has them ignore it."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


@pytest.fixture
def device():
    """The path of a device that nobody misses, and that not even root can move or replace: a terminal."""
    pty = pytest.importorskip("pty", reason="needs a device")
    ends = pty.openpty()
    yield os.ttyname(ends[1])
    for end in ends:
        os.close(end)


@pytest.fixture(scope="session")
def idle_pages(chromium):
    """Pages for any test: an empty one that others have used opens five times as fast as a new one."""
    pages = []
    yield pages
    for page in pages:
        page.close()


@pytest.fixture
def open_page(idle_pages, chromium):
    """`open_page(viewport)` → an empty page; what its scripts report as an error is in `page.problems`."""
    opened = []

    def empty(viewport=None):
        page = idle_pages.pop() if idle_pages else watched(chromium.new_page())
        page.problems, page.has_own_clock = [], False
        wanted = viewport or {"width": 1280, "height": 720}
        if page.viewport_size != wanted:
            page.set_viewport_size(wanted)
        opened.append(page)
        return page

    yield empty
    for page in opened:
        if page.has_own_clock:
            page.close()
        else:
            page.mouse.move(0, 0)
            page.goto("about:blank")
            idle_pages.append(page)


@pytest.fixture
def stand(open_page):
    """`stand(explorer, viewport)` → a page that shows the explorer's view, its sliders as `window.sliders`.

    With an `address`, the page is served from there.
    """

    def show(explorer, viewport=None, address=None):
        page = open_page(viewport)
        if address:
            page.route(f"{address}**", lambda route: route.fulfill(body="", content_type="text/html"))
            page.goto(address)
        page.set_content(STAND)
        mount(page, parts_of(explorer))
        return page

    return show
