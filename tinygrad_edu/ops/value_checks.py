"""Checks of values, such as labels and numbers of rows, that a captured step repeats in a replay.

A Python condition would be evaluated once, while the step is recorded. These checks are calls of
NumPy that raise by themselves; the message is written only then.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from ..arrays import as_array, undisguised
from ..leaving import values_of

__all__ = [
    "WIDE",
    "addressable",
    "all_true",
    "as_places",
    "check_positive",
    "check_signs",
    "first_place",
    "refuse",
]


WIDE = {dtype for dtype in map(np.dtype, ("i8", "u8")) if not np.can_cast(dtype, np.intp)}
"""Dtypes of integers that NumPy shortens to its indices, without a word: int64 too, on 32 bits."""


def refuse(wrong: Any, error: Callable[[], Exception]) -> None:
    """Raise an error if an element of a condition is true.

    Parameters
    ----------
    wrong : array of bool
    error : callable
        Makes the error; it reads values with `undisguised` and `first_place`.
    """
    try:
        np.ravel_multi_index((wrong.astype(np.intp),), (1,))
    except ValueError:
        raise error() from None


def first_place(wrong: Any) -> tuple[int, ...]:
    """Return the index of the first element that is true."""
    return tuple(int(i) for i in np.argwhere(undisguised(wrong))[0])


def all_true(condition: Any) -> bool:
    """Whether a condition is true everywhere; False while a step is recorded.

    What is left out then must be without effect, such as a factor of 1.
    """
    return undisguised(condition) is condition and bool(np.all(condition))


def addressable(index: Any) -> Any:
    """Return an array of indices; raise an IndexError if NumPy would take another element for one.

    With indices of 32 bits, as in WebAssembly, NumPy takes ``x[1]`` for ``x[[2**32 + 1]]``.
    """
    if getattr(index, "dtype", None) not in WIDE or not (index.shape and index.size):
        return index
    limits = np.iinfo(np.intp)
    wrong = (index > limits.max) | (index < limits.min)

    def error() -> IndexError:
        place = first_place(wrong)
        return IndexError(
            f"index {undisguised(index)[place]} at {place}; the largest of this system is "
            f"{limits.max}"
        )

    refuse(wrong, error)
    return index


def check_positive(name: str, what: str, numbers: Any, expected: str) -> None:
    """Raise an error if a number, or one of an array or a tensor, is not greater than 0."""
    values = values_of(numbers)
    wrong = ~(np.real(values) > 0)

    def error() -> ValueError:
        number = undisguised(values)[first_place(wrong)]
        return ValueError(f"{name}: {what} is {number}; expected {expected}")

    refuse(wrong, error)


def check_signs(name: str, targets: Any) -> None:
    """Raise an error if a target is another number than -1 or 1; the message names the first."""
    values = values_of(targets)
    wrong = ~np.isin(np.real(values), (-1, 1))

    def error() -> ValueError:
        place = first_place(wrong)
        return ValueError(
            f"{name}: target {undisguised(values)[place]} at {place}; targets are -1 or 1, "
            "use 2 * targets - 1 for 0 and 1"
        )

    refuse(wrong, error)


def as_places(name: str, what: str, numbers: Any, count: int | None) -> Any:
    """Return numbers of rows, places or classes as an array of integers within 0..count-1.

    Parameters
    ----------
    name, what : str
        The operation and what is numbered, for the message.
    numbers : array_like of int
        The numbers.
    count : int or None
        How many places there are; None for any number.

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
    wrong = places < 0
    if count is not None:
        wrong = wrong | (places >= count)
    elif places.dtype in WIDE:
        wrong = wrong | (places > np.iinfo(np.intp).max)

    def out_of_range() -> ValueError:
        first, end = first_place(wrong), "" if count is None else count - 1
        found = undisguised(places)[first]
        return ValueError(f"{name}: {what} {found} at {first}; expected 0..{end}")

    refuse(wrong, out_of_range)
    return places.astype(np.intp, copy=False)
