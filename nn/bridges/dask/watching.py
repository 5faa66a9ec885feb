"""Waits for tasks on a cluster, and ends with an error if a worker fails or leaves.

A worker that hangs is noticed by the other ranks, in `sockets.py`.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import Any

from ...distributed import RankError
from ...packages import require

__all__ = ["WorkerError", "client_of", "results_of", "wait_while_alive"]

_POLL = 0.5  # seconds between two looks at which workers are alive
_PATIENCE = 3.0  # seconds to wait for the error that made the other ranks fail


class WorkerError(RuntimeError):
    """A worker of the cluster failed, left or hung during a training; nothing was changed."""


def client_of(client: Any) -> Any:
    """Return the client, or the current one for None."""
    distributed = require("distributed", "to train on a Dask cluster")
    return distributed.get_client() if client is None else client


def results_of(client: Any, futures: Sequence[Any], workers: Sequence[str]) -> list[Any]:
    """Wait for the ranks, and return their results; fail as soon as one does.

    A task on a worker that has left would wait for it forever.

    Parameters
    ----------
    client : distributed.Client
    futures : sequence of Future
        A task for each rank.
    workers : sequence of str
        The worker of each rank.

    Raises
    ------
    WorkerError
        If a task failed, or a worker left.
    """
    wait_while_alive(client, futures, workers)
    until = time.monotonic() + _PATIENCE
    failed = [future for future in futures if future.status == "error"]
    while failed and not all(future.done() for future in futures) and time.monotonic() < until:
        time.sleep(0.05)
    failed = [future for future in futures if future.status in ("error", "cancelled", "lost")]
    errors = [f.exception() if f.status == "error" else WorkerError(f.status) for f in failed]
    if errors:  # those of ranks that only noticed that another one had left come last
        error = min(errors, key=lambda error: isinstance(error, RankError))
        worker = workers[futures.index(failed[errors.index(error)])]
        raise WorkerError(f"worker {worker}: {type(error).__name__}: {error}") from error
    return [future.result() for future in futures]


def wait_while_alive(client: Any, futures: Sequence[Any], workers: Sequence[str]) -> None:
    """Return when all tasks are done, or one has failed.

    Parameters
    ----------
    client : distributed.Client
    futures : sequence of Future
    workers : sequence of str
        All of them must stay in the cluster; for none of them, any worker may run the tasks.

    Raises
    ------
    WorkerError
        If one of these workers has left, or all have.
    """
    pause = 0.02
    while not all(future.done() for future in futures):
        if any(future.status in ("error", "cancelled", "lost") for future in futures):
            return
        alive = client.nthreads()
        gone = sorted(set(workers) - set(alive))
        if gone or not alive:
            who = f"worker {', '.join(gone)} has" if gone else "all workers have"
            raise WorkerError(f"{who} left, so the training was ended")
        time.sleep(pause)
        pause = min(_POLL, 1.5 * pause)
