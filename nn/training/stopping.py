"""Decides during a training which epoch is the best, and whether to go on.

`BestEpoch` keeps the weights of the epoch with the lowest validation loss. `Divergence` notices a
loss that grows instead of falling.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

from ..module import Module

__all__ = ["BestEpoch", "Divergence"]

_LEAST = 1e-4
"""A loss that falls by less has not improved, as in scikit-learn."""
_GROWN = 3.0
_HOPELESS = 100.0
_STEPS = 50


class BestEpoch:
    """The best epoch so far.

    With validation data, it is the epoch with the lowest validation loss, and its weights are kept.
    Without them there is nothing honest to choose by: only the training loss decides when to stop.

    Parameters
    ----------
    patience : int or None
        Stop after this many epochs without an improvement; None never stops.
    chooses : bool
        Whether there are validation data.

    Attributes
    ----------
    epoch : int
        The number of the best epoch; 0 before the first one.
    loss : float
        Its loss.
    waited : int
        Epochs since the last improvement.
    """

    def __init__(self, patience: int | None, chooses: bool) -> None:
        self.patience, self.chooses = patience, chooses
        self.epoch, self.loss = 0, math.inf
        self._reference, self.waited = math.inf, 0
        self._weights: dict[str, Any] | None = None

    def note(self, number: int, loss: float, network: Module) -> None:
        """Look at an epoch that has just ended.

        Parameters
        ----------
        number : int
            Its number.
        loss : float
            The validation loss, or the training loss without validation data.
        network : Module
            The network, whose weights are copied if they are the best.
        """
        if loss < self.loss:
            self.epoch, self.loss = number, loss
            if self.chooses:
                self._weights = network.state_dict()
        # The reference moves only with a real improvement, so many tiny ones do not count.
        if loss < self._reference - _LEAST:
            self._reference, self.waited = loss, 0
        else:
            self.waited += 1

    @property
    def is_over(self) -> bool:
        """Whether there was no improvement for too long."""
        return self.patience is not None and self.waited >= self.patience

    def restore(self, network: Module) -> bool:
        """Set the weights of the best epoch; return whether there are any."""
        if self._weights is not None:
            network.load_state_dict(self._weights)
        return self._weights is not None

    def state_dict(self) -> dict[str, Any]:
        """Return what changes during a training."""
        return {
            "epoch": self.epoch,
            "loss": self.loss,
            "reference": self._reference,
            "waited": self.waited,
            "weights": self._weights,
        }

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Continue from a state."""
        self.epoch, self.loss = state["epoch"], state["loss"]
        self._reference, self.waited = state["reference"], state["waited"]
        self._weights = state["weights"]


class Divergence:
    """Notices a loss that grows: 50 steps in a row above three times a usual one, or an epoch
    above a hundred times.

    Parameters
    ----------
    usual : float
        The loss at the start, or that of guessing, whichever is larger.
    """

    steps = _STEPS
    """How many steps in a row must be too high."""

    def __init__(self, usual: float) -> None:
        self.limit = _GROWN * usual if usual > 0 else math.inf
        self.count = 0

    @property
    def epoch_limit(self) -> float:
        """The mean loss of an epoch above which the training is hopeless."""
        return self.limit * _HOPELESS / _GROWN

    def note(self, loss: float) -> bool:
        """Look at the loss of a step; return whether the training diverges."""
        self.count = self.count + 1 if loss > self.limit else 0
        return self.count >= _STEPS
