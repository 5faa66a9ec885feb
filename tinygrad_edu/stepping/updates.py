"""The update step of a story: what the next step of an optimizer would do, tried on copies.

An optimizer is any object with a method `step` that `copy.deepcopy` can copy. Its copy works on
copies of the parameters, which have the traced gradients; the originals do not change.
"""

from __future__ import annotations

import copy
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from ..documents import Inline, Section, code
from ..drawing.formulas import bracketed
from ..drawing.words import plural
from ..explaining.inline import gradient, values
from ..tensor import Tensor
from ..texts import clean, euclidean_norm, number_text

__all__ = [
    "ParameterUpdate",
    "check_optimizer",
    "predicted_change",
    "trial_step",
    "update_sections",
    "update_sentence",
]

_SETTINGS = ("lr", "momentum", "nesterov", "weight_decay")


@dataclass(frozen=True, slots=True, eq=False)
class ParameterUpdate:
    """One parameter before and after; `gradient` is None if none was traced."""

    name: str
    old: Any
    new: Any
    gradient: Any

    @property
    def stays(self) -> bool:
        """Whether the parameter does not change."""
        return np.array_equal(self.old, self.new, equal_nan=True)


def check_optimizer(optimizer: Any) -> None:
    """Raise a TypeError if the object has no method `step`."""
    if not callable(getattr(optimizer, "step", None)) or isinstance(optimizer, type):
        raise TypeError(
            f"optimizer needs a method step(), but {_kind(optimizer)} has none; pass for example "
            "SGD(model.parameters(), lr=0.1)"
        )


def trial_step(
    optimizer: Any, parameters: Mapping[Tensor, str], gradients: Mapping[Tensor, Any]
) -> list[ParameterUpdate]:
    """Try a step of an optimizer on copies of the parameters.

    Parameters
    ----------
    optimizer
        An object with a method `step`.
    parameters : mapping of Tensor to str
        The parameters of interest, and their names.
    gradients : mapping of Tensor to array
        Their gradients; other parameters have none in the trial.

    Raises
    ------
    TypeError
        If the optimizer cannot be copied.
    ValueError
        If its step fails on the copies, or reaches none of the parameters.
    """
    held = getattr(optimizer, "params", None)
    if isinstance(held, list | tuple) and not any(one in parameters for one in held):
        raise ValueError(
            f"optimizer: {_kind(optimizer)} has none of the parameters that the loss depends on; "
            "make it from the parameters of the same network"
        )
    twins: dict[Tensor, Tensor] = {}
    memo: dict[int, Any] = {}
    for parameter in parameters:
        twin = copy.deepcopy(parameter)
        twin._grad = np.array(gradients[parameter]) if parameter in gradients else None
        twins[parameter] = memo[id(parameter)] = twin
    try:
        double = copy.deepcopy(optimizer, memo)
    except Exception as error:
        raise TypeError(
            f"optimizer: {_kind(optimizer)} cannot be copied to try its step: "
            f"{clean(error, limit=120)}"
        ) from error
    known = {id(twin) for twin in twins.values()}
    for made in list(memo.values()):  # parameters outside the graph have no gradient
        if isinstance(made, Tensor) and id(made) not in known:
            made._grad = None
    old = {parameter: np.array(twin._data) for parameter, twin in twins.items()}
    try:
        double.step()
    except Exception as error:
        raise ValueError(
            f"optimizer: step() of {_kind(optimizer)} failed on copies of the parameters with "
            f"their traced gradients: {clean(error, limit=120)}"
        ) from error
    return [
        ParameterUpdate(
            name, old[parameter], np.array(twins[parameter]._data), gradients.get(parameter)
        )
        for parameter, name in parameters.items()
    ]


def update_sentence(optimizer: Any, updates: list[ParameterUpdate]) -> str:
    """Describe the step in one line."""
    moved = [one for one in updates if not one.stays]
    rule = _rule(optimizer, updates)
    if rule.endswith("× grad") and len(moved) == 1 and moved[0].old.size == 1:
        (one,) = moved
        old, slope, new = (
            number_text(np.reshape(x, -1)[0]) for x in (one.old, one.gradient, one.new)
        )
        product = f"{number_text(optimizer.lr)} × {bracketed(slope)}"
        return f"the optimizer updates {one.name}: {old} - {product} = {new}"
    return f"the optimizer updates {plural(len(moved), 'parameter')}: p <- p - {rule or 'step'}"


def predicted_change(optimizer: Any, updates: list[ParameterUpdate]) -> float | None:
    """Return by how much the slope alone would change the loss; None for another rule."""
    if not _rule(optimizer, updates).endswith("× grad"):
        return None
    slopes = [one.gradient for one in updates if one.gradient is not None and not one.stays]
    with np.errstate(all="ignore"):
        return -float(optimizer.lr) * sum(float(np.sum(np.square(g, dtype=float))) for g in slopes)


def update_sections(optimizer: Any, updates: list[ParameterUpdate]) -> list[Section]:
    """Show the rule, and the old and new value of each parameter."""
    settings = {name: getattr(optimizer, name, None) for name in _SETTINGS}
    shown = [
        f"{name} {number_text(value)}"
        for name, value in settings.items()
        if isinstance(value, bool | int | float) and value
    ]
    found = _rule(optimizer, updates)
    rule: list[tuple[Inline | str, ...]] = [(code(f"p <- p - {found or 'step'}"),)]
    if not found:
        rule.append(
            ("the step depends on more than this gradient; it is the old value minus the new one",)
        )
    elif getattr(optimizer, "momentum", 0):
        rule.append(("momentum has no earlier step to continue here",))
    if shown:
        rule.append((f"{type(optimizer).__name__}: ", code(clean(", ".join(shown), limit=120))))
    rule.append(("tried on copies: parameters and optimizer are unchanged",))
    sections = [Section("Rule", tuple(rule))]
    return sections + [Section(one.name, tuple(_lines(one))) for one in updates]


def _lines(one: ParameterUpdate) -> list[tuple[Inline | str, ...]]:
    if one.stays:
        reason = "no gradient arrived" if one.gradient is None else "the step is 0"
        return [(f"unchanged: {reason}, or the optimizer does not have it",)]
    lines: list[tuple[Inline | str, ...]] = [("old   ", values(one.old))]
    if one.gradient is not None:
        lines.append(("grad  ", gradient(one.gradient)))
    lines.append(("new   ", values(one.new)))
    if " · " in lines[0][1].text:  # type: ignore[union-attr]
        with np.errstate(all="ignore"):
            change = one.old.astype(np.float64) - one.new
        norms = [number_text(euclidean_norm(array)) for array in (one.old, one.new, change)]
        lines.append(("norm  ", code(f"{norms[0]} -> {norms[1]}, of the step {norms[2]}")))
    return lines


def _rule(optimizer: Any, updates: list[ParameterUpdate]) -> str:
    """Return what is subtracted, if a simple rule explains all new values; else "".

    It is the learning rate times the gradient, or times the gradient plus weight decay.
    """
    rate, decay = getattr(optimizer, "lr", None), getattr(optimizer, "weight_decay", 0)
    if not all(type(number) in (int, float) for number in (rate, decay)):
        return ""
    if all(_explains(one, rate, 0) for one in updates):
        return f"{number_text(rate)} × grad"
    if decay and all(_explains(one, rate, decay) for one in updates):
        return f"{number_text(rate)} × (grad + {number_text(decay)} × p)"
    return ""


def _explains(one: ParameterUpdate, rate: Any, decay: Any) -> bool:
    if one.stays or one.gradient is None:
        return one.stays
    with np.errstate(all="ignore"):
        old = one.old.astype(np.float64)
        change = rate * (np.asarray(one.gradient, np.float64) + decay * old)
        room = 8 * float(np.finfo(one.old.dtype).eps) * (np.abs(old).max() + np.abs(change).max())
        return np.allclose(one.new, old - change, rtol=0, atol=room, equal_nan=True)


def _kind(value: Any) -> str:
    return f"the class {value.__name__}" if isinstance(value, type) else f"a {type(value).__name__}"
