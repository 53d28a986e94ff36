"""One lesson, as it was run, turned into the HTML of a page that needs no kernel."""

import base64
import html
import json
import re
import struct
import subprocess
from itertools import takewhile
from pathlib import Path

import address
import folding
from bs4 import BeautifulSoup
from nbconvert.filters import ansi2html
from nbconvert.filters.markdown_mistune import IPythonRenderer, MarkdownWithMath
from npm import package, program
from page_widgets import VIEW
from pygments import highlight
from pygments.formatters import HtmlFormatter
from pygments.lexers import PythonLexer

FORMULAS = Path(__file__).parent / "template" / "formulas.js"
COLUMN = 54  # letters
HIDDEN = "hide-input"  # the tag of a cell whose code is not shown

# What a page without Python cannot do, by the code that would do it.
FUNCTION = re.compile(r"^q\d+\.check\((?!\.\.\.)", re.MULTILINE)
ANSWERED = re.compile(r"^(q\d+)\.(?:predict|check)\(", re.MULTILINE)  # a prediction or an order: a script can tell
LOOKS_BACK = re.compile(r"^progress\(", re.MULTILINE)
REVEALS = re.compile(r"^(q\d+)\.reveal\(", re.MULTILINE)
FOLLOWS = re.compile(r"\.observe\(")
TRAINS = re.compile(r"^(?:explorer = )?TrainingExplorer\(", re.MULTILINE)
REPLAYS = "On this page, Train replays a recorded run of 5 epochs. The sliders stop at the settings that were recorded."
# What a lesson says of a notebook, and what is true of its page instead.
SAID_HERE = {
    "Click it and press **Shift + Enter**: it runs, and the next one is selected. Start with this one; it finds the "
    "course's own code.": "In Jupyter it can be run.",
    "run its cell and type the answer into the field below.": "type the answer into the field below it.",
    "Run the cell, and type your": "Type your",
    "(Or put it where the three dots are, such as `q1.predict(7)`.)": "",
    "is folded: run the cell, or click the line, when you": "is folded: click the line when you",
    ": an output until you run its cell, or click *…* below it; a text until you click it.": " until you click it.",
    "; so do `q1.hint()` and `q1.solution()` in a cell of your own (**+** above the notebook makes one)": "",
    "on your machine, in `answers.jsonl` beside the notebooks; Colab, Kaggle and Binder forget them when the session "
    "ends": "on your machine, in this browser",
    "`answers.jsonl`, beside this notebook": "this browser",
    "`progress().export()` writes": "*Save as progress.txt* writes",
    "gives everyone in a class the same ones": "in a notebook is the seventh click here",
}
UNANSWERED = "Not answered yet"  # what a question says to a cell as it is; of no use here


class Renderer(IPythonRenderer):
    """Markdown as Jupyter writes it; formulas are left out, in their order, and put in later."""

    def __init__(self):
        super().__init__(escape=False, exclude_anchor_links=True)
        self.formulas = []

    def inline_math(self, body):
        return self._left_out(body, display=False)

    def block_math(self, body):
        return self._left_out(body, display=True)

    def _left_out(self, body, display):
        self.formulas.append({"tex": body, "display": display})
        return "<x-formula></x-formula>"


def body(notebook, elsewhere: str, number="") -> BeautifulSoup:
    """The cells of lesson `number` in order. `elsewhere` is the HTML that says where it runs with a kernel."""
    renderer = Renderer()
    markdown = MarkdownWithMath(renderer=renderer)
    parts = []
    for cell in notebook.cells:
        if cell.cell_type == "markdown":
            kind = "text extra" if folding.EXTRA in folding.tags(cell) else "text"
            parts.append(f'<section class="{kind}">{markdown.render(_said_here(cell.source))}</section>')
        elif cell.cell_type == "code":
            parts.append(f'<section class="cell">{_code(cell)}{_results(cell, elsewhere, number)}</section>')
    page = BeautifulSoup("\n".join(parts), "html.parser")
    for place, mathml in zip(page.find_all("x-formula"), _mathml(renderer.formulas), strict=True):
        place.replace_with(BeautifulSoup(mathml, "html.parser"))
    for link in page.select("a[href$='.ipynb']:not([href*='//'])"):
        link["href"] = link["href"].removesuffix(".ipynb") + ".html"
    for heading in page.find_all("h2"):
        heading["id"] = re.sub(r"[^\w]+", "-", heading.get_text().lower()).strip("-")
    for section in page.select(".extra"):
        _fold(section, page)
    return page


def _said_here(source):
    """A text of the lesson, with what is true of its page. Its lines may be broken anywhere."""
    for said, here in SAID_HERE.items():
        source = re.sub(r"\s+".join(map(re.escape, said.split())), here, source)
    return source


def _fold(section, page):
    """Fold the section that its heading begins, up to the next heading of the same level."""
    folded, summary = page.new_tag("details", attrs={"class": "extra"}), page.new_tag("summary")
    following = takewhile(lambda other: not other.find(["h1", "h2"]), section.find_next_siblings("section"))
    parts = [section, *following]
    section.insert_before(folded)
    section["class"] = "text"
    summary.append(section.h2.extract())
    for part in (summary, *parts):
        folded.append(part)


def _code(cell):
    if HIDDEN in cell.metadata.get("tags", []):
        return ""
    code = highlight(cell.source, PythonLexer(), HtmlFormatter(cssclass="code"))
    if address.is_setup(cell.source):
        return f"<details><summary>the setup cell</summary>{code}</details>"
    return code


def _results(cell, elsewhere, number):
    outputs = "".join(map(_output, folding.uncovered(cell)))
    if FUNCTION.search(cell.source):
        outputs = ("" if UNANSWERED in outputs else outputs) + _needs("To check an answer", elsewhere)
    elif asked := ANSWERED.search(cell.source):  # a script puts what answers in the place of what says that it cannot
        outputs = f'<div data-question="{number}.{asked[1]}">{_needs("To check an answer", elsewhere)}</div>'
    elif LOOKS_BACK.search(cell.source):
        outputs = f"<div data-progress>{_needs('To look back on your answers', elsewhere)}</div>"
    elif FOLLOWS.search(cell.source):
        outputs = _needs("This slider moves a sentence of Python's. To see it", elsewhere)
    elif TRAINS.search(cell.source):
        outputs = _needs(f"{REPLAYS} To train yourself", elsewhere) + outputs
    elif outputs and (folding.ANSWER in folding.tags(cell) or REVEALS.search(cell.source)):
        reveals = REVEALS.search(cell.source)
        label = f' data-reveals="{reveals[1]}"' if reveals else ""
        outputs = f"<details{label}><summary>Show the answer</summary>{outputs}</details>"
    return f'<div class="output">{outputs}</div>' if outputs else ""


def _needs(what, elsewhere):
    return f'<p class="no-kernel">{what}, {elsewhere}</p>'


def _output(output):
    if output.output_type == "stream":
        return _lines(output.text, ansi2html)
    if output.output_type == "error":
        return _lines("\n".join(output.traceback), ansi2html)
    data, words = output.data, html.escape(output.data.get("text/plain", ""), quote=True)
    if VIEW in data:
        model = html.escape(data[VIEW]["model_id"])
        waiting = f'<p class="waiting">{words}<br>The picture is drawn by JavaScript …</p>'
        return f'<div class="widget" data-model="{model}">{waiting}</div>'
    if "text/html" in data:
        return f"<div>{data['text/html']}</div>"
    if "image/png" in data:
        width = output.metadata.get("image/png", {}).get("width", "auto")
        kind = ' class="wide"' if _is_wide(data["image/png"]) else ""
        picture = f"data:image/png;base64,{data['image/png'].strip()}"
        return f'<img src="{picture}" alt="{words}" width="{width}"{kind}>'
    return _lines(data.get("text/plain", ""), html.escape)


def _lines(text, written):
    """What was printed, and whether its rows are too wide for a column on paper; a single line can be broken."""
    is_wide = sum(len(line) > COLUMN for line in text.splitlines()) > 1
    return f'<pre class="wide">{written(text)}</pre>' if is_wide else f"<pre>{written(text)}</pre>"


def _is_wide(png):
    """Whether a picture would be too small in a column on paper."""
    width, height = struct.unpack(">II", base64.b64decode(png)[16:24])
    return width > 1.6 * height


def _mathml(formulas):
    """Each formula as MathML, which browsers draw without a library or a font of ours."""
    command = [program("node"), FORMULAS, package("katex@0.19.1") / "dist" / "katex.js"]
    done = subprocess.run(command, input=json.dumps(formulas), capture_output=True, text=True)
    if done.returncode:
        raise RuntimeError(f"A formula could not be written as MathML: {done.stderr}")
    return json.loads(done.stdout)
