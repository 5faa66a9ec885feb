"""Corrections of the functions that are called, of derivatives, and of einsum."""

from __future__ import annotations

import ast
import itertools
from collections.abc import Iterator

import numpy as np

from ..scope import is_reference
from ..source import Edited
from .place import Found, Place, is_of_both_signs

__all__ = ["derivatives", "functions", "one_hot"]


def functions(at: Place) -> Iterator[Found]:
    """Yield calls dropped, other functions called, and functions of a variable."""
    scope = at.scope
    yield from _same_calls_dropped(at)
    for node in at.parts():
        text = at.text(node)
        yield from _through_another_object(at, node)
        if isinstance(node, ast.Call) and len(node.args) == 1 and not node.keywords:
            argument = at.text(node.args[0])
            is_range = isinstance(node.func, ast.Name) and node.func.id in ("range", "len")
            if not is_range and at.scope.shape(node) is not None:
                yield at.replace(node, argument), "drop call", 1.6, text, argument
                for function in scope.functions:
                    if function != at.text(node.func):
                        after = f"{function}({argument})"
                        yield [Edited(node, after)], "function", 1.4, text, after
        if is_reference(node) and int(np.prod(scope.shape(node) or (0,))) > 1:
            square = f"{text}**2"
            yield at.replace(node, square), "exponent", 1.8, text, square
            yield at.replace(node, f"1 - {text}"), "complement", 1.8, text, f"1 - {text}"
            for function in scope.functions:
                after = f"{function}({text})"
                yield [Edited(node, after)], "add call", 1.9, text, after
    match at.root:
        case ast.Call(
            func=ast.Attribute(attr="einsum"), args=[ast.Constant(value=str()) as rule, *_]
        ):
            for after in _einsums(str(rule.value)):
                yield [Edited(rule, repr(after))], "einsum", 1.5, at.text(rule), repr(after)


def _same_calls_dropped(at: Place) -> Iterator[Found]:
    """Yield all calls of the same function on the same thing dropped, as in s(x) * (1 - s(x))."""
    alike: dict[str, list[ast.Call]] = {}
    for node in at.parts():
        if isinstance(node, ast.Call) and len(node.args) == 1 and not node.keywords:
            alike.setdefault(at.text(node), []).append(node)
    for text, nodes in alike.items():
        if len(nodes) > 1 and at.scope.shape(nodes[0]) is not None:
            argument = at.text(nodes[0].args[0])
            edits = [at.replace(node, argument)[0] for node in nodes]
            yield edits, "drop call", 1.6, text, argument


def _through_another_object(at: Place, node: ast.expr) -> Iterator[Found]:
    """Yield a method of another object: ``net.relu.backward(...)`` was left out, or is meant."""
    match node:
        case ast.Call(func=ast.Attribute(value=base, attr=name) as method, args=[argument]):
            here, inner = at.text(base), at.text(argument)
            for other in at.scope.objects(name):
                if other != here:
                    passed = f"{other}.{name}({inner})"
                    yield [Edited(argument, passed)], "add call", 1.7, inner, passed
                    yield [Edited(method, f"{other}.{name}")], "function", 1.5, here, other


def one_hot(at: Place) -> Iterator[Found]:
    """Yield one-hot rows or columns in the place of labels that are numbers of classes."""
    for node in at.parts():
        if not isinstance(node, ast.BinOp) or not isinstance(node.op, ast.Sub | ast.Add):
            continue
        shape = at.scope.shape(node.left)
        labels = at.scope.value(node.right)
        if not isinstance(labels, np.ndarray) or labels.dtype.kind not in "iu" or labels.size < 2:
            continue
        if not shape or len(shape) != 2:
            continue
        for classes, turned in ((shape[1], ""), (shape[0], ".T")):
            if labels.size * classes == int(np.prod(shape)) and labels.max() < classes:
                text = at.text(node.right)
                base = node.right.value if isinstance(node.right, ast.Subscript) else node.right
                numbers = at.scope.value(base)
                is_row = isinstance(numbers, np.ndarray) and numbers.ndim == 1
                name = at.text(base) if is_row else f"{text}.ravel()"
                after = f"{at.scope.numpy or 'np'}.eye({classes})[{name}]{turned}"
                yield [Edited(node.right, after)], "one-hot", 1.5, text, after


def derivatives(at: Place) -> Iterator[Found]:
    """Yield the derivative of another activation, in terms of its output."""
    for node in at.parts():
        text = at.text(node)
        if _is_rectified(at, node):
            yield at.replace(node, f"{text} > 0"), "derivative", 1.7, text, f"{text} > 0"
        match node:
            case ast.BinOp(left=ast.Constant(value=1), op=ast.Sub(), right=inner):
                of = _base(inner)
                if of is not None:
                    name = at.text(of)
                    after = f"{name} * (1 - {name})"
                    yield [Edited(node, f"({after})")], "derivative", 1.7, text, after
                    if is_of_both_signs(at.scope.value(of)):
                        after = f"{name} > 0"
                        yield [Edited(node, f"({after})")], "derivative", 1.7, text, after
            case ast.BinOp(op=ast.Mult(), left=left, right=right):
                yield from _of_sigmoid(at, node, left, right)


def _is_rectified(at: Place, node: ast.expr) -> bool:
    """Whether a piece is what relu returns: numbers above 0, and zeros."""
    if not isinstance(node, ast.Call) and not is_reference(node):
        return False
    value = at.scope.value(node)
    if not isinstance(value, np.ndarray) or value.dtype.kind != "f" or value.size < 2:
        return False
    positive = value[value > 0]
    return bool((value >= 0).all()) and 0 < positive.size < value.size and np.ptp(positive) > 0


def _base(node: ast.expr) -> ast.expr | None:
    """Return x of ``x**2``, ``np.power(x, 2)``, ``x * x`` or ``x``."""
    match node:
        case ast.BinOp(left=one, op=ast.Pow()) | ast.Call(args=[one, ast.Constant()]):
            return one if is_reference(one) else None
        case ast.BinOp(left=one, op=ast.Mult()):
            return one if is_reference(one) else None
    return node if is_reference(node) else None


def _of_sigmoid(at: Place, node: ast.BinOp, left: ast.expr, right: ast.expr) -> Iterator[Found]:
    """Yield the derivatives that ``... * a * (1 - a)`` may be meant to be."""
    match right:
        case ast.BinOp(left=ast.Constant(value=1), op=ast.Sub(), right=one) if is_reference(one):
            name = at.text(one)
            rest, formula = at.text(left), f"{name} * (1 - {name})"
            for text in (f"{name} * ", f"* {name}"):
                if text in rest:
                    rest = rest.replace(text, "", 1).strip()
                    break
            else:
                if rest != name:
                    return
                rest = ""
            if rest:
                yield [Edited(node, rest)], "drop factor", 1.4, f"* {formula}", ""
            masks = [f"({name} > 0)"] if is_of_both_signs(at.scope.value(one)) else []
            for formula in (f"(1 - {name}**2)", *masks):
                after = f"{rest} * {formula}" if rest else formula
                yield at.replace(node, after), "derivative", 1.6, at.text(node), after


def _einsums(rule: str) -> Iterator[str]:
    """Yield an einsum with two letters of one operand exchanged."""
    if "->" not in rule or "." in rule:
        return
    inputs, out = rule.split("->")
    pieces = [*inputs.split(","), out]
    for place, piece in enumerate(pieces):
        for a, b in itertools.combinations(range(len(piece)), 2):
            letters = list(piece)
            letters[a], letters[b] = letters[b], letters[a]
            changed = [*pieces[:place], "".join(letters), *pieces[place + 1 :]]
            yield f"{','.join(changed[:-1])}->{changed[-1]}"
