"""Proves that a checkpoint changes nothing but the memory: the same values, the same gradients to
any order, of inputs and of all that the function uses besides; and an error where it could differ.
"""

import contextlib
import gc
import tracemalloc
import weakref

import numpy as np
import pytest

import tinygrad_edu as tg
from nn import MLP, softmax_cross_entropy
from tinygrad_edu import GradientError, Tensor, checkpoint, draw, enable_grad, grad, no_grad
from tinygrad_edu.autodiff import graph_order

generator = np.random.default_rng(7)
X, V = generator.normal(size=(2, 4, 3))
W, B = generator.normal(size=(3, 3)), generator.normal(size=3)
LABELS = np.array([0, 2, 1, 1])


def leaf(values, **keywords):
    return Tensor(values, requires_grad=True, **keywords)


def plain_call(f, *inputs):
    return f(*inputs)


def names(*outputs):
    return [tensor.node.primitive.name for tensor in graph_order(*outputs)]


# The same as without --------------------------------------------------------------------------
# Each takes what calls a function, `checkpoint` or a plain call, and three leaves.


def closed_over(call, x, w, b):
    return call(lambda x: tg.tanh(x @ w + b), x)


def all_passed(call, x, w, b):
    return call(lambda x, w, b: tg.tanh(x @ w + b), x, w, b)


def all_closed_over(call, x, w, b):
    return call(lambda: tg.tanh(x @ w + b))


def passed_twice(call, x, w, b):
    return call(lambda a, c: a * tg.tanh(c @ w), x, x)


def passed_and_closed_over(call, x, w, b):
    return call(lambda a: a * tg.tanh(x @ w) + x, x)


def computed_before(call, x, w, b):
    y = tg.tanh(x @ w)
    z = y * b
    return call(lambda a: a * z + w[0] * y, y) + y


def nested(call, x, w, b):
    return call(lambda a: call(lambda c: tg.tanh(c @ w + b), a * 2) * call(lambda c: c * b, a), x)


def chained(call, x, w, b):
    for _ in range(4):
        x = call(lambda a: tg.tanh(a @ w) + b, x)
    return x


def other_arguments(call, x, w, b):
    def f(x, labels, factor, options, none):
        assert none is None
        return tg.softmax_cross_entropy(x @ w * factor + b, labels) * options["scale"]

    return call(f, x, LABELS, 3.0, {"scale": 2.0}, None)


def without_gradient(call, x, w, b):
    scale = Tensor(B)
    return call(lambda a, c, i: tg.tanh(a @ w) * c * scale + b[i], x, Tensor(V), Tensor([0, 2, 1]))


def the_input_itself(call, x, w, b):
    return call(lambda a: a, x) * call(lambda a: w, x)[0] * call(lambda: b)


def not_all_used(call, x, w, b):
    return call(lambda a, c, d: a * d, x, w, b)


def in_a_list(call, x, w, b):
    return call(lambda pair, a: pair[0] @ a + pair[1], [x * 2, b], w)


def gradient_inside(call, x, w, b):
    """A leaf that the function makes for itself, to differentiate by it."""

    def f(a):
        inner = leaf(V)
        return grad((tg.tanh(inner @ w) * a).sum(), inner, create_graph=True) + inner.sum() * b

    return call(f, x)


def switches_inside(call, x, w, b):
    def f(a):
        with no_grad():
            mask = tg.tanh(a @ w)
            with enable_grad():
                y = a * b
        return y * mask

    return call(f, x)


SAME = [
    closed_over, all_passed, all_closed_over, passed_twice, passed_and_closed_over,
    computed_before, nested, chained, other_arguments, without_gradient, the_input_itself,
    not_all_used, in_a_list, gradient_inside, switches_inside,
]  # fmt: skip
every_way = pytest.mark.parametrize("compute", SAME, ids=lambda f: f.__name__)


def leaves():
    return leaf(X, name="x"), leaf(W, name="w"), leaf(B, name="b")


@every_way
def test_same_values_and_gradients(compute):
    results = []
    for call in (plain_call, checkpoint):
        inputs = leaves()
        out = compute(call, *inputs)
        out.backward(np.linspace(1, 2, out.size).reshape(out.shape))
        out.backward(np.ones(out.shape))  # and once more
        results.append([out.data, *(x.grad for x in inputs)])
    assert "checkpoint" in names(out)
    for expected, found in zip(*results, strict=True):
        if expected is None:  # a checkpoint cannot know that it does not depend on an input
            assert not np.any(found)
        else:
            np.testing.assert_array_equal(found, expected, strict=True)


@every_way
def test_same_higher_derivatives(compute):
    results = []
    for call in (plain_call, checkpoint):
        inputs = leaves()
        out = compute(call, *inputs)
        found = [(out * out).sum()]
        for order in range(3):
            create_graph = order < 2
            gradients = grad(found[-1], inputs, create_graph=create_graph, allow_unused=True)
            gradients = [x * 0 if g is None else g for g, x in zip(gradients, inputs, strict=True)]
            found += [(g * np.cos(np.arange(g.size)).reshape(g.shape)).sum() for g in gradients]
            found.append(found[-1] + found[-2] + found[-3])
        results.append([float(value) for value in found])
    np.testing.assert_allclose(results[1], results[0], rtol=1e-10, atol=1e-12)


@pytest.mark.parametrize("compute", [closed_over, passed_twice, nested, other_arguments])
def test_passes_the_check_of_operations(compute):
    tg.check_gradients(lambda x, w, b: compute(checkpoint, x, w, b), X, W, B)


def test_gradients_of_some():
    x, w, b = leaves()
    hidden = x * 2
    out = checkpoint(lambda a: tg.tanh(a @ w + b), hidden).sum()
    expected = closed_over(plain_call, hidden, w, b).sum()
    for wanted in (x, w, hidden, (b, x)):
        for found, value in zip(grad(out, [*np.atleast_1d(wanted)] if 0 else wanted if isinstance(wanted, tuple) else (wanted,)), grad(expected, wanted if isinstance(wanted, tuple) else (wanted,)), strict=True):
            np.testing.assert_array_equal(found, value)
    assert x.grad is w.grad is None
