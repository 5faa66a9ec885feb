"""Writes a recorded training step as plain NumPy: forward, loss, backward, update.

The calls are those that `capture` replays, so the text computes the same bits. Values that are used
once are written into the line that uses them. The other two languages are in `module_texts.py`.
"""

from __future__ import annotations

import operator
import re
from collections import Counter
from dataclasses import dataclass, field

import numpy as np

from tinygrad_edu.capturing.calls import inputs_of, results_of
from tinygrad_edu.capturing.recorder import GETTERS, Call, Tracer

from ..module import Module
from ..optim.adam import NAdam
from .constants import Constants, Varies
from .errors import ShowError
from .expressions import Expression, Writer
from .helpers import HELPERS
from .numpy_names import STATE_NAMES, Names
from .numpy_update import Updates
from .polishing import WIDTH, polished
from .recorded import BACKWARD, FORWARD, LOSS, UPDATE, Recorded, recorded_step
from .training_step import TrainingStep

__all__ = ["NumpyText", "numpy_text"]

_RESERVED = ["x", "labels", "n", "p", "name", "g", "gradients", "array", "arrays"]
_RESERVED += ["start", "step", "weights", *HELPERS]
_VIEWS = set(GETTERS.values())


@dataclass
class NumpyText:
    """The parts of a text in NumPy.

    Attributes
    ----------
    step : list of str
        The lines of the function `step`, without indentation of the function.
    constants : list of str
        Lines before the functions.
    states : dict of str to str
        How each dictionary of the optimizer starts for one parameter, by its name.
    rows : int or None
        The only number of rows that the text can take; None if any will do.
    helpers : list of str
        The names of the functions of `HELPERS` that the step calls.
    """

    step: list[str]
    constants: list[str] = field(default_factory=list)
    states: dict[str, str] = field(default_factory=dict)
    rows: int | None = None
    helpers: list[str] = field(default_factory=list)


def numpy_text(given: TrainingStep) -> NumpyText:
    """Record a step and write it.

    Raises
    ------
    ShowError
        If it has no text.
    """
    _check_first_step(given)
    twin = given.copied()
    step = twin.function()
    step(given.x, given.labels)  # so that the optimizer's memory exists

    def recorded(rows: int) -> Recorded:
        return recorded_step(step, twin.network, twin.optimizer, *given.with_rows(rows))

    if len(given.labels) == len(given.x):
        rows = max(len(given.x), 2)
        first = recorded(rows)
        try:
            return Layout(first, recorded(rows + 1), (rows, rows + 1), twin.network).text()
        except ShowError:
            raise
        except (Varies, ValueError):
            pass  # the step fits this number of rows alone
    rows = len(given.x)
    first = recorded(rows)
    return Layout(first, first, (rows, rows), twin.network).text()


def _check_first_step(given: TrainingStep) -> None:
    """Refuse optimizers whose first step has another formula: a text has one for all steps."""
    name = type(given.optimizer).__name__
    groups = [group.plain() for group in given.optimizer.param_groups]
    if any(group.get("dampening") for group in groups):
        raise ShowError(
            f"{name} with dampening computes its first step differently, so it has no text in "
            "numpy; use dampening=0, or write the step in tinygrad_edu"
        )
    if any(group.get("initial_accumulator_value") for group in groups):
        raise ShowError(
            f"{name} with an initial_accumulator_value has no text in numpy, where memory starts "
            "at 0; use initial_accumulator_value=0, or write the step in tinygrad_edu"
        )
    if isinstance(given.optimizer, NAdam):
        raise ShowError(
            f"{name} computes its first step with more digits than the others, so it has no text "
            "in numpy; use Adam, or write the step in tinygrad_edu"
        )


class Layout:
    """Decides on the lines of one text.

    Parameters
    ----------
    one, two : Recorded
        The step with two sizes of a batch.
    rows : tuple of int
        These sizes.
    network : Module
        Whose parts name the lines.
    """

    def __init__(
        self,
        one: Recorded,
        two: Recorded,
        rows: tuple[int, int],
        network: Module,
    ) -> None:
        textbook: dict[str, tuple[str, str]] = getattr(network, "textbook_names", dict)()
        # A chain with the textbook's names explains itself.
        modules = [] if textbook else network.named_modules()
        self._titles = {p: " ".join(f"# {p}: {m!r}".split()) for p, m in modules if p}
        _check_alike(one, two)
        self.one, self.two, self._rows = one, two, rows
        self.constants = Constants(rows)
        self.state_names = _state_names(one)
        self._names = Names(one, textbook, [*_RESERVED, *self.state_names.values()])
        self._header: list[str] = []
        self._hoisted: dict[str, str] = {}
        self._readers: dict[Tracer, list[int]] = {}
        for i, call in enumerate(one.calls):
            for value in set(inputs_of(call)):
                self._readers.setdefault(value, []).append(i)
        known = {value: Expression(name) for name, value in one.arguments.items()}
        for value, path in one.constants.items():
            if value in self._readers:
                known[value] = self._constant_of(value, path)
        self.known = known
        self._write = Writer(self.constants, known, self.hoist)
        self._uses = Counter(v for call in one.calls for v in inputs_of(call))
        ends = [v for _, v in (*one.new_parameters, *one.new_states)]
        self._uses.update([*ends, one.loss])
        self.lines: list[str] = []

    def hoist(self, text: str) -> str:
        """Define an array of numbers before the functions, and return its name."""
        if text not in self._hoisted:
            self._hoisted[text] = self._names.new("constant")
            self._header.append(f"{self._hoisted[text]} = {text}")
        return self._hoisted[text]

    def _constant_of(self, value: Tracer, path: str) -> Expression:
        """Write an array that the step reads and does not change: an option, a mask."""
        text = self.constants(value.array, value.array)
        if value.array.ndim or "'" in path:
            key = path.rpartition("'")[0].rpartition("'")[2] if path.endswith("']") else path
            name = self._names.new(key)
            self._header.append(f"{name} = {text}")
            return Expression(name)
        return Expression(text)

    def text(self) -> NumpyText:
        """Write all lines."""
        one = self.one
        for value in one.parameters:
            self.known[value] = Expression(self._names.of[value])
        updates = [i for i, phase in enumerate(one.phases) if phase == UPDATE]
        first = updates[0] if updates else len(one.calls)
        heads = {FORWARD: "# Forward", LOSS: "# The loss", BACKWARD: "# Backward"}
        seen, last = None, ""
        for i in range(first):
            if one.phases[i] != seen and one.phases[i] in heads:
                seen = one.phases[i]
                self.lines += ["", heads[seen]]
            title = self._titles.get(one.owners[i] or "", "")
            if one.phases[i] == FORWARD and title != last and "\n" not in title and title:
                self.lines.append(title)
                last = title
            self.write_call(i, first)
        self.lines += ["", "# Update", *Updates(self, first).lines()]
        used = [v for v in one.parameters if self._is_read(self._names.of[v])]
        self.lines[:0] = self._reading(used)
        self.lines.append(f"return float({self.known[one.loss].text})")
        self.lines = polished(self.lines)
        states = {name: _start_of(key, one) for key, name in self.state_names.items()}
        return NumpyText(
            self.lines,
            self._header,
            states,
            None if self._rows[0] != self._rows[1] else self._rows[0],
            sorted(self._write.helpers),
        )

    def _is_read(self, name: str) -> bool:
        return any(re.search(rf"\b{name}\b", line) for line in self.lines)

    def _reading(self, used: list[Tracer]) -> list[str]:
        """Write the lines that assign the parameters to names, one layer a line."""
        lines = []
        if self._rows[0] == self._rows[1]:
            n = self._rows[0]
            lines += [
                f"if len(x) != {n}:",
                f'    raise ValueError(f"{{len(x)}} rows, expected {n}")',
            ]
        elif self.constants.uses_n:
            lines.append("n = len(x)")
        groups: dict[str, list[Tracer]] = {}
        for value in used:
            groups.setdefault(self.one.parameters[value].rpartition(".")[0], []).append(value)
        for values in groups.values():
            left = ", ".join(self._names.of[v] for v in values)
            right = ", ".join(f'p["{self.one.parameters[v]}"]' for v in values)
            if len(left) + len(right) < WIDTH - 8:
                lines.append(f"{left} = {right}")
            else:
                lines += [f'{self._names.of[v]} = p["{self.one.parameters[v]}"]' for v in values]
        return lines

    # One call ------------------------------------------------------------------------------

    def write_call(self, i: int, end: int) -> None:
        """Write a call as a line, or keep it for the line that uses it."""
        one, two = self.one.calls[i], self.two.calls[i]
        if one.written is not None:
            self._add(self._write.statement(one, two), one)
            return
        found = results_of(one)
        expression = self._fitting(one, two)
        if len(found) != 1:
            names = [self._names.for_call(one) for _ in found]
            self._add(f"{', '.join(names)}{',' * (len(names) == 1)} = {expression.text}", one)
            self.known |= {v: Expression(n) for v, n in zip(found, names, strict=True)}
            return
        (value,) = found
        if not self._uses[value]:  # the call is needed for the errors that it raises
            if one.function is not operator.getitem:
                self._add(expression.text, one)
            return
        if value not in self._names.of and self._is_inlined(i, value, expression, end):
            self.known[value] = expression
            return
        self._give_name(value, one, expression)

    def _give_name(self, value: Tracer, call: Call, expression: Expression) -> None:
        name = self._names.of.get(value) or self._names.for_call(call)
        self._add(f"{name} = {expression.text}", call)
        self.known[value] = Expression(name)

    def _fitting(self, one: Call, two: Call) -> Expression:
        """Write a call; if the line is too long, assign its longest operands to names first."""
        while True:
            expression = self._write.call(one, two)
            operands = [v for v in inputs_of(one) if not self.known[v].text.isidentifier()]
            if len(expression.text) < WIDTH - 24 or not operands:
                return expression
            longest = max(operands, key=lambda v: len(self.known[v].text))
            if len(self.known[longest].text) < 12:
                return expression
            self._give_name(longest, _NO_CALL, self.known[longest])

    def _is_inlined(self, i: int, value: Tracer, expression: Expression, end: int) -> bool:
        """Whether a value is written where it is used."""
        call, calls = self.one.calls[i], self.one.calls
        if call.errors is not None:
            return False
        is_view = any(v.storage == value.storage for v in inputs_of(call))
        later = [j for j in self._readers.get(value, ()) if j > i]
        if any(calls[j].written is value for j in later):
            return False
        if is_view and call.function in _VIEWS and self._known_atom(call):
            return True
        if self._uses[value] != 1 or not later:
            return False
        j = later[0]
        same_phase = self.one.phases[j] == self.one.phases[i] and j < end
        between = any(c.written is not None for c in calls[i + 1 : j])
        return same_phase and not between and len(expression.text) < 60

    def _known_atom(self, call: Call) -> bool:
        return all(self.known[v].text.isidentifier() for v in inputs_of(call))

    def _add(self, line: str, call: Call) -> None:
        if call.errors is not None:
            changed = {k: v for k, v in call.errors.items() if np.geterr().get(k) != v}
            given = ", ".join(f'{key}="{value}"' for key, value in changed.items())
            self.lines += [f"with np.errstate({given}):", f"    {line}"]
        else:
            self.lines.append(line)


_NO_CALL = Call(len, (), {}, None, None)


def _check_alike(one: Recorded, two: Recorded) -> None:
    """Raise `Varies` if two recordings differ in more than constants."""
    if len(one.calls) != len(two.calls) or one.phases != two.phases:
        raise Varies
    twins: dict[Tracer, Tracer] = dict(
        zip(
            [*one.arguments.values(), *one.parameters, *one.states, *one.constants],
            [*two.arguments.values(), *two.parameters, *two.states, *two.constants],
            strict=True,
        )
    )
    for a, b in zip(one.calls, two.calls, strict=True):
        first, second = results_of(a), results_of(b)
        read_a, read_b = [*inputs_of(a)], [*inputs_of(b)]
        is_same = a.function == b.function and a.keywords.keys() == b.keywords.keys()
        if not is_same or len(first) != len(second) or len(a.inputs) != len(b.inputs):
            raise Varies
        if [id(twins[v]) for v in read_a] != [id(v) for v in read_b]:
            raise Varies
        twins.update(zip(first, second, strict=True))


def _state_names(recorded: Recorded) -> dict[str, str]:
    keys = dict.fromkeys(key for _, key in recorded.states.values())
    return {key: STATE_NAMES.get(key, key) for key in keys}


def _start_of(key: str, recorded: Recorded) -> str:
    """Write the value of an optimizer's memory before the first step."""
    shapes = {path: value.array.shape for value, path in recorded.parameters.items()}
    found = [(path, v.array) for v, (path, k) in recorded.states.items() if k == key]
    start = "ones" if key == "mu_product" else "zeros"
    if all(array.shape == () for _, array in found):
        (kind,) = {array.dtype.name for _, array in found}
        return f"np.{start}((), np.{kind})"
    if all(array.shape == shapes[path] for path, array in found):
        return f"np.{start}_like(array)"
    raise ShowError(
        f"the optimizer's memory {key!r} has another shape than its parameter, so it has no text"
    )
