"""Questions whose answer is a function: one to write, or a broken one to mend. torch is the judge."""

import random
from copy import deepcopy

import torch

from helpers.exercises.calling import SHOWN, called, takes_others
from helpers.exercises.comparing import described, difference
from helpers.exercises.feedback import Beside
from helpers.exercises.question import Question


class Implementation(Question):
    """A function to write, or one to mend: then `broken` is the function as the lesson gives it.

    `reference` is torch's own way to do it, and takes what the learner's function takes. `cases(generator)` returns a
    list of {argument: value}, the smallest first. `mistakes`: functions that are wrong in a known way, each of them in
    at least one case. What is compared is the value returned, or, with `observe`, that of observe(function, *values).
    """

    def __init__(
        self,
        name,
        title,
        reread,
        text,
        *,
        reference,
        cases,
        solution,
        hints,
        mistakes,
        broken=None,
        observe=None,
        takes=None,
    ):
        super().__init__(name, title, reread)
        self.text, self.reference, self.cases, self.code = text, reference, cases, solution.strip()
        self.hints, self.mistakes, self.broken = tuple(hints), tuple(mistakes), broken
        self._observe = observe
        self._takes = takes  # its arguments' names, if not those of the cases

    def check(self, function):
        """Try the function on fixed and random cases, and show the smallest one that fails."""
        if function is ...:
            return self._open("put the name of your function where the three dots are.")
        if not callable(function):
            how = f"hand over the function itself, without brackets: `{self.label}.check(name_of_it)`."
            return self._open(how)
        with torch.random.fork_rng(devices=[]):  # the lesson's random numbers go on as if nothing had been
            return self._checked(function)

    def _checked(self, function):
        cases = self.cases(random.Random(f"{self.name} {self.seed}"))
        takes = list(cases[0]) if self._takes is None else self._takes
        if others := takes_others(function, takes):
            return self._wrong(others, (others,))
        expected = [self._call(self.reference, case) for case in cases]
        yours = []
        for case in cases:
            yours.append(self._call(function, case))
            if yours[-1].is_unwritten:
                return self._open("write your lines in place of the three dots, and run the cell.")
            if yours[-1].error:
                break
        problems = [_problem(mine, right) for mine, right in zip(yours, expected, strict=False)]
        first = next((place for place, problem in enumerate(problems) if problem), None)
        if first is None:
            warning = self._keep_answer("a function", True)
            return self._says("right", f"Right in all {len(cases)} cases that were tried.", *warning)
        shown = _shown(problems[first], cases[first], yours[first], expected[first])
        if self.broken and self._agrees(self.broken, cases, yours):
            return self._says("open", "Not mended yet. This is what it does:", *shown)
        mistakes = [mistake for mistake in self.mistakes if self._agrees(mistake.answer, cases, yours)]
        named = [(mistake.name, mistake.why) for mistake in mistakes]
        return self._wrong(problems[first].split("\n")[0], (*named, *shown), mistakes)

    def _call(self, function, case):
        return called(function, list(deepcopy(case).values()), self._observe)

    def _agrees(self, known, cases, yours):
        """Does this wrong function do what the learner's does, in every case that was tried?"""
        theirs = [self._call(known, case) for case in cases[: len(yours)]]
        return all(map(_is_alike, yours, theirs))

    def _wrong(self, problem, paragraphs, mistakes=()):
        warning = self._keep_answer(problem, False, mistakes)
        return self._says("wrong", "Not yet.", *paragraphs, self._what_next(), *warning)

    def _text(self):
        return (self.text,)

    def _hints(self):
        return self.hints

    def _solution(self):
        return (self.code + "\n",)


def _problem(mine, right):
    """What is wrong with one result, in a sentence; "" if nothing is."""
    if mine.error:
        return mine.error
    if mine.value is None and right.value is not None:
        if mine.printed:
            return "It prints its result and returns nothing: write `return` in place of `print`."
        return "It returns nothing. Does it end with `return`?"
    try:
        return difference(mine.value, right.value)
    except Exception as error:  # there is no end of what a function may return
        return f"What it returns cannot be compared: {type(error).__name__}: {error}"


def _is_alike(mine, theirs):
    if mine.error or theirs.error:
        return mine.error.split("\n")[0] == theirs.error.split("\n")[0]
    return (mine.value is None) == (theirs.value is None) and not _problem(mine, theirs)


def _shown(problem, case, mine, right):
    """The paragraphs that show one failing case."""
    values = {**case, "expected": right.value} if mine.error else {**case, "yours": mine.value, "expected": right.value}
    shown = Beside(tuple((name, described(value)) for name, value in values.items()))
    paragraphs = [problem if "\n" not in problem else ("it stopped", problem), shown]
    if mine.printed:
        more = " …" * (len(mine.printed) > SHOWN)
        paragraphs.append(("it printed", mine.printed[:SHOWN].rstrip() + more))
    return paragraphs
