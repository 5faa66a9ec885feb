"""Draws problems for the derivations over sequences, and for affine layers; see `cases`."""

from __future__ import annotations

from types import ModuleType
from typing import Any

import numpy as np

import nn
import tinygrad_edu as tg

from .cases import CASES, Arrays, Problem, case, drawn, sizes_up_to


@case("affine")
def _affine(rng: np.random.Generator) -> Problem:
    *rows, inputs, outputs = sizes_up_to(rng, 5, 5, 8, 8)[rng.integers(0, 2) :]

    def by_hand(module: ModuleType, arrays: Arrays, upstream: tuple[Any, ...]) -> Any:
        out, (x, weight, _) = module.forward(*arrays.values()), arrays.values()
        gradients = module.backward(upstream[0], x, weight)
        return (out,), dict(zip(arrays, gradients, strict=True))

    def by_machine(x: tg.Tensor, W: tg.Tensor, b: tg.Tensor) -> tuple[Any, ...]:
        return (x @ W + b,)

    arrays = drawn(rng, x=(*rows, inputs), W=(inputs, outputs), b=(outputs,))
    g = rng.normal(size=(*rows, outputs))
    return Problem((*rows, inputs, outputs), arrays, (g,), by_hand, by_machine)


@case("embedding")
def _embedding(rng: np.random.Generator) -> Problem:
    rows, size, *shape = sizes_up_to(rng, 6, 5, 4, 4)
    indices = rng.integers(0, rows, shape[rng.integers(0, 2) :])

    def by_hand(module: ModuleType, arrays: Arrays, upstream: tuple[Any, ...]) -> Any:
        out = module.forward(arrays["table"], indices)
        return (out,), {"table": module.backward(upstream[0], indices, rows)}

    def by_machine(table: tg.Tensor) -> tuple[Any, ...]:
        return (tg.embedding(indices, table),)

    g = rng.normal(size=(*indices.shape, size))
    sizes = (rows, size, *indices.shape)
    return Problem(sizes, drawn(rng, table=(rows, size)), (g,), by_hand, by_machine)


def _recurrent(name: str, layer: type[Any], gates: int, states: tuple[str, ...]) -> None:
    def draw(rng: np.random.Generator) -> Problem:
        n, t, d, h = sizes_up_to(rng, 4, 6, 4, 4)
        parameters = ("weight_ih_l0", "weight_hh_l0", "bias_ih_l0", "bias_hh_l0")
        network = layer(d, h, batch_first=True, dtype="float64")

        def by_hand(module: ModuleType, arrays: Arrays, upstream: tuple[Any, ...]) -> Any:
            *outputs, cache = module.forward(*arrays.values())
            g, *dc = upstream
            gradients = module.backward(g, cache, *dc)
            return tuple(outputs), dict(zip(arrays, gradients, strict=True))

        def by_machine(x: tg.Tensor, **named: tg.Tensor) -> tuple[Any, ...]:
            before = [named.pop(state).reshape(1, n, h) for state in states]
            given = dict(zip(parameters, named.values(), strict=True))
            hx = tuple(before) if len(before) > 1 else before[0]
            out, after = nn.functional_call(network, given, (x, hx))
            return (out, after[1][0]) if len(before) > 1 else (out,)

        arrays = drawn(
            rng, x=(n, t, d), W_ih=(d, gates * h), W_hh=(h, gates * h), b_ih=(gates * h,),
            b_hh=(gates * h,), **dict.fromkeys(states, (n, h)),
        )  # fmt: skip
        upstream = (rng.normal(size=(n, t, h)), rng.normal(size=(n, h)))[: len(states)]
        return Problem((n, t, d, h), arrays, upstream, by_hand, by_machine)

    CASES[name] = draw


_recurrent("rnn", nn.RNN, 1, ("h_0",))
_recurrent("lstm", nn.LSTM, 4, ("h_0", "c_0"))


@case("attention: one head")
def _attention(rng: np.random.Generator) -> Problem:
    (n, queries, keys, e, v), causal = sizes_up_to(rng, 3, 6, 6, 5, 5), bool(rng.random() < 0.5)
    lead = (n,)[: rng.integers(0, 2)]

    def by_hand(module: ModuleType, arrays: Arrays, upstream: tuple[Any, ...]) -> Any:
        out, cache = module.forward(*arrays.values(), causal)
        return (out,), dict(zip(arrays, module.backward(upstream[0], cache), strict=True))

    def by_machine(q: tg.Tensor, k: tg.Tensor, v: tg.Tensor) -> tuple[Any, ...]:
        return (tg.scaled_dot_product_attention(q, k, v, is_causal=causal),)

    arrays = drawn(rng, q=(*lead, queries, e), k=(*lead, keys, e), v=(*lead, keys, v))
    g = rng.normal(size=(*lead, queries, v))
    return Problem((*lead, queries, keys, e, v, causal), arrays, (g,), by_hand, by_machine)


@case("attention: several heads")
def _several_heads(rng: np.random.Generator) -> Problem:
    (n, t, heads, size), causal = sizes_up_to(rng, 3, 6, 3, 4), bool(rng.random() < 0.5)
    width = heads * size
    network = nn.MultiheadAttention(width, heads, batch_first=True, dtype="float64")
    names = ("in_proj_weight", "in_proj_bias", "out_proj.weight", "out_proj.bias")

    def by_hand(module: ModuleType, arrays: Arrays, upstream: tuple[Any, ...]) -> Any:
        out, cache = module.multihead_forward(*arrays.values(), heads, causal)
        gradients = module.multihead_backward(upstream[0], cache)
        return (out,), dict(zip(arrays, gradients, strict=True))

    def by_machine(x: tg.Tensor, **named: tg.Tensor) -> tuple[Any, ...]:
        given = dict(zip(names, named.values(), strict=True))
        return (nn.functional_call(network, given, x, {"is_causal": causal})[0],)

    arrays = drawn(
        rng, x=(n, t, width), W_in=(width, 3 * width), b_in=(3 * width,), W_out=(width, width),
        b_out=(width,),
    )  # fmt: skip
    g = rng.normal(size=(n, t, width))
    return Problem((n, t, heads, size, causal), arrays, (g,), by_hand, by_machine)


@case("transformer_block")
def _transformer_block(rng: np.random.Generator) -> Problem:
    (n, t, heads, size, hidden), causal = sizes_up_to(rng, 3, 5, 3, 3, 6), bool(rng.random() < 0.5)
    activation, width = str(rng.choice(["relu", "gelu"])), heads * size
    network = nn.TransformerBlock(
        width, heads, hidden, 0.0, activation, norm_first=True, causal=causal, dtype="float64"
    )

    def by_hand(module: ModuleType, arrays: Arrays, upstream: tuple[Any, ...]) -> Any:
        parameters = {name: array for name, array in arrays.items() if name != "x"}
        out, cache = module.forward(arrays["x"], parameters, heads, causal, activation)
        dx, gradients = module.backward(upstream[0], cache)
        return (out,), {"x": dx, **gradients}

    def by_machine(x: tg.Tensor, **named: tg.Tensor) -> tuple[Any, ...]:
        return (nn.functional_call(network, named, x),)

    shapes = {name: one.shape for name, one in network.named_parameters()}
    arrays = drawn(rng, x=(n, t, width), **shapes)
    g = rng.normal(size=(n, t, width))
    sizes = (n, t, heads, size, hidden, causal, activation)
    return Problem(sizes, arrays, (g,), by_hand, by_machine)
