"""Tests that data are not shared: a later change by the caller, or a write of an optimizer, never
changes another tensor, view or gradient.
"""

import contextlib
import copy
import pickle

import numpy as np
import pytest

import tinygrad_edu as tg
from nn import SGD
from tinygrad_edu import GradientError, Tensor, grad, no_grad


def leaf(*values, **keywords):
    return Tensor(np.array(values), requires_grad=True, **keywords)


VECTOR = np.array([1.5, -0.5, 2.0])


def step(parameter, change):
    """Move a parameter with an optimizer, which writes into the array in place."""
    parameter.grad = change
    SGD([parameter], lr=1.0).step()


def test_view_made_without_recording_does_not_change():
    w = leaf(1.0, 2.0)
    with no_grad():
        seen = [w[:], w.reshape(2, 1), w.T, w * 1, tg.broadcast_to(w, (2, 2)), w.clip(), *w]
    seen += [w.detach(), Tensor(w.detach()), w.astype(int)]
    before = [tensor.numpy() for tensor in seen]
    step(w, [5.0, 5.0])
    for tensor, values in zip(seen, before, strict=True):
        np.testing.assert_array_equal(tensor.data, values)


def test_views_of_constants_do_not_change():
    frozen = leaf(1.0, 2.0)
    frozen.requires_grad = False
    part = frozen[:1]
    frozen.requires_grad = True
    step(frozen, [5.0, 5.0])
    assert part.item() == 1
    # The reverse: a leaf that is a view of a constant.
    constant = Tensor([[1.0, 2.0], [3.0, 4.0]])
    trained = constant.T
    trained.requires_grad = True
    step(trained, np.ones((2, 2)))
    np.testing.assert_array_equal(constant.data, [[1, 2], [3, 4]])


def test_every_leaf_can_be_stepped():
    scalar = Tensor([1.0, 2.0]).sum()  # NumPy returned a number here, not an array
    scalar.requires_grad = True
    for x in (leaf(3.0)[0].detach(), scalar, copy.deepcopy(leaf(3.0)), Tensor(3.0)):
        x.requires_grad = True
        (x * 1.0).sum().backward()
        SGD([x], lr=0.5).step()
        assert x.item() == 2.5


def test_momentum_copies_the_gradient():
    # v1 = 1, v2 = 0.5 * v1 + 2: the second gradient is added into the array of the first.
    x = Tensor(0.0, requires_grad=True)
    optimizer = SGD([x], lr=1.0, momentum=0.5)
    for _ in range(2):
        (x * 1.0).backward()
        optimizer.step()
    assert x.item() == -1 - 2.5


def test_array_of_the_caller_is_copied():
    array, other, index = np.array([1.0, 2.0]), np.array([3.0, 4.0]), np.array([1, 1])
    x = Tensor(array, requires_grad=True)
    y = (x * other)[index] + other
    array[:] = other[:] = 0
    index[:] = 0
    y.sum().backward()
    np.testing.assert_array_equal(x.data, [1, 2])
    np.testing.assert_array_equal(x.grad, [0, 8])


METADATA = {
    "list": ([0, 0], [1, 0], lambda x, m: x[m]),
    "list in a tuple": ([0, 0], [1, 0], lambda x, m: x[m, :1]),
    "mask": (np.array([True, False]), [False, True], lambda x, m: x[m]),
    "put_at": (np.array([0, 1]), [1, 0], lambda x, m: tg.put_at(x, m, (2, 2))),
    "axes": ([0, 1], [1, 0], lambda x, m: x.transpose(m)),
    "clip": (np.array([-9.0, -9.0]), [9.0, 9.0], lambda x, m: x.clip(m, None)),
    "where": (np.array([True, False]), [False, True], lambda x, m: tg.where(m, x, 0.0)),
    "labels": (np.array([1, 1]), [0, 0], tg.softmax_cross_entropy),
}


@pytest.mark.parametrize("name", METADATA)
def test_metadata_of_the_caller_is_copied(name):
    metadata, later, use = METADATA[name]
    x = Tensor([[1.0, 2.0], [3.0, 4.0]], requires_grad=True)
    cotangent = np.arange(1.0, 1 + use(x, metadata).size).reshape(use(x, metadata).shape)
    expected = grad(use(x, copy.copy(metadata)), x, cotangent)
    out = use(x, copied := copy.copy(metadata))
    copied[:] = later
    np.testing.assert_array_equal(grad(out, x, cotangent), expected)


def test_shared_array_is_locked():
    base = np.arange(6.0)
    x = Tensor(base[::2], requires_grad=True, copy=False)
    assert np.shares_memory(x.data, base)
    with pytest.raises(ValueError, match="read-only"):
        base[0] = 1
    assert not np.shares_memory(Tensor(base, dtype="float32", copy=False).data, base)
    with contextlib.suppress(ValueError):  # trainable or not,
        step(x, np.ones(3))
    assert list(base) == [0, 1, 2, 3, 4, 5]  # the array is unchanged


def test_data_is_read_only_and_can_be_replaced():
    x = leaf(1.0, 2.0, dtype="float32")
    for view in (x.data, np.asarray(x.detach()), (x * 1).data, x.sum().data):
        with pytest.raises(ValueError, match="read-only"):
            view[...] = 0
    new = np.array([3.0, 4.0])
    x.data = new
    new[:] = 0
    assert x.dtype == np.float32
    np.testing.assert_array_equal(x.data, [3, 4])
    with pytest.raises(ValueError, match=r"\(3,\).*\(2,\)"):
        x.data = np.ones(3)
    with pytest.raises(GradientError, match="result of multiply"):
        (x * 1).data = [1.0, 1.0]
    x.numpy()[:] = 9  # the caller's array
    np.testing.assert_array_equal(x.data, [3, 4])


def test_grad_is_checked_and_keeps_its_dtype():
    x = leaf(1.0, 2.0, dtype="float16")
    values = np.array([1.0, 2.0])
    x.grad = values
    values[:] = 0
    assert x.grad.dtype == np.float16
    (x * 2.0).sum().backward()
    np.testing.assert_array_equal(x.grad, np.array([3, 4], np.float16), strict=True)
    with pytest.raises(ValueError, match=r"\(3,\).*\(2,\)"):
        x.grad = np.ones(3)
    with pytest.raises(TypeError):
        x.grad = np.array([1j, 1j])


def pickled(x):
    return pickle.loads(pickle.dumps(x))


@pytest.mark.parametrize("twin_of", [copy.copy, copy.deepcopy, pickled])
def test_copies_of_leaves(twin_of):
    x = leaf(1.0, 2.0, name="w", dtype="float32")
    x.grad = [3.0, 4.0]
    twin = twin_of(x)
    assert (twin.name, twin.requires_grad, twin.dtype) == ("w", True, np.float32)
    np.testing.assert_array_equal(twin.grad, [3, 4])
    step(twin, [1.0, 1.0])
    np.testing.assert_array_equal(x.data, [1, 2])
    np.testing.assert_array_equal(x.grad, [3, 4])
    with pytest.raises(TypeError, match=r"detach\(\) first"):
        twin_of(x * 2)
    assert twin_of((x * 2).detach()).tolist() == [2, 4]


def test_array_of_another_dtype_is_a_copy():
    x = leaf(*VECTOR).detach()
    asked = np.asarray(x, dtype=np.float32), np.array(x, dtype=np.float32), x.__array__(np.float32)
    for array in asked:
        assert array.dtype == np.float32
        np.testing.assert_array_equal(array, VECTOR.astype(np.float32))
        array[0] = 100.0
    np.testing.assert_array_equal(x.data, VECTOR)
    with pytest.raises(ValueError, match="view of a float64 tensor cannot have dtype float32"):
        np.array(x, dtype=np.float32, copy=False)
    view = np.array(x, dtype=np.float64, copy=False)
    assert np.shares_memory(view, x.data)
    assert not view.flags.writeable


def test_error_of_a_data_source_reaches_the_user():
    problem = ValueError("the sensor is switched off")

    class Sensor:
        def __array__(self, dtype=None, copy=None):
            raise problem

    with pytest.raises(ValueError, match="switched off") as caught:
        Tensor(Sensor())
    assert caught.value is problem  # not the error about ragged lists
    deep = 1.0
    for _ in range(65):
        deep = [deep]
    with pytest.raises(ValueError, match="maximum number of dimension"):
        Tensor(deep)


@pytest.mark.parametrize("view", [tg.ravel, lambda x: x[::-1], lambda x: x.T, lambda x: +x])
def test_gradient_is_not_a_view_of_the_cotangent(view):
    x = leaf(1.0, 2.0)
    cotangent = np.array([5.0, 7.0])
    view(x).backward(cotangent)
    expected = x.grad.copy()
    cotangent[:] = 0
    np.testing.assert_array_equal(x.grad, expected)
    assert expected.sum() == 12


def test_gradients_are_not_views_of_each_other():
    x, y = leaf(1.0, 2.0), leaf(3.0, 4.0)
    (x.reshape(2, 1) + y.reshape(2, 1)).backward([[5.0], [6.0]])
    assert not np.shares_memory(x.grad, y.grad)
    x.grad *= 0
    np.testing.assert_array_equal(y.grad, [5, 6])
