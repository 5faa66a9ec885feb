"""Parses rows of numbers with pandas' C parser, with all its leniency switched off.

It accepts only numbers, commas, blanks and line ends. It does not explain problems: for anything
else it returns None or False.
"""

from __future__ import annotations

import csv
import io
from typing import TYPE_CHECKING, Any

import numpy as np

from .rules import Rules

if TYPE_CHECKING:  # `columns` looks at cells, which are split here
    from .columns import Columns
    from .source import Table

# pandas also accepts "inf" and form feeds, and some versions stop at a NUL.
ORDINARY_BYTES = b"0123456789+-.eE, \t\r\n"
WHOLE_NUMBER_BYTES = b"0123456789, \t\n"
COMMA, LINE_FEED, PLUS = b",\n+"
# A longer text is a single row, for which pandas takes several times as much memory.
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
    """Return the numbers as (rows, columns), or None if their count is different.

    pandas reads them as a single column in which a comma ends a line. With hundreds of columns it
    would spend more time on the columns than on the numbers, and it would repair short and long
    rows.

    Parameters
    ----------
    text : bytes
        Only `ORDINARY_BYTES`.
    rows, columns : int
        The expected shape.
    """
    import pandas  # imported late: importing it takes longer than reading most files

    if b"\r" in text:  # searching is 25 times as fast as replacing
        text = text.replace(b"\r\n", b"\n")
    text = text.removesuffix(b"\n")
    if not text or b"\r" in text or not _all_lines_have(columns - 1, text):
        return None
    if b"+" in text:
        # pandas 3.1 rounds " +0.1" another way than "+0.1", and less well.
        text = _without_leading_plus(text)
    # There are more commas than line ends: replacing those would take 6 times as long.
    column = io.BytesIO(text.replace(b"\n", b","))
    options = NO_LIBERTIES | _correct_rounding(pandas.__version__, text)
    try:
        frame = pandas.read_csv(column, skipinitialspace=b" " in text, **options)
    except (ArithmeticError, LookupError, TypeError, ValueError, Warning):
        return None
    # pandas refuses an empty cell, except the last one, which makes the column too short.
    if frame.shape != (rows * columns, 1):
        return None
    numbers: np.ndarray = frame.to_numpy(np.float64).reshape(rows, columns)
    return numbers


def put_numbers(
    numbers: np.ndarray,
    table: Table,
    first_row: int,
    columns: Columns,
    rules: Rules,
) -> bool:
    """Write rows of numbers into the table, and return whether all of them can be used.

    Parameters
    ----------
    numbers : ndarray, shape (rows, columns)
        The columns of the file; NaN where a value is missing.
    table : Table
        Where to write.
    first_row : int
        The row of the table at which to start.
    columns : Columns
        Which of the columns are used.
    rules : Rules
        What the caller of `read_csv` passed.
    """
    stop = first_row + len(numbers)
    with np.errstate(over="ignore", under="ignore"):
        features = numbers[:, columns.chosen].astype(rules.dtype)
    if np.isinf(features).any() if rules.allows_missing else not np.isfinite(features).all():
        return False
    table.features[first_row:stop] = features
    if table.labels is not None:
        labels = numbers[:, columns.label]
        if not are_labels(labels, rules).all():
            return False
        table.labels[first_row:stop] = labels
    return True


def are_labels(values: np.ndarray, rules: Rules) -> np.ndarray:
    """Return which numbers can be labels: integers 0..K-1, or any finite number."""
    able: np.ndarray
    if rules.regression:
        able = np.isfinite(values)
    else:
        able = (values >= 0) & (values < rules.max_classes) & (values == np.floor(values))
    return able


def count_byte(block: bytes, byte: int) -> int:
    """Count a byte, 6 times as fast as `bytes.count`."""
    return int(np.count_nonzero(np.frombuffer(block, np.uint8) == byte))


def _all_lines_have(commas: int, text: bytes) -> bool:
    characters = np.frombuffer(text, np.uint8)
    starts = np.concatenate(([0], np.flatnonzero(characters == LINE_FEED)))
    # uint32 is enough, and np.intp takes 1.6 times as long.
    counts = np.add.reduceat(characters == COMMA, starts, dtype=np.uint32)
    return bool((counts == commas).all())


def _without_leading_plus(text: bytes) -> bytes:
    """Remove the plus in front of numbers, but not in exponents."""
    characters = np.frombuffer(b"\n" + text + b"\n", np.uint8)
    plus = np.flatnonzero(characters == PLUS)
    leads = np.isin(characters[plus - 1], BEFORE_NUMBER)
    leads &= np.isin(characters[plus + 1], START_OF_NUMBER)
    without: bytes = np.delete(characters, plus[leads])[1:-1].tobytes()
    return without


def _correct_rounding(version: str, text: bytes) -> dict[str, Any]:
    """Return the options with which pandas rounds numbers as Python's float() does.

    From 3.1 on it always does. Before, the option for it is slow. It is not needed for whole
    numbers without a sign, which are exact as integers (an integer -0 does not exist).
    """
    major, minor = version.split(".")[:2]
    if (int(major), int(minor)) >= (3, 1):
        return {}
    if not text.translate(None, WHOLE_NUMBER_BYTES):
        return {"dtype": np.int64}
    return {"float_precision": "round_trip"}
