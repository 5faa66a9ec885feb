"""Tests that the equations beside the gradients are those of the delta rule, with its own lines."""

import inspect
import linecache

import numpy as np
import pytest

from nn import MLP, compare_gradients
from nn.by_hand import delta_rule
from nn.by_hand.equations import equation_of

LAYERS = [(layer, kind) for layer in (1, 2, 3) for kind in ("weight", "bias", "delta")]


def test_texts_are_those_of_the_table_of_comparisons():
    x = np.random.default_rng(0).normal(size=(5, 4))
    table = compare_gradients(MLP([4, 3, 3, 2], seed=0), x, [0, 1, 1, 0, 1])
    parameters = [(layer, kind) for layer in (1, 2, 3) for kind in ("weight", "bias")]
    assert [equation_of(*one, depth=3).text for one in parameters] == list(table["equation"])


def test_deltas():
    assert equation_of(3, "delta", 3, "tanh", "sigmoid")[:2] == (1, "δ3 = (sigmoid(z3) - y) / n")
    assert equation_of(1, "delta", 3, "tanh")[:2] == (2, "δ1 = (δ2 W2ᵀ) ⊙ tanh′(z1)")
    assert equation_of(1, "delta", 1)[:2] == (1, "δ1 = (softmax(z1) - y) / n")


@pytest.mark.parametrize(("layer", "kind"), LAYERS)
def test_the_line_is_in_the_file_at_its_number(layer, kind):
    equation = equation_of(layer, kind, 3)
    file, number, code = equation.code.split(":", 2)
    line = linecache.getline(inspect.getsourcefile(delta_rule), int(number)).strip()
    assert file == "delta_rule.py"
    assert line == f"{code.strip()}  # equation {equation.number}"


def test_each_equation_assigns_what_it_is_about():
    begins = {"weight": "weight_gradients.", "bias": "bias_gradients.", "delta": "delta = "}
    for layer, kind in LAYERS:
        assert equation_of(layer, kind, 3).code.split(": ", 1)[1].startswith(begins[kind])


def test_the_docstring_has_the_same_numbers():
    told = delta_rule.gradients.__doc__
    for number, start in ((1, "δL ="), (2, "δl ="), (3, "∂L/∂Wl ="), (4, "∂L/∂bl =")):
        assert f"{number}. ``{start}" in told


def test_without_source_there_is_only_the_equation(monkeypatch):
    def fail(_):
        raise OSError("could not get source code")

    monkeypatch.setattr(inspect, "getsourcelines", fail)
    assert equation_of(1, "bias", 1) == (4, "∂L/∂b1 = Σ δ1", "")


def test_wrong_uses():
    with pytest.raises(ValueError, match="layer must be 1 to 2, got 3"):
        equation_of(3, "weight", 2)
    with pytest.raises(ValueError, match="kind must be 'weight', 'bias' or 'delta', got 'gamma'"):
        equation_of(1, "gamma", 2)
