"""Averages the gradients of all ranks, weighted by their rows, in one message a step.

It does not compute gradients or update parameters: it is called between the two.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tinygrad_edu import GradientError, Tensor

from ..module import Module
from .agreement import RankError
from .collective import Collective
from .state import check_structure, warn_of_differences

__all__ = ["SharedGradients", "split"]

_PIECES = 4  # of 16 bits in a float64; float32 represents each exactly


class SharedGradients:
    """The gradients of a network, which all ranks add up in one flat message.

    The loss of each rank is the mean over its rows, so its gradients are multiplied by the weight
    of its rows, added up, and divided by the weight of all rows. The result is the gradient of the
    mean over all rows, whatever number of rows each rank has.

    Parameters
    ----------
    parameters : Module, or iterable of Tensor
        The network, or its parameters in the same order on all ranks. Frozen ones are left out, and
        one that is listed twice counts once.
    collective : Collective
        The group. All ranks make their `SharedGradients` at the same time.
    extras : int
        How many further numbers travel in the same message.

    Raises
    ------
    RankError
        On all ranks, if the parameters differ in number, shape, dtype, or in what is frozen.
    ValueError
        If there is nothing to train.

    Notes
    -----
    The message has the dtype of the parameters: float32 for a network of float32, and float64 if
    there are both. float16 is added in float32. The weights and the extras keep their 64 bits in
    any message: each rank has places for its own, 16 bits a place, and all ranks add them up in the
    same order.

    A rank that has no rows calls ``reduce(0)`` without a backward pass. A parameter without a
    gradient on one rank counts as zero there; without one on all ranks, it stays without.

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
        self,
        parameters: Module | Iterable[Tensor],
        collective: Collective,
        extras: int = 0,
    ) -> None:
        if isinstance(parameters, Module):
            named = dict(parameters.named_parameters())
        else:
            named = {f"parameter {i}": p for i, p in enumerate(dict.fromkeys(parameters))}
        self.collective, self.extras, self.steps = collective, extras, 0
        check_structure(named, collective, {"extras": str(extras)})
        if isinstance(parameters, Module):
            warn_of_differences(parameters, collective)
        self.parameters = [p for p in named.values() if p.requires_grad]
        self._frozen = {name: p for name, p in named.items() if not p.requires_grad}
        if not self.parameters:
            raise ValueError("no parameter requires a gradient, so there is nothing to train")
        least = np.float32  # float16 is too short for sums, and for 16 bits a place
        self.dtype = np.result_type(least, *(p.dtype for p in self.parameters))
        ends = np.cumsum([p.size for p in self.parameters]).tolist()
        self._slices = [slice(a, b) for a, b in zip([0, *ends[:-1]], ends, strict=True)]
        # After the gradients: for each parameter, how many ranks have one; then the numbers.
        self._count = ends[-1]
        self._numbers = self._count + len(self.parameters)
        own = _PIECES * (2 + extras)
        self._size = self._numbers + own * collective.size
        start = self._numbers + own * collective.rank
        self._own = slice(start, start + own)

    def reduce(self, weight: float, extras: Sequence[float] = ()) -> list[float]:
        """Replace the gradient of each parameter by the weighted mean over all ranks.

        Parameters
        ----------
        weight : float
            The number of rows of this rank, or the sum of their weights; 0 if it has none, and then
            its gradients do not count and may be None.
        extras : sequence of float
            Numbers to add up over the ranks.

        Returns
        -------
        list of float
            The sum of the weights, and the sums of the extras, the same bits on all ranks.

        Raises
        ------
        ValueError
            If the weight is negative or not finite, or there are other than `extras` numbers;
            nothing was sent then. On all ranks, if all weights are 0.
        GradientError
            If a parameter that was frozen has a gradient.
        RankError
            On all ranks, if one has made more steps than another.
        """
        frozen = [name for name, p in self._frozen.items() if p.grad is not None]
        if frozen:
            raise GradientError(
                f"{frozen[0]} has a gradient but was frozen when SharedGradients was made; make it "
                "again after a change of requires_grad"
            )
        gradients = [parameter.grad for parameter in self.parameters]
        flat, present, sums = self.mean_of(gradients, weight, extras)
        for parameter, mean, has_one in zip(
            self.parameters, split(flat, self.parameters), present, strict=True
        ):
            parameter.grad = mean if has_one else None
        return sums

    def mean_of(
        self, gradients: Sequence[Any], weight: float, extras: Sequence[float] = ()
    ) -> tuple[NDArray[Any], list[bool], list[float]]:
        """Return the weighted mean of some gradients over all ranks, and change nothing.

        A captured update takes the flat array as its argument; `ParallelStep` does so.

        Parameters
        ----------
        gradients : sequence of ndarray or None
            Those of `parameters`.
        weight, extras
            As for `reduce`.

        Returns
        -------
        flat : ndarray, shape (number of all elements,)
            The means, one after the other: a new array, which `split` divides.
        present : list of bool
            Whether any rank has a gradient of each parameter.
        sums : list of float
            As `reduce` returns them.
        """
        self._check(weight, extras)
        buffer = self._packed(gradients, weight, extras)
        self.collective.allreduce(buffer)
        sums = self._unpacked(buffer)
        flat = buffer[: self._count]
        total = self.dtype.type(sums[0])
        if total != 1:  # a weight may be the share of all rows
            flat /= total
        return flat, (buffer[self._count : self._numbers] > 0).tolist(), sums

    def _check(self, weight: float, extras: Sequence[float]) -> None:
        if not (math.isfinite(weight) and weight >= 0):
            raise ValueError(f"the weight of the rows is {weight}; it must be 0 or more and finite")
        if len(extras) != self.extras:
            raise ValueError(
                f"reduce() got {len(extras)} extras, and SharedGradients was made for "
                f"{self.extras}; pass extras={len(extras)} when you make it"
            )

    def _packed(
        self, gradients: Sequence[Any], weight: float, extras: Sequence[float]
    ) -> NDArray[Any]:
        """Return the message of this rank: a new array, because gradients are views of it."""
        buffer = np.empty(self._size, self.dtype)
        pairs = zip(gradients, self._slices, strict=True)
        for number, (gradient, part) in enumerate(pairs, self._count):
            counts = gradient is not None and weight > 0
            buffer[number] = counts
            if not counts:
                buffer[part] = 0
            else:
                np.multiply(gradient.reshape(-1), self.dtype.type(weight), out=buffer[part])
        buffer[self._numbers :] = 0
        self.steps += 1
        numbers = np.array([weight, self.steps, *extras], np.float64)
        buffer[self._own] = numbers.view(np.uint16)
        return buffer

    def _unpacked(self, buffer: NDArray[Any]) -> list[float]:
        """Return the sums of the weights and extras."""
        numbers = buffer[self._numbers :].astype(np.uint16).view(np.float64)
        of_ranks = numbers.reshape(self.collective.size, -1)
        steps = of_ranks[:, 1]
        if (steps != steps[0]).any():
            other = int((steps != steps[0]).argmax())
            raise RankError(
                f"rank 0 is at step {steps[0]:g} and rank {other} at step {steps[other]:g}; all "
                "ranks must call reduce() the same number of times"
            )
        total, _, *sums = [math.fsum(column) for column in _finite_or_sum(of_ranks)]
        if not total:
            raise ValueError("the rows of all ranks have the weight 0, so they have no mean")
        return [total, *sums]


def split(flat: NDArray[Any], parameters: Sequence[Tensor]) -> list[Any]:
    """Return the parts of a flat array, with the shapes and dtypes of some parameters.

    They are views of it where the dtype is the same.

    Parameters
    ----------
    flat : ndarray
        Such as `SharedGradients.mean_of` returns.
    parameters : sequence of Tensor
        The parts in their order.
    """
    parts, start = [], 0
    for parameter in parameters:
        part = flat[start : start + parameter.size].reshape(parameter.shape)
        parts.append(part.astype(parameter.dtype, copy=False))
        start += parameter.size
    return parts


def _finite_or_sum(of_ranks: NDArray[np.float64]) -> list[list[float]]:
    """Return the columns; one with infinite numbers or NaN as its sum, which `fsum` refuses."""
    with np.errstate(invalid="ignore", over="ignore"):
        return [
            column.tolist() if np.isfinite(column).all() else [float(column.sum())]
            for column in of_ranks.T
        ]
