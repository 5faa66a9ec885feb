"""One row of softmax cross-entropy, worked out in numbers as one would on paper.

Only the operation `softmax_cross_entropy` itself is worked out: integer labels, the average over
the batch. Where a loss is made of other operations, as with label smoothing, weights of classes or
another reduction, those are told one by one, and nothing stands here.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from ..drawing.text import number_text
from ..explaining.wording import Line, Section, code
from ..ops.networks.classification import softmax_cross_entropy
from ..tensor import Tensor
from ..tracing import Contribution, node_of
from .ticks import section

__all__ = ["OPERATION", "backward_row", "forward_row", "row_gradient"]

OPERATION = softmax_cross_entropy.primitive
_MOST_CLASSES = 12


def forward_row(loss: Tensor) -> list[Section]:
    """Work out the loss of the first row of the batch."""
    logits, labels = node_of(loss).values
    if logits.shape[1] > _MOST_CLASSES:
        return []
    z, label = np.asarray(logits[0], np.float64), int(labels[0])
    exponentials, total, softmax = _softmax(z)
    with np.errstate(all="ignore"):
        row_loss = -np.log(softmax[label])
    lines: list[Line] = [
        ["z                   ", code(_row(z))],
        ["exp(z - max(z))     ", code(_row(exponentials))],
        ["their sum           ", code(number_text(total))],
        ["softmax(z)          ", code(_row(softmax))],
        [f"-log of entry {label:<6}", code(number_text(row_loss))],
        [f"the loss is the average over the {len(labels)} rows: ", code(number_text(loss.data))],
    ]
    return [section(f"Row 0 of {len(labels)}, label {label}", *lines)]


def backward_row(sent: Contribution) -> list[Section]:
    """Work out what the first row of the logits gets."""
    logits, labels = node_of(sent.tensor).values
    rows, classes = logits.shape
    if classes > _MOST_CLASSES:
        told = f"a row has {classes} numbers; rows of up to {_MOST_CLASSES} are worked out here"
        return [section("One row in numbers", [told])]
    z, label = np.asarray(logits[0], np.float64), int(labels[0])
    exponentials, total, softmax = _softmax(z)
    one_hot = (np.arange(classes) == label).astype(float)
    upstream = float(np.asarray(sent.upstream).reshape(-1)[0])
    last = f"× g / N = × {number_text(upstream)} / {rows}"
    lines: list[Line] = [
        ["z                   ", code(_row(z))],
        ["exp(z - max(z))     ", code(_row(exponentials))],
        ["their sum           ", code(number_text(total))],
        ["softmax(z)          ", code(_row(softmax))],
        [f"onehot({label})".ljust(20), code(_row(one_hot))],
        ["softmax - onehot    ", code(_row(softmax - one_hot))],
        [last.ljust(20), code(_row(row_gradient(sent)))],
    ]
    return [section(f"Row 0 of {rows}, label {label}", *lines)]


def row_gradient(sent: Contribution) -> Any:
    """Compute ``(softmax(z) - onehot(y)) * g / N`` for the first row, from its logits alone."""
    logits, labels = node_of(sent.tensor).values
    softmax = _softmax(np.asarray(logits[0], np.float64))[2]
    one_hot = np.arange(len(softmax)) == int(labels[0])
    return (softmax - one_hot) * (float(np.asarray(sent.upstream).reshape(-1)[0]) / len(labels))


def _softmax(z: Any) -> tuple[Any, Any, Any]:
    with np.errstate(all="ignore"):
        exponentials = np.exp(z - z.max())
        total = exponentials.sum()
        return exponentials, total, exponentials / total


def _row(numbers: Any) -> str:
    return f"[{' '.join(map(number_text, numbers))}]"
