"""Tests that the random numbers of checks match no computation by chance, and that slopes are
trusted only as far as round-off and truncation allow.
"""

import numpy as np
import pytest

import tinygrad_edu as tg
from tinygrad_edu import GradientError, check_gradients, slopes
from tinygrad_edu.autodiff import graph_order
from tinygrad_edu.primitive import primitive
from tinygrad_edu.probing import draw_apart, own_generator
from tinygrad_edu.slopes import finding, measured_slope


def streams(seed, shape):
    """Return random data as a learner may draw them."""
    yield np.random.default_rng(seed).normal(size=shape)
    yield np.random.default_rng(seed).random(shape)
    yield np.random.RandomState(seed).randn(*shape)
    yield np.random.default_rng(seed).uniform(-1, 1, shape)


# Wrong rules that return a number of the computation instead of the cotangent --------------------

WRONG = {
    "the input": lambda g, out, x: x * (1 - out * out),
    "twice the input": lambda g, out, x: 2 * x * (1 - out * out),
    "the output": lambda g, out, x: out * (1 - out * out),
    "ones": lambda g, out, x: 1 - out * out,
    "its absolute value": lambda g, out, x: abs(g) * (1 - out * out),
    "its reverse": lambda g, out, x: g[::-1] * (1 - out * out),
    "its sum": lambda g, out, x: g.sum() / g.size * (1 - out * out),
}


@pytest.mark.parametrize("rule", WRONG.values(), ids=WRONG)
@pytest.mark.parametrize("shape", [(4, 3), (2, 2), (7,), (2,)])
def test_no_wrong_rule_agrees_by_coincidence(rule, shape):
    @primitive(rule)
    def wrong(x, /):
        return np.tanh(x)

    # Only the verdict counts here, so it is a function without a source: nothing is searched in it.
    mine = eval("lambda g, x: rule(g, np.tanh(x), x)", {"rule": rule, "np": np})
    for seed in range(4):
        for x in streams(seed, shape):
            with pytest.raises(GradientError):
                check_gradients(wrong, x, order=1)
            assert not tg.check_manual(tg.tanh, mine, x).agree


def test_each_check_draws_new_numbers():
    seen = []

    def mine(g, x):
        seen.append(g)
        return g * (1 - np.tanh(x) ** 2)

    x = np.array([[0.1, -0.4], [0.7, 0.2]])
    assert tg.check_manual(tg.tanh, mine, x).agree
    assert tg.check_manual(tg.tanh, mine, x).agree
    np.testing.assert_array_equal(seen[0], seen[1])
    assert not tg.check_manual(tg.tanh, lambda g, x: x * (1 - np.tanh(x) ** 2), seen[0]).agree
    other = tg.check_manual(tg.tanh, mine, x, seed=1)
    assert other.agree
    assert (seen[0] != seen[-1]).all()


def test_a_known_number_is_not_drawn_again():
    fresh = draw_apart(own_generator(0, []), (5,), [])
    again = draw_apart(own_generator(0, []), (5,), [fresh[3:4]])
    assert not np.isin(np.abs(again), np.abs(fresh[3])).any()
    single = draw_apart(own_generator(0, []), (), [])
    assert draw_apart(own_generator(0, []), (), [single]) != single


@pytest.mark.parametrize("shape", [(2,), (3, 3), (40, 30)])
def test_drawn_numbers_are_not_multiples_of_each_other_nor_orthogonal(shape):
    for seed in range(20):
        known = np.random.default_rng(seed).normal(size=shape)
        known.flat[0] = np.sqrt((known**2).sum())
        for array in (known, np.zeros(shape), np.full(shape, np.nan)):
            drawn = draw_apart(own_generator(seed, []), shape, [array]).reshape(-1)
            assert drawn.std() > 0
            assert ((np.abs(drawn) > 1) & (np.abs(drawn) < 2)).all()
            if array is known:
                cosine = abs(drawn @ known.reshape(-1))
                cosine /= np.linalg.norm(drawn) * np.linalg.norm(known)
                assert cosine < 0.996
                assert cosine > 0.099 / np.sqrt(drawn.size)


# Functions that lose a part of their graph -------------------------------------------------

W = np.array([1.0, 2.0, -3.5])

LOST = {
    "a power": lambda w: (w * w).sum() + (w.data**3).sum(),
    "a size, which complex numbers do not show": lambda w: (w * np.abs(w.data)).sum(),
    "a real part": lambda w: (w * w.data.real).sum(),
    "a tiny one": lambda w: 1e-14 * ((w * w).sum() + (w.data**3).sum()),
    "a tiny one with kinks": lambda w: 1e-14 * (tg.absolute(w) + w.data**3).sum(),
    "one added to a large number": lambda w: 1e6 + (w * w).sum() + (w.data**3).sum(),
    "a number": lambda w: (w * w.data.sum().item()).sum(),
}


@pytest.mark.parametrize("f", LOST.values(), ids=LOST)
def test_a_lost_part_is_found(f):
    with pytest.raises(GradientError, match="gradient check failed at order 1"):
        check_gradients(f, W, order=1)


def test_round_off_that_hides_everything_is_reported():
    with pytest.raises(GradientError, match=r"order 1 cannot be decided.*slope is uncertain by"):
        check_gradients(lambda w: 1e17 + tg.absolute(w).sum(), W)


def test_analytic_functions_that_complex_numbers_do_not_show_are_measured_by_differences():
    @primitive(lambda g, out, x: 2 * g * x)
    def squared(x, /):
        return np.abs(x) ** 2

    check_gradients(squared, W, order=1)


@pytest.mark.parametrize("scale", [1e-100, 1e-14, 1e-3, 1e3, 1e14, 1e100])
def test_right_gradients_of_any_size_pass(scale):
    check_gradients(lambda w: scale * tg.absolute(w * w * w), W)
    check_gradients(lambda w: scale * tg.exp(w), W)


# Slopes ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("f", "slope"),
    [
        (lambda t: np.sin(3 * t), 3.0),
        (lambda t: 1e7 + 1e-3 * t, 1e-3),
        (lambda t: (1.0 + t) ** 40, 40.0),
        (lambda t: 1e-200 * (2 * t + t * t), 2e-200),
    ],
)
def test_the_uncertainty_of_a_slope_is_correct(f, slope):
    found = measured_slope(f, slopes.DIFFERENCE_STEP, 0.0, abs(slope))
    assert abs(found.value - slope) <= 3 * found.uncertainty
    assert found.uncertainty <= 0.05 * abs(slope)
    assert finding(found, -slope, abs(slope), 0.0, 0.0) == "differs"


def test_terms_are_those_that_reach_a_tensor():
    x = tg.Tensor(2.0, requires_grad=True)
    out = tg.where(x * 3.0, x * 5.0, 0.0)  # a condition gets no gradient
    sizes = slopes.term_sizes(graph_order(out), out, np.ones(()))
    assert 1 < sizes[x] < 12


def test_a_kink_is_between_the_slopes_to_both_sides():
    found = measured_slope(lambda t: max(t, 0.0), 1e-5, 1.0, 1.0)
    assert found.ends == pytest.approx((0.0, 1.0))
    assert [finding(found, g, 1.0, 1.0, 1e-6) for g in (0.0, 0.3, 1.0)] == ["kink"] * 3
    assert [finding(found, g, 1.0, 1.0, 1e-6) for g in (-0.1, 1.1)] == ["differs"] * 2


def test_there_is_no_slope_without_a_value():
    for value in (None, np.nan):
        found = measured_slope(lambda t, value=value: value, 1e-5, 1.0, 1.0)
        assert np.isnan(found.value)
        assert finding(found, 1.0, 1.0, 1.0, 1e-6) == "undecided"
    near = measured_slope(lambda t: t if abs(t) < 2e-5 else None, 1e-5, 5.0, 1.0)
    assert near.value == pytest.approx(1.0)
    assert near.ends == ()
    alone = measured_slope(lambda t: t if abs(t) > 9e-6 else None, 1e-5, 5.0, 1.0)
    assert alone.uncertainty == np.inf
