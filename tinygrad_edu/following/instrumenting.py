"""Rewrites a function so that each of its statements reports what it computes.

``x = a * b`` becomes ``x = follow(7, a * b if 7 not in follow.changed else follow.instead(7))``:
the value is reported, and can be replaced by that of another expression. Nothing else changes.
"""

from __future__ import annotations

import ast
import copy
from dataclasses import dataclass, field

from .source import Definition, Function

__all__ = ["FOLLOW", "Statement", "instrumented"]

FOLLOW = "__following__"
# Calls of these look at the caller's variables, or are the loops' own.
_AS_THEY_ARE = frozenset(
    [
        "super",
        "locals",
        "globals",
        "vars",
        "eval",
        "exec",
        "range",
        "len",
        "zip",
        "enumerate",
        "reversed",
        "print",
        "float",
        "int",
    ]
)


_OPERATORS = {ast.Add: "+", ast.Sub: "-", ast.Mult: "*", ast.Div: "/", ast.MatMult: "@"}


@dataclass(slots=True, eq=False)
class Statement:
    """One statement of the learner's code.

    Attributes
    ----------
    number : int
        Its own number, in all functions that are followed.
    function : Function
    node : ast.stmt or ast.expr
        The statement, as the file has it; the body if the function is a lambda.
    value : ast.expr
        The expression that computes its value.
    kind : str
        ``"assign"``, ``"augment"``, ``"return"``, ``"call"``, ``"loop"`` or ``"test"``; or
        ``"index"`` for a part of the index of what it assigns to.
    targets : tuple of ast.expr
        What it assigns to.
    in_loop : bool
    """

    number: int
    function: Function
    node: ast.stmt | ast.expr
    value: ast.expr
    kind: str
    targets: tuple[ast.expr, ...] = ()
    in_loop: bool = False
    body: list[ast.stmt] = field(default_factory=list)

    @property
    def line(self) -> int:
        return self.node.lineno

    @property
    def text(self) -> str:
        """The statement on one line; the head alone of a loop or condition."""
        listing = self.function.listing
        match self.node:
            case ast.For(target=target):
                return f"for {listing.text(target)} in {listing.text(self.value)}:"
            case ast.If() | ast.While():
                word = "if" if isinstance(self.node, ast.If) else "while"
                return f"{word} {' '.join(listing.text(self.value).split())}:"
        return " ".join(listing.text(self.node).split())

    @property
    def operator(self) -> str:
        """``"="``, or such as ``"+="``; empty if nothing is assigned to."""
        if isinstance(self.node, ast.AugAssign):
            return f"{_OPERATORS.get(type(self.node.op), '?')}="
        return "=" if self.kind == "assign" else ""

    @property
    def names(self) -> list[str]:
        """The texts of what it assigns to, such as ``dW1`` or ``grads['dW1']``."""
        return [self.function.listing.text(target) for target in self.targets]


def instrumented(function: Function, first: int) -> tuple[Definition, list[Statement]]:
    """Return a copy of a function that reports its statements, numbered from `first`."""
    found: list[Statement] = []
    original, node = function.node, copy.deepcopy(function.node)
    if isinstance(node, ast.Lambda) and isinstance(original, ast.Lambda):
        found.append(Statement(first, function, original.body, original.body, "return"))
        node.body = _reported(first, _Calls().visit(node.body))
        return node, found
    assert not isinstance(node, ast.Lambda)
    assert not isinstance(original, ast.Lambda)
    _Body(function, first, found).block(node.body, original.body, False)
    return node, found


class _Body:
    """Instruments the statements of a function, side by side with the original ones."""

    def __init__(self, function: Function, first: int, found: list[Statement]) -> None:
        self.function, self.first, self.found = function, first, found

    def block(self, changed: list[ast.stmt], original: list[ast.stmt], in_loop: bool) -> None:
        """Instrument the statements of a block, in place."""
        pairs = list(zip(changed, original, strict=True))
        changed.clear()
        for copied, before in pairs:
            changed.append(copied)
            changed += self.statement(copied, before, in_loop)

    def statement(self, node: ast.stmt, original: ast.stmt, in_loop: bool) -> list[ast.stmt]:
        """Instrument a statement, in place; return what is to follow it."""
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            assert isinstance(original, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef)
            self.block(node.body, original.body, in_loop)
            return []
        after = self._value(node, original, in_loop)
        is_loop = in_loop or isinstance(node, ast.For | ast.While | ast.AsyncFor)
        for name in ("body", "orelse", "finalbody"):
            if getattr(node, name, None):
                self.block(getattr(node, name), getattr(original, name), is_loop)
        for name in ("handlers", "cases"):
            for one, before in zip(
                getattr(node, name, []), getattr(original, name, []), strict=True
            ):
                self.block(one.body, before.body, in_loop)
        return after

    def _value(self, node: ast.stmt, original: ast.stmt, in_loop: bool) -> list[ast.stmt]:
        field, kind, targets = _parts(original)
        if not kind:
            return []
        value = getattr(original, field)
        number = self.first + len(self.found)
        statement = Statement(number, self.function, original, value, kind, targets, in_loop)
        if isinstance(original, ast.For | ast.While | ast.If):
            statement.body = original.body
        self.found.append(statement)
        setattr(node, field, _reported(number, _Calls().visit(getattr(node, field))))
        if kind in ("assign", "augment"):
            for copied, before in zip(_targets(node), _targets(original), strict=True):
                self._indices(copied, before, original, in_loop)
        return _after(statement)

    def _indices(self, node: ast.expr, original: ast.expr, whole: ast.stmt, in_loop: bool) -> None:
        """Instrument the index of an element that is assigned to."""
        if not isinstance(node, ast.Subscript) or not isinstance(original, ast.Subscript):
            return
        if isinstance(node.slice, ast.Tuple) and isinstance(original.slice, ast.Tuple):
            pairs = list(zip(node.slice.elts, original.slice.elts, strict=True))
            for place, (copied, before) in enumerate(pairs):
                node.slice.elts[place] = self._index(copied, before, whole, in_loop)
        else:
            node.slice = self._index(node.slice, original.slice, whole, in_loop)

    def _index(
        self, node: ast.expr, original: ast.expr, whole: ast.stmt, in_loop: bool
    ) -> ast.expr:
        if isinstance(node, ast.Slice) and isinstance(original, ast.Slice):
            for name in ("lower", "upper"):
                bound, before = getattr(node, name), getattr(original, name)
                if bound is not None:
                    setattr(node, name, self._index(bound, before, whole, in_loop))
            return node
        if isinstance(node, ast.Constant | ast.JoinedStr | ast.Starred):
            return node
        number = self.first + len(self.found)
        self.found.append(Statement(number, self.function, whole, original, "index", (), in_loop))
        return _reported(number, _Calls().visit(node))


def _targets(node: ast.stmt) -> list[ast.expr]:
    """Return what a statement assigns to."""
    if isinstance(node, ast.Assign):
        return node.targets
    return [node.target] if isinstance(node, ast.AugAssign | ast.AnnAssign) else []


def _parts(node: ast.stmt) -> tuple[str, str, tuple[ast.expr, ...]]:
    """Return which field of a statement is computed, its kind, and what it assigns to."""
    match node:
        case ast.Assign(targets=[target]):
            whole = isinstance(target, ast.Tuple | ast.List)
            return "value", "assign", tuple(target.elts) if whole else (target,)  # type: ignore[attr-defined]
        case ast.Assign(targets=targets):
            return "value", "assign", (targets[0],)
        case ast.AnnAssign(value=ast.expr(), target=target):
            return "value", "assign", (target,)
        case ast.AugAssign(target=target):
            return "value", "augment", (target,)
        case ast.Return(value=ast.expr()):
            return "value", "return", ()
        case ast.Expr(value=ast.Call()):
            return "value", "call", ()
        case ast.For(target=target):
            return "iter", "loop", (target,)
        case ast.If() | ast.While():
            return "test", "test", ()
    return "", "", ()


def _follow(name: str = "") -> ast.expr:
    follow: ast.expr = ast.Name(FOLLOW, ast.Load())
    return ast.Attribute(follow, name, ast.Load()) if name else follow


def _reported(number: int, value: ast.expr) -> ast.expr:
    """Write a value such that it is reported, and can be replaced."""
    known = ast.Compare(ast.Constant(number), [ast.In()], [_follow("changed")])
    instead = ast.Call(_follow("instead"), [ast.Constant(number)], [])
    chosen = ast.IfExp(known, instead, value)
    return ast.copy_location(ast.Call(_follow(), [ast.Constant(number), chosen], []), value)


def _after(statement: Statement) -> list[ast.stmt]:
    """Report the array that was written into, where the value alone does not show it."""
    bases = []
    for target in statement.targets:
        base = target
        while isinstance(base, ast.Subscript) and not _is_key(base.slice):
            base = base.value
        written = statement.kind == "augment" or base is not target
        if written and statement.kind in ("assign", "augment"):
            bases.append(base)
    if statement.kind == "call":
        bases = _written_by(statement.value)
    found = []
    for base in bases:
        loaded = _loaded(base)
        arguments: list[ast.expr] = [ast.Constant(statement.number), loaded]
        found.append(ast.Expr(ast.Call(_follow("wrote"), arguments, [])))
    return [ast.fix_missing_locations(ast.copy_location(one, statement.node)) for one in found]


def _written_by(call: ast.expr) -> list[ast.expr]:
    """Return what a call such as ``np.add.at(dW, ...)`` writes into."""
    if isinstance(call, ast.Call) and isinstance(call.func, ast.Attribute) and call.args:
        is_at = call.func.attr in ("at", "copyto", "put", "place", "putmask")
        if is_at and isinstance(call.args[0], ast.Name | ast.Attribute):
            return [call.args[0]]
    return []


def _is_key(index: ast.expr) -> bool:
    """Whether an index is a text, as in ``grads['dW1']``."""
    is_text = isinstance(index, ast.Constant) and isinstance(index.value, str)
    return is_text or isinstance(index, ast.JoinedStr)


def _loaded(target: ast.expr) -> ast.expr:
    target = copy.deepcopy(target)
    if isinstance(target, ast.Name | ast.Attribute | ast.Subscript):
        target.ctx = ast.Load()
    return target


class _Calls(ast.NodeTransformer):
    """Passes every function that is called through `follow.call`, which follows it too."""

    def visit_Call(self, node: ast.Call) -> ast.AST:
        self.generic_visit(node)
        if not (isinstance(node.func, ast.Name) and node.func.id in _AS_THEY_ARE):
            node.func = ast.copy_location(ast.Call(_follow("call"), [node.func], []), node.func)
        return node
