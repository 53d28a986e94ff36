"""Bring a language's catalogue up to date with the sources: python tools/sentences.py de

New sentences come in with "" for a translator to fill (null: it stays as it is); those that are gone go.
"""

import ast
import json
import re
import sys
from pathlib import Path

import tree_sitter_javascript
from tree_sitter import Language, Parser

from helpers import language

JAVASCRIPT = Parser(Language(tree_sitter_javascript.language()))
FILES = (
    "helpers/sentences.py",
    "helpers/arguments.py",
    "helpers/arithmetic.py",
    "helpers/figures.py",
    "helpers/model.py",
    "helpers/data.py",
    "helpers/trace/*.py",
    "helpers/trace/rules/*.py",
    "helpers/inside/*.py",
    "helpers/exercises/*.py",
    "helpers/exercises/*.js",
    "helpers/explorers/*.py",
    "helpers/explorers/*.js",
    "helpers/explorers/page/*.js",
    "helpers/plots.py",
    "tools/template/questions.js",
    "tools/template/widgets.js",
)
WORDS = re.compile(r"[A-Za-z’']{2,},? [a-z’']{2,}")  # two, one behind the other
NO_WORDS = re.compile(r"\b(cs|mod|widget)-")  # the classes of a style sheet


def texts(path: Path) -> list:
    """The texts of a source file, in its order, as they stand in a catalogue; of one within another, the outer."""
    find = _in_python if path.suffix == ".py" else _in_javascript
    return list(dict.fromkeys(find(path.read_text("utf-8"))))


def _is_said(text):
    bare = re.sub(r"\$?\{[^{}]*\}|<[^>]*>?", "", text)  # without values and tags
    return bool(WORDS.search(bare)) and not NO_WORDS.search(bare)


def _in_python(source):
    tree = ast.parse(source)
    silent = {id(text) for node in ast.walk(tree) for text in _documentation(node)}
    pending = [tree]
    while pending:
        node = pending.pop()
        is_text = isinstance(node, ast.JoinedStr) or isinstance(getattr(node, "value", None), str)
        if is_text and id(node) not in silent:
            yield language.template(node)
        if not isinstance(node, ast.JoinedStr) or not _is_said(language.template(node)):
            pending += reversed(list(ast.iter_child_nodes(node)))


def _documentation(node):
    """The docstring of a node, unless it is a question's text, as below `@ordering(…)`."""
    if isinstance(node, (ast.Module, ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef)):
        first = node.body[0] if node.body else None
        asks = isinstance(node, ast.FunctionDef) and any(isinstance(one, ast.Call) for one in node.decorator_list)
        if isinstance(first, ast.Expr) and not asks:
            yield first.value


def _in_javascript(source):
    pending = [JAVASCRIPT.parse(source.encode()).root_node]
    while pending:
        node = pending.pop()
        if node.type in ("string", "template_string"):
            text = node.text.decode()[1:-1]
            yield text
            if _is_said(text):
                continue
        if node.type != "import_statement":
            pending += reversed(node.children)


def brought_up_to_date(catalogue: dict) -> dict:
    """The catalogue of the present sources: every sentence, and single words where a translator has added them."""
    after = {}
    for path in sorted(path for pattern in FILES for path in language.ROOT.glob(pattern)):
        name = path.relative_to(language.ROOT).as_posix()
        before = catalogue.get(name, {})
        entries = {text: before.get(text, "") for text in texts(path) if before.get(text) or _is_said(text)}
        after |= {name: entries} if entries else {}
    return after


def main(name):
    path = language.FOLDER / f"{name}.json"
    before = json.loads(path.read_text("utf-8")) if path.exists() else {}
    after = brought_up_to_date(before)
    path.parent.mkdir(exist_ok=True)
    path.write_text(json.dumps(after, ensure_ascii=False, indent=1) + "\n", "utf-8")
    for file, texts in before.items():
        for gone in texts.keys() - after.get(file, {}).keys():
            if texts[gone]:
                print(f"gone from {file}: {gone!r}, which was {texts[gone]!r}")
    print(f"{path.name}: {sum(other == '' for texts in after.values() for other in texts.values())} to translate")


if __name__ == "__main__":
    main(*sys.argv[1:])
