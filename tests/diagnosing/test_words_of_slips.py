"""Tests that no misleading sentence is said of a wrong gradient, with its code and without it.

Each sentence was once said of such a gradient. Other files have those of anomalies, of `lint` and
of graphs that were lost: `test_masked`, `test_lint_rules`, `test_doubts` and `test_lost_graphs`.
"""

import functools
import re

import numpy as np
import pytest

import tinygrad_edu as tg
from tinygrad_edu import GradientError, check_gradients, check_manual
from tinygrad_edu.diagnosing import code_reading
from tinygrad_edu.following.repairing import Repair

from .slip_checks import TEXTS, Slip, checked, edited, named, said
from .word_cases import CASES


@pytest.fixture(autouse=True)
def time_enough(monkeypatch):
    """The search ends after a time; here it must not depend on how busy the machine is."""
    monkeypatch.setattr(code_reading, "Repair", functools.partial(Repair, seconds=30.0))


def sentences(check):
    """Return all that is said, without the code of the lines that are named."""
    return "\n".join([*said(check), *check.observations, *check.notes, check.first])


@pytest.mark.parametrize("name", CASES)
def test_the_right_sentence_is_said(name):
    case = CASES[name]
    check = check_manual(case.f, case.by_hand, *case.inputs)
    assert not check.agree
    assert len(check.diagnoses) == 1, str(check)
    assert not re.search(case.never, sentences(check)), sentences(check)
    assert re.search(case.said, said(check)[0]), said(check)
    for line in case.lines:
        assert any(line in code for code in named(check)), named(check)


@pytest.mark.parametrize("name", CASES)
def test_without_the_code_no_wrong_sentence_is_said(name):
    """The gradients are given as arrays."""
    case = CASES[name]
    inputs = list(case.inputs)
    shape = case.f(*inputs).shape
    if np.prod(shape) == 1:
        f = case.f
    else:
        g = np.random.default_rng(91).normal(size=shape)
        inputs.insert(0, g)

        def f(*tensors):
            return np.sum(case.f(*tensors) * g)

    check = check_manual(f, list(case.by_hand(*inputs)), *case.inputs)
    assert not check.agree
    assert len(check.diagnoses) <= 1, str(check)
    assert not re.search(case.never, sentences(check)), sentences(check)


# What is no mistake at one line ---------------------------------------------------------------


def test_gradients_from_the_back_of_a_list_are_not_exchanged_weights():
    """All gradients of a list that was collected from the back are in each other's places."""
    rng = np.random.default_rng(92)
    x, weights = rng.normal(size=(7, 4)), [rng.normal(size=(4, 4)) for _ in range(3)]

    def f(*weights):
        a = x
        for w in weights:
            a = np.tanh(a @ w)
        return np.sum(a)

    def right(*weights):
        acts = [x]
        for w in weights:
            acts.append(np.tanh(acts[-1] @ w))
        delta, grads = 1 - acts[-1] ** 2, []
        for k in (2, 1, 0):
            grads.append(acts[k].T @ delta)
            delta = delta @ weights[k].T * (1 - acts[k] ** 2)
        return grads[::-1]

    assert check_manual(f, right(*weights), *weights).agree
    check = check_manual(f, right(*weights)[::-1], *weights, names=["W1", "W2", "W3"])
    assert not check.agree
    assert re.search("order|from the back|reversed", sentences(check)), sentences(check)


def test_a_silent_report_says_that_mistakes_were_tried():
    x = np.random.default_rng(93).normal(size=(5, 3))
    check = check_manual(lambda x: np.sum(np.sin(x)), [np.cos(x) + x**2 * np.exp(x)], x)
    assert check.diagnoses == ()
    assert "no known mistake explains the difference" in str(check)


def test_a_delta_that_is_wrong_is_not_the_formula_of_the_weights():
    """The layer has no bias: its weights alone differ, but what is wrong comes before them."""
    rng = np.random.default_rng(94)
    x, w1, w2 = rng.normal(size=(7, 4)), rng.normal(size=(4, 5)), rng.normal(size=(5, 3))

    def f(w1, w2):
        return np.sum(np.tanh(x @ w1) @ w2)

    a = np.tanh(x @ w1)
    ones = np.ones((7, 3))
    delta = ones @ w2.T * (1 - a)
    check = check_manual(f, [x.T @ delta, a.T @ ones], w1, w2)
    assert not check.agree
    assert "look at its own formula" not in str(check)


# A numerical gradient that differs ------------------------------------------------------------

CUTS = {
    ".data": lambda x: tg.Tensor(x.data),
    ".detach()": lambda x: x.detach(),
    ".numpy()": lambda x: x.numpy(),
    "a constant of item()": lambda x: np.array([[one.item() for one in row] for row in x]),
}


@pytest.mark.parametrize("cut", CUTS)
def test_a_gradient_with_the_same_omission_does_not_agree(cut):
    x = np.random.default_rng(95).uniform(1, 2, (3, 4))

    def f(x):
        return np.sum(x**2) + np.sum(CUTS[cut](x) * 2.0)

    check = check_manual(f, [2 * x], x)
    assert not check.agree
    assert "kink" not in str(check)
    assert "agrees with automatic" not in str(check)
    with pytest.raises(GradientError):
        check.assert_agree()
    assert check_manual(f, [2 * x + 2], x).agree is False, "the automatic one is wrong still"
    assert not check_manual(f, [2 * x + 2], x).diagnoses


@pytest.mark.parametrize("seed", range(5))
def test_data_of_a_seed_are_not_the_upstream_gradient(seed):
    """Once g was drawn from the stream that learners draw their data from."""
    x = np.random.default_rng(seed).normal(size=(4, 3))

    def bad(g, x):
        return [x * (1 - np.tanh(x) ** 2)]

    for number in range(3):
        assert not check_manual(tg.tanh, bad, x, seed=number).agree
    with pytest.raises(GradientError):
        check_gradients(lambda x: tg.tanh(x) * tg.tanh(x.detach()), [x])


# Sentences of the report ------------------------------------------------------------------------

ONE_LINE = {
    "a factor": Slip("rows_net", "dz2 = da *", "dz2 = 5 * da *", "5 times"),
    "a sign": Slip("columns_net", "dA2 = W3.T @ dZ3", "dA2 = -W3.T @ dZ3", "sign"),
    "an average": Slip("rows_net", "db3 = dz3.sum(", "db3 = dz3.mean(", "mean"),
}


@pytest.mark.parametrize("kind", ONE_LINE)
def test_the_report_counts_one_mistake(kind, tmp_path):
    slip = ONE_LINE[kind]
    check = checked(edited(TEXTS[slip.program], *slip[1:3]), slip.program, tmp_path)
    (sentence,) = said(check)
    assert re.search(slip.words, sentence)
    report = str(check)
    assert "mistakes:" not in report
    assert report.count("looks like this") == 1
    assert "upstream" not in sentence
