"""How layers over sequences run by hand: embedding, recurrent layers, attention, a whole block.

The derivations are those of `nn.by_hand`, in plain NumPy; here the options of a layer are read, and
sequences are brought into the form of the textbook, (N, T, features).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from tinygrad_edu import gelu, relu

from ...layers import RNN, Embedding, MultiheadAttention, TransformerBlock
from .. import attention, embedding, transformer_block
from .derivation import Array, NotDerived, Ran, gradients_kept, values_of

__all__ = [
    "attended",
    "block",
    "embedded",
    "is_textbook",
    "recurrent",
    "refuses_attention",
    "refuses_recurrent",
    "refuses_rnn",
]


# Sequences ------------------------------------------------------------------------------------


def embedded(layer: Embedding, indices: Any) -> Ran:
    """Look up rows; a row for padding is not trained."""
    table, numbers = values_of(layer.weight), np.asarray(indices).astype(int)

    def back(g: Array) -> Any:
        if layer.padding_idx is not None:
            g = np.where((numbers == layer.padding_idx)[..., None], 0.0, g)
        return (None,), {"weight": embedding.backward(g, numbers, len(table))}

    return (embedding.forward(table, numbers),), back


def attended(
    layer: MultiheadAttention,
    x: Array,
    need_weights: bool = True,
    is_causal: bool = False,
    average_attn_weights: bool = True,
) -> Ran:
    """Run attention of a sequence to itself.

    Parameters
    ----------
    layer : MultiheadAttention
    x : ndarray
        The sequence.
    need_weights, is_causal, average_attn_weights : bool
        As for the layer.
    """
    is_single, swaps = x.ndim == 2, x.ndim == 3 and not layer.batch_first

    def turned(array: Array) -> Array:  # to (N, T, features), and back
        return array[None] if is_single else array.swapaxes(0, 1) if swaps else array

    W_in, W_out = values_of(layer.in_proj_weight), values_of(layer.out_proj.weight)
    b_in = np.broadcast_to(values_of(layer.in_proj_bias), W_in.shape[1:])
    b_out = np.broadcast_to(values_of(layer.out_proj.bias), W_out.shape[1:])
    out, kept = attention.multihead_forward(
        turned(x), W_in, b_in, W_out, b_out, layer.num_heads, is_causal
    )

    def back(g: Array, *g_weights: Array) -> Any:
        if any(map(np.any, g_weights)):
            raise NotDerived("the gradient of the attention weights of MultiheadAttention")
        dx, dW_in, db_in, dW_out, db_out = attention.multihead_backward(turned(g), kept)
        found = {"in_proj_weight": dW_in, "out_proj.weight": dW_out}
        if layer.in_proj_bias is not None:
            found |= {"in_proj_bias": db_in, "out_proj.bias": db_out}
        return (dx[0] if is_single else turned(dx),), found

    out = out[0] if is_single else turned(out)
    if not need_weights:
        return (out,), back
    P = kept[-1][-1]
    P = P.mean(axis=1) if average_attn_weights else P
    return (out, P[0] if is_single else P), back


def block(layer: TransformerBlock, x: Array, is_causal: bool = False) -> Ran:
    """Run a whole block of the kind that `is_textbook` accepts.

    Parameters
    ----------
    layer : TransformerBlock
    x : ndarray
        A sequence, or a batch of them.
    is_causal : bool
        As for the layer.
    """
    batch = x[None] if x.ndim == 2 else x
    values = {name: parameter.numpy() for name, parameter in layer.named_parameters()}
    heads, activation = layer.self_attn.num_heads, _TEXTBOOK[layer.activation]
    out, kept = transformer_block.forward(
        batch, values, heads, is_causal or layer.causal, activation, layer.norm1.eps
    )

    def back(g: Array) -> Any:
        dx, gradients = transformer_block.backward(g.reshape(batch.shape), kept)
        return (dx.reshape(x.shape),), gradients

    return (out.reshape(x.shape),), back


_TEXTBOOK: dict[Any, str] = {relu: "relu", gelu: "gelu"}


def is_textbook(layer: TransformerBlock) -> bool:
    """Whether `transformer_block` derives this block; others are composed of their layers."""
    has_biases = layer.linear1.bias is not None
    is_known = layer.activation in _TEXTBOOK and layer.self_attn.batch_first
    return layer.norm_first and is_known and has_biases


def refuses_attention(layer: MultiheadAttention) -> str:
    """Name what is not derived."""
    return "kdim or vdim" if layer.in_proj_weight is None else ""


def refuses_recurrent(layer: Any) -> str:
    """Name what is not derived."""
    return "bidirectional=True" if layer.bidirectional else ""


def recurrent(source: Any, states: int) -> Callable[..., Ran]:
    """Return the derivation of a recurrent layer with some states from that of one of its layers.

    Parameters
    ----------
    source : module
        `lstm` or `rnn`.
    states : int
    """

    def run(layer: Any, x: Array) -> Ran:
        is_single, swaps = x.ndim == 2, x.ndim == 3 and not layer.batch_first

        def turned(array: Array) -> Array:  # to (N, T, features), and back
            return array[None] if is_single else array.swapaxes(0, 1) if swaps else array

        hidden, backs, finals = turned(x), [], []
        for number in range(layer.num_layers):
            hidden, final, back = _one_layer(source, states, layer, f"_l{number}", hidden)
            backs.append(back)
            finals.append(final)

        def returned(array: Array) -> Array:
            return array[0] if is_single else array.swapaxes(0, 1) if swaps else array

        def back_to_x(g: Array, *g_finals: Array) -> Any:
            g, found = turned(g), {}
            for number in range(layer.num_layers)[::-1]:
                of_final = [one[number][None] if is_single else one[number] for one in g_finals]
                g = g.copy()
                g[:, -1] += of_final[0]  # the final hidden state is the last output
                g, gradients = backs[number](g, *of_final[1:])
                found.update(gradients)
            return (returned(g),), found

        last = [np.stack([final[k] for final in finals]) for k in range(states)]
        if is_single:
            last = [state[:, 0] for state in last]
        return (returned(hidden), *last), back_to_x

    return run


def _weights(layer: Any, suffix: str) -> list[Any]:
    """Return W_ih, W_hh, b_ih, b_hh; zeros for biases that a layer does not have."""
    W_ih, W_hh, *biases = (
        getattr(layer, name + suffix) for name in ("weight_ih", "weight_hh", "bias_ih", "bias_hh")
    )
    zeros = np.zeros(W_hh.shape[1])
    return [W_ih.numpy(), W_hh.numpy(), *(zeros if b is None else b.numpy() for b in biases)]


def _named(layer: Any, suffix: str, gradients: Any) -> dict[str, Array]:
    names = [name + suffix for name in ("weight_ih", "weight_hh", "bias_ih", "bias_hh")]
    return gradients_kept(layer, **dict(zip(names, gradients, strict=True)))


def _one_layer(source: Any, states: int, layer: Any, suffix: str, x: Array) -> Any:
    """Run one layer from zero states.

    Parameters
    ----------
    source : module
        Its derivation: `lstm` or `rnn`.
    states : int
        How many states it has.
    layer : Module
    suffix : str
        The end of the names of its parameters, such as ``"_l0"``.
    x : ndarray, shape (N, T, features)

    Returns
    -------
    hidden, finals, back
        All hidden states, a tuple of the last states, and the way back.
    """
    zeros = [np.zeros((len(x), layer.hidden_size))] * states
    hidden, *cell, kept = source.forward(x, *_weights(layer, suffix), *zeros)

    def back(g: Array, *of_cell: Array) -> Any:
        dx, *others = source.backward(g, kept, *of_cell)
        return dx, _named(layer, suffix, others[:4])

    return hidden, (hidden[:, -1], *cell), back


def refuses_rnn(layer: RNN) -> str:
    """Name what is not derived."""
    relu = "nonlinearity='relu'" if layer.nonlinearity != "tanh" else ""
    return relu or refuses_recurrent(layer)
