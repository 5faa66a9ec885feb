"""Ctrl-C while packages are imported: it waits until they are there.

Some packages turn an interrupt in the middle of their import into an ImportError of their own.
Importing this file changes nothing, and no handler is installed.
"""

from __future__ import annotations

import contextlib
import signal
import sys
import threading
from collections.abc import Iterator

__all__ = ["held", "program_starts"]


@contextlib.contextmanager
def held() -> Iterator[None]:
    """Let Ctrl-C wait until the block is left; it raises `KeyboardInterrupt` there."""
    can_hold = hasattr(signal, "pthread_sigmask")  # Windows cannot
    if not can_hold or threading.current_thread() is not threading.main_thread():
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
