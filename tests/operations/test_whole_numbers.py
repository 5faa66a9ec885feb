"""Tests that what comes in keeps its value: whole numbers do not wrap around, text and complex
numbers are refused, and no tensor is read as plain numbers where its graph would be lost.
"""

import numpy as np
import pytest

import tinygrad_edu as tg
from tinygrad_edu import Tensor, grad

M = Tensor(np.arange(6.0).reshape(2, 3) + 0.5, requires_grad=True)
V = Tensor([1.0, 2.0], requires_grad=True)
c = Tensor(1.0, requires_grad=True)

FUNCTIONS = [
    tg.sigmoid, tg.softmax, tg.log_softmax, tg.logsumexp, tg.log_sigmoid, tg.silu, tg.softplus,
    tg.gelu, lambda x: tg.gelu(x, approximate="tanh"), tg.elu, tg.mean, tg.nanmean, tg.std, tg.var,
    tg.norm, tg.erf, lambda x: tg.average(x, weights=x), lambda x: tg.l1_loss(x, x[::-1]),
    lambda x: tg.softmax_cross_entropy(x.reshape(1, -1), [0]),
    lambda x: tg.cross_entropy(x.reshape(1, -1), [1], label_smoothing=0.1),
    lambda x: tg.binary_cross_entropy_with_logits(x, np.array([1, 0, 1])),
]  # fmt: skip


@pytest.mark.parametrize("f", FUNCTIONS)
@pytest.mark.parametrize("dtype", ["uint8", "int8", "int16", "uint32", "uint64", "int64"])
def test_whole_numbers_do_not_wrap(f, dtype):
    # Pixels are uint8, and -x of 200 is 56 there.
    numbers = [1, 2, 120 if dtype == "int8" else 200]
    expected = f(Tensor(np.array(numbers, float)))
    for wrap in (Tensor, np.asarray):
        found = f(wrap(np.array(numbers, dtype)))
        np.testing.assert_allclose(np.asarray(found), np.asarray(expected), rtol=1e-7)


def test_averages_of_large_whole_numbers():
    large = [2**62] * 3
    for f in (tg.mean, tg.average, tg.nanmean, tg.median):
        assert float(f(large)) == 2.0**62


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: Tensor([1.5], np.float32), "requires_grad.*float32"),
        (lambda: M.astype(object), "object"),
        (lambda: M.astype(str), "<U"),
        (lambda: M.astype("M8[s]"), "datetime"),
        (lambda: tg.index_update(M, 0, None), "object"),
        (lambda: tg.index_update(M, 0, ["1", "2", "3"]), "<U1"),
        (lambda: tg.index_add(M, 0, np.array(["2020-01-01"], "M8[D]")), "datetime"),
        (lambda: tg.index_add(M, (0, [0, 1]), [c, c]), "stack"),
        (lambda: Tensor(1 + 2j, dtype=float), "complex"),
        (lambda: tg.full_like(M, 1j), "complex"),
        (lambda: M.clip(1j, 2), "clip.*complex|complex"),
        (lambda: tg.pad(M, 1, constant_values=1j), "real numbers"),
        (lambda: tg.pad(M, 1, constant_values=c), "no gradient"),
        (lambda: tg.pad(M, 1, constant_values=(c, 1.0)), "no gradient"),
        (lambda: tg.pad(M, 1.7), "float64.*whole numbers"),
        (lambda: tg.median([c, 2.0]), "stack"),
        (lambda: tg.full((2,), [c, 2.0]), "full: fill_value is a list of tensors"),
        (lambda: np.full_like(M, 1.0), "full_like"),
        (lambda: tg.cross_entropy(M, [0, 1], weight=[c, 1.0, 1.0]), "weight"),
        (lambda: tg.cross_entropy(M, [0, 1], weight=[1j, 1.0, 1.0]), "complex"),
        (lambda: tg.binary_cross_entropy_with_logits(V, [0, 1], pos_weight=[c, 3.0]), "pos_weight"),
        (lambda: M.sum().backward(1j), "complex"),
    ],
)
def test_refused(call, message):
    with pytest.raises(TypeError, match=message):
        call()


def test_a_number_has_no_features():
    with pytest.raises(ValueError, match=r"linear.*\(\)"):
        tg.linear(Tensor(1.0), np.ones((2, 3)), np.ones(3))


@pytest.mark.parametrize("f", [tg.index_update, tg.index_add])
@pytest.mark.parametrize(
    "value", [2, 2.0, np.float64(2), np.array(2.0), np.ones(3), Tensor(2.0), Tensor(np.ones(3))]
)
def test_updates_keep_the_dtype(f, value):
    # As an assignment into an array does.
    for dtype in ("float16", "float32", "float64"):
        assert f(M.astype(dtype), 0, value).dtype == dtype
    assert f(Tensor([[1, 2, 3]]), 0, 2).dtype == np.dtype(int)
    assert f(Tensor(np.array([[1, 2, 3]], "int64")), 0, 2).dtype == np.int64
    with pytest.raises(ValueError, match=r"index_(update|add): .*\(2,\).*\(3,\)"):
        f(M, 0, np.ones(2))


def test_mixed_precision_is_that_of_numpy():
    x, y = np.array([0.3]), np.array([1.1], np.float16)
    for name in ("logaddexp", "logaddexp2", "hypot", "arctan2"):
        ours = getattr(tg, name)(Tensor(x), Tensor(y))
        np.testing.assert_array_equal(ours.data, getattr(np, name)(x, y), strict=True)


def test_nan_gets_the_gradient_of_an_extreme():
    for f in (tg.maximum, tg.minimum):
        x = Tensor([np.nan, 1.0, np.nan], requires_grad=True)
        y = Tensor([1.0, np.nan, np.nan], requires_grad=True)
        left, right = grad(f(x, y).sum(), [x, y])
        np.testing.assert_array_equal(left, [1, 0, 0.5])
        np.testing.assert_array_equal(right, [0, 1, 0.5])
    x = Tensor([np.inf, 1.0, np.inf], requires_grad=True)
    np.testing.assert_array_equal(grad(tg.logsumexp(x), x), [0.5, 0, 0.5])


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda: tg.concatenate([M, M], 5), np.exceptions.AxisError, "axis 5.*dimension 2"),
        (lambda: tg.concatenate([M, M], axis=-3), np.exceptions.AxisError, "axis -3"),
        (lambda: tg.sort(c), np.exceptions.AxisError, "axis -1.*dimension 0"),
        (lambda: tg.sum(M, axis=(0, 0)), np.exceptions.AxisError, "sum: .*repeated"),
        (lambda: tg.partition(V, 2), ValueError, "kth"),
        (lambda: tg.split(M, 0), ValueError, "split: got 0 parts"),
        (lambda: tg.stack([]), ValueError, "stack needs"),
        (lambda: tg.concatenate([]), ValueError, "concatenate needs"),
        (lambda: tg.vstack(()), ValueError, "vstack needs"),
        (lambda: tg.hstack(()), ValueError, "hstack needs"),
        (lambda: tg.column_stack(()), ValueError, "column_stack needs"),
        (lambda: tg.tril(c), ValueError, "tril: a number"),
        (lambda: tg.pad(M, (1, 2, 3)), ValueError, r"pad: .*\(3,\).*2 pairs"),
        (lambda: tg.max(M[:0]), ValueError, r"^max: no elements \(shape \(0, 3\)\)"),
        (lambda: np.less(M, np.ones(2)), ValueError, "^less: .*do not broadcast"),
        (lambda: M.reshape(np.array([2, 2])), ValueError, r"shape \(2, 2\)"),
        (lambda: tg.einsum("...i,...i", M, np.ones((4, 3))), ValueError, r"index '\.\.\.'"),
    ],
)
def test_errors_name_what_was_called(call, error, message):
    with pytest.raises(error, match=message):
        call()


def test_lists_and_numbers_are_operands():
    np.testing.assert_array_equal(tg.diff([1.0, 3.0]), [2])
    assert tg.relu(-2.0) == 0
    assert tg.norm(-2.0) == 2
    assert tg.flip(2.0) == 2
    np.testing.assert_array_equal(tg.roll(M, 1, axis=np.int64(0)).data, np.roll(M.data, 1, 0))
    np.testing.assert_array_equal(tg.tril([1.0, 2.0]), np.tril([1.0, 2.0]))
    assert tg.triu(np.eye(2, dtype=bool)).dtype == bool
    np.testing.assert_array_equal(tg.split(M, Tensor([1]))[1].data, M.data[1:])
    np.testing.assert_array_equal(tg.stack(x for x in (V, V)).data, np.stack([V.data] * 2))
    assert tg.zeros(2, None).dtype == np.float64
    square = Tensor(np.eye(2))
    assert tg.linalg.solve(a=square, b=V).shape == (2,)
    assert tg.linalg.svd(x=square)[1].shape == (2,)
    assert not tg.isnan(tg.linalg.slogdet(square)).any()
