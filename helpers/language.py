"""The course's sentences in another language: CNN_SHAPES_LANGUAGE=de has pictures and feedback speak German.

languages/de.json holds them: {a source file: {its sentence: the same in German, or null where it stays English}}. A
sentence stands there as in the source, with its values in braces (JavaScript's in `${}`), and is exchanged as the file
is imported or joined. So the sources stay readable, English costs nothing, and no slider waits for a dictionary.
"""

import ast
import importlib.machinery
import json
import os
import re
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]  # from a notebook it is notebooks/../helpers
FOLDER = Path(__file__).with_name("languages")
ENGLISH = "en"
SWITCH = "CNN_SHAPES_LANGUAGE"
LANGUAGE = os.environ.get(SWITCH) or ENGLISH


def catalogue(language: str) -> dict:
    """{file: {English: translated, or None}}; nothing for English. Raises ValueError for a language there is not."""
    if language == ENGLISH:
        return {}
    known = sorted(path.stem for path in FOLDER.glob("*.json"))
    if language not in known:
        raise ValueError(f"{SWITCH} wants one of {', '.join([ENGLISH, *known])}, but got {language!r}.")
    return json.loads((FOLDER / f"{language}.json").read_text("utf-8"))


CATALOGUE = catalogue(LANGUAGE)


def install():
    """Have the modules that the catalogue names imported in its language."""
    sys.meta_path.insert(0, _Finder)


def script(path: Path) -> str:
    """A JavaScript file's text, in the chosen language."""
    return exchanged(path.read_text("utf-8"), _sentences(path))


def exchanged(code: str, sentences: dict) -> str:
    """JavaScript with its literals, "…" and `…`, replaced by those of the catalogue."""
    found = {quote + english + quote: quote + other + quote for english, other in sentences.items() for quote in '"`'}
    longest_first = sorted(map(re.escape, found), key=len, reverse=True)  # a template may hold others
    return re.sub("|".join(longest_first), lambda literal: found[literal[0]], code) if found else code


def compiled(source: bytes, path: str, sentences: dict):
    """A Python module's code with its texts replaced by those of the catalogue."""
    tree = _Exchange(sentences).visit(ast.parse(source, path))
    return compile(ast.fix_missing_locations(tree), path, "exec", dont_inherit=True)


def template(node: ast.Constant | ast.JoinedStr) -> str:
    """A text as it stands in the catalogue: an f-string with its values in braces, a docstring in one line."""
    if isinstance(node, ast.Constant):
        return " ".join(node.value.split()) if "\n    " in node.value else node.value
    return "".join(_piece(piece) for piece in node.values)


def _piece(piece):
    if isinstance(piece, ast.Constant):
        return piece.value.replace("{", "{{").replace("}", "}}")
    conversion = f"!{chr(piece.conversion)}" if piece.conversion >= 0 else ""
    spec = f":{template(piece.format_spec)}" if piece.format_spec else ""
    return f"{{{ast.unparse(piece.value)}{conversion}{spec}}}"


def f_string(text: str) -> ast.JoinedStr:
    """The f-string that has this template."""
    escaped = text.replace("\\", "\\\\")
    if escaped.endswith('"'):
        escaped = f'{escaped[:-1]}\\"'
    return ast.parse(f'f"""{escaped}"""', mode="eval").body


class _Exchange(ast.NodeTransformer):
    def __init__(self, sentences):
        self.sentences = sentences

    def visit_Constant(self, node):
        other = self.sentences.get(template(node)) if isinstance(node.value, str) else None
        return node if other is None else ast.copy_location(ast.Constant(other), node)

    def visit_JoinedStr(self, node):
        other = self.sentences.get(template(node))
        if other is not None:
            return ast.copy_location(f_string(other), node)
        for piece in node.values:
            if isinstance(piece, ast.FormattedValue):
                piece.value = self.visit(piece.value)
        return node


def _sentences(path):
    """{English: translated} of a file, without those that stay or wait for a translator."""
    try:
        name = path.resolve().relative_to(ROOT).as_posix()
    except ValueError:  # not the course's
        return {}
    return {english: other for english, other in CATALOGUE.get(name, {}).items() if other}


class _Loader(importlib.machinery.SourceFileLoader):
    def get_code(self, fullname):  # no bytecode is read or kept: it is the English module's
        return compiled(self.get_data(self.path), self.path, _sentences(Path(self.path)))


class _Finder:
    @staticmethod
    def find_spec(name, path=None, target=None):
        if f"{name.replace('.', '/')}.py" not in CATALOGUE:
            return None
        spec = importlib.machinery.PathFinder.find_spec(name, path)
        spec.loader = _Loader(name, spec.origin)
        return spec
