"""A GRU over three steps with biases left out, rows, the last state is the output."""

import numpy as np

rng = np.random.default_rng(62)
steps, batch, n_in, n_h = 3, 4, 3, 2
X = rng.normal(size=(steps, batch, n_in))
start = np.zeros((batch, n_h))


def sigma(v):
    return 1 / (1 + np.exp(-v))


def gru(Wz, Wr, Wc, Uz, Ur, Uc):
    h = start
    for x in X:
        z = sigma(x @ Wz + h @ Uz)
        r = sigma(x @ Wr + h @ Ur)
        c = np.tanh(x @ Wc + (r * h) @ Uc)
        h = (1 - z) * h + z * c
    return h


def gru_backward(dh, Wz, Wr, Wc, Uz, Ur, Uc):
    h, trace = start, []
    for x in X:
        z = sigma(x @ Wz + h @ Uz)
        r = sigma(x @ Wr + h @ Ur)
        c = np.tanh(x @ Wc + (r * h) @ Uc)
        trace.append((x, h, z, r, c))
        h = (1 - z) * h + z * c
    d = dict.fromkeys(["Wz", "Wr", "Wc", "Uz", "Ur", "Uc"], 0)
    for x, h, z, r, c in reversed(trace):
        dz = dh * (c - h) * z * (1 - z)
        dc = dh * z * (1 - c * c)
        drh = dc @ Uc.T
        dr = drh * h * r * (1 - r)
        d["Wz"] = d["Wz"] + x.T @ dz
        d["Wr"] = d["Wr"] + x.T @ dr
        d["Wc"] = d["Wc"] + x.T @ dc
        d["Uz"] = d["Uz"] + h.T @ dz
        d["Ur"] = d["Ur"] + h.T @ dr
        d["Uc"] = d["Uc"] + (r * h).T @ dc
        dh = dh * (1 - z) + drh * r + dz @ Uz.T + dr @ Ur.T
    return d


POINT = tuple(rng.normal(size=(n_in, n_h)) for _ in range(3)) + tuple(
    rng.normal(size=(n_h, n_h)) for _ in range(3)
)
F, BY_HAND = gru, gru_backward

SLIPS = [
    ("dz = dh * (c - h)", "dz = dh * (h - c)", "sign", "the update gate the other way round"),
    ("+ (r * h).T @ dc", "+ h.T @ dc", "missing factor", "the reset gate in dUc"),
    (
        "drh * r + dz @ Uz.T + dr @ Ur.T",
        "drh * r + dz @ Uz.T",
        "missing term",
        "through the reset gate",
    ),
    ("drh * r + dz", "drh + dz", "missing factor", "the reset gate"),
    ("drh = dc @ Uc.T", "drh = dc @ Uc", "transposed", "Uc is not transposed"),
    ("dh = dh * (1 - z) + drh", "dh = dh * z + drh", "wrong operand", "z for 1 - z"),
    ("dc = dh * z * (1 - c * c)", "dc = dh * z * c * (1 - c)", "wrong derivative", "the sigmoid's"),
    ('d["Wc"] = d["Wc"] + x.T @ dc', 'd["Wc"] = x.T @ dc', "missing term", "only the first step"),
]
