"""The worksheet: each question once, answers apart, each lesson on one page of A4."""

import re

import pytest
import worksheet
from ask import texts
from bs4 import BeautifulSoup

from helpers.exercises.question import QUESTIONS

LESSONS = [path.name[:2] for path in worksheet.LESSONS[1:]]  # that ask questions


@pytest.fixture(scope="module")
def sheets():
    """The worksheet's pages of questions and its answers."""
    page = BeautifulSoup(worksheet.page(worksheet.asking()), "html.parser")
    return page.select(".questions"), page.select(".answers")


def test_each_question_of_each_lesson_is_asked_once_in_order(sheets):
    lessons = [lesson for lesson in worksheet.LESSONS if any(name[:2] == lesson.name[:2] for name in QUESTIONS)]
    assert len(sheets[0]) == len(lessons) >= 7
    for sheet, lesson in zip(sheets[0], lessons, strict=True):
        assert sheet.h1.get_text().startswith(f"{lesson.name[:2]} · ")
        asked = [part.get_text() for part in sheet.select("p")]
        wanted = texts(lesson.name)
        assert [text.split(" · ")[0] for text in asked] == list(wanted)
        for found, text in zip(asked, wanted.values(), strict=True):
            assert found.endswith(text.replace("`", ""))
        assert len(sheet.select(".room")) == len(wanted)


def test_what_is_to_be_fixed_stands_beside_its_question(sheets):
    asked = {sheet.h1.get_text()[:2]: sheet.get_text() for sheet in sheets[0]}
    broken = [name for name, question in QUESTIONS.items() if getattr(question, "broken", None)]
    assert len(broken) >= 5
    assert "x = x.view(-1, 18 * 16 * 16)" in asked["03"]
    assert "optimizer.zero_grad()\n    losses = []" in asked["05"]
    for name in broken:
        called = re.match(r"(?:Fix )?.*?`(\w+)\(", QUESTIONS[name].text)
        assert called is None or f"def {called[1]}(" in asked[name[:2]], name


def test_the_answers_stand_on_pages_of_their_own(sheets):
    answers = "".join(part.get_text() for part in sheets[1])
    assert len(sheets[1]) == len(sheets[0])
    for lesson in sheets[0]:
        assert "⌊(6 − 3) / 2⌋ + 1" not in lesson.get_text()
    for question in QUESTIONS.values():
        for paragraph in question.on_paper()[1]:
            assert paragraph.strip().replace("`", "") in answers, question.name


def test_each_lesson_is_one_page_of_a4_and_the_answers_begin_a_new_one(chromium, tmp_path):
    worksheet.main(["--output", str(tmp_path / "sheet.html")])
    page = chromium.new_page()
    page.emulate_media(media="print")
    page.goto((tmp_path / "sheet.html").as_uri())
    sheets = page.evaluate(
        """() => [...document.querySelectorAll(".questions")].map((sheet) =>
            [sheet.scrollHeight <= sheet.clientHeight, sheet.scrollWidth <= sheet.clientWidth,
             parseFloat(getComputedStyle(sheet).fontSize) * 72 / 96, sheet.clientHeight * 25.4 / 96])"""
    )
    rooms = page.evaluate("() => [...document.querySelectorAll('.room')].map((room) => room.clientHeight * 25.4 / 96)")
    printed = page.pdf(prefer_css_page_size=True)
    page.evaluate("() => document.querySelectorAll('.answers').forEach((sheet) => sheet.remove())")
    without = page.pdf(prefer_css_page_size=True)
    page.close()
    assert all(fits and is_narrow for fits, is_narrow, _, _ in sheets)
    assert all(size >= 7.5 and height <= 297 - 2 * 12 for _, _, size, height in sheets)
    assert min(rooms) > 7
    assert _pages(without) == len(sheets)  # what follows the answers' first break was theirs alone
    assert len(sheets) < _pages(printed) <= 2 * len(sheets)


def _pages(pdf):
    return len(re.findall(rb"/Type\s*/Page\b", pdf))


def test_a_file_that_cannot_be_written_is_named(tmp_path):
    with pytest.raises(SystemExit, match="cannot be written"):
        worksheet.main(["01", "--output", str(tmp_path / "none" / "sheet.html")])


@pytest.mark.parametrize(("given", "lessons"), [(["02", "1"], ["01", "02"]), (["07"], ["07"]), ([], LESSONS)])
def test_lessons_can_be_chosen(given, lessons, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    worksheet.main(given)
    (written,) = tmp_path.iterdir()
    sheet = BeautifulSoup(written.read_text("utf-8"), "html.parser")
    headings = [re.search(r"\d\d", heading.get_text())[0] for heading in sheet.select("h1")]
    assert (written.name, headings) == ("worksheet.html", lessons * 2)


@pytest.mark.parametrize(
    ("given", "said"), [(["--help"], "usage: worksheet.py"), (["00"], LESSONS[-1] + ", not in 00")]
)
def test_help_and_a_lesson_without_questions_write_nothing(given, said, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(SystemExit):
        worksheet.main(given)
    assert said in "".join(capsys.readouterr())
    assert not list(tmp_path.iterdir())
