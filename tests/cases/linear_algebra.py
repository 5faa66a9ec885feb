"""Cases of products of matrices."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from .case import Case, named, normal


def _linear_algebra() -> Iterator[Case]:
    shapes: list[tuple[tuple[int, ...], tuple[int, ...]]] = [
        ((2, 3), (3, 4)),
        ((3,), (3,)),
        ((2, 3), (3,)),
        ((3,), (3, 2)),
        ((5, 2, 3), (5, 3, 4)),
        ((2, 3), (5, 3, 4)),
        ((5, 2, 3), (3, 4)),
        ((3,), (5, 3, 2)),
        ((5, 2, 3), (3,)),
        ((2, 1, 2, 3), (4, 3, 2)),
        ((1, 1), (1, 1)),
        ((0, 3), (3, 2)),
        ((2, 0), (0, 3)),
    ]
    for left, right in shapes:
        yield Case(
            "matmul",
            f"{left} {right}",
            named("matmul"),
            [normal(*left), normal(*right)],
            text=left == (2, 3) and right == (3, 4),
        )
    yield Case("matmul", "with itself", lambda m, x: m.matmul(x, x), [normal(3, 3)])
    vectors, matrices = ((3,), (3,)), ((2, 3), (3, 4))
    numbers = [((), (2, 3)), ((2,), ()), ((), ())]
    for left, right in [vectors, matrices, *numbers, ((4, 2, 3), (3,)), ((2, 3), (4, 3, 2))]:
        arrays = [normal(*left), normal(*right)]
        yield Case("dot", f"{left} {right}", named("dot"), arrays)
    for shape in [(5, 3), (3,), (2, 4, 3), (1, 3), (0, 3)]:
        yield Case(
            "linear",
            f"{shape}",
            named("linear"),
            [normal(*shape), normal(3, 2), normal(2)],
            lambda x, weight, bias: np.einsum("...i,ij->...j", x, weight) + bias,
            text=shape == (5, 3),
        )


FAMILIES = (_linear_algebra,)
