"""Random programs of smooth and piecewise operations, with shared parts, broadcasting and views.

NumPy evaluates the same program on complex numbers, choosing at every kink as it chose at the real
point. That gives the slopes and curvatures which gradients, and gradients of them, must have.
"""

import contextlib
import gc
import weakref
from dataclasses import dataclass, field

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import tinygrad_edu as tg
from tinygrad_edu import Tensor, grad
from tinygrad_edu.autodiff import graph_order
from tinygrad_edu.leaving import values_of

from .properties import (
    assert_close,
    assert_noticed,
    complex_curvature,
    complex_slope,
    dotted,
    generator,
    sizes,
)


class Chosen:
    """NumPy for complex numbers: what it decides at a real point, it decides again elsewhere."""

    def __init__(self):
        self.decisions, self.turn = [], None

    def __getattr__(self, name):
        return getattr(np, name)

    def decided(self, decision):
        if self.turn is not None:
            return next(self.turn)
        self.decisions.append(decision())
        return self.decisions[-1]

    def compared(self, x, y):
        """Sign of a difference, which must not hang on the last digits."""
        difference = np.subtract(x, y)
        if (np.abs(difference)[difference != 0] < 1e-6).any():
            raise ValueError("too close")
        return np.sign(difference)

    def greater(self, x, y):
        return self.decided(lambda: self.compared(x, y) > 0)

    def maximum(self, x, y):
        share = self.decided(lambda: (1 + self.compared(x, y)) / 2)
        return share * x + (1 - share) * y

    def minimum(self, x, y):
        return -self.maximum(-x, -y)

    def absolute(self, x):
        return self.decided(lambda: self.compared(x, 0)) * x

    def relu(self, x):
        return self.greater(x, 0) * x

    def clip(self, x, low, high):
        inside = self.decided(lambda: (self.compared(x, low) >= 0) & (self.compared(x, high) <= 0))
        return np.where(inside, x, self.decided(lambda: np.clip(x, low, high)))

    def max(self, x, axis, keepdims=False):
        def shares():
            best = self.compared(x, np.max(x, axis, keepdims=True)) == 0
            return best / np.sum(best, axis, keepdims=True)

        return np.sum(self.decided(shares) * x, axis, keepdims=keepdims)

    def min(self, x, axis):
        return -self.max(-x, axis)

    def sort(self, x, axis):
        def places():
            self.compared(np.diff(np.sort(x, axis), axis=axis), 0)
            return np.argsort(x, axis, stable=True)

        return np.take_along_axis(x, self.decided(places), axis)

    def median(self, x, axis):
        n = x.shape[axis]
        return np.take(self.sort(x, axis), [(n - 1) // 2, n // 2], axis).mean(axis)

    def var(self, x, axis):
        return np.mean((x - np.mean(x, axis, keepdims=True)) ** 2, axis)

    def hypot(self, x, y):
        return np.sqrt(x * x + y * y)

    def logaddexp(self, x, y):
        return np.log(np.exp(x) + np.exp(y))

    def xlogy(self, x, y):
        return x * np.log(y)

    def sigmoid(self, x):
        return 1 / (1 + np.exp(-x))

    def softplus(self, x):
        return np.log1p(np.exp(x))

    def logsumexp(self, x, axis):
        return np.log(np.sum(np.exp(x), axis))

    def softmax(self, x, axis):
        return np.exp(x) / np.sum(np.exp(x), axis, keepdims=True)

    def index_update(self, x, index, value):
        x = x.astype(np.result_type(x, value))
        x[index] = value
        return x

    def index_add(self, x, index, value):
        x = x.astype(np.result_type(x, value))
        np.add.at(x, index, value)
        return x


# Each takes a library, one array or two, and a number for its axis or whatever it likes.
STEPS = {
    "add": lambda m, x, y, k: x + y,
    "subtract": lambda m, x, y, k: x - y,
    "multiply": lambda m, x, y, k: x * y,
    "divide": lambda m, x, y, k: x / (1 + y * y),
    "power": lambda m, x, y, k: (1 + x * x) ** (y / 4),
    "maximum": lambda m, x, y, k: m.maximum(x, y),
    "minimum": lambda m, x, y, k: m.minimum(x, y),
    "where": lambda m, x, y, k: m.where(m.greater(x, y), y, x * x),
    "hypot": lambda m, x, y, k: m.hypot(x, 1 + y * y),
    "logaddexp": lambda m, x, y, k: m.logaddexp(x, y),
    "xlogy": lambda m, x, y, k: m.xlogy(x, 1 + y * y),
    "matmul": lambda m, x, y, k: x @ y,
    "product with a transpose": lambda m, x, y, k: x @ m.swapaxes(y, -1, -2),
    "einsum": lambda m, x, y, k: m.einsum(("ij,kj->ki", "ij,ij->j", "ij,kl->il")[k % 3], x, y),
    "concatenate": lambda m, x, y, k: m.concatenate([x, y, x], axis=k % x.ndim - x.ndim),
    "stack": lambda m, x, y, k: m.stack([x, y], axis=k % (x.ndim + 1)),
    "outer": lambda m, x, y, k: m.outer(x, y),
    "index_update": lambda m, x, y, k: m.index_update(x, (..., -1), m.mean(y)),
    "index_add": lambda m, x, y, k: m.index_add(x, [0, k, 0], m.mean(y)),
    "exp": lambda m, x, k: m.exp(-x * x),
    "sin": lambda m, x, k: m.sin(x) + k,
    "tanh": lambda m, x, k: m.tanh(x),
    "log": lambda m, x, k: m.log(0.5 + x * x),
    "sqrt": lambda m, x, k: m.sqrt(1 + x * x),
    "cube": lambda m, x, k: x**3 / 4,
    "arctan": lambda m, x, k: m.arctan(x / 2),
    "sinc": lambda m, x, k: m.sinc(x * x / 4 + 0.5),  # near 0, NumPy's loses a complex step
    "sigmoid": lambda m, x, k: m.sigmoid(x),
    "softplus": lambda m, x, k: m.softplus(x),
    "relu": lambda m, x, k: m.relu(x),
    "absolute": lambda m, x, k: m.absolute(x),
    "clip": lambda m, x, k: m.clip(x, -k / 2, 1.0),
    "sum": lambda m, x, k: m.sum(x, axis=k % x.ndim if x.ndim else None),
    "mean": lambda m, x, k: x - m.mean(x, axis=k % x.ndim if x.ndim else None, keepdims=True),
    "prod": lambda m, x, k: m.prod(x, axis=k % x.ndim),
    "var": lambda m, x, k: m.var(x, axis=k % x.ndim),
    "max": lambda m, x, k: m.max(x, axis=k % x.ndim),
    "min": lambda m, x, k: m.min(x, axis=k % x.ndim),
    "median": lambda m, x, k: m.median(x, axis=k % x.ndim),
    "sort": lambda m, x, k: m.sort(x, axis=k % x.ndim),
    "softmax": lambda m, x, k: m.softmax(x, axis=k % x.ndim),
    "logsumexp": lambda m, x, k: m.logsumexp(x, axis=k % x.ndim),
    "cumsum": lambda m, x, k: m.cumsum(x, axis=k % x.ndim),
    "cumprod": lambda m, x, k: m.cumprod(x, axis=k % x.ndim),
    "diff": lambda m, x, k: m.diff(x, axis=k % x.ndim),
    "transpose": lambda m, x, k: m.transpose(x),
    "reshape": lambda m, x, k: m.reshape(x, (-1, 1) if k else -1),
    "flip": lambda m, x, k: m.flip(x, k % x.ndim),
    "roll": lambda m, x, k: m.roll(x, k + 1),
    "broadcast_to": lambda m, x, k: m.broadcast_to(x, (2, *x.shape)),
    "slice": lambda m, x, k: x[..., ::-2],
    "element": lambda m, x, k: x[k],
    "repeats": lambda m, x, k: x[..., [0, k, -1, 0]],
    "mask": lambda m, x, k: x[np.arange(len(x)) % 2 == k % 2],
    "pad": lambda m, x, k: m.pad(x, 1, mode=("constant", "edge", "wrap")[min(k, 2 * x.shape[0])]),
    "tril": lambda m, x, k: m.tril(m.atleast_2d(x), k - 1),
    "repeat": lambda m, x, k: m.repeat(x, 2, k % x.ndim),
}
GROUPS = 8  # of steps: each is part of every program of one test
SHAPES = st.lists(
    st.sampled_from([(2, 3), (3,), (), (2, 1), (1, 3), (3, 3)]), min_size=1, max_size=3
)


@dataclass
class Program:
    """Steps that each take results of those before, and what is added up with which weights."""

    leaves: list
    steps: list = field(default_factory=list)
    weights: list = field(default_factory=list)
    library: Chosen = field(default_factory=Chosen)

    def run(self, library, leaves):
        values = list(leaves)
        for step, operands, number in self.steps:
            values.append(STEPS[step](library, *(values[i] for i in operands), number))
        return values

    def output(self, values):
        return sum((w * value).sum() for w, value in zip(self.weights, values[::-1], strict=False))

    def plain(self, *leaves):
        """The output by NumPy, for complex numbers too."""
        self.library.turn = iter(self.library.decisions)
        return self.output(self.run(self.library, leaves))


def attempted(program, values, step, operands, number):
    """The result of a step, or None if it does not fit."""
    decisions = program.library.decisions
    known = len(decisions)
    try:
        with np.errstate(all="raise", under="ignore"):
            # On arrays, where nothing is differentiated, this package gives the very numbers that
            # it will decide by; NumPy could take two for equal that differ in the last digit.
            value = STEPS[step](tg, *(values[i] for i in operands), number)
            STEPS[step](program.library, *(values[i] for i in operands), number)
        if 0 < value.size <= 48 and np.abs(value).max() < 30:
            return value
    except (ValueError, TypeError, IndexError, ArithmeticError):
        pass
    del decisions[known:]
    return None


@st.composite
def programs(draw, steps):
    """A program that has each of some steps, where it fits, and others."""
    random = generator(draw)
    leaves = [np.asarray(random.normal(size=shape)) for shape in draw(SHAPES)]
    if draw(st.booleans()):
        leaves = [np.round(2 * leaf) / 2 for leaf in leaves]  # for ties
    program, values = Program(leaves), list(leaves)
    others = draw(st.lists(st.sampled_from(list(STEPS)), max_size=6))
    for step in draw(st.permutations([*steps, *others])):
        number = draw(st.integers(0, 2))
        latest = st.integers(max(0, len(values) - 5), len(values) - 1)
        count = STEPS[step].__code__.co_argcount - 2
        operands = [draw(latest) for _ in range(count)]
        for places in (operands, operands[:1] * count):
            value = attempted(program, values, step, places, number)
            if value is not None:
                program.steps.append((step, places, number))
                values.append(value)
                break
    for value in values[: -1 - draw(st.integers(1, 5)) : -1]:
        program.weights.append(random.normal(size=value.shape))
    return program


@contextlib.contextmanager
def without_collector():
    gc.disable()
    try:
        yield
    finally:
        gc.enable()


def filled(gradients, arrays):
    pairs = zip(gradients, arrays, strict=True)
    return [np.zeros_like(a) if g is None else g for g, a in pairs]


def check_program(program, v, w):
    """Compare with NumPy, and give weak references to all that should be gone afterwards."""
    arrays = program.leaves
    copies = [array.copy() for array in arrays]
    leaves = [Tensor(array, True, copy=False) for array in arrays]
    expected = program.plain(*arrays)
    out = program.output(program.run(tg, leaves))
    np.testing.assert_allclose(out.data, expected, rtol=1e-10, atol=1e-10)
    graph = graph_order(out)
    before = [tensor.data.copy() for tensor in graph]

    out.backward()
    found = [leaf.grad for leaf in leaves]
    for tensor, gradient in zip(graph, grad(out, graph), strict=True):
        np.testing.assert_array_equal(tensor.grad, gradient, strict=True)
    out.backward()
    for leaf, gradient in zip(leaves, found, strict=True):
        assert (leaf.grad is None) == (gradient is None)
        assert gradient is None or np.array_equal(leaf.grad, 2 * gradient)
        leaf.grad = None
    out.backward(keep_interior=False)
    assert all(tensor.grad is None for tensor in graph)
    for leaf, gradient in zip(leaves, found, strict=True):
        assert gradient is None or np.array_equal(leaf.grad, gradient)

    slope, total = complex_slope(program.plain, arrays, v), abs(expected)
    found = filled(found, arrays)
    assert_close(dotted(found, v), slope, sizes(found, v) + total, 1e-9)
    recorded = grad(out, leaves, create_graph=True, allow_unused=True)
    pairs = zip(recorded, v, strict=True)
    along = sum((gradient * d).sum() for gradient, d in pairs if gradient is not None)
    second = [None] * len(leaves)
    if along.requires_grad:
        second = grad(along, leaves, allow_unused=True)
    second = filled(second, arrays)
    curvature = complex_curvature(program.plain, arrays, v, w)
    terms = sizes(second, w) + sizes(found, v) + total
    assert_close(dotted(second, w), curvature, terms, 1e-6)

    now = [*arrays, *(tensor.data for tensor in graph)]
    for array, copy in zip(now, copies + before, strict=True):
        np.testing.assert_array_equal(array, copy)
    made = (*leaves, *graph, *recorded, along)
    return [weakref.ref(tensor) for tensor in made if tensor is not None]


@pytest.mark.parametrize("first", range(GROUPS))
@given(st.data())
def test_random_programs(first, data):
    program = data.draw(programs(list(STEPS)[first::GROUPS]))
    random = generator(data.draw)
    v, w = ([random.normal(size=leaf.shape) for leaf in program.leaves] for _ in range(2))
    with without_collector():
        assert not any(reference() for reference in check_program(program, v, w))


def test_second_derivatives_of_a_power_with_exponent_0():
    x, y = Tensor(2.0, True), Tensor(0.0, True)
    by_base, by_exponent = grad(x**y, [x, y], create_graph=True)
    np.testing.assert_allclose(grad(by_exponent, x), 0.5)
    np.testing.assert_allclose(grad(by_base, y), 0.5)


WRONG = {
    "tanh": lambda g, out, x: g * (1 - out),
    "multiply": lambda g, out, x, y: g * y * 1.00001,
    "concatenate": lambda position, g, out, *arrays, axis: np.zeros_like(arrays[position]),
    # Right to first order: as a constant, it has no part in second derivatives.
    "sin": lambda g, out, x: g * np.cos(values_of(x)),
}


@pytest.mark.parametrize("name", WRONG)
def test_wrong_rules_are_noticed(name):
    assert_noticed(name, WRONG[name], test_random_programs, first=list(STEPS).index(name) % GROUPS)
