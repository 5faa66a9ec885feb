"""Which worker trains on which partitions: where they are, or in blocks if they are not computed.

Rows move only where `X` and `y` of one partition are on different workers.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

import numpy as np

from ...packages import require
from .watching import WorkerError, wait_while_alive

__all__ = ["Placed", "check_rows", "partitions", "place"]


class Placed(NamedTuple):
    """The partitions, by the worker that holds them.

    Attributes
    ----------
    workers : list of str
        The addresses, one for each rank: the one with the first partition is rank 0.
    futures : list of list
        The futures of the prepared partitions of each rank, in their order.
    """

    workers: list[str]
    futures: list[list[Any]]


def place(client: Any, prepare: Callable[..., Any], collections: Mapping[str, Any]) -> Placed:
    """Compute the partitions of data on their workers, and return where they are.

    Parameters
    ----------
    client : distributed.Client
    prepare : callable
        ``prepare(number, *parts)`` runs on the worker of each partition; its results are placed.
    collections : mapping of str to dask array, dataframe or series
        With the same partitions, by the name that errors have; X is the first one.

    Raises
    ------
    TypeError, ValueError
        If they are not collections of Dask, or have other numbers of partitions.
    WorkerError
        If a worker leaves meanwhile.
    """
    distributed = require("distributed", "to train on a Dask cluster")
    delayed = require("dask", "to train on a Dask cluster").delayed
    parts = {name: partitions(name, one) for name, one in collections.items()}
    count = len(parts["X"])
    for name, others in parts.items():
        if len(others) != count:
            raise ValueError(
                f"X has {count} partitions and {name} has {len(others)}; give them the same ones: "
                f"{name}.rechunk(X.chunks[0])"
            )
    made = delayed(prepare)
    tasks = [made(n, *of_one) for n, of_one in enumerate(zip(*parts.values(), strict=True))]
    homes = _homes(client, collections["X"], distributed, count)
    if homes:
        futures = [
            client.compute(task, workers=[home], allow_other_workers=False)
            for task, home in zip(tasks, homes, strict=True)
        ]
    else:  # made from data on the workers, next to which the scheduler computes them
        futures = client.compute(tasks)
    wait_while_alive(client, futures, homes)
    for future in futures:
        if future.status != "finished":
            future.result()  # raises its error
    holders = client.who_has(futures)
    found: dict[str, list[Any]] = {}
    for future in futures:
        if not holders[future.key]:
            raise WorkerError("a worker with a partition has left, so the training was ended")
        found.setdefault(min(holders[future.key]), []).append(future)
    return Placed(list(found), list(found.values()))


def _homes(client: Any, X: Any, distributed: Any, count: int) -> list[str]:
    """Return the worker for each partition; none if only what it is made from is on workers."""
    kept = distributed.futures_of(X)
    if kept:
        wait_while_alive(client, kept, [])
        # The keys of a collection of tables may have another name than those of its futures.
        known = client.who_has(kept)
        holders = {key[1]: found for key, found in known.items() if isinstance(key, tuple)}
        of_each = [holders.get(number) for number in range(count)]
        return [min(one) for one in of_each if one] if len(kept) == count and all(of_each) else []
    workers = sorted(client.nthreads())
    if not workers:
        raise WorkerError("the cluster has no workers")
    blocks = np.array_split(np.arange(count), min(len(workers), count))
    return [workers[rank] for rank, block in enumerate(blocks) for _ in block]


def check_rows(number: int, parts: Mapping[str, Any]) -> None:
    """Check that the parts of one partition have as many rows as its X.

    Parameters
    ----------
    number : int
        Of the partition.
    parts : mapping of str to array
        X is the first one.
    """
    rows = len(parts["X"])
    for name, part in parts.items():
        if len(part) != rows:
            raise ValueError(f"partition {number} has {rows} rows in X and {len(part)} in {name}")


def partitions(name: str, collection: Any) -> list[Any]:
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
