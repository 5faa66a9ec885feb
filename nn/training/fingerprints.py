"""Digests of data: to compare those of a checkpoint, or of several processes.

Files are not read here, except for the rows of a table that is read from disk.
"""

from __future__ import annotations

import hashlib
from typing import Any

import numpy as np

__all__ = ["fingerprint"]


def fingerprint(*parts: Any) -> str:
    """Return a digest of arrays and texts: equal for equal data."""
    digest = hashlib.sha256()
    for part in parts:
        if hasattr(part, "shape"):  # an array, or inputs that are read from disk
            digest.update(f"{part.dtype.str}{part.shape}".encode())
            for start in range(0, len(part), 4096):
                digest.update(np.ascontiguousarray(part[start : start + 4096]).data)
        else:
            digest.update(repr(part).encode("utf-8", "surrogatepass"))
    return digest.hexdigest()
