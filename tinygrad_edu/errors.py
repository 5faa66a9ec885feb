"""The exceptions of the engine that have a meaning of their own.

Wrong arguments raise Python's own `TypeError` and `ValueError`.
"""

from __future__ import annotations

__all__ = ["CaptureError", "GradientError"]


class GradientError(RuntimeError):
    """A gradient cannot be computed, or would be wrong if it were."""


class CaptureError(RuntimeError):
    """A step cannot be replayed faithfully; the message says what is in the way."""
