"""What the value of a wrong line shows, where no correction of the line is known.

Each function compares what the line computed with what is right, and looks for one thing: zeros,
a multiple, a transpose, a shift, an updated weight. It returns "" where that is not so.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple, TypeAlias

import numpy as np
from numpy.typing import NDArray

from .search import agrees

__all__ = ["Words", "multiple", "ratio_of", "seen_in"]

Array: TypeAlias = NDArray[Any]

_BELIEVED = 1e-9
_MOST_SHIFT = 2
_MOST_AXES = 4


class Words(NamedTuple):
    """The kind of a mistake, and what was done."""

    kind: str
    told: str


def seen_in(before: Any, right: Any, inputs: Mapping[str, Array]) -> Words | None:
    """Say what a value shows.

    Parameters
    ----------
    before, right : object
        What a line computed, and what is right; only arrays show something.
    inputs : mapping of str to ndarray
        The inputs of the function.

    Examples
    --------
    >>> right = np.array([[1.0, -2.0], [3.0, 5.0]])
    >>> seen_in(-right.T, right, {}).told
    'the sign is flipped, and it is transposed'
    >>> seen_in(0 * right, right, {}).told
    'every element is 0'
    >>> seen_in(right + 1, right, {}) is None
    True
    """
    if not _are_numbers(before, right):
        return None
    before, right = np.asarray(before, np.float64), np.asarray(right, np.float64)
    if not np.isfinite(before).all():
        return Words("formula", "not all elements are finite")
    if not before.any() and right.any():
        return Words("formula", "every element is 0")
    for look in _LOOKS:
        found = look(before, right)
        if found is not None:
            return found
    return _updated(before, right, inputs)


def _are_numbers(*values: Any) -> bool:
    return all(
        isinstance(one, np.ndarray) and one.dtype.kind in "fiub" and one.size > 1 for one in values
    )


def ratio_of(before: Array, right: Array) -> float:
    """Return the factor by which an array is a multiple of another one; 0 if it is not.

    Examples
    --------
    >>> ratio_of(np.array([2.0, 4.0]), np.array([1.0, 2.0]))
    2.0
    """
    if before.shape != right.shape:
        return 0.0
    square = float((right * right).sum())
    ratio = float((before * right).sum()) / square if square else 0.0
    return ratio if ratio and agrees(before, ratio * right, _BELIEVED) else 0.0


def multiple(ratio: float, sizes: Mapping[int, bool]) -> Words:
    """Say that every element is a multiple of the right one.

    Parameters
    ----------
    ratio : float
    sizes : mapping of int to bool
        The sizes of batches, and whether something is averaged over them.

    Examples
    --------
    >>> multiple(8.0, {8: True}).told
    'the mean over 8 was forgotten: it is 8 times too large'
    >>> multiple(0.125, {8: False}).told
    'it is 1/8 of what it should be'
    """
    if abs(ratio + 1) < _BELIEVED:
        return Words("sign", "the sign is flipped")
    whole = abs(ratio) if abs(ratio) >= 1 else 1 / abs(ratio)
    n = round(whole) if abs(whole - round(whole)) < 1e-8 else 0
    told = f"every element is {ratio:.4g} times what it should be"
    if n in sizes and ratio > 0:
        told = f"it is {n} times too large" if ratio > 1 else f"it is 1/{n} of what it should be"
        if sizes[n]:
            done = "forgotten" if ratio > 1 else "taken twice"
            told = f"the mean over {n} was {done}: {told}"
    elif abs(ratio - 2) < _BELIEVED:
        told = "an extra factor of 2"
    elif abs(ratio - 0.5) < _BELIEVED:
        told = "half of what it should be"
    return Words("factor", told)


def _transposed(before: Array, right: Array) -> Words | None:
    if before.ndim != 2 or agrees(before, right, _BELIEVED):
        return None
    ratio = ratio_of(before.T, right)
    if not ratio:
        return None
    if abs(ratio - 1) < _BELIEVED:
        return Words("transposed", "it is transposed")
    if abs(ratio + 1) < _BELIEVED:
        return Words("transposed", "the sign is flipped, and it is transposed")
    return Words("transposed", f"it is transposed, and {ratio:.4g} times what it should be")


def _sign_alone(before: Array, right: Array) -> Words | None:
    """Recognize the gradient of an absolute value, where that of a square was taken."""
    if before.shape != right.shape:
        return None
    sizes, signs = np.abs(right[right != 0]), np.sign(before) * np.sign(right)
    is_of_signs = sizes.size > 3 and bool(np.ptp(sizes) <= _BELIEVED * sizes.max())
    if not is_of_signs or not (np.all(signs[right != 0] > 0) or np.all(signs[right != 0] < 0)):
        return None
    if float(np.ptp(np.abs(before))) <= _BELIEVED * float(np.abs(before).max()):
        return None
    told = "the sign alone is right, because the derivative of an absolute value is the sign"
    return Words("formula", f"{told}; these values have the sign, but another size")


def _shifted(before: Array, right: Array) -> Words | None:
    """Recognize a part that was cut out at the wrong place, such as a padding that was kept."""
    if before.shape != right.shape or not 0 < before.ndim <= _MOST_AXES:
        return None
    steps = range(-_MOST_SHIFT, _MOST_SHIFT + 1)
    for shift in itertools.product(steps, repeat=before.ndim):
        sizes = [n - abs(step) for n, step in zip(before.shape, shift, strict=True)]
        if not any(shift) or min(sizes) < 1 or 3 * np.prod(sizes) < before.size:
            continue
        here = tuple(slice(max(step, 0), n + min(step, 0))
                     for n, step in zip(before.shape, shift, strict=True))  # fmt: skip
        there = tuple(slice(max(-step, 0), n - max(step, 0))
                      for n, step in zip(before.shape, shift, strict=True))  # fmt: skip
        part = before[here]
        if part.size > 3 and np.ptp(part) > 0 and agrees(part, right[there], _BELIEVED):
            moved = ", ".join(f"{step:+d} along axis {axis}"
                              for axis, step in enumerate(shift) if step)  # fmt: skip
            return Words("index", f"the elements are shifted: {moved}")
    return None


def _updated(before: Array, right: Array, inputs: Mapping[str, Array]) -> Words | None:
    """Recognize a weight from which a step was subtracted already."""
    for name, value in inputs.items():
        for array in (value, value.T):
            step = ratio_of(array - before, right) if array.shape == before.shape else 0.0
            if step > 0 and not agrees(before, right, _BELIEVED):
                told = f"this is the updated value, {name} - {step:.4g} times its gradient"
                return Words("updated too early", f"{told}, not the gradient")
    return None


_LOOKS: tuple[Callable[[Array, Array], Words | None], ...] = (_transposed, _sign_alone, _shifted)
