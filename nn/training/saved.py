"""Turns a network and what it knows of its inputs into what a model file holds, and back."""

from __future__ import annotations

import numpy as np

from ..data.known_inputs import KnownInputs
from ..files import SavedNetwork
from ..mlp import MLP

__all__ = ["known_inputs", "saved_network", "set_biases"]


def saved_network(network: MLP, inputs: KnownInputs, learned: bool = True) -> SavedNetwork:
    """Return what a model file holds, with copies of the weights."""
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
    """Return what a model from a file knows of its inputs."""
    return KnownInputs(
        saved.scale,
        saved.feature_names,
        saved.feature_ranges,
        KnownInputs.faintest if saved.faintest_row is None else saved.faintest_row,
        None if saved.classes is None else len(saved.classes),
    )


def set_biases(network: MLP, saved: SavedNetwork) -> None:
    """Give a network the biases of a model file."""
    for layer, values in zip(network.layers, saved.biases, strict=True):
        assert layer.bias is not None  # those of an MLP have one
        layer.bias.data = values.astype(layer.bias.dtype, copy=False)
