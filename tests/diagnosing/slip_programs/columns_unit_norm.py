"""Columns of length one, each divided by its norm."""

import numpy as np

rng = np.random.default_rng(77)


def F(x):
    return x / np.sqrt(np.sum(x * x, axis=0))


def BY_HAND(g, x):
    norm = np.sqrt(np.sum(x * x, axis=0))
    dx = g / norm - x * np.sum(g * x, axis=0) / norm**3
    return [dx]


POINT = (rng.normal(size=(3, 5)),)
