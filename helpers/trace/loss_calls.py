"""Losses as they are called, and changes to such a call."""

import copy
import inspect
from collections.abc import Callable
from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import nn

from helpers.trace.changes import replaced
from helpers.trace.notes import Change, Step, TensorNote, noted
from helpers.trace.operations import Conv, operation

# The losses of torch.nn, and the functions that compute them.
FUNCTIONS = {
    "CrossEntropyLoss": "cross_entropy",
    "NLLLoss": "nll_loss",
    "MultiMarginLoss": "multi_margin_loss",
    "BCELoss": "binary_cross_entropy",
    "BCEWithLogitsLoss": "binary_cross_entropy_with_logits",
    "MSELoss": "mse_loss",
    "L1Loss": "l1_loss",
    "SmoothL1Loss": "smooth_l1_loss",
    "HuberLoss": "huber_loss",
    "KLDivLoss": "kl_div",
    "PoissonNLLLoss": "poisson_nll_loss",
    "GaussianNLLLoss": "gaussian_nll_loss",
    "HingeEmbeddingLoss": "hinge_embedding_loss",
    "SoftMarginLoss": "soft_margin_loss",
    "MultiLabelMarginLoss": "multilabel_margin_loss",
    "MultiLabelSoftMarginLoss": "multilabel_soft_margin_loss",
    "MarginRankingLoss": "margin_ranking_loss",
    "CosineEmbeddingLoss": "cosine_embedding_loss",
    "TripletMarginLoss": "triplet_margin_loss",
    "TripletMarginWithDistanceLoss": "triplet_margin_with_distance_loss",
}
COMPUTED = frozenset(FUNCTIONS.values())
CLASSES = ("cross_entropy", "nll_loss", "multi_margin_loss")  # the target is a number for each row
OF_THREE = ("margin_ranking_loss", "cosine_embedding_loss", "triplet_margin_loss", "triplet_margin_with_distance_loss")
WEIGHTS = ("weight", "pos_weight")
# Steps between the layer that makes the scores and the loss; they leave the number of scores as it is.
BETWEEN = ("softmax", "log_softmax", "Softmax", "LogSoftmax", "sigmoid", "Sigmoid", "logsigmoid", "LogSigmoid")
BETWEEN += ("tanh", "Tanh", "relu", "ReLU", "squeeze", "dropout", "Dropout", "float", "clamp", "contiguous")


class Loss(NamedTuple):
    """A call of a loss: the step, the function that computes it, and {argument: what is given}, tensors as noted."""

    step: Step
    function: str
    given: dict

    @property
    def pair(self):
        """What is compared, in the loss's order: (input, target), and of some losses a third."""
        return [value for name, value in self.given.items() if name not in WEIGHTS]

    @property
    def weights(self):
        return {name: self.given[name] for name in WEIGHTS if isinstance(self.given.get(name), TensorNote)}


class Target(NamedTuple):
    """A target as it has to be: in code, as a tensor, and how it is made of the one that is given."""

    text: str
    tensor: torch.Tensor
    do: Callable = lambda y: y

    def then(self, text, do):
        """One thing more done to it: `{}.long()`, `{} - 1`."""
        inner = f"({self.text})" if " " in self.text and not self.text.startswith("(") else self.text
        return Target(text.format(inner), do(self.tensor), lambda y: do(self.do(y)))


def loss_of(step):
    """The Loss that a step is, or None."""
    name = step.kind if step.layer is None else FUNCTIONS.get(step.kind)
    if name not in COMPUTED:
        return None
    given = dict(zip(names_of(name), step.args, strict=False)) | step.kwargs
    if step.layer is not None:
        buffers = {name: getattr(step.layer, name, None) for name in WEIGHTS}
        given |= noted(buffers, _note)
    wanted = [*names_of(name)[: 3 if name in (*OF_THREE, "gaussian_nll_loss") else 2], *WEIGHTS]
    return Loss(step, name, {name: given[name] for name in wanted if given.get(name) is not None})


def _note(tensor):
    return TensorNote(tuple(tensor.shape), tensor.dtype, tensor.device, None, "", False)


def names_of(function):
    """The arguments of a loss, in their order."""
    return list(inspect.signature(getattr(F, function)).parameters)


def actual(run, loss, name):
    """The tensor itself that a loss that failed was given."""
    args, kwargs = run.arguments
    return dict(zip(names_of(loss.function), args, strict=False)).get(name, kwargs.get(name)).detach()


def on(loss, name, text, do):
    """Something done to one argument of a loss: `y.float() in loss`, `weight.float() in loss`."""
    place, step = names_of(loss.function).index(name), loss.step

    def run(function, args, kwargs, last):
        if name in WEIGHTS and step.layer is not None:
            layer = copy.copy(step.layer)
            layer._buffers = layer._buffers | {name: do(getattr(layer, name))}
            return layer(*args, **kwargs)
        if place < len(args):
            return function(*args[:place], do(args[place]), *args[place + 1 :], **kwargs)
        return function(*args, **kwargs | {name: do(kwargs[name])})

    return Change(f"{text} in {step.label}", calls={step.call: run})


def another(loss, function, target, do):
    """Another loss in place of one, of `x` and this target: `F.cross_entropy(x, y) instead of F.mse_loss(x, y)`."""
    step = loss.step
    text = f"F.{function}(x, {target}) instead of {step.name}"
    if step.layer is not None:
        layer = next(layer for layer, name in FUNCTIONS.items() if name == function)
        text = f"nn.{layer}() instead of nn.{step.kind}()" + f", and {target} in {step.label}" * (target != "y")

    def run(_, args, kwargs, last):
        named = dict(zip(("input", "target"), args, strict=False)) | kwargs
        return getattr(F, function)(named["input"], do(named["target"]))

    return Change(text, calls={step.call: run})


def last_layer(run, step):
    """The layer that makes the scores of a loss, or None."""
    for earlier in run.chain(step):
        if isinstance(earlier.layer, nn.Linear) or isinstance(operation(earlier), Conv):
            return earlier if earlier.layer is not None else None
        if earlier.kind not in BETWEEN:
            return None
    return None


def outputs(run, step, number):
    """Changes that make another number of scores: `fc = nn.Linear(64, 3)`."""
    maker = last_layer(run, step)
    if maker is None:
        return []
    return [replaced(maker, **{"out_features" if isinstance(maker.layer, nn.Linear) else "out_channels": number})]
