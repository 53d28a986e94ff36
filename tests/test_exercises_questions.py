"""Every question of every lesson keeps its promises: its solution passes, each known mistake is recognised."""

import contextlib
import importlib
import inspect
import re
from collections import Counter
from itertools import combinations

import nbformat
import pytest
import torch
from address import LESSONS, ROOT
from exercising import named, questions

from helpers.exercises import record
from helpers.exercises.answers import is_same, shown
from helpers.exercises.implementation import Implementation
from helpers.exercises.ordering import Ordering
from helpers.exercises.prediction import Prediction
from helpers.exercises.question import Question

NOTEBOOKS = {path.name[:2]: path for path in LESSONS if path.name[:2] != "00"}
MODULES = {name: importlib.import_module(f"helpers.exercises.lesson_{name}") for name in NOTEBOOKS}
SEEDS = range(101)  # 0 has the numbers of the lesson's text, the others are drawn


@pytest.fixture(autouse=True)
def no_time_limit(monkeypatch):
    """A thread for each call is what a limit takes, and here are thirty thousand calls."""
    monkeypatch.setattr("helpers.exercises.calling._time_limit", contextlib.nullcontext)


def every(kind):
    found = [question for module in MODULES.values() for question in questions(module, kind)]
    return pytest.mark.parametrize("question", found, ids=[question.name for question in found])


def fresh(question, seed):
    record.forget()
    question.again(seed)
    return question


def solved(question):
    """What the solution's text makes, with the names of the lesson's module at hand."""
    names = dict(vars(MODULES[question.name[:2]]))
    exec(question.code, names)
    return names[re.findall(r"^def (\w+)", question.code, flags=re.MULTILINE)[-1]]


def test_each_module_has_its_lesson_and_asks_at_least_six_questions():
    paths = sorted((ROOT / "helpers" / "exercises").glob("lesson_*.py"))
    assert [path.stem for path in paths] == [f"lesson_{name}" for name in NOTEBOOKS]
    assert {name: len(questions(module)) for name, module in MODULES.items() if len(questions(module)) < 6} == {}


@pytest.mark.parametrize("module", MODULES.values(), ids=MODULES)
def test_a_question_is_called_as_its_variable_is(module):
    found = {name: value.name for name, value in vars(module).items() if isinstance(value, Question)}
    assert found == {name: f"{module.__name__[-2:]}.{name}" for name in found}
    assert list(found) == [f"q{number}" for number in range(1, len(found) + 1)]


@every(Question)
def test_what_to_read_again_is_a_heading_of_the_lesson(question):
    notebook = nbformat.read(NOTEBOOKS[question.name[:2]], as_version=4)
    cells = [cell.source for cell in notebook.cells if cell.cell_type == "markdown"]
    assert re.search(rf"^##+ {re.escape(question.reread)}$", "\n".join(cells), flags=re.MULTILINE)
    assert question.reread not in ("Write it yourself", "Find the bug"), "there is nothing to read"


@every(Question)
def test_a_question_shows_its_text_at_least_two_hints_and_its_solution(question):
    for seed in (0, 1, 2):
        fresh(question, seed)
        assert question.title in repr(question)
        hints = question._hints()
        assert len(hints) >= 2
        assert len(set(hints)) == len(hints)
        shown = [repr(question.hint()) for _ in hints]
        assert all(f"Hint {n} of {len(hints)}" in text for n, text in enumerate(shown, start=1))
        assert "last hint" in repr(question.hint())
        assert "Solution" in repr(question.solution())


@every(Question)
def test_three_dots_are_no_answer_and_nothing_is_kept_of_them(question):
    fresh(question, 0)
    ask = question.predict if isinstance(question, Prediction) else question.check
    assert "Not answered yet" in repr(ask(...))
    assert record.events() == []


@every(Prediction)
def test_the_right_answer_is_right_and_each_known_mistake_recognised_in_100_instances(question):
    texts = set()
    for seed in SEEDS:
        asked = fresh(question, seed).asked()
        texts.add(asked.text)
        assert question.predict(asked.answer).state == "right", seed
        assert len({mistake.name for mistake in asked.mistakes}) == len(asked.mistakes) >= 3
        for mistake in asked.mistakes:
            assert not is_same(asked.answer, mistake.answer), (seed, mistake)
            feedback = question.predict(mistake.answer)
            assert feedback.state == "wrong"
            assert (mistake.name, mistake.why) in feedback.paragraphs, (seed, mistake)
    assert len(texts) > 5, "practice would end soon"


@every(Prediction)
def test_a_wrong_answer_is_never_answered_with_the_right_one(question):
    """The last step is the learner's: no hint, no working and no word about a mistake says the answer itself.

    Now and then another number in it happens to be the answer's; so it must not be in more than a third of the seeds.
    """
    told = Counter()
    for seed in range(30):
        asked = fresh(question, seed).asked()
        says = re.compile(rf"(=|is|are|:) {re.escape(shown(asked.answer))}(?![\d·]|\.\d)")
        texts = {"working": asked.working} | {f"hint {n}": hint for n, hint in enumerate(asked.hints)}
        texts |= {mistake.name: mistake.why for mistake in asked.mistakes}
        told.update(name for name, text in texts.items() if says.search(text))
    assert {name: times for name, times in told.items() if times > 10} == {}


@every(Prediction)
def test_the_lessons_own_numbers_tell_all_known_mistakes_apart(question):
    mistakes = fresh(question, 0).asked().mistakes
    alike = [(one.name, two.name) for one, two in combinations(mistakes, 2) if is_same(one.answer, two.answer)]
    assert alike == []


WAYS = [  # to come to a number without seeing what is asked for
    lambda size, stride: size // stride,
    lambda height, width, stride: (height // stride, width // stride),
    lambda kernel_size, dilation: dilation * (kernel_size - 1) + 1,
    lambda stride: stride,
    lambda kernel_size: kernel_size,
]


@every(Prediction)
def test_a_wrong_way_does_not_come_to_the_right_answer_with_the_lessons_numbers(question):
    numbers, answer = question._first, fresh(question, 0).asked().answer
    taken = [inspect.signature(way).parameters for way in WAYS]
    found = [
        way(**{name: numbers[name] for name in names})
        for way, names in zip(WAYS, taken, strict=True)
        if names.keys() <= numbers.keys()
    ]
    assert [one for one in found if is_same(answer, one)] == []


@every(Prediction)
def test_a_known_mistake_is_told_which_step_went_wrong_and_not_the_last_one(question):
    asked = fresh(question, 0).asked()
    last = asked.working.split(" = ")[-1]
    is_told = re.compile(rf"(=|→) {re.escape(shown(asked.answer))}(?![\d·]|\.\d)|{re.escape(last)}")
    assert [mistake.why for mistake in asked.mistakes if is_told.search(mistake.why)] == []


@every(Question)
def test_a_number_below_zero_can_be_copied_into_a_cell(question):
    """Python takes another sign for its minus than print has."""
    fresh(question, 0)
    texts = [question.text, *question._hints()]
    if isinstance(question, Prediction):
        texts += [mistake.why for mistake in question.asked().mistakes]
    else:
        texts += [mistake.why for mistake in getattr(question, "mistakes", ())]
    assert [text for text in texts if re.search(r"`[^`\n]*−[^`\n]*`|(?<![\w)\]²] )(?<![\w)\]²])−\d", text)] == []


@every(Prediction)
def test_an_unknown_wrong_answer_gets_a_hint_the_next_one_another_and_the_working_comes_last(question):
    asked = fresh(question, 0).asked()
    wanted = [*asked.hints, f"Compare: {asked.working}"]
    for place, hint in enumerate([*wanted, wanted[-1]]):
        wrong = 987654 + place
        for _ in range(2):  # the same answer again is no further try
            feedback = question.predict((wrong,) * 5 if isinstance(asked.answer, tuple) else wrong)
            assert feedback.state == "wrong"
            assert feedback.paragraphs[0] == hint


@every(Prediction)
def test_a_shape_may_be_given_without_brackets(question):
    answer = fresh(question, 0).asked().answer
    if isinstance(answer, tuple) and len(answer) > 1:
        assert question.predict(*answer).state == "right"
    else:
        assert "This asks for a" in repr(question.predict(1, 2, 3)) or isinstance(answer, tuple)


@every(Prediction)
def test_the_reveal_compares_what_was_predicted_with_what_is_shown(question):
    answer, mistakes = fresh(question, 0).asked().answer, question.asked().mistakes
    assert question.reveal(answer).state == "open"
    question.predict(mistakes[0].answer)
    assert question.reveal(answer).state == "wrong"
    assert mistakes[0].why in repr(question.reveal(answer))
    question.predict(answer)
    assert question.reveal(answer).state == "right"
    assert "This asks for a" in repr(question.reveal(None)), "a cell that was changed"
    assert "other numbers" in repr(question.reveal((9, 9, 9, 9) if isinstance(answer, tuple) else 987654))


@every(Implementation)
def test_the_solution_and_torchs_own_way_pass(question):
    for seed in range(5):
        fresh(question, seed)
        assert question.check(solved(question)).state == "right", question.check(solved(question))
        assert question.check(question.reference).state == "right"


@every(Implementation)
def test_each_known_mistake_is_rejected_and_called_by_its_name(question):
    assert len(question.mistakes) + bool(question.broken) >= 3
    for seed in range(5):
        fresh(question, seed)
        for mistake in question.mistakes:
            feedback = question.check(mistake.answer)
            assert feedback.state == "wrong", mistake.name
            assert named(question, feedback) == [mistake.name]


@every(Implementation)
def test_a_broken_function_that_is_unchanged_is_not_mended_yet_and_shows_what_it_does(question):
    if question.broken:
        feedback = fresh(question, 0).check(question.broken)
        assert feedback.state == "open"
        assert "Not fixed yet" in feedback.headline
        assert "  expected:" in repr(feedback)
        assert record.events() == []


@every(Ordering)
def test_the_right_order_passes_under_all_letters(question):
    for seed in range(20):
        fresh(question, seed)
        letters = {line: letter for letter, line in question.lettered().items()}
        order = "".join(letters[line] for line in question.lines)
        assert question.check(order).state == "right"
        assert question.check(order[::-1]).state == "wrong"


class Untold:
    def __repr__(self):
        raise ZeroDivisionError


FIRST = {type(question): question.name for module in MODULES.values() for question in questions(module)[::-1]}.values()
STRANGE = [
    *(10**5000, -(10**5000), (1, 2, 10**5000), "9" * 10**6, "<script>alert(1)</script>", "\u202e12", b"\0" * 10**6),
    *([1] * 10**6, [[1] * 3] * 10**5, {"a": [1] * 10**5}, range(10**9), {1, 2}, Untold(), float("nan"), 1 + 2j),
    *(torch.zeros(10**6), lambda *given: 10**5000, lambda *given: "x" * 10**7, lambda *given: Untold()),
]


@every(Question)
def test_whatever_is_answered_is_told_in_a_few_words_and_escaped(question):
    fresh(question, 0)
    answer = question.predict if isinstance(question, Prediction) else question.check
    for given in STRANGE if question.name in FIRST else STRANGE[:4]:
        told = answer(given)
        assert not repr(told).startswith("right")
        assert len(repr(told)) < 4_000
        assert "<script>alert" not in told._repr_html_()
