"""What an optimizer keeps: groups of parameters with options, and a state for each parameter.

Numbers that change between steps are kept in arrays, because a captured step sees new values in
arrays only. How parameters are updated is in `optimizer.py`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, MutableMapping
from typing import Any

import numpy as np
from numpy.typing import DTypeLike, NDArray

from tinygrad_edu import Tensor

from ..checks import check_number

__all__ = ["ParameterGroup", "State", "checked_parameters", "is_used"]


class State(dict[str, Any]):
    """What an optimizer remembers about one parameter: a dictionary.

    A Python number is stored as a 0-d array, so that a captured step may change it. Its dtype is
    that of the parameter, and float32 for float16, in which one cannot count beyond 2048.

    Parameters
    ----------
    dtype : dtype
        Of the parameter.
    """

    def __init__(self, dtype: DTypeLike) -> None:
        super().__init__()
        self.dtype = np.result_type(dtype, np.float32)

    def __setitem__(self, name: str, value: Any) -> None:
        if type(value) in (int, float):
            value = np.array(value, self.dtype)
        dict.__setitem__(self, name, value)  # faster than super()

    def setdefault(self, name: str, default: Any = None) -> Any:
        """Return an entry; store the default if there is none."""
        if name not in self:
            self[name] = default
        return self[name]

    def update(self, *entries: Any, **more: Any) -> None:
        """Store several entries."""
        for name, value in dict(*entries, **more).items():
            self[name] = value


class ParameterGroup(MutableMapping[str, Any]):
    """Parameters that share options: a mapping from ``"params"`` and the options to their values.

    An option may be set at any time. The learning rate is kept in arrays, and so is each option
    that a schedule changes: a captured step then uses the new value without a new recording.

    Attributes
    ----------
    members : list of (Tensor, State, dict)
        Each parameter with its state, and the options as `Optimizer.update` receives them.
    initial_lr : float or None
        The learning rate from which a schedule started.
    """

    def __init__(
        self,
        params: list[Tensor],
        options: dict[str, Any],
        check: Callable[..., None],
    ) -> None:
        self.initial_lr: float | None = None
        self._check = check
        self._plain = dict(options)
        self._arrays: dict[str, Any] = {}  # the same option in float64, if it is kept in arrays
        by_dtype = {parameter.dtype: dict(options) for parameter in params}
        self.members = [(p, State(p.dtype), by_dtype[p.dtype]) for p in params]
        self._by_dtype = list(by_dtype.items())
        if "lr" in options:
            self.keep_in_arrays("lr")

    @property
    def params(self) -> list[Tensor]:
        """The parameters."""
        return [parameter for parameter, _, _ in self.members]

    def keep_in_arrays(self, name: str) -> None:
        """Keep a number, or each of several numbers, in an array from now on."""
        if name in self._arrays:
            return
        value = self._plain.pop(name)
        self._arrays[name] = _as_arrays(value, np.dtype(np.float64))
        for dtype, options in self._by_dtype:
            options[name] = _as_arrays(value, dtype)

    def set_by_schedule(self, name: str, value: Any) -> None:
        """Set an option, and keep `initial_lr`."""
        initial = self.initial_lr
        self[name] = value
        self.initial_lr = initial

    def keep_momentum_in_arrays(self) -> None:
        """Prepare for a schedule that changes the momentum, or the first of two betas.

        Raises
        ------
        ValueError
            If there is neither.
        """
        if "momentum" not in self and "betas" not in self:
            raise ValueError(
                "cycle_momentum=True needs an optimizer with momentum or betas; pass "
                "cycle_momentum=False"
            )
        self.keep_in_arrays("betas" if "betas" in self else "momentum")

    def set_momentum(self, value: float) -> None:
        """Set the momentum, or the first of two betas."""
        if "betas" in self:
            self["betas"] = (value, *self["betas"][1:])
        else:
            self["momentum"] = value

    def __getitem__(self, name: str) -> Any:
        if name == "params":
            return self.params
        if name in self._arrays:
            value = self._arrays[name]
            return tuple(map(float, value)) if isinstance(value, list) else float(value)
        if name in self._plain:
            return self._plain[name]
        raise KeyError(self._unknown(name))

    def __setitem__(self, name: str, value: Any) -> None:
        if name not in self or name == "params":
            raise KeyError(self._unknown(name))
        if name == "lr":
            check_number("lr", value, least=0.0)
        self._check(**{**self.plain(), name: value})
        if name == "lr":
            self.initial_lr = None
        if name in self._arrays:
            for kept in (self._arrays[name], *(options[name] for _, options in self._by_dtype)):
                _write(kept, value)
            return
        value, old = plain_number(value), self._plain[name]
        if type(value) is type(old) and repr(value) == repr(old):
            return  # an equal tuple that is another object would be a new setting for `capture`
        self._plain[name] = value
        for _, options in self._by_dtype:
            options[name] = value

    def __delitem__(self, name: str) -> None:
        raise TypeError(f"the option {name!r} cannot be removed; set it to another value")

    def __iter__(self) -> Iterator[str]:
        return iter(["params", *self._arrays, *self._plain])

    def __len__(self) -> int:
        return 1 + len(self._arrays) + len(self._plain)

    def __contains__(self, name: object) -> bool:
        return name == "params" or name in self._arrays or name in self._plain

    def __repr__(self) -> str:
        options = "".join(f", {name}={value}" for name, value in self.plain().items())
        return f"ParameterGroup({len(self.params)} parameters{options})"

    def plain(self) -> dict[str, Any]:
        """Return the options as Python values, without the parameters."""
        return {name: self[name] for name in self if name != "params"}

    def _unknown(self, name: str) -> str:
        return f"there is no option {name!r}; the options are {', '.join(self.plain())}"


def is_used(number: Any) -> bool:
    """Whether an option has an effect: it is not the number 0, or it is kept in an array."""
    return number != 0 if type(number) in (float, int) else True


def plain_number(value: Any) -> Any:
    """Convert NumPy's numbers to Python's, which do not change the dtype of a parameter."""
    if isinstance(value, tuple | list):
        return tuple(map(plain_number, value))
    return value.item() if isinstance(value, np.generic) else value


def _as_arrays(value: Any, dtype: np.dtype[Any]) -> Any:
    if isinstance(value, tuple | list):
        return [np.array(number, dtype) for number in value]
    return np.array(value, dtype)


def _write(kept: NDArray[Any] | list[NDArray[Any]], value: Any) -> None:
    if isinstance(kept, list):
        for array, number in zip(kept, value, strict=True):
            array[...] = number
    else:
        kept[...] = value


def checked_parameters(params: Any, taker: str) -> list[Tensor]:
    """Return the parameters as a list; check that they can be updated, and are listed once.

    Parameters
    ----------
    params : iterable of Tensor
    taker : str
        What takes them, for the message.

    Raises
    ------
    TypeError, ValueError
        If an entry cannot be updated, is listed twice, or there is none.
    """
    if isinstance(params, Tensor | Mapping) or not isinstance(params, Iterable):
        advice = "its .parameters()" if hasattr(params, "parameters") else "a list of tensors"
        raise TypeError(f"{taker} takes parameters, got a {type(params).__name__}; pass {advice}")
    parameters = list(params)
    if not parameters:
        raise ValueError(f"{taker} got no parameters; pass for example mlp.parameters()")
    for position, parameter in enumerate(parameters):
        if not isinstance(parameter, Tensor):
            raise TypeError(
                f"parameter {position} is a {type(parameter).__name__}; expected a Tensor"
            )
        # A frozen parameter is accepted: it requires no gradient now, and did before.
        if parameter._requires_grad is False or parameter.node is not None:
            raise ValueError(
                f"parameter {position} is not a leaf that requires gradients; make it with "
                "Tensor(..., requires_grad=True)"
            )
    if len(set(parameters)) < len(parameters):
        raise ValueError("a parameter is listed twice; it would be updated twice a step")
    return parameters
