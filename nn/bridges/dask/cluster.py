"""Runs a function on the workers of a cluster as the ranks of a group.

Dask starts the ranks. It does not see what the ranks send each other, which is in `sockets.py`.
"""

from __future__ import annotations

import secrets
import socket
from collections.abc import Callable
from typing import Any

from ...distributed import Alone, Collective
from .placement import Placed
from .sockets import Sockets, listen
from .watching import results_of

__all__ = ["run_ranks"]


def run_ranks(
    client: Any,
    placed: Placed,
    job: Callable[[Collective, list[Any]], Any],
    timeout: float,
) -> list[Any]:
    """Call a function on each worker with its partitions, and return the results of the ranks.

    Parameters
    ----------
    client : distributed.Client
    placed : Placed
        The workers and their partitions.
    job : callable
        ``job(group, parts)`` runs on each worker.
    timeout : float
        How many seconds a rank waits for a message of another one.

    Raises
    ------
    WorkerError
        If a worker fails, leaves or hangs.
    """
    size, key = len(placed.workers), secrets.token_bytes(32)
    address = None
    if size > 1:
        asked = client.submit(_listen, key, workers=placed.workers[:1], pure=False)
        address = results_of(client, [asked], placed.workers[:1])[0]
    futures = [
        client.submit(
            _run, job, rank, size, key, address, timeout, parts,
            workers=[worker], allow_other_workers=False, pure=False,
        )
        for rank, (worker, parts) in enumerate(zip(placed.workers, placed.futures, strict=True))
    ]  # fmt: skip
    try:
        return results_of(client, futures, placed.workers)
    finally:
        client.cancel(futures)


# On the workers ---------------------------------------------------------------------------------

_LISTENING: dict[bytes, socket.socket] = {}


def _listen(key: bytes) -> tuple[str, int]:
    """Listen on the worker of rank 0; return the address."""
    from distributed import get_worker

    address = get_worker().address
    host = (
        "127.0.0.1" if address.startswith("inproc") else address.split("//")[1].rpartition(":")[0]
    )
    _LISTENING[key] = server = listen(host.strip("[]"))
    name, port = server.getsockname()[:2]
    return name, port


def _run(
    job: Any, rank: int, size: int, key: bytes, address: Any, timeout: float, parts: list[Any]
) -> Any:
    """Join the group on one worker, and call the function."""
    if size == 1:
        return job(Alone(), parts)
    server = _LISTENING.pop(key) if rank == 0 else None
    with Sockets(rank, size, key, server=server, address=address, timeout=timeout) as group:
        return job(group, parts)
