"""Cases of losses: of class numbers, and of targets of the same shape."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from itertools import product
from typing import Any

import numpy as np

from .case import Case, distinct, named, normal, positive, signed


def _log_softmax(x: np.ndarray) -> np.ndarray:
    return x - np.log(np.exp(x).sum(axis=1, keepdims=True))


def _softmax_cross_entropy() -> Iterator[Case]:
    def cross_entropy(logits: np.ndarray, labels: np.ndarray) -> float:
        rows = _log_softmax(logits)
        return float(np.mean([-row[y] for row, y in zip(rows, labels, strict=True)]))

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
    # Without options, that is what it stands for.
    yield Case(
        "cross_entropy",
        "plain",
        named("cross_entropy"),
        [normal(4, 3), np.array([2, 0, 1, 2])],
        cross_entropy,
    )


def _label_by_label(
    scores: np.ndarray,
    labels: np.ndarray,
    weight: Any = None,
    ignore_index: int = -100,
    label_smoothing: float = 0.0,
    reduction: str = "mean",
) -> np.ndarray:
    """Losses of log-probabilities, one label after the other."""
    classes = scores.shape[1]
    weights = np.ones(classes) if weight is None else np.asarray(weight)
    losses, counted = np.zeros(labels.shape), 0.0
    for place in np.ndindex(labels.shape):
        right = labels[place]
        if right == ignore_index:
            continue
        row = weights * scores[(place[0], slice(None), *place[1:])]
        losses[place] = -(1 - label_smoothing) * row[right] - label_smoothing * row.mean()
        counted += weights[right]
    if reduction == "none":
        return losses
    return np.asarray(losses.sum() / (counted if reduction == "mean" else 1))


def _class_numbers() -> Iterator[Case]:
    weight = [0.5, 2.0, 0.25]
    rows = np.array([2, 0, 1, 2])
    some = np.array([2, -100, 1, 0])
    places = np.array([[[0, 1], [2, 2]], [[1, -1], [0, -1]]])
    settings: list[tuple[str, np.ndarray, dict[str, Any]]] = [
        ("weight", rows, {"weight": weight}),
        ("ignored", some, {}),
        ("weight, ignored, sum", some, {"weight": weight, "reduction": "sum"}),
        ("none", some, {"reduction": "none"}),
        ("places", places, {"weight": weight, "ignore_index": -1}),
        ("unsigned", rows.astype(np.uint8), {"ignore_index": 2, "reduction": "none"}),
        ("no rows", rows[:0], {"reduction": "sum"}),
    ]
    smoothed: list[tuple[str, np.ndarray, dict[str, Any]]] = [
        ("smoothed", rows, {"label_smoothing": 0.1}),
        ("smoothed, weight, ignored", some, {"label_smoothing": 0.3, "weight": weight}),
        ("smoothed places", places, {"label_smoothing": 0.2, "ignore_index": -1, "weight": weight}),
        ("smoothed, none", some, {"label_smoothing": 1.0, "reduction": "none"}),
    ]
    for operation, cases in [("nll_loss", settings), ("cross_entropy", settings + smoothed)]:
        for label, labels, keywords in cases:
            scores = normal(len(labels), 3, *labels.shape[1:])
            if operation == "nll_loss":
                scores = _log_softmax(scores)

            def own(
                x: np.ndarray,
                y: np.ndarray,
                operation: str = operation,
                keywords: dict[str, Any] = keywords,
            ) -> np.ndarray:
                scores = x if operation == "nll_loss" else _log_softmax(x)
                return _label_by_label(scores, y, **keywords)

            yield Case(operation, label, named(operation, **keywords), [scores, labels], own)
    for ignored in (1, -100):
        labels = np.array([2, 1, 0, 1]) if ignored == 1 else np.array([2, -100, 0, -100])
        yield Case(
            "softmax_cross_entropy",
            f"ignored {ignored}",
            named("softmax_cross_entropy", ignore_index=ignored),
            [normal(4, 3), labels],
            lambda x, y, i=ignored: _label_by_label(_log_softmax(x), y, ignore_index=i),
        )
    yield Case("nll_loss", "plain", named("nll_loss"), [normal(4, 3), rows], _label_by_label)


def _probabilities() -> Iterator[Case]:
    def by_classes(
        x: np.ndarray, t: np.ndarray, weight: Any = 1.0, smoothing: float = 0.0
    ) -> np.ndarray:
        shape = (1, -1, *(1,) * (x.ndim - 2))
        t = t * (1 - smoothing) + smoothing / x.shape[1]
        weights = np.reshape(np.broadcast_to(weight, x.shape[1]), shape)
        return np.asarray(-(weights * t * _log_softmax(x)).sum(axis=1))

    for shape in ((4, 3), (2, 3, 2)):
        targets = np.exp(normal(*shape))
        targets = targets / targets.sum(axis=1, keepdims=True)
        for label, options, own in (
            ("mean", {}, lambda x, t: by_classes(x, t).mean()),
            (
                "weight, smoothed, none",
                {"weight": [0.5, 2.0, 1.0], "label_smoothing": 0.1, "reduction": "none"},
                lambda x, t: by_classes(x, t, [0.5, 2.0, 1.0], 0.1),
            ),
        ):
            call = named("cross_entropy", **options)
            yield Case(
                "cross_entropy",
                f"probabilities {shape} {label}",
                call,
                [normal(*shape), targets],
                own,
            )


def _binary() -> Iterator[Case]:
    def binary(logits: np.ndarray, targets: np.ndarray, weight: Any = 1.0) -> np.ndarray:
        p, t = 1 / (1 + np.exp(-logits)), targets.astype(float)
        return -t * np.log(p) * weight - (1 - t) * np.log(1 - p)

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
            lambda z, t: binary(z, t).mean(),
            text=targets.shape == (2, 3),
        )
    weight, pos_weight = np.array([[0.5], [2.0]]), np.array([3.0, 0.0, 0.25])
    for label, targets, keywords, own in [
        (
            "weights",
            positive(2, 3) / 2,
            {"weight": weight, "pos_weight": pos_weight},
            lambda z, t: np.mean(weight * binary(z, t, pos_weight)),
        ),
        (
            "pos_weight, sum",
            np.array([[1, 0, 1], [1, 1, 0]]),
            {"pos_weight": 0.5, "reduction": "sum"},
            lambda z, t: np.sum(binary(z, t, 0.5)),
        ),
        ("none", positive(2, 3) / 2, {"reduction": "none"}, binary),
    ]:
        call = named("binary_cross_entropy_with_logits", **keywords)
        arrays = [signed(2, 3), targets]
        yield Case("binary_cross_entropy_with_logits", label, call, arrays, own)
    for reduction, (label, targets) in product(
        REDUCTIONS,
        [("signs", np.array([[1, -1], [-1, -1]])), ("no elements", np.zeros((0, 2), int))],
    ):
        if reduction != "mean" or targets.size:
            yield Case(
                "hinge_loss",
                f"{label} {reduction}",
                named("hinge_loss", reduction=reduction),
                [distinct(*targets.shape) * 3, targets],
                lambda z, t, r=reduction: REDUCTIONS[r](np.maximum(1 - t * z, 0)),
            )


REDUCTIONS: dict[str, Callable[..., Any]] = {
    "mean": np.mean,
    "sum": np.sum,
    "none": lambda losses: losses,
}


def _distances() -> Iterator[Case]:
    def huber(d: np.ndarray, delta: float = 1.0) -> np.ndarray:
        size = np.abs(d)
        return np.where(size < delta, d**2 / 2, delta * (size - delta / 2))

    for operation, keywords, own in [
        ("mse_loss", {}, np.square),
        ("l1_loss", {}, np.abs),
        ("huber_loss", {}, huber),
        ("huber_loss", {"delta": 0.45}, lambda d: huber(d, 0.45)),
        ("smooth_l1_loss", {}, huber),
        ("smooth_l1_loss", {"beta": 0.45}, lambda d: huber(d, 0.45) / 0.45),
        ("smooth_l1_loss", {"beta": 0}, np.abs),
    ]:
        for reduction, shape in [
            ("mean", (2, 3)), ("sum", (4,)), ("none", (2, 1, 2)), ("mean", ()), ("none", (0, 2)),
        ]:  # fmt: skip
            # Apart by distances none of which is near 0, or near a delta.
            predictions = normal(*shape)
            yield Case(
                operation,
                f"{shape} {reduction} {keywords or ''}",
                named(operation, reduction=reduction, **keywords),
                [predictions, predictions + distinct(*shape)],
                lambda x, y, own=own, r=reduction: REDUCTIONS[r](own(x - y)),
            )
        targets = np.array([3, -2, 0])
        yield Case(
            operation,
            f"whole numbers {keywords or ''}",
            named(operation, **keywords),
            [targets + distinct(3), targets],
            lambda x, y, own=own: np.mean(own(x - y)),
        )
        number = named(operation, **keywords)
        yield Case(
            operation,
            f"number {keywords or ''}",
            lambda m, x, number=number: number(m, x, 2),
            [np.asarray(2.3)],
            lambda x, own=own: own(x - 2),
        )


def _divergence() -> Iterator[Case]:
    def divergence(log_p: np.ndarray, t: np.ndarray) -> np.ndarray:
        return np.where(t > 0, t * (np.log(np.where(t > 0, t, 1)) - log_p), 0)

    whole = np.array([[0, 1, 0], [1, 0, 0]])
    for reduction in ("mean", "batchmean", "sum", "none"):

        def reduce(terms: np.ndarray, reduction: str = reduction) -> Any:
            if reduction == "batchmean":
                return terms.sum() / len(terms)
            return REDUCTIONS[reduction](terms)

        yield Case(
            "kl_div",
            reduction,
            named("kl_div", reduction=reduction),
            [normal(2, 3), positive(2, 3)],
            lambda x, y, reduce=reduce: reduce(divergence(x, y)),
        )
        yield Case(
            "kl_div",
            f"logarithms {reduction}",
            named("kl_div", log_target=True, reduction=reduction),
            [normal(2, 2), normal(2, 2)],
            lambda x, y, reduce=reduce: reduce(divergence(x, np.exp(y))),
        )
    call = named("kl_div")
    arrays = [normal(2, 3), whole]
    yield Case("kl_div", "one-hot", call, arrays, lambda x, y: divergence(x, y).mean())
    yield Case("kl_div", "0-d", call, [normal(), positive()], divergence)
    none = named("kl_div", reduction="none")
    yield Case("kl_div", "no elements", none, [normal(0, 2), normal(0, 2)], divergence)


FAMILIES = (
    _softmax_cross_entropy,
    _probabilities,
    _class_numbers,
    _binary,
    _distances,
    _divergence,
)
