"""How good a network is, and what it predicts for one row."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tinygrad_edu import Tensor, no_grad

from .datasets import Dataset
from .lane import Lane, loss_of

__all__ = ["finite", "measure", "measured", "predicted"]

Array = NDArray[Any]


def finite(value: float) -> float | None:
    """Return a number for JSON: None if it is not finite."""
    return float(value) if math.isfinite(value) else None


def measure(problem: str, outputs: Array, labels: Array) -> tuple[float | None, float | None]:
    """Return the loss and the score of outputs.

    Parameters
    ----------
    problem : str
    outputs, labels : ndarray

    Returns
    -------
    loss, score : float or None
        The score is the accuracy, or R² of a regression. None without rows, and for what is not
        finite.

    Examples
    --------
    >>> import numpy as np
    >>> from nn.playground.measures import measure
    >>> measure("regression", np.array([[1.0], [3.0]]), np.array([[1.0], [3.0]]))
    (0.0, 1.0)
    """
    if not len(labels):
        return None, None
    with np.errstate(all="ignore"), no_grad():
        loss = finite(loss_of(problem, Tensor(outputs), labels).item())
        if problem == "classification":
            return loss, float((outputs.argmax(1) == labels).mean())
        spread = float(((labels - labels.mean()) ** 2).mean())
        return loss, None if loss is None or spread == 0 else 1 - loss / spread


def measured(lane: Lane, data: Dataset) -> dict[str, float | None]:
    """Return losses and scores of a lane: ``train``, ``test``, ``train_score``, ``score``.

    Parameters
    ----------
    lane : Lane
    data : Dataset
    """
    train, train_score = measure(data.problem, lane.outputs(data.train)[-1], data.train_labels)
    test, score = measure(data.problem, lane.outputs(data.test)[-1], data.test_labels)
    return {"train": train, "test": test, "train_score": train_score, "score": score}


def predicted(lane: Lane, data: Dataset, values: Sequence[float]) -> dict[str, Any]:
    """Predict one row; see `Session.predict`.

    Parameters
    ----------
    lane : Lane
        Whose network predicts.
    data : Dataset
        Scales the values.
    values : sequence of float, shape (features,)
        In the units of the table.

    Raises
    ------
    ValueError
        If there is not one finite number for each feature.
    """
    count = len(data.features)
    try:
        row = np.array(values, np.float64)
    except (TypeError, ValueError):
        raise ValueError("values: expected numbers, one for each feature") from None
    if row.shape != (count,) or not np.isfinite(row).all():
        raise ValueError(f"values: shape {row.shape}, expected {count} finite numbers")
    with np.errstate(all="ignore"):
        scaled = ((row - data.centre) / data.scale).astype(np.float32)
        output = lane.outputs(scaled[None])[-1][0].astype(np.float64)
        if data.problem == "regression":
            value = finite(float(output[0]) * data.target_scale + data.target_centre)
            return {"value": value, "text": "not finite" if value is None else f"{value:.4g}"}
        weights = np.exp(output - output.max())
        shares = weights / weights.sum()
    if not np.isfinite(shares).all():
        return {"probabilities": [None] * len(shares), "text": "not finite"}
    best = int(shares.argmax())
    return {
        "probabilities": shares.tolist(),
        "text": f"{data.classes[best]}, {shares[best]:.1%} sure",
    }
