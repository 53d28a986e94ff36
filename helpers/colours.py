"""Each colour of the course, once: the plots, the style sheets and the JavaScript take theirs from here."""

import re
from functools import cache
from pathlib import Path
from string import Template

# One colour for each thing in the whole course (Okabe & Ito: told apart by colour-blind readers too).
COLOURS = {
    "input": "#0072B2",
    "kernel": "#D55E00",
    "output": "#009E73",
    "padding": "#999999",
    "negative": "#CC79A7",
    "N": "#000000",
    "C": "#E69F00",
    "H": "#56B4E9",
    "W": "#F0E442",
}

# A scale runs from white through the thing's colour to this darker one, so that small values are seen too.
DARK = {"kernel": "#5A2700", "output": "#00402F", "negative": "#5C1F43"}

INK, PAPER = "#1B2A38", "#FFFFFF"

# What only the style sheets name: what does not fit, the planes of a colour picture, a batch's fourth picture.
MORE = {"wrong": "#C62828", "red": "#D43D3D", "green": "#4F9A2B", "blue": "#2B62D4", "fourth": "#B5BD00"}


def in_a_browser() -> dict[str, str]:
    """{name: colour} for style sheets and JavaScript."""
    return {name: colour.lower() for name, colour in {**COLOURS, **MORE}.items()}


@cache
def style(*sheets: Path) -> str:
    """Style sheets as one, with a colour where they name it, `$input`; without comments, for it is in many outputs."""
    text = Template("".join(sheet.read_text("utf-8") for sheet in sheets)).substitute(in_a_browser())
    return re.sub(r"\s*/\*.*?\*/\n?", "\n", text, flags=re.DOTALL).strip()
