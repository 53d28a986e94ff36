"""What a question says: text in print, and the same as a small card in a notebook."""

import re
from dataclasses import dataclass, field
from html import escape
from pathlib import Path
from textwrap import indent
from typing import NamedTuple

from helpers.colours import style
from helpers.language import ENGLISH, LANGUAGE

SHEET = Path(__file__).with_name("feedback.css")
LANG = "" if LANGUAGE == ENGLISH else f' lang="{LANGUAGE}"'  # the lesson around it is in English
SHORT = 40  # letters: a phone has room for them
BREAKS = ' style="white-space: pre-wrap"'
MARKS = {"right": "✓", "wrong": "✗", "open": "○", "note": "·"}  # a state is never told by its colour alone


class Beside(NamedTuple):
    """(label, text) pairs that a notebook shows side by side."""

    parts: tuple


@dataclass(frozen=True)
class Feedback:
    """`state`: one of MARKS. A paragraph is a text, a (label, text) pair, or a Beside; `code` stands in backticks; text
    of several lines is set as it stands. `rows`: a table, its first row the heads. `question`: the Question that waits
    for an answer; a notebook then has a field for it.
    """

    name: str
    state: str
    headline: str
    paragraphs: tuple = ()
    rows: tuple = ()
    question: object = field(default=None, compare=False)

    def __repr__(self):
        lines = [f"{self.name} {MARKS[self.state]} {self.headline}"]
        lines += _aligned(self.rows)
        for label, text in _flat(self.paragraphs):
            if "\n" in text:
                lines += [f"  {label}:"] * bool(label) + [indent(text, "    ")]
            else:
                lines.append(f"  {label}: {text}" if label else f"  {text}")
        return "\n".join(lines)

    def _repr_mimebundle_(self, include=None, exclude=None):
        """What there is beside text and HTML: the same card with a field below it, where widgets are shown."""
        if self.question is None:
            return {}
        from helpers.exercises.field import Field  # here and not above: a script has no widgets

        data, metadata = Field(self.question, self)._repr_mimebundle_()
        del data["text/plain"]
        return data, metadata

    def _repr_html_(self):
        headline = f"<b>{marked_up(self.name)}</b> <strong>{MARKS[self.state]} {marked_up(self.headline)}</strong>"
        parts = [
            f'<div class="cs-answer cs-answer-{self.state}" role="status"{LANG}><style>{style(SHEET)}</style>',
            f"<p>{headline}</p>",
            _table(self.rows),
            *map(_paragraph, self.paragraphs),
            "</div>",
        ]
        return "\n".join(filter(None, parts))


def _labelled(paragraph):
    return paragraph if isinstance(paragraph, tuple) else ("", paragraph)


def _flat(paragraphs):
    for paragraph in paragraphs:
        yield from paragraph.parts if isinstance(paragraph, Beside) else [_labelled(paragraph)]


def _paragraph(paragraph):
    if isinstance(paragraph, Beside):
        parts = (
            f"<div><p><b>{marked_up(label)}</b></p><pre{BREAKS * _may_break(text)}>{escape(text)}</pre></div>"
            for label, text in paragraph.parts
        )
        return f'<div class="cs-answer-beside">{"".join(parts)}</div>'
    label, text = _labelled(paragraph)
    label = f"<b>{marked_up(label)}</b>: " if label else ""
    if "\n" in text:
        return f"<p>{label}</p><pre>{escape(text)}</pre>" if label else f"<pre>{escape(text)}</pre>"
    return f"<p>{label}{marked_up(text)}</p>"


def _may_break(text):
    """Whether its lines may: one alone, or with labels. A matrix's rows stay rows; what is short needs no break."""
    lines = text.splitlines()
    return max(map(len, lines), default=0) > SHORT and (len(lines) == 1 or all(": " in line for line in lines))


def marked_up(text):
    """A text as HTML; `code` stands in backticks."""
    return re.sub(r"`([^`]+)`", r"<code>\1</code>", escape(text, quote=False))


def _table(rows):
    if not rows:
        return ""
    heads = "".join(f'<th scope="col">{marked_up(cell)}</th>' for cell in rows[0])
    body = "".join(
        f'<tr><th scope="row">{marked_up(first)}</th>{"".join(f"<td>{marked_up(cell)}</td>" for cell in rest)}</tr>'
        for first, *rest in rows[1:]
    )
    return f'<div class="cs-answer-box"><table><thead><tr>{heads}</tr></thead><tbody>{body}</tbody></table></div>'


def _aligned(rows):
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    return [
        "  " + "  ".join(f"{cell:{width}}" for cell, width in zip(row, widths, strict=True)).rstrip() for row in rows
    ]
