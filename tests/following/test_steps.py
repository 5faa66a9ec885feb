"""Tests of what is said of each line: which value or gradient its variable is."""

import numpy as np
import pytest

from tinygrad_edu import check_manual

rng = np.random.default_rng(4)
X, Y = rng.normal(size=(4, 6)), rng.normal(size=(2, 6))
WEIGHTS = (rng.normal(size=(3, 4)), rng.normal(size=(3, 1)), rng.normal(size=(2, 3)))


def cost(W1, b1, W2):
    A1 = np.tanh(W1 @ X + b1)
    return ((W2 @ A1 - Y) ** 2).sum() / 6


def without_the_slope(W1, b1, W2):
    Z1 = W1 @ X + b1
    A1 = np.tanh(Z1)
    dZ2 = 2 * (W2 @ A1 - Y)  # 6 times too large by convention
    dW2 = dZ2 @ A1.T / 6
    dA1 = W2.T @ dZ2
    dZ1 = dA1
    dW1 = dZ1 @ X.T / 6
    db1 = dZ1.sum(axis=1, keepdims=True) / 6
    return dW1, db1, dW2


def described(check):
    return {one.variable: (one.what, one.is_right) for one in check.steps}


def test_variables_are_named_by_what_they_hold():
    found = described(check_manual(cost, without_the_slope, *WEIGHTS))
    assert found["Z1"] == found["A1"] == ("a value of f", True)
    assert found["dW2"] == ("∂J/∂W2", True)
    assert found["dA1"][0] == "∂J/∂A1 · 6"
    assert found["dZ1"] == ("should be ∂J/∂Z1 · 6", False)
    assert found["dW1"] == found["db1"] == ("", None)


def test_the_report_shows_the_lines_and_what_the_wrong_one_should_be():
    check = check_manual(cost, without_the_slope, *WEIGHTS)
    text = str(check)
    assert "dZ1 should be ∂J/∂Z1 · 6" in text
    assert "What your lines compute" in text
    (diagnosis,) = check.diagnoses
    first = without_the_slope.__code__.co_firstlineno
    assert f"lines {first + 4}, {first + 5} are right" in diagnosis.note
    assert "a value of f" not in text
    assert "a value of f" in check.html()


@pytest.mark.parametrize("hints", ["none", "where"])
def test_fewer_hints_do_not_say_it(hints):
    check = check_manual(cost, without_the_slope, *WEIGHTS, hints=hints)
    assert check.steps == ()
    assert "∂J/∂Z1" not in str(check)


def test_right_code_is_not_described():
    def right(W1, b1, W2):
        A1 = np.tanh(W1 @ X + b1)
        dZ2 = 2 * (W2 @ A1 - Y) / 6
        dZ1 = (W2.T @ dZ2) * (1 - A1**2)
        return dZ1 @ X.T, dZ1.sum(axis=1, keepdims=True), dZ2 @ A1.T

    assert check_manual(cost, right, *WEIGHTS).steps == ()


def test_a_gradient_that_is_a_fraction_too_large_is_not_called_right():
    def halved(W1, b1, W2):
        A1 = np.tanh(W1 @ X + b1)
        dZ2 = (W2 @ A1 - Y) / 6
        dW2 = dZ2 @ A1.T
        dZ1 = (W2.T @ dZ2) * (1 - A1**2)
        return dZ1 @ X.T, dZ1.sum(axis=1, keepdims=True), dW2

    found = described(check_manual(cost, halved, *WEIGHTS))
    assert found["dZ2"][1] is False
    assert found["dW2"] == ("∂J/∂W2 / 2", None)
