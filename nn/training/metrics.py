"""Measures a network on data: outputs, loss and accuracy.

The network does not change.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from tinygrad_edu import Tensor, no_grad

from ..module import Module
from .objectives import Classification, Measured, Objective

__all__ = ["Measured", "evaluate", "logits_of", "measure"]

_ROWS = 4096  # per batch, to limit the memory for hidden layers


def logits_of(network: Module, features: Any) -> NDArray[Any]:
    """Compute the outputs for all rows in evaluation mode, without a graph.

    Parameters
    ----------
    network : Module
        The network.
    features : ndarray or LazyInputs, shape (N, inputs)
        The rows.
    """
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


def evaluate(network: Module, features: Any, labels: NDArray[Any]) -> tuple[float, float]:
    """Measure mean loss per sample and share of correct predictions.

    Parameters
    ----------
    network : Module
        Returns logits of shape (N, outputs).
    features : ndarray or LazyInputs, shape (N, features)
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


def measure(
    network: Module, features: Any, labels: NDArray[Any], objective: Objective | None = None
) -> Measured:
    """Measure loss, accuracy and the predicted classes.

    Parameters
    ----------
    network, features, labels
        As in `evaluate`; targets instead of labels in a regression.
    objective : Objective, optional
        What is measured; by default cross-entropy and accuracy.
    """
    return (objective or Classification()).measured(logits_of(network, features), labels)
