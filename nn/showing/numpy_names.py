"""Names for the values of a recorded step: the textbook's where it has them, and paths elsewhere.

Which values get their own line is decided in `numpy_text.py`.
"""

from __future__ import annotations

import builtins
import keyword
import re
from collections.abc import Iterable
from typing import Any

import numpy as np

from tinygrad_edu.capturing.recorder import Call, Tracer

from .recorded import Recorded

__all__ = ["STATE_NAMES", "Names", "name_in_loop"]

STATE_NAMES = {
    "exp_avg": "m",
    "exp_avg_sq": "v",
    "grad_avg": "a",
    "max_exp_avg_sq": "largest",
    "momentum_buffer": "v",
    "square_avg": "s",
    "step": "t",
    "sum": "s",
}
"""Short names of what optimizers remember."""

_IN_LOOP = re.compile(r"u\d+")  # what `name_in_loop` returns
_STEMS: dict[Any, str] = {
    np.exp: "exps",
    np.log: "logs",
    np.sqrt: "roots",
    np.argmax: "winner",
    np.ndarray.argmax: "winner",
}


class Names:
    """Assigns each value a name that is not taken.

    Parameters
    ----------
    recorded : Recorded
    textbook : dict of str to (str, str)
        The textbook's names by path; see `MLP.textbook_names`.
    reserved : iterable of str
    """

    def __init__(
        self, recorded: Recorded, textbook: dict[str, tuple[str, str]], reserved: Iterable[str]
    ) -> None:
        self._taken = {*reserved, *dir(builtins), "np"}
        self.of: dict[Tracer, str] = {}
        """The names that are known from the start."""
        self.owner: dict[Tracer, str] = {}
        """The path of the module that computed a value."""
        self._numbers: dict[str, int] = {}
        self._textbook = textbook
        for value, path in recorded.parameters.items():
            self.of[value] = self.new(textbook.get(path, (_parameter_name(path), ""))[0])
        self._name_outputs(recorded)
        self.of.setdefault(recorded.loss, self.new("loss"))
        for path, value in self._parameter_gradients(recorded):
            if value not in self.of:
                usual = ("", f"d{_parameter_name(path)}")
                self.of[value] = self.new(textbook.get(path, usual)[1])

    def _name_outputs(self, recorded: Recorded) -> None:
        for path, values in recorded.outputs.items():
            if not path or not values:
                continue
            value = values[-1]
            if value in self.of or value in set(recorded.arguments.values()):
                continue
            name = self._textbook.get(path, (f"out{_label(path)}", ""))[0]
            self.of[value] = self.new(name)
            self.owner[value] = path
        for value, name in list(self.of.items()):
            gradient = recorded.gradients.get(value)
            if value in self.owner and gradient is not None and gradient not in self.of:
                self.of[gradient] = self.new(f"d{name}")

    @staticmethod
    def _parameter_gradients(recorded: Recorded) -> Iterable[tuple[str, Tracer]]:
        for value, path in recorded.parameters.items():
            if value in recorded.gradients:
                yield path, recorded.gradients[value]

    def new(self, wanted: str) -> str:
        """Return a name that is not taken."""
        stem = re.sub(r"\W+", "_", wanted).strip("_") or "t"
        stem = f"_{stem}" if stem[0].isdigit() else stem
        name = stem
        while name in self._taken or keyword.iskeyword(name) or _IN_LOOP.fullmatch(name):
            self._numbers[stem] = self._numbers.get(stem, 1) + 1
            name = f"{stem}_{self._numbers[stem]}"
        self._taken.add(name)
        return name

    def for_call(self, call: Call) -> str:
        """Return a new name for the result of a call."""
        if call.function in _STEMS:
            return self.new(_STEMS[call.function])
        number = self._numbers["t"] = self._numbers.get("t", 0) + 1
        return self.new(f"t{number}")


def name_in_loop(number: int) -> str:
    """Return a name for a value in the loop over the parameters, which no other value has.

    The loop is written for all parameters alike, so its names cannot depend on what is taken.
    """
    return f"u{number}"


def _label(path: str) -> str:
    """Return a short ending for the names of a module: its number, or its path."""
    return path if path.isdigit() else f"_{path}"


def _parameter_name(path: str) -> str:
    """Name a parameter as the textbook does, with the path of its module."""
    module, _, name = path.rpartition(".")
    letter = {"weight": "W", "bias": "b"}.get(name, name)
    return f"{letter}{_label(module)}" if module else letter
