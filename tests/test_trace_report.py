"""What a Trace looks like, as text and in a notebook."""

import re
import subprocess
import sys
from html.parser import HTMLParser

import pytest
import torch.nn.functional as F
from lab import ROOT
from torch import nn

from helpers.model import SimpleCNN
from helpers.trace import Problem, Row, Trace, report, trace

WIDE = 116  # what JupyterLab shows in a line on a page of 1100 pixels


class Silent(SimpleCNN):
    def forward(self, x):
        x = self.pool(F.relu(self.conv1(x)))
        return self.fc2(F.relu(self.fc1(x.view(-1, 4608))))


class Head(nn.Module):
    def __init__(self):
        super().__init__()
        self.fc = nn.Linear(4608, 10)

    def forward(self, x):
        return self.fc(x.view(-1, 4608))


class Deep(nn.Module):
    """Nested names, and many rows."""

    def __init__(self, blocks=12):
        super().__init__()
        block = [nn.Conv2d(8, 8, 3, padding=1), nn.BatchNorm2d(8), nn.ReLU()]
        self.stem = nn.Conv2d(3, 8, 3)
        self.layers = nn.Sequential(*(nn.Sequential(*block) for _ in range(blocks)))

    def forward(self, x):
        return F.interpolate(
            self.layers(self.stem(x)), scale_factor=2, mode="bilinear", align_corners=False, antialias=False
        )


UP = nn.Sequential(nn.ConvTranspose2d(3, 2, (4, 5), (2, 3), (1, 2), output_padding=(1, 2), dilation=(2, 3)))
MODELS = {
    "fits": (SimpleCNN(), (4, 3, 32, 32)),
    "fails": (SimpleCNN(), (4, 3, 48, 48)),
    "silent": (Silent(), (4, 3, 48, 48)),
    "silent in a block": (nn.Sequential(nn.Conv2d(3, 18, 3, padding=1), nn.MaxPool2d(2), Head()), (4, 3, 48, 48)),
    "deep": (Deep(), (2, 3, 224, 224)),
    "two sides": (UP, (2, 3, 640, 960)),
}


@pytest.fixture(params=MODELS, scope="module")
def traced(request):
    return trace(*MODELS[request.param])


class Table(HTMLParser):
    """The text of each cell, as a page without any style shows it; `open` has the tags that were not closed."""

    def __init__(self, html):
        super().__init__()
        self.rows, self.open = [], []
        self.feed(html)
        self.close()

    def handle_starttag(self, tag, attributes):
        if tag == "br":
            self.handle_data("\n")
            return
        self.open.append(tag)
        if tag == "tr":
            self.rows.append([])
        elif tag in ("th", "td"):
            self.rows[-1].append("")

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, text):
        if {"th", "td"} & set(self.open):
            self.rows[-1][-1] += text


def words(html):
    return " ".join(re.sub(r"<style>.*?</style>|<[^>]*>", "", html.replace("<p>", " "), flags=re.DOTALL).split())


def problem(**changed):
    parts = dict(kind="other", layer="fc1", what="", got="", wanted="", why="", fix="", torch_message="")
    return Problem(**parts | changed)


def made(*rows, problem=None, unused=()):
    return Trace([Row(*row) for row in rows], problem, unused)


def line_of(traced, start):
    return next(line for line in str(traced).splitlines() if line.startswith(start))


# -- text ----------------------------------------------------------------------------------------------


def test_text_begins_and_ends_its_columns_below_their_titles(traced):
    head, *lines = str(traced).split("\n\n")[0].splitlines()
    starts = [head.index(title) for title in ("input", "output")]
    ends = [head.index(title) + len(title) for title in ("parameters", "mult-adds")]
    full = [line for line in lines if re.search(r"[\d,]+ +[\d,]+( |$)", line[starts[1] + 1 :]) and len(line) >= ends[1]]
    assert len(full) == len(traced.rows) + 1
    for line, row in zip(full, traced.rows, strict=False):
        assert line[starts[0] :].startswith(str(row.input_shape))
        assert line[starts[1] :].startswith(str(row.output_shape or "✗ fails here"))
        assert line[: ends[0]].endswith(f" {row.parameters:,}")
        assert line[: ends[1]].endswith(f" {row.macs:,}")


def test_text_has_every_name_and_every_side_of_a_formula(traced):
    text = str(traced)
    for row in traced.rows:
        assert row.name in text
        assert all(side in text for side in row.formula.split(" · "))


def test_no_line_of_the_table_is_wider_than_a_page(traced):
    assert max(map(len, str(traced).split("\n\n")[0].splitlines())) <= WIDE


def test_formulas_stand_in_a_column_where_there_is_room_and_else_below_their_rows():
    assert line_of(trace(*MODELS["fits"]), "conv1").endswith("  ⌊(32 + 2·1 − 3) / 1⌋ + 1 = 32")
    head, _, height, width = str(trace(*MODELS["two sides"])).splitlines()[:4]
    assert not head.endswith("size")
    assert height.startswith(" " * head.index("input") + "height (640 − 1)·2")
    assert width.startswith(" " * head.index("input") + "width (960 − 1)·3")


def test_a_long_name_and_a_long_formula_do_not_widen_the_table():
    shape, name = (2, 3, 4, 4), "block." * 30 + "conv"
    traced = made(
        (name, "Conv2d", shape, shape, 0, 0, " + ".join(["64"] * 60)), ("relu", "ReLU", shape, shape, 0, 0, "")
    )
    lines = str(traced).splitlines()
    assert max(map(len, lines)) <= WIDE
    assert name in str(traced).replace("\n", "")
    assert len(line_of(traced, "relu")) < 80


def test_the_row_that_fails_says_so_and_the_totals_count_so_far():
    lines = str(trace(*MODELS["fails"])).splitlines()
    at = next(n for n, line in enumerate(lines) if line.startswith("fc1 "))
    assert "✗ fails here" in lines[at]
    assert lines[at].endswith("  10368 arrive, 4608 wanted")
    assert re.fullmatch("together, so far +295,480 +4,478,976", lines[at + 1])
    assert "✗" not in str(trace(*MODELS["fits"]))
    assert re.fullmatch("together +296,130 +3,172,864", str(trace(*MODELS["fits"])).splitlines()[-1])


def test_one_number_arrives_and_no_widths_are_told_where_something_else_failed():
    assert trace(nn.Linear(2, 1), (4, 1)).rows[-1].formula == "1 arrives, 2 wanted"
    assert trace(nn.LSTM(10, 2), (7, 4, 12)).rows[-1].formula == "12 arrive, 10 wanted"
    assert trace(nn.Conv2d(3, 1, 3), (4, 1, 8, 8)).rows[-1].formula == ""


@pytest.mark.parametrize("name", ["silent", "silent in a block"])
def test_where_pytorch_reports_nothing_the_row_of_the_problem_is_marked(name):
    traced = trace(*MODELS[name])
    lines = str(traced).splitlines()
    at = next(n for n, line in enumerate(lines) if "x.view(-1, 4608)" in line)
    assert lines[at + 1].strip() == "! see below"
    assert lines[at + 1].index("!") == lines[0].index("output")
    assert [line for line in lines if "! see below" in line] == [lines[at + 1]]
    marked = [row for row in Table(traced._repr_html_()).rows if "! see below" in row[1]]
    assert [row[0] for row in marked] == [next(row.name for row in traced.rows if "view" in row.name)]


def test_of_rows_with_one_name_the_first_is_marked_and_after_an_error_the_last():
    rows = [("F.relu(x)", "relu", (2, 3), (2, 3), 0, 0, "")] * 3
    for said, place in (("", 0), ("ValueError: x", 2)):
        traced = made(*rows, problem=problem(layer="F.relu(x)", torch_message=said))
        lines = str(traced).split("\n\n")[0].splitlines()
        assert [n for n, line in enumerate(lines) if "!" in line] == [place + 2]


def test_a_problem_in_no_row_marks_none():
    traced = made(("fc2", "Linear", (2, 3), (2, 3), 0, 0, ""), problem=problem(layer="forward", what="It is None."))
    assert "!" not in str(traced)
    assert 'cs-trace-mark"' not in traced._repr_html_()


def test_text_ends_with_the_problem_after_a_blank_line():
    traced = trace(*MODELS["fails"])
    assert str(traced).endswith(f"\n\n{traced.problem}")


def test_layers_that_were_never_called_are_named():
    model = SimpleCNN()
    model.conv2 = nn.Conv2d(18, 18, 3)
    traced = trace(model, (4, 3, 32, 32))
    assert str(traced).splitlines()[-1] == "never called: conv2"
    assert "never called: conv2" in words(traced._repr_html_())
    assert "never called" not in str(trace(*MODELS["fits"])) + trace(*MODELS["fits"])._repr_html_()


def test_the_kind_is_left_out_where_the_name_says_it():
    said = [("F.relu(x)", "relu"), ("x + y", "add"), ("x[:, 0]", "__getitem__"), ("x.T", "T")]
    said += [("Linear", "Linear"), ("Conv2d (not registered)", "Conv2d")]
    rows = [("conv", "Conv2d"), *said]
    traced = made(*((*row, (2, 3), (2, 3), 0, 0, "") for row in rows))
    layers = [re.split(r" +\(2, 3", line)[0] for line in str(traced).splitlines()[1:-1]]
    assert layers == ["conv  Conv2d", *(name for name, _ in said)]


def test_of_many_shapes_that_are_put_together_the_first_are_written():
    def cat(count):
        return made(("torch.cat(...)", "cat", tuple((2, n, 4, 4) for n in range(1, count + 1)), (2, 9, 4, 4), 0, 0, ""))

    few, many = cat(4), cat(9)
    assert all(f"(2, {n}, 4, 4)" in str(few) for n in range(1, 5))
    assert "and 6 more" in str(many)
    assert "(2, 3, 4, 4)" in str(many)
    assert "(2, 4, 4, 4)" not in str(many)
    assert "and 6 more" in words(many._repr_html_())


# -- HTML ----------------------------------------------------------------------------------------------


def sees(row):
    return "sees " + " × ".join(map(str, row.receptive_field))


def test_every_row_is_in_the_html_with_its_name_shapes_and_numbers(traced):
    html = traced._repr_html_()
    table = Table(html)
    assert table.open == []
    head, *rows, last = table.rows
    assert head == ["layer", "input → output", "parameters", "multiply-adds"]
    assert [row[0].split()[0] for row in rows] == [row.name.split()[0] for row in traced.rows]
    for cells, row in zip(rows, traced.rows, strict=True):
        assert cells[0].startswith(row.name)
        assert cells[1].startswith(f"{row.input_shape} → {row.output_shape or '✗ fails here'}")
        lines = row.formula.replace(" · ", "\n")
        assert cells[1].removesuffix(sees(row)).rstrip().endswith(lines)
        assert cells[2:] == [f"{row.parameters:,}", f"{row.macs:,}"]
    assert last[1:] == [f"{traced.parameters:,}", f"{traced.macs:,}"]


def test_the_html_says_all_that_the_problem_says():
    for name in ("fails", "silent"):
        traced = trace(*MODELS[name])
        assert words(traced._repr_html_()).endswith(" ".join(str(traced.problem).split()))


def test_the_same_model_has_the_same_html_in_another_process():
    code = "from helpers.model import SimpleCNN; from helpers.trace import trace; import sys\n"
    code += "sys.stdout.buffer.write(trace(SimpleCNN(), (4, 3, 48, 48))._repr_html_().encode())"
    other = subprocess.run([sys.executable, "-c", code], cwd=ROOT, check=True, capture_output=True).stdout
    assert other == trace(*MODELS["fails"])._repr_html_().encode()


def test_names_and_messages_are_escaped():
    evil = "<b>&amp;</b>"
    row = (evil, evil, (2, 3), (2, 3), 0, 0, evil)
    told = problem(layer=evil, what=evil, why=evil, fix=evil, torch_message=evil)
    html = made(row, problem=told, unused=[evil])._repr_html_()
    assert "<b>" not in html
    assert "&amp;</b" not in html
    assert html.count("&lt;b&gt;&amp;amp;&lt;/b&gt;") == 7  # its kind is said by its name


def test_however_many_steps_and_however_long_a_name_the_report_can_be_read():
    class Many(nn.Module):
        def __init__(self):
            super().__init__()
            self.add_module("<script>" * 100_000, nn.Linear(4, 2))

        def forward(self, x):
            for _ in range(2000):
                x = F.relu(x)
            return next(self.children())(x)

    result = trace(Many(), (2, 3))
    assert result.problem.kind == "linear-width"
    assert "… and 1,701 more steps …" in repr(result)
    assert len(repr(result)) < 60_000
    assert len(result._repr_html_()) < 200_000
    assert "<script>" not in result._repr_html_()
    many = trace(nn.Sequential(*(nn.Linear(3, 3) for _ in range(1000))), (2, 3))
    assert "… and 700 more steps …" in repr(many)
    assert re.search(r"together .*12,000", repr(many)), "of all steps, also those that are not shown"


def test_a_shape_that_is_a_text_is_escaped():
    assert report._coloured("<img src=x>") == "&lt;img src=x&gt;"


def test_the_html_has_nothing_from_outside_and_names_only_its_own_classes(traced):
    html = traced._repr_html_()
    assert not re.search(r"\bid=|<script|https?:|url\(|@import|/\*", html)
    names = " ".join(re.findall(r'class="([^"]*)"', html)).split()
    assert names
    assert all(name.startswith("cs-trace") for name in names)


# -- in a browser --------------------------------------------------------------------------------------

# JupyterLab's own rules for what a cell shows.
AROUND = """<!doctype html><meta charset="utf-8"><style>
body { margin: 0 }
.jp-RenderedHTMLCommon table { font-size: 13px; table-layout: fixed; margin: 0 auto 1em; border-spacing: 0 }
.jp-RenderedHTMLCommon :is(td, th, tr) { vertical-align: middle; padding: 0.5em; line-height: normal; max-width: none }
:not(.jp-RenderedMarkdown).jp-RenderedHTMLCommon :is(td, th, tr) { text-align: right }
.jp-RenderedHTMLCommon th { font-weight: bold }
.jp-RenderedHTMLCommon tbody tr:nth-child(even) { background: rgb(1, 2, 3) }
.jp-RenderedHTMLCommon tbody tr:nth-child(odd) { background: rgb(1, 2, 3) }
.jp-RenderedHTMLCommon :not(pre) > code { background-color: rgb(1, 2, 3); padding: 1px 5px }
</style><div class="jp-RenderedHTMLCommon jp-RenderedHTML">%s</div>
<div class="jp-RenderedHTMLCommon"><table id="other"><tbody><tr><td><code>x</code></td></tr></tbody></table></div>"""

OTHER = """() => [...document.querySelectorAll("#other, #other *")].map((part) => {
  const look = getComputedStyle(part);
  return [...look].map((name) => `${name}: ${look.getPropertyValue(name)}`).join("; ");
})"""


@pytest.fixture
def show(open_page):
    """`show(html, width)` → a page that has it as the output of a cell."""

    def show(html, width=900):
        page = open_page({"width": width, "height": 900})
        page.set_content(AROUND % html)
        return page

    return show


@pytest.mark.parametrize("width", [564, 900])  # of the output, on JupyterLab pages of 700 and 1100
def test_it_fits_the_page_with_text_of_twelve_pixels(show, traced, width):
    page = show(traced._repr_html_(), width)
    seen = page.evaluate(
        """() => {
          const texts = [...document.querySelectorAll(".cs-trace *")].filter((part) => part.tagName !== "STYLE");
          const box = document.querySelector(".cs-trace-box");
          return {
            page: document.documentElement.scrollWidth,
            table: box.scrollWidth - box.clientWidth,
            font: Math.min(...texts.map((part) => parseFloat(getComputedStyle(part).fontSize))),
          };
        }"""
    )
    assert seen["page"] <= width
    assert seen["table"] == 0
    assert seen["font"] >= 12
    assert page.problems == []


def test_a_long_name_is_broken_and_leaves_the_shapes_in_one_line(show):
    shape = (2, 3, 4, 4)
    page = show(made(("block." * 30 + "conv", "Conv2d", shape, shape, 0, 0, ""))._repr_html_(), 564)
    assert page.locator(".cs-trace-box").evaluate("(box) => box.scrollWidth - box.clientWidth") == 0
    tops = page.locator("td:nth-child(2) > span").evaluate_all("(all) => all.map((one) => one.offsetTop)")
    assert len(tops) == 2
    assert tops[0] == tops[1]


def test_a_table_that_is_too_wide_scrolls_in_its_own_box(show):
    huge = made(("conv", "Conv2d", (2,) * 40, (2,) * 40, 10**40, 10**40, "1" * 200))
    page = show(huge._repr_html_(), 564)
    assert page.evaluate("() => document.documentElement.scrollWidth") <= 564
    assert page.locator(".cs-trace-box").evaluate("(box) => box.scrollWidth > box.clientWidth")


def test_a_notebooks_own_rules_do_not_reach_it_and_its_rules_reach_nothing_else(show):
    html = trace(*MODELS["fails"])._repr_html_()
    page = show(html)
    looks = """(parts) => parts.map((part) => getComputedStyle(part))
      .map((look) => [look.textAlign, look.backgroundColor])"""
    rows = page.locator(".cs-trace tbody tr:not(.cs-trace-wrong), .cs-trace code").evaluate_all(looks)
    assert {background for _, background in rows} == {"rgba(0, 0, 0, 0)"}
    for column, side in enumerate(["left", "left", "right", "right"], 1):
        cells = page.locator(f".cs-trace tbody tr > :nth-child({column})").evaluate_all(looks)
        assert {align for align, _ in cells} == {side}
    assert page.evaluate(OTHER) == show("<p>nothing</p>").evaluate(OTHER)


@pytest.mark.parametrize("width", [564, 900])
def test_arrows_stand_below_one_another(show, width):
    page = show(trace(*MODELS["fits"])._repr_html_(), width)
    lefts = page.locator(".cs-trace-output").evaluate_all("(all) => all.map((one) => one.getBoundingClientRect().left)")
    assert max(lefts) - min(lefts) < 0.5


@pytest.mark.parametrize("paper", ["#ffffff", "#111111"])
def test_its_text_can_be_read_on_light_and_dark_paper(show, paper):
    ink = "rgba(0, 0, 0, 0.87)" if paper == "#ffffff" else "#ffffff"
    page = show(trace(*MODELS["fails"])._repr_html_())
    contrasts = page.evaluate(
        """([paper, ink]) => {
          document.documentElement.style.setProperty("--jp-content-font-color1", ink);
          const canvas = new OffscreenCanvas(1, 1).getContext("2d", { willReadFrequently: true });
          const shine = (...colours) => {
            for (const colour of colours) { canvas.fillStyle = colour; canvas.fillRect(0, 0, 1, 1); }
            const [r, g, b] = [...canvas.getImageData(0, 0, 1, 1).data].map((part) => part / 255)
              .map((part) => (part <= 0.04045 ? part / 12.92 : ((part + 0.055) / 1.055) ** 2.4));
            return 0.2126 * r + 0.7152 * g + 0.0722 * b + 0.05;
          };
          const found = {};
          for (const part of document.querySelectorAll(".cs-trace *:not(style)")) {
            if (![...part.childNodes].some((node) => node.nodeType === 3 && node.data.trim())) continue;
            const row = part.closest("tr");
            const below = [paper, row ? getComputedStyle(row).backgroundColor : "transparent"];
            const two = [shine(...below), shine(...below, getComputedStyle(part).color)].sort((a, b) => a - b);
            found[`${part.className} ${part.tagName}`] = two[1] / two[0];
          }
          return found;
        }""",
        [paper, ink],
    )
    assert len(contrasts) > 10
    assert {name: contrast for name, contrast in contrasts.items() if contrast < 4.5 and "zero" not in name} == {}
    assert min(contrasts.values()) > 3  # zeros are pale
