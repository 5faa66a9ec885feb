"""Layers as classes with forward and backward: affine, relu, affine, sigmoid, binary loss."""

import numpy as np

rng = np.random.default_rng(4)
X = rng.normal(size=(6, 3))
T = (rng.random((6, 2)) > 0.4).astype(float)


def network(W1, b1, W2, b2):
    hidden = np.maximum(X @ W1 + b1, 0)
    p = 1 / (1 + np.exp(-(hidden @ W2 + b2)))
    return -np.sum(T * np.log(p) + (1 - T) * np.log(1 - p)) / X.shape[0]


class Affine:
    def __init__(self, W, b):
        self.W, self.b = W, b

    def forward(self, x):
        self.x = x
        return np.dot(x, self.W) + self.b

    def backward(self, dout):
        self.dW = np.dot(self.x.T, dout)
        self.db = np.sum(dout, axis=0)
        return np.dot(dout, self.W.T)


class Relu:
    def forward(self, x):
        self.mask = x <= 0
        out = x.copy()
        out[self.mask] = 0
        return out

    def backward(self, dout):
        dout = dout.copy()
        dout[self.mask] = 0
        return dout


class Sigmoid:
    def forward(self, x):
        self.out = 1 / (1 + np.exp(-x))
        return self.out

    def backward(self, dout):
        return dout * (1.0 - self.out) * self.out


class BinaryCrossEntropy:
    def forward(self, p, t):
        self.p, self.t = p, t
        return -np.sum(t * np.log(p) + (1 - t) * np.log(1 - p)) / len(p)

    def backward(self):
        return (-self.t / self.p + (1 - self.t) / (1 - self.p)) / len(self.p)


def by_layers(W1, b1, W2, b2):
    layers = [Affine(W1, b1), Relu(), Affine(W2, b2), Sigmoid()]
    criterion = BinaryCrossEntropy()
    out = X
    for layer in layers:
        out = layer.forward(out)
    criterion.forward(out, T)
    dout = criterion.backward()
    for layer in reversed(layers):
        dout = layer.backward(dout)
    return layers[0].dW, layers[0].db, layers[2].dW, layers[2].db


POINT = (
    rng.normal(size=(3, 5)),
    rng.normal(size=5),
    rng.normal(size=(5, 2)),
    rng.normal(size=2),
)
F, BY_HAND = network, by_layers

SLIPS = [
    (
        "dout * (1.0 - self.out) * self.out",
        "dout * (1.0 - self.out)",
        "missing factor",
        "of s(1 - s)",
    ),
    ("dout * (1.0 - self.out) * self.out", "(1.0 - self.out) * self.out", "missing factor", "dout"),
    ("        dout[self.mask] = 0\n", "        \n", "missing derivative", "the mask of relu"),
    ("+ (1 - self.t) / (1 - self.p)", "- (1 - self.t) / (1 - self.p)", "sign", "in the loss"),
    ("self.db = np.sum(dout, axis=0)", "self.db = np.mean(dout, axis=0)", "averaged", "the bias"),
    (
        "np.dot(self.x.T, dout)",
        "np.dot(self.x.T, dout) / len(dout)",
        "extra factor",
        "averaged again",
    ),
    ("(1 - self.p)) / len(self.p)", "(1 - self.p))", "factor", "not averaged"),
    ("self.mask = x <= 0", "self.mask = x <= 1", "constant", "the threshold of relu"),
]
