"""Corrections that add what is missing: a factor, a divisor, a term."""

from __future__ import annotations

import ast
import itertools
from collections.abc import Iterator

import numpy as np

from ..scope import Reference, Scope
from ..source import Edited
from .place import REDUCTIONS, Found, Place, distance, factors_of, is_of_both_signs

__all__ = ["factors_added", "scaled", "softmaxes", "terms_added"]

_NEAR = 0.5  # how different names are that are used alike
_OF_FACTORS = ("multiply", "einsum", "at", "append", "outer", "where", "maximum", "minimum")


def _points(at: Place) -> list[ast.expr]:
    """List where a factor may be missing: the whole, factors of products, what is summed."""
    found = [at.root]
    for node in at.parts():
        pair = factors_of(node)
        if pair is not None:
            found += pair
        elif isinstance(node, ast.Attribute) and node.attr in ("T", "mT"):
            found.append(node.value)
        elif isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute):
            name = node.func.attr
            if at.scope.shape(node.func.value) is not None:
                found.append(node.func.value)
            elif name in (*REDUCTIONS, *_OF_FACTORS):
                found += [one for one in node.args if not isinstance(one, ast.Constant)]
        elif isinstance(node, ast.BinOp) and isinstance(node.op, ast.Add | ast.Sub):
            found += [node.left, node.right]
    unique = {id(one): one for one in found if not isinstance(one, ast.Constant | ast.Starred)}
    if isinstance(at.root, ast.Constant) and at.statement.kind == "augment":
        return [at.root]
    return list(unique.values())


def factors_added(at: Place) -> Iterator[Found]:
    """Yield a factor that is missing: a derivative, a mask, a scale."""
    whole = at.scope.shape(at.root)
    if at.statement.kind == "augment":  # what is added to an array may be smaller than it
        whole = at.scope.shape(at.statement.targets[0]) or whole
    for point in _points(at):
        shape = at.scope.shape(point)
        if point is at.root and whole and shape is not None and _fits(shape, whole):
            shape = whole
        if shape is None and at.scope.value(point) is not None:
            continue
        if shape and whole and isinstance(at.root, ast.BinOp) and _fits(shape, whole):
            shape = whole
        text, deeper = at.within(point), 0.1 * (point is not at.root)
        for factor, cost in _factor_texts(at.scope, shape):
            after = f"{text} * {factor}"
            yield at.replace(point, after), "add factor", cost + deeper, "", factor
        for product in _product_terms(at) if point is at.root else ():
            after = f"({product}) * {text}"
            yield at.replace(point, after), "add factor", 2.2, "", f"({product})"
        for divisor, cost in _divisors(at.scope, shape):
            after = f"{text} / {divisor}"
            yield at.replace(point, after), "add factor", cost + deeper, "", f"1 / {divisor}"


def _fits(one: tuple[int, ...], shape: tuple[int, ...] | None) -> bool:
    """Whether an array of one shape can be multiplied to another without growing it."""
    if shape is None:
        return True
    try:
        return np.broadcast_shapes(one, shape) == shape
    except ValueError:
        return False


def _factor_texts(scope: Scope, shape: tuple[int, ...] | None) -> Iterator[tuple[str, float]]:
    for one in scope.arrays:
        if not _fits(one.shape, shape):
            continue
        name = one.text
        yield name, 1.8 if one.shape == shape else 2.0
        if one.shape == shape or shape is None:
            if np.asarray(one.value).dtype.kind != "b":
                if is_of_both_signs(one.value):
                    yield f"({name} > 0)", 2.0
                yield f"(1 - {name}**2)", 2.0
                yield f"{name} * (1 - {name})", 2.05
                yield f"(1 - {name})", 2.1
            for function in scope.functions:
                yield f"{function}({name})", 2.05
        if one.shape == shape:
            yield f"2 * {name}", 2.5
        for number in scope.numbers:
            yield f"{name} / {number.text}", 2.6
            yield f"{name} * {number.text}", 2.7
    for one in scope.factors:
        if _fits(one.shape, shape):
            yield f"({one.text})", 1.95
    for one in scope.elements:
        if _fits(one.shape, shape):
            yield one.text, 2.15
            if one.shape and one.shape == shape:
                if is_of_both_signs(one.value):
                    yield f"({one.text} > 0)", 2.2
                yield f"(1 - {one.text}**2)", 2.2
                yield f"{one.text} * (1 - {one.text})", 2.25
                for function in scope.functions:
                    yield f"{function}({one.text})", 2.2
    for one in (*scope.numbers, *scope.sizes):
        yield one.text, 2.2
    yield from (("2", 2.3), ("0.5", 2.4))


def softmaxes(at: Place) -> Iterator[Found]:
    """Yield the gradient through a softmax: p * (g - (g * p).sum())."""
    shape = at.scope.shape(at.root)
    for one in at.scope.arrays if shape else []:
        values = np.asarray(one.value)
        if one.shape != shape or values.dtype.kind != "f" or not (values >= 0).all():
            continue
        for axis in range(values.ndim):
            if np.allclose(values.sum(axis=axis), 1):
                for other in at.scope.arrays:
                    if other.shape == shape and other is not one:
                        p, g = one.text, other.text
                        after = f"{p} * ({g} - ({g} * {p}).sum(axis={axis}, keepdims=True))"
                        yield [Edited(at.root, after)], "softmax", 2.5, at.text(at.root), after


def _divisors(scope: Scope, shape: tuple[int, ...] | None) -> Iterator[tuple[str, float]]:
    for one in scope.arrays:
        if _fits(one.shape, shape):
            yield one.text, 2.2
    for one in (*scope.numbers, *scope.sizes):
        yield one.text, 2.1
        yield f"({one.text} * {one.text})", 2.5
        if scope.numpy:
            yield f"{scope.numpy}.sqrt({one.text})", 2.3
    known = {float(np.asarray(one.value).reshape(-1)[0]) for one in (*scope.numbers, *scope.sizes)}
    for one in scope.arrays:
        for axis, size in enumerate(one.shape):
            if size > 2 and size not in known:
                known.add(size)
                yield f"{one.text}.shape[{axis}]", 2.4
                if scope.numpy:
                    yield f"{scope.numpy}.sqrt({one.text}.shape[{axis}])", 2.5


def terms_added(at: Place) -> Iterator[Found]:
    """Yield a term that is missing: of the whole, of an argument, or of a factor."""
    points = [at.root]
    for node in at.parts():
        if isinstance(node, ast.Call):
            points += node.args
        elif isinstance(node, ast.BinOp) and isinstance(node.op, ast.Mult | ast.Div | ast.MatMult):
            points += [node.left, node.right]
    for point in points:
        shape = at.scope.shape(point)
        if shape is None or isinstance(point, ast.Constant | ast.Compare | ast.BoolOp):
            continue
        text, more = at.text(point), 0.1 * (point is not at.root)
        for term, cost in _array_terms(at, shape, text) if shape else ():
            for sign in "+-":
                after = f"{text} {sign} {term}"
                yield at.replace(point, after), "add term", cost + more, "", f"{sign} {term}"
        is_number = shape == () and point is at.root and isinstance(point, ast.BinOp)
        for number, cost in (
            ("1", 1.5 if is_number else 2.5),
            *((one.text, 2.8) for one in at.scope.numbers),
        ):
            for after in (f"{text} + {number}", f"{text} - {number}"):
                yield [Edited(point, after)], "add term", cost + more, "", after
            after = f"{number} - {at.within(point)}"
            yield [Edited(point, after)], "add term", cost + more, "", after


def _product_terms(at: Place) -> Iterator[str]:
    """Yield the products of the code with other variables, as ``Ur.T @ dr`` like ``Uz.T @ dz``."""
    scope = at.scope
    shapes = {one.text: one.shape for one in scope.arrays}
    for product in scope.products:
        tree = ast.parse(product, mode="eval")
        names = list(dict.fromkeys(one.id for one in ast.walk(tree) if isinstance(one, ast.Name)))
        names = [name for name in names if name in shapes]
        if len(names) != 2:
            continue
        alike = [[other for other in shapes if shapes[other] == shapes[name]
                  and len(other) == len(name) and distance(name, other) <= _NEAR]
                 for name in names]  # fmt: skip
        for one, other in itertools.product(*alike):
            new = {names[0]: one, names[1]: other}
            if new.keys() != set(new.values()) and one != other:
                yield ast.unparse(_Renamed(new).visit(ast.parse(product, mode="eval")))


class _Renamed(ast.NodeTransformer):
    def __init__(self, names: dict[str, str]) -> None:
        self.names = names

    def visit_Name(self, node: ast.Name) -> ast.AST:
        return ast.Name(self.names.get(node.id, node.id), node.ctx)


def _array_terms(at: Place, shape: tuple[int, ...], text: str) -> Iterator[tuple[str, float]]:
    """Yield the arrays that may be added to a piece, and multiples of them."""
    is_whole = text == at.text(at.root)
    if is_whole:
        known = set(at.scope.products)
        for term in dict.fromkeys(_product_terms(at)):
            if term not in known:
                yield term, 2.1
    own = at.statement.names[0] if at.statement.kind == "augment" else ""
    known_terms = set(map(at.text, _terms_of(at.root))) if is_whole else set()
    for one in at.scope.arrays:
        if one.text != text and (_fits(one.shape, shape) or _fits(shape, one.shape)):
            cost = 1.8 if one.shape == shape else 2.2
            is_there = one.text == own or one.text in known_terms
            yield one.text, cost + 1.2 * is_there
            if one.shape == shape and is_whole:
                yield from scaled(at.scope, one)


def _terms_of(node: ast.expr) -> Iterator[ast.expr]:
    """Yield the terms of a sum."""
    match node:
        case ast.BinOp(op=ast.Add() | ast.Sub(), left=left, right=right):
            yield from _terms_of(left)
            yield from _terms_of(right)
        case _:
            yield node


def scaled(scope: Scope, one: Reference) -> Iterator[tuple[str, float]]:
    for number in scope.numbers:
        yield f"{number.text} * {one.text}", 2.4
        yield f"2 * {number.text} * {one.text}", 2.6
        for other in scope.numbers:
            if other is not number:
                yield f"{number.text} / {other.text} * {one.text}", 2.7
