"""Checks of values, such as of labels and weights: each raises an error that names the first one.

A check reads values, and so a captured step records it as one call, which each replay repeats. The
checks return the array that they have read. Shapes and dtypes are checked without it.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any, TypeVar, cast

import numpy as np

from ..watching import watcher_of_calls

__all__ = ["examination", "first", "numbers_within", "within"]

Function = TypeVar("Function", bound=Callable[..., Any])


def examination(check: Function) -> Function:
    """Decorate a function of arrays that reads values, so that a captured step repeats it.

    It returns an array, or a tuple of arrays; its arrays come first, by position.
    """

    def anew(*arrays: Any, **settings: Any) -> Any:
        found = check(*arrays, **settings)
        # A call that returns its argument has nothing to compute, and is not recorded.
        return np.copy(found) if any(found is array for array in arrays) else found

    @functools.wraps(check)
    def repeated(*arrays: Any, **settings: Any) -> Any:
        watcher = watcher_of_calls()
        if watcher is None:
            return check(*arrays, **settings)
        return watcher.evaluate(anew, *arrays, **settings)

    return cast("Function", repeated)


def first(wrong: Any) -> tuple[int, ...]:
    """Return the index of the first element that is true."""
    return tuple(int(i) for i in np.argwhere(wrong)[0])


@examination
def within(values: Any, *, lowest: float, largest: float = np.inf, message: str) -> Any:
    """Check that numbers are in an interval, ends included; nan is not.

    Parameters
    ----------
    values : array
        Of complex numbers the real parts count: the complex step differentiates through here.
    lowest, largest : float
        The ends.
    message : str
        The error, with ``{value}`` and ``{place}`` of the first number that is outside.
    """
    real = np.real(values)
    wrong = ~((real >= lowest) & (real <= largest))
    if wrong.any():
        place = first(wrong)
        raise ValueError(message.format(value=values[place], place=place))
    return values


def numbers_within(name: str, what: str, numbers: Any, count: int | None) -> Any:
    """Check that whole numbers are 0..count-1, or only 0 or more; return them as indices.

    Raises
    ------
    TypeError
        If they are not integers.
    ValueError
        If one is out of range; the message names the first of them.
    """
    if not numbers.size and numbers.dtype.kind == "f":
        numbers = numbers.astype(np.intp)  # [] has no dtype
    if numbers.dtype.kind not in "iu":
        raise TypeError(
            f"{name}: {what} of dtype {numbers.dtype}; expected integers, use .astype(int)"
        )
    largest = np.inf if count is None else count - 1
    end = "" if count is None else count - 1
    message = f"{name}: {what} {{value}} at {{place}}; expected 0..{end}"
    return within(numbers, lowest=0, largest=largest, message=message).astype(np.intp)
