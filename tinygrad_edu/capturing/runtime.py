"""What a program calls while it is replayed, apart from NumPy; `program.py` writes the calls."""

from __future__ import annotations

from sys import getrefcount
from typing import Any

import numpy as np

from ..errors import CaptureError
from .ownership import LIBRARY, owner_of_namespace

__all__ = ["FILE", "State", "changed_shape", "is_refusal", "renewed"]

FILE = "<replay>"
"""The name of the file of programs, in tracebacks."""


class State:
    """Whether all updates of a replay have taken effect; set in the same C call."""

    __slots__ = ("has_ended",)

    def __init__(self) -> None:
        self.has_ended = False


def renewed(spares: list[Any], like: list[Any]) -> list[Any]:
    """Replace the arrays that are missing or that other code holds.

    A single C call counts their references, and those of the first array, which only the list
    holds. An array with the same count is unshared, however an interpreter counts.
    """
    alone, *counts = map(getrefcount, spares)
    arrays = [
        array if count == alone else np.empty_like(model)
        for array, count, model in zip(spares[1:], counts, like, strict=True)
    ]
    return [spares[0], *arrays]


def changed_shape(result: Any, shape: tuple[int, ...]) -> CaptureError:
    return CaptureError(
        f"a result has shape {np.shape(result)}, expected {shape} as in the recording; shapes must "
        "not depend on values"
    )


def is_refusal(error: BaseException) -> bool:
    """Whether NumPy raised an error, and not a signal handler or another function."""
    trace = error.__traceback__
    while trace is not None and trace.tb_next is not None:
        trace = trace.tb_next
    if trace is None or not isinstance(error, Exception):
        return False
    code, space = trace.tb_frame.f_code, trace.tb_frame.f_globals
    return code.co_filename == FILE or owner_of_namespace(space) == LIBRARY
