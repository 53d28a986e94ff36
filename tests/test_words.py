"""Idioms that came in by translation stay out of all that a learner or a teacher reads. No editor, but a memory of one.

Each is a regular expression, with what to write instead. What holds for words in general is in the last paragraph of a
lesson's review, not here.
"""

import ast
import re
from pathlib import Path

import folding
import nbformat
import pytest

ROOT = Path(__file__).parent.parent
OBJECT = r"(?:a|an|the|each|every|all|it|them|this|these|\(?\d)"
IDIOMS = {
    rf"\bmakes? [\d⌊(][^.:;]{{0,25}} of {OBJECT}\b": "turns … into …",
    rf"\bmakes? (?:rows|batches|probabilities|pictures|images|text|maps|a \w+) of {OBJECT}\b": "turn into",
    r"\bon the way (?:there|back)\b": "in the forward pass, in the backward pass",
    r"\bbehind (?:[a-z]+ |`){0,2}(?:pool|conv|[Rr]e[Ll][Uu]|layer|line|flatten|softmax)": "after",
    r"\bmend(?:s|ed|ing)?\b": "fix",
    r"\bdo(?:es)? not mind\b": "raises no error",
    r"\bso (?:many|few|much) \w+ (?:there (?:is|are)|are there)\b": "that is how many",
    r"\bfor so long\b": "for that long",
    r"\bso wide is\b": "that is the width of",
    r"\bmanieth\b": "which one",
    r"(?<!there )\b(?:is|are) none\b": "does not count",
    r"\bAsked (?:is|are)\b": "a question",
    r"\b[Ww]hoever\b": "if you …",
    r"\bin a row stands?\b": "each row shows",
    r"\bthe part of (?:the|all) (?:pictures|images) that\b": "the fraction",
    r"\bnone of the \w+ is a number\b": "none of the … occurs in",
    r"\b(?:answer|prediction) is told\b": "tells you",
    r"\bholds? \w+ against\b|\bheld against\b": "compare with",
    r"\blaid side by side\b|\bcomes? to stand\b": "aligned, meets",
    r"\bin the place of\b": "in place of, instead of",
    r"\bfor so (?:is|are)\b": "because",
    r"\b(?:is|are) no (?:multiple|part|number|tensor|class|file|module|square|answer)\b": "is not a",
    r"\b[Hh]ow (?:many|much) \w+ has (?:the|a|it)\b": "does … have",
    r"\bwait for (?:its|their) end\b": "wait until … ends",
    r"\bbegins? anew\b": "start again",
    r"\bin one voice\b": "in the same words",
    r"\bspeaks? against\b": "prevents",
    r"\bof the learner's own\b|\bof one's own\b": "your own",
    r"\bthe note's\b": "the original",
}


def lessons():
    """(place, text) of each cell's prose and of what each cell prints."""
    for path in sorted((ROOT / "notebooks").glob("*.ipynb")):
        for number, cell in enumerate(nbformat.read(path, as_version=4).cells):
            if cell.cell_type == "markdown":
                yield f"{path.name}[{number}]", cell.source
            else:
                printed = (
                    output.get("text") or output.get("data", {}).get("text/plain") for output in folding.uncovered(cell)
                )
                comments = re.findall(r"#.*", cell.source)
                yield f"{path.name}[{number}]", "\n".join(filter(None, [*printed, *comments]))


def in_python():
    """(place, text) of every text in helpers/: the questions are docstrings."""
    for path in sorted((ROOT / "helpers").rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            if isinstance(node, ast.Constant) and isinstance(node.value, str):
                yield f"{path.relative_to(ROOT)}:{node.lineno}", node.value


def in_scripts():
    """(place, line) of the explorers' and the pages' scripts, without their comments."""
    for path in [
        *sorted((ROOT / "helpers" / "explorers").rglob("*.js")),
        *sorted((ROOT / "tools" / "template").iterdir()),
    ]:
        source = re.sub(
            r"/\*.*?\*/|(?<=\s)//[^\n]*",
            lambda found: "\n" * found[0].count("\n"),
            path.read_text("utf-8"),
            flags=re.DOTALL,
        )
        for number, line in enumerate(source.splitlines(), 1):
            yield (
                f"{path.relative_to(ROOT)}:{number}",
                " ".join(re.findall(r"\"[^\"]*\"|`[^`]*`|>[^<{]+<", re.sub(r"\$\{[^}]*\}", "…", line))),
            )


def documents():
    for name in ("README.md", "TEACHING.md", "CONTRIBUTING.md", "ACCESSIBILITY.md", "CHANGELOG.md"):
        yield name, (ROOT / name).read_text("utf-8")


def found_in(texts):
    """A line for each idiom: where, what, and what to write."""
    return [
        f"{place}: “{found[0]}” → {better}"
        for place, text in texts
        for idiom, better in IDIOMS.items()
        for found in re.finditer(idiom, re.sub(r"\s+", " ", text))
    ]


@pytest.mark.parametrize("texts", [lessons, in_python, in_scripts, documents])
def test_no_idiom_comes_back(texts):
    assert found_in(texts()) == []


def test_an_idiom_is_found_across_lines_and_what_is_like_it_is_not():
    assert found_in([("here", "It makes 30\nof a plane. Whoever asks")]) == [
        "here: “makes 30 of a” → turns … into …",
        "here: “Whoever” → if you …",
    ]
    assert found_in([("here", "It makes 30 maps from a picture, behind which all channels stand; a way back.")]) == []
