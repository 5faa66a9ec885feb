"""Tests that columns become inputs as documented: filled, one-hot, standardised, scaled."""

import numpy as np
import pytest

from nn.data.preparation import LazyInputs, Preparation

TABLE = np.array([[1.0, 0, 100], [3.0, 2, 300], [np.nan, 1, 200], [8.0, 2, np.nan]])
VALUES = ((), ("a", "b", "c"), ())


def test_one_hot_has_an_input_for_each_value():
    prepare = Preparation.measure(TABLE, VALUES, missing="mean")
    inputs = prepare(TABLE, "float64")
    np.testing.assert_allclose(inputs[:, 1:4], [[1, 0, 0], [0, 0, 1], [0, 1, 0], [0, 0, 1]])
    assert prepare.input_names(["x", "t", "z"]) == ("x", "t=a", "t=b", "t=c", "z")
    assert prepare.inputs(3) == 5
    assert prepare.groups(3) == [slice(0, 1), slice(1, 4), slice(4, 5)]
    unknown = prepare(np.array([[1.0, -1, 0]]), "float64")
    assert unknown[0, 1:4].tolist() == [0, 0, 0], "a text that is not known"


@pytest.mark.parametrize(("missing", "x", "z"), [("mean", 4.0, 200.0), ("median", 3.0, 200.0)])
def test_missing_cells_are_filled_with_the_training_rows(missing, x, z):
    prepare = Preparation.measure(TABLE, VALUES, missing=missing)
    assert prepare.fills.tolist() == [x, 2.0, z], "text: the most frequent value"
    new = prepare(np.full((1, 3), np.nan), "float64")
    assert new.tolist() == [[x, 0, 0, 1, z]]


def test_standardised_inputs_have_mean_0_and_deviation_1():
    generator = np.random.default_rng(0)
    table = np.column_stack(
        [generator.normal(1e8, 3, 9000), generator.exponential(1e-6, 9000), np.full(9000, 7.0)]
    )
    table = np.column_stack([table, generator.integers(0, 2, 9000)])
    values = ((), (), (), ("no", "yes"))
    prepare = Preparation.measure(table, values, standardize=True)
    inputs = prepare(table, "float64")
    np.testing.assert_allclose(inputs[:, :2].mean(axis=0), 0, atol=1e-6)
    np.testing.assert_allclose(inputs[:, :2].std(axis=0), 1, rtol=1e-6)
    assert (inputs[:, 2] == 0).all(), "a constant column is not divided by rounding noise"
    np.testing.assert_array_equal(inputs[:, 3], table[:, 3] == 0, "texts stay 0 and 1")
    new = table[:5] + 1
    expected = (new[:, :2] - table[:, :2].mean(axis=0)) / table[:, :2].std(axis=0)
    np.testing.assert_allclose(prepare(new, "float64")[:, :2], expected, rtol=1e-6)


def test_plain_columns_are_divided_in_their_dtype_and_in_place_if_allowed():
    pixels = np.arange(12, dtype=np.float32).reshape(3, 4)
    before = pixels.copy()
    prepare = Preparation.measure(pixels, scale=255)
    np.testing.assert_array_equal(prepare(pixels, "float32"), before / np.float32(255))
    np.testing.assert_array_equal(pixels, before)
    assert prepare(pixels, "float32", in_place=True) is pixels
    same = Preparation()
    assert same(pixels, "float32") is pixels


def test_lazy_inputs_are_the_prepared_ones():
    pixels = np.random.default_rng(0).integers(0, 256, (50, 6)).astype(np.uint8)
    for prepare in (
        Preparation(scale=255.0),
        Preparation.measure(pixels.astype(np.float64), standardize=True),
    ):
        lazy = LazyInputs(pixels, prepare, "float32")
        eager = prepare(pixels.astype(np.float32), "float32")
        for rows in (slice(3, 9), np.array([4, 4, 0]), slice(None, None, 7)):
            np.testing.assert_array_equal(lazy[rows], eager[rows])
        assert lazy.shape == eager.shape
