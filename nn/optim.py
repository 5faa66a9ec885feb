"""Optimisers: they update parameters from their gradients.

They do not compute gradients; `loss.backward()` does.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tinygrad_edu import GradientError, Tensor
from tinygrad_edu.primitive import tick

from .checks import check_number

__all__ = ["SGD"]


class SGD:
    """Stochastic gradient descent, with optional momentum and weight decay.

    Each step computes, for a parameter ``p`` with gradient ``g``::

        g = g + weight_decay * p
        v = momentum * v + g
        p = p - lr * v                       (nesterov: p - lr * (g + momentum * v))

    Parameters
    ----------
    params : iterable of Tensor
        The tensors to update: leaves that require gradients.
    lr : float
        Learning rate, above 0.
    momentum : float
        Between 0 and 1; 0 for plain gradient descent.
    nesterov : bool
        Use Nesterov's look-ahead step (Sutskever et al. 2013); needs momentum.
    weight_decay : float
        Pulls the parameters towards zero; 0 or above.

    Raises
    ------
    TypeError, ValueError
        For arguments out of range, and parameters that cannot be updated.

    Examples
    --------
    >>> from nn import SGD
    >>> from tinygrad_edu import Tensor
    >>> x = Tensor(3.0, requires_grad=True)
    >>> optimizer = SGD([x], lr=0.1)
    >>> (x * x).backward()
    >>> optimizer.step()
    >>> round(x.item(), 6)
    2.4
    """

    def __init__(
        self,
        params: Iterable[Tensor],
        lr: float,
        momentum: float = 0.0,
        nesterov: bool = False,
        weight_decay: float = 0.0,
    ) -> None:
        self.params = _checked_parameters(params)
        # Arrays in the dtypes of the parameters: NumPy would convert a Python number at every call,
        # and a captured step sees it when the content of an array changes.
        self._lr = np.zeros(())
        self._rates = [np.zeros((), parameter.dtype) for parameter in self.params]
        self.lr = lr
        check_number("momentum", momentum, least=0.0, below=1.0)
        check_number("weight_decay", weight_decay, least=0.0)
        if nesterov and momentum == 0:
            raise ValueError("nesterov=True needs momentum > 0")
        # Python numbers do not change the dtype of the parameters.
        self.momentum = float(momentum)
        self.nesterov = nesterov
        self.weight_decay = float(weight_decay)
        self._velocity: list[NDArray[Any] | None] = [None] * len(self.params)

    @property
    def lr(self) -> float:
        """The learning rate, above 0; it may be changed at any time."""
        return float(self._lr)

    @lr.setter
    def lr(self, value: float) -> None:
        check_number("lr", value, above=0.0)
        for rate in (self._lr, *self._rates):
            rate[...] = value

    def __repr__(self) -> str:
        settings = f"lr={self.lr:g}"
        for name in ("momentum", "nesterov", "weight_decay"):
            value = getattr(self, name)
            settings += f", {name}={value}" if value else ""
        count = len(self.params)
        return f"SGD({count} {'parameter' if count == 1 else 'parameters'}, {settings})"

    def zero_grad(self) -> None:
        """Set the gradients to None, so that the next `backward` does not add to them."""
        for parameter in self.params:
            parameter._grad = None

    def step(self) -> None:
        """Update all parameters that have a gradient.

        Raises
        ------
        GradientError
            If no parameter has a gradient.
        """
        adjusted = bool(self.weight_decay or self.momentum)
        found, now = False, tick()
        for position, parameter in enumerate(self.params):
            gradient = parameter._grad
            if gradient is None:
                continue
            found = True
            if adjusted:
                gradient = self._direction(position, parameter, gradient)
            # A new array: views and graphs keep the old values.
            change, values = gradient * self._rates[position], parameter._data
            parameter._data = (
                np.subtract(values, change, change) if change.ndim else values - change
            )
            parameter._version = now  # graphs that used the old values notice the change
        if not found:
            raise GradientError("step() found no gradients; call loss.backward() before it")

    def _direction(self, position: int, parameter: Tensor, gradient: Any) -> Any:
        """Add weight decay and momentum to a gradient."""
        if self.weight_decay:
            gradient = gradient + self.weight_decay * parameter._data
        if self.momentum:
            velocity = self._velocity[position]
            velocity = gradient.copy() if velocity is None else self.momentum * velocity + gradient
            self._velocity[position] = velocity
            gradient = gradient + self.momentum * velocity if self.nesterov else velocity
        return gradient


def _checked_parameters(params: Iterable[Tensor]) -> list[Tensor]:
    """Check that these are tensors that can be updated, each listed once."""
    if isinstance(params, Tensor) or not isinstance(params, Iterable):
        advice = "its .parameters()" if hasattr(params, "parameters") else "a list of tensors"
        raise TypeError(f"SGD takes parameters, got a {type(params).__name__}; pass {advice}")
    parameters = list(params)
    if not parameters:
        raise ValueError("SGD got no parameters; pass for example mlp.parameters()")
    for position, parameter in enumerate(parameters):
        if not isinstance(parameter, Tensor):
            raise TypeError(
                f"parameter {position} is a {type(parameter).__name__}; expected a Tensor"
            )
        if not parameter.requires_grad or parameter.node is not None:
            raise ValueError(
                f"parameter {position} is not a leaf that requires gradients; make it with "
                "Tensor(..., requires_grad=True)"
            )
    if len(set(parameters)) < len(parameters):
        raise ValueError("a parameter is listed twice; it would be updated twice a step")
    return parameters
