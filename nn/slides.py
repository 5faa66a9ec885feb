"""Figures at slide size: one setting, and how large letters and lines are then.

Each figure of `nn` asks for its sizes here; what a figure leaves out on a slide, it decides itself.
"""

from __future__ import annotations

import textwrap
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from matplotlib.axes import Axes

__all__ = [
    "MOST_IMAGES_ON_A_SLIDE",
    "SLIDE",
    "SMALLEST_LETTERS",
    "is_slide",
    "large_ticks",
    "lettering",
    "slides",
    "wrapped",
    "zoom",
]

SLIDE = (40 / 3, 7.5)
"""Width and height of a slide in inches, as presentation programs have it: 16 to 9."""
SMALLEST_LETTERS = 20.0
"""In points, on a slide."""
MOST_IMAGES_ON_A_SLIDE = 8
_GROWN = 2.2  # letters on a slide, compared with a page
_WIDTH_OF_A_LETTER = 0.56  # on average, of the size of the font
_SLIDES: ContextVar[bool] = ContextVar("slides", default=False)


@contextmanager
def slides(wanted: bool = True) -> Iterator[None]:
    """Draw the figures that are made inside at slide size: 13.33 x 7.5 inches, 16 to 9.

    No letter is smaller than 20 points; lines and markers are thicker; what would become too small
    is left out: fewer images, and no numbers in a confusion matrix of many classes. A file ``.png``
    has 1920 x 1080 pixels. Figures of your own, made inside with matplotlib, have that size and
    these letters, too.

    Parameters
    ----------
    wanted : bool
        False changes nothing.

    Examples
    --------
    >>> from nn.slides import slides
    >>> from nn.training.figures.mistakes import confusion_figure
    >>> with slides():
    ...     figure = confusion_figure([[9, 1], [0, 5]])
    >>> figure.get_size_inches().round(2).tolist()
    [13.33, 7.5]
    """
    if not wanted:
        yield
        return
    from .packages import require

    require("matplotlib", "to draw at slide size")
    from matplotlib import rc_context

    before = _SLIDES.set(True)
    try:
        with rc_context(
            {
                "figure.figsize": SLIDE,
                "figure.dpi": 144,
                "savefig.dpi": "figure",
                "font.size": SMALLEST_LETTERS,
                "lines.linewidth": 3.0,
                "lines.markersize": 12.0,
                "axes.linewidth": 1.6,
                "xtick.major.size": 7.0,
                "ytick.major.size": 7.0,
                "xtick.major.width": 1.6,
                "ytick.major.width": 1.6,
            }
        ):
            yield
    finally:
        _SLIDES.reset(before)


def is_slide() -> bool:
    """Return whether figures are made at slide size now; see `slides`."""
    return _SLIDES.get()


def zoom() -> float:
    """Return how much thicker lines and markers are than on a page: 2 on a slide."""
    return 2.0 if is_slide() else 1.0


def lettering(points: float) -> float:
    """Return the size of letters that have this size on a page.

    Examples
    --------
    >>> lettering(8)
    8
    >>> with slides():
    ...     print(lettering(8), lettering(10))
    20.0 22.0
    """
    return max(SMALLEST_LETTERS, _GROWN * points) if is_slide() else points


def wrapped(text: str, points: float, width: float = SLIDE[0]) -> str:
    """Break the lines of a text that would be wider than a slide; on a page nothing is changed.

    Parameters
    ----------
    text : str
        Lines of text.
    points : float
        The size of its letters on a page.
    width : float
        The room in inches.
    """
    if not is_slide():
        return text
    letters = int(width * 72 / (lettering(points) * _WIDTH_OF_A_LETTER))
    return "\n".join("\n".join(textwrap.wrap(line, letters)) for line in text.split("\n"))


def large_ticks(*panels: Axes) -> None:
    """On a slide, fix the letters of the axes, because matplotlib makes some ticks while saving."""
    if is_slide():
        for axes in panels:
            axes.tick_params(labelsize=SMALLEST_LETTERS, width=1.6, length=7.0)
            axes.tick_params(which="minor", labelsize=SMALLEST_LETTERS)
