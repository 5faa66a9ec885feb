"""Rows of the table for operations on elements, and for sums and products."""

from __future__ import annotations

import functools
import math
from collections.abc import Sequence

import numpy as np

from tinygrad_edu.ops import special

from .sizes import Size
from .table import Call, primitive_row

__all__: list[str] = []

_ONE_NODE = {
    "absolute": "Abs", "arccos": "Acos", "arccosh": "Acosh", "arcsin": "Asin", "arcsinh": "Asinh",
    "arctan": "Atan", "arctanh": "Atanh", "cos": "Cos", "cosh": "Cosh", "exp": "Exp",
    "log": "Log", "negative": "Neg", "relu": "Relu", "sigmoid": "Sigmoid", "sign": "Sign",
    "sin": "Sin", "sinh": "Sinh", "sqrt": "Sqrt", "tan": "Tan", "tanh": "Tanh", "add": "Add",
    "subtract": "Sub", "multiply": "Mul", "divide": "Div", "power": "Pow", "maximum": "Max",
    "minimum": "Min", "copy": "Identity", "matmul": "MatMul",
}  # fmt: skip


def _one_node(call: Call, kind: str) -> str:
    return str(call.graph.add(kind, *call.names()))


for _name, _kind in _ONE_NODE.items():
    primitive_row(_name)(functools.partial(_one_node, kind=_kind))


@primitive_row("erf")
def _erf(call: Call) -> str:
    (x,) = call.names()
    return _error_function(call, x)


def _error_function(call: Call, x: str) -> str:
    """Compute erf(x); for float64 as the engine does: ONNX Runtime is exact to 1e-8 only."""
    add, number = call.graph.add, call.number
    if call.dtype != np.float64:
        return str(add("Erf", x))
    size = add("Abs", x)
    small = add("Min", size, number(1.0))
    near = add("Mul", x, _quotient(call, add("Mul", small, small), special._NEAR))
    large = add("Min", add("Max", size, number(1.0)), number(6.0))
    tail = add("Exp", add("Neg", add("Mul", large, large)))
    far = add("Sub", number(1.0), add("Mul", tail, _quotient(call, large, special._FAR)))
    return str(add("Where", add("Less", size, number(1.0)), near, add("Mul", add("Sign", x), far)))


def _quotient(call: Call, t: str, polynomials: Sequence[Sequence[float]]) -> str:
    """Compute a quotient of two polynomials, by Horner's rule."""
    add, found = call.graph.add, []
    for *others, last in polynomials:
        total = call.number(last)
        for coefficient in others[::-1]:
            total = add("Add", add("Mul", total, t), call.number(coefficient))
        found.append(total)
    return str(add("Div", *found))


@primitive_row("exp2")
def _exp2(call: Call) -> str:
    return str(call.graph.add("Pow", call.number(2.0), *call.names()))


@primitive_row("expm1")
def _expm1(call: Call) -> str:
    """Near 0, ``exp(x) - 1`` is ``2 h / (1 - h)`` with ``h = tanh(x / 2)``: nothing cancels."""
    add, (x,) = call.graph.add, call.names()
    h = add("Tanh", add("Mul", x, call.number(0.5)))
    near = add("Div", add("Mul", h, call.number(2.0)), add("Sub", call.number(1.0), h))
    far = add("Sub", add("Exp", x), call.number(1.0))
    return str(add("Where", add("Less", x, call.number(0.5)), near, far))


@primitive_row("log1p")
def _log1p(call: Call) -> str:
    (x,) = call.names()
    return _log_of_one_and(call, x)


def _log_of_one_and(call: Call, x: str) -> str:
    """Compute log(1 + x); near 0, the rounding of 1 + x is divided out."""
    add = call.graph.add
    u = add("Add", x, call.number(1.0))
    rounded = add("Sub", u, call.number(1.0))
    is_tiny = add("Equal", rounded, call.number(0.0))
    is_large = add("Greater", x, call.number(1.0))
    safe = add("Where", is_tiny, call.number(1.0), rounded)
    near = add("Mul", add("Log", u), add("Div", x, safe))
    return str(add("Where", is_large, add("Log", u), add("Where", is_tiny, x, near)))


def _scaled_log(call: Call, base: float) -> str:
    (x,) = call.names()
    return str(call.graph.add("Mul", call.graph.add("Log", x), call.number(1 / math.log(base))))


primitive_row("log2")(functools.partial(_scaled_log, base=2.0))
primitive_row("log10")(functools.partial(_scaled_log, base=10.0))


@primitive_row("cbrt")
def _cbrt(call: Call) -> str:
    add, (x,) = call.graph.add, call.names()
    return str(add("Mul", add("Sign", x), add("Pow", add("Abs", x), call.number(1 / 3))))


@primitive_row("logaddexp")
def _logaddexp(call: Call) -> str:
    """``max(x, y) + log(1 + exp(-|x - y|))``; equal infinities have a difference of 0."""
    add, (x, y) = call.graph.add, call.names()
    is_equal = add("Equal", x, y)
    gap = add("Where", is_equal, call.number(0.0), add("Abs", add("Sub", x, y)))
    return str(add("Add", add("Max", x, y), _log_of_one_and(call, add("Exp", add("Neg", gap)))))


@primitive_row("xlogy")
def _xlogy(call: Call) -> str:
    add, (x, y) = call.graph.add, call.names()
    is_zero = add("Equal", x, call.number(0.0))
    product = add("Mul", x, add("Log", add("Where", is_zero, call.number(1.0), y)))
    return str(add("Where", is_zero, call.number(0.0), product))


@primitive_row("clip")
def _clip(call: Call) -> str:
    (x,) = call.names()
    for key, kind in (("min", "Max"), ("max", "Min")):
        bound = call.params.get(key)
        if bound is not None:
            name = bound.of(call.dtype) if hasattr(bound, "of") else call.number(bound)
            x = call.graph.add(kind, x, name)
    return x


@primitive_row("where")
def _where(call: Call) -> str:
    condition, x, y = call.operands
    name = condition.of(np.bool)
    return str(call.graph.add("Where", name, x.of(call.dtype), y.of(call.dtype)))


@primitive_row("astype")
def _astype(call: Call) -> str:
    return call.operands[0].of(call.dtype)


@primitive_row("silu")
def _silu(call: Call) -> str:
    (x,) = call.names()
    return str(call.graph.add("Mul", x, call.graph.add("Sigmoid", x)))


@primitive_row("gelu")
def _gelu(call: Call) -> str:
    add, (x,) = call.graph.add, call.names()
    if call.params.get("approximate", "none") == "tanh":
        # Beyond 100 tanh is 1, and the cube of a larger number overflows.
        inner = add("Max", add("Min", x, call.number(100.0)), call.number(-100.0))
        square = add("Mul", inner, inner)
        bent = add("Add", add("Mul", square, call.number(0.044715)), call.number(1.0))
        bent = add("Mul", add("Mul", inner, bent), call.number(math.sqrt(2 / math.pi)))
        share = add("Tanh", bent)
    else:
        share = _error_function(call, add("Mul", x, call.number(0.5**0.5)))
    return str(add("Mul", add("Mul", x, call.number(0.5)), add("Add", share, call.number(1.0))))


def _along(call: Call, kind: str) -> str:
    (axis,) = call.axes(call.params.get("axis", -1))
    return str(call.graph.add(kind, *call.names(), axis=axis))


primitive_row("softmax")(functools.partial(_along, kind="Softmax"))
primitive_row("log_softmax")(functools.partial(_along, kind="LogSoftmax"))


# Sums -----------------------------------------------------------------------------------------


def _reduced(call: Call, kind: str) -> str:
    graph, axes = call.graph, call.axes(call.params.get("axis"))
    (x,), keeps = call.names(), bool(call.params.get("keepdims", False))
    growing = [size for axis in axes if isinstance(size := call.operands[0].shape[axis], Size)]
    if kind != "ReduceMean" or not growing:
        return graph.reduce(kind, x, axes, keeps)
    counts = graph.sizes([call.operands[0].shape[axis] for axis in axes])
    count = graph.cast(graph.add("ReduceProd", counts, keepdims=0), call.dtype)
    return str(graph.add("Div", graph.reduce("ReduceSum", x, axes, keeps), count))


_REDUCTIONS = {
    "sum": "ReduceSum", "mean": "ReduceMean", "prod": "ReduceProd", "max": "ReduceMax",
    "min": "ReduceMin", "euclidean_norm": "ReduceL2",
}  # fmt: skip
for _name, _kind in _REDUCTIONS.items():
    primitive_row(_name)(functools.partial(_reduced, kind=_kind))


@primitive_row("logsumexp")
def _logsumexp(call: Call) -> str:
    """The largest element is subtracted first, unless it is infinite."""
    add, (x,), axes = call.graph.add, call.names(), call.axes(call.params.get("axis"))
    largest = call.graph.reduce("ReduceMax", x, axes, True)
    shift = add("Where", add("IsInf", largest), call.number(0.0), largest)
    total = call.graph.reduce("ReduceSum", add("Exp", add("Sub", x, shift)), axes, True)
    result = str(add("Add", add("Log", total), shift))
    keeps = call.params.get("keepdims", False)
    return result if keeps else str(add("Squeeze", result, call.graph.whole(*axes)))


@primitive_row("cumsum")
def _cumsum(call: Call) -> str:
    axis = call.params.get("axis")
    (x,) = call.names()
    if axis is None:
        x, axis = call.graph.reshape(x, call.shape), 0
    axis = int(axis) % len(call.shape)
    return str(call.graph.add("CumSum", x, call.graph.constant(np.asarray(axis, np.int64))))


@primitive_row("einsum")
def _einsum(call: Call) -> str:
    """An empty batch ends the process of ONNX Runtime 1.32, so it gets rows of zeros."""
    graph, names = call.graph, []
    for operand in call.operands:
        growing = [axis for axis, size in enumerate(operand.shape) if isinstance(size, Size)]
        name = operand.of(call.dtype)
        for axis in growing:
            name = graph.not_empty(name, operand.shape, axis, call.dtype)
        names.append(name)
    name = str(graph.add("Einsum", *names, equation=call.params["subscripts"]))
    axes = [axis for axis, size in enumerate(call.shape) if isinstance(size, Size)]
    if not axes:
        return name
    return graph.slice(name, [0] * len(axes), [call.shape[axis] for axis in axes], axes)


@primitive_row("linear")
def _linear(call: Call) -> str:
    x, weight, bias = call.names()
    if call.operands[0].ndim == 2:
        return str(call.graph.add("Gemm", x, weight, bias))
    return str(call.graph.add("Add", call.graph.add("MatMul", x, weight), bias))
