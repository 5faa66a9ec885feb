"""Columns found by name or position, first lines that are data, and advice that can be followed.

What is wrong with rows is the business of `test_csv_errors.py`.
"""

from __future__ import annotations

import re
from pathlib import Path
from types import MappingProxyType
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from nn.data.csv import CsvData, check_classes, list_names, read_csv
from nn.data.csv.options import OWN_OPTIONS
from nn.errors import DataError

NAMES = ("width", "height", "depth")


@pytest.fixture(autouse=True)
def _in_empty_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def read(text: str | bytes, **options: Any) -> CsvData:
    content = text if isinstance(text, bytes) else text.encode()
    Path("data.csv").write_bytes(content)
    return read_csv("data.csv", **{"required": False} | options)


def error(text: str | bytes, **options: Any) -> str:
    with pytest.raises(DataError) as caught:
        read(text, **options)
    return str(caught.value)


# By name -----------------------------------------------------------------------------------------


@given(
    st.permutations(["label", "Id", *NAMES]),
    st.sampled_from(["7", "text", "", '"a, b"', '"two\nlines"', '6"', '"say ""a"""', "1e999"]),
    st.sampled_from(["", " "]),
    st.integers(0, 2),
)
def test_columns_are_found_in_any_order(
    header: list[str], unused: str, blank: str, quoted: int
) -> None:
    generator = np.random.default_rng(len(unused) + header.index("label"))
    rows = [dict(zip(NAMES, generator.integers(0, 99, 3).tolist(), strict=True)) for _ in range(5)]
    cells = [row | {"label": i % 3, "Id": unused} for i, row in enumerate(rows)]
    write = '"{}"'.format if quoted else "{}".format
    lines = [header]
    lines += [[str(row[n]) if n == "Id" else write(row[n]) for n in header] for row in cells]
    text = "\n".join(f",{blank}".join(line) for line in lines) + "\n"
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("nn.data.csv.strict.PIECE_BYTES", (9, 4))
        data = read(text, features=NAMES)
    assert data.columns == NAMES
    assert data.ignored == ("Id",)
    assert data.has_header
    assert data.label_column == header.index("label") + 1
    assert data.labels is not None
    assert data.labels.tolist() == [0, 1, 2, 0, 1]
    expected = [[row[name] for name in NAMES] for row in rows]
    np.testing.assert_array_equal(data.features, np.array(expected, np.float32))
    assert data.line_of(1) == (None if "\n" in unused else 3)


def test_the_label_may_be_in_any_column() -> None:
    for options in ({}, {"features": ("a",)}):
        data = read("a,label\n5,1\n", **options)
        assert (data.columns, data.features.tolist(), data.label_column) == (("a",), [[5]], 2)


def test_missing_columns_are_named() -> None:
    message = error("label,Width,depth,height\n1,2,3,4\n", features=NAMES)
    assert "lacks 1 of the 3 expected columns: 'width'." in message
    assert "Did you mean 'width' by 'Width'?" in message
    assert "Did you mean 'height' by 'heigth'?" in error(
        "heigth,width,depth\n1,2,3\n", features=NAMES
    )
    many = tuple(f"pixel{i}" for i in range(100))
    message = error("pixel7,a\n1,2\n", features=many)
    assert "lacks 99 of the 100 expected columns: 'pixel0', 'pixel1', " in message
    assert "and 94 more" in message
    assert "by 'pixel7'" not in message  # it has its own place already
    message = error("a,b,c\n1,2,3\n", features=NAMES)
    assert "lacks all 3" in message
    assert "It has 'a', 'b', 'c' instead." in message


def test_a_name_twice_is_an_error_even_in_a_column_that_is_skipped() -> None:
    text = "width,Id,height,depth,Id\n1,2,3,4,5\n"
    assert "'Id' occurs in columns 2 and 5" in error(text, features=NAMES)


def test_row_numbers_without_a_name_are_skipped_where_columns_are_matched() -> None:
    """Of 1,005 files that come with packages for statistics, 761 begin with such a column."""
    data = read(",depth,width,height,\n7,3,1,2,x\n", features=NAMES)
    assert (data.features.tolist(), data.ignored) == ([[1, 2, 3]], ("", ""))
    assert list_names(data.ignored[:1]) == "one without a name"
    data = read(",depth,width,height\n0,3,1,2\n1,4,5,6\n")
    assert (data.columns, data.ignored) == (("depth", "width", "height"), ("",))
    twice = ",depth,width,height\n7,3,1,2\n7,4,5,6\n"
    for text, options in (
        (twice, {}),  # no row numbers
        ("depth,,height\n7,3,1\n", {}),
        (",depth,width,height\n7,3,1,2\n", {"features": NAMES, "by_position": True}),
    ):
        assert "the column name is blank" in error(text, **options)


def test_skipped_columns_still_count_for_the_width_of_a_row() -> None:
    text = 'Id,width,height,depth\n"a, b",1,2,3\na, b,1,2,3\n'
    assert error(text, features=NAMES).startswith("data.csv:3: found 5 fields, expected 4")


@pytest.mark.parametrize(
    ("features", "kind"),
    [("width", TypeError), ((1, 2), TypeError), ((), ValueError), (("a", "a"), ValueError)],
)
def test_names_that_cannot_be_looked_for(features: Any, kind: type[Exception]) -> None:
    with pytest.raises(kind, match="features must"):
        read("a\n1\n", features=features)
    with pytest.raises(ValueError, match="must not hold 'label'"):
        read("a\n1\n", features=("label",))


def test_names_are_printed_without_control_characters() -> None:
    message = error("\x1b[2Jwidth,b,c\n1,2,3\n", features=NAMES)
    assert message.isprintable()
    assert list_names(["a\x1b[2J", "b"] * 4) == (
        r"'a\x1b[2J', 'b', 'a\x1b[2J', 'b', 'a\x1b[2J' and 3 more"
    )
    path = Path("a\x1b[2J\n.csv")
    path.write_text("label,a\n1,x\n0,1\n", "utf-8")
    with pytest.raises(DataError) as caught:
        read_csv(path)
    assert str(caught.value).startswith(r"a\x1b[2J\n.csv:2: column 2")
    assert caught.value.path == str(path)


# By position -------------------------------------------------------------------------------------


def test_by_position_names_do_not_matter_and_may_be_missing() -> None:
    options = {"features": NAMES, "by_position": True}
    for text in ("1,2,3\n4,5,6\n", "a,b,c\n1,2,3\n4,5,6\n"):
        data = read(text, **options)
        assert data.columns == NAMES
        assert data.features.tolist() == [[1, 2, 3], [4, 5, 6]]
        assert data.has_header == ("a" in text)
        assert data.line_of(1) == (3 if "a" in text else 2)
    data = read("a,label,b,c\n1,0,2,3\n", **options)
    assert (data.features.tolist(), data.label_column) == ([[1, 2, 3]], 2)
    assert read("1,2\n", by_position=True).columns == ("column 1", "column 2")


def test_by_position_the_number_of_columns_must_fit() -> None:
    options = {"features": NAMES, "by_position": True}
    assert "found 4 columns and no header, expected the 3 features" in error("1,2,3,4\n", **options)
    assert "found 2 feature columns, expected 3" in error("a,b\n1,2\n", **options)
    text = "Id,width,height,depth\n1,2,3,4\n"
    assert "Omit by_position=True to match the names." in error(text, **options)


def test_by_position_is_refused_where_the_names_say_something_else() -> None:
    message = error("height,width,x\n1,2,3\n", features=NAMES, by_position=True)
    assert "column 1 ('height')" in message
    assert "feature 1 by its position, but feature 2 by its name" in message


def test_a_bad_first_row_without_a_header_is_an_error_in_line_1() -> None:
    message = error("5.1,?,1\n1,2,3\n", features=NAMES, by_position=True)
    assert message.startswith("data.csv:1: column 2 ('height'): missing value '?'")


# A first line that is data -----------------------------------------------------------------------

DATA = ["5.1,?,1.4", "5.1,nan,1.4", "nan,?,NA", "2024-01-31,1", "2024-01-31,red", "5.1 cm,3 cm"]
DATA += ["5.1cm,red", '"5.1","3.5"', '"1,5","2,5"', "5.1,,3", "1_000,a", "0x10,a", "True,False"]
DATA += ["-inf,a", "12:30,a", "12 %,a", "$5,a", "1e5,a", "-,a", "１２,a", "red,5", "3D,4H", "N/A,a"]


@pytest.mark.parametrize("line", DATA)
def test_a_row_of_data_is_not_taken_for_a_header(line: str) -> None:
    count = len(read("a,b,c\n1,2,3\n").columns) if line.count(",") == 2 else 2
    rows = ",".join("1" * count) + "\n"
    for options in ({}, {"required": True}):
        message = error(f"{line}\n{rows}", **options)
        assert "looks like data" in message
        assert "the first line must be column names" in message
    with_header = read(f"{','.join('abc'[:count])}\n{rows}")
    assert len(with_header.features) == 1


NAMED = ["1stFlrSF,2ndFlrSF,area", "a,1b", "red,green", "2 words and more,a", "x1,x2", "a.1,a"]
NAMED += [",".join(map(str, range(start, start + 20))) for start in (0, 1)]


@pytest.mark.parametrize("line", NAMED)
def test_names_with_digits_in_them_are_names(line: str) -> None:
    names = tuple(line.split(","))
    assert read(f"{line}\n{','.join('7' * len(names))}\n").columns == names


@pytest.mark.parametrize("line", ["0", "1", "0,1", "1,2,3"])
def test_a_few_numbers_are_data_whatever_the_names_are(line: str) -> None:
    assert "looks like data" in error(f"{line}\n{line}\n")
    names = line.split(",")
    assert "looks like data" in error(f"{line}\n{line}\n", features=names)
    assert len(read(f"{line}\n{line}\n", features=names, by_position=True).features) == 2


def test_what_can_be_names_or_data_is_not_read_by_position() -> None:
    message = error("0,1,2,3\n5,6,7,8\n", by_position=True)
    assert "can be column names or a row of data" in message
    assert len(read("a,b,c,d\n0,1,2,3\n", by_position=True).features) == 1


@pytest.mark.parametrize(
    "names", ["0,1,2", "1,2,3", "0", "2019,2020", "1100,1102,1104", "450.5,451.0,451.5", "a,0,1"]
)
def test_numbers_that_count_up_may_be_names_next_to_a_label(names: str) -> None:
    values = ",".join("5" * (names.count(",") + 1))
    data = read(f"label,{names}\n1,{values}\n", required=True)
    assert data.columns == tuple(names.split(","))
    # Whoever learned from it can be asked about it, in any order, if there is a label.
    turned = ",".join(reversed(names.split(",")))
    again = read(f"{turned},label\n{values},1\n", features=data.columns)
    assert again.columns == data.columns


@pytest.mark.parametrize("names", ["3.5,1.4,0.2", "5", "0,0,0", "3,5", "a,2019", "7,5,3", "1e5,a"])
def test_other_numbers_next_to_a_label_are_refused(names: str) -> None:
    values = ",".join("5" * (names.count(",") + 1))
    message = error(f"label,{names}\n1,{values}\n", required=True)
    assert "for a name, which looks like data" in message


# Advice ------------------------------------------------------------------------------------------

WIDE = "label," + ",".join(f"p{i}" for i in range(9)) + "\n" + "1," + ",".join("123456789") + "\n"
# A file for each option that a message may name, the call that fails, and what the option is then.
ADVISED: dict[str, tuple[str, dict[str, Any], Any]] = {
    "by_position": ("a,b,c\n1,2,3\n", {"features": NAMES}, True),
    "decimal": ("label;a\n0;1,250\n1;2,500\n", {}, ","),
    "drop": ("label,a,b\n0,1,x\n1,2,y\n", {}, ["b"]),
    "encode": ("label,a,b\n0,1,x\n1,2,y\n", {}, "onehot"),
    "header": ("5,6,7\n1,2,3\n", {}, False),
    "id": ("label,a,b\n" + "".join(f"0,1,x{i}\n" for i in range(9)), {"encode": "onehot"}, "b"),
    "label": ("digit,a\n0,1\n1,2\n", {"required": True}, "digit"),
    "missing": ("label,a\n0,1\n1,?\n", {}, "mean"),
    "sep": ("a;b,c;d\n1;2,3;4\n", {"encode": "onehot"}, ","),
    "task": ("label,a\n0.5,1\n1,2\n", {}, "regression"),
    "unknown": ("a\nx\ny\n", {"features": ("a",), "values": [("x",)]}, "ignore"),
    "dtype": ("label,a\n1,1e39\n0,1\n", {}, "float64"),
    "max_bytes": (WIDE, {"max_bytes": 20}, 1000),
    "max_classes": ("label,a\n200000,1\n0,1\n", {}, 200_001),
    "max_columns": (WIDE, {"max_columns": 5}, 10),
    "max_line_bytes": (WIDE, {"max_line_bytes": 20}, 100),
}


@pytest.mark.parametrize("option", OWN_OPTIONS)
def test_advice_names_the_option_of_the_caller_and_helps(option: str) -> None:
    text, options, value = ADVISED[option]
    advised = OWN_OPTIONS[option].replace("{}", "'b'")
    assert advised in error(text, **options)
    assert f"--{option}" in error(text, **options, offers={option: f"--{option}"})
    message = error(text, **options, offers={})
    for words in (advised, f"pass {option}", f"{option}="):
        assert words not in message
    assert len(read(text, **options | {option: value}).features)


def test_a_first_row_is_read_by_position_as_advised() -> None:
    assert "pass by_position=True" in error("5,6,7\n1,2,3\n", features=NAMES)
    assert len(read("5,6,7\n1,2,3\n", features=NAMES, by_position=True).features) == 2


def test_every_option_that_the_source_names_is_offered_by_the_caller() -> None:
    """No message may name an option in its own words: it has to ask what is offered."""
    folder = Path(__import__("nn.data.csv", fromlist=["_"]).__file__).parent
    asked: set[str] = set()
    for file in folder.glob("*.py"):
        source = file.read_text("utf-8")
        asked |= set(re.findall(r"(?:offers, |offers\[)[\"'](\w+)[\"']", source))
        if file.name not in ("reading.py", "options.py"):
            assert not re.findall(r"(?:max_\w+|dtype|by_position)=[ \w.]*[\"']", source), file
    assert asked | {"header"} == set(OWN_OPTIONS)


def test_check_classes_advises_what_is_offered() -> None:
    data = CsvData("train.csv", ("a",), np.zeros((2, 1), np.float32), np.array([0, 10**9]))
    for offers, words in (({}, "limit 100000; number"), ({"max_classes": "-k"}, "pass -k to")):
        with pytest.raises(DataError, match=words):
            check_classes(data, offers=MappingProxyType(offers))


def test_only_known_options_can_be_offered() -> None:
    with pytest.raises(ValueError, match="got max_rows"):
        read("a\n1\n", offers={"max_rows": "--max-rows"})


# A column of numbers and texts ------------------------------------------------------------------


def test_a_cell_of_text_among_numbers_can_be_encoded_or_left_out(tmp_path):
    """Such columns are common: oats in cwt, families with a letter, bags 1 and 2."""
    path = tmp_path / "mixed.csv"
    path.write_text("bags,b,label\n1,1,0\n1 and 2,2,1\n3,3,0\n", "utf-8")
    with pytest.raises(DataError) as caught:
        read_csv(path, encode="onehot")
    assert "name it among those to encode; to leave it out, pass drop=['bags']" in str(caught.value)
    data = read_csv(path, encode=["bags"])
    assert data.values == (("1", "3", "1 and 2"), ())
    assert read_csv(path, drop=["bags"]).columns == ("b",)
    with pytest.raises(DataError) as caught:  # a trained model knows what the column is
        read_csv(path, features=["bags", "b"], values=[(), ()], offers={})
    assert "encode" not in str(caught.value)


def test_a_negative_label_says_what_to_write(tmp_path):
    path = tmp_path / "signs.csv"
    path.write_text("a,label\n1,-1\n2,1\n", "utf-8")
    with pytest.raises(
        DataError, match=r"'-1'; .* Number the classes from 0, or write their names"
    ):
        read_csv(path)
