"""Lets PyTorch's convolutions, poolings and interpolation take the arguments that ours take.

PyTorch knows one width for both ends of an axis; different ones are put around the images first.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np
from torch.nn import functional

from .peer_adapters import many


def both(numbers: Any, axes: int) -> list[int]:
    """Read numbers for one axis or two as numbers for two: PyTorch knows images only."""
    return [1] * (2 - axes) + np.broadcast_to(numbers, axes).tolist()


def sliding_windows(x: Any, kernel: Any, stride: Any = 1, dilation: Any = 1) -> Any:
    kernel = many(kernel)
    axes = len(kernel)
    before, sizes = x.shape[: x.ndim - axes], x.shape[x.ndim - axes :]
    images = x.reshape(math.prod(before), 1, *both(sizes, axes))
    steps = {"stride": both(stride, axes), "dilation": both(dilation, axes)}
    windows = functional.unfold(images, both(kernel, axes), **steps)
    each = zip(sizes, kernel, *(n[-axes:] for n in steps.values()), strict=True)
    places = [(n - (k - 1) * d - 1) // s + 1 for n, k, s, d in each]
    return windows.reshape(*before, *kernel, *places)


def overlap_add(x: Any, shape: Any, stride: Any = 1, dilation: Any = 1) -> Any:
    axes = x.ndim - len(shape)
    before = len(shape) - axes
    kernel, places = x.shape[before : before + axes], x.shape[before + axes :]
    columns = x.reshape(*map(math.prod, (shape[:before], kernel, places)))
    steps = {"stride": both(stride, axes), "dilation": both(dilation, axes)}
    sizes = both(shape[before:], axes), both(kernel, axes)
    return functional.fold(columns, *sizes, **steps).reshape(shape)


def framed(x: Any, padding: Any, value: float = 0.0) -> tuple[Any, Any]:
    """Put a border of pairs around images; return them and the padding that is left to do."""
    if isinstance(padding, str) or np.ndim(padding) < 2:
        return x, padding
    widths = [n for pair in reversed(padding) for n in pair]
    return functional.pad(x, widths, value=value), 0


def convolution(function: Callable[..., Any]) -> Callable[..., Any]:
    """Let a convolution take arrays beside tensors, and pairs of widths."""

    def convolve(x: Any, weight: Any, *bias: Any, padding: Any = 0, **metadata: Any) -> Any:
        x, padding = framed(x.to(weight.dtype), padding)
        return function(x, weight, *bias, padding=padding, **metadata)

    return convolve


def transposed(function: Callable[..., Any]) -> Callable[..., Any]:
    """Let a transposed convolution remove pairs of widths: it is what remains of all of it."""

    def convolve(x: Any, weight: Any, *bias: Any, padding: Any = 0, **metadata: Any) -> Any:
        if np.ndim(padding) < 2:
            return function(x, weight, *bias, padding=padding, **metadata)
        out = function(x, weight, *bias, **metadata)
        return functional.pad(out, [-n for pair in reversed(padding) for n in pair])

    return convolve


def pooling(function: Callable[..., Any], axes: int) -> Callable[..., Any]:
    """Let a pooling take images without channels, and borders of pairs: PyTorch's does not."""

    def pool(x: Any, size: Any, stride: Any = None, padding: Any = 0, *more: Any, **kw: Any) -> Any:
        ahead, sizes = x.shape[: x.ndim - axes], x.shape[x.ndim - axes :]
        images = x.reshape(math.prod(ahead), 1, *sizes)
        if "adaptive" in function.__name__:
            out = function(images, size)
        else:
            if padding == "same":
                totals = np.broadcast_to(size, axes) - 1
                padding = [(n // 2, n - n // 2) for n in totals.tolist()]
            outside = -math.inf if "max" in function.__name__ else 0.0
            images, padding = framed(images, padding, outside)
            out = function(images, size, stride, padding, *more, **kw)
        return out.reshape(*ahead, *out.shape[2:])

    return pool


def interpolate(x: Any, size: Any = None, **keywords: Any) -> Any:
    return functional.interpolate(x, size, **keywords)


def max_unpool2d(x: Any, indices: Any, kernel_size: Any, **keywords: Any) -> Any:
    images = [a.reshape(1, math.prod(a.shape[:-2]), *a.shape[-2:]) for a in (x, indices)]
    if "output_size" in keywords:
        keywords["output_size"] = keywords["output_size"][-2:]
    out = functional.max_unpool2d(*images, kernel_size, **keywords)
    return out.reshape(*x.shape[:-2], *out.shape[-2:])
