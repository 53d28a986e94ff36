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

INK, PAPER, QUIET = "#1B2A38", "#FFFFFF", "#52606D"

# For words about a thing, on paper: darker than its own colour.
INKS = {"input": "#005A8D", "kernel": "#9A4400", "output": "#00674A"}

# What only the style sheets name: what does not fit, the planes of a colour picture, a batch's fourth picture.
MORE = {"wrong": "#C62828", "red": "#D43D3D", "green": "#4F9A2B", "blue": "#2B62D4", "fourth": "#B5BD00"}

# The lessons' pages by day and by night; a link, a keyword and a string have the inks of input, kernel and output.
DAY = {"paper": PAPER, "ink": INK, "quiet": QUIET, "line": "#D5DCE3", "tint": "#F3F6F9"}
DAY |= {"link": INKS["input"], "keyword": INKS["kernel"], "string": INKS["output"]}
NIGHT = {"paper": "#14191F", "ink": "#E4E9EE", "quiet": "#A3AFBA", "line": "#38434E", "tint": "#1E252D"}
NIGHT |= {"link": "#7CC4F0", "keyword": "#F2A26B", "string": "#5FD0AA"}


def in_a_browser() -> dict[str, str]:
    """{name: colour} for style sheets and JavaScript."""
    return _lower({**COLOURS, **MORE})


@cache
def style(*sheets: Path) -> str:
    """Style sheets as one, with a colour where they name it, `$input`; without comments, for it is in many outputs."""
    of_pages = _lower({**DAY, **{f"night_{name}": colour for name, colour in NIGHT.items()}})
    text = Template("".join(sheet.read_text("utf-8") for sheet in sheets)).substitute(in_a_browser(), **of_pages)
    return re.sub(r"\s*/\*.*?\*/\n?", "\n", text, flags=re.DOTALL).strip()


def _lower(colours):
    return {name: colour.lower() for name, colour in colours.items()}
