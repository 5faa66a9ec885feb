"""Splits a CSV file into records, which are the header and the rows, and records into cells.

It works on bytes, with regular expressions that do not backtrack: any text takes time and memory
in proportion to its length. It does not parse numbers.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import NamedTuple

from .problems import Problem, Problems, advice, fail
from .rules import Rules
from .source import ByteStream

BLANKS = b" \t"
BLOCK_BYTES = 1 << 18

# A cell is quoted if its first character after blanks is a quote. In quotes, commas and line ends
# are text, and a doubled quote is one quote. A quote later in a cell is an ordinary character. The
# repeat counts limit the memory of a match. A cell with more quotes counts as never closed.
# A group that repeats is atomic and not possessive: in Python 3.11.2, a possessive one that fails
# leaves the position where it failed, and a quote that is never closed would match.
_IN_QUOTES = rb'[ \t]*+"[^"]*+(?>(?:""[^"]*+){0,65536})"(?!")'
_CELL = rb'(?:%b|(?![ \t]*+"))[^,\r\n]*+' % _IN_QUOTES
_SOME_CELLS = rb"(?>(?:%b,){0,4096})" % _CELL

_cell_at = re.compile(_CELL).match
_some_cells_at = re.compile(_SOME_CELLS).match
_some_records_at = re.compile(rb"(?>(?:%b%b(?:\r\n?|\n)){0,1024})" % (_SOME_CELLS, _CELL)).match
_many_cells_at = re.compile(rb"(?:%b,){4096}" % _CELL).match
_drop_quoted = re.compile(rb"(?:\A|(?<=,))%b" % _IN_QUOTES).sub
_in_quotes = re.compile(_IN_QUOTES).match


class Block(NamedTuple):
    """Some whole records with their line ends; the last one of a file may have none."""

    text: bytes
    first_line: int


def blocks(
    stream: ByteStream,
    line: int,
    rules: Rules,
    problems: Problems,
    *,
    most_cells: int | None = None,
) -> Iterator[Block]:
    """Read whole records, several at a time.

    Parameters
    ----------
    stream : ByteStream
        The text.
    line : int
        The number of its first line.
    rules : Rules
        Has the limits.
    problems : Problems
        Problems found so far; they are raised together with one found here.
    most_cells : int, optional
        Refuse a record with more cells before all of it is read.

    Raises
    ------
    DataError
        A record is too long, has too many cells, or has a quote that is never closed.
    """
    rest = b""
    scanned = 0  # the record at the start of `rest` has whole cells up to here
    size = min(BLOCK_BYTES, rules.max_line_bytes)
    while block := stream.read(size):
        text = rest + block if rest else block
        del block
        end, scanned = _end_of_records(text, scanned)
        _check_first_record(text, end, line, rules, problems)
        if most_cells is not None and not end:
            _check_count(text[:scanned], line, most_cells, rules)
        rest = text[end:]
        scanned -= end
        # Doubled each time, so that the search for the end of a long record stays linear.
        size = min(BLOCK_BYTES if end else max(size, len(rest)), rules.max_line_bytes)
        if end:
            text = text[:end]
            yield Block(text, line)
            line += count_lines(text)
    if rest:
        _check_closed(rest, line, problems)
        yield Block(rest, line)


def records(text: bytes) -> Iterator[bytes]:
    """Split a block into its records, line ends included."""
    if b'"' not in text:
        yield from text.splitlines(keepends=True)
        return
    start = 0
    while start < len(text):
        found = _cell_at(text, _last_cell(text, start))
        assert found is not None, "a block holds whole records"
        end = found.end()
        end += 2 if text.startswith(b"\r\n", end) else 1
        yield text[start:end]
        start = end


def count_cells(record: bytes) -> int:
    """Count the cells of a record without splitting it."""
    if b'"' not in record:
        return record.count(b",") + 1
    count = start = 0
    while found := _many_cells_at(record, start):
        count += 4096
        start = found.end()
    return count + _drop_quoted(b"", record[start:]).count(b",") + 1


def split_cells(record: bytes, most: int) -> tuple[list[bytes], bytes]:
    """Return the first `most` cells as they are written, and the rest of the record.

    The line end belongs to the last cell.
    """
    if b'"' not in record:
        cells = record.split(b",", most)
        rest = cells.pop() if len(cells) > most else b""
        return cells, rest
    cells, start = [], 0
    while len(cells) < most and start <= len(record):
        found = _cell_at(record, start)
        assert found is not None, "a record has no open quote"
        cells.append(found.group())
        start = found.end() + 1
    return cells, record[start:]


def unquoted(cell: bytes) -> bytes:
    """Return the content of a cell: without its quotes, and with doubled quotes as one."""
    found = _in_quotes(cell) if b'"' in cell else None
    if found is None:
        return cell
    behind = cell[found.end() :]
    inside = found.group().lstrip(BLANKS)[1:-1].replace(b'""', b'"')
    # Text after a closing quote does not belong to a number: "5"6 must not become 56.
    return b'"' + inside + b'"' + behind if behind.strip(BLANKS) else inside


def count_lines(text: bytes) -> int:
    """Count the line ends: LF, CR LF and CR."""
    count = text.count(b"\n")
    if b"\r" in text:
        count += text.count(b"\r") - text.count(b"\r\n")
    return count


def unify_line_ends(text: bytes) -> bytes:
    """Replace each CR LF and each CR by LF."""
    return text.replace(b"\r\n", b"\n").replace(b"\r", b"\n") if b"\r" in text else text


def _end_of_records(text: bytes, scanned: int) -> tuple[int, int]:
    """Return the end of the last whole record, or 0, and the end of the last whole cell."""
    # A CR at the end may be the first half of a CR LF.
    known = len(text) - 1 if text.endswith(b"\r") else len(text)
    if b'"' not in text:
        end = max(text.rfind(b"\n"), text.rfind(b"\r", 0, known)) + 1
        return end, max(end, text.rfind(b",") + 1)
    end, cell = 0, scanned
    while True:
        found = _some_records_at(text, cell, known)
        assert found is not None, "the pattern matches an empty text too"
        if found.end() > cell:
            end = cell = found.end()
            continue
        start, cell = cell, _last_cell(text, cell, known, at_most_some=True)
        if cell == start:
            return end, cell


def _last_cell(
    text: bytes, start: int, end: int | None = None, *, at_most_some: bool = False
) -> int:
    """Return the start of the last cell of the record, or of one some thousand cells before."""
    while True:
        found = _some_cells_at(text, start, len(text) if end is None else end)
        assert found is not None, "the pattern matches an empty text too"
        if found.end() == start or at_most_some:
            return found.end()
        start = found.end()


def _check_first_record(text: bytes, end: int, line: int, rules: Rules, problems: Problems) -> None:
    """Refuse a first record beyond the limit; later ones cannot be longer than what is read."""
    if len(text) <= rules.max_line_bytes:
        return
    if end:
        first = next(records(text[:end]))
        if len(first.rstrip(b"\r\n")) <= rules.max_line_bytes:
            return
    elif len(text) == rules.max_line_bytes + 1 and text.endswith(b"\r"):
        return
    else:
        _check_closed(text, line, problems)
    sentence = (
        f"the line is longer than the limit of {rules.max_line_bytes} bytes. Is it a CSV file "
        f"with line ends?{advice(rules.offers, 'max_line_bytes', ' Pass {} to allow more.')}"
    )
    problems.add(Problem("line too long", sentence, line))
    problems.raise_if_any()


def _check_closed(text: bytes, line: int, problems: Problems) -> None:
    """Raise if the first record of `text` has a quote that is never closed."""
    start = _last_cell(text, 0)
    if _cell_at(text, start) is not None:
        return
    before = text[:start]
    sentence = "unclosed quote: the quote that opens here is never closed."
    place = line + count_lines(before)
    problems.add(Problem("unclosed quote", sentence, place, count_cells(before)))
    problems.raise_if_any()


def _check_count(text: bytes, line: int, most: int, rules: Rules) -> None:
    """Refuse a header with too many columns before all of it is read."""
    if count_cells(text) > most:
        fail(rules.path, too_many_columns(f"more than {most}", line, most, rules))


def too_many_columns(found: object, line: int, most: int, rules: Rules) -> Problem:
    """Return the problem of a header with more columns than allowed.

    Parameters
    ----------
    found : object
        Their number, or a text.
    line : int
        The line of the header.
    most : int
        The limit.
    rules : Rules
        Has the options that the message may recommend.
    """
    hint = advice(rules.offers, "max_columns", "; pass {} to allow more")
    sentence = f"found {found} columns; limit {most}{hint}."
    return Problem("too many columns", sentence, line)
