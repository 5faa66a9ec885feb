"""Tests the tables of a module: the summary of its layers, and its parameters in a notebook."""

import re

import numpy as np
import pytest

import nn
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
    count = np.dtype(int).itemsize
    sizes = (summary.parameter_bytes, summary.buffers, summary.buffer_bytes)
    assert sizes == (72, 4, 12 + count)
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


# What repeats ---------------------------------------------------------------------------------


def test_equal_entries_of_a_list_are_written_once():
    def block(size=3):
        return nn.Sequential(nn.Linear(2, size), nn.ReLU(), nn.Linear(size, 2))

    network = nn.Sequential(block(), block(), block(), block(4), nn.ReLU(), nn.ReLU(), nn.Tanh())
    lines = repr(network).splitlines()
    assert lines[1] == "  0 … 2: 3 × Sequential("
    assert [line for line in lines if line.startswith("  ") and line[2] != " "][2:] == [
        "  3: Sequential(",
        "  )",
        "  4 … 5: 2 × ReLU()",
        "  6: Tanh()",
    ]
    summary = network.summary(np.ones((5, 2), np.float32))
    assert len(summary.rows) == 1 + 4 * 4 + 3  # all of them
    cells = [re.split("  +", line.strip()) for line in str(summary).splitlines()[4:]]
    paths = [line[0] for line in cells if line[0]][:-2]
    own = ["0", "0.0", "0.1", "0.2"]
    assert paths == ["(network)", *own, "1 … 2", "3", "3.0", "3.1", "3.2", "4", "5", "6"]
    (row,) = [line for line in cells if line[0] == "1 … 2"]
    each = network[0].num_parameters()
    assert row == ["1 … 2", "2 × the same as 0", "(5, 2)", str(2 * each), f"{2 * 5 * 2 * 4} B"]
    numbers = [int(line[3]) for line in cells if len(line) > 3 and line[3].isdigit()]
    assert sum(numbers) == network.num_parameters()


def test_long_descriptions_lose_their_last_arguments():
    block = nn.TransformerBlock(4, 2, 8, norm_first=True, causal=True)
    text = str(nn.Sequential(block).summary())
    assert "TransformerBlock(4, nhead=2, …)" in text
    block.describe = lambda: "x" * 60
    assert f"TransformerBlock({'x' * 60})" in str(nn.Sequential(block).summary())


def test_names_that_are_not_numbers_are_not_folded():
    class Pair(nn.Module):
        def __init__(self):
            self.left, self.right = nn.Linear(2, 2), nn.Linear(2, 2)
            self.heads = [nn.Linear(2, 2) for _ in range(3)]

    lines = repr(Pair()).splitlines()
    assert lines[1:-1] == [
        "  left: Linear(2 -> 2)",
        "  right: Linear(2 -> 2)",
        "  heads.0 … heads.2: 3 × Linear(2 -> 2)",
    ]
    assert "heads.1 … heads.2" in str(Pair().summary())
    assert "left … right" not in str(Pair().summary())
