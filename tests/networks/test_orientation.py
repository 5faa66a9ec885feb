"""Tests that inverted and transposed images get a word, that columns which say nothing do, too, and
that usual data get none.
"""

import warnings

import numpy as np
import pytest

from nn import DataWarning
from nn.data.csv import CsvData
from nn.data.known_inputs import KnownInputs, doubts
from nn.data.orientation import inverted_rows, looks_transposed
from tests.understanding.models import digit_data

from .test_known_inputs import known, verdict


def digits(side=8):
    """Training and test images; enlarged ones have a dark margin, as MNIST has."""
    X, _, new, labels = digit_data()
    if side != 8:
        margin = (side - 16) // 2
        big = [np.kron(x.reshape(-1, 8, 8), np.ones((1, 2, 2))) for x in (X[:400], new)]
        margins = ((0, 0), (margin, margin), (margin, margin))
        X, new = (np.pad(x, margins).reshape(len(x), -1) * 255 / 16 for x in big)
    return X, new, labels


def transposed(x):
    side = int(x.shape[1] ** 0.5)
    return x.reshape(-1, side, side).swapaxes(1, 2).reshape(x.shape)


@pytest.mark.parametrize("side", [8, 24])
@pytest.mark.parametrize("has_means", [True, False])
def test_inverted_images_are_refused_with_advice_that_works(side, has_means):
    X, new, _ = digits(side)
    inputs = known(X)
    if not has_means:
        inputs = KnownInputs(inputs.scale, inputs.names, inputs.ranges, inputs.faintest)
    top = 16 if side == 8 else 255
    for rows in (new, new[:1], new[5:9]):
        said = verdict(inputs, top - rows)
        assert f"{len(rows)} of {len(rows)} rows look inverted" in said
        assert f"Pass {top} - X, or train on data like these; this=True skips this check" in said
        assert verdict(inputs, top - (top - rows)) == "passes"
    mixed = np.concatenate([new[:30], top - new[30:33]])
    assert "warns: X: 3 of 33 rows look inverted" in verdict(inputs, mixed)
    assert "the first is row 30, counted from 0" in verdict(inputs, mixed)
    assert "17 of 33 rows look inverted" in verdict(inputs, np.r_[new[:16], top - new[16:33]])


def test_every_single_inverted_row_is_refused_and_no_right_one():
    X, new, _ = digits()
    inputs = known(X)
    assert {verdict(inputs, row[None]) for row in new} == {"passes"}
    assert all("inverted" in verdict(inputs, 16 - row[None]) for row in new)


@pytest.mark.parametrize("side", [8, 24])
def test_transposed_images_get_a_warning_with_advice_that_works(side):
    X, new, _ = digits(side)
    inputs = known(X)
    wrong = transposed(new)
    said = verdict(inputs, wrong)
    assert said.startswith("warns: X: the images look transposed, rows and columns exchanged")
    advice = said.partition("if they are, pass ")[2]
    np.testing.assert_array_equal(eval(advice, {"X": wrong}), new)
    assert verdict(inputs, eval(advice, {"X": wrong})) == "passes"
    assert "transposed" in verdict(inputs, wrong[:20])
    assert verdict(inputs, wrong[:19]) == "passes", "too few to say so"


def test_images_of_one_class_are_not_called_transposed():
    X, new, labels = digits()
    inputs = known(X)
    for digit in range(10):
        assert verdict(inputs, new[labels == digit]) == "passes"
        assert "transposed" in verdict(inputs, transposed(new[labels == digit]))


def test_samples_of_twenty_are_judged_rightly():
    X, new, _ = digits()
    means = X.mean(axis=0)
    generator = np.random.default_rng(0)
    for _ in range(200):
        rows = new[generator.choice(len(new), 20, replace=False)]
        assert not looks_transposed(rows, means)
        assert looks_transposed(transposed(rows), means)


def test_blank_and_strange_images_get_no_word():
    X, new, _ = digits()
    inputs = known(X)
    generator = np.random.default_rng(0)
    for rows in (0 * new, new[:0], 0 * new[:1], np.full_like(new, 8.0)):
        assert verdict(inputs, rows) == "passes"
    symmetric = (new + transposed(new)) / 2
    assert verdict(inputs, symmetric) == "passes", "neither way is better"
    assert verdict(inputs, generator.permuted(new, axis=1)) == "passes"
    assert verdict(inputs, np.round(new * generator.uniform(0.5, 1, (len(new), 1)))) == "passes"


@pytest.mark.parametrize("name", ["iris", "wine", "breast_cancer", "diabetes", "digits"])
def test_other_rows_of_public_tables_get_no_word(name):
    datasets = pytest.importorskip("sklearn.datasets")
    X = np.asarray(getattr(datasets, f"load_{name}")().data)
    for seed in range(20):
        order = np.random.default_rng(seed).permutation(len(X))
        train, test = np.split(order, [len(X) * 3 // 4])
        inputs = known(X[train])
        with warnings.catch_warnings():
            # A value far outside is a word about ranges, and was one before.
            warnings.filterwarnings("ignore", message=r".*go(es)? far beyond", category=DataWarning)
            warnings.simplefilter("error", append=True)
            inputs.check_ranges(X[test], "X", "this=True")
        assert not inverted_rows(X[test], inputs.ranges, inputs.means)[0].any()
    assert doubts(X) == []


def test_flags_that_were_never_set_may_be_set_now():
    generator = np.random.default_rng(0)
    flags = (generator.random((200, 12)) < 0.3) * 1.0
    flags[:, :4] = 0
    inputs = known(flags)
    new = flags.copy()
    new[:, 0] = 1  # one of four is not a negative
    new[::2, 1] = 1
    assert verdict(inputs, new) == "passes"
    negative = 1 - flags
    assert "Pass 1 - X" in verdict(inputs, negative)


def test_columns_of_different_units_are_never_called_inverted():
    generator = np.random.default_rng(0)
    X = np.column_stack([generator.normal(50_000, 9_000, 100), generator.random((100, 5)) < 0.02])
    inputs = known(X)
    new = X.copy()
    new[:, 1:] = 1
    assert verdict(inputs, new) == "passes"


def test_means_are_measured_and_kept():
    X = np.array([[0, 1], [2, 3], [1, 2]])
    one = known(X)
    np.testing.assert_array_equal(one.means, [1, 2])
    assert one.means.dtype == np.float64
    two = known(X + 1)
    np.testing.assert_array_equal(one.together(two).means, [2, 3])
    old = KnownInputs(ranges=one.ranges, names=one.names)
    assert old.means is None
    np.testing.assert_array_equal(one.together(old).means, [1, 2])
    small = CsvData("t.csv", ("a",), np.float32([[1e8], [1.0]] * 500), np.arange(1000) % 2)
    assert KnownInputs.of(small, 1.0).means == pytest.approx([50_000_000.5], rel=1e-12)


# Doubts --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("features", "scale", "words"),
    [
        (np.ones((50, 3)), 1, "all 3 columns are constant, so every row gets the same prediction"),
        (np.ones((50, 1)), 1, "the only column is constant"),
        (np.zeros((50, 784), np.float32), 255, "all 784 columns are constant"),
        (np.array([[1.0, 2.0]]), 1, "constant, because there is one row"),
        (np.random.default_rng(0).random((50, 3)) * 1e-6, 1, "all values are tiny, from "),
        (np.random.default_rng(0).random((50, 3)), 1e6, "before they are divided by 1e+06"),
        (1.7e9 + np.arange(40.0)[:, None], 1, "column 0, counted from 0, varies by 39 around 1.7e"),
    ],
)
def test_features_that_say_nothing_are_doubted(features, scale, words):
    found = doubts(features, scale)
    assert len(found) == 1
    assert words in found[0]


def test_several_columns_that_float32_cannot_hold_are_counted():
    X = np.column_stack([np.arange(9.0), 1e9 + np.arange(9.0), 5e9 - np.arange(9.0)])
    assert "column 1, counted from 0, and 1 more varies by 8" in doubts(X)[0]


def test_usual_features_are_not_doubted():
    generator = np.random.default_rng(0)
    X, new, _ = digits()
    for features in (
        X,
        new[:2],
        generator.normal(size=(9, 4)),
        generator.normal(size=(99, 2)) * [1, 1e5],
        np.arange(2.0)[:, None],
        np.float32([[0, 1e-4], [0.5, 0]]),
        np.zeros((0, 3)),
    ):
        assert doubts(features) == []
