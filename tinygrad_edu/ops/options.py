"""Further keywords of primitives, such as ``initial=`` and ``where=`` of reductions, as in NumPy.

They are composed of other operations: elements that are not selected are replaced by a neutral
number, and the initial value is combined with the result. A call without them costs only one
check. The reductions are in `reduction.py` and `statistics.py`.
"""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable
from typing import Any, TypeVar, cast

import numpy as np

from ..arrays import as_array, dtype_of
from ..metadata import checked
from ..numpy_spelling import as_numpy
from ..primitive import as_operand
from .choosing import where as choose
from .plain import shape_of
from .summing import Axis, axes_of

__all__ = ["count_of", "selected", "started", "with_options"]

Function = TypeVar("Function", bound=Callable[..., Any])


def with_options(compose: Callable[..., Any]) -> Callable[[Function], Function]:
    """Give a primitive further keywords: decorate it with the function that composes them.

    Parameters
    ----------
    compose : callable
        It has the parameters of the primitive, after the primitive itself, and keyword-only
        options, which are added to the signature. It is called if one of them is passed.
    """
    parameters = inspect.signature(compose).parameters.values()

    def declare(operation: Function) -> Function:
        name = operation.__name__
        simple = cast("Callable[..., Any]", operation)
        signature = inspect.signature(operation)
        own = signature.parameters
        options = {p.name: p for p in parameters if p.kind is p.KEYWORD_ONLY and p.name not in own}
        known = {*own, *options}
        most = len([p for p in own.values() if p.kind is not p.KEYWORD_ONLY])
        has_none = frozenset(options).isdisjoint

        @functools.wraps(operation)
        def reduction(*inputs: Any, **params: Any) -> Any:
            if len(inputs) <= most and (not params or has_none(params)):
                return simple(*inputs, **params)
            if not 0 < len(inputs) <= most or not known.issuperset(params):
                return as_numpy(name, reduction, inputs, params)
            return compose(simple, *inputs, **params)

        full = [*own.values(), *options.values()]
        reduction.__signature__ = signature.replace(parameters=full)  # type: ignore[attr-defined]
        return cast("Function", reduction)

    return declare


def selected(name: str, where: Any, x: Any) -> Any:
    """Return which elements ``where=`` selects, as a boolean array of the shape of `x`.

    Raises
    ------
    ValueError
        If the condition does not broadcast to that shape.
    """
    mask = as_array(checked(where, name, "where")).astype(bool)
    try:
        return np.broadcast_to(mask, shape_of(x))
    except ValueError:
        raise ValueError(
            f"{name}: where of shape {mask.shape} does not broadcast to the shape {shape_of(x)} of "
            "the array"
        ) from None


def count_of(mask: Any, axis: Axis, keepdims: bool) -> Any:
    """Count the selected elements that go into each result."""
    return np.sum(mask, axis=axes_of(mask.ndim, axis), keepdims=keepdims)


def started(
    combine: Callable[[Any, Any], Any], neutral: Callable[[np.dtype[Any]], Any], is_empty_fine: bool
) -> Callable[..., Any]:
    """Make the function that composes ``initial=`` and ``where=`` for `with_options`.

    Parameters
    ----------
    combine : callable
        Combines a result with the initial value.
    neutral : callable
        Returns the number of a dtype that changes no result.
    is_empty_fine : bool
        Whether no elements have a result; if not, ``where=`` needs ``initial=``.
    """

    def compose(
        operation: Any,
        x: Any,
        axis: Axis = None,
        *,
        keepdims: bool = False,
        initial: Any = None,
        where: Any = True,
    ) -> Any:
        name = operation.__name__
        x = as_operand(name, x)
        if initial is not None:
            initial = as_operand(name, initial)
        if initial is not None and shape_of(initial):
            raise ValueError(f"{name}: initial of shape {shape_of(initial)}; expected one number")
        none = neutral(dtype_of(x))
        if where is not True:
            if initial is None and not is_empty_fine:
                raise ValueError(
                    f"{name}: where= may select no element; expected initial= too, the result for "
                    "that case"
                )
            x = choose(selected(name, where, x), x, none)
        if initial is None:
            return operation(x, axis, keepdims=keepdims)
        if 0 in shape_of(x) and not is_empty_fine:
            counts = count_of(np.broadcast_to(False, shape_of(x)), axis, keepdims)
            return combine(np.full(counts.shape, none, dtype_of(x)), initial)
        return combine(operation(x, axis, keepdims=keepdims), initial)

    return compose
