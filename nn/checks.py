"""Checks of arguments that several parts of `nn` share; each error says what to do."""

from __future__ import annotations

import difflib
import inspect
import os
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

__all__ = [
    "check_count",
    "check_features",
    "check_number",
    "check_positive_number",
    "check_scale",
    "check_seed",
    "refuse_unknown_arguments",
]


def check_count(name: str, value: Any) -> None:
    """Check that a setting is a whole number of at least 1."""
    if isinstance(value, bool | np.bool) or not isinstance(value, int | np.integer):
        raise TypeError(f"{name} must be an int, got {value!r} ({type(value).__name__})")
    if value < 1:
        raise ValueError(f"{name} must be >= 1, got {value}")


def check_number(
    name: str,
    value: Any,
    *,
    above: float | None = None,
    least: float | None = None,
    below: float | None = None,
) -> None:
    """Check that a setting is a finite number in its range."""
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


def check_scale(scale: Any, dtype: np.dtype[Any]) -> float:
    """Check what features are divided by: above 0, also in the dtype of the network."""
    check_positive_number("scale", scale)
    with np.errstate(all="ignore"):
        converted = np.array(scale).astype(dtype)
    if not np.isfinite(converted) or converted == 0:
        raise ValueError(f"scale {scale} is {converted} in {dtype}; choose one nearer to 1")
    return float(scale)


def check_seed(seed: Any) -> int | None:
    """Check a seed: a whole number from 0 on, or None for a different run each time."""
    if seed is None:
        return None
    if isinstance(seed, bool) or not isinstance(seed, int | np.integer):
        raise TypeError(f"seed must be an int or None, got {seed!r} ({type(seed).__name__})")
    if seed < 0:
        raise ValueError(f"seed must be >= 0, got {seed}")
    return int(seed)


def refuse_unknown_arguments(
    unknown: Mapping[str, Any],
    function: Callable[..., Any],
    maker: type,
    synonyms: Mapping[str, str],
) -> None:
    """Refuse keyword arguments that a function does not have, with a hint where one is close.

    Parameters
    ----------
    unknown : mapping of str to object
        What was given and is not known.
    function : callable
        Who got it; named in the message.
    maker : type
        The class whose arguments may have been meant.
    synonyms : mapping of str to str
        What other libraries call the arguments.

    Raises
    ------
    TypeError
        If there is one.
    """
    known = [name for name in inspect.signature(function).parameters if name != "unknown"]
    for name in unknown:
        close = difflib.get_close_matches(synonyms.get(name, name), known, 1, cutoff=0.8)
        if close:
            hint = f"did you mean {close[0]!r}?"
        elif name in inspect.signature(maker).parameters:
            hint = f"pass it to {maker.__name__}(...)"
        else:
            hint = f"it takes {', '.join(known)}"
        raise TypeError(
            f"{function.__name__}() got an unexpected keyword argument {name!r}; {hint}"
        )


def check_features(x: Any, features: int, dtype: np.dtype[Any]) -> NDArray[Any]:
    """Check the samples that a network is asked about.

    Parameters
    ----------
    x : array_like, shape (N, features)
        The samples; N may be 0.
    features : int
        How many the network takes.
    dtype : dtype
        What to convert them to.

    Raises
    ------
    TypeError
        For sparse matrices, paths, complex numbers, text and other objects.
    ValueError
        For another shape, and for NaN or inf; the first bad row is named.
    """
    if hasattr(x, "toarray") or hasattr(x, "todense"):
        raise TypeError(f"X is a sparse {type(x).__name__}; pass X.toarray()")
    if isinstance(x, str | bytes | os.PathLike):
        raise TypeError(
            f"X is the path {os.fsdecode(x)[:80]!r}, expected features; pass "
            "pandas.read_csv(path, skipinitialspace=True), whose columns are matched by name"
        )
    array = np.asarray(x)
    if array.dtype.kind == "c":
        raise TypeError("X is complex; a network takes real numbers")
    if array.dtype.kind not in "fiub":
        raise TypeError(
            f"X has dtype {array.dtype}, expected numbers; numpy.array(X, dtype=float) converts "
            "texts and objects that are numbers"
        )
    if array.ndim != 2:
        raise ValueError(
            f"X has shape {array.shape}, expected (N, {features}). Reshape your data: "
            "X.reshape(1, -1) for one sample"
        )
    if array.shape[1] != features:
        raise ValueError(f"X has {array.shape[1]} features, expected {features}")
    with np.errstate(over="ignore"):
        converted = array.astype(dtype)
    wrong = ~np.isfinite(converted)
    if wrong.any():
        row, column = (int(i) for i in np.argwhere(wrong)[0])
        found = array[row, column]
        what = "NaN" if np.isnan(found) else "inf" if np.isinf(found) else f"{found:g}"
        expected = "finite numbers" if not np.isfinite(found) else f"numbers that {dtype} can hold"
        raise ValueError(f"X has {what} in row {row}, column {column}; expected {expected}")
    return converted
