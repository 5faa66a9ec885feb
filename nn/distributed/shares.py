"""Divides the rows of a batch, or of data that are measured, evenly among the ranks.

Each rank takes consecutive rows. Which ones depends only on their number, the rank and the size of
the group, so nothing is sent for it.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from .collective import Collective

__all__ = ["rows_of_batches", "share"]


def share(count: int, collective: Collective) -> slice:
    """Return which of some rows are those of this rank.

    Parameters
    ----------
    count : int
        The number of rows.
    collective : Collective
        The group.

    Returns
    -------
    slice
        Consecutive rows; the numbers of rows of two ranks differ by at most 1.

    Examples
    --------
    >>> from nn.distributed import run_threads, share
    >>> run_threads(4, lambda group: list(range(6))[share(6, group)])
    [[0, 1], [2, 3], [4], [5]]
    """
    each, more = divmod(count, collective.size)
    rank = collective.rank
    start = rank * each + min(rank, more)
    return slice(start, start + each + (rank < more))


def rows_of_batches(order: NDArray[Any], batch_size: int, collective: Collective) -> NDArray[Any]:
    """Return the rows that this rank will take, in their order, of all batches.

    Parameters
    ----------
    order : ndarray of int
        The rows of all batches.
    batch_size : int
        The number of rows of a batch; the last one may have fewer.
    collective : Collective
        The group.

    Examples
    --------
    >>> import numpy as np
    >>> from nn.distributed import run_threads
    >>> run_threads(2, lambda group: rows_of_batches(np.arange(10, 17), 4, group).tolist())
    [[10, 11, 14, 15], [12, 13, 16]]
    """
    if collective.size == 1:
        return order
    full = len(order) // batch_size * batch_size
    own = order[:full].reshape(-1, batch_size)[:, share(batch_size, collective)]
    rest = order[full:]
    return np.concatenate([own.reshape(-1), rest[share(len(rest), collective)]])
