"""Cases of what runs along sequences: recurrent networks, and attention.

The expected values are computed step by step, and query by query, as the textbook has them.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from .case import Case, chosen, named, normal


def _sigmoid(x: np.ndarray) -> np.ndarray:
    return np.asarray(1 / (1 + np.exp(-x)))


SIZES = [(3, 2, 2), (1, 1, 3), (2, 3, 1), (35, 1, 1)]
"""Steps, batch, size: several steps, a single one, one feature, and more steps than a block."""


def _rnn() -> Iterator[Case]:
    for nonlinearity in ("tanh", "relu"):
        function = np.tanh if nonlinearity == "tanh" else (lambda z: z * (z > 0))
        for steps, batch, size in SIZES:

            def run(gates: Any, weight: Any, h: Any, function: Any = function) -> np.ndarray:
                return np.array([h := function(gate + h @ weight) for gate in gates])

            yield Case(
                "rnn_sequence",
                f"{(steps, batch, size)} {nonlinearity}",
                named("rnn_sequence", nonlinearity=nonlinearity),
                [normal(steps, batch, size), 0.5 * normal(size, size), normal(batch, size)],
                run,
                text=(steps, nonlinearity) == (3, "tanh"),
            )


def _lstm() -> Iterator[Case]:
    def run(gates: Any, weight: Any, h: Any, c: Any) -> np.ndarray:
        states = []
        for gate in gates:
            i, f, n, o = np.split(gate + h @ weight, 4, axis=-1)
            c = _sigmoid(f) * c + _sigmoid(i) * np.tanh(n)
            h = _sigmoid(o) * np.tanh(c)
            states.append((h, c))
        return np.array(states).swapaxes(0, 1)

    for steps, batch, size in SIZES:
        arrays = [normal(steps, batch, 4 * size), normal(size, 4 * size)]
        arrays += [normal(batch, size), normal(batch, size)]
        label = f"{(steps, batch, size)}"
        yield Case("lstm_sequence", label, named("lstm_sequence"), arrays, run, text=steps == 3)


def _gru() -> Iterator[Case]:
    def run(gates: Any, weight: Any, bias: Any, h: Any) -> np.ndarray:
        states = []
        for gate in gates:
            x, y = np.split(gate, 3, axis=-1), np.split(h @ weight + bias, 3, axis=-1)
            r, z = _sigmoid(x[0] + y[0]), _sigmoid(x[1] + y[1])
            h = (1 - z) * np.tanh(x[2] + r * y[2]) + z * h
            states.append(h)
        return np.array(states)

    for steps, batch, size in SIZES:
        arrays = [normal(steps, batch, 3 * size), normal(size, 3 * size)]
        arrays += [normal(3 * size), normal(batch, size)]
        label = f"{(steps, batch, size)}"
        yield Case("gru_sequence", label, named("gru_sequence"), arrays, run, text=steps == 3)


def _attention() -> Iterator[Case]:
    def attend(query: Any, key: Any, value: Any, mask: Any = None, **keywords: Any) -> np.ndarray:
        scale = keywords.get("scale") or query.shape[-1] ** -0.5
        if keywords.get("enable_gqa"):
            key, value = (np.repeat(x, query.shape[-3] // x.shape[-3], -3) for x in (key, value))
        scores = query @ key.swapaxes(-1, -2) * scale
        queries, keys = scores.shape[-2:]
        seen = np.ones(scores.shape, bool)
        if keywords.get("is_causal"):
            seen &= np.arange(queries)[:, None] >= np.arange(keys)
        if mask is not None:
            seen &= mask if mask.dtype == bool else mask > -np.inf
            scores = scores + np.where(seen, mask, 0) * (mask.dtype != bool)
        weights = np.exp(scores) * seen
        total = weights.sum(axis=-1, keepdims=True)
        return np.asarray(weights / np.where(total, total, 1) @ value)

    def case(label: str, shapes: Any, *masks: np.ndarray, **keywords: Any) -> Case:
        arrays = [*(normal(*shape) for shape in shapes), *masks]
        call = named("scaled_dot_product_attention", **keywords)
        return Case(
            "scaled_dot_product_attention", label, call, arrays,
            lambda *inputs: attend(*inputs, **keywords),
        )  # fmt: skip

    plain = [(2, 3), (4, 3), (4, 2)]
    yield case("one sequence", plain)
    yield case("scale", plain, scale=0.3)
    yield case("causal", [(3, 2), (3, 2), (3, 2)], is_causal=True)
    yield case("causal, more keys", plain, is_causal=True)
    yield case("causal, more queries", [(4, 2), (2, 2), (2, 3)], is_causal=True)
    yield case("heads", [(2, 2, 3, 2)] * 3, is_causal=True)
    yield case("broadcasts", [(2, 1, 3, 2), (3, 3, 2), (3, 3, 1)])
    yield case("seen", plain, chosen(2, 4))
    yield case("seen, of one head", [(2, 2, 3), (2, 4, 3), (2, 4, 2)], chosen(4))
    yield case("seen, causal", plain, np.array([[1, 1, 0, 0], [0, 1, 1, 1]], bool), is_causal=True)
    yield case("nothing is seen", plain, np.array([[True] * 4, [False] * 4]))
    yield case("added", plain, normal(2, 4))
    yield case("added to heads", [(2, 2, 3), (2, 4, 3), (2, 4, 2)], normal(2, 1, 1))
    yield case("grouped", [(4, 2, 3), (2, 3, 3), (2, 3, 2)], enable_gqa=True)


FAMILIES = (_rnn, _lstm, _gru, _attention)
