"""Tests that usual slips in a blank are recognised for what they are, and that words which do not
fit are not said. All slips are refused: `test_certified.py` shows that.
"""

import re

import pytest

from nn.classroom.checking import results_of
from nn.classroom.exercise import load_exercise, source_of

from .learners import learner_of, no_sources_left, solutions  # noqa: F401

known = solutions()


def found(name, blank, wrong, others=()):
    """Return what is said of a slip, where the other blanks are right."""
    exercise = load_exercise(name)
    code = {**known.right_of(name), blank: wrong, **dict(others)}
    results = results_of(exercise, learner_of(exercise, known.filled(source_of(name), code)))
    return next(one for one in results if one.blank.name == blank)


SLIPS = [
    ("one_neuron", "delta", "a - y", "no activation derivative"),
    ("one_neuron", "delta", "(y - a) * (1 - a**2)", "sign"),
    ("one_neuron", "dw", "delta * w", "other operand"),
    ("batch_and_mean", "delta", "2 * (z - y)", "factor"),
    ("batch_and_mean", "delta", "(z - y) / len(x)", "factor"),
    ("batch_and_mean", "db", "delta.mean()", "factor"),
    ("batch_and_mean", "db", "delta", "bias not summed"),
    ("layer", "dx", "W @ delta.T", "transposed"),
    ("layer", "dW", "delta.T @ x", "transposed"),
    ("layer", "db", "delta.mean(axis=0)", "bias averaged"),
    ("activations", "du", "g[0] * (u >= 0)", "kink"),
    ("activations", "dw", "g[2] * (1 - w**2)", "derivative at the input"),
    ("softmax_cross_entropy", "y", "np.eye(3)[labels - 1]", "labels off"),
    ("softmax_cross_entropy", "delta", "p - y", "factor"),
    ("softmax_cross_entropy", "delta", "p * (1 - p) * (p - y) / len(z)", "softmax elementwise"),
    ("delta_rule", "delta1", "delta2 @ W2.T", "no activation derivative"),
    (
        *("delta_rule", "delta1", "delta2 @ W2.T * a1 * (1 - a1)"),
        "derivative of another activation",
    ),
    ("any_depth", "db", "delta.mean(axis=0)", "bias averaged"),
    ("any_depth", "before", "delta @ W[layer].T", "no activation derivative"),
    ("any_depth", "dW", "a[layer + 1].T @ delta", "index off by one"),
    ("used_twice", "dh", "dk * v", "contribution missing"),
    ("rnn", "dh", "g[:, t]", "contribution missing"),
    ("rnn", "dW_hh", "h[t].T @ dh", "other operand"),
    ("convolution", "dx", "delta[i, j] * W[::-1, ::-1]", "flipped"),
    ("pooling", "through_largest", "g_largest[i]", "not the largest alone"),
    ("layer_norm", "dr", "(dx_hat * c).sum(axis=0, keepdims=True)", "wrong axis"),
    ("penalty_and_momentum", "dw", "of_error", "regularisation missing"),
    ("graph", "da_dz", "1 - a", "no square"),
]


@pytest.mark.parametrize(("name", "blank", "slip", "kind"), SLIPS)
def test_a_usual_slip_is_recognised(name, blank, slip, kind):
    one = found(name, blank, slip)
    assert (one.state, one.kind) == ("wrong", kind)
    assert known.right_of(name)[blank] not in one.looks_like
    assert "(at " not in one.looks_like


def test_a_slip_is_recognised_next_to_another_one():
    one = found("delta_rule", "delta1", "delta2 @ W2.T", [("dW2", "a1.T @ delta2 / len(x)")])
    assert one.kind == "no activation derivative"
    one = found("delta_rule", "dW2", "a1.T @ delta2 / len(x)", [("delta1", "delta2 @ W2.T")])
    assert one.kind == "factor"


def test_a_mean_over_all_elements_is_not_taken_for_a_missing_two():
    """Where x has two columns, dividing by n times 2 would look like a square without its 2."""
    one = found("delta_rule", "delta2", "2 / y.size * (a2 - y) * a2 * (1 - a2)")
    assert one.state == "wrong"
    assert "2 of the square" not in one.looks_like


@pytest.mark.parametrize(
    ("name", "blank", "slip"),
    [
        ("one_neuron", "dw", "np.array([1.0, 2.0, 3.0])"),
        ("one_neuron", "delta", "0.123"),
        ("layer", "dW", "np.sin(x.T @ delta) + 0.5"),
    ],
)
def test_nothing_is_said_of_nonsense(name, blank, slip):
    one = found(name, blank, slip)
    assert (one.state, one.kind, one.looks_like) == ("wrong", "", "")


@pytest.mark.parametrize("code", ["nothing * 2", "x[99]", "1 / 0", "x.T @ x.T"])
def test_an_error_is_not_explained_by_a_mistake(code):
    one = found("layer", "dW", code)
    assert one.state == "wrong"
    assert re.match(r"line \d+: (\w+Error: |the shapes around @)", one.words)


def test_a_tuple_of_two_blanks_is_explained_or_not_but_judged():
    exercise, source = load_exercise("layer"), known.solved_source("layer")
    lines = [line for line in source.splitlines() if not line.startswith(("    dW =", "    db ="))]
    place = next(n for n, line in enumerate(lines) if line.startswith("    dx ="))
    lines.insert(place + 1, "    dW, db = delta.T @ x, delta.sum(axis=0)")
    results = results_of(exercise, learner_of(exercise, "\n".join(lines)))
    assert [one.state for one in results] == ["right", "wrong", "right"]
