"""Tests methods of ufuncs, `r_` and `c_`, and the order of elements: values and gradients."""

import numpy as np
import pytest

import tinygrad_edu as tg
from tinygrad_edu import Tensor, grad

random = np.random.default_rng(8)
X, V, W = (random.uniform(0.5, 2, size=shape) for shape in ((3, 4), (5,), (5,)))
MASK = random.random((3, 4)) > 0.3


def agrees(call, array, reference=None):
    """Compare a call with NumPy's, and its gradient with differences; return the result."""
    x = Tensor(array, requires_grad=True)
    reference = reference or call
    found, expected = call(x), reference(array)
    np.testing.assert_allclose(found.data, expected, rtol=1e-13, strict=True)
    g, direction = random.normal(size=np.shape(expected)), random.normal(size=array.shape)
    moved = [reference(array + sign * 1e-6 * direction) for sign in (1, -1)]
    slope = np.sum(g * (moved[0] - moved[1])) / 2e-6
    np.testing.assert_allclose(np.sum(grad(found, x, g) * direction), slope, rtol=1e-6, atol=1e-8)
    return found


@pytest.mark.parametrize(
    ("array", "call"),
    [
        (X, lambda x: np.add.reduce(x, where=MASK, initial=2.0)),
        (X, lambda x: np.add.reduce(x, 1, None, None, True)),
        (X, lambda x: np.multiply.reduce(x, axis=None)),
        (X, lambda x: np.maximum.reduce(x, axis=(0, 1))),
        (X, lambda x: np.logaddexp.reduce(x, axis=1)),
        (X, lambda x: np.logaddexp2.reduce(x, where=MASK)),
        (X, lambda x: np.subtract.reduce(x, axis=1, keepdims=True)),
        (X, lambda x: np.subtract.reduce(x, initial=2.0)),
        (X, np.divide.reduce),
        (X, lambda x: np.hypot.reduce(x, axis=(0, 1))),
        (X, lambda x: np.fmax.reduce(x, axis=(1, 0), initial=0.75, where=MASK)),
        (V, np.add.accumulate),
        (X, lambda x: np.multiply.accumulate(x, axis=-1)),
        (X, lambda x: np.subtract.accumulate(x, 1)),
        (V, np.maximum.accumulate),
        (X[:0], np.subtract.accumulate),
        (V, np.logaddexp.accumulate),
        (V, lambda x: np.add.reduceat(x, [0, 2, 1])),
        (X, lambda x: np.multiply.reduceat(x, [0, 2], axis=1)),
        (V, lambda x: np.subtract.reduceat(x, [0, 3])),
        (V, lambda x: np.multiply.outer(x, X)),
        (V, lambda x: np.subtract.outer(2.0, x)),
        (V, lambda x: np.power.outer(x, W)),
        (V, lambda x: np.maximum.outer(W, x)),
    ],
)
def test_methods_are_those_of_numpy(array, call):
    agrees(call, array)


def test_methods_of_conditions_give_plain_arrays():
    x = Tensor(V, requires_grad=True)
    for found, expected in [
        (np.greater.outer(x, W), np.greater.outer(V, W)),
        (np.logical_and.reduce(x), True),
        (np.logical_or.accumulate(x), np.ones(5, bool)),
    ]:
        assert not isinstance(found, Tensor)
        np.testing.assert_array_equal(found, expected)


@pytest.mark.parametrize(
    "call",
    [
        lambda m, x: m.r_[x, 0, 1:3],
        lambda m, x: m.r_[x],
        lambda m, x: m.r_[0:1:5j, x],
        lambda m, x: m.r_["-1", x[:, None], x[:, None]],
        lambda m, x: m.r_["0,2", x, W],
        lambda m, x: m.r_["0,2,0", x, W],
        lambda m, x: m.c_[x, W],
        lambda m, x: m.c_[x[:, None], [1, 2, 3, 4, 5]],
    ],
)
def test_brackets_join_as_in_numpy(call):
    agrees(lambda x: call(tg, x), V, lambda a: call(np, a))


def test_brackets_keep_the_dtype_next_to_python_numbers():
    x = Tensor([1.0, 2.0], requires_grad=True, dtype="float32")
    assert tg.r_[x, 1.5].dtype == np.float32
    assert tg.r_[x, np.array([1.5])].dtype == np.float64
    assert repr(tg.r_) == "tinygrad_edu.r_"


def test_divmod_of_either_side():
    x = Tensor(V, requires_grad=True)
    for found, expected in ((divmod(x, 0.7), divmod(V, 0.7)), (divmod(3.0, x), divmod(3.0, V))):
        np.testing.assert_array_equal(found[0], expected[0], strict=True)
        np.testing.assert_allclose(found[1].data, expected[1], strict=True)
        assert type(found[0]) is np.ndarray


def test_order_in_memory():
    rows = random.normal(size=(2, 3, 4))
    for array in (rows, np.asfortranarray(rows), rows.transpose(1, 0, 2), np.flip(rows, 1)):
        for order in "CFAK":
            x = Tensor(array, requires_grad=True, copy=False)
            np.testing.assert_array_equal(np.ravel(x, order).data, np.ravel(array, order))
            if order != "K":
                shape = (4, -1)
                expected = np.reshape(array, shape, order)
                np.testing.assert_array_equal(np.reshape(x, shape, order).data, expected)


def test_whole_numbers_are_padded_as_in_numpy():
    array = np.array([[3, 0, 8], [2, 5, 7]])
    for mode in ("mean", "median", "maximum", "linear_ramp", "empty", "reflect"):
        found = np.pad(Tensor(array), 1, mode)
        assert type(found) is Tensor
        expected = np.pad(array, 1, mode)
        found = found[1:-1] if mode == "empty" else found
        expected = expected[1:-1] if mode == "empty" else expected
        if mode != "empty":
            np.testing.assert_array_equal(found.data, expected, strict=True)
        plain = tg.pad(array, 1, mode)
        assert type(plain) is np.ndarray


def test_reductions_of_nothing_and_of_whole_numbers():
    start = Tensor(1.5, requires_grad=True)
    found = tg.max(np.zeros((0, 3)), axis=0, initial=start)
    found.sum().backward()
    assert found.tolist() == [1.5] * 3
    assert start.grad == 3
    whole = np.array([[3, -1], [2, 7]])
    some = np.array([[True, False], [True, False]])
    for name in ("max", "min"):
        for array in (whole, whole > 2):
            expected = getattr(np, name)(array, axis=0, where=some, initial=1)
            found = getattr(tg, name)(Tensor(array), axis=0, where=some, initial=1)
            np.testing.assert_array_equal(found.data, expected)
    assert tg.nan_to_num(Tensor(whole)).tolist() == whole.tolist()
    assert np.isnan(tg.nanmax(Tensor([np.nan, np.nan], requires_grad=True)).data)
    assert np.isnan(np.quantile(Tensor([1.0, np.nan], requires_grad=True), 0.5).data)
    assert np.percentile(Tensor(whole), 50).item() == 2.5
    assert np.linalg.lstsq(Tensor(np.eye(2)), [1.0, 2.0], rcond=-1)[2] == 2
    assert tg.corrcoef(Tensor(V)).item() == 1
    assert np.polyval(Tensor(np.zeros(0)), 2.0).item() == 0


@pytest.mark.parametrize("order", ["ascending", "descending"])
def test_sorting_in_both_orders(order):
    array = np.array([[3.0, 1.0, 3.0], [np.nan, 2.0, 0.0]])
    x, down = Tensor(array, requires_grad=True), order == "descending"
    found = tg.sort(x, descending=down)
    rows = [sorted(row, key=lambda v: (np.isnan(v), v), reverse=down) for row in array]
    np.testing.assert_array_equal(found.data, rows)
    places = tg.argsort(x, axis=1, descending=down)
    np.testing.assert_array_equal(np.take_along_axis(array, places, 1), rows)
    assert places[0].tolist() == ([0, 2, 1] if down else [1, 0, 2])  # equal ones keep their order
    np.testing.assert_array_equal(
        x.sort(None, descending=down).data, tg.sort(x.ravel(), descending=down).data
    )
    np.testing.assert_array_equal(
        tg.argsort(x, axis=None, descending=down), tg.argsort(x.ravel(), descending=down)
    )
    g = np.arange(6.0).reshape(2, 3)
    wanted = np.zeros((2, 3))
    np.put_along_axis(wanted, places, g, 1)
    np.testing.assert_array_equal(grad(found, x, g), wanted)
