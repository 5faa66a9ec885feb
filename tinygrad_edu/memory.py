"""Keeps the memory of freed arrays in the process, so that the next arrays are made faster.

The C library of most Linux systems returns large arrays to the system at once, and the system
clears the memory again for the next array, page by page: up to half of the time of a training step.
"""

from __future__ import annotations

import ctypes
import functools

__all__ = ["keep_memory"]

# Numbers of parameters in glibc's <malloc.h>.
_TRIM_THRESHOLD, _TOP_PAD, _MMAP_THRESHOLD = -1, -2, -3

_LARGEST_ARRAY = 32 * 2**20  # the highest limit that glibc accepts
_KEPT = 2**31 - 1
_MORE_AT_ONCE = 64 * 2**20


@functools.cache
def keep_memory() -> bool:
    """Keep the memory of freed arrays of up to 32 MiB in this process, for the next arrays.

    Training steps in eager mode, with arrays of more than 128 KiB, take up to half of the time.
    The memory of the process does not shrink between steps; it is the peak of a step. It concerns
    all of the process, so no import calls this: `nn.model(...).fit` and the command line do, and
    programs with a loop of their own can, once, before the loop. Captured steps need it less,
    because they reuse their arrays.

    Returns
    -------
    bool
        Whether the C library does so now. It has such settings on Linux with glibc; elsewhere
        nothing changes.

    Examples
    --------
    >>> from tinygrad_edu import keep_memory
    >>> kept = keep_memory()
    """
    try:
        set_option = ctypes.CDLL(None).mallopt
        ctypes.CDLL(None).gnu_get_libc_version  # noqa: B018 (musl has another mallopt)
    except (AttributeError, OSError, TypeError):
        return False
    set_option.argtypes, set_option.restype = (ctypes.c_int, ctypes.c_int), ctypes.c_int
    options = (
        (_MMAP_THRESHOLD, _LARGEST_ARRAY),
        (_TRIM_THRESHOLD, _KEPT),
        (_TOP_PAD, _MORE_AT_ONCE),
    )
    return bool(min(set_option(option, value) for option, value in options) == 1)
