"""Tests the verdicts of `check_manual` on sums that cancel and odd functions, and its errors."""

import numpy as np
import pytest

import tinygrad_edu as tg
from nn import MLP, compare_gradients, manual_gradients
from tinygrad_edu import Tensor, check_manual

X = np.array([[1.0, -2.0, 0.5], [0.3, 0.7, -1.1]])
A, B = np.array([1.0, 2.0]), np.array([3.0, -4.0])


def product(a, b):
    return (a * b).sum()


@pytest.fixture
def network():
    generator = np.random.default_rng(3)
    return MLP([3, 4, 2], "tanh", seed=1), generator.normal(size=(5, 3)), [0, 1, 1, 0, 1]


def test_gradients_that_cancel_to_round_off_agree():
    assert check_manual(
        lambda x: tg.softmax(x).sum(), [np.zeros(3)], np.array([0.5, 1.2, 0.3])
    ).agree
    z, labels = np.array([[20.0, 0, 0], [0, 20.0, 0]]), np.array([0, 1])
    p = np.exp(z) / np.exp(z).sum(axis=1, keepdims=True)
    assert check_manual(tg.softmax_cross_entropy, [(p - np.eye(3)[labels]) / 2], z, labels).agree
    balanced = MLP([2, 3], "tanh", seed=0)
    for parameter in balanced.parameters():
        parameter.data = np.zeros_like(parameter.data)
    x = np.random.default_rng(0).normal(size=(9, 2))
    assert compare_gradients(balanced, x, np.repeat([0, 1, 2], 3)).agree


def test_what_is_detached_makes_the_automatic_gradient_the_odd_one_out():
    found = check_manual(lambda x: (x.detach() * x).sum(), [2 * A], A)
    assert found.diagnoses == ()
    (told,) = found.doubts
    assert "yours agrees with the numerical one: the automatic one is wrong" in told
    assert "part of the graph of f was lost between the output and x" in told


def test_a_function_that_returns_its_input():
    assert check_manual(lambda x: x, lambda g, x: g, A).agree


def test_nothing_infinite_explains_anything():
    assert check_manual(lambda x: x.exp().sum(), [[3.0, 5.0]], [7.0, 1.0]).diagnoses == ()


@pytest.mark.parametrize("mine", [[2e11, 777.0], [2e11, 2.0 + 1e-7]])
def test_one_number_that_is_off_does_not_suggest_float32(mine):
    assert check_manual(lambda x: (x**2).sum(), [mine], [1e11, 1.0]).diagnoses == ()


def test_a_multiple_of_equal_values_does_not_suggest_regularisation():
    assert check_manual(lambda x: (x**2).sum(), [3 * A], A).diagnoses == ()


@pytest.mark.parametrize(
    ("mine", "kinds"),
    [
        (np.full(3, 2.0), ["shape"]),
        (np.full((1, 3), 2.0), ["transposed"]),
        (np.array([[5.0, 1.0, 0.3]]), []),
    ],
)
def test_right_numbers_in_a_wrong_shape(mine, kinds):
    found = check_manual(lambda x: (x * np.ones((3, 2))).sum(), [mine], np.ones((3, 1)))
    assert not found.agree
    assert [diagnosis.kind for diagnosis in found.diagnoses][:1] == kinds


def test_f_may_have_hooks():
    def f(x):
        y = x * 2.0
        y.register_hook(lambda g: 3 * g)
        return (y * y).sum()

    found = check_manual(f, [-24 * A], A)
    assert found.rows[0].automatic.tolist() == [24.0, 48.0]


def test_a_check_keeps_what_it_was_given_and_saves_itself(tmp_path):
    mine = 3 * A
    found = check_manual(lambda x: (x**2).sum(), [mine], A)
    before = str(found)
    mine[:] = 2 * A
    assert str(found) == before
    for name in ("c.html", "c.txt", "c.png", "c.svg"):
        assert found.save(tmp_path / name) == tmp_path / name
    assert "differs" in (tmp_path / "c.html").read_text("utf-8")
    with pytest.raises(ValueError, match=r"known are \.html, \.txt"):
        found.save(tmp_path / "c.gif")


def test_without_a_batch_the_axis_of_a_bias_is_named():
    x, b = np.random.default_rng(1).normal(size=(4, 5, 3)), np.ones(3)
    first = check_manual(lambda b: x + b, lambda g, b: g[0].sum(axis=0), b).diagnoses[0]
    assert first.sentence.startswith("looks like this: only the first entry along axis 0 was taken")
    last = check_manual(lambda b: x + b, lambda g, b: g[:, -1].sum(axis=0), b).diagnoses[0]
    assert "only the last entry along axis 1 was taken instead of the sum" in last.sentence


def test_the_advice_where_only_the_last_gradient_differs():
    x = np.random.default_rng(0).normal(size=(4, 3))
    w, b = np.ones((3, 2)), np.zeros(2)

    def mine(g, w, b):
        return -x.T @ g, g.sum(0)

    found = check_manual(lambda w, b: x @ w + b, mine, w, b)
    assert found.first.endswith("all others agree, so look at its own formula and what enters it")
    assert found.diagnoses[0].place == "matmul of w"


@pytest.mark.parametrize(
    ("call", "error", "told"),
    [
        (lambda: check_manual(Tensor(1.0), [A], A), TypeError, "takes the function first.*Tensor"),
        (lambda: check_manual(product, [B, A]), ValueError, "no inputs were given"),
        (lambda: check_manual(product, [], A, B), ValueError, "0 gradients, expected 2"),
        (lambda: check_manual(product, {}, A, B), ValueError, "no gradient to check; give at le"),
        (lambda: check_manual(product, [None, None], A, B), ValueError, "no gradient to check"),
        (lambda: check_manual(tg.tanh, lambda x: x, X), TypeError, r"called with .g, x., but"),
        (lambda: check_manual(product, [[[1, 2], [3]], A], A, B), TypeError, "a has rows of diff"),
        (
            lambda: check_manual(product, [["x", "y"], A], A, B),
            TypeError,
            "must be numeric, got text",
        ),
        (lambda: check_manual(product, [B, A], A, B, samples="all"), ValueError, "samples must"),
        (lambda: check_manual(product, [B, A], A, B, seed=-1), ValueError, "seed must be a whole"),
        (lambda: check_manual(product, [B, A], "W", B), TypeError, "."),
    ],
)
def test_mistakes_of_beginners_raise_one_line_errors(call, error, told):
    with pytest.raises((error, ValueError), match=told) as caught:
        call()
    assert "\n" not in str(caught.value)


def test_what_was_left_out_is_noted(network):
    assert check_manual(product, [None, A], A, B).notes[0].endswith("no gradient was given: a")
    mlp, x, labels = network
    by_name = manual_gradients(mlp, x, labels)
    part = compare_gradients(mlp, x, labels, manual={**by_name, "linear1.bias": None})
    assert "no gradient was given: linear1.bias" in repr(part)
    with pytest.raises(ValueError, match="no gradient to check"):
        compare_gradients(mlp, x, labels, manual={})
    with pytest.raises(TypeError, match=r"called with .weights, biases, x, labels., but"):
        compare_gradients(mlp, x, labels, manual=lambda w: w)
    with pytest.raises(TypeError, match="previous maps names to gradients, got a int"):
        compare_gradients(mlp, x, labels, previous=3)
    with pytest.raises(ValueError, match=r"for the parameters of a network: nn\.compare_gradients"):
        check_manual(mlp, by_name, x)


def test_a_function_of_numpy_is_a_gradient_too():
    assert check_manual(lambda x: tg.sin(x).sum(), np.cos, A).agree
    one = np.array([2.0])
    assert check_manual(lambda x: (2 * x).sum(), max, one).agree, "which has no signature"


def test_a_term_that_pushes_away_from_zero_is_not_regularisation():
    found = check_manual(lambda w: tg.sin(w).sum(), [np.cos(X) - 0.3 * X], X)
    assert found.diagnoses == ()


def test_slips_whose_result_has_another_shape_explain_nothing():
    generator = np.random.default_rng(0)
    a, b = generator.normal(size=(2, 3)), generator.normal(size=(3, 2))
    mine = [generator.normal(size=(2, 3)), a.T @ np.ones((2, 2))]
    found = check_manual(lambda a, b: (a @ b).sum(), mine, a, b)
    assert found.diagnoses == ()
    assert not found.agree
