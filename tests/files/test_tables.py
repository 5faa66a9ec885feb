"""Tests of data frames: what the columns hold decides, and not how a missing value is written."""

import numpy as np
import pandas as pd
import pytest

from nn import model
from nn.data.known_inputs import doubts
from nn.data.tables import read_frame


@pytest.mark.parametrize("missing", [None, float("nan"), pd.NaT, pd.NA])
@pytest.mark.parametrize("kind", [bool, np.bool])
def test_truth_values_are_numbers_whatever_is_missing(missing, kind):
    truth = pd.Series([kind(True), kind(False), missing, kind(True)], dtype=object)
    frame = pd.DataFrame({"a": truth, "label": [0, 1, 0, 1]})
    data = read_frame(frame, None, "X", task="classification", missing="mean")
    np.testing.assert_array_equal(data.features[:, 0], [1, 0, np.nan, 1])
    assert data.values in ((), ((),))


def test_truth_values_among_texts_are_texts():
    frame = pd.DataFrame({"a": [True, "no", True, "no"], "label": [0, 1, 0, 1]})
    data = read_frame(frame, None, "X", task="classification", encode="onehot")
    assert data.values == (("True", "no"),)


def test_a_doubted_column_has_its_name():
    X = np.column_stack([np.arange(9.0), 1e9 + np.arange(9.0), 5e9 - np.arange(9.0)])
    [found] = doubts(X, names=["width", "time", "end"])
    assert found.startswith("'time' and 1 more varies by 8 around 1e+09")


def test_a_training_names_the_column_it_doubts(capsys):
    """The columns of text come first, and only numbers are looked at."""
    frame = pd.DataFrame({"kind": ["a", "b"] * 6, "time": 1.7e9 + np.arange(12)})
    net = model(base_address=None, seed=0)
    net.fit(frame, [0, 1] * 6, encode=["kind"], standardize=False, epochs=1)
    assert "note: 'time' varies by 11 around 1.7e+09" in capsys.readouterr().out
