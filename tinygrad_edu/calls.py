"""Which function of the library the user called, where it is composed of several operations.

Places in messages are in terms of these calls: `conv2d`, and not the transpose inside of it. A
composed function leaves its name at its result; the operations between its arguments and its
result are its parts. Nothing is computed here.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from types import CodeType, FrameType
from typing import Any

from .tensor import Tensor

__all__ = ["Call", "call_in_progress", "called_in", "leave_name"]


@dataclass(frozen=True, slots=True, eq=False)
class Call:
    """One call of a composed function.

    Attributes
    ----------
    name : str
        Such as ``"conv2d"``.
    result : Tensor
    parts : list of Tensor
        What its operations computed, the result first.
    """

    name: str
    result: Tensor
    parts: list[Tensor]

    def leaves(self) -> set[Tensor]:
        """Return the leaves that its operations were given."""
        inputs = [v for part in self.parts for v in part.node.inputs]  # type: ignore[union-attr]
        return {v for v in inputs if isinstance(v, Tensor) and v.node is None}


def leave_name(name: str, out: Any, arguments: Iterable[Any]) -> None:
    """Leave the name of a composed function at its result.

    The outermost function is the last one to do so, and its name stays.
    """
    node = out.node if isinstance(out, Tensor) else None
    if node is not None:
        since = _newest(arguments)
        if since < node.sequence:  # else it returned an argument unchanged
            node.called = name, since


def _newest(arguments: Iterable[Any]) -> int:
    """Return the number of the newest call that computed one of the arguments."""
    newest = 0
    for value in arguments:
        if isinstance(value, Tensor):
            if value.node is not None and value.node.sequence > newest:
                newest = value.node.sequence
        elif type(value) in (list, tuple):
            newest = max(newest, _newest(value))
    return newest


def called_in(order: Sequence[Tensor]) -> dict[Tensor, Call]:
    """Return, for tensors that a composed function computed, the outermost call of one.

    Parameters
    ----------
    order : sequence of Tensor
        As `graph_order` returns it.

    Examples
    --------
    >>> from tinygrad_edu import Tensor, square
    >>> from tinygrad_edu.autodiff import graph_order
    >>> y = square(Tensor([1.0, 2.0], requires_grad=True)) * 2.0
    >>> order, calls = graph_order(y), called_in(graph_order(y))
    >>> [(one.node.primitive.name, one in calls and calls[one].name) for one in order]
    [('multiply', False), ('power', 'square')]
    """
    found: dict[Tensor, Call] = {}
    for result in order:  # the newest first, so that outer calls come before inner ones
        called = getattr(result.node, "called", None)
        if called is None or result in found:
            continue
        name, since = called
        parts, seen = [result], {result}
        for part in parts:  # grows while it is walked
            for value in part.node.inputs:  # type: ignore[union-attr]
                node = value.node if isinstance(value, Tensor) else None
                if node is not None and node.sequence > since and value not in seen:
                    seen.add(value)
                    parts.append(value)
        call = Call(name, result, parts)
        for part in parts:
            found.setdefault(part, call)
    return found


def call_in_progress(frame: FrameType | None, end: CodeType | None, wrapper: CodeType) -> str:
    """Name the outermost composed function that is running; empty if there is none.

    Parameters
    ----------
    frame : frame
        Where to start.
    end : code
        The user's code, where to stop.
    wrapper : code
        The code that `composed` puts around each of these functions, with its name beside it.
    """
    found = ""
    while frame is not None and frame.f_code is not end:
        if frame.f_code is wrapper:
            found = str(frame.f_locals["name"])
        frame = frame.f_back
    return found
