"""The widgets of the lessons as they are when their cells show them, made by the lines that make them and no others.

A committed notebook says in words which widget a cell showed, and a page needs the widget's state. To run all of each
lesson for it, trainings included, would take minutes.
"""

import ast
import itertools
import symtable

import address
import ipywidgets
from nbformat.v4 import new_code_cell, new_notebook
from page_widgets import VIEW
from run_notebooks import executed

from helpers import explorers, language

STATE = "application/vnd.jupyter.widget-state+json"
FORGET = "%reset -f"  # one kernel serves all lessons, and none finds what another has made
# A statement that gives its names their values, whatever they were.
SETS = (ast.Assign, ast.AnnAssign, ast.FunctionDef, ast.ClassDef, ast.Import, ast.ImportFrom)


def is_widget(output) -> bool:
    """Whether it showed a widget, by the text that is kept of it, which begins with the name of a class."""
    name = _class_of(output.get("data", {}).get("text/plain", ""))
    kind = getattr(ipywidgets, name, None) or getattr(explorers, name, None)
    return isinstance(kind, type) and issubclass(kind, ipywidgets.DOMWidget)


def _class_of(text):
    return text.replace("(", ":").partition(":")[0]


def _is_same(committed, now):
    """Are these texts of the same widget? Committed ones are English: in another language only its class is alike."""
    return committed == now if language.LANGUAGE == language.ENGLISH else _class_of(committed) == _class_of(now)


def put_into(notebooks: list) -> dict:
    """Give the output of each widget its view, and return the state of all widgets, as Jupyter writes it.

    Raises CellExecutionError where a line fails, and RuntimeError where a cell shows another widget than it did.
    """
    shown, lines = [], []
    for notebook in notebooks:
        cells = [cell for cell in notebook.cells if cell.cell_type == "code"]
        if any(is_widget(output) for cell in cells for output in cell.outputs):
            again = [new_code_cell(source) for source in needed(cells)]
            shown += zip(cells, again, strict=True)
            lines += [*again, new_code_cell(FORGET)]
    state = executed(new_notebook(cells=lines)).metadata.widgets[STATE]
    for cell, again in shown:
        for output, new in itertools.zip_longest(*(filter(is_widget, one.outputs) for one in (cell, again))):
            if not (output and new and _is_same(output.data["text/plain"], new.data["text/plain"])):
                raise RuntimeError(f"Run `make notebooks` first: this cell shows another widget now.\n\n{cell.source}")
            output.data[VIEW] = new.data[VIEW]
    return state


def needed(cells: list) -> list:
    """The source of each cell without what no shown widget needs: a cell that shows one is kept whole.

    What a line does to an object that another line made is not followed.
    """
    of_functions = set()  # what these read when they are called: perhaps later than they are written
    while True:
        sources, found = _needed(cells, of_functions)
        if found <= of_functions:
            return sources
        of_functions |= found


def _needed(cells, of_functions):
    wanted, found, sources = set(), set(), []
    for cell in reversed(cells):
        whole, kept = address.is_setup(cell.source) or any(map(is_widget, cell.outputs)), []
        for statement in reversed(ast.parse(cell.source).body):
            line = ast.unparse(statement)
            names, within = _names(line)
            set_here = {symbol.get_name() for symbol in names if symbol.is_assigned() or symbol.is_imported()}
            if whole or set_here & (wanted | of_functions):
                kept.append(line)
                wanted -= set_here if isinstance(statement, SETS) else set()
                wanted |= {symbol.get_name() for symbol in names if symbol.is_referenced()}
                found |= {symbol.get_name() for symbol in within if symbol.is_global()}
        sources.append(cell.source if whole else "\n".join(reversed(kept)))
    return sources[::-1], found


def _names(line):
    """The symbols of a line, and those within its functions and comprehensions."""
    module = symtable.symtable(line, "a cell", "exec")
    ahead, within = module.get_children(), []
    for table in ahead:
        within += table.get_symbols()
        ahead += table.get_children()
    return module.get_symbols(), within
