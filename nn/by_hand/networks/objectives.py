"""The losses that gradients can be compared for, each by hand and as an operation of the engine.

The formulas are in `losses`, in plain NumPy. Here is only which operation computes the same, and
how labels are brought into shape.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

import tinygrad_edu as tg
from tinygrad_edu import Tensor

from .. import losses

__all__ = ["OBJECTIVES", "Objective", "usual_objective"]

Array: TypeAlias = NDArray[Any]


def _classes(z: Any, labels: Array) -> tuple[Any, Array]:
    """Bring scores (..., K) and the numbers of the classes (...) into rows."""
    if z.ndim < 1 or labels.shape != z.shape[:-1]:
        raise ValueError(
            f"logits of shape {z.shape} and labels of shape {labels.shape}; expected labels of "
            f"shape {z.shape[:-1]}, one number of a class for each row of logits"
        )
    return z.reshape(-1, z.shape[-1]), labels.reshape(-1)


def _targets(z: Any, labels: Array) -> tuple[Any, Array]:
    """Bring targets into the shape of the outputs; a single output may lack its axis."""
    if labels.dtype.kind not in "fiub":
        raise TypeError(f"labels have dtype {labels.dtype}, expected numbers")
    if labels.shape not in (z.shape, z.shape[:-1] if z.shape[-1:] == (1,) else z.shape):
        raise ValueError(
            f"outputs of shape {z.shape} and labels of shape {labels.shape}; expected a target for "
            "each output"
        )
    return z, labels.reshape(z.shape).astype(np.float64)


class Objective:
    """A loss, by hand and by the engine.

    Parameters
    ----------
    name : str
        One of `OBJECTIVES`.

    Attributes
    ----------
    delta : str
        What is known of the gradient where it starts.

    Examples
    --------
    >>> objective = Objective("softmax_cross_entropy")
    >>> loss, delta = objective.by_hand(np.zeros((1, 2)), np.array([1]))
    >>> delta.tolist(), objective.delta
    ([[0.5, -0.5]], 'at the end, g = (softmax(z) - y) / n')
    """

    def __init__(self, name: str) -> None:
        self.name = name
        self._shaped, self._operation, delta = OBJECTIVES[name]
        self.delta = f"at the end, g = {delta}"

    def of_tensor(self, z: Tensor, labels: Array) -> Tensor:
        """Compute the loss with the engine."""
        return self._operation(*self._shaped(z, labels))  # type: ignore[no-any-return]

    def by_hand(self, z: Array, labels: Array) -> tuple[float, Array]:
        """Compute the loss and its gradient by `losses`."""
        loss, delta = getattr(losses, self.name)(*self._shaped(z, labels))
        return float(loss), np.asarray(delta).reshape(z.shape)


def _hinge(z: Any, y: Array) -> Tensor:
    """Compute the hinge loss for targets of -1 and 1, which `losses` defines."""
    if not np.isin(y, (-1, 1)).all():
        raise ValueError("hinge: labels must be -1 or 1")
    return tg.maximum(0.0, 1.0 - z * y).mean()  # type: ignore[no-any-return]


OBJECTIVES: dict[str, tuple[Callable[..., Any], Callable[..., Any], str]] = {
    "softmax_cross_entropy": (_classes, tg.softmax_cross_entropy, "(softmax(z) - y) / n"),
    "sigmoid_cross_entropy": (
        _targets,
        tg.binary_cross_entropy_with_logits,
        "(sigmoid(z) - y) / n",
    ),
    "squared_error": (_targets, tg.mse_loss, "2 (z - y) / n"),
    "absolute_error": (_targets, tg.l1_loss, "sign(z - y) / n"),
    "huber": (_targets, tg.huber_loss, "(z - y) / n, at most 1 / n"),
    "hinge": (_targets, _hinge, "-y / n where y z < 1, else 0"),
}
"""How labels are brought into shape, the operation, and the gradient where it starts."""


def usual_objective(outputs: int) -> str:
    """Return the cross-entropy for a number of outputs: with the sigmoid for a single one."""
    return "sigmoid_cross_entropy" if outputs == 1 else "softmax_cross_entropy"
