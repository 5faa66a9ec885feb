"""A group of ranks that are threads of one process, to try and test what runs on several machines.

It makes nothing faster. It needs no other package, and shows the same numbers as processes would.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from ..checks import check_count
from .collective import Collective

__all__ = ["run_threads"]

T = TypeVar("T")


class _Meeting:
    """What the threads of a group share."""

    def __init__(self, size: int) -> None:
        self.barrier = threading.Barrier(size)
        self.values: list[Any] = [None] * size


class _Thread:
    """The `Collective` of one thread."""

    def __init__(self, rank: int, size: int, meeting: _Meeting) -> None:
        self.rank, self.size, self._meeting = rank, size, meeting

    def _exchange(self, value: Any) -> list[Any]:
        """Return the values of all ranks."""
        meeting = self._meeting
        meeting.values[self.rank] = value
        meeting.barrier.wait()
        values = list(meeting.values)
        meeting.barrier.wait()  # nobody writes before all have read
        return values

    def allreduce(self, array: NDArray[Any]) -> None:
        """Add up the arrays of all ranks, in place and in the order of the ranks."""
        total = None
        for other in self._exchange(array.copy()):
            total = other.copy() if total is None else np.add(total, other, out=total)
        array[...] = total

    def broadcast(self, value: Any) -> Any:
        """Return the value of rank 0."""
        return self._exchange(value)[0]

    def barrier(self) -> None:
        """Wait for all ranks."""
        self._exchange(None)


def run_threads(size: int, function: Callable[[Collective], T]) -> list[T]:
    """Call a function in several threads, which form a group.

    Parameters
    ----------
    size : int
        The number of ranks.
    function : callable
        ``function(collective)`` is called once for each rank.

    Returns
    -------
    list
        The results, in the order of the ranks.

    Raises
    ------
    Exception
        The error of the first rank that raised one; the others are released.

    Examples
    --------
    >>> import numpy as np
    >>> from nn.distributed import run_threads
    >>> def total(collective):
    ...     array = np.array([float(collective.rank + 1)])
    ...     collective.allreduce(array)
    ...     return array.item()
    >>> run_threads(3, total)
    [6.0, 6.0, 6.0]
    """
    check_count("size", size)
    meeting = _Meeting(size)
    results: list[Any] = [None] * size
    errors: list[BaseException] = []

    def run(rank: int) -> None:
        try:
            results[rank] = function(_Thread(rank, size, meeting))
        except threading.BrokenBarrierError as error:  # another rank raised an error
            errors.append(error)
        except BaseException as error:
            errors.insert(0, error)
            meeting.barrier.abort()

    threads = [threading.Thread(target=run, args=(rank,), daemon=True) for rank in range(size)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if errors:
        raise errors[0]
    return results
