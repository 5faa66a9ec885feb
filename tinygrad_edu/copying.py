"""Copies and pickles leaf tensors, including the attributes that a subclass adds.

`copy`, `deepcopy` and `pickle` call it. Computed tensors are not copied: `Tensor` refuses that.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from .tensor import Tensor

__all__ = ["added_state", "rebuild", "recipe"]


def recipe(tensor: Tensor) -> tuple[Any, ...]:
    """Return the result of `Tensor.__reduce__`: a function, its arguments, and further state."""
    values = np.array(tensor._data), tensor._requires_grad, tensor.name, tensor._grad
    return rebuild, (*values, type(tensor)), tensor.__getstate__()


def added_state(tensor: Tensor) -> Any:
    """Return the attributes that a subclass adds, from its dictionary and its slots."""
    state: Any = object.__getstate__(tensor)
    attributes, slots = state
    added = {name: value for name, value in slots.items() if name not in Tensor.__slots__}
    return (attributes, added) if attributes or added else None


def rebuild(
    data: NDArray[Any],
    requires_grad: bool | None,
    name: str | None,
    grad: NDArray[Any] | None,
    kind: type[Tensor] = Tensor,
) -> Tensor:
    """Rebuild a leaf, without calling the constructor of a subclass.

    Parameters
    ----------
    data : numpy.ndarray
        The values.
    requires_grad : bool or None
        As for `Tensor`; None for a parameter that is frozen.
    name : str or None
        As for `Tensor`.
    grad : numpy.ndarray or None
        The gradient.
    kind : type
        `Tensor`, or a subclass of it.
    """
    tensor = object.__new__(kind)
    Tensor.__init__(tensor, data, bool(requires_grad), name=name, copy=False)
    tensor._requires_grad = requires_grad
    tensor.grad = grad
    return tensor
