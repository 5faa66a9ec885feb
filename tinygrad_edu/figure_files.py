"""Writes Matplotlib figures as bytes, and as elements of an HTML page.

Equal figures are written as equal bytes. Figures are drawn elsewhere.
"""

from __future__ import annotations

import base64
import io
from html import escape
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from matplotlib.figure import Figure

__all__ = ["figure_bytes", "figure_source"]

# No dates and no version of Matplotlib.
_METADATA = {"png": {"Software": None}, "svg": {"Date": None}, "pdf": {"CreationDate": None}}


def figure_bytes(figure: Figure, format: str) -> bytes:
    """Render a figure.

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
    with rc_context({"svg.hashsalt": "tinygrad_edu"}):  # otherwise ids are random
        figure.savefig(stream, format=format, metadata=_METADATA.get(format))
    return stream.getvalue()


def figure_source(figure: Figure, alt: str, attributes: str = 'style="max-width: 100%"') -> str:
    """Write a figure as an HTML element that contains the image.

    Parameters
    ----------
    figure : matplotlib.figure.Figure
    alt : str
        The alternative text.
    attributes : str
        Further attributes of the element.

    Returns
    -------
    str

    Examples
    --------
    >>> from matplotlib.figure import Figure
    >>> figure_source(Figure(), "an empty figure")[:26]
    '<img alt="an empty figure"'
    """
    data = base64.b64encode(figure_bytes(figure, "png")).decode("ascii")
    return f'<img alt="{escape(alt)}" {attributes} src="data:image/png;base64,{data}">'
