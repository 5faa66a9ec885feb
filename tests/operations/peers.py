"""PyTorch, under the names and with the signatures of this package.

A case calls an operation of the library that it is handed: `tinygrad_edu`, `numpy`, or `PEER` from
here, which does the same with PyTorch and so gives its values and gradients to compare with.
"""

from __future__ import annotations

from collections.abc import Callable
from operator import attrgetter
from types import SimpleNamespace
from typing import Any

import numpy as np
import torch
from torch import linalg
from torch.nn import functional

from . import peer_adapters as adapters
from . import peer_windows as windows
from .peer_adapters import elementwise, line, loss, many, reducing, tensor
from .peer_windows import convolution, pooling, transposed
from .peers_from_numpy import FROM_NUMPY
from .peers_from_pytorch import FROM_PYTORCH

SAME = """
    absolute add arccos arccosh arcsin arcsinh arctan arctan2 arctanh copysign cos cosh deg2rad
    divide exp exp2 expm1 float_power fmax fmin hypot log log10 log1p log2 logaddexp logaddexp2
    maximum minimum multiply negative rad2deg reciprocal sign sin sinc sinh sqrt
    square subtract tan tanh where
    nn.functional.relu nn.functional.selu nn.functional.silu special.erf special.xlogy
    nn.functional.hardswish nn.functional.mish nn.functional.relu6 nn.functional.softsign
    nn.functional.tanhshrink
"""
RENAMED = {
    "cbrt": lambda x: torch.copysign(torch.abs(x) ** (1 / 3), x),
    "copy": torch.clone,
    "fabs": torch.abs,
    "log_sigmoid": functional.logsigmoid,
    "power": torch.pow,
    "remainder": lambda x, y: torch.remainder(x.double(), y),  # has no derivative for integers
    "sigmoid": torch.special.expit,
}
REDUCTIONS = {
    "ptp": reducing(lambda x: x.amax(-1) - x.amin(-1)),
    "nansum": reducing(lambda x: x.nansum(-1)),
    "nanmean": reducing(lambda x: x.nanmean(-1)),
    "median": reducing(lambda x: x.quantile(0.5, -1)),  # its own median is the lower one of two
    "logsumexp": reducing(lambda x: x.logsumexp(-1)),
}

PEERS: dict[str, Callable[..., Any]] = {
    **{path.rpartition(".")[2]: elementwise(attrgetter(path)(torch)) for path in SAME.split()},
    **{name: elementwise(function) for name, function in RENAMED.items()},
    **REDUCTIONS,
    "average": adapters.average,
    # Elementwise, with metadata
    "astype": lambda x, dtype: x.to(getattr(torch, np.dtype(dtype).name)),
    "clip": adapters.clip,
    "celu": functional.celu,
    "div": torch.div,
    "elu": functional.elu,
    "gelu": functional.gelu,
    "glu": functional.glu,
    "hardshrink": functional.hardshrink,
    # Its own function divides by 6 in float32, and has no second derivative.
    "hardsigmoid": lambda x: functional.relu6(x + 3) / 6,
    "hardtanh": functional.hardtanh,
    "leaky_relu": functional.leaky_relu,
    "quick_gelu": lambda x: x * torch.sigmoid(1.702 * x),
    "prelu": functional.prelu,
    "softshrink": functional.softshrink,
    "threshold": functional.threshold,
    # Beyond its threshold PyTorch takes the value itself for softplus: 2e-9 away from it.
    "softplus": lambda x, beta=1.0: functional.softplus(x, beta, threshold=500),
    "softmax": lambda x, axis=-1: torch.softmax(x, axis),
    "log_softmax": lambda x, axis=-1: torch.log_softmax(x, axis),
    # Along an axis
    "diff": adapters.diff,
    "cumsum": lambda x, axis=None: torch.cumsum(*line(x, axis)),
    "cumprod": lambda x, axis=None: torch.cumprod(*line(x, axis)),
    "sort": lambda x, axis=-1: torch.sort(*line(x, axis)).values,
    # Shapes
    "atleast_1d": torch.atleast_1d,
    "atleast_2d": torch.atleast_2d,
    "atleast_3d": torch.atleast_3d,
    "broadcast_to": lambda x, shape: torch.broadcast_to(x, many(shape)),
    "expand_dims": adapters.expand_dims,
    "linalg.matrix_transpose": lambda x: x.mT,
    "moveaxis": torch.moveaxis,
    "ravel": lambda x, order="C": (x if order == "C" else adapters.transpose(x)).flatten(),
    "squeeze": lambda x, axis=None: x.squeeze() if axis is None else x.squeeze(axis),
    "sum_to": lambda x, shape: x.sum_to_size(shape),
    "swapaxes": torch.swapaxes,
    "transpose": adapters.transpose,
    # Joining and rearranging
    "array_split": adapters.split,
    "column_stack": lambda arrays: torch.column_stack(list(map(tensor, arrays))),
    "concatenate": adapters.concatenate,
    "flip": lambda x, axis=None: torch.flip(x, adapters.axes_of(x, axis)),
    "fliplr": torch.fliplr,
    "flipud": torch.flipud,
    "hstack": lambda arrays: torch.hstack(list(map(tensor, arrays))),
    "repeat": lambda x, repeats, axis=None: torch.repeat_interleave(x, tensor(repeats), axis),
    "roll": adapters.roll,
    "rot90": torch.rot90,
    "split": adapters.split,
    "stack": lambda arrays, axis=0: torch.stack(list(map(tensor, arrays)), axis),
    "tile": lambda x, reps: torch.tile(x, many(reps)),
    "unstack": lambda x, axis=0: torch.unbind(x, axis),
    "vstack": lambda arrays: torch.vstack(list(map(tensor, arrays))),
    # Indexing
    "diag": torch.diag,
    "diagonal": lambda x, offset=0, axis1=0, axis2=1: torch.diagonal(x, offset, axis1, axis2),
    "getitem": adapters.getitem,
    "index_add": lambda x, index, value: x + adapters.put_at(tensor(value), index, x.shape),
    "index_update": adapters.index_update,
    "put_at": adapters.put_at,
    "take": adapters.take,
    "take_along_axis": adapters.take_along_axis,
    "trace": lambda x, offset=0, axis1=0, axis2=1: torch.diagonal(x, offset, axis1, axis2).sum(-1),
    "tril": lambda x, k=0: torch.tril(x, k),
    "triu": lambda x, k=0: torch.triu(x, k),
    # Products
    "linalg.cross": adapters.cross,
    "dot": adapters.dot,
    "einsum": torch.einsum,
    "inner": torch.inner,
    "kron": torch.kron,
    "linear": lambda x, weight, bias: functional.linear(x, weight.mT, bias),
    "linalg.matmul": torch.matmul,
    "linalg.outer": lambda x, y: torch.outer(x.flatten(), y.flatten()),
    "linalg.tensordot": lambda x, y, axes=2: torch.tensordot(
        x, y, axes if isinstance(axes, int) else tuple(map(many, axes))
    ),
    "vdot": lambda x, y: torch.vdot(x.flatten(), y.flatten()),
    # Windows
    **{f"avg_pool{n}d": pooling(getattr(functional, f"avg_pool{n}d"), n) for n in (1, 2, 3)},
    **{f"max_pool{n}d": pooling(getattr(functional, f"max_pool{n}d"), n) for n in (1, 2, 3)},
    **{f"conv{n}d": convolution(getattr(functional, f"conv{n}d")) for n in (1, 2, 3)},
    **{
        f"conv_transpose{n}d": transposed(getattr(functional, f"conv_transpose{n}d"))
        for n in (1, 2, 3)
    },
    **{
        f"adaptive_{kind}_pool{n}d": pooling(getattr(functional, f"adaptive_{kind}_pool{n}d"), n)
        for kind, n in [("avg", 1), ("avg", 2), ("avg", 3), ("max", 1), ("max", 2)]
    },
    "interpolate": windows.interpolate,
    "max_unpool2d": windows.max_unpool2d,
    "pixel_shuffle": functional.pixel_shuffle,
    "pixel_unshuffle": functional.pixel_unshuffle,
    "overlap_add": windows.overlap_add,
    "sliding_windows": windows.sliding_windows,
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
    "linalg.solve": adapters.solve,
    "linalg.svd": adapters.svd,
    "linalg.svdvals": linalg.svdvals,
    # Networks
    "batch_norm": adapters.batch_norm,
    "dropout": adapters.dropout,
    "embedding": lambda indices, weight: functional.embedding(indices.long(), weight),
    "group_norm": functional.group_norm,
    "instance_norm": lambda x, weight=None, bias=None, **eps: functional.instance_norm(
        x, None, None, weight, bias, **eps
    ),
    "layer_norm": adapters.layer_norm,
    "rms_norm": adapters.rms_norm,
    # Sequences
    "gru_sequence": adapters.gru_sequence,
    "lstm_sequence": adapters.lstm_sequence,
    "rnn_sequence": adapters.rnn_sequence,
    "scaled_dot_product_attention": adapters.attention,
    # Losses
    "binary_cross_entropy_with_logits": loss(functional.binary_cross_entropy_with_logits),
    "cross_entropy": loss(functional.cross_entropy, torch.long),
    "huber_loss": loss(functional.huber_loss),
    "kl_div": loss(functional.kl_div),
    "l1_loss": loss(functional.l1_loss),
    "mse_loss": loss(functional.mse_loss),
    "smooth_l1_loss": loss(functional.smooth_l1_loss),
    "nll_loss": loss(functional.nll_loss, torch.long),
    "softmax_cross_entropy": loss(functional.cross_entropy, torch.long),
    **FROM_NUMPY,
    **FROM_PYTORCH,
}
"""Our operations, and what PyTorch does for them; a name with a dot is one of `linalg` or `fft`."""

PEER = SimpleNamespace(
    **{name: function for name, function in PEERS.items() if "." not in name},
    **{
        module: SimpleNamespace(
            **{n.partition(".")[2]: f for n, f in PEERS.items() if n.startswith(f"{module}.")}
        )
        for module in ("fft", "linalg")
    },
)
"""What a case is handed in the place of a library."""
