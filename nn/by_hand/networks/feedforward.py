"""How layers without a memory run by hand: linear layers, convolution, pooling, normalization.

The derivations are those of `nn.by_hand`, in plain NumPy; here the options of a layer are read, and
shapes are brought into the form of the textbook.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from ...layers import AvgPool2d, Conv2d, Flatten, LayerNorm, Linear, MaxPool2d, Unflatten
from .. import affine, batch_norm, convolution, layer_norm, pooling
from .derivation import Array, Ran, gradients_kept, values_of

__all__ = [
    "conv2d",
    "linear",
    "normed_channels",
    "normed_rows",
    "pooled",
    "refuses_windows",
    "reshaped",
]


# Layers without a memory ----------------------------------------------------------------------


def linear(layer: Linear, x: Array) -> Ran:
    """Run a linear layer."""
    W = values_of(layer.weight)

    def back(g: Array) -> Any:
        dx, dW, db = affine.backward(g, x, W)
        return (dx,), gradients_kept(layer, weight=dW, bias=db)

    return (affine.forward(x, W, values_of(layer.bias)),), back


def reshaped(layer: Any, x: Array) -> Ran:
    """Flatten or unflatten: only the shape changes, and changes back."""
    shape = _flat(layer, x) if isinstance(layer, Flatten) else _split(layer, x)
    return (x.reshape(shape),), lambda g: ((g.reshape(x.shape),), {})


def _flat(layer: Flatten, x: Array) -> tuple[int, ...]:
    first, last = range(x.ndim)[layer.start_dim], range(x.ndim)[layer.end_dim]
    return (*x.shape[:first], -1, *x.shape[last + 1 :])


def _split(layer: Unflatten, x: Array) -> tuple[int, ...]:
    axis = layer.dim % x.ndim
    return (*x.shape[:axis], *layer.unflattened_size, *x.shape[axis + 1 :])


# Images ---------------------------------------------------------------------------------------


def _as_batch(x: Array) -> Array:
    """Give a single image the axis of a batch."""
    return x if x.ndim == 4 else x[None]


def conv2d(layer: Conv2d, x: Array) -> Ran:
    """Run a convolution of images."""
    W, b = values_of(layer.weight), values_of(layer.bias, 0.0)
    b = np.broadcast_to(b, len(W))
    images, (stride, padding) = _as_batch(x), _windows(layer)
    out = convolution.forward(images, W, b, stride, padding)

    def back(g: Array) -> Any:
        dx, dW, db = convolution.backward(_as_batch(g), images, W, stride, padding)
        return (dx.reshape(x.shape),), gradients_kept(layer, weight=dW, bias=db)

    return (out if x.ndim == 4 else out[0],), back


def _windows(layer: Conv2d) -> tuple[Any, Any]:
    """Return the stride and the padding."""
    return layer.stride, 0 if layer.padding == "valid" else layer.padding


def refuses_windows(layer: Any) -> str:
    """Name what is not derived of a convolution or a pooling layer."""
    if getattr(layer, "groups", 1) != 1:
        return f"groups={layer.groups}"
    if set(layer.dilation) != {1}:
        return f"dilation={layer.dilation}"
    if getattr(layer, "padding_mode", "zeros") != "zeros" and layer.padding != "valid":
        return f"padding_mode={layer.padding_mode!r}"
    if layer.padding == "same" or any(isinstance(p, tuple) for p in layer.padding):
        return f"padding={layer.padding!r}"
    if isinstance(layer, MaxPool2d | AvgPool2d) and any(layer.padding):
        return f"padding={layer.padding}"
    for option in ("ceil_mode", "return_indices"):
        if getattr(layer, option, False):
            return f"{option}=True"
    return ""


def pooled(forward: str, backward: str) -> Callable[..., Ran]:
    """Return the derivation of a pooling layer; its functions are looked up when it runs."""

    def run(layer: Any, x: Array) -> Ran:
        out, kept = getattr(pooling, forward)(_as_batch(x), layer.kernel_size, layer.stride)

        def back(g: Array) -> Any:
            dx = getattr(pooling, backward)(_as_batch(g), kept)
            return (dx.reshape(x.shape),), {}

        return (out if x.ndim == 4 else out[0],), back

    return run


# Normalization ---------------------------------------------------------------------------------


def normed_rows(layer: LayerNorm, x: Array) -> Ran:
    """Normalize over the last axes, which become one."""
    axes = len(layer.normalized_shape)
    flat = (*x.shape[: x.ndim - axes], -1)
    gamma = np.broadcast_to(values_of(layer.weight, 1.0), layer.normalized_shape).ravel()
    beta = np.broadcast_to(values_of(layer.bias, 0.0), layer.normalized_shape).ravel()
    out, kept = layer_norm.forward(x.reshape(flat), gamma, beta, layer.eps)

    def back(g: Array) -> Any:
        dx, dgamma, dbeta = layer_norm.backward(g.reshape(flat), kept)
        shape = layer.normalized_shape
        found = gradients_kept(layer, weight=dgamma.reshape(shape), bias=dbeta.reshape(shape))
        return (dx.reshape(x.shape),), found

    return (out.reshape(x.shape),), back


def normed_channels(layer: Any, x: Array) -> Ran:
    """Normalize by the batch in training, and by the running averages in evaluation."""
    gamma = np.broadcast_to(values_of(layer.weight, 1.0), layer.num_features)
    beta = np.broadcast_to(values_of(layer.bias, 0.0), layer.num_features)
    if layer.training or layer.running_mean is None:
        out, kept = batch_norm.forward(x, gamma, beta, layer.eps)

        def back(g: Array) -> Any:
            dx, dgamma, dbeta = batch_norm.backward(g, kept)
            return (dx,), gradients_kept(layer, weight=dgamma, bias=dbeta)

        return (out,), back

    shape, others = (-1, *(1,) * (x.ndim - 2)), (0, *range(2, x.ndim))
    r = 1 / np.sqrt(layer.running_var.numpy() + layer.eps).reshape(shape)
    x_hat, gamma = (x - layer.running_mean.numpy().reshape(shape)) * r, gamma.reshape(shape)

    def back_to_x(g: Array) -> Any:  # the averages are constants
        dgamma, dbeta = (g * x_hat).sum(axis=others), g.sum(axis=others)
        return (g * gamma * r,), gradients_kept(layer, weight=dgamma, bias=dbeta)

    return (gamma * x_hat + beta.reshape(shape),), back_to_x
