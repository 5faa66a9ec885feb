"""Calibration: whether a classifier is right as often as its confidence promises.

It works on probabilities and labels; no network is called here, and nothing is drawn.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

__all__ = ["CONVENTION", "CalibrationBin", "calibration_error", "gap_words", "reliability"]

CONVENTION = "top class, 10 equal bins, Guo et al. 2017"
"""How the calibration error is defined: other definitions return other numbers."""

_BINS = 10


@dataclass(frozen=True, slots=True)
class CalibrationBin:
    """The samples whose confidence lies in one tenth of the scale.

    Attributes
    ----------
    low, high : float
        The bin holds confidences above `low`, up to and including `high`; the first one also 0.
    samples : float
        How many samples are in it: the sum of their weights.
    confidence : float or None
        Mean confidence, the probability of the predicted class; None for an empty bin.
    accuracy : float or None
        Share of correct predictions; None for an empty bin.
    """

    low: float
    high: float
    samples: float
    confidence: float | None
    accuracy: float | None


def reliability(
    confidence: NDArray[Any], correct: NDArray[Any], weights: NDArray[Any] | None = None
) -> tuple[CalibrationBin, ...]:
    """Collect predictions by their confidence in ten bins.

    Parameters
    ----------
    confidence : ndarray, shape (N,)
        The probability of the predicted class of each sample, from 0 to 1.
    correct : ndarray of bool, shape (N,)
        Whether it was predicted correctly.
    weights : ndarray, shape (N,), optional
        How often each sample counts; once each by default.

    Returns
    -------
    tuple of CalibrationBin
        Ten, from the lowest confidence; empty ones too.

    References
    ----------
    C. Guo, G. Pleiss, Y. Sun, K. Q. Weinberger: "On calibration of modern neural networks", 2017,
    arXiv:1706.04599, section 2.

    Examples
    --------
    >>> bins = reliability(np.array([0.95, 0.95, 0.6]), np.array([True, False, True]))
    >>> bins[9].samples, round(bins[9].confidence, 3), bins[9].accuracy, bins[0].accuracy
    (2.0, 0.95, 0.5, None)
    """
    sure = np.asarray(confidence, dtype=np.float64)
    counted = np.ones(len(sure)) if weights is None else np.asarray(weights, dtype=np.float64)
    edges = np.arange(_BINS + 1) / _BINS
    place = np.clip(np.searchsorted(edges, sure, side="left") - 1, 0, _BINS - 1)
    samples, sums, right = (
        np.bincount(place, weights=counted * values, minlength=_BINS)
        for values in (np.ones(len(sure)), sure, np.asarray(correct, dtype=np.float64))
    )
    return tuple(
        CalibrationBin(
            float(edges[i]),
            float(edges[i + 1]),
            float(samples[i]),
            float(sums[i] / samples[i]) if samples[i] else None,
            float(right[i] / samples[i]) if samples[i] else None,
        )
        for i in range(_BINS)
    )


def calibration_error(bins: Sequence[CalibrationBin]) -> float:
    """Compute the expected calibration error: the mean gap of confidence and accuracy.

    Each bin counts by its number of samples. 0 is perfect; a gap inside a bin is not seen.

    Parameters
    ----------
    bins : sequence of CalibrationBin
        From `reliability`.

    Examples
    --------
    >>> bins = reliability(np.array([0.95, 0.95, 0.6]), np.array([True, False, True]))
    >>> round(calibration_error(bins), 4)  # 2/3 of |0.95 - 0.5|, and 1/3 of |0.6 - 1|
    0.4333
    """
    gaps = [
        each.samples * abs(each.confidence - each.accuracy)
        for each in bins
        if each.confidence is not None and each.accuracy is not None
    ]
    return sum(gaps) / sum(each.samples for each in bins)


def gap_words(bins: Sequence[CalibrationBin]) -> str:
    """Say how far the mean confidence is from the share of correct predictions.

    Parameters
    ----------
    bins : sequence of CalibrationBin
        From `reliability`.

    Examples
    --------
    >>> gap_words(reliability(np.array([0.95, 0.95, 0.6]), np.array([True, False, True])))
    'Confidence is on average 16.67 points too high'
    """
    total = sum(each.samples for each in bins)
    confidence, accuracy = (
        sum((getattr(each, name) or 0.0) * each.samples for each in bins) / total
        for name in ("confidence", "accuracy")
    )
    points = f"{100 * abs(confidence - accuracy):.2f}"
    if points == "0.00":
        return "Confidence is on average right"
    return (
        f"Confidence is on average {points} points too {'high' if confidence > accuracy else 'low'}"
    )
