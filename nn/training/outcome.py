"""The outcome of a training: whether the network learned anything, and the reason if not.

It is compared with two baselines without a network: always the largest class, and guessing.
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
    """The performance of a network before its training, on some of the rows.

    Parameters
    ----------
    network : Module
        The network before its first step.
    features, labels : ndarray
        The training data; at most a few thousand evenly spaced rows are measured.

    Attributes
    ----------
    loss : float
        The loss before the training.
    labels : ndarray
        The classes of the measured rows.
    """

    def __init__(self, network: Module, features: NDArray[Any], labels: NDArray[Any]) -> None:
        step = -(-len(labels) // _ROWS)
        self._network, self._features, self.labels = network, features[::step], labels[::step]
        self.loss = self.measure_now().loss

    def measure_now(self) -> Measured:
        """Measure the network on the same rows, with its current weights."""
        with np.errstate(all="ignore"):  # of weights that diverge
            return measure(self._network, self._features, self.labels)


def learned_nothing(
    now: Measured, labels: NDArray[Any], outputs: int, start: float, end: float
) -> str | None:
    """Return why a network learned nothing, or None if it learned something.

    Parameters
    ----------
    now : Measured
        Its performance on the training data.
    labels : ndarray of int
        The classes of the training data.
    outputs : int
        Number of its outputs.
    start, end : float
        Its loss before and after the training, on the same rows.

    Returns
    -------
    str or None

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
    # A network that is trained again may have nothing left to learn: its loss varies a little.
    if end > start + 0.01 * guessing:
        return f"its loss went up, from {start:.4g} to {end:.4g}"
    if now.loss >= guessing:
        return f"its loss is {now.loss:.4g}, and guessing has ln {classes} = {guessing:.4g}"
    return None


def is_worth_keeping(path: Path) -> bool:
    """Return whether a model in a file may have learned something, as most files state."""
    try:
        return read_network(path).learned
    except (OSError, ValueError):
        return True  # an unreadable file is not overwritten
