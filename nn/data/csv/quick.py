"""Turns the text of whole rows into numbers, many rows at a time.

Columns of text become codes, and missing values NaN where they are allowed. It does not explain
problems: where a cell cannot be used it returns None, and `strict` looks at each cell.
"""

from __future__ import annotations

import re
from typing import NamedTuple

import numpy as np

from .columns import MOST_VALUES, Columns
from .header import Header
from .numbers import COMMA, LINE_FEED, MOST_BYTES_AT_ONCE, ORDINARY_BYTES, parse_numbers
from .plain import Grid, split_rows
from .records import BLANKS, unify_line_ends, unquoted
from .rules import Rules
from .texts import MISSING, UNKNOWN, WRONG, Texts

__all__ = ["QuickReader", "Rows"]

# The cells that count as missing, except a point, which can be a decimal mark.
_each_missing = re.compile(
    rb"(?:\A|(?<=[,\n]))[ \t]*+(?:[+-]?nan|n/?a|#n/a|<na>|none|null|nil|missing|\?|--?|)[ \t]*+"
    rb"(?=[,\n])",
    re.IGNORECASE,
).sub


class Rows(NamedTuple):
    """Some rows: the used columns as numbers, the cells of the ids, and those that must differ."""

    numbers: np.ndarray
    ids: list[str]
    differing: list[bytes]


class QuickReader:
    """Reads blocks of rows.

    Parameters
    ----------
    header : Header
        The names of all columns, and the layout.
    columns : Columns
        Which are used, and how.
    rules : Rules
        What the caller of `read_csv` passed.

    Attributes
    ----------
    used : list of int
        The columns that become numbers, in the order of the file: features and label.
    texts : dict
        Codes of the texts, for each of these columns that is text.
    """

    def __init__(self, header: Header, columns: Columns, rules: Rules) -> None:
        self._width = len(header.names)
        self._columns = columns
        self._layout = header.layout
        self._allows_missing = rules.allows_missing
        self._ignores_unknown = rules.ignores_unknown
        used = set(columns.features.tolist())
        self.texts: dict[int, Texts] = {}
        for place, column in enumerate(columns.features.tolist()):
            if column in columns.texts:
                known = None if rules.values is None else rules.values[place]
                self.texts[column] = Texts(header.layout, known, MOST_VALUES + 1)
        if columns.label is not None:
            used.add(columns.label)
            if columns.label_is_text:
                label = Texts(header.layout, rules.classes, rules.max_classes)
                self.texts[columns.label] = label
        self.used = sorted(used)
        self._is_text = [column in self.texts for column in self.used]
        self._numeric = np.zeros(self._width, bool)
        self._numeric[[column for column in self.used if column not in self.texts]] = True

    def read(self, text: bytes) -> Rows | None:
        """Return the rows of a text, or None if a cell cannot be used, or something is unusual."""
        if len(text) > MOST_BYTES_AT_ONCE:
            return None
        text = unify_line_ends(text)
        text = text if text.endswith(b"\n") else text + b"\n"
        if self._numeric.all() and b'"' not in text:
            numbers = self._parsed(text, text.count(b"\n"))
            return None if numbers is None else Rows(numbers, [], [])
        grid = split_rows(text, self._width)
        return None if grid is None else self._of_grid(grid)

    def _of_grid(self, grid: Grid) -> Rows | None:
        numbers = np.empty((len(grid), len(self.used)))
        if self._numeric.any():
            plain = grid.plain(self._numeric)
            parsed = None if plain is None else self._parsed(plain, len(grid))
            if parsed is None:
                return None
            if parsed.shape == numbers.shape:
                numbers = parsed
            else:
                numbers[:, ~np.array(self._is_text)] = parsed
        for place, column in enumerate(self.used):
            if column in self.texts:
                codes = self.values_of(column, grid.cells(column))
                if np.isinf(codes).any():
                    return None
                numbers[:, place] = codes
        ids = self.ids_of(grid.cells(self._columns.id)) if self._columns.id is not None else []
        if ids is None:
            return None
        index = grid.cells(self._columns.index) if self._columns.index is not None else []
        return Rows(numbers, ids, index)

    def values_of(self, column: int, cells: list[bytes]) -> np.ndarray:
        """Return the codes of the cells of a text column: NaN if missing, inf if not usable."""
        codes = self.texts[column].codes(cells).astype(np.float64)
        is_label = column == self._columns.label
        codes[codes == MISSING] = np.nan if self._allows_missing and not is_label else np.inf
        codes[codes == WRONG] = np.inf
        if is_label or not self._ignores_unknown:
            codes[codes == UNKNOWN] = np.inf
        return codes

    def ids_of(self, cells: list[bytes]) -> list[str] | None:
        """Return the cells of the ids as text, or None if one of them is not UTF-8."""
        original = self._layout.original
        try:
            return [original(unquoted(cell).strip(BLANKS)).decode("utf-8") for cell in cells]
        except UnicodeDecodeError:
            return None

    def _parsed(self, text: bytes, rows: int) -> np.ndarray | None:
        """Return the numbers of a text without quotes."""
        places = np.zeros(0, np.intp)
        # In a single column, a blank line would look like a missing value.
        if self._allows_missing and self._width > 1:
            text, places = _without_missing(text)
        if text.translate(None, ORDINARY_BYTES):
            return None
        numbers = parse_numbers(text, rows, int(np.count_nonzero(self._numeric)))
        if numbers is not None and len(places):
            numbers = np.array(numbers)
            numbers.reshape(-1)[places] = np.nan
        return numbers


def _without_missing(text: bytes) -> tuple[bytes, np.ndarray]:
    """Return the text with 0 for missing values, and which of its cells these are."""
    found: list[int] = []

    def replaced(match: re.Match[bytes]) -> bytes:
        found.append(match.start())
        return b"0"

    changed = _each_missing(replaced, text)
    if not found:
        return text, np.zeros(0, np.intp)
    characters = np.frombuffer(text, np.uint8)
    ends = np.flatnonzero((characters == COMMA) | (characters == LINE_FEED))
    return changed, np.searchsorted(ends, found)
