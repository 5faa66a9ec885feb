"""Tests the operations that users declare: mistakes in them are errors that name the operation, and
every tool works on them. What tools read in a declaration is tested in `diagnosing`.
"""

import importlib
import math

import numpy as np
import pytest

import tinygrad_edu as tg
from tinygrad_edu import (
    AnomalyError,
    GradientError,
    Tensor,
    check_gradients,
    check_manual,
    checkpoint,
    detect_anomaly,
    draw,
    explain,
    grad,
    lint,
    made_at,
    microscope,
    primitive,
    record_source_lines,
    stepper,
    vmap,
)

X = np.array([0.5, -1.25, 2.0])


def leaf(values=X, **keywords):
    return Tensor(values, requires_grad=True, **keywords)


def kepler():
    """Declare the solution E of Kepler's equation E - e sin E = M, found by Newton's method.

    Differentiating the equation: dE = (dM + sin E de) / (1 - e cos E).
    """

    @primitive(
        lambda g, out, M, e: g / (1 - e * np.cos(out)),
        lambda g, out, M, e: g * np.sin(out) / (1 - e * np.cos(out)),
        broadcasts=True,
        elementwise=True,
        analytic=False,
    )
    def anomaly(M, e, /):
        E = M + e * np.sin(M)
        for _ in range(20):
            E = E - (E - e * np.sin(E) - M) / (1 - e * np.cos(E))
        return E

    return anomaly


# The name ---------------------------------------------------------------------------------------


def test_the_function_and_the_module_have_one_name():
    module = importlib.import_module("tinygrad_edu.primitive")
    assert tg.primitive is primitive is module.primitive
    assert inspect_is_function(tg.primitive)
    for name in (*module.__all__, "tick"):
        assert getattr(tg.primitive, name) is getattr(module, name)
    names = {}
    exec("from tinygrad_edu import *\nfrom tinygrad_edu.primitive import PRIMITIVES, tick", names)
    exec("import tinygrad_edu.primitive as again\nimport tinygrad_edu.primitive", names)
    assert names["primitive"] is names["again"] is primitive
    assert names["PRIMITIVES"] is tg.primitive.PRIMITIVES


def inspect_is_function(value):
    return type(value) is type(lambda: None)


# Every tool -------------------------------------------------------------------------------------


def test_gradients_and_their_checks():
    E = kepler()
    M, e = np.array([0.3, 1.0, 2.5]), 0.4
    solved = E(M, e)  # on arrays, only the forward pass
    np.testing.assert_allclose(solved - e * np.sin(solved), M, rtol=1e-14)
    check_gradients(E, M, np.float64(e), order=3)
    by_M, by_e = grad(lambda M, e: E(M, e).sum(), argnums=(0, 1))(M, e)
    np.testing.assert_allclose(by_M, 1 / (1 - e * np.cos(solved)))
    np.testing.assert_allclose(by_e, (np.sin(solved) / (1 - e * np.cos(solved))).sum())
    np.testing.assert_allclose(vmap(grad(E), (0, None))(M, e), by_M)
    x = leaf(M)
    checkpoint(lambda x: E(x, e).sum(), x).backward()
    np.testing.assert_allclose(x.grad, by_M)
    found = check_manual(lambda M: E(M, e).sum(), [np.ones(3)], M)
    assert not found.agree
    assert "anomaly" in str(found)


@pytest.mark.parametrize(
    "text", [{}, {"formula": "x * exp(x)", "derivatives": ("g * (1 + x) * exp(x)",)}]
)
def test_tools_need_no_facts(text):
    """With the rule alone; what is declared besides only adds words."""

    @primitive(lambda g, out, x: g * (1 + x) * np.exp(x), **text)
    def grown(x, /):
        return x * np.exp(x)

    x = leaf(name="x")
    with record_source_lines():
        y = grown(x)
    assert "y = grown(x)" in str(made_at(y))
    loss = (y * 2.0).sum()
    loss.backward()
    assert "grown" in draw(loss).dot
    assert "grown" in draw(loss).svg()
    assert "from grown" in str(explain(x, loss))
    assert "the result of grown" in str(explain(y, loss))
    assert lint(loss).ok
    assert "grown" in stepper(loss).to_json()
    assert "grown" not in str(microscope(lambda x: grown(x).sum(), [0.5])), "it has no kink"
    with pytest.raises(AnomalyError, match="grown gave NaN at index"), detect_anomaly():
        grown(leaf(np.array([1.0, np.nan])))
    check_gradients(grown, X, order=2)


def test_steps_with_own_operations_are_captured():
    @primitive(lambda g, out, x: g * np.cos(x))
    def looped_sine(x, /):
        return np.array([math.sin(number) for number in x])  # reads the numbers

    E = kepler()

    def training():
        w = leaf(np.array([0.2, 0.3, 0.4]))

        def step(x):
            loss = (looped_sine(E(w * x, 0.3)) ** 2).sum()
            loss.backward()
            w.data = w.data - 0.1 * w.grad
            w.grad = None
            return loss

        return step

    step, captured = training(), tg.capture(training())
    for number in range(5):
        assert step(X + number).item() == captured(X + number).item()


def test_a_replay_sees_what_rules_use():
    used = {"factor": 2.0}

    @primitive(lambda g, out, x: used["factor"] * g)
    def scaled_back(x, /):
        return np.copy(x)

    @primitive(each=lambda position, g, out, *arrays: used["factor"] * g)
    def added(*arrays):
        return sum(arrays)

    for f in (scaled_back, lambda x: added(x, x)):
        used["factor"] = 2.0
        captured = tg.capture(grad(lambda x, f=f: f(x).sum()))
        before = [captured(X)[0] for _ in range(3)]
        used["factor"] = 5.0
        assert captured(X)[0] == before[-1] * 2.5


def test_gradients_on_purpose():
    @primitive(lambda g, out, x: g, kink=lambda x: x % 1 - 0.5)
    def round_straight(x, /):
        return np.round(x)

    @primitive(lambda g, out, x, scale=1.0: -scale * g)
    def reverse(x, /, scale=1.0):
        return x

    @primitive(lambda g, out, x, limit=1.0: np.clip(g, -limit, limit))
    def limited(x, /, limit=1.0):
        return x

    x = leaf()
    np.testing.assert_array_equal(grad(round_straight(x).sum(), x), np.ones(3))
    np.testing.assert_array_equal(grad((reverse(x, scale=0.5) * X).sum(), x), -0.5 * X)
    np.testing.assert_array_equal(grad((reverse(x, 2.0) * X).sum(), x), -2 * X)
    np.testing.assert_array_equal(grad((limited(x, limit=1.0) * X).sum(), x), np.clip(X, -1, 1))
    # They are exact to second order as well: of x² after a reversal, x - (-1)² of the slope.
    slope = grad(lambda x: (reverse(x) ** 2).sum(), create_graph=True)(x)
    np.testing.assert_array_equal(slope.data, -2 * X)
    with pytest.raises(GradientError, match="gradient check failed"):
        check_gradients(reverse, X)


def test_a_cell_can_be_run_twice():
    def cell(factor):
        @primitive(lambda g, out, x: factor * g)
        def scaled_here(x, /):
            return factor * x

        return scaled_here

    first, second = cell(2.0), cell(3.0)
    assert tg.primitive.PRIMITIVES["scaled_here"] is second.primitive
    x = leaf()
    np.testing.assert_array_equal(grad((first(x) * second(x)).sum(), x), 12 * X)


def test_several_arrays_and_results_to_reuse():
    @primitive(lambda g, out, x, labels: g * labels, None)
    def chosen(x, labels, /):
        return x * labels

    np.testing.assert_array_equal(grad(chosen(x := leaf(), [1, 0, 1]).sum(), x), [1, 0, 1])

    @primitive(each=lambda position, g, out, *arrays: (position + 1) * g)
    def weighted(*arrays):
        return sum((i + 1) * array for i, array in enumerate(arrays))

    x, y = leaf(), leaf(2 * X)
    by_x, by_y = grad(weighted(x, y).sum(), [x, y])
    np.testing.assert_array_equal(by_x, np.ones(3))
    np.testing.assert_array_equal(by_y, np.full(3, 2.0))

    @primitive(
        lambda g, out, x, residual: g * (np.cos(x) if residual is None else residual),
        residual=True,
    )
    def sine_with_cosine(x, /):
        return np.sin(x), np.cos(x)

    check_gradients(sine_with_cosine, X, order=2)
    assert type(sine_with_cosine(X)) is np.ndarray


# Mistakes ---------------------------------------------------------------------------------------


def passed(g, out, x):
    return g


def declared(forward, *rules, **facts):
    """Declare an operation of one array with a name."""

    @primitive(*(rules or (passed,)), **facts)
    def mine(x, /):
        return forward(x)

    return mine


def written(x):
    x += 1
    return x


def written_at(x):
    x[0] = 1
    return x


def doubled(g, out, x):
    g *= 2
    return g


def pulled(rule):
    declared(np.copy, rule)(leaf()).sum().backward()


def taken():
    @primitive(passed)
    def exp(x, /):
        return x


def composed_name():
    @primitive(passed)
    def silu(x, /):
        return x


def metadata_forgotten():
    @primitive(passed)
    def stretched(x, /, *, factor=1.0):
        return factor * x


MISTAKES = {
    "no mark of arrays": (
        lambda: primitive(passed)(lambda x: x),
        TypeError,
        r"0 arrays before '/', but 1 rules; .* as in def",
    ),
    "too few rules": (
        lambda: primitive(passed)(lambda x, y, /: x),
        TypeError,
        "2 arrays before '/', but 1 rules; write one rule for each array",
    ),
    "no parentheses": (
        lambda: primitive(lambda x: x)(leaf()),
        TypeError,
        r"@primitive\(rule\) above def f\(x, /\), got a Tensor",
    ),
    "no rule": (
        lambda: declared(np.copy, "g"),
        TypeError,
        r"mine: the rule for x is 'g'.*\(g, out",
    ),
    "a short rule": (
        lambda: declared(np.copy, lambda g, x: g),
        TypeError,
        r"the rule for x takes \(g, x\), but is called with \(g, out, x\)",
    ),
    "metadata": (metadata_forgotten, TypeError, r"is called with \(g, out, x, factor=...\)"),
    "residual": (
        lambda: declared(np.copy, residual=True),
        TypeError,
        r"called with \(g, out, x, residual=...\)",
    ),
    "a name of ours": (taken, ValueError, "exp is an operation of tinygrad_edu.*such as my_exp"),
    "a function of ours": (composed_name, ValueError, "silu is an operation of tinygrad_edu"),
    "writes": (lambda: declared(written)(leaf()), TypeError, "mine: the forward pass writes into"),
    "writes on arrays": (lambda: declared(written)(X.copy()), TypeError, "x = x . 1 for x .= 1"),
    "writes one": (lambda: declared(written_at)(leaf()), TypeError, "the forward pass writes into"),
    "a list": (lambda: declared(list)(leaf()), TypeError, "pass returned a list; return one array"),
    "nothing": (lambda: declared(lambda x: None)(leaf()), TypeError, "pass returned None"),
    "a tensor": (lambda: declared(Tensor)(leaf()), TypeError, "returned a Tensor .it receives arr"),
    "text": (
        lambda: declared(lambda x: x.astype(str))(leaf()),
        TypeError,
        "returned an array of dtype <U32; return real numbers",
    ),
    "complex": (lambda: declared(lambda x: 1j * x)(leaf()), TypeError, "of dtype complex128"),
    "no residual": (
        lambda: declared(np.copy, lambda g, out, x, residual: g, residual=True)(leaf()),
        TypeError,
        r"returned a ndarray; with residual=True it must return \(out, residual\)",
    ),
    "another error": (
        lambda: declared(lambda x: x @ np.ones(2))(leaf()),
        ValueError,
        "^mine: ",
    ),
    "shape": (
        lambda: pulled(lambda g, out, x: g.sum()),
        GradientError,
        r"rule of mine returned a cotangent of shape \(\) for .* \(3,\).*broadcasts=True",
    ),
    "no cotangent": (
        lambda: pulled(lambda g, out, x: None),
        TypeError,
        "mine: the rule for x returned None",
    ),
    "a rule that writes": (lambda: pulled(doubled), TypeError, "the rule for x writes into an arr"),
    "a rule of tensors": (
        lambda: pulled(lambda g, out, x: Tensor(g)),
        TypeError,
        "the rule for x returned a Tensor for arrays",
    ),
    "an unknown fact": (
        lambda: declared(np.copy, element_wise=True),
        TypeError,
        "unexpected keyword argument 'element_wise'",
    ),
}


@pytest.mark.parametrize("name", MISTAKES)
def test_mistakes_are_named(name):
    call, error, message = MISTAKES[name]
    before = dict(tg.primitive.PRIMITIVES)
    with pytest.raises(error, match=message):
        call()
    assert {"exp", "silu"} & before.keys() == {"exp", "silu"} & tg.primitive.PRIMITIVES.keys()
    assert tg.primitive.PRIMITIVES["exp"] is tg.exp.primitive


def test_nothing_is_changed_by_a_write():
    x = leaf()
    with pytest.raises(TypeError, match="writes into"):
        declared(written)(x)
    np.testing.assert_array_equal(x.data, X)


def test_results_may_be_plain_numbers_and_rules_functions_in_c():
    total = declared(math.fsum, lambda g, out, x: np.full(3, g))
    x = leaf()
    assert total(x).shape == ()
    np.testing.assert_array_equal(grad(total(x), x), np.ones(3))
    same = declared(np.copy, max)  # its parameters are unknown, so a call decides
    with pytest.raises((TypeError, ValueError)):
        same(x).sum().backward()
