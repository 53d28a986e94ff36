"""Questions whose answer is a function: one to write, or a broken one to fix. torch is the judge."""

import contextlib
import inspect
import random
from copy import deepcopy

import torch
import torch.nn.functional as F

from helpers.exercises.calling import SHOWN, called, takes_others
from helpers.exercises.comparing import described, difference
from helpers.exercises.feedback import Beside
from helpers.exercises.question import Question, known, name_of, text_of


def implementation(title, reread, **parts):
    """Make an Implementation of the function below: its docstring is the text, and it returns (hints, mistakes)."""

    def made(function):
        hints, mistakes = function()
        text = text_of(function)
        return Implementation(name_of(function), title, reread, text, hints=hints, mistakes=mistakes, **parts)

    return made


class Implementation(Question):
    """A function to write, or one to fix: then `broken` is the function as the lesson gives it.

    `solution` is shown as it is written; its arguments' names are those of the learner's function. `reference` is
    torch's own way to do it, where that is another. `cases(generator)` returns a list of {argument: value}, the
    simplest first. `mistakes`, {name: (function, why)}, are wrong in a known way, each of them in at least one case.
    What is compared is the value returned, or, with `observe`, that of observe(function, *values).
    """

    def __init__(
        self, name, title, reread, text, *, solution, cases, hints, mistakes, reference=None, broken=None, observe=None
    ):
        super().__init__(name, title, reread)
        self.text, self.cases, self.hints, self.mistakes = text, cases, hints, known(mistakes)
        self.code, self.reference, self.broken = inspect.getsource(solution).strip(), reference or solution, broken
        self._takes, self._observe = list(inspect.signature(solution).parameters), observe

    def check(self, function):
        """Try the function on fixed and random cases, and show the first one that fails."""
        if function is ...:
            return self._open("put the name of your function where the three dots are.")
        if not callable(function):
            how = f"hand over the function itself, without brackets: `{self.label}.check(name_of_it)`."
            return self._open(how)
        with _as_before():
            return self._checked(function)

    def _checked(self, function):
        cases = self.cases(random.Random(f"{self.name} {self.seed}"))
        if others := takes_others(function, self._takes):
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
            return self._says("open", "Not fixed yet. This is what it does:", *shown)
        mistakes = [mistake for mistake in self.mistakes if self._agrees(mistake.answer, cases, yours)]
        named = [(mistake.name, mistake.why) for mistake in mistakes]
        return self._wrong(problems[first].split("\n")[0], (*named, *shown), mistakes)

    def _call(self, function, case):
        return called(function, list(deepcopy(case).values()), self._observe)

    def _agrees(self, known, cases, yours):
        """Does this wrong function do what the learner's does, in every case that was tried?"""
        return all(_is_alike(mine, self._call(known, case)) for mine, case in zip(yours, cases, strict=False))

    def _wrong(self, problem, paragraphs, mistakes=()):
        warning = self._keep_answer(problem, False, mistakes)
        return self._says("wrong", "Not yet.", *paragraphs, self._what_next(), *warning)


@contextlib.contextmanager
def _as_before():
    """The lesson goes on as if no function had been called: what one may change for all of torch is put back."""
    dtype, functions = torch.get_default_dtype(), dict(vars(F))
    with torch.random.fork_rng(devices=[]), torch.set_grad_enabled(torch.is_grad_enabled()):
        try:
            yield
        finally:
            torch.set_default_dtype(dtype)
            vars(F).update(functions)


def _problem(mine, right):
    """What is wrong with one result, in a sentence; "" if nothing is."""
    if mine.error:
        return mine.error
    if mine.value is None and right.value is not None:
        if mine.printed:
            return "It prints its result and returns nothing: write `return` in place of `print`."
        return "It returns nothing. Does it end with `return`?"
    compared = called(difference, [mine.value, right.value])  # there is no end of what a function may return
    return f"What it returns cannot be compared: {_first_line(compared)}" if compared.error else compared.value


def _first_line(called):
    """The error itself, without its place."""
    return called.error.split("\n")[0]


def _is_alike(mine, theirs):
    if mine.error or theirs.error:
        return _first_line(mine) == _first_line(theirs)
    return (mine.value is None) == (theirs.value is None) and not _problem(mine, theirs)


def _shown(problem, case, mine, right):
    """The paragraphs that show one failing case."""
    values = {**case, "expected": right.value} if mine.error else {**case, "yours": mine.value, "expected": right.value}
    texts = {name: called(described, [value]) for name, value in values.items()}
    shown = Beside(tuple((name, _first_line(text) if text.error else text.value) for name, text in texts.items()))
    paragraphs = [problem if "\n" not in problem else ("it stopped", problem), shown]
    if mine.printed:
        more = " …" * (len(mine.printed) > SHOWN)
        paragraphs.append(("it printed", mine.printed[:SHOWN].rstrip() + more))
    return paragraphs
