"""`r_` and `c_`: joining tensors, arrays and numbers that are written in brackets, as in NumPy.

NumPy's own ``np.r_`` converts what is in its brackets to plain arrays before anything else can see
it, so these two do the same with operations that record.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from .arrays import dtype_of
from .metadata import composed
from .ops.assembling import moved
from .ops.elementwise import astype
from .primitive import as_operand

__all__ = ["c_", "r_"]

_WEAK = (int, float, bool)  # Python numbers, which do not decide on the dtype


def _of_one_dtype(arrays: Sequence[Any]) -> list[Any]:
    """Convert arrays to their common dtype; Python numbers are weak."""
    dtype = np.result_type(*[a if type(a) in _WEAK else dtype_of(a) for a in arrays])
    same = [np.asarray(a, dtype) if type(a) in _WEAK else a for a in arrays]
    return [a if dtype_of(a) == dtype else astype(a, dtype) for a in same]


@composed("arrays")
def _joined(arrays: Any, by: Any) -> Any:
    """Join what stands in the brackets of `r_` and `c_`."""
    parts: list[Any] = []
    for place, entry in enumerate(arrays):
        if isinstance(entry, slice):
            parts.append(by[entry].reshape(-1))
        elif not (isinstance(entry, str) and place == 0):
            parts.append(entry if type(entry) in _WEAK else as_operand("r_", entry))
    directive = [entry for entry in arrays[:1] if isinstance(entry, str)]
    if not parts:
        raise ValueError("r_: nothing to join; expected at least one array")
    return moved(lambda *numbers: np.asarray(by[(*directive, *numbers)]), *_of_one_dtype(parts))


class _Joiner:
    """Joins what is written in brackets, as ``np.r_`` and ``np.c_`` do."""

    def __init__(self, name: str, by: Any) -> None:
        self.__name__, self._by = name, by

    def __getitem__(self, key: Any) -> Any:
        return _joined(list(key) if isinstance(key, tuple) else [key], self._by)

    def __repr__(self) -> str:
        return f"tinygrad_edu.{self.__name__}"


r_ = _Joiner("r_", np.r_)
"""Join tensors, arrays, numbers and slices along the first axis: ``r_[x, 0, 1:3]``.

``np.r_`` itself converts everything to plain arrays, so it refuses tensors that require gradients.
"""

c_ = _Joiner("c_", np.c_)
"""Join tensors and arrays as columns: ``c_[x, y]``."""
