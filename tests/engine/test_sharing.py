"""Tests that one rule for all inputs runs once in each backward pass, in every way to run it."""

import numpy as np
import pytest

from tinygrad_edu import Tensor, capture, check_gradients, detect_anomaly, explain, grad
from tinygrad_edu.primitive import PRIMITIVES, primitive

A, B = np.array([1.0, 2.0]), np.array([3.0, -1.0])


@pytest.fixture
def product():
    """An operation x * y with one rule for both inputs, and the calls of that rule."""
    calls = []

    def rule(g, out, x, y, power=1, residual=None):
        calls.append(residual)
        return g * power * x ** (power - 1) * y, g * x**power

    @primitive(together=rule, residual=True, formula="x**power * y", derivatives=("g * y", "g * x"))
    def product(x, y, /, power=1):
        return x**power * y, "kept"

    yield product, calls
    del PRIMITIVES["product"]


def leaves():
    return Tensor(A, True), Tensor(B, True)


def test_the_rule_runs_once_in_each_pass(product):
    product, calls = product
    x, y = leaves()
    out = product(x, y, power=2)
    out.backward(B)
    assert calls == ["kept"]
    np.testing.assert_array_equal(x.grad, B * 2 * A * B)
    np.testing.assert_array_equal(y.grad, B * A**2)
    np.testing.assert_array_equal(grad(out, x, A), A * 2 * A * B)
    assert len(calls) == 2


def test_second_derivatives(product):
    product, calls = product
    check_gradients(lambda x, y: product(x, y, power=3), *leaves(), order=2)
    assert None in calls  # without the residual, which is a constant


def test_one_tensor_for_both_inputs(product):
    product, calls = product
    x, _ = leaves()
    product(x, x).backward(B)
    np.testing.assert_array_equal(x.grad, 2 * A * B)
    assert len(calls) == 1


def test_watchers_see_both_inputs(product):
    product, calls = product
    x, y = leaves()
    with detect_anomaly():
        product(x, y).sum().backward()
    assert len(calls) == 1
    np.testing.assert_array_equal((x.grad, y.grad), (B, A))
    out = product(x, y)
    loss = out.sum()
    loss.backward()
    assert "g becomes g * operand2" in str(explain(out, output=loss))


def test_other_arguments_are_not_taken_for_the_same(product):
    declared = product[0].primitive
    of_x, of_y = declared.rules_for(2)
    for g, x, y in [(A, A, B), (B, A, B), (B, B, B), (B, B, A)]:
        np.testing.assert_array_equal(of_x(g, x * y, x, y), g * y)
        np.testing.assert_array_equal(of_y(g, x * y, x, y), g * x)
    np.testing.assert_array_equal(of_x(B, B, A, A, power=2), B * 2 * A * A)


def test_a_rule_that_is_captured_as_a_whole():
    def rule(g, out, x, y):
        scale = 2.0 if float(np.max(np.asarray(x))) > 0 else 1.0  # reads values
        return scale * g * y, scale * g * x

    @primitive(together=rule)
    def doubtful(x, y, /):
        return x * y

    def step(a, b):
        x.data, y.data = a, b
        x.grad = y.grad = None
        doubtful(x, y).backward(B)
        return x.grad, y.grad

    try:
        x, y = leaves()
        captured = capture(step)
        for sign in (1, 1, 1, -1, 1, -1):
            found, scale = captured(sign * A, sign * B), 2.0 if sign > 0 else 1.0
            np.testing.assert_array_equal(found, (scale * B * sign * B, scale * B * sign * A))
        assert captured.recordings < 6
    finally:
        del PRIMITIVES["doubtful"]
