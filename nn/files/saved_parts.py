"""Checks the parts of a saved network that are not arrays of a layer: names, numbers, history.

Each function returns the part in its one form, or raises an error that names the part. It knows
nothing of the network; `saved_network` compares the lengths.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable
from typing import Any

import numpy as np
from numpy.typing import NDArray

__all__ = [
    "MOST_HISTORY_NUMBERS",
    "checked_choice",
    "checked_history",
    "checked_names",
    "checked_number",
    "checked_numbers",
    "checked_ranges",
    "checked_values",
]

# The limit on names: a file with more could not be written, see `native`.
_MOST_CHARACTERS = 32 * 1024**2

MOST_HISTORY_NUMBERS = 250_000
"""The numbers of a history that are kept, as objects of Python they take 10 MiB."""


def checked_choice(argument: str, choice: Any, choices: tuple[str, ...]) -> str:
    """Check that a text is one of the known ones.

    Parameters
    ----------
    argument : str
        Its name in the error.
    choice : str
        The text.
    choices : tuple of str
        The known ones.
    """
    if choice not in choices:
        raise ValueError(f"{argument} is {str(choice)[:40]!r}, expected one of {list(choices)}")
    return str(choice)


def checked_number(argument: str, number: Any, what: str, least: float, below: float) -> float:
    """Check that a number is in a range.

    Parameters
    ----------
    argument, number
        Its name in the error, and the number.
    what : str
        The range in words.
    least, below : float
        The range, which includes `least` and excludes `below`.
    """
    found = float(number)
    if not least <= found < below:  # NaN compares false with everything
        raise ValueError(f"{argument} is {found}, expected {what}")
    return found


def checked_names(argument: str, names: Any) -> tuple[str, ...]:
    """Check that names are of type str and all different."""
    if isinstance(names, str) or not isinstance(names, Iterable):
        raise TypeError(f"{argument} is {str(names)[:40]!r}; expected a list of names")
    checked = tuple(names)
    for index, name in enumerate(checked):
        if not isinstance(name, str):
            raise TypeError(f"{argument}[{index}] is a {type(name).__name__}, expected a str")
    if len(set(checked)) < len(checked):
        twice = Counter(checked).most_common(1)[0][0]
        raise ValueError(f"{argument} holds {twice[:40]!r} twice; names must differ")
    _require_short(argument, sum(map(len, checked)))
    return checked


def checked_values(argument: str, values: Any) -> tuple[tuple[str, ...], ...]:
    """Check the values of the columns of text; a column of numbers has none."""
    if isinstance(values, str) or not isinstance(values, Iterable):
        raise TypeError(f"{argument} is {str(values)[:40]!r}; expected a list of lists of texts")
    checked = tuple(
        checked_names(f"{argument}[{index}]", column) for index, column in enumerate(values)
    )
    _require_short(argument, sum(len(value) for column in checked for value in column))
    return checked


def _require_short(argument: str, length: int) -> None:
    if length > _MOST_CHARACTERS:
        raise ValueError(
            f"{argument} has {length} characters in all, the limit is {_MOST_CHARACTERS}; "
            "shorten the names"
        )


def checked_numbers(
    argument: str, numbers: Any, count: int, *, positive: bool = False, nan: bool = False
) -> NDArray[np.float64]:
    """Check that there are as many finite numbers as expected.

    Parameters
    ----------
    argument, numbers
        Their name in the error, and the numbers.
    count : int
        How many are expected.
    positive : bool
        Whether all must be above 0.
    nan : bool
        Whether NaN has a meaning there.
    """
    try:
        checked = np.array(numbers, dtype=np.float64, order="C")
    except (TypeError, ValueError):
        raise ValueError(f"{argument} cannot be converted to numbers") from None
    if checked.shape != (count,):
        raise ValueError(f"{argument} has shape {checked.shape}, expected {(count,)}")
    fits = np.isfinite(checked) | (nan & np.isnan(checked))
    if positive:
        fits &= checked > 0
    if not fits.all():
        index = int(fits.argmin())
        what = "a positive number" if positive else "a finite number" + " or NaN" * nan
        raise ValueError(f"{argument}[{index}] is {checked[index]}, expected {what}")
    return checked


def checked_ranges(ranges: Any, features: int) -> NDArray[np.float64]:
    """Check that there is one pair for each feature, the smaller number first."""
    try:
        checked = np.array(ranges, dtype=np.float64, order="C")
    except (TypeError, ValueError):
        raise ValueError(
            "feature_ranges cannot be converted to numbers; expected a smallest and a largest "
            "value for each feature"
        ) from None
    if checked.shape != (features, 2):
        raise ValueError(
            f"feature_ranges has shape {checked.shape}, expected {(features, 2)}: smallest and "
            "largest value of each feature"
        )
    # NaN compares false with everything.
    wrong = ~(np.isfinite(checked).all(axis=1) & (checked[:, 0] <= checked[:, 1]))
    if wrong.any():
        index = int(wrong.argmax())
        raise ValueError(
            f"feature_ranges[{index}] is {checked[index].tolist()}, expected two finite numbers, "
            "the smaller one first"
        )
    return checked


def _number_or_none(number: Any) -> float | None:
    """Return a float; None for NaN too, for the text of a file has one word for both."""
    return None if number is None or math.isnan(number) else float(number)


def checked_history(history: Any, columns: tuple[str, ...]) -> tuple[tuple[float | None, ...], ...]:
    """Check that each row has a number or None for each column; thin a long history.

    A history of more than `MOST_HISTORY_NUMBERS` keeps every second (third, ...) row and the last.
    """
    if not columns:
        raise ValueError("history_columns is empty, expected the names of the numbers of an epoch")
    rows = []
    for index, row in enumerate(history):
        if len(row) != len(columns):
            raise ValueError(
                f"history[{index}] has {len(row)} numbers, history_columns names {len(columns)}"
            )
        try:
            rows.append(tuple(map(_number_or_none, row)))
        except (TypeError, ValueError):
            raise ValueError(f"history[{index}] holds something that is not a number") from None
    most = max(MOST_HISTORY_NUMBERS // len(columns), 2)
    if len(rows) > most:
        step = math.ceil((len(rows) - 1) / (most - 1))
        rows = [*rows[:-1:step], rows[-1]]
    return tuple(rows)
