"""Standard deviation and variance together with the mean, with PyTorch's names and defaults.

`std` and `var`, which divide by the number of elements as NumPy does, are in `statistics.py`.
"""

from __future__ import annotations

from typing import Any

from ..metadata import composed
from .reduction import mean
from .statistics import std, var
from .summing import Axis

__all__ = ["std_mean", "var_mean"]


@composed("x")
def std_mean(
    x: Any, axis: Axis = None, *, correction: float = 1, keepdims: bool = False
) -> tuple[Any, Any]:
    """Standard deviation and mean, with the divisor of the unbiased variance.

    Parameters
    ----------
    x, axis, keepdims
        As for `std`.
    correction : number
        What to subtract from the number of elements in the denominator, as ``ddof`` of `std`; but
        here it is 1 by default, as in PyTorch.

    Raises
    ------
    ValueError
        If the denominator is not positive.

    Examples
    --------
    >>> from tinygrad_edu import Tensor, std_mean
    >>> std_mean(Tensor([1.0, 2.0, 3.0]))
    (Tensor(1.), Tensor(2.))
    """
    deviation = std(x, axis, ddof=correction, keepdims=keepdims)
    return deviation, mean(x, axis, keepdims=keepdims)


@composed("x")
def var_mean(
    x: Any, axis: Axis = None, *, correction: float = 1, keepdims: bool = False
) -> tuple[Any, Any]:
    """Unbiased variance and mean; see `std_mean`.

    Parameters
    ----------
    x, axis, correction, keepdims
        As for `std_mean`.

    Raises
    ------
    ValueError
        If the denominator is not positive.

    Examples
    --------
    >>> from tinygrad_edu import Tensor, var_mean
    >>> var_mean(Tensor([1.0, 2.0, 3.0]))
    (Tensor(1.), Tensor(2.))
    """
    variance = var(x, axis, ddof=correction, keepdims=keepdims)
    return variance, mean(x, axis, keepdims=keepdims)
