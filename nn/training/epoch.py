"""One epoch of a training, and how its numbers are written as text.

The epochs of a training are collected in `history`.
"""

from __future__ import annotations

from dataclasses import dataclass

from .texts import ACCURACY, loss_text, measure_text

__all__ = ["PARTS", "Epoch"]

PARTS = ("train", "validation", "test")


@dataclass(frozen=True)
class Epoch:
    """One pass over the training data.

    Attributes
    ----------
    number : int
        Number of the epoch, from 1.
    train_loss, train_accuracy : float
        Mean loss per sample and share of correct predictions (0..1). They are running means over
        the epoch: each batch is measured just before its step, so they are those of a slightly
        earlier network.
    test_loss, test_accuracy : float or None
        The same on the test data, after the epoch; None if they were not measured then.
    seconds : float
        Duration of the epoch.
    validation_loss, validation_accuracy : float or None
        The same on the validation data, after the epoch; None without validation data.
    learning_rate : float or None
        The learning rate of the last step of the epoch.

    Notes
    -----
    In a regression, the fields named ``accuracy`` hold R²; `History.measure` says which.
    """

    number: int
    train_loss: float
    train_accuracy: float
    test_loss: float | None
    test_accuracy: float | None
    seconds: float
    validation_loss: float | None = None
    validation_accuracy: float | None = None
    learning_rate: float | None = None

    def of(self, part: str) -> tuple[float | None, float | None]:
        """Return loss and accuracy on one part of the data.

        Parameters
        ----------
        part : {"train", "validation", "test"}

        Examples
        --------
        >>> Epoch(1, 0.9, 0.6, 0.8, 0.7, 0.1).of("test")
        (0.8, 0.7)
        """
        return getattr(self, f"{part}_loss"), getattr(self, f"{part}_accuracy")

    def describe(self, measure: str = ACCURACY) -> str:
        """Return the epoch as a line of text, without its number.

        Parameters
        ----------
        measure : str
            `History.measure`: what the fields named ``accuracy`` hold.

        Examples
        --------
        >>> Epoch(1, 0.9, 0.6, None, None, 0.1, 0.8, 0.5).describe("R²")
        'train loss 0.9000  R² 0.6000   validation loss 0.8000  R² 0.5000   100 ms'
        """
        texts = []
        for part in PARTS:
            loss, accuracy = self.of(part)
            if loss is not None:
                value = measure_text(accuracy, measure)
                texts.append(f"{part} loss {loss_text(loss)}  {measure} {value:>6}")
        return "   ".join([*texts, self.time])

    @property
    def time(self) -> str:
        """The duration of the epoch, as text."""
        seconds = self.seconds
        return f"{seconds:.2f} s" if seconds >= 1 else f"{seconds * 1e3:.0f} ms"

    def __str__(self) -> str:
        return self.describe()
