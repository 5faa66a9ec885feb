"""What a training came to: whether the network learned anything, and the lines that say so.

The measure is what needs no network: to answer with the largest class every time, and to guess.
"""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..files import read_network
from ..loss import classes_of
from ..module import Module
from .metrics import Measured, measure

__all__ = ["Start", "is_worth_keeping", "learned_nothing"]

_ROWS = 4096


class Start:
    """What a network does before its training, on some of the rows.

    Parameters
    ----------
    network : Module
        Before its first step.
    features, labels : ndarray
        The training data; of many rows a few thousand are measured, spread evenly.

    Attributes
    ----------
    loss : float
        The loss before the training.
    labels : ndarray
        The right classes of the rows that are measured.
    """

    def __init__(self, network: Module, features: NDArray[Any], labels: NDArray[Any]) -> None:
        step = -(-len(labels) // _ROWS)
        self._network, self._features, self.labels = network, features[::step], labels[::step]
        self.loss = self.measure_now().loss

    def measure_now(self) -> Measured:
        """Measure the network on the same rows, with the weights that it has now."""
        with np.errstate(all="ignore"):  # of weights that diverge
            return measure(self._network, self._features, self.labels)


def learned_nothing(
    now: Measured, labels: NDArray[Any], outputs: int, start: float, end: float
) -> str | None:
    """Say what shows that a network has learned nothing; None if it has learned something.

    Parameters
    ----------
    now : Measured
        What it does on the training data.
    labels : ndarray of int
        The right classes there.
    outputs : int
        Number of its outputs.
    start, end : float
        Its loss before the training and now, on the same rows.

    Examples
    --------
    >>> labels = np.array([0] * 99 + [1])
    >>> learned_nothing(Measured(0.06, 0.99, (0,)), labels, 2, start=0.7, end=0.06)
    'it predicts class 0 for every row, and 99.00% of the rows are of class 0'
    >>> learned_nothing(Measured(0.02, 1.0, (0, 1)), labels, 2, start=0.7, end=0.02)
    """
    counts = np.bincount(labels)
    largest, share = int(counts.argmax()), counts.max() / len(labels)
    often = f"{share:.2%} of the rows are of class {largest}"
    if not math.isfinite(now.loss):
        return f"its loss is {now.loss}"
    if len(now.predicted) == 1:
        return f"it predicts class {now.predicted[0]} for every row, and {often}"
    if now.accuracy <= share:
        return f"its train accuracy is {now.accuracy:.2%}, and {often}"
    classes = classes_of(outputs)
    guessing = math.log(classes)
    # A network that is trained further may have nothing left to learn: its loss wavers a little.
    if end > start + 0.01 * guessing:
        return f"its loss went up, from {start:.4g} to {end:.4g}"
    if now.loss >= guessing:
        return f"its loss is {now.loss:.4g}, and guessing has ln {classes} = {guessing:.4g}"
    return None


def is_worth_keeping(path: Path) -> bool:
    """Return whether a model in a file may have learned something; most files say so."""
    try:
        return read_network(path).learned
    except (OSError, ValueError):
        return True  # it is not for a training to decide what that file is
