"""Checks of arguments that several parts of `nn` share.

Checks of data and of model files are where those are read.
"""

from __future__ import annotations

from typing import Any

import numpy as np

__all__ = [
    "check_count",
    "check_flag",
    "check_number",
    "check_positive_number",
    "check_probability",
    "check_seed",
]


def check_count(name: str, value: Any) -> None:
    """Check that a setting is an integer of at least 1."""
    if isinstance(value, bool | np.bool) or not isinstance(value, int | np.integer):
        raise TypeError(f"{name} must be an int, got {value!r} ({type(value).__name__})")
    if value < 1:
        raise ValueError(f"{name} must be >= 1, got {value}")


def check_flag(name: str, value: Any) -> None:
    """Check that a setting is True or False."""
    if not isinstance(value, bool | np.bool):
        raise TypeError(f"{name} must be True or False, got {value!r} ({type(value).__name__})")


def check_number(
    name: str,
    value: Any,
    *,
    above: float | None = None,
    least: float | None = None,
    below: float | None = None,
) -> None:
    """Check that a setting is a finite number in its range.

    Parameters
    ----------
    name : str
        The name of the setting, for the message.
    value : object
        What the caller passed.
    above, least, below : float, optional
        The limits: ``above < value``, ``least <= value`` and ``value < below``.

    Raises
    ------
    TypeError, ValueError
        If it is not a number, or out of range.
    """
    if isinstance(value, bool | np.bool) or not isinstance(value, int | float | np.number):
        raise TypeError(f"{name} must be a number, got {value!r} ({type(value).__name__})")
    try:
        is_finite = np.isfinite(float(value))
    except OverflowError:  # a Python int can be larger than any float
        is_finite = False
    if not is_finite:
        raise ValueError(f"{name} must be finite, got {str(value)[:40]}")
    if above is not None and not value > above:
        raise ValueError(f"{name} must be > {above:g}, got {value}")
    if least is not None and not value >= least:
        raise ValueError(f"{name} must be >= {least:g}, got {value}")
    if below is not None and not value < below:
        raise ValueError(f"{name} must be < {below:g}, got {value}")


def check_positive_number(name: str, value: Any) -> None:
    """Check that a setting is a finite number above 0."""
    check_number(name, value, above=0.0)


def check_probability(name: str, value: Any) -> None:
    """Check that a setting is a number in 0..1."""
    check_number(name, value, least=0.0)
    if value > 1:
        raise ValueError(f"{name} must be a probability, 0..1, got {value}")


def check_seed(seed: Any) -> int | None:
    """Check a seed: an integer of at least 0, or None for a different run each time."""
    if seed is None:
        return None
    if isinstance(seed, bool) or not isinstance(seed, int | np.integer):
        raise TypeError(f"seed must be an int or None, got {seed!r} ({type(seed).__name__})")
    if seed < 0:
        raise ValueError(f"seed must be >= 0, got {seed}")
    return int(seed)
