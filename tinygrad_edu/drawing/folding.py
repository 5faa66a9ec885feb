"""Finds what a graph repeats, so that a picture can draw it once: ``TransformerBlock × 12``.

Units are calls of modules, and operations outside of them. Units fold if they do the same: the same
classes, descriptions and operations, with the same shapes. Nothing is drawn here.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

from .graph import Edge, Graph

__all__ = ["Folding", "Run"]

_LONGEST, _TRIED = 400, 60  # the longest repetition, and how many lengths are tried for each unit
_SAVED = 10  # operations that a pair of modules, or a loop without modules, must save


@dataclass(eq=False, slots=True)
class Run:
    """Units that repeat, one repetition after the other.

    Attributes
    ----------
    id : str
        ``r0``, ``r1``.
    frame : str or None
        The module call in which all of them are.
    repetitions : list of list of str
        The units of each repetition. The first one is drawn.
    in_a_row : bool
        Whether a repetition uses results of the one before.
    """

    id: str
    frame: str | None
    repetitions: list[list[str]]
    in_a_row: bool = False

    @property
    def count(self) -> int:
        """How many repetitions there are."""
        return len(self.repetitions)

    @property
    def is_single(self) -> bool:
        """Whether a repetition is one unit."""
        return len(self.repetitions[0]) == 1


@dataclass
class Folding:
    """The repetitions of a graph.

    Parameters
    ----------
    graph : Graph
    boxes : set of str
        The calls that are drawn as boxes. Calls of modules in a run become boxes too if
        `closes` is True.
    opened : set of str
        Calls that the user opens: they stay open, and fold with each other only.
    closes : bool
    refused : set of str
        Units that must not fold.

    Attributes
    ----------
    runs : list of Run
    first : dict of str to str
        Operation, call or tensor: what is drawn instead, in the first repetition.
    places : dict of str to dict
        For each operation, its repetition in each run that it is part of.
    """

    graph: Graph
    boxes: set[str]
    opened: set[str]
    closes: bool
    refused: set[str]
    runs: list[Run] = field(default_factory=list)
    first: dict[str, str] = field(default_factory=dict)
    places: dict[str, dict[Run, int]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        graph = self.graph
        self.operations = {op.id: op for op in graph.operations}
        self.tensors = {tensor.id: tensor for tensor in graph.tensors}
        self.makers = {op.output: op.id for op in graph.operations}
        self.numbers = {op.id: number for number, op in enumerate(graph.operations)}
        self.operands: dict[str, list[Edge]] = {}
        self.users: dict[str, list[str]] = {}
        for edge in graph.edges:
            self.operands.setdefault(edge.target, []).append(edge)
            self.users.setdefault(edge.source, []).append(edge.target)
        self.parents = {call.id: call.parent for call in graph.calls}
        self.kinds = {call.id: call.kind for call in graph.calls}
        self.children: dict[str | None, dict[str, list[str]]] = {}  # with their operations
        for op in graph.operations:
            unit, frame = op.id, op.call
            while True:
                self.children.setdefault(frame, {}).setdefault(unit, []).append(op.id)
                if frame is None:
                    break
                unit, frame = frame, self.parents[frame]
        self.crossing = self._count_crossing()
        self._marks: dict[Any, int] = {}
        self._fold(None)
        self._fold_leaves()
        self.run_of = {unit: run for run in self.runs for unit in run.repetitions[0]}
        self.folded = {self.shown(name) for name in self.first}

    def shown(self, name: str) -> str:
        """Return what is drawn for an operation, a call or a tensor."""
        while name in self.first:
            name = self.first[name]
        return name

    def between(self, source: str, target: str) -> tuple[bool, bool]:
        """Compare two operations: whether they are in one run, and in which repetition.

        Returns
        -------
        together, apart : bool
            Whether they share a run, and whether their repetitions differ.
        """
        here, there = self.places.get(source, {}), self.places.get(target, {})
        shared = [run for run in here if run in there]
        return bool(shared), any(here[run] != there[run] for run in shared)

    def is_repeated(self, operation: str) -> bool:
        """Whether an operation is in a repetition that is not drawn."""
        return any(self.places.get(operation, {}).values())

    def is_folded(self, unit: str) -> bool:
        """Whether a unit stands for several."""
        return unit in self.folded

    def members_of(self, units: set[str]) -> set[str]:
        """Return the units that are drawn as one of these, each with those it folds with."""
        runs = [run for run in self.runs if units & set(run.repetitions[0])]
        return {unit for run in runs for repetition in run.repetitions for unit in repetition}

    # Finding runs -------------------------------------------------------------------------------

    def _fold(self, frame: str | None) -> None:
        """Find the runs in a frame, and in the frames inside that are drawn."""
        members = self.children.get(frame, {})
        units = list(members)
        marks = [self._mark(unit, members[unit]) for unit in units]
        starts = [self.crossing[self.numbers[members[unit][0]]] for unit in units]
        drawn, end = [], 0

        def least(start: int, period: int) -> int:
            return self._least(units, members, start, period)

        for start, period, count in _runs(marks, starts, least):
            drawn += units[end : start + period]
            end = start + period * count
            self._add(frame, [units[at : at + period] for at in range(start, end, period)])
        for unit in [*drawn, *units[end:]]:
            if unit in self.kinds and unit not in self.boxes:
                self._fold(unit)

    def _least(
        self, units: list[str], members: dict[str, list[str]], start: int, period: int
    ) -> int:
        """Return how many repetitions are worth folding."""
        repetition = units[start : start + period]
        size = sum(len(members[unit]) for unit in repetition)
        if any(unit in self.kinds for unit in repetition):
            return 2 if size >= _SAVED else 3
        if period == 1 and self._uses(units[start + 1], units[start]):
            return len(units) + 1  # a chain of one operation has no steps to read once
        return max(3, 1 + -(-_SAVED // size))

    def _uses(self, operation: str, other: str) -> bool:
        result = self.operations[other].output
        return any(edge.source == result for edge in self.operands.get(operation, ()))

    def _add(self, frame: str | None, repetitions: list[list[str]]) -> None:
        run = Run(f"r{len(self.runs)}", frame, repetitions)
        self.runs.append(run)
        members = self.children[frame]
        drawn = [op for unit in repetitions[0] for op in members[unit]]
        for number, repetition in enumerate(repetitions):
            own = [op for unit in repetition for op in members[unit]]
            for op in own:
                self.places.setdefault(op, {})[run] = number
            if number:
                for other, shown in zip(own, drawn, strict=True):
                    self._map(other, shown, frame)
        if self.closes:
            calls = {unit for repetition in repetitions for unit in repetition} & set(self.kinds)
            self.boxes |= {call for call in calls if not self._is_opened(call)}
        for edge in self.graph.edges:
            maker = self.makers.get(edge.source)
            here, there = self.places.get(maker or "", {}), self.places.get(edge.target, {})
            run.in_a_row |= run in here and run in there and here[run] != there[run]

    def _map(self, operation: str, shown: str, frame: str | None) -> None:
        """Draw one operation for another, with its result and the calls around it."""
        one, other = self.operations[operation], self.operations[shown]
        self.first[operation], self.first[one.output] = shown, other.output
        call, its = one.call, other.call
        while call != frame and call is not None and its is not None:
            self.first[call] = its
            call, its = self.parents[call], self.parents[its]

    def _fold_leaves(self) -> None:
        """Draw a parameter of the first repetition for those that take its place in the others."""
        for operation in self.graph.operations:
            if not self.is_repeated(operation.id):
                continue
            shown = self.operands[self.shown(operation.id)]
            for edge, other in zip(self.operands[operation.id], shown, strict=True):
                leaf, its = edge.source, other.source
                leaves = leaf not in self.makers and its not in self.makers
                if leaves and leaf != its and all(map(self.is_repeated, self.users[leaf])):
                    self.first[leaf] = its

    def _count_crossing(self) -> list[int]:
        """Count for each operation the results that cross the line before it."""
        changes = [0] * (len(self.graph.operations) + 1)
        for tensor, maker in self.makers.items():
            users = self.users.get(tensor)
            if users:
                changes[self.numbers[maker] + 1] += 1
                changes[max(self.numbers[user] for user in users) + 1] -= 1
        crossing, now = [], 0
        for change in changes:
            now += change
            crossing.append(now)
        return crossing

    # What is the same ---------------------------------------------------------------------------

    def _is_opened(self, call: str) -> bool:
        return call in self.opened or any(
            self._is_opened(child) for child in self.children.get(call, ()) if child in self.kinds
        )

    def _mark(self, unit: str, operations: list[str]) -> int:
        """Return a number that only equal units share."""
        if unit in self.refused:
            described: Any = unit
        else:
            described = tuple(self._described(unit, operations))
        return self._marks.setdefault(described, len(self._marks))

    def _described(self, unit: str, operations: list[str]) -> Iterator[Any]:
        """Yield what makes a unit: its modules, operations, shapes, and how they are connected."""
        own: dict[str | None, int] = {}
        for call in self._calls_in(unit):
            own[call] = len(own)
            yield self.kinds[call], own.get(self.parents[call]), call in self.opened
            yield self.closes or call in self.boxes
        numbers = {self.operations[op].output: number for number, op in enumerate(operations)}
        leaves: dict[str, int] = {}
        for name in operations:
            op = self.operations[name]
            yield op.name, own.get(op.call), () if op.carries else op.params
            yield self._size(op.output)
            for edge in self.operands.get(name, ()):
                yield edge.operand, self._operand(unit, edge.source, numbers, leaves)

    def _operand(self, unit: str, source: str, numbers: Any, leaves: dict[str, int]) -> Any:
        tensor = self.tensors[source]
        if source in numbers:
            return "result", numbers[source]
        if tensor.role == "constant":
            return "number", tensor.name
        if tensor.role == "parameter" and tensor.call is not None and unit in self.kinds:
            return "parameter", leaves.setdefault(source, len(leaves)), self._size(source)
        return self._size(source)

    def _size(self, tensor: str) -> Any:
        return self.tensors[tensor].shape, self.tensors[tensor].dtype

    def _calls_in(self, unit: str) -> Iterator[str]:
        if unit in self.kinds:
            yield unit
            for child in self.children.get(unit, ()):
                yield from self._calls_in(child)


def _runs(
    marks: Sequence[int], crossing: Sequence[int], least: Callable[[int, int], int]
) -> Iterator[tuple[int, int, int]]:
    """Yield start, period and count of the repetitions in a sequence.

    Examples
    --------
    >>> list(_runs([7, 1, 2, 1, 2, 1, 2, 1], [0] * 8, lambda start, period: 3))
    [(1, 2, 3)]
    """
    places: dict[int, list[int]] = {}
    ranks = []
    for place, mark in enumerate(marks):
        ranks.append(len(places.setdefault(mark, [])))
        places[mark].append(place)
    start = 0
    while start < len(marks):
        best = 0, 0, 0
        rank, mark = ranks[start], marks[start]
        for place in places[mark][rank + 1 : rank + 1 + _TRIED]:
            period = place - start
            pattern = marks[start:place]
            if period > _LONGEST or (period > 1 and pattern.count(mark) == period):
                continue
            needed = least(start, period)
            if period * needed <= len(marks) - start:
                count = _repetitions(marks, start, period)
                if count >= needed and count * period > best[0]:
                    best = count * period, period, count
        covered, period, count = best
        if not covered:
            start += 1
            continue
        # Begin where least is handed on, for example before a block and not inside of it.
        shifts = [0]
        while len(shifts) < period and shifts[-1] + covered + start < len(marks):
            shift = shifts[-1]
            if marks[start + shift] != marks[start + shift + covered]:
                break
            shifts.append(shift + 1)
        shift = min(shifts, key=lambda shift: crossing[start + shift + period])
        yield start + shift, period, count
        start += shift + covered


def _repetitions(marks: Sequence[int], start: int, period: int) -> int:
    pattern, count = marks[start : start + period], 1
    while marks[start + count * period : start + (count + 1) * period] == pattern:
        count += 1
    return count
