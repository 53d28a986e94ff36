"""The model's own code, between its steps: what it returns, unpacks and calls."""

import dis
import inspect
import re

import torch
from torch import nn

from helpers.arguments import a_kind
from helpers.sentences import SENTENCES
from helpers.trace.changes import given
from helpers.trace.finding import TENSOR, Finding, count
from helpers.trace.notes import Change, place
from helpers.trace.rules import arrival, batch


def not_registered(run):
    for step in run.steps:
        yield from arrival.not_registered(run, step)


def no_result(run):
    kind = type(run.result).__name__
    if run.result is None:
        what = "The model's forward returns None."
        yield Finding("wiring", "forward", 0, what, "None", TENSOR, _without_return(run.model), [])
    elif isinstance(run.result, nn.Module):
        what = f"The model's forward returns a layer, {kind}, and no tensor."
        why = "A layer must be called: layer(x)."
        was_given = any(isinstance(value, torch.Tensor) for value in vars(run.result).values())
        if was_given and type(run.result) is getattr(nn, kind, None):
            why = f"nn.{kind}(x) makes a layer; nn.{kind}()(x) calls one."
        yield Finding("wiring", "forward", 0, what, kind, TENSOR, why, [])


def _without_return(model):
    """Whose forward it is that returns nothing: the model's own, or that of a part of it."""
    lacking = {type(part): path for path, part in model.named_modules() if _returns_nothing(type(part).forward)}
    if type(model) in lacking:
        return "It ends without returning a tensor."
    names = [place(path) for path in lacking.values()]
    if len(names) == 1:
        return f"Perhaps a return is missing in the forward of {names[0]}."
    if names:
        return f"Perhaps a return is missing in the forward of one of these: {', '.join(names)}."
    return "Somewhere a return is missing, or None is returned."


def _returns_nothing(function):
    """Is every return in a function's code that of None?"""
    if function is nn.Module.forward or not inspect.isfunction(function):
        return False
    code = list(dis.get_instructions(function))
    ends = [each for each in zip([None, *code], code, strict=False) if each[1].opname.startswith("RETURN_")]
    if any(end.opname == "RETURN_VALUE" and end.is_jump_target for _, end in ends):
        return False  # two values meet here, and only one of them is seen
    ends = [before if end.opname == "RETURN_VALUE" else end for before, end in ends if end.opname != "RETURN_GENERATOR"]
    return bool(ends) and all("CONST" in end.opname and end.argval is None for end in ends)


def between_steps(run):
    """An error that no step raised. What is not known here is no problem of shapes."""
    said, error = str(run.error), run.error
    last = run.steps[-1] if run.steps else None
    if isinstance(error, ValueError) and "values to unpack" in said:
        yield from batch.no_batch(run, last) if last is not None else _unpacked(run, said)
    elif isinstance(error, TypeError) and (
        match := re.search(r"^(\w+)\(\): argument .* must be Tensor, not (\w+)", said)
    ):
        name, kind = match.groups()
        outputs = ", ".join(str(note.shape) for note in last.outputs) if last is not None else ""
        why = f"{last.label} returns {outputs}." if outputs else ""
        what = SENTENCES["arrives"].format(layer=name, what=a_kind(kind), who="it", wanted="a tensor")
        yield Finding("wiring", name, run.calls, what, kind, TENSOR, why, [])
    elif isinstance(error, TypeError) and "forward() " in said and _by_name(run, said):
        names = _by_name(run, said)
        what = f"The model's forward takes its inputs by their names alone: {', '.join(names)}."
        why = f"It is called as model({names[0]}=x), not as model(x)."
        change = Change(f"model({names[0]}=x)", inputs=lambda args, kwargs: ((), dict(zip(names, args, strict=False))))
        yield Finding("wiring", "forward", run.calls, what, "an input", "an input with its name", why, [[change]])
    elif isinstance(error, TypeError) and "forward() " in said and "positional argument" in said:
        what = f"{count(len(run.inputs), 'input')} given, and the model's forward wants another number."
        why = f"forward() {said.split('forward() ')[-1]}. Several inputs are given as a list: trace(model, [x, y])."
        yield Finding("wiring", "forward", run.calls, what, count(len(run.inputs), "input"), "another number", why, [])
    elif isinstance(error, NotImplementedError) and 'missing the required "forward"' in said:
        yield _nothing_to_call(run, said.split("[")[1].split("]")[0])


def _by_name(run, said):
    """The names of the inputs that a forward takes, if it takes none by its place."""
    owner = said.partition(".forward() ")[0]
    model = next((module for module in run.model.modules() if type(module).__qualname__ == owner), None)
    if model is None:
        return []
    kinds = {each.name: each.kind for each in inspect.signature(model.forward).parameters.values()}
    by_name, all_names = inspect.Parameter.KEYWORD_ONLY, inspect.Parameter.VAR_KEYWORD
    is_by_name = all(kind in (by_name, all_names) for kind in kinds.values())
    return [name for name, kind in kinds.items() if is_by_name and kind is by_name]


def _unpacked(run, said):
    """`n, c, h, w = x.shape`, and x has three sizes."""
    shape = run.inputs[0].shape if run.inputs else ()
    if len(shape) == 3 and "expected 4, got 3" in said:
        what = SENTENCES["no-batch"].format(
            what="A shape of three numbers is", shape=shape, wanted="four, (N, C, H, W)"
        )
        why = "Its forward takes the shape apart into more numbers than there are."
        changes = [given("x[None]", lambda x: x[None]), given("x.unsqueeze(1)", lambda x: x.unsqueeze(1))]
        alternatives = [[change] for change in changes]
        yield Finding("rank", "forward", run.calls, what, str(shape), "(N, C, H, W)", why, alternatives)


def _nothing_to_call(run, name):
    lists = [(path, layers) for path, layers in run.model.named_modules() if type(layers) is nn.ModuleList]
    changes, why = [], "Look at the spelling of forward, and at how far it is indented."
    if name == "ModuleList":
        why = "An nn.ModuleList holds layers and calls none; an nn.Sequential calls them one after the other."
        for path, layers in lists:
            text = f"{place(path)} = nn.Sequential(*{place(path)})"
            changes.append([Change(text, layers={path: nn.Sequential(*layers)})])
    return Finding(
        "wiring", name, run.calls, f"{name} has no forward to call.", "a call", "a module with a forward", why, changes
    )
