"""Tells which features are the pixels of a square image."""

from __future__ import annotations

import math

__all__ = ["SMALLEST_SIDE", "image_side"]

SMALLEST_SIDE = 5
"""Below that, features are probably not the pixels of an image."""


def image_side(features: int) -> int | None:
    """Return the side of the square image with this many pixels, or None.

    Examples
    --------
    >>> image_side(784), image_side(785)
    (28, None)
    """
    side = math.isqrt(features)
    return side if side * side == features else None
