"""The exception of the engine that has a meaning of its own.

Wrong arguments raise Python's own `TypeError` and `ValueError`.
"""

from __future__ import annotations

__all__ = ["GradientError"]


class GradientError(RuntimeError):
    """A gradient cannot be computed, or would be wrong if it were."""
