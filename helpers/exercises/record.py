"""What was answered, in order: in memory, and in a file. Nothing leaves the machine.

The file lies beside a notebook on your own machine, from the first answer on, and brings back what was answered before.
"""

import json
import os
from pathlib import Path

from helpers.exercises.switches import is_off
from helpers.files import check_regular

FILE = "answers.jsonl"
NOTEBOOK = "JPY_SESSION_NAME"  # Jupyter tells a kernel so which notebook was opened with it; no run of tests does
KEPT = f"Your answers are kept in {FILE}, beside this notebook, and nowhere else."

# An event is a dict. "reveal": the answer was seen on the page. An answer has what was given, and what was found in it.
WHAT = ("answer", "hint", "solution", "reveal")
FIELDS = {"question": str, "seed": int, "what": str}
ANSWER = {"given": str, "is_right": bool, "mistakes": list}
REPORTED = 5  # damaged lines are reported one by one

_events = []
_latest = {}  # the latest answer to each question with the lesson's numbers, also if it was given before
_file = {"path": None, "is_looked_for": False}
_unsaid = []  # what there is to say of the file


def events(question=None, seed=None):
    """The events so far, of one question or of all."""
    _begin()
    return [event for event in _events if question in (None, event["question"]) and seed in (None, event["seed"])]


def latest_answer(question):
    """The latest answer to a question with the lesson's numbers, or None."""
    answers = [event for event in events(question, 0) if event["what"] == "answer"]
    return _latest.get(question, answers[-1] if answers else None)


def add(event):
    """Keep an event, each only once: a cell that is run again adds nothing. Returns what there is to say, or ""."""
    _begin()
    if event["what"] == "answer" and event["seed"] == 0:
        _latest[event["question"]] = event
    if event not in _events:
        _events.append(event)
        _unsaid.append(_write())
    return " ".join(_said())


def about():
    """What there is to say when one looks back."""
    _begin()
    notes = _said()
    is_beside = _file["path"] is not None and _file["path"] == beside_the_notebook()
    return notes if KEPT in notes or not is_beside else [KEPT, *notes]


def beside_the_notebook():
    """The file in which answers are kept unasked, or None: not in a notebook on your own machine, or switched off."""
    notebook = os.environ.get(NOTEBOOK)
    if not notebook or is_off("file") or not Path(notebook).parent.is_dir():
        return None
    return Path(notebook).parent.resolve() / FILE


def _begin():
    """Bring back what was answered before, once."""
    if _file["is_looked_for"]:
        return
    _file["is_looked_for"] = True
    if path := beside_the_notebook():
        is_new = not path.exists()
        first, *more = _keep_in(path)
        _unsaid[:] = [*([KEPT] if is_new else []), *more] if _file["path"] else [first]


def _said():
    notes = list(filter(None, _unsaid))
    _unsaid.clear()
    return notes


def keep_in(path):
    """Keep the answers in this file from now on, and bring back those that are in it. Returns what there is to say.

    A line for each event, in JSON. Lines are only ever added. One that cannot be read is reported and left as it is; a
    file in which there are other things altogether is not touched.
    """
    _begin()
    _unsaid.clear()
    return _keep_in(path)


def _keep_in(path):
    try:
        path = Path(path)
        check_regular(path)  # a pipe would never end
        found, damaged = _read(path)
        path.open("a").close()  # can it be written to?
    except (OSError, ValueError, TypeError) as error:
        reason = getattr(error, "strerror", None) or error
        where = f"still kept in {_file['path']}" if _file["path"] else "in memory only"
        return [f"{path} cannot be used: {reason}. Nothing in it was changed. Your answers are {where}."]
    _events[:] = found + [event for event in _events if event not in found]
    _file["path"] = path.resolve()
    notes = [f"Kept in {path}. Found in it: {len(found)}."]
    notes += [f"Line {number} of {path} cannot be read. It is left as it is." for number in damaged[:REPORTED]]
    if (more := len(damaged) - REPORTED) > 0:
        notes.append(f"{more} more line{'s' * (more != 1)} cannot be read.")
    return [*notes, *filter(None, [_write()])]


def forget():
    """Empty the memory; a file stays as it is."""
    _events.clear()
    _latest.clear()
    _unsaid.clear()
    _file.update(path=None, is_looked_for=False)


def _read(path):
    """(events, the numbers of the lines that hold none). No file: no events. Raises ValueError for a foreign file."""
    if not path.exists():
        return [], []
    found, damaged = [], []
    text = path.read_text("utf-8-sig", errors="replace")
    for number, line in enumerate(text.split("\n"), start=1):
        event = event_of(line)
        if event is not None:
            found.append(event)
        elif line.strip():
            damaged.append(number)
    if damaged and not found:
        raise ValueError("there are no answers of this course in it")
    return found, damaged


def event_of(line):
    """The event of one line of such a file, or None."""
    try:
        event = json.loads(line)
    except (ValueError, RecursionError):
        return None
    if not isinstance(event, dict):
        return None
    fields = FIELDS | (ANSWER if event.get("what") == "answer" else {})
    if not all(isinstance(event.get(name), kind) for name, kind in fields.items()):
        return None
    is_known = event["what"] in WHAT and not isinstance(event["seed"], bool) and event["seed"] >= 0
    return event if is_known and all(isinstance(name, str) for name in event.get("mistakes", [])) else None


def _write():
    """Add to the file what is not in it; returns "" or a warning.

    It may have been taken away since, or an older copy put back; and another kernel may write it, too.
    """
    path = _file["path"]
    if path is None:
        return ""
    try:
        there = set(map(_line, _read(path)[0]))
        text = "".join(line for line in map(_line, _events) if line not in there)
        if text and path.exists() and path.read_bytes()[-1:] not in (b"", b"\n"):
            text = "\n" + text  # the last line was torn off
        if text:
            with path.open("a", encoding="utf-8") as file:
                file.write(text)
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or error
        return f"{path.name} could not be written ({reason}). Your answers are in memory only."
    return ""


def _line(event):
    return json.dumps(event, ensure_ascii=False) + "\n"
