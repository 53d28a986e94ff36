"""The strip: the shapes are torch's, what a lesson is about is lit, and all of it can be read on a phone."""

import base64
import re
from itertools import combinations

import address
import pytest
import strip
import torch
from nbformat.v4 import new_markdown_cell, new_notebook

from helpers.colours import INKS
from helpers.model import SimpleCNN

LESSONS = [path.name[:2] for path in address.LESSONS]
each_lesson = pytest.mark.parametrize("lesson", LESSONS)
BOXES = """() => [...document.querySelectorAll("text")].map((text) => {
  const { left, right, top, bottom } = text.getBoundingClientRect();
  return { text: text.textContent, left, right, top, bottom, size: parseFloat(getComputedStyle(text).fontSize) };
})"""


def texts(svg, **wanted):
    """The texts of the drawing, in their order; with these attributes alone, if any are given."""
    found = re.findall(r"<text ([^>]*)>([^<]*)</text>", svg)
    return [text for how, text in found if all(f'{name}="{value}"' in how for name, value in wanted.items())]


@each_lesson
def test_the_shapes_are_those_of_the_real_network(lesson):
    model, x = SimpleCNN(), torch.zeros(1, 3, 32, 32)
    shapes = [x.shape]
    for step in (model.conv1, model.pool, torch.nn.Flatten(), model.fc1, model.fc2):
        x = step(x)
        shapes.append(x.shape)
    wanted = [f"(N, {', '.join(map(str, shape[1:]))})" for shape in shapes]
    assert [text for text in texts(strip.drawing(lesson)) if text.startswith("(N")] == wanted
    said = strip.words(lesson)
    assert re.findall(r"\(N, [\d, ]+\)", said) == wanted
    assert re.findall(r"→ (\w+) →", said) == [*strip.STEPS]
    assert [name for name, _ in model.named_children()] == [step for step in strip.STEPS if step != "flatten"]


@pytest.mark.parametrize("lesson", LESSONS[1:])
def test_what_a_lesson_is_about_is_lit_in_bold_and_told(lesson):
    lit = {"01": ["conv1"], "02": ["pool"], "03": ["flatten"]}.get(lesson, [*strip.STEPS])
    svg = strip.drawing(lesson)
    bold = texts(svg, **{"font-weight": 700})
    assert [text for text in bold if text in strip.STEPS] == lit
    assert svg.count('rx="5"') == (len(lit) == 1)
    assert strip.words(lesson).endswith(f"This lesson: {strip.LESSONS[lesson]}.")
    assert f"<title>{strip.words(lesson)}</title>" in svg


def test_the_map_tells_the_lessons_that_it_names_and_is_the_file_of_the_readme():
    svg = strip.drawing("00")
    assert texts(svg, fill=INKS["input"].lower()) == ["01", "02", "03"]
    assert [text for text in texts(svg) if "lesson" in text] == ["lesson 04 · forward", "lesson 05 · backward"]
    told = {number: strip.LESSONS[number] for number in re.findall(r"Lesson (\d+):", strip.words("00"))}
    assert [*told] == re.findall(r">(?:lesson )?(0\d)[ <]", svg), "what is drawn, and no more"
    assert strip.words("00").endswith(" ".join(f"Lesson {number}: {about}." for number, about in told.items()))
    assert strip.MAP.read_text("utf-8") == svg


def test_on_a_phone_letters_are_12_pixels_high_and_none_lies_over_another_or_beyond_the_edge(open_page):
    page = open_page({"width": strip.WIDTH, "height": 400})
    for lesson in LESSONS:
        page.set_content(f"<style>body {{ margin: 0 }} svg {{ max-width: 100% }}</style>{strip.drawing(lesson)}")
        boxes = page.evaluate(BOXES)
        assert {box["size"] for box in boxes} == {12}
        for box in boxes:
            assert box["left"] >= 1, box
            assert box["right"] <= strip.WIDTH - 1, box
        for one, other in combinations(boxes, 2):
            across = min(one["right"], other["right"]) - max(one["left"], other["left"])
            down = min(one["bottom"], other["bottom"]) - max(one["top"], other["top"])
            assert across <= 0 or down <= 3, (one, other)  # a line's box is higher than its letters


@pytest.mark.parametrize("above", [["# 01 · Title"], ["# 01 · Title", "[Open in Colab](https://a.org)"]])
def test_a_strip_comes_below_title_and_links_and_is_made_anew_only_where_the_drawing_changed(
    chromium, monkeypatch, above
):
    cell = new_markdown_cell("\n\n".join([*above, "After this lesson you can"]))
    lesson = new_notebook(cells=[cell])
    strip.put_into(lesson, "01", None)  # no browser: nothing
    assert strip.TAG not in cell.source
    strip.put_into(lesson, "01", chromium)
    *before, first, rest = cell.source.split("\n\n")
    assert (before, rest) == (above, "After this lesson you can")
    assert base64.b64decode(re.search(r"base64,([^\"]+)", first)[1]).startswith(b"\x89PNG")
    strip.put_into(lesson, "01", chromium)
    assert cell.source.split("\n\n") == [*above, first, rest]
    monkeypatch.setitem(strip.LESSONS, "01", "pool")
    strip.put_into(lesson, "01", None)
    assert cell.source.split("\n\n") == [*above, first, rest]
    strip.put_into(lesson, "01", chromium)
    *before, second, rest = cell.source.split("\n\n")
    assert (before, rest) == (above, "After this lesson you can")
    assert second != first
    assert strip.made_of(second, strip.drawing("01"))
