"""What comparisons of a Tensor return: plain boolean arrays, as NumPy's own comparisons do.

Nothing is recorded: a comparison has no derivative.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from . import numpy_protocol

if TYPE_CHECKING:
    from .tensor import Tensor

__all__ = ["SameEverywhere", "compared", "equality"]


class SameEverywhere(np.ndarray[Any, Any]):
    """A boolean array that has a truth value where all its elements are the same.

    ``t in ("sum", "mean")`` compares ``t`` with texts, and asks for the truth of the result.
    """

    def __bool__(self) -> bool:
        values = self.ravel().tolist()
        return values[0] if len(set(values)) == 1 else bool(np.asarray(self))

    def __repr__(self) -> str:
        return repr(np.asarray(self))


def compared(ufunc: np.ufunc, left: Any, right: Any) -> NDArray[Any]:
    """Compare element by element."""
    result: NDArray[Any] = numpy_protocol.call_ufunc(ufunc, "__call__", (left, right), {})
    return result


def equality(ufunc: np.ufunc, tensor: Tensor, other: Any) -> NDArray[Any]:
    """Compare element by element; a number differs from everything that is not a number."""
    try:
        return compared(ufunc, tensor, other)
    except TypeError:
        if getattr(np.asarray(other), "dtype", np.dtype(object)).kind in "fiubc":
            raise  # a masked array, for example
        return np.full(tensor.shape, ufunc is np.not_equal).view(SameEverywhere)
