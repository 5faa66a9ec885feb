"""Tests that a user's own operations are diagnosed, explained and measured like those of the
package, from what they declare.
"""

import numpy as np
import pytest

import tinygrad_edu as tg
from tinygrad_edu import (
    AnomalyError,
    GradientError,
    Tensor,
    check_gradients,
    check_manual,
    detect_anomaly,
    explain,
    lint,
    microscope,
    primitive,
)
from tinygrad_edu.facts import Mistake, Pitfall

X = np.random.default_rng(0).normal(size=(4, 4))
G = np.random.default_rng(1).normal(size=(4, 4))


def leaf(*values, name=None):
    return Tensor(np.array(values), requires_grad=True, name=name)


def sentence(f, mine, *inputs):
    """Give the first diagnosis of gradients by hand."""
    found = check_manual(f, mine, *inputs)
    assert not found.agree
    return found.diagnoses[0]


# One that is elementwise, and an activation -----------------------------------------------------


def gentle(**facts):
    @primitive(
        lambda g, out, x: g / (1 + np.abs(x)) ** 2,
        formula="x / (1 + abs(x))",
        derivatives=("g / (1 + abs(x))**2",),
        **facts,
    )
    def gentle(x, /):
        return x / (1 + np.abs(x))

    return gentle


def test_an_elementwise_operation_is_diagnosed_like_an_activation():
    f = gentle(elementwise=True, activation=True)
    assert check_manual(f, lambda g, x: g / (1 + np.abs(x)) ** 2, X).agree
    forgotten = sentence(f, lambda g, x: g, X)
    assert forgotten.kind == "no activation derivative"
    assert "the derivative of gentle was forgotten" in forgotten.sentence
    other = sentence(f, lambda g, x: g * (1 - np.tanh(x) ** 2), X)
    assert "the derivative of tanh was taken for that of gentle" in other.sentence
    plain = check_manual(gentle(), lambda g, x: g, X)
    assert plain.diagnoses == (), "without the declaration nothing is known"


def test_an_activation_is_linted():
    f = gentle(elementwise=True, activation=True)
    far, w = leaf(*np.full((8, 8), 1e4)), leaf(*np.ones((8, 2)))
    (finding,) = lint((f(far) @ w).sum())
    assert finding.kind == "saturated gentle"
    assert lint((f(leaf(*np.ones((8, 8)))) @ w).sum()).ok
    assert lint((gentle()(far) @ w).sum()).ok
    written_out = far / (1 + abs(far))
    assert lint((written_out @ w).sum()).ok, "it is no activation now"
    gentle(elementwise=True, activation=True)
    assert not lint((written_out @ w).sum()).ok


# One with a kink --------------------------------------------------------------------------------


def excess(**facts):
    @primitive(
        lambda g, out, x: g * np.greater(x, 1),
        analytic=False,
        formula="maximum(x - 1, 0)",
        derivatives=("g * (x > 1)",),
        **facts,
    )
    def excess(x, /):
        return np.maximum(x - 1, 0)

    return excess


KINKED = {"elementwise": True, "activation": True, "kink": lambda x: x - 1}


@pytest.mark.parametrize("gap", [1e-3, 1e-6, 1e-8])
def test_differences_keep_away_from_a_declared_kink(gap):
    f = excess(**KINKED)
    point = [1 + gap, 3.0, 0.0]
    found = check_manual(lambda x: f(x).sum(), [[1.0, 1.0, 0.0]], point)
    assert found.agree
    np.testing.assert_allclose(found.rows[0].numerical, [1, 1, 0], atol=1e-6)
    assert found.notes == ()
    check_gradients(f, point)


def test_at_a_declared_kink_the_convention_is_reported_and_nothing_is_measured():
    f = excess(**KINKED)
    found = check_manual(lambda x: f(x).sum(), [[0.0, 1.0]], [1.0, 3.0])
    assert found.agree
    assert found.notes == ("x: 1 element lies at a kink and could not be measured",)
    told = sentence(lambda x: f(x).sum(), [[0.5, 1.0]], [1.0, 3.0])
    assert told.kind == "kink"
    assert "the derivative of excess at exactly 1 was taken as 0.5" in told.sentence
    with pytest.raises(GradientError, match="lie at a kink of excess, or next to one; move them"):
        check_gradients(f, [1.0, 3.0])
    assert microscope(lambda x: f(x).sum(), [1.0]).kink.operation == "excess"


def test_a_kinked_activation_can_be_dead():
    f, w = excess(**KINKED), leaf(*np.ones((8, 2)))
    (finding,) = lint((f(leaf(*np.zeros((8, 8)))) @ w).sum())
    assert finding.kind == "dead excess"


def test_ties_of_every_kind_are_kept_away_from():
    order = np.array([1.0, 2.0, 4.0])
    cases = {
        "sort": (lambda x: (tg.sort(x) * order).sum(), lambda gap: order),
        "max": (lambda x: x.max(), lambda gap: [0, 0, 1]),
        "min": (lambda x: x.min(), lambda gap: [1, 0, 0]),
        "median": (tg.median, lambda gap: [0, 1, 0]),
        "maximum": (lambda x: np.maximum(x, 1.0).sum(), lambda gap: [0.5, 1, 1]),
    }
    for gap in (1e-5, 1e-7):
        point = np.array([1.0, 1.0 + gap, 1.0 + 2 * gap])
        for name, (f, right) in cases.items():
            found = check_manual(f, [right(gap)], point)
            assert found.agree, name
            measured = np.isfinite(found.rows[0].numerical)
            assert measured[1:].all(), name
            wrong = np.array(right(gap), float)[::-1]
            told = check_manual(lambda x, f=f: f(x) + x.data.sum(), [wrong], point)
            assert "AUTO ≠ NUMERIC" in str(told), name


# One with a domain ------------------------------------------------------------------------------


def inv_root(**facts):
    @primitive(
        lambda g, out, x: -g * out / (2 * x),
        elementwise=True,
        formula="1 / sqrt(x)",
        derivatives=("-g * out / (2 * x)",),
        **facts,
    )
    def inv_root(x, /):
        return 1 / np.sqrt(x)

    return inv_root


DOMAIN = (
    Pitfall(lambda x: x < 0, "{name} of a negative number, {x}", "keep x positive"),
    Pitfall(
        lambda x: x == 0,
        "{name} at 0",
        "add a small number",
        {"softmax(x)": ("softmax underflowed to 0", "stay with logits")},
    ),
)


def anomaly(compute):
    with pytest.raises(AnomalyError) as caught, detect_anomaly():
        compute()
    return caught.value.anomaly


def test_the_cause_and_the_advice_of_a_domain_are_printed():
    f = inv_root(domain=DOMAIN)
    found = anomaly(lambda: f(leaf(1.0, -2.0)))
    assert (found.index, found.numbers) == ((1,), (("x", "-2"),))
    assert (found.cause, found.advice) == (
        "inv_root of a negative number, -2",
        "keep x positive",
    )
    assert anomaly(lambda: f(leaf(0.0))).cause == "inv_root at 0"
    logits = leaf(0.0, 800.0)
    assert anomaly(lambda: f(tg.softmax(logits))).advice == "stay with logits"
    e = tg.exp(leaf(-800.0, 1.0))
    assert anomaly(lambda: f(e / e.sum())).cause == "softmax underflowed to 0"
    # The domain is known, so what is not finite elsewhere is an overflow.
    assert anomaly(lambda: f(leaf(1e-300)).sum().backward()).cause.startswith("an overflow of")
    assert anomaly(lambda: inv_root()(leaf(0.0))).cause == "", "without a domain nothing is said"


# One that carries -------------------------------------------------------------------------------


def turned(**facts):
    @primitive(lambda g, out, x: g[::-1], formula="x[::-1]", derivatives=("g[::-1]",), **facts)
    def turned(x, /):
        return x[::-1].copy()

    return turned


def test_what_carries_is_not_said_to_have_a_derivative():
    f = turned(carries=True)
    told = sentence(lambda x: (f(x) * G).sum(), [G], X)
    assert told.kind == "not moved back"
    assert "turned only moves values, so their gradient is g[::-1]" in told.sentence
    assert check_manual(lambda x: (turned()(x) * G).sum(), [G], X).diagnoses == ()


def test_what_carries_is_not_blamed_and_looked_through():
    f = turned(carries=True)
    assert anomaly(lambda: tg.exp(f(leaf(np.nan, 1.0)))).operation == "exp"
    assert anomaly(lambda: turned()(leaf(np.nan, 1.0))).operation == "turned"
    turned(carries=True)
    found = anomaly(lambda: tg.log(f(tg.softmax(leaf(0.0, 800.0)))))
    assert found.cause.startswith("softmax underflowed to 0")


def test_a_transpose_has_to_be_transposed():
    told = sentence(lambda A: (A.T * G).sum(), [G], X)
    assert told.kind == "transposed"
    assert told.sentence == (
        "looks like this: the gradient needs to be transposed: transpose only moves values, so "
        "their gradient is transpose(g) (at transpose of A)"
    )
    assert check_manual(lambda A: (A.T * G).sum(), [G.T], X).agree


# Products, losses, mistakes ---------------------------------------------------------------------


def test_a_product_of_matrices_and_a_loss_on_logits():
    @primitive(
        lambda g, out, x, y: g @ y.mT,
        lambda g, out, x, y: x.mT @ g,
        formula="x @ y",
        matrix_product=True,
    )
    def times(x, y, /):
        return x @ y

    told = sentence(times, lambda g, x, y: (g @ y, x.T @ g), X, G)
    assert "g @ W.T is right" in told.sentence
    w = leaf(*np.ones((8, 2)))
    (finding,) = lint(times(tg.relu(leaf(*-np.ones((8, 8)))), w).sum())
    assert finding.kind == "dead relu"

    @primitive(
        lambda g, out, z: g * (tg.sigmoid(z) - 1),
        formula="sum(log(1 + exp(-z)))",
        applies="sigmoid",
    )
    def surprise(z, /):
        return np.sum(np.log1p(np.exp(-z)))

    (finding,) = lint(surprise(tg.sigmoid(leaf(0.3, 1.0))))
    assert finding.kind == "double sigmoid"
    assert finding.found == "surprise is given the result of sigmoid, and applies sigmoid itself"
    assert lint(surprise(tg.tanh(leaf(0.3, 1.0)))).ok


def test_a_mistake_is_declared():
    @primitive(
        lambda g, out, x: 3 * g * x**2,
        elementwise=True,
        mistakes=(
            Mistake("exponent", "x**3 has the slope 3 x**2", lambda g, out, x: 3 * g * x**3),
        ),
    )
    def cube(x, /):
        return x * x * x

    told = sentence(cube, lambda g, x: 3 * g * x**3, X)
    assert (told.kind, told.place) == ("exponent", "cube of x")
    assert "x**3 has the slope 3 x**2" in told.sentence


def test_an_average_is_declared():
    @primitive(
        lambda g, out, x: g * x / x.size,
        formula="mean(x**2) / 2",
        averages=True,
    )
    def energy(x, /):
        return np.mean(x * x) / 2

    told = sentence(energy, lambda x: [x], X)
    assert "the mean over 16 was forgotten" in told.sentence


# Pictures and words -----------------------------------------------------------------------------


def test_operands_are_named_as_declared():
    @primitive(
        lambda g, out, a, b: g,
        lambda g, out, a, b: -g,
        broadcasts=True,
        elementwise=True,
        formula="a - b",
        derivatives=("g", "-g"),
        operands=("from", "taken"),
    )
    def less(a, b, /):
        return a - b

    x, y = leaf(1.0, 2.0, name="x"), leaf(3.0, 5.0, name="y")
    difference = less(x, y)
    loss = difference.sum()
    graph = tg.draw(loss).graph
    assert [edge.operand for edge in graph.edges if edge.operand] == ["from", "taken"]
    assert "less, as operand 2" in str(explain(y, loss))
    assert "x - y" in str(explain(difference, loss))


def test_an_unknown_fact_is_refused():
    with pytest.raises(TypeError, match="unexpected keyword argument 'element_wise'"):
        primitive(lambda g, out, x: g, element_wise=True)(lambda x, /: x)
