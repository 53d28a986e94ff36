"""What was answered, in order: in memory, and in a file too if the learner wants. Nothing leaves the machine."""

import json
from pathlib import Path

# An event is a dict. An answer also has what was given, and what was found in it.
WHAT = ("answer", "hint", "solution")
FIELDS = {"question": str, "seed": int, "what": str}
ANSWER = {"given": str, "is_right": bool, "mistakes": list}

_events = []
_file = {"path": None, "written": 0}  # the first so many events are in the file


def events(question=None, seed=None):
    """The events so far, of one question or of all."""
    return [
        event for event in _events if question in (None, event["question"]) and seed in (None, event["seed"])
    ]


def add(event):
    """Keep an event, but not the same answer twice in a row. Returns a warning if the file could not be written."""
    before = [old for old in events(event["question"], event["seed"]) if old["what"] == event["what"]]
    if event["what"] != "hint" and before and before[-1] == event:
        return ""
    _events.append(event)
    return _write()


def keep_in(path):
    """Keep the answers in this file from now on, and bring back those that are in it. Returns what there is to say.

    A line for each answer, hint and solution, in JSON. Lines are only ever added. One that cannot be read is reported
    and left as it is; a file in which there are other things altogether is not touched.
    """
    path = Path(path)
    try:
        found, damaged = _read(path)
        path.open("a").close()  # can it be written to?
    except (OSError, ValueError) as error:
        return [f"{path} cannot be used: {error} It is left as it is, and your answers are in memory only."]
    if path.resolve() == _file["path"]:
        _events[: _file["written"]] = found
    else:
        _events[:0] = found
    _file.update(path=path.resolve(), written=len(found))
    notes = [f"Kept in {path}: {len(found)} lines were in it."]
    notes += [f"Line {number} of {path} cannot be read. It is left as it is." for number in damaged]
    return [*notes, *filter(None, [_write()])]


def forget():
    """Empty the memory; a file stays as it is."""
    _events.clear()
    _file.update(path=None, written=0)


def _read(path):
    """(events, the numbers of the lines that hold none). No file: no events. Raises ValueError for a foreign file."""
    if not path.exists():
        return [], []
    found, damaged = [], []
    for number, line in enumerate(path.read_text("utf-8", errors="replace").splitlines(), start=1):
        event = _event(line)
        if event is not None:
            found.append(event)
        elif line.strip():
            damaged.append(number)
    if damaged and not found:
        raise ValueError("there are no answers of this course in it.")
    return found, damaged


def _event(line):
    try:
        event = json.loads(line)
    except ValueError:
        return None
    if not isinstance(event, dict):
        return None
    fields = FIELDS | (ANSWER if event.get("what") == "answer" else {})
    is_whole = all(isinstance(event.get(name), kind) for name, kind in fields.items())
    is_whole = (
        is_whole and event["what"] in WHAT and all(isinstance(m, str) for m in event.get("mistakes", []))
    )
    return event if is_whole else None


def _write():
    """Add to the file what is not in it yet. Returns "" or a warning."""
    path, missing = _file["path"], _events[_file["written"] :]
    if path is None or not missing:
        return ""
    try:
        text = "".join(json.dumps(event, ensure_ascii=False) + "\n" for event in missing)
        if path.exists() and path.read_bytes()[-1:] not in (b"", b"\n"):
            text = "\n" + text  # the last line was torn off
        with path.open("a", encoding="utf-8") as file:
            file.write(text)
    except OSError as error:
        return f"{path.name} could not be written ({error.strerror}). Your answers are in memory only."
    _file["written"] = len(_events)
    return ""
