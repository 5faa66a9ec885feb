"""A recurrent net with one-hot words over four steps, column vectors, softmax at each step."""

import numpy as np

rng = np.random.default_rng(60)
vocab, hidden = 5, 4
inputs, targets = [0, 3, 2, 2], [3, 2, 2, 4]
steps = len(inputs)
h0 = 0.1 * rng.normal(size=(hidden, 1))


def loss(Wxh, Whh, Why, bh, by):
    h, total = h0, 0
    for t in range(steps):
        h = np.tanh(Wxh[:, inputs[t]][:, None] + Whh @ h + bh)
        y = Why @ h + by
        total = total + np.log(np.sum(np.exp(y))) - y[targets[t], 0]
    return total


def lossFun(Wxh, Whh, Why, bh, by):
    xs, hs, ps = {}, {-1: np.copy(h0)}, {}
    for t in range(steps):
        xs[t] = np.zeros((vocab, 1))
        xs[t][inputs[t]] = 1
        hs[t] = np.tanh(np.dot(Wxh, xs[t]) + np.dot(Whh, hs[t - 1]) + bh)
        y = np.dot(Why, hs[t]) + by
        ps[t] = np.exp(y) / np.sum(np.exp(y))
    dWxh, dWhh, dWhy = np.zeros_like(Wxh), np.zeros_like(Whh), np.zeros_like(Why)
    dbh, dby = np.zeros_like(bh), np.zeros_like(by)
    dhnext = np.zeros_like(h0)
    for t in reversed(range(steps)):
        dy = np.copy(ps[t])
        dy[targets[t]] -= 1
        dWhy += np.dot(dy, hs[t].T)
        dby += dy
        dh = np.dot(Why.T, dy) + dhnext
        dhraw = (1 - hs[t] * hs[t]) * dh
        dbh += dhraw
        dWxh += np.dot(dhraw, xs[t].T)
        dWhh += np.dot(dhraw, hs[t - 1].T)
        dhnext = np.dot(Whh.T, dhraw)
    return dWxh, dWhh, dWhy, dbh, dby


POINT = (
    rng.normal(size=(hidden, vocab)),
    rng.normal(size=(hidden, hidden)),
    rng.normal(size=(vocab, hidden)),
    rng.normal(size=(hidden, 1)),
    rng.normal(size=(vocab, 1)),
)
F, BY_HAND = loss, lossFun

SLIPS = [
    (
        "dh = np.dot(Why.T, dy) + dhnext",
        "dh = np.dot(Why.T, dy)",
        "missing term",
        "no gradient through time",
    ),
    (
        "dhnext = np.dot(Whh.T, dhraw)",
        "dhnext = np.dot(Whh, dhraw)",
        "transposed",
        "Whh is not transposed",
    ),
    (
        "dWhh += np.dot(dhraw, hs[t - 1].T)",
        "dWhh += np.dot(dhraw, hs[t].T)",
        "index",
        "the time is off by one",
    ),
    ("dWxh += np.dot", "dWxh = np.dot", "missing term", "only the first step"),
    (
        "dhraw = (1 - hs[t] * hs[t]) * dh",
        "dhraw = (1 - hs[t]) * dh",
        "wrong derivative",
        "not squared",
    ),
    (
        "dhnext = np.dot(Whh.T, dhraw)",
        "dhnext = np.dot(Whh.T, dh)",
        "missing derivative",
        "tanh's, through time",
    ),
    ("dy[targets[t]] -= 1", "dy[inputs[t]] -= 1", "labels", "inputs for targets"),
    ("dby += dy", "dby = dy", "missing term", "only the first step, in the output's bias"),
]
