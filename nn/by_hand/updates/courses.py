"""Computes the courses of update rules, and compares them: what all arrays are after each step.

The rules are those of the textbook, also with slips. What a difference means is decided elsewhere.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from .calls import Course, Task
from .slips import Equations, Slip, step_of

__all__ = [
    "Loop",
    "computed",
    "holds",
    "is_equal",
    "is_same_course",
    "scale_of",
    "state_meant",
    "unchanged",
]

Array: TypeAlias = NDArray[Any]

_BELIEVED = 1e-9
_ROUND_OFF = 64  # units in the last place of the largest element


def is_equal(yours: Array, right: Array, scale: float) -> bool:
    """Whether two arrays agree up to round-off; NaN agrees with NaN, and infinities by sign.

    Parameters
    ----------
    yours, right : ndarray
    scale : float
        1e-9 of it is the largest difference.
    """
    with np.errstate(all="ignore"):
        finite = np.isfinite(right)
        if not np.array_equal(finite, np.isfinite(yours)):
            return False
        if not np.array_equal(yours[~finite], right[~finite], equal_nan=True):
            return False
        single = yours.dtype.kind == "f" and yours.dtype.itemsize < 8
        unit = float(np.finfo(yours.dtype if single else np.float64).eps)
        largest = float(np.abs(right[finite]).max(initial=0.0))
        difference = np.abs(yours[finite].astype(np.float64) - right[finite]).max(initial=0.0)
    return bool(difference <= max(_BELIEVED * scale, _ROUND_OFF * unit * largest))


def scale_of(right: Array, start: Array) -> float:
    """Return how far a parameter has moved."""
    with np.errstate(all="ignore"):
        moved = np.abs(right - start)
    return float(moved[np.isfinite(moved)].max(initial=0.0))


def is_same_course(
    yours: Course, right: Iterator[dict[tuple[str, str], Array]], task: Task
) -> bool:
    """Whether the parameters are the same after every step.

    Parameters
    ----------
    yours, right : iterable of dict
        Arrays by variable and parameter, after each step.
    task : Task
    """
    for mine, step in zip(yours, right, strict=True):
        for name, start in task.params.items():
            one = step["w", name]
            if not is_equal(mine["w", name], one, scale_of(one, start)):
                return False
    return True


@dataclass(frozen=True, slots=True)
class Loop:
    """How a loop goes through the parameters, if that is not one parameter after the other.

    Attributes
    ----------
    shared : tuple of str
        The variables that go on from one parameter to the next: of the state, or ``"t"``.
    reduced : str
        ``"sum"`` or ``"mean"`` if a single number is made of each gradient.
    order : tuple of str
        The parameters in the order of the loop; empty for that of the task.
    gradient_of : mapping of str to str
        The parameters that get the gradient of another one.
    stores : bool
        Whether new parameters are stored; else each step begins with the same.
    """

    shared: tuple[str, ...] = ()
    reduced: str = ""
    order: tuple[str, ...] = ()
    gradient_of: Mapping[str, str] = field(default_factory=dict, hash=False)
    stores: bool = True

    def gradient(self, name: str, gradients: Mapping[str, Array]) -> Any:
        """Return what a parameter gets as its gradient."""
        gradient = gradients[self.gradient_of.get(name, name)]
        return getattr(gradient, self.reduced)() if self.reduced else gradient


def computed(
    rule: str,
    task: Task,
    slips: Sequence[Slip] = (),
    decays_biases: bool = False,
    loop: Loop | None = None,
) -> Iterator[dict[tuple[str, str], Array]]:
    """Compute a rule with slips, step by step; also the values on the way, and t.

    Parameters
    ----------
    rule : str
    task : Task
    slips : sequence of Slip
    decays_biases : bool
        Whether weight decay also applies to biases.
    loop : Loop, optional
        How it goes through the parameters.
    """
    loop = loop or Loop()
    equations = _equations(rule, slips, loop)
    names = loop.order or tuple(task.params)
    state = {name: _first_state(name, task) for name in names}
    shared: dict[str, Any] = {one: 0.0 for one in loop.shared if one != "t"}
    decay, count = task.settings.get("weight_decay", 0.0), 0
    for t, gradients in enumerate(task.gradients, 1):
        step: dict[tuple[str, str], Any] = {}
        for name in names:
            count += 1
            before = {**state[name], **shared, "t": count if "t" in loop.shared else t}
            is_decayed = decays_biases or not task.is_bias[name]
            values = {**task.settings, **before, "decay_all": decay}
            values["g"] = loop.gradient(name, gradients)
            values["weight_decay"] = decay if is_decayed else 0.0
            after = step_of(equations, values)
            kept = after if loop.stores else {**after, "w": task.params[name]}
            state[name] = _chosen(kept, state[name])
            shared = _chosen(after, shared)
            step |= {(one, name): after[one] for one in (*before, *dict(equations))}
        yield step


def _equations(rule: str, slips: Sequence[Slip], loop: Loop) -> Equations:
    changes = {name: text for slip in slips for name, text in slip.changes.items()}
    found = Slip("", "", changes).equations(rule)
    if loop.reduced:  # adding a decay of 0 would make an array of the number
        return tuple((name, text) for name, text in found if name != "g")
    return found


def _first_state(name: str, task: Task) -> dict[str, Any]:
    start = task.params[name]
    return {"w": start, **{one: np.zeros_like(start) for one in task.state}}


def _chosen(values: Mapping[str, Any], names: Iterable[str]) -> dict[str, Any]:
    return {name: values[name] for name in names}


def holds(
    key: tuple[str, str],
    values: Sequence[Any],
    right: Course,
    task: Task,
    factor: float = 1.0,
) -> bool:
    """Whether a variable is that of the textbook after every step, times a factor.

    Parameters
    ----------
    key : (str, str)
        The variable and the parameter that it belongs to.
    values : sequence
        After each step.
    right : Course
    task : Task
    factor : float
    """
    for yours, step in zip(values, right, strict=True):
        textbook = step[key]
        if yours is None or yours.dtype.kind not in "fi":
            return False
        start = task.params[key[1]] if key[0] == "w" else np.zeros_like(textbook)
        if not is_equal(yours, factor * textbook, abs(factor) * scale_of(textbook, start)):
            return False
    return True


def state_meant(variable: str, course: Course, right: Course, task: Task) -> tuple[str, float]:
    """Return which state of the textbook a state is, and times what; empty if not even at first.

    A velocity may contain the learning rate. What is right for the most steps decides.

    Parameters
    ----------
    variable : str
    course, right : Course
        Of the learner, and of the textbook.
    task : Task
    """
    best, longest = ("", 1.0), 0
    for kind in task.state:
        for factor in (1.0, -task.settings["lr"], task.settings["lr"]):
            count = 0
            for mine, step in zip(course, right, strict=True):
                pairs = [(mine.get((variable, name)), factor * step[kind, name])
                         for name in task.params]  # fmt: skip
                if not all(one is not None and is_equal(one, two, float(np.abs(two).max()))
                           for one, two in pairs):  # fmt: skip
                    break
                count += 1
            if count > longest:
                best, longest = (kind, factor), count
    return best


def unchanged(course: Course, task: Task) -> list[str]:
    """List the parameters that are the same after all steps as at first, bit for bit."""
    return [name for name, start in task.params.items()
            if all(np.array_equal(step["w", name], start) for step in course)]  # fmt: skip
