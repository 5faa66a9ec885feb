"""Operations between layers, by hand: sums, products, slices, reshapes and activations.

Each takes the shape of its result, arrays and parameters, and returns its result with the way back.
It is plain NumPy and shares nothing with the engine, whose names for the operations it uses.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from .. import affine, delta_rule

__all__ = ["OPERATIONS"]

Array: TypeAlias = NDArray[Any]
Shape: TypeAlias = tuple[int, ...]
Ran: TypeAlias = tuple[tuple[Array, ...], Callable[..., Any]]


def _unbroadcast(g: Array, x: Any) -> Array:
    """Add up a gradient over the axes along which an operand was repeated."""
    shape = np.shape(x)
    g = g.sum(axis=tuple(range(g.ndim - len(shape))))
    axes = tuple(k for k, size in enumerate(shape) if size == 1 and g.shape[k] != 1)
    return np.asarray(g.sum(axis=axes, keepdims=True))


def _elementwise(
    f: Callable[[Any, Any], Array], backward: Callable[[Array, Any, Any], tuple[Array, Array]]
) -> Callable[..., Ran]:
    """Return an operation of two operands, which broadcast."""

    def run(shape: Shape, x: Any, y: Any, /) -> Ran:
        def back(g: Array) -> Any:
            dx, dy = backward(g, x, y)
            return (_unbroadcast(dx, x), _unbroadcast(dy, y)), {}

        return (np.asarray(f(x, y)),), back

    return run


def _power_backward(g: Array, x: Any, n: Any) -> tuple[Array, Array]:
    with np.errstate(all="ignore"):  # the logarithm matters only where the exponent is learned
        return g * n * np.power(x, n - 1.0), g * np.power(x, n) * np.log(x)


def _negative(shape: Shape, x: Array, /) -> Ran:
    return (-x,), lambda g: ((-g,), {})


def _matmul(shape: Shape, x: Array, y: Array, /) -> Ran:
    def back(g: Array) -> Any:
        dx, dy = g @ y.swapaxes(-1, -2), x.swapaxes(-1, -2) @ g
        return (_unbroadcast(dx, x), _unbroadcast(dy, y)), {}

    return (x @ y,), back


def _linear(shape: Shape, x: Array, W: Array, b: Any, /) -> Ran:
    return (affine.forward(x, W, b),), lambda g: (affine.backward(g, x, W), {})


# Values that are only moved -------------------------------------------------------------------


def _reshape(shape: Shape, x: Array, /, **_: Any) -> Ran:
    return (x.reshape(shape),), lambda g: ((g.reshape(x.shape),), {})


def _transpose(shape: Shape, x: Array, /, axes: Any = None) -> Ran:
    order = tuple(range(x.ndim))[::-1] if axes is None else tuple(axis % x.ndim for axis in axes)
    return (x.transpose(order),), lambda g: ((g.transpose(np.argsort(order)),), {})


def _getitem(shape: Shape, x: Array, /, index: Any) -> Ran:
    def back(g: Array) -> Any:
        dx = np.zeros(x.shape)
        np.add.at(dx, index, g)  # a place that is taken twice gets both gradients
        return (dx,), {}

    return (x[index],), back


def _concatenate(shape: Shape, /, *arrays: Array, axis: int = 0) -> Ran:
    ends = np.cumsum([array.shape[axis] for array in arrays])[:-1]
    return (np.concatenate(arrays, axis),), lambda g: (tuple(np.split(g, ends, axis)), {})


def _summed(averages: bool) -> Callable[..., Ran]:
    def run(shape: Shape, x: Array, /, axis: Any = None, keepdims: bool = False) -> Ran:
        out = np.asarray(x.sum(axis=axis, keepdims=keepdims))
        count = x.size / max(out.size, 1) if averages else 1

        def back(g: Array) -> Any:
            if not keepdims and axis is not None:
                g = np.expand_dims(g, axis)
            return (np.broadcast_to(g, x.shape) / count,), {}

        return (out / count,), back

    return run


# Activations ----------------------------------------------------------------------------------


def _hidden(name: str) -> Callable[..., Ran]:
    """Return an activation of `delta_rule`."""

    def run(shape: Shape, x: Array, /) -> Ran:
        f, derivative = delta_rule.HIDDEN[name]
        a = f(x)
        return (a,), lambda g: ((g * derivative(a),), {})

    return run


_erf = np.vectorize(math.erf, otypes=[float])  # NumPy has none


def _gelu(shape: Shape, x: Array, /, approximate: str = "none") -> Ran:
    """Run ``x Φ(x)``, with the normal distribution function Φ or its approximation."""
    if approximate == "none":
        share = (1 + _erf(x / math.sqrt(2))) / 2
        density = np.exp(-(x**2) / 2) / math.sqrt(2 * math.pi)
    else:
        c = math.sqrt(2 / math.pi)
        t = np.tanh(c * (x + 0.044715 * x**3))
        share, density = (1 + t) / 2, (1 - t**2) / 2 * c * (1 + 3 * 0.044715 * x**2)
    return (x * share,), lambda g: ((g * (share + x * density),), {})


def _silu(shape: Shape, x: Array, /) -> Ran:
    f, derivative = delta_rule.HIDDEN["sigmoid"]
    s = f(x)
    return (x * s,), lambda g: ((g * (s + x * derivative(s)),), {})


OPERATIONS: dict[str, Callable[..., Ran]] = {
    "add": _elementwise(np.add, lambda g, x, y: (g, g)),
    "subtract": _elementwise(np.subtract, lambda g, x, y: (g, -g)),
    "multiply": _elementwise(np.multiply, lambda g, x, y: (g * y, g * x)),
    "divide": _elementwise(np.divide, lambda g, x, y: (g / y, -g * x / y**2)),
    "power": _elementwise(np.power, _power_backward),
    "negative": _negative,
    "matmul": _matmul,
    "linear": _linear,
    "reshape": _reshape,
    "transpose": _transpose,
    "getitem": _getitem,
    "concatenate": _concatenate,
    "sum": _summed(False),
    "mean": _summed(True),
    "relu": _hidden("relu"),
    "tanh": _hidden("tanh"),
    "sigmoid": _hidden("sigmoid"),
    "gelu": _gelu,
    "silu": _silu,
}
"""By the names of the engine's operations."""
