"""The base class of schedules, and schedules one after another.

A schedule computes the learning rate from the number of its steps and the rate at its start, and
sets it in the optimizer. The formulas are in `schedules.py`.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Mapping, Sequence
from typing import Any

from ..checks import check_number
from .optimizer import Optimizer

__all__ = ["Schedule", "SequentialLR", "checked_optimizer"]


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
        self._set(0)

    def rate(self, t: Any, start: float) -> float:
        """Return the rate after `t` steps; every subclass defines this."""
        raise NotImplementedError(
            f"{type(self).__name__} has no method rate; write rate(self, t, start) that returns "
            "the learning rate after t steps"
        )

    def rates(self, t: Any) -> list[float]:
        """Return the rates of all groups after `t` steps."""
        return [self.rate(t, start) for start in self.base_lrs]

    def momenta(self, t: Any) -> list[float] | None:
        """Return the momenta of all groups after `t` steps; None leaves them as they are."""
        return None

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
        self._set(self.last_epoch + 1 if epoch is None else epoch)

    def _set(self, t: int | float) -> None:
        """Set the rates, and the momenta if there are any."""
        groups, rates, momenta = self.optimizer.param_groups, self.rates(t), self.momenta(t)
        if len(rates) != len(groups):
            raise ValueError(
                f"{type(self).__name__} has rates for {len(rates)} groups of parameters, and the "
                f"optimizer has {len(groups)}; make the schedule after all groups are added"
            )
        for rate in rates:
            check_number("lr", rate, least=0.0)
        for group, rate in zip(groups, rates, strict=True):
            group.set_by_schedule("lr", rate)
        for group, momentum in zip(groups, momenta or (), strict=momenta is not None):
            group.set_momentum(momentum)
        self.last_epoch = t
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
        self._set(state["last_epoch"])

    def _restore(self, state: Mapping[str, Any]) -> None:
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
            is_schedule = isinstance(part, Schedule)
            if not is_schedule or part.optimizer is not optimizer:
                what = "" if is_schedule else f", got a {type(part).__name__}"
                raise ValueError(f"SequentialLR needs schedules of the same optimizer{what}")
        super().__init__(optimizer)

    def rates(self, t: Any) -> list[float]:
        """Return the rates of all groups after `t` steps."""
        part, own = self._part(t)
        return part.rates(own)

    def momenta(self, t: Any) -> list[float] | None:
        """Return the momenta of all groups after `t` steps; None leaves them as they are."""
        part, own = self._part(t)
        return part.momenta(own)

    def _part(self, t: Any) -> tuple[Schedule, Any]:
        """Return the schedule that is in use after `t` steps, and the number of its own steps."""
        number = bisect_right(self.milestones, t)
        return self.schedulers[number], t - [0, *self.milestones][number]

    def _restore(self, state: Mapping[str, Any]) -> None:
        super()._restore(state)
        for part in self.schedulers:
            part.base_lrs = list(self.base_lrs)
