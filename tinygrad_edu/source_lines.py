"""Records, on request, which line of the user's code called each operation.

`record_source_lines` switches it on, `made_at` returns the line. A node keeps a code object and an
instruction, not a frame, so no variables of the user are kept alive. The text is read on demand.
"""

from __future__ import annotations

import functools
import linecache
import os
import re
import sys
from dataclasses import dataclass
from types import CodeType, FrameType

from .primitive import Node
from .tensor import Tensor
from .watching import Watching

__all__ = ["SourceLine", "calling_line", "made_at", "record_source_lines"]

# Frames of these folders only pass a call on. Networks are recognised by their folder, because a
# user's own module may be called `nn` too.
_BESIDE = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
_FOLDERS = tuple(os.path.join(_BESIDE, name, "") for name in ("tinygrad_edu", "nn"))


@dataclass(frozen=True, slots=True)
class SourceLine:
    """A line of the user's code; as text it is ``train.py:12: c = a * b``.

    Attributes
    ----------
    file : str
        The name of the file without its folders.
    line : int
        From 1.
    function : str
        Such as ``Net.forward``; ``<module>`` outside of all functions.
    code : str
        The line without its indentation; empty if the source is not available.

    Examples
    --------
    >>> print(SourceLine("train.py", 12, "<module>", "c = a * b"))
    train.py:12: c = a * b
    """

    file: str
    line: int
    function: str
    code: str

    def __str__(self) -> str:
        place = f"{self.file}:{self.line}"
        return f"{place}: {self.code}" if self.code else place


class SourceLineRecording(Watching):
    """A context in which lines are recorded; made by `record_source_lines`."""

    def called(self, node: Node, result: Tensor) -> None:
        """Keep the innermost frame of the user's code, if there is one."""
        frame: FrameType | None = sys._getframe(2)  # above this method and what calls it
        while frame is not None:
            code = frame.f_code
            if not _passes_on(code.co_filename):
                node.caller = code, frame.f_lasti
                return
            frame = frame.f_back


def record_source_lines() -> SourceLineRecording:
    """Record for each operation which line of your code called it; `made_at` returns the line.

    The line is the innermost one outside of this package and `nn`, whether an operator, a method, a
    NumPy function, a layer or another operation called the operation. Like `no_grad`, it affects
    only this thread or asynchronous task, and ends with the block, also after an exception. Blocks
    can be nested. Replays of a captured step have no graph, and no lines.

    Examples
    --------
    >>> from tinygrad_edu import Tensor, made_at, record_source_lines
    >>> a = Tensor(2.0, requires_grad=True)
    >>> with record_source_lines():
    ...     b = a * 3.0
    >>> print(made_at(b).line, made_at(b).code)
    2 b = a * 3.0
    """
    return SourceLineRecording()


def made_at(tensor: Tensor) -> SourceLine | None:
    """Return the line of the user's code that made a tensor.

    Returns
    -------
    SourceLine or None
        None for a leaf, and for a tensor that was computed outside of `record_source_lines` or
        without any code of the user.

    Raises
    ------
    TypeError
        If it is not a Tensor.

    Examples
    --------
    >>> from tinygrad_edu import Tensor, made_at, record_source_lines
    >>> with record_source_lines():
    ...     y = Tensor(2.0, requires_grad=True).exp()
    >>> made_at(y).code
    'y = Tensor(2.0, requires_grad=True).exp()'
    """
    if not isinstance(tensor, Tensor):
        raise TypeError(f"made_at() needs a Tensor, got a {type(tensor).__name__}")
    if not hasattr(tensor.node, "caller"):
        return None
    code, instruction = tensor.node.caller  # type: ignore[union-attr]
    line = _line_number(code, instruction)
    try:
        text = linecache.getline(code.co_filename, line).strip()
    except ValueError:  # not a valid file name
        text = ""
    # Both separators: code may have been compiled on another system.
    return SourceLine(re.split(r"[/\\]", code.co_filename)[-1], line, code.co_qualname, text)


def calling_line() -> str:
    """Return the file and the line of the user's code that is running now; empty without one."""
    frame: FrameType | None = sys._getframe(1)
    while frame is not None:
        file = frame.f_code.co_filename
        is_numpy = str(frame.f_globals.get("__name__")).partition(".")[0] == "numpy"
        if not is_numpy and not _passes_on(file):
            return f"{os.path.basename(file)}:{frame.f_lineno}"
        frame = frame.f_back
    return ""


def _line_number(code: CodeType, instruction: int) -> int:
    """Look up the line of an instruction; without one, return the function's first line."""
    for start, end, line in code.co_lines():
        if start <= instruction < end and line is not None:
            return line
    return code.co_firstlineno


@functools.lru_cache(maxsize=1024)
def _passes_on(file: str) -> bool:
    """Whether a file belongs to these packages, or to the code with which Python starts."""
    return file.startswith((*_FOLDERS, "<frozen "))
