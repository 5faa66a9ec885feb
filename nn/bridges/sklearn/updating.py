"""The update rules of the estimators, and parameters that are updated as one vector.

Gradients and batches are in `training.py`.
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tinygrad_edu import Tensor

from ...optim import Optimizer

__all__ = ["AdamOfPaper", "Flat", "MomentumOfSteps", "make_optimizer"]

Array = NDArray[Any]


class AdamOfPaper(Optimizer):
    """Adam as at the end of section 2 of its paper: ``p - rate * m / (sqrt(v) + epsilon)``.

    The rate has both corrections, so `epsilon` is that of scikit-learn, not that of `nn.Adam`.
    Source: Kingma and Ba, "Adam" (2015).

    Parameters
    ----------
    params : iterable of Tensor
        What it updates.
    lr : float
        The rate, with both corrections.
    beta_1, beta_2 : float
        Decay of the two averages.
    epsilon : float
        Added to the root of the second average.
    """

    leaves_arrays_alone = True

    def __init__(self, params: Any, lr: float, beta_1: float, beta_2: float, epsilon: float):
        super().__init__(params, lr=lr, beta_1=beta_1, beta_2=beta_2, epsilon=epsilon)

    def update(
        self,
        p: Array,
        g: Array,
        state: Any,
        lr: Any,
        beta_1: float,
        beta_2: float,
        epsilon: float,
    ) -> Any:
        """Return the new values of one parameter.

        Parameters
        ----------
        p, g : ndarray
            Its values and its gradient.
        state : mapping
            The averages `m` and `v`.
        lr, beta_1, beta_2, epsilon
            As for the class.
        """
        m = state["m"] = beta_1 * state.get("m", 0.0) + (1 - beta_1) * g
        v = state["v"] = beta_2 * state.get("v", 0.0) + (1 - beta_2) * (g * g)
        return p - lr * m / (np.sqrt(v) + epsilon)


class MomentumOfSteps(Optimizer):
    """SGD whose velocity is a step: ``v = momentum * v - lr * g``, and ``p + v``.

    With `nesterov`, ``p + momentum * v - lr * g``. Where the learning rate changes, this is not
    `nn.SGD`, whose velocity is a gradient. Source: Sutskever et al. (2013), equations 3 and 4.

    Parameters
    ----------
    params : iterable of Tensor
        What it updates.
    lr, momentum : float
        The rate, and the part of the velocity that stays.
    nesterov : bool
        Whether the step looks ahead.
    """

    leaves_arrays_alone = True

    def __init__(self, params: Any, lr: float, momentum: float, nesterov: bool):
        super().__init__(params, lr=lr, momentum=momentum, nesterov=nesterov)

    def update(
        self, p: Array, g: Array, state: Any, lr: Any, momentum: float, nesterov: bool
    ) -> Any:
        """Return the new values of one parameter.

        Parameters
        ----------
        p, g : ndarray
            Its values and its gradient.
        state : mapping
            The velocity `v`.
        lr, momentum, nesterov
            As for the class.
        """
        step = lr * g
        v = state["v"] = momentum * state.get("v", 0.0) - step
        return p + (momentum * v - step if nesterov else v)


class Flat:
    """All parameters as one vector, so that one call of NumPy updates all of them.

    It is for rules that treat each number alone. Weight matrices come first and biases last, so
    that a penalty of the weights is one of a slice. Between `gather` and `release`, the parameters
    are views of the vector; before and after, each has an array of its own.

    Parameters
    ----------
    parameters : sequence of Tensor
        Of one dtype. Those that are frozen keep their values.

    Attributes
    ----------
    vector : Tensor
        What an optimizer updates.
    """

    def __init__(self, parameters: Sequence[Tensor]) -> None:
        self._ordered = sorted(parameters, key=lambda p: p.ndim <= 1)
        ends = list(itertools.accumulate(p.size for p in self._ordered))
        self._parts = list(zip(self._ordered, [0, *ends[:-1]], ends, strict=True))
        self._decayed = sum(p.size for p in self._ordered if p.ndim > 1)
        self.vector = Tensor(self._joined(), requires_grad=True, copy=False)

    def _joined(self) -> Array:
        return np.concatenate([p._data.reshape(-1) for p in self._ordered])

    def gather(self) -> None:
        """Copy the parameters into the vector, and make them views of it."""
        self.vector.data = self._joined()
        self.spread()

    def spread(self) -> None:
        """Make the parameters views of the vector, after an update."""
        values, now = self.vector._data, self.vector._version
        for p, start, end in self._parts:
            part = values[start:end]
            if not p._requires_grad:  # frozen between two calls of partial_fit
                part[...] = p._data.reshape(-1)
            p._data = part if p.ndim == 1 else part.reshape(p.shape)
            p._version = now  # graphs that used the old values notice the change

    def release(self) -> None:
        """Give each parameter an array of its own."""
        self.spread()  # an interruption may have left some of them views of the values before
        for p in self._ordered:
            p._data, p._grad = p._data.copy(), None

    def take_gradients(self, decay: Any) -> Any:
        """Move the gradients of the parameters to the vector, with that of the penalty.

        Returns
        -------
        float or None
            The penalty ``decay / 2`` times the squared weights; None without `decay`.
        """
        found: list[Any] = []
        for p in self._ordered:
            found.append(np.zeros(p.size, p.dtype) if p._grad is None else p._grad.reshape(-1))
            p._grad = None
        gradient = self.vector._grad = np.concatenate(found)
        if decay is None:
            return None
        weights = self.vector._data[: self._decayed]
        gradient[: self._decayed] += decay * weights
        return 0.5 * decay * weights.dot(weights)


def make_optimizer(
    solver: Any, parameters: list[Tensor], rate: float, settings: tuple[Any, ...], *, joins: bool
) -> tuple[Optimizer | None, Flat | None]:
    """Make the optimizer of a solver, and the vector that it updates, if there is one.

    Parameters
    ----------
    solver : {"adam", "sgd", "lbfgs"} or callable
        As the estimators take it; there is no optimizer for "lbfgs".
    parameters : list of Tensor
        Of the network.
    rate : float
        The learning rate.
    settings : tuple
        The other arguments of the rule.
    joins : bool
        Whether the parameters may become one vector; not for a rule of the user, which may use
        their shapes.
    """
    if solver == "lbfgs":
        return None, None
    rules: dict[str, Any] = {"adam": AdamOfPaper, "sgd": MomentumOfSteps}
    if not isinstance(solver, str):
        return solver(parameters, rate), None
    flat = Flat(parameters) if joins else None
    return rules[solver](parameters if flat is None else [flat.vector], rate, *settings), flat
