"""The weights of a training after its epochs, recorded for a film of what the network predicts.

Of a long training only some epochs are kept, the early ones densely, because most happens there.
The film itself is in `figures.film`.
"""

from __future__ import annotations

import copy
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..loss import probabilities
from ..mlp import MLP
from .metrics import logits_of

__all__ = ["MOST_FRAMES", "Scene", "WeightRecord", "epochs_of_film"]

MOST_FRAMES = 120
"""So many epochs of a training are in its film."""


def epochs_of_film(epochs: int, most: int = MOST_FRAMES) -> list[int]:
    """Return the epochs of a film: 0, which is before the training, to the last one.

    If there are more than `most`, their distance grows in proportion to their number.

    Parameters
    ----------
    epochs : int
        Number of epochs of the training.
    most : int
        The largest number of epochs to return.

    Examples
    --------
    >>> epochs_of_film(3)
    [0, 1, 2, 3]
    >>> epochs_of_film(1000, most=12)
    [0, 1, 3, 6, 11, 22, 42, 80, 151, 284, 533, 1000]
    """
    if epochs < most:
        return list(range(epochs + 1))
    found, points = np.arange(0), most
    while True:  # rounding makes the first ones equal: with more points, as many are left as fit
        spaced = np.expm1(np.linspace(0, np.log1p(epochs), points))
        more = np.unique(np.round(spaced).astype(np.int64))
        if len(more) > most:
            return [int(number) for number in found]
        found, points = more, points + 1


@dataclass(frozen=True)
class Scene:
    """What a film shows besides the network: the samples and their names.

    Attributes
    ----------
    points : ndarray, shape (N, 1) or (N, 2)
        The samples in the unit of the data.
    targets : ndarray, shape (N,)
        Their classes; in a regression their targets, in the unit of the data.
    columns : sequence of str
        Names of the features.
    class_names : sequence of str or None
        Names of the classes; None for numbers.
    task : {"classification", "regression"}
        What the network learns.
    shift, scale : float or ndarray
        The network takes ``(points - shift) / scale``.
    target_mean, target_deviation : float
        In a regression, an output times the deviation, plus the mean, is in the unit of the data.
    """

    points: NDArray[Any]
    targets: NDArray[Any]
    columns: Sequence[str]
    class_names: Sequence[str] | None = None
    task: str = "classification"
    shift: float | NDArray[Any] = 0.0
    scale: float | NDArray[Any] = 1.0
    target_mean: float = 0.0
    target_deviation: float = 1.0


@dataclass
class WeightRecord:
    """The weights of a network after some epochs, and what it predicted with them.

    Parameters
    ----------
    network : MLP
        The network in training.
    scene : Scene
        What a film shows besides it.
    epochs : int
        The largest number of epochs of the training.

    Attributes
    ----------
    states : dict of int to dict
        The parameters after each recorded epoch; 0 is before the training.

    Examples
    --------
    >>> from nn import MLP
    >>> network = MLP([2, 3, 2], seed=0)
    >>> scene = Scene(np.zeros((1, 2)), np.zeros(1, int), ("x1", "x2"))
    >>> record = WeightRecord(network, scene, epochs=5)
    >>> record.note(0)
    >>> list(record.states), record.predict(0, np.zeros((1, 2))).tolist()
    ([0], [[0.5, 0.5]])
    >>> record.bytes                       # 17 numbers of 4 bytes
    68
    """

    network: MLP
    scene: Scene
    epochs: int
    states: dict[int, Mapping[str, Any]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self._wanted = frozenset(epochs_of_film(self.epochs))
        self._kept: int | None = None
        self._lowest = math.inf  # validation loss
        self._copy = copy.deepcopy(self.network)  # for predictions: the network trains on

    @property
    def bytes(self) -> int:
        """The memory that the recorded weights take."""
        return sum(np.asarray(v).nbytes for state in self.states.values() for v in state.values())

    def note(self, number: int, validation_loss: float | None = None) -> None:
        """Record the weights after an epoch.

        The first and the last epoch, and the one whose weights would be kept, are always in the
        record; others if they are in `epochs_of_film`.

        Parameters
        ----------
        number : int
            The finished epoch; 0 before the training.
        validation_loss : float, optional
            The lowest one decides which weights are kept; without, the last ones are.
        """
        if validation_loss is None:
            self._kept = number
        elif validation_loss < self._lowest:
            self._kept, self._lowest = number, validation_loss
        self.states[number] = self.network.state_dict()
        needed = self._wanted | {min(self.states), self._kept, number}
        self.states = {n: state for n, state in self.states.items() if n in needed}

    def predict(self, number: int, points: NDArray[Any]) -> NDArray[Any]:
        """Return what the network predicted after an epoch.

        Parameters
        ----------
        number : int
            A recorded epoch.
        points : ndarray, shape (N, features)
            In the unit of the data.

        Returns
        -------
        ndarray
            Probabilities of shape (N, classes), or numbers of shape (N,) in a regression.
        """
        scene = self.scene
        self._copy.load_state_dict(self.states[number])
        inputs = (points - scene.shift) / scene.scale
        with np.errstate(all="ignore"):  # of weights that diverge
            outputs = logits_of(self._copy, inputs.astype(self._copy.layers[0].weight.dtype))
            if scene.task == "classification":
                return probabilities(outputs)
            numbers = outputs[:, 0].astype(np.float64)
            return np.asarray(numbers * scene.target_deviation + scene.target_mean)

    def state_dict(self) -> dict[str, Any]:
        """Return the recorded weights, for a checkpoint."""
        return {
            "kept": self._kept,
            "lowest": self._lowest if math.isfinite(self._lowest) else None,
            "states": {str(number): dict(state) for number, state in self.states.items()},
        }

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Continue a record.

        Parameters
        ----------
        state : mapping
            As `state_dict` returns it.
        """
        self._kept = state["kept"]
        self._lowest = math.inf if state["lowest"] is None else state["lowest"]
        self.states = {int(number): weights for number, weights in state["states"].items()}
