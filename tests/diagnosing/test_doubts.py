"""Agreement of two gradients is not enough: where the numerical one differs, or cannot tell,
no form of the check says that they agree.
"""

import re

import numpy as np
import pytest

import tinygrad_edu as tg
from nn import MLP, compare_gradients
from tinygrad_edu import GradientError, check_manual, microscope
from tinygrad_edu.primitive import PRIMITIVES, primitive

W, V = np.array([1.0, 2.0, -3.0]), np.array([0.5, 0.2, 1.0])


def lost(w, v):
    return (w * w * v).sum() + (w.data**3).sum()


def by_graph(w, v):
    return 2 * w * v, w * w


def truth(w, v):
    return 2 * w * v + 3 * w * w, w * w


def test_a_gradient_of_a_graph_that_lost_a_part_does_not_agree():
    found = check_manual(lost, by_graph, W, V)
    assert not found.agree
    assert [row.agree for row in found.rows] == [False, True]
    (told,) = found.doubts
    assert told.startswith("w at [2]: the automatic gradient is -6, the numerical one 21")
    assert "yours agrees with the automatic one: both are wrong" in told
    for cut in ("lost between the output and w", ".data", "np.asarray()", ".item()"):
        assert cut in told
    with pytest.raises(GradientError, match="lost between the output and w"):
        found.assert_agree()


def test_every_form_says_so(tmp_path):
    found = check_manual(lost, by_graph, W, V)
    for form in (str(found), found.html(), found._repr_html_()):
        assert "✗ automatic and numerical gradients differ: w" in form
        assert "✗ AUTO ≠ NUMERIC" in form
        assert "lost between the output and w" in form
        assert "agrees with automatic differentiation" not in form
    assert "Where it differs" not in found.html(), "there is no map of manual against automatic"
    texts = [t.get_text() for t in found.figure().findobj(lambda a: hasattr(a, "get_text"))]
    assert any("AUTO ≠ NUMERIC" in text for text in texts)
    assert not any("w (3,) agrees" in text for text in texts)


def test_it_says_which_of_the_two_is_right():
    right = check_manual(lost, truth, W, V)
    assert not right.agree
    assert right.first == ""
    assert right.diagnoses == ()
    assert "yours agrees with the numerical one: the automatic one is wrong" in right.doubts[0]
    assert str(right).count("✗ automatic and numerical gradients differ: w") == 1
    neither = check_manual(lost, lambda w, v: (w, v), W, V)
    assert "yours agrees with neither" in neither.doubts[0]
    assert "the first that differs is v" in neither.first
    shaped = check_manual(lost, [np.ones((7, 7)), W * W], W, V)
    assert "yours agrees with neither" in shaped.doubts[0]


def test_one_element_among_many_is_found_and_named():
    w = np.linspace(1.0, 2.0, 3000).reshape(50, 60)
    found = check_manual(lambda w: (w * w).sum() + w.data[31, 7] ** 3, [2 * w], w, samples=5)
    assert not found.agree
    assert found.doubts[0].startswith("w at [31, 7]: ")
    right = check_manual(lambda w: (w * w).sum(), [2 * w], w, samples=5)
    right.assert_agree()
    assert np.isfinite(right.rows[0].numerical).sum() == 5


def test_one_of_two_elements_that_differ_is_named():
    w = np.linspace(1.0, 2.0, 64)
    found = check_manual(lambda w: (w * w).sum() + w.data[3] * w.data[60], [2 * w], w, samples=1)
    assert not found.agree
    assert re.match(r"w at \[(3|60)\]: ", found.doubts[0])


def test_what_cannot_be_decided_does_not_agree():
    found = check_manual(lambda w: 1e17 + (w * w).sum(), [2 * W], W)
    assert not found.agree
    assert str(found).count("? numerical gradients cannot decide whether this is right: w") == 1
    assert "? UNDECIDED" in str(found)
    assert "\nw at [2]: by hand " in str(found)
    assert "w: cannot be decided at [2]: the numerical slope is uncertain by" in found.doubts[0]
    with pytest.raises(GradientError, match="cannot be decided"):
        found.assert_agree()
    nowhere = check_manual(lambda x: (x * np.inf).sum(), [[np.inf]], np.ones(1))
    assert not nowhere.agree
    assert "f is not finite there or next to it" in nowhere.doubts[0]
    beside = check_manual(lambda x: tg.sqrt(x - 1.0).sum(), [[np.inf]], np.ones(1))
    assert "f is not finite there or next to it" in beside.doubts[0]


def test_a_gradient_that_is_not_finite_is_not_a_lost_part():
    found = check_manual(lambda x: (x**0.5 * 0.0 + x).sum(), [np.ones(1)], np.zeros(1))
    assert not found.agree
    assert "lost" not in " ".join(found.doubts)


def test_a_rule_that_returns_nan_is_named():
    before = dict(PRIMITIVES)

    @primitive(lambda g, out, x: g * np.nan)
    def numberless(x, /):
        return x * 2

    PRIMITIVES.clear()
    PRIMITIVES.update(before)
    found = check_manual(lambda x: numberless(x).sum(), [[np.nan]], np.ones(1))
    assert not found.agree
    assert found.doubts[0].endswith("a rule in the graph returns a number that is not finite")


def test_many_doubts_are_counted():
    names = [f"w{n}" for n in range(9)]
    arrays = [np.array([float(n + 1)]) for n in range(9)]

    def f(*tensors):
        return sum((t * t.data).sum() for t in tensors)

    found = check_manual(f, arrays, *arrays, names=names)
    assert "w0, w1, w2, w3, w4, w5 and 3 more" in str(found)
    assert len(found.doubts) == 9


def test_small_gradients_that_differences_can_resolve_agree():
    deep = MLP([3, 4, 4, 4, 4, 4, 2], "sigmoid", seed=0)
    for parameter in deep.parameters():
        parameter.data = parameter.data * 0.3
    x = np.random.default_rng(5).normal(size=(6, 3))
    table = compare_gradients(deep, x, [0, 1, 1, 0, 1, 0])
    size = np.abs(table.check.rows[0].automatic).max()
    assert size < 1e-5
    assert table.agree, table


def test_what_f_refuses_far_away_is_not_asked_for_again():
    def f(x):
        if abs(x.data - 1.0).max() > 1e-3:
            raise ValueError("too far")
        return (x * x).sum() + x.data.sum()

    assert "the numerical one 3" in check_manual(f, [[2.0]], [1.0]).doubts[0]


def test_undeclared_kinks_are_not_differences():
    before = dict(PRIMITIVES)

    @primitive(lambda g, out, x: g * (x > 0))
    def ramp(x, /):
        return np.maximum(x, 0.0)

    PRIMITIVES.clear()
    PRIMITIVES.update(before)

    found = check_manual(lambda x: ramp(x).sum(), [[0.0, 1.0]], np.array([0.0, 2.0]))
    assert found.agree
    assert "1 element lies at a kink" in found.notes[0]


def test_the_microscope_says_that_its_reference_is_wrong():
    seen = microscope(lambda w: (w * w).sum() + (w.data**3).sum(), W)
    assert any("differences give 21, not the automatic gradient" in note for note in seen.notes)
    noisy = microscope(lambda w: 1e16 + (w * w).sum(), W)
    assert any("round-off is so large" in note for note in noisy.notes)
    assert not any("automatic" in n for n in microscope(lambda w: (w * w).sum(), W).notes)


def test_a_comparison_of_a_network_says_it_too(monkeypatch):
    from nn.by_hand import delta_rule

    right = delta_rule.loss
    monkeypatch.setattr(delta_rule, "loss", lambda *arguments: 1e18 + right(*arguments))
    table = compare_gradients(MLP([2, 3], seed=0), [[0.3, -1.0]], [1])
    assert not table.agree
    assert set(table["verdict"]) == {"UNDECIDED"}
    assert "cannot be decided" in repr(table)
    assert "? UNDECIDED" in table._repr_html_()
    assert "✓ all match" not in table._repr_html_()
