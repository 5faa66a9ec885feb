"""Sums, averages, largest elements and softmax of segments: of the rows that have the same number.

Graph networks are built on them: the rows are messages along edges, and the number of a segment is
the node that a message arrives at.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from ..arrays import as_array, as_floating, floating_dtype
from ..leaving import values_of
from ..metadata import composed
from ..primitive import as_operand, primitive
from .arithmetic import divide, multiply, negative, subtract
from .elementwise import exp
from .indexing import getitem, put_at
from .plain import shape_of
from .summing import single
from .value_checks import as_places

__all__ = ["segment_max", "segment_mean", "segment_min", "segment_softmax", "segment_sum"]


def _segments(name: str, x: Any, segment_ids: Any, num_segments: Any) -> tuple[Any, int]:
    """Check the numbers of the segments; return them, and how many segments there are."""
    ids, shape = as_array(values_of(segment_ids)), shape_of(x)
    if ids.ndim != 1 or shape[:1] != ids.shape:
        raise ValueError(
            f"{name}: x of shape {shape} and segment_ids of shape {ids.shape}; expected one number "
            "for each row of x"
        )
    if num_segments is None:
        num_segments = int(ids.max(initial=-1)) + 1
    if not isinstance(num_segments, int | np.integer) or num_segments < 0:
        raise ValueError(f"{name}: num_segments is {num_segments}; expected a whole number >= 0")
    return as_places(name, "segment_ids", ids, int(num_segments)), int(num_segments)


@composed("x")
def segment_sum(x: Any, segment_ids: Any, num_segments: int | None = None) -> Any:
    """Sum of the rows of each segment; 0 for a segment without rows.

    Parameters
    ----------
    x : array_like, shape (N, ...)
        The rows.
    segment_ids : array_like of int, shape (N,)
        The number of the segment of each row, in any order.
    num_segments : int, optional
        The number of segments; by default one more than the largest number.

    Returns
    -------
    Tensor or numpy.ndarray, shape (num_segments, ...)

    Raises
    ------
    ValueError
        If shapes do not fit, or a number is out of range; the message names the first of them.
    TypeError
        If numbers are not integers.

    Examples
    --------
    >>> from tinygrad_edu import Tensor, segment_sum
    >>> x = Tensor([1.0, 2.0, 4.0], requires_grad=True)
    >>> y = segment_sum(x, [0, 2, 0])
    >>> y.data
    array([5., 0., 2.])
    >>> y.backward([1.0, 2.0, 3.0])
    >>> x.grad
    array([1., 3., 1.])
    """
    x = as_operand("segment_sum", x)
    ids, count = _segments("segment_sum", x, segment_ids, num_segments)
    return put_at(x, ids, (count, *shape_of(x)[1:]))


@composed("x")
@single
def segment_mean(x: Any, segment_ids: Any, num_segments: int | None = None) -> Any:
    """Average of the rows of each segment; 0 for a segment without rows.

    Parameters
    ----------
    x, segment_ids, num_segments
        As for `segment_sum`.

    Examples
    --------
    >>> from tinygrad_edu import Tensor, segment_mean
    >>> segment_mean(Tensor([1.0, 2.0, 4.0]), [0, 2, 0])
    Tensor([2.5, 0. , 2. ])
    """
    x = as_operand("segment_mean", x)
    ids, count = _segments("segment_mean", x, segment_ids, num_segments)
    divisor = np.maximum(np.bincount(ids, minlength=count), 1).astype(floating_dtype(x))
    return divide(
        segment_sum(multiply(x, 1.0), ids, count),
        divisor.reshape(count, *(1,) * (len(shape_of(x)) - 1)),
    )


def _largest(x: Any, ids: Any, count: int) -> Any:
    """Find the largest element of each segment; minus infinity for one without rows."""
    order = np.argsort(ids, stable=True)
    ends = np.full((1, *x.shape[1:]), -np.inf, floating_dtype(x))
    rows = np.concatenate([x[order], ends])
    starts = np.searchsorted(ids[order], np.arange(count))
    # Between equal starts there are no rows, but `reduceat` returns the first of the next segment.
    is_empty = np.bincount(ids, minlength=count) == 0
    if not count:
        return rows[:0]
    largest = np.maximum.reduceat(rows, starts)
    return np.where(is_empty.reshape(-1, *(1,) * (x.ndim - 1)), ends, largest)


def _segment_max_rule(g: Any, out: Any, x: Any, segment_ids: Any, num_segments: int) -> Any:
    wins = np.equal(x, out[segment_ids])
    wins = (wins | np.isnan(x)).astype(floating_dtype(x))
    ties = put_at(wins, segment_ids, out.shape)[segment_ids]
    return g[segment_ids] * (wins / np.maximum(ties, 1))


def _margins(x: Any, segment_ids: Any, num_segments: int) -> Any:
    """Return how far each element is from the largest other element of its segment."""
    largest = _largest(x, segment_ids, num_segments)[segment_ids]
    wins = np.equal(x, largest)
    ties = put_at(wins * 1.0, segment_ids, (num_segments, *x.shape[1:]))[segment_ids]
    others = _largest(np.where(wins, -np.inf, x), segment_ids, num_segments)[segment_ids]
    return np.where(wins, np.where(ties > 1, 0.0, x - others), x - largest)


@primitive(
    _segment_max_rule,
    analytic=False,
    symbol="max",
    formula="segment_max(x, segment_ids, num_segments)",
    derivatives=("g[segment_ids] * (x == out[segment_ids])",),
    kink=_margins,
)
def _segment_max(x: Any, /, segment_ids: Any, num_segments: int) -> Any:
    return _largest(as_floating(x), segment_ids, num_segments)


@composed("x")
def segment_max(x: Any, segment_ids: Any, num_segments: int | None = None) -> Any:
    """Largest element of each segment, column by column; several equal ones share the gradient.

    Parameters
    ----------
    x, segment_ids, num_segments
        As for `segment_sum`. The result for a segment without rows is minus infinity.

    Examples
    --------
    >>> from tinygrad_edu import Tensor, segment_max
    >>> x = Tensor([1.0, 2.0, 4.0], requires_grad=True)
    >>> y = segment_max(x, [0, 1, 0])
    >>> y.data
    array([4., 2.])
    >>> y.sum().backward()
    >>> x.grad
    array([0., 1., 1.])
    """
    x = as_operand("segment_max", x)
    ids, count = _segments("segment_max", x, segment_ids, num_segments)
    return _segment_max(x, segment_ids=ids, num_segments=count)


@composed("x")
def segment_min(x: Any, segment_ids: Any, num_segments: int | None = None) -> Any:
    """Smallest element of each segment, column by column; several equal ones share the gradient.

    Parameters
    ----------
    x, segment_ids, num_segments
        As for `segment_sum`. The result for a segment without rows is infinity.

    Examples
    --------
    >>> from tinygrad_edu import Tensor, segment_min
    >>> segment_min(Tensor([1.0, 2.0, 4.0]), [0, 1, 0])
    Tensor([1., 2.])
    """
    return negative(segment_max(negative(x), segment_ids, num_segments))


@composed("x")
@single
def segment_softmax(x: Any, segment_ids: Any, num_segments: int | None = None) -> Any:
    """Exponentials divided by their sum over the segment: each segment adds up to 1.

    It weights the messages that arrive at a node, as in graph attention networks.

    Parameters
    ----------
    x, segment_ids, num_segments
        As for `segment_sum`.

    Returns
    -------
    Tensor or numpy.ndarray, shape (N, ...)

    Examples
    --------
    >>> from tinygrad_edu import Tensor, segment_softmax
    >>> segment_softmax(Tensor([0.0, 5.0, 0.0]), [0, 1, 0])
    Tensor([0.5, 1. , 0.5])
    """
    x = as_operand("segment_softmax", x)
    ids, count = _segments("segment_softmax", x, segment_ids, num_segments)
    # The result does not depend on the number that is subtracted, so that is a constant.
    largest = _largest(as_floating(np.real(values_of(x))), ids, count)
    shift = np.where(np.isfinite(largest), largest, 0)[ids]
    exponentials = exp(subtract(x, shift))
    total = segment_sum(exponentials, ids, count)
    return divide(exponentials, getitem(total, ids))
