"""Tests that something leaves no reference cycles, which would keep memory in use for longer."""

import contextlib
import gc
from collections.abc import Iterator


@contextlib.contextmanager
def no_cycles() -> Iterator[None]:
    """Let nothing of what happens inside need the cyclic garbage collector."""
    gc.collect()
    gc.disable()
    try:
        yield
        assert gc.collect() == 0
    finally:
        gc.enable()
