"""Ctrl-C, SIGTERM and SIGHUP, during imports and during a training.

During imports Ctrl-C is delayed, because some packages turn an interrupt into an ImportError.
During a training the signals take effect between two batches. Handlers are installed only in the
main thread, only inside a context, and only if the program has none.
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

__all__ = ["FIRST", "StopSignals", "Terminated", "held", "program_starts", "unwinding"]

_IMPATIENT_AFTER = 2.0
"""Seconds. A signal this long after the first one does not wait for the end of the batch."""


def _endings() -> list[int]:
    """List the signals that ask a process to end, SIGINT first."""
    names = ("SIGINT", "SIGTERM", "SIGHUP")  # Windows has no SIGHUP
    return [getattr(signal, name) for name in names if hasattr(signal, name)]


FIRST = tuple(map(int, reversed(_endings())))
"""The signals that end a training; of several that arrived, the first one here counts."""


class Terminated(BaseException):
    """SIGTERM or SIGHUP asked the process to end.

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


def _in_main_thread() -> bool:
    return threading.current_thread() is threading.main_thread()


@contextlib.contextmanager
def held() -> Iterator[None]:
    """Delay Ctrl-C until the end of the block, where it raises `KeyboardInterrupt`."""
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
    """Import the package; in its own program, Ctrl-C ends it without a traceback.

    The programs ``tinygrad-edu`` and ``python -m nn`` spend their first half second here.
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
    """Raise `Terminated` for SIGTERM and SIGHUP, so that a program cleans up before it ends."""
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
    """A context in which signals stop a training only between two batches.

    Notes
    -----
    The handler only records the signal. `check` raises it, between two batches; after `hold`
    nothing raises, so a second Ctrl-C cannot interrupt the saving. Handlers of the program, and
    signals that it ignores (as ``nohup`` does), are not changed.
    """

    def __init__(self) -> None:
        self.received: int | None = None
        """The signal that arrived; SIGTERM and SIGHUP take precedence over Ctrl-C."""
        self._agreed: int | None = None
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
        # SIGINT last: once its handler is restored, the next Ctrl-C may raise here.
        for number in sorted(self._previous, key=lambda number: number == signal.SIGINT):
            signal.signal(number, self._previous[number])

    def _note(self, number: int, frame: FrameType | None) -> None:
        now = time.monotonic()
        if self.received is None:
            self._since = now
        if self.received in (None, signal.SIGINT):
            self.received = number
        if now - self._since > _IMPATIENT_AFTER:
            self._agreed = None  # one process that is stuck ends all
            self.check()

    def agree(self, number: int) -> None:
        """Set the signal that all processes of a group stop for now; 0 for none."""
        self._agreed = number

    @property
    def agreed(self) -> int:
        """The signal to stop for, or 0: in a group the one that all processes know of."""
        return (self.received if self._agreed is None else self._agreed) or 0

    def check(self) -> None:
        """Raise `KeyboardInterrupt` or `Terminated` for the signal `agreed`; only once."""
        if not self.agreed or self._held:
            return
        self._held = True
        if self.agreed == signal.SIGINT:
            raise KeyboardInterrupt
        raise Terminated(self.agreed)

    def hold(self) -> None:
        """Raise for no signal from now on."""
        self._held = True
