"""What can be read from a graph about what a value is: a softmax, a sigmoid, one written by hand.

Anomalies and the linter ask the same questions; both are told only what the graph shows.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from ..tensor import Tensor

__all__ = [
    "CARRYING",
    "ELEMENTWISE",
    "MOVING",
    "is_sigmoid",
    "is_softmax",
    "made_by",
    "unmoved",
    "users_of",
]

MOVING = frozenset(("astype", "broadcast_to", "copy", "getitem", "reshape", "transpose"))
"""Operations that put the numbers of their operand elsewhere and change none."""

CARRYING = MOVING | {"concatenate", "where", "sliding_windows", "put_at"}
CARRYING |= {"max", "min", "maximum", "minimum"}
"""Operations that pass numbers on; what is not finite in their result was so in an operand."""

_UNARY = ["negative", "absolute", "sign", "exp", "exp2", "expm1", "log", "log2", "log10", "log1p"]
_UNARY += ["sqrt", "cbrt", "astype", "copy", "erf", "sigmoid", "relu", "clip"]
_UNARY += ["sin", "cos", "tan", "arcsin", "arccos", "arctan", "sinh", "cosh", "tanh"]
_UNARY += ["arcsinh", "arccosh", "arctanh"]
_BINARY = ["add", "subtract", "multiply", "divide", "remainder", "power", "copysign", "maximum"]
_BINARY += ["minimum", "where", "xlogy", "hypot", "logaddexp", "logaddexp2", "arctan2"]
ELEMENTWISE = frozenset([*_UNARY, *_BINARY])
"""Operations whose result at an index is made of the operands at that index alone."""


def made_by(value: Any, *names: str) -> bool:
    """Whether a value is a recorded result of one of some operations."""
    return (
        isinstance(value, Tensor) and value.node is not None and value.node.primitive.name in names
    )


def unmoved(value: Any) -> Any:
    """Go back to where the numbers of a value were computed."""
    while made_by(value, *MOVING):
        value = value.node.inputs[0]
    return value


def is_softmax(value: Any) -> bool:
    """Whether it is a `softmax`, or ``exp(x) / sum(exp(x))``."""
    if not made_by(value, "divide"):
        return made_by(value, "softmax")
    above, below = value.node.inputs
    below = unmoved(below)
    return made_by(above, "exp") and made_by(below, "sum") and below.node.inputs[0] is above


def is_sigmoid(value: Any) -> bool:
    """Whether it is a `sigmoid`, or ``1 / (1 + exp(-x))``."""
    if not made_by(value, "divide"):
        return made_by(value, "sigmoid")
    above, below = value.node.inputs
    return (
        _is_one(above)
        and made_by(below, "add")
        and any(map(_is_one, below.node.inputs))
        and any(made_by(term, "exp") for term in below.node.inputs)
    )


def _is_one(value: Any) -> bool:
    return not made_by(value) and bool(np.all(np.equal(value, 1)))


def users_of(tensor: Tensor, order: list[Tensor]) -> list[tuple[Tensor, int]]:
    """Find what was computed from a tensor: each result, and which operand of it the tensor is."""
    return [
        (user, position)
        for user in order
        if user.node is not None
        for position, value in enumerate(user.node.inputs)
        if value is tensor
    ]
