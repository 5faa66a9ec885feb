"""One training from its first batch to its last line: train, save, evaluate, draw and report.

It connects the loop, the signals, the folder and the pictures. Arguments and data files are checked
before, in `Classifier.fit` and `inputs`.
"""

from __future__ import annotations

import contextlib
import signal
import sys
import time
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any, NoReturn

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from ..data.known_inputs import KnownInputs
from ..errors import TrainingWarning
from ..mlp import MLP
from ..optim import SGD
from .figures.saving import Pictures
from .figures.weights import LayerWatch
from .history import Epoch, History
from .loop import train
from .metrics import Measured, measure
from .model_folder import ModelFolder
from .options import Plan
from .outcome import Start, is_worth_keeping, learned_nothing
from .progress import Progress
from .saved import saved_network
from .signals import StopSignals, Terminated

__all__ = ["Session", "end_by_signal"]

Samples = tuple[NDArray[Any], NDArray[Any]]

INTERVAL = 30.0
"""Seconds between two savings of the model during its training."""


class Session:
    """One training.

    Parameters
    ----------
    network : MLP
        The network to train.
    inputs : KnownInputs
        What it will know about its inputs.
    samples, test : tuple of (features, labels)
        The data, scaled.
    plan : Plan
        The arguments of `fit`.
    folder : ModelFolder
        The folder for the results.
    pictures : Pictures
        The pictures to draw.
    generator : numpy.random.Generator
        Shuffles the samples.
    say : callable
        Prints a line.

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
        inputs: KnownInputs,
        samples: Samples,
        test: Samples | None,
        *,
        plan: Plan,
        folder: ModelFolder,
        pictures: Pictures,
        generator: Generator,
        say: Callable[[str], None],
    ) -> None:
        self.network, self.inputs = network, inputs
        self.samples, self.test = samples, test
        self.plan, self.folder = plan, folder
        self.pictures, self.generator = pictures, generator
        self.say = say
        self.history = History()
        self.saved_in: Path | None = None
        self.rejected: str | None = None
        self._final: Measured | None = None
        self._note: str | None = None
        self._unfinished: tuple[Path, float] | None = None

    def run(self, verbose: bool) -> None:
        """Train, save, draw and report.

        Raises
        ------
        GradientError
            If the loss is not finite any more; the finished epochs are saved.
        KeyboardInterrupt, Terminated
            If a signal ended the training; the message names what is saved.
        """
        stopped: BaseException | None = None
        start = Start(self.network, *self.samples)
        with StopSignals() as signals:
            try:
                self._learn(verbose, signals)
            except BaseException as error:
                stopped = error
            signals.hold()
            if len(self.history):
                self._save(start, is_complete=len(self.history) == self.plan.epochs)
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
            self._report(stopped, verbose)
        if stopped is not None:
            raise stopped

    # Learning ------------------------------------------------------------------------------

    def _learn(self, verbose: bool, signals: StopSignals) -> None:
        network, samples, history, plan = self.network, self.samples, self.history, self.plan
        watch = None
        if "gradients" in self.pictures.wanted:
            watch = LayerWatch(network, *samples, plan.alpha)
        due = time.monotonic() + INTERVAL
        with Progress(plan.epochs, -(-len(samples[0]) // plan.batch_size), verbose) as progress:

            def after_batch() -> None:
                nonlocal due
                progress.batch()
                signals.check()
                if time.monotonic() >= due:
                    self._save_unfinished()
                    due = time.monotonic() + INTERVAL

            def after_epoch(epoch: Epoch) -> None:
                progress.epoch(epoch)
                if watch is not None:
                    watch(epoch)
                    history.layers = watch.record
                signals.check()

            def measure_end() -> float:
                self._final = measure(network, *samples)
                return self._final.loss

            train(
                network,
                SGD(network.parameters(), lr=plan.alpha),
                samples,
                self.test,
                epochs=plan.epochs,
                batch_size=plan.batch_size,
                generator=self.generator,
                history=history,
                on_batch=after_batch,
                on_epoch=after_epoch,
                measure_end=measure_end,
            )

    # Saving --------------------------------------------------------------------------------

    def _save_unfinished(self) -> None:
        """Save the current weights, so that a killed process loses at most a minute."""
        if not all(np.isfinite(p.data).all() for p in self.network.parameters()):
            return  # the loop stops at the next loss
        try:
            path = self.folder.save_unfinished(saved_network(self.network, self.inputs))
        except OSError as error:  # the disk may have space again at the end
            self.say(f"note: the model could not be saved during the training: {error}")
        else:
            self._unfinished = path, time.monotonic()

    def _save(self, start: Start, is_complete: bool) -> None:
        """Evaluate what the network learned, and save it in the right folder."""
        now = start.measure_now()
        if not is_complete:  # the last measurement belongs to an epoch that does not count
            self._final = None
        judged, labels = (self._final, self.samples[1]) if self._final else (now, start.labels)
        outputs = self.network.structure[-1]
        self.rejected = learned_nothing(judged, labels, outputs, start.loss, now.loss)
        learned, before = self.rejected is None, self.folder.before
        saved = saved_network(self.network, self.inputs, learned)
        replace = learned or self.plan.overwrite or before is None or not is_worth_keeping(before)
        self.saved_in, self._note = self.folder.save(saved, replace=replace)

    # Reporting -----------------------------------------------------------------------------

    def _what_is_left(self, stopped: KeyboardInterrupt | Terminated) -> str:
        """Return where the training was stopped, and what is saved in which file."""
        count = len(self.history)
        how = f"stopped by {stopped.name}" if isinstance(stopped, Terminated) else "stopped"
        if count == self.plan.epochs:
            return f"{how} after the last epoch; the model is saved in {self.saved_in}"
        if count:
            how += f" in epoch {count + 1}"
            return f"{how}; the model of epoch {count} is saved in {self.saved_in}"
        if self._unfinished is None:
            return f"{how} in epoch 1; nothing was saved"
        path, saved_at = self._unfinished
        seconds = time.monotonic() - saved_at
        return f"{how} in epoch 1; {path} holds the weights of {seconds:.0f} seconds ago"

    def _report(self, stopped: BaseException | None, verbose: bool) -> None:
        """Report the result, draw the pictures, and remove old ones."""
        assert self.saved_in is not None
        self._report_model(verbose)
        files: list[str] = []
        problem: Exception | None = None
        try:
            if self.pictures.wanted:  # without pictures, matplotlib is not needed
                files = self.pictures.save(self.saved_in, self.network, self.history)
        except Exception as error:
            problem = error
        except KeyboardInterrupt as error:
            error.args = (f"stopped while drawing; the model is saved in {self.saved_in}",)
            raise
        removed = self.folder.remove_stale(self.saved_in, files)
        if removed:
            self.say(f"removed, from an earlier training: {', '.join(removed)}")
        if files:
            self.say(f"pictures: {', '.join(files)}")
        self.say(f"{self._accuracy()}; saved in {self.saved_in}")
        if problem is not None:
            text = f"the model is saved in {self.saved_in}, but its pictures are not: {problem}"
            if stopped is None:
                raise RuntimeError(text) from problem
            self.say(f"note: {text}")

    def _report_model(self, verbose: bool) -> None:
        """Report whether the network learned anything, and what happened to an earlier model."""
        if self._note is not None:
            self.say(f"note: {self._note}")
        if self.rejected is not None:
            self.say(f"note: the network learned nothing: {self.rejected}")
        if self.folder.before is None:
            return
        if self.saved_in == self.folder.path:
            self.say(f"replaced the model of {self.folder.written}")
            return
        text = (
            f"the model of {self.folder.written} in {self.folder.path} is kept, because this "
            f"training learned nothing; {self.plan.options['overwrite']} replaces it"
        )
        self.say(f"note: {text}")
        if not verbose:
            warnings.warn(f"{text} ({self.rejected})", TrainingWarning, stacklevel=4)

    def _accuracy(self) -> str:
        """Return the accuracy of the saved weights, as text."""
        last = self.history[-1]
        if last.test_accuracy is not None:
            return f"test accuracy {last.test_accuracy:.2%}"
        if self._final is None:
            self._final = measure(self.network, *self.samples)
        return f"train accuracy {self._final.accuracy:.2%}"


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
