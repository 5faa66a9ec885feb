"""Checks numbers of places: rows to take, places to put elements at, segments to add up.

A captured step repeats the check at every replay.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from ..arrays import as_array, undisguised
from ..leaving import values_of
from .networks.value_checks import first_place, refuse

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
    wrong = (places < 0) | (places >= count)

    def out_of_range() -> ValueError:
        first = first_place(wrong)
        return ValueError(
            f"{name}: {what} {undisguised(places)[first]} at {first}; expected 0..{count - 1}"
        )

    refuse(wrong, out_of_range)
    return places
