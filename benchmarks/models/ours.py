"""The models in this library: bare tensors and operations, as in the formulas; and the layer."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from benchmarks.models.problems import BLOCKS, HEADS, UNITS, ModelProblem
from benchmarks.problem import LEARNING_RATE, Candidate
from nn import LSTM, SGD
from tinygrad_edu import (
    Tensor,
    capture,
    conv2d,
    embedding,
    gelu,
    keep_memory,
    layer_norm,
    max_pool2d,
    relu,
    sigmoid,
    softmax,
    softmax_cross_entropy,
    split,
    stack,
    tanh,
    where,
)

__all__ = ["captured", "eager", "lstm_layer"]

Parameters = dict[str, Tensor]


def cnn(p: Parameters, x: Any, labels: Any) -> Tensor:
    """Two convolutions with pools, and a linear layer."""
    h = max_pool2d(relu(conv2d(x, p["conv1.weight"], p["conv1.bias"], padding=1)), 2)
    h = max_pool2d(relu(conv2d(h, p["conv2.weight"], p["conv2.bias"], padding=1)), 2)
    logits = h.reshape(len(x), -1) @ p["head.weight"] + p["head.bias"]
    return softmax_cross_entropy(logits, labels)


def gpt(p: Parameters, tokens: Any, labels: Any) -> Tensor:
    """Blocks of causal attention and a two-layer perceptron, each with a residual."""
    x = embedding(tokens, p["tokens"]) + p["positions"]
    for i in range(BLOCKS):
        x = x + _attention(p, i, layer_norm(x, p[f"{i}.norm1.scale"], p[f"{i}.norm1.bias"]))
        n = layer_norm(x, p[f"{i}.norm2.scale"], p[f"{i}.norm2.bias"])
        h = gelu(n @ p[f"{i}.up.weight"] + p[f"{i}.up.bias"])
        x = x + h @ p[f"{i}.down.weight"] + p[f"{i}.down.bias"]
    x = layer_norm(x, p["norm.scale"], p["norm.bias"])
    logits = x @ p["head.weight"] + p["head.bias"]
    return softmax_cross_entropy(logits.reshape(-1, logits.shape[-1]), labels.reshape(-1))


def _attention(p: Parameters, i: int, x: Tensor) -> Tensor:
    batch, length, width = x.shape
    qkv = x @ p[f"{i}.qkv.weight"] + p[f"{i}.qkv.bias"]
    q, k, v = (
        part.reshape(batch, length, HEADS, -1).transpose(0, 2, 1, 3) for part in split(qkv, 3, -1)
    )
    scores = q @ k.transpose(0, 1, 3, 2) / (width // HEADS) ** 0.5
    causal = np.tril(np.ones((length, length), bool))
    weights = softmax(where(causal, scores, -np.inf))
    joined = (weights @ v).transpose(0, 2, 1, 3).reshape(batch, length, width)
    return joined @ p[f"{i}.project.weight"] + p[f"{i}.project.bias"]


def lstm(p: Parameters, x: Any, labels: Any) -> Tensor:
    """A recurrence written as a loop over time, and a linear layer on every state."""
    h = c = Tensor(np.zeros((x.shape[0], UNITS), np.float32))
    states = []
    for t in range(x.shape[1]):
        z = x[:, t] @ p["input.weight"] + h @ p["hidden.weight"] + p["gates.bias"]
        i, f = sigmoid(z[:, :UNITS]), sigmoid(z[:, UNITS : 2 * UNITS])
        g, o = tanh(z[:, 2 * UNITS : 3 * UNITS]), sigmoid(z[:, 3 * UNITS :])
        c = f * c + i * g
        h = o * tanh(c)
        states.append(h)
    logits = stack(states, axis=1) @ p["head.weight"] + p["head.bias"]
    return softmax_cross_entropy(logits.reshape(-1, logits.shape[-1]), labels.reshape(-1))


def lstm_layer(problem: ModelProblem) -> Candidate:
    """Run the recurrence as the layer `nn.LSTM`, captured."""
    layer = LSTM(problem.inputs.shape[2], UNITS, batch_first=True)
    layer.bias_hh_l0.data = np.zeros(4 * UNITS)
    layer.bias_hh_l0.requires_grad = False
    stored = {
        "input.weight": layer.weight_ih_l0,
        "hidden.weight": layer.weight_hh_l0,
        "gates.bias": layer.bias_ih_l0,
    }

    def loss_of(p: Parameters, x: Any, labels: Any) -> Tensor:
        logits = layer(x)[0] @ p["head.weight"] + p["head.bias"]
        return softmax_cross_entropy(logits.reshape(-1, logits.shape[-1]), labels.reshape(-1))

    for name, parameter in stored.items():
        parameter.data = problem.parameters[name]
    return _candidate(problem, capture, loss_of, stored)


LOSSES: dict[str, Callable[[Parameters, Any, Any], Tensor]] = {"cnn": cnn, "gpt": gpt, "lstm": lstm}


def eager(problem: ModelProblem) -> Candidate:
    """Run the step with tensors and graph."""
    return _candidate(problem, lambda step: step)


def captured(problem: ModelProblem) -> Candidate:
    """Run the step as it was recorded."""
    return _candidate(problem, capture)


def _candidate(
    problem: ModelProblem,
    wrap: Callable[[Any], Any],
    loss_of: Callable[[Parameters, Any, Any], Tensor] | None = None,
    stored: Parameters | None = None,
) -> Candidate:
    keep_memory()
    parameters = {
        name: Tensor(values, requires_grad=True) for name, values in problem.parameters.items()
    }
    parameters |= stored or {}
    loss_of = loss_of or LOSSES[problem.model]
    optimizer = SGD(parameters.values(), lr=LEARNING_RATE)

    def train_step(inputs: np.ndarray, labels: np.ndarray) -> Tensor:
        optimizer.zero_grad()
        loss = loss_of(parameters, Tensor(inputs, copy=False), Tensor(labels, copy=False))
        loss.backward(keep_interior=False)
        optimizer.step()
        return loss

    step = wrap(train_step)

    def current() -> Any:
        gradients = {name: parameter.grad for name, parameter in parameters.items()}
        return gradients, {name: parameter.numpy() for name, parameter in parameters.items()}

    return Candidate(lambda: step(problem.inputs, problem.labels).item(), current, {})
