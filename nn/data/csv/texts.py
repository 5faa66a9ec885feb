"""Columns of text as codes: each different text has a number.

Codes are given in the order in which texts occur, and at the end `order` says which they are among
the sorted texts. If a model knows the texts, its order is used from the start.
"""

from __future__ import annotations

import numpy as np

from .cells import by_value, canonical_name, is_missing, kind_of_cell, written
from .layout import Layout
from .records import BLANKS, unquoted

__all__ = ["MISSING", "UNKNOWN", "WRONG", "Texts"]

UNKNOWN = -1
MISSING = -2
WRONG = -3
"""Codes of cells that are not one of the known texts, that are missing, and that are damaged."""
MOST_SPELLINGS = 1 << 12


class Texts:
    """The texts of a column, and their codes.

    Parameters
    ----------
    layout : Layout
        The layout of the file.
    known : tuple of str, optional
        The only texts that are known, in the order of their codes.
    most : int
        How many different texts there may be; others are `WRONG`.

    Attributes
    ----------
    unknown : int
        How many cells had an unknown text.
    """

    def __init__(self, layout: Layout, known: tuple[str, ...] | None, most: int) -> None:
        self._layout = layout
        self._most = most
        self._codes = {name: code for code, name in enumerate(known or ())}
        # The codes of cells as they are written, with quotes and blanks.
        self._spellings: dict[bytes, int] = {}
        self._counts = np.zeros(0, np.int64)
        self.is_known = bool(known)
        self.unknown = 0

    def codes(self, cells: list[bytes]) -> np.ndarray:
        """Return the codes of cells as they are written."""
        found = list(map(self._spellings.get, cells))
        if None in found:
            if len(self._spellings) > MOST_SPELLINGS:
                self._spellings.clear()
            for cell in set(cells):
                if cell not in self._spellings:
                    self._spellings[cell] = self._code(cell)
            found = [self._spellings[cell] for cell in cells]
        return np.array(found, np.int64)

    def note(self, codes: np.ndarray) -> None:
        """Count the cells of rows that are used."""
        counts = np.bincount(codes[codes >= 0].astype(np.int64), minlength=len(self._codes))
        counts[: len(self._counts)] += self._counts
        self._counts = counts
        self.unknown += int(np.count_nonzero(codes == UNKNOWN))

    @property
    def names(self) -> tuple[str, ...]:
        """The texts, in the order of their codes."""
        return tuple(self._codes)

    def order(self) -> tuple[tuple[str, ...], np.ndarray]:
        """Return the sorted texts, and for each code its place among them."""
        names = self.names
        if self.is_known:
            return names, np.arange(len(names))
        used = [code for code in range(len(names)) if self._counts[code]]
        by_name = sorted(used, key=lambda code: by_value(names[code]))
        place = np.full(len(names), UNKNOWN)
        place[by_name] = np.arange(len(by_name))
        return tuple(names[code] for code in by_name), place

    def count(self, *kinds: str) -> int:
        """Count the cells of these kinds, as in `kind_of_cell`."""
        plain = Layout()
        return sum(
            int(count)
            for name, count in zip(self._codes, self._counts, strict=False)
            if kind_of_cell(name.encode(), plain) in kinds
        )

    def _code(self, cell: bytes) -> int:
        bare = unquoted(cell).strip(BLANKS)
        try:
            self._layout.original(cell).decode("utf-8")
        except UnicodeDecodeError:
            return WRONG
        text = written(bare, self._layout)
        if is_missing(text):
            return MISSING
        if "\0" in text:
            return WRONG
        # Numbers are compared as numbers, however their decimals are written.
        name = canonical_name(bare.decode("ascii") if _is_number(bare) else text)
        if name in self._codes:
            return self._codes[name]
        if self.is_known:
            return UNKNOWN
        if len(self._codes) >= self._most:
            return WRONG
        self._codes[name] = len(self._codes)
        return self._codes[name]


def _is_number(cell: bytes) -> bool:
    return kind_of_cell(cell, Layout()) == "number"
