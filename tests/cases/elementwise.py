"""Cases of functions of one operand, element by element."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from .case import SHAPES, Case, named, normal, positive, signed


def _unary() -> Iterator[Case]:
    own = {
        "relu": lambda x: np.where(x > 0, x, 0.0),
        "sigmoid": lambda x: 1 / (1 + np.exp(-x)),
    }
    for operation in (
        "negative",
        "absolute",
        "sign",
        "exp",
        "log",
        "sqrt",
        "tanh",
        "relu",
        "sigmoid",
    ):
        draw = positive if operation in ("log", "sqrt") else signed
        for shape in SHAPES:
            yield Case(
                operation,
                f"{shape}",
                named(operation),
                [draw(*shape)],
                own.get(operation),
                text=shape == SHAPES[0],
            )
    # In the table of float64, a conversion to float64: gradients that change their dtype have
    # tests of their own.
    astype = named("astype", np.float64)
    yield Case("astype", "float64", astype, [normal(3)], lambda x: x.astype(float), text=True)


FAMILIES = (_unary,)
