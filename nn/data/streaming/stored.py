"""A table whose rows are in a file, which is indexed like an array and read when it is.

Rows are read with `pread`. A mapped file would count as memory of the process, and if it were cut
off, a signal would end the process. Which file, and how it is written: `cache` and `growing`.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any, NoReturn

import numpy as np
from numpy.typing import NDArray

from ..blocks import blocks, column_means, column_ranges
from .open_file import OpenFile

__all__ = ["StoredTable"]

_DENSE = 2
"""Rows are read together with those between them, if these are not more."""


@dataclass(frozen=True, eq=False)
class StoredTable:
    """A table of numbers in a file.

    Attributes
    ----------
    file : OpenFile
        The file; its first bytes are the rows.
    rows, width : int
        The number of rows and columns in the file.
    kind, dtype : dtype
        The dtype of the file, and of the arrays that are returned.
    chosen : ndarray of int, or None
        Which rows of the file the table has, in its order; None: all.
    columns : ndarray of int, or None
        Which columns; None: all.
    change : callable, or None
        Applied to rows that are returned.

    Examples
    --------
    >>> import tempfile, pathlib
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     file = OpenFile.new(pathlib.Path(folder))
    ...     file.write(bytes(range(6)), 0)
    ...     table = StoredTable(file, 3, 2, np.dtype("uint8"), np.dtype("float32"))
    ...     table[[2, 0]].tolist(), table.take(np.array([1])).shape, float(table.max())
    ([[4.0, 5.0], [0.0, 1.0]], (1, 2), 5.0)
    """

    file: OpenFile
    rows: int
    width: int
    kind: np.dtype[Any]
    dtype: np.dtype[Any]
    chosen: NDArray[np.intp] | None = None
    columns: NDArray[np.intp] | None = None
    change: Callable[[NDArray[Any]], NDArray[Any]] | None = None

    @property
    def shape(self) -> tuple[int, int]:
        """Number of rows and columns."""
        width = self.width if self.columns is None else len(self.columns)
        return len(self), width

    def __len__(self) -> int:
        return self.rows if self.chosen is None else len(self.chosen)

    def __getitem__(self, place: Any) -> NDArray[Any]:
        if not isinstance(place, tuple):
            return self._taken(place)
        rows, columns = place
        if isinstance(rows, slice) and rows == slice(None):  # column by column, of all rows
            return np.concatenate([block[:, columns] for block in blocks(self)])
        return self._taken(rows)[..., columns]

    # Other tables of the same rows ----------------------------------------------------------

    def take(self, rows: NDArray[Any]) -> StoredTable:
        """Return a table of some rows (indices, or true for these); nothing is read."""
        places = np.flatnonzero(rows) if rows.dtype == bool else np.asarray(rows, np.intp)
        return replace(self, chosen=places if self.chosen is None else self.chosen[places])

    def without(self, column: int) -> StoredTable:
        """Return a table without one column."""
        columns = np.arange(self.width) if self.columns is None else self.columns
        return replace(self, columns=np.delete(columns, column))

    def map(self, change: Callable[[NDArray[Any]], NDArray[Any]]) -> StoredTable:
        """Return a table whose rows are changed by a function when they are read."""
        before = self.change
        return replace(self, change=change if before is None else lambda x: change(before(x)))

    # As of an array --------------------------------------------------------------------------

    def min(self, axis: None = None) -> Any:
        """Return the smallest number."""
        return column_ranges(self)[:, 0].min().astype(self.dtype)

    def max(self, axis: None = None) -> Any:
        """Return the largest number."""
        return column_ranges(self)[:, 1].max().astype(self.dtype)

    def mean(self, axis: int = 0, dtype: Any = None) -> NDArray[np.float64]:
        """Return the mean of each column."""
        return column_means(self)

    def __array__(self, *arguments: Any, **settings: Any) -> NoReturn:
        # An accident would fill the memory.
        raise TypeError("a table in a file is not an array; take some of its rows: table[0:100]")

    # Reading ---------------------------------------------------------------------------------

    def _taken(self, rows: Any) -> NDArray[Any]:
        if isinstance(rows, int | np.integer):
            return self._taken(np.array([rows]))[0]
        if isinstance(rows, slice) and self.chosen is None:
            start, stop, step = rows.indices(self.rows)
            if step == 1:
                return self._finished(self._block(start, max(stop - start, 0)))
            rows = np.arange(start, stop, step)
        elif self.chosen is not None:
            rows = self.chosen[rows]
        rows = np.asarray(rows)
        if rows.dtype == bool:
            rows = np.flatnonzero(rows)
        return self._finished(self._gathered(rows.astype(np.intp, copy=False)))

    def _finished(self, stored: NDArray[Any]) -> NDArray[Any]:
        """Return rows of the file as rows of the table."""
        if self.columns is not None:
            stored = stored[:, self.columns]
        rows = stored.astype(self.dtype, copy=False)
        return rows if self.change is None else self.change(rows)

    def _block(self, start: int, count: int) -> NDArray[Any]:
        stored = np.empty((count, self.width), self.kind)
        self.file.read_into(stored, start * self.width * self.kind.itemsize)
        return stored

    def _gathered(self, rows: NDArray[np.intp]) -> NDArray[Any]:
        if not len(rows):
            return np.empty((0, self.width), self.kind)
        rows = np.where(rows < 0, rows + self.rows, rows)
        first, last = int(rows.min()), int(rows.max())
        if first < 0 or last >= self.rows:
            raise IndexError(f"the table has {self.rows} rows, 0..{self.rows - 1}")
        if last - first + 1 <= _DENSE * len(rows):
            return self._block(first, last - first + 1)[rows - first]
        stored = np.empty((len(rows), self.width), self.kind)
        self.file.read_rows(stored, rows)
        return stored
