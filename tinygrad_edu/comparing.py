"""The comparison operators of a Tensor: like NumPy's, they return plain boolean arrays.

They record nothing, because a comparison has no derivative.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from . import numpy_protocol

if TYPE_CHECKING:
    from .tensor import Tensor

__all__ = ["SameEverywhere", "attach"]


class SameEverywhere(np.ndarray[Any, Any]):
    """A boolean array that has a truth value if all its elements are equal.

    ``t in ("sum", "mean")`` compares ``t`` with strings and calls `bool` on the result.
    """

    def __bool__(self) -> bool:
        values = self.ravel().tolist()
        return values[0] if len(set(values)) == 1 else bool(np.asarray(self))

    def __repr__(self) -> str:
        return repr(np.asarray(self))


def _compared(ufunc: np.ufunc, tensor: Tensor, other: Any) -> NDArray[Any]:
    """Compare element by element."""
    result: NDArray[Any] = numpy_protocol.call_ufunc(ufunc, "__call__", (tensor, other), {})
    return result


def _equality(ufunc: np.ufunc, tensor: Tensor, other: Any) -> NDArray[Any]:
    """Compare element by element; a number never equals an object that is not a number."""
    try:
        return _compared(ufunc, tensor, other)
    except TypeError:  # for example, NumPy cannot compare numbers with strings
        return np.full(tensor.shape, ufunc is np.not_equal).view(SameEverywhere)


def _contains(tensor: Tensor, value: object) -> bool:
    return bool(np.any(_equality(np.equal, tensor, value)))


def _operator(compare: Callable[..., NDArray[Any]], ufunc: np.ufunc) -> Any:
    def method(self: Tensor, other: Any) -> NDArray[Any]:
        return compare(ufunc, self, other)

    return method


def attach(tensor: type[Tensor]) -> None:
    """Define the comparison operators of a Tensor, and ``value in tensor``."""
    for name, ufunc in {"eq": np.equal, "ne": np.not_equal}.items():
        setattr(tensor, f"__{name}__", _operator(_equality, ufunc))
    order = {"lt": np.less, "le": np.less_equal, "gt": np.greater, "ge": np.greater_equal}
    for name, ufunc in order.items():
        setattr(tensor, f"__{name}__", _operator(_compared, ufunc))
    tensor.__contains__ = _contains
