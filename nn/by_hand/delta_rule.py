"""Back-propagation as in the textbook: the gradients of a perceptron, derived by hand.

Four equations, batch first, weights ``(inputs, outputs)``, so a layer computes
``z = a @ W + b``. This file imports only NumPy and shares nothing with the engine, so each can
check the other.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

__all__ = ["forward", "gradients", "loss"]

Array: TypeAlias = NDArray[Any]


def _sigmoid(z: Array) -> Array:
    return np.asarray(np.exp(-np.logaddexp(0, -z)))  # 1 / (1 + exp(-z)) without overflow


# Each hidden activation f with its derivative f', the latter written through a = f(z).
HIDDEN: dict[str, tuple[Callable[[Array], Array], Callable[[Array], Array]]] = {
    "relu": (lambda z: np.maximum(z, 0), lambda a: np.asarray(a > 0, dtype=a.dtype)),
    "tanh": (np.tanh, lambda a: 1 - a**2),
    "sigmoid": (_sigmoid, lambda a: a * (1 - a)),
}


def _softmax(z: Array) -> Array:
    exponentials = np.exp(z - z.max(axis=1, keepdims=True))
    return np.asarray(exponentials / exponentials.sum(axis=1, keepdims=True))


def _targets(labels: Any, z: Array, output: str) -> Array:
    """Return the targets: one-hot rows for softmax, probabilities for the sigmoid."""
    labels = np.asarray(labels)
    if output == "softmax":
        return np.asarray(labels[:, None] == np.arange(z.shape[1]), dtype=z.dtype)
    return np.asarray(labels.reshape(z.shape), dtype=z.dtype)


def _check_names(output: str, hidden: str) -> None:
    if output not in ("softmax", "sigmoid"):
        raise ValueError(f"output must be 'softmax' or 'sigmoid', got {output!r}")
    if hidden not in HIDDEN:
        raise ValueError(f"hidden must be one of {', '.join(sorted(HIDDEN))}, got {hidden!r}")


def forward(
    weights: Sequence[Array], biases: Sequence[Array], x: Array, hidden: str = "relu"
) -> tuple[list[Array], Array]:
    """Compute the forward pass of a network.

    Parameters
    ----------
    weights : sequence of ndarray
        One for each layer, ``(inputs, outputs)``.
    biases : sequence of ndarray
        One for each layer, ``(outputs,)`` or ``(1, outputs)``.
    x : ndarray, shape (N, features)
        A batch.
    hidden : {"relu", "tanh", "sigmoid"}
        The activation of the hidden layers.

    Returns
    -------
    activations : list of ndarray
        The input of each layer: ``x`` first, then the outputs of the hidden layers.
    z : ndarray, shape (N, outputs)
        The logits.
    """
    f, _ = HIDDEN[hidden]
    activations = [np.asarray(x)]
    for W, b in zip(weights[:-1], biases[:-1], strict=True):
        activations.append(f(activations[-1] @ W + b))
    return activations, activations[-1] @ weights[-1] + biases[-1]


def loss(
    weights: Sequence[Array],
    biases: Sequence[Array],
    x: Array,
    labels: Any,
    output: str = "softmax",
    hidden: str = "relu",
) -> float:
    """Compute the average cross-entropy, which `gradients` differentiates.

    Parameters
    ----------
    weights, biases : sequence of ndarray
        One for each layer, as in `forward`.
    x : ndarray, shape (N, features)
        A batch.
    labels : array_like
        For softmax, integers of shape (N,); for the sigmoid, targets 0..1, one for each output.
    output : {"softmax", "sigmoid"}
        The activation of the outputs.
    hidden : {"relu", "tanh", "sigmoid"}
        The activation of the hidden layers.

    Returns
    -------
    float
    """
    _check_names(output, hidden)
    _, z = forward(weights, biases, x, hidden)
    y = _targets(labels, z, output)
    if output == "softmax":
        largest = z.max(axis=1, keepdims=True)
        log_p = z - largest - np.log(np.exp(z - largest).sum(axis=1, keepdims=True))
        return float(-(y * log_p).sum() / len(z))
    return float((np.logaddexp(0, z) - y * z).sum() / z.size)


def gradients(
    weights: Sequence[Array],
    biases: Sequence[Array],
    x: Array,
    labels: Any,
    output: str = "softmax",
    hidden: str = "relu",
) -> tuple[list[Array], list[Array]]:
    """Compute the gradients of the average cross-entropy by the delta rule.

    With the layers numbered 1..L, ``a0 = x``, ``z`` before and ``a = f(z)`` after an
    activation, ``p`` the outputs, ``y`` the targets, and ``⊙`` the elementwise product:

    1. ``δL = (p - y) / n``
    2. ``δl = (δl+1 @ Wl+1ᵀ) ⊙ f'(zl)``
    3. ``∂L/∂Wl = al-1ᵀ @ δl``
    4. ``∂L/∂bl = sum of the rows of δl``

    Equation 1 is this simple because softmax and cross-entropy, or the sigmoid and binary
    cross-entropy, belong together: most factors of their derivatives cancel. The factor 1/n of the
    average enters there, once.

    Parameters
    ----------
    weights : sequence of ndarray
        One for each layer, ``(inputs, outputs)``.
    biases : sequence of ndarray
        One for each layer, ``(outputs,)`` or ``(1, outputs)``.
    x : ndarray, shape (N, features)
        A batch.
    labels : array_like
        For softmax, integers of shape (N,); for the sigmoid, targets 0..1, one for each output.
    output : {"softmax", "sigmoid"}
        The activation of the outputs.
    hidden : {"relu", "tanh", "sigmoid"}
        The activation of the hidden layers.

    Returns
    -------
    weight_gradients, bias_gradients : list of ndarray
        In the shapes of `weights` and `biases`.

    Raises
    ------
    ValueError
        For an unknown `output` or `hidden`.

    References
    ----------
    Rumelhart, Hinton and Williams, "Learning representations by back-propagating errors",
    Nature 323, 1986. Nielsen, "Neural Networks and Deep Learning", chapter 2, BP1-BP4.

    Examples
    --------
    One neuron, one sample: z = 0, p = 1/2, target 1, so δ = -1/2, and x = 2.

    >>> import numpy as np
    >>> dW, db = gradients([np.zeros((1, 1))], [np.zeros(1)], np.array([[2.0]]), [1], "sigmoid")
    >>> dW[0], db[0]
    (array([[-1.]]), array([-0.5]))
    """
    _check_names(output, hidden)
    _, derivative = HIDDEN[hidden]
    activations, z = forward(weights, biases, x, hidden)
    y = _targets(labels, z, output)
    p = _softmax(z) if output == "softmax" else _sigmoid(z)
    n = len(z) if output == "softmax" else z.size

    delta = (p - y) / n  # equation 1
    weight_gradients: list[Array] = []
    bias_gradients: list[Array] = []
    for layer in reversed(range(len(weights))):
        a = activations[layer]
        weight_gradients.insert(0, a.T @ delta)  # equation 3
        bias_gradients.insert(0, delta.sum(axis=0).reshape(biases[layer].shape))  # equation 4
        if layer > 0:
            delta = (delta @ weights[layer].T) * derivative(a)  # equation 2
    return weight_gradients, bias_gradients
