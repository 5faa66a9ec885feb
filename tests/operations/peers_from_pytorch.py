"""PyTorch for the functions that follow PyTorch; most are its own.

The other operations are in `peers.py`.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from torch.nn import functional

from .peer_adapters import axes_of, elementwise


def framed(name: str) -> Callable[..., Any]:
    """Let a function of images take borders of two widths: PyTorch knows these only as a step."""
    function, axes, is_pool = getattr(functional, name), int(name[-2]), "pool" in name

    def on_images(x: Any, *arguments: Any, **settings: Any) -> Any:
        padding = settings.get("padding", 0)
        if not isinstance(padding, str) and np.ndim(padding) == 2:
            value = -math.inf if "max" in name else 0.0
            widths = np.ravel(padding[::-1]).tolist()
            del settings["padding"]
            if settings.pop("count_include_pad", True) is False:
                inside = functional.pad(torch.ones_like(x), widths)
                return on_images(functional.pad(x, widths), *arguments, **settings) / on_images(
                    inside, *arguments, **settings
                )
            x = functional.pad(x, widths, value=value)
        if not is_pool:
            return function(x.to(arguments[0].dtype), *arguments, **settings)
        batch = x.shape[: x.ndim - axes]  # its pooling wants channels
        x = x.reshape(math.prod(batch), 1, *x.shape[x.ndim - axes :])
        out = function(x, *arguments, **settings)
        return out.reshape(*batch, *out.shape[2:])

    return on_images


def adaptive(function: Callable[..., Any], axes: int) -> Callable[..., Any]:
    """Let an adaptive pooling take what comes without a batch."""

    def pool(x: Any, size: Any) -> Any:
        batch = x.shape[: x.ndim - axes]
        images = x.reshape(math.prod(batch), 1, *x.shape[x.ndim - axes :])
        out = function(images, size)
        return out.reshape(*batch, *out.shape[2:])

    return pool


def rms_norm(x: Any, weight: Any = None, *, axis: Any = -1, eps: Any = None) -> Any:
    axes = sorted(axes_of(x, axis))
    ends = list(range(-len(axes), 0))
    sizes = [x.shape[i] for i in axes]
    return functional.rms_norm(x.movedim(axes, ends), sizes, weight, eps).movedim(ends, axes)


def instance_norm(x: Any, weight: Any = None, bias: Any = None, *, eps: float = 1e-5) -> Any:
    return functional.instance_norm(x, weight=weight, bias=bias, eps=eps)


def unpool(x: Any, indices: Any, kernel: Any, *more: Any) -> Any:
    images = x.reshape(math.prod(x.shape[:-2]), 1, *x.shape[-2:])
    places = torch.from_numpy(indices).reshape(images.shape)
    out = functional.max_unpool2d(images, places, kernel, *more)
    return out.reshape(*x.shape[:-2], *out.shape[2:])


FROM_PYTORCH: dict[str, Callable[..., Any]] = {
    # Activations
    **{
        name: elementwise(getattr(functional, name))
        for name in ("hardswish", "mish", "relu6", "softsign", "tanhshrink")
    },
    "celu": lambda x, alpha=1.0: torch.where(x > 0, x, alpha * torch.expm1(x / alpha)),
    "glu": functional.glu,
    # Its own has no second derivative.
    "hardsigmoid": lambda x: functional.relu6(x + 3) / 6,
    "hardshrink": functional.hardshrink,
    "prelu": functional.prelu,
    "quick_gelu": lambda x: x * torch.sigmoid(1.702 * x),
    "softshrink": lambda x, lambd=0.5: torch.sign(x) * functional.relu(x.abs() - lambd),
    "threshold": lambda x, limit, value: torch.where(x > limit, x, value),
    # Normalisation
    "group_norm": functional.group_norm,
    "instance_norm": instance_norm,
    "rms_norm": rms_norm,
    # Windows
    **{
        name: framed(name)
        for n in (1, 2, 3)
        for name in (f"avg_pool{n}d", f"conv{n}d", f"max_pool{n}d")
    },
    **{name: getattr(functional, name) for name in ("pixel_shuffle", "pixel_unshuffle")},
    **{f"conv_transpose{n}d": getattr(functional, f"conv_transpose{n}d") for n in (1, 2, 3)},
    **{
        name: adaptive(getattr(functional, name), int(name[-2]))
        for kind in ("avg", "max")
        for n in (1, 2, 3)
        if (name := f"adaptive_{kind}_pool{n}d") != "adaptive_max_pool3d"
    },
    "interpolate": functional.interpolate,
    "max_unpool2d": unpool,
}
