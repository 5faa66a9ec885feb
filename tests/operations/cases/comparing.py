"""Cases of losses of pairs, triplets and ranks, and of likelihoods of numbers."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from .case import Case, named, normal, positive, signed

_REDUCE: dict[str, Callable[..., Any]] = {"mean": np.mean, "sum": np.sum, "none": lambda x: x}
_SIGNS = np.array([1, -1, -1, 1])


def _size(x: np.ndarray, p: float = 2.0) -> Any:
    return (np.abs(x) ** p).sum(axis=-1) ** (1 / p)


def _each(
    operation: str, label: str, arrays: list[np.ndarray], own: Callable[..., Any], **keywords: Any
) -> Iterator[Case]:
    for reduction, reduce in _REDUCE.items():
        yield Case(
            operation,
            f"{label} {reduction}",
            named(operation, reduction=reduction, **keywords),
            arrays,
            lambda *arrays, reduce=reduce: reduce(own(*arrays)),
        )


def _margins() -> Iterator[Case]:
    def cosine(x: np.ndarray, y: np.ndarray, t: np.ndarray, margin: float = 0.0) -> Any:
        similarity = (x * y).sum(axis=-1) / (_size(x) * _size(y))
        return np.where(t > 0, 1 - similarity, np.maximum(similarity - margin, 0))

    name = "cosine_embedding_loss"
    yield from _each(name, "plain", [signed(4, 3), signed(4, 3), _SIGNS], cosine)
    own = lambda x, y, t: cosine(x, y, t, -0.4)  # noqa: E731
    arrays = [signed(4, 3), signed(4, 3), _SIGNS]
    yield from _each(name, "margin", arrays, own, margin=-0.4)
    yield from _each(name, "one pair", [signed(3), signed(3), np.array(1)], cosine)

    def embedded(d: np.ndarray, t: np.ndarray, margin: float = 1.0) -> Any:
        return np.where(t > 0, d, np.maximum(margin - d, 0))

    name = "hinge_embedding_loss"
    yield from _each(name, "plain", [positive(4) + 0.03, _SIGNS], embedded)
    own = lambda d, t: embedded(d, t, 2.3)  # noqa: E731
    yield from _each(name, "margin", [positive(2, 4), np.stack([_SIGNS] * 2)], own, margin=2.3)

    def ranked(x: np.ndarray, y: np.ndarray, t: np.ndarray, margin: float = 0.0) -> Any:
        return np.maximum(margin - t * (x - y), 0)

    name = "margin_ranking_loss"
    yield from _each(name, "plain", [signed(4), 2.2 * signed(4), _SIGNS], ranked)
    own = lambda x, y, t: ranked(x, y, t, 0.7)  # noqa: E731
    yield from _each(name, "margin", [signed(4), 2.2 * signed(4), _SIGNS], own, margin=0.7)
    own = lambda z, t: np.log(1 + np.exp(-t * z))  # noqa: E731
    yield from _each("soft_margin_loss", "plain", [signed(4), _SIGNS], own)


def _triplets() -> Iterator[Case]:
    def triplet(
        a: np.ndarray, p: np.ndarray, n: np.ndarray, margin: float = 1.0, kind: float = 2.0,
        swap: bool = False,
    ) -> Any:  # fmt: skip
        near, far = _size(a - p + 1e-6, kind), _size(a - n + 1e-6, kind)
        if swap:
            far = np.minimum(far, _size(p - n + 1e-6, kind))
        return np.maximum(near - far + margin, 0)

    arrays = [signed(4, 3), signed(4, 3), signed(4, 3)]
    yield from _each("triplet_margin_loss", "plain", arrays, triplet)
    own = lambda a, p, n: triplet(a, p, n, 0.3, 1.0, True)  # noqa: E731
    settings: dict[str, Any] = {"margin": 0.3, "p": 1.0, "swap": True}
    yield from _each("triplet_margin_loss", "swapped", arrays, own, **settings)
    yield from _each("triplet_margin_loss", "vectors", [signed(3) for _ in range(3)], triplet)


def _likelihoods() -> Iterator[Case]:
    def gaussian(x: np.ndarray, t: np.ndarray, var: np.ndarray, full: float = 0.0) -> Any:
        var = var[..., None] if var.shape == x.shape[:-1] else var
        return (np.log(var) + (x - t) ** 2 / var) / 2 + full

    name, constant = "gaussian_nll_loss", np.log(2 * np.pi) / 2
    for shape in [(2, 3), (2, 1), (2,)]:
        arrays = [normal(2, 3), normal(2, 3), positive(*shape)]
        yield from _each(name, f"{shape}", arrays, gaussian)
    own = lambda x, t, var: gaussian(x, t, var, constant)  # noqa: E731
    yield from _each(name, "full", [normal(3), normal(3), positive(3)], own, full=True)

    def poisson(x: np.ndarray, t: np.ndarray) -> Any:
        return np.exp(x) - t * x

    def stirling(t: np.ndarray) -> Any:
        safe = np.where(t > 1, t, 2)
        return np.where(t > 1, safe * np.log(safe) - safe + np.log(2 * np.pi * safe) / 2, 0)

    name, counts = "poisson_nll_loss", np.array([0, 3, 1])
    yield from _each(name, "counts", [normal(3), counts], poisson)
    yield from _each(name, "numbers", [normal(3), 2 * positive(3) + 0.03], poisson)
    own = lambda x, t: poisson(x, t) + stirling(t)  # noqa: E731
    arrays = [normal(3), np.array([0.3, 2.5, 4.0])]
    yield from _each(name, "full", arrays, own, full=True)
    own = lambda x, t: x - t * np.log(x + 1e-8)  # noqa: E731
    yield from _each(name, "rates", [positive(3), counts], own, log_input=False)


FAMILIES = (_margins, _triplets, _likelihoods)
