"""Cases of activations along an axis, and of losses."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from .case import Case, named, normal, signed


def _normalised() -> Iterator[Case]:
    def softmax(x: np.ndarray, axis: int = -1) -> np.ndarray:
        return np.exp(x) / np.exp(x).sum(axis=axis, keepdims=True)

    def log_softmax(x: np.ndarray, axis: int = -1) -> np.ndarray:
        return np.log(softmax(x, axis))

    for own in (softmax, log_softmax):
        for shape, keywords in [
            ((4, 3), {"axis": 1}),
            ((4, 3), {}),
            ((4, 3), {"axis": 0}),
            ((2, 3, 4), {"axis": -2}),
            ((5,), {}),
            ((1,), {}),
            ((0, 3), {}),
        ]:
            yield Case(
                own.__name__,
                f"{shape} {keywords or ''}",
                named(own.__name__, **keywords),
                [normal(*shape)],
                lambda x, own=own, keywords=keywords: own(x, **keywords),
                text=keywords == {"axis": 1},
            )

    def cross_entropy(logits: np.ndarray, labels: np.ndarray) -> float:
        return float(np.mean([-log_softmax(z)[y] for z, y in zip(logits, labels, strict=True)]))

    for shape, labels in [
        ((4, 3), np.array([2, 0, 1, 2])),
        ((1, 2), np.array([1], dtype=np.int8)),
        ((3, 1), np.zeros(3, dtype=np.uint8)),
        ((2, 3), np.array([2, 1], dtype=np.uint64)),
        ((200, 2), np.arange(200, dtype=np.int8) % 2),  # more elements than an int8 counts
    ]:
        yield Case(
            "softmax_cross_entropy",
            f"{shape} {labels.dtype}",
            named("softmax_cross_entropy"),
            [normal(*shape), labels],
            cross_entropy,
            text=shape == (4, 3),
        )

    def binary(logits: np.ndarray, targets: np.ndarray) -> np.ndarray:
        p, t = 1 / (1 + np.exp(-logits)), targets.astype(float)
        return np.mean(-t * np.log(p) - (1 - t) * np.log(1 - p))

    for targets in [
        np.array([[0.1, 0.9, 0.5], [0.3, 0.2, 0.7]]),
        np.array([0, 1, 1, 0]),
        np.array([True, False]),
        np.array(0.25),
        np.array([[1], [0]], dtype=np.int8),
    ]:
        yield Case(
            "binary_cross_entropy_with_logits",
            f"{targets.shape} {targets.dtype}",
            named("binary_cross_entropy_with_logits"),
            [signed(*targets.shape), targets],
            binary,
            text=targets.shape == (2, 3),
        )


FAMILIES = (_normalised,)
