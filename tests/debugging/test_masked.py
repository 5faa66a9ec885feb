"""Tests that a row that is masked wholly is named in every spelling of a softmax, that other masks
are sound, and that places are named by the function that was called.
"""

import numpy as np
import pytest

import tinygrad_edu as tg
from tinygrad_edu import AnomalyError, Tensor, check_manual, detect_anomaly, lint
from tinygrad_edu.autodiff import graph_order
from tinygrad_edu.calls import called_in

SCORES = np.random.default_rng(0).normal(size=(4, 5))
SOUND = np.where(np.arange(5) > np.arange(4)[:, None], -np.inf, 0.0)
MASK = SOUND.copy()
MASK[2] = -np.inf


def leaf(values=SCORES, **keywords):
    return Tensor(values, requires_grad=True, **keywords)


def found(compute, **options):
    with pytest.raises(AnomalyError) as caught, detect_anomaly(**options):
        compute()
    assert "\n" not in str(caught.value)
    return caught.value.anomaly


def divided(e, axis):
    return e / e.sum(axis=axis, keepdims=True)


SOFTMAX = {
    "library": lambda z, axis: tg.softmax(z, axis=axis),
    "maximum": lambda z, axis: divided(np.exp(z - z.max(axis=axis, keepdims=True)), axis),
    "constant": lambda z, axis: divided(np.exp(z - z.data.max(axis=axis, keepdims=True)), axis),
    "plain": lambda z, axis: divided(np.exp(z), axis),
}


@pytest.mark.parametrize("allow_inf", [False, True])
@pytest.mark.parametrize("name", SOFTMAX)
def test_a_row_that_is_masked_wholly(name, allow_inf):
    f = SOFTMAX[name]
    anomaly = found(lambda: f(leaf() + MASK, 1), allow_inf=allow_inf)
    assert anomaly.cause.startswith("row 2 of ")
    assert anomaly.cause.endswith("[2, :], is masked wholly: all its 5 entries are -inf")
    assert "-1e9" in anomaly.advice
    anomaly = found(lambda: f(tg.where(MASK.T == 0, leaf(SCORES.T), -np.inf), 0))
    assert anomaly.cause.startswith("column 2 of ")
    many = leaf(np.ones((2, 3, 4, 5)))
    assert (
        "[0, 0, 2, :] is masked wholly (and so are 5 others)"
        in found(lambda: f(many + MASK, 3)).cause
    )


@pytest.mark.parametrize(
    "f",
    [
        tg.log_softmax,
        lambda z: tg.logsumexp(z, axis=1),
        lambda z: np.log(np.exp(z).sum(axis=1)),
        lambda z: tg.softmax_cross_entropy(z, [0, 0, 0, 0]),
    ],
)
def test_what_contains_a_softmax(f):
    assert found(lambda: f(leaf() + MASK)).cause.startswith("row 2 of ")


@pytest.mark.parametrize("name", SOFTMAX)
def test_a_mask_that_leaves_something_is_sound(name):
    with detect_anomaly():
        SOFTMAX[name](leaf() + SOUND, 1)[:, 0].sum().backward()
    column = np.where(np.arange(5) == 4, -np.inf, 0.0)  # padding, in all rows
    with detect_anomaly():
        SOFTMAX[name](leaf() + column, 1)[:, 0].sum().backward()


def test_other_numbers_are_not_taken_for_a_mask():
    data = SCORES.copy()
    data[1] = -np.inf
    data[0, 0] = np.nan
    assert "masked" not in found(lambda: tg.softmax(leaf() + data)).cause
    assert "masked" not in found(lambda: leaf() - MASK).cause
    assert "masked" not in found(lambda: (leaf() + SOUND) * 2.0).cause


# Places ---------------------------------------------------------------------------------------

IMAGE = np.random.default_rng(1).normal(size=(1, 1, 4, 4))
KERNEL = np.random.default_rng(2).normal(size=(2, 1, 2, 2))


def test_an_anomaly_inside_of_a_convolution():
    anomaly = found(lambda: tg.conv2d(leaf(1e200 + IMAGE), leaf(1e200 + KERNEL)))
    assert (anomaly.operation, anomaly.function) == ("matmul", "conv2d")
    assert str(anomaly).startswith("forward pass: conv2d (its matmul) gave inf at index")
    anomaly = found(lambda: tg.std(leaf([1e200, -1e200])))
    assert anomaly.function == "std"
    y = leaf([4.0, 0.0])
    anomaly = found(lambda: tg.average(tg.sqrt(y), weights=[1.0, 1.0]).backward())
    assert (anomaly.operation, anomaly.function) == ("sqrt", "")


def test_an_anomaly_in_the_backward_pass_of_a_function():
    x = leaf([0.0, 1.0])
    anomaly = found(lambda: tg.log_sigmoid(x).sum().backward(np.array(np.nan)))
    assert anomaly.function == ""  # at the sum
    anomaly = found(lambda: tg.log_sigmoid(x).backward(np.array([np.nan, 1.0])))
    assert (anomaly.operation, anomaly.function) == ("negative", "log_sigmoid")


def test_the_outermost_call_counts():
    x = leaf([0.5, -1.0])
    inner = 2.0 * x
    y = tg.log_sigmoid(inner) + 1.0
    order = graph_order(y)
    calls = called_in(order)
    assert {call.name for call in calls.values()} == {"log_sigmoid"}
    assert y not in calls
    assert inner not in calls
    assert x not in calls[order[1]].leaves()
    same = tg.dropout(inner, training=False)  # it returns its argument
    assert called_in(graph_order(same)) == {}


def test_check_manual_names_the_convolution():
    def by_hand(g, x, w):
        tx, tw = leaf(x), leaf(w)
        tg.conv2d(tx, tw).backward(g)
        return -tx.grad, tw.grad

    report = str(check_manual(tg.conv2d, by_hand, IMAGE, KERNEL))
    assert "conv2d of x, w" in report
    assert "at transpose" not in report


def test_check_manual_names_the_pooling():
    def by_hand(g, x):
        tx = leaf(x)
        tg.max_pool2d(tx, 2).backward(g)
        return -tx.grad

    report = str(check_manual(lambda x: tg.max_pool2d(x, 2), by_hand, IMAGE))
    assert "max_pool2d of x" in report
    assert "at sliding_windows" not in report


def test_lint_names_the_function():
    z = leaf(np.arange(12.0).reshape(4, 3) - 5)
    loss = tg.nll_loss(tg.log_softmax(tg.softmax(z)), [0, 1, 2, 0])
    assert "log_softmax" in lint(loss).findings[0].place
