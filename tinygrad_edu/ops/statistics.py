"""Statistics of many elements: variance, average, median, range, and sums that skip nan.

They are composed of the reductions in `reduction.py`.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from ..arrays import real_dtype_of
from ..facts import Recognition
from ..metadata import composed
from ..primitive import as_operand
from .arithmetic import divide, multiply, square, subtract
from .choosing import where
from .plain import shape_of
from .reduction import _as_rows, _count, _euclidean_norm, _stretched_shape, max, mean, min, sum
from .shape import broadcast_to, reshape, transpose
from .sorting import sort
from .summing import Axis, axes_of, single

__all__ = ["average", "median", "nanmean", "nansum", "ptp", "std", "var"]


def _spread(name: str, x: Any, axis: Axis, ddof: float) -> tuple[Any, float]:
    """Return the deviations from the average, and the divisor of the sum of their squares."""
    count = _count(x, axis)
    if count - ddof <= 0:
        raise ValueError(
            f"{name} over {count} elements with ddof={ddof} would divide by {count - ddof}; "
            "expected more elements than ddof"
        )
    return subtract(x, mean(x, axis=axis, keepdims=True)), count - ddof


@composed("x", recognition=Recognition("axis", bounds=(0, np.inf), variants=({"ddof": 1},)))
@single
def var(x: Any, axis: Axis = None, *, ddof: float = 0, keepdims: bool = False) -> Any:
    """Variance over all elements, or along the given axes.

    Parameters
    ----------
    x : array_like
        The values.
    axis : int or tuple of int, optional
        The axes; None takes all of them.
    ddof : number
        What to subtract from the number of elements in the denominator; 1 for the unbiased
        estimate.
    keepdims : bool
        Whether to keep the reduced axes, with size 1.

    Raises
    ------
    ValueError
        If the denominator is not positive.

    Examples
    --------
    >>> from tinygrad_edu import Tensor, var
    >>> x = Tensor([1.0, 2.0, 3.0, 6.0], requires_grad=True)
    >>> y = var(x)
    >>> y.backward()
    >>> y.item(), x.grad
    (3.5, array([-1. , -0.5,  0. ,  1.5]))
    """
    deviation, denominator = _spread("var", x, axis, ddof)
    return divide(sum(square(deviation), axis=axis, keepdims=keepdims), denominator)


@composed("x")
@single
def std(x: Any, axis: Axis = None, *, ddof: float = 0, keepdims: bool = False) -> Any:
    """Standard deviation over all elements, or along the given axes.

    Where all elements are equal, its derivative is defined as 0.

    Parameters
    ----------
    x, axis, ddof, keepdims
        As for `var`.

    Raises
    ------
    ValueError
        If the denominator is not positive.

    Examples
    --------
    >>> from tinygrad_edu import Tensor, std
    >>> x = Tensor([1.0, 3.0], requires_grad=True)
    >>> y = std(x)
    >>> y.backward()
    >>> y.item(), x.grad
    (1.0, array([-0.5,  0.5]))
    """
    deviation, denominator = _spread("std", x, axis, ddof)
    return divide(_euclidean_norm(deviation, axis=axis, keepdims=keepdims), denominator**0.5)


@composed("x")
def ptp(x: Any, axis: Axis = None, *, keepdims: bool = False) -> Any:
    """Range: the largest element minus the smallest.

    Parameters
    ----------
    x, axis, keepdims
        As for `sum`.

    Examples
    --------
    >>> from tinygrad_edu import Tensor, ptp
    >>> x = Tensor([1.0, 5.0, 2.0], requires_grad=True)
    >>> y = ptp(x)
    >>> y.backward()
    >>> y.item(), x.grad
    (4.0, array([-1.,  1.,  0.]))
    """
    return subtract(max(x, axis=axis, keepdims=keepdims), min(x, axis=axis, keepdims=keepdims))


@composed("x")
def nansum(x: Any, axis: Axis = None, *, keepdims: bool = False) -> Any:
    """Sum of the elements that are not nan; those that are receive the gradient 0.

    Parameters
    ----------
    x, axis, keepdims
        As for `sum`.

    Examples
    --------
    >>> import numpy as np
    >>> from tinygrad_edu import Tensor, nansum
    >>> x = Tensor([1.0, np.nan, 2.0], requires_grad=True)
    >>> y = nansum(x)
    >>> y.backward()
    >>> y.item(), x.grad
    (3.0, array([1., 0., 1.]))
    """
    return sum(where(np.isnan(x), 0, x), axis=axis, keepdims=keepdims)


@composed("x")
@single
def nanmean(x: Any, axis: Axis = None, *, keepdims: bool = False) -> Any:
    """Average of the elements that are not nan; those that are receive the gradient 0.

    Parameters
    ----------
    x, axis, keepdims
        As for `sum`.

    Examples
    --------
    >>> import numpy as np
    >>> from tinygrad_edu import Tensor, nanmean
    >>> x = Tensor([1.0, np.nan, 2.0], requires_grad=True)
    >>> y = nanmean(x)
    >>> y.backward()
    >>> y.item(), x.grad
    (1.5, array([0.5, 0. , 0.5]))
    """
    total = nansum(multiply(x, 1.0), axis=axis, keepdims=keepdims)
    count = np.sum(~np.isnan(x), axis=axis, keepdims=keepdims)
    return divide(total, count.astype(real_dtype_of(total)))


@composed("x")
def median(x: Any, axis: Axis = None, *, keepdims: bool = False) -> Any:
    """Middle element in order of size, or the average of the two in the middle.

    Only these elements receive the gradient. If others are equal to them, it goes to those that are
    in the middle when equal elements keep their order. If there is a nan, the result is nan, as in
    NumPy.

    Parameters
    ----------
    x, axis, keepdims
        As for `sum`.

    Examples
    --------
    >>> from tinygrad_edu import Tensor, median
    >>> x = Tensor([5.0, 1.0, 3.0, 9.0], requires_grad=True)
    >>> y = median(x)
    >>> y.backward()
    >>> y.item(), x.grad
    (4.0, array([0.5, 0. , 0.5, 0. ]))
    """
    x = as_operand("median", x)
    count = _count(x, axis)
    rows = sort(_as_rows(x, axis), axis=-1)
    result = mean(rows[..., (count - 1) // 2 : count // 2 + 1], axis=-1)
    if np.isnan(rows[..., -1:]).any():  # nan is sorted last
        result = where(np.isnan(rows[..., -1]), np.nan, result)
    return reshape(result, _stretched_shape(x.shape, axis)) if keepdims else result


@composed("x", "weights")
@single
def average(x: Any, axis: Axis = None, weights: Any = None, *, keepdims: bool = False) -> Any:
    """Average, weighted if weights are given; gradients flow to the weights as well.

    Parameters
    ----------
    x : array_like
        The values.
    axis : int or tuple of int, optional
        The axes; None takes all of them.
    weights : array_like, optional
        Of the shape of `x`, or of the shape that `x` has along `axis`.
    keepdims : bool
        Whether to keep the reduced axes, with size 1.

    Raises
    ------
    ValueError
        If the weights have another shape.
    ZeroDivisionError
        If weights add up to 0.

    Examples
    --------
    >>> from tinygrad_edu import Tensor, average
    >>> x, w = Tensor([1.0, 5.0], requires_grad=True), Tensor([3.0, 1.0], requires_grad=True)
    >>> y = average(x, weights=w)
    >>> y.backward()
    >>> y.item(), x.grad, w.grad
    (2.0, array([0.75, 0.25]), array([-0.25,  0.75]))
    """
    axes = axes_of(len(shape_of(x)), axis)
    if weights is None:
        return mean(x, axis=axes, keepdims=keepdims)
    shape, given = shape_of(x), shape_of(weights)
    if given != shape:
        if axis is None or given != tuple(shape[i] for i in axes):
            raise ValueError(
                f"average: weights of shape {given} fit neither x of shape {shape} nor its axes "
                f"{axis}; pass one weight for each element, or for each position along the axes"
            )
        order = np.argsort(axes).tolist()
        kept = tuple(n if i in axes else 1 for i, n in enumerate(shape))
        weights = reshape(transpose(weights, order), kept)
    weights = multiply(broadcast_to(weights, shape), 1.0)  # whole numbers would wrap around
    total = sum(weights, axis=axes, keepdims=keepdims)
    if np.any(np.equal(total, 0)):
        raise ZeroDivisionError("average: weights add up to 0; expected another sum")
    return divide(sum(multiply(x, weights), axis=axes, keepdims=keepdims), total)
