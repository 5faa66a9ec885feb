"""The complete reader of CSV files; it decides what is accepted.

It reads blocks of rows. In a block that is not only numbers it finds the wrong rows and cells, and
reports their lines and columns. It stops after enough problems.
"""

from __future__ import annotations

import math
from array import array
from collections.abc import Iterator
from dataclasses import replace

import numpy as np

from .cells import (
    MOST_EXPLAINED,
    is_missing,
    is_number_in_bytes,
    largest_magnitude,
    problem_of_feature,
    problem_of_label,
    problem_of_long_cell,
    problem_of_name,
    too_many_names,
    written,
)
from .columns import Columns
from .fast import empty_labels
from .header import Header, blank_name, problem_of_encoding
from .numbers import are_labels, put_numbers
from .problems import Problem, Problems, fail, problem_of_width
from .quick import QuickReader, Rows
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
from .source import ByteStream, Source, Table

# Checking each cell is slow, so first the block is searched for the odd row, in smaller pieces.
BLOCK_BYTES = 1 << 18
PIECE_BYTES = (1 << 14, 1 << 10)
# Reading stops after this many problems, or after ten and this many bytes.
MOST_COUNTED = 1000
ENOUGH = 10
MOST_EXPLAINED_BYTES = 1 << 18


def read_strictly(
    source: Source, header: Header, columns: Columns, rules: Rules
) -> tuple[Table, QuickReader]:
    """Read all rows, or raise one `DataError` for all their problems.

    Parameters
    ----------
    source : Source
        The open file.
    header : Header
        Its columns, and where the rows start.
    columns : Columns
        Which of them are used, and how.
    rules : Rules
        What the caller of `read_csv` passed.

    Returns
    -------
    table : Table
        The rows. Columns of text have the codes of `reader`.
    reader : QuickReader
        Has the texts.
    """
    problems = Problems(rules.path)
    most_rows = _most_rows(source.stream(header.size), columns, rules)
    body = _Body(header, columns, rules, problems, most_rows)
    for block in blocks(source.stream(header.size), header.lines + 1, rules, problems):
        body.read(block)
        if body.has_enough_problems():
            problems.all_read = False
            break
    if not body.has_rows:
        problems.add(Problem("no data rows", "no data rows after the header line."))
    problems.raise_if_any()
    return body.table(), body.reader


class _Body:
    """The rows after the header: their numbers, or their problems."""

    def __init__(
        self, header: Header, columns: Columns, rules: Rules, problems: Problems, most_rows: int
    ) -> None:
        self._header = header
        self._columns = columns
        self._rules = rules
        self._problems = problems
        self._blank_lines: list[int] = []
        self._explained_bytes = 0
        self.reader = QuickReader(header, columns, rules)
        self._used = self.reader.used
        self._extra = [i for i in (columns.id, columns.index) if i is not None]
        self._rows = _Rows(_among_used(columns, self._used), rules, most_rows)
        self._has_line_per_row = True
        self.has_rows = False

    def table(self) -> Table:
        """Return the rows, if there are no problems."""
        if self._columns.index is not None and not self._rows.index_is_unique():
            fail(self._rules.path, blank_name(self._header.line, self._columns.index + 1))
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
        """Read rows all of whose cells can be used; return whether that is so."""
        if not text.strip(BLANKS + b"\r\n"):
            return False
        rows = self.reader.read(text)
        if rows is None:
            return False
        self._has_line_per_row &= len(rows.numbers) == max(count_lines(text), 1)
        if self._problems or self._blank_lines:
            # These rows are not used any more; only their problems count.
            self._report_blank_lines()
            self._rows.restart()
        if not self._add(rows):
            return False
        self.has_rows = True
        return True

    def _add(self, rows: Rows) -> bool:
        if not self._rows.add(rows):
            return False
        for place, column in enumerate(self._used):
            if column in self.reader.texts:
                self.reader.texts[column].note(rows.numbers[:, place])
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
        extra: list[list[bytes]] = []
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
                    if self._extra:
                        cells = split_cells(text.removesuffix(b"\n"), len(self._header.names))[0]
                        extra.append([cells[i] for i in self._extra])
                    self._has_line_per_row &= text.find(b"\n") in (-1, len(text) - 1)
            if self.has_enough_problems():
                return
            line += count_lines(record)
        if self._problems:
            self._rows.restart()
        elif found:
            self._add(self._as_rows(found, extra))

    def _as_rows(self, numbers: list[list[float]], extra: list[list[bytes]]) -> Rows:
        columns = list(map(list, zip(*extra, strict=True)))
        ids = columns.pop(0) if columns and self._columns.id is not None else []
        differing = columns[0] if columns else []
        return Rows(np.array(numbers), self.reader.ids_of(ids) or [], differing)

    def _numbers(self, record: bytes, line: int) -> list[float] | None:
        """Return the used cells of a row as numbers, or add its problems and return None."""
        expected = len(self._header.names)
        count = count_cells(record)
        cells, rest = split_cells(record, expected)
        if count != expected:
            problem = problem_of_width(
                count,
                expected,
                self._header.layout.separator,
                extra_is_blank=not rest.strip(BLANKS + b",\n"),
                cut_off=not record.endswith(b"\n"),
            )
            self._problems.add(replace(problem, line=line))
            return None
        cells[-1] = cells[-1].removesuffix(b"\n")
        values = [self._value(i, cells[i]) for i in self._used]
        misfits = [self._used[place] for place in self._rows.misfits(values)]
        if self._columns.id is not None and self.reader.ids_of([cells[self._columns.id]]) is None:
            misfits.append(self._columns.id)
        if not misfits:
            return values
        self._explain(sorted(misfits), cells, record, line)
        return None

    def _value(self, i: int, cell: bytes) -> float:
        """Return a cell as a number: NaN if it is missing and may be, infinite if it is wrong."""
        if i in self.reader.texts:
            return float(self.reader.values_of(i, [cell])[0])
        bare = unquoted(cell)
        if is_number_in_bytes(bare):
            return float(bare)
        if self._rules.allows_missing and is_missing(written(bare, self._header.layout)):
            return math.nan
        return math.inf

    def _explain(self, misfits: list[int], cells: list[bytes], record: bytes, line: int) -> None:
        """Add the problems of the cells of a row that cannot be used."""
        has_breaks = record.find(b"\n") < len(record) - 1  # its end aside
        for i in misfits:
            before = b",".join(cells[:i]).count(b"\n") if has_breaks else 0
            found = self._problem_of(cells[i], line + before, i)
            if found is not None:
                self._problems.add(found)
            if self._problems.count >= MOST_COUNTED:
                break

    def _problem_of(self, cell: bytes, line: int, i: int) -> Problem | None:
        """Return the problem of the cell in column `i`, or None."""
        rules, name, layout = self._rules, self._header.names[i], self._header.layout
        is_text = i in self.reader.texts
        if len(cell) > MOST_EXPLAINED and not is_text:
            start = cell[:MOST_EXPLAINED].decode("utf-8", errors="replace")
            kind, sentence = problem_of_long_cell(start, len(cell))
            return Problem(kind, sentence, line, i + 1, name, start)
        try:
            layout.original(cell).decode("utf-8")
        except UnicodeDecodeError as error:
            encoding = problem_of_encoding(layout.original(cell), error, line, i + 1)
            return replace(encoding, name=name)
        bare, is_label = unquoted(cell).strip(BLANKS), i == self._columns.label
        if is_text:
            texts = self.reader.texts[i]
            known = texts.names if texts.is_known else ()
            found = problem_of_name(bare, known, rules, layout, is_label=is_label)
            if found is None and is_label:
                found = "too many classes", too_many_names(rules)
        elif is_label:
            found = problem_of_label(bare, rules, layout)
        else:
            found = problem_of_feature(bare, name, rules, layout)
        return None if found is None else Problem(*found, line, i + 1, name, written(bare, layout))


class _Rows:
    """The arrays of a table, of which the first `_count` rows are filled.

    They have room for all rows from the start: growing arrays would be copied, and memory that was
    never written to takes no space.
    """

    def __init__(self, columns: Columns, rules: Rules, most_rows: int) -> None:
        self._columns = columns
        self._rules = rules
        self._limit = largest_magnitude(rules.dtype)
        self._features = rules.table(most_rows, len(columns.features))
        self._labels = empty_labels(most_rows, columns, rules)
        self._ids: list[str] = []
        self._index = array("q")
        self._count = 0

    def misfits(self, values: list[float]) -> list[int]:
        """Return the positions of values that are not numbers, or out of range."""
        row = np.array(values)
        fits = np.abs(row) < self._limit
        if self._rules.allows_missing:
            fits |= np.isnan(row)
        if (at := self._columns.label) is not None:
            fits[at] = are_labels(row[at : at + 1], self._rules)[0]
        misfits: list[int] = np.flatnonzero(~fits).tolist()
        return misfits

    def add(self, rows: Rows) -> bool:
        """Append rows if all of them can be used, and return whether that is so."""
        table = Table(self._features, self._labels)
        if not put_numbers(rows.numbers, table, self._count, self._columns, self._rules):
            return False
        self._count += len(rows.numbers)
        self._ids += rows.ids
        self._index.extend(map(hash, rows.differing))
        return True

    def index_is_unique(self) -> bool:
        """Return whether the cells that must differ do."""
        hashes = np.frombuffer(self._index, np.int64)
        return len(np.unique(hashes)) == len(hashes)

    def restart(self) -> None:
        """Drop all rows: a file with a problem is only checked."""
        self._count = 0
        self._ids.clear()
        del self._index[:]

    def table(self) -> Table:
        """Return the rows in arrays of exactly their size."""
        # Resized in place if possible: a copy would double the memory.
        self._features.resize((self._count, self._features.shape[1]), refcheck=False)
        if self._labels is not None:
            self._labels.resize(self._count, refcheck=False)
        return Table(self._features, self._labels, ids=self._ids)


def _most_rows(stream: ByteStream, columns: Columns, rules: Rules) -> int:
    """Return an upper bound for the number of rows, from the lines and the cells."""
    size = lines = 0
    while block := stream.read(BLOCK_BYTES):
        size += len(block)
        lines += block.count(b"\n") + block.count(b"\r")
    # A used cell has a character and a comma or line end; the last one may lack the latter.
    used = len(columns.features) + (columns.label is not None)
    return min(lines + 1, (size + 1) // (used if rules.allows_missing else 2 * used))


def _among_used(columns: Columns, used: list[int]) -> Columns:
    """Return the same columns as indices into the used ones."""
    label = None if columns.label is None else used.index(columns.label)
    return replace(columns, label=label, features=np.searchsorted(used, columns.features))


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
