"""Converts a network and what is known about its data to the content of a model file, and back.

Files are read and written in `nn.files`.
"""

from __future__ import annotations

from dataclasses import fields
from typing import TYPE_CHECKING, Any

import numpy as np

from ..files import SavedNetwork
from ..mlp import MLP
from .knowledge import Knowledge

if TYPE_CHECKING:
    from .history import History

__all__ = ["saved_network", "set_biases"]


def saved_network(
    network: MLP, knowledge: Knowledge, learned: bool = True, history: History | None = None
) -> SavedNetwork:
    """Return the content of a model file, with copies of the weights.

    Parameters
    ----------
    network : MLP
        The network.
    knowledge : Knowledge
        What it knows about its data.
    learned : bool
        Whether the training made it better than guessing.
    history : History, optional
        The epochs of its training.
    """
    layers = network.layers
    table: dict[str, Any] = {} if history is None or not len(history) else _history(history)
    return SavedNetwork(
        weights=tuple(layer.weight.numpy() for layer in layers),
        biases=tuple(np.array(layer.bias.data) for layer in layers if layer.bias is not None),
        activation=network.activation,
        learned=learned,
        dropout=network.dropout,
        **knowledge.fields(),
        **table,
    )


def _history(history: History) -> dict[str, Any]:
    """Return the numbers of the epochs, without the times, which differ in each run."""
    from .history import Epoch

    names = tuple(one.name for one in fields(Epoch) if one.name != "seconds")
    rows = tuple(tuple(getattr(epoch, name) for name in names) for epoch in history)
    return {"history_columns": names, "history": rows}


def set_biases(network: MLP, saved: SavedNetwork) -> None:
    """Set the biases of a network from a model file."""
    for layer, values in zip(network.layers, saved.biases, strict=True):
        assert layer.bias is not None  # a layer of an MLP has one
        layer.bias.data = values.astype(layer.bias.dtype, copy=False)
