"""Measures gradients by central differences, and notices where a step crosses a kink."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..checking import DIFFERENCE_STEP
from ..tensor import Tensor
from .kinks import Sides

__all__ = ["Probe"]

Array = NDArray[Any]


class Probe:
    """Measures gradients by central differences, and notices where a step crosses a kink."""

    def __init__(
        self,
        evaluate: Callable[[Mapping[str, Array]], tuple[float, Sides]],
        leaves: Mapping[str, Tensor],
    ) -> None:
        self.evaluate = evaluate
        self.arrays = {name: leaf.numpy() for name, leaf in leaves.items()}
        self.value, self.pattern = evaluate(self.arrays)
        again = evaluate(self.arrays)[0]
        if again != self.value and again == again:
            raise ValueError("f gives other values when called again; fix its random numbers")

    def measure(
        self,
        name: str,
        automatic: Array,
        samples: int,
        generator: np.random.Generator,
        also: tuple[int, ...] | None = None,
    ) -> tuple[Array, float | None, int]:
        """Give what was measured, the largest error, and how many elements lie at a kink.

        One element of interest is measured whatever the choice is.
        """
        flat, expected = self.arrays[name].reshape(-1), automatic.reshape(-1)
        found = np.full(automatic.size, np.nan)
        worst, kinks = None, 0
        chosen = list(_chosen(expected, samples, generator))
        if also is not None and samples:
            place = int(np.ravel_multi_index(also, automatic.shape)) if also else 0
            chosen += [place] if place not in chosen else []
        for place in chosen:
            before = flat[place]
            step = DIFFERENCE_STEP * max(1.0, abs(before))
            ends, is_smooth = [], True
            for end in (before + step, before - step):
                flat[place] = end
                value, pattern = self.evaluate(self.arrays)
                ends.append(value)
                is_smooth &= pattern == self.pattern
            flat[place] = before
            slope = (ends[0] - ends[1]) / (2 * step)
            difference = abs(slope - float(expected[place]))
            if not np.isfinite(difference):
                return found.reshape(automatic.shape), np.inf, kinks
            if is_smooth:
                found[place] = slope
                worst = difference if worst is None else max(worst, difference)
            else:
                kinks += 1
        return found.reshape(automatic.shape), worst, kinks


def _chosen(gradient: Array, samples: int, generator: np.random.Generator) -> Array:
    """Choose the elements to measure, the one with the largest gradient first."""
    if gradient.size <= samples:
        return np.arange(gradient.size)
    chosen = generator.choice(gradient.size, samples, replace=False)
    if samples:
        chosen[0] = np.abs(gradient).argmax()
    return chosen
