"""One source for each colour: what plots, pages, pictures and cards show follows from helpers/colours.py."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

from helpers import colours, figures, plots
from helpers.exercises import feedback
from helpers.explorers import base
from helpers.explorers.filter import FilterExplorer
from helpers.explorers.modules import browser_code
from helpers.trace import report

ROOT = Path(__file__).parent.parent
HELPERS = ROOT / "helpers"
SUFFIXES = (".py", ".js", ".css", ".html")
FILES = [path for folder in (HELPERS, ROOT / "tools") for path in folder.rglob("*") if path.suffix in SUFFIXES]
SITE = ROOT / "tools" / "template" / "site.css"
FILES.remove(HELPERS / "colours.py")
HEX = re.compile(r"#(?:[0-9a-f]{8}|[0-9a-f]{6}|[0-9a-f]{3,4})\b", re.IGNORECASE)
EVERY = {**colours.COLOURS, **colours.MORE}


def parts(colour):
    """Red, green and blue, 0 to 255."""
    return [*bytes.fromhex(colour[1:])]


@pytest.fixture
def anew():
    """Style sheets are read once; here again, before and after."""
    colours.style.cache_clear()
    yield
    colours.style.cache_clear()


def test_no_colour_is_written_anywhere_else():
    spelled = [
        re.compile(r"\b{}, *{}, *{}\b".format(*parts(colour))) for colour in EVERY.values() if colour[1:] != "0" * 6
    ]
    assert {HELPERS / "plots.py", SITE} <= {*FILES}
    for path in FILES:
        text = path.read_text("utf-8")
        assert HEX.findall(text) == [], path
        assert not any(triple.search(text) for triple in spelled), path


def test_every_colour_is_told_once():
    assert len(set(EVERY.values())) == len(EVERY)
    assert all(re.fullmatch("#[0-9A-F]{6}", colour) for colour in EVERY.values())


def test_the_plots_the_pictures_and_the_javascript_have_the_same_colours():
    assert plots.COLOURS is figures.COLOURS is colours.COLOURS
    css, code = base.style(), browser_code("filter.js")
    for name in ("input", "kernel", "output", "padding", "negative"):
        assert f"--{name}: {colours.COLOURS[name].lower()};" in css
        assert f'"{name}": "{colours.COLOURS[name].lower()}"' in code


def test_every_colour_is_in_some_sheet_and_no_name_is_left_there():
    sheets = sorted(HELPERS.rglob("*.css"))
    text = colours.style(*sheets)
    assert len(sheets) >= 9
    assert "$" not in text
    for name, colour in EVERY.items():
        assert (colour.lower() in text) == (name != "N"), name  # its ink is the page's


def test_a_colour_that_is_not_there_is_refused(tmp_path):
    (tmp_path / "own.css").write_text(".own { color: $inptu; }")
    with pytest.raises(KeyError, match="inptu"):
        colours.style(tmp_path / "own.css")


def test_a_sheet_loses_its_comments_and_nothing_else(tmp_path):
    (tmp_path / "own.css").write_text("/* One\n   two. */\n.own {\n  color: $input; /* blue */\n  margin: 0;\n}\n")
    assert colours.style(tmp_path / "own.css") == f".own {{\n  color: {EVERY['input'].lower()};\n  margin: 0;\n}}"


def test_the_colour_of_padding_is_changed_in_one_place(monkeypatch, anew, stand):
    old, new = colours.COLOURS["padding"].lower(), "#b05a12"
    monkeypatch.setitem(colours.COLOURS, "padding", new.upper())
    own = [path.name for path in (HELPERS / "explorers").glob("*.css") if path.name != "shared.css"]
    made = [base.style(*own), browser_code("filter.js")]
    made += [colours.style(sheet) for sheet in (feedback.SHEET, report.SHEET)]
    assert not any(old in text for text in made)
    assert [new in text for text in made] == [True, True, True, False]  # a trace shows no padding

    explorer = FilterExplorer(padding=1)
    explorer.view._css, explorer.view._esm = made[:2]
    page = stand(explorer)
    corner = "document.querySelector('.cs-panel-input canvas').getContext('2d').getImageData(0, 0, 1, 1).data"
    assert page.evaluate(f"() => [...{corner}]") == [*parts(new), 255]
    shown = "getComputedStyle(document.querySelector('.cs-explorer')).getPropertyValue('--padding')"
    assert page.evaluate(f"() => {shown}") == new


def test_the_pages_and_the_map_have_the_courses_colours():
    by_day, by_night = colours.style(SITE).split("@media screen")
    assert colours.DAY.keys() == colours.NIGHT.keys()
    for sheet, named in ((by_day, colours.DAY), (by_night, colours.NIGHT)):
        assert [name for name, colour in named.items() if f"--{name}: {colour.lower()};" not in sheet] == []
    drawn = (ROOT / "notebooks" / "images" / "course_map.svg").read_text("utf-8")
    course = {*colours.COLOURS.values(), *colours.INKS.values(), colours.INK, colours.PAPER, colours.QUIET}
    assert {colour.upper() for colour in HEX.findall(drawn)} <= course
    for name in ("input", "kernel", "output"):
        assert f'"{colours.COLOURS[name].lower()}"' in drawn


def test_the_colours_need_nothing_but_python():
    code = "import sys; before = {*sys.modules}; import helpers.colours; print(*({*sys.modules} - before))"
    loaded = subprocess.run([sys.executable, "-c", code], cwd=ROOT, check=True, capture_output=True, text=True).stdout
    assert {name.partition(".")[0] for name in loaded.split()} <= {*sys.stdlib_module_names, "helpers"}
    assert not {name for name in loaded.split() if name.startswith("helpers.")} - {"helpers.colours"}
