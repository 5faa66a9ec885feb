"""Tests that a captured step computes every loss with every option as it does without capturing, to
the last bit, and that a replay raises the same error for a wrong label, target or weight.
"""

import numpy as np
import pytest

import tinygrad_edu as tg
from tinygrad_edu import Tensor
from tinygrad_edu.ops.networks import classification, likelihood_loss, loss, margin_loss

from .test_twins import twins

ROWS, CLASSES = 6, 3
REDUCTIONS = [{"reduction": reduction} for reduction in ("mean", "sum", "none")]


def labels(generator, ignored):
    """Draw labels, some of which are ignored in most batches."""
    drawn = generator.integers(0, CLASSES, ROWS)
    return np.where(generator.random(ROWS) < 0.3, ignored, drawn)


def numbers(generator, shape=(ROWS, CLASSES), low=0.1, high=0.9):
    return generator.uniform(low, high, shape)


def wrong_label(batch):
    batch[2] = CLASSES + 4
    return batch


def negative(batch):
    batch.reshape(-1)[1] = -0.5
    return batch


def zero(batch):
    return 0 * batch


# For each loss: settings, how its targets are drawn, how they are spoilt, and what is said then.
CLASS_NUMBERS = [
    *REDUCTIONS,
    {"ignore_index": 1},
    {"ignore_index": 1, "weight": True},
    *[{"weight": True, **reduction} for reduction in REDUCTIONS],
]
SMOOTH = [{"label_smoothing": 0.2, **settings} for settings in CLASS_NUMBERS]
BINARY = [
    *REDUCTIONS,
    {"weight": True},
    {"pos_weight": True},
    {"weight": True, "reduction": "none"},
]
SIGNED = [*REDUCTIONS, {"margin": 0.2}]
LOSSES = {
    "softmax_cross_entropy": ([{}], labels, wrong_label, "label 7 in row 2"),
    "nll_loss": (CLASS_NUMBERS, labels, wrong_label, "label 7 in row 2"),
    "cross_entropy": (CLASS_NUMBERS + SMOOTH, labels, wrong_label, "label 7 in row 2"),
    "binary_cross_entropy_with_logits": (BINARY, numbers, negative, r"target -0.5 at \(0, 1\)"),
    "kl_div": (
        [*REDUCTIONS, {"reduction": "batchmean"}], numbers, negative, r"target -0.5 at \(0, 1\)"),
    "hinge_loss": (REDUCTIONS, lambda g: np.sign(numbers(g, low=-1)), zero, "target 0.0"),
    "mse_loss": (REDUCTIONS, numbers, None, ""),
    "l1_loss": (REDUCTIONS, numbers, None, ""),
    "huber_loss": ([*REDUCTIONS, {"delta": True}], numbers, None, ""),
    "smooth_l1_loss": ([*REDUCTIONS, {"beta": True}], numbers, None, ""),
    "poisson_nll_loss": (
        [*REDUCTIONS, {"full": True}], lambda g: g.integers(0, 5, (ROWS, CLASSES)), None, ""),
    "margin_ranking_loss": (SIGNED, lambda g: g.choice([-1, 1], (ROWS, CLASSES)), zero, "target 0"),
    "cosine_embedding_loss": (SIGNED, lambda g: g.choice([-1, 1], ROWS), zero, "target 0"),
    "gaussian_nll_loss": ([*REDUCTIONS, {"full": True}], numbers, negative, "var -0.5"),
    "hinge_embedding_loss": (
        SIGNED,
        lambda g: g.choice([-1, 1], (ROWS, CLASSES)),
        zero,
        "target 0",
    ),
    "soft_margin_loss": (
        REDUCTIONS, lambda g: g.choice([-1, 1], (ROWS, CLASSES)), zero, "target 0",
    ),
    "triplet_margin_loss": ([*REDUCTIONS, {"swap": True}], numbers, None, ""),
}  # fmt: skip


def test_every_loss_is_here():
    assert set(LOSSES) == {
        name
        for file in (classification, likelihood_loss, loss, margin_loss)
        for name in file.__all__
    }


def step_of(name, settings):
    """Make a step that computes a loss and the gradient of the scores; weights are arguments."""

    def make():
        scores = Tensor(numbers(np.random.default_rng(9)), requires_grad=True)

        def step(targets, weight):
            chosen = {key: weight if value is True and key != "full" and key != "swap" else value
                      for key, value in settings.items()}  # fmt: skip
            for key in ("delta", "beta"):
                if key in chosen:
                    chosen[key] = weight[0] + 0.5
            others = [targets]
            if name in ("margin_ranking_loss", "cosine_embedding_loss", "triplet_margin_loss"):
                others = [scores.data[::-1] * 1.1, targets]
            if name == "gaussian_nll_loss":
                others = [scores.data[::-1], targets]
            out = getattr(tg, name)(scores, *others, **chosen)
            (out * 1.5).sum().backward(keep_interior=False)
            gradient, scores.grad = scores.grad, None
            return out, gradient

        return step, scores

    return make


def batch(name, settings, number, spoilt=False):
    generator = np.random.default_rng(number)
    _, draw, spoil, _ = LOSSES[name]
    if draw is labels:
        ignored = 0 if name == "softmax_cross_entropy" else settings.get("ignore_index", -100)
        targets = draw(generator, ignored)
    else:
        targets = draw(generator)
    return spoil(targets) if spoilt else targets, numbers(generator, (CLASSES,))


@pytest.mark.parametrize("name", LOSSES)
def test_every_option_is_captured(name):
    all_settings, _, spoil, message = LOSSES[name]
    for settings in all_settings:

        def feed(number, settings=settings):
            return batch(name, settings, number, spoilt=bool(spoil) and number == 5)

        step, refusal = twins(step_of(name, settings), feed, calls=7)  # also the same errors
        if refusal is not None:
            raise refusal
        assert step._programs, f"{settings}: nothing was replayed"
        if spoil:
            with pytest.raises(ValueError, match=message):
                step(*feed(5))


def test_a_batch_of_ignored_labels_is_an_error_in_a_replay_too():
    for settings in ({}, {"weight": True}, {"label_smoothing": 0.1}):
        for name in ("cross_entropy", "nll_loss")[: 1 + ("label_smoothing" not in settings)]:

            def feed(number, name=name, settings=settings):
                targets, weight = batch(name, settings, number)
                return (np.full(ROWS, -100) if number == 5 else targets), weight

            step, refusal = twins(step_of(name, settings), feed, calls=7)
            assert refusal is None
            with pytest.raises(ValueError, match="only labels that are ignored"):
                step(*feed(5))


def test_wrong_weights_are_an_error_in_a_replay_too():
    for name, settings in [
        ("nll_loss", {"weight": True}),
        ("binary_cross_entropy_with_logits", {"pos_weight": True}),
        ("huber_loss", {"delta": True}),
    ]:

        def feed(number, name=name, settings=settings):
            targets, weight = batch(name, settings, number)
            return targets, (weight - 3 if number == 5 else weight)

        step, refusal = twins(step_of(name, settings), feed, calls=7)
        assert refusal is None
        with pytest.raises(ValueError, match="expected"):
            step(*feed(5))


def test_rows_of_ones_are_captured():
    def make():
        scores = Tensor(numbers(np.random.default_rng(9)), requires_grad=True)
        return lambda targets: tg.cross_entropy(scores, tg.one_hot(targets, CLASSES, float)), scores

    def feed(number):
        targets = np.random.default_rng(number).integers(0, CLASSES, ROWS)
        return (wrong_label(targets) if number == 5 else targets,)

    step, refusal = twins(make, feed, calls=7)
    assert refusal is None
    assert step._programs
    with pytest.raises(ValueError, match=r"one_hot: label 7 at \(2,\)"):
        step(*feed(5))
