"""Makes the networks of the estimators: the built-in one, or that of a function of the user.

The built-in one starts with the weights that scikit-learn draws from the same `random_state`. How
it is trained is in `training.py`.
"""

from __future__ import annotations

import inspect
import itertools
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import DTypeLike

from ...initializers import zeros
from ...layers import Linear, Sequential
from ...mlp import MLP
from ...module import Module

__all__ = ["ACTIVATIONS", "layers_of", "make_built_in", "make_from", "names_of"]

ACTIVATIONS = {"relu": "relu", "tanh": "tanh", "logistic": "sigmoid", "identity": "identity"}
"""The names of scikit-learn, and ours."""


def make_built_in(
    structure: Sequence[int], activation: str, dtype: DTypeLike, random_state: Any
) -> Module:
    """Make a multilayer perceptron, with Glorot's initial values as scikit-learn draws them.

    Parameters
    ----------
    structure : sequence of int
        Widths from the features to the outputs.
    activation : str
        A key of `ACTIVATIONS`.
    dtype : dtype
        Of the parameters.
    random_state : numpy.random.RandomState
        Draws the weights and then the biases of each layer.
    """
    network: Module
    if activation == "identity":
        pairs = itertools.pairwise(structure)
        network = Sequential(
            *[Linear(one, other, initializer=zeros, dtype=dtype) for one, other in pairs]
        )
    else:
        network = MLP(structure, ACTIVATIONS[activation], dtype, initializer=zeros)
    factor = 2.0 if activation == "logistic" else 6.0
    for layer in layers_of(network):
        assert layer.bias is not None
        limit = np.sqrt(factor / sum(layer.weight.shape))
        layer.weight.data = random_state.uniform(-limit, limit, layer.weight.shape).astype(dtype)
        layer.bias.data = random_state.uniform(-limit, limit, layer.bias.shape).astype(dtype)
    return network


def layers_of(network: Module) -> list[Linear]:
    """Return the linear layers of a built-in network, from the features to the outputs."""
    return [module for _, module in network.named_children() if isinstance(module, Linear)]


def make_from(
    function: Callable[..., Any],
    features: int,
    outputs: int,
    random_state: Any,
    parameters: Mapping[str, Any],
) -> Module:
    """Call the function of the user that makes a network.

    Parameters
    ----------
    function : callable
        ``function(n_features, n_outputs, generator, **parameters)`` returns a Module.
    features, outputs : int
        Its first two arguments.
    random_state : numpy.random.RandomState
        Draws the seed of the generator, the third argument.
    parameters : mapping
        Its other arguments, by name.

    Raises
    ------
    TypeError
        If it cannot be called, or returns something else.
    """
    if not callable(function):
        raise TypeError(
            f"network is a {type(function).__name__}; pass a function (n_features, n_outputs, "
            "generator) that makes a new nn.Module"
        )
    generator = np.random.default_rng(random_state.randint(np.iinfo(np.int32).max))
    network = function(features, outputs, generator, **parameters)
    if not isinstance(network, Module):
        raise TypeError(
            f"network made a {type(network).__name__}, expected an nn.Module; return the network"
        )
    if not network.parameters():
        raise ValueError("the network that network= made has no parameters; nothing can be trained")
    return network


def names_of(function: Any) -> dict[str, Any]:
    """Return the parameters of a function that makes a network, with their defaults.

    The first three are left out: features, outputs and generator.
    """
    try:
        found = list(inspect.signature(function).parameters.values())[3:]
    except (TypeError, ValueError):
        return {}
    kinds = (inspect.Parameter.VAR_POSITIONAL, inspect.Parameter.VAR_KEYWORD)
    return {
        one.name: None if one.default is one.empty else one.default
        for one in found
        if one.kind not in kinds
    }
