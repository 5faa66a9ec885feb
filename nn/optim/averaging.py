"""An exponential moving average of the weights of a network.

It follows a training without changing it. The averaged weights are often better for evaluation.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tinygrad_edu import Tensor

from ..checks import check_number
from ..module import Module
from ..module_state import State, foreign_matrices

__all__ = ["ExponentialMovingAverage"]


class ExponentialMovingAverage:
    """Average the weights of a network over the steps of its training.

    The first `update` copies the weights; each later one computes, for a weight ``p``::

        average = decay * average + (1 - decay) * p

    Buffers, such as running means, are copied and not averaged. This is what PyTorch's
    ``AveragedModel`` computes with ``get_ema_multi_avg_fn(decay)``.

    Parameters
    ----------
    module : Module
        The network.
    decay : float
        How much of the average is kept at each step, from 0 to below 1. It remembers about
        ``1 / (1 - decay)`` steps.

    Examples
    --------
    >>> from nn import SGD, ExponentialMovingAverage, MLP
    >>> network = MLP([2, 2], seed=0)
    >>> average = ExponentialMovingAverage(network, decay=0.5)
    >>> for value in (1.0, 2.0, 4.0):  # instead of the steps of an optimizer
    ...     network.linear1.bias.data = [value, value]
    ...     average.update()
    >>> with average.average_weights():
    ...     network.linear1.bias.tolist()
    [2.75, 2.75]
    >>> network.linear1.bias.tolist()
    [4.0, 4.0]
    """

    def __init__(self, module: Module, decay: float = 0.999) -> None:
        if not isinstance(module, Module):
            raise TypeError(
                f"ExponentialMovingAverage takes a network, got a {type(module).__name__}; pass "
                "the Module itself, whose parameters are averaged"
            )
        check_number("decay", decay, least=0.0, below=1.0)
        self.decay, self._module = float(decay), module
        self._weights = dict(module.named_parameters())
        if not self._weights:
            raise ValueError(f"the {type(module).__name__} has no parameters to average")
        named_buffers = getattr(module, "named_buffers", dict)
        self._buffers: dict[str, Tensor] = dict(named_buffers())
        self._values: dict[str, NDArray[Any]] = {}

    def update(self) -> None:
        """Take the current weights into the average; call it after each `optimizer.step()`."""
        for name, weight in self._weights.items():
            average = self._values.get(name)
            self._values[name] = (
                np.copy(weight._data)
                if average is None
                else self.decay * average + (1 - self.decay) * weight._data
            )
        for name, buffer in self._buffers.items():
            self._values[name] = np.copy(buffer._data)

    @contextmanager
    def average_weights(self) -> Iterator[None]:
        """Give the network the averaged weights in a ``with`` block.

        At the end of the block, also after an error, it has its own weights and buffers again.

        Raises
        ------
        ValueError
            If `update` was never called.
        """
        self._check_has_values()
        own = {name: tensor._data for name, tensor in self._tensors().items()}
        try:
            for name, tensor in self._tensors().items():
                tensor.data = self._values[name]
            yield
        finally:
            for name, tensor in self._tensors().items():
                tensor.data = own[name]

    def state_dict(self) -> State:
        """Copy the averages, by the names of the weights; a network of the same kind can load it.

        Raises
        ------
        ValueError
            If `update` was never called.
        """
        self._check_has_values()
        return State({name: np.copy(self._values[name]) for name in self._tensors()})

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Set the averages.

        Parameters
        ----------
        state : mapping of str to array_like
            As `state_dict` returns it.

        Raises
        ------
        ValueError
            If names, shapes or layouts do not match. Nothing is changed.
        """
        tensors = self._tensors()
        arrays = {name: np.asarray(values) for name, values in state.items()}
        problems = [f"{name} is missing" for name in tensors if name not in arrays]
        problems += [f"{name} is not a weight" for name in arrays if name not in tensors]
        problems += [
            f"{name} has shape {arrays[name].shape}, expected {tensor.shape}"
            for name, tensor in tensors.items()
            if name in arrays and arrays[name].shape != tensor.shape
        ]
        problems += filter(None, [foreign_matrices(self._module, state)])
        if problems:
            raise ValueError(f"the averages do not fit, nothing was loaded: {'; '.join(problems)}")
        self._values.update(
            {name: arrays[name].astype(tensor.dtype) for name, tensor in tensors.items()}
        )

    def _tensors(self) -> dict[str, Tensor]:
        return {**self._weights, **self._buffers}

    def _check_has_values(self) -> None:
        if not self._values:
            raise ValueError("there is no average yet; call update() after optimizer.step()")

    def __repr__(self) -> str:
        count = len(self._weights)
        return f"ExponentialMovingAverage({count} weights, decay={self.decay:g})"
