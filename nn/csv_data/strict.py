"""The complete reader of CSV files: slow, and the reference for what is accepted.

It looks at every cell by itself and knows its file, line and column, so that it can name
everything that is wrong. It does not try to be fast; `fast` reads ordinary files.
"""

from __future__ import annotations

from array import array
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import NamedTuple, NoReturn

import numpy as np

from .columns import Columns, columns_by_position, select_columns
from .problems import (
    Problem,
    Problems,
    fail,
    is_number,
    largest_magnitude,
    problem_of_feature,
    problem_of_label,
    problem_of_width,
    shown,
)
from .source import ByteStream, Rules, Source, Table

__all__ = ["Header", "read_header", "read_strictly"]

BLANKS = " \t"
BLOCK_BYTES = 1 << 20
CELLS_AT_A_TIME = 1 << 18
OTHER_SEPARATORS = (";", "\t", "|")


@dataclass(frozen=True)
class Header:
    """The column names, the label's included, and how much of the file they take."""

    names: tuple[str, ...]
    columns: Columns
    lines: int
    size: int


class Line(NamedTuple):
    """A physical line without its end; `size` counts the bytes, the end included."""

    number: int
    text: str
    size: int
    has_end: bool
    bad_byte: Problem | None


class Record(NamedTuple):
    """A header or row: its cells, and for each cell the line on which it starts."""

    cells: list[str]
    cell_lines: list[int]
    last: Line
    size: int
    bad_byte: Problem | None


def read_header(source: Source, rules: Rules) -> Header:
    """Read the column names, or raise `DataError` where they cannot be trusted."""
    problems = Problems(rules.path)
    record = next(_records(_lines(source.stream(), 1, rules), rules, problems), None)
    if record is None or _is_blank(record):
        fail(rules.path, Problem("no header", "no header: the first line is blank.", 1))
    if record.bad_byte:
        fail(rules.path, record.bad_byte)
    names = [cell.strip() for cell in record.cells]
    if problem := _problem_of_header(names, rules):
        if problem.kind == "no header" and rules.by_position and rules.label == "optional":
            columns = columns_by_position(len(names), rules)
            return Header(columns.names, columns, 0, 0)
        fail(rules.path, problem)
    for problem in _problems_of_names(names, record.cell_lines):
        problems.add(problem)
    problems.raise_if_any()
    columns = select_columns(names, rules)
    return Header(tuple(names), columns, record.last.number, record.size)


def read_strictly(source: Source, header: Header, rules: Rules) -> Table:
    """Read all rows, or raise one `DataError` for everything that is wrong with them."""
    problems = Problems(rules.path)
    builder = _TableBuilder(header, rules)
    blank_lines: list[int] = []
    found_rows = False
    lines = _lines(source.stream(header.size), header.lines + 1, rules)
    for record in _records(lines, rules, problems):
        if _is_blank(record):
            blank_lines.append(record.cell_lines[0])
            continue
        found_rows = True
        # Blank lines at the very end are harmless, so they count only when a row follows.
        for number in blank_lines:
            problems.add(Problem("blank line", "found a blank line; remove it.", number))
        blank_lines.clear()
        if values := _numbers(record, header, rules, problems):
            builder.add(values)
    if not found_rows:
        problems.add(Problem("no data rows", "no data rows after the header line."))
    problems.raise_if_any()
    return builder.table()


class _TableBuilder:
    """Rows of float64 numbers on their way into the arrays asked for."""

    def __init__(self, header: Header, rules: Rules) -> None:
        self._columns = header.columns
        self._width = len(header.names)
        self._dtype = rules.dtype
        self._waiting = array("d")
        self._features: list[np.ndarray] = []
        self._labels: list[np.ndarray] = []

    def add(self, values: list[float]) -> None:
        self._waiting.extend(values)
        if len(self._waiting) >= CELLS_AT_A_TIME:
            self._convert()

    def table(self) -> Table:
        self._convert()
        labels = np.concatenate(self._labels) if self._columns.label is not None else None
        return Table(np.concatenate(self._features), labels)

    def _convert(self) -> None:
        rows = np.array(self._waiting).reshape(-1, self._width)
        self._waiting = array("d")
        if self._columns.label is not None:
            self._labels.append(rows[:, self._columns.label].astype(np.int64))
        with np.errstate(under="ignore"):
            self._features.append(rows[:, self._columns.features].astype(self._dtype, order="C"))


def _lines(stream: ByteStream, number: int, rules: Rules) -> Iterator[Line]:
    """Split at LF, CR LF and CR, in blocks, and number the lines from `number` on."""
    rest = b""
    while True:
        block = stream.read(BLOCK_BYTES)
        pieces = (rest + block).splitlines(keepends=True)
        # The last piece may go on in the next block; so may a CR that an LF follows.
        rest = pieces.pop() if pieces and block and not pieces[-1].endswith(b"\n") else b""
        for piece in pieces:
            yield _line(piece, number, rules)
            number += 1
        if len(rest) > rules.max_line_bytes + 1:
            _fail_on_length(number, rules)
        if not block:
            return


def _line(piece: bytes, number: int, rules: Rules) -> Line:
    content = piece.rstrip(b"\r\n")
    if len(content) > rules.max_line_bytes:
        _fail_on_length(number, rules)
    problem = None
    try:
        text = content.decode("utf-8")
    except UnicodeDecodeError as error:
        text = content.decode("utf-8", errors="replace")
        column = content[: error.start].count(b",") + 1
        byte = f"0x{content[error.start]:02x}"
        sentence = f"byte {byte} is not UTF-8. Save the file as UTF-8."
        problem = Problem("not UTF-8", sentence, number, column, value=byte)
    return Line(number, text, len(piece), len(content) < len(piece), problem)


def _fail_on_length(number: int, rules: Rules) -> NoReturn:
    sentence = (
        f"the line is longer than the limit of {rules.max_line_bytes} bytes. "
        "Is it one CSV file with line ends? Otherwise pass a larger max_line_bytes."
    )
    fail(rules.path, Problem("line too long", sentence, number))


def _records(lines: Iterator[Line], rules: Rules, problems: Problems) -> Iterator[Record]:
    for line in lines:
        if '"' in line.text:
            yield _QuotedLine(line, lines, rules, problems).record()
        else:
            cells = line.text.split(",")
            yield Record(cells, [line.number] * len(cells), line, line.size, line.bad_byte)


class _QuotedLine:
    """Splits a line that holds quotes; a cell in quotes may go on over the following lines."""

    def __init__(self, line: Line, lines: Iterator[Line], rules: Rules, problems: Problems) -> None:
        self._line = line
        self._lines = lines
        self._rules = rules
        self._problems = problems
        self._position = 0
        self._size = line.size
        self._bad_byte = line.bad_byte
        self._cells: list[str] = []
        self._cell_lines: list[int] = []

    def record(self) -> Record:
        """Return the cells up to the end of the line on which the last of them ends."""
        while True:
            self._cell_lines.append(self._line.number)
            self._cells.append(self._cell())
            if self._position == len(self._line.text):
                break
            self._position += 1  # the comma
        return Record(self._cells, self._cell_lines, self._line, self._size, self._bad_byte)

    def _cell(self) -> str:
        text = self._line.text
        start = self._position
        while text[start : start + 1] in (" ", "\t"):
            start += 1
        if not text.startswith('"', start):
            return self._up_to_comma()
        self._position = start + 1
        inside = self._up_to_closing_quote()
        behind = self._up_to_comma()
        # Text behind a closing quote is no part of a number: "5"6 must not become 56.
        return f'"{inside}"{behind}' if behind.strip(BLANKS) else inside

    def _up_to_comma(self) -> str:
        text, start = self._line.text, self._position
        comma = text.find(",", start)
        self._position = len(text) if comma < 0 else comma
        return text[start : self._position]

    def _up_to_closing_quote(self) -> str:
        pieces: list[str] = []
        while True:
            text, start = self._line.text, self._position
            quote = text.find('"', start)
            if quote < 0:
                pieces.append(text[start:] + "\n")
                self._go_to_next_line()
            elif text.startswith('""', quote):
                pieces.append(text[start : quote + 1])
                self._position = quote + 2
            else:
                self._position = quote + 1
                return "".join([*pieces, text[start:quote]])

    def _go_to_next_line(self) -> None:
        following = next(self._lines, None)
        if following is None or self._size > self._rules.max_line_bytes:
            sentence = "unclosed quote: the quote that opens here is never closed."
            column = len(self._cells) + 1
            self._problems.add(Problem("unclosed quote", sentence, self._cell_lines[-1], column))
            self._problems.raise_if_any()
            raise AssertionError("a problem was added, so this line is never reached")
        self._line = following
        self._position = 0
        self._size += following.size
        self._bad_byte = self._bad_byte or following.bad_byte


def _is_blank(record: Record) -> bool:
    # The text, not the cell: a pair of quotes with nothing between is a value, if a bad one.
    return len(record.cells) == 1 and not record.last.text.strip(BLANKS)


def _problem_of_header(names: list[str], rules: Rules) -> Problem | None:
    """Return what makes the first line useless as a whole, or None."""
    first, count = names[0], len(names)
    given = [name for name in names if name]
    if first.startswith("#"):
        sentence = "found a comment line; the first line must be column names."
        return Problem("no header", sentence, 1, value=first)
    if count == 1 and (found := [mark for mark in OTHER_SEPARATORS if mark in first]):
        sentence = f"the separator looks like {found[0]!r}, expected ','. Save it with commas."
        return Problem("separator", sentence, 1, value=found[0])
    if count > rules.max_columns:
        sentence = f"found {count} columns; limit {rules.max_columns}; pass a larger max_columns."
        return Problem("too many columns", sentence, 1)
    if given and all(map(is_number, given)):
        sentence = (
            f"found {shown(','.join(names[:20]))}, which looks like data; "
            "the first line must be column names, such as label,pixel1,pixel2."
        )
        return Problem("no header", sentence, 1)
    return None


def _problems_of_names(names: list[str], cell_lines: list[int]) -> Iterator[Problem]:
    first_seen: dict[str, int] = {}
    for column, (name, line) in enumerate(zip(names, cell_lines, strict=True), start=1):
        if not name:
            sentence = "the column name is blank; name the column, or remove it."
            yield Problem("blank column name", sentence, line, column, value=name)
        elif "\0" in name:
            sentence = f"the column name {shown(name)} holds a NUL byte; the file is damaged."
            yield Problem("NUL byte", sentence, line, column, value=name)
        elif name in first_seen:
            sentence = (
                f"the column name {shown(name)} stands at columns {first_seen[name]} "
                f"and {column}; every name must be different."
            )
            yield Problem("duplicate column name", sentence, line, column, name, name)
        first_seen.setdefault(name, column)


def _numbers(
    record: Record, header: Header, rules: Rules, problems: Problems
) -> list[float] | None:
    """Return the row as numbers, or add what is wrong with it to `problems` and return None."""
    if record.bad_byte:
        problems.add(record.bad_byte)
        return None
    if len(record.cells) != len(header.names):
        problems.add(_width_problem(record, header))
        return None
    used = _used(header)
    if all(is_number(cell) for cell, use in zip(record.cells, used, strict=True) if use):
        values = [float(cell) if use else 0.0 for cell, use in zip(record.cells, used, strict=True)]
        if _are_sound(values, header, rules):
            return values
    for problem in _problems_of_cells(record, header, rules):
        problems.add(problem)
    return None


def _used(header: Header) -> list[bool]:
    used = np.zeros(len(header.names), bool)
    used[header.columns.features] = True
    if header.columns.label is not None:
        used[header.columns.label] = True
    return used.tolist()


def _are_sound(values: list[float], header: Header, rules: Rules) -> bool:
    at = header.columns.label
    label = values[at] if at is not None else 0.0
    features = [values[i] for i in header.columns.features]
    limit = largest_magnitude(rules.dtype)
    return (
        -limit < min(features)
        and max(features) < limit
        and 0 <= label < rules.max_classes
        and label.is_integer()
    )


def _problems_of_cells(record: Record, header: Header, rules: Rules) -> Iterator[Problem]:
    used = _used(header)
    for index, cell in enumerate(record.cells):
        if not used[index]:
            continue
        if index == header.columns.label:
            found = problem_of_label(cell, rules.max_classes)
        else:
            found = problem_of_feature(cell, rules.dtype)
        if found is not None:
            kind, sentence = found
            line, name = record.cell_lines[index], header.names[index]
            yield Problem(kind, sentence, line, index + 1, name, cell.strip(BLANKS))


def _width_problem(record: Record, header: Header) -> Problem:
    expected = len(header.names)
    problem = problem_of_width(
        len(record.cells),
        expected,
        extra_is_blank=not any(cell.strip(BLANKS) for cell in record.cells[expected:]),
        cut_off=not record.last.has_end,
    )
    return replace(problem, line=record.cell_lines[0])
