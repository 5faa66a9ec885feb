"""One minus the cosine of pairs of rows, weighted by an upstream gradient."""

import numpy as np

rng = np.random.default_rng(64)


def F(u, v):
    dots = np.sum(u * v, axis=1)
    return 1 - dots / (np.sqrt(np.sum(u**2, axis=1)) * np.sqrt(np.sum(v**2, axis=1)))


def norms(a):
    return np.linalg.norm(a, axis=1)[:, None]


def cosine(u, v):
    return np.sum(u * v, axis=1)[:, None] / (norms(u) * norms(v))


def BY_HAND(g, u, v):
    c = cosine(u, v)
    nu, nv = norms(u), norms(v)
    dc = -g[:, None]
    du = dc * (v / (nu * nv) - c * u / nu**2)
    dv = dc * (u / (nu * nv) - c * v / nv**2)
    return du, dv


POINT = (rng.normal(size=(5, 3)), rng.normal(size=(5, 3)))

SLIPS = [
    ("dc = -g[:, None]", "dc = g[:, None]", "sign", "one minus the cosine"),
    (
        "(v / (nu * nv) - c * u / nu**2)",
        "(v / (nu * nv))",
        "missing term",
        "the norm is a constant",
    ),
    ("c * u / nu**2", "c * u / nu", "constant", "the exponent of the norm"),
    ("c * v / nv**2", "c * u / nv**2", "wrong operand", "u for v"),
    ("- c * v / nv**2", "+ c * v / nv**2", "sign", "the second term"),
    ("c * u / nu**2", "c * u / nv**2", "wrong operand", "the other norm"),
    ("dc = -g[:, None]", "dc = -1", "missing factor", "the upstream gradient"),
]
