"""Clipping of gradients, between `backward` and `step`.

The gradients become new arrays; nothing is written into the old ones.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import Any

import numpy as np

from tinygrad_edu import GradientError, Tensor

from ..checks import check_number

__all__ = ["clip_grad_norm", "clip_grad_norm_", "clip_grad_value", "clip_grad_value_"]

_TINY = 1e-6  # as in PyTorch: a norm of 0 is not divided by


def clip_grad_norm(
    parameters: Iterable[Tensor] | Tensor,
    max_norm: float,
    norm_type: float = 2.0,
    error_if_nonfinite: bool = False,
) -> Any:
    """Scale all gradients by one factor, so that their norm is at most `max_norm`.

    The norm is that of all gradients as one vector. The factor is
    ``min(1, max_norm / (norm + 1e-6))``, as in PyTorch.

    Source: Pascanu, Mikolov and Bengio, "On the difficulty of training recurrent neural networks"
    (2013), algorithm 1.

    Parameters
    ----------
    parameters : iterable of Tensor, or Tensor
        Those without a gradient are skipped.
    max_norm : float
        The largest norm, 0 or above.
    norm_type : float
        The exponent of the norm, above 0; ``inf`` for the largest absolute value.
    error_if_nonfinite : bool
        Raise an error if the norm is infinite or NaN. A captured step cannot do that, because it
        depends on values.

    Returns
    -------
    numpy.float64
        The norm before clipping.

    Raises
    ------
    GradientError
        If no parameter has a gradient, or if the norm is not finite and `error_if_nonfinite` is
        set. No gradient is changed then.

    Examples
    --------
    >>> from nn import clip_grad_norm
    >>> from tinygrad_edu import Tensor
    >>> x = Tensor([3.0, 4.0], requires_grad=True)
    >>> (x * x / 2).sum().backward()
    >>> float(clip_grad_norm([x], max_norm=1.0))
    5.0
    >>> x.grad.round(3)
    array([0.6, 0.8])
    """
    check_number("max_norm", max_norm, least=0.0)
    if norm_type != math.inf:
        check_number("norm_type", norm_type, above=0.0)
    chosen = _with_gradients(parameters, "clip_grad_norm")
    norm = _norm([parameter._grad for parameter in chosen], float(norm_type))
    if error_if_nonfinite and not np.isfinite(norm):
        raise GradientError(
            f"the norm of the gradients is {norm}, so they cannot be clipped; find the cause with "
            "detect_anomaly()"
        )
    factor = np.minimum(max_norm / (norm + _TINY), 1.0)
    for parameter in chosen:
        parameter._grad = parameter._grad * factor.astype(parameter.dtype)
    return norm


def clip_grad_value(parameters: Iterable[Tensor] | Tensor, clip_value: float) -> None:
    """Limit every entry of the gradients to the range from ``-clip_value`` to ``clip_value``.

    Parameters
    ----------
    parameters : iterable of Tensor, or Tensor
        Those without a gradient are skipped.
    clip_value : float
        The largest absolute value, 0 or above.

    Raises
    ------
    GradientError
        If no parameter has a gradient.

    Examples
    --------
    >>> from nn import clip_grad_value
    >>> from tinygrad_edu import Tensor
    >>> x = Tensor([0.5, -3.0], requires_grad=True)
    >>> (x * x / 2).sum().backward()
    >>> clip_grad_value([x], 1.0)
    >>> x.grad
    array([ 0.5, -1. ])
    """
    check_number("clip_value", clip_value, least=0.0)
    for parameter in _with_gradients(parameters, "clip_grad_value"):
        parameter._grad = np.clip(parameter._grad, -float(clip_value), float(clip_value))


clip_grad_norm_ = clip_grad_norm
"""PyTorch's name."""

clip_grad_value_ = clip_grad_value
"""PyTorch's name."""


def _with_gradients(parameters: Any, name: str) -> list[Any]:
    """Return the tensors that have a gradient."""
    if hasattr(parameters, "parameters"):
        kind = type(parameters).__name__
        raise TypeError(f"{name} takes tensors, got a {kind}; pass its .parameters()")
    if not isinstance(parameters, Iterable):
        raise TypeError(f"{name} takes tensors, got a {type(parameters).__name__}; pass a list")
    tensors = [parameters] if isinstance(parameters, Tensor) else list(parameters)
    for position, tensor in enumerate(tensors):
        if not isinstance(tensor, Tensor):
            raise TypeError(
                f"parameter {position} of {name} is a {type(tensor).__name__}; expected a Tensor"
            )
    found = [tensor for tensor in dict.fromkeys(tensors) if tensor._grad is not None]
    if not found:
        raise GradientError(f"{name} found no gradients; call loss.backward() before it")
    return found


def _norm(gradients: list[Any], norm_type: float) -> Any:
    """Return the norm of all gradients as one vector, in float64: a sum in float32 overflows."""
    if norm_type == math.inf:
        largest = [np.max(np.abs(g), initial=0.0).astype(np.float64) for g in gradients]
        return np.max(np.stack(largest))
    if norm_type == 2:
        return np.sqrt(sum(np.sum(np.square(g, dtype=np.float64)) for g in gradients))
    powers = [np.sum(np.power(np.abs(g), norm_type, dtype=np.float64)) for g in gradients]
    return np.power(sum(powers), 1 / norm_type)
