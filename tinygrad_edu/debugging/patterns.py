"""Recognizes by which formula a value was computed.

A formula is written as in the declarations of operations, ``"1 / (1 + exp(-x))"``. It matches an
operation that declares it, and the same formula written out in several operations, a user's own
among them. Anomaly detection and the linter use it; nothing is computed here.
"""

from __future__ import annotations

import ast
import copy
import functools
from typing import Any

import numpy as np

from ..drawing.operands import operand_letter
from ..leaving import values_of
from ..primitive import PRIMITIVES, Node, Primitive
from ..tensor import Tensor

__all__ = ["computed_by", "is_written", "matched", "unmoved", "users_of"]

Bound = dict[str, Any]


def computed_by(value: Any) -> Primitive | None:
    """Return the operation that a value is the recorded result of, or None."""
    node = value.node if isinstance(value, Tensor) else None
    return None if node is None else node.primitive


def unmoved(value: Any) -> Any:
    """Go back to where the numbers of a value were computed.

    It stops where several operands meet, where one is chosen by size, or where zeros are added.
    """
    while (source := _moved_from(value)) is not None and source.size >= value.size:
        value = source
    return value


def _moved_from(value: Any) -> Tensor | None:
    """Return the operand if a value only has its numbers moved; else None."""
    made = computed_by(value)
    if made is None or not made.carries or made.kink is not None or len(value.node.inputs) != 1:
        return None
    source: Tensor = value.node.inputs[0]
    return source


def users_of(tensor: Tensor, order: list[Tensor]) -> list[tuple[Tensor, int]]:
    """Find the results that were computed from a tensor, and which operand of each it is."""
    return [
        (user, position)
        for user in order
        if user.node is not None
        for position, value in enumerate(user.node.inputs)
        if value is tensor
    ]


# Formulas -------------------------------------------------------------------------------------


def matched(value: Any, formula: str) -> Bound | None:
    """Match a value with the formula that it was computed by.

    Parameters
    ----------
    value : Tensor
    formula : str
        In the vocabulary of declarations; keywords such as ``axis=axis`` are not compared.

    Returns
    -------
    dict or None
        What the letters of the formula stand for; None where the value is something else.

    Examples
    --------
    >>> from tinygrad_edu import Tensor, exp, sigmoid
    >>> x = Tensor([1.0, 2.0], requires_grad=True)
    >>> [matched(y, "sigmoid(x)") is not None for y in (sigmoid(x), 1 / (1 + exp(-x)), exp(x))]
    [True, True, False]
    """
    pattern = _parsed(formula)
    found = _value(pattern, value, {})
    return found or _value(_WrittenOut().visit(copy.deepcopy(pattern)), value, {})


def is_written(node: Node, formula: str) -> bool:
    """Whether one call alone computes a formula, such as ``"x + y"``."""
    return _operation(_parsed(formula), node.primitive, node.inputs, {}) is not None


@functools.lru_cache(maxsize=1024)
def _parsed(formula: str) -> ast.expr:
    try:
        return ast.parse(formula, mode="eval").body
    except (SyntaxError, ValueError):  # the formula of a user's own operation can be any text
        return ast.Constant(None)


def _value(pattern: ast.expr, value: Any, bound: Bound) -> Bound | None:
    """Match a part of a formula with a value, given what letters stand for already."""
    match pattern:
        case ast.Name(id=name):
            return {**bound, name: value} if bound.get(name, value) is value else None
        case ast.Constant(value=number):
            return bound if _is_constant(value, number) else None
    made = computed_by(value)
    if made is not None:
        found = _operation(pattern, made, value.node.inputs, bound)
        source = _moved_from(value)
        if found is None and source is not None and value.size >= source.size:
            found = _value(pattern, source, bound)
        if found is not None:
            return found
    match pattern:
        case ast.UnaryOp(op=ast.USub(), operand=ast.Name(id=name)) if name not in bound:
            return {**bound, name: np.negative(values_of(value))}  # any number is minus another
    return None


def _operation(
    pattern: ast.expr, made: Primitive, inputs: tuple[Any, ...], bound: Bound
) -> Bound | None:
    """Match a part of a formula with one call: by the name of the operation, or its formula."""
    match pattern:
        case ast.Call(func=ast.Name(id=name), args=args) if name == made.name:
            found = _all([*zip(args, inputs, strict=False)], _value, bound)
            if found is not None and len(args) == len(inputs):
                return found
    operands = {operand_letter(made, place): value for place, value in enumerate(inputs)}

    def same(part: ast.expr, template: ast.expr, bound: Bound) -> Bound | None:
        if isinstance(template, ast.Name) and template.id in operands:
            return _value(part, operands[template.id], bound)
        for pairs in _pairs(part, template):
            found = _all(pairs, same, bound)
            if found is not None:
                return found
        return None

    return same(pattern, _parsed(made.formula), bound)


def _all(pairs: list[tuple[Any, Any]], match_one: Any, bound: Bound) -> Bound | None:
    """Match pairs one after the other; a letter stands for the same value in all of them."""
    found: Bound | None = bound
    for one, other in pairs:
        if found is not None:
            found = match_one(one, other, found)
    return found


def _pairs(one: ast.expr, other: ast.expr) -> list[list[tuple[ast.expr, ast.expr]]]:
    """Pair the parts of two similar expressions, in each order that means the same."""
    match one, other:
        case ast.Constant(value=number), ast.Constant(value=same):
            return [[]] if number == same else []
        case ast.UnaryOp(op=op, operand=inner), ast.UnaryOp(op=same, operand=as_inner):
            return [[(inner, as_inner)]] if type(op) is type(same) else []
        case ast.BinOp(op=op), ast.BinOp(op=same) if type(op) is type(same):
            first, second = [one.left, one.right], [other.left, other.right]
            commutes = isinstance(op, ast.Add | ast.Mult)
        case ast.Call(func=ast.Name(id=name), args=first), ast.Call(
            func=ast.Name(id=same), args=second
        ) if name == same and len(first) == len(second):
            commutes = name in PRIMITIVES and PRIMITIVES[name].commutes
        case _:
            return []
    orders = [first, first[::-1]] if commutes else [first]
    return [list(zip(order, second, strict=True)) for order in orders]


class _WrittenOut(ast.NodeTransformer):
    """Replaces the calls of operations by their formulas, once."""

    def visit_Call(self, node: ast.Call) -> ast.expr:
        if not (isinstance(node.func, ast.Name) and node.func.id in PRIMITIVES):
            return node
        operation = PRIMITIVES[node.func.id]
        letters = [operand_letter(operation, place) for place in range(len(node.args))]
        given = dict(zip(letters, map(self.visit, node.args), strict=True))
        return _with_letters(copy.deepcopy(_parsed(operation.formula)), given)


def _with_letters(formula: ast.expr, given: dict[str, ast.expr]) -> ast.expr:
    """Put expressions in the place of letters."""

    class Letters(ast.NodeTransformer):
        def visit_Name(self, node: ast.Name) -> ast.expr:
            return given.get(node.id, node)

    replaced: ast.expr = Letters().visit(formula)
    return replaced


def _is_constant(value: Any, number: Any) -> bool:
    return not getattr(value, "requires_grad", False) and bool(
        np.all(np.equal(getattr(value, "_data", value), number))
    )
