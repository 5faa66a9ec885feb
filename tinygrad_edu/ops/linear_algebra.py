"""Products of matrices."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..primitive import primitive

__all__ = ["matmul"]


def _matmul_left(g: Any, out: Any, x: Any, y: Any) -> Any:
    if y.ndim == 1:  # each row of x against y
        return g[..., None] * y
    if x.ndim == 1:  # x against each column of y
        return (y @ g[..., None])[..., 0]
    return g @ y.mT


def _matmul_right(g: Any, out: Any, x: Any, y: Any) -> Any:
    if x.ndim == 1:
        return g * x if y.ndim == 1 else x[:, None] * g[..., None, :]
    if y.ndim == 1:
        return (x.mT @ g[..., None])[..., 0]
    return x.mT @ g


@primitive(
    _matmul_left,
    _matmul_right,
    broadcasts=True,  # the axes before the last two
    symbol="@",
    formula="x @ y",
    derivatives=("g @ y.mT", "x.mT @ g"),
)
def matmul(x: Any, y: Any, /) -> Any:
    """Matrix product, in every shape that NumPy knows: vectors, matrices, stacks of matrices.

    Examples
    --------
    >>> from tinygrad_edu import Tensor
    >>> Tensor([[1.0, 2.0]]) @ Tensor([[3.0], [4.0]])
    Tensor([[11.]])
    """
    return np.matmul(x, y)
