"""Reads the code of gradients by hand: the lines that are wrong, in the words of a diagnosis.

`following` finds the lines and their corrections, and `correction_words` names the mistakes. Here
they become diagnoses: one a mistake, with the line that is wrong and the line that is right.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..following.edits import Edit
from ..following.quantities import Quantities
from ..following.repairing import Finding, Repair
from ..following.running import Follower
from ..following.steps import Step, gradient_in, gradient_of, right_lines, steps_of
from ..following.trying import Attempts
from ..source_lines import SourceLine
from ..tensor import Tensor
from .activations import activations_of, known_functions
from .check_result import lines_in_words
from .correction_words import difference, words_of
from .observations import SAYS_LITTLE
from .results import Diagnosis
from .search import Search
from .value_words import Words

__all__ = ["CodeReader", "in_the_code"]

Array = NDArray[Any]

_BELIEVED = 1e-9


class CodeReader:
    """Finds the wrong lines of a function that returns gradients.

    Parameters
    ----------
    function : callable
    arguments : sequence
        What it is called with.
    named : callable
        Turns what the function returns into gradients by name.

    Attributes
    ----------
    left : frozenset of str
        The wrong gradients that no line explains.
    steps : tuple of Step
        What each line computes, where a line is wrong.
    """

    def __init__(
        self,
        function: Callable[..., Any],
        arguments: Sequence[Any],
        named: Callable[[Any], Mapping[str, Any]],
    ) -> None:
        self.function, self.arguments, self.named = function, arguments, named
        self.left: frozenset[str] = frozenset()
        self.steps: tuple[Step, ...] = ()

    def diagnoses(self, search: Search, names: Sequence[str]) -> list[Diagnosis]:
        """List the mistakes that explain wrong gradients, in the order of the lines."""
        self.left = frozenset(names)
        follower = Follower(self.function, self.arguments)
        if not follower.follows:
            return []
        floors = {name: search.floor(search.leaves[name]) for name in names}

        def right(given: Mapping[str, Any]) -> frozenset[str]:
            return frozenset(
                name
                for name in names
                if _is_right(given.get(name), search.automatic[name], floors[name])
            )

        tensors = (*search.order, *search.leaves.values())
        values: list[tuple[Tensor | None, Any]] = [(one, one.data) for one in tensors]
        functions = known_functions(search)
        for one in activations_of(functions):
            values += [(None, array) for array in (one.slope, one.gate) if array is not None]
        totals = {one.source: one.total for one in search.sent}
        quantities = Quantities(values, totals.items())
        repair = Repair(Attempts(follower, self.named, right, quantities), names)
        found = repair.findings()
        self.left = repair.left
        lines = [_Line(one, words_of(one, search, functions), repair, search) for one in found]
        wrong = {one.finding.statement.number: one.meant for one in lines}
        written = _written(search, repair)
        steps = steps_of(follower.statements, repair.seen, written, wrong) if lines else ()
        self.steps = tuple(steps)
        return _merged(lines)


def _written(search: Search, repair: Repair) -> Callable[[Tensor], str]:
    """Return what writes the gradient of a tensor: in the learner's names, else by its place."""
    inputs = {tensor: name for name, tensor in search.leaves.items()}

    def written(tensor: Tensor) -> str:
        name = inputs.get(tensor) or repair.seen.variable_of(tensor)
        return f"∂J/∂{name}" if name else f"the gradient at {search.place_of(tensor)}"

    return written


def _is_right(given: Any, expected: Array, floor: float) -> bool:
    if given is None:
        return False
    array = np.asarray(given)
    has_row = array.shape == (1, *expected.shape) or (1, *array.shape) == expected.shape
    if array.shape != expected.shape and not has_row:
        return False
    size = max(float(np.abs(expected).max(initial=0.0)), 1e-300)
    with np.errstate(all="ignore"):
        difference = np.abs(array.reshape(expected.shape) - expected).max(initial=0.0)
    return bool(difference <= max(_BELIEVED * size, floor))


class _Line:
    """A wrong line, in words."""

    def __init__(self, finding: Finding, words: Words, repair: Repair, search: Search) -> None:
        self.finding = finding
        statement, edit = finding.statement, finding.edit
        written = _written(search, repair)
        meant = gradient_in(finding.after, repair.seen)
        self.meant = gradient_of(meant, written) if meant is not None else ""
        self.words = words
        has_name = edit is None and bool(statement.names)
        other = gradient_in(finding.before, repair.seen) if has_name else None
        if meant is not None and other is not None and other.quantity is not meant.quantity:
            what = f"{statement.names[0]} is {gradient_of(other, written)}, not yet {self.meant}"
            told = f"{what}: the terms of the other ways are missing"
            self.words = Words("contribution missing", told)
        before = right_lines(statement, repair.follower.statements, repair.seen)
        found = [f"{name} should be {self.meant}" for name in statement.names[:1] if self.meant]
        are = "are" if len(before) > 1 else "is"
        found += [f"{lines_in_words(before)} {are} right"] * bool(before)
        self.note = "; ".join(found)
        file = statement.function.listing.file.replace("\\", "/").split("/")[-1]
        name = statement.function.code.co_qualname
        self.source = SourceLine(file, statement.line, name, statement.text)
        earlier = repair.earlier_line(finding)
        self.right = earlier or (_line_of(edit) if edit else "")
        if earlier and words.kind == "extra statement":
            self.words = difference(statement.text, earlier, statement.names)
        self.same = (words.kind, edit.what, edit.before, edit.after) if edit else self


def _line_of(edit: Edit) -> str:
    """Return the corrected line; one that does nothing any more is left out."""
    target, _, value = edit.line.partition("=")
    is_nothing = not edit.line or target.strip() == value.strip()
    return "(without this line)" if is_nothing else edit.line


def _merged(lines: Sequence[_Line]) -> list[Diagnosis]:
    """Write a diagnosis for each mistake; the same mistake on several lines is one."""
    groups: dict[Any, list[_Line]] = {}
    for one in lines:
        groups.setdefault(one.same, []).append(one)
    return [_diagnosis(group) for group in groups.values()]


def _diagnosis(group: Sequence[_Line]) -> Diagnosis:
    first, *others = group
    names = dict.fromkeys(name for one in group for name in sorted(one.finding.repaired))
    numbers = [one.source.line for one in group]
    where = lines_in_words(numbers)
    sentence = f"{where}: {first.source.code} - looks like this: {first.words.told}"
    if first.right:
        sentence += f"; right: {first.right}"
    more = tuple((one.source, one.right) for one in others)
    return Diagnosis(
        first.words.kind, sentence, where, tuple(names), first.source, first.right, more, first.note
    )


def in_the_code(mistakes: Sequence[Diagnosis], lines: Sequence[Diagnosis]) -> list[Diagnosis]:
    """Combine what explains the gradients with the lines where it is.

    A mistake that reproduces all gradients names best what was done. If one line is to be
    corrected, it is there. Several lines are several mistakes, which none explains together.
    """
    if mistakes and len(lines) > 1 and {one.kind for one in (mistakes[0], *lines)} == {"factor"}:
        lines = [_joined(lines)]  # what all of them are computed from was not divided
    if not mistakes or len(lines) != 1 or lines[0].line is None:
        return list(lines or mistakes)
    first, line = mistakes[0], lines[0]
    assert line.line is not None
    # The factor that is missing shows what was done.
    little = (*SAYS_LITTLE, "value for the derivative")
    is_shown = first.kind in little and line.kind == "missing factor"
    if is_shown or (first.kind in _GENERAL and line.kind not in _GENERAL):
        return [replace(line, explains=first.explains)]
    if set(line.explains) > set(first.explains):  # the line explains more than the mistake
        return [line]
    sentence = f"{line.place}: {line.line.code} - {first.sentence}"
    if line.right:
        sentence += f"; right: {line.right}"
    place = first.place or line.place
    return [replace(line, kind=first.kind, sentence=sentence, explains=first.explains, place=place)]


def _joined(lines: Sequence[Diagnosis]) -> Diagnosis:
    """Join the diagnoses of several lines with the same mistake."""
    first, *others = lines
    more = [*first.more]
    for one in others:
        more += [(one.line, one.right)] if one.line is not None else []
        more += one.more
    names = dict.fromkeys(name for one in lines for name in one.explains)
    numbers = [first.line, *(line for line, _ in more)]
    place = lines_in_words(line.line for line in numbers if line is not None)
    return replace(first, place=place, explains=tuple(names), more=tuple(more))


# Kinds that say less than others.
_GENERAL = (
    "contribution missing",
    "extra factor",
    "extra statement",
    "extra term",
    "factor",
    "formula",
    "index",
    "missing factor",
    "other operand",
    "reduction",
    "upstream missing",
    "wrong axis",
    "wrong variable",
)
