"""The complete reader of CSV files; it decides what is accepted.

It reads blocks of rows. In a block that is not only numbers it finds the wrong rows and cells, and
reports their lines and columns. It stops after enough problems.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import replace

import numpy as np

from .columns import Columns
from .header import Header, problem_of_encoding
from .numbers import MOST_BYTES_AT_ONCE, ORDINARY_BYTES, parse_numbers, put_numbers
from .plain import plain_rows
from .problems import (
    MOST_EXPLAINED,
    Problem,
    Problems,
    is_number_in_bytes,
    largest_magnitude,
    problem_of_feature,
    problem_of_label,
    problem_of_long_cell,
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
from .source import ByteStream, Rules, Source, Table

# Checking each cell is slow, so first the block is searched for the odd row, in smaller pieces.
BLOCK_BYTES = 1 << 18
PIECE_BYTES = (1 << 14, 1 << 10)
# Reading stops after this many problems, or after ten and this many bytes.
MOST_COUNTED = 1000
ENOUGH = 10
MOST_EXPLAINED_BYTES = 1 << 18


def read_strictly(source: Source, header: Header, rules: Rules) -> Table:
    """Read all rows, or raise one `DataError` for all their problems.

    Parameters
    ----------
    source : Source
        The open file.
    header : Header
        Its columns, and where the rows start.
    rules : Rules
        What the caller of `read_csv` passed.
    """
    problems = Problems(rules.path)
    body = _Body(header, rules, problems, _most_rows(source.stream(header.size), header))
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
    """The rows after the header: their numbers, or their problems."""

    def __init__(self, header: Header, rules: Rules, problems: Problems, most_rows: int) -> None:
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
        self._rows = _Rows(_among_used(columns, self._used), rules, most_rows)
        self._has_line_per_row = True
        self.has_rows = False

    def table(self) -> Table:
        """Return the rows, if there are no problems."""
        return self._rows.table()._replace(has_line_per_row=self._has_line_per_row)

    def has_enough_problems(self) -> bool:
        count = self._problems.count
        return count >= MOST_COUNTED or (
            count >= ENOUGH and self._explained_bytes >= MOST_EXPLAINED_BYTES
        )

    def read(self, block: Block) -> None:
        """Read the rows of a block quickly, or else piece by piece."""
        if self._read_quickly(block.text):
            return
        if not block.text.strip(BLANKS + b"\r\n"):
            self._note_blank_lines(block)
            return
        self._read_pieces(block, *PIECE_BYTES)

    def _read_pieces(self, block: Block, size: int, *smaller: int) -> None:
        for piece in _pieces(block, size):
            # The whole block was tried before.
            if len(piece.text) < len(block.text) and self._read_quickly(piece.text):
                continue
            if smaller and len(piece.text) > 2 * smaller[0]:
                self._read_pieces(piece, *smaller)
            else:
                self._explained_bytes += len(piece.text)
                self._read_rows(piece)
            if self.has_enough_problems():
                return

    def _read_quickly(self, text: bytes) -> bool:
        """Read rows that are only numbers after quotes and unused columns are removed."""
        if len(text) > MOST_BYTES_AT_ONCE:
            return False
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
            # These rows are not used any more; only their problems count.
            self._report_blank_lines()
            self._rows.restart()
        if not self._rows.add(numbers):
            return False
        self.has_rows = True
        return True

    def _note_blank_lines(self, block: Block) -> None:
        # There may be many: after a thousand, reading stops at the next row.
        count = min(count_lines(block.text), MOST_COUNTED - len(self._blank_lines))
        self._blank_lines += range(block.first_line, block.first_line + count)

    def _report_blank_lines(self) -> None:
        for line in self._blank_lines:
            self._problems.add(Problem("blank line", "found a blank line; remove it.", line))
        self._blank_lines.clear()

    def _read_rows(self, block: Block) -> None:
        """Check each cell of some rows."""
        line = block.first_line
        found: list[list[float]] = []
        for record in records(block.text):
            text = unify_line_ends(record)
            if not text.strip(BLANKS + b"\n"):
                # Blank lines at the end are allowed: they count only if a row follows.
                if len(self._blank_lines) < MOST_COUNTED:
                    self._blank_lines.append(line)
            else:
                self.has_rows = True
                self._report_blank_lines()
                values = self._numbers(text, line)
                if values is not None:
                    found.append(values)
                    self._has_line_per_row &= text.find(b"\n") in (-1, len(text) - 1)
            if self.has_enough_problems():
                return
            line += count_lines(record)
        if self._problems:
            self._rows.restart()
        elif found:
            self._rows.add(np.array(found))

    def _numbers(self, record: bytes, line: int) -> list[float] | None:
        """Return the used cells of a row as numbers, or add its problems and return None."""
        expected = len(self._header.names)
        count = count_cells(record)
        cells, rest = split_cells(record, expected)
        if count != expected:
            problem = problem_of_width(
                count,
                expected,
                extra_is_blank=not rest.strip(BLANKS + b",\n"),
                cut_off=not record.endswith(b"\n"),
            )
            self._problems.add(replace(problem, line=line))
            return None
        cells[-1] = cells[-1].removesuffix(b"\n")
        used = cells
        if len(self._used_columns) < expected:
            used = [cells[i] for i in self._used_columns]
        if b'"' in record:
            used = [unquoted(cell) for cell in used]
        values = [float(cell) if is_number_in_bytes(cell) else math.nan for cell in used]
        misfits = self._rows.misfits(values)
        if not misfits:
            return values
        self._explain(misfits, cells, record, line)
        return None

    def _explain(self, misfits: list[int], cells: list[bytes], record: bytes, line: int) -> None:
        """Add the problems of the cells of a row that cannot be used."""
        has_breaks = record.find(b"\n") < len(record) - 1  # its end aside
        for place in misfits:
            i = self._used_columns[place]
            before = b",".join(cells[:i]).count(b"\n") if has_breaks else 0
            found = self._problem_of(cells[i], line + before, i)
            if found is not None:
                self._problems.add(found)
            if self._problems.count >= MOST_COUNTED:
                break

    def _problem_of(self, cell: bytes, line: int, i: int) -> Problem | None:
        """Return the problem of the cell in column `i`, or None."""
        rules, name = self._rules, self._header.names[i]
        if len(cell) > MOST_EXPLAINED:
            start = cell[:MOST_EXPLAINED].decode("utf-8", errors="replace")
            kind, sentence = problem_of_long_cell(start, len(cell))
            return Problem(kind, sentence, line, i + 1, name, start)
        try:
            cell.decode("utf-8")
        except UnicodeDecodeError as error:
            return replace(problem_of_encoding(cell, error, line, i + 1), name=name)
        text = unquoted(cell).decode("utf-8")
        if i == self._header.columns.label:
            found = problem_of_label(text, rules.max_classes, rules.offers)
        else:
            found = problem_of_feature(text, rules.dtype, rules.offers)
        return None if found is None else Problem(*found, line, i + 1, name, text.strip(" \t"))


class _Rows:
    """The arrays of a table, of which the first `_count` rows are filled.

    They have room for all rows from the start: growing arrays would be copied, and memory that was
    never written to takes no space.
    """

    def __init__(self, columns: Columns, rules: Rules, most_rows: int) -> None:
        self._columns = columns
        self._max_classes = rules.max_classes
        self._limit = largest_magnitude(rules.dtype)
        self._features = np.empty((most_rows, len(columns.features)), rules.dtype)
        self._labels = np.empty(most_rows, np.int64) if columns.label is not None else None
        self._count = 0

    def misfits(self, values: list[float]) -> list[int]:
        """Return the positions of values that are not numbers, or out of range."""
        row = np.array(values)
        fits = np.abs(row) < self._limit
        if (at := self._columns.label) is not None:
            label = row[at]
            fits[at] = 0 <= label < self._max_classes and label == np.floor(label)
        misfits: list[int] = np.flatnonzero(~fits).tolist()
        return misfits

    def add(self, numbers: np.ndarray) -> bool:
        """Append rows if all of them can be used, and return whether that is so."""
        table = Table(self._features, self._labels)
        if not put_numbers(numbers, table, self._count, self._columns, self._max_classes):
            return False
        self._count += len(numbers)
        return True

    def restart(self) -> None:
        """Drop all rows: a file with a problem is only checked."""
        self._count = 0

    def table(self) -> Table:
        """Return the rows in arrays of exactly their size."""
        # Resized in place if possible: a copy would double the memory.
        self._features.resize((self._count, self._features.shape[1]), refcheck=False)
        if self._labels is not None:
            self._labels.resize(self._count, refcheck=False)
        return Table(self._features, self._labels)


def _most_rows(stream: ByteStream, header: Header) -> int:
    """Return an upper bound for the number of rows, from the lines and the cells."""
    size = lines = 0
    while block := stream.read(BLOCK_BYTES):
        size += len(block)
        lines += block.count(b"\n") + block.count(b"\r")
    # A used cell has a digit and a comma or line end; the last one may lack the latter.
    used = len(header.columns.features) + (header.columns.label is not None)
    return min(lines + 1, (size + 1) // (2 * used))


def _among_used(columns: Columns, used: np.ndarray) -> Columns:
    """Return the same columns as indices into the used ones."""
    place = np.cumsum(used) - 1
    label = None if columns.label is None else int(place[columns.label])
    return replace(columns, label=label, features=place[columns.features])


def _pieces(block: Block, most: int) -> Iterator[Block]:
    """Split a block into smaller blocks of whole rows."""
    some: list[bytes] = []
    size, line = 0, block.first_line
    for record in records(block.text):
        some.append(record)
        size += len(record)
        if size >= most:
            text = b"".join(some)
            yield Block(text, line)
            line += count_lines(text)
            some.clear()
            size = 0
    if some:
        yield Block(b"".join(some), line)
