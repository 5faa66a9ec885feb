"""The last lines of a training: what it reached, where the model is, and its pictures.

The lines before and during the training are in `announcing` and `progress`.
"""

from __future__ import annotations

import time
import warnings
from collections.abc import Callable
from pathlib import Path

from ..errors import TrainingWarning
from ..mlp import MLP
from .checkpoint import Checkpoints
from .figures.saving import Pictures
from .history import History
from .loop import Loop, Samples
from .metrics import Measured
from .model_folder import ModelFolder, Nowhere
from .objectives import Objective
from .options import Plan
from .signals import Terminated
from .texts import measure_text

__all__ = ["ReportsTraining"]


class ReportsTraining:
    """What a `Session` says and draws after its last epoch."""

    network: MLP
    plan: Plan
    objective: Objective
    folder: ModelFolder | Nowhere
    checkpoints: Checkpoints
    pictures: Pictures
    say: Callable[[str], None]
    history: History
    validation: Samples | None
    saved_in: Path | None
    rejected: str | None
    _loop: Loop
    _note: str | None
    _unfinished: tuple[Path, float] | None
    _measured_at_the_end: Callable[[], Measured]

    def _what_is_left(self, stopped: KeyboardInterrupt | Terminated) -> str:
        """Return where the training was stopped, what is saved, and how to go on."""
        count = len(self.history)
        how = f"stopped by {stopped.name}" if isinstance(stopped, Terminated) else "stopped"
        go_on = ""
        if self.checkpoints.is_saved:
            go_on = f"; go on with {self.plan.options['resume']}"
        if count == self.plan.epochs:
            return f"{how} after the last epoch; the model is saved in {self.saved_in}"
        if count:
            how += f" in epoch {count + 1}"
            where = f"is saved in {self.saved_in}" if self.saved_in else "is kept in this object"
            return f"{how}; the model of epoch {self.history.best.number} {where}{go_on}"
        if self._unfinished is None:
            return (
                f"{how} in epoch 1; nothing was saved" if not go_on else f"{how} in epoch 1{go_on}"
            )
        path, saved_at = self._unfinished
        seconds = time.monotonic() - saved_at
        return f"{how} in epoch 1; {path} holds the weights of {seconds:.0f} seconds ago{go_on}"

    def _report(self, stopped: BaseException | None, verbose: bool) -> None:
        """Report the result, draw the pictures, and remove old ones."""
        if self._loop.stopped is not None:
            self.say(f"stopped after epoch {len(self.history)}: {self._loop.stopped}")
        if self.validation is not None:
            best = self.history.best
            self.say(
                f"the validation loss was lowest after epoch {best.number}: its weights are kept"
            )
        accuracy = self._accuracy()  # all processes measure it; the others do not draw
        self._report_model(verbose)
        if self.saved_in is None:
            self.say(f"{accuracy}; nothing is saved, because there is no base_address")
            return
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
        self.say(f"{accuracy}; saved in {self.saved_in}")
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
        name, saved = self.objective.measure, self.history.best
        if saved.test_accuracy is not None:
            return f"test {name} {measure_text(saved.test_accuracy, name)}"
        if saved.validation_accuracy is not None:
            return f"validation {name} {measure_text(saved.validation_accuracy, name)}"
        return f"train {name} {measure_text(self._measured_at_the_end().accuracy, name)}"
