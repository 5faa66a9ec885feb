"""Reductions of groups of rows, such as the edges that end at each node of a graph.

Rows need not be sorted: each has the number of its group. A group may be empty.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from ..arrays import real_dtype_of
from ..leaving import values_of
from ..metadata import composed
from ..primitive import as_operand, primitive
from .arithmetic import divide, subtract
from .elementwise import exp
from .examining import examination, numbers_within
from .indexing import getitem, put_at
from .joining import concatenate
from .plain import shape_of
from .reduction import prod
from .summing import single

__all__ = [
    "segment_max",
    "segment_mean",
    "segment_min",
    "segment_prod",
    "segment_softmax",
    "segment_sum",
]


def _groups(name: str, x: Any, segment_ids: Any, num_segments: int | None) -> tuple[Any, int]:
    """Check the numbers of the groups; return them and their count."""
    shape, numbers = shape_of(x), values_of(segment_ids)
    if not shape or numbers.shape != shape[:1]:
        raise ValueError(
            f"{name}: x of shape {shape} and segment_ids of shape {numbers.shape}; expected "
            "(N, ...) and (N,), the number of a group for each row"
        )
    numbers = numbers_within(name, "segment_ids", numbers, num_segments)
    if num_segments is None:
        num_segments = int(numbers.max(initial=-1)) + 1
    return numbers, num_segments


@composed("x")
def segment_sum(x: Any, segment_ids: Any, num_segments: int | None = None) -> Any:
    """Sum of the rows of each group; 0 for a group without rows.

    Parameters
    ----------
    x : array_like, shape (N, ...)
        The rows.
    segment_ids : array_like of int, shape (N,)
        The number of the group of each row.
    num_segments : int, optional
        The number of groups; by default one more than the largest number. A captured step needs it.

    Returns
    -------
    Tensor or numpy.ndarray, shape (num_segments, ...)

    Raises
    ------
    ValueError
        If there is not one number for each row, or one is out of range.
    TypeError
        If the numbers are not integers.

    Examples
    --------
    >>> from tinygrad_edu import Tensor, segment_sum
    >>> x = Tensor([1.0, 2.0, 4.0], requires_grad=True)
    >>> y = segment_sum(x, [1, 0, 1], 3)
    >>> y.data
    array([2., 5., 0.])
    >>> (y * y).sum().backward()
    >>> x.grad
    array([10.,  4., 10.])
    """
    x = as_operand("segment_sum", x)
    numbers, count = _groups("segment_sum", x, segment_ids, num_segments)
    return put_at(x, numbers, (count, *x.shape[1:]))


@composed("x")
def segment_mean(x: Any, segment_ids: Any, num_segments: int | None = None) -> Any:
    """Average of the rows of each group; 0 for a group without rows.

    Parameters
    ----------
    x, segment_ids, num_segments
        As for `segment_sum`.

    Examples
    --------
    >>> from tinygrad_edu import Tensor, segment_mean
    >>> segment_mean(Tensor([1.0, 2.0, 4.0]), [1, 0, 1], 3)
    Tensor([2. , 2.5, 0. ])
    """
    x = as_operand("segment_mean", x)
    numbers, count = _groups("segment_mean", x, segment_ids, num_segments)
    shape = (count, *(1,) * (x.ndim - 1))
    sizes = np.maximum(put_at(np.ones_like(numbers), numbers, (count,)), 1).reshape(shape)
    dtype = real_dtype_of(x)
    total = put_at(x, numbers, (count, *x.shape[1:]))
    return divide(total, sizes.astype(dtype if dtype.kind == "f" else float))


def _segment_max_rule(
    g: Any, out: Any, x: Any, segment_ids: Any, num_segments: int, smallest: bool = False
) -> Any:
    chosen = np.equal(x, values_of(out)[segment_ids]) | np.isnan(x)
    ties = put_at(chosen.astype(np.int64), index=segment_ids, shape=shape_of(out))
    share = g / np.maximum(ties, 1).astype(real_dtype_of(g))
    return np.where(chosen, share[segment_ids], 0.0)


def _lead(x: Any, segment_ids: Any, num_segments: int, smallest: bool = False) -> Any:
    """Measure how much larger each element is than the largest of the others in its group."""
    x, lead = -x if smallest else x, np.ones_like(x)
    for number in np.unique(segment_ids):
        (rows,) = np.nonzero(segment_ids == number)
        if len(rows) > 1:
            second, largest = np.partition(x[rows], -2, axis=0)[-2:]
            lead[rows] = x[rows] - np.where(x[rows] == largest, second, largest)
    return lead


_CHOSEN = "(x == out[segment_ids])"


@primitive(
    _segment_max_rule,
    symbol="max",
    formula="segment_max(x, segment_ids, num_segments)",
    derivatives=(
        f"(g / maximum(put_at(0 + {_CHOSEN}, segment_ids, out.shape), 1))[segment_ids] * {_CHOSEN}",
    ),
    carries=True,
    kink=_lead,
    domain=(),
)
def _segment_max(x: Any, /, segment_ids: Any, num_segments: int, smallest: bool = False) -> Any:
    extreme = np.minimum if smallest else np.maximum
    out = np.zeros((num_segments, *x.shape[1:]), x.dtype)
    out[segment_ids] = x  # one of each group, to begin with
    extreme.at(out, segment_ids, x)
    return out


@composed("x")
def segment_max(x: Any, segment_ids: Any, num_segments: int | None = None) -> Any:
    """Largest of the rows of each group, element by element; 0 for a group without rows.

    Several equal ones share the gradient equally.

    Parameters
    ----------
    x, segment_ids, num_segments
        As for `segment_sum`.

    Examples
    --------
    >>> from tinygrad_edu import Tensor, segment_max
    >>> x = Tensor([1.0, 2.0, 4.0], requires_grad=True)
    >>> y = segment_max(x, [1, 0, 1], 3)
    >>> y.sum().backward()
    >>> y.data, x.grad
    (array([2., 4., 0.]), array([0., 1., 1.]))
    """
    x = as_operand("segment_max", x)
    numbers, count = _groups("segment_max", x, segment_ids, num_segments)
    return _segment_max(x, segment_ids=numbers, num_segments=count)


@composed("x")
def segment_min(x: Any, segment_ids: Any, num_segments: int | None = None) -> Any:
    """Smallest of the rows of each group, element by element; 0 for a group without rows.

    Several equal ones share the gradient equally.

    Parameters
    ----------
    x, segment_ids, num_segments
        As for `segment_sum`.

    Examples
    --------
    >>> from tinygrad_edu import Tensor, segment_min
    >>> segment_min(Tensor([1.0, 2.0, 4.0]), [1, 0, 1], 3)
    Tensor([2., 1., 0.])
    """
    x = as_operand("segment_min", x)
    numbers, count = _groups("segment_min", x, segment_ids, num_segments)
    return _segment_max(x, segment_ids=numbers, num_segments=count, smallest=True)


@examination
def _members(numbers: Any, *, count: int) -> Any:
    """List the rows of each group; short lists end with the number of a row that follows all."""
    sizes = np.bincount(numbers, minlength=count)
    order = np.argsort(numbers, kind="stable")
    members = np.full((count, sizes.max(initial=1)), len(numbers))
    position = np.arange(len(numbers)) - np.repeat(np.cumsum(sizes) - sizes, sizes)
    members[numbers[order], position] = order
    return members


@composed("x")
def segment_prod(x: Any, segment_ids: Any, num_segments: int | None = None) -> Any:
    """Product of the rows of each group, element by element; 1 for a group without rows.

    The derivative is exact where elements are 0. The memory is that of the largest group for each.

    Parameters
    ----------
    x, segment_ids, num_segments
        As for `segment_sum`.

    Examples
    --------
    >>> from tinygrad_edu import Tensor, segment_prod
    >>> segment_prod(Tensor([3.0, 2.0, 4.0]), [1, 0, 1], 3)
    Tensor([ 2., 12.,  1.])
    """
    x = as_operand("segment_prod", x)
    numbers, count = _groups("segment_prod", x, segment_ids, num_segments)
    padded = concatenate([x, np.ones((1, *x.shape[1:]), real_dtype_of(x))])
    return prod(getitem(padded, _members(numbers, count=count)), axis=1)


@examination
def _finite_largest(x: Any, numbers: Any, *, count: int) -> Any:
    """Return the largest real part of each group, or 0 for an infinite one."""
    largest = _segment_max(np.real(x), segment_ids=numbers, num_segments=count)
    return np.where(np.isfinite(largest), largest, 0)


@composed("x")
@single
def segment_softmax(x: Any, segment_ids: Any, num_segments: int | None = None) -> Any:
    """Exponentials of the rows, divided by their sum over the group: weights that add up to 1.

    They are, for example, the attention that a node of a graph pays to its neighbours.

    Parameters
    ----------
    x : array_like, shape (N, ...)
        Scores.
    segment_ids, num_segments
        As for `segment_sum`.

    Returns
    -------
    Tensor or numpy.ndarray, of the shape of `x`

    Examples
    --------
    >>> from tinygrad_edu import Tensor, segment_softmax
    >>> segment_softmax(Tensor([1.0, 2.0, 1.0]), [1, 0, 1], 2)
    Tensor([0.5, 1. , 0.5])
    """
    x = as_operand("segment_softmax", x)
    numbers, count = _groups("segment_softmax", x, segment_ids, num_segments)
    # Softmax does not depend on the number that is subtracted, so that is a constant here.
    shift = _finite_largest(values_of(x), numbers, count=count)
    exponentials = exp(subtract(x, shift[numbers]))
    total = put_at(exponentials, numbers, (count, *x.shape[1:]))
    return divide(exponentials, getitem(total, numbers))
