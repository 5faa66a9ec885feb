# Two layers with tanh, samples in columns; the derivative of tanh is missing, and db2 is averaged.
import numpy as np

from tinygrad_edu import check_manual

rng = np.random.default_rng(1)
m = 7
X, Y = rng.normal(size=(4, m)), (rng.random((1, m)) > 0.5) * 1.0
W1, b1 = rng.normal(size=(5, 4)), np.zeros((5, 1))
W2, b2 = rng.normal(size=(1, 5)), np.zeros((1, 1))


def cost(W1, b1, W2, b2):
    A1 = np.tanh(np.dot(W1, X) + b1)
    A2 = 1 / (1 + np.exp(-(np.dot(W2, A1) + b2)))
    return -np.sum(Y * np.log(A2) + (1 - Y) * np.log(1 - A2)) / m


def backward(W1, b1, W2, b2):
    A1 = np.tanh(np.dot(W1, X) + b1)
    A2 = 1 / (1 + np.exp(-(np.dot(W2, A1) + b2)))
    dZ2 = A2 - Y
    dW2 = np.dot(dZ2, A1.T) / m
    db2 = np.mean(dZ2, axis=1, keepdims=True) / m
    dZ1 = np.dot(W2.T, dZ2)
    dW1 = np.dot(dZ1, X.T) / m
    db1 = np.sum(dZ1, axis=1, keepdims=True) / m
    return dW1, db1, dW2, db2


print(check_manual(cost, backward, W1, b1, W2, b2))
