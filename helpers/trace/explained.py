"""`with explained(model):` puts the explanation of a shape error under its ordinary traceback."""

import contextlib
import inspect
import sys
import traceback

import torch.nn.functional as F
from torch import nn

from helpers.trace.arguments import checked
from helpers.trace.as_found import uncompiled
from helpers.trace.backward import first_looked_at, no_number
from helpers.trace.expression import Expression, expressions
from helpers.trace.table import traced


@contextlib.contextmanager
def explained(model):
    """Around a training loop: an error about shapes goes on its way; what `trace` can say of it follows.

        with explained(model):
            for images, labels in train_set.batches(64):
                loss = F.cross_entropy(model(images), labels)

    The error stays the one that was raised. Nothing is done until it comes, but for a look at the first loss: then
    what the model was called with, or the expression that failed around it, is read from the traceback, and that is
    followed once more. May warn where a batch met itself in the first loss: (N, 1) beside (N,) makes N × N numbers.
    """
    model = checked(model)
    try:
        with first_looked_at():
            yield
    except Exception as error:
        try:
            told = (_explanation(*call, error) for call in _calls(model, error))
            text = no_number(error) or next(filter(None, told), None)
        except Exception as fault:  # ours: the learner's error is the one that goes on its way
            text = f"trace could not explain this: it has a bug of its own, {fault!r}"
        if text:
            with contextlib.suppress(Exception):  # whatever its class says to that, the error goes on its way
                _add(error, text)
        raise


def _explanation(module, args, kwargs, error):
    """What `trace` says of a call, if that fails as it did."""
    try:
        problem = traced(module, args, kwargs).problem
    except Exception:  # not about shapes; the error itself is on its way already
        return None
    if problem is None:
        return None
    said = problem.torch_message.partition(":")[2].strip()
    fails_so = module.is_backward or said == str(error) if isinstance(module, Expression) else said
    return problem.explanation if fails_so else None


def _calls(model, error):
    """(module, args, kwargs) of the calls that led to the error: of the model; or of the expression that failed around
    it, of another module, of a function."""
    frames = [frame for frame, _ in traceback.walk_tb(error.__traceback__)]
    modules = [frame.f_locals for frame in frames if frame.f_code is nn.Module.__call__.__code__]
    models = [found for found in modules if uncompiled(found["self"]) is model]
    if not models:
        yield from ((module, args, {}) for module, args in expressions(model, error))
    yield from ((uncompiled(found["self"]), found["args"], found["kwargs"]) for found in (models or modules)[:1])
    functions = [frame for frame in frames if frame.f_globals is vars(F) and hasattr(F, frame.f_code.co_name)]
    yield from map(_function, functions[:1] if not modules else [])


def _function(frame):
    """The same for a call of torch.nn.functional: of a loss, most likely."""
    function = getattr(F, frame.f_code.co_name)
    names, _, _, values = inspect.getargvalues(frame)
    usual = {name: parameter.default for name, parameter in inspect.signature(function).parameters.items()}
    first = [values[name] for name in names if usual[name] is inspect.Parameter.empty]
    rest = {name: values[name] for name in names[len(first) :] if values[name] is not usual[name]}
    return _Called(function), first, rest


class _Called(nn.Module):
    """A function as a model."""

    def __init__(self, function):
        super().__init__()
        self.function = function

    def forward(self, *args, **kwargs):
        return self.function(*args, **kwargs)


def _add(error, text):
    """As a note, where tracebacks show notes; else behind the message."""
    ipython = sys.modules.get("IPython")
    if sys.version_info >= (3, 11) and (ipython is None or ipython.version_info >= (8, 14)):
        error.add_note(f"\n{text}")
    else:
        error.args = (f"{error}\n\n{text}",)
