"""What a statement may be meant to compute: the true values that replace its own."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from .findings import true_value
from .instrumenting import Statement
from .quantities import Match
from .running import Replacement
from .suspecting import TRUE_VALUE, Suspicion, is_leaf

__all__ = ["candidates", "ratios_of"]

Array: TypeAlias = NDArray[Any]

_CLOSE = 1e-9


def ratios_of(seen: Suspicion) -> list[float]:
    """List the factors by which wrong gradients are too large."""
    ratios = []
    values = [part for value in seen.values.values()
              for part in (value if isinstance(value, tuple | list) else (value,))]  # fmt: skip
    for value in values:
        for match in seen.quantities.matches(value):
            is_gradient = is_leaf(match) and match.quantity.kind == "gradient"
            if is_gradient and abs(match.factor - 1) > _CLOSE:
                ratios.append(float(f"{match.factor:.10g}"))
    return list(dict.fromkeys(ratios))[:3]


def candidates(
    seen: Suspicion, statement: Statement, ratios: Sequence[float]
) -> Iterator[tuple[Match | None, Replacement]]:
    """Yield what a statement may be meant to compute."""
    number = statement.number
    value = seen.values.get(number)
    if statement.kind not in ("assign", "return", "augment"):
        return
    if seen.times.get(number) != 1 or seen.of[number] <= TRUE_VALUE:
        return
    if isinstance(value, int | float | np.generic):
        value = np.asarray(value)
    if not isinstance(value, np.ndarray) or value.dtype.kind not in "fiub":
        return
    for ratio in ratios:
        yield None, true_value(statement, value / ratio)
    for match in _meant(seen, value) if seen.of[number] > 0 else ():
        true = match.factor * match.quantity.array
        turned = match.arrangement == "transposed"
        yield match, true_value(statement, true.T if turned else true)


def _meant(seen: Suspicion, value: Array) -> Iterator[Match]:
    """Yield the quantities that a value may be meant to be."""
    for quantity in seen.quantities.all:
        shape = quantity.array.shape
        match = Match(quantity, 1.0, "")
        if is_leaf(match) and quantity.kind == "gradient":
            if (value.ndim <= 2 and quantity.array.ndim <= 2) or shape == value.shape:
                yield match
        elif shape == value.shape or (value.ndim == 2 and shape == value.shape[::-1]):
            turned = "" if shape == value.shape else "transposed"
            scales = seen.scales if quantity.kind == "gradient" else (1.0,)
            for factor in sorted(scales):
                yield Match(quantity, factor, turned)
