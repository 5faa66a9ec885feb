"""Tests the history of a training: which epoch is the kept one, its texts and tables, and that
files and dictionaries hold every digit of it.
"""

import csv
import json
import math

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nn.training.history import Epoch, History, LayerRecord
from nn.training.progress import Progress

TESTED = History(
    [
        Epoch(1, 0.9, 0.60, 0.80, 0.70, 0.0021),
        Epoch(2, 0.5, 0.85, 0.60, 0.90, 0.25),
        Epoch(3, 0.4, 0.95, 0.65, 0.85, 75.0),
    ]
)
UNTESTED = History([Epoch(1, 0.9, 0.6, None, None, 0.1), Epoch(2, 0.5, 0.8, None, None, 0.1)])
MEANS = "train: mean over the epoch, while the weights still improve"


def validated(*losses, tests=None):
    tests = tests or [None] * len(losses)
    triples = enumerate(zip(losses, tests, strict=True), 1)
    return History([Epoch(n, 1 / n, 0.5, t, t, 0.1, loss, 0.5) for n, (loss, t) in triples])


# What is kept ------------------------------------------------------------------------------


def test_the_kept_epoch_is_the_first_of_the_lowest_validation_loss():
    assert validated(0.5, 0.3, 0.3, 0.4).best.number == 2
    assert validated(0.5, math.nan, 0.3, None, math.inf).best.number == 3
    assert validated(0.0, 0.1).best.number == 1
    assert validated(0.5, 0.3, 0.4, tests=[0.1, 0.9, 0.01]).kept == (
        "kept: epoch 2, lowest validation loss"
    )


def test_test_data_decide_nothing():
    """Without validation data it is the last epoch, because that is the one that is saved."""
    assert TESTED.best is TESTED[2]
    assert UNTESTED.best is UNTESTED[1]
    assert validated(math.nan, math.nan).best.number == 2
    assert TESTED.kept == "kept: epoch 3, the last"
    for ask in (lambda: History().best, lambda: History().kept):
        with pytest.raises(ValueError, match="no epochs"):
            ask()


def test_a_test_at_the_end_belongs_to_the_kept_epoch():
    history = validated(0.5, 0.3, 0.4)
    history.record_test(0.25, 0.875)
    assert [epoch.test_accuracy for epoch in history] == [None, 0.875, None]
    assert history[1].of("test") == (0.25, 0.875)
    assert history[1].of("validation") == (0.3, 0.5)
    assert history.parts() == ["train", "validation", "test"]


def test_equal_epochs_are_told_apart():
    epoch = Epoch(1, 0.5, 0.5, None, None, 0.1)
    history = History([epoch, Epoch(1, 0.5, 0.5, None, None, 0.1)])  # of two trainings
    history.record_test(0.1, 0.9)
    assert [epoch.test_loss for epoch in history] == [None, 0.1]


# Forms -------------------------------------------------------------------------------------


def test_history_is_a_sequence_of_epochs():
    assert len(TESTED) == 3
    assert [epoch.number for epoch in TESTED] == [1, 2, 3]
    assert TESTED[-1].train_loss == 0.4
    assert len(History()) == 0


OLD = ["train_loss", "train_accuracy", "test_loss", "test_accuracy", "seconds"]
NEW = ["validation_loss", "validation_accuracy", "learning_rate"]


def test_history_as_a_frame():
    frame = TESTED.to_frame()
    assert frame.index.tolist() == [1, 2, 3]
    assert frame.index.name == "number"
    assert list(frame.columns) == OLD + NEW
    assert frame.loc[2, OLD].tolist() == [0.5, 0.85, 0.60, 0.90, 0.25]
    assert UNTESTED.to_frame()["test_loss"].isna().all()
    assert set(UNTESTED.to_frame().dtypes) == {np.dtype(float)}


def test_history_without_epochs_is_a_frame_without_rows():
    """As after Ctrl-C in the first epoch."""
    frame = History().to_frame()
    assert len(frame) == 0
    assert list(frame.columns) == list(TESTED.to_frame().columns)


def test_r2_is_not_called_an_accuracy():
    history = History([Epoch(1, 0.9, -0.5, None, None, 0.1)], measure="R²")
    columns = list(history.to_frame().columns)
    assert columns[:4] == ["train_loss", "train_r2", "test_loss", "test_r2"]
    assert str(history).splitlines()[0] == "epoch   1   train loss 0.9000  R² -0.5000   100 ms"
    with pytest.raises(ValueError, match="measure must be 'accuracy' or 'R²', got 'r2'"):
        History(measure="r2")


def test_history_as_text():
    *lines, kept, note = str(TESTED).splitlines()
    assert lines[0] == (
        "epoch   1   train loss 0.9000  accuracy 60.00%   test loss 0.8000  accuracy 70.00%   2 ms"
    )
    assert lines[1].endswith("250 ms")
    assert lines[2].endswith("75.00 s")
    assert kept == "kept: epoch 3, the last"
    assert note == f"{MEANS}; test: after it, so better at first"
    *lines, kept, note = str(UNTESTED).splitlines()
    assert lines[1] == "epoch   2   train loss 0.5000  accuracy 80.00%   100 ms"
    assert note == f"{MEANS}; at its end they are a little better"
    assert len({line.index("train loss") for line in lines}) == 1, "in columns"
    assert str(validated(0.25)).splitlines()[0] == (
        "epoch   1   train loss 1.0000  accuracy 50.00%   validation loss 0.2500  "
        "accuracy 50.00%   100 ms"
    )
    assert str(History()) == ""


def test_progress_names_the_measure(capsys):
    epoch = Epoch(2, 0.5, 0.8, None, None, 0.1)
    Progress(10, 1).epoch(epoch)
    Progress(10, 1, measure="R²").epoch(epoch)
    assert capsys.readouterr().out.splitlines() == [
        "epoch  2/10   train loss 0.5000  accuracy 80.00%   100 ms",
        "epoch  2/10   train loss 0.5000  R² 0.8000   100 ms",
    ]


numbers = st.floats() | st.floats(width=32).map(np.float32) | st.floats().map(np.float64)
optional = st.none() | numbers
an_epoch = st.builds(
    Epoch,
    st.integers(1, 10**9),
    *(numbers, numbers, optional, optional, numbers, optional, optional, optional),
)
tables = st.lists(st.lists(numbers, max_size=3), max_size=2)
histories = st.builds(
    History,
    st.lists(an_epoch, max_size=4),
    st.builds(LayerRecord, st.lists(st.text()), st.lists(st.integers(1)), tables, tables),
    st.sampled_from(["accuracy", "R²"]),
)


@settings(max_examples=60, deadline=None)
@given(histories)
def test_a_dictionary_and_json_hold_every_digit(history):
    def refuse(name):
        raise AssertionError(f"{name} is not JSON")

    written = json.loads(json.dumps(history.to_dict(), allow_nan=False), parse_constant=refuse)
    # As text, because NaN is not equal to itself, and -0.0 is equal to 0.0.
    found = [repr(History.from_dict(w).to_dict()) for w in (written, history.to_dict())]
    assert found == [repr(history.to_dict())] * 2
    for read, epoch in zip(History.from_dict(written), history, strict=True):
        for name, value in vars(epoch).items():
            other = getattr(read, name)
            assert (value is None) == (other is None)
            assert value is None or float(value).hex() == float(other).hex()
            assert type(other) in (int, float, type(None))


def test_json_in_a_file(tmp_path):
    path = tmp_path / "history.json"
    history = validated(0.1 + 0.2, math.nan, 1e-310)
    assert history.to_json(path) == path
    read = History.from_dict(json.loads(path.read_text("utf-8")))
    assert read[0] == history[0]
    assert read[2] == history[2]
    assert math.isnan(read[1].validation_loss)


def test_csv_in_a_file(tmp_path, monkeypatch):
    path = tmp_path / "history.csv"
    history = validated(0.1 + 0.2, math.nan, None)
    assert history.to_csv(path) == path
    rows = list(csv.DictReader(path.read_text("utf-8").splitlines()))
    assert [row["validation_loss"] for row in rows] == ["0.30000000000000004", "NaN", ""]
    assert list(rows[0]) == ["number", *OLD, *NEW]
    frame = pd.read_csv(path, index_col="number").astype(float)
    pd.testing.assert_frame_equal(frame, history.to_frame())
    monkeypatch.setenv("HOME", str(tmp_path))
    assert History(measure="R²").to_csv("~/empty.csv") == tmp_path / "empty.csv"
    assert (tmp_path / "empty.csv").read_text("utf-8").startswith("number,train_loss,train_r2,")


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"epochs": [{"number": 1}]}, "TypeError: .*missing"),
        ({"epochs": [{**vars(TESTED[0]), "train_loss": "0.9"}]}, "found '0.9', expected a number"),
        ({"epochs": [{**vars(TESTED[0]), "extra": 1}]}, "extra"),
        ({"epochs": [{**vars(TESTED[0]), "train_loss": True}]}, "found True, expected a number"),
        ({"epochs": [{**vars(TESTED[0]), "seconds": None}]}, "epoch 1 has no train loss"),
        ({"epochs": [{**vars(TESTED[0]), "number": 1.5}]}, "epoch number 1.5, expected an int"),
        ({"epochs": 3}, "not iterable"),
        ({"layers": {}}, "KeyError: 'names'"),
        ({"layers": None}, "TypeError"),
        ({"measure": "gini"}, "measure must be .*got 'gini'"),
    ],
)
def test_what_is_not_a_history_is_refused(change, words):
    with pytest.raises(ValueError, match=words):
        History.from_dict(TESTED.to_dict() | change)
    with pytest.raises(ValueError, match=r"not a history: .*expected .*History\.to_dict"):
        History.from_dict({})
