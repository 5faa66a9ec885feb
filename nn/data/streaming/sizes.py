"""Estimates the memory that a table will take, and finds how much is free.

The table has as many cells as the text has separators; how many these are is counted in its first
MiB. Nothing is decided here.
"""

from __future__ import annotations

import os
import zlib
from pathlib import Path

__all__ = ["estimated_bytes", "free_memory", "in_words"]

_SAMPLE = 1 << 20
_GZIP = b"\x1f\x8b"
_SEPARATORS = (b",", b";", b"\t", b"|")


def estimated_bytes(path: str, itemsize: int) -> int:
    """Estimate the bytes of the table of a CSV file; 0 if it cannot be read.

    Parameters
    ----------
    path : str
        The file, plain or gzip.
    itemsize : int
        The bytes of a cell.
    """
    if not os.path.isfile(path):
        return 0
    try:
        size = os.path.getsize(path)
        with open(path, "rb") as file:
            text = file.read(_SAMPLE)
        if text.startswith(_GZIP):
            packed = len(text)
            decoder = zlib.decompressobj(31)
            text = decoder.decompress(text, _SAMPLE)
            packed -= len(decoder.unconsumed_tail) + len(decoder.unused_data)
            size = size * len(text) // max(packed, 1)
    except (OSError, zlib.error):  # the reader reports them
        return 0
    body = text[text.find(b"\n") + 1 :] or text
    separators = max(map(body.count, _SEPARATORS)) or body.count(b" ")
    cells = (separators + body.count(b"\n")) / max(len(body), 1) * size
    return int(cells * itemsize)


def free_memory() -> int | None:
    """Return the bytes of memory that this process can still take; None if that is unknown."""
    found = [_of_system(), _of_address_space(), _of_container()]
    known = [size for size in found if size is not None]
    return max(min(known), 0) if known else None


def in_words(size: float) -> str:
    """Return a number of bytes as text.

    Examples
    --------
    >>> in_words(5_000_000), in_words(3 * 2**30)
    ('4.8 MiB', '3.0 GiB')
    """
    return f"{size / 2**30:.1f} GiB" if size >= 2**30 else f"{size / 2**20:.1f} MiB"


def _of_system() -> int | None:
    for line in _lines("/proc/meminfo"):
        if line.startswith("MemAvailable:"):
            return int(line.split()[1]) * 1024
    return None


def _of_address_space() -> int | None:
    """Return what is left of a limit that was set with ``ulimit -v``."""
    try:
        import resource
    except ImportError:  # on Windows
        return None
    limit = resource.getrlimit(resource.RLIMIT_AS)[0]
    pages = next(iter(_lines("/proc/self/statm")), "").split()
    if limit == resource.RLIM_INFINITY or not pages:
        return None
    return limit - int(pages[0]) * resource.getpagesize()


def _of_container() -> int | None:
    """Return what is left of the limit of a container, which may take its file cache."""
    folder = "/sys/fs/cgroup/"
    limit = next(iter(_lines(folder + "memory.max")), "max")
    used = next(iter(_lines(folder + "memory.current")), "")
    if not limit.isdigit() or not used.isdigit():
        return None
    cached = [line.split()[1] for line in _lines(folder + "memory.stat") if "inactive_file" in line]
    return int(limit) - int(used) + int(cached[0] if cached else 0)


def _lines(path: str) -> list[str]:
    try:
        return Path(path).read_text("ascii").splitlines()
    except (OSError, ValueError):
        return []
