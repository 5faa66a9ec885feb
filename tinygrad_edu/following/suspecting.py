"""Says how suspicious each statement of a run is, by matching what it computes with what is true.

A value of the forward pass, or the gradient of something in a scale that follows from what the
statement reads, is right. A value that matches nothing, though all it reads is right, is not.
"""

from __future__ import annotations

import ast
from collections.abc import Sequence
from typing import Any

import numpy as np

from ..tensor import Tensor
from .instrumenting import Statement
from .quantities import Match, Quantities, Quantity
from .running import Event
from .scope import is_reference, names_in

__all__ = [
    "CLEARED",
    "TRUE_GRADIENT",
    "TRUE_VALUE",
    "UNSUPPORTED",
    "Suspicion",
    "is_natural",
    "parts_of_result",
    "root_of",
]

# Of a value of the forward pass, and of a gradient in the scale of what it is computed from.
TRUE_VALUE, TRUE_GRADIENT = -1.5, -0.8
CLEARED = -0.5
UNSUPPORTED = 0.5  # of a gradient from which nothing right was computed
_CLOSE = 1e-8
_MOST_PASSED_ON = 3  # functions that return what another one returned
_MOST_BACK = 8  # operations, as an activation that is written out has
_UNKNOWN = 0.0  # the factor of a value that comes from gradients and matches nothing
_OTHER = float("nan")  # of one that comes from values alone
_VALUE = float("inf")  # of a value of the forward pass


class Suspicion:
    """What is known of the statements of one run.

    Attributes
    ----------
    of : dict of int to float
        How suspicious a statement is; 0 or less if its value is known to be right.
    least : dict of int to float
        How suspicious it is where it is the least so, if it ran several times.
    values : dict of int to object
        What it computed last, or the array that it wrote into.
    runs : dict of int to list
        What it computed each time.
    first_run : dict of int to int
        When it ran first.
    scales : set of float
        The factors by which gradients are too large without being wrong: those of a convention
        that divides by the size of the batch in the last step.
    near : dict of int to list of set of Tensor
        The tensors that lead to those whose gradients a statement reads, each time: its value may
        be meant to be the gradient of one of them.
    unknown : dict of int to tuple of int
        The statements that computed the unknown values which a statement is computed from.
    from_gradients : dict of int to bool
        Whether a statement computes something unknown from gradients.
    """

    def __init__(
        self, statements: Sequence[Statement], quantities: Quantities, events: Sequence[Event]
    ) -> None:
        self.quantities = quantities
        self.of: dict[int, float] = {}
        self.least: dict[int, float] = {}
        self.values: dict[int, Any] = {}
        self.runs: dict[int, list[Any]] = {}
        self.first_run: dict[int, int] = {}
        self.unknown: dict[int, tuple[int, ...]] = {}
        self.from_gradients: dict[int, bool] = {}
        self.near: dict[int, list[set[Tensor]]] = {}
        self.scales = {1.0}
        self._all_true: dict[int, bool] = {}
        self._known: dict[str, float] = {}
        self._gradient_of: dict[str, Tensor | None] = {}
        self._writer: dict[str, int] = {}
        self._results: dict[str, Statement] = {}
        self._named: dict[str, Tensor | None] = {}
        self._variables: dict[Tensor | None, str] = {}
        self._turned = 0  # how many more values are transposed than not
        self._claimed: dict[Any, tuple[str, ...]] = {}
        self._cleared_by: dict[int, set[int]] = {}
        self._read: set[int] = set()
        self._used: set[str] = set()
        returned: Any = None
        for place, event in enumerate(events):
            statement = statements[event.number]
            self.first_run.setdefault(event.number, place)
            if not event.written:
                self.runs.setdefault(event.number, []).append(event.value)
            self.values[event.number] = event.value
            is_passed_on = _is_same(returned, event.value) and isinstance(statement.value, ast.Call)
            self._judge(statement, event, is_passed_on)
            returned = event.value if statement.kind == "return" else None
        returns = [statements[event.number] for event in events[-_MOST_PASSED_ON:]]
        for statement in [one for one in returns if parts_of_result(one)][-1:]:
            self._judge_results(statement)
        cleared = {number for number, by in self._cleared_by.items() if by}
        for number, found in list(self.of.items()):
            # It is the gradient of something, but nothing right was computed from it.
            if found == TRUE_GRADIENT and number in self._read - cleared:
                self.of[number] = UNSUPPORTED
        for number in cleared:  # a right value was computed from it, in its only run
            if 0 < self.of[number] < 2 and self.is_once(number):
                self.of[number] = CLEARED

    def _judge(self, statement: Statement, event: Event, is_passed_on: bool) -> None:
        number = event.number
        names = self._names_read(statement, event)
        read = [self._known[name] for name in names]
        self._tensor: Tensor | None = None
        self._is_negative = False
        found, factor = self._of_value(statement, event, read)
        if not event.written:
            read_of = [self._gradient_of.get(name) for name in names]
            self.near.setdefault(number, []).append(_before([*read_of, self._tensor]))
        if is_passed_on:  # the statement that returned it is to be looked at
            found = min(found, TRUE_GRADIENT)
        self._note_unknown(number, names)
        writers = {self._writer[name] for name in names}
        self._note_result(statement, event, factor)
        if statement.in_loop and not event.written:
            found = min(found, 0.8)  # the value of one pass
        is_true = found <= TRUE_GRADIENT and not is_passed_on
        self._all_true[number] = self._all_true.get(number, True) and is_true
        self.of[number] = max(found, self.of.get(number, found))
        self.least[number] = min(found, self.least.get(number, found))
        if statement.kind != "return":
            self._read |= writers - {number}
        self._used.update(names)
        # Signs that are turned by convention are turned back in the end: till then it is open.
        if found <= 0 and not is_passed_on and not self._is_negative:
            for one in writers:
                self._cleared_by.setdefault(one, set()).add(number)

    def _names_read(self, statement: Statement, event: Event) -> list[str]:
        """List the variables and results that a value is computed from."""
        names = [name for name in names_in([statement.value]) if name in self._known]
        names += self._returned(statement)
        if statement.kind == "augment" and event.written:
            names += [one for one in map(root_of, statement.targets) if one in self._known]
        return names

    def _note_result(self, statement: Statement, event: Event, factor: float) -> None:
        """Note what the variables hold now that a statement assigns to, or what it returns."""
        number = event.number
        self.from_gradients[number] = factor == _UNKNOWN
        if statement.kind == "return":
            result = f"{statement.function.code.co_name}()"
            self._known[result], self._writer[result] = factor, number
            self._results[result] = statement
        # What is added to something is not yet what results; that is reported next.
        is_part = statement.kind == "augment" and not event.written
        for name in () if is_part else map(root_of, statement.targets):
            self._gradient_of[name] = self._tensor
            self._known[name] = factor
            self._writer[name] = number

    def _judge_results(self, last: Statement) -> None:
        """Doubt what is returned for the gradient of an input and is that of something else."""
        shapes = {one.array.shape for one in self.quantities.all if one.is_of_input}
        for part in parts_of_result(last):
            number = self._writer.get(part.id) if isinstance(part, ast.Name) else None
            value = self.values.get(number) if number is not None else None
            if number is None or not isinstance(value, np.ndarray) or value.shape not in shapes:
                continue
            matches = self.quantities.matches(value)
            is_its = any(
                one.quantity.is_of_input and abs(one.factor - 1) < _CLOSE for one in matches
            )
            if not is_its and matches:
                self.of[number] = max(self.of[number], 1.25)
                for by in self._cleared_by.values():
                    by.discard(number)

    def is_once(self, number: int) -> bool:
        """Whether a statement ran a single time."""
        return len(self.runs.get(number, ())) == 1

    @property
    def true(self) -> set[int]:
        """The statements that computed something true each time."""
        return {number for number, is_true in self._all_true.items() if is_true}

    @property
    def written(self) -> set[str]:
        """The names of the variables that were assigned to."""
        return set(self._writer)

    @property
    def unused(self) -> set[str]:
        """The names of the variables that were assigned to, and never read."""
        return {name for name in self._writer if name not in self._used and name.isidentifier()}

    def variable_of(self, tensor: Tensor) -> str:
        """Return the learner's variable that holds a value of the function; empty if none does."""
        return self._variables.get(tensor, "")

    def meant(self, statement: Statement) -> Quantity | None:
        """Return the gradient that the name of a variable announces, where that is known."""
        names = [_plain(name) for name in statement.names[:1]]
        tensor = self._named.get(names[0]) if names and names[0] else None
        if tensor is None:
            return None
        gradients = (one for one in self.quantities.all if one.kind == "gradient")
        return next((one for one in gradients if one.tensor is tensor), None)

    def right_match(self, statement: Statement, value: Any) -> Match | None:
        """Return what a value is, if it is a right one for a statement."""
        for match in self.quantities.matches(value):
            is_turned = match.arrangement == "transposed"
            if match.arrangement not in ("", "transposed"):
                continue
            if match.quantity.kind == "value":
                if abs(match.factor - 1) < _CLOSE and match.quantity.array.size > 2:
                    return match
            elif match.quantity.is_of_input:
                if abs(match.factor - 1) < _CLOSE and not is_turned:
                    return match
            elif match.quantity in self._claimed or is_turned != (self._turned > 0):
                continue
            elif any(abs(match.factor - c) < _CLOSE * abs(c) for c in self.scales):
                return match
        return None

    def _returned(self, statement: Statement) -> list[str]:
        """List the results of functions that were called since the statement before."""
        found = [
            name for name, of in self._results.items() if of.function is not statement.function
        ]
        for name in found:
            del self._results[name]
        return found

    def _note_unknown(self, number: int, names: list[str]) -> None:
        """Note which unknown values a statement is computed from."""
        found: dict[int, None] = {}
        for name in names:
            writer = self._writer[name]
            if self._known[name] == _UNKNOWN or np.isnan(self._known[name]):
                found |= dict.fromkeys((*self.unknown.get(writer, ()), writer))
        found.pop(number, None)
        self.unknown[number] = tuple(sorted(found, key=lambda one: self.first_run[one]))

    def _of_value(
        self, statement: Statement, event: Event, read: list[float]
    ) -> tuple[float, float]:
        """Return how suspicious a value is, and the factor of the gradient it is."""
        if statement.kind == "index":  # what is right as a factor may be wrong as an index
            return _of_kind(statement), _VALUE
        matches = self.quantities.matches(event.value)
        values = [one for one in matches if one.quantity.kind == "value"]
        values = [one for one in values if abs(one.factor - 1) < _CLOSE]
        if values:
            self._name(statement, values)
            return TRUE_VALUE, _VALUE
        from_wrong = any(factor == _UNKNOWN or _is_odd(factor) for factor in read)
        gradients = [one for one in matches if one.quantity.kind == "gradient"]
        if gradients:
            natural = [one for one in gradients if is_natural(one.factor)]
            natural.sort(key=lambda one: (one.factor not in read, one.factor < 0))
            if natural:
                self._tensor = natural[0].quantity.tensor
                self._is_negative = natural[0].factor < 0
                found = self._of_gradient(statement, natural[0], read)
                return (min(found, 0.8) if from_wrong else found), natural[0].factor
            factor = gradients[0].factor
            passed_on = any(abs(factor / c - 1) < _CLOSE for c in read if _is_odd(c))
            return (0.3 if passed_on else 2.0), factor
        return _of_no_match(statement, event.value, read, from_wrong)

    def _name(self, statement: Statement, values: Sequence[Match]) -> None:
        """Note which variable of the learner holds a value of the function."""
        for name in statement.names[:1]:
            tensor = values[-1].quantity.tensor  # the last of equal ones, as in z + 0
            self._named.setdefault(name.lower().replace("_", ""), tensor)
            for one in values if name.isidentifier() else ():
                self._variables.setdefault(one.quantity.tensor, name)

    def _of_gradient(self, statement: Statement, match: Match, read: list[float]) -> float:
        """Return how suspicious a gradient is, by its scale, its place and its name."""
        if match.quantity.is_of_input:
            if abs(match.factor - 1) < _CLOSE:
                return TRUE_GRADIENT if match.arrangement in ("", "reshaped") else 1.2
            return 2.0
        if self._is_turned_wrongly(match):
            return 1.2
        names = tuple(statement.names)
        is_copy = statement.kind == "assign" and is_reference(statement.value)
        if self._claimed.setdefault(match.quantity, names) != names or is_copy:
            return 1.25  # it passes on unchanged what is a gradient already
        return self._of_scale(match.factor, read)

    def _is_turned_wrongly(self, match: Match) -> bool:
        """Whether the elements are in another order than those of the other gradients."""
        if match.arrangement == "permuted":
            return True
        if match.quantity.array.ndim == 2 and match.arrangement in ("", "transposed"):
            is_turned = match.arrangement == "transposed"
            rows, columns = match.quantity.array.shape
            if rows == columns and is_turned != (self._turned > 0):
                return True
            self._turned += 1 if is_turned else -1
        return False

    def _of_scale(self, factor: float, read: list[float]) -> float:
        read = [one for one in read if one and np.isfinite(one)]
        scales = [one for one in read if one != 1.0] or read
        self.scales.add(factor)
        if any(abs(factor - one) < _CLOSE * abs(one) for one in scales):
            return TRUE_GRADIENT
        if any(one != 1.0 for one in scales):
            return 0.7
        return TRUE_GRADIENT if factor == 1.0 else 0.4


def _of_no_match(
    statement: Statement, value: Any, read: list[float], from_wrong: bool
) -> tuple[float, float]:
    """Return how suspicious a value is that matches nothing, and its factor."""
    if not (isinstance(value, np.ndarray) and value.size > 1):
        return _of_kind(statement), _OTHER if isinstance(value, list) else _VALUE
    if from_wrong:
        return 0.6, _UNKNOWN
    if not value.any():
        return 0.3, _VALUE  # where a sum starts
    from_values = not any(np.isfinite(factor) for factor in read)
    return (1.1, _OTHER) if from_values else (1.2, _UNKNOWN)


def _before(tensors: Sequence[Tensor | None]) -> set[Tensor]:
    """Return the tensors that tensors were computed from, a few operations back."""
    found: set[Tensor] = set()
    now = [one for one in tensors if one is not None]
    for _ in range(_MOST_BACK):
        now = [one for tensor in now if tensor.node is not None for one in tensor.node.inputs
               if isinstance(one, Tensor) and one not in found]  # fmt: skip
        found.update(now[: _MOST_BACK**2])
    return found


def _plain(name: str) -> str:
    """Return the variable whose gradient a name announces: ``z1`` for ``dZ1``, ``d_z1``."""
    name = name.rsplit("'", 2)[-2] if "'" in name else name
    name = name.lower().replace('"', "")
    for start in ("grad_", "gradient_", "delta_", "d_", "g_", "delta", "grad", "d", "g"):
        if name.startswith(start) and len(name) > len(start):
            return name[len(start) :].replace("_", "")
    return ""


def _is_odd(factor: float) -> bool:
    return bool(np.isfinite(factor)) and factor != _UNKNOWN and not is_natural(factor)


def _is_same(one: Any, other: Any) -> bool:
    if not (isinstance(one, np.ndarray) and isinstance(other, np.ndarray)):
        return False
    return one.shape == other.shape and bool(np.array_equal(one, other))


def parts_of_result(statement: Statement) -> list[ast.expr]:
    """Return the expressions of a returned tuple, list or dictionary."""
    match statement.value if statement.kind == "return" else None:
        case ast.Tuple(elts=parts) | ast.List(elts=parts) | ast.Dict(values=parts):
            return parts
    return []


def root_of(target: ast.expr) -> str:
    """Return the variable that an assignment writes into."""
    while isinstance(target, ast.Subscript | ast.Attribute | ast.Starred):
        target = target.value
    return target.id if isinstance(target, ast.Name) else ""


def is_natural(factor: float) -> bool:
    """Whether a factor is a whole number or one over one, as sizes of batches are.

    Examples
    --------
    >>> is_natural(7.0), is_natural(1 / 7), is_natural(0.3)
    (True, True, False)
    """
    if not factor:
        return False
    whole = abs(factor) if abs(factor) >= 1 else 1 / abs(factor)
    return abs(whole - round(whole)) < 1e-7


def _of_kind(statement: Statement) -> float:
    """Return how suspicious a statement is that computes no single array."""
    if statement.kind == "return":
        parts = parts_of_result(statement)
        is_list = bool(parts) and all(map(is_reference, parts))
        return 0.3 if is_list else 1.0
    return {"loop": 0.6, "test": 0.2, "index": 0.6}.get(statement.kind, 0.45)
