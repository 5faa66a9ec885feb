"""Schedules: learning rates that change during a training.

Each is a formula for the rate; the base class in `schedule.py` sets it. Call `step` of a schedule
outside of a captured step, after each step of the optimizer or after each epoch.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable, Iterable, Sequence
from typing import Any

from ..checks import check_count, check_number
from .one_cycle import OneCycleLR, cosine
from .optimizer import Optimizer
from .plateau import ReduceLROnPlateau
from .schedule import Schedule, SequentialLR, checked_optimizer

__all__ = [
    "CosineAnnealingLR",
    "CosineAnnealingWarmRestarts",
    "ExponentialLR",
    "LambdaLR",
    "LinearLR",
    "MultiStepLR",
    "OneCycleLR",
    "ReduceLROnPlateau",
    "Schedule",
    "SequentialLR",
    "StepLR",
]


class StepLR(Schedule):
    """Multiply the rate by `gamma` after every `step_size` steps.

    The rate is ``start * gamma**(t // step_size)``.

    Parameters
    ----------
    optimizer : Optimizer
    step_size : int
        Steps between two changes.
    gamma : float
        The factor, 0 or above.

    Examples
    --------
    >>> from nn import SGD, StepLR
    >>> from tinygrad_edu import Tensor
    >>> optimizer = SGD([Tensor(1.0, requires_grad=True)], lr=0.1)
    >>> schedule, rates = StepLR(optimizer, step_size=2, gamma=0.5), []
    >>> for _ in range(5):
    ...     rates.append(optimizer.lr)
    ...     schedule.step()
    >>> rates
    [0.1, 0.1, 0.05, 0.05, 0.025]
    """

    def __init__(self, optimizer: Optimizer, step_size: int, gamma: float = 0.1) -> None:
        check_count("step_size", step_size)
        check_number("gamma", gamma, least=0.0)
        self.step_size, self.gamma = step_size, gamma
        super().__init__(optimizer)

    def rate(self, t: Any, start: float) -> float:
        """Return the rate after `t` steps."""
        return float(start * self.gamma ** (t // self.step_size))


class MultiStepLR(Schedule):
    """Multiply the rate by `gamma` after each of the given numbers of steps.

    Parameters
    ----------
    optimizer : Optimizer
    milestones : iterable of int
        Numbers of steps; one that occurs twice counts twice.
    gamma : float
        The factor, 0 or above.

    Examples
    --------
    >>> from nn import SGD, MultiStepLR
    >>> from tinygrad_edu import Tensor
    >>> optimizer = SGD([Tensor(1.0, requires_grad=True)], lr=1.0)
    >>> schedule, rates = MultiStepLR(optimizer, [1, 3], gamma=0.5), []
    >>> for _ in range(4):
    ...     rates.append(optimizer.lr)
    ...     schedule.step()
    >>> rates
    [1.0, 0.5, 0.5, 0.25]
    """

    def __init__(self, optimizer: Optimizer, milestones: Iterable[int], gamma: float = 0.1) -> None:
        check_number("gamma", gamma, least=0.0)
        if not isinstance(milestones, Iterable):
            raise TypeError(f"milestones must be a list of step numbers, got {milestones!r}")
        self.milestones, self.gamma = sorted(milestones), gamma
        for number in self.milestones:
            check_number("milestones", number, least=0)
        super().__init__(optimizer)

    def rate(self, t: Any, start: float) -> float:
        """Return the rate after `t` steps."""
        return float(start * self.gamma ** bisect_right(self.milestones, t))


class ExponentialLR(Schedule):
    """Multiply the rate by `gamma` at every step: ``start * gamma**t``.

    Parameters
    ----------
    optimizer : Optimizer
    gamma : float
        The factor, 0 or above.

    Examples
    --------
    >>> from nn import SGD, ExponentialLR
    >>> from tinygrad_edu import Tensor
    >>> optimizer = SGD([Tensor(1.0, requires_grad=True)], lr=1.0)
    >>> schedule = ExponentialLR(optimizer, gamma=0.5)
    >>> schedule.step()
    >>> schedule.step()
    >>> optimizer.lr
    0.25
    """

    def __init__(self, optimizer: Optimizer, gamma: float) -> None:
        check_number("gamma", gamma, least=0.0)
        self.gamma = gamma
        super().__init__(optimizer)

    def rate(self, t: Any, start: float) -> float:
        """Return the rate after `t` steps."""
        return float(start * self.gamma**t)


class LinearLR(Schedule):
    """Change the rate along a line, for example to warm up; then keep it.

    The rate is ``start`` times a factor that goes from `start_factor` to `end_factor` in
    `total_iters` steps.

    Parameters
    ----------
    optimizer : Optimizer
    start_factor, end_factor : float
        The factors at the start and at the end, 0 or above.
    total_iters : int
        The number of steps.

    Examples
    --------
    >>> from nn import SGD, LinearLR
    >>> from tinygrad_edu import Tensor
    >>> optimizer = SGD([Tensor(1.0, requires_grad=True)], lr=1.0)
    >>> schedule, rates = LinearLR(optimizer, start_factor=0.25, total_iters=3), []
    >>> for _ in range(5):
    ...     rates.append(optimizer.lr)
    ...     schedule.step()
    >>> rates
    [0.25, 0.5, 0.75, 1.0, 1.0]
    """

    def __init__(
        self,
        optimizer: Optimizer,
        start_factor: float = 1 / 3,
        end_factor: float = 1.0,
        total_iters: int = 5,
    ) -> None:
        check_number("start_factor", start_factor, least=0.0)
        check_number("end_factor", end_factor, least=0.0)
        check_count("total_iters", total_iters)
        self.start_factor, self.end_factor = start_factor, end_factor
        self.total_iters = total_iters
        super().__init__(optimizer)

    def rate(self, t: Any, start: float) -> float:
        """Return the rate after `t` steps."""
        share = min(float(t) / self.total_iters, 1.0)
        return start * (self.start_factor + (self.end_factor - self.start_factor) * share)


class CosineAnnealingLR(Schedule):
    """Decrease the rate along half a wave of the cosine.

    The rate is ``eta_min + (start - eta_min) * (1 + cos(π t / T_max)) / 2``; after `T_max` steps it
    rises again.

    Source: Loshchilov and Hutter, "SGDR: Stochastic Gradient Descent with Warm Restarts" (2017),
    equation 5.

    Parameters
    ----------
    optimizer : Optimizer
    T_max : int
        The number of steps to the lowest rate.
    eta_min : float
        The lowest rate, 0 or above.

    Examples
    --------
    >>> from nn import SGD, CosineAnnealingLR
    >>> from tinygrad_edu import Tensor
    >>> optimizer = SGD([Tensor(1.0, requires_grad=True)], lr=1.0)
    >>> schedule, rates = CosineAnnealingLR(optimizer, T_max=4), []
    >>> for _ in range(5):
    ...     rates.append(round(optimizer.lr, 4))
    ...     schedule.step()
    >>> rates
    [1.0, 0.8536, 0.5, 0.1464, 0.0]
    """

    def __init__(self, optimizer: Optimizer, T_max: int, eta_min: float = 0.0) -> None:
        check_count("T_max", T_max)
        check_number("eta_min", eta_min, least=0.0)
        self.T_max, self.eta_min = T_max, eta_min
        super().__init__(optimizer)

    def rate(self, t: Any, start: float) -> float:
        """Return the rate after `t` steps."""
        return cosine(start, self.eta_min, t / self.T_max)


class CosineAnnealingWarmRestarts(Schedule):
    """Decrease the rate along half a wave of the cosine, and restart; see `CosineAnnealingLR`.

    Parameters
    ----------
    optimizer : Optimizer
    T_0 : int
        The number of steps to the first restart.
    T_mult : int
        Each period is this many times as long as the one before.
    eta_min : float
        The lowest rate, 0 or above.

    Examples
    --------
    >>> from nn import SGD, CosineAnnealingWarmRestarts
    >>> from tinygrad_edu import Tensor
    >>> optimizer = SGD([Tensor(1.0, requires_grad=True)], lr=1.0)
    >>> schedule, rates = CosineAnnealingWarmRestarts(optimizer, T_0=2, T_mult=2), []
    >>> for _ in range(7):
    ...     rates.append(round(optimizer.lr, 4))
    ...     schedule.step()
    >>> rates
    [1.0, 0.5, 1.0, 0.8536, 0.5, 0.1464, 1.0]
    """

    def __init__(
        self, optimizer: Optimizer, T_0: int, T_mult: int = 1, eta_min: float = 0.0
    ) -> None:
        check_count("T_0", T_0)
        check_count("T_mult", T_mult)
        check_number("eta_min", eta_min, least=0.0)
        self.T_0, self.T_mult, self.eta_min = T_0, T_mult, eta_min
        super().__init__(optimizer)

    def rate(self, t: Any, start: float) -> float:
        """Return the rate after `t` steps, which may be a fraction."""
        length = self.T_0
        if self.T_mult == 1:
            t = t % length
        while t >= length:
            t, length = t - length, length * self.T_mult
        return cosine(start, self.eta_min, t / length)


class LambdaLR(Schedule):
    """Multiply the rate at the start by a factor that a function returns.

    Parameters
    ----------
    optimizer : Optimizer
    lr_lambda : callable, or list of callable
        Returns the factor from the number of steps; a list has one for each group.

    Examples
    --------
    >>> from nn import SGD, LambdaLR
    >>> from tinygrad_edu import Tensor
    >>> optimizer = SGD([Tensor(1.0, requires_grad=True)], lr=1.0)
    >>> schedule = LambdaLR(optimizer, lambda t: 1 / (1 + t))
    >>> schedule.step()
    >>> optimizer.lr
    0.5
    """

    def __init__(
        self,
        optimizer: Optimizer,
        lr_lambda: Callable[[Any], float] | Sequence[Callable[[Any], float]],
    ) -> None:
        groups = len(checked_optimizer(optimizer, self).param_groups)
        functions = [lr_lambda] * groups if callable(lr_lambda) else list(lr_lambda)
        if len(functions) != groups or not all(map(callable, functions)):
            raise ValueError(
                f"lr_lambda must be a function, or a list of {groups} functions, one for each "
                "group of parameters"
            )
        self.lr_lambdas = functions
        super().__init__(optimizer)

    def rates(self, t: Any) -> list[float]:
        """Return the rates of all groups after `t` steps."""
        pairs = zip(self.base_lrs, self.lr_lambdas, strict=True)
        return [float(start * function(t)) for start, function in pairs]
