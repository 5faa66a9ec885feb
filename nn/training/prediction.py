"""The prediction for one sample: its label, its probability, and those of all classes.

It is computed in `classifier`.
"""

from __future__ import annotations

from typing import Any, NamedTuple

from numpy.typing import NDArray

__all__ = ["Prediction"]


class Prediction(NamedTuple):
    """The prediction of a network for one sample.

    Attributes
    ----------
    label : int
        The most probable class.
    confidence : float
        The probability of that class, 0..1.
    probabilities : numpy.ndarray
        The probabilities of all classes.

    Examples
    --------
    >>> import numpy as np
    >>> from nn import Prediction
    >>> prediction = Prediction(1, 0.9, np.array([0.1, 0.9]))
    >>> print(prediction)
    prediction = 1 with 90.0% confidence
    >>> prediction.label
    1
    """

    label: int
    confidence: float
    probabilities: NDArray[Any]

    def __str__(self) -> str:
        return f"prediction = {self.label} with {self.confidence:.1%} confidence"
