"""What a network predicts for one sample: the label, how sure it is, and all probabilities."""

from __future__ import annotations

from typing import Any, NamedTuple

from numpy.typing import NDArray

__all__ = ["Prediction"]


class Prediction(NamedTuple):
    """What a network predicts for one sample.

    Attributes
    ----------
    label : int
        The most probable class.
    confidence : float
        Its probability, 0..1.
    probabilities : numpy.ndarray
        Of all classes.
    """

    label: int
    confidence: float
    probabilities: NDArray[Any]

    def __str__(self) -> str:
        return f"prediction = {self.label} with {self.confidence:.1%} confidence"
