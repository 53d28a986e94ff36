"""What is wrong with a run, why, and the smallest change that fixes it: rules are asked in turn, changes are tried."""

import warnings
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial

import torch

from helpers.trace.picture import pictures, shown
from helpers.trace.rules import findings
from helpers.trace.steps import follow

KINDS = (
    "linear-width",
    "not-flattened",
    "batch-changed",
    "channels",
    "rank",
    "kernel-too-big",
    "pooled-away",
    "pool-padding",
    "padding-argument",
    "stride",
    "groups",
    "view-size",
    "view-stride",
    "batchnorm",
    "merge",
    "state",
    "too-short",
    "target",
    "dtype",
    "device",
    "wiring",
    "other",
)
MOST = 5  # changes to one model: who needs more should begin anew


@dataclass(frozen=True)
class Problem:
    """Where and why a model's shapes do not fit. str() tells it in a few lines.

    kind           one of KINDS
    layer          the layer, or the call, where it shows
    what           the problem in a sentence
    got, wanted    what arrived there, and what would fit: a shape, a type or a device, as text
    why            where that comes from
    fix            the change that makes this layer accept its input, and those that the layers after it then need;
                   all were tried. "" if none was found
    torch_message  PyTorch's own words; "" where it reports nothing
    """

    kind: str
    layer: str
    what: str
    got: str
    wanted: str
    why: str
    fix: str
    torch_message: str
    pictures: Callable = field(default=list, repr=False, compare=False)  # what to `show`

    def show(self):
        """The explorer at the failing layer's own numbers: move its sliders until they fit.

        It draws convolutions, pooling, flattening, and models built as SimpleCNN is. Where there is none, or its
        sliders do not go so far, it says so in a sentence and returns None.
        """
        return shown(self.pictures())

    @property
    def explanation(self):
        """What, why and the change, without PyTorch's words."""
        parts = [self.what, self.why and f"Why: {self.why}", self.fix and f"Change: {self.fix}"]
        return "\n".join(filter(None, parts))

    def __str__(self):
        said = f"PyTorch says: {self.torch_message}" if self.torch_message else "PyTorch reports no error."
        return f"{self.explanation}\n{said}"


def diagnose(model, args, kwargs, run):
    """The Problem of a run of this model on these arguments, or None: all is well, or its error is not about shapes."""
    with torch.random.fork_rng(devices=[]):  # a rule may make a layer, which draws its weights
        return _diagnosed(model, args, kwargs, run)


def _diagnosed(model, args, kwargs, run):
    call = model, args, kwargs
    finding, changes, rerun = _mended(call, run, [])
    if finding is None:
        finding = next(findings(run), None)
        return None if finding is None else _problem(run, finding, [])
    first = changes if _is_past(rerun, finding.call) else []
    while rerun is not None and not _is_fine(rerun) and len(changes) < MOST:
        _, more, rerun = _mended(call, rerun, changes)
        changes = more or changes
    # What does not lead to the end is not offered, but for the change that mends this place.
    return _problem(run, finding, changes if rerun is not None and _is_fine(rerun) else first)


def _mended(call, run, changes):
    """(finding, all changes, the run with them): what fixes everything; else what leads further; else what leads to
    another problem of the same step; else Nones."""
    further = aside = None, None, None
    for finding in findings(run):
        for alternative in finding.alternatives:
            tried = [*changes, *alternative]
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")  # the first run has given them
                rerun = follow(*call, tried)
            if _is_fine(rerun):
                return finding, tried, rerun
            if further[0] is None and _is_past(rerun, finding.call):
                further = finding, tried, rerun
            elif aside[0] is None and _is_other(rerun, finding):
                aside = finding, tried, rerun
    return further if further[0] is not None else aside


def _is_other(run, finding):
    """Does the run end at the same call, with a problem of another kind?"""
    then = next(findings(run), None) if run.failed is not None and run.failed.call == finding.call else None
    return then is not None and then.kind not in (finding.kind, "other")


def _is_fine(run):
    """Does it run, with nothing to be found, and did no change alter the number of rows?"""
    changed = [step for step in run.steps if step.call in run.changed and step.shape and run.batch is not None]
    changed = [step for step in changed if getattr(step.layer, "batch_first", True)]  # else rows are not dimension 0
    made = [(step.shape, step.outputs[0].shape) for step in changed if step.outputs[0].is_data]
    alters = any(before[0] == run.batch and after and after[0] != run.batch for before, after in made)
    return run.error is None and not alters and next(findings(run), None) is None


def _is_past(run, call):
    """Did the run come further than this call?"""
    return run.error is None or (run.calls if run.failed is None else run.failed.call) > call


def _problem(run, finding, changes):
    message = "" if run.error is None else f"{type(run.error).__name__}: {run.error}"
    texts = dict.fromkeys(change.text for change in changes)  # the same change may mend two places
    told = {name: value for name, value in finding._asdict().items() if name not in ("call", "alternatives")}
    drawn = partial(pictures, run, finding)
    return Problem(**told, fix=", and ".join(texts), torch_message=message, pictures=drawn)
