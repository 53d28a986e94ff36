"""The course in another language: every sentence has its like, with the same values, and stands in its place."""

import ast
import builtins
import json
import os
import subprocess
import sys

import pytest
import sentences
from browser import STAND, mount
from test_explorers_modules import OF_THE_BROWSER, free, parsed

from helpers import language

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


def said(code, **variables):
    """What a fresh Python prints of this."""
    environment = {**os.environ, "PYTHONPATH": str(language.ROOT), "PYTHONDONTWRITEBYTECODE": "1", **variables}
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, env=environment)
    return run.stdout + run.stderr


def test_a_language_that_is_not_there_is_refused_with_those_that_are():
    words = said("import helpers", COURSE_LANGUAGE="xx")
    assert words.endswith(f"ValueError: COURSE_LANGUAGE wants one of {', '.join(['en', *LANGUAGES])}, but got 'xx'.\n")


def test_english_needs_no_catalogue():
    code = "import sys, helpers; print('helpers.language' in sys.modules)"
    for named in ("", "en"):
        assert said(code, COURSE_LANGUAGE=named) == "False\n"


IN_GERMAN = """
import json
from browser import parts_of
from helpers.explorers import PoolingExplorer
print(json.dumps(parts_of(PoolingExplorer(padding=1))))
"""


def test_an_explorer_speaks_german_and_says_so(open_page):
    folders = [language.ROOT / folder for folder in (".", "tools")]
    told = said(IN_GERMAN, COURSE_LANGUAGE="de", PYTHONPATH=os.pathsep.join(map(str, folders)))
    page = open_page()
    page.set_content(STAND)
    mount(page, json.loads(told.splitlines()[0]))
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
