"""Where the records of a CSV file end, and the cells in them: a header or row is one record.

It works on bytes and with regular expressions that never go back, so that any text, however
malformed, takes time and memory in proportion to its length. It knows nothing of numbers.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import NamedTuple

from .problems import Problem, Problems, advice, fail
from .source import ByteStream, Rules

BLANKS = b" \t"
BLOCK_BYTES = 1 << 18

# A cell is quoted where its first character is a quote, blanks aside. In quotes, commas and line
# ends are text, and a doubled quote is one quote. A quote later in a cell is like any character.
# The numbers bound the memory of a match, which grows with each turn of a repeated group. No cell
# that anybody wrote has more quotes; one that does counts as never closed.
_IN_QUOTES = rb'[ \t]*+"[^"]*+(?:""[^"]*+){0,65536}+"(?!")'
_CELL = rb'(?:%b|(?![ \t]*+"))[^,\r\n]*+' % _IN_QUOTES
_SOME_CELLS = rb"(?:%b,){0,4096}+" % _CELL

_cell_at = re.compile(_CELL).match
_some_cells_at = re.compile(_SOME_CELLS).match
_some_records_at = re.compile(rb"(?:%b%b(?:\r\n?|\n)){0,1024}+" % (_SOME_CELLS, _CELL)).match
_many_cells_at = re.compile(rb"(?:%b,){4096}" % _CELL).match
_drop_quoted = re.compile(rb"(?:\A|(?<=,))%b" % _IN_QUOTES).sub
_in_quotes = re.compile(_IN_QUOTES).match


class Block(NamedTuple):
    """Some whole records, each with its line end except perhaps the last one of the file."""

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
    """Read whole records, several at a time; `line` is the number of the first line.

    Raises
    ------
    DataError
        A record is too long, or a quote in it is never closed; `problems` come before that. With
        `most_cells`, a record with more of them ends the reading before it is complete.
    """
    rest = b""
    scanned = 0  # up to here, the record at the start of `rest` has whole cells
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
        # Twice as much each time, so that looking for the end of a long record stays linear.
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
    """Return how many cells a record has, without splitting it."""
    if b'"' not in record:
        return record.count(b",") + 1
    count = start = 0
    while found := _many_cells_at(record, start):
        count += 4096
        start = found.end()
    return count + _drop_quoted(b"", record[start:]).count(b",") + 1


def split_cells(record: bytes, most: int) -> tuple[list[bytes], bytes]:
    """Return the first `most` cells as they are written, and all that is behind them.

    The line end of the record counts as blanks of the last cell.
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
    """Return what a cell holds: without the quotes around it, and with single quotes inside."""
    found = _in_quotes(cell) if b'"' in cell else None
    if found is None:
        return cell
    behind = cell[found.end() :]
    inside = found.group().lstrip(BLANKS)[1:-1].replace(b'""', b'"')
    # Text behind a closing quote is no part of a number: "5"6 must not become 56.
    return b'"' + inside + b'"' + behind if behind.strip(BLANKS) else inside


def count_lines(text: bytes) -> int:
    """Return the number of line ends: LF, CR LF and CR."""
    count = text.count(b"\n")
    if b"\r" in text:
        count += text.count(b"\r") - text.count(b"\r\n")
    return count


def unify_line_ends(text: bytes) -> bytes:
    """Return the text with an LF for each CR LF and each CR."""
    return text.replace(b"\r\n", b"\n").replace(b"\r", b"\n") if b"\r" in text else text


def _end_of_records(text: bytes, scanned: int) -> tuple[int, int]:
    """Return where the last whole record ends, 0 if there is none, and the last whole cell."""
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
    """Return where the last cell of the record begins, or some thousand cells before that."""
    while True:
        found = _some_cells_at(text, start, len(text) if end is None else end)
        assert found is not None, "the pattern matches an empty text too"
        if found.end() == start or at_most_some:
            return found.end()
        start = found.end()


def _check_first_record(text: bytes, end: int, line: int, rules: Rules, problems: Problems) -> None:
    """Refuse a record beyond the limit; only the first can be, for that much is read at most."""
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
    """Raise where the record at the start of `text` has a quote that is not closed in it."""
    start = _last_cell(text, 0)
    if _cell_at(text, start) is not None:
        return
    before = text[:start]
    sentence = "unclosed quote: the quote that opens here is never closed."
    place = line + count_lines(before)
    problems.add(Problem("unclosed quote", sentence, place, count_cells(before)))
    problems.raise_if_any()


def _check_count(text: bytes, line: int, most: int, rules: Rules) -> None:
    """Refuse a header of too many columns before all of it is read."""
    if count_cells(text) > most:
        fail(rules.path, too_many_columns(f"more than {most}", line, most, rules))


def too_many_columns(found: object, line: int, most: int, rules: Rules) -> Problem:
    """Return the problem of a header with more columns than allowed."""
    hint = advice(rules.offers, "max_columns", "; pass {} to allow more")
    sentence = f"found {found} columns; limit {most}{hint}."
    return Problem("too many columns", sentence, line)
