"""Tests every operation of the table in a captured step, forward and backward, against its twin.

A case may be refused; the table here lists those that may not.
"""

import math

import numpy as np
import pytest

from tests.operations.cases import CASES
from tinygrad_edu import Tensor, capture, erf, record_source_lines, sliding_windows
from tinygrad_edu.autodiff import graph_order
from tinygrad_edu.primitive import PRIMITIVES

from .test_twins import outcome

FAMILIES = sorted({case.operation for case in CASES})

# Every network uses these operations, so they must not be refused.
PLAIN = [
    *("absolute", "add", "cos", "cumsum", "divide"),
    *("exp", "log", "log_softmax", "logsumexp", "matmul", "maximum"),
    *("mean", "minimum", "multiply", "negative", "power", "relu"),
    *("reshape", "sigmoid", "sin", "softmax", "sqrt", "square"),
    *("subtract", "sum", "swapaxes", "tanh", "transpose", "where"),
    *("linear", "softmax_cross_entropy", "mean_squared_error"),
]


def step_of(case, dtype):
    """Return a step that takes the arrays of a case, and a cotangent, as arguments."""
    kinds = [array.dtype.kind for array in case.arrays]

    def differentiate(cotangent, *arrays):
        inputs = [
            Tensor(array, requires_grad=True) if kind == "f" else array
            for array, kind in zip(arrays, kinds, strict=True)
        ]
        out = case.f(*inputs)
        if isinstance(out, Tensor) and out.requires_grad:
            (out * Tensor(cotangent)).sum().backward(keep_interior=False)
        return out, [t.grad for t in inputs if isinstance(t, Tensor)]

    names = [f"array{number}" for number in range(len(kinds))]
    arguments = ", ".join(["cotangent", *names])
    scope = {"differentiate": differentiate}
    exec(f"def step({arguments}):\n    return differentiate({arguments})", scope)
    return scope["step"], None


def arguments_of(case, dtype, number):
    """Vary the arrays a little, so that they stay where the operation is defined."""
    generator = np.random.default_rng(number // 2 if number < 4 else number)
    arrays = []
    for array in case.arrays:
        if array.dtype.kind == "f":
            array = (array * (1 + 0.01 * generator.random(array.shape))).astype(dtype)
        arrays.append(np.array(array))
    out = case.f(*(Tensor(a) if a.dtype.kind == "f" else a for a in arrays))
    return generator.normal(size=np.shape(out)).astype(dtype), *arrays


def became(case, dtype=np.float64):
    return outcome(
        lambda: step_of(case, dtype), lambda number: arguments_of(case, dtype, number), calls=5
    )


def some_of(operation):
    """Return two cases of an operation, and each that records other primitives."""
    chosen, seen = [], set()
    for case in (case for case in CASES if case.operation == operation):
        recorded = recorded_by(case)
        if len(chosen) < 2 or recorded not in seen:
            chosen.append(case)
        seen.add(recorded)
    return chosen


def recorded_by(case):
    """Return what a case records: the primitives, each with the number of its inputs."""
    out = case.f(*case.inputs())
    nodes = [tensor.node for tensor in graph_order(out)] if isinstance(out, Tensor) else []
    return tuple((node.primitive.name, len(node.inputs)) for node in nodes)


def test_every_primitive_is_captured():
    reached = {
        name for family in FAMILIES for case in some_of(family) for name, _ in recorded_by(case)
    }
    assert reached == set(PRIMITIVES)


@pytest.mark.parametrize("operation", FAMILIES)
def test_operation(operation):
    found = {}
    for case in some_of(operation):
        try:
            found[case.name] = became(case)
        except AssertionError as error:
            raise AssertionError(f"{case.name}: {error}") from error
    assert set(found.values()) <= {"replayed", "recorded", "refused"}
    if operation in PLAIN:
        assert "refused" not in found.values(), found


def test_single_precision():
    for case in CASES[::25]:
        assert became(case, np.float32) in ("replayed", "recorded", "refused"), case.name


def test_watchers_inside_of_a_step_do_not_hide_it_from_capturing():
    """`erf` can only be recorded as a whole, also where lines are recorded and a hook looks on."""

    def step(x):
        with record_source_lines():
            y = erf(weight * x)
            y.register_hook(lambda g: 2 * g)
            y.sum().backward(keep_interior=False)
        gradient, weight.grad = weight.grad, None
        return y, gradient

    weight = Tensor([0.5, 1.0, 2.0], requires_grad=True)
    weights = weight.numpy()
    x = np.array([0.1, -0.2, 0.3])
    captured = capture(step)
    for _ in range(5):
        y, gradient = captured(x)
        slope = 2 / np.sqrt(np.pi) * np.exp(-((weights * x) ** 2))
        np.testing.assert_allclose(
            y.data, [math.erf(w * v) for w, v in zip(weights, x, strict=True)]
        )
        np.testing.assert_allclose(gradient, 2 * slope * x)
        x = x + 0.1
    assert "erf" in captured.source, "it is replayed"


def test_windows_keep_the_memory_of_the_array_that_they_show():
    def step(x):
        windows = sliding_windows(x * 2.0, 2, 2)
        between = np.exp(x + 1.0)
        return windows.sum(axis=0), between * between

    captured = capture(step)
    for number in range(4):
        x = np.random.default_rng(number).normal(size=8)
        for found, expected in zip(captured(x), step(x), strict=True):
            np.testing.assert_array_equal(found, expected)
