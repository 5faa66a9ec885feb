"""Wrong gradients that people derive for layers: normalization, windows, tables of words.

The declarations of these operations list them, and `check_manual` tries them. Nothing else computes
with them. Those of recurrent layers are in `recurrent_mistakes`.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ...facts import Mistake

__all__ = ["OF_EMBEDDING", "OF_NORMS", "OF_WINDOWS"]

Array = NDArray[Any]

# Normalization --------------------------------------------------------------------------------


def _of_norm(
    words: str, kind: str, wrong: Callable[[Array, Array, Array, Callable[..., Array]], Array]
) -> Mistake:
    """Declare a wrong gradient of the input.

    Parameters
    ----------
    words, kind : str
    wrong : callable
        Called with g times the weight, the normalized values, the scale, and the average along
        the axes.
    """

    def rule(g: Array, out: Any, x: Array, weight: Any, bias: Any, axes: Any, eps: float) -> Array:
        def mean(values: Array) -> Array:
            return np.asarray(values.mean(axis=axes, keepdims=True))

        deviation = x - mean(x)
        scale = 1 / np.sqrt(mean(deviation * deviation) + eps)
        ones = np.ones_like(g)
        given = g if kind == "weight forgotten" else g * (ones * weight)
        return wrong(given, deviation * scale, scale, mean)

    return Mistake(kind, words, rule)


def _of_gain(words: str, kind: str, wrong: Callable[..., Array]) -> Mistake:
    """Declare a wrong gradient of the weight, before it is added up."""

    def rule(g: Array, out: Array, x: Array, weight: Any, bias: Any, axes: Any, eps: float) -> Any:
        terms = wrong(g, out, x)
        shape = np.shape(weight)
        kept = (1,) * (terms.ndim - len(shape)) + shape
        summed = tuple(k for k, size in enumerate(kept) if size == 1)
        return terms.sum(axis=summed, keepdims=True).reshape(shape)

    return Mistake(kind, words, rule, 1)


OF_NORMS = (
    _of_norm(
        "mean and variance were taken as constants; both depend on every x that they average",
        "statistics constant",
        lambda g, normal, scale, mean: g * scale,
    ),
    _of_norm(
        "the variance was taken as a constant: the term with x̂ * mean(g * x̂) is missing",
        "statistics constant",
        lambda g, normal, scale, mean: (g - mean(g)) * scale,
    ),
    _of_norm(
        "the mean was taken as a constant: the term with mean(g) is missing",
        "statistics constant",
        lambda g, normal, scale, mean: (g - normal * mean(g * normal)) * scale,
    ),
    _of_norm(
        "the weight γ was forgotten on the way back to x: x̂ gets g * γ",
        "weight forgotten",
        lambda g, normal, scale, mean: (g - mean(g) - normal * mean(g * normal)) * scale,
    ),
    _of_norm(
        "the factor 1 / sqrt(var + eps) was forgotten on the way back to x",
        "factor",
        lambda g, normal, scale, mean: g - mean(g) - normal * mean(g * normal),
    ),
    _of_gain(
        "g alone was added up in the gradient of the weight γ; it is the sum of g * x̂",
        "other operand",
        lambda g, out, x: g,
    ),
    _of_gain(
        "x was taken instead of x̂, the normalized values, in the gradient of the weight γ",
        "other operand",
        lambda g, out, x: g * x,
    ),
    _of_gain(
        "the output was taken instead of x̂, the normalized values, in the gradient of the weight γ",
        "other operand",
        lambda g, out, x: g * out,
    ),
)

# Windows --------------------------------------------------------------------------------------


def _axes_of_windows(g: Array, x: Array) -> tuple[int, int]:
    """Return how many axes come before the windows, and how many they slide along."""
    axes = g.ndim - x.ndim
    return x.ndim - axes, axes


def _pair(value: Any, axes: int) -> tuple[int, ...]:
    return tuple(np.broadcast_to(value, axes).tolist())


def _places_of(
    g: Array, x: Array, stride: Any, dilation: Any
) -> Iterator[tuple[tuple[int, ...], tuple[Any, ...]]]:
    """Yield each element of a window, and where it is in x for all places."""
    before, axes = _axes_of_windows(g, x)
    kernel, places = g.shape[before : before + axes], g.shape[before + axes :]
    steps = list(zip(_pair(dilation, axes), places, _pair(stride, axes), strict=True))
    for index in np.ndindex(*kernel):
        yield (
            index,
            tuple(
                slice(i * d, i * d + (n - 1) * s + 1, s)
                for i, (d, n, s) in zip(index, steps, strict=True)
            ),
        )


def _element(g: Array, before: int, index: tuple[int, ...]) -> Array:
    """Return one element of all windows."""
    place: tuple[Any, ...] = (*(slice(None),) * before, *index)
    return np.asarray(g[place])


def _put_back(turned: bool) -> Callable[..., Array]:
    """Add windows up where they came from, or each in reverse order."""

    def rule(
        g: Array, out: Any, x: Array, kernel: Any, stride: Any = 1, dilation: Any = 1
    ) -> Array:
        before, axes = _axes_of_windows(g, x)
        if turned:
            g = np.flip(g, tuple(range(before, before + axes)))
        found = np.zeros(x.shape)
        for index, places in _places_of(g, x, stride, dilation):
            found[(..., *places)] += _element(g, before, index)
        return found

    return rule


def _overwritten(is_last: bool, skips_zeros: bool) -> Callable[..., Array]:
    """Put windows back with = instead of +=.

    Parameters
    ----------
    is_last : bool
        Whether the last element of the window counts, as in a loop over the kernel; otherwise the
        first one, as in a loop over the places.
    skips_zeros : bool
        Whether only elements with a gradient are written, such as the largest of a window.
    """

    def rule(
        g: Array, out: Any, x: Array, kernel: Any, stride: Any = 1, dilation: Any = 1
    ) -> Array:
        before, _ = _axes_of_windows(g, x)
        found = np.zeros(x.shape)
        order = list(_places_of(g, x, stride, dilation))
        for index, places in order if is_last else order[::-1]:
            given = _element(g, before, index)
            where = (..., *places)
            found[where] = np.where(given != 0, given, found[where]) if skips_zeros else given
        return found

    return rule


_ONLY_THE_LAST = (
    "windows overlap, and only the last one of those that cover an element counts: = instead of +="
)

OF_WINDOWS = (
    Mistake(
        "flipped",
        "each window was put back in reverse order, as with a flipped kernel",
        _put_back(turned=True),
    ),
    *(
        Mistake("not added up", _ONLY_THE_LAST, _overwritten(*options))
        for options in itertools.product((True, False), repeat=2)
    ),
)

# Tables ---------------------------------------------------------------------------------------


def _last_use(g: Array, out: Any, indices: Any, weight: Array) -> Array:
    found = np.zeros(weight.shape)
    found[np.asarray(indices).astype(int)] = g  # NumPy keeps the last of several
    return found


OF_EMBEDDING = (
    Mistake(
        "not added up",
        "a row is taken several times, and only its last gradient was kept: table[indices] += g "
        "does not add up, np.add.at(table, indices, g) does",
        _last_use,
        1,
    ),
)
