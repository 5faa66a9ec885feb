"""Trains a network batch by batch for the estimators: losses, update rules, an epoch, gradients.

Nothing here knows scikit-learn; when to stop is decided in `base.py`. The step is captured, and a
network that cannot be captured is trained without.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tinygrad_edu import (
    CaptureError,
    Tensor,
    binary_cross_entropy_with_logits,
    capture,
    cross_entropy,
    exp,
)
from tinygrad_edu.errors import ReplayError

from ...module import Module
from ...optim import Optimizer
from ...training.metrics import logits_of

__all__ = ["LOSSES", "AdamOfPaper", "MomentumOfSteps", "Trainer", "outputs_of"]

Array = NDArray[Any]

# Recording a step and writing its program takes as long as about so many steps gain by replaying.
_STEPS_BEFORE_CAPTURE = 100

# Losses: one number for each row, shape (N,). ----------------------------------------------------


def _softmax(outputs: Tensor, labels: Tensor) -> Tensor:
    return cross_entropy(outputs, labels, reduction="none")  # type: ignore[no-any-return]


def _sigmoid(outputs: Tensor, targets: Tensor) -> Tensor:
    return binary_cross_entropy_with_logits(outputs, targets, reduction="none").sum(axis=1)  # type: ignore[no-any-return]


def _squared(outputs: Tensor, targets: Tensor) -> Tensor:
    error = outputs - targets
    return 0.5 * (error * error).sum(axis=1)


def _poisson(outputs: Tensor, targets: Tensor) -> Tensor:
    values = targets._data
    # The part that does not depend on the outputs makes the loss 0 for a perfect fit.
    constant = values * np.log(np.maximum(values, np.finfo(values.dtype).tiny)) - values
    return (exp(outputs) - targets * outputs + constant).sum(axis=1)  # type: ignore[no-any-return]


LOSSES: dict[str, Callable[[Tensor, Tensor], Tensor]] = {
    "softmax": _softmax,
    "sigmoid": _sigmoid,
    "squared_error": _squared,
    "poisson": _poisson,
}


# Update rules ------------------------------------------------------------------------------------


class AdamOfPaper(Optimizer):
    """Adam as at the end of section 2 of its paper: ``p - rate * m / (sqrt(v) + epsilon)``.

    The rate has both corrections, so `epsilon` is that of scikit-learn, not that of `nn.Adam`.
    Source: Kingma and Ba, "Adam" (2015).
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
        m = state["m"] = beta_1 * state.get("m", 0.0) + (1 - beta_1) * g
        v = state["v"] = beta_2 * state.get("v", 0.0) + (1 - beta_2) * (g * g)
        return p - lr * m / (np.sqrt(v) + epsilon)


class MomentumOfSteps(Optimizer):
    """SGD whose velocity is a step: ``v = momentum * v - lr * g``, and ``p + v``.

    With `nesterov`, ``p + momentum * v - lr * g``. Where the learning rate changes, this is not
    `nn.SGD`, whose velocity is a gradient. Source: Sutskever et al. (2013), equations 3 and 4.
    """

    leaves_arrays_alone = True

    def __init__(self, params: Any, lr: float, momentum: float, nesterov: bool):
        super().__init__(params, lr=lr, momentum=momentum, nesterov=nesterov)

    def update(
        self, p: Array, g: Array, state: Any, lr: Any, momentum: float, nesterov: bool
    ) -> Any:
        step = lr * g
        v = state["v"] = momentum * state.get("v", 0.0) - step
        return p + (momentum * v - step if nesterov else v)


# Training ----------------------------------------------------------------------------------------


class Trainer:
    """A network, its optimizer, and the step that trains it.

    Parameters
    ----------
    network : Module
        Returns outputs of shape (N, outputs).
    loss : str
        A key of `LOSSES`.
    optimizer : Optimizer or None
        None where only gradients are wanted.

    Attributes
    ----------
    learning_rate : float
        The learning rate of the next epoch.
    steps : int
        How many steps were taken.
    """

    def __init__(self, network: Module, loss: str, optimizer: Optimizer | None) -> None:
        self.network, self.loss, self.optimizer = network, loss, optimizer
        self.parameters: list[Tensor] = network.parameters()
        self.dtype = self.parameters[0].dtype
        self.learning_rate = 0.0 if optimizer is None else float(optimizer.lr)
        self.steps = 0
        self._make_steps()

    def _make_steps(self) -> None:
        network, optimizer, rows_of = self.network, self.optimizer, LOSSES[self.loss]
        decayed = [p for p in self.parameters if p.ndim > 1]  # no biases, no gains

        def differentiate(x: Array, y: Array, shares: Any, decay: Any) -> tuple[Tensor, Any]:
            """Set the gradients of the loss with the penalty; return both parts of it."""
            rows = rows_of(network(Tensor(x, copy=False)), Tensor(y, copy=False))
            loss = rows.mean() if shares is None else (rows * Tensor(shares, copy=False)).sum()
            loss.backward(keep_interior=False)
            penalty: Any = None
            if decay is not None:
                for p in decayed:
                    values = p._data
                    flat = values.reshape(-1)
                    square = flat.dot(flat)
                    penalty = square if penalty is None else penalty + square
                    if p._grad is not None:
                        p._grad = p._grad + decay * values
                penalty = None if penalty is None else 0.5 * decay * penalty
            return loss, penalty

        def train(x: Array, y: Array, shares: Any, decay: Any) -> tuple[Tensor, Any]:
            result = differentiate(x, y, shares, decay)
            assert optimizer is not None
            optimizer.step()
            optimizer.zero_grad()
            return result

        self._differentiate, self._eager = differentiate, train
        self._step: Callable[..., tuple[Tensor, Any]] = train
        self._until_capture = _STEPS_BEFORE_CAPTURE

    def __getstate__(self) -> dict[str, Any]:
        """Leave the steps out: they are made anew."""
        state = vars(self).copy()
        for name in ("_differentiate", "_eager", "_step"):
            del state[name]
        return state

    def __setstate__(self, state: dict[str, Any]) -> None:
        vars(self).update(state)
        self._make_steps()

    def snapshot(self) -> tuple[Any, ...]:
        """Copy everything that a training changes."""
        optimizer = self.optimizer
        states = None if optimizer is None else optimizer.state_dict()
        return self.network.state_dict(), states, self.steps, self.learning_rate

    def restore(self, snapshot: tuple[Any, ...]) -> None:
        """Set everything as it was."""
        weights, states, self.steps, self.learning_rate = snapshot
        self.network.load_state_dict(weights)
        if self.optimizer is not None:
            self.optimizer.load_state_dict(states)

    def is_finite(self) -> bool:
        """Whether all parameters are finite."""
        return all(bool(np.isfinite(p._data).all()) for p in self.parameters)

    @np.errstate(over="ignore", invalid="ignore", divide="ignore")  # losses are checked instead
    def epoch(
        self, x: Any, y: Array, weights: Array | None, order: Array, size: int, alpha: float
    ) -> float:
        """Take one step for each batch; return the mean loss of the rows, with the penalty.

        Parameters
        ----------
        x : ndarray or sparse matrix, shape (N, features)
            The inputs; rows of a sparse matrix become dense batch by batch.
        y : ndarray
            The targets, a row for each input.
        weights : ndarray, shape (N,), or None
            A batch whose weights are all 0 is left out.
        order : ndarray of int
            The rows in the order of the training.
        size : int
            Rows of a batch; the last one may have fewer.
        alpha : float
            The penalty is ``alpha / 2`` times the squares of all weight matrices, divided by the
            number of rows of the batch, or by the sum of their weights.
        """
        if not self.network.training:
            self.network.train()
        total, decays = 0.0, {}
        is_adam = isinstance(self.optimizer, AdamOfPaper)
        if not is_adam:
            self._set_rate(self.learning_rate)
        for start in range(0, len(order), size):
            rows = order[start : start + size]
            count = len(rows)
            shares = None
            if weights is not None:
                shares = weights[rows]
                sum_of_weights = float(shares.sum(dtype=np.float64))
                if not sum_of_weights:
                    continue
                shares = shares / shares.dtype.type(sum_of_weights)
                decay = np.array(alpha / sum_of_weights, self.dtype) if alpha else None
            else:
                if count not in decays:
                    decays[count] = np.array(alpha / count, self.dtype) if alpha else None
                decay = decays[count]
            self.steps += 1
            if is_adam:
                self._set_rate(self._corrected())
            loss, penalty = self._take(batch_of(x, rows), y[rows], shares, decay)
            value = loss.item() + (0.0 if penalty is None else float(penalty))
            total += value * count
        return total / len(order)

    def _take(self, *batch: Any) -> tuple[Tensor, Any]:
        self._until_capture -= 1
        if self._until_capture == 0:
            self._step = capture(self._eager)
        try:
            return self._step(*batch)
        except ReplayError:  # earlier steps may be wrong
            raise
        except CaptureError:  # a network of the user
            self._step = self._eager
            return self._eager(*batch)

    def _corrected(self) -> float:
        """Return the learning rate with both corrections of Adam for the start at 0."""
        (group,) = self.optimizer.param_groups  # type: ignore[union-attr]
        first = float(group["beta_1"]) ** self.steps
        second = float(group["beta_2"]) ** self.steps
        return self.learning_rate * math.sqrt(1 - second) / (1 - first)

    def _set_rate(self, rate: float) -> None:
        self.optimizer.lr = rate  # type: ignore[union-attr]

    def slope(
        self, x: Any, y: Array, weights: Array | None, alpha: float
    ) -> tuple[float, NDArray[np.float64]]:
        """Return the loss of all rows, and its gradients as one vector in float64.

        Parameters
        ----------
        x, y, weights, alpha
            As for `epoch`.
        """
        self.network.train()
        total = float(len(y)) if weights is None else float(weights.sum(dtype=np.float64))
        shares = None if weights is None else weights / weights.dtype.type(total)
        decay = np.array(alpha / total, self.dtype)
        dense = x if isinstance(x, np.ndarray) else x.toarray()
        with np.errstate(over="ignore", invalid="ignore", divide="ignore"):
            loss, penalty = self._differentiate(dense, y, shares, decay)
        gradients = [
            np.zeros(p.size) if p._grad is None else p._grad.reshape(-1) for p in self.parameters
        ]
        for p in self.parameters:
            p._grad = None
        value = loss.item() + (0.0 if penalty is None else float(penalty))
        return value, np.concatenate(gradients).astype(np.float64)

    @property
    def vector(self) -> NDArray[np.float64]:
        """All parameters as one vector in float64."""
        return np.concatenate([p.numpy().reshape(-1) for p in self.parameters]).astype(np.float64)

    @vector.setter
    def vector(self, values: NDArray[np.float64]) -> None:
        start = 0
        for p in self.parameters:
            part = values[start : start + p.size]
            p.data = part.reshape(p.shape).astype(p.dtype)
            start += p.size


def batch_of(x: Any, rows: Array) -> Array:
    """Return some rows as an array, of a matrix that may be sparse."""
    if isinstance(x, np.ndarray):
        return x.take(rows, 0)
    return np.asarray(x[rows].toarray())


def outputs_of(network: Module, x: Any, rows: int = 4096) -> Array:
    """Compute the outputs for all rows, in evaluation mode and without a graph.

    Parameters
    ----------
    network : Module
    x : ndarray or sparse matrix, shape (N, features)
    rows : int
        So many rows of a sparse matrix are dense at a time.
    """
    if isinstance(x, np.ndarray):
        return logits_of(network, x)
    starts = range(0, x.shape[0], rows)
    parts = [logits_of(network, x[start : start + rows].toarray()) for start in starts]
    return np.concatenate(parts)
