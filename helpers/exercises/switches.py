"""What a teacher, a class or a test does without: one environment variable, set before Jupyter starts."""

import os
import re

SWITCH = "CNN_SHAPES_WITHOUT"
PARTS = ("solutions", "hints", "file")  # the file: the one beside the notebook in which answers are kept


def is_off(part):
    """Is it switched off? A word that is no known one switches everything off: better that than a teacher's typo."""
    words = {word.rstrip("s") for word in re.findall(r"\w+", os.environ.get(SWITCH, "").lower())}
    return part.rstrip("s") in words or bool(words - {part.rstrip("s") for part in PARTS})
