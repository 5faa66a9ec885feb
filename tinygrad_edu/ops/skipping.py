"""Reductions and running sums that skip nan: an element that is nan receives the gradient 0.

They are composed of the operations of the same names without "nan". Quantiles that skip nan are in
`quantiles.py`.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from ..arrays import dtype_of, real_dtype_of
from ..leaving import values_of
from ..metadata import composed
from ..primitive import as_operand
from .arithmetic import divide, multiply
from .choosing import where as choose
from .options import count_of, selected
from .reduction import max, min, prod, sum
from .scan import cumprod, cumsum
from .statistics import std, var
from .summing import Axis, axes_of, single

__all__ = [
    "nan_to_num",
    "nancumprod",
    "nancumsum",
    "nanmax",
    "nanmean",
    "nanmin",
    "nanprod",
    "nanstd",
    "nansum",
    "nanvar",
]


def _filled(name: str, x: Any, value: Any) -> tuple[Any, Any]:
    """Return an array with another value instead of nan, and where it was nan."""
    x = as_operand(name, x)
    gaps = np.isnan(x)
    return choose(gaps, value, x), gaps


def _options(initial: Any, where: Any) -> dict[str, Any]:
    """Return the keywords to pass on, because a call without them is simpler."""
    options = {} if initial is None else {"initial": initial}
    return options if where is True else options | {"where": where}


@composed("x", "initial")
def nansum(
    x: Any, axis: Axis = None, *, keepdims: bool = False, initial: Any = None, where: Any = True
) -> Any:
    """Sum of the elements that are not nan; those that are receive the gradient 0.

    Parameters
    ----------
    x, axis, keepdims, initial, where
        As for `sum`.

    Examples
    --------
    >>> import numpy as np
    >>> from tinygrad_edu import Tensor, nansum
    >>> x = Tensor([1.0, np.nan, 2.0], requires_grad=True)
    >>> y = nansum(x)
    >>> y.backward()
    >>> y.item(), x.grad
    (3.0, array([1., 0., 1.]))
    """
    return sum(_filled("nansum", x, 0)[0], axis, keepdims=keepdims, **_options(initial, where))


@composed("x", "initial")
def nanprod(
    x: Any, axis: Axis = None, *, keepdims: bool = False, initial: Any = None, where: Any = True
) -> Any:
    """Product of the elements that are not nan; those that are receive the gradient 0.

    Parameters
    ----------
    x, axis, keepdims, initial, where
        As for `prod`.

    Examples
    --------
    >>> import numpy as np
    >>> from tinygrad_edu import Tensor, nanprod
    >>> x = Tensor([3.0, np.nan, 2.0], requires_grad=True)
    >>> y = nanprod(x)
    >>> y.backward()
    >>> y.item(), x.grad
    (6.0, array([2., 0., 3.]))
    """
    return prod(_filled("nanprod", x, 1)[0], axis, keepdims=keepdims, **_options(initial, where))


@composed("x")
@single
def nanmean(x: Any, axis: Axis = None, *, keepdims: bool = False, where: Any = True) -> Any:
    """Average of the elements that are not nan; those that are receive the gradient 0.

    Parameters
    ----------
    x, axis, keepdims, where
        As for `mean`.

    Examples
    --------
    >>> import numpy as np
    >>> from tinygrad_edu import Tensor, nanmean
    >>> x = Tensor([1.0, np.nan, 2.0], requires_grad=True)
    >>> y = nanmean(x)
    >>> y.backward()
    >>> y.item(), x.grad
    (1.5, array([0.5, 0. , 0.5]))
    """
    total = nansum(multiply(x, 1.0), axis=axis, keepdims=keepdims, where=where)
    mask = ~np.isnan(x) if where is True else ~np.isnan(x) & selected("nanmean", where, x)
    return divide(total, count_of(mask, axis, keepdims).astype(real_dtype_of(total)))


def _extreme(
    name: str, x: Any, axis: Axis, keepdims: bool, initial: Any, where: Any, largest: bool
) -> Any:
    x, gaps = _filled(name, x, -np.inf if largest else np.inf)
    options = _options(initial, where)
    result = (max if largest else min)(x, axis, keepdims=keepdims, **options)
    if options:
        return result
    alone = np.all(gaps, axis=axes_of(gaps.ndim, axis), keepdims=keepdims)
    return choose(alone, np.asarray(np.nan, real_dtype_of(result)), result)


@composed("x", "initial")
def nanmax(
    x: Any, axis: Axis = None, *, keepdims: bool = False, initial: Any = None, where: Any = True
) -> Any:
    """Largest of the elements that are not nan; nan if there is none. Equal ones share equally.

    Parameters
    ----------
    x, axis, keepdims, initial, where
        As for `max`.

    Raises
    ------
    ValueError
        As for `max`.

    Examples
    --------
    >>> import numpy as np
    >>> from tinygrad_edu import Tensor, nanmax
    >>> x = Tensor([3.0, np.nan, 2.0], requires_grad=True)
    >>> nanmax(x).backward()
    >>> x.grad
    array([1., 0., 0.])
    """
    return _extreme("nanmax", x, axis, keepdims, initial, where, largest=True)


@composed("x", "initial")
def nanmin(
    x: Any, axis: Axis = None, *, keepdims: bool = False, initial: Any = None, where: Any = True
) -> Any:
    """Smallest of the elements that are not nan; nan if there is none. Equal ones share equally.

    Parameters
    ----------
    x, axis, keepdims, initial, where
        As for `min`.

    Raises
    ------
    ValueError
        As for `min`.

    Examples
    --------
    >>> import numpy as np
    >>> from tinygrad_edu import Tensor, nanmin
    >>> nanmin(Tensor([3.0, np.nan, 2.0])).item()
    2.0
    """
    return _extreme("nanmin", x, axis, keepdims, initial, where, largest=False)


@composed("x", "mean")
def nanvar(
    x: Any,
    axis: Axis = None,
    *,
    ddof: float = 0,
    keepdims: bool = False,
    where: Any = True,
    mean: Any = None,
) -> Any:
    """Variance of the elements that are not nan; those that are receive the gradient 0.

    Parameters
    ----------
    x, axis, ddof, keepdims, where, mean
        As for `var`.

    Raises
    ------
    ValueError
        If a denominator is not positive.

    Examples
    --------
    >>> import numpy as np
    >>> from tinygrad_edu import Tensor, nanvar
    >>> x = Tensor([1.0, np.nan, 3.0], requires_grad=True)
    >>> y = nanvar(x)
    >>> y.backward()
    >>> y.item(), x.grad
    (1.0, array([-1.,  0.,  1.]))
    """
    return _of_present(var, x, axis, ddof, keepdims, where, mean)


@composed("x", "mean")
def nanstd(
    x: Any,
    axis: Axis = None,
    *,
    ddof: float = 0,
    keepdims: bool = False,
    where: Any = True,
    mean: Any = None,
) -> Any:
    """Standard deviation of the elements that are not nan; those that are receive the gradient 0.

    Parameters
    ----------
    x, axis, ddof, keepdims, where, mean
        As for `var`.

    Raises
    ------
    ValueError
        If a denominator is not positive.

    Examples
    --------
    >>> import numpy as np
    >>> from tinygrad_edu import Tensor, nanstd
    >>> nanstd(Tensor([1.0, np.nan, 5.0])).item()
    2.0
    """
    return _of_present(std, x, axis, ddof, keepdims, where, mean)


def _of_present(
    spread: Any, x: Any, axis: Axis, ddof: float, keepdims: bool, where: Any, mean: Any
) -> Any:
    x, gaps = _filled(f"nan{spread.__name__}", x, 0)
    where = ~gaps if where is True else ~gaps & selected(spread.__name__, where, x)
    return spread(x, axis, ddof=ddof, keepdims=keepdims, where=where, mean=mean)


@composed("x")
def nancumsum(x: Any, axis: int | None = None) -> Any:
    """Running sums along an axis, with nan counted as 0; None flattens first.

    Examples
    --------
    >>> import numpy as np
    >>> from tinygrad_edu import Tensor, nancumsum
    >>> nancumsum(Tensor([1.0, np.nan, 3.0]))
    Tensor([1., 1., 4.])
    """
    return cumsum(_filled("nancumsum", x, 0)[0], axis)


@composed("x")
def nancumprod(x: Any, axis: int | None = None) -> Any:
    """Running products along an axis, with nan counted as 1; None flattens first.

    Examples
    --------
    >>> import numpy as np
    >>> from tinygrad_edu import Tensor, nancumprod
    >>> nancumprod(Tensor([2.0, np.nan, 3.0]))
    Tensor([2., 2., 6.])
    """
    return cumprod(_filled("nancumprod", x, 1)[0], axis)


@composed("x")
def nan_to_num(
    x: Any, copy: bool = True, nan: Any = 0.0, posinf: Any = None, neginf: Any = None
) -> Any:
    """Elements with numbers instead of nan and infinities, which receive the gradient 0.

    Parameters
    ----------
    x : array_like
        The elements.
    copy : bool
        Without effect: the result is always new.
    nan, posinf, neginf : number, optional
        What to put instead; by default 0, and the largest and smallest numbers of the dtype.

    Raises
    ------
    ValueError
        If `copy` is false: tensors are not changed in place.

    Examples
    --------
    >>> import numpy as np
    >>> from tinygrad_edu import Tensor, nan_to_num
    >>> x = Tensor([1.0, np.nan, np.inf], requires_grad=True)
    >>> y = nan_to_num(x, posinf=9.0)
    >>> y.sum().backward()
    >>> y.data, x.grad
    (array([1., 0., 9.]), array([1., 0., 0.]))
    """
    if not copy:
        raise ValueError(
            "nan_to_num: copy=False would change a tensor in place; use the result of copy=True"
        )
    x = as_operand("nan_to_num", x)
    if dtype_of(x).kind not in "fc":
        return multiply(x, 1)
    limits = np.finfo(real_dtype_of(x))
    above = limits.max if posinf is None else posinf
    below = limits.min if neginf is None else neginf
    values = np.real(values_of(x))
    for found, value in ((np.isnan, nan), (np.isposinf, above), (np.isneginf, below)):
        x = choose(found(values), np.asarray(value, real_dtype_of(x)), x)
    return x
