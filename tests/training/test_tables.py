"""Tests that files, data frames and arrays with the same content make the same model."""

import numpy as np
import pandas as pd
import pytest

from nn import Classifier, DataError, model

ROWS = 60


def frame(rows=ROWS, seed=0):
    """Text, missing cells, truth values, an id, and the label in the middle."""
    generator = np.random.default_rng(seed)
    table = pd.DataFrame(
        {
            "Id": np.arange(rows) + 100,
            "Sex": generator.choice(["male", "female"], rows),
            "Survived": 0,
            "Age": generator.uniform(1, 80, rows).round(2),
            "Alone": generator.random(rows) < 0.5,
            "Port": generator.choice(["S", "C", "Q"], rows, p=[0.6, 0.2, 0.2]),
        }
    )
    table["Survived"] = (table.Sex == "female").astype(int)
    table.loc[::7, "Age"] = np.nan
    table.loc[3, "Port"] = None
    return table


SETTINGS = {
    "label": "Survived",
    "id": "Id",
    "encode": "onehot",
    "missing": "median",
    "epochs": 30,
    "learning_rate": 0.1,
    "standardize": True,
    "figures": [],
}


def weights(net):
    return [values.tobytes() for values in net.network.state_dict().values()]


def test_a_frame_is_read_like_its_file(tmp_path):
    path = tmp_path / "t.csv"
    table = frame()
    table.assign(Alone=table.Alone.astype(int)).to_csv(path, index=False)
    from_file, from_frame = (model(verbose=False) for _ in range(2))
    from_file.fit(path, **SETTINGS)
    from_frame.fit(table, **SETTINGS)
    assert weights(from_file) == weights(from_frame)
    assert from_file.score(path) == from_frame.score(table) > 0.9
    assert from_file.knowledge.inputs.names == ("Sex", "Age", "Alone", "Port")
    assert from_file.knowledge.prepare.values == (("female", "male"), (), (), ("C", "Q", "S"))


def test_predictions_do_not_depend_on_the_form_of_the_rows(tmp_path, out):
    net = model(base_address=out, verbose=False)
    net.fit(frame(), **SETTINGS)
    table = frame(20, seed=1).assign(Alone=lambda t: t.Alone.astype(int))
    expected = net.predict(table)
    shuffled = table[["Port", "Age", "Sex", "Alone"]]
    np.testing.assert_array_equal(net.predict(shuffled), expected)
    path = tmp_path / "new.csv"
    shuffled.to_csv(path, index=False, sep=";")
    again = Classifier.load(out / "model.safetensors")
    np.testing.assert_array_equal(again.predict(path), expected)
    np.testing.assert_array_equal(again.predict_proba(path), net.predict_proba(table))
    row = again.run(out / "model.safetensors", table.iloc[4])
    assert row.label == expected[4]
    in_order = table[["Sex", "Age", "Alone", "Port"]].to_numpy()  # an array of objects
    np.testing.assert_array_equal(again.predict(in_order), expected)


def test_messages_about_a_frame_name_its_rows():
    table = frame()
    settings = {**SETTINGS, "missing": None}
    with pytest.raises(
        DataError, match=r"train_data, row 0: column 4 \('Age'\): missing"
    ) as caught:
        model(verbose=False).fit(table, **settings)
    assert "Also in rows 7, 14, 21" in str(caught.value)
    assert "line" not in str(caught.value)


def test_dropped_rows_are_counted(capsys):
    table = frame()
    net = model()
    net.fit(table, **SETTINGS | {"missing": "drop"})
    lacking = int(table.isna().any(axis=1).sum())
    assert f"{lacking} of 60 rows have missing cells and are dropped" in capsys.readouterr().out
    with pytest.raises(DataError, match=r"has a missing cell, and this model was trained on compl"):
        net.predict(table)
    complete = table.dropna()
    assert len(net.predict(complete)) == 60 - lacking


def test_unknown_texts_are_an_error_or_none_of_the_inputs():
    net = model(verbose=False)
    net.fit(frame(), **SETTINGS)
    table = frame(5, seed=2)
    table.loc[1, "Port"] = "X"
    with pytest.raises(DataError, match=r"row 1: column 6 \('Port'\): found 'X'"):
        net.predict(table)
    assert len(net.predict(table, unknown="ignore")) == 5


def test_a_column_of_weights_is_not_a_feature():
    table = frame().drop(columns=["Id"])
    table["w"] = np.where(np.arange(ROWS) % 3 == 0, 2.0, 1.0)
    settings = {k: v for k, v in SETTINGS.items() if k != "id"}
    one, other = model(verbose=False), model(verbose=False)
    one.fit(table, sample_weight="w", **settings)
    other.fit(table.drop(columns="w"), sample_weight=table.w.to_numpy(), **settings)
    assert weights(one) == weights(other)
    assert one.knowledge.inputs.names == ("Sex", "Age", "Alone", "Port")
    with pytest.raises(DataError, match=r"no column 'weight' for sample_weight; the columns are"):
        model(verbose=False).fit(table, sample_weight="weight", **settings)


def test_labels_of_a_frame_may_be_passed_apart():
    table = frame()
    features = table[["Age", "Alone"]].fillna(30)
    one, other = model(verbose=False), model(verbose=False)
    one.fit(features, table.Survived, epochs=3)
    other.fit(features.assign(label=table.Survived), epochs=3)
    assert weights(one) == weights(other)


@pytest.mark.parametrize(
    ("x", "y", "words"),
    [
        (
            np.zeros((3, 2)),
            [0, 1],
            r"y has shape \(2,\), expected \(3,\): one label for each row of X",
        ),
        (np.zeros(3), [0, 1, 1], r"shape \(3,\), expected \(rows, features\).*reshape\(-1, 1\)"),
        (np.array([[0, np.nan]] * 3), [0, 1, 1], r"row 0: column 1 holds nan.*missing="),
        (np.array([[0, np.inf]] * 3), [0, 1, 1], r"row 0: column 1 holds inf, expected a number$"),
        (np.array([["a"], ["b"]]), [0, 1], "pass a pandas DataFrame for columns of text"),
        (np.zeros((2, 2)), [0.5, 1], r'y holds 0.5 in row 0.*task="regression"'),
        (np.zeros((2, 2)), ["a", None], "y has no label in row 1"),
        (np.zeros((0, 2)), [], "has no rows"),
        (np.zeros((2, 2)), None, r"no labels to learn from; pass them as fit\(X, y\)"),
        ("t.csv", [0, 1], "train_data is a path; the label of a file is one of its columns"),
        (5, None, "train_data must be a path, a data frame, or an array"),
    ],
)
def test_arrays_that_cannot_be_used(x, y, words):
    with pytest.raises((TypeError, ValueError), match=words):
        model(verbose=False).fit(x, y)


def test_missing_numbers_in_arrays():
    x, y = np.random.default_rng(0).normal(size=(40, 2)), np.arange(40) % 2
    x[::5, 1] = np.nan
    net = model(verbose=False)
    net.fit(x, y, missing="mean", epochs=2)
    known = x[~np.isnan(x[:, 1]), 1]
    assert net.knowledge.prepare.fills[1] == pytest.approx(known.mean())
    filled = np.where(np.isnan(x), known.mean(), x)
    np.testing.assert_allclose(net.predict_proba(x), net.predict_proba(filled), rtol=1e-6)


def test_several_columns_of_different_ranges_are_learned():
    """One divisor cannot repair two columns of about 1 and 100,000."""
    generator = np.random.default_rng(0)
    x = generator.normal(size=(200, 2)) * [1, 1e5]
    y = (x[:, 0] > 0).astype(int)
    net = model(verbose=False)
    net.fit(x, y)
    assert net.score(x, y) > 0.97
    scaled = model([2, 100, 2], verbose=False)
    scaled.fit(x, y, learning_rate=0.001, optimizer="adam", epochs=200, scale=1e5)
    assert scaled.score(x, y) < 0.9, "a test that can fail"


def test_a_column_without_any_value_is_an_error(tmp_path):
    table = frame().assign(Empty="")
    with pytest.raises(DataError, match=r"no row has a value in the column 'Empty'; .*drop=\['Em"):
        model(verbose=False).fit(table, **SETTINGS)
    model(verbose=False).fit(table, drop=["Empty"], **SETTINGS)


def test_numbers_are_not_taken_for_classes():
    table = pd.DataFrame({"a": np.arange(60.0), "target": np.arange(60) * 3})
    with pytest.raises(DataError, match="60 different values in 60 rows, which look like numbers"):
        model(verbose=False).fit(table)
    model(verbose=False, task="regression").fit(table, epochs=1)
    with pytest.warns(UserWarning, match="no row has class"):
        model([1, 200], verbose=False).fit(table, epochs=1)
