"""The complete reader of CSV files, and the reference for what is accepted.

It reads blocks of rows. Where one is not plain numbers, it looks for the rows that are not and
at every cell of them, so that it can name file, line and column of what is wrong. It stops when
enough is wrong.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import numpy as np

from .columns import Columns
from .header import Header, problem_of_encoding
from .numbers import ORDINARY_BYTES, parse_numbers, put_numbers
from .plain import plain_rows
from .problems import (
    Problem,
    Problems,
    is_number_in_bytes,
    largest_magnitude,
    problem_of_feature,
    problem_of_label,
    problem_of_width,
)
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
from .source import Rules, Source, Table

__all__ = ["read_strictly"]

# Looking at each cell is slow, so only so much of a block is looked at for one odd row in it.
PIECE_BYTES = 1 << 14
# When so many problems are known, or ten and so many bytes were looked at, reading stops.
MOST_COUNTED = 1000
ENOUGH = 10
MOST_EXPLAINED_BYTES = 1 << 20
# So much longer a table is made than its rows need, as often as it is full.
GROWTH = 1.25


def read_strictly(source: Source, header: Header, rules: Rules) -> Table:
    """Read all rows, or raise one `DataError` for what is wrong with them."""
    problems = Problems(rules.path)
    body = _Body(header, rules, problems)
    for block in blocks(source.stream(header.size), header.lines + 1, rules, problems):
        body.read(block)
        if body.has_enough_problems():
            problems.all_read = False
            break
    if not body.has_rows:
        problems.add(Problem("no data rows", "no data rows after the header line."))
    problems.raise_if_any()
    return body.table()


class _Body:
    """The rows below the header: as numbers, or as problems."""

    def __init__(self, header: Header, rules: Rules, problems: Problems) -> None:
        self._header = header
        self._rules = rules
        self._problems = problems
        self._blank_lines: list[int] = []
        self._explained_bytes = 0
        columns = header.columns
        self._used = np.zeros(len(header.names), bool)
        self._used[columns.features] = True
        if columns.label is not None:
            self._used[columns.label] = True
        self._used_columns = np.flatnonzero(self._used).tolist()
        self._rows = _Rows(_among_used(columns, self._used), rules)
        self._has_line_per_row = True
        self.has_rows = False

    def table(self) -> Table:
        """Return what was read, when there are no problems."""
        return self._rows.table()._replace(has_line_per_row=self._has_line_per_row)

    def has_enough_problems(self) -> bool:
        count = self._problems.count
        return count >= MOST_COUNTED or (
            count >= ENOUGH and self._explained_bytes >= MOST_EXPLAINED_BYTES
        )

    def read(self, block: Block) -> None:
        """Read the rows of a block quickly, or those pieces of it that can be."""
        if self._read_quickly(block.text):
            return
        if not block.text.strip(BLANKS + b"\r\n"):
            self._note_blank_lines(block)
            return
        for piece in _pieces(block):
            if not self._read_quickly(piece.text):
                self._explained_bytes += len(piece.text)
                self._read_rows(piece)
                if self.has_enough_problems():
                    return

    def _read_quickly(self, text: bytes) -> bool:
        """Read rows that are plain numbers once quotes and unused columns are taken out."""
        text = unify_line_ends(text)
        text = text if text.endswith(b"\n") else text + b"\n"
        lines = text.count(b"\n")
        if b'"' in text or len(self._used_columns) < len(self._used):
            plain = plain_rows(text, self._used)
            if plain is None:
                return False
            text = plain
        if text.translate(None, ORDINARY_BYTES):
            return False
        numbers = parse_numbers(text, text.count(b"\n"), len(self._used_columns))
        if numbers is None:
            return False
        self._has_line_per_row &= len(numbers) == lines
        if self._problems or self._blank_lines:
            # They are not used any more, but a bad one still counts.
            self._report_blank_lines()
            self._rows.drop()
        if not self._rows.add(numbers):
            return False
        self.has_rows = True
        return True

    def _note_blank_lines(self, block: Block) -> None:
        # Their number may be large, and past a thousand reading stops at the next row.
        count = min(count_lines(block.text), MOST_COUNTED - len(self._blank_lines))
        self._blank_lines += range(block.first_line, block.first_line + count)

    def _report_blank_lines(self) -> None:
        for line in self._blank_lines:
            self._problems.add(Problem("blank line", "found a blank line; remove it.", line))
        self._blank_lines.clear()

    def _read_rows(self, block: Block) -> None:
        """Look at each cell of some rows."""
        line = block.first_line
        found: list[list[float]] = []
        for record in records(block.text):
            text = unify_line_ends(record.rstrip(b"\r\n"))
            if not text.strip(BLANKS):
                # Blank lines at the very end are harmless: they count only when a row follows.
                if len(self._blank_lines) < MOST_COUNTED:
                    self._blank_lines.append(line)
            else:
                self.has_rows = True
                self._report_blank_lines()
                values = self._numbers(text, line, has_end=len(text) < len(record))
                if values is not None:
                    found.append(values)
                    self._has_line_per_row &= b"\n" not in text
            if self.has_enough_problems():
                return
            line += count_lines(record)
        if self._problems:
            self._rows.drop()
        elif found:
            self._rows.add(np.array(found))

    def _numbers(self, record: bytes, line: int, *, has_end: bool) -> list[float] | None:
        """Return the used cells of a row as numbers, or add what is wrong with it."""
        expected = len(self._header.names)
        count = count_cells(record)
        cells, rest = split_cells(record, expected)
        if count != expected:
            rest_is_blank = not rest.strip(BLANKS + b",")
            problem = problem_of_width(
                count, expected, extra_is_blank=rest_is_blank, cut_off=not has_end
            )
            self._problems.add(replace(problem, line=line))
            return None
        used = [unquoted(cells[i]) for i in self._used_columns]
        if all(map(is_number_in_bytes, used)):
            values = [float(cell) for cell in used]
            if self._rows.can_hold(values):
                return values
        for problem in self._problems_of(cells, line):
            self._problems.add(problem)
            if self._problems.count >= MOST_COUNTED:
                break
        return None

    def _problems_of(self, cells: list[bytes], line: int) -> Iterator[Problem]:
        rules = self._rules
        for i, cell in enumerate(cells):
            if self._used[i]:
                name = self._header.names[i]
                try:
                    cell.decode("utf-8")
                except UnicodeDecodeError as error:
                    problem = problem_of_encoding(cell, error, line, i + 1)
                    yield replace(problem, name=name)
                    continue
                text = unquoted(cell).decode("utf-8")
                if i == self._header.columns.label:
                    found = problem_of_label(text, rules.max_classes, rules.offers)
                else:
                    found = problem_of_feature(text, rules.dtype, rules.offers)
                if found is not None:
                    kind, sentence = found
                    value = text.strip(" \t")
                    yield Problem(kind, sentence, line, i + 1, name, value)
            line += count_lines(cell)


class _Rows:
    """The arrays of a table that grow as rows come."""

    def __init__(self, columns: Columns, rules: Rules) -> None:
        self._columns = columns
        self._max_classes = rules.max_classes
        self._limit = largest_magnitude(rules.dtype)
        self._features = np.empty((0, len(columns.features)), rules.dtype)
        self._labels = np.empty(0, np.int64) if columns.label is not None else None
        self._count = 0

    def can_hold(self, values: list[float]) -> bool:
        """Return whether a row of finite numbers has features and a label within the limits."""
        label = 0.0 if self._columns.label is None else values[self._columns.label]
        features = [values[i] for i in self._columns.features.tolist()]
        return (
            -self._limit < min(features)
            and max(features) < self._limit
            and 0 <= label < self._max_classes
            and label.is_integer()
        )

    def add(self, numbers: np.ndarray) -> bool:
        """Append rows, and return whether all of them can be used; if not, none is appended."""
        stop = self._count + len(numbers)
        if stop > len(self._features):
            self._resize(max(stop, int(GROWTH * len(self._features))))
        table = Table(self._features, self._labels)
        if not put_numbers(numbers, table, self._count, self._columns, self._max_classes):
            return False
        self._count = stop
        return True

    def drop(self) -> None:
        """Forget all rows: a file with a problem has no table, and memory may be short."""
        self._count = 0
        self._resize(0)

    def table(self) -> Table:
        self._resize(self._count)
        return Table(self._features, self._labels)

    def _resize(self, count: int) -> None:
        # In place, where the system can: a second copy would double the memory that is needed.
        self._features.resize((count, self._features.shape[1]), refcheck=False)
        if self._labels is not None:
            self._labels.resize(count, refcheck=False)


def _among_used(columns: Columns, used: np.ndarray) -> Columns:
    """Return the same columns as indices into the used ones alone."""
    place = np.cumsum(used) - 1
    label = None if columns.label is None else int(place[columns.label])
    return replace(columns, label=label, features=place[columns.features])


def _pieces(block: Block) -> Iterator[Block]:
    """Split a block into smaller ones."""
    some: list[bytes] = []
    size, line = 0, block.first_line
    for record in records(block.text):
        some.append(record)
        size += len(record)
        if size >= PIECE_BYTES:
            text = b"".join(some)
            yield Block(text, line)
            line += count_lines(text)
            some.clear()
            size = 0
    if some:
        yield Block(b"".join(some), line)
