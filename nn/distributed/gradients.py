"""Averages the gradients of all ranks, weighted by their rows, in one message a step.

It does not compute gradients or update parameters: it stands between the two.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np

from tinygrad_edu import Tensor

from .collective import Collective

__all__ = ["SharedGradients"]


class SharedGradients:
    """The gradients of a network in one flat buffer, which all ranks add up.

    The loss of each rank is the mean over its rows, so its gradients are multiplied by the weight
    of its rows, added up, and divided by the weight of all rows. The result is the gradient of the
    mean over all rows, however many each rank has.

    Parameters
    ----------
    parameters : iterable of Tensor
        In the same order on all ranks.
    collective : Collective
        The group.
    extras : int
        How many further numbers travel in the same message.

    Examples
    --------
    >>> import numpy as np
    >>> from nn.distributed import SharedGradients, run_threads
    >>> from tinygrad_edu import Tensor
    >>> def gradient(collective):
    ...     w = Tensor([1.0], requires_grad=True)
    ...     shared = SharedGradients([w], collective)
    ...     rows = np.arange(3.0)[collective.rank :: collective.size]
    ...     (w * rows).mean().backward()
    ...     shared.reduce(len(rows))
    ...     return w.grad.tolist()
    >>> run_threads(2, gradient)
    [[1.0], [1.0]]
    """

    def __init__(
        self, parameters: Iterable[Tensor], collective: Collective, extras: int = 0
    ) -> None:
        self.parameters = list(parameters)
        self.collective = collective
        sizes = [parameter.size for parameter in self.parameters]
        self._ends = np.cumsum(sizes).tolist()
        dtype = np.result_type(*(parameter.dtype for parameter in self.parameters))
        self._count = sum(sizes)
        self.buffer = np.zeros(self._count + 1 + extras, dtype)

    def reduce(self, weight: float, extras: Sequence[float] = ()) -> list[float]:
        """Replace the gradient of each parameter by the weighted mean over all ranks.

        Parameters
        ----------
        weight : float
            The number of rows of this rank, or the sum of their weights; 0 if it has none, and then
            its gradients may be None.
        extras : sequence of float
            Numbers to add up over the ranks.

        Returns
        -------
        list of float
            The sum of the weights, and the sums of the extras.
        """
        buffer = self.buffer
        start = 0
        for parameter, end in zip(self.parameters, self._ends, strict=True):
            part = buffer[start:end]
            if parameter.grad is None or not weight:
                part[...] = 0
            else:
                np.multiply(parameter.grad.reshape(-1), weight, out=part)
            start = end
        buffer[self._count :] = [weight, *extras]
        self.collective.allreduce(buffer)
        total = buffer[self._count]
        start = 0
        for parameter, end in zip(self.parameters, self._ends, strict=True):
            mean: Any = (buffer[start:end] / total).reshape(parameter.shape)
            parameter.grad = mean.astype(parameter.dtype, copy=False)
            start = end
        return [float(number) for number in buffer[self._count :]]
