"""An entry of the table of layers: how a layer runs forward and back, and where its equations are.

Nothing is derived here.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from types import ModuleType
from typing import Any, TypeAlias

from numpy.typing import NDArray

from ...module import Module

__all__ = ["Array", "Back", "Derivation", "NotDerived", "Ran", "gradients_kept", "values_of"]

Array: TypeAlias = NDArray[Any]
Back: TypeAlias = Callable[..., tuple[tuple[Any, ...], dict[str, Array]]]
"""``back(*g)`` takes the gradients of the outputs, and returns those of inputs and parameters."""
Ran: TypeAlias = tuple[tuple[Array, ...], Back]
"""The outputs of a layer, and its way back."""


class NotDerived(TypeError):
    """A layer, an option of a layer, or an operation that has no derivation by hand."""


def _refuses_nothing(layer: Any) -> str:
    return ""


def _always(layer: Any) -> bool:
    return True


@dataclass(frozen=True, slots=True)
class Derivation:
    """A layer derived by hand.

    Attributes
    ----------
    run : callable
        ``run(layer, *arrays, **others) -> (outputs, back)``.
    source : module, optional
        Where the equations are: the docstring numbers them, and so does the code.
    equations : mapping of str to (int or (int, int))
        The number of the equation for each parameter, or its number and which one of that line; a
        name without the number of a layer.
    inputs : tuple of str
        The arguments of ``forward`` that are differentiated.
    refuses : callable
        ``refuses(layer)`` returns the option that is not derived, or an empty string.
    others : tuple of str
        Other arguments of ``forward`` that `run` knows.
    fits : callable
        ``fits(layer)`` is False for a layer that is composed of its parts instead.
    """

    run: Callable[..., Ran]
    source: ModuleType | None = None
    equations: Mapping[str, int | tuple[int, int]] = field(default_factory=dict)
    inputs: tuple[str, ...] = ("x",)
    refuses: Callable[[Any], str] = _refuses_nothing
    others: tuple[str, ...] = ()
    fits: Callable[[Any], bool] = _always


def values_of(parameter: Any, otherwise: float = 0.0) -> Any:
    """Return the values of a parameter, or a constant if the layer has none."""
    return otherwise if parameter is None else parameter.numpy()


def gradients_kept(layer: Module, **gradients: Array) -> dict[str, Array]:
    """Leave out the gradients of parameters that the layer does not have."""
    return {name: g for name, g in gradients.items() if getattr(layer, name) is not None}
