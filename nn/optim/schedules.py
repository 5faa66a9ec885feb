"""Schedules: learning rates that change during a training.

A schedule computes the rate from the number of its steps and the rate at its start, and sets
``lr`` of the optimizer; it changes nothing else. Its `step` belongs outside of a captured step.
"""

from __future__ import annotations

import math
from bisect import bisect_right
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

from ..checks import check_count, check_number
from .optimizer import Optimizer

__all__ = [
    "CosineAnnealingLR",
    "CosineAnnealingWarmRestarts",
    "ExponentialLR",
    "LambdaLR",
    "LinearLR",
    "MultiStepLR",
    "Schedule",
    "SequentialLR",
    "StepLR",
]


class Schedule:
    """The base class of schedules; a subclass defines the method `rate`.

    ``rate(t, start)`` returns the learning rate after `t` calls of `step`, from the rate at the
    start. Making a schedule sets the rate for ``t = 0``.

    Parameters
    ----------
    optimizer : Optimizer
        Its learning rates are set.

    Attributes
    ----------
    last_epoch : int or float
        The number of steps so far.
    base_lrs : list of float
        The rates at the start, of all groups.

    Raises
    ------
    TypeError
        If it is not an optimizer with an option `lr`.

    Examples
    --------
    >>> from nn import SGD, Schedule
    >>> from tinygrad_edu import Tensor
    >>> class InverseRoot(Schedule):
    ...     def rate(self, t, start):
    ...         return start / (1 + t) ** 0.5
    >>> optimizer = SGD([Tensor(1.0, requires_grad=True)], lr=0.1)
    >>> schedule = InverseRoot(optimizer)
    >>> for _ in range(3):  # after each optimizer.step(), or after each epoch
    ...     schedule.step()
    >>> optimizer.lr
    0.05
    """

    def __init__(self, optimizer: Optimizer) -> None:
        self.optimizer = checked_optimizer(optimizer, self)
        for group in optimizer.param_groups:
            if group.initial_lr is None:
                group.initial_lr = group["lr"]
        self.base_lrs = [group.initial_lr or 0.0 for group in optimizer.param_groups]
        self.last_epoch: int | float = 0
        self._set(self.rates(0))

    def rate(self, t: Any, start: float) -> float:
        """Return the rate after `t` steps; every subclass defines this."""
        raise NotImplementedError(
            f"{type(self).__name__} has no method rate; write rate(self, t, start) that returns "
            "the learning rate after t steps"
        )

    def rates(self, t: Any) -> list[float]:
        """Return the rates of all groups after `t` steps."""
        return [self.rate(t, start) for start in self.base_lrs]

    def step(self, epoch: float | None = None) -> None:
        """Set the next learning rates.

        Parameters
        ----------
        epoch : int or float, optional
            Go to this number of steps instead of to the next one.

        Raises
        ------
        ValueError
            If something else has changed the rates, which this schedule would overwrite.
        """
        if epoch is not None:
            check_number("epoch", epoch, least=0.0)
        found = [group["lr"] for group in self.optimizer.param_groups]
        if found != self._last_lr:
            raise ValueError(
                f"{type(self).__name__} set lr to {_listed(self._last_lr)}, and now it is "
                f"{_listed(found)}: something else changed it, and the schedule would overwrite "
                "that; use SequentialLR for one schedule after another, or LambdaLR for a product"
            )
        t = self.last_epoch + 1 if epoch is None else epoch
        rates = self.rates(t)
        self.last_epoch = t
        self._set(rates)

    def _set(self, rates: list[float]) -> None:
        groups = self.optimizer.param_groups
        if len(rates) != len(groups):
            raise ValueError(
                f"{type(self).__name__} has rates for {len(rates)} groups of parameters, and the "
                f"optimizer has {len(groups)}; make the schedule after all groups are added"
            )
        for rate in rates:
            check_number("lr", rate, least=0.0)
        for group, rate in zip(groups, rates, strict=True):
            group.set_by_schedule("lr", rate)
        self._last_lr = [group["lr"] for group in groups]

    def get_last_lr(self) -> list[float]:
        """Return the rates that were set last, one for each group."""
        return list(self._last_lr)

    def state_dict(self) -> dict[str, Any]:
        """Return what changes during a training; the settings are not in it."""
        return {"last_epoch": self.last_epoch, "base_lrs": list(self.base_lrs)}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Continue after the steps of a saved schedule of the same kind, and set the rates.

        Parameters
        ----------
        state : mapping
            As `state_dict` returns it.

        Raises
        ------
        ValueError
            If it does not fit. Nothing is changed.
        """
        if problem := _misfit(self.state_dict(), state):
            raise ValueError(
                f"the state does not fit {type(self).__name__}, nothing was loaded: {problem}"
            )
        self._restore(state)
        self._set(self.rates(self.last_epoch))

    def _restore(self, state: Mapping[str, Any]) -> None:
        self.last_epoch = state["last_epoch"]
        self.base_lrs = list(state["base_lrs"])

    def __repr__(self) -> str:
        rates = _listed(self._last_lr)
        return f"{type(self).__name__}(after {self.last_epoch} steps, lr={rates})"


def checked_optimizer(optimizer: Any, schedule: Any) -> Optimizer:
    """Check that a schedule is made for an optimizer with a learning rate."""
    if not isinstance(optimizer, Optimizer) or "lr" not in optimizer.param_groups[0]:
        raise TypeError(
            f"{type(schedule).__name__} needs an optimizer with an option lr, got a "
            f"{type(optimizer).__name__}; pass for example SGD(model.parameters(), lr=0.1)"
        )
    return optimizer


def _misfit(own: Mapping[str, Any], state: Any) -> str | None:
    if not isinstance(state, Mapping) or state.keys() != own.keys():
        found = ", ".join(map(str, state)) if isinstance(state, Mapping) else type(state).__name__
        return f"expected {', '.join(own)}, got {found}"
    if "base_lrs" in own and len(state["base_lrs"]) != len(own["base_lrs"]):
        return (
            f"it has rates of {len(state['base_lrs'])} groups of parameters, expected "
            f"{len(own['base_lrs'])}"
        )
    return None


def _listed(rates: list[float]) -> str:
    return ", ".join(f"{rate:g}" for rate in rates)


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

    def __init__(
        self, optimizer: Optimizer, milestones: Iterable[int], gamma: float = 0.1
    ) -> None:
        check_number("gamma", gamma, least=0.0)
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
        share = min(t / self.total_iters, 1.0)
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
        return [start * function(t) for start, function in pairs]


class SequentialLR(Schedule):
    """Use one schedule after another, for example a warm-up and then a cosine.

    Parameters
    ----------
    optimizer : Optimizer
    schedulers : list of Schedule
        In their order, made for the same optimizer.
    milestones : list of int
        The numbers of steps after which the next one begins, in increasing order.

    Examples
    --------
    >>> from nn import SGD, CosineAnnealingLR, LinearLR, SequentialLR
    >>> from tinygrad_edu import Tensor
    >>> optimizer = SGD([Tensor(1.0, requires_grad=True)], lr=1.0)
    >>> warm_up = LinearLR(optimizer, start_factor=0.5, total_iters=2)
    >>> cosine = CosineAnnealingLR(optimizer, T_max=4)
    >>> schedule, rates = SequentialLR(optimizer, [warm_up, cosine], milestones=[2]), []
    >>> for _ in range(5):
    ...     rates.append(round(optimizer.lr, 4))
    ...     schedule.step()
    >>> rates
    [0.5, 0.75, 1.0, 0.8536, 0.5]
    """

    def __init__(
        self, optimizer: Optimizer, schedulers: Sequence[Schedule], milestones: Sequence[int]
    ) -> None:
        self.schedulers, self.milestones = list(schedulers), list(milestones)
        if len(self.milestones) != len(self.schedulers) - 1:
            raise ValueError(
                f"{len(self.schedulers)} schedules need one milestone less than that, got "
                f"{len(self.milestones)}"
            )
        if self.milestones != sorted(set(self.milestones)):
            raise ValueError(f"milestones must increase, got {self.milestones}")
        for part in self.schedulers:
            if not isinstance(part, Schedule) or part.optimizer is not optimizer:
                what = "" if isinstance(part, Schedule) else f", got a {type(part).__name__}"
                raise ValueError(f"SequentialLR needs schedules of the same optimizer{what}")
        super().__init__(optimizer)

    def rates(self, t: Any) -> list[float]:
        """Return the rates of all groups after `t` steps."""
        number = bisect_right(self.milestones, t)
        return self.schedulers[number].rates(t - ([0] + self.milestones)[number])

    def _restore(self, state: Mapping[str, Any]) -> None:
        super()._restore(state)
        for part in self.schedulers:
            part.base_lrs = list(self.base_lrs)


def cosine(start: float, end: float, share: float) -> float:
    """Return a value between two, along half a wave of the cosine.

    Parameters
    ----------
    start, end : float
        The values for the shares 0 and 1.
    share : float
    """
    return end + (start - end) * (1 + math.cos(math.pi * share)) / 2
