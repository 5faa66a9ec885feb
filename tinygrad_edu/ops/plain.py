"""What has no derivative, or one that is zero wherever it exists: indices, comparisons, rounding.

These functions take tensors and give plain arrays, so that it shows that the graph ends here.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Protocol, cast

import numpy as np

from .. import shape_errors
from ..arrays import locked_view
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

    __wrapped__: Callable[..., Any]

    def __call__(self, *arguments: Any, **keywords: Any) -> Any: ...


def as_arrays(value: Any) -> Any:
    """Put arrays in the place of tensors, also inside lists and tuples."""
    if isinstance(value, Tensor):
        return locked_view(value._data)
    if isinstance(value, list | tuple):
        values = map(as_arrays, value)
        return type(value)(*values) if hasattr(value, "_fields") else type(value)(values)
    return value


def shape_of(x: Any) -> tuple[int, ...]:
    """Return the shape of a tensor, an array or a list; `np.shape` takes long for a tensor."""
    try:
        return x.shape  # type: ignore[no-any-return]
    except AttributeError:
        return np.shape(x)


def on_arrays(
    function: Callable[..., Any], summary: str, by: Callable[..., Any] | None = None
) -> Plain:
    """Let a function of NumPy take tensors, as the plain arrays that they hold.

    `by` computes it, where the function itself is deprecated.
    """
    compute = function if by is None else by

    def call(*arguments: Any, **keywords: Any) -> Any:
        values = list(map(as_arrays, arguments))
        try:
            return compute(*values, **{key: as_arrays(value) for key, value in keywords.items()})
        except np.exceptions.AxisError:
            raise
        except ValueError as error:
            shapes = [np.shape(value) for value in values if isinstance(value, np.ndarray)]
            raise shape_errors.explain_shape_error(name, ["x", "y"], shapes, error) from error

    name = function.__name__
    call.__name__ = call.__qualname__ = name
    call.__doc__ = f"""{summary}: a plain array, for it has no derivative.

    Parameters and errors are those of `numpy.{name}`.
    """
    # Where `inspect` and `help` find the signature, when somebody asks for it.
    call.__wrapped__ = function  # type: ignore[attr-defined]
    return cast("Plain", call)


all = on_arrays(np.all, "Whether all elements are true")
allclose = on_arrays(np.allclose, "Whether two operands are equal within a tolerance, everywhere")
any = on_arrays(np.any, "Whether any element is true")
argmax = on_arrays(np.argmax, "Index of the largest element")
argmin = on_arrays(np.argmin, "Index of the smallest element")
argpartition = on_arrays(np.argpartition, "Indices that would partition an array")
argsort = on_arrays(np.argsort, "Indices that would sort an array")
argwhere = on_arrays(np.argwhere, "Indices of the elements that are not zero, one row for each")
array_equal = on_arrays(np.array_equal, "Whether two operands have one shape and equal elements")
array_equiv = on_arrays(np.array_equiv, "Whether two operands are equal once broadcast")
ceil = on_arrays(np.ceil, "Smallest whole number that is not below, elementwise")
count_nonzero = on_arrays(np.count_nonzero, "Number of elements that are not zero")
digitize = on_arrays(np.digitize, "Number of the bin that each value falls into")
equal = on_arrays(np.equal, "Whether two operands are equal, elementwise")
# NumPy 2.5 warns of its own fix, and recommends trunc, which gives the same numbers.
fix = on_arrays(np.fix, "Whole number next towards zero, elementwise", by=np.trunc)
flatnonzero = on_arrays(np.flatnonzero, "Indices of the flattened elements that are not zero")
floor = on_arrays(np.floor, "Largest whole number that is not above, elementwise")
floor_divide = on_arrays(np.floor_divide, "Quotient rounded down, elementwise")
greater = on_arrays(np.greater, "Whether the first operand is larger, elementwise")
greater_equal = on_arrays(np.greater_equal, "Whether the first operand is not smaller, elementwise")
isclose = on_arrays(np.isclose, "Whether two operands are equal within a tolerance, elementwise")
isfinite = on_arrays(np.isfinite, "Whether elements are neither infinite nor nan")
isinf = on_arrays(np.isinf, "Whether elements are infinite")
isnan = on_arrays(np.isnan, "Whether elements are nan")
isneginf = on_arrays(np.isneginf, "Whether elements are negative infinity")
isposinf = on_arrays(np.isposinf, "Whether elements are positive infinity")
less = on_arrays(np.less, "Whether the first operand is smaller, elementwise")
less_equal = on_arrays(np.less_equal, "Whether the first operand is not larger, elementwise")
logical_and = on_arrays(np.logical_and, "Whether both operands are true, elementwise")
logical_not = on_arrays(np.logical_not, "Whether elements are false")
logical_or = on_arrays(np.logical_or, "Whether either operand is true, elementwise")
logical_xor = on_arrays(np.logical_xor, "Whether exactly one operand is true, elementwise")
nonzero = on_arrays(
    np.nonzero, "Indices of the elements that are not zero, one array for each axis"
)
not_equal = on_arrays(np.not_equal, "Whether two operands differ, elementwise")
rint = on_arrays(np.rint, "Nearest whole number, elementwise")
round = on_arrays(np.round, "Rounded to a number of decimals")
searchsorted = on_arrays(
    np.searchsorted, "Where elements would be inserted to keep an array sorted"
)
signbit = on_arrays(np.signbit, "Whether the sign is negative, that of zero included")
trunc = on_arrays(np.trunc, "Whole number next towards zero, elementwise")
