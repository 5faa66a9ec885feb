"""Trains one network on all workers of a cluster that hold data, with the same steps on each.

A worker is a rank of a `Collective`. Its rows stay where they are; in each step the ranks add up
their gradients. Dask moves data and starts the ranks; it is not asked during the training.
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from tinygrad_edu import Tensor

from ...checks import check_count, check_number
from ...distributed import Collective, ParallelStep, average_buffers, check_state
from ...module import Module
from ...optim import Optimizer
from .cluster import run_ranks
from .placement import check_rows, place
from .watching import client_of

__all__ = ["Fitted", "fit", "rows_of_steps"]


class Fitted(NamedTuple):
    """The result of `fit`.

    Attributes
    ----------
    losses : list of float
        The mean loss over the rows of each epoch, as they were seen in its steps.
    workers : list of str
        The addresses of the workers, in the order of the ranks.
    rows : list of int
        How many rows each of them has.
    """

    losses: list[float]
    workers: list[str]
    rows: list[int]


def fit(
    network: Module,
    X: Any,
    y: Any,
    *,
    loss: Callable[[Tensor, NDArray[Any]], Tensor],
    optimizer: Callable[[list[Tensor]], Optimizer],
    epochs: int = 10,
    batch_size: int = 256,
    seed: int = 0,
    client: Any = None,
    timeout: float = 300.0,
) -> Fitted:
    """Train a network on data in partitions, on the workers that hold them.

    Each worker with partitions is a rank: it keeps its rows and draws its part of each batch from
    them, as large as its share of all rows. So all ranks make the same number of steps, and the
    result is that of one process on the same batches. It is the same, bit for bit, each time the
    partitions are on as many workers in the same way.

    Parameters
    ----------
    network : Module
        It has the trained values at the end, and is unchanged after an error.
    X, y : dask array, or dataframe and series
        Inputs and targets with the same partitions along the rows. Data that are persisted are
        used where they are; otherwise partitions are computed in equal blocks, one for each worker.
    loss : callable
        ``loss(outputs, targets)`` returns the mean over rows, such as ``nn.CrossEntropyLoss()``.
    optimizer : callable
        ``optimizer(parameters)`` returns the optimizer, such as
        ``lambda parameters: nn.Adam(parameters, lr=1e-3)``.
    epochs : int
        How often all rows are used.
    batch_size : int
        The number of rows of a step, of all workers together; a step may have fewer.
    seed : int
        Of the order of the rows.
    client : distributed.Client, optional
        The cluster; by default the current client.
    timeout : float
        How many seconds a worker waits for another one in a step before the training ends; the
        others wait for rank 0 half as long again. It must exceed the time of one step.

    Returns
    -------
    Fitted
        Losses, and which worker had how many rows.

    Raises
    ------
    TypeError, ValueError
        For wrong arguments, and data that are not numbers or do not fit together.
    WorkerError
        If a worker fails, leaves or hangs during the training.

    Notes
    -----
    The ranks connect directly and prove that they know a random key of this training, but do not
    encrypt what they send: use it in a trusted network.

    Examples
    --------
    >>> import dask.array, numpy as np
    >>> from distributed import Client
    >>> from nn import MLP, SGD, CrossEntropyLoss
    >>> from nn.bridges.dask import fit
    >>> x = np.random.default_rng(0).normal(size=(60, 2)).astype("float32")
    >>> X, y = (dask.array.from_array(a, chunks=20) for a in (x, (x[:, 0] > 0).astype(int)))
    >>> network = MLP([2, 8, 2], seed=0)
    >>> options = {"processes": False, "n_workers": 2, "threads_per_worker": 1}
    >>> with Client(**options, dashboard_address=":0") as client:
    ...     found = fit(
    ...         network, X, y, loss=CrossEntropyLoss(), client=client, batch_size=20,
    ...         optimizer=lambda parameters: SGD(parameters, lr=0.5),
    ...     )
    >>> found.rows, found.losses[-1] < found.losses[0]
    ([40, 20], True)
    """
    _check(network, loss, optimizer, epochs, batch_size)
    check_number("timeout", timeout, above=0.0)
    client = client_of(client)
    placed = place(client, _pair, {"X": X, "y": y})
    plan = _Plan(network, loss, optimizer, epochs, batch_size, seed)
    results = run_ranks(client, placed, partial(_trained, plan), timeout)
    state, losses, rows = results[0]
    network.load_state_dict(state)
    return Fitted(losses, placed.workers, rows)


def _check(network: Any, loss: Any, optimizer: Any, epochs: Any, batch_size: Any) -> None:
    if not isinstance(network, Module):
        raise TypeError(f"fit trains a Module, got a {type(network).__name__}")
    if isinstance(optimizer, Optimizer) or not callable(optimizer):
        raise TypeError(
            f"optimizer is a {type(optimizer).__name__}, expected a function that makes one on "
            "each worker: optimizer=lambda parameters: nn.SGD(parameters, lr=0.1)"
        )
    if not callable(loss):
        raise TypeError(f"loss is a {type(loss).__name__}, expected a function of outputs, targets")
    if getattr(loss, "reduction", "mean") != "mean" or getattr(loss, "weight", None) is not None:
        raise ValueError(
            f"{loss!r} is not the mean over the rows of a worker, so losses of workers cannot be "
            'averaged; use reduction="mean" without weights of classes'
        )
    check_count("epochs", epochs)
    check_count("batch_size", batch_size)


# On the workers ---------------------------------------------------------------------------------


class _Plan(NamedTuple):
    """What all ranks get."""

    network: Module
    loss: Any
    optimizer: Any
    epochs: int
    batch_size: int
    seed: int


def _pair(number: int, x: Any, y: Any) -> tuple[NDArray[Any], NDArray[Any]]:
    """Return the arrays of one partition, which runs on its worker."""
    pair = np.asarray(x), np.asarray(y)
    check_rows(number, {"X": pair[0], "y": pair[1]})
    for name, array in zip("Xy", pair, strict=True):
        if array.dtype.kind not in "fiub":
            raise TypeError(
                f"partition {number} of {name} has dtype {array.dtype}, expected numbers"
            )
    return pair


def _trained(
    plan: _Plan, group: Collective, parts: list[Any]
) -> tuple[Any, list[float], list[int]]:
    x, y = (np.concatenate(arrays) for arrays in zip(*parts, strict=True))
    rows = np.zeros(group.size)
    rows[group.rank] = len(x)
    group.allreduce(rows)
    network = copy.deepcopy(plan.network).train()  # workers may share a process
    step = ParallelStep(
        network,
        plan.optimizer(network.parameters()),
        lambda inputs, targets: plan.loss(network(inputs), targets),
        group,
    )
    counts, losses = [int(n) for n in rows], []
    for epoch in range(plan.epochs):
        total = 0.0
        for chosen in rows_of_steps(counts, group.rank, plan.batch_size, plan.seed, epoch):
            mean, weight = step(x[chosen], y[chosen])[:2]
            total += mean * weight
        losses.append(total / sum(counts))
        average_buffers(network, group)
        check_state(network, group)
    state = dict(network.state_dict()) if group.rank == 0 else None
    return state, losses, counts


def rows_of_steps(
    counts: Sequence[int], rank: int, batch_size: int, seed: int, epoch: int
) -> list[NDArray[Any]]:
    """Return the rows that a rank takes in each step of an epoch.

    Parameters
    ----------
    counts : sequence of int
        How many rows each rank has.
    rank : int
        The rank.
    batch_size : int
        The number of rows of a step, of all ranks together.
    seed, epoch : int
        They and the rank decide the order.

    Returns
    -------
    list of ndarray of int
        As many for each rank; a rank with few rows has steps without any.

    Examples
    --------
    >>> from nn.bridges.dask.training import rows_of_steps
    >>> [[len(rows) for rows in rows_of_steps([6, 3], rank, 3, 0, 0)] for rank in (0, 1)]
    [[2, 2, 2], [1, 1, 1]]
    """
    steps = -(-sum(counts) // batch_size)
    order = np.random.default_rng([seed, epoch, rank]).permutation(counts[rank])
    return np.array_split(order, steps)
