"""Which numbers gradients may be divided by: sizes of batches, and what is averaged over."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import numpy as np

from ..tensor import Tensor
from ..tracing import node_of

__all__ = ["averaged_over", "batch_sizes", "divisor"]


def averaged_over(order: Sequence[Tensor]) -> tuple[int, ...]:
    """List the numbers that something is averaged over in a graph, without 1."""
    counts = [count for tensor in order for count in (*_counts(tensor), divisor(tensor))]
    return tuple(n for n in dict.fromkeys(counts) if n > 1)


def _counts(tensor: Tensor) -> Iterable[int]:
    """Return what an operation that averages can be thought to average over."""
    node = node_of(tensor)
    shape = np.shape(node.values[0])
    if not (node.primitive.averages and shape and tensor.size):
        return ()
    whole = int(np.prod(shape))
    return shape[0], whole, whole // tensor.size


def divisor(tensor: Tensor) -> int:
    """Return the whole number that an operation divides by, as in ``x / 8`` and ``1 / 8 * x``.

    It is 0 if there is none.

    Examples
    --------
    >>> x = Tensor([1.0, 2.0], requires_grad=True)
    >>> divisor(x / 8), divisor(1 / 8 * x), divisor(x * 8), divisor(8 / x)
    (8, 8, 0, 0)
    """
    node = node_of(tensor)
    if len(node.values) != 2 or not node.primitive.elementwise:
        return 0
    for value, other in (node.values, node.values[::-1]):
        number = float(value) if np.ndim(value) == 0 else 0.0
        is_count = number > 2 and number.is_integer() and np.any(other)
        if is_count and np.array_equal(tensor.data, np.divide(other, number)):
            return int(number)
        inverse = abs(1 / number) if number else 0.0
        is_share = inverse > 2 and abs(inverse - round(inverse)) < 1e-9 and np.any(other)
        if is_share and np.array_equal(tensor.data, np.multiply(other, number)):
            return round(inverse)
    return 0


def batch_sizes(order: Sequence[Tensor]) -> tuple[int, ...]:
    """List the sizes of what is computed that someone may take for those of a batch."""
    found = []
    for tensor in order:
        shape = next(map(np.shape, node_of(tensor).values), ())
        if not tensor.ndim and shape:
            found += [shape[0], int(np.prod(shape))]
        if tensor.ndim == 2:
            found.append(tensor.shape[0])
    return tuple(dict.fromkeys(found))
