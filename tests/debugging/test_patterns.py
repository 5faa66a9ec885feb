"""Tests that a value is recognized by the formula it was computed by, written out or not."""

import numpy as np
import pytest

import tinygrad_edu as tg
from tinygrad_edu import Tensor
from tinygrad_edu.debugging.patterns import is_written, matched, unmoved
from tinygrad_edu.primitive import PRIMITIVES, primitive

X, Z = (Tensor([[1.0, 2.0], [0.5, 3.0]], requires_grad=True) for _ in range(2))
E = tg.exp(X)


@pytest.mark.parametrize(
    ("value", "formula", "matches"),
    [
        (tg.softmax(X), "softmax(x)", True),
        (E / E.sum(axis=1, keepdims=True), "softmax(x)", True),
        (E / tg.exp(X).sum(), "softmax(x)", True),
        (E / tg.exp(Z).sum(), "softmax(x)", False),
        (E / E[0].sum(), "softmax(x)", False),
        (X / E.sum(), "softmax(x)", False),
        (tg.sigmoid(X), "sigmoid(x)", True),
        (1 / (1 + tg.exp(-X)), "sigmoid(x)", True),
        (1 / (tg.exp(X * -1) + 1), "sigmoid(x)", True),
        (2 / (1 + tg.exp(-X)), "sigmoid(x)", False),
        (1 - tg.sigmoid(X), "1 - sigmoid(x)", True),
        (1 - 1 / (1 + tg.exp(-X)).reshape(4), "1 - sigmoid(x)", True),
        (tg.relu(X), "relu(x)", True),
        (np.maximum(X, 0), "relu(x)", True),
        (np.maximum(0, X), "relu(x)", True),
        (np.maximum(X, Z), "relu(x)", False),
        ((X * X).sum(), "sum(x * x)", True),
        ((X * Z).sum(), "sum(x * x)", False),
        ((X**2).sum(), "sum(x**2)", True),
        ((X**3).sum(), "sum(x**2)", False),
        (((X - Z) ** 2).mean(), "mean((x - y)**2)", True),
        (abs(X - Z).sum(), "sum(abs(x - y))", True),
        (X, "exp(x)", False),
        (3.0, "exp(x)", False),
    ],
)
def test_formulas(value, formula, matches):
    assert (matched(value, formula) is not None) == matches


def test_letters_stand_for_operands():
    bound = matched((X - Z).sum(), "sum(x - y)")
    assert bound["x"] is X
    assert bound["y"] is Z
    negated = matched(1 / (1 + tg.exp(Z)), "sigmoid(x)")
    np.testing.assert_array_equal(negated["x"], -Z.data)


def test_one_call_alone():
    assert is_written((X + Z).node, "x + y")
    assert not is_written((X - Z).node, "x + y")
    assert not is_written(((X + Z) * 2.0).node, "x + y")


def test_a_users_own_operation_is_recognized_and_may_declare_any_text():
    before = dict(PRIMITIVES)
    try:

        @primitive(
            lambda g, out, x, y: g * 2 * (x - y),
            lambda g, out, x, y: -g * 2 * (x - y),
            formula="(x - y)**2",
        )
        def distance(x, y, /):
            return (x - y) ** 2

        @primitive(lambda g, out, x: g, formula="no formula at all")
        def odd(x, /):
            return x * 1.0

        assert matched(distance(X, Z).sum(), "sum((x - y)**2)")
        assert matched(((X - Z) ** 2).sum(), "sum(distance(x, y))")
        assert matched(odd(X), "odd(x)")
        assert matched(odd(X), "exp(x)") is None
    finally:
        PRIMITIVES.clear()
        PRIMITIVES.update(before)


def test_unmoved_goes_back_to_what_computed_the_numbers():
    assert unmoved(E.T.reshape(4)[[1, 0]]) is E
    for kept in (E.max(axis=0), tg.put_at(E, (slice(2),), (4, 2)), tg.concatenate([E, E])):
        assert unmoved(kept) is kept
