"""A Trace as aligned text and as an HTML table."""

import re
from dataclasses import replace
from html import escape
from itertools import zip_longest
from pathlib import Path
from textwrap import wrap
from types import SimpleNamespace

from helpers.colours import style

SHEET = Path(__file__).with_name("report.css")
WIDE = 116  # characters in a line: JupyterLab on 1100 pixels breaks longer ones
MANY = 3  # how many of the shapes that are put together are written out
ROWS = 300  # more steps are not all shown
LONGEST = 3000  # characters of a sentence, or of torch's message
FAILS, BELOW = "✗ fails here", "! see below"


def text(trace):
    """The table, the layers that were never called, and the problem."""
    trace = _bounded(trace)
    lines = _aligned(_cells(trace))
    if trace.unused:
        lines += wrap(_unused(trace), WIDE)
    if trace.problem:
        lines += ["", str(trace.problem)]
    return "\n".join(lines)


def html(trace):
    """The same as a table for a notebook. It brings its style, and can be read where a page drops that."""
    trace = _bounded(trace)
    at, mark = _marked(trace)
    fields = [_field(row) for row in trace.rows]
    news = [field if field != before else "" for before, field in zip(["", *fields], fields, strict=False)]
    rows = "".join(_row(row, mark if place == at else "", news[place]) for place, row in enumerate(trace.rows))
    titles = ("layer", "input → output", "parameters", "multiply-adds")
    heads = "".join(f'<th scope="col">{title}</th>' for title in titles)
    longest = max((len(line) for row in trace.rows for line in _shapes(row.input_shape)), default=0)
    parts = [
        f'<div class="cs-trace"><style>{style(SHEET)}</style>',
        f'<div class="cs-trace-box"><table style="--input: {longest}ch">',
        "<caption>The model step by step: its layers, and the functions between them</caption>",
        f"<thead><tr>{heads}</tr></thead>",
        f"<tbody>\n{rows}</tbody>",
        f'<tfoot><tr><th scope="row" colspan="2">{_together(trace)}</th>',
        f"<td>{trace.parameters:,}</td><td>{trace.macs:,}</td></tr></tfoot></table></div>",
        f"<p>{escape(_unused(trace))}</p>" if trace.unused else "",
        _problem(trace.problem) if trace.problem else "",
        "</div>",
    ]
    return "\n".join(filter(None, parts))


def _bounded(trace):
    """The same with what can be read on a page: of many steps the first and the last, of long texts the beginning."""
    rows, left_out, half = list(trace.rows), len(trace.rows) - ROWS, ROWS // 2
    if left_out > 0:
        name = f"… and {left_out:,} more steps …"
        gap = replace(
            rows[half],
            name=name,
            kind="",
            input_shape=None,
            output_shape=None,
            parameters=0,
            macs=0,
            formula="",
            seen=tuple,
        )
        rows = [*rows[:half], gap, *rows[half + left_out :]]
    rows = [replace(row, name=_cut(row.name), kind=_cut(row.kind), formula=_cut(row.formula)) for row in rows]
    problem = trace.problem
    if problem is not None:
        told = {name: _cut(value, LONGEST) for name, value in vars(problem).items() if name != "pictures"}
        problem = replace(replace(problem, **told), layer=_cut(problem.layer))
    unused = [_cut(name) for name in trace.unused[:ROWS]]
    return SimpleNamespace(rows=rows, problem=problem, unused=unused, parameters=trace.parameters, macs=trace.macs)


def _cut(text, most=400):
    return text if len(text) <= most else f"{text[:most]} …"


def _cells(trace):
    """Rows of seven cells; each cell is a list of lines."""
    at, mark = _marked(trace)
    names = max((len(row.name) for row in trace.rows if _kind(row) and len(row.name) < WIDE // 3), default=0)
    size = ["size"] if any(row.formula for row in trace.rows) else []
    sees = ["sees"] if any(row.receptive_field for row in trace.rows) else []
    cells = [[["layer"], ["input"], ["output"], ["parameters"], ["mult-adds"], sees, size]]
    for place, row in enumerate(trace.rows):
        kind = _kind(row)
        layer = f"{row.name:{names}}  {kind}" if kind else row.name  # a call may be as long as both
        output = _shapes(row.output_shape) + [mark] * (place == at)
        counts = [f"{row.parameters:,}"], [f"{row.macs:,}"]
        cells.append(
            [[layer], _shapes(row.input_shape), output, *counts, [_field(row, short=True)], _sides(row.formula)]
        )
    return [*cells, [[_together(trace)], [], [], [f"{trace.parameters:,}"], [f"{trace.macs:,}"], [], []]]


def _aligned(table):
    """The lines of the table. Too long a layer's name has its own line; too long formulas stand below their rows."""
    lengths = [[len(line) for cells in table for line in cells[column]] for column in range(7)]
    widths = [max(column, default=0) for column in lengths]
    room = WIDE - sum(widths[1:6]) - 2 * (5 if widths[5] else 4)
    widths[0] = max(length for length in lengths[0] if length <= max(room, WIDE // 4))
    is_beside = widths[0] + 2 + widths[6] <= room
    below = " " * (widths[0] + 2)
    lines = []
    for place, (layer, *cells, sides) in enumerate(table):
        if len(layer[0]) > widths[0]:
            lines += wrap(layer[0], WIDE)
            layer = []
        for parts in zip_longest(layer, *cells, sides if is_beside else [], fillvalue=""):
            columns = [each for each in zip(parts, "<<<>>><", widths, strict=True) if each[2]]
            lines.append("  ".join(f"{part:{side}{width}}" for part, side, width in columns).rstrip())
        if not is_beside and place > 0:
            lines += [below + part for side in sides for part in wrap(side, WIDE - len(below))]
    return lines


def _row(row, mark, field):
    kind = f' <span class="cs-trace-kind">{escape(_kind(row))}</span>' if _kind(row) else ""
    name = f'<span class="cs-trace-layer"><code>{escape(row.name)}</code>{kind}</span>'
    arrived = "<br>".join(map(_coloured, _shapes(row.input_shape)))
    returned = [_coloured(shape) for shape in _shapes(row.output_shape)]
    returned = " ".join(returned + [f'<strong class="cs-trace-mark">{mark}</strong>'] * bool(mark))
    sides = "<br>".join(map(escape, _sides(row.formula)))
    place = "cs-trace-beside" if sides else "cs-trace-field"
    sides += f' <span class="{place}">sees {field}</span>' if field else ""
    shapes = f'<span class="cs-trace-input">{arrived}</span> <span class="cs-trace-output">→ {returned}</span>'
    shapes += f'<br><small class="cs-trace-formula">{sides}</small>' if sides else ""
    quiet = {0: ' class="cs-trace-zero"'}
    counts = "".join(f"<td{quiet.get(count, '')}>{count:,}</td>" for count in (row.parameters, row.macs))
    look = "cs-trace-wrong" if mark else "cs-trace-call" if _is_call(row) else "cs-trace-step"
    return f'<tr class="{look}"><th scope="row">{name}</th><td>{shapes}</td>{counts}</tr>\n'


def _coloured(shape):
    """N, C, H and W in the colours that they have in the whole course."""
    sizes = re.fullmatch(r"\((\d+), (\d+), (\d+), (\d+)\)", shape)
    if sizes is None:
        return escape(shape)
    letters = zip("nchw", sizes.groups(), strict=True)
    return "(" + ", ".join(f'<span class="cs-trace-{name}">{size}</span>' for name, size in letters) + ")"


def _problem(problem):
    changes = ", and ".join(f"<code>{escape(change)}</code>" for change in problem.fix.split(", and "))
    said = f"PyTorch says: <code>{escape(problem.torch_message)}</code>"
    lines = [
        f"<strong>{escape(problem.what)}</strong>",
        f"Why: {escape(problem.why)}" if problem.why else "",
        f"Change: {changes}" if problem.fix else "",
        said if problem.torch_message else "PyTorch reports no error.",
    ]
    return f'<div class="cs-trace-problem">{"".join(f"<p>{line}</p>" for line in lines if line)}</div>'


def _marked(trace):
    """(the place of the row where the problem shows, its mark); (None, "") without one."""
    rows, problem = trace.rows, trace.problem
    if problem is None:
        return None, ""
    if rows and rows[-1].output_shape is None:
        return len(rows) - 1, FAILS
    named = (problem.layer, f": {problem.layer}")  # a call in a block is named with the block
    places = [place for place, row in enumerate(rows) if row.name == named[0] or row.name.endswith(named[1])]
    if not places:
        return None, ""
    return places[-1 if problem.torch_message else 0], BELOW  # an error ends the run: it is at the last


def _shapes(shape):
    """A line for each tensor; of many only for the first."""
    if shape is None:
        return []
    shapes = [str(one) for one in shape] if shape and isinstance(shape[0], tuple) else [str(shape)]
    more = len(shapes) - MANY
    return [*shapes[:MANY], f"and {more} more"] if more > 1 else shapes


def _sides(formula):
    """A line for each side: height, width."""
    return formula.split(" · ") if formula else []


def _field(row, short=False):
    """`4 × 4`, or in short `4`: how much of the image a number is computed from."""
    sides = row.receptive_field
    return " × ".join(map(str, sides[:1] if short and len(set(sides)) == 1 else sides))


def _is_call(row):
    """Is it a function and no layer? Classes have a capital; x.T is named like its kind."""
    return not row.kind[:1].isupper() or row.name.endswith(f".{row.kind}")


def _kind(row):
    """The kind, where the name does not say it: x + y does."""
    if _is_call(row):
        is_said = row.kind in row.name or not re.fullmatch(r"[\w.]+", row.name)
    else:
        is_said = row.name.split(" (")[0] == row.kind  # a model of one layer, or a layer that is not registered
    return "" if is_said else row.kind


def _together(trace):
    return "together, so far" if _marked(trace)[1] == FAILS else "together"


def _unused(trace):
    return f"never called: {', '.join(trace.unused)}"
