"""PyTorch, under the names and with the signatures of this package.

A case calls an operation of the library that it is handed: `tinygrad_edu`, `numpy`, or `PEER` from
here, which does the same with PyTorch and so gives its values and gradients to compare with. An
adapter only translates arguments; what is computed and differentiated is PyTorch's own.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from operator import attrgetter
from types import SimpleNamespace
from typing import Any

import numpy as np
import torch
from torch import linalg
from torch.nn import functional

import tinygrad_edu as tg

NOT_IN_TORCH = {
    "hinge_loss": "it has others of that kind, for embeddings and for several margins",
    "partition": "it has kthvalue and topk, but nothing that leaves the rest in some order",
}
"""Operations of ours that PyTorch has not, under any name: they stand on the other oracles."""

DIFFERS = {
    "batch_norm by given averages": "it passes no gradient on to averages that are given",
    "logaddexp far apart": "its second derivative is nan, where an exponential overflows",
    "median (0, 3) {'axis': 1}": "its quantile refuses an array without elements",
    "remainder of a number": "`7 % tensor` has no derivative there",
    "sinc near 0": "its derivative is 0 below 1e-8, where two terms cancel",
}
"""Cases in which the two are not the same, and how: there PyTorch is not the oracle."""


def tensor(value: Any) -> torch.Tensor:
    """Read numbers, arrays and lists; tensors stay what they are."""
    return value if isinstance(value, torch.Tensor) else torch.from_numpy(np.array(value))


# Elementwise functions take numbers and arrays beside tensors -----------------------------------

SAME = """
    absolute add arccos arccosh arcsin arcsinh arctan arctan2 arctanh copysign cos cosh deg2rad
    divide exp exp2 expm1 float_power fmax fmin hypot log log10 log1p log2 logaddexp logaddexp2
    maximum minimum multiply negative rad2deg reciprocal sign sin sinc sinh sqrt
    square subtract tan tanh where
    nn.functional.relu nn.functional.selu nn.functional.silu special.erf special.xlogy
"""
RENAMED = {
    "cbrt": lambda x: torch.copysign(torch.pow(torch.abs(x), 1 / 3), x),
    "copy": torch.clone,
    "fabs": torch.abs,
    "log_sigmoid": functional.logsigmoid,
    "power": torch.pow,
    "remainder": lambda x, y: torch.remainder(x.double(), y),  # has no derivative for integers
    "sigmoid": torch.special.expit,
}


def elementwise(function: Callable[..., Any]) -> Callable[..., Any]:
    """Let a function of tensors take numbers and arrays too."""
    return lambda *operands: function(*map(tensor, operands))


def clip(x: torch.Tensor, min: Any = None, max: Any = None) -> torch.Tensor:
    """Clamp between tensors, or open ends."""
    low, high = (end if end is None else tensor(end) for end in (min, max))
    return x.clone() if low is None and high is None else torch.clamp(x, low, high)


# Reductions: of the last axis, which is made of all axes that are to be reduced -----------------


def axes_of(x: torch.Tensor, axis: Any) -> list[int]:
    """List axes, none of them negative."""
    axes = range(x.ndim) if axis is None else np.atleast_1d(np.array(axis, dtype=int)).tolist()
    return [i % x.ndim for i in axes]


def reducing(function: Callable[..., Any]) -> Callable[..., Any]:
    """Let a function of the last axis reduce the axes that NumPy's `axis` means."""

    def reduce(x: Any, axis: Any = None, *, keepdims: bool = False, **keywords: Any) -> Any:
        axes = axes_of(x, axis)
        kept = [i for i in range(x.ndim) if i not in axes]
        sizes = [*(x.shape[i] for i in kept), math.prod(x.shape[i] for i in axes)]
        out = function(x.permute([*kept, *axes]).reshape(sizes), **keywords)
        return out.reshape(
            [1 if i in axes else n for i, n in enumerate(x.shape)] if keepdims else sizes[:-1]
        )

    return reduce


def average(x: Any, axis: Any = None, weights: Any = None, *, keepdims: bool = False) -> Any:
    """Weighted sum over the sum of the weights."""
    if weights is None:
        return REDUCTIONS["mean"](x, axis, keepdims=keepdims)
    weights = tensor(weights)
    if weights.shape != x.shape:
        axes = axes_of(x, axis)
        shape = [n if i in axes else 1 for i, n in enumerate(x.shape)]
        weights = weights.permute(*np.argsort(axes)).reshape(shape)
    weights = weights.broadcast_to(x.shape)
    total = REDUCTIONS["sum"](weights, axis, keepdims=keepdims)
    return REDUCTIONS["sum"](x * weights, axis, keepdims=keepdims) / total


def flattened(function: Callable[..., Any]) -> Callable[..., Any]:
    """Let a function along an axis take None for the axis, which flattens."""

    def along(x: Any, *arguments: Any, axis: Any) -> Any:
        return function(x.flatten() if axis is None else x, *arguments, axis or 0)

    return along


def diff(x: Any, n: int = 1, axis: int = -1, prepend: Any = None, append: Any = None) -> Any:
    """Let numbers stand for one place along the axis."""
    place = x.narrow(axis, 0, 1) * 0 if x.ndim else x
    ends = [
        end if end is None else place + tensor(end) if np.ndim(end) == 0 else tensor(end)
        for end in (prepend, append)
    ]
    return torch.diff(x, n, axis, *ends)


REDUCTIONS = {
    "sum": reducing(lambda x: x.sum(-1)),
    "mean": reducing(lambda x: x.mean(-1)),
    "prod": reducing(lambda x: x.prod(-1)),
    "max": reducing(lambda x: x.amax(-1)),
    "min": reducing(lambda x: x.amin(-1)),
    "ptp": reducing(lambda x: x.amax(-1) - x.amin(-1)),
    "var": reducing(lambda x, ddof=0: x.var(-1, correction=ddof)),
    "std": reducing(lambda x, ddof=0: x.std(-1, correction=ddof)),
    "nansum": reducing(lambda x: x.nansum(-1)),
    "nanmean": reducing(lambda x: x.nanmean(-1)),
    "median": reducing(lambda x: x.quantile(0.5, -1)),  # its own median is the lower one of two
    "logsumexp": reducing(lambda x: x.logsumexp(-1)),
    "average": average,
}


# Shapes -----------------------------------------------------------------------------------------


def many(sizes: Any) -> tuple[int, ...]:
    """Read one number, or several."""
    return tuple(np.atleast_1d(sizes).tolist())


def joined(arrays: Any, axis: Any = 0) -> Any:
    arrays = list(map(tensor, arrays))
    return torch.cat([x.flatten() for x in arrays]) if axis is None else torch.cat(arrays, axis)


def expand_dims(x: Any, axis: Any) -> Any:
    axes = many(axis)
    for i in sorted(i % (x.ndim + len(axes)) for i in axes):
        x = x.unsqueeze(i)
    return x


def roll(x: Any, shift: Any, axis: Any = None) -> Any:
    shifts, axes = np.broadcast_arrays(shift, () if axis is None else axis)
    return torch.roll(
        x, many(shift) if axis is None else shifts.ravel().tolist(), axes.ravel().tolist()
    )


def pad(x: Any, pad_width: Any, mode: str = "constant", *, constant_values: Any = 0) -> Any:
    if mode != "constant":  # of those, PyTorch pads the last axes only; so it takes by number
        places = np.pad(np.arange(x.numel()).reshape(x.shape), pad_width, mode=mode)
        return x.flatten()[tensor(places)]
    frame = np.pad(np.zeros(x.shape), pad_width, constant_values=constant_values)
    widths = np.broadcast_to(pad_width, (x.ndim, 2))[::-1].ravel().tolist()
    inside = functional.pad(torch.ones_like(x), widths)
    return torch.where(inside == 1, functional.pad(x, widths), tensor(frame))


def split(x: Any, indices_or_sections: Any, axis: int = 0) -> Any:
    return torch.tensor_split(
        x, many(indices_or_sections) if np.ndim(indices_or_sections) else indices_or_sections, axis
    )


# Indexing ---------------------------------------------------------------------------------------


def plain(index: Any) -> Any:
    """Read our tensors in an index as arrays."""
    if isinstance(index, tuple):
        return tuple(map(plain, index))
    return np.asarray(index) if hasattr(index, "requires_grad") else index


def places(shape: Any, index: Any) -> np.ndarray:
    """Number the elements of an array, and give the numbers of those at an index."""
    return np.asarray(np.arange(math.prod(shape)).reshape(shape)[plain(index)])


def getitem(x: Any, index: Any) -> Any:
    """Take by number: PyTorch knows no negative steps."""
    return x.flatten()[tensor(places(x.shape, index))]


def put_at(x: Any, index: Any, shape: Any) -> Any:
    where = tensor(places(shape, index))
    zeros = torch.zeros(math.prod(shape), dtype=torch.float64)
    return zeros.index_add(0, where.flatten(), x.broadcast_to(where.shape).flatten()).reshape(shape)


def index_update(x: Any, index: Any, value: Any) -> Any:
    """Put one after the other, so that the last one stays where a place is repeated."""
    elements, where = list(x.flatten()), places(x.shape, index)
    for place, new in zip(
        where.flat, tensor(value).broadcast_to(where.shape).flatten(), strict=True
    ):
        elements[place] = new
    return torch.stack(elements).reshape(x.shape)


def take(x: Any, indices: Any, axis: Any = None, mode: str = "raise") -> Any:
    if axis is None:
        return take(x.flatten(), indices, 0, mode)
    numbers = np.take(np.arange(x.shape[axis]), np.array(plain(indices), dtype=int), mode=mode)
    return x[(slice(None),) * (axis % x.ndim) + (tensor(numbers),)]


def take_along_axis(x: Any, indices: Any, axis: Any = -1) -> Any:
    if axis is None:
        return take_along_axis(x.flatten(), indices, 0)
    return torch.take_along_dim(x, tensor(plain(indices)).long() % x.shape[axis], axis)


# Windows ----------------------------------------------------------------------------------------


def both(numbers: Any, axes: int) -> list[int]:
    """Read numbers for one axis or two as numbers for two: PyTorch knows images only."""
    given = np.broadcast_to(numbers, axes).tolist()
    return [1] * (2 - axes) + given


def sliding_windows(x: Any, kernel: Any, stride: Any = 1, dilation: Any = 1) -> Any:
    kernel = many(kernel)
    axes = len(kernel)
    before, sizes = x.shape[: x.ndim - axes], x.shape[x.ndim - axes :]
    images = x.reshape(-1 if x.numel() else 0, 1, *both(sizes, axes))
    windows = [both(numbers, axes) for numbers in (kernel, dilation, 0, stride)]
    windows[2] = [0, 0]
    steps = zip(sizes, kernel, *(np.broadcast_to(n, axes) for n in (stride, dilation)), strict=True)
    places = [(n - (k - 1) * d - 1) // s + 1 for n, k, s, d in steps]
    return functional.unfold(images, *windows).reshape(*before, *kernel, *places)


def overlap_add(x: Any, shape: Any, stride: Any = 1, dilation: Any = 1) -> Any:
    axes = x.ndim - len(shape)
    before = len(shape) - axes
    kernel = x.shape[before : before + axes]
    windows = [both(numbers, axes) for numbers in (shape[before:], kernel, dilation, 0, stride)]
    windows[3] = [0, 0]
    columns = x.reshape(
        math.prod(shape[:before]),
        math.prod(kernel),
        -1 if x.numel() else math.prod(x.shape[before + axes :]),
    )
    return functional.fold(columns, *windows).reshape(shape)


def convolution(function: Callable[..., Any]) -> Callable[..., Any]:
    """Let a convolution take arrays beside tensors."""
    return lambda x, weight, *bias, **metadata: function(
        x.to(weight.dtype), weight, *bias, **metadata
    )


def pooling(function: Callable[..., Any]) -> Callable[..., Any]:
    """Let a pooling take a matrix: PyTorch's wants channels."""

    def pool(x: Any, *arguments: Any, **metadata: Any) -> Any:
        out = function(x.reshape(-1 if x.numel() else 0, 1, *x.shape[-2:]), *arguments, **metadata)
        return out.reshape(*x.shape[:-2], *out.shape[-2:])

    return pool


# Products ---------------------------------------------------------------------------------------


def dot(x: Any, y: Any) -> Any:
    if min(x.ndim, y.ndim) == 0:
        return x * y
    if max(x.ndim, y.ndim) <= 2:
        return x @ y
    return torch.tensordot(x, y, ([-1], [-2 if y.ndim > 1 else -1]))


def cross(
    a: Any, b: Any, axisa: int = -1, axisb: int = -1, axisc: int = -1, axis: Any = None
) -> Any:
    if axis is not None:
        axisa = axisb = axisc = axis
    a, b = torch.broadcast_tensors(a.movedim(axisa, -1), b.movedim(axisb, -1))
    return linalg.cross(a, b).movedim(-1, axisc)


def einsum(*operands: Any, optimize: Any = True) -> Any:
    return torch.einsum(*operands)


# Linear algebra ---------------------------------------------------------------------------------


def solve(a: Any, b: Any) -> Any:
    """Solve as NumPy does: `b` is a vector only if it has one axis."""
    a = a.to(b.dtype)
    return linalg.solve(a, b[:, None])[..., 0] if b.ndim == 1 else linalg.solve(a, b)


def svd(x: Any, full_matrices: bool = True, compute_uv: bool = True) -> Any:
    return linalg.svd(x, full_matrices) if compute_uv else linalg.svdvals(x)


# Networks ---------------------------------------------------------------------------------------


def batch_norm(
    x: Any, weight: Any = None, bias: Any = None, *, mean: Any = None, variance: Any = None,
    eps: float = 1e-5,
) -> Any:  # fmt: skip
    return functional.batch_norm(x, mean, variance, weight, bias, mean is None, eps=eps)


def layer_norm(
    x: Any, weight: Any = None, bias: Any = None, *, axis: Any = -1, eps: float = 1e-5
) -> Any:
    axes = sorted(axes_of(x, axis))
    ends = list(range(-len(axes), 0))
    sizes = [x.shape[i] for i in axes]
    out = functional.layer_norm(x.movedim(axes, ends), sizes, weight, bias, eps)
    return out.movedim(ends, axes)


def dropout(x: Any, p: float = 0.5, **settings: Any) -> Any:
    """Take the mask from here: PyTorch draws others."""
    return x * tensor(tg.dropout(np.ones(x.shape), p, **settings))


def loss(function: Callable[..., Any], labels: Any = torch.double) -> Callable[..., Any]:
    """Let a loss take numbers and arrays, and weights as lists; `labels` is the dtype it wants."""

    def between(x: Any, y: Any, **settings: Any) -> Any:
        weights = {
            n: tensor(settings[n]).double() for n in ("weight", "pos_weight") if n in settings
        }
        return function(x, tensor(y).to(labels), **settings | weights)

    return between


PEERS: dict[str, Callable[..., Any]] = {
    **{path.rpartition(".")[2]: elementwise(attrgetter(path)(torch)) for path in SAME.split()},
    **{name: elementwise(function) for name, function in RENAMED.items()},
    **REDUCTIONS,
    # Elementwise, with metadata
    "astype": lambda x, dtype: x.to(getattr(torch, np.dtype(dtype).name)),
    "clip": clip,
    "elu": functional.elu,
    "gelu": functional.gelu,
    "hardtanh": functional.hardtanh,
    "leaky_relu": functional.leaky_relu,
    # Beyond its threshold PyTorch takes the value itself for softplus: 2e-9 away from it.
    "softplus": lambda x, beta=1.0: functional.softplus(x, beta, threshold=500),
    "softmax": lambda x, axis=-1: torch.softmax(x, axis),
    "log_softmax": lambda x, axis=-1: torch.log_softmax(x, axis),
    # Along an axis
    "diff": diff,
    "cumsum": lambda x, axis=None: flattened(torch.cumsum)(x, axis=axis),
    "cumprod": lambda x, axis=None: flattened(torch.cumprod)(x, axis=axis),
    "sort": lambda x, axis=-1: flattened(lambda y, i: torch.sort(y, i).values)(x, axis=axis),
    # Shapes
    "atleast_1d": torch.atleast_1d,
    "atleast_2d": torch.atleast_2d,
    "atleast_3d": torch.atleast_3d,
    "broadcast_to": lambda x, shape: torch.broadcast_to(x, many(shape)),
    "expand_dims": expand_dims,
    "matrix_transpose": lambda x: x.mT,
    "moveaxis": torch.moveaxis,
    "ravel": lambda x, order="C": (x if order == "C" else x.permute(*range(x.ndim)[::-1])).reshape(
        -1
    ),
    "reshape": lambda x, shape: torch.reshape(x, many(shape)),
    "squeeze": lambda x, axis=None: x.squeeze() if axis is None else x.squeeze(axis),
    "sum_to": lambda x, shape: x.sum_to_size(shape),
    "swapaxes": torch.swapaxes,
    "transpose": lambda x, axes=None: x.permute(
        list(range(x.ndim))[::-1] if axes is None else axes
    ),
    # Joining and rearranging
    "array_split": split,
    "column_stack": lambda arrays: torch.column_stack(list(map(tensor, arrays))),
    "concatenate": joined,
    "flip": lambda x, axis=None: torch.flip(x, axes_of(x, axis)),
    "fliplr": torch.fliplr,
    "flipud": torch.flipud,
    "hstack": lambda arrays: torch.hstack(list(map(tensor, arrays))),
    "pad": pad,
    "repeat": lambda x, repeats, axis=None: torch.repeat_interleave(x, tensor(repeats), axis),
    "roll": roll,
    "rot90": torch.rot90,
    "split": split,
    "stack": lambda arrays, axis=0: torch.stack(list(map(tensor, arrays)), axis),
    "tile": lambda x, reps: torch.tile(x, many(reps)),
    "unstack": lambda x, axis=0: torch.unbind(x, axis),
    "vstack": lambda arrays: torch.vstack(list(map(tensor, arrays))),
    # Indexing
    "diag": torch.diag,
    "diagonal": lambda x, offset=0, axis1=0, axis2=1: torch.diagonal(x, offset, axis1, axis2),
    "getitem": getitem,
    "index_add": lambda x, index, value: x + put_at(tensor(value), index, x.shape),
    "index_update": index_update,
    "put_at": put_at,
    "take": take,
    "take_along_axis": take_along_axis,
    "trace": lambda x, offset=0, axis1=0, axis2=1: torch.diagonal(x, offset, axis1, axis2).sum(-1),
    "tril": lambda x, k=0: torch.tril(x, k),
    "triu": lambda x, k=0: torch.triu(x, k),
    # Products
    "cross": cross,
    "dot": dot,
    "einsum": einsum,
    "inner": torch.inner,
    "kron": torch.kron,
    "linear": lambda x, weight, bias: functional.linear(x, weight.mT, bias),
    "matmul": torch.matmul,
    "outer": lambda x, y: torch.outer(x.flatten(), y.flatten()),
    "tensordot": lambda x, y, axes=2: torch.tensordot(
        x, y, axes if isinstance(axes, int) else tuple(map(many, axes))
    ),
    "vdot": lambda x, y: torch.vdot(x.flatten(), y.flatten()),
    # Windows
    "avg_pool2d": pooling(functional.avg_pool2d),
    "conv1d": convolution(functional.conv1d),
    "conv2d": convolution(functional.conv2d),
    "max_pool2d": pooling(functional.max_pool2d),
    "overlap_add": overlap_add,
    "sliding_windows": sliding_windows,
    # Linear algebra
    "linalg.cholesky": linalg.cholesky,
    "linalg.det": linalg.det,
    "linalg.eigh": linalg.eigh,
    "linalg.eigvalsh": linalg.eigvalsh,
    "linalg.inv": linalg.inv,
    "linalg.matrix_power": lambda x, n: linalg.matrix_power(x, int(n)),
    "linalg.multi_dot": linalg.multi_dot,
    "linalg.norm": lambda x, ord=None, axis=None, keepdims=False: linalg.norm(
        x, ord, axis, keepdims
    ),
    "linalg.pinv": lambda x, rcond=None, rtol=None: linalg.pinv(x, rtol=rcond or rtol),
    "linalg.slogdet": linalg.slogdet,
    "linalg.solve": solve,
    "linalg.svd": svd,
    "linalg.svdvals": linalg.svdvals,
    # Networks
    "batch_norm": batch_norm,
    "dropout": dropout,
    "embedding": lambda indices, weight: functional.embedding(indices.long(), weight),
    "layer_norm": layer_norm,
    # Losses
    "binary_cross_entropy_with_logits": loss(functional.binary_cross_entropy_with_logits),
    "cross_entropy": loss(functional.cross_entropy, torch.long),
    "huber_loss": loss(functional.huber_loss),
    "kl_div": loss(functional.kl_div),
    "l1_loss": loss(functional.l1_loss),
    "mse_loss": loss(functional.mse_loss),
    "nll_loss": loss(functional.nll_loss, torch.long),
    "softmax_cross_entropy": loss(functional.cross_entropy, torch.long),
}
"""Our operations, and what PyTorch does for them; a name with a dot is one of `linalg`."""

PEER = SimpleNamespace(
    **{name: function for name, function in PEERS.items() if "." not in name},
    linalg=SimpleNamespace(
        **{n.partition(".")[2]: function for n, function in PEERS.items() if "." in n}
    ),
)
"""What a case is handed in the place of a library."""
