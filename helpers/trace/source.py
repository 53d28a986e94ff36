"""Where in a learner's source an error arose, and what the same function made before.

From Python 3.11 on a traceback says where in a line that was.
"""

import ast
import linecache
from itertools import islice
from typing import NamedTuple


class Place(NamedTuple):
    """An expression that failed, and the function, or file, that it stands in. Of `loss.backward()`: the loss."""

    node: ast.expr
    scope: ast.AST
    is_backward: bool


def failed_at(traced):
    """The Place of the expression that failed in the frame of a traceback, or None."""
    code = traced.tb_frame.f_code
    positions = getattr(code, "co_positions", None)
    spot = next(islice(positions(), traced.tb_lasti // 2, None), (None,)) if positions else (None,)
    if None in spot:
        return None
    first, last, start, end = spot
    source = "".join(linecache.getlines(code.co_filename, traced.tb_frame.f_globals))
    try:
        tree = ast.parse(source)
    except SyntaxError:
        return None
    around = [node for node in ast.walk(tree) if _spans(node, (first, start), (last, end))]
    if not around:
        return None
    node, scopes = around[-1], [node for node in around if isinstance(node, (ast.FunctionDef, ast.Lambda))]
    if isinstance(node, ast.AugAssign) and isinstance(node.target, ast.Name):  # x += y
        node = ast.copy_location(ast.BinOp(ast.Name(node.target.id, ast.Load()), node.op, node.value), node)
    if not isinstance(node, ast.expr) or not isinstance(getattr(node, "ctx", ast.Load()), ast.Load):
        return None  # a statement, or the target of one
    is_backward = isinstance(node, ast.Call) and getattr(node.func, "attr", "") == "backward"
    return Place(node.func.value if is_backward else node, scopes[-1] if scopes else tree, is_backward)


def _spans(node, start, end):
    if not hasattr(node, "end_lineno"):
        return False
    return (node.lineno, node.col_offset) <= start and end <= (node.end_lineno, node.end_col_offset)


def _start(node):
    return node.lineno, node.col_offset


def assignments(place):
    """What is made before a Place: ({name: (where, expression)} of the last `name = …`, {name: where it is bound})."""
    made, bound = {}, {}
    for node in _own_nodes(place.scope):
        if not hasattr(node, "end_lineno") or (node.end_lineno, node.end_col_offset) > _start(place.node):
            continue
        if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
            bound.setdefault(node.id, []).append(_start(node))
        if isinstance(node, ast.Assign) and len(node.targets) == 1:
            (target,) = node.targets
            names = target.elts if isinstance(target, ast.Tuple) else [target]
            for number, name in enumerate(names):
                value = node.value
                if name is not target:  # out, aux = model(x)
                    value = ast.Subscript(value, ast.Constant(number), ast.Load())
                if isinstance(name, ast.Name) and made.get(name.id, ((0, 0),))[0] < _start(name):
                    made[name.id] = _start(name), value
    made = {name: one for name, one in made.items() if one[0] == max(bound[name])}
    return made, bound


def _own_nodes(scope):
    """The nodes of a function, without those of functions in it."""
    body = scope.body if isinstance(scope.body, list) else [scope.body]
    waiting = list(body)
    while waiting:
        node = waiting.pop()
        yield node
        if not isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef, ast.Lambda)):
            waiting.extend(ast.iter_child_nodes(node))
