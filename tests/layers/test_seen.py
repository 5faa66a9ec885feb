"""Tests that pictures, explanations and checks work on recurrent layers and on attention."""

import numpy as np
import pytest

import nn
from tinygrad_edu import AnomalyError, Tensor, detect_anomaly, draw, explain, lint, stepper
from tinygrad_edu.autodiff import graph_order
from tinygrad_edu.calls import called_in

X = np.random.default_rng(0).normal(size=(3, 2, 4))
CALLS = {
    "LSTM": lambda: nn.LSTM(4, 4, 2, bidirectional=True)(X, lengths=[3, 1])[0],
    "GRU": lambda: nn.GRU(4, 4)(X)[1],
    "RNN": lambda: nn.RNN(4, 4)(X)[0],
    "LSTMCell": lambda: nn.LSTMCell(4, 4)(X[0])[0],
    "attention": lambda: nn.MultiheadAttention(4, 2)(X)[0],
    "block": lambda: nn.TransformerBlock(4, 2, 8, 0.0, causal=True)(X),
}


def operations(out):
    return [tensor.node.primitive.name for tensor in graph_order(out)]


@pytest.mark.parametrize("name", CALLS)
def test_tools_work(name):
    with detect_anomaly():
        loss = (CALLS[name]() ** 2).mean()
        loss.backward()
    count = f"{len(operations(loss))} operations"
    assert count in repr(draw(loss))
    assert count in repr(stepper(loss))
    assert str(lint(loss)) == "nothing found"
    for tensor in graph_order(loss):
        assert "Gradient that arrives here" in str(explain(tensor, output=loss))


@pytest.mark.parametrize(
    ("cell", "sigmoids", "tanhs"), [(nn.RNNCell, 0, 1), (nn.LSTMCell, 3, 2), (nn.GRUCell, 2, 1)]
)
def test_cells_show_their_gates(cell, sigmoids, tanhs):
    out = cell(4, 4)(X[0])
    found = operations(out[0] if isinstance(out, tuple) else out)
    assert (found.count("sigmoid"), found.count("tanh")) == (sigmoids, tanhs)


def test_attention_is_seen_as_a_whole_and_in_parts():
    out = CALLS["block"]()
    calls = [call for call in called_in(graph_order(out)).values() if "attention" in call.name]
    (name,) = {call.name for call in calls}
    assert name == "scaled_dot_product_attention"
    found = operations(out)
    assert found.count("softmax") == 1
    assert found.count("matmul") == 2


def test_a_number_that_is_not_finite_is_named():
    weight = Tensor(np.full((4, 16), np.nan), True)
    lstm = nn.LSTM(4, 4)
    lstm.weight_ih_l0.data = weight.data
    with pytest.raises(AnomalyError, match="linear"), detect_anomaly():
        lstm(X)
