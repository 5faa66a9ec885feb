"""Looks through rows to find what each column holds: numbers, texts, or missing values.

The first rows are looked through before reading, and all rows where these were misleading. Rows of
the wrong width are left out here; the strict reader reports them.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field

import numpy as np

from .cells import canonical_name, is_number_in_bytes, kind_of_cell, written
from .header import Header
from .numbers import ORDINARY_BYTES, parse_numbers
from .plain import Grid, split_rows
from .problems import Problems
from .records import (
    BLANKS,
    Block,
    blocks,
    count_cells,
    count_lines,
    records,
    split_cells,
    unify_line_ends,
    unquoted,
)
from .rules import Rules
from .source import Source

__all__ = ["MOST_NAMES", "Kinds", "Survey", "look_through"]

MOST_NAMES = 1000
"""Of a column with more different texts, only so many are kept."""
MOST_COLUMNS = 3000
"""So many columns may hold something else than numbers; with more, the file is not looked through
to its end, because that would take minutes."""
ENOUGH_ODD_ROWS = 1000


@dataclass(slots=True)
class Kinds:
    """What the cells of a column are.

    Attributes
    ----------
    numbers, missing, wrong, texts : int
        How many cells are numbers, missing, numbers written in another way, and texts.
    minus_ones : int
        How many are -1, which may stand for an unknown label.
    names : dict
        The different texts and numbers, in the order of the file, up to `MOST_NAMES`.
    first_line : int or None
        The line of the first text.
    first_text : str
        The first text.
    """

    numbers: int = 0
    missing: int = 0
    wrong: int = 0
    texts: int = 0
    minus_ones: int = 0
    names: dict[str, None] = field(default_factory=dict)
    first_line: int | None = None
    first_text: str = ""

    @property
    def is_text(self) -> bool:
        """Whether at least half of the cells that are not missing are texts."""
        return self.texts > 0 and self.texts >= self.numbers + self.wrong

    @property
    def is_text_label(self) -> bool:
        """Whether fewer than half of the labels are numbers."""
        return self.texts + self.wrong > self.numbers

    @property
    def is_placeholder(self) -> bool:
        """Whether no cell is a label: all are missing or -1."""
        return self.missing + self.minus_ones > 0 and (
            self.wrong + self.texts + self.numbers == self.minus_ones
        )


class Survey:
    """What was found in the columns of a file.

    Attributes
    ----------
    rows : int
        Number of rows that were looked through.
    is_complete : bool
        Whether these are all rows.
    """

    def __init__(self, header: Header, watched: Iterable[int] = ()) -> None:
        self._layout = header.layout
        self._width = len(header.names)
        # All other columns hold only numbers.
        self._kinds: dict[int, Kinds] = {column: Kinds() for column in watched}
        self._odd_rows = 0
        self.rows = 0
        self.is_complete = False

    def of(self, column: int) -> Kinds:
        """Return what a column holds."""
        found = self._kinds.get(column)
        return Kinds(numbers=self.rows) if found is None else found

    def texts(self) -> list[int]:
        """Return the columns of text."""
        return [column for column, kinds in sorted(self._kinds.items()) if kinds.is_text]

    @property
    def is_hopeless(self) -> bool:
        """Whether the file has so many wrong rows that it cannot be read anyway."""
        return self._odd_rows >= ENOUGH_ODD_ROWS or self._odd_rows > self.rows

    @property
    def has_too_many_columns(self) -> bool:
        """Whether more columns than `MOST_COLUMNS` are not only numbers."""
        return len(self._kinds) >= MOST_COLUMNS

    def add(self, block: Block) -> None:
        """Look through the rows of a block."""
        if not block.text.strip(BLANKS + b"\r\n"):
            return
        text = unify_line_ends(block.text)
        text = text if text.endswith(b"\n") else text + b"\n"
        rows: _SomeRows | Grid | None = split_rows(text, self._width)
        if rows is None:
            rows = self._usual_rows(text)
        if not len(rows):
            return
        columns: Iterable[int] = list(self._kinds)
        if not self._are_numbers(rows, columns):
            columns = [*columns, *self._not_numbers_at_first(rows)]
            if not self._are_numbers(rows, columns):
                columns = range(self._width)
        for column in columns:
            if self.has_too_many_columns and column not in self._kinds:
                continue
            self._count(rows, column, block.first_line)
        self.rows += len(rows)

    def _not_numbers_at_first(self, rows: _SomeRows | Grid) -> list[int]:
        """Return the other columns whose first cell is not a number: usually all of them."""
        row = rows.first_row()
        return [
            column
            for column, cell in enumerate(row)
            if column not in self._kinds and not is_number_in_bytes(unquoted(cell))
        ]

    def _are_numbers(self, rows: _SomeRows | Grid, others: Iterable[int]) -> bool:
        """Return whether all columns except some are only numbers."""
        if isinstance(rows, _SomeRows):
            return False
        numeric = np.ones(self._width, bool)
        numeric[list(others)] = False
        count = int(np.count_nonzero(numeric))
        if not count:
            return True
        text = rows.plain(numeric)
        if text is None or text.translate(None, ORDINARY_BYTES):
            return False
        return parse_numbers(text, len(rows), count) is not None

    def _usual_rows(self, text: bytes) -> _SomeRows:
        """Return the rows that have the right width."""
        found, lines, line = [], [], 0
        for record in records(text):
            if record.strip(BLANKS + b"\n") or self._width == 1:
                if count_cells(record) == self._width:
                    cells, _ = split_cells(record, self._width)
                    cells[-1] = cells[-1].removesuffix(b"\n")
                    found.append(cells)
                    lines.append(line)
                else:
                    self._odd_rows += 1
            line += count_lines(record)
        return _SomeRows(found, lines)

    def _count(self, rows: _SomeRows | Grid, column: int, first_line: int) -> None:
        cells = rows.cells(column)
        kinds = self._kinds.get(column)
        is_new = kinds is None
        if kinds is None:
            kinds = Kinds(numbers=self.rows)
        for cell, count in Counter(cells).items():
            bare = unquoted(cell).strip(BLANKS)
            kind = kind_of_cell(bare, self._layout)
            if kind == "missing":
                kinds.missing += count
                continue
            if kind == "damaged":
                continue
            if kind == "number":
                kinds.numbers += count
                kinds.minus_ones += count * (float(bare) == -1)
            elif kind == "wrong":
                kinds.wrong += count
            else:
                kinds.texts += count
                if kinds.first_line is None:
                    row = cells.index(cell)
                    kinds.first_line = first_line + rows.lines_before(row, column)
                    kinds.first_text = written(bare, self._layout)
            if len(kinds.names) < MOST_NAMES:
                kinds.names[canonical_name(written(bare, self._layout))] = None
        all_numbers = kinds.numbers == self.rows + len(cells)
        if is_new and not all_numbers:
            self._kinds[column] = kinds


@dataclass(frozen=True)
class _SomeRows:
    """Cells of rows, and the number of lines before each row."""

    rows: list[list[bytes]]
    lines: list[int]
    _found: dict[int, np.ndarray] = field(default_factory=dict)

    def __len__(self) -> int:
        return len(self.rows)

    def first_row(self) -> list[bytes]:
        return self.rows[0]

    def cells(self, column: int) -> list[bytes]:
        return [row[column] for row in self.rows]

    def lines_before(self, row: int, column: int) -> int:
        return self.lines[row] + int(self._breaks(row)[column])

    def _breaks(self, row: int) -> np.ndarray:
        """Return the number of line ends before each cell of a row."""
        if row not in self._found:
            counts = [cell.count(b"\n") for cell in self.rows[row]]
            self._found[row] = np.cumsum([0, *counts])
        return self._found[row]


def look_through(
    source: Source,
    header: Header,
    rules: Rules,
    watched: Iterable[int] = (),
    most_bytes: int | None = None,
) -> Survey:
    """Return what the columns of a file hold.

    Parameters
    ----------
    source : Source
        The open file.
    header : Header
        Its columns, and where the rows start.
    rules : Rules
        What the caller of `read_csv` passed.
    watched : iterable of int
        Columns whose cells are counted even if all of them are numbers.
    most_bytes : int, optional
        Stop after the block in which so many bytes are reached.
    """
    survey, size = Survey(header, watched), 0
    problems = Problems(rules.path)
    for block in blocks(source.stream(header.size), header.lines + 1, rules, problems):
        if most_bytes is not None and size >= most_bytes:
            return survey
        survey.add(block)
        size += len(block.text)
        if survey.is_hopeless or survey.has_too_many_columns:
            break
    survey.is_complete = True
    return survey
