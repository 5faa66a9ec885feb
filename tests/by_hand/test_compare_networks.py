"""Tests that gradients of whole networks by hand are compared layer by layer: right ones match, and
a slip in any derivation differs in the rows that it reaches.
"""

import numpy as np
import pytest

import nn
import tinygrad_edu as tg
from nn import compare_gradients
from nn.by_hand import (
    affine,
    attention,
    batch_norm,
    convolution,
    embedding,
    layer_norm,
    losses,
    lstm,
    pooling,
    rnn,
    transformer_block,
)
from nn.by_hand.networks.chain import Chain
from nn.by_hand.networks.operations import OPERATIONS
from nn.by_hand.networks.table import LAYERS

from .compared_networks import GENERATOR, NETWORKS, classifier, cnn, differing, gpt, planted


@pytest.mark.parametrize("name", NETWORKS)
def test_right_gradients_match_in_every_row(name):
    network, x, labels = NETWORKS[name]()
    before = network.state_dict()
    table = compare_gradients(network, x, labels, samples=3)
    assert table.agree is True, table
    assert list(table["parameter"]) == [path for path, _ in network.named_parameters()]
    assert list(table["shape"]) == [str(p.shape) for p in network.parameters()]
    assert set(table["verdict"]) == {"match"}
    assert all(table["equation"]), "each parameter has its equation"
    assert table["max |auto-numeric|"].max() < 1e-6
    for path, values in network.state_dict().items():
        np.testing.assert_array_equal(values, before[path])
    assert all(p.grad is None and p.dtype == np.float32 for p in network.parameters())
    assert all(part.training for part in network.modules())


def test_forward_pass_by_hand_equals_that_of_the_network():
    for make in NETWORKS.values():
        network, x, _ = make()
        network = network.astype(np.float64).eval()
        x = x.astype(np.float64) if x.dtype.kind == "f" else x
        z, _ = Chain(network, x).run()
        out = network(x)
        np.testing.assert_allclose(z, (out[0] if isinstance(out, tuple) else out).data, rtol=1e-10)
        assert all("forward" not in vars(part) for part in network.modules())


# Slips, and tests of the test -----------------------------------------------------------------


FIRST = {"0.weight", "1.weight", "1.bias"}  # 0.bias has gradient 0: batch norm follows
RECURRENT = {f"recurrent.{name}_l0" for name in ("weight_ih", "weight_hh", "bias_ih", "bias_hh")}
BEFORE = {"tokens.weight", "places.weight", "blocks.0.norm1.weight", "blocks.0.norm1.bias"}
INNER = {f"blocks.0.self_attn.{name}" for name in ("in_proj_weight", "in_proj_bias")}
SLIPS = {
    "flipped kernel": (cnn, convolution, "g, W[:, :, u, v])", "g, W[:, :, -1 - u, -1 - v])", FIRST),
    "db averaged": (cnn, convolution, "g.sum(axis=(0, 2, 3))", "g.mean(axis=(0, 2, 3))",
                    {"4.bias"}),
    "max to all": (cnn, pooling, "is_largest / is_largest.sum(axis=0)", "np.ones_like(is_largest)",
                   FIRST),
    "average without 1/K": (cnn, pooling, "g / len(places)", "g", FIRST | {"4.weight", "4.bias"}),
    "statistics constant": (cnn, batch_norm, "r / M * (M * dx_hat - total - x_hat * along)",
                            "r * dx_hat", {"0.weight", "0.bias"}),
    "embedding not added up": (NETWORKS["lstm"], embedding, "np.add.at(dtable, indices, g)",
                               "dtable[indices] += g", {"embedding.weight"}),
    "one gate of the lstm": (NETWORKS["lstm"], lstm, "dc * n * i * (1 - i)", "dc * n",
                             RECURRENT | {"embedding.weight"}),
    "truncated": (NETWORKS["rnn, steps first"], rnn, "dh = g[:, t] + dz @ W_hh.T", "dh = g[:, t]",
                  RECURRENT | {"embedding.weight"}),
    "scale forgotten": (gpt, attention, "dq = dA @ k / np.sqrt(q.shape[-1])", "dq = dA @ k",
                        BEFORE | INNER),
    "dk and dq exchanged": (gpt, attention, "return dq, dk, dv", "return dk, dq, dv",
                            BEFORE | INNER),
    "residual forgotten": (gpt, transformer_block, "return dy + back, d", "return back, d",
                           {"tokens.weight", "places.weight"}),
    "norm of layers": (gpt, layer_norm, "dgamma = (g * x_hat)", "dgamma = g",
                       {"blocks.0.norm1.weight", "blocks.0.norm2.weight", "norm.weight"}),
    "linear": (cnn, affine, "g_rows.sum(axis=0)", "g_rows.mean(axis=0)", {"9.bias"}),
}  # fmt: skip


@pytest.mark.parametrize("name", SLIPS)
def test_a_slip_in_a_derivation_differs_in_the_rows_that_it_reaches(monkeypatch, name):
    make, module, right, wrong, expected = SLIPS[name]
    planted(monkeypatch, module, right, wrong)
    network, x, labels = make()
    table = compare_gradients(network, x, labels, samples=2)
    assert differing(table) == expected
    assert table.agree is False
    assert "✗" in str(table).splitlines()[0]
    assert table["max |auto-numeric|"].max() < 1e-6, "the other two still agree"


@pytest.mark.parametrize(
    ("layer", "name"), [(nn.Flatten, "0.weight"), (nn.MaxPool2d, "1.weight"), (nn.AvgPool2d, "4.")]
)
def test_a_layer_without_parameters_is_checked_by_those_before_it(monkeypatch, layer, name):
    """The way back through it is twice what it should be."""
    derivation = LAYERS[layer]

    def doubled(*arguments):
        outputs, back = derivation.run(*arguments)

        def twice(g):
            gradients, others = back(g)
            return tuple(2 * one for one in gradients), others

        return outputs, twice

    monkeypatch.setitem(LAYERS, layer, type(derivation)(doubled))
    table = compare_gradients(*cnn(), samples=1)
    assert any(one.startswith(name) for one in differing(table))
    assert not any(one.startswith("9.") for one in differing(table))


@pytest.mark.parametrize("name", ["tanh", "add", "getitem", "transpose"])
def test_an_operation_between_layers_is_checked_too(monkeypatch, name):
    run = OPERATIONS[name]

    def doubled(*arguments, **params):
        outputs, back = run(*arguments, **params)
        return outputs, lambda g: (tuple(2 * one for one in back(g)[0]), {})

    monkeypatch.setitem(OPERATIONS, name, doubled)
    make = {"tanh": cnn, "add": gpt}.get(name, lambda: classifier(nn.LSTM))
    table = compare_gradients(*make(), samples=1)
    assert differing(table)
    assert table["verdict"].iloc[-1] == "match", "the last layer comes after it"


def test_a_wrong_forward_pass_is_reported(monkeypatch):
    planted(monkeypatch, convolution, "+ b[:, None, None]", "+ 2 * b[:, None, None]")
    network, x, labels = cnn()
    table = compare_gradients(network, x, labels, samples=1)
    assert not table.agree
    assert "already the forward passes differ" in str(table)


def test_forward_passes_that_differ_never_agree(monkeypatch):
    """Also where no gradient differs."""
    network = nn.Linear(3, 2)
    x, labels = np.ones((2, 3)), [0, 1]
    assert compare_gradients(network, x, labels).agree
    loss = losses.softmax_cross_entropy
    monkeypatch.setattr(
        losses, "softmax_cross_entropy", lambda z, y: (loss(z, y)[0] + 1e-3, loss(z, y)[1])
    )
    table = compare_gradients(network, x, labels)
    assert not table.agree
    assert set(table["verdict"]) == {"match"}
    assert "the forward passes differ" in str(table).splitlines()[0]


def test_a_mistake_of_the_engine_is_found_too(monkeypatch):
    """The value is right, its gradient is twice what it should be: numerical disagrees."""
    monkeypatch.setattr(
        "nn.layers.activations.tanh", lambda z: tg.tanh(z) * 2 - tg.tanh(z).detach()
    )
    table = compare_gradients(*cnn(), samples=1)
    assert {"0.weight", "4.weight"} <= differing(table)
    assert table["max |auto-numeric|"].max() > 1e-4


def test_a_lost_graph_is_not_right():
    """By hand and automatically, a constant is a constant; the numerical gradient says no."""

    class Lost(nn.Module):
        def __init__(self):
            self.one, self.two = nn.Linear(3, 3), nn.Linear(3, 2)

        def forward(self, x):
            x = self.one(x)
            return self.two(x * tg.Tensor(np.tanh(x.data)))

    table = compare_gradients(Lost(), GENERATOR.normal(size=(4, 3)), [0, 1, 1, 0])
    assert differing(table) == {"one.weight", "one.bias"}
    assert table["relative error"].max() < 1e-12
