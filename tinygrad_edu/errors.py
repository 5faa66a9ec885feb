"""The exceptions and warnings of the engine that have a meaning of their own.

Wrong arguments raise Python's own `TypeError` and `ValueError`.
"""

from __future__ import annotations

__all__ = ["CaptureError", "GradientError", "GraphCutWarning"]


class GradientError(RuntimeError):
    """A gradient cannot be computed, or would be wrong if it were."""


class CaptureError(RuntimeError):
    """A step cannot be replayed faithfully; the message says what is in the way."""


class GraphCutWarning(UserWarning):
    """A number was taken out of a graph, as by ``float(t)``; no gradient flows through it."""
