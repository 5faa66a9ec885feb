"""The exceptions and warnings of the engine, and `printable` for foreign text in messages.

Wrong arguments raise Python's own `TypeError` and `ValueError`, which are not defined here.
"""

from __future__ import annotations

import os

__all__ = ["CaptureError", "GradientError", "GraphCutWarning", "ReplayError", "printable"]


class GradientError(RuntimeError):
    """A gradient cannot be computed, or would be wrong.

    Examples
    --------
    >>> from tinygrad_edu import GradientError, Tensor
    >>> x = Tensor([1.0, 2.0], requires_grad=True)
    >>> try:
    ...     (x * x).backward()
    ... except GradientError as error:
    ...     print(str(error).partition(";")[0])
    an output of shape (2,) has no single gradient
    """


class CaptureError(RuntimeError):
    """A step cannot be replayed faithfully; the message has the reason.

    Examples
    --------
    >>> from tinygrad_edu import CaptureError, Tensor, capture
    >>> step = capture(lambda x: x.item())
    >>> try:
    ...     step(Tensor(2.0))
    ... except CaptureError as error:
    ...     print(str(error).partition(":")[0])
    the step reads values while it is recorded, by .item
    """


class ReplayError(CaptureError):
    """Replays of a step differ from the step itself.

    Unlike other capturing errors, it means that earlier calls may have returned wrong results.
    """


class GraphCutWarning(UserWarning):
    """A number left the graph, as by ``float(t)``; no gradient flows through it.

    Examples
    --------
    >>> import warnings
    >>> from tinygrad_edu import Tensor
    >>> with warnings.catch_warnings(record=True) as caught:
    ...     warnings.simplefilter("always")
    ...     number = float(Tensor(2.0, requires_grad=True))
    >>> caught[0].category.__name__
    'GraphCutWarning'
    """


def printable(text: object, most: int | None = None) -> str:
    r"""Make a path or a text from a file safe to print: one line, without terminal commands.

    A terminal executes escape codes in a file name, and a line feed makes one message look like
    two. Every character that is not printable is replaced by its escape sequence; all others, in
    any script, are kept.

    Parameters
    ----------
    text : str, path-like or object
        What to print; other objects are converted with `str`.
    most : int, optional
        Shorten to this many characters; the last one is then an ellipsis.

    Examples
    --------
    >>> print(printable("modèle\n.pkl"), printable("\x1b[2J"), printable("abcdef", 4))
    modèle\n.pkl \x1b[2J abc…
    """
    shown = os.fsdecode(text) if isinstance(text, os.PathLike | bytes) else str(text)
    if not shown.isprintable():
        # repr writes the escape sequences, but would also double backslashes.
        shown = "".join(c if c.isprintable() else repr(c)[1:-1] for c in shown)
    return shown if most is None or len(shown) <= most else f"{shown[: most - 1]}…"
