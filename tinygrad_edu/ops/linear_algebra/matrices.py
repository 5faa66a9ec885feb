"""The matrix product, and the affine map that a layer of a network computes.

Products over other axes are in `products.py`.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from ... import shape_errors
from ...primitive import primitive
from ...tensor import Tensor
from ..constants import ones
from ..summing import BLOCK, added_rows, is_half

__all__ = ["linear", "matmul"]


def _matmul_left(g: Any, out: Any, x: Any, y: Any) -> Any:
    if y.ndim == 1:  # each row of x against y
        return g[..., None] * y
    if x.ndim == 1:  # x against each column of y
        return (y @ g[..., None])[..., 0]
    return matmul(g, y.mT)


def _matmul_right(g: Any, out: Any, x: Any, y: Any) -> Any:
    if x.ndim == 1:
        return g * x if y.ndim == 1 else x[:, None] * g[..., None, :]
    if y.ndim == 1:
        return (x.mT @ g[..., None])[..., 0]
    if x.ndim > 2 and y.ndim == 2:  # one product adds up what the matrices of the stack contribute
        return _rows(x).mT @ _rows(g)
    return x.mT @ g


@primitive(
    _matmul_left,
    _matmul_right,
    broadcasts="stacks",
    symbol="@",
    formula="x @ y",
    derivatives=("g @ y.mT", "x.mT @ g"),
    domain=(),
    matrix_product=True,
)
def matmul(x: Any, y: Any, /) -> Any:
    """Matrix product, of all shapes that NumPy accepts: vectors, matrices, stacks of matrices.

    Raises
    ------
    ValueError
        If the shapes do not fit.

    Examples
    --------
    >>> from tinygrad_edu import Tensor
    >>> x, y = Tensor([[1.0, 2.0]], requires_grad=True), Tensor([[3.0], [4.0]], requires_grad=True)
    >>> x @ y
    Tensor([[11.]], from=matmul)
    >>> (x @ y).backward()
    >>> x.grad
    array([[3., 4.]])
    >>> y.grad
    array([[1.],
           [2.]])
    """
    try:
        if x.ndim > 2 and y.ndim == 2:  # one product is much quicker than one for each matrix
            return np.matmul(_rows(x), y).reshape(*x.shape[:-1], y.shape[-1])
        return np.matmul(x, y)
    except ValueError:
        raise ValueError(shape_errors.matrix_product(np.shape(x), np.shape(y))) from None


def _rows(x: Any) -> Any:
    """Reshape stacked batches, or a single sample, to one batch."""
    return x.reshape(math.prod(x.shape[:-1]), x.shape[-1])


def _product(x: Any, weight: Any) -> Any:
    """Multiply rows by a matrix; for a stack of matrices, `dot` is a hundred times slower."""
    return x.dot(weight) if x.ndim <= 2 else matmul(x, weight)


def _sum_of_rows(g: Any) -> Any:
    if len(g) <= BLOCK:
        return g.T.dot(ones(len(g), g.dtype))
    if isinstance(g, Tensor):
        return g.sum(axis=0)
    return added_rows(g.astype(np.float32) if is_half(g) else g)


@primitive(
    lambda g, out, x, weight, bias: _product(g, weight.T),
    lambda g, out, x, weight, bias: x.T.dot(g) if x.ndim == 2 else _rows(x).T.dot(_rows(g)),
    lambda g, out, x, weight, bias: _sum_of_rows(g if x.ndim == 2 else _rows(g)),
    symbol="@ +",
    formula="x @ weight + bias",
    derivatives=("g @ weight.T", "x.T @ g", "sum(g, axis=0)"),
    stacked=(
        "g @ weight.T",
        "reshape(x, (-1, x.shape[-1])).T @ reshape(g, (-1, g.shape[-1]))",
        "sum(reshape(g, (-1, g.shape[-1])), axis=0)",
    ),
    domain=(),
    matrix_product=True,
    operands=("input", "weight", "bias"),
)
def linear(x: Any, weight: Any, bias: Any, /) -> Any:
    """Affine map ``x @ weight + bias``: what a layer computes before its activation.

    It is one operation instead of two, because networks spend most of their time here: the product
    is not copied to add the bias, and there is one call less to record and to differentiate.

    Parameters
    ----------
    x : array_like, shape (..., in_features)
        A sample, a batch, or stacked batches.
    weight : array_like, shape (in_features, out_features)
        The matrix.
    bias : array_like, shape (out_features,)
        Added to every row.

    Raises
    ------
    ValueError
        If the shapes do not fit.

    Examples
    --------
    >>> from tinygrad_edu import Tensor, linear
    >>> weight = Tensor([[3.0], [4.0]], requires_grad=True)
    >>> y = linear([[1.0, 2.0]], weight, [0.5])
    >>> y.data
    array([[11.5]])
    >>> y.backward()
    >>> weight.grad
    array([[1.],
           [2.]])
    """
    if weight.ndim != 2 or not x.ndim or getattr(bias, "shape", ()) != weight.shape[1:]:
        raise ValueError(
            "expected shapes (..., in_features), (in_features, out_features) and (out_features,), "
            f"got {np.shape(x)}, {np.shape(weight)} and {np.shape(bias)}"
        )
    try:
        product = _product(x, weight)
    except ValueError:
        raise ValueError(
            f"x of shape {x.shape} has {x.shape[-1]} features, but the weight of shape "
            f"{weight.shape} takes {weight.shape[0]}"
        ) from None
    if product.dtype != bias.dtype:
        return product + bias
    product += bias
    return product
