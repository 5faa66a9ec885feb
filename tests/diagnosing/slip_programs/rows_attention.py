"""Attention, positions as rows."""

import numpy as np

rng = np.random.default_rng(70)
T, S, d, v = 4, 4, 4, 4  # equal, because transposes fit only then


def softmax(s):
    e = np.exp(s - np.max(s, axis=-1, keepdims=True))
    return e / np.sum(e, axis=-1, keepdims=True)


def F(Q, K, V):
    return softmax(Q @ K.T / np.sqrt(d)) @ V


def BY_HAND(g, Q, K, V):
    P = softmax(Q @ K.T / np.sqrt(d))
    dV = P.T @ g
    dP = g @ V.T
    dS = P * (dP - np.sum(dP * P, axis=-1, keepdims=True))
    dS = dS / np.sqrt(d)
    dQ = dS @ K
    dK = dS.T @ Q
    return dQ, dK, dV


POINT = (rng.normal(size=(T, d)), rng.normal(size=(S, d)), rng.normal(size=(S, v)))
