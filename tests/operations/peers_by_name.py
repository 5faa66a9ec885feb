"""PyTorch's functions that have the same name here, with the arguments that ours take.

Each translates arguments, and leaves what is computed and differentiated to PyTorch.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from torch.nn import functional

from .peer_adapters import tensor


def numbers(index: Any) -> torch.Tensor:
    """Read whole numbers, also those of an empty list."""
    return torch.from_numpy(np.array(index, dtype=np.int64))


def source(x: Any, src: Any) -> Any:
    return src if isinstance(src, torch.Tensor) else torch.full_like(x, src)


def scatter(x: Any, axis: int, index: Any, src: Any, *, reduce: Any = None) -> Any:
    """Put one after the other, so that the last one stays where a place is repeated."""
    if reduce is not None:
        how = {"add": "sum", "multiply": "prod"}[reduce]
        return torch.scatter_reduce(x, axis, numbers(index), source(x, src), how)
    index, src, out = numbers(index), source(x, src), x
    for place in np.ndindex(tuple(index.shape)):
        where = torch.zeros_like(x, dtype=torch.bool)
        target = list(place)
        target[axis] = int(index[place])
        where[tuple(target)] = True
        out = torch.where(where, src[place], out)
    return out


def scatter_reduce(
    x: Any, axis: int, index: Any, src: Any, reduce: str, *, include_self: bool = True
) -> Any:
    index = numbers(index)
    if reduce != "prod":
        return torch.scatter_reduce(x, axis, index, src, reduce, include_self=include_self)
    # Its own product cannot be differentiated twice.
    out = x if include_self else torch.scatter(x, axis, index, torch.ones_like(src))
    for row in range(index.shape[0]):
        for column in range(index.shape[1]):
            factor = torch.ones_like(x)
            factor[index[row, column], column] = 0
            out = out * (factor + (1 - factor) * src[row, column])
    return out


def segments(reduce: str, none: float) -> Callable[..., Any]:
    """Make a reduction of groups from the one of PyTorch that scatters."""

    def segment(x: Any, ids: Any, count: Any = None) -> Any:
        ids = numbers(ids)
        count = int(ids.max()) + 1 if count is None else count
        if reduce == "prod":
            rows = [x[ids == number].prod(0) for number in range(count)]
            return torch.stack(rows)
        start = torch.full((count, *x.shape[1:]), none, dtype=x.dtype)
        if not len(ids):
            return start + 0 * x.sum()
        index = ids.reshape(-1, *(1,) * (x.ndim - 1)).expand(x.shape)
        return torch.scatter_reduce(start, 0, index, x, reduce, include_self=False)

    return segment


def segment_softmax(x: Any, ids: Any, count: int) -> Any:
    ids, out = numbers(ids), 0 * x
    for number in range(count):
        rows = torch.nonzero(ids == number)[:, 0]
        if len(rows):
            out = out.index_add(0, rows, torch.softmax(x[rows], 0))
    return out


def both_first(function: Callable[..., Any]) -> Callable[..., Any]:
    """Let a loss of two inputs and signs take the signs as an array."""
    return lambda x, y, t, **settings: function(x, y, tensor(t).double(), **settings)


BY_NAME: dict[str, Callable[..., Any]] = {
    "fmod": lambda x, y: torch.fmod(x.double(), y),
    "lerp": torch.lerp,
    "rsqrt": torch.rsqrt,
    "meshgrid": lambda *x, indexing="xy", sparse=False: (
        torch.broadcast_tensors(*torch.meshgrid(*x, indexing=indexing))
        if not sparse
        else torch.meshgrid(*x, indexing=indexing)
    ),
    "std_mean": lambda x, axis=None, *, correction=1, keepdims=False: torch.std_mean(
        x, axis, correction=correction, keepdim=keepdims
    ),
    "var_mean": lambda x, axis=None, *, correction=1, keepdims=False: torch.var_mean(
        x, axis, correction=correction, keepdim=keepdims
    ),
    # Taking and putting
    "gather": lambda x, axis, index: torch.gather(x, axis, numbers(index)),
    "index_select": lambda x, axis, index: torch.index_select(x, axis, numbers(index)),
    "masked_fill": lambda x, mask, value: torch.masked_fill(x, tensor(mask), value),
    "masked_select": lambda x, mask: torch.masked_select(x, tensor(mask)),
    "scatter": scatter,
    "scatter_add": lambda x, axis, index, src: torch.scatter_add(x, axis, numbers(index), src),
    "scatter_reduce": scatter_reduce,
    "segment_sum": segments("sum", 0.0),
    "segment_mean": segments("mean", 0.0),
    "segment_max": segments("amax", 0.0),
    "segment_min": segments("amin", 0.0),
    "segment_prod": segments("prod", 1.0),
    "segment_softmax": segment_softmax,
    # Along an axis
    "chunk": torch.chunk,
    "cummax": torch.cummax,
    "cummin": torch.cummin,
    "logcumsumexp": torch.logcumsumexp,
    "topk": lambda x, k, axis=-1, **settings: torch.topk(x, k, axis, **settings),
    "fold": functional.fold,
    "unfold": functional.unfold,
    "unfold_axis": lambda x, axis, size, step: x.unfold(axis, size, step),
    # Distances
    # Its own cannot be differentiated twice.
    "cdist": lambda x, y, p=2.0: torch.linalg.vector_norm(
        x[..., :, None, :] - y[..., None, :, :], p, -1
    ),
    "cosine_similarity": lambda x, y, axis=1: torch.cosine_similarity(x, y, axis),
    "normalize": lambda x, p=2.0, axis=1, eps=1e-12: functional.normalize(x, p, axis, eps),
    "pairwise_distance": lambda x, y, p=2.0, eps=1e-6, keepdims=False: functional.pairwise_distance(
        x, y, p, eps, keepdims
    ),
    # Losses
    "cosine_embedding_loss": both_first(functional.cosine_embedding_loss),
    "gaussian_nll_loss": lambda x, t, v, **settings: functional.gaussian_nll_loss(
        x, t, v.broadcast_to(x.shape), **settings
    ),
    "margin_ranking_loss": both_first(functional.margin_ranking_loss),
    "poisson_nll_loss": lambda x, t, **settings: functional.poisson_nll_loss(
        x, tensor(t).double(), **settings
    ),
    "triplet_margin_loss": functional.triplet_margin_loss,
}
