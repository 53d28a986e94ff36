"""What is typed below a question's card is answered, kept and counted as the same answer in code."""

import json

import pytest
from browser import STAND
from IPython.core.formatters import DisplayFormatter
from stamp import WIDGET_VIEW

from helpers.exercises import field, lesson_03, lesson_05, progress, record
from helpers.exercises.field import CALLS, Field
from helpers.exercises.lesson_01 import q1, q5, q7
from helpers.exercises.ordering import Ordering
from helpers.exercises.prediction import Prediction
from helpers.exercises.switches import SWITCH

TYPED = ["", "sixteen", "×" * 10_000, "<b>7</b>", "97003", "97004", "error", "(18, 16, 16)", "2.5"]
SHAPE = next(q for q in vars(lesson_03).values() if isinstance(q, Prediction) and isinstance(q.asked().answer, tuple))
ORDER = next(q for q in vars(lesson_05).values() if isinstance(q, Ordering))


@pytest.fixture(autouse=True)
def _nothing_switched_off(monkeypatch):
    monkeypatch.delenv(SWITCH, raising=False)


def shown(given):
    """{kind: how a cell shows it}."""
    return DisplayFormatter().format(given)[0]


def answered(card, **message):
    """The card's HTML after this message from the page."""
    card._handle_custom_msg(message, [])
    return card.shown["card"]


def answers(question):
    """As one types them: of each kind one, the right one last."""
    if isinstance(question, Ordering):
        right = {line: letter for letter, line in question.lettered().items()}
        return [*TYPED, "".join(question.lettered()), "".join(right[line] for line in question.lines)]
    asked = question.asked()
    return [*TYPED, *(str(mistake.answer) for mistake in asked.mistakes), str(asked.answer)]


@pytest.mark.parametrize("question", [q1, q5, SHAPE, ORDER], ids=lambda question: question.name)
@pytest.mark.parametrize("seed", [0, 3])
def test_each_answer_is_told_and_kept_as_in_code(question, seed):
    in_code = question.predict if isinstance(question, Prediction) else question.check
    question.again(seed)
    wanted = [in_code(text)._repr_html_() for text in answers(question)]
    events, looked_back = record.events(), repr(progress())
    record.forget()
    card = Field(question, question.again(seed))
    assert [answered(card, answer=text) for text in answers(question)] == wanted
    assert "is right." in wanted[-1]
    assert (record.events(), repr(progress())) == (events, looked_back)


def test_three_dots_show_a_field_and_an_answer_in_code_shows_what_it_did():
    assert list(shown(q5.predict(...))) == [WIDGET_VIEW, "text/plain", "text/html"]
    assert list(shown(q5)) == list(shown(q5.again())) == list(shown(ORDER.check(...))) == list(shown(q5.predict(...)))
    assert list(shown(q5.predict(9))) == list(shown(q5.hint())) == list(shown(q7)) == ["text/plain", "text/html"]
    q5.again(0)
    assert repr(q1.predict(...)).startswith("q1 ○ Not answered yet: put your answer where the three dots are")
    assert f"○ {field.OPEN}" in Field(q1, q1.predict(...)).shown["card"]


def test_what_was_typed_is_there_again_when_the_cell_is_run_again(tmp_path):
    record.keep_in(tmp_path / "answers.jsonl")
    card = Field(q5, q5.predict(...))
    assert card.shown["typed"] == ""
    wrong = answered(card, answer=" 12 ")
    heard = card.shown
    assert answered(card, answer="12") == wrong
    assert card.shown != heard, "the page hears that it was answered"
    record.forget()  # another evening
    record.keep_in(tmp_path / "answers.jsonl")
    again = q5.predict(...)
    assert again._repr_html_() == wrong
    assert Field(q5, again).shown["typed"] == "12"
    assert len((tmp_path / "answers.jsonl").read_text("utf-8").splitlines()) == 1


def test_new_numbers_come_in_the_same_card_and_another_card_stays_with_its_own():
    here, there = Field(q5, q5.predict(...)), Field(q5, q5.predict(...))
    assert "q5, seed 1" in answered(here, call="again()")
    assert "q5, seed 2" in answered(here, call="again()")
    assert here.shown["typed"] == ""
    text = q5.asked().text
    assert text in answered(here, answer="sixteen")
    assert text in answered(here, call="hint()"), "what is asked is not lost from sight"
    assert "<b>q5</b> <strong>✓ 14 is right." in answered(there, answer="14")
    assert text in answered(here, answer="97003")
    assert "<b>q5</b>" in answered(here, call="again(0)")
    assert here.shown["typed"] == "14"


def test_the_solution_comes_after_the_last_hint_and_what_is_switched_off_has_no_button(monkeypatch):
    card = Field(q5, q5.predict(...))
    for number in (1, 2, 3):
        assert "solution()" not in card.shown["calls"]
        assert f"Hint {number} of 3" in answered(card, call="hint()")
    assert card.shown["calls"] == ["hint()", "again()", "solution()"]
    assert "= 14" in answered(card, call="solution()")
    answered(card, call="again()")
    assert card.shown["calls"] == ["hint()", "again()", "again(0)"]
    for off, calls in (("solutions", ["hint()", "again()"]), ("hints", ["again()"])):
        monkeypatch.setenv(SWITCH, off)
        assert Field(q1, q1.predict(...)).shown["calls"] == calls


def test_an_answer_to_a_card_that_is_gone_is_kept_all_the_same():
    card = Field(q5, q5.predict(...))
    card.close()
    assert "14 is right." in answered(card, answer="14")
    assert [event["given"] for event in record.events()] == ["14"]


@pytest.fixture
def on_a_page(open_page):
    """`on_a_page(card)` → a page that shows it, with nobody who answers."""

    def show(card):
        page = open_page({"width": 400, "height": 500})
        page.set_content(STAND)
        state = {"label": card.label, "shown": card.shown}
        parts = {"esm": card._esm, "css": card._css, "state": state, "sliders": {}}
        page.evaluate("async (parts) => await window.mount(JSON.parse(parts))", json.dumps(parts))
        return page

    return show


def tell(page, card):
    page.evaluate("(shown) => window.view.set('shown', shown)", card.shown)


def test_with_the_keyboard_alone_one_answers_asks_for_a_hint_and_goes_on_to_other_numbers(on_a_page):
    card = Field(q5, q5.predict(...))
    page = on_a_page(card)

    def press(keys, said):
        for key in keys:
            page.keyboard.press(key)
        answered(card, **page.evaluate("() => window.asked.pop()"))
        tell(page, card)
        assert page.locator("[aria-live=polite]").inner_text().startswith(said)
        return page.evaluate("() => document.activeElement.textContent || document.activeElement.value")

    assert page.get_by_role("button").all_text_contents() == ["Check", "q5.hint()", "q5.again()"]
    assert press(["Tab", *"12", "Enter"], "q5 ✗ 12? Not yet.") == "12", "one goes on typing"
    assert press(["5", "Tab", "Tab", "Space"], "q5 · Hint 1 of 3") == "q5.hint()"
    assert page.get_by_role("textbox", name="q5").input_value() == "125", "what is being typed stays"
    assert press(["Tab", "Enter"], "q5, seed 1 · ") == "q5.again()"
    assert page.get_by_role("textbox", name="q5").input_value() == ""
    assert press(["Tab", "Enter"], "q5 · ") == "12", "its button is gone, and the field has the keyboard"
    assert page.problems == []


def test_where_nobody_answers_it_is_said_until_an_answer_comes_and_at_once_where_none_can(on_a_page):
    card = Field(q5, q5.predict(...))
    page = on_a_page(card)
    page.get_by_role("textbox").fill("14")
    page.keyboard.press("Enter")
    page.get_by_text("Python has not answered yet.").wait_for()
    answered(card, answer="14")
    tell(page, card)
    assert page.get_by_role("status").all_inner_texts()[1:] == [""]
    page.evaluate("() => (window.view.send = () => { throw new Error('Cannot send'); })")  # as of a kernel that ended
    page.get_by_role("textbox").press("Enter")
    assert page.get_by_role("status").last.inner_text() == "Run this cell again: Python was restarted since."
    page.evaluate("() => window.cleanUp()")
    assert page.evaluate("() => window.view.listeners()") == 0
    assert page.problems == []


def test_every_button_that_the_page_makes_is_one_that_python_knows():
    assert field.SCRIPT.read_text("utf-8").count(f"const CALLS = {json.dumps(list(CALLS))};") == 1
