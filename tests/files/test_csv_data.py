"""Valid CSV files and the agreement of the two readers; single faults at random places.

Which message each kind of bad file gets is the business of `test_csv_errors.py`.
"""

from __future__ import annotations

import gzip
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from unittest import mock

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from nn.data.csv import CsvData, read_csv
from nn.data.csv import fast as csv_fast
from nn.data.csv import loading as csv_data
from nn.data.csv import numbers as csv_numbers
from nn.data.csv import records as csv_records
from nn.data.csv.columns import Columns
from nn.data.csv.fast import read_fast
from nn.data.csv.header import Header, read_header
from nn.data.csv.opening import open_source
from nn.data.csv.rules import Rules
from nn.data.csv.source import Source, Table
from nn.data.csv.strict import _Body, read_strictly
from nn.errors import DataError


def read_bytes(content: bytes, **options: Any) -> CsvData:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "train.csv")
        path.write_bytes(content)
        return read_csv(path, **options)


def read_both(content: bytes, dtype: str, part_bytes: int = 7) -> tuple[Table | None, Table | None]:
    """Return what the quick reader and the one that looks at each cell make of a file.

    Each is None where it refuses. The strict reader must agree with the second, whichever blocks
    of the file it reads quickly.
    """
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "train.csv")
        path.write_bytes(content)
        rules = Rules(str(path), False, np.dtype(dtype), 100_000, 1000, 1 << 20)
        # Small parts, so that even short files are read in several.
        with (
            open_source(rules) as source,
            mock.patch.object(csv_fast, "PART_BYTES", part_bytes),
        ):
            header = read_header(source, rules)
            # All columns are features, and none is text.
            columns = Columns(None, np.arange(len(header.names)), header.names)
            if header.names[0] == "label":
                columns = Columns(0, np.arange(1, len(header.names)), header.names[1:])
            fast = read_fast(source, header, columns, rules)
            strict = strictly(source, header, columns, rules)
            with mock.patch.object(_Body, "_read_quickly", return_value=False):
                by_cell = strictly(source, header, columns, rules)
    assert (strict is None) == (by_cell is None)
    if strict is not None and by_cell is not None:
        assert_same_bits(strict, by_cell)
    return fast, by_cell


def strictly(source: Source, header: Header, columns: Columns, rules: Rules) -> Table | None:
    try:
        return read_strictly(source, header, columns, rules)[0]
    except DataError:
        return None


def assert_same_bits(fast: Table, strict: Table) -> None:
    for one, other in zip(fast[:2], strict[:2], strict=True):
        if one is None or other is None:
            assert one is other
            continue
        assert (one.dtype, one.shape) == (other.dtype, other.shape)
        assert one.flags.c_contiguous
        assert other.flags.c_contiguous
        assert one.tobytes() == other.tobytes()


def assert_readers_agree(content: bytes, dtype: str = "float32", part_bytes: int = 7) -> None:
    """Check that the quick reader takes nothing that the strict one refuses or reads otherwise."""
    fast, strict = read_both(content, dtype, part_bytes)
    if fast is not None:
        assert strict is not None
        assert_same_bits(fast, strict)


integers = st.integers(0, 2**63 - 1).map(str)
notations = st.sampled_from([repr, "{:e}".format, "{:.3f}".format, "{:.17g}".format, "{:E}".format])
floats = st.builds(lambda write, x: write(x), notations, st.floats(-1e30, 1e30))
ODD_NUMBERS = ["-0", "-0.0", ".5", "5.", "1.e5", "1E+05", "1e-400", "1e-45", "007"]
ODD_NUMBERS += ["0" * 40 + "12", "9007199254740993", "16777217", "0." + "0" * 330 + "1e330"]
ODD_NUMBERS += ["3.4028235677973362e38"]  # rounds down to the largest float32
oddities = st.sampled_from(ODD_NUMBERS)
numbers = st.one_of(st.integers(0, 255).map(str), integers, floats, oddities)
blanks = st.sampled_from(["", "", "", " ", "  ", "\t"])


@dataclass(frozen=True)
class Written:
    """A valid file as cells, and how they are written."""

    header: Sequence[str]
    rows: list[list[str]]
    line_end: str
    blank: str
    last_line_ends: bool

    def content(self) -> bytes:
        lines = [f",{self.blank}".join(cells) for cells in [self.header, *self.rows]]
        text = self.line_end.join(lines) + (self.line_end if self.last_line_ends else "")
        return text.encode()

    def features(self, dtype: str) -> np.ndarray:
        cells = [[float(cell.strip(' "')) for cell in row[1:]] for row in self.rows]
        return np.array(cells, np.float64).astype(dtype)


@st.composite
def valid_files(
    draw: st.DrawFn, ends: Sequence[str] = ("\n", "\r\n"), quotes: bool = False
) -> Written:
    columns = draw(st.integers(1, 4))
    label = st.integers(0, 99).map(str)
    cells = st.lists(numbers, min_size=columns, max_size=columns)
    rows = draw(st.lists(st.builds(lambda a, b: [a, *b], label, cells), min_size=1, max_size=8))
    header = ["label", *(f"pixel{column}" for column in range(1, columns + 1))]
    if quotes:
        rows = [[f'"{cell}"' if draw(st.booleans()) else cell for cell in row] for row in rows]
        # A quoted name may even hold a line break, which moves all rows a line down.
        header[-1] = draw(st.sampled_from(['"last"', "last", f'"la{ends[0]}st"', '"la""st"']))
    last_line_ends = draw(st.booleans())
    return Written(header, rows, draw(st.sampled_from(ends)), draw(blanks), last_line_ends)


@given(valid_files(), st.sampled_from(["float32", "float64"]), st.integers(1, 60))
def test_both_readers_return_the_same_bits(file: Written, dtype: str, part_bytes: int) -> None:
    fast, strict = read_both(file.content(), dtype, part_bytes)
    assert fast is not None
    assert strict is not None
    assert_same_bits(fast, strict)
    assert fast.features.tobytes() == file.features(dtype).tobytes()
    assert fast.labels is not None
    assert fast.labels.tolist() == [int(row[0]) for row in file.rows]


@given(
    st.integers(1, 3),
    st.text(alphabet='01259+-.eE, \t\r\n,,\n\n"', max_size=40),
    st.sampled_from(["float32", "float64"]),
)
def test_readers_agree_on_any_text(columns: int, body: str, dtype: str) -> None:
    header = ",".join(f"pixel{column}" for column in range(columns))
    assert_readers_agree(f"{header}\n{body}".encode(), dtype)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_readers_agree_on_whole_numbers_of_any_size(dtype: str) -> None:
    for power in (24, 53, 63, 64, 100):
        cells = ",".join(str(2**power + step) for step in (-1, 0, 1, 3))
        content = f"a,b,c,d\n{cells}\n".encode()
        assert_readers_agree(content, dtype)
        numbers = read_bytes(content, required=False, dtype=dtype).features
        expected = [float(2**power + step) for step in (-1, 0, 1, 3)]
        assert numbers.tolist() == [np.array(expected, np.float64).astype(dtype).tolist()]


@pytest.mark.parametrize("cell", ["+4.0319671485434363e-69", "+0.1", "+8.1290513179197897e-05"])
def test_a_leading_plus_is_rounded_like_any_other_number(cell: str) -> None:
    for content in (f"a,b\n1,{cell}\n", f"a, b\n1,\t{cell} \n"):
        fast, strict = read_both(content.encode(), "float64")
        for table in (fast, strict):
            assert table is not None
            assert table.features.tolist() == [[1, float(cell)]]


REFUSED = (
    b"a,b\n1,2,3\n4\n5,6\n",  # one row long, the next as much too short
    b"a,b\n1\r2,3\n4,\n5,6\n",  # a lone CR adds the number that a later cell lacks
    b"a,b\n1,2\f\n3,\v4\n",  # blanks to pandas
    b"a,b\n1,2\0\n3,4\n",
    b"a,b\n1,2\n\n3,4\n",
    b"a,b\n1,2\n,4\n",
    b"a,b\n1,2\n3,4\n5",
    b"a,b\n1,2\n3,4,\n",
)


@pytest.mark.parametrize("content", REFUSED)
def test_readers_refuse_what_only_looks_complete(content: bytes) -> None:
    assert read_both(content, "float32") == (None, None)
    assert read_both(content, "float32", 1 << 20) == (None, None)


def test_the_comparison_would_notice_a_reader_that_mends_rows(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    assert_readers_agree(REFUSED[0], part_bytes=1 << 20)
    monkeypatch.setattr(csv_numbers, "_all_lines_have", lambda commas, text: True)
    with pytest.raises(AssertionError):
        assert_readers_agree(REFUSED[0], part_bytes=1 << 20)


def test_the_comparison_would_notice_other_rounding() -> None:
    fast, strict = read_both(b"a,b\n0.1,0.2\n", "float64")
    assert fast is not None
    assert strict is not None
    assert_same_bits(fast, strict)
    fast.features[0, 1] = np.nextafter(0.2, 1)
    with pytest.raises(AssertionError):
        assert_same_bits(fast, strict)


BAD_CELLS = ["", "abc", "NA", "inf", "-inf", "1e999", "1_0", "0x1f", "１２", "1 2", "1;2", "é"]
BAD_CELLS += ["2024-01-31", "True", "5\0", "1e", "+-1", "..1", "1.5.2", '"1,5"', '""']
BAD_CELLS += ['"1,000"', '"a ""b"" c"', '"1"2', "--", "e5", "#5", "1\v", "\f1"]


@given(
    st.one_of(
        valid_files(),
        valid_files(ends=("\r",)),
        valid_files(ends=("\r\n",), quotes=True),
        valid_files(ends=("\n",), quotes=True),
    ),
    st.sampled_from(BAD_CELLS),
    st.data(),
)
def test_one_bad_cell_is_found_at_its_line_and_column(
    file: Written, bad_cell: str, data: st.DataObject
) -> None:
    # In a column with as many texts as numbers, the numbers would be the mistake.
    file.rows.extend([list(cells) for cells in [*file.rows, *file.rows]])
    row = data.draw(st.integers(0, len(file.rows) - 1))
    column = data.draw(st.integers(0, len(file.header) - 1))
    file.rows[row][column] = bad_cell
    header_lines = 1 + any("\n" in name or "\r" in name for name in file.header)
    with pytest.raises(DataError) as caught:
        read_bytes(file.content())
    error = caught.value
    assert (error.line, error.column) == (header_lines + row + 1, column + 1)
    name = file.header[column].strip('"').replace('""', '"').replace("\r", "")
    assert error.name == name
    place = f"{error.path}:{error.line}: column {error.column} ({name!r}): "
    assert str(error).startswith(place)
    assert len(str(error).splitlines()) == 1


@given(valid_files(ends=("\n",), quotes=True), st.data())
def test_rows_of_wrong_width_are_found_at_their_line(file: Written, data: st.DataObject) -> None:
    row = data.draw(st.integers(0, len(file.rows) - 1))
    if data.draw(st.booleans()):
        file.rows[row].append("7")
    else:
        file.rows[row].pop()
    header_lines = 1 + any("\n" in name for name in file.header)
    with pytest.raises(DataError, match=f"expected {len(file.header)}") as caught:
        read_bytes(file.content())
    assert (caught.value.line, caught.value.column) == (header_lines + row + 1, None)


def test_a_cell_behind_a_line_break_in_quotes_has_the_later_line() -> None:
    with pytest.raises(DataError) as caught:
        read_bytes(b'label,a,b\n0,"1\n2",x\n1,2,y\n' + b"1,2,3\n" * 3)
    first, second = str(caught.value).splitlines()
    assert ":2: column 2 ('a'): found '1\\n2'" in first
    assert ":3: column 3 ('b'): found 'x', expected a number. " in second
    assert second.endswith(" Also on line 4.")


ORDINARY = b"label,a,b\n1,2,3\n0,4.5,-5e3\n"


@pytest.mark.parametrize(
    "content",
    [
        ORDINARY,
        ORDINARY.replace(b"\n", b"\r\n"),
        ORDINARY.replace(b",", b", "),
        ORDINARY.replace(b"label,a,b", b'"label","a","b"'),
        ORDINARY.rstrip(),
        ORDINARY + b"\n\n",
        b"label, a, b\n1, 2.0e+00, 3e0\n0, 4.5E+00, -5.000e+03\n",
        b"\xef\xbb\xbf" + ORDINARY,
        gzip.compress(ORDINARY, mtime=0),
    ],
)
def test_ordinary_files_take_the_quick_way(content: bytes, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*arguments: Any) -> Table:
        raise AssertionError("the strict reader was called")

    monkeypatch.setattr(csv_data, "read_strictly", refuse)
    data = read_bytes(content)
    assert data.features.tolist() == [[2, 3], [4.5, -5000]]
    assert data.labels is not None
    assert data.labels.tolist() == [1, 0]
    with pytest.raises(AssertionError, match="strict reader"):
        read_bytes(ORDINARY + b"1,x,2\n")


@pytest.mark.parametrize("block_bytes", [1, 2, 3, 5, 1 << 18])
def test_line_ends_split_between_blocks(block_bytes: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(csv_records, "BLOCK_BYTES", block_bytes)
    monkeypatch.setattr(csv_fast, "BLOCK_BYTES", block_bytes)
    with pytest.raises(DataError) as caught:
        read_bytes(b"label,a\r\n0,1\r2,3\n\r4,x\r\n")
    assert str(caught.value).count(":4: found a blank line; remove it.") == 1
    assert str(caught.value).count(":5: column 2 ('a'): found 'x', expected a number.") == 1
    assert read_bytes(ORDINARY.replace(b"\n", b"\r\n")).features.shape == (2, 2)


def test_optional_labels() -> None:
    data = read_bytes(b"a,b\n1,2\n3,4\n", required=False)
    assert (data.columns, data.labels) == (("a", "b"), None)
    assert data.features.tolist() == [[1, 2], [3, 4]]
    data = read_bytes(b"label,b\n1,2\n3,4\n", required=False)
    assert data.labels is not None
    assert (data.columns, data.labels.tolist()) == (("b",), [1, 3])
    data = read_bytes(b"only\n1\n2\n", required=False, dtype=np.float64)
    assert data.features.dtype == np.float64
    assert data.features.tolist() == [[1], [2]]


def test_labels_are_judged_in_full_precision() -> None:
    # In float32 this label would round to 1 and pass.
    with pytest.raises(DataError, match=r"labels are integers 0\.\.K-1"):
        read_bytes(b"label,a\n0,5\n1.00000001,5\n")


def test_the_class_limit_can_be_raised() -> None:
    content = b"label,a\n0,5\n300000,5\n"
    with pytest.raises(DataError, match=r":3: column 1 .*limit 100000"):
        read_bytes(content)
    data = read_bytes(content, max_classes=400_000)
    assert data.labels is not None
    assert data.labels.tolist() == [0, 300_000]


def test_reading_changes_no_error_state_of_the_caller() -> None:
    with np.errstate(all="raise"):
        assert read_bytes(b"label,a\n0,1e-60\n1,2\n").features.tolist() == [[0], [2]]
        with pytest.raises(DataError, match="too large for float32"):
            read_bytes(b"label,a\n0,1e60\n")


@pytest.mark.needs("processes")
def test_importing_does_not_load_pandas() -> None:
    program = "import sys, nn.data.csv; sys.exit('pandas' in sys.modules)"
    subprocess.run([sys.executable, "-c", program], check=True)
