"""Malformed and hostile CSV files take work in proportion to their size, and little memory.

Work is counted, not timed: the bytes that are looked at cell by cell, and the memory that Python
and NumPy ask for. Files come from small generators; each is a kind of file, not one of them.
"""

from __future__ import annotations

import gzip
import io
import random
import threading
import tracemalloc
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pandas  # noqa: F401 (its import would count as memory for the first file)
import pytest

from nn.data.csv import CsvData, read_csv
from nn.data.csv import fast as csv_fast
from nn.data.csv.source import FREE_UNPACKED_BYTES, MOST_UNPACKED_RATIO
from nn.data.csv.strict import _Body
from nn.data.csv.unpacking import DamagedGzipError, Gunzip
from nn.errors import DataError

SIZE = 1_500_000
CONSTANT = 12 * 2**20  # what the reader may take for a file of any size
HEADER = b"label,a,b\n"
GOOD = b"1,2.5,3\n"


@pytest.fixture(autouse=True)
def _in_empty_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def read(content: bytes, **options: Any) -> CsvData:
    Path("data.csv").write_bytes(content)
    return read_csv("data.csv", **options)


def many(piece: bytes, size: int = SIZE) -> bytes:
    return piece * (size // len(piece))


def wide(columns: int) -> bytes:
    return b"label," + b",".join(b"n%d" % i for i in range(columns)) + b"\n"


# A kind of file, and what the error says of it.
HOSTILE: dict[str, tuple[Callable[[], bytes], str]] = {
    "bad rows": (lambda: HEADER + many(b"1,x,3\n"), "found 'x'"),
    "one bad row at the front": (lambda: HEADER + b"1,x,3\n" + many(GOOD), ":2: column 2"),
    "one bad row at the end": (lambda: HEADER + many(GOOD) + b"1,x,3\n", "found 'x'"),
    "a bad row now and then": (
        lambda: HEADER + many(many(GOOD, 100_000) + b"1,x,3\n"),
        "Also on lines",
    ),
    "short rows": (lambda: HEADER + many(b"1\n"), "found 1 field, expected 3"),
    "blank lines": (lambda: HEADER + many(b"\n"), "no data rows"),
    "blank lines before a row": (lambda: HEADER + many(b"\r\n") + GOOD, ":2: found a blank line"),
    "blanks": (lambda: HEADER + many(b" "), "no data rows"),
    "commas in a row": (lambda: HEADER + many(b","), f"found {SIZE + 1} fields"),
    "commas in the header": (lambda: b"label" + many(b","), "more than 300000 columns"),
    "quoted cells in a row": (lambda: HEADER + many(b'"",'), f"found {SIZE // 3 + 1} fields"),
    "quoted cells in the header": (lambda: many(b'"",'), "more than 300000 columns"),
    "an open quote": (lambda: HEADER + b'1,"2,3\n' + many(GOOD), ":2: column 2: unclosed quote"),
    "an open quote in the header": (lambda: b'label,"a\n' + many(GOOD), ":1: column 2: unclosed"),
    "quotes alone": (lambda: HEADER + many(b'"'), "unclosed quote"),
    "quotes in cells": (lambda: HEADER + many(b'1,2"2,3\n'), "found '2\"2'"),
    "quotes across lines": (lambda: HEADER + many(b'1,"2\n",3\n'), "closes on a later line"),
    "one endless number": (lambda: HEADER + b"1," + many(b"1") + b",3\n", f"of {SIZE} bytes"),
    "one endless cell": (lambda: HEADER + b"1," + many(b"1_1") + b",3\n", "'1_11_1"),
    "an endless name": (lambda: b"label," + many(b"x") + b"\n1,2\n", f"of {SIZE + 6} bytes"),
    "wide rows": (lambda: wide(5000) + many(b"1" + b",1" * 4999 + b",x\n"), "found 'x'"),
    "NUL bytes": (lambda: HEADER + many(b"\0"), "found 1 field"),
    "random bytes": (lambda: HEADER + random.Random(1).randbytes(SIZE), "data.csv:2: "),
}


@pytest.mark.parametrize("kind", HOSTILE)
def test_work_is_in_proportion_to_the_file(kind: str, monkeypatch: pytest.MonkeyPatch) -> None:
    make, message = HOSTILE[kind]
    Path("data.csv").write_bytes(make())
    looked_at: list[int] = []
    numbers = _Body._numbers

    def count(self: _Body, record: bytes, line: int) -> list[float] | None:
        looked_at.append(len(record))
        return numbers(self, record, line)

    monkeypatch.setattr(_Body, "_numbers", count)
    tracemalloc.start()
    try:
        with pytest.raises(DataError, match=r"data\.csv") as caught:
            read_csv("data.csv")
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert message in str(caught.value)
    assert len(str(caught.value)) < 3000
    assert peak < 3 * SIZE + CONSTANT
    # Looking at rows cell by cell is slow; a single endless row is all that is left to look at.
    assert len(looked_at) <= 1 or sum(looked_at) < 2**18 + 2**16


def test_a_quoted_number_does_not_slow_down_the_other_rows(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*arguments: Any) -> None:
        raise AssertionError("a row was looked at cell by cell")

    monkeypatch.setattr(_Body, "_numbers", fail)
    for row in (b'"1",2.5,3\n', b'1,"2.5" ,3\r\n', b'1, "2.5",3\n', b"1,+2.5,3\n", b"1,2.5,3\r"):
        for rows in (row + many(GOOD, 9999), many(row, 9999), many(GOOD, 9999) + row):
            data = read(HEADER + rows)
            assert data.features.tolist() == [[2.5, 3]] * len(data.features)
    with pytest.raises(AssertionError, match="cell by cell"):
        read(HEADER + GOOD + GOOD + b"1,x,3\n")


def test_problems_are_counted_to_the_end_of_a_short_file_and_no_further() -> None:
    with pytest.raises(DataError) as caught:
        read(HEADER + GOOD * 61 + b"1,x,3\n" * 60)
    text = (
        "data.csv:63: column 2 ('a'): found 'x', expected a number. If the column is text, name it "
        "among those to encode; to leave it out, pass drop=['a']."
    )
    assert str(caught.value) == f"{text} Also on lines 64, 65, 66 and 56 more."
    with pytest.raises(DataError) as caught:
        read(HEADER + GOOD * 61 + b"1,x,3\n" * 6000, features=("a", "b"))
    assert str(caught.value) == f"{text} Also on lines 64, 65, 66 and at least 996 more."


def test_ten_kinds_of_problems_are_shown() -> None:
    with pytest.raises(DataError) as caught:
        read(wide(12) + b"1" + b",x" * 12 + b"\n")
    lines = str(caught.value).splitlines()
    assert len(lines) == 11
    assert lines[9].startswith("data.csv:2: column 11 ('n9'): found 'x'")
    assert lines[-1] == "and 2 more"


# Packed files ------------------------------------------------------------------------------------


def test_gzip_data_that_unpacks_to_too_much_is_refused() -> None:
    content = gzip.compress(HEADER + many(b"0,0,0\n", FREE_UNPACKED_BYTES), 9)
    assert len(content) * MOST_UNPACKED_RATIO < FREE_UNPACKED_BYTES
    with pytest.raises(DataError, match=r"limit of 16777216 bytes.* Pass max_bytes= to allow"):
        read(content)
    assert len(read(content, max_bytes=20_000_000).features) == FREE_UNPACKED_BYTES // 6


def test_a_large_file_may_unpack_to_a_hundred_times_its_size(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("nn.data.csv.source.FREE_UNPACKED_BYTES", 1000)
    content = gzip.compress(HEADER + many(GOOD, 20_000))
    ratio = (len(HEADER) + 20_000) // len(content)
    monkeypatch.setattr("nn.data.csv.source.MOST_UNPACKED_RATIO", ratio + 1)
    assert len(read(content).features) == 2500
    monkeypatch.setattr("nn.data.csv.source.MOST_UNPACKED_RATIO", ratio)
    with pytest.raises(DataError, match="unpacks to more than the limit"):
        read(content)


def test_the_limit_holds_for_plain_text_only_where_it_is_given() -> None:
    assert len(read(HEADER + many(GOOD, 8000), max_bytes=8010).features) == 1000
    with pytest.raises(DataError, match="the text has more than the limit of 8009 bytes"):
        read(HEADER + many(GOOD, 8000), max_bytes=8009)
    with pytest.raises(ValueError, match="max_bytes"):
        read(HEADER + GOOD, max_bytes=0)


def test_millions_of_columns_in_a_small_file_are_refused_before_they_are_unpacked() -> None:
    content = gzip.compress(b"label" + many(b",", 15_000_000))
    tracemalloc.start()
    try:
        with pytest.raises(DataError, match="found more than 300000 columns; limit 300000"):
            read(content)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < 4 * 2**20


def test_gzip_data_in_parts() -> None:
    parts = gzip.compress(HEADER) + gzip.compress(b"") + gzip.compress(GOOD) + b"\0" * 99
    assert read(parts).features.tolist() == [[2.5, 3]]
    with pytest.raises(DataError, match=r"damaged or cut off .*thousands of tiny parts"):
        read(gzip.compress(HEADER) + gzip.compress(b"") * 2000)
    with pytest.raises(DataError, match="damaged or cut off"):
        read(gzip.compress(HEADER + GOOD) + b"what is this")


def test_unpacking_agrees_with_the_standard_library() -> None:
    generator = random.Random(5)
    for _ in range(60):
        content = b"".join(
            gzip.compress(generator.randbytes(generator.choice([0, 1, 99, 70_000])))
            for _ in range(generator.randrange(1, 4))
        )
        if generator.random() < 0.5:
            content = content[: generator.randrange(1, len(content))]
        file, pieces = Gunzip(io.BytesIO(content)), []
        try:
            expected = gzip.decompress(content)
        except EOFError:
            with pytest.raises(DamagedGzipError):
                file.read(10**6)
            continue
        while piece := file.read(size := generator.choice([1, 100, 100_000])):
            pieces.append(piece)
            assert len(piece) == size or not file.read(1)
        assert b"".join(pieces) == expected


# Threads -----------------------------------------------------------------------------------------


def test_where_no_thread_can_be_started_the_file_is_read_all_the_same(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def refuse(self: threading.Thread) -> None:
        raise RuntimeError("can't start new thread")

    monkeypatch.setattr(csv_fast, "_usable_cores", lambda: 4)
    monkeypatch.setattr(csv_fast, "PART_BYTES", 1000)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(threading.Thread, "start", refuse)
        data = read(HEADER + many(GOOD, 99_000))
    assert np.array_equal(data.features, np.tile(np.float32([2.5, 3]), (12375, 1)))


@pytest.mark.parametrize(("cores", "size"), [(1, 99_000), (4, 900)])
def test_no_thread_is_started_for_one_core_or_a_small_file(
    cores: int, size: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    def submit(*arguments: Any) -> None:
        raise AssertionError("a thread was asked for")

    monkeypatch.setattr(ThreadPoolExecutor, "submit", submit)
    monkeypatch.setattr(csv_fast, "_usable_cores", lambda: cores)
    monkeypatch.setattr(csv_fast, "PART_BYTES", 1000)
    assert len(read(HEADER + many(GOOD, size)).features) == size // 8
    monkeypatch.setattr(csv_fast, "_usable_cores", lambda: 4)
    with pytest.raises(AssertionError, match="a thread was asked for"):
        read(HEADER + many(GOOD, 99_000))


# Bytes that are not UTF-8 ------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("content", "line", "column"),
    [
        (b'label,"a,b",caf\xe9\n1,2,3\n', 1, 3),
        (b'label,"a\n,b","caf\n\xe9"\n1,2,3\n', 3, 3),
        (b'label,a,b\n1,"2,3",caf\xe9\n', 2, 3),
        (b'label,a,b\n1,"2,\n,3",caf\xe9\n', 3, 3),
    ],
)
def test_a_byte_behind_a_quoted_comma_has_its_own_column(
    content: bytes, line: int, column: int
) -> None:
    with pytest.raises(DataError) as caught:
        read(content)
    message = next(text for text in str(caught.value).splitlines() if "0xe9" in text)
    assert message.startswith(f"data.csv:{line}: column {column}")
