"""What recognising a function rests on: from what a tensor was computed, and when numbers agree.

Nothing here knows a function.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from ..tensor import Tensor
from ..tracing import node_of

__all__ = [
    "FEWEST_DIFFERENT",
    "Ancestry",
    "close",
    "is_floating",
    "is_varied",
    "tolerance_of",
]

Array: TypeAlias = NDArray[Any]

FEWEST_DIFFERENT = 3
"""How many different elements a source needs; fewer fit too many functions."""

_TOLERANCES = {"d": 1e-9, "g": 1e-9, "f": 2e-5, "e": 5e-3}  # by the letter of the dtype


def tolerance_of(*tensors: Tensor) -> float:
    """Return the relative difference that round-off explains."""
    return max(_TOLERANCES.get(tensor._data.dtype.char, 1e-9) for tensor in tensors)


def close(found: Any, expected: Any, tolerance: float) -> bool:
    """Compare relative to the largest number; numbers that are not finite agree with nothing."""
    size = np.abs(expected).max(initial=0.0)
    return bool(np.abs(found - expected).max(initial=0.0) <= tolerance * size < np.inf)


def is_varied(array: Array) -> bool:
    """Whether an array has enough different elements to tell functions apart."""
    head = array.reshape(-1)[:64]
    if len(set(head.tolist())) >= FEWEST_DIFFERENT:
        return True
    return array.size > head.size and np.unique(array).size >= FEWEST_DIFFERENT


def is_floating(tensor: Tensor) -> bool:
    """Whether a tensor holds floating-point numbers."""
    return bool(tensor._data.dtype.kind == "f")


class Ancestry:
    """From which single tensor each tensor of a graph was computed.

    Attributes
    ----------
    order : sequence of Tensor
    """

    def __init__(self, order: Sequence[Tensor]) -> None:
        self.order = order
        # The nearest tensor that all paths to leaves with gradients pass through, and how often
        # one can go back this way; None if paths only meet outside of the graph.
        self._back: dict[Tensor, Tensor | None] = {}
        self._depth: dict[Tensor, int] = {}
        # The newest call, up to a tensor, that computes with several elements.
        self._mixed: dict[Tensor, int] = {}
        for tensor in reversed(order):
            node = node_of(tensor)
            sources = [v for v in node.inputs if isinstance(v, Tensor) and v._requires_grad]
            back = sources[0] if sources else None
            for source in sources[1:]:
                back = self._meet(back, source)
            self._back[tensor] = back
            self._depth[tensor] = 1 if back is None else self._depth.get(back, 1) + 1
            made = node.primitive
            mixes = not (made.elementwise or (made.carries and made.kink is None))
            self._mixed[tensor] = (
                node.sequence if mixes else max(self._mixed.get(s, 0) for s in sources or [tensor])
            )

    def _meet(self, one: Tensor | None, other: Tensor | None) -> Tensor | None:
        depth, back = self._depth, self._back
        while one is not other and one is not None and other is not None:
            if depth.get(one, 1) >= depth.get(other, 1):
                one = back.get(one)
            else:
                other = back.get(other)
        return one if one is other else None

    def sources(self, tensor: Tensor, most: int) -> Iterator[Tensor]:
        """Yield the tensors that a tensor depends on alone, nearest first."""
        for _ in range(most):
            back = self._back.get(tensor)
            if back is None:
                return
            tensor = back
            yield tensor

    def mixes(self, source: Tensor, result: Tensor) -> bool:
        """Whether elements of the source are combined on the way to the result."""
        newest = 0 if source.node is None else source.node.sequence
        return self._mixed.get(result, 0) > newest

    def constants(self, source: Tensor, result: Tensor) -> list[Any]:
        """List the arrays that were used between two tensors, metadata included, newest first."""
        since = 0 if source.node is None else source.node.sequence
        found: list[Any] = []
        reached, seen = [result], {result}
        for tensor in reached:  # grows while it is walked
            node = node_of(tensor)
            for value in node.inputs:
                if not isinstance(value, Tensor):
                    continue
                if not value._requires_grad:
                    found.append(value._data)
                elif value.node is not None and value.node.sequence > since and value not in seen:
                    seen.add(value)
                    reached.append(value)
            found += [part for value in node.params.values() for part in _arrays_in(value)]
        return found


def _arrays_in(value: Any) -> list[Any]:
    """List the arrays in metadata, such as an index; an index with several stays together."""
    if isinstance(value, np.ndarray):
        return [value]
    if isinstance(value, tuple) and any(isinstance(part, np.ndarray | list) for part in value):
        return [value]
    return []
