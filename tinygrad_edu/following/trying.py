"""Runs the learner's code with corrections, and says which gradients become right with each.

Some corrections are applied already; what each statement computes with them is known from one
recorded run.
"""

from __future__ import annotations

import ast
import time
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import numpy as np

from .edits import Edit, edits_of
from .findings import Correction, Finding, Trial, key_of
from .influence import Influence
from .instrumenting import Statement
from .quantities import Match, Quantities
from .running import Follower, Replacement, TooLong
from .scope import Scope, code_in, is_reference, names_in
from .suspecting import TRUE_GRADIENT, UNSUPPORTED, Suspicion

__all__ = ["ROUNDS", "Attempts", "cpu_seconds", "is_a_start"]

# Of this thread, whatever the others do; in WebAssembly there is only one.
cpu_seconds: Callable[[], float] = getattr(time, "thread_time", time.process_time)
_CLOSE = 1e-9
# The costs below which edits are tried, round by round: the cheap ones of all statements first.
ROUNDS = (1.35, 1.85, 2.25, float("inf"))


class Attempts:
    """The code with some corrections, and what becomes of it with one more.

    Parameters
    ----------
    follower : Follower
    read : callable
        Turns what the function returns into gradients by name.
    right : callable
        ``right(gradients) -> set of str``: which of them are right.
    quantities : Quantities

    Attributes
    ----------
    applied : dict of int to Replacement
        The corrections so far, by statement.
    now : frozenset of str
        The gradients that are right with them.
    seen : Suspicion
        What each statement computes with them.
    failed : bool
        Whether the last run failed.
    """

    seen: Suspicion
    influence: Influence

    def __init__(
        self,
        follower: Follower,
        read: Callable[[Any], Mapping[str, Any]],
        right: Callable[[Mapping[str, Any]], frozenset[str]],
        quantities: Quantities,
    ) -> None:
        self.follower, self.read, self.right, self.quantities = follower, read, right, quantities
        self.deadline = float("inf")
        self.applied: dict[int, Replacement] = {}
        self.failed = False
        self._trials: dict[tuple[int, int], list[Trial]] = {}
        self._scopes: dict[int, Scope] = {}
        self._values: dict[int, set[Any]] = {}  # what the edits of a statement gave so far
        self._mentioned: list[str] = []
        self._code: dict[str, list[str]] = {}

    def is_late(self) -> bool:
        return cpu_seconds() > self.deadline

    def apply(self, corrections: Mapping[int, Replacement]) -> bool:
        """Note what each statement computes with corrections; say whether the code ran."""
        self.applied = dict(corrections)
        for known in (self._trials, self._scopes, self._values):
            known.clear()
        try:
            result, events = self.follower.record(self.applied)
            self.now = self.right(self.read(result))
        except (Exception, TooLong):
            self.now = frozenset()
            return False
        if not self._mentioned:
            nodes = dict.fromkeys(one.function.node for one in self.follower.statements)
            listings = dict.fromkeys(one.function.listing for one in self.follower.statements)
            others = [name for listing in listings for name in listing.names]
            self._mentioned = list(dict.fromkeys([*names_in(nodes), *others]))
            self._code = code_in(nodes)
        self.seen = Suspicion(self.follower.statements, self.quantities, events)
        values = self.seen.values
        self.influence = Influence(self.follower, self.read, self.applied, result, values)
        return True

    def run(self, changed: Mapping[int, Replacement]) -> frozenset[str]:
        """Run with changes, and say which gradients are right; none if it fails."""
        self.failed = False
        try:
            return self.right(self.read(self.follower.run(changed)))
        except (Exception, TooLong):
            self.failed = True
            return frozenset()

    def repaired(self, number: int, replacement: Replacement) -> frozenset[str]:
        """Say which gradients become right with another value; none if a right one does not."""
        now = self.run({**self.applied, number: replacement})
        return now - self.now if now >= self.now else frozenset()

    def scope(self, statement: Statement) -> Scope | None:
        """Return the variables where a statement runs first."""
        self.round(statement, 0)
        return self._scopes.get(statement.number)

    def makes_more_true(self, number: int, replacement: Replacement) -> bool:
        """Whether something that is computed from a statement becomes true with another value."""
        changed = {**self.applied, number: replacement}
        try:
            _, events = self.follower.record(changed)
        except (Exception, TooLong):
            return False
        after = Suspicion(self.follower.statements, self.quantities, events).true
        return after >= self.seen.true and bool(after - self.seen.true - {number})

    def trials(self, statement: Statement) -> Iterator[Trial]:
        """Yield what each edit of a statement gives where it runs first, the cheapest first."""
        for place in range(len(ROUNDS)):
            yield from self.round(statement, place)

    def round(self, statement: Statement, place: int) -> list[Trial]:
        """List the edits of a range of costs, with what they give; equal ones once."""
        key = statement.number, place
        if key not in self._trials:
            self._trials[key] = []
            low, high = (0.0, *ROUNDS)[place : place + 2]
            self._trials[key] = self._computed(statement, low, high)
        return self._trials[key]

    def _computed(self, statement: Statement, low: float, high: float) -> list[Trial]:
        trials: list[Trial] = []
        once = self.seen.is_once(statement.number)
        known = self._values.setdefault(statement.number, set())

        def probe(statement: Statement, variables: Mapping[str, Any]) -> None:
            scope = Scope(statement, variables, self._mentioned, self._code)
            self._scopes.setdefault(statement.number, scope)
            if once and statement.kind != "call":
                known.add(key_of(scope.value(statement.value)))
            edits = sorted(edits_of(statement, scope, low, high), key=lambda one: one.cost)
            for edit in edits:
                trial = _tried(edit, statement, variables)
                if trial is None:
                    continue
                key = key_of(trial.value) if once and trial.value is not None else edit.text
                if key not in known:
                    known.add(key)
                    trials.append(trial)

        self.follower.look(statement.number, self.applied, probe)
        return trials

    # What a correction is worth -----------------------------------------------------------------

    def matched(self, value: Any) -> Match | None:
        """Return which gradient a value is, in its place."""
        for one in self.quantities.matches(value):
            if one.quantity.kind == "gradient" and one.arrangement in ("", "transposed"):
                return one
        return None

    def fits(self, statement: Statement, value: Any) -> bool:
        """Whether a value is the gradient of something, in a natural scale, for a doubtful one."""
        match = self.matched(value) if self.seen.of[statement.number] > 0 else None
        if match is None:
            return False
        if match.quantity.is_of_input:
            return abs(match.factor - 1) < _CLOSE and match.arrangement == ""
        return any(abs(match.factor - c) < _CLOSE * abs(c) for c in self.seen.scales)

    def finding(
        self, statement: Statement, edit: Edit | None, value: Any, repaired: frozenset[str]
    ) -> Finding:
        scope = self.scope(statement)
        assert scope is not None
        before = self.seen.values.get(statement.number)
        return Finding(statement, edit, repaired, before, value, self.matched(value), scope)

    def correction(
        self, statement: Statement, trial: Trial, repaired: frozenset[str]
    ) -> Correction:
        found = self.finding(statement, trial.edit, trial.value, repaired)
        return found, trial.replacement

    def doubt(self, statement: Statement) -> float:
        """Return how unlikely it is that a statement is wrong; added to the cost of its edits."""
        number = statement.number
        suspicion = self.seen.of[number]
        found = 0.6 if suspicion == UNSUPPORTED else -min(suspicion, 0.3)
        if statement.kind == "assign" and is_reference(statement.value):
            # A value passed on may be where something was forgotten; one that is stored is not.
            found += -0.2 if isinstance(statement.targets[0], ast.Name) else 0.4
        value = self.seen.values.get(number)
        found += 0.5 * _is_of_sizes(value) + 1.0 * is_a_start(value)
        was_right = suspicion > 0 and self.seen.least[number] <= TRUE_GRADIENT
        if was_right and not self.seen.is_once(number):
            found += 0.8
        return found + 1.5 * self._breaks(number)

    def cost(self, finding: Finding, fits: bool = False) -> float:
        """Return how unlikely a correction is: a cheap edit of a doubtful statement is likely.

        Parameters
        ----------
        finding : Finding
        fits : bool
            Whether something true is computed with it; else the value of the statement decides.
        """
        edit = finding.edit.cost if finding.edit else 9.0
        fits = fits or self.fits(finding.statement, finding.after)
        return edit + self.doubt(finding.statement) - 0.5 * fits

    def _breaks(self, number: int) -> bool:
        """Whether another value of a statement makes a right gradient wrong."""
        of = self.influence.of(number)
        is_one = not isinstance(self.seen.values.get(number), tuple | list | dict)
        return is_one and of is not None and bool(of & self.now)

    def candidates(self, done: set[int], wanted: frozenset[str]) -> list[Statement]:
        """List the statements on which a wrong gradient depends, the most suspicious first."""
        missing, first = wanted - self.now, self.seen.first_run
        found = []
        for number in first:
            of = self.influence.of(number) if number not in done else frozenset()
            if of is None or of & missing:
                found.append(number)
        found.sort(key=lambda one: (3.0 * self._breaks(one) - self.seen.of[one], first[one]))
        return [self.follower.statements[number] for number in found]


def is_a_start(value: Any) -> bool:
    """Whether a value is zeros, where a sum starts."""
    if isinstance(value, tuple | list):
        return bool(value) and all(map(is_a_start, value))
    return isinstance(value, np.ndarray) and value.size > 1 and not value.any()


def _is_of_sizes(value: Any) -> bool:
    """Whether a value is a whole number, or has one among others, such as ``n, d = X.shape``."""
    if isinstance(value, tuple | list):
        return any(map(_is_of_sizes, value))
    return isinstance(value, int | np.integer) and not isinstance(value, bool)


def _tried(edit: Edit, statement: Statement, variables: Mapping[str, Any]) -> Trial | None:
    """Compute an edit; None if it cannot be computed."""
    try:
        code = compile(f"({edit.text})", "<corrected>", "eval")
        value = None
        if statement.kind not in ("call", "loop"):
            value = eval(code, dict(variables))
    except Exception:
        return None
    return Trial(edit, Replacement(code), value)
