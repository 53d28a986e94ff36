"""What a page says of an answer without Python is what Python says of it, word for word."""

import functools
import importlib
import json
from itertools import permutations
from pathlib import Path

import address
import page_questions
import pytest
from build_site import TEMPLATE
from lab import watched

from helpers.exercises import record
from helpers.exercises.answers import shown
from helpers.exercises.ordering import Ordering
from helpers.exercises.prediction import Prediction

looking_back = importlib.import_module("helpers.exercises.progress")
LESSONS = [path.name[:2] for path in address.LESSONS[1:]]
packed = functools.cache(page_questions.packed)
NUMBERS = ["16x16", "16 × 16", "(18,16,16)", "torch.Size([18, 16, 16])", "[7]", "7,", "−3", "-0", "0.125", "2.675"]
NONE = [
    "",
    "sixteen",
    "1e5",
    "1_000",
    "it's",
    'say "it\'s"',
    "a\\b",
    "<b>7</b>",
    "`7` & more",
    "\u00a0\u200b?",
    "9" * 16,
]
ODD = [*NUMBERS, *NONE, "error", '"Error"', "×" * 40, "7 " * 5000, "😀" * 31]

OF_ANOTHER_LESSON = (
    {"question": "00.q2", "seed": 3, "what": "answer", "given": "7", "is_right": True, "mistakes": []},
    {
        "question": "00.q1",
        "seed": 0,
        "what": "answer",
        "given": " 4\n",
        "is_right": False,
        "mistakes": ["one", "other"],
    },
    {"question": "00.q1", "seed": 0, "what": "hint", "number": 1},
)
# Of each [question's name, [[what is typed or the letters in their order, the card's HTML], …]]: where the page says
# something else. null goes on to the next set of numbers or lines. The browser keeps the answers once, at the end: to
# keep them after each takes longer than all else.
ANSWER_ALL = """(tasks) => {
  const wrong = [], kept = {}, { setItem } = Storage.prototype;
  Storage.prototype.setItem = (key, value) => (kept[key] = value);
  const text = (html) => Object.assign(document.createElement("div"), { innerHTML: html }).innerHTML;
  for (const [name, answers] of JSON.parse(tasks)) {
    const place = document.querySelector(`[data-question="${name}"]`);
    const [input, list, form, said] = ["input", "ol", "form", ".said"].map((part) => place.querySelector(part));
    for (const [answer, expected] of answers) {
      if (answer === null) [...form.children].find((part) => part.textContent.endsWith("again()")).click();
      else {
        if (input) input.value = answer;
        else for (const letter of answer) list.append(list.querySelector(`[data-letter=${letter}]`));
        form.requestSubmit();
      }
      if (said.innerHTML !== text(expected)) wrong.push([name, answer, said.innerHTML, expected]);
    }
  }
  Storage.prototype.setItem = setItem;
  for (const [key, value] of Object.entries(kept)) localStorage.setItem(key, value);
  return wrong;
}"""


@pytest.fixture
def page_of(chromium):
    """`page_of(lesson, storage=True)` → a page with the lesson's questions alone."""
    context = chromium.new_context()

    def made(number, storage=True):
        page = watched(context.new_page())
        script = (TEMPLATE / "questions.js").read_text("utf-8")
        places = "".join(f'<div data-question="{q.name}"></div>' for q in page_questions.of_lesson(number))
        details = '<details data-reveals="q1"><summary>Show the answer</summary>5</details>'
        text = (
            f"<!doctype html><meta charset=utf-8>{places}{details}<div data-progress></div>"
            f'<script type="application/x-questions">{packed(number)}</script><script>{script}</script>'
        )
        page.route("**/*", lambda route: route.fulfill(body=text, content_type="text/html"))
        if not storage:
            page.add_init_script(
                "Storage.prototype.setItem = () => { throw new DOMException('full', 'QuotaExceededError'); }"
            )
        page.goto("http://questions.test/")
        page.locator("form").first.wait_for()
        return page

    yield made
    context.close()


@pytest.mark.parametrize("number", LESSONS)
def test_every_answer_to_every_question_is_told_what_python_tells_and_looked_back_on_as_python_does(
    page_of, number, monkeypatch, tmp_path
):
    page, questions = page_of(number), page_questions.of_lesson(number)
    predictions = [question for question in questions if isinstance(question, Prediction)]
    answer_all(page, [[question.name, list(typed_and_told(question))] for question in predictions])
    orders = [q for q in questions if isinstance(q, Ordering) and len(q.lines) <= page_questions.LINES]
    answer_all(page, [[question.name, list(ordered_and_told(question))] for question in orders])
    for event in OF_ANOTHER_LESSON:
        record.add(event)
        page.evaluate("(event) => keep(event)", event)
    monkeypatch.setattr(looking_back, "QUESTIONS", {question.name: question for question in questions})
    looking_back.progress().export(tmp_path / "progress.txt")
    with page.expect_download() as downloaded:
        page.get_by_role("button", name="Save as progress.txt").click()
    exported = Path(downloaded.value.path()).read_text("utf-8")
    assert exported == (tmp_path / "progress.txt").read_text("utf-8")
    assert len(exported.splitlines()) > 100
    assert exported.endswith("00.q2, seed 3: 7 → right\n00.q1: 4 → wrong; one; other\n00.q1: hint\n")
    lesson, headline, *_ = exported.splitlines()
    assert lesson == f"Lesson {number}"
    assert page.locator("[data-progress] p").first.inner_text() == headline
    assert page.problems == []


def answer_all(page, tasks):
    assert page.evaluate(ANSWER_ALL, json.dumps(tasks)) == []
    if tasks:
        kept = json.loads(page.evaluate("() => localStorage.getItem(KEPT)"))
        assert {event["question"] for event in kept} >= {name for name, _ in tasks}


def typed_and_told(question):
    """(what is typed, Python's card) of each answer to each set of numbers; (None, …) goes on to the next set."""
    for seed in range(page_questions.FRESH + 1):
        if seed:
            yield None, page_questions.card(question.again(seed))
        asked = question.asked()
        right = shown(asked.answer)
        wrong = [*(mistake.answer for mistake in asked.mistakes), *page_questions.unknown(asked)]
        for text in [*map(shown, wrong), *(ODD if seed == 0 else []), right, right.strip("()").replace(", ", " × ")]:
            yield text, page_questions.card(question.predict(text))


def ordered_and_told(question):
    """(letters, Python's card) of each order, of the lesson's lines and of one fresh set; (None, …) goes on to it."""
    for seed in (0, 1):
        if seed:
            yield None, page_questions.card(question.again(seed))
        for letters in map("".join, permutations(question.lettered())):
            yield letters, page_questions.card(question.check(letters))


def test_lines_are_dragged_or_moved_by_their_arrows(page_of):
    page = page_of("05")
    lines = page.get_by_role("listitem")

    def letters():
        return "".join(line.get_attribute("data-letter") for line in lines.all())

    assert letters() == "ABCDE"
    page.get_by_role("button", name="C up").press("Enter")
    assert (letters(), page.evaluate("() => document.activeElement.ariaLabel")) == ("ACBDE", "C up")
    page.get_by_role("button", name="A up").press("Enter")  # it is the first: nothing moves
    page.get_by_role("button", name="A down").click()
    assert letters() == "CABDE"
    (first, last) = (lines.nth(place).bounding_box() for place in (0, 4))
    page.mouse.move(first["x"] + 40, first["y"] + 10)
    page.mouse.down()
    page.mouse.move(last["x"] + 40, last["y"] + last["height"] + 8, steps=30)
    page.mouse.up()
    assert letters() == "ABDEC"
    page.mouse.move(first["x"] + 40, first["y"] + 10, steps=3)  # let go: it follows no more
    assert letters() == "ABDEC"


def test_hints_come_one_at_a_time_then_the_solution_and_what_was_answered_is_there_after_a_reload(page_of):
    page, q1 = page_of("01"), page_questions.of_lesson("01")[0]
    place = page.locator('[data-question="01.q1"]')

    def press(name, card):
        place.get_by_role("button", name=name).click()
        assert page.evaluate(SAME, [card._repr_html_()])

    for _ in range(5):
        press("hint()", q1.hint())
    press("solution()", q1.solution())
    place.get_by_role("textbox", name="q1:").fill("4")
    page.keyboard.press("Enter")
    page.keyboard.press("Tab")
    assert page.evaluate("() => document.activeElement.textContent") == "Check"
    assert place.locator("[aria-live=polite]").inner_text().startswith("q1 ✗ 4? Not yet.")
    answer = page.locator("[data-reveals=q1]")
    assert answer.get_attribute("open") is None
    place.get_by_role("textbox").fill("5")
    page.keyboard.press("Enter")
    assert answer.get_attribute("open") == ""
    page.reload()
    assert place.get_by_role("textbox").input_value() == "5"
    assert "right after the solution" in page.locator("[data-progress] tbody tr").first.inner_text()


SAME = """([expected]) => {
  const made = Object.assign(document.createElement("div"), { innerHTML: expected });
  made.querySelector("style").remove();
  return document.querySelector(".said").textContent.trim() === made.textContent.trim();
}"""


def test_who_opens_the_answer_before_predicting_it_is_told_so_at_the_end(page_of):
    page = page_of("01")
    page.get_by_text("Show the answer").click()
    page.wait_for_function("() => eventsOf('01.q1', 0).length")  # its toggle is told a moment later
    page.get_by_role("textbox", name="q1:").fill("5")
    page.keyboard.press("Enter")
    assert "right after it was shown" in page.locator("[data-progress] tbody tr").first.inner_text()


def test_where_the_browser_keeps_nothing_it_is_said_once_and_the_page_goes_on(page_of):
    page = page_of("01", storage=False)
    for text in ("4", "5"):
        page.get_by_role("textbox", name="q1:").fill(text)
        page.keyboard.press("Enter")
        assert page.locator(".said").first.inner_text().count("The browser keeps nothing") == (text == "4")
    assert "right after 1 wrong answer" in page.locator("[data-progress]").inner_text()


def test_who_has_answered_nothing_saves_nothing_and_is_told_so(page_of):
    page = page_of("01")
    saved = []
    page.on("download", lambda download: saved.append(download))
    page.get_by_role("button", name="Save as progress.txt").click()
    assert page.locator("[data-progress] > p").inner_text() == looking_back.NOTHING
    assert saved == []


def test_the_next_learner_begins_anew_where_the_last_one_deletes_the_answers(page_of):
    page = page_of("01")
    field, delete = page.get_by_role("textbox", name="q1:"), page.get_by_role("button", name="Delete all answers")
    field.fill("5")
    page.keyboard.press("Enter")
    page.once("dialog", lambda dialog: dialog.dismiss())
    delete.click()
    assert "right at first" in page.locator("[data-progress] tbody tr").first.inner_text()
    page.once("dialog", lambda dialog: dialog.accept())
    with page.expect_navigation():
        delete.click()
    page.locator("form").first.wait_for()
    assert field.input_value() == ""
    assert "not answered" in page.locator("[data-progress] tbody tr").first.inner_text()


def test_no_answer_can_be_read_in_the_source():
    q1 = page_questions.of_lesson("01")[0]
    assert q1.asked().working not in packed("01")
    assert packed("01").isascii()
