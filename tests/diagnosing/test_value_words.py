"""Tests what is said of a value by its numbers alone, and that nothing is said of others."""

import numpy as np
import pytest

from tinygrad_edu.diagnosing.value_words import multiple, ratio_of, seen_in

rng = np.random.default_rng(412)
RIGHT = rng.normal(size=(4, 4))
W = rng.normal(size=(4, 4))
PADDED = rng.normal(size=(2, 3, 6, 6))
SIGNS = np.sign(RIGHT) / 12

SEEN = {
    "zeros": (0 * RIGHT, RIGHT, "every element is 0"),
    "not finite": (RIGHT * np.inf, RIGHT, "not all elements are finite"),
    "transposed": (RIGHT.T, RIGHT, "it is transposed"),
    "transposed and negated": (-RIGHT.T, RIGHT, "the sign is flipped, and it is transposed"),
    "transposed and scaled": (3 * RIGHT.T, RIGHT, "it is transposed, and 3 times"),
    "updated": (W - 0.1 * RIGHT, RIGHT, "the updated value, W - 0.1 times"),
    "updated, transposed": (W.T - 0.1 * RIGHT, RIGHT, "the updated value, W - 0.1 times"),
    "an absolute value": (2 * RIGHT / 12, SIGNS, "derivative of an absolute value is the sign"),
    "padding kept": (
        PADDED[:, :, :4, :4], PADDED[:, :, 1:5, 1:5], "shifted: +1 along axis 2, +1 along axis 3"),
    "another channel": (PADDED[:, 2:], PADDED[:, :1], ""),
}  # fmt: skip


@pytest.mark.parametrize("kind", SEEN)
def test_what_the_numbers_show_is_said(kind):
    before, right, words = SEEN[kind]
    found = seen_in(before, right, {"W": W})
    if words:
        assert found is not None
        assert words in found.told
        # With one other element it is not so.
        if np.isfinite(before).all():
            spoilt = before.copy()
            spoilt[(-1,) * spoilt.ndim] += 0.1
            spoilt[(1,) * spoilt.ndim] += 0.1
            other = seen_in(spoilt, right, {"W": W})
            assert other is None or words not in other.told or kind == "an absolute value"
    else:
        assert found is None


def test_the_right_value_shows_nothing():
    for right in (RIGHT, SIGNS, PADDED, np.ones((3, 3)), np.diag([1.0, 2.0, 3.0])):
        assert seen_in(right, right, {"W": W}) is None


def test_random_numbers_show_nothing():
    for seed in range(50):
        before, right = np.random.default_rng(seed).normal(size=(2, 3, 4))
        assert seen_in(before, right, {"W": W}) is None


def test_a_ratio_is_exact():
    assert ratio_of(3.5 * RIGHT, RIGHT) == pytest.approx(3.5)
    assert ratio_of(3.5 * RIGHT + 1e-6, RIGHT) == 0
    assert ratio_of(RIGHT[:2], RIGHT) == 0
    assert ratio_of(RIGHT, 0 * RIGHT) == 0


@pytest.mark.parametrize(
    ("ratio", "told"),
    [
        (7.0, "the mean over 7 was forgotten: it is 7 times too large"),
        (1 / 7, "the mean over 7 was taken twice: it is 1/7 of what it should be"),
        (5.0, "it is 5 times too large"),
        (1 / 5, "it is 1/5 of what it should be"),
        (2.0, "an extra factor of 2"),
        (0.5, "half of what it should be"),
        (-1.0, "the sign is flipped"),
        (-7.0, "every element is -7 times what it should be"),
        (3.5, "every element is 3.5 times what it should be"),
    ],
)
def test_a_mean_is_said_only_where_something_is_averaged(ratio, told):
    assert multiple(ratio, {7: True, 5: False}).told == told
