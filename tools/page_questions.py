"""What a page needs to answer a lesson's questions without Python: all that can be said of an answer, said here.

The answers and the known mistakes of a question are finite for given numbers. So each feedback is the question's own,
taken down once for each of them; template/questions.js reads what is typed and finds the one that fits.
"""

import base64
import importlib
import itertools
import json
import os
import re
import zlib

from helpers.exercises import record
from helpers.exercises.answers import is_same, shown
from helpers.exercises.feedback import MARKS
from helpers.exercises.ordering import Ordering
from helpers.exercises.prediction import Prediction
from helpers.exercises.question import QUESTIONS

FRESH = 10  # how many other sets of numbers a page has
LINES = 6  # in a question about their order: six have 720 orders, ten have millions
GIVEN = "\ue000"  # stands for what was typed: no text has this character
FRAME = re.compile(r'<div class="cs-answer[^>]*><style>.*?</style>', re.DOTALL)


def of_lesson(number: str) -> list:
    """The questions of lesson `number`, such as "01", in order."""
    importlib.import_module(f"helpers.exercises.lesson_{number}")
    return [question for name, question in QUESTIONS.items() if name.startswith(f"{number}.")]


def packed(number: str) -> str:
    """All that the page of lesson `number` needs, as one word that shows no answer to who looks at the source."""
    os.environ.pop(record.NOTEBOOK, None)  # also where a notebook builds the pages, nobody is answering
    about = [
        {
            "name": question.name,
            "title": question.title,
            "reread": question.reread,
            "triedOut": question.is_tried_out,
            "sets": _sets(question),
        }
        for question in of_lesson(number)
    ]
    return base64.b64encode(zlib.compress(json.dumps(about, ensure_ascii=False).encode(), 9)).decode()


def _sets(question):
    """What it says, for the lesson's numbers and for fresh ones; nothing of a question that Python alone can check."""
    said = {Prediction: _predicted, Ordering: _ordered}.get(type(question))
    if isinstance(question, Ordering) and len(question.lines) > LINES:
        said = None
    try:
        return [said(question, seed) for seed in range(FRESH + 1)] if said else []
    finally:
        question.seed = 0
        record.forget()


def _shared(question, hints):
    """What every kind of question says: itself, its hints, and the solution."""
    record.forget()
    return {
        "question": card(question),
        "hints": [card(question.hint()) for _ in range(hints + 1)],  # and that it was the last
        "solution": card(question.solution()),
    }


def _ordered(question, seed):
    """What an Ordering says of each order of its lines."""
    question.seed = seed
    lettered, answers = question.lettered(), []
    for letters in map("".join, itertools.permutations(lettered)):
        record.forget()
        said = card(question.check(letters))
        (event,) = record.events(question.name)
        answers.append({"value": letters, "right": event["is_right"], "mistakes": event["mistakes"], "said": said})
    return {"lines": lettered, "answers": answers, **_shared(question, len(question.hints))}


def _predicted(question, seed):
    """What a Prediction says of each answer that it knows, and of others."""
    question.seed = seed
    asked = question.asked()
    wrong = list(dict.fromkeys(mistake.answer for mistake in asked.mistakes))
    between = [number for number in _rounded(wrong) if len(_made(asked, number)) > 1]
    others = unknown(asked)
    record.forget()
    of_others = [_of_answer(question, other, asked) for other in others]
    return {
        "answers": [
            _one(question, asked.answer, asked),
            *(
                {**_one(question, number, asked), "value": number} for number in between
            ),  # exactly these: they come first
            *(_one(question, answer, asked) for answer in wrong),
        ],
        "unknown": of_others,
        "unread": card(question.predict("")).replace("''", GIVEN),
        **_shared(question, len(asked.hints) + 1),  # the working is the last
    }


def _one(question, answer, asked):
    """A known answer: its value, whether it is right, the mistakes that lead to it, and what is said of it."""
    record.forget()
    is_right = is_same(asked.answer, answer)
    made = [] if is_right else [mistake.name for mistake in _made(asked, answer)]
    return {"value": _value(answer), "right": is_right, "mistakes": made, "said": _of_answer(question, answer, asked)}


def _made(asked, answer):
    return [mistake for mistake in asked.mistakes if is_same(mistake.answer, answer)]


def _rounded(answers):
    """To one decimal and to two, and the neighbours: what one types of numbers, and what may be near to several."""
    numbers = [answer for answer in answers if isinstance(answer, float)]
    steps = [(number, decimals, step) for number in numbers for decimals in (1, 2) for step in (-1, 0, 1)]
    return dict.fromkeys(round(number + step * 10**-decimals, decimals) for number, decimals, step in steps)


def _of_answer(question, answer, asked):
    """What is said of it, with GIVEN in the place of the answer as it was typed."""
    said = card(question.predict(answer))
    is_right = is_same(asked.answer, answer)
    typed, mark = shown(answer), MARKS["right" if is_right else "wrong"]
    if f"{mark} {typed}" not in said:
        raise RuntimeError(f"{question.name}: what it says of {typed} does not begin with it.\n{said}")
    return said.replace(f"{mark} {typed}", f"{mark} {GIVEN}", 1)


def unknown(asked) -> list:
    """As many answers as there are nudges, and one more, none of which is right or a known mistake."""
    known = [asked.answer, *(mistake.answer for mistake in asked.mistakes)]
    wanted = len(asked.hints) + 2
    numbers = (97_003 + place for place in range(len(known) + wanted))
    answers = ((number, number) if isinstance(asked.answer, tuple) else number for number in numbers)
    return [answer for answer in answers if not any(is_same(one, answer) for one in known)][:wanted]


def card(said) -> str:
    """What is said, as HTML: the style sheet that each brings along stands once on a page."""
    return FRAME.sub(lambda frame: frame[0].partition("<style>")[0], said._repr_html_())


def _value(answer):
    """As JSON that tells 2 from 2.0, which is compared with a margin."""
    if isinstance(answer, tuple):
        return [_value(part) for part in answer]
    return {"about": answer} if isinstance(answer, float) else answer
