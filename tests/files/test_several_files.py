"""Tests of several files and folders as one table: the oracle is one file with all their rows."""

import gzip
import warnings
from pathlib import Path

import numpy as np
import pytest

from nn import model
from nn.data.csv import check_pair, read_csv
from nn.data.files import listed_files, read_files
from nn.errors import DataError, DataWarning

HEADER = "kind,size,colour"
PARTS = (
    ["oak,1,red", "fir,2,blue"],
    ["elm,3,blue", "elm,4.5,green", "oak,-1,red"],
    ["oak,7,amber"],
)
SETTINGS = {"label": "kind", "encode": "onehot"}


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    """A working directory, a cache and three files."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    (tmp_path / "data").mkdir()
    for name, rows in zip("abc", PARTS, strict=True):
        write(f"data/{name}.csv", rows)
    write("whole.csv", [row for rows in PARTS for row in rows])
    return tmp_path / "data"


def write(path, rows, header=HEADER):
    """Write a file."""
    Path(path).write_text("\n".join([header, *rows]) + "\n", "utf-8")
    return path


@pytest.fixture(params=[False, True], ids=["memory", "disk"])
def stream(request):
    """Both ways to keep a table."""
    return request.param


def assert_like_one_file(data, path="whole.csv", **settings):
    whole = read_csv(path, **(settings or SETTINGS))
    np.testing.assert_array_equal(data.features[:], whole.features)
    np.testing.assert_array_equal(data.labels, whole.labels)
    assert (data.columns, data.values, data.classes) == (whole.columns, whole.values, whole.classes)
    assert data.labels.dtype == whole.labels.dtype
    assert data.features.dtype == whole.features.dtype


@pytest.mark.parametrize(
    ("source", "name"),
    [
        ("data", "3 files in data/"),
        (["data/a.csv", "data/b.csv", Path("data/c.csv")], "3 files in data/"),
        (("data",), "3 files in data/"),
    ],
)
def test_files_are_one_table(source, name, stream):
    data = read_files(source, "train_data", stream=stream, **SETTINGS)
    assert data.path == name
    assert_like_one_file(data)
    assert [data.place_of(row) for row in (0, 1, 2, 4, 5)] == [
        *(("data/a.csv", 2), ("data/a.csv", 3), ("data/b.csv", 2), ("data/b.csv", 4)),
        ("data/c.csv", 2),
    ]
    assert data.line_of(0) is None


def test_one_file_is_as_ever(stream):
    data = read_files("whole.csv", "train_data", stream=stream, **SETTINGS)
    assert_like_one_file(data)
    assert (data.path, data.line_of(2), data.parts) == ("whole.csv", 4, ())


def test_columns_in_another_order_and_packed(folder, stream):
    (folder / "b.csv").unlink()
    swapped = [",".join(np.array(row.split(","))[[2, 0, 1]]) for row in PARTS[1]]
    text = "\n".join(["colour,kind,size", *swapped])
    (folder / "b.csv.gz").write_bytes(gzip.compress(text.encode()))
    assert_like_one_file(read_files("data", "train_data", stream=stream, **SETTINGS))


def test_an_unpacked_copy_is_counted_by_its_path(folder):
    assert listed_files("data", "x")[0] == [f"data/{name}.csv" for name in "abc"]
    (folder / ".hidden.csv").write_text("not data", "utf-8")
    (folder / "notes.txt").write_text("not data", "utf-8")
    (folder / "deeper.csv").mkdir()
    assert len(listed_files("data", "x")[0]) == 3


@pytest.mark.parametrize("text", [True, False])
def test_texts_of_one_file_only(stream, text):
    """Each file has other texts, and one has only texts that look like numbers."""
    write("data/a.csv", ["1,2,x", "0,3,y"])
    write("data/b.csv", ["1,2,7", "0,3,5"])
    write("data/c.csv", ["1,2,x" if text else "1,2,7", "2,3,z"])
    rows = [
        line for name in "abc" for line in Path(f"data/{name}.csv").read_text("utf-8").split()[1:]
    ]
    write("whole.csv", rows)
    data = read_files("data", "train_data", stream=stream, **SETTINGS)
    assert data.values == ((), ("5", "7", "x", "y", "z"))
    assert_like_one_file(data, label="kind", encode=["colour"])


def test_many_small_files_share_their_texts(folder, stream):
    """Six different texts in six rows of a file would be too many, in a file alone."""
    for name in "abc":
        (folder / f"{name}.csv").unlink()
    rows = [f"{i % 2},{i},{'uvwxyz'[i % 6]}" for i in range(36)]
    for part in range(6):
        write(f"data/{part}.csv", rows[6 * part : 6 * part + 6])
    write("whole.csv", rows)
    assert_like_one_file(read_files("data", "train_data", stream=stream, **SETTINGS))
    for part in range(6):
        write(f"data/{part}.csv", [f"{i % 2},{i},t{part}{i}" for i in range(6)])
    with pytest.raises(DataError, match="6 files in data/: column 'colour' has 36 different texts"):
        read_files("data", "train_data", stream=stream, **SETTINGS)


def test_missing_cells_ids_and_regression(stream):
    for name, rows in (("a", ["A1,2,3", "A2,,4"]), ("b", ["B1,5,6.5"]), ("c", ["C1,7,NA"])):
        write(f"data/{name}.csv", [f"{row},{i}" for i, row in enumerate(rows)], "key,u,v,y")
    settings = {"label": "y", "task": "regression", "missing": "mean", "id": "key"}
    data = read_files("data", "train_data", stream=stream, required=False, **settings)
    expected = [[2, 3], [np.nan, 4], [5, 6.5], [7, np.nan]]
    np.testing.assert_array_equal(data.features[:], np.array(expected, np.float32))
    assert data.ids == ("A1", "A2", "B1", "C1")
    assert data.labels.tolist() == [0.0, 1.0, 0.0, 0.0]


def test_files_without_a_header(stream):
    for name in "abc":
        Path(f"data/{name}.csv").write_text(f"{'abc'.index(name) % 2},5,6\n1,7,8\n", "utf-8")
    data = read_files("data", "train_data", stream=stream, header=False, label=0)
    assert data.features[:].tolist() == [[5, 6], [7, 8]] * 3
    Path("data/b.csv").write_text("1,7,8,9\n", "utf-8")
    with pytest.raises(DataError, match=r"^data/b.csv: found 3 features and no header, expected 2"):
        read_files("data", "train_data", stream=stream, header=False, label=0)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("kind,size\nelm,3\n", r"^data/b.csv:1: the header lacks 1 of the 2 .*'colour'"),
        ("kind,size,colour\nelm,x,red\n", r"^data/b.csv:2: column 2 \('size'\): found 'x'"),
        ("size,colour\n3,red\n", r"^data/b.csv:1: found no column 'kind'"),
        ("kind,size,colour\n3,3,red\n", r"^data/b.csv: found no texts as labels, .*data/a.csv$"),
        ("kind,size,colour\n", r"^data/b.csv: no data rows"),
        ("", r"^data/b.csv: file is empty"),
    ],
)
def test_problems_name_their_file(text, message, stream):
    Path("data/b.csv").write_text(text, "utf-8")
    with pytest.raises(DataError, match=message) as caught:
        read_files("data", "train_data", stream=stream, **SETTINGS)
    assert caught.value.path == "data/b.csv"


def test_additional_columns_are_named_per_file(stream):
    write("data/b.csv", [f"{row},9" for row in PARTS[1]], HEADER + ",height")
    with pytest.warns(DataWarning, match=r"^data/b.csv: not used, .*data/a.csv .*'height'$"):
        data = read_files("data", "train_data", stream=stream, **SETTINGS)
    assert_like_one_file(data)


def test_what_is_not_a_list_of_files(folder):
    with pytest.raises(TypeError, match="must be a path"):
        listed_files(["data/a.csv", 3], "train_data")
    with pytest.raises(ValueError, match="empty list"):
        listed_files([], "train_data")
    with pytest.raises(FileNotFoundError, match=r"none\.csv"):
        read_files(["data/a.csv", "none.csv"], "train_data", **SETTINGS)
    empty = folder / "empty"
    empty.mkdir()
    with pytest.raises(IsADirectoryError, match="is a directory without"):
        listed_files(empty, "train_data")
    with pytest.warns(DataWarning, match="lists data/a.csv 2 times"):
        read_files(["data/a.csv", "data/a.csv"], "train_data", **SETTINGS)


def test_a_class_that_only_the_test_files_have_is_found_in_its_file():
    for name, labels in (("a", "01"), ("b", "10"), ("c", "02")):
        write(f"data/{name}.csv", [f"{label},5,6" for label in labels], "label,u,v")
    train = read_files(["data/a.csv", "data/b.csv"], "train_data")
    with pytest.raises(DataError, match=r"found class 2.*data/c.csv, line 3"):
        check_pair(train, read_files(["data/b.csv", "data/c.csv"], "test_data"))
    with pytest.warns(DataWarning, match=r"train and test both have 'data/a.csv'"):
        check_pair(train, read_files("data/a.csv", "test_data"))


def test_fit_takes_a_folder_and_lists(stream):
    rows = [f"{'ab'[i % 2]},{i % 2 + (i % 5) / 10},{i % 3}" for i in range(60)]
    for number, name in enumerate("abc"):
        write(f"data/{name}.csv", rows[20 * number : 20 * number + 20], "kind,u,v")
    write("whole.csv", rows, "kind,u,v")
    write("test.csv", rows[:9], "kind,u,v")
    nets = []
    for source in ("whole.csv", "data"):
        net = model([2, 4, 2], verbose=False)
        net.fit(source, ["test.csv"], epochs=3, learning_rate=0.1, stream=stream, label="kind")
        nets.append(net)
    one, other = (np.concatenate([p.data.ravel() for p in n.network.parameters()]) for n in nets)
    np.testing.assert_array_equal(one, other)
    assert nets[1].predict("data").tolist() == nets[0].predict("whole.csv").tolist()
    assert nets[1].predict(["data/a.csv"]).tolist() == nets[0].predict("whole.csv")[:20].tolist()


def test_columns_of_a_later_file_are_reported_once_at_each_reading(folder, stream):
    write("data/b.csv", ["oak,1,red,5"], HEADER + ",height")
    message = "data/b.csv: not used, because data/a.csv has no such columns: 'height'"
    for place in ("data", "data", "moved"):  # the second and the third time from the cache
        if place == "moved":
            folder.rename("moved")
            message = message.replace("data/", "moved/")
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            data = read_files(place, "train_data", stream=stream, **SETTINGS)
        assert [str(one.message) for one in caught] == [message]
        assert data.columns == ("size", "colour")
        assert data.ignored == ()


def test_columns_that_a_model_lacks_are_reported_by_the_model_only():
    write("data/b.csv", ["oak,1,red,5"], HEADER + ",height")
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        data = read_files("data", "x", features=["size", "colour"], **SETTINGS)
    assert data.ignored == ("height",)
