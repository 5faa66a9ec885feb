"""Tests the tables of a module: the summary of its layers, and its parameters in a notebook."""

import numpy as np
import pytest

from nn import MLP, Module, ModuleList, ReLU, Sequential, Tanh, compare_gradients
from tinygrad_edu import capture

from .test_modules import Counting, Mixed, X, linear


class Twice(Module):
    def __init__(self):
        self.layer = linear(3, 3)
        self.pair = Sequential(self.layer, ReLU())
        self.unused = linear(2, 2)
        self.counting = Counting()

    def forward(self, x):
        return {"out": self.counting(self.pair(self.layer(x))), "more": (x, [1])}


def rows_of(summary):
    return {row.path: (row.layer, row.shapes, row.parameters) for row in summary.rows}


def test_summary_counts_shared_layers_once():
    net = Twice()
    net.unused.requires_grad_(False)
    summary = net.summary(X)
    assert rows_of(summary) == {
        "": ("Twice()", ["(4, 3), (4, 3)"], 0),
        "layer": ("Linear(3 -> 3)", ["(4, 3)", "(4, 3)"], 12),
        "pair": ("Sequential()", ["(4, 3)"], 0),
        "pair.1": ("ReLU()", ["(4, 3)"], 0),
        "unused": ("Linear(2 -> 2)", [], 6),
        "counting": ("Counting()", ["(4, 3)"], 0),
    }
    assert (summary.parameters, summary.trainable, summary.frozen) == (18, 12, 6)
    assert (summary.parameter_bytes, summary.buffers, summary.buffer_bytes) == (72, 4, 20)
    assert summary.activation_bytes == 4 * 48
    text = str(summary)
    for words in ("(4, 3), 2 calls", "not called", "18 (12 trainable, 6 frozen", "192 B"):
        assert words in text
    assert "<table" in summary._repr_html_()
    assert "output shape" not in str(net.summary())


def test_summary_adds_up_below_a_depth():
    net = Sequential(Sequential(linear(3, 4), Tanh(), Sequential(linear(4, 4))), linear(4, 2))
    counts = {row.path: row.parameters for row in net.summary(X, depth=1).rows}
    assert counts == {"": 0, "0": 36, "1": 10}
    counts = {row.path: row.parameters for row in net.summary(depth=2).rows}
    assert counts == {"": 0, "0": 0, "0.0": 16, "0.1": 0, "0.2": 20, "1": 10}


def test_summary_changes_nothing():
    net = Twice()
    net.mixed = Mixed()
    net.pair.eval()
    net.layer(X).sum().backward()
    step = capture(lambda x: net.pair(x).sum())
    for _ in range(3):
        step(X)
    recordings = step.recordings
    before, modes = net.state_dict(), [module.training for module in net.modules()]
    attributes = [list(vars(module)) for module in net.modules()]
    gradients = [None if p.grad is None else p.grad.copy() for p in net.parameters()]
    net.summary(X)

    def fail(*call):
        raise RuntimeError("a hook of the user")

    with net.layer.register_forward_hook(fail), pytest.raises(RuntimeError):
        net.summary(X)
    vars(net.layer).pop("_hooks")
    assert [module.training for module in net.modules()] == modes
    assert [list(vars(module)) for module in net.modules()] == attributes
    after = net.state_dict()
    assert all(np.array_equal(values, after[name]) for name, values in before.items())
    for old, parameter in zip(gradients, net.parameters(), strict=True):
        np.testing.assert_array_equal(old, parameter.grad)
    step(X)
    assert step.recordings == recordings, "a captured step still fits"


def test_table_of_parameters_shows_frozen_ones_and_buffers():
    net = Mixed()
    net.encoder.weight.requires_grad = False
    html = net._repr_html_()
    for words in ("frozen: ", "buffers, not in the total: ", "mean, count, scratch", "18"):
        assert words in html
    net.scales[0].grad = np.ones(3)
    html = net._repr_html_()
    assert ">frozen<" in html
    assert ">buffer<" in html


def test_a_list_of_modules_is_not_said_to_be_uncalled():
    class Listed(Module):
        def __init__(self):
            self.parts = ModuleList([Tanh(), ReLU()])

        def forward(self, x):
            return self.parts[0](x)

    lines = str(Listed().summary(X)).splitlines()
    found = [line.split()[0] for line in lines if "not called" in line]
    assert found == ["parts.1"]


def test_gradients_of_frozen_parameters_are_compared_too():
    mlp, x = MLP([3, 4, 2], seed=0), X.astype(np.float64)
    mlp.layers[0].requires_grad_(False)
    assert compare_gradients(mlp, x, [0, 1, 1, 0]).agree
    assert not mlp.layers[0].weight.requires_grad, "the network stays as it is"
