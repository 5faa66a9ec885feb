"""From the text of some rows to numbers, with pandas' C parser and every liberty of it ruled out.

It takes plain text alone: numbers, commas, blanks and line ends. It explains nothing: where
anything is odd it returns None or False.
"""

from __future__ import annotations

import csv
import io
from typing import Any

import numpy as np

from .columns import Columns
from .source import Table

# Plain numbers only: pandas also takes "inf" and form feeds, and versions of it stop at a NUL.
ORDINARY_BYTES = b"0123456789+-.eE, \t\r\n"
WHOLE_NUMBER_BYTES = b"0123456789, \t\n"
COMMA, LINE_FEED, PLUS = b",\n+"
# Longer texts are a single row, and pandas takes several times as much memory.
MOST_BYTES_AT_ONCE = 1 << 22
BEFORE_NUMBER = np.frombuffer(b",\n \t", np.uint8)
START_OF_NUMBER = np.frombuffer(b"0123456789.", np.uint8)

NO_LIBERTIES: dict[str, Any] = {
    "engine": "c",
    "low_memory": False,  # the text is small enough to be read in one piece
    "lineterminator": ",",
    "sep": ";",  # not the comma, and no ordinary byte
    "header": None,
    "index_col": False,
    "dtype": np.float64,
    "na_filter": False,
    "skip_blank_lines": False,
    "quoting": csv.QUOTE_NONE,
}


def parse_numbers(text: bytes, rows: int, columns: int) -> np.ndarray | None:
    """Return the numbers as (rows, columns), or None where they do not fill exactly that.

    `text` holds ordinary bytes alone. pandas gets them as a single column, a number a line, and a
    comma is the end of a line. It would otherwise spend more time on hundreds of columns than on
    the numbers in them, and it mends rows that are short or long.
    """
    import pandas  # only here: it takes longer to import than most files to read

    if b"\r" in text:  # looking for one is 25 times as quick as replacing what is not there
        text = text.replace(b"\r\n", b"\n")
    text = text.removesuffix(b"\n")
    if not text or b"\r" in text or not _all_lines_have(columns - 1, text):
        return None
    if b"+" in text:
        # pandas 3.1 rounds " +0.1" another way than "+0.1", and less well.
        text = _without_leading_plus(text)
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


def put_numbers(
    numbers: np.ndarray, table: Table, first_row: int, columns: Columns, max_classes: int
) -> bool:
    """Write rows of numbers into the table, and return whether all of them can be used."""
    stop = first_row + len(numbers)
    features = table.features[first_row:stop]
    with np.errstate(over="ignore", under="ignore"):
        features[...] = numbers[:, columns.chosen]
    if not np.isfinite(features).all():
        return False
    if table.labels is not None:
        labels = numbers[:, columns.label]
        if not ((labels >= 0) & (labels < max_classes) & (labels == np.floor(labels))).all():
            return False
        table.labels[first_row:stop] = labels
    return True


def count_byte(block: bytes, byte: int) -> int:
    """Return how often a byte occurs, 6 times as fast as `bytes.count`."""
    return int(np.count_nonzero(np.frombuffer(block, np.uint8) == byte))


def _all_lines_have(commas: int, text: bytes) -> bool:
    characters = np.frombuffer(text, np.uint8)
    starts = np.concatenate(([0], np.flatnonzero(characters == LINE_FEED)))
    # No line has 4 billion commas, and np.intp takes 1.6 times as long.
    counts = np.add.reduceat(characters == COMMA, starts, dtype=np.uint32)
    return bool((counts == commas).all())


def _without_leading_plus(text: bytes) -> bytes:
    """Remove the plus from numbers that begin with one; any other belongs to an exponent."""
    characters = np.frombuffer(b"\n" + text + b"\n", np.uint8)
    plus = np.flatnonzero(characters == PLUS)
    leads = np.isin(characters[plus - 1], BEFORE_NUMBER)
    leads &= np.isin(characters[plus + 1], START_OF_NUMBER)
    without: bytes = np.delete(characters, plus[leads])[1:-1].tobytes()
    return without


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
