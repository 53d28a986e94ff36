"""Looking back: what was right at first, what after hints, which mistake came back, and what to read again."""

from collections import Counter
from itertools import chain, count
from pathlib import Path

from helpers.exercises import record
from helpers.exercises.feedback import Feedback
from helpers.exercises.question import QUESTIONS
from helpers.files import write_whole

AT_FIRST, AFTER_SOLUTION, AFTER_SHOWN = "right at first", "right after the solution", "right after it was shown"
NOT_YET, UNANSWERED = "not right yet", "not answered"
ANSWERS = "Every answer, in order\n"  # the heading of an exported list, which is in English in every language
NOTHING = "Nothing is answered yet: there is nothing to hand in."
HEADS = "question, about, result, mistakes"  # in one text: the words alone are keys, too


def progress(keep_in=None):
    """The questions of the lesson, and how they were answered: a Progress.

    Answers survive a restart: they are kept in answers.jsonl, beside the notebook. `keep_in`: another file, such as
    "anna.jsonl". What is in it is brought back, and every answer is added to it. Nothing leaves the machine.
    """
    return Progress(record.keep_in(keep_in) if keep_in is not None else record.about())


class Progress:
    """A table in a notebook, the same as text in print; `export` writes it into a file, with every answer."""

    def __init__(self, notes=()):
        self._notes = tuple(notes)
        questions = list(QUESTIONS.values())
        self._lessons = list(dict.fromkeys(question.name.split(".")[0] for question in questions))
        self._events = {question: record.events(question.name) for question in questions}
        self._kept = record.events()  # of all lessons: the file is shared by those of a folder

    def __repr__(self):
        return repr(self._feedback())

    def _repr_html_(self):
        return self._feedback()._repr_html_()

    def export(self, path="progress.txt"):
        """Write a readable file, to hand in: this lesson's table, then every answer to any lesson.

        A file of this name is not overwritten, and without any answer none is written.
        """
        if not any(event["what"] == "answer" for event in self._kept):
            return Feedback("progress", "note", NOTHING)
        try:
            path = _unused(Path(path))
            heading = f"Lesson {', '.join(self._lessons)}\n" if self._lessons else ""
            text = f"{heading}{self!r}\n\n{ANSWERS}{self._answers()}"
            write_whole(path, text.encode("utf-8", "backslashreplace"))
        except (OSError, ValueError, TypeError) as error:
            reason = getattr(error, "strerror", None) or error
            how = "Give the name of a file in a folder that can be written to."
            return Feedback("progress", "wrong", f"{path} cannot be written: {reason}.", (how,))
        return Feedback("progress", "note", f"Written to {path.resolve()}.")

    def _feedback(self):
        results = [result_of(events) for events in self._events.values()]
        right = sum(map(is_right, results))
        at_first = f", {results.count(AT_FIRST)} of them at first and without a hint" if right else ""
        headline = f"{right} of {len(results)} right{at_first}."
        mistakes = {question: _made(question, events) for question, events in self._events.items()}
        rows = [tuple(HEADS.split(", "))] + [
            (
                self._label(question),
                question.title,
                result + _practice(events) + question.beside(events),
                _times(mistakes[question]),
            )
            for (question, events), result in zip(self._events.items(), results, strict=True)
        ]
        paragraphs = []
        often = Counter({name: times for name, times in sum(mistakes.values(), Counter()).items() if times > 1})
        if often:
            paragraphs.append(("came back", _times(often)))
        headings = dict.fromkeys(q.reread for q, events in self._events.items() if _is_shaky(events, mistakes[q]))
        if headings:
            paragraphs.append(("to read again", "; ".join(headings)))
        paragraphs += self._notes
        return Feedback("progress", "note", headline, tuple(paragraphs), tuple(rows))

    def _label(self, question):
        return question.name.replace(".", " ") if len(self._lessons) > 1 else question.label

    def _answers(self):
        """A line for each event, question by question: those of this lesson first."""
        lines = []
        names = [question.name for question in self._events] + [event["question"] for event in self._kept]
        for name in dict.fromkeys(names):
            for event in (event for event in self._kept if event["question"] == name):
                seed = f", seed {event['seed']}" if event["seed"] else ""
                said = event["what"]
                if said == "answer":
                    verdict = "right" if event["is_right"] else "wrong"
                    said = f"{' '.join(event['given'].split())} → {'; '.join([verdict, *event['mistakes']])}"
                lines.append(f"{name}{seed}: {said}\n")
        return "".join(lines)


def _unused(path):
    """The path, with a number at its name if there is such a file already; in a folder, a file in it."""
    if path.is_dir():
        path = path / "progress.txt"
    others = (path.with_stem(f"{path.stem}-{number}") for number in count(2))
    return next(other for other in chain([path], others) if not other.exists())


def _practice(events):
    """How it went with other numbers than the lesson's."""
    others = {event["seed"] for event in events if event["seed"] and event["what"] == "answer"}
    results = [result_of(events, seed) for seed in others]
    solved = [result for result in results if is_right(result) and result != AFTER_SOLUTION]
    return f"; {len(solved)} of {len(others)} with other numbers" if others else ""


def result_of(events, seed=0):
    """How the numbers of a seed were answered, from a question's events; 0: the lesson's."""
    events = [event for event in events if event["seed"] == seed]
    answers = [event for event in events if event["what"] == "answer"]
    if not any(event["is_right"] for event in answers):
        return f"{NOT_YET}, {len(answers)} answer{'s' * (len(answers) != 1)}" if answers else UNANSWERED
    place = next(place for place, event in enumerate(events) if event.get("is_right"))
    before = [event["what"] for event in events[:place]]
    if "solution" in before:
        return AFTER_SOLUTION
    if "reveal" in before:
        return AFTER_SHOWN
    wrong, hints = before.count("answer"), before.count("hint")
    steps = [f"{wrong} wrong answer{'s' * (wrong != 1)}"] * bool(wrong)
    steps += [f"{hints} hint{'s' * (hints != 1)}"] * bool(hints)
    return f"right after {' and '.join(steps)}" if steps else AT_FIRST


def is_right(result):
    """Of what `result_of` returns: was an answer right, at first or later?"""
    return not result.startswith((NOT_YET, UNANSWERED))


def _made(question, events):
    """The known mistakes that were made. An order is tried out, to see what it would do: once it is right, none was."""
    is_tried_out = question.is_tried_out and is_right(result_of(events))
    return Counter() if is_tried_out else mistakes_in(events)


def _is_shaky(events, mistakes):
    """Is there something to read again? Not after a slip that was no known mistake, or one hint, and then right."""
    is_tried = any(event["what"] != "reveal" for event in events)
    result = result_of(events)
    return is_tried and (bool(mistakes) or result in (AFTER_SOLUTION, AFTER_SHOWN) or result.startswith(NOT_YET))


def mistakes_in(events):
    """Those made before the answer was right: after it one plays. Where two give the same answer, nobody knows which
    it was: they are counted as one, "this or that".
    """
    found, solved = Counter(), set()
    for event in events:
        if event["what"] == "answer" and event["seed"] not in solved:
            solved |= {event["seed"]} if event["is_right"] else set()
            found.update([" or ".join(event["mistakes"])] if event["mistakes"] else [])
    return found


def _times(mistakes):
    """`the floor forgotten, 3 times; rounded up`"""
    return "; ".join(f"{name}, {n} times" if n > 1 else name for name, n in mistakes.most_common())
