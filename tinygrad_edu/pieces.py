"""The cotangent of a piece of a tensor, such as ``x[:, t]``: zeros except at an index.

The pieces of one tensor meet in one array: without that, T slices would make T arrays of its size.
`autodiff.py` decides when.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from .ops.indexing import put_at

__all__ = ["Piece"]


@dataclass(slots=True, eq=False)
class Piece:
    """The contribution of an operation that took a piece of its input.

    Attributes
    ----------
    values : numpy.ndarray
        The elements at the index.
    index : object
        Slices and whole numbers, which take each element at most once.
    shape : tuple of int
        The shape of the input.
    """

    values: Any
    index: Any
    shape: tuple[int, ...]

    def whole(self) -> Any:
        """Return it as a new array, with zeros elsewhere."""
        return put_at.primitive.forward(self.values, self.index, self.shape)

    def added_to(self, total: Any) -> Any:
        """Add it to an array, in place."""
        parts = self.index if isinstance(self.index, tuple) else (self.index,)
        has_ellipsis = any(part is Ellipsis for part in parts)
        place = total[parts if has_ellipsis else (*parts, ...)]  # a view, also of one element
        np.add(place, self.values, out=place)
        return total
