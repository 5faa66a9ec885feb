"""Attention, positions as columns, the parameters are the projections."""

import numpy as np

rng = np.random.default_rng(71)
n, T = 4, 4
X = rng.normal(size=(n, T))
G = rng.normal(size=(n, T))


def F(Wq, Wk, Wv):
    S = (Wk @ X).T @ (Wq @ X) / np.sqrt(n)
    E = np.exp(S)
    A = E / np.sum(E, axis=0, keepdims=True)
    return np.sum(G * (Wv @ X @ A))


def BY_HAND(Wq, Wk, Wv):
    Q, K, V = Wq @ X, Wk @ X, Wv @ X
    E = np.exp(K.T @ Q / np.sqrt(n))
    A = E / np.sum(E, axis=0, keepdims=True)
    dV = G @ A.T
    dA = V.T @ G
    dS = A * (dA - np.sum(dA * A, axis=0, keepdims=True))
    dS = dS / np.sqrt(n)
    dQ = K @ dS
    dK = Q @ dS.T
    return dQ @ X.T, dK @ X.T, dV @ X.T


POINT = tuple(rng.normal(size=(n, n)) for _ in range(3))
