"""The expression that failed in a learner's own code, as a model whose inputs are the tensors that stand in it.

If it does nothing but compute with tensors and modules, it can be computed once more and followed. Names that the same
function made in such a way before, `out = model(images)`, are made again with it: so what the loss complains of is
found in the model.
"""

import ast
import builtins
import contextlib
import functools
import sys
import types
from pathlib import Path

import torch
import torch.nn.functional as F
from torch import nn

from helpers.trace.as_found import uncompiled
from helpers.trace.notes import WITHIN
from helpers.trace.source import assignments, failed_at

OTHERS = tuple(str(Path(module.__file__).parent) for module in (torch, sys.modules[__package__]))
BUILTINS = (len, int, float, bool, abs, min, max, sum, range, tuple, list)
KNOWN = (ast.Name, ast.Constant, ast.Tuple, ast.List, ast.Dict, ast.Slice, ast.Subscript, ast.BinOp, ast.UnaryOp)
KNOWN += (ast.Compare, ast.Attribute, ast.Call, ast.keyword, ast.Starred)
KNOWN += (ast.operator, ast.unaryop, ast.cmpop, ast.expr_context)
HOMES = (torch._C._VariableFunctions, torch.functional, F, torch.linalg, torch.special, torch.fft)
DOES_MORE = ("backward", "register_hook", "retain_grad", "numpy", "set_", "share_memory_", "register_post_accumulate")
MISSING = object()


def expressions(model, error):
    """(module, its inputs) of the expressions that failed, the outermost first; those that only compute."""
    traced = error.__traceback__
    while traced is not None:
        frame = traced.tb_frame
        if not frame.f_code.co_filename.startswith(OTHERS):
            place = failed_at(traced)
            if place is not None:
                yield from _Reader(model, frame, place).models()
        traced = traced.tb_next


class _Reader:
    """Reads an expression that failed in a frame."""

    def __init__(self, model, frame, place):
        self.model, self.node, self.is_backward = model, place.node, place.is_backward
        self.names = {**vars(builtins), **frame.f_globals, **frame.f_locals}
        self.made, self.bound = assignments(place)

    def models(self):
        """With the names made again that the function made before; should that not fail as it did, without."""
        if self.computes(self.node):
            before = self.before()
            for made in [before, {}] if before else [{}]:
                yield self.model_of(made)

    def before(self):
        """{name: expression} of what is made again, in its order."""
        needed, waiting = {}, [self.node]
        while waiting:
            for name in _names(waiting.pop()):
                line, value = self.made.get(name, (None, None))
                if value is None or name in needed or not isinstance(self.names.get(name), torch.Tensor):
                    continue
                is_changed = any(line <= later for each in _names(value) for later in self.bound.get(each, ()))
                if not is_changed and self.computes(value):
                    needed[name] = line, value
                    waiting.append(value)
        return {name: value for name, (_, value) in sorted(needed.items(), key=lambda item: item[1][0])}

    def model_of(self, before):
        given, steps = {}, []
        for name, value in before.items():
            code = _compiled(self.prepared(value, before, given))
            steps.append((name, code, tuple(self.names[name].shape)))
        top = self.node
        parts = {field: self.prepared(part, before, given) for field, part in ast.iter_fields(top)}
        steps.append(("", _compiled(type(top)(**parts)), None))
        nodes = [node for value in (*before.values(), top) for node in ast.walk(value)]
        used = {name: self.names[name] for value in (*before.values(), top) for name in _names(value)}
        inputs = {name: value for name, value in used.items() if name not in before and _has_tensors(value)}
        inputs |= given
        modules = {node: self.value(node) for node in nodes if isinstance(self.value(node), nn.Module)}
        made = Expression(self.model, modules, steps, used, tuple(inputs))
        made.is_backward = self.is_backward
        return made, list(inputs.values())

    def prepared(self, node, before, given):
        """The same, with a name in place of each part that makes a tensor of something else than modules."""
        if isinstance(node, list):
            return [self.prepared(part, before, given) for part in node]
        if not isinstance(node, ast.AST):
            return node
        is_part = isinstance(node, (ast.Call, ast.BinOp, ast.UnaryOp, ast.Subscript, ast.Attribute))
        if is_part and not self.calls_module(node) and not any(name in before for name in _names(node)):
            with contextlib.suppress(Exception), torch.random.fork_rng(devices=[]), torch.no_grad():
                value = eval(_compiled(node), {"__builtins__": {}}, self.names)
                if isinstance(value, torch.Tensor):
                    name = f"{ast.unparse(node)} #{len(given)}"
                    given[name] = value
                    return ast.Name(name, ast.Load())
        return type(node)(**{field: self.prepared(part, before, given) for field, part in ast.iter_fields(node)})

    def calls_module(self, node):
        calls = [part for part in ast.walk(node) if isinstance(part, ast.Call)]
        return any(isinstance(part.func, ast.Call) or isinstance(self.value(part.func), nn.Module) for part in calls)

    def value(self, node):
        """What a name, or an attribute of one, stands for; looked up, not computed."""
        if isinstance(node, ast.Name):
            return self.names.get(node.id, MISSING)
        if not isinstance(node, ast.Attribute):
            return MISSING
        owner = self.value(node.value)
        if isinstance(owner, (types.ModuleType, nn.Module, torch.Tensor)):
            return getattr(owner, node.attr, MISSING)
        return getattr(owner, "__dict__", {}).get(node.attr, MISSING)

    def computes(self, node):
        """Does an expression nothing but compute, with what can be looked up?"""
        if not isinstance(node, KNOWN):
            return False
        if isinstance(node, ast.Name):
            return node.id in self.names
        if isinstance(node, ast.Attribute):
            return self.value(node) is not MISSING or self.makes_tensor(node.value)
        if isinstance(node, ast.Call):
            parts = [*node.args, *node.keywords]
            return self.can_call(node.func) and all(map(self.computes, parts))
        return all(map(self.computes, ast.iter_child_nodes(node)))

    def makes_tensor(self, node):
        is_made = isinstance(node, (ast.Call, ast.BinOp, ast.UnaryOp, ast.Subscript, ast.Compare, ast.Attribute))
        return is_made and self.computes(node)

    def can_call(self, function):
        """A module; a function of torch, or one that makes a module; a method of a tensor that leaves it as it is."""
        if isinstance(function, ast.Call):  # nn.BCELoss()(x, y)
            return isinstance(self.value(function.func), type) and self.computes(function)
        owner, name = getattr(function, "value", None), getattr(function, "attr", "")
        if isinstance(self.value(owner), torch.Tensor) or (owner is not None and self.makes_tensor(owner)):
            return hasattr(torch.Tensor, name) and not name.endswith("_") and name not in DOES_MORE
        value = self.value(function)
        if isinstance(value, type) and issubclass(value, nn.Module):
            return value.__module__.startswith("torch.nn.")
        own = getattr(value, "__name__", "")
        is_torchs = own[-1:] not in ("", "_") and any(getattr(home, own, None) == value for home in HOMES)
        return isinstance(value, nn.Module) or is_torchs or any(value is one for one in BUILTINS)


class Expression(nn.Module):
    """The expression as a model. The layers of the learner's model keep their names; other modules have their own.

    `is_backward`: it did not fail itself, its backward() did. `names`: those of its inputs, in the learner's code.
    """

    def __init__(self, model, modules, steps, names, inputs):
        super().__init__()
        for node, module in modules.items():
            module, name = uncompiled(module), getattr(node, "attr", getattr(node, "id", ""))
            if module not in self._modules.values():
                self._modules[WITHIN if module is model else name] = module
        self.names = tuple(name.partition(" #")[0] for name in inputs)
        self.compute = functools.partial(_compute, steps, types.MappingProxyType(names), inputs, [])

    def forward(self, *tensors):
        return self.compute(tensors)


def _compute(steps, names, inputs, is_known, tensors):
    """The value of the last step. `is_known` is filled as soon as the others have made once what they had made."""
    names = {**names, **dict(zip(inputs, tensors, strict=True))}
    for name, code, shape in steps[:-1]:
        names[name] = eval(code, {"__builtins__": {}}, names)
        is_other = tuple(names[name].shape) != shape  # asked each time: it counts as a call
        if is_other and not is_known:
            raise LookupError(f"{name} was made in another way")
    is_known.append(True)
    return eval(steps[-1][1], {"__builtins__": {}}, names)


def _compiled(node):
    return compile(ast.fix_missing_locations(ast.Expression(node)), "expression", "eval")


def _names(node):
    return dict.fromkeys(part.id for part in ast.walk(node) if isinstance(part, ast.Name))


def _has_tensors(value):
    if isinstance(value, (list, tuple)):
        return any(map(_has_tensors, value))
    return isinstance(value, torch.Tensor)
