"""Tests that values are recognised in another arrangement, sign or scale, and none by chance."""

import numpy as np
import pytest

import tinygrad_edu as tg
from tinygrad_edu.following.quantities import Quantities

SHAPES = [(2,), (5,), (4, 3), (3, 4), (1, 6), (6, 1), (2, 3, 4), (3, 3), (7, 2), (12,)]


def draw(shape, seed):
    return np.random.default_rng([seed, *shape]).normal(size=shape)


def known(seed=0):
    """Return quantities of random arrays, and the arrays: a value and a gradient of each shape."""
    values = [(None, draw(shape, seed)) for shape in SHAPES]
    tensors = [tg.Tensor(draw(shape, seed + 1)) for shape in SHAPES]
    gradients = [(tensor, draw(tensor.shape, seed + 2)) for tensor in tensors]
    return Quantities(values, gradients), values, gradients


QUANTITIES, VALUES, GRADIENTS = known()


def found(value):
    """Return the first match: its array, kind, factor and arrangement."""
    matches = QUANTITIES.matches(value)
    if not matches:
        return None
    first = matches[0]
    return first.quantity.array, first.quantity.kind, first.factor, first.arrangement


@pytest.mark.parametrize("factor", [1.0, -1.0, 2.0, 0.5, 1 / 7, -1e6, 3e-9])
@pytest.mark.parametrize("place", range(len(SHAPES)), ids=[str(shape) for shape in SHAPES])
def test_the_sign_and_a_factor(place, factor):
    for kind, (_, array) in (("value", VALUES[place]), ("gradient", GRADIENTS[place])):
        matched, its_kind, its_factor, arrangement = found(factor * array)
        assert matched is array
        assert (its_kind, arrangement) == (kind, "")
        assert its_factor == pytest.approx(factor, rel=1e-12)


@pytest.mark.parametrize("factor", [1.0, -0.25])
@pytest.mark.parametrize("place", [n for n, one in enumerate(SHAPES) if len(one) == 2])
def test_transposed(place, factor):
    array = GRADIENTS[place][1]
    matched, _, its_factor, arrangement = found(factor * array.T)
    assert matched is array
    assert arrangement == "transposed"
    assert its_factor == pytest.approx(factor)


def test_reshaped():
    array = GRADIENTS[SHAPES.index((2, 3, 4))][1]
    for shape in ((6, 4), (24,), (4, 3, 2), (1, 2, 3, 4)):
        matched, _, factor, arrangement = found(-3 * array.reshape(shape))
        assert matched is array
        assert (round(factor, 12), arrangement) == (-3, "reshaped")


def test_a_square_matrix_in_place_comes_before_its_transpose():
    array = GRADIENTS[SHAPES.index((3, 3))][1]
    assert found(array)[3] == ""
    assert found(array.T)[3] == "transposed"
    symmetric = array + array.T
    (one,) = Quantities([(None, symmetric)], []).matches(symmetric.T.copy())
    assert one.arrangement == ""


def test_permuted():
    array = GRADIENTS[SHAPES.index((2, 3, 4))][1]
    matched, _, _, arrangement = found(array[::-1, :, ::-1])
    assert matched is array
    assert arrangement == "permuted"


def test_the_factor_one_comes_first():
    array = draw((4, 3), 11)
    both = Quantities([(None, 2 * array), (None, array), (None, array * 5)], [])
    first, *_ = both.matches(array)
    assert round(first.factor, 9) == 1


@pytest.mark.parametrize("dtype", [np.float32, np.int64, bool])
def test_dtypes(dtype):
    array = (draw((4, 3), 3) * 5).astype(dtype)
    (one,) = Quantities([(None, array)], []).matches(array)
    assert (one.factor, one.arrangement) == (pytest.approx(1), "")


def test_what_matches_nothing():
    zeros, broken = np.zeros((4, 3)), np.full((4, 3), np.nan)
    everything = Quantities([(None, zeros), (None, broken), *VALUES], GRADIENTS)
    for value in (zeros, broken, np.full((4, 3), np.inf), np.zeros(0), np.array(["a", "b"])):
        assert everything.matches(value) == []
    for value in (1.0, np.float64(3), np.array(2.0), np.array([2.0]), None, "text", [1.0, 2.0]):
        assert everything.matches(value) == []
    assert Quantities([], []).matches(np.ones(3)) == []


def test_arguments_are_not_changed():
    array = VALUES[2][1]
    before, value = array.copy(), array * 2
    given = value.copy()
    QUANTITIES.matches(value)
    np.testing.assert_array_equal(array, before)
    np.testing.assert_array_equal(value, given)


@pytest.mark.parametrize("size", [1e-6, 1e-4, 1e-2, 1.0])
def test_one_changed_element_matches_nothing(size):
    for place in range(len(SHAPES)):
        for _, array in (VALUES[place], GRADIENTS[place]):
            for element in range(0, array.size if array.size > 2 else 0, 3):
                changed = array.copy()
                changed.reshape(-1)[element] += size * np.abs(array).max()
                assert QUANTITIES.matches(changed) == []


def test_round_off_still_matches():
    for _, array in GRADIENTS:
        noise = draw(array.shape, 77) * 1e-14 * np.abs(array).max()
        assert found(array + noise)[0] is array


def test_random_arrays_match_nothing():
    """Ten thousand of them, of all shapes that occur and of some that do not."""
    generator = np.random.default_rng(2024)
    shapes = [*SHAPES, (3, 2), (4,), (24,), (5, 1)]
    matched = 0
    for number in range(10_000):
        array = generator.normal(size=shapes[number % len(shapes)])
        if number % 3 == 1:
            array = np.exp(array)
        elif number % 3 == 2:
            array = np.maximum(array, 0)
            array.reshape(-1)[:2] = generator.normal(size=2)  # not a multiple of a single one
        matched += bool(QUANTITIES.matches(array))
    assert matched == 0


def test_elementwise_products_match_nothing():
    """Values that are computed from true ones are not true ones therefore."""
    square = [array for _, array in (*VALUES, *GRADIENTS) if array.shape in ((4, 3), (3, 4))]
    square = [array if array.shape == (4, 3) else array.T for array in square]
    for one in square:
        for other in square:
            assert QUANTITIES.matches(one * other) == []
            if one is not other:
                assert QUANTITIES.matches(one + other) == []


def test_gradients_of_a_shape():
    shapes = {one.array.shape for one in QUANTITIES.like((3, 4))}
    assert shapes == {(3, 4), (4, 3)}
    assert all(one.kind == "gradient" for one in QUANTITIES.like((5,)))
    assert len(QUANTITIES.like((5,))) == 1
