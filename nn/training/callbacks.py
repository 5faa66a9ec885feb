"""Functions of the user that are called during a training.

A callback has up to four methods; a plain function is called after each epoch. What it may read and
do is the `Run` that it gets.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from ..module import Module
    from ..optim import Optimizer
    from .history import Epoch, History
    from .loop import Loop

__all__ = ["Callback", "Callbacks", "Run"]


class Run:
    """A training in progress, as callbacks see it.

    Attributes
    ----------
    network : Module
        The network.
    optimizer : Optimizer
        Its learning rate may be changed, unless a schedule does that.
    history : History
        The finished epochs.
    rank : int
        The number of this process. In a distributed training callbacks are called in each process,
        so that what they change is changed everywhere; those that write or print do it on rank 0.
    """

    def __init__(self, loop: Loop) -> None:
        self._loop = loop
        self.rank: int = loop.collective.rank
        self.network: Module = loop.network
        self.optimizer: Optimizer = loop.optimizer
        self.history: History = loop.history

    @property
    def epoch(self) -> int:
        """The number of the current epoch, from 1."""
        return min(len(self.history) + 1, self._loop.epochs)

    def stop(self, reason: str = "a callback stopped it") -> None:
        """End the training after the current epoch; the model is saved as usual.

        Parameters
        ----------
        reason : str
            Printed at the end.
        """
        self._loop.stop(reason)


class Callback:
    """What a training calls; a subclass defines the methods that it needs.

    Examples
    --------
    >>> import numpy as np
    >>> from nn import Callback, model
    >>> class Target(Callback):
    ...     def on_epoch(self, run, epoch):
    ...         if epoch.train_accuracy == 1:
    ...             run.stop("every row is right")
    >>> x = np.repeat([[0.0, 0], [0, 1], [1, 0], [1, 1]], 8, axis=0)
    >>> net = model([2, 8, 2], verbose=False)
    >>> y = np.arange(32) // 24
    >>> history = net.fit(x, y, epochs=500, learning_rate=0.5, callbacks=[Target()])
    >>> len(history) < 500, history[-1].train_accuracy
    (True, 1.0)
    """

    def on_start(self, run: Run) -> None:
        """Called before the first batch."""

    def on_batch(self, run: Run) -> None:
        """Called after each batch."""

    def on_epoch(self, run: Run, epoch: Epoch) -> None:
        """Called after each epoch, with its numbers."""

    def on_end(self, run: Run) -> None:
        """Called when the training is over, but not if an error ended it."""


class _Function(Callback):
    """A plain function as a callback."""

    def __init__(self, function: Callable[..., Any]) -> None:
        self._function = function

    def on_epoch(self, run: Run, epoch: Epoch) -> None:
        """Call the function."""
        self._function(run, epoch)


class Callbacks:
    """Several callbacks, called in their order.

    Parameters
    ----------
    callbacks : sequence of Callback or callable
        What to call.

    Raises
    ------
    TypeError
        For anything else.
    """

    def __init__(self, callbacks: Sequence[Any]) -> None:
        self._all: list[Callback] = []
        for one in callbacks:
            if isinstance(one, type):
                raise TypeError(f"callbacks has the class {one.__name__}; write {one.__name__}()")
            if not isinstance(one, Callback) and not callable(one):
                raise TypeError(
                    f"callbacks has a {type(one).__name__}; expected objects of nn.Callback, or "
                    "functions of a run and an epoch"
                )
            self._all.append(one if isinstance(one, Callback) else _Function(one))
        # Calling nothing after each of a million batches would take time.
        self.has_batches = any(type(one).on_batch is not Callback.on_batch for one in self._all)

    def start(self, run: Run) -> None:
        """Report the start."""
        for one in self._all:
            one.on_start(run)

    def batch(self, run: Run) -> None:
        """Report a batch."""
        if self.has_batches:
            for one in self._all:
                one.on_batch(run)

    def epoch(self, run: Run, epoch: Epoch) -> None:
        """Report an epoch."""
        for one in self._all:
            one.on_epoch(run, epoch)

    def end(self, run: Run) -> None:
        """Report the end."""
        for one in self._all:
            one.on_end(run)
