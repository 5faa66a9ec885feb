# Attention; the scale is missing on the way back.
import numpy as np

from tinygrad_edu import check_manual

rng = np.random.default_rng(7)
Q, K, V = rng.normal(size=(5, 4)), rng.normal(size=(6, 4)), rng.normal(size=(6, 3))


def softmax(z):
    e = np.exp(z)
    return e / np.sum(e, axis=1, keepdims=True)


def attention(Q, K, V):
    return softmax(Q @ K.T / np.sqrt(4)) @ V


def backward(dout, Q, K, V):
    d = Q.shape[1]
    A = softmax(Q @ K.T / np.sqrt(d))
    dV = A.T @ dout
    dA = dout @ V.T
    dS = A * (dA - np.sum(dA * A, axis=1, keepdims=True))
    dQ = dS @ K
    dK = dS.T @ Q
    return dQ, dK, dV


print(check_manual(attention, backward, Q, K, V))
