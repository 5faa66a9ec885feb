"""Runs a training in the processes that `mpiexec` started: one program, one set of messages.

The group of processes is in `nn.bridges.mpi`; how they train together, in `nn.training`.
"""

from __future__ import annotations

import argparse
import contextlib
import os
import warnings
from collections.abc import Callable, Iterator, Mapping
from typing import TYPE_CHECKING

from tinygrad_edu.errors import printable

from ..distributed import is_agreed
from ..training.signals import Terminated
from .arguments import say

if TYPE_CHECKING:
    from ..distributed import Collective

__all__ = ["add_distributed", "run_alone_or_together"]

# The number of processes and that of this one, as the launchers of MPI libraries set them.
_LAUNCHERS = (
    ("PMI_SIZE", "PMI_RANK"),  # MPICH and Intel MPI
    ("OMPI_COMM_WORLD_SIZE", "OMPI_COMM_WORLD_RANK"),  # Open MPI
    ("PMIX_SIZE", "PMIX_RANK"),
)


def add_distributed(parser: argparse.ArgumentParser) -> None:
    """Add the option of the commands that train."""
    parser.add_argument(
        "--distributed",
        action="store_true",
        help="train in all processes of mpiexec -n N tinygrad-edu ...",
    )


def run_alone_or_together(
    is_distributed: bool, run: Callable[[Collective | None], int], *, is_quiet: bool
) -> int:
    """Run a command in this process, or in all that `mpiexec` started.

    Parameters
    ----------
    is_distributed : bool
        Whether ``--distributed`` was given.
    run : callable
        ``run(collective)`` runs the command, and returns its status.
    is_quiet : bool
        Whether a note is left out.

    Returns
    -------
    int
        The status, the same in all processes.

    Raises
    ------
    ValueError
        If there are several processes without the option. Nothing was written then.
    """
    size, rank = launched(os.environ)
    if not is_distributed:
        if size > 1:
            if rank:  # the message of the first one is enough
                return 2
            raise ValueError(
                f"mpiexec started {size} processes, and each would train the same model into the "
                "same folder; add --distributed, and they train it together"
            )
        return run(None)
    from ..bridges.mpi import connect

    ended: BaseException | None = None
    with connect(show=_words) as group, _warnings_of_rank_0(group):
        if group.size == 1 and not is_quiet:
            say("note: one process; several are started by: mpiexec -n 4 tinygrad-edu ...")
        try:
            return run(group)
        except BaseException as error:
            # Alone, nobody waits. An error of all ranks ends each as usual; any other ends the job.
            if group.size > 1 and not is_agreed(error):
                raise
            ended = error
    if group.rank == 0:
        raise ended
    return _status(ended)


def launched(environment: Mapping[str, str]) -> tuple[int, int]:
    """Return the number of processes that a launcher started, and which one this is.

    Parameters
    ----------
    environment : mapping of str to str
        The environment variables.

    Examples
    --------
    >>> launched({"PMI_SIZE": "4", "PMI_RANK": "2"}), launched({})
    ((4, 2), (1, 0))
    """
    for size, rank in _LAUNCHERS:
        texts = environment.get(size, ""), environment.get(rank, "")
        if all(text.isdecimal() for text in texts):
            return int(texts[0]), int(texts[1])
    return 1, 0


def _words(error: BaseException) -> str:
    """Return the error of a rank as the command line shows errors."""
    text = f"{type(error).__name__}: {error}"
    if isinstance(error, OSError) and error.filename:
        text = f"{error.filename}: {error.strerror}"
    elif isinstance(error, ValueError | RuntimeError | ImportError | Terminated) and str(error):
        text = str(error)
    return f"tinygrad-edu: error: {printable(text)}"


def _status(error: BaseException) -> int:
    if isinstance(error, KeyboardInterrupt):
        return 130
    return 128 + error.signal if isinstance(error, Terminated) else 2


@contextlib.contextmanager
def _warnings_of_rank_0(group: Collective) -> Iterator[None]:
    """Show warnings once: all processes read the same data."""
    with contextlib.ExitStack() as stack:
        if group.rank:
            stack.enter_context(warnings.catch_warnings())
            warnings.simplefilter("ignore")
        yield
