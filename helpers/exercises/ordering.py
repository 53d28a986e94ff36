"""Questions whose answer is an order: lines of code, shuffled."""

import random
import re
import string

from helpers.arguments import short
from helpers.exercises.question import Question, name_of, text_of


def ordering(title, reread, lines, *, first, hints):
    """Make an Ordering of the function below, which is its `problem`, and whose docstring is its text."""

    def made(problem):
        text = text_of(problem)
        return Ordering(name_of(problem), title, reread, text, lines=lines, first=first, problem=problem, hints=hints)

    return made


class Ordering(Question):
    """`lines` in their right order. `problem(lines)` returns a Mistake for a wrong order, and None for a right one.

    The lines are shown under letters; `first` are the letters of `lines` in the lesson's text.
    """

    is_tried_out = True

    def __init__(self, name, title, reread, text, *, lines, first, problem, hints):
        super().__init__(name, title, reread)
        self.text, self.hints = text, tuple(hints)
        self.lines, self.first, self.problem = lines, first, problem

    def lettered(self):
        """{letter: line}, in the letters' order, which is never a right one."""
        if self.seed == 0:
            return dict(sorted(zip(self.first, self.lines, strict=True)))
        generator = random.Random(f"{self.name} {self.seed}")
        letters = string.ascii_uppercase[: len(self.lines)]
        shuffled = list(self.lines)
        while self.problem(shuffled) is None:
            generator.shuffle(shuffled)
        return dict(zip(letters, shuffled, strict=True))

    def check(self, order):
        """An order of the letters: "CEDAB", or a list of them."""
        if order is ...:
            return self._unanswered("put the letters, in your order, where the three dots are.")
        lettered = self.lettered()
        given = "".join(re.findall("[A-Z]", _text(order).upper()))
        if sorted(given) != list(lettered):
            letters = ", ".join(lettered)
            how = f'Give each of the letters {letters} once, such as `"{"".join(lettered)}"`.'
            return self._says("open", how, f"It got {short(order)}.")
        mistake = self.problem([lettered[letter] for letter in given])
        code = "\n".join(lettered[letter] for letter in given)
        warning = self._keep_answer(given, mistake is None, [mistake] if mistake else [])
        if mistake is None:
            return self._says("right", f"{given} is right.", code, *warning)
        headline = f"{given}? Not yet."
        return self._says("wrong", headline, code, (mistake.name, mistake.why), self._what_next(), *warning)

    def typed(self, text):
        return self.check(text)

    def _text(self):
        return (self.text, "\n".join(f"{letter}: {line}" for letter, line in self.lettered().items()))

    def _solution(self):
        letters = {line: letter for letter, line in self.lettered().items()}
        return ("".join(letters[line] for line in self.lines), "\n".join(self.lines))


def _text(order):
    letters = order if isinstance(order, (list, tuple)) else [order]
    return " ".join(letter for letter in letters if isinstance(letter, str))
