"""The table from layers to their derivations by hand, and the equation of each parameter.

A layer that is not in the table, or an option that it refuses, is an error that says so. How a
whole network is run is in `chain`.
"""

from __future__ import annotations

import inspect
import re
from functools import cache
from types import ModuleType

from ...layers import (
    GELU,
    LSTM,
    RNN,
    AvgPool2d,
    BatchNorm1d,
    BatchNorm2d,
    BatchNorm3d,
    Conv2d,
    Dropout,
    Embedding,
    Flatten,
    Identity,
    Lambda,
    LayerNorm,
    Linear,
    MaxPool2d,
    MultiheadAttention,
    ReLU,
    Residual,
    Sequential,
    Sigmoid,
    SiLU,
    Tanh,
    TransformerBlock,
    Unflatten,
)
from ...module import Module
from .. import (
    affine,
    attention,
    batch_norm,
    convolution,
    embedding,
    layer_norm,
    lstm,
    pooling,
    rnn,
    transformer_block,
)
from . import feedforward, sequences
from .derivation import Derivation

__all__ = ["LAYERS", "THROUGH", "derivation_of", "equation_at", "equations_of", "sources_of"]

_OF_NORMS = {"weight": 6, "bias": 5}
_OF_RNN = {"weight_ih": 6, "weight_hh": 7, "bias_ih": 8, "bias_hh": 8}
_OF_LSTM = {"weight_ih": 9, "weight_hh": 10, "bias_ih": 11, "bias_hh": 11}

LAYERS: dict[type[Module], Derivation] = {
    Linear: Derivation(feedforward.linear, affine, {"weight": 2, "bias": 3}),
    Flatten: Derivation(feedforward.reshaped),
    Unflatten: Derivation(feedforward.reshaped),
    Conv2d: Derivation(
        feedforward.conv2d,
        convolution,
        {"weight": 3, "bias": 2},
        refuses=feedforward.refuses_windows,
    ),
    MaxPool2d: Derivation(
        feedforward.pooled("max_forward", "max_backward"),
        pooling,
        refuses=feedforward.refuses_windows,
    ),
    AvgPool2d: Derivation(
        feedforward.pooled("average_forward", "average_backward"),
        pooling,
        refuses=feedforward.refuses_windows,
    ),
    BatchNorm1d: Derivation(feedforward.normed_channels, batch_norm, _OF_NORMS),
    BatchNorm2d: Derivation(feedforward.normed_channels, batch_norm, _OF_NORMS),
    BatchNorm3d: Derivation(feedforward.normed_channels, batch_norm, _OF_NORMS),
    LayerNorm: Derivation(feedforward.normed_rows, layer_norm, _OF_NORMS),
    Embedding: Derivation(sequences.embedded, embedding, {"weight": 2}, ("indices",)),
    MultiheadAttention: Derivation(
        sequences.attended,
        attention,
        {
            "in_proj_weight": (13, 1),
            "in_proj_bias": (13, 2),
            "out_proj.weight": (11, 1),
            "out_proj.bias": (11, 2),
        },
        ("query",),
        sequences.refuses_attention,
        ("need_weights", "is_causal", "average_attn_weights"),
    ),
    TransformerBlock: Derivation(
        sequences.block,
        transformer_block,
        {
            "linear1.weight": (6, 0),
            "linear1.bias": (6, 1),
            "linear2.weight": (4, 0),
            "linear2.bias": (4, 1),
        },
        ("src",),
        others=("is_causal",),
        fits=sequences.is_textbook,
    ),
    RNN: Derivation(sequences.recurrent(rnn, 1), rnn, _OF_RNN, refuses=sequences.refuses_rnn),
    LSTM: Derivation(
        sequences.recurrent(lstm, 2), lstm, _OF_LSTM, refuses=sequences.refuses_recurrent
    ),
}
"""The derivation of each layer."""

THROUGH: tuple[type[Module], ...] = (
    *(Sequential, Residual, TransformerBlock, Lambda, Identity, Dropout),
    *(ReLU, Tanh, Sigmoid, GELU, SiLU),
)
"""Layers that are composed of other layers and of operations; dropout is off."""


def derivation_of(layer: Module) -> Derivation | None:
    """Return the derivation of a layer; None if it has none, or computes something else.

    Examples
    --------
    >>> from nn import Tanh
    >>> derivation_of(Linear(2, 1)).equations, derivation_of(Tanh())
    ({'weight': 2, 'bias': 3}, None)
    """
    kind = next((one for one in type(layer).__mro__ if one in LAYERS), None)
    if kind is None or type(layer).forward is not kind.forward:
        return None
    return LAYERS[kind] if LAYERS[kind].fits(layer) else None


def equations_of(network: Module) -> dict[str, tuple[str, str]]:
    """Return the equation of each parameter of a network, with the line that computes it.

    Parameters
    ----------
    network : Module

    Returns
    -------
    dict of str to (str, str)
        Only parameters of layers that have a derivation.

    Examples
    --------
    >>> {name: text for name, (text, _) in equations_of(Linear(2, 1)).items()}
    {'weight': '∂L/∂W = xᵀ g', 'bias': '∂L/∂b = Σ g'}
    """
    found: dict[str, tuple[str, str]] = {}
    for path, layer in network.named_modules():
        derivation = derivation_of(layer)
        if derivation is None or derivation.source is None:
            continue
        for name, _ in layer.named_parameters():
            place = derivation.equations.get(re.sub(r"_l\d+$", "", name))
            if place is not None:
                number, part = place if isinstance(place, tuple) else (place, 0)
                full = f"{path}.{name}" if path else name
                found.setdefault(full, equation_at(derivation.source, number, part))
    return found


def sources_of(network: Module) -> list[str]:
    """List the files of `nn.by_hand` with the equations of a network, in the order of its layers.

    Examples
    --------
    >>> sources_of(Sequential(Linear(2, 2), LayerNorm(2), Linear(2, 1)))
    ['affine', 'layer_norm']
    """
    derived = [derivation_of(layer) for layer in network.modules()]
    sources = [one.source for one in derived if one is not None and one.source is not None]
    return list(dict.fromkeys(source.__name__.rpartition(".")[2] for source in sources))


@cache
def equation_at(source: ModuleType, number: int, part: int = 0) -> tuple[str, str]:
    """Look up an equation of a derivation: its text in the docstring, and its line of code.

    Parameters
    ----------
    source : module
        Such as `nn.by_hand.convolution`.
    number : int
        Its number, at the end of a line of the docstring, and in a comment in the code.
    part : int
        Which one, where a line has several.

    Returns
    -------
    text, code : str
        The code with file and line; empty without source code.

    Examples
    --------
    >>> equation_at(affine, 2)[0]
    '∂L/∂W = xᵀ g'
    """
    text = ""
    for line in (source.__doc__ or "").splitlines():
        if line.rstrip().endswith(f"({number})"):
            several = re.split(r",\s{2,}", line.rpartition("(")[0])
            text = re.sub(r"\s+", " ", several[part]).strip()
    return text, _code_of(source, number)


def _code_of(source: ModuleType, number: int) -> str:
    try:
        lines = inspect.getsource(source).splitlines()
    except (OSError, TypeError):  # installed without its source
        return ""
    file = f"{source.__name__.rpartition('.')[2]}.py"
    for place, line in enumerate(lines, 1):
        code, mark, rest = line.partition("# equation ")
        if mark and code.strip() and re.match(rf"{number}\b", rest):
            return f"{file}:{place}: {code.strip()}"
    return ""
