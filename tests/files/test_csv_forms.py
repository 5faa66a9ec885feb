"""The forms of files that people have: labels, texts, missing values, separators, several files.

Errors that every form has in common are the business of `test_csv_errors.py`.
"""

from __future__ import annotations

import gzip
import io
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pandas
import pytest

from nn.data.csv import CsvData, check_classes, check_pair, class_mapping, read_csv
from nn.data.csv.options import OWN_OPTIONS
from nn.data.files import read_files
from nn.errors import DataError
from nn.training.options import COMMAND, PYTHON, reading_offers

IRIS = (
    "length,width,species\n5.1,3.5,setosa\n4.9,3.0,setosa\n7.0,3.2,versicolor\n6.3,3.3,virginica\n"
)
FEATURES = [[5.1, 3.5], [4.9, 3.0], [7.0, 3.2], [6.3, 3.3]]
SPECIES = ("setosa", "versicolor", "virginica")
PEOPLE = """Id,Survived,Grade,Name,Sex,Age
a1,0,3,"Braund, Owen",male,22
a2,1,1,"Cumings, Anna",female,38
a3,1,3,"Heikkinen, Laina",female,
a4,1,1.0,"Futrelle, Lily",female,35
a5,0,"3","Allen, William",male,35
a6,0,2,"Moran, James",male,NA
"""


@pytest.fixture(autouse=True)
def _in_empty_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def read(text: str | bytes, **options: Any) -> CsvData:
    Path("data.csv").write_bytes(text if isinstance(text, bytes) else text.encode())
    return read_csv("data.csv", **options)


def error(text: str | bytes, **options: Any) -> DataError:
    with pytest.raises(DataError) as caught:
        read(text, **options)
    return caught.value


def assert_iris(data: CsvData) -> None:
    np.testing.assert_array_equal(data.features, np.array(FEATURES, np.float32))
    assert data.labels is not None
    assert data.labels.dtype == np.int64
    assert (data.labels.tolist(), data.classes) == ([0, 0, 1, 2], SPECIES)


# The label ---------------------------------------------------------------------------------------


def test_the_label_by_name_by_position_or_found() -> None:
    for label in ("species", "Species", 2, -1, None):
        data = read(IRIS, label=label)
        assert_iris(data)
        assert (data.label_name, data.label_column, data.columns) == (
            "species",
            3,
            ("length", "width"),
        )
    assert data.label_found == "the label is 'species', the only column of text"
    assert data.notes == (data.label_found,)
    assert read(IRIS, label=2).label_found is None


@pytest.mark.parametrize(
    ("header", "rows", "name"),
    [
        ("a,LABEL,b", "1,0,2\n3,1,4", "LABEL"),
        ("a,class,label", "1,0,1\n2,1,0", "label"),
        ("a,Target,b", "1,0,2\n3,1,4", "Target"),
        ("a,b,kind", "1,0,x\n2,1,y", "kind"),
        ("sex,Survived,ship", "m,0,x\nf,1,y", "Survived"),
    ],
)
def test_a_label_is_found_where_only_one_column_can_be_it(
    header: str, rows: str, name: str
) -> None:
    assert read(f"{header}\n{rows}\n", encode="onehot").label_name == name


@pytest.mark.parametrize(
    ("text", "options", "words"),
    [
        ("a,b\n1,2\n", {}, "found 'a', 'b', expected 'label'"),
        ("class,y,a\n1,2,3\n", {}, "2 columns can be the label: 'class', 'y'"),
        ("sex,y,a\nm,2,3\nf,1,2\n", {}, "2 columns can be the label: 'sex', 'y'"),
        (IRIS, {"label": "spezies"}, "Did you mean 'species'?"),
        (IRIS, {"label": 3}, "no column is at the position of the label, because there are only 3"),
        (IRIS, {"label": "optional"}, "pass required=False"),
        (IRIS, {"label": "species", "drop": [], "id": "width", "features": ["x"]}, "lacks all 1"),
    ],
)
def test_a_label_that_is_not_found(text: str, options: dict[str, Any], words: str) -> None:
    assert words in str(error(text, **options))


def test_integers_stay_and_texts_become_codes() -> None:
    data = read("label,a\n3.0,1\n1,2\n2,3\n")
    assert data.labels is not None
    assert (data.labels.tolist(), data.classes) == ([3, 1, 2], None)
    data = read("label,a\n10,1\nb,2\na,3\n10.0,4\nb,5\n")
    assert data.labels is not None
    assert (data.labels.tolist(), data.classes) == ([0, 2, 1, 0, 2], ("10", "a", "b"))
    wrong = error("label,a\n1,1\nb,2\n0,3\n1,4\nx,4\n")
    assert str(wrong).splitlines()[0].startswith("data.csv:3: column 1 ('label'): found 'b'")
    assert str(wrong).endswith("Also on line 6.")


def test_labels_of_a_model_are_matched_by_name() -> None:
    data = read(IRIS, classes=("virginica", "setosa", "versicolor"))
    assert data.labels is not None
    assert data.labels.tolist() == [1, 1, 2, 0]
    wrong = error(IRIS, classes=("setosa", "virginica"))
    assert "found 'versicolor', expected one of 'setosa', 'virginica'" in str(wrong)
    assert (wrong.line, wrong.column, wrong.kind) == (4, 3, "unknown class")
    data = read("label,a\n1,5\n3.0,6\n", classes=("1", "2", "3"))
    assert data.labels is not None
    assert data.labels.tolist() == [0, 2]
    assert error(IRIS, classes=(), label=-1).kind == "not a number"


def test_regression() -> None:
    data = read("y,a\n-1.5,1\n1e300,2\n", task="regression")
    assert data.labels is not None
    assert (data.labels.dtype, data.labels.tolist()) == (np.float64, [-1.5, 1e300])
    wrong = error("y,a\n1.5,1\nx,2\n?,3\n1e999,4\n2,2\n3,1\n4,1\n", task="regression")
    lines = str(wrong).splitlines()
    assert [line.split(": ")[0] for line in lines] == [f"data.csv:{n}" for n in (3, 4, 5)]
    assert 'task="regression"' in str(error("y,a\n1.5,1\n2,2\n"))


def test_placeholders_are_no_labels() -> None:
    for cells in (["?", "", "-1"], ["NA", "NA", "nan"], ["-1", "-1.0", "-1"]):
        rows = "".join(f"{cell},{i}\n" for i, cell in enumerate(cells))
        for options in ({}, {"features": ["a"]}):
            data = read(f"label,a\n{rows}", required=False, **options)
            assert (data.labels, data.features.ravel().tolist()) == (None, [0, 1, 2])
            assert "may be left out" in str(data.label_found)
        assert error(f"label,a\n{rows}").column == 1
    assert error("label,a\n?,1\n1,2\n", required=False).line == 2
    # Only the last of many rows has a label.
    many = "label,a\n" + "-1,5\n" * 100_000
    assert read(many, required=False).labels is None
    assert error(many + "1,5\n", required=False).kind == "negative label"


# Columns -----------------------------------------------------------------------------------------


def test_columns_are_dropped_or_name_the_rows() -> None:
    options = {"drop": ("Name", "Age"), "id": "Id", "encode": ["Sex", "Grade"]}
    data = read(PEOPLE, **options)
    assert data.columns == ("Grade", "Sex")
    assert (data.ids, data.id_name) == (("a1", "a2", "a3", "a4", "a5", "a6"), "Id")
    assert data.values == (("1", "2", "3"), ("female", "male"))
    assert data.features[:, 0].tolist() == [2, 0, 2, 0, 2, 1]
    assert (data.label_name, data.ignored) == ("Survived", ())
    for option in ("drop", "encode"):
        assert "Did you mean 'Name'?" in str(error(PEOPLE, **{option: ["name"]}))
    with pytest.raises(ValueError, match="drop and encode both name the column 'Sex'"):
        read(PEOPLE, drop=["Sex"], encode=["Sex"])


def test_an_id_is_suspected_but_kept() -> None:
    for name, cells, suspected in (
        ("id", "1 2 3", True),
        ("PassengerId", "7 5 6", True),
        ("id", "1 1 2", False),
        ("id", "1 2.5 3", False),
        ("Humid", "1 2 3", False),
    ):
        rows = "".join(f"{cell},{i % 2},4\n" for i, cell in enumerate(cells.split()))
        data = read(f"{name},label,a\n{rows}")
        assert data.columns == (name, "a")
        assert data.id_suspected == (name if suspected else None)


def test_text_is_an_error_that_shows_its_values() -> None:
    message = str(error(PEOPLE, label="Survived", drop=["Name"], id="Id", missing="mean"))
    assert message.startswith("data.csv:2: column 5 ('Sex'): found 'male', expected a number.")
    assert "'male' and 'female', 2 different values" in message
    assert 'pass encode="onehot"' in message
    assert "pass drop=['Sex']" in message
    message = str(error(PEOPLE, encode="onehot", id="Id", missing="mean"))
    assert "column 4 ('Name')" in message
    assert "6 different values in 6 rows, too many to encode" in message


def test_the_kind_of_a_column_is_that_of_most_cells_of_the_whole_file() -> None:
    head = "a,label\n" + "x,1\n" * 40_000
    assert "found text" not in str(error(head + "1,0\n" * 50_000, encode="onehot"))
    assert error(head + "1,0\n" * 50_000, encode="onehot").line == 2
    data = read(head + "1,0\n" * 39_000, encode="onehot")
    assert data.values == (("1", "x"),)
    late = "a,label\n" + "1,1\n" * 40_000 + "x,0\n" * 50_000
    assert read(late, encode="onehot").values == (("1", "x"),)


def test_values_of_a_model() -> None:
    features = {"features": ("Sex", "Age"), "values": (("male", "female"), ()), "missing": "mean"}
    data = read(PEOPLE, label="Survived", classes=(), **features)
    np.testing.assert_array_equal(
        data.features, [[0, 22], [1, 38], [1, np.nan], [1, 35], [0, 35], [0, np.nan]]
    )
    assert data.values == features["values"]
    other = PEOPLE.replace('Owen",male', 'Owen",man')
    wrong = error(other, label="Survived", **features)
    assert (wrong.line, wrong.column, wrong.value) == (2, 5, "man")
    assert "expected one of the values of the training: 'male', 'female'" in str(wrong)
    data = read(other, label="Survived", unknown="ignore", **features)
    assert (data.features[0, 0], dict(data.unknown)) == (-1, {"Sex": 1})


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_missing_values(dtype: str) -> None:
    cells = ["", "NA", "nan", "?", " ", '""', "N/A", "null", "-", "."]
    text = "label,a,b\n" + "".join(f"0,{cell},1\n1,2,{cell}\n" for cell in cells)
    expected = np.array([[np.nan, 1], [2, np.nan]] * len(cells), dtype)
    for missing in ("drop", "mean", "median"):
        np.testing.assert_array_equal(read(text, missing=missing, dtype=dtype).features, expected)
    message = str(error(text))
    assert 'pass missing="drop", "mean" or "median"' in message
    assert len(message.splitlines()) == 2
    assert error("label,a\n,1\n0,2\n", missing="mean").kind == "missing label"
    assert error("a\n1\n\n2\n", missing="mean", required=False).kind == "blank line"


def test_missing_texts() -> None:
    data = read("label,a\n0,x\n1,\n0,y\n1,x\n", encode="onehot", missing="drop")
    np.testing.assert_array_equal(data.features, [[0], [np.nan], [1], [0]])
    assert error("label,a\n0,x\n1,\n0,y\n1,x\n", encode="onehot").line == 3


# Separators, decimals, headers -------------------------------------------------------------------


@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
@pytest.mark.parametrize("decimal", [".", ","])
@pytest.mark.parametrize("mark", [",", ";", "\t", "|", " ", "   "])
def test_separators_and_decimals_are_recognised(mark: str, decimal: str, end: str) -> None:
    if mark == decimal == ",":
        assert error(IRIS, decimal=",").kind == "decimal comma"
        return
    text = IRIS.replace(",", mark).replace("\n", end)
    text = text.replace(".", decimal)
    data = read(text)
    assert_iris(data)
    assert (data.separator, data.decimal) == (mark[0], decimal)
    assert_iris(read(text, sep=data.separator, decimal=decimal))
    assert len(data.notes) == 1 + (mark != ",") + (decimal == ",")
    assert_iris(read(gzip.compress(text.encode())))
    excel = f"sep={mark}{end}{text}"
    if len(mark) == 1:
        assert_iris(read(excel))
        assert read(b"\xef\xbb\xbf" + excel.encode()).line_of(0) == 3


def test_quoted_separators_are_text() -> None:
    text = 'label;a;b\n0;"x;y";1,5\n1;"u,v";2\n0;"x;y";1\n'
    data = read(text, encode="onehot")
    assert data.values == (("u,v", "x;y"), ())
    assert data.features.tolist() == [[1, 1.5], [0, 2], [1, 1]]
    data = read('label a b\n0 "x y" 1\n1 "u,v" 2\n0  "x y" 1 \n', encode="onehot")
    assert data.values == (("u,v", "x y"), ())


def test_a_separator_that_is_not_certain() -> None:
    assert error("1,5;2,5\n3,5;4,5\n", header=False, required=False).kind == "separator"
    assert read("1,5;2,5\n3,5;4,5\n", header=False, required=False, sep=";").features.tolist() == [
        [1.5, 2.5],
        [3.5, 4.5],
    ]
    # A short row does not hide the separator.
    wrong = error("label;a;b\n" + "0;1;2\n" * 9 + "1;2\n" + "0;1;2\n" * 9)
    assert (wrong.line, wrong.kind) == (11, "row too short")
    # Words in a comma-separated file are not columns.
    assert read("label, a b\n0, 1\n1, 2\n").columns == ("a b",)


@pytest.mark.parametrize(
    ("cell", "kind", "advice"),
    [
        ("1,234", "thousands separator", 'pass decimal=","'),
        ("1 234", "thousands separator", "Remove the thousands"),
        ("1'234", "thousands separator", "Remove the thousands"),
        ("1.234,5", "thousands separator", "Remove the thousands"),
    ],
)
def test_numbers_that_can_be_read_in_two_ways(cell: str, kind: str, advice: str) -> None:
    wrong = error(f"label;a\n0;1\n1;{cell}\n0;7\n")
    assert (wrong.line, wrong.column, wrong.kind, wrong.value) == (3, 2, kind, cell)
    assert advice in str(wrong)


def test_one_number_with_the_other_mark_is_wrong() -> None:
    rows = "0;1,5\n" * 5
    wrong = error(f"label;a\n{rows}1;2.5\n{rows}")
    assert (wrong.line, wrong.kind, wrong.value) == (7, "decimal point", "2.5")
    wrong = error(f"label;a\n{rows}1;2,5\n{rows}".replace("1,5", "1.5"))
    assert (wrong.line, wrong.kind, wrong.value) == (7, "decimal comma", "2,5")


def test_without_a_header() -> None:
    text = IRIS.partition("\n")[2]
    assert "pass header=False" in str(error(text))
    for label in (None, -1, "column 3"):
        data = read(text, header=False, label=label)
        assert_iris(data)
        assert (data.columns, data.has_header, data.line_of(0)) == (
            ("column 1", "column 2"),
            False,
            1,
        )
    model = {"features": data.columns, "label": "column 3", "classes": SPECIES, "header": False}
    assert_iris(read(text, **model))
    without = "".join(line.rpartition(",")[0] + "\n" for line in text.splitlines())
    data = read(without, required=False, **model)
    assert (data.labels, data.features.shape) == (None, (4, 2))
    assert read("2019,label\n5,1\n6,0\n", header=True).columns == ("2019",)


def test_the_index_of_pandas_is_skipped() -> None:
    frame = pandas.DataFrame({"a": [1.5, 2.5], "label": [0, 1]})
    for index in ([0, 1], ["x", "y"]):
        data = read(frame.set_axis(index).to_csv())
        assert (data.columns, data.ignored, data.features.tolist()) == (
            ("a",),
            ("",),
            [[1.5], [2.5]],
        )
        assert any("no name" in note for note in data.notes)


def test_agrees_with_pandas() -> None:
    """Text columns, missing values and labels, compared with another reader."""
    generator = np.random.default_rng(4)
    frame = pandas.DataFrame(
        {
            "size": generator.normal(size=300).round(3),
            "colour": generator.choice(["red", "blue", "pale, green", 'a "b"'], 300),
            "count": generator.integers(0, 9, 300),
            "kind": generator.choice(["yes", "no"], 300),
        }
    )
    frame.loc[::7, "size"] = np.nan
    frame.loc[::11, "colour"] = np.nan
    for mark, decimal in ((",", "."), (";", ","), ("\t", ".")):
        text = frame.to_csv(sep=mark, decimal=decimal, index=False)
        data = read(text, label="kind", encode="onehot", missing="mean", dtype="float64")
        codes, names = frame["colour"].astype("category").cat.codes, data.values[1]
        assert names == tuple(sorted(frame["colour"].dropna().unique()))
        expected = np.stack([frame["size"], codes.where(codes >= 0), frame["count"]], axis=1)
        np.testing.assert_array_equal(data.features, expected)
        assert data.labels is not None
        assert [data.classes[i] for i in data.labels] == frame["kind"].tolist()  # type: ignore[index]


# Files -------------------------------------------------------------------------------------------


def test_several_files_are_one_data_set() -> None:
    folder = Path("parts")
    folder.mkdir()
    (folder / "b.csv").write_text("species;length;width\nvirginica;6,3;3,3\n", "utf-8")
    (folder / "a.csv").write_text(IRIS.rsplit("\n", 2)[0] + "\n", "utf-8")
    (folder / "notes.txt").write_text("not a table", "utf-8")
    for path in ("parts", [folder / "a.csv", folder / "b.csv"]):
        data = read_files(path, "train_data")
        assert_iris(data)
        assert [data.place_of(row) for row in (0, 2, 3)] == [
            ("parts/a.csv", 2),
            ("parts/a.csv", 4),
            ("parts/b.csv", 2),
        ]
    (folder / "c.csv.gz").write_bytes(gzip.compress(b"length,width,species\n1,2,x\n1,?,y\n"))
    with pytest.raises(DataError) as caught:
        read_files("parts", "train_data")
    assert (caught.value.path, caught.value.line) == ("parts/c.csv.gz", 3)
    (folder / "c.csv.gz").write_bytes(gzip.compress(b"length,species,depth\n1,x,2\n"))
    with pytest.raises(DataError, match=r"c.csv.gz:1: .*'width'"):
        read_files("parts", "train_data")


def test_home_and_standard_input(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    Path("data.csv").write_text(IRIS, "utf-8")
    assert_iris(read_csv("~/data.csv"))

    def piped(content: bytes, **options: Any) -> CsvData:
        monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(content)))
        return read_csv("-", **options)

    assert_iris(piped(IRIS.encode()))
    assert_iris(piped(gzip.compress(IRIS.encode())))
    with pytest.raises(DataError, match=r"standard input:3: column 2 .'a'.: missing value"):
        piped(b"label,a\n0,1\n1,\n")
    with pytest.raises(DataError, match="limit of 20 bytes"):
        piped(IRIS.encode(), max_bytes=20)


# Checks ------------------------------------------------------------------------------------------


def test_classes_with_gaps_get_names() -> None:
    data = read("label,a\n3,1\n1,2\n")
    assert data.labels is not None
    names = class_mapping(data.labels)
    assert names == ("1", "3")
    again = read("label,a\n3,1\n1,2\n", classes=names)
    assert again.labels is not None
    assert (again.labels.tolist(), check_classes(again)) == ([1, 0], 2)
    assert class_mapping(np.array([1, 0, 2])) is None


def test_a_pair_names_what_differs() -> None:
    train = read(IRIS)
    for other, words in (
        ("length,species\n1,setosa\n2,virginica\n", "missing: 'width'"),
        ("length,width,depth,species\n1,1,2,setosa\n2,1,2,virginica\n", "not expected: 'depth'"),
        ("length,width,species\n1,1,setosa\n2,1,oak\n", "found the labels 'oak', 'setosa'"),
    ):
        test = read(other)
        with pytest.raises(DataError, match=words):
            check_pair(train, test)
    with pytest.raises(DataError, match="missing: 'width'"):
        read("length,label\n1,2\n", features=("length", "width"), by_position=True)


def test_the_tables_of_options_have_all_that_messages_recommend() -> None:
    for table in (PYTHON, COMMAND):
        assert set(OWN_OPTIONS) <= set(table)
    offers = reading_offers(COMMAND, has_dtype=True)
    assert set(offers) == set(OWN_OPTIONS)
    assert "pass --drop 'a'" in str(error("label,a\n0,x\n1,y\n", offers=offers))
