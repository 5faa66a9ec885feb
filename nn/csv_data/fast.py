"""The quick reader of CSV files, for those with nothing unusual in them.

It looks over the bytes, lets pandas' C parser turn them into numbers, and checks the numbers. It
never explains: where anything looks odd it returns None, and `strict` decides.
"""

from __future__ import annotations

import csv
import io
import os
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from itertools import islice
from typing import Any, NamedTuple

import numpy as np

from .source import ByteStream, Rules, Source, Table
from .strict import Header

__all__ = ["read_fast"]

# Plain numbers only: pandas also takes "inf" and form feeds, and versions of it stop at a NUL.
ORDINARY_BYTES = b"0123456789+-.eE, \t\r\n"
WHOLE_NUMBER_BYTES = b"0123456789, \t\n"
COMMA, LINE_FEED = b",\n"
BLOCK_BYTES = 1 << 18
TAIL_BYTES = 64
# pandas takes 30 times as much memory while it works. Measured on 110 MB of pixels, parts of 2 MiB
# take 60 MiB a thread more and no less time; half as large ones than these take 5 % more time.
PART_BYTES = 1 << 18
WORKING_BYTES = 32 * PART_BYTES
MOST_THREADS = 4

NO_LIBERTIES: dict[str, Any] = {
    "engine": "c",
    "low_memory": False,  # a part is small enough to be read in one piece
    "lineterminator": ",",
    "sep": ";",  # not the comma, and no ordinary byte
    "header": None,
    "index_col": False,
    "dtype": np.float64,
    "na_filter": False,
    "skip_blank_lines": False,
    "quoting": csv.QUOTE_NONE,
}


class Extent(NamedTuple):
    """How many rows the body of a file has, and its bytes without blank lines at the end."""

    rows: int
    size: int


class Part(NamedTuple):
    """Some whole lines of the body, and the row of the table that the first of them fills."""

    text: bytes
    first_row: int
    rows: int


def read_fast(source: Source, header: Header, rules: Rules) -> Table | None:
    """Read all rows, or return None where there is the least doubt."""
    extent = _survey(source.stream(header.size), len(header.names), rules.max_line_bytes)
    if extent is None:
        return None
    columns = header.columns
    features = np.empty((extent.rows, len(columns.features)), rules.dtype)
    labels = np.empty(extent.rows, np.int64) if columns.label is not None else None
    table = Table(features, labels)
    parts = _parts(source.stream(header.size, extent.size))
    return table if _fill(table, parts, header, rules.max_classes) else None


def _survey(stream: ByteStream, columns: int, max_line_bytes: int) -> Extent | None:
    """Count the rows, so that the table is made once and in its final size; None if in doubt."""
    size = commas = line_feeds = line_size = 0
    tail = b""
    # A line that fits in a block fits in the limit, so only lines across blocks are measured.
    while block := stream.read(min(BLOCK_BYTES, max_line_bytes)):
        if block.translate(None, ORDINARY_BYTES):
            return None
        commas += _count(block, COMMA)
        line_feeds += _count(block, LINE_FEED)
        size += len(block)
        tail = (tail + block[-TAIL_BYTES:])[-TAIL_BYTES:]
        first_part, *others = block.split(b"\n", 1)
        if line_size + len(first_part) > max_line_bytes:
            return None
        line_size = len(block) - 1 - block.rfind(b"\n") if others else line_size + len(block)
    content = tail.rstrip(b"\r\n")
    line_ends = tail[len(content) :]
    rows = line_feeds - line_ends.count(b"\n") + 1
    if not content or commas != rows * (columns - 1):
        return None
    return Extent(rows, size - len(line_ends))


def _parts(stream: ByteStream) -> Iterator[Part]:
    pieces: list[bytes] = []  # of a line that goes on in the next block, or in many
    row = 0
    while block := stream.read(PART_BYTES):
        end = block.rfind(b"\n") + 1
        if end:
            text = b"".join([*pieces, block[:end]])
            rows = _count(text, LINE_FEED)
            yield Part(text, row, rows)
            row += rows
            pieces.clear()
        pieces.append(block[end:])
    yield Part(b"".join(pieces), row, 1)


def _fill(table: Table, parts: Iterator[Part], header: Header, max_classes: int) -> bool:
    """Parse the parts into the table, several at a time; return whether nothing was odd."""
    threads = min(MOST_THREADS, _usable_cores())
    _let_freed_memory_be_used_again()
    fill = partial(_fill_part, table, header, max_classes)
    with ThreadPoolExecutor(threads) as pool:
        # Some parts at a time: all at once would hold the whole text in memory.
        while some := list(islice(parts, 4 * threads)):
            if not all(pool.map(fill, some)):
                return False
    return True


def _usable_cores() -> int:
    # A process may be tied to some cores; more threads than those take memory and no less time.
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def _let_freed_memory_be_used_again() -> None:
    """Free a large array that nobody has written to, so that it never took any memory.

    glibc gives freed memory back to the system, and each part would get its pages anew. But it
    keeps up to twice the largest block that was ever freed. Reading 110 MB on one core then takes
    18,000 page faults instead of 290,000, and 0.88 s instead of 1.40 s. Other C libraries do not
    mind.
    """
    np.empty(WORKING_BYTES, np.uint8)


def _fill_part(table: Table, header: Header, max_classes: int, part: Part) -> bool:
    stop = part.first_row + part.rows
    features = table.features[part.first_row : stop]
    with np.errstate(over="ignore", under="ignore"):
        numbers = _parse(part.text, part.rows, len(header.names))
        if numbers is None:
            return False
        features[...] = numbers[:, header.columns.chosen]
    if not np.isfinite(features).all():
        return False
    if table.labels is not None:
        labels = numbers[:, header.columns.label]
        if not _are_labels(labels, max_classes):
            return False
        table.labels[part.first_row : stop] = labels
    return True


def _parse(text: bytes, rows: int, columns: int) -> np.ndarray | None:
    """Return the numbers as (rows, columns), or None where they do not fill exactly that.

    pandas gets them as a single column, a number a line, and a comma is the end of a line. It
    would otherwise spend more time on hundreds of columns than on the numbers in them, and it
    mends rows that are short or long.
    """
    import pandas  # only here: it takes longer to import than most files to read

    if b"\r" in text:  # looking for one is 25 times as quick as replacing what is not there
        text = text.replace(b"\r\n", b"\n")
    text = text.removesuffix(b"\n")
    if not text or b"\r" in text or not _all_lines_have(columns - 1, text):
        return None
    # pandas 3.1 rounds " +0.1" another way than "+0.1", and less well.
    if _has_leading_plus(text):
        return None
    # The other way round takes 6 times as long, because there are more commas than line ends.
    column = io.BytesIO(text.replace(b"\n", b","))
    options = NO_LIBERTIES | _correct_rounding(pandas.__version__, text)
    try:
        frame = pandas.read_csv(column, skipinitialspace=b" " in text, **options)
    except (ArithmeticError, LookupError, TypeError, ValueError, Warning):
        return None
    # An empty cell is no number to pandas, except the last one, which makes the column too short.
    if frame.shape != (rows * columns, 1):
        return None
    numbers: np.ndarray = frame.to_numpy(np.float64).reshape(rows, columns)
    return numbers


def _all_lines_have(commas: int, text: bytes) -> bool:
    characters = np.frombuffer(text, np.uint8)
    starts = np.concatenate(([0], np.flatnonzero(characters == LINE_FEED)))
    # No line has 4 billion commas, and np.intp takes 1.6 times as long.
    counts = np.add.reduceat(characters == COMMA, starts, dtype=np.uint32)
    return bool((counts == commas).all())


def _has_leading_plus(text: bytes) -> bool:
    # Most files have no plus at all, and looking for one is much quicker than counting them.
    return b"+" in text and text.count(b"+") > text.count(b"e+") + text.count(b"E+")


def _are_labels(values: np.ndarray, max_classes: int) -> bool:
    in_range = (values >= 0) & (values < max_classes)
    return bool((in_range & (values == np.floor(values))).all())


def _count(block: bytes, byte: int) -> int:
    return int(np.count_nonzero(np.frombuffer(block, np.uint8) == byte))


def _correct_rounding(version: str, text: bytes) -> dict[str, Any]:
    """Return the options with which pandas rounds numbers as Python's float() does.

    From 3.1 on it always does. Before, the option that makes it do so is slow, and not needed for
    whole numbers, which are exact as integers. They have no sign here: there is no integer -0.
    """
    major, minor = version.split(".")[:2]
    if (int(major), int(minor)) >= (3, 1):
        return {}
    if not text.translate(None, WHOLE_NUMBER_BYTES):
        return {"dtype": np.int64}
    return {"float_precision": "round_trip"}
