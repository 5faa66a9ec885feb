"""Functions without a derivative, or with one that is zero wherever it exists.

These are indices, comparisons and rounding. They take tensors and return plain arrays, which makes
it visible that the graph ends here.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Protocol, cast

import numpy as np

from .. import shape_errors
from ..arrays import as_array, locked_view
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
    """A function of NumPy that also takes tensors, and returns plain arrays."""

    __wrapped__: Callable[..., Any]

    def __call__(self, *arguments: Any, **keywords: Any) -> Any: ...


def as_arrays(value: Any) -> Any:
    """Replace tensors by their arrays, also inside lists and tuples."""
    if isinstance(value, Tensor):
        return locked_view(value._data)
    if isinstance(value, list | tuple):
        values = map(as_arrays, value)
        return type(value)(*values) if hasattr(value, "_fields") else type(value)(values)
    return value


def shape_of(x: Any) -> tuple[int, ...]:
    """Return the shape of a tensor, an array or a list; `np.shape` is slow for a tensor."""
    try:
        return x.shape  # type: ignore[no-any-return]
    except AttributeError:
        return np.shape(x)


_DOCUMENTATION = """\
{summary}: a plain array, because it has no derivative.

Parameters
----------
*arguments, **keywords
    Those of `numpy.{name}`. Tensors count as the arrays that they hold. The errors are NumPy's too.

Examples
--------
>>> from tinygrad_edu import Tensor, {name}
>>> {call}
{output}
"""


def on_arrays(
    function: Callable[..., Any],
    summary: str,
    call: str = "",
    output: str = "",
    by: Callable[..., Any] | None = None,
) -> Plain:
    """Make a function of NumPy take tensors, as the plain arrays that they hold.

    Parameters
    ----------
    function : callable
        The function; the result has its name and signature.
    summary, call, output : str
        What the function returns, a call of it and the output: for the docstring.
    by : callable, optional
        What computes it, where the function itself is deprecated.
    """
    compute = function if by is None else by

    def on_values(*arguments: Any, **keywords: Any) -> Any:
        values = list(map(as_arrays, arguments))
        try:
            return compute(*values, **{key: as_arrays(value) for key, value in keywords.items()})
        except np.exceptions.AxisError:
            raise
        except ValueError as error:
            shapes = [np.shape(value) for value in values if isinstance(value, np.ndarray)]
            raise shape_errors.explain_shape_error(name, ["x", "y"], shapes, error) from error

    name = function.__name__
    on_values.__name__ = on_values.__qualname__ = name
    on_values.__doc__ = _DOCUMENTATION.format(summary=summary, name=name, call=call, output=output)
    # `inspect` and `help` find the signature here when they need it.
    on_values.__wrapped__ = function  # type: ignore[attr-defined]
    return cast("Plain", on_values)


def _argsort(x: Any, axis: int | None = -1, *, descending: bool = False, **options: Any) -> Any:
    """Add ``descending=``, which keeps the order of equal elements too."""
    if not descending:
        return np.argsort(x, axis=axis, **options)
    x = np.reshape(x, -1) if axis is None else as_array(x)
    axis = -1 if axis is None else axis
    order = np.argsort(np.flip(x, axis), axis=axis, stable=True)
    return x.shape[axis] - 1 - np.flip(order, axis)


all = on_arrays(
    np.all,
    "Whether all elements are true",
    "all(Tensor([[1.0, 0.0], [1.0, 1.0]]), axis=1)",
    "array([False,  True])",
)
allclose = on_arrays(
    np.allclose,
    "Whether two operands are equal everywhere, within a tolerance",
    "allclose(Tensor([0.1]) * 3, [0.3])",
    "True",
)
any = on_arrays(
    np.any,
    "Whether any element is true",
    "any(Tensor([[1.0, 0.0], [0.0, 0.0]]), axis=1)",
    "array([ True, False])",
)
argmax = on_arrays(
    np.argmax,
    "Index of the largest element",
    "argmax(Tensor([[1.0, 5.0], [7.0, 2.0]]), axis=1)",
    "array([1, 0])",
)
argmin = on_arrays(
    np.argmin,
    "Index of the smallest element",
    "argmin(Tensor([[1.0, 5.0], [7.0, 2.0]]), axis=1)",
    "array([0, 1])",
)
argpartition = on_arrays(
    np.argpartition,
    "Indices that would partition an array",
    "argpartition(Tensor([2.0, 1.0]), 0)",
    "array([1, 0])",
)
argsort = on_arrays(
    np.argsort,
    "Indices that would sort an array",
    "argsort(Tensor([3.0, 1.0, 2.0]), descending=True)",
    "array([0, 2, 1])",
    by=_argsort,
)
argwhere = on_arrays(
    np.argwhere,
    "Indices of the elements that are not zero, in one row each",
    "argwhere(Tensor([[0.0, 1.0], [2.0, 0.0]]))",
    "array([[0, 1],\n       [1, 0]])",
)
array_equal = on_arrays(
    np.array_equal,
    "Whether two operands have one shape and equal elements",
    "array_equal(Tensor([1.0, 2.0]), [1.0, 2.0])",
    "True",
)
array_equiv = on_arrays(
    np.array_equiv,
    "Whether two operands are equal once broadcast",
    "array_equiv(Tensor([[1.0, 2.0], [1.0, 2.0]]), [1.0, 2.0])",
    "True",
)
ceil = on_arrays(
    np.ceil,
    "Smallest whole number that is not below, elementwise",
    "ceil(Tensor([1.2, -1.2]))",
    "array([ 2., -1.])",
)
count_nonzero = on_arrays(
    np.count_nonzero,
    "Number of elements that are not zero",
    "count_nonzero(Tensor([[0.0, 1.0], [2.0, 3.0]]), axis=1)",
    "array([1, 2])",
)
digitize = on_arrays(
    np.digitize,
    "Number of the bin that each value falls into",
    "digitize(Tensor([0.5, 1.5, 9.0]), [1.0, 2.0])",
    "array([0, 1, 2])",
)
equal = on_arrays(
    np.equal,
    "Whether two operands are equal, elementwise",
    "equal(Tensor([1.0, 2.0]), 2.0)",
    "array([False,  True])",
)
# NumPy 2.5 deprecates its own fix, and recommends trunc, which returns the same numbers.
fix = on_arrays(
    np.fix,
    "Nearest whole number towards zero, elementwise",
    "fix(Tensor([1.7, -1.7]))",
    "array([ 1., -1.])",
    by=np.trunc,
)
flatnonzero = on_arrays(
    np.flatnonzero,
    "Indices of the flattened elements that are not zero",
    "flatnonzero(Tensor([[0.0, 1.0], [2.0, 0.0]]))",
    "array([1, 2])",
)
floor = on_arrays(
    np.floor,
    "Largest whole number that is not above, elementwise",
    "floor(Tensor([1.7, -1.2]))",
    "array([ 1., -2.])",
)
floor_divide = on_arrays(
    np.floor_divide,
    "Quotient rounded down, elementwise",
    "floor_divide(Tensor([7.0, -7.0]), 2.0)",
    "array([ 3., -4.])",
)
greater = on_arrays(
    np.greater,
    "Whether the first operand is larger, elementwise",
    "greater(Tensor([1.0, 2.0]), 1.0)",
    "array([False,  True])",
)
greater_equal = on_arrays(
    np.greater_equal,
    "Whether the first operand is not smaller, elementwise",
    "greater_equal(Tensor([0.0, 1.0]), 1.0)",
    "array([False,  True])",
)
isclose = on_arrays(
    np.isclose,
    "Whether two operands are equal within a tolerance, elementwise",
    "isclose(Tensor([0.1, 0.2]) * 3, 0.3)",
    "array([ True, False])",
)
isfinite = on_arrays(
    np.isfinite,
    "Whether elements are neither infinite nor nan",
    'isfinite(Tensor([1.0, float("inf")]))',
    "array([ True, False])",
)
isinf = on_arrays(
    np.isinf,
    "Whether elements are infinite",
    'isinf(Tensor([1.0, float("inf")]))',
    "array([False,  True])",
)
isnan = on_arrays(
    np.isnan,
    "Whether elements are nan",
    'isnan(Tensor([1.0, float("nan")]))',
    "array([False,  True])",
)
isneginf = on_arrays(
    np.isneginf,
    "Whether elements are negative infinity",
    'isneginf(Tensor([float("inf"), -float("inf")]))',
    "array([False,  True])",
)
isposinf = on_arrays(
    np.isposinf,
    "Whether elements are positive infinity",
    'isposinf(Tensor([float("inf"), -float("inf")]))',
    "array([ True, False])",
)
less = on_arrays(
    np.less,
    "Whether the first operand is smaller, elementwise",
    "less(Tensor([1.0, 2.0]), 2.0)",
    "array([ True, False])",
)
less_equal = on_arrays(
    np.less_equal,
    "Whether the first operand is not larger, elementwise",
    "less_equal(Tensor([2.0, 3.0]), 2.0)",
    "array([ True, False])",
)
logical_and = on_arrays(
    np.logical_and,
    "Whether both operands are true, elementwise",
    "logical_and(Tensor([0.0, 1.0]), [True, True])",
    "array([False,  True])",
)
logical_not = on_arrays(
    np.logical_not,
    "Whether elements are false",
    "logical_not(Tensor([0.0, 1.0]))",
    "array([ True, False])",
)
logical_or = on_arrays(
    np.logical_or,
    "Whether either operand is true, elementwise",
    "logical_or(Tensor([0.0, 1.0]), [True, False])",
    "array([ True,  True])",
)
logical_xor = on_arrays(
    np.logical_xor,
    "Whether exactly one operand is true, elementwise",
    "logical_xor(Tensor([0.0, 1.0]), [True, True])",
    "array([ True, False])",
)
nonzero = on_arrays(
    np.nonzero,
    "Indices of the elements that are not zero, one array for each axis",
    "nonzero(Tensor([[0.0, 1.0], [2.0, 0.0]]))",
    "(array([0, 1]), array([1, 0]))",
)
not_equal = on_arrays(
    np.not_equal,
    "Whether two operands differ, elementwise",
    "not_equal(Tensor([1.0, 2.0]), 2.0)",
    "array([ True, False])",
)
rint = on_arrays(
    np.rint, "Nearest whole number, elementwise", "rint(Tensor([1.4, 1.6]))", "array([1., 2.])"
)
round = on_arrays(
    np.round,
    "Rounded to a number of decimals",
    "round(Tensor([1.234, 5.678]), 1)",
    "array([1.2, 5.7])",
)
searchsorted = on_arrays(
    np.searchsorted,
    "Positions at which to insert elements so that an array stays sorted",
    "searchsorted(Tensor([1.0, 2.0, 3.0]), [0.5, 2.5])",
    "array([0, 2])",
)
signbit = on_arrays(
    np.signbit,
    "Whether the sign is negative, also that of zero",
    "signbit(Tensor([-1.0, 0.0, -0.0]))",
    "array([ True, False,  True])",
)
trunc = on_arrays(
    np.trunc,
    "Nearest whole number towards zero, elementwise",
    "trunc(Tensor([1.7, -1.7]))",
    "array([ 1., -1.])",
)

# They describe an array or write it to a file; none has a derivative.
_ABOUT_ARRAYS = (
    "angle around array2string array_repr array_str can_cast empty_like imag iscomplex "
    "iscomplexobj isreal isrealobj isscalar may_share_memory min_scalar_type ndim ones_like "
    "result_type save savetxt shape shares_memory size spacing zeros_like"
)
FACTS = {
    getattr(np, name): on_arrays(getattr(np, name), "A fact") for name in _ABOUT_ARRAYS.split()
}
FACTS[np.linalg.matrix_rank] = on_arrays(np.linalg.matrix_rank, "A fact")
"""NumPy's functions that are not in this package, but take tensors."""
