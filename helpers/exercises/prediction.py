"""Questions whose answer is a number or a shape, given before the lesson shows it."""

import random
from dataclasses import dataclass

from helpers.arithmetic import ShapeError
from helpers.exercises import record
from helpers.exercises.answers import NotUnderstoodError, is_same, read, shown
from helpers.exercises.feedback import Feedback
from helpers.exercises.question import Question, known, name_of
from helpers.exercises.switches import is_off

TRIES = 10_000  # to draw numbers that make a good question; most questions need fewer than ten


@dataclass
class Asked:
    """A prediction with its numbers filled in. `working`: how to come to the answer, up to the step before it."""

    text: str
    answer: object
    working: str
    hints: tuple
    mistakes: dict  # as written in a lesson, {name: (answer, why)}; from then on a tuple of Mistakes

    def __post_init__(self):
        self.mistakes = known(self.mistakes)


def prediction(title, reread, **numbers):
    """Make a Prediction of the function below: it gets the numbers by name, each given as (first, its range)."""
    first = {name: value for name, (value, _) in numbers.items()}
    ranges = {name: values for name, (_, values) in numbers.items()}
    return lambda ask: Prediction(name_of(ask), title, reread, ask, first, ranges)


class Prediction(Question):
    """`ask(**numbers)` returns an Asked, or None if these numbers make no good question.

    `first`: the numbers in the lesson's text; `ranges`: from what others are drawn. Drawn are only numbers with which
    no known mistake leads to the right answer.
    """

    def __init__(self, name, title, reread, ask, first, ranges):
        super().__init__(name, title, reread)
        self._ask, self._first, self._ranges = ask, first, ranges

    def asked(self):
        """The question with the present seed's numbers: an Asked."""
        if self.seed == 0:
            return self._ask(**self._first)
        generator = random.Random(f"{self.name} {self.seed}")
        for _ in range(TRIES):
            numbers = {name: generator.choice(values) for name, values in self._ranges.items()}
            try:
                asked = self._ask(**numbers)
            except ShapeError:
                continue
            if asked and not any(is_same(asked.answer, mistake.answer) for mistake in asked.mistakes):
                return asked
        raise ValueError(f"{self.name}: the ranges hold no numbers that tell all mistakes from the answer.")

    @property
    def text(self):
        return self.asked().text

    def predict(self, answer, *more):
        """Say what you expect, before the lesson shows it. The answer is kept; a wrong one is looked at closely.

        A number, a shape, or "error": predict(16), predict((18, 16, 16)), also predict(18, 16, 16) or
        predict("18x16x16"). With predict(...) a notebook has a field for it.
        """
        asked = self.asked()
        answer = (answer, *more) if more else answer
        if answer is ...:
            return self._unanswered("put your answer where the three dots are, and run the cell.")
        try:
            given = read(answer, asked.answer)
        except NotUnderstoodError as error:
            return self._says("open", str(error), *self._numbers())
        if is_same(asked.answer, given):
            warning = self._keep_answer(shown(given), True)
            return self._says("right", f"{shown(given)} is right.", _complete(asked), *warning)
        mistakes = [mistake for mistake in asked.mistakes if is_same(mistake.answer, given)]
        warning = self._keep_answer(shown(given), False, mistakes)
        found = _named(mistakes) or self._nudge(asked)
        headline = f"{shown(given)}? Not yet."
        if len(mistakes) > 1:
            headline += " More than one mistake gives this:"
        return self._says("wrong", headline, *self._numbers(), *found, self._what_next(), *warning)

    def typed(self, text):
        return self.predict(text)

    def reveal(self, result):
        """At the end of the cell that shows the result: compares it with what was predicted."""
        asked = self._ask(**self._first)
        try:
            result = read(result, asked.answer)
        except NotUnderstoodError as error:
            return Feedback(self.label, "open", str(error))
        if not is_same(asked.answer, result):
            headline = f"This cell shows {shown(result)}: with other numbers than {self.label} asks about."
            return Feedback(self.label, "note", headline)
        latest = record.latest_answer(self.name)
        if latest and latest["is_right"]:
            return Feedback(self.label, "right", f"You predicted {latest['given']}, and {shown(result)} it is.")
        warning = tuple(filter(None, [record.add({"question": self.name, "seed": 0, "what": "reveal"})]))
        if latest is None:
            return Feedback(self.label, "open", f"{shown(result)}. There was no prediction.", warning)
        mistakes = [mistake for mistake in asked.mistakes if mistake.name in latest["mistakes"]]
        headline = f"You predicted {latest['given']}; it is {shown(result)}."
        return Feedback(self.label, "wrong", headline, (*_named(mistakes), _complete(asked), *warning))

    def _nudge(self, asked):
        """What to look at: a further hint with each wrong answer, and the working after the last of them."""
        if is_off("hints"):
            return ()
        wrong = [event for event in self._events() if event["what"] == "answer" and not event["is_right"]]
        hints = (*asked.hints, f"Compare: {asked.working}")
        return (hints[min(len(wrong), len(hints)) - 1],)

    def _hints(self):
        asked = self.asked()
        return (*asked.hints, asked.working)

    def _solution(self):
        asked = self.asked()
        return (asked.text, _complete(asked)) if self.seed else (_complete(asked),)


def _complete(asked):
    joined = ": " if asked.answer == "error" else " = "
    return f"{asked.working}{joined}{shown(asked.answer)}"


def _named(mistakes):
    return tuple((mistake.name, mistake.why) for mistake in mistakes)
