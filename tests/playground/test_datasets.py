"""The data of the playground: the same each time, as many as asked for, and columns of tables."""

import re

import numpy as np
import pytest

from nn.data.digits import load_digits
from nn.errors import DataError
from nn.playground.choices import DATA
from nn.playground.datasets import make_data
from nn.playground.settings import DataSettings
from nn.playground.tables import read_table

MADE = [name for name in DATA if name not in ("csv", "drawn", "digits")]


def made(name, seed=0, table=None, **more):
    return make_data(DataSettings.of({"name": name, **more}), seed, table)


def table(text, name="table.csv"):
    return read_table(text, name)


@pytest.mark.parametrize("name", MADE)
def test_made_data_fill_the_map_and_are_the_same_again(name):
    one, again, other = made(name), made(name), made(name, seed=1)
    assert (one.train == again.train).all()
    assert (one.test_labels == again.test_labels).all()
    assert not (one.train == other.train).all()
    assert one.train.shape == (140, 2)
    assert one.test.shape == (60, 2)
    assert one.train.dtype == np.float32
    every = np.concatenate([one.train, one.test])
    assert np.abs(every).max() < 1.6
    assert np.abs(every).max() > 0.6
    assert one.problem == DATA[name].problem


@pytest.mark.parametrize("name", MADE)
def test_without_noise_the_rule_holds(name):
    """Each rule is written a second time, in another way."""
    data = made(name, noise=0.0, points=1000, test=0.0)
    x, y = data.train.astype(float), data.train_labels
    radius, angle = np.hypot(*x.T), np.arctan2(x[:, 1], x[:, 0])
    if name == "circles":
        assert radius[y == 0].max() < radius[y == 1].min()
    elif name == "spirals":
        turned = angle - 5.5 * radius / 0.95 - np.pi * y
        np.testing.assert_allclose(np.cos(turned), 1, atol=1e-4)
    elif name == "xor":
        assert ((np.sign(x[:, 0]) == np.sign(x[:, 1])) == y).all()
    elif name == "moons":
        upper = (y == 0)[:, None]
        circle = np.where(upper, x, -x) / 0.6 + [0.5, 0.25]
        np.testing.assert_allclose(np.hypot(*circle.T), 1, atol=1e-5)
        assert circle[:, 1].min() >= -1e-6
    elif name == "blobs":
        assert np.corrcoef(np.cos(angle - 0.5), y)[0, 1] < -0.95
    elif name == "plane":
        np.testing.assert_allclose(y[:, 0], x.mean(1), atol=1e-6)
    else:
        np.testing.assert_allclose(y[:, 0], np.prod(np.sin(np.pi * x), 1), atol=1e-6)


@pytest.mark.parametrize("name", ["circles", "spirals", "blobs"])
@pytest.mark.parametrize("classes", [2, 5])
def test_classes_have_equally_many_points(name, classes):
    data = made(name, classes=classes, points=100, test=0.0)
    assert np.bincount(data.train_labels).tolist() == [100 // classes] * classes
    assert len(data.classes) == data.outputs == classes


def test_digits_are_the_bundled_ones():
    data = made("digits", points=1797, test=0.25)
    images, labels, more, more_labels = load_digits()
    assert data.images
    assert data.train.shape == (1348, 64)
    assert data.outputs == 10
    known = {
        row.tobytes(): label for row, label in zip(images.reshape(-1, 64), labels, strict=True)
    }
    known |= {r.tobytes(): n for r, n in zip(more.reshape(-1, 64), more_labels, strict=True)}
    found = zip([*data.train, *data.test], [*data.train_labels, *data.test_labels], strict=True)
    assert all(known[row.tobytes()] == label for row, label in found)


def test_drawn_points():
    points = [[0.1, 0.2, 0], [-0.3, 1.2, 2], [0.1234567, 0, 1], [0, 0, 1]]
    data = made("drawn", drawn=points, test=0.0)
    assert data.classes == ("class 0", "class 1", "class 2")
    expected = np.round(np.array(points)[:, :2], 3).astype(np.float32)
    assert (data.train == expected).all()
    assert data.train_labels.tolist() == [0, 2, 1, 1]
    with pytest.raises(ValueError, match="drawn: 1 points"):
        made("drawn", drawn=points[:1])
    with pytest.raises(ValueError, match="all points are of class 0"):
        made("drawn", drawn=[[0, 0, 0], [1, 1, 0]])


def test_one_row_is_left_for_training():
    assert len(made("drawn", drawn=[[0, 0, 0], [1, 1, 1]], test=0.9).train) == 1


# Tables --------------------------------------------------------------------------------------

TEXT = "size,colour,kind\n" + "".join(
    f"{i * 1.5},{('red', 'blue')[i % 2]},{'abc'[i % 3]}\n" for i in range(30)
)


def test_columns_of_a_table():
    found = table(TEXT, "things.csv")
    assert found.to_json() == {
        "file": "things.csv",
        "digest": found.digest,
        "rows": 30,
        "columns": [
            {"name": "size", "kind": "number", "distinct": 30, "predictable": True},
            {"name": "colour", "kind": "text", "distinct": 2, "predictable": True},
            {"name": "kind", "kind": "text", "distinct": 3, "predictable": True},
        ],
        "left_out": [],
        "label": "kind",
        "features": ["size", "colour"],
    }
    assert found.digest == table(TEXT, "other.csv").digest
    assert found.digest != table(TEXT + "0,red,a\n").digest


def test_classes_of_a_table_are_standardised_by_the_rows_for_training():
    data = made("csv", table=table(TEXT))
    assert data.features == ("size", "colour = blue", "colour = red")
    assert data.classes == ("a", "b", "c")
    assert data.problem == "classification"
    np.testing.assert_allclose(data.train[:, 0].mean(), 0, atol=1e-6)
    np.testing.assert_allclose(data.train[:, 0].std(), 1, atol=1e-6)
    assert set(data.train[:, 1:].ravel()) == {0.0, 1.0}
    sizes = np.concatenate([data.train, data.test])[:, 0] * data.scale[0] + data.centre[0]
    labels = np.concatenate([data.train_labels, data.test_labels])
    assert sorted(np.round(sizes / 1.5).astype(int)) == list(range(30))
    assert (np.round(sizes / 1.5).astype(int) % 3 == labels).all()


def test_a_column_of_numbers_is_standardised_whatever_its_name_is():
    data = made("csv", table=table(TEXT.replace("size,", "size = a,")))
    np.testing.assert_allclose(data.train[:, 0].std(), 1, atol=1e-6)


def test_regression_on_a_table():
    data = made("csv", table=table(TEXT), label="size", features=["kind"])
    assert data.problem == "regression"
    assert data.classes == ()
    np.testing.assert_allclose(data.train_labels.std(), 1, atol=1e-6)
    every = np.concatenate([data.train_labels, data.test_labels])[:, 0]
    sizes = every * data.target_scale + data.target_centre
    np.testing.assert_allclose(np.sort(sizes), np.arange(30) * 1.5, atol=1e-5)


def test_numbers_that_are_few_are_classes():
    data = made("csv", table=table("x,y\n" + "".join(f"{i},{3 + i % 2}\n" for i in range(9))))
    assert data.classes == ("3", "4")
    assert set(data.train_labels) == {0, 1}


def test_a_column_named_class_is_the_label_and_row_numbers_are_left_out():
    rows = "".join(f"{i},{i % 2},{i**0.5}\n" for i in range(40))
    found = table("id,class,x\n" + rows)
    completed = found.complete(DataSettings.of({"name": "csv"}))
    assert (completed.label, completed.features) == ("class", ("x",))
    assert (completed.file, completed.digest) == ("table.csv", found.digest)


def test_a_column_named_label_is_the_label_although_y_comes_before_it():
    data = made("csv", table=table("x,y,label\n1,5,a\n2,6,b\n3,7,b\n4,8,a\n"))
    assert data.features == ("x", "y")
    assert data.classes == ("a", "b")


def test_names_of_persons_are_left_out():
    rows = "".join(f"person {i},{i % 7},{i % 2}\n" for i in range(100))
    found = table("name,a,label\n" + rows)
    assert found.left_out == ("name",)
    assert [c.name for c in found.columns] == ["a", "label"]


def test_a_table_from_a_file(tmp_path):
    path = tmp_path / "ä b.csv"
    path.write_text(TEXT, "utf-8")
    found = read_table(str(path))
    assert found.file == "ä b.csv"
    assert found.digest == table(TEXT).digest
    with pytest.raises(FileNotFoundError):
        read_table(tmp_path / "none.csv")
    with pytest.raises(TypeError, match="without a name"):
        read_table(b"a,b")


@pytest.mark.parametrize(
    ("text", "part"),
    [
        ("a,b\n1,2\n", "x.csv: 1 rows, expected at least 4"),
        ("a,b\n1,\n2,3\n4,5\n6,7\n", "x.csv:2: column 2 ('b'): missing value"),
        ("", "x.csv: file is empty"),
        ("a\n1\n2\n3\n4\n", "1 usable columns"),
        ("<html></html>", "HTML"),
        ("a,b\n" + "1,2\n" * 20_001, "20001 rows"),
        ("a,b\n1,x1\n,x2\nz,\n4,5\n", "x.csv:"),
    ],
)
def test_a_wrong_table_is_refused_in_one_line(text, part):
    with pytest.raises(DataError, match=re.escape(part)) as caught:
        table(text, "x.csv")
    assert "\n" not in str(caught.value)
    assert "/" not in str(caught.value), "no path of a temporary copy"


@pytest.mark.parametrize(
    ("settings", "part"),
    [
        ({"label": "none"}, "no column 'none'"),
        ({"features": ["none"]}, "no column 'none'"),
        ({"label": "kind", "features": ["kind"]}, "'kind' is the label and a feature"),
        ({"digest": "00", "file": "other.csv"}, "other.csv with digest 00"),
    ],
)
def test_wrong_columns_are_refused_in_one_line(settings, part):
    with pytest.raises(ValueError, match=re.escape(part)) as caught:
        made("csv", table=table(TEXT), **settings)
    assert "\n" not in str(caught.value)


def test_too_many_classes_and_a_missing_table():
    many = table("x,label\n" + "".join(f"{i % 3},c{i % 12}\n" for i in range(60)))
    with pytest.raises(ValueError, match="12 different values, expected 2 to 10"):
        made("csv", table=many)
    with pytest.raises(ValueError, match=r"the table things\.csv is not open"):
        made("csv", file="things.csv")
