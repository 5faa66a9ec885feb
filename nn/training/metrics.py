"""Measures a network on data: logits, loss and accuracy.

The network does not change.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from tinygrad_edu import Tensor, no_grad

from ..loss import classification_loss, predicted_labels
from ..module import Module

__all__ = ["Measured", "evaluate", "logits_of", "measure"]

_ROWS = 4096  # per batch, to limit the memory for hidden layers


class Measured(NamedTuple):
    """The performance of a network on some data.

    Attributes
    ----------
    loss : float
        Mean loss per sample.
    accuracy : float
        Share of correct predictions, 0..1.
    predicted : tuple of int
        The classes that are predicted for at least one row.
    """

    loss: float
    accuracy: float
    predicted: tuple[int, ...]


def logits_of(network: Module, features: NDArray[Any]) -> NDArray[Any]:
    """Compute the logits of all rows in evaluation mode, without a graph."""
    mode = network.training
    network.eval()
    try:
        with no_grad():
            parts = [
                np.asarray(network(Tensor(features[start : start + _ROWS])))
                for start in range(0, max(len(features), 1), _ROWS)
            ]
    finally:
        network.train(mode)
    return np.concatenate(parts)


def evaluate(network: Module, features: NDArray[Any], labels: NDArray[Any]) -> tuple[float, float]:
    """Measure mean loss per sample and share of correct predictions.

    Parameters
    ----------
    network : Module
        Returns logits of shape (N, outputs).
    features : ndarray, shape (N, features)
        The samples.
    labels : ndarray of int, shape (N,)
        The right classes.

    Returns
    -------
    loss, accuracy : float
        The accuracy is from 0 to 1.
    """
    measured = measure(network, features, labels)
    return measured.loss, measured.accuracy


def measure(network: Module, features: NDArray[Any], labels: NDArray[Any]) -> Measured:
    """Measure loss, accuracy and the predicted classes.

    Parameters
    ----------
    network, features, labels
        As in `evaluate`.
    """
    logits = logits_of(network, features)
    loss = classification_loss(Tensor(logits, copy=False), labels).item()
    predictions = predicted_labels(logits)
    found = tuple(int(label) for label in np.unique(predictions))
    return Measured(loss, float(np.mean(predictions == labels)), found)
