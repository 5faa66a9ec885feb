"""Operations that choose among several branches, and those of a jump: `select`, `heaviside`.

Choosing between two branches is in `choosing.py`.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from ..arrays import as_array, real_dtype_of
from ..leaving import values_of
from ..metadata import composed
from ..primitive import as_operand, primitive
from .arithmetic import divide, remainder, subtract
from .choosing import where
from .elementwise import copy
from .indexing import index_update
from .plain import floor_divide, shape_of, trunc

__all__ = ["conj", "conjugate", "div", "divmod", "heaviside", "modf", "piecewise", "real", "select"]


@primitive(
    lambda g, out, x, y: np.zeros_like(g),
    lambda g, out, x, y: np.where(np.equal(x, 0), g, 0.0),
    broadcasts=True,
    analytic=False,
    formula="heaviside(x, y)",
    derivatives=("zeros_like(g)", "g * (x == 0)"),
    elementwise=True,
    kink=lambda x, y: x,
)
def heaviside(x: Any, y: Any, /) -> Any:
    """Step function, elementwise: 0 for negative `x`, 1 for positive `x`, and `y` where `x` is 0.

    The derivative with respect to `x` is 0 everywhere, also at the step.

    Examples
    --------
    >>> from tinygrad_edu import Tensor, heaviside
    >>> y = Tensor(0.5, requires_grad=True)
    >>> z = heaviside([-1.0, 0.0, 2.0], y)
    >>> z.sum().backward()
    >>> z.data, y.grad
    (array([0. , 0.5, 1. ]), array(1.))
    """
    return np.heaviside(x, y)


@composed("choicelist", "default")
def select(condlist: Sequence[Any], choicelist: Sequence[Any], default: Any = 0) -> Any:
    """Elements of the first array in a list whose condition holds, or a default.

    Parameters
    ----------
    condlist : list of array_like of bool
        The conditions.
    choicelist : list of array_like
        As many arrays; all broadcast. Gradients flow to them.
    default : array_like
        What to take where no condition holds.

    Raises
    ------
    ValueError
        If the lists are empty or differ in length.
    TypeError
        If a condition is not boolean.

    Examples
    --------
    >>> from tinygrad_edu import Tensor, select
    >>> x = Tensor([1.0, 2.0, 3.0], requires_grad=True)
    >>> select([x < 2, x > 2], [10 * x, -x]).sum().backward()
    >>> x.grad
    array([10.,  0., -1.])
    """
    if len(condlist) != len(choicelist) or not len(condlist):
        raise ValueError(
            f"select: {len(condlist)} conditions and {len(choicelist)} choices; expected equally "
            "many, at least one"
        )
    conditions = list(map(as_array, condlist))
    for place, condition in enumerate(conditions):
        if condition.dtype != bool:
            raise TypeError(
                f"select: condition {place} has dtype {condition.dtype}; expected booleans"
            )
    result = default
    for condition, choice in zip(conditions[::-1], list(choicelist)[::-1], strict=True):
        result = where(condition, choice, result)
    return result


@composed("x", "funclist", "args")
def piecewise(
    x: Any, condlist: Any, funclist: Sequence[Callable[..., Any] | Any], *args: Any
) -> Any:
    """Function in pieces: each is evaluated where its condition holds, and only there.

    Parameters
    ----------
    x : array_like
        Where to evaluate.
    condlist : list of array_like of bool, or one of them
        The conditions; of several that hold, the last one counts.
    funclist : list of callable or number
        A function or value for each condition, and optionally one more for all other places, where
        it is 0 otherwise.
    *args
        Further arguments of the functions.

    Raises
    ------
    ValueError
        If there is neither one function for each condition nor one more.

    Examples
    --------
    >>> from tinygrad_edu import Tensor, piecewise
    >>> x = Tensor([-1.0, 2.0], requires_grad=True)
    >>> piecewise(x, [x < 0, x >= 0], [lambda x: -x, lambda x: x * x]).sum().backward()
    >>> x.grad
    array([-1.,  4.])
    """
    x = as_operand("piecewise", x)
    if np.isscalar(condlist) or (x.ndim and not isinstance(condlist[0], list | np.ndarray)):
        condlist = [condlist]
    conditions = [np.asarray(condition, dtype=bool) for condition in condlist]
    if len(funclist) == len(conditions) + 1:
        conditions.append(~np.any(conditions, axis=0))
    if len(funclist) != len(conditions):
        raise ValueError(
            f"piecewise: {len(funclist)} functions for {len(conditions)} conditions; expected one "
            "each, or one more for all other places"
        )
    result: Any = np.zeros(shape_of(x), real_dtype_of(x))
    for condition, function in zip(conditions, funclist, strict=True):
        mask = np.broadcast_to(condition, shape_of(x))
        if mask.any():
            value = function(x[mask], *args) if callable(function) else function
            result = index_update(result, mask, value)
    return result


@composed("x", "y")
def div(x: Any, y: Any, *, rounding_mode: str | None = None) -> Any:
    """Quotient of two operands, elementwise, as `divide`, or rounded.

    Parameters
    ----------
    x, y : array_like
        The operands.
    rounding_mode : {"trunc", "floor"}, optional
        Round towards 0, or down. A rounded quotient is a plain array, because it has no
        derivative.

    Raises
    ------
    ValueError
        If `rounding_mode` is another word.

    Examples
    --------
    >>> from tinygrad_edu import Tensor, div
    >>> div(Tensor([7.0, -7.0]), 4.0), div(Tensor([7.0, -7.0]), 4.0, rounding_mode="floor")
    (Tensor([ 1.75, -1.75]), array([ 1., -2.]))
    """
    if rounding_mode is None:
        return divide(x, y)
    if rounding_mode == "floor":
        return floor_divide(x, y)
    if rounding_mode != "trunc":
        raise ValueError(
            f"div: rounding_mode is {rounding_mode!r}; expected 'trunc', 'floor' or None"
        )
    return trunc(np.divide(values_of(x), values_of(y)))


@composed("x", "y")
def divmod(x: Any, y: Any) -> tuple[Any, Any]:
    """Quotient rounded down, a plain array because it has no derivative, and `remainder`.

    Examples
    --------
    >>> from tinygrad_edu import Tensor, divmod
    >>> quotient, rest = divmod(Tensor([7.0, -7.0]), 4.0)
    >>> quotient, rest.data
    (array([ 1., -2.]), array([3., 1.]))
    """
    return floor_divide(x, y), remainder(x, y)


@composed("x")
def modf(x: Any) -> tuple[Any, Any]:
    """Part behind the point, with the derivative 1, and the whole part, a plain array.

    Examples
    --------
    >>> from tinygrad_edu import Tensor, modf
    >>> part, whole = modf(Tensor([1.25, -1.25]))
    >>> part.data, whole
    (array([ 0.25, -0.25]), array([ 1., -1.]))
    """
    x = as_operand("modf", x)
    whole = trunc(np.real(values_of(x)))
    # Infinity has no part behind the point.
    return where(np.isinf(x), np.copysign(np.zeros_like(whole), whole), subtract(x, whole)), whole


@composed("x")
def real(x: Any) -> Any:
    """Real part: the elements themselves, because tensors hold real numbers.

    Examples
    --------
    >>> from tinygrad_edu import Tensor, real
    >>> real(Tensor([1.0, 2.0]))
    Tensor([1., 2.])
    """
    return copy(x)


@composed("x")
def conjugate(x: Any) -> Any:
    """Complex conjugate: the elements themselves, because tensors hold real numbers.

    Examples
    --------
    >>> from tinygrad_edu import Tensor, conjugate
    >>> conjugate(Tensor([1.0, 2.0]))
    Tensor([1., 2.])
    """
    return copy(x)


conj = conjugate
