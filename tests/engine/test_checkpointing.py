"""Tests that a checkpoint changes only the memory: values and gradients of any order are the same,
for inputs and for all other tensors that the function uses.
"""

import tracemalloc
import weakref

import numpy as np
import pytest

import tinygrad_edu as tg
from nn import MLP
from tinygrad_edu import GradientError, Tensor, checkpoint, draw, enable_grad, grad, no_grad
from tinygrad_edu.autodiff import graph_order

from ..cycles import no_cycles

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


# Same as a plain call -------------------------------------------------------------------------
# Each takes a caller (`checkpoint` or a plain call) and three leaves.


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
    """Differentiate with respect to a leaf that the function makes itself."""

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
        assert (found is None) == (expected is None)
        if found is not None:  # three contributions may be added up in another order
            np.testing.assert_allclose(found, expected, rtol=1e-13, atol=1e-14)


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
        results.append([value.item() for value in found])
    np.testing.assert_allclose(results[1], results[0], rtol=1e-10, atol=1e-12)


@pytest.mark.parametrize("compute", [closed_over, passed_twice, nested, other_arguments])
def test_passes_the_check_of_operations(compute):
    tg.check_gradients(lambda x, w, b: compute(checkpoint, x, w, b), X, W, B)


def test_gradients_of_some():
    x, w, b = leaves()
    hidden = x * 2
    out, expected = (closed_over(call, hidden, w, b).sum() for call in (checkpoint, plain_call))
    for wanted in [(x,), (w,), (hidden,), (b, x), (x, hidden, w)]:
        pairs = zip(grad(out, wanted), grad(expected, wanted), strict=True)
        assert all(np.array_equal(found, value) for found, value in pairs)
    assert x.grad is w.grad is None


def test_input_without_a_part_in_the_gradient():
    x, w, b = leaves()
    out = not_all_used(checkpoint, x, w, b).sum()
    with pytest.raises(GradientError, match="is not used"):
        grad(out, w)
    # Values alone: the slope inside is an array, but it can be computed again.
    out = checkpoint(lambda a: w * grad((a * a).sum(), a)[:3], x).sum()
    out.backward()
    np.testing.assert_array_equal(w.grad, 2 * X[:3])
    assert x.grad is None
    first = grad(out, w, create_graph=True)
    assert not first.requires_grad or grad(first.sum(), x, allow_unused=True) is None


# Memory and number of computations ------------------------------------------------------------


class Block:
    """A function that tracks its interior results, and counts its calls."""

    def __init__(self, w):
        self.w, self.calls, self.interior = w, 0, []

    def __call__(self, x):
        self.calls += 1
        for _ in range(3):
            x = tg.tanh(x @ self.w)
            self.interior.append(weakref.ref(x))
        return x * 1.0

    def alive(self):
        return sum(reference() is not None for reference in self.interior)


def test_only_the_inputs_are_kept():
    x, w = leaf(X), leaf(W)
    block = Block(w)
    with no_cycles():
        out = checkpoint(block, x)
        assert (block.calls, block.alive()) == (1, 0)
        assert names(out) == ["checkpoint"]
        assert out.node.inputs == (x, w)
        out.sum().backward()
        assert (block.calls, block.alive()) == (2, 0)
        first = grad(out.sum(), (x, w), create_graph=True)
        assert block.calls == 3
        assert block.alive() == 3  # for the second derivatives
        del first
        assert block.alive() == 0
        watched = weakref.ref(out)
        del out
        assert watched() is None
    plain = block(x)
    assert (block.alive(), plain.shape) == (3, X.shape)


def test_once_a_pass_for_all_inputs():
    x, w, b = leaves()
    calls = []

    def f(x, w, b):
        calls.append(1)
        return tg.tanh(x @ w + b)

    out = checkpoint(f, x, w, b).sum()
    assert len(calls) == 1
    for count in (2, 3):
        out.backward()
        assert len(calls) == count
    grad(out, w)
    assert len(calls) == 4
    with no_grad():
        assert not checkpoint(f, x, w, b).requires_grad
    assert len(calls) == 5


def test_memory():
    x = leaf(np.zeros(100_000))

    def block(x):
        for _ in range(10):
            x = tg.tanh(x)
        return x

    used = {}
    for call in (plain_call, checkpoint):
        tracemalloc.start()
        try:
            y = x
            for _ in range(10):
                y = call(block, y)
            used[call] = tracemalloc.get_traced_memory()[0]
            y.sum().backward(keep_interior=False)
            peak = tracemalloc.get_traced_memory()[1]
            del y
            x.grad = None
            assert tracemalloc.get_traced_memory()[0] < 50_000
        finally:
            tracemalloc.stop()
        used[call, "peak"] = peak
    size = x.data.nbytes  # 100 arrays without, 10 with
    assert used[plain_call] > 99 * size
    assert used[checkpoint] < 11 * size
    assert used[checkpoint, "peak"] < 30 * size


def test_part_of_something_larger_is_not_kept_with_it():
    x = leaf(np.zeros(100_000))
    tracemalloc.start()
    try:
        out = checkpoint(lambda x: tg.tanh(x)[:10], x)
        assert tracemalloc.get_traced_memory()[0] < 50_000
    finally:
        tracemalloc.stop()
    out.sum().backward()
    assert x.grad.sum() == 10


# With other features --------------------------------------------------------------------------


def test_hooks_run_once_a_pass():
    x, w = leaf(X), leaf(W)
    before = x * 2
    seen = {"x": [], "w": [], "before": [], "inside": [], "argument": []}

    def f(a):
        a.register_hook(seen["argument"].append)
        y = a @ w + a @ w
        y.register_hook(seen["inside"].append)
        return tg.tanh(y)

    for name, tensor in (("x", x), ("w", w), ("before", before)):
        tensor.register_hook(seen[name].append)
    out = (checkpoint(f, before) + before @ w).sum()
    out.backward()
    assert {name: len(found) for name, found in seen.items()} == dict.fromkeys(seen, 1)
    np.testing.assert_array_equal(seen["w"][0], w.grad)
    np.testing.assert_array_equal(seen["before"][0], before.grad)
    partial = grad(f(before.detach() * leaf(1.0)).sum(), w)
    assert partial.shape == W.shape


def test_module_calls_and_pictures():
    network = MLP([3, 5, 3], activation="tanh", dtype="float64", seed=0)
    parameters = network.parameters()

    class Outer(type(network)):
        def forward(self, x):
            return checkpoint(network, x)

    outer = Outer([3, 3], seed=0)
    out = outer(X)
    assert names(out) == ["checkpoint"]
    assert out.node.module_call.module is outer
    assert set(parameters) <= set(out.node.inputs)
    drawing = draw(out)
    assert [(op.name, op.formula) for op in drawing.graph.operations] == [("checkpoint", "f(bias)")]
    # In the gradient's graph, recomputed operations belong to the module calls that made them.
    first = grad(out.sum(), parameters[0], create_graph=True)
    calls = [t.node.module_call for t in graph_order(first) if t.node.primitive.name == "linear"]
    assert calls
    for call in calls:
        assert call.parent.module is network
        assert call.parent.parent.module is outer


def test_formula_and_derivative_as_text():
    x = leaf(X)
    out = checkpoint(lambda x: tg.tanh(x) ** 2, x)
    node = out.node
    g = generator.normal(size=X.shape)
    namespace = {**vars(tg), "x": X, "g": g, **node.params}
    np.testing.assert_array_equal(eval(node.primitive.formula, namespace), out.data)
    np.testing.assert_array_equal(node.primitive.forward(X, **node.params), out.data)
    (rule,), (text,) = node.primitive.rules_for(1), node.primitive.derivatives
    expected = rule(g, out.data, X, **node.params)
    np.testing.assert_array_equal(eval(text, namespace), expected)
    np.testing.assert_array_equal(node.primitive.each(0, g, out.data, X, **node.params), expected)
    np.testing.assert_array_equal(rule(2 * g, out.data, X, **node.params), 2 * expected)
