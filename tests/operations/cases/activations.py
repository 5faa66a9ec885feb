"""Cases of activation functions that other libraries have, and of normalisation over groups."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from .case import Case, named, normal, positive, signed


def _sigmoid(x: np.ndarray) -> Any:
    return 1 / (1 + np.exp(-x))


def _ramp(x: np.ndarray) -> Any:
    return np.minimum(np.maximum(x + 3, 0), 6) / 6


def _shrunk(x: np.ndarray, size: Any = 0.5) -> Any:
    return np.sign(x) * np.maximum(np.abs(x) - size, 0)


def _celu(x: np.ndarray, alpha: Any = 1.0) -> Any:
    return np.maximum(x, 0) + np.minimum(0, alpha * np.expm1(x / alpha))


_FORMULAS: dict[str, Callable[..., Any]] = {
    "celu": _celu,
    "hardshrink": lambda x, size=0.5: x * (np.abs(x) > size),
    "hardsigmoid": _ramp,
    "hardswish": lambda x: x * _ramp(x),
    "mish": lambda x: x * np.tanh(np.log(1 + np.exp(x))),
    "quick_gelu": lambda x: x * _sigmoid(1.702 * x),
    "relu6": lambda x: np.minimum(np.maximum(x, 0), 6),
    "softshrink": _shrunk,
    "softsign": lambda x: x / (1 + np.abs(x)),
    "tanhshrink": lambda x: x - np.tanh(x),
    "threshold": lambda x, limit, value: np.where(x > limit, x, value),
}


def _elementwise() -> Iterator[Case]:
    for operation, formula in _FORMULAS.items():
        more = (0.2, -7.5) if operation == "threshold" else ()
        for shape in [(3, 4), (), (0, 2)]:
            yield Case(
                operation,
                f"{shape}",
                named(operation, *more),
                [3.3 * signed(*shape)],
                lambda x, formula=formula, more=more: formula(x, *more),
            )
    for operation, value in [("hardshrink", 1.2), ("softshrink", 0.0), ("celu", 0.3)]:
        yield Case(
            operation,
            f"of {value}",
            named(operation, value),
            [signed(3)],
            lambda x, formula=_FORMULAS[operation], value=value: formula(x, value),
        )
    for operation in ("softshrink", "celu"):
        call = lambda m, x, size, operation=operation: getattr(m, operation)(x, size)  # noqa: E731
        yield Case(operation, "of a tensor", call, [2 * signed(3, 2), positive(2)],
                   _FORMULAS[operation])  # fmt: skip
    yield Case(
        "threshold",
        "value of a tensor",
        lambda m, x, value: m.threshold(x, 0.1, value),
        [signed(3, 2), normal(2)],
        lambda x, value: np.where(x > 0.1, x, value),
    )


def _with_slopes() -> Iterator[Case]:
    def slopes(x: np.ndarray, weight: np.ndarray) -> np.ndarray:
        weight = weight.reshape(-1, *(1,) * (x.ndim - 2)) if weight.size > 1 else weight.reshape(())
        return np.where(x > 0, x, x * weight)

    for shape, weight in [
        ((2, 3), (3,)),
        ((2, 3, 2), (3,)),
        ((2, 3), (1,)),
        ((4,), ()),
        ((), (1,)),
    ]:
        arrays = [signed(*shape), normal(*weight)]
        yield Case("prelu", f"{shape} {weight}", named("prelu"), arrays, slopes)


def _gates() -> Iterator[Case]:
    for shape, axis in [((2, 4), -1), ((4, 3), 0), ((2, 2, 3), 1), ((0, 2), -1)]:

        def gated(x: np.ndarray, axis: int = axis) -> Any:
            values, gates = np.split(x, 2, axis)
            return values * _sigmoid(gates)

        yield Case("glu", f"{shape} {axis}", named("glu", axis), [normal(*shape)], gated)


def _normalised(x: np.ndarray, axes: Any, eps: float) -> Any:
    mean = x.mean(axis=axes, keepdims=True)
    return (x - mean) / np.sqrt(x.var(axis=axes, keepdims=True) + eps)


def _norms() -> Iterator[Case]:
    def by_channel(x: np.ndarray, values: np.ndarray) -> Any:
        return values.reshape(-1, *(1,) * (x.ndim - 2))

    for shape, groups, eps in [((2, 4, 3), 2, 1e-5), ((3, 4), 1, 0.5), ((1, 3, 2, 2), 3, 1e-5),
                               ((0, 2, 2), 1, 1e-5)]:  # fmt: skip

        def group(
            x: np.ndarray, weight: Any = None, bias: Any = None, groups: int = groups,
            eps: float = eps,
        ) -> Any:  # fmt: skip
            parts = [
                _normalised(part, tuple(range(1, x.ndim)), eps)
                for part in np.split(x, groups, axis=1)
            ]
            out = np.concatenate(parts, axis=1)
            if weight is None:
                return out
            return out * by_channel(x, weight) + by_channel(x, bias)

        arrays = [normal(*shape), positive(shape[1]), normal(shape[1])]
        call = lambda m, x, weight, bias, groups=groups, eps=eps: m.group_norm(  # noqa: E731
            x, groups, weight, bias, eps
        )
        yield Case("group_norm", f"{shape} {groups}", call, arrays, group)
        alone = named("group_norm", groups, eps=eps)
        yield Case("group_norm", f"{shape} {groups} alone", alone, [normal(*shape)], group)
    for shape in [(2, 3, 4), (1, 2, 2, 2)]:

        def instance(x: np.ndarray, weight: Any = 1.0, bias: Any = 0.0) -> Any:
            out = _normalised(x, tuple(range(2, x.ndim)), 1e-5)
            if np.ndim(weight) == 0:
                return out
            return out * by_channel(x, weight) + by_channel(x, bias)

        arrays = [normal(*shape), positive(shape[1]), normal(shape[1])]
        yield Case("instance_norm", f"{shape}", named("instance_norm"), arrays, instance)
        yield Case("instance_norm", f"{shape} alone", named("instance_norm"), arrays[:1], instance)
    for shape, axis, eps in [((2, 4), -1, 0.5), ((2, 3, 4), (-1, 1), 0.1), ((3, 2, 2), 0, None),
                             ((0, 3), -1, None)]:  # fmt: skip
        axes = tuple(i % len(shape) for i in np.atleast_1d(axis))
        sizes = [n if i in axes else 1 for i, n in enumerate(shape)]
        affine = tuple(n for i, n in enumerate(shape) if i in axes)

        def rms(
            x: np.ndarray, weight: Any = None, axes: Any = axes, eps: Any = eps, sizes: Any = sizes
        ) -> Any:
            size = np.sqrt((x * x).mean(axis=axes, keepdims=True) + (eps or 2.0**-52))
            return x / size * (1 if weight is None else weight.reshape(sizes))

        call = named("rms_norm", axis=axis, eps=eps)
        arrays = [normal(*shape), positive(*affine)]
        yield Case("rms_norm", f"{shape} {axis}", call, arrays, rms)
        yield Case("rms_norm", f"{shape} {axis} alone", call, arrays[:1], rms)


FAMILIES = (_elementwise, _with_slopes, _gates, _norms)
