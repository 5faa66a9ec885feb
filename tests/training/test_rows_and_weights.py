"""Tests that rows count as much as their weights say, and that validation data are complete."""

import numpy as np
import pandas as pd
import pytest

from nn import DataError, model
from tinygrad_edu import GradientError

ROWS = 80
X = np.random.default_rng(0).normal(size=(ROWS, 2))
Y = (X[:, 0] > X[:, 1]).astype(int)
FRAME = pd.DataFrame(X, columns=["a", "b"])
OPTIONS = {"epochs": 4, "learning_rate": 0.1, "standardize": True}


def trained(x, y=None, **options):
    net = model(verbose=False, task=options.pop("task", "classification"))
    net.fit(x, y, **OPTIONS | options)
    return net


def weights(net):
    return np.concatenate([one.ravel() for one in net.network.state_dict().values()])


@pytest.mark.parametrize("batch_size", [4, 1000])
def test_rows_of_weight_0_are_as_if_they_were_absent(batch_size, capsys):
    weight = np.ones(ROWS)
    weight[:50] = 0  # whole batches of them had no mean
    with_them = trained(X, Y, sample_weight=weight, batch_size=batch_size)
    without = trained(X[50:], Y[50:], sample_weight=weight[50:], batch_size=batch_size)
    assert (weights(with_them) == weights(without)).all()
    assert with_them.history.best.train_accuracy == without.history.best.train_accuracy
    for share in (0.25, (X, Y)):
        trained(X, Y, sample_weight=weight, batch_size=4, validation=share)
    net = model()
    net.fit(X, Y, sample_weight=weight, epochs=1)
    assert "50 of 80 rows have the weight 0 and are not used" in capsys.readouterr().out
    far = np.where(weight, X[:, 0], 1e6)
    regression = trained(X, far, sample_weight=weight, task="regression", learning_rate=0.01)
    assert abs(regression.knowledge.target_mean) < 1


def test_balanced_classes_are_counted_without_rows_that_are_dropped():
    lacking = X.copy()
    lacking[:40, 0] = np.nan
    options = {"class_weight": "balanced", "sample_weight": np.arange(ROWS) + 1.0}
    dropped = trained(lacking, Y, missing="drop", validation=0.2, **options)
    options["sample_weight"] = options["sample_weight"][40:]
    without = trained(X[40:], Y[40:], validation=0.2, **options)
    assert (weights(dropped) == weights(without)).all()


def test_weights_belong_to_their_rows():
    series = pd.Series(np.arange(ROWS) + 1.0)
    with pytest.raises(ValueError, match="sample_weight has the index of train_data in another"):
        trained(FRAME, Y, sample_weight=series.sample(frac=1, random_state=1))
    assert (
        weights(trained(FRAME, Y, sample_weight=series))
        == weights(trained(X, Y, sample_weight=series.to_numpy()))
    ).all()
    with pytest.raises(TypeError, match="sample_weight must be numbers, or the name of a column"):
        trained(X, Y, sample_weight=["heavy"] * ROWS)


def test_the_column_of_weights_may_be_in_later_tables():
    table = FRAME.assign(w=np.arange(ROWS) + 1.0, label=Y)
    net = trained(table, sample_weight="w", test_data=table, validation=table)
    assert net.inputs.names == ("a", "b")
    assert (net.predict(table) == net.predict(FRAME)).all()


@pytest.mark.parametrize("one", [1, "1", 1.0, True, np.int64(1), np.float32(1)])
def test_a_class_is_named_in_each_way_that_numpy_writes_it(one):
    assert (
        weights(trained(X, Y, class_weight={one: 3}))
        == weights(trained(X, Y, sample_weight=1.0 + 2 * Y))
    ).all()
    for wrong in (1.5, np.inf, 2, "one"):
        with pytest.raises(ValueError, match="expected one of the classes 0, 1"):
            trained(X, Y, class_weight={wrong: 3})


def test_true_is_not_a_share():
    with pytest.raises(TypeError, match="validation must be a number, got True"):
        trained(X, Y, validation=True)


@pytest.mark.parametrize("name", ["validation", "test_data"])
def test_other_data_need_labels_of_known_classes_and_errors_name_rows(name):
    with pytest.raises(DataError, match=rf"{name}: no labels; pass {name}=\(X, y\)"):
        trained(X, Y, **{name: X})
    wrong = np.where(np.arange(ROWS) == 7, 2, Y)
    for other in ((X, wrong), (FRAME, wrong)):
        with pytest.raises(DataError, match=rf"{name}, row 7: .* found class 2") as caught:
            trained(other[0], Y, **{name: other})
        assert caught.value.line == 7


def test_texts_that_are_ignored_are_counted(capsys):
    text = np.where(Y, "p", "q")
    table = FRAME.assign(t=text, label=Y)
    other = table.assign(t=np.where(np.arange(ROWS) < 5, "z", text))
    net = model()
    net.fit(table, encode="onehot", unknown="ignore", test_data=other, epochs=1)
    assert "5 cells of 't' have texts that the training lacks" in capsys.readouterr().out
    with pytest.warns(UserWarning, match="5 cells of 't' have texts"):
        net.predict(other, unknown="ignore")


def test_an_optimizer_that_finds_no_step_names_epoch_batch_and_remedy():
    options = {"optimizer": "lbfgs", "batch_size": 7, "learning_rate": 1.0}
    with pytest.raises(GradientError, match=r"LBFGS cannot .* in epoch \d, batch \d+; try a small"):
        trained(X, X[:, 0] * 3 + 100, task="regression", **options)
