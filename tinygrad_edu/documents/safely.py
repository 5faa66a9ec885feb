"""Runs code that only shows something: a failure there must never stop a notebook."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

__all__ = ["or_none"]


def or_none(make: Callable[[], str]) -> str | None:
    """Return the text that a function makes, or None if it fails or is not valid Unicode.

    Examples
    --------
    >>> or_none(lambda: 1 / 0) is None
    True
    """
    try:
        with np.errstate(all="ignore"):
            shown = make()
            shown.encode()  # a lone surrogate would fail later, where nobody catches it
            return shown
    except Exception:
        return None
