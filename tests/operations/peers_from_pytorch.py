"""PyTorch for the functions that follow PyTorch; most are its own.

The other operations are in `peers.py`.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from torch.nn import functional

from .peer_adapters import elementwise, loss, tensor


def numbers(values: Any) -> torch.Tensor:
    """Read numbers of places."""
    return torch.from_numpy(np.array(values, dtype=np.int64))


def scatter(x: Any, axis: int, index: Any, src: Any, reduce: Any = None) -> Any:
    """Leave the reductions to `scatter_reduce`: only that one has a derivative."""
    if reduce is not None:
        known = {"add": "sum", "multiply": "prod"}
        return scatter_reduce(x, axis, index, src, known[reduce])
    # PyTorch passes the gradient of a place to all of its elements; here the last one has it.
    where = numbers(index)
    if not isinstance(src, torch.Tensor):
        return x.scatter(axis, where, src)
    last = torch.full(x.shape, -1).scatter_reduce(
        axis, where, torch.arange(where.numel()).reshape(where.shape), "amax"
    )
    taken = src[tuple(map(slice, where.shape))].flatten()[last.clamp(min=0)]
    return torch.where(last >= 0, taken, x)


def scatter_reduce(
    x: Any, axis: int, index: Any, src: Any, reduce: str, *, include_self: bool = True
) -> Any:
    """Combine one list for each place, because PyTorch's has no second derivative for some."""
    where = numbers(index)
    src = (
        src
        if isinstance(src, torch.Tensor)
        else torch.full(where.shape, float(src), dtype=torch.double)
    )
    lists: dict[Any, list[Any]] = {}
    for at in np.ndindex(*where.shape):
        place = list(at)
        place[axis] = int(where[at])
        lists.setdefault(tuple(place), []).append(src[at])
    combine = {"sum": torch.sum, "prod": torch.prod, "mean": torch.mean,
               "amax": torch.amax, "amin": torch.amin}[reduce]  # fmt: skip
    first = x.scatter_reduce(
        axis, where, src[tuple(map(slice, where.shape))], reduce, include_self=include_self
    )
    rows = []
    for at in np.ndindex(*x.shape):
        values = [x[at]] * (include_self or at not in lists) + lists.get(at, [])
        rows.append(combine(torch.stack(values), dim=0))
    out = torch.stack(rows).reshape(x.shape)
    torch.testing.assert_close(first, out)
    return out


def segments(x: Any, ids: Any, count: Any) -> tuple[Any, Any, int]:
    """Spread the numbers of segments over the columns, as `scatter_reduce` wants them."""
    where = numbers(ids)
    count = int(where.max()) + 1 if count is None else count
    return where.reshape(-1, *[1] * (x.ndim - 1)).expand(x.shape), where, count


def segment(reduce: str, start: float = 0.0) -> Callable[..., Any]:
    def reduced(x: Any, ids: Any, count: Any = None) -> Any:
        spread, _, count = segments(x, ids, count)
        zeros = torch.full((count, *x.shape[1:]), start, dtype=x.dtype)
        return zeros.scatter_reduce(0, spread, x, reduce, include_self=False)

    return reduced


def segment_softmax(x: Any, ids: Any, count: Any = None) -> Any:
    _, where, count = segments(x, ids, count)
    total = torch.zeros(count, *x.shape[1:], dtype=x.dtype).index_add(0, where, x.exp())
    return x.exp() / total[where]


def meshgrid(*arrays: Any, indexing: str = "xy", sparse: bool = False) -> Any:
    grid = torch.meshgrid(*map(tensor, arrays), indexing=indexing)
    if not sparse:
        return grid
    axes = [*[1, 0][: len(grid)], *range(2, len(grid))]
    return [
        x[tuple(slice(None) if i == axis else slice(1) for i in range(x.ndim))]
        for x, axis in zip(grid, axes, strict=True)
    ]


def moments(function: Callable[..., Any]) -> Callable[..., Any]:
    return lambda x, axis=None, *, correction=1, keepdims=False: function(
        x, axis, correction=correction, keepdim=keepdims
    )


FROM_PYTORCH: dict[str, Callable[..., Any]] = {
    # Elementwise
    "fmod": elementwise(torch.fmod),
    "lerp": torch.lerp,
    "rsqrt": torch.rsqrt,
    # By number
    "gather": lambda x, axis, index: torch.gather(x, axis, numbers(index)),
    "index_select": lambda x, axis, index: torch.index_select(x, axis, numbers(index)),
    "masked_fill": lambda x, mask, value: torch.masked_fill(x, tensor(mask), value),
    "masked_select": lambda x, mask: torch.masked_select(x, tensor(mask)),
    "scatter": scatter,
    "scatter_add": lambda x, axis, index, src: (
        x.scatter_add(axis, numbers(index), src[tuple(map(slice, np.shape(index)))])
        if isinstance(src, torch.Tensor)
        else scatter_reduce(x, axis, index, src, "sum")
    ),
    "scatter_reduce": scatter_reduce,
    "segment_max": segment("amax"),
    "segment_mean": segment("mean"),
    "segment_min": segment("amin"),
    "segment_softmax": segment_softmax,
    "segment_sum": segment("sum"),
    # Along an axis
    **{
        name: getattr(torch, name) for name in ("chunk", "cummax", "cummin", "logcumsumexp", "topk")
    },
    "meshgrid": meshgrid,
    "std_mean": moments(torch.std_mean),
    "var_mean": moments(torch.var_mean),
    # Distances
    "cdist": lambda x, y, p=2.0: torch.linalg.vector_norm(
        x[..., :, None, :] - y[..., None, :, :], p, -1
    ),
    "cosine_similarity": functional.cosine_similarity,
    "normalize": functional.normalize,
    "pairwise_distance": lambda x, y, p=2.0, eps=1e-6, keepdims=False: functional.pairwise_distance(
        x, y, p, eps, keepdims
    ),
    # Losses
    **{
        name: loss(getattr(functional, name))
        for name in ("hinge_embedding_loss", "poisson_nll_loss", "soft_margin_loss")
    },
    "cosine_embedding_loss": functional.cosine_embedding_loss,
    "gaussian_nll_loss": functional.gaussian_nll_loss,
    "margin_ranking_loss": functional.margin_ranking_loss,
    "triplet_margin_loss": functional.triplet_margin_loss,
    # Windows as columns
    "fold": functional.fold,
    "unfold": functional.unfold,
    "unfold_axis": torch.Tensor.unfold,
}
