"""Splits tables into blocks of rows, so that no second copy of a large table is made.

A table is an array, or rows in a file (`nn.data.streaming.stored`). Both are split in the same way,
so that sums over the blocks are the same, bit for bit.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

__all__ = [
    "block_rows",
    "blocks",
    "changed_rows",
    "column_means",
    "column_ranges",
    "columns_of",
    "is_stored",
    "row_slices",
    "rows_of",
]

_ROWS = 4096
_CELLS = 1 << 23
_COLUMN_BYTES = 1 << 26


def is_stored(table: Any) -> bool:
    """Return whether a table is in a file, a `StoredTable`, and not an array."""
    return not isinstance(table, np.ndarray)


def columns_of(table: Any) -> Iterator[tuple[int, NDArray[Any]]]:
    """Return the index and the numbers of each column; a stored table is read a few times.

    Examples
    --------
    >>> [(i, column.tolist()) for i, column in columns_of(np.array([[1, 2], [3, 4]]))]
    [(0, [1, 3]), (1, [2, 4])]
    """
    count = table.shape[1]
    if not is_stored(table):
        yield from ((i, table[:, i]) for i in range(count))
        return
    step = max(_COLUMN_BYTES // max(len(table) * table.dtype.itemsize, 1), 1)
    for first in range(0, count, step):
        some = table[:, first : first + step]
        yield from ((first + i, some[:, i]) for i in range(some.shape[1]))


def rows_of(table: Any, rows: NDArray[Any]) -> Any:
    """Return some rows of a table as a table; those of a stored one are not read."""
    return table.take(rows) if is_stored(table) else table[rows]


def changed_rows(table: Any, change: Callable[[NDArray[Any]], NDArray[Any]]) -> Any:
    """Return a table whose rows are changed by a function; those of a stored one when read."""
    return table.map(change) if is_stored(table) else change(table)


def block_rows(columns: int) -> int:
    """Return how many rows a block of a table with these columns has: fewer of wide rows."""
    return max(min(_ROWS, _CELLS // max(columns, 1)), 1)


def row_slices(table: Any) -> Iterator[slice]:
    """Return the rows of each block of a table of shape (rows, columns)."""
    size = block_rows(table.shape[1])
    for start in range(0, len(table), size):
        yield slice(start, min(start + size, len(table)))


def blocks(table: Any) -> Iterator[NDArray[Any]]:
    """Return the rows of a table block by block, as arrays.

    Examples
    --------
    >>> [len(block) for block in blocks(np.zeros((10_000, 2)))]
    [4096, 4096, 1808]
    """
    for rows in row_slices(table):
        yield table[rows]


def column_ranges(table: Any) -> NDArray[np.float64]:
    """Return the smallest and the largest value of each column, shape (columns, 2).

    Examples
    --------
    >>> column_ranges(np.array([[1.0, 5.0], [3.0, 2.0]])).tolist()
    [[1.0, 3.0], [2.0, 5.0]]
    """
    pairs = [(block.min(axis=0), block.max(axis=0)) for block in blocks(table)]
    low = np.min([pair[0] for pair in pairs], axis=0)
    high = np.max([pair[1] for pair in pairs], axis=0)
    return np.stack([low, high], axis=1).astype(np.float64)


def column_means(table: Any) -> NDArray[np.float64]:
    """Return the mean of each column, summed in float64.

    Examples
    --------
    >>> column_means(np.array([[1.0, 5.0], [3.0, 2.0]])).tolist()
    [2.0, 3.5]
    """
    total = np.zeros(table.shape[1])
    for block in blocks(table):
        total += block.sum(axis=0, dtype=np.float64)
    return np.asarray(total / max(len(table), 1))
