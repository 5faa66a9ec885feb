"""The exceptions and warnings of the engine, and how texts get safely into messages.

Wrong arguments raise Python's own `TypeError` and `ValueError`.
"""

from __future__ import annotations

import os

__all__ = ["CaptureError", "GradientError", "GraphCutWarning", "ReplayError", "printable"]


class GradientError(RuntimeError):
    """A gradient cannot be computed, or would be wrong if it were."""


class CaptureError(RuntimeError):
    """A step cannot be replayed faithfully; the message says what is in the way."""


class ReplayError(CaptureError):
    """Replays of a step were compared with the step itself, and were found to be wrong.

    Unlike other errors of capturing, it says that earlier calls may have given wrong results.
    """


class GraphCutWarning(UserWarning):
    """A number was taken out of a graph, as by ``float(t)``; no gradient flows through it."""


def printable(text: object, most: int | None = None) -> str:
    r"""Return a path or a text from a file in a form that is safe to print: one line, no commands.

    A terminal obeys escape codes in the name of a file, and a line feed in it makes one message
    look like two. Every character that is not printable is replaced by its escape sequence; all
    others stay as they are, of whatever script.

    Parameters
    ----------
    text : str, path-like or object
        What to print; an object that is neither is converted with `str`.
    most : int, optional
        Shorten to this many characters; the last one is then an ellipsis.

    Examples
    --------
    >>> print(printable("modèle\n.pkl"), printable("\x1b[2J"), printable("abcdef", 4))
    modèle\n.pkl \x1b[2J abc…
    """
    shown = os.fsdecode(text) if isinstance(text, os.PathLike | bytes) else str(text)
    if not shown.isprintable():
        # repr writes the escape sequences, but it doubles backslashes as well.
        shown = "".join(c if c.isprintable() else repr(c)[1:-1] for c in shown)
    return shown if most is None or len(shown) <= most else f"{shown[: most - 1]}…"
