"""Draws the mistakes of a network: the confusion matrix, and the worst mistakes as images.

It works on labels and predictions; no network is called here.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ... import figure_style as style
from ..texts import count_text

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

__all__ = ["confusion_figure", "confusion_matrix", "mistakes_figure"]

_MOST_CLASSES_WITH_NUMBERS, _MOST_CLASSES_WITH_SHARES = 32, 12
_MOST_WITH_NUMBERS_ON_A_SLIDE, _MOST_WITH_SHARES_ON_A_SLIDE = 12, 5
_MOST_NAMES_ON_A_SLIDE = 15
_WIDTH_OF_A_DIGIT = 0.64  # of the size of the font
_COLUMNS = 6
_MOST_NAMES = 60
_LONGEST_LEVEL_NAME = 3
_LONGEST_NAME_IN_A_LINE = 4
_WIDTH_OF_A_LETTER = 0.075  # in inches, of the names at the axes
_WIDTH_OF_A_SLIDE_LETTER = 0.18


def confusion_matrix(
    labels: ArrayLike,
    predicted: ArrayLike,
    classes: int,
    *,
    sample_weight: ArrayLike | None = None,
) -> NDArray[Any]:
    """Count how often samples of each class were predicted as each class.

    Parameters
    ----------
    labels, predicted : array_like of int, shape (N,)
        The correct and the predicted classes, from 0 to ``classes - 1``.
    classes : int
        Number of classes.
    sample_weight : array_like, shape (N,), optional
        How often each sample counts; once each by default.

    Returns
    -------
    numpy.ndarray of int, shape (classes, classes)
        A row for each correct class, a column for each predicted one; floats if there are weights.

    Raises
    ------
    ValueError
        For arrays of different lengths, and classes out of range.
    TypeError
        For classes that are not integers.

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
        if values.dtype.kind not in "iub" and len(values):
            raise TypeError(
                f"{name}s of dtype {values.dtype}; expected integers, the numbers of the classes"
            )
        wrong = values[(values < 0) | (values >= classes)]
        if len(wrong):
            raise ValueError(
                f"{name} {wrong[0]} is out of range; {classes} classes are numbered "
                f"0..{classes - 1}"
            )
    places = right.astype(np.int64) * classes + said.astype(np.int64)
    weights = None if sample_weight is None else np.asarray(sample_weight, dtype=np.float64)
    cells = np.bincount(places, weights=weights, minlength=classes**2)
    return cells.reshape(classes, classes)


def confusion_figure(
    matrix: ArrayLike, *, data: str = "", class_names: Sequence[str] | None = None
) -> Figure:
    """Draw a confusion matrix: counts, and shares of the correct class.

    Correct predictions are blue on the diagonal, mistakes are orange; larger shares have a stronger
    colour. Above 12 classes only correct predictions show their share, and above 32 classes there
    are no numbers; on a slide, there are shares of at most 5 classes, and numbers of at most 12.

    Parameters
    ----------
    matrix : array_like of int, shape (classes, classes)
        From `confusion_matrix`.
    data : str
        The name of the data, for the title.
    class_names : sequence of str, optional
        The names of the classes; by default their numbers. Long names lose their middle.

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
    digits = max((len(_cell(count)) for count in np.unique(counts)), default=1)
    limit, with_numbers, with_shares = (
        (20 if classes <= 4 else 12, _MOST_WITH_NUMBERS_ON_A_SLIDE, _MOST_WITH_SHARES_ON_A_SLIDE)
        if style.is_slide()
        else (24, _MOST_CLASSES_WITH_NUMBERS, _MOST_CLASSES_WITH_SHARES)
    )
    names = None if class_names is None else style.class_labels(class_names, classes, limit)
    longest = 0 if names is None else max(map(len, names), default=0)
    figure, axes, fontsize = _blank_matrix(classes, digits, longest)
    strength = np.sqrt(shares)[..., np.newaxis]  # a share of 1 % is visible already
    full = np.where(
        np.eye(classes, dtype=bool)[..., np.newaxis], style.rgb(style.BLUE), style.rgb(style.ORANGE)
    )
    colours = 1 - strength * (1 - full)
    style.paint(axes, colours)
    if style.is_slide():
        axes.set_aspect("auto")  # wide cells have room for large numbers
    if classes <= with_numbers:
        # Most of the time is spent on texts; a second line takes as long as the first.
        for row, column in np.argwhere(counts):
            text = _cell(counts[row, column])
            if classes <= with_shares or (row == column and not style.is_slide()):
                text += f"\n{_share(shares[row, column])}"
            axes.text(
                column,
                row,
                text,
                ha="center",
                va="center",
                color=style.ink_on(colours[row, column]),
                fontsize=fontsize,
                linespacing=1.1,
                in_layout=False,  # it is inside the plot, so the layout can skip it
            )
    step = _name_classes(axes, classes, names)
    edges = np.arange(step, classes, step) - 0.5
    for lines in (axes.vlines, axes.hlines):
        lines(edges, -0.5, classes - 0.5, colors=style.GRID, linewidth=0.6)
    axes.set_xlabel("predicted class")
    axes.set_ylabel("right class" + " (shares are of its samples)" * (not style.is_slide()))
    right, all_samples = np.trace(counts).item(), totals.sum().item()
    share = right / (all_samples or 1)
    title = f"right: {count_text(right)} of {count_text(all_samples)} ({share:.2%})"
    axes.set_title(style.heading(data, title), fontsize=style.lettering(10))
    meaning = "blue: right, orange: wrong; the stronger, the larger the share"
    figure.supxlabel(meaning, fontsize=style.lettering(8), color=style.MUTED)
    return figure


def _cell(count: Any) -> str:
    """Return a count, or a sum of weights, as text for a cell."""
    return f"{count:.0f}" if count == int(count) else f"{count:.3g}"


def _name_classes(axes: Axes, classes: int, names: list[str] | None) -> int:
    """Name the classes at both axes, and return the distance of the lines between them."""
    if style.is_slide():
        step = -(-classes // _MOST_NAMES_ON_A_SLIDE)
        shown = range(0, classes, step)
        texts = [str(i) if names is None else names[i] for i in shown]
        room = 10.0 / len(texts)  # in inches, for each column
        turned = 90 if max(map(len, texts)) * _WIDTH_OF_A_SLIDE_LETTER > room else 0
        axes.set_xticks(shown, texts, rotation=turned)
        axes.set_yticks(shown, texts)
        return step
    if names is None:
        step = 1 if classes <= _MOST_CLASSES_WITH_NUMBERS else 5 * -(-classes // 100)
        axes.set_xticks(range(0, classes, step))
        axes.set_yticks(range(0, classes, step))
        return step
    step = -(-classes // _MOST_NAMES)
    shown, size = range(0, classes, step), 8 if classes <= _MOST_CLASSES_WITH_NUMBERS else 6.5
    turned = 90 if max(map(len, names)) > _LONGEST_LEVEL_NAME else 0
    axes.set_xticks(shown, [names[i] for i in shown], fontsize=size, rotation=turned)
    axes.set_yticks(shown, [names[i] for i in shown], fontsize=size)
    return step


def _blank_matrix(classes: int, digits: int, longest: int) -> tuple[Figure, Axes, float]:
    """Return a figure whose cells have room for this many digits, and their font size.

    Next to the cells there is room for names of at most `longest` letters.
    """
    if classes > _MOST_CLASSES_WITH_NUMBERS:
        size, fontsize = 10.0, 8.0
    else:
        fontsize = 11.0 if classes <= 4 else 8.5
        smallest = 0.52 if classes <= _MOST_CLASSES_WITH_SHARES else 0.44
        size = classes * max(smallest, digits * _WIDTH_OF_A_DIGIT * fontsize / 72 + 0.09)
    if style.is_slide():
        fontsize = style.SMALLEST_LETTERS
    room = longest * _WIDTH_OF_A_LETTER
    figure, axes = style.blank_axes(max(size + 1.3 + room, 4.6), max(size + 1.4 + room, 4.2))
    return figure, axes, fontsize


def _share(share: float) -> str:
    """Return a share as text: 100% only for all, 0% only for none."""
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
    class_names: Sequence[str] | None = None,
) -> Figure:
    r"""Show the samples that a network predicts wrongly, in order of confidence.

    Without mistakes, it shows the correct predictions of the lowest confidence.

    Parameters
    ----------
    features : array_like, shape (N, side * side)
        Images, row by row, in any scale.
    labels : array_like of int, shape (N,)
        The correct classes.
    probabilities : array_like, shape (N, classes)
        The predictions of the network.
    most : int
        The largest number of images; on a slide it is 8.
    data : str
        The name of the data, for the title.
    class_names : sequence of str, optional
        The names of the classes; by default their numbers.

    Returns
    -------
    matplotlib.figure.Figure

    Raises
    ------
    ValueError
        If the features do not form a square image.

    Examples
    --------
    >>> import numpy as np
    >>> images = np.random.default_rng(0).random((3, 25))
    >>> figure = mistakes_figure(images, [0, 1, 1], [[0.9, 0.1], [0.8, 0.2], [0.6, 0.4]])
    >>> [text.get_text() for text in figure.axes[0].texts]
    ['is 1, said 0\n80.0%, row 2', 'is 1, said 0\n60.0%, row 3']
    """
    images, right, p = np.asarray(features), np.asarray(labels), np.asarray(probabilities)
    side = style.required_side(images.shape[1], "features")
    said, confidence = p.argmax(axis=1), p.max(axis=1)
    if style.is_slide():
        most = min(most, style.MOST_IMAGES_ON_A_SLIDE)
    wrong = np.flatnonzero(said != right)
    if len(wrong):
        shown = wrong[np.argsort(-confidence[wrong], kind="stable")][:most]
        title = f"the surest mistakes: {len(shown)} of {len(wrong):,}, in {len(right):,} samples"
    else:
        shown = np.argsort(confidence, kind="stable")[:most]
        title = f"no mistakes in {len(right):,} samples; these were the closest"
    columns = style.balanced_columns(len(shown), 4 if style.is_slide() else _COLUMNS)
    rows = -(-len(shown) // columns)
    called = style.class_labels(class_names, p.shape[1], 16 if style.is_slide() else 14)
    # Two names next to each other may be wider than an image.
    is_wide = max(map(len, called)) > _LONGEST_NAME_IN_A_LINE
    apart, gap, height = ("\n", 0.56, 1.75) if is_wide else (", ", 0.42, 1.6)
    figure, axes = style.blank_axes(1.45 * max(columns, 3) + 0.2, height * rows + 0.8)
    pixels = images[shown].reshape(-1, side, side)
    limits = float(pixels.min()), float(pixels.max())  # one scale for all images
    names = [
        f"is {called[right[sample]]}{apart}said {called[said[sample]]}\n"
        f"{_share(confidence[sample])}, row {sample + 1}"
        for sample in shown
    ]
    gaps = style.gaps_on_a_slide(columns, rows, names) if style.is_slide() else (0.28, gap)
    style.mosaic(axes, pixels, names, columns, gaps, colours="gray", limits=limits, fontsize=7.5)
    figure.suptitle(style.heading(data, title), fontsize=style.lettering(10))
    meaning = "row: of the data, from 1; percent: how sure it was"
    figure.supxlabel(meaning, fontsize=style.lettering(8), color=style.MUTED)
    return figure
