"""Activation functions as layers, and the table of those that a network accepts by name."""

from __future__ import annotations

from typing import Any

from tinygrad_edu import Tensor, relu, sigmoid, tanh

from ..module import Module

__all__ = ["ACTIVATIONS", "ReLU", "Sigmoid", "Tanh"]


class ReLU(Module):
    """The rectifier: negative values become 0.

    Examples
    --------
    >>> from nn import ReLU
    >>> ReLU()([-1.0, 2.0]).tolist()
    [0.0, 2.0]
    """

    def forward(self, x: Any) -> Tensor:
        """Apply the function elementwise."""
        return relu(x)  # type: ignore[no-any-return]


class Sigmoid(Module):
    """The logistic function: values between 0 and 1.

    Examples
    --------
    >>> from nn import Sigmoid
    >>> Sigmoid()([0.0]).tolist()
    [0.5]
    """

    def forward(self, x: Any) -> Tensor:
        """Apply the function elementwise."""
        return sigmoid(x)  # type: ignore[no-any-return]


class Tanh(Module):
    """The hyperbolic tangent: values between -1 and 1.

    Examples
    --------
    >>> from nn import Tanh
    >>> Tanh()([0.0]).tolist()
    [0.0]
    """

    def forward(self, x: Any) -> Tensor:
        """Apply the function elementwise."""
        return tanh(x)  # type: ignore[no-any-return]


ACTIVATIONS: dict[str, type[Module]] = {"relu": ReLU, "tanh": Tanh, "sigmoid": Sigmoid}
"""The activations that a network accepts by name."""
