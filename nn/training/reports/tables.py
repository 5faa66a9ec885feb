"""The tables of a classification report: they fit into 80 columns, whatever the classes are.

The numbers are computed in `report`. Long names lose their middle; of many classes the worst are
shown, with a count of the others.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from tinygrad_edu.documents import Line, Section, Table, name
from tinygrad_edu.texts import clean

from ..texts import count_text, loss_text, percent_text
from .calibration import CONVENTION, gap_words

if TYPE_CHECKING:
    from .classification import ClassificationReport, ClassScores

__all__ = ["WIDTH", "classification_sections"]

WIDTH = 80
_MOST_CLASSES = 24
_MOST_CONFUSIONS = 5
_WIDEST_NAME = 32
_GAP = 2  # blanks between columns


def classification_sections(report: ClassificationReport) -> Iterator[Line | Section | Table]:
    """Yield the parts of a report, in the order in which they are read."""
    yield from _overview(report)
    yield _scores(report)
    yield _matrix(report)
    yield _confusions(report)
    yield _calibration(report)


def _overview(report: ClassificationReport) -> Iterator[Line | Table]:
    rows = [
        ["accuracy", percent_text(report.accuracy), percent_text(report.largest_share)],
        ["log loss", loss_text(report.log_loss), loss_text(report.log_loss_of_shares)],
    ]
    yield Table(["", "this model", "without a model"], rows, numbers=(1, 2))
    yield [
        "Without a model: always the largest class (",
        name(report.largest_class, _WIDEST_NAME),
        "); for the log loss, always the shares of all classes.",
    ]
    if report.impossible:
        rows_have = (
            "1 sample has" if report.impossible == 1 else f"{report.impossible:,} samples have"
        )
        yield (
            f"{rows_have} a probability of 0 for the correct class; as ln 0 is infinite, the log "
            "loss counts it as the precision of the numbers."
        )


def _scores(report: ClassificationReport) -> Section:
    shown = list(report.classes)
    title = "Classes"
    if len(shown) > _MOST_CLASSES:
        shown.sort(key=lambda each: 2.0 if each.f1 is None else each.f1)
        shown = shown[: _MOST_CLASSES - 4]
        title = f"Classes: {len(shown)} of {len(report.classes)}, those with the lowest F1 first"
    rows = [_score_row(each) for each in shown]
    if hidden := len(report.classes) - len(shown):
        rows.append([f"… {hidden:,} more", "", "", "", ""])
    strong = [len(rows), len(rows) + 1]
    rows += [_score_row(report.macro), _score_row(report.weighted)]
    lines = []
    if any(each.precision is None for each in report.classes):
        lines.append("- for precision: the class is never predicted. Averages leave out a -.")
    if any(each.recall is None for each in report.classes):
        lines.append("- for recall: the class has no samples. Averages leave out a -.")
    heads = ["class", "precision", "recall", "F1", "samples"]
    return Section(title, (Table(heads, rows, numbers=range(1, 5), strong=strong), *lines))


def _score_row(scores: ClassScores) -> list[Line]:
    values = map(percent_text, (scores.precision, scores.recall, scores.f1))
    return [name(scores.name, _WIDEST_NAME), *values, count_text(scores.support)]


def _matrix(report: ClassificationReport) -> Section:
    """Show the confusion matrix, where it fits."""
    title = "Confusion matrix: rows are the correct classes, columns the predicted ones"
    count = len(report.class_names)
    cells = [[count_text(value) for value in row] for row in report.matrix.tolist()]
    widest = max(len(cell) for row in cells for cell in row)
    labels = [clean(each, 20) for each in report.class_names]
    heads = [clean(each) for each in report.class_names]
    if _width(labels, heads, widest) > WIDTH - _GAP:  # numbers are shorter than names
        heads = [f"[{number}]" for number in range(count)]
        labels = [f"{head} {label}" for head, label in zip(heads, labels, strict=True)]
    if _width(labels, heads, widest) > WIDTH - _GAP:
        size = f"{count} x {count}"
        return Section(
            title, (f"{size} cells do not fit: see matrix_frame(), or the figure confusion.",)
        )
    rows = [[label, *row] for label, row in zip(labels, cells, strict=True)]
    return Section(title, (Table(["", *heads], rows, numbers=range(1, count + 1)),))


def _width(labels: list[str], heads: list[str], cell: int) -> int:
    """Return the width of a matrix with cells of this width."""
    return max(map(len, labels)) + sum(_GAP + max(len(head), cell) for head in heads)


def _confusions(report: ClassificationReport) -> Section:
    """Say the largest confusions in words."""
    if not report.confusions:
        return Section("Largest confusions", ("none: all predictions are correct",))
    support = {each.name: each.support for each in report.classes}
    lines: list[Line] = [
        [
            name(each.right, _WIDEST_NAME),
            " predicted as ",
            name(each.predicted, _WIDEST_NAME),
            f": {_of(each.samples, support[each.right])} ({percent_text(each.share)})",
        ]
        for each in report.confusions[:_MOST_CONFUSIONS]
    ]
    if hidden := len(report.confusions) - len(lines):
        rest = sum(each.samples for each in report.confusions[_MOST_CONFUSIONS:])
        lines.append(f"… {hidden:,} more kinds of mistakes, with {count_text(rest)} samples")
    return Section("Largest confusions", tuple(lines))


def _of(part: float, whole: float) -> str:
    return f"{count_text(part)} of {count_text(whole)}"


def _calibration(report: ClassificationReport) -> Section:
    """Show the reliability table, without empty bins, and its error."""
    rows = [
        [
            f"{each.low:.0%} to {each.high:.0%}",
            count_text(each.samples),
            percent_text(each.confidence),
            percent_text(each.accuracy),
        ]
        for each in report.bins
        if each.samples
    ]
    table = Table(
        ["confidence", "samples", "mean confidence", "correct"], rows, numbers=range(1, 4)
    )
    error = f"Expected calibration error {percent_text(report.calibration_error)} ({CONVENTION})."
    return Section(
        "Calibration: is it correct as often as its confidence says?",
        (table, error, gap_words(report.bins) + "."),
    )
