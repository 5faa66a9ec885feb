"""Joins the processes that `mpiexec` started to a group, and ends all of them when one fails.

Needs mpi4py and an MPI library: ``pip install "tinygrad_edu[distributed]"``. What the group is used
for is in `nn.distributed`; nothing here knows about networks.
"""

from __future__ import annotations

import atexit
import contextlib
import os
import sys
import threading
import time
import traceback
from collections.abc import Callable, Iterator
from types import TracebackType
from typing import Any, NoReturn

import numpy as np
from numpy.typing import NDArray

from ..packages import require

__all__ = ["Processes", "connect"]

_POLL = 0.05  # seconds between two looks for messages of other ranks
_STUCK = 1.0  # seconds after which ranks compare the calls that they wait in
_PATIENCE = 2.0  # seconds that a failing rank waits for rank 0 to print its error
_MOST_ELEMENTS = 2**27  # in one message; MPI libraries before 4.0 count in 32 bits


def connect(
    *, strict: bool = False, show: Callable[[BaseException], str] | None = None
) -> Processes:
    """Join the group of all processes that `mpiexec` started.

    Parameters
    ----------
    strict : bool
        Whether sums are added in the order of the ranks, as `run_threads` does. All ranks get the
        same bits with any MPI library then; a sum takes longer and more memory.
    show : callable, optional
        Turns the error of a failing rank into the text that is printed; by default a traceback.

    Returns
    -------
    Processes
        The group. Use it in a ``with`` block, or until the program ends. A program that was started
        without `mpiexec` is a group of one.

    Raises
    ------
    ModuleNotFoundError
        If mpi4py is not installed.
    ImportError
        If there is no MPI library.

    Examples
    --------
    >>> import numpy as np
    >>> from nn.bridges.mpi import connect
    >>> with connect() as group:
    ...     array = np.array([1.0, 2.0])
    ...     group.allreduce(array)
    >>> group.rank, group.size, array.tolist()
    (0, 1, [1.0, 2.0])
    """
    require("mpi4py", "to train in several processes")
    return Processes(require("mpi4py.MPI", "to train in several processes"), strict, show)


class Processes:
    """The `Collective` of processes over MPI; `connect` makes it.

    If a rank raises an error, ends before the others, or is killed, the whole job ends with a
    status other than 0, and the error is printed once, by rank 0.

    Attributes
    ----------
    rank, size : int
        The number of this process, and of all.
    calls : int
        How many collective calls this rank has made. A rank that leaves earlier than another one is
        found by it.
    """

    def __init__(
        self, mpi: Any, strict: bool = False, show: Callable[[BaseException], str] | None = None
    ) -> None:
        self._mpi, self._strict, self._show = mpi, strict, show or _traceback
        self._world = mpi.COMM_WORLD.Dup()
        self.rank, self.size = int(self._world.rank), int(self._world.size)
        self.calls = 0
        self.current: tuple[int, str, float] | None = None  # call, what it does, since when
        self._is_open = True
        self._watch = _Watch(self, mpi.COMM_WORLD.Dup()) if self.size > 1 else None
        self._world.Barrier()  # all ranks have opened their shared memory
        _remove_names()

    # The protocol ----------------------------------------------------------------------------

    def allreduce(self, array: NDArray[Any]) -> None:
        """Add up the arrays of all ranks, in place.

        float16, which MPI does not have, is added in float32 and rounded once. An array that is not
        contiguous is copied for it.

        Parameters
        ----------
        array : ndarray
            Of numbers; of the same shape and dtype on all ranks.

        Raises
        ------
        TypeError, ValueError
            For an array that is not of numbers or is read-only. Nothing was sent then.
        """
        _check_array(array)
        with self._call(f"allreduce of {array.dtype}{list(array.shape)}"):
            if self.size == 1 or not array.size:
                return
            native = array.dtype.newbyteorder("=")
            dtype = np.dtype(np.float32) if native == np.float16 else native
            flat = np.ascontiguousarray(array, dtype).reshape(-1)
            for start in range(0, flat.size, _MOST_ELEMENTS):
                self._add(flat[start : start + _MOST_ELEMENTS])
            if not np.shares_memory(flat, array):
                array[...] = flat.reshape(array.shape)

    def _add(self, part: NDArray[Any]) -> None:
        if not self._strict:
            self._world.Allreduce(self._mpi.IN_PLACE, part)
            return
        piece = max(1, 2**20 // self.size)
        for start in range(0, part.size, piece):
            mine = part[start : start + piece]
            of_all = np.empty((self.size, mine.size), mine.dtype)
            self._world.Allgather(mine, of_all)
            mine[...] = of_all[0]
            for other in of_all[1:]:
                mine += other

    def broadcast(self, value: Any) -> Any:
        """Return the value of rank 0 on all ranks.

        Arrays travel as they are, everything else as mpi4py packs it (pickle).

        Parameters
        ----------
        value : object
            Arrays, numbers, texts, None, and lists, tuples and dictionaries of them; ignored except
            on rank 0.
        """
        with self._call("broadcast"):
            if self.size == 1:
                return value
            arrays: list[NDArray[Any]] = []
            frame = self._world.bcast(_without_arrays(value, arrays) if self.rank == 0 else None)
            kinds = self._world.bcast([(a.shape, a.dtype.str) for a in arrays])
            if self.rank:
                arrays = [np.empty(shape, dtype) for shape, dtype in kinds]
            for array in arrays:
                view = array.reshape(-1).view(np.uint8)
                for start in range(0, view.size, _MOST_ELEMENTS):
                    self._world.Bcast(view[start : start + _MOST_ELEMENTS])
            return value if self.rank == 0 else _with_arrays(frame, arrays)

    def barrier(self) -> None:
        """Return when all ranks have called it."""
        with self._call("barrier"):
            self._world.Barrier()

    @contextlib.contextmanager
    def _call(self, what: str) -> Iterator[None]:
        """Count a collective call, and note it while it lasts."""
        if not self._is_open:
            raise RuntimeError("the group of processes was closed; call connect() again")
        self.calls += 1
        self.current = self.calls, what, time.monotonic()
        try:
            yield
        finally:
            self.current = None

    # The end ---------------------------------------------------------------------------------

    def fail(self, text: str, status: int = 1) -> NoReturn:
        """End all ranks; the text is printed once, by rank 0, if no other error was.

        Parameters
        ----------
        text : str
            What is printed to the standard error.
        status : int
            The status of the job.
        """
        if self._watch is None:
            print(text, file=sys.stderr, flush=True)
            self._abort(status)
        self._watch.report(text, status)

    def close(self) -> None:
        """Leave the group, once all ranks do; the job fails if another rank waits for this one."""
        if not self._is_open:
            return
        self._is_open = False
        if self._watch is not None:
            self._watch.leave()

    def __enter__(self) -> Processes:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if error is None or self._watch is None or _is_success(error):
            self.close()
        else:
            self._fail_with(error)

    def _fail_with(self, error: BaseException) -> NoReturn:
        status, text = 1, ""
        if isinstance(error, SystemExit):
            status = error.code if isinstance(error.code, int) else 1
            text = error.code if isinstance(error.code, str) else ""
            text = text or f"rank {self.rank} of {self.size} ended with status {status}"
        elif isinstance(error, KeyboardInterrupt):
            status, text = 130, f"rank {self.rank} of {self.size} was interrupted"
        self.fail(text or self._show(error).rstrip("\n"), status)

    def _abort(self, status: int) -> NoReturn:
        """End all ranks at once."""
        sys.stdout.flush()
        sys.stderr.flush()
        quiet = os.open(os.devnull, os.O_WRONLY)
        os.dup2(quiet, 2)  # MPI would print a line of its own
        self._mpi.COMM_WORLD.Abort(status if 0 < status < 256 else 1)
        raise AssertionError("MPI_Abort returned")


class _Watch:
    """Notices that a rank fails or leaves; a thread, because the others may wait in MPI.

    The messages go through rank 0: ``("error", text, status)``, ``("left", rank, calls)`` and
    ``("waits", rank, calls, what)`` to it, and from it ``("left", rank, calls)`` of the first rank
    that leaves, and ``("end",)`` when all have left.
    """

    def __init__(self, group: Processes, comm: Any) -> None:
        self.group, self.comm = group, comm
        self.first: tuple[int, int] | None = None  # that left, and after how many calls
        self.left: set[int] = set()  # known to rank 0
        self.waiting: tuple[int, int, str] | None = None  # a rank, and the call it waits in
        self.sent: list[Any] = []  # requests, which own what they send
        self.compared = 0  # the last call that was sent to be compared
        self.end, self.stop = threading.Event(), threading.Event()
        self.printing, self.has_printed = threading.Lock(), False
        self.thread = threading.Thread(target=self._run, name="nn.bridges.mpi", daemon=True)
        self.hook, self.exit = sys.excepthook, os._exit
        self.process = os.getpid()
        sys.excepthook = self._excepthook
        # MPICH reports success for a job of which a rank ended with status 0 at any time.
        os._exit = self._exit
        atexit.register(group.close)
        self.thread.start()

    def _send(self, message: tuple[Any, ...], rank: int) -> None:
        """Send without waiting, because rank 0 also sends to itself."""
        self.sent.append(self.comm.isend(message, rank))

    def _run(self) -> None:
        status = self.group._mpi.Status()
        while not self.stop.is_set():
            while self.comm.iprobe(status=status):
                self._receive(self.comm.recv(source=status.source))
            self._compare()
            current = self.group.current
            if current and current[0] > self.compared and time.monotonic() - current[2] > _STUCK:
                self.compared = current[0]
                self._send(("waits", self.group.rank, *current[:2]), 0)
            self.stop.wait(_POLL)

    def _compare(self) -> None:
        """Fail if this rank is in a call that the first rank that left has not made."""
        if self.first is not None and self.group.calls > self.first[1]:
            self.report(
                f"rank {self.first[0]} of {self.group.size} left after {self.first[1]} collective "
                f"calls, and rank {self.group.rank} waits for it in call {self.group.calls}; all "
                "ranks must make the same calls"
            )

    def _receive(self, message: tuple[Any, ...]) -> None:
        kind, *rest = message
        if kind == "error":
            self._print(*rest)
        elif kind == "end":
            self.end.set()
        elif kind == "waits":
            self._compare_waiting(*rest)
        elif self.group.rank:
            self.first = (rest[0], rest[1])
        else:
            self._note(*rest)

    def _compare_waiting(self, rank: int, calls: int, what: str) -> None:
        """Fail on rank 0 if two ranks wait for each other in different calls."""
        if self.waiting and self.waiting[1] == calls and self.waiting[2] != what:
            other, _, others = self.waiting
            self.report(
                f"in call {calls}, rank {rank} waits in {what} and rank {other} in {others}; all "
                "ranks must make the same calls"
            )
        self.waiting = rank, calls, what

    def _note(self, rank: int, calls: int) -> None:
        """Note on rank 0 that a rank leaves."""
        others = range(1, self.group.size)
        if self.first is None:
            self.first = (rank, calls)
            for other in others:
                self._send(("left", rank, calls), other)
        first, least = self.first
        if calls != least:
            self.report(
                f"rank {first} left after {least} collective calls, and rank {rank} after {calls}; "
                "all ranks must make the same calls"
            )
        self.left.add(rank)
        if len(self.left) == self.group.size:
            for other in others:
                self._send(("end",), other)
            self.end.set()

    def leave(self) -> None:
        """Say that this rank leaves, and wait for the others."""
        message = ("left", self.group.rank, self.group.calls)
        self._send(message, 0)
        self.end.wait()
        self.stop.set()
        if threading.current_thread() is not self.thread:
            self.thread.join()
        sys.excepthook, os._exit = self.hook, self.exit
        atexit.unregister(self.group.close)

    def report(self, text: str, status: int = 1) -> NoReturn:
        """Have an error printed, and end all ranks."""
        if self.group.rank:
            self._send(("error", text, status), 0)
            time.sleep(_PATIENCE)
        self._print(text, status)

    def _print(self, text: str, status: int) -> NoReturn:
        with self.printing:  # never released: the first one ends the job
            print(text, file=sys.stderr, flush=True)
            self.group._abort(status)

    def _excepthook(self, kind: type[BaseException], error: BaseException, trace: Any) -> None:
        self.group._fail_with(error)

    def _exit(self, status: int) -> NoReturn:
        if os.getpid() == self.process and status == 0:  # and not in a forked process
            self.report(f"rank {self.group.rank} of {self.group.size} called os._exit(0)")
        self.exit(status)


def _remove_names() -> None:
    """Remove the names of the shared memory that MPICH has opened; the memory stays.

    MPICH removes them at the end, but not of a job that fails: each would leave 2 MB in /dev/shm.
    """
    with contextlib.suppress(OSError), open("/proc/self/maps", encoding="utf-8") as file:
        for line in file:
            if line.rstrip().rpartition("/")[0].endswith(" /dev/shm") and "/mpich_shm_" in line:
                with contextlib.suppress(OSError):  # another rank was faster
                    os.unlink(line.split()[-1])


def _traceback(error: BaseException) -> str:
    return "".join(traceback.format_exception(error))


def _is_success(error: BaseException) -> bool:
    return isinstance(error, SystemExit) and error.code in (None, 0)


def _check_array(array: Any) -> None:
    if not isinstance(array, np.ndarray) or array.dtype.kind not in "fciu":
        found = array.dtype if isinstance(array, np.ndarray) else type(array).__name__
        raise TypeError(f"allreduce adds up an array of numbers in place, got {found}")
    if not array.flags.writeable:
        raise ValueError("allreduce adds up in place, and the array is read-only; pass a copy")


class _Place(int):
    """The number of an array that travels on its own."""


def _without_arrays(value: Any, arrays: list[NDArray[Any]]) -> Any:
    """Replace the arrays in a value by their places in a list, which is filled."""
    if isinstance(value, np.ndarray) and value.dtype.kind in "biufc":
        arrays.append(np.ascontiguousarray(value))
        return _Place(len(arrays) - 1)
    if type(value) in (list, tuple):
        return type(value)(_without_arrays(entry, arrays) for entry in value)
    if type(value) is dict:
        return {key: _without_arrays(entry, arrays) for key, entry in value.items()}
    return value


def _with_arrays(value: Any, arrays: list[NDArray[Any]]) -> Any:
    """Put the arrays back into their places."""
    if isinstance(value, _Place):
        return arrays[value]
    if type(value) in (list, tuple):
        return type(value)(_with_arrays(entry, arrays) for entry in value)
    if type(value) is dict:
        return {key: _with_arrays(entry, arrays) for key, entry in value.items()}
    return value
