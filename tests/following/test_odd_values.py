"""Tests that values of any kind in hand-written code do not stop the search for a wrong line."""

import numpy as np
import pytest

from tinygrad_edu import check_manual

rng = np.random.default_rng(12)
X, LABELS = rng.normal(size=(6, 4)), rng.integers(0, 3, 6)
POINT = (rng.normal(size=(4, 3)), rng.normal(size=3))


def cost(W, b):
    scores = X @ W + b
    return (np.log(np.exp(scores).sum(axis=1)) - scores[np.arange(6), LABELS]).mean()


def tuples(W, b):
    found, notes = (), ["start", (1, 2.0)]
    scores = X @ W + b
    p = np.exp(scores) / np.exp(scores).sum(axis=1, keepdims=True)
    p[np.arange(6), LABELS] += 1  # the sign is wrong
    found += (X.T @ p / 6, p.sum(axis=0) / 6)
    notes += [(p, "of all"), None, {"rows": [p[0], 3]}]
    return found


def objects(W, b):
    parts = np.array([None, "x", X], dtype=object)
    rest = {"parts": parts, 3: [X, [X, None]], "f": np.sum}
    scores = rest["parts"][2] @ W + b
    p = np.exp(scores) / rest["f"](np.exp(scores), axis=1, keepdims=True)
    rows, labels = [np.arange(6), "rows"], [LABELS, LABELS.tolist(), ()]
    dscores = p - np.eye(3)[labels[0]]
    rows[0] = rows[0] * 1
    return {"W": X.T @ dscores, "b": dscores.sum(axis=0) / 6}  # the mean is left out


def generators(W, b):
    scores = X @ W + b
    p = np.array([np.exp(one) / sum(np.exp(one)) for one in scores])
    steps = iter(p - np.eye(3)[LABELS])
    rows = [next(steps) for _ in range(6)]
    complex_rows, big = np.array(rows) + 0j, 10**400
    dscores = np.real(complex_rows) / (6 if big else 1)
    empty = np.zeros((0, 3)), np.float64("nan"), float("inf"), range(3), slice(None), ...
    return X.T @ dscores, dscores.mean(axis=len(empty) - 6)  # the mean in the place of the sum


@pytest.mark.parametrize("by_hand", [tuples, objects, generators])
def test_odd_values_do_not_stop_the_search(by_hand):
    check = check_manual(cost, by_hand, *POINT)
    assert not check.agree
    assert check.diagnoses
    assert check.diagnoses[0].line is not None
