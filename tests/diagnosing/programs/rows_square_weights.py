"""Three square layers on rows, sigmoid and tanh, so that transposes fit; summed squares."""

import numpy as np

rng = np.random.default_rng(6)
d = 4
X = rng.normal(size=(d, d))
Y = rng.normal(size=(d, d))


def sig(z):
    return 1 / (1 + np.exp(-z))


def model(A, B, C):
    return np.sum((np.tanh(sig(X @ A) @ B) @ C - Y) ** 2)


def model_gradients(A, B, C):
    u = X @ A
    s = sig(u)
    v = s @ B
    t = np.tanh(v)
    e = t @ C - Y
    g_out = 2 * e
    g_C = t.T @ g_out
    g_t = g_out @ C.T
    g_v = g_t * (1 - t**2)
    g_B = s.T @ g_v
    g_s = g_v @ B.T
    g_u = g_s * s * (1 - s)
    g_A = X.T @ g_u
    return g_A, g_B, g_C


POINT = tuple(rng.normal(size=(d, d)) for _ in range(3))
F, BY_HAND = model, model_gradients

SLIPS = [
    ("g_t = g_out @ C.T", "g_t = g_out @ C", "transposed", "C in place of its transpose"),
    ("g_B = s.T @ g_v", "g_B = g_v.T @ s", "transposed", "the gradient of B is transposed"),
    ("g_s = g_v @ B.T", "g_s = g_v @ C.T", "wrong operand", "another layer's weights"),
    ("g_C = t.T @ g_out", "g_C = v.T @ g_out", "wrong operand", "v in place of t"),
    ("g_u = g_s * s * (1 - s)", "g_u = g_s * u * (1 - u)", "wrong derivative", "at the input"),
    ("(1 - t**2)", "(1 - t) ** 2", "wrong derivative", "a misplaced bracket"),
    ("g_A = X.T @ g_u", "g_A = X @ g_u", "transposed", "X in place of its transpose"),
    ("g_s = g_v @ B.T", "g_s = B.T @ g_v", "transposed", "the order of the product"),
]
