"""What has no derivative, or one that is zero wherever it exists: indices, comparisons, rounding.

These functions take tensors and give plain arrays, so that it shows that the graph ends here.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Protocol, cast

import numpy as np

from ..tensor import Tensor

__all__ = [
    "all",
    "allclose",
    "any",
    "argmax",
    "argmin",
    "argpartition",
    "argsort",
    "argwhere",
    "array_equal",
    "array_equiv",
    "ceil",
    "count_nonzero",
    "digitize",
    "equal",
    "fix",
    "flatnonzero",
    "floor",
    "floor_divide",
    "greater",
    "greater_equal",
    "isclose",
    "isfinite",
    "isinf",
    "isnan",
    "isneginf",
    "isposinf",
    "less",
    "less_equal",
    "logical_and",
    "logical_not",
    "logical_or",
    "logical_xor",
    "nonzero",
    "not_equal",
    "rint",
    "round",
    "searchsorted",
    "signbit",
    "trunc",
]


class Plain(Protocol):
    """A function of NumPy that takes tensors as well, and gives plain arrays."""

    function: Callable[..., Any]

    def __call__(self, *arguments: Any, **keywords: Any) -> Any: ...


def as_arrays(value: Any) -> Any:
    """Put arrays in the place of tensors, also inside lists and tuples."""
    if isinstance(value, Tensor):
        return np.asarray(value)
    if isinstance(value, list | tuple):
        return type(value)(map(as_arrays, value))
    return value


def _plain(function: Callable[..., Any], summary: str) -> Plain:
    def call(*arguments: Any, **keywords: Any) -> Any:
        values = {name: as_arrays(value) for name, value in keywords.items()}
        return function(*map(as_arrays, arguments), **values)

    name = function.__name__
    call.__name__ = call.__qualname__ = name
    call.__doc__ = f"""{summary}: a plain array, for it has no derivative.

    Parameters and errors are those of `numpy.{name}`.
    """
    call.function = function  # type: ignore[attr-defined]
    return cast("Plain", call)


all = _plain(np.all, "Whether all elements are true")
allclose = _plain(np.allclose, "Whether two operands are equal within a tolerance, everywhere")
any = _plain(np.any, "Whether any element is true")
argmax = _plain(np.argmax, "Index of the largest element")
argmin = _plain(np.argmin, "Index of the smallest element")
argpartition = _plain(np.argpartition, "Indices that would partition an array")
argsort = _plain(np.argsort, "Indices that would sort an array")
argwhere = _plain(np.argwhere, "Indices of the elements that are not zero, one row for each")
array_equal = _plain(np.array_equal, "Whether two operands have one shape and equal elements")
array_equiv = _plain(np.array_equiv, "Whether two operands are equal once broadcast")
ceil = _plain(np.ceil, "Smallest whole number that is not below, elementwise")
count_nonzero = _plain(np.count_nonzero, "Number of elements that are not zero")
digitize = _plain(np.digitize, "Number of the bin that each value falls into")
equal = _plain(np.equal, "Whether two operands are equal, elementwise")
fix = _plain(np.fix, "Whole number next towards zero, elementwise")
flatnonzero = _plain(np.flatnonzero, "Indices of the flattened elements that are not zero")
floor = _plain(np.floor, "Largest whole number that is not above, elementwise")
floor_divide = _plain(np.floor_divide, "Quotient rounded down, elementwise")
greater = _plain(np.greater, "Whether the first operand is larger, elementwise")
greater_equal = _plain(np.greater_equal, "Whether the first operand is not smaller, elementwise")
isclose = _plain(np.isclose, "Whether two operands are equal within a tolerance, elementwise")
isfinite = _plain(np.isfinite, "Whether elements are neither infinite nor nan")
isinf = _plain(np.isinf, "Whether elements are infinite")
isnan = _plain(np.isnan, "Whether elements are nan")
isneginf = _plain(np.isneginf, "Whether elements are negative infinity")
isposinf = _plain(np.isposinf, "Whether elements are positive infinity")
less = _plain(np.less, "Whether the first operand is smaller, elementwise")
less_equal = _plain(np.less_equal, "Whether the first operand is not larger, elementwise")
logical_and = _plain(np.logical_and, "Whether both operands are true, elementwise")
logical_not = _plain(np.logical_not, "Whether elements are false")
logical_or = _plain(np.logical_or, "Whether either operand is true, elementwise")
logical_xor = _plain(np.logical_xor, "Whether exactly one operand is true, elementwise")
nonzero = _plain(np.nonzero, "Indices of the elements that are not zero, one array for each axis")
not_equal = _plain(np.not_equal, "Whether two operands differ, elementwise")
rint = _plain(np.rint, "Nearest whole number, elementwise")
round = _plain(np.round, "Rounded to a number of decimals")
searchsorted = _plain(np.searchsorted, "Where elements would be inserted to keep an array sorted")
signbit = _plain(np.signbit, "Whether the sign is negative, that of zero included")
trunc = _plain(np.trunc, "Whole number next towards zero, elementwise")
