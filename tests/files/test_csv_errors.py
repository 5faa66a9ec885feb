"""Every bad CSV input of the catalogue, by its row number: exception, message and position.

Files are written with the fewest bytes that show the fault. Valid files, and what the two readers
have in common, are the business of `test_csv_data.py`.
"""

from __future__ import annotations

import gzip
import lzma
import os
import zipfile
from collections.abc import Callable
from dataclasses import dataclass, field
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from nn.data.csv import CsvData, check_classes, check_pair, read_csv
from nn.data.csv import header as csv_header
from nn.data.csv import opening as csv_source
from nn.data.csv import strict as csv_strict
from nn.errors import DataError, DataWarning

HEADER = b"label,a,b\n"


@dataclass(frozen=True)
class Bad:
    """Bytes of train.csv, and what the error must say."""

    row: str
    content: bytes
    contains: tuple[str, ...]
    line: int | None = None
    column: int | None = None
    kind: str | None = None
    options: dict[str, Any] = field(default_factory=dict)


def in_feature(row: str, cell: str, *contains: str, kind: str | None = None, **options: Any) -> Bad:
    """Return a file whose third line has `cell` as its third cell, under the name b."""
    content = f"label,a,b\n0,1,2\n1,2,{cell}\n0,5,6\n".encode()
    return Bad(row, content, ("column 3 ('b')", *contains), 3, 3, kind, options)


def in_label(row: str, cell: str, *contains: str, kind: str | None = None) -> Bad:
    """Return a file whose third line has `cell` as its label."""
    content = f"label,a,b\n0,1,2\n{cell},2,3\n0,5,6\n".encode()
    return Bad(row, content, ("column 1 ('label')", *contains), 3, 1, kind)


def zipped(name: str) -> bytes:
    buffer = BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        archive.writestr(name, HEADER + b"0,1,2\n")
    return buffer.getvalue()


INTEGERS = "labels are integers 0..K-1"
BAD_FILES = [
    Bad("6", b"", ("file is empty; expected a header line 'label,...'",)),
    Bad("6 gzip", gzip.compress(b""), ("file is empty; expected a header line 'label,...'",)),
    Bad("7", b"\n\n  \n", ("no header",), 1),
    Bad("7 CRLF", b"\r\n\r\n", ("no header",), 1),
    Bad("7 BOM", b"\xef\xbb\xbf", ("no header",), 1),
    Bad("8", HEADER, ("no data rows",)),
    Bad("8 blank lines", HEADER + b"\n\n", ("no data rows",)),
    Bad("9", b"5,0,12\n3,1,7\n", ("looks like data", "first line must be column names"), 1),
    Bad("11", b"digit,a,b\n1,0,2\n", ("'digit'", "expected 'label'"), 1, 1),
    Bad("12", b"label\n1\n0\n", ("no feature columns",), 1),
    Bad("13", b"label,a,b,a\n1,0,2,3\n", ("'a'", "columns 2 and 4"), 1, 4),
    Bad("13 label", b"label,a,label\n1,0,2\n", ("'label'", "columns 1 and 3"), 1, 3),
    Bad("14", b"label,a,,b\n1,0,2,3\n", ("column 3", "blank"), 1, 3),
    Bad("14 at the end", b"label,a,b,\n1,0,2,3\n", ("column 4", "blank"), 1, 4),
    Bad("15", HEADER + b"1,2,3\n1,2\n1,2,3\n", ("2 fields, expected 3",), 3),
    Bad("16", HEADER + b"1,2,3\n1,2,3,4\n1,2,3\n", ("4 fields, expected 3",), 3),
    Bad("16 far", HEADER + b"1,2,3,4,5,6\n", ("6 fields, expected 3",), 2),
    Bad("17", HEADER + b"1,2,3,\n0,2,3,\n", ("4 fields, expected 3", "trailing comma?"), 2),
    Bad("17 full", HEADER + b"1,2,3,4\n0,1,2,3\n", ("4 fields, expected 3", "trailing comma?"), 2),
    Bad("18", HEADER + b"1,2,3\n1,2", ("2 fields, expected 3", "file may be truncated"), 3),
    Bad("19", HEADER + b"1,2,3\n\n1,2,3\n", ("blank line",), 3),
    Bad("19 blanks", HEADER + b"1,2,3\n \t\n1,2,3\n", ("blank line",), 3),
    in_feature("20", "abc", "found 'abc', expected a number", kind="not a number"),
    in_feature("21", "", "missing value", kind="missing value"),
    in_feature("21 quotes", '""', "missing value", kind="missing value"),
    in_feature("22 NA", "NA", "missing value 'NA'"),
    in_feature("22 None", "None", "missing value 'None'"),
    in_feature("22 null", "null", "missing value 'null'"),
    in_feature("22 NaN", "NaN", "missing value 'NaN'"),
    in_feature("22 nan", "nan", "missing value 'nan'"),
    in_feature("23 inf", "inf", "'inf'", "not finite", kind="not finite"),
    in_feature("23 Infinity", "-Infinity", "'-Infinity'", "not finite"),
    in_feature("24", "1e400", "too large for float64", kind="too large"),
    in_feature("24 double", "-1e400", "too large for float64", dtype="float64"),
    in_feature("25", "1e39", "too large for float32; use dtype=float64", kind="too large"),
    in_feature("26", '"1,5"', "'1,5'", "decimal point", kind="decimal comma"),
    in_feature("27", '"1,000"', "'1,000'", "thousands separator"),
    in_feature("28 underscore", "1_000", "'1_000'", "underscores"),
    in_feature("28 full-width", "１２", "'１２'", "expected a number"),
    in_feature("28 hex", "0x10", "'0x10'", "decimal digits"),
    in_feature("28 bool", "True", "'True'", "expected a number"),
    in_feature("28 date", "2024-01-31", "'2024-01-31'", "dates"),
    in_feature("28 two numbers", "1 2", "'1 2'", "expected a number"),
    in_feature("28 after quotes", '"5"6', "expected a number"),
    in_feature("29", "1\x002", "NUL byte", kind="NUL byte"),
    Bad("29 header", b"label,a\0,b\n1,2,3\n", ("NUL byte",), 1, 2),
    Bad("30", b"label;a;b\n1;2\n3;4\n", ("separator looks like ';'",), 1),
    Bad("30 tab", b"label\ta\tb\n1\t2\n3\t4\n", ("separator looks like '\\t'",), 1),
    Bad("30 two", b"a;b,c;d\n1;2,3;4\n", ("can be ',' or ';'",), 1),
    Bad("31", HEADER + b'1,2,3\n1,"2,3\n0,1,2\n', ("unclosed quote",), 3, 2),
    Bad("31 header", b'label,"a,b\n0,1,2\n', ("unclosed quote",), 1, 2),
    Bad("32", "label,a\n1,2\n".encode("utf-16"), ("UTF-16; save as UTF-8",)),
    Bad("32 no mark", "label,a\n1,2\n".encode("utf-16-be"), ("UTF-16; save as UTF-8",)),
    Bad("33", HEADER + b"1,2,3\n1,caf\xe9,3\n", ("0xe9", "not UTF-8"), 3, 2),
    Bad("33 header", b"label,caf\xe9\n1,2\n", ("0xe9", "not UTF-8"), 1, 2),
    Bad("36 zip", zipped("train.csv"), ("zip", "decompress first")),
    Bad("36 xlsx", zipped("xl/workbook.xml"), ("xlsx", "decompress first")),
    Bad("36 xz", lzma.compress(HEADER), ("xz", "decompress first")),
    Bad("36 parquet", b"PAR1\x15\x04\x15\x10", ("parquet", "decompress first")),
    Bad("36 twice", gzip.compress(gzip.compress(HEADER)), ("gzip inside gzip",)),
    Bad("36 cut", gzip.compress(HEADER + b"1,2,3\n" * 9)[:-9], ("gzip data is damaged",)),
    Bad("37", b"\n<!DOCTYPE html>\n<html></html>\n", ("looks like HTML",)),
    Bad("38", b"# made by hand\nlabel,a,b\n1,2,3\n", ("comment",), 1),
    in_label("39", "0.5", "'0.5'", INTEGERS),
    in_label("40", "-1", "negative label", INTEGERS),
    in_label("41", "cat", "'cat'", "Encode"),
    in_label("42", "", "missing label", INTEGERS),
    in_label("43", "True", "'True'", INTEGERS),
    in_label(
        "45", "1000000000", "K = 1000000001 classes; limit 100000; pass max_classes=", "1000000000"
    ),
    Bad("53", HEADER + b"1,2,3\n1,2," + b"0" * 80, ("64",), 3, options={"max_line_bytes": 64}),
    Bad(
        "54",
        b"label,a,b,c\n1,2,3,4\n",
        ("4 columns", "limit 3", "max_columns"),
        1,
        options={"max_columns": 3},
    ),
]


@pytest.fixture(autouse=True)
def _in_empty_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def read_bytes(content: bytes, name: str = "train.csv", **options: Any) -> CsvData:
    Path(name).write_bytes(content)
    return read_csv(name, **options)


@pytest.mark.parametrize("bad", BAD_FILES, ids=lambda bad: bad.row)
def test_bad_file(bad: Bad) -> None:
    with pytest.raises(DataError) as caught:
        read_bytes(bad.content, **bad.options)
    error, message = caught.value, str(caught.value)
    for text in bad.contains:
        assert text in message
    assert message.startswith("train.csv: " if bad.line is None else f"train.csv:{bad.line}: ")
    assert (error.path, error.line, error.column) == ("train.csv", bad.line, bad.column)
    assert error.kind
    assert bad.kind is None or error.kind == bad.kind


ACCEPTED = {
    "10": b"a,label,b\n2,1,3\n4,0,5\n",
    "11 case": b"a,b,Label\n2,3,1\n4,5,0\n",
    "30": b"label;a;b\n1;2;3\n0;4;5\n",
    "30 tab": b"label\ta\tb\n1\t2\t3\n0\t4\t5\n",
    "34": b"\xef\xbb\xbflabel,a,b\n1,2,3\n0,4,5\n",
    "35 CRLF": b"label,a,b\r\n1,2,3\r\n0,4,5\r\n",
    "35 CR": b"label,a,b\r1,2,3\r0,4,5\r",
    "36 gzip": gzip.compress(b"label,a,b\n1,2,3\n0,4,5\n"),
    "44": b"label,a,b\n1.0,2,3\n0.0,4,5\n",
    "blanks": b" label, a ,b\n1, 2,\t3\n 0 ,4 , 5\n",
    "quotes": b'"label","a","b"\n"1","2"," 3"\n0,"4", "5" \n',
    "blank lines at the end": b"label,a,b\n1,2,3\n0,4,5\n\n  \n\r\n",
    "no line end": b"label,a,b\n1,2,3\n0,4,5",
}


@pytest.mark.parametrize("name", ACCEPTED)
def test_accepted_file(name: str) -> None:
    data = read_bytes(ACCEPTED[name])
    assert data.columns == ("a", "b")
    np.testing.assert_array_equal(data.features, np.array([[2, 3], [4, 5]], np.float32))
    np.testing.assert_array_equal(data.labels, [1, 0])


def row_1() -> None:
    with pytest.raises(FileNotFoundError) as caught:
        read_csv("missing.csv")
    assert "missing.csv" in str(caught.value)
    assert os.getcwd() in str(caught.value)
    assert caught.value.filename == "missing.csv"


def row_2() -> None:
    Path("folder").mkdir()
    with pytest.raises(IsADirectoryError, match=r"is a directory.*folder") as caught:
        read_csv("folder")
    assert caught.value.filename == "folder"


def row_3() -> None:
    # Permissions do not stop the superuser, so the refusal is acted.
    def refuse(path: str, mode: str) -> None:
        raise PermissionError(13, "Permission denied", path)

    Path("train.csv").write_bytes(HEADER)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(csv_source, "open", refuse, raising=False)
        with pytest.raises(PermissionError, match=r"train\.csv"):
            read_csv("train.csv")


def row_4() -> None:
    for value, name in ((5, "int"), (None, "NoneType"), (b"a.csv", "bytes"), ([], "list")):
        with pytest.raises(TypeError, match=rf"train_data must be a path .* got {name}"):
            read_csv(value)  # type: ignore[arg-type]
    with pytest.raises(TypeError, match="test_data must be a path"):
        read_csv(5, argument="test_data")  # type: ignore[arg-type]


def row_5() -> None:
    os.mkfifo("pipe")
    for path in ("pipe", os.devnull):
        with pytest.raises(DataError, match="not a regular file"):
            read_csv(path)


def row_45() -> None:
    data = CsvData("train.csv", ("a",), np.zeros((2, 1), np.float32), np.array([0, 10**9]))
    with pytest.raises(DataError) as caught:
        check_classes(data)
    assert "K = 1000000001 classes; limit 100000; pass max_classes=" in str(caught.value)
    assert (caught.value.line, caught.value.column, caught.value.value) == (3, 1, "1000000000")


def row_46() -> None:
    with pytest.warns(DataWarning, match=r"no row has class 0, 2, 3\."):
        assert check_classes(read_bytes(b"label,a\n1,5\n4,6\n")) == 5
    with pytest.warns(DataWarning, match=r"0, 1, 2, 3, 4, 5, 6, 7, 8, 9 and 21 more"):
        check_classes(read_bytes(b"label,a\n31,5\n32,6\n"))
    assert check_classes(read_bytes(b"label,a\n0,5\n1,6\n")) == 2


def row_47() -> None:
    with pytest.raises(DataError, match="expected at least 2 classes"):
        check_classes(read_bytes(b"label,a\n1,5\n1,6\n"))


def row_48() -> None:
    train = read_bytes(b"label,a\n0,5\n2,6\n")
    test = read_bytes(b'label,"a"\n0,5\n1,6\n2,7\n3,8\n', "test.csv")
    with pytest.raises(DataError) as caught:
        check_pair(train, test)
    first, second = str(caught.value).splitlines()
    assert first.startswith("test.csv:3: column 1 ('label'): found class 1")
    assert "classes 0, 2" in first
    assert second.startswith("test.csv:5: column 1 ('label'): found class 3")
    assert (caught.value.line, caught.value.value) == (3, "1")


def row_49() -> None:
    with pytest.raises(DataError, match=r"test\.csv:1: found 1 feature columns, expected 2"):
        check_pair(
            read_bytes(b"label,a,b\n0,5,6\n1,6,7\n"),
            read_bytes(b"label,a\n0,5\n1,6\n", "test.csv"),
        )


def row_50() -> None:
    train = read_bytes(b"label,a,b\n0,5,6\n1,6,7\n")
    with pytest.raises(DataError, match=r"column 2 \('b'\): expected 'a'") as caught:
        check_pair(train, read_bytes(b"label,b,a\n0,5,6\n1,6,7\n", "test.csv"))
    assert (caught.value.path, caught.value.line, caught.value.column) == ("test.csv", 1, 2)
    with pytest.raises(DataError, match=r"column 1 \('b'\): expected 'a'"):
        check_pair(train, read_bytes(b"b,a\n5,6\n", "test.csv", required=False))


def row_51() -> None:
    with pytest.raises(DataError, match=r"^test\.csv: no data rows"):
        read_bytes(HEADER, "test.csv", argument="test_data")


def row_52() -> None:
    train = read_bytes(b"label,a\n0,5\n1,6\n")
    os.link("train.csv", "other.csv")
    check_pair(train, read_bytes(b"label,a\n0,5\n1,6\n", "test.csv"))
    for other in ("train.csv", "./train.csv", "other.csv"):
        with pytest.warns(DataWarning, match="train and test are the same file"):
            check_pair(train, read_csv(other))


def row_55() -> None:
    Path("train.csv").write_bytes(HEADER + b"0,1,2\n1,2,x\n")
    read_header = csv_header.read_header

    def write_meanwhile(*arguments: Any) -> csv_header.Header:
        header = read_header(*arguments)
        with open("train.csv", "ab") as file:
            file.write(b"0,1,2\n")
        return header

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("nn.data.csv.loading.read_header", write_meanwhile)
        with pytest.raises(DataError, match="changed during reading"):
            read_csv("train.csv")


SPECIAL: dict[str, Callable[[], None]] = {
    name.removeprefix("row_"): function
    for name, function in list(globals().items())
    if name.startswith("row_")
}


@pytest.mark.parametrize("row", SPECIAL)
def test_special_row(row: str) -> None:
    SPECIAL[row]()


def test_the_tables_cover_the_catalogue() -> None:
    rows = [bad.row for bad in BAD_FILES] + list(ACCEPTED) + list(SPECIAL)
    numbers = {int(row.split()[0]) for row in rows if row[0].isdigit()}
    assert numbers == set(range(1, 56))


def test_a_mistake_in_many_rows_is_one_line_with_a_count() -> None:
    with pytest.raises(DataError) as caught:
        read_bytes(HEADER + b"0,1,2\n" * 8 + b"x,2,y\n" * 7)
    first, second = str(caught.value).splitlines()
    assert first.startswith("train.csv:10: column 1 ('label'): found 'x'")
    assert second.startswith("train.csv:10: column 3 ('b'): found 'y'")
    assert second.endswith(" Also on lines 11, 12, 13 and 3 more.")
    error = caught.value
    assert (error.line, error.column, error.name, error.value) == (10, 1, "label", "x")


def test_a_blank_line_is_reported_once() -> None:
    with pytest.raises(DataError) as caught:
        read_bytes(HEADER + b"0,1,2\n\n1,2,3\n0,1,2\n1,2,3\n")
    assert str(caught.value) == "train.csv:3: found a blank line; remove it."


def test_long_values_are_cut_to_forty_characters() -> None:
    with pytest.raises(DataError) as caught:
        read_bytes(HEADER + b"0,1," + b"x" * 1000 + b"\n")
    assert f"found '{'x' * 36}..., expected" in str(caught.value)
    assert caught.value.value == "x" * 1000


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"dtype": "int32"}, "float32 or float64"),
        ({"task": "maybe"}, "'classification' or 'regression'"),
        ({"sep": "ab"}, "sep must be ','"),
        ({"header": 1}, "header must be None, True or False, got 1"),
        ({"encode": "a"}, "encode must be 'onehot' or a list"),
        ({"drop": ["a"], "id": "a"}, "id and drop both name the column 'a'"),
        ({"values": []}, "values belong to features"),
    ],
)
def test_wrong_options(options: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        read_bytes(HEADER + b"0,1,2\n", **options)


def test_the_underscore_row_would_notice_a_lenient_reader(monkeypatch: pytest.MonkeyPatch) -> None:
    def lenient(text: bytes) -> bool:
        return text.strip().replace(b"_", b"").isdigit()

    monkeypatch.setattr(csv_strict, "is_number_in_bytes", lenient)
    bad = next(bad for bad in BAD_FILES if bad.row == "28 underscore")
    with pytest.raises(pytest.fail.Exception, match="DID NOT RAISE"):
        test_bad_file(bad)
