"""Taking elements by index, and its adjoint: putting cotangents back where they came from."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..primitive import primitive
from ..tensor import Tensor

__all__ = ["getitem", "put_at"]


def _is_basic(index: Any) -> bool:
    """Whether an index takes each element at most once, as slices and whole numbers do."""
    parts = index if isinstance(index, tuple) else (index,)
    return all(
        part is None or part is Ellipsis or isinstance(part, slice | int | np.integer)
        for part in parts
    )


def _array(part: Any) -> Any:
    """Read tensors and lists of places as arrays; an empty list has no dtype of its own."""
    if isinstance(part, Tensor):
        return np.asarray(part)
    return np.array(part, dtype=None if part else np.intp) if isinstance(part, list) else part


def _getitem_rule(g: Any, out: Any, x: Any, index: Any) -> Any:
    return put_at(g, index=index, shape=x.shape)


@primitive(
    _getitem_rule,
    symbol="[ ]",
    formula="x[index]",
    derivatives=("put_at(g, index, x.shape)",),
)
def _getitem(x: Any, /, index: Any) -> Any:
    return x[index]


def getitem(x: Any, index: Any) -> Any:
    """Elements by index, in every form that NumPy knows.

    An element that is taken several times gets the gradients of all its copies.

    Examples
    --------
    >>> from tinygrad_edu import Tensor
    >>> x = Tensor([1.0, 2.0, 3.0], requires_grad=True)
    >>> x[[0, 0, 1]].sum().backward()
    >>> x.grad
    array([2., 1., 0.])
    """
    places = tuple(map(_array, index)) if isinstance(index, tuple) else _array(index)
    return _getitem(x, index=places)


@primitive(
    lambda g, out, x, index, shape: g[index],
    formula="put_at(x, index, shape)",
    derivatives=("g[index]",),
)
def put_at(x: Any, /, index: Any, shape: tuple[int, ...]) -> Any:
    """Zeros of a shape with `x` added at an index: the adjoint of `getitem`.

    Parameters
    ----------
    x : array_like
        What to add.
    index
        Where, in any form that NumPy knows; repeated places add up.
    shape : tuple of int
        Of the result.
    """
    out = np.zeros(shape, np.asarray(x).dtype)
    if _is_basic(index):
        out[index] = x
    else:
        np.add.at(out, index, x)
    return out
