"""Tests of reductions beyond the table of cases: degrees of freedom, weights, NaN, infinity."""

import numpy as np
import pytest

import tinygrad_edu as tg
from tinygrad_edu import Tensor, grad


def leaf(*values, **keywords):
    return Tensor(np.array(values), requires_grad=True, **keywords)


M = Tensor(np.arange(6.0).reshape(2, 3), requires_grad=True)


@pytest.mark.parametrize("f", [tg.var, tg.std])
def test_degrees_of_freedom(f):
    with pytest.raises(ValueError, match=r"over 2 elements with ddof=3 would divide by -1;"):
        f(M, axis=0, ddof=3)
    np.testing.assert_allclose(f(M, axis=0, ddof=1.5).data, [9.0] * 3 if f is tg.var else [3.0] * 3)


def test_median_with_nan():
    x = leaf([1.0, np.nan, 3.0, 2.0, 5.0], [4.0, 2.0, 6.0, 8.0, 7.0])
    for keywords in ({"axis": 1}, {"axis": 0}, {}):
        np.testing.assert_array_equal(tg.median(x, **keywords).data, np.median(x.data, **keywords))
    np.testing.assert_array_equal(grad(tg.median(x, axis=1)[1], x), [[0] * 5, [0, 0, 1, 0, 0]])


@pytest.mark.parametrize("keepdims", [False, True])
def test_median_is_nan_only_where_a_nan_is(keepdims):
    values = np.array([[1.0, np.nan, 3.0, 0.0], [4.0, 6.0, 5.0, 8.0]], np.float32)
    x = leaf(*values)
    result = tg.median(x, axis=1, keepdims=keepdims)
    np.testing.assert_array_equal(result.data, np.median(values, axis=1, keepdims=keepdims))
    assert result.dtype == np.float32
    result.backward(np.full(result.shape, 3.0))
    np.testing.assert_array_equal(x.grad[1], [0, 1.5, 1.5, 0])
    assert np.isnan(tg.median(x).item())
    assert np.isnan(tg.median(values))


def test_weights_of_an_average():
    for weights, axis in [
        ([1.0, 2.0], None),
        ([1.0, 2.0], 1),
        ([1.0] * 4, 1),
        (np.ones((3, 2)), 0),
    ]:
        with pytest.raises(ValueError, match=r"average: weights of shape .*\(2, 3\)"):
            tg.average(M, axis=axis, weights=weights)
    for weights in ([1.0, -1.0], [[0.0] * 3, [0.0] * 3]):
        with pytest.raises(ZeroDivisionError, match="average: weights add up to 0"):
            tg.average(M, axis=0, weights=weights)
    for weights in ([2.0, -1.0], [-2.0, 1.0], [0.25, 0.75]):
        expected = np.average(M.data, axis=0, weights=weights)
        np.testing.assert_allclose(tg.average(M, axis=0, weights=weights).data, expected)


def test_logsumexp_of_nothing_but_minus_infinity():
    x = leaf(-np.inf, -np.inf)
    with np.errstate(divide="ignore"):
        out = tg.logsumexp(x)
    assert out.item() == -np.inf
    np.testing.assert_array_equal(grad(out, x), [0, 0])
