"""Tests what Python's operators, comparisons, conversions and containers do with tensors."""

import operator

import numpy as np
import pytest

import tinygrad_edu as tg
from tinygrad_edu import GradientError, Tensor, grad, no_grad


def leaf(*values, **keywords):
    return Tensor(np.array(values), requires_grad=True, **keywords)


MATRIX = np.array([[0.5, -1.25, 2.0], [1.5, 0.75, -0.5]])


def test_arrays_of_other_libraries_on_the_left():
    """The result has a graph, and is never an array of objects."""
    pandas = pytest.importorskip("pandas")
    x = leaf(1.0, 2.0)
    for other in (pandas.Series([3.0, 4.0]), pandas.Series([3.0, 4.0]).to_numpy(), np.float64(3)):
        for out in (other * x, x * other):
            assert type(out) is Tensor
            assert out.requires_grad


def test_lists_are_operands_like_arrays():
    # Python's list operators would join and repeat lists.
    assert np.asarray(tg.add([1.0], [2.0])).tolist() == [3]
    assert np.asarray(tg.multiply([1.0, 2.0], 2)).tolist() == [2, 4]
    assert np.asarray(tg.linear([[1.0]], [[2.0]], [0.5])).tolist() == [[2.5]]
    assert np.asarray(tg.astype([1.5], int)).tolist() == [1]
    assert np.asarray(tg.negative([1.0])).tolist() == [-1]


def test_identity_equality_and_containers():
    x, y = leaf(1.0, 2.0), leaf(1.0, 2.0)
    assert len({x, y, x}) == 2
    assert {x: "x"}[x] == "x"
    assert (x == y).dtype == bool
    assert list(x == y) == [True, True]
    assert list(np.array([0.0, 3.0]) < x) == list(x < 2) == [True, False]
    assert (2.0 in x, 3.0 in x) == (True, False)
    first, second = x
    (first * 10 + second).backward()
    np.testing.assert_array_equal(x.grad, [10, 1])
    with pytest.raises(TypeError):
        len(Tensor(1.0))
    with pytest.raises(TypeError):
        iter(Tensor(1.0))


def test_conversions_to_numbers():
    one, two = leaf(2.5), leaf(1.0, 2.0)
    with no_grad():
        assert (float(one), int(one), bool(one), one.item()) == (2.5, 2, True, 2.5)
    for convert, error in [(float, TypeError), (int, TypeError), (bool, ValueError)]:
        with pytest.raises(error, match="2"):
            convert(two)
    with pytest.raises(ValueError, match="2"):
        two.item()
    assert f"{Tensor(1.25):.1f}" == "1.2"


def test_repr():
    x = leaf(1.0, 2.0)
    assert repr(x) == "Tensor([1., 2.], requires_grad=True)"
    assert repr(x * 2) == "Tensor([2., 4.], from=multiply)"
    assert repr(Tensor(1.5, dtype="float32", name="b")) == "Tensor(1.5, dtype=float32, name='b')"
    assert len(repr(Tensor(np.zeros((1000, 1000))))) < 1000


IN_PLACE = [
    (operator.iadd, operator.add),
    (operator.isub, operator.sub),
    (operator.imul, operator.mul),
    (operator.itruediv, operator.truediv),
    (operator.ipow, operator.pow),
    (operator.imatmul, operator.matmul),
]


@pytest.mark.parametrize(("in_place", "plain"), IN_PLACE, ids=[f.__name__ for f, _ in IN_PLACE])
def test_in_place_operators_record_and_write_nowhere(in_place, plain):
    x, y = leaf(*MATRIX[:, :2] ** 2), leaf([0.5, 2.0], [1.5, 3.0])
    total = other_name = x * 3.0
    before = total.numpy()
    total = in_place(total, y)
    assert total is not other_name
    np.testing.assert_array_equal(other_name.data, before)
    expected = plain(x * 3.0, y)
    np.testing.assert_array_equal(total.data, expected.data)
    g = np.array([[1.0, -2.0], [0.5, 3.0]])
    for found, wanted in zip(grad(total, [x, y], g), grad(expected, [x, y], g), strict=True):
        np.testing.assert_array_equal(found, wanted)
        assert found.any()


@pytest.mark.parametrize(
    "in_place", [f for f, _ in IN_PLACE], ids=[f.__name__ for f, _ in IN_PLACE]
)
def test_in_place_operators_do_not_lose_a_leaf(in_place):
    weight = leaf(*np.eye(2), name="weight")
    with pytest.raises(GradientError, match=r"'weight' cannot be changed.*write x\.data ="):
        in_place(weight, np.ones((2, 2)))
    np.testing.assert_array_equal(weight.data, np.eye(2))
    constant = other_name = Tensor(np.eye(2))  # without a gradient there is nothing to lose
    constant = in_place(constant, np.full((2, 2), 2.0))
    np.testing.assert_array_equal(other_name.data, np.eye(2))
    assert not constant.requires_grad
