"""Cases of operations that turn many elements into few, and of running sums and products."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from .case import Case, distinct, named, normal, positive, signed

PRIMITIVE = ("sum", "prod", "mean", "max", "min", "logsumexp")


def _reductions() -> Iterator[Case]:
    settings: list[dict[str, Any]] = [
        {},
        {"axis": 0},
        {"axis": -1},
        {"axis": (0, 2)},
        {"axis": (-1, 0)},
        {"axis": (0, 1, 2)},
        {"axis": ()},
        {"keepdims": True},
        {"axis": 1, "keepdims": True},
        {"axis": (-1, 1), "keepdims": True},
    ]

    def logsumexp(x: np.ndarray, **keywords: Any) -> np.ndarray:
        return np.log(np.sum(np.exp(x), **keywords))

    names = [
        "sum",
        "prod",
        "mean",
        "var",
        "std",
        "max",
        "min",
        "ptp",
        "logsumexp",
        "median",
        "nansum",
        "nanmean",
        "average",
    ]
    for operation in names:
        own = logsumexp if operation == "logsumexp" else getattr(np, operation)
        everything = [(distinct(2, 3, 4), keywords) for keywords in settings]
        everything += [(distinct(), {}), (distinct(1), {}), (distinct(1, 3), {"axis": 0})]
        if operation != "average":  # for which NumPy divides by zero
            everything += [(np.zeros((0, 3)), {"axis": 1})]
        if operation in ("sum", "prod", "nansum"):
            everything += [(np.zeros((0, 3)), {}), (np.zeros((0, 3)), {"axis": 0})]
        if operation in ("var", "std"):
            everything += [(distinct(2, 3), {"ddof": 1}), (distinct(2, 3), {"axis": 1, "ddof": 2})]
        for x, keywords in everything:
            if operation == "prod":  # 24 factors that neither grow nor vanish
                x = np.sign(x) * (0.8 + 0.2 * np.abs(x) / (1 + np.abs(x)))
            yield Case(
                operation,
                f"{x.shape} {keywords or ''}",
                named(operation, **keywords),
                [x],
                lambda x, own=own, keywords=keywords: own(x, **keywords),
                text=x.ndim == 3 and not keywords and operation in PRIMITIVE,
            )


def _special() -> Iterator[Case]:
    for zeros in ([2.0, 0.0, 3.0], [0.0, 0.0, 3.0], [[1.0, 0.0], [0.0, 0.0], [2.0, 3.0]]):
        yield Case("prod", f"{zeros}", named("prod"), [np.array(zeros)])
        yield Case("prod", f"{zeros} rows", named("prod", axis=-1), [np.array(zeros)])
    gaps = np.array([[1.0, np.nan, 3.0], [np.nan, 5.0, 6.0]])
    for operation in ("nansum", "nanmean"):
        for keywords in ({}, {"axis": 0}, {"axis": 1, "keepdims": True}):
            yield Case(
                operation,
                f"constant gaps {keywords}",
                lambda m, x, f=operation, k=keywords: getattr(m, f)(
                    m.where(np.isnan(gaps), gaps, x), **k
                ),
                [distinct(2, 3)],
            )
    yield Case("median", "odd", named("median"), [distinct(5)])
    yield Case("median", "even rows", named("median", axis=1), [distinct(3, 4)])
    yield Case(
        "median", "even, two axes", named("median", axis=(0, 2), keepdims=True), [distinct(2, 3, 2)]
    )
    for shape, weights, keywords in [
        ((2, 3), (2, 3), {}),
        ((2, 3), (2, 3), {"axis": 1}),
        ((2, 3), (3,), {"axis": 1}),
        ((2, 3), (2,), {"axis": 0, "keepdims": True}),
        ((2, 3, 4), (4, 2), {"axis": (2, 0)}),
    ]:
        yield Case(
            "average",
            f"{shape} weights {weights} {keywords}",
            lambda m, x, w, k=keywords: m.average(x, weights=w, **k),
            [distinct(*shape), positive(*weights)],
        )
    whole = np.array([1, 2, 3])
    yield Case(
        "average", "constant weights", lambda m, x: m.average(x, weights=whole), [distinct(3)]
    )


def _scans() -> Iterator[Case]:
    for operation in ("cumsum", "cumprod"):
        for shape, keywords in [
            ((3, 4), {}),
            ((3, 4), {"axis": 0}),
            ((3, 4), {"axis": -1}),
            ((2, 3, 2), {"axis": 1}),
            ((7,), {}),
            ((), {}),
            ((0, 3), {"axis": 1}),
            ((0, 3), {"axis": 0}),
        ]:
            text = shape == (3, 4) and not keywords
            call = named(operation, **keywords)
            yield Case(operation, f"{shape} {keywords}", call, [signed(*shape)], text=text)
    zeros = np.array([2.0, 0.0, 3.0, -1.0, 0.0, 2.0, 1.5])
    yield Case("cumprod", "zeros", named("cumprod"), [zeros])
    for shape, keywords in [
        ((4,), {}),
        ((4,), {"n": 2}),
        ((4,), {"n": 0}),
        ((3, 4), {"axis": 0}),
        ((2, 3), {"n": 5}),
        ((3,), {"prepend": 1.0, "append": np.array([4.0, 5.0])}),
        ((2, 3), {"axis": 0, "prepend": 0.5}),
    ]:
        yield Case(
            "diff",
            ("constant ends" if "append" in keywords else f"{shape} {keywords}"),
            named("diff", **keywords),
            [normal(*shape)],
        )
    yield Case(
        "diff", "of tensors", lambda m, x, y: m.diff(x, prepend=y), [normal(2, 3), normal(2, 1)]
    )


FAMILIES = (_reductions, _special, _scans)
