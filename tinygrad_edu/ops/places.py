"""Checks numbers of places: rows to take, places to put elements at, segments to add up.

It uses one of NumPy's functions, so that a captured step checks the numbers of every replay.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from ..arrays import as_array
from ..leaving import values_of

__all__ = ["as_places"]


def as_places(name: str, what: str, numbers: Any, count: int) -> Any:
    """Return numbers as an array of integers that are within 0..count-1.

    Parameters
    ----------
    name, what : str
        The operation and what is numbered, for the message.
    numbers : array_like of int
        The numbers.
    count : int
        How many places there are.

    Raises
    ------
    TypeError
        If they are not integers.
    ValueError
        If one is out of range; the message names the first of them.
    """
    places = as_array(values_of(numbers))
    if not places.size:  # an empty list has no integers
        return places.astype(np.intp)
    if places.dtype.kind not in "iu":
        raise TypeError(
            f"{name}: {what} of dtype {places.dtype}; expected integers, use .astype(int)"
        )
    places = places.astype(np.intp, copy=False)
    try:
        return as_array(np.ravel_multi_index((places,), (count,)))
    except ValueError:
        first = tuple(int(i) for i in np.argwhere((places < 0) | (places >= count))[0])
        raise ValueError(
            f"{name}: {what} {places[first]} at {first}; expected 0..{count - 1}"
        ) from None
