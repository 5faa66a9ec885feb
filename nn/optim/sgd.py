"""Stochastic gradient descent, with momentum and weight decay.

The loop over the parameters is in `optimizer.py`.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np

from tinygrad_edu import Tensor

from ..checks import check_number
from .groups import State, is_used
from .optimizer import Array, Optimizer

__all__ = ["SGD"]


class SGD(Optimizer):
    """Stochastic gradient descent, with optional momentum and weight decay.

    Each step computes, for a parameter ``p`` with gradient ``g``::

        g = g + weight_decay * p             (maximize: -g + weight_decay * p)
        v = momentum * v + (1 - dampening) * g             (first step: v = g)
        p = p - lr * v                       (nesterov: p - lr * (g + momentum * v))

    Parameters
    ----------
    params : iterable of Tensor, or iterable of dict
        The tensors to update, or groups of them; see `Optimizer`.
    lr : float
        Learning rate, above 0.
    momentum : float
        Between 0 and 1; 0 for plain gradient descent.
    nesterov : bool
        Use Nesterov's look-ahead step (Sutskever et al. 2013); needs momentum.
    weight_decay : float
        Pulls the parameters towards zero; 0 or above.
    dampening : float
        Reduces what a gradient adds to the velocity.
    maximize : bool
        Increase the loss instead of decreasing it.

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

    leaves_arrays_alone = True

    def __init__(
        self,
        params: Iterable[Tensor] | Iterable[dict[str, Any]],
        lr: float,
        momentum: float = 0.0,
        nesterov: bool = False,
        weight_decay: float = 0.0,
        *,
        dampening: float = 0.0,
        maximize: bool = False,
    ) -> None:
        super().__init__(
            params,
            lr=lr,
            momentum=momentum,
            nesterov=nesterov,
            weight_decay=weight_decay,
            dampening=dampening,
            maximize=maximize,
        )

    @classmethod
    def check(
        cls,
        momentum: float,
        nesterov: bool,
        weight_decay: float,
        dampening: float,
        **others: Any,
    ) -> None:
        """Check the options.

        Parameters
        ----------
        momentum, nesterov, weight_decay, dampening : float or bool
        **others : object
            Options that are checked elsewhere, or may have any value.
        """
        check_number("momentum", momentum, least=0.0, below=1.0)
        check_number("weight_decay", weight_decay, least=0.0)
        check_number("dampening", dampening)
        if nesterov and (momentum == 0 or dampening != 0):
            raise ValueError("nesterov=True needs momentum > 0 and dampening = 0")

    def update(
        self,
        p: Array,
        g: Array,
        state: State,
        lr: Any,
        momentum: Any,
        nesterov: bool,
        weight_decay: float,
        dampening: float,
        maximize: bool,
    ) -> Any:
        """Return the new values of a parameter.

        Parameters
        ----------
        p, g : ndarray
            A parameter and its gradient.
        state : State
            Holds the velocity ``"momentum_buffer"``.
        lr, momentum, nesterov, weight_decay, dampening, maximize : object
            The options.
        """
        if maximize:
            g = -g
        if weight_decay:
            g = g + weight_decay * p
        if is_used(momentum):
            v = state.get("momentum_buffer")
            if v is None:
                v = g.copy()
            else:
                v = momentum * v + (g if dampening == 0 else (1 - dampening) * g)
            state["momentum_buffer"] = v
            g = g + momentum * v if nesterov else v
        change = g * lr
        return np.subtract(p, change, change) if change.ndim else p - change
