"""The one-cycle schedule: the learning rate rises and falls once, and the momentum the reverse.

Other schedules are in `schedules.py`.
"""

from __future__ import annotations

import math
from typing import Any

from ..checks import check_count, check_number
from .optimizer import Optimizer
from .schedule import Schedule, checked_optimizer

__all__ = ["OneCycleLR", "cosine"]


class OneCycleLR(Schedule):
    """Raise the rate from a low one to `max_lr`, and lower it to almost 0; one step a batch.

    The rate goes from ``max_lr / div_factor`` to `max_lr` in the first `pct_start` of the steps,
    and then to ``max_lr / div_factor / final_div_factor``. The momentum, or the first of `betas`,
    goes from `max_momentum` to `base_momentum` and back.

    Source: Smith and Topin, "Super-Convergence" (2018), with the two phases of fastai.

    Parameters
    ----------
    optimizer : Optimizer
    max_lr : float, or list of float
        The highest rate; a list has one for each group.
    total_steps : int, optional
        The number of steps; by default ``epochs * steps_per_epoch``.
    epochs, steps_per_epoch : int, optional
    pct_start : float
        The share of the steps in which the rate rises.
    anneal_strategy : str
        ``"cos"`` or ``"linear"``.
    cycle_momentum : bool
        Change the momentum too; the optimizer must have one.
    base_momentum, max_momentum : float
        The limits of the momentum.
    div_factor, final_div_factor : float
        Divide `max_lr` for the first rate, and the first rate for the last.
    three_phase : bool
        Go back to the first rate in as many steps as the rise took, and then to the last.

    Raises
    ------
    TypeError, ValueError
        For arguments out of range, and at more than `total_steps` steps.

    Examples
    --------
    >>> from nn import SGD, OneCycleLR
    >>> from tinygrad_edu import Tensor
    >>> optimizer = SGD([Tensor(1.0, requires_grad=True)], lr=0.1, momentum=0.9)
    >>> schedule, rates = OneCycleLR(optimizer, max_lr=1.0, total_steps=6, pct_start=0.5), []
    >>> for _ in range(6):
    ...     rates.append((round(optimizer.lr, 3), round(optimizer.momentum, 3)))
    ...     schedule.step()
    >>> rates
    [(0.04, 0.95), (0.52, 0.9), (1.0, 0.85), (0.75, 0.875), (0.25, 0.925), (0.0, 0.95)]
    """

    def __init__(
        self,
        optimizer: Optimizer,
        max_lr: float | list[float],
        total_steps: int | None = None,
        epochs: int | None = None,
        steps_per_epoch: int | None = None,
        pct_start: float = 0.3,
        anneal_strategy: str = "cos",
        cycle_momentum: bool = True,
        base_momentum: float = 0.85,
        max_momentum: float = 0.95,
        div_factor: float = 25.0,
        final_div_factor: float = 1e4,
        three_phase: bool = False,
    ) -> None:
        groups = checked_optimizer(optimizer, self).param_groups
        self.total_steps = _total(total_steps, epochs, steps_per_epoch)
        check_number("pct_start", pct_start, least=0.0)
        if pct_start > 1:
            raise ValueError(f"pct_start must be <= 1, got {pct_start}")
        if anneal_strategy not in _CURVES:
            raise ValueError(f"anneal_strategy must be 'cos' or 'linear', got {anneal_strategy!r}")
        self.max_lrs = [max_lr] * len(groups) if not isinstance(max_lr, list | tuple) else max_lr
        if len(self.max_lrs) != len(groups):
            raise ValueError(
                f"max_lr has {len(self.max_lrs)} entries, and the optimizer has {len(groups)} "
                "groups of parameters; pass one for each"
            )
        for highest in self.max_lrs:
            check_number("max_lr", highest, above=0.0)
        check_number("div_factor", div_factor, above=0.0)
        check_number("final_div_factor", final_div_factor, above=0.0)
        self._curve = _CURVES[anneal_strategy]
        self._factors = [1 / div_factor, 1.0, 1 / div_factor / final_div_factor]
        self._momenta = [max_momentum, base_momentum, max_momentum]
        self._ends = [pct_start * self.total_steps - 1, self.total_steps - 1.0]
        if three_phase:
            self._ends[1:] = [2 * pct_start * self.total_steps - 2, self.total_steps - 1.0]
            self._factors.insert(2, self._factors[0])
            self._momenta.append(max_momentum)
        self._cycles_momentum = cycle_momentum
        if cycle_momentum:
            for momentum in (base_momentum, max_momentum):
                check_number("momentum", momentum, least=0.0, below=1.0)
            for group in groups:
                group.keep_momentum_in_arrays()
        super().__init__(optimizer)

    def rates(self, t: Any) -> list[float]:
        """Return the rates of all groups after `t` steps."""
        if t > self.total_steps:
            raise ValueError(
                f"OneCycleLR was made for {self.total_steps} steps, and this is step {t}; call "
                "step() once a batch, or pass more total_steps"
            )
        return [highest * self._between(self._factors, t) for highest in self.max_lrs]

    def momenta(self, t: Any) -> list[float] | None:
        """Return the momenta of all groups after `t` steps; None leaves them as they are."""
        if not self._cycles_momentum:
            return None
        return [self._between(self._momenta, t)] * len(self.max_lrs)

    def _between(self, values: list[float], t: Any) -> float:
        """Return the value after `t` steps, from the values between which the phases go."""
        begin, number = 0.0, 0
        while t > self._ends[number] and number < len(self._ends) - 1:
            begin, number = self._ends[number], number + 1
        length = self._ends[number] - begin
        share = min((t - begin) / length, 1.0) if length else 1.0
        return self._curve(values[number], values[number + 1], share)


def cosine(start: float, end: float, share: float) -> float:
    """Return a value between two, along half a wave of the cosine.

    Parameters
    ----------
    start, end : float
        The values for the shares 0 and 1.
    share : float
    """
    return end + (start - end) * (1 + math.cos(math.pi * share)) / 2


def _line(start: float, end: float, share: float) -> float:
    return start + (end - start) * share


_CURVES = {"cos": cosine, "linear": _line}


def _total(total_steps: int | None, epochs: int | None, steps_per_epoch: int | None) -> int:
    """Return the number of steps, from either way to say it."""
    if total_steps is None:
        if epochs is None or steps_per_epoch is None:
            raise ValueError("OneCycleLR needs total_steps, or epochs and steps_per_epoch")
        check_count("epochs", epochs)
        check_count("steps_per_epoch", steps_per_epoch)
        return epochs * steps_per_epoch
    check_count("total_steps", total_steps)
    return total_steps
