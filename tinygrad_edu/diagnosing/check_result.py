"""What the results of all checks have in common: a page, a file, an error, and lines of code.

A result says itself what was found (`report` here, and the check of update rules in `nn`). Nothing
is computed here.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

from ..documents import Section, Shown, as_text, code, page
from ..errors import GradientError

if TYPE_CHECKING:
    from pathlib import Path

    import matplotlib.figure

__all__ = ["CheckResult", "lines_in_words", "yours_and_right"]

_TEXTS, _PICTURES = ("html", "txt"), ("png", "svg", "pdf")


class CheckResult(Shown):
    """The result of a check; a subclass defines `document`, `agree` and `_reasons`.

    Examples
    --------
    >>> class Found(CheckResult):
    ...     agree = False
    ...
    ...     def document(self, *, whole=False):
    ...         return Section("it differs")
    ...
    ...     def _reasons(self):
    ...         return ["step 1 differs", "look at line 3"]
    >>> try:
    ...     Found().assert_agree()
    ... except GradientError as error:
    ...     print(error)
    step 1 differs; look at line 3
    """

    __slots__ = ()

    agree: bool

    def document(self, *, whole: bool = False) -> Section:
        """Return what was found.

        Parameters
        ----------
        whole : bool
            Whether to show all of it, also what is left out where room is short.
        """
        raise NotImplementedError

    def _reasons(self) -> list[str]:
        """Return what an error says if the results differ."""
        raise NotImplementedError

    def html(self) -> str:
        """Return a page that needs nothing else, with everything that was found."""
        return page(self.document(whole=True))

    def _text(self) -> str:
        """Return the content of a text file."""
        return f"{as_text(self.document(whole=True))}\n"

    def _picture(self) -> matplotlib.figure.Figure | None:
        """Return what a file with an ending such as ``.png`` shows; None if it cannot be drawn."""
        return None

    def save(self, path: str | os.PathLike[str]) -> Path:
        """Write it into a file; the file name decides the format.

        Parameters
        ----------
        path : str or path-like
            Ends in ``.html`` or ``.txt``. A check of gradients can also be saved as a picture, of
            its error maps: ``.png``, ``.svg`` or ``.pdf``.

        Raises
        ------
        ValueError
            For any other ending.
        OSError
            If the file cannot be written; an existing file stays as it was.
        """
        from ..atomic_file import write_atomically
        from ..figure_files import figure_bytes

        ending = os.path.splitext(path)[1].lower().removeprefix(".")
        if ending in _TEXTS:
            return write_atomically(path, self.html() if ending == "html" else self._text())
        can_be_drawn = type(self)._picture is not CheckResult._picture
        figure = self._picture() if ending in _PICTURES else None
        if figure is None:
            known = ", ".join(f".{one}" for one in (*_TEXTS, *_PICTURES * can_be_drawn))
            raise ValueError(f"cannot tell the format of {os.fspath(path)!r}; known are {known}")
        return write_atomically(path, figure_bytes(figure, ending))

    def assert_agree(self) -> None:
        """Raise an error that says what differs, if something does.

        Raises
        ------
        GradientError
            With what differs first, and what that looks like. For gradients also if numerical ones
            differ from the automatic ones, or cannot confirm them.
        """
        if not self.agree:
            raise GradientError("; ".join(self._reasons()))


def lines_in_words(numbers: Iterable[int]) -> str:
    """Name lines of code, each once.

    Examples
    --------
    >>> lines_in_words([14]), lines_in_words([14, 17, 14])
    ('line 14', 'lines 14, 17')
    """
    found = dict.fromkeys(numbers)
    return f"line{'s' * (len(found) > 1)} {', '.join(map(str, found))}"


def yours_and_right(title: str, rows: Sequence[tuple[str, str]]) -> Section:
    """Put lines of the learner and the right ones below each other.

    Parameters
    ----------
    title : str
    rows : sequence of (str, str)
        What each line is, ``"yours"`` or ``"right"``, and the line.

    Examples
    --------
    >>> rows = [("yours 8", "w = w + lr * g"), ("right", "w = w - lr * g")]
    >>> print(as_text(yours_and_right("my_sgd", rows)))
    my_sgd
    yours 8  w = w + lr * g
    right    w = w - lr * g
    """
    width = max((len(label) for label, _ in rows), default=0) + 2
    return Section(title, tuple((label.ljust(width), code(line)) for label, line in rows))
