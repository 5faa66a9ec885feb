"""Measures a network on data: outputs, loss and accuracy.

The network does not change.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from tinygrad_edu import Tensor, no_grad

from ..data.preparation import rows_of_inputs
from ..distributed import Collective, share
from ..module import Module
from .objectives import Classification, Measured, Objective

__all__ = ["Measured", "logits_of", "measure"]

_ROWS = 4096  # per batch, to limit the memory for hidden layers
_MEASURED = 1 << 16  # at a time, a multiple of it


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
            first = np.asarray(network(Tensor(features[:_ROWS])))
            if len(features) <= _ROWS:
                return first
            outputs = np.empty((len(features), *first.shape[1:]), first.dtype)
            outputs[:_ROWS] = first
            for start in range(_ROWS, len(features), _ROWS):
                rows = slice(start, start + _ROWS)
                outputs[rows] = np.asarray(network(Tensor(features[rows])))
    finally:
        network.train(mode)
    return outputs


def measure(
    network: Module,
    features: Any,
    labels: NDArray[Any],
    objective: Objective | None = None,
    collective: Collective | None = None,
) -> Measured:
    """Measure loss, accuracy and the predicted classes.

    Parameters
    ----------
    network : Module
        Returns logits of shape (N, outputs), or predictions of shape (N, 1).
    features : ndarray or LazyInputs, shape (N, features)
        The samples.
    labels : ndarray, shape (N,)
        The right classes as integers, or the targets of a regression.
    objective : Objective, optional
        What is measured; by default cross-entropy and accuracy.
    collective : Collective, optional
        A group of processes that measures together: each takes a share of the rows, and all get
        the same numbers.
    """
    objective = objective or Classification()
    if collective is not None and collective.size > 1:
        return _together(network, features, labels, objective, collective)
    if not isinstance(objective, Classification) or len(labels) <= _MEASURED:
        return objective.measured(logits_of(network, features), labels)
    # The outputs for millions of rows and hundreds of classes would take gigabytes.
    loss, right, predicted = 0.0, 0, set[int]()
    for start in range(0, len(labels), _MEASURED):
        some = labels[start : start + _MEASURED]
        part = rows_of_inputs(features, start, len(some))
        measured = objective.measured(logits_of(network, part), some)
        loss += measured.loss * len(some)
        right += round(measured.accuracy * len(some))
        predicted.update(measured.predicted)
    return Measured(loss / len(labels), right / len(labels), tuple(sorted(predicted)))


def _together(
    network: Module,
    features: Any,
    labels: NDArray[Any],
    objective: Objective,
    collective: Collective,
) -> Measured:
    """Measure with a group of processes, each on its share of the rows."""
    place = share(len(labels), collective)
    own = labels[place]
    # The sums of losses and correct rows, and which classes are predicted.
    sums = np.zeros(2 + (objective.classes if isinstance(objective, Classification) else 0))
    if len(own):
        part = rows_of_inputs(features, place.start, len(own))
        found = measure(network, part, own, objective)
        sums[:2] = found.loss * len(own), found.accuracy * len(own)
        sums[[2 + label for label in found.predicted]] = 1
    collective.allreduce(sums)
    loss, right, *classes = sums.tolist()
    if not len(labels):
        return Measured(float("nan"), float("nan"), ())
    measured = objective.measured_together(loss / len(labels), right, labels)
    return measured._replace(predicted=tuple(np.flatnonzero(classes).tolist()))
