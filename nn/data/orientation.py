"""Recognises images that are inverted or transposed, compared with those of the training.

Both change every prediction and no range, so a check of ranges does not see them. The functions
only measure; `known_inputs` writes the messages.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..images import SMALLEST_SIDE, image_side

__all__ = ["inverted_rows", "looks_transposed"]

_FEWEST = 3
"""Fewer features that are always dark, or always light, show nothing."""
_NEAR = 0.02
"""Part of the range: a feature whose mean is this near to an end is nearly always there."""
_AT_THE_OTHER_END = 0.1
_NEARLY_ALL = 0.8
_FEWEST_ROWS = 20
_MUCH_BETTER = 1.5
"""Ratio of the misfits. It was below 1 for any class of MNIST and of the digits alone, and above
1.7 for 200 of 200 samples of 20 transposed images."""
_LIKENESS = 0.5
_ROWS = 4096  # at a time, so that no second copy of a large data set is made


def inverted_rows(
    x: NDArray[Any],
    ranges: NDArray[np.float64],
    means: NDArray[np.float64] | None = None,
) -> tuple[NDArray[np.bool], float]:
    """Return which rows are negatives of training rows: ``low + high - x`` for the whole range.

    In a negative, the features that are always dark in the training are light, nearly all of them.

    Parameters
    ----------
    x : ndarray, shape (N, features)
        The rows.
    ranges : ndarray, shape (features, 2)
        Smallest and largest value of each feature in the training data.
    means : ndarray, shape (features,), optional
        Means of the features; with them, features that are nearly always dark count, too.

    Returns
    -------
    is_inverted : ndarray of bool, shape (N,)
    mirror : float
        The number that the rows have to be subtracted from.

    Examples
    --------
    >>> ranges = np.array([[0.0, 0.0], [0.0, 0.0], [0.0, 0.0], [0.0, 255.0]])
    >>> inverted_rows(np.array([[0.0, 0, 0, 200], [255.0, 255, 255, 55]]), ranges)
    (array([False,  True]), 255.0)
    """
    low, high = float(ranges[:, 0].min()), float(ranges[:, 1].max())
    span, mirror = high - low, low + high
    usual = np.where(ranges[:, 0] == ranges[:, 1], ranges[:, 0], np.nan)
    if means is not None:
        usual = np.where(np.isnan(usual), means, usual)
    at_the_end = np.minimum(np.abs(usual - low), np.abs(usual - high)) <= _NEAR * span
    columns = np.flatnonzero(at_the_end)
    found = np.zeros(len(x), dtype=bool)
    if span <= 0 or len(columns) < _FEWEST:
        return found, mirror
    expected = mirror - usual[columns]
    for start in range(0, len(x), _ROWS):
        rows = slice(start, start + _ROWS)
        flipped = np.abs(x[rows, columns] - expected) <= _AT_THE_OTHER_END * span
        found[rows] = flipped.mean(axis=1) >= _NEARLY_ALL
    return found, mirror


def looks_transposed(x: NDArray[Any], means: NDArray[np.float64]) -> bool:
    """Return whether the mean of some images is much more like the transposed training mean.

    Parameters
    ----------
    x : ndarray, shape (N, features)
        The rows; fewer than 20 show nothing.
    means : ndarray, shape (features,)
        Means of the features in the training data.

    Examples
    --------
    >>> image = np.tril(np.ones((8, 8)))
    >>> looks_transposed(np.tile(image.T.ravel(), (20, 1)), image.ravel())
    True
    """
    side = image_side(len(means))
    if side is None or side < SMALLEST_SIDE or len(x) < _FEWEST_ROWS:
        return False
    mean = x.mean(axis=0, dtype=np.float64)
    turned = means.reshape(side, side).T.ravel()
    as_it_is, as_turned = _correlation(mean, means), _correlation(mean, turned)
    return as_turned > _LIKENESS and 1 - as_it_is > _MUCH_BETTER * (1 - as_turned)


def _correlation(a: NDArray[np.float64], b: NDArray[np.float64]) -> float:
    a, b = a - a.mean(), b - b.mean()
    size = float(np.linalg.norm(a) * np.linalg.norm(b))
    return float(a @ b) / size if size > 0 else 0.0
