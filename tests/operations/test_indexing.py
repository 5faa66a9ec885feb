"""Tests what the table of cases cannot show of indexing and joining: dtypes, refused indices,
and operations that do nothing.
"""

import numpy as np
import pytest

import tinygrad_edu as tg
from tinygrad_edu import Tensor
from tinygrad_edu.ops import indexing


def leaf(*values, **keywords):
    return Tensor(np.array(values), requires_grad=True, **keywords)


M = Tensor(np.arange(6.0).reshape(2, 3), requires_grad=True)


VECTOR = np.array([1.5, -0.5, 2.0])


def test_fractions_put_into_whole_numbers_stay_fractions():
    x = Tensor([1, 2, 3])
    for value in (2.5, np.array([2.5]), Tensor(2.5)):
        np.testing.assert_array_equal(tg.index_update(x, [0], value).data, [2.5, 2, 3])
        np.testing.assert_array_equal(tg.index_add(x, [0], value).data, [3.5, 2, 3])
        flags = tg.index_update(Tensor([True, False]), [0], value)
        np.testing.assert_array_equal(flags.data, [2.5, 0])


@pytest.mark.parametrize("put", [tg.index_update, tg.index_add], ids=["update", "add"])
def test_what_is_put_into_an_array_takes_its_dtype(put):
    x, value = leaf(*VECTOR, dtype=np.float32), leaf(7.0, 0.25)
    result = put(x, [2, 0], value)
    expected = VECTOR.astype(np.float32)
    if put is tg.index_update:
        expected[[2, 0]] = value.data
    else:
        expected[[2, 0]] += value.data.astype(np.float32)
    assert result.dtype == np.float32  # a float64 value makes no float64 network
    np.testing.assert_array_equal(result.data, expected)
    result.backward([2.0, 3.0, 5.0])
    assert (x.grad.dtype, value.grad.dtype) == (np.float32, np.float64)
    np.testing.assert_array_equal(value.grad, [5, 2])
    np.testing.assert_array_equal(x.grad, [0, 3, 0] if put is tg.index_update else [2, 3, 5])


@pytest.mark.parametrize("f", [tg.median, tg.diff, tg.norm, tg.flip, tg.std, tg.cumsum])
def test_lists_return_arrays(f):
    assert isinstance(f([1.0, 2.0]), np.ndarray | np.generic)


def test_what_is_put_must_have_the_shape_of_its_places():
    for index, shape in [([[1, 0, 0], [1, 1, 0]], (3,)), (slice(2), ()), ([0, 1], (1,))]:
        with pytest.raises(ValueError, match=r"put_at: x of shape .* does not fit the places"):
            tg.put_at(Tensor(np.ones(shape)), index, (2,))


def test_nothing_to_do():
    np.testing.assert_array_equal(tg.diff([1.0, 2.0], n=0, prepend=5.0), [1, 2])
    assert tg.pad(Tensor(1.5), 3).item() == 1.5


def test_numbers_that_are_not_indices():
    for wrong in (-1, 52, 0.5):
        with pytest.raises(ValueError, match=f"einsum: {wrong} is not an index"):
            tg.einsum(M, [0, wrong])
    for wrong in (1.5, [0.5, 1.0]):
        with pytest.raises(TypeError, match=r"split: .*whole numbers"):
            tg.split(M, wrong)


def test_places_along_the_last_axis_by_default():
    x = Tensor(np.arange(24.0).reshape(2, 3, 4))
    places = np.array([3, 0]) * np.ones((2, 3, 1), int)
    expected = np.take_along_axis(x.data, places, -1)
    np.testing.assert_array_equal(tg.take_along_axis(x, places).data, expected)
    for wrong in ([0, 1], [[[[0]]]]):
        with pytest.raises(ValueError, match="x has 3 axes"):
            tg.take_along_axis(x, wrong)


def test_indices_that_take_each_element_at_most_once():
    # For these, cotangents are put back by a plain assignment, which is much quicker.
    for index in (1, None, ..., slice(2), (None, ..., 1, slice(None)), (np.int64(1), ...), True):
        assert indexing._is_basic(index)
    for index in ([0], (slice(None), [0]), np.array([True]), (..., np.array(0))):
        assert not indexing._is_basic(index)
