"""Records, cells and skipped columns, compared with a reader that goes character by character."""

from __future__ import annotations

import tempfile
from pathlib import Path
from unittest import mock

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from nn.data.csv import read_csv
from nn.data.csv import records as csv_records
from nn.data.csv.opening import open_source
from nn.data.csv.plain import split_rows
from nn.data.csv.problems import Problems
from nn.data.csv.records import blocks, count_cells, count_lines, records, split_cells, unquoted
from nn.data.csv.rules import Rules
from nn.data.csv.strict import _Body
from nn.errors import DataError

TEXTS = st.text(alphabet='1a,,""\n\r \t', max_size=60)


def by_character(text: str) -> list[list[str]] | None:
    """Split a text into records of cells, as they are written; None where a quote stays open."""
    rows, row, cell, i = [], [], "", 0
    in_quotes = False
    while i < len(text):
        character = text[i]
        if in_quotes and text.startswith('""', i):
            cell, i = cell + '""', i + 2
            continue
        if in_quotes or character not in ",\r\n":
            if character == '"' and (in_quotes or not cell.strip(" \t")):
                in_quotes = not in_quotes
            cell += character
        else:
            row.append(cell)
            cell = ""
            if character != ",":
                rows.append(row)
                row = []
                i += text.startswith("\r\n", i)
        i += 1
    if cell or row:
        rows.append([*row, cell])
    return None if in_quotes else rows


def cells_of(text: str, block_bytes: int) -> list[list[str]] | None:
    """Split a text as the reader does, in blocks of so many bytes."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "data.csv")
        path.write_bytes(b"first\n" + text.encode())
        rules = Rules(str(path), False, np.dtype("float32"), 10, 10, 1 << 20)
        found, line = [], 1
        with (
            open_source(rules) as source,
            mock.patch.object(csv_records, "BLOCK_BYTES", block_bytes),
        ):
            try:
                for block in blocks(source.stream(6), 1, rules, Problems(rules.path)):
                    assert block.first_line == line
                    for record in records(block.text):
                        line += count_lines(record)
                        bare = record
                        for end in (b"\r\n", b"\n", b"\r"):
                            if record.endswith(end):
                                bare = record.removesuffix(end)
                                break
                        cells, rest = split_cells(bare, 10_000)
                        assert (len(cells), rest) == (count_cells(bare), b"")
                        some, rest = split_cells(bare, 1)
                        assert b",".join([*some, *([rest] if len(cells) > 1 else [])]) == bare
                        found.append([cell.decode() for cell in cells])
            except DataError as error:
                return None if error.kind == "unclosed quote" else [[str(error)]]
        return found


@given(TEXTS, st.integers(1, 40))
def test_records_are_those_of_a_reader_by_character(text: str, block_bytes: int) -> None:
    assert cells_of(text, block_bytes) == by_character(text)


def test_the_reader_by_character_would_notice_a_wrong_pattern(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(
        csv_records,
        "_cell_at",
        lambda text, start: csv_records.re.compile(rb"[^,\r\n]*").match(text, start),
    )
    assert cells_of('"a,b"\n', 9) != by_character('"a,b"\n')


@pytest.mark.parametrize("cells", [4095, 4096, 4097, 9000])
@pytest.mark.parametrize("cell", ['""', '"a,b"', 'a"', "1", '"a""b"'])
def test_records_of_any_width(cells: int, cell: str) -> None:
    text = f"{','.join([cell] * cells)}\n" + "1,2\n" * 1500
    found = cells_of(text, 5000)
    assert found == [[cell] * cells] + [["1", "2"]] * 1500


@pytest.mark.parametrize(
    ("cell", "text"),
    [
        ('"a"', "a"),
        (' "a ', ' "a '),
        (' "a" ', "a"),
        ('"a""b"', 'a"b'),
        ('"5"6', '"5"6'),
        ("5", "5"),
    ],
)
def test_unquoted(cell: str, text: str) -> None:
    expected = text if text != ' "a ' else cell
    assert unquoted(cell.encode()).decode() == expected


@given(
    st.text(alphabet='12,,,"" \t\n\na', max_size=50),
    st.sampled_from(["x,a,b", "a,x,b", "a,b,x", "x,b,y,a", "a,b", "x,a,y"]),
)
def test_skipped_columns_make_no_difference_between_quick_and_slow(body: str, header: str) -> None:
    features = [name for name in header.split(",") if name in "ab"]
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "data.csv")
        path.write_text(f"{header}\n{body}", encoding="utf-8", newline="")

        def outcome() -> object:
            try:
                data = read_csv(path, required=False, features=features)
            except DataError as error:
                return str(error)
            return data.features.tolist(), data.ignored, data.line_of(0)

        quick = outcome()
        with mock.patch.object(_Body, "_read_quickly", return_value=False):
            slow = outcome()
    assert quick == slow


@pytest.mark.parametrize(
    ("text", "plain"),
    [
        (b'"a, b",1\n"c",2\n', b"1\n2\n"),
        (b'"a\nb",1\nc,"2"\n', b"1\n2\n"),
        (b'6" pipe,1\n,2\n', b"1\n2\n"),
        (b'"say ""a""",1\n, "2" \n', b"1\n2 \n"),
        (b'a,"1""2"\n', None),
        (b'a,"1"2\n', None),
        (b"a,1,2\n", None),
        (b"a\nb,1\n,2,3\n", None),
    ],
)
def test_plain_rows(text: bytes, plain: bytes | None) -> None:
    grid = split_rows(text, 2)
    found = None if grid is None else grid.plain(np.array([False, True]))
    assert found == plain


def test_a_number_behind_empty_quotes_is_not_read(tmp_path: Path) -> None:
    path = tmp_path / "data.csv"
    path.write_text('a,b\n1," " 2\n3,4\n', "utf-8")
    with pytest.raises(DataError, match=r"2: column 2 .'b'.: found"):
        read_csv(path, required=False)
    path.write_text('a,b\n1,"2" \n3,"4"\n', "utf-8")
    assert read_csv(path, required=False).features.tolist() == [[1.0, 2.0], [3.0, 4.0]]


OPTIONS: list[dict[str, object]] = [
    {"encode": ["b"], "missing": "mean"},
    {"encode": "onehot"},
    {"missing": "drop", "id": "x"},
    {"features": ["a", "b"], "values": [[], ["a", "1"]], "unknown": "ignore"},
    {"encode": "onehot", "missing": "mean", "task": "regression", "label": "a"},
    {"encode": "onehot", "missing": "mean", "label": "b", "decimal": ","},
]


@given(
    st.text(alphabet='12,,,"" \t\n\na.?', max_size=60),
    st.sampled_from(["x,a,b", "a,b", "label,x,a,b"]),
    st.sampled_from([",", ";", "\t", " "]),
    st.sampled_from(OPTIONS),
)
def test_texts_and_missing_values_make_no_difference_between_quick_and_slow(
    body: str, header: str, mark: str, options: dict[str, object]
) -> None:
    if mark == "," and "decimal" in options:
        return
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "data.csv")
        path.write_text(f"{header}\n{body}".replace(",", mark), encoding="utf-8", newline="")

        def outcome() -> object:
            try:
                data = read_csv(path, required=False, sep=mark, **options)  # type: ignore[arg-type]
            except DataError as error:
                return str(error)
            labels = None if data.labels is None else data.labels.tolist()
            return (
                data.features.tobytes(),
                labels,
                data.values,
                data.classes,
                data.ids,
                data.unknown,
            )

        quick = outcome()
        with mock.patch.object(_Body, "_read_quickly", return_value=False):
            slow = outcome()
    assert quick == slow
