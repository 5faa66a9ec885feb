"""Attention: averages of values, weighted by how well a query matches each key.

It is composed of visible operations, ``softmax(Q Kᵀ / sqrt(d)) V``. The projections that make
queries, keys and values are not here: `nn.MultiheadAttention` has them.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from ...arrays import floating_dtype
from ...metadata import composed
from ...primitive import as_operand, as_operands
from ...tensor import holds_tensor
from ..arithmetic import add, multiply
from ..choosing import where
from ..linear_algebra.matrices import matmul
from ..plain import shape_of
from ..rearranging import repeat
from ..shape import swapaxes
from .activation import softmax
from .normalization import dropout

__all__ = ["scaled_dot_product_attention"]


@composed("query", "key", "value", "attn_mask")
def scaled_dot_product_attention(
    query: Any,
    key: Any,
    value: Any,
    attn_mask: Any = None,
    dropout_p: float = 0.0,
    is_causal: bool = False,
    *,
    scale: float | None = None,
    enable_gqa: bool = False,
    generator: np.random.Generator | int | None = None,
    need_weights: bool = False,
) -> Any:
    """Attention: ``softmax(query @ key.mT * scale) @ value``.

    A query that may see no key gets a row of zeros, as in PyTorch.

    Parameters
    ----------
    query : array_like, shape (..., L, E)
        L queries.
    key : array_like, shape (..., S, E)
        S keys; the axes before the last two broadcast with those of `query`.
    value : array_like, shape (..., S, V)
        A value for each key.
    attn_mask : array_like, shape (..., L, S), optional
        Boolean: True where a query may see a key. Or numbers that are added to the scores, -inf
        where it may not; gradients flow to them if they are a tensor. It broadcasts.
    dropout_p : float
        The probability that a weight is dropped, 0..1. It is always applied: pass 0 in evaluation.
    is_causal : bool
        Whether query i may only see the keys 0..i; together with `attn_mask`, both apply.
    scale : float, optional
        Multiplies the scores; by default ``1 / sqrt(E)``.
    enable_gqa : bool
        Grouped queries: `query` of shape (..., heads, L, E) has a multiple of the heads that `key`
        and `value` have, and neighbouring heads share one of theirs.
    generator : numpy.random.Generator or int, optional
        The source of random numbers, as in `dropout`.
    need_weights : bool
        Whether to return the weights too.

    Returns
    -------
    Tensor or numpy.ndarray, shape (..., L, V)
        With ``need_weights=True`` a pair: this, and the weights of shape (..., L, S), after
        dropout.

    Raises
    ------
    ValueError
        If shapes do not fit, or `dropout_p` is not a probability.
    TypeError
        If `attn_mask` is a single number, or holds integers, which could mean either kind of mask.

    Notes
    -----
    Vaswani et al., "Attention Is All You Need", 2017, equation 1.

    Examples
    --------
    >>> import numpy as np
    >>> from tinygrad_edu import Tensor, scaled_dot_product_attention
    >>> query, key = np.zeros((2, 3)), np.ones((2, 3))
    >>> value = Tensor([[1.0], [3.0]], requires_grad=True)
    >>> scaled_dot_product_attention(query, key, value).data.ravel()
    array([2., 2.])
    >>> scaled_dot_product_attention(query, key, value, is_causal=True).data.ravel()
    array([1., 2.])
    """
    all_three = query, key, value
    query, key, value = as_operands("attention", all_three, holds_tensor(all_three))[0]
    _check_shapes(shape_of(query), shape_of(key), shape_of(value), enable_gqa)
    if enable_gqa:
        shared = shape_of(query)[-3] // shape_of(key)[-3]
        key, value = repeat(key, shared, axis=-3), repeat(value, shared, axis=-3)
    scale = 1 / math.sqrt(max(shape_of(query)[-1], 1)) if scale is None else float(scale)
    scores = multiply(matmul(query, swapaxes(key, -1, -2)), scale)
    weights = _weights(scores, attn_mask, is_causal)
    if dropout_p:
        weights = dropout(weights, dropout_p, generator=generator)
    out = matmul(weights, value)
    return (out, weights) if need_weights else out


def _weights(scores: Any, mask: Any, is_causal: bool) -> Any:
    """Apply the masks and the softmax; a row without any key becomes zeros."""
    lowest = np.finfo(floating_dtype(scores)).min  # its exponential is 0 next to any other score
    causal = np.tri(*shape_of(scores)[-2:], dtype=np.bool) if is_causal else None
    if mask is None:
        return softmax(scores if causal is None else where(causal, scores, lowest))
    seen, added = _mask(mask, shape_of(scores))
    if added is not None:
        scores = add(scores, where(seen, added, 0.0))
    if causal is not None:
        seen = np.logical_and(seen, causal)
    weights = softmax(where(seen, scores, lowest))
    return where(np.any(seen, axis=-1, keepdims=True), weights, 0.0)


def _mask(mask: Any, shape: tuple[int, ...]) -> tuple[Any, Any]:
    """Separate a mask into the places that are seen, and the numbers to add there."""
    mask = as_operand("attention", mask)
    if not shape_of(mask):
        raise TypeError(
            f"attn_mask is {mask}; expected an array that broadcasts to the scores of shape "
            f"{shape}; write is_causal=True for a causal mask"
        )
    try:
        fits = np.broadcast_shapes(shape_of(mask), shape) == shape
    except ValueError:
        fits = False
    if not fits:
        raise ValueError(
            f"attn_mask of shape {shape_of(mask)} does not broadcast to the scores of shape {shape}"
        )
    kind = mask.dtype.kind
    if kind not in "bfc":  # complex numbers come from a complex step
        raise TypeError(
            f"attn_mask of dtype {mask.dtype}; expected booleans, True where a query may see a key "
            "(.astype(bool)), or floating numbers to add to the scores"
        )
    return (mask, None) if kind == "b" else (np.greater(mask, -np.inf), mask)


def _check_shapes(query: Any, key: Any, value: Any, enable_gqa: bool) -> None:
    given = f"query, key and value of shapes {query}, {key} and {value}"
    if min(map(len, (query, key, value))) < 2 + enable_gqa:
        axes = "(..., heads, length, features)" if enable_gqa else "(..., length, features)"
        raise ValueError(f"{given}; expected {axes}")
    if query[-1] != key[-1]:
        raise ValueError(f"{given}; query has {query[-1]} features and key {key[-1]}, not equal")
    if key[-2] != value[-2]:
        raise ValueError(f"{given}; there are {key[-2]} keys, but {value[-2]} values")
    if enable_gqa and (key[-3] != value[-3] or not key[-3] or query[-3] % key[-3]):
        raise ValueError(
            f"{given}; with enable_gqa=True, the heads of query must be a multiple of those of key "
            "and value"
        )
