"""A question's card in a notebook with a field below it: what is typed there is answered as it is in code."""

import operator
from dataclasses import replace
from pathlib import Path

import anywidget
import traitlets

from helpers import language
from helpers.colours import style
from helpers.exercises import record
from helpers.exercises.switches import is_off

SCRIPT, SHEET = (Path(__file__).with_name(f"field.{kind}") for kind in ("js", "css"))
OPEN = "Not answered yet: type your answer below, or put it where the three dots are."
CALLS = {  # what the buttons do, by what they are called
    "hint()": operator.methodcaller("hint"),
    "again()": operator.methodcaller("again"),
    "again(0)": operator.methodcaller("again", 0),
    "solution()": operator.methodcaller("solution"),
}


class Field(anywidget.AnyWidget):
    """The view of a question and of what it says, a Feedback: at first `said`, then what it says of each answer.

    It stays with its numbers, also where another card of the question has gone on to others: an answer here goes
    back to them.
    """

    _esm = language.script(SCRIPT)
    _css = style(SHEET)
    label = traitlets.Unicode().tag(sync=True)
    shown = traitlets.Dict().tag(sync=True)  # one trait, so that all of it changes at once

    def __init__(self, question, said):
        super().__init__(label=question.label)
        self._question, self._seed = question, question.seed
        self._show(replace(said, headline=OPEN) if said.state == "open" else said)
        self.on_msg(self._asked)

    def _asked(self, view, message, buffers):
        """The page wants to know: {"answer": what was typed} or {"call": a key of CALLS}."""
        question = self._question
        question.seed = self._seed
        said = question.typed(message["answer"]) if "answer" in message else CALLS[message["call"]](question)
        self._seed = question.seed
        self._show(said)

    def _show(self, said):
        latest = None if self._seed else record.latest_answer(self._question.name)
        self.shown = {
            "card": said._repr_html_(),
            "typed": latest["given"] if latest else "",
            "seed": self._seed,
            "calls": list(self._calls()),
            "turn": self.shown.get("turn", 0) + 1,  # also where the same is said again, the page hears that it was
        }

    def _calls(self):
        """The buttons that there are now: the solution comes after the last hint."""
        if not is_off("hints"):
            yield "hint()"
        yield "again()"
        if self._seed:
            yield "again(0)"
        if not is_off("solutions") and not self._question.hints_left():
            yield "solution()"
