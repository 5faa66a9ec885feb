"""Attention with several heads, and positions as numbers that are added to a sequence.

The weights are computed by `scaled_dot_product_attention`, in visible operations. The block that a
transformer repeats is in `transformer`.
"""

from __future__ import annotations

from typing import Any, ClassVar

import numpy as np
from numpy.random import Generator
from numpy.typing import DTypeLike, NDArray

from tinygrad_edu import (
    Tensor,
    add,
    getitem,
    mean,
    reshape,
    scaled_dot_product_attention,
    split,
    swapaxes,
    where,
)
from tinygrad_edu.leaving import values_of

from ..checks import check_count, check_number, check_probability
from ..module import Module
from .cells import product
from .inputs import new_parameter
from .linear import Linear

__all__ = ["MultiheadAttention", "sinusoidal_positions"]


def sinusoidal_positions(
    length: int, width: int, *, base: float = 10_000.0, dtype: DTypeLike = "float32"
) -> NDArray[Any]:
    """Return one row of numbers for each position of a sequence: waves of many lengths.

    Column ``2 k`` is ``sin(position / base ** (2 k / width))``, and column ``2 k + 1`` the cosine
    of the same. Add them to a sequence, so that attention knows the order, which it ignores
    otherwise. A table that is learned instead is an `Embedding` of ``arange(length)``.

    Parameters
    ----------
    length, width : int
        Number of positions, and of features.
    base : float
        The longest wave is nearly ``2 * pi * base`` positions long.
    dtype : dtype
        Dtype of the result.

    Returns
    -------
    numpy.ndarray, shape (length, width)

    Raises
    ------
    ValueError
        If `length`, `width` or `base` is too small.

    Notes
    -----
    Vaswani et al., "Attention Is All You Need", 2017, section 3.5.

    Examples
    --------
    >>> from nn import sinusoidal_positions
    >>> sinusoidal_positions(3, 4).round(2)
    array([[ 0.  ,  1.  ,  0.  ,  1.  ],
           [ 0.84,  0.54,  0.01,  1.  ],
           [ 0.91, -0.42,  0.02,  1.  ]], dtype=float32)
    """
    check_count("length", length)
    check_count("width", width)
    check_number("base", base, above=1.0)
    exponents = np.arange(0, width, 2) / width
    angles = np.arange(length)[:, None] / base**exponents
    both = np.stack([np.sin(angles), np.cos(angles)], axis=-1)
    return both.reshape(length, -1)[:, :width].astype(dtype)


class MultiheadAttention(Module):
    """Attention with several heads: each averages the values by weights that it computes itself.

        Q, K, V = query @ Wq + bq, key @ Wk + bk, value @ Wv + bv, split into heads of d features
        head = softmax(Q @ K.mT / sqrt(d)) @ V
        output = (all heads side by side) @ out_proj.weight + out_proj.bias

    Called with one argument, a sequence attends to itself. Masks are PyTorch's: True is a place
    that must **not** be seen, the opposite of `scaled_dot_product_attention`. A query that may see
    no key gets weights of 0, where PyTorch returns nan.

    Parameters
    ----------
    embed_dim : int
        Number of features of the queries and of the output.
    num_heads : int
        Number of heads; a divisor of `embed_dim`.
    dropout : float
        The probability that a weight is dropped, while training.
    bias : bool
        Whether to add biases.
    add_bias_kv, add_zero_attn : bool
        Only False: additional keys are not supported.
    kdim, vdim : int, optional
        Number of features of the keys and of the values, if they differ from `embed_dim`.
    batch_first : bool
        Whether sequences are (batch, length, features) instead of (length, batch, features).
    generator : numpy.random.Generator, optional
        Draws the weights, and what is dropped; by default a new one.
    dtype : dtype
        Dtype of the parameters.

    Attributes
    ----------
    in_proj_weight : Tensor, shape (embed_dim, 3 * embed_dim), or None
        The three weights side by side: Wq, Wk, Wv.
    q_proj_weight, k_proj_weight, v_proj_weight : Tensor or None
        The same as separate tensors, if `kdim` or `vdim` differs.
    in_proj_bias : Tensor, shape (3 * embed_dim,), or None
    out_proj : Linear

    Examples
    --------
    >>> import numpy as np
    >>> from nn import MultiheadAttention
    >>> attention = MultiheadAttention(8, 2, batch_first=True)
    >>> output, weights = attention(np.ones((1, 3, 8)), is_causal=True)
    >>> output.shape
    (1, 3, 8)
    >>> weights.data.round(2)
    array([[[1.  , 0.  , 0.  ],
            [0.5 , 0.5 , 0.  ],
            [0.33, 0.33, 0.33]]])
    """

    transposed: ClassVar[tuple[str, ...]] = (
        "in_proj_weight",
        "q_proj_weight",
        "k_proj_weight",
        "v_proj_weight",
    )

    def __init__(
        self,
        embed_dim: int,
        num_heads: int,
        dropout: float = 0.0,
        bias: bool = True,
        add_bias_kv: bool = False,
        add_zero_attn: bool = False,
        kdim: int | None = None,
        vdim: int | None = None,
        batch_first: bool = False,
        *,
        generator: Generator | None = None,
        dtype: DTypeLike = "float32",
    ) -> None:
        kdim = embed_dim if kdim is None else kdim
        vdim = embed_dim if vdim is None else vdim
        sizes = {"embed_dim": embed_dim, "num_heads": num_heads, "kdim": kdim, "vdim": vdim}
        for name, count in sizes.items():
            check_count(name, count)
        if embed_dim % num_heads:
            raise ValueError(f"embed_dim {embed_dim} must be divisible by num_heads {num_heads}")
        check_probability("dropout", dropout)
        for name, given in [("add_bias_kv", add_bias_kv), ("add_zero_attn", add_zero_attn)]:
            if given:
                raise ValueError(f"MultiheadAttention: {name} is not supported; pass {name}=False")
        generator = np.random.default_rng() if generator is None else generator
        self.num_heads, self.batch_first, self.dropout = num_heads, batch_first, float(dropout)
        self.in_proj_weight = self.q_proj_weight = self.k_proj_weight = self.v_proj_weight = None

        def drawn(name: str, inputs: int, outputs: int) -> Tensor:
            limit = np.sqrt(6 / (inputs + outputs))  # Glorot's, of the matrix as it is stored
            values = generator.uniform(-limit, limit, (inputs, outputs))
            return new_parameter(values, name, dtype)

        if kdim == vdim == embed_dim:
            self.in_proj_weight = drawn("in_proj_weight", embed_dim, 3 * embed_dim)
        else:
            self.q_proj_weight = drawn("q_proj_weight", embed_dim, embed_dim)
            self.k_proj_weight = drawn("k_proj_weight", kdim, embed_dim)
            self.v_proj_weight = drawn("v_proj_weight", vdim, embed_dim)
        zeros = np.zeros(3 * embed_dim)
        self.in_proj_bias = new_parameter(zeros, "in_proj_bias", dtype) if bias else None
        self.out_proj = Linear(
            embed_dim, embed_dim, generator=generator, initializer=drawn_evenly, bias=bias,
            dtype=dtype,
        )  # fmt: skip
        if dropout:
            self.generator = generator

    def forward(
        self,
        query: Any,
        key: Any = None,
        value: Any = None,
        key_padding_mask: Any = None,
        need_weights: bool = True,
        attn_mask: Any = None,
        average_attn_weights: bool = True,
        is_causal: bool = False,
    ) -> tuple[Tensor, Tensor | None]:
        """Attend from each query to the keys.

        Parameters
        ----------
        query : array_like, shape (L, batch, embed_dim) or (L, embed_dim)
            With ``batch_first=True``, (batch, L, embed_dim).
        key, value : array_like, shapes (S, batch, kdim) and (S, batch, vdim), optional
            By default the key is the query, and the value is the key.
        key_padding_mask : array_like, shape (batch, S), optional
            True where a key must not be seen, such as behind the end of a sequence; or numbers
            that are added to the scores.
        need_weights : bool
            Whether to return the weights.
        attn_mask : array_like, shape (L, S) or (batch * num_heads, L, S), optional
            True where a query must not see a key; or numbers that are added to the scores.
        average_attn_weights : bool
            Whether to return the average of the weights of all heads, or those of each head.
        is_causal : bool
            Whether query i may only see the keys 0..i; no mask is needed for that.

        Returns
        -------
        output : Tensor, of the shape of query
        weights : Tensor or None
            Of shape (batch, L, S), or (batch, num_heads, L, S) if they are not averaged.
        """
        key = query if key is None else key
        value = key if value is None else value
        is_single = self._check(query, key, value)
        q, k, v = (self._in_heads(x, is_single) for x in self._projected(query, key, value))
        masks = [
            _spread(mask, name, shapes, q.shape[:2])
            for mask, name, shapes in [
                (key_padding_mask, "key_padding_mask", _padding_shapes(q, k, is_single)),
                (attn_mask, "attn_mask", _attention_shapes(q, k)),
            ]
            if mask is not None
        ]
        heads = scaled_dot_product_attention(
            q, k, v, _joined(masks), self.dropout if self.training else 0.0, is_causal,
            generator=getattr(self, "generator", None), need_weights=need_weights,
        )  # fmt: skip
        heads, weights = heads if need_weights else (heads, None)
        features = self.out_proj.weight.shape[0]
        shape = (q.shape[0], q.shape[2], features)
        output = self.out_proj(reshape(swapaxes(heads, 1, 2), shape))
        output = output[0] if is_single else output if self.batch_first else swapaxes(output, 0, 1)
        if weights is None:
            return output, None
        weights = mean(weights, axis=1) if average_attn_weights else weights
        return output, (weights[0] if is_single else weights)

    def _check(self, query: Any, key: Any, value: Any) -> bool:
        """Check the shapes of the sequences; return whether they are single ones, not batches."""
        q, k, v = map(np.shape, (query, key, value))
        sizes = [weight.shape[0] for weight in self._weights()]
        batch, length = (0, 1) if self.batch_first else (1, 0)
        axes = "(batch, length, features)" if self.batch_first else "(length, batch, features)"
        given = f"MultiheadAttention: query, key and value have shapes {q}, {k} and {v}"
        if len(q) not in (2, 3) or not len(q) == len(k) == len(v):
            raise ValueError(f"{given}; expected {axes}, or (length, features) for one sequence")
        if [q[-1], k[-1], v[-1]] != sizes:
            raise ValueError(f"{given}; expected {sizes} features")
        is_single = len(q) == 2
        length = 0 if is_single else length
        if k[length] != v[length] or (not is_single and not q[batch] == k[batch] == v[batch]):
            raise ValueError(
                f"{given}; expected {axes}, with as many values as keys, and equal batches"
            )
        return is_single

    def _weights(self) -> list[Any]:
        """Return the three weights of the projections."""
        if self.in_proj_weight is not None:
            return [self.in_proj_weight] * 3
        return [self.q_proj_weight, self.k_proj_weight, self.v_proj_weight]

    def _projected(self, query: Any, key: Any, value: Any) -> list[Any]:
        """Compute queries, keys and values; of one sequence in a single product."""
        if query is key is value and self.in_proj_weight is not None:
            return split(product(query, self.in_proj_weight, self.in_proj_bias), 3, axis=-1)
        size, found = self.out_proj.weight.shape[0], []
        for position, (x, weight) in enumerate(
            zip((query, key, value), self._weights(), strict=True)
        ):
            part = slice(position * size, (position + 1) * size)
            if self.in_proj_weight is not None:
                weight = getitem(weight, (slice(None), part))
            bias = None if self.in_proj_bias is None else self.in_proj_bias[part]
            found.append(product(x, weight, bias))
        return found

    def _in_heads(self, x: Any, is_single: bool) -> Any:
        """Reshape sequences to (batch, heads, length, features of a head)."""
        x = x[None] if is_single else x if self.batch_first else swapaxes(x, 0, 1)
        size = x.shape[-1] // self.num_heads  # not -1, which an empty batch leaves open
        return swapaxes(reshape(x, (*x.shape[:2], self.num_heads, size)), 1, 2)

    def describe(self) -> str:
        """Return ``embed_dim, num_heads``."""
        return f"{self.out_proj.weight.shape[0]}, num_heads={self.num_heads}"


def drawn_evenly(generator: Generator, inputs: int, outputs: int) -> NDArray[np.float64]:
    """Draw weights uniformly from ``±1 / sqrt(inputs)``, as PyTorch does for its linear layers.

    Parameters
    ----------
    generator : numpy.random.Generator
    inputs, outputs : int
        Number of input and of output features.
    """
    limit = 1 / np.sqrt(inputs)
    return generator.uniform(-limit, limit, (inputs, outputs))


def _padding_shapes(q: Any, k: Any, is_single: bool) -> list[tuple[int, ...]]:
    return [(k.shape[2],)] if is_single else [(q.shape[0], k.shape[2])]


def _attention_shapes(q: Any, k: Any) -> list[tuple[int, ...]]:
    (batch, heads, queries, _), keys = q.shape, k.shape[2]
    return [(queries, keys), (batch * heads, queries, keys)]


def _spread(mask: Any, name: str, shapes: list[tuple[int, ...]], stack: tuple[int, ...]) -> Any:
    """Check a mask of PyTorch's kind, and return it as `scaled_dot_product_attention` takes it.

    Its axes become those of the scores, (batch, heads, L, S), and True becomes a place that is
    seen.
    """
    shape = np.shape(mask)
    if shape not in shapes:
        raise ValueError(f"{name} has shape {shape}; expected {' or '.join(map(str, shapes))}")
    mask = mask if isinstance(mask, Tensor | np.ndarray) else np.asarray(mask)
    if mask.dtype.kind == "b":
        mask = np.logical_not(values_of(mask))
    elif mask.dtype.kind != "f":
        raise TypeError(
            f"{name} of dtype {mask.dtype}; expected booleans, True where a key must not be seen "
            "(.astype(bool)), or floating numbers to add to the scores"
        )
    if name == "key_padding_mask":
        return reshape(mask, (-1, 1, 1, shape[-1]))
    return mask if len(shape) == 2 else reshape(mask, (*stack, *shape[1:]))


def _joined(masks: list[Any]) -> Any:
    """Join two masks; if one of them holds numbers, both are added."""
    if len(masks) < 2:
        return masks[0] if masks else None
    if all(mask.dtype.kind == "b" for mask in masks):
        return np.logical_and(*masks)
    return add(*(where(m, 0.0, -np.inf) if m.dtype.kind == "b" else m for m in masks))
