"""Compares a value with the right one, and says in one line how it differs.

Only what the numbers show is said here: a shape, a constant factor, an element. Which mistake it
looks like is the work of `diagnosing`.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from tinygrad_edu.drawing.verdicts import judge
from tinygrad_edu.texts import number_text, shape_text

__all__ = ["NEARLY_RIGHT", "difference"]

NEARLY_RIGHT = "digits only: round-off, or a numerical derivative"
"""How the words end for numbers that are right, but not as exactly as they should be."""

_ROUND_OFF = 1e-12  # absolute, for values whose terms cancel
_BELIEVED = 1e-9
_NEARLY = 1e-8  # of the largest element: too near for another formula
_LARGEST_FACTOR = 100  # larger whole factors are chance


def difference(value: Any, right: Any, inputs: Mapping[str, Any] | None = None) -> str:
    """Say how a value differs from the right one.

    Parameters
    ----------
    value : object
        What the learner computed.
    right : array_like
    inputs : mapping of str to array, optional
        Their sizes are tried as factors.

    Returns
    -------
    str
        Empty if it is right, up to round-off.

    Examples
    --------
    >>> difference([2.0, 4.0], [1.0, 2.0])
    'every element is 2 times what it should be'
    >>> difference(1.0, 1.0)
    ''
    >>> difference(1 + 5e-10, 1.0)
    'right to about 9 digits only: round-off, or a numerical derivative'
    """
    right = np.asarray(right)
    if value is None or value is ...:
        return f"found {value!r}, expected numbers of shape {shape_text(right.shape)}"
    try:
        found = np.asarray(value)
        if found.dtype.kind not in "biuf":
            raise TypeError
    except (TypeError, ValueError):
        return (
            f"found a {type(value).__name__}, expected numbers of shape {shape_text(right.shape)}"
        )
    if found.shape != right.shape:
        words = f"found shape {shape_text(found.shape)}, expected {shape_text(right.shape)}"
        if found.T.shape == right.shape and found.ndim > 1 and _same(found.T, right):
            words += "; these are the right numbers, transposed"
        elif found.size == right.size and _same(found.reshape(right.shape), right):
            words += "; the numbers are right"
        return words
    if found.dtype.kind == "f" and found.dtype.itemsize < 8 and _nearly(found, right):
        return f"these are the right numbers in {found.dtype}; compute in float64, as NumPy does"
    verdict = judge(found, right, _ROUND_OFF)
    return "" if verdict.agree else _in_words(found, right, verdict.index, inputs or {})


def _nearly(found: Any, right: Any) -> bool:
    """Whether numbers are right to the precision of their own dtype."""
    room = 64 * float(np.finfo(found.dtype).eps) * float(np.abs(right).max(initial=0.0))
    return bool(np.abs(found - right).max(initial=0.0) <= room)


def _same(found: Any, right: Any) -> bool:
    return bool(judge(found, right, _ROUND_OFF).agree)


def _in_words(found: Any, right: Any, index: tuple[int, ...], inputs: Mapping[str, Any]) -> str:
    if not np.isfinite(found).all() and np.isfinite(right).all():
        return "it contains numbers that are not finite"
    if not found.any():
        return "it is zero everywhere, and should not be"
    square = found.ndim == 2 and found.shape[0] == found.shape[1] > 1
    if square and _same(found.T, right):
        return "these are the right numbers, transposed"
    apart = np.abs(found - right).max() / np.abs(right).max() if right.any() else 1.0
    if apart < _NEARLY:
        return f"right to about {-np.log10(apart):.0f} {NEARLY_RIGHT}"
    ratio = _ratio(found, right)
    if ratio is not None and (words := _factor_in_words(ratio, inputs, right.size)):
        return words
    place = f"at [{', '.join(map(str, index))}] " if index else ""
    count = int((~np.isclose(found, right, rtol=_BELIEVED, atol=_ROUND_OFF)).sum())
    share = f" ({count} of {right.size} elements differ)" if right.size > 1 else ""
    texts = number_text(found[index]), number_text(right[index])
    if texts[0] == texts[1]:
        texts = repr(float(found[index])), repr(float(right[index]))
    return f"{place}found {texts[0]}, expected {texts[1]}{share}"


def _ratio(found: Any, right: Any) -> float | None:
    """Return the factor between two arrays, if it is one factor and not 1."""
    largest = np.unravel_index(int(np.abs(right).argmax()), right.shape)
    if not right[largest]:
        return None
    ratio = float(found[largest] / right[largest])
    scale = np.abs(found).max()
    return ratio if np.abs(found - ratio * right).max() <= _BELIEVED * scale else None


def _factor_in_words(ratio: float, inputs: Mapping[str, Any], elements: int) -> str:
    """Say that everything is multiplied by one number; empty if that says nothing."""
    sign = "with its sign flipped, " if ratio < 0 else ""
    subject = "every element is" if elements > 1 else "it is"
    size = abs(ratio)
    if abs(size - 1) < _BELIEVED:
        return "the sign is flipped" if ratio < 0 else ""
    for factor, words in ((size, "{} times"), (1 / size, "1/{} of")):
        if abs(factor - round(factor)) < _BELIEVED * factor and round(factor) < _LARGEST_FACTOR:
            number = round(factor)
            rows = {len(one) for one in inputs.values() if getattr(one, "ndim", 0) > 1}
            hint = f" ({number} is the number of rows)" if number in rows else ""
            return f"{sign}{subject} {words.format(number)} what it should be{hint}"
    if elements == 1:
        return ""  # any two numbers have some factor between them
    return f"{sign}{subject} {number_text(size)} times what it should be"
