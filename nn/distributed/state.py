"""Gives all ranks the same network, and checks that they still have it.

Parameters are not averaged: they stay equal because all ranks make the same updates.
"""

from __future__ import annotations

import hashlib
import warnings
from collections.abc import Iterator, Mapping

import numpy as np

from tinygrad_edu import Tensor

from ..layers import BatchNorm1d, BatchNorm2d, BatchNorm3d, Dropout
from ..module import Module
from .agreement import Agreement
from .collective import Collective

__all__ = [
    "average_buffers",
    "broadcast_state",
    "check_state",
    "check_structure",
    "warn_of_differences",
]


def broadcast_state(module: Module, collective: Collective) -> None:
    """Give all ranks the parameters, buffers and random generators of rank 0.

    Parameters
    ----------
    module : Module
        With the same structure on all ranks.
    collective : Collective
        The group.

    Raises
    ------
    RankError
        On all ranks, if the structures differ. Nothing was changed then.

    Examples
    --------
    >>> from nn import MLP
    >>> from nn.distributed import broadcast_state, run_threads
    >>> def bias(collective):
    ...     network = MLP([2, 3], seed=collective.rank)
    ...     broadcast_state(network, collective)
    ...     return network.linear1.weight.data.sum().item()
    >>> one, other = run_threads(2, bias)
    >>> one == other
    True
    """
    check_structure(dict(_tensors(module)), collective)
    state = collective.broadcast(dict(module.state_dict()) if collective.rank == 0 else None)
    if collective.rank:
        module.load_state_dict(state)


def check_state(module: Module, collective: Collective) -> None:
    """Check that all ranks have the same parameters and buffers, to the last bit.

    It sends 256 bytes for each rank and reads all numbers once: call it after each epoch. The
    states of random generators are not compared.

    Parameters
    ----------
    module : Module
        The network.
    collective : Collective
        The group.

    Raises
    ------
    RankError
        On all ranks, if a rank has other numbers; it names the first tensors that differ.

    Examples
    --------
    >>> from nn import MLP
    >>> from nn.distributed import check_state, run_threads
    >>> def program(collective):
    ...     network = MLP([2, 3], seed=0)
    ...     check_state(network, collective)
    ...     return "equal"
    >>> run_threads(2, program)
    ['equal', 'equal']
    """
    if collective.size > 1:
        _check(
            {
                f"values of {name}": hashlib.sha256(tensor.data.tobytes()).hexdigest()
                for name, tensor in _tensors(module)
            },
            collective,
        )


def average_buffers(module: Module, collective: Collective) -> None:
    """Replace floating buffers by their mean over all ranks, and other buffers by those of rank 0.

    The running averages of batch normalisation differ between the ranks, because each sees its own
    rows. Call it before the network is evaluated, saved or checked.

    Parameters
    ----------
    module : Module
        The network.
    collective : Collective
        The group.

    Examples
    --------
    >>> import numpy as np
    >>> from nn import BatchNorm1d
    >>> from nn.distributed import average_buffers, run_threads
    >>> def mean(collective):
    ...     layer = BatchNorm1d(1, momentum=1.0)
    ...     layer(np.full((2, 1), float(collective.rank)))
    ...     average_buffers(layer, collective)
    ...     return layer.running_mean.data.tolist()
    >>> run_threads(2, mean)
    [[0.5], [0.5]]
    """
    if collective.size == 1:
        return
    buffers = module.buffers()
    floating = [buffer for buffer in buffers if buffer.dtype.kind == "f"]
    if floating:
        flat = np.concatenate([buffer.data.reshape(-1).astype(np.float64) for buffer in floating])
        collective.allreduce(flat)
        flat /= collective.size
        ends = np.cumsum([buffer.size for buffer in floating])[:-1]
        for buffer, part in zip(floating, np.split(flat, ends), strict=True):
            buffer.data = part.reshape(buffer.shape).astype(buffer.dtype)
    others = [buffer for buffer in buffers if buffer.dtype.kind != "f"]
    values = collective.broadcast([buffer.data for buffer in others])
    for buffer, value in zip(others, values, strict=True):
        buffer.data = np.array(value)


def check_structure(
    tensors: Mapping[str, Tensor], collective: Collective, more: Mapping[str, str] | None = None
) -> None:
    """Check that all ranks have tensors of the same names, shapes and dtypes, in the same order.

    Parameters
    ----------
    tensors : mapping of str to Tensor
        Parameters and buffers, by name.
    collective : Collective
        The group.
    more : mapping of str to str, optional
        Further texts that must be equal.

    Raises
    ------
    RankError
        On all ranks, if one differs.

    Examples
    --------
    >>> from nn import MLP
    >>> from nn.distributed import run_threads
    >>> from nn.distributed.state import check_structure
    >>> def program(collective):
    ...     check_structure(dict(MLP([2, 3], seed=0).named_parameters()), collective)
    ...     return "equal"
    >>> run_threads(2, program)
    ['equal', 'equal']
    """
    if collective.size > 1:
        found = {
            name: f"{number}: {tensor.dtype}{list(tensor.shape)}"
            + " frozen" * (not tensor.requires_grad)
            for number, (name, tensor) in enumerate(tensors.items())
        }
        _check({**found, **(more or {})}, collective)


def warn_of_differences(module: Module, collective: Collective) -> None:
    """Warn on rank 0 of layers whose results depend on how rows are divided among the ranks.

    Parameters
    ----------
    module : Module
        The network.
    collective : Collective
        The group.
    """
    if collective.rank or collective.size == 1:
        return
    reasons = {
        "normalises by the rows of each rank; call average_buffers() before evaluation": (
            BatchNorm1d,
            BatchNorm2d,
            BatchNorm3d,
        ),
        "draws other masks than one process would": (Dropout,),
    }
    for reason, kinds in reasons.items():
        found = [
            f"{path or 'the network'} ({type(layer).__name__})"
            for path, layer in module.named_modules()
            if isinstance(layer, kinds) and not (isinstance(layer, Dropout) and layer.p == 0)
        ]
        if found:
            listed = ", ".join(found[:3]) + (", ..." if len(found) > 3 else "")
            warnings.warn(
                f"{collective.size} ranks do not train the same network as one process: {listed} "
                f"{reason}",
                stacklevel=4,
            )


def _tensors(module: Module) -> Iterator[tuple[str, Tensor]]:
    yield from module.named_parameters()
    yield from module.named_buffers()


def _check(values: Mapping[str, str], collective: Collective) -> None:
    """Compare a digest of all texts, and the texts themselves only where it differs."""
    digest = hashlib.sha256(repr(list(values.items())).encode()).digest()
    sent = np.zeros((collective.size, len(digest)), np.int64)
    sent[collective.rank] = list(digest)
    collective.allreduce(sent)
    if (sent != sent[0]).any():
        Agreement(collective).check_equal(values)
