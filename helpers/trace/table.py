"""`trace`: a table of the steps of a model, and what is wrong with them."""

import re
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cache, partial

import torch.nn.functional as F
from torch.nn.parameter import is_lazy

from helpers.trace import report
from helpers.trace.arguments import arguments, checked
from helpers.trace.diagnosis import diagnose
from helpers.trace.fields import receptive_fields
from helpers.trace.finding import first_spatial
from helpers.trace.macs import macs
from helpers.trace.operations import FLATTENING, MERGING, formula
from helpers.trace.sizes import sizes
from helpers.trace.steps import follow, is_layer

# Functions that may leave a shape as it was, and yet move its dimensions.
MOVING = (*FLATTENING, "permute", "transpose", "swapaxes", "swapdims", "movedim", "moveaxis", "t", "T", "mT")


@dataclass(frozen=True)
class Row:
    """One step of a model.

    name           the layer's name in the model, or the call: "torch.flatten(x, 1)"
    kind           its class or function: "Conv2d", "flatten"
    input_shape    what arrives, with the batch; where tensors of different shapes are put together, a tuple of shapes
    output_shape   what it returns, the first of several tensors; None for the step that failed
    parameters     how many it learns, those that an earlier row has counted left out
    macs           multiply-adds: products that are summed
    formula        how the output's size follows, with the numbers put in; of a layer written for another width, what
                   arrives and what is wanted; "" for steps with neither
    """

    name: str
    kind: str
    input_shape: tuple
    output_shape: tuple | None
    parameters: int
    macs: int
    formula: str
    seen: Callable = field(default=tuple, repr=False, compare=False)

    @property
    def receptive_field(self):
        """How many cells of the input, side by side, one of its numbers is computed from: (height, width) of images.

        At most the image's own; () where that is not known, or there is no image.
        """
        return self.seen()


class Trace:
    """The steps of one run, in `.rows`, and `.problem`, or None. `.ok`: is there none?

    str() is a table in text; a notebook shows the same as a table in HTML.
    """

    def __init__(self, rows, problem, unused=(), run=None):
        self.rows, self.problem = rows, problem
        self.unused = unused  # names of layers with parameters that were not called
        self._run = run

    @property
    def ok(self):
        return self.problem is None

    @property
    def parameters(self):
        return sum(row.parameters for row in self.rows)

    @property
    def macs(self):
        return sum(row.macs for row in self.rows)

    def sizes(self, most=256):
        """The sides, from 1 to `most`, of the square images that the model takes: Sizes, whose str() says the rule.

        They are tried on the meta device, where nothing is computed. Raises ValueError where the model was not given
        images, or asks for their numbers.

        >>> from torch import nn
        >>> trace(nn.Sequential(nn.Conv2d(3, 8, 5), nn.PixelUnshuffle(2)), (4, 3, 32, 32)).sizes()
        Square images fit if their side is even, and 6 or more. Tried: 1 to 256.
        """
        spatial, computed = first_spatial(self._run)
        dims = len(self._run.inputs[0].shape) - 2 if spatial is None and self._run.inputs else computed.dims
        return sizes(self._run, dims, most)

    def __repr__(self):
        return report.text(self)

    def _repr_html_(self):
        return report.html(self)


def trace(model, input):
    """Run `model` once on `input` and return the Trace: every layer, and each function that changes a shape.

    input: a tensor; a shape, for which zeros are made with the model's type on its device; or a list of such, where
    the model takes several. The model stays as it was: its mode, weights, gradients, buffers, attributes and torch's
    random numbers. Where shapes do not fit, the table ends there and `.problem` explains it.

    Raises TypeError or ValueError, in one sentence, for what cannot be run at all, and an error of the model's own
    code that is not about shapes as it is.

    >>> from torch import nn
    >>> print(trace(nn.Conv2d(3, 18, 3), (4, 3, 32, 32)).rows[0].formula)
    ⌊(32 + 2·0 − 3) / 1⌋ + 1 = 30
    """
    model = checked(model)
    return traced(model, arguments(model, input), {})


def traced(model, args, kwargs):
    """The Trace of a call of the model with just these arguments."""
    run = follow(model, args, kwargs)
    problem = diagnose(model, args, kwargs, run)
    if run.error is not None and problem is None:
        raise run.error
    return Trace(_rows(run, problem), problem, _unused(run), run)


def _rows(run, problem):
    learned = _Learned(run.model)
    fields, rows, counted = cache(partial(receptive_fields, run)), [], set()  # followed when somebody looks
    for step in run.all_steps:
        names = learned.by(step)
        if not _is_shown(step, names, names - counted):
            continue
        parameters = sum(learned.sizes[name] for name in names - counted)
        counted |= names
        output = step.outputs[0].shape if step.outputs else None
        computed = (0, _widths(problem)) if step.error is not None else (macs(step), formula(step))
        shapes, seen = (_input_shape(step), output), partial(_seen, fields, step.call)
        rows.append(Row(step.title, step.kind, *shapes, parameters, *computed, seen))
    return rows


def _widths(problem):
    """`4050 arrive, 4608 wanted`, where that is why a step failed."""
    if problem.kind != "linear-width":
        return ""
    arriving, wanted = (re.findall(r"\d+", shape)[-1] for shape in (problem.got, problem.wanted))
    return f"{arriving} {'arrives' if arriving == '1' else 'arrive'}, {wanted} wanted"


def _seen(fields, call):
    return fields().get(call, ())


class _Learned:
    """The parameters of a model: how many numbers each has, and which of them a step works with, by their names."""

    def __init__(self, model):
        self.names = {id(parameter): name for name, parameter in model.named_parameters()}
        self.sizes = {name: 0 if is_lazy(p) else p.numel() for name, p in model.named_parameters()}

    def by(self, step):
        names = {note.parameter for note in step.notes}
        if step.layer is not None:
            names |= {self.names.get(id(parameter)) for parameter in step.layer.parameters()}
        return names & self.sizes.keys()


def _is_shown(step, names, new):
    """Layers; and functions that change a shape, join tensors, learn, or are torch.nn.functional's.

    Not x.float() or x / 255, and nothing that is not made from the input, such as masks and positions.
    """
    if step.layer is not None or step.error is not None or new:
        return True
    data = [note for note in step.tensors if note.is_data]
    if not data or not any(note.is_data for note in step.outputs):
        return False
    is_known = step.kind in MOVING or callable(getattr(F, step.kind.rstrip("_"), None))
    return bool(names) or len(data) > 1 or is_known or any(note.shape != data[0].shape for note in step.outputs)


def _input_shape(step):
    data = [note for note in step.tensors if note.is_data] or step.tensors
    shapes = [note.shape for note in data]
    if step.layer is None and step.kind in MERGING and len(set(shapes)) > 1:
        return tuple(shapes)
    return shapes[0] if shapes else ()


def _unused(run):
    """The names of the layers that learn and were not called, if the run came to the end.

    A parameter that the model or a block uses itself is named itself.
    """
    if run.error is not None:
        return []
    learned, named = _Learned(run.model), dict(run.model.named_modules())
    used = set().union(*map(learned.by, run.steps))
    owners = {name: _owner(name, named) for name in learned.sizes}
    return [name for name in dict.fromkeys(owners.values()) if not any(owners[one] == name for one in used)]


def _owner(parameter, modules):
    layer = parameter.partition(".parametrizations.")[0]
    layer = parameter.rpartition(".")[0] if layer == parameter else layer
    return layer if layer and is_layer(modules[layer]) else parameter
