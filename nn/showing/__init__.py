"""Shows a training step as a program text: in plain NumPy, in PyTorch, or in tinygrad_edu.

The text in NumPy is written from the calls that `capture` replays; the others from the layers of
the network. Nothing is trained here, and the network that is shown does not change.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from ..module import Module
from ..optim.optimizer import Optimizer
from .errors import ShowError
from .shown import ShownStep

__all__ = ["ShowError", "ShownStep", "show_as"]

LANGUAGES = ("numpy", "torch", "tinygrad_edu")


def show_as(
    network: Module,
    language: str,
    x: ArrayLike | None = None,
    labels: ArrayLike | None = None,
    *,
    loss: Any = "softmax_cross_entropy",
    optimizer: Optimizer | None = None,
) -> ShownStep:
    """Write the training step of a network as a short program.

    All three texts define the same functions: ``start(arrays)`` sets the parameters,
    ``step(x, labels)`` takes a step and returns the loss before it, ``weights()`` copies the
    parameters. Weights are (in, out) in all three; the text in PyTorch converts them. Started with
    the same arrays and given the same batches, the texts in NumPy and in tinygrad_edu compute the
    same bits as the network, and PyTorch the same up to rounding. For batches of other sizes than
    the example, the text in NumPy can also differ by rounding: the engine adds long arrays in
    another order, for example in a convolution.

    Parameters
    ----------
    network : Module
        It is copied, and does not change.
    language : {"numpy", "torch", "tinygrad_edu"}
    x, labels : array_like, optional
        An example batch: a row for each example. By default random numbers, if the first layer
        determines their shape. The text accepts batches of any size, if the step computes alike
        for all.
    loss : str, callable or loss module
        ``loss(outputs, labels)``; by name, the function of tinygrad_edu: ``"mse_loss"``.
    optimizer : Optimizer, optional
        A new one, of the network's parameters; by default ``SGD`` with ``lr=0.1``.

    Returns
    -------
    ShownStep
        The text, a `str`, with the weights of the network.

    Raises
    ------
    ShowError
        If the step cannot be written in this language: random numbers, your own function
        that has no counterpart, an optimizer that has taken steps.

    Examples
    --------
    >>> from nn import MLP, SGD, show_as
    >>> network = MLP([2, 8, 2], "tanh", seed=0)
    >>> shown = show_as(network, "numpy", optimizer=SGD(network.parameters(), lr=0.1))
    >>> "dz1 = da1 * (1 - a1 * a1)" in shown
    True
    >>> program = shown.run()
    >>> x, labels = [[0.5, -0.5], [1.0, 2.0]], [0, 1]
    >>> import numpy as np
    >>> loss = program.step(np.array(x, np.float32), np.array(labels))
    >>> sorted(program.weights())
    ['linear1.bias', 'linear1.weight', 'linear2.bias', 'linear2.weight']
    """
    from .programs import shown_step
    from .training_step import training_step

    if language not in LANGUAGES:
        hint = "; PyTorch is 'torch'" if str(language).lower() == "pytorch" else ""
        raise ValueError(f"language must be one of {', '.join(LANGUAGES)}, got {language!r}{hint}")
    given = training_step(
        network,
        None if x is None else np.asarray(x),
        None if labels is None else np.asarray(labels),
        loss,
        optimizer,
    )
    return shown_step(given, language)
