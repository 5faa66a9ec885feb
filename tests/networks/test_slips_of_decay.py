"""Tests that slips of weight decay are named in steps written here, for L2 and for AdamW.

The steps of other tests are made from the table of slips, so they cannot see a wrong entry.
"""

import numpy as np
import pytest

from nn import check_update
from nn.by_hand.updates import diagnosis

# What a step decays by, given weights, the coefficient and whether it is a bias.
AMOUNTS = {
    "decay missing": lambda w, c, is_bias: 0 * w,
    "decay twice": lambda w, c, is_bias: 0 * w if is_bias else 2 * c * w,
    "bias decayed": lambda w, c, is_bias: c * w,
    "decay sign": lambda w, c, is_bias: 0 * w if is_bias else -c * w,
}
RIGHT = AMOUNTS["decay twice"]


def l2(amount):
    def step(params, grads, lr, weight_decay):
        for k, w in params.items():
            params[k] = w - lr * (grads[k] + amount(w, weight_decay, k[0] == "b"))

    return step


def adamw(amount):
    def step(params, grads, m, v, t, lr, beta1, beta2, eps, weight_decay):
        for k, w in params.items():
            m[k] = beta1 * m[k] + (1 - beta1) * grads[k]
            v[k] = beta2 * v[k] + (1 - beta2) * grads[k] ** 2
            move = m[k] / (1 - beta1**t) / (np.sqrt(v[k] / (1 - beta2**t)) + eps)
            params[k] = w - lr * amount(w, weight_decay, k[0] == "b") - lr * move

    return step


@pytest.mark.parametrize("kind", AMOUNTS)
@pytest.mark.parametrize(("rule", "step"), [("sgd", l2), ("adamw", adamw)])
def test_a_wrong_amount_is_named(rule, step, kind, monkeypatch):
    monkeypatch.setattr(diagnosis, "follower_of", lambda *_: None)
    check = check_update(step(AMOUNTS[kind]), rule)
    assert not check.agree
    assert [one.kind for one in check.diagnoses] == [kind]


@pytest.mark.parametrize(("rule", "step"), [("sgd", l2), ("adamw", adamw)])
def test_the_right_amount_agrees(rule, step):
    assert check_update(step(lambda w, c, is_bias: RIGHT(w, c / 2, is_bias)), rule).agree
