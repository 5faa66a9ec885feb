"""The outcome of a training: whether the network learned anything, and the reason if not.

It is compared with two baselines without a network: always the largest class, and guessing.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..distributed import Collective
from ..files import read_network
from ..module import Module
from .metrics import measure
from .objectives import Classification, Measured, Objective

__all__ = ["Start", "is_worth_keeping", "learned_nothing"]

_ROWS = 4096


class Start:
    """The performance of a network before its training, on some of the rows.

    Parameters
    ----------
    network : Module
        The network before its first step.
    samples : tuple of (inputs, targets)
        The training data; at most a few thousand evenly spaced rows are measured.
    objective : Objective
        What is measured.
    collective : Collective, optional
        A group of processes that measures together.

    Attributes
    ----------
    loss : float
        The loss before the training.
    targets : ndarray
        The classes or numbers of the measured rows.
    """

    def __init__(
        self,
        network: Module,
        samples: tuple[Any, ...],
        objective: Objective,
        collective: Collective | None = None,
    ) -> None:
        inputs, targets = samples[:2]
        step = -(-len(targets) // _ROWS)
        self._network, self._objective, self._collective = network, objective, collective
        self._inputs, self.targets = inputs[::step], targets[::step]
        self.loss = self.measure_now().loss

    def measure_now(self) -> Measured:
        """Measure the network on the same rows, with its current weights."""
        with np.errstate(all="ignore"):  # of weights that diverge
            return measure(
                self._network, self._inputs, self.targets, self._objective, self._collective
            )


def learned_nothing(
    now: Measured,
    targets: NDArray[Any],
    objective: Objective,
    start: float,
    end: float,
    names: Sequence[str] | None = None,
) -> str | None:
    """Return why a network learned nothing, or None if it learned something.

    Parameters
    ----------
    now : Measured
        Its performance on the training data.
    targets : ndarray
        The classes of the training data, or the numbers of a regression.
    objective : Objective
        What was minimised.
    start, end : float
        Its loss before and after the training, on the same rows.
    names : sequence of str, optional
        Names of the classes.

    Returns
    -------
    str or None

    Examples
    --------
    >>> labels, objective = np.array([0] * 99 + [1]), Classification(2)
    >>> learned_nothing(Measured(0.06, 0.99, (0,)), labels, objective, start=0.7, end=0.06)
    'it predicts class 0 for every row, and 99.00% of the rows are of class 0'
    >>> learned_nothing(Measured(0.02, 1.0, (0, 1)), labels, objective, start=0.7, end=0.02)
    """
    if not math.isfinite(now.loss):
        return f"its loss is {now.loss}"
    guessing = objective.baseline
    if isinstance(objective, Classification):
        counts = np.bincount(targets)
        largest, share = int(counts.argmax()), counts.max() / len(targets)

        def named(code: int) -> str:
            return str(code) if names is None else names[code]

        often = f"{share:.2%} of the rows are of class {named(largest)}"
        if len(now.predicted) == 1:
            return f"it predicts class {named(now.predicted[0])} for every row, and {often}"
        if now.accuracy <= share:
            return f"its train accuracy is {now.accuracy:.2%}, and {often}"
    elif now.accuracy <= 0:
        return f"its train R² is {now.accuracy:.4f}, and always predicting the mean has 0"
    # A network that is trained again may have nothing left to learn: its loss varies a little.
    if end > start + 0.01 * guessing:
        return f"its loss went up, from {start:.4g} to {end:.4g}"
    if now.loss >= guessing:
        if isinstance(objective, Classification):
            what = f"guessing has ln {round(math.exp(guessing))} ="
        else:
            what = "predicting the mean has"
        return f"its loss is {now.loss:.4g}, and {what} {guessing:.4g}"
    return None


def is_worth_keeping(path: Path) -> bool:
    """Return whether a model in a file may have learned something, as most files state."""
    try:
        return read_network(path).learned
    except (OSError, ValueError):
        return True  # an unreadable file is not overwritten
