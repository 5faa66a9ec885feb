"""Statistics of many elements: variance, average, median, range, covariance.

They are composed of the reductions in `reduction.py`. Quantiles are in `quantiles.py`, and
reductions that skip nan in `skipping.py`.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from ..arrays import floating_dtype, real_dtype_of
from ..facts import Recognition
from ..metadata import composed
from ..primitive import as_operand
from .arithmetic import divide, multiply, square, subtract
from .choosing import clip
from .choosing import where as choose
from .elementwise import sqrt
from .joining import concatenate
from .linear_algebra.matrices import matmul
from .linear_algebra.triangles import diagonal
from .options import count_of, selected
from .plain import shape_of
from .reduction import _as_rows, _count, _euclidean_norm, _stretched_shape, max, mean, min, sum
from .shape import atleast_2d, broadcast_to, expand_dims, reshape, transpose
from .sorting import sort
from .summing import Axis, axes_of, single

__all__ = ["average", "corrcoef", "cov", "median", "ptp", "std", "var"]


def _spread(
    name: str, x: Any, axis: Axis, ddof: float, where: Any, center: Any
) -> tuple[Any, Any, Any]:
    """Return the deviations from the average, and the divisor with the axes kept and without."""
    counts, mask = _count(x, axis), None
    if where is not True:
        mask = selected(name, where, x)
        kept = count_of(mask, axis, True)
        counts = int(np.min(kept, initial=counts))
    if counts - ddof <= 0:
        raise ValueError(
            f"{name} over {counts} elements with ddof={ddof} would divide by {counts - ddof}; "
            "expected more elements than ddof"
        )
    if center is None:
        center = mean(x, axis=axis, keepdims=True, **({} if mask is None else {"where": mask}))
    deviation = subtract(x, center)
    if mask is None:
        return deviation, counts - ddof, counts - ddof
    divisor = (kept - ddof).astype(real_dtype_of(deviation))
    return choose(mask, deviation, 0), divisor, np.squeeze(divisor, axes_of(mask.ndim, axis))


@composed("x", "mean", recognition=Recognition("axis", bounds=(0, np.inf), variants=({"ddof": 1},)))
@single
def var(
    x: Any,
    axis: Axis = None,
    *,
    ddof: float = 0,
    keepdims: bool = False,
    where: Any = True,
    mean: Any = None,
) -> Any:
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
    where : array_like of bool
        The elements to take; it broadcasts to the shape of `x`.
    mean : array_like, optional
        The average, with the reduced axes kept, if it is known already. Gradients flow to it.

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
    deviation, kept, dropped = _spread("var", x, axis, ddof, where, mean)
    total = sum(square(deviation), axis=axis, keepdims=keepdims)
    return divide(total, kept if keepdims else dropped)


@composed("x", "mean")
@single
def std(
    x: Any,
    axis: Axis = None,
    *,
    ddof: float = 0,
    keepdims: bool = False,
    where: Any = True,
    mean: Any = None,
) -> Any:
    """Standard deviation over all elements, or along the given axes.

    Where all elements are equal, its derivative is defined as 0.

    Parameters
    ----------
    x, axis, ddof, keepdims, where, mean
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
    deviation, kept, dropped = _spread("std", x, axis, ddof, where, mean)
    length = _euclidean_norm(deviation, axis=axis, keepdims=keepdims)
    return divide(length, (kept if keepdims else dropped) ** 0.5)


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
        result = choose(np.isnan(rows[..., -1]), np.nan, result)
    return reshape(result, _stretched_shape(x.shape, axis)) if keepdims else result


@composed("x", "weights")
@single
def average(
    x: Any,
    axis: Axis = None,
    weights: Any = None,
    returned: bool = False,
    *,
    keepdims: bool = False,
) -> Any:
    """Average, weighted if weights are given; gradients flow to the weights as well.

    Parameters
    ----------
    x : array_like
        The values.
    axis : int or tuple of int, optional
        The axes; None takes all of them.
    weights : array_like, optional
        Of the shape of `x`, or of the shape that `x` has along `axis`.
    returned : bool
        Whether to return a pair: the average, and the sum of the weights.
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
        result = mean(x, axis=axes, keepdims=keepdims)
        count = np.full(result.shape, _count(x, axes), real_dtype_of(result))
        return (result, count) if returned else result
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
    result = divide(sum(multiply(x, weights), axis=axes, keepdims=keepdims), total)
    return (result, total) if returned else result


def _frequencies(fweights: Any, count: int) -> Any:
    """Check the numbers of observations."""
    given = np.asarray(fweights)
    if given.shape != (count,) or given.dtype.kind not in "iu" or (given < 0).any():
        raise ValueError(
            f"cov: fweights of shape {given.shape} and dtype {given.dtype}; expected {count} whole "
            "numbers of 0 or more, one for each observation"
        )
    return given


def _weights(fweights: Any, aweights: Any, count: int, dtype: Any) -> Any:
    """Return how much each observation counts; None if all count once."""
    weights = None if fweights is None else _frequencies(fweights, count).astype(dtype)
    if aweights is None:
        return weights
    if shape_of(aweights) != (count,):
        raise ValueError(
            f"cov: aweights of shape {shape_of(aweights)}; expected one for each of the {count} "
            "observations"
        )
    return multiply(aweights, 1 if weights is None else weights)


@composed("x", "y", "aweights")
@single
def cov(
    x: Any,
    y: Any = None,
    rowvar: bool = True,
    bias: bool = False,
    ddof: int | None = None,
    fweights: Any = None,
    aweights: Any = None,
) -> Any:
    """Covariance matrix of variables, each of which was observed several times.

    Parameters
    ----------
    x : array_like, shape (variables, observations) or (observations,)
        The observations.
    y : array_like, optional
        Further variables, in the same form.
    rowvar : bool
        Whether a row is a variable; if not, a column is.
    bias : bool
        Whether to divide by the number of observations instead of that number minus 1.
    ddof : int, optional
        What to subtract from that number; overrides `bias`.
    fweights : array_like of int, optional
        How often each observation was made.
    aweights : array_like, optional
        How much each observation counts; gradients flow to it.

    Raises
    ------
    ValueError
        If shapes do not fit, or the denominator is not positive.

    Examples
    --------
    >>> from tinygrad_edu import Tensor, cov
    >>> x = Tensor([[1.0, 2.0, 6.0], [0.0, 1.0, 2.0]], requires_grad=True)
    >>> y = cov(x)
    >>> y.data
    array([[7. , 2.5],
           [2.5, 1. ]])
    >>> y[0, 1].backward()
    >>> x.grad
    array([[-0.5,  0. ,  0.5],
           [-1. , -0.5,  1.5]])
    """
    if len(shape_of(x)) > 2 or (y is not None and len(shape_of(y)) > 2):
        raise ValueError(
            f"cov: x has shape {shape_of(x)}; expected at most two axes, variables and observations"
        )
    rows = [
        atleast_2d(part) if rowvar or len(shape_of(part)) < 2 else transpose(part)
        for part in (x, y)
        if part is not None
    ]
    table = concatenate(rows, axis=0) if len(rows) > 1 else as_operand("cov", rows[0])
    count = shape_of(table)[1]
    weights = _weights(fweights, aweights, count, floating_dtype(table))
    ddof = (0 if bias else 1) if ddof is None else ddof
    if weights is None:
        center, denominator = mean(table, axis=1, keepdims=True), count - ddof
    else:
        whole = sum(weights)
        center = divide(sum(multiply(table, weights), axis=1, keepdims=True), whole)
        shares = weights if aweights is None else multiply(weights, aweights)
        lost = ddof if aweights is None else multiply(divide(sum(shares), whole), ddof)
        denominator = subtract(whole, lost)
    if np.less_equal(denominator, 0):
        raise ValueError(
            f"cov of {count} observations with ddof={ddof} would divide by "
            f"{np.round(denominator, 6)}; expected more observations than ddof"
        )
    deviation = subtract(table, center)
    weighted = deviation if weights is None else multiply(deviation, weights)
    matrix = divide(matmul(weighted, transpose(deviation)), denominator)
    return reshape(matrix, ()) if shape_of(matrix) == (1, 1) else matrix


@composed("x", "y")
@single
def corrcoef(x: Any, y: Any = None, rowvar: bool = True) -> Any:
    """Matrix of correlation coefficients: covariances over products of standard deviations.

    Parameters
    ----------
    x, y, rowvar
        As for `cov`.

    Raises
    ------
    ValueError
        As for `cov`.

    Examples
    --------
    >>> from tinygrad_edu import Tensor, corrcoef
    >>> corrcoef(Tensor([[1.0, 2.0, 6.0], [0.0, 1.0, 2.0]])).data.round(4)
    array([[1.    , 0.9449],
           [0.9449, 1.    ]])
    """
    matrix = cov(x, y, rowvar)
    if not shape_of(matrix):
        return divide(matrix, matrix)
    spread = sqrt(diagonal(matrix))
    return clip(divide(divide(matrix, expand_dims(spread, 1)), spread), -1, 1)
