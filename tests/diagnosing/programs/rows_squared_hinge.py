"""Two classes labelled -1 and 1, a hidden layer of tanh, squared hinge and an L2 penalty."""

import numpy as np

rng = np.random.default_rng(31)
n = 9
X = rng.normal(size=(n, 3))
y = np.where(rng.random(n) > 0.5, 1.0, -1.0)
C = 2.0


def squared_hinge(W, b, v, c):
    f = np.tanh(X @ W + b) @ v + c
    margin = np.maximum(0, 1 - y * f)
    return C * np.mean(margin**2) + 0.5 * (np.sum(W**2) + np.sum(v**2))


def derivative(W, b, v, c):
    H = np.tanh(X @ W + b)
    f = H @ v + c
    margin = np.maximum(0, 1 - y * f)
    df = -2 * C * margin * y / n
    dv = H.T @ df + v
    dc = df.sum()
    dH = np.outer(df, v)
    dZ = dH * (1 - H**2)
    dW = X.T @ dZ + W
    db = dZ.sum(axis=0)
    return dW, db, dv, dc


POINT = (rng.normal(size=(3, 4)), rng.normal(size=4), rng.normal(size=4), np.array(0.3))
F, BY_HAND = squared_hinge, derivative

SLIPS = [
    ("df = -2 * C * margin * y / n", "df = -2 * C * margin / n", "missing factor", "the labels"),
    (
        "df = -2 * C * margin * y / n",
        "df = -2 * C * (margin > 0) * y / n",
        "other",
        "the plain hinge's",
    ),
    ("df = -2 * C", "df = -2", "missing factor", "C"),
    ("df = -2 * C", "df = 2 * C", "sign", "the sign of the inner derivative"),
    ("dv = H.T @ df + v", "dv = H.T @ df", "missing term", "the penalty on v"),
    ("X.T @ dZ + W", "X.T @ dZ + 0.5 * W", "factor", "the penalty on W is halved"),
    ("dH * (1 - H**2)", "dH * H * (1 - H)", "wrong derivative", "the sigmoid's"),
    ("dH = np.outer(df, v)", "dH = np.outer(f, v)", "wrong operand", "f in place of df"),
]
