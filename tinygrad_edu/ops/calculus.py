"""Calculus on samples, under NumPy's names: slopes, integrals, interpolation, polynomials.

All are composed of other operations, so gradients also flow to the places of the samples.
"""

from __future__ import annotations

import functools
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.lib.array_utils import normalize_axis_tuple

from ..arrays import real_dtype_of
from ..leaving import values_of
from ..metadata import composed
from ..primitive import as_operand
from .arithmetic import add, divide, multiply, subtract
from .choosing import where
from .indexing import getitem
from .joining import concatenate
from .linear_algebra.matrices import matmul
from .plain import shape_of
from .rearranging import flip
from .reduction import sum
from .scan import diff
from .shape import moveaxis, reshape

__all__ = ["convolve", "correlate", "gradient", "interp", "polyval", "trapezoid"]

Axis = int | tuple[int, ...] | None


@composed("x", "spacing")
def gradient(x: Any, *spacing: Any, axis: Axis = None, edge_order: int = 1) -> Any:
    """Slopes of samples: central differences inside, one-sided ones at the ends.

    Parameters
    ----------
    x : array_like
        The samples.
    *spacing : number or array_like
        For each axis the distance between samples, or their places; one number for all; by
        default 1. Gradients flow to it.
    axis : int or tuple of int, optional
        The axes; by default all of them. Several give a tuple of slopes.
    edge_order : {1, 2}
        The order of the differences at the ends.

    Raises
    ------
    TypeError, ValueError
        If `spacing` does not fit, or an axis has too few samples.

    Examples
    --------
    >>> from tinygrad_edu import Tensor, gradient
    >>> x = Tensor([1.0, 2.0, 4.0, 7.0], requires_grad=True)
    >>> y = gradient(x)
    >>> y.data
    array([1. , 1.5, 2.5, 3. ])
    >>> y.sum().backward()
    >>> x.grad
    array([-1.5,  0.5, -0.5,  1.5])
    """
    x = as_operand("gradient", x)
    axes = normalize_axis_tuple(range(x.ndim) if axis is None else axis, x.ndim)
    steps: Sequence[Any] = spacing or (1.0,)
    if len(steps) == 1 and not shape_of(steps[0]):
        steps = (steps[0],) * len(axes)
    if len(steps) != len(axes):
        raise TypeError(f"gradient: {len(steps)} spacings for {len(axes)} axes; expected one each")
    if edge_order not in (1, 2):
        raise ValueError(f"gradient: edge_order {edge_order}; expected 1 or 2")
    slopes = []
    for place, step in zip(axes, steps, strict=True):
        if x.shape[place] <= edge_order:
            raise ValueError(
                f"gradient: {x.shape[place]} samples along axis {place}; expected at least "
                f"{edge_order + 1}"
            )
        rows = moveaxis(x if x.dtype.kind in "fc" else multiply(x, 1.0), place, -1)
        slopes.append(moveaxis(_slopes(rows, _steps(step, x.shape[place]), edge_order), -1, place))
    return slopes[0] if len(slopes) == 1 else tuple(slopes)


def _steps(step: Any, count: int) -> Any:
    """Return the distance between samples: a number, or one for each pair of neighbours."""
    if not shape_of(step):
        return step
    step = as_operand("gradient", step)
    if shape_of(step) != (count,):
        raise ValueError(
            f"gradient: spacing of shape {shape_of(step)}; expected a number, or {count} places"
        )
    return diff(step)


def _slopes(rows: Any, step: Any, edge_order: int) -> Any:
    """Return the slopes along the last axis."""
    rises = diff(rows)
    slopes = divide(rises, step)  # between neighbours
    before, after = slopes[..., :-1], slopes[..., 1:]
    if shape_of(step):  # each weighs as much as the distance on the other side
        left, right = step[:-1], step[1:]
        inside = divide(add(multiply(before, right), multiply(after, left)), add(left, right))
        ratios = []
        if edge_order == 2:
            first, last = add(step[0], step[1]), add(step[-2], step[-1])
            ratios = [divide(step[0], first), divide(step[-1], last)]
    else:
        inside, ratios = divide(add(before, after), 2), [0.5, 0.5]
    ends = [slopes[..., :1], slopes[..., -1:]]
    if edge_order == 2:  # the parabola through three samples
        ends = [
            add(ends[0], multiply(subtract(ends[0], slopes[..., 1:2]), ratios[0])),
            add(ends[1], multiply(subtract(ends[1], slopes[..., -2:-1]), ratios[1])),
        ]
    return concatenate([ends[0], inside, ends[1]], axis=-1)


@composed("y", "x", "dx")
def trapezoid(y: Any, x: Any = None, dx: Any = 1.0, axis: int = -1) -> Any:
    """Integral along an axis by the trapezoidal rule.

    Parameters
    ----------
    y : array_like
        The samples.
    x : array_like, optional
        Their places: one axis, or the shape of `y`. Gradients flow to them.
    dx : number
        The distance between samples if `x` is not given.
    axis : int
        The axis.

    Examples
    --------
    >>> from tinygrad_edu import Tensor, trapezoid
    >>> y = Tensor([1.0, 2.0, 4.0], requires_grad=True)
    >>> trapezoid(y).backward()
    >>> y.grad
    array([0.5, 1. , 0.5])
    """
    y = as_operand("trapezoid", y)
    rows = moveaxis(y, axis, -1)
    width = dx
    if x is not None:
        x = as_operand("trapezoid", x)
        width = diff(x) if x.ndim == 1 else diff(moveaxis(x, axis, -1))
    middle = divide(add(rows[..., 1:], rows[..., :-1]), 2.0)
    return sum(multiply(middle, width), axis=-1)


@composed("x", "xp", "fp", "left", "right")
def interp(
    x: Any, xp: Any, fp: Any, left: Any = None, right: Any = None, period: Any = None
) -> Any:
    """Value of the line through given points, at each of `x`.

    At a point itself, the slope is that of the piece on its right.

    Parameters
    ----------
    x : array_like
        Where to evaluate.
    xp, fp : array_like, shape (n,)
        The points: places in ascending order, and values. Gradients flow to both.
    left, right : number, optional
        The values before the first and after the last point; by default those of these points.
    period : number, optional
        The period of the places, which then need no order.

    Raises
    ------
    ValueError
        If there is no point, or the shapes or the period do not fit.

    Examples
    --------
    >>> from tinygrad_edu import Tensor, interp
    >>> x = Tensor([0.5, 1.5], requires_grad=True)
    >>> y = interp(x, [0.0, 1.0, 2.0], [0.0, 10.0, 40.0])
    >>> y.data
    array([ 5., 25.])
    >>> y.sum().backward()
    >>> x.grad
    array([10., 30.])
    """
    x, xp, fp = (as_operand("interp", value) for value in (x, xp, fp))
    if xp.ndim != 1 or xp.shape != fp.shape or not xp.size:
        raise ValueError(
            f"interp: xp of shape {xp.shape} and fp of shape {fp.shape}; expected as many places "
            "as values, at least one"
        )
    if period is not None:
        if period == 0:
            raise ValueError("interp: period is 0; expected another number")
        length = float(np.abs(period))
        x, xp = _wrapped(x, length), _wrapped(xp, length)
        order = np.argsort(values_of(xp))
        xp, fp = xp[order], fp[order]
        xp = concatenate([subtract(xp[-1:], length), xp, add(xp[:1], length)])
        fp = concatenate([fp[-1:], fp, fp[:1]])
        left = right = None
    points, places = values_of(xp), values_of(x)
    first = np.clip(np.searchsorted(points, places, "right") - 1, 0, max(len(points) - 2, 0))
    second = np.minimum(first + 1, len(points) - 1)
    x0, y0 = getitem(xp, first), getitem(fp, first)
    run = (
        subtract(getitem(xp, second), x0)
        if len(points) > 1
        else np.ones(first.shape, real_dtype_of(xp))
    )
    slope = divide(subtract(getitem(fp, second), y0), run)
    inside = add(y0, multiply(slope, subtract(x, x0)))
    inside = where(places < points[0], fp[0] if left is None else left, inside)
    return where(places > points[-1], fp[-1] if right is None else right, inside)


def _wrapped(x: Any, period: float) -> Any:
    """Shift places by whole periods to the first one."""
    return subtract(x, period * np.floor_divide(np.real(values_of(x)), period))


@composed("a", "v")
def convolve(a: Any, v: Any, mode: str = "full") -> Any:
    """Convolution of two rows of numbers, as in the product of two polynomials.

    `conv1d` slides kernels over batches of rows.

    Parameters
    ----------
    a, v : array_like, shapes (n,) and (m,)
        The rows.
    mode : {"full", "same", "valid"}
        Whether to return all ``n + m - 1`` sums, the ``max(n, m)`` in the middle, or those in which
        the rows overlap completely.

    Raises
    ------
    ValueError
        If a row is empty or has another number of axes, or for another mode.

    Examples
    --------
    >>> from tinygrad_edu import Tensor, convolve
    >>> convolve(Tensor([1.0, 2.0]), [1.0, 10.0])
    Tensor([ 1., 12., 20.])
    """
    a, v = _rows_of("convolve", a, v, mode)
    if shape_of(v)[0] > shape_of(a)[0]:
        a, v = v, a
    return _slid(a, flip(v), mode)


@composed("a", "v")
def correlate(a: Any, v: Any, mode: str = "valid") -> Any:
    """Correlation of two rows of numbers: sums of products while one slides along the other.

    Parameters
    ----------
    a, v, mode
        As for `convolve`.

    Raises
    ------
    ValueError
        As for `convolve`.

    Examples
    --------
    >>> from tinygrad_edu import Tensor, correlate
    >>> correlate(Tensor([1.0, 2.0, 4.0]), [1.0, 10.0])
    Tensor([21., 42.])
    """
    a, v = _rows_of("correlate", a, v, mode)
    if shape_of(v)[0] > shape_of(a)[0]:
        return flip(_slid(v, a, mode))
    return _slid(a, v, mode)


def _rows_of(name: str, a: Any, v: Any, mode: str) -> tuple[Any, Any]:
    rows = []
    for key, row in (("a", a), ("v", v)):
        row = as_operand(name, row)
        row = row if row.ndim else reshape(row, (1,))
        if row.ndim != 1 or not row.size:
            raise ValueError(f"{name}: {key} of shape {row.shape}; expected one axis, not empty")
        rows.append(row)
    if mode not in ("full", "same", "valid"):
        raise ValueError(f"{name}: mode {mode!r}; expected 'full', 'same' or 'valid'")
    return rows[0], rows[1]


def _slid(a: Any, v: Any, mode: str) -> Any:
    """Slide the shorter row along the longer one, and add up the products."""
    n, m = shape_of(a)[0], shape_of(v)[0]
    before = {"full": m - 1, "same": m // 2, "valid": 0}[mode]
    count = {"full": n + m - 1, "same": n, "valid": n - m + 1}[mode]
    zeros = np.zeros(m, real_dtype_of(a))
    framed = concatenate([zeros[:before], a, zeros])
    windows = np.arange(count)[:, None] + np.arange(m)
    return matmul(getitem(framed, windows), v)


@composed("p", "x")
def polyval(p: Any, x: Any) -> Any:
    """Value of a polynomial; the coefficient of the highest power is first.

    Parameters
    ----------
    p : array_like, shape (n,)
        The coefficients.
    x : array_like
        Where to evaluate.

    Examples
    --------
    >>> from tinygrad_edu import Tensor, polyval
    >>> x = Tensor(2.0, requires_grad=True)
    >>> y = polyval([1.0, 0.0, 3.0], x)
    >>> y.backward()
    >>> y.item(), x.grad
    (7.0, array(4.))
    """
    p, x = as_operand("polyval", p), as_operand("polyval", x)
    if not shape_of(p):
        raise ValueError("polyval: p is a number; expected one axis of coefficients")
    if not shape_of(p)[0]:
        return multiply(x, 0)
    first = add(multiply(x, 0), p[0])
    return functools.reduce(lambda y, c: add(multiply(y, x), c), list(p[1:]), first)
