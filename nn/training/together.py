"""What the processes of a distributed training do together, besides taking steps.

How they talk is in `nn.distributed`.
"""

from __future__ import annotations

import hashlib
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.random import Generator

from ..data.files import STANDARD_INPUT, listed_files, would_stream
from ..data.forms import is_path
from ..distributed import Agreement, RankError, broadcast_state
from ..module import Module
from .loop import Loop
from .options import Plan
from .signals import FIRST, StopSignals

if TYPE_CHECKING:
    from .classifier import Classifier

__all__ = ["checked_sources", "compared_after_epoch", "same_generator", "same_start"]

_OF_RANK_0 = ("figures", "overwrite", "checkpoint_every")
"""Options that only the process which writes and draws looks at."""


def checked_sources(agreement: Agreement, net: Classifier, plan: Plan) -> Plan:
    """Check that all processes were started alike, before they read data.

    Parameters
    ----------
    agreement : Agreement
        Of the processes.
    net : Classifier
        What they train.
    plan : Plan
        The options of this process.

    Returns
    -------
    Plan
        With the decision of all processes whether the data are read from disk.

    Raises
    ------
    RankError
        On all processes, if an option differs; it names each.
    ValueError
        For standard input, which only one process can read.
    """
    if not agreement.is_shared:
        return plan
    agreement.check_equal(
        {name: _text(name, value) for name, value in plan.given.items() if name not in _OF_RANK_0}
        | {name: str(value) for name, value in net._settings.items()}
        | {
            "structure": repr(net.structure),
            "seed": repr(net.seed),
            "task": net.task,
            "trained before": str(net._fitted),
        }
    )
    data = [plan.train_data, plan.test_data, plan.get("validation")]
    sources = [one for one in data if is_path(one)]
    paths = [path for one in sources for path in listed_files(one, "train_data")[0]]
    if STANDARD_INPUT in paths:
        raise ValueError(
            "standard input reaches only one process of a distributed training; save the data to "
            "a file that all of them can read"
        )
    if "stream" in plan.given or not paths:
        return plan
    needs = would_stream(paths, net.dtype, agreement.collective.size)
    if "yes" not in agreement.exchange("yes" if needs else "no"):
        return plan
    return replace(plan, given={**plan.given, "stream": True})


def _text(name: str, value: Any) -> str:
    """Return an option as text; data are compared when they are read, and may have other paths."""
    if name == "callbacks":
        return f"{len(value)} of them"
    is_plain = isinstance(value, str | int | float | list | tuple | dict | np.number)
    if not is_plain or (name == "validation" and is_path(value)):
        return "data"
    return repr(value)


def same_start(agreement: Agreement, network: Module, generator: Generator) -> None:
    """Give all processes the weights and the random numbers of rank 0.

    Parameters
    ----------
    agreement : Agreement
        Of the processes.
    network : Module
        Is changed, except on rank 0.
    generator : numpy.random.Generator
        Its state is changed, except on rank 0.
    """
    if agreement.is_shared:
        agreement.exchange()  # nobody has failed
        broadcast_state(network, agreement.collective)
        same_generator(agreement, generator)


def same_generator(agreement: Agreement, generator: Generator) -> None:
    """Give all processes the random numbers of rank 0.

    Parameters
    ----------
    agreement : Agreement
        Of the processes.
    generator : numpy.random.Generator
        Its state is changed, except on rank 0.
    """
    state = agreement.broadcast(generator.bit_generator.state)
    if not agreement.is_first:
        generator.bit_generator.state = state


def compared_after_epoch(agreement: Agreement, loop: Loop, signals: StopSignals) -> None:
    """Check that all processes have the same weights, and stop all of them if one has to.

    Parameters
    ----------
    agreement : Agreement
        Of the processes.
    loop : Loop
        After an epoch. It is stopped if a callback of any process did that.
    signals : StopSignals
        The signal that any process has received is agreed on.

    Raises
    ------
    RankError
        On all processes, if weights or random numbers differ.
    """
    digest = _digest(loop.network.state_dict(), loop.generator)
    mine = (digest, str(signals.received or 0), loop.stopped or "")
    found = [text.split("\0", 2) for text in agreement.exchange("\0".join(mine))]
    other = next((rank for rank, one in enumerate(found) if one[0] != found[0][0]), None)
    if other is not None:
        error = RankError(
            f"rank {other} has other weights or random numbers than rank 0 after epoch "
            f"{len(loop.history)}; the model is not saved. Machines that round differently, or a "
            "callback that changes one process only, lead to this"
        )
        raise agreement.mark(error)
    loop.stopped = next((reason for _, _, reason in found if reason), None)
    received = {int(number) for _, number, _ in found}
    signals.agree(next((one for one in FIRST if one in received), 0))


def _digest(state: Any, generator: Generator) -> str:
    digest = hashlib.sha256(repr(generator.bit_generator.state).encode())
    for name, values in state.items():
        digest.update(name.encode())
        digest.update(np.ascontiguousarray(values).data)
    return digest.hexdigest()
