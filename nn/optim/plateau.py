"""A schedule that looks at a measured value, such as the loss on test data.

Schedules that are formulas of the number of steps are in `schedules.py`.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

from ..checks import check_number
from .optimizer import Optimizer
from .schedule import checked_optimizer

__all__ = ["ReduceLROnPlateau"]


class ReduceLROnPlateau:
    """Multiply the rate by `factor` when a measured value stops to improve.

    Parameters
    ----------
    optimizer : Optimizer
    mode : str
        ``"min"`` if smaller values are better, as of a loss; ``"max"`` for accuracies.
    factor : float
        The factor, from 0 to below 1.
    patience : int
        The number of steps without improvement that are accepted.
    threshold : float
        The smallest improvement that counts.
    threshold_mode : str
        ``"rel"``: relative to the best value; ``"abs"``: a difference.
    cooldown : int
        The number of steps to wait after a reduction.
    min_lr : float, or list of float
        The lowest rate; a list has one for each group.
    eps : float
        A smaller change of the rate is not made.

    Raises
    ------
    TypeError, ValueError
        For arguments out of range.

    Examples
    --------
    >>> from nn import SGD, ReduceLROnPlateau
    >>> from tinygrad_edu import Tensor
    >>> optimizer = SGD([Tensor(1.0, requires_grad=True)], lr=1.0)
    >>> schedule, rates = ReduceLROnPlateau(optimizer, factor=0.5, patience=1), []
    >>> for loss in (3.0, 2.0, 2.0, 2.0, 1.0):
    ...     schedule.step(loss)
    ...     rates.append(optimizer.lr)
    >>> rates
    [1.0, 1.0, 1.0, 0.5, 0.5]
    """

    def __init__(
        self,
        optimizer: Optimizer,
        mode: str = "min",
        factor: float = 0.1,
        patience: int = 10,
        threshold: float = 1e-4,
        threshold_mode: str = "rel",
        cooldown: int = 0,
        min_lr: float | list[float] = 0.0,
        eps: float = 1e-8,
    ) -> None:
        self.optimizer = checked_optimizer(optimizer, self)
        if mode not in ("min", "max"):
            raise ValueError(f"mode must be 'min' or 'max', got {mode!r}")
        if threshold_mode not in ("rel", "abs"):
            raise ValueError(f"threshold_mode must be 'rel' or 'abs', got {threshold_mode!r}")
        check_number("factor", factor, least=0.0, below=1.0)
        for name, value in (("patience", patience), ("cooldown", cooldown), ("eps", eps)):
            check_number(name, value, least=0.0)
        check_number("threshold", threshold, least=0.0)
        self.mode, self.factor, self.patience, self.eps = mode, factor, patience, eps
        self.threshold, self.threshold_mode, self.cooldown = threshold, threshold_mode, cooldown
        count = len(optimizer.param_groups)
        self.min_lrs = list(min_lr) if isinstance(min_lr, list | tuple) else [min_lr] * count
        if len(self.min_lrs) != count:
            raise ValueError(
                f"min_lr has {len(self.min_lrs)} entries, and the optimizer has {count} groups of "
                "parameters; pass one for each"
            )
        self.best = math.inf if mode == "min" else -math.inf
        self.last_epoch = self.num_bad_epochs = self.cooldown_counter = 0

    def step(self, metrics: Any) -> None:
        """Look at a value, and reduce the rates if it has not improved for too long.

        Parameters
        ----------
        metrics : float or Tensor
            The measured value.
        """
        value = float(metrics.item() if hasattr(metrics, "item") else metrics)
        self.last_epoch += 1
        self.num_bad_epochs += 1
        if self._is_better(value):
            self.best, self.num_bad_epochs = value, 0
        if self.cooldown_counter > 0:
            self.cooldown_counter -= 1
            self.num_bad_epochs = 0
        if self.num_bad_epochs > self.patience:
            self._reduce()
            self.cooldown_counter, self.num_bad_epochs = self.cooldown, 0

    def _is_better(self, value: float) -> bool:
        sign = 1 if self.mode == "min" else -1
        if self.threshold_mode == "abs":
            return sign * value < sign * self.best - self.threshold
        if math.isinf(self.best):
            return sign * value < sign * self.best
        return sign * value < sign * self.best * (1 - sign * self.threshold)

    def _reduce(self) -> None:
        for group, least in zip(self.optimizer.param_groups, self.min_lrs, strict=True):
            new = max(group["lr"] * self.factor, least)
            if group["lr"] - new > self.eps:
                group["lr"] = new

    def get_last_lr(self) -> list[float]:
        """Return the current rates, one for each group."""
        return [group["lr"] for group in self.optimizer.param_groups]

    def state_dict(self) -> dict[str, Any]:
        """Return what changes during a training; the settings and the rates are not in it."""
        return {name: getattr(self, name) for name in _STATE}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Continue after the steps of a saved schedule of the same kind.

        Parameters
        ----------
        state : mapping
            As `state_dict` returns it. The rates are in the state of the optimizer.

        Raises
        ------
        ValueError
            If it does not fit. Nothing is changed.
        """
        is_mapping = isinstance(state, Mapping)
        if not is_mapping or state.keys() != set(_STATE):
            raise ValueError(
                "the state does not fit ReduceLROnPlateau, nothing was loaded: expected "
                f"{', '.join(_STATE)}"
            )
        for name in _STATE:
            setattr(self, name, state[name])

    def __repr__(self) -> str:
        return f"ReduceLROnPlateau(after {self.last_epoch} steps, best={self.best:g})"


_STATE = ("best", "last_epoch", "num_bad_epochs", "cooldown_counter")
