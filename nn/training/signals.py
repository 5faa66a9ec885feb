"""Ctrl-C, SIGTERM and SIGHUP: while packages are imported, and during a training.

During imports Ctrl-C waits, because some packages turn an interrupt in the middle of their import
into an ImportError. A training ends between two batches, and is saved. Handlers are installed while
a `StopSignals` is open, in the main thread, and only where the program has none of its own; they
are put back when it closes. Importing this file installs none.
"""

from __future__ import annotations

import contextlib
import signal
import sys
import threading
import time
from collections.abc import Iterator
from types import FrameType
from typing import Any

__all__ = ["StopSignals", "Terminated", "held", "program_starts", "unwinding"]

_IMPATIENT_AFTER = 2.0
"""Seconds. A signal that comes so long after the first one does not wait for the batch to end."""


class Terminated(BaseException):
    """The process was asked to end, by SIGTERM or SIGHUP.

    Attributes
    ----------
    signal, name : int and str
        Number and name of the signal.
    """

    def __init__(self, number: int) -> None:
        self.signal, self.name = number, signal.Signals(number).name
        super().__init__(f"stopped by {self.name}")


def _unwind(number: int, frame: FrameType | None) -> None:
    raise Terminated(number)


def _endings() -> list[int]:
    """List the signals that ask a process to end and leave it time to do so; SIGINT first."""
    names = ("SIGINT", "SIGTERM", "SIGHUP")  # Windows has no SIGHUP
    return [getattr(signal, name) for name in names if hasattr(signal, name)]


def _in_main_thread() -> bool:
    return threading.current_thread() is threading.main_thread()


@contextlib.contextmanager
def held() -> Iterator[None]:
    """Let Ctrl-C wait until the block is left; it raises `KeyboardInterrupt` there."""
    if not hasattr(signal, "pthread_sigmask") or not _in_main_thread():  # Windows has no masks
        yield
        return
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


@contextlib.contextmanager
def program_starts() -> Iterator[None]:
    """Import the package; if it is imported by its own program, Ctrl-C ends that without a trace.

    The program ``tinygrad-edu``, and ``python -m nn``, spend their first half second here.
    """
    if not (sys.argv[0] == "-m" or sys.argv[0].endswith("tinygrad-edu")):
        yield
        return
    try:
        with held():
            yield
    except KeyboardInterrupt:
        print("stopped", file=sys.stderr)
        sys.exit(130)


@contextlib.contextmanager
def unwinding() -> Iterator[None]:
    """Let SIGTERM and SIGHUP raise `Terminated`, so that a program cleans up before it ends."""
    previous: dict[int, Any] = {}
    try:
        for number in _endings():
            if _in_main_thread() and signal.getsignal(number) is signal.SIG_DFL:
                previous[number] = signal.SIG_DFL
                signal.signal(number, _unwind)
        yield
    finally:
        for number, handler in previous.items():
            signal.signal(number, handler)


class StopSignals:
    """A context in which signals that ask a training to stop wait for a good moment.

    Notes
    -----
    The handler only notes the signal. `check` raises after it, between two batches; nothing
    raises after `hold`, so that a second Ctrl-C cannot interrupt the saving. A handler of the
    program's own, and a signal that it ignores (as ``nohup`` does), are left alone.
    """

    def __init__(self) -> None:
        self.received: int | None = None
        """The signal that arrived; of several, one that ends the process before Ctrl-C."""
        self._since = 0.0
        self._held = False
        self._previous: dict[int, Any] = {}

    def __enter__(self) -> StopSignals:
        ours = (signal.SIG_DFL, signal.default_int_handler, _unwind)
        for number in _endings():
            handler = signal.getsignal(number)
            if _in_main_thread() and handler in ours:
                self._previous[number] = handler
                signal.signal(number, self._note)
        return self

    def __exit__(self, *_: object) -> None:
        self._held = True
        # SIGINT last: with its handler back in place, the next Ctrl-C may raise here.
        for number in sorted(self._previous, key=lambda number: number == signal.SIGINT):
            signal.signal(number, self._previous[number])

    def _note(self, number: int, frame: FrameType | None) -> None:
        now = time.monotonic()
        if self.received is None:
            self._since = now
        if self.received in (None, signal.SIGINT):
            self.received = number
        if now - self._since > _IMPATIENT_AFTER:
            self.check()

    def check(self) -> None:
        """Raise `KeyboardInterrupt` or `Terminated` if a signal has arrived, once."""
        if self.received is None or self._held:
            return
        self._held = True
        if self.received == signal.SIGINT:
            raise KeyboardInterrupt
        raise Terminated(self.received)

    def hold(self) -> None:
        """Let no signal raise from here on."""
        self._held = True
