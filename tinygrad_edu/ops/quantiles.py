"""Quantiles and percentiles: the gradient goes to the one or two elements that a result is between.

Any method of NumPy weighs two neighbours in order of size by their numbers alone. So NumPy itself
is asked, with the numbers 0, 1, 2, ... as data, which position lies at a quantile.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from ..arrays import floating_dtype
from ..metadata import composed
from ..primitive import as_operand
from .arithmetic import add, divide, multiply
from .choosing import where as choose
from .indexing import take_along_axis
from .reduction import _as_rows, _count, _stretched_shape
from .shape import moveaxis, reshape
from .sorting import sort
from .summing import Axis, single

__all__ = ["nanmedian", "nanpercentile", "nanquantile", "percentile", "quantile"]


def _positions(q: Any, counts: Any, method: str) -> Any:
    """Return where in a sorted row each quantile lies, one column for each row."""
    kinds, places = np.unique(counts, return_inverse=True)
    position: Any = np.quantile
    columns = [np.ravel(position(np.arange(n or 1.0), q, method=method)) for n in kinds]
    return np.stack(columns, axis=-1)[:, places.reshape(-1)]


def _quantile(
    name: str, x: Any, axis: Axis, method: str, keepdims: bool, weights: Any, skip: bool, *, q: Any
) -> Any:
    if weights is not None:
        raise TypeError(
            f"{name}: weights= is not available, because results jump where they change; repeat "
            "elements, or pass tensor.data to numpy.quantile for a constant"
        )
    x, q = as_operand(name, x), np.asarray(q, dtype=np.float64)
    if not ((q >= 0) & (q <= 1)).all():
        raise ValueError(f"{name}: q={q}; expected numbers from 0 to 1 (100 for percentiles)")
    if not (count := _count(x, axis)):
        raise ValueError(f"{name}: no elements (shape {x.shape}); expected at least one")
    x = x if x.dtype.kind in "fc" else multiply(x, 1.0)
    rows = _as_rows(x, axis)
    kept = rows.shape[:-1]
    rows = sort(reshape(rows, (-1, count)), axis=-1)
    gaps = np.isnan(rows).sum(axis=-1)
    positions = _positions(q, count - gaps if skip else np.full(len(gaps), count), method).T
    low = np.floor(positions).astype(int)
    high = np.ceil(positions).astype(int)
    part = (positions - low).astype(floating_dtype(x))
    found = take_along_axis(rows, low, axis=-1)
    if part.any():
        between = multiply(take_along_axis(rows, high, axis=-1), part)
        # An infinite neighbour that does not count would leave 0 times infinity.
        below = multiply(choose(part < 1, found, 0), 1 - part)
        found = choose(part > 0, add(below, choose(part > 0, between, 0)), found)
    spoilt = gaps == count if skip else gaps > 0
    if spoilt.any():
        found = choose(spoilt[:, None], np.asarray(np.nan, floating_dtype(x)), found)
    shape = _stretched_shape(x.shape, axis) if keepdims else kept
    result = moveaxis(reshape(found, (*kept, q.size)), -1, 0)
    return reshape(result, (*q.shape, *shape))


_in_single = single(_quantile, constants=("q",))


@composed("x")
def quantile(
    x: Any,
    q: Any,
    axis: Axis = None,
    *,
    method: str = "linear",
    keepdims: bool = False,
    weights: Any = None,
) -> Any:
    """Quantiles: the elements at given shares of a sorted row, interpolated between neighbours.

    Parameters
    ----------
    x : array_like
        The elements.
    q : array_like
        The shares, from 0 to 1; constants. The result has their axes first.
    axis : int or tuple of int, optional
        The axes; None takes all of them.
    method : str
        One of the methods of `numpy.quantile`.
    keepdims : bool
        Whether to keep the reduced axes, with size 1.
    weights
        Not available; an error says so.

    Raises
    ------
    ValueError
        If a share is not between 0 and 1, or there is no element.

    Examples
    --------
    >>> from tinygrad_edu import Tensor, quantile
    >>> x = Tensor([4.0, 1.0, 3.0], requires_grad=True)
    >>> y = quantile(x, 0.25)
    >>> y.backward()
    >>> y.item(), x.grad
    (2.0, array([0. , 0.5, 0.5]))
    """
    return _in_single("quantile", x, axis, method, keepdims, weights, False, q=q)


@composed("x")
def percentile(
    x: Any,
    q: Any,
    axis: Axis = None,
    *,
    method: str = "linear",
    keepdims: bool = False,
    weights: Any = None,
) -> Any:
    """Quantiles with `q` in percent, from 0 to 100.

    Parameters
    ----------
    x, q, axis, method, keepdims, weights
        As for `quantile`.

    Raises
    ------
    ValueError
        As for `quantile`.

    Examples
    --------
    >>> from tinygrad_edu import Tensor, percentile
    >>> percentile(Tensor([4.0, 1.0, 3.0]), [0, 50])
    Tensor([1., 3.])
    """
    q = divide(q, 100)
    return _in_single("percentile", x, axis, method, keepdims, weights, False, q=q)


@composed("x")
def nanquantile(
    x: Any,
    q: Any,
    axis: Axis = None,
    *,
    method: str = "linear",
    keepdims: bool = False,
    weights: Any = None,
) -> Any:
    """Quantiles of the elements that are not nan; those that are receive the gradient 0.

    Parameters
    ----------
    x, q, axis, method, keepdims, weights
        As for `quantile`.

    Raises
    ------
    ValueError
        As for `quantile`.

    Examples
    --------
    >>> import numpy as np
    >>> from tinygrad_edu import Tensor, nanquantile
    >>> nanquantile(Tensor([4.0, np.nan, 3.0]), 0.5).item()
    3.5
    """
    return _in_single("nanquantile", x, axis, method, keepdims, weights, True, q=q)


@composed("x")
def nanpercentile(
    x: Any,
    q: Any,
    axis: Axis = None,
    *,
    method: str = "linear",
    keepdims: bool = False,
    weights: Any = None,
) -> Any:
    """Quantiles in percent of the elements that are not nan.

    Parameters
    ----------
    x, q, axis, method, keepdims, weights
        As for `quantile`.

    Raises
    ------
    ValueError
        As for `quantile`.

    Examples
    --------
    >>> import numpy as np
    >>> from tinygrad_edu import Tensor, nanpercentile
    >>> nanpercentile(Tensor([4.0, np.nan, 3.0]), 50).item()
    3.5
    """
    q = divide(q, 100)
    return _in_single("nanpercentile", x, axis, method, keepdims, weights, True, q=q)


@composed("x")
def nanmedian(x: Any, axis: Axis = None, *, keepdims: bool = False) -> Any:
    """Middle of the elements that are not nan, as `median` finds it.

    Parameters
    ----------
    x, axis, keepdims
        As for `sum`.

    Raises
    ------
    ValueError
        If there is no element.

    Examples
    --------
    >>> import numpy as np
    >>> from tinygrad_edu import Tensor, nanmedian
    >>> nanmedian(Tensor([4.0, np.nan, 3.0, 9.0])).item()
    4.0
    """
    return _in_single("nanmedian", x, axis, "linear", keepdims, None, True, q=0.5)
