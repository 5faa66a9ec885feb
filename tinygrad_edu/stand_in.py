"""What stands in for an array while a step is captured; see `capturing`.

The engine knows this much of capturing: a stand-in is kept where an array would be, and what
cannot be followed call by call is recorded as a whole.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from .errors import CaptureError

__all__ = ["StandIn", "as_a_whole"]


class StandIn:
    """Base of the stand-ins."""

    __slots__ = ()

    def locked(self) -> Any:
        """Give a view that cannot be written through."""

    def recorded_as_a_whole(
        self, function: Callable[..., Any], inputs: Sequence[Any], params: Mapping[str, Any]
    ) -> Any:
        """Call a pure function on the arrays, and record the call."""


def as_a_whole(
    function: Callable[..., Any],
    inputs: Sequence[Any],
    params: Mapping[str, Any],
    error: CaptureError,
) -> Any:
    """Record the call of a pure function as a whole, where following it inside gave an error."""
    for value in (*inputs, *params.values()):
        for entry in value if isinstance(value, tuple | list) else (value,):
            if isinstance(entry, StandIn):
                return entry.recorded_as_a_whole(function, inputs, params)
    raise error
