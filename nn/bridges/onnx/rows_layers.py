"""Rows of the table for convolution, pooling and normalisation.

For float64, runtimes have no kernels of convolution and pooling; then their parts are translated.
"""

from __future__ import annotations

import functools
from collections.abc import Mapping
from typing import Any

import numpy as np

from tinygrad_edu.ops.networks.convolution import border_of
from tinygrad_edu.ops.networks.windows import for_each_axis

from .graph import Value
from .table import Call, composed_row, fixed, primitive_row

__all__: list[str] = []


def _windows(call: Call, axes: int, kernel: Any, default_stride: Any = 1) -> dict[str, Any]:
    """Return the attributes of windows."""
    params = call.params
    stride = params.get("stride")
    stride = default_stride if stride is None else stride
    stride = for_each_axis("stride", stride, axes, 1)
    dilation = for_each_axis("dilation", params.get("dilation", 1), axes, 1)
    border = border_of(params.get("padding", 0), kernel, stride, dilation)
    before, after = zip(*border, strict=True)
    return {
        "kernel_shape": list(kernel),
        "strides": list(stride),
        "dilations": list(dilation),
        "pads": [*before, *after],
    }


def _kernel(weight: Value) -> tuple[int, ...]:
    return tuple(fixed(size, "a kernel") for size in weight.shape[2:])


def _convolution(call: Call, axes: int) -> str:
    x, weight, bias = (call.params[key] for key in ("x", "weight", "bias"))
    names = [value.of(call.dtype) for value in (x, weight) + (() if bias is None else (bias,))]
    options = _windows(call, axes, _kernel(weight))
    return str(call.graph.add("Conv", *names, group=int(call.params["groups"]), **options))


def _transposed(call: Call, axes: int) -> str:
    x, weight, bias = (call.params[key] for key in ("x", "weight", "bias"))
    names = [value.of(call.dtype) for value in (x, weight) + (() if bias is None else (bias,))]
    options = _windows(call, axes, _kernel(weight))
    added = for_each_axis("output_padding", call.params.get("output_padding", 0), axes, 0)
    groups = int(call.params["groups"])
    return str(
        call.graph.add("ConvTranspose", *names, group=groups, output_padding=list(added), **options)
    )


def _is_plain_pool(params: Mapping[str, Any], axes: int) -> bool:
    x = params["x"]
    return (
        not params.get("ceil_mode")
        and not params.get("return_indices")
        and params.get("divisor_override") is None
        and len(x.shape) == axes + 2
    )


def _pooled(call: Call, kind: str, axes: int) -> str:
    kernel = for_each_axis("kernel_size", call.params["kernel_size"], axes, 1)
    options = _windows(call, axes, kernel, kernel)
    if kind == "AveragePool":
        del options["dilations"]
        options["count_include_pad"] = int(call.params.get("count_include_pad", True))
    return str(call.graph.add(kind, call.params["x"].of(call.dtype), **options))


for _axes in (1, 2, 3):
    composed_row(f"conv{_axes}d", only_float32=True)(functools.partial(_convolution, axes=_axes))
    composed_row(f"conv_transpose{_axes}d", only_float32=True)(
        functools.partial(_transposed, axes=_axes)
    )
    for _name, _kind in (("max_pool", "MaxPool"), ("avg_pool", "AveragePool")):
        composed_row(
            f"{_name}{_axes}d",
            only_float32=True,
            applies=functools.partial(_is_plain_pool, axes=_axes),
        )(functools.partial(_pooled, kind=_kind, axes=_axes))


# Normalisation --------------------------------------------------------------------------------


def _is_over_last(call: Call) -> bool:
    """Whether LayerNormalization computes this: the last axes, and weights of their shape."""
    x, weight, bias = call.operands
    axes = [int(axis) for axis in call.params["axes"]]
    sizes = x.shape[-len(axes) :]
    return (
        axes == list(range(x.ndim - len(axes), x.ndim))
        and call.dtype == np.float32
        and weight.shape == bias.shape == sizes
    )


@primitive_row("layer_norm", "batch_norm")
def _normalised(call: Call) -> str:
    """Subtract the mean and divide by the deviation along some axes; then scale and shift."""
    add, eps = call.graph.add, float(call.params["eps"])
    axes = [int(axis) for axis in call.params["axes"]]
    x, weight, bias = call.names()
    if _is_over_last(call):
        return str(add("LayerNormalization", x, weight, bias, axis=axes[0], epsilon=eps))
    centred = add("Sub", x, call.graph.reduce("ReduceMean", x, axes, True))
    variance = call.graph.reduce("ReduceMean", add("Mul", centred, centred), axes, True)
    deviation = add("Sqrt", add("Add", variance, call.number(eps)))
    return str(add("Add", add("Mul", add("Div", centred, deviation), weight), bias))
