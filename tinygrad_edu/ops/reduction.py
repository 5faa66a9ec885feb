"""Reductions: operations that turn many elements into few, such as sums, products and extremes.

Each takes `axis` (None for all axes, a number, or several) and `keepdims`, as in NumPy; most take
the keywords of `options.py`. Variance
and other statistics are in `statistics.py`.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from ..arrays import as_floating, floating_dtype
from ..facts import Mistake, Pitfall, Recognition
from ..leaving import values_of
from ..primitive import as_operand, primitive
from ..tensor import Tensor
from .arithmetic import add, divide, multiply
from .choosing import maximum, minimum
from .choosing import where as choose
from .options import count_of, selected, started, with_options
from .plain import shape_of
from .summing import Axis, added_up, axes_of, divided, folded, is_half, single

__all__ = [
    "amax",
    "amin",
    "logsumexp",
    "max",
    "mean",
    "min",
    "prod",
    "sum",
]


def _lowest(dtype: np.dtype[Any]) -> Any:
    return -np.inf if dtype.kind in "fc" else np.iinfo(dtype).min if dtype.kind in "iu" else False


def _highest(dtype: np.dtype[Any]) -> Any:
    return np.inf if dtype.kind in "fc" else np.iinfo(dtype).max if dtype.kind in "iu" else True


def _count(x: Any, axis: Axis) -> int:
    """Count the elements that go into each result."""
    shape = shape_of(x)
    return int(np.prod([shape[i] for i in axes_of(len(shape), axis)], dtype=int))


def _stretched_shape(shape: tuple[int, ...], axis: Axis) -> tuple[int, ...]:
    """Return the shape that a result has with ``keepdims=True``."""
    axes = axes_of(len(shape), axis)
    return tuple(1 if i in axes else n for i, n in enumerate(shape))


def _stretch(reduced: Any, x: Any, axis: Axis) -> Any:
    """Give a reduced array its axes back, with size 1, so that it broadcasts against x."""
    return reduced.reshape(_stretched_shape(x.shape, axis))


def _order(ndim: int, axis: Axis) -> tuple[int, ...]:
    """Order axes so that those to be reduced come last."""
    axes = axes_of(ndim, axis)
    return (*(i for i in range(ndim) if i not in axes), *axes)


def _as_rows(x: Any, axis: Axis) -> Any:
    """Move the axes to be reduced to the end, and merge them into one."""
    kept = x.ndim - len(axes_of(x.ndim, axis))
    moved = np.transpose(x, _order(x.ndim, axis))
    return np.reshape(moved, (*moved.shape[:kept], _count(x, axis)))


def _from_rows(rows: Any, x: Any, axis: Axis) -> Any:
    """Undo `_as_rows`."""
    order = _order(x.ndim, axis)
    moved = np.reshape(rows, tuple(x.shape[i] for i in order))
    return np.transpose(moved, np.argsort(order).tolist())


@with_options(started(add, lambda dtype: 0, True))
@primitive(
    lambda g, out, x, axis=None, keepdims=False: np.broadcast_to(_stretch(g, x, axis), x.shape),
    symbol="Σ",
    formula="sum(x, axis=axis)",
    derivatives=("broadcast_to(g, x.shape)",),
    domain=(),
)
def sum(x: Any, /, axis: Axis = None, *, keepdims: bool = False) -> Any:
    """Sum over all elements, or along the given axes.

    Parameters
    ----------
    x : array_like
        The elements.
    axis : int or tuple of int, optional
        The axes to sum along; None sums over all of them.
    keepdims : bool
        Whether to keep the summed axes, with size 1.
    initial : number, optional
        Added to each sum; gradients flow to it.
    where : array_like of bool
        The elements to sum; it broadcasts to the shape of `x`.

    Raises
    ------
    numpy.exceptions.AxisError
        If there is no such axis.

    Examples
    --------
    >>> from tinygrad_edu import Tensor
    >>> x = Tensor([[1.0, 2.0], [3.0, 4.0]], requires_grad=True)
    >>> y = x.sum(axis=0)
    >>> y.data
    array([4., 6.])
    >>> y.sum().backward()
    >>> x.grad
    array([[1., 1.],
           [1., 1.]])
    """
    return added_up(x, axis, keepdims)


def total(x: Any, axis: Axis) -> Any:
    """Add up what a rule has computed, an array or a tensor, and keep the axes with size 1."""
    if isinstance(x, Tensor):
        return sum(x, axis=axis, keepdims=True)
    return added_up(x, axis, True)


def _average_of_selected(
    operation: Any, x: Any, axis: Axis = None, *, keepdims: bool = False, where: Any = True
) -> Any:
    """Compose ``where=`` of `mean`: the sum of the selected elements over their number."""
    if where is True:
        return operation(x, axis, keepdims=keepdims)
    x = as_operand(operation.__name__, x)
    mask = selected(operation.__name__, where, x)
    counts = count_of(mask, axis, keepdims).astype(floating_dtype(x))
    return divide(sum(choose(mask, x, 0), axis, keepdims=keepdims), counts)


@with_options(_average_of_selected)
@primitive(
    lambda g, out, x, axis=None, keepdims=False: np.broadcast_to(
        _stretch(divided(g, _count(x, axis) or 1), x, axis), x.shape
    ),
    symbol="mean",
    formula="mean(x, axis=axis)",
    derivatives=("broadcast_to(g, x.shape) / size(x)",),
    domain=(
        Pitfall(
            lambda x: not x.size, "the mean of no elements is 0 / 0", "leave empty batches out"
        ),
    ),
    averages=True,
    recognition=Recognition("axis"),
)
def mean(x: Any, /, axis: Axis = None, *, keepdims: bool = False) -> Any:
    """Average over all elements, or along the given axes; nan for no elements.

    Parameters
    ----------
    x, axis, keepdims, where
        As for `sum`.

    Examples
    --------
    >>> from tinygrad_edu import Tensor
    >>> x = Tensor([1.0, 2.0, 3.0, 6.0], requires_grad=True)
    >>> y = x.mean()
    >>> y.backward()
    >>> y.item(), x.grad
    (3.0, array([0.25, 0.25, 0.25, 0.25]))
    """
    # The sum of float16 or of whole numbers may overflow where the average does not.
    wide = as_floating(x.astype(np.float32) if is_half(x) else x)
    average = added_up(wide, axis, keepdims) / _count(x, axis)
    return average.astype(np.float16) if is_half(x) else average


def _product_of_others(x: Any) -> Any:
    """Return for each element the product of all others along the last axis, without a division."""
    one = np.ones_like(x[..., :1])
    before = np.concatenate([one, np.cumprod(x[..., :-1], axis=-1)], axis=-1)
    after = np.concatenate([one, np.cumprod(np.flip(x[..., 1:], -1), axis=-1)], axis=-1)
    return before * np.flip(after, -1)


@single
def _prod_rule(g: Any, out: Any, x: Any, axis: Axis = None, keepdims: bool = False) -> Any:
    others = _product_of_others(_as_rows(x, axis))
    return _stretch(g, x, axis) * _from_rows(others, x, axis)


@with_options(started(multiply, lambda dtype: 1, True))
@primitive(
    _prod_rule,
    symbol="Π",
    formula="prod(x, axis=axis)",
    derivatives=("g * out / x",),
    domain=(),
)
@single
def prod(x: Any, /, axis: Axis = None, *, keepdims: bool = False) -> Any:
    """Product of all elements, or along the given axes.

    The derivative is the product of all other elements. It is computed without a division, so that
    it is exact where elements are 0.

    Parameters
    ----------
    x, axis, keepdims, initial, where
        As for `sum`.

    Examples
    --------
    >>> from tinygrad_edu import Tensor
    >>> x = Tensor([2.0, 0.0, 5.0], requires_grad=True)
    >>> x.prod().backward()
    >>> x.grad
    array([ 0., 10.,  0.])
    """
    return np.prod(x, axis=axis, keepdims=keepdims)


def _euclidean_norm_rule(
    g: Any, out: Any, x: Any, axis: Axis = None, keepdims: bool = False
) -> Any:
    length = _stretch(out, x, axis)
    # x / out is a unit vector; where out is 0, so is x, and 0 is the smallest subgradient.
    # Dividing by infinity makes all further derivatives 0 there, too.
    return _stretch(g, x, axis) * (x / np.where(np.equal(length, 0), np.inf, length))


@primitive(
    _euclidean_norm_rule,
    symbol="‖·‖",
    formula="sqrt(sum(x**2, axis=axis))",
    derivatives=("g * x / out",),
    domain=(),
)
def _euclidean_norm(x: Any, /, axis: Axis = None, *, keepdims: bool = False) -> Any:
    # No conjugate, so that the complex step can pass.
    return np.sqrt(added_up(np.square(x), axis, keepdims))


def _extreme_rule(g: Any, out: Any, x: Any, axis: Axis = None, keepdims: bool = False) -> Any:
    # Not a number is the largest, and the smallest.
    chosen = np.equal(x, _stretch(out, x, axis)) | np.isnan(x)
    # A float16 count would overflow at 65504 ties.
    if _count(x, axis) < 128:
        ties = folded(np.add, chosen.view(np.int8), axis, True)
    else:
        ties = np.sum(chosen, axis=axes_of(x.ndim, axis), keepdims=True)
    return _stretch(g, x, axis) / ties * chosen


def _to_all(share: bool) -> Any:
    """Return a wrong rule: every element gets the gradient, or an equal share of it."""

    def rule(g: Any, out: Any, x: Any, axis: Axis = None, keepdims: bool = False) -> Any:
        count = _count(x, axis) if share else 1
        return _stretch(g, x, axis) / count * np.ones_like(x)

    return rule


_OF_EXTREMES = (
    Mistake(
        "not the largest alone",
        "every element got the gradient of a maximum; only the largest element has one",
        _to_all(False),
    ),
    Mistake(
        "not the largest alone",
        "the gradient was shared by all elements, as that of an average; of a maximum, only the "
        "largest element has one",
        _to_all(True),
    ),
)


def _margins(x: Any, axis: Axis = None, keepdims: bool = False) -> Any:
    """Measure how much larger each element is than the largest of the others."""
    rows = _as_rows(x, axis)
    if rows.shape[-1] < 2:
        return np.ones_like(rows)
    second, largest = np.moveaxis(np.partition(rows, -2)[..., -2:], -1, 0)[..., None]
    return rows - np.where(rows == largest, second, largest)


def _refuse_empty(name: str, x: Any, axis: Axis) -> None:
    if _count(x, axis) == 0:
        raise ValueError(
            f"{name}: no elements (shape {shape_of(x)}); expected at least one along each axis"
        )


@with_options(started(maximum, _lowest, False))
@primitive(
    _extreme_rule,
    symbol="max",
    formula="max(x, axis=axis)",
    derivatives=("g * (x == out) / sum(x == out)",),
    carries=True,
    kink=_margins,
    mistakes=_OF_EXTREMES,
)
def max(x: Any, /, axis: Axis = None, *, keepdims: bool = False) -> Any:
    """Largest element; several equal ones share the gradient equally.

    Parameters
    ----------
    x, axis, keepdims, initial, where
        As for `sum`.

    Raises
    ------
    ValueError
        If there is no element and no `initial`, or `where` without `initial`.

    Examples
    --------
    >>> from tinygrad_edu import Tensor
    >>> x = Tensor([[1.0, 5.0], [7.0, 7.0]], requires_grad=True)
    >>> y = x.max(axis=1)
    >>> y.data
    array([5., 7.])
    >>> y.sum().backward()
    >>> x.grad
    array([[0. , 1. ],
           [0.5, 0.5]])
    """
    _refuse_empty("max", x, axis)
    return folded(np.maximum, x, axis, keepdims)


@with_options(started(minimum, _highest, False))
@primitive(
    _extreme_rule,
    symbol="min",
    formula="min(x, axis=axis)",
    derivatives=("g * (x == out) / sum(x == out)",),
    carries=True,
    kink=lambda x, axis=None, keepdims=False: _margins(-x, axis),
)
def min(x: Any, /, axis: Axis = None, *, keepdims: bool = False) -> Any:
    """Smallest element; several equal ones share the gradient equally.

    Parameters
    ----------
    x, axis, keepdims, initial, where
        As for `sum`.

    Raises
    ------
    ValueError
        If there is no element and no `initial`, or `where` without `initial`.

    Examples
    --------
    >>> from tinygrad_edu import Tensor
    >>> x = Tensor([3.0, 1.0, 1.0], requires_grad=True)
    >>> x.min().backward()
    >>> x.grad
    array([0. , 0.5, 0.5])
    """
    _refuse_empty("min", x, axis)
    return folded(np.minimum, x, axis, keepdims)


@single
def _logsumexp_rule(g: Any, out: Any, x: Any, axis: Axis = None, keepdims: bool = False) -> Any:
    # Softmax does not depend on the number that is subtracted, so that is a constant here. The
    # largest element is more precise than the output, which a large number rounds.
    axes = axes_of(x.ndim, axis)
    shifted = x - _finite_largest(values_of(x), axes)
    largest = _stretch(values_of(out), x, axis)
    infinite = np.isinf(largest) & np.greater(largest, 0)
    if infinite.any():  # elements as large as that share the gradient
        shifted = np.where(infinite, np.where(np.equal(x, largest), 0, -np.inf), shifted)
    exponentials = np.exp(shifted)
    added = total(exponentials, axes)
    return _stretch(g, x, axis) * (exponentials / np.where(np.equal(added, 0), 1, added))


def _finite_largest(x: Any, axis: Axis) -> Any:
    """Return the largest element, or 0 for an infinite one, which would leave inf - inf."""
    largest = np.max(x, axis=axis, keepdims=True, initial=-np.inf)
    return np.where(np.isfinite(largest), largest, 0)


@primitive(
    _logsumexp_rule,
    formula="log(sum(exp(x), axis=axis))",
    derivatives=("g * exp(x - out)",),
    recognition=Recognition("axis"),
)
@single
def logsumexp(x: Any, /, axis: Axis = None, *, keepdims: bool = False) -> Any:
    """Logarithm of the sum of exponentials, without overflow; the gradient is the `softmax`.

    Infinite elements share the gradient. The result for no elements is minus infinity.

    Parameters
    ----------
    x, axis, keepdims
        As for `sum`.

    Examples
    --------
    >>> from tinygrad_edu import Tensor, logsumexp
    >>> x = Tensor([1000.0, 1000.0], requires_grad=True)
    >>> y = logsumexp(x)
    >>> y.backward()
    >>> round(y.item(), 4), x.grad
    (1000.6931, array([0.5, 0.5]))
    """
    x, axes = as_floating(x), axes_of(x.ndim, axis)
    largest = _finite_largest(x, axes)
    with np.errstate(divide="ignore"):  # without elements this is log(0)
        total = np.log(added_up(np.exp(x - largest), axes, True)) + largest
    return total if keepdims else np.squeeze(total, axis=axes)


amax, amin = max, min
