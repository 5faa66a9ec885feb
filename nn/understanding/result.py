"""What all answers have in common: text of 80 columns, a notebook form, a table and a picture."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

from tinygrad_edu.atomic_file import write_atomically
from tinygrad_edu.documents import Shown, as_text
from tinygrad_edu.figure_files import figure_bytes

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.figure import Figure

__all__ = ["Result", "row_text", "share_text"]

_WIDTH = 80
_FORMATS = (".png", ".svg", ".pdf")


def row_text(row: int, first: int) -> str:
    """Write the number of a row, and from which number rows are counted."""
    return f"row {row + first} (counted from {first})"


class Result(Shown):
    """An answer about a trained network. A subclass defines `document`, `figure`, `to_frame`."""

    __slots__ = ()

    def __str__(self) -> str:
        return as_text(self.document(), _WIDTH)

    def figure(self) -> Figure:
        """Draw the answer, without pyplot."""
        raise NotImplementedError

    def to_frame(self) -> pd.DataFrame:
        """Return the answer as a table with all its rows and full precision."""
        raise NotImplementedError

    def save(self, path: str | os.PathLike[str]) -> Path:
        """Write the picture to a file, completely or not at all.

        Parameters
        ----------
        path : str or path-like
            Ends in ``.png``, ``.svg`` or ``.pdf``.

        Returns
        -------
        Path
            The same path.

        Raises
        ------
        ValueError
            For another ending.
        """
        path = Path(path).expanduser()
        suffix = path.suffix.lower()
        if suffix not in _FORMATS:
            raise ValueError(
                f"a picture cannot be written to {path.name!r}; end the name in "
                f"{', '.join(_FORMATS)}"
            )
        return write_atomically(path, figure_bytes(self.figure(), suffix.lstrip(".")))


def share_text(share: float) -> str:
    """Write a share as percent: 100% only for all, 0% only for none.

    Examples
    --------
    >>> share_text(0.99999), share_text(1.0), share_text(0.5)
    ('99.9%', '100%', '50.0%')
    """
    if share in (0.0, 1.0):
        return f"{share:.0%}"
    return f"{min(max(share, 0.001), 0.999):.1%}"
