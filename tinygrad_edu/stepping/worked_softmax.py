"""One row of softmax cross-entropy, worked out in numbers as on paper.

Only the operation `softmax_cross_entropy` is worked out: integer labels, the average over the
batch. Other losses, as with label smoothing or class weights, consist of several operations, and
the story describes those instead.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from ..documents import Line, Section, code
from ..drawing.words import plural
from ..ops.networks.classification import softmax_cross_entropy
from ..tensor import Tensor
from ..texts import aligned, number_text
from ..tracing import Contribution, node_of
from .steps import section

__all__ = ["OPERATION", "backward_row", "forward_row", "letters_of", "mean_delta", "row_gradient"]

OPERATION = softmax_cross_entropy.primitive
_MOST_CLASSES = 12


def forward_row(loss: Tensor) -> list[Section]:
    """Work out the loss of the first row of the batch."""
    logits, labels = node_of(loss).values
    if logits.shape[1] > _MOST_CLASSES or not _counted(loss)[0]:
        return []
    label, softmax = int(labels[0]), _softmax(logits)[-1]
    with np.errstate(all="ignore"):
        row_loss = -np.log(softmax[label])
    average = f"the loss is the average over the {_count(loss)} rows: "
    last: Line = [average, code(number_text(loss.data))]
    return _worked(logits, labels, [(f"-log p[{label}]", row_loss)], last)


def backward_row(sent: Contribution) -> list[Section]:
    """Work out the gradient of the first row of the logits."""
    logits, labels = node_of(sent.tensor).values
    classes = logits.shape[1]
    if not _counted(sent.tensor)[0]:
        return [section("One row in numbers", ["the label of row 0 is ignored: its gradient is 0"])]
    if classes > _MOST_CLASSES:
        text = f"a row has {classes} numbers; rows of up to {_MOST_CLASSES} are worked out here"
        return [section("One row in numbers", [text])]
    softmax, one_hot = _softmax(logits)[-1], _one_hot(labels, classes)
    count = _count(sent.tensor)
    rows = [
        (f"y = one_hot({int(labels[0])})", one_hot),
        ("p - y", softmax - one_hot),
        (f"× g / n = × {number_text(_upstream(sent))} / {count}", row_gradient(sent)),
    ]
    return _worked(logits, labels, rows, ["1 / n: the loss is an average over n rows"])


def mean_delta(sent: Contribution) -> str:
    """Write the whole gradient as textbooks do."""
    upstream = "" if _upstream(sent) == 1 else "g × "
    return f"{upstream}(p - y) / n"


def letters_of(sent: Contribution, logits: str, labels: str) -> str:
    """Say what the letters of `mean_delta` are."""
    count = plural(_count(sent.tensor), "row")
    return f"p = softmax({logits}), y = one_hot({labels}), n = {count}"


def row_gradient(sent: Contribution) -> Any:
    """Compute ``(softmax(z) - onehot(y)) * g / N`` for the first row, from its logits alone."""
    logits, labels = node_of(sent.tensor).values
    softmax = _softmax(logits)[-1]
    if not _counted(sent.tensor)[0]:
        return np.zeros_like(softmax)
    share = _upstream(sent) / _count(sent.tensor)
    return (softmax - _one_hot(labels, len(softmax))) * share


def _counted(loss: Tensor) -> Any:
    """Return which rows have a label that is not ignored."""
    node = node_of(loss)
    return np.asarray(node.values[1]) != node.params.get("ignore_index")


def _count(loss: Tensor) -> int:
    return int(_counted(loss).sum())


def _worked(logits: Any, labels: Any, more: Sequence[tuple[str, Any]], last: Line) -> list[Section]:
    """Write rows of numbers below each other, with one decimal point below the other."""
    z, exponentials, total, softmax = _softmax(logits)
    rows = [("z", z), ("exp(z - max(z))", exponentials), ("their sum", total)]
    rows += [("p = softmax(z)", softmax), *more]
    texts = aligned([list(map(number_text, np.atleast_1d(numbers))) for _, numbers in rows])
    lines: list[Line] = []
    for (label, numbers), text in zip(rows, texts, strict=True):
        shown = f"[{' '.join(text)}]" if np.ndim(numbers) else f" {text[0]}"
        lines.append([label.ljust(20), code(shown)])
    title = f"Row 0 of {len(labels)}, label {int(labels[0])}"
    return [section(title, *lines, last)]


def _softmax(logits: Any) -> tuple[Any, Any, Any, Any]:
    z = np.asarray(logits[0], np.float64)
    with np.errstate(all="ignore"):
        exponentials = np.exp(z - z.max())
        total = exponentials.sum()
        return z, exponentials, total, exponentials / total


def _one_hot(labels: Any, classes: int) -> Any:
    return (np.arange(classes) == int(labels[0])).astype(float)


def _upstream(sent: Contribution) -> float:
    return float(np.asarray(sent.upstream).reshape(-1)[0])
