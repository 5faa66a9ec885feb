"""Converts a network and its known inputs to the content of a model file, and back.

Files are read and written in `nn.files`.
"""

from __future__ import annotations

import numpy as np

from ..data.known_inputs import KnownInputs
from ..files import SavedNetwork
from ..mlp import MLP

__all__ = ["known_inputs", "saved_network", "set_biases"]


def saved_network(network: MLP, inputs: KnownInputs, learned: bool = True) -> SavedNetwork:
    """Return the content of a model file, with copies of the weights.

    Parameters
    ----------
    network : MLP
        The network.
    inputs : KnownInputs
        What it knows about its inputs.
    learned : bool
        Whether the training made it better than guessing.
    """
    layers = network.layers
    classes = None if inputs.classes is None else tuple(map(str, range(inputs.classes)))
    return SavedNetwork(
        weights=tuple(layer.weight.numpy() for layer in layers),
        biases=tuple(np.array(layer.bias.data) for layer in layers if layer.bias is not None),
        activation=network.activation,
        scale=inputs.scale,
        feature_names=inputs.names,
        feature_ranges=inputs.ranges,
        classes=classes,
        faintest_row=None if inputs.ranges is None else inputs.faintest,
        learned=learned,
    )


def known_inputs(saved: SavedNetwork) -> KnownInputs:
    """Return what a model from a file knows about its inputs."""
    return KnownInputs(
        saved.scale,
        saved.feature_names,
        saved.feature_ranges,
        KnownInputs.faintest if saved.faintest_row is None else saved.faintest_row,
        None if saved.classes is None else len(saved.classes),
    )


def set_biases(network: MLP, saved: SavedNetwork) -> None:
    """Set the biases of a network from a model file."""
    for layer, values in zip(network.layers, saved.biases, strict=True):
        assert layer.bias is not None  # a layer of an MLP has one
        layer.bias.data = values.astype(layer.bias.dtype, copy=False)
