"""The table of translations: which operation becomes which nodes of ONNX.

A row is declared once, with ``@primitive_row("add")``, ``@composed_row("conv2d")`` or
``@numpy_row("greater")``; an operation without a row is refused by name. The rows themselves are in
`rows_*.py`.
"""

from __future__ import annotations

from collections import UserDict
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np

from .errors import ExportError
from .graph import Graph, Value
from .sizes import Dim, Size

__all__ = [
    "ROWS",
    "Call",
    "Params",
    "Row",
    "composed_row",
    "fixed",
    "fixed_sizes",
    "numpy_row",
    "primitive_row",
]


class Params(UserDict[str, Any]):
    """Arguments by name; `read` are the names that were asked for."""

    def __init__(self, params: Mapping[str, Any]) -> None:
        super().__init__(params)
        self.read: set[str] = set()

    def __getitem__(self, key: str) -> Any:
        self.read.add(key)
        return self.data[key]


@dataclass(eq=False)
class Call:
    """A call to translate.

    Attributes
    ----------
    graph : Graph
    operands : list of Value
    params : dict
        Other arguments; sizes that depend on the batch are `Size`, arrays are `Value`.
    shape, dtype
        Of the result.
    source : callable
        ``source(value)`` returns the call that computed a value, or None.
    """

    graph: Graph
    operands: list[Value]
    params: Mapping[str, Any]
    shape: tuple[Dim, ...]
    dtype: np.dtype[Any]
    source: Callable[[Value], Call | None]
    name: str = ""

    def names(self, dtype: Any = None) -> list[str]:
        """Return the names of the operands, all of the dtype of the result or of another one."""
        return [operand.of(self.dtype if dtype is None else dtype) for operand in self.operands]

    def number(self, value: float) -> str:
        """Return the name of a constant of the dtype of the result."""
        return self.graph.constant(np.asarray(value, self.dtype))

    def axes(self, axis: Any) -> list[int]:
        """Return axes of the first operand as numbers from 0; None means all."""
        count = self.operands[0].ndim
        given = range(count) if axis is None else axis if isinstance(axis, tuple | list) else [axis]
        return sorted(int(one) % count for one in given)


Translate: TypeAlias = "Callable[[Call], str | Value]"


@dataclass(frozen=True)
class Row:
    """One row.

    Attributes
    ----------
    translate : callable
        Adds nodes, and returns the name of the result.
    only_float32 : bool
        Whether runtimes have no kernel for float64; then the parts of the function are translated.
    applies : callable
        Whether it can translate a call with these arguments.
    """

    translate: Translate
    only_float32: bool = False
    applies: Callable[[Mapping[str, Any]], bool] = lambda params: True


ROWS: dict[tuple[str, str], Row] = {}
"""All rows, by kind and name of the operation."""


def _declare(kind: str, *names: str, **facts: Any) -> Callable[[Translate], Translate]:
    def declare(translate: Translate) -> Translate:
        for name in names:
            ROWS[kind, name] = Row(translate, **facts)
        return translate

    return declare


def primitive_row(*names: str, **facts: Any) -> Callable[[Translate], Translate]:
    """Declare how operations are translated, and the ufuncs of NumPy of the same name."""

    def declare(translate: Translate) -> Translate:
        _declare("primitive", *names, **facts)(translate)
        return _declare("numpy", *names, **facts)(translate)

    return declare


def numpy_row(*names: str, **facts: Any) -> Callable[[Translate], Translate]:
    """Declare how functions of NumPy are translated that have no derivative."""
    return _declare("numpy", *names, **facts)


def composed_row(*names: str, **facts: Any) -> Callable[[Translate], Translate]:
    """Declare how composed functions are translated; without a row, their parts are."""
    return _declare("composed", *names, **facts)


def fixed(value: Any, what: str) -> int:
    """Return a whole number that must not depend on the batch size."""
    if isinstance(value, Size):
        raise ExportError(f"{what} is {value}, it depends on the batch size N")
    return int(value)


def fixed_sizes(sizes: Any, what: str) -> list[int]:
    """Return sizes that must not depend on the batch size."""
    return [fixed(size, what) for size in sizes]
