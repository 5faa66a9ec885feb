"""Figures of matplotlib as bytes, the same for the same figure, and as part of a page."""

from __future__ import annotations

import base64
import io
from html import escape
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from matplotlib.figure import Figure

__all__ = ["figure_bytes", "figure_source"]

# Neither dates nor the version of matplotlib.
_METADATA = {"png": {"Software": None}, "svg": {"Date": None}, "pdf": {"CreationDate": None}}


def figure_bytes(figure: Figure, format: str) -> bytes:
    """Draw a figure.

    Parameters
    ----------
    figure : matplotlib.figure.Figure
    format : str
        ``png``, ``svg`` or ``pdf``.

    Examples
    --------
    >>> from matplotlib.figure import Figure
    >>> figure_bytes(Figure(), "png")[1:4]
    b'PNG'
    """
    from matplotlib import rc_context

    stream = io.BytesIO()
    with rc_context({"svg.hashsalt": "tinygrad_edu"}):  # or ids would be random
        figure.savefig(stream, format=format, metadata=_METADATA.get(format))
    return stream.getvalue()


def figure_source(figure: Figure, told: str, attributes: str = 'style="max-width: 100%"') -> str:
    """Write a figure as an element of HTML that holds it whole.

    Parameters
    ----------
    figure : matplotlib.figure.Figure
    told : str
        What it shows, for those who do not see it.
    attributes : str
        Of the element, besides.
    """
    data = base64.b64encode(figure_bytes(figure, "png")).decode("ascii")
    return f'<img alt="{escape(told)}" {attributes} src="data:image/png;base64,{data}">'
