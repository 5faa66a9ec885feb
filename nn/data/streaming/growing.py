"""A table that is written block by block into a file, in the smallest dtype that holds it exactly.

It begins with one byte a cell. When a block does not fit, the rows so far are written anew in a
wider dtype. The reader of CSV files fills it like an array. Reading it back is in `stored`.
"""

from __future__ import annotations

from collections.abc import Callable
from threading import Lock
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .open_file import OpenFile

__all__ = ["KINDS", "GrowingTable", "TablePart"]

KINDS = tuple(map(np.dtype, ("uint8", "int16", "float32", "float64")))
"""The dtypes of a table; each holds the numbers of those before it."""
_COPIED_BYTES = 1 << 22


class GrowingTable:
    """A table in a file that is being written.

    Parameters
    ----------
    new_file : callable
        Returns an empty `OpenFile`.
    columns : int
        The number of columns.
    dtype : dtype
        The dtype of the numbers that are written: float32 or float64.

    Attributes
    ----------
    file : OpenFile
        The file; another one after the dtype was widened.
    kind : dtype
        The dtype of the file.
    rows : int
        The number of finished rows.
    """

    def __init__(
        self, new_file: Callable[[], OpenFile], columns: int, dtype: np.dtype[Any]
    ) -> None:
        self._new_file = new_file
        self.file = new_file()
        self.columns, self.dtype, self.kind = columns, dtype, KINDS[0]
        self.rows = 0
        self._end = 0  # the last row that was written
        self._lock = Lock()

    def part(self, rows: int) -> TablePart:
        """Return the next rows, to be filled; `finish` makes them a part of the table."""
        self._end = self.rows
        return TablePart(self, self.rows, rows)

    def finish(self, rows: int) -> None:
        """Count the first of the last part's rows as finished."""
        self.rows += rows

    def write(self, block: NDArray[Any], first_row: int) -> None:
        """Write rows; several threads may do this at a time."""
        while True:
            kind = self.kind
            stored = _as_kind(block, kind)
            with self._lock:
                if kind != self.kind:
                    continue  # another thread has widened the table
                if stored is None:
                    self._widen(_smallest_kind(block, kind))
                    continue
                self.file.write(stored.data, first_row * self._row_bytes(kind))
                self._end = max(self._end, first_row + len(block))
                return

    def read(self, first_row: int, count: int) -> NDArray[Any]:
        """Return rows as they were written."""
        stored = np.empty((count, self.columns), self.kind)
        self.file.read_into(stored, first_row * self._row_bytes(self.kind))
        return stored.astype(self.dtype, copy=False)

    def _row_bytes(self, kind: np.dtype[Any]) -> int:
        return self.columns * kind.itemsize

    def _widen(self, kind: np.dtype[Any]) -> None:
        file, size = self._new_file(), self._end * self.columns * self.kind.itemsize
        step = _COPIED_BYTES // self.kind.itemsize * self.kind.itemsize
        for start in range(0, size, step):
            cells = np.frombuffer(self.file.read(min(step, size - start), start), self.kind)
            file.write(cells.astype(kind).data, start // self.kind.itemsize * kind.itemsize)
        self.file.close()
        self.file, self.kind = file, kind


class TablePart:
    """Rows of a `GrowingTable`, which can be filled and read like an array.

    Parameters
    ----------
    table : GrowingTable
        The table.
    first_row : int
        Where the part begins.
    rows : int
        How many rows it has.
    """

    def __init__(self, table: GrowingTable, first_row: int, rows: int) -> None:
        self.table, self._first, self._rows = table, first_row, rows
        self.dtype = table.dtype

    @property
    def shape(self) -> tuple[int, int]:
        """Number of rows and columns."""
        return self._rows, self.table.columns

    def __len__(self) -> int:
        return self._rows

    def __setitem__(self, rows: slice, block: NDArray[Any]) -> None:
        start, _, _ = rows.indices(self._rows)
        self.table.write(np.ascontiguousarray(block), self._first + start)

    def __getitem__(self, place: Any) -> NDArray[Any]:
        rows, column = place if isinstance(place, tuple) else (place, slice(None))
        start, stop, _ = rows.indices(self._rows)
        if isinstance(column, slice):
            return self.table.read(self._first + start, stop - start)
        step = max(_COPIED_BYTES // (self.table.columns * 8), 1)
        pieces = [
            self.table.read(self._first + first, min(step, stop - first))[:, column]
            for first in range(start, stop, step)
        ]
        return np.concatenate(pieces)

    def whole(self) -> TablePart:
        """Return all finished rows of the table."""
        return TablePart(self.table, 0, self.table.rows)

    def resize(self, shape: tuple[int, int], refcheck: bool = True) -> None:
        """Change the number of rows, as `numpy.ndarray.resize` does."""
        self._rows = shape[0]


def _as_kind(block: NDArray[Any], kind: np.dtype[Any]) -> NDArray[Any] | None:
    """Return the block in a dtype, or None if a bit of it would be lost."""
    if kind == block.dtype:
        return block
    with np.errstate(invalid="ignore", over="ignore", under="ignore"):
        stored = block.astype(kind)
        back = stored.astype(block.dtype)
    # Bits, because -0.0 == 0.0 and NaN differs from itself.
    bits = np.dtype(f"u{block.dtype.itemsize}")
    return stored if np.array_equal(back.view(bits), block.view(bits)) else None


def _smallest_kind(block: NDArray[Any], kind: np.dtype[Any]) -> np.dtype[Any]:
    wider = KINDS[KINDS.index(kind) + 1 :]
    return next(one for one in wider if _as_kind(block, one) is not None)
