"""Tests how `check_manual` and `compare_gradients(manual=)` are called: forms, names, errors."""

import re

import numpy as np
import pytest

import tinygrad_edu as tg
from nn import MLP, compare_gradients, manual_gradients
from nn.by_hand import delta_rule
from tinygrad_edu import GradientError, Tensor, check_manual
from tinygrad_edu.diagnosing import search
from tinygrad_edu.diagnosing.search import agrees

X = np.array([[1.0, -2.0, 0.5], [0.3, 0.7, -1.1]])


def product(a, b):
    return (a * b).sum()


A, B = np.array([1.0, 2.0]), np.array([3.0, -4.0])


@pytest.mark.parametrize(
    "mine",
    [
        [B, A],
        (B.tolist(), A.tolist()),
        {"a": B, "b": A},
        {"b": A},
        [None, A],
        lambda a, b: (b, a),
        lambda a, b: {"a": b, "b": a},
        [Tensor(B), Tensor(A)],
    ],
)
def test_gradients_come_in_any_form(mine):
    found = check_manual(product, mine, A, B)
    assert found.agree
    assert found.first == ""
    assert found.diagnoses == ()
    found.assert_agree()
    for row in found.rows:
        np.testing.assert_allclose(row.automatic, {"a": B, "b": A}[row.name])
        np.testing.assert_allclose(row.numerical, row.automatic, rtol=1e-8)


def test_a_function_gets_the_gradient_that_arrives_where_there_are_several_outputs():
    seen = []

    def mine(g, x):
        seen.append(g)
        return g * (1 - np.tanh(x) ** 2)

    assert check_manual(tg.tanh, mine, X).agree
    assert seen[0].shape == X.shape
    assert len(np.unique(seen[0])) == X.size, "no two are the same"
    assert check_manual(tg.tanh, [1 - np.tanh(X) ** 2], X).agree, "arrays: of the sum"
    forgotten = check_manual(tg.tanh, lambda g, x: 1 - np.tanh(x) ** 2, X)
    assert forgotten.diagnoses[0].kind == "upstream missing"


def test_inputs_that_are_not_floats_are_passed_on_unchanged():
    logits, labels = X.copy(), np.array([2, 0])
    mine = np.exp(X) / np.exp(X).sum(1, keepdims=True)
    mine[[0, 1], labels] -= 1
    given = Tensor(logits, requires_grad=True)
    found = check_manual(tg.softmax_cross_entropy, [mine / 2], given, labels)
    assert found.agree
    assert [row.name for row in found.rows] == ["logits"]
    assert given.grad is None
    np.testing.assert_array_equal(given.data, X)
    np.testing.assert_array_equal(labels, [2, 0])


def test_it_works_in_float64_under_no_grad_and_with_names_of_ones_own():
    small = X.astype(np.float32)
    with tg.no_grad():
        found = check_manual(lambda *t: t[0].exp().sum(), [np.exp(small)], small, names=["z"])
    assert found.rows[0].name == "z"
    assert found.rows[0].automatic.dtype == np.float64
    assert found.diagnoses[0].kind == "float32", "np.exp of float32 is not that of float64"
    unnamed = check_manual(lambda *t: t[0].exp().sum(), [np.exp(X)], X)
    assert unnamed.rows[0].name == "input0"


def test_a_row_for_a_bias_is_accepted_and_noted():
    found = check_manual(lambda b: (X + b).sum(), [np.full((1, 3), 2.0)], np.zeros(3))
    assert found.agree
    assert found.notes == ("b: given as (1, 3), compared as (3,)",)


def test_shapes_that_do_not_fit_are_reported():
    found = check_manual(lambda w: (X @ w).sum(), [np.ones((7, 5))], np.ones((3, 2)))
    assert not found.agree
    assert found.rows[0].problem == "shape (7, 5), expected (3, 2)"
    assert found.rows[0].manual is None
    assert found.diagnoses == ()
    with pytest.raises(GradientError, match="the first that differs is w"):
        found.assert_agree()


def test_the_error_of_assert_agree_says_what_it_looks_like():
    with pytest.raises(GradientError, match=r"the first that differs is b.*looks like this: the s"):
        check_manual(product, [B, -A], A, B).assert_agree()


def test_an_input_that_nothing_depends_on_has_gradient_zero():
    found = check_manual(lambda a, b: (a * 2).sum(), [np.full(2, 2.0), np.zeros(2)], A, B)
    assert found.agree
    wrong = check_manual(lambda a, b: (a * 2).sum(), [np.full(2, 2.0), np.ones(2)], A, B)
    assert not wrong.agree
    assert wrong.first.endswith("the first that differs is b")
    assert str(wrong)


def test_kinks_are_reported_and_not_measured():
    found = check_manual(lambda x: tg.relu(x).sum(), [[0.0, 1.0, 0.0]], np.array([0.0, 1.0, -1.0]))
    assert found.agree
    assert np.isnan(found.rows[0].numerical[0])
    assert found.notes == ("x: 1 element lies at a kink and could not be measured",)
    many = check_manual(lambda x: tg.relu(x).sum(), [np.zeros(3)], np.zeros(3))
    assert many.notes == ("x: 3 elements lie at a kink and could not be measured",)


def test_numbers_that_are_not_finite_do_not_agree_by_chance():
    found = check_manual(lambda x: (x**2).sum(), [np.array([2.0, np.nan])], np.array([1.0, 2.0]))
    assert not found.agree
    assert found.rows[0].verdict.index == (1,)
    assert found.diagnoses == ()
    poles = check_manual(lambda x: x.log().sum(), [1 / X[:1] ** 2], np.abs(X[:1]))
    assert not poles.agree


def test_a_function_that_differs_from_call_to_call_is_noticed():
    generator = np.random.default_rng(0)
    with pytest.raises(ValueError, match="f returns other values when called again"):
        check_manual(lambda x: (x * generator.normal()).sum(), [np.ones(2)], A)


def test_few_samples_are_measured_the_largest_among_them():
    x = np.arange(1.0, 51.0)
    found = check_manual(lambda x: (x**2).sum(), [2 * x], x, samples=3)
    measured = np.isfinite(found.rows[0].numerical)
    assert measured.sum() == 3
    assert measured[-1]
    none = check_manual(lambda x: (x**2).sum(), [2 * x], x, samples=0)
    assert none.rows[0].numerical_error is None


@pytest.mark.parametrize(
    ("call", "error", "told"),
    [
        (lambda: check_manual(product, [B], A, B), ValueError, "1 gradients, expected 2.*a, b"),
        (lambda: check_manual(product, {"c": B}, A, B), ValueError, "found 'c', expected some of"),
        (lambda: check_manual(product, [B, "x"], A, B), TypeError, "b must be numeric, got text"),
        (lambda: check_manual(product, [B, A], [True], [False]), ValueError, "write 3.0 for 3"),
        (lambda: check_manual(product, [B, A], A, B, samples=-1), ValueError, "samples must be"),
        (
            lambda: check_manual(lambda a: 3.0, [B], A),
            TypeError,
            "f must return a Tensor, got a flo",
        ),
        (lambda: check_manual(lambda a: Tensor(1.0), [B], A), GradientError, "does not depend"),
        (lambda: check_manual(product, [B, A], A, B, names=["a"]), ValueError, "2 different names"),
    ],
)
def test_wrong_uses_raise_one_line_errors(call, error, told):
    with pytest.raises(error, match=told) as caught:
        call()
    assert "\n" not in str(caught.value)


def test_builtins_without_a_signature_are_numbered():
    class Silent:
        __signature__ = "none"

        def __call__(self, a):
            return a.sum()

    found = check_manual(Silent(), [np.ones(2)], A)
    assert found.rows[0].name == "input0"


def test_gradients_of_the_step_before():
    before = {"a": np.array([5.0, 6.0]), "b": np.array([7.0, 8.0])}
    added = check_manual(product, [B + before["a"], A + before["b"]], A, B, previous=before)
    assert added.diagnoses[0].kind == "stale gradient"
    assert "was not set to zero" in added.diagnoses[0].sentence
    other = check_manual(product, [B + 1, A], A, B, previous=list(before.values()))
    assert other.diagnoses == ()


# A network ------------------------------------------------------------------------------------


@pytest.fixture
def network():
    generator = np.random.default_rng(3)
    return MLP([3, 4, 2], "tanh", seed=1), generator.normal(size=(5, 3)), [0, 1, 1, 0, 1]


def test_a_network_takes_gradients_by_name_as_a_pair_or_from_a_function(network):
    mlp, x, labels = network
    by_name = manual_gradients(mlp, x, labels)
    values = list(by_name.values())

    def mine(weights, biases, x, labels):
        return delta_rule.gradients(weights, biases, x, labels, "softmax", "tanh")

    for manual in (by_name, (values[::2], values[1::2]), mine):
        assert compare_gradients(mlp, x, labels, manual=manual).agree
    part = compare_gradients(mlp, x, labels, manual={"linear2.bias": 2 * by_name["linear2.bias"]})
    assert list(part["parameter"]) == ["linear2.bias"]
    assert not part.agree
    assert part.check.diagnoses[0].kind == "factor"
    assert "looks like this" in repr(part)


def test_a_wrong_delta_of_a_network_is_one_mistake_in_its_module(network):
    mlp, x, labels = network

    def mine(weights, biases, x, labels):
        a, z = delta_rule.forward(weights, biases, x, "tanh")
        p = np.exp(z) / np.exp(z).sum(1, keepdims=True)
        delta = (p - np.eye(2)[labels]) / len(x)
        below = delta @ weights[1].T  # without the derivative of tanh
        return [a[0].T @ below, a[1].T @ delta], [below.sum(0), delta.sum(0)]

    table = compare_gradients(mlp, x, labels, manual=mine)
    (diagnosis,) = table.check.diagnoses
    assert (diagnosis.kind, diagnosis.place) == ("no activation derivative", "tanh1")
    assert set(diagnosis.explains) == {"linear1.weight", "linear1.bias"}
    assert re.search(r"linear2\.weight, linear2\.bias agree; the first that differs", repr(table))


@pytest.mark.parametrize(
    ("manual", "told"),
    [
        ({"linear9.weight": 1.0}, "found 'linear9.weight', expected some of linear1.weight"),
        (([1.0], [1.0]), "a pair .of all weights, of all biases. with 2 arrays each"),
        (3.0, "expected gradients by name, or a pair"),
        (lambda weights, biases, x, labels: 3, "expected gradients by name, or a pair"),
    ],
)
def test_gradients_that_do_not_fit_a_network_are_refused(network, manual, told):
    mlp, x, labels = network
    with pytest.raises(ValueError, match=told):
        compare_gradients(mlp, x, labels, manual=manual)


def test_shapes_that_do_not_fit_a_network_are_in_the_table(network):
    mlp, x, labels = network
    by_name = manual_gradients(mlp, x, labels)
    by_name["linear1.weight"] = by_name["linear1.weight"].T
    table = compare_gradients(mlp, x, labels, manual=by_name)
    assert not table.agree
    assert "linear1.weight: shape (4, 3), expected (3, 4)" in repr(table)
    assert table.check.diagnoses[0].kind == "transposed"


def test_agreement_is_relative_to_the_other_elements():
    tiny, zero = np.array([1e-17]), np.array([0.0])
    assert not agrees(tiny, zero, 1e-9)
    assert agrees(tiny, zero, 1e-9, np.array([1.0]))
    assert agrees(np.zeros(0), np.zeros(0), 1e-9)
    assert not agrees(np.zeros(2), np.zeros(3), 1e-9)


# What a student does ----------------------------------------------------------------------------


def test_a_forgotten_return_is_named():
    with pytest.raises(TypeError, match=r"returned None; return one gradient for each of a, b"):
        check_manual(product, lambda a, b: None, A, B)


def test_truth_values_count_as_numbers():
    found = check_manual(tg.relu, lambda g, x: x > 0, X)
    assert found.diagnoses[0].kind == "upstream missing"


def test_the_place_is_that_of_the_function_and_not_of_the_sum_above_it():
    def mine(g, u, v):
        return g * (u > 0), 1 - np.tanh(v) ** 2

    found = check_manual(lambda u, v: tg.relu(u) + tg.tanh(v), mine, X, X[::-1] + 0.1)
    assert found.diagnoses[0].kind == "upstream missing"
    assert found.diagnoses[0].place == "tanh of v"


def test_gradients_that_change_places():
    w, b = np.ones((3, 2)), np.zeros(2)
    right = [X.T @ np.ones((2, 2)), np.full(2, 2.0)]
    found = check_manual(lambda w, b: (X @ w + b).sum(), right[::-1], w, b)
    (diagnosis,) = found.diagnoses
    assert diagnosis.kind == "exchanged"
    assert diagnosis.explains == ("w", "b")
    # Of one shape, it is as likely that the derivatives of the operation were exchanged.
    assert check_manual(product, [A, B], A, B).diagnoses[0].kind == "other operand"
    other = check_manual(lambda a, b: (a**2 + b**3).sum(), [3 * B**2, 2 * A], A, B)
    assert other.diagnoses[0].kind == "exchanged"


def test_sums_over_all_axes():
    found = check_manual(lambda b: (X + b).sum(), [6.0], np.zeros(3))
    assert found.diagnoses[0].kind == "summed too far"


def test_a_mean_at_the_weights_of_a_layer():
    rows = np.random.default_rng(0).normal(size=(4, 3))

    def mine(g, w, b):
        return rows.T @ g / 4, g.sum(0)

    found = check_manual(lambda w, b: rows @ w + b, mine, np.ones((3, 2)), np.zeros(2))
    assert found.diagnoses[0].kind == "factor"
    assert "1/4 of what it should be" in found.diagnoses[0].sentence


@pytest.mark.parametrize(
    ("change", "kind", "said"),
    [
        (lambda e, y: (e / e.sum(1, keepdims=True) - y) / y.size, "factor", "all elements"),
        (lambda e, y: (e / e.sum(0) - y) / 4, "softmax over the wrong axis", "axis 0, the batch"),
        (lambda e, y: (e / e.sum() - y) / 4, "softmax over the wrong axis", "all elements"),
    ],
)
def test_other_slips_at_a_softmax(change, kind, said):
    z, labels = np.random.default_rng(1).normal(size=(4, 3)), np.array([0, 2, 1, 1])

    def mine(z, labels):
        e = np.exp(z - z.max(axis=1, keepdims=True))
        return [change(e, np.eye(3)[labels])]

    found = check_manual(tg.softmax_cross_entropy, mine, z, labels)
    assert found.diagnoses[0].kind == kind
    assert said in found.diagnoses[0].sentence


def test_one_slip_is_said_once():
    rows = np.random.default_rng(0).normal(size=(4, 3))

    def mine(g, w, b):
        return rows.T @ g, g.mean(0)

    found = check_manual(lambda w, b: rows @ w + b, mine, np.ones((3, 2)), np.zeros(2))
    assert [one.kind for one in found.diagnoses] == ["bias averaged"]


def test_old_gradients_do_not_change_what_arrives():
    before = {"a": np.array([5.0, 6.0]), "b": np.array([7.0, 8.0])}
    found = check_manual(product, [B + before["a"], A + before["b"]], A, B, previous=before)
    assert "look at" not in found.first


@pytest.mark.parametrize(("times", "kinds"), [(1.0, ["factor"]), (1.7, [])])
def test_regularisation_that_f_has_too(times, kinds):
    w = np.random.default_rng(0).normal(size=(3, 2))

    def f(w):
        return tg.sin(w).sum() + 0.125 * (w * w).sum()

    found = check_manual(f, [np.cos(w) + 0.25 * w + times * 0.25 * w], w)
    assert [diagnosis.kind for diagnosis in found.diagnoses] == kinds


def test_parameters_that_are_not_asked_about_have_places_too():
    c = Tensor([0.3, 0.4], requires_grad=True)
    found = check_manual(lambda x: (tg.tanh(c) * x).sum(), [2 * np.tanh(c.data)], A)
    assert found.diagnoses[0].kind == "factor"
    assert found.diagnoses[0].place == "multiply of x"
    assert c.grad is None


def test_a_place_is_known_by_what_comes_before_it():
    def mine(x):
        return np.exp(np.exp(x)) * np.exp(x)  # without the derivative of tanh

    point = np.array([-0.5, -1.0])
    found = check_manual(lambda x: tg.tanh(tg.exp(tg.exp(x))).sum(), mine, point)
    assert found.diagnoses[0].place == "tanh after the exp of x"
    assert repr(found) == str(found)


def test_giving_up_on_a_large_graph_is_reported(monkeypatch):
    monkeypatch.setattr(search, "_MOST_WORK", 1)
    found = check_manual(lambda x: tg.tanh(tg.exp(x)).sum(), [np.ones(2)], A)
    assert found.diagnoses == ()
    assert found.notes[-1].startswith("the graph is large: not all mistakes were tried")


@pytest.mark.parametrize("shape", [(3,), (2, 4, 3)])
def test_products_of_vectors_and_of_stacks(shape):
    x = np.random.default_rng(0).normal(size=shape)
    right = np.broadcast_to(x.reshape(-1, 3).sum(0)[:, None], (3, 2))
    w = np.random.default_rng(1).normal(size=(3, 2))
    assert check_manual(lambda w: (x @ w).sum(), [right], w).agree
    found = check_manual(lambda w: (x @ w).sum(), [-right], w)
    assert found.diagnoses[0].kind == "sign"
