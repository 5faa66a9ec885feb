"""Cases of operations that turn many elements into few."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from .case import Case, distinct, named


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

    for operation in ("sum", "mean", "var", "max", "min", "logsumexp"):
        own = logsumexp if operation == "logsumexp" else getattr(np, operation)
        everything = [(distinct(2, 3, 4), keywords) for keywords in settings]
        everything += [(distinct(), {}), (distinct(1), {}), (distinct(1, 3), {"axis": 0})]
        everything += [(np.zeros((0, 3)), {"axis": 1})]
        if operation == "sum":
            everything += [(np.zeros((0, 3)), {}), (np.zeros((0, 3)), {"axis": 0})]
        if operation == "var":
            everything += [(distinct(2, 3), {"ddof": 1}), (distinct(2, 3), {"axis": 1, "ddof": 2})]
        for x, keywords in everything:
            yield Case(
                operation,
                f"{x.shape} {keywords or ''}",
                named(operation, **keywords),
                [x],
                lambda x, own=own, keywords=keywords: own(x, **keywords),
                text=x.ndim == 3 and not keywords and operation != "var",
            )


FAMILIES = (_reductions,)
