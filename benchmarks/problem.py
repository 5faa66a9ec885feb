"""The training step that is measured, and the check that a candidate does the same work.

Every process draws the same weights and the same batch from one seed, so nothing has to be sent.
The reference is `nn.by_hand.delta_rule`, in float64.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from itertools import pairwise
from typing import Any, NamedTuple

import numpy as np

from nn.by_hand import delta_rule

__all__ = ["LEARNING_RATE", "Candidate", "Problem", "WrongWorkError", "check"]

LEARNING_RATE = 0.01
STEPS = 3
MOST_WRONG_LOSS = 1e-5
MOST_WRONG_WEIGHTS = 1e-4
# Three steps of this size hardly change the weights, so the change is compared too.
MOST_WRONG_CHANGE = 1e-3

Arrays = list[np.ndarray]


class WrongWorkError(Exception):
    """A candidate computes something else, so its time would mean nothing."""


@dataclass(frozen=True)
class Problem:
    """A network before its first step, and a batch of samples, all float32."""

    structure: list[int]
    weights: Arrays
    biases: Arrays
    x: np.ndarray
    labels: np.ndarray

    @classmethod
    def make(cls, structure: list[int], rows: int) -> Problem:
        """Draw He's weights, zero biases, features between 0 and 1, and labels."""
        generator = np.random.default_rng(0)
        weights = [
            (generator.standard_normal((inputs, outputs)) * np.sqrt(2 / inputs)).astype(np.float32)
            for inputs, outputs in pairwise(structure)
        ]
        return cls(
            structure,
            weights,
            [np.zeros(width, np.float32) for width in structure[1:]],
            generator.random((rows, structure[0]), dtype=np.float32),
            generator.integers(0, structure[-1], rows),
        )

    def copies(self) -> tuple[Arrays, Arrays]:
        """Return writable copies of weights and biases."""
        return [w.copy() for w in self.weights], [b.copy() for b in self.biases]


class Candidate(NamedTuple):
    """One way to run a step.

    `step` runs one step and returns the loss before it. `parameters` returns the current weights
    and biases; it is None if nothing is trained. `about` is added to the results. If a library can
    run many steps in one call, `many` runs `count` of them, and that call is timed.
    """

    step: Callable[[], Any]
    parameters: Callable[[], tuple[Arrays, Arrays]] | None
    about: dict[str, Any]
    many: Callable[[], Any] | None = None
    count: int = 1


def check(candidate: Candidate, problem: Problem) -> dict[str, float]:
    """Run three steps, and compare the first loss and the weights with the delta rule.

    Returns
    -------
    dict
        The relative errors of the loss, of the weights, and of the change of the weights.

    Raises
    ------
    WrongWorkError
        If one of them is too large.
    """
    if candidate.parameters is None:
        return {}
    loss, expected = _truth(problem)
    first = float(candidate.step())
    for _ in range(STEPS - 1):
        candidate.step()
    weights, biases = candidate.parameters()
    before = [*problem.weights, *problem.biases]
    errors = {
        "loss": abs(first - loss) / abs(loss),
        "weights": max(map(_error, weights, expected)),
        "change": max(
            _error(now - start, goal - start)
            for now, goal, start in zip([*weights, *biases], expected, before, strict=True)
        ),
    }
    limits = (MOST_WRONG_LOSS, MOST_WRONG_WEIGHTS, MOST_WRONG_CHANGE)
    for (what, error), limit in zip(errors.items(), limits, strict=True):
        if not error <= limit:
            raise WrongWorkError(f"not the same work: error of the {what} {error:.1e} > {limit}")
    return errors


def _truth(problem: Problem) -> tuple[float, Arrays]:
    """Return the first loss, and weights and biases after three steps, by the textbook."""
    weights = [w.astype(np.float64) for w in problem.weights]
    biases = [b.astype(np.float64) for b in problem.biases]
    x, labels = problem.x.astype(np.float64), problem.labels
    loss = float(delta_rule.loss(weights, biases, x, labels))
    for _ in range(STEPS):
        changes = delta_rule.gradients(weights, biases, x, labels)
        for values, gradients in zip((weights, biases), changes, strict=True):
            for value, gradient in zip(values, gradients, strict=True):
                value -= LEARNING_RATE * gradient
    return loss, [*weights, *biases]


def _error(found: np.ndarray, expected: np.ndarray) -> float:
    return float(np.linalg.norm(found - expected) / np.linalg.norm(expected))
