"""Numbers in a row, at equal distances or with equal ratios, under NumPy's names.

The ends may be tensors: then the numbers are a result, and gradients flow to the ends. Otherwise
they are a leaf. They are public with the functions of `creation.py`.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import DTypeLike

from . import ops
from .leaving import values_of
from .metadata import composed
from .tensor import Tensor

__all__ = ["arange", "geomspace", "linspace", "logspace"]


@composed(instead="write start + step * arange(n) for tensors")
def arange(
    start: Any,
    stop: Any = None,
    step: Any = 1,
    dtype: DTypeLike | None = None,
    *,
    requires_grad: bool = False,
    name: str | None = None,
) -> Tensor:
    """Numbers from `start` up to, but without, `stop`; with one number, from 0 up to that.

    Parameters
    ----------
    start, stop, step : number
        Whole numbers make integers, which cannot require gradients: write ``arange(3.0)``.
    dtype : dtype, optional
        Convert to this dtype.
    requires_grad, name
        As for `Tensor`.

    Raises
    ------
    TypeError
        If one of the numbers is a Tensor that requires gradients, which would be lost.

    Examples
    --------
    >>> from tinygrad_edu import arange
    >>> arange(3.0)
    Tensor([0., 1., 2.])
    >>> arange(1, 2, 0.25)
    Tensor([1.  , 1.25, 1.5 , 1.75])
    """
    if stop is None:
        start, stop = 0, start
    return as_leaf(np.arange(start, stop, step, dtype=dtype), requires_grad, name)


@composed("start", "stop")
def linspace(
    start: Any,
    stop: Any,
    num: int = 50,
    endpoint: bool = True,
    retstep: bool = False,
    dtype: Any = None,
    *,
    axis: int = 0,
    requires_grad: bool = False,
    name: str | None = None,
) -> Any:
    """Numbers at equal distances from `start` to `stop`, both included unless `endpoint` is false.

    Parameters
    ----------
    start, stop : array_like
        The ends; gradients flow to tensors.
    num : int
        How many numbers.
    endpoint : bool
        Whether `stop` is the last number.
    retstep : bool
        Whether to return a pair: the numbers, and the distance between them.
    dtype : dtype, optional
        Convert to this dtype.
    axis : int
        The axis along which the numbers are, if the ends are arrays.
    requires_grad, name
        As for `Tensor`, for ends that do not require gradients.

    Examples
    --------
    >>> from tinygrad_edu import Tensor, linspace
    >>> linspace(0, 1, 5)
    Tensor([0.  , 0.25, 0.5 , 0.75, 1.  ])
    >>> stop = Tensor(2.0, requires_grad=True)
    >>> linspace(0, stop, 3).sum().backward()
    >>> stop.grad
    array(1.5)
    """
    if not records(start) and not records(stop):
        start, stop = values_of(start), values_of(stop)
        numbers, step = np.linspace(
            start, stop, num, endpoint, retstep=True, dtype=dtype, axis=axis
        )
        result = as_leaf(numbers, requires_grad, name)
        return (result, step) if retstep else result
    shares = _shares(num, endpoint, start, stop)
    numbers = ops.add(ops.multiply(start, np.subtract(1.0, shares)), ops.multiply(stop, shares))
    numbers = named(ops.moveaxis(converted(numbers, dtype), 0, axis), name)
    if not retstep:
        return numbers
    return numbers, ops.divide(ops.subtract(stop, start), np.subtract(num, 1 if endpoint else 0))


@composed("start", "stop", "base")
def logspace(
    start: Any,
    stop: Any,
    num: int = 50,
    endpoint: bool = True,
    base: Any = 10.0,
    dtype: Any = None,
    *,
    axis: int = 0,
    requires_grad: bool = False,
    name: str | None = None,
) -> Any:
    """Powers of a base whose exponents are at equal distances from `start` to `stop`.

    Parameters
    ----------
    start, stop, num, endpoint, dtype, axis, requires_grad, name
        As for `linspace`.
    base : array_like
        The base; gradients flow to it.

    Examples
    --------
    >>> from tinygrad_edu import logspace
    >>> logspace(0, 2, 3)
    Tensor([  1.,  10., 100.])
    """
    if not any(map(records, (start, stop, base))):
        ends = values_of(start), values_of(stop)
        options: Any = {"base": values_of(base), "dtype": dtype, "axis": axis}
        numbers = np.logspace(*ends, num, endpoint, **options)
        return as_leaf(numbers, requires_grad, name)
    shares = _shares(num, endpoint, start, stop, base)
    exponents = ops.add(ops.multiply(start, np.subtract(1.0, shares)), ops.multiply(stop, shares))
    numbers = converted(ops.power(base, exponents), dtype)
    return named(ops.moveaxis(numbers, 0, axis), name)


@composed("start", "stop")
def geomspace(
    start: Any,
    stop: Any,
    num: int = 50,
    endpoint: bool = True,
    dtype: Any = None,
    *,
    axis: int = 0,
    requires_grad: bool = False,
    name: str | None = None,
) -> Any:
    """Numbers with equal ratios from `start` to `stop`, both included unless `endpoint` is false.

    Parameters
    ----------
    start, stop, num, endpoint, dtype, axis, requires_grad, name
        As for `linspace`.

    Raises
    ------
    ValueError
        If an end is 0 or the ends have different signs.

    Examples
    --------
    >>> from tinygrad_edu import geomspace
    >>> geomspace(1, 100, 3)
    Tensor([  1.,  10., 100.])
    """
    first, last = values_of(start), values_of(stop)
    if np.any(np.sign(first) * np.sign(last) != 1):
        raise ValueError(
            "geomspace: start and stop have different signs, or one is 0; expected numbers of one "
            "sign"
        )
    if not records(start) and not records(stop):
        numbers = np.geomspace(first, last, num, endpoint, dtype=dtype, axis=axis)
        return as_leaf(numbers, requires_grad, name)
    shares = _shares(num, endpoint, start, stop)
    growth = ops.power(ops.divide(ops.multiply(stop, 1.0), start), shares)
    numbers = converted(ops.multiply(start, growth), dtype)
    return named(ops.moveaxis(numbers, 0, axis), name)


def _shares(num: int, endpoint: bool, *ends: Any) -> Any:
    """Return how far each number is from the first end to the last, along a new first axis."""
    ndim = len(np.broadcast_shapes(*map(np.shape, ends)))
    dtype = np.result_type(*[e.dtype for e in ends if records(e)])
    return np.linspace(0, 1, num, endpoint, dtype=dtype).reshape((-1,) + (1,) * ndim)


def records(value: Any) -> bool:
    """Whether a gradient would be lost if a value were only read."""
    return isinstance(value, Tensor) and value.requires_grad


def converted(value: Any, dtype: Any) -> Any:
    return value if dtype is None else ops.astype(value, dtype)


def named(result: Tensor, name: str | None) -> Tensor:
    if name is not None:
        result.name = name
    return result


def as_leaf(array: Any, requires_grad: bool, name: str | None) -> Tensor:
    """Wrap an unshared array as a leaf."""
    return Tensor(array, requires_grad, name=name, copy=False)
