"""The loss of a classifier, and how its logits become probabilities and labels.

The rule is defined only here: two or more outputs use softmax, a single output the sigmoid. The
losses themselves are operations of `tinygrad_edu`.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from tinygrad_edu import Tensor, binary_cross_entropy_with_logits, softmax_cross_entropy

__all__ = [
    "binary_cross_entropy_with_logits",
    "classes_of",
    "classification_loss",
    "output_activation",
    "predicted_labels",
    "probabilities",
    "softmax_cross_entropy",
]


def output_activation(outputs: int) -> str:
    """Return the activation of the outputs: ``"softmax"``, or ``"sigmoid"`` for a single one."""
    return "sigmoid" if outputs == 1 else "softmax"


def classes_of(outputs: int) -> int:
    """Return the number of classes for this many outputs: two for a single output."""
    return 2 if outputs == 1 else outputs


def classification_loss(logits: Tensor, labels: Any) -> Tensor:
    """Compute the average cross-entropy over a batch.

    Parameters
    ----------
    logits : Tensor, shape (N, outputs)
        The output of the network.
    labels : array_like of int, shape (N,)
        The class of each row: 0..outputs-1, or 0 and 1 for a single output.

    Returns
    -------
    Tensor
        A scalar.

    Raises
    ------
    ValueError
        For labels out of range or of another length; the error names the first bad row.
    TypeError
        For labels that are not integers.

    Examples
    --------
    >>> from tinygrad_edu import Tensor
    >>> round(classification_loss(Tensor([[0.0], [0.0]]), [0, 1]).item(), 4)
    0.6931
    """
    loss: Tensor
    if logits.shape[-1] > 1:
        loss = softmax_cross_entropy(logits, labels)
    else:
        answers = labels if isinstance(labels, Tensor) else np.asarray(labels)
        if answers.shape != logits.shape[:1]:
            raise ValueError(
                f"logits of shape {logits.shape} and labels of shape {answers.shape}; expected "
                "(N, 1) and (N,), one label for each row"
            )
        if answers.dtype.kind not in "iub":
            raise TypeError(f"labels of dtype {answers.dtype}; expected integers, 0 or 1")
        loss = binary_cross_entropy_with_logits(logits, answers.reshape(-1, 1))
    return loss


def probabilities(logits: NDArray[Any]) -> NDArray[Any]:
    """Turn logits of shape (N, outputs) into probabilities of shape (N, classes).

    Examples
    --------
    >>> import numpy as np
    >>> probabilities(np.array([[0.0]]))
    array([[0.5, 0.5]])
    """
    if logits.shape[-1] == 1:
        # The sigmoid of z equals the softmax over (0, z).
        logits = np.concatenate([np.zeros_like(logits), logits], axis=1)
    exponentials = np.exp(logits - logits.max(axis=1, keepdims=True, initial=-np.inf))
    return np.asarray(exponentials / exponentials.sum(axis=1, keepdims=True))


def predicted_labels(logits: NDArray[Any]) -> NDArray[np.int64]:
    """Return the most probable class of each row."""
    if logits.shape[-1] == 1:
        return np.asarray(logits[:, 0] > 0, dtype=np.int64)
    return np.asarray(logits.argmax(axis=1), dtype=np.int64)
