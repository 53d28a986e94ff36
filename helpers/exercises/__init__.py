"""The lessons' questions: each recognises which mistake was made. One module a lesson, one object a question."""

from helpers.exercises.progress import progress

__all__ = ["progress"]
