"""Compares an update rule written by hand with that of the textbook.

Several steps are made with drawn gradients. What differs is explained in `diagnosis`, and
shown in `report`.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import ArrayLike, NDArray

from tinygrad_edu.diagnosing.results import Diagnosis
from tinygrad_edu.probing import draw_apart, own_generator

from ...checks import check_count, check_number, check_seed
from . import rules
from .calls import Course, Form, Task, forms_of, run
from .courses import computed, is_equal, is_same_course, scale_of, state_meant, unchanged
from .diagnosis import diagnosed
from .report import UpdateCheck, UpdateRow
from .signature import Signature, aliases_of, numbers_in, read_signature
from .slips import conventions_of

__all__ = ["check_update"]

Array: TypeAlias = NDArray[Any]


def _facts(
    function: Callable[..., Any],
) -> tuple[Callable[..., Any], tuple[str, ...], tuple[str, ...]]:
    """Return the function of a rule, its settings, and what it keeps between steps."""
    parameters = inspect.signature(function).parameters.values()
    settings = tuple(one.name for one in parameters if one.kind is one.KEYWORD_ONLY)
    given = ("w", "g", "t", *settings)
    return function, settings, tuple(one.name for one in parameters if one.name not in given)


_FUNCTIONS: dict[str, Callable[..., Any]] = {
    "sgd": rules.sgd,
    "momentum": rules.momentum_step,
    "classic_momentum": rules.classic_momentum,
    "nesterov": rules.nesterov,
    "adagrad": rules.adagrad,
    "rmsprop": rules.rmsprop,
    "adam": rules.adam,
    "adamw": rules.adamw,
}
_RULES = {name: _facts(function) for name, function in _FUNCTIONS.items()}


def _counts(rule: str) -> bool:
    """Whether a rule needs the number of the step."""
    return "t" in inspect.signature(_RULES[rule][0]).parameters


# Odd numbers, so that no two mistakes produce the same result; passed where a step takes a setting.
_PASSED = {
    "lr": 0.0371, "momentum": 0.83, "beta1": 0.87, "beta2": 0.962, "eps": 1e-6,
    "weight_decay": 0.0213,
}  # fmt: skip
# What people write into their code; there is no usual learning rate.
_USUAL = {"momentum": 0.9, "beta1": 0.9, "beta2": 0.999, "eps": 1e-8, "weight_decay": 0.0}
_STEPS = 1000  # at most


def check_update(
    step: Callable[..., Any],
    rule: str,
    *,
    params: Mapping[str, ArrayLike] | ArrayLike | None = None,
    steps: int = 4,
    seed: int = 0,
    decay_biases: bool = False,
    **settings: float,
) -> UpdateCheck:
    """Check an update rule that you have written by hand.

    Parameters
    ----------
    step : callable
        Your update, in one of these forms, recognized by the names of its parameters:

        * ``step(w, g)``, ``step(w, g, v)``, ``step(w, g, m, v, t)``: one parameter, its gradient,
          what the rule keeps (zeros at first), and the number of the step, from 1;
        * ``step(params, grads)``, ``step(params, grads, state)``: dictionaries of all parameters,
          with keys such as ``W1`` and ``b1`` (or ``dW1`` for gradients), or lists; the state is
          a dictionary that is empty at first.

        It returns the new parameter, or ``(parameter, state...)``, or changes its arguments in
        place. It may keep its state itself: in an object, a closure or a global variable.
        Parameters called ``lr``, ``beta1`` and so on get the settings.
    rule : str
        ``"sgd"``, ``"momentum"``, ``"classic_momentum"``, ``"nesterov"``, ``"adagrad"``,
        ``"rmsprop"``, ``"adam"`` or ``"adamw"``; the equations are in `nn.by_hand.updates.rules`.
    params : mapping of str to array_like, or array_like, optional
        Where to start; by default ``W1`` of shape (3, 4) and ``b1`` of shape (4,).
    steps : int
        How many steps are made, at least 2.
    seed : int
        Seed of the gradients. They are drawn from a separate stream.
    decay_biases : bool
        Whether weight decay also applies to biases, as in PyTorch. A bias has one axis, or a name
        that begins with b.
    **settings : float
        ``lr``, ``momentum``, ``beta1``, ``beta2``, ``eps`` and ``weight_decay``, as far as the
        rule has them. What is left out is read from `step`: its default values, and variables of
        these names. Pass numbers that are written into its code.

    Returns
    -------
    UpdateCheck
        Print it. It says which step differs first, and what that looks like, if a known slip or a
        corrected line explains it.

    Raises
    ------
    TypeError, ValueError
        For an unknown rule or setting, and a step that cannot be called; see the message.

    Notes
    -----
    A parameter agrees if no element differs by more than 1e-9 of the largest change, or by
    round-off. The state alone does not decide: a velocity may contain the learning rate.

    Examples
    --------
    >>> def step(w, g, v, lr=0.1, mu=0.9):
    ...     v = mu * v - g
    ...     return w - lr * v, v
    >>> check = check_update(step, "momentum")
    >>> check.agree
    False
    >>> check.first
    'step 1 differs first: W1, b1, v of W1, v of b1'
    """
    if rule not in _RULES:
        raise ValueError(f"rule must be one of {', '.join(_RULES)}, got {rule!r}")
    _, names, state = _RULES[rule]
    _check(steps, seed, settings, names, rule)
    signature = read_signature(step, names)
    settings, said = _settings(step, rule, signature, settings)
    start, biases = _parameters(params)
    gradients = _gradients(start, steps, seed, settings.get("eps", 1.0) if "eps" in names else 1.0)
    is_bias = {name: name in biases and not decay_biases for name in start}
    task = Task(start, gradients, settings, state, is_bias)
    right = _textbook(rule, task)
    form, course, note = _tried(step, signature, rule, task, right)
    agree = note is not None
    diagnoses: list[Diagnosis] = []
    if not agree:
        diagnoses, task = _diagnosed(step, signature, form, course, rule, task)
    rows = _rows(course, _textbook(rule, task), task, agree)
    notes = [*said, *_on_the_form(signature, form, rule), *filter(None, [note])]
    first = _first(rows, advises=not diagnoses)
    return UpdateCheck(rule, tuple(rows), agree, first, tuple(diagnoses), tuple(notes))


def _check(
    steps: int, seed: int, settings: Mapping[str, Any], names: Sequence[str], rule: str
) -> None:
    check_count("steps", steps)
    if not 2 <= steps <= _STEPS:
        raise ValueError(f"steps must be 2 to {_STEPS}, got {steps}: the first shows no momentum")
    if check_seed(seed) is None:
        raise TypeError("seed must be an int, got None")
    for name, value in settings.items():
        if name not in names:
            raise TypeError(f"{rule} has no setting {name!r}; it has {', '.join(names)}")
        limits: dict[str, float] = {"above": 0.0} if name == "lr" else {"least": 0.0}
        if name in ("momentum", "beta1", "beta2"):
            limits["below"] = 1.0
        check_number(name, value, **limits)


def _settings(
    step: Callable[..., Any], rule: str, signature: Signature, given: Mapping[str, float]
) -> tuple[dict[str, float], list[str]]:
    """Find a value for every setting of a rule, and say where it comes from."""
    names = _RULES[rule][1]
    defaults = {one.role: one.default for one in signature.arguments if one.default is not None}
    if "betas" in defaults:
        defaults["beta1"], defaults["beta2"] = defaults["betas"]
    taken = {one.role for one in signature.arguments}
    taken |= {"beta1", "beta2"} if "betas" in taken else set()
    if any(one.name.lower() in ("config", "cfg") for one in signature.of("dictionary")):
        taken |= set(names) - {"weight_decay"}
    outside = numbers_in(step, aliases_of(names))
    usual = {**_USUAL, "beta2": 0.9} if rule == "rmsprop" else _USUAL
    usual = {**usual, "weight_decay": 0.01} if rule == "adamw" else usual
    found: dict[str, float] = {}
    sources: dict[str, list[str]] = {}
    for name in names:
        for source, values in (("given", given), ("of your step", defaults),
                               ("chosen", {one: _PASSED[one] for one in taken & _PASSED.keys()}),
                               ("of your step", outside), ("assumed", usual)):  # fmt: skip
            if name in values:
                found[name] = float(values[name])
                if found[name] or name != "weight_decay":
                    sources.setdefault(source, []).append(f"{name} = {found[name]:.10g}")
                break
        else:
            raise ValueError(
                f"{name} is not known: {signature.text} does not take it; pass the number that it "
                f"uses, check_update(step, {rule!r}, {name}=0.1)"
            )
    return found, [f"settings {source}: {', '.join(texts)}" for source, texts in sources.items()]


def _parameters(params: Any) -> tuple[dict[str, Array], set[str]]:
    """Return the parameters to start from, and which of them are biases."""
    if params is None:
        generator = own_generator(0, [np.zeros(4)])
        start = {name: draw_apart(generator, shape, []) for name, shape in
                 (("W1", (3, 4)), ("b1", (4,)))}  # fmt: skip
        return start, {"b1"}
    is_mapping = isinstance(params, Mapping)
    given = dict(params) if is_mapping else {"w": params}
    if not given:
        raise ValueError("params is empty; expected at least one parameter by name")
    start = {}
    for name, value in given.items():
        array = np.asarray(value)
        if array.dtype.kind not in "fiu" or not array.size or not np.isfinite(array).all():
            raise ValueError(f"params[{name!r}] must contain finite numbers, got {value!r:.60}")
        start[str(name)] = array.astype(np.float64)
    biases = {name for name, array in start.items() if array.ndim <= 1 or name[:1] in "bB"}
    return start, biases if is_mapping else set()


def _gradients(
    start: Mapping[str, Array], steps: int, seed: int, eps: float
) -> list[dict[str, Array]]:
    """Draw the gradients; some are as small as eps, so that its place matters."""
    generator = own_generator(seed, list(start.values()))
    sizes = [1.0, min(1.0, 20 * eps) or 1.0, 0.1 if eps < 1.0 else 1.0, 1.0]
    return [
        {
            name: draw_apart(generator, array.shape, list(start.values()))
            * np.resize(sizes, array.shape)
            for name, array in start.items()
        }
        for _ in range(steps)
    ]


def _textbook(rule: str, task: Task) -> Course:
    """Make the steps of the textbook."""
    function, names, kept = _RULES[rule]
    course: Course = [{} for _ in task.gradients]
    for name, w in task.params.items():
        state = [np.zeros_like(w) for _ in kept]
        settings = {one: task.settings[one] for one in names}
        if task.is_bias[name]:
            settings["weight_decay"] = 0.0
        for number, gradients in enumerate(task.gradients):
            time = [number + 1] if _counts(rule) else []
            result = function(w, gradients[name], *state, *time, **settings)
            w, *state = result if kept else (result,)
            for variable, array in zip(("w", *kept), (w, *state), strict=True):
                course[number][variable, name] = array
    return course


def _tried(
    step: Callable[..., Any],
    signature: Signature,
    rule: str,
    task: Task,
    right: Course,
) -> tuple[Form, Course, str | None]:
    """Call the step in the forms that it may have; return the first that agrees.

    The note is None where none agrees; then it is the first that changes anything, or that runs.
    """
    ran: list[tuple[bool, Form, Course]] = []
    error: Exception | None = None
    begun = set()  # a dictionary that may be empty at first is not filled
    for form in forms_of(signature):
        if form.start and form.layout in begun:
            continue
        try:
            course = run(step, signature, form, task)
        except Exception as raised:  # whatever the learner's code raises
            error = error or raised
            continue
        if form.start == "empty":
            begun.add(form.layout)
        note = _accepted(course, signature, form, rule, task, right)
        if note is not None:
            return form, course, note
        ran.append((len(unchanged(course, task)) == len(task.params), form, course))
    if not ran:
        found = str(error) if isinstance(error, ValueError) else f"{type(error).__name__}: {error}"
        raise ValueError(f"{signature.text} could not be called: {found}") from error
    # A step that is called in another form than its own may run, and change nothing.
    _, form, course = min(ran, key=lambda one: one[0])
    return form, course, None


def _accepted(
    course: Course,
    signature: Signature,
    form: Form,
    rule: str,
    task: Task,
    right: Course,
) -> str | None:
    """Return a note if a course is that of the rule, in any form that is right; else None."""
    if is_same_course(course, iter(right), task):
        return ""
    for decays_biases in (False, True) if _decays_all(signature, form, task) else (False,):
        for convention in (None, *conventions_of(rule, task.settings)):
            slips = [convention] if convention else []
            if is_same_course(course, computed(rule, task, slips, decays_biases), task):
                said = [convention.words] if convention else []
                if decays_biases:
                    said.append("every array that it gets is decayed; textbooks decay no biases")
                return "; ".join(said)
    return None


def _decays_all(signature: Signature, form: Form, task: Task) -> bool:
    """Whether a step may decay all that it gets.

    If it sees one array, it cannot know whether that is a bias: its caller does.
    """
    is_known = bool(signature.of("weight_decay"))
    return form.layout == "array" and bool(task.settings["weight_decay"]) and not is_known


def _diagnosed(
    step: Callable[..., Any],
    signature: Signature,
    form: Form,
    course: Course,
    rule: str,
    task: Task,
) -> tuple[list[Diagnosis], Task]:
    """Say what makes a step differ, and from which task: with biases decayed, or without."""

    def of(task: Task) -> list[Diagnosis]:
        right = _textbook(rule, task)
        return diagnosed(step, lambda: run(step, signature, form, task), course, right, rule, task)

    found = of(task)
    is_about_biases = not found or any(one.kind == "bias decayed" for one in found)
    if is_about_biases and _decays_all(signature, form, task):
        plain = replace(task, is_bias=dict.fromkeys(task.is_bias, False))
        if again := of(plain):
            return again, plain
    return found, task


def _on_the_form(signature: Signature, form: Form, rule: str) -> list[str]:
    """Say how the step was called, where that is not what its names say."""
    said = {
        "array": "one parameter after the other",
        "dictionary": "with dictionaries of all parameters",
        "prefixed": "with dictionaries of all parameters, gradients under keys such as dW1",
        "list": "with lists of all parameters",
    }[form.layout]
    if signature.of("t") or (_counts(rule) and form.start not in ("", "empty")):
        said += f"; t = {form.first} at first"
    return [f"called as {signature.text}, {said}"]


def _rows(course: Course, right: Course, task: Task, agree: bool) -> list[UpdateRow]:
    """Put the results of each step next to those of the textbook."""
    variables = list(dict.fromkeys(variable for step in course for variable, _ in step))
    meant = {variable: _meant(place, variable, course, right, task)
             for place, variable in enumerate(variables[1:])}  # fmt: skip
    rows = []
    for number, (mine, textbook) in enumerate(zip(course, right, strict=True), 1):
        for (variable, name), yours in mine.items():
            label = name if variable == "w" else f"{variable} of {name}"
            kind, factor = ("w", 1.0) if variable == "w" else meant[variable]
            if not kind:
                continue
            one = factor * textbook[kind, name]
            begin = task.params[name] if kind == "w" else np.zeros_like(one)
            equal = is_equal(yours, one, scale_of(one, begin)) and bool(np.isfinite(yours).all())
            word = "match" if equal else "other form" if agree else "DIFFERS"
            rows.append(UpdateRow(number, label, yours, one, equal or agree, word))
    return sorted(rows, key=lambda row: (row.step, " of " in row.variable))


def _meant(
    place: int, variable: str, course: Course, right: Course, task: Task
) -> tuple[str, float]:
    """Return which state of the textbook a state is compared with, and in which scale."""
    if not task.state:
        return "", 1.0
    kind, factor = state_meant(variable, course, right, task)
    if kind:
        return kind, factor
    alike = [kind for kind in task.state if variable.lower().startswith(kind)]
    return (alike or [task.state[min(place, len(task.state) - 1)]])[0], 1.0


def _first(rows: Sequence[UpdateRow], advises: bool) -> str:
    """Say which step differs first, and what in it."""
    differing = [row for row in rows if not row.agree]
    if not differing:
        return ""
    step = differing[0].step
    names = [row.variable for row in differing if row.step == step]
    text = f"step {step} differs first: {', '.join(names)}"
    same = [row.variable for row in rows if row.step == step and row.agree]
    state = [name for name in same if " of " in name]
    if advises and state and not any(" of " in name for name in names):
        text += "; the state agrees, so look at the line that computes the new parameter"
    return text
