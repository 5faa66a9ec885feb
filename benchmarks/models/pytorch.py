"""The models in PyTorch, as its users write them; the LSTM as the fused layer ``nn.LSTM``."""

from __future__ import annotations

import os
from typing import Any

import numpy as np
import torch
from torch.nn import functional as F

from benchmarks.models.problems import BLOCKS, HEADS, UNITS, ModelProblem
from benchmarks.problem import LEARNING_RATE, Candidate

__all__ = ["eager", "loop"]


def cnn(p: Any, x: Any, labels: Any) -> Any:
    h = F.max_pool2d(F.relu(F.conv2d(x, p["conv1.weight"], p["conv1.bias"], padding=1)), 2)
    h = F.max_pool2d(F.relu(F.conv2d(h, p["conv2.weight"], p["conv2.bias"], padding=1)), 2)
    logits = h.reshape(len(x), -1) @ p["head.weight"] + p["head.bias"]
    return F.cross_entropy(logits, labels)


def gpt(p: Any, tokens: Any, labels: Any) -> Any:
    x = F.embedding(tokens, p["tokens"]) + p["positions"]
    for i in range(BLOCKS):
        width = x.shape[-1:]
        n = F.layer_norm(x, width, p[f"{i}.norm1.scale"], p[f"{i}.norm1.bias"])
        x = x + _attention(p, i, n)
        n = F.layer_norm(x, width, p[f"{i}.norm2.scale"], p[f"{i}.norm2.bias"])
        h = F.gelu(n @ p[f"{i}.up.weight"] + p[f"{i}.up.bias"])
        x = x + h @ p[f"{i}.down.weight"] + p[f"{i}.down.bias"]
    x = F.layer_norm(x, x.shape[-1:], p["norm.scale"], p["norm.bias"])
    logits = x @ p["head.weight"] + p["head.bias"]
    return F.cross_entropy(logits.reshape(-1, logits.shape[-1]), labels.reshape(-1))


def _attention(p: Any, i: int, x: Any) -> Any:
    batch, length, width = x.shape
    qkv = x @ p[f"{i}.qkv.weight"] + p[f"{i}.qkv.bias"]
    q, k, v = (
        part.reshape(batch, length, HEADS, -1).transpose(1, 2) for part in qkv.split(width, -1)
    )
    scores = q @ k.transpose(-1, -2) / (width // HEADS) ** 0.5
    causal = torch.tril(torch.ones(length, length, dtype=torch.bool))
    weights = F.softmax(scores.masked_fill(~causal, -torch.inf), -1)
    joined = (weights @ v).transpose(1, 2).reshape(batch, length, width)
    return joined @ p[f"{i}.project.weight"] + p[f"{i}.project.bias"]


def lstm_loop(p: Any, x: Any, labels: Any) -> Any:
    h = c = torch.zeros(x.shape[0], UNITS)
    states = []
    for t in range(x.shape[1]):
        z = x[:, t] @ p["input.weight"] + h @ p["hidden.weight"] + p["gates.bias"]
        i, f = torch.sigmoid(z[:, :UNITS]), torch.sigmoid(z[:, UNITS : 2 * UNITS])
        g, o = torch.tanh(z[:, 2 * UNITS : 3 * UNITS]), torch.sigmoid(z[:, 3 * UNITS :])
        c = f * c + i * g
        h = o * torch.tanh(c)
        states.append(h)
    logits = torch.stack(states, 1) @ p["head.weight"] + p["head.bias"]
    return F.cross_entropy(logits.reshape(-1, logits.shape[-1]), labels.reshape(-1))


def eager(problem: ModelProblem) -> Candidate:
    """Use `torch.nn.functional`, and for the recurrence the fused `torch.nn.LSTM`."""
    parameters = _tensors(problem)
    if problem.model != "lstm":
        return _candidate(problem, parameters, {"cnn": cnn, "gpt": gpt}[problem.model])
    layer = torch.nn.LSTM(problem.inputs.shape[2], UNITS, batch_first=True)
    stored = {"input.weight": layer.weight_ih_l0, "hidden.weight": layer.weight_hh_l0}
    with torch.no_grad():
        for name, weight in stored.items():
            weight.copy_(parameters[name].T)
        layer.bias_ih_l0.copy_(parameters["gates.bias"])
        layer.bias_hh_l0.zero_()
    layer.bias_hh_l0.requires_grad_(False)
    parameters |= {**stored, "gates.bias": layer.bias_ih_l0}

    def loss_of(p: Any, x: Any, labels: Any) -> Any:
        logits = layer(x)[0] @ p["head.weight"] + p["head.bias"]
        return F.cross_entropy(logits.reshape(-1, logits.shape[-1]), labels.reshape(-1))

    return _candidate(problem, parameters, loss_of, turned=tuple(stored))


def loop(problem: ModelProblem) -> Candidate:
    """Use the loop over time that our users write too."""
    return _candidate(problem, _tensors(problem), lstm_loop)


def _tensors(problem: ModelProblem) -> dict[str, Any]:
    return {
        name: torch.tensor(values, requires_grad=True)
        for name, values in problem.parameters.items()
    }


def _candidate(
    problem: ModelProblem, parameters: dict[str, Any], loss_of: Any, turned: tuple[str, ...] = ()
) -> Candidate:
    torch.set_num_threads(int(os.environ["OMP_NUM_THREADS"]))
    optimizer = torch.optim.SGD(parameters.values(), lr=LEARNING_RATE)
    inputs, labels = torch.tensor(problem.inputs), torch.tensor(problem.labels)

    def step() -> float:
        optimizer.zero_grad()
        loss = loss_of(parameters, inputs, labels)
        loss.backward()
        optimizer.step()
        return loss.item()

    def arrays(of: Any) -> dict[str, np.ndarray]:
        found = {name: of(value).detach().numpy() for name, value in parameters.items()}
        return {name: v.T if name in turned else v for name, v in found.items()}

    def current() -> Any:
        return arrays(lambda parameter: parameter.grad), arrays(lambda parameter: parameter)

    return Candidate(step, current, {"version": torch.__version__.partition("+")[0]})
