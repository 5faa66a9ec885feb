"""Calls an update step written by hand, several times, in the form in which it is written.

What it returns, or changes in place, becomes arrays by name. Whether they are right is decided
elsewhere.
"""

from __future__ import annotations

import contextlib
import copy
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple, TypeAlias

import numpy as np
from numpy.typing import NDArray

from .signature import TIMES, Argument, Signature, cells_of, function_of, globals_of

__all__ = ["Course", "Form", "Task", "forms_of", "run"]

Array: TypeAlias = NDArray[Any]
Course: TypeAlias = list[dict[tuple[str, str], Array]]
"""For each step, arrays by (variable, parameter): ``("w", "W1")``, or ``("v", "W1")``."""


@dataclass(frozen=True, slots=True)
class Task:
    """What a step is called with.

    Attributes
    ----------
    params : dict of str to ndarray
    gradients : list of dict of str to ndarray
        For each step, by parameter.
    settings : dict of str to float
    state : tuple of str
        The names of the arrays that the rule keeps.
    is_bias : dict of str to bool
    """

    params: dict[str, Array]
    gradients: list[dict[str, Array]]
    settings: dict[str, float]
    state: tuple[str, ...]
    is_bias: dict[str, bool]


class Form(NamedTuple):
    """A way to call a step.

    Attributes
    ----------
    layout : str
        ``"array"``, one parameter at a time; ``"dictionary"``; ``"prefixed"``, where the keys of
        gradients begin with d; or ``"list"``.
    start : str
        What a dictionary for the state contains at first: ``"empty"``, ``"filled"``, ``"by name"``;
        or ``"plain"``, if it is an array, or a tuple of arrays.
    first : int
        The number of the first step.
    returns_state : bool
        Whether it changes the parameter in place, and returns the state alone.
    """

    layout: str
    start: str
    first: int
    returns_state: bool = False


def forms_of(signature: Signature) -> Iterator[Form]:
    """Yield the forms in which a step may be written, the likeliest first."""
    layouts = ["array", "dictionary", "prefixed", "list"]
    if signature.is_of_many:
        layouts = ["dictionary", "prefixed", "list", "array"]
    has_dictionary = bool(signature.of("dictionary"))
    for layout in layouts:
        for start in ("empty", "filled", "by name", "plain") if has_dictionary else ("",):
            # A caller counts from 1; a state counts the steps that were made.
            firsts = [1, 0] if signature.of("t") else [0, 1]
            firsts = firsts if signature.of("t") or start not in ("", "empty") else [0]
            yield from (Form(layout, start, first) for first in firsts)
    if signature.of("state"):
        yield from (Form(layout, "empty", 1, True) for layout in layouts)


def run(step: Callable[..., Any], signature: Signature, form: Form, task: Task) -> Course:
    """Make all steps, and return what the parameters and the state are after each.

    Parameters
    ----------
    step : callable
    signature : Signature
    form : Form
    task : Task

    Raises
    ------
    ValueError
        If what the step returns cannot be understood. Whatever it raises itself is passed on.
    """
    course: Course = [{} for _ in task.gradients]
    if form.layout == "array":
        for name in task.params:
            _run(step, signature, form, task, [name], course)
    else:
        _run(step, signature, form, task, list(task.params), course)
    return course


def _run(
    step: Callable[..., Any],
    signature: Signature,
    form: Form,
    task: Task,
    names: Sequence[str],
    course: Course,
) -> None:
    values: Any = _packed(form, names, {name: task.params[name].copy() for name in names})
    state = [_first_state(one, form, task, names) for one in _kept(signature)]
    with own_memory(step) as mine, np.errstate(all="ignore"):
        for number, gradients in enumerate(task.gradients):
            chosen = {name: gradients[name].copy() for name in names}
            given = _packed(form, names, chosen, is_gradient=True)
            positional, named = [], {}
            kept = iter(state)
            for one in signature.arguments:
                value: Any = {"w": values, "g": given}.get(one.role)
                if one.role in ("state", "dictionary", "t"):
                    value = next(kept)
                elif value is None:
                    value = _setting(one, task, form, names)
                if one.is_keyword:
                    named[one.name] = value
                else:
                    positional.append(value)
            returned = mine(*positional, **named)
            values, state = _understood(returned, values, state, signature, form)
            _note(course[number], values, state, signature, form, task, names)
            state = [_next(one, now, number, form) for one, now in
                     zip(_kept(signature), state, strict=True)]  # fmt: skip


def _kept(signature: Signature) -> list[Argument]:
    return signature.of("state", "dictionary", "t")


def _setting(one: Argument, task: Task, form: Form, names: Sequence[str]) -> Any:
    if one.role == "betas":
        return task.settings["beta1"], task.settings["beta2"]
    # A step that sees one array cannot know whether it is a bias: its caller does.
    if one.role == "weight_decay" and form.layout == "array" and task.is_bias[names[0]]:
        return 0.0
    return task.settings[one.role]


def _packed(
    form: Form, names: Sequence[str], arrays: Mapping[str, Any], is_gradient: bool = False
) -> Any:
    if form.layout == "array":
        return arrays[names[0]]
    if form.layout == "list":
        return [arrays[name] for name in names]
    prefix = "d" if is_gradient and form.layout == "prefixed" else ""
    return {f"{prefix}{name}": arrays[name] for name in names}


def _first_state(one: Argument, form: Form, task: Task, names: Sequence[str]) -> Any:
    def zeros() -> Any:
        arrays = {name: np.zeros_like(task.params[name]) for name in names}
        return _packed(form, names, arrays, is_gradient=True)

    if one.role == "t":
        return form.first
    if one.role == "state":
        return zeros()
    settings: dict[str, Any] = {}
    if one.name.lower() in ("config", "cfg"):
        given = task.settings
        settings = {**given, "learning_rate": given["lr"]}
        for long, short in (("epsilon", "eps"), ("decay_rate", "beta2"), ("rho", "beta2")):
            if short in given:
                settings[long] = given[short]
    if form.start == "empty":
        return settings
    if form.start == "plain":
        arrays = tuple(zeros() for _ in task.state)
        return arrays[0] if len(arrays) == 1 else (*arrays, form.first)
    if form.start == "by name":
        each = {
            name: {kind: np.zeros_like(task.params[name]) for kind in task.state} for name in names
        }
        for entry in each.values():
            entry["t"] = form.first  # type: ignore[assignment]
        return {**settings, **each}
    filled = {**settings, **{kind: zeros() for kind in task.state}, "t": form.first}
    return _Filled(filled, zeros(), form.first)


class _Filled(dict[Any, Any]):
    """A state in which every variable starts at 0, whatever it is called."""

    def __init__(self, entries: Mapping[Any, Any], zeros: Any, first: int) -> None:
        super().__init__(entries)
        self.zeros, self.first = zeros, first

    def __missing__(self, key: Any) -> Any:
        self[key] = self.first if str(key).lower() in TIMES else copy.deepcopy(self._of(str(key)))
        return self[key]

    def _of(self, key: str) -> Any:
        """Return zeros for one parameter, if a key such as ``v_W1`` contains its name."""
        names = self.zeros if isinstance(self.zeros, dict) else ()
        found = [name for name in names if key.endswith(name)]
        return self.zeros[max(found, key=len)] if found else self.zeros


def _next(one: Argument, now: Any, number: int, form: Form) -> Any:
    """Return what to pass for a state in the next step."""
    return form.first + number + 1 if one.role == "t" else now


def _understood(
    returned: Any, values: Any, state: list[Any], signature: Signature, form: Form
) -> tuple[Any, list[Any]]:
    """Sort what a step returned into parameters and state; the rest was changed in place."""
    if returned is None:
        return values, state
    if form.returns_state:
        returned = (values, *(returned if isinstance(returned, tuple) else (returned,)))
    if not isinstance(returned, tuple) and not (
        isinstance(returned, list) and form.layout == "array"
    ):
        return _fitting(returned, values), state
    first, *others = returned
    is_together = not signature.of("dictionary") and form.layout != "list"
    if len(others) == 1 and isinstance(others[0], tuple | list) and is_together:
        others = list(others[0])
    kept = _kept(signature)
    places = [place for place, one in enumerate(kept) if one.role != "t"]
    if len(others) > len(places):
        places = list(range(len(kept)))
    if len(others) > len(places):
        # State of its own that it does not take: shown nowhere, because the next step ignores it.
        others = others[: len(places)]
    after = list(state)
    for place, value in zip(places, others, strict=False):
        after[place] = value
    return _fitting(first, values), after


def _fitting(value: Any, like: Any) -> Any:
    """Check that new parameters have the form and the shapes of the old ones."""
    if isinstance(like, dict):
        if not isinstance(value, dict) or not like.keys() <= value.keys():
            raise ValueError(
                f"step must return the parameters as a dictionary with {', '.join(like)}, got "
                f"{_described(value)}"
            )
        return {name: _fitting(value[name], like[name]) for name in like}
    if isinstance(like, list):
        if not isinstance(value, list | tuple) or len(value) != len(like):
            raise ValueError(
                f"step must return a list of {len(like)} parameters, got {_described(value)}"
            )
        return [_fitting(one, before) for one, before in zip(value, like, strict=True)]
    try:
        array = np.asarray(value)
    except ValueError:
        array = np.zeros(0, object)
    if array.dtype.kind not in "fiu" or array.shape != like.shape:
        raise ValueError(
            f"step must return the new parameter as an array of shape {like.shape}, got "
            f"{_described(value)}"
        )
    return array


def _described(value: Any) -> str:
    if isinstance(value, np.ndarray):
        return f"shape {value.shape}"
    if isinstance(value, dict):
        return f"a dictionary with {', '.join(map(str, value)) or 'nothing'}"
    return f"a {type(value).__name__}"


def _note(
    into: dict[tuple[str, str], Array],
    values: Any,
    state: Sequence[Any],
    signature: Signature,
    form: Form,
    task: Task,
    names: Sequence[str],
) -> None:
    """Note copies of all arrays by name."""
    entries: list[tuple[str, Any]] = [("w", _fitting(values, values))]
    for one, value in zip(_kept(signature), state, strict=True):
        if one.role == "state" or isinstance(value, np.ndarray):
            entries.append((one.name, value))
        elif isinstance(value, dict):
            entries += _leaves(value, names, form)
    for variable, value in entries:
        for place, name in enumerate(names):
            array = _part(value, name, place, form)
            shape = task.params[name].shape
            if array is not None and np.shape(array) == shape:
                into[variable, name] = np.array(array, dtype=None)


def _leaves(
    state: Mapping[Any, Any], names: Sequence[str], form: Form
) -> Iterator[tuple[str, Any]]:
    """Yield the variables of a dictionary: by kind and then by parameter, or the reverse."""
    for key, value in state.items():
        if isinstance(value, dict) and key in names:
            for kind, array in value.items():
                yield str(kind), {key: array}
        elif isinstance(value, dict | list | np.ndarray):
            kind, holder = str(key), value
            for name in names if form.layout != "array" else ():
                if isinstance(value, np.ndarray) and str(key).endswith(name) and key != name:
                    kind, holder = str(key)[: -len(name)].rstrip("_. "), {name: value}
            yield kind or "state", holder


def _part(value: Any, name: str, place: int, form: Form) -> Any:
    """Return the array of one parameter."""
    if isinstance(value, dict):
        return value.get(name, value.get(f"d{name}"))
    if isinstance(value, list | tuple):
        return value[place] if form.layout == "list" and place < len(value) else None
    return value if form.layout == "array" else None


# What a step remembers by itself ----------------------------------------------------------------

_REMEMBERED = (dict, list, np.ndarray, int, float, type(None))


@contextlib.contextmanager
def own_memory(step: Callable[..., Any]) -> Iterator[Callable[..., Any]]:
    """Provide a step that starts as if it had never been called; restore everything at the end.

    A step may remember its velocity in its object, in an enclosing function, in a global variable,
    or in an attribute of the function.

    Examples
    --------
    >>> def make():
    ...     seen = []
    ...     return lambda w, g: seen.append(g) or len(seen)
    >>> step = make()
    >>> for _ in range(2):
    ...     with own_memory(step) as fresh:
    ...         fresh(0, 0)
    1
    1
    """
    function = function_of(step)
    owner = getattr(step, "__self__", None)
    fresh = step
    if owner is not None and function is not None:
        fresh = function.__get__(copy.deepcopy(owner))
    elif function is not None and function is not step:
        fresh = copy.deepcopy(step)
    cells = [] if function is None else [
        (cell, cell.cell_contents) for _, cell in cells_of(function)
        if isinstance(cell.cell_contents, _REMEMBERED)
    ]  # fmt: skip
    variables = {} if function is None else function.__globals__
    used = [] if function is None else [
        (name, value) for name, value in globals_of(function).items()
        if isinstance(value, _REMEMBERED)
    ]  # fmt: skip
    attributes = {} if function is None else dict(function.__dict__)
    try:
        for cell, value in cells:
            cell.cell_contents = copy.deepcopy(value)
        for name, value in used:
            variables[name] = copy.deepcopy(value)
        if function is not None:
            function.__dict__.update(copy.deepcopy(attributes))
        yield fresh
    finally:
        for cell, value in cells:
            cell.cell_contents = value
        for name, value in used:
            variables[name] = value
        if function is not None:
            function.__dict__.clear()
            function.__dict__.update(attributes)
