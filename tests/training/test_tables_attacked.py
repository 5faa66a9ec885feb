"""Tests that labels and columns in memory belong to the right rows, names and values."""

import numpy as np
import pandas as pd
import pytest

from nn import DataError, model

ROWS = 80
GENERATOR = np.random.default_rng(0)
X = GENERATOR.normal(size=(ROWS, 2))
Y = (X[:, 0] > 3 * X[:, 1]).astype(int)  # exchanged columns are noticed
FRAME = pd.DataFrame(X, columns=["a", "b"])
TEXT = np.where(GENERATOR.random(ROWS) > 0.5, "first", "second")


def trained(data, y=None, **options):
    net = model(verbose=False, **{k: options.pop(k) for k in ("structure", "task") if k in options})
    net.fit(data, y, **{"epochs": 15, **options})
    return net


def test_labels_in_another_order_of_the_index_are_refused():
    mixed = pd.Series(Y).sample(frac=1, random_state=1)
    with pytest.raises(ValueError, match=r"another order; pass y\.loc\[X\.index\]"):
        trained(FRAME, mixed)
    assert trained(FRAME, mixed.loc[FRAME.index]).score(FRAME, Y) > 0.9
    # After a split, a table that was scaled has a new index, and the labels their old one.
    assert trained(FRAME, pd.Series(Y, index=np.arange(ROWS) + 500)).score(FRAME, Y) > 0.9


@pytest.mark.parametrize("name", ["class", "target", "city"])
def test_a_feature_is_not_taken_for_the_label_that_is_passed_apart(name):
    table = FRAME.assign(**{name: TEXT})
    net = trained(table, Y, encode="onehot")
    assert net.inputs.names == ("a", "b", name)
    assert net.knowledge.prepare.values[2] == ("first", "second")
    with pytest.raises(DataError, match="The column holds text"):
        trained(table, Y)


def test_a_label_that_is_there_twice_must_be_the_same():
    with pytest.raises(ValueError, match="has a column 'label' with other values than y"):
        trained(FRAME.assign(label=1 - Y), Y)
    net = trained(FRAME.assign(label=Y), Y)
    assert net.inputs.names == ("a", "b")
    assert net.score(FRAME.assign(label=Y), Y) == net.score(FRAME, Y)


def test_the_name_of_the_labels_is_the_column_of_later_tables():
    net = trained(FRAME, pd.Series(Y, name="Survived"))
    assert net.score(FRAME.assign(Survived=Y)) == net.score(FRAME, Y) > 0.9
    net.predict(FRAME.assign(Survived=Y))  # without a warning about the label


@pytest.mark.parametrize("y", [Y[:, None], pd.DataFrame({"z": Y}), Y.tolist(), Y.astype(float)])
@pytest.mark.parametrize("x", [X, FRAME])
def test_a_column_of_labels(x, y):
    assert trained(x, y).score(x, y) > 0.9


def test_one_hot_labels_are_named():
    for y in (np.eye(2)[Y], pd.DataFrame(np.eye(2)[Y])):
        with pytest.raises(ValueError, match=r"one-hot: pass y\.argmax\(axis=1\)"):
            trained(X, y)


def test_integers_written_as_texts_are_the_same_classes():
    y = np.digitize(X[:, 0], [-0.5, 0.5])
    net = trained(X, y, structure=[2, 8, 3])
    some = y > 0  # the texts are places 0 and 1 among themselves
    assert net.score(X[some], y[some].astype(str)) == net.score(X[some], y[some])
    with pytest.raises(ValueError, match="'cat'; the model was trained on integers"):
        net.score(X[:2], ["1", "cat"])
    table = FRAME.assign(label=y)
    by_name = trained(table, structure=[2, 8, 3])
    assert by_name.score(FRAME[some], y[some].astype(str)) == by_name.score(table[some])
    with pytest.raises(DataError, match="'cat'"):
        by_name.score(FRAME.assign(label="cat"))


def test_columns_with_numbers_for_names():
    table = pd.DataFrame({2: X[:, 0], 1: X[:, 1], 0: Y})
    net = trained(table, label=0)
    assert net.inputs.names == ("2", "1")
    assert (net.predict(table[[1, 2]]) == net.predict(table[[2, 1]])).all()
    assert net.score(table) > 0.9


def test_a_frame_is_never_searched_for_a_separator():
    table = pd.DataFrame({"t;u": np.where(Y, "1;2", "1;3"), "label": Y})
    assert trained(table, encode="onehot").knowledge.prepare.values == (("1;2", "1;3"),)
    # These options describe files, such as those of the test data.
    for option in ({"sep": ";"}, {"decimal": ","}, {"header": False}):
        assert trained(FRAME.assign(label=Y), epochs=1, **option).inputs.names == ("a", "b")


@pytest.mark.parametrize("dtype", ["boolean", bool, object])
def test_truth_values_are_numbers_in_each_dtype(dtype):
    truth = pd.Series(TEXT == "first").astype(dtype)
    net = trained(FRAME.assign(t=truth, label=Y))
    expected = net.predict(FRAME.assign(t=(TEXT == "first").astype(int)))
    assert (net.predict(FRAME.assign(t=truth)) == expected).all()


def test_missing_values_of_pandas():
    table = FRAME.astype("Float64")
    table.iloc[3, 0] = pd.NA
    net = trained(table, Y, missing="mean")
    assert (net.predict(table) == net.predict(table.astype(float))).all()
    with pytest.raises(DataError, match=r"row 3: column 1 \('a'\): missing value"):
        trained(FRAME, Y).predict(table)


def test_an_array_holds_values_and_not_their_codes():
    number = GENERATOR.integers(1, 4, ROWS)
    table = FRAME.assign(P=number)
    net = trained(table, number, encode=["P"], epochs=60)  # the label is the encoded number
    expected = net.predict(table)
    assert (expected == number).mean() > 0.9
    for array in (np.c_[X, number], table.to_numpy(object)):
        assert (net.predict(array) == expected).all()
        assert net.score(array, number) == net.score(table, number)
    with pytest.raises(DataError, match="expected one of the values of the"):
        net.predict(np.c_[X, number + 0.5])
    assert net.predict(table[:0]).shape == (0,)


def test_a_network_trained_on_arrays_takes_columns_by_position(tmp_path):
    net = trained(X, Y)
    assert net.inputs.names is None
    assert (net.predict(FRAME) == net.predict(X)).all()
    FRAME.assign(label=Y).to_csv(tmp_path / "t.csv", index=False)
    assert (net.predict(tmp_path / "t.csv") == net.predict(X)).all()


def test_numbers_whose_squares_overflow_are_named():
    with pytest.raises(DataError, match="column 't' are too large to standardize"):
        trained(FRAME.assign(t=np.where(Y, 1e300, 1)), Y)
    for factor in (1e300, 1e-300):
        with pytest.raises(DataError, match="divide them by a power of ten"):
            trained(X, X[:, 0] * factor, task="regression")


def test_nothing_is_written_into_the_arrays_and_frames_of_the_user():
    table, array, labels = FRAME.assign(label=Y), X.astype("float32"), Y.copy()
    before = table.copy(), array.copy()
    array.flags.writeable = labels.flags.writeable = False
    trained(array, labels, scale=3.0).predict(array)
    trained(array, labels, standardize=True, validation=0.2).predict(array)
    trained(table, validation=0.2).predict(table)
    pd.testing.assert_frame_equal(table, before[0])
    assert (array == before[1]).all()


@pytest.mark.parametrize("option", [{"drop": ["a"]}, {"id": "a"}, {"encode": ["a"]}, {"label": 0}])
def test_options_that_name_columns_are_not_skipped_for_arrays(option):
    with pytest.raises(ValueError, match=r"= names a column, but train_data is an array"):
        trained(X, Y, **option)
