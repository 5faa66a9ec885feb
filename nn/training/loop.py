"""Mini-batch training: shuffle, step through the batches, measure, report.

It works on networks and optimisers, and calls functions of its caller after each batch and each
epoch. It does not read, write or print anything.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from tinygrad_edu import CaptureError, GradientError, Tensor, capture
from tinygrad_edu.errors import ReplayError

from ..loss import classification_loss, predicted_labels
from ..module import Module
from ..optim import SGD
from .history import Epoch, History
from .metrics import evaluate

__all__ = ["train"]

Samples = tuple[NDArray[Any], NDArray[Any]]


# What overflows shows in the loss and in the weights, which are looked at.
@np.errstate(over="ignore", invalid="ignore", divide="ignore")
def train(
    network: Module,
    optimizer: SGD,
    samples: Samples,
    test: Samples | None = None,
    *,
    epochs: int,
    batch_size: int,
    generator: Generator,
    history: History | None = None,
    on_batch: Callable[[], None] = lambda: None,
    on_epoch: Callable[[Epoch], None] = lambda epoch: None,
    measure_end: Callable[[], float] | None = None,
) -> History:
    """Train a classifier.

    Parameters
    ----------
    network : Module
        Gives logits of shape (N, outputs).
    optimizer : SGD
        Steps its parameters.
    samples, test : tuple of (features, labels)
        Arrays of shape (N, features) and (N,).
    epochs, batch_size : int
        How many passes over the samples, and how many of them a step looks at; the last batch
        of an epoch has what is left.
    generator : numpy.random.Generator
        Shuffles the samples before each epoch.
    history : History, optional
        Where the epochs go; what is in it when training is interrupted stays.
    on_batch, on_epoch : callable
        Called after each batch, and with each finished `Epoch`.
    measure_end : callable, optional
        Returns the loss after the very last step, which no loss of a batch shows. It is called
        before the last epoch counts.

    Returns
    -------
    History

    Raises
    ------
    GradientError
        If the loss is not finite. The network then has the weights that it had at the end of the
        last good epoch.

    Notes
    -----
    An epoch counts from the moment it is in `history`. Whatever interrupts the training, and
    wherever, the network then has the weights after as many epochs as the history holds.
    """
    history = History() if history is None else history
    before, rows = len(history), len(samples[0])
    step = _Step(network, optimizer)
    optimizer.zero_grad()
    # The weights by the number of finished epochs: those of the last epoch that counts, and,
    # shortly before the next one counts, those of that one too.
    weights = {0: network.state_dict()}
    try:
        for number in range(1, epochs + 1):
            start = time.perf_counter()
            order = generator.permutation(rows)
            network.train()
            loss, accuracy = _one_epoch(step, samples, order, batch_size, number, on_batch)
            test_loss, test_accuracy = (None, None) if test is None else evaluate(network, *test)
            last = measure_end() if number == epochs and measure_end is not None else None
            _check_end(network, test_loss, last, number, -(-rows // batch_size))
            seconds = time.perf_counter() - start
            epoch = Epoch(number, loss, accuracy, test_loss, test_accuracy, seconds)
            weights[number] = network.state_dict()
            history.epochs.append(epoch)
            del weights[number - 1]
            on_epoch(epoch)
    except BaseException:  # Ctrl-C among them
        network.load_state_dict(weights[len(history) - before])
        raise
    return history


def _check_end(
    network: Module, test_loss: float | None, last_loss: float | None, epoch: int, batches: int
) -> None:
    """Check what the last step of an epoch has done, which no loss of its batches shows."""
    if not all(np.isfinite(parameter.data).all() for parameter in network.parameters()):
        raise _diverged("the weights became infinite or NaN", epoch, batches)
    for loss, where in ((test_loss, "on the test data"), (last_loss, "after the last step")):
        if loss is not None and not math.isfinite(loss):
            raise _diverged(f"the loss {where} became {loss}", epoch, batches)


def _diverged(what: str, epoch: int, batch: int) -> GradientError:
    return GradientError(
        f"{what} in epoch {epoch}, batch {batch}; try a smaller alpha (learning rate), or scale "
        "the features. The weights are those "
        + ("from before the training" if epoch == 1 else f"of epoch {epoch - 1}")
    )


class _Step:
    """One step of training, replayed where it can be."""

    def __init__(self, network: Module, optimizer: SGD) -> None:
        def step(features: NDArray[Any], labels: NDArray[Any]) -> tuple[Tensor, Tensor]:
            logits = network(Tensor(features, copy=False))
            loss = classification_loss(logits, Tensor(labels, copy=False))
            loss.backward(keep_interior=False)
            optimizer.step()
            optimizer.zero_grad()
            return loss, logits

        self.optimizer = optimizer
        self._eager = step
        self._step: Callable[..., tuple[Tensor, Tensor]] = capture(step)

    def __call__(
        self, features: NDArray[Any], labels: NDArray[Any]
    ) -> tuple[float, NDArray[np.int64]]:
        """Give the loss, and the labels that were predicted before the step."""
        try:
            loss, logits = self._step(features, labels)
        except ReplayError:  # earlier steps may have been wrong
            raise
        except CaptureError:  # a network of the user's own, with dropout for example
            self._step = self._eager
            loss, logits = self._step(features, labels)
        return loss.item(), predicted_labels(logits._data)


def _one_epoch(
    step: _Step,
    samples: Samples,
    order: NDArray[Any],
    batch_size: int,
    number: int,
    on_batch: Callable[[], None],
) -> tuple[float, float]:
    """Step through all batches; give mean loss per sample and share of right predictions."""
    features, labels = samples
    total, right = 0.0, 0
    for start in range(0, len(order), batch_size):
        rows = order[start : start + batch_size]
        answers = labels[rows]
        value, predicted = step(features[rows], answers)
        if not math.isfinite(value):
            raise _diverged(f"the loss became {value}", number, start // batch_size + 1)
        total += value * len(rows)
        right += int(np.count_nonzero(predicted == answers))
        on_batch()
    return total / len(order), right / len(order)
