"""Checks what a report is made of: probabilities, names of classes, targets, weights of samples.

An error names the first bad row, counted from 1.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

__all__ = ["checked_names", "checked_numbers", "checked_probabilities", "checked_weights"]

_ROUNDING = 1e-2
"""How far probabilities may be out of range, and their sum from 1, as those of float16 are."""

_LARGEST = 1e300
"""Sums and differences of larger numbers would not be finite."""


def checked_probabilities(values: ArrayLike) -> NDArray[Any]:
    """Return probabilities as an array of floats, shape (N, classes); each row adds up to 1."""
    p = np.asarray(values)
    if p.dtype.kind not in "fiub":
        raise TypeError(f"probabilities of dtype {p.dtype}; expected numbers from 0 to 1")
    p = p if p.dtype.kind == "f" else p.astype(np.float64)
    if p.ndim != 2 or p.shape[1] < 2 or not len(p):
        is_single = p.ndim == 1 or p.shape[1:] == (1,)
        hint = "; for a single output p, pass np.column_stack([1 - p, p])" if is_single else ""
        raise ValueError(
            f"probabilities of shape {p.shape}; expected (N, classes), at least one row and two "
            f"classes{hint}"
        )
    inside = (p >= -_ROUNDING) & (p <= 1 + _ROUNDING)  # NaN is not
    outside = ~inside.all(axis=1)
    if outside.any():
        row = int(outside.argmax())
        raise ValueError(
            f"row {row + 1} has the probability {p[row][~inside[row]][0]:.6g}; expected 0..1, as "
            "predict_proba returns (logits have to go through a softmax first)"
        )
    sums = p.sum(axis=1, dtype=np.float64)
    off = np.abs(sums - 1) > _ROUNDING
    if off.any():
        row = int(off.argmax())
        raise ValueError(
            f"the probabilities of row {row + 1} add up to {sums[row]:.6g}; expected 1 (divide "
            "each row by its sum)"
        )
    return np.asarray(np.clip(p, 0, 1))


def checked_names(names: Sequence[str] | None, classes: int) -> tuple[str, ...]:
    """Return a name for each class: numbers by default."""
    if names is None:
        return tuple(map(str, range(classes)))
    if isinstance(names, str):
        raise TypeError(f"class_names must be a list of names, got the text {names!r}")
    found = tuple(map(str, names))
    if len(found) != classes:
        raise ValueError(f"{len(found)} class_names for {classes} classes; expected one for each")
    seen: set[str] = set()
    for name in found:
        if name in seen:
            raise ValueError(f"class_names has {name!r} twice; expected different names")
        seen.add(name)
    return found


def checked_weights(weights: ArrayLike | None, rows: int) -> NDArray[np.float64] | None:
    """Return the weights of the samples, or None where each sample counts once."""
    if weights is None:
        return None
    found = checked_numbers("sample_weight", weights, rows)
    if (found < 0).any():
        row = int((found < 0).argmax())
        raise ValueError(f"sample_weight of row {row + 1} is {found[row]:g}; expected 0 or more")
    if not found.any():
        raise ValueError("sample_weight is 0 for every row; expected at least one above 0")
    return found


def checked_numbers(name: str, values: ArrayLike, rows: int | None = None) -> NDArray[np.float64]:
    """Return finite numbers as an array of float64, shape (N,).

    Parameters
    ----------
    name : str
        Their name in messages.
    values : array_like, shape (N,) or (N, 1)
        The numbers.
    rows : int, optional
        How many there must be.
    """
    found = np.asarray(values)
    if found.dtype.kind not in "fiub":
        raise TypeError(f"{name} of dtype {found.dtype}; expected numbers")
    if found.ndim == 2 and found.shape[1] == 1:
        found = found[:, 0]
    if found.ndim != 1 or not len(found) or (rows is not None and len(found) != rows):
        expected = "(N,)" if rows is None else f"({rows},)"
        raise ValueError(f"{name} of shape {found.shape}; expected {expected}, one for each row")
    found = found.astype(np.float64)
    bad = ~(np.abs(found) <= _LARGEST)  # also NaN
    if bad.any():
        row = int(bad.argmax())
        raise ValueError(
            f"{name} of row {row + 1} is {found[row]}; expected a finite number, up to {_LARGEST:g}"
        )
    return found
