"""Removes quotes and unused columns from rows, so that `numbers` can parse them.

It works on all bytes at once with NumPy, and only on text whose quotes are around whole cells. For
any other text it returns None.
"""

from __future__ import annotations

import re

import numpy as np

from .numbers import COMMA, LINE_FEED

QUOTE = ord('"')
# A longer text is a single row; here, each of its quotes and commas takes 20 bytes.
MOST_BYTES = 1 << 20
BEFORE_OPENING = np.frombuffer(b',\n"', np.uint8)
AFTER_CLOSING = np.frombuffer(b",\n", np.uint8)
BLANKS = np.frombuffer(b" \t", np.uint8)

# Blanks after a comma have no meaning, in quotes or not.
_drop_blanks = re.compile(rb"(?:\A|(?<=[,\n]))[ \t]+").sub
# A cell in quotes, or a quote elsewhere, which has no meaning.
_each_quote = re.compile(rb'((?:\A|(?<=[,\n]))"[^"]*+(?:""[^"]*+){0,65536}+"(?!"))|"').sub


def plain_rows(text: bytes, used: np.ndarray) -> bytes | None:
    """Return the used cells of each row, without quotes; None if the quotes are unusual.

    Parameters
    ----------
    text : bytes
        Whole records that end with LF.
    used : numpy.ndarray of bool, shape (columns,)
        Which cells of a row to keep.
    """
    text = _without_odd_quotes(text) if len(text) <= MOST_BYTES else b""
    if not text:
        return None
    characters = np.frombuffer(text, np.uint8)
    ends = np.flatnonzero((characters == COMMA) | (characters == LINE_FEED))
    quotes = np.flatnonzero(characters == QUOTE)
    if len(quotes):
        ends = ends[np.searchsorted(quotes, ends) % 2 == 0]
    if len(ends) % len(used):
        return None
    rows: np.ndarray = ends.reshape(-1, len(used))
    if (characters[rows[:, -1]] != LINE_FEED).any() or (characters[rows[:, :-1]] != COMMA).any():
        return None
    if len(quotes) and used[_cells_with_more(characters, rows, quotes)].any():
        return None
    keep = characters != QUOTE
    if not used.all():
        keep &= _in_used(rows, used, len(text))
    plain: bytes = characters[keep].tobytes()
    return plain


def _without_odd_quotes(text: bytes) -> bytes:
    """Return the text with quotes only around cells; nothing if that is impossible."""
    if b' "' in text or b'\t"' in text:
        text = _drop_blanks(b"", text)
    if b'"' not in text or _are_around_cells(text):
        return text
    # No number has an apostrophe, so a used cell with one is refused later.
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


def _cells_with_more(characters: np.ndarray, ends: np.ndarray, quotes: np.ndarray) -> np.ndarray:
    """Return the columns of cells with text after their quotes, or with quotes inside.

    Without its quotes, such a cell could look like a number: "5"6, or "1""2", or "" 1.
    """
    closing = quotes[1::2]
    written = np.flatnonzero(~np.isin(characters, BLANKS))  # the last one is a line feed
    after = characters[written[np.searchsorted(written, closing + 1)]]
    odd = closing[~np.isin(after, AFTER_CLOSING)]
    columns: np.ndarray = np.searchsorted(ends.ravel(), odd) % ends.shape[1]
    return columns


def _in_used(ends: np.ndarray, used: np.ndarray, size: int) -> np.ndarray:
    """Return which bytes belong to used cells, each with one of its commas."""
    starts = np.concatenate(([0], ends.ravel()[:-1] + 1)).reshape(ends.shape)
    last = int(np.flatnonzero(used)[-1])
    edges = np.zeros(size + 1, np.int8)
    # Unused cells are removed with the comma after them, the last ones with the comma before.
    middle = np.flatnonzero(~used[:last])
    np.add.at(edges, starts[:, middle], 1)
    np.add.at(edges, ends[:, middle] + 1, -1)
    if last + 1 < len(used):
        np.add.at(edges, ends[:, last], 1)
        np.add.at(edges, ends[:, -1], -1)
    inside: np.ndarray = np.cumsum(edges[:-1], dtype=np.int8) == 0
    return inside
