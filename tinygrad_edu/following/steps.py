"""What the variables of hand-written code are: values, gradients, or what is wrong.

Each statement is described from one run, by what its value is matched with.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

from ..tensor import Tensor
from .instrumenting import Statement
from .quantities import Match
from .suspecting import Suspicion, is_natural

__all__ = ["VALUE", "Step", "gradient_in", "gradient_of", "right_lines", "steps_of"]

Written: TypeAlias = Callable[[Tensor], str]

VALUE = "a value of f"
_CLOSE = 1e-8


@dataclass(frozen=True, slots=True)
class Step:
    """What a line of hand-written code computes.

    Attributes
    ----------
    line : int
    variable : str
        What the line assigns to.
    what : str
        Such as ``"∂J/∂Z1"``, ``"∂J/∂Z1 · 7"`` or ``"a value of f"``; empty if it is not known.
    is_right : bool or None
        None if it is not known: the function computes it in another way.
    """

    line: int
    variable: str
    what: str
    is_right: bool | None


def gradient_of(match: Match, written: Written) -> str:
    """Write a gradient with its factor, in the variables of the learner.

    Parameters
    ----------
    match : Match
    written : callable
        Writes the gradient of a tensor.
    """
    tensor = match.quantity.tensor
    text = written(tensor) if tensor is not None else "the gradient of a value of f"
    if match.arrangement == "transposed":
        text = f"{text}, transposed"
    return text + _times(match.factor)


def _times(factor: float) -> str:
    """Write a factor."""
    if abs(factor - 1) < _CLOSE:
        return ""
    if abs(factor) < 1 and is_natural(factor):
        return f" / {round(1 / factor)}"
    return f" · {factor:.4g}"


def steps_of(
    statements: Sequence[Statement],
    seen: Suspicion,
    written: Written,
    wrong: Mapping[int, str],
) -> list[Step]:
    """Describe what each line assigns, in the order in which they ran first.

    Parameters
    ----------
    statements : sequence of Statement
    seen : Suspicion
        What they compute.
    written : callable
        Writes the gradient of a tensor.
    wrong : mapping of int to str
        The statements that are wrong, and what each should compute; empty where it is not known.
    """
    found: dict[tuple[int, str], Step] = {}
    for number in sorted(seen.first_run, key=lambda one: seen.first_run[one]):
        statement = statements[number]
        if statement.kind not in ("assign", "augment") or len(statement.targets) != 1:
            continue
        variable = statement.names[0]
        what, is_right = _described(seen, number, written)
        if number in wrong:
            should = wrong[number]
            what, is_right = (f"should be {should}" if should else "wrong"), False
        found[statement.line, variable] = Step(statement.line, variable, what, is_right)
    return list(found.values())


def _described(seen: Suspicion, number: int, written: Written) -> tuple[str, bool | None]:
    runs = seen.runs.get(number, [])
    if len(runs) < 2:
        what = _text(seen.values.get(number), seen, written)
        return what, True if what and number in seen.true else None
    texts = [_text(value, seen, written) for value in runs]
    known = [place for place, text in enumerate(texts, 1) if text]
    if not known:
        return "", None
    what = texts[known[0] - 1]
    if what == VALUE:
        return what, True if len(known) == len(runs) else None
    if len(known) == len(runs):
        return f"{what}, each time", True if number in seen.true else None
    return f"{what}, in {_passes(known)} of {len(runs)}", None


def _match(value: Any, seen: Suspicion) -> Match | None:
    """Return what a value is; of gradients one that is not negative, and in a natural scale."""
    matches = seen.quantities.matches(value)
    for one in matches:
        if one.quantity.kind == "value" and abs(one.factor - 1) < _CLOSE:
            return one
    gradients = [one for one in matches if one.quantity.kind == "gradient"]
    natural = [one for one in gradients if is_natural(one.factor) and one.factor > 0]
    return next(iter(natural or gradients), None)


def _text(value: Any, seen: Suspicion, written: Written) -> str:
    """Write what a value is; empty if that is not known."""
    match = _match(value, seen)
    if match is None:
        return ""
    return VALUE if match.quantity.kind == "value" else gradient_of(match, written)


def _passes(numbers: Sequence[int]) -> str:
    """Name passes of a loop.

    Examples
    --------
    >>> _passes([1]), _passes([1, 2, 3]), _passes([1, 3])
    ('pass 1', 'passes 1 to 3', 'passes 1, 3')
    """
    first, last = numbers[0], numbers[-1]
    if len(numbers) == 1:
        return f"pass {first}"
    if len(numbers) == last - first + 1:
        return f"passes {first} to {last}"
    return f"passes {', '.join(map(str, numbers))}"


def right_lines(
    statement: Statement, statements: Sequence[Statement], seen: Suspicion
) -> list[int]:
    """List the lines before a statement, in its function, that compute a gradient."""
    here = seen.first_run.get(statement.number, 0)
    found: dict[int, None] = {}
    for number in seen.true:
        one, match = statements[number], _match(seen.values.get(number), seen)
        is_before = one.function is statement.function and seen.first_run[number] < here
        is_gradient = match is not None and match.quantity.kind == "gradient"
        if is_before and is_gradient and one.kind in ("assign", "augment"):
            found[one.line] = None
    return sorted(found)


def gradient_in(value: Any, seen: Suspicion) -> Match | None:
    """Return which gradient a value is, in a natural scale; None if that is not known."""
    found = [one for one in seen.quantities.matches(value)
             if one.quantity.kind == "gradient" and one.arrangement in ("", "transposed")
             and is_natural(one.factor)]  # fmt: skip
    return min(found, key=lambda one: one.factor < 0) if found else None
