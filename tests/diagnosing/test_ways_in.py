"""Tests the forms in which a check takes inputs and gradients, and training steps that compute a
cost and its gradients in one function.
"""

import inspect
import re

import numpy as np
import pytest

import tinygrad_edu as tg
from tinygrad_edu import assert_gradients, check_backprop, check_manual

generator = np.random.default_rng(20)
X, Y = generator.normal(size=(5, 4)), generator.normal(size=(5, 3))
W1, b1 = generator.normal(size=(4, 6)), generator.normal(size=6)
W2, b2 = generator.normal(size=(6, 3)), generator.normal(size=3)
NAMED = {"W1": W1, "b1": b1, "W2": W2, "b2": b2}
LAYERS = [{"W": W1, "b": b1}, {"W": W2, "b": b2}]


def cost_of(W1, b1, W2, b2):
    return ((np.tanh(X @ W1 + b1) @ W2 + b2 - Y) ** 2).sum()


def gradients_of(W1, b1, W2, b2):
    a = np.tanh(X @ W1 + b1)
    delta2 = 2 * (a @ W2 + b2 - Y)
    delta1 = delta2 @ W2.T * (1 - a**2)
    return X.T @ delta1, delta1.sum(0), a.T @ delta2, delta2.sum(0)


def differing(check):
    return [row.name for row in check.rows if not row.agree]


def names(check):
    return [row.name for row in check.rows]


# Structures ---------------------------------------------------------------------------------------


def of_named(p):
    return cost_of(p["W1"], p["b1"], p["W2"], p["b2"])


def of_list(p):
    return cost_of(*p)


def of_layers(layers):
    return cost_of(layers[0]["W"], layers[0]["b"], layers[1]["W"], layers[1]["b"])


def of_lists(weights, biases):
    return cost_of(weights[0], biases[0], weights[1], biases[1])


STRUCTURES = {
    "dictionary": (of_named, [NAMED], list(NAMED)),
    "list": (of_list, [[W1, b1, W2, b2]], ["p[0]", "p[1]", "p[2]", "p[3]"]),
    "tuple": (of_list, [(W1, b1, W2, b2)], ["p[0]", "p[1]", "p[2]", "p[3]"]),
    "layers": (
        of_layers,
        [LAYERS],
        ["layers[0].W", "layers[0].b", "layers[1].W", "layers[1].b"],
    ),
    "two lists": (
        of_lists,
        [[W1, W2], [b1, b2]],
        ["weights[0]", "weights[1]", "biases[0]", "biases[1]"],
    ),
}
G = gradients_of(W1, b1, W2, b2)
IN_ORDER = {"two lists": (G[0], G[2], G[1], G[3])}


def shaped(case, g):
    """Return gradients in the structure of the inputs, and in other forms that mean the same."""
    forms = {
        "dictionary": [
            dict(zip(NAMED, g, strict=True)),
            {f"d{n}": one for n, one in zip(NAMED, g, strict=True)},
            {f"{n}_grad": one for n, one in zip(NAMED, g, strict=True)},
            {f"grad_{n}": one for n, one in zip(NAMED, g, strict=True)},
        ],
        "list": [list(g)],
        "tuple": [tuple(g)],
        "layers": [
            [{"W": g[0], "b": g[1]}, {"W": g[2], "b": g[3]}],
            [{"dW": g[0], "db": g[1]}, {"dW": g[2], "db": g[3]}],
        ],
        "two lists": [([g[0], g[2]], [g[1], g[3]])],
    }
    return [*forms[case], list(IN_ORDER.get(case, g)) if g is G else forms[case][0]]


@pytest.mark.parametrize("case", STRUCTURES)
def test_structures_are_checked_array_by_array(case):
    f, inputs, expected = STRUCTURES[case]
    for given in shaped(case, G):
        for mine in (given, lambda *_, given=given: given):
            check = check_manual(f, mine, *inputs)
            assert check.agree
            assert names(check) == expected
    by_name = dict(zip(expected, IN_ORDER.get(case, G), strict=True))
    for row in check_manual(f, shaped(case, G)[0], *inputs).rows:
        np.testing.assert_allclose(row.automatic, by_name[row.name], rtol=1e-10)


@pytest.mark.parametrize("case", STRUCTURES)
@pytest.mark.parametrize("wrong", range(4))
def test_a_wrong_gradient_in_a_structure_is_the_one_that_differs(case, wrong):
    f, inputs, expected = STRUCTURES[case]
    changed = [1.5 * one if place == wrong else one for place, one in enumerate(G)]
    place = {"two lists": (0, 2, 1, 3)}.get(case, (0, 1, 2, 3))[wrong]
    for given in shaped(case, changed):
        assert differing(check_manual(f, given, *inputs)) == [expected[place]]


def test_functions_get_the_structure_and_cannot_change_it():
    before = {"layers": [{"W": W1.copy(), "n": 3, "kind": "tanh"}], "rate": 0.5}
    seen = []

    def f(p):
        seen.append(p)
        return (p["layers"][0]["W"] ** 2).sum() * p["rate"]

    def mine(p):
        W = p["layers"][0]["W"]
        found = {"layers": [{"W": 2 * W * p["rate"]}], "rate": (W**2).sum()}
        W *= 0
        assert p["layers"][0]["n"] == 3
        assert p["layers"][0]["kind"] == "tanh"
        return found

    check = check_manual(f, mine, before)
    assert check.agree
    assert names(check) == ["layers[0].W", "rate"]
    assert isinstance(seen[0]["layers"][0]["W"], tg.Tensor)
    np.testing.assert_array_equal(before["layers"][0]["W"], W1)


def test_names_have_the_input_only_where_that_is_needed():
    def f(first, second, W):
        return (first["W"] * second["W"] * W * second["b"]).sum()

    one = np.ones(2)
    mine = [2 * one, 2 * one, one, 2 * one]
    check = check_manual(f, mine, {"W": one}, {"W": one, "b": 2 * one}, one)
    assert names(check) == ["first.W", "second.W", "b", "W"]
    assert check_manual(f, mine, {"W": one}, {"W": one, "b": 2 * one}, one, names="pqrs").rows[
        2
    ].name == ("r")


def test_the_line_is_found_in_a_function_of_a_structure():
    def mine(p):
        a = np.tanh(X @ p["W1"] + p["b1"])
        delta2 = 2 * (a @ p["W2"] + p["b2"] - Y)
        delta1 = delta2 @ p["W2"].T * (1 - a)
        return {
            "dW1": X.T @ delta1,
            "db1": delta1.sum(0),
            "dW2": a.T @ delta2,
            "db2": delta2.sum(0),
        }

    check = check_manual(of_named, mine, NAMED)
    assert differing(check) == ["W1", "b1"]
    assert check.diagnoses[0].line.code == 'delta1 = delta2 @ p["W2"].T * (1 - a)'
    assert "a**2" in check.diagnoses[0].right


def test_other_gradients_under_names_of_their_own_are_noted():
    mine = {f"d{n}": g for n, g in zip(NAMED, G, strict=True)}
    check = check_manual(of_named, mine | {"dZ1": np.ones(3)}, NAMED)
    assert check.agree
    assert check.notes == ("not used, because no input has these names: dZ1",)
    part = check_manual(of_named, {"dW1": G[0]}, NAMED)
    assert part.agree
    assert part.notes == ("not checked, because no gradient was given: b1, W2, b2",)


# What functions return --------------------------------------------------------------------------


def test_a_cost_comes_with_a_cache_and_gradients_with_a_cost():
    def f(W1, b1, W2, b2):
        cost = cost_of(W1, b1, W2, b2)
        return cost, {"a": np.tanh(X @ W1 + b1)}

    for returned in (
        lambda g: (g, {"cache": X}),
        lambda g: (3.5, g),
        lambda g: (3.5, g, {"W1": W1 * 0}),
        lambda g: (3.5, *g),
        lambda g: (3.5, {f"d{n}": one for n, one in zip(NAMED, g, strict=True)}, X),
    ):
        assert check_manual(f, lambda *_, r=returned: r(list(G)), W1, b1, W2, b2).agree
        changed = [G[0], 2 * G[1], G[2], G[3]]
        check = check_manual(f, lambda *_, r=returned, c=changed: r(c), W1, b1, W2, b2)
        assert differing(check) == ["b1"]


def test_a_list_of_rows_is_one_gradient():
    check = check_manual(lambda x: (x**2).sum(), lambda x: [[2 * row for row in x]], X)
    assert check.agree


def test_an_output_may_come_with_a_cache():
    check = check_manual(lambda x: (x**3, {"x": x}), lambda g, x: g * 3 * x**2, X)
    assert check.agree


@pytest.mark.parametrize(
    ("f", "mine", "told"),
    [
        (lambda x: (x * 2, x * 3), [X], "f returned 2 tensors, none of one element"),
        (lambda x: (x**2).sum(), lambda x: (X, X), "2 gradients, expected 1"),
        (
            lambda x: (x**2).sum(),
            lambda x: ({"x": X}, {"x": Y}, [X]),
            "more than one of them could be the gradients",
        ),
        (lambda x: (x**2).sum(), {"dx": X, "dy": X, "y": X}, "found 'dy'"),
        (lambda x: (x**2).sum(), {"dz": X}, "found 'dz', expected some of x"),
    ],
)
def test_returned_values_that_can_be_read_in_two_ways_are_refused(f, mine, told):
    with pytest.raises((TypeError, ValueError), match=told) as caught:
        check_manual(f, mine, X)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("mine", [[X], [X, X, X, X, X], [[X, X], [X]], {"W9": X}, 3.0])
def test_gradients_that_do_not_fit_a_structure_are_refused(mine):
    with pytest.raises(ValueError, match="W1, b1, W2, b2"):
        check_manual(of_named, mine, NAMED)


# An unrolled theta, and whole numbers -----------------------------------------------------------

SHAPES = {"W1": (4, 6), "b1": (6,), "W2": (6, 3), "b2": 3}
THETA = np.concatenate([one.ravel() for one in NAMED.values()])


def unrolled(theta):
    W1, b1, W2 = theta[:24].reshape(4, 6), theta[24:30], theta[30:48].reshape(6, 3)
    return W1, b1, W2, theta[48:]


def test_parts_of_theta_are_rows():
    def mine(theta, wrong=None):
        assert theta.shape == (51,)
        parts = gradients_of(*unrolled(theta))
        return np.concatenate([2 * g.ravel() if n == wrong else g.ravel()
                               for n, g in zip(SHAPES, parts, strict=True)])  # fmt: skip

    def J(theta):
        assert theta.shape == (51,)
        return cost_of(*unrolled(theta))

    check = check_manual(J, mine, THETA, shapes=SHAPES)
    assert check.agree
    assert names(check) == list(SHAPES)
    for row, expected in zip(check.rows, G, strict=True):
        np.testing.assert_allclose(row.automatic, expected, rtol=1e-10)
        assert row.shape == expected.shape
    for wrong in SHAPES:
        assert differing(
            check_manual(J, lambda t, wrong=wrong: mine(t, wrong), THETA, shapes=SHAPES)
        ) == [wrong]
    pair = check_manual(J, lambda t: (J(t), mine(t)), THETA, shapes=list(SHAPES.values()))
    assert pair.agree
    assert names(pair)[0] == "theta[0]"


@pytest.mark.parametrize(
    ("shapes", "inputs", "told"),
    [
        ({"W": (4, 6), "b": (5,)}, [THETA], r"24 \+ 5 = 29 elements, but theta has 51"),
        ({"W": (4, -6)}, [THETA], "W has the shape"),
        ({"W": (51,)}, [{"a": THETA, "b": THETA}], "takes one input of floating numbers"),
    ],
)
def test_shapes_that_do_not_add_up_are_refused(shapes, inputs, told):
    calls = []
    with pytest.raises(ValueError, match=told):
        check_manual(lambda theta: calls.append(1), [THETA], *inputs, shapes=shapes)
    assert not calls
    with pytest.raises(ValueError, match=r"the gradient of theta has shape \(50,\)"):
        check_manual(lambda theta: theta.sum(), [np.ones(50)], THETA, shapes=SHAPES)


def test_whole_numbers_are_differentiated_where_nothing_else_is():
    seen = []

    def mine(a, b):
        seen.append(a.dtype)
        return b, a

    check = check_manual(lambda a, b: (a * b).sum(), mine, [1, 2], np.array([3, 4]))
    assert check.agree
    assert seen[0] == np.float64
    assert check.notes == ("all inputs are whole numbers, so they were used as float64",)
    mixed = check_manual(lambda a, n: (a * n).sum(), [np.array([3, 4])], [1.0, 2.0], [3, 4])
    assert names(mixed) == ["a"]
    assert mixed.notes == ()


# Training steps -----------------------------------------------------------------------------------


def backward(a, z, W2):
    delta2 = 2 * (z - Y)
    delta1 = delta2 @ W2.T * (1 - a**2)
    return X.T @ delta1, delta1.sum(0), a.T @ delta2, delta2.sum(0)


def in_tensors(p, x, y):
    a = np.tanh(x @ p["W1"] + p["b1"])
    z = a @ p["W2"] + p["b2"]
    g = backward(a, z, p["W2"])
    return ((z - y) ** 2).sum(), {f"d{n}": one for n, one in zip(NAMED, g, strict=True)}


def into_arrays(p, x, y):
    a = np.tanh(x @ p["W1"] + p["b1"])
    z = a @ p["W2"] + p["b2"]
    total = ((z - y) ** 2).sum()
    grads = {name: np.zeros(np.shape(value)) for name, value in p.items()}
    for i in range(len(x)):
        delta2 = 2 * (z[i] - y[i])
        delta1 = p["W2"] @ delta2 * (1 - a[i] ** 2)
        grads["W1"] += np.outer(x[i], delta1)
        grads["b1"][:] += delta1
        grads["W2"] += np.outer(a[i], delta2)
        grads["b2"][:] += delta2
    return grads, total, {"a": a}


def one_by_one(W1, b1, W2, b2, x, y, rate=0.1):
    cost, g = in_tensors({"W1": W1, "b1": b1, "W2": W2, "b2": b2}, x, y)
    W1 -= rate * g["dW1"]
    return float(cost), tuple(g.values())


@pytest.mark.parametrize(
    ("step", "params", "expected"),
    [
        (in_tensors, NAMED, list(NAMED)),
        (into_arrays, NAMED, list(NAMED)),
        (one_by_one, (W1, b1, W2, b2), list(NAMED)),
    ],
)
def test_a_training_step_is_checked(step, params, expected):
    check = check_backprop(step, params, X, Y)
    assert check.agree
    assert names(check) == expected
    for row, gradient in zip(check.rows, G, strict=True):
        np.testing.assert_allclose(row.automatic, gradient, rtol=1e-10)
    variable = {in_tensors: "", into_arrays: "total", one_by_one: "cost"}[step]
    assert len(check.notes) == bool(variable)
    for note in check.notes:
        assert re.search(rf"test_ways_in\.py:\d+: .*the value of {variable} before", note)


def test_the_line_of_a_training_step_is_found():
    def step(p, x, y):
        error = x @ p["W"] + p["b"] - y
        cost = (error**2).sum()
        dW = np.zeros((4, 3))
        dW += x.T @ error
        return cost, {"dW": dW, "db": 2 * error.sum(axis=0)}

    check = check_backprop(step, {"W": W2[:4], "b": b2}, X, Y)
    assert differing(check) == ["W"]
    assert check.diagnoses[0].line.code == "dW += x.T @ error"


def test_the_value_of_the_cost_has_to_be_that_for_arrays():
    def step(p, x, y):
        error = x @ p["W"] - y
        cost = (error**2).sum()
        grad = np.zeros((4, 3))
        grad[:] = 2 * x.T @ error
        cost = cost + (p["W"] ** 2).sum()  # after the line that does not run
        return cost, {"W": grad + 2 * p["W"]}

    with pytest.raises(
        TypeError, match=r"test_ways_in\.py:\d+.*split it in two functions"
    ) as caught:
        check_backprop(step, {"W": W2[:4]}, X, Y)
    assert "\n" not in str(caught.value)


def test_a_forward_part_that_does_not_run_says_what_to_write():
    def step(p, x, y):
        error = x.dot(p["W"]) - y
        return {"W": 2 * x.T.dot(error)}, (error**2).sum()

    with pytest.raises(
        TypeError, match=r'x\.dot\(p\["W"\]\).*write x @ p\[\'W\'\], or np\.dot\(x, p\["W"\]\)'
    ):
        check_backprop(step, {"W": W2[:4]}, X, Y)

    def converted(p, x, y):
        error = x @ p["W"] - y
        cost = (error**2).sum()
        return {"W": 2 * x.T @ error}, float(cost)

    check = check_backprop(converted, {"W": W2[:4]}, X, Y)
    assert check.agree
    assert check.notes == ()


@pytest.mark.parametrize(
    ("step", "told"),
    [
        (lambda p, x, y: {"W": x.T @ y}, "must return .cost, gradients."),
        (lambda p, x, y: ({"W": x.T @ y}, {"cache": x}), "no cost"),
        (lambda p, x: 1.0, "train_step is called with"),
        (3, "takes the training step first"),
    ],
)
def test_steps_that_cannot_be_read_are_refused(step, told):
    with pytest.raises(TypeError, match=told):
        check_backprop(step, {"W": W2[:4]}, X, Y)


# In tests -----------------------------------------------------------------------------------------


def test_assertions_have_the_conclusion_and_the_table():
    assert_gradients(of_named, lambda p: G, NAMED)
    with pytest.raises(AssertionError) as caught:
        assert_gradients(of_named, [G[0], G[1], -G[2], G[3]], NAMED, samples=3)
    assert type(caught.value) is AssertionError
    text = str(caught.value)
    assert "1 of 4 gradients by hand differs: W2" in text
    assert "looks like this: the sign" in text
    assert re.search(r"W2 +\(6, 3\) +✗ DIFFERS", text)
    assert "engine" not in text
    (frame,) = [one.frame for one in inspect.getinnerframes(caught.tb)
                if one.function == "assert_gradients"]  # fmt: skip
    assert frame.f_locals["__tracebackhide__"] is True
