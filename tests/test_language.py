"""The course in another language: every sentence has its like, with the same values, and stands in its place."""

import ast
import builtins
import importlib
import json
import os
import re
import subprocess
import sys

import page_questions
import pytest
import sentences
from address import LESSONS
from browser import STAND, mount
from test_explorers_modules import OF_THE_BROWSER, free, parsed

from helpers import language
from helpers.exercises.prediction import Prediction
from helpers.exercises.question import QUESTIONS

LANGUAGES = sorted(path.stem for path in language.FOLDER.glob("*.json"))
each_language = pytest.mark.parametrize("name", LANGUAGES)


def translated(catalogue, kind):
    """(file, English, translated) of all entries that do not stay as they are."""
    for file, entries in catalogue.items():
        for english, other in entries.items():
            if file.endswith(kind) and other:
                yield file, english, other


def names_in_python(template):
    tree = language.f_string(template)
    return {node.id for node in ast.walk(tree) if isinstance(node, ast.Name)} - set(dir(builtins))


def names_in_javascript(template):
    return free(parsed(f"`{template}`")) - OF_THE_BROWSER


@each_language
def test_every_sentence_is_translated_and_none_is_that_is_gone(name):
    catalogue = language.catalogue(name)
    assert sentences.brought_up_to_date(catalogue) == catalogue
    assert [(file, text) for file, entries in catalogue.items() for text, other in entries.items() if other == ""] == []


@each_language
@pytest.mark.parametrize(("kind", "names"), [(".py", names_in_python), (".js", names_in_javascript)])
def test_a_translation_has_the_values_of_the_english_sentence(name, kind, names):
    wrong = [
        (file, english, other)
        for file, english, other in translated(language.catalogue(name), kind)
        if names(english) != names(other)
    ]
    assert wrong == []


def specs(template):
    """How the numbers of a Python sentence are written, as `,` and `.1%`."""
    values = [node for node in ast.walk(language.f_string(template)) if isinstance(node, ast.FormattedValue)]
    return sorted(language.template(value.format_spec) for value in values if value.format_spec)


@each_language
def test_a_translation_writes_numbers_as_the_english_sentence_does(name):
    entries = translated(language.catalogue(name), ".py")
    assert [(file, other) for file, english, other in entries if specs(english) != specs(other)] == []


@each_language
def test_a_translated_module_is_python_or_javascript(name):
    for file, entries in language.catalogue(name).items():
        path = language.ROOT / file
        others = {english: other for english, other in entries.items() if other}
        if path.suffix == ".py":
            language.compiled(path.read_bytes(), file, others)
        else:
            parsed(language.exchanged(path.read_text("utf-8"), others))


def test_a_sentence_is_exchanged_with_its_values():
    source = (
        "def told(count):\n"
        r"""    return f"{count} cells are {'r' + 'ead'!r:>8}", "cells {count}", f"{count:,} \\ cells" """
    )
    others = {
        "{count} cells are {'r' + 'ead'!r:>8}": "{'r' + 'ead'!r:>8}: {count} Zellen, \"gelesen\"",
        "cells {count}": "Zellen {count}",
        "{count:,} \\ cells": "{count:,} \\ Zelle{'n' * (count != 1)}",
    }
    scope = {}
    exec(language.compiled(source.encode(), "told.py", others), scope)
    assert scope["told"](1234) == (
        "  'read': 1234 Zellen, \"gelesen\"", "Zellen {count}", "1,234 \\ Zellen",
    )  # fmt: skip


def test_a_value_of_a_sentence_that_fails_does_so_in_its_line():
    source = '\n\nscale = 1\ntold = f"{scale} is {1 / 0} cells"\n'
    others = {"{scale} is {1 / 0} cells": "{1 / 0} Zellen bei {scale}"}
    with pytest.raises(ZeroDivisionError) as failed:
        exec(language.compiled(source.encode(), "told.py", others), {})
    assert failed.traceback[-1].lineno + 1 == 4


@pytest.mark.parametrize(
    "text", ["{', '.join((f'{a} {b}' for a, b in pairs))} are there", "{ {1: 'one', 2: 'two'}[n]} cells, {{n}}"]
)
def test_a_sentence_stands_in_the_catalogue_as_python_reads_it(text):
    """In every version of Python: 3.10 has `for (a, b) in` for it."""
    assert language.template(language.f_string(text)) == text


def test_a_docstring_is_exchanged_whatever_its_lines():
    scope = {}
    source = b'def q1():\n    """Put the lines\n    in order."""\n'
    exec(language.compiled(source, "asked.py", {"Put the lines in order.": "Ordne die Zeilen."}), scope)
    assert scope["q1"].__doc__ == "Ordne die Zeilen."


def test_javascript_is_exchanged_literal_by_literal():
    code = 'tell(a, `${n} is ${won ? "the winner" : "read"}`);\nif (a === "the winner") tell(b, "the winner of all");'
    others = {'${n} is ${won ? "the winner" : "read"}': '${won ? "Sieger" : "gelesen"}: ${n}', "the winner": "W"}
    assert language.exchanged(code, others) == (
        'tell(a, `${won ? "Sieger" : "gelesen"}: ${n}`);\nif (a === "W") tell(b, "the winner of all");'
    )
    assert language.exchanged(code, {}) == code


def everything_said():
    """(the predictions that are judged wrongly, all words of all questions), in the language of this Python."""
    for path in LESSONS[1:]:
        importlib.import_module(f"helpers.exercises.lesson_{path.name[:2]}")
    misjudged, words = [], []
    for question in QUESTIONS.values():
        words += [f"{mistake.name}: {mistake.why}" for mistake in getattr(question, "mistakes", ())]
        for seed in (0, 3):
            said = [question.again(seed)]
            if isinstance(question, Prediction):
                asked = question.asked()
                right, others = question.predict(asked.answer), page_questions.unknown(asked)
                wrong = [question.predict(answer) for answer in (*(one.answer for one in asked.mistakes), *others)]
                if right.state != "right" or {one.state for one in wrong} != {"wrong"}:
                    misjudged.append(question.name)
                said += [right, *wrong]
            said += [question.hint() for _ in range(4)]
            words += map(repr, said)
    return misjudged, words


def in_english(words):
    """The lines that have an English word which no German text has, code left out."""
    lines = re.sub(r"`[^`]+`", "", words).split("\n")
    return [
        line for line in lines if re.search(r"\b(the|and|of|you|your|with|are|not yet|to)\b", line) and "=" not in line
    ]


@each_language
def test_questions_judge_as_in_english_and_say_nothing_in_it(name):
    printed = said("import json, test_language as t; print(json.dumps(t.everything_said()))", CNN_SHAPES_LANGUAGE=name)
    misjudged, words = json.loads(printed)
    assert misjudged == []
    assert [line for text in words for line in in_english(text)] == []


def said(code, cwd=None, **variables):
    """What a fresh Python prints of this, started in a folder."""
    paths = os.pathsep.join(str(language.ROOT / folder) for folder in (".", "tools", "tests"))
    environment = {**os.environ, "PYTHONPATH": paths, **variables}
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, env=environment, cwd=cwd)
    return run.stdout + run.stderr


FROM_A_NOTEBOOK = """
import sys
sys.path.insert(0, "..")
from helpers.exercises.lesson_01 import q1
from helpers.explorers import modules
print(repr(q1).splitlines()[0], "Eingabe" in modules.browser_code("pooling.js"))
"""


def test_a_notebook_finds_its_helpers_in_german():
    assert said(FROM_A_NOTEBOOK, language.ROOT / "notebooks", CNN_SHAPES_LANGUAGE="de") == (
        "q1 · Stellen in einer Zeile True\n"
    )


IN_GERMAN = """
import json
from browser import parts_of
from helpers.explorers import PoolingExplorer
from helpers.explorers.filter import PRESETS, FilterExplorer
from helpers.trace import rules
faults = []
list(rules._asked(None, faults))
names = [*PRESETS, *FilterExplorer().view.presets]
print(json.dumps({"kernels": names, "fault": str(faults[0]), "parts": parts_of(PoolingExplorer(padding=1))}))
"""


@pytest.fixture(scope="module")
def in_german():
    """What that says where the course speaks German, by its names."""
    return json.loads(said(IN_GERMAN, CNN_SHAPES_LANGUAGE="de"))


def test_the_kernels_that_a_lesson_takes_by_name_are_called_so_in_german_too(in_german):
    assert " ".join(in_german["kernels"]) == (
        "identity blur sharpen vertical edges horizontal edges emboss "
        "Identität Unschärfe Schärfen Kanten vertikal Kanten horizontal Relief"
    )


def test_a_package_speaks_german_as_its_modules_do(in_german):
    assert in_german["fault"].startswith("trace kann nicht mehr sagen, weil ")


def test_a_language_that_is_not_there_is_refused_with_those_that_are():
    words = said("import helpers", CNN_SHAPES_LANGUAGE="xx")
    assert words.endswith(
        f"ValueError: CNN_SHAPES_LANGUAGE wants one of {', '.join(['en', *LANGUAGES])}, but got 'xx'.\n"
    )


def test_a_notebook_that_finds_the_course_one_folder_up_speaks_the_language():
    code = "import sys; sys.path.insert(0, '..'); from helpers.explorers import *; print(PoolingExplorer.size.label)"
    told = subprocess.run(
        [sys.executable, "-c", code],
        capture_output=True,
        text=True,
        cwd=language.ROOT / "notebooks",
        env={**os.environ, "CNN_SHAPES_LANGUAGE": "de"},
    )
    assert (told.stdout, told.stderr) == ("Eingabe\n", "")


def test_english_needs_no_catalogue():
    code = "import sys, helpers; print('helpers.language' in sys.modules)"
    for named in ("", "en"):
        assert said(code, CNN_SHAPES_LANGUAGE=named) == "False\n"


def test_an_explorer_speaks_german_and_says_so(open_page, in_german):
    page = open_page()
    page.set_content(STAND)
    mount(page, in_german["parts"])
    text = lambda selector: page.locator(selector).first.text_content()  # noqa: E731
    assert page.locator(".cs-explorer").get_attribute("lang") == "de"
    assert page.get_by_role("application").get_attribute("aria-label").startswith("Das Pooling. Die Pfeiltasten ")
    assert text(".cs-panel-input .cs-title") == "Eingabe 6 × 6, mit −∞ auf 8 × 8 ergänzt"
    assert text(".cs-note") == "Der Gewinner ist input[0, 0]."
    for name in ("▶ Abspielen", "Schritt zurück", "Rückwärts", "Code kopieren"):
        assert page.get_by_role("button", name=name, exact=True).is_visible()
    page.locator(".cs-spoken").get_by_text("Max-Pooling, Eingabe 6 mal 6, ").wait_for(state="attached")
    page.evaluate("() => window.move('padding', 2)")
    assert text(".cs-panel-output .cs-title") == "keine Ausgabe"
    assert text(".cs-remedy").startswith("Kleinste Änderung, die hilft: ")
    assert page.problems == []
