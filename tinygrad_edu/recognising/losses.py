"""Recognises losses: of logits, of probabilities, or of predictions, against constants.

The targets are looked for among the constants that were used on the way to the loss.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator, Sequence
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from ..primitive import PRIMITIVES
from ..tensor import Tensor
from .ancestry import FEWEST_DIFFERENT, Ancestry, close, is_varied, tolerance_of
from .functions import Found, Function, values_of_call

__all__ = ["divisor_of", "labels_of", "losses"]

Array: TypeAlias = NDArray[Any]

_MOST_BACK = 16  # tensors to go back from a loss


def losses(graph: Ancestry, functions: Sequence[Function]) -> Iterator[Found]:
    """Yield each loss of the graph that is a number: name, source, result, parameters."""
    sums = _Sums(functions)
    for result in graph.order:
        if result.size != 1 or result._data.dtype.kind != "f":
            continue
        value = float(result._data.reshape(-1)[0])
        if not np.isfinite(value) or value == 0:
            continue
        for source in graph.sources(result, _MOST_BACK):
            if source.size < FEWEST_DIFFERENT or not graph.mixes(source, result):
                continue
            constants = _each_once(graph.constants(source, result))
            for name, total, params in sums.of(source, constants):
                count = divisor_of(total, value, params.pop("sizes"), tolerance_of(source, result))
                if count:
                    yield name, source, result, {**params, "count": count}


def _each_once(arrays: list[Any]) -> list[Any]:
    return list({id(array): array for array in arrays}.values())


def divisor_of(total: float, value: float, sizes: tuple[int, ...], tolerance: float) -> int:
    """Return by what a sum was divided: a product of sizes, or twice that; 0 for anything else."""
    if not np.isfinite(total):
        return 0
    ratio = total / value
    count = round(ratio) if 0.5 < ratio < 1e15 else 0
    if not count or abs(ratio - count) > 10 * tolerance * count:
        return 0
    parts = [n for n in sizes if n > 1]
    products = {
        math.prod(some) for k in range(len(parts) + 1) for some in itertools.combinations(parts, k)
    }
    return count if count in products or (count % 2 == 0 and count // 2 in products) else 0


class _Sums:
    """Computes losses of sources and targets; each is computed once."""

    def __init__(self, functions: Sequence[Function]) -> None:
        # The activation that a loss applies to its source is declared by the operation.
        applies = {made.name: made.applies for made in PRIMITIVES.values()}
        self.losses = [
            (one, applies.get(one[0], ""))
            for one in functions
            if one[2].kind in ("labels", "elements")
        ]
        # The functions whose results a loss may have been computed from instead of logits.
        self.readings = {
            wanted: [
                (name, forward, declared)
                for name, forward, declared in functions
                if declared.inverse is not None and wanted in (name, applies.get(name))
            ]
            for _, wanted in self.losses
        }
        self.found: dict[tuple[int, int], list[tuple[str, float, dict[str, Any]]]] = {}
        self.kept: list[Any] = []  # so that no identity is used twice
        self.logits: dict[tuple[int, str, int | None], list[tuple[str, Array]]] = {}

    def of(
        self, source: Tensor, constants: list[Any]
    ) -> Iterator[tuple[str, float, dict[str, Any]]]:
        """Yield the losses of a source with each of the constants as targets."""
        if not is_varied(source._data):
            return
        for constant in constants:
            key = id(source), id(constant)
            if key not in self.found:
                self.kept.append(constant)
                self.found[key] = list(self._all(source, constant))
            for name, total, params in self.found[key]:
                yield name, total, dict(params)

    def _all(self, source: Tensor, constant: Any) -> Iterator[tuple[str, float, dict[str, Any]]]:
        for (name, forward, declared), wanted in self.losses:
            if declared.kind == "labels":
                yield from self._of_labels(name, forward, wanted, source, constant)
            else:
                yield from self._of_elements(name, forward, wanted, source, constant)

    def _of_labels(
        self, name: str, forward: Any, wanted: str, source: Tensor, constant: Any
    ) -> Iterator[tuple[str, float, dict[str, Any]]]:
        if source.ndim != 2:
            return
        for axis in (1, 0):
            count, classes = source.shape[1 - axis], source.shape[axis]
            labels = labels_of(constant, count, classes, axis)
            if labels is None:
                continue
            for of, logits in self._readings(wanted, source, axis):
                rows = logits if axis else logits.T
                total = count * float(values_of_call(forward(np.ascontiguousarray(rows), labels)))
                params = {"targets": labels, "of": of, "axis": axis, "sizes": source.shape}
                yield name, total, params

    def _of_elements(
        self, name: str, forward: Any, wanted: str, source: Tensor, constant: Any
    ) -> Iterator[tuple[str, float, dict[str, Any]]]:
        if isinstance(constant, tuple) or constant.dtype.kind not in "fiub" or constant.size < 2:
            return
        try:
            shape = np.broadcast_shapes(source.shape, constant.shape)
        except ValueError:
            return
        targets = np.broadcast_to(constant.astype(np.float64), shape)
        for of, logits in self._readings(wanted, source, None):
            try:
                mean = values_of_call(forward(np.broadcast_to(logits, shape), targets))
            except ValueError:  # these are not targets of this loss
                return
            params = {"targets": constant, "of": of, "sizes": shape}
            yield name, math.prod(shape) * float(mean), params

    def _readings(self, wanted: str, source: Tensor, axis: int | None) -> list[tuple[str, Array]]:
        """Return the logits that a source leads to, with the activation that it is a result of."""
        key = id(source), wanted, axis
        if key not in self.logits:
            self.logits[key] = list(self._read(wanted, source, axis))
        return self.logits[key]

    def _read(self, wanted: str, source: Tensor, axis: int | None) -> Iterator[tuple[str, Array]]:
        x = np.asarray(source._data, np.float64)
        is_log = False
        for name, forward, declared in self.readings.get(wanted, ()):
            low, high = declared.bounds
            if declared.inverse is None or not low <= x.flat[0] <= high:
                continue
            logits = declared.inverse(x)
            params = {} if axis is None else {"axis": axis}
            if np.isfinite(logits).all() and close(
                forward(logits, **params), x, 10 * tolerance_of(source)
            ):
                is_log |= logits is x
                yield name, logits
        if not is_log:
            yield "", x


def labels_of(constant: Any, count: int, classes: int, axis: int) -> Array | None:
    """Read a constant as the number of the right class of each sample; None if it is not that."""
    if isinstance(constant, tuple):  # an index of rows and labels
        if len(constant) != 2:
            return None
        first, second = (constant[axis], constant[1 - axis])
        if not _is_counting(second, count):  # the scores were transposed
            first, second = second, first
        if not _is_counting(second, count):
            return None
        constant = np.asarray(first)
    if constant.shape in ((count, classes), (classes, count)) and min(constant.shape) > 0:
        hot = (
            constant if constant.shape == ((count, classes) if axis else (classes, count)) else None
        )
        if hot is None or not np.all((hot == 0) | (hot == 1)):
            return None
        return hot.argmax(axis=axis) if np.all(hot.sum(axis=axis) == 1) else None
    if constant.size != count or constant.dtype.kind not in "iu" or not count:
        return None
    labels = constant.reshape(-1)
    if labels.min() >= 0 and labels.max() >= classes:
        labels = _from_flat(labels, count, classes, axis)
    fits = labels is not None and labels.min() >= 0 and labels.max() < classes
    return labels if fits else None


def _from_flat(places: Array, count: int, classes: int, axis: int) -> Array | None:
    """Read places in the flattened scores as labels."""
    samples, labels = (
        (places // classes, places % classes) if axis else (places % count, places // count)
    )
    return labels if _is_counting(samples, count) else None


def _is_counting(index: Any, count: int) -> bool:
    if isinstance(index, slice):
        return False
    return np.array_equal(np.asarray(index).reshape(-1), np.arange(count))
