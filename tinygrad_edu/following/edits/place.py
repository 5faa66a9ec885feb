"""A place in a statement where corrections are tried, and the correction itself."""

from __future__ import annotations

import ast
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np

from ..instrumenting import Statement
from ..scope import Scope
from ..source import Edited

__all__ = [
    "REDUCTIONS",
    "SIGNS",
    "Edit",
    "Found",
    "Place",
    "distance",
    "factors_of",
    "is_of_both_signs",
    "parts_of",
    "roots",
]

SIGNS = {ast.Add: "+", ast.Sub: "-", ast.Mult: "*", ast.Div: "/", ast.MatMult: "@"}
REDUCTIONS = ("sum", "mean", "max", "min", "prod", "std", "var")


@dataclass(frozen=True, slots=True, eq=False)
class Edit:
    """A correction of a statement.

    Attributes
    ----------
    text : str
        The expression to compute instead.
    write : callable
        Writes the corrected statement, on one line.
    what : str
        The kind of correction, such as ``"transpose"``.
    cost : float
        How far it is from what was written: the cheapest of several is preferred.
    before, after : str
        The piece that is replaced, and by what; a piece that is added or dropped has one of them.
    """

    text: str
    write: Callable[[], str]
    what: str
    cost: float
    before: str = ""
    after: str = ""

    @property
    def line(self) -> str:
        """The corrected statement, on one line; only that of the correction that fits is asked."""
        return self.write()


Found: TypeAlias = tuple[list[Edited], str, float, str, str]
"""The edits of a piece, what they do, their cost, and the piece before and after."""


class Place:
    """A root of a statement: an expression that computes one number or array."""

    def __init__(self, root: ast.expr, statement: Statement, scope: Scope) -> None:
        self.root, self.statement, self.scope = root, statement, scope

    def parts(self) -> Iterator[ast.expr]:
        """Yield all expressions inside, without the functions that are called."""
        yield from parts_of(self.root)

    def text(self, node: ast.expr) -> str:
        return self.statement.function.listing.text(node)

    def within(self, node: ast.expr) -> str:
        """Return the text of an expression, in parentheses if it needs them."""
        text = self.text(node)
        return text if is_closed(node) else f"({text})"

    def replace(self, node: ast.expr, text: str, is_closed: bool = False) -> list[Edited]:
        """Replace an expression; in parentheses if it is a part of another one."""
        whole = node is self.root or is_closed
        return [Edited(node, text if whole else f"({text})")]


def is_closed(node: ast.expr) -> bool:
    return isinstance(
        node,
        ast.Name
        | ast.Attribute
        | ast.Call
        | ast.Subscript
        | ast.Constant
        | ast.List
        | ast.Tuple
        | ast.Dict,
    )


def roots(value: ast.expr) -> Iterator[ast.expr]:
    """Yield the expressions of a statement that compute one array each."""
    match value:
        case ast.Tuple(elts=parts) | ast.List(elts=parts):
            for part in parts:
                yield from roots(part)
        case ast.Dict(values=parts):
            for part in parts:
                yield from roots(part)
        case ast.IfExp(body=one, orelse=other):
            yield from roots(one)
            yield from roots(other)
        case ast.Starred(value=part):
            yield from roots(part)
        case ast.ListComp(elt=part) | ast.GeneratorExp(elt=part):
            yield from roots(part)
        case ast.Subscript(value=ast.Dict(values=parts)):
            for part in parts:
                yield from roots(part)
        case _:
            yield value


def parts_of(node: ast.expr) -> Iterator[ast.expr]:
    yield node
    for child in ast.iter_child_nodes(node):
        if isinstance(node, ast.Call) and child is node.func:
            if isinstance(child, ast.Attribute):
                yield from parts_of(child.value)
            continue
        if isinstance(node, ast.IfExp) and child is node.test:
            continue
        if isinstance(child, ast.keyword):
            child = child.value
        if isinstance(child, ast.Slice):
            for bound in (child.lower, child.upper, child.step):
                if bound is not None:
                    yield from parts_of(bound)
        elif isinstance(child, ast.comprehension):
            yield from parts_of(child.iter)
        elif isinstance(child, ast.expr):
            yield from parts_of(child)


def factors_of(node: ast.expr) -> tuple[ast.expr, ast.expr] | None:
    """Return the factors of a matrix product."""
    match node:
        case ast.BinOp(left=left, op=ast.MatMult(), right=right):
            return left, right
        case ast.Call(func=ast.Attribute(attr="dot" | "matmul" | "outer"), args=[left, right]):
            return left, right
    return None


def distance(one: str, other: str) -> float:
    """Measure how different two names are: 0.2 for a single letter, 1 for all."""
    if one.lower() == other.lower():
        return 0.1
    same = sum(a == b for a, b in zip(one, other, strict=False))
    return 1 - same / max(len(one), len(other))


def is_of_both_signs(value: Any) -> bool:
    """Whether a mask of what is positive is more than all or nothing."""
    if not isinstance(value, np.ndarray) or value.dtype.kind not in "fi":
        return False
    return bool((value > 0).any() and (value <= 0).any())
