"""Tests that sums are right where many numbers meet: float16 adds up in float32 and is rounded
once, counts may be larger than float16 can hold, and a million float32 rows lose no digits.
"""

import numpy as np
import pytest

import tinygrad_edu as tg
from tinygrad_edu import Tensor, grad
from tinygrad_edu.ops.summing import added_rows, added_up, axes_of

HALF = np.float16
MANY = 66_000  # more than float16 can count


def leaf(values, dtype=HALF):
    return Tensor(np.asarray(values, dtype), requires_grad=True)


def gradient(f, *leaves):
    """The gradients, and that they are the same ones when they are recorded."""
    out = f(*leaves)
    g = np.ones(out.shape, out.dtype)
    found = grad(out, leaves, g)
    for a, b in zip(found, grad(out, leaves, g, create_graph=True), strict=True):
        assert a.dtype == b.dtype
        np.testing.assert_allclose(a.astype(float), b.data.astype(float), rtol=2e-3, atol=1e-7)
    return found[0]


def ones(*shape):
    return np.ones(shape, HALF)


# What is repeated on the way forward is added up on the way back; each gradient is 5000.
ADJOINTS = {
    "broadcasting": (lambda b: b + ones(5000, 3), (3,)),
    "broadcasting a number": (lambda b: b * ones(50, 100), ()),
    "broadcasting an axis in the middle": (lambda b: b + ones(2, 5000, 3), (2, 1, 3)),
    "broadcasting the last axis": (lambda b: b + ones(3, 5000), (3, 1)),
    "broadcast_to": (lambda b: tg.broadcast_to(b, (5000, 3)), (3,)),
    "taking": (lambda b: tg.take(b, np.zeros(5000, int), 0), (1, 3)),
    "getitem": (lambda b: b[np.zeros(5000, int)], (1,)),
    "repeating": (lambda b: tg.repeat(b, 5000), (2,)),
    "tiling": (lambda b: tg.tile(b, (5000, 1)), (3,)),
    "linear": (lambda b: tg.linear(ones(5000, 2), ones(2, 3), b), (3,)),
    "linear of stacked batches": (lambda b: tg.linear(ones(2, 2500, 2), ones(2, 3), b), (3,)),
    "linear weight": (lambda w: tg.linear(ones(5000, 2), w, ones(3)), (2, 3)),
    "matmul": (lambda w: ones(5000, 2) @ w, (2, 3)),
    "einsum": (lambda w: tg.einsum("ij,j->ij", ones(5000, 3), w), (3,)),
    "embedding": (lambda w: tg.embedding(np.zeros((50, 100), int), w), (1, 3)),
    "convolution": (lambda b: tg.conv1d(ones(1, 1, 5000), ones(2, 1, 1), b), (2,)),
    "convolution weight": (lambda w: tg.conv1d(ones(1, 1, 5000), w), (2, 1, 1)),
    "batch norm": (lambda b: tg.batch_norm(ones(5000, 2), ones(2), b), (2,)),
    "layer norm": (lambda b: tg.layer_norm(ones(5000, 2), ones(2), b), (2,)),
    "clip": (lambda b: tg.clip(ones(5000), b, 3.0) + 0 * b, ()),
}


@pytest.mark.parametrize("name", ADJOINTS)
def test_adjoint_sums_of_float16(name):
    f, shape = ADJOINTS[name]
    b = leaf(np.full(shape, 2.0))
    np.testing.assert_array_equal(gradient(f, b), np.full(shape, 5000, HALF), strict=True)


def test_running_sums_of_float16():
    x = leaf(np.ones(5000))
    expected = np.arange(1, 5001, dtype=float).astype(HALF)
    np.testing.assert_array_equal(tg.cumsum(x).data, expected, strict=True)
    np.testing.assert_array_equal(gradient(tg.cumsum, x), expected[::-1], strict=True)
    y = leaf(np.full(1500, 1.001))
    exact = np.cumprod(y.data.astype(float))
    np.testing.assert_allclose(tg.cumprod(y).data, exact, rtol=1e-3)
    np.testing.assert_allclose(tg.prod(y).data, exact[-1], rtol=1e-3)


# Averages of many: value and gradient by float64, rounded once.
AVERAGES = {
    "mean": lambda m, x: x.mean(),
    "mean of columns": lambda m, x: tg.mean(x.reshape(-1, 2), axis=0),
    "var": lambda m, x: tg.var(x) * 50.0,
    "std": lambda m, x: tg.std(x) * 100.0,
    "nanmean": lambda m, x: tg.nanmean(x),
    "average": lambda m, x: tg.average(x, weights=np.full(MANY, 2.0, x.dtype)),
    "median of means": lambda m, x: tg.median(x.reshape(-1, 2).mean(axis=0)),
    "logsumexp": lambda m, x: tg.logsumexp(x),
    "softmax": lambda m, x: tg.log_softmax(x)[0] * 1.0,
    "softmax of columns": lambda m, x: tg.log_softmax(x.reshape(-1, 2), axis=0)[0],
    "norm": lambda m, x: tg.norm(x),
    "p-norm": lambda m, x: tg.norm(x, 3),
    "mse": lambda m, x: tg.mse_loss(x, m),
    "l1": lambda m, x: tg.l1_loss(x, m),
    "huber": lambda m, x: tg.huber_loss(x, m, delta=0.2),
    "hinge": lambda m, x: tg.hinge_loss(x, np.ones(MANY, x.dtype)),
    "kl_div": lambda m, x: tg.kl_div(x, np.abs(m)),
    "binary": lambda m, x: tg.binary_cross_entropy_with_logits(x, np.abs(m)),
    "binary weighted": lambda m, x: tg.binary_cross_entropy_with_logits(
        x, np.abs(m), weight=np.full(MANY, 2.0)
    ),
    "softmax cross-entropy": lambda m, x: tg.softmax_cross_entropy(
        x.reshape(-1, 1) * np.array([1, 0], x.dtype), np.arange(MANY) % 2
    ),
    "cross-entropy": lambda m, x: tg.cross_entropy(
        x.reshape(-1, 1) * np.array([1, 0], x.dtype), np.arange(MANY) % 2, label_smoothing=0.1
    ),
    "pool": lambda m, x: tg.avg_pool2d(x.reshape(1, 1, 220, 300), (220, 300)),
    "batch norm": lambda m, x: tg.batch_norm(x.reshape(-1, 1))[0],
}


@pytest.mark.parametrize("name", AVERAGES)
def test_averages_of_many_in_float16(name):
    values = np.random.default_rng(3).uniform(0.05, 0.95, MANY).astype(HALF)
    targets = np.random.default_rng(4).uniform(0.05, 0.95, MANY).astype(HALF)
    found = {}
    for dtype in (HALF, np.float64):
        x = leaf(values, dtype)
        out = AVERAGES[name](targets.astype(dtype), x)
        assert out.dtype == dtype
        found[dtype] = (
            np.asarray(out.data, float),
            np.asarray(grad(out, x, np.full(out.shape, 500.0, dtype)), float),
        )
    np.testing.assert_allclose(found[HALF][0], found[np.float64][0], rtol=2e-3)
    exact = found[np.float64][1]
    # A gradient of float16 has steps of 6e-8, and three digits above that.
    np.testing.assert_allclose(found[HALF][1], exact, rtol=6e-3, atol=2e-7 + 2e-4 * exact.max())
    assert np.any(found[HALF][1])


def test_sums_may_be_larger_than_what_is_added():
    x = leaf(np.full(200, 300.0))
    assert tg.mse_loss(x, np.full(200, 100.0, HALF)) == 40_000
    assert tg.var(leaf([0.0, 500.0])) == 62_500
    with pytest.warns(RuntimeWarning, match="overflow"):  # as for NumPy's own sum
        assert np.isinf(tg.sum(leaf(np.full(300, 300.0))).data)


def test_next_to_float32_nothing_is_rounded_to_float16():
    x = leaf(np.linspace(0, 1, 7))
    assert tg.mse_loss(x, np.zeros(7, np.float32)).dtype == np.float32
    assert tg.average(x, weights=np.ones(7)).dtype == np.float64
    assert tg.layer_norm(x, np.ones(7, np.float32)).dtype == np.float32


# Long sums of float32 --------------------------------------------------------------------------


ROWS = 1_000_000


@pytest.mark.parametrize(
    "f",
    [
        lambda x: x.sum(axis=0),
        lambda x: tg.sum(x, axis=0, keepdims=True)[0],
        lambda x: x.mean(axis=0) * ROWS,
        lambda x: tg.sum_to(x, (3,)),
        lambda x: tg.sum_to(x, (1, 3))[0],
        lambda x: tg.sum(x.T, axis=1),
        lambda x: tg.sum(x.reshape(1000, 1000, 3), axis=(0, 1)),
        lambda x: tg.cumsum(x, axis=0)[-1],
        lambda x: tg.norm(x, axis=0) ** 2 / np.float32(0.1),
        lambda x: tg.einsum("ij->j", x),
        lambda x: tg.nansum(x, axis=0),
    ],
)
def test_a_million_equal_rows(f):
    x = Tensor(np.full((ROWS, 3), 0.1, np.float32))
    np.testing.assert_allclose(f(x).data, np.float32(0.1) * float(ROWS), rtol=2e-5)


@pytest.mark.parametrize(
    ("f", "shape"),
    [
        (lambda b: b + np.zeros((ROWS, 3), np.float32), (3,)),
        (lambda b: b * np.ones((ROWS, 1), np.float32), ()),
        (lambda b: np.zeros((3, ROWS), np.float32) + b, (3, 1)),
        (
            lambda b: tg.linear(np.zeros((ROWS, 1), np.float32), np.ones((1, 3), np.float32), b),
            (3,),
        ),
        (lambda b: b[np.zeros(ROWS, int)], (1,)),
        (lambda b: tg.repeat(b, ROWS, 0), (1, 2)),
    ],
)
def test_adjoint_of_a_million_rows(f, shape):
    b = leaf(np.zeros(shape), np.float32)
    out = f(b)
    g = np.full(out.shape, 0.1, np.float32)
    expected = np.full(shape, float(np.float32(0.1)) * ROWS)
    for cotangent in (g, np.broadcast_to(np.float32(0.1), out.shape)):
        np.testing.assert_allclose(grad(out, b, cotangent), expected, rtol=2e-5)
    recorded = grad(out, b, g, create_graph=True)
    np.testing.assert_allclose(recorded.data, expected, rtol=2e-5)


@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64, np.int64, bool])
def test_every_shape_and_layout_adds_up(dtype):
    random = np.random.default_rng(0)
    shapes = [(0, 3), (3, 0), (1023, 2), (1024, 2), (1025, 3), (2500, 2, 2), (2, 3000), (4100,)]
    for shape in shapes:
        array = random.integers(0, 2, shape).astype(dtype)
        for x in (array, np.asfortranarray(array), array[::-1], array.T):
            for axis in (None, 0, -1, (0,), tuple(range(x.ndim))):
                for keepdims in (False, True):
                    found = added_up(x, axis, keepdims)
                    expected = np.sum(x.astype(float), axis=axis, keepdims=keepdims)
                    assert found.shape == expected.shape
                    assert found.dtype == np.sum(x, axis=axis).dtype
                    np.testing.assert_allclose(found, expected, rtol=1e-3)


def test_rows_of_any_number_add_up():
    for count in (0, 1, 1024, 1025, 1031, 5000, 1_050_000):
        x = np.arange(2 * count).reshape(count, 2) % 7.0
        np.testing.assert_array_equal(added_rows(x), x.sum(axis=0))


def test_axes_of_a_number():
    assert axes_of(0, 0) == axes_of(0, -1) == axes_of(0, ()) == axes_of(0, None) == ()
    for axis in (1, (0,), (-1,)):
        with pytest.raises(np.exceptions.AxisError):
            axes_of(0, axis)
