"""Where a network is wrong: the confusion matrix, and its worst mistakes as images."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import ArrayLike, NDArray

from .style import BLUE, MUTED, ORANGE, blank_axes, image_side, ink_on, mosaic, paint, rgb

if TYPE_CHECKING:
    from matplotlib.figure import Figure

__all__ = ["confusion_figure", "confusion_matrix", "mistakes_figure"]

_MOST_CLASSES_WITH_NUMBERS = 32
_COLUMNS = 6


def confusion_matrix(labels: ArrayLike, predicted: ArrayLike, classes: int) -> NDArray[np.int64]:
    """Count how often samples of each class were taken for each class.

    Parameters
    ----------
    labels, predicted : array_like of int, shape (N,)
        The right classes and what the network said, from 0 to ``classes - 1``.
    classes : int
        How many there are.

    Returns
    -------
    numpy.ndarray of int, shape (classes, classes)
        A row for each right class, a column for each predicted one.

    Raises
    ------
    ValueError
        For arrays that do not fit each other, and classes out of range.

    Examples
    --------
    >>> confusion_matrix([0, 0, 1], [0, 1, 1], classes=2)
    array([[1, 1],
           [0, 1]])
    """
    right, said = np.asarray(labels), np.asarray(predicted)
    if right.shape != said.shape or right.ndim != 1:
        raise ValueError(
            f"labels of shape {right.shape} and predictions of shape {said.shape}; expected (N,) "
            "for both, one for each sample"
        )
    for name, values in (("label", right), ("prediction", said)):
        wrong = values[(values < 0) | (values >= classes)]
        if len(wrong):
            raise ValueError(
                f"{name} {wrong[0]} is out of range; {classes} classes are numbered "
                f"0..{classes - 1}"
            )
    cells = np.bincount(right.astype(np.int64) * classes + said, minlength=classes**2)
    return cells.reshape(classes, classes)


def confusion_figure(matrix: ArrayLike, *, data: str = "") -> Figure:
    """Draw a confusion matrix: counts, and shares of the right class.

    Right predictions are blue and stand on the diagonal, mistakes are orange; the colour is the
    stronger, the larger the share. Above 32 classes the cells have no room for numbers.

    Parameters
    ----------
    matrix : array_like of int, shape (classes, classes)
        From `confusion_matrix`.
    data : str
        What it was measured on, for the title.

    Returns
    -------
    matplotlib.figure.Figure

    Examples
    --------
    >>> figure = confusion_figure(confusion_matrix([0, 0, 1], [0, 1, 1], classes=2))
    >>> figure.axes[0].get_title()
    'right: 2 of 3 (66.67%)'
    """
    counts = np.asarray(matrix)
    classes = len(counts)
    totals = counts.sum(axis=1, keepdims=True)
    shares = counts / np.maximum(totals, 1)
    size = (
        (0.6 if counts.max(initial=0) >= 10_000 else 0.52) * classes
        if classes <= _MOST_CLASSES_WITH_NUMBERS
        else 12.0
    )
    figure, axes = blank_axes(max(size + 1.3, 4.6), max(size + 1.2, 4.0))

    strength = np.sqrt(shares)[..., np.newaxis]  # a share of 1 % shows already
    full = np.where(np.eye(classes, dtype=bool)[..., np.newaxis], rgb(BLUE), rgb(ORANGE))
    colours = 1 - strength * (1 - full)
    paint(axes, colours)
    if classes <= _MOST_CLASSES_WITH_NUMBERS:
        for row, column in np.argwhere(counts):
            axes.text(
                column,
                row,
                f"{counts[row, column]}\n{_share(shares[row, column])}",
                ha="center",
                va="center",
                color=ink_on(colours[row, column]),
                fontsize=11 if classes <= 4 else 8.5 if classes <= 12 else 7.5,
                linespacing=1.1,
                in_layout=False,  # it lies within the plot: that need not be found out
            )
        axes.set_xticks(range(classes))
        axes.set_yticks(range(classes))
        axes.set_xticks(np.arange(0.5, classes - 1), minor=True)
        axes.set_yticks(np.arange(0.5, classes - 1), minor=True)
        axes.grid(which="minor", color="#D9DEE3", linewidth=0.6)
        axes.tick_params(which="minor", length=0)
    axes.set_xlabel("predicted class")
    axes.set_ylabel("right class (shares are of its samples)")
    right, all_samples = int(np.trace(counts)), int(totals.sum())
    title = f"right: {right:,} of {all_samples:,} ({right / max(all_samples, 1):.2%})"
    axes.set_title(f"{data}\n{title}" if data else title, fontsize=10)
    return figure


def _share(share: float) -> str:
    """Write a share so that one that is not all does not read 100%, nor one that is some 0%."""
    if share == 1.0:
        return "100%"
    return f"{min(max(share, 0.001), 0.999):.1%}"


def mistakes_figure(
    features: ArrayLike,
    labels: ArrayLike,
    probabilities: ArrayLike,
    *,
    most: int = 24,
    data: str = "",
) -> Figure:
    r"""Show the samples a network is wrong about, the surest mistakes first.

    If there are no mistakes, the right answers it was least sure of are shown in their place.

    Parameters
    ----------
    features : array_like, shape (N, side * side)
        Images, row by row; any scale will do.
    labels : array_like of int, shape (N,)
        The right classes.
    probabilities : array_like, shape (N, classes)
        What the network said.
    most : int
        How many images at most.
    data : str
        What it was measured on, for the title.

    Returns
    -------
    matplotlib.figure.Figure

    Raises
    ------
    ValueError
        If the features form no square image.

    Examples
    --------
    >>> import numpy as np
    >>> images = np.random.default_rng(0).random((3, 25))
    >>> figure = mistakes_figure(images, [0, 1, 1], [[0.9, 0.1], [0.8, 0.2], [0.6, 0.4]])
    >>> [text.get_text() for text in figure.axes[0].texts]
    ['is 1, said 0\n80.0%, row 2', 'is 1, said 0\n60.0%, row 3']
    """
    images, right, p = np.asarray(features), np.asarray(labels), np.asarray(probabilities)
    side = image_side(images.shape[1])
    if side is None:
        raise ValueError(
            f"{images.shape[1]} features form no square image; expected 64 for 8x8, 784 for 28x28"
        )
    said, confidence = p.argmax(axis=1), p.max(axis=1)
    wrong = np.flatnonzero(said != right)
    if len(wrong):
        shown = wrong[np.argsort(-confidence[wrong], kind="stable")][:most]
        title = f"the surest mistakes: {len(shown)} of {len(wrong):,}, in {len(right):,} samples"
    else:
        shown = np.argsort(confidence, kind="stable")[:most]
        title = f"no mistakes in {len(right):,} samples; these were the closest"
    columns, rows = min(_COLUMNS, max(len(shown), 3)), -(-len(shown) // _COLUMNS)
    figure, axes = blank_axes(1.45 * columns + 0.2, 1.6 * rows + 0.7)
    pixels = images[shown].reshape(-1, side, side)
    low, high = float(pixels.min()), float(pixels.max())  # one scale for all of them
    _, places = mosaic(axes, pixels, columns, (0.28, 0.42), colours="gray", limits=(low, high))
    for (x, y), sample in zip(places, shown, strict=True):
        text = f"is {right[sample]}, said {said[sample]}\n"
        text += f"{_share(confidence[sample])}, row {sample + 1}"
        axes.text(
            x,
            y - 0.04 * side,
            text,
            ha="center",
            va="bottom",
            fontsize=7.5,
            linespacing=1.1,
            in_layout=False,
        )
    figure.suptitle(f"{data}\n{title}" if data else title, fontsize=10)
    figure.supxlabel("row: of the data, from 1; percent: how sure it was", fontsize=8, color=MUTED)
    return figure
