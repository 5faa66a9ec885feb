"""The protocol through which the processes of a training talk, and the one for a single process.

A process is called a rank, as in MPI. Nothing here knows what is reduced, or over which network.
"""

from __future__ import annotations

from typing import Any, Protocol

from numpy.typing import NDArray

__all__ = ["Alone", "Collective"]


class Collective(Protocol):
    """A group of processes in which all call the same methods in the same order.

    Attributes
    ----------
    rank : int
        The number of this process, from 0.
    size : int
        The number of processes.
    """

    rank: int
    size: int

    def allreduce(self, array: NDArray[Any]) -> None:
        """Add up the arrays of all ranks, in place.

        All ranks get the same bits, and the same bits in each run with as many ranks.

        Parameters
        ----------
        array : ndarray, contiguous
            Of the same shape and dtype on all ranks.
        """

    def broadcast(self, value: Any) -> Any:
        """Return the value of rank 0 on all ranks.

        Parameters
        ----------
        value : object
            Arrays, numbers, texts, None, and lists, tuples and dictionaries of them; ignored except
            on rank 0.
        """

    def barrier(self) -> None:
        """Return when all ranks have called it."""


class Alone:
    """The group of a single process: nothing is sent.

    Examples
    --------
    >>> import numpy as np
    >>> from nn.distributed import Alone
    >>> alone, array = Alone(), np.array([1.0, 2.0])
    >>> alone.allreduce(array)
    >>> alone.rank, alone.size, array.tolist()
    (0, 1, [1.0, 2.0])
    """

    rank, size = 0, 1

    def allreduce(self, array: NDArray[Any]) -> None:
        """Leave the array as it is."""

    def broadcast(self, value: Any) -> Any:
        """Return the value."""
        return value

    def barrier(self) -> None:
        """Return at once."""
