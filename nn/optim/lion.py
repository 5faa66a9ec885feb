"""Lion: an optimizer that uses only the sign of a mean of the gradient.

Optimizers that divide by the size of the gradient are in `adam.py` and `adaptive.py`.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from ..checks import check_number
from .adam import check_betas
from .adaptive import Parameters, directed
from .groups import State
from .optimizer import Array, Optimizer

__all__ = ["Lion"]


class Lion(Optimizer):
    """Step by the sign of a mean of the gradient: all entries move by the learning rate.

    Each step computes, for a parameter ``p`` with gradient ``g``::

        d = sign(beta1 * m + (1 - beta1) * g)                     (m starts at 0)
        p = p - lr * weight_decay * p - lr * d
        m = beta2 * m + (1 - beta2) * g

    A learning rate of a third to a tenth of that of `AdamW` suits it.

    Source: Chen et al., "Symbolic Discovery of Optimization Algorithms" (2023), algorithm 2.

    Parameters
    ----------
    params : iterable of Tensor, or iterable of dict
        The tensors to update, or groups of them; see `Optimizer`.
    lr : float
        Learning rate, above 0.
    betas : tuple of float
        How much of the mean counts in the step, and how much of it is kept.
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
    >>> from nn import Lion
    >>> from tinygrad_edu import Tensor
    >>> x = Tensor(3.0, requires_grad=True)
    >>> optimizer = Lion([x], lr=0.1)
    >>> (x * x).backward()
    >>> optimizer.step()
    >>> round(x.item(), 6)
    2.9
    """

    leaves_arrays_alone = True

    def __init__(
        self,
        params: Parameters,
        lr: float = 1e-4,
        betas: tuple[float, float] = (0.9, 0.99),
        weight_decay: float = 0.0,
        *,
        maximize: bool = False,
    ) -> None:
        super().__init__(params, lr=lr, betas=betas, weight_decay=weight_decay, maximize=maximize)

    @classmethod
    def check(cls, betas: Any, weight_decay: float, **others: Any) -> None:
        """Check the options.

        Parameters
        ----------
        betas, weight_decay : object
        **others : object
            Options that are checked elsewhere, or may have any value.
        """
        check_betas(betas)
        check_number("weight_decay", weight_decay, least=0.0)

    def update(
        self,
        p: Array,
        g: Array,
        state: State,
        lr: Any,
        betas: Any,
        weight_decay: float,
        maximize: bool,
    ) -> Any:
        """Return the new values of a parameter.

        Parameters
        ----------
        p, g : ndarray
            A parameter and its gradient.
        state : State
            Holds ``"exp_avg"``.
        lr, betas, weight_decay, maximize : object
            The options.
        """
        g = directed(p, g, 0.0, maximize)
        beta1, beta2 = betas
        m = state.get("exp_avg", 0.0)
        d = np.sign(beta1 * m + (1 - beta1) * g)
        state["exp_avg"] = beta2 * m + (1 - beta2) * g
        if weight_decay:
            p = p * (1 - lr * weight_decay)
        return p - lr * d
