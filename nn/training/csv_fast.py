"""The quick reader of CSV files, for those with nothing unusual in them.

It looks over the bytes, lets pandas' C parser read the numbers, and checks the arrays. It never
explains: where anything looks odd it returns None, and `csv_strict` decides.
"""

from __future__ import annotations

import csv
import warnings
from typing import Any, NamedTuple

import numpy as np

from nn.training.csv_source import ByteStream, Rules, Source, Table
from nn.training.csv_strict import Header

__all__ = ["read_fast"]

# Plain numbers only: with quotes, letters or NUL bytes, pandas takes more than `csv_strict` does.
ORDINARY_BYTES = b"0123456789+-.eE, \t\r\n"
COMMA, LINE_FEED = b",\n"
BLOCK_BYTES = 1 << 18
TAIL_BYTES = 64
# About 32 MB of float64: many rows make pandas' work per column cheap, few stay in the caches.
CELLS_AT_A_TIME = 1 << 22


class Extent(NamedTuple):
    """How many rows the body of a file has, and its bytes without blank lines at the end."""

    rows: int
    size: int


def read_fast(source: Source, header: Header, rules: Rules) -> Table | None:
    """Read all rows, or return None where there is the least doubt."""
    extent = _survey(source.stream(header.size), len(header.names), rules.max_line_bytes)
    if extent is None:
        return None
    stream = source.stream(header.size, extent.size)
    try:
        with warnings.catch_warnings(), np.errstate(over="ignore", under="ignore"):
            # pandas only warns where it drops fields.
            warnings.simplefilter("error")
            return _parse(stream, extent.rows, header, rules)
    except (ArithmeticError, LookupError, TypeError, ValueError, Warning):
        return None


def _survey(stream: ByteStream, columns: int, max_line_bytes: int) -> Extent | None:
    """Look over the bytes once; None where they are not plain numbers in rows of equal length.

    The commas are only counted together. Together is enough: pandas fills a short row with empty
    cells, which are no numbers, so no row is short; and then none is long if the sum is right.
    """
    size = commas = line_feeds = line_size = 0
    tail = b""
    # A line that fits in a block fits in the limit, so only lines across blocks are measured.
    while block := stream.read(min(BLOCK_BYTES, max_line_bytes)):
        if block.translate(None, ORDINARY_BYTES):
            return None
        numbers = np.frombuffer(block, np.uint8)
        commas += np.count_nonzero(numbers == COMMA)
        line_feeds += np.count_nonzero(numbers == LINE_FEED)
        size += len(block)
        tail = (tail + block[-TAIL_BYTES:])[-TAIL_BYTES:]
        first_part, *others = block.split(b"\n", 1)
        if line_size + len(first_part) > max_line_bytes:
            return None
        line_size = len(block) - 1 - block.rfind(b"\n") if others else line_size + len(block)
    content = tail.rstrip(b"\r\n")
    line_ends = tail[len(content) :]
    # Rows that end in CR alone are not counted here, so pandas will find more: see `_parse`.
    rows = line_feeds - line_ends.count(b"\n") + 1
    if not content or commas != rows * (columns - 1):
        return None
    return Extent(rows, size - len(line_ends))


def _parse(stream: ByteStream, rows: int, header: Header, rules: Rules) -> Table | None:
    import pandas  # only here: it takes longer to import than most files to read

    columns, first_feature = len(header.names), int(header.has_label)
    features = np.empty((rows, columns - first_feature), rules.dtype)
    labels = np.empty(rows, np.int64) if header.has_label else None
    start = 0
    with pandas.read_csv(
        stream,
        header=None,
        index_col=False,
        dtype=np.float64,
        na_filter=False,
        skip_blank_lines=False,
        skipinitialspace=True,
        quoting=csv.QUOTE_NONE,
        chunksize=max(1, CELLS_AT_A_TIME // columns),
        engine="c",
        compression=None,
        **_correct_rounding(pandas.__version__),
    ) as chunks:
        for chunk in chunks:
            values = chunk.to_numpy()
            stop = start + len(values)
            if stop > rows or values.shape[1] != columns:
                return None
            part = features[start:stop]
            part[...] = values[:, first_feature:]
            if not np.isfinite(part).all():
                return None
            if labels is not None:
                if not _are_labels(values[:, 0], rules.max_classes):
                    return None
                labels[start:stop] = values[:, 0]
            start = stop
    return Table(features, labels) if start == rows else None


def _are_labels(values: np.ndarray, max_classes: int) -> bool:
    in_range = (values >= 0) & (values < max_classes)
    return bool((in_range & (values == np.floor(values))).all())


def _correct_rounding(version: str) -> dict[str, Any]:
    """Return the options with which pandas rounds numbers as Python's float() does.

    From 3.1 on it always does, and warns about the option.
    """
    major, minor = version.split(".")[:2]
    return {} if (int(major), int(minor)) >= (3, 1) else {"float_precision": "round_trip"}
