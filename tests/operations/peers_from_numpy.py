"""PyTorch for the functions that follow NumPy: composed where it has none of that name.

The other operations are in `peers.py`.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from torch import linalg

from . import peer_adapters as adapters
from .peer_adapters import reducing, tensor

INF = float("inf")


def optional(
    reduce: Callable[..., Any], neutral: float, combine: Callable[..., Any]
) -> Callable[..., Any]:
    """Let a reduction take ``where=`` and ``initial=``."""

    def reduced(x: Any, *args: Any, initial: Any = None, where: Any = None, **keywords: Any) -> Any:
        if where is not None:
            x = torch.where(tensor(where), x, neutral)
        out = reduce(x, *args, **keywords)
        return out if initial is None else combine(out, tensor(initial).to(out.dtype))

    return reduced


def filled(function: Callable[..., Any], value: float) -> Callable[..., Any]:
    """Replace nan first."""
    return lambda x, *args, **keywords: function(
        torch.where(torch.isnan(x), value, x), *args, **keywords
    )


sum = optional(adapters.sum, 0.0, torch.add)
prod = optional(reducing(lambda x: x.prod(-1)), 1.0, torch.mul)
max = optional(reducing(lambda x: x.amax(-1)), -INF, torch.maximum)
min = optional(reducing(lambda x: x.amin(-1)), INF, torch.minimum)


def mean(x: Any, axis: Any = None, *, where: Any = True, keepdims: bool = False) -> Any:
    if where is True:
        return adapters.mean(x, axis, keepdims=keepdims)
    mask = tensor(np.broadcast_to(np.asarray(where), x.shape).copy())
    total = adapters.sum(torch.where(mask, x, 0.0), axis, keepdims=keepdims)
    return total / adapters.sum(mask.to(x.dtype), axis, keepdims=keepdims)


def var(
    x: Any, axis: Any = None, *, ddof: float = 0, keepdims: bool = False, where: Any = True,
    mean: Any = None,
) -> Any:  # fmt: skip
    if where is True and mean is None:
        return reducing(lambda x: x.var(-1, correction=ddof))(x, axis, keepdims=keepdims)
    mask = tensor(np.broadcast_to(np.asarray(where), x.shape).copy())
    count = adapters.sum(mask.to(x.dtype), axis, keepdims=True)
    kept = torch.where(mask, x, 0.0)
    center = adapters.sum(kept, axis, keepdims=True) / count if mean is None else mean
    squares = torch.where(mask, x - center, 0.0) ** 2
    total = adapters.sum(squares, axis, keepdims=keepdims)
    return total / (count.reshape(total.shape) - ddof)


def spread(*args: Any, **keywords: Any) -> Any:
    return var(*args, **keywords) ** 0.5


def std(x: Any, axis: Any = None, **keywords: Any) -> Any:
    if {"where", "mean"} & set(keywords):
        return spread(x, axis, **keywords)
    return reducing(lambda x, ddof=0: x.std(-1, correction=ddof))(x, axis, **keywords)


def skipping(function: Callable[..., Any]) -> Callable[..., Any]:
    """Leave nan out of what a function takes."""

    def called(x: Any, *args: Any, where: Any = True, **keywords: Any) -> Any:
        there = ~torch.isnan(x.detach())
        both = (there & tensor(where)).numpy() if where is not True else there.numpy()
        return function(torch.where(there, x, 0.0), *args, where=both, **keywords)

    return called


def quantile(scale: float, skip: bool) -> Callable[..., Any]:
    """Compute quantiles from sorted rows."""

    def quantiles(
        x: Any, q: Any, axis: Any = None, *, method: str = "linear", keepdims: bool = False
    ) -> Any:
        shares = np.asarray(q) / scale

        def of_rows(rows: Any) -> Any:
            rows = rows.sort(-1).values
            counts = (
                (~torch.isnan(rows)).sum(-1)
                if skip
                else torch.full(rows.shape[:-1], rows.shape[-1])
            )
            found = []
            for share in shares.ravel():
                place = [
                    np.quantile(np.arange(n), share, method=method) for n in counts.ravel().tolist()
                ]
                places = torch.tensor(np.array(place)).reshape(counts.shape)
                low, high = places.floor().long(), places.ceil().long()
                part = places - low
                ends = [rows.gather(-1, i[..., None])[..., 0] for i in (low, high)]
                found.append(ends[0] * (1 - part) + torch.where(part > 0, ends[1], 0.0) * part)
            return torch.stack(found)

        axes = adapters.axes_of(x, axis)
        kept = [i for i in range(x.ndim) if i not in axes]
        rows = x.permute([*kept, *axes]).reshape([*(x.shape[i] for i in kept), -1])
        shape = (
            [1 if i in axes else n for i, n in enumerate(x.shape)] if keepdims else rows.shape[:-1]
        )
        return of_rows(rows).reshape([*shares.shape, *shape])

    return quantiles


def numbered(move: Callable[..., Any]) -> Callable[..., Any]:
    """Move elements as NumPy moves their numbers."""

    def moved(x: Any, *args: Any, **keywords: Any) -> Any:
        places = move(np.arange(x.numel()).reshape(x.shape), *args, **keywords)
        return x.flatten()[tensor(places)]

    return moved


def insert(x: Any, position: Any, values: Any, axis: Any = None) -> Any:
    numbers = np.arange(x.numel() + values.numel())
    places = np.insert(
        numbers[: x.numel()].reshape(x.shape), position,
        numbers[x.numel() :].reshape(values.shape), axis,
    )  # fmt: skip
    return torch.cat([x.flatten(), values.flatten()])[tensor(places)]


def block(arrays: Any) -> Any:
    if not isinstance(arrays, list):
        return arrays.clone()
    if isinstance(arrays[0], list):
        return torch.cat([torch.cat(row, -1) for row in arrays], -2)
    return torch.cat([torch.atleast_1d(x) for x in arrays], -1)


def cumulative(scan: Callable[..., Any], first: float) -> Callable[..., Any]:
    def scanned(x: Any, axis: Any = 0, include_initial: bool = False) -> Any:
        start = torch.full_like(x.narrow(axis, 0, 1), first)
        return scan(torch.cat([start, x], axis) if include_initial else x, axis)

    return scanned


def gradient(x: Any, *spacing: Any, axis: Any = None, edge_order: int = 1) -> Any:
    if spacing and isinstance(spacing[0], torch.Tensor) and spacing[0].requires_grad:
        # PyTorch's passes no gradient to places; this is the formula of its documentation.
        places = spacing[0] if spacing[0].ndim else spacing[0] * torch.arange(len(x))
        h = places.diff()
        slopes = x.diff() / h
        inside = (h[1:] * slopes[:-1] + h[:-1] * slopes[1:]) / (h[1:] + h[:-1])
        ends = [slopes[:1], slopes[-1:]]
        if edge_order == 2:
            ends = [
                slopes[:1] + (slopes[:1] - slopes[1:2]) * h[0] / (h[0] + h[1]),
                slopes[-1:] + (slopes[-1:] - slopes[-2:-1]) * h[-1] / (h[-1] + h[-2]),
            ]
        return torch.cat([ends[0], inside, ends[1]])
    keywords = {"spacing": float(spacing[0])} if spacing else {}
    out = torch.gradient(x, dim=axis, edge_order=edge_order, **keywords)
    return out[0] if len(out) == 1 else out


def trapezoid(y: Any, x: Any = None, dx: float = 1.0, axis: int = -1) -> Any:
    return torch.trapezoid(y, dx=dx, dim=axis) if x is None else torch.trapezoid(y, x, dim=axis)


def interp(
    x: Any, xp: Any, fp: Any, left: Any = None, right: Any = None, period: Any = None
) -> Any:
    if period is not None:
        xp, order = (xp % period).sort()
        fp, x = fp[order], x % period
        xp = torch.cat([xp[-1:] - period, xp, xp[:1] + period])
        fp = torch.cat([fp[-1:], fp, fp[:1]])
    place = torch.searchsorted(xp.detach(), x.detach(), right=True) - 1
    place = place.clamp(0, len(xp) - 2 if len(xp) > 1 else 0)
    after = (place + 1).clamp(max=len(xp) - 1)
    run = xp[after] - xp[place] if len(xp) > 1 else 1.0
    out = fp[place] + (fp[after] - fp[place]) / run * (x - xp[place])
    out = torch.where(x < xp[0], fp[0] if left is None else tensor(left), out)
    return torch.where(x > xp[-1], fp[-1] if right is None else tensor(right), out)


def sliding(a: Any, v: Any, mode: str) -> Any:
    """Correlate, the first one not the shorter."""
    before = {"full": len(v) - 1, "same": len(v) // 2, "valid": 0}[mode]
    count = {"full": len(a) + len(v) - 1, "same": len(a), "valid": len(a) - len(v) + 1}[mode]
    framed = torch.nn.functional.pad(a, (before, len(v)))
    return torch.nn.functional.conv1d(framed[None, None], v[None, None])[0, 0, :count]


def convolve(a: Any, v: Any, mode: str = "full") -> Any:
    return sliding(a, v.flip(0), mode) if len(a) >= len(v) else sliding(v, a.flip(0), mode)


def correlate(a: Any, v: Any, mode: str = "valid") -> Any:
    return sliding(a, v, mode) if len(a) >= len(v) else sliding(v, a, mode).flip(0)


def polyval(p: Any, x: Any) -> Any:
    powers = [x**n for n in range(len(p))][::-1]
    return torch.stack([c * power for c, power in zip(p, powers, strict=True)]).sum(0)


def cov(
    x: Any, y: Any = None, rowvar: bool = True, bias: bool = False, ddof: Any = None,
    fweights: Any = None, aweights: Any = None,
) -> Any:  # fmt: skip
    rows = x if y is None else torch.stack([x, y])
    correction = (0 if bias else 1) if ddof is None else ddof
    times = None if fweights is None else tensor(fweights)
    rows = rows if rowvar else rows.T
    return torch.cov(rows, correction=correction, fweights=times, aweights=aweights)


def corrcoef(x: Any, y: Any = None) -> Any:
    return torch.corrcoef(x if y is None else torch.stack([x, y]))


def select(conditions: Any, choices: Any, default: Any = 0.0) -> Any:
    for condition, choice in zip(conditions[::-1], choices[::-1], strict=True):
        default = torch.where(tensor(condition), choice, default)
    return default


def piecewise(x: Any, conditions: Any, functions: Any) -> Any:
    conditions = list(conditions)
    if len(functions) > len(conditions):
        conditions.append(~np.any(conditions, axis=0))
    out = torch.zeros_like(x)
    for condition, function in zip(conditions, functions, strict=True):
        value = (
            (torch.exp if function is np.exp else function)(x) if callable(function) else function
        )
        out = torch.where(tensor(condition), value, out)
    return out


def pad(x: Any, pad_width: Any, mode: str = "constant", **options: Any) -> Any:
    """Pad with what is linear in the elements that are taken: NumPy finds which, and how."""
    negative = not isinstance(pad_width, dict) and np.min(pad_width) < 0
    if (
        not options
        and mode in ("constant", "edge", "reflect", "symmetric", "wrap")
        and not negative
    ):
        return adapters.pad(x, pad_width, mode)
    if negative:
        widths = np.broadcast_to(pad_width, (x.ndim, 2))[::-1].ravel().tolist()
        return torch.nn.functional.pad(x, widths)
    by_index = ("edge", "reflect", "symmetric", "wrap")
    if mode == "constant" or (mode in by_index and not options):
        return adapters.pad(x, pad_width, mode, **options)
    array, units = x.detach().numpy(), np.eye(x.numel()).reshape(-1, *x.shape)
    base = np.pad(array, pad_width, mode=mode, **options)
    columns = [
        (np.pad(array + 0.0625 * u, pad_width, mode=mode, **options)
         - np.pad(array - 0.0625 * u, pad_width, mode=mode, **options)) / 0.125
        for u in units
    ]  # fmt: skip
    matrix = torch.tensor(np.stack(columns, -1))
    moved = matrix @ x.flatten()
    return moved + (tensor(base) - moved.detach())


def qr_part(x: Any, mode: str = "reduced") -> Any:
    return linalg.qr(x)[1] if mode == "r" else linalg.qr(x)


def lstsq(a: Any, b: Any) -> Any:
    b = b if isinstance(b, torch.Tensor) else torch.tensor(np.asarray(b, float))
    x = linalg.pinv(a) @ b
    rest = ((b - a @ x) ** 2).sum(0)
    return x, rest.reshape(-1), 0, linalg.svdvals(a)


def vector_norm(x: Any, *, axis: Any = None, keepdims: bool = False, ord: Any = 2) -> Any:
    return linalg.vector_norm(x, ord, axis, keepdims)


FROM_NUMPY: dict[str, Callable[..., Any]] = {
    "sum": sum,
    "prod": prod,
    "max": max,
    "min": min,
    "mean": mean,
    "var": var,
    "std": std,
    "nanmax": filled(max, -INF),
    "nanmin": filled(min, INF),
    "nanprod": filled(prod, 1.0),
    "nanvar": skipping(var),
    "nanstd": skipping(spread),
    "nanmedian": lambda x, axis=None, keepdims=False: quantile(1, True)(
        x, 0.5, axis, keepdims=keepdims
    ),
    "quantile": quantile(1, False),
    "percentile": quantile(100, False),
    "nanquantile": quantile(1, True),
    "nanpercentile": quantile(100, True),
    "nancumsum": filled(lambda x, axis=None: torch.cumsum(*adapters.line(x, axis)), 0.0),
    "nancumprod": filled(lambda x, axis=None: torch.cumprod(*adapters.line(x, axis)), 1.0),
    "nan_to_num": torch.nan_to_num,
    "cumulative_sum": cumulative(torch.cumsum, 0.0),
    "cumulative_prod": cumulative(torch.cumprod, 1.0),
    "append": lambda x, values, axis=None: adapters.concatenate([x, values], axis),
    "delete": numbered(np.delete),
    "insert": insert,
    "rollaxis": numbered(np.rollaxis),
    "compress": lambda condition, x, axis: x.index_select(axis, tensor(condition).nonzero()[:, 0]),
    "extract": lambda condition, x: x[tensor(condition)],
    "block": block,
    "dstack": lambda arrays: torch.dstack(list(arrays)),
    "hsplit": torch.hsplit,
    "vsplit": torch.vsplit,
    "dsplit": torch.dsplit,
    "broadcast_arrays": torch.broadcast_tensors,
    "diagflat": torch.diagflat,
    "positive": torch.positive,
    "real": torch.clone,
    "conjugate": torch.conj,
    "divmod": lambda x, y: (torch.floor_divide(x, y), torch.remainder(x, y)),
    "modf": lambda x: (torch.frac(x), torch.trunc(x)),
    "heaviside": lambda x, y: 0 * tensor(x) + torch.where(tensor(x) == 0, y, 1.0 * (tensor(x) > 0)),
    "select": select,
    "piecewise": piecewise,
    "gradient": gradient,
    "trapezoid": trapezoid,
    "interp": interp,
    "convolve": convolve,
    "correlate": correlate,
    "polyval": polyval,
    "cov": cov,
    "corrcoef": corrcoef,
    "pad": pad,
    "reshape": numbered(np.reshape),
    "linalg.vecdot": lambda x, y, axis=-1: linalg.vecdot(x, y, dim=axis),
    "matvec": lambda x, y: (x @ y[..., None])[..., 0],
    "vecmat": lambda x, y: (x[..., None, :] @ y)[..., 0, :],
    "fft.fft": lambda x, n=None, axis=-1, norm=None: torch.fft.fft(x, n, axis, norm),
    "fft.irfft": lambda x, n=None, axis=-1, norm=None: torch.fft.irfft(x, n, axis, norm),
    "fft.rfft": lambda x, n=None, axis=-1, norm=None: torch.fft.rfft(x, n, axis, norm),
    "linalg.qr": qr_part,
    "linalg.lstsq": lstsq,
    "linalg.vector_norm": vector_norm,
    "linalg.matrix_norm": lambda x, keepdims=False, ord="fro": linalg.matrix_norm(
        x, ord, keepdim=keepdims
    ),
    "linalg.cond": linalg.cond,
    "linalg.diagonal": lambda x, offset=0: torch.diagonal(x, offset, -2, -1),
    "linalg.trace": lambda x, offset=0: torch.diagonal(x, offset, -2, -1).sum(-1),
}
"""Our operations, and what PyTorch does for them."""
