"""Tests the report of a regression: worked examples, scikit-learn, weights as repetitions, numbers
of any size, and what is refused.
"""

import json
import math

import numpy as np
import pytest

from nn.training.reports.classification import regression_report


def test_a_worked_regression():
    report = regression_report([1, 2, 3, 6], [1, 2, 5, 6])
    assert report.mean == 3.0
    assert report.rmse == 1.0
    assert report.mae == report.bias == 0.5
    assert report.r2 == 1 - 4 / 14
    assert report.rmse_of_mean == pytest.approx(math.sqrt(14 / 4))
    assert report.mae_of_mean == 1.5
    (error,) = report.largest_errors
    assert (error.row, error.target, error.prediction, error.error) == (3, 3, 5, 2)
    text = str(report)
    assert text.startswith("Regression of 4 samples\n")
    assert "R²                       0.7143                0" in text
    assert "The mean of the targets is 3. The squared error is 71.43% smaller" in text
    assert report.to_frame().loc[3].tolist() == [3.0, 5.0, 2.0]
    assert report.to_frame().index.tolist() == [1, 2, 3, 4]


@pytest.mark.parametrize(
    ("y", "predicted", "r2", "words"),
    [
        ([5, 5], [5, 6], None, "All targets are equal, so R² is not defined."),
        ([0.1] * 7, [0.1] * 7, None, "none: all predictions are exact"),
        ([3], [4], None, "Regression of 1 samples"),
        ([1, 2, 3], [1, 2, 5], -1.0, "R² is negative: the mean is the better prediction."),
        ([1, 2], [1, 2], 1.0, "none: all predictions are exact"),
        ([1e200, -1e200], [1e200, 0], 0.5, "50.00% smaller"),
        ([1e-200, -1e-200], [1e-200, 0], 0.5, "50.00% smaller"),
        ([1, 2, 3], [1e300, 2, 3], -np.finfo(float).max, "R² is negative"),
        ([[1], [2]], [[1], [2]], 1.0, "Regression of 2 samples"),
    ],
)
def test_awkward_regressions(y, predicted, r2, words):
    report = regression_report(y, predicted)
    assert report.r2 == pytest.approx(r2) if r2 is not None else report.r2 is None
    assert words in str(report)
    json.dumps(report.to_dict(), allow_nan=False)


def test_the_five_largest_errors_come_in_order():
    errors = np.array([0, 3, -9, 1, 9, -5, 4.0])
    report = regression_report(np.zeros(7), errors)
    assert [each.row for each in report.largest_errors] == [3, 5, 6, 7, 2]


@pytest.mark.parametrize("weighted", [False, True])
def test_errors_of_a_regression_are_those_of_scikit_learn(weighted):
    metrics = pytest.importorskip("sklearn.metrics")
    generator = np.random.default_rng(3)
    y = generator.normal(50, 10, 200)
    predicted = y + generator.normal(1, 5, 200)
    weights = generator.random(200) if weighted else None
    report = regression_report(y, predicted, sample_weight=weights)
    mean = np.full(200, np.average(y, weights=weights))
    options = {"sample_weight": weights}
    assert report.r2 == pytest.approx(metrics.r2_score(y, predicted, **options))
    for values, rmse, mae in (
        (predicted, report.rmse, report.mae),
        (mean, report.rmse_of_mean, report.mae_of_mean),
    ):
        assert rmse == pytest.approx(metrics.root_mean_squared_error(y, values, **options))
        assert mae == pytest.approx(metrics.mean_absolute_error(y, values, **options))


def test_a_weight_of_two_is_the_row_twice():
    generator = np.random.default_rng(0)
    y, predicted = generator.normal(size=(2, 60))
    weights = generator.integers(0, 4, 60)
    rows = np.repeat(np.arange(60), weights)
    found = regression_report(y, predicted, sample_weight=weights).to_dict()
    expected = regression_report(y[rows], predicted[rows]).to_dict()
    for written in (found, expected):
        del written["largest_errors"]  # rows have other numbers, and are listed once
    assert found == pytest.approx(expected)


def test_rows_of_weight_zero_are_not_there():
    errors = regression_report([1, 2, 3], [9, 2, 4], sample_weight=[0, 1, 1]).largest_errors
    assert [each.row for each in errors] == [3]


def test_a_notebook_shows_the_picture():
    report = regression_report([1, 2, 3], [1, 2, 5])
    bundle = report._repr_mimebundle_()
    assert bundle["text/plain"] == str(report)
    assert bundle["text/html"].count("data:image/png") == 1


@pytest.mark.parametrize(
    ("weights", "error", "words"),
    [
        ([1], ValueError, r"sample_weight of shape \(1,\); expected \(2,\)"),
        ([1, -1], ValueError, "sample_weight of row 2 is -1; expected 0 or more"),
        ([0, 0], ValueError, "sample_weight is 0 for every row"),
        ([1, np.nan], ValueError, "sample_weight of row 2 is nan; expected a finite number"),
        ("balanced", TypeError, "sample_weight of dtype"),
    ],
)
def test_weights_that_are_refused(weights, error, words):
    with pytest.raises(error, match=words):
        regression_report([0, 1], [0, 1], sample_weight=weights)


@pytest.mark.parametrize(
    ("arguments", "error", "words"),
    [
        (([1, 2], [1]), ValueError, r"predictions of shape \(1,\); expected \(2,\)"),
        (([], []), ValueError, r"targets of shape \(0,\)"),
        (([1, np.inf], [1, 2]), ValueError, "targets of row 2 is inf; expected a finite number"),
        (([1, 2], [1, 1e305]), ValueError, r"predictions of row 2 is 1e\+305; .* up to 1e\+300"),
        (([1, 2], [[1, 2], [3, 4]]), ValueError, r"predictions of shape \(2, 2\)"),
        ((["a"], [1]), TypeError, "targets of dtype"),
    ],
)
def test_regression_refuses(arguments, error, words):
    with pytest.raises(error, match=words):
        regression_report(*arguments)
