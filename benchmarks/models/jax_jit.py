"""The models in JAX, the whole step compiled; the recurrence is `lax.scan`, as users write it."""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax

from benchmarks.models.problems import BLOCKS, HEADS, UNITS, ModelProblem
from benchmarks.problem import LEARNING_RATE, Candidate

__all__ = ["jitted"]


def _conv(x: Any, weight: Any, bias: Any) -> Any:
    return lax.conv(x, weight, (1, 1), "SAME") + bias[:, None, None]


def _pool(x: Any) -> Any:
    return lax.reduce_window(x, -jnp.inf, lax.max, (1, 1, 2, 2), (1, 1, 2, 2), "VALID")


def _cross_entropy(logits: Any, labels: Any) -> Any:
    logits, labels = logits.reshape(-1, logits.shape[-1]), labels.reshape(-1)
    chosen = jnp.take_along_axis(jax.nn.log_softmax(logits), labels[:, None], 1)
    return -chosen.mean()


def cnn(p: Any, x: Any, labels: Any) -> Any:
    h = _pool(jax.nn.relu(_conv(x, p["conv1.weight"], p["conv1.bias"])))
    h = _pool(jax.nn.relu(_conv(h, p["conv2.weight"], p["conv2.bias"])))
    return _cross_entropy(h.reshape(len(x), -1) @ p["head.weight"] + p["head.bias"], labels)


def _norm(x: Any, scale: Any, bias: Any) -> Any:
    mean, variance = x.mean(-1, keepdims=True), x.var(-1, keepdims=True)
    return (x - mean) * lax.rsqrt(variance + 1e-5) * scale + bias


def gpt(p: Any, tokens: Any, labels: Any) -> Any:
    x = p["tokens"][tokens] + p["positions"]
    for i in range(BLOCKS):
        x = x + _attention(p, i, _norm(x, p[f"{i}.norm1.scale"], p[f"{i}.norm1.bias"]))
        n = _norm(x, p[f"{i}.norm2.scale"], p[f"{i}.norm2.bias"])
        h = jax.nn.gelu(n @ p[f"{i}.up.weight"] + p[f"{i}.up.bias"], approximate=False)
        x = x + h @ p[f"{i}.down.weight"] + p[f"{i}.down.bias"]
    x = _norm(x, p["norm.scale"], p["norm.bias"])
    return _cross_entropy(x @ p["head.weight"] + p["head.bias"], labels)


def _attention(p: Any, i: int, x: Any) -> Any:
    batch, length, width = x.shape
    qkv = x @ p[f"{i}.qkv.weight"] + p[f"{i}.qkv.bias"]
    q, k, v = (
        part.reshape(batch, length, HEADS, -1).transpose(0, 2, 1, 3)
        for part in jnp.split(qkv, 3, -1)
    )
    scores = q @ k.transpose(0, 1, 3, 2) / (width // HEADS) ** 0.5
    causal = jnp.tril(jnp.ones((length, length), bool))
    weights = jax.nn.softmax(jnp.where(causal, scores, -jnp.inf))
    joined = (weights @ v).transpose(0, 2, 1, 3).reshape(batch, length, width)
    return joined @ p[f"{i}.project.weight"] + p[f"{i}.project.bias"]


def lstm(p: Any, x: Any, labels: Any) -> Any:
    def cell(state: Any, now: Any) -> Any:
        h, c = state
        z = now @ p["input.weight"] + h @ p["hidden.weight"] + p["gates.bias"]
        i, f, g, o = jnp.split(z, 4, -1)
        c = jax.nn.sigmoid(f) * c + jax.nn.sigmoid(i) * jnp.tanh(g)
        h = jax.nn.sigmoid(o) * jnp.tanh(c)
        return (h, c), h

    zeros = jnp.zeros((x.shape[0], UNITS), jnp.float32)
    _, states = lax.scan(cell, (zeros, zeros), x.transpose(1, 0, 2))
    return _cross_entropy(states.transpose(1, 0, 2) @ p["head.weight"] + p["head.bias"], labels)


def jitted(problem: ModelProblem) -> Candidate:
    """Compile loss, gradients and update as one function."""
    differentiated = jax.value_and_grad({"cnn": cnn, "gpt": gpt, "lstm": lstm}[problem.model])

    @jax.jit
    def train_step(parameters: Any, inputs: Any, labels: Any) -> Any:
        loss, gradients = differentiated(parameters, inputs, labels)
        changed = {name: p - LEARNING_RATE * gradients[name] for name, p in parameters.items()}
        return loss, gradients, changed

    inputs, labels = jnp.asarray(problem.inputs), jnp.asarray(problem.labels)
    state: dict[str, Any] = {"now": {n: jnp.asarray(v) for n, v in problem.parameters.items()}}

    def step() -> float:
        loss, state["gradients"], state["now"] = train_step(state["now"], inputs, labels)
        return float(loss)

    def current() -> Any:
        return tuple(
            {name: np.asarray(value) for name, value in state[which].items()}
            for which in ("gradients", "now")
        )

    return Candidate(step, current, {"version": jax.__version__})
