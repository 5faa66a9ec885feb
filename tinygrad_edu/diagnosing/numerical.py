"""Measures gradients by central differences, and says whether they confirm the automatic ones.

Elements are measured one by one, a sample if there are many. Then one slope along all elements of
an input shows whether another element differs, which bisection finds.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from ..kinks import Sides
from ..probing import draw_apart
from ..slopes import (
    CONFIRMED,
    DIFFERENCE_STEP,
    Finding,
    Slope,
    finding,
    measured_slope,
)
from ..tensor import Tensor

__all__ = ["Measured", "Probe"]

Array = NDArray[Any]

_WORST_FIRST = ("differs", "undecided", "agrees")


@dataclass(frozen=True, slots=True, eq=False)
class Measured:
    """What was measured of one gradient.

    Attributes
    ----------
    numerical : ndarray
        NaN where nothing was measured.
    error : float or None
        The largest difference from the automatic gradient; None if nothing was measured.
    kinks : int
        How many elements lie at a kink.
    finding : str
        ``"agrees"``, ``"differs"``, ``"undecided"``, or ``""`` if nothing was measured.
    index : tuple of int
        Where it differs, or where it is least certain.
    uncertainty : float
        The uncertainty of the slope there.
    """

    numerical: Array
    error: float | None
    kinks: int
    finding: str
    index: tuple[int, ...] = ()
    uncertainty: float = 0.0


class Probe:
    """Measures gradients by central differences, and detects steps that cross a kink.

    Parameters
    ----------
    evaluate : callable
        Computes, from arrays by name, the number to differentiate and the sides of its kinks.
    leaves : mapping of str to Tensor
    terms : callable
        Returns the size of the terms that sum to the gradient of an input.
    generator : numpy.random.Generator
    """

    def __init__(
        self,
        evaluate: Callable[[Mapping[str, Array]], tuple[float, Sides]],
        leaves: Mapping[str, Tensor],
        terms: Callable[[str], float],
        generator: np.random.Generator,
    ) -> None:
        self.evaluate, self.terms, self.generator = evaluate, terms, generator
        self.arrays = {name: leaf.numpy() for name, leaf in leaves.items()}
        self.value, self.pattern = evaluate(self.arrays)
        again = evaluate(self.arrays)[0]
        if again != self.value and again == again:
            raise ValueError("f returns other values when called again; fix its random numbers")

    def measure(
        self,
        name: str,
        automatic: Array,
        samples: int,
        also: tuple[int, ...] | None = None,
    ) -> Measured:
        """Measure a sample of the elements of a gradient, and all of them together.

        The element `also` is measured in any case.
        """
        found = np.full(automatic.size, np.nan)
        findings: dict[int, tuple[str, float]] = {}
        chosen = list(_chosen(automatic.reshape(-1), samples, self.generator))
        if also is not None and samples:
            place = int(np.ravel_multi_index(also, automatic.shape)) if also else 0
            chosen += [place] if place not in chosen else []
        for place in chosen:
            found[place], says, uncertainty = self._element(name, automatic, place)
            findings[place] = says, uncertainty
        if samples and len(chosen) < automatic.size and np.isfinite(automatic).all():
            other = self._elsewhere(name, automatic)
            if other is not None and other not in findings:
                found[other], says, uncertainty = self._element(name, automatic, other)
                findings[other] = says, uncertainty
        return _summed_up(found.reshape(automatic.shape), automatic, findings)

    def _element(
        self, name: str, automatic: Array, place: int
    ) -> tuple[float, Finding | Literal[""], float]:
        """Measure one element; return its slope, the finding, and its uncertainty."""
        expected = float(automatic.reshape(-1)[place])
        size = float(np.nan_to_num(np.abs(automatic)).max(initial=0.0))
        values = self.arrays[name].reshape(-1)
        direction = np.zeros(automatic.size)
        direction[place] = 1.0
        if not np.isfinite(self.value):
            return np.nan, "differs", np.inf
        usual = DIFFERENCE_STEP * max(1.0, abs(float(values[place])))
        smaller = DIFFERENCE_STEP * float(np.abs(values).max())
        measured = self._element_by(name, direction, usual, expected, size)
        if measured[1] == "undecided" and 0 < smaller < usual:  # too large a step for tiny numbers
            again = self._element_by(name, direction, smaller, expected, size)
            measured = measured if again[1] == "undecided" else again
            if measured[1] == "undecided" and smaller * size < np.finfo(np.float64).tiny:
                return np.nan, "", np.inf  # f changes by less than the smallest number
        return measured

    def _element_by(
        self, name: str, direction: Array, step: float, expected: float, size: float
    ) -> tuple[float, Finding, float]:
        slope = self._slope(name, direction, step, expected, size)
        if np.isnan(slope.value):
            crosses = self._crosses(name, direction, step)
            return np.nan, "kink" if crosses else "undecided", np.inf
        says = self._says(name, slope, expected, size)
        return (np.nan if says == "kink" else slope.value), says, slope.uncertainty

    def _says(self, name: str, slope: Slope, expected: float, size: float) -> Finding:
        allowed = CONFIRMED * size
        if abs(slope.value - expected) <= allowed and slope.uncertainty <= 0.01 * size:
            return "agrees"
        return finding(slope, expected, size, self.terms(name), allowed)

    def _elsewhere(self, name: str, automatic: Array) -> int | None:
        """Find an element that differs, by bisection; None if all together agree."""
        values = self.arrays[name].reshape(-1)
        expected = automatic.reshape(-1)
        steps = np.maximum(1.0, np.abs(values))
        direction = draw_apart(self.generator, values.shape, [values, expected]) * steps
        if not self._differs(name, direction, expected):
            return None
        low, high = 0, values.size
        while high - low > 1:  # of two halves, at least one differs
            half = (low + high) // 2
            first = np.zeros_like(direction)
            first[low:half] = direction[low:half]
            low, high = (low, half) if self._differs(name, first, expected) else (half, high)
        return low

    def _differs(self, name: str, direction: Array, expected: Array) -> bool:
        """Whether the slope along a direction refutes the automatic gradient."""
        products = expected * direction
        total, size = float(products.sum()), float(np.abs(products).sum())
        slope = self._slope(name, direction, DIFFERENCE_STEP, total, size)
        is_known = bool(np.isfinite(slope.value))
        return is_known and self._says(name, slope, total, size) == "differs"

    # Evaluating -----------------------------------------------------------------------------

    def _slope(
        self, name: str, direction: Array, step: float, expected: float, size: float
    ) -> Slope:
        def at(length: float) -> float | None:
            try:
                value, pattern = self._moved(name, length * direction)
            except (ValueError, ArithmeticError):  # f rejects inputs that are so far away
                return None
            return value if pattern == self.pattern else None

        return measured_slope(at, step, expected, size)

    def _crosses(self, name: str, direction: Array, step: float) -> bool:
        return any(self._moved(name, end * direction)[1] != self.pattern for end in (step, -step))

    def _moved(self, name: str, change: Array) -> tuple[float, Sides]:
        array = self.arrays[name]
        return self.evaluate({**self.arrays, name: array + change.reshape(array.shape)})


def _summed_up(
    numerical: Array, automatic: Array, findings: Mapping[int, tuple[str, float]]
) -> Measured:
    """Summarize the findings about the elements of one gradient by the worst one."""
    kinks = sum(says == "kink" for says, _ in findings.values())
    with np.errstate(all="ignore"):
        differences = np.abs(numerical - automatic).reshape(-1)
    found = [place for place, (says, _) in findings.items() if says not in ("kink", "")]
    if not found:
        return Measured(numerical, None, kinks, "")
    known = np.where(np.isnan(differences), np.inf, differences)
    error = float(known[found].max())
    says = min((findings[place][0] for place in found), key=_WORST_FIRST.index)
    places = [place for place in found if findings[place][0] == says]
    worst = max(places, key=lambda place: (known[place], findings[place][1]))
    index = tuple(map(int, np.unravel_index(worst, automatic.shape)))
    return Measured(numerical, error, kinks, says, index, findings[worst][1])


def _chosen(gradient: Array, samples: int, generator: np.random.Generator) -> Array:
    """Choose the elements to measure, the one with the largest gradient first."""
    if gradient.size <= samples:
        return np.arange(gradient.size)
    chosen = generator.choice(gradient.size, samples, replace=False)
    if samples:
        chosen[0] = np.abs(gradient).argmax()
    return chosen
