"""Checks of values, such as labels, that a captured step repeats at every replay.

A Python condition would be evaluated once, while the step is recorded. These checks are calls of
NumPy that raise by themselves; the message is written only then.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from ...arrays import undisguised
from ...leaving import values_of

__all__ = ["all_true", "check_positive", "check_signs", "first_place", "refuse"]


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
