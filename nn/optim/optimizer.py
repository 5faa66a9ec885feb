"""The base class of optimizers: everything but the formula.

A subclass defines `update`, which computes the new values of one parameter. Gradients are computed
by `loss.backward()`, and learning rates over time by `schedules.py`.
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterable, Mapping
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from tinygrad_edu import GradientError, Tensor
from tinygrad_edu.leaving import read_only
from tinygrad_edu.primitive import tick

from ..checks import check_number
from .groups import ParameterGroup, State, checked_parameters, plain_number

__all__ = ["Array", "Optimizer"]

Array = NDArray[Any]


class Optimizer:
    """The base class of optimizers; a subclass defines the method `update`.

    ``update(p, g, state, **options)`` receives the values `p` of a parameter, its gradient `g`, its
    `state`, which is a dictionary that starts empty, and the options by name. It returns the new
    values. It must not write into `p` and `g`, because graphs use these arrays: they are read-only.

    Parameters
    ----------
    params : iterable of Tensor, or iterable of dict
        The tensors to update: leaves that require gradients. A dictionary is a group with options
        of its own: ``{"params": layer.parameters(), "lr": 0.01}``.
    **options : object
        The options of all groups that do not have their own, such as ``lr=0.1``. Each is also an
        attribute: ``optimizer.lr = 0.05`` sets it in all groups.

    Attributes
    ----------
    params : list of Tensor
        The parameters of all groups.
    param_groups : list of ParameterGroup
        The groups: ``optimizer.param_groups[0]["lr"] = 0.05`` sets an option of one group.

    Raises
    ------
    TypeError, ValueError
        For options out of range, and parameters that cannot be updated.

    Notes
    -----
    A captured step may change arrays only. So a number in the state is kept in an array, and so is
    the learning rate. Anything else that a step changes, such as ``self.t += 1``, is refused by
    `capture`: keep it in the state.

    Examples
    --------
    >>> from nn import Optimizer
    >>> from tinygrad_edu import Tensor
    >>> class Momentum(Optimizer):
    ...     def __init__(self, params, lr=0.1, beta=0.9):
    ...         super().__init__(params, lr=lr, beta=beta)
    ...
    ...     def update(self, p, g, state, lr, beta):
    ...         v = state["v"] = beta * state.get("v", 0) + g
    ...         return p - lr * v
    >>> x = Tensor(3.0, requires_grad=True)
    >>> optimizer = Momentum([x])
    >>> for _ in range(2):
    ...     optimizer.zero_grad()
    ...     (x * x).backward()
    ...     optimizer.step()
    >>> round(x.item(), 6)
    1.38
    """

    leaves_arrays_alone: ClassVar[bool] = False
    """Whether `update` is known not to write into or return what it is given: then the arrays are
    passed as they are, which is faster."""

    def __init__(self, params: Iterable[Tensor] | Iterable[dict[str, Any]], **options: Any) -> None:
        self.params: list[Tensor] = []
        self.param_groups: list[ParameterGroup] = []
        self._defaults = options
        for group in self._groups_of(params):
            self.add_param_group(group)

    def _groups_of(self, params: Any) -> list[Any]:
        if isinstance(params, Iterable) and not isinstance(params, Tensor | Mapping):
            params = list(params)
            if params and all(isinstance(entry, Mapping) for entry in params):
                return list(params)
        return [{"params": params}]

    # What a subclass defines -----------------------------------------------------------------

    def update(self, *arguments: Any, **options: Any) -> Any:
        """Return the new values of a parameter; every subclass defines this."""
        raise NotImplementedError(
            f"{type(self).__name__} has no method update; write update(self, p, g, state, ...), "
            "with the names of the options, that returns the new values of p"
        )

    # A class method: groups keep it, and an optimizer in a reference cycle would live on.
    @classmethod
    def check(cls, *arguments: Any, **options: Any) -> None:
        """Raise an error if options are out of range; a subclass may define this."""

    # Groups and options ----------------------------------------------------------------------

    def add_param_group(self, group: Mapping[str, Any]) -> None:
        """Add parameters with options of their own.

        Parameters
        ----------
        group : dict
            ``"params"``, and any of the options.
        """
        name = type(self).__name__
        if "params" not in group:
            raise ValueError(f"a group of {name} needs 'params', got only {', '.join(group)}")
        parameters = checked_parameters(group["params"], name)
        own = {key: value for key, value in group.items() if key != "params"}
        if unknown := own.keys() - self._defaults.keys():
            raise ValueError(
                f"{name} has no option {', '.join(sorted(unknown))}; its options are "
                f"{', '.join(self._defaults)}"
            )
        options = {key: plain_number(value) for key, value in {**self._defaults, **own}.items()}
        if "lr" in options:
            check_number("lr", options["lr"], above=0.0)
        self.check(**options)
        if not set(parameters).isdisjoint(self.params):
            raise ValueError("a parameter is listed twice; it would be updated twice a step")
        self.param_groups.append(ParameterGroup(parameters, options, self.check))
        self.params += parameters
        for key in options:  # an attribute of the same name would hide the option
            vars(self).pop(key, None)

    @property
    def state(self) -> dict[Tensor, State]:
        """The state of each parameter."""
        return {p: state for group in self.param_groups for p, state, _ in group.members}

    def __getattr__(self, name: str) -> Any:
        groups = vars(self).get("param_groups", ())
        found = [group[name] for group in groups if name in group]
        if not found:
            raise AttributeError(f"{type(self).__name__} has no attribute {name!r}")
        if any(value != found[0] for value in found):
            raise AttributeError(
                f"the groups have different values of {name}: {', '.join(map(str, found))}; read "
                f"optimizer.param_groups[0][{name!r}]"
            )
        return found[0]

    def __setattr__(self, name: str, value: Any) -> None:
        groups = [g for g in vars(self).get("param_groups", ()) if name in g and name != "params"]
        for group in groups:
            group[name] = value
        if not groups:
            super().__setattr__(name, value)

    def __repr__(self) -> str:
        count, groups = len(self.params), self.param_groups
        parts = [f"{count} {'parameter' if count == 1 else 'parameters'}"]
        parts[0] += f" in {len(groups)} groups" if len(groups) > 1 else ""
        for name in groups[0].plain():
            values = [group[name] for group in groups]
            shown = [f"{v:g}" if name == "lr" else str(v) for v in values]
            if name == "lr" or any(values):
                parts.append(f"{name}={' and '.join(dict.fromkeys(shown))}")
        return f"{type(self).__name__}({', '.join(parts)})"

    # Steps -----------------------------------------------------------------------------------

    def zero_grad(self) -> None:
        """Set the gradients to None, so that the next `backward` does not add to them."""
        for group in self.param_groups:
            for parameter, _, _ in group.members:
                parameter._grad = None

    def step(self, closure: Callable[[], Any] | None = None) -> Any:
        """Update all parameters that have a gradient; frozen ones are skipped.

        Parameters
        ----------
        closure : callable, optional
            Computes the loss and the gradients, and returns the loss. It is called first.

        Returns
        -------
        object
            What the closure returned; None without one.

        Raises
        ------
        GradientError
            If no parameter has a gradient.
        """
        loss = None if closure is None else closure()
        found, now, update, is_safe = False, tick(), self.update, self.leaves_arrays_alone
        for group in self.param_groups:
            for parameter, state, options in group.members:
                gradient = parameter._grad
                if gradient is None or not parameter._requires_grad:
                    continue
                found = True
                values = parameter._data
                if is_safe:
                    new = update(values, gradient, state, **options)
                else:
                    new = update(read_only(values), read_only(gradient), state, **options)
                    new = self._own(new, parameter, state)
                if new.dtype is not values.dtype:
                    new = new.astype(values.dtype, copy=False)
                # A new array: views and graphs keep the old values.
                parameter._data = new
                parameter._version = now  # graphs that used the old values notice the change
        if not found:
            raise GradientError("step() found no gradients; call loss.backward() before it")
        return loss

    def _own(self, new: Any, parameter: Tensor, state: State) -> Any:
        """Check what `update` returned, and copy an array that something else uses too."""
        if not isinstance(new, np.ndarray | np.generic):
            raise TypeError(
                f"update() of {type(self).__name__} returned a {type(new).__name__}; return the "
                "new values of the parameter, an array"
            )
        if new.shape != parameter.shape:
            raise ValueError(
                f"update() of {type(self).__name__} returned an array of shape {new.shape} for "
                f"{parameter._label()} of shape {parameter.shape}; return its new values"
            )
        is_shared = new.base is not None or any(new is value for value in state.values())
        return new.copy() if is_shared else new

    # Saving and restoring --------------------------------------------------------------------

    def state_dict(self) -> dict[str, Any]:
        """Copy the state and the options, to continue later in an optimizer of the same kind.

        Returns
        -------
        dict
            ``"state"``: for the number of each parameter, its state. ``"param_groups"``: the
            options, the numbers of the parameters, and their shapes.
        """
        numbers = {parameter: number for number, parameter in enumerate(self.params)}
        return {
            "state": {
                number: copy.deepcopy(dict(self.state[parameter]))
                for parameter, number in numbers.items()
                if self.state[parameter]
            },
            "param_groups": [
                {
                    **group.plain(),
                    "params": [numbers[parameter] for parameter in group.params],
                    "shapes": [parameter.shape for parameter in group.params],
                }
                for group in self.param_groups
            ],
        }

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Set the state and the options.

        Parameters
        ----------
        state : mapping
            As `state_dict` returns it.

        Raises
        ------
        ValueError
            If it belongs to other parameters or to another kind of optimizer. Nothing is changed.
        """
        if problem := self._misfit(state):
            raise ValueError(
                f"the state does not fit {type(self).__name__}, nothing was loaded: {problem}"
            )
        for group, saved in zip(self.param_groups, state["param_groups"], strict=True):
            self.check(**{name: saved[name] for name in group.plain()})
        for group, saved in zip(self.param_groups, state["param_groups"], strict=True):
            for name in group.plain():
                group[name] = saved[name]
            for (parameter, own, _), number in zip(group.members, saved["params"], strict=True):
                own.clear()
                for name, value in state["state"].get(number, {}).items():
                    own[name] = _loaded(value, parameter)

    def _misfit(self, state: Mapping[str, Any]) -> str | None:
        """Describe why a state does not fit; None if it does."""
        is_mapping = isinstance(state, Mapping)
        saved = state.get("param_groups") if is_mapping else None
        if not isinstance(saved, list) or not isinstance(state.get("state"), Mapping):
            return "expected a dictionary with 'state' and 'param_groups', as state_dict() returns"
        if len(saved) != len(self.param_groups):
            return f"it has {len(saved)} groups of parameters, expected {len(self.param_groups)}"
        for number, (group, other) in enumerate(zip(self.param_groups, saved, strict=True)):
            shapes = [parameter.shape for parameter in group.params]
            found = [tuple(shape) for shape in other.get("shapes", ())]
            if found != shapes:
                return f"group {number} has parameters of shapes {found}, expected {shapes}"
            names = other.keys() - {"params", "shapes"}
            if names != group.plain().keys():
                return (
                    f"group {number} has the options {', '.join(sorted(names))}, expected "
                    f"{', '.join(sorted(group.plain()))}"
                )
        return None


def _loaded(value: Any, parameter: Tensor) -> Any:
    """Copy a value of a saved state; arrays like the parameter get its dtype."""
    if isinstance(value, np.ndarray) and value.ndim and value.shape == parameter.shape:
        return value.astype(parameter.dtype)
    return copy.deepcopy(value)
