"""Cases of activations besides the usual ones, which are in `elementwise.py`."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from .case import SHAPES, Case, named, normal, positive, signed


def _sigmoid(x: Any) -> Any:
    return 1 / (1 + np.exp(-x))


def _celu(x: np.ndarray, alpha: float = 1.0) -> np.ndarray:
    return np.where(x > 0, x, alpha * (np.exp(x / alpha) - 1))


OWN: dict[str, Callable[..., Any]] = {
    "relu6": lambda x: np.minimum(np.maximum(x, 0), 6),
    "hardsigmoid": lambda x: np.interp(x, [-3, 3], [0, 1]),
    "hardswish": lambda x: x * np.interp(x, [-3, 3], [0, 1]),
    "hardshrink": lambda x: x * (np.abs(x) > 0.5),
    "softshrink": lambda x: np.sign(x) * np.maximum(np.abs(x) - 0.5, 0),
    "celu": _celu,
    "softsign": lambda x: np.where(x > 0, x / (1 + x), x / (1 - x)),
    "mish": lambda x: x * ((1 + np.exp(x)) ** 2 - 1) / ((1 + np.exp(x)) ** 2 + 1),
    "quick_gelu": lambda x: x / (1 + np.exp(-1.702 * x)),
    "tanhshrink": lambda x: x - (np.exp(2 * x) - 1) / (np.exp(2 * x) + 1),
}


def _elementwise() -> Iterator[Case]:
    for operation, own in OWN.items():
        for shape in SHAPES:
            # From -7 to 7, and no nearer than 0.1 to a kink: these are multiples of a half.
            x = np.round(7 * np.tanh(normal(*shape))) + 0.25 * signed(*shape) / 2
            yield Case(operation, f"{shape}", named(operation), [x], own)
    x = signed(3, 2)
    yield Case("celu", "alpha", named("celu", alpha=0.5), [x], lambda x: _celu(x, 0.5))
    yield Case("hardshrink", "wide", named("hardshrink", 1.0), [2 * x],
               lambda x: np.where(np.abs(x) > 1, x, 0))  # fmt: skip
    yield Case("softshrink", "not at all", named("softshrink", lambd=0), [x], lambda x: x)
    for shape in SHAPES:
        yield Case("threshold", f"{shape}", named("threshold", 0.25, -3.0), [signed(*shape)],
                   lambda x: np.where(x > 0.25, x, -3.0))  # fmt: skip


def _weighted() -> Iterator[Case]:
    def prelu(x: np.ndarray, weight: np.ndarray) -> np.ndarray:
        slopes = weight.reshape(-1, *(1,) * (x.ndim - 2)) if weight.size > 1 else weight.reshape(())
        return np.maximum(x, 0) + slopes * np.minimum(x, 0)

    for x, weight in [((3, 4), (4,)), ((2, 3, 2), (3,)), ((2, 2, 2, 2), (2,)), ((2, 3), (1,)),
                      ((4,), (1,)), ((), (1,)), ((0, 2), (2,))]:  # fmt: skip
        arrays = [signed(*x), positive(*weight)]
        yield Case("prelu", f"{x} {weight}", named("prelu"), arrays, prelu)


def _gates() -> Iterator[Case]:
    def glu(x: np.ndarray, axis: int = -1) -> np.ndarray:
        first, second = np.split(x, 2, axis)
        return first * _sigmoid(second)

    for shape, axis in [((3, 4), -1), ((4, 3), 0), ((2, 2, 3), 1), ((2,), 0), ((0, 2), 1)]:
        yield Case("glu", f"{shape} {axis}", named("glu", axis), [normal(*shape)],
                   lambda x, axis=axis: glu(x, axis))  # fmt: skip
    yield Case("glu", "last", named("glu"), [normal(2, 6)], glu)


FAMILIES = (_elementwise, _weighted, _gates)
