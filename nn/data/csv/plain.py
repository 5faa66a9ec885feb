"""Splits blocks of rows into cells, all at once with NumPy.

It works only on text whose quotes are around whole cells and whose rows have the same width. For
any other text `split_rows` returns None. What the cells are is decided in `cells` and `numbers`.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from .numbers import COMMA, LINE_FEED

QUOTE = ord('"')
# A longer text is a single row; here, each of its quotes and commas takes 20 bytes.
MOST_BYTES = 1 << 20
BEFORE_OPENING = np.frombuffer(b',\n"', np.uint8)
AFTER_CLOSING = np.frombuffer(b",\n", np.uint8)
BLANKS = np.frombuffer(b" \t", np.uint8)

# Cells in quotes with the blanks before them; what looks like a cell in them is not one.
_each_quoted = re.compile(rb'(?:\A|(?<=[,\n]))[ \t]*("[^"]*+(?>(?:""[^"]*+){0,65536})"(?!"))').sub
# A cell in quotes, or a quote elsewhere, which has no meaning.
_each_quote = re.compile(rb'((?:\A|(?<=[,\n]))"[^"]*+(?>(?:""[^"]*+){0,65536})"(?!"))|"').sub


@dataclass(frozen=True, eq=False)
class Grid:
    """The cells of some rows.

    Attributes
    ----------
    text : bytes
        The rows, each with a line feed at its end.
    marked : bytes
        The same, with an apostrophe for each quote that has no meaning.
    starts, ends : ndarray of int, shape (rows, columns)
        Where the cells are in both.
    """

    text: bytes
    marked: bytes
    starts: np.ndarray
    ends: np.ndarray

    def __len__(self) -> int:
        return len(self.ends)

    def first_row(self) -> list[bytes]:
        """Return the cells of the first row as they are written."""
        starts, ends = self.starts[0].tolist(), self.ends[0].tolist()
        return [self.text[start:end] for start, end in zip(starts, ends, strict=True)]

    def cells(self, column: int) -> list[bytes]:
        """Return the cells of a column as they are written."""
        text = self.text
        starts, ends = self.starts[:, column].tolist(), self.ends[:, column].tolist()
        return [text[start:end] for start, end in zip(starts, ends, strict=True)]

    def lines_before(self, row: int, column: int) -> int:
        """Return the number of line ends before a cell."""
        return int(np.searchsorted(self._line_feeds, self.starts[row, column]))

    @cached_property
    def _line_feeds(self) -> np.ndarray:
        return np.flatnonzero(np.frombuffer(self.text, np.uint8) == LINE_FEED)

    def plain(self, numeric: np.ndarray) -> bytes | None:
        """Return the rows with some of the columns and without quotes.

        Parameters
        ----------
        numeric : ndarray of bool, shape (columns,)
            Which columns.

        Returns
        -------
        bytes or None
            None if one of these cells has text after its quotes, or quotes inside.
        """
        text = self.marked
        has_quotes = b'"' in text
        if has_quotes and numeric[_cells_with_more(text, self.ends)].any():
            return None
        if not numeric.all():
            text = self._some_columns(numeric)
        return text.replace(b'"', b"") if has_quotes else text

    def _some_columns(self, numeric: np.ndarray) -> bytes:
        """Return runs of adjacent columns with commas between them."""
        text = self.marked
        edges = np.flatnonzero(np.diff(np.concatenate(([0], numeric.astype(np.int8), [0]))))
        runs = [
            [
                text[start:end]
                for start, end in zip(
                    self.starts[:, first].tolist(), self.ends[:, stop - 1].tolist(), strict=True
                )
            ]
            for first, stop in zip(edges[::2].tolist(), edges[1::2].tolist(), strict=True)
        ]
        rows = runs[0] if len(runs) == 1 else map(b",".join, zip(*runs, strict=True))
        return b"\n".join(rows) + b"\n"


def split_rows(text: bytes, columns: int) -> Grid | None:
    """Return the cells of a text, or None if its quotes or rows are unusual.

    Parameters
    ----------
    text : bytes
        Whole records that end with LF.
    columns : int
        How many cells each has.
    """
    if len(text) > MOST_BYTES:
        return None
    if b' "' in text or b'\t"' in text:
        text = _each_quoted(rb"\1", text)
    marked = _without_odd_quotes(text)
    if not marked:
        return None
    characters = np.frombuffer(marked, np.uint8)
    ends = np.flatnonzero((characters == COMMA) | (characters == LINE_FEED))
    if b'"' in marked:
        quotes = np.flatnonzero(characters == QUOTE)
        ends = ends[np.searchsorted(quotes, ends) % 2 == 0]
    if len(ends) % columns:
        return None
    starts: np.ndarray = np.concatenate(([0], ends[:-1] + 1)).reshape(-1, columns)
    rows: np.ndarray = ends.reshape(-1, columns)
    if (characters[rows[:, -1]] != LINE_FEED).any() or (characters[rows[:, :-1]] != COMMA).any():
        return None
    return Grid(text, marked, starts, rows)


def _without_odd_quotes(text: bytes) -> bytes:
    """Return the text with quotes only around cells; nothing if that is impossible."""
    if b'"' not in text or _are_around_cells(text):
        return text
    # No number has an apostrophe, so such a cell of a column of numbers is refused later.
    text = _each_quote(lambda found: found[1] or b"'", text)
    return text if _are_around_cells(text) else b""


def _are_around_cells(text: bytes) -> bool:
    """Return whether each quote opens at the start of a cell or closes what opened there.

    Quotes open and close in turn: a doubled one closes and opens again.
    """
    characters = np.frombuffer(text, np.uint8)
    quotes = np.flatnonzero(characters == QUOTE)
    opening = quotes[0::2]
    before = characters[opening[opening > 0] - 1]
    return len(quotes) % 2 == 0 and bool(np.isin(before, BEFORE_OPENING).all())


def _cells_with_more(text: bytes, ends: np.ndarray) -> np.ndarray:
    """Return the columns of cells with text after their quotes, or with quotes inside.

    Without its quotes, such a cell could look like a number: "5"6, or "1""2", or "" 1.
    """
    characters = np.frombuffer(text, np.uint8)
    closing = np.flatnonzero(characters == QUOTE)[1::2]
    written = np.flatnonzero(~np.isin(characters, BLANKS))  # the last one is a line feed
    after = characters[written[np.searchsorted(written, closing + 1)]]
    odd = closing[~np.isin(after, AFTER_CLOSING)]
    columns: np.ndarray = np.searchsorted(ends.ravel(), odd) % ends.shape[1]
    return columns
