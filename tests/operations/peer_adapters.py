"""Lets functions of PyTorch take the arguments that NumPy's and ours take; see `peers.py`.

Each translates arguments, and leaves what is computed and differentiated to PyTorch.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from torch import linalg
from torch.nn import functional
from torch.nn.attention import SDPBackend, sdpa_kernel

import tinygrad_edu as tg


def tensor(value: Any) -> torch.Tensor:
    """Read numbers, arrays and lists; tensors stay what they are."""
    return value if isinstance(value, torch.Tensor) else torch.from_numpy(np.array(value))


# Elementwise functions take numbers and arrays beside tensors -----------------------------------


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
        single = [1 if i in axes else n for i, n in enumerate(x.shape)]
        return out.reshape(single) if keepdims else out

    return reduce


mean = reducing(lambda x: x.mean(-1))
sum = reducing(lambda x: x.sum(-1))


def average(x: Any, axis: Any = None, weights: Any = None, *, keepdims: bool = False) -> Any:
    """Weighted sum over the sum of the weights."""
    if weights is None:
        return mean(x, axis, keepdims=keepdims)
    weights = tensor(weights)
    if weights.shape != x.shape:
        axes = axes_of(x, axis)
        shape = [n if i in axes else 1 for i, n in enumerate(x.shape)]
        weights = weights.permute(*np.argsort(axes)).reshape(shape)
    weights = weights.broadcast_to(x.shape)
    total = sum(weights, axis, keepdims=keepdims)
    return sum(x * weights, axis, keepdims=keepdims) / total


def line(x: Any, axis: Any) -> tuple[Any, int]:
    """Flatten if no axis is given."""
    return (x.flatten(), 0) if axis is None else (x, axis)


def diff(x: Any, n: int = 1, axis: int = -1, prepend: Any = None, append: Any = None) -> Any:
    """Let numbers stand for one place along the axis."""
    place = x.narrow(axis, 0, 1) * 0 if x.ndim else x
    ends = [
        end if end is None else place + tensor(end) if np.ndim(end) == 0 else tensor(end)
        for end in (prepend, append)
    ]
    return torch.diff(x, n, axis, *ends)


# Shapes -----------------------------------------------------------------------------------------


def many(sizes: Any) -> tuple[int, ...]:
    """Read one number, or several."""
    return tuple(np.atleast_1d(sizes).tolist())


def concatenate(arrays: Any, axis: Any = 0) -> Any:
    arrays = list(map(tensor, arrays))
    return torch.cat([x.flatten() for x in arrays]) if axis is None else torch.cat(arrays, axis)


def expand_dims(x: Any, axis: Any) -> Any:
    axes = many(axis)
    for i in sorted(i % (x.ndim + len(axes)) for i in axes):
        x = x.unsqueeze(i)
    return x


def transpose(x: Any, axes: Any = None) -> Any:
    return x.permute(list(range(x.ndim))[::-1] if axes is None else axes)


def roll(x: Any, shift: Any, axis: Any = None) -> Any:
    if axis is None:
        return torch.roll(x, many(shift))
    return torch.roll(
        x, *(numbers.ravel().tolist() for numbers in np.broadcast_arrays(shift, axis))
    )


def pad(x: Any, pad_width: Any, mode: str = "constant", *, constant_values: Any = 0) -> Any:
    if mode != "constant":  # of those, PyTorch pads the last axes only; so it takes by number
        places = np.pad(np.arange(x.numel()).reshape(x.shape), pad_width, mode=mode)
        return x.flatten()[tensor(places)]
    frame = np.pad(np.zeros(x.shape), pad_width, constant_values=constant_values)
    widths = np.broadcast_to(pad_width, (x.ndim, 2))[::-1].ravel().tolist()
    inside = functional.pad(torch.ones_like(x), widths)
    return torch.where(inside == 1, functional.pad(x, widths), tensor(frame))


def split(x: Any, sections: Any, axis: int = 0) -> Any:
    return torch.tensor_split(x, many(sections) if np.ndim(sections) else sections, axis)


# Indexing ---------------------------------------------------------------------------------------


def parts_of(index: Any) -> tuple[Any, ...]:
    """Read the lists, arrays and tensors of ours in an index as arrays."""
    if isinstance(index, tuple):
        return tuple(part for entry in index for part in parts_of(entry))
    if isinstance(index, list) and not index:
        return (np.zeros(0, int),)
    return (np.asarray(index) if hasattr(index, "__len__") else index,)


def places(shape: Any, index: Any) -> Any:
    """Number the elements of an array, and give the numbers of those at an index."""
    return np.asarray(np.arange(math.prod(shape)).reshape(shape)[parts_of(index)])


def getitem(x: Any, index: Any) -> Any:
    parts = parts_of(index)
    if any(isinstance(part, slice) and (part.step or 1) < 0 for part in parts):
        return x.flatten()[tensor(places(x.shape, index))]  # PyTorch knows no negative steps
    return x[tuple(tensor(part) if isinstance(part, np.ndarray) else part for part in parts)]


def put_at(x: Any, index: Any, shape: Any) -> Any:
    where = tensor(places(shape, index))
    zeros = torch.zeros(math.prod(shape), dtype=torch.float64)
    return zeros.index_add(0, where.flatten(), x.broadcast_to(where.shape).flatten()).reshape(shape)


def index_update(x: Any, index: Any, value: Any) -> Any:
    """Put one after the other, so that the last one stays where a place is repeated."""
    elements, where = list(x.flatten()), places(x.shape, index)
    values = tensor(value).broadcast_to(where.shape).flatten()
    for place, new in zip(where.flat, values, strict=True):
        elements[place] = new
    return torch.stack(elements).reshape(x.shape)


def take(x: Any, indices: Any, axis: Any = None, mode: str = "raise") -> Any:
    x, axis = line(x, axis)
    numbers = np.take(np.arange(x.shape[axis]), *parts_of(indices), mode=mode)
    return x[(slice(None),) * (axis % x.ndim) + (tensor(numbers),)]


def take_along_axis(x: Any, indices: Any, axis: Any = -1) -> Any:
    x, axis = line(x, axis)
    return torch.take_along_dim(x, tensor(*parts_of(indices)).long() % x.shape[axis], axis)


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


def rms_norm(x: Any, weight: Any = None, *, axis: Any = -1, eps: Any = None) -> Any:
    axes = sorted(axes_of(x, axis))
    ends = list(range(-len(axes), 0))
    sizes = [x.shape[i] for i in axes]
    return functional.rms_norm(x.movedim(axes, ends), sizes, weight, eps).movedim(ends, axes)


def dropout(x: Any, p: float = 0.5, **settings: Any) -> Any:
    """Take the mask from here: PyTorch draws others."""
    return x * tensor(tg.dropout(np.ones(x.shape), p, **settings))


def rnn_sequence(gates: Any, weight: Any, h0: Any, nonlinearity: str = "tanh") -> Any:
    cell = torch.rnn_tanh_cell if nonlinearity == "tanh" else torch.rnn_relu_cell
    h, eye = h0, torch.eye(len(weight)).to(gates)
    states = [h := cell(gate, h, eye, weight.T) for gate in gates]
    return torch.stack(states)


def lstm_sequence(gates: Any, weight: Any, h0: Any, c0: Any) -> Any:
    state, eye, states = (h0, c0), torch.eye(4 * len(weight)).to(gates), []
    for gate in gates:
        state = torch.lstm_cell(gate, state, eye, weight.T)
        states.append(torch.stack(state))
    return torch.stack(states, 1)


def gru_sequence(gates: Any, weight: Any, bias: Any, h0: Any) -> Any:
    h, eye = h0, torch.eye(3 * len(weight)).to(gates)
    states = [h := torch.gru_cell(gate, h, eye, weight.T, 0 * bias, bias) for gate in gates]
    return torch.stack(states)


def attention(
    query: Any, key: Any, value: Any, attn_mask: Any = None, *, is_causal: bool = False, **kw: Any
) -> Any:
    """Join both masks; only one of its implementations can be differentiated twice."""
    if attn_mask is not None and is_causal:
        attn_mask, is_causal = attn_mask & torch.ones_like(attn_mask).tril(), False
    with sdpa_kernel(SDPBackend.MATH):
        return functional.scaled_dot_product_attention(
            query, key, value, attn_mask, is_causal=is_causal, **kw
        )


def loss(function: Callable[..., Any], labels: Any = torch.double) -> Callable[..., Any]:
    """Let a loss take numbers and arrays, and weights as lists.

    `labels` is the dtype that it wants for labels; probabilities of classes stay as they are.
    """

    def between(x: Any, y: Any, **settings: Any) -> Any:
        for name in {"weight", "pos_weight"} & settings.keys():
            settings[name] = tensor(settings[name]).double()
        targets = tensor(y)
        is_label = not (targets.is_floating_point() and targets.numel())
        return function(x, targets.to(labels) if is_label else targets.double(), **settings)

    return between
