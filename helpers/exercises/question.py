"""What all questions share: hints one at a time, the solution, fresh numbers, and what is kept of the answers."""

from dataclasses import replace
from typing import NamedTuple

from helpers.arguments import whole
from helpers.exercises import record
from helpers.exercises.feedback import Feedback
from helpers.exercises.switches import is_off

LARGEST = 10**9  # seed
QUESTIONS = {}  # every question of the lessons that are imported, by name, in the lessons' order


class Mistake(NamedTuple):
    """A known way to be wrong: its name, the answer it leads to, and which step went wrong.

    Of a prediction the answer is a number, a shape or "error"; of something to write it is a function; of lines to put
    in order it is their wrong order.
    """

    name: str
    answer: object
    why: str


def known(mistakes):
    """The Mistakes of {name: (answer, why)}."""
    return tuple(Mistake(name, answer, why) for name, (answer, why) in mistakes.items())


def name_of(function):
    """The name of the question that this function asks: "01.q5" of q5 in lesson_01.py."""
    return f"{function.__module__.rpartition('_')[2]}.{function.__name__}"


def text_of(function):
    """A question's text, from the docstring of the function that asks it."""
    return " ".join(function.__doc__.split())


class Question:
    """One question. `name` is "01.q5"; `reread` the heading in the lesson that answers it.

    What differs between the kinds: `text` is the question itself, _hints() from the first to the last, which is nearly
    the answer, and _solution() the paragraphs of the solution. Those here are of a kind that has `hints` and `code`.
    """

    typed = None  # typed(text): what is said of an answer that was typed; None where code is asked for
    is_tried_out = False  # are wrong answers given on purpose, to see what they would do?

    def __init__(self, name, title, reread):
        self.name, self.title, self.reread = name, title, reread
        self.seed = 0  # 0: the numbers in the lesson's text
        QUESTIONS[name] = self

    @property
    def label(self):
        """As it is called in the lesson: q5."""
        return self.name.split(".")[1]

    def beside(self, events):
        """What `progress()` adds to the result of these events, from "; " on."""
        return ""

    def hint(self):
        """The next hint. The last one is nearly the answer."""
        if is_off("hints"):
            return self._says("note", "Hints are switched off for this class.")
        hints, left = self._hints(), self.hints_left()
        if not left:
            after = "" if is_off("solutions") else f" The next step is `{self.label}.solution()`."
            return self._says("note", f"That was the last hint.{after}", *self._numbers(), hints[-1])
        number = len(hints) - len(left) + 1
        warning = self._keep(what="hint", number=number)
        return self._says("note", f"Hint {number} of {len(hints)}", *self._numbers(), left[0], *warning)

    def hints_left(self):
        """Those that were not seen yet with the present numbers."""
        seen = [event for event in self._events() if event["what"] == "hint"]
        return self._hints()[len(seen) :]

    def solution(self):
        """The answer, and how to come to it."""
        if is_off("solutions"):
            return self._says("note", "Solutions are switched off for this class.")
        warning = self._keep(what="solution")
        return self._says("note", "Solution", *self._solution(), *warning)

    def on_paper(self):
        """(the paragraphs of the question, those of its solution), for a worksheet: nothing is kept."""
        return self._text(), self._solution()

    def again(self, seed=None):
        """The same question with new numbers: the next ones, or those of a seed that a class shares. 0: the first."""
        try:
            self.seed = whole("seed", self.seed + 1 if seed is None else seed, 0, LARGEST)
        except (TypeError, ValueError) as error:
            return self._says("note", str(error))
        return self._asks()

    def __repr__(self):
        return repr(self._asks())

    def _repr_html_(self):
        return self._asks()._repr_html_()

    def _repr_mimebundle_(self, include=None, exclude=None):
        return self._asks()._repr_mimebundle_(include, exclude)

    def _asks(self):
        return self._with_field(self._says("note", self.title, *self._text()))

    def _with_field(self, said):
        return replace(said, question=self) if self.typed else said

    def _text(self):
        return (self.text,)

    def _hints(self):
        return self.hints

    def _solution(self):
        return (self.code + "\n",)

    def _says(self, state, headline, *paragraphs):
        name = f"{self.label}, seed {self.seed}" if self.seed else self.label
        return Feedback(name, state, headline, paragraphs)

    def _numbers(self):
        """The question itself where its numbers are not those of the lesson's text."""
        return self._text() if self.seed else ()

    def _open(self, how):
        return self._says("open", f"Not answered yet: {how}", *self._numbers())

    def _unanswered(self, how):
        """Three dots, with a field: what was said of the answer that was typed there before, or that there is none."""
        latest = None if self.seed else record.latest_answer(self.name)
        return self._with_field(self.typed(latest["given"]) if latest else self._open(how))

    def _events(self):
        return record.events(self.name, self.seed)

    def _keep(self, **event):
        """Into the record. Returns its warnings, as paragraphs."""
        return tuple(filter(None, [record.add({"question": self.name, "seed": self.seed, **event})]))

    def _keep_answer(self, given, is_right, mistakes=()):
        names = [mistake.name for mistake in mistakes]
        return self._keep(what="answer", given=given, is_right=is_right, mistakes=names)

    def _what_next(self):
        """The last paragraph under a wrong answer."""
        hint = "" if is_off("hints") else f" `{self.label}.hint()` helps."
        back = f" `{self.label}.again(0)` goes back to the lesson's numbers." if self.seed else ""
        return f"Try again.{hint}{back}"
