"""Optimizers and schedules of `nn.optim` by name, for `fit` and the command line.

A choice is a name such as ``"adam"``, or a dictionary with a name and options of the class:
``{"name": "sgd", "momentum": 0.9}``. The formulas are in `nn.optim`.
"""

from __future__ import annotations

import difflib
import inspect
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from .. import optim
from ..optim import Optimizer, Schedule
from ..optim.plateau import ReduceLROnPlateau

__all__ = [
    "OPTIMIZERS",
    "SCHEDULES",
    "ScheduleRun",
    "check_optimizer",
    "check_schedule",
    "make_optimizer",
    "make_schedule",
    "usual_rate",
]

OPTIMIZERS: Mapping[str, type[Optimizer]] = {
    cls.__name__.lower(): cls
    for cls in (
        *(optim.SGD, optim.Adam, optim.AdamW, optim.NAdam, optim.RMSprop),
        *(optim.Adagrad, optim.Adadelta, optim.Lion, optim.LBFGS),
    )
}
"""Optimizers by the lower-case name of the class."""

Defaults = Callable[[int, int, float], dict[str, Any]]
"""Options of a schedule from the number of epochs, the batches in one, and the rate."""


@dataclass(frozen=True)
class _Kind:
    """A schedule, its options unless others are given, and whether it steps after each batch."""

    cls: Any
    defaults: Defaults
    per_batch: bool = False


SCHEDULES: Mapping[str, _Kind] = {
    "constant": _Kind(None, lambda epochs, batches, rate: {}),
    "cosine": _Kind(optim.CosineAnnealingLR, lambda epochs, batches, rate: {"T_max": epochs}),
    "exponential": _Kind(optim.ExponentialLR, lambda epochs, batches, rate: {"gamma": 0.95}),
    "linear": _Kind(
        optim.LinearLR,
        lambda epochs, batches, rate: {
            "start_factor": 1.0,
            "end_factor": 0.01,
            "total_iters": epochs,
        },
    ),
    "one-cycle": _Kind(
        optim.OneCycleLR,
        lambda epochs, batches, rate: {"max_lr": rate, "total_steps": epochs * batches},
        per_batch=True,
    ),
    "plateau": _Kind(ReduceLROnPlateau, lambda epochs, batches, rate: {}),
    "restarts": _Kind(
        optim.CosineAnnealingWarmRestarts,
        lambda epochs, batches, rate: {"T_0": max(1, epochs // 4)},
    ),
    "step": _Kind(optim.StepLR, lambda epochs, batches, rate: {"step_size": max(1, epochs // 3)}),
}
"""Schedules by name, with the options that they get unless others are given."""


def check_optimizer(choice: Any) -> tuple[str, dict[str, Any]]:
    """Check the choice of an optimizer; return its name and its options.

    Parameters
    ----------
    choice : str or mapping
        A name from `OPTIMIZERS`, or a mapping with ``"name"`` and options of the class.

    Raises
    ------
    TypeError, ValueError
        For an unknown name or option.

    Examples
    --------
    >>> check_optimizer({"name": "sgd", "momentum": 0.9})
    ('sgd', {'momentum': 0.9})
    """
    name, options = _named("optimizer", choice, OPTIMIZERS)
    taken = inspect.signature(OPTIMIZERS[name]).parameters
    if "lr" in options:
        raise ValueError("optimizer has the option 'lr'; pass it as learning_rate= instead")
    _check_options(f"optimizer {name!r}", options, set(taken) - {"params", "lr"})
    return name, options


def check_schedule(choice: Any) -> tuple[str, dict[str, Any]]:
    """Check the choice of a schedule; return its name and its options.

    Parameters
    ----------
    choice : str or mapping
        A name from `SCHEDULES`, or a mapping with ``"name"`` and options of the class.

    Raises
    ------
    TypeError, ValueError
        For an unknown name or option.
    """
    name, options = _named("schedule", choice, SCHEDULES)
    cls = SCHEDULES[name].cls
    taken = set() if cls is None else set(inspect.signature(cls).parameters)
    _check_options(f"schedule {name!r}", options, taken - {"optimizer"})
    return name, options


def make_optimizer(
    choice: Any, parameters: Sequence[Any], rate: float | None, weight_decay: float = 0.0
) -> Optimizer:
    """Return the chosen optimizer.

    Parameters
    ----------
    choice : str or mapping
        As for `check_optimizer`.
    parameters : sequence of Tensor
        What it updates.
    rate : float or None
        The learning rate; None for the usual one of the class.
    weight_decay : float
        Passed on, if it is not 0.

    Raises
    ------
    ValueError
        If the optimizer has no weight decay.
    """
    name, options = check_optimizer(choice)
    cls = OPTIMIZERS[name]
    if rate is not None:
        options["lr"] = rate
    if weight_decay:
        if "weight_decay" not in inspect.signature(cls).parameters:
            raise ValueError(f"optimizer {name!r} has no weight_decay; use 'sgd' or 'adamw'")
        options["weight_decay"] = weight_decay
    return cls(parameters, **options)


def usual_rate(choice: Any) -> float:
    """Return the learning rate that an optimizer has unless another is given."""
    default = inspect.signature(OPTIMIZERS[check_optimizer(choice)[0]]).parameters["lr"].default
    return 0.01 if default is inspect.Parameter.empty else float(default)


class ScheduleRun:
    """A schedule during a training: it knows when to step.

    Parameters
    ----------
    schedule : Schedule or None
        What changes the rate; None keeps it.
    per_batch : bool
        Whether it steps after each batch instead of after each epoch.
    """

    def __init__(self, schedule: Any, per_batch: bool) -> None:
        self.schedule, self.per_batch = schedule, per_batch

    def after_batch(self) -> None:
        """Take a step if the schedule counts batches."""
        if self.schedule is not None and self.per_batch:
            self.schedule.step()

    def after_epoch(self, loss: float) -> None:
        """Take a step if the schedule counts epochs; a plateau looks at the loss."""
        if self.schedule is None or self.per_batch:
            return
        if isinstance(self.schedule, ReduceLROnPlateau):
            self.schedule.step(loss)
        else:
            self.schedule.step()

    def state_dict(self) -> dict[str, Any]:
        """Return what changes during a training."""
        return {} if self.schedule is None else dict(self.schedule.state_dict())

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Continue from a state."""
        if self.schedule is not None:
            self.schedule.load_state_dict(state)


def make_schedule(
    choice: Any, optimizer: Optimizer, epochs: int, batches: int, rate: float
) -> ScheduleRun:
    """Return the chosen schedule for a training of this length.

    Parameters
    ----------
    choice : str, mapping or None
        As for `check_schedule`; None keeps the rate.
    optimizer : Optimizer
        Its rate is changed.
    epochs, batches : int
        The number of epochs, and of batches in one.
    rate : float
        The learning rate at the start.
    """
    if choice is None:
        return ScheduleRun(None, False)
    name, options = check_schedule(choice)
    kind = SCHEDULES[name]
    if kind.cls is None:
        return ScheduleRun(None, False)
    made: Schedule = kind.cls(optimizer, **kind.defaults(epochs, batches, rate) | options)
    return ScheduleRun(made, kind.per_batch)


def _named(what: str, choice: Any, known: Mapping[str, Any]) -> tuple[str, dict[str, Any]]:
    options: dict[str, Any] = {}
    if isinstance(choice, Mapping):
        options = dict(choice)
        choice = options.pop("name", None)
    if not isinstance(choice, str):
        raise TypeError(
            f"{what} must be a name such as {next(iter(known))!r}, or a dict with 'name' and "
            f"options, got {choice!r}"
        )
    name = choice.lower()
    if name not in known:
        close = difflib.get_close_matches(name, known, 1)
        hint = f"did you mean {close[0]!r}? " if close else ""
        raise ValueError(f"unknown {what} {choice!r}; {hint}known are {', '.join(known)}")
    return name, options


def _check_options(what: str, options: Mapping[str, Any], known: set[str]) -> None:
    if unknown := sorted(set(options) - known):
        listed = ", ".join(sorted(known)) or "none"
        raise ValueError(f"{what} has no option {', '.join(unknown)}; its options are {listed}")
