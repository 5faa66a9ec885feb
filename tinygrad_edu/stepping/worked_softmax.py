"""One row of softmax cross-entropy, worked out in numbers as on paper.

Only the operation `softmax_cross_entropy` is worked out: integer labels, the average over the
batch. Other losses, as with label smoothing or class weights, consist of several operations, and
the story describes those instead.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from ..documents import Line, Section, code
from ..ops.networks.classification import softmax_cross_entropy
from ..tensor import Tensor
from ..texts import number_text
from ..tracing import Contribution, node_of
from .steps import section

__all__ = ["OPERATION", "backward_row", "forward_row", "row_gradient"]

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
    last = f"the loss is the average over the {_count(loss)} rows: "
    return _worked(
        logits,
        labels,
        [f"-log of entry {label:<6}", code(number_text(row_loss))],
        [last, code(number_text(loss.data))],
    )


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
    last = f"× g / N = × {number_text(_upstream(sent))} / {_count(sent.tensor)}"
    return _worked(
        logits,
        labels,
        [f"onehot({int(labels[0])})".ljust(20), code(_row(one_hot))],
        ["softmax - onehot    ", code(_row(softmax - one_hot))],
        [last.ljust(20), code(_row(row_gradient(sent)))],
    )


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


def _worked(logits: Any, labels: Any, *more: Line) -> list[Section]:
    z, exponentials, total, softmax = _softmax(logits)
    return [
        section(
            f"Row 0 of {len(labels)}, label {int(labels[0])}",
            ["z                   ", code(_row(z))],
            ["exp(z - max(z))     ", code(_row(exponentials))],
            ["their sum           ", code(number_text(total))],
            ["softmax(z)          ", code(_row(softmax))],
            *more,
        )
    ]


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


def _row(numbers: Any) -> str:
    return f"[{' '.join(map(number_text, numbers))}]"
