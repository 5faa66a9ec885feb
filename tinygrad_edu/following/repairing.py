"""Finds the statements of hand-written code that are wrong, and what is right instead.

A correction of a statement is believed if running the code with it makes gradients right that
were wrong, and none wrong that was right; or if it turns a value that matches nothing into the
gradient of something. Several mistakes are found one after the other.
"""

from __future__ import annotations

import ast
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from .edits import Edit, edits_of
from .instrumenting import Statement
from .quantities import Match, Quantities
from .running import Event, Follower, Replacement
from .scope import Scope, code_in, is_reference, names_in

__all__ = ["Finding", "Repair"]

Array: TypeAlias = NDArray[Any]

_MOST_MISTAKES = 6
_MOST_TRIALS = 250  # of one statement
# How suspicious a statement is whose value is that of the forward pass, or a gradient.
_TRUE_VALUE, _TRUE_GRADIENT = -1.5, -0.8
_SUBSTITUTED = 4.0  # the cost of a true value in the place of a statement's


@dataclass(frozen=True, slots=True, eq=False)
class Finding:
    """A statement that is wrong.

    Attributes
    ----------
    statement : Statement
    edit : Edit or None
        The correction; None if the place alone is known.
    repaired : frozenset of str
        The gradients that the correction makes right.
    before, after : object
        What the statement computed, and what it computes with the correction.
    match : Match or None
        What the corrected value is.
    scope : Scope
        The variables where it ran first.
    """

    statement: Statement
    edit: Edit | None
    repaired: frozenset[str]
    before: Any
    after: Any
    match: Match | None
    scope: Scope

    @property
    def cost(self) -> float:
        return self.edit.cost if self.edit else _SUBSTITUTED


@dataclass(frozen=True, slots=True, eq=False)
class _Trial:
    edit: Edit | None
    replacement: Replacement
    value: Any
    match: Match | None


class Repair:
    """The search for what is wrong in a function.

    Parameters
    ----------
    follower : Follower
    right : callable
        ``right(result) -> set of str``: which gradients in what the function returns are right.
    wanted : collection of str
        The gradients that are to become right.
    quantities : Quantities
    seconds : float
        How long to search.
    """

    def __init__(
        self,
        follower: Follower,
        right: Callable[[Any], frozenset[str]],
        wanted: Sequence[str],
        quantities: Quantities,
        seconds: float = 3.0,
    ) -> None:
        self.follower, self.right, self.quantities = follower, right, quantities
        self.wanted = frozenset(wanted)
        self.applied: dict[int, Replacement] = {}
        self.deadline = time.perf_counter() + seconds
        self.runs = 0
        self.timed_out = False
        self.mentioned: list[str] = []
        self.code: dict[str, list[str]] = {}

    def findings(self) -> list[Finding]:
        """List the mistakes, in the order in which the code runs."""
        found: list[Finding] = []
        right = self._right(self.applied)
        for _ in range(_MOST_MISTAKES):
            if right >= self.wanted or self._is_late():
                break
            self._look_again()
            best = self._best(right, {one.statement.number for one in found})
            if best is None:
                break
            finding, replacement = best
            found.append(finding)
            self.applied[finding.statement.number] = replacement
            right = self._right(self.applied)
        self.left = self.wanted - right
        return sorted(found, key=lambda one: self.first_run[one.statement.number])

    def _is_late(self) -> bool:
        self.timed_out = self.timed_out or time.perf_counter() > self.deadline
        return self.timed_out

    def _right(self, changed: Mapping[int, Replacement]) -> frozenset[str]:
        """Run with changes, and say which gradients are right; none if it fails."""
        self.runs += 1
        try:
            return self.right(self.follower.run(changed))
        except Exception:
            return frozenset()

    # Where to look ------------------------------------------------------------------------------

    def _look_again(self) -> None:
        """Run with the corrections so far, and note what each statement computes."""
        _, events = self.follower.record(self.applied)
        self.values: dict[int, Any] = {}
        self.times: dict[int, int] = {}
        self.first_run: dict[int, int] = {}
        for place, event in enumerate(events):
            self.first_run.setdefault(event.number, place)
            if not event.written:
                self.times[event.number] = self.times.get(event.number, 0) + 1
            self.values[event.number] = event.value
        nodes = dict.fromkeys(one.function.node for one in self.follower.statements)
        self.mentioned = names_in(nodes)
        self.code = code_in(nodes)
        self._judge(events)

    def _judge(self, events: list[Event]) -> None:
        """Say how suspicious each statement is: 0 if its value, or its scale, follows rightly.

        A gradient may be a natural number of times too large, as in the convention that divides
        by the size of the batch in the last step.
        """
        self.suspicion: dict[int, float] = {}
        self.scales = {1.0}
        # Of each variable: its factor; 0 if it comes from gradients and is unknown, and NaN if it
        # is unknown and comes from values alone.
        known: dict[str, float] = {}
        claimed: dict[Any, tuple[str, ...]] = {}
        for event in events:
            statement = self.follower.statements[event.number]
            read = [known[name] for name in names_in([statement.value]) if name in known]
            found, factor = self._of_value(statement, event, read, claimed)
            for target in statement.names:
                known[target] = factor
            if statement.in_loop and not event.written:
                found = min(found, 0.8)  # the value of one pass
            self.suspicion[event.number] = max(found, self.suspicion.get(event.number, found))

    def _of_value(
        self,
        statement: Statement,
        event: Event,
        read: list[float],
        claimed: dict[Any, tuple[str, ...]],
    ) -> tuple[float, float]:
        """Return how suspicious a value is, and the factor of the gradient it is; 0 if none."""
        matches = self.quantities.matches(event.value)
        values = [one for one in matches if one.quantity.kind == "value"]
        if any(abs(one.factor - 1) < 1e-8 for one in values):
            return _TRUE_VALUE, 1.0
        from_wrong = not all(np.isnan(factor) or _is_natural(factor) for factor in read)
        from_values = all(np.isnan(factor) or factor == 1.0 for factor in read)
        for one in matches:
            if one.quantity.kind == "gradient" and _is_natural(one.factor):
                found = self._of_gradient(statement, one, read, claimed)
                return (min(found, 0.8) if from_wrong else found), one.factor
        gradients = [one for one in matches if one.quantity.kind == "gradient"]
        if gradients:
            factor = gradients[0].factor
            passed_on = any(abs(factor / c) - 1 < 1e-8 for c in read
                            if c and not np.isnan(c) and not _is_natural(c))  # fmt: skip
            return (0.3 if passed_on else 2.0), factor
        is_array = isinstance(event.value, np.ndarray) and event.value.size > 1
        if not is_array:
            return _of_kind(statement), 1.0
        if from_wrong:
            return 0.6, 0.0
        return (1.1, np.nan) if from_values else (1.2, 0.0)

    def _of_gradient(
        self,
        statement: Statement,
        match: Match,
        read: list[float],
        claimed: dict[Any, tuple[str, ...]],
    ) -> float:
        """Return how suspicious a gradient is, by its scale, its place and its name."""
        if _is_leaf(match):
            if abs(match.factor - 1) < 1e-8:
                return _TRUE_GRADIENT if match.arrangement in ("", "reshaped") else 1.2
            return 2.0
        names = tuple(statement.names)
        is_copy = statement.kind == "assign" and is_reference(statement.value)
        if claimed.setdefault(match.quantity, names) != names or is_copy:
            return 1.25  # it passes on unchanged what is a gradient already
        read = [factor for factor in read if factor and not np.isnan(factor)]
        scales = [factor for factor in read if factor != 1.0] or read
        self.scales.add(match.factor)
        if any(abs(match.factor - c) < 1e-8 * abs(c) for c in scales):
            return _TRUE_GRADIENT
        if scales:
            return 0.7
        return _TRUE_GRADIENT if match.factor > 0 else 0.4

    def _statements(self) -> list[Statement]:
        """List the statements that ran, the most suspicious first, then in their order."""
        numbers = sorted(self.first_run, key=lambda n: (-self.suspicion[n], self.first_run[n]))
        return [self.follower.statements[number] for number in numbers]

    # Trying -------------------------------------------------------------------------------------

    def _best(
        self, right: frozenset[str], done: set[int]
    ) -> tuple[Finding, Replacement] | None:
        found: list[tuple[tuple[float, ...], Finding, Replacement]] = []
        missing = len(self.wanted - right)
        for statement in self._statements():
            suspicion = self.suspicion[statement.number]
            is_full = any(len(one.repaired) == missing for _, one, _ in found)
            if self._is_late() or (is_full and suspicion < 0):
                break
            if statement.number in done:
                continue
            for finding, replacement in self._tried(statement, right):
                if finding.edit is None and len(finding.repaired) < missing:
                    continue  # several places would be as good
                becomes_right = self._becomes_right(finding)
                cost = finding.cost - 0.5 * becomes_right - min(suspicion, 0.3)
                key = (-len(finding.repaired), cost, self.first_run[statement.number])
                found.append((key, finding, replacement))
                is_sure = becomes_right and suspicion >= 0.6 and finding.edit is not None
                if len(finding.repaired) == missing and is_sure:
                    return finding, replacement
        if not found:
            return None
        _, finding, replacement = min(found, key=lambda one: one[0])
        return finding, replacement

    def _becomes_right(self, finding: Finding) -> bool:
        """Whether a doubtful value becomes the gradient of something, in a natural scale."""
        match = finding.match
        if match is None or self.suspicion[finding.statement.number] <= 0:
            return False
        tensor = match.quantity.tensor
        if tensor is not None and tensor.node is None:
            return abs(match.factor - 1) < 1e-8 and match.arrangement == ""
        return any(abs(match.factor - c) < 1e-8 * abs(c) for c in self.scales)

    def _tried(
        self, statement: Statement, right: frozenset[str]
    ) -> Iterator[tuple[Finding, Replacement]]:
        """Yield the corrections of one statement that make more gradients right."""
        scope, trials = self._trials(statement)
        if scope is None:
            return
        edits = [one for one in trials if one.edit][:_MOST_TRIALS]
        for trial in [*edits, *(one for one in trials if not one.edit)]:
            if self._is_late():
                return
            now = self._right({**self.applied, statement.number: trial.replacement})
            if now > right:
                finding = Finding(
                    statement,
                    trial.edit,
                    now - right,
                    self.values.get(statement.number),
                    trial.value,
                    trial.match,
                    scope,
                )
                yield finding, trial.replacement
                if trial.edit is not None and now >= self.wanted:
                    return  # the others of this statement cost more

    def _trials(self, statement: Statement) -> tuple[Scope | None, list[_Trial]]:
        """Compute what each correction gives where the statement first runs; drop equal ones."""
        trials: list[_Trial] = []
        scopes: list[Scope] = []
        once = self.times.get(statement.number) == 1

        def probe(statement: Statement, variables: Mapping[str, Any]) -> None:
            scope = Scope(statement, variables, self.mentioned, self.code)
            scopes.append(scope)
            seen: set[Any] = set()
            original = scope.value(statement.value)
            if once and statement.kind != "call":
                seen.add(_key(original))
            for edit in sorted(edits_of(statement, scope), key=lambda one: one.cost):
                try:
                    code = compile(f"({edit.text})", "<corrected>", "eval")
                    value = None
                    if statement.kind not in ("call", "loop"):
                        value = eval(code, dict(variables))
                except Exception:
                    continue
                key = _key(value) if once and value is not None else edit.text
                if key not in seen:
                    seen.add(key)
                    trials.append(_Trial(edit, Replacement(code), value, self._matched(value)))

        self.follower.look(statement.number, self.applied, probe)
        if not scopes:
            return None, []
        trials += self._true_values(statement)
        trials.sort(
            key=lambda one: (
                one.edit is None,
                one.match is None,
                one.edit.cost if one.edit else 0,
            )
        )
        return scopes[0], trials

    def _true_values(self, statement: Statement) -> Iterator[_Trial]:
        """Yield the gradients that the statement may be meant to compute."""
        value = self.values.get(statement.number)
        if statement.kind not in ("assign", "return") or self.times[statement.number] != 1:
            return
        if not isinstance(value, np.ndarray) or value.size < 2:
            return
        for quantity in self.quantities.like(value.shape):
            is_leaf = quantity.tensor is not None and quantity.tensor.node is None
            is_turned = quantity.array.shape != value.shape
            array = quantity.array.T if is_turned else quantity.array
            for factor in [1.0] if is_leaf else sorted(self.scales):
                match = Match(quantity, factor, "transposed" if is_turned else "")
                yield _Trial(None, Replacement(value=factor * array), factor * array, match)

    def _matched(self, value: Any) -> Match | None:
        """Return which gradient a value is, in its place."""
        for one in self.quantities.matches(value):
            if one.quantity.kind == "gradient" and one.arrangement in ("", "transposed"):
                return one
        return None


def _is_natural(factor: float) -> bool:
    """Whether a factor is a whole number or one over one, as sizes of batches are."""
    if not factor:
        return False
    whole = abs(factor) if abs(factor) >= 1 else 1 / abs(factor)
    return abs(whole - round(whole)) < 1e-7


def _of_kind(statement: Statement) -> float:
    """Return how suspicious a statement is that computes no single array."""
    if statement.kind == "return":
        parts = statement.value.elts if isinstance(statement.value, ast.Tuple | ast.List) else []
        if isinstance(statement.value, ast.Dict):
            parts = statement.value.values
        is_list = bool(parts) and all(map(is_reference, parts))
        return 0.3 if is_list else 1.0
    return {"loop": 0.6, "test": 0.2, "index": 0.6}.get(statement.kind, 0.5)


def _is_leaf(match: Match) -> bool:
    return match.quantity.tensor is not None and match.quantity.tensor.node is None


def _key(value: Any) -> Any:
    """Return something that is equal for equal values."""
    if isinstance(value, tuple | list):
        return tuple(map(_key, value))
    if isinstance(value, np.ndarray | np.generic | int | float | bool):
        array = np.asarray(value)
        if array.dtype.kind in "fiub":
            rounded = array.astype(np.float64)
            with np.errstate(all="ignore"):
                size = np.abs(rounded).max(initial=0.0)
                if size and np.isfinite(size):
                    rounded = np.round(rounded / size, 11) + 0.0
            return array.shape, float(f"{size:.11g}"), rounded.tobytes()
    return id(value)
