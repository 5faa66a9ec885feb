"""Tests of losses of pairs, triplets and counts beyond the table of cases: margins that are just
met, what stays finite, captured steps, and what is refused.
"""

import numpy as np
import pytest

import tinygrad_edu as tg
from tinygrad_edu import Tensor, capture, grad


def drawn(*shape, seed=0):
    return np.random.default_rng(seed).normal(size=shape)


def leaf(values, dtype=float):
    return Tensor(np.asarray(values, dtype), requires_grad=True)


def test_a_margin_that_is_just_met_costs_nothing():
    x, y = leaf([2.0, 2.0]), leaf([1.0, 3.0])
    loss = tg.margin_ranking_loss(x, y, [1, -1], margin=1.0, reduction="sum")
    assert loss.item() == 0
    assert not grad(loss, x).any()
    distances = leaf([1.0, 0.0])
    loss = tg.hinge_embedding_loss(distances, [-1, 1], reduction="sum")
    assert loss.item() == 0
    assert grad(loss, distances).tolist() == [0, 1]


def test_equal_vectors_have_finite_gradients():
    x = leaf(np.ones((2, 3)))
    loss = tg.triplet_margin_loss(x, x.data, x.data, eps=0.0)
    assert loss.item() == 1
    assert not grad(loss, x).any()
    zeros = leaf(np.zeros((2, 3)))
    assert np.isfinite(grad(tg.cosine_embedding_loss(zeros, np.ones((2, 3)), [1, -1]), zeros)).all()


def test_classes_that_are_masked_have_no_probability_and_no_gradient():
    """Their logarithm is infinite, and 0 times that is nan, forward and back."""
    z = leaf([[0.0, -np.inf, 0.0], [1.0, 1.0, -np.inf]])
    loss = tg.cross_entropy(z, [[0.25, 0.0, 0.75], [1.0, 0.0, 0.0]], reduction="none")
    np.testing.assert_allclose(loss.data, np.log([2, 2]))
    np.testing.assert_allclose(grad(loss, z, [1.0, 1.0]), [[0.25, 0, -0.25], [-0.5, 0.5, 0]])


def test_a_difference_of_0_where_the_loss_becomes_straight_may_be_a_number_of_numpy():
    x = leaf([1.0, -2.0])
    for beta in (0, 0.0, np.float64(0)):
        assert tg.smooth_l1_loss(x, [0.0, 0.0], beta=beta).item() == 1.5
    for beta in (-1.0, np.array([1.0, -1.0]), leaf([0.0, 1.0])):
        with pytest.raises(ValueError, match=r"smooth_l1_loss: beta is .*; expected a number >= 0"):
            tg.smooth_l1_loss(x, [0.0, 0.0], beta=beta)


def test_large_logits_and_small_variances_stay_finite():
    z = leaf([1e300, -1e300])
    loss = tg.soft_margin_loss(z, [-1, 1], reduction="sum")
    assert np.isfinite(loss.item())
    assert grad(loss, z).tolist() == [1, -1]
    var = leaf([0.0, 1.0])
    loss = tg.gaussian_nll_loss([1.0, 1.0], [1.0, 0.0], var, reduction="sum")
    np.testing.assert_allclose(loss.item(), (np.log(1e-6) + 1) / 2)
    np.testing.assert_allclose(grad(loss, var), [0, 0])  # below eps, and at the minimum


def test_the_rate_that_was_counted_has_the_smallest_loss():
    rates, counts = leaf(np.log([2.0, 3.0])), np.array([2, 3])
    np.testing.assert_allclose(grad(tg.poisson_nll_loss(rates, counts), rates), 0, atol=1e-15)
    full = tg.poisson_nll_loss(rates, counts, full=True, reduction="none").data
    exact = [2 - 2 * np.log(2) + np.log(2), 3 - 3 * np.log(3) + np.log(6)]
    np.testing.assert_allclose(full, exact, rtol=0.05)  # Stirling's approximation


def test_networks_of_float32_stay_float32():
    x, y = leaf(drawn(4, 3), "float32"), drawn(4, 3, seed=1).astype("float32")
    signs = [1, -1, 1, -1]
    for loss in [
        tg.cosine_embedding_loss(x, y, signs, margin=0.3),
        tg.triplet_margin_loss(x, y, -y, swap=True),
        tg.margin_ranking_loss(x[:, 0], y[:, 0], signs),
        tg.hinge_embedding_loss(x[:, 0], signs),
        tg.soft_margin_loss(x[:, 0], signs),
        tg.poisson_nll_loss(x, np.ones((4, 3), int), full=True),
        tg.gaussian_nll_loss(x, y, np.float32(0.5), full=True),
    ]:
        assert loss.dtype == np.float32
        assert grad(loss, x).dtype == np.float32


def test_captured_losses_check_the_targets_of_every_call():
    def step(x, y, targets):
        leaf = Tensor(x, requires_grad=True)
        loss = tg.cosine_embedding_loss(leaf, y, targets) + tg.soft_margin_loss(leaf[:, 0], targets)
        return loss, grad(loss, leaf)

    captured = capture(step)
    random = np.random.default_rng(0)
    for _ in range(5):
        x, y = random.normal(size=(2, 4, 3))
        targets = random.choice([-1.0, 1.0], 4)
        found, expected = captured(x, y, targets), step(x, y, targets)
        assert found[0].item() == expected[0].item()
        np.testing.assert_array_equal(found[1], expected[1])
    with pytest.raises(ValueError, match=r"target 0\.5 at \(2,\); targets are -1 or 1"):
        captured(x, y, np.array([1.0, -1.0, 0.5, 1.0]))


X = leaf(drawn(4, 3))
SIGNS = np.array([1, -1, 1, -1])
BAD = {
    "shapes": (lambda: tg.cosine_embedding_loss(X, X[:2], SIGNS), r"x of shape \(4, 3\), y of"),
    "targets": (lambda: tg.cosine_embedding_loss(X, X, [1, -1]), r"targets of shape \(2,\) for"),
    "signs": (lambda: tg.margin_ranking_loss(X, X, np.zeros((4, 3))), r"target 0.0 at \(0, 0\)"),
    "number": (lambda: tg.hinge_embedding_loss(X[0, 0], 2), r"target 2 at \(\)"),
    "triplets": (lambda: tg.triplet_margin_loss(X, X, X[0]), r"negative of shape \(3,\)"),
    "soft": (lambda: tg.soft_margin_loss(X, np.full((4, 3), 0.5)), "2 . targets - 1"),
    "reduction": (lambda: tg.soft_margin_loss(X, X, reduction="avg"), "'avg'; expected one of"),
    "variances": (lambda: tg.gaussian_nll_loss(X, X, np.ones(3)), r"var of shape \(3,\)"),
    "variance": (lambda: tg.gaussian_nll_loss(X, X, -1.0), r"var -1.0 at \(\); expected 0"),
    "eps": (lambda: tg.gaussian_nll_loss(X, X, 1.0, eps=0.0), "eps is 0.0"),
    "count": (lambda: tg.poisson_nll_loss(X, np.full((4, 3), -2)), r"target -2.0 at \(0, 0\)"),
}  # fmt: skip


@pytest.mark.parametrize("name", BAD)
def test_refused(name):
    call, message = BAD[name]
    with pytest.raises(ValueError, match=message) as caught:
        call()
    assert "\n" not in str(caught.value)


def test_no_gradient_flows_to_targets():
    with pytest.raises(TypeError, match="no gradient flows to targets"):
        tg.margin_ranking_loss(X[:, 0], X[:, 1], leaf(SIGNS))
