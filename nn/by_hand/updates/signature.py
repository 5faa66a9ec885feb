"""Reads what the parameters of an update step written by hand mean, by their names.

Which argument is the gradient, which one a learning rate. Nothing is called here.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from types import CodeType, FunctionType
from typing import Any

import numpy as np

__all__ = [
    "TIMES",
    "Argument",
    "Signature",
    "aliases_of",
    "function_of",
    "numbers_in",
    "read_signature",
]


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


_GRADIENTS = _words("g gw grad grads gradient gradients dw db dx dp dtheta dparams d_w dl")
_PARAMETERS = _words("w weight x theta p param params parameters weights b ws")
_MANY = _words("params parameters weights ws theta_list grads gradients dparams")
TIMES = _words("t step i k n it iter iteration timestep time_step n_step step_count num")
_DICTIONARIES = _words(
    "state states cache config cfg opt opt_state memory mem store buffers optimizer_state"
)
_STATES = _words(
    "v m s h r u vel velocity vw mw sw momentum_buffer buf acc accumulator cache1 v_prev m_prev "
    "vt mt st moment1 moment2 m1 m2 first second sq sq_avg avg exp_avg exp_avg_sq g2 gsq"
)
_SETTINGS = {
    "lr": "lr learning_rate eta alpha rate step_size learningrate",
    "momentum": "momentum mu mom beta gamma rho",
    "beta1": "beta1 beta_1 b1 betaone",
    "beta2": "beta2 beta_2 b2 betatwo rho decay_rate beta gamma decay alpha",
    "eps": "eps epsilon e fudge_factor",
    "weight_decay": "weight_decay wd decay reg lam lambd lambda_ lmbda lmbd l2 l2_reg weightdecay",
}


@dataclass(frozen=True, slots=True)
class Argument:
    """One parameter of a step.

    Attributes
    ----------
    name : str
    role : str
        ``"w"``, ``"g"``, ``"t"``, ``"state"``, ``"dictionary"``, ``"betas"``, or a setting.
    default : object
        A number, or None.
    is_keyword : bool
        Whether it can be passed only by name.
    """

    name: str
    role: str
    default: Any = None
    is_keyword: bool = False


@dataclass(frozen=True, slots=True)
class Signature:
    """The parameters of a step, as far as values are passed to them.

    Attributes
    ----------
    arguments : tuple of Argument
    is_of_many : bool
        Whether the names suggest that it takes all parameters at once.
    """

    arguments: tuple[Argument, ...]
    is_of_many: bool

    def of(self, *roles: str) -> list[Argument]:
        """List the arguments with one of these roles."""
        return [one for one in self.arguments if one.role in roles]

    @property
    def text(self) -> str:
        """How the step is called, such as ``step(w, g, v)``."""
        return f"step({', '.join(one.name for one in self.arguments)})"


def aliases_of(settings: Sequence[str], has_lr: bool = False) -> dict[str, str]:
    """Return which setting a name means, for a rule with these settings.

    Examples
    --------
    >>> aliases_of(["lr", "momentum"])["beta"], aliases_of(["lr", "beta2"])["beta"]
    ('momentum', 'beta2')
    """
    found: dict[str, str] = {}
    for setting in settings:
        for name in _SETTINGS[setting].split():
            found.setdefault(name, setting)
    if has_lr and "beta2" in settings:
        found["alpha"] = "beta2"  # in PyTorch's RMSprop
    return found


def function_of(step: Any) -> FunctionType | None:
    """Return the plain function behind a step; None if there is none."""
    plain = getattr(step, "__func__", step)
    if not isinstance(plain, FunctionType):
        plain = vars(type(step)).get("__call__")
    return plain if isinstance(plain, FunctionType) else None


def read_signature(step: Callable[..., Any], settings: Sequence[str]) -> Signature:
    """Read the roles of the parameters of a step.

    Raises
    ------
    TypeError
        If it is not a function, or takes fewer than two arguments.
    """
    expected = (
        "expected step(w, g), step(w, g, v), step(w, g, m, v, t) or step(params, grads, state)"
    )
    if not callable(step):
        raise TypeError(f"step must be a function, got a {type(step).__name__}; {expected}")
    try:
        parameters = list(inspect.signature(step).parameters.values())
    except (TypeError, ValueError):
        raise TypeError(f"step has no signature that can be read; {expected}") from None
    named = [one for one in parameters if one.kind not in (one.VAR_POSITIONAL, one.VAR_KEYWORD)]
    names = {one.name.lower() for one in named}
    aliases = aliases_of(settings, bool(names & {"lr", "learning_rate", "eta"}))
    arguments = list(_arguments(named, aliases))
    found = [one.name for one in arguments]
    if [one.role for one in arguments if one.role in ("w", "g")] not in (["w", "g"], ["g", "w"]):
        raise TypeError(
            f"step must take a parameter and its gradient, got ({', '.join(found)}); {expected}"
        )
    given = [one.name for one in arguments if one.name.lower() in _GRADIENTS]
    if len(given) > 1:
        raise TypeError(
            f"step takes several gradients, {', '.join(given)}; pass a step for one parameter, "
            "step(w, g), or with dictionaries, step(params, grads)"
        )
    is_of_many = any(one.name.lower() in _MANY for one in arguments if one.role in ("w", "g"))
    return Signature(tuple(arguments), is_of_many)


def _arguments(
    parameters: Sequence[inspect.Parameter], aliases: Mapping[str, str]
) -> Iterator[Argument]:
    settings = {"betas": "betas", **aliases}
    values = [one for one in parameters if one.name.lower() not in settings][:2]
    roles = {values[0].name: "w", values[1].name: "g"} if len(values) == 2 else {}
    is_swapped = len(values) == 2 and (
        values[0].name.lower() in _GRADIENTS or values[1].name.lower() in _PARAMETERS
    )
    if is_swapped and values[1].name.lower() not in _GRADIENTS:
        roles = {values[0].name: "g", values[1].name: "w"}
    for one in parameters:
        role = roles.get(one.name) or _role(one, settings)
        if role:
            is_number = isinstance(one.default, int | float) and not isinstance(one.default, bool)
            is_number = is_number or (role == "betas" and isinstance(one.default, tuple))
            default = one.default if is_number else None
            yield Argument(one.name, role, default, one.kind is one.KEYWORD_ONLY)


def _role(one: inspect.Parameter, settings: Mapping[str, str]) -> str:
    """Return the role of a parameter; empty if its default is to be used."""
    name = one.name.lower()
    if name in settings:
        return settings[name]
    is_state = name in _STATES or one.default is one.empty
    if name in TIMES:
        return "t"
    if name in _DICTIONARIES:
        return "dictionary"
    is_open = one.default is one.empty or one.default is None or np.size(one.default) == 1
    return "state" if is_state and is_open and not isinstance(one.default, bool | str) else ""


def numbers_in(step: Callable[..., Any], aliases: Mapping[str, str]) -> dict[str, float]:
    """Return the settings that a step reads from variables outside of it, and attributes.

    Examples
    --------
    >>> rate = 0.25
    >>> def make(lr):
    ...     return lambda w, g: w - lr * g
    >>> numbers_in(make(0.25), aliases_of(["lr"]))
    {'lr': 0.25}
    """
    found: dict[str, float] = {}
    owner = getattr(step, "__self__", None)
    if owner is None and not isinstance(step, FunctionType):
        owner = step
    function = function_of(step)
    sources: list[tuple[str, Any]] = list(getattr(owner, "__dict__", {}).items())
    if function is not None:
        sources += [(name, cell.cell_contents) for name, cell in cells_of(function)]
        sources += globals_of(function).items()
    for name, value in sources:
        setting = aliases.get(name.lower().lstrip("_"))
        is_number = isinstance(value, int | float | np.floating) and not isinstance(value, bool)
        if setting and is_number:
            found.setdefault(setting, float(value))
    return found


def cells_of(function: FunctionType) -> list[tuple[str, Any]]:
    """List the variables of enclosing functions that a function uses, those that have a value."""
    pairs = zip(function.__code__.co_freevars, function.__closure__ or (), strict=True)
    return [(name, cell) for name, cell in pairs if _has_value(cell)]


def globals_of(function: FunctionType) -> dict[str, Any]:
    """Return the global variables that a function uses, in the order of their names."""
    variables = function.__globals__
    used = sorted(set(_names_of(function.__code__)))
    return {name: variables[name] for name in used if name in variables}


def _has_value(cell: Any) -> bool:
    try:
        cell.cell_contents  # noqa: B018
    except ValueError:
        return False
    return True


def _names_of(code: CodeType) -> Iterator[str]:
    """Yield the global names and attributes that code uses, also in functions inside of it."""
    yield from code.co_names
    for one in code.co_consts:
        if isinstance(one, CodeType):
            yield from _names_of(one)
