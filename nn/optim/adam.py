"""Optimizers that average the gradients and their squares: Adam, AdamW, NAdam.

Those that average the squares alone are in `adaptive.py`, and Lion is in `lion.py`.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from ..checks import check_number
from .adaptive import Parameters, check_small, directed
from .groups import State
from .optimizer import Array, Optimizer

__all__ = ["Adam", "AdamW", "NAdam", "check_betas"]


class Adam(Optimizer):
    """Divide a running mean of the gradient by the root of a running mean of its squares.

    Each step computes, for a parameter ``p`` with gradient ``g``, in step ``t`` = 1, 2, ...::

        g = g + weight_decay * p
        m = beta1 * m + (1 - beta1) * g                           (m starts at 0)
        v = beta2 * v + (1 - beta2) * g²                          (v starts at 0)
        p = p - lr * (m / (1 - beta1**t)) / (√(v / (1 - beta2**t)) + eps)

    The divisors correct that both means start at 0. With `amsgrad`, the largest `v` so far
    replaces `v` in the last line.

    Source: Kingma and Ba, "Adam" (2015), algorithm 1; amsgrad: Reddi, Kale and Kumar, "On the
    Convergence of Adam and Beyond" (2018).

    Parameters
    ----------
    params : iterable of Tensor, or iterable of dict
        The tensors to update, or groups of them; see `Optimizer`.
    lr : float
        Learning rate, above 0.
    betas : tuple of float
        How much of the two means is kept at each step.
    eps : float
        Keeps the divisor away from 0.
    weight_decay : float
        Pulls the parameters towards zero, as a part of the gradient; see `AdamW`.
    amsgrad : bool
        Never let the divisor become smaller.
    maximize : bool
        Increase the loss instead of decreasing it.

    Raises
    ------
    TypeError, ValueError
        For arguments out of range, and parameters that cannot be updated.

    Examples
    --------
    >>> from nn import Adam
    >>> from tinygrad_edu import Tensor
    >>> x = Tensor(3.0, requires_grad=True)
    >>> optimizer = Adam([x], lr=0.1)
    >>> (x * x).backward()
    >>> optimizer.step()
    >>> round(x.item(), 6)  # the first step is lr
    2.9
    """

    leaves_arrays_alone = True

    def __init__(
        self,
        params: Parameters,
        lr: float = 1e-3,
        betas: tuple[float, float] = (0.9, 0.999),
        eps: float = 1e-8,
        weight_decay: float = 0.0,
        amsgrad: bool = False,
        *,
        maximize: bool = False,
    ) -> None:
        super().__init__(
            params,
            lr=lr,
            betas=betas,
            eps=eps,
            weight_decay=weight_decay,
            amsgrad=amsgrad,
            maximize=maximize,
        )

    @classmethod
    def check(cls, betas: Any, **others: Any) -> None:
        """Check the options.

        Parameters
        ----------
        betas : object
        **others : object
            Options that are checked elsewhere, or may have any value.
        """
        check_betas(betas)
        check_small(**others)

    def update(
        self,
        p: Array,
        g: Array,
        state: State,
        lr: Any,
        betas: Any,
        eps: float,
        weight_decay: float,
        amsgrad: bool,
        maximize: bool,
    ) -> Any:
        """Return the new values of a parameter.

        Parameters
        ----------
        p, g : ndarray
            A parameter and its gradient.
        state : State
            Holds ``"step"``, ``"exp_avg"``, ``"exp_avg_sq"``, ``"max_exp_avg_sq"``.
        lr, betas, eps, weight_decay, amsgrad, maximize : object
            The options.
        """
        g = directed(p, g, weight_decay, maximize)
        beta1, beta2 = betas
        t = state["step"] = state.get("step", 0) + 1
        m = state["exp_avg"] = beta1 * state.get("exp_avg", 0.0) + (1 - beta1) * g
        v = state["exp_avg_sq"] = beta2 * state.get("exp_avg_sq", 0.0) + (1 - beta2) * (g * g)
        if amsgrad:
            v = state["max_exp_avg_sq"] = np.maximum(state.get("max_exp_avg_sq", 0.0), v)
        rate = (lr / _share(beta1, t)).astype(p.dtype)
        root = np.sqrt(_share(beta2, t)).astype(p.dtype)
        return p - rate * m / (np.sqrt(v) / root + eps)


class AdamW(Adam):
    """Adam with weight decay that is not a part of the gradient.

    Each step first computes ``p = p - lr * weight_decay * p``, and then a step of `Adam` without
    weight decay. So the decay is the same for large and small gradients.

    Source: Loshchilov and Hutter, "Decoupled Weight Decay Regularization" (2019), algorithm 2.

    Parameters
    ----------
    params : iterable of Tensor, or iterable of dict
        The tensors to update, or groups of them; see `Optimizer`.
    lr : float
        Learning rate, above 0.
    betas : tuple of float
        How much of the two means is kept at each step.
    eps : float
        Keeps the divisor away from 0.
    weight_decay : float
        Pulls the parameters towards zero; 0 or above.
    amsgrad : bool
        Never let the divisor become smaller.
    maximize : bool
        Increase the loss instead of decreasing it.

    Examples
    --------
    >>> from nn import AdamW
    >>> from tinygrad_edu import Tensor
    >>> x = Tensor(3.0, requires_grad=True)
    >>> optimizer = AdamW([x], lr=0.1, weight_decay=0.5)
    >>> (x * x).backward()
    >>> optimizer.step()
    >>> round(x.item(), 6)  # 3 - 0.1 * 0.5 * 3 - 0.1
    2.75
    """

    def __init__(
        self,
        params: Parameters,
        lr: float = 1e-3,
        betas: tuple[float, float] = (0.9, 0.999),
        eps: float = 1e-8,
        weight_decay: float = 1e-2,
        amsgrad: bool = False,
        *,
        maximize: bool = False,
    ) -> None:
        super().__init__(params, lr, betas, eps, weight_decay, amsgrad, maximize=maximize)

    def update(
        self,
        p: Array,
        g: Array,
        state: State,
        lr: Any,
        betas: Any,
        eps: float,
        weight_decay: float,
        amsgrad: bool,
        maximize: bool,
    ) -> Any:
        """Return the new values of a parameter.

        Parameters
        ----------
        p, g : ndarray
            A parameter and its gradient.
        state : State
            As of `Adam`.
        lr, betas, eps, weight_decay, amsgrad, maximize : object
            The options.
        """
        if weight_decay:
            p = p * (1 - lr * weight_decay)
        return super().update(p, g, state, lr, betas, eps, 0.0, amsgrad, maximize)


class NAdam(Optimizer):
    """Adam with Nesterov's look-ahead step.

    Each step computes, for a parameter ``p`` with gradient ``g``, in step ``t`` = 1, 2, ...::

        g = g + weight_decay * p                 (decoupled: p = p - lr * weight_decay * p)
        b = beta1 * (1 - 0.96**(t * momentum_decay) / 2)
        c = beta1 * (1 - 0.96**((t + 1) * momentum_decay) / 2)
        k = k * b                                                 (k starts at 1)
        m = beta1 * m + (1 - beta1) * g                           (m starts at 0)
        v = beta2 * v + (1 - beta2) * g²                          (v starts at 0)
        d = √(v / (1 - beta2**t)) + eps
        p = p - lr * (1 - b) / (1 - k) * g / d - lr * c / (1 - k * c) * m / d

    Source: Dozat, "Incorporating Nesterov Momentum into Adam" (2016), in the form of PyTorch.

    Parameters
    ----------
    params : iterable of Tensor, or iterable of dict
        The tensors to update, or groups of them; see `Optimizer`.
    lr : float
        Learning rate, above 0.
    betas : tuple of float
        How much of the two means is kept at each step.
    eps : float
        Keeps the divisor away from 0.
    weight_decay : float
        Pulls the parameters towards zero; 0 or above.
    momentum_decay : float
        How fast the momentum grows to beta1; 0 or above.
    decoupled_weight_decay : bool
        Keep the weight decay out of the gradient, as `AdamW` does.
    maximize : bool
        Increase the loss instead of decreasing it.

    Raises
    ------
    TypeError, ValueError
        For arguments out of range, and parameters that cannot be updated.

    Examples
    --------
    >>> from nn import NAdam
    >>> from tinygrad_edu import Tensor
    >>> x = Tensor(3.0, requires_grad=True)
    >>> optimizer = NAdam([x], lr=0.1)
    >>> (x * x).backward()
    >>> optimizer.step()
    >>> round(x.item(), 4)
    2.8944
    """

    leaves_arrays_alone = True

    def __init__(
        self,
        params: Parameters,
        lr: float = 2e-3,
        betas: tuple[float, float] = (0.9, 0.999),
        eps: float = 1e-8,
        weight_decay: float = 0.0,
        momentum_decay: float = 4e-3,
        decoupled_weight_decay: bool = False,
        *,
        maximize: bool = False,
    ) -> None:
        super().__init__(
            params,
            lr=lr,
            betas=betas,
            eps=eps,
            weight_decay=weight_decay,
            momentum_decay=momentum_decay,
            decoupled_weight_decay=decoupled_weight_decay,
            maximize=maximize,
        )

    @classmethod
    def check(cls, betas: Any, momentum_decay: float, **others: Any) -> None:
        """Check the options.

        Parameters
        ----------
        betas, momentum_decay : object
        **others : object
            Options that are checked elsewhere, or may have any value.
        """
        check_betas(betas)
        check_number("momentum_decay", momentum_decay, least=0.0)
        check_small(**others)

    def update(
        self,
        p: Array,
        g: Array,
        state: State,
        lr: Any,
        betas: Any,
        eps: float,
        weight_decay: float,
        momentum_decay: float,
        decoupled_weight_decay: bool,
        maximize: bool,
    ) -> Any:
        """Return the new values of a parameter.

        Parameters
        ----------
        p, g : ndarray
            A parameter and its gradient.
        state : State
            Holds ``"step"``, ``"mu_product"``, ``"exp_avg"`` and ``"exp_avg_sq"``.
        lr, betas, eps, weight_decay, momentum_decay, decoupled_weight_decay, maximize : object
            The options.
        """
        if decoupled_weight_decay:
            p, weight_decay = p * (1 - lr * weight_decay), 0.0
        g = directed(p, g, weight_decay, maximize)
        beta1, beta2 = betas
        t = state["step"] = state.get("step", 0) + 1
        b = beta1 * (1 - 0.5 * np.power(0.96, t * momentum_decay))
        c = beta1 * (1 - 0.5 * np.power(0.96, (t + 1) * momentum_decay))
        k = state["mu_product"] = (state.get("mu_product", 1.0) * b).astype(state.dtype)
        m = state["exp_avg"] = beta1 * state.get("exp_avg", 0.0) + (1 - beta1) * g
        v = state["exp_avg_sq"] = beta2 * state.get("exp_avg_sq", 0.0) + (1 - beta2) * (g * g)
        d = np.sqrt(v) / np.sqrt(_share(beta2, t)).astype(p.dtype) + eps
        now, later = (lr * (1 - b) / (1 - k)).astype(p.dtype), (lr * c / (1 - k * c))
        return p - now * g / d - later.astype(p.dtype) * m / d


def check_betas(betas: Any) -> None:
    """Check two numbers from 0 to below 1."""
    if not isinstance(betas, tuple | list) or len(betas) != 2:
        raise ValueError(f"betas must be two numbers, such as (0.9, 0.999), got {betas!r}")
    for position, beta in enumerate(betas):
        check_number(f"betas[{position}]", beta, least=0.0, below=1.0)


def _share(beta: Any, t: Any) -> Any:
    """Return the share of the gradients in a mean that started at 0, after `t` steps.

    It is computed in float64: ``1 - 0.999**1`` has only four digits in float32.
    """
    return 1 - np.power(beta, t, dtype=np.float64)
