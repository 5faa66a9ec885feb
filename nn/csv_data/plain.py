"""Takes out of some rows what a plain row of numbers does not have: quotes, and unused columns.

It looks at all bytes at once with NumPy, and only at text whose quotes are where they belong.
About any other text it has no opinion: it returns None.
"""

from __future__ import annotations

import re

import numpy as np

from .numbers import COMMA, LINE_FEED

__all__ = ["plain_rows"]

QUOTE = ord('"')
BEFORE_OPENING = np.frombuffer(b',\n"', np.uint8)
AFTER_CLOSING = np.frombuffer(b',\n" \t', np.uint8)

# Behind a comma, blanks say nothing, in quotes or not, because a number may begin with some.
_drop_blanks = re.compile(rb"(?<=[,\n])[ \t]+").sub


def plain_rows(text: bytes, used: np.ndarray) -> bytes | None:
    """Return the used cells of each row, without quotes; None where that is not sure to be right.

    Parameters
    ----------
    text : bytes
        Whole records, each with an LF at its end.
    used : numpy.ndarray of bool, shape (columns,)
        Which cells of a row to keep.
    """
    if b' "' in text or b'\t"' in text:
        text = _drop_blanks(b"", text)
    characters = np.frombuffer(text, np.uint8)
    ends = np.flatnonzero((characters == COMMA) | (characters == LINE_FEED))
    quotes = np.flatnonzero(characters == QUOTE)
    if len(quotes):
        if not _are_around_cells(characters, quotes):
            return None
        ends = ends[np.searchsorted(quotes, ends) % 2 == 0]
    if len(ends) % len(used):
        return None
    ends = ends.reshape(-1, len(used))
    if (characters[ends[:, -1]] != LINE_FEED).any() or (characters[ends[:, :-1]] != COMMA).any():
        return None
    if len(quotes) and _are_doubled_in(used, ends, quotes):
        return None
    keep = characters != QUOTE
    if not used.all():
        keep &= _in_used(ends, used, len(text))
    return characters[keep].tobytes()


def _are_around_cells(characters: np.ndarray, quotes: np.ndarray) -> bool:
    """Return whether each quote opens at the start of a cell or closes at the end of one.

    The quotes open and close in turn, so a doubled one closes and opens again at once.
    """
    if len(quotes) % 2:
        return False
    opening, closing = quotes[0::2], quotes[1::2]
    before = characters[opening[int(opening[0] == 0) :] - 1]
    after = characters[closing + 1]  # there is one: the text ends with a line feed
    return bool(np.isin(before, BEFORE_OPENING).all() and np.isin(after, AFTER_CLOSING).all())


def _are_doubled_in(used: np.ndarray, ends: np.ndarray, quotes: np.ndarray) -> bool:
    """Return whether a cell that is used has a quote in its text: "1""2" is not the number 12."""
    doubled = quotes[1:-1:2][np.diff(quotes)[1::2] == 1]
    cells = np.searchsorted(ends.ravel(), doubled)
    return bool(used[cells % len(used)].any())


def _in_used(ends: np.ndarray, used: np.ndarray, size: int) -> np.ndarray:
    """Return which bytes belong to cells that are used, each with the comma on one side."""
    starts = np.concatenate(([0], ends.ravel()[:-1] + 1)).reshape(ends.shape)
    last = int(np.flatnonzero(used)[-1])
    edges = np.zeros(size + 1, np.int8)
    # Unused cells go with the comma behind them, and those at the end with the one before.
    middle = np.flatnonzero(~used[:last])
    np.add.at(edges, starts[:, middle], 1)
    np.add.at(edges, ends[:, middle] + 1, -1)
    if last + 1 < len(used):
        np.add.at(edges, ends[:, last], 1)
        np.add.at(edges, ends[:, -1], -1)
    return np.cumsum(edges[:-1], dtype=np.int8) == 0
