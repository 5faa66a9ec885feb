"""Tests that one change of an expression names what is wrong with it."""

import numpy as np
import pytest

from nn.classroom import check
from nn.classroom.exercise import source_of
from nn.classroom.repairing import changes, find_change

from .learners import function_of, no_sources_left  # noqa: F401


@pytest.mark.parametrize(
    ("code", "right", "kind", "says"),
    [
        ("delta * w", "delta * x", "other operand", "`w` is not what belongs there"),
        ("h[t + 1] * w", "h[t] * w", "index off by one", "the index in `h[t + 1]`"),
        ("x @ M", "x @ M.T", "transposed", "`x @ M`"),
        ("M.sum(axis=0)", "M.sum(axis=1)", "wrong axis", "the sum is over the wrong axis"),
        ("M.mean(axis=0)", "M.sum(axis=0)", "mean for sum", "a mean was taken where a sum"),
        ("M / M.sum(axis=1)", "M / M.sum(axis=1, keepdims=True)", "wrong axis", "keepdims"),
        ("w - delta", "delta - w", "sign", "the sign is flipped"),
        ("x * w - delta", "x * w + delta", "sign", "a sign is flipped in `x * w - delta`"),
        ("x * (1 - w)", "x * (1 - w**2)", "no square", "`w` must be squared"),
        ("x * w", "x", "factor too much", "`w` is too much"),
        ("x + w", "x", "term too much", "`w` is too much"),
        ("x", "x * w", "factor missing", "a factor is missing"),
        ("x", "x + w", "contribution missing", "a contribution is missing"),
        ("x", "x / np.shape(M)[1] ** 0.5", "scale", "square root"),
        ("x", "x * (1 - w**2)", "no activation derivative", "tanh"),
        ("x * (w > 0)", "x * (w < 0)", "comparison", "the wrong way round"),
        ("x[::-1] * w", "x * w", "flipped", "`x[::-1]` is turned round"),
        ("np.tanh(x) * w", "x * w", "function too much", "`np.tanh` is too much"),
        ("x * w", "np.tanh(x) * w", "function missing", "`x` must go through a function"),
        ("3 * x * w", "4 * x * w", "number", "the number 3"),
        ("x / w", "x * w", "operator", "`/` is the wrong operation"),
        ("x - delta / w", "(x - delta) / w", "parentheses", "are missing in `x - delta / w`"),
        ("x * 1 - w**2", "x * (1 - w**2)", "parentheses", "are missing"),
        ("x * (w + delta)", "x * w + delta", "parentheses", "in the wrong place"),
        ("M.T @ x", "x @ M.T", "transposed", ""),
        ("M.sum()", "M.sum(axis=0)", "wrong axis", "the sum is over all axes"),
        (
            "w - M.sum(axis=0) - x * M.sum(axis=0)",
            "w - M.mean(axis=0) - x * M.mean(axis=0)",
            "sum for mean",
            "a sum was taken where a mean belongs, each time",
        ),
        ("x * w * (1 - w)", "x * (1 - w**2)", "derivative of another activation", "of sigmoid"),
        ("x * (1 - w**2)", "x * w * (1 - w)", "derivative of another activation", "of tanh"),
        ("np.vstack([x, w])", "np.hstack([x, w])", "wrong axis", "along the wrong axis"),
        ("np.hstack([x, w])", "np.hstack([w, x])", "order", "in the wrong order"),
        ("[x, w]", "np.hstack([x, w])", "not joined", "side by side"),
        ("h * w", "h[t] * w", "element", "only the element of this pass"),
        ("h.sum(axis=0) * w", "h[t] * w", "element", "counts too much"),
        ("x * w + delta", "x * w + delta * x / 4", "", ""),
        ("x + w", "x + w * delta", "factor missing", "a factor is missing in `w`"),
        ("x * delta + w", "x * delta / 3 + w", "factor", "1/n of a mean is missing in `x * delta`"),
        ("x**2 * w + 2 * delta", "x**3 * w + 2 * delta", "number", "the exponent in `x ** 2`"),
        ("3 * x + 2 * w", "3 * x + 4 * w", "number", "the number 2 in `2 * w`"),
        ("abs(x) * w", "np.sign(x) * w", "value for the derivative", "not its slope"),
        ("x[t - 1] * w", "x[-2] * w", "index off by one", "the index in `x[t - 1]`"),
        ("np.exp(x) / np.exp(x).sum()", "w / w.sum()", "other operand", "`np.exp(x)` is not"),
        ("x + 1j ** 2 * 8 + w**5", "w", "", ""),
    ],
)
def test_a_change_names_the_mistake(code, right, kind, says):
    generator = np.random.default_rng(1)
    places = [
        {
            "np": np,
            "t": 1,
            "h": generator.normal(size=(3, 3)),
            "M": generator.normal(size=(3, 3)),
            **{name: generator.normal(size=3) for name in ("delta", "x", "w")},
        }
        for _ in range(3)
    ]

    def is_right(changed):
        try:
            return all(
                np.shape(eval(changed, place)) == np.shape(eval(right, place))
                and np.allclose(eval(changed, place), eval(right, place))
                for place in places
            )
        except (ValueError, TypeError, IndexError, SyntaxError):
            return False

    with np.errstate(all="ignore"):
        found = find_change(code, ["delta", "x", "w", "M"], is_right, ["h[t]"])
    assert (found or ("", ""))[0] == kind
    assert says in (found or ("", ""))[1]


def test_a_change_is_code():
    for code in ("(dx @ W.T) * (1 - a**2)", "x[:, t - 1].mean(axis=0) / len(x)", "np.outer(x, y)"):
        found = list(changes(code, ["x", "h[t]"]))
        assert len(found) > 50
        for kind, sentence, changed in found:
            compile(changed, "<changed>", "eval")
            assert kind
            assert len(sentence) < 100


def test_a_factor_of_2_is_not_taken_for_a_count_that_is_2():
    """The rows of the exercise have 2 features, whatever is drawn."""
    (one,) = [
        one
        for one in check(
            "delta_rule",
            function_of(
                source_of("delta_rule").replace(
                    "delta2 = ...", "delta2 = (a2 - y) / len(x) * a2 * (1 - a2)"
                )
            ),
        ).blanks
        if one.state == "wrong"
    ]
    assert one.looks_like == "a factor 2 is missing"
