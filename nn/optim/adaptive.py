"""Optimizers that divide by a mean of squared gradients: RMSprop, Adagrad, Adadelta.

Those that also average the gradients are in `adam.py`.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np

from tinygrad_edu import Tensor

from ..checks import check_number
from .groups import State, is_used
from .optimizer import Array, Optimizer

__all__ = ["Adadelta", "Adagrad", "RMSprop"]

Parameters = Iterable[Tensor] | Iterable[dict[str, Any]]


class RMSprop(Optimizer):
    """Divide the gradient by the root of a running mean of its squares.

    Each step computes, for a parameter ``p`` with gradient ``g``::

        g = g + weight_decay * p
        s = alpha * s + (1 - alpha) * g²                          (s starts at 0)
        a = alpha * a + (1 - alpha) * g                           (centered; a starts at 0)
        d = g / (√s + eps)                                        (centered: √(s - a²))
        v = momentum * v + d                                      (v starts at 0)
        p = p - lr * v

    Source: Tieleman and Hinton, Lecture 6.5 of "Neural Networks for Machine Learning" (2012);
    centered: Graves, "Generating Sequences With Recurrent Neural Networks" (2013), equation 38.

    Parameters
    ----------
    params : iterable of Tensor, or iterable of dict
        The tensors to update, or groups of them; see `Optimizer`.
    lr : float
        Learning rate, above 0.
    alpha : float
        How much of the mean of squares is kept at each step.
    eps : float
        Keeps the divisor away from 0.
    weight_decay : float
        Pulls the parameters towards zero; 0 or above.
    momentum : float
        Between 0 and 1; 0 for none.
    centered : bool
        Divide by the standard deviation of the gradient instead.
    maximize : bool
        Increase the loss instead of decreasing it.

    Raises
    ------
    TypeError, ValueError
        For arguments out of range, and parameters that cannot be updated.

    Examples
    --------
    >>> from nn import RMSprop
    >>> from tinygrad_edu import Tensor
    >>> x = Tensor(3.0, requires_grad=True)
    >>> optimizer = RMSprop([x], lr=0.1)
    >>> (x * x).backward()
    >>> optimizer.step()
    >>> round(x.item(), 6)  # the first step is lr / √(1 - alpha) = 1
    2.0
    """

    leaves_arrays_alone = True

    def __init__(
        self,
        params: Parameters,
        lr: float = 1e-2,
        alpha: float = 0.99,
        eps: float = 1e-8,
        weight_decay: float = 0.0,
        momentum: float = 0.0,
        centered: bool = False,
        *,
        maximize: bool = False,
    ) -> None:
        super().__init__(
            params,
            lr=lr,
            alpha=alpha,
            eps=eps,
            weight_decay=weight_decay,
            momentum=momentum,
            centered=centered,
            maximize=maximize,
        )

    @classmethod
    def check(cls, alpha: float, momentum: float, **others: Any) -> None:
        """Check the options.

        Parameters
        ----------
        alpha, momentum : float
        **others : object
            Options that are checked elsewhere, or may have any value.
        """
        check_number("alpha", alpha, least=0.0, below=1.0)
        check_number("momentum", momentum, least=0.0, below=1.0)
        check_small(**others)

    def update(
        self,
        p: Array,
        g: Array,
        state: State,
        lr: Any,
        alpha: float,
        eps: float,
        weight_decay: float,
        momentum: Any,
        centered: bool,
        maximize: bool,
    ) -> Any:
        """Return the new values of a parameter.

        Parameters
        ----------
        p, g : ndarray
            A parameter and its gradient.
        state : State
            Holds ``"square_avg"``, ``"grad_avg"`` and ``"momentum_buffer"``.
        lr, alpha, eps, weight_decay, momentum, centered, maximize : object
            The options.
        """
        g = directed(p, g, weight_decay, maximize)
        s = state["square_avg"] = alpha * state.get("square_avg", 0.0) + (1 - alpha) * (g * g)
        if centered:
            a = state["grad_avg"] = alpha * state.get("grad_avg", 0.0) + (1 - alpha) * g
            s = np.maximum(s - a * a, 0)  # rounding could make it negative
        d = g / (np.sqrt(s) + eps)
        if is_used(momentum):
            d = state["momentum_buffer"] = momentum * state.get("momentum_buffer", 0.0) + d
        return p - lr * d


class Adagrad(Optimizer):
    """Divide the gradient by the root of the sum of its squares.

    Each step computes, for a parameter ``p`` with gradient ``g``, in step ``t`` = 1, 2, ...::

        g = g + weight_decay * p
        s = s + g²                                 (s starts at initial_accumulator_value)
        p = p - lr / (1 + (t - 1) * lr_decay) * g / (√s + eps)

    Source: Duchi, Hazan and Singer, "Adaptive Subgradient Methods" (2011), in the diagonal form.

    Parameters
    ----------
    params : iterable of Tensor, or iterable of dict
        The tensors to update, or groups of them; see `Optimizer`.
    lr : float
        Learning rate, above 0.
    lr_decay : float
        How fast the learning rate falls; 0 or above.
    weight_decay : float
        Pulls the parameters towards zero; 0 or above.
    initial_accumulator_value : float
        The sum of squares before the first step; 0 or above.
    eps : float
        Keeps the divisor away from 0.
    maximize : bool
        Increase the loss instead of decreasing it.

    Raises
    ------
    TypeError, ValueError
        For arguments out of range, and parameters that cannot be updated.

    Examples
    --------
    >>> from nn import Adagrad
    >>> from tinygrad_edu import Tensor
    >>> x = Tensor(3.0, requires_grad=True)
    >>> optimizer = Adagrad([x], lr=0.1)
    >>> (x * x).backward()
    >>> optimizer.step()
    >>> round(x.item(), 6)  # the first step is lr
    2.9
    """

    leaves_arrays_alone = True

    def __init__(
        self,
        params: Parameters,
        lr: float = 1e-2,
        lr_decay: float = 0.0,
        weight_decay: float = 0.0,
        initial_accumulator_value: float = 0.0,
        eps: float = 1e-10,
        *,
        maximize: bool = False,
    ) -> None:
        super().__init__(
            params,
            lr=lr,
            lr_decay=lr_decay,
            weight_decay=weight_decay,
            initial_accumulator_value=initial_accumulator_value,
            eps=eps,
            maximize=maximize,
        )

    @classmethod
    def check(cls, lr_decay: float, initial_accumulator_value: float, **others: Any) -> None:
        """Check the options.

        Parameters
        ----------
        lr_decay, initial_accumulator_value : float
        **others : object
            Options that are checked elsewhere, or may have any value.
        """
        check_number("lr_decay", lr_decay, least=0.0)
        check_number("initial_accumulator_value", initial_accumulator_value, least=0.0)
        check_small(**others)

    def update(
        self,
        p: Array,
        g: Array,
        state: State,
        lr: Any,
        lr_decay: float,
        weight_decay: float,
        initial_accumulator_value: float,
        eps: float,
        maximize: bool,
    ) -> Any:
        """Return the new values of a parameter.

        Parameters
        ----------
        p, g : ndarray
            A parameter and its gradient.
        state : State
            Holds ``"sum"``, and ``"step"`` if the learning rate decays.
        lr, lr_decay, weight_decay, initial_accumulator_value, eps, maximize : object
            The options.
        """
        g = directed(p, g, weight_decay, maximize)
        s = state["sum"] = state.get("sum", initial_accumulator_value) + g * g
        t = state["step"] = state.get("step", 0) + 1
        if lr_decay:
            lr = lr / (1 + (t - 1) * lr_decay)
        return p - lr * g / (np.sqrt(s) + eps)


class Adadelta(Optimizer):
    """Scale the gradient so that steps have the size of earlier steps.

    Each step computes, for a parameter ``p`` with gradient ``g``::

        g = g + weight_decay * p
        s = rho * s + (1 - rho) * g²                              (s starts at 0)
        d = √(u + eps) / √(s + eps) * g
        u = rho * u + (1 - rho) * d²                              (u starts at 0)
        p = p - lr * d

    Source: Zeiler, "ADADELTA: An Adaptive Learning Rate Method" (2012), algorithm 1.

    Parameters
    ----------
    params : iterable of Tensor, or iterable of dict
        The tensors to update, or groups of them; see `Optimizer`.
    lr : float
        A factor of the step, above 0; 1 in the paper.
    rho : float
        How much of the means of squares is kept at each step.
    eps : float
        Keeps the divisor away from 0, and starts the first step.
    weight_decay : float
        Pulls the parameters towards zero; 0 or above.
    maximize : bool
        Increase the loss instead of decreasing it.

    Raises
    ------
    TypeError, ValueError
        For arguments out of range, and parameters that cannot be updated.

    Examples
    --------
    >>> from nn import Adadelta
    >>> from tinygrad_edu import Tensor
    >>> x = Tensor(3.0, requires_grad=True)
    >>> optimizer = Adadelta([x])
    >>> (x * x).backward()
    >>> optimizer.step()
    >>> round(x.item(), 6)  # the first step is √(eps / (1 - rho))
    2.996838
    """

    leaves_arrays_alone = True

    def __init__(
        self,
        params: Parameters,
        lr: float = 1.0,
        rho: float = 0.9,
        eps: float = 1e-6,
        weight_decay: float = 0.0,
        *,
        maximize: bool = False,
    ) -> None:
        super().__init__(
            params, lr=lr, rho=rho, eps=eps, weight_decay=weight_decay, maximize=maximize
        )

    @classmethod
    def check(cls, rho: float, **others: Any) -> None:
        """Check the options.

        Parameters
        ----------
        rho : float
        **others : object
            Options that are checked elsewhere, or may have any value.
        """
        check_number("rho", rho, least=0.0, below=1.0)
        check_small(**others)

    def update(
        self,
        p: Array,
        g: Array,
        state: State,
        lr: Any,
        rho: float,
        eps: float,
        weight_decay: float,
        maximize: bool,
    ) -> Any:
        """Return the new values of a parameter.

        Parameters
        ----------
        p, g : ndarray
            A parameter and its gradient.
        state : State
            Holds ``"square_avg"`` and ``"acc_delta"``.
        lr, rho, eps, weight_decay, maximize : object
            The options.
        """
        g = directed(p, g, weight_decay, maximize)
        s = state["square_avg"] = rho * state.get("square_avg", 0.0) + (1 - rho) * (g * g)
        u = state.get("acc_delta", np.zeros_like(g))
        d = np.sqrt(u + eps) / np.sqrt(s + eps) * g
        state["acc_delta"] = rho * u + (1 - rho) * (d * d)
        return p - lr * d


def check_small(eps: float, weight_decay: float, **others: Any) -> None:
    """Check options that most optimizers have.

    Parameters
    ----------
    eps, weight_decay : float
        0 or above.
    **others : object
        Options that are checked elsewhere, or may have any value.
    """
    check_number("eps", eps, least=0.0)
    check_number("weight_decay", weight_decay, least=0.0)


def directed(p: Array, g: Array, weight_decay: float, maximize: bool) -> Any:
    """Return the gradient of the loss with weight decay; its sign is flipped to maximize.

    Parameters
    ----------
    p, g : ndarray
        A parameter and its gradient.
    weight_decay : float
    maximize : bool
    """
    if maximize:
        g = -g
    return g + weight_decay * p if weight_decay else g
