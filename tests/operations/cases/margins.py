"""Cases of losses of class probabilities, of margins, and of distributions of numbers."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from .case import Case, normal, positive, signed
from .loss import REDUCTIONS


def _probabilities() -> Iterator[Case]:
    def softmax(x: np.ndarray) -> np.ndarray:
        return np.exp(x) / np.exp(x).sum(axis=1, keepdims=True)

    weight = np.array([0.5, 2.0, 0.25])
    for shape in ((4, 3), (2, 3, 2)):
        for keywords in (
            {},
            {"weight": weight},
            {"label_smoothing": 0.3, "weight": weight, "reduction": "sum"},
            {"label_smoothing": 1.0, "reduction": "none"},
        ):

            def own(x: np.ndarray, p: np.ndarray, keywords: Any = keywords) -> Any:
                smooth = keywords.get("label_smoothing", 0.0)
                p = (1 - smooth) * p + smooth / 3
                weights = np.reshape(keywords.get("weight", np.ones(3)), (3, *(1,) * (x.ndim - 2)))
                losses = -(weights * p * np.log(softmax(x))).sum(axis=1)
                return REDUCTIONS[keywords.get("reduction", "mean")](losses)

            yield Case("cross_entropy", f"probabilities {shape} {sorted(keywords)}",
                       lambda m, x, p, k=keywords: m.cross_entropy(x, p, **k),
                       [normal(*shape), 0.8 * softmax(normal(*shape)) + 0.01], own)  # fmt: skip


def _weighted() -> Iterator[Case]:
    """Gradients flow to the weights too."""

    def binary(x: Any, t: Any, weight: Any, positive: Any) -> Any:
        p = 1 / (1 + np.exp(-x))
        return np.mean(-weight * (positive * t * np.log(p) + (1 - t) * np.log(1 - p)))

    yield Case(
        "binary_cross_entropy_with_logits",
        "weights are tensors",
        lambda m, x, t, w, v: m.binary_cross_entropy_with_logits(x, t, weight=w, pos_weight=v),
        [normal(2, 3), positive(2, 3) / 3, positive(3), positive(2, 1)],
        binary,
    )


def _margins() -> Iterator[Case]:
    signs = np.array([1, -1, -1, 1])
    for reduction, reduce in REDUCTIONS.items():
        scores = normal(4)
        yield Case("margin_ranking_loss", reduction,
                   lambda m, x, y, r=reduction: m.margin_ranking_loss(
                       x, y, signs, margin=0.1, reduction=r),
                   [scores, scores + signed(4)],
                   lambda x, y, f=reduce: f(np.maximum(0, -signs * (x - y) + 0.1)),
                   )  # fmt: skip

        def cosine(x: np.ndarray, y: np.ndarray, reduce: Any = reduce) -> Any:
            losses = []
            for u, v, sign in zip(x, y, signs, strict=True):
                c = u @ v / np.sqrt(u @ u * (v @ v))
                losses.append(1 - c if sign > 0 else max(0, c - 0.05))
            return reduce(np.array(losses))

        yield Case("cosine_embedding_loss", reduction,
                   lambda m, x, y, r=reduction: m.cosine_embedding_loss(
                       x, y, signs, margin=0.05, reduction=r),
                   [signed(4, 3), signed(4, 3)], cosine)  # fmt: skip
        for keywords in ({}, {"margin": 3.0, "p": 3.0, "eps": 0.2}, {"margin": 2.0, "swap": True}):

            def triplet(
                a: np.ndarray, b: np.ndarray, c: np.ndarray, reduce: Any = reduce,
                keywords: Any = keywords,
            ) -> Any:  # fmt: skip
                p, eps = keywords.get("p", 2.0), keywords.get("eps", 1e-6)

                def distance(x: Any, y: Any, p: float = p, eps: float = eps) -> Any:
                    return (np.abs(x - y + eps) ** p).sum(axis=-1) ** (1 / p)

                far = distance(a, c)
                far = np.minimum(far, distance(b, c)) if "swap" in keywords else far
                return reduce(np.maximum(0, distance(a, b) - far + keywords.get("margin", 1.0)))

            yield Case("triplet_margin_loss", f"{keywords} {reduction}",
                       lambda m, a, b, c, k=keywords, r=reduction: m.triplet_margin_loss(
                           a, b, c, reduction=r, **k),
                       [normal(3, 2), normal(3, 2), normal(3, 2)], triplet)  # fmt: skip


def _distributions() -> Iterator[Case]:
    counts = np.array([[0, 1, 5], [2, 0, 3]])
    for reduction, reduce in REDUCTIONS.items():
        for label, arrays in (("whole", [counts]), ("tensors", [positive(2, 3) + 1.2])):

            def stirling(t: np.ndarray) -> np.ndarray:
                many = np.where(t > 1, t, 1)
                term = many * np.log(many) - many + np.log(2 * np.pi * many) / 2
                return np.where(t > 1, term, 0)

            yield Case("poisson_nll_loss", f"{label} {reduction}",
                       lambda m, x, t, r=reduction: m.poisson_nll_loss(
                           x, t, full=True, reduction=r),
                       [normal(2, 3), *arrays],
                       lambda x, t, f=reduce: f(np.exp(x) - t * x + stirling(t)))  # fmt: skip
        yield Case("poisson_nll_loss", f"counts {reduction}",
                   lambda m, x, t, r=reduction: m.poisson_nll_loss(
                       x, t, log_input=False, eps=0.1, reduction=r),
                   [positive(2, 3), counts],
                   lambda x, t, f=reduce: f(x - t * np.log(x + 0.1)))  # fmt: skip
        for full, shape in ((False, (2, 3)), (True, (2, 1)), (False, ())):
            yield Case("gaussian_nll_loss", f"{full} {shape} {reduction}",
                       lambda m, x, t, v, k={"full": full, "reduction": reduction}: (
                           m.gaussian_nll_loss(x, t, v, **k)),
                       [normal(2, 3), normal(2, 3), positive(*shape)],
                       lambda x, t, v, full=full, f=reduce: f(
                           (np.log(v) + (x - t) ** 2 / v + full * np.log(2 * np.pi)) / 2),
                       )  # fmt: skip


FAMILIES = (_probabilities, _weighted, _margins, _distributions)
