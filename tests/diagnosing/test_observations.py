"""Tests what is said of gradients whose code cannot be read: what the numbers themselves show.

The functions are compiled without a source, so no line can be named. The numbers are random, and
each observation is also shown not to be made of gradients of which it is not true.
"""

import re

import numpy as np
import pytest

from tinygrad_edu import check_manual

NAMES = ("W1", "W2", "W3")

BY_HAND = """
def by_hand(W1, W2, W3):
    A = [X]
    for W in (W1, W2, W3):
        A.append(np.tanh(A[-1] @ W))
    delta = 2 * (A[3] - T) * (1 - A[3] ** 2)
    grads = [None, None, None]
    for k, W in ((2, W3), (1, W2), (0, W1)):
        grads[k] = A[k].T @ delta
        delta = delta @ W.T * (1 - A[k] ** 2)
    dW1, dW2, dW3 = grads
    {edit}
    return dW1, dW2, dW3
"""


def compiled(edit, seed=0):
    """Compile the gradients without a source; return them with the loss and its inputs."""
    rng = np.random.default_rng(seed)
    names = {"np": np, "X": rng.normal(size=(7, 4)), "T": rng.normal(size=(7, 4))}
    names["P"] = rng.permutation(4)
    exec(compile(BY_HAND.format(edit=edit), "<nowhere>", "exec"), names)

    def f(W1, W2, W3):
        a = names["X"]
        for W in (W1, W2, W3):
            a = np.tanh(a @ W)
        return np.sum((a - names["T"]) ** 2)

    return f, names["by_hand"], [rng.normal(size=(4, 4)) for _ in NAMES]


def observed(edit, seed=0):
    f, by_hand, inputs = compiled(edit, seed)
    with np.errstate(all="ignore"):
        return check_manual(f, by_hand, *inputs)


# The edit, what is said, and of which gradients.
OBSERVATIONS = {
    "a constant ratio": ("dW2 = 3.7 * dW2", r"3\.7 times", {"W2"}),
    "a constant ratio of several": ("dW1, dW2 = dW1 / 5, dW2 / 5", r"0\.2 times", {"W1", "W2"}),
    "a constant ratio of all": (
        "dW1, dW2, dW3 = 1.5 * dW1, 1.5 * dW2, 1.5 * dW3", r"1\.5 times", {*NAMES}),
    "transposed": ("dW3 = dW3.T", "transposed", {"W3"}),
    "transposed and scaled": ("dW3 = 3 * dW3.T", "transposed", {"W3"}),
    "rows permuted": ("dW1 = dW1[[2, 0, 3, 1]]", "order", {"W1"}),
    "columns permuted": ("dW1 = dW1[:, [3, 0, 1, 2]]", "order", {"W1"}),
    "flipped": ("dW2 = dW2[::-1, ::-1]", "order|flipped", {"W2"}),
    "zero": ("dW2 = 0 * dW2", "every element is 0", {"W2"}),
    "one that is not finite": ("dW1[1, 2] = np.nan", "finite", {"W1"}),
    "all infinite": ("dW1 = dW1 / 0", "finite", {"W1"}),
    "another gradient": ("dW2 = dW3", "the gradient of W3", {"W2"}),
    "two exchanged": ("dW1, dW2 = dW2, dW1", "W1 and W2 are swapped|gradient of W2", {"W1", "W2"}),
    "times the learning rate": ("dW2 = 0.01 * dW2", r"0\.01 times", {"W2"}),
    "minus the learning rate": ("dW2 = -0.01 * dW2", r"-0\.01 times", {"W2"}),
    "the updated value": ("dW1 = W1 - 0.1 * dW1", r"updated value, W1 - 0\.1 times", {"W1"}),
    "the value itself": ("dW3 = W3", "W3 itself", {"W3"}),
    "two kinds": ("dW1, dW3 = 3.7 * dW1, 0 * dW3", r"3\.7 times", {"W1", "W3"}),
}  # fmt: skip


def stated(check):
    return "\n".join([*check.observations, *(one.sentence for one in check.diagnoses)])


@pytest.mark.parametrize("seed", [0, 1])
@pytest.mark.parametrize("kind", OBSERVATIONS)
def test_what_the_numbers_show_is_said(kind, seed):
    edit, words, names = OBSERVATIONS[kind]
    check = observed(edit, seed)
    assert not check.agree
    assert {row.name for row in check.rows if not row.agree} == names
    assert all(one.line is None for one in check.diagnoses), "there is no source"
    assert re.search(words, stated(check)), stated(check)
    assert re.search(words, str(check)), "it is printed too"
    for name in names:
        assert name in stated(check)


def test_right_gradients_agree_without_a_source():
    check = observed("pass")
    assert check.agree
    assert check.observations == ()


def test_each_kind_is_said_of_its_gradients():
    found = observed("dW1, dW2, dW3 = 3.7 * dW1, 0 * dW2, dW3.T")
    by_name = {name: [one for one in stated(found).splitlines() if name in one] for name in NAMES}
    assert re.search("3.7 times", "".join(by_name["W1"]))
    assert re.search("every element is 0", "".join(by_name["W2"]))
    assert re.search("transposed", "".join(by_name["W3"]))


# Nearly true, and so not said.
NEARLY = {
    "a ratio but for one element": "dW2 = 3.7 * dW2; dW2[0, 0] += 1e-3",
    "zero but for one element": "dW2 = 0 * dW2; dW2[0, 0] = 1e-3",
    "another gradient but for one": "dW2 = dW3.copy(); dW2[1, 1] += 1e-3",
    "permuted but for one": "dW2 = dW2[[2, 0, 3, 1]]; dW2[0, 0] += 1e-3",
    "transposed but for one": "dW2 = dW2.T.copy(); dW2[0, 0] += 1e-3",
    "updated but for one": "dW2 = W2 - 0.1 * dW2; dW2[0, 0] += 1e-3",
    "random numbers": "dW2 = np.random.default_rng(7).normal(size=(4, 4))",
}


@pytest.mark.parametrize("kind", NEARLY)
def test_what_is_not_quite_true_is_not_said(kind):
    check = observed(NEARLY[kind])
    assert not check.agree
    assert stated(check) == ""
