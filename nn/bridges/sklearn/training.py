"""Trains a network batch by batch for the estimators: losses, a step, an epoch, gradients.

Nothing here knows scikit-learn; when to stop is decided in `base.py`. The built-in network has few
operations, and its parameters are updated as one vector. The step of any other network is captured,
and a network that cannot be captured is trained without. Update rules are in `updating.py`.
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
    mean,
    mse_loss,
    softmax_cross_entropy,
)
from tinygrad_edu.errors import ReplayError

from ...module import Module
from ...optim import Optimizer
from ...training.metrics import logits_of
from .updating import AdamOfPaper, Flat

__all__ = ["LOSSES", "Trainer", "outputs_of"]

Array = NDArray[Any]

# Recording a step and writing its program takes as long as about so many steps gain by replaying.
_STEPS_BEFORE_CAPTURE = 100

_BYTES_AT_ONCE = 2**24  # rows are gathered for several batches, in arrays of about this size

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

# Their means over the rows, with fewer operations. --------------------------------------------


def _mean_sigmoid(outputs: Tensor, targets: Tensor) -> Tensor:
    loss = binary_cross_entropy_with_logits(outputs, targets)
    return loss if targets.shape[1] == 1 else loss * targets.shape[1]  # type: ignore[no-any-return]


def _mean_squared(outputs: Tensor, targets: Tensor) -> Tensor:
    return mse_loss(outputs, targets) * (0.5 * targets.shape[1])  # type: ignore[no-any-return]


_MEANS: dict[str, Callable[[Tensor, Tensor], Tensor]] = {
    "softmax": softmax_cross_entropy,
    "sigmoid": _mean_sigmoid,
    "squared_error": _mean_squared,
    "poisson": lambda outputs, targets: mean(_poisson(outputs, targets)),
}


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
    flat : Flat, optional
        The parameters of the network as a vector, which the optimizer updates.

    Attributes
    ----------
    learning_rate : float
        The learning rate of the next epoch.
    steps : int
        How many steps were taken.
    """

    def __init__(
        self, network: Module, loss: str, optimizer: Optimizer | None, flat: Flat | None = None
    ) -> None:
        self.network, self.loss, self.optimizer = network, loss, optimizer
        self.flat = flat
        self.parameters: list[Tensor] = network.parameters()
        self.dtype = self.parameters[0].dtype
        self.learning_rate = 0.0 if optimizer is None else float(optimizer.lr)
        self.steps = 0
        self._make_steps()

    def _make_steps(self) -> None:
        network, optimizer, flat = self.network, self.optimizer, self.flat
        rows_of, mean_of = LOSSES[self.loss], _MEANS[self.loss]
        decayed = [p for p in self.parameters if p.ndim > 1]  # no biases, no gains

        def loss_of(x: Array, y: Array, shares: Any) -> Tensor:
            """Set the gradients of the loss without the penalty."""
            outputs, targets = network(Tensor(x, copy=False)), Tensor(y, copy=False)
            if shares is None:
                loss = mean_of(outputs, targets)
            else:
                loss = (rows_of(outputs, targets) * Tensor(shares, copy=False)).sum()
            loss.backward(keep_interior=False)
            return loss

        def differentiate(x: Array, y: Array, shares: Any, decay: Any) -> tuple[Tensor, Any]:
            """Set the gradients of the loss with the penalty; return both parts of it."""
            loss = loss_of(x, y, shares)
            penalty: Any = None
            if decay is not None:
                for p in decayed:
                    values = p._data
                    flattened = values.reshape(-1)
                    square = flattened.dot(flattened)
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

        def train_flat(x: Array, y: Array, shares: Any, decay: Any) -> tuple[Tensor, Any]:
            assert optimizer is not None
            assert flat is not None
            loss = loss_of(x, y, shares)
            penalty = flat.take_gradients(decay)
            optimizer.step()
            flat.spread()
            return loss, penalty

        self._differentiate = differentiate
        self._eager = train if flat is None else train_flat
        self._step: Callable[..., tuple[Tensor, Any]] = self._eager
        self._until_capture = _STEPS_BEFORE_CAPTURE if flat is None else 0

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
            The inputs; rows of a sparse matrix become dense some batches at a time.
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
        assert self.optimizer is not None
        correct = self._corrector() if isinstance(self.optimizer, AdamOfPaper) else None
        if correct is None:
            self.optimizer.lr = self.learning_rate
        decays: dict[int, Any] = {}
        total, count_of_rows = 0.0, len(order)
        together = size * max(1, _BYTES_AT_ONCE // (size * x.shape[1] * self.dtype.itemsize))
        if self.flat is not None:
            self.flat.gather()
        try:
            for start in range(0, count_of_rows, size):
                place = start % together
                if not place:
                    rows = order[start : start + together]
                    some_x, some_y = rows_of_matrix(x, rows), y.take(rows, 0)
                    some_weights = None if weights is None else weights.take(rows)
                count = min(size, count_of_rows - start)
                shares, decay = None, None
                if some_weights is not None:
                    shares = some_weights[place : place + size]
                    sum_of_weights = float(shares.sum(dtype=np.float64))
                    if not sum_of_weights:
                        continue
                    shares = shares / shares.dtype.type(sum_of_weights)
                    if alpha:
                        decay = np.array(alpha / sum_of_weights, self.dtype)
                elif alpha:
                    decay = decays.get(count)
                    if decay is None:
                        decay = decays[count] = np.array(alpha / count, self.dtype)
                self.steps += 1
                if correct is not None:
                    correct()
                loss, penalty = self._take(
                    some_x[place : place + size], some_y[place : place + size], shares, decay
                )
                value = loss.item() + (0.0 if penalty is None else float(penalty))
                total += value * count
        finally:
            if self.flat is not None:
                self.flat.release()
        return total / count_of_rows

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

    def _corrector(self) -> Callable[[], None]:
        """Return what sets the rate of a step of Adam, with both corrections for the start at 0."""
        assert self.optimizer is not None
        (group,) = self.optimizer.param_groups
        beta_1, beta_2 = float(group["beta_1"]), float(group["beta_2"])
        # Setting the option checks it anew, which would be a twentieth of a small step.
        rates = list({id(options["lr"]): options["lr"] for _, _, options in group.members}.values())

        def correct() -> None:
            first, second = beta_1**self.steps, beta_2**self.steps
            for rate in rates:
                rate[...] = self.learning_rate * math.sqrt(1 - second) / (1 - first)

        return correct

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


def rows_of_matrix(x: Any, rows: Array) -> Array:
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
