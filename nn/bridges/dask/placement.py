"""Which worker trains on which partitions: where they are, or in blocks if they are not computed.

Rows move only where `X` and `y` of one partition are on different workers.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from ...packages import require

__all__ = ["Placed", "place"]


class Placed(NamedTuple):
    """The partitions, by the worker that holds them.

    Attributes
    ----------
    workers : list of str
        The addresses, one for each rank: the one with the first partition is rank 0.
    futures : list of list
        The futures of the pairs ``(X, y)`` of each rank, in their order.
    """

    workers: list[str]
    futures: list[list[Any]]


def place(client: Any, X: Any, y: Any) -> Placed:
    """Compute the partitions of data on their workers, and return where they are.

    Parameters
    ----------
    client : distributed.Client
    X, y : dask array or dataframe, series
        With the same partitions.

    Raises
    ------
    TypeError, ValueError
        If they are not collections of Dask, or have other numbers of partitions.
    """
    distributed = require("distributed", "to train on a Dask cluster")
    delayed = require("dask", "to train on a Dask cluster").delayed
    parts, targets = _partitions("X", X), _partitions("y", y)
    if len(parts) != len(targets):
        raise ValueError(
            f"X has {len(parts)} partitions and y has {len(targets)}; give them the same ones: "
            "y.rechunk(X.chunks[0])"
        )
    pairs = [delayed(_pair)(n, *both) for n, both in enumerate(zip(parts, targets, strict=True))]
    if distributed.futures_of(X):  # they are on the workers already
        futures = client.compute(pairs)
    else:
        workers = sorted(client.nthreads())
        count = min(len(workers), len(pairs))
        blocks = np.array_split(np.arange(len(pairs)), count)
        homes = [workers[rank] for rank, block in enumerate(blocks) for _ in block]
        futures = [
            client.compute(pair, workers=[home], allow_other_workers=False)
            for pair, home in zip(pairs, homes, strict=True)
        ]
    distributed.wait(futures)
    for future in futures:
        if future.status == "error":
            future.result()  # raises it
    holders = client.who_has(futures)
    found: dict[str, list[Any]] = {}
    for future in futures:
        found.setdefault(min(holders[future.key]), []).append(future)
    return Placed(list(found), list(found.values()))


def _partitions(name: str, collection: Any) -> list[Any]:
    """Return the partitions of a collection, divided along its rows only."""
    if not hasattr(collection, "to_delayed"):
        raise TypeError(
            f"{name} is a {type(collection).__name__}, expected an array or a table of Dask; "
            "dask.array.from_array(values, chunks=...) makes one"
        )
    if hasattr(collection, "chunks") and any(n > 1 for n in collection.numblocks[1:]):
        columns = range(1, collection.ndim)
        collection = collection.rechunk(dict.fromkeys(columns, -1))
    delayed = collection.to_delayed()
    return list(delayed.ravel()) if isinstance(delayed, np.ndarray) else list(delayed)


def _pair(number: int, x: Any, y: Any) -> tuple[NDArray[Any], NDArray[Any]]:
    """Return the arrays of one partition, which runs on its worker."""
    pair = np.asarray(x), np.asarray(y)
    if len(pair[0]) != len(pair[1]):
        raise ValueError(f"partition {number} has {len(pair[0])} rows in X and {len(pair[1])} in y")
    for name, array in zip("Xy", pair, strict=True):
        if array.dtype.kind not in "fiub":
            raise TypeError(
                f"partition {number} of {name} has dtype {array.dtype}, expected numbers"
            )
    return pair
