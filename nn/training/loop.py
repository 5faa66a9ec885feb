"""Mini-batch training: shuffle, step through the batches, measure, report.

After each batch and each epoch it calls functions of the caller. It does not read, write or print
anything.
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


# Overflows appear in the loss and in the weights, which are checked.
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
        Returns logits of shape (N, outputs).
    optimizer : SGD
        Updates its parameters.
    samples, test : tuple of (features, labels)
        Arrays of shape (N, features) and (N,).
    epochs, batch_size : int
        Number of passes over the samples, and samples in a step; the last batch of an epoch may
        be smaller.
    generator : numpy.random.Generator
        Shuffles the samples before each epoch.
    history : History, optional
        Receives the epochs, and keeps them if the training is interrupted.
    on_batch, on_epoch : callable
        Called after each batch, and with each finished `Epoch`.
    measure_end : callable, optional
        Returns the loss after the last step, which is not the loss of a batch. It is called
        before the last epoch counts.

    Returns
    -------
    History

    Raises
    ------
    GradientError
        If the loss is not finite. The network then has the weights after the last good epoch.

    Notes
    -----
    An epoch counts as soon as it is in `history`. After any interruption, the network has the
    weights after exactly the epochs in the history.
    """
    history = History() if history is None else history
    before, rows = len(history), len(samples[0])
    step = _Step(network, optimizer)
    optimizer.zero_grad()
    # The weights after the last epoch that counts and, shortly before the next one counts, also
    # those after that one; by the number of finished epochs.
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
    except BaseException:  # including Ctrl-C
        network.load_state_dict(weights[len(history) - before])
        raise
    return history


def _check_end(
    network: Module, test_loss: float | None, last_loss: float | None, epoch: int, batches: int
) -> None:
    """Check the result of the last step of an epoch, which is not in the losses of its batches."""
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
    """One step of training; it is captured and replayed if possible."""

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
        """Return the loss, and the labels that were predicted before the step."""
        try:
            loss, logits = self._step(features, labels)
        except ReplayError:  # earlier steps may be wrong
            raise
        except CaptureError:  # a custom network, for example with dropout
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
    """Train on all batches; return mean loss per sample and share of correct predictions."""
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
