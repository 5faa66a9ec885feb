"""Tests that `vmap` is a loop over examples: against that loop written out, and its refusals."""

import numpy as np
import pytest

import tinygrad_edu as tg
from tinygrad_edu import Tensor, grad, hessian, jacobian, vmap

generator = np.random.default_rng(5)
X = generator.normal(size=(4, 3))
W = generator.normal(size=3)
Y = generator.normal(size=4)


def same(found, expected):
    assert type(found) is np.ndarray
    assert found.shape == np.shape(expected)
    np.testing.assert_allclose(found, expected, rtol=1e-12, atol=1e-13)


def loss(w, x, y):
    return (np.tanh(x @ w) - y) ** 2


def test_gradients_of_each_example():
    t = np.tanh(X @ W)
    expected = (2 * (t - Y) * (1 - t**2))[:, None] * X
    found = vmap(grad(loss), in_axes=(None, 0, 0))(W, X, Y)
    same(found, expected)
    # The mean over a batch is the gradient of the mean.
    same(found.mean(axis=0), grad(lambda w: ((np.tanh(X @ w) - Y) ** 2).mean())(W))
    values, rows = vmap(tg.value_and_grad(loss), (None, 0, 0))(W, X, Y)
    same(values, (t - Y) ** 2)
    same(rows, expected)
    same(vmap(hessian(lambda x: (x**3).sum()))(X), np.stack([np.diag(6 * x) for x in X]))


def test_axes_of_arguments_and_results():
    same(vmap(np.dot, in_axes=(0, None))(X, W), X @ W)
    same(vmap(lambda a, b: a * b, in_axes=(0, 1))(X, X.T), X * X)
    same(vmap(lambda a, b: a * b, in_axes=[0, -1], out_axes=1)(X, X.T), (X * X).T)
    same(vmap(lambda x: x, out_axes=-1)(X), X.T)
    outer = vmap(vmap(lambda x, y: x * y, (None, 0)), (0, None))
    same(outer(Y, W), np.outer(Y, W))
    same(vmap(double)(X, scale=2.0), 2 * X)  # keywords are passed whole


def double(x, scale):
    return x * scale


def test_structures():
    def f(p, point):
        return {"sum": p["x"].sum() * point[0], "parts": [p["c"] * point[1], None]}

    given = {"c": 2.0, "x": X}
    axes = ({"x": 0, "c": None}, (0, None))  # in another order than the argument
    found = vmap(f, in_axes=axes, out_axes={"sum": 0, "parts": 0})(given, (Y, 3.0))
    same(found["sum"], X.sum(axis=1) * Y)
    same(found["parts"][0], np.full(4, 6.0))
    assert found["parts"][1] is None
    by_place = vmap(lambda pair: pair[0] * pair[1], in_axes=([0, None],))([X, np.array(2.0)])
    same(by_place, 2 * X)
    same(vmap(lambda p: p["a"] + p["b"])({"a": X, "b": X}), 2 * X)  # one axis for all


def test_gradients_flow_through_a_batch():
    expected = 2 * X.T @ (X @ W)
    same(grad(lambda w: vmap(lambda x: (x @ w) ** 2)(X).sum())(W), expected)
    same(jacobian(vmap(lambda x: (x**2).sum()))(X)[1, 1], 2 * X[1])
    x = Tensor(X, requires_grad=True)
    out = vmap(lambda x: (x @ W) ** 2)(x)
    assert type(out) is Tensor
    out.sum().backward()
    same(x.grad, 2 * (X @ W)[:, None] * W)
    tg.check_gradients(vmap(lambda row: np.tanh(row) * W, out_axes=1), X)
    columns = vmap(lambda row: np.tanh(row) * W, out_axes=1)(x)
    np.testing.assert_allclose(columns.data, (np.tanh(X) * W).T, rtol=1e-12)
    # Tensors in some calls only.
    mixed = vmap(lambda x: x.sum() if x[0].item() > 0 else 0.0)(x)
    same(mixed.numpy(), np.where(X[:, 0] > 0, X.sum(axis=1), 0))


def test_each_example_draws_anew():
    numbers = np.random.default_rng(0)
    found = vmap(lambda x: x * 0 + numbers.normal())(X)
    same(found[:, 0], np.random.default_rng(0).normal(size=4))


REFUSED = {
    "two sizes": (
        lambda: vmap(np.multiply)(X, W),
        ValueError,
        "argument 0 has 4, argument 1 has 3",
    ),
    "two sizes inside": (
        lambda: vmap(lambda p: p["a"])({"a": X, "b": W}),
        ValueError,
        r"argument 0\['a'\] has 4, argument 0\['b'\] has 3",
    ),
    "no batch": (lambda: vmap(np.sin, in_axes=None)(X), ValueError, "no argument is a batch"),
    "no arguments": (vmap(lambda: 1.0), ValueError, "no argument is a batch"),
    "a number": (
        lambda: vmap(np.multiply)(X, 2.0),
        ValueError,
        r"argument 1 has shape \(\), which has no axis 0; write None",
    ),
    "an axis too far": (lambda: vmap(np.sin, in_axes=2)(X), ValueError, "has no axis 2"),
    "an empty batch": (lambda: vmap(np.sin)(X[:0]), ValueError, "empty batch"),
    "too many axes": (lambda: vmap(np.sin, (0, 0))(X), ValueError, "2 entries for 1 positional"),
    "another structure": (
        lambda: vmap(lambda p: p, in_axes=({"a": 0},))(X),
        ValueError,
        r"in_axes\[0\] is a dictionary with the keys 'a', but its array is an ndarray",
    ),
    "another key": (
        lambda: vmap(lambda p: p["b"], in_axes=({"a": 0},))({"b": X}),
        ValueError,
        r"keys 'a', but its array is a dictionary with the keys 'b'",
    ),
    "a fraction": (lambda: vmap(np.sin, in_axes=0.5)(X), TypeError, "axis such as 0.*got 0.5"),
    "a flag": (lambda: vmap(np.sin, in_axes=(True,))(X), TypeError, r"in_axes\[0\].*got True"),
    "no axis of results": (lambda: vmap(np.sin, out_axes=None)(X), TypeError, "not None"),
    "changing results": (
        lambda: vmap(lambda x: [x] if x[0] > X[0, 0] else {"x": x})(np.sort(X, axis=0)[::-1]),
        ValueError,
        "f returned a .* for the first example and a .* for another",
    ),
}


@pytest.mark.parametrize("name", REFUSED)
def test_refused(name):
    call, error, message = REFUSED[name]
    with pytest.raises(error, match=message):
        call()
