"""Finds out which numbers depend on the batch size, by comparing calls with three batch sizes.

A number that is ``factor * N + offset`` in all three is a `Size`; other numbers that differ are
refused, because a file cannot compute them. Nothing of ONNX is here.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np

from .errors import ExportError

__all__ = ["BATCHES", "Dim", "Size", "difference", "is_whole", "merged_number", "merged_shape"]

BATCHES = (3, 5, 8)
"""The batch sizes of the three calls; not 1, which would be broadcast."""


@dataclass(frozen=True, slots=True)
class Size:
    """A number that depends on the batch size N: ``factor * N + offset``."""

    factor: int
    offset: int

    def __str__(self) -> str:
        text = "N" if self.factor == 1 else f"{self.factor}*N"
        return text + (f"{self.offset:+d}" if self.offset else "")


Dim: TypeAlias = "int | Size"


def is_whole(value: Any) -> bool:
    """Whether a value is a whole number, and not a boolean."""
    return isinstance(value, int | np.integer) and not isinstance(value, bool | np.bool)


def difference(one: Dim, other: Dim) -> Dim:
    """Return ``one - other``.

    Examples
    --------
    >>> difference(Size(2, 3), Size(2, 1)), str(difference(Size(2, 3), 1))
    (2, '2*N+2')
    """
    first, second = (s if isinstance(s, Size) else Size(0, int(s)) for s in (one, other))
    factor, offset = first.factor - second.factor, first.offset - second.offset
    return Size(factor, offset) if factor else offset


def merged_number(values: Sequence[Any], batches: Sequence[int]) -> Dim:
    """Return a number of the three calls as an int or a `Size`.

    Raises
    ------
    ExportError
        If it depends on the batch size in another way.

    Examples
    --------
    >>> merged_number([4, 4, 4], (3, 5, 8)), str(merged_number([7, 11, 17], (3, 5, 8)))
    (4, '2*N+1')
    """
    first, *others = (int(value) for value in values)
    if all(other == first for other in others):
        return first
    factor, rest = divmod(others[0] - first, batches[1] - batches[0])
    offset = first - factor * batches[0]
    expected = [factor * n + offset for n in batches]
    if rest or expected != [first, *others]:
        raise ExportError(
            f"a size is {first}, {', '.join(map(str, others))} for batches of "
            f"{', '.join(map(str, batches))} rows, which is not factor * N + offset"
        )
    return Size(factor, offset)


def merged_shape(shapes: Sequence[tuple[int, ...]], batches: Sequence[int]) -> tuple[Dim, ...]:
    """Return the shape of an array of the three calls."""
    if len({len(shape) for shape in shapes}) > 1:
        raise ExportError("the number of axes of an array depends on the batch size")
    return tuple(merged_number(sizes, batches) for sizes in zip(*shapes, strict=True))
