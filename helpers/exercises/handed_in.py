"""What a class has handed in: a folder's files read, whose each is, and what there is to say of them."""

import re
from codecs import BOM_UTF16_BE, BOM_UTF16_LE, getincrementaldecoder
from collections import Counter

from helpers.exercises import record
from helpers.exercises.progress import ANSWERS
from helpers.exercises.question import QUESTIONS
from helpers.files import check_regular

LARGEST = 5_000_000  # bytes: no student's answers are as long
NUMBERED = re.compile(r"(.+?)(?:-\d+| ?\(\d+\))")  # the name of a second file: export() writes x-2, browsers x (1)
# Notepad's "ANSI" has no arrow: it puts a question mark instead.
LINE = re.compile(
    r"(\d\d\.q\d+)(?:, seed (\d+))?: (?:(hint|solution|reveal)|(.*) [→?] (right|wrong)(?:; (.*))?)", re.ASCII
)


def read(folder, own=()):
    """({student: {question: events}}, {student: sentences about the files}); who is in the second alone is left out.

    `own`: names that are not read. Raises OSError if the folder cannot be read, ValueError if it is not one.
    """
    if not folder.is_dir():
        missing = "not a folder; unpack a .zip first" if folder.exists() else "no such folder"
        raise ValueError(f"{folder}: {missing}")
    places = [path.relative_to(folder) for path in _files(folder)]
    places = sorted((place for place in places if str(place) not in own), key=lambda place: (len(str(place)), place))
    names = {_name(place) for place in places}
    students, notes, counted, first = {}, {}, {}, {}
    for place in places:
        student = _owner(_name(place), names)
        sentences = notes.setdefault(student, [])
        try:
            events, said = _events(folder / place)
        except (OSError, ValueError) as error:
            sentences.append(f"{place}: left out: {getattr(error, 'strerror', None) or error}")
            continue
        sentences += [f"{place}: {sentence}" for sentence in said]
        same = first.setdefault(tuple(map(_key, events)), (student, place)) if events else (student, place)
        if same[0] != student:
            sentences.append(f"{place}: the same answers, letter for letter, as in {same[1]}")
        counted.setdefault(student, []).append(events)
    for student, files in sorted(counted.items()):
        students[student], disagree = _together(files)
        if disagree:
            several = f"{student}: {len(files)} files count as one student"
            notes[student].append(f"{several}, but disagree on {disagree[0]}: are these {len(files)} students?")
    return students, {student: sentences for student, sentences in sorted(notes.items()) if sentences}


def _files(folder):
    """What lies below the folder, but for folders and what is hidden; a link to a folder is not followed."""
    for path in folder.iterdir():
        if path.name.startswith("."):
            continue
        if path.is_dir() and not path.is_symlink():
            yield from _files(path)
        else:
            yield path


def _name(place):
    return place.parts[0] if len(place.parts) > 1 else place.stem


def _owner(name, names):
    """`mona` for mona-2 and mona (1), if there is a mona: student-1 and student-2 are two."""
    while (numbered := NUMBERED.fullmatch(name)) and numbered[1] in names:
        name = numbered[1]
    return name


def _together(files):
    """({question: events}, the questions on which the files disagree): none of two begins as the other does."""
    answers, disagree = {}, []
    for question in QUESTIONS:
        together = []
        for events in files:
            own = [event for event in events if event["question"] == question]
            there, here = list(map(_key, together)), list(map(_key, own))
            shorter = min(len(there), len(here))
            if there[:shorter] != here[:shorter] and question not in disagree:
                disagree.append(question)
            known = Counter(there)
            for event, key in zip(own, here, strict=True):  # a later file holds the earlier answers, too
                if known[key]:
                    known[key] -= 1
                else:
                    together.append(event)
        answers[question] = together
    return answers, disagree


def _key(event):
    """The same for an event that was exported as for one of answers.jsonl."""
    given = " ".join(event.get("given", "").split())
    return event["question"], event["seed"], event["what"], given, event.get("is_right")


def _events(path):
    """(the events of one file, what there is to say of it). Raises OSError, and ValueError where there are none."""
    check_regular(path)
    if path.stat().st_size > LARGEST:
        raise ValueError(f"it is larger than {LARGEST // 1_000_000} MB")
    if path.suffix.lower() == ".zip":
        raise ValueError("unpack it first")
    text = _decoded(path.read_bytes())
    read_line = record.event_of if path.suffix == ".jsonl" else _exported
    _, is_exported, answers = text.rpartition(ANSWERS)
    lines = [line for line in answers.split("\n") if line.strip()]
    found = [read_line(line.strip()) for line in lines]
    if not any(found) and (lines or not is_exported):  # who has answered nothing hands in an empty list
        is_table = re.search(r"^progress · ", text, re.MULTILINE) and not is_exported
        raise ValueError(
            f"the list under “{ANSWERS.strip()}” is missing"
            if is_table
            else "there are no answers of this course in it"
        )
    said = []
    if found and not text.endswith("\n") and (found[-1] is None or _is_cut_off(found[-1])):
        said.append(f"its last line is cut off, and not counted: “{lines.pop()[:60]}”")
        found.pop()
    if unread := [line for line, event in zip(lines, found, strict=True) if event is None]:
        more = f", nor {len(unread) - 1} more" * (len(unread) > 1)
        said.append(f"no answer, and not counted: the line “{unread[0][:60]}”{more}")
    found = [event for event in found if event]
    if strange := sorted({event["question"] for event in found} - set(QUESTIONS)):
        said.append(f"not counted: its answers to {', '.join(strange)}, which this course does not ask")
    return found, said


def _decoded(content):
    """As text: editors save it as UTF-16, and as the code page of their system, too."""
    if content.startswith((BOM_UTF16_LE, BOM_UTF16_BE)):
        text = content.decode("utf-16", "replace")
    else:
        try:
            text = getincrementaldecoder("utf-8-sig")().decode(content)  # the end may be half a letter: it was cut off
        except UnicodeDecodeError:
            text = content.decode("cp1252", "replace")
    return text.replace("\r\n", "\n")


def _exported(line):
    """The event of one line that progress().export has written, or None."""
    match = LINE.fullmatch(line)
    if match is None:
        return None
    question, seed, what, given, verdict, mistakes = match.groups()
    event = {"question": question, "seed": int(seed or 0), "what": what or "answer"}
    if what is None:
        named = {_without_signs(name): name for name in _mistakes(question)}
        made = [named.get(name, name) for name in mistakes.split("; ")] if mistakes else []
        event |= {"given": given, "is_right": verdict == "right", "mistakes": made}
    return event


def _mistakes(question):
    """The names of the known mistakes of a question, with the lesson's numbers."""
    asked = QUESTIONS.get(question)
    mistakes = getattr(asked, "mistakes", None) or (asked.asked().mistakes if hasattr(asked, "asked") else ())
    return [mistake.name for mistake in mistakes]


def _without_signs(name):
    return name.encode("cp1252", "replace").decode("cp1252")


def _is_cut_off(event):
    """Does it end in the middle of a mistake's name?"""
    names, made = _mistakes(event["question"]), event.get("mistakes")
    return bool(made) and made[-1] not in names and any(name.startswith(made[-1]) for name in names)
