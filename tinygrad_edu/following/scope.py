"""What a statement can refer to: its variables, entries of dictionaries, attributes.

Values are those of the moment at which the statement runs. Reading them changes nothing.
"""

from __future__ import annotations

import ast
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from types import FunctionType, ModuleType
from typing import Any

import numpy as np

from .instrumenting import Statement

__all__ = ["Reference", "Scope", "is_reference", "names_in"]

_MOST = 60
_LARGEST = 2**63


@dataclass(frozen=True, slots=True, eq=False)
class Reference:
    """Something with a name and a numeric value.

    Attributes
    ----------
    text : str
        Such as ``A1``, ``cache['A1']`` or ``self.A1``.
    value : object
        An array or a number.
    """

    text: str
    value: Any

    @property
    def shape(self) -> tuple[int, ...]:
        return np.shape(self.value)


class Scope:
    """The variables of a statement, at a moment.

    Parameters
    ----------
    statement : Statement
    variables : mapping
        Global and local ones.
    mentioned : iterable of str
        The names that occur in the learner's code; others are not offered.
    code : mapping, optional
        Pieces of the learner's code, from `code_in`.
    """

    def __init__(
        self,
        statement: Statement,
        variables: Mapping[str, Any],
        mentioned: Iterable[str],
        code: Mapping[str, Sequence[str]] | None = None,
    ) -> None:
        self.statement, self.variables = statement, variables
        names = [name for name in dict.fromkeys(mentioned) if name in variables]
        self._names = names
        self.references = list(_references(names, variables))[:_MOST]
        self.arrays = [one for one in self.references if one.shape and np.size(one.value) > 1]
        self.numbers = [one for one in self.references if np.size(one.value) == 1]
        self.functions = [name for name in names if isinstance(variables[name], FunctionType)]
        self.containers = [name for name in names if isinstance(variables[name], list | dict)]
        numpy = [name for name in names if variables[name] is np]
        self.numpy = numpy[0] if numpy else ""
        self._known: dict[ast.AST, Any] = {}
        code = code or {}
        self.factors = [*self._pieces(code.get("factors", ()))]
        self.elements = self._elements(code.get("indices", ())) if statement.in_loop else []
        self.products = list(code.get("products", ()))[:40]
        self.sizes = [one for one in self._pieces(code.get("sizes", ())) if np.ndim(one.value) == 0]

    def objects(self, method: str) -> list[str]:
        """List the learner's objects that have a method, and such attributes of them."""
        found = []
        for name in self._names:
            value = self.variables[name]
            if not _is_object(value):
                continue
            parts = {name: value, **{f"{name}.{key}": one for key, one in vars(value).items()}}
            objects = {text: one for text, one in parts.items() if _is_object(one)}
            found += [one for one in objects if callable(getattr(type(objects[one]), method, None))]
        return found[:12]

    def _pieces(self, texts: Sequence[str]) -> Iterator[Reference]:
        for text in texts[:80]:
            try:
                value = eval(text, dict(self.variables))
            except Exception:
                continue
            if _is_numeric(value) or isinstance(value, np.ndarray):
                yield Reference(text, value)

    def _elements(self, indices: Sequence[str]) -> list[Reference]:
        texts = [f"{name}[{index}]" for index in indices[:8]
                 for name in (*(one.text for one in self.arrays), *self.containers)]  # fmt: skip
        return [one for one in self._pieces(texts[:80]) if np.ndim(one.value) <= 3]

    def value(self, node: ast.expr) -> Any:
        """Compute a part of the statement; None if that fails."""
        if node not in self._known:
            text = self.statement.function.listing.text(node)
            try:
                code = compile(f"({text})", "<part>", "eval")
                self._known[node] = eval(code, dict(self.variables))
            except Exception:
                self._known[node] = None
        return self._known[node]

    def shape(self, node: ast.expr) -> tuple[int, ...] | None:
        """Return the shape of a part of the statement; None if it is no array or number."""
        value = self.value(node)
        is_numeric = isinstance(value, np.ndarray | np.generic | int | float)
        return np.shape(value) if is_numeric else None


def _references(names: Iterable[str], variables: Mapping[str, Any]) -> Iterator[Reference]:
    for name in names:
        value = variables[name]
        if _is_numeric(value):
            yield Reference(name, value)
        elif isinstance(value, dict):
            entries = [(key, one) for key, one in value.items() if isinstance(key, str | int)]
            for key, one in entries[:20]:
                if _is_numeric(one):
                    yield Reference(f"{name}[{key!r}]", one)
        elif _is_object(value):
            for key, one in list(vars(value).items())[:20]:
                if _is_numeric(one):
                    yield Reference(f"{name}.{key}", one)


def _is_object(value: Any) -> bool:
    """Whether a value is an object of the learner's, with attributes."""
    return not isinstance(value, ModuleType | type | FunctionType) and hasattr(value, "__dict__")


def _is_numeric(value: Any) -> bool:
    if isinstance(value, np.ndarray):
        return value.dtype.kind in "fiub" and value.size > 0
    if isinstance(value, int) and abs(value) > _LARGEST:  # no float can hold it
        return False
    return isinstance(value, int | float | np.number) and not isinstance(value, bool)


_OF_ARRAYS = ("T", "mT", "shape", "size", "ndim")


def is_reference(node: ast.expr) -> bool:
    """Whether an expression is a name, an attribute, or an element with a plain index."""
    match node:
        case ast.Name():
            return True
        case ast.Attribute(value=value, attr=name):
            return name not in _OF_ARRAYS and is_reference(value)
        case ast.Subscript(value=value, slice=index):
            return is_reference(value) and _is_plain(index)
    return False


def _is_plain(index: ast.expr) -> bool:
    match index:
        case ast.Constant() | ast.Name():
            return True
        case ast.UnaryOp(operand=operand):
            return _is_plain(operand)
        case ast.BinOp(left=left, right=right):
            return _is_plain(left) and _is_plain(right)
    return False


def names_in(nodes: Iterable[ast.AST]) -> list[str]:
    """List the names in pieces of code, in their order."""
    found = (part for node in nodes for part in ast.walk(node))
    names = [part.id if isinstance(part, ast.Name) else part.arg for part in found
             if isinstance(part, ast.Name | ast.arg)]  # fmt: skip
    return list(dict.fromkeys(names))


def code_in(nodes: Iterable[ast.AST]) -> dict[str, list[str]]:
    """List pieces of code that may be missing elsewhere: factors, and sizes.

    Examples
    --------
    >>> code_in([ast.parse("dz = da * f(z) / len(x)")])
    {'factors': ['f(z)'], 'sizes': ['len(x)'], 'indices': [], 'products': []}
    """
    factors, sizes, indices, products = [], [], [], []
    for part in (part for node in nodes for part in ast.walk(node)):
        match part:
            case ast.BinOp(op=ast.Mult(), left=left, right=right):
                factors += [ast.unparse(one) for one in (left, right) if _is_derivative(one)]
            case (
                ast.BinOp(op=ast.MatMult())
                | ast.Call(func=ast.Attribute(attr="dot" | "matmul" | "outer"))
            ):
                products.append(ast.unparse(part))
            case ast.Call(func=ast.Name(id="len")) | ast.Attribute(attr="size"):
                sizes.append(ast.unparse(part))
            case ast.Subscript(value=ast.Attribute(attr="shape")):
                sizes.append(ast.unparse(part))
            case ast.Subscript(value=ast.Name(), slice=index) if not isinstance(
                index, ast.Constant
            ):
                indices.append(ast.unparse(index))
    found = {"factors": factors, "sizes": sizes, "indices": indices, "products": products}
    return {kind: list(dict.fromkeys(texts)) for kind, texts in found.items()}


def _is_derivative(node: ast.expr) -> bool:
    """Whether a factor is more than a variable or a number: a call, or a formula."""
    match node:
        case ast.Call(func=ast.Attribute(attr="dot" | "sum" | "mean")):
            return False
        case ast.Call() | ast.Compare():
            return True
        case ast.BinOp(op=ast.Sub() | ast.Pow()):
            return True
    return False
