"""Tests that `check_gradients` catches every kind of wrong rule and names the place, and that right
rules pass.
"""

import re

import numpy as np
import pytest

import tinygrad_edu as tg
from tinygrad_edu import GradientCheck, GradientError, Tensor, check_gradients
from tinygrad_edu.leaving import values_of
from tinygrad_edu.primitive import primitive

X = np.array([[0.5, -1.25, 2.0], [1.5, 0.75, -0.5]])


def cube(rule, *, analytic=True, residual=False):
    """Declare x**3 with a rule; its true derivative is 3 * x**2."""

    @primitive(rule, analytic=analytic, residual=residual)
    def cube(x, /):
        return (x * x * x, x * x) if residual else x * x * x

    return cube


both_methods = pytest.mark.parametrize(
    ("analytic", "method"), [(True, "complex step"), (False, "central differences")]
)


@both_methods
def test_right_rule_passes(analytic, method):
    check = check_gradients(cube(lambda g, out, x: 3 * g * x**2, analytic=analytic), X)
    assert isinstance(check, GradientCheck)
    assert check.method == method
    assert len(check.errors) == 2
    assert max(check.errors) < (1e-14 if analytic else 1e-8)


def refused(f, *inputs, **keywords):
    """Require that the check fails, and parse its message."""
    with pytest.raises(GradientError) as caught:
        check_gradients(f, *inputs, **keywords)
    text = str(caught.value)
    found = re.search(
        r"order (\d+).*input (\d+)(\[[\d, ]*\])?, automatic (\S+), numerical (\S+), ratio (\S+)$",
        text,
    )
    assert found, text
    order, place, index, *values = found.groups()
    index = tuple(int(i) for i in re.findall(r"\d+", index or ""))
    return int(order), int(place), index, *map(float, values)


@both_methods
def test_zero_rule_is_caught(analytic, method):
    f = cube(lambda g, out, x: g * 0.0, analytic=analytic)
    order, place, _, automatic, numerical, ratio = refused(f, X)
    assert (order, place) == (1, 0)
    assert automatic == 0 != numerical
    assert ratio == 0


@both_methods
def test_rule_that_is_a_thousandth_wrong_is_caught(analytic, method):
    f = cube(lambda g, out, x: 1.001 * (3 * g * x**2), analytic=analytic)
    order, _, index, automatic, numerical, ratio = refused(f, X)
    assert order == 1
    assert ratio == pytest.approx(1.001, rel=1e-4)
    assert automatic == pytest.approx(1.001 * numerical, rel=1e-4)
    # Off by a factor, the worst element is the one with the largest gradient.
    cotangent = np.random.default_rng(0).normal(size=X.shape)
    assert index == np.unravel_index(np.argmax(np.abs(3 * cotangent * X**2)), X.shape)


@both_methods
def test_sign_error_is_caught(analytic, method):
    f = cube(lambda g, out, x: -3 * g * x**2, analytic=analytic)
    assert refused(f, X)[-1] == pytest.approx(-1)


@both_methods
def test_one_wrong_element_among_many_is_named(analytic, method):
    mask = np.ones((10, 10))
    mask[7, 3] = 1.01
    f = cube(lambda g, out, x: 3 * g * x**2 * mask, analytic=analytic)
    x = np.random.default_rng(5).uniform(0.5, 1.5, size=(10, 10))
    order, place, index, automatic, numerical, ratio = refused(f, x)
    assert (order, place, index) == (1, 0, (7, 3))
    assert ratio == pytest.approx(1.01, rel=1e-4)
    assert automatic == pytest.approx(1.01 * numerical, rel=1e-4)


@both_methods
def test_missing_contribution_is_caught(analytic, method):
    # The product of x with itself depends on x twice; this rule forgets one of them.
    @primitive(lambda g, out, x, y: g * y, None, analytic=analytic)
    def half_product(x, y, /):
        return x * y

    assert refused(lambda x: half_product(x, x), X)[-1] == pytest.approx(0.5)


def test_missing_input_is_named():
    @primitive(lambda g, out, x, y: g * y, None)
    def half_product(x, y, /):
        return x * y

    _, place, index, automatic, _, _ = refused(half_product, X, X.T.copy()[:1, :1] + X)
    assert place == 1
    assert len(index) == 2
    assert automatic == 0


@pytest.mark.parametrize(
    "rule",
    [
        # np.asarray takes the values out of the graph; so does a residual that is kept.
        lambda g, out, x: 3 * g * values_of(x) ** 2,
        lambda g, out, x: 3 * g * (x.detach() if isinstance(x, Tensor) else x) ** 2,
    ],
)
def test_constant_instead_of_a_dependence_is_caught_at_second_order(rule):
    f = cube(rule, analytic=False)
    assert check_gradients(f, X, order=1)
    order, _, _, automatic, numerical, ratio = refused(f, X)
    assert order == 2
    assert automatic == 0 != numerical
    assert ratio == 0
    assert refused(cube(lambda g, out, x: 3 * g * values_of(x) ** 2), X)[0] == 2


def test_residual_that_is_wrong_or_taken_for_a_constant_is_caught():
    right = cube(
        lambda g, out, x, residual=None: 3 * g * (x * x if residual is None else residual),
        residual=True,
    )
    assert max(check_gradients(right, X).errors) < 1e-14

    kept = []

    def keeping(g, out, x, residual=None):
        # Keeps the residual of an eager pass, and uses it where the rule gets none.
        kept.append(values_of(x) ** 2 if residual is None else residual)
        return 3 * g * kept[-1]

    assert refused(cube(keeping, residual=True), X)[0] == 2


def test_wrong_second_derivative_alone_is_caught():
    # Right on arrays, as in the first order; an extra factor on tensors.
    f = cube(lambda g, out, x: 3 * g * x**2 * (1.001 if isinstance(x, Tensor) else 1))
    assert refused(f, X)[-1] == pytest.approx(1.001, rel=1e-4)


def test_wrong_rule_of_a_rule_is_caught():
    @primitive(lambda g, out, x: 1.01 * g * x)
    def wrong(x, /):
        return x * x / 2

    f = cube(lambda g, out, x: 6 * g * wrong(x))
    assert check_gradients(f, X, order=1)
    assert refused(f, X)[0] == 2


def test_composition_around_a_wrong_rule_is_caught():
    f = cube(lambda g, out, x: 1.001 * (3 * g * x**2))
    assert refused(lambda x, w: tg.tanh(f(x) @ w).mean(), X, np.ones((3, 2)))[0] == 1


def test_rule_that_returns_nan_is_caught():
    f = cube(lambda g, out, x: 3 * g * x**2 * np.where(values_of(x) == 2.0, np.nan, 1.0))
    _, _, index, automatic, numerical, _ = refused(f, X, order=1)
    assert index == (0, 2)
    assert np.isnan(automatic)
    assert np.isfinite(numerical)


def test_rtol_decides():
    f = cube(lambda g, out, x: 1.001 * (3 * g * x**2))
    assert check_gradients(f, X, order=1, rtol=0.01)
    with pytest.raises(GradientError, match=r"relative error 0\.00\d+, allowed 1e-05"):
        check_gradients(f, X, order=1, rtol=1e-5)


def test_wrong_third_derivative_needs_the_third_order():
    right = cube(lambda g, out, x: 3 * g * x**2)
    assert len(check_gradients(right, X, order=3).errors) == 3

    # The second derivative of this sine is lost, because its first is a constant; in the rule of a
    # cosine that shows one order later.
    @primitive(lambda g, out, x: g * np.cos(values_of(x)), analytic=False)
    def sine(x, /):
        return np.sin(x)

    @primitive(lambda g, out, x: g * sine(x), analytic=False)
    def minus_cosine(x, /):
        return -np.cos(x)

    assert check_gradients(minus_cosine, X, order=2)
    assert refused(minus_cosine, X, order=3)[0] == 3


# Arguments ------------------------------------------------------------------------------------


def test_random_function_is_refused():
    generator = np.random.default_rng(0)
    with pytest.raises(ValueError, match=r"other values when called again.*random"):
        check_gradients(lambda x: x * generator.normal(size=3), X)


def test_integers_are_constants():
    labels = np.array([2, 0])
    seen = []

    def f(x, y):
        seen.append(y)
        return tg.softmax_cross_entropy(x, y)

    assert max(check_gradients(f, X, labels).errors) < 1e-13
    assert all(y is labels for y in seen)
    # Their positions still count in a message.
    wrong = cube(lambda g, out, x: g)
    assert refused(lambda n, x: wrong(x) * n, np.array([1, 2, 3]), X)[1] == 1


@pytest.mark.parametrize("inputs", [(), ([1, 2],), (np.zeros((0, 3)),), ([True],)])
def test_no_floating_input_is_an_error(inputs):
    with pytest.raises(ValueError, match=r"floating.*3\.0"):
        check_gradients(lambda *inputs: Tensor(1.0), *inputs)


def test_other_arguments_that_cannot_be_checked():
    with pytest.raises(ValueError, match="order must be >= 1, got 0"):
        check_gradients(lambda x: x, X, order=0)
    with pytest.raises(ValueError, match="must return a Tensor, got a ReadOnlyArray"):
        check_gradients(lambda x: x.data, X)


def test_check_leaves_its_inputs_alone():
    x = Tensor([1.0, 2.0], requires_grad=True, dtype="float32")
    x.grad = [5.0, 6.0]
    array = np.array([3.0, 4.0], dtype=np.float16)
    assert check_gradients(lambda a, b: a * b, x, array).method == "complex step"
    np.testing.assert_array_equal(x.grad, [5, 6])
    np.testing.assert_array_equal(x.data, [1, 2])
    assert array.flags.writeable
    assert array.dtype == np.float16


def test_result_repeats():
    def f(x):
        return tg.sigmoid(x) * tg.absolute(x)

    assert check_gradients(f, X, seed=3) == check_gradients(f, X, seed=3)


# Right functions that a careless check would refuse --------------------------------------------


@pytest.mark.parametrize(
    "f",
    [
        lambda x: tg.softmax(x).sum(),  # always 1 for each row: the gradient is 0
        lambda x: (x - x.mean(axis=1, keepdims=True)).sum(),
        lambda x: x / x,
        lambda x: tg.absolute(tg.softmax(x)).sum(),
        lambda x: Tensor([1.0, 2.0]) + 0.0 * x.sum(),
    ],
    ids=["softmax", "centred", "quotient", "differences", "constant"],
)
def test_gradients_that_cancel_are_not_an_error(f):
    # Both sides are then round-off, and their ratio means nothing.
    check_gradients(f, X)


def test_inputs_of_different_sizes():
    # A step for the largest input is far too long for the others.
    check_gradients(lambda x: tg.tanh(tg.absolute(x)), np.array([0.5, -0.75, 1e4]))
    check_gradients(lambda x, y: tg.absolute(x) ** 2 * y, [1e-3, 2e-3], [1e5, -1e5])


def test_unused_and_constant_outputs():
    assert check_gradients(lambda x, y: x * 2, X, [3.0]).errors[0] < 1e-14
    assert check_gradients(lambda x: tg.sum(x[0:0]), X).errors == (0.0, 0.0)
    assert check_gradients(lambda x: x.reshape(-1)[2], X).errors[0] < 1e-14


def test_recording_may_be_off_around_it():
    with tg.no_grad():
        assert check_gradients(lambda x: x * x, X).errors[0] < 1e-14


def test_function_may_look_at_the_values_of_its_input():
    # The user's function must not get complex numbers, which it cannot compare or make a Tensor.
    def branching(x):
        return x * 2 if x.sum().item() > 0 else -x

    def shifted(x):
        largest = x.max().detach()
        return (x - largest).exp().sum().log() + largest

    assert check_gradients(branching, X).errors[0] < 1e-9
    assert check_gradients(shifted, X).errors[0] < 1e-9


def test_part_that_is_detached_is_missed():
    # It changes with the input but has no gradient: half of the slope is missing.
    assert refused(lambda x: x.detach() * x, X)[-1] == pytest.approx(0.5)


def test_no_grad_decorates_with_and_without_brackets():
    x = Tensor(2.0, requires_grad=True)
    for decorate in (tg.no_grad, tg.no_grad()):
        assert not decorate(lambda: x * x)().requires_grad
    assert (x * x).requires_grad


@pytest.mark.parametrize(
    ("f", "method"),
    [
        (lambda x: Tensor([1.0, 2.0]), "complex step"),
        (lambda x: Tensor(np.sign(x.data)), "central differences"),
    ],
    ids=["constant", "steps"],
)
def test_function_that_does_not_change_passes_the_check_to_any_order(f, method):
    check = check_gradients(f, X[0], order=4)
    assert (check.method, check.errors) == (method, (0.0,) * 4)
    assert check_gradients(lambda x: x * x, X[0], order=5).errors[-1] == 0


def test_a_failed_check_of_a_large_input_ends_soon():
    calls = []

    @primitive(lambda g, out, x: 2.5 * g)
    def same(x, /):
        calls.append(x.size)
        return x * 1.0

    with pytest.raises(
        GradientError,
        match=r"order 1.*worst element of the first 2,000: input 0\[\d+\].*ratio 2\.5$",
    ):
        check_gradients(lambda x: same(x).sum(), np.ones(5000))
    assert len(calls) < 2500  # it checks some elements one by one, not all of them
