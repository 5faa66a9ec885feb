"""What a training minimises and measures: cross-entropy and accuracy, or squared error and R².

The rest of the training does not know which of the two it does.
"""

from __future__ import annotations

import math
from typing import Any, NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray

from tinygrad_edu import Tensor, binary_cross_entropy_with_logits, cross_entropy, mse_loss

from ..loss import classes_of, classification_loss, predicted_labels

__all__ = ["TASKS", "Classification", "Measured", "Objective", "Regression", "objective_of"]

TASKS = ("classification", "regression")


class Measured(NamedTuple):
    """The performance of a network on some data.

    Attributes
    ----------
    loss : float
        Mean loss per sample.
    accuracy : float
        Share of correct predictions, 0..1; R² in a regression.
    predicted : tuple of int
        The classes that are predicted for at least one row; empty in a regression.
    """

    loss: float
    accuracy: float
    predicted: tuple[int, ...]


class Objective(Protocol):
    """What both tasks have."""

    measure: str
    """The name of the second measured value."""
    baseline: float
    """The loss without a network: guessing, or always the mean."""

    def loss(self, outputs: Tensor, targets: Any, weights: Any = None) -> Tensor:
        """Return the mean loss of a batch, a scalar.

        Parameters
        ----------
        outputs : Tensor, shape (N, outputs)
            What the network returned.
        targets : array_like, shape (N,)
            Classes, or numbers.
        weights : array_like, shape (N,), optional
            A weight for each row.
        """

    def right(self, outputs: NDArray[Any], targets: NDArray[Any]) -> float:
        """Return how many predictions of a batch are correct."""

    def score(self, loss: float, right: float) -> float:
        """Return the second value of an epoch from its mean loss and share of correct rows."""

    def measured(self, outputs: NDArray[Any], targets: NDArray[Any]) -> Measured:
        """Measure the outputs for a whole data set."""

    def measured_together(self, loss: float, right: float, targets: NDArray[Any]) -> Measured:
        """Return what `measured` returns, except the predicted classes, from sums over all rows.

        Parameters
        ----------
        loss, right : float
            The mean loss, and the number of correct rows.
        targets : ndarray
            The targets of all rows.
        """


class Classification:
    """Cross-entropy and accuracy.

    Parameters
    ----------
    classes : int
        The number of classes.
    """

    measure = "accuracy"

    def __init__(self, classes: int = 2) -> None:
        self.classes, self.baseline = classes, math.log(classes)

    def loss(self, outputs: Tensor, targets: Any, weights: Any = None) -> Tensor:
        """Return the mean cross-entropy; with weights ``sum(w * loss) / sum(w)``.

        Parameters
        ----------
        outputs, targets, weights
            As for `Objective.loss`.
        """
        if weights is None:
            return classification_loss(outputs, targets)
        if outputs.shape[-1] > 1:
            each = cross_entropy(outputs, targets, reduction="none")
        else:
            each = binary_cross_entropy_with_logits(outputs.reshape(-1), targets, reduction="none")
        return _weighted(each, weights)

    def right(self, outputs: NDArray[Any], targets: NDArray[Any]) -> float:
        """Count the correct predictions."""
        return float(np.count_nonzero(predicted_labels(outputs) == targets))

    def score(self, loss: float, right: float) -> float:
        """Return the accuracy."""
        return right

    def measured(self, outputs: NDArray[Any], targets: NDArray[Any]) -> Measured:
        """Measure the logits for a whole data set."""
        loss = classification_loss(Tensor(outputs, copy=False), targets).item()
        predictions = predicted_labels(outputs)
        found = tuple(int(label) for label in np.unique(predictions))
        return Measured(loss, float(np.mean(predictions == targets)), found)

    def measured_together(self, loss: float, right: float, targets: NDArray[Any]) -> Measured:
        """Return loss and accuracy.

        Parameters
        ----------
        loss, right, targets
            As for `Objective.measured_together`.
        """
        return Measured(loss, round(right) / len(targets), ())


class Regression:
    """Mean squared error and R².

    Targets are standardised in the training, so the error of always predicting the mean is 1.

    Parameters
    ----------
    variance : float
        The variance of the standardised training targets, about 1.
    """

    measure = "R²"

    def __init__(self, variance: float = 1.0) -> None:
        self.variance = self.baseline = variance

    def loss(self, outputs: Tensor, targets: Any, weights: Any = None) -> Tensor:
        """Return the mean squared error; with weights ``sum(w * error) / sum(w)``.

        Parameters
        ----------
        outputs, targets, weights
            As for `Objective.loss`.
        """
        predictions = outputs.reshape(-1)
        if weights is None:
            return mse_loss(predictions, targets)  # type: ignore[no-any-return]
        return _weighted(mse_loss(predictions, targets, reduction="none"), weights)

    def right(self, outputs: NDArray[Any], targets: NDArray[Any]) -> float:
        """Return 0: no prediction of a number is simply correct."""
        return 0.0

    def score(self, loss: float, right: float) -> float:
        """Return R² of the training rows: ``1 - error / variance``."""
        return 1.0 - loss / self.variance if self.variance else 0.0

    def measured(self, outputs: NDArray[Any], targets: NDArray[Any]) -> Measured:
        """Measure the outputs for a whole data set; R² compares with its own mean."""
        if not len(targets):
            return Measured(float("nan"), float("nan"), ())
        wanted = targets.astype(np.float64)
        loss = float(np.mean((outputs.reshape(-1).astype(np.float64) - wanted) ** 2))
        return self.measured_together(loss, 0.0, wanted)

    def measured_together(self, loss: float, right: float, targets: NDArray[Any]) -> Measured:
        """Return error and R².

        Parameters
        ----------
        loss, right, targets
            As for `Objective.measured_together`.
        """
        variance = float(targets.astype(np.float64, copy=False).var())
        return Measured(loss, 1.0 - loss / variance if variance else 0.0, ())


def objective_of(task: str, targets: NDArray[Any], outputs: int) -> Objective:
    """Return the objective of a task.

    Parameters
    ----------
    task : {"classification", "regression"}
        What is learned.
    targets : ndarray
        The training targets.
    outputs : int
        The number of outputs of the network.
    """
    if task == "regression":
        return Regression(float(np.var(targets.astype(np.float64))))
    return Classification(classes_of(outputs))


def _weighted(losses: Any, weights: Any) -> Tensor:
    weights = weights if isinstance(weights, Tensor) else Tensor(weights, copy=False)
    return (losses * weights).sum() / weights.sum()  # type: ignore[no-any-return]
