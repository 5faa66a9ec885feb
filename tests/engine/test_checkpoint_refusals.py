"""Tests that a checkpoint raises an error if its function could return something else the second
time, and that differences which do not matter are allowed.
"""

import numpy as np
import pytest

import tinygrad_edu as tg
from tinygrad_edu import GradientError, Tensor, checkpoint, enable_grad, grad, no_grad

generator = np.random.default_rng(7)
X = generator.normal(size=(4, 3))
W, B = generator.normal(size=(3, 3)), generator.normal(size=3)
LABELS = np.array([0, 2, 1, 1])


def leaf(values, **keywords):
    return Tensor(values, requires_grad=True, **keywords)


def test_random_numbers_that_are_drawn_again():
    x = leaf(X)
    draw_again = np.random.default_rng(0)
    out = checkpoint(lambda x: x * draw_again.normal(size=3), x).sum()
    for ask in (out.backward, lambda: grad(out, x, create_graph=True)):
        with pytest.raises(GradientError, match=r"other values.*random numbers"):
            ask()
    assert x.grad is None
    out = checkpoint(lambda x: x * np.random.default_rng(0).normal(size=3), x).sum()
    out.backward()
    np.testing.assert_array_equal(x.grad[0], np.random.default_rng(0).normal(size=3))


def test_nan_is_recomputed_as_nan():
    x = leaf([np.nan, 1.0])
    checkpoint(lambda x: x * 2, x).sum().backward()
    np.testing.assert_array_equal(x.grad, [2, 2])


@pytest.mark.parametrize("which", range(4))
def test_leaf_changed_after_its_use(which):
    x, w, constant, given = leaf(X, name="t"), leaf(W, name="t"), Tensor(B), Tensor(B)
    constant.name = given.name = "t"
    # If all values are zero, they do not reveal the change.
    out = checkpoint(lambda x, given: x @ w * constant * given * 0.0, x, given).sum()
    changed = (x, w, constant, given)[which]
    changed.data = changed.data + 1.0
    for ask in (out.backward, lambda: grad(out, x, create_graph=True)):
        with pytest.raises(GradientError, match="tensor 't' was modified after checkpoint used"):
            ask()


def test_change_inside_a_nested_checkpoint_is_found():
    x, constant = leaf(X), Tensor(B, name="c")
    out = checkpoint(lambda x: checkpoint(lambda y: y * constant * 0.0, x) * 2, x).sum()
    constant.data = -B
    with pytest.raises(GradientError, match="tensor 'c' was modified"):
        out.backward()


def test_another_tensor_instead_of_the_one_used():
    # The values are the same, zero, but the gradient depends on another tensor.
    x, v, w = leaf(X), leaf(W), leaf(W + 1)
    used = [v]
    out = checkpoint(lambda x: x @ used[0] * 0.0, x).sum()
    used[0] = w
    with pytest.raises(GradientError, match="other values"):
        out.backward()
    used[0] = v
    out.backward()


def test_tensors_that_the_function_keeps_between_calls():
    # A weight made in the first call, and a kept result of it.
    for keep in ("weight", "result", "result of the input"):
        kept = {}
        x = leaf(X)

        def f(x, kept=kept, keep=keep):
            w = kept.setdefault("weight", leaf(W)) if "weight" not in kept else kept["weight"]
            if keep == "weight":
                return x @ w
            if "y" not in kept:
                kept["y"] = w * 2 if keep == "result" else x @ w
            return x @ kept["y"] if keep == "result" else kept["y"] * x

        out = checkpoint(f, x).sum()
        if keep == "result of the input":  # not the argument of this call
            with pytest.raises(GradientError, match="other values"):
                out.backward()
            continue
        out.backward()
        factor = 2 if keep == "result" else 1
        np.testing.assert_allclose(kept["weight"].grad, factor * X.T @ np.ones_like(X))


def test_arrays_of_the_caller_are_copied():
    x, labels = leaf(X), LABELS.copy()
    out = checkpoint(tg.softmax_cross_entropy, x, labels)
    expected = grad(tg.softmax_cross_entropy(x, LABELS), x)
    labels[:] = 0
    np.testing.assert_array_equal(grad(out, x), expected)


def test_refused():
    x = leaf(X)
    for f in (lambda x: (x, x), lambda x: x.data, lambda x: None):
        for context in (no_grad(), enable_grad()):
            with context, pytest.raises(TypeError, match=r"one Tensor.*stack"):
                checkpoint(f, x)
    with pytest.raises(ValueError, match="matmul"):
        checkpoint(lambda x: x @ x, x)
    out = checkpoint(lambda x, calls: x * calls.append(1) if calls else calls.append(1) or x, x, [])
    with pytest.raises(TypeError):  # an error of f in the second call is passed on
        out.sum().backward()


def test_nothing_to_differentiate():
    array = checkpoint(lambda x: tg.tanh(x) * Tensor(B), X)
    assert (type(array), array.requires_grad) == (Tensor, False)
    constant = checkpoint(lambda x: Tensor(B), leaf(X))
    assert constant.node is None
