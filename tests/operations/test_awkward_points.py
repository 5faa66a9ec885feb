"""Tests the points where a derivative is infinite, undefined or a convention.

The 35 rows are numbered, and each number has its test; `test_all_rows_are_here` counts them.
"""

import re
import threading
import tracemalloc
from pathlib import Path

import numpy as np
import pytest

import tinygrad_edu as tg
from nn import MLP, SGD
from tinygrad_edu import GradientError, Tensor, check_gradients, grad, no_grad

from ..cycles import no_cycles

inf, nan = np.inf, np.nan


def leaf(*values, **keywords):
    return Tensor(np.array(values), requires_grad=True, **keywords)


def positive_log(x):
    return tg.log(tg.where(x > 0, x, 1.0))


# Functions of one tensor: the values, and the gradient of their sum.
POINTS = {
    "1 relu at 0": (tg.relu, [0.0, -0.0, -1.0, 1.0], [0, 0, 0, 1]),
    "1 relu of infinities": (tg.relu, [-inf, inf], [0, 1]),
    "2 maximum with itself": (lambda x: tg.maximum(x, x), [1.0, -1.0], [1, 1]),
    "3 max of ties": (tg.max, [3.0, 1.0, 3.0], [0.5, 0, 0.5]),
    "3 min of ties": (tg.min, [1.0, 1.0, 1.0, 3.0], [1 / 3, 1 / 3, 1 / 3, 0]),
    "3 max of infinities": (tg.max, [inf, 1.0, inf], [0.5, 0, 0.5]),
    "3 max with nan": (tg.max, [1.0, nan, 3.0], [0, 1, 0]),
    "3 ptp of ties": (tg.ptp, [2.0, 2.0], [0, 0]),
    "4 absolute at 0": (tg.absolute, [0.0, -0.0, -2.0], [0, 0, -1]),
    "4 sign": (tg.sign, [0.0, -2.0, 3.0], [0, 0, 0]),
    "5 sqrt at 0": (tg.sqrt, [0.0, 4.0], [inf, 0.25]),
    "5 cbrt at 0": (tg.cbrt, [0.0, 8.0, -8.0], [inf, 1 / 12, 1 / 12]),
    "6 log at 0": (tg.log, [0.0, 2.0], [inf, 0.5]),
    "7 x log x at 0": (lambda x: x * tg.log(x), [0.0], [nan]),
    "7 xlogy": (lambda x: tg.xlogy(x, x), [0.0, 1.0], [0, 1]),
    "7 xlogy of a constant": (lambda x: tg.xlogy(x, 2.0), [0.0, 1.0], [np.log(2)] * 2),
    "8 where at 0": (lambda x: tg.where(x > 0, tg.log(x), 0.0), [0.0, 2.0], [nan, 0.5]),
    "8 double where": (lambda x: tg.where(x > 0, positive_log(x), 0.0), [0.0, 2.0], [0, 0.5]),
    "9 2-norm of zeros": (tg.norm, [0.0, 0.0], [0, 0]),
    "9 1-norm of zeros": (lambda x: tg.norm(x, 1), [0.0, -2.0], [0, -1]),
    "9 Frobenius norm": (lambda x: tg.norm(x.reshape(2, 2)), [0.0] * 4, [0] * 4),
    "9 hypot at 0": (lambda x: tg.hypot(x, x), [0.0, 1.0], [0, 2**0.5]),
    "10 x**0 at 0": (lambda x: x**0, [0.0, -2.0], [0, 0]),
    "10 x**0.0 at 0": (lambda x: x**0.0, [0.0, 2.0], [0, 0]),
    "10 x**1 at 0": (lambda x: x**1, [0.0, -2.0], [1, 1]),
    "11 x**2": (lambda x: x**2, [0.0, -3.0], [0, -6]),
    "14 prod with a zero": (tg.prod, [2.0, 0.0, 3.0], [0, 6, 0]),
    "14 cumprod with a zero": (lambda x: tg.cumprod(x)[-1], [2.0, 0.0, 3.0], [0, 6, 0]),
    "15 prod with two zeros": (tg.prod, [0.0, 0.0, 3.0], [0, 0, 0]),
    "15 cumprod with two zeros": (tg.cumprod, [0.0, 0.0, 3.0], [1, 0, 0]),
    "16 std of equal elements": (tg.std, [2.0, 2.0, 2.0], [0, 0, 0]),
    "16 var of equal elements": (tg.var, [2.0, 2.0, 2.0], [0, 0, 0]),
    "17 std of one element": (tg.std, [3.0], [0]),
    "19 softmax of large": (tg.softmax, [1000.0, 0.0, -1000.0], [0, 0, 0]),
    "19 log_softmax": (lambda x: tg.log_softmax(x)[1], [1000.0, 0.0, -1000.0], [-1, 1, 0]),
    "19 logsumexp": (tg.logsumexp, [1000.0, 1000.0, -1000.0], [0.5, 0.5, 0]),
    "19 logsumexp of -inf": (tg.logsumexp, [-inf, 0.0], [0, 1]),
    "21 clip at its ends": (lambda x: x.clip(-1, 1), [-1.0, 0.0, 1.0, 2.0, -2.0], [1, 1, 1, 0, 0]),
    "22 shared": (lambda x: x * x + x, [3.0], [7]),
    "24 index twice": (lambda x: x[[0, 0, 1]], [1.0, 2.0, 3.0], [2, 1, 0]),
    "24 take twice": (lambda x: tg.take(x, [1, 1, 1]), [1.0, 2.0], [0, 3]),
    "25 sum of nothing": (tg.sum, [], []),
    "25 prod of nothing": (tg.prod, [], []),
}


@pytest.mark.parametrize("name", POINTS)
def test_row_of_one_operand(name):
    f, values, expected = POINTS[name]
    for dtype in ("float32", "float64"):
        x = leaf(*values, dtype=dtype)
        with np.errstate(divide="ignore", invalid="ignore"):
            f(x).sum().backward()
        np.testing.assert_allclose(x.grad, expected, rtol=1e-6)
        assert x.grad.dtype == dtype


TWO = {
    "2 maximum at a tie": (tg.maximum, 2.0, 2.0, 0.5, 0.5),
    "2 minimum at a tie": (tg.minimum, 2.0, 2.0, 0.5, 0.5),
    "2 fmax at a tie": (tg.fmax, 2.0, 2.0, 0.5, 0.5),
    "2 fmax beside nan": (tg.fmax, nan, 2.0, 0, 1),
    "2 fmin beside nan": (tg.fmin, 2.0, nan, 1, 0),
    "7 xlogy(0, 0)": (tg.xlogy, 0.0, 0.0, 0, 0),
    "7 xlogy(0, 2)": (tg.xlogy, 0.0, 2.0, np.log(2.0), 0),
    "9 hypot(0, 0)": (tg.hypot, 0.0, 0.0, 0, 0),
    "12 x**y at x = 0": (tg.power, 0.0, 2.0, 0, 0),
    "12 x**y below 0": (tg.power, -3.0, 2.0, -6, nan),
    "13 0**0": (tg.power, 0.0, 0.0, 0, 0),
    "13 0**1": (tg.power, 0.0, 1.0, 1, 0),
    "20 logaddexp(-inf, -inf)": (tg.logaddexp, -inf, -inf, 0.5, 0.5),
    "20 logaddexp(inf, inf)": (tg.logaddexp, inf, inf, 0.5, 0.5),
    "20 logaddexp(-inf, 0)": (tg.logaddexp, -inf, 0.0, 0, 1),
    "20 logaddexp(inf, 0)": (tg.logaddexp, inf, 0.0, 1, 0),
}


@pytest.mark.parametrize("name", TWO)
def test_row_of_two_operands(name):
    # Warnings are errors here: none of these warns, forward or backward.
    f, a, b, left, right = TWO[name]
    for wrap in (np.float64, np.atleast_1d):
        x, y = Tensor(wrap(a), True), Tensor(wrap(b), True)
        f(x, y).backward()
        np.testing.assert_array_equal([x.grad.item(), y.grad.item()], [left, right])


SECOND = {
    "norm": (tg.norm, [0.0, 0.0]),
    "std": (tg.std, [1.0, 1.0]),
    "hypot": (lambda x: tg.hypot(x, x), [0.0]),
    "prod": (tg.prod, [0.0, 0.0, 2.0]),
    "cumprod": (lambda x: tg.cumprod(x)[-1], [0.0, 0.0, 2.0]),
    "absolute": (tg.absolute, [0.0]),
    "relu": (tg.relu, [0.0]),
    "xlogy": (lambda x: tg.xlogy(x, x), [0.0]),
    "elu": (tg.elu, [0.0]),
    "sinc": (tg.sinc, [0.0]),
}


@pytest.mark.parametrize("name", SECOND)
def test_second_derivatives_are_finite_there(name):
    f, values = SECOND[name]
    x = leaf(*values)
    first = grad(f(x).sum(), x, create_graph=True)
    if not first.requires_grad:  # a constant
        return
    second = grad((first * np.arange(1.0, x.size + 1)).sum(), x, allow_unused=True)
    assert second is None or np.isfinite(second).all()


def test_second_derivatives_that_are_known():
    # x0 x1 x2 at (0, 0, 2): only the mixed derivative by x0 and x1 is left, and it is 2.
    np.testing.assert_array_equal(
        tg.hessian(tg.prod, leaf(0.0, 0.0, 2.0)), [[0, 2, 0], [2, 0, 0], [0, 0, 0]]
    )
    # sin(y)/y = 1 - y²/6 + ..., with y = πx.
    np.testing.assert_allclose(tg.hessian(tg.sinc, leaf(0.0)[0]), -(np.pi**2) / 3)


def test_row_18_variance_without_freedom():
    for f in (tg.var, tg.std):
        with pytest.raises(ValueError, match=f"{f.__name__} over 1 elements with ddof=1"):
            f(leaf(3.0), ddof=1)


def test_row_19_labels_far_off():
    x = Tensor([[1000.0, 0.0, -1000.0]], requires_grad=True)
    loss = tg.softmax_cross_entropy(x, [2])
    loss.backward()
    assert loss.item() == 2000
    np.testing.assert_array_equal(x.grad, [[1, 0, -1]])


def test_row_23_broadcasting_with_0_d_and_leading_axes():
    x, y, z = Tensor(np.ones((3, 1)), True), Tensor(np.full((1, 4), 2.0), True), leaf(1.0)[0]
    (x * y * z * Tensor(np.ones((2, 1, 1)))).sum().backward()
    np.testing.assert_array_equal(x.grad, np.full((3, 1), 16.0))
    np.testing.assert_array_equal(y.grad, np.full((1, 4), 6.0))
    assert z.grad == 48


@pytest.mark.needs("floating-point warnings")
def test_row_25_sum_and_mean_of_nothing():
    x = Tensor(np.zeros((0, 3)), requires_grad=True)
    assert x.sum(axis=0).shape == (3,)
    x.sum().backward()
    assert x.grad.shape == (0, 3)
    with pytest.warns(RuntimeWarning) as caught:
        assert np.isnan(x.mean().item())
    assert len(caught) == 1
    with np.errstate(all="ignore"):
        x.mean().backward()
    assert x.grad.shape == (0, 3)


@pytest.mark.parametrize("f", [tg.max, tg.min, tg.amax, tg.ptp])
def test_row_26_extreme_of_nothing(f):
    with pytest.raises(ValueError, match=r"(max|min): .*\(0,\)"):
        f(leaf())


def test_row_27_value_overwritten_before_backward():
    x = leaf(1.0, 2.0)
    y = (x * x).sum()
    x.data = x.data + 1
    with pytest.raises(GradientError, match="modified"):
        y.backward()
    with pytest.raises(ValueError, match="read-only"):
        x.data[0] = 5.0


def test_row_28_array_overwritten_after_its_tensor_was_made():
    array = np.array([1.0, 2.0])
    x = Tensor(array, requires_grad=True)
    y = (x * x).sum()
    array[:] = 10
    y.backward()
    np.testing.assert_array_equal(x.grad, [2, 4])
    shared = np.array([1.0, 2.0])
    Tensor(shared, copy=False)
    with pytest.raises(ValueError, match="read-only"):
        shared[0] = 5.0


def test_row_29_backward_twice():
    x = leaf(3.0)
    y = (x * x).sum()
    y.backward()
    y.backward()
    np.testing.assert_array_equal(x.grad, [12])


def test_row_30_output_of_several_elements():
    x = leaf(1.0, 2.0)
    with pytest.raises(GradientError, match=r"\(2,\).*gradient="):
        (x * x).backward()
    (x * x).backward([1.0, 10.0])
    np.testing.assert_array_equal(x.grad, [2, 40])


def test_row_31_integers_cannot_require_gradients():
    with pytest.raises(TypeError, match=r"int\d\d"):
        Tensor([1, 2], requires_grad=True)


def test_row_32_gradient_has_the_dtype_of_the_parameter():
    w = leaf(1.0, 2.0, dtype="float32")
    loss = (w * np.array([3.0, 4.0])).sum()
    loss.backward()
    assert loss.dtype == np.float64
    np.testing.assert_array_equal(w.grad, np.array([3, 4], np.float32), strict=True)


def test_row_33_chain_of_a_hundred_thousand():
    # Its time is measured in benchmarks/; here, that it works, and in how much memory.
    tracemalloc.start()
    x = leaf(1.0)
    y = x
    for _ in range(100_000):
        y = y + 1.0
    y.backward(np.ones(1), keep_interior=False)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    np.testing.assert_array_equal(x.grad, [1])
    assert peak <= 200 * 2**20


def test_row_34_a_training_step_leaves_no_cycles():
    mlp, features = MLP([3, 4, 2], seed=0), np.ones((5, 3), np.float32)
    optimizer = SGD(mlp.parameters(), lr=0.1)
    with no_cycles():
        for _ in range(3):
            loss = tg.softmax_cross_entropy(mlp(features), np.zeros(5, int))
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
        del loss


@pytest.mark.needs("threads")
def test_row_35_recording_belongs_to_its_thread():
    recorded = []
    with no_grad():
        thread = threading.Thread(target=lambda: recorded.append((leaf(1.0) * 2).requires_grad))
        thread.start()
        thread.join()
        assert not (leaf(1.0) * 2).requires_grad
    assert recorded == [True]


def test_all_rows_are_here():
    text = Path(__file__).read_text("utf-8")
    rows = {int(number) for number in re.findall(r'(?:def test_row_|^    ")(\d+)[ _]', text, re.M)}
    assert rows == set(range(1, 36))


# Numbers near the ends of what a float holds -----------------------------------------------------


def test_float16_does_not_overflow_where_the_result_fits():
    # NumPy adds float16 up in float32; the largest float16 is 65504.
    x = leaf(60000.0, 60000.0, dtype="float16")
    assert x.mean().item() == np.mean(x.data) == 60000
    spread = leaf(*[1000.0, 0.0] * 8, dtype="float16")
    assert spread.std().item() == 500  # NumPy's own overflows
    assert tg.norm(leaf(300.0, 400.0, dtype="float16")).item() == 500
    assert tg.nanmean(x).item() == 60000
    many = Tensor(np.zeros(70_000, np.float16), requires_grad=True)
    tg.max(many).backward()
    np.testing.assert_allclose(many.grad.astype(float).sum(), 1, rtol=0.01)


LARGE = [("float32", 1e4), ("float64", 1e4), ("float64", 1e300), ("float64", 1.7e308)]
ACTIVATIONS = [
    tg.sigmoid, tg.softplus, tg.log_sigmoid, tg.silu, tg.elu, tg.selu, tg.gelu, tg.leaky_relu,
    tg.hardtanh, tg.erf, tg.tanh, lambda x: tg.gelu(x, approximate="tanh"),
]  # fmt: skip


@pytest.mark.parametrize(("dtype", "size"), LARGE)
@pytest.mark.parametrize("f", ACTIVATIONS)
def test_activations_stay_finite(f, dtype, size):
    x = leaf(size, -size, 0.0, 1.0, dtype=dtype)
    out = f(x / 2 if size > 1e300 else x)
    out.backward(np.linspace(0.5, 1, 4, dtype=dtype))
    assert np.isfinite(out.data).all()
    assert np.isfinite(x.grad).all()


def test_derivative_of_tanh_and_others_far_out():
    for f in (tg.tanh, tg.erf, tg.sigmoid, tg.arctan):
        check_gradients(f, [-20.0, -3.0, 3.0, 20.0], atol=1e-9)
