"""Decides whether a result of a device agrees with NumPy's, for equal operands.

A device rounds and adds in other orders, so floating-point results may differ in the last digits.
Integers and conditions must be equal. Nothing is run on the device here.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from .recorder import mapped

__all__ = ["TOLERANCES", "disagreement", "size_of_terms"]

TOLERANCES = {2: 1e-2, 4: 1e-5, 8: 1e-12}
"""The relative tolerance of one call, by the size of a real number in bytes."""

# Functions that add products or elements: their error is relative to the sum of the absolute terms.
_ADDING = {np.dot, np.matmul, np.einsum, np.tensordot, np.trace, np.sum, np.mean, np.cumsum}
_ADDING |= {np.vdot, np.outer, np.ndarray.dot, np.ndarray.sum, np.ndarray.mean, np.ndarray.cumsum}
_ADDING |= {np.ndarray.trace}
# Functions whose error is relative to the largest element of the result.
_MIXING = {np.fft.fft, np.fft.ifft, np.fft.rfft, np.fft.irfft, np.linalg.det, np.linalg.slogdet}
_MIXING |= {np.var, np.std, np.ndarray.var, np.ndarray.std}


def size_of_terms(function: Callable[..., Any], inputs: Any, keywords: dict[str, Any]) -> Any:
    """Return what an error of a call is relative to, if it is not the result itself.

    Parameters
    ----------
    function : callable
        Of NumPy.
    inputs, keywords : tuple, dict
        Its arguments.

    Returns
    -------
    numpy.ndarray, str or None
        An array like the result, ``"largest"`` for its largest element, or None for each element.
    """
    owner = getattr(function, "__self__", None)
    name = getattr(function, "__name__", "")
    is_sum = owner is np.add and name in ("reduce", "accumulate", "reduceat")
    if is_sum or function in _ADDING:
        keywords = {key: value for key, value in keywords.items() if key != "out"}
        with np.errstate(all="ignore"):
            return function(*mapped(_absolute, inputs), **keywords)
    is_whole = not isinstance(function, np.ufunc) and "tinygrad_edu" in str(
        getattr(function, "__module__", "")
    )
    return "largest" if is_whole or function in _MIXING else None


def _absolute(value: Any) -> Any:
    is_number = isinstance(value, np.ndarray | np.generic) and value.dtype.kind in "fc"
    return np.abs(value) if is_number else value


def disagreement(found: Any, expected: Any, terms: Any = None) -> str | None:
    """Describe how a result differs from NumPy's; None if they agree.

    Parameters
    ----------
    found : numpy.ndarray
        The result of the device.
    expected : numpy.ndarray
        That of NumPy.
    terms : numpy.ndarray or str, optional
        What the error is relative to, as `size_of_terms` returns it.
    """
    expected = np.asarray(expected)
    if found.dtype != expected.dtype:
        return f"dtype {found.dtype}, expected {expected.dtype}"
    if found.shape != expected.shape:
        return f"shape {found.shape}, expected {expected.shape}"
    if expected.dtype.kind not in "fc" or not expected.size:
        is_other = found != expected
        return _first(is_other, found, expected) if np.any(is_other) else None
    real = np.dtype(f"f{expected.dtype.itemsize // (2 if expected.dtype.kind == 'c' else 1)}")
    wide = np.result_type(expected.dtype, np.float32)  # tolerances of float16 would be rounded
    with np.errstate(all="ignore"):
        size = np.abs(expected.astype(wide))
        if isinstance(terms, str):
            size = np.full_like(size, np.max(size, initial=0, where=np.isfinite(size)))
        elif terms is not None:
            size = np.maximum(size, np.abs(np.asarray(terms).astype(wide)))
        room = TOLERANCES[real.itemsize] * size + np.finfo(real).smallest_normal
        is_near = np.abs(found.astype(wide) - expected.astype(wide)) <= room
    is_same = is_near & np.isfinite(expected) & np.isfinite(found) | (found == expected)
    is_same |= np.isnan(found) & np.isnan(expected)
    return None if is_same.all() else _first(~is_same, found, expected)


def _first(is_other: Any, found: Any, expected: Any) -> str:
    """Show the first element that differs."""
    place = tuple(int(i) for i in np.argwhere(is_other)[0])
    where = f" at {place}" if place else ""
    count = int(np.count_nonzero(is_other))
    more = f", and {count - 1} more" if count > 1 else ""
    return f"{found[place].item()!r}{where}, expected {expected[place].item()!r}{more}"
