"""The network of the course in one line, with its shapes, and a lesson's part of it lit: drawn here, and nowhere else.

The drawing is SVG. In a lesson it is a PNG inside the text: Colab shows no SVG there and no file, GitHub no attachment.
"""

import functools
import hashlib
import html

import stills
from address import OPEN, ROOT

from helpers.colours import COLOURS, INK, INKS, PAPER, QUIET

MAP = ROOT / "notebooks" / "images" / "course_map.svg"  # for README and the pages
TAG = '<img src="data:image/png;base64,'  # how a lesson's paragraph with its strip begins
STEPS = ("conv1", "pool", "flatten", "fc1", "fc2")
LESSONS = {
    "01": "conv1",
    "02": "pool",
    "03": "flatten",
    "04": "all of it, forward",
    "05": "all of it, backward",
    "06": "all of it, in less time",
    "07": "all of it, looked into",
}
BOTH = ["forward", "backward"]
WAYS = {"04": ["forward"], "05": BOTH, "06": BOTH, "07": ["forward"], "00": BOTH}
WIDTH, MIDDLE = 374, 72  # a phone's column, where a letter is 12 pixels high; on a larger page all of it is larger
# Each tensor's block: its left, its width (channels), height (rows) and depth (columns), not to scale after flattening.
BLOCKS = ((8, 4, 46, 15), (87, 15, 46, 15), (165, 15, 24, 8), (253, 6, 84, 0), (301, 6, 36, 0), (349, 6, 18, 0))


@functools.cache
def shapes() -> tuple:
    """The shape of each tensor on the way, as text: "(N, 3, 32, 32)", …"""
    from helpers.model import SimpleCNN  # here and not above: not everything that draws need wait for torch
    from helpers.trace import trace

    rows = [row for row in trace(SimpleCNN(), (1, 3, 32, 32)).rows if row.kind != "relu"]
    return tuple(
        f"(N, {', '.join(map(str, shape[1:]))})" for shape in [rows[0].input_shape, *(row.output_shape for row in rows)]
    )


def words(lesson: str) -> str:
    """What the drawing shows, for those who do not see it."""
    first, *others = shapes()
    way = " → ".join([first, *(f"{step} → {shape}" for step, shape in zip(STEPS, others, strict=True))])
    drawn = [n for n in LESSONS if n <= "05"]  # on the map; 06 and 07 go the same ways again
    about = [f"This lesson: {LESSONS[lesson]}."] if lesson in LESSONS else [f"Lesson {n}: {LESSONS[n]}." for n in drawn]
    return " ".join([f"The network SimpleCNN: input {way}.", *about])


def drawing(lesson: str) -> str:
    """The SVG of a lesson's strip. "00" is the map of the course, with the number of each lesson."""
    lit = [step for step in STEPS if step == LESSONS.get(lesson)] or STEPS
    ways = WAYS.get(lesson, [])
    height = 140 + 20 * len(ways)
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height}" width="{2 * WIDTH}" '
        f'font-family="DejaVu Sans, Verdana, sans-serif" font-size="12" fill="{INK.lower()}" role="img">',
        f"<title>{html.escape(words(lesson))}</title>",
        f'<rect width="{WIDTH}" height="{height}" fill="{PAPER.lower()}"/>',
        f'<text x="3" y="{MIDDLE - 36}">input</text>',
    ]
    for place, shape in enumerate(shapes()):
        beside = STEPS[max(place - 1, 0) : place + 1]
        parts += [_block(place, any(step in lit for step in beside)), _shape(place, shape)]
    for place, step in enumerate(STEPS):
        parts.append(_step(place, step, step in lit, alone=len(lit) == 1))
        if lesson == "00" and (number := next((n for n, what in LESSONS.items() if what == step), "")):
            parts.append(_text(_between(place)[2], MIDDLE + 19, number, INKS["input"], bold=True))
    for row, way in enumerate(ways):
        number = {"forward": "lesson 04 · ", "backward": "lesson 05 · "}[way] if lesson == "00" else ""
        parts.append(_way(way, 149 + 20 * row, number + way, is_lit=(lesson, way) != ("05", "forward")))
    return "\n".join([*parts, "</svg>", ""])


def _text(x, y, text, colour=INK, bold=False):
    weight = ' font-weight="700"' if bold else ""
    return f'<text x="{x:g}" y="{y}" text-anchor="middle" fill="{colour.lower()}"{weight}>{text}</text>'


def _block(place, is_lit):
    """A box: its front as wide as the channels, its side a plane seen at an angle."""
    left, wide, high, deep = BLOCKS[place]
    colour = COLOURS[("output" if place else "input") if is_lit else "padding"].lower()
    lift = deep / 2
    top, foot = MIDDLE - high / 2 + lift / 2, MIDDLE + high / 2 + lift / 2
    faces = [(f"M{left} {top:g}h{wide}V{foot:g}h{-wide}z", 0.6)]
    if deep:
        faces += [
            (f"M{left + wide} {top:g}l{deep} {-lift:g}V{foot - lift:g}l{-deep} {lift:g}z", 0.3),
            (f"M{left} {top:g}l{deep} {-lift:g}h{wide}l{-deep} {lift:g}z", 0.15),
        ]
    drawn = (f'<path d="{path}" fill-opacity="{opacity}"/>' for path, opacity in faces)
    return f'<g fill="{colour}" stroke="{colour}" stroke-linejoin="round">{"".join(drawn)}</g>'


def _shape(place, shape):
    """Above and below in turn, so that there is room for large letters."""
    left, wide, _, deep = BLOCKS[place]
    x = left + (wide + deep) / 2
    anchor = {0: (3, "start"), len(BLOCKS) - 1: (WIDTH - 3, "end")}.get(place, (x, "middle"))
    return (
        f'<text x="{anchor[0]:g}" y="{18 if place % 2 else 130}" text-anchor="{anchor[1]}" '
        f'font-family="DejaVu Sans Mono, monospace">{shape}</text>'
    )


def _between(place):
    """(where the arrow after a block begins, where it ends, its middle)."""
    left, wide, _, deep = BLOCKS[place]
    start, end = left + wide + deep + 4, BLOCKS[place + 1][0] - 4
    return start, end, (start + end) / 2


def _step(place, step, is_lit, alone):
    start, end, middle = _between(place)
    colour = (COLOURS["kernel"] if is_lit else QUIET).lower()
    name = _text(middle, MIDDLE - 5, step, INKS["kernel"] if is_lit else QUIET, bold=is_lit)
    arrow = _arrow(start + 2, end - 2, MIDDLE + 6, colour, 2.5 if is_lit else 1.5)
    ring = f'<rect x="{start - 1}" y="{MIDDLE - 20}" width="{end - start + 2}" height="38" rx="5" fill="{colour}" '
    ring += f'fill-opacity="0.1" stroke="{colour}" stroke-width="1.5"/>'
    return f"{ring if is_lit and alone else ''}{arrow}{name}"


def _way(way, y, label, is_lit):
    """An arrow along the whole network, with its name in the middle."""
    start, end, colour = 8, WIDTH - 19, (COLOURS["kernel"] if is_lit else QUIET).lower()
    ends = (start, end) if way == "forward" else (end, start)
    half = 4 * len(label) + 4
    paper = f'<rect x="{WIDTH / 2 - half:g}" y="{y - 8}" width="{2 * half:g}" height="16" fill="{PAPER.lower()}"/>'
    dashes = ' stroke-dasharray="6 4"' if way == "backward" else ""
    arrow = _arrow(*ends, y, colour, 2 if is_lit else 1.5, dashes)
    return arrow + paper + _text(WIDTH / 2, y + 4, label, INKS["kernel"] if is_lit else QUIET, bold=is_lit)


def _arrow(start, end, y, colour, width, dashes=""):
    tip = 6 if end > start else -6
    line = f'<path d="M{start} {y}H{end - tip}" fill="none" stroke="{colour}" stroke-width="{width}"{dashes}/>'
    return f'{line}<path d="M{end} {y}l{-tip} -4v8z" fill="{colour}"/>'


def tag(lesson: str, address: str) -> str:
    """The strip in a markdown text; `address` is where its picture is."""
    return f'<img src="{address}"\nalt="{html.escape(words(lesson))}" width="{600 if lesson == "00" else 420}">'


def put_into(notebook, lesson, browser):
    """Put the strip below a lesson's title and its links, if any, or in the place of the one that is there.

    What is there stays if it was made of this drawing, and where there is no browser to make another.
    """
    svg = drawing(lesson)
    paragraphs = notebook.cells[0].source.split("\n\n")
    there = next((place for place, text in enumerate(paragraphs) if text.startswith(TAG)), None)
    if browser is None or (there is not None and made_of(paragraphs[there], svg)):
        return
    still = stills.written(stills.photograph(browser, svg, "svg"), _digest(svg))
    first = there or (2 if paragraphs[1].startswith(OPEN) else 1)
    paragraphs[first : first + (there is not None)] = [tag(lesson, f"data:image/png;base64,{still}")]
    notebook.cells[0].source = "\n\n".join(paragraphs)


def made_of(tag: str, svg: str) -> bool:
    """Whether the PNG in a paragraph was made of this drawing: it says so itself."""
    return stills.shows(tag.removeprefix(TAG).partition('"')[0]) == _digest(svg)


def _digest(svg):
    return hashlib.sha256(svg.encode()).hexdigest()
