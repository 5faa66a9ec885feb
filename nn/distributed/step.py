"""A training step of several ranks for programs with their own loop, captured where possible.

`nn.training` has a step of its own, which also knows objectives and metrics.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Sequence
from typing import Any

from numpy.typing import NDArray

from tinygrad_edu import CaptureError, Tensor, capture
from tinygrad_edu.errors import ReplayError

from ..module import Module
from ..optim import LBFGS, Optimizer
from .collective import Collective
from .gradients import SharedGradients, split

__all__ = ["ParallelStep"]


class ParallelStep:
    """A step in which each rank takes its rows, and all ranks make the same update.

    Forward and backward pass are one captured function, the update is another one; a captured
    function cannot wait for other ranks. Between them the gradients travel in one flat message,
    which the update takes as it is. What `capture` refuses runs uncaptured.

    Parameters
    ----------
    network : Module
        With equal values on all ranks; see `broadcast_state`.
    optimizer : Optimizer
        Updates its parameters; not `LBFGS`, which evaluates the loss several times in a step.
    loss : callable
        ``loss(*batch)`` returns the mean loss over the rows of this rank, a scalar tensor.
    collective : Collective
        The group.
    before_update : callable, optional
        Called without arguments between the reduction and the update, for example to clip the
        gradients.
    extras : int
        How many further numbers travel with the gradients.

    Raises
    ------
    RankError
        On all ranks, if the parameters differ in number, shape, dtype, or in what is frozen.
    ValueError
        For `LBFGS`.

    Examples
    --------
    >>> import numpy as np
    >>> from nn import MLP, SGD, softmax_cross_entropy
    >>> from nn.distributed import ParallelStep, run_threads, share
    >>> x, y = np.eye(3), np.arange(3)
    >>> def losses(collective):
    ...     network = MLP([3, 4, 3], seed=0)
    ...     optimizer = SGD(network.parameters(), lr=0.5)
    ...     step = ParallelStep(
    ...         network, optimizer, lambda x, y: softmax_cross_entropy(network(x), y), collective
    ...     )
    ...     rows = share(len(x), collective)
    ...     return [round(step(x[rows], y[rows])[0], 5) for _ in range(4)]
    >>> one = run_threads(1, losses)
    >>> run_threads(2, losses) == one * 2
    True
    """

    def __init__(
        self,
        network: Module,
        optimizer: Optimizer,
        loss: Callable[..., Tensor],
        collective: Collective,
        *,
        before_update: Callable[[], Any] = lambda: None,
        extras: int = 0,
    ) -> None:
        if isinstance(optimizer, LBFGS):
            raise ValueError(
                "LBFGS evaluates the loss several times in a step; call SharedGradients.reduce() "
                "in its closure instead, and return the loss of all ranks"
            )
        self.optimizer = optimizer
        self.shared = SharedGradients(network, collective, 1 + extras)
        # A captured function must not reach the group, which it could not watch.
        parameters = self.shared.parameters

        def backward(*batch: Any) -> tuple[Tensor, list[Any]]:
            mean = loss(*batch)
            mean.backward(keep_interior=False)
            gradients = [parameter.grad for parameter in parameters]
            network.zero_grad()
            return mean, gradients

        def update(flat: NDArray[Any]) -> None:
            update_with(split(flat, parameters))

        def update_some(flat: NDArray[Any], present: list[bool]) -> None:
            parts = zip(split(flat, parameters), present, strict=True)
            update_with([part if has_one else None for part, has_one in parts])

        def update_with(gradients: list[Any]) -> None:
            for parameter, gradient in zip(parameters, gradients, strict=True):
                parameter.grad = gradient
            before_update()
            optimizer.step()
            network.zero_grad()

        # A captured function has named parameters: those of the loss.
        backward.__signature__ = inspect.signature(loss)  # type: ignore[attr-defined]
        self._backward, self._update = _Captured(backward), _Captured(update)
        self._update_some = update_some

    def __call__(
        self, *batch: Any, weight: float | None = None, extras: Sequence[float] = ()
    ) -> list[float]:
        """Take a step.

        Parameters
        ----------
        *batch : ndarray
            The rows of this rank; it may have none.
        weight : float, optional
            Their weight; by default their number.
        extras : sequence of float
            Numbers to add up over the ranks.

        Returns
        -------
        list of float
            The mean loss over the rows of all ranks, their weight, and the sums of the extras.
        """
        rows = len(batch[0])
        weight = float(rows) if weight is None else weight
        value = 0.0
        gradients: list[Any] = [None] * len(self.shared.parameters)
        if rows and weight:
            mean, gradients = self._backward(*batch)
            value = mean.item()
        flat, present, sums = self.shared.mean_of(gradients, weight, (value * weight, *extras))
        if all(present):
            self._update(flat)
        else:
            self._update_some(flat, present)
        total, loss, *others = sums
        return [loss / total, total, *others]


class _Captured:
    """A captured function, which runs uncaptured from the first refusal on."""

    def __init__(self, function: Callable[..., Any]) -> None:
        self._function, self._run = function, capture(function)

    def __call__(self, *arguments: Any) -> Any:
        try:
            return self._run(*arguments)
        except ReplayError:  # earlier steps may be wrong
            raise
        except CaptureError:
            self._run = self._function  # type: ignore[assignment]
            return self._run(*arguments)
