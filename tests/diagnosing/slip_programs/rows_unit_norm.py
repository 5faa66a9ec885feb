"""Rows of length one, each divided by its norm."""

import numpy as np

rng = np.random.default_rng(76)


def F(x):
    return x / np.sqrt(np.sum(x**2, axis=1, keepdims=True))


def BY_HAND(g, x):
    norm = np.sqrt(np.sum(x**2, axis=1, keepdims=True))
    unit = x / norm
    along = np.sum(g * unit, axis=1, keepdims=True)
    dx = (g - unit * along) / norm
    return [dx]


POINT = (rng.normal(size=(5, 3)),)
