"""Losses with labels and weights are captured, and check the values of every batch."""

import numpy as np
import pytest

import tinygrad_edu as tg
from tinygrad_edu import Tensor, capture

ROWS, CLASSES = 6, 4
GENERATOR = np.random.default_rng(0)
WEIGHT = np.array([0.5, 1.0, 2.0, 1.5])


def labels():
    return GENERATOR.integers(0, CLASSES, ROWS)


def ignored():
    """Some labels that do not count, and some that do."""
    drawn = np.where(GENERATOR.random(ROWS) < 0.4, -100, labels())
    drawn[-1] = 2
    return drawn


def probabilities():
    return GENERATOR.dirichlet(np.ones(CLASSES), ROWS)


def zeros_and_ones():
    return GENERATOR.integers(0, 2, (ROWS, CLASSES))


def cross_entropy(**options):
    return lambda logits, targets: tg.cross_entropy(logits, targets, **options).sum()


def nll(**options):
    return lambda logits, targets: tg.nll_loss(tg.log_softmax(logits), targets, **options).sum()


def binary(**options):
    def loss(logits, targets):
        return tg.binary_cross_entropy_with_logits(logits, targets, **options).sum()

    return loss


LABEL = "label 9 in row 0"
LOSSES = {
    "cross-entropy": (cross_entropy(), labels, LABEL),
    "weighted": (cross_entropy(weight=WEIGHT), labels, LABEL),
    "smoothed": (cross_entropy(label_smoothing=0.1), labels, LABEL),
    "both": (cross_entropy(weight=WEIGHT, label_smoothing=0.2), ignored, LABEL),
    "ignored": (cross_entropy(reduction="sum"), ignored, LABEL),
    "one by one": (cross_entropy(reduction="none", weight=WEIGHT), ignored, LABEL),
    "probabilities": (cross_entropy(weight=WEIGHT), probabilities, "target 9.0 at"),
    "nll": (nll(), labels, LABEL),
    "nll, weighted": (nll(weight=WEIGHT), ignored, LABEL),
    "binary": (binary(), zeros_and_ones, "target 9 at"),
    "binary, weighted": (binary(weight=WEIGHT, pos_weight=WEIGHT), zeros_and_ones, "target 9"),
    "kl": (lambda z, t: tg.kl_div(tg.log_softmax(z), t), probabilities, None),
    "hinge": (lambda z, t: tg.hinge_loss(z, 2 * t - 1), zeros_and_ones, "target 17.0 at"),
    "one-hot": (lambda z, t: (z * tg.one_hot(t, CLASSES)).sum(), labels, "label 9 at"),
}


@pytest.mark.parametrize("name", LOSSES)
def test_captured_losses_have_the_same_bits(name):
    loss_of, draw, message = LOSSES[name]

    def made(wrap):
        scale = Tensor(np.linspace(0.5, 1.5, CLASSES), requires_grad=True)

        def step(x, targets):
            loss = loss_of(x * scale, targets)
            loss.backward()
            gradient, scale.grad = scale.grad, None
            return loss, gradient

        return wrap(step)

    eager, replayed = made(lambda f: f), made(capture)
    for _ in range(6):
        x, targets = GENERATOR.normal(size=(ROWS, CLASSES)), draw()
        for one, other in zip(eager(x, targets), replayed(x, targets), strict=True):
            one, other = (getattr(value, "data", value) for value in (one, other))
            assert np.asarray(one).tobytes() == np.asarray(other).tobytes()
    assert "def replay" in replayed.source
    if message is not None:
        targets = draw()
        targets.flat[0] = 9
        for step in (eager, replayed, made(capture)):  # in a replay, and while it is recorded
            with pytest.raises(ValueError, match=message):
                step(x, targets)


def test_a_batch_of_ignored_labels_is_refused_at_a_replay():
    step = capture(lambda z, t: tg.cross_entropy(z, t, ignore_index=0, weight=WEIGHT))
    z = GENERATOR.normal(size=(ROWS, CLASSES))
    for _ in range(4):
        step(z, np.array([1, 2, 3, 0, 1, 2]))
    for refused in (step, lambda z, t: tg.cross_entropy(z, t, ignore_index=0, weight=WEIGHT)):
        with pytest.raises(ValueError, match="only labels that are ignored"):
            refused(z, np.zeros(ROWS, int))
