"""Memory of reading tables with texts, ids, missing values or spaces: in proportion to the file."""

from __future__ import annotations

import sys
import tracemalloc
from pathlib import Path
from typing import Any

import pandas  # noqa: F401 (its import would count as memory for the first file)
import pytest

from nn.data.csv import read_csv
from nn.data.csv.survey import MOST_COLUMNS, Survey
from nn.errors import DataError


@pytest.fixture(autouse=True)
def _in_empty_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


BIG: dict[str, tuple[str, str, dict[str, Any]]] = {
    "texts": ("label,a,b\n", "{0},w{1},x\n", {"encode": "onehot"}),
    "ids": ("label,a,b\n", "{0},{1},x{2}\n", {"id": "b"}),
    "an index": (",label,a\n", "{2},{0},{1}\n", {}),
    "missing values": ("label,a,b,c\n", "{0},,NA,1\n", {"missing": "mean"}),
    "spaces": ("label a b\n", "{0}   {1}   7,5\n", {}),
    "names of classes": ("label,a\n", "c{2},1\n", {}),
    "texts in many columns": ("label,a,b,c,d\n", "{0},x,y,z,u\n", {}),
}
A_NAME = 400  # bytes, while they are counted; there may be 100,000


def peak_of(rows: int, kind: str) -> tuple[int, int]:
    """Return the bytes that reading takes, without what is returned, and the size of the file."""
    header, row, options = BIG[kind]
    text = header + "".join(row.format(i % 3, i % 9, i) for i in range(rows))
    Path("data.csv").write_text(text, "utf-8")
    kept = 0
    tracemalloc.start()
    try:
        data = read_csv("data.csv", **options)
        kept = data.features.nbytes + sum(map(sys.getsizeof, data.ids or ()))
        kept += A_NAME * len(data.classes or ())
    except DataError:
        assert kind == "texts in many columns"
    finally:
        _, peak = tracemalloc.get_traced_memory()
        tracemalloc.stop()
    return peak - kept, len(text)


@pytest.mark.parametrize("kind", BIG)
def test_memory_is_in_proportion_to_the_file(kind: str) -> None:
    """The promise is three times the text and 32 MiB."""
    peak, size = peak_of(40_000, kind)
    assert peak < 3 * size + 24 * 2**20
    more, larger = peak_of(55_000, kind)
    assert more - peak < 3 * (larger - size) + 2**20


def test_thousands_of_columns_of_text_are_not_counted_to_the_end(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Each cell would take 10 microseconds, and a file of 10 MB most of a minute."""
    calls: list[int] = []
    count = Survey._count

    def counted(self: Survey, rows: Any, column: int, first_line: int) -> None:
        calls.append(column)
        count(self, rows, column, first_line)

    monkeypatch.setattr(Survey, "_count", counted)
    names = ",".join(f"a{i}" for i in range(20_000))
    Path("data.csv").write_text(f"label,{names}\n" + f"1{',x' * 20_000}\n" * 30, "utf-8")
    with pytest.raises(DataError, match="found 'x'"):
        read_csv("data.csv")
    assert len(calls) <= 4 * MOST_COLUMNS
