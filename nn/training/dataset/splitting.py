"""Splits rows into a part to train on and a part to choose the best epoch by.

The split is random, with a seed, and keeps the shares of the classes.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

__all__ = ["split_rows"]


def split_rows(
    labels: NDArray[Any], share: float, generator: Generator, *, stratify: bool
) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """Return the rows for training and those for validation, each in increasing order.

    Parameters
    ----------
    labels : ndarray, shape (rows,)
        The class of each row, if they are stratified.
    share : float
        The share of the rows for validation, between 0 and 1.
    generator : numpy.random.Generator
        Draws the rows.
    stratify : bool
        Take the same share of each class. A class of a single row stays in the training part.

    Raises
    ------
    ValueError
        If one of the two parts would be empty.

    Examples
    --------
    >>> import numpy as np
    >>> labels = np.array([0] * 8 + [1] * 4)
    >>> train, validation = split_rows(labels, 0.25, np.random.default_rng(0), stratify=True)
    >>> np.bincount(labels[train]), np.bincount(labels[validation])
    (array([6, 3]), array([2, 1]))
    """
    rows = len(labels)
    groups = [np.arange(rows)]
    if stratify:
        order = np.argsort(labels, kind="stable")
        groups = np.split(order, np.flatnonzero(np.diff(labels[order])) + 1)
    wanted = _counts([len(group) for group in groups], share, generator)
    chosen = [
        generator.permutation(group)[:count] for group, count in zip(groups, wanted, strict=True)
    ]
    validation = np.sort(np.concatenate(chosen))
    is_training = np.ones(rows, bool)
    is_training[validation] = False
    training = np.flatnonzero(is_training)
    if not len(validation) or not len(training):
        raise ValueError(
            f"validation={share:g} of {rows} rows leaves {len(validation)} rows to choose by and "
            f"{len(training)} to train on; expected at least one of each"
        )
    return training, validation


def _counts(sizes: list[int], share: float, generator: Generator) -> list[int]:
    """Share the validation rows among the classes: rounded down, the rest by the remainders."""
    exact = np.array(sizes) * share
    counts = np.floor(exact).astype(int)
    most = np.array([max(size - 1, 0) for size in sizes])
    left = round(sum(sizes) * share) - int(counts.sum())
    # Equal remainders are ordered at random, so that no class is always favoured.
    order = np.lexsort((generator.random(len(sizes)), -(exact - counts)))
    for i in order[: max(left, 0)]:
        counts[i] += 1
    return np.minimum(counts, most).tolist()  # type: ignore[no-any-return]
