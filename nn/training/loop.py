"""Mini-batch training: shuffle, step through the batches, measure, report.

After each batch and each epoch it calls functions of the caller. It does not read, write or print
anything; `Loop.state_dict` is all that a checkpoint needs.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from tinygrad_edu import GradientError

from ..distributed import Alone, Collective, rows_of_batches, share
from ..module import Module
from ..optim import LBFGS, Optimizer
from .choices import ScheduleRun
from .history import Epoch, History
from .metrics import measure
from .objectives import Classification, Objective
from .signals import FIRST
from .step import SharedStep, Step
from .stopping import BestEpoch, Divergence

__all__ = ["Loop", "Samples"]

Samples = tuple[Any, ...]
"""Inputs and targets, and for training perhaps a weight for each row."""


@dataclass
class _Position:
    """A place within an epoch, and the sums up to there."""

    order: NDArray[Any] | None = None
    start: int = 0
    loss: float = 0.0
    right: float = 0.0
    weight: float = 0.0
    seconds: float = 0.0
    rate: float = 0.0


class Loop:
    """A training, from the current weights to the last epoch.

    Parameters
    ----------
    network : Module
        Returns outputs of shape (N, outputs).
    optimizer : Optimizer
        Updates its parameters.
    samples : tuple of (inputs, targets) or (inputs, targets, weights)
        Arrays of shape (N, features), (N,) and (N,).
    test, validation : tuple of (inputs, targets), optional
        Measured after each epoch.
    epochs, batch_size : int
        Number of passes over the samples, and samples in a step; the last batch of an epoch may
        be smaller.
    generator : numpy.random.Generator
        Shuffles the samples before each epoch.
    history : History, optional
        Receives the epochs, and keeps them if the training is interrupted.
    objective : Objective, optional
        What is minimised; by default the cross-entropy.
    schedule : ScheduleRun, optional
        Changes the learning rate.
    clip : float, optional
        The largest norm of all gradients together.
    best : BestEpoch, optional
        Chooses the best epoch, and decides when to stop.
    divergence : Divergence, optional
        Decides when the loss has grown for too long.
    collective : Collective, optional
        The group of processes that trains the network together; all of them run this loop, with
        the same samples, generator and options.
    signal : callable, optional
        Returns the signal that this process has received, or 0; asked with each step of a group.
    on_batch, on_epoch : callable
        Called after each batch, and with each finished `Epoch`.
    measure_end : callable, optional
        Returns the loss after the last step, which is not the loss of a batch. It is called before
        the last epoch counts.

    Attributes
    ----------
    stopped : str or None
        Why the training ended before its last epoch, if it was not interrupted.
    received : int
        The signal that a process of the group had received before the last step; 0 for none.

    Notes
    -----
    An epoch counts as soon as it is in `history`. After any interruption, the network has the
    weights after exactly the epochs in the history.
    """

    def __init__(
        self,
        network: Module,
        optimizer: Optimizer,
        samples: Samples,
        test: Samples | None = None,
        *,
        epochs: int,
        batch_size: int,
        generator: Generator,
        validation: Samples | None = None,
        history: History | None = None,
        objective: Objective | None = None,
        schedule: ScheduleRun | None = None,
        clip: float | None = None,
        best: BestEpoch | None = None,
        divergence: Divergence | None = None,
        collective: Collective | None = None,
        signal: Callable[[], int] = lambda: 0,
        on_batch: Callable[[], None] = lambda: None,
        on_epoch: Callable[[Epoch], None] = lambda epoch: None,
        measure_end: Callable[[], float] | None = None,
    ) -> None:
        self.network, self.optimizer, self.samples = network, optimizer, samples
        self.test, self.validation = test, validation
        self.epochs, self.batch_size, self.generator = epochs, batch_size, generator
        self.history = History() if history is None else history
        self.objective = objective or Classification()
        self.schedule = schedule or ScheduleRun(None, False)
        self.best = best or BestEpoch(None, validation is not None)
        self.divergence = divergence or Divergence(math.inf)
        self.on_batch, self.on_epoch, self.measure_end = on_batch, on_epoch, measure_end
        self.stopped: str | None = None
        self.collective = Alone() if collective is None else collective
        self.signal, self.received = signal, 0
        self._step = self._shared = None
        if isinstance(optimizer, LBFGS) and self.collective.size > 1:
            _check_whole_batch(len(samples[0]), batch_size)
        if self.collective.size == 1:
            self._step = Step(network, optimizer, self.objective, clip)
        else:
            self._shared = SharedStep(
                network, optimizer, self.objective, clip, self.collective, extras=len(FIRST)
            )
        self._position = _Position()
        self._finished: dict[str, Any] | None = None
        self._has_diverged_before = False

    # Overflows appear in the loss and in the weights, which are checked.
    @np.errstate(over="ignore", invalid="ignore", divide="ignore")
    def run(self) -> History:
        """Train until the last epoch; continue where `load_state_dict` left off.

        Raises
        ------
        GradientError
            If the loss is not finite, or grows for too long. The network then has the weights
            after the last good epoch.
        """
        history, network = self.history, self.network
        self.optimizer.zero_grad()
        # The weights after the last epoch that counts and, shortly before the next one counts, also
        # those after that one; by the number of finished epochs.
        before = len(history)
        weights = {before: self._finished or network.state_dict()}
        try:
            while len(history) < self.epochs and self.stopped is None:
                epoch = self._next_epoch(len(history) + 1)
                self._finished = weights[epoch.number] = network.state_dict()
                history.epochs.append(epoch)
                weights.pop(epoch.number - 2, None)
                self._position = _Position()
                self.on_epoch(epoch)
        except BaseException as error:  # including Ctrl-C
            if (
                isinstance(error, GradientError)
                and self._has_diverged_before
                and len(history) > before
            ):
                history.epochs.pop()  # its weights were bad already
            network.load_state_dict(weights[len(history)])
            raise
        return history

    def stop(self, reason: str) -> None:
        """End the training after the current epoch, as if it were the last one."""
        self.stopped = reason

    def _next_epoch(self, number: int) -> Epoch:
        place, network = self._position, self.network
        start = time.perf_counter() - place.seconds
        if place.order is None:
            place.order = self.generator.permutation(len(self.samples[0]))
        network.train()
        self._batches(number, place, place.order, start)
        train_loss = place.loss / place.weight
        if train_loss > self.divergence.epoch_limit:
            raise _diverged(f"the loss grew to {train_loss:.4g}", number, self._count_batches())
        share = place.right / len(place.order)
        test = self._measured(self.test)
        validation = self._measured(self.validation)
        chosen = train_loss if validation[0] is None else validation[0]
        self.best.note(number, chosen, network)
        is_last = number == self.epochs or self.best.is_over
        last = self.measure_end() if is_last and self.measure_end is not None else None
        losses = {"on the test data": test[0], "on the validation data": validation[0]}
        batches = self._count_batches()
        _check_end(network, {**losses, "after the last step": last}, number, batches)
        self.schedule.after_epoch(chosen)
        if self.best.is_over and number < self.epochs:
            self.stopped = _patience_over(self.best, validation[0] is not None)
        return Epoch(
            number,
            train_loss,
            self.objective.score(train_loss, share),
            *test,
            time.perf_counter() - start,
            *validation,
            place.rate,
        )

    def _batches(self, number: int, place: _Position, order: NDArray[Any], start: float) -> None:
        """Train on the batches of an epoch that are left."""
        size = self.batch_size
        if hasattr(self.samples[0], "expect"):  # inputs that are read from disk
            left = order[place.start :]
            self.samples[0].expect(rows_of_batches(left, size, self.collective))
        while place.start < len(order):
            rows = order[place.start : place.start + size]
            batch_number = place.start // size + 1
            try:
                loss, right, weight = self._stepped(rows)
            except GradientError as error:  # a search for the step found none
                found = str(error).split(";")[0]
                raise _diverged(found, number, batch_number) from error
            if place.start == 0 and number > 1:  # the loss of the weights after the epoch before
                self._has_diverged_before = not loss <= self.divergence.epoch_limit
                if self._has_diverged_before:
                    what = f"the loss grew to {loss:.4g}"
                    raise _diverged(what, number - 1, self._count_batches())
            if not math.isfinite(loss):
                raise _diverged(f"the loss became {loss}", number, batch_number)
            if self.divergence.note(loss):
                raise _diverged(
                    f"the loss grew to {loss:.4g} and stayed above {self.divergence.limit:.4g} for "
                    f"{self.divergence.steps} steps,",
                    number,
                    batch_number,
                )
            place.loss += loss * weight
            place.weight += weight
            place.right += right
            place.start += size
            place.rate = float(self.optimizer.param_groups[0]["lr"])
            place.seconds = time.perf_counter() - start
            self.schedule.after_batch()
            self.on_batch()

    def _stepped(self, rows: NDArray[Any]) -> tuple[float, float, float]:
        """Take a step on some rows; return their mean loss, how many are right, and their weight.

        In a group, each process takes its share of the rows, and all get the same numbers.
        """
        weight = self._weight(rows)
        if self._step is not None:
            batch = [part[rows] for part in self.samples]
            loss, outputs = self._step(*batch)
            return loss, self.objective.right(outputs, batch[1]), weight
        assert self._shared is not None  # there is one of the two
        place = share(len(rows), self.collective)
        own = rows[place]
        batch = [part[own] if len(own) else part[:0] for part in self.samples]
        part_of_weight = self._weight(own) / weight
        received = self.signal()
        extras = [float(received == one) for one in FIRST]
        loss, right, found = self._shared(batch, part_of_weight, (len(rows), place), extras)
        self.received = next((s for s, n in zip(FIRST, found, strict=True) if n), 0)
        return loss, right, weight

    def _weight(self, rows: NDArray[Any]) -> float:
        if len(self.samples) < 3:
            return len(rows)
        return float(self.samples[2][rows].sum(dtype=np.float64))

    def _count_batches(self) -> int:
        return -(-len(self.samples[0]) // self.batch_size)

    def _measured(self, samples: Samples | None) -> tuple[float | None, float | None]:
        if samples is None:
            return None, None
        measured = measure(self.network, samples[0], samples[1], self.objective, self.collective)
        return measured.loss, measured.accuracy

    # Saving and restoring --------------------------------------------------------------------

    def state_dict(self) -> dict[str, Any]:
        """Return everything that changes during a training, between two batches.

        Returns
        -------
        dict
            Nested dictionaries of arrays, numbers, texts and lists.
        """
        finished = self._finished
        return {
            "network": self.network.state_dict(),
            "finished": finished,
            "optimizer": self.optimizer.state_dict(),
            "schedule": self.schedule.state_dict(),
            "best": self.best.state_dict(),
            "generator": self.generator.bit_generator.state,
            "position": vars(self._position).copy(),
            "growing": self.divergence.count,
        }

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Continue from a state; the history is the caller's.

        Parameters
        ----------
        state : mapping
            As `state_dict` returns it.
        """
        self.network.load_state_dict(state["network"])
        self._finished = state["finished"]
        self.schedule.load_state_dict(state["schedule"])
        self.optimizer.load_state_dict(state["optimizer"])
        self.best.load_state_dict(state["best"])
        self.generator.bit_generator.state = state["generator"]
        self._position = _Position(**state["position"])
        self.divergence.count = state["growing"]


def _check_whole_batch(rows: int, batch_size: int) -> None:
    """Refuse L-BFGS on parts of the data in a group.

    It compares gradients of different batches there: a difference in the last bit, such as sums in
    another order make, grows from step to step, and the result is not that of one process.
    """
    if batch_size < rows:
        raise ValueError(
            f"LBFGS on batches of {batch_size} rows does not train the same on several processes "
            f"as on one; use one batch of all {rows} rows, another optimizer, or one process"
        )


def _check_end(
    network: Module, losses: Mapping[str, float | None], epoch: int, batches: int
) -> None:
    """Check the result of the last step of an epoch, which is not in the losses of its batches."""
    if not all(np.isfinite(parameter.data).all() for parameter in network.parameters()):
        raise _diverged("the weights became infinite or NaN", epoch, batches)
    for where, loss in losses.items():
        if loss is not None and not math.isfinite(loss):
            raise _diverged(f"the loss {where} became {loss}", epoch, batches)


def _diverged(what: str, epoch: int, batch: int) -> GradientError:
    return GradientError(
        f"{what} in epoch {epoch}, batch {batch}; try a smaller alpha (learning rate), or scale "
        "the features. The weights are those "
        + ("from before the training" if epoch == 1 else f"of epoch {epoch - 1}")
    )


def _patience_over(best: BestEpoch, has_validation: bool) -> str:
    what = "validation" if has_validation else "training"
    return f"the {what} loss has not fallen for {best.waited} epochs"
