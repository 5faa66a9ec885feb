"""The prediction for one sample: its class and the probabilities, or the number of a regression.

It is computed in `asking`.
"""

from __future__ import annotations

from typing import Any, NamedTuple

from numpy.typing import NDArray

__all__ = ["Estimate", "Prediction"]


class Prediction(NamedTuple):
    """The prediction of a network for one sample.

    Attributes
    ----------
    label : int or str
        The most probable class, as it is in the training data.
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

    label: int | str
    confidence: float
    probabilities: NDArray[Any]

    def __str__(self) -> str:
        return f"prediction = {self.label} with {self.confidence:.1%} confidence"


class Estimate(NamedTuple):
    """The number that a regression predicts for one sample.

    Attributes
    ----------
    value : float
        The predicted number.

    Examples
    --------
    >>> print(Estimate(22.5))
    prediction = 22.5
    """

    value: float

    def __str__(self) -> str:
        return f"prediction = {self.value:.6g}"
