"""A function in helpers/ is read at a glance: 80 lines at most, in Python and in JavaScript."""

import ast
from pathlib import Path

import pytest
from test_explorers_modules import FUNCTIONS, parsed

MOST = 80
HELPERS = Path(__file__).parent.parent / "helpers"


def in_python(code):
    """(first line, last line) of each function but a question's, below `@prediction(…)`: that is content."""
    for node in ast.walk(ast.parse(code)):
        is_function = isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef))
        if is_function and not any(isinstance(one, ast.Call) for one in node.decorator_list):
            yield node.lineno, node.end_lineno


def in_javascript(code):
    pending = [parsed(code)]
    while pending:
        node = pending.pop()
        pending += node.children
        if node.type in FUNCTIONS:
            yield node.start_point[0] + 1, node.end_point[0] + 1


@pytest.mark.parametrize(("kind", "functions"), [("py", in_python), ("js", in_javascript)])
def test_no_function_is_longer_than_a_screen(kind, functions):
    files = {path: list(functions(path.read_text("utf-8"))) for path in sorted(HELPERS.rglob(f"*.{kind}"))}
    assert any(files.values())
    assert [
        f"{path.relative_to(HELPERS)}:{first} has {last - first + 1} lines"
        for path, found in files.items()
        for first, last in found
        if last - first + 1 > MOST
    ] == []
