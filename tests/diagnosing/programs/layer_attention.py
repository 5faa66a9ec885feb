"""Attention with one head: queries, keys and values of a sequence, scaled, a causal mask."""

import numpy as np

rng = np.random.default_rng(63)
T, D, d_k, d_v = 5, 4, 3, 2
mask = np.triu(np.ones((T, T)), 1) * -1e9


def attention(x, Wq, Wk, Wv):
    scores = (x @ Wq) @ (x @ Wk).T / np.sqrt(d_k) + mask
    e = np.exp(scores - np.max(scores, axis=-1, keepdims=True))
    weights = e / np.sum(e, axis=-1, keepdims=True)
    return weights @ (x @ Wv)


def attention_backward(d_out, x, Wq, Wk, Wv):
    Q, K, V = x @ Wq, x @ Wk, x @ Wv
    scores = Q @ K.T / np.sqrt(d_k) + mask
    P = np.exp(scores - scores.max(axis=-1, keepdims=True))
    P = P / P.sum(axis=-1, keepdims=True)

    dV = P.T @ d_out
    dP = d_out @ V.T
    dS = P * (dP - np.sum(dP * P, axis=-1, keepdims=True))
    dS = dS / np.sqrt(d_k)
    dQ = dS @ K
    dK = dS.T @ Q
    dWq, dWk, dWv = x.T @ dQ, x.T @ dK, x.T @ dV
    dx = dQ @ Wq.T + dK @ Wk.T + dV @ Wv.T
    return dx, dWq, dWk, dWv


POINT = (
    rng.normal(size=(T, D)),
    rng.normal(size=(D, d_k)),
    rng.normal(size=(D, d_k)),
    rng.normal(size=(D, d_v)),
)
F, BY_HAND = attention, attention_backward

SLIPS = [
    ("    dS = dS / np.sqrt(d_k)\n", "    \n", "missing factor", "the scale"),
    ("dK = dS.T @ Q", "dK = dS @ Q", "transposed", "dS is not transposed"),
    ("dV = P.T @ d_out", "dV = P @ d_out", "transposed", "the weights are not transposed"),
    (
        "(dP - np.sum(dP * P, axis=-1, keepdims=True))",
        "dP * (1 - P)",
        "wrong derivative",
        "only softmax's diagonal",
    ),
    (
        "np.sum(dP * P, axis=-1, keepdims=True)",
        "np.sum(dP * P, axis=0, keepdims=True)",
        "wrong axis",
        "softmax over the queries",
    ),
    (
        "dQ @ Wq.T + dK @ Wk.T + dV @ Wv.T",
        "dQ @ Wq.T + dK @ Wk.T",
        "missing term",
        "the values' part of dx",
    ),
    ("dQ = dS @ K", "dQ = dS @ Q", "wrong operand", "the queries for the keys"),
    ("dS = dS / np.sqrt(d_k)", "dS = dS / d_k", "constant", "the root is forgotten"),
]
