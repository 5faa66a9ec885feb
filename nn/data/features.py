"""Checks of samples that are passed to a network as arrays. Files are read in `csv`."""

from __future__ import annotations

import os
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..checks import check_positive_number

__all__ = ["check_features", "check_scale"]


def check_scale(scale: Any, dtype: np.dtype[Any]) -> float:
    """Check the divisor of the features: above 0, also in the dtype of the network."""
    check_positive_number("scale", scale)
    with np.errstate(all="ignore"):
        converted = np.array(scale).astype(dtype)
    if not np.isfinite(converted) or converted == 0:
        raise ValueError(f"scale {scale} is {converted} in {dtype}; choose one nearer to 1")
    return float(scale)


def check_features(
    x: Any, features: int, dtype: np.dtype[Any], *, allow_missing: bool = False
) -> NDArray[Any]:
    """Check the samples for a prediction, and convert them.

    Parameters
    ----------
    x : array_like, shape (N, features)
        The samples; N may be 0.
    features : int
        The number of features of the network.
    dtype : dtype
        The dtype of the result.
    allow_missing : bool
        Whether NaN is accepted, for a missing value that the model fills in.

    Raises
    ------
    TypeError
        For sparse matrices, paths, complex numbers, text and other objects.
    ValueError
        For another shape, and for NaN or inf; the error names the first bad row.
    """
    array = _numbers(x)
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
    if allow_missing:
        wrong &= ~np.isnan(converted)
    if wrong.any():
        row, column = (int(i) for i in np.argwhere(wrong)[0])
        found = array[row, column]
        what = "NaN" if np.isnan(found) else "inf" if np.isinf(found) else f"{found:g}"
        expected = "finite numbers" if not np.isfinite(found) else f"numbers that {dtype} can hold"
        raise ValueError(f"X has {what} in row {row}, column {column}; expected {expected}")
    return converted


def _numbers(x: Any) -> NDArray[Any]:
    """Return an array of real numbers; other inputs raise an error that says what to pass."""
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
    return array
