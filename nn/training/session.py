"""One training from its first batch to its last line: train, save, evaluate, draw and report.

It connects the loop, the signals, the folder, the checkpoints and the pictures. Arguments and data
are checked before, in `Classifier.fit` and `dataset`.
"""

from __future__ import annotations

import contextlib
import signal
import sys
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import NoReturn

import numpy as np
from numpy.random import Generator

from tinygrad_edu import GradientError
from tinygrad_edu.atomic_file import write_atomically

from ..distributed import Agreement, RankError, is_agreed
from ..files import SavedNetwork
from ..mlp import MLP
from .callbacks import Callbacks, Run
from .checkpoint import Checkpoints, epochs_as_arrays, epochs_from
from .choices import make_optimizer, make_schedule
from .figures.saving import Pictures
from .figures.weights import LayerWatch
from .history import Epoch, History
from .knowledge import Knowledge
from .loop import Loop, Samples
from .metrics import Measured, measure
from .model_folder import HISTORY, ModelFolder, Nowhere
from .objectives import Objective
from .options import Plan
from .outcome import Start, is_worth_keeping, learned_nothing
from .progress import Progress
from .remedy import smaller_rate
from .reporting import ReportsTraining
from .signals import FIRST, StopSignals, Terminated
from .stopping import BestEpoch, Divergence
from .together import compared_after_epoch

__all__ = ["Session", "end_by_signal"]

INTERVAL = 30.0
"""Seconds between two savings of the model during its training."""


class Session(ReportsTraining):
    """One training.

    Parameters
    ----------
    network : MLP
        The network to train.
    samples : tuple of (inputs, targets) or (inputs, targets, weights)
        What it learns.
    test, validation : tuple of (inputs, targets), or None
        What it is measured on.
    plan : Plan
        The arguments of `fit`.
    objective : Objective
        What is minimised and measured.
    knowledge : Knowledge
        What the model will know about its data.
    content : callable
        ``content(learned, history)`` returns the content of the model file.
    folder : ModelFolder or Nowhere
        The folder for the results.
    checkpoints : Checkpoints
        Where the training can be continued from.
    pictures : Pictures
        The pictures to draw.
    generator : numpy.random.Generator
        Shuffles the samples.
    beside : mapping of str to str
        Names and texts of files that are saved with the model.
    say : callable
        Prints a line.
    agreement : Agreement, optional
        Of the processes of a distributed training. Each has a session; only that of rank 0 has a
        folder, checkpoints and pictures, and prints.

    Attributes
    ----------
    history : History
        The finished epochs.
    saved_in : Path or None
        The folder of the saved model; None before it is saved.
    rejected : str or None
        Why the network learned nothing; such a model does not replace one that learned something.
    """

    def __init__(
        self,
        network: MLP,
        samples: Samples,
        test: Samples | None,
        validation: Samples | None,
        *,
        plan: Plan,
        objective: Objective,
        knowledge: Knowledge,
        content: Callable[[bool, History], SavedNetwork],
        folder: ModelFolder | Nowhere,
        checkpoints: Checkpoints,
        pictures: Pictures,
        generator: Generator,
        beside: Mapping[str, str],
        say: Callable[[str], None],
        agreement: Agreement | None = None,
    ) -> None:
        self._group = agreement or Agreement()
        self.network, self.samples, self.test, self.validation = network, samples, test, validation
        self.plan, self.objective = plan, objective
        self.knowledge, self.content = knowledge, content
        self.folder, self.checkpoints, self.pictures = folder, checkpoints, pictures
        self.beside, self.say = beside, say
        self.history = History(measure=objective.measure)
        self.saved_in: Path | None = None
        self.rejected: str | None = None
        self.history.weights = pictures.recorder(network, samples, plan.epochs)
        self._start = Start(network, samples, objective, self._group.collective)
        self._final: Measured | None = None
        self._note: str | None = None
        self._unfinished: tuple[Path, float] | None = None
        self._loop = self._made_loop(generator)

    def _made_loop(self, generator: Generator) -> Loop:
        plan, network, samples = self.plan, self.network, self.samples
        optimizer = make_optimizer(
            plan.optimizer, network.parameters(), plan.alpha, plan.get("weight_decay", 0.0)
        )
        batches = -(-len(samples[0]) // plan.batch_size)
        usual = max(self._start.loss, self.objective.baseline)
        return Loop(
            network,
            optimizer,
            samples,
            # With validation data, the test data are read once, at the end.
            self.test if self.validation is None else None,
            epochs=plan.epochs,
            batch_size=plan.batch_size,
            generator=generator,
            validation=self.validation,
            history=self.history,
            objective=self.objective,
            schedule=make_schedule(
                plan.get("schedule"), optimizer, plan.epochs, batches, plan.alpha
            ),
            clip=plan.get("clip"),
            best=BestEpoch(plan.patience, self.validation is not None),
            divergence=Divergence(usual),
            collective=self._group.collective,
        )

    def resume(self) -> bool:
        """Continue from the checkpoint, if there is one; return whether there is."""
        state = self._group.broadcast(self.checkpoints.load())
        if state is None:
            return False
        self.history.epochs[:] = epochs_from(state["history"])
        self._start.loss = state["start_loss"]
        self._loop.divergence.limit = state["limit"]  # of the loss before the first epoch
        self._loop.load_state_dict(state["loop"])
        record, recorded = self.history.weights, state.get("film")
        if record is not None and recorded is not None:
            record.load_state_dict(recorded)
        elif record is not None and len(self.history):
            self.say(f"note: the film has no epoch up to {len(self.history)}: it was not recorded")
        return True

    @property
    def is_complete(self) -> bool:
        """Whether there is nothing left to train."""
        return len(self.history) >= self.plan.epochs or self._loop.best.is_over

    def run(self, verbose: bool) -> None:
        """Train, save, draw and report.

        Raises
        ------
        GradientError
            If the loss is not finite any more, or grows; the finished epochs are saved.
        KeyboardInterrupt, Terminated
            If a signal ended the training; the message names what is saved.
        """
        stopped: BaseException | None = None
        with StopSignals() as signals:
            try:
                self._learn(verbose, signals)
            except GradientError as error:
                stopped = self._with_remedy(error)
            except BaseException as error:
                if self._group.is_shared and (isinstance(error, RankError) or not is_agreed(error)):
                    raise  # the processes are not together any more: nothing is replaced
                stopped = error
            signals.hold()
            with self._group.together():
                if len(self.history):
                    self._save(is_complete=stopped is None)
            self._share_signal(signals)
        # A signal may also arrive during the last step or the saving, or SIGTERM after Ctrl-C.
        if signals.received is not None and isinstance(stopped, KeyboardInterrupt | None):
            if signals.received != signal.SIGINT:
                stopped = Terminated(signals.received)
            elif stopped is None:
                stopped = KeyboardInterrupt()
        if isinstance(stopped, KeyboardInterrupt | Terminated):
            stopped.args = (self._what_is_left(stopped),)
        # After SIGTERM, SIGKILL follows within seconds: pictures may take longer.
        if len(self.history) and not isinstance(stopped, Terminated):
            with self._group.together():
                self._report(stopped, verbose)
        if stopped is not None:
            raise self._group.mark(stopped)

    # Learning ------------------------------------------------------------------------------

    def _learn(self, verbose: bool, signals: StopSignals) -> None:
        loop, samples, plan = self._loop, self.samples, self.plan
        watch, record = None, self.history.weights
        if record is not None and not len(self.history):
            record.note(0)
        if "gradients" in self.pictures.wanted:
            watch = LayerWatch(self.network, samples[0], samples[1], self.objective)
        callbacks, run = Callbacks(plan.get("callbacks", ())), Run(loop)
        due = time.monotonic() + INTERVAL
        batches = -(-len(samples[0]) // plan.batch_size)
        with Progress(plan.epochs, batches, verbose, self.objective.measure) as progress:

            def after_batch() -> None:
                nonlocal due
                progress.batch()
                if watch is not None:
                    watch.step()
                callbacks.batch(run)
                if self._group.is_shared:
                    signals.agree(loop.received)
                if signals.agreed:
                    self._save_checkpoint()
                self._check(signals)
                if time.monotonic() >= due:
                    self._save_unfinished()
                    self._save_checkpoint()
                    due = time.monotonic() + INTERVAL

            def after_epoch(epoch: Epoch) -> None:
                progress.epoch(epoch)
                if watch is not None:
                    watch(epoch)
                    self.history.layers = watch.record
                if record is not None:
                    record.note(epoch.number, epoch.validation_loss)
                callbacks.epoch(run, epoch)
                if self._group.is_shared:
                    compared_after_epoch(self._group, loop, signals)
                if epoch.number % self.checkpoints.every == 0 or signals.agreed:
                    self._save_checkpoint()
                self._check(signals)

            def measure_end() -> float:
                self._final = None
                return self._measured_at_the_end().loss

            loop.signal = lambda: signals.received or 0
            loop.on_batch, loop.on_epoch, loop.measure_end = after_batch, after_epoch, measure_end
            callbacks.start(run)
            loop.run()
            callbacks.end(run)

    def _with_remedy(self, error: GradientError) -> GradientError:
        """Return the error with a smaller learning rate that works, if there is one."""
        if not self._group.is_first:  # the message of rank 0 is printed
            return error
        found = smaller_rate(self.network, self.samples, self.plan, self.objective)
        return error if found is None else type(error)(f"{error}. {found}")

    def _check(self, signals: StopSignals) -> None:
        """End the training if a signal arrived that all processes know of."""
        try:
            signals.check()
        except (KeyboardInterrupt, Terminated) as stop:
            self._group.mark(stop)
            raise

    def _share_signal(self, signals: StopSignals) -> None:
        """Let all processes end by a signal that one received too late for the last step."""
        if self._group.is_shared:
            found = set(map(int, self._group.exchange(str(signals.received or 0))))
            signals.received = next((one for one in FIRST if one in found), None)

    def _measured(self, samples: Samples) -> Measured:
        with np.errstate(all="ignore"):  # of weights that diverge
            return measure(
                self.network, samples[0], samples[1], self.objective, self._group.collective
            )

    def _measured_at_the_end(self) -> Measured:
        """Measure the training rows, unless that was done."""
        if self._final is None:
            self._final = self._measured(self.samples)
        return self._final

    # Saving --------------------------------------------------------------------------------

    def _save_unfinished(self) -> None:
        """Save the current weights, so that a killed process loses at most a minute."""
        if not all(np.isfinite(p.data).all() for p in self.network.parameters()):
            return  # the loop stops at the next loss
        try:
            path = self.folder.save_unfinished(self.content(True, self.history))
        except OSError as error:  # the disk may have space again at the end
            self.say(f"note: the model could not be saved during the training: {error}")
        else:
            if path is not None:
                self._unfinished = path, time.monotonic()

    def _save_checkpoint(self) -> None:
        """Save everything that is needed to continue from here."""
        if self.folder.path is None:
            return
        record = self.history.weights
        try:
            self._save_beside(self.folder.path)
            self.checkpoints.save(
                {
                    "loop": self._loop.state_dict(),
                    "history": epochs_as_arrays(self.history.epochs),
                    "start_loss": self._start.loss,
                    "limit": self._loop.divergence.limit,
                    "film": None if record is None else record.state_dict(),
                }
            )
        except OSError as error:
            self.say(f"note: the checkpoint could not be saved: {error}")

    def _save(self, is_complete: bool) -> None:
        """Evaluate what the network learned, and save it in the right folder."""
        if self._loop.best.restore(self.network):
            self._final = None  # measured on the last weights
        if self.test is not None and self.validation is not None:
            self._measure_test()
        if not is_complete:  # the last measurement belongs to an epoch that does not count
            self._final = None
        if self._final is None:
            judged = now = self._start.measure_now()
            targets = self._start.targets
        else:
            judged, targets = self._final, self.samples[1]
            # The start was measured on the first rows. If these are all, so is the end already.
            has_all = len(targets) == len(self._start.targets)
            now = judged if has_all else self._start.measure_now()
        names = self.knowledge.class_names(self.network.structure[-1] + 1)
        self.rejected = learned_nothing(
            judged, targets, self.objective, self._start.loss, now.loss, names
        )
        learned, before = self.rejected is None, self.folder.before
        saved = self.content(learned, self.history)
        replaces = (
            learned
            or self.plan.get("overwrite", False)
            or before is None
            or not is_worth_keeping(before)
        )
        self.saved_in, self._note = self.folder.save(saved, replace=replaces)
        if self.saved_in is not None:
            self.history.to_csv(self.saved_in / HISTORY)
            self._save_beside(self.saved_in)
        if is_complete and not self.checkpoints.was_asked_for:
            self.folder.remove_checkpoint()

    def _save_beside(self, folder: Path) -> None:
        for name, text in self.beside.items():
            write_atomically(folder / name, text)

    def _measure_test(self) -> None:
        """Measure the chosen weights on the test data, and note it at their epoch."""
        assert self.test is not None  # the caller checks it
        measured = self._measured(self.test)
        self.history.record_test(measured.loss, measured.accuracy)


def end_by_signal(terminated: Terminated, say: Callable[[str], None]) -> NoReturn:
    """End as the signal would have ended the program without a training.

    The earlier handlers are restored by now. By default they end the process; if a handler returns,
    the exception is raised.
    """
    if signal.getsignal(terminated.signal) is signal.SIG_DFL:
        say(str(terminated))  # the last line before the process ends
    for stream in (sys.stdout, sys.stderr):
        if stream is not None:
            stream.flush()
    with contextlib.suppress(Terminated):
        signal.raise_signal(terminated.signal)
    raise terminated
