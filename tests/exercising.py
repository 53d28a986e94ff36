"""What the tests of the lessons' questions share: a lesson's questions, their numbers, and learners' functions."""

import random
from itertools import product
from math import prod

import pytest

from helpers.arithmetic import ShapeError
from helpers.exercises.question import Question


def questions(module, kind=Question):
    """The questions of a lesson's module, in their order."""
    return [value for value in vars(module).values() if isinstance(value, kind)]


def asked(question, at_most=None):
    """(numbers, Asked) of the lesson's own numbers and of all others that make a good question, or of some of them."""
    ranges = question._ranges
    if at_most is None or prod(map(len, ranges.values())) <= at_most:
        choices = [dict(zip(ranges, values, strict=True)) for values in product(*ranges.values())]
    else:
        draw = random.Random(question.name).choice
        choices = [{name: draw(values) for name, values in ranges.items()} for _ in range(at_most)]
    for numbers in [question._first, *choices]:
        try:
            found = question._ask(**numbers)
        except ShapeError:
            continue
        if found:
            yield numbers, found


def answers(question, at_most=None):
    """(numbers, answer) of the same."""
    return [(numbers, found.answer) for numbers, found in asked(question, at_most)]


def each(table):
    """A test for each function of {question: functions}: it gets `question` and `function`."""
    pairs = [(question, function) for question, functions in table.items() for function in functions]
    names = [f"{question.name}-{function.__name__}" for question, function in pairs]
    return pytest.mark.parametrize(("question", "function"), pairs, ids=names)


def checked(question, function, seeds):
    """What the question says of the function, with the lesson's cases and with those of further seeds."""
    for seed in range(seeds):
        question.again(seed)
        yield question.check(function)


def named(question, feedback):
    """The known mistakes that the feedback calls by their names."""
    return [mistake.name for mistake in question.mistakes if (mistake.name, mistake.why) in feedback.paragraphs]
