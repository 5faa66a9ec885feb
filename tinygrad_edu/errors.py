"""The exceptions of the engine that have a meaning of their own.

Wrong arguments raise Python's own `TypeError` and `ValueError`.
"""

from __future__ import annotations

__all__ = ["CaptureError", "GradientError", "ReplayError"]


class GradientError(RuntimeError):
    """A gradient cannot be computed, or would be wrong if it were."""


class CaptureError(RuntimeError):
    """A step cannot be replayed faithfully; the message says what is in the way."""


class ReplayError(CaptureError):
    """Replays of a step were compared with the step itself, and were found to be wrong.

    Unlike other errors of capturing, it says that earlier calls may have given wrong results.
    """
