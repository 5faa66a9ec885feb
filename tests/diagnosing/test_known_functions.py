"""Tests slips at functions that are written out: activations, log-softmax and losses.

The wrong gradients are computed here with NumPy, from formulas that are written out once more.
"""

import numpy as np
import pytest

import tinygrad_edu as tg
from tinygrad_edu import check_manual
from tinygrad_edu.diagnosing.activations import slope_of

rng = np.random.default_rng(411)
X = rng.normal(size=(7, 4))
W = rng.normal(size=(4, 5))
V = rng.normal(size=(7, 5))
LABELS = rng.integers(0, 5, 7)


def sigmoid(z):
    return 1 / (1 + np.exp(-z))


# Forward pass in tensors, the right slope, and wrong slopes with the kind of the mistake.
ACTIVATIONS = {
    "leaky relu": (
        lambda z: np.where(z > 0, z, 0.1 * z),
        lambda z: np.where(z > 0, 1, 0.1),
        {
            "derivative of another activation": lambda z: 1.0 * (z > 0),
            "no activation derivative": np.ones_like,
        },
    ),
    "swish": (
        lambda z: z / (1 + np.exp(-z)),
        lambda z: sigmoid(z) + z * sigmoid(z) * (1 - sigmoid(z)),
        {
            "contribution missing": sigmoid,
            "derivative of another activation": lambda z: 1.0 * (z > 0),
            "value for the derivative": lambda z: z * sigmoid(z),
        },
    ),
    "softplus": (
        lambda z: np.log(1 + np.exp(z)),
        sigmoid,
        {
            "derivative of another activation": lambda z: sigmoid(z) * (1 - sigmoid(z)),
            "derivative at the output": lambda z: sigmoid(np.log1p(np.exp(z))),
        },
    ),
    "elu": (
        lambda z: np.where(z > 0, z, np.exp(z) - 1),
        lambda z: np.where(z > 0, 1, np.exp(z)),
        {
            "derivative of another activation": lambda z: 1.0 * (z > 0),
            "no activation derivative": np.ones_like,
        },
    ),
}  # fmt: skip
SLIPS = [(name, kind) for name, (_, _, wrong) in ACTIVATIONS.items() for kind in wrong]


def loss_of(act):
    return lambda W: np.sum(act(X @ W) * V)


@pytest.mark.parametrize(("name", "kind"), SLIPS)
def test_a_slope_of_an_activation_that_is_written_out_is_named(name, kind):
    act, _, wrong = ACTIVATIONS[name]
    check = check_manual(loss_of(act), [X.T @ (V * wrong[kind](X @ W))], W)
    assert not check.agree
    assert [one.kind for one in check.diagnoses] == [kind], str(check)


@pytest.mark.parametrize("name", ACTIVATIONS)
def test_other_slopes_have_no_name(name):
    """Nearly the wrong slope, and nearly the right one."""
    act, right, wrong = ACTIVATIONS[name]
    z = X @ W
    assert check_manual(loss_of(act), [X.T @ (V * right(z))], W).agree
    for slope in (right(z), *(one(z) for one in wrong.values())):
        check = check_manual(loss_of(act), [X.T @ (V * (slope + 1e-3 * V))], W)
        assert not check.agree
        assert check.diagnoses == (), str(check)


def test_slopes_are_those_of_differences():
    x = rng.normal(size=20)
    for function in (tg.gelu, tg.silu, tg.elu, lambda x: tg.leaky_relu(x, 0.3), tg.tanh):
        step = 1e-6
        with tg.no_grad():
            expected = (function(x + step) - function(x - step)) / (2 * step)
        np.testing.assert_allclose(
            slope_of(function, x), np.asarray(expected), rtol=1e-5, atol=1e-8
        )


def test_another_use_of_the_input_stays_right():
    """The slip is at one function; the other contribution is as it should be."""

    def f(x):
        return np.sum(np.where(x > 0, x, 0.1 * x) * V) + np.sum(np.sin(x))

    x = rng.normal(size=V.shape)
    right = V * np.where(x > 0, 1, 0.1) + np.cos(x)
    assert check_manual(f, [right], x).agree
    check = check_manual(f, [V * (x > 0) + np.cos(x)], x)
    assert [one.kind for one in check.diagnoses] == ["derivative of another activation"]
    assert "relu was taken for that of leaky_relu" in check.diagnoses[0].sentence


# Softmax and losses, rows and columns ---------------------------------------------------------


def rows_loss(W):
    e = np.exp(X @ W)
    return np.mean(-np.log((e / np.sum(e, axis=1, keepdims=True))[range(7), LABELS]))


def columns_loss(W):
    e = np.exp(W @ X.T)
    return np.mean(-np.log((e / np.sum(e, axis=0))[LABELS, range(7)]))


def delta(axis=1, labels=LABELS, shifted=False):
    z = X @ W
    e = np.exp(z - z.max(axis=1, keepdims=True) * shifted)
    return (e / e.sum(axis=axis, keepdims=True) - np.eye(5)[labels]) / 7


WRONG_DELTAS = {
    "softmax over the wrong axis": (delta(0), "over axis 0, the batch", "over axis 1, the batch"),
    "softmax over the wrong axis, shifted": (
        delta(0, shifted=True), "over axis 0, the batch", "over axis 1, the batch"),
    "softmax over all": (delta(None), "over all elements", "over all elements"),
    "labels off": (
        delta(labels=np.roll(LABELS, 1)), "that of the row before", "that of the column before"),
}  # fmt: skip


@pytest.mark.parametrize("kind", WRONG_DELTAS)
def test_a_slip_at_a_loss_that_is_written_out_is_named(kind):
    wrong, in_rows, in_columns = WRONG_DELTAS[kind]
    assert check_manual(rows_loss, [X.T @ delta()], W).agree
    assert check_manual(columns_loss, [delta().T @ X], W.T).agree
    for check, words in (
        (check_manual(rows_loss, [X.T @ wrong], W), in_rows),
        (check_manual(columns_loss, [wrong.T @ X], W.T), in_columns),
    ):
        (one,) = check.diagnoses
        assert kind.startswith(one.kind) or kind == "softmax over all"
        assert words in one.sentence


@pytest.mark.parametrize("axis", [0, 1])
def test_log_softmax_without_its_sum_is_named(axis):
    def f(x):
        return x - np.log(np.sum(np.exp(x), axis=axis, keepdims=True))

    x = rng.normal(size=(4, 5))
    e = np.exp(x)
    p = e / e.sum(axis=axis, keepdims=True)
    assert check_manual(f, lambda g, x: [g - p * g.sum(axis=axis, keepdims=True)], x).agree
    for wrong in (lambda g, x: [g - p * g], lambda g, x: [g - p]):
        (one,) = check_manual(f, wrong, x).diagnoses
        assert one.kind == "softmax elementwise"
        assert "sum" in one.sentence
    assert not check_manual(f, lambda g, x: [g - 2 * p * g], x).diagnoses
