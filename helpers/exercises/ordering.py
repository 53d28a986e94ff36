"""Questions whose answer is an order: lines of code, shuffled."""

import random
import string

from helpers.exercises.question import Question


class Ordering(Question):
    """`lines` in their right order. `problem(lines)` returns a Mistake for a wrong order, and None for a right one.

    The lines are shown under letters; `first` are the letters of `lines` in the lesson's text.
    """

    def __init__(self, name, title, reread, text, *, lines, first, problem, hints):
        super().__init__(name, title, reread)
        self.text, self.lines, self.first, self.problem, self.hints = (
            text,
            lines,
            first,
            problem,
            tuple(hints),
        )

    def lettered(self):
        """{letter: line}, in the letters' order."""
        letters = list(self.first)
        if self.seed:
            letters = list(string.ascii_uppercase[: len(self.lines)])
            random.Random(f"{self.name} {self.seed}").shuffle(letters)
        return dict(sorted(zip(letters, self.lines, strict=True)))

    def check(self, order):
        """An order of the letters: "CEDAB", or a list of them."""
        if order is ...:
            return self._open("put the letters, in your order, where the three dots are.")
        lettered = self.lettered()
        given = "".join(
            letter for letter in "".join(map(str, _listed(order))).upper() if letter not in " ,;->→"
        )
        if sorted(given) != list(lettered):
            letters = ", ".join(lettered)
            return self._open(f'each of {letters} once, such as `"{"".join(lettered)}"`; it got {order!r}.')
        mistake = self.problem([lettered[letter] for letter in given])
        code = "\n".join(lettered[letter] for letter in given)
        warning = self._keep_answer(given, mistake is None, [mistake] if mistake else [])
        if mistake is None:
            return self._says("right", f"{given} is right.", code, *warning)
        headline = f"{given}? Not yet."
        return self._says("wrong", headline, code, (mistake.name, mistake.why), self._what_next(), *warning)

    def _text(self):
        return (self.text, "\n".join(f"{letter}: {line}" for letter, line in self.lettered().items()))

    def _hints(self):
        return self.hints

    def _solution(self):
        letters = {line: letter for letter, line in self.lettered().items()}
        return ("".join(letters[line] for line in self.lines), "\n".join(self.lines))


def _listed(order):
    return order if isinstance(order, (list, tuple)) else [order]
