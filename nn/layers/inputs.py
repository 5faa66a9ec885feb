"""What layers share: inputs as tensors, batches of one, and parameters with their first values."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import DTypeLike

from tinygrad_edu import Tensor, reshape

__all__ = ["as_tensor", "in_batch", "new_parameter"]


def as_tensor(x: Any) -> Any:
    """Return a tensor unchanged, and wrap arrays and lists."""
    return x if isinstance(x, Tensor) else Tensor(x)


def in_batch(name: str, x: Any, axes: int, function: Callable[[Any], Any]) -> Any:
    """Call a function of (N, channels, ...); a single (channels, ...) is a batch of one.

    Parameters
    ----------
    name : str
        The layer, for the message.
    x : array_like
        With or without the axis of the batch.
    axes : int
        How many axes follow the channels.
    function : callable
        Called with a batch.

    Raises
    ------
    ValueError
        For any other number of axes.
    """
    x = as_tensor(x)
    if x.ndim == axes + 2:
        return function(x)
    if x.ndim == axes + 1:
        out = function(reshape(x, (1, *x.shape)))
        if isinstance(out, tuple):  # results and where they come from
            return tuple(part.reshape(part.shape[1:]) for part in out)
        return reshape(out, out.shape[1:])
    sizes = ["length", "height, width", "depth, height, width"][axes - 1]
    raise ValueError(
        f"{name}: x of shape {x.shape}; expected (N, channels, {sizes}), or a single one without N"
    )


def new_parameter(values: Any, name: str, dtype: DTypeLike) -> Tensor:
    """Return a parameter.

    Parameters
    ----------
    values : array_like
        Its first values.
    name : str
        Its name in pictures and messages.
    dtype : dtype
        Its dtype.
    """
    return Tensor(np.asarray(values), True, dtype=dtype, name=name)
