"""A question that has no end: a network that is right often enough, with as few parameters as possible."""

import inspect
import re

from torch import nn

from helpers.data import load_shapes
from helpers.exercises.calling import called
from helpers.exercises.question import Question, name_of, text_of
from helpers.training import evaluate

SECONDS = 60  # for testing a network: a large one takes its time
PICTURES = 2000  # drawn for this: neither a learner's training nor their validation has met them
DRAWN_FROM = 7  # load_shapes' seed for the lesson's round; the round of seed 1 has those of 8, and so on


def contest(title, reread, **parts):
    """Make a Contest of the function below, whose docstring is its text."""
    return lambda ask: Contest(name_of(ask), title, reread, text_of(ask), **parts)


class Contest(Question):
    """`check(model)` counts a trained network's parameters and tests it on shapes that it has never met.

    `least`: the accuracy that is asked for. `solution`: the function that makes and trains the course's own network,
    and `fewest`, the parameters that it has.
    """

    def __init__(self, name, title, reread, text, *, least, fewest, solution, hints):
        super().__init__(name, title, reread)
        self.text, self.least, self.hints = text, least, tuple(hints)
        self.fewest, self.code = fewest, inspect.getsource(solution).strip()

    def check(self, model):
        """Test a trained network that takes (N, 3, 32, 32), normalised, and gives (N, 10)."""
        if model is ...:
            return self._open("put your trained network where the three dots are.")
        if not isinstance(model, nn.Module):
            return self._open(f"hand over a trained network, an `nn.Module`. It got {type(model).__name__}.")
        tested = called(lambda model: evaluate(model, self.pictures())[1], [model], seconds=SECONDS)
        if tested.error:
            return self._says("wrong", "It cannot be tested.", ("it stopped", tested.error))
        parameters = sum(weight.numel() for weight in model.parameters())
        given = f"{parameters:,} parameters, {tested.value:.2%}"
        warning = self._keep_answer(given, tested.value >= self.least)
        if tested.value < self.least:
            return self._says("wrong", f"{given}: {self.least:.0%} are asked for.", self._what_next(), *warning)
        return self._says("right", f"{given}.", ("parameters", self._beside(fewest_of(self._events()))), *warning)

    def pictures(self):
        """The ImageSet of this round."""
        return load_shapes(train=PICTURES, test=PICTURES, seed=DRAWN_FROM + self.seed)[1]

    def beside(self, events):
        own = fewest_of(events)
        return f"; {self._beside(own)}" if own else ""

    def _beside(self, own):
        return f"your fewest: {own:,}, the course's: {self.fewest:,}"


def fewest_of(events):
    """The fewest parameters of the networks that were right often enough, or None."""
    counted = [event["given"] for event in events if event["what"] == "answer" and event["is_right"]]
    found = [re.match(r"([\d,]+) [Pp]arameter", given) for given in counted]
    return min((int(one[1].replace(",", "")) for one in found if one), default=None)
