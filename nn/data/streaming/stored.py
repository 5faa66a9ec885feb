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

from ..blocks import column_means, column_ranges, row_slices
from .open_file import OpenFile
from .sizes import free_memory

__all__ = ["ReadAhead", "StoredTable"]

_WINDOW_BYTES = 1 << 22
_BYTES_OF_A_CALL = 1 << 14
"""Reading so many bytes takes as long as a call that reads a few: about 2 microseconds."""
_AHEAD_BYTES = 96 * 2**20
"""Rows of so many bytes are read ahead of their use. Fewer take more passes through the file."""
_SHARE_OF_FREE = 8
_PREPARED_CELLS = 1 << 17
"""So many cells are prepared at a time: they stay in the cache of a processor."""


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
    digest : str
        Of the content of the file, to compare files without reading them.

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
    digest: str = ""

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
            result = np.empty((len(self), *np.empty(self.shape[1:])[columns].shape), self.dtype)
            for some in row_slices(self):
                result[some] = self._taken(some)[:, columns]
            return result
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
        # By accident, it would fill the memory.
        raise TypeError("a table in a file is not an array; take some of its rows: table[0:100]")

    # Reading ---------------------------------------------------------------------------------

    def _taken(self, rows: Any) -> NDArray[Any]:
        if isinstance(rows, int | np.integer):
            row: NDArray[Any] = self._taken(np.array([rows]))[0]
            return row
        if isinstance(rows, slice) and self.chosen is None:
            start, stop, step = rows.indices(self.rows)
            if step == 1:
                return self.finished(self._block(start, max(stop - start, 0)))
            rows = np.arange(start, stop, step)
        elif self.chosen is not None:
            rows = self.chosen[rows]
        rows = np.asarray(rows)
        if rows.dtype == bool:
            rows = np.flatnonzero(rows)
        return self.finished(self._gathered(rows.astype(np.intp, copy=False)))

    def stored_rows(self, rows: NDArray[Any]) -> NDArray[Any]:
        """Return rows as they are in the file, in its dtype and with all columns."""
        places = np.asarray(rows, np.intp)
        return self._gathered(places if self.chosen is None else self.chosen[places])

    def finished(self, stored: NDArray[Any]) -> NDArray[Any]:
        """Return rows of the file as rows of the table."""
        if self.columns is not None:
            stored = stored[:, self.columns]
        rows: NDArray[Any] = stored.astype(self.dtype, copy=False)
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
        row_bytes = self.width * self.kind.itemsize
        stored = np.empty((len(rows), self.width), self.kind)
        # In the order of the file, window by window: either all of it, or row by row.
        order = np.argsort(rows, kind="stable")
        in_order = rows[order]
        most = max(_WINDOW_BYTES // row_bytes, 1)
        start = 0
        while start < len(rows):
            low = int(in_order[start])
            stop = int(np.searchsorted(in_order, low + most))
            places, some = order[start:stop], in_order[start:stop]
            span = int(some[-1]) - low + 1
            if span * row_bytes <= len(some) * (_BYTES_OF_A_CALL + row_bytes):
                stored[places] = self._block(low, span)[some - low]
            else:
                self.file.read_rows(stored, places, some)
            start = stop
        return stored


class ReadAhead:
    """Rows of a table that will be needed in a known order, read and prepared many at a time.

    Shuffled rows are all over the file: reading each batch when it is needed would take a call of
    the system, or an access to the disk, for each row. Preparing each batch alone would take some
    calls of NumPy more.

    Parameters
    ----------
    table : StoredTable
        The table.
    order : ndarray of int
        The rows in the order in which they will be taken.
    prepare : callable
        Turns rows of the table into what is taken.
    """

    def __init__(
        self,
        table: StoredTable,
        order: NDArray[Any],
        prepare: Callable[[NDArray[Any]], NDArray[Any]],
    ) -> None:
        self._table, self._order, self._prepare = table, order, prepare
        self._next = 0
        self._read = self._prepared = (0, np.empty((0, 0)))  # their first place, and the rows

    def take(self, rows: Any) -> NDArray[Any] | None:
        """Return the next rows; None if these are other rows."""
        if not isinstance(rows, np.ndarray):
            return None
        start, stop = self._next, self._next + len(rows)
        if not np.array_equal(rows, self._order[start:stop]):
            return None
        if stop > self._prepared[0] + len(self._prepared[1]):
            some = max(_PREPARED_CELLS // self._table.width // len(rows), 1) * len(rows)
            raw = self._raw(start, min(start + some, len(self._order)))
            self._prepared = start, self._prepare(self._table.finished(raw.copy()))
        self._next = stop
        first, prepared = self._prepared
        taken = prepared[start - first : stop - first].copy()
        if stop == len(self._order):
            self._read = self._prepared = (0, np.empty((0, 0)))
        return taken

    def _raw(self, start: int, stop: int) -> NDArray[Any]:
        """Return the rows at some places of the order as they are in the file."""
        if stop > self._read[0] + len(self._read[1]):
            self._read = (0, np.empty((0, 0)))  # its memory is needed for the next ones
            some = self._order[start : start + max(self._most(), stop - start)]
            self._read = start, self._table.stored_rows(some)
        first, rows = self._read
        return rows[start - first : stop - first]

    def _most(self) -> int:
        """Return how many rows are read at a time."""
        free = free_memory()
        most = _AHEAD_BYTES if free is None else min(_AHEAD_BYTES, free // _SHARE_OF_FREE)
        return most // (self._table.width * self._table.kind.itemsize)
