"""Tests that losses and masks are recognised in every spelling, and that nothing else is."""

import numpy as np
import pytest

import tinygrad_edu as tg
from tinygrad_edu.autodiff import graph_order
from tinygrad_edu.recognising import recognised

from .test_recognising import GENERATOR, VALUES, leaf, names_between, sigmoid, softmax

LABELS = np.array([2, 0, 3, 1, 2, 2])
HOT = np.eye(4)[LABELS]
BITS = (GENERATOR.random((6, 4)) < 0.5).astype(float)
MASK = GENERATOR.random((6, 4)) < 0.6


# Losses ---------------------------------------------------------------------------------------

CLASSES = {
    "library": lambda z, p: tg.softmax_cross_entropy(z, LABELS),
    "options": lambda z, p: tg.cross_entropy(z, LABELS, reduction="sum"),
    "nll": lambda z, p: tg.nll_loss(np.log(p), LABELS),
    "index": lambda z, p: -np.log(p[np.arange(6), LABELS]).mean(),
    "range": lambda z, p: -np.log(p[range(6), LABELS]).sum() / 6,
    "one-hot": lambda z, p: -(HOT * np.log(p)).sum() / 6,
    "mean of all": lambda z, p: -np.mean(HOT * np.log(p)),
    "rows": lambda z, p: np.mean(-np.sum(HOT * np.log(p), axis=1)),
    "where": lambda z, p: -np.log(np.where(HOT == 1, p, 1.0)).sum(),
    "logits": lambda z, p: np.log(np.exp(z).sum(axis=1)).mean() - (z * HOT).sum() / 6,
    "flat": lambda z, p: -np.log(p.reshape(-1)[4 * np.arange(6) + LABELS]).mean(),
}
COUNTS = {"options": 1, "mean of all": 24, "where": 1}


@pytest.mark.parametrize("name", CLASSES)
def test_cross_entropy_of_rows(name):
    z = leaf()
    loss = CLASSES[name](z, softmax(z))
    params = names_between(z, loss)["softmax_cross_entropy"]
    np.testing.assert_array_equal(params.pop("targets"), LABELS)
    assert params == {"of": "", "axis": 1, "count": COUNTS.get(name, 6)}


@pytest.mark.parametrize(
    "f",
    [
        lambda p: -np.log(p[LABELS, np.arange(6)]).mean(),
        lambda p: -(HOT.T * np.log(p)).sum() / 6,
        lambda p: -(1 / 6) * np.sum(np.multiply(HOT.T, np.log(p))),
        lambda p: tg.nll_loss(np.log(p).T, LABELS),
    ],
)
def test_cross_entropy_of_columns(f):
    z = leaf(VALUES.T)
    p = softmax(z, 0)
    loss = f(p)
    for source, of in ((z, ""), (p, "softmax")):
        params = names_between(source, loss)["softmax_cross_entropy"]
        np.testing.assert_array_equal(params.pop("targets"), LABELS)
        assert params == {"of": of, "axis": 0, "count": 6}


def test_cross_entropy_of_probabilities():
    z = leaf()
    p = softmax(z)
    logarithms = np.log(p)
    loss = -(HOT * logarithms).sum() / 6
    for source, of in ((p, "softmax"), (logarithms, "log_softmax"), (z, "")):
        assert names_between(source, loss)["softmax_cross_entropy"]["of"] == of


BINARY = {
    "library": lambda z, p: tg.binary_cross_entropy_with_logits(z, BITS),
    "options": lambda z, p: tg.binary_cross_entropy_with_logits(z, BITS, reduction="sum"),
    "textbook": lambda z, p: -(BITS * np.log(p) + (1 - BITS) * np.log(1 - p)).mean(),
    "sum": lambda z, p: -np.sum(BITS * np.log(p) + (1 - BITS) * np.log(1 - p)) / 6,
    "where": lambda z, p: -np.log(np.where(BITS == 1, p, 1 - p)).mean(),
    "logits": lambda z, p: (np.log(1 + np.exp(z)) - BITS * z).mean(),
    "two sums": lambda z, p: -((BITS * np.log(p)).sum() + ((1 - BITS) * np.log(1 - p)).sum()) / 24,
}


@pytest.mark.parametrize("columns", [False, True])
@pytest.mark.parametrize("name", BINARY)
def test_binary_cross_entropy(name, columns, monkeypatch):
    if columns:
        monkeypatch.setitem(globals(), "BITS", BITS.T)
    z = leaf(VALUES.T if columns else VALUES)
    p = sigmoid(z)
    loss = BINARY[name](z, p)
    params = names_between(z, loss)["binary_cross_entropy_with_logits"]
    np.testing.assert_array_equal(params.pop("targets"), BITS)
    assert params == {"of": "", "count": {"options": 1, "sum": 6}.get(name, 24)}
    if name in ("textbook", "sum", "where", "two sums"):
        params = names_between(p, loss)["binary_cross_entropy_with_logits"]
        assert params["of"] == "sigmoid"


SQUARES = {
    "library": (tg.mse_loss, 24),
    "mean": (lambda y, t: ((y - t) ** 2).mean(), 24),
    "half": (lambda y, t: 0.5 * np.sum((t - y) * (t - y)), 2),
    "rows": (lambda y, t: np.sum(np.square(y - t)) / 6, 6),
    "norm": (lambda y, t: np.mean(np.sum((y - t) ** 2, axis=1)), 6),
}


@pytest.mark.parametrize("name", SQUARES)
def test_squared_errors(name):
    y = leaf()
    f, count = SQUARES[name]
    params = names_between(y, f(y, HOT))["mse_loss"]
    np.testing.assert_array_equal(params["targets"], HOT)
    assert params["count"] == count


def test_absolute_errors():
    y = leaf()
    assert names_between(y, abs(y - HOT).mean())["l1_loss"]["count"] == 24
    assert names_between(y, np.sum(np.abs(HOT - y)))["l1_loss"]["count"] == 1
    assert names_between(y, tg.l1_loss(y, HOT))["l1_loss"]["count"] == 24


def test_losses_that_compare_all_with_all_show_the_shape_of_the_targets():
    y, targets = leaf(VALUES[:, :1]), np.arange(6.0)
    params = names_between(y, ((y - targets) ** 2).mean())["mse_loss"]
    assert (params["targets"].shape, params["count"]) == ((6,), 36)
    bits = BITS[:, 0]
    p = sigmoid(y)
    loss = -(bits * np.log(p) + (1 - bits) * np.log(1 - p)).mean()
    params = names_between(y, loss)["binary_cross_entropy_with_logits"]
    assert (params["targets"].shape, params["count"]) == ((6,), 36)


@pytest.mark.parametrize(
    "f",
    [
        lambda z: -(HOT * np.log(softmax(z, 0))).sum() / 6,
        lambda z: -(np.roll(HOT, 1) * np.log(softmax(z) + 0.1)).sum() / 6,
        lambda z: (HOT * np.log(softmax(z))).sum() / 6,
        lambda z: -(HOT * np.log(softmax(z))).sum() / 7,
        lambda z: -(HOT * softmax(z)).sum() / 6,
        lambda z: ((z - HOT) ** 3).mean(),
        lambda z: ((z - HOT) ** 2).sum() / 11,
        lambda z: (np.log(1 + np.exp(z)) - 2 * BITS * z).mean(),
        lambda z: -(BITS * np.log(sigmoid(z)) + (1 - BITS) * np.log(1.1 - sigmoid(z))).mean(),
        lambda z: -(VALUES * np.log(sigmoid(z))).mean(),
    ],
)
def test_what_is_similar_to_a_loss(f):
    z = leaf()
    assert names_between(z, f(z)) == {}


# Masks ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "f",
    [
        lambda x: tg.dropout(x, 0.4, generator=1),
        lambda x: x * (MASK / 0.6),
        lambda x: x * MASK / 0.6,
        lambda x: np.where(MASK, x, 0) * (1 / 0.6),
        lambda x: MASK.astype(float) * x * (1 / 0.6),
    ],
)
def test_dropout(f):
    x = leaf()
    params = names_between(x, f(x))["dropout"]
    assert params["scale"] == pytest.approx(1 / 0.6)
    assert params["mask"].shape == x.shape


def test_what_is_not_dropped():
    x = leaf()
    for y in (x * (x.data > 0), x * HOT, x * (BITS + 1), x * np.ones((6, 4)), x * VALUES):
        assert "dropout" not in names_between(x, y)
    p = sigmoid(x)
    loss = -(BITS * np.log(p) + (1 - BITS) * np.log(1 - p)).mean()
    assert "dropout" not in {one.name for one in recognised(graph_order(loss))}
